/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restriction.c: the rows of restriction.h.
 */
#include "core/restriction.h"

#include "core/narrow.h"

/* Says how an answer is written, not what is in it. */
static const char *const FORMATS[] = {"_format", "_pretty", "_summary",
                                      "_elements", NULL};
static const char *const HISTORY[] = {"_format", "_pretty",   "_summary",
                                      "_count",  "_elements", "_since",
                                      "_at",     NULL};
/* Looks at nothing but the resource itself; without modifier. _sort: see
   below. */
static const char *const COMMON[] = {
    "_id",       "_lastUpdated", "_text",  "_content", "_source",
    "_language", "_count",       "_total", "_summary", "_elements",
    "_format",   "_pretty",      NULL};
static const char *const META[] = {"_tag", "_profile", "_security", NULL};
/* What links of pages hold besides the page. */
static const char *const PAGE[] = {
    "_format", "_pretty", "_summary", "_elements",   "_count",
    "_total",  "_sort",   "_include", "_revinclude", NULL};
/* Of a value that stands in the resource itself. */
static const char *const MODIFIERS[] = {
    "missing",       "exact", "contains", "text",       "not",     "above",
    "below",         "in",    "not-in",   "identifier", "of-type", "code-text",
    "text-advanced", NULL};
/* Of a reference: others follow it, or look into a List or Group. */
static const char *const OF_REFERENCE[] = {"missing", "identifier", NULL};

static bool listed(smart_slice_t name, const char *const *names)
{
    for (; *names; names++) {
        if (smart_slice_is(name, *names)) {
            return true;
        }
    }
    return false;
}

bool smart_restriction_only(const smart_search_t *search,
                            const char *const *names)
{
    int n;

    for (n = 0; n < search->count; n++) {
        if (!listed(search->params[n].name, names)) {
            return false;
        }
    }
    return true;
}

/* Whether every name is about a page, or one of a list. */
static bool only_paged(const smart_search_t *search, const char *const *names)
{
    int n;

    for (n = 0; n < search->count; n++) {
        const smart_search_param_t *param = &search->params[n];
        if (!smart_interaction_page_param(param->name) &&
            !listed(param->base, names)) {
            return false;
        }
    }
    return true;
}

smart_verdict_t smart_restriction_page(const smart_search_t *search)
{
    return only_paged(search, PAGE) ? smart_verdict_shows(SMART_LETTER_S)
                                    : smart_verdict_not(SMART_REASON_CONSTRUCT);
}

/* --- compartment --------------------------------------------------------- */

/* Where a part may find resources of a type. */
typedef enum {
    PLACE_OUTSIDE = 0, /* nowhere */
    PLACE_SHARED,      /* among those that are nobody's */
    PLACE_MEMBER,      /* in the compartment */
    PLACE_ANYWHERE     /* it is held to no compartment */
} place_e;

static place_e place_of(const smart_policy_t *policy, const smart_part_t *part,
                        smart_type_t type)
{
    if (!part->patient) {
        return PLACE_ANYWHERE;
    }
    if (smart_compartment_has(&policy->compartment, policy->version, type)) {
        return PLACE_MEMBER;
    }
    return smart_compartment_shares(&policy->compartment, policy->version, type)
               ? PLACE_SHARED
               : PLACE_OUTSIDE;
}

static bool is_own(const smart_part_t *part, smart_slice_t id)
{
    return part->patient && smart_slice_equal(id, smart_slice(part->patient));
}

/* Whether a request is about the compartment's Patient or another one. */
static bool is_about_patient(const smart_part_t *part, smart_type_t type)
{
    return part->patient && type == SMART_FHIR_PATIENT;
}

/* --- parameters ---------------------------------------------------------- */

/* No value, or a list with an empty item: some backends drop those, and with
   the last one the whole parameter. */
static bool is_hollow(smart_slice_t value)
{
    bool hollow = true;
    apr_size_t n;

    for (n = 0; n < value.len; n++) {
        if (value.ptr[n] == ',') {
            if (hollow) {
                return true;
            }
            hollow = true;
        }
        else if (value.ptr[n] != ' ') {
            hollow = false;
        }
    }
    return hollow;
}

static bool holds(smart_slice_t s, char byte)
{
    return s.len && memchr(s.ptr, byte, s.len);
}

/* A parameter of the type itself, or one of all types. */
static bool is_plain(smart_fhir_e v, smart_type_t type,
                     const smart_search_param_t *param)
{
    const smart_fhir_param_t *known;

    if (param->base.len && *param->base.ptr == '_') {
        return listed(param->name, COMMON) ||
               (listed(param->base, META) &&
                (!param->modifier.len || listed(param->modifier, MODIFIERS))) ||
               (smart_slice_is(param->name, "_sort") &&
                !holds(param->value, '.') && !holds(param->value, ':'));
    }
    known = smart_fhir_param(v, type, param->base);
    if (!known || !param->modifier.len) {
        return known != NULL;
    }
    if (known->kind != SMART_PARAM_REFERENCE) {
        return listed(param->modifier, MODIFIERS);
    }
    return listed(param->modifier, OF_REFERENCE) ||
           smart_fhir_type(v, param->modifier) != SMART_TYPE_NONE;
}

static bool is_include(const smart_search_param_t *param)
{
    return smart_slice_is(param->base, "_include") ||
           smart_slice_is(param->base, "_revinclude");
}

static smart_verdict_t judge_param(const smart_policy_t *policy,
                                   const smart_part_t *part, smart_type_t type,
                                   const smart_search_param_t *param)
{
    const smart_fhir_e v = policy->version;

    if (holds(param->name, '.')) { /* a chain */
        return smart_verdict_not(SMART_REASON_CONSTRUCT);
    }
    if (is_include(param) || smart_interaction_page_param(param->name)) {
        return smart_verdict_may(SMART_OBLIGE_NONE); /* it is inspected */
    }
    if (part->patient &&
        smart_compartment_selects(&policy->compartment, v, type, param->base)) {
        if (param->modifier.len) {
            return smart_verdict_not(SMART_REASON_CONSTRUCT);
        }
        if (is_hollow(param->value)) {
            return smart_verdict_not(SMART_REASON_EMPTY_VALUE);
        }
    }
    return is_plain(v, type, param) ? smart_verdict_may(SMART_OBLIGE_NONE)
                                    : smart_verdict_not(SMART_REASON_CONSTRUCT);
}

smart_verdict_t smart_restriction_search(const smart_policy_t *policy,
                                         const smart_part_t *part,
                                         smart_type_t type,
                                         const smart_search_t *search,
                                         const char *extra)
{
    smart_verdict_t verdict = smart_verdict_may(SMART_OBLIGE_NONE);
    int n;

    for (n = 0; n < search->count && verdict.may; n++) {
        const smart_search_param_t *param = &search->params[n];
        if (!extra || !smart_slice_is(param->name, extra)) {
            verdict = judge_param(policy, part, type, param);
        }
    }
    return verdict;
}

/* --- interactions -------------------------------------------------------- */

/* What is asked, and which part of which grant asks it. */
typedef struct asked_t {
    const smart_policy_t *policy;
    const smart_grant_t *grant;
    const smart_part_t *part;
    int scope;
    const smart_interaction_t *i;
    apr_pool_t *p;
} asked_t;

static place_e place(const asked_t *a)
{
    return place_of(a->policy, a->part, a->i->type);
}

static smart_verdict_t judge_params(const asked_t *a,
                                    const smart_search_t *search)
{
    return smart_restriction_search(a->policy, a->part, a->i->type, search,
                                    NULL);
}

/* Raw bytes have no elements to look at: what may be read of them hangs on
   another resource. A constraint looks at elements. */
static smart_verdict_t judge_binary(const asked_t *a)
{
    smart_verdict_t verdict;

    if (a->part->constrained ||
        a->i->kind == SMART_INTERACTION_HISTORY_INSTANCE) {
        return smart_verdict_not(SMART_REASON_FOREIGN);
    }
    verdict = smart_verdict_shows(SMART_LETTER_R);
    verdict.obligations = SMART_OBLIGE_CONTEXT;
    return verdict;
}

/* read, vread, history of an instance: by the resource. */
static smart_verdict_t judge_instance(const asked_t *a, bool plain)
{
    const smart_part_t *part = a->part;
    const smart_interaction_t *i = a->i;

    if (is_about_patient(part, i->type) && !is_own(part, i->id)) {
        return smart_verdict_not(SMART_REASON_FOREIGN);
    }
    if (!plain) {
        return smart_verdict_not(SMART_REASON_CONSTRUCT);
    }
    if (place(a) != PLACE_OUTSIDE) {
        return smart_verdict_shows(SMART_LETTER_R);
    }
    return i->type == SMART_FHIR_BINARY
               ? judge_binary(a)
               : smart_verdict_not(SMART_REASON_FOREIGN);
}

static smart_verdict_t judge_type_history(const asked_t *a)
{
    if (place(a) == PLACE_OUTSIDE) {
        return smart_verdict_not(SMART_REASON_OUTSIDE);
    }
    return only_paged(&a->i->search, HISTORY)
               ? smart_verdict_shows(SMART_LETTER_S)
               : smart_verdict_not(SMART_REASON_CONSTRUCT);
}

static unsigned form_of(const smart_interaction_t *i)
{
    return i->form ? SMART_OBLIGE_FORM : SMART_OBLIGE_NONE;
}

smart_verdict_t smart_restriction_narrowed(smart_verdict_t verdict,
                                           const smart_narrowing_t *narrowing)
{
    if (narrowing->any) {
        verdict.obligations |= SMART_OBLIGE_NARROW;
        verdict.narrow = narrowing->pairs;
        verdict.narrow_count = narrowing->count;
    }
    return verdict;
}

/* A search that is inspected. */
static smart_verdict_t judge_found(const asked_t *a)
{
    smart_verdict_t verdict = judge_params(a, &a->i->search);

    verdict.obligations |= SMART_OBLIGE_INSPECT | form_of(a->i);
    verdict.shown = SMART_LETTER_S;
    return verdict;
}

static smart_verdict_t judge_search(const asked_t *a)
{
    smart_narrowing_t narrowing;

    if (place(a) == PLACE_OUTSIDE) {
        return smart_verdict_not(SMART_REASON_OUTSIDE);
    }
    narrowing = smart_narrow_search(a->policy, a->grant, a->i->type,
                                    &a->i->search, a->p);
    return smart_restriction_narrowed(judge_found(a), &narrowing);
}

/* The path narrows it, to types that the backend has in a compartment. */
static smart_verdict_t judge_compartment(const asked_t *a)
{
    const smart_interaction_t *i = a->i;

    if (i->compartment != SMART_FHIR_PATIENT) {
        return smart_verdict_not(SMART_REASON_CONSTRUCT);
    }
    if (a->part->patient && !is_own(a->part, i->compartment_id)) {
        return smart_verdict_not(SMART_REASON_FOREIGN);
    }
    if (!i->all_types && place(a) < PLACE_MEMBER) {
        return smart_verdict_not(SMART_REASON_OUTSIDE);
    }
    return judge_found(a);
}

/* --- writes -------------------------------------------------------------- */

unsigned smart_restriction_answer(const smart_policy_t *policy,
                                  const smart_grant_t *grant, smart_type_t type)
{
    switch (smart_part_sees(grant, policy, type, SMART_LETTER_R)) {
    case SMART_SEES_ALL:
        return SMART_OBLIGE_NONE;
    case SMART_SEES_SOME:
        if (policy->enforced & SMART_OBLIGE_INSPECT) {
            return SMART_OBLIGE_INSPECT;
        }
        break;
    case SMART_SEES_NOTHING:
        break;
    }
    return SMART_OBLIGE_MINIMAL;
}

/* What every write has to be, and what it must not be about. */
static smart_verdict_t judge_write(const asked_t *a)
{
    smart_verdict_t verdict;

    if (a->i->type == SMART_FHIR_SUBSCRIPTION ||
        !smart_restriction_only(&a->i->search, FORMATS)) {
        return smart_verdict_not(SMART_REASON_CONSTRUCT);
    }
    if (place(a) < PLACE_MEMBER) {
        return smart_verdict_not(SMART_REASON_FOREIGN_WRITE);
    }
    verdict = smart_verdict_may(
        smart_restriction_answer(a->policy, a->grant, a->i->type));
    verdict.shown = SMART_LETTER_R;
    return verdict;
}

static smart_verdict_t judge_create(const asked_t *a)
{
    smart_verdict_t verdict = judge_write(a), match;
    smart_narrowing_t narrowing;

    if (!verdict.may) {
        return verdict;
    }
    if (is_about_patient(a->part, a->i->type)) { /* would be another one */
        return smart_verdict_not(SMART_REASON_FOREIGN_WRITE);
    }
    verdict.obligations |= SMART_OBLIGE_BODY;
    if (!a->i->conditional) {
        return verdict;
    }
    match = judge_params(a, &a->i->if_none_exist);
    if (!match.may) {
        return match;
    }
    narrowing = smart_narrow_match(a->policy, a->grant, a->part, a->scope,
                                   a->i->type, &a->i->if_none_exist, a->p);
    return smart_restriction_narrowed(verdict, &narrowing);
}

/* update, patch, delete */
static smart_verdict_t judge_change(const asked_t *a)
{
    const smart_interaction_t *i = a->i;
    smart_verdict_t verdict = judge_write(a);
    bool about = is_about_patient(a->part, i->type);

    if (!verdict.may) {
        return verdict;
    }
    if (i->conditional) { /* what it would change is known too late */
        return smart_verdict_not(SMART_REASON_CONSTRUCT);
    }
    if (about && !is_own(a->part, i->id)) {
        return smart_verdict_not(SMART_REASON_FOREIGN);
    }
    if (i->kind != SMART_INTERACTION_DELETE) {
        verdict.obligations |= SMART_OBLIGE_BODY;
    }
    if (!about || a->part->constrained ||
        i->kind == SMART_INTERACTION_PATCH) { /* applied to what is there */
        verdict.obligations |= SMART_OBLIGE_PREREAD;
    }
    return verdict;
}

smart_verdict_t smart_restriction_judge(const smart_policy_t *policy,
                                        const smart_grant_t *grant,
                                        const smart_part_t *part, int scope,
                                        const smart_interaction_t *i,
                                        apr_pool_t *p)
{
    const asked_t a = {policy, grant, part, scope, i, p};

    switch (i->kind) {
    case SMART_INTERACTION_READ:
    case SMART_INTERACTION_VREAD:
        return judge_instance(&a, smart_restriction_only(&i->search, FORMATS));
    case SMART_INTERACTION_HISTORY_INSTANCE:
        return judge_instance(&a, only_paged(&i->search, HISTORY));
    case SMART_INTERACTION_HISTORY_TYPE:
        return judge_type_history(&a);
    case SMART_INTERACTION_SEARCH_TYPE:
        return judge_search(&a);
    case SMART_INTERACTION_SEARCH_COMPARTMENT:
        return judge_compartment(&a);
    case SMART_INTERACTION_CREATE:
        return judge_create(&a);
    case SMART_INTERACTION_UPDATE:
    case SMART_INTERACTION_PATCH:
    case SMART_INTERACTION_DELETE:
        return judge_change(&a);
    case SMART_INTERACTION_PAGE:
        return smart_restriction_page(&i->search);
    case SMART_INTERACTION_BATCH:
    case SMART_INTERACTION_TRANSACTION:
        return smart_verdict_may(SMART_OBLIGE_BODY);
    case SMART_INTERACTION_CAPABILITIES:
    case SMART_INTERACTION_DISCOVERY:
        return smart_verdict_may(SMART_OBLIGE_NONE); /* no patient data */
    case SMART_INTERACTION_SEARCH_SYSTEM:
    case SMART_INTERACTION_HISTORY_SYSTEM:
        return smart_verdict_not(SMART_REASON_CONSTRUCT);
    case SMART_INTERACTION_OPERATION:
    case SMART_INTERACTION_UNKNOWN:
    case SMART_INTERACTION_COUNT:
        break;
    }
    return smart_verdict_not(SMART_REASON_INTERACTION);
}
