/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flight.h: many threads of a process want to know the same; one asks, the
 * others take what it brings.
 *
 *   enter -> LEADER     ask, then leave with what came of it
 *         -> DONE       another led; what it brought is in the out-parameter
 *         -> TIMED_OUT  it did not come back in time
 *
 * What is brought may be good for this moment only (trouble, an answer that
 * is not cached): that is why it is handed over and not looked up.
 *
 * Invariants:
 *   1. Of the threads inside between an enter that leads and its leave, there
 *      is one leader for each key.
 *   2. What a follower gets is what a leader of this very key left with, while
 *      the follower waited.
 *   3. enter returns by its deadline, by a clock that nobody can set.
 *   4. No lock is held while anyone asks.
 *
 * Does not: know other processes (ask_once.h does), ask, cache, look into what
 * is brought.
 */
#ifndef SMART_FLIGHT_H
#define SMART_FLIGHT_H

#include "io/clock.h"

#define SMART_FLIGHT_KEY 32u /* bytes of a key */

/** What came of asking about a token. */
typedef enum {
    SMART_ASKED_TROUBLE = 0, /* no usable answer: 503, may pass */
    SMART_ASKED_REFUSED,     /* we are not accepted: 503, will not */
    SMART_ASKED_UNPROVEN,    /* not provably active: 401 */
    SMART_ASKED_INACTIVE,    /* 401 */
    SMART_ASKED_ACTIVE       /* the record says what the token is good for */
} smart_asked_e;

typedef struct smart_asked_t {
    smart_asked_e outcome;
    int retry_after_s;    /* with TROUBLE and REFUSED; 0: none */
    bool stored;          /* it is in the cache as well */
    smart_slice_t record; /* with ACTIVE; else empty */
} smart_asked_t;

/** Flights of one process; any number of threads may use them. */
typedef struct smart_flights_t smart_flights_t;

typedef enum {
    SMART_FLIGHT_TIMED_OUT = 0,
    SMART_FLIGHT_DONE,
    SMART_FLIGHT_LEADER
} smart_flight_e;

/**
 * Make room for flights, in a child process.
 * @param most how many at once; as many as there are threads. Who finds no
 *             room leads alone.
 * @param p    pool that owns them; lives as long as the process
 * @return the flights; NULL if there is no mutex to be had
 */
smart_flights_t *smart_flights_create(unsigned most, apr_pool_t *p);

/**
 * Join the flight of a key, or begin it.
 * @param flights  from smart_flights_create
 * @param key      SMART_FLIGHT_KEY bytes
 * @param until_us mono_us until which a follower waits
 * @param p        pool of the calling thread, for a follower's copy
 * @param pticket  out: what to leave with, with LEADER
 * @param asked    out: with DONE what was brought; else zero
 * @return see smart_flight_e
 */
smart_flight_e smart_flight_enter(smart_flights_t *flights,
                                  const unsigned char *key,
                                  apr_int64_t until_us, apr_pool_t *p,
                                  int *pticket, smart_asked_t *asked);

/**
 * End a flight that one leads; must be called exactly once, whatever happened.
 * @param flights from smart_flights_create
 * @param ticket  from smart_flight_enter
 * @param asked   what was brought; copied. NULL: nothing, and one of those who
 *                wait leads in turn
 */
void smart_flight_leave(smart_flights_t *flights, int ticket,
                        const smart_asked_t *asked);

#endif
