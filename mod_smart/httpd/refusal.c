/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusal.c: answers of our own: status, RFC 6750 challenge, OperationOutcome,
 * one log line, the environment for access logs.
 *
 * An own body is finished with DONE: after OK, httpd would go on to the real
 * handler and send its content behind ours. Challenge and CORS go to
 * err_headers_out, which survives an ErrorDocument.
 *
 * An ErrorDocument that is refused itself is just not shown: httpd goes back
 * to the error that asked for it, with the challenge that belongs to that one.
 */
#include "httpd/account.h"
#include "httpd/discovery.h"
#include "httpd/request.h"

#include <http_core.h>
#include <http_log.h>
#include <http_request.h>
#include <mod_core.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "core/outcome.h"

APLOG_USE_MODULE(smart);

#define FHIR_JSON     "application/fhir+json; charset=utf-8"
#define RETRY_AFTER_S 5  /* when the server gave no time */
#define RETRY_MOST_S  30 /* nobody is sent away for longer */
#define READ_BODY                                                              \
    65536 /* a refused body up to this is read, to keep the
                               connection; a larger one costs it */

static const char *const exposed =
    "Location, Content-Location, ETag, Last-Modified, WWW-Authenticate, "
    "Retry-After, X-Progress";
static const char *const allowed_methods =
    "GET, HEAD, POST, PUT, PATCH, DELETE";
static const char *const allowed_fields =
    "Authorization, Content-Type, Accept, Prefer, If-Match, If-None-Match, "
    "If-Modified-Since, If-None-Exist, X-Requested-With";

static bool origin_listed(const smart_location_t *l, const char *origin)
{
    int i;

    if (l->cors_any) {
        return true;
    }
    for (i = 0; l->cors_origins && l->cors_origins[i]; i++) {
        if (!strcmp(l->cors_origins[i], origin)) {
            return true;
        }
    }
    return false;
}

void smart_cors(smart_context_t *ctx)
{
    const smart_location_t *l = ctx->location;
    apr_table_t *out = ctx->r->err_headers_out;
    const char *origin;

    if (!l || (!l->cors_origins && !l->cors_any)) {
        return;
    }
    apr_table_mergen(out, "Vary", "Origin");
    origin = apr_table_get(ctx->r->headers_in, "Origin");
    /* What is public is so for every origin (SMART App Launch 2.2, CORS). */
    if (!origin ||
        (!origin_listed(l, origin) && !(ctx->is_public && !ctx->preflight))) {
        return;
    }
    apr_table_setn(out, "Access-Control-Allow-Origin",
                   l->cors_any || (ctx->is_public && !ctx->preflight) ? "*"
                                                                      : origin);
    if (ctx->preflight) {
        apr_table_setn(out, "Access-Control-Allow-Methods", allowed_methods);
        apr_table_setn(out, "Access-Control-Allow-Headers", allowed_fields);
        apr_table_setn(out, "Access-Control-Max-Age", "600");
    }
    else {
        apr_table_setn(out, "Access-Control-Expose-Headers", exposed);
    }
}

const char *smart_source_name(smart_source_e source)
{
    switch (source) {
    case SMART_SOURCE_NONE:
        return NULL;
    case SMART_SOURCE_HIT:
        return "hit";
    case SMART_SOURCE_MISS:
        return "miss";
    case SMART_SOURCE_NEGATIVE:
        return "negative";
    case SMART_SOURCE_STALE:
        return "stale";
    }
    return NULL;
}

/* Variables of a request. */
typedef struct env_t {
    apr_table_t *table;
    bool ours; /* it has one of our names: each is looked for, to replace it */
} env_t;

/* A search for one of our names meets all others: they begin alike, which is
   what a table sorts by. */
static env_t env_of(const request_rec *r)
{
    const env_t env = {r->subprocess_env, false};
    const apr_array_header_t *elts = apr_table_elts(env.table);
    const apr_table_entry_t *e = (const apr_table_entry_t *)elts->elts;
    int i;

    for (i = 0; i < elts->nelts; i++) {
        if (e[i].key && !strncasecmp(e[i].key, "SMART_", 6)) {
            return (env_t){env.table, true};
        }
    }
    return env;
}

static void set(const env_t *env, const char *name, const char *value)
{
    if (!value || !*value) {
        return;
    }
    if (env->ours) {
        apr_table_setn(env->table, name, value);
    }
    else {
        apr_table_addn(env->table, name, value);
    }
}

void smart_environment(smart_context_t *ctx, smart_reason_e reason)
{
    const env_t env = env_of(ctx->r);
    const bool permit = ctx->permit.held && !reason;

    if (ctx->has_grant) {
        set(&env, "SMART_CLIENT_ID", ctx->grant.client_id);
        set(&env, "SMART_SUB", ctx->grant.sub);
        set(&env, "SMART_PATIENT", ctx->grant.patient);
        set(&env, "SMART_FHIR_USER", ctx->grant.fhir_user);
    }
    if (permit) {
        set(&env, "SMART_SCOPE", ctx->decision.scope);
    }
    set(&env, "SMART_INTERACTION",
        smart_interaction_name(ctx->interaction.kind));
    set(&env, "SMART_CACHE", smart_source_name(ctx->source));
    set(&env, "SMART_DECISION",
        permit && (ctx->decision.permit || ctx->preflight)
            ? "permit"
            : smart_reason_row(reason ? reason : ctx->decision.reason)->name);
}

static void log_refusal(const smart_context_t *ctx,
                        const smart_reason_row_t *row)
{
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, ctx->r,
                  "SMART0501: refused with %d: %s%s%s%s%s (%s%s%s)",
                  row->status, row->name, ctx->fault_text ? ": " : "",
                  ctx->fault_text ? ctx->fault_text : "",
                  ctx->decision.scope ? ", needs " : "",
                  ctx->decision.scope ? ctx->decision.scope : "",
                  smart_interaction_name(ctx->interaction.kind),
                  ctx->has_grant ? ", client " : "",
                  ctx->has_grant
                      ? ap_escape_logitem(ctx->r->pool, ctx->grant.client_id)
                      : "");
}

static void set_headers(smart_context_t *ctx, smart_reason_e reason, int status)
{
    request_rec *r = ctx->r;
    apr_table_t *out = r->err_headers_out;
    const char *realm = ap_auth_name(r);
    const char *challenge = smart_outcome_challenge(
        reason, realm ? realm : "FHIR", ctx->decision.scope,
        smart_resource_url(ctx->location, r->pool), r->pool);

    if (challenge) {
        apr_table_setn(out, "WWW-Authenticate", challenge);
    }
    apr_table_setn(out, "Cache-Control", "no-store");
    if (status == HTTP_SERVICE_UNAVAILABLE) {
        int s = ctx->retry_after_s > 0 ? ctx->retry_after_s : RETRY_AFTER_S;

        apr_table_setn(out, "Retry-After",
                       apr_itoa(r->pool, s < RETRY_MOST_S ? s : RETRY_MOST_S));
    }
    if (status == HTTP_METHOD_NOT_ALLOWED) {
        apr_table_setn(out, "Allow", allowed_methods);
    }
}

/* A body that is not read makes the connection useless; a client that waits
   for 100 Continue is not to be told to send it. */
static void leave_body(request_rec *r)
{
    const char *length = apr_table_get(r->headers_in, "Content-Length");
    apr_off_t n;
    char *end;
    const bool is_short = length &&
                          apr_strtoff(&n, length, &end, 10) == APR_SUCCESS &&
                          !*end && n <= READ_BODY;

    if (ap_request_has_body(r) && (!is_short || r->expecting_100) &&
        !r->connection->master) {
        r->connection->keepalive = AP_CONN_CLOSE;
    }
}

static int send_outcome(smart_context_t *ctx, smart_reason_e reason, int status)
{
    request_rec *r = ctx->r;
    const char *body = smart_outcome_body(reason, ctx->entry, r->pool);

    if (!ctx->held) { /* else it was read */
        leave_body(r);
    }
    if (!ctx->filters_inserted) {
        /* For "Header always": before the handler nobody has asked yet. */
        ap_run_insert_error_filter(r);
    }
    r->status = status;
    r->status_line = NULL;
    apr_table_unset(r->headers_out, "Content-Encoding");
    ap_set_content_type(r, FHIR_JSON);
    ap_set_content_length(r, (apr_off_t)strlen(body));
    ap_rputs(body, r);
    return DONE;
}

int smart_refuse(smart_context_t *ctx, smart_reason_e reason)
{
    const smart_reason_row_t *row = smart_reason_row(reason);
    request_rec *r = ctx->r;

    ctx->permit.held = false;
    smart_account_refusal(ctx, reason);
    log_refusal(ctx, row);
    smart_environment(ctx, reason);
    if (smart_is_error_page(r)) {
        return row->status;
    }
    set_headers(ctx, reason, row->status);
    if (r->main ||
        ap_response_code_string(r, ap_index_of_response(row->status))) {
        return row->status;
    }
    return send_outcome(ctx, reason, row->status);
}

void smart_refusal_clear(request_rec *r)
{
    apr_table_clear(r->headers_out);
    r->content_encoding = NULL;
    r->content_languages = NULL;
    r->status_line = NULL;
    ap_set_content_type(r, FHIR_JSON);
}

const char *smart_refusal_instead(smart_context_t *ctx, smart_reason_e reason)
{
    const smart_reason_row_t *row = smart_reason_row(reason);

    ctx->permit.held = false;
    smart_account_refusal(ctx, reason);
    log_refusal(ctx, row);
    smart_environment(ctx, reason);
    smart_refusal_clear(ctx->r);
    set_headers(ctx, reason, row->status);
    ctx->r->status = row->status;
    ctx->r->no_cache = 0; /* else httpd writes out the time; no-store is said */
    return smart_outcome_body(reason, ctx->entry, ctx->r->pool);
}

int smart_refusal_note_auth_failure(request_rec *r, const char *auth_type)
{
    smart_context_t *ctx;

    if (strcasecmp(auth_type, "SMART") != 0) {
        return DECLINED;
    }
    ctx = smart_context_of(r);
    if (ctx && !ctx->in_require) { /* else authz.c finds the words */
        set_headers(ctx, SMART_REASON_NO_TOKEN, HTTP_UNAUTHORIZED);
    }
    return OK;
}
