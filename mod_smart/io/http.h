/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.h: one bounded HTTP POST or GET to a server we were configured to trust.
 *
 * Invariants:
 *   1. Only the host of the URL is spoken to: no redirect, no proxy (whatever
 *      the environment says), no .netrc, no cookie.
 *   2. TLS is 1.2 or newer, the chain and the host name are verified; a given
 *      ca_file replaces the system's trust anchors.
 *   3. The call returns within total_timeout_ms, name lookup included, and
 *      never holds more than max_bytes of body and SMART_HTTP_MAX_HEAD bytes
 *      of header lines.
 *   4. No detail text holds a byte of a request or of an answer.
 *   5. A request is sent a second time only when a kept-alive connection
 *      turned out dead before the first byte of its answer came.
 *
 * Does not: judge status or media type, decode content codings, log.
 */
#ifndef SMART_HTTP_H
#define SMART_HTTP_H

#include "core/base.h"

#define SMART_HTTP_MAX_HEAD    32768u /* bytes of all header lines */
#define SMART_HTTP_MAX_RETRY_S 3600   /* a Retry-After is cut to this */

/** Connections of one process; any number of threads may use it. */
typedef struct smart_http_t smart_http_t;

typedef enum {
    SMART_HTTP_FAILED = 0, /* no complete answer: see detail */
    SMART_HTTP_OK          /* a complete answer, of whatever status */
} smart_http_outcome_e;

/** Everything is borrowed for the duration of the call. */
typedef struct smart_http_request_t {
    const char *url;            /* http:// or https:// */
    const char *content_type;   /* of body; NULL for a GET */
    const char *accept;         /* value of Accept; NULL: any */
    const char *const *headers; /* more lines, "Name: value", no line end */
    int header_count;           /* how many of them */
    smart_slice_t body;         /* sent as it is; none for a GET */
    const char *ca_file;        /* PEM trust anchors; NULL: the system's */
    smart_slice_t cert;         /* PEM client certificate; empty: none */
    smart_slice_t cert_key;     /* PEM key to cert */
    int connect_timeout_ms;     /* name lookup, TCP and TLS; positive */
    int total_timeout_ms;       /* everything; positive */
    apr_size_t max_bytes;       /* largest body accepted; positive */
} smart_http_request_t;

typedef struct smart_http_response_t {
    smart_http_outcome_e outcome;
    int status;               /* 200 ...; 0 unless outcome is OK */
    const char *content_type; /* as received; NULL: none */
    int retry_after_s;        /* 0: none */
    smart_slice_t body;       /* in the caller's pool */
    const char *detail;       /* why it failed, else ""; safe to log */
    apr_int64_t latency_us;   /* of the whole exchange */
} smart_http_response_t;

/**
 * Prepare the process for smart_http_create; once, before there are threads.
 * @return APR_SUCCESS; APR_EGENERAL: libcurl can not be used
 */
apr_status_t smart_http_process_init(void);

/**
 * Create the connection store of a child process, after the fork.
 * @param p pool that owns it; smart_http_cleanup is run when it is cleared
 * @return the store, or NULL when there is no mutex to be had
 */
smart_http_t *smart_http_create(apr_pool_t *p);

/**
 * Close all idle connections; what is under way is closed when it ends.
 * @param http from smart_http_create; may be cleaned up more than once
 */
void smart_http_cleanup(smart_http_t *http);

/**
 * POST a body and collect the answer.
 * @param http connections; safe to share between threads
 * @param req  what to send
 * @param p    pool of the calling thread; owns all that *resp points to
 * @param resp out: always filled
 * @return APR_SUCCESS: resp->outcome is OK; APR_TIMEUP: out of time;
 *         APR_EINVAL: req is unusable and nothing was sent; others: failed
 */
apr_status_t smart_http_post(smart_http_t *http,
                             const smart_http_request_t *req, apr_pool_t *p,
                             smart_http_response_t *resp);

/**
 * GET and collect the answer; the same bounds and results.
 */
apr_status_t smart_http_get(smart_http_t *http, const smart_http_request_t *req,
                            apr_pool_t *p, smart_http_response_t *resp);

/**
 * Whether a value of Content-Type is of a media type: case-insensitive,
 * parameters allowed.
 * @param content_type NULL: none
 * @param type         "application/json"
 */
bool smart_http_is_type(const char *content_type, const char *type);

#endif
