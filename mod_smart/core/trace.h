/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.h: why a scope of a token had nothing to say about a request. For
 * people who ask why they were refused: it is told apart from the decision,
 * and nothing depends on it.
 *
 * A scope that counts need not have permitted: another one may have done so
 * first, or all together were not enough.
 */
#ifndef SMART_TRACE_H
#define SMART_TRACE_H

#include "core/base.h"
#include "core/decision.h"
#include "core/grant.h"
#include "core/interaction.h"
#include "core/rule.h"

typedef enum {
    SMART_IGNORED_UNKNOWN = 0, /* no scope of the grammar */
    SMART_IGNORED_PATIENT,     /* patient/, but there is no usable patient */
    SMART_IGNORED_USER,        /* user/, but not for this fhirUser */
    SMART_IGNORED_INTERACTION, /* no scope permits such a request */
    SMART_IGNORED_RULE,        /* a rule asks for others */
    SMART_IGNORED_SYSTEM,      /* unconstrained system/ scopes only */
    SMART_IGNORED_TYPE,        /* of another type */
    SMART_IGNORED_LETTERS,     /* without the letters */
    SMART_IGNORED_NOT,         /* it counts */
    SMART_IGNORED_COUNT
} smart_ignored_e;

/**
 * Why a scope of a grant is ignored.
 * @param rule that decided, from the decision; NULL: the built-in mapping
 * @param n    index of the scope
 */
smart_ignored_e smart_trace_scope(const smart_policy_t *policy,
                                  const smart_grant_t *grant,
                                  const smart_interaction_t *i,
                                  const smart_rule_t *rule, int n);

/** How many scopes of a grant are ignored. */
int smart_trace_ignored(const smart_policy_t *policy,
                        const smart_grant_t *grant,
                        const smart_interaction_t *i, const smart_rule_t *rule);

/** The reason in words; constant. */
const char *smart_trace_text(smart_ignored_e ignored);

/** Names of obligations, separated by commas; "none". */
const char *smart_trace_obligations(unsigned obligations, apr_pool_t *p);

#endif
