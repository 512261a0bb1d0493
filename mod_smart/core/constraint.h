/* SPDX-License-Identifier: Apache-2.0 */
/*
 * constraint.h: the constraint of a scope, held against a resource as a FHIR
 * search would.
 *
 *   ?name=value&name=value      each pair has to hold
 *   value = item *( "," item )  one item is enough
 *
 * What a parameter is about, its path says (fhir.h); one element that matches
 * is enough. Tokens, strings and dates are compared as match_*.h say, an uri
 * byte by byte. A reference matches
 *
 *   id                 a literal reference to this id
 *   Type/id, absolute  a literal reference to this resource
 *   another URL        the same text: a canonical, or another server's
 *
 * Invariants:
 *   1. What is in doubt does not hold: an unknown parameter, a wrong escape,
 *      an empty item, an element of an unexpected shape.
 *   2. A pair more never covers more.
 *   3. One more element never makes what holds not hold.
 */
#ifndef SMART_CONSTRAINT_H
#define SMART_CONSTRAINT_H

#include "core/base.h"
#include "core/fhir.h"
#include "core/json.h"
#include "core/reference.h"

/**
 * Whether a resource can be held against a parameter: it has a path and is a
 * token, reference, string, date or uri; of those that all types have, _id,
 * _tag, _security, _profile and _lastUpdated only.
 * @param type SMART_TYPE_ANY: against one that all types have
 * @param name without modifier or chain
 */
bool smart_constraint_judges(smart_fhir_e v, smart_type_t type,
                             smart_slice_t name);

/**
 * Hold a resource against a constraint.
 * @param b          what references may begin with; .version counts
 * @param type       of the resource
 * @param constraint as it stands in the scope, percent-encoded, without "?"
 * @param resource   any value
 * @param p          scratch
 * @return false also on an empty constraint: that is none
 */
bool smart_constraint_holds(const smart_bases_t *b, smart_type_t type,
                            smart_slice_t constraint,
                            const smart_json_t *resource, apr_pool_t *p);

#endif
