/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_bench.c: what the token cache costs, by number of records.
 *
 *   cache_bench [-m megabytes] [-v value bytes] [-s seconds of a round]
 *               [-n entries]...
 *
 * Each row is a cache of n records of one size, in a segment of the given
 * size. Keys are uniform. Figures are processor time of one call in a loop over
 * keys in random order, without the loop; the best of five rounds. The clock is
 * not read and no digest computed: what these cost is in the first line.
 *
 *   hit    get of a key that is there
 *   miss   get of one that is not, in either class
 *   put    of keys that are there (what refreshing a token costs)
 *   floor  reading as many bytes, one after the other, from places of the
 *          segment that follow from each other: what memory takes for itself
 *   2x     hits of two processes at once over those of one
 *   bytes  of segment that a record takes
 *   kept   share of records still there after all were put once
 *
 * At the end, how many records stay in a segment of a size said to suffice.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/wait.h>

#include <apr_general.h>
#include <apr_pools.h>

#include "io/cache.h"
#include "io/clock.h"
#include "io/digest.h"

#define ROUNDS  5
#define LIFE_US (3600 * SMART_CLOCK_S)

static apr_pool_t *pool;
static apr_size_t value_bytes = 300;
static double seconds = 0.2;
static smart_clock_t now; /* read after the records were put */
static apr_size_t megabytes = 512;

/* What both processes of a "2x" row fill in. */
typedef struct shared_t {
    _Atomic int ready;
    _Atomic uint64_t rounds[2];
    _Atomic uint64_t nanoseconds[2];
} shared_t;

static void *map(apr_size_t bytes)
{
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (base == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    return base;
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* splitmix64: distinct numbers give distinct, evenly spread ones. */
static uint64_t spread(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

static void key_of(uint64_t n, unsigned char *key)
{
    const uint64_t words[4] = {spread(4 * n), spread(4 * n + 1),
                               spread(4 * n + 2), spread(4 * n + 3)};

    memcpy(key, words, sizeof(words));
}

static apr_size_t length_of(uint64_t n, bool mixed)
{
    return mixed ? 250 + spread(n) % 101 : value_bytes;
}

static void put(smart_cache_t *cache, uint64_t n, bool mixed)
{
    unsigned char key[SMART_CACHE_KEY];
    unsigned char value[SMART_CACHE_MAX_VALUE];
    const smart_cache_times_t times = {smart_clock_now(), LIFE_US, LIFE_US, 0};

    key_of(n, key);
    memset(value, (int)n, sizeof(value));
    smart_cache_put(cache, key, SMART_CACHE_ACTIVE,
                    smart_slice_n((const char *)value, length_of(n, mixed)),
                    &times);
}

typedef uint64_t (*body_f)(smart_cache_t *cache, uint64_t n);

static uint64_t body_hit(smart_cache_t *cache, uint64_t n)
{
    static _Thread_local unsigned char value[SMART_CACHE_MAX_VALUE];
    unsigned char key[SMART_CACHE_KEY];
    smart_cache_meta_t meta;
    apr_size_t len;

    key_of(n, key);
    return smart_cache_get(cache, key, &now, value, sizeof(value), &len,
                           &meta) == SMART_CACHE_HIT;
}

static uint64_t body_miss(smart_cache_t *cache, uint64_t n)
{
    return body_hit(cache, n + (UINT64_C(1) << 40));
}

static uint64_t body_put(smart_cache_t *cache, uint64_t n)
{
    put(cache, n, false);
    return 1;
}

/* The loop itself: what has to be taken off. */
static uint64_t body_nothing(smart_cache_t *cache, uint64_t n)
{
    unsigned char key[SMART_CACHE_KEY];

    key_of(n, key);
    __asm__ volatile("" : : "r"(key) : "memory");
    return 1;
}

/* Average ns of body over random records for a while. */
static double run(body_f body, smart_cache_t *cache, uint64_t entries,
                  uint64_t start, uint64_t *prounds, uint64_t *pgood)
{
    const uint64_t begin = now_ns();
    const uint64_t end = begin + (uint64_t)(seconds * 1e9);
    uint64_t rounds = 0;
    uint64_t good = 0;
    uint64_t t;

    do {
        int i;

        for (i = 0; i < 1000; i++) {
            good += body(cache, spread(start + rounds++) % entries);
        }
        t = now_ns();
    } while (t < end);
    *prounds = rounds;
    *pgood = good;
    return (double)(t - begin) / (double)rounds;
}

static double run_net(body_f body, smart_cache_t *cache, uint64_t entries,
                      uint64_t *pgood)
{
    double best = 0;
    int round;

    for (round = 0; round < ROUNDS; round++) {
        const uint64_t start = (uint64_t)round << 32;
        uint64_t rounds;
        uint64_t unused;
        double ns;

        ns = -run(body_nothing, cache, entries, start, &rounds, &unused);
        ns += run(body, cache, entries, start, &rounds, pgood);
        *pgood = *pgood * 1000 / rounds;
        best = round == 0 || ns < best ? ns : best;
    }
    return best;
}

/* Reads of the lines of a record at a place that the read before gives. */
static double floor_ns(const unsigned char *base, apr_size_t bytes)
{
    const apr_size_t record = value_bytes + 64;
    const apr_size_t places = bytes / record - 1;
    double best = 0;
    uint64_t x = 1;
    int round;

    for (round = 0; round < ROUNDS; round++) {
        const uint64_t begin = now_ns();
        double ns;
        int i;

        for (i = 0; i < 200000; i++) {
            const unsigned char *at = base + x % places * record;
            uint64_t sum = 0;
            apr_size_t line;

            for (line = 0; line < record; line += 64) {
                sum += at[line];
            }
            x = spread(x + (sum & 1));
            __asm__ volatile("" : "+r"(x));
        }
        ns = (double)(now_ns() - begin) / 200000;
        best = round == 0 || ns < best ? ns : best;
    }
    return best;
}

/* Hits per second of <processes> at once. */
static double rate(smart_cache_t *cache, uint64_t entries, int processes)
{
    shared_t *shared = map(sizeof(*shared));
    double sum = 0;
    int i;

    for (i = 0; i < processes; i++) {
        if (fork() == 0) {
            uint64_t rounds;
            uint64_t good;
            double ns;

            run(body_hit, cache, entries, 7 + (uint64_t)i, &rounds, &good);
            shared->ready++;
            while (shared->ready < processes) {
            }
            ns = run(body_hit, cache, entries, 1000 + (uint64_t)i, &rounds,
                     &good);
            shared->nanoseconds[i] = (uint64_t)(ns * (double)rounds);
            shared->rounds[i] = rounds;
            _exit(0);
        }
    }
    while (wait(NULL) > 0) {
    }
    for (i = 0; i < processes; i++) {
        sum += (double)shared->rounds[i] * 1e9 / (double)shared->nanoseconds[i];
    }
    munmap(shared, sizeof(*shared));
    return sum;
}

static uint64_t kept(smart_cache_t *cache, uint64_t entries)
{
    uint64_t n;
    uint64_t found = 0;

    for (n = 0; n < entries; n++) {
        found += body_hit(cache, n);
    }
    return found;
}

static smart_cache_t *make(apr_size_t bytes, void **pbase)
{
    smart_cache_t *cache;

    *pbase = map(bytes);
    if (smart_cache_format(*pbase, bytes, 42, pool, &cache) != APR_SUCCESS) {
        fprintf(stderr, "%zu bytes are too few\n", (size_t)bytes);
        exit(2);
    }
    return cache;
}

static void row(uint64_t entries)
{
    const apr_size_t bytes = megabytes * 1024 * 1024;
    smart_cache_stats_t stats;
    smart_cache_t *cache;
    double hit, miss, renew, floor, one, two;
    uint64_t good;
    uint64_t n;
    void *base;

    cache = make(bytes, &base);
    for (n = 0; n < entries; n++) {
        put(cache, n, false);
    }
    now = smart_clock_now();
    smart_cache_stats(cache, SMART_CACHE_ACTIVE, &stats);
    hit = run_net(body_hit, cache, entries, &good);
    miss = run_net(body_miss, cache, entries, &n);
    floor = floor_ns(base, entries * (value_bytes + 64) < bytes / 2
                               ? entries * (value_bytes + 64) + 1000
                               : bytes);
    one = rate(cache, entries, 1);
    two = rate(cache, entries, 2);
    renew = run_net(body_put, cache, entries, &n);
    printf("%10" PRIu64 " %8.0f %8.0f %8.0f %8.0f %6.2f %8.0f %9.3f\n", entries,
           hit, miss, renew, floor, two / one,
           (double)stats.bytes_used / (double)stats.entries,
           (double)good / 1000);
    munmap(base, bytes);
}

static void fill_row(apr_size_t mb, uint64_t entries, bool mixed)
{
    const apr_size_t bytes = mb * 1024 * 1024;
    smart_cache_stats_t stats;
    smart_cache_t *cache;
    uint64_t n;
    void *base;

    cache = make(bytes, &base);
    for (n = 0; n < entries; n++) {
        put(cache, n, mixed);
    }
    now = smart_clock_now();
    smart_cache_stats(cache, SMART_CACHE_ACTIVE, &stats);
    printf("%5zu MiB %8" PRIu64 " records of %s bytes: %.4f kept, %.0f bytes "
           "of segment each\n",
           (size_t)mb, entries, mixed ? "250 to 350" : "equal",
           (double)kept(cache, entries) / (double)entries,
           (double)bytes / (double)stats.entries);
    munmap(base, bytes);
}

static void digest_row(void)
{
    static const unsigned char secret[SMART_DIGEST_LEN] = {1};
    static const char token[] = "0123456789012345678901234567890123456789012";
    unsigned char key[SMART_DIGEST_LEN];
    smart_digest_realm_t *realm;
    smart_digest_t *digest;
    uint64_t begin;
    int i;

    if (smart_digest_create(secret, pool, &digest) != APR_SUCCESS ||
        smart_digest_realm_create(digest, secret, pool, &realm) !=
            APR_SUCCESS) {
        exit(2);
    }
    begin = now_ns();
    for (i = 0; i < 1000000; i++) {
        smart_digest_token(realm, smart_slice_n(token, sizeof(token) - 1), key);
    }
    printf("digest %.0f ns, ", (double)(now_ns() - begin) / 1e6);
    begin = now_ns();
    for (i = 0; i < 1000000; i++) {
        now = smart_clock_now();
        __asm__ volatile("" : : "r"(&now) : "memory");
    }
    printf("both clocks %.0f ns\n", (double)(now_ns() - begin) / 1e6);
}

int main(int argc, char **argv)
{
    uint64_t entries[16] = {1, 1000, 100000, 1000000};
    int rows = 4;
    int given = 0;
    int c;
    int i;

    while ((c = getopt(argc, argv, "m:v:s:n:")) != -1) {
        switch (c) {
        case 'm':
            megabytes = (apr_size_t)strtoul(optarg, NULL, 10);
            break;
        case 'v':
            value_bytes = (apr_size_t)strtoul(optarg, NULL, 10);
            break;
        case 's':
            seconds = strtod(optarg, NULL);
            break;
        case 'n':
            entries[given++ % 16] = strtoull(optarg, NULL, 10);
            rows = given < 16 ? given : 16;
            break;
        default:
            fprintf(stderr, "see the head of t/bench/cache_bench.c\n");
            return 2;
        }
    }
    apr_initialize();
    apr_pool_create(&pool, NULL);
    digest_row();
    printf("segment %zu MiB, values of %zu bytes\n"
           "   entries   hit ns  miss ns   put ns floor ns     2x    bytes"
           "      kept\n",
           (size_t)megabytes, (size_t)value_bytes);
    for (i = 0; i < rows; i++) {
        row(entries[i]);
    }
    fill_row(32, 65536, false);
    fill_row(32, 65536, true);
    fill_row(512, 1000000, false);
    fill_row(512, 1000000, true);
    fill_row(512, 1048576, true);
    fill_row(512, 1200000, true); /* as full as it gets */
    return 0;
}
