/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coverage.h: is a resource covered by a grant? By one scope alone, of a part
 * of the grant (part.h) that is usable:
 *
 *   letter      the scope has it
 *   type        the scope's, or "*"
 *   patient     where the part is held to one: member of the compartment
 *               (member.h) or, to be read, of a type that is shared
 *   constraint  holds (constraint.h)
 *
 * Never covered: what is no object with a resourceType that the version has
 * with an endpoint; OperationOutcome, which says something about a request and
 * is not anybody's; a Bundle by a part that is restricted, for it may hold
 * anything.
 *
 * Invariants:
 *   1. A scope less never covers more; a constraint more neither; the order
 *      of scopes does not matter.
 *   2. To be read: one more element never uncovers, but for resourceType and
 *      id. So a resource may be judged by those members that are named by
 *      paths of the compartment's parameters and of constraints.
 *
 * Does not: judge what a resource contains or refers to.
 */
#ifndef SMART_COVERAGE_H
#define SMART_COVERAGE_H

#include "core/base.h"
#include "core/decision.h"
#include "core/grant.h"
#include "core/json.h"
#include "core/reference.h"

typedef struct smart_coverage_t {
    const smart_policy_t *policy;
    const smart_grant_t *grant;
    smart_bases_t bases; /* version: the policy's */
} smart_coverage_t;

/**
 * The type that a resource says it is.
 * @return SMART_TYPE_NONE: none that the version has with an endpoint
 */
smart_type_t smart_coverage_type(smart_fhir_e v, const smart_json_t *resource);

/**
 * May it be seen?
 * @param letter   SMART_LETTER_R or SMART_LETTER_S, what shows it
 * @param resource any value
 * @param p        scratch
 */
bool smart_coverage_read(const smart_coverage_t *c, smart_letters_t letter,
                         const smart_json_t *resource, apr_pool_t *p);

/**
 * May it be written? By whom it is about alone, whatever the mode; shared
 * types are nobody's to write.
 * @param letter SMART_LETTER_C or SMART_LETTER_U
 */
bool smart_coverage_write(const smart_coverage_t *c, smart_letters_t letter,
                          const smart_json_t *resource, apr_pool_t *p);

/**
 * May what is there now be changed or deleted? As to be written: nobody
 * changes what is about somebody else.
 * @param letter SMART_LETTER_U or SMART_LETTER_D
 */
bool smart_coverage_current(const smart_coverage_t *c, smart_letters_t letter,
                            const smart_json_t *resource, apr_pool_t *p);

#endif
