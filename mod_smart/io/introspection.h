/* SPDX-License-Identifier: Apache-2.0 */
/*
 * introspection.h: asks an authorization server about one token.
 *
 *   POST <url>   Content-Type: application/x-www-form-urlencoded
 *                Accept: application/json
 *   token=<t>&token_type_hint=access_token[&<client authentication>]
 *
 * What each method of client authentication adds:
 *   none                 &client_id=<id>, if there is an id
 *   client_secret_basic  Authorization: Basic b64(form(id) ":" form(secret))
 *   client_secret_post   &client_id=<id>&client_secret=<secret>
 *   private_key_jwt      &client_id=<id>&client_assertion_type=urn:ietf:params
 *                        :oauth:client-assertion-type:jwt-bearer
 *                        &client_assertion=<jwt>
 *   tls_client_auth      &client_id=<id>, and a client certificate
 *   bearer               Authorization: Bearer <secret>
 *
 * Invariants:
 *   1. A token leaves only over verified TLS or to a loopback address.
 *   2. Only a 200 with application/json is handed on as an answer; only a 400
 *      whose JSON error is about the token says something about the token.
 *   3. Buffers with token, secret or assertion are wiped before return; no
 *      detail text holds a byte of them.
 *
 * Does not: read the answer (core does), cache, limit concurrency, log.
 * See RFC 7662 section 2; RFC 6749 section 2.3.1; RFC 7523 section 2.2;
 * RFC 8705 section 2.
 */
#ifndef SMART_INTROSPECTION_H
#define SMART_INTROSPECTION_H

#include "core/base.h"
#include "io/http.h"
#include "io/jwt.h"

#define SMART_ASSERTION_LIFETIME_S 60 /* of a client assertion */

/** How we authenticate to the endpoint. */
typedef enum {
    SMART_CLIENT_AUTH_UNSET = 0, /* nobody is asked */
    SMART_CLIENT_AUTH_NONE,
    SMART_CLIENT_AUTH_BASIC,
    SMART_CLIENT_AUTH_POST,
    SMART_CLIENT_AUTH_PRIVATE_KEY_JWT,
    SMART_CLIENT_AUTH_TLS,
    SMART_CLIENT_AUTH_BEARER
} smart_client_auth_e;

/** An introspection endpoint and our standing there; fixed at start-up. */
typedef struct smart_endpoint_t {
    const char *url;                /* see smart_endpoint_url_ok */
    smart_client_auth_e method;     /* decides which of the next are used */
    const char *client_id;          /* all but bearer; none: may be NULL */
    const char *secret;             /* basic, post, bearer */
    const smart_jwt_key_t *key;     /* private_key_jwt */
    const char *assertion_audience; /* private_key_jwt; NULL: url */
    smart_slice_t cert;             /* tls_client_auth: PEM text */
    smart_slice_t cert_key;         /* tls_client_auth: PEM text */
    const char *ca_file;            /* PEM trust anchors; NULL: the system's */
    int connect_timeout_ms;         /* positive */
    int total_timeout_ms;           /* positive */
} smart_endpoint_t;

/** What came of asking. */
typedef enum {
    SMART_ANSWER_TROUBLE = 0, /* no usable answer: 503, may pass */
    SMART_ANSWER_REFUSED,     /* our configuration is not accepted: 503, loud */
    SMART_ANSWER_ABOUT_TOKEN, /* an OAuth error about the token: inactive */
    SMART_ANSWER_BODY         /* 200 and JSON: to be judged by core */
} smart_answer_e;

/**
 * Ask an endpoint about a token; blocks at most total_timeout_ms.
 * @param http     connections of this process
 * @param endpoint whom to ask; borrowed
 * @param token    access token, 1 to SMART_MAX_TOKEN bytes; borrowed
 * @param now_s    seconds since the epoch, for client assertions
 * @param p        pool that owns what the out-parameters point to
 * @param pbody    out: body of the answer with SMART_ANSWER_BODY, else empty
 * @param pretry_after_s out: seconds the server asks us to wait, 0: none
 * @param pdetail  out: what happened, for the log; never NULL
 * @return see smart_answer_e; a caller may permit on SMART_ANSWER_BODY only
 * @see RFC 7662 2.2, 2.3
 */
smart_answer_e smart_introspection_ask(smart_http_t *http,
                                       const smart_endpoint_t *endpoint,
                                       smart_slice_t token, apr_int64_t now_s,
                                       apr_pool_t *p, smart_slice_t *pbody,
                                       int *pretry_after_s,
                                       const char **pdetail);

/**
 * Check that tokens may be sent to an URL: https with a host, or http to a
 * loopback address (127.0.0.0/8 in four decimal parts, [::1], localhost).
 * Stricter than URL syntax, so that no parser behind us reads another host.
 * @param url    NUL-terminated; may be NULL
 * @param p      owns the error text
 * @param perror out: what is wrong, NULL on true; may be NULL
 * @return true if it is fine
 */
bool smart_endpoint_url_ok(const char *url, apr_pool_t *p, const char **perror);

#endif
