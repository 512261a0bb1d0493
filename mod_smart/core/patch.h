/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patch.h: JSON Patch, to know what a patch will come to before it is sent.
 *
 *   add      value at path: a member, or before an item; "-" is behind the
 *            last one; "" is everything
 *   remove   what is at path, not everything
 *   replace  what is at path
 *   move     what is at from, to path; not into itself
 *   copy     what is at from, to path
 *   test     value equals what is at path
 *
 * Invariants:
 *   1. All or nothing: without a result nothing was changed.
 *   2. Strict: an operation that is unknown or lacks a member, a path that is
 *      no JSON Pointer or leads nowhere, an index with a leading zero: no
 *      result. Members that RFC 6902 does not name are ignored, as it says.
 *   3. A result has at most SMART_PATCH_NODES values more than what was there
 *      (copy can double a document each time), and is nested at most
 *      SMART_JSON_MAX_DEPTH deep.
 *
 * See RFC 6902, RFC 6901.
 */
#ifndef SMART_PATCH_H
#define SMART_PATCH_H

#include "core/base.h"
#include "core/json.h"

#define SMART_PATCH_OPERATIONS 1024u
#define SMART_PATCH_NODES      262144u

/**
 * Apply a patch.
 * @param patch   array of operations
 * @param current what it is applied to; not changed
 * @param p       owns the result
 * @param pnew    out: the result; NULL on false
 * @param pwhy    out: why there is none, constant text; NULL on true
 * @return false: the patch can not be applied
 */
bool smart_patch_apply(const smart_json_t *patch, const smart_json_t *current,
                       apr_pool_t *p, const smart_json_t **pnew,
                       const char **pwhy);

#endif
