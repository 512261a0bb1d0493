/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_room.h: finds or makes room for a record in its region.
 *
 * What is free follows from the slots alone and is worked out anew each time,
 * so that nobody who dies can take room with him. In this order:
 *
 *   1. the smallest free run that is large enough;
 *   2. after all expired records of the region are gone;
 *   3. after the key's own older record is gone: its slot becomes busy;
 *   4. after records not read since second chance last passed them are gone,
 *      one by one.
 *
 * Cost: one pass over 56 slots, and over the times of the records only when
 * there is no room. Steps 2 to 4 look at this region alone.
 */
#ifndef SMART_CACHE_ROOM_H
#define SMART_CACHE_ROOM_H

#include "io/cache_table.h"

#define SMART_CACHE_BITMAP_WORDS 16u

_Static_assert(SMART_CACHE_BITMAP_WORDS * 64 >
                   SMART_CACHE_UNITS_OF(SMART_CACHE_ACTIVE_REGION),
               "one bit for each unit, and one more to end the last run");

/** A region as the owner of its lock finds it. */
typedef struct smart_cache_work_t {
    /* filled in by the caller */
    const smart_cache_part_t *part;
    const smart_cache_place_t *place; /* of the key */
    const smart_clock_t *now;
    smart_cache_region_t *region;
    unsigned need; /* units of the record to come */

    /* filled in by smart_cache_room_make */
    unsigned offset; /* unit where it goes */
    int slot;        /* slot to publish in, as seen[slot] found it */
    int own;         /* slot of the key's older record; -1: none */
    apr_uint64_t seen[SMART_CACHE_SLOTS];        /* to swap against */
    apr_uint64_t used[SMART_CACHE_BITMAP_WORDS]; /* one bit for each unit */
} smart_cache_work_t;

/**
 * Find or make room.
 * @param work see above; its region's lock is held
 * @return true: offset and slot are good; false: others got in the way
 */
bool smart_cache_room_make(smart_cache_work_t *work);

#endif
