/* SPDX-License-Identifier: Apache-2.0 */
/*
 * preread.c: what is there now? A sub-request of our own, through the same
 * sections to the same backend, of which nobody sees the answer but us.
 *
 * A sub-request is ours when the request it belongs to waits for exactly its
 * URI; then it has the grant of that one, no field of the client that could
 * make the backend answer otherwise, and a permit of its own at the gate. Any
 * other sub-request is judged like a request.
 *
 * Invariant: what is taken for a resource was answered with 200, as JSON of
 * an accepted type and without a coding, whole, and has the type and the id
 * of the URL. Everything but that, 404 and 410 is no answer (502).
 */
#include "httpd/preread.h"

#include <http_log.h>
#include <http_request.h>
#include <util_filter.h>

#include <apr_atomic.h>
#include <apr_strings.h>

#include "core/media.h"
#include "core/revision.h"
#include "httpd/buffer.h"

APLOG_USE_MODULE(smart);

static const char filter_name[] = "SMART_PREREAD";
static ap_filter_rec_t *filter_handle;

/* Takes all there is and passes nothing on. */
static apr_status_t filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    const bool taken = smart_buffer_take(f->ctx, bb);

    apr_brigade_cleanup(bb);
    return taken ? APR_SUCCESS : APR_EGENERAL;
}

void smart_preread_register(apr_pool_t *p)
{
    /* Before any filter that changes content: what counts is what the backend
       says. */
    filter_handle = ap_register_output_filter(
        filter_name, filter, NULL, (ap_filter_type)(AP_FTYPE_RESOURCE - 1));
}

const smart_context_t *smart_preread_parent(const request_rec *r)
{
    const smart_context_t *parent =
        r->main ? ap_get_module_config(r->main->request_config, &smart_module)
                : NULL;

    return parent && parent->preread && !r->prev && !r->args &&
                   r->method_number == M_GET && !strcmp(r->uri, parent->preread)
               ? parent
               : NULL;
}

void smart_preread_fields(request_rec *r)
{
    static const char *const names[] = {
        "Accept-Encoding",
        "Accept-Language",
        "Content-Encoding",
        "Content-Length",
        "Content-Type",
        "Expect",
        "If-Match",
        "If-Modified-Since",
        "If-None-Exist",
        "If-None-Match",
        "If-Range",
        "If-Unmodified-Since",
        "Prefer",
        "Range",
        "Transfer-Encoding",
        "X-Provenance",
        NULL,
    };

    smart_drop(r->headers_in, names);
    apr_table_setn(r->headers_in, "Accept", "application/fhir+json");
}

/* The status of the answer; *pbuffer gets its body. */
static int run(request_rec *sub, smart_buffer_t *buffer)
{
    int rv;

    if (sub->status != HTTP_OK) { /* a hook would not have it */
        return sub->status;
    }
    ap_add_output_filter_handle(filter_handle, buffer, sub, sub->connection);
    rv = ap_run_sub_req(sub);
    return rv == OK || rv == DONE ? sub->status : rv;
}

/* Whether a resource is that of a path "/Type/id". */
static bool is_of(const smart_json_t *resource, const char *below)
{
    smart_slice_t type, id;

    return smart_json_string(smart_json_member(resource, "resourceType"),
                             &type) &&
           smart_json_string(smart_json_member(resource, "id"), &id) &&
           strlen(below) == type.len + id.len + 2 &&
           !strncmp(below + 1, type.ptr, type.len) &&
           below[type.len + 1] == '/' && !strcmp(below + type.len + 2, id.ptr);
}

/* Some backends have no versions. Once per location is often enough. */
static void say_no_etag(const smart_context_t *ctx)
{
    if (!apr_atomic_xchg32(ctx->location->said_no_etag, 1)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, ctx->r,
                      "SMART0703: the FHIR server gives neither ETag nor "
                      "meta.versionId: writes are checked, but a change "
                      "between check and write goes unnoticed");
    }
}

/* A resource of an answer with 200. */
static smart_reason_e resource_of(const smart_context_t *ctx,
                                  const request_rec *sub,
                                  const smart_buffer_t *buffer,
                                  const char *below, apr_pool_t *p,
                                  smart_found_t *pfound)
{
    const smart_json_t *json;
    const char *why;

    if (!buffer->end || buffer->broken || buffer->full ||
        smart_media_of(sub->content_type, ctx->location->policy.version) !=
            SMART_MEDIA_JSON ||
        !smart_media_plain(
            apr_table_get(sub->headers_out, "Content-Encoding")) ||
        sub->content_encoding) {
        return SMART_REASON_BACKEND;
    }
    if (smart_json_read(smart_slice_n(buffer->data, buffer->len), p, &json,
                        &why) != SMART_JSON_READ ||
        !is_of(json, below)) {
        return SMART_REASON_BACKEND;
    }
    pfound->resource = json;
    pfound->etag =
        smart_revision_etag(apr_table_get(sub->headers_out, "ETag"), json, p);
    if (!pfound->etag) {
        say_no_etag(ctx);
    }
    return SMART_REASON_UNDECIDED;
}

smart_reason_e smart_preread(smart_context_t *ctx, const char *below,
                             apr_pool_t *p, smart_found_t *pfound)
{
    request_rec *r = ctx->r;
    smart_buffer_t *buffer =
        smart_buffer_make((apr_size_t)ctx->location->inspect_limit, p);
    smart_reason_e reason = SMART_REASON_BACKEND;
    request_rec *sub;
    int status;

    memset(pfound, 0, sizeof(*pfound));
    ctx->preread = apr_pstrcat(r->pool, ctx->location->base, below, NULL);
    sub = ap_sub_req_method_uri("GET", ctx->preread, r, r->output_filters);
    status = run(sub, buffer);
    ctx->preread = NULL;
    if (status == HTTP_NOT_FOUND || status == HTTP_GONE) {
        reason = SMART_REASON_UNDECIDED;
    }
    else if (status == HTTP_OK) {
        reason = resource_of(ctx, sub, buffer, below, p, pfound);
    }
    if (reason) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "SMART0704: what is there now can not be read: the FHIR "
                      "server answered %d%s",
                      status,
                      status == HTTP_OK ? ", but not with the resource" : "");
    }
    ap_destroy_sub_req(sub);
    return reason;
}
