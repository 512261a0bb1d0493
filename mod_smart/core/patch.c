/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patch.c: one operation after the other on a copy.
 */
#include "core/patch.h"

#include "core/json_edit.h"

#include <apr_strings.h>

/* The document that is patched, in a box so that all of it can be replaced. */
typedef struct patch_t {
    smart_json_t *box; /* array of one */
    apr_size_t budget; /* values that may still be added */
    const char *why;
    apr_pool_t *p;
} patch_t;

/* Where a pointer leads: a member or item of holder, which may not be there. */
typedef struct place_t {
    smart_json_t *holder; /* object or array */
    smart_slice_t name;   /* of a member */
    apr_size_t index;     /* of an item; the count of items: behind the last */
    bool is_array;
    int depth; /* objects and arrays around it, but for the box */
} place_t;

static bool fail(patch_t *patch, const char *why)
{
    patch->why = why;
    return false;
}

/* --- pointers ------------------------------------------------------------ */

/* Undo the escapes of a pointer's token: ~1 is "/", ~0 is "~". */
static bool token_read(smart_slice_t raw, apr_pool_t *p, smart_slice_t *pname)
{
    char *out = apr_palloc(p, raw.len + 1);
    apr_size_t i, len = 0;

    for (i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];

        if (c == '~') {
            if (++i == raw.len || (raw.ptr[i] != '0' && raw.ptr[i] != '1')) {
                return false;
            }
            c = raw.ptr[i] == '0' ? '~' : '/';
        }
        out[len++] = c;
    }
    out[len] = '\0';
    *pname = smart_slice_n(out, len);
    return true;
}

/* array-index of RFC 6901, or "-"; at most the count of items. */
static bool index_read(smart_slice_t name, apr_size_t count, apr_size_t *pindex)
{
    apr_size_t i, index = 0;

    if (smart_slice_is(name, "-")) {
        *pindex = count;
        return true;
    }
    if (name.len == 0 || (name.len > 1 && name.ptr[0] == '0')) {
        return false;
    }
    for (i = 0; i < name.len; i++) {
        if (name.ptr[i] < '0' || name.ptr[i] > '9') {
            return false;
        }
        index = index * 10 + (apr_size_t)(name.ptr[i] - '0');
        if (index > count) {
            return false;
        }
    }
    *pindex = index;
    return true;
}

/* What is at a place; NULL: nothing. */
static smart_json_t *at_place(const place_t *place)
{
    return place->is_array ? smart_json_at(place->holder, place->index)
                           : smart_json_get(place->holder, place->name);
}

/* Go from a place, which has to be there, on to one of its children. */
static bool step(patch_t *patch, smart_slice_t raw, place_t *place)
{
    smart_json_t *holder = at_place(place);

    place->holder = holder;
    place->depth++;
    if (!token_read(raw, patch->p, &place->name)) {
        return fail(patch, "a path has a wrong escape");
    }
    switch (smart_json_kind(holder)) {
    case SMART_JSON_OBJECT:
        place->is_array = false;
        return true;
    case SMART_JSON_ARRAY:
        place->is_array = true;
        return index_read(place->name, smart_json_count(holder),
                          &place->index) ||
               fail(patch, "a path has a wrong index");
    case SMART_JSON_ABSENT:
    case SMART_JSON_NULL:
    case SMART_JSON_BOOLEAN:
    case SMART_JSON_NUMBER:
    case SMART_JSON_STRING:
        break;
    }
    return fail(patch, "a path leads nowhere");
}

/* Follow a pointer up to its last token. */
static bool place_find(patch_t *patch, smart_slice_t pointer, place_t *place)
{
    memset(place, 0, sizeof(*place));
    place->holder = patch->box;
    place->is_array = true;
    if (pointer.len && pointer.ptr[0] != '/') {
        return fail(patch, "a path is no JSON Pointer");
    }
    while (pointer.len) {
        const char *start = pointer.ptr + 1;
        const char *slash = memchr(start, '/', pointer.len - 1);
        apr_size_t len = slash ? (apr_size_t)(slash - start) : pointer.len - 1;

        if (!step(patch, smart_slice_n(start, len), place)) {
            return false;
        }
        pointer = smart_slice_n(start + len, pointer.len - 1 - len);
    }
    return true;
}

/* --- operations ---------------------------------------------------------- */

static bool is_nest(const smart_json_t *value)
{
    const smart_json_e kind = smart_json_kind(value);

    return kind == SMART_JSON_OBJECT || kind == SMART_JSON_ARRAY;
}

/* Take a value and all in it off the budget. depth: what is around it. */
static bool pay(patch_t *patch, const smart_json_t *value, int depth)
{
    const smart_json_t *child;
    smart_slice_t name;
    void *cursor = NULL;
    apr_size_t i;

    if (patch->budget == 0) {
        return fail(patch, "the result would be too large");
    }
    if (is_nest(value) && depth >= SMART_JSON_MAX_DEPTH) {
        return fail(patch, "the result would be nested too deeply");
    }
    patch->budget--;
    for (i = 0; i < smart_json_count(value); i++) {
        if (!pay(patch, smart_json_item(value, i), depth + 1)) {
            return false;
        }
    }
    if (smart_json_kind(value) == SMART_JSON_OBJECT) {
        while ((child = smart_json_next(value, &cursor, &name))) {
            if (!pay(patch, child, depth + 1)) {
                return false;
            }
        }
    }
    return true;
}

static bool put(patch_t *patch, const place_t *place, const smart_json_t *value,
                bool insert)
{
    bool done;

    if (!pay(patch, value, place->depth)) {
        return false;
    }
    if (!place->is_array) {
        done = smart_json_set(place->holder, place->name, value, patch->p);
    }
    else if (insert && place->holder != patch->box) {
        done = smart_json_insert(place->holder, place->index, value, patch->p);
    }
    else {
        done = smart_json_replace(place->holder, place->index, value, patch->p);
    }
    return done || fail(patch, "a value can not be put there");
}

static bool take_out(patch_t *patch, const place_t *place)
{
    if (place->holder == patch->box) {
        return fail(patch, "all of it can not be removed");
    }
    return (place->is_array ? smart_json_drop(place->holder, place->index)
                            : smart_json_remove(place->holder, place->name)) ||
           fail(patch, "a path leads nowhere");
}

/* An operation, with what it needs found. */
typedef struct operation_t {
    smart_slice_t path;
    smart_slice_t from;        /* copy, move */
    const smart_json_t *value; /* add, replace, test */
} operation_t;

static bool there(patch_t *patch, smart_slice_t pointer, place_t *place,
                  smart_json_t **pvalue)
{
    if (!place_find(patch, pointer, place)) {
        return false;
    }
    *pvalue = at_place(place);
    return *pvalue || fail(patch, "a path leads nowhere");
}

static bool do_add(patch_t *patch, const operation_t *op)
{
    place_t place;

    return place_find(patch, op->path, &place) &&
           put(patch, &place, op->value, true);
}

static bool do_remove(patch_t *patch, const operation_t *op)
{
    smart_json_t *value;
    place_t place;

    return there(patch, op->path, &place, &value) && take_out(patch, &place);
}

static bool do_replace(patch_t *patch, const operation_t *op)
{
    smart_json_t *value;
    place_t place;

    return there(patch, op->path, &place, &value) &&
           put(patch, &place, op->value, false);
}

static bool do_copy(patch_t *patch, const operation_t *op)
{
    smart_json_t *value;
    place_t from, to;

    return there(patch, op->from, &from, &value) &&
           place_find(patch, op->path, &to) && put(patch, &to, value, true);
}

/* Whether a pointer leads into what another one leads to. */
static bool is_below(smart_slice_t pointer, smart_slice_t above)
{
    return pointer.len > above.len &&
           memcmp(pointer.ptr, above.ptr ? above.ptr : "", above.len) == 0 &&
           pointer.ptr[above.len] == '/';
}

static bool do_move(patch_t *patch, const operation_t *op)
{
    smart_json_t *value;
    place_t from, to;

    if (is_below(op->path, op->from)) {
        return fail(patch, "a value is moved into itself");
    }
    if (!there(patch, op->from, &from, &value)) {
        return false;
    }
    if (smart_slice_equal(op->path, op->from)) {
        return true;
    }
    value = smart_json_copy(value, patch->p);
    return take_out(patch, &from) && place_find(patch, op->path, &to) &&
           put(patch, &to, value, true);
}

static bool do_test(patch_t *patch, const operation_t *op)
{
    smart_json_t *value;
    place_t place;

    return there(patch, op->path, &place, &value) &&
           (smart_json_equal(value, op->value) || fail(patch, "a test fails"));
}

static const struct {
    const char *name;
    bool (*run)(patch_t *patch, const operation_t *op);
    bool from;
    bool value;
} operations[] = {
    {"add", do_add, false, true},         {"remove", do_remove, false, false},
    {"replace", do_replace, false, true}, {"move", do_move, true, false},
    {"copy", do_copy, true, false},       {"test", do_test, false, true},
};

static bool apply(patch_t *patch, const smart_json_t *item)
{
    operation_t op = {0};
    smart_slice_t name;
    apr_size_t i;

    if (!smart_json_string(smart_json_member(item, "op"), &name) ||
        !smart_json_string(smart_json_member(item, "path"), &op.path)) {
        return fail(patch, "an operation has no op or no path");
    }
    op.value = smart_json_member(item, "value");
    for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (!smart_slice_is(name, operations[i].name)) {
            continue;
        }
        if (operations[i].value && !op.value) {
            return fail(patch, "an operation has no value");
        }
        if (operations[i].from &&
            !smart_json_string(smart_json_member(item, "from"), &op.from)) {
            return fail(patch, "an operation has no from");
        }
        return operations[i].run(patch, &op);
    }
    return fail(patch, "an operation is unknown");
}

static bool apply_all(patch_t *patch, const smart_json_t *all)
{
    const apr_size_t count = smart_json_count(all);
    apr_size_t i;

    if (smart_json_kind(all) != SMART_JSON_ARRAY) {
        return fail(patch, "a patch is no array");
    }
    if (count > SMART_PATCH_OPERATIONS) {
        return fail(patch, "a patch has too many operations");
    }
    for (i = 0; i < count; i++) {
        if (!apply(patch, smart_json_item(all, i))) {
            return false;
        }
    }
    return true;
}

bool smart_patch_apply(const smart_json_t *patch, const smart_json_t *current,
                       apr_pool_t *p, const smart_json_t **pnew,
                       const char **pwhy)
{
    patch_t work = {smart_json_new_array(p), SMART_PATCH_NODES, NULL, p};

    *pnew = NULL;
    *pwhy = NULL;
    if (!smart_json_insert(work.box, 0, current, p)) {
        *pwhy = "there is nothing to patch";
        return false;
    }
    if (!apply_all(&work, patch) ||
        (!smart_json_bounded(smart_json_item(work.box, 0)) &&
         !fail(&work, "the result would be too large")) ||
        (!smart_json_distinct(smart_json_item(work.box, 0)) &&
         !fail(&work, "the result has a name twice, in another case"))) {
        *pwhy = work.why;
        return false;
    }
    *pnew = smart_json_item(work.box, 0);
    return true;
}
