/* SPDX-License-Identifier: Apache-2.0 */
/*
 * splice.c: edits are kept as they come, nearly in order, and sorted at the
 * end.
 */
#include "core/splice.h"

#define FIRST_ROOM 16 /* edits; more are made room for */

void smart_splice_begin(smart_splice_t *splice, apr_pool_t *p)
{
    splice->edits = apr_palloc(p, FIRST_ROOM * sizeof(*splice->edits));
    splice->count = 0;
    splice->room = FIRST_ROOM;
    splice->p = p;
}

void smart_splice_put(smart_splice_t *splice, const char *start,
                      const char *stop, smart_slice_t text)
{
    if (splice->count == splice->room) {
        smart_edit_t *more =
            apr_palloc(splice->p, 2 * sizeof(*more) * (size_t)splice->room);

        memcpy(more, splice->edits, sizeof(*more) * (size_t)splice->count);
        splice->edits = more;
        splice->room *= 2;
    }
    splice->edits[splice->count++] = (smart_edit_t){start, stop, text};
}

/* By insertion: only edits of one and the same item are ever out of order. */
static void sort(smart_edit_t *edits, int count)
{
    int i;
    int j;

    for (i = 1; i < count; i++) {
        const smart_edit_t edit = edits[i];

        for (j = i; j > 0 && edits[j - 1].start > edit.start; j--) {
            edits[j] = edits[j - 1];
        }
        edits[j] = edit;
    }
}

static char *copy(char *to, const char *from, apr_size_t n)
{
    if (n) {
        memcpy(to, from, n);
    }
    return to + n;
}

smart_slice_t smart_splice_end(smart_splice_t *splice, smart_slice_t text)
{
    const char *at = text.ptr;
    apr_size_t len = text.len;
    char *out;
    char *to;
    int i;

    if (splice->count == 0) {
        return text;
    }
    sort(splice->edits, splice->count);
    for (i = 0; i < splice->count; i++) {
        const smart_edit_t *edit = &splice->edits[i];

        len += edit->text.len;
        len -= (apr_size_t)(edit->stop - edit->start);
    }
    out = to = apr_palloc(splice->p, len + 1);
    for (i = 0; i < splice->count; i++) {
        const smart_edit_t *edit = &splice->edits[i];

        to = copy(to, at, (apr_size_t)(edit->start - at));
        to = copy(to, edit->text.ptr, edit->text.len);
        at = edit->stop;
    }
    to = copy(to, at, (apr_size_t)(text.ptr + text.len - at));
    *to = '\0';
    return smart_slice_n(out, (apr_size_t)(to - out));
}

void smart_list_begin(smart_list_t *list, smart_splice_t *splice,
                      const char *start)
{
    list->splice = splice;
    list->end = start;
    list->dropped = NULL;
    list->kept = 0;
}

void smart_list_keep(smart_list_t *list, const char *start, const char *stop)
{
    if (list->dropped) {
        smart_splice_put(list->splice, list->end, start,
                         smart_slice(list->kept ? "," : ""));
    }
    list->end = stop;
    list->dropped = NULL;
    list->kept++;
}

void smart_list_drop(smart_list_t *list, const char *stop)
{
    list->dropped = stop;
}

void smart_list_end(smart_list_t *list)
{
    if (list->dropped) {
        smart_splice_put(list->splice, list->end, list->dropped,
                         smart_slice_n("", 0));
    }
}
