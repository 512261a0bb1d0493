/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bell.h: wait in one process until another one rings, or time is up.
 *
 * A bell is a counter in shared memory. Who waits reads it, then looks at what
 * he waits for, then waits with the number read: if somebody rang in between,
 * he does not wait at all. So no ring is missed.
 *
 *   seen = smart_bell_read(bell);
 *   if (still held) smart_bell_wait(bell, seen, most_us);
 *
 * Invariants:
 *   1. A wait ends after about its time, whatever stands in shared memory and
 *      whoever died; it may end early for no reason.
 *   2. Nothing is owned: a dead waiter or ringer leaves nothing behind.
 *
 * Linux: futex, woken within about 50 us. Elsewhere: looks every 1 to 5 ms.
 */
#ifndef SMART_BELL_H
#define SMART_BELL_H

#include "core/base.h"

#include <stdatomic.h>

/** In shared memory; all zero bits are a bell. */
typedef struct smart_bell_t {
    _Atomic apr_uint32_t rung; /* how often; wraps */
} smart_bell_t;

_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && sizeof(smart_bell_t) == 4,
               "a bell is what the kernel takes for a futex");

/** How many wake up. */
#define SMART_BELL_ONE 1
#define SMART_BELL_ALL APR_INT32_MAX

/**
 * Read a bell before looking at what it stands for.
 * @return the number to wait with
 */
static inline apr_uint32_t smart_bell_read(const smart_bell_t *bell)
{
    return atomic_load(&bell->rung);
}

/**
 * Wait until somebody rings.
 * @param bell    in shared memory
 * @param seen    from smart_bell_read
 * @param most_us longest wait, microseconds; at most a minute counts
 */
void smart_bell_wait(smart_bell_t *bell, apr_uint32_t seen,
                     apr_int64_t most_us);

/**
 * Wake who waits; after what they wait for has changed.
 * @param bell  in shared memory
 * @param count SMART_BELL_ONE or SMART_BELL_ALL
 */
void smart_bell_ring(smart_bell_t *bell, int count);

#endif
