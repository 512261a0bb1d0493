/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_table.h: how a cache lies in its segment; for the files of the cache
 * alone (cache.c, cache_lock.c, cache_check.c).
 *
 *   segment   header page | inactive part | active part
 *   part      index: a region after the other | arenas, in the same order
 *   region    lock line | 8 bucket lines; its arena is units of 16 bytes
 *   line      7 slots | touched                          (64 bytes)
 *   slot      fingerprint 16 | offset 10 | units 10 | version 28    (bits)
 *   record    key 32 | checksum 8 | times and length 24 | value, padded to 8
 *
 * The key chooses region, line and fingerprint. A record is anywhere in its
 * region's arena; its slot is in the key's own line or, when that is full, in
 * one of the lines after it. A lookup touches one line of the index, then the
 * record. The index is dense, a thirtieth of the segment, so that it is what
 * stays in the processor's caches.
 *
 * A slot is one word, and the only truth: what no slot points to is free. So
 * there is nothing to repair after a death between two stores. States:
 *
 *   free     units 0, offset 0
 *   busy     units 0, offset 1: its record is being overwritten
 *   in use   units > 0
 *
 * Invariants:
 *   1. A slot changes by compare-and-swap only, and its version with it.
 *   2. Units are written only while no slot points to them, as the writer that
 *      holds the region's lock saw it.
 *   3. Who copies a record and then finds its slot unchanged has copied what
 *      that slot pointed to (sequence), unless a writer lost its lock to
 *      another and wrote late; then the checksum fails.
 *   4. The checksum covers key, class, times, length and value. Any change of
 *      one aligned 8-byte word changes it, always; any other change does but
 *      once in 2^64. It is keyed, and no defence against an attacker who can
 *      write to the segment: such a one is inside httpd.
 *
 * Memory model (C11, between processes: the atomics used are lock-free and so
 * work by address, which is asserted below):
 *   - Everything in the segment is an atomic 64-bit word. There is no plain
 *     access, hence no data race, and a word is never torn.
 *   - A writer frees a slot, then fences (release), then stores the record's
 *     words relaxed, then publishes the slot with a release swap.
 *   - A reader loads the slot (acquire), the words relaxed, fences (acquire),
 *     and loads the slot again. Had it read a word of a later record, the two
 *     fences would make the slot's change visible to that second load.
 *   - Locks are taken with acquire and given back with release, so that writer
 *     after writer sees the slots as the one before left them.
 *
 * Test builds (never in a module; each makes a test of t/stress fail):
 *   SMART_CACHE_TEST_HOOK            call smart_cache_test_hook at each step
 *   SMART_CACHE_TEST_VERSION_BITS=n  versions wrap after 2^n changes
 *   SMART_CACHE_TEST_HASH_BITS=n     keys differ in n bits of place and
 *                                    fingerprint each
 *   SMART_CACHE_WITHOUT_SEQUENCE     the slot is not looked at again
 *   SMART_CACHE_WITHOUT_CHECKSUM     every checksum passes
 *   SMART_CACHE_WITHOUT_KEY          a fingerprint is enough
 *   SMART_CACHE_WITHOUT_STEAL        a lock is waited for, never taken
 */
#ifndef SMART_CACHE_TABLE_H
#define SMART_CACHE_TABLE_H

#include "io/cache.h"
#include "io/word.h"

#include <stddef.h>
#include <stdint.h>

#define SMART_CACHE_LAYOUT          1u /* raise it when anything below changes */
#define SMART_CACHE_PAGE            4096u
#define SMART_CACHE_LINES           8u
#define SMART_CACHE_LINE_SLOTS      7u
#define SMART_CACHE_SLOTS           56u /* lines by slots */
#define SMART_CACHE_UNIT            16u /* bytes of arena handed out at once */
#define SMART_CACHE_UNIT_WORDS      2u  /* the same in words */
#define SMART_CACHE_ACTIVE_REGION   16384u /* bytes, lines and arena */
#define SMART_CACHE_INACTIVE_REGION 4096u  /* the same */
#define SMART_CACHE_HEAD_WORDS      8u     /* of a record, before its value */
#define SMART_CACHE_HEAD_BYTES      64u    /* the same */

/* Fields of a slot. */
#define SMART_CACHE_FP_SHIFT     48
#define SMART_CACHE_OFFSET_SHIFT 38
#define SMART_CACHE_UNITS_SHIFT  28
#define SMART_CACHE_FIELD_MASK   0x3ffu /* of offset and of units */
#define SMART_CACHE_BUSY_OFFSET  1u     /* with units 0: being overwritten */
#ifdef SMART_CACHE_TEST_VERSION_BITS
#define SMART_CACHE_VERSION_BITS SMART_CACHE_TEST_VERSION_BITS
#else
#define SMART_CACHE_VERSION_BITS 28
#endif
#define SMART_CACHE_VERSION_MASK                                               \
    ((APR_UINT64_C(1) << SMART_CACHE_VERSION_BITS) - 1)

/* Words of a record's head; 0 to 3 are the key. */
#define SMART_CACHE_HEAD_SUM     4 /* checksum of all the others and the value */
#define SMART_CACHE_HEAD_STORED  5 /* mono_us */
#define SMART_CACHE_HEAD_LIFE    6 /* fresh_ms << 32 | keep_ms */
#define SMART_CACHE_HEAD_REST    7 /* expires_s << 20 | class << 16 | length */
#define SMART_CACHE_REST_EXPIRES 20
#define SMART_CACHE_REST_CLASS   16

typedef struct smart_cache_line_t {
    smart_word_t slot[SMART_CACHE_LINE_SLOTS]; /* see above */
    smart_word_t touched; /* bit i: slot i was read since it was passed over */
} smart_cache_line_t;

/** A region without its arena. */
typedef struct smart_cache_region_t {
    smart_word_t lock;            /* 0: free; else its owner, cache_lock.h */
    smart_word_t hand;            /* slot second chance looks at next */
    smart_word_t stored;          /* counters, written under the lock */
    smart_word_t dropped_expired; /* see smart_cache_stats_t */
    smart_word_t dropped_live;
    smart_word_t stolen;
    smart_word_t unused[2];
    smart_cache_line_t line[SMART_CACHE_LINES];
} smart_cache_region_t;

_Static_assert(SMART_CACHE_SLOTS == SMART_CACHE_LINES * SMART_CACHE_LINE_SLOTS,
               "all slots of all lines");
_Static_assert(SMART_CACHE_HEAD_BYTES == SMART_CACHE_HEAD_WORDS * 8,
               "a head's words");
_Static_assert(sizeof(smart_cache_line_t) == 64, "a line is a cache line");
_Static_assert(sizeof(smart_cache_region_t) % 64 == 0 &&
                   offsetof(smart_cache_region_t, line) == 64,
               "lines start on cache lines");

#define SMART_CACHE_UNITS_OF(region_bytes)                                     \
    (((region_bytes) - (unsigned)sizeof(smart_cache_region_t)) /               \
     SMART_CACHE_UNIT)

_Static_assert(SMART_CACHE_UNITS_OF(SMART_CACHE_ACTIVE_REGION) <=
                   SMART_CACHE_FIELD_MASK,
               "an offset fits its field");
_Static_assert(SMART_CACHE_HEAD_BYTES + SMART_CACHE_MAX_INACTIVE <=
                   SMART_CACHE_UNITS_OF(SMART_CACHE_INACTIVE_REGION) *
                       SMART_CACHE_UNIT,
               "the largest inactive record fits");
_Static_assert(SMART_CACHE_HEAD_BYTES + SMART_CACHE_MAX_VALUE <=
                   SMART_CACHE_UNITS_OF(SMART_CACHE_ACTIVE_REGION) *
                       SMART_CACHE_UNIT,
               "the largest active record fits");

/** Where the regions of one class are; worked out, never read. */
typedef struct smart_cache_part_t {
    smart_cache_region_t *index; /* of all regions, one after the other */
    smart_word_t *arenas;        /* of all regions, in the same order */
    apr_uint64_t regions;        /* how many */
    apr_uint32_t units;          /* of one arena */
    apr_uint32_t max_value;      /* bytes */
} smart_cache_part_t;

struct smart_cache_t {
    smart_word_t *header;                         /* page 0 */
    smart_cache_part_t part[SMART_CACHE_CLASSES]; /* by smart_cache_class_e */
    apr_uint64_t seal;                            /* keys the checksums */
    _Atomic apr_uint32_t turn;                    /* makes lock words unique */
};

/** A key, taken apart. */
typedef struct smart_cache_place_t {
    apr_uint64_t key[4];      /* all of it */
    apr_uint64_t fingerprint; /* 16 bits */
    apr_uint64_t spread;      /* chooses the region */
    unsigned home;            /* line where a search begins */
} smart_cache_place_t;

#ifdef SMART_CACHE_TEST_HOOK
/** Called with where we are: 'l' lock held, 'w' before a word of a record is
 * stored, 'p' before a slot is published, 'u' before the lock is given back,
 * 'r' before a word is copied. */
extern void (*smart_cache_test_hook)(int point);
#define SMART_CACHE_POINT(n)                                                   \
    do {                                                                       \
        if (smart_cache_test_hook) {                                           \
            smart_cache_test_hook(n);                                          \
        }                                                                      \
    } while (0)
#else
#define SMART_CACHE_POINT(n) ((void)0)
#endif

/* The thread sanitizer knows no fences. All accesses are atomic, so it has
 * nothing to find in their place; the compiler still keeps the order. */
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define SMART_CACHE_NO_FENCE
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(SMART_CACHE_NO_FENCE)
#define smart_cache_fence(order) atomic_signal_fence(order)
#else
#define smart_cache_fence(order) atomic_thread_fence(order)
#endif

/** Add to a counter that only the owner of a lock writes. */
static inline void smart_word_add(smart_word_t *word, apr_uint64_t n)
{
    smart_word_set(word, smart_word_get(word) + n);
}

/* ---- slots ---- */

static inline apr_uint64_t smart_slot_fingerprint(apr_uint64_t slot)
{
    return slot >> SMART_CACHE_FP_SHIFT;
}

static inline unsigned smart_slot_offset(apr_uint64_t slot)
{
    return (unsigned)(slot >> SMART_CACHE_OFFSET_SHIFT) &
           SMART_CACHE_FIELD_MASK;
}

static inline unsigned smart_slot_units(apr_uint64_t slot)
{
    return (unsigned)(slot >> SMART_CACHE_UNITS_SHIFT) & SMART_CACHE_FIELD_MASK;
}

static inline bool smart_slot_is_busy(apr_uint64_t slot)
{
    return smart_slot_units(slot) == 0 && smart_slot_offset(slot) != 0;
}

/** Units within the arena, and at least a record's head of them. */
static inline bool smart_slot_in_range(const smart_cache_part_t *part,
                                       apr_uint64_t slot)
{
    const unsigned units = smart_slot_units(slot);

    return units >= SMART_CACHE_HEAD_WORDS / SMART_CACHE_UNIT_WORDS &&
           smart_slot_offset(slot) + units <= part->units;
}

/** The word that comes after <old>. */
static inline apr_uint64_t smart_slot_next(apr_uint64_t old,
                                           apr_uint64_t fingerprint,
                                           unsigned offset, unsigned units)
{
    return fingerprint << SMART_CACHE_FP_SHIFT |
           (apr_uint64_t)offset << SMART_CACHE_OFFSET_SHIFT |
           (apr_uint64_t)units << SMART_CACHE_UNITS_SHIFT |
           ((old + 1) & SMART_CACHE_VERSION_MASK);
}

/** Change a slot unless somebody else has. */
static inline bool smart_slot_swap(smart_word_t *slot, apr_uint64_t old,
                                   apr_uint64_t value)
{
    return atomic_compare_exchange_strong_explicit(
        slot, &old, value, memory_order_acq_rel, memory_order_acquire);
}

/* ---- regions and records ---- */

/** Slot number n of a region, 0 <= n < SMART_CACHE_SLOTS. */
static inline smart_word_t *smart_region_slot(smart_cache_region_t *region,
                                              unsigned n)
{
    return &region->line[n / SMART_CACHE_LINE_SLOTS]
                .slot[n % SMART_CACHE_LINE_SLOTS];
}

/** Where a slot that is in range points to. */
static inline smart_word_t *
smart_slot_record(const smart_cache_part_t *part,
                  const smart_cache_region_t *region, apr_uint64_t slot)
{
    const apr_uint64_t unit =
        (apr_uint64_t)(region - part->index) * part->units +
        smart_slot_offset(slot);

    return part->arenas + unit * SMART_CACHE_UNIT_WORDS;
}

static inline apr_size_t smart_head_length(const apr_uint64_t *head)
{
    return (apr_size_t)(head[SMART_CACHE_HEAD_REST] & 0xffff);
}

/** Units a record with a value of len bytes takes. */
static inline unsigned smart_record_units(apr_size_t len)
{
    return (unsigned)((SMART_CACHE_HEAD_BYTES + len + (SMART_CACHE_UNIT - 1)) /
                      SMART_CACHE_UNIT);
}

static inline bool smart_key_is(const apr_uint64_t *words,
                                const apr_uint64_t *key)
{
    return words[0] == key[0] && words[1] == key[1] && words[2] == key[2] &&
           words[3] == key[3];
}

/* ---- checksums ---- */

/** Four chains of multiplications, since one would wait for itself. */
typedef struct smart_cache_sum_t {
    apr_uint64_t a, b, c, d;
} smart_cache_sum_t;

/** One to one in h for a given word, and in the word for a given h. */
static inline apr_uint64_t smart_sum_mix(apr_uint64_t h, apr_uint64_t word)
{
    h = (h ^ word) * APR_UINT64_C(0x9e3779b97f4a7c15);
    return h << 31 | h >> 33; /* what only climbed comes down again */
}

/** Begin with a record's head; the word of the checksum itself is skipped. */
static inline void smart_sum_head(smart_cache_sum_t *sum, apr_uint64_t seal,
                                  const apr_uint64_t *head)
{
    sum->a = smart_sum_mix(seal, head[0]);
    sum->b = smart_sum_mix(~seal, head[1]);
    sum->c = smart_sum_mix(seal * 3, head[2]);
    sum->d = smart_sum_mix(seal * 5, head[3]);
    sum->a = smart_sum_mix(sum->a, head[SMART_CACHE_HEAD_STORED]);
    sum->b = smart_sum_mix(sum->b, head[SMART_CACHE_HEAD_LIFE]);
    sum->c = smart_sum_mix(sum->c, head[SMART_CACHE_HEAD_REST]);
}

/** Go on with 32 bytes of the value... */
static inline void smart_sum_four(smart_cache_sum_t *sum, apr_uint64_t w0,
                                  apr_uint64_t w1, apr_uint64_t w2,
                                  apr_uint64_t w3)
{
    sum->a = smart_sum_mix(sum->a, w0);
    sum->b = smart_sum_mix(sum->b, w1);
    sum->c = smart_sum_mix(sum->c, w2);
    sum->d = smart_sum_mix(sum->d, w3);
}

/** ...and with 8 of the rest, the last ones padded with zeros. */
static inline void smart_sum_one(smart_cache_sum_t *sum, apr_uint64_t w)
{
    sum->d = smart_sum_mix(sum->d, w);
}

static inline apr_uint64_t smart_sum_end(const smart_cache_sum_t *sum)
{
    return smart_sum_mix(smart_sum_mix(smart_sum_mix(sum->a, sum->b), sum->c),
                         sum->d);
}

/**
 * Tell whether a slot that is in range points to a record of a key, for those
 * who mean to free it.
 */
bool smart_slot_has_key(const smart_cache_part_t *part,
                        const smart_cache_region_t *region, apr_uint64_t slot,
                        const smart_cache_place_t *place);

/**
 * Take a key apart.
 * @param key   SMART_CACHE_KEY bytes
 * @param place out: what it says about where to look
 */
void smart_cache_place(const unsigned char *key, smart_cache_place_t *place);

/**
 * The region of a key.
 * @return a region of the part, always
 */
smart_cache_region_t *smart_cache_region(const smart_cache_part_t *part,
                                         const smart_cache_place_t *place);

/**
 * Checksum of a record.
 * @param seal  of the cache
 * @param head  SMART_CACHE_HEAD_WORDS words; the checksum's own is skipped
 * @param value head's length of bytes
 * @return the checksum
 */
apr_uint64_t smart_cache_checksum(apr_uint64_t seal, const apr_uint64_t *head,
                                  const void *value);

/**
 * Fill in the times, class and length of a record's head.
 * @param head  out: words 5 to 7
 * @param class of the record
 * @param len   of the value
 * @param times as given to smart_cache_put
 * @return false if such a record would never be served
 */
bool smart_cache_head_fill(apr_uint64_t *head, smart_cache_class_e class,
                           apr_size_t len, const smart_cache_times_t *times);

/**
 * Take the times of a head apart.
 * @param head of a record whose checksum holds, or not; nothing is indexed
 * @param meta out: class and times
 */
void smart_cache_head_meta(const apr_uint64_t *head, smart_cache_meta_t *meta);

/**
 * Tell whether a record may be served.
 * @return false once it is over, or should it come from the future
 */
bool smart_cache_meta_in_time(const smart_cache_meta_t *meta,
                              const smart_clock_t *now);

#endif
