/* SPDX-License-Identifier: Apache-2.0 */
/*
 * narrow.h: what is appended to a restricted search, so that a backend looks
 * for little more than what may be shown.
 *
 *   compartment   patient=Patient/<id>, subject=..., Patient: _id=<id>, where
 *                 every scope that covers the type is held to this patient
 *   constraints   where all scopes that cover the type are constrained: of a
 *                 single one its pairs; of several with one pair each, on the
 *                 same parameter, one pair with all values
 *
 * What of this forms no query is left out: the answer is inspected, narrowing
 * only keeps it small. Not so for If-None-Exist, whose matches nobody sees
 * before they have an effect: it is narrowed to the very scope that permits.
 *
 * Appended, never merged: what a client says besides is ANDed by the backend,
 * and so can not widen anything. A pair is left out only where the parameter
 * occurs once, without a modifier, and has exactly this value.
 *
 * References have their type, "Patient/<id>": servers that take a bare id take
 * this as well, and for a parameter with several target types nothing else is
 * safe.
 *
 * Invariant: what a covering scope covers is found by the narrowed search, up
 * to the choice of one compartment parameter (core/compartment.h).
 */
#ifndef SMART_NARROW_H
#define SMART_NARROW_H

#include "core/base.h"
#include "core/decision.h"
#include "core/grant.h"
#include "core/part.h"
#include "core/search.h"

#define SMART_NARROW_VALUES 32 /* of one parameter; with more it is left out */

typedef struct smart_narrowing_t {
    bool any; /* there is something to narrow to, be it there already */
    const smart_pair_t *pairs; /* to be appended */
    int count;
} smart_narrowing_t;

/**
 * Narrow a search to what a grant covers.
 * @param grant  all of it: any scope may cover what is found
 * @param type   that is searched
 * @param search what the client said
 * @param p      owns the pairs
 */
smart_narrowing_t smart_narrow_search(const smart_policy_t *policy,
                                      const smart_grant_t *grant,
                                      smart_type_t type,
                                      const smart_search_t *search,
                                      apr_pool_t *p);

/**
 * Narrow If-None-Exist to what one scope covers.
 * @param part   that permits
 * @param scope  index of its scope
 * @param type   that is created
 * @param search what the client said
 * @param p      owns the pairs
 */
smart_narrowing_t
smart_narrow_match(const smart_policy_t *policy, const smart_grant_t *grant,
                   const smart_part_t *part, int scope, smart_type_t type,
                   const smart_search_t *search, apr_pool_t *p);

#endif
