/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glance.h: whether a resource is covered, from the few of its members that
 * decide it. Parsing all of a resource costs thirty times what proving its
 * syntax does, and most of it has no say: of an Observation under a patient/
 * scope, only subject and performer do.
 *
 * The members that may have a say are those that the paths of inclusion
 * parameters and of the grant's constraints begin with, resourceType, and id
 * where it matters. They are put together as a small JSON text, which
 * coverage.h judges. Texts that were judged before have their verdict
 * remembered: the entries of a search are mostly about one patient.
 *
 * Invariants:
 *   1. Members can only be left out. Coverage is of the kind where more
 *      members cover more, so what is covered here is covered as a whole.
 *   2. A verdict is remembered with all that it came from.
 *
 * Does not: prove JSON (scan.h), know what covers (coverage.h).
 */
#ifndef SMART_GLANCE_H
#define SMART_GLANCE_H

#include "core/base.h"
#include "core/coverage.h"

/** A member of an object, as it stands in the text. */
typedef struct smart_member_t {
    smart_slice_t name;  /* between the quotes, no escapes */
    smart_slice_t value; /* quotes or brackets included */
} smart_member_t;

typedef struct smart_glance_t smart_glance_t;

/**
 * Make one for an answer.
 * @param c borrowed as long as the result is used
 * @param p owns the result
 */
smart_glance_t *smart_glance_make(const smart_coverage_t *c, apr_pool_t *p);

/**
 * Whether a resource is covered.
 * @param letter  SMART_LETTER_R or SMART_LETTER_S; 0: nothing is covered
 * @param type    what its resourceType says; NONE: not covered
 * @param members of the resource, proved
 */
bool smart_glance_covered(smart_glance_t *glance, smart_letters_t letter,
                          smart_type_t type, const smart_member_t *members,
                          int count);

#endif
