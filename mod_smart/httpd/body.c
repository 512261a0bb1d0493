/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body.c: a body that a hook reads is gone for the handler. So it is read
 * once, whole and bounded, and an input filter gives it back.
 *
 * Invariant: what the handler reads is what was parsed: one text, of the
 * length that Content-Length says, without a content coding.
 */
#include "httpd/body.h"

#include <http_log.h>
#include <util_filter.h>

#include <apr_lib.h>
#include <apr_strings.h>

APLOG_USE_MODULE(smart);

#define READ_BYTES 8192

static const char filter_name[] = "SMART_BODY";

/* ---- giving back ---- */

typedef struct held_t {
    const char *text;
    apr_size_t len;
    apr_size_t given;
} held_t;

static apr_status_t filter(ap_filter_t *f, apr_bucket_brigade *bb,
                           ap_input_mode_t mode, apr_read_type_e block,
                           apr_off_t readbytes)
{
    held_t *held = f->ctx;
    apr_bucket_alloc_t *alloc = f->r->connection->bucket_alloc;
    apr_size_t n = held->len - held->given;

    if (mode != AP_MODE_READBYTES && mode != AP_MODE_EXHAUSTIVE) {
        return APR_ENOTIMPL; /* lines and lookahead are for protocols */
    }
    if (mode == AP_MODE_READBYTES && readbytes > 0 &&
        n > (apr_size_t)readbytes) {
        n = (apr_size_t)readbytes;
    }
    if (n) {
        APR_BRIGADE_INSERT_TAIL(bb,
                                apr_bucket_pool_create(held->text + held->given,
                                                       n, f->r->pool, alloc));
        held->given += n;
    }
    if (held->given == held->len) {
        APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(alloc));
    }
    return APR_SUCCESS;
}

static void give_back(request_rec *r, const char *text, apr_size_t len)
{
    held_t *held = apr_pcalloc(r->pool, sizeof(*held));

    held->text = text;
    held->len = len;
    ap_add_input_filter(filter_name, held, r, r->connection);
    apr_table_unset(r->headers_in, "Transfer-Encoding");
    apr_table_unset(r->headers_in, "Content-MD5");
    apr_table_setn(r->headers_in, "Content-Length",
                   apr_psprintf(r->pool, "%" APR_SIZE_T_FMT, len));
}

void smart_body_register(apr_pool_t *p)
{
    ap_register_input_filter(filter_name, filter, NULL, AP_FTYPE_CONTENT_SET);
}

/* ---- reading ---- */

/* Take over what a brigade holds; *pend at the end of the body. */
static smart_reason_e take(request_rec *r, apr_bucket_brigade *bb, char *buf,
                           apr_size_t *plen, apr_size_t max, bool *pend)
{
    apr_bucket *b;
    const char *data;
    apr_size_t n;

    for (b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb);
         b = APR_BUCKET_NEXT(b)) {
        if (APR_BUCKET_IS_EOS(b)) {
            *pend = true;
            break;
        }
        if (APR_BUCKET_IS_METADATA(b)) {
            continue;
        }
        if (apr_bucket_read(b, &data, &n, APR_BLOCK_READ) != APR_SUCCESS) {
            return SMART_REASON_BODY;
        }
        if (n > max - *plen) {
            return SMART_REASON_TOO_LARGE;
        }
        memcpy(buf + *plen, data, n);
        *plen += n;
    }
    return SMART_REASON_UNDECIDED;
}

static smart_reason_e read_all(request_rec *r, apr_size_t max,
                               smart_slice_t *ptext)
{
    apr_bucket_brigade *bb =
        apr_brigade_create(r->pool, r->connection->bucket_alloc);
    char *buf = apr_palloc(r->pool, max);
    smart_reason_e reason = SMART_REASON_UNDECIDED;
    apr_size_t len = 0;
    bool end = false;

    while (!end && !reason) {
        if (ap_get_brigade(r->input_filters, bb, AP_MODE_READBYTES,
                           APR_BLOCK_READ, READ_BYTES) != APR_SUCCESS) {
            reason = SMART_REASON_BODY;
            break;
        }
        reason = take(r, bb, buf, &len, max, &end);
        apr_brigade_cleanup(bb);
    }
    apr_brigade_destroy(bb);
    *ptext = smart_slice_n(buf, len);
    return reason;
}

/* type, in any case, alone or with charset=utf-8 */
static bool media_type_is(const char *value, const char *type)
{
    const apr_size_t n = strlen(type);
    static const char charset[] = "charset=";

    if (!value || strncasecmp(value, type, n) != 0) {
        return false;
    }
    value += n + strspn(value + n, " \t");
    if (*value == ';') {
        value++;
        value += strspn(value, " \t");
        if (strncasecmp(value, charset, sizeof(charset) - 1) != 0) {
            return false;
        }
        value += sizeof(charset) - 1;
        if (!strncasecmp(value, "\"utf-8\"", 7)) {
            value += 7;
        }
        else if (!strncasecmp(value, "utf-8", 5)) {
            value += 5;
        }
        value += strspn(value, " \t");
    }
    return !*value;
}

static bool coding_is_identity(const request_rec *r)
{
    const char *coding = apr_table_get(r->headers_in, "Content-Encoding");

    return !coding || !strcasecmp(coding, "identity");
}

static bool declared_too_large(const request_rec *r, apr_size_t max)
{
    const char *length = apr_table_get(r->headers_in, "Content-Length");
    char *end;
    apr_off_t n;

    return length && (apr_strtoff(&n, length, &end, 10) != APR_SUCCESS ||
                      *end || n < 0 || (apr_uint64_t)n > max);
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
    smart_search_t form;
    smart_slice_t text;
    smart_reason_e reason;
    const char *written;

    if (!media_type_is(apr_table_get(r->headers_in, "Content-Type"),
                       "application/x-www-form-urlencoded") ||
        !coding_is_identity(r)) {
        return SMART_REASON_MEDIA_TYPE;
    }
    if (declared_too_large(r, SMART_MAX_FORM)) {
        return SMART_REASON_TOO_LARGE;
    }
    reason = read_all(r, SMART_MAX_FORM, &text);
    if (reason) {
        return reason;
    }
    smart_scrub_again(ctx); /* trailers may have been merged */
    if (!smart_search_parse(text, r->pool, &form, &ctx->fault_text)) {
        return SMART_REASON_BODY;
    }
    if (has_token(&form)) {
        return SMART_REASON_TOKEN_TWICE;
    }
    written = smart_search_write(&form, r->pool);
    give_back(r, written, strlen(written));
    append(&ctx->interaction.search, &form, r->pool);
    ctx->interaction.form = false;
    return SMART_REASON_UNDECIDED;
}
