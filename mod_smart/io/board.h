/* SPDX-License-Identifier: Apache-2.0 */
/*
 * board.h: a few texts that all processes share, each renewed now and then by
 * whichever process comes first: what an authorization server publishes.
 *
 *   slot   owner | due | failures | version | record { id | len | digest | text }
 *
 * Invariants:
 *   1. A slot is given to one id by the parent; a record tells whose it is. A
 *      process that knows of another distribution of the slots reads nothing
 *      and writes nothing.
 *   2. A record counts when its digest is right: one that is half written, or
 *      that two processes wrote at once, is as if there were none.
 *   3. A claim is for a time. Who dies with one keeps nobody from the next;
 *      nobody waits.
 *   4. The parent writes owners and dues and reads owners; it looks at no
 *      record.
 *
 * Does not: get the memory, judge a text. Fresh memory of all zero bits is an
 * empty board.
 */
#ifndef SMART_BOARD_H
#define SMART_BOARD_H

#include "io/digest.h"
#include "io/word.h"

#define SMART_BOARD_SLOTS 16
#define SMART_BOARD_TEXT  65536u /* most bytes of a text */

/** In shared memory; only board.c looks inside. */
typedef struct smart_board_t smart_board_t;

/** A slot of it. */
typedef struct smart_slot_t smart_slot_t;

/** Bytes of a board. */
apr_size_t smart_board_bytes(void);

/**
 * Give slots to ids, in the parent: whoever has one keeps it, with its text.
 * All are due at once.
 * @param memory smart_board_bytes() bytes, shared
 * @param ids    SMART_DIGEST_LEN bytes each, one after the other; all
 *               different
 * @param count  how many, at most SMART_BOARD_SLOTS
 * @param slots  out: a slot for each
 */
void smart_board_assign(void *memory, const unsigned char *ids, int count,
                        smart_slot_t **slots);

/**
 * Take it upon this process to renew a text.
 * @param now_us  smart_clock_t.mono_us
 * @param hold_us nobody else does for so long
 * @return false: it is not due, or somebody else was first
 */
bool smart_slot_claim(smart_slot_t *slot, apr_int64_t now_us,
                      apr_int64_t hold_us);

/** When a slot is due; mono_us. */
apr_int64_t smart_slot_due(const smart_slot_t *slot);

/**
 * Put a text in, after a claim.
 * @param id     of the slot, as this process knows it
 * @param text   at most SMART_BOARD_TEXT bytes
 * @param due_us when it is to be renewed
 * @return false: the slot is another's now, the text too long, or there is no
 *         SHA-256
 */
bool smart_slot_put(smart_slot_t *slot, const unsigned char *id,
                    smart_slice_t text, apr_int64_t due_us);

/**
 * Note that there is no new text; the old one stays.
 * @return how often in a row it has failed now, at most 1000
 */
unsigned smart_slot_failed(smart_slot_t *slot);

/** Say when a slot is due, after a claim. */
void smart_slot_defer(smart_slot_t *slot, apr_int64_t due_us);

/** Counts up with each text; 0: there has been none. */
apr_uint64_t smart_slot_version(const smart_slot_t *slot);

/**
 * Copy a text out.
 * @param id    of the slot, as this process knows it
 * @param p     owns the copy
 * @param ptext out: the copy; empty on false
 * @return false: there is none, or not a whole one
 */
bool smart_slot_get(const smart_slot_t *slot, const unsigned char *id,
                    apr_pool_t *p, smart_slice_t *ptext);

#endif
