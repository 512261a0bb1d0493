/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.c: the scopes once more, one by one.
 */
#include "core/trace.h"

#include <apr_strings.h>
#include <apr_tables.h>

#include "core/letters.h"
#include "core/operation.h"
#include "core/part.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const char *const texts[] = {
    [SMART_IGNORED_UNKNOWN] = "no SMART scope",
    [SMART_IGNORED_PATIENT] = "there is no usable patient",
    [SMART_IGNORED_USER] = "not for this fhirUser",
    [SMART_IGNORED_INTERACTION] = "no scope permits such a request",
    [SMART_IGNORED_RULE] = "a rule asks for others",
    [SMART_IGNORED_SYSTEM] = "only unconstrained system/ scopes count",
    [SMART_IGNORED_TYPE] = "of another type",
    [SMART_IGNORED_LETTERS] = "without the letters",
    [SMART_IGNORED_NOT] = "it counts",
};
_Static_assert(COUNT(texts) == SMART_IGNORED_COUNT, "each has a text");

const char *smart_trace_text(smart_ignored_e ignored)
{
    return (apr_size_t)ignored < COUNT(texts) ? texts[ignored] : texts[0];
}

static const struct {
    smart_oblige_e bit;
    const char *name;
} obligations[] = {
    {SMART_OBLIGE_FORM, "form"},       {SMART_OBLIGE_NARROW, "narrow"},
    {SMART_OBLIGE_INSPECT, "inspect"}, {SMART_OBLIGE_BODY, "body"},
    {SMART_OBLIGE_PREREAD, "preread"}, {SMART_OBLIGE_MINIMAL, "minimal"},
    {SMART_OBLIGE_CONTEXT, "context"},
};

const char *smart_trace_obligations(unsigned owed, apr_pool_t *p)
{
    apr_array_header_t *names = apr_array_make(p, 4, sizeof(const char *));
    apr_size_t n;

    for (n = 0; n < COUNT(obligations); n++) {
        if (owed & obligations[n].bit) {
            APR_ARRAY_PUSH(names, const char *) = obligations[n].name;
        }
    }
    return names->nelts ? apr_array_pstrcat(p, names, ',') : "none";
}

/* --- scopes -------------------------------------------------------------- */

/* Whether the scopes of a context may be used, constrained or not. */
static smart_ignored_e usable(const smart_policy_t *policy,
                              const smart_grant_t *grant,
                              const smart_scope_t *scope)
{
    smart_part_t part;
    int n;

    for (n = 0; n < SMART_PARTS; n++) {
        if (smart_part_at(grant, policy, n, &part) &&
            part.context == scope->context) {
            if (part.unusable == SMART_REASON_UNDECIDED) {
                return SMART_IGNORED_NOT;
            }
            return part.unusable == SMART_REASON_NO_PATIENT
                       ? SMART_IGNORED_PATIENT
                       : SMART_IGNORED_USER;
        }
    }
    return SMART_IGNORED_UNKNOWN;
}

static bool is_of(const smart_scope_t *scope, smart_type_t type)
{
    return scope->type == SMART_TYPE_ANY || scope->type == type;
}

static smart_ignored_e by_rule(const smart_scope_t *scope,
                               const smart_interaction_t *i,
                               const smart_rule_t *rule)
{
    int n;

    for (n = 0; n < rule->scope_count; n++) {
        const smart_scope_t *wanted = &rule->scopes[n];
        if (wanted->context == scope->context &&
            (wanted->letters & scope->letters) &&
            is_of(scope,
                  wanted->type == SMART_TYPE_ANY ? i->type : wanted->type)) {
            return SMART_IGNORED_NOT;
        }
    }
    return SMART_IGNORED_RULE;
}

static bool is_of_types(const smart_scope_t *scope, const smart_need_t *need)
{
    return scope->type == SMART_TYPE_ANY ||
           smart_typeset_lists(&need->types, scope->type);
}

/* Letters of constrained scopes are not pooled. */
static bool has_letters(const smart_scope_t *scope, smart_letters_t letters)
{
    return scope->constraint_len > 0 ? (scope->letters & letters) == letters
                                     : (scope->letters & letters) != 0;
}

static smart_ignored_e by_need(const smart_scope_t *scope,
                               const smart_need_t *need)
{
    switch (need->kind) {
    case SMART_NEED_NEVER:
        return SMART_IGNORED_INTERACTION;
    case SMART_NEED_SCOPE:
        return SMART_IGNORED_NOT;
    case SMART_NEED_TYPES:
        if (!is_of_types(scope, need)) {
            return SMART_IGNORED_TYPE;
        }
        break;
    case SMART_NEED_SOME:
        break;
    }
    return has_letters(scope, need->letters) ? SMART_IGNORED_NOT
                                             : SMART_IGNORED_LETTERS;
}

smart_ignored_e smart_trace_scope(const smart_policy_t *policy,
                                  const smart_grant_t *grant,
                                  const smart_interaction_t *i,
                                  const smart_rule_t *rule, int n)
{
    const smart_scope_t *scope = &grant->scopes[n];
    smart_ignored_e ignored = usable(policy, grant, scope);
    smart_need_t need;

    if (ignored != SMART_IGNORED_NOT) {
        return ignored;
    }
    if (rule) {
        return by_rule(scope, i, rule);
    }
    if (smart_operation_system(i) &&
        (scope->context != SMART_CONTEXT_SYSTEM || scope->constraint_len > 0)) {
        return SMART_IGNORED_SYSTEM;
    }
    need = smart_letters_needed(policy->version, i);
    return by_need(scope, &need);
}

int smart_trace_ignored(const smart_policy_t *policy,
                        const smart_grant_t *grant,
                        const smart_interaction_t *i, const smart_rule_t *rule)
{
    int n, ignored = 0;

    for (n = 0; n < grant->scope_count; n++) {
        ignored +=
            smart_trace_scope(policy, grant, i, rule, n) != SMART_IGNORED_NOT;
    }
    return ignored;
}
