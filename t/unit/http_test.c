/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_test.c: the transport against a scripted server on loopback.
 *
 * A script is a list of answers, one per request over all connections; the
 * last one repeats. Words it may hold instead of, or before, answer text:
 *   !close  read the request, close      !reset  the same with a TCP reset
 *   !stall  say nothing until the end    !drip   one byte each 20 ms
 *   ~text   send text, then close
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include <cmocka.h>

#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <apr_time.h>

#include <openssl/ssl.h>

#include "io/http.h"

#define OK2         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
#define MAX_CONNS   64
#define SCRIPT(...) ((const char *const[]){__VA_ARGS__, NULL})

typedef struct server_t {
    int listener;
    int port;
    SSL_CTX *tls; /* NULL: plain */
    const char *const *script;
    atomic_int connections;
    atomic_int requests;
    atomic_bool stop;
    pthread_mutex_t mutex; /* guards last */
    char last[16384];      /* last request, whole */
    char peer[256];        /* subject of the client certificate */
    pthread_t acceptor;
    pthread_t threads[MAX_CONNS];
} server_t;

typedef struct conn_t {
    server_t *server;
    int fd;
    SSL *ssl;
} conn_t;

static apr_pool_t *pool;
static smart_http_t *http;
static char dir[] = "/tmp/smart_http_XXXXXX";
static atomic_int lookup_delay_ms;
static const char *const always_ok[] = {OK2, NULL};

/* Stands in for libc's, so that a slow name server can be played. */
int getaddrinfo(const char *node, const char *service,
                const struct addrinfo *hints, struct addrinfo **res)
{
    int (*real)(const char *, const char *, const struct addrinfo *,
                struct addrinfo **);

    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    usleep((useconds_t)lookup_delay_ms * 1000);
    return real(node, service, hints, res);
}

/* ---- the server ---- */

static ssize_t conn_read(conn_t *c, char *buf, size_t n)
{
    return c->ssl ? SSL_read(c->ssl, buf, (int)n) : recv(c->fd, buf, n, 0);
}

static void conn_write(conn_t *c, const char *text, size_t n)
{
    if (c->ssl) {
        SSL_write(c->ssl, text, (int)n);
    }
    else {
        (void)!send(c->fd, text, n, MSG_NOSIGNAL);
    }
}

/* Read one request; false at the end of the connection. */
static bool conn_request(conn_t *c)
{
    char buf[sizeof(c->server->last)] = "";
    size_t len = 0;
    size_t whole = 0;

    while (!whole || len < whole) {
        const ssize_t n = conn_read(c, buf + len, sizeof(buf) - 1 - len);
        const char *end;

        if (n <= 0) {
            return false;
        }
        len += (size_t)n;
        end = strstr(buf, "\r\n\r\n");
        if (end) {
            const char *length = strcasestr(buf, "content-length:");

            whole = (size_t)(end + 4 - buf) +
                    (size_t)(length ? atoi(length + 15) : 0);
        }
    }
    pthread_mutex_lock(&c->server->mutex);
    memcpy(c->server->last, buf, sizeof(buf));
    pthread_mutex_unlock(&c->server->mutex);
    return true;
}

/* Act on one line of the script; false: close. */
static bool conn_answer(conn_t *c, const char *act)
{
    const struct linger now = {1, 0};

    if (strcmp(act, "!close") == 0) {
        return false;
    }
    if (strcmp(act, "!reset") == 0) {
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        return false;
    }
    while (strcmp(act, "!stall") == 0 && !c->server->stop) {
        usleep(5000);
    }
    if (strcmp(act, "!drip") == 0) {
        conn_write(c, OK2, 17);
        while (!c->server->stop) {
            conn_write(c, "X", 1);
            usleep(20000);
        }
    }
    if (*act == '!') {
        return false;
    }
    conn_write(c, act + (*act == '~'), strlen(act + (*act == '~')));
    return *act != '~';
}

static void *conn_serve(void *data)
{
    conn_t *c = data;
    server_t *s = c->server;
    bool open = true;

    if (s->tls) {
        X509 *cert;

        c->ssl = SSL_new(s->tls);
        SSL_set_fd(c->ssl, c->fd);
        open = SSL_accept(c->ssl) == 1;
        cert = open ? SSL_get0_peer_certificate(c->ssl) : NULL;
        if (cert) {
            X509_NAME_oneline(X509_get_subject_name(cert), s->peer,
                              sizeof(s->peer));
        }
    }
    while (open && !s->stop && conn_request(c)) {
        int i = 0;
        int n = s->requests++;

        while (i < n && s->script[i + 1]) {
            i++;
        }
        open = conn_answer(c, s->script[i]);
    }
    SSL_free(c->ssl);
    close(c->fd);
    free(c);
    return NULL;
}

static void *server_accept(void *data)
{
    server_t *s = data;
    int fd;

    while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
        conn_t *c = calloc(1, sizeof(*c));
        const int n = s->connections++;

        c->server = s;
        c->fd = fd;
        if (s->stop || n >= MAX_CONNS ||
            pthread_create(&s->threads[n], NULL, conn_serve, c)) {
            close(fd);
            free(c);
            s->connections--;
            break;
        }
    }
    return NULL;
}

static server_t *server_start(const char *const *script, SSL_CTX *tls)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    server_t *s = calloc(1, sizeof(*s));

    pthread_mutex_init(&s->mutex, NULL);
    s->script = script;
    s->tls = tls;
    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(s->listener, 64), 0);
    getsockname(s->listener, (struct sockaddr *)&a, &len);
    s->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&s->acceptor, NULL, server_accept, s), 0);
    return s;
}

/* Close the client's connections, end every thread, begin afresh. */
static void server_stop(server_t *s)
{
    int i;

    s->stop = true;
    smart_http_cleanup(http);
    http = smart_http_create(pool);
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->acceptor, NULL);
    for (i = 0; i < s->connections; i++) {
        pthread_join(s->threads[i], NULL);
    }
    close(s->listener);
    SSL_CTX_free(s->tls);
    free(s);
}

/* ---- the client ---- */

static smart_http_request_t request_to(const server_t *s)
{
    smart_http_request_t req = {
        .url = apr_psprintf(pool, "http%s://127.0.0.1:%d/i", s->tls ? "s" : "",
                            s->port),
        .content_type = "text/x-test",
        .body = smart_slice("hello"),
        .connect_timeout_ms = 10000,
        .total_timeout_ms = 10000,
        .max_bytes = 100,
    };
    return req;
}

static smart_http_response_t post_ok(const smart_http_request_t *req)
{
    smart_http_response_t resp;
    apr_status_t rv = smart_http_post(http, req, pool, &resp);

    assert_string_equal(resp.detail, "");
    assert_int_equal(rv, APR_SUCCESS);
    assert_int_equal(resp.outcome, SMART_HTTP_OK);
    assert_true(resp.latency_us > 0);
    return resp;
}

static void post_fails(const smart_http_request_t *req, apr_status_t expected,
                       const char *because)
{
    smart_http_response_t resp;
    apr_status_t rv = smart_http_post(http, req, pool, &resp);

    if (!strstr(resp.detail, because)) {
        assert_string_equal(resp.detail, because);
    }
    assert_int_equal(rv, expected);
    assert_int_equal(resp.outcome, SMART_HTTP_FAILED);
    assert_int_equal(resp.status, 0);
    assert_int_equal(resp.body.len, 0);
}

static int each_setup(void **state)
{
    (void)state;
    apr_pool_create(&pool, NULL);
    http = smart_http_create(pool);
    return http ? 0 : -1;
}

static int each_teardown(void **state)
{
    (void)state;
    lookup_delay_ms = 0;
    apr_pool_destroy(pool);
    return 0;
}

/* ---- cases ---- */

static void request_on_the_wire_is_exact(void **state)
{
    server_t *s = server_start(SCRIPT(OK2), NULL);
    const char *const headers[] = {"Authorization: Basic eA=="};
    smart_http_request_t req = request_to(s);
    smart_http_response_t resp;

    (void)state;
    req.headers = headers;
    req.header_count = 1;
    req.accept = "application/json";
    resp = post_ok(&req);
    assert_int_equal(resp.status, 200);
    assert_null(resp.content_type);
    assert_true(smart_slice_is(resp.body, "{}"));
    assert_string_equal(s->last, apr_psprintf(pool,
                                              "POST /i HTTP/1.1\r\n"
                                              "Host: 127.0.0.1:%d\r\n"
                                              "User-Agent: mod_smart\r\n"
                                              "Content-Type: text/x-test\r\n"
                                              "Accept: application/json\r\n"
                                              "Authorization: Basic eA==\r\n"
                                              "Content-Length: 5\r\n\r\nhello",
                                              s->port));
    server_stop(s);
}

static void answer_head_is_reported(void **state)
{
    server_t *s = server_start(
        SCRIPT("HTTP/1.1 503 No\r\nContent-Type: text/html; charset=x\r\n"
               "Retry-After: 7\r\nContent-Length: 0\r\n\r\n",
               "HTTP/1.1 503 No\r\nRetry-After: 99999999\r\n"
               "Content-Length: 0\r\n\r\n"),
        NULL);
    smart_http_request_t req = request_to(s);
    smart_http_response_t resp = post_ok(&req);

    (void)state;
    assert_int_equal(resp.status, 503);
    assert_string_equal(resp.content_type, "text/html; charset=x");
    assert_int_equal(resp.retry_after_s, 7);
    assert_int_equal(resp.body.len, 0);
    assert_int_equal(post_ok(&req).retry_after_s, SMART_HTTP_MAX_RETRY_S);
    server_stop(s);
}

static void kept_alive_connection_is_used_again(void **state)
{
    server_t *s = server_start(SCRIPT(OK2), NULL);
    smart_http_request_t req = request_to(s);
    int i;

    (void)state;
    for (i = 0; i < 20; i++) {
        post_ok(&req);
    }
    assert_int_equal(s->requests, 20);
    assert_int_equal(s->connections, 1);
    server_stop(s);
}

static void *post_fifty(void *data)
{
    apr_pool_t *p;
    intptr_t good = 0;
    int i;

    apr_pool_create(&p, NULL);
    for (i = 0; i < 50; i++) {
        smart_http_response_t resp;

        good += smart_http_post(http, data, p, &resp) == APR_SUCCESS;
    }
    apr_pool_destroy(p);
    return (void *)good;
}

static void threads_share_a_few_connections(void **state)
{
    server_t *s = server_start(SCRIPT(OK2), NULL);
    smart_http_request_t req = request_to(s);
    pthread_t threads[20];
    int i;

    (void)state;
    for (i = 0; i < 20; i++) {
        pthread_create(&threads[i], NULL, post_fifty, &req);
    }
    for (i = 0; i < 20; i++) {
        void *good;

        pthread_join(threads[i], &good);
        assert_int_equal((intptr_t)good, 50);
    }
    assert_int_equal(s->requests, 1000);
    assert_true(s->connections < MAX_CONNS);
    server_stop(s);
}

/* A script whose first answer leaves a kept-alive connection behind. */
static void stale_case(const char *second, bool works, int requests,
                       int connections)
{
    server_t *s = server_start(SCRIPT(OK2, second, OK2), NULL);
    smart_http_request_t req = request_to(s);

    post_ok(&req);
    if (works) {
        post_ok(&req);
    }
    else {
        post_fails(&req, APR_EGENERAL, "the ");
    }
    assert_int_equal(s->requests, requests);
    assert_int_equal(s->connections, connections);
    server_stop(s);
}

static void stale_connection_is_retried_once(void **state)
{
    (void)state;
    stale_case("!close", true, 3, 2);
    stale_case("!reset", true, 3, 2);
}

static void answer_that_had_begun_is_not_retried(void **state)
{
    (void)state;
    stale_case("~HTTP/1.1 200 OK\r\nConte", false, 2, 1);
    stale_case("~HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", false, 2, 1);
}

static void connection_closed_while_idle_is_replaced(void **state)
{
    server_t *s = server_start(SCRIPT("~" OK2, OK2), NULL);
    smart_http_request_t req = request_to(s);

    (void)state;
    post_ok(&req);
    usleep(50000);
    post_ok(&req);
    assert_int_equal(s->requests, 2);
    assert_int_equal(s->connections, 2);
    server_stop(s);
}

static void fresh_connection_is_never_retried(void **state)
{
    const char *const acts[] = {"!close", "!reset"};
    int i;

    (void)state;
    for (i = 0; i < 2; i++) {
        server_t *s = server_start(SCRIPT(acts[i]), NULL);
        smart_http_request_t req = request_to(s);

        post_fails(&req, APR_EGENERAL, "the connection was ");
        assert_int_equal(s->requests, 1);
        server_stop(s);
    }
}

static void retry_of_a_stale_connection_is_not_repeated(void **state)
{
    server_t *s = server_start(SCRIPT(OK2, "!close"), NULL);
    smart_http_request_t req = request_to(s);

    (void)state;
    post_ok(&req);
    post_fails(&req, APR_EGENERAL, "closed without an answer");
    assert_int_equal(s->requests, 3);
    server_stop(s);
}

static void handle_is_dropped_after_an_error(void **state)
{
    server_t *s = server_start(
        SCRIPT(OK2, "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", OK2),
        NULL);
    smart_http_request_t req = request_to(s);

    (void)state;
    post_ok(&req);
    post_fails(&req, APR_EGENERAL, "too large");
    post_ok(&req);
    assert_int_equal(s->connections, 2);
    server_stop(s);
}

static void timed_out(const server_t *s, const smart_http_request_t *req,
                      const char *because)
{
    const apr_time_t start = apr_time_now();
    apr_time_t took;

    (void)s;
    post_fails(req, APR_TIMEUP, because);
    took = apr_time_now() - start;
    assert_true(took >= 190000 && took < 900000);
}

static void silent_or_slow_answer_times_out(void **state)
{
    const char *const acts[] = {"!stall", "!drip"};
    int i;

    (void)state;
    for (i = 0; i < 2; i++) {
        server_t *s = server_start(SCRIPT(acts[i]), NULL);
        smart_http_request_t req = request_to(s);

        req.total_timeout_ms = 200;
        timed_out(s, &req, "waiting for the answer");
        assert_int_equal(s->requests, 1);
        server_stop(s);
    }
}

static void slow_name_lookup_ends_with_the_connect_timeout(void **state)
{
    server_t *s = server_start(SCRIPT(OK2), NULL);
    smart_http_request_t req = request_to(s);

    (void)state;
    req.url = apr_psprintf(pool, "http://slow.invalid:%d/", s->port);
    req.connect_timeout_ms = 200;
    lookup_delay_ms = 1500;
    timed_out(s, &req, "while connecting");
    /* The library's thread must have ended before the process does. */
    usleep(1800000);
    server_stop(s);
}

static void unreachable_server_fails_at_once(void **state)
{
    server_t *s = server_start(SCRIPT(OK2), NULL);
    smart_http_request_t req = request_to(s);

    (void)state;
    server_stop(s);
    post_fails(&req, APR_EGENERAL, "refused");
    req.url = "http://name.invalid/";
    post_fails(&req, APR_EGENERAL, "host name is not known");
}

static const char *answer_of(apr_size_t body, const char *framing)
{
    char *text = apr_pcalloc(pool, body + 1);

    memset(text, 'x', body);
    return apr_psprintf(pool, "~HTTP/1.1 200 OK\r\n%s\r\n\r\n%s%s", framing,
                        text,
                        strstr(framing, "chunked") ? "\r\n0\r\n\r\n" : "");
}

static void body_is_taken_up_to_the_limit(void **state)
{
    const struct {
        apr_size_t bytes;
        const char *framing;
        bool fits;
    } rows[] = {
        {5000, "Content-Length: 5000", true},
        {5001, "Content-Length: 5001", false},
        {5000, "Transfer-Encoding: chunked\r\n\r\n1388", true},
        {5001, "Transfer-Encoding: chunked\r\n\r\n1389", false},
        {5000, "Connection: close", true},
        {5001, "Connection: close", false},
    };
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *text = answer_of(rows[i].bytes, rows[i].framing);
        const char *gap = strstr(text, "1388\r\n\r\n");
        server_t *s;
        smart_http_request_t req;

        gap = gap ? gap : strstr(text, "1389\r\n\r\n");
        if (gap) { /* the framing ends in a chunk size: one line end only */
            memmove((char *)gap + 4, gap + 6, strlen(gap + 6) + 1);
        }
        s = server_start(SCRIPT(text), NULL);
        req = request_to(s);
        req.max_bytes = 5000;
        if (rows[i].fits) {
            assert_int_equal(post_ok(&req).body.len, 5000);
        }
        else {
            post_fails(&req, APR_EGENERAL, "too large");
        }
        server_stop(s);
    }
}

static void malformed_answer_fails(void **state)
{
    char *flood = apr_pcalloc(pool, 50000);
    const char *acts[] = {
        "~{}",                                             /* HTTP/0.9 */
        "~HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", /* cut short */
        "~HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
        flood,
    };
    apr_size_t i;

    (void)state;
    strcpy(flood, "~HTTP/1.1 200 OK\r\n");
    for (i = 18; i < 40000; i += 10) {
        memcpy(flood + i, "A: 34567\r\n", 10);
    }
    memcpy(flood + i, "\r\n", 2);
    for (i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        server_t *s = server_start(SCRIPT(acts[i]), NULL);
        smart_http_request_t req = request_to(s);

        post_fails(&req, APR_EGENERAL, "");
        server_stop(s);
    }
}

static void redirect_is_reported_not_followed(void **state)
{
    server_t *trap = server_start(SCRIPT(OK2), NULL);
    server_t *s = server_start(
        SCRIPT(apr_psprintf(pool,
                            "HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:%d/"
                            "\r\nContent-Length: 0\r\n\r\n",
                            trap->port)),
        NULL);
    smart_http_request_t req = request_to(s);

    (void)state;
    assert_int_equal(post_ok(&req).status, 307);
    assert_int_equal(trap->connections, 0);
    server_stop(s);
    server_stop(trap);
}

static void proxy_and_netrc_of_the_environment_are_ignored(void **state)
{
    const char *const names[] = {"http_proxy", "https_proxy", "all_proxy",
                                 "HTTPS_PROXY", "ALL_PROXY"};
    server_t *trap = server_start(SCRIPT(OK2), NULL);
    server_t *s = server_start(SCRIPT(OK2), NULL);
    smart_http_request_t req = request_to(s);
    const char *netrc = apr_pstrcat(pool, dir, "/.netrc", NULL);
    FILE *f = fopen(netrc, "w");
    int i;

    (void)state;
    fputs("machine 127.0.0.1 login u password p\n", f);
    fclose(f);
    setenv("HOME", dir, 1);
    for (i = 0; i < 5; i++) {
        setenv(names[i], apr_psprintf(pool, "http://127.0.0.1:%d", trap->port),
               1);
    }
    post_ok(&req);
    for (i = 0; i < 5; i++) {
        unsetenv(names[i]);
    }
    unlink(netrc);
    assert_int_equal(trap->connections, 0);
    assert_null(strstr(s->last, "Authorization"));
    server_stop(s);
    server_stop(trap);
}

static void unusable_request_is_not_sent(void **state)
{
    const char *const split[] = {"X: a\r\nY: b"};
    server_t *s = server_start(SCRIPT(OK2), NULL);
    const smart_http_request_t good = request_to(s);
    smart_http_request_t bad[8];
    int i;

    (void)state;
    for (i = 0; i < 8; i++) {
        bad[i] = good;
    }
    bad[0].headers = split;
    bad[0].header_count = 1;
    bad[1].connect_timeout_ms = 0;
    bad[2].total_timeout_ms = 0;
    bad[3].max_bytes = 0;
    bad[4].content_type = "a\nb";
    bad[5].accept = "a\nb";
    bad[6].url = "file:///etc/hostname";
    bad[7].url = NULL;
    for (i = 0; i < 8; i++) {
        post_fails(&bad[i], APR_EINVAL, "");
    }
    bad[0].url = apr_psprintf(pool, "http://u:p@127.0.0.1:%d/", s->port);
    bad[0].header_count = 0;
    post_fails(&bad[0], APR_EGENERAL, "");
    assert_int_equal(s->connections, 0);
    post_ok(&good);
    server_stop(s);
}

static void store_that_was_cleaned_up_keeps_nothing(void **state)
{
    server_t *s = server_start(SCRIPT(OK2), NULL);
    smart_http_request_t req = request_to(s);

    (void)state;
    smart_http_cleanup(http);
    post_ok(&req);
    post_ok(&req);
    assert_int_equal(s->connections, 2);
    server_stop(s);
}

/* ---- TLS ---- */

static const char *made(const char *name)
{
    return apr_pstrcat(pool, dir, "/", name, NULL);
}

static int make_cert(const char *name, const char *san)
{
    char *command = apr_psprintf(
        pool,
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
        "-days 2 -subj /CN=%s -addext subjectAltName=%s -keyout %s.key "
        "-out %s.pem 2>/dev/null",
        name, san, made(name), made(name));

    return system(command);
}

static server_t *tls_server(const char *cert, const char *client_ca)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

    assert_int_equal(
        SSL_CTX_use_certificate_file(
            tls, apr_pstrcat(pool, made(cert), ".pem", NULL), SSL_FILETYPE_PEM),
        1);
    assert_int_equal(
        SSL_CTX_use_PrivateKey_file(
            tls, apr_pstrcat(pool, made(cert), ".key", NULL), SSL_FILETYPE_PEM),
        1);
    if (client_ca) {
        SSL_CTX_load_verify_file(tls, client_ca);
        SSL_CTX_set_verify(
            tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return server_start(always_ok, tls);
}

static void self_signed_server_needs_its_ca_file(void **state)
{
    server_t *s = tls_server("right", NULL);
    smart_http_request_t req = request_to(s);

    (void)state;
    post_fails(&req, APR_EGENERAL, "certificate");
    req.ca_file = made("wrong.pem");
    post_fails(&req, APR_EGENERAL, "certificate");
    req.ca_file = made("absent.pem");
    post_fails(&req, APR_EGENERAL, "");
    assert_int_equal(s->requests, 0);
    req.ca_file = made("right.pem");
    post_ok(&req);
    post_ok(&req);
    assert_int_equal(s->connections, 4);
    /* The connection is not lent to a request that trusts others. */
    req.ca_file = made("wrong.pem");
    post_fails(&req, APR_EGENERAL, "certificate");
    assert_int_equal(s->requests, 2);
    server_stop(s);
}

static void certificate_of_another_host_is_refused(void **state)
{
    server_t *s = tls_server("wrong", NULL);
    smart_http_request_t req = request_to(s);

    (void)state;
    req.ca_file = made("wrong.pem");
    post_fails(&req, APR_EGENERAL, "subject name");
    assert_int_equal(s->requests, 0);
    server_stop(s);
}

static void tls_older_than_1_2_is_refused(void **state)
{
    const struct {
        int version;
        bool works;
    } rows[] = {{TLS1_1_VERSION, false}, {TLS1_2_VERSION, true}};
    int i;

    (void)state;
    for (i = 0; i < 2; i++) {
        server_t *s = tls_server("right", NULL);
        smart_http_request_t req = request_to(s);

        SSL_CTX_set_security_level(s->tls, 0);
        SSL_CTX_set_min_proto_version(s->tls, TLS1_VERSION);
        SSL_CTX_set_max_proto_version(s->tls, rows[i].version);
        req.ca_file = made("right.pem");
        if (rows[i].works) {
            post_ok(&req);
        }
        else {
            post_fails(&req, APR_EGENERAL, "");
        }
        assert_int_equal(s->requests, rows[i].works);
        server_stop(s);
    }
}

static smart_slice_t made_text(const char *name)
{
    FILE *f = fopen(made(name), "r");
    char *text = apr_palloc(pool, 8192);
    const size_t n = fread(text, 1, 8192, f);

    fclose(f);
    return smart_slice_n(text, n);
}

static void client_certificate_is_shown(void **state)
{
    server_t *s = tls_server("right", made("wrong.pem"));
    smart_http_request_t req = request_to(s);

    (void)state;
    req.ca_file = made("right.pem");
    post_fails(&req, APR_EGENERAL, "");
    req.cert = made_text("wrong.pem");
    req.cert_key = made_text("right.key");
    post_fails(&req, APR_EGENERAL, "");
    assert_int_equal(s->requests, 0);
    req.cert_key = made_text("wrong.key");
    post_ok(&req);
    assert_string_equal(s->peer, "/CN=wrong");
    server_stop(s);
}

static void silent_tls_server_ends_with_the_connect_timeout(void **state)
{
    server_t *s = server_start(SCRIPT("!stall"), NULL);
    smart_http_request_t req = request_to(s);

    (void)state;
    req.url = apr_psprintf(pool, "https://127.0.0.1:%d/", s->port);
    req.connect_timeout_ms = 200;
    timed_out(s, &req, "while connecting");
    server_stop(s);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, each_setup, each_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(request_on_the_wire_is_exact),
        CASE(answer_head_is_reported),
        CASE(kept_alive_connection_is_used_again),
        CASE(threads_share_a_few_connections),
        CASE(stale_connection_is_retried_once),
        CASE(answer_that_had_begun_is_not_retried),
        CASE(connection_closed_while_idle_is_replaced),
        CASE(fresh_connection_is_never_retried),
        CASE(retry_of_a_stale_connection_is_not_repeated),
        CASE(handle_is_dropped_after_an_error),
        CASE(silent_or_slow_answer_times_out),
        CASE(slow_name_lookup_ends_with_the_connect_timeout),
        CASE(unreachable_server_fails_at_once),
        CASE(body_is_taken_up_to_the_limit),
        CASE(malformed_answer_fails),
        CASE(redirect_is_reported_not_followed),
        CASE(proxy_and_netrc_of_the_environment_are_ignored),
        CASE(unusable_request_is_not_sent),
        CASE(store_that_was_cleaned_up_keeps_nothing),
        CASE(self_signed_server_needs_its_ca_file),
        CASE(certificate_of_another_host_is_refused),
        CASE(tls_older_than_1_2_is_refused),
        CASE(client_certificate_is_shown),
        CASE(silent_tls_server_ends_with_the_connect_timeout),
    };
    const char *const files[] = {"right.pem", "right.key", "wrong.pem",
                                 "wrong.key"};
    int failed;
    int i;

    signal(SIGPIPE, SIG_IGN);
    apr_initialize();
    apr_pool_create(&pool, NULL);
    if (!mkdtemp(dir) || make_cert("right", "IP:127.0.0.1") ||
        make_cert("wrong", "DNS:other.example.org") ||
        smart_http_process_init() != APR_SUCCESS) {
        return 1;
    }
    apr_pool_destroy(pool);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_pool_create(&pool, NULL);
    for (i = 0; i < 4; i++) {
        unlink(made(files[i]));
    }
    rmdir(dir);
    apr_terminate();
    return failed;
}
