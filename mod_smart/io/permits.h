/* SPDX-License-Identifier: Apache-2.0 */
/*
 * permits.h: how many questions are under way at once in the whole server, so
 * that a slow authorization server does not take all the workers.
 *
 *   table    bells: two, in 64 bytes | 4096 permits of 8 bytes
 *   permit   deadline 42 | owner 22                                (bits)
 *            0 is free; the deadline is in milliseconds of mono_us
 *
 *   0 ...... new_limit ...... limit ...... 4096
 *   for all            for KNOWN  not used
 *
 * Tokens seen before, which a stale record proves, have a quarter for
 * themselves: a flood of tokens nobody ever saw leaves it to them.
 *
 * Invariants:
 *   1. No more than limit permits are held at once, and no more than new_limit
 *      of class NEW, unless a holder outlives the deadline it gave.
 *   2. The permit of a holder that is dead comes back within a few hundred
 *      milliseconds while somebody waits, that of a stopped one at its
 *      deadline.
 *   3. acquire returns after about wait_us, whatever others do.
 *   4. The limit is this process' own: nothing in the table changes it.
 *
 * Processes with different limits (two generations of a server) share a table:
 * together they hold at most the larger number.
 * Does not: queue. Who comes later may be served first.
 */
#ifndef SMART_PERMITS_H
#define SMART_PERMITS_H

#include "io/bell.h"
#include "io/clock.h"
#include "io/word.h"

#define SMART_PERMITS_MOST   4096u
#define SMART_PERMITS_MAX_US (300 * SMART_CLOCK_S) /* of a holding */

/** Bytes of shared memory, aligned to 8; all zero bits: all are free. */
#define SMART_PERMITS_BYTES                                                    \
    ((apr_size_t)64 + (apr_size_t)SMART_PERMITS_MOST * 8)

/** A process' handle on the table; any number of threads may use it. */
typedef struct smart_permits_t smart_permits_t;

typedef enum {
    SMART_PERMIT_NEW = 0, /* nothing is known of the token */
    SMART_PERMIT_KNOWN    /* there is a record to be refreshed, or a probe */
} smart_permit_class_e;

/** A permit that is held. */
typedef struct smart_permit_ticket_t {
    unsigned slot;
    apr_uint64_t word; /* what stands there; 0: none is held */
} smart_permit_ticket_t;

/**
 * Use a table in shared memory.
 * @param base  SMART_PERMITS_BYTES bytes
 * @param limit permits; 1 to SMART_PERMITS_MOST, others are cut to that
 * @param p     pool that owns the handle, not the memory
 * @return the handle
 */
smart_permits_t *smart_permits_create(void *base, unsigned limit,
                                      apr_pool_t *p);

/**
 * Take a permit.
 * @param permits from smart_permits_create
 * @param class   which ones may be taken
 * @param now     the time
 * @param wait_us longest wait for one; 0: do not wait
 * @param hold_us how long it is held at most; cut to SMART_PERMITS_MAX_US
 * @param ticket  out: what to give back; zero unless true
 * @return true if there was one
 */
bool smart_permit_acquire(smart_permits_t *permits, smart_permit_class_e class,
                          const smart_clock_t *now, apr_int64_t wait_us,
                          apr_int64_t hold_us, smart_permit_ticket_t *ticket);

/**
 * Give a permit back, unless it was lost meanwhile.
 * @param permits from smart_permits_create
 * @param ticket  from smart_permit_acquire; one that holds nothing is fine
 */
void smart_permit_release(smart_permits_t *permits,
                          const smart_permit_ticket_t *ticket);

/**
 * Count the permits that are held, for a status page.
 * @return how many
 */
unsigned smart_permits_held(const smart_permits_t *permits,
                            const smart_clock_t *now);

/**
 * The limits that are in force.
 * @param class SMART_PERMIT_NEW: what those may hold; KNOWN: all there are
 * @return how many
 */
unsigned smart_permits_limit(const smart_permits_t *permits,
                             smart_permit_class_e class);

#endif
