/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pinned.c: the fields are changed on a copy of the table: modules that
 * negotiate a coding with the client read the request's own.
 */
#include "httpd/pinned.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include "core/inspect.h"

/* ---- Prefer ---- */

/* The next preference of a list, blanks around it taken off; empty at end. */
static smart_slice_t next_preference(const char **plist)
{
    smart_slice_t item;
    bool quoted = false;
    const char *at = *plist + strspn(*plist, ", \t");

    item.ptr = at;
    for (; *at && (quoted || *at != ','); at++) {
        quoted = *at == '"' ? !quoted : quoted;
    }
    *plist = at;
    item.len = (apr_size_t)(at - item.ptr);
    while (item.len &&
           (item.ptr[item.len - 1] == ' ' || item.ptr[item.len - 1] == '\t')) {
        item.len--;
    }
    return item;
}

static bool preference_is(smart_slice_t item, const char *name)
{
    const apr_size_t n = strlen(name);

    return item.len >= n && !strncasecmp(item.ptr, name, n) &&
           (item.len == n || !apr_isalnum(item.ptr[n]));
}

/* Of what a client prefers, what changes nothing that we rely on. */
static bool harmless(const smart_context_t *ctx, smart_slice_t item)
{
    if (preference_is(item, "return")) {
        return !smart_owes(ctx, SMART_OBLIGE_MINIMAL);
    }
    return !smart_owes(ctx, SMART_OBLIGE_INSPECT);
}

static void set_prefer(const smart_context_t *ctx, apr_table_t *headers)
{
    apr_pool_t *p = ctx->r->pool;
    const char *list = apr_table_getm(p, headers, "Prefer");
    const char *out = NULL;
    smart_slice_t item;

    if (smart_owes(ctx, SMART_OBLIGE_MINIMAL)) {
        out = "return=minimal";
    }
    else if (smart_owes(ctx, SMART_OBLIGE_INSPECT)) {
        out = "handling=strict";
    }
    while (list && (item = next_preference(&list)).len) {
        if (harmless(ctx, item)) {
            const char *text = apr_pstrmemdup(p, item.ptr, item.len);

            out = out ? apr_pstrcat(p, out, ", ", text, NULL) : text;
        }
    }
    if (out) {
        apr_table_setn(headers, "Prefer", out);
    }
    else {
        apr_table_unset(headers, "Prefer");
    }
}

/* ---- the fields ---- */

static void pin_read(apr_table_t *headers)
{
    static const char *const names[] = {
        "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
        NULL,
    };

    smart_drop(headers, names);
}

static void pin_inspected(smart_context_t *ctx, apr_table_t *headers)
{
    apr_table_setn(headers, "Accept", "application/fhir+json");
    apr_table_unset(headers, "Accept-Charset");
    /* A part of an answer proves nothing, of whatever method. */
    apr_table_unset(headers, "Range");
    apr_table_unset(headers, "If-Range");
    if (!smart_inspect_writes(ctx->interaction.kind) &&
        ctx->interaction.kind != SMART_INTERACTION_BATCH) {
        pin_read(headers);
        /* A 103 would be sent on before the answer is there. */
        apr_table_setn(ctx->r->subprocess_env, "proxy-interim-response",
                       "Suppress");
    }
}

void smart_pinned_begin(smart_context_t *ctx)
{
    request_rec *r = ctx->r;

    if (smart_owes(ctx, SMART_OBLIGE_CONTEXT)) {
        return; /* streamed as it was asked for */
    }
    ctx->pinned.head = r->header_only;
    ctx->pinned.headers = r->headers_in;
    ctx->pinned.method = r->method;
    r->headers_in = apr_table_copy(r->pool, r->headers_in);
    apr_table_unset(r->headers_in, "Accept-Encoding");
    if (smart_owes(ctx, SMART_OBLIGE_INSPECT)) {
        pin_inspected(ctx, r->headers_in);
    }
    set_prefer(ctx, r->headers_in);
    if (r->header_only) {
        r->header_only = 0;
        r->method = "GET";
    }
}

void smart_pinned_end(smart_context_t *ctx)
{
    static const char *const ranges[] = {"Range", "If-Range", NULL};
    request_rec *r = ctx->r;

    if (!ctx->pinned.headers) {
        return;
    }
    r->headers_in = ctx->pinned.headers;
    smart_drop(r->headers_in, ranges); /* httpd would cut a range by itself */
    r->header_only = ctx->pinned.head;
    r->method = ctx->pinned.method;
    ctx->pinned.headers = NULL;
}
