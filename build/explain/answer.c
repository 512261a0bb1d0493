/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer.c: question -> grant, interaction, decision -> text or JSON.
 */
#include "explain.h"

#include <apr_strings.h>

#include "core/coverage.h"
#include "core/trace.h"

/* What came of a question. */
typedef struct answer_t {
    const char *error; /* not decided, for want of sense; NULL: decided */
    smart_reason_e malformed;
    smart_grant_t grant;
    bool has_grant;
    smart_interaction_t i;
    smart_decision_t d;
} answer_t;

const char *explain_quoted(const char *text, apr_pool_t *p)
{
    char *out, *to;

    if (!text) {
        return "null";
    }
    out = to = apr_palloc(p, 6 * strlen(text) + 3);
    *to++ = '"';
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            *to++ = '\\';
            *to++ = *text;
        }
        else if ((unsigned char)*text < 0x20) {
            to += apr_snprintf(to, 7, "\\u%04x", *text);
        }
        else {
            *to++ = *text;
        }
    }
    *to++ = '"';
    *to = '\0';
    return out;
}

/* --- deciding ------------------------------------------------------------ */

static const char *claim(const char *name, const char *value, apr_pool_t *p)
{
    return value ? apr_pstrcat(p, ",\"", name, "\":", explain_quoted(value, p),
                               NULL)
                 : "";
}

/* The token as an answer of an authorization server would have it. */
static const char *read_grant(const explain_question_t *q, answer_t *a,
                              apr_pool_t *p)
{
    const smart_grant_recipe_t recipe = {.version = q->policy.version,
                                         .public_url = q->base};
    const char *body =
        apr_pstrcat(p, "{\"active\":true", claim("scope", q->scopes, p),
                    claim("patient", q->patient, p),
                    claim("fhirUser", q->fhir_user, p), "}", NULL);
    const char *detail;
    smart_slice_t record;
    apr_int64_t exp;

    if (!q->has_token) {
        return NULL;
    }
    if (smart_grant_make(&recipe, smart_slice(body), p, &record, &exp,
                         &detail) != SMART_GRANT_ACTIVE) {
        return apr_psprintf(p, "the token is not accepted: %s", detail);
    }
    a->has_grant = smart_grant_open(record, &a->grant);
    return a->has_grant ? NULL : "the token can not be kept";
}

static const char *read_request(const explain_question_t *q, answer_t *a,
                                apr_pool_t *p)
{
    const char *query = strchr(q->url, '?');
    const smart_request_t req = {
        .method = q->method,
        .path = smart_slice_n(q->url, query ? (apr_size_t)(query - q->url)
                                            : strlen(q->url)),
        .query = query ? smart_slice(query + 1) : smart_slice_n(NULL, 0),
        .if_none_exist = *q->method == 'P' ? q->if_none_exist : NULL,
        .prefer = q->prefer,
        .provenance = q->provenance,
    };
    const char *why = NULL;

    a->malformed =
        smart_interaction_read(q->policy.version, &req, p, &a->i, &why);
    return a->malformed ? why : NULL;
}

/* As a POST on _search is decided: by the URL first, then by both. */
static const char *add_form(const explain_question_t *q, answer_t *a,
                            apr_pool_t *p)
{
    smart_search_t form;
    const char *why;
    int n;

    if (!q->form || !a->i.form) {
        return NULL;
    }
    if (!smart_search_parse(smart_slice(q->form), p, &form, &why)) {
        a->malformed = SMART_REASON_BODY;
        return why;
    }
    for (n = 0; n < form.count; n++) {
        const smart_search_param_t *param = &form.params[n];
        smart_search_add(
            &a->i.search, apr_pstrmemdup(p, param->name.ptr, param->name.len),
            apr_pstrmemdup(p, param->value.ptr, param->value.len), p);
    }
    a->i.form = false;
    return NULL;
}

static void decide(const explain_question_t *q, answer_t *a, apr_pool_t *p)
{
    a->d = smart_decide(&q->policy, a->has_grant ? &a->grant : NULL, &a->i, p);
}

static answer_t ask(const explain_question_t *q, apr_pool_t *p)
{
    answer_t a = {0};

    if (!smart_compartment_check(&q->policy.compartment, q->policy.version, p,
                                 &a.error) ||
        !smart_rule_check(q->policy.version, q->policy.rules,
                          q->policy.rule_count, p, &a.error)) {
        return a;
    }
    a.error = read_grant(q, &a, p);
    if (!a.error) {
        a.error = read_request(q, &a, p);
    }
    if (a.error) {
        return a;
    }
    decide(q, &a, p);
    if (a.d.permit && (a.d.obligations & SMART_OBLIGE_FORM)) {
        a.error = add_form(q, &a, p);
        if (!a.error) {
            decide(q, &a, p);
        }
    }
    return a;
}

/* --- scopes that were ignored -------------------------------------------- */

/* Of a word of the token; NULL: it counts. */
static const char *ignored_word(const explain_question_t *q, const answer_t *a,
                                smart_slice_t word, apr_pool_t *p)
{
    const char *mark = memchr(word.ptr, '?', word.len);
    const char *text = apr_pstrmemdup(p, word.ptr, word.len);
    smart_scope_t scope;
    smart_ignored_e why;
    int n;

    for (n = 0; n < a->grant.scope_count; n++) {
        if (strcmp(
                smart_scope_text(&a->grant.scopes[n], a->grant.constraints, p),
                text) == 0) {
            why = smart_trace_scope(&q->policy, &a->grant, &a->i, a->d.rule, n);
            return why == SMART_IGNORED_NOT ? NULL : smart_trace_text(why);
        }
    }
    if (mark &&
        smart_scope_parse(
            q->policy.version,
            smart_slice_n(word.ptr, (apr_size_t)(mark - word.ptr)), &scope)) {
        return "its constraint can not be judged";
    }
    return smart_trace_text(SMART_IGNORED_UNKNOWN);
}

typedef struct ignored_t {
    const char *scope;
    const char *why;
} ignored_t;

static apr_array_header_t *ignored(const explain_question_t *q,
                                   const answer_t *a, apr_pool_t *p)
{
    apr_array_header_t *list = apr_array_make(p, 4, sizeof(ignored_t));
    const char *s = q->scopes;

    while (a->has_grant && *s) {
        const apr_size_t len = strcspn(s, " ");
        const char *why =
            len ? ignored_word(q, a, smart_slice_n(s, len), p) : NULL;

        if (why) {
            ignored_t *one = apr_array_push(list);
            one->scope = apr_pstrmemdup(p, s, len);
            one->why = why;
        }
        s += len + (s[len] == ' ');
    }
    return list;
}

/* --- a resource ---------------------------------------------------------- */

/* By what it is to be covered, unless the question says so. */
static char letter_of(const explain_question_t *q, const answer_t *a)
{
    if (q->letter) {
        return q->letter;
    }
    switch (a->i.kind) {
    case SMART_INTERACTION_CREATE:
        return 'c';
    case SMART_INTERACTION_UPDATE:
    case SMART_INTERACTION_PATCH:
        return 'u';
    case SMART_INTERACTION_DELETE:
        return 'd';
    case SMART_INTERACTION_READ:
    case SMART_INTERACTION_VREAD:
    case SMART_INTERACTION_HISTORY_INSTANCE:
    case SMART_INTERACTION_OPERATION:
        return 'r';
    case SMART_INTERACTION_HISTORY_TYPE:
    case SMART_INTERACTION_HISTORY_SYSTEM:
    case SMART_INTERACTION_SEARCH_TYPE:
    case SMART_INTERACTION_SEARCH_SYSTEM:
    case SMART_INTERACTION_SEARCH_COMPARTMENT:
    case SMART_INTERACTION_PAGE:
    case SMART_INTERACTION_CAPABILITIES:
    case SMART_INTERACTION_BATCH:
    case SMART_INTERACTION_TRANSACTION:
    case SMART_INTERACTION_DISCOVERY:
    case SMART_INTERACTION_UNKNOWN:
    case SMART_INTERACTION_COUNT:
        break;
    }
    return 's';
}

/* "yes", "no" or why it can not be said; NULL: it was not asked. */
static const char *covered(const explain_question_t *q, const answer_t *a,
                           apr_pool_t *p)
{
    const char *urls[] = {q->base, NULL};
    smart_coverage_t c = {.policy = &q->policy, .grant = &a->grant};
    const smart_json_t *resource;
    const char *why;
    bool yes = false;

    if (!q->resource) {
        return NULL;
    }
    if (smart_json_read(smart_slice(q->resource), p, &resource, &why) !=
        SMART_JSON_READ) {
        return why;
    }
    c.bases.version = q->policy.version;
    c.bases.urls = urls;
    switch (a->has_grant ? letter_of(q, a) : 0) {
    case 'r':
        yes = smart_coverage_read(&c, SMART_LETTER_R, resource, p);
        break;
    case 's':
        yes = smart_coverage_read(&c, SMART_LETTER_S, resource, p);
        break;
    case 'c':
        yes = smart_coverage_write(&c, SMART_LETTER_C, resource, p);
        break;
    case 'u': /* what is sent */
        yes = smart_coverage_write(&c, SMART_LETTER_U, resource, p);
        break;
    case 'd': /* what is there */
        yes = smart_coverage_current(&c, SMART_LETTER_D, resource, p);
        break;
    default:
        break;
    }
    return yes ? "yes" : "no";
}

/* --- writing ------------------------------------------------------------- */

static const char *letter_text(smart_letters_t letter)
{
    if (letter == SMART_LETTER_R) {
        return "r";
    }
    return letter == SMART_LETTER_S ? "s" : NULL;
}

/* What is to be appended, as a query. */
static const char *narrow_text(const smart_decision_t *d, apr_pool_t *p)
{
    smart_search_t search = {0};
    int n;

    for (n = 0; n < d->narrow_count; n++) {
        smart_search_add(&search, d->narrow[n].name, d->narrow[n].value, p);
    }
    return smart_search_write(&search, p);
}

static const char *narrow_json(const smart_decision_t *d, apr_pool_t *p)
{
    const char *out = "";
    int n;

    for (n = 0; n < d->narrow_count; n++) {
        out = apr_pstrcat(p, out, n ? ",[" : "[",
                          explain_quoted(d->narrow[n].name, p), ",",
                          explain_quoted(d->narrow[n].value, p), "]", NULL);
    }
    return out;
}

static const char *ignored_json(const apr_array_header_t *list, apr_pool_t *p)
{
    const char *out = "";
    int n;

    for (n = 0; n < list->nelts; n++) {
        const ignored_t *one = &APR_ARRAY_IDX(list, n, ignored_t);
        out = apr_pstrcat(p, out, n ? "," : "",
                          "{\"scope\":", explain_quoted(one->scope, p),
                          ",\"why\":", explain_quoted(one->why, p), "}", NULL);
    }
    return out;
}

static const char *error_json(const answer_t *a, apr_pool_t *p)
{
    const smart_reason_row_t *row = smart_reason_row(a->malformed);

    if (!a->malformed) {
        return apr_pstrcat(p, "{\"error\":", explain_quoted(a->error, p), "}",
                           NULL);
    }
    return apr_psprintf(
        p, "{\"decision\":\"deny\",\"reason\":\"%s\",\"status\":%d,\"why\":%s}",
        row->name, row->status, explain_quoted(a->error, p));
}

const char *explain_answer_json(explain_question_t *q, apr_pool_t *p)
{
    const answer_t a = ask(q, p);
    const smart_decision_t *d = &a.d;
    const smart_reason_row_t *row = smart_reason_row(d->reason);
    const char *verdict;

    if (a.error) {
        return error_json(&a, p);
    }
    verdict = d->permit
                  ? apr_psprintf(p,
                                 "\"decision\":\"permit\",\"public\":%s,"
                                 "\"restricted\":%s",
                                 d->is_public ? "true" : "false",
                                 d->restricted ? "true" : "false")
                  : apr_psprintf(p,
                                 "\"decision\":\"deny\",\"reason\":\"%s\","
                                 "\"status\":%d",
                                 row->name, row->status);
    return apr_pstrcat(
        p, "{", verdict, ",\"interaction\":\"",
        smart_interaction_name(a.i.kind),
        "\",\"scope\":", explain_quoted(d->scope, p),
        ",\"patient\":", explain_quoted(d->patient, p),
        ",\"rule\":", explain_quoted(d->rule ? d->rule->text : NULL, p),
        ",\"obligations\":",
        explain_quoted(smart_trace_obligations(d->obligations, p), p),
        ",\"shown\":", explain_quoted(letter_text(d->shown), p),
        ",\"narrow\":[", narrow_json(d, p),
        "],\"query\":", explain_quoted(d->query, p), ",\"ignored\":[",
        ignored_json(ignored(q, &a, p), p),
        "],\"covered\":", explain_quoted(covered(q, &a, p), p), "}", NULL);
}

static const char *line(const char *name, const char *value, apr_pool_t *p)
{
    return value ? apr_psprintf(p, "%-12s %s\n", name, value) : "";
}

static const char *ignored_text(const apr_array_header_t *list, apr_pool_t *p)
{
    const char *out = "";
    int n;

    for (n = 0; n < list->nelts; n++) {
        const ignored_t *one = &APR_ARRAY_IDX(list, n, ignored_t);
        out = apr_pstrcat(p, out,
                          line(n ? "" : "ignored",
                               apr_psprintf(p, "%s: %s", one->scope, one->why),
                               p),
                          NULL);
    }
    return out;
}

static const char *deny_text(smart_reason_e reason, const char *why,
                             apr_pool_t *p)
{
    const smart_reason_row_t *row = smart_reason_row(reason);

    return line("deny",
                apr_psprintf(p, "%d, %s: %s", row->status, row->name,
                             why ? why : row->text),
                p);
}

static const char *permit_text(const smart_decision_t *d)
{
    if (d->is_public) {
        return "without a token";
    }
    return d->restricted ? "restricted" : "not restricted";
}

const char *explain_answer_text(explain_question_t *q, apr_pool_t *p)
{
    const answer_t a = ask(q, p);
    const smart_decision_t *d = &a.d;
    const bool narrows = (d->obligations & SMART_OBLIGE_NARROW) != 0;

    if (a.error) {
        return a.malformed ? deny_text(a.malformed, a.error, p)
                           : line("error", a.error, p);
    }
    return apr_pstrcat(
        p,
        d->permit ? line("permit", permit_text(d), p)
                  : deny_text(d->reason, NULL, p),
        line("interaction", smart_interaction_name(a.i.kind), p),
        line(d->permit ? "scope" : "needs", d->scope, p),
        line("rule", d->rule ? d->rule->text : NULL, p),
        line("patient", d->patient, p),
        d->permit ? line("owes", smart_trace_obligations(d->obligations, p), p)
                  : "",
        line("narrowed by", narrows ? narrow_text(d, p) : NULL, p),
        line("shown with", letter_text(d->shown), p),
        line("query sent", d->query, p), line("covered", covered(q, &a, p), p),
        ignored_text(ignored(q, &a, p), p), NULL);
}
