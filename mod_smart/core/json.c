/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.c: looks at values, and writing. Reading is in json_read.c.
 */
#include "core/json_node.h"

#include <stdlib.h>

#include "core/json_number.h"

static bool is_kind(const smart_json_t *value, smart_json_e kind)
{
    return value && value->kind == (apr_byte_t)kind;
}

smart_json_e smart_json_kind(const smart_json_t *value)
{
    return value ? (smart_json_e)value->kind : SMART_JSON_ABSENT;
}

const smart_json_t *smart_json_member_n(const smart_json_t *object,
                                        smart_slice_t name)
{
    apr_uint32_t i;

    for (i = 0; is_kind(object, SMART_JSON_OBJECT) && i < object->count; i++) {
        if (smart_slice_equal(object->u.items[i]->name, name)) {
            return object->u.items[i];
        }
    }
    return NULL;
}

const smart_json_t *smart_json_member(const smart_json_t *object,
                                      const char *name)
{
    return smart_json_member_n(object, smart_slice(name));
}

/* A cursor points behind the last item seen, in the object's own list. */
const smart_json_t *smart_json_next(const smart_json_t *object, void **pcursor,
                                    smart_slice_t *pname)
{
    smart_json_t **at = *pcursor;

    *pname = smart_slice_n(NULL, 0);
    *pcursor = NULL;
    if (!is_kind(object, SMART_JSON_OBJECT) || object->count == 0) {
        return NULL;
    }
    at = at ? at : object->u.items;
    if (at == object->u.items + object->count) {
        return NULL;
    }
    *pname = (*at)->name;
    *pcursor = at + 1;
    return *at;
}

apr_size_t smart_json_count(const smart_json_t *array)
{
    return is_kind(array, SMART_JSON_ARRAY) ? array->count : 0;
}

const smart_json_t *smart_json_item(const smart_json_t *array, apr_size_t i)
{
    return i < smart_json_count(array) ? array->u.items[i] : NULL;
}

bool smart_json_is_true(const smart_json_t *value)
{
    return is_kind(value, SMART_JSON_BOOLEAN) && value->yes;
}

bool smart_json_is_false(const smart_json_t *value)
{
    return is_kind(value, SMART_JSON_BOOLEAN) && !value->yes;
}

bool smart_json_string(const smart_json_t *value, smart_slice_t *ptext)
{
    const bool is = is_kind(value, SMART_JSON_STRING);

    *ptext = is ? value->u.text : smart_slice_n(NULL, 0);
    return is;
}

/* Whether a number is within limits. Whole ones are: what was cut from it
 * makes it more, or, below 0, less. */
static bool within(apr_int64_t whole, bool fraction, bool negative,
                   apr_int64_t min, apr_int64_t max)
{
    return whole >= min && whole <= max &&
           !(fraction && (negative ? whole == min : whole == max));
}

bool smart_json_whole(const smart_json_t *value, apr_int64_t min,
                      apr_int64_t max, apr_int64_t *pwhole)
{
    smart_json_number_t number;
    apr_int64_t whole;
    bool fraction;

    *pwhole = 0;
    if (min < -SMART_JSON_MAX_WHOLE || max > SMART_JSON_MAX_WHOLE) {
        SMART_ASSERT(false);
        return false;
    }
    if (!is_kind(value, SMART_JSON_NUMBER) ||
        !smart_json_number_read(value->u.text, &number) ||
        !smart_json_number_whole(&number, &whole, &fraction) ||
        !within(whole, fraction, number.negative, min, max)) {
        return false;
    }
    *pwhole = whole;
    return true;
}

/* ---- names in any case ---- */

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (unsigned char)c;
}

static int name_order(const void *left, const void *right)
{
    const smart_slice_t a = (*(smart_json_t *const *)left)->name;
    const smart_slice_t b = (*(smart_json_t *const *)right)->name;
    apr_size_t i;

    if (a.len != b.len) {
        return a.len < b.len ? -1 : 1;
    }
    for (i = 0; i < a.len && lower(a.ptr[i]) == lower(b.ptr[i]); i++) {
        /* next */
    }
    return i < a.len ? lower(a.ptr[i]) - lower(b.ptr[i]) : 0;
}

static bool is_ascii(smart_slice_t name)
{
    apr_size_t i;

    for (i = 0; i < name.len && (unsigned char)name.ptr[i] < 0x80; i++) {
        /* next */
    }
    return i == name.len;
}

static bool names_distinct(const smart_json_t *object)
{
    smart_json_t *sorted[SMART_JSON_MAX_NAMES];
    apr_uint32_t i;

    if (object->count > SMART_JSON_MAX_NAMES) {
        return false;
    }
    for (i = 0; i < object->count; i++) {
        sorted[i] = object->u.items[i];
        if (!is_ascii(sorted[i]->name)) {
            return false;
        }
    }
    qsort((void *)sorted, object->count, sizeof(smart_json_t *), name_order);
    for (i = 1; i < object->count; i++) {
        if (name_order(&sorted[i - 1], &sorted[i]) == 0) {
            return false;
        }
    }
    return true;
}

/* As deep as what was read, or was allowed to be edited. */
bool smart_json_distinct(const smart_json_t *value)
{
    const bool is_object = is_kind(value, SMART_JSON_OBJECT);
    apr_uint32_t i;

    if (!is_object && !is_kind(value, SMART_JSON_ARRAY)) {
        return true;
    }
    if (is_object && !names_distinct(value)) {
        return false;
    }
    for (i = 0; i < value->count; i++) {
        if (!smart_json_distinct(value->u.items[i])) {
            return false;
        }
    }
    return true;
}

/* ---- writing ---- */

/* Where to; at NULL it is only counted. */
typedef struct writer_t {
    char *at;
    apr_size_t len;
} writer_t;

static void put(writer_t *w, const char *bytes, apr_size_t len)
{
    if (w->at && len) {
        memcpy(w->at + w->len, bytes, len);
    }
    w->len += len;
}

static void byte_put(writer_t *w, char c)
{
    put(w, &c, 1);
}

static void escape_put(writer_t *w, unsigned char c)
{
    static const char bytes[] = "\"\\\b\f\n\r\t";
    static const char names[] = "\"\\bfnrt";
    static const char digits[] = "0123456789ABCDEF";
    const char *known = strchr(bytes, c);

    byte_put(w, '\\');
    if (known) {
        byte_put(w, names[known - bytes]);
        return;
    }
    put(w, "u00", 3);
    byte_put(w, digits[c >> 4]);
    byte_put(w, digits[c & 15]);
}

static void string_put(writer_t *w, smart_slice_t text)
{
    apr_size_t done = 0;
    apr_size_t i;

    byte_put(w, '"');
    for (i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];

        if (c < 0x20 || c == '"' || c == '\\') {
            put(w, text.ptr + done, i - done);
            escape_put(w, c);
            done = i + 1;
        }
    }
    put(w, text.ptr + done, text.len - done);
    byte_put(w, '"');
}

static void value_put(writer_t *w, const smart_json_t *value);

static void children_put(writer_t *w, const smart_json_t *value, char opening,
                         char closing)
{
    apr_uint32_t i;

    byte_put(w, opening);
    for (i = 0; i < value->count; i++) {
        if (i > 0) {
            byte_put(w, ',');
        }
        if (value->kind == SMART_JSON_OBJECT) {
            string_put(w, value->u.items[i]->name);
            byte_put(w, ':');
        }
        value_put(w, value->u.items[i]);
    }
    byte_put(w, closing);
}

/* As deep as what was read, or was allowed to be edited. */
static void value_put(writer_t *w, const smart_json_t *value)
{
    switch ((smart_json_e)value->kind) {
    case SMART_JSON_OBJECT:
        children_put(w, value, '{', '}');
        break;
    case SMART_JSON_ARRAY:
        children_put(w, value, '[', ']');
        break;
    case SMART_JSON_STRING:
        string_put(w, value->u.text);
        break;
    case SMART_JSON_NUMBER:
        put(w, value->u.text.ptr, value->u.text.len);
        break;
    case SMART_JSON_BOOLEAN:
        put(w, value->yes ? "true" : "false", value->yes ? 4 : 5);
        break;
    case SMART_JSON_NULL:
    case SMART_JSON_ABSENT:
        put(w, "null", 4);
        break;
    }
}

bool smart_json_write(const smart_json_t *value, apr_pool_t *p,
                      smart_slice_t *ptext)
{
    writer_t w = {NULL, 0};

    *ptext = smart_slice_n(NULL, 0);
    if (!value) {
        return false;
    }
    value_put(&w, value);
    w.at = apr_palloc(p, w.len + 1);
    w.len = 0;
    value_put(&w, value);
    w.at[w.len] = '\0';
    *ptext = smart_slice_n(w.at, w.len);
    return true;
}
