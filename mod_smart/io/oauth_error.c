/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oauth_error.c: strict reading of an OAuth error (jansson only).
 */
#include "io/oauth_error.h"

#include <jansson.h>

static const struct {
    const char *code;
    smart_oauth_error_e kind;
} codes[] = {
    {"invalid_client", SMART_OAUTH_ERROR_CLIENT},
    {"unauthorized_client", SMART_OAUTH_ERROR_CLIENT},
    {"invalid_request", SMART_OAUTH_ERROR_REQUEST},
    {"invalid_token", SMART_OAUTH_ERROR_TOKEN},
    {"unsupported_token_type", SMART_OAUTH_ERROR_TOKEN},
};

static smart_oauth_error_e code_kind(smart_slice_t code)
{
    apr_size_t i;

    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (smart_slice_is(code, codes[i].code)) {
            return codes[i].kind;
        }
    }
    return SMART_OAUTH_ERROR_UNKNOWN;
}

smart_oauth_error_e smart_oauth_error_read(smart_slice_t body)
{
    smart_oauth_error_e kind = SMART_OAUTH_ERROR_UNKNOWN;
    const json_t *error;
    json_t *root;

    if (!body.ptr || body.len > SMART_MAX_ANSWER) {
        return kind;
    }
    root = json_loadb(body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL);
    error = json_object_get(root, "error"); /* borrowed; NULL-safe */
    if (json_is_string(error)) {
        kind = code_kind(
            smart_slice_n(json_string_value(error), json_string_length(error)));
    }
    json_decref(root);
    return kind;
}
