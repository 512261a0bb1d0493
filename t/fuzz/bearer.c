/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bearer.c: the value of an Authorization field.
 *
 * A token that is handed out is a part of the field, of the bytes RFC 6750
 * allows, after the scheme; with one more field behind a comma it is none.
 */
#include "fuzz.h"

#include "core/bearer.h"

#define CHARS                                                                  \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="

static void is_a_token(const char *field, smart_slice_t token, apr_pool_t *p)
{
    const char *copy = apr_pstrmemdup(p, token.ptr, token.len);
    apr_size_t before = (apr_size_t)(token.ptr - field);
    smart_slice_t again;

    FUZZ_HOLDS(token.len && token.len <= SMART_MAX_TOKEN, "bounded");
    FUZZ_HOLDS(strspn(copy, CHARS) == token.len && copy[0] != '=', "b64token");
    FUZZ_HOLDS(before >= 7 && before + token.len <= strlen(field), "a part");
    FUZZ_HOLDS(!strncasecmp(field, "Bearer ", 7), "its scheme");
    FUZZ_HOLDS(smart_bearer_read(apr_pstrcat(p, "Bearer ", copy, NULL),
                                 &again) == SMART_BEARER_TOKEN &&
                   smart_slice_equal(token, again),
               "the same again");
    FUZZ_HOLDS(smart_bearer_read(apr_pstrcat(p, field, ", Bearer x", NULL),
                                 &again) == SMART_BEARER_MALFORMED,
               "two are none");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *p = fuzz_pool();
    const char *field = fuzz_text(fuzz_input(data, size), p);
    smart_slice_t token;

    if (!field) {
        return 0;
    }
    if (smart_bearer_read(field, &token) == SMART_BEARER_TOKEN) {
        is_a_token(field, token, p);
    }
    else {
        FUZZ_HOLDS(token.len == 0, "no token");
    }
    return 0;
}
