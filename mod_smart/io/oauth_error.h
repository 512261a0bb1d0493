/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oauth_error.h: what the "error" member of an OAuth error answer means to
 * somebody who asked about a token.
 *
 * Does not: keep error_description or anything else of the answer.
 * See RFC 6749 section 5.2, RFC 6750 section 3.1, RFC 7009 section 2.2.1.
 */
#ifndef SMART_OAUTH_ERROR_H
#define SMART_OAUTH_ERROR_H

#include "core/base.h"

typedef enum {
    SMART_OAUTH_ERROR_UNKNOWN = 0, /* not an OAuth error we can place */
    SMART_OAUTH_ERROR_CLIENT,      /* invalid_client, unauthorized_client */
    SMART_OAUTH_ERROR_REQUEST,     /* invalid_request */
    SMART_OAUTH_ERROR_TOKEN        /* invalid_token, unsupported_token_type */
} smart_oauth_error_e;

/**
 * Place the error of an answer's body, strictly: one JSON object, no
 * duplicate member, "error" a string that is exactly a known code.
 * @param body bytes of the answer; need not be NUL-terminated
 * @return its kind; UNKNOWN on any doubt
 */
smart_oauth_error_e smart_oauth_error_read(smart_slice_t body);

#endif
