/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan.h: JSON proved strictly where it stands, without a tree: the caller
 * walks down into what it wants to see, passes over the rest, and knows where
 * each value begins and ends. What was passed over was proved as well, so its
 * bytes can be sent on as they are.
 *
 * Strict as json.h, and more: no name twice in an object, no escape in a name,
 * UTF-8, no NUL and no half surrogate pair in a string, at most
 * SMART_SCAN_MAX_DEPTH objects and arrays within each other, at most
 * SMART_SCAN_MAX_NAMES names in an object. Numbers may be of any size: they
 * are text here.
 *
 * Invariants:
 *   1. A fault is final: after one every call says no.
 *   2. Each byte is looked at once; work per name is bounded.
 *
 * Use:
 *
 *     smart_scan_make(&scan, p);
 *     smart_scan_begin(&scan, text);
 *     if (smart_scan_enter(&scan, '{')) {
 *         while (smart_scan_member(&scan, &name)) {
 *             ... one of: smart_scan_skip, smart_scan_enter and its loop
 *         }
 *     }
 *     proved = smart_scan_done(&scan);
 *
 * Does not: decode strings or numbers.
 * See RFC 8259, RFC 3629.
 */
#ifndef SMART_SCAN_H
#define SMART_SCAN_H

#include "core/base.h"

#define SMART_SCAN_MAX_DEPTH 64
#define SMART_SCAN_MAX_NAMES 256

/** A name that stands in an object that is still open. */
typedef struct smart_scan_name_t {
    apr_uint64_t print; /* of its bytes; says all when there are 8 or fewer */
    smart_slice_t text;
} smart_scan_name_t;

/** Where a scan is; not to be looked into, but for .at between calls. */
typedef struct smart_scan_t {
    const char *at; /* the next byte */
    const char *end;
    bool failed;
    bool fresh; /* the innermost object or array has had no value yet */
    int depth;
    char closers[SMART_SCAN_MAX_DEPTH]; /* '}' or ']' of what is open */
    int first[SMART_SCAN_MAX_DEPTH];    /* its first name */
    smart_scan_name_t *names;           /* of all open objects */
    int name_count;
    int name_room;
    apr_pool_t *p;
} smart_scan_t;

/** Make a scan; p has room for the names that are remembered. */
void smart_scan_make(smart_scan_t *scan, apr_pool_t *p);

/**
 * Begin with a text; a scan may be used for one after the other.
 * @param scan at the first value afterwards
 * @param text need not be NUL-terminated; borrowed as long as scan is in it
 */
void smart_scan_begin(smart_scan_t *scan, smart_slice_t text);

/** First byte of the value that comes: {["-0..9tfn or, after a fault, 0. */
char smart_scan_peek(smart_scan_t *scan);

/**
 * Enter the object or array that comes.
 * @param open '{' or '['
 * @return false: something else comes, or a fault
 */
bool smart_scan_enter(smart_scan_t *scan, char open);

/**
 * Go to the next member of the innermost object, which ends where there is
 * none: it is left then. Where none was entered it is a fault.
 * @param pname out: between the quotes; its value comes next and must be
 *              skipped or entered before the next call
 * @return false: no more, or a fault
 */
bool smart_scan_member(smart_scan_t *scan, smart_slice_t *pname);

/** Go to the next item of the innermost array, likewise. */
bool smart_scan_item(smart_scan_t *scan);

/**
 * Prove the value that comes and pass over it.
 * @param prange out: its bytes, quotes or brackets included; empty on false;
 *               may be NULL
 * @return false: a fault
 */
bool smart_scan_skip(smart_scan_t *scan, smart_slice_t *prange);

/** Whether all of the text was one value and proved. */
bool smart_scan_done(smart_scan_t *scan);

/**
 * The text between the quotes of a string that was passed over.
 * @param range from smart_scan_skip
 * @param ptext out: as it stands, escapes and all; empty on false
 * @return false: no string
 */
bool smart_scan_string(smart_slice_t range, smart_slice_t *ptext);

#endif
