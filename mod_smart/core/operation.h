/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operation.h: the operations that are known without a rule.
 *
 *   Patient/<id>/$everything       r on Patient and on each type _type names;
 *                                  inspected unless r and s on all types
 *   Patient/$everything            r and s on all types, not restricted
 *   Observation/$lastn             a search
 *   $export Patient/$export        system/ scopes without constraint, r and s
 *   Group/<id>/$export             on each type that is exported; _type is
 *                                  filled in from the grant
 *   ValueSet, CodeSystem           r on the type: $expand (ValueSet), $lookup
 *                                  (CodeSystem), $validate-code; no patient
 *                                  data, so nothing to inspect
 *   $export-poll-status            as if it did not exist
 *
 * A rule replaces what is needed to start one. What may come out of it stays:
 * an export by a rule still holds only types that are covered, an inspected
 * answer is still inspected. Operations that only a rule permits are
 * inspected when restricted, and the instance they are about is read before
 * they are sent; $graphql and $export never are restricted.
 *
 * See SMART App Launch 2.2, which maps no operation; Bulk Data Access.
 */
#ifndef SMART_OPERATION_H
#define SMART_OPERATION_H

#include "core/base.h"
#include "core/decision.h"
#include "core/fhir.h"
#include "core/grant.h"
#include "core/interaction.h"
#include "core/letters.h"
#include "core/part.h"
#include "core/verdict.h"

/** What an operation needs by the built-in mapping. */
smart_need_t smart_operation_needed(const smart_interaction_t *i);

/** Whether only unconstrained system/ scopes start it, rules aside. */
bool smart_operation_system(const smart_interaction_t *i);

/**
 * Judge an operation that a part of a grant covers, or a rule permits it.
 * @param policy borrowed
 * @param grant  all of it: what is inspected may be covered by any scope
 * @param part   that permits
 * @param i      an operation
 * @param p      owns the query of the verdict
 */
smart_verdict_t smart_operation_judge(const smart_policy_t *policy,
                                      const smart_grant_t *grant,
                                      const smart_part_t *part,
                                      const smart_interaction_t *i,
                                      apr_pool_t *p);

#endif
