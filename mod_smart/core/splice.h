/* SPDX-License-Identifier: Apache-2.0 */
/*
 * splice.h: a text of which some ranges are sent differently. What is not
 * named keeps its bytes: no number is written anew, no order changes.
 *
 * smart_list_t is for the items of a JSON array or the members of an object,
 * of which some go: it minds the commas.
 *
 *     smart_list_begin(&list, &splice, behind the bracket);
 *     for each item, in order:
 *         smart_list_keep(&list, start, stop) or smart_list_drop(&list, stop)
 *     smart_list_end(&list);
 *
 * Invariant: ranges lie in the text and do not overlap, in whatever order they
 * come.
 *
 * Does not: know JSON beyond the comma.
 */
#ifndef SMART_SPLICE_H
#define SMART_SPLICE_H

#include "core/base.h"

/** Bytes from start to stop become text. */
typedef struct smart_edit_t {
    const char *start;
    const char *stop;
    smart_slice_t text;
} smart_edit_t;

typedef struct smart_splice_t {
    smart_edit_t *edits;
    int count;
    int room;
    apr_pool_t *p;
} smart_splice_t;

typedef struct smart_list_t {
    smart_splice_t *splice;
    const char *end;     /* of what is kept so far */
    const char *dropped; /* end of what was dropped behind it; NULL: nothing */
    int kept;
} smart_list_t;

/** Begin with nothing changed; p owns edits and result. */
void smart_splice_begin(smart_splice_t *splice, apr_pool_t *p);

/**
 * Replace a range.
 * @param text borrowed until smart_splice_end; empty: the range goes
 */
void smart_splice_put(smart_splice_t *splice, const char *start,
                      const char *stop, smart_slice_t text);

/**
 * Make the text.
 * @param text the whole original, not empty
 * @return text itself when nothing changed, else one allocated from the pool
 */
smart_slice_t smart_splice_end(smart_splice_t *splice, smart_slice_t text);

/** Begin a list whose first item may stand at start. */
void smart_list_begin(smart_list_t *list, smart_splice_t *splice,
                      const char *start);

/** The item from start to stop stays. */
void smart_list_keep(smart_list_t *list, const char *start, const char *stop);

/** The item that ends at stop goes. */
void smart_list_drop(smart_list_t *list, const char *stop);

/** No more items. */
void smart_list_end(smart_list_t *list);

#endif
