/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_text.h: a JSON text put together from pieces: punctuation, names and
 * strings of ours, values that were read.
 *
 * Invariant: a string is quoted and escaped here, whatever is in it; a value
 * is written by core/json.h. Only punctuation is taken as it is.
 *
 * Does not: check that the pieces come to JSON; whoever puts them together
 * has a test for that.
 */
#ifndef SMART_JSON_TEXT_H
#define SMART_JSON_TEXT_H

#include <apr_tables.h>

#include "core/json.h"

/** A text in the making. */
typedef struct smart_json_text_t {
    apr_array_header_t *pieces; /* smart_slice_t */
    apr_size_t len;             /* bytes of all of them */
    bool first;                 /* nothing stands before in this object or
                                   array: no comma is needed */
} smart_json_text_t;

/**
 * Begin a text.
 * @param p owns all that is made
 */
smart_json_text_t smart_json_text(apr_pool_t *p);

/** Add the "{" or "[" of an object or array. */
void smart_json_text_open(smart_json_text_t *t, const char *bracket);

/** Add the "}" or "]". */
void smart_json_text_close(smart_json_text_t *t, const char *bracket);

/** Begin the next member: its name, with a comma before it if need be. */
void smart_json_text_name(smart_json_text_t *t, smart_slice_t name);

/** Begin the next item of an array. */
void smart_json_text_item(smart_json_text_t *t);

/** Add a string value, UTF-8; quoted here. */
void smart_json_text_string(smart_json_text_t *t, smart_slice_t text);

/** Add a value that was read; NULL becomes null. */
void smart_json_text_value(smart_json_text_t *t, const smart_json_t *value);

/** Add JSON that somebody has written: "true", or a whole value. */
void smart_json_text_raw(smart_json_text_t *t, smart_slice_t json);

/** What it has come to. @return NUL-terminated */
smart_slice_t smart_json_text_done(const smart_json_text_t *t);

#endif
