/* SPDX-License-Identifier: Apache-2.0 */
/*
 * question.c: words and JSON -> question. One table of names serves both.
 */
#include "explain.h"

#include <apr_strings.h>

#include "core/rule.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

void explain_question_init(explain_question_t *q, apr_pool_t *p)
{
    memset(q, 0, sizeof(*q));
    q->policy.version = SMART_FHIR_R4;
    q->policy.fhir_user = SMART_FHIR_USER_OPTIONAL;
    q->policy.compartment = smart_compartment_default();
    q->policy.discovery_public = true;
    q->policy.enforced = ~0u;
    q->rules = apr_array_make(p, 2, sizeof(const smart_rule_t *));
    q->extra = apr_array_make(p, 2, sizeof(smart_compartment_param_t));
    q->base = "http://localhost/fhir";
    q->method = "GET";
    q->url = "/";
    q->scopes = "";
}

static int word_of(const char *value, const char *const *words, int count)
{
    int n;

    for (n = 0; n < count; n++) {
        if (strcmp(value, words[n]) == 0) {
            return n;
        }
    }
    return -1;
}

/* At most 63; the last one is NULL. */
static int split(const char *text, const char **words, apr_pool_t *p)
{
    char *rest = apr_pstrdup(p, text), *last;
    int count = 0;

    for (; count < 63; count++) {
        words[count] = apr_strtok(count ? NULL : rest, " ", &last);
        if (!words[count]) {
            break;
        }
    }
    words[count] = NULL;
    return count;
}

static const char *set_rule(explain_question_t *q, const char *value,
                            apr_pool_t *p)
{
    smart_rule_t *rule = apr_palloc(p, sizeof(*rule));
    const char *words[64], *error;
    int count = split(value, words, p);

    if (!smart_rule_parse(words, count, p, rule, &error)) {
        return error;
    }
    APR_ARRAY_PUSH(q->rules, const smart_rule_t *) = rule;
    q->policy.rules = (const smart_rule_t *const *)q->rules->elts;
    q->policy.rule_count = q->rules->nelts;
    return NULL;
}

static const char *set_param(explain_question_t *q, const char *value,
                             apr_pool_t *p)
{
    smart_compartment_param_t extra;
    const char *error;

    if (!smart_compartment_add(value, p, &extra, &error)) {
        return error;
    }
    APR_ARRAY_PUSH(q->extra, smart_compartment_param_t) = extra;
    q->policy.compartment.extra =
        (const smart_compartment_param_t *)q->extra->elts;
    q->policy.compartment.extra_count = q->extra->nelts;
    return NULL;
}

static const char *set_share(explain_question_t *q, const char *value,
                             apr_pool_t *p)
{
    const char *words[64], *error;
    int count = split(value, words, p);

    smart_compartment_share(words, count, &q->policy.compartment.shared, p,
                            &error);
    return error;
}

static const char *set_header(explain_question_t *q, const char *value,
                              apr_pool_t *p)
{
    const char *colon = strchr(value, ':');
    const char *name;

    if (!colon) {
        return "a header is a name, a colon and a value";
    }
    name = apr_pstrmemdup(p, value, (apr_size_t)(colon - value));
    for (value = colon + 1; *value == ' '; value++) {
        continue;
    }
    if (!strcasecmp(name, "If-None-Exist")) {
        q->if_none_exist = value;
    }
    if (!strcasecmp(name, "Prefer")) {
        q->prefer = value;
    }
    q->provenance = q->provenance || !strcasecmp(name, "X-Provenance");
    return NULL;
}

static const char *set_version(explain_question_t *q, const char *value)
{
    static const char *const words[] = {"", "R4", "R4B", "R5"};
    int n = word_of(value, words, COUNT(words));

    if (n < 1) {
        return "a FHIR version is R4, R4B or R5";
    }
    q->policy.version = (smart_fhir_e)n;
    return NULL;
}

static const char *set_compartment(explain_question_t *q, const char *value)
{
    static const char *const words[] = {[SMART_COMPARTMENT_SUBJECT] = "subject",
                                        [SMART_COMPARTMENT_FORMAL] = "formal",
                                        [SMART_COMPARTMENT_OFF] = "off"};
    int n = word_of(value, words, COUNT(words));

    if (n < 0) {
        return "a compartment is formal, subject or off";
    }
    q->policy.compartment.mode = (smart_compartment_e)n;
    return NULL;
}

static const char *set_user_policy(explain_question_t *q, const char *value)
{
    static const char *const words[] = {[SMART_FHIR_USER_REQUIRED] = "required",
                                        [SMART_FHIR_USER_OPTIONAL] =
                                            "optional"};
    int n = word_of(value, words, COUNT(words));

    if (n < 0) {
        return "fhirUser is required or optional";
    }
    q->policy.fhir_user = (smart_fhir_user_e)n;
    return NULL;
}

static const char *set_letter(explain_question_t *q, const char *value)
{
    if (strlen(value) != 1 || !strchr("rscud", *value)) {
        return "a letter is r, s, c, u or d";
    }
    q->letter = *value;
    return NULL;
}

static const char *set_text(const char **ptext, const char *value)
{
    *ptext = value;
    return NULL;
}

const char *explain_question_set(explain_question_t *q, const char *name,
                                 const char *value, apr_pool_t *p)
{
    static const char *const names[] = {
        "version",     "scope", "patient", "fhirUser",     "method",   "url",
        "header",      "form",  "letter",  "base",         "resource", "rule",
        "compartment", "param", "share",   "smartFhirUser"};

    switch (word_of(name, names, COUNT(names))) {
    case 0:
        return set_version(q, value);
    case 1:
        q->has_token = true;
        q->scopes =
            *q->scopes ? apr_pstrcat(p, q->scopes, " ", value, NULL) : value;
        return NULL;
    case 2:
        return set_text(&q->patient, value);
    case 3:
        return set_text(&q->fhir_user, value);
    case 4:
        return set_text(&q->method, value);
    case 5:
        return set_text(&q->url, value);
    case 6:
        return set_header(q, value, p);
    case 7:
        return set_text(&q->form, value);
    case 8:
        return set_letter(q, value);
    case 9:
        return set_text(&q->base, value);
    case 10:
        return set_text(&q->resource, value);
    case 11:
        return set_rule(q, value, p);
    case 12:
        return set_compartment(q, value);
    case 13:
        return set_param(q, value, p);
    case 14:
        return set_share(q, value, p);
    case 15:
        return set_user_policy(q, value);
    default:
        return apr_psprintf(p, "\"%s\" says nothing here", name);
    }
}

/* --- JSON ---------------------------------------------------------------- */

static const char *read_headers(explain_question_t *q,
                                const smart_json_t *object, apr_pool_t *p)
{
    const smart_json_t *value;
    const char *error = NULL;
    void *cursor = NULL;
    smart_slice_t name, text;

    while (!error && (value = smart_json_next(object, &cursor, &name))) {
        error = smart_json_string(value, &text)
                    ? set_header(q,
                                 apr_psprintf(p, "%.*s:%s", (int)name.len,
                                              name.ptr, text.ptr),
                                 p)
                    : "a header is no string";
    }
    return error;
}

/* A string, a list of them, an object of headers, or a resource. */
static const char *read_member(explain_question_t *q, const char *name,
                               const smart_json_t *value, apr_pool_t *p)
{
    const char *error = NULL;
    smart_slice_t text;
    apr_size_t n;

    switch (smart_json_kind(value)) {
    case SMART_JSON_STRING:
        smart_json_string(value, &text);
        return explain_question_set(q, name, apr_pstrdup(p, text.ptr), p);
    case SMART_JSON_ARRAY:
        for (n = 0; n < smart_json_count(value) && !error; n++) {
            error = read_member(q, name, smart_json_item(value, n), p);
        }
        return error;
    case SMART_JSON_OBJECT:
        if (strcmp(name, "headers") == 0) {
            return read_headers(q, value, p);
        }
        return smart_json_write(value, p, &text)
                   ? explain_question_set(q, name, text.ptr, p)
                   : "it can not be written";
    case SMART_JSON_NULL:
        return NULL;
    case SMART_JSON_ABSENT:
    case SMART_JSON_BOOLEAN:
    case SMART_JSON_NUMBER:
        break;
    }
    return apr_psprintf(p, "\"%s\" is no string", name);
}

const char *explain_question_read(explain_question_t *q, smart_slice_t json,
                                  apr_pool_t *p)
{
    const smart_json_t *object, *value;
    const char *error = NULL;
    void *cursor = NULL;
    smart_slice_t name;

    if (smart_json_read(json, p, &object, &error) != SMART_JSON_READ ||
        smart_json_kind(object) != SMART_JSON_OBJECT) {
        return *error ? error : "no object";
    }
    error = NULL;
    while (!error && (value = smart_json_next(object, &cursor, &name))) {
        error = read_member(q, apr_pstrmemdup(p, name.ptr, name.len), value, p);
    }
    return error;
}
