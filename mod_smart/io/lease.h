/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease.h: the right to ask about a token, one owner at a time over all
 * processes, which nobody can keep.
 *
 *   table    256 sets of 8 slots; a key belongs to one set
 *   slot     claim 8 | outcome 8 | bell 4 | unused 4            (24 bytes)
 *   claim    fingerprint 24 | owns 1 | deadline 17 | owner 22   (bits)
 *   outcome  fingerprint 24 | end 24 | code 4 | retry 12        (bits)
 *
 *   claim 0           free
 *         owns 0      a candidate: placed, not yet sure to be the only one
 *         owns 1      the owner
 *
 * deadline and end count hundredths of a second and wrap after 21 minutes and
 * 46 hours. A claim past its deadline, and one whose owner is no process any
 * more, is as good as free. An outcome is what its owner had to say to those
 * who waited; it stays until the slot is released with another.
 *
 * To be the only one: a candidate is placed by compare-and-swap and then looks
 * at the other slots of its set. All these accesses are sequentially
 * consistent, so of two candidates one at least sees the other. It gives way
 * to an owner and to a candidate in a lower slot; from one in a higher slot it
 * waits to see which it becomes, and removes it if it is too slow. Who has
 * been removed finds that its own swap to owner fails.
 *
 * Invariants:
 *   1. Two owners of a key at once are possible only after the deadline of the
 *      first, or once its process is gone.
 *   2. acquire, release and held never wait for another process; wait ends
 *      after about its time.
 *   3. A lease speaks of nothing but asking. An outcome can refuse a request
 *      or send it to ask by itself, never permit it.
 *   4. Nothing in the table is an index or a size. Whatever stands in it, the
 *      worst is that a key is asked about twice, or not for as long as one
 *      waits.
 *
 * Two keys that agree in set and fingerprint (once in 2^32) share a lease: one
 * of them waits for the other.
 * Does not: queue, read clocks, know what an outcome's code means.
 */
#ifndef SMART_LEASE_H
#define SMART_LEASE_H

#include "io/bell.h"
#include "io/clock.h"
#include "io/word.h"

#define SMART_LEASE_KEY     32u /* bytes of a key; evenly distributed */
#define SMART_LEASE_SETS    256u
#define SMART_LEASE_WAYS    8u
#define SMART_LEASE_MAX_US  (300 * SMART_CLOCK_S) /* of a lifetime */
#define SMART_LEASE_CODES   16u   /* codes of an outcome; 0: none is left */
#define SMART_LEASE_RETRY_S 4095u /* an outcome's retry is cut to this */

typedef struct smart_lease_slot_t {
    smart_word_t claim;
    smart_word_t outcome;
    smart_bell_t bell; /* rung when a claim ends */
    apr_uint32_t unused;
} smart_lease_slot_t;

/** Bytes of shared memory, aligned to 8; all zero bits are an empty table. */
#define SMART_LEASE_BYTES                                                      \
    ((apr_size_t)SMART_LEASE_SETS * SMART_LEASE_WAYS *                         \
     sizeof(smart_lease_slot_t))

/** A process' handle on the table; any number of threads may use it. */
typedef struct smart_leases_t smart_leases_t;

typedef enum {
    SMART_LEASE_FULL = 0, /* no lease is to be had: go on without one */
    SMART_LEASE_BUSY,     /* another owns it: wait with the ticket */
    SMART_LEASE_SETTLED,  /* the asking one would have waited for is over */
    SMART_LEASE_OWNED     /* ask, then release the ticket */
} smart_lease_e;

/** A claim somebody has seen or made. */
typedef struct smart_lease_ticket_t {
    unsigned slot;      /* of the whole table */
    apr_uint64_t claim; /* what stands there; 0: no ticket */
} smart_lease_ticket_t;

/** What an owner leaves for those who wait. */
typedef struct smart_lease_outcome_t {
    unsigned code;    /* the caller's, below SMART_LEASE_CODES; 0: nothing */
    unsigned retry_s; /* seconds; 0: none */
} smart_lease_outcome_t;

/**
 * Use a table in shared memory.
 * @param base SMART_LEASE_BYTES bytes
 * @param p    pool that owns the handle, not the memory
 * @return the handle
 */
smart_leases_t *smart_leases_create(void *base, apr_pool_t *p);

/**
 * Try to own a key.
 * @param leases   from smart_leases_create
 * @param key      SMART_LEASE_KEY bytes
 * @param now      the time
 * @param since_us mono_us when the caller began to want it: an outcome left
 *                 after that (to a hundredth of a second) is for it as well
 * @param lifetime_us how long the asking may take at most; cut to
 *                 SMART_LEASE_MAX_US
 * @param ticket   out: with OWNED what to release, with BUSY what to wait for
 * @param outcome  out: with SETTLED what was left; else zero
 * @return see smart_lease_e
 */
smart_lease_e smart_lease_acquire(smart_leases_t *leases,
                                  const unsigned char *key,
                                  const smart_clock_t *now,
                                  apr_int64_t since_us, apr_int64_t lifetime_us,
                                  smart_lease_ticket_t *ticket,
                                  smart_lease_outcome_t *outcome);

/**
 * Wait for the end of a lease that another owns.
 * @param leases  from smart_leases_create
 * @param ticket  from smart_lease_acquire with BUSY
 * @param most_us longest wait; short enough to look now and then whether the
 *                owner is gone, which only acquire does
 * @return true once the lease has ended: acquire again
 */
bool smart_lease_wait(smart_leases_t *leases,
                      const smart_lease_ticket_t *ticket, apr_int64_t most_us);

/**
 * Give a lease back and wake who waits for it, unless it was lost meanwhile.
 * @param leases  from smart_leases_create
 * @param ticket  from smart_lease_acquire with OWNED
 * @param now     the time
 * @param outcome what to tell who waits; NULL, or code 0: nothing
 */
void smart_lease_release(smart_leases_t *leases,
                         const smart_lease_ticket_t *ticket,
                         const smart_clock_t *now,
                         const smart_lease_outcome_t *outcome);

/**
 * Count the leases that are held, for a status page.
 * @return how many of the SMART_LEASE_SETS * SMART_LEASE_WAYS
 */
unsigned smart_leases_held(const smart_leases_t *leases,
                           const smart_clock_t *now);

#endif
