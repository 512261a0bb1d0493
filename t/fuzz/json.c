/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.c: a JSON text is read, walked through, written, and read again.
 *
 * What is written is read again and written the same; it is still an object
 * or an array of as many values.
 */
#include "fuzz.h"

#include "core/json.h"

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
    const char *why;

    if (smart_json_read(fuzz_input(data, size), p, &json, &why) !=
        SMART_JSON_READ) {
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
