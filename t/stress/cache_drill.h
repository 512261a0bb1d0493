/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_drill.h: what the drills of the cache share: segments, keys, values
 * that know whether they are whole, and the verdict.
 *
 *   value = id 8 | generation 8 | words that follow from both
 *
 * A drill exits with 0 when the cache kept its promise. Built with DRILL_BLIND
 * it is the negative control: a protection is compiled out, and it exits with
 * 0 only if the drill noticed.
 */
#ifndef CACHE_DRILL_H
#define CACHE_DRILL_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/mman.h>

#include <apr_general.h>
#include <apr_pools.h>

#include "io/cache.h"

#define DRILL_LIFE_US (3600 * SMART_CLOCK_S)

/* Under a sanitizer everything takes ten times as long. */
#ifdef __has_feature
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define DRILL_SLOW
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__) ||           \
    defined(DRILL_SLOW)
#define DRILL_SHARE 20 /* of the work, a twentieth */
#else
#define DRILL_SHARE 1
#endif

typedef enum { VALUE_TORN = 0, VALUE_FOREIGN, VALUE_WHOLE } value_e;

static apr_pool_t *drill_pool;

static inline void *drill_map(apr_size_t bytes)
{
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (base == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    return base;
}

/** A fresh cache that a fork inherits. */
static inline smart_cache_t *drill_cache(apr_size_t bytes, void **pbase)
{
    smart_cache_t *cache;
    void *base = drill_map(bytes);

    if (!drill_pool) {
        apr_initialize();
        apr_pool_create(&drill_pool, NULL);
    }
    if (smart_cache_format(base, bytes, 0x5ea1, drill_pool, &cache) !=
        APR_SUCCESS) {
        fprintf(stderr, "no cache in %zu bytes\n", (size_t)bytes);
        exit(2);
    }
    if (pbase) {
        *pbase = base;
    }
    return cache;
}

/** splitmix64: distinct, evenly spread. */
static inline uint64_t spread(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

static inline void drill_key(uint64_t id, unsigned char *key)
{
    const uint64_t words[4] = {spread(4 * id), spread(4 * id + 1),
                               spread(4 * id + 2), spread(4 * id + 3)};

    memcpy(key, words, sizeof(words));
}

static inline uint64_t drill_now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static inline void drill_value(uint64_t id, uint64_t generation,
                               unsigned char *value, apr_size_t len)
{
    const uint64_t start = spread(id << 40 ^ generation);
    apr_size_t at;

    memcpy(value, &id, 8);
    memcpy(value + 8, &generation, 8);
    for (at = 16; at < len; at += 8) {
        const uint64_t word = start + at;

        memcpy(value + at, &word, len - at < 8 ? len - at : 8);
    }
}

static inline value_e drill_judge(uint64_t id, const unsigned char *value,
                                  apr_size_t len)
{
    uint64_t owner;
    uint64_t generation;
    uint64_t start;
    apr_size_t at;

    if (len < 16) {
        return VALUE_TORN;
    }
    memcpy(&owner, value, 8);
    memcpy(&generation, value + 8, 8);
    start = spread(owner << 40 ^ generation);
    for (at = 16; at < len; at += 8) {
        const uint64_t word = start + at;

        if (memcmp(value + at, &word, len - at < 8 ? len - at : 8) != 0) {
            return VALUE_TORN;
        }
    }
    return owner == id ? VALUE_WHOLE : VALUE_FOREIGN;
}

static inline smart_cache_put_e drill_put(smart_cache_t *cache, uint64_t id,
                                          uint64_t generation, apr_size_t len)
{
    const smart_cache_times_t times = {smart_clock_now(), DRILL_LIFE_US,
                                       DRILL_LIFE_US, 0};
    unsigned char value[SMART_CACHE_MAX_VALUE];
    unsigned char key[SMART_CACHE_KEY];

    drill_key(id, key);
    drill_value(id, generation, value, len);
    return smart_cache_put(cache, key, SMART_CACHE_ACTIVE,
                           smart_slice_n((const char *)value, len), &times);
}

/** What readers see, counted. */
typedef struct drill_count_t {
    uint64_t reads;
    uint64_t hits;
    uint64_t torn;
    uint64_t foreign;
} drill_count_t;

static inline bool drill_get_key(smart_cache_t *cache, const smart_clock_t *now,
                                 uint64_t id, const unsigned char *key,
                                 drill_count_t *count)
{
    unsigned char value[SMART_CACHE_MAX_VALUE];
    smart_cache_meta_t meta;
    apr_size_t len;

    count->reads++;
    if (smart_cache_get(cache, key, now, value, sizeof(value), &len, &meta) !=
        SMART_CACHE_HIT) {
        return false;
    }
    count->hits++;
    switch (drill_judge(id, value, len)) {
    case VALUE_TORN:
        count->torn++;
        break;
    case VALUE_FOREIGN:
        count->foreign++;
        break;
    case VALUE_WHOLE:
        break;
    }
    return true;
}

static inline bool drill_get(smart_cache_t *cache, const smart_clock_t *now,
                             uint64_t id, drill_count_t *count)
{
    unsigned char key[SMART_CACHE_KEY];

    drill_key(id, key);
    return drill_get_key(cache, now, id, key, count);
}

static inline int drill_order(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/** Sort some figures and print their middle, 99th percentile and largest. */
static inline void drill_print(const char *what, const char *unit,
                               uint64_t *figures, apr_size_t n)
{
    if (n > 0) {
        qsort(figures, n, sizeof(*figures), drill_order);
        printf("%s: median %" PRIu64 ", p99 %" PRIu64 ", most %" PRIu64
               " %s of %zu\n",
               what, figures[n / 2], figures[n * 99 / 100], figures[n - 1],
               unit, (size_t)n);
    }
}

/** The number after an option, or what it is by default. */
static inline uint64_t drill_option(int argc, char **argv, const char *name,
                                    uint64_t value)
{
    int i;

    for (i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], name) == 0) {
            value = strtoull(argv[i + 1], NULL, 10);
        }
    }
    return value;
}

/** The exit status: whether what was seen is what has to be seen. */
static inline int drill_verdict(bool kept)
{
#ifdef DRILL_BLIND
    printf("%s\n", kept ? "FAILED: the drill does not see that " DRILL_BLIND
                          " is missing"
                        : "ok: noticed that " DRILL_BLIND " is missing");
    return kept ? 1 : 0;
#else
    printf("%s\n", kept ? "ok" : "FAILED");
    return kept ? 0 : 1;
#endif
}

#endif
