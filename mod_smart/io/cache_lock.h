/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_lock.h: the lock of a region, which nobody can keep.
 *
 *   word = 0                   free
 *        / process id << 32 | turn        held; turn is never 0 and makes each
 *                                         holding a word of its own
 *
 * An owner does its work in a microsecond. Who finds the lock held spins for a
 * moment, then looks: an owner that is no process any more loses the lock at
 * once, one that has not let go within SMART_CACHE_STEAL_US (dead but not yet
 * waited for, stopped, starved) loses it then.
 *
 * Losing it does no harm: see the invariants of cache_table.h. This lock saves
 * writers from each other's work; it does not keep records whole.
 *
 * Does not: queue, promise fairness, look after memory.
 */
#ifndef SMART_CACHE_LOCK_H
#define SMART_CACHE_LOCK_H

#include "io/cache_table.h"

#define SMART_CACHE_STEAL_US                                                   \
    4000 /* an owner's time; less than half of what
                                     a put waits */

/** What a processor likes to hear inside a loop that waits for another. */
static inline void smart_cache_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/**
 * Take a region's lock, for at most SMART_CACHE_WAIT_MS.
 * @param cache whose turn counter makes the word unique
 * @param lock  word of the region
 * @param pme   out: what to unlock with; 0 if not taken
 * @param pstolen out: it was taken from an owner that did not let go
 * @return true if taken
 */
bool smart_cache_lock(smart_cache_t *cache, smart_word_t *lock,
                      apr_uint64_t *pme, bool *pstolen);

/**
 * Give a lock back, unless it was taken away meanwhile.
 * @param lock word of the region
 * @param me   from smart_cache_lock
 */
void smart_cache_unlock(smart_word_t *lock, apr_uint64_t me);

#endif
