/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata_test.c: what answers are taken, from a server on loopback that says
 * one thing to everybody.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <apr_strings.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pool.h"

#include "io/metadata.h"

static const char *answer;
static char request[4096];

/* One connection, one answer. */
static void *serve(void *data)
{
    const int listener = *(int *)data;
    const int fd = accept(listener, NULL, NULL);
    const ssize_t n = recv(fd, request, sizeof(request) - 1, 0);

    request[n > 0 ? n : 0] = '\0';
    (void)!send(fd, answer, strlen(answer), MSG_NOSIGNAL);
    close(fd);
    return NULL;
}

static smart_slice_t text;
static const char *why;

/* Fetch <url>, where %d becomes the port of a server that says <says>. */
static bool fetch(const char *url, const char *says)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);
    smart_metadata_source_t source = {
        .connect_timeout_ms = 1000, .total_timeout_ms = 2000, .max_bytes = 100};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    smart_http_t *http = smart_http_create(pool);
    pthread_t thread;
    bool ok;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener, (struct sockaddr *)&at, sizeof(at));
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *)&at, &len);
    answer = says;
    *request = '\0';
    pthread_create(&thread, NULL, serve, &listener);
    source.url = apr_psprintf(pool, url, ntohs(at.sin_port));
    ok = smart_metadata_fetch(http, &source, pool, &text, &why);
    shutdown(listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(listener);
    smart_http_cleanup(http);
    assert_int_equal(ok, text.len > 0);
    assert_int_equal(ok, *why == '\0');
    return ok;
}

#define URL        "http://127.0.0.1:%d/.well-known/x?y"
#define HEAD(type) "HTTP/1.1 200 OK\r\nContent-Type: " type "\r\n\r\n"

static void json_is_taken(void **state)
{
    assert_true(fetch(URL, HEAD("application/json") "{\"a\":1}"));
    assert_int_equal(text.len, 7);
    assert_memory_equal(text.ptr, "{\"a\":1}", 7);
    assert_memory_equal(request, "GET /.well-known/x?y HTTP/1.1\r\n", 31);
    assert_non_null(strstr(request, "Accept: application/json\r\n"));
    assert_null(strstr(request, "Content-Type"));
    assert_null(strstr(request, "Content-Length"));
    assert_true(fetch(URL, HEAD("Application/JSON; charset=utf-8") "{}"));
}

static void anything_else_is_not(void **state)
{
    static const struct {
        const char *says, *why;
    } no[] = {
        {HEAD("text/html") "{}", "media type"},
        {HEAD("application/jsonp") "{}", "media type"},
        {"HTTP/1.1 200 OK\r\n\r\n{}", "media type"},
        {HEAD("application/json") "[]", "no object"},
        {HEAD("application/json") "{", "ends early"},
        {HEAD("application/json") "", "no text"},
        {HEAD("application/json") "{\"a\":1,\"a\":2}", "twice"},
        {"HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Type: "
         "application/json\r\n\r\n{}",
         "status 302"},
        {"HTTP/1.1 404 No\r\nContent-Type: application/json\r\n\r\n{}",
         "status 404"},
        {HEAD("application/json") "{\"a\":\"01234567890123456789012345678901"
                                  "234567890123456789012345678901234567890123"
                                  "456789012345678901234567890\"}",
         "too large"},
        {"", "without an answer"},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        assert_false(fetch(URL, no[i].says));
        if (!strstr(why, no[i].why)) {
            fail_msg("%s, wanted %s", why, no[i].why);
        }
    }
}

static void other_hosts_are_asked_by_https_alone(void **state)
{
    assert_false(fetch("http://192.0.2.1:%d/x", ""));
    assert_string_equal(request, "");
    assert_false(fetch("file:///etc/passwd?%d", ""));
    assert_false(fetch("http://127.0.0.1@192.0.2.1:%d/", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_taken),
        cmocka_unit_test(anything_else_is_not),
        cmocka_unit_test(other_hosts_are_asked_by_https_alone),
    };

    return cmocka_run_group_tests(tests, prepare, finish);
}
