/* SPDX-License-Identifier: Apache-2.0 */
/*
 * introspection.c: builds the request, places the answer (APR only; the
 * network is http.c, the signature jwt.c, the error body oauth_error.c).
 */
#include "io/introspection.h"
#include "io/oauth_error.h"
#include "io/secret.h"

#include <apr_encode.h>
#include <apr_lib.h>
#include <apr_strings.h>

#define FORM_TYPE      "application/x-www-form-urlencoded"
#define JSON_TYPE      "application/json"
#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define FORM_NAMES     256u /* bytes of all names and constants of a form */

/* A form under construction: wiped as a whole when it has been sent. */
typedef struct form_t {
    char *buf;
    apr_size_t len;
    apr_size_t room;
} form_t;

/* What one call sends besides the endpoint's constants. */
typedef struct question_t {
    form_t form;
    char *authorization; /* header line; NULL: none */
    const char *fault;   /* why it can not be asked; NULL: it can */
} question_t;

/* ---- application/x-www-form-urlencoded ---- */

static bool form_safe(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           c == '*';
}

/* Encode text to out, which has 3 * text.len bytes; returns the length. */
static apr_size_t form_encode(char *out, smart_slice_t text)
{
    static const char hex[] = "0123456789ABCDEF";
    apr_size_t len = 0;
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];

        if (form_safe(c)) {
            out[len++] = (char)c;
        }
        else if (c == ' ') {
            out[len++] = '+';
        }
        else {
            out[len++] = '%';
            out[len++] = hex[c >> 4];
            out[len++] = hex[c & 15];
        }
    }
    return len;
}

static void form_begin(form_t *form, apr_size_t value_bytes, apr_pool_t *p)
{
    form->len = 0;
    form->room = FORM_NAMES + 3 * value_bytes;
    form->buf = apr_palloc(p, form->room);
}

/* name is sent as it is, value encoded; room was reserved by form_begin. */
static void form_add(form_t *form, const char *name, smart_slice_t value)
{
    const apr_size_t n = strlen(name);

    SMART_ASSERT(form->len + n + 2 + 3 * value.len <= form->room);
    if (form->len) {
        form->buf[form->len++] = '&';
    }
    memcpy(form->buf + form->len, name, n);
    form->len += n;
    form->buf[form->len++] = '=';
    form->len += form_encode(form->buf + form->len, value);
}

/* ---- the question ---- */

/* RFC 6749 2.3.1: both parts are form-encoded before base64. */
static char *basic_line(const char *id, const char *secret, apr_pool_t *p)
{
    static const char start[] = "Authorization: Basic ";
    const apr_size_t room = 3 * (strlen(id) + strlen(secret)) + 1;
    char *pair = apr_palloc(p, room);
    apr_size_t len = form_encode(pair, smart_slice(id));
    char *line;

    pair[len++] = ':';
    len += form_encode(pair + len, smart_slice(secret));
    line = apr_palloc(p, sizeof(start) + 4 * ((len + 2) / 3));
    memcpy(line, start, sizeof(start));
    apr_encode_base64(line + sizeof(start) - 1, pair, (apr_ssize_t)len,
                      APR_ENCODE_NONE, NULL);
    smart_secret_wipe(pair, len);
    return line;
}

static void form_start(question_t *q, smart_slice_t token, apr_size_t more,
                       apr_pool_t *p)
{
    form_begin(&q->form, token.len + more, p);
    form_add(&q->form, "token", token);
    form_add(&q->form, "token_type_hint", smart_slice("access_token"));
}

static void question_with_assertion(question_t *q, const smart_endpoint_t *e,
                                    smart_slice_t token, apr_int64_t now_s,
                                    apr_pool_t *p)
{
    char *jwt;

    if (smart_jwt_sign_assertion(
            e->key, e->client_id,
            e->assertion_audience ? e->assertion_audience : e->url, now_s,
            SMART_ASSERTION_LIFETIME_S, p, &jwt) != APR_SUCCESS) {
        q->fault = "the client assertion could not be signed";
        return;
    }
    form_start(q, token, strlen(e->client_id) + strlen(jwt), p);
    form_add(&q->form, "client_id", smart_slice(e->client_id));
    form_add(&q->form, "client_assertion_type", smart_slice(ASSERTION_TYPE));
    form_add(&q->form, "client_assertion", smart_slice(jwt));
    smart_secret_wipe(jwt, strlen(jwt));
}

/* The form alone, with id and secret where the method has them there. */
static void question_with_form(question_t *q, const char *id,
                               const char *secret, smart_slice_t token,
                               apr_pool_t *p)
{
    form_start(q, token, smart_slice(id).len + smart_slice(secret).len, p);
    if (id) {
        form_add(&q->form, "client_id", smart_slice(id));
    }
    if (secret) {
        form_add(&q->form, "client_secret", smart_slice(secret));
    }
}

static void question_build(question_t *q, const smart_endpoint_t *e,
                           smart_slice_t token, apr_int64_t now_s,
                           apr_pool_t *p)
{
    switch (e->method) {
    case SMART_CLIENT_AUTH_UNSET:
        q->fault = "no client authentication is configured";
        break;
    case SMART_CLIENT_AUTH_NONE:
    case SMART_CLIENT_AUTH_TLS:
        question_with_form(q, e->client_id, NULL, token, p);
        break;
    case SMART_CLIENT_AUTH_BASIC:
        question_with_form(q, NULL, NULL, token, p);
        q->authorization = basic_line(e->client_id, e->secret, p);
        break;
    case SMART_CLIENT_AUTH_POST:
        question_with_form(q, e->client_id, e->secret, token, p);
        break;
    case SMART_CLIENT_AUTH_PRIVATE_KEY_JWT:
        question_with_assertion(q, e, token, now_s, p);
        break;
    case SMART_CLIENT_AUTH_BEARER:
        question_with_form(q, NULL, NULL, token, p);
        q->authorization =
            apr_pstrcat(p, "Authorization: Bearer ", e->secret, NULL);
        break;
    }
    if (!q->form.buf && !q->fault) {
        q->fault = "unknown client authentication";
    }
}

static void question_wipe(question_t *q)
{
    smart_secret_wipe(q->form.buf, q->form.len);
    if (q->authorization) {
        smart_secret_wipe(q->authorization, strlen(q->authorization));
    }
}

/* Start-up checked all this; a mistake there must not send a token astray. */
static const char *endpoint_fault(const smart_endpoint_t *e, apr_pool_t *p)
{
    const bool has_id = e->client_id && *e->client_id;
    const bool has_secret = e->secret && *e->secret;
    const char *fault = "the endpoint's client authentication is incomplete";

    switch (e->method) {
    case SMART_CLIENT_AUTH_UNSET:
        return "no client authentication is configured";
    case SMART_CLIENT_AUTH_NONE:
        break;
    case SMART_CLIENT_AUTH_BASIC:
    case SMART_CLIENT_AUTH_POST:
        if (!has_id || !has_secret) {
            return fault;
        }
        break;
    case SMART_CLIENT_AUTH_PRIVATE_KEY_JWT:
        if (!has_id || !e->key) {
            return fault;
        }
        break;
    case SMART_CLIENT_AUTH_TLS:
        if (!has_id || !e->cert.len || !e->cert_key.len) {
            return fault;
        }
        break;
    case SMART_CLIENT_AUTH_BEARER:
        if (!has_secret) {
            return fault;
        }
        break;
    }
    return smart_endpoint_url_ok(e->url, p, &fault) ? NULL : fault;
}

/* ---- the answer ---- */

/* A 400: whose fault does it say it is? */
static smart_answer_e place_bad_request(const smart_http_response_t *resp,
                                        const char **pdetail)
{
    const smart_oauth_error_e error =
        smart_http_is_type(resp->content_type, JSON_TYPE)
            ? smart_oauth_error_read(resp->body)
            : SMART_OAUTH_ERROR_UNKNOWN;

    switch (error) {
    case SMART_OAUTH_ERROR_TOKEN:
        *pdetail = "status 400, the token is not one it accepts";
        return SMART_ANSWER_ABOUT_TOKEN;
    case SMART_OAUTH_ERROR_CLIENT:
        *pdetail = "status 400, it does not accept our client authentication";
        return SMART_ANSWER_REFUSED;
    case SMART_OAUTH_ERROR_REQUEST:
        *pdetail = "status 400, it does not accept the form of our request";
        return SMART_ANSWER_REFUSED;
    case SMART_OAUTH_ERROR_UNKNOWN:
        break;
    }
    *pdetail = "status 400 without an OAuth error we know";
    return SMART_ANSWER_TROUBLE;
}

static smart_answer_e place_answer(const smart_http_response_t *resp,
                                   apr_pool_t *p, const char **pdetail)
{
    switch (resp->status) {
    case 200:
        if (smart_http_is_type(resp->content_type, JSON_TYPE)) {
            *pdetail = "status 200";
            return SMART_ANSWER_BODY;
        }
        *pdetail = "status 200, but the media type is not " JSON_TYPE;
        return SMART_ANSWER_TROUBLE;
    case 400:
        return place_bad_request(resp, pdetail);
    case 401:
    case 403:
        *pdetail = apr_psprintf(p,
                                "status %d, it does not accept our client "
                                "authentication",
                                resp->status);
        return SMART_ANSWER_REFUSED;
    default:
        *pdetail = apr_psprintf(p, "status %d", resp->status);
        return SMART_ANSWER_TROUBLE;
    }
}

/* Send a question; true: resp holds an answer. */
static bool question_send(const question_t *q, smart_http_t *http,
                          const smart_endpoint_t *e, apr_pool_t *p,
                          smart_http_response_t *resp)
{
    const char *const headers[] = {q->authorization};
    const bool tls = e->method == SMART_CLIENT_AUTH_TLS;
    const smart_slice_t none = {NULL, 0};
    smart_http_request_t req = {
        .url = e->url,
        .content_type = FORM_TYPE,
        .accept = JSON_TYPE,
        .headers = headers,
        .header_count = q->authorization ? 1 : 0,
        .body = {q->form.buf, q->form.len},
        .ca_file = e->ca_file,
        .cert = tls ? e->cert : none,
        .cert_key = tls ? e->cert_key : none,
        .connect_timeout_ms = e->connect_timeout_ms,
        .total_timeout_ms = e->total_timeout_ms,
        .max_bytes = SMART_MAX_ANSWER,
    };

    return smart_http_post(http, &req, p, resp) == APR_SUCCESS &&
           resp->outcome == SMART_HTTP_OK;
}

smart_answer_e smart_introspection_ask(smart_http_t *http,
                                       const smart_endpoint_t *endpoint,
                                       smart_slice_t token, apr_int64_t now_s,
                                       apr_pool_t *p, smart_slice_t *pbody,
                                       int *pretry_after_s,
                                       const char **pdetail)
{
    smart_answer_e answer = SMART_ANSWER_TROUBLE;
    question_t q = {.fault = endpoint_fault(endpoint, p)};
    smart_http_response_t resp;

    *pbody = smart_slice_n(NULL, 0);
    *pretry_after_s = 0;
    if (token.len == 0 || token.len > SMART_MAX_TOKEN) {
        *pdetail = "the token has an impossible length";
        return SMART_ANSWER_TROUBLE;
    }
    if (!q.fault) {
        question_build(&q, endpoint, token, now_s, p);
    }
    if (q.fault) {
        *pdetail = q.fault;
        return SMART_ANSWER_REFUSED;
    }
    if (question_send(&q, http, endpoint, p, &resp)) {
        answer = place_answer(&resp, p, pdetail);
        *pretry_after_s = resp.retry_after_s;
    }
    else {
        *pdetail = resp.detail;
    }
    question_wipe(&q);
    if (answer == SMART_ANSWER_BODY) {
        *pbody = resp.body;
    }
    return answer;
}

/* ---- the URL ---- */

/* Printable ASCII that no URL parser takes for something else. */
static bool url_bytes_ok(const char *url)
{
    for (; *url; url++) {
        if (*url <= ' ' || *url > '~' || strchr("\\\"<>^`{|}#@", *url)) {
            return false;
        }
    }
    return true;
}

/* Four decimal parts, no leading zero (octal to some), the first 127. */
static bool is_loopback_v4(smart_slice_t host)
{
    apr_size_t i = 0;
    int part;

    for (part = 0; part < 4; part++) {
        const apr_size_t start = i;
        int value = 0;

        while (i < host.len && apr_isdigit(host.ptr[i]) && i - start < 3) {
            value = value * 10 + (host.ptr[i++] - '0');
        }
        if (i == start || value > 255 || (part == 0 && value != 127) ||
            (host.ptr[start] == '0' && i - start > 1)) {
            return false;
        }
        if (part < 3 && (i == host.len || host.ptr[i++] != '.')) {
            return false;
        }
    }
    return i == host.len;
}

static bool is_loopback(smart_slice_t host)
{
    return is_loopback_v4(host) || smart_slice_is(host, "[::1]") ||
           (host.len == 9 && strncasecmp(host.ptr, "localhost", 9) == 0);
}

/* Length of the host at the start of an authority; 0: not a host. */
static apr_size_t host_length(const char *authority)
{
    const bool literal = *authority == '[';
    const char *allowed = literal ? "0123456789abcdefABCDEF:."
                                  : "abcdefghijklmnopqrstuvwxyz"
                                    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789.-_";
    apr_size_t n = strspn(authority + literal, allowed);

    if (n == 0 || (literal && authority[n + 1] != ']')) {
        return 0;
    }
    return literal ? n + 2 : n;
}

/* What follows the host: nothing or a port, then nothing, a path, a query. */
static bool port_ok(const char *rest)
{
    long port = 0;
    int digits = 0;

    if (*rest == ':') {
        for (rest++; apr_isdigit(*rest) && digits < 6; rest++, digits++) {
            port = port * 10 + (*rest - '0');
        }
        if (port < 1 || port > 65535) {
            return false;
        }
    }
    return *rest == '\0' || *rest == '/' || *rest == '?';
}

static const char *url_fault(const char *url)
{
    const bool tls = url && strncmp(url, "https://", 8) == 0;
    const char *authority;
    apr_size_t n;

    if (!tls && !(url && strncmp(url, "http://", 7) == 0)) {
        return "it must start with https:// (or http:// to a loopback "
               "address)";
    }
    if (!url_bytes_ok(url)) {
        return "it holds user information, a fragment or a byte that must be "
               "percent-encoded";
    }
    authority = url + (tls ? 8 : 7);
    n = host_length(authority);
    if (n == 0) {
        return "it names no host";
    }
    if (!port_ok(authority + n)) {
        return "its host or port is malformed";
    }
    if (!tls && !is_loopback(smart_slice_n(authority, n))) {
        return "http is allowed to a loopback address only (127.0.0.0/8, "
               "[::1], localhost); use https";
    }
    return NULL;
}

bool smart_endpoint_url_ok(const char *url, apr_pool_t *p, const char **perror)
{
    const char *fault = url_fault(url);

    if (perror) {
        *perror =
            fault
                ? apr_pstrcat(p, "the endpoint URL is unusable: ", fault, NULL)
                : NULL;
    }
    return fault == NULL;
}
