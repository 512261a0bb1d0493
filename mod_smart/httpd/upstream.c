/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream.c: headers of the request that goes to the backend.
 *
 * Runs in mod_proxy's own fixups, on its copy of the headers and after it has
 * removed what Connection names, so that a client can not have a header of
 * ours removed, and mod_cache still sees the Authorization of the original.
 *
 * mod_proxy_http2 does not run these fixups and sends r->headers_in, so for
 * targets that it may get (h2, h2c, a balancer) the gate has the headers set
 * there as well. mod_cache then misses Authorization, but r->no_cache and
 * Cache-Control keep it from storing anything.
 */
#include "httpd/claim.h"
#include "httpd/discovery.h"
#include "httpd/request.h"

#include <apr_strings.h>

/* All values of a claim in one field. NULL: there is none. */
static const char *claim_value(const smart_grant_t *grant, const char *name,
                               apr_pool_t *p)
{
    const char *all = NULL;
    const char *value;
    int n = 0;

    while ((value = smart_claim_next(grant, name, &n, p))) {
        all = all ? apr_pstrcat(p, all, ", ", value, NULL) : value;
    }
    return all;
}

static void set_claims(smart_context_t *ctx, apr_table_t *headers)
{
    const smart_location_t *l = ctx->location;
    int i;

    for (i = 0; i < l->claim_header_count; i++) {
        const char *value =
            ctx->has_grant ? claim_value(&ctx->grant, l->claim_headers[i].claim,
                                         ctx->r->pool)
                           : NULL;

        apr_table_unset(headers, l->claim_headers[i].header);
        if (value) {
            apr_table_setn(headers, l->claim_headers[i].header, value);
        }
    }
}

/* scheme "://" host [":" port] [path], as the client knows us. */
static void set_forwarded(smart_context_t *ctx, apr_table_t *headers)
{
    apr_pool_t *p = ctx->r->pool;
    const char *url = ctx->location->public_url;
    const char *host = url ? strstr(url, "://") : NULL;
    const char *scheme;
    const char *path;
    const char *port;

    if (!host) {
        return;
    }
    scheme = apr_pstrmemdup(p, url, (apr_size_t)(host - url));
    host += 3;
    path = host + strcspn(host, "/");
    host = apr_pstrmemdup(p, host, (apr_size_t)(path - host));
    port = strrchr(host, ':');
    if (!port || strchr(port, ']')) {
        port = strcmp(scheme, "https") ? ":80" : ":443";
    }
    apr_table_setn(headers, "X-Forwarded-Proto", scheme);
    apr_table_setn(headers, "X-Forwarded-Host", host);
    apr_table_setn(headers, "X-Forwarded-Port", port + 1);
    apr_table_setn(headers, "X-Forwarded-Prefix", *path ? path : "/");
    apr_table_setn(
        headers, "Forwarded",
        apr_pstrcat(p, "proto=", scheme, ";host=\"", host, "\"", NULL));
}

/* The administrator may have put credentials for the backend in its place
   (RequestHeader set Authorization): those stay. */
static void remove_token(smart_context_t *ctx)
{
    apr_table_t *headers = ctx->r->headers_in;
    const char *field = apr_table_get(headers, "Authorization");

    if (field && ctx->authorization && strstr(field, ctx->authorization)) {
        apr_table_unset(headers, "Authorization");
    }
}

static void set_headers(smart_context_t *ctx)
{
    request_rec *r = ctx->r;

    if (r->trailers_in && !apr_is_empty_table(r->trailers_in)) {
        smart_scrub_again(ctx); /* MergeTrailers brought new fields */
    }
    if (!ctx->location->forward_token && !smart_reports(ctx)) {
        remove_token(ctx);
    }
    set_claims(ctx, r->headers_in);
    set_forwarded(ctx, r->headers_in);
    smart_statement_upstream(ctx, r->headers_in);
}

int smart_upstream_fixups(request_rec *r)
{
    smart_context_t *ctx = smart_context_of(r);

    if (!ctx || !ctx->location) {
        return DECLINED;
    }
    set_headers(ctx);
    return OK;
}

const char *smart_public_hostname(const smart_context_t *ctx)
{
    const char *url = ctx->location->public_url;
    const char *host = url ? strstr(url, "://") : NULL;
    const char *port;

    if (!host) {
        return ctx->r->server->server_hostname;
    }
    host += 3;
    port = *host == '[' ? strchr(host, ']') + 1 : host;
    return apr_pstrmemdup(ctx->r->pool, host,
                          (apr_size_t)(port - host) + strcspn(port, ":/"));
}

void smart_upstream_early(smart_context_t *ctx)
{
    request_rec *r = ctx->r;

    if (!strncmp(r->filename, "proxy:http", 10)) {
        return; /* the fixups will come, on a copy */
    }
    set_headers(ctx);
    if (!strncmp(r->filename, "proxy:h2", 8)) {
        /* It adds one of these to our X-Forwarded-Host; a client chose them. */
        apr_table_unset(r->headers_in, "Host");
        r->hostname = smart_public_hostname(ctx);
    }
}
