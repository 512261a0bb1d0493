/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.c: a JSON text is read, walked through, written, and read again.
 *
 * What is written is read again and written the same; it is still an object
 * or an array of as many values. jansson, as strict as it can be, has the same
 * opinion about what is JSON, and of it the same values, but for
 *
 *   - a NUL behind a number, which it passes over: texts with a NUL are not
 *     compared,
 *   - our limits of depth and of names in an object,
 *   - numbers: it makes doubles of those with a point or an exponent.
 */
#include "fuzz.h"

#include <jansson.h>

#include "core/json.h"

/* The same value; numbers are numbers. */
static void same(const smart_json_t *ours, json_t *theirs)
{
    const smart_json_t *member;
    smart_slice_t text;
    void *cursor = NULL;
    apr_size_t i, n = 0;

    switch (smart_json_kind(ours)) {
    case SMART_JSON_OBJECT:
        while ((member = smart_json_next(ours, &cursor, &text))) {
            FUZZ_HOLDS(json_object_get(theirs, text.ptr), "a member more");
            same(member, json_object_get(theirs, text.ptr));
            n++;
        }
        FUZZ_HOLDS(n == json_object_size(theirs), "as many members");
        return;
    case SMART_JSON_ARRAY:
        FUZZ_HOLDS(json_is_array(theirs), "an array");
        FUZZ_HOLDS(smart_json_count(ours) == json_array_size(theirs),
                   "as many items");
        for (i = 0; i < smart_json_count(ours); i++) {
            same(smart_json_item(ours, i), json_array_get(theirs, i));
        }
        return;
    case SMART_JSON_STRING:
        smart_json_string(ours, &text);
        FUZZ_HOLDS(json_is_string(theirs) &&
                       smart_slice_is(text, json_string_value(theirs)),
                   "the same text");
        return;
    case SMART_JSON_NUMBER:
        FUZZ_HOLDS(json_is_number(theirs), "a number");
        return;
    case SMART_JSON_BOOLEAN:
        FUZZ_HOLDS(smart_json_is_true(ours) ? json_is_true(theirs)
                                            : json_is_false(theirs),
                   "the same boolean");
        return;
    case SMART_JSON_NULL:
        FUZZ_HOLDS(json_is_null(theirs), "null");
        return;
    case SMART_JSON_ABSENT:
        break;
    }
    FUZZ_HOLDS(false, "a value");
}

/* Whether what we refuse is within our limits, and so has to be refused. */
static bool is_limit(const char *why)
{
    return strcmp(why, "the JSON is nested too deeply") == 0 ||
           strcmp(why, "too many names in an object") == 0;
}

static void compare(smart_slice_t text, const smart_json_t *json,
                    const char *why)
{
    json_error_t error;
    json_t *theirs;

    if (memchr(text.len ? text.ptr : "", 0, text.len)) {
        return;
    }
    theirs = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    if (json) {
        FUZZ_HOLDS(theirs, "jansson reads it");
        same(json, theirs);
    }
    else {
        FUZZ_HOLDS(!theirs || is_limit(why), "jansson refuses it");
    }
    json_decref(theirs);
}

/* Looks at every value in every way there is; how many there are. */
static apr_size_t walk(const smart_json_t *value, int depth)
{
    smart_slice_t text;
    const smart_json_t *member;
    apr_int64_t whole;
    void *cursor = NULL;
    apr_size_t i, n = 1;

    FUZZ_HOLDS(depth <= SMART_JSON_MAX_DEPTH, "not too deep");
    FUZZ_HOLDS(smart_json_kind(value) != SMART_JSON_ABSENT, "a value");
    if (smart_json_string(value, &text)) {
        FUZZ_HOLDS(strlen(text.ptr) == text.len, "no NUL within");
    }
    if (smart_json_whole(value, -5, SMART_JSON_MAX_WHOLE, &whole)) {
        FUZZ_HOLDS(whole >= -5, "within its limits");
    }
    for (i = 0; i < smart_json_count(value); i++) {
        n += walk(smart_json_item(value, i), depth + 1);
    }
    while ((member = smart_json_next(value, &cursor, &text))) {
        n += walk(member, depth + 1);
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *p = fuzz_pool();
    const smart_json_t *json, *again;
    smart_slice_t once, twice;
    const smart_slice_t text = fuzz_input(data, size);
    const char *why;
    const bool is_json =
        smart_json_read(text, p, &json, &why) == SMART_JSON_READ;

    compare(text, json, why);
    if (!is_json) {
        FUZZ_HOLDS(!json && *why, "nothing is left of it");
        return 0;
    }
    FUZZ_HOLDS(smart_json_kind(json) == SMART_JSON_OBJECT ||
                   smart_json_kind(json) == SMART_JSON_ARRAY,
               "object or array");
    FUZZ_HOLDS(smart_json_write(json, p, &once), "can be written");
    FUZZ_HOLDS(smart_json_read(once, p, &again, &why) == SMART_JSON_READ,
               "can be read again");
    FUZZ_HOLDS(smart_json_write(again, p, &twice), "can be written again");
    FUZZ_HOLDS(smart_slice_equal(once, twice), "a fixpoint");
    FUZZ_HOLDS(walk(json, 0) == walk(again, 0), "as many values");
    return 0;
}
