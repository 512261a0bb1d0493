/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.h: what operators see: the sums of all processes, the cache, the
 * breakers and the permits, at one moment.
 *
 *   status.c       collects them; the handler, the section of mod_status
 *   status_text.c  writes them: JSON, Prometheus, mod_status
 *
 *   <Location "/smart-status">
 *       SetHandler smart-status
 *       Require ip 127.0.0.1
 *   </Location>
 *
 * Invariants:
 *   1. No token, no secret and nothing of a request is shown; of an endpoint
 *      the host and port alone.
 *   2. Every text that is written is a constant of ours, a number, or a host
 *      that the directive has checked: there is nothing to escape.
 *   3. Answers are not kept by anybody.
 *
 * Cost: some milliseconds for a million tokens, see smart_cache_stats.
 * Does not: protect itself. Who may see it is the Require line's to say.
 */
#ifndef SMART_STATUS_H
#define SMART_STATUS_H

#include <httpd.h>

#include "io/breaker.h"
#include "io/cache.h"
#include "io/counters.h"

/** The breaker of an endpoint. */
typedef struct smart_status_breaker_t {
    const char *host; /* and port, of the URL; "": nobody is configured to ask
                         it any more */
    smart_breaker_view_t view;
} smart_status_breaker_t;

typedef struct smart_status_t {
    smart_sums_t sums;
    smart_cache_stats_t cache[SMART_CACHE_CLASSES]; /* by smart_cache_class_e */
    unsigned held;                                  /* permits */
    unsigned limit;
    const smart_status_breaker_t *breakers; /* those configured come first */
    int breaker_count;
} smart_status_t;

/** Handler "smart-status". */
int smart_status_handler(request_rec *r);

/** Section of mod_status; flags are AP_STATUS_*. */
int smart_status_section(request_rec *r, int flags);

/**
 * Write the body of an answer.
 * @param r      who gets it
 * @param status what to write
 */
void smart_status_write_json(request_rec *r, const smart_status_t *status);

/** The same, in Prometheus' text format, version 0.0.4. */
void smart_status_write_prometheus(request_rec *r,
                                   const smart_status_t *status);

/** The same, "Name: value", for mod_status' ?auto. */
void smart_status_write_lines(request_rec *r, const smart_status_t *status);

/**
 * The same, in HTML.
 * @param table false: for browsers without tables
 */
void smart_status_write_html(request_rec *r, const smart_status_t *status,
                             bool table);

#endif
