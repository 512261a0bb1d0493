/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match_string.c: see match_string.h.
 */
#include "core/match_string.h"

/* Members of the data types above; none means another thing in another. */
static const char *const parts[] = {
    "text", "family",   "given", "prefix",     "suffix", "line",
    "city", "district", "state", "postalCode", "country"};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool text_begins(smart_slice_t value, const smart_json_t *element)
{
    smart_slice_t text;
    apr_size_t i;

    smart_json_string(element, &text);
    if (text.len < value.len) {
        return false;
    }
    for (i = 0; i < value.len; i++) {
        if (lower(text.ptr[i]) != lower(value.ptr[i])) {
            return false;
        }
    }
    return value.len > 0;
}

static bool part_begins(smart_slice_t value, const smart_json_t *part)
{
    apr_size_t i;

    for (i = 0; i < smart_json_count(part); i++) {
        if (text_begins(value, smart_json_item(part, i))) {
            return true;
        }
    }
    return text_begins(value, part);
}

bool smart_match_string(smart_slice_t value, const smart_json_t *element)
{
    apr_size_t i;

    for (i = 0; i < PARTS; i++) {
        if (part_begins(value, smart_json_member(element, parts[i]))) {
            return true;
        }
    }
    return text_begins(value, element);
}
