/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrub.c: takes out of a request what only we may say, before anybody looks
 * at it, on every request below a base, whatever its credentials.
 *
 * Backends fold names: CGI, WSGI and some Java stacks read X_Smart_Patient and
 * X-SMART-PATIENT as one field. So names are compared without case and with
 * "_" as "-".
 *
 * Connection may name fields that a proxy then removes; a client could have
 * the Content-Type that was judged, or a header we set, removed on the way.
 * Only hop-by-hop fields of the connection itself may be named.
 */
#include "httpd/request.h"

#include <http_log.h>

#include <apr_lib.h>
#include <apr_strings.h>

/* Set by us towards the backend, or read by some backends as the method or
   the path instead of the real ones, or (X-Cascade) as an order to reach
   further than the path. */
static const char *const ours[] = {
    "forwarded",          "x-cascade",
    "x-forwarded-host",   "x-forwarded-port",
    "x-forwarded-prefix", "x-forwarded-proto",
    "x-http-method",      "x-http-method-override",
    "x-method-override",  "x-original-url",
    "x-rewrite-url",
};

static unsigned char fold(char c)
{
    return (unsigned char)(c == '_' ? '-' : apr_tolower(c));
}

static bool same_name(const char *a, const char *b)
{
    while (*a && fold(*a) == fold(*b)) {
        a++;
        b++;
    }
    return *a == *b;
}

static bool is_claim(const smart_location_t *location, const char *name)
{
    int i;

    for (i = 0; i < location->claim_header_count; i++) {
        if (same_name(name, location->claim_headers[i].header)) {
            return true;
        }
    }
    return false;
}

static bool is_ours(const smart_location_t *location, const char *name)
{
    const char first = (char)(*name | 0x20); /* a letter without case */
    int i;

    if (first == 'x' || first == 'f') {
        for (i = 0; i < (int)(sizeof(ours) / sizeof(ours[0])); i++) {
            if (same_name(name, ours[i])) {
                return true;
            }
        }
    }
    return location && location->claim_header_count > 0 &&
           is_claim(location, name);
}

/* The first field that has to go; NULL: none is left. */
static const char *next_of_ours(const smart_context_t *ctx)
{
    const apr_array_header_t *fields = apr_table_elts(ctx->r->headers_in);
    const apr_table_entry_t *e = (const apr_table_entry_t *)fields->elts;
    int i;

    for (i = 0; i < fields->nelts; i++) {
        if (e[i].key && is_ours(ctx->location, e[i].key)) {
            return e[i].key;
        }
    }
    return NULL;
}

void smart_scrub(smart_context_t *ctx)
{
    const char *name;

    while (!ctx->scrubbed) {
        name = next_of_ours(ctx);
        if (name) {
            apr_table_unset(ctx->r->headers_in, name);
        }
        ctx->scrubbed = !name;
    }
}

void smart_scrub_again(smart_context_t *ctx)
{
    ctx->scrubbed = false;
    smart_scrub(ctx);
}

/* Everything in Connection is about the connection, not about the message. */
static bool connection_ok(request_rec *r)
{
    static const char *const allowed[] = {"close", "keep-alive", "te",
                                          "upgrade", "http2-settings"};
    const char *field = apr_table_get(r->headers_in, "Connection");
    const char *token;
    int i;

    while (field && *field) {
        token = ap_get_token(r->pool, &field, 0);
        for (i = 0; i < 5 && strcasecmp(token, allowed[i]) != 0; i++) {
            /* next */
        }
        if (*token && i == 5) {
            return false;
        }
        while (*field == ',' || *field == ' ' || *field == '\t') {
            field++;
        }
        if (*field && !*token) {
            return false; /* ap_get_token does not get any further */
        }
    }
    return true;
}

int smart_scrub_header_parser(request_rec *r)
{
    smart_context_t *ctx = smart_context_of(r);

    if (!ctx) {
        return DECLINED;
    }
    smart_scrub(ctx);
    /* A fault without our AuthType: a disguised path, see request.c. */
    if ((!ctx->auth_type && !ctx->fault) || smart_reports(ctx)) {
        return DECLINED;
    }
    smart_cors(ctx);
    if (ctx->fault) {
        return smart_refuse(ctx, ctx->fault);
    }
    if (!connection_ok(r)) {
        ctx->fault_text = "Connection names a field of the message";
        return smart_refuse(ctx, SMART_REASON_CONNECTION);
    }
    return DECLINED;
}

int smart_trace_map_to_storage(request_rec *r)
{
    if (r->method_number == M_TRACE && smart_config_base(r->server, r->uri)) {
        return HTTP_METHOD_NOT_ALLOWED;
    }
    return DECLINED;
}
