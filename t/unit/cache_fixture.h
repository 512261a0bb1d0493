/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_fixture.h: a cache of the smallest size, keys and values made from
 * numbers, a clock that moves when told to. For the tests of the cache's files.
 */
#ifndef CACHE_FIXTURE_H
#define CACHE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>

#include <cmocka.h>

#include <apr_general.h>
#include <apr_pools.h>

#include "io/cache_table.h"

#define SEAL   APR_UINT64_C(0x5ea1)
#define MINUTE (60 * SMART_CLOCK_S)
#define EPOCH  1700000000 /* wall_s when a test begins */

static apr_pool_t *pool;
static unsigned char *segment;
static apr_size_t segment_bytes;
static smart_cache_t *cache;
static smart_clock_t now;

static inline int fixture_setup(void **state)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    segment_bytes = smart_cache_min_bytes();
    segment = mmap(NULL, segment_bytes + SMART_CACHE_PAGE,
                   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(segment != MAP_FAILED);
    /* Who reads too far is to be seen. */
    mprotect(segment + segment_bytes, SMART_CACHE_PAGE, PROT_NONE);
    now.mono_us = 1000 * SMART_CLOCK_S;
    now.wall_s = EPOCH;
    assert_int_equal(
        smart_cache_format(segment, segment_bytes, SEAL, pool, &cache),
        APR_SUCCESS);
    return 0;
}

static inline int fixture_teardown(void **state)
{
    munmap(segment, segment_bytes + SMART_CACHE_PAGE);
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

#define cache_test(f)                                                          \
    cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

/** Distinct, evenly spread keys (splitmix64). */
static inline uint64_t spread(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

typedef struct key_t_ {
    unsigned char bytes[SMART_CACHE_KEY];
} cache_key_t;

static inline cache_key_t key_of(uint64_t n)
{
    cache_key_t key;
    uint64_t words[4];
    int i;

    for (i = 0; i < 4; i++) {
        words[i] = spread(4 * n + (uint64_t)i);
    }
    memcpy(key.bytes, words, sizeof(words));
    return key;
}

/** A key whose first two words, and so whose place, are those of n. */
static inline cache_key_t neighbour_of(uint64_t n, uint64_t other)
{
    cache_key_t key = key_of(n);
    const cache_key_t that = key_of(other);

    memcpy(key.bytes + 16, that.bytes + 16, 16);
    return key;
}

static inline smart_slice_t value_of(uint64_t n, apr_size_t len)
{
    static unsigned char buf[SMART_CACHE_MAX_VALUE + 1];
    apr_size_t i;

    for (i = 0; i < len; i++) {
        buf[i] = (unsigned char)spread(n * 8192 + i);
    }
    return smart_slice_n((const char *)buf, len);
}

static inline smart_cache_times_t
times_of(apr_int64_t fresh_us, apr_int64_t keep_us, apr_int64_t expires_s)
{
    const smart_cache_times_t times = {now, fresh_us, keep_us, expires_s};

    return times;
}

/** Put value_of(n, len) under a key, for an hour. */
static inline smart_cache_put_e
put_key(cache_key_t key, smart_cache_class_e class, uint64_t n, apr_size_t len)
{
    const smart_cache_times_t times = times_of(60 * MINUTE, 60 * MINUTE, 0);

    return smart_cache_put(cache, key.bytes, class, value_of(n, len), &times);
}

static inline smart_cache_put_e put(uint64_t n, apr_size_t len)
{
    return put_key(key_of(n), SMART_CACHE_ACTIVE, n, len);
}

static unsigned char got[SMART_CACHE_MAX_VALUE];
static apr_size_t got_len;
static smart_cache_meta_t got_meta;

static inline bool hit_key(cache_key_t key)
{
    return smart_cache_get(cache, key.bytes, &now, got, sizeof(got), &got_len,
                           &got_meta) == SMART_CACHE_HIT;
}

static inline bool hit(uint64_t n)
{
    return hit_key(key_of(n));
}

/** A miss leaves nothing behind that could be taken for a record. */
static inline void assert_miss(uint64_t n)
{
    static const smart_cache_meta_t nothing;

    memset(&got_meta, 0xff, sizeof(got_meta));
    got_len = 99;
    assert_false(hit(n));
    assert_int_equal(got_len, 0);
    assert_memory_equal(&got_meta, &nothing, sizeof(nothing));
}

static inline void assert_hit(uint64_t n, apr_size_t len)
{
    assert_true(hit(n));
    assert_int_equal(got_len, len);
    assert_memory_equal(got, value_of(n, len).ptr, len);
}

static inline smart_cache_region_t *region_of(cache_key_t key,
                                              smart_cache_class_e class)
{
    smart_cache_place_t place;

    smart_cache_place(key.bytes, &place);
    return smart_cache_region(&cache->part[class], &place);
}

/** The slot a key's record is in; the test fails if there is none. */
static inline smart_word_t *slot_of(cache_key_t key, smart_cache_class_e class)
{
    smart_cache_region_t *region = region_of(key, class);
    smart_cache_place_t place;
    unsigned n;

    smart_cache_place(key.bytes, &place);
    for (n = 0; n < SMART_CACHE_SLOTS; n++) {
        smart_word_t *slot = smart_region_slot(region, n);

        if (smart_slot_in_range(&cache->part[class], *slot) &&
            smart_slot_has_key(&cache->part[class], region, *slot, &place)) {
            return slot;
        }
    }
    fail_msg("no slot of this key");
    return NULL;
}

/** The n-th number, from n = 0 on, whose key lives in the region of <like>. */
static inline uint64_t in_region_of(uint64_t like, unsigned n)
{
    const smart_cache_region_t *region =
        region_of(key_of(like), SMART_CACHE_ACTIVE);
    uint64_t candidate = 1000000;

    for (;; candidate++) {
        if (region_of(key_of(candidate), SMART_CACHE_ACTIVE) == region &&
            n-- == 0) {
            return candidate;
        }
    }
}

static inline void assert_valid(void)
{
    const char *error = NULL;

    if (smart_cache_validate(cache, pool, NULL, &error) != APR_SUCCESS) {
        fail_msg("%s", error);
    }
}

#endif
