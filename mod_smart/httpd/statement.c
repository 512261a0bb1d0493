/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statement.c: rest.security in the backend's CapabilityStatement, for apps
 * that look there and not at smart-configuration.
 *
 * The answer is held back until it is complete, up to MAX_TEXT bytes. What was
 * made of it is kept, one per location, and used again when the same bytes
 * come for the same endpoints: it is never out of date, and a large statement
 * is read once. One at a time is read in a process.
 *
 * What is not changed passes as it came: another media type or status, a
 * content coding, more bytes, no CapabilityStatement.
 *
 * A changed answer is another representation: it has our validator, and the
 * client's conditions are judged here, not by the backend.
 */
#include "httpd/discovery.h"
#include "httpd/request.h"

#include <http_core.h>
#include <http_log.h>
#include <util_filter.h>

#include <apr_strings.h>
#include <apr_thread_mutex.h>

#include "core/capability_statement.h"
#include "io/http.h"

APLOG_USE_MODULE(smart);

#define MAX_TEXT ((apr_size_t)4 << 20) /* bytes held back for one request */

static const char filter_name[] = "SMART_STATEMENT";
static ap_filter_rec_t *filter_handle;

/* One statement is read at a time: ten times its size is needed for it.
   NULL outside of children. */
static apr_thread_mutex_t *mutex;

typedef struct held_t {
    apr_bucket_brigade *bb;
    apr_size_t len;
    bool decided; /* the head of the answer was looked at */
} held_t;

void smart_statement_child_init(apr_pool_t *pchild)
{
    if (apr_thread_mutex_create(&mutex, APR_THREAD_MUTEX_DEFAULT, pchild) !=
        APR_SUCCESS) {
        mutex = NULL; /* then nothing is changed */
    }
}

/* Whether an answer to this request may be changed. */
static bool is_wanted(const smart_context_t *ctx)
{
    return ctx->permit.held && !smart_reports(ctx) && ctx->location &&
           ctx->location->publication &&
           ctx->interaction.kind == SMART_INTERACTION_CAPABILITIES;
}

void smart_statement_upstream(const smart_context_t *ctx, apr_table_t *headers)
{
    static const char *const fields[] = {
        "Accept-Encoding", "If-Match", "If-Modified-Since",
        "If-None-Match",   "If-Range", "If-Unmodified-Since",
        "Range",
    };
    apr_size_t i;

    for (i = 0; is_wanted(ctx) && i < sizeof(fields) / sizeof(fields[0]); i++) {
        apr_table_unset(headers, fields[i]);
    }
}

/* ---- the new text ---- */

/* Of the bytes, and of what is put into them. */
static bool digest_of(smart_slice_t text, const smart_oauth_uris_t *uris,
                      apr_pool_t *p, unsigned char *digest)
{
    const char *const all[] = {uris->authorize,    uris->token,
                               uris->register_uri, uris->manage,
                               uris->introspect,   uris->revoke};
    unsigned char of_text[SMART_DIGEST_LEN];
    char hex[2 * SMART_DIGEST_LEN + 1];
    const char *name;
    apr_size_t i;

    if (smart_digest_sha256(text, of_text) != APR_SUCCESS) {
        return false;
    }
    ap_bin2hex(of_text, SMART_DIGEST_LEN, hex);
    name = hex;
    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        name = apr_pstrcat(p, name, "\n", all[i] ? all[i] : "", NULL);
    }
    return smart_digest_sha256(smart_slice(name), digest) == APR_SUCCESS;
}

/* Under the mutex. */
static void make(smart_statement_t *kept, const unsigned char *digest,
                 smart_slice_t text, const smart_oauth_uris_t *uris)
{
    apr_pool_t *work, *p;
    smart_slice_t made;

    if (kept->pool) {
        apr_pool_destroy(kept->pool);
        memset(kept, 0, sizeof(*kept));
    }
    if (apr_pool_create(&work, NULL) != APR_SUCCESS) {
        return;
    }
    if (apr_pool_create(&p, NULL) == APR_SUCCESS) {
        kept->pool = p;
        memcpy(kept->digest, digest, SMART_DIGEST_LEN);
        if (smart_capability_statement(text, uris, work, &made)) {
            kept->text =
                smart_slice_n(apr_pstrmemdup(p, made.ptr, made.len), made.len);
        }
    }
    apr_pool_destroy(work);
}

/* What is sent instead of <text>; empty: nothing. */
static smart_slice_t replacement(request_rec *r, smart_publication_t *pub,
                                 smart_slice_t text)
{
    smart_slice_t out = {NULL, 0};
    unsigned char digest[SMART_DIGEST_LEN];
    smart_statement_t *kept = &pub->statement;
    smart_discovery_t d;

    if (!smart_publication_get(pub, r->pool, &d) ||
        !digest_of(text, &d.uris, r->pool, digest) || !mutex ||
        apr_thread_mutex_lock(mutex) != APR_SUCCESS) {
        return out;
    }
    if (!kept->pool || memcmp(kept->digest, digest, SMART_DIGEST_LEN) != 0) {
        make(kept, digest, text, &d.uris);
    }
    if (kept->text.len) {
        out = smart_slice_n(
            apr_pstrmemdup(r->pool, kept->text.ptr, kept->text.len),
            kept->text.len);
    }
    apr_thread_mutex_unlock(mutex);
    return out;
}

/* ---- the answer ---- */

static bool is_json(const request_rec *r)
{
    return smart_http_is_type(r->content_type, "application/fhir+json") ||
           smart_http_is_type(r->content_type, "application/json");
}

/* As far as its head tells. */
static bool may_change(request_rec *r)
{
    return r->status == HTTP_OK && is_json(r) &&
           !apr_table_get(r->headers_out, "Content-Encoding") &&
           !apr_table_get(r->headers_out, "Content-Range");
}

/* They were of the other representation. */
static void drop_validators(request_rec *r)
{
    static const char *const fields[] = {
        "Accept-Ranges", "Content-Length", "Content-MD5", "Digest",
        "ETag",          "Last-Modified",  NULL,
    };

    smart_drop(r->headers_out, fields);
}

static apr_status_t pass_as_is(ap_filter_t *f, apr_bucket_brigade *bb)
{
    held_t *held = f->ctx;

    ap_remove_output_filter(f);
    APR_BRIGADE_PREPEND(bb, held->bb);
    return ap_pass_brigade(f->next, bb);
}

/* All of it is in held->bb, without the end. */
static apr_status_t finish(ap_filter_t *f, apr_bucket_brigade *bb)
{
    request_rec *r = f->r;
    const smart_context_t *ctx = smart_context_of(r);
    held_t *held = f->ctx;
    smart_slice_t text, out;
    const char *etag;
    char *flat;

    if (apr_brigade_pflatten(held->bb, &flat, &text.len, r->pool) !=
        APR_SUCCESS) {
        return pass_as_is(f, bb);
    }
    text.ptr = flat;
    out = replacement(r, ctx->location->publication, text);
    if (!out.len) {
        return pass_as_is(f, bb);
    }
    ap_remove_output_filter(f);
    apr_brigade_cleanup(held->bb);
    drop_validators(r);
    etag = smart_discovery_etag(out, r->pool);
    if (etag) {
        apr_table_setn(r->headers_out, "ETag", etag);
    }
    if (ap_meets_conditions(r) == HTTP_NOT_MODIFIED) {
        r->status = HTTP_NOT_MODIFIED;
        r->status_line = NULL;
    }
    else {
        ap_set_content_length(r, (apr_off_t)out.len);
        APR_BRIGADE_INSERT_HEAD(bb, apr_bucket_pool_create(out.ptr, out.len,
                                                           r->pool,
                                                           f->c->bucket_alloc));
    }
    return ap_pass_brigade(f->next, bb);
}

/* Move what is in front of the end, if it has come, to what is held.
   @return 1: all is there; 0: not yet; -1: it is too much, or broken */
static int hold(held_t *held, apr_bucket_brigade *bb, apr_pool_t *p)
{
    while (!APR_BRIGADE_EMPTY(bb)) {
        apr_bucket *b = APR_BRIGADE_FIRST(bb);
        const char *data;
        apr_size_t len;

        if (APR_BUCKET_IS_EOS(b)) {
            return 1;
        }
        if (AP_BUCKET_IS_ERROR(b)) {
            return -1;
        }
        if (APR_BUCKET_IS_METADATA(b)) {
            apr_bucket_delete(b); /* a flush: there is nothing to send yet */
            continue;
        }
        if (apr_bucket_read(b, &data, &len, APR_BLOCK_READ) != APR_SUCCESS ||
            len > MAX_TEXT - held->len) {
            return -1;
        }
        held->len += len;
        apr_bucket_setaside(b, p);
        APR_BUCKET_REMOVE(b);
        APR_BRIGADE_INSERT_TAIL(held->bb, b);
    }
    return 0;
}

static apr_status_t filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    request_rec *r = f->r;
    held_t *held = f->ctx;
    int all;

    if (!held->decided) {
        held->decided = true;
        if (may_change(r) && r->header_only) {
            drop_validators(r); /* of the other representation as well */
        }
        if (!may_change(r) || r->header_only) {
            return pass_as_is(f, bb);
        }
    }
    all = hold(held, bb, r->pool);
    if (all < 0) {
        return pass_as_is(f, bb);
    }
    return all ? finish(f, bb) : APR_SUCCESS;
}

void smart_statement_insert_filter(request_rec *r)
{
    smart_context_t *ctx =
        ap_get_module_config(r->request_config, &smart_module);
    held_t *held;

    if (ctx && is_wanted(ctx) && !r->main) {
        held = apr_pcalloc(r->pool, sizeof(*held));
        held->bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
        ap_add_output_filter_handle(filter_handle, held, r, r->connection);
    }
}

void smart_statement_register(apr_pool_t *p)
{
    (void)p;
    /* Before what compresses. */
    filter_handle =
        ap_register_output_filter(filter_name, filter, NULL, AP_FTYPE_RESOURCE);
}
