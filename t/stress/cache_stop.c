/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_stop.c: writers that stop at any point, and go on later.
 *
 *   cache_stop
 *
 * A child puts a record and stops itself before its n-th step, for every n and
 * in three situations: with free room, in a full region, in place of its own
 * older record in a full region. Meanwhile others get and put in that region.
 * Then the child goes on and does what it had not done yet, too late. Nothing
 * it does may make a value torn or foreign.
 */
#ifndef CACHE_BUILD_H
#define SMART_CACHE_TEST_HOOK
#include "cache_build.h"
#endif

#include "cache_drill.h"

#include <signal.h>

#include <sys/wait.h>

#define IDS         50
#define LEN         300
#define MAX_STEPS   200
#define PROMISED_US 10000

typedef enum { WITH_ROOM = 0, FULL, IN_PLACE, SITUATIONS } situation_e;

static const char *const situation_names[SITUATIONS] = {"with room", "full",
                                                        "in place of its own"};

static smart_cache_t *cache;
static void *segment;
static uint64_t ids[IDS]; /* all of one region */
static int countdown;

static void choose_ids(void)
{
    smart_cache_region_t *first = NULL;
    uint64_t id = 1;
    int i;

    for (i = 0; i < IDS; id++) {
        const smart_cache_part_t *part = &cache->part[SMART_CACHE_ACTIVE];
        unsigned char key[SMART_CACHE_KEY];
        smart_cache_place_t place;

        drill_key(id, key);
        smart_cache_place(key, &place);
        if (!first || smart_cache_region(part, &place) == first) {
            first = smart_cache_region(part, &place);
            ids[i++] = id;
        }
    }
}

static void stop_in_time(int point)
{
    (void)point;
    if (--countdown == 0) {
        kill(getpid(), SIGSTOP);
    }
}

static void prepare(situation_e situation)
{
    int i;

    smart_cache_format(segment, smart_cache_min_bytes(), 0x5ea1, drill_pool,
                       &cache);
    for (i = 0; i < (situation == WITH_ROOM ? 5 : 42); i++) {
        drill_put(cache, ids[situation == IN_PLACE ? i : i + 3], 1, LEN);
    }
}

/* A child that has stopped before its step; 0 when it needed fewer. */
static pid_t start_and_stop(int step)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        countdown = step;
        smart_cache_test_hook = stop_in_time;
        drill_put(cache, ids[0], 2, LEN);
        _exit(0);
    }
    waitpid(pid, &status, WUNTRACED);
    return WIFSTOPPED(status) ? pid : 0;
}

typedef struct result_t {
    drill_count_t count;
    uint64_t put_us[SITUATIONS * MAX_STEPS];
    uint64_t get_us[SITUATIONS * MAX_STEPS];
    apr_size_t stops;
    uint64_t failed;
} result_t;

static void read_all(drill_count_t *count)
{
    const smart_clock_t now = smart_clock_now();
    int i;

    for (i = 0; i < IDS; i++) {
        drill_get(cache, &now, ids[i], count);
    }
}

/* Live with a stopped writer, then with one that goes on. */
static void live_through(pid_t pid, result_t *result)
{
    const smart_clock_t now = smart_clock_now();
    uint64_t begin = drill_now_us();
    uint64_t *put_us = &result->put_us[result->stops];

    drill_get(cache, &now, ids[0], &result->count);
    result->get_us[result->stops] = drill_now_us() - begin;
    read_all(&result->count);
    begin = drill_now_us();
    result->failed += drill_put(cache, ids[1], 3, LEN) != SMART_CACHE_STORED;
    *put_us = drill_now_us() - begin;
    result->failed += drill_put(cache, ids[2], 3, LEN) != SMART_CACHE_STORED;
    read_all(&result->count);
    kill(pid, SIGCONT);
    waitpid(pid, NULL, 0);
    read_all(&result->count);
    result->stops++;
}

/* After a last put the region has to be in order again. One record of another
 * may be lost: it fails its checksum, or the late one lies in its place, whole,
 * where nobody looks for it. */
static bool settled(void)
{
    smart_cache_report_t report;
    const char *error;

    drill_put(cache, ids[IDS - 1], 4, LEN);
    smart_cache_validate(cache, drill_pool, &report, &error);
    return report.impossible == 0 && report.overlapping == 0 &&
           report.twice == 0 && report.unfinished == 0 && report.locked == 0 &&
           report.damaged + report.misplaced <= 1;
}

int main(void)
{
    static result_t result;
    uint64_t unsettled = 0;
    uint64_t late = 0;
    int situation;
    apr_size_t i;
    pid_t pid;
    int step;

    cache = drill_cache(smart_cache_min_bytes(), &segment);
    choose_ids();
    for (situation = 0; situation < SITUATIONS; situation++) {
        for (step = 1; step < MAX_STEPS; step++) {
            prepare((situation_e)situation);
            pid = start_and_stop(step);
            if (pid == 0) {
                break;
            }
            live_through(pid, &result);
            unsettled += !settled();
        }
        printf("%s: stopped at each of %d steps\n", situation_names[situation],
               step - 1);
    }
    for (i = 0; i < result.stops; i++) {
        late += result.put_us[i] > PROMISED_US;
    }
    drill_print("get beside a stopped writer", "us", result.get_us,
                result.stops);
    drill_print("put beside a stopped writer", "us", result.put_us,
                result.stops);
    printf("%" PRIu64 " puts failed, %" PRIu64 " took over %d us; %" PRIu64
           " reads, %" PRIu64 " torn, %" PRIu64 " foreign; %" PRIu64
           " times not in order afterwards\n",
           result.failed, late, PROMISED_US, result.count.reads,
           result.count.torn, result.count.foreign, unsettled);
    return drill_verdict(result.stops > 100 && result.failed == 0 &&
                         late * 5 <= result.stops && unsettled == 0 &&
                         result.count.torn + result.count.foreign == 0);
}
