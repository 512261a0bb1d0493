/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_litmus.c: torn-read litmus between processes.
 *
 *   cache_litmus [-reads millions] [-readers n] [-writers n]
 *
 * Writers put and remove values of changing length under a few hundred keys in
 * a segment that is a little too small for them, half of the time under sixteen
 * of them. Readers get the same keys. Every hit must be a value that was put
 * under that key, whole.
 */
#include "cache_drill.h"

#include <sys/wait.h>

#ifndef DRILL_READS
#define DRILL_READS 100 /* millions */
#endif
#define KEYS       700
#define HOT        16
#define MAX_WORKER 32

typedef struct shared_t {
    _Atomic int done; /* readers that have */
    drill_count_t count[MAX_WORKER];
    uint64_t puts[MAX_WORKER];
    uint64_t busy[MAX_WORKER];
} shared_t;

static shared_t *shared;
static smart_cache_t *cache;
static unsigned char keys[KEYS][SMART_CACHE_KEY];
static int readers;
static int writers;

static uint64_t choose(uint64_t dice)
{
    return dice >> 60 & 1 ? dice % HOT : dice % KEYS;
}

static void read_for_long(int me, uint64_t reads)
{
    drill_count_t count = {0};
    smart_clock_t now = smart_clock_now();
    uint64_t id;
    uint64_t i;

    for (i = 0; i < reads; i++) {
        if (i % 1024 == 0) {
            now = smart_clock_now();
        }
        id = choose(spread(i * MAX_WORKER + (uint64_t)me));
        drill_get_key(cache, &now, id, keys[id], &count);
#ifdef DRILL_BLIND
        if (count.torn + count.foreign > 0) {
            break;
        }
#endif
    }
    shared->count[me] = count;
    shared->done++;
}

static void write_until_done(int me)
{
    uint64_t generation = (uint64_t)me << 32;

    while (shared->done < readers) {
        const uint64_t dice = spread(++generation);
        const uint64_t id = choose(dice);

        if ((dice >> 48 & 31) == 0) {
            smart_cache_remove(cache, keys[id]);
        }
        else if (drill_put(cache, id, generation, 16 + (dice >> 32) % 304) ==
                 SMART_CACHE_BUSY) {
            shared->busy[me]++;
        }
        shared->puts[me]++;
    }
}

int main(int argc, char **argv)
{
    const uint64_t reads =
        drill_option(argc, argv, "-reads", DRILL_READS) * 1000000 / DRILL_SHARE;
    drill_count_t sum = {0};
    smart_cache_report_t report;
    smart_cache_stats_t stats;
    const char *error;
    uint64_t puts = 0;
    uint64_t busy = 0;
    uint64_t spoiled;
    int failed = 0;
    int status;
    bool sound;
    int i;

    readers = (int)drill_option(argc, argv, "-readers", 3);
    writers = (int)drill_option(argc, argv, "-writers", 2);
    if (readers < 1 || writers < 0 || readers + writers > MAX_WORKER) {
        return 2;
    }
    cache = drill_cache(smart_cache_min_bytes(), NULL);
    shared = drill_map(sizeof(*shared));
    for (i = 0; i < KEYS; i++) {
        drill_key((uint64_t)i, keys[i]);
    }
    for (i = 0; i < readers + writers; i++) {
        const pid_t pid = fork();

        if (pid == 0) {
            if (i < readers) {
                read_for_long(i, reads / (uint64_t)readers);
            }
            else {
                write_until_done(i);
            }
            _exit(0);
        }
        failed += pid < 0;
    }
    while (wait(&status) > 0) {
        failed += status != 0;
    }
    for (i = 0; i < readers + writers; i++) {
        sum.reads += shared->count[i].reads;
        sum.hits += shared->count[i].hits;
        sum.torn += shared->count[i].torn;
        sum.foreign += shared->count[i].foreign;
        puts += shared->puts[i];
        busy += shared->busy[i];
    }
    /* A writer that was off the processor for so long that it lost its lock
     * may have spoiled a record when it came back. */
    smart_cache_stats(cache, SMART_CACHE_ACTIVE, &stats);
    smart_cache_validate(cache, drill_pool, &report, &error);
    spoiled =
        report.damaged + report.misplaced + report.overlapping + report.twice;
    sound = report.impossible == 0 && spoiled <= 3 * stats.stolen;
    printf("%" PRIu64 " reads, %" PRIu64 " hits, %" PRIu64 " writes, %" PRIu64
           " busy, %" PRIu64 " locks stolen: %" PRIu64 " torn, %" PRIu64
           " foreign; spoiled %" PRIu64 " of %" PRIu64 "\n",
           sum.reads, sum.hits, puts, busy, stats.stolen, sum.torn, sum.foreign,
           spoiled, report.whole + report.damaged);
    return drill_verdict(sum.torn == 0 && sum.foreign == 0 && failed == 0 &&
                         sum.hits > sum.reads / 10 && puts > 0 && sound);
}
