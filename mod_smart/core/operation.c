/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operation.c: the rows of operation.h.
 */
#include "core/operation.h"

#include <apr_strings.h>
#include <apr_tables.h>

#include "core/reach.h"
#include "core/restriction.h"
#include "core/unrestricted.h"

#define LETTERS_RS ((smart_letters_t)(SMART_LETTER_R | SMART_LETTER_S))

typedef enum {
    OP_OTHER = 0, /* by a rule only */
    OP_GRAPHQL,   /* by a rule only; its answers have no resources */
    OP_EVERYTHING,
    OP_LASTN,
    OP_EXPORT,
    OP_TERMINOLOGY,
    OP_JOB
} op_e;

/* type NONE and level NONE: wherever. */
static const struct {
    const char *name;
    smart_type_t type;
    smart_level_e level;
    op_e op;
} operations[] = {
    {"$everything", SMART_FHIR_PATIENT, SMART_LEVEL_NONE, OP_EVERYTHING},
    {"$lastn", SMART_FHIR_OBSERVATION, SMART_LEVEL_TYPE, OP_LASTN},
    {"$export", SMART_TYPE_NONE, SMART_LEVEL_SYSTEM, OP_EXPORT},
    {"$export", SMART_FHIR_PATIENT, SMART_LEVEL_TYPE, OP_EXPORT},
    {"$export", SMART_FHIR_GROUP, SMART_LEVEL_INSTANCE, OP_EXPORT},
    {"$expand", SMART_FHIR_VALUE_SET, SMART_LEVEL_NONE, OP_TERMINOLOGY},
    {"$lookup", SMART_FHIR_CODE_SYSTEM, SMART_LEVEL_NONE, OP_TERMINOLOGY},
    {"$validate-code", SMART_FHIR_VALUE_SET, SMART_LEVEL_NONE, OP_TERMINOLOGY},
    {"$validate-code", SMART_FHIR_CODE_SYSTEM, SMART_LEVEL_NONE,
     OP_TERMINOLOGY},
    {"$export-poll-status", SMART_TYPE_NONE, SMART_LEVEL_NONE, OP_JOB},
    {"$graphql", SMART_TYPE_NONE, SMART_LEVEL_NONE, OP_GRAPHQL},
};

static const char *const EVERYTHING[] = {
    "_type",   "_since",  "_count",   "start",     "end",
    "_format", "_pretty", "_summary", "_elements", NULL};
/* Others may ask for more than resources of the types named. */
static const char *const EXPORT[] = {"_type",
                                     "_typeFilter",
                                     "_since",
                                     "_until",
                                     "_elements",
                                     "_format",
                                     "_pretty",
                                     "_outputFormat",
                                     "organizeOutputBy",
                                     "allowPartialManifests",
                                     NULL};

static op_e op_of(const smart_interaction_t *i)
{
    apr_size_t n;

    for (n = 0; n < sizeof(operations) / sizeof(operations[0]); n++) {
        if (smart_slice_is(i->operation, operations[n].name) &&
            (!operations[n].type || operations[n].type == i->type) &&
            (!operations[n].level || operations[n].level == i->level)) {
            return operations[n].op;
        }
    }
    return OP_OTHER;
}

smart_need_t smart_operation_needed(const smart_interaction_t *i)
{
    smart_need_t some = {0};

    switch (op_of(i)) {
    case OP_EVERYTHING:
        return i->level == SMART_LEVEL_INSTANCE
                   ? smart_need_type(i->type, SMART_LETTER_R)
                   : smart_need_type(SMART_TYPE_ANY, LETTERS_RS);
    case OP_LASTN:
        return smart_need_type(i->type, SMART_LETTER_S);
    case OP_EXPORT:
        some.kind = SMART_NEED_SOME;
        some.letters = LETTERS_RS;
        return some;
    case OP_TERMINOLOGY:
        return smart_need_type(i->type, SMART_LETTER_R);
    case OP_JOB:
        return smart_need_never(SMART_REASON_JOB);
    case OP_GRAPHQL:
    case OP_OTHER:
        break;
    }
    return smart_need_never(SMART_REASON_OPERATION);
}

bool smart_operation_system(const smart_interaction_t *i)
{
    return i->kind == SMART_INTERACTION_OPERATION && op_of(i) == OP_EXPORT;
}

/* Somebody else's Patient, for a part that is held to one. */
static bool is_foreign(const smart_part_t *part, const smart_interaction_t *i)
{
    return part->patient && i->type == SMART_FHIR_PATIENT &&
           i->level == SMART_LEVEL_INSTANCE &&
           !smart_slice_equal(i->id, smart_slice(part->patient));
}

static unsigned body_of(const smart_interaction_t *i)
{
    return i->body ? SMART_OBLIGE_BODY : SMART_OBLIGE_NONE;
}

/* --- everything ---------------------------------------------------------- */

/* Types named must be readable, by whichever scopes: the answer is inspected
   by all of them. */
static smart_verdict_t types_readable(const smart_policy_t *policy,
                                      const smart_grant_t *grant,
                                      const smart_search_t *search)
{
    smart_type_t type = SMART_TYPE_NONE;
    smart_typeset_t named;

    if (smart_letters_named(policy->version, search, &named) ==
        SMART_NAMED_UNKNOWN) {
        return smart_verdict_not(SMART_REASON_INTERACTION);
    }
    while ((type = smart_typeset_next(&named, type)) != 0) {
        smart_need_t need = smart_need_type(type, SMART_LETTER_R);
        if (!smart_part_any(grant, policy, &need)) {
            return smart_verdict_lacks(type, SMART_LETTER_R);
        }
    }
    return smart_verdict_shows(SMART_LETTER_R);
}

static smart_verdict_t judge_everything(const smart_policy_t *policy,
                                        const smart_grant_t *grant,
                                        const smart_part_t *part,
                                        const smart_interaction_t *i)
{
    smart_verdict_t verdict;

    if (!part->restricted && smart_part_unlimited(grant, policy, LETTERS_RS)) {
        return smart_verdict_may(SMART_OBLIGE_NONE);
    }
    if (is_foreign(part, i)) {
        return smart_verdict_not(SMART_REASON_FOREIGN);
    }
    if (i->level != SMART_LEVEL_INSTANCE ||
        !smart_restriction_only(&i->search, EVERYTHING)) {
        return smart_verdict_not(SMART_REASON_CONSTRUCT);
    }
    verdict = types_readable(policy, grant, &i->search);
    verdict.obligations |= body_of(i);
    return verdict;
}

/* --- lastn --------------------------------------------------------------- */

static smart_verdict_t judge_lastn(const smart_policy_t *policy,
                                   const smart_grant_t *grant,
                                   const smart_part_t *part,
                                   const smart_interaction_t *i, apr_pool_t *p)
{
    smart_narrowing_t narrowing;
    smart_verdict_t verdict;

    if (!part->restricted) {
        verdict =
            smart_unrestricted_search(policy, grant, part, i->type, &i->search);
        if (!smart_part_unlimited(grant, policy, SMART_LETTER_S)) {
            verdict.obligations |= body_of(i);
        }
        return verdict;
    }
    if (i->body) { /* a URL can be narrowed, Parameters can not */
        return smart_verdict_not(SMART_REASON_CONSTRUCT);
    }
    verdict =
        smart_restriction_search(policy, part, i->type, &i->search, "max");
    verdict.obligations |= SMART_OBLIGE_INSPECT;
    verdict.shown = SMART_LETTER_S;
    narrowing = smart_narrow_search(policy, grant, i->type, &i->search, p);
    return smart_restriction_narrowed(verdict, &narrowing);
}

/* --- export -------------------------------------------------------------- */

static bool exports(const smart_grant_t *grant, const smart_part_t *part,
                    smart_type_t type)
{
    return (smart_part_letters(grant, part->context, type) & LETTERS_RS) ==
           LETTERS_RS;
}

/* "Observation?code=x" */
static smart_verdict_t judge_filter(smart_fhir_e v, const smart_grant_t *grant,
                                    const smart_part_t *part,
                                    smart_slice_t name, smart_slice_t query,
                                    apr_pool_t *p)
{
    smart_type_t type = smart_fhir_type(v, name);
    smart_search_t search;
    smart_reach_t reach;
    const char *why;

    if (type == SMART_TYPE_NONE ||
        !smart_search_parse(query, p, &search, &why)) {
        return smart_verdict_not(SMART_REASON_CONSTRUCT);
    }
    if (!exports(grant, part, type)) {
        return smart_verdict_lacks(type, LETTERS_RS);
    }
    reach = smart_reach_search(v, type, &search);
    return smart_typeset_empty(&reach.types) && !reach.includes
               ? smart_verdict_may(SMART_OBLIGE_NONE)
               : smart_verdict_not(SMART_REASON_CONSTRUCT);
}

/* Where the query at the head of a list ends: at the comma before the next
   type, for there are commas in values too. */
static apr_size_t filter_end(smart_slice_t list, apr_size_t query)
{
    apr_size_t comma = list.len, n;

    for (n = query; n < list.len; n++) {
        if (list.ptr[n] == ',') {
            comma = n;
        }
        if (list.ptr[n] == '?' && comma < list.len) {
            return comma;
        }
    }
    return list.len;
}

/* A list of filters. What is no "?" is no type, and so refused. */
static smart_verdict_t judge_filters(smart_fhir_e v, const smart_grant_t *grant,
                                     const smart_part_t *part,
                                     smart_slice_t list, apr_pool_t *p)
{
    smart_verdict_t verdict = smart_verdict_not(SMART_REASON_CONSTRUCT);
    apr_size_t start = 0, mark, end;

    while (start < list.len) {
        const char *found = memchr(list.ptr + start, '?', list.len - start);
        mark = found ? (apr_size_t)(found - list.ptr) : list.len;
        end = found ? filter_end(list, mark + 1) : list.len;
        verdict = judge_filter(v, grant, part,
                               smart_slice_n(list.ptr + start, mark - start),
                               found ? smart_slice_n(found + 1, end - mark - 1)
                                     : smart_slice_n(NULL, 0),
                               p);
        if (!verdict.may) {
            break;
        }
        start = end + 1;
    }
    return verdict;
}

static smart_verdict_t judge_export_params(smart_fhir_e v,
                                           const smart_grant_t *grant,
                                           const smart_part_t *part,
                                           const smart_search_t *search,
                                           apr_pool_t *p)
{
    smart_verdict_t verdict = smart_verdict_may(SMART_OBLIGE_NONE);
    int n;

    if (!smart_restriction_only(search, EXPORT)) {
        return smart_verdict_not(SMART_REASON_CONSTRUCT);
    }
    for (n = 0; n < search->count && verdict.may; n++) {
        if (smart_slice_is(search->params[n].name, "_typeFilter")) {
            verdict = judge_filters(v, grant, part, search->params[n].value, p);
        }
    }
    return verdict;
}

/* The query with a _type of all that the grant covers. */
static smart_verdict_t fill_types(smart_fhir_e v, const smart_grant_t *grant,
                                  const smart_part_t *part,
                                  const smart_search_t *search, apr_pool_t *p)
{
    smart_verdict_t verdict = smart_verdict_may(SMART_OBLIGE_NONE);
    smart_search_t filled = *search;
    smart_type_t type = SMART_TYPE_NONE;
    apr_array_header_t *types = apr_array_make(p, 8, sizeof(const char *));

    while ((type = smart_fhir_type_next(v, type)) != SMART_TYPE_NONE) {
        if (exports(grant, part, type)) {
            APR_ARRAY_PUSH(types, const char *) = smart_fhir_type_name(type);
        }
    }
    if (!types->nelts) {
        return smart_verdict_lacks(SMART_TYPE_ANY, LETTERS_RS);
    }
    smart_search_add(&filled, "_type", apr_array_pstrcat(p, types, ','), p);
    verdict.query = smart_search_write(&filled, p);
    return verdict;
}

/* Types named must be covered; when none is, those that are get named. */
static smart_verdict_t judge_export_types(smart_fhir_e v,
                                          const smart_grant_t *grant,
                                          const smart_part_t *part,
                                          const smart_interaction_t *i,
                                          apr_pool_t *p)
{
    smart_type_t type = SMART_TYPE_NONE;
    smart_typeset_t named;
    int n;

    switch (smart_letters_named(v, &i->search, &named)) {
    case SMART_NAMED_UNKNOWN:
        return smart_verdict_not(SMART_REASON_INTERACTION);
    case SMART_NAMED_SOME:
        break;
    case SMART_NAMED_ALL:
        for (n = 0; n < i->search.count; n++) {
            if (smart_slice_is(i->search.params[n].name, "_type")) {
                return smart_verdict_lacks(SMART_TYPE_ANY, LETTERS_RS);
            }
        }
        return i->body ? smart_verdict_may(SMART_OBLIGE_NONE)
                       : fill_types(v, grant, part, &i->search, p);
    }
    while ((type = smart_typeset_next(&named, type)) != 0) {
        if (!exports(grant, part, type)) {
            return smart_verdict_lacks(type, LETTERS_RS);
        }
    }
    return smart_verdict_may(SMART_OBLIGE_NONE);
}

static smart_verdict_t judge_export(smart_fhir_e v, const smart_grant_t *grant,
                                    const smart_part_t *part,
                                    const smart_interaction_t *i, apr_pool_t *p)
{
    smart_verdict_t verdict;

    if (part->restricted) { /* the files could not be inspected */
        return smart_verdict_not(SMART_REASON_ASYNC);
    }
    if (exports(grant, part, SMART_TYPE_ANY)) {
        return smart_verdict_may(SMART_OBLIGE_NONE);
    }
    verdict = judge_export_params(v, grant, part, &i->search, p);
    if (verdict.may) {
        verdict = judge_export_types(v, grant, part, i, p);
    }
    verdict.obligations |= body_of(i);
    return verdict;
}

/* --- all ----------------------------------------------------------------- */

/* Codes are nobody's data; whether a code system meets a constraint would
   have to be read first. */
static smart_verdict_t judge_terminology(const smart_part_t *part)
{
    return part->constrained ? smart_verdict_not(SMART_REASON_NOT_JUDGED)
                             : smart_verdict_may(SMART_OBLIGE_NONE);
}

/* What an operation does to an instance is done before its answer is looked
   at. The patient's own record is known by its id. */
static bool needs_look(const smart_part_t *part, const smart_interaction_t *i)
{
    return i->level == SMART_LEVEL_INSTANCE &&
           !(part->patient && i->type == SMART_FHIR_PATIENT &&
             !part->constrained);
}

static smart_verdict_t judge_other(const smart_part_t *part,
                                   const smart_interaction_t *i)
{
    smart_verdict_t verdict;

    if (!part->restricted) {
        return smart_verdict_may(SMART_OBLIGE_NONE);
    }
    if (is_foreign(part, i)) {
        return smart_verdict_not(SMART_REASON_FOREIGN);
    }
    verdict = smart_verdict_shows(SMART_LETTER_R);
    verdict.obligations |= body_of(i);
    if (needs_look(part, i)) {
        verdict.obligations |= SMART_OBLIGE_PREREAD;
    }
    return verdict;
}

static smart_verdict_t judge_op(const smart_policy_t *policy,
                                const smart_grant_t *grant,
                                const smart_part_t *part,
                                const smart_interaction_t *i, apr_pool_t *p)
{
    switch (op_of(i)) {
    case OP_EVERYTHING:
        return judge_everything(policy, grant, part, i);
    case OP_LASTN:
        return judge_lastn(policy, grant, part, i, p);
    case OP_EXPORT:
        return judge_export(policy->version, grant, part, i, p);
    case OP_TERMINOLOGY:
        return judge_terminology(part);
    case OP_GRAPHQL:
        return part->restricted ? smart_verdict_not(SMART_REASON_CONSTRUCT)
                                : smart_verdict_may(SMART_OBLIGE_NONE);
    case OP_JOB:
    case OP_OTHER:
        return judge_other(part, i);
    }
    return smart_verdict_not(SMART_REASON_OPERATION);
}

/* Instead of the operation's answer, a page of any search may come. */
smart_verdict_t smart_operation_judge(const smart_policy_t *policy,
                                      const smart_grant_t *grant,
                                      const smart_part_t *part,
                                      const smart_interaction_t *i,
                                      apr_pool_t *p)
{
    smart_verdict_t verdict = judge_op(policy, grant, part, i, p);

    if (smart_reach_paged(&i->search) &&
        !smart_part_unlimited(grant, policy, SMART_LETTER_S)) {
        verdict.obligations |= SMART_OBLIGE_INSPECT;
        verdict.shown = verdict.shown ? verdict.shown : SMART_LETTER_S;
    }
    return verdict;
}
