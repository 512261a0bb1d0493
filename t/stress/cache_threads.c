/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_threads.c: the litmus inside one process, on one handle, for the thread
 * sanitizer.
 *
 *   cache_threads [-seconds n]
 *
 * Threads get, put, remove, sum up and prove at the same time, under keys
 * derived by the same digest.
 */
#include "cache_drill.h"

#include <pthread.h>

#include "io/digest.h"

#define KEYS    300
#define READERS 3
#define WRITERS 2

static smart_cache_t *cache;
static smart_digest_realm_t *realm;
static _Atomic bool over;
static drill_count_t counts[READERS];
static uint64_t writes[WRITERS];

static void key_of(uint64_t id, unsigned char *key)
{
    char token[32];
    const int len = snprintf(token, sizeof(token), "token-%" PRIu64, id);

    if (smart_digest_token(realm, smart_slice_n(token, (apr_size_t)len), key) !=
        APR_SUCCESS) {
        abort();
    }
}

static void *read_until_over(void *data)
{
    drill_count_t *count = data;
    unsigned char key[SMART_CACHE_KEY];

    while (!over) {
        const uint64_t id = spread(count->reads) % KEYS;
        const smart_clock_t now = smart_clock_now();

        key_of(id, key);
        drill_get_key(cache, &now, id, key, count);
    }
    return NULL;
}

static void *write_until_over(void *data)
{
    unsigned char value[SMART_CACHE_MAX_VALUE];
    unsigned char key[SMART_CACHE_KEY];
    uint64_t *n = data;

    while (!over) {
        const uint64_t dice = spread(++*n);
        const uint64_t id = dice % KEYS;
        const apr_size_t len = 16 + (dice >> 32) % 800;
        const smart_cache_times_t times = {smart_clock_now(), DRILL_LIFE_US,
                                           DRILL_LIFE_US, 0};

        key_of(id, key);
        drill_value(id, dice, value, len);
        if (dice >> 60 == 0) {
            smart_cache_remove(cache, key);
        }
        else {
            smart_cache_put(cache, key,
                            dice >> 56 & 1 ? SMART_CACHE_ACTIVE
                                           : SMART_CACHE_INACTIVE,
                            smart_slice_n((const char *)value, len), &times);
        }
    }
    return NULL;
}

static void *look_until_over(void *data)
{
    smart_cache_stats_t stats;

    while (!over) {
        smart_cache_stats(cache, SMART_CACHE_ACTIVE, &stats);
        smart_cache_stats(cache, SMART_CACHE_INACTIVE, &stats);
    }
    return data;
}

int main(int argc, char **argv)
{
    static const unsigned char secret[SMART_DIGEST_LEN] = {1};
    const struct timespec nap = {
        (time_t)drill_option(argc, argv, "-seconds", 3), 0};
    pthread_t threads[READERS + WRITERS + 1];
    drill_count_t sum = {0};
    smart_cache_report_t report;
    smart_digest_t *digest;
    const char *error;
    int i;

    cache = drill_cache(smart_cache_min_bytes(), NULL);
    if (smart_digest_create(secret, drill_pool, &digest) != APR_SUCCESS ||
        smart_digest_realm_create(digest, secret, drill_pool, &realm) !=
            APR_SUCCESS) {
        return 2;
    }
    for (i = 0; i < READERS; i++) {
        pthread_create(&threads[i], NULL, read_until_over, &counts[i]);
    }
    for (i = 0; i < WRITERS; i++) {
        pthread_create(&threads[READERS + i], NULL, write_until_over,
                       &writes[i]);
    }
    pthread_create(&threads[READERS + WRITERS], NULL, look_until_over, NULL);
    nanosleep(&nap, NULL);
    over = true;
    for (i = 0; i < READERS + WRITERS + 1; i++) {
        pthread_join(threads[i], NULL);
    }
    for (i = 0; i < READERS; i++) {
        sum.reads += counts[i].reads;
        sum.hits += counts[i].hits;
        sum.torn += counts[i].torn;
        sum.foreign += counts[i].foreign;
    }
    smart_cache_validate(cache, drill_pool, &report, &error);
    printf("%" PRIu64 " reads, %" PRIu64 " hits, %" PRIu64 " writes: %" PRIu64
           " torn, %" PRIu64 " foreign\n",
           sum.reads, sum.hits, writes[0] + writes[1], sum.torn, sum.foreign);
    return drill_verdict(sum.torn + sum.foreign == 0 &&
                         sum.hits * 10 > sum.reads && writes[0] > 0 &&
                         writes[1] > 0 && report.impossible == 0);
}
