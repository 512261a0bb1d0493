/* SPDX-License-Identifier: Apache-2.0 */
/*
 * response.c: headers of what the backend answers to a permitted request: not
 * for shared caches, and with our CORS headers instead of its own. What is
 * shown as an ErrorDocument keeps the status of the error: mod_proxy puts the
 * backend's 200 in its place, and a client would take it for success.
 */
#include "httpd/inspect.h"

#include <util_filter.h>

#include <apr_lib.h>
#include <apr_strings.h>

static const char filter_name[] = "SMART_RESPONSE";
static ap_filter_rec_t *filter_handle; /* saves the search for the name */

static bool is_token(const char *token, apr_size_t len, const char *name)
{
    return len >= strlen(name) && !strncasecmp(token, name, strlen(name)) &&
           (len == strlen(name) || token[strlen(name)] == '=');
}

/* The backend's Cache-Control without what would let a shared cache keep it. */
static const char *private_only(const char *value, apr_pool_t *p)
{
    const char *out = "private";

    while (value && *value) {
        apr_size_t n = strcspn(value, ",");
        apr_size_t len = n;

        while (len && apr_isspace(value[len - 1])) {
            len--;
        }
        if (len && !is_token(value, len, "private") &&
            !is_token(value, len, "public") &&
            !is_token(value, len, "s-maxage")) {
            out = apr_psprintf(p, "%s, %.*s", out, (int)len, value);
        }
        value += n;
        value += strspn(value, ", \t");
    }
    return out;
}

static void drop_cors(apr_table_t *headers)
{
    static const char *const names[] = {
        "Access-Control-Allow-Origin",
        "Access-Control-Allow-Credentials",
        "Access-Control-Allow-Methods",
        "Access-Control-Allow-Headers",
        "Access-Control-Expose-Headers",
        "Access-Control-Max-Age",
        NULL,
    };

    smart_drop(headers, names);
}

static void set_private(request_rec *r)
{
    static const char name[] = "Cache-Control";
    /* Said to shared caches alone, over the head of Cache-Control (RFC 9213). */
    static const char *const targeted[] = {"CDN-Cache-Control",
                                           "Surrogate-Control", NULL};
    apr_table_t *headers = r->headers_out;

    smart_drop(headers, targeted);
    if (!apr_table_get(headers, name)) {
        apr_table_addn(headers, name, "private");
        return;
    }
    apr_table_setn(
        headers, name,
        private_only(apr_table_getm(r->pool, headers, name), r->pool));
}

/* For r->no_cache httpd would write out the time of the request; this says the
   same (RFC 9111 5.3). */
static void set_expired(request_rec *r)
{
    static const char name[] = "Expires";

    if (r->no_cache && !apr_table_get(r->headers_out, name)) {
        apr_table_addn(r->headers_out, name, "0");
    }
}

/* Once, before the first byte; then out of the way. */
static apr_status_t filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    request_rec *r = f->r;
    const smart_context_t *ctx = smart_context_of(r);

    if (ctx && ctx->location && ctx->permit.held) {
        if (!ctx->is_public) {
            set_private(r);
        }
        set_expired(r);
        if (ctx->location->cors_origins || ctx->location->cors_any) {
            drop_cors(r->headers_out);
        }
    }
    if (smart_is_error_page(r) && !ap_is_HTTP_ERROR(r->status)) {
        r->status = r->prev->status;
        r->status_line = NULL;
    }
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}

void smart_response_insert_filter(request_rec *r)
{
    smart_context_t *ctx =
        ap_get_module_config(r->request_config, &smart_module);

    if (ctx) {
        ctx->filters_inserted = true;
    }
    if (ctx && ctx->permit.held && !smart_reports(ctx)) {
        ap_add_output_filter_handle(filter_handle, NULL, r, r->connection);
        smart_inspect_insert(ctx);
    }
}

void smart_response_register(apr_pool_t *p)
{
    filter_handle = ap_register_output_filter(filter_name, filter, NULL,
                                              AP_FTYPE_CONTENT_SET);
}
