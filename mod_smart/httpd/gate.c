/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.c: the invariant of the product. No handler runs at or below a base
 * without a permit for exactly this method, this target and this query.
 *
 * httpd has many ways to reach a handler past its authorization hooks, or to
 * change the target after them: internal redirects with the same sections,
 * ErrorDocument, per-directory rewrites, Satisfy Any, SetHandler. This hook is
 * the only one that runs on all of them. It never declines on doubt.
 *
 * mod_proxy canonicalises r->filename in its fixups, after the permit was
 * given: "proxy:http://h:80/fhir/x" becomes "proxy:http://h/fhir/x?<args>".
 * Both are compared in parts: scheme, authority without a default port, path,
 * and query. The path must end in what was judged.
 */
#include "httpd/inspect.h"

#include <http_log.h>
#include <http_request.h>
#include <mod_proxy.h>

#include <apr_strings.h>

APLOG_USE_MODULE(smart);

/* A "proxy:" target in parts; all borrowed. */
typedef struct target_t {
    smart_slice_t scheme;
    smart_slice_t authority; /* default port taken off */
    smart_slice_t path;      /* "" and "/" are the same */
    const char *query;       /* NULL: none in the filename */
} target_t;

/* Schemes whose requests go through mod_proxy's fixups, and so through ours. */
static bool scheme_ok(smart_slice_t scheme)
{
    return smart_slice_is(scheme, "http") || smart_slice_is(scheme, "https") ||
           smart_slice_is(scheme, "h2") || smart_slice_is(scheme, "h2c") ||
           smart_slice_is(scheme, "balancer");
}

static smart_slice_t without_default_port(smart_slice_t scheme,
                                          smart_slice_t authority)
{
    const bool tls =
        smart_slice_is(scheme, "https") || smart_slice_is(scheme, "h2");
    const char *port = tls ? ":443" : ":80";
    const apr_size_t n = strlen(port);

    if (authority.len > n &&
        !memcmp(authority.ptr + authority.len - n, port, n)) {
        authority.len -= n;
    }
    return authority;
}

/* filename: "proxy:" ["unix:" path "|"] scheme "://" authority path ["?" q] */
static bool target_read(const char *filename, target_t *t)
{
    const char *url = filename + 6;
    const char *end;
    const char *path;

    if (!strncmp(url, "unix:", 5)) {
        url = strchr(url, '|');
        if (!url++) {
            return false;
        }
    }
    end = strstr(url, "://");
    if (!end) {
        return false;
    }
    t->scheme = smart_slice_n(url, (apr_size_t)(end - url));
    path = end + 3 + strcspn(end + 3, "/?");
    t->authority = without_default_port(
        t->scheme, smart_slice_n(end + 3, (apr_size_t)(path - end - 3)));
    t->path = smart_slice_n(path, strcspn(path, "?"));
    t->query = path[t->path.len] == '?' ? path + t->path.len + 1 : NULL;
    if (t->path.len == 0) {
        t->path = smart_slice("/");
    }
    return true;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

static bool is_proxy(const char *filename)
{
    return filename && *filename == 'p' && !strncmp(filename, "proxy:", 6);
}

static bool same_case(smart_slice_t a, smart_slice_t b)
{
    return a.len == b.len && !strncasecmp(a.ptr, b.ptr, a.len);
}

/* What was judged, the path below the base, ends what is sent. */
static bool ends_in_judged(const smart_context_t *ctx, smart_slice_t path)
{
    const smart_location_t *l = ctx->location;
    const char *below = ctx->r->uri + l->base_len;
    apr_size_t n = strlen(ctx->r->uri) - l->base_len;

    if (n <= 1) { /* the base itself, with or without a slash */
        return true;
    }
    return path.len >= n && !memcmp(path.ptr + path.len - n, below, n);
}

/* NULL, or why this is not what was permitted. */
static const char *difference(const smart_context_t *ctx)
{
    const request_rec *r = ctx->r;
    const smart_permit_t *permit = &ctx->permit;
    target_t then;
    target_t now;

    if (!same_text(r->method, permit->method)) {
        return "another method";
    }
    if (!same_text(r->args, permit->args)) {
        return "another query";
    }
    if (r->handler && (*r->handler | 0x20) == 'p' &&
        !strncasecmp(r->handler, "proxy:", 6)) {
        return "SetHandler makes the target from a file name; use ProxyPass";
    }
    if (!is_proxy(r->filename)) {
        return same_text(r->filename, permit->filename) && !r->proxyreq
                   ? NULL
                   : "another file";
    }
    if (!is_proxy(permit->filename) || !target_read(permit->filename, &then) ||
        !target_read(r->filename, &now)) {
        return "another target";
    }
    if (!scheme_ok(now.scheme)) {
        return "a proxy scheme that can not be guarded";
    }
    if (apr_table_get(r->notes, "proxy-nocanon") ||
        apr_table_get(r->subprocess_env, "proxy-nocanon")) {
        return "nocanon sends the raw target";
    }
    if (then.query || (now.query && !same_text(now.query, r->args))) {
        return "another query";
    }
    if (!same_case(then.scheme, now.scheme) ||
        !same_case(then.authority, now.authority) ||
        !smart_slice_equal(then.path, now.path)) {
        return "another target";
    }
    return ends_in_judged(ctx, now.path) ? NULL
                                         : "a target that does not end in the "
                                           "path that was judged";
}

/* NULL, or why no handler may run. */
static const char *objection(const smart_context_t *ctx)
{
    if (!ctx->permit.held) {
        return "no permit for this request";
    }
    if (!smart_inspect_ready(ctx)) {
        return "nobody would look at the answer";
    }
    return difference(ctx);
}

/* A preflight is answered from here, whatever stands behind. */
static int answer_preflight(smart_context_t *ctx)
{
    ctx->r->status = HTTP_NO_CONTENT;
    ap_set_content_length(ctx->r, 0);
    ctx->r->content_type = NULL;
    return OK;
}

/* On to the handler. */
static int pass(smart_context_t *ctx)
{
    if (is_proxy(ctx->r->filename)) {
        if (!smart_reports(ctx)) {
            /* A backend that takes it up (ProxyPass ... upgrade=) gets the
               connection, and what comes on it next is no request for us. */
            apr_table_unset(ctx->r->headers_in, "Upgrade");
        }
        smart_upstream_early(ctx);
    }
    return !smart_reports(ctx) && smart_inspect_needed(ctx)
               ? smart_inspect_handle(ctx)
               : DECLINED;
}

int smart_gate_handler(request_rec *r)
{
    smart_context_t *ctx = smart_context_of(r);
    const char *why;

    if (!ctx || ctx->in_handler) {
        return DECLINED;
    }
    if (smart_reports(ctx)) {
        return pass(ctx);
    }
    why = objection(ctx);
    if (why) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "SMART0401: refused at the gate: %s (check rewrites, "
                      "AuthType, Satisfy and Require of this location)",
                      why);
        ctx->decision.scope = NULL; /* another scope would not help */
        return smart_refuse(ctx, SMART_REASON_GATE);
    }
    if (ctx->preflight) {
        return answer_preflight(ctx);
    }
    return pass(ctx);
}
