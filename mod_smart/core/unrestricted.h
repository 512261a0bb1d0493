/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unrestricted.h: what a request needs besides its letters when the scopes
 * that permit it are neither constrained nor held to a patient.
 *
 *   chains, _has, ...   s on every type they look at
 *   _include, pages     the answer is inspected: each type in it needs a scope
 *   a form not yet read is read, and the request decided again
 *   batch               the body holds the requests
 *
 * All but the last are lifted by s on all types: there is nothing then that
 * could not be searched, and so nothing to keep back.
 *
 * Does not: judge operations (operation.h).
 */
#ifndef SMART_UNRESTRICTED_H
#define SMART_UNRESTRICTED_H

#include "core/base.h"
#include "core/decision.h"
#include "core/grant.h"
#include "core/interaction.h"
#include "core/part.h"
#include "core/verdict.h"

/**
 * Judge a request that an unrestricted part of a grant covers.
 * @param grant all of it
 * @param part  that permits
 */
smart_verdict_t smart_unrestricted_judge(const smart_policy_t *policy,
                                         const smart_grant_t *grant,
                                         const smart_part_t *part,
                                         const smart_interaction_t *i);

/**
 * Judge parameters of a search.
 * @param type SMART_TYPE_NONE: of all types
 */
smart_verdict_t smart_unrestricted_search(const smart_policy_t *policy,
                                          const smart_grant_t *grant,
                                          const smart_part_t *part,
                                          smart_type_t type,
                                          const smart_search_t *search);

#endif
