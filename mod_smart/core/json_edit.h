/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_edit.h: JSON that can be changed.
 *
 * Invariants:
 *   1. What is put into a tree is copied: trees share nothing that changes,
 *      and a value can be put into itself.
 *   2. Nothing here looks at the whole tree: whoever puts in what a client
 *      chose asks smart_json_bounded after each change, or a few changes make
 *      a tree that is too large for any memory, or too deep for the stack.
 *   3. A member that is replaced keeps its place, a new one is the last.
 *   4. What stays keeps its address: only values that were replaced, removed
 *      or dropped may not be used any more.
 */
#ifndef SMART_JSON_EDIT_H
#define SMART_JSON_EDIT_H

#include "core/json.h"

#define SMART_JSON_MAX_VALUES 1000000u /* in a tree that is edited */

/**
 * Copy a value, to be changed.
 * @param value may be NULL, then the copy is
 * @param p     owns the copy
 */
smart_json_t *smart_json_copy(const smart_json_t *value, apr_pool_t *p);

/** Make an empty object or array, or a string (of UTF-8 without NUL). */
smart_json_t *smart_json_new_object(apr_pool_t *p);
smart_json_t *smart_json_new_array(apr_pool_t *p);
smart_json_t *smart_json_new_string(smart_slice_t text, apr_pool_t *p);

/** A member, to be changed; NULL: no object, or no such member. */
smart_json_t *smart_json_get(smart_json_t *object, smart_slice_t name);

/** An item, to be changed; NULL: no array, or not so many items. */
smart_json_t *smart_json_at(smart_json_t *array, apr_size_t i);

/**
 * Set a member, whether there is one of that name or not.
 * @param name  copied
 * @param value copied; not NULL
 * @param p     owns what is put in, so it has to live as long as the tree
 * @return false: no object, or no value
 */
bool smart_json_set(smart_json_t *object, smart_slice_t name,
                    const smart_json_t *value, apr_pool_t *p);

/** Set a member to a string. */
bool smart_json_set_string(smart_json_t *object, const char *name,
                           smart_slice_t text, apr_pool_t *p);

/** Remove a member. False: no object, or no such member. */
bool smart_json_remove(smart_json_t *object, smart_slice_t name);

/**
 * Put a value before an item.
 * @param i     0 to smart_json_count(array), which is at the end
 * @param value copied; not NULL
 * @param p     as in smart_json_set
 * @return false: no array, not so many items, or no value
 */
bool smart_json_insert(smart_json_t *array, apr_size_t i,
                       const smart_json_t *value, apr_pool_t *p);

/** Put a value in the place of an item; as smart_json_insert. */
bool smart_json_replace(smart_json_t *array, apr_size_t i,
                        const smart_json_t *value, apr_pool_t *p);

/** Drop an item. False: no array, or not so many items. */
bool smart_json_drop(smart_json_t *array, apr_size_t i);

/**
 * Whether a tree is within SMART_JSON_MAX_DEPTH, SMART_JSON_MAX_NAMES and
 * SMART_JSON_MAX_VALUES; NULL is not.
 */
bool smart_json_bounded(const smart_json_t *root);

/**
 * Whether two values are the same (RFC 6902 4.6): numbers by what they are
 * worth, objects whatever the order of their members. No value is the same
 * as nothing, NULL and NULL too.
 */
bool smart_json_equal(const smart_json_t *a, const smart_json_t *b);

#endif
