/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bearer.h: takes the token out of an Authorization field.
 *
 *   credentials = "Bearer" 1*SP b64token
 *   b64token    = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
 *
 * Invariant: a token that is handed out is a b64token of at most
 * SMART_MAX_TOKEN bytes, so it holds no blank, comma, quote or control byte.
 *
 * Does not: look anywhere else for a token (query, form, cookie).
 * See RFC 6750 section 2.1, RFC 9110 section 11.4.
 */
#ifndef SMART_BEARER_H
#define SMART_BEARER_H

#include "core/base.h"

typedef enum {
    SMART_BEARER_MALFORMED = 0, /* scheme Bearer, but no b64token; or two */
    SMART_BEARER_MISSING,       /* no field, an empty one, another scheme */
    SMART_BEARER_TOO_LONG,      /* more than SMART_MAX_TOKEN bytes */
    SMART_BEARER_TOKEN
} smart_bearer_e;

/**
 * Read the value of an Authorization field. The scheme is compared without
 * case (RFC 9110 11.1). Fields that httpd merged ("Bearer a, Bearer b",
 * "Basic x, Bearer y") are MALFORMED.
 * @param field  value of the field; NULL: there is none
 * @param ptoken out: the token, a part of field; empty unless TOKEN
 * @return see smart_bearer_e
 */
smart_bearer_e smart_bearer_read(const char *field, smart_slice_t *ptoken);

#endif
