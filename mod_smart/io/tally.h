/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally.h: what became of requests, by FHIR base and reason, over all
 * processes.
 *
 *   table    512 rows of 512 bytes | one for all that found none left
 *   row      base | owner | counts[62]
 *   counts   permitted | public | one for each smart_reason_e
 *
 * A process takes a few rows for each base when it starts and spreads its
 * threads over them, so that no two processes write to one cache line while
 * there are rows enough. A row outlives its process and is taken over, counts
 * and all, by a later one that has the same base: sums never go back.
 *
 * Invariants:
 *   1. No count is lost: all changes are atomic additions.
 *   2. Nothing in the table is an index or a size; the rows of a process are in
 *      its own memory.
 *   3. A base whose rows ran out shares one with another process, and only if
 *      it has none at all the one for all.
 *
 * Cost: an addition of some 5 ns where the line is at home.
 */
#ifndef SMART_TALLY_H
#define SMART_TALLY_H

#include "core/base.h"
#include "core/reason.h"
#include "io/stripe.h"
#include "io/word.h"

#define SMART_TALLY_ROWS   512u /* of bases */
#define SMART_TALLY_COUNTS 62u  /* of a row */

#define SMART_TALLY_PERMITTED 0u
#define SMART_TALLY_PUBLIC    1u
#define SMART_TALLY_DENIED    2u /* of reason 0; the others follow */

_Static_assert(SMART_TALLY_DENIED + SMART_REASON_COUNT <= SMART_TALLY_COUNTS,
               "each reason has a count");

/** Bytes of shared memory, aligned to 64; all zero bits: nothing happened. */
#define SMART_TALLY_BYTES                                                      \
    ((apr_size_t)(SMART_TALLY_ROWS + 1u) * (SMART_TALLY_COUNTS + 2u) * 8u)

/** A process' handle on the table. */
typedef struct smart_tallies_t smart_tallies_t;

/** The rows of a base in this process; any number of threads may use them. */
typedef struct smart_tally_t {
    smart_word_t *counts[SMART_STRIPES]; /* in shared memory */
} smart_tally_t;

/** Sums of a base over all processes there were. */
typedef struct smart_tally_sums_t {
    apr_uint64_t id;
    apr_uint64_t count[SMART_TALLY_COUNTS];
} smart_tally_sums_t;

/**
 * Use a table in shared memory.
 * @param base SMART_TALLY_BYTES bytes
 * @param p    pool that owns the handle, not the memory
 */
smart_tallies_t *smart_tallies_create(void *base, apr_pool_t *p);

/**
 * Give back what a process that had our number before us has left. Once, in a
 * child, before there are threads and before it joins.
 */
void smart_tallies_begin(smart_tallies_t *tallies);

/**
 * Take rows for a base; in a child, before there are threads.
 * @param id   of the base, evenly distributed: 8 bytes of a digest
 * @param rows how many, 1 to SMART_STRIPES; others are cut to that
 * @param p    owns the result
 */
smart_tally_t *smart_tally_join(smart_tallies_t *tallies, apr_uint64_t id,
                                unsigned rows, apr_pool_t *p);

/**
 * Count.
 * @param tally from smart_tally_join; NULL: nothing happens
 * @param what  SMART_TALLY_PERMITTED, SMART_TALLY_PUBLIC, or
 *              SMART_TALLY_DENIED and a reason
 */
static inline void smart_tally_count(const smart_tally_t *tally, unsigned what)
{
    if (tally && what < SMART_TALLY_COUNTS) {
        atomic_fetch_add_explicit(&tally->counts[smart_stripe()][what], 1,
                                  memory_order_relaxed);
    }
}

/**
 * Add up; some 30 us.
 * @param ids  of bases; their sums come in this order
 * @param n    how many
 * @param sums out: n + 1 of them; the last one, with id 0, of all else: bases
 *             that are no longer configured, and what found no row
 */
void smart_tallies_sum(const smart_tallies_t *tallies, const apr_uint64_t *ids,
                       unsigned n, smart_tally_sums_t *sums);

#endif
