/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decision.c: public, rule or table; then part by part of the grant, until
 * one permits.
 */
#include "core/decision.h"

#include "core/letters.h"
#include "core/operation.h"
#include "core/part.h"
#include "core/reach.h"
#include "core/restriction.h"
#include "core/unrestricted.h"
#include "core/verdict.h"

#define LETTERS_ALL                                                            \
    ((smart_letters_t)(SMART_LETTER_C | SMART_LETTER_R | SMART_LETTER_U |      \
                       SMART_LETTER_D | SMART_LETTER_S))

/* What is decided, and by what. */
typedef struct smart_case_t {
    const smart_policy_t *policy;
    const smart_grant_t *grant;
    const smart_interaction_t *i;
    const smart_rule_t *rule; /* of kind SCOPES; NULL: the table decides */
    smart_need_t need;        /* of the table; not looked at with a rule */
    apr_pool_t *p;
} smart_case_t;

static bool is_known(const smart_interaction_t *i)
{
    return i->kind > SMART_INTERACTION_UNKNOWN &&
           i->kind < SMART_INTERACTION_COUNT;
}

/* Interactions that show resources. */
#define SHOWING                                                                \
    (KIND(READ) | KIND(VREAD) | KIND(HISTORY_INSTANCE) | KIND(HISTORY_TYPE) |  \
     KIND(HISTORY_SYSTEM) | KIND(SEARCH_TYPE) | KIND(SEARCH_SYSTEM) |          \
     KIND(SEARCH_COMPARTMENT) | KIND(PAGE))
#define KIND(name) ((apr_uint32_t)1 << SMART_INTERACTION_##name)

/* Whether a rule opens searches of all types, and none before it takes some
   of them out: nothing that is shown is beyond it. */
static bool opens_all(const smart_policy_t *policy, int nth)
{
    const smart_rule_t *rule = policy->rules[nth];
    int n;

    for (n = 0; n < nth; n++) {
        if (policy->rules[n]->kinds & SHOWING) {
            return false;
        }
    }
    return rule->any_type &&
           (rule->kinds & (KIND(SEARCH_TYPE) | KIND(SEARCH_SYSTEM)));
}

/* Whether resources of any type are meant, though no type is named. */
static bool is_about_all(const smart_interaction_t *i)
{
    return i->type == SMART_TYPE_NONE && is_known(i) &&
           ((KIND(DELETE) | SHOWING) >> i->kind & 1);
}

static bool reaches(const smart_policy_t *policy, smart_type_t type,
                    const smart_search_t *search)
{
    const smart_reach_t reach =
        smart_reach_search(policy->version, type, search);

    return reach.includes || !smart_typeset_empty(&reach.types) ||
           smart_reach_paged(search);
}

/* Whether what is asked for shows, and tells of, nothing but what it names:
   a public answer is looked at by nobody. A form is not known yet. Entries of
   a batch are decided one by one. */
static bool keeps_to_itself(const smart_policy_t *policy,
                            const smart_interaction_t *i)
{
    return !i->form && !is_about_all(i) &&
           !reaches(policy, i->type, &i->search) &&
           !reaches(policy, i->type, &i->if_none_exist);
}

static bool applies(const smart_policy_t *policy, int nth,
                    const smart_interaction_t *i)
{
    const smart_rule_t *rule = policy->rules[nth];

    return smart_rule_matches(rule, i) &&
           (rule->requirement != SMART_RULE_PUBLIC || opens_all(policy, nth) ||
            keeps_to_itself(policy, i));
}

static const smart_rule_t *rule_for(const smart_policy_t *policy,
                                    const smart_interaction_t *i)
{
    int n;

    for (n = 0; is_known(i) && n < policy->rule_count; n++) {
        if (applies(policy, n, i)) {
            return policy->rules[n];
        }
    }
    return NULL;
}

static bool is_public(const smart_policy_t *policy, const smart_rule_t *rule,
                      const smart_interaction_t *i)
{
    if (rule) {
        return rule->requirement == SMART_RULE_PUBLIC;
    }
    return (i->kind == SMART_INTERACTION_CAPABILITIES ||
            (i->kind == SMART_INTERACTION_DISCOVERY &&
             policy->discovery_public)) &&
           !i->body && !smart_reach_paged(&i->search);
}

bool smart_decision_public(const smart_policy_t *policy,
                           const smart_interaction_t *i)
{
    return is_public(policy, rule_for(policy, i), i);
}

/* --- does a part cover it ------------------------------------------------ */

/* The type a scope of a rule is about: "*" is the requested one. */
static smart_type_t rule_type(const smart_scope_t *scope,
                              const smart_interaction_t *i)
{
    if (scope->type != SMART_TYPE_ANY) {
        return scope->type;
    }
    return i->type != SMART_TYPE_NONE ? i->type : SMART_TYPE_ANY;
}

static bool rule_covers(const smart_case_t *c, const smart_part_t *part,
                        int *pscope)
{
    int n;

    for (n = 0; n < c->rule->scope_count; n++) {
        const smart_scope_t *scope = &c->rule->scopes[n];
        smart_need_t need =
            smart_need_type(rule_type(scope, c->i), scope->letters);
        if (scope->context == part->context &&
            smart_part_covers(c->grant, part, &need, pscope)) {
            return true;
        }
    }
    return false;
}

static bool covers(const smart_case_t *c, const smart_part_t *part, int *pscope)
{
    if (c->rule) {
        return rule_covers(c, part, pscope);
    }
    return (!smart_operation_system(c->i) ||
            (part->context == SMART_CONTEXT_SYSTEM && !part->constrained)) &&
           smart_part_covers(c->grant, part, &c->need, pscope);
}

/* --- judge one part ------------------------------------------------------ */

/* One more resource is made, whatever the request itself does. */
static smart_verdict_t judge_provenance(const smart_case_t *c,
                                        const smart_part_t *part)
{
    smart_letters_t letters;

    if (part->restricted) {
        return smart_verdict_not(SMART_REASON_CONSTRUCT);
    }
    letters =
        smart_part_letters(c->grant, part->context, SMART_FHIR_PROVENANCE);
    return (letters & SMART_LETTER_C)
               ? smart_verdict_may(SMART_OBLIGE_NONE)
               : smart_verdict_lacks(SMART_FHIR_PROVENANCE, SMART_LETTER_C);
}

static smart_verdict_t judge_kind(const smart_case_t *c,
                                  const smart_part_t *part, int scope)
{
    if (c->i->kind == SMART_INTERACTION_OPERATION) {
        return smart_operation_judge(c->policy, c->grant, part, c->i, c->p);
    }
    return part->restricted
               ? smart_restriction_judge(c->policy, c->grant, part, scope, c->i,
                                         c->p)
               : smart_unrestricted_judge(c->policy, c->grant, part, c->i);
}

static bool is_counted(const smart_search_t *search)
{
    int n;

    for (n = 0; n < search->count; n++) {
        if (smart_reach_same(search->params[n].base, "_summary") &&
            smart_reach_same(search->params[n].value, "count")) {
            return true;
        }
    }
    return false;
}

/* An answer that comes later, from another place, is seen by nobody here. */
static bool is_out_of_sight(const smart_case_t *c, const smart_part_t *part,
                            unsigned obligations)
{
    bool bundle = c->i->kind == SMART_INTERACTION_BATCH ||
                  c->i->kind == SMART_INTERACTION_TRANSACTION;

    return part->restricted ||
           (obligations & (SMART_OBLIGE_INSPECT | SMART_OBLIGE_MINIMAL)) ||
           (bundle && !smart_part_unlimited(c->grant, c->policy, LETTERS_ALL));
}

/* What may be, held against what can be done for it. */
static smart_verdict_t judge_obligations(const smart_case_t *c,
                                         const smart_part_t *part,
                                         smart_verdict_t verdict)
{
    if (c->i->async && is_out_of_sight(c, part, verdict.obligations)) {
        return smart_verdict_not(SMART_REASON_ASYNC);
    }
    if ((verdict.obligations & SMART_OBLIGE_INSPECT) &&
        is_counted(&c->i->search)) { /* a number can not be inspected */
        return smart_verdict_not(SMART_REASON_CONSTRUCT);
    }
    if (verdict.obligations & ~c->policy->enforced) {
        return smart_verdict_not(SMART_REASON_NOT_JUDGED);
    }
    return verdict;
}

static smart_verdict_t judge(const smart_case_t *c, const smart_part_t *part,
                             int *pscope)
{
    smart_verdict_t verdict;

    if (!covers(c, part, pscope)) {
        return smart_verdict_not(SMART_REASON_NO_SCOPE);
    }
    if (part->unusable != SMART_REASON_UNDECIDED) {
        return smart_verdict_not(part->unusable);
    }
    if (c->i->provenance) {
        verdict = judge_provenance(c, part);
        if (!verdict.may) {
            return verdict;
        }
    }
    verdict = judge_kind(c, part, *pscope);
    return verdict.may ? judge_obligations(c, part, verdict) : verdict;
}

/* --- what to ask for ----------------------------------------------------- */

/* The first type a need is not met on, else the first there is. */
static smart_type_t missing_type(const smart_grant_t *grant,
                                 smart_context_e context,
                                 const smart_need_t *need)
{
    smart_type_t first = smart_typeset_next(&need->types, SMART_TYPE_NONE);
    smart_type_t type;

    if (need->kind != SMART_NEED_TYPES || need->types.all) {
        return SMART_TYPE_ANY;
    }
    for (type = first; type; type = smart_typeset_next(&need->types, type)) {
        if (need->letters & ~smart_part_letters(grant, context, type)) {
            return type;
        }
    }
    return first;
}

static const char *wanted_by_rule(const smart_case_t *c,
                                  smart_context_e context)
{
    const smart_scope_t *scope = NULL;
    int n;

    for (n = 0; n < c->rule->scope_count; n++) {
        if (!scope || (c->rule->scopes[n].context == context &&
                       scope->context != context)) {
            scope = &c->rule->scopes[n];
        }
    }
    return scope ? smart_scope_wanted(scope->context, rule_type(scope, c->i),
                                      scope->letters, c->p)
                 : NULL;
}

/* The narrowest scope that would do; NULL: any. at: context of the part that
   lacked what the verdict names. */
static const char *wanted(const smart_case_t *c, const smart_verdict_t *verdict,
                          smart_context_e at)
{
    smart_context_e context = smart_part_narrowest(c->grant);

    if (c->rule && !verdict->type) {
        return wanted_by_rule(c, context);
    }
    if (verdict->type) { /* besides those that were held there */
        return smart_scope_wanted(at, verdict->type, verdict->letters, c->p);
    }
    if (smart_operation_system(c->i)) {
        context = SMART_CONTEXT_SYSTEM;
    }
    if (c->need.kind == SMART_NEED_SCOPE) {
        return NULL;
    }
    return smart_scope_wanted(context,
                              missing_type(c->grant, context, &c->need),
                              c->need.letters, c->p);
}

/* --- all parts ----------------------------------------------------------- */

/* How near a refusal is to a permit. */
static int nearness(smart_reason_e reason)
{
    if (reason == SMART_REASON_NO_SCOPE) {
        return 1;
    }
    return reason == SMART_REASON_NO_PATIENT || reason == SMART_REASON_FHIR_USER
               ? 2
               : 3;
}

static void permit(const smart_case_t *c, const smart_part_t *part,
                   const smart_verdict_t *verdict, int scope,
                   smart_decision_t *d)
{
    d->permit = true;
    d->restricted = part->restricted;
    d->obligations = verdict->obligations;
    d->scope =
        smart_scope_text(&c->grant->scopes[scope], c->grant->constraints, c->p);
    d->patient = part->patient;
    d->query = verdict->query;
    if (verdict->obligations & (SMART_OBLIGE_INSPECT | SMART_OBLIGE_CONTEXT)) {
        d->shown = verdict->shown;
    }
    d->narrow = verdict->narrow;
    d->narrow_count = verdict->narrow_count;
}

static void decide_parts(const smart_case_t *c, smart_decision_t *d)
{
    smart_verdict_t best = smart_verdict_not(SMART_REASON_NO_SCOPE);
    smart_context_e at = SMART_CONTEXT_NONE;
    smart_part_t part;
    int n, scope;

    for (n = 0; n < SMART_PARTS; n++) {
        smart_verdict_t verdict;

        if (!smart_part_at(c->grant, c->policy, smart_part_nth(c->policy, n),
                           &part)) {
            continue;
        }
        verdict = judge(c, &part, &scope);
        if (verdict.may) {
            permit(c, &part, &verdict, scope, d);
            return;
        }
        if (nearness(verdict.reason) > nearness(best.reason) ||
            (!best.type && verdict.type && verdict.reason == best.reason)) {
            best = verdict;
            at = part.context;
        }
    }
    d->reason = best.reason;
    if (best.reason == SMART_REASON_NO_SCOPE) {
        d->scope = wanted(c, &best, at);
    }
}

/* Everything but the parts. UNDECIDED: they are to be asked. */
static smart_reason_e refused(const smart_case_t *c, const smart_rule_t *rule)
{
    if (!c->grant) {
        return SMART_REASON_NO_TOKEN;
    }
    if (!is_known(c->i)) {
        return c->i->method_known ? SMART_REASON_INTERACTION
                                  : SMART_REASON_METHOD;
    }
    if (rule) {
        return rule->requirement == SMART_RULE_SCOPES ? SMART_REASON_UNDECIDED
                                                      : SMART_REASON_RULE;
    }
    return c->need.kind == SMART_NEED_NEVER ? c->need.reason
                                            : SMART_REASON_UNDECIDED;
}

/* A batch is as public as each of its entries, and what it deletes is not. */
static void permit_public(const smart_case_t *c, smart_decision_t *d)
{
    const bool bundle = c->i->kind == SMART_INTERACTION_BATCH ||
                        c->i->kind == SMART_INTERACTION_TRANSACTION;

    if (bundle && !(c->policy->enforced & SMART_OBLIGE_BODY)) {
        d->reason = SMART_REASON_NOT_JUDGED;
        return;
    }
    d->obligations = bundle ? SMART_OBLIGE_BODY : SMART_OBLIGE_NONE;
    d->permit = d->is_public = true;
}

smart_decision_t smart_decide(const smart_policy_t *policy,
                              const smart_grant_t *grant,
                              const smart_interaction_t *i, apr_pool_t *p)
{
    smart_decision_t d = {0};
    smart_case_t c = {policy, grant, i, rule_for(policy, i), {0}, p};

    d.rule = c.rule;
    if (is_public(policy, c.rule, i)) {
        permit_public(&c, &d);
        return d;
    }
    c.need = smart_letters_needed(policy->version, i);
    d.reason = refused(&c, c.rule);
    if (d.reason == SMART_REASON_UNDECIDED &&
        policy->version != SMART_FHIR_NONE) {
        decide_parts(&c, &d);
    }
    return d;
}
