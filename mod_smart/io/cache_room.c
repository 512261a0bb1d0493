/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_room.c: a bitmap of units, first from the slots, then by evicting.
 */
#include "io/cache_room.h"

#define UNIT_BITS (SMART_CACHE_BITMAP_WORDS * 64)

/* ---- units ---- */

/* Set or clear n bits; tells whether any was set before. */
static bool units_mark(apr_uint64_t *used, unsigned offset, unsigned n,
                       bool taken)
{
    bool before = false;

    while (n > 0) {
        const unsigned bit = offset % 64;
        const unsigned count = n < 64 - bit ? n : 64 - bit;
        const apr_uint64_t mask = (~APR_UINT64_C(0) >> (64 - count)) << bit;
        apr_uint64_t *word = &used[offset / 64];

        before = before || (*word & mask) != 0;
        *word = taken ? *word | mask : *word & ~mask;
        offset += count;
        n -= count;
    }
    return before;
}

/* The first unit from <from> on whose bit is <taken>; the end if none is. */
static unsigned units_next(const apr_uint64_t *used, unsigned from, bool taken)
{
    while (from < UNIT_BITS) {
        const apr_uint64_t word = taken ? used[from / 64] : ~used[from / 64];
        const apr_uint64_t rest = word >> (from % 64);

        if (rest != 0) {
            return from + (unsigned)__builtin_ctzll(rest);
        }
        from = (from / 64 + 1) * 64;
    }
    return UNIT_BITS;
}

/* The smallest run of free units that is large enough. The bits after the
 * arena are set, so every run ends. */
static bool units_find(smart_cache_work_t *work)
{
    unsigned best = UNIT_BITS + 1;
    unsigned from = units_next(work->used, 0, false);

    while (from < work->part->units) {
        const unsigned end = units_next(work->used, from, true);

        if (end - from >= work->need && end - from < best) {
            best = end - from;
            work->offset = from;
        }
        from = units_next(work->used, end, false);
    }
    return best <= UNIT_BITS;
}

/* ---- slots ---- */

static bool slot_is_used(const smart_cache_work_t *work, unsigned n)
{
    return smart_slot_in_range(work->part, work->seen[n]);
}

/* Change a slot; on failure remember what somebody faster made of it. */
static bool slot_change(smart_cache_work_t *work, unsigned n,
                        apr_uint64_t value)
{
    smart_word_t *slot = smart_region_slot(work->region, n);
    const bool done = smart_slot_swap(slot, work->seen[n], value);

    work->seen[n] = done ? value : smart_word_get(slot);
    return done;
}

static bool slot_drop(smart_cache_work_t *work, unsigned n)
{
    return slot_change(work, n, smart_slot_next(work->seen[n], 0, 0, 0));
}

/* Free a slot and its units. If somebody was faster they stay marked: who
 * knows what they are used for now. */
static bool slot_evict(smart_cache_work_t *work, unsigned n)
{
    const apr_uint64_t old = work->seen[n];

    if (!slot_drop(work, n)) {
        return false;
    }
    units_mark(work->used, smart_slot_offset(old), smart_slot_units(old),
               false);
    return true;
}

/* Work out which units are taken and where the key is. A slot that a dead
 * writer left busy is freed; one that shares units (after a late write) or the
 * key with an earlier one goes. */
static void work_scan(smart_cache_work_t *work)
{
    unsigned n;

    memset(work->used, 0, sizeof(work->used));
    units_mark(work->used, work->part->units, UNIT_BITS - work->part->units,
               true);
    work->own = -1;
    for (n = 0; n < SMART_CACHE_SLOTS; n++) {
        const apr_uint64_t seen = atomic_load_explicit(
            smart_region_slot(work->region, n), memory_order_acquire);

        work->seen[n] = seen;
        if (smart_slot_is_busy(seen)) {
            slot_drop(work, n); /* the lock is ours: its writer is gone */
        }
        else if (!smart_slot_in_range(work->part, seen)) {
            continue;
        }
        else if (units_mark(work->used, smart_slot_offset(seen),
                            smart_slot_units(seen), true)) {
            slot_drop(work, n);
        }
        else if (smart_slot_has_key(work->part, work->region, seen,
                                    work->place)) {
            if (work->own < 0) {
                work->own = (int)n;
            }
            else {
                slot_evict(work, n);
            }
        }
    }
}

/* The key's own slot, else the first free one from its own line on. */
static bool slot_find(smart_cache_work_t *work)
{
    unsigned i;

    work->slot = work->own;
    for (i = 0; work->slot < 0 && i < SMART_CACHE_SLOTS; i++) {
        const unsigned n = (work->place->home * SMART_CACHE_LINE_SLOTS + i) %
                           SMART_CACHE_SLOTS;

        if (!slot_is_used(work, n)) {
            work->slot = (int)n;
        }
    }
    return work->slot >= 0;
}

static bool room_found(smart_cache_work_t *work)
{
    return slot_find(work) && units_find(work);
}

/* ---- who has to go ---- */

static bool slot_is_over(const smart_cache_work_t *work, unsigned n)
{
    const smart_word_t *from =
        smart_slot_record(work->part, work->region, work->seen[n]);
    apr_uint64_t head[SMART_CACHE_HEAD_WORDS] = {0};
    smart_cache_meta_t meta;
    unsigned i;

    for (i = SMART_CACHE_HEAD_STORED; i < SMART_CACHE_HEAD_WORDS; i++) {
        head[i] = smart_word_get(from + i);
    }
    smart_cache_head_meta(head, &meta);
    return !smart_cache_meta_in_time(&meta, work->now);
}

static void drop_expired(smart_cache_work_t *work)
{
    unsigned n;

    for (n = 0; n < SMART_CACHE_SLOTS; n++) {
        if ((int)n != work->own && slot_is_used(work, n) &&
            slot_is_over(work, n) && slot_evict(work, n)) {
            smart_word_add(&work->region->dropped_expired, 1);
        }
    }
}

/* Give up the key's own record. Its slot stays ours, and says so to readers
 * of the key, who had better look again in a moment. */
static void own_begin(smart_cache_work_t *work)
{
    const unsigned n = (unsigned)work->own;
    const apr_uint64_t old = work->seen[n];

    if (slot_change(work, n,
                    smart_slot_next(old, work->place->fingerprint,
                                    SMART_CACHE_BUSY_OFFSET, 0))) {
        units_mark(work->used, smart_slot_offset(old), smart_slot_units(old),
                   false);
    }
}

/* True when the slot was not read since the last time it was asked. */
static bool slot_had_its_chance(smart_cache_work_t *work, unsigned n)
{
    smart_cache_line_t *line = &work->region->line[n / SMART_CACHE_LINE_SLOTS];
    const apr_uint64_t bit = APR_UINT64_C(1) << (n % SMART_CACHE_LINE_SLOTS);

    if (!(smart_word_get(&line->touched) & bit)) {
        return true;
    }
    atomic_fetch_and_explicit(&line->touched, ~bit, memory_order_relaxed);
    return false;
}

/* Second chance. Two rounds: in the first all may turn out to be touched. */
static bool drop_unread(smart_cache_work_t *work)
{
    unsigned n =
        (unsigned)(smart_word_get(&work->region->hand) % SMART_CACHE_SLOTS);
    bool found = false;
    unsigned i;

    for (i = 0; !found && i < 2 * SMART_CACHE_SLOTS; i++) {
        if ((int)n != work->own && slot_is_used(work, n) &&
            slot_had_its_chance(work, n) && slot_evict(work, n)) {
            smart_word_add(&work->region->dropped_live, 1);
            found = room_found(work);
        }
        n = (n + 1) % SMART_CACHE_SLOTS;
    }
    smart_word_set(&work->region->hand, n);
    return found;
}

/* A new record starts unread, an older one's successor keeps its standing. */
static bool room_ready(smart_cache_work_t *work)
{
    if (work->own < 0) {
        slot_had_its_chance(work, (unsigned)work->slot);
    }
    return true;
}

bool smart_cache_room_make(smart_cache_work_t *work)
{
    work_scan(work);
    if (room_found(work)) {
        return room_ready(work);
    }
    drop_expired(work);
    if (room_found(work)) {
        return room_ready(work);
    }
    if (work->own >= 0) {
        own_begin(work);
        if (room_found(work)) {
            return true;
        }
    }
    if (drop_unread(work)) {
        return room_ready(work);
    }
    if (work->own >= 0) {
        slot_drop(work, (unsigned)work->own);
    }
    return false;
}
