/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect.c: an output filter that takes what the backend says before any
 * other filter does, up to SmartInspectLimit, and sends what core leaves of
 * it. It stands in front of those of the administrator (INFLATE, SUBSTITUTE,
 * DEFLATE, mod_headers): they work on what was judged.
 *
 * An ErrorDocument has no say here: httpd would show it in place of what the
 * backend answered, but not of what we do, and the two must look the same.
 * For the same reason the handlers are run from here: ProxyErrorOverride makes
 * a status of an answer that no filter sees.
 */
#include "httpd/inspect.h"

#include "httpd/buffer.h"
#include "httpd/coverage.h"
#include "httpd/pinned.h"

#include <http_core.h>
#include <http_log.h>
#include <util_filter.h>

#include <apr_strings.h>

#include "core/inspect.h"
#include "core/media.h"

APLOG_USE_MODULE(smart);

static const char filter_name[] = "SMART_INSPECT";
static ap_filter_rec_t *filter_handle;

/* No JSON: whatever it is held against, it proves nothing. */
static const smart_slice_t no_json = {"-", 1};

/* An answer on its way. */
typedef struct answer_t {
    smart_buffer_t *buffer;
    bool answered; /* and what still comes is of no use */
} answer_t;

bool smart_inspect_needed(const smart_context_t *ctx)
{
    return ctx->permit.held && !ctx->is_public &&
           smart_owes(ctx, SMART_OBLIGE_INSPECT | SMART_OBLIGE_MINIMAL |
                               SMART_OBLIGE_CONTEXT);
}

/* NULL, or why the bytes are not what they have to be. */
static const char *not_json(const smart_context_t *ctx)
{
    const request_rec *r = ctx->r;

    if (r->content_encoding ||
        !smart_media_plain(apr_table_get(r->headers_out, "Content-Encoding"))) {
        return "it has a content coding";
    }
    return smart_media_of(r->content_type, ctx->location->policy.version) ==
                   SMART_MEDIA_JSON
               ? NULL
               : "its media type is not JSON in UTF-8";
}

/* ---- what is sent ---- */

/* How much there is beyond what is shown; see Bundle.total. */
static void drop_counts(request_rec *r)
{
    static const char *const names[] = {"Content-Range", "X-Total-Count", NULL};

    smart_drop(r->headers_out, names);
}

/* What a backend said of bytes that are not sent. */
static void drop_content_headers(request_rec *r)
{
    static const char *const names[] = {"Content-MD5",    "Digest",
                                        "Content-Digest", "Repr-Digest",
                                        "Accept-Ranges",  NULL};

    smart_drop(r->headers_out, names);
    drop_counts(r);
}

/* What tells one version from another. */
static void drop_validators(request_rec *r)
{
    static const char *const names[] = {"ETag", "Last-Modified", NULL};

    smart_drop(r->headers_out, names);
}

static apr_status_t send_out(ap_filter_t *f, const char *text, apr_size_t len)
{
    request_rec *r = f->r;
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, alloc);

    smart_pinned_end(smart_context_of(r));
    r->status_line = NULL;
    if (r->trailers_out) {
        apr_table_clear(r->trailers_out);
    }
    if (r->status != HTTP_NO_CONTENT) {
        ap_set_content_length(r, (apr_off_t)len);
    }
    if (len) {
        APR_BRIGADE_INSERT_TAIL(
            bb, apr_bucket_pool_create(text, len, r->pool, alloc));
    }
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(alloc));
    return ap_pass_brigade(f->next, bb);
}

static apr_status_t send_ours(ap_filter_t *f, smart_reason_e reason)
{
    const char *text = smart_refusal_instead(smart_context_of(f->r), reason);

    return send_out(f, text, strlen(text));
}

/* The status stays, nothing else does. */
static apr_status_t send_error(ap_filter_t *f, smart_slice_t text)
{
    request_rec *r = f->r;
    const char *retry = apr_table_get(r->headers_out, "Retry-After");

    smart_refusal_clear(r);
    if (retry) {
        apr_table_setn(r->headers_out, "Retry-After", retry);
    }
    return send_out(f, text.ptr, text.len);
}

static apr_status_t send_bad(ap_filter_t *f, const char *why)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, f->r,
                  "SMART0701: the answer of the FHIR server (status %d) can "
                  "not be shown: %s",
                  f->r->status, why);
    return send_ours(f, SMART_REASON_BACKEND);
}

static void stamp(const smart_context_t *ctx)
{
    apr_table_mergen(ctx->r->headers_out, "X-Intermediary",
                     smart_public_hostname(ctx));
}

/* ---- judged ---- */

static smart_plan_t plan_of(const smart_context_t *ctx)
{
    const smart_interaction_t *i = &ctx->interaction;
    smart_plan_t plan = {
        .kind = i->kind,
        .type = i->type,
        .id = i->id,
        .write = smart_inspect_writes(i->kind),
    };

    if (ctx->plan) {
        return *ctx->plan;
    }
    if (smart_owes(ctx, SMART_OBLIGE_INSPECT) &&
        !smart_owes(ctx, SMART_OBLIGE_MINIMAL)) {
        plan.letter = ctx->decision.shown;
    }
    return plan;
}

static apr_status_t send_judged(ap_filter_t *f, smart_inspected_e answer,
                                smart_slice_t body, const char *why)
{
    request_rec *r = f->r;

    switch (answer) {
    case SMART_INSPECTED_BAD:
        return send_bad(f, why);
    case SMART_INSPECTED_NOT_FOUND:
        return send_ours(f, SMART_REASON_FOREIGN);
    case SMART_INSPECTED_OUTCOME:
        return send_error(f, body);
    case SMART_INSPECTED_EMPTY:
        drop_content_headers(r);
        apr_table_unset(r->headers_out, "Content-Encoding");
        apr_table_unset(r->headers_out, "Content-Type");
        r->content_encoding = NULL;
        r->content_type = NULL;
        stamp(smart_context_of(r));
        return send_out(f, "", 0);
    case SMART_INSPECTED_SAME:
        drop_counts(r);
        return send_out(f, body.ptr, body.len);
    case SMART_INSPECTED_CHANGED:
        drop_content_headers(r);
        drop_validators(r);
        stamp(smart_context_of(r));
        return send_out(f, body.ptr, body.len);
    }
    return send_bad(f, why);
}

static apr_status_t judge(ap_filter_t *f, const smart_buffer_t *buffer)
{
    request_rec *r = f->r;
    const smart_context_t *ctx = smart_context_of(r);
    const smart_coverage_t coverage = smart_request_coverage(ctx);
    const smart_plan_t plan = plan_of(ctx);
    const smart_rebase_t rebase = {smart_request_backends(ctx),
                                   ctx->location->public_url};
    const char *wrong = buffer->len ? not_json(ctx) : NULL;
    smart_slice_t body = smart_slice_n(buffer->data, buffer->len);
    smart_inspected_e answer;
    const char *why;

    answer = smart_inspect(&coverage, &plan, &rebase, r->status,
                           wrong ? no_json : body, r->pool, &body, &why);
    return send_judged(f, answer, body, wrong ? wrong : why);
}

/* ---- the filter ---- */

/* The opaque part of an entity tag: what W/"1" and "1" have in common. */
static const char *opaque(const char *etag)
{
    return etag && etag[0] == 'W' && etag[1] == '/' ? etag + 2 : etag;
}

/* A Binary that is streamed still has to be what was proved. */
static bool is_proved_version(const smart_context_t *ctx)
{
    const char *now = opaque(apr_table_get(ctx->r->headers_out, "ETag"));
    const char *then = opaque(ctx->proved_etag);

    return !now || !then || !strcmp(now, then);
}

/* What of a stream can be passed on without a look: true. */
static bool streams(const smart_context_t *ctx)
{
    const int status = ctx->r->status;

    return smart_owes(ctx, SMART_OBLIGE_CONTEXT) &&
           ((status >= 200 && status < 300) || status == HTTP_NOT_MODIFIED);
}

static apr_status_t send_too_large(ap_filter_t *f)
{
    const smart_context_t *ctx = smart_context_of(f->r);

    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, f->r,
                  "SMART0702: the answer of the FHIR server is larger than "
                  "SmartInspectLimit (%" APR_OFF_T_FMT " bytes): raise it, "
                  "or have clients ask for smaller pages",
                  ctx->location->inspect_limit);
    return send_ours(f, SMART_REASON_BACKEND);
}

/* What can be passed on as it comes: a Binary that was proved. */
static apr_status_t filter_stream(ap_filter_t *f, apr_bucket_brigade *bb)
{
    answer_t *answer = f->ctx;

    if (is_proved_version(smart_context_of(f->r))) {
        ap_remove_output_filter(f);
        return ap_pass_brigade(f->next, bb);
    }
    answer->answered = true;
    apr_brigade_cleanup(bb);
    send_bad(f, "it is not the version that was proved");
    return APR_EGENERAL;
}

static apr_status_t filter_judged(ap_filter_t *f, apr_bucket_brigade *bb)
{
    answer_t *answer = f->ctx;
    smart_buffer_t *buffer = answer->buffer;
    bool ok;

    if (!buffer->data) {
        smart_buffer_expect(buffer,
                            apr_table_get(f->r->headers_out, "Content-Length"));
    }
    ok = smart_buffer_take(buffer, bb);
    apr_brigade_cleanup(bb);
    answer->answered = !ok || buffer->end;
    if (ok) {
        return buffer->end ? judge(f, buffer) : APR_SUCCESS;
    }
    if (buffer->full) {
        send_too_large(f);
    }
    else {
        send_bad(f, "it ends too early");
    }
    return APR_EGENERAL; /* so that the rest is not read for nothing */
}

static apr_status_t filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    const answer_t *answer = f->ctx;

    if (answer->answered) {
        apr_brigade_cleanup(bb);
        return APR_SUCCESS;
    }
    return streams(smart_context_of(f->r)) ? filter_stream(f, bb)
                                           : filter_judged(f, bb);
}

void smart_inspect_insert(smart_context_t *ctx)
{
    answer_t *answer;

    if (smart_inspect_needed(ctx)) {
        answer = apr_pcalloc(ctx->r->pool, sizeof(*answer));
        answer->buffer = smart_buffer_make(
            (apr_size_t)ctx->location->inspect_limit, ctx->r->pool);
        ap_add_output_filter_handle(filter_handle, answer, ctx->r,
                                    ctx->r->connection);
    }
}

static ap_filter_t *find_filter(const smart_context_t *ctx)
{
    ap_filter_t *f = ctx->r->output_filters;

    while (f && f->frec != filter_handle) {
        f = f->next;
    }
    return f && f->r == ctx->r ? f : NULL;
}

bool smart_inspect_ready(const smart_context_t *ctx)
{
    return !smart_inspect_needed(ctx) || find_filter(ctx);
}

int smart_inspect_handle(smart_context_t *ctx)
{
    ap_filter_t *f;
    int rv;

    smart_pinned_begin(ctx);
    ctx->in_handler = true;
    rv = ap_run_handler(ctx->r);
    ctx->in_handler = false;
    smart_pinned_end(ctx);
    f = find_filter(ctx);
    /* ProxyErrorOverride: a status, and nothing of the answer. */
    if ((rv == HTTP_NOT_FOUND || rv == HTTP_GONE) && f &&
        !((answer_t *)f->ctx)->answered &&
        smart_inspect_by_id(ctx->interaction.kind)) {
        ((answer_t *)f->ctx)->answered = true;
        return send_ours(f, SMART_REASON_FOREIGN) == APR_SUCCESS ? DONE : rv;
    }
    return rv;
}

void smart_inspect_register(apr_pool_t *p)
{
    filter_handle = ap_register_output_filter(filter_name, filter, NULL,
                                              AP_FTYPE_RESOURCE - 5);
}
