/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body.c: a body that a hook reads is gone for the handler. So it is read
 * once, whole and bounded, and an input filter gives it back.
 *
 * Invariants:
 *   1. What the handler reads is what was judged: one text, of the length that
 *      Content-Length says, without a content coding.
 *   2. Fields behind the body (trailers) change nothing: the request was
 *      judged by those before it.
 */
#include "httpd/body.h"

#include <http_log.h>
#include <util_filter.h>

#include <apr_strings.h>

#include "core/media.h"
#include "httpd/buffer.h"

APLOG_USE_MODULE(smart);

#define READ_BYTES 8192

static const char filter_name[] = "SMART_BODY";

/* ---- giving back ---- */

struct smart_held_t {
    smart_slice_t text;
    apr_size_t given;
};

static apr_status_t filter(ap_filter_t *f, apr_bucket_brigade *bb,
                           ap_input_mode_t mode, apr_read_type_e block,
                           apr_off_t readbytes)
{
    smart_held_t *held = f->ctx;
    apr_bucket_alloc_t *alloc = f->r->connection->bucket_alloc;
    apr_size_t n = held->text.len - held->given;

    if (mode != AP_MODE_READBYTES && mode != AP_MODE_EXHAUSTIVE) {
        return APR_ENOTIMPL; /* lines and lookahead are for protocols */
    }
    if (mode == AP_MODE_READBYTES && readbytes > 0 &&
        n > (apr_size_t)readbytes) {
        n = (apr_size_t)readbytes;
    }
    if (n) {
        APR_BRIGADE_INSERT_TAIL(
            bb, apr_bucket_pool_create(held->text.ptr + held->given, n,
                                       f->r->pool, alloc));
        held->given += n;
    }
    if (held->given == held->text.len) {
        APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(alloc));
        /* mod_proxy_http2 reads it once more where a kept connection turns
           out closed. */
        held->given = 0;
    }
    return APR_SUCCESS;
}

void smart_body_send(smart_context_t *ctx, smart_slice_t text)
{
    request_rec *r = ctx->r;

    if (!ctx->held) {
        ctx->held = apr_pcalloc(r->pool, sizeof(*ctx->held));
        ap_add_input_filter(filter_name, ctx->held, r, r->connection);
    }
    ctx->held->text = text;
    apr_table_unset(r->headers_in, "Transfer-Encoding");
    apr_table_unset(r->headers_in, "Content-MD5");
    apr_table_setn(r->headers_in, "Content-Length",
                   apr_psprintf(r->pool, "%" APR_SIZE_T_FMT, text.len));
}

void smart_body_register(apr_pool_t *p)
{
    ap_register_input_filter(filter_name, filter, NULL, AP_FTYPE_CONTENT_SET);
}

/* ---- reading ---- */

static smart_reason_e read_brigades(request_rec *r, smart_buffer_t *buffer)
{
    apr_bucket_brigade *bb =
        apr_brigade_create(r->pool, r->connection->bucket_alloc);
    apr_status_t rv = APR_SUCCESS;
    bool taken = true;

    while (!buffer->end && taken && rv == APR_SUCCESS) {
        rv = ap_get_brigade(r->input_filters, bb, AP_MODE_READBYTES,
                            APR_BLOCK_READ, READ_BYTES);
        taken = rv == APR_SUCCESS && smart_buffer_take(buffer, bb);
        apr_brigade_cleanup(bb);
    }
    apr_brigade_destroy(bb);
    if (buffer->full || rv == APR_ENOSPC) { /* ours, or LimitRequestBody */
        return SMART_REASON_TOO_LARGE;
    }
    return buffer->end ? SMART_REASON_UNDECIDED : SMART_REASON_BODY;
}

/* Trailers are not kept: with MergeTrailers they would be among the fields. */
static smart_reason_e read_all(request_rec *r, apr_size_t max,
                               smart_slice_t *ptext)
{
    smart_buffer_t *buffer = smart_buffer_make(max, r->pool);
    apr_table_t *fields = r->headers_in;
    smart_reason_e reason = read_brigades(r, buffer);

    r->headers_in = fields;
    if (r->trailers_in) {
        apr_table_clear(r->trailers_in);
    }
    *ptext = smart_slice_n(buffer->len ? buffer->data : "", buffer->len);
    return reason;
}

static bool declared_too_large(const request_rec *r, apr_size_t max)
{
    const char *length = apr_table_get(r->headers_in, "Content-Length");
    char *end;
    apr_off_t n;

    return length && (apr_strtoff(&n, length, &end, 10) != APR_SUCCESS ||
                      *end || n < 0 || (apr_uint64_t)n > max);
}

/* The body, if it is of a media type and not too large. */
static smart_reason_e read_body(smart_context_t *ctx, smart_media_e media,
                                apr_size_t max, smart_slice_t *ptext)
{
    const apr_table_t *fields = ctx->r->headers_in;

    if (smart_media_of(apr_table_get(fields, "Content-Type"),
                       ctx->location->policy.version) != media ||
        !smart_media_plain(apr_table_get(fields, "Content-Encoding"))) {
        return SMART_REASON_MEDIA_TYPE;
    }
    if (declared_too_large(ctx->r, max)) {
        return SMART_REASON_TOO_LARGE;
    }
    return read_all(ctx->r, max, ptext);
}

/* ---- search forms ---- */

static void append(smart_search_t *url, const smart_search_t *form,
                   apr_pool_t *p)
{
    smart_search_param_t *all =
        apr_palloc(p, (apr_size_t)(url->count + form->count) * sizeof(*all));

    if (url->count) {
        memcpy(all, url->params, (apr_size_t)url->count * sizeof(*all));
    }
    if (form->count) {
        memcpy(all + url->count, form->params,
               (apr_size_t)form->count * sizeof(*all));
    }
    url->params = all;
    url->count += form->count;
}

/* A second credential (RFC 6750 section 2: at most one way). */
static bool has_token(const smart_search_t *form)
{
    int i;

    for (i = 0; i < form->count; i++) {
        if (smart_slice_is(form->params[i].name, "access_token")) {
            return true;
        }
    }
    return false;
}

smart_reason_e smart_body_form(smart_context_t *ctx)
{
    request_rec *r = ctx->r;
    smart_slice_t text;
    smart_reason_e reason =
        read_body(ctx, SMART_MEDIA_FORM, SMART_MAX_FORM, &text);

    if (reason) {
        return reason;
    }
    if (!smart_search_parse(text, r->pool, &ctx->form, &ctx->fault_text)) {
        return SMART_REASON_BODY;
    }
    if (has_token(&ctx->form)) {
        return SMART_REASON_TOKEN_TWICE;
    }
    ctx->has_form = true;
    append(&ctx->interaction.search, &ctx->form, r->pool);
    ctx->interaction.form = false;
    return SMART_REASON_UNDECIDED;
}

void smart_body_send_form(smart_context_t *ctx)
{
    smart_body_send(ctx,
                    smart_slice(smart_search_write(&ctx->form, ctx->r->pool)));
}

/* ---- JSON ---- */

smart_reason_e smart_body_json(smart_context_t *ctx, bool patch,
                               const smart_json_t **pjson)
{
    smart_slice_t text;
    smart_reason_e reason =
        read_body(ctx, patch ? SMART_MEDIA_JSON_PATCH : SMART_MEDIA_JSON,
                  (apr_size_t)ctx->location->inspect_limit, &text);

    *pjson = NULL;
    if (reason) {
        return reason;
    }
    if (smart_json_read(text, ctx->r->pool, pjson, &ctx->fault_text) !=
        SMART_JSON_READ) {
        return SMART_REASON_BODY;
    }
    if (!smart_json_distinct(*pjson)) {
        ctx->fault_text = "names that a lenient parser takes for one";
        return SMART_REASON_BODY;
    }
    ctx->fault_text = NULL;
    smart_body_send(ctx, text);
    return SMART_REASON_UNDECIDED;
}
