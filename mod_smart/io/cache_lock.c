/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_lock.c: compare-and-swap, patience, then kill(pid, 0).
 *
 * A process id that was given to somebody else only makes a dead owner look
 * alive, and then its time runs out as a stopped one's does.
 */
#include "io/cache_lock.h"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define SPINS  100   /* looks before the first system call, about 2 us */
#define NAP_NS 50000 /* between looks from then on */

static apr_int64_t clock_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (apr_int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static bool lock_try(smart_word_t *lock, apr_uint64_t seen, apr_uint64_t me)
{
    return atomic_compare_exchange_strong_explicit(
        lock, &seen, me, memory_order_acq_rel, memory_order_relaxed);
}

/* Whoever wrote this word can not give it back any more. */
static bool owner_is_gone(apr_uint64_t word)
{
    const pid_t pid = (pid_t)(word >> 32);

    return pid <= 0 || (kill(pid, 0) != 0 && errno == ESRCH);
}

/* The short way: free, or free in a moment. */
static bool lock_spin(smart_word_t *lock, apr_uint64_t me)
{
    int i;

    for (i = 0; i < SPINS; i++) {
        if (smart_word_get(lock) == 0 && lock_try(lock, 0, me)) {
            return true;
        }
        smart_cache_pause();
    }
    return false;
}

/* Whether a lock that was found held may be taken now. */
static bool owner_is_over(apr_uint64_t owner, apr_int64_t held_us)
{
#ifdef SMART_CACHE_WITHOUT_STEAL
    (void)owner_is_gone;
    (void)owner;
    (void)held_us;
    return false;
#else
    return held_us >= SMART_CACHE_STEAL_US || owner_is_gone(owner);
#endif
}

/* The long way: wait for the owner, up to a point. The last look is after the
 * last nap, however long that was. */
static bool lock_wait(smart_word_t *lock, apr_uint64_t me, bool *pstolen)
{
    const struct timespec nap = {0, NAP_NS};
    const apr_int64_t start = clock_us();
    apr_uint64_t owner = smart_word_get(lock);
    apr_int64_t since = start; /* when this owner was first seen */
    apr_int64_t now = start;

    for (;;) {
        const apr_uint64_t seen = smart_word_get(lock);

        if (seen != owner) {
            owner = seen;
            since = now;
        }
        if ((seen == 0 || owner_is_over(seen, now - since)) &&
            lock_try(lock, seen, me)) {
            *pstolen = seen != 0;
            return true;
        }
        if (now - start >= SMART_CACHE_WAIT_MS * SMART_CLOCK_MS) {
            return false;
        }
        nanosleep(&nap, NULL);
        now = clock_us();
    }
}

bool smart_cache_lock(smart_cache_t *cache, smart_word_t *lock,
                      apr_uint64_t *pme, bool *pstolen)
{
    const apr_uint32_t turn =
        1 | atomic_fetch_add_explicit(&cache->turn, 2, memory_order_relaxed);
    const apr_uint64_t me = (apr_uint64_t)(apr_uint32_t)getpid() << 32 | turn;

    *pstolen = false;
    *pme = 0;
    if (lock_spin(lock, me) || lock_wait(lock, me, pstolen)) {
        *pme = me;
        return true;
    }
    return false;
}

void smart_cache_unlock(smart_word_t *lock, apr_uint64_t me)
{
    atomic_compare_exchange_strong_explicit(lock, &me, 0, memory_order_release,
                                            memory_order_relaxed);
}
