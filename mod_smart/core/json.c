/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.c: the only room of core that knows jansson.
 *
 * jansson recurses up to 2048 levels; the nesting is counted before it is
 * called, by a scan that only has to be right for valid JSON: what it
 * misunderstands is not valid and will be refused anyway.
 */
#include "core/json.h"

#include <jansson.h>

static bool too_deep(smart_slice_t text)
{
    bool quoted = false;
    int depth = 0;
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        const char c = text.ptr[i];

        if (quoted && c == '\\') {
            i++;
        }
        else if (c == '"') {
            quoted = !quoted;
        }
        else if (!quoted && (c == '{' || c == '[')) {
            if (++depth > SMART_JSON_MAX_DEPTH) {
                return true;
            }
        }
        else if (!quoted && (c == '}' || c == ']')) {
            depth--;
        }
    }
    return false;
}

/* jansson's own texts quote the input. */
static const char *fault_text(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_duplicate_key:
        return "a name stands twice in an object";
    case json_error_end_of_input_expected:
        return "something follows the JSON";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a NUL in a string";
    case json_error_invalid_utf8:
        return "not UTF-8";
    case json_error_numeric_overflow:
        return "a number is too large";
    case json_error_premature_end_of_input:
        return "the JSON ends early";
    case json_error_unknown:
    case json_error_out_of_memory:
    case json_error_stack_overflow:
    case json_error_cannot_open_file:
    case json_error_invalid_argument:
    case json_error_invalid_syntax:
    case json_error_invalid_format:
    case json_error_wrong_type:
    case json_error_null_value:
    case json_error_item_not_found:
    case json_error_index_out_of_range:
        break;
    }
    return "not JSON";
}

static apr_status_t json_free(void *data)
{
    json_decref(data);
    return APR_SUCCESS;
}

smart_json_read_e smart_json_read(smart_slice_t text, apr_pool_t *p,
                                  const smart_json_t **pjson, const char **pwhy)
{
    json_error_t error;
    json_t *root;

    *pjson = NULL;
    *pwhy = "";
    if (text.len == 0) {
        *pwhy = "there is no text";
        return SMART_JSON_INVALID;
    }
    if (too_deep(text)) {
        *pwhy = "the JSON is nested too deeply";
        return SMART_JSON_INVALID;
    }
    root = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        *pwhy = fault_text(&error);
        return json_error_code(&error) == json_error_numeric_overflow
                   ? SMART_JSON_RANGE
                   : SMART_JSON_INVALID;
    }
    apr_pool_cleanup_register(p, root, json_free, apr_pool_cleanup_null);
    *pjson = root;
    return SMART_JSON_READ;
}

void smart_json_close(const smart_json_t *json, apr_pool_t *p)
{
    if (json) {
        apr_pool_cleanup_run(p, (void *)json, json_free);
    }
}

smart_json_e smart_json_kind(const smart_json_t *value)
{
    if (!value) {
        return SMART_JSON_ABSENT;
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return SMART_JSON_OBJECT;
    case JSON_ARRAY:
        return SMART_JSON_ARRAY;
    case JSON_STRING:
        return SMART_JSON_STRING;
    case JSON_INTEGER:
    case JSON_REAL:
        return SMART_JSON_NUMBER;
    case JSON_TRUE:
    case JSON_FALSE:
        return SMART_JSON_BOOLEAN;
    case JSON_NULL:
        return SMART_JSON_NULL;
    }
    return SMART_JSON_ABSENT;
}

const smart_json_t *smart_json_member(const smart_json_t *object,
                                      const char *name)
{
    return json_object_get(object, name);
}

const smart_json_t *smart_json_next(const smart_json_t *object, void **pcursor,
                                    smart_slice_t *pname)
{
    /* jansson's iterators take what they do not change without const. */
    json_t *root = (json_t *)object;

    *pcursor = *pcursor ? json_object_iter_next(root, *pcursor)
                        : json_object_iter(root);
    *pname = smart_slice_n(NULL, 0);
    if (!*pcursor) {
        return NULL;
    }
    *pname = smart_slice_n(json_object_iter_key(*pcursor),
                           json_object_iter_key_len(*pcursor));
    return json_object_iter_value(*pcursor);
}

apr_size_t smart_json_count(const smart_json_t *array)
{
    return json_array_size(array);
}

const smart_json_t *smart_json_item(const smart_json_t *array, apr_size_t i)
{
    return json_array_get(array, i);
}

bool smart_json_is_true(const smart_json_t *value)
{
    return json_is_true(value);
}

bool smart_json_is_false(const smart_json_t *value)
{
    return json_is_false(value);
}

bool smart_json_string(const smart_json_t *value, smart_slice_t *ptext)
{
    *ptext = smart_slice_n(json_string_value(value), json_string_length(value));
    return ptext->ptr != NULL;
}

bool smart_json_whole(const smart_json_t *value, apr_int64_t min,
                      apr_int64_t max, apr_int64_t *pwhole)
{
    *pwhole = 0;
    if (min < -SMART_JSON_MAX_WHOLE || max > SMART_JSON_MAX_WHOLE) {
        SMART_ASSERT(false);
        return false;
    }
    if (json_is_integer(value)) {
        const json_int_t whole = json_integer_value(value);

        *pwhole = whole >= min && whole <= max ? whole : 0;
        return whole >= min && whole <= max;
    }
    /* As doubles: a cast of one that does not fit is undefined. */
    if (json_is_real(value) && json_real_value(value) >= (double)min &&
        json_real_value(value) <= (double)max) {
        *pwhole = (apr_int64_t)json_real_value(value);
        return true;
    }
    return false;
}

bool smart_json_write(const smart_json_t *value, apr_pool_t *p,
                      smart_slice_t *ptext)
{
    const size_t flags =
        JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15);
    size_t len;
    char *out;

    *ptext = smart_slice_n(NULL, 0);
    len = value ? json_dumpb(value, NULL, 0, flags) : 0;
    if (len == 0) {
        return false;
    }
    out = apr_palloc(p, len + 1);
    json_dumpb(value, out, len, flags);
    out[len] = '\0';
    *ptext = smart_slice_n(out, len);
    return true;
}
