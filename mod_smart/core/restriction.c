/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restriction.c: the rows of restriction.h.
 */
#include "core/restriction.h"

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
    return only_paged(search, PAGE) ? smart_verdict_may(SMART_OBLIGE_INSPECT)
                                    : smart_verdict_not(SMART_REASON_CONSTRUCT);
}

/* --- compartment --------------------------------------------------------- */

/* In the compartment by HL7's definition. */
static bool is_formal(smart_fhir_e v, smart_type_t type)
{
    return smart_fhir_compartment(v, type) != NULL;
}

/* About a patient as well, though HL7 left them out of some versions. */
static bool is_supplement(smart_fhir_e v, smart_type_t type)
{
    return (type == SMART_FHIR_DEVICE || type == SMART_FHIR_TASK) &&
           smart_fhir_param(v, type, smart_slice("patient"));
}

bool smart_restriction_member(smart_fhir_e v, smart_type_t type)
{
    return type == SMART_FHIR_PATIENT || is_formal(v, type) ||
           is_supplement(v, type);
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

/* Whether a parameter says whose resources are searched. */
static bool selects(smart_fhir_e v, smart_type_t type, smart_slice_t base)
{
    const char *const *inclusion = smart_fhir_compartment(v, type);

    if (type == SMART_FHIR_PATIENT && smart_slice_is(base, "_id")) {
        return true;
    }
    return smart_slice_is(base, "patient") || smart_slice_is(base, "subject") ||
           (inclusion && listed(base, inclusion));
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

static smart_verdict_t judge_param(smart_fhir_e v, const smart_part_t *part,
                                   smart_type_t type,
                                   const smart_search_param_t *param)
{
    if (holds(param->name, '.')) { /* a chain */
        return smart_verdict_not(SMART_REASON_CONSTRUCT);
    }
    if (is_include(param) || smart_interaction_page_param(param->name)) {
        return smart_verdict_may(SMART_OBLIGE_INSPECT);
    }
    if (part->patient && selects(v, type, param->base)) {
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

smart_verdict_t smart_restriction_search(smart_fhir_e v,
                                         const smart_part_t *part,
                                         smart_type_t type,
                                         const smart_search_t *search,
                                         const char *extra)
{
    smart_verdict_t all = smart_verdict_may(SMART_OBLIGE_NONE), one;
    int n;

    for (n = 0; n < search->count; n++) {
        const smart_search_param_t *param = &search->params[n];
        if (extra && smart_slice_is(param->name, extra)) {
            continue;
        }
        one = judge_param(v, part, type, param);
        if (!one.may) {
            return one;
        }
        all.obligations |= one.obligations;
    }
    return all;
}

/* --- interactions -------------------------------------------------------- */

static smart_verdict_t judge_read(const smart_part_t *part,
                                  const smart_interaction_t *i)
{
    bool about = is_about_patient(part, i->type);

    if (about && !is_own(part, i->id)) {
        return smart_verdict_not(SMART_REASON_FOREIGN);
    }
    if (!smart_restriction_only(&i->search, FORMATS)) {
        return smart_verdict_not(SMART_REASON_CONSTRUCT);
    }
    return smart_verdict_may(
        about && !part->constrained ? SMART_OBLIGE_NONE : SMART_OBLIGE_INSPECT);
}

static smart_verdict_t judge_history(const smart_part_t *part,
                                     const smart_interaction_t *i)
{
    bool about = is_about_patient(part, i->type) &&
                 i->kind == SMART_INTERACTION_HISTORY_INSTANCE;

    if (about && !is_own(part, i->id)) {
        return smart_verdict_not(SMART_REASON_FOREIGN);
    }
    if (!only_paged(&i->search, HISTORY)) {
        return smart_verdict_not(SMART_REASON_CONSTRUCT);
    }
    return smart_verdict_may(about && !part->constrained &&
                                     smart_restriction_only(&i->search, HISTORY)
                                 ? SMART_OBLIGE_NONE
                                 : SMART_OBLIGE_INSPECT);
}

static smart_verdict_t judge_search(smart_fhir_e v, const smart_part_t *part,
                                    const smart_interaction_t *i)
{
    smart_verdict_t verdict =
        smart_restriction_search(v, part, i->type, &i->search, NULL);

    verdict.obligations |= SMART_OBLIGE_INSPECT;
    if (part->constrained || smart_restriction_member(v, i->type)) {
        verdict.obligations |= SMART_OBLIGE_NARROW;
    }
    if (i->form) {
        verdict.obligations |= SMART_OBLIGE_FORM;
    }
    return verdict;
}

static smart_verdict_t judge_compartment(smart_fhir_e v,
                                         const smart_part_t *part,
                                         const smart_interaction_t *i)
{
    smart_verdict_t verdict;

    if (i->compartment != SMART_FHIR_PATIENT) {
        return smart_verdict_not(SMART_REASON_CONSTRUCT);
    }
    if (part->patient && !is_own(part, i->compartment_id)) {
        return smart_verdict_not(SMART_REASON_FOREIGN);
    }
    if (!i->all_types && !is_formal(v, i->type)) {
        return smart_verdict_not(SMART_REASON_NOT_JUDGED);
    }
    verdict = smart_restriction_search(v, part, i->type, &i->search, NULL);
    if (part->constrained || i->all_types || i->type == SMART_FHIR_PATIENT) {
        verdict.obligations |= SMART_OBLIGE_INSPECT;
    }
    if (i->form) {
        verdict.obligations |= SMART_OBLIGE_FORM;
    }
    return verdict;
}

/* What every write has to be, and what it must not be about. */
static smart_verdict_t judge_write(smart_fhir_e v, const smart_part_t *part,
                                   const smart_interaction_t *i)
{
    if (i->type == SMART_FHIR_SUBSCRIPTION ||
        !smart_restriction_only(&i->search, FORMATS)) {
        return smart_verdict_not(SMART_REASON_CONSTRUCT);
    }
    if (part->patient && !smart_restriction_member(v, i->type)) {
        return smart_verdict_not(SMART_REASON_FOREIGN_WRITE);
    }
    return smart_verdict_may(SMART_OBLIGE_NONE);
}

static smart_verdict_t judge_create(smart_fhir_e v, const smart_part_t *part,
                                    const smart_interaction_t *i)
{
    smart_verdict_t verdict = judge_write(v, part, i);

    if (!verdict.may) {
        return verdict;
    }
    if (is_about_patient(part, i->type)) { /* would be another one */
        return smart_verdict_not(SMART_REASON_FOREIGN_WRITE);
    }
    if (i->conditional) {
        verdict =
            smart_restriction_search(v, part, i->type, &i->if_none_exist, NULL);
        verdict.obligations |= SMART_OBLIGE_NARROW;
    }
    verdict.obligations |= SMART_OBLIGE_BODY;
    return verdict;
}

/* update, patch, delete */
static smart_verdict_t judge_change(smart_fhir_e v, const smart_part_t *part,
                                    const smart_interaction_t *i)
{
    smart_verdict_t verdict = judge_write(v, part, i);
    bool about = is_about_patient(part, i->type);

    if (!verdict.may) {
        return verdict;
    }
    if (i->conditional) { /* what it would change is known too late */
        return smart_verdict_not(SMART_REASON_CONSTRUCT);
    }
    if (about && !is_own(part, i->id)) {
        return smart_verdict_not(SMART_REASON_FOREIGN);
    }
    if (i->kind != SMART_INTERACTION_DELETE) {
        verdict.obligations |= SMART_OBLIGE_BODY;
    }
    if (!about || part->constrained ||
        i->kind == SMART_INTERACTION_PATCH) { /* applied to what is there */
        verdict.obligations |= SMART_OBLIGE_PREREAD;
    }
    return verdict;
}

smart_verdict_t smart_restriction_judge(smart_fhir_e v,
                                        const smart_part_t *part,
                                        const smart_interaction_t *i)
{
    switch (i->kind) {
    case SMART_INTERACTION_READ:
    case SMART_INTERACTION_VREAD:
        return judge_read(part, i);
    case SMART_INTERACTION_HISTORY_INSTANCE:
    case SMART_INTERACTION_HISTORY_TYPE:
        return judge_history(part, i);
    case SMART_INTERACTION_SEARCH_TYPE:
        return judge_search(v, part, i);
    case SMART_INTERACTION_SEARCH_COMPARTMENT:
        return judge_compartment(v, part, i);
    case SMART_INTERACTION_CREATE:
        return judge_create(v, part, i);
    case SMART_INTERACTION_UPDATE:
    case SMART_INTERACTION_PATCH:
    case SMART_INTERACTION_DELETE:
        return judge_change(v, part, i);
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
