/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease_owners.c: many threads of many processes fight for a few leases and
 * permits, and are killed at any point. There is never a second owner, and
 * what the dead held comes back.
 *
 * usage: lease_owners [SECONDS]     2
 *
 * The keys share one set, so that slots become free below and above those of
 * others: the candidates meet. Exit status 1 on a second owner, or when
 * something can not be had at the end.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/wait.h>

#include <apr_general.h>

#include "io/lease.h"
#include "io/owner.h"
#include "io/permits.h"

#define PROCESSES 4
#define THREADS   2
#define KEYS      6
#define PERMITS   1
#define STAY      500 /* looks while inside: long enough to be met */
#define KILL_US   10000
#define LIFE_US   (60 * SMART_CLOCK_S) /* longer than the run: no expiry */

/* Who is inside, as the threads themselves say. */
typedef struct field_t {
    _Atomic bool over;
    _Atomic apr_uint64_t inside[KEYS];
    _Atomic apr_uint64_t holding[PERMITS];
    _Atomic apr_uint64_t leases;  /* owned in all */
    _Atomic apr_uint64_t permits; /* held in all */
    _Atomic apr_uint64_t full;
    _Atomic apr_uint64_t second; /* owners beside another */
} field_t;

static field_t *field;
static smart_leases_t *leases;
static smart_permits_t *permits;

static void key_make(unsigned n, unsigned char *key)
{
    memset(key, 0, SMART_LEASE_KEY);
    key[15] = (unsigned char)(n + 1); /* the set is that of zero */
}

/* Enter a place where one may be; the dead do not count. */
static void inside(_Atomic apr_uint64_t *place, apr_uint64_t me)
{
    apr_uint64_t before = atomic_exchange(place, me);
    int i;

    if (before != 0 && !smart_owner_is_gone(before >> 8)) {
        field->second++;
    }
    for (i = 0; i < STAY; i++) {
        if (atomic_load(place) != me) {
            field->second++;
        }
    }
    before = me;
    atomic_compare_exchange_strong(place, &before, 0);
}

static void lease_fight(unsigned n, apr_uint64_t me)
{
    unsigned char key[SMART_LEASE_KEY];
    const smart_clock_t now = smart_clock_now();
    smart_lease_outcome_t outcome;
    smart_lease_ticket_t ticket;

    key_make(n, key);
    switch (smart_lease_acquire(leases, key, &now, now.mono_us, LIFE_US,
                                &ticket, &outcome)) {
    case SMART_LEASE_OWNED:
        inside(&field->inside[n], me);
        field->leases++;
        smart_lease_release(leases, &ticket, &now, NULL);
        break;
    case SMART_LEASE_FULL:
        field->full++;
        break;
    case SMART_LEASE_BUSY:
    case SMART_LEASE_SETTLED:
        break;
    }
}

/* Without waiting, so that they meet; only who waits asks after the dead. */
static void permit_fight(apr_uint64_t me, apr_int64_t wait_us)
{
    const smart_clock_t now = smart_clock_now();
    smart_permit_ticket_t ticket;

    if (smart_permit_acquire(permits, SMART_PERMIT_KNOWN, &now, wait_us,
                             LIFE_US, &ticket)) {
        inside(&field->holding[ticket.slot], me);
        field->permits++;
        smart_permit_release(permits, &ticket);
    }
}

static void *fight(void *data)
{
    const apr_uint64_t me =
        smart_owner_self() << 8 | (apr_uint64_t)(uintptr_t)data;
    unsigned n = (unsigned)me * 7;

    while (!field->over) {
        n = n * 1103515245 + 12345;
        lease_fight((n >> 16) % KEYS, me);
        permit_fight(me, n >> 16 & 63 ? 0 : 1000);
    }
    return NULL;
}

static pid_t process_start(void)
{
    const pid_t pid = fork();
    pthread_t thread[THREADS];
    uintptr_t i;

    if (pid != 0) {
        return pid;
    }
    for (i = 0; i < THREADS; i++) {
        pthread_create(&thread[i], NULL, fight, (void *)(i + 1));
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
    }
    _exit(0);
}

/* All that the dead held can be had again. */
static bool all_comes_back(void)
{
    const smart_clock_t now = smart_clock_now();
    unsigned char key[SMART_LEASE_KEY];
    smart_permit_ticket_t permit;
    smart_lease_outcome_t outcome;
    smart_lease_ticket_t lease;
    unsigned n;

    for (n = 0; n < KEYS; n++) {
        key_make(n, key);
        if (smart_lease_acquire(leases, key, &now, now.mono_us, LIFE_US, &lease,
                                &outcome) != SMART_LEASE_OWNED) {
            return false;
        }
    }
    for (n = 0; n < PERMITS; n++) {
        if (!smart_permit_acquire(permits, SMART_PERMIT_KNOWN, &now,
                                  SMART_CLOCK_S, LIFE_US, &permit)) {
            return false;
        }
    }
    return true;
}

static int kill_for(int seconds, pid_t *pid)
{
    const apr_int64_t end = smart_clock_now().mono_us + seconds * SMART_CLOCK_S;
    int kills = 0;

    while (smart_clock_now().mono_us < end) {
        const int i = kills++ % PROCESSES;

        usleep(KILL_US);
        kill(pid[i], SIGKILL);
        waitpid(pid[i], NULL, 0);
        pid[i] = process_start();
    }
    return kills;
}

int main(int argc, const char *const *argv)
{
    const int seconds = argc > 1 ? atoi(argv[1]) : 2;
    pid_t pid[PROCESSES];
    apr_pool_t *pool;
    char *memory;
    bool back;
    int kills;
    int i;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    memory = mmap(NULL, (size_t)1 << 20, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return 2;
    }
    leases = smart_leases_create(memory, pool);
    permits = smart_permits_create(memory + SMART_LEASE_BYTES, PERMITS, pool);
    field =
        (field_t *)(void *)(memory + SMART_LEASE_BYTES + SMART_PERMITS_BYTES);
    for (i = 0; i < PROCESSES; i++) {
        pid[i] = process_start();
    }
    /* Half the time undisturbed: kills leave fewer meetings. */
    sleep((unsigned)(seconds + 1) / 2);
    kills = kill_for((seconds + 1) / 2, pid);
    field->over = true;
    for (i = 0; i < PROCESSES; i++) {
        waitpid(pid[i], NULL, 0);
    }
    back = all_comes_back();
    printf("%d kills, %lu leases owned, %lu permits held, %lu times full, "
           "%lu second owners, all comes back: %s\n",
           kills, (unsigned long)field->leases, (unsigned long)field->permits,
           (unsigned long)field->full, (unsigned long)field->second,
           back ? "yes" : "NO");
    return field->second == 0 && field->leases > 0 && field->permits > 0 && back
               ? 0
               : 1;
}
