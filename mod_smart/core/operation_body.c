/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operation_body.c: Parameters -> search -> decision.
 */
#include "core/operation_body.h"

#include <apr_strings.h>

#include "core/json_edit.h"

/* Of Parameters.parameter.value[x]: primitives that a URL could say as well.
   Not decimal: none of the operations that are known takes one. */
static const char *const primitives[] = {
    "valueString", "valueCode",     "valueUri",     "valueCanonical",
    "valueUrl",    "valueId",       "valueDate",    "valueDateTime",
    "valueOid",    "valueInstant",  "valueBoolean", "valueInteger",
    "valueUuid",   "valueMarkdown", "valueTime",    "valuePositiveInt"};

static bool is_primitive(smart_slice_t name)
{
    apr_size_t n;

    for (n = 0; n < sizeof(primitives) / sizeof(primitives[0]); n++) {
        if (smart_slice_is(name, primitives[n])) {
            return true;
        }
    }
    return false;
}

/* What stands in a URL for it. NULL: nothing does. */
static const char *primitive_text(const smart_json_t *value, apr_pool_t *p)
{
    smart_slice_t text;
    apr_int64_t whole;

    if (smart_json_string(value, &text)) {
        return text.ptr;
    }
    if (smart_json_is_true(value)) {
        return "true";
    }
    if (smart_json_is_false(value)) {
        return "false";
    }
    return smart_json_whole(value, -SMART_JSON_MAX_WHOLE, SMART_JSON_MAX_WHOLE,
                            &whole)
               ? apr_psprintf(p, "%" APR_INT64_T_FMT, whole)
               : NULL;
}

/* One parameter; false: it is not of the form. */
static bool read_param(const smart_json_t *param, apr_pool_t *p,
                       smart_pair_t *pair)
{
    const smart_json_t *value;
    void *cursor = NULL;
    smart_slice_t name, text;

    pair->name = pair->value = NULL;
    while ((value = smart_json_next(param, &cursor, &name)) != NULL) {
        if (smart_slice_is(name, "name")) {
            smart_json_string(value, &text);
            pair->name = text.ptr; /* NULL: it is none */
            continue;
        }
        if (pair->value) { /* value[x] is one */
            return false;
        }
        pair->value = is_primitive(name) ? primitive_text(value, p) : NULL;
        if (!pair->value) {
            return false;
        }
    }
    return pair->name && pair->value;
}

/* Added as a query would have it: what can not stand in one is refused. */
static bool add_param(smart_search_t *search, const smart_pair_t *pair,
                      apr_pool_t *p)
{
    smart_search_t one = {0};
    const char *why;

    if (!smart_search_add(&one, pair->name, pair->value, p) ||
        !smart_search_parse(smart_slice(smart_search_write(&one, p)), p, &one,
                            &why)) {
        return false;
    }
    smart_search_add(search, pair->name, pair->value, p);
    return true;
}

static bool read_list(const smart_json_t *list, smart_search_t *search,
                      apr_pool_t *p)
{
    const apr_size_t count = smart_json_count(list);
    apr_size_t n;

    if (smart_json_kind(list) != SMART_JSON_ARRAY || count > SMART_MAX_PARAMS) {
        return false;
    }
    for (n = 0; n < count; n++) {
        smart_pair_t pair;

        if (!read_param(smart_json_item(list, n), p, &pair) ||
            !add_param(search, &pair, p)) {
            return false;
        }
    }
    return true;
}

/* Add what Parameters say; false: they say more than parameters. */
static bool read_parameters(const smart_json_t *body, smart_search_t *search,
                            apr_pool_t *p)
{
    const smart_json_t *value;
    bool is_parameters = false;
    void *cursor = NULL;
    smart_slice_t name, text;

    while ((value = smart_json_next(body, &cursor, &name)) != NULL) {
        if (smart_slice_is(name, "resourceType")) {
            smart_json_string(value, &text);
            is_parameters = smart_slice_is(text, "Parameters");
        }
        else if (!smart_slice_is(name, "parameter") ||
                 !read_list(value, search, p)) {
            return false;
        }
    }
    return is_parameters;
}

/* The last parameter of a query, as one more of the body. */
static const smart_json_t *with_last(const smart_json_t *body,
                                     const char *query, apr_pool_t *p)
{
    const smart_search_param_t *last;
    smart_json_t *out = smart_json_copy(body, p), *list, *one;
    smart_search_t search;
    const char *why;

    smart_search_parse(smart_slice(query), p, &search, &why);
    if (!search.count) { /* too many parameters */
        return NULL;
    }
    last = &search.params[search.count - 1];
    one = smart_json_new_object(p);
    smart_json_set_string(one, "name", last->name, p);
    smart_json_set_string(one, "valueString", last->value, p);
    if (!smart_json_member(out, "parameter")) {
        smart_json_set(out, smart_slice("parameter"), smart_json_new_array(p),
                       p);
    }
    list = smart_json_get(out, smart_slice("parameter"));
    smart_json_insert(list, smart_json_count(list), one, p);
    return out;
}

smart_decision_t smart_operation_body(const smart_policy_t *policy,
                                      const smart_grant_t *grant,
                                      const smart_interaction_t *i,
                                      const smart_json_t *body, apr_pool_t *p,
                                      const smart_json_t **pnew)
{
    smart_interaction_t both = *i;
    smart_decision_t d = {0};

    *pnew = NULL;
    if (i->kind != SMART_INTERACTION_OPERATION ||
        !read_parameters(body, &both.search, p)) {
        d.reason = SMART_REASON_BODY;
        return d;
    }
    both.body = false;
    d = smart_decide(policy, grant, &both, p);
    if (d.query) {
        *pnew = with_last(body, d.query, p);
        d.query = NULL;
        if (!*pnew) {
            d.permit = false;
            d.reason = SMART_REASON_INTERNAL;
        }
    }
    return d;
}
