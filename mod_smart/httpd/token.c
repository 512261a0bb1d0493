/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token.c: token -> key -> cache, or one question for all who wait -> grant.
 *
 * What is cached are facts; exp, nbf, iss and aud are judged on every use, by
 * the clock and the configuration of now.
 *
 *   fresh           used; in its last quarter also refreshed
 *   stale           asked about; used only while the server fails, and only
 *                   where SmartStaleIfError says so, never past exp
 *   none            asked about
 */
#include "httpd/asking.h"
#include "httpd/memo.h"
#include "httpd/refresh.h"
#include "httpd/token.h"

#include <http_log.h>

#include <apr_strings.h>

#include "io/ask_once.h"

APLOG_USE_MODULE(smart);

/* Beyond what asking takes: the answer of another process has to be found. */
#define WAIT_SLACK_US (50 * SMART_CLOCK_MS)

static volatile apr_uint32_t audience_minute, issuer_minute;

/* A token on its way to a grant. */
typedef struct search_t {
    smart_context_t *ctx;
    smart_slice_t token;
    unsigned char key[SMART_DIGEST_LEN];
    smart_clock_t now;
    smart_slice_t stale;        /* a record past its TTL; empty: none */
    apr_int64_t stale_until_us; /* mono_us; for this location */
} search_t;

static void count(smart_count_e what)
{
    smart_count(smart_process.shared.counters, what);
}

/* ---- what is wrong with a token, for whoever configures it ---- */

static const char *token_audiences(const smart_grant_t *grant, apr_pool_t *p)
{
    const char *text = grant->auds;
    const char *all = NULL;
    int i;

    for (i = 0; i < grant->aud_count; i++) {
        all = all ? apr_pstrcat(p, all, ", ", text, NULL) : text;
        text += strlen(text) + 1;
    }
    return all ? ap_escape_logitem(p, all) : "none";
}

static const char *our_audiences(const smart_location_t *l, apr_pool_t *p)
{
    const char *all = NULL;
    int i;

    for (i = 0; l->token.auds && l->token.auds[i]; i++) {
        all = all ? apr_pstrcat(p, all, ", ", l->token.auds[i], NULL)
                  : l->token.auds[i];
    }
    return all ? all : "none";
}

/* A token of another audience or issuer is, more often than an attack, one of
   two values that somebody wrote in different ways: both are told. */
static void log_mismatch(const smart_context_t *ctx, smart_reason_e reason)
{
    const smart_location_t *l = ctx->location;
    request_rec *r = ctx->r;

    if (reason == SMART_REASON_TOKEN_AUDIENCE &&
        smart_once_a_minute(&audience_minute)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "SMART0206: a token is for another audience: its aud is "
                      "%s, SmartAudience is %s; such tokens are refused",
                      token_audiences(&ctx->grant, r->pool),
                      our_audiences(l, r->pool));
    }
    if (reason == SMART_REASON_TOKEN_ISSUER &&
        smart_once_a_minute(&issuer_minute)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "SMART0207: a token is from another issuer: its iss is "
                      "%s, SmartIssuer is %s; such tokens are refused",
                      *ctx->grant.iss
                          ? ap_escape_logitem(r->pool, ctx->grant.iss)
                          : "none",
                      l->token.issuer);
    }
}

/* ---- a record ---- */

/* The facts are there; are they good now, and for us? */
static smart_reason_e judge(smart_context_t *ctx, const smart_clock_t *now)
{
    smart_reason_e reason =
        smart_grant_judge(&ctx->grant, &ctx->location->token, now->wall_s);

    ctx->has_grant = true;
    log_mismatch(ctx, reason);
    return reason;
}

static smart_reason_e open_record(smart_context_t *ctx, smart_slice_t record,
                                  const smart_clock_t *now)
{
    if (!smart_grant_open(record, &ctx->grant)) {
        return SMART_REASON_INTERNAL;
    }
    return judge(ctx, now);
}

/* ---- the cache ---- */

/* Whether a record is fresh for this location: others may share it and let it
   live longer. */
static bool is_fresh(const search_t *s, const smart_clock_t *now,
                     const smart_cache_meta_t *meta)
{
    const smart_location_t *l = s->ctx->location;
    const apr_int64_t ttl_us =
        meta->class == SMART_CACHE_ACTIVE ? l->ttl_us : l->negative_ttl_us;

    return now->mono_us < meta->fresh_until_us &&
           now->mono_us - meta->stored_us < ttl_us;
}

/* What the cache would no longer find, by the clocks it goes by. */
static bool is_over(const smart_clock_t *now, const smart_cache_meta_t *meta)
{
    return now->mono_us >= meta->keep_until_us ||
           (meta->expires_s && now->wall_s >= meta->expires_s);
}

/* Ask the cache. HIT: *meta and *record (in the request's pool) are filled. */
static smart_cache_e lookup(const search_t *s, const smart_clock_t *now,
                            smart_cache_meta_t *meta, smart_slice_t *record)
{
    return smart_cache_take(smart_process.shared.cache, s->key, now,
                            s->ctx->r->pool, record, meta);
}

static void note_hit(search_t *s, const smart_cache_meta_t *meta)
{
    s->ctx->source = SMART_SOURCE_HIT;
    count(SMART_COUNT_HIT);
    smart_refresh_if_due(s->ctx->location, s->ctx->r->server, s->token, s->key,
                         meta, &s->now);
}

/* True: the connection remembers facts that the cache still would tell. Once a
   refresh is due the cache may know better, and is asked. */
static bool from_memo(search_t *s, smart_reason_e *preason)
{
    smart_cache_meta_t meta;

    if (!smart_memo_facts(s->ctx->r, s->key, &s->ctx->grant, &meta) ||
        is_over(&s->now, &meta) || !is_fresh(s, &s->now, &meta) ||
        smart_refresh_is_due(&meta, &s->now)) {
        return false;
    }
    *preason = judge(s->ctx, &s->now);
    note_hit(s, &meta);
    return true;
}

/* True: the cache had an answer, in *preason. */
static bool from_cache(search_t *s, smart_reason_e *preason)
{
    smart_context_t *ctx = s->ctx;
    smart_cache_meta_t meta;
    smart_slice_t record;

    if (lookup(s, &s->now, &meta, &record) != SMART_CACHE_HIT) {
        return false;
    }
    if (meta.class == SMART_CACHE_INACTIVE) {
        if (!is_fresh(s, &s->now, &meta)) {
            return false;
        }
        ctx->source = SMART_SOURCE_NEGATIVE;
        count(SMART_COUNT_NEGATIVE);
        *preason = SMART_REASON_TOKEN_INACTIVE;
        return true;
    }
    if (!is_fresh(s, &s->now, &meta)) {
        s->stale = record;
        s->stale_until_us =
            meta.stored_us + ctx->location->ttl_us + ctx->location->stale_us;
        return false;
    }
    *preason = open_record(ctx, record, &s->now);
    if (*preason == SMART_REASON_INTERNAL) {
        return false; /* damaged, though its checksum holds: ask */
    }
    smart_memo_keep(ctx->r, s->key, record, &ctx->grant, &meta);
    note_hit(s, &meta);
    return true;
}

/* ---- asking ---- */

/* For io/ask_once.h: what somebody else has brought meanwhile. */
static bool look(void *data, smart_asked_t *asked)
{
    const search_t *s = data;
    const smart_clock_t now = smart_clock_now();
    smart_cache_meta_t meta;

    if (lookup(s, &now, &meta, &asked->record) != SMART_CACHE_HIT ||
        !is_fresh(s, &now, &meta)) {
        return false;
    }
    asked->outcome = meta.class == SMART_CACHE_ACTIVE ? SMART_ASKED_ACTIVE
                                                      : SMART_ASKED_INACTIVE;
    asked->stored = true;
    return true;
}

static void ask(void *data, smart_asked_t *asked)
{
    const search_t *s = data;
    const smart_asking_t asking = {
        .location = s->ctx->location,
        .server = s->ctx->r->server,
        .token = s->token,
        .key = s->key,
        .known = s->stale.len > 0,
        .p = s->ctx->r->pool,
    };

    smart_asking_ask(&asking, asked);
}

/* The server fails: may what was true before serve a little longer? */
static smart_reason_e without_answer(search_t *s, smart_reason_e reason)
{
    smart_context_t *ctx = s->ctx;
    smart_reason_e stale;

    if (!s->stale.len || !ctx->location->stale_us ||
        s->now.mono_us >= s->stale_until_us) {
        return reason;
    }
    stale = open_record(ctx, s->stale, &s->now);
    if (stale == SMART_REASON_INTERNAL) {
        return reason;
    }
    ctx->source = SMART_SOURCE_STALE;
    count(SMART_COUNT_STALE);
    return stale;
}

static smart_reason_e ask_once(search_t *s)
{
    smart_context_t *ctx = s->ctx;
    const apr_int64_t longest_us = smart_asking_longest_us(ctx->location);
    const smart_once_t once = {
        .look = look,
        .ask = ask,
        .ctx = s,
        .wait_us = longest_us + WAIT_SLACK_US,
        .lifetime_us = longest_us + SMART_CLOCK_S,
    };
    const apr_int64_t begun_us = s->now.mono_us;
    smart_asked_t asked;

    count(SMART_COUNT_MISS);
    ctx->source = SMART_SOURCE_MISS;
    if (smart_ask_once(&once, smart_process.flights,
                       smart_process.shared.leases, s->key, &s->now,
                       ctx->r->pool, &asked) != SMART_ONCE_ASKED) {
        count(SMART_COUNT_WAIT);
    }
    ctx->retry_after_s = asked.retry_after_s;
    s->now = smart_clock_now(); /* exp is judged by the clock of now */
    ctx->asked_us = s->now.mono_us - begun_us;
    switch (asked.outcome) {
    case SMART_ASKED_ACTIVE:
        return open_record(ctx, asked.record, &s->now);
    case SMART_ASKED_INACTIVE:
        return SMART_REASON_TOKEN_INACTIVE;
    case SMART_ASKED_UNPROVEN:
        return SMART_REASON_TOKEN_UNPROVEN;
    case SMART_ASKED_REFUSED:
        return without_answer(s, SMART_REASON_AS_REFUSED);
    case SMART_ASKED_TROUBLE:
        break;
    }
    return without_answer(s, SMART_REASON_AS_TROUBLE);
}

smart_reason_e smart_token_resolve(smart_context_t *ctx, smart_slice_t token)
{
    search_t s = {.ctx = ctx, .token = token, .now = smart_clock_now()};
    smart_reason_e reason;

    if (!ctx->location->realm || !smart_process.shared.cache ||
        !smart_process.http || !smart_process.flights ||
        smart_memo_key(ctx->r, ctx->location->realm, token, s.key) !=
            APR_SUCCESS) {
        return SMART_REASON_INTERNAL;
    }
    return from_memo(&s, &reason) || from_cache(&s, &reason) ? reason
                                                             : ask_once(&s);
}
