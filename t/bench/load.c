/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: sends a fixed number of GET requests over keep-alive connections and
 * says what they cost. The measuring half of the whole-server benchmark.
 *
 * One thread, one epoll set, one request under way per connection (a closed
 * loop). Each request carries the next token of a list, so that every server
 * under test reads the same bytes in the same order.
 *
 *   load --port P --requests N [--connections 8] [--path /fhir/...]
 *        [--tokens FILE] [--seed S] [--expect 200] [--watch PID,PID...]
 *        [--timeout SECONDS]
 *
 *   FILE      one token a line; without it no Authorization is sent
 *   --seed    0: the order of FILE; else a permutation of it, drawn from S
 *   --watch   processes whose CPU time between the first byte sent and the
 *             last byte received is reported as server_cpu_us
 *
 * Invariants
 *  1. A status other than --expect, a closed connection, a response without
 *     Content-Length, or a watched process that ends: exit 1 with one line on
 *     stderr and nothing on stdout. There are no partial results.
 *  2. Exactly N requests are sent and N answers are read.
 *  3. Memory for latencies is taken and touched before the clock starts.
 *
 * It does not pipeline, speak TLS, follow redirects or read chunked bodies.
 * Tokens are never printed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 1024
#define MAX_WATCHED     64
#define MAX_TOKEN       4096 /* what mod_smart accepts */
#define MAX_RESPONSE    16384

typedef struct {
    int fd;
    uint64_t sent_ns; /* when the request under way was written */
    size_t have;      /* bytes of the answer read so far */
    char in[MAX_RESPONSE];
} conn_t;

typedef struct {
    int port;
    uint32_t connections;
    uint64_t requests;
    const char *path;
    const char *tokens_file;
    uint64_t seed;
    int expect;
    unsigned timeout_s;
    clockid_t watched[MAX_WATCHED];
    size_t watched_n;
} options_t;

typedef struct {
    char *text;         /* the whole file, lines cut by NUL */
    const char **token; /* in the order they are sent */
    size_t n;
} tokens_t;

static options_t opt = {
    .connections = 8, .path = "/", .expect = 200, .timeout_s = 600};
static tokens_t tokens;
static conn_t *conns;
static uint64_t *latency_ns;
static uint64_t sent, answered;

#define die(...)                                                               \
    do {                                                                       \
        fprintf(stderr, "load: " __VA_ARGS__);                                 \
        fputc('\n', stderr);                                                   \
        exit(1);                                                               \
    } while (0)

static uint64_t clock_ns(clockid_t id)
{
    struct timespec ts;

    if (clock_gettime(id, &ts) != 0)
        die("a watched process ended: %s", strerror(errno));
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t watched_ns(void)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < opt.watched_n; i++)
        sum += clock_ns(opt.watched[i]);
    return sum;
}

static uint64_t own_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* splitmix64: enough to spread the order, and the same on every machine. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void tokens_shuffle(uint64_t seed)
{
    for (size_t i = tokens.n; i > 1; i--) {
        size_t j = (size_t)(next_random(&seed) % i);
        const char *t = tokens.token[i - 1];
        tokens.token[i - 1] = tokens.token[j];
        tokens.token[j] = t;
    }
}

static char *read_whole(const char *name)
{
    FILE *f = fopen(name, "rb");
    char *text = NULL;
    long size;

    if (!f || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0)
        die("%s: %s", name, strerror(errno));
    rewind(f);
    text = malloc((size_t)size + 1);
    if (!text || fread(text, 1, (size_t)size, f) != (size_t)size)
        die("%s: cannot be read", name);
    text[size] = '\0';
    fclose(f);
    return text;
}

static void tokens_read(const char *name)
{
    size_t lines = 0;
    char *save = NULL;

    tokens.text = read_whole(name);
    for (const char *c = tokens.text; *c; c++)
        lines += *c == '\n';
    tokens.token = calloc(lines + 1, sizeof(*tokens.token));
    if (!tokens.token)
        die("out of memory");
    for (char *t = strtok_r(tokens.text, "\n", &save); t;
         t = strtok_r(NULL, "\n", &save)) {
        if (strlen(t) > MAX_TOKEN)
            die("%s: a token is longer than %d bytes", name, MAX_TOKEN);
        tokens.token[tokens.n++] = t;
    }
    if (tokens.n == 0)
        die("%s: no token", name);
    if (opt.seed)
        tokens_shuffle(opt.seed);
}

static void conn_send(conn_t *c)
{
    char out[MAX_TOKEN + 1024];
    const char *t = tokens.n ? tokens.token[sent % tokens.n] : NULL;
    int len = snprintf(out, sizeof(out),
                       "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                       "User-Agent: bench\r\nAccept: */*\r\n%s%s%s\r\n",
                       opt.path, opt.port, t ? "Authorization: Bearer " : "",
                       t ? t : "", t ? "\r\n" : "");

    if (len < 0 || (size_t)len >= sizeof(out))
        die("the request is too long");
    c->have = 0;
    c->sent_ns = clock_ns(CLOCK_MONOTONIC);
    if (send(c->fd, out, (size_t)len, MSG_NOSIGNAL) != len)
        die("request %llu: short write: %s", (unsigned long long)sent,
            strerror(errno));
    sent++;
}

static void conn_open(conn_t *c, int ep)
{
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)opt.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    int one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
        die("connect to port %d: %s", opt.port, strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev) != 0)
        die("epoll_ctl: %s", strerror(errno));
}

/* Length of the whole answer, or 0 while its head is incomplete. */
static size_t answer_length(conn_t *c)
{
    char *end, *line;
    int status = 0;
    long length = -1;

    c->in[c->have] = '\0';
    end = strstr(c->in, "\r\n\r\n");
    if (!end)
        return 0;
    if (sscanf(c->in, "HTTP/1.1 %3d", &status) != 1 || status != opt.expect)
        die("request %llu: status %d, expected %d",
            (unsigned long long)answered, status, opt.expect);
    for (line = c->in; line && line < end; line = strstr(line, "\r\n")) {
        line += line == c->in ? 0 : 2;
        if (strncasecmp(line, "Content-Length:", 15) == 0)
            length = strtol(line + 15, NULL, 10);
    }
    if (length < 0 || length > MAX_RESPONSE)
        die("the answer has no usable Content-Length");
    return (size_t)(end - c->in) + 4 + (size_t)length;
}

/* @return 1 when the answer is complete. */
static int conn_read(conn_t *c)
{
    size_t want;
    ssize_t got = recv(c->fd, c->in + c->have, sizeof(c->in) - 1 - c->have, 0);

    if (got <= 0)
        die("request %llu: connection closed: %s", (unsigned long long)answered,
            got < 0 ? strerror(errno) : "end of stream");
    c->have += (size_t)got;
    want = answer_length(c);
    if (want > sizeof(c->in) - 1 || (want && c->have > want))
        die("the answer is longer than it says or than %d bytes", MAX_RESPONSE);
    return want && c->have == want;
}

static void run(int ep)
{
    struct epoll_event ev[64];
    uint64_t deadline =
        clock_ns(CLOCK_MONOTONIC) + opt.timeout_s * 1000000000ull;

    for (uint32_t i = 0; i < opt.connections && sent < opt.requests; i++)
        conn_send(&conns[i]);
    while (answered < opt.requests) {
        int n = epoll_wait(ep, ev, 64, 1000);
        uint64_t now = clock_ns(CLOCK_MONOTONIC);
        if ((n < 0 && errno != EINTR) || now > deadline)
            die("%llu of %llu answers after %u s", (unsigned long long)answered,
                (unsigned long long)opt.requests, opt.timeout_s);
        for (int i = 0; i < n; i++) {
            conn_t *c = ev[i].data.ptr;
            if (!conn_read(c))
                continue;
            latency_ns[answered++] = clock_ns(CLOCK_MONOTONIC) - c->sent_ns;
            if (sent < opt.requests)
                conn_send(c);
        }
    }
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static double quantile_us(double q)
{
    uint64_t i = (uint64_t)(q * (double)(opt.requests - 1) + 0.5);

    return (double)latency_ns[i] / 1e3;
}

static void report(uint64_t wall, uint64_t own, uint64_t server)
{
    double n = (double)opt.requests;

    qsort(latency_ns, opt.requests, sizeof(*latency_ns), by_value);
    printf("{\"requests\":%llu,\"connections\":%u,\"tokens\":%zu,"
           "\"seconds\":%.6f,\"rps\":%.1f,",
           (unsigned long long)opt.requests, opt.connections, tokens.n,
           (double)wall / 1e9, n * 1e9 / (double)wall);
    printf("\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,"
           "\"p999_us\":%.1f,\"max_us\":%.1f,",
           quantile_us(.5), quantile_us(.9), quantile_us(.99),
           quantile_us(.999), quantile_us(1));
    printf("\"client_cpu_us\":%.3f,\"server_cpu_us\":%.3f}\n",
           (double)own / 1e3 / n, (double)server / 1e3 / n);
}

static void watch(char *list)
{
    char *save = NULL;

    for (char *p = strtok_r(list, ",", &save); p;
         p = strtok_r(NULL, ",", &save)) {
        if (opt.watched_n == MAX_WATCHED)
            die("more than %d processes to watch", MAX_WATCHED);
        if (clock_getcpuclockid((pid_t)atol(p),
                                &opt.watched[opt.watched_n++]) != 0)
            die("no process %s to watch", p);
    }
}

static void options_read(int argc, char **argv)
{
    static const struct option known[] = {
        {"port", 1, 0, 'p'},    {"requests", 1, 0, 'n'},
        {"path", 1, 0, 'u'},    {"connections", 1, 0, 'c'},
        {"tokens", 1, 0, 't'},  {"seed", 1, 0, 's'},
        {"expect", 1, 0, 'e'},  {"watch", 1, 0, 'w'},
        {"timeout", 1, 0, 'T'}, {0, 0, 0, 0}};

    for (int o; (o = getopt_long(argc, argv, "", known, NULL)) != -1;)
        switch (o) {
        case 'p':
            opt.port = atoi(optarg);
            break;
        case 'n':
            opt.requests = strtoull(optarg, NULL, 10);
            break;
        case 'u':
            opt.path = optarg;
            break;
        case 'c':
            opt.connections = (uint32_t)atoi(optarg);
            break;
        case 't':
            opt.tokens_file = optarg;
            break;
        case 's':
            opt.seed = strtoull(optarg, NULL, 10);
            break;
        case 'e':
            opt.expect = atoi(optarg);
            break;
        case 'w':
            watch(optarg);
            break;
        case 'T':
            opt.timeout_s = (unsigned)atoi(optarg);
            break;
        default:
            exit(2);
        }
    if (opt.port < 1 || opt.port > 65535 || opt.requests < 1 ||
        opt.connections < 1 || opt.connections > MAX_CONNECTIONS ||
        strlen(opt.path) > 512)
        die("--port and --requests are needed; see the head of load.c");
}

int main(int argc, char **argv)
{
    uint64_t wall, own, server;
    int ep = epoll_create1(EPOLL_CLOEXEC);

    options_read(argc, argv);
    if (opt.tokens_file)
        tokens_read(opt.tokens_file);
    conns = calloc(opt.connections, sizeof(*conns));
    latency_ns = malloc(opt.requests * sizeof(*latency_ns));
    if (ep < 0 || !conns || !latency_ns)
        die("out of memory");
    memset(latency_ns, 1, opt.requests * sizeof(*latency_ns));
    for (uint32_t i = 0; i < opt.connections; i++)
        conn_open(&conns[i], ep);

    server = watched_ns();
    own = own_cpu_ns();
    wall = clock_ns(CLOCK_MONOTONIC);
    run(ep);
    wall = clock_ns(CLOCK_MONOTONIC) - wall;
    own = own_cpu_ns() - own;
    server = watched_ns() - server;
    report(wall, own, server);
    return 0;
}
