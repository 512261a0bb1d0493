/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_flood.c: more tokens than there is room for.
 *
 *   cache_flood [-megabytes n]
 *
 * A cache is filled with good tokens, then inactive ones come in, ten times as
 * many as there is room for: every good one has to stay. Then twice as many new
 * good ones as there is room for come in, while one in sixty of the old is in
 * use: those have to stay, and no put may take long.
 */
#include "cache_drill.h"

#define LEN         300
#define PROMISED_NS 50000

static smart_cache_t *cache;
static uint64_t *took;
static apr_size_t taken;

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void put_timed(uint64_t id, smart_cache_class_e class, apr_size_t len)
{
    const smart_cache_times_t times = {smart_clock_now(), DRILL_LIFE_US,
                                       DRILL_LIFE_US, 0};
    unsigned char value[SMART_CACHE_MAX_VALUE];
    unsigned char key[SMART_CACHE_KEY];
    uint64_t begin;

    drill_key(id, key);
    drill_value(id, 1, value, len);
    begin = now_ns();
    smart_cache_put(cache, key, class, smart_slice_n((const char *)value, len),
                    &times);
    took[taken++] = now_ns() - begin;
}

/* The share of the first n ids that are there, in thousandths. */
static uint64_t present(uint64_t n, drill_count_t *count)
{
    const smart_clock_t now = smart_clock_now();
    uint64_t found = 0;
    uint64_t id;

    for (id = 0; id < n; id++) {
        found += drill_get(cache, &now, id, count);
    }
    return found * 1000 / n;
}

static uint64_t dropped_live(smart_cache_class_e class)
{
    smart_cache_stats_t stats;

    smart_cache_stats(cache, class, &stats);
    return stats.dropped_live;
}

int main(int argc, char **argv)
{
    const apr_size_t bytes =
        drill_option(argc, argv, "-megabytes", 32) * 1048576 / DRILL_SHARE;
    const uint64_t good = bytes / 560;           /* nine tenths of what fits */
    const uint64_t room_inactive = bytes / 1000; /* a little more than fits */
    drill_count_t count = {0};
    const uint64_t in_use = good / 60;
    uint64_t before, after, used, p99, driven_out;
    uint64_t i;

    took = malloc((10 * room_inactive + 4 * good) * sizeof(*took));
    cache = drill_cache(bytes, NULL);
    for (i = 0; i < good; i++) {
        put_timed(i, SMART_CACHE_ACTIVE, LEN);
    }
    drill_print("put into a cache with room", "ns", took, taken);
    before = present(good, &count);
    driven_out = dropped_live(SMART_CACHE_ACTIVE);
    taken = 0;
    for (i = 0; i < 10 * room_inactive; i++) {
        put_timed((UINT64_C(1) << 40) + i, SMART_CACHE_INACTIVE, 16);
    }
    drill_print("put of inactive ones", "ns", took, taken);
    after = present(good, &count);
    driven_out = dropped_live(SMART_CACHE_ACTIVE) - driven_out;
    printf("%" PRIu64 " good tokens: %" PRIu64 " of 1000 there, after %" PRIu64
           " inactive ones %" PRIu64 "\n",
           good, before, 10 * room_inactive, after);
    taken = 0;
    for (i = 0; i < 2 * good; i++) {
        put_timed((UINT64_C(1) << 41) + i, SMART_CACHE_ACTIVE, LEN);
        if (i % 16 == 0) {
            const smart_clock_t now = smart_clock_now();

            drill_get(cache, &now, i / 16 % in_use, &count);
        }
    }
    drill_print("put into a full cache", "ns", took, taken);
    p99 = took[taken * 99 / 100];
    used = present(in_use, &count);
    printf("%" PRIu64 " more good tokens: of %" PRIu64 " in use %" PRIu64
           " of 1000 there; %" PRIu64 " torn, %" PRIu64 " foreign\n",
           2 * good, in_use, used, count.torn, count.foreign);
    free(took);
    return drill_verdict(before >= 990 && after == before && driven_out == 0 &&
                         used >= 900 && p99 < PROMISED_NS * DRILL_SHARE &&
                         count.torn + count.foreign == 0);
}
