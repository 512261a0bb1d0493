/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c: the transport (libcurl only).
 *
 * A libcurl easy handle keeps its own connections. Idle handles lie on a
 * bounded stack; the last one used is taken first, so that few connections
 * stay warm under light load. A handle serves one call at a time, hence holds
 * at most one connection per server: when that one is stale, libcurl sends
 * the request once more over a new one, within the same deadline, and never
 * again, as the new one is not a reused one. After any failure the handle
 * with all its connections is dropped.
 *
 * The mutex covers push and pop, never the network.
 */
#include "io/http.h"
#include "io/secret.h"

#include <dlfcn.h>
#include <limits.h>

#include <apr_strings.h>
#include <apr_thread_mutex.h>

#include <curl/curl.h>

#define MAX_IDLE        16  /* handles kept; more are closed after use */
#define MAX_CONNECTIONS 4L  /* per handle, one per server */
#define MAX_IDLE_S      60L /* a connection idle longer is not used again */
#define FIRST_ROOM      2048u

struct smart_http_t {
    apr_thread_mutex_t *mutex; /* guards the two below */
    CURL *idle[MAX_IDLE];      /* stack of handles without options */
    int count;                 /* handles on it; -1: closed for good */
};

/* One exchange, as the callbacks see it. */
typedef struct transfer_t {
    apr_pool_t *p;
    char *buf;            /* body so far */
    apr_size_t len;       /* bytes in buf */
    apr_size_t room;      /* bytes buf has */
    apr_size_t max_bytes; /* of body */
    apr_size_t head;      /* bytes of header lines so far */
    bool head_ended;      /* the empty line after it was seen */
    bool too_large;       /* a limit was hit, the callback gave up */
    char why[CURL_ERROR_SIZE];
} transfer_t;

apr_status_t smart_http_process_init(void)
{
    Dl_info self;

    /*
     * A name lookup may outlive its caller's deadline in a thread of
     * libcurl's. Pin the library, so that it is still mapped when httpd
     * unloads modules at exit.
     */
    if (dladdr((const void *)&curl_easy_perform, &self) && self.dli_fname) {
        (void)dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
    }
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? APR_SUCCESS
                                                             : APR_EGENERAL;
}

static apr_status_t http_pool_cleanup(void *data)
{
    smart_http_cleanup(data);
    return APR_SUCCESS;
}

smart_http_t *smart_http_create(apr_pool_t *p)
{
    smart_http_t *http = apr_pcalloc(p, sizeof(*http));

    if (apr_thread_mutex_create(&http->mutex, APR_THREAD_MUTEX_DEFAULT, p) !=
        APR_SUCCESS) {
        return NULL;
    }
    apr_pool_cleanup_register(p, http, http_pool_cleanup,
                              apr_pool_cleanup_null);
    return http;
}

void smart_http_cleanup(smart_http_t *http)
{
    CURL *idle[MAX_IDLE];
    int count;
    int i;

    apr_thread_mutex_lock(http->mutex);
    count = http->count;
    memcpy(idle, http->idle, sizeof(idle));
    http->count = -1;
    apr_thread_mutex_unlock(http->mutex);
    for (i = 0; i < count; i++) {
        curl_easy_cleanup(idle[i]);
    }
}

/* An idle handle or a new one; NULL: none to be had. */
static CURL *handle_take(smart_http_t *http)
{
    CURL *curl = NULL;

    apr_thread_mutex_lock(http->mutex);
    if (http->count > 0) {
        curl = http->idle[--http->count];
    }
    apr_thread_mutex_unlock(http->mutex);
    return curl ? curl : curl_easy_init();
}

/* Keep a handle whose last exchange went well. */
static void handle_give(smart_http_t *http, CURL *curl)
{
    curl_easy_reset(curl); /* keeps connections, forgets options */
    apr_thread_mutex_lock(http->mutex);
    if (http->count >= 0 && http->count < MAX_IDLE) {
        http->idle[http->count++] = curl;
        curl = NULL;
    }
    apr_thread_mutex_unlock(http->mutex);
    if (curl) {
        curl_easy_cleanup(curl);
    }
}

/* Make room for n more bytes. */
static void body_grow(transfer_t *t, apr_size_t n)
{
    apr_size_t room = t->room ? t->room : FIRST_ROOM;
    char *buf;

    while (room < t->len + n) {
        room *= 2;
    }
    if (room != t->room) {
        buf = apr_palloc(t->p, room);
        if (t->len) {
            memcpy(buf, t->buf, t->len);
        }
        t->buf = buf;
        t->room = room;
    }
}

/* CURLOPT_WRITEFUNCTION; anything but n makes libcurl give up. */
static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    transfer_t *t = ctx;

    (void)size; /* always 1 */
    if (n > t->max_bytes - t->len) {
        t->too_large = true;
        return 0;
    }
    if (n) {
        body_grow(t, n);
        memcpy(t->buf + t->len, data, n);
        t->len += n;
    }
    return n;
}

/*
 * CURLOPT_HEADERFUNCTION: libcurl itself puts no limit on their number, and
 * takes a head that was cut short for a whole one.
 */
static size_t on_header(char *data, size_t size, size_t n, void *ctx)
{
    transfer_t *t = ctx;

    (void)size; /* always 1 */
    if (n > SMART_HTTP_MAX_HEAD - t->head) {
        t->too_large = true;
        return 0;
    }
    t->head += n;
    if (n > 5 && memcmp(data, "HTTP/", 5) == 0) {
        t->head_ended = false; /* a status line, after a 1xx too */
    }
    else if (n && (*data == '\r' || *data == '\n')) {
        t->head_ended = true;
    }
    return n;
}

static bool has_control_byte(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

/* NULL or why a request is not sent at all. */
static const char *request_fault(const smart_http_request_t *req, bool post)
{
    int i;

    if (post != (req->content_type != NULL) || (!post && req->body.len)) {
        return post ? "unusable media type" : "a GET has no body";
    }

    if (!req->url || (strncmp(req->url, "https://", 8) != 0 &&
                      strncmp(req->url, "http://", 7) != 0)) {
        return "the URL is neither https nor http";
    }
    if (req->connect_timeout_ms <= 0 || req->total_timeout_ms <= 0 ||
        req->max_bytes == 0) {
        return "a limit is missing";
    }
    if ((req->content_type && has_control_byte(req->content_type)) ||
        (req->accept && has_control_byte(req->accept))) {
        return "unusable media type";
    }
    for (i = 0; i < req->header_count; i++) {
        if (!req->headers[i] || has_control_byte(req->headers[i])) {
            return "unusable header line";
        }
    }
    return NULL;
}

/* False when out of memory. */
static bool line_add(struct curl_slist **plines, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*plines, line);

    if (longer) {
        *plines = longer;
    }
    return longer != NULL;
}

/* The lines may hold credentials. */
static void lines_free(struct curl_slist *lines)
{
    struct curl_slist *l;

    for (l = lines; l; l = l->next) {
        smart_secret_wipe(l->data, strlen(l->data));
    }
    curl_slist_free_all(lines);
}

static bool lines_build(struct curl_slist **plines,
                        const smart_http_request_t *req, apr_pool_t *p)
{
    bool ok;
    int i;

    ok = line_add(plines, "Expect:") /* no 100-continue */
         &&
         (!req->content_type ||
          line_add(plines, apr_pstrcat(p, "Content-Type: ", req->content_type,
                                       NULL))) &&
         line_add(plines, req->accept
                              ? apr_pstrcat(p, "Accept: ", req->accept, NULL)
                              : "Accept: */*");
    for (i = 0; ok && i < req->header_count; i++) {
        ok = line_add(plines, req->headers[i]);
    }
    return ok;
}

/* A failed option ends in a failed request, never in a laxer one. */
#define SET(option, value)                                                     \
    (ok = ok && curl_easy_setopt(curl, option, value) == CURLE_OK)

static bool set_destination(CURL *curl, const smart_http_request_t *req)
{
    bool ok = true;

    SET(CURLOPT_URL, req->url);
#if LIBCURL_VERSION_NUM >= 0x075500
    SET(CURLOPT_PROTOCOLS_STR,
        strncmp(req->url, "https:", 6) == 0 ? "https" : "http");
#else
    SET(CURLOPT_PROTOCOLS,
        strncmp(req->url, "https:", 6) == 0 ? CURLPROTO_HTTPS : CURLPROTO_HTTP);
#endif
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_MAXREDIRS, 0L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    return ok;
}

/* As a text, not as a file: who reads a key at start-up may be root, and who
   makes the connections is not. */
static bool set_pem(CURL *curl, CURLoption option, smart_slice_t text)
{
    struct curl_blob blob = {
        .data = (void *)(apr_uintptr_t)text.ptr, /* read only */
        .len = text.len,
        .flags = CURL_BLOB_NOCOPY,
    };

    return curl_easy_setopt(curl, option, &blob) == CURLE_OK;
}

static bool set_tls(CURL *curl, const smart_http_request_t *req)
{
    bool ok = true;

    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (req->ca_file) {
        SET(CURLOPT_CAINFO, req->ca_file);
        /* Builds with a default directory would go on trusting it. */
        SET(CURLOPT_CAPATH, NULL);
    }
    if (req->cert.len) {
        ok = ok && set_pem(curl, CURLOPT_SSLCERT_BLOB, req->cert) &&
             set_pem(curl, CURLOPT_SSLKEY_BLOB, req->cert_key);
        /* No question on the terminal for a key with a passphrase. */
        SET(CURLOPT_KEYPASSWD, "");
    }
    return ok;
}

static bool set_connection(CURL *curl, const smart_http_request_t *req)
{
    bool ok = true;

    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)req->connect_timeout_ms);
    SET(CURLOPT_TIMEOUT_MS, (long)req->total_timeout_ms);
#if LIBCURL_VERSION_NUM >= 0x075700
    /* Or a timeout would wait for the name server after all. */
    SET(CURLOPT_QUICK_EXIT, 1L);
#endif
    SET(CURLOPT_TCP_NODELAY, 1L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_MAXCONNECTS, MAX_CONNECTIONS);
    SET(CURLOPT_MAXAGE_CONN, MAX_IDLE_S);
    return ok;
}

static bool set_method(CURL *curl, const smart_http_request_t *req)
{
    bool ok = true;

    if (!req->content_type) { /* see request_fault */
        SET(CURLOPT_HTTPGET, 1L);
        return ok;
    }
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body.len);
    SET(CURLOPT_POSTFIELDS, req->body.len ? req->body.ptr : "");
    return ok;
}

static bool set_exchange(CURL *curl, const smart_http_request_t *req,
                         struct curl_slist *lines, transfer_t *t)
{
    bool ok = set_method(curl, req);

    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_HTTP09_ALLOWED, 0L);
    SET(CURLOPT_ACCEPT_ENCODING, NULL);
    SET(CURLOPT_USERAGENT, "mod_smart");
    SET(CURLOPT_HTTPHEADER, lines);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)req->max_bytes);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_ERRORBUFFER, t->why);
    return ok;
}

/*
 * libcurl's own words about a failed handshake: no HTTP byte was received
 * then, but names out of the peer's certificate may be in them.
 */
static const char *handshake_text(const transfer_t *t, CURLcode rc)
{
    char *text;
    char *c;

    if (!*t->why) {
        return curl_easy_strerror(rc);
    }
    text = apr_pstrdup(t->p, t->why);
    for (c = text; *c; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e) {
            *c = '?';
        }
    }
    return text;
}

static const char *timeout_text(CURL *curl)
{
    curl_off_t ready_us = 0;

    curl_easy_getinfo(curl, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
    return ready_us ? "timed out waiting for the answer"
                    : "timed out while connecting";
}

static const char *failure_text(CURL *curl, const transfer_t *t, CURLcode rc)
{
    switch ((int)rc) { /* of libcurl's many codes, those with a better text */
    case CURLE_COULDNT_RESOLVE_HOST:
        return "the host name is not known";
    case CURLE_COULDNT_CONNECT:
        return "the connection was refused";
    case CURLE_OPERATION_TIMEDOUT:
        return timeout_text(curl);
    case CURLE_FILESIZE_EXCEEDED:
        return "the answer is too large";
    case CURLE_WRITE_ERROR:
        return t->too_large ? "the answer is too large"
                            : "the answer could not be taken";
    case CURLE_PARTIAL_FILE:
        return "the answer was cut short";
    case CURLE_GOT_NOTHING:
        return "the connection was closed without an answer";
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        return "the connection was lost";
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
        return handshake_text(t, rc);
    default:
        return curl_easy_strerror(rc); /* fixed texts */
    }
}

static apr_status_t failure_status(CURLcode rc)
{
    if (rc == CURLE_OPERATION_TIMEDOUT) {
        return APR_TIMEUP;
    }
    return rc == CURLE_OUT_OF_MEMORY ? APR_ENOMEM : APR_EGENERAL;
}

/* Copy what libcurl knows of a complete answer; it dies with the handle. */
static void response_fill(CURL *curl, const transfer_t *t,
                          smart_http_response_t *resp)
{
    const char *content_type = NULL;
    curl_off_t retry_s = 0;
    long status = 0;

    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &content_type);
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_s);
    resp->status = (int)status;
    resp->content_type = apr_pstrdup(t->p, content_type); /* NULL-safe */
    if (retry_s > 0) {
        resp->retry_after_s = retry_s < SMART_HTTP_MAX_RETRY_S
                                  ? (int)retry_s
                                  : SMART_HTTP_MAX_RETRY_S;
    }
    resp->body = smart_slice_n(t->buf, t->len);
    resp->outcome = SMART_HTTP_OK;
}

/* Run one exchange on a handle; true: the handle may be used again. */
static bool exchange(CURL *curl, const smart_http_request_t *req,
                     struct curl_slist *lines, transfer_t *t,
                     smart_http_response_t *resp, apr_status_t *prv)
{
    curl_off_t took_us = 0;
    CURLcode rc;

    if (!set_destination(curl, req) || !set_tls(curl, req) ||
        !set_connection(curl, req) || !set_exchange(curl, req, lines, t)) {
        resp->detail = "libcurl lacks an option we need";
        *prv = APR_EGENERAL;
        return false;
    }
    rc = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &took_us);
    resp->latency_us = (apr_int64_t)took_us;
    if (rc == CURLE_OK && !t->head_ended) {
        rc = CURLE_PARTIAL_FILE;
    }
    if (rc != CURLE_OK) {
        resp->detail = failure_text(curl, t, rc);
        *prv = failure_status(rc);
        return false;
    }
    response_fill(curl, t, resp);
    *prv = APR_SUCCESS;
    return true;
}

static apr_status_t request(smart_http_t *http, const smart_http_request_t *req,
                            bool post, apr_pool_t *p,
                            smart_http_response_t *resp)
{
    transfer_t t = {.p = p, .max_bytes = req->max_bytes};
    struct curl_slist *lines = NULL;
    apr_status_t rv = APR_ENOMEM;
    const char *fault = request_fault(req, post);
    CURL *curl;

    memset(resp, 0, sizeof(*resp));
    resp->detail = "";
    if (fault) {
        resp->detail = fault;
        return APR_EINVAL;
    }
    curl = handle_take(http);
    if (!curl || !lines_build(&lines, req, p)) {
        resp->detail = "out of memory";
    }
    else if (exchange(curl, req, lines, &t, resp, &rv)) {
        handle_give(http, curl);
        curl = NULL;
    }
    if (curl) {
        curl_easy_cleanup(curl);
    }
    lines_free(lines);
    return rv;
}

apr_status_t smart_http_post(smart_http_t *http,
                             const smart_http_request_t *req, apr_pool_t *p,
                             smart_http_response_t *resp)
{
    return request(http, req, true, p, resp);
}

apr_status_t smart_http_get(smart_http_t *http, const smart_http_request_t *req,
                            apr_pool_t *p, smart_http_response_t *resp)
{
    return request(http, req, false, p, resp);
}

/* RFC 9110 8.3.1 */
bool smart_http_is_type(const char *content_type, const char *type)
{
    const apr_size_t n = strlen(type);

    if (!content_type || strncasecmp(content_type, type, n) != 0) {
        return false;
    }
    content_type += n;
    while (*content_type == ' ' || *content_type == '\t') {
        content_type++;
    }
    return *content_type == '\0' || *content_type == ';';
}
