/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_kill.c: writers that die at any point.
 *
 *   cache_kill [-kills n]
 *
 * A child puts records into one region until it is killed: in every other
 * round before a step of its own that dice choose (each store of a put is a
 * step), else at some moment from outside. Then a put into that region has to
 * succeed, in every second round while the dead child is still a zombie. At the
 * end every slot and every byte of the region has to be there to be used.
 */
#ifndef CACHE_BUILD_H
#define SMART_CACHE_TEST_HOOK
#include "cache_build.h"
#endif

#include "cache_drill.h"

#include <signal.h>

#include <sys/wait.h>

#ifndef DRILL_KILLS
#define DRILL_KILLS 1000
#endif
#define IDS         60
#define PROMISED_US 10000

static smart_cache_t *cache;
static uint64_t ids[IDS]; /* all of one region */
static uint64_t countdown;

static smart_cache_region_t *region_of(uint64_t id)
{
    unsigned char key[SMART_CACHE_KEY];
    smart_cache_place_t place;

    drill_key(id, key);
    smart_cache_place(key, &place);
    return smart_cache_region(&cache->part[SMART_CACHE_ACTIVE], &place);
}

static void choose_ids(void)
{
    uint64_t id = 1;
    int i;

    for (i = 0; i < IDS; id++) {
        if (i == 0 || region_of(id) == region_of(ids[0])) {
            ids[i++] = id;
        }
    }
}

static void die_in_time(int point)
{
    (void)point;
    if (countdown > 0 && --countdown == 0) {
        kill(getpid(), SIGKILL);
    }
}

/* Put for ever, or until it fails; a life ends after so many steps, or from
 * outside. */
static void write_until_killed(uint64_t dice)
{
    uint64_t generation = dice;

    smart_cache_test_hook = die_in_time;
    countdown = dice & 1 ? 1 + (dice >> 1) % 400 : 0;
    for (;; generation++) {
        const uint64_t more = spread(generation);

        if (drill_put(cache, ids[more % 40], generation,
                      16 + (more >> 32) % 500) != SMART_CACHE_STORED) {
            _exit(1);
        }
    }
}

static void kill_one(uint64_t dice, bool reap_first)
{
    const struct timespec nap = {0, (long)((dice >> 8) % 300000)};
    const pid_t pid = fork();
    siginfo_t info;

    if (pid == 0) {
        write_until_killed(dice);
    }
    if (!(dice & 1)) {
        nanosleep(&nap, NULL);
        kill(pid, SIGKILL);
    }
    waitid(P_PID, (id_t)pid, &info, WEXITED | (reap_first ? 0 : WNOWAIT));
}

static void remove_all(void)
{
    unsigned char key[SMART_CACHE_KEY];
    int i;

    for (i = 0; i < IDS; i++) {
        drill_key(ids[i], key);
        smart_cache_remove(cache, key);
    }
}

/* Use all slots with the smallest records, then all bytes with large ones. */
static bool region_is_whole(void)
{
    const smart_clock_t now = smart_clock_now();
    drill_count_t count = {0};
    int found = 0;
    int large = 0;
    int i;

    remove_all();
    for (i = 0; i < (int)SMART_CACHE_SLOTS; i++) {
        drill_put(cache, ids[i], 1, 16);
    }
    for (i = 0; i < (int)SMART_CACHE_SLOTS; i++) {
        found += drill_get(cache, &now, ids[i], &count);
    }
    remove_all();
    for (i = 0; i < 2; i++) {
        drill_put(cache, ids[i], 2, 7824);
    }
    for (i = 0; i < 2; i++) {
        large += drill_get(cache, &now, ids[i], &count);
    }
    printf("of %u slots %d can be used, of 2 halves of the arena %d\n",
           SMART_CACHE_SLOTS, found, large);
    return found == (int)SMART_CACHE_SLOTS && large == 2 &&
           count.torn + count.foreign == 0;
}

int main(int argc, char **argv)
{
    const uint64_t kills = drill_option(argc, argv, "-kills", DRILL_KILLS);
    uint64_t *took = calloc(kills, sizeof(*took));
    drill_count_t count = {0};
    smart_cache_report_t report;
    const char *error;
    uint64_t failed = 0;
    uint64_t late = 0;
    uint64_t left = 0;
    uint64_t i;
    bool whole;

    cache = drill_cache(smart_cache_min_bytes(), NULL);
    choose_ids();
    for (i = 0; i < kills; i++) {
        const smart_clock_t now = smart_clock_now();
        uint64_t begin;
        int n;

        kill_one(spread(i), i / 2 % 2 == 0);
        left += smart_word_get(&region_of(ids[0])->lock) != 0;
        begin = drill_now_us();
        failed += drill_put(cache, ids[i % IDS], i, 300) != SMART_CACHE_STORED;
        took[i] = drill_now_us() - begin;
        late += took[i] > PROMISED_US;
        for (n = 0; n < IDS; n++) {
            drill_get(cache, &now, ids[n], &count);
        }
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
    }
    printf("%" PRIu64 " kills, %" PRIu64 " with the lock held: %" PRIu64
           " puts failed, %" PRIu64 " took over %d us; %" PRIu64
           " reads, %" PRIu64 " torn, %" PRIu64 " foreign\n",
           kills, left, failed, late, PROMISED_US, count.reads, count.torn,
           count.foreign);
    drill_print("put after a kill", "us", took, kills);
    smart_cache_validate(cache, drill_pool, &report, &error);
    printf("layout: %s\n", error ? error : "sound");
    whole = region_is_whole();
    free(took);
    /* A put may be late because the machine is busy, but not as a rule. */
    return drill_verdict(failed == 0 && late * 5 <= kills && left > 0 &&
                         count.torn + count.foreign == 0 && !error && whole);
}
