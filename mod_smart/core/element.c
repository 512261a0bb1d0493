/* SPDX-License-Identifier: Apache-2.0 */
/*
 * element.c: see element.h.
 */
#include "core/element.h"

typedef struct walk_t {
    smart_slice_t type;
    smart_element_see_fn *see;
    void *baton;
} walk_t;

/* Take off what stands before a stop byte, or all, and the stop. */
static void cut(smart_slice_t *rest, char stop, smart_slice_t *before)
{
    const char *at = rest->len ? memchr(rest->ptr, stop, rest->len) : NULL;

    *before = *rest;
    if (!at) {
        *rest = smart_slice_n(NULL, 0);
        return;
    }
    before->len = (apr_size_t)(at - rest->ptr);
    *rest = smart_slice_n(at + 1, rest->len - before->len - 1);
}

static bool walk(const walk_t *w, const smart_json_t *from,
                 smart_slice_t names);

/* What is left of the names leads on from a value; none is left: it is the
 * element. */
static bool arrive(const walk_t *w, const smart_json_t *value,
                   smart_slice_t names)
{
    return names.len ? walk(w, value, names) : w->see(w->baton, value, w->type);
}

static bool walk(const walk_t *w, const smart_json_t *from, smart_slice_t names)
{
    const smart_json_t *value;
    smart_slice_t name;
    apr_size_t i;

    cut(&names, '.', &name);
    value = smart_json_member_n(from, name);
    if (smart_json_kind(value) != SMART_JSON_ARRAY) {
        return value && arrive(w, value, names);
    }
    for (i = 0; i < smart_json_count(value); i++) {
        if (arrive(w, smart_json_item(value, i), names)) {
            return true;
        }
    }
    return false;
}

bool smart_element_any(const smart_json_t *resource, const char *path,
                       smart_element_see_fn *see, void *baton)
{
    smart_slice_t rest = smart_slice(path);
    smart_slice_t names;
    smart_slice_t bracket;
    walk_t w = {{NULL, 0}, see, baton};

    while (rest.len) {
        cut(&rest, '|', &bracket);
        cut(&bracket, '[', &names);
        cut(&bracket, ']', &w.type);
        if (walk(&w, resource, names)) {
            return true;
        }
    }
    return false;
}
