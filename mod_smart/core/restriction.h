/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restriction.h: what a restricted request may be, and what has to be done
 * for it. A part of a grant is restricted to the compartment of one patient,
 * to a constraint, or to both.
 *
 *   reads             of another Patient: as if it did not exist; all others
 *                     are inspected
 *   search, lastn     narrowed and inspected
 *   Patient/<own>/T   inspected: what the backend takes for its compartment
 *                     need not be ours
 *   writes            have their body judged, and what is there now (of the
 *                     own Patient the URL tells, but for a patch or a
 *                     constraint); the answer is inspected, or dropped when
 *                     the token may not read the type
 *   shared types      are read and searched, never written
 *   types outside     as if there were none; their search and writes are
 *                     refused. A Binary hangs on its securityContext
 *   never             conditional update, patch and delete; system search and
 *                     history; other compartments; X-Provenance; Subscription
 *                     writes, which send to others
 *
 * Parameters of a restricted search are those the tables know for the type
 * and a list of common ones: a backend may ignore what it does not know, and
 * chains and their like tell about resources nobody may read.
 *
 * Does not: look at scopes.
 */
#ifndef SMART_RESTRICTION_H
#define SMART_RESTRICTION_H

#include "core/base.h"
#include "core/decision.h"
#include "core/fhir.h"
#include "core/interaction.h"
#include "core/narrow.h"
#include "core/part.h"
#include "core/verdict.h"

/**
 * Judge a request that a restricted part of a grant covers. Not for
 * operations (operation.h).
 * @param grant all of it: any scope may cover what is found or shown
 * @param part  restricted
 * @param scope index of the scope of the part that permits
 * @param i     what is asked for
 * @param p     owns texts of the verdict
 */
smart_verdict_t smart_restriction_judge(const smart_policy_t *policy,
                                        const smart_grant_t *grant,
                                        const smart_part_t *part, int scope,
                                        const smart_interaction_t *i,
                                        apr_pool_t *p);

/**
 * Judge the parameters of a search of a type, whose answer is inspected.
 * @param extra a parameter besides those of the type; NULL: none
 */
smart_verdict_t smart_restriction_search(const smart_policy_t *policy,
                                         const smart_part_t *part,
                                         smart_type_t type,
                                         const smart_search_t *search,
                                         const char *extra);

/** Whether every name is one of a list that ends with NULL, as it stands. */
bool smart_restriction_only(const smart_search_t *search,
                            const char *const *names);

/**
 * Judge the parameters of a page of an earlier search: it is inspected, and
 * nothing in it may start another search.
 */
smart_verdict_t smart_restriction_page(const smart_search_t *search);

/** A verdict, and what its search is narrowed to. */
smart_verdict_t smart_restriction_narrowed(smart_verdict_t verdict,
                                           const smart_narrowing_t *narrowing);

/**
 * What is owed for the answer of a write, of a restricted token or not.
 * @return SMART_OBLIGE_MINIMAL: the token may not read the type, or the caller
 *         can not inspect; _INSPECT: it may read some of it; _NONE: all of it
 */
unsigned smart_restriction_answer(const smart_policy_t *policy,
                                  const smart_grant_t *grant,
                                  smart_type_t type);

#endif
