/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask_once.c: a herd of 500 threads in 4 processes wants to know about one new
 * token. How often is it asked about, what does everybody get, and when?
 *
 * usage: ask_once [ROUNDS]     herds of each kind; 1
 *
 *   stored     the answer goes into the cache             1 question
 *   trouble    it fails, and is not cached                1 question
 *   unproven   it proves nothing, and is not cached       1 question
 *   uncached   it is good for this moment only            1 in each process
 *   killed     the process that asks gets SIGKILL         1 more
 *   stopped    it gets SIGSTOP                            1 more, later
 *
 * Who asks waits until the whole herd is there. Exit status 1 if a question
 * was asked too often or too seldom, or if anybody got a wrong answer.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/wait.h>

#include <apr_general.h>

#include "io/ask_once.h"
#include "io/shared.h"

#define PROCESSES 4
#define THREADS   125
#define HERD      (PROCESSES * THREADS)
#define RECORD    "what the token is good for"
#define RETRY_S   7

#define ASK_US      100000 /* once all are there */
#define ALL_HERE_US (20 * SMART_CLOCK_S)
#define WAIT_US     (60 * SMART_CLOCK_S) /* machines may be slow */
#define LIFE_US     (120 * SMART_CLOCK_S)
#define STOPPED_US  (2 * SMART_CLOCK_S) /* lifetime where it runs out */

typedef enum {
    HERD_STORED,
    HERD_TROUBLE,
    HERD_UNPROVEN,
    HERD_UNCACHED,
    HERD_KILLED,
    HERD_STOPPED,
    HERD_KINDS
} kind_e;

static const char *const kind_name[] = {"stored",   "trouble", "unproven",
                                        "uncached", "killed",  "stopped"};

/* What the parent sees of a herd; in shared memory. */
typedef struct herd_t {
    smart_bell_t go;
    _Atomic int ready;
    _Atomic int arrived;
    _Atomic int asks;
    _Atomic pid_t first_asker;
    _Atomic int wrong;
    _Atomic int answered;
    _Atomic apr_int64_t end_us; /* when the last question was answered */
    apr_int64_t answer_us[HERD];
} herd_t;

static herd_t *herd;
static kind_e kind;
static smart_shared_t shared;
static smart_flights_t *flights;
static unsigned char key[SMART_LEASE_KEY];

typedef struct member_t {
    pthread_t thread;
    int number;
    apr_pool_t *pool;
} member_t;

/* ---- callbacks ---- */

static bool look(void *ctx, smart_asked_t *asked)
{
    static _Thread_local char buf[SMART_CACHE_MAX_VALUE];
    const smart_clock_t now = smart_clock_now();
    smart_cache_meta_t meta;
    apr_size_t len;

    if (smart_cache_get(shared.cache, key, &now, buf, sizeof(buf), &len,
                        &meta) != SMART_CACHE_HIT) {
        return false;
    }
    asked->outcome = SMART_ASKED_ACTIVE;
    asked->record = smart_slice_n(buf, len);
    return true;
}

static void store(void)
{
    const smart_cache_times_t times = {smart_clock_now(), WAIT_US, WAIT_US, 0};

    if (smart_cache_put(shared.cache, key, SMART_CACHE_ACTIVE,
                        smart_slice(RECORD), &times) != SMART_CACHE_STORED) {
        herd->wrong++;
    }
}

static void wait_for_all(void)
{
    const apr_int64_t begin = smart_clock_now().mono_us;

    while (herd->arrived < HERD &&
           smart_clock_now().mono_us - begin < ALL_HERE_US) {
        usleep(1000);
    }
    usleep(ASK_US);
}

static void ask(void *ctx, smart_asked_t *asked)
{
    const bool first = herd->asks++ == 0;

    if (first) {
        herd->first_asker = getpid();
    }
    wait_for_all();
    if (first && (kind == HERD_KILLED || kind == HERD_STOPPED)) {
        pause();
    }
    asked->outcome = SMART_ASKED_ACTIVE;
    asked->record = smart_slice(RECORD);
    switch (kind) {
    case HERD_STORED:
    case HERD_KILLED:
    case HERD_STOPPED:
        store();
        asked->stored = true;
        break;
    case HERD_TROUBLE:
    case HERD_UNPROVEN:
        asked->outcome =
            kind == HERD_TROUBLE ? SMART_ASKED_TROUBLE : SMART_ASKED_UNPROVEN;
        asked->record = smart_slice("");
        asked->retry_after_s = RETRY_S;
        break;
    case HERD_UNCACHED:
    case HERD_KINDS:
        break;
    }
    herd->end_us = smart_clock_now().mono_us;
}

/* ---- the herd ---- */

static bool is_right(smart_once_e result, const smart_asked_t *asked)
{
    if (result == SMART_ONCE_TIMED_OUT) {
        return false;
    }
    switch (kind) {
    case HERD_TROUBLE:
        return asked->outcome == SMART_ASKED_TROUBLE &&
               asked->retry_after_s == RETRY_S;
    case HERD_UNPROVEN:
        return asked->outcome == SMART_ASKED_UNPROVEN;
    case HERD_STORED:
    case HERD_UNCACHED:
    case HERD_KILLED:
    case HERD_STOPPED:
    case HERD_KINDS:
        break;
    }
    return asked->outcome == SMART_ASKED_ACTIVE &&
           smart_slice_is(asked->record, RECORD);
}

static void *member_run(void *data)
{
    const smart_once_t once = {.look = look,
                               .ask = ask,
                               .wait_us = WAIT_US,
                               .lifetime_us =
                                   kind == HERD_STOPPED ? STOPPED_US : LIFE_US};
    member_t *member = data;
    smart_asked_t asked;
    smart_clock_t now;
    smart_once_e result;

    herd->ready++;
    while (smart_bell_read(&herd->go) == 0) {
        smart_bell_wait(&herd->go, 0, SMART_CLOCK_S);
    }
    now = smart_clock_now();
    herd->arrived++;
    result = smart_ask_once(&once, flights, shared.leases, key, &now,
                            member->pool, &asked);
    herd->answer_us[member->number] = smart_clock_now().mono_us;
    if (!is_right(result, &asked)) {
        herd->wrong++;
    }
    herd->answered++;
    return NULL;
}

static void process_run(int number)
{
    static member_t member[THREADS];
    apr_pool_t *pool;
    int i;

    apr_pool_create(&pool, NULL);
    flights = smart_flights_create(THREADS, pool);
    for (i = 0; i < THREADS; i++) {
        member[i].number = number * THREADS + i;
        apr_pool_create_unmanaged_ex(&member[i].pool, NULL, NULL);
        if (pthread_create(&member[i].thread, NULL, member_run, &member[i])) {
            _exit(2);
        }
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(member[i].thread, NULL);
        apr_pool_destroy(member[i].pool);
    }
    _exit(0);
}

/* ---- the parent ---- */

static int compare(const void *a, const void *b)
{
    const apr_int64_t x = *(const apr_int64_t *)a;
    const apr_int64_t y = *(const apr_int64_t *)b;

    return (x > y) - (x < y);
}

/* Stop or kill the process that asks, once all the others wait for it. */
static void asker_hurt(pid_t asker)
{
    usleep(2 * ASK_US);
    kill(asker, kind == HERD_KILLED ? SIGKILL : SIGSTOP);
}

static bool count_is_right(int asks)
{
    switch (kind) {
    case HERD_STORED:
    case HERD_TROUBLE:
    case HERD_UNPROVEN:
        return asks == 1;
    case HERD_UNCACHED:
        return asks >= 1 && asks <= PROCESSES;
    case HERD_KILLED:
    case HERD_STOPPED:
        return asks == 2;
    case HERD_KINDS:
        break;
    }
    return false;
}

static bool herd_judge(apr_int64_t hurt_us)
{
    const bool hurt = hurt_us != 0;
    const int expected = hurt ? HERD - THREADS : HERD;
    apr_int64_t lag[HERD];
    int n = 0;
    int i;

    for (i = 0; i < HERD; i++) {
        if (herd->answer_us[i] != 0) {
            lag[n++] = herd->answer_us[i] - herd->end_us;
        }
    }
    qsort(lag, (size_t)n, sizeof(lag[0]), compare);
    printf("%-9s %d threads, %d questions, %d answered, %d wrong",
           kind_name[kind], HERD, herd->asks, n, herd->wrong);
    if (n > 0) {
        printf("; after the answer: p50 %.1f ms, p99 %.1f ms, last %.1f ms",
               (double)lag[n / 2] / 1000, (double)lag[n * 99 / 100] / 1000,
               (double)lag[n - 1] / 1000);
    }
    if (hurt) {
        printf("; new answer %.0f ms after the signal",
               (double)(herd->end_us - hurt_us) / 1000);
    }
    printf("\n");
    return n == expected && herd->wrong == 0 && count_is_right(herd->asks);
}

static bool herd_run(int round)
{
    pid_t pid[PROCESSES];
    apr_int64_t hurt_us = 0;
    int i;

    memset(herd, 0, sizeof(*herd));
    memset(key, round * HERD_KINDS + (int)kind + 1, sizeof(key));
    for (i = 0; i < PROCESSES; i++) {
        pid[i] = fork();
        if (pid[i] == 0) {
            process_run(i);
        }
    }
    while (herd->ready < HERD) {
        usleep(1000);
    }
    smart_bell_ring(&herd->go, SMART_BELL_ALL);
    if (kind == HERD_KILLED || kind == HERD_STOPPED) {
        while (herd->arrived < HERD || herd->first_asker == 0) {
            usleep(1000);
        }
        asker_hurt(herd->first_asker);
        hurt_us = smart_clock_now().mono_us;
        while (herd->answered < HERD - THREADS) {
            usleep(1000);
        }
        kill(herd->first_asker, SIGKILL);
    }
    for (i = 0; i < PROCESSES; i++) {
        waitpid(pid[i], NULL, 0);
    }
    return herd_judge(hurt_us);
}

int main(int argc, const char *const *argv)
{
    const int rounds = argc > 1 ? atoi(argv[1]) : 1;
    apr_pool_t *pool;
    apr_size_t bytes;
    void *segment;
    bool good = true;
    int round;
    int k;

    setvbuf(stdout, NULL, _IONBF, 0);
    apr_initialize();
    apr_pool_create(&pool, NULL);
    bytes = smart_shared_min_bytes();
    segment = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    herd = mmap(NULL, sizeof(*herd), PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (segment == MAP_FAILED || herd == MAP_FAILED ||
        smart_shared_format(segment, bytes, 1, 64, pool, &shared) !=
            APR_SUCCESS) {
        return 2;
    }
    for (round = 0; round < rounds; round++) {
        for (k = 0; k < HERD_KINDS; k++) {
            kind = (kind_e)k;
            good = herd_run(round) && good;
        }
    }
    printf("%s\n", good ? "good" : "BAD");
    return good ? 0 : 1;
}
