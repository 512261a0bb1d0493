/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache.c: get, remove and put on the regions of cache_table.h.
 *
 * get     walks the lines of one region from the key's own, copies what a slot
 *         with the right fingerprint points to, and believes it only if the
 *         slot has not moved, the key is the key and the checksum holds.
 * remove  swaps the slots of the key to free. No lock: a writer at work finds
 *         its own swap failing.
 * put     under the region's lock: works out from the slots which units are
 *         free, makes room if there is none, stores the record, publishes it
 *         with one swap. Where there was room, readers see the old record up
 *         to that swap and the new one from it on; where the old one had to
 *         give its room, they see `busy` for about 100 ns and look again.
 */
#include "io/cache_lock.h"
#include "io/cache_room.h"

#define TRIES       8 /* looks at a region before get calls it a miss */
#define TRY_PAUSES  4 /* between two of them */
#define CACHE_LINE  64
#define FETCH_AHEAD 8u /* cache lines of a record asked for at once */

/* ---- get ---- */

typedef enum {
    LOOK_ABSENT = 0, /* no such record here */
    LOOK_AGAIN,      /* somebody is changing it */
    LOOK_FOUND
} look_e;

/* Where a reader copies a record to. */
typedef struct copy_t {
    const smart_cache_place_t *place;
    smart_cache_class_e class;
    unsigned char *value; /* of the caller, or made in his pool */
    apr_size_t room;      /* bytes of it */
    apr_pool_t *pool;     /* NULL: the room is the caller's */
    apr_uint64_t head[SMART_CACHE_HEAD_WORDS];
} copy_t;

/* Whether there is room for a value of so many bytes. */
static bool room_make(copy_t *copy, apr_size_t len)
{
    if (len > copy->room && copy->pool) {
        copy->room = (len + 7) & ~(apr_size_t)7; /* whole words */
        copy->value = apr_palloc(copy->pool, copy->room);
    }
    return len <= copy->room;
}

/* The lines of a record do not depend on each other: ask for all at once. */
static void record_fetch(const smart_word_t *from, unsigned units)
{
    const char *line = (const char *)from;
    unsigned n = (units * SMART_CACHE_UNIT + CACHE_LINE - 1) / CACHE_LINE;

    for (n = n < FETCH_AHEAD ? n : FETCH_AHEAD; n > 0; n--) {
        __builtin_prefetch(line);
        line += CACHE_LINE;
    }
}

static inline apr_uint64_t word_copy(const smart_word_t *from,
                                     unsigned char *to)
{
    apr_uint64_t word;

    SMART_CACHE_POINT('r');
    word = smart_word_get(from);
    memcpy(to, &word, sizeof(word));
    return word;
}

/* Copy a value and go on with its checksum, in one pass. Where there is room
 * the last word is copied whole, zeros and all. By itself, so that its loop has
 * all registers. */
__attribute__((noinline)) static void value_copy(const smart_word_t *from,
                                                 const copy_t *copy,
                                                 apr_size_t len,
                                                 smart_cache_sum_t *psum)
{
    const apr_size_t words = len / sizeof(apr_uint64_t);
    unsigned char *to = copy->value;
    smart_cache_sum_t sum = *psum;
    apr_size_t i;

    for (i = 0; i + 4 <= words; i += 4) {
        smart_sum_four(&sum, word_copy(from + i, to + i * 8),
                       word_copy(from + i + 1, to + i * 8 + 8),
                       word_copy(from + i + 2, to + i * 8 + 16),
                       word_copy(from + i + 3, to + i * 8 + 24));
    }
    for (; i < words; i++) {
        smart_sum_one(&sum, word_copy(from + i, to + i * 8));
    }
    if (len > i * 8) {
        const apr_uint64_t last = smart_word_get(from + i);

        if (copy->room - i * 8 >= sizeof(last)) {
            memcpy(to + i * 8, &last, sizeof(last));
        }
        else {
            memcpy(to + i * 8, &last, len - i * 8);
        }
        smart_sum_one(&sum, last);
    }
    *psum = sum;
}

static bool checksum_holds(const smart_cache_sum_t *sum, const copy_t *copy)
{
#ifdef SMART_CACHE_WITHOUT_CHECKSUM
    (void)sum;
    (void)copy;
    return true;
#else
    return smart_sum_end(sum) == copy->head[SMART_CACHE_HEAD_SUM];
#endif
}

/* Copy what is at from; false if it is not the record that is wanted. */
static bool record_copy(const smart_cache_t *cache, const smart_word_t *from,
                        unsigned units, copy_t *copy)
{
    apr_uint64_t *head = copy->head;
    smart_cache_sum_t sum;
    unsigned class;
    apr_size_t len;
    unsigned i;

    record_fetch(from, units);
#pragma GCC unroll 8
    for (i = 0; i < SMART_CACHE_HEAD_WORDS; i++) {
        SMART_CACHE_POINT('r');
        head[i] = smart_word_get(from + i);
    }
#ifndef SMART_CACHE_WITHOUT_KEY
    if (!smart_key_is(head, copy->place->key)) {
        return false;
    }
#endif
    class =
        (unsigned)(head[SMART_CACHE_HEAD_REST] >> SMART_CACHE_REST_CLASS) & 0xf;
    len = smart_head_length(head);
    if (class != (unsigned)copy->class || units != smart_record_units(len) ||
        !room_make(copy, len)) {
        return false;
    }
    smart_sum_head(&sum, cache->seal, head);
    value_copy(from + SMART_CACHE_HEAD_WORDS, copy, len, &sum);
    return checksum_holds(&sum, copy);
}

/* Look at a slot that has the key's fingerprint. */
static look_e slot_look(const smart_cache_t *cache,
                        smart_cache_region_t *region, smart_word_t *slot,
                        apr_uint64_t seen, copy_t *copy)
{
    const smart_cache_part_t *part = &cache->part[copy->class];
    const unsigned units = smart_slot_units(seen);
    bool good;

    if (units == 0) {
        return smart_slot_is_busy(seen) ? LOOK_AGAIN : LOOK_ABSENT;
    }
    if (!smart_slot_in_range(part, seen)) {
        return LOOK_ABSENT;
    }
    good =
        record_copy(cache, smart_slot_record(part, region, seen), units, copy);
#ifndef SMART_CACHE_WITHOUT_SEQUENCE
    smart_cache_fence(memory_order_acquire);
    if (smart_word_get(slot) != seen) {
        return LOOK_AGAIN;
    }
#else
    (void)slot;
#endif
    return good ? LOOK_FOUND : LOOK_ABSENT;
}

/* Remember a read for second chance. Written once, then only looked at: a
 * line that all readers write would cost more than the whole lookup. */
static void line_touch(smart_cache_line_t *line, unsigned i)
{
    const apr_uint64_t bit = APR_UINT64_C(1) << i;

    if (!(smart_word_get(&line->touched) & bit)) {
        atomic_fetch_or_explicit(&line->touched, bit, memory_order_relaxed);
    }
}

static look_e region_look(const smart_cache_t *cache,
                          smart_cache_region_t *region, copy_t *copy)
{
    const smart_cache_place_t *place = copy->place;
    look_e result = LOOK_ABSENT;
    unsigned n;
    unsigned i;

    for (n = 0; n < SMART_CACHE_LINES; n++) {
        smart_cache_line_t *line =
            &region->line[(place->home + n) % SMART_CACHE_LINES];

        for (i = 0; i < SMART_CACHE_LINE_SLOTS; i++) {
            smart_word_t *slot = &line->slot[i];
            const apr_uint64_t seen =
                atomic_load_explicit(slot, memory_order_acquire);
            look_e look;

            if (smart_slot_fingerprint(seen) != place->fingerprint) {
                continue;
            }
            look = slot_look(cache, region, slot, seen, copy);
            if (look == LOOK_FOUND) {
                line_touch(line, i);
                return look;
            }
            result = look == LOOK_AGAIN ? look : result;
        }
    }
    return result;
}

static bool part_get(const smart_cache_t *cache, copy_t *copy)
{
    smart_cache_region_t *region =
        smart_cache_region(&cache->part[copy->class], copy->place);
    int tries;
    int i;

    for (tries = 0; tries < TRIES; tries++) {
        const look_e look = region_look(cache, region, copy);

        if (look != LOOK_AGAIN) {
            return look == LOOK_FOUND;
        }
        for (i = 0; i < TRY_PAUSES; i++) {
            smart_cache_pause();
        }
    }
    return false;
}

/* HIT: *copy, which knows the place, holds the value. */
static smart_cache_e get(const smart_cache_t *cache, const smart_clock_t *now,
                         copy_t *copy, smart_cache_meta_t *meta)
{
    copy->class = SMART_CACHE_ACTIVE;
    if (!part_get(cache, copy)) {
        copy->class = SMART_CACHE_INACTIVE;
        if (!part_get(cache, copy)) {
            goto miss;
        }
    }
    smart_cache_head_meta(copy->head, meta);
    if (smart_cache_meta_in_time(meta, now)) {
        return SMART_CACHE_HIT;
    }
miss:
    memset(meta, 0, sizeof(*meta));
    return SMART_CACHE_MISS;
}

smart_cache_e smart_cache_get(smart_cache_t *cache, const unsigned char *key,
                              const smart_clock_t *now, void *buf,
                              apr_size_t room, apr_size_t *plen,
                              smart_cache_meta_t *meta)
{
    smart_cache_place_t place;
    copy_t copy; /* its head is filled in by who finds something */
    smart_cache_e found;

    smart_cache_place(key, &place);
    copy.place = &place;
    copy.value = buf;
    copy.room = room;
    copy.pool = NULL;
    found = get(cache, now, &copy, meta);
    *plen = found == SMART_CACHE_HIT ? smart_head_length(copy.head) : 0;
    return found;
}

smart_cache_e smart_cache_take(smart_cache_t *cache, const unsigned char *key,
                               const smart_clock_t *now, apr_pool_t *p,
                               smart_slice_t *value, smart_cache_meta_t *meta)
{
    smart_cache_place_t place;
    copy_t copy; /* likewise */
    smart_cache_e found;

    smart_cache_place(key, &place);
    copy.place = &place;
    copy.value = NULL;
    copy.room = 0;
    copy.pool = p;
    found = get(cache, now, &copy, meta);
    *value = found == SMART_CACHE_HIT
                 ? smart_slice_n((const char *)copy.value,
                                 smart_head_length(copy.head))
                 : smart_slice_n(NULL, 0);
    return found;
}

/* ---- remove ---- */

static void part_remove(const smart_cache_part_t *part,
                        const smart_cache_place_t *place)
{
    smart_cache_region_t *region = smart_cache_region(part, place);
    unsigned n;
    int tries;

    for (n = 0; n < SMART_CACHE_SLOTS; n++) {
        smart_word_t *slot = smart_region_slot(region, n);

        for (tries = 0; tries < TRIES; tries++) {
            const apr_uint64_t seen =
                atomic_load_explicit(slot, memory_order_acquire);

            if (!smart_slot_in_range(part, seen) ||
                !smart_slot_has_key(part, region, seen, place) ||
                smart_slot_swap(slot, seen, smart_slot_next(seen, 0, 0, 0))) {
                break;
            }
        }
    }
}

static void cache_forget(smart_cache_t *cache, const smart_cache_place_t *place)
{
    part_remove(&cache->part[SMART_CACHE_ACTIVE], place);
    part_remove(&cache->part[SMART_CACHE_INACTIVE], place);
}

void smart_cache_remove(smart_cache_t *cache, const unsigned char *key)
{
    smart_cache_place_t place;

    smart_cache_place(key, &place);
    cache_forget(cache, &place);
}

/* ---- put ---- */

/* Store a record where no slot points to. */
static void record_store(smart_word_t *to, const apr_uint64_t *head,
                         smart_slice_t value)
{
    const char *from = value.ptr;
    apr_size_t left = value.len;
    apr_uint64_t word;
    unsigned i;

    /* After every slot that was freed for it: see the memory model. */
    smart_cache_fence(memory_order_release);
    for (i = 0; i < SMART_CACHE_HEAD_WORDS; i++) {
        SMART_CACHE_POINT('w');
        smart_word_set(to++, head[i]);
    }
    for (; left >= sizeof(word); left -= sizeof(word), from += sizeof(word)) {
        SMART_CACHE_POINT('w');
        memcpy(&word, from, sizeof(word));
        smart_word_set(to++, word);
    }
    if (left > 0) {
        word = 0;
        memcpy(&word, from, left);
        SMART_CACHE_POINT('w');
        smart_word_set(to, word);
    }
}

static bool lock_is_ours(const smart_cache_work_t *work, apr_uint64_t me)
{
    return smart_word_get(&work->region->lock) == me;
}

/* Make room, store, publish, while we hold the lock. The looks at the lock
 * only make it rare that we write after having lost it. */
static bool record_put_locked(smart_cache_work_t *work, apr_uint64_t me,
                              const apr_uint64_t *head, smart_slice_t value)
{
    apr_uint64_t old;
    apr_uint64_t filled;

    SMART_CACHE_POINT('l');
    if (!smart_cache_room_make(work) || !lock_is_ours(work, me)) {
        return false;
    }
    old = work->seen[work->slot];
    filled = smart_slot_next(old, work->place->fingerprint, work->offset,
                             work->need);
    record_store(smart_slot_record(work->part, work->region, filled), head,
                 value);
    SMART_CACHE_POINT('p');
    return lock_is_ours(work, me) &&
           smart_slot_swap(
               smart_region_slot(work->region, (unsigned)work->slot), old,
               filled);
}

static bool record_put(smart_cache_t *cache, smart_cache_work_t *work,
                       const apr_uint64_t *head, smart_slice_t value)
{
    smart_cache_region_t *region = work->region;
    apr_uint64_t me;
    bool stolen;
    bool done;

    if (!smart_cache_lock(cache, &region->lock, &me, &stolen)) {
        return false;
    }
    done = record_put_locked(work, me, head, value);
    smart_word_add(&region->stored, done ? 1 : 0);
    smart_word_add(&region->stolen, stolen ? 1 : 0);
    SMART_CACHE_POINT('u');
    smart_cache_unlock(&region->lock, me);
    return done;
}

smart_cache_put_e smart_cache_put(smart_cache_t *cache,
                                  const unsigned char *key,
                                  smart_cache_class_e class,
                                  smart_slice_t value,
                                  const smart_cache_times_t *times)
{
    const smart_cache_part_t *part = &cache->part[class];
    apr_uint64_t head[SMART_CACHE_HEAD_WORDS];
    smart_cache_put_e result = SMART_CACHE_BUSY;
    smart_cache_place_t place;

    smart_cache_place(key, &place);
    if (value.len > part->max_value) {
        result = SMART_CACHE_TOO_LARGE;
    }
    else if (!smart_cache_head_fill(head, class, value.len, times)) {
        result = SMART_CACHE_EXPIRED;
    }
    else {
        smart_cache_work_t work = {.part = part,
                                   .place = &place,
                                   .now = &times->now,
                                   .region = smart_cache_region(part, &place),
                                   .need = smart_record_units(value.len)};

        /* Before, not after: a token found inactive stops being good now. */
        if (class == SMART_CACHE_INACTIVE) {
            part_remove(&cache->part[SMART_CACHE_ACTIVE], &place);
        }
        memcpy(head, place.key, sizeof(place.key));
        head[SMART_CACHE_HEAD_SUM] =
            smart_cache_checksum(cache->seal, head, value.ptr);
        if (record_put(cache, &work, head, value)) {
            result = SMART_CACHE_STORED;
        }
    }
    if (result != SMART_CACHE_STORED) {
        cache_forget(cache, &place);
    }
    else if (class == SMART_CACHE_ACTIVE) {
        part_remove(&cache->part[SMART_CACHE_INACTIVE], &place);
    }
    return result;
}
