/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared_bench.c: what the parts of the segment beside the cache cost where
 * nobody waits: processor time, of all threads together.
 *
 * usage: shared_bench [TIMES]     of each operation; 2 000 000
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sys/mman.h>

#include <apr_general.h>

#include "io/shared.h"

static smart_shared_t shared;
static smart_clock_t now;
static long times;

static void counts(void)
{
    long i;

    for (i = 0; i < times; i++) {
        smart_count(shared.counters, SMART_COUNT_HIT);
    }
}

static void *counts_thread(void *data)
{
    counts();
    return NULL;
}

static void counts_of_two(void)
{
    pthread_t other;

    pthread_create(&other, NULL, counts_thread, NULL);
    counts();
    pthread_join(other, NULL);
}

static void leases(void)
{
    unsigned char key[SMART_LEASE_KEY] = {0};
    smart_lease_outcome_t outcome;
    smart_lease_ticket_t ticket;
    long i;

    for (i = 0; i < times / 10; i++) {
        memcpy(key, &i, sizeof(i));
        smart_lease_acquire(shared.leases, key, &now, now.mono_us,
                            SMART_CLOCK_S, &ticket, &outcome);
        smart_lease_release(shared.leases, &ticket, &now, NULL);
    }
}

static void permits(void)
{
    smart_permit_ticket_t ticket;
    long i;

    for (i = 0; i < times / 10; i++) {
        smart_permit_acquire(shared.permits, SMART_PERMIT_NEW, &now, 0,
                             SMART_CLOCK_S, &ticket);
        smart_permit_release(shared.permits, &ticket);
    }
}

static void breakers(void)
{
    smart_breaker_t *breaker;
    int retry_after;
    long i;

    for (i = 0; i < times / 10; i++) {
        breaker = smart_breaker_find(shared.breakers, 12345, &now);
        smart_breaker_allow(breaker, &now, &retry_after);
        smart_breaker_report(breaker, true, now.mono_us, &now);
    }
}

static void sums(void)
{
    smart_sums_t sum;
    long i;

    for (i = 0; i < times / 1000; i++) {
        smart_counters_sum(shared.counters, &sum);
    }
}

/* Of all threads, so that what else runs on the machine does not count. */
static double cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void measure(const char *what, void (*f)(void), long n)
{
    const double begin = cpu_ns();

    f();
    printf("%-36s %8.1f ns\n", what, (cpu_ns() - begin) / (double)n);
}

int main(int argc, const char *const *argv)
{
    apr_pool_t *pool;
    apr_size_t bytes;
    void *segment;

    times = argc > 1 ? atol(argv[1]) : 2000000;
    apr_initialize();
    apr_pool_create(&pool, NULL);
    bytes = smart_shared_min_bytes();
    segment = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (segment == MAP_FAILED ||
        smart_shared_format(segment, bytes, 1, 64, pool, &shared) !=
            APR_SUCCESS) {
        return 1;
    }
    now = smart_clock_now();
    smart_counters_join(shared.counters, 1);
    measure("count", counts, times);
    measure("count, 2 threads, 1 block", counts_of_two, 2 * times);
    smart_counters_join(shared.counters, SMART_COUNTER_STRIPES);
    measure("count, 2 threads, 8 blocks", counts_of_two, 2 * times);
    measure("lease: acquire, release", leases, times / 10);
    measure("permit: acquire, release", permits, times / 10);
    measure("breaker: find, allow, report", breakers, times / 10);
    measure("sum of all counters", sums, times / 1000);
    return 0;
}
