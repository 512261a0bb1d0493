/* SPDX-License-Identifier: Apache-2.0 */
/*
 * breaker.h: stop asking an endpoint that does not answer, over all processes.
 *
 *   closed     everybody asks                                   -> GO
 *   open       after SMART_BREAKER_FAILURES failures in a row:  -> NO
 *              one question each SMART_BREAKER_PROBE_US         -> PROBE
 *   half open  the same, while such a probe may be under way
 *
 *   table      64 slots of 64 bytes: id | state | used | openings | answers |
 *              failures | pace | last answer
 *   state      state 2 | failures 6 | time 56                      (bits)
 *   time       closed: when it was closed; else when the next probe is due;
 *              milliseconds of mono_us
 *
 * Invariants:
 *   1. State, count and time are one word, changed by compare-and-swap: each
 *      opening and each closing is somebody's, and only his, to report.
 *   2. A probe is given, not owned. Whoever dies with it, the next one is due
 *      SMART_BREAKER_PROBE_US after it was given.
 *   3. Whatever stands in the segment, nobody is turned away for longer than
 *      SMART_BREAKER_PROBE_US, and NO never means more than "not now".
 *   4. A failure of a question older than the last closing does not count:
 *      those that still hang when a server comes back do not open it again.
 *
 * The words for status pages are changed without order: each is near the truth
 * by itself, and nothing is decided by them.
 *
 * Does not: know why a question failed. Answers that prove something about a
 * token are successes, whatever they say.
 */
#ifndef SMART_BREAKER_H
#define SMART_BREAKER_H

#include "io/clock.h"
#include "io/word.h"

#define SMART_BREAKER_SLOTS    64u
#define SMART_BREAKER_FAILURES 5u
#define SMART_BREAKER_PROBE_US SMART_CLOCK_S

/* A slot not used for so long is given to another endpoint if none is free. */
#define SMART_BREAKER_IDLE_US (600 * SMART_CLOCK_S)

/** In shared memory; see the head for what the words are. */
typedef struct smart_breaker_t {
    smart_word_t id; /* of the endpoint; 0: free */
    smart_word_t state;
    smart_word_t used_us;  /* mono_us of some recent use */
    smart_word_t openings; /* how often it opened */
    smart_word_t answers;  /* questions that were answered */
    smart_word_t failed;   /* and that were not */
    smart_word_t pace_us;  /* what recent answers took; 0: there was none */
    smart_word_t answer_s; /* wall_s of the last answer; 0: none */
} smart_breaker_t;

_Static_assert(sizeof(smart_breaker_t) == 64, "a breaker is a cache line");

/** Bytes of shared memory, aligned to 8; all zero bits are an empty table. */
#define SMART_BREAKER_BYTES (SMART_BREAKER_SLOTS * sizeof(smart_breaker_t))

typedef enum {
    SMART_BREAKER_NO = 0, /* do not ask */
    SMART_BREAKER_PROBE,  /* ask: it is found out whether it answers again */
    SMART_BREAKER_GO      /* ask */
} smart_breaker_e;

/** What a report has changed; to be logged by who gets it. */
typedef enum {
    SMART_BREAKER_SAME = 0,
    SMART_BREAKER_OPENED,
    SMART_BREAKER_CLOSED
} smart_breaker_change_e;

/** The states as a status page shows them. */
typedef enum {
    SMART_BREAKER_IS_CLOSED = 0,
    SMART_BREAKER_IS_OPEN,
    SMART_BREAKER_IS_HALF_OPEN
} smart_breaker_state_e;

typedef struct smart_breaker_view_t {
    apr_uint64_t id; /* 0: nothing here */
    smart_breaker_state_e state;
    unsigned failures; /* in a row */
    apr_uint64_t openings;
    apr_uint64_t answers;
    apr_uint64_t failed;
    apr_uint64_t pace_us;
    apr_int64_t answer_s;
} smart_breaker_view_t;

/**
 * Find the breaker of an endpoint; the first one to look for it makes it.
 * @param table SMART_BREAKER_BYTES bytes of shared memory
 * @param id    of the endpoint, evenly distributed: 8 bytes of a digest
 * @param now   the time
 * @return the breaker; NULL: all are taken, go on without
 */
smart_breaker_t *smart_breaker_find(smart_breaker_t *table, apr_uint64_t id,
                                    const smart_clock_t *now);

/**
 * Ask whether to ask.
 * @param breaker from smart_breaker_find; NULL: GO
 * @param now     the time
 * @param pretry_after_s out: with NO, seconds to the next probe, at least 1;
 *                else 0
 * @return see smart_breaker_e
 */
smart_breaker_e smart_breaker_allow(smart_breaker_t *breaker,
                                    const smart_clock_t *now,
                                    int *pretry_after_s);

/**
 * Report what came of a question that was allowed.
 * @param breaker    from smart_breaker_find; NULL: nothing happens
 * @param success    it was answered
 * @param started_us mono_us when it was allowed
 * @param now        the time
 * @return what this report, and no other, has changed
 */
smart_breaker_change_e smart_breaker_report(smart_breaker_t *breaker,
                                            bool success,
                                            apr_int64_t started_us,
                                            const smart_clock_t *now);

/**
 * Look at a slot, for a status page.
 * @param table as given to smart_breaker_find
 * @param n     0 to SMART_BREAKER_SLOTS - 1
 * @param view  out: what is there
 */
void smart_breaker_look(const smart_breaker_t *table, unsigned n,
                        smart_breaker_view_t *view);

#endif
