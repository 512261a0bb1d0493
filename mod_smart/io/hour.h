/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hour.h: what was counted in each of the last sixty minutes.
 *
 *   ring     newest minute | 64 slots of 512 bytes
 *   slot     minute | sums of counters.h as they were when it began
 *
 * Whoever is the first to do something in a minute writes down the sums as they
 * are then, by the wall clock. Between that and the next one written down lies
 * what happened in that minute, and in no other: in those without a slot
 * nothing did. So nobody has to wake up, whichever way processes are run.
 *
 * Invariants:
 *   1. A slot is written by the one who put its minute into the first word;
 *      while it is written it has no minute. Who dies with it leaves a minute
 *      that counts with the one before.
 *   2. Nothing in the ring is an index: a slot is found by the clock.
 *   3. A clock that was set back begins a new hour; slots of its future are
 *      not shown.
 *
 * Cost: a load and a comparison for each request; some 30 us once a minute.
 */
#ifndef SMART_HOUR_H
#define SMART_HOUR_H

#include "io/counters.h"

#include <apr_time.h>

#define SMART_HOUR_MINUTES 60u
#define SMART_HOUR_SLOTS   64u
#define SMART_HOUR_WORDS   64u /* of a slot */

/** Bytes of shared memory, aligned to 64; all zero bits: nothing is known. */
#define SMART_HOUR_BYTES                                                       \
    ((apr_size_t)64 + (apr_size_t)SMART_HOUR_SLOTS * SMART_HOUR_WORDS * 8u)

/** In shared memory. */
typedef struct smart_hour_slot_t {
    smart_word_t minute; /* since the epoch; 0: none, or being written */
    smart_word_t sum[SMART_HOUR_WORDS - 1];
} smart_hour_slot_t;

typedef struct smart_hour_t {
    smart_word_t newest; /* minute of the newest slot */
    smart_word_t unused[7];
    smart_hour_slot_t slots[SMART_HOUR_SLOTS];
} smart_hour_t;

_Static_assert(sizeof(smart_hour_t) == SMART_HOUR_BYTES,
               "a ring is as large as is said");

/** One minute. */
typedef struct smart_minute_t {
    apr_time_t begin;  /* of the minute */
    bool known;        /* false: nobody was there to count */
    smart_sums_t sums; /* what was added in it; processes is not used */
} smart_minute_t;

/** The minute of a time. */
static inline apr_uint64_t smart_hour_minute(apr_time_t now)
{
    return (apr_uint64_t)now / (60 * APR_USEC_PER_SEC);
}

/** Write the sums down, if this is the first call in a minute. */
void smart_hour_note(smart_hour_t *hour, const smart_counters_t *counters,
                     apr_time_t now);

/**
 * Something is about to be counted.
 * @param hour     SMART_HOUR_BYTES bytes of shared memory; NULL: nothing
 *                 happens
 * @param counters whose sums are written down
 * @param now      wall clock, as far as the caller knows it: the time of his
 *                 request will do
 */
static inline void smart_hour_tick(smart_hour_t *hour,
                                   const smart_counters_t *counters,
                                   apr_time_t now)
{
    if (hour && smart_word_get(&hour->newest) != smart_hour_minute(now)) {
        smart_hour_note(hour, counters, now);
    }
}

/**
 * The last SMART_HOUR_MINUTES minutes, oldest first; the last one is not over.
 * @param now  wall clock
 * @param sums as they are now
 * @param out  out: SMART_HOUR_MINUTES of them
 */
void smart_hour_read(const smart_hour_t *hour, apr_time_t now,
                     const smart_sums_t *sums, smart_minute_t *out);

/**
 * How long a part of the questions took at most, as far as buckets can tell.
 * @param latency counts by bucket, as in smart_sums_t
 * @param percent 1 to 100
 * @return microseconds; -1: there was none
 */
apr_int64_t smart_latency_quantile(const apr_uint64_t *latency,
                                   unsigned percent);

#endif
