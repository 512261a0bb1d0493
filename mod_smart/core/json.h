/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h: JSON read strictly, and typed looks at its values.
 *
 * Strict: one object or array in UTF-8 and nothing behind it, no name twice
 * in an object, no NUL and no half surrogate pair in a string, at most
 * SMART_JSON_MAX_DEPTH objects and arrays within each other and
 * SMART_JSON_MAX_NAMES names in an object, not more values than are natural in
 * a text of its length (a value takes thirty times the room of its two bytes in
 * "0,"), numbers that fit a 64-bit integer or a double. A text that two parsers
 * may understand in two ways is none.
 *
 * Invariants:
 *   1. Every getter takes any value, NULL too, and says no to a wrong type:
 *      nothing is converted.
 *   2. Reading needs no stack and no time that grows with the nesting beyond
 *      the limits.
 *   3. Numbers keep their text, members and items their order.
 *
 * Why our own: FHIR's decimals have a precision (1.10 is not 1.1), which
 * parsers that make doubles of them lose; answers of servers are large, and
 * each of their resources is looked into.
 *
 * Does not: bound the length of a text; a caller does. Edit (json_edit.h).
 * See RFC 8259.
 */
#ifndef SMART_JSON_H
#define SMART_JSON_H

#include "core/base.h"

#define SMART_JSON_MAX_DEPTH 64
#define SMART_JSON_MAX_NAMES 256              /* in an object */
#define SMART_JSON_MAX_WHOLE 9007199254740992 /* 2^53: exact as a double */

/** A value; belongs to what smart_json_read returned. */
typedef struct smart_json_t smart_json_t;

typedef enum {
    SMART_JSON_INVALID = 0, /* not strict JSON */
    SMART_JSON_RANGE,       /* a number is too large to be held */
    SMART_JSON_READ
} smart_json_read_e;

typedef enum {
    SMART_JSON_ABSENT = 0, /* no value at all */
    SMART_JSON_NULL,
    SMART_JSON_BOOLEAN,
    SMART_JSON_NUMBER,
    SMART_JSON_STRING,
    SMART_JSON_ARRAY,
    SMART_JSON_OBJECT
} smart_json_e;

/**
 * Read a text.
 * @param text  need not be NUL-terminated; not needed afterwards
 * @param p     the values are freed with it, unless closed before
 * @param pjson out: object or array; NULL unless READ
 * @param pwhy  out: why not, constant text; "" on READ
 * @return see smart_json_read_e
 */
smart_json_read_e smart_json_read(smart_slice_t text, apr_pool_t *p,
                                  const smart_json_t **pjson,
                                  const char **pwhy);

/**
 * Free what was read before its pool is.
 * @param json from smart_json_read; no value of it may be used afterwards
 * @param p    the pool given there
 */
void smart_json_close(const smart_json_t *json, apr_pool_t *p);

smart_json_e smart_json_kind(const smart_json_t *value);

/** Member of an object; NULL: no object, or no such member. */
const smart_json_t *smart_json_member(const smart_json_t *object,
                                      const char *name);

/**
 * Walk through the members of an object, in the order of the text.
 * @param pcursor in and out: NULL to begin
 * @param pname   out: name of the member
 * @return its value; NULL after the last one
 */
const smart_json_t *smart_json_next(const smart_json_t *object, void **pcursor,
                                    smart_slice_t *pname);

/** Member of an object by a name that need not be NUL-terminated. */
const smart_json_t *smart_json_member_n(const smart_json_t *object,
                                        smart_slice_t name);

/**
 * Whether a parser that takes names in any case (as those of Go and .NET do)
 * reads the same out of a value: no object in it has two names that are the
 * same but for case. A name beyond ASCII, where more letters have the case of
 * another, makes it false.
 */
bool smart_json_distinct(const smart_json_t *value);

/** How many items an array has; 0 for no array. */
apr_size_t smart_json_count(const smart_json_t *array);

/** Item of an array; NULL: no array, or not so many items. */
const smart_json_t *smart_json_item(const smart_json_t *array, apr_size_t i);

/** Whether a value is the boolean true, or the boolean false. */
bool smart_json_is_true(const smart_json_t *value);
bool smart_json_is_false(const smart_json_t *value);

/**
 * Get a string.
 * @param ptext out: NUL-terminated, without another NUL; lives as long as the
 *              value; empty on false
 * @return false: no string
 */
bool smart_json_string(const smart_json_t *value, smart_slice_t *ptext);

/**
 * Get the whole part of a number within limits.
 * @param min,max of the number itself; within +-SMART_JSON_MAX_WHOLE
 * @param pwhole  out: fraction cut towards zero; 0 on false
 * @return false: no number, or beyond a limit
 */
bool smart_json_whole(const smart_json_t *value, apr_int64_t min,
                      apr_int64_t max, apr_int64_t *pwhole);

/**
 * Write a value as compact JSON; numbers as they were read.
 * @param ptext out: NUL-terminated text allocated from p; empty on false
 * @return false: there is no value
 */
bool smart_json_write(const smart_json_t *value, apr_pool_t *p,
                      smart_slice_t *ptext);

#endif
