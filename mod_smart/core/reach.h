/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach.h: which types a search looks at besides the one it returns. A hit or
 * a miss tells about them, so each needs its own s.
 *
 *   subject:Patient.name         Patient
 *   subject.name                 every type subject may point to
 *   subject:Patient.link:RelatedPerson.name    both
 *   _has:Observation:patient:code              Observation
 *   _has:A:x:_has:B:y:z          A and B
 *   _sort=-subject:Patient.name  Patient
 *   _filter                      all types: it may hold chains of its own
 *
 * Invariants:
 *   1. A hop that can not be followed in the tables reaches all types:
 *      unknown parameter, one that is no reference, one that may point
 *      anywhere, a modifier that is no type, too many hops.
 *   2. Names are compared without case where a match makes more needed.
 *   3. Work grows with the length of the names: hops are followed as sets of
 *      types, not as paths.
 *
 * Does not: judge names that reach nothing (see restriction.h).
 * See FHIR R4 search.html, chained parameters, reverse chaining.
 */
#ifndef SMART_REACH_H
#define SMART_REACH_H

#include "core/base.h"
#include "core/fhir.h"
#include "core/search.h"
#include "core/typeset.h"

#define SMART_REACH_HOPS 8 /* of one name; real ones have one or two */

typedef struct smart_reach_t {
    smart_typeset_t types; /* looked at by chains, _has, _sort, _filter */
    bool includes; /* _include, _revinclude, _contained, _query, _graph: other
                      types are returned */
} smart_reach_t;

/**
 * @param v      FHIR version
 * @param type   type that is searched; SMART_TYPE_NONE: system level, where
 *               no hop can be followed
 * @param search parameters; borrowed
 */
smart_reach_t smart_reach_search(smart_fhir_e v, smart_type_t type,
                                 const smart_search_t *search);

/**
 * Whether a query asks for a page of some search, in whatever case: some
 * servers answer with it below every path.
 */
bool smart_reach_paged(const smart_search_t *search);

/** Whether two names are the same but for case (ASCII). */
bool smart_reach_same(smart_slice_t name, const char *lower);

#endif
