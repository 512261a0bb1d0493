/* SPDX-License-Identifier: Apache-2.0 */
/*
 * part.c: what the scopes of a grant hold, part by part.
 */
#include "core/part.h"

/* Rows of part.h. held: the user is a Patient. */
static const struct {
    smart_context_e context;
    bool constrained;
    bool held;
} parts[SMART_PARTS] = {
    {SMART_CONTEXT_SYSTEM, false, false}, {SMART_CONTEXT_USER, false, false},
    {SMART_CONTEXT_SYSTEM, true, false},  {SMART_CONTEXT_USER, true, false},
    {SMART_CONTEXT_USER, false, true},    {SMART_CONTEXT_PATIENT, false, true},
    {SMART_CONTEXT_USER, true, true},     {SMART_CONTEXT_PATIENT, true, true},
};

/* In which order they are tried where the backend holds patients apart. */
static const int order_off[SMART_PARTS] = {0, 1, 4, 5, 2, 3, 6, 7};

/* Whether user/ scopes may be used, and held to which compartment. */
static void use_user(const smart_grant_t *grant, smart_fhir_user_e fhir_user,
                     smart_part_t *part)
{
    bool usable = false;

    switch (grant->user) {
    case SMART_USER_UNUSABLE:
        break;
    case SMART_USER_ABSENT:
        usable = fhir_user == SMART_FHIR_USER_OPTIONAL;
        break;
    case SMART_USER_PATIENT:
        part->patient = grant->user_patient;
        usable = grant->user_patient && *grant->user_patient;
        break;
    case SMART_USER_PRACTITIONER:
        usable = true;
        break;
    }
    part->unusable = usable ? SMART_REASON_UNDECIDED : SMART_REASON_FHIR_USER;
}

static bool is_off(const smart_policy_t *policy)
{
    return policy->compartment.mode == SMART_COMPARTMENT_OFF;
}

int smart_part_nth(const smart_policy_t *policy, int n)
{
    return is_off(policy) ? order_off[n] : n;
}

bool smart_part_at(const smart_grant_t *grant, const smart_policy_t *policy,
                   int n, smart_part_t *ppart)
{
    memset(ppart, 0, sizeof(*ppart));
    if (!(grant->kinds &
          smart_grant_kind(parts[n].context, parts[n].constrained)) ||
        (parts[n].context == SMART_CONTEXT_USER &&
         parts[n].held != (grant->user == SMART_USER_PATIENT))) {
        return false;
    }
    ppart->context = parts[n].context;
    ppart->constrained = parts[n].constrained;
    ppart->restricted =
        parts[n].constrained || (parts[n].held && !is_off(policy));
    if (ppart->context == SMART_CONTEXT_USER) {
        use_user(grant, policy->fhir_user, ppart);
    }
    if (ppart->context == SMART_CONTEXT_PATIENT) {
        ppart->patient = grant->patient;
        if (!grant->patient || !*grant->patient) {
            ppart->unusable = SMART_REASON_NO_PATIENT;
        }
    }
    if (is_off(policy)) {
        ppart->patient = NULL;
    }
    return true;
}

static bool is_of(const smart_scope_t *scope, smart_type_t type)
{
    return scope->type == SMART_TYPE_ANY ||
           (scope->type == type && type != SMART_TYPE_NONE);
}

smart_letters_t smart_part_letters(const smart_grant_t *grant,
                                   smart_context_e context, smart_type_t type)
{
    smart_letters_t letters = 0;
    int n;

    for (n = 0; n < grant->scope_count; n++) {
        const smart_scope_t *scope = &grant->scopes[n];
        if (scope->context == context && !scope->constraint_len &&
            is_of(scope, type)) {
            letters |= scope->letters;
        }
    }
    return letters;
}

static bool has(smart_letters_t letters, smart_letters_t wanted)
{
    return (letters & wanted) == wanted;
}

/* Whether united letters hold a need on each type. */
static bool united(const smart_grant_t *grant, smart_context_e context,
                   const smart_need_t *need)
{
    smart_type_t type = SMART_TYPE_NONE;
    bool any = false;

    if (need->types.all) {
        return has(smart_part_letters(grant, context, SMART_TYPE_ANY),
                   need->letters);
    }
    while ((type = smart_typeset_next(&need->types, type)) != 0) {
        any = true;
        if (!has(smart_part_letters(grant, context, type), need->letters)) {
            return false;
        }
    }
    return any;
}

/* Whether a type is among those needed, and no other is. */
static bool is_only(const smart_typeset_t *types, smart_type_t type)
{
    return !types->all && smart_typeset_next(types, SMART_TYPE_NONE) == type &&
           smart_typeset_next(types, type) == SMART_TYPE_NONE;
}

/* Whether a scope has to do with a need; alone: meets it by itself. */
static bool concerns(const smart_scope_t *scope, const smart_need_t *need,
                     bool alone)
{
    bool letters = alone ? has(scope->letters, need->letters)
                         : (scope->letters & need->letters) != 0;

    switch (need->kind) {
    case SMART_NEED_NEVER:
        return false;
    case SMART_NEED_SCOPE:
        return true;
    case SMART_NEED_SOME:
        return has(scope->letters, need->letters);
    case SMART_NEED_TYPES:
        break;
    }
    if (!letters || scope->type == SMART_TYPE_ANY) {
        return letters;
    }
    return alone ? is_only(&need->types, scope->type)
                 : smart_typeset_lists(&need->types, scope->type);
}

/* A scope on a type that all of the letters are held on, by it and others. */
static int first_of_some(const smart_grant_t *grant, smart_context_e context,
                         smart_letters_t letters)
{
    int n;

    for (n = 0; n < grant->scope_count; n++) {
        const smart_scope_t *scope = &grant->scopes[n];
        if (scope->context == context && !scope->constraint_len &&
            (scope->letters & letters) &&
            has(smart_part_letters(grant, context, scope->type), letters)) {
            return n;
        }
    }
    return -1;
}

static int first_that_concerns(const smart_grant_t *grant,
                               const smart_part_t *part,
                               const smart_need_t *need)
{
    int n;

    for (n = 0; n < grant->scope_count; n++) {
        const smart_scope_t *scope = &grant->scopes[n];
        if (scope->context == part->context &&
            (scope->constraint_len > 0) == part->constrained &&
            concerns(scope, need, part->constrained)) {
            return n;
        }
    }
    return -1;
}

bool smart_part_covers(const smart_grant_t *grant, const smart_part_t *part,
                       const smart_need_t *need, int *pscope)
{
    bool together = !part->constrained;

    *pscope = -1;
    if (!need->letters && need->kind != SMART_NEED_SCOPE) {
        return false;
    }
    if (together && need->kind == SMART_NEED_SOME) {
        *pscope = first_of_some(grant, part->context, need->letters);
    }
    else if (!together || need->kind != SMART_NEED_TYPES ||
             united(grant, part->context, need)) {
        *pscope = first_that_concerns(grant, part, need);
    }
    return *pscope >= 0;
}

bool smart_part_unlimited(const smart_grant_t *grant,
                          const smart_policy_t *policy, smart_letters_t letters)
{
    smart_part_t part;
    int n;

    for (n = 0; n < SMART_PARTS; n++) {
        if (smart_part_at(grant, policy, n, &part) && !part.restricted &&
            part.unusable == SMART_REASON_UNDECIDED &&
            has(smart_part_letters(grant, part.context, SMART_TYPE_ANY),
                letters)) {
            return true;
        }
    }
    return false;
}

bool smart_part_any(const smart_grant_t *grant, const smart_policy_t *policy,
                    const smart_need_t *need)
{
    smart_part_t part;
    int n, scope;

    for (n = 0; n < SMART_PARTS; n++) {
        if (smart_part_at(grant, policy, n, &part) &&
            part.unusable == SMART_REASON_UNDECIDED &&
            smart_part_covers(grant, &part, need, &scope)) {
            return true;
        }
    }
    return false;
}

smart_sees_e smart_part_sees(const smart_grant_t *grant,
                             const smart_policy_t *policy, smart_type_t type,
                             smart_letters_t letter)
{
    const smart_need_t need = smart_need_type(type, letter);
    smart_sees_e sees = SMART_SEES_NOTHING;
    smart_part_t part;
    int n, scope;

    for (n = 0; n < SMART_PARTS; n++) {
        if (smart_part_at(grant, policy, n, &part) &&
            part.unusable == SMART_REASON_UNDECIDED &&
            smart_part_covers(grant, &part, &need, &scope)) {
            if (!part.restricted) {
                return SMART_SEES_ALL;
            }
            sees = SMART_SEES_SOME;
        }
    }
    return sees;
}

smart_context_e smart_part_narrowest(const smart_grant_t *grant)
{
    smart_context_e narrowest = SMART_CONTEXT_SYSTEM;
    int n;

    if (grant->patient && *grant->patient) {
        return SMART_CONTEXT_PATIENT;
    }
    for (n = 0; n < grant->scope_count; n++) {
        if (grant->scopes[n].context == SMART_CONTEXT_PATIENT) {
            return SMART_CONTEXT_PATIENT;
        }
        if (grant->scopes[n].context == SMART_CONTEXT_USER) {
            narrowest = SMART_CONTEXT_USER;
        }
    }
    return narrowest;
}
