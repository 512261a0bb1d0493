/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counters.h: what happened, counted by each process for itself in memory that
 * a status page can add up.
 *
 *   table    512 blocks for processes | one for all that found none left
 *   block    counts | latencies | sum of latencies | owner        (384 bytes)
 *
 * A process takes one or more blocks when it starts and spreads its threads
 * over them, so that no two processes, and few threads, write to one cache
 * line. A block outlives its process and is taken over, counts and all, by a
 * later one: sums never go back.
 *
 * Invariants:
 *   1. No count is lost: all changes are atomic additions.
 *   2. Nothing in the table is an index or a size; the blocks of a process are
 *      in its own memory.
 *
 * Cost: an addition of some 5 ns where the line is at home.
 * Does not: reset. Sums are a moment apart; a difference of two reads counts.
 */
#ifndef SMART_COUNTERS_H
#define SMART_COUNTERS_H

#include "core/base.h"
#include "io/word.h"

typedef enum {
    /* where facts about a token came from */
    SMART_COUNT_HIT = 0,  /* the cache, fresh */
    SMART_COUNT_NEGATIVE, /* the cache: inactive */
    SMART_COUNT_STALE,    /* the cache, past its time to live */
    SMART_COUNT_MISS,     /* not the cache */

    /* questions to the authorization server */
    SMART_COUNT_INTROSPECTION,  /* asked */
    SMART_COUNT_REFRESH,        /* of these: ahead of expiry */
    SMART_COUNT_FAILURE,        /* no usable answer */
    SMART_COUNT_REFUSED,        /* we are not accepted */
    SMART_COUNT_UNPROVEN,       /* an answer that proves nothing */
    SMART_COUNT_TOO_LARGE,      /* an answer too large for the cache */
    SMART_COUNT_WAIT,           /* not asked: another did */
    SMART_COUNT_BREAKER,        /* not asked: the breaker is open */
    SMART_COUNT_PERMIT_TIMEOUT, /* not asked: too many under way */

    /* lines of audit logs */
    SMART_COUNT_AUDIT,
    SMART_COUNT_AUDIT_LOST, /* whoever should read them does not */

    /* look-ups in the cache that machines share */
    SMART_COUNT_SHARED_HIT,
    SMART_COUNT_SHARED_MISS,
    SMART_COUNT_SHARED_FAILURE,  /* it failed or took too long */
    SMART_COUNT_SHARED_TAMPERED, /* a value that is not ours */

    /* decisions about requests */
    SMART_COUNT_PERMITTED,
    SMART_COUNT_PUBLIC,        /* permitted without a token */
    SMART_COUNT_DENIED_FORM,   /* 400 */
    SMART_COUNT_DENIED_TOKEN,  /* 401 */
    SMART_COUNT_DENIED_ACCESS, /* 403, 404, 405 */
    SMART_COUNT_DENIED_BODY,   /* 413, 415 */
    SMART_COUNT_DENIED_SERVER, /* 503 */
    SMART_COUNT_DENIED_OTHER,  /* 500, and whatever there may be */

    SMART_COUNT_COUNT
} smart_count_e;

/* Latencies: bucket i holds those of up to 128 us << i, the last one all. */
#define SMART_LATENCY_BUCKETS  17u
#define SMART_LATENCY_FIRST_US 128

#define SMART_COUNTER_BLOCKS  512u /* of processes */
#define SMART_COUNTER_STRIPES 8u   /* most blocks of one process */
#define SMART_COUNTER_WORDS   48u  /* of a block */

/** Bytes of shared memory, aligned to 64; all zero bits: nothing happened. */
#define SMART_COUNTERS_BYTES                                                   \
    ((apr_size_t)(SMART_COUNTER_BLOCKS + 1u) * SMART_COUNTER_WORDS * 8u)

/** A process' handle; any number of threads may use it. */
typedef struct smart_counters_t smart_counters_t;

/** Sums over all processes there were. */
typedef struct smart_sums_t {
    apr_uint64_t count[SMART_COUNT_COUNT];       /* by smart_count_e */
    apr_uint64_t latency[SMART_LATENCY_BUCKETS]; /* not cumulative */
    apr_uint64_t latency_us;                     /* of all of them together */
    apr_uint64_t processes; /* blocks that are or were somebody's */
} smart_sums_t;

/**
 * Use a table in shared memory, to add it up. Who counts joins first; until
 * then counts go to the block of all.
 * @param base SMART_COUNTERS_BYTES bytes
 * @param p    pool that owns the handle, not the memory
 * @return the handle
 */
smart_counters_t *smart_counters_create(void *base, apr_pool_t *p);

/**
 * Take blocks for this process; once, in a child, before there are threads.
 * @param counters from smart_counters_create
 * @param threads  how many will count: one block for each, at most
 *                 SMART_COUNTER_STRIPES, and what is left
 * @return how many were taken; 0: the block of all is used
 */
unsigned smart_counters_join(smart_counters_t *counters, unsigned threads);

/**
 * Count.
 * @param counters from smart_counters_create; NULL: nothing happens
 * @param what     to count
 */
void smart_count(smart_counters_t *counters, smart_count_e what);

/**
 * Count a question and how long it took.
 * @param counters   from smart_counters_create; NULL: nothing happens
 * @param latency_us microseconds
 */
void smart_count_latency(smart_counters_t *counters, apr_int64_t latency_us);

/**
 * What a refusal counts as.
 * @param status HTTP status it is answered with
 * @return one of SMART_COUNT_DENIED_*
 */
smart_count_e smart_count_of_status(int status);

/**
 * Add up; some 20 us.
 * @param counters from smart_counters_create
 * @param sums     out: the sums
 */
void smart_counters_sum(const smart_counters_t *counters, smart_sums_t *sums);

/**
 * Name of a count for machines: lower case and underscores.
 * @return constant; "unknown" for what is none
 */
const char *smart_count_name(smart_count_e what);

#endif
