/* SPDX-License-Identifier: Apache-2.0 */
/*
 * asking.h: one question to the authorization server about one token, and
 * what its answer leaves in the cache.
 *
 *   what other machines know -> breaker -> permit -> introspection -> record
 *   -> cache -> for other machines
 *
 * Invariants:
 *   1. Nothing is asked while the breaker of the endpoint is open, nor without
 *      a permit; all waiting and asking together takes no longer than the
 *      total timeout of the location.
 *   2. Cached are an active token with its whole record, and an inactive one.
 *      Trouble is not, and an answer that proves nothing takes away what was
 *      cached before.
 *
 * Does not: know requests; a refresh asks as well. Does not make sure that
 * nobody else asks the same: token.c and refresh.c do, with io/ask_once.h.
 */
#ifndef SMART_ASKING_H
#define SMART_ASKING_H

#include "httpd/location.h"

#include "io/flight.h"

/** A question; everything is borrowed. */
typedef struct smart_asking_t {
    const smart_location_t *location;
    server_rec *server; /* for log lines */
    smart_slice_t token;
    const unsigned char *key; /* of the token, in the location's realm */
    bool known;               /* a record of the token was there before */
    bool refresh;             /* ahead of expiry; nobody waits for it */
    apr_pool_t *p;            /* owns the record in the answer; scratch */
} smart_asking_t;

/**
 * Ask.
 * @param q     the question
 * @param asked out: what came of it; see io/flight.h
 */
void smart_asking_ask(const smart_asking_t *q, smart_asked_t *asked);

/** How long everything about one question takes at most, in microseconds. */
apr_int64_t smart_asking_longest_us(const smart_location_t *location);

#endif
