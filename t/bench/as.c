/* SPDX-License-Identifier: Apache-2.0 */
/*
 * as: an authorization server that only introspects, and fast enough that a
 * benchmark of its clients does not measure it.
 *
 *   as            listens on a free loopback port, prints "port N", serves
 *                 until it is ended
 *
 *   POST /introspect   token=<b64token>[&...] with Basic credentials: active,
 *                      10 SMART scopes, 12 members, exp a day ahead. A token
 *                      that begins with "dead" is inactive.
 *   GET  /count        {"introspections":n}: how often it was asked
 *
 * One thread, one epoll set, keep-alive. What the benchmark checks through
 * /count is that a server asked once per token and never again.
 *
 * Invariants
 *  1. Anything else than the above is answered 4xx and not counted.
 *  2. The credentials are looked for, not verified: they are not under test.
 *
 * It does not do TLS, chunked bodies or pipelining, and stores no token.
 * RFC 7662 2.1, 2.2.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <netinet/tcp.h>
#include <time.h>
#include <unistd.h>

#define MAX_REQUEST 16384
#define MAX_ANSWER  4096
#define JTI_CHARS   24

typedef struct {
    int fd;
    size_t have;
    char in[MAX_REQUEST];
} conn_t;

static unsigned long long introspections;

static const char scopes[] =
    "system/Observation.rs system/Patient.rs system/Encounter.rs "
    "system/Condition.rs user/Observation.rs user/Patient.rs "
    "user/Encounter.rs user/Condition.rs user/Immunization.rs "
    "user/DiagnosticReport.rs";

static void die(const char *what)
{
    fprintf(stderr, "as: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int is_b64token(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
}

/* Members vary with the token as a real server's do: jti, sub, username. */
static int introspection(char *out, size_t max, const char *token)
{
    long long now = (long long)time(NULL);
    char jti[JTI_CHARS + 1];
    size_t n = 0;

    while (n < JTI_CHARS && is_b64token(token[n])) {
        jti[n] = token[n];
        n++;
    }
    jti[n] = '\0';
    if (n == 0 || strncmp(jti, "dead", 4) == 0)
        return snprintf(out, max, "{\"active\":false}");
    return snprintf(
        out, max,
        "{\"active\":true,\"scope\":\"%s\",\"client_id\":\"bench-app\","
        "\"username\":\"u-%s\",\"token_type\":\"Bearer\",\"exp\":%lld,"
        "\"iat\":%lld,\"sub\":\"s-%s\",\"aud\":\"https://fhir.example/fhir\","
        "\"iss\":\"https://as.example\",\"jti\":\"%s\","
        "\"fhirUser\":\"https://fhir.example/fhir/Practitioner/p1\"}",
        scopes, jti, now + 86400, now, jti, jti);
}

static const char *header_find(const char *head, const char *name)
{
    size_t n = strlen(name);

    for (const char *l = strstr(head, "\r\n"); l; l = strstr(l, "\r\n")) {
        l += 2;
        if (strncasecmp(l, name, n) == 0)
            return l + n + strspn(l + n, " ");
    }
    return NULL;
}

/* The token parameter, at the start of the form or behind an '&'. */
static const char *form_token(const char *body)
{
    const char *p =
        strncmp(body, "token=", 6) == 0 ? body : strstr(body, "&token=");

    return p ? strchr(p, '=') + 1 : NULL;
}

static const char *answer(char *json, size_t max, const char *head,
                          const char *body)
{
    const char *token, *auth = header_find(head, "Authorization:");

    json[0] = '\0';
    if (strncmp(head, "GET /count ", 11) == 0) {
        snprintf(json, max, "{\"introspections\":%llu}", introspections);
        return "200 OK";
    }
    if (strncmp(head, "POST /introspect ", 17) != 0)
        return "405 Method Not Allowed";
    if (!auth || strncasecmp(auth, "Basic ", 6) != 0)
        return "401 Unauthorized";
    token = form_token(body);
    if (!token)
        return "400 Bad Request";
    introspections++;
    introspection(json, max, token);
    return "200 OK";
}

/* @return 0 to close the connection */
static int conn_answer(conn_t *c, const char *body)
{
    char json[MAX_ANSWER], out[MAX_ANSWER + 256];
    const char *connection = header_find(c->in, "Connection:");
    int stay = !connection || strncasecmp(connection, "close", 5) != 0;
    const char *status = answer(json, sizeof(json), c->in, body);
    int len = snprintf(out, sizeof(out),
                       "HTTP/1.1 %s\r\nContent-Type: application/json\r\n"
                       "Cache-Control: no-store\r\n"
                       "Content-Length: %zu\r\n%s\r\n%s",
                       status, strlen(json),
                       stay ? "" : "Connection: close\r\n", json);

    c->have = 0;
    return send(c->fd, out, (size_t)len, MSG_NOSIGNAL) == len && stay;
}

/* @return 0 to close the connection */
static int conn_read(conn_t *c)
{
    ssize_t got = recv(c->fd, c->in + c->have, sizeof(c->in) - 1 - c->have, 0);
    const char *length;
    char *body;
    size_t want = 0;

    if (got <= 0)
        return 0;
    c->have += (size_t)got;
    c->in[c->have] = '\0';
    body = strstr(c->in, "\r\n\r\n");
    if (!body)
        return c->have < sizeof(c->in) - 1;
    *body = '\0'; /* the head ends here for header_find */
    body += 4;
    length = header_find(c->in, "Content-Length:");
    want = length ? strtoul(length, NULL, 10) : 0;
    if (want > sizeof(c->in) - 1 - (size_t)(body - c->in))
        return 0;
    if (c->have < (size_t)(body - c->in) + want) {
        body[-4] = '\r';
        return 1;
    }
    return conn_answer(c, body);
}

static void conn_accept(int ep, int listener)
{
    int one = 1;
    conn_t *c;
    struct epoll_event ev = {.events = EPOLLIN};
    int fd = accept(listener, NULL, NULL);

    if (fd < 0)
        return;
    c = malloc(sizeof(*c));
    if (!c)
        die("malloc");
    c->fd = fd;
    c->have = 0;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    ev.data.ptr = c;
    if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) != 0)
        die("epoll_ctl");
}

static int listen_loopback(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sa);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&sa, len) != 0 ||
        listen(fd, 511) != 0 ||
        getsockname(fd, (struct sockaddr *)&sa, &len) != 0)
        die("listen");
    printf("port %d\n", ntohs(sa.sin_port));
    fflush(stdout);
    return fd;
}

int main(void)
{
    struct epoll_event ev[64], first = {.events = EPOLLIN, .data.ptr = NULL};
    int listener = listen_loopback(), ep = epoll_create1(EPOLL_CLOEXEC);

    if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, listener, &first) != 0)
        die("epoll");
    for (;;) {
        int n = epoll_wait(ep, ev, 64, -1);
        for (int i = 0; i < n; i++) {
            conn_t *c = ev[i].data.ptr;
            if (!c)
                conn_accept(ep, listener);
            else if (!conn_read(c)) {
                close(c->fd);
                free(c);
            }
        }
    }
}
