/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.c: is a request protected, by which base, and what does it ask for?
 *
 * The path that is judged is the raw one of the request line, below the base;
 * it must be in canonical form and be what httpd made of it (r->uri), so that
 * httpd, this module and the backend can not read it in different ways. The
 * query that is judged is r->args, which is what mod_proxy sends.
 *
 * A path that is below no base for httpd, but is for a lenient backend, is
 * protected as well, and refused: it would be passed on without a question
 * where more than the base is proxied ("ProxyPass /").
 */
#include "httpd/discovery.h"
#include "httpd/request.h"

#include <http_core.h>
#include <http_log.h>
#include <http_request.h>

#include <apr_atomic.h>
#include <apr_strings.h>

#include "core/lenient.h"
#include "httpd/preread.h"

smart_process_t smart_process;

bool smart_once_a_minute(volatile apr_uint32_t *pminute)
{
    const apr_uint32_t now =
        (apr_uint32_t)(apr_time_sec(apr_time_now()) / 60) + 1;
    const apr_uint32_t last = apr_atomic_read32(pminute);

    return last != now && apr_atomic_cas32(pminute, now, last) == last;
}

/* The path of the request line. */
typedef struct raw_t {
    smart_slice_t path; /* a part of r->unparsed_uri, up to "?" or its end */
    bool is_uri;        /* byte for byte what httpd made of it */
} raw_t;

/* Of an absolute-form target it is that of the URL. */
static smart_slice_t raw_path(const char *target)
{
    const char *start = target;
    const char *authority;

    if (*start != '/') {
        authority = strstr(start, "://");
        start = authority ? strchr(authority + 3, '/') : NULL;
        if (!start) {
            return smart_slice_n("", 0);
        }
    }
    return smart_slice_n(start, strcspn(start, "?"));
}

static raw_t raw_of(const request_rec *r)
{
    const char *target = r->unparsed_uri ? r->unparsed_uri : "";
    const smart_slice_t uri = smart_slice(r->uri);
    raw_t raw;

    /* Nearly always it is all of the target, or all that is before "?". */
    if (*target == '/' && uri.len > 0 && !strncmp(target, uri.ptr, uri.len) &&
        (target[uri.len] == '\0' || target[uri.len] == '?')) {
        raw.path = smart_slice_n(target, uri.len);
        raw.is_uri = true;
    }
    else {
        raw.path = raw_path(target);
        raw.is_uri = uri.ptr && smart_slice_equal(raw.path, uri);
    }
    return raw;
}

static bool is_smart(request_rec *r)
{
    const char *type = ap_auth_type(r);

    return type && !strcasecmp(type, "SMART");
}

/* The base that a path is below for a lenient backend. */
static const smart_base_t *base_of_lenient(const request_rec *r,
                                           smart_slice_t path)
{
    const smart_server_conf_t *conf =
        ap_get_module_config(r->server->module_config, &smart_module);
    int i;

    if (conf->base_count == 0) {
        return NULL;
    }
    path = smart_lenient_decode(path, r->pool);
    for (i = 0; i < conf->base_count; i++) {
        const smart_base_t *base = &conf->bases[i];

        if (smart_lenient_below(path, smart_slice_n(base->path, base->len))) {
            return base;
        }
    }
    return NULL;
}

/*
 * The base of a request, by what httpd made of its path or by the raw one.
 * *pdisguised: by a lenient reading of them only.
 */
static const smart_base_t *find_base(const request_rec *r, const raw_t *raw,
                                     bool *pdisguised)
{
    const smart_base_t *base = smart_config_base(r->server, r->uri);

    if (!base && r->uri && !raw->is_uri) {
        base = smart_config_base(
            r->server, apr_pstrmemdup(r->pool, raw->path.ptr, raw->path.len));
    }
    *pdisguised = false;
    if (!base) {
        base = base_of_lenient(r, raw->path);
        if (!base && !raw->is_uri) {
            base = base_of_lenient(r, smart_slice(r->uri));
        }
        *pdisguised = base != NULL;
    }
    return base;
}

/* Take the base off the raw path; false: that is not what it starts with. */
static bool below_base(const smart_location_t *l, const raw_t *raw,
                       smart_slice_t *pbelow)
{
    const smart_slice_t path = raw->path;

    if (!raw->is_uri || path.len < l->base_len ||
        memcmp(path.ptr, l->base, l->base_len) != 0 ||
        (path.len > l->base_len && path.ptr[l->base_len] != '/')) {
        return false;
    }
    *pbelow = smart_slice_n(path.ptr + l->base_len, path.len - l->base_len);
    return true;
}

/* httpd takes it off the query. A path with one is refused as such. */
static bool has_fragment(const request_rec *r, const raw_t *raw)
{
    const char *target = r->unparsed_uri;
    const bool is_path =
        raw->path.ptr == target && target[raw->path.len] == '\0';

    return target && !is_path && strchr(target, '#');
}

static void fault(smart_context_t *ctx, smart_reason_e reason, const char *text)
{
    ctx->fault = reason;
    ctx->fault_text = text;
}

/* Whether a request brings a body; also HEAD, for which httpd says no. */
static bool has_body(const request_rec *r)
{
    const char *length = apr_table_get(r->headers_in, "Content-Length");

    return (length && length[strspn(length, "0")]) ||
           apr_table_get(r->headers_in, "Transfer-Encoding");
}

/* Nobody reads the body of a GET here. A backend may: as parameters of a
   search, or, when it does not, as the next request on its connection. */
static bool has_strange_body(const smart_context_t *ctx)
{
    const smart_interaction_t *i = &ctx->interaction;

    return i->kind != SMART_INTERACTION_UNKNOWN && !i->body && !i->form &&
           has_body(ctx->r);
}

static void read_interaction(smart_context_t *ctx, const raw_t *raw)
{
    request_rec *r = ctx->r;
    smart_request_t req = {
        .method = r->method,
        .query = smart_slice(r->args),
        /* of a create alone */
        .if_none_exist = *r->method == 'P'
                             ? apr_table_get(r->headers_in, "If-None-Exist")
                             : NULL,
        .prefer = apr_table_get(r->headers_in, "Prefer"),
        .provenance = apr_table_get(r->headers_in, "X-Provenance") != NULL,
    };

    if (smart_resource_is(r)) {
        /* Served here, whatever the path is for the base at the root. */
        ctx->interaction.kind = r->method_number == M_GET
                                    ? SMART_INTERACTION_DISCOVERY
                                    : SMART_INTERACTION_UNKNOWN;
    }
    else if (!below_base(ctx->location, raw, &req.path)) {
        fault(ctx, SMART_REASON_PATH,
              "the raw path is not what the server made of it");
    }
    else if (has_fragment(r, raw)) {
        fault(ctx, SMART_REASON_PATH, "the target has a fragment");
    }
    else {
        ctx->fault =
            smart_interaction_read(ctx->location->policy.version, &req, r->pool,
                                   &ctx->interaction, &ctx->fault_text);
        if (!ctx->fault && has_strange_body(ctx)) {
            fault(ctx, SMART_REASON_BODY, "there is nothing to send here");
        }
    }
}

/* A preflight names itself by these two fields (Fetch, CORS-preflight). */
static bool is_preflight(const request_rec *r)
{
    return *r->method == 'O' && !strcmp(r->method, "OPTIONS") &&
           apr_table_get(r->headers_in, "Origin") &&
           apr_table_get(r->headers_in, "Access-Control-Request-Method");
}

/* The entries of a batch may need the token that comes with it. */
static bool is_public(const smart_context_t *ctx)
{
    return smart_decision_public(&ctx->location->policy, &ctx->interaction) &&
           !(ctx->interaction.kind == SMART_INTERACTION_BATCH &&
             apr_table_get(ctx->r->headers_in, "Authorization"));
}

static smart_context_t *context_make(request_rec *r, const smart_base_t *base,
                                     const raw_t *raw, bool disguised)
{
    smart_context_t *ctx = apr_pcalloc(r->pool, sizeof(*ctx));

    ctx->r = r;
    ctx->parent = smart_preread_parent(r);
    if (ctx->parent) {
        smart_preread_fields(r);
    }
    ctx->base = base;
    ctx->auth_type = is_smart(r);
    smart_hour_tick(smart_process.shared.hour, smart_process.shared.counters,
                    r->request_time);
    ap_set_module_config(r->request_config, &smart_module, ctx);
    if (disguised) {
        fault(ctx, SMART_REASON_PATH,
              "a backend may take the path for one below the base");
    }
    if (!ctx->auth_type) {
        return ctx;
    }
    ctx->location = smart_location_get(r, base);
    if (ctx->location) {
        if (!disguised) {
            read_interaction(ctx, raw);
        }
        ctx->preflight = !ctx->fault && is_preflight(r);
        ctx->is_public = !ctx->fault && (ctx->preflight || is_public(ctx));
    }
    return ctx;
}

smart_context_t *smart_context_begin(request_rec *r)
{
    const raw_t raw = raw_of(r);
    bool disguised;
    const smart_base_t *base = find_base(r, &raw, &disguised);

    if (!base && !is_smart(r)) {
        return NULL;
    }
    return context_make(r, base, &raw, disguised);
}
