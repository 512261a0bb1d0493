/* SPDX-License-Identifier: Apache-2.0 */
/*
 * asking.c: see asking.h. Log lines come once a minute and process, but for
 * those of the breaker, which come once each time it opens or closes, and of
 * scopes that grant nothing, which come with each answer.
 */
#include "httpd/asking.h"
#include "httpd/request.h"
#include "httpd/shared_cache.h"

#include <http_log.h>

#include "io/introspection.h"

APLOG_USE_MODULE(smart);

/* Without "exp" a record is kept for the TTL alone. */
#define NO_END 0
/* Less than this is not worth a call: no answer would come in time. */
#define LEAST_MS 20
/* Part of a TTL by which it is shortened at random, so that tokens learnt
   together are not asked about together. */
#define JITTER_PART 10

static volatile apr_uint32_t refused_minute, trouble_minute, unproven_minute,
    large_minute, busy_minute;

static void count(smart_count_e what)
{
    smart_count(smart_process.shared.counters, what);
}

apr_int64_t smart_asking_longest_us(const smart_location_t *location)
{
    return location->endpoint.total_timeout_ms * SMART_CLOCK_MS;
}

/* ---- the cache ---- */

/* Less than the TTL by up to a tenth: keys are evenly distributed, and the
   moment is another each time. */
static apr_int64_t jittered(apr_int64_t ttl_us, const unsigned char *key,
                            const smart_clock_t *now)
{
    const apr_int64_t draw = (key[0] ^ (now->mono_us >> 4)) & 0xff;

    return ttl_us - ttl_us / JITTER_PART * draw / 256;
}

/* <ttl_us>: how long the facts are fresh from <now> on. */
static bool store(const smart_asking_t *q, smart_cache_class_e class,
                  smart_slice_t record, const smart_clock_t *now,
                  apr_int64_t ttl_us, apr_int64_t exp)
{
    const smart_location_t *l = q->location;
    const bool active = class == SMART_CACHE_ACTIVE;
    smart_cache_times_t times = {.now = *now, .expires_s = exp};
    smart_cache_put_e put;

    times.fresh_us = active ? jittered(ttl_us, q->key, now) : ttl_us;
    times.keep_us = times.fresh_us + (active ? l->stale_us : 0);
    if (times.fresh_us <= 0) {
        return false;
    }
    put = smart_cache_put(smart_process.shared.cache, q->key, class, record,
                          &times);
    if (put == SMART_CACHE_TOO_LARGE) {
        count(SMART_COUNT_TOO_LARGE);
        if (smart_once_a_minute(&large_minute)) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, q->server,
                         "SMART0201: what is kept of a token has "
                         "%" APR_SIZE_T_FMT " bytes, more than the cache "
                         "takes; it is enforced, but introspected each time",
                         record.len);
        }
    }
    return put == SMART_CACHE_STORED;
}

/* ---- other machines ---- */

/* Of a refresh it is asked more: what would soon be refreshed is of no use. */
static apr_int64_t worth_us(const smart_asking_t *q)
{
    return q->refresh ? q->location->ttl_us / 2 : q->location->ttl_us;
}

/* True: another machine has asked, in *asked. */
static bool from_others(const smart_asking_t *q, const smart_clock_t *now,
                        smart_asked_t *asked)
{
    const smart_location_t *l = q->location;
    smart_shared_found_t found;
    smart_grant_t grant;

    if (!smart_shared_cache_get(l, q->server, q->key, worth_us(q), now, q->p,
                                &found) ||
        !smart_grant_open(found.record, &grant)) {
        return false;
    }
    asked->outcome = SMART_ASKED_ACTIVE;
    asked->record = found.record;
    asked->stored = store(
        q, SMART_CACHE_ACTIVE, found.record, &found.learnt,
        found.usable_us < l->ttl_us ? found.usable_us : l->ttl_us, grant.exp);
    return true;
}

/* Of a token that nobody knew, others know nothing: had they told us of it, we
   would not have asked. */
static void warn_others(const smart_asking_t *q)
{
    if (q->known) {
        smart_shared_cache_remove(q->location, q->server, q->key);
    }
}

/* ---- the answer ---- */

static void inactive(const smart_asking_t *q, const smart_clock_t *started,
                     smart_asked_t *asked)
{
    asked->outcome = SMART_ASKED_INACTIVE;
    asked->stored = store(q, SMART_CACHE_INACTIVE, smart_slice_n(NULL, 0),
                          started, q->location->negative_ttl_us, NO_END);
    warn_others(q);
}

static void unproven(const smart_asking_t *q, const char *detail,
                     smart_asked_t *asked)
{
    asked->outcome = SMART_ASKED_UNPROVEN;
    smart_cache_remove(smart_process.shared.cache, q->key);
    warn_others(q);
    count(SMART_COUNT_UNPROVEN);
    if (smart_once_a_minute(&unproven_minute)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, q->server,
                     "SMART0202: %s does not prove a token active: %s; such "
                     "tokens are refused",
                     q->location->endpoint.url, detail);
    }
}

/* Once per answer, so once per token and TTL. */
static void log_unjudged(const smart_asking_t *q, const char *param)
{
    if (*param) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, q->server,
                     "SMART0214: a scope of a token is constrained by \"%s\", "
                     "which no resource can be held against: it grants nothing",
                     param);
    }
}

/* JSON: what does it make of the token? False: it is none. */
static bool read_answer(const smart_asking_t *q, smart_slice_t body,
                        const smart_clock_t *started, smart_asked_t *asked)
{
    apr_int64_t exp;
    const char *detail;

    switch (smart_grant_make(&q->location->recipe, body, q->p, &asked->record,
                             &exp, &detail)) {
    case SMART_GRANT_TROUBLE:
        break;
    case SMART_GRANT_UNPROVEN:
        unproven(q, detail, asked);
        return true;
    case SMART_GRANT_INACTIVE:
        inactive(q, started, asked);
        return true;
    case SMART_GRANT_ACTIVE:
        log_unjudged(q, detail);
        asked->outcome = SMART_ASKED_ACTIVE;
        asked->stored = store(q, SMART_CACHE_ACTIVE, asked->record, started,
                              q->location->ttl_us, exp);
        smart_shared_cache_put(q->location, q->server, q->key, asked->record,
                               started, q->p);
        return true;
    }
    if (smart_once_a_minute(&trouble_minute)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, q->server,
                     "SMART0203: the answer of %s can not be read: %s",
                     q->location->endpoint.url, detail);
    }
    return false;
}

/* True: the endpoint answered, whatever it said. */
static bool ask(const smart_asking_t *q, const smart_endpoint_t *endpoint,
                const smart_clock_t *started, smart_asked_t *asked)
{
    smart_slice_t body;
    const char *detail;

    switch (smart_introspection_ask(smart_process.http, endpoint, q->token,
                                    started->wall_s, q->p, &body,
                                    &asked->retry_after_s, &detail)) {
    case SMART_ANSWER_BODY:
        return read_answer(q, body, started, asked);
    case SMART_ANSWER_ABOUT_TOKEN:
        inactive(q, started, asked);
        return true;
    case SMART_ANSWER_REFUSED:
        asked->outcome = SMART_ASKED_REFUSED;
        count(SMART_COUNT_REFUSED);
        if (smart_once_a_minute(&refused_minute)) {
            ap_log_error(APLOG_MARK, APLOG_ERR, 0, q->server,
                         "SMART0204: %s does not accept us: %s; check "
                         "SmartIntrospectionAuth (requests get 503)",
                         endpoint->url, detail);
        }
        return true;
    case SMART_ANSWER_TROUBLE:
        break;
    }
    if (smart_once_a_minute(&trouble_minute)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, q->server,
                     "SMART0205: %s gives no usable answer: %s (requests with "
                     "tokens not in the cache get 503)",
                     endpoint->url, detail);
    }
    return false;
}

/* ---- breaker and permit ---- */

static void log_change(const smart_asking_t *q, smart_breaker_change_e change)
{
    switch (change) {
    case SMART_BREAKER_SAME:
        break;
    case SMART_BREAKER_OPENED:
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, q->server,
                     "SMART0208: %s failed %u times in a row and is asked once "
                     "a second from now on; tokens not in the cache get 503",
                     q->location->endpoint.url, SMART_BREAKER_FAILURES);
        break;
    case SMART_BREAKER_CLOSED:
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, q->server,
                     "SMART0209: %s answers again", q->location->endpoint.url);
        break;
    }
}

static void ask_and_report(const smart_asking_t *q, smart_breaker_t *breaker,
                           apr_int64_t waited_us, smart_asked_t *asked)
{
    const smart_clock_t started = smart_clock_now();
    smart_endpoint_t endpoint = q->location->endpoint;
    smart_clock_t ended;
    bool answered;

    endpoint.total_timeout_ms -= (int)(waited_us / SMART_CLOCK_MS);
    if (endpoint.total_timeout_ms < LEAST_MS) {
        endpoint.total_timeout_ms = LEAST_MS;
    }
    if (endpoint.connect_timeout_ms > endpoint.total_timeout_ms) {
        endpoint.connect_timeout_ms = endpoint.total_timeout_ms;
    }
    count(SMART_COUNT_INTROSPECTION);
    if (q->refresh) {
        count(SMART_COUNT_REFRESH);
    }
    answered = ask(q, &endpoint, &started, asked);
    ended = smart_clock_now();
    if (!answered) {
        count(SMART_COUNT_FAILURE);
    }
    smart_count_latency(smart_process.shared.counters,
                        ended.mono_us - started.mono_us);
    log_change(
        q, smart_breaker_report(breaker, answered, started.mono_us, &ended));
}

void smart_asking_ask(const smart_asking_t *q, smart_asked_t *asked)
{
    const smart_location_t *l = q->location;
    const smart_clock_t now = smart_clock_now();
    smart_permit_ticket_t ticket;
    smart_breaker_t *breaker;
    smart_breaker_e allowed;

    if (from_others(q, &now, asked)) {
        return;
    }
    breaker =
        smart_breaker_find(smart_process.shared.breakers, l->breaker_id, &now);
    allowed = smart_breaker_allow(breaker, &now, &asked->retry_after_s);
    if (allowed == SMART_BREAKER_NO) {
        count(SMART_COUNT_BREAKER);
        return;
    }
    if (!smart_permit_acquire(
            smart_process.shared.permits,
            q->known || allowed == SMART_BREAKER_PROBE ? SMART_PERMIT_KNOWN
                                                       : SMART_PERMIT_NEW,
            &now, l->endpoint.connect_timeout_ms * SMART_CLOCK_MS,
            smart_asking_longest_us(l) + SMART_CLOCK_S, &ticket)) {
        count(SMART_COUNT_PERMIT_TIMEOUT);
        if (smart_once_a_minute(&busy_minute)) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, q->server,
                         "SMART0210: as many introspections as "
                         "SmartIntrospectionMaxConcurrent allows are under "
                         "way; requests that waited for one get 503");
        }
        return;
    }
    ask_and_report(q, breaker, smart_clock_now().mono_us - now.mono_us, asked);
    smart_permit_release(smart_process.shared.permits, &ticket);
}
