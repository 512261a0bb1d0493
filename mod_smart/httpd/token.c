/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token.c: token -> key -> cache, or introspection -> grant.
 *
 * What is cached are facts; exp, nbf, iss and aud are judged on every use, by
 * the clock and the configuration of now. Only two answers are cached: active
 * with a whole record, and inactive. Trouble of the authorization server and
 * answers that prove nothing are not.
 */
#include "httpd/memo.h"
#include "httpd/token.h"

#include <http_log.h>

#include <apr_strings.h>

#include "io/cache.h"

APLOG_USE_MODULE(smart);

/* Without "exp" a record is kept for the TTL alone. */
#define NO_END 0

static volatile apr_uint32_t refused_minute, trouble_minute, unproven_minute,
    large_minute, audience_minute, issuer_minute;

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

static smart_reason_e open_record(smart_context_t *ctx, smart_slice_t record,
                                  const smart_clock_t *now)
{
    smart_reason_e reason;

    if (!smart_grant_open(record, &ctx->grant)) {
        return SMART_REASON_INTERNAL;
    }
    ctx->has_grant = true;
    reason = smart_grant_judge(&ctx->grant, &ctx->location->token, now->wall_s);
    log_mismatch(ctx, reason);
    return reason;
}

/* True: the cache had an answer, in *preason. */
static bool from_cache(smart_context_t *ctx, const unsigned char *key,
                       const smart_clock_t *now, smart_reason_e *preason)
{
    apr_uint64_t buf[SMART_CACHE_MAX_VALUE / sizeof(apr_uint64_t)];
    smart_cache_meta_t meta;
    smart_slice_t record;
    apr_size_t len;

    if (smart_cache_get(smart_process.cache, key, now, buf, sizeof(buf), &len,
                        &meta) != SMART_CACHE_HIT ||
        now->mono_us >= meta.fresh_until_us) {
        return false;
    }
    if (meta.class == SMART_CACHE_INACTIVE) {
        ctx->source = SMART_SOURCE_NEGATIVE;
        *preason = SMART_REASON_TOKEN_INACTIVE;
        return true;
    }
    record = smart_slice_n(apr_pmemdup(ctx->r->pool, buf, len), len);
    ctx->source = SMART_SOURCE_HIT;
    *preason = open_record(ctx, record, now);
    return *preason != SMART_REASON_INTERNAL;
}

static void store(smart_context_t *ctx, const unsigned char *key,
                  smart_cache_class_e class, smart_slice_t record,
                  const smart_clock_t *now, apr_int64_t exp)
{
    const smart_location_t *l = ctx->location;
    smart_cache_times_t times = {.now = *now, .expires_s = exp};

    times.fresh_us =
        class == SMART_CACHE_ACTIVE ? l->ttl_us : l->negative_ttl_us;
    times.keep_us = times.fresh_us;
    if (times.fresh_us > 0 &&
        smart_cache_put(smart_process.cache, key, class, record, &times) ==
            SMART_CACHE_TOO_LARGE &&
        smart_once_a_minute(&large_minute)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, ctx->r,
                      "SMART0201: what is kept of a token has %" APR_SIZE_T_FMT
                      " bytes, more than the cache takes; it is enforced, but "
                      "introspected each time",
                      record.len);
    }
}

/* An answer that is JSON: what does it make of the token? */
static smart_reason_e judge_answer(smart_context_t *ctx,
                                   const unsigned char *key, smart_slice_t body,
                                   const smart_clock_t *now)
{
    const smart_slice_t nothing = {NULL, 0};
    smart_slice_t record;
    apr_int64_t exp;
    const char *detail;

    switch (smart_grant_make(&ctx->location->recipe, body, ctx->r->pool,
                             &record, &exp, &detail)) {
    case SMART_GRANT_TROUBLE:
        break;
    case SMART_GRANT_UNPROVEN:
        if (smart_once_a_minute(&unproven_minute)) {
            ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, ctx->r,
                          "SMART0202: %s does not prove a token active: %s; "
                          "such tokens are refused",
                          ctx->location->endpoint.url, detail);
        }
        return SMART_REASON_TOKEN_UNPROVEN;
    case SMART_GRANT_INACTIVE:
        store(ctx, key, SMART_CACHE_INACTIVE, nothing, now, NO_END);
        return SMART_REASON_TOKEN_INACTIVE;
    case SMART_GRANT_ACTIVE:
        store(ctx, key, SMART_CACHE_ACTIVE, record, now, exp);
        return open_record(ctx, record, now);
    }
    if (smart_once_a_minute(&trouble_minute)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, ctx->r,
                      "SMART0203: the answer of %s can not be read: %s",
                      ctx->location->endpoint.url, detail);
    }
    return SMART_REASON_AS_TROUBLE;
}

static smart_reason_e introspect(smart_context_t *ctx, smart_slice_t token,
                                 const unsigned char *key, smart_clock_t *now)
{
    const smart_endpoint_t *endpoint = &ctx->location->endpoint;
    const smart_slice_t nothing = {NULL, 0};
    smart_slice_t body;
    const char *detail;
    smart_answer_e answer;

    ctx->source = SMART_SOURCE_MISS;
    answer = smart_introspection_ask(smart_process.http, endpoint, token,
                                     now->wall_s, ctx->r->pool, &body,
                                     &ctx->retry_after_s, &detail);
    /* The call took its time, and what it brought is as old as its start: the
       TTL counts from there, exp is judged by the clock of now. */
    now->wall_s = smart_clock_now().wall_s;
    switch (answer) {
    case SMART_ANSWER_BODY:
        return judge_answer(ctx, key, body, now);
    case SMART_ANSWER_ABOUT_TOKEN:
        store(ctx, key, SMART_CACHE_INACTIVE, nothing, now, NO_END);
        return SMART_REASON_TOKEN_INACTIVE;
    case SMART_ANSWER_REFUSED:
        if (smart_once_a_minute(&refused_minute)) {
            ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, ctx->r,
                          "SMART0204: %s does not accept us: %s; check "
                          "SmartIntrospectionAuth (requests get 503)",
                          endpoint->url, detail);
        }
        return SMART_REASON_AS_REFUSED;
    case SMART_ANSWER_TROUBLE:
        break;
    }
    if (smart_once_a_minute(&trouble_minute)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, ctx->r,
                      "SMART0205: %s gives no usable answer: %s (requests with "
                      "tokens not in the cache get 503)",
                      endpoint->url, detail);
    }
    return SMART_REASON_AS_TROUBLE;
}

smart_reason_e smart_token_resolve(smart_context_t *ctx, smart_slice_t token)
{
    unsigned char key[SMART_DIGEST_LEN];
    smart_clock_t now = smart_clock_now();
    smart_reason_e reason;

    if (!ctx->location->realm || !smart_process.cache || !smart_process.http ||
        smart_memo_key(ctx->r, ctx->location->realm, token, key) !=
            APR_SUCCESS) {
        return SMART_REASON_INTERNAL;
    }
    if (from_cache(ctx, key, &now, &reason)) {
        return reason;
    }
    return introspect(ctx, token, key, &now);
}
