/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.h: what operators see: the sums of all processes, the cache, the
 * breakers and the permits, at one moment.
 *
 *   status.c       collects them; the handler, the section of mod_status
 *   status_text.c  writes them: JSON, Prometheus, mod_status
 *   status_page.c  writes them for a browser
 *   status_plot.c  draws the last hour there
 *
 *   <Location "/smart-status">
 *       SetHandler smart-status
 *       Require ip 127.0.0.1
 *   </Location>
 *
 * Invariants:
 *   1. No token, no secret and nothing of a request is shown; of an endpoint
 *      the host and port alone.
 *   2. Every text that is no constant of ours and no number is escaped where
 *      it is written: names of hosts, paths, the configuration.
 *   3. Answers are not kept by anybody. The page for browsers asks for nothing
 *      else, from here or elsewhere, and runs no script.
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
#include "io/hour.h"
#include "io/tally.h"

/** The breaker of an endpoint. */
typedef struct smart_status_breaker_t {
    const char *host; /* and port, of the URL; "": nobody is configured to ask
                         it any more */
    smart_breaker_view_t view;
} smart_status_breaker_t;

/** A FHIR base of a virtual host. */
typedef struct smart_status_base_t {
    const char *host; /* and port; "" with path "": all that is configured no
                         more, and what found no row of its own */
    const char *path; /* "/fhir/" */
    const char *url;  /* as clients see it; NULL: not known */
    bool report;      /* nothing is enforced there */
    const smart_tally_sums_t *sums;
} smart_status_base_t;

typedef struct smart_status_t {
    apr_time_t now;
    smart_sums_t sums;
    smart_minute_t hour[SMART_HOUR_MINUTES];
    const smart_status_base_t *bases; /* the last one is of all else */
    int base_count;
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

/** The headers of the page, and the page. */
void smart_status_page_headers(request_rec *r);
void smart_status_write_page(request_rec *r, const smart_status_t *status);

/** "closed", "open", "half-open". */
const char *smart_status_state_name(smart_breaker_state_e state);

/**
 * Name of a count of a base: "permit", "public", or a reason of reason.h.
 * @param what index into smart_tally_sums_t.count
 */
const char *smart_status_tally_name(unsigned what);

/** Tokens that were found in the cache, as active or inactive. */
apr_uint64_t smart_status_hits(const smart_sums_t *sums);

/** All decisions that are denials, or all that are not. */
apr_uint64_t smart_status_denied(const smart_sums_t *sums);
apr_uint64_t smart_status_permitted(const smart_sums_t *sums);

/**
 * The same, in HTML for mod_status.
 * @param table false: for browsers without tables
 */
void smart_status_write_html(request_rec *r, const smart_status_t *status,
                             bool table);

#endif
