/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: sends a fixed number of GET requests over keep-alive connections and
 * says what they cost. The measuring half of the whole-server benchmark.
 *
 * One thread, one epoll set, one request under way per connection. Each
 * request carries the next token of a list, so that every server under test
 * reads the same bytes in the same order.
 *
 *   load --port P --requests N [--connections 8] [--path /fhir/...]
 *        [--tokens FILE] [--seed S] [--rate R] [--expect 200] [--tolerant]
 *        [--introspect] [--watch PID,PID...] [--each FILE]
 *        [--timeout SECONDS]
 *
 *   FILE      one token a line; without it no Authorization is sent
 *   --seed    0: the order of FILE; else a permutation of it, drawn from S
 *   --rate    closed loop without it: a connection sends when it has its
 *             answer. With it an open loop: request k is due k/R seconds
 *             after the first, whatever became of those before it, and its
 *             time counts from then, also while it waits for a connection
 *   --tolerant    answers of another status, and connections that close on a
 *             request, are counted as errors instead of ending the run
 *   --introspect  POST the token to an introspection endpoint instead
 *   --watch   processes whose CPU time between the first byte sent and the
 *             last byte received is reported as server_cpu_us
 *   --each    per request in order: when it was due (ns of the monotonic
 *             clock), how long it took (ns), its status (0: closed)
 *
 * Invariants
 *  1. A status other than --expect, a closed connection, a response without
 *     Content-Length, or a watched process that ends: exit 1 with one line on
 *     stderr and nothing on stdout. There are no partial results. --tolerant
 *     excepts the first two.
 *  2. Exactly N requests are sent and N answers are read (or counted as
 *     errors).
 *  3. Memory for latencies is taken and touched before the clock starts.
 *  4. Free connections are used in the order in which they became free.
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
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 1024
#define MAX_WATCHED     64
#define MAX_TOKEN       4096 /* what mod_smart accepts */
#define MAX_RESPONSE    (1 << 20)

typedef struct {
    int fd;
    int busy;         /* a request is under way */
    uint64_t request; /* which one */
    size_t have;      /* bytes of the answer read so far */
    char in[MAX_RESPONSE];
} conn_t;

/* One request, in the order they are due. */
typedef struct {
    uint64_t due_ns; /* closed loop: when it was written */
    uint64_t ns;     /* from then to the last byte of the answer */
    int status;      /* 0: the connection closed */
} sample_t;

typedef struct {
    int port;
    uint32_t connections;
    uint64_t requests;
    const char *path;
    const char *tokens_file;
    uint64_t seed;
    double rate; /* requests per second; 0: closed loop */
    int expect;
    int tolerant;
    int introspect;
    const char *each_file;
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
static conn_t **idle; /* a ring of free connections */
static uint32_t idle_first, idle_n;
static sample_t *samples;
static uint64_t sent, answered, errors;
static uint64_t start_ns; /* when request 0 is due */
static int ep, timer;

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

static int request_print(char *out, size_t max, const char *t)
{
    if (opt.introspect)
        return snprintf(out, max,
                        "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                        "Authorization: Basic YTpi\r\n"
                        "Content-Type: application/x-www-form-urlencoded\r\n"
                        "Content-Length: %zu\r\n\r\ntoken=%s",
                        opt.path, opt.port, 6 + strlen(t), t);
    return snprintf(out, max,
                    "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                    "User-Agent: bench\r\nAccept: */*\r\n%s%s%s\r\n",
                    opt.path, opt.port, t ? "Authorization: Bearer " : "",
                    t ? t : "", t ? "\r\n" : "");
}

static void conn_open(conn_t *c)
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

static void idle_add(conn_t *c)
{
    c->busy = 0;
    idle[(idle_first + idle_n++) % opt.connections] = c;
}

static conn_t *idle_take(void)
{
    conn_t *c = idle[idle_first];

    idle_first = (idle_first + 1) % opt.connections;
    idle_n--;
    return c;
}

static void answered_with(conn_t *c, int status)
{
    sample_t *s = &samples[c->request];

    s->ns = clock_ns(CLOCK_MONOTONIC) - s->due_ns;
    s->status = status;
    errors += status != opt.expect;
    answered++;
    idle_add(c);
}

/* The server closed the connection, under a request or between two. */
static void conn_closed(conn_t *c, const char *why)
{
    if (!opt.tolerant)
        die("request %llu: connection closed: %s", (unsigned long long)answered,
            why);
    close(c->fd);
    conn_open(c);
    if (c->busy)
        answered_with(c, 0);
}

static void conn_send(conn_t *c, uint64_t due)
{
    char out[MAX_TOKEN + 1024];
    const char *t = tokens.n ? tokens.token[sent % tokens.n] : NULL;
    int len = request_print(out, sizeof(out), t);

    if (len < 0 || (size_t)len >= sizeof(out))
        die("the request is too long");
    c->have = 0;
    c->busy = 1;
    c->request = sent;
    samples[sent++].due_ns = due;
    if (send(c->fd, out, (size_t)len, MSG_NOSIGNAL) != len)
        conn_closed(c, strerror(errno));
}

static uint64_t due_ns(uint64_t request)
{
    return start_ns + (uint64_t)((double)request * 1e9 / opt.rate);
}

static void timer_set(uint64_t due)
{
    struct itimerspec at = {.it_value = {.tv_sec = (time_t)(due / 1000000000u),
                                         .tv_nsec = (long)(due % 1000000000u)}};

    if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL) != 0)
        die("timerfd_settime: %s", strerror(errno));
}

/* Sends what is due, as far as connections are free. */
static void dispatch(void)
{
    while (sent < opt.requests && idle_n) {
        uint64_t due, now = clock_ns(CLOCK_MONOTONIC);
        due = opt.rate > 0 ? due_ns(sent) : now;
        if (due > now) {
            timer_set(due);
            return;
        }
        conn_send(idle_take(), due);
    }
}

/* Length of the whole answer, or 0 while its head is incomplete. */
static size_t answer_length(conn_t *c, int *pstatus)
{
    char *end, *line;
    long length = -1;

    c->in[c->have] = '\0';
    end = strstr(c->in, "\r\n\r\n");
    if (!end)
        return 0;
    if (sscanf(c->in, "HTTP/1.1 %3d", pstatus) != 1 ||
        (*pstatus != opt.expect && !opt.tolerant))
        die("request %llu: status %d, expected %d",
            (unsigned long long)answered, *pstatus, opt.expect);
    for (line = c->in; line && line < end; line = strstr(line, "\r\n")) {
        line += line == c->in ? 0 : 2;
        if (strncasecmp(line, "Content-Length:", 15) == 0)
            length = strtol(line + 15, NULL, 10);
    }
    if (length < 0 || length > MAX_RESPONSE)
        die("the answer has no usable Content-Length");
    return (size_t)(end - c->in) + 4 + (size_t)length;
}

static void conn_read(conn_t *c)
{
    size_t want;
    int status = 0;
    ssize_t got =
        recv(c->fd, c->in + c->have, sizeof(c->in) - 1 - c->have, MSG_DONTWAIT);

    if (got < 0 && errno == EAGAIN) /* the event was of a socket replaced */
        return;
    if (got <= 0) {
        conn_closed(c, got < 0 ? strerror(errno) : "end of stream");
        return;
    }
    if (!c->busy)
        die("an answer nobody asked for");
    c->have += (size_t)got;
    want = answer_length(c, &status);
    if (want > sizeof(c->in) - 1 || (want && c->have > want))
        die("the answer is longer than it says or than %d bytes", MAX_RESPONSE);
    if (want && c->have == want)
        answered_with(c, status);
}

static void run(void)
{
    struct epoll_event ev[64];
    uint64_t deadline, expired;

    start_ns = clock_ns(CLOCK_MONOTONIC);
    deadline = start_ns + opt.timeout_s * 1000000000ull;
    dispatch();
    while (answered < opt.requests) {
        int n = epoll_wait(ep, ev, 64, 1000);
        if ((n < 0 && errno != EINTR) || clock_ns(CLOCK_MONOTONIC) > deadline)
            die("%llu of %llu answers after %u s", (unsigned long long)answered,
                (unsigned long long)opt.requests, opt.timeout_s);
        for (int i = 0; i < n; i++) {
            if (ev[i].data.ptr)
                conn_read(ev[i].data.ptr);
            else if (read(timer, &expired, sizeof(expired)) < 0 &&
                     errno != EAGAIN)
                die("timerfd: %s", strerror(errno));
            dispatch();
        }
    }
}

static void each_write(void)
{
    FILE *f = opt.each_file ? fopen(opt.each_file, "w") : NULL;

    if (!opt.each_file)
        return;
    for (uint64_t i = 0; f && i < opt.requests; i++)
        fprintf(f, "%llu %llu %d\n", (unsigned long long)samples[i].due_ns,
                (unsigned long long)samples[i].ns, samples[i].status);
    if (!f || fclose(f) != 0)
        die("%s: %s", opt.each_file, strerror(errno));
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = ((const sample_t *)a)->ns, y = ((const sample_t *)b)->ns;

    return (x > y) - (x < y);
}

static double quantile_us(double q)
{
    uint64_t i = (uint64_t)(q * (double)(opt.requests - 1) + 0.5);

    return (double)samples[i].ns / 1e3;
}

/* "statuses":{"200":n,...}, */
static void statuses_print(void)
{
    static uint64_t count[1000];
    const char *comma = "";

    for (uint64_t i = 0; i < opt.requests; i++)
        count[samples[i].status]++;
    printf("\"statuses\":{");
    for (int st = 0; st < 1000; st++)
        if (count[st]) {
            printf("%s\"%d\":%llu", comma, st, (unsigned long long)count[st]);
            comma = ",";
        }
    printf("},");
}

static void report(uint64_t wall, uint64_t own, uint64_t server)
{
    double n = (double)opt.requests;

    qsort(samples, opt.requests, sizeof(*samples), by_value);
    printf("{");
    statuses_print();
    printf("\"requests\":%llu,\"errors\":%llu,\"connections\":%u,"
           "\"tokens\":%zu,\"seconds\":%.6f,\"rps\":%.1f,",
           (unsigned long long)opt.requests, (unsigned long long)errors,
           opt.connections, tokens.n, (double)wall / 1e9,
           n * 1e9 / (double)wall);
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
        {"port", 1, 0, 'p'},     {"requests", 1, 0, 'n'},
        {"path", 1, 0, 'u'},     {"connections", 1, 0, 'c'},
        {"tokens", 1, 0, 't'},   {"seed", 1, 0, 's'},
        {"expect", 1, 0, 'e'},   {"watch", 1, 0, 'w'},
        {"timeout", 1, 0, 'T'},  {"rate", 1, 0, 'r'},
        {"tolerant", 0, 0, 'x'}, {"introspect", 0, 0, 'i'},
        {"each", 1, 0, 'E'},     {0, 0, 0, 0}};

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
        case 'r':
            opt.rate = strtod(optarg, NULL);
            break;
        case 'x':
            opt.tolerant = 1;
            break;
        case 'i':
            opt.introspect = 1;
            break;
        case 'E':
            opt.each_file = optarg;
            break;
        case 'T':
            opt.timeout_s = (unsigned)atoi(optarg);
            break;
        default:
            exit(2);
        }
    if (opt.port < 1 || opt.port > 65535 || opt.requests < 1 ||
        opt.connections < 1 || opt.connections > MAX_CONNECTIONS ||
        strlen(opt.path) > 512 || !(opt.rate >= 0 && opt.rate <= 1e6) ||
        (opt.introspect && !opt.tokens_file))
        die("--port and --requests are needed; see the head of load.c");
}

int main(int argc, char **argv)
{
    struct epoll_event tick = {.events = EPOLLIN, .data.ptr = NULL};
    uint64_t wall, own, server;

    options_read(argc, argv);
    if (opt.tokens_file)
        tokens_read(opt.tokens_file);
    ep = epoll_create1(EPOLL_CLOEXEC);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (ep < 0 || timer < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, timer, &tick) != 0)
        die("epoll: %s", strerror(errno));
    conns = calloc(opt.connections, sizeof(*conns));
    idle = calloc(opt.connections, sizeof(*idle));
    samples = malloc(opt.requests * sizeof(*samples));
    if (!conns || !idle || !samples)
        die("out of memory");
    memset(samples, 1, opt.requests * sizeof(*samples));
    for (uint32_t i = 0; i < opt.connections; i++) {
        conn_open(&conns[i]);
        idle_add(&conns[i]);
    }

    server = watched_ns();
    own = own_cpu_ns();
    wall = clock_ns(CLOCK_MONOTONIC);
    run();
    wall = clock_ns(CLOCK_MONOTONIC) - wall;
    own = own_cpu_ns() - own;
    server = watched_ns() - server;
    each_write(); /* before report sorts */
    report(wall, own, server);
    return 0;
}
