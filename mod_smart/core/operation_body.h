/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operation_body.h: an operation that is called with a body.
 *
 * A body of Parameters is read as what the URL would have said: each parameter
 * is a name and a primitive value. The decision is then made once more on both together, so that a
 * body permits nothing that a URL would not.
 *
 *   {"resourceType":"Parameters","parameter":[
 *     {"name":"_type","valueString":"Patient"}]}       _type=Patient
 *
 * An export that names no type gets a parameter _type in its body, as it gets
 * one in its URL (operation.h).
 *
 * Invariants:
 *   1. What is no parameter of this form (a resource, parts, an extension, a
 *      Reference, another member) is refused: nobody judged it.
 *   2. What the decision on both together still owes, the caller owes.
 *
 * See FHIR R4 operations.html; Bulk Data Access 2, kick-off by POST.
 */
#ifndef SMART_OPERATION_BODY_H
#define SMART_OPERATION_BODY_H

#include "core/base.h"
#include "core/decision.h"
#include "core/grant.h"
#include "core/interaction.h"
#include "core/json.h"

/**
 * Decide an operation whose body has been read.
 * @param grant as for smart_decide
 * @param i     an operation that owes SMART_OBLIGE_BODY
 * @param body  borrowed; the decision may point into it
 * @param p     owns what is made
 * @param pnew  out: body to be sent instead; NULL: as it came
 * @return the decision that takes the place of the one by the URL alone: it
 *         owes no BODY; a deny for BODY when the body is not of the form
 */
smart_decision_t smart_operation_body(const smart_policy_t *policy,
                                      const smart_grant_t *grant,
                                      const smart_interaction_t *i,
                                      const smart_json_t *body, apr_pool_t *p,
                                      const smart_json_t **pnew);

#endif
