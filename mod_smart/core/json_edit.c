/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_edit.c: changes a tree.
 */
#include "core/json_edit.h"

#include <apr_strings.h>

#include "core/json_node.h"
#include "core/json_number.h"

static bool is_kind(const smart_json_t *value, smart_json_e kind)
{
    return value && value->kind == (apr_byte_t)kind;
}

static bool is_nest(const smart_json_t *value)
{
    return is_kind(value, SMART_JSON_ARRAY) ||
           is_kind(value, SMART_JSON_OBJECT);
}

/* ---- making ---- */

static smart_slice_t text_copy(smart_slice_t text, apr_pool_t *p)
{
    return smart_slice_n(apr_pstrmemdup(p, text.len ? text.ptr : "", text.len),
                         text.len);
}

static void fill(smart_json_t *to, const smart_json_t *from, apr_pool_t *p)
{
    const smart_slice_t name = to->name;
    apr_uint32_t i;

    *to = *from;
    to->name = name;
    if (is_kind(from, SMART_JSON_STRING) || is_kind(from, SMART_JSON_NUMBER)) {
        to->u.text = text_copy(from->u.text, p);
    }
    if (!is_nest(from)) {
        return;
    }
    to->room = from->count;
    to->u.items = apr_palloc(p, from->count * sizeof(smart_json_t *));
    for (i = 0; i < from->count; i++) {
        const smart_json_t *child = from->u.items[i];

        to->u.items[i] = apr_pcalloc(p, sizeof(*to));
        if (is_kind(from, SMART_JSON_OBJECT)) {
            to->u.items[i]->name = text_copy(child->name, p);
        }
        fill(to->u.items[i], child, p);
    }
}

smart_json_t *smart_json_copy(const smart_json_t *value, apr_pool_t *p)
{
    smart_json_t *copy;

    if (!value) {
        return NULL;
    }
    copy = apr_pcalloc(p, sizeof(*copy));
    fill(copy, value, p);
    return copy;
}

static smart_json_t *make(smart_json_e kind, apr_pool_t *p)
{
    smart_json_t *made = apr_pcalloc(p, sizeof(*made));

    made->kind = (apr_byte_t)kind;
    return made;
}

smart_json_t *smart_json_new_object(apr_pool_t *p)
{
    return make(SMART_JSON_OBJECT, p);
}

smart_json_t *smart_json_new_array(apr_pool_t *p)
{
    return make(SMART_JSON_ARRAY, p);
}

smart_json_t *smart_json_new_string(smart_slice_t text, apr_pool_t *p)
{
    smart_json_t *made = make(SMART_JSON_STRING, p);

    made->u.text = text_copy(text, p);
    return made;
}

/* ---- changing ---- */

/* Where a member is; count when there is none. */
static apr_uint32_t place_of(const smart_json_t *object, smart_slice_t name)
{
    apr_uint32_t i = 0;

    while (i < object->count &&
           !smart_slice_equal(object->u.items[i]->name, name)) {
        i++;
    }
    return i;
}

smart_json_t *smart_json_get(smart_json_t *object, smart_slice_t name)
{
    apr_uint32_t i;

    if (!is_kind(object, SMART_JSON_OBJECT)) {
        return NULL;
    }
    i = place_of(object, name);
    return i < object->count ? object->u.items[i] : NULL;
}

smart_json_t *smart_json_at(smart_json_t *array, apr_size_t i)
{
    return i < smart_json_count(array) ? array->u.items[i] : NULL;
}

static void open_place(smart_json_t *nest, apr_uint32_t i, apr_pool_t *p)
{
    if (nest->count == nest->room) {
        const apr_uint32_t room = nest->room ? nest->room * 2 : 4;
        smart_json_t **items = apr_palloc(p, room * sizeof(smart_json_t *));

        if (nest->count) {
            memcpy(items, nest->u.items, nest->count * sizeof(smart_json_t *));
        }
        nest->u.items = items;
        nest->room = room;
    }
    memmove(nest->u.items + i + 1, nest->u.items + i,
            (nest->count - i) * sizeof(smart_json_t *));
    nest->count++;
}

static void close_place(smart_json_t *nest, apr_uint32_t i)
{
    nest->count--;
    memmove(nest->u.items + i, nest->u.items + i + 1,
            (nest->count - i) * sizeof(smart_json_t *));
}

/* Put a copy at a place, in the place of what is there or before it. */
static bool put(smart_json_t *nest, apr_uint32_t i, bool instead,
                const smart_json_t *value, smart_slice_t name, apr_pool_t *p)
{
    smart_json_t *copy;

    if (!value) {
        return false;
    }
    copy = smart_json_copy(value, p);
    copy->name = is_kind(nest, SMART_JSON_OBJECT) ? text_copy(name, p)
                                                  : smart_slice_n(NULL, 0);
    if (!instead) {
        open_place(nest, i, p);
    }
    nest->u.items[i] = copy;
    return true;
}

bool smart_json_set(smart_json_t *object, smart_slice_t name,
                    const smart_json_t *value, apr_pool_t *p)
{
    apr_uint32_t i;

    if (!is_kind(object, SMART_JSON_OBJECT)) {
        return false;
    }
    i = place_of(object, name);
    return put(object, i, i < object->count, value, name, p);
}

bool smart_json_set_string(smart_json_t *object, const char *name,
                           smart_slice_t text, apr_pool_t *p)
{
    return smart_json_set(object, smart_slice(name),
                          smart_json_new_string(text, p), p);
}

bool smart_json_remove(smart_json_t *object, smart_slice_t name)
{
    apr_uint32_t i;

    if (!is_kind(object, SMART_JSON_OBJECT)) {
        return false;
    }
    i = place_of(object, name);
    if (i == object->count) {
        return false;
    }
    close_place(object, i);
    return true;
}

bool smart_json_insert(smart_json_t *array, apr_size_t i,
                       const smart_json_t *value, apr_pool_t *p)
{
    return is_kind(array, SMART_JSON_ARRAY) && i <= array->count &&
           put(array, (apr_uint32_t)i, false, value, smart_slice_n(NULL, 0), p);
}

bool smart_json_replace(smart_json_t *array, apr_size_t i,
                        const smart_json_t *value, apr_pool_t *p)
{
    return i < smart_json_count(array) &&
           put(array, (apr_uint32_t)i, true, value, smart_slice_n(NULL, 0), p);
}

bool smart_json_drop(smart_json_t *array, apr_size_t i)
{
    if (i >= smart_json_count(array)) {
        return false;
    }
    close_place(array, (apr_uint32_t)i);
    return true;
}

/* ---- bounds ---- */

/* Counts values; false: too many, or too deep. */
static bool counted(const smart_json_t *value, int depth, apr_uint32_t *pvalues)
{
    apr_uint32_t i;

    if (++*pvalues > SMART_JSON_MAX_VALUES) {
        return false;
    }
    if (!is_nest(value)) {
        return true;
    }
    if (depth == SMART_JSON_MAX_DEPTH ||
        (is_kind(value, SMART_JSON_OBJECT) &&
         value->count > SMART_JSON_MAX_NAMES)) {
        return false;
    }
    for (i = 0; i < value->count; i++) {
        if (!counted(value->u.items[i], depth + 1, pvalues)) {
            return false;
        }
    }
    return true;
}

bool smart_json_bounded(const smart_json_t *root)
{
    apr_uint32_t values = 0;

    return root && counted(root, 0, &values);
}

/* ---- comparing ---- */

static bool numbers_equal(const smart_json_t *a, const smart_json_t *b)
{
    smart_json_number_t an;
    smart_json_number_t bn;

    return smart_json_number_read(a->u.text, &an) &&
           smart_json_number_read(b->u.text, &bn) &&
           smart_json_number_equal(&an, &bn);
}

static bool children_equal(const smart_json_t *a, const smart_json_t *b)
{
    apr_uint32_t i;

    if (a->count != b->count) {
        return false;
    }
    for (i = 0; i < a->count; i++) {
        const smart_json_t *other =
            a->kind == SMART_JSON_ARRAY
                ? b->u.items[i]
                : smart_json_member_n(b, a->u.items[i]->name);

        if (!smart_json_equal(a->u.items[i], other)) {
            return false;
        }
    }
    return true;
}

bool smart_json_equal(const smart_json_t *a, const smart_json_t *b)
{
    if (!a || !b || a->kind != b->kind) {
        return false;
    }
    switch ((smart_json_e)a->kind) {
    case SMART_JSON_NULL:
        return true;
    case SMART_JSON_BOOLEAN:
        return a->yes == b->yes;
    case SMART_JSON_NUMBER:
        return numbers_equal(a, b);
    case SMART_JSON_STRING:
        return smart_slice_equal(a->u.text, b->u.text);
    case SMART_JSON_ARRAY:
    case SMART_JSON_OBJECT:
        return children_equal(a, b);
    case SMART_JSON_ABSENT:
        break;
    }
    return false;
}
