/* SPDX-License-Identifier: Apache-2.0 */
/*
 * as: an authorization server that only introspects, as fast or as slowly as
 * it is told, so that a benchmark of its clients does not measure it.
 *
 *   as            listens on a free loopback port, prints "port N", serves
 *                 until it is ended
 *
 *   POST /introspect   token=<b64token>[&...] with Basic credentials: active,
 *                      10 SMART scopes, 12 members, exp a day ahead; with a
 *                      patient when the token begins with "pat-". A token
 *                      that begins with "dead" is inactive.
 *   GET  /count        {"introspections":n}: how often it was asked
 *   PUT  /think/<us>   from now on each introspection takes so many
 *                      microseconds, as many at once as come; forgets /times
 *   GET  /times        {"ns":[...]}: what the last introspections really took
 *                      since /think was set, at most MAX_TIMES, in order
 *
 * The time of an introspection runs from the moment the request was seen to
 * the moment the answer is handed to the kernel: thinking, and waking up late
 * from it, is in it; the way to the client and back is not.
 *
 * One thread, one epoll set, keep-alive. What the benchmark checks through
 * /count is that a server asked once per token and never again.
 *
 * Invariants
 *  1. Anything else than the above is answered 4xx and not counted.
 *  2. The credentials are looked for, not verified: they are not under test.
 *  3. Answers that are being thought about stand in one queue, in the order
 *     they came. A client that leaves is taken out when its turn comes.
 *
 * It does not do TLS, chunked bodies or pipelining, and stores no token.
 * RFC 7662 2.1, 2.2.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <netinet/tcp.h>
#include <time.h>
#include <unistd.h>

#define MAX_REQUEST  16384
#define MAX_ANSWER   32768 /* what /times fills */
#define MAX_TIMES    2048
#define MAX_THINK_US 60000000
#define JTI_CHARS    24

typedef struct conn_t conn_t;

struct conn_t {
    conn_t *next;      /* behind this one in the queue */
    int fd;            /* -1: the client left while we were thinking */
    int thinking;      /* stands in the queue */
    int stay;          /* keep the connection after the answer */
    uint64_t asked_ns; /* when the request was seen */
    uint64_t due_ns;   /* when the answer is sent */
    size_t out_len;
    size_t have;
    char in[MAX_REQUEST];
    char out[MAX_ANSWER + 256];
};

static unsigned long long introspections;
static uint64_t think_ns;
static uint64_t times_ns[MAX_TIMES]; /* a ring: the n-th is at n % MAX_TIMES */
static size_t times_n;
static conn_t *queue, **queue_end = &queue;
static int timer;

static const char scopes[] =
    "system/Observation.rs system/Patient.rs system/Encounter.rs "
    "system/Condition.rs user/Observation.rs user/Patient.rs "
    "user/Encounter.rs user/Condition.rs user/Immunization.rs "
    "user/DiagnosticReport.rs";

/* Of tokens that begin with "pat-": those of an app that is launched with a
   patient. */
static const char patient_scopes[] =
    "launch/patient openid fhirUser patient/Observation.rs patient/Patient.rs "
    "patient/Encounter.rs patient/Condition.rs patient/Immunization.rs "
    "patient/DiagnosticReport.rs patient/Procedure.rs";

static void die(const char *what)
{
    fprintf(stderr, "as: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
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
    int patient = strncmp(token, "pat-", 4) == 0;

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
        "\"iss\":\"https://as.example\",\"jti\":\"%s\",%s"
        "\"fhirUser\":\"https://fhir.example/fhir/Practitioner/p1\"}",
        patient ? patient_scopes : scopes, jti, now + 86400, now, jti, jti,
        patient ? "\"patient\":\"pat-1\"," : "");
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

static void times_print(char *json, size_t max)
{
    size_t first = times_n > MAX_TIMES ? times_n - MAX_TIMES : 0;
    size_t len = (size_t)snprintf(json, max, "{\"ns\":[");

    for (size_t i = first; i < times_n && len < max - 32; i++)
        len += (size_t)snprintf(json + len, max - len, "%s%" PRIu64,
                                i == first ? "" : ",", times_ns[i % MAX_TIMES]);
    snprintf(json + len, max - len, "]}");
}

static const char *think(const char *digits)
{
    char *end;
    unsigned long us = strtoul(digits, &end, 10);

    if (end == digits || *end != ' ' || us > MAX_THINK_US)
        return "400 Bad Request";
    think_ns = us * UINT64_C(1000);
    times_n = 0;
    return "200 OK";
}

/* @param pasked out: 1 when this was an introspection */
static const char *answer(char *json, size_t max, const char *head,
                          const char *body, int *pasked)
{
    const char *token, *auth = header_find(head, "Authorization:");

    json[0] = '\0';
    if (strncmp(head, "GET /count ", 11) == 0) {
        snprintf(json, max, "{\"introspections\":%llu}", introspections);
        return "200 OK";
    }
    if (strncmp(head, "GET /times ", 11) == 0) {
        times_print(json, max);
        return "200 OK";
    }
    if (strncmp(head, "PUT /think/", 11) == 0)
        return think(head + 11);
    if (strncmp(head, "POST /introspect ", 17) != 0)
        return "405 Method Not Allowed";
    if (!auth || strncasecmp(auth, "Basic ", 6) != 0)
        return "401 Unauthorized";
    token = form_token(body);
    if (!token)
        return "400 Bad Request";
    introspections++;
    *pasked = 1;
    introspection(json, max, token);
    return "200 OK";
}

static void timer_set(uint64_t due)
{
    struct itimerspec at = {.it_value = {.tv_sec = (time_t)(due / 1000000000u),
                                         .tv_nsec = (long)(due % 1000000000u)}};

    if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL) != 0)
        die("timerfd_settime");
}

static void queue_add(conn_t *c)
{
    c->thinking = 1;
    c->due_ns = c->asked_ns + think_ns;
    c->next = NULL;
    if (!queue)
        timer_set(c->due_ns);
    *queue_end = c;
    queue_end = &c->next;
}

/* @return 0 to close the connection */
static int conn_send(conn_t *c, int introspected)
{
    c->have = 0;
    if (introspected)
        times_ns[times_n++ % MAX_TIMES] = now_ns() - c->asked_ns;
    return send(c->fd, c->out, c->out_len, MSG_NOSIGNAL) ==
               (ssize_t)c->out_len &&
           c->stay;
}

/* @return 0 to close the connection */
static int conn_answer(conn_t *c, const char *body)
{
    static char json[MAX_ANSWER];
    const char *connection = header_find(c->in, "Connection:");
    int asked = 0;
    const char *status = answer(json, sizeof(json), c->in, body, &asked);

    c->stay = !connection || strncasecmp(connection, "close", 5) != 0;
    c->out_len = (size_t)snprintf(
        c->out, sizeof(c->out),
        "HTTP/1.1 %s\r\nContent-Type: application/json\r\n"
        "Cache-Control: no-store\r\nContent-Length: %zu\r\n%s\r\n%s",
        status, strlen(json), c->stay ? "" : "Connection: close\r\n", json);
    if (!asked || think_ns == 0)
        return conn_send(c, asked);
    queue_add(c);
    return 1;
}

/* @return 0 to close the connection */
static int conn_read(conn_t *c)
{
    ssize_t got = recv(c->fd, c->in + c->have, sizeof(c->in) - 1 - c->have, 0);
    const char *length;
    char *body;
    size_t want = 0;

    if (got <= 0 || c->thinking)
        return 0;
    if (c->have == 0)
        c->asked_ns = now_ns();
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

static void conn_close(conn_t *c)
{
    close(c->fd);
    c->fd = -1;
    if (!c->thinking)
        free(c);
}

/* Sends what is due and waits for what is next. */
static void queue_run(void)
{
    uint64_t expired, now = now_ns();

    /* Only the wake-up counts; it may have been taken back by timer_set. */
    if (read(timer, &expired, sizeof(expired)) < 0 && errno != EAGAIN)
        die("timerfd");
    while (queue && queue->due_ns <= now) {
        conn_t *c = queue;
        queue = c->next;
        c->thinking = 0;
        if (c->fd < 0)
            free(c);
        else if (!conn_send(c, 1))
            conn_close(c);
    }
    if (queue)
        timer_set(queue->due_ns);
    else
        queue_end = &queue;
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
    c->thinking = 0;
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
    struct epoll_event ev[64], first = {.events = EPOLLIN, .data.ptr = NULL},
                               clock = {.events = EPOLLIN, .data.ptr = &timer};
    int listener = listen_loopback(), ep = epoll_create1(EPOLL_CLOEXEC);

    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (ep < 0 || timer < 0 ||
        epoll_ctl(ep, EPOLL_CTL_ADD, listener, &first) != 0 ||
        epoll_ctl(ep, EPOLL_CTL_ADD, timer, &clock) != 0)
        die("epoll");
    for (;;) {
        int n = epoll_wait(ep, ev, 64, -1);
        int due = 0;
        for (int i = 0; i < n; i++) {
            conn_t *c = ev[i].data.ptr;
            if (!c)
                conn_accept(ep, listener);
            else if (ev[i].data.ptr == &timer)
                due = 1;
            else if (!conn_read(c))
                conn_close(c);
        }
        if (due) /* last: it frees connections that may have an event above */
            queue_run();
    }
}
