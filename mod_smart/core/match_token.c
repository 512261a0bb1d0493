/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match_token.c: see match_token.h.
 */
#include "core/match_token.h"

#include "core/search_value.h"

bool smart_token_read(smart_slice_t item, apr_pool_t *p, smart_token_t *ptoken)
{
    smart_slice_t rest = item;
    smart_slice_t first;
    smart_slice_t beyond;
    smart_token_t token = {false, {NULL, 0}, {NULL, 0}};

    memset(ptoken, 0, sizeof(*ptoken));
    token.has_system = smart_search_cut(&rest, '|', &first);
    if (!token.has_system) {
        rest = first;
    }
    else if (!smart_search_plain(first, p, &token.system)) {
        return false;
    }
    /* A second bar that is not escaped belongs to no code there is. */
    beyond = rest;
    if (smart_search_cut(&beyond, '|', &first)) {
        return false;
    }
    if (!smart_search_plain(rest, p, &token.code) ||
        (token.code.len == 0 && token.system.len == 0)) {
        return false;
    }
    *ptoken = token;
    return true;
}

static bool is_code(const smart_token_t *token, smart_slice_t code)
{
    return !token->has_system && smart_slice_equal(token->code, code);
}

/* A code and a system that stand beside each other. */
static bool pair_matches(const smart_token_t *token, const smart_json_t *object,
                         const smart_json_t *code_value)
{
    const smart_json_t *system_value = smart_json_member(object, "system");
    smart_slice_t code;
    smart_slice_t system;

    smart_json_string(code_value, &code);
    if (code.len == 0 ||
        (!smart_json_string(system_value, &system) && system_value)) {
        return false;
    }
    if (token->code.len > 0 && !smart_slice_equal(token->code, code)) {
        return false;
    }
    return !token->has_system || smart_slice_equal(token->system, system);
}

static bool coding_matches(const smart_token_t *token,
                           const smart_json_t *coding)
{
    return pair_matches(token, coding, smart_json_member(coding, "code"));
}

static bool concept_matches(const smart_token_t *token,
                            const smart_json_t *codings)
{
    apr_size_t i;

    for (i = 0; i < smart_json_count(codings); i++) {
        if (coding_matches(token, smart_json_item(codings, i))) {
            return true;
        }
    }
    return false;
}

static bool object_matches(const smart_token_t *token,
                           const smart_json_t *object)
{
    const smart_json_t *codings = smart_json_member(object, "coding");
    const smart_json_t *code = smart_json_member(object, "code");
    const smart_json_t *value = smart_json_member(object, "value");

    if ((codings != NULL) + (code != NULL) + (value != NULL) != 1) {
        return false;
    }
    return codings ? concept_matches(token, codings)
                   : pair_matches(token, object, code ? code : value);
}

bool smart_match_token(const smart_token_t *token, const smart_json_t *element)
{
    smart_slice_t text;

    switch (smart_json_kind(element)) {
    case SMART_JSON_STRING:
        smart_json_string(element, &text);
        return is_code(token, text);
    case SMART_JSON_BOOLEAN:
        return is_code(
            token, smart_slice(smart_json_is_true(element) ? "true" : "false"));
    case SMART_JSON_OBJECT:
        return object_matches(token, element);
    case SMART_JSON_ABSENT:
    case SMART_JSON_NULL:
    case SMART_JSON_NUMBER:
    case SMART_JSON_ARRAY:
        break;
    }
    return false;
}
