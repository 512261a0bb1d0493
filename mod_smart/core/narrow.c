/* SPDX-License-Identifier: Apache-2.0 */
/*
 * narrow.c: scopes that cover a type, summed up into pairs.
 */
#include "core/narrow.h"

#include <stdlib.h>

#include <apr_strings.h>
#include <apr_tables.h>

/* The scopes that cover a type, as far as a query can say it. */
typedef struct sum_t {
    int count;
    const char *patient; /* all are held to it; NULL: not all, or several */
    apr_array_header_t *constraints; /* smart_slice_t, each once; empty: of
                                        a scope that has none */
} sum_t;

static smart_slice_t constraint_of(const smart_grant_t *grant,
                                   const smart_scope_t *scope)
{
    return smart_slice_n(grant->constraints + scope->constraint_start,
                         scope->constraint_len);
}

static void add_constraint(sum_t *sum, smart_slice_t constraint)
{
    int n;

    for (n = 0; n < sum->constraints->nelts; n++) {
        if (smart_slice_equal(APR_ARRAY_IDX(sum->constraints, n, smart_slice_t),
                              constraint)) {
            return;
        }
    }
    if (sum->constraints->nelts <= SMART_NARROW_VALUES) {
        APR_ARRAY_PUSH(sum->constraints, smart_slice_t) = constraint;
    }
}

static void add_scope(sum_t *sum, const smart_grant_t *grant,
                      const smart_part_t *part, const smart_scope_t *scope)
{
    if (sum->count == 0) {
        sum->patient = part->patient;
    }
    if (sum->patient &&
        (!part->patient || strcmp(sum->patient, part->patient) != 0)) {
        sum->patient = NULL;
    }
    sum->count++;
    add_constraint(sum, constraint_of(grant, scope));
}

static bool is_of_part(const smart_scope_t *scope, const smart_part_t *part)
{
    return scope->context == part->context &&
           (scope->constraint_len > 0) == part->constrained;
}

static bool may_search(const smart_scope_t *scope, smart_type_t type)
{
    return (scope->letters & SMART_LETTER_S) &&
           (scope->type == type || scope->type == SMART_TYPE_ANY);
}

static sum_t sum_up(const smart_policy_t *policy, const smart_grant_t *grant,
                    smart_type_t type, apr_pool_t *p)
{
    sum_t sum = {0};
    smart_part_t part;
    int n, s;

    sum.constraints = apr_array_make(p, 2, sizeof(smart_slice_t));
    for (n = 0; n < SMART_PARTS; n++) {
        if (!smart_part_at(grant, policy, n, &part) ||
            part.unusable != SMART_REASON_UNDECIDED) {
            continue;
        }
        for (s = 0; s < grant->scope_count; s++) {
            const smart_scope_t *scope = &grant->scopes[s];
            if (is_of_part(scope, &part) && may_search(scope, type)) {
                add_scope(&sum, grant, &part, scope);
            }
        }
    }
    return sum;
}

/* --- pairs ---------------------------------------------------------------- */

static void push(apr_array_header_t *pairs, const char *name, const char *value)
{
    smart_pair_t *pair = apr_array_push(pairs);

    pair->name = name;
    pair->value = value;
}

static void push_patient(apr_array_header_t *pairs,
                         const smart_policy_t *policy, smart_type_t type,
                         const char *patient)
{
    const char *param =
        smart_compartment_param(&policy->compartment, policy->version, type);

    if (param) {
        push(pairs, param,
             type == SMART_FHIR_PATIENT
                 ? patient
                 : apr_pstrcat(pairs->pool, "Patient/", patient, NULL));
    }
}

static void push_constraint(apr_array_header_t *pairs, smart_slice_t constraint)
{
    smart_pair_t pair;

    while (smart_scope_pair(&constraint, pairs->pool, &pair)) {
        push(pairs, pair.name, pair.value);
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* One pair with all values; nothing when that would not say the same, as when
   one of them has no constraint. */
static void push_joined(apr_array_header_t *pairs,
                        const apr_array_header_t *constraints)
{
    apr_pool_t *p = pairs->pool;
    apr_array_header_t *values =
        apr_array_make(p, constraints->nelts, sizeof(const char *));
    const char *name = NULL;
    smart_pair_t pair;
    int n;

    for (n = 0; n < constraints->nelts; n++) {
        smart_slice_t rest = APR_ARRAY_IDX(constraints, n, smart_slice_t);
        if (!smart_scope_pair(&rest, p, &pair) || rest.len ||
            (name && strcmp(name, pair.name) != 0)) {
            return;
        }
        name = pair.name;
        APR_ARRAY_PUSH(values, const char *) = pair.value;
    }
    qsort(values->elts, (size_t)values->nelts, sizeof(const char *), by_text);
    push(pairs, name, apr_array_pstrcat(p, values, ','));
}

static void push_constraints(apr_array_header_t *pairs, const sum_t *sum)
{
    const int n = sum->constraints->nelts;

    if (n == 1) {
        push_constraint(pairs,
                        APR_ARRAY_IDX(sum->constraints, 0, smart_slice_t));
    }
    if (n > 1 && n <= SMART_NARROW_VALUES) {
        push_joined(pairs, sum->constraints);
    }
}

/* Whether a query says so already, and nothing else with this parameter. */
static bool is_said(const smart_search_t *search, const smart_pair_t *pair)
{
    bool said = false;
    int n;

    for (n = 0; n < search->count; n++) {
        const smart_search_param_t *param = &search->params[n];
        if (!smart_slice_is(param->base, pair->name)) {
            continue;
        }
        if (said || !smart_slice_is(param->name, pair->name) ||
            !smart_slice_is(param->value, pair->value)) {
            return false;
        }
        said = true;
    }
    return said;
}

static smart_narrowing_t appended(const apr_array_header_t *pairs,
                                  const smart_search_t *search, apr_pool_t *p)
{
    smart_narrowing_t out = {0};
    smart_pair_t *left =
        apr_palloc(p, ((apr_size_t)pairs->nelts + 1) * sizeof(smart_pair_t));
    int n;

    for (n = 0; n < pairs->nelts; n++) {
        const smart_pair_t *pair = &APR_ARRAY_IDX(pairs, n, smart_pair_t);
        out.any = true;
        if (!is_said(search, pair)) {
            left[out.count++] = *pair;
        }
    }
    out.pairs = left;
    return out;
}

smart_narrowing_t smart_narrow_search(const smart_policy_t *policy,
                                      const smart_grant_t *grant,
                                      smart_type_t type,
                                      const smart_search_t *search,
                                      apr_pool_t *p)
{
    apr_array_header_t *pairs = apr_array_make(p, 2, sizeof(smart_pair_t));
    sum_t sum = sum_up(policy, grant, type, p);

    if (sum.patient) {
        push_patient(pairs, policy, type, sum.patient);
    }
    push_constraints(pairs, &sum);
    return appended(pairs, search, p);
}

smart_narrowing_t
smart_narrow_match(const smart_policy_t *policy, const smart_grant_t *grant,
                   const smart_part_t *part, int scope, smart_type_t type,
                   const smart_search_t *search, apr_pool_t *p)
{
    apr_array_header_t *pairs = apr_array_make(p, 2, sizeof(smart_pair_t));

    if (part->patient) {
        push_patient(pairs, policy, type, part->patient);
    }
    push_constraint(pairs, constraint_of(grant, &grant->scopes[scope]));
    return appended(pairs, search, p);
}
