/* SPDX-License-Identifier: Apache-2.0 */
/*
 * introspection_test.c: what each method of client authentication puts on the
 * wire, what each kind of answer is taken for, which URLs are accepted. The
 * server is a thread on loopback: it records a request, answers, closes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>

#include <cmocka.h>

#include <apr_general.h>
#include <apr_strings.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "io/introspection.h"

#define NOW  1700000000
#define JSON "application/json"

static apr_pool_t *pool;
static smart_http_t *http;
static int listener;
static int port;
static pthread_t server;
static const char *answer;  /* what the server says */
static char request[32768]; /* what it was told last */
static atomic_int requests;

/* Read one request into <request>; the mutex is the answer that follows. */
static void take_request(int fd)
{
    size_t len = 0;
    size_t whole = 0;

    memset(request, 0, sizeof(request));
    while (!whole || len < whole) {
        const ssize_t n = recv(fd, request + len, sizeof(request) - 1 - len, 0);
        const char *end;

        if (n <= 0) {
            return;
        }
        len += (size_t)n;
        end = strstr(request, "\r\n\r\n");
        if (end) {
            whole = (size_t)(end + 4 - request) +
                    (size_t)atoi(strstr(request, "Content-Length:") + 15);
        }
    }
    requests++;
}

static void *serve(void *unused)
{
    int fd;

    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        take_request(fd);
        (void)!send(fd, answer, strlen(answer), MSG_NOSIGNAL);
        close(fd);
    }
    return unused;
}

static int all_setup(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);

    (void)state;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&a, len) || listen(listener, 8)) {
        return -1;
    }
    getsockname(listener, (struct sockaddr *)&a, &len);
    port = ntohs(a.sin_port);
    http = smart_http_create(pool);
    return pthread_create(&server, NULL, serve, NULL);
}

static int all_teardown(void **state)
{
    (void)state;
    shutdown(listener, SHUT_RDWR);
    pthread_join(server, NULL);
    close(listener);
    return 0;
}

static void will_answer(const char *status, const char *type, const char *body)
{
    answer = apr_psprintf(pool,
                          "HTTP/1.1 %s\r\nContent-Type: %s\r\n"
                          "Content-Length: %d\r\nConnection: close\r\n\r\n%s",
                          status, type, (int)strlen(body), body);
}

static smart_endpoint_t endpoint_with(smart_client_auth_e method)
{
    smart_endpoint_t e = {
        .url = apr_psprintf(pool, "http://127.0.0.1:%d/i?x=1", port),
        .method = method,
        .client_id = "gate way",
        .secret = "s3:cr+t%\xc3\xa9",
        .connect_timeout_ms = 5000,
        .total_timeout_ms = 5000,
    };
    return e;
}

static const char *detail;
static int retry_after_s;
static smart_slice_t body;

static smart_answer_e ask(const smart_endpoint_t *e, const char *token)
{
    detail = NULL;
    return smart_introspection_ask(http, e, smart_slice(token), NOW, pool,
                                   &body, &retry_after_s, &detail);
}

static const char *form_sent(void)
{
    return strstr(request, "\r\n\r\n") + 4;
}

/* The value of a header line of the last request, NULL if absent. */
static const char *header_sent(const char *name)
{
    const char *line =
        strstr(request, apr_pstrcat(pool, "\r\n", name, ": ", NULL));

    line = line ? line + strlen(name) + 4 : NULL;
    return line ? apr_pstrmemdup(pool, line, strcspn(line, "\r")) : NULL;
}

static void assert_sends(const smart_endpoint_t *e, const char *authorization,
                         const char *more)
{
    will_answer("200 OK", JSON, "{}");
    assert_int_equal(ask(e, "abc-._~+/="), SMART_ANSWER_BODY);
    assert_string_equal(form_sent(),
                        apr_pstrcat(pool,
                                    "token=abc-._%7E%2B%2F%3D&token_type_hint=",
                                    "access_token", more, NULL));
    if (authorization) {
        assert_non_null(header_sent("Authorization"));
        assert_string_equal(header_sent("Authorization"), authorization);
    }
    else {
        assert_null(header_sent("Authorization"));
    }
    assert_string_equal(header_sent("Content-Type"),
                        "application/x-www-form-urlencoded");
    assert_string_equal(header_sent("Accept"), JSON);
    assert_int_equal(strncmp(request, "POST /i?x=1 HTTP/1.1\r\n", 22), 0);
}

/* ---- client authentication ---- */

static void none_sends_the_token_alone_or_an_id(void **state)
{
    smart_endpoint_t e = endpoint_with(SMART_CLIENT_AUTH_NONE);

    (void)state;
    assert_sends(&e, NULL, "&client_id=gate+way");
    e.client_id = NULL;
    assert_sends(&e, NULL, "");
}

static void basic_encodes_both_parts_first(void **state)
{
    smart_endpoint_t e = endpoint_with(SMART_CLIENT_AUTH_BASIC);

    (void)state;
    /* gate+way:s3%3Acr%2Bt%25%C3%A9 */
    assert_sends(&e, "Basic Z2F0ZSt3YXk6czMlM0FjciUyQnQlMjUlQzMlQTk=", "");
}

static void post_puts_both_into_the_form(void **state)
{
    smart_endpoint_t e = endpoint_with(SMART_CLIENT_AUTH_POST);

    (void)state;
    assert_sends(&e, NULL,
                 "&client_id=gate+way&client_secret=s3%3Acr%2Bt%25%C3%A9");
}

static void bearer_sends_the_secret_as_it_is(void **state)
{
    smart_endpoint_t e = endpoint_with(SMART_CLIENT_AUTH_BEARER);

    (void)state;
    e.secret = "abc/+=";
    assert_sends(&e, "Bearer abc/+=", "");
}

static void tls_sends_the_id(void **state)
{
    smart_endpoint_t e = endpoint_with(SMART_CLIENT_AUTH_TLS);

    (void)state;
    e.cert = smart_slice("no certificate"); /* not read: the URL is http */
    e.cert_key = smart_slice("no key");
    assert_sends(&e, NULL, "&client_id=gate+way");
}

static const smart_jwt_key_t *make_key(void)
{
    char path[] = "/tmp/smart_introspection_XXXXXX";
    EVP_PKEY *pkey = EVP_EC_gen("P-384");
    const smart_jwt_key_t *key;
    const char *error;
    FILE *f = fdopen(mkstemp(path), "w");

    PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    EVP_PKEY_free(pkey);
    assert_int_equal(smart_jwt_key_load(path, NULL, NULL, pool, &key, &error),
                     APR_SUCCESS);
    unlink(path);
    return key;
}

/* The claims of the assertion in the last request. */
static const char *claims_sent(void)
{
    const char *from = strchr(strstr(form_sent(), "client_assertion=ey"), '.');
    char *text = apr_pstrdup(pool, from + 1);
    unsigned char *out;
    char *c;

    *strchr(text, '.') = '\0';
    for (c = text; *c; c++) {
        *c = *c == '-' ? '+' : *c == '_' ? '/' : *c;
    }
    text = apr_pstrcat(pool, text, "===", NULL);
    text[strlen(text) / 4 * 4] = '\0';
    out = apr_pcalloc(pool, strlen(text) + 1);
    EVP_DecodeBlock(out, (unsigned char *)text, (int)strlen(text));
    return (const char *)out;
}

static void private_key_jwt_sends_a_fresh_assertion(void **state)
{
    static const char start[] =
        "token=t&token_type_hint=access_token&client_id=gate+way&"
        "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-"
        "type%3Ajwt-bearer&client_assertion=ey";
    smart_endpoint_t e = endpoint_with(SMART_CLIENT_AUTH_PRIVATE_KEY_JWT);
    const char *first;

    (void)state;
    e.key = make_key();
    will_answer("200 OK", JSON, "{}");
    assert_int_equal(ask(&e, "t"), SMART_ANSWER_BODY);
    assert_int_equal(strncmp(form_sent(), start, sizeof(start) - 1), 0);
    assert_null(header_sent("Authorization"));
    first = claims_sent();
    assert_non_null(strstr(first, apr_psprintf(pool,
                                               "{\"iss\":\"gate way\",\"sub\":"
                                               "\"gate way\",\"aud\":\"%s\",",
                                               e.url)));
    assert_non_null(strstr(first, "\"exp\":1700000060,"));
    e.assertion_audience = "https://as.example.org/token";
    assert_int_equal(ask(&e, "t"), SMART_ANSWER_BODY);
    assert_non_null(strstr(claims_sent(), "\"aud\":\"https://as.example.org/"
                                          "token\""));
    assert_string_not_equal(strstr(claims_sent(), "jti"), strstr(first, "jti"));
}

static void incomplete_authentication_sends_nothing(void **state)
{
    smart_endpoint_t e[12];
    const int before = requests;
    int i;

    (void)state;
    for (i = 0; i < 12; i++) {
        static const smart_client_auth_e methods[] = {
            SMART_CLIENT_AUTH_UNSET,
            SMART_CLIENT_AUTH_BASIC,
            SMART_CLIENT_AUTH_BASIC,
            SMART_CLIENT_AUTH_POST,
            SMART_CLIENT_AUTH_POST,
            SMART_CLIENT_AUTH_BEARER,
            SMART_CLIENT_AUTH_PRIVATE_KEY_JWT,
            SMART_CLIENT_AUTH_TLS,
            SMART_CLIENT_AUTH_NONE,
            SMART_CLIENT_AUTH_NONE,
            SMART_CLIENT_AUTH_NONE,
            (smart_client_auth_e)99};
        e[i] = endpoint_with(methods[i]);
    }
    e[1].secret = NULL;
    e[2].client_id = "";
    e[3].secret = "";
    e[4].client_id = NULL;
    e[5].secret = NULL;
    e[8].url = "http://as.example.org/i";
    e[9].url = NULL;
    e[10].url = apr_psprintf(pool, "http://u@127.0.0.1:%d/", port);
    for (i = 0; i < 12; i++) {
        assert_int_equal(ask(&e[i], "t"), SMART_ANSWER_REFUSED);
        assert_non_null(detail);
        assert_null(body.ptr);
    }
    assert_int_equal(requests, before);
}

static void token_of_impossible_length_is_not_sent(void **state)
{
    smart_endpoint_t e = endpoint_with(SMART_CLIENT_AUTH_NONE);
    char *token = apr_pcalloc(pool, SMART_MAX_TOKEN + 2);
    const int before = requests;

    (void)state;
    will_answer("200 OK", JSON, "{}");
    memset(token, '+', SMART_MAX_TOKEN + 1);
    assert_int_equal(ask(&e, ""), SMART_ANSWER_TROUBLE);
    assert_int_equal(ask(&e, token), SMART_ANSWER_TROUBLE);
    assert_int_equal(requests, before);
    token[SMART_MAX_TOKEN] = '\0';
    e.client_id = NULL;
    assert_int_equal(ask(&e, token), SMART_ANSWER_BODY);
    assert_int_equal(strlen(form_sent()), 6 + 3 * SMART_MAX_TOKEN +
                                              strlen("&token_type_hint=") +
                                              strlen("access_token"));
}

/* ---- answers ---- */

static void answers_are_placed_by_status_type_and_error(void **state)
{
    static const struct {
        const char *status;
        const char *type;
        const char *text;
        smart_answer_e expected;
    } rows[] = {
        {"200 OK", JSON, "{\"active\":true}", SMART_ANSWER_BODY},
        {"200 OK", "Application/JSON ; charset=utf-8", "{}", SMART_ANSWER_BODY},
        {"200 OK", JSON, "", SMART_ANSWER_BODY}, /* core refuses it */
        {"200 OK", "text/html", "{}", SMART_ANSWER_TROUBLE},
        {"200 OK", "application/jsonp", "{}", SMART_ANSWER_TROUBLE},
        {"200 OK", "application/json, text/html", "{}", SMART_ANSWER_TROUBLE},
        {"200 OK", "application/token-introspection+jwt", "e30",
         SMART_ANSWER_TROUBLE},
        {"201 Created", JSON, "{}", SMART_ANSWER_TROUBLE},
        {"204 None", JSON, "", SMART_ANSWER_TROUBLE},
        {"302 Found", JSON, "{}", SMART_ANSWER_TROUBLE},
        {"400 Bad", JSON, "{\"error\":\"invalid_token\"}",
         SMART_ANSWER_ABOUT_TOKEN},
        {"400 Bad", JSON,
         "{\"error\":\"unsupported_token_type\",\"error_description\":\"x\"}",
         SMART_ANSWER_ABOUT_TOKEN},
        {"400 Bad", "text/html", "{\"error\":\"invalid_token\"}",
         SMART_ANSWER_TROUBLE},
        {"400 Bad", JSON, "{\"error\":\"invalid_client\"}",
         SMART_ANSWER_REFUSED},
        {"400 Bad", JSON, "{\"error\":\"unauthorized_client\"}",
         SMART_ANSWER_REFUSED},
        {"400 Bad", JSON, "{\"error\":\"invalid_request\"}",
         SMART_ANSWER_REFUSED},
        {"400 Bad", JSON, "{\"error\":\"server_error\"}", SMART_ANSWER_TROUBLE},
        {"400 Bad", JSON, "not JSON", SMART_ANSWER_TROUBLE},
        {"401 No", JSON, "{\"error\":\"invalid_token\"}", SMART_ANSWER_REFUSED},
        {"403 No", "text/html", "", SMART_ANSWER_REFUSED},
        {"404 No", JSON, "{\"error\":\"invalid_token\"}", SMART_ANSWER_TROUBLE},
        {"429 Slow", JSON, "{}", SMART_ANSWER_TROUBLE},
        {"500 Oops", JSON, "{\"active\":true}", SMART_ANSWER_TROUBLE},
    };
    smart_endpoint_t e = endpoint_with(SMART_CLIENT_AUTH_BASIC);
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        smart_answer_e got;

        will_answer(rows[i].status, rows[i].type, rows[i].text);
        got = ask(&e, "t0k3n");
        if (got != rows[i].expected) {
            print_message("row %d: %s %s\n", (int)i, rows[i].status,
                          rows[i].text);
        }
        assert_int_equal(got, rows[i].expected);
        assert_int_equal(body.len,
                         got == SMART_ANSWER_BODY ? strlen(rows[i].text) : 0);
        assert_null(strstr(detail, "t0k3n"));
        assert_null(strstr(detail, "s3:cr"));
    }
}

static void transport_failure_is_trouble(void **state)
{
    smart_endpoint_t e = endpoint_with(SMART_CLIENT_AUTH_NONE);

    (void)state;
    answer = "";
    assert_int_equal(ask(&e, "t"), SMART_ANSWER_TROUBLE);
    assert_string_equal(detail, "the connection was closed without an answer");
    answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    assert_int_equal(ask(&e, "t"), SMART_ANSWER_TROUBLE);
    e.total_timeout_ms = 0;
    assert_int_equal(ask(&e, "t"), SMART_ANSWER_TROUBLE);
}

static void answer_is_taken_up_to_its_limit(void **state)
{
    smart_endpoint_t e = endpoint_with(SMART_CLIENT_AUTH_NONE);
    char *text = apr_pcalloc(pool, SMART_MAX_ANSWER + 2);

    (void)state;
    memset(text, ' ', SMART_MAX_ANSWER);
    will_answer("200 OK", JSON, text);
    assert_int_equal(ask(&e, "t"), SMART_ANSWER_BODY);
    assert_int_equal(body.len, SMART_MAX_ANSWER);
    text[SMART_MAX_ANSWER] = ' ';
    will_answer("200 OK", JSON, text);
    assert_int_equal(ask(&e, "t"), SMART_ANSWER_TROUBLE);
    assert_string_equal(detail, "the answer is too large");
}

static void retry_after_is_handed_on(void **state)
{
    smart_endpoint_t e = endpoint_with(SMART_CLIENT_AUTH_NONE);

    (void)state;
    will_answer("503 Later\r\nRetry-After: 12", JSON, "{}");
    assert_int_equal(ask(&e, "t"), SMART_ANSWER_TROUBLE);
    assert_int_equal(retry_after_s, 12);
    will_answer("200 OK", JSON, "{}");
    assert_int_equal(ask(&e, "t"), SMART_ANSWER_BODY);
    assert_int_equal(retry_after_s, 0);
}

/* ---- URLs ---- */

static void url_must_be_https_or_loopback(void **state)
{
    static const struct {
        const char *url;
        bool ok;
    } rows[] = {
        {"https://as.example.org/introspect", true},
        {"http://as.example.org/introspect", false},
        {"https://as.example.org", true},
        {"https://as.example.org:8443/i?tenant=a%20b", true},
        {"https://as_1:8443", true},
        {"https://[2001:db8::1]:8443/i", true},
        {"http://[2001:db8::1]:8443/i", false},
        {"http://127.0.0.1:9000/i", true},
        {"http://127.255.0.9/i", true},
        {"http://128.0.0.1/i", false},
        {"http://127.0.0.1.example.org/i", false},
        {"http://127.0.0/i", false},
        {"http://127.0.0.256/i", false},
        {"http://127.0.0.01/i", false},
        {"http://0127.0.0.1/i", false},
        {"http://127.1/i", false},
        {"http://2130706433/i", false},
        {"http://localhost:80/i", true},
        {"http://LOCALHOST/i", true},
        {"http://localhost.example.org/i", false},
        {"http://notlocalhost/i", false},
        {"http://[::1]:9/i", true},
        {"http://[::1", false},
        {"http://[::2]/i", false},
        {"http://[::1]evil/i", false},
        {"https://u:p@as.example.org/i", false},
        {"http://127.0.0.1@as.example.org/i", false},
        {"http://127.0.0.1\\@as.example.org/i", false},
        {"https://as.example.org/i#x", false},
        {"https://as.example.org/a b", false},
        {"https://as.example.org/\r\nX:y", false},
        {"https://as.ex\xc3\xa4mple.org/", false},
        {"https://as.example.org:0/", false},
        {"https://as.example.org:65535/", true},
        {"https://as.example.org:65536/", false},
        {"https://as.example.org:/", false},
        {"https://as.example.org:1x/", false},
        {"https://as%2eexample.org/", false},
        {"https:///i", false},
        {"https://", false},
        {"https://[]/i", false},
        {"HTTPS://as.example.org/", false},
        {"ftp://as.example.org/", false},
        {"as.example.org", false},
        {"", false},
        {NULL, false},
    };
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *error = "unset";
        const bool ok = smart_endpoint_url_ok(rows[i].url, pool, &error);

        if (ok != rows[i].ok) {
            print_message("row %d: %s\n", (int)i, rows[i].url);
        }
        assert_int_equal(ok, rows[i].ok);
        assert_int_equal(error == NULL, rows[i].ok);
        assert_int_equal(smart_endpoint_url_ok(rows[i].url, pool, NULL), ok);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_sends_the_token_alone_or_an_id),
        cmocka_unit_test(basic_encodes_both_parts_first),
        cmocka_unit_test(post_puts_both_into_the_form),
        cmocka_unit_test(bearer_sends_the_secret_as_it_is),
        cmocka_unit_test(tls_sends_the_id),
        cmocka_unit_test(private_key_jwt_sends_a_fresh_assertion),
        cmocka_unit_test(incomplete_authentication_sends_nothing),
        cmocka_unit_test(token_of_impossible_length_is_not_sent),
        cmocka_unit_test(answers_are_placed_by_status_type_and_error),
        cmocka_unit_test(transport_failure_is_trouble),
        cmocka_unit_test(answer_is_taken_up_to_its_limit),
        cmocka_unit_test(retry_after_is_handed_on),
        cmocka_unit_test(url_must_be_https_or_loopback),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    if (smart_http_process_init() != APR_SUCCESS) {
        return 1;
    }
    failed = cmocka_run_group_tests(tests, all_setup, all_teardown);
    apr_terminate();
    return failed;
}
