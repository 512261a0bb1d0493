/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask_once.h: one question about a token, however many threads of however many
 * processes want the answer.
 *
 *   threads of a process    a flight (flight.h): one leads
 *   leaders of processes    a lease (lease.h): one asks, the others look at
 *                           the cache until it is done
 *
 * An answer travels between processes through the cache; one that may not be
 * cached because it refuses (trouble, unproven) goes with the lease.
 *
 * Invariants:
 *   1. While an asker is alive and in time, there is no other of that key in
 *      any process, unless the table of leases is full.
 *   2. Who began to want an answer before an asker failed shares the failure:
 *      no second question follows from it.
 *   3. An asker that is killed costs the others about SMART_ONCE_LOOK_US, one
 *      that is stopped the rest of its lifetime_us. Then one of them asks.
 *   4. Everybody has an outcome by wait_us, or as late as its own question
 *      takes.
 *
 * An active answer that is not cached (no time to live, too large) is shared
 * within the process; leaders of other processes then each ask themselves, at
 * the same time and not one after the other.
 * Does not: ask, cache, log; the callbacks do.
 */
#ifndef SMART_ASK_ONCE_H
#define SMART_ASK_ONCE_H

#include "io/flight.h"
#include "io/lease.h"

/* How often a waiting leader looks whether the asker is still there. */
#define SMART_ONCE_LOOK_US 10000

typedef enum {
    SMART_ONCE_TIMED_OUT = 0, /* no answer in time; outcome TROUBLE */
    SMART_ONCE_SHARED,        /* another asked, and this came of it */
    SMART_ONCE_FOUND,         /* another asked, and it is in the cache */
    SMART_ONCE_ASKED          /* we did */
} smart_once_e;

/** Who asks. The callbacks run in the calling thread, before the return. */
typedef struct smart_once_t {
    /** Look at the cache again. *asked comes zeroed. True: it has the
     * answer, in *asked; `stored` need not be set. */
    bool (*look)(void *ctx, smart_asked_t *asked);
    /** Ask, and put what came of it into the cache. *asked comes zeroed. Must
     * return within lifetime_us. */
    void (*ask)(void *ctx, smart_asked_t *asked);
    void *ctx;               /* handed to both */
    apr_int64_t wait_us;     /* how long to wait for another; 0: not at all */
    apr_int64_t lifetime_us; /* after which an asker counts as lost */
} smart_once_t;

/**
 * Get the answer about a key, asking only if nobody else does.
 * @param once    who asks
 * @param flights of this process
 * @param leases  of all processes; NULL: each process for itself
 * @param key     SMART_LEASE_KEY bytes
 * @param now     when the caller began to want it, before its first look
 * @param p       pool of the calling thread; owns a record handed over
 * @param asked   out: the outcome; record in p, or as a callback gave it
 * @return where it comes from
 */
smart_once_e smart_ask_once(const smart_once_t *once, smart_flights_t *flights,
                            smart_leases_t *leases, const unsigned char *key,
                            const smart_clock_t *now, apr_pool_t *p,
                            smart_asked_t *asked);

#endif
