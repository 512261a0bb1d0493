/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_table_test.c: where things are in a segment, which segments are taken
 * over, what a checksum notices, how times are kept.
 */
#include "cache_fixture.h"

#define HEADER_BYTES 48

static apr_status_t reopen(apr_size_t bytes, apr_uint64_t seal)
{
    smart_cache_t *other = NULL;
    const apr_status_t rv =
        smart_cache_open(segment, bytes, seal, pool, &other);

    assert_true((rv == APR_SUCCESS) == (other != NULL));
    return rv;
}

static void segment_of_the_same_kind_is_taken_over(void **state)
{
    smart_cache_t *again;

    put(1, 300);
    assert_int_equal(
        smart_cache_open(segment, segment_bytes, SEAL, pool, &again),
        APR_SUCCESS);
    cache = again;
    assert_hit(1, 300);
}

static void segment_of_another_kind_is_not_taken_over(void **state)
{
    unsigned char *header = (unsigned char *)cache->header;
    apr_size_t i;

    assert_int_equal(reopen(segment_bytes, SEAL + 1), APR_EINVAL);
    assert_int_equal(reopen(segment_bytes - 1, SEAL), APR_EINVAL);
    for (i = 0; i < HEADER_BYTES; i++) {
        header[i] ^= 1;
        assert_int_equal(reopen(segment_bytes, SEAL), APR_EINVAL);
        header[i] ^= 1;
    }
    assert_int_equal(reopen(segment_bytes, SEAL), APR_SUCCESS);
    memset(header, 0, HEADER_BYTES);
    assert_int_equal(reopen(segment_bytes, SEAL), APR_EINVAL);
}

static void too_little_memory_is_refused(void **state)
{
    smart_cache_t *other = cache;

    assert_int_equal(smart_cache_format(segment, smart_cache_min_bytes() - 1,
                                        SEAL, pool, &other),
                     APR_EINVAL);
    assert_null(other);
}

static void formatted_segment_is_empty(void **state)
{
    put(1, 300);
    smart_cache_format(segment, segment_bytes, SEAL, pool, &cache);
    assert_miss(1);
}

/* Nothing a part holds lies outside the memory that was given, whatever its
 * size and alignment, and the parts do not meet. */
static void parts_lie_within_the_memory(void **state)
{
    const apr_size_t space = 8u << 20;
    unsigned char *base = mmap(NULL, space, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    apr_size_t round;

    for (round = 0; round < 200; round++) {
        const apr_size_t skip = 8 * (spread(round) % 1000);
        const apr_size_t bytes =
            smart_cache_min_bytes() +
            spread(round + 1000) % (space - skip - smart_cache_min_bytes());
        const smart_cache_part_t *part;
        unsigned char *end[SMART_CACHE_CLASSES];
        smart_cache_t *c;
        int i;

        assert_int_equal(smart_cache_format(base + skip, bytes, SEAL, pool, &c),
                         APR_SUCCESS);
        assert_true((unsigned char *)c->header >= base + skip);
        for (i = 0; i < (int)SMART_CACHE_CLASSES; i++) {
            part = &c->part[i];
            assert_true(part->regions > 0);
            assert_int_equal((uintptr_t)part->index % 64, 0);
            assert_true((unsigned char *)part->index >=
                        (unsigned char *)c->header + 4096);
            end[i] =
                (unsigned char *)(part->arenas + part->regions * part->units *
                                                     SMART_CACHE_UNIT_WORDS);
            assert_true(end[i] <= base + skip + bytes);
        }
        part = &c->part[SMART_CACHE_INACTIVE];
        assert_true((unsigned char *)c->part[SMART_CACHE_ACTIVE].index >=
                    end[SMART_CACHE_INACTIVE]);
        assert_true((apr_size_t)(end[SMART_CACHE_INACTIVE] -
                                 (unsigned char *)part->index) *
                        100 <=
                    bytes * SMART_CACHE_SHARE);
    }
    munmap(base, space);
}

/* Both ends of the range of places: the first and the last region. */
static void every_key_has_a_region_of_the_part(void **state)
{
    const smart_cache_part_t *part = &cache->part[SMART_CACHE_ACTIVE];
    unsigned char key[SMART_CACHE_KEY] = {0};
    smart_cache_place_t place;

    smart_cache_place(key, &place);
    assert_ptr_equal(smart_cache_region(part, &place), part->index);
    memset(key, 0xff, sizeof(key));
    smart_cache_place(key, &place);
    assert_ptr_equal(smart_cache_region(part, &place),
                     part->index + part->regions - 1);
    assert_true(place.home < SMART_CACHE_LINES);
    assert_int_equal(place.fingerprint, 0xffff);
}

static void change_of_one_word_changes_the_checksum(void **state)
{
    apr_uint64_t head[SMART_CACHE_HEAD_WORDS] = {1, 2, 3, 4, 5, 6, 7, 77};
    unsigned char value[80] = {0};
    apr_uint64_t plain;
    uint64_t round;

    plain = smart_cache_checksum(SEAL, head, value);
    for (round = 1; round < 20000; round++) {
        const apr_uint64_t change = spread(round) | 1;
        const unsigned word = (unsigned)(spread(round + 7) % 18);

        if (word < SMART_CACHE_HEAD_WORDS) {
            if (word == SMART_CACHE_HEAD_SUM) {
                continue;
            }
            /* Not the length, which says what else is summed. */
            head[word] ^= change << 16;
            assert_true(smart_cache_checksum(SEAL, head, value) != plain);
            head[word] ^= change << 16;
        }
        else {
            const unsigned at = (word - SMART_CACHE_HEAD_WORDS) * 8;
            const apr_size_t n = at + 8 > 77 ? 77 - at : 8;
            unsigned char before[8];

            memcpy(before, value + at, n);
            memcpy(value + at, &change, n);
            assert_true(smart_cache_checksum(SEAL, head, value) != plain);
            memcpy(value + at, before, n);
        }
    }
    assert_true(smart_cache_checksum(SEAL, head, value) == plain);
    assert_true(smart_cache_checksum(SEAL + 1, head, value) != plain);
}

/* Zeros at the end do not pass for padding. */
static void length_is_part_of_the_checksum(void **state)
{
    apr_uint64_t head[SMART_CACHE_HEAD_WORDS] = {0};
    const unsigned char value[64] = {0};
    apr_uint64_t last = 0;
    apr_uint64_t len;

    for (len = 0; len <= 64; len++) {
        apr_uint64_t sum;

        head[SMART_CACHE_HEAD_REST] = len;
        sum = smart_cache_checksum(SEAL, head, value);
        assert_true(sum != last);
        last = sum;
    }
}

static bool kept(apr_int64_t fresh_us, apr_int64_t keep_us,
                 apr_int64_t expires_s, smart_cache_meta_t *meta)
{
    const smart_cache_times_t times = times_of(fresh_us, keep_us, expires_s);
    apr_uint64_t head[SMART_CACHE_HEAD_WORDS] = {0};

    if (!smart_cache_head_fill(head, SMART_CACHE_ACTIVE, 300, &times)) {
        return false;
    }
    assert_int_equal(smart_head_length(head), 300);
    smart_cache_head_meta(head, meta);
    return true;
}

static void exp_cuts_every_life_short(void **state)
{
    smart_cache_meta_t meta;

    assert_true(kept(MINUTE, 2 * MINUTE, now.wall_s + 90, &meta));
    assert_int_equal(meta.fresh_until_us - now.mono_us, MINUTE);
    assert_int_equal(meta.keep_until_us - now.mono_us, 90 * SMART_CLOCK_S);
    assert_true(kept(MINUTE, 2 * MINUTE, now.wall_s + 1, &meta));
    assert_int_equal(meta.fresh_until_us - now.mono_us, SMART_CLOCK_S);
    assert_int_equal(meta.keep_until_us - now.mono_us, SMART_CLOCK_S);
    assert_false(kept(MINUTE, 2 * MINUTE, now.wall_s, &meta));
    assert_false(kept(MINUTE, 2 * MINUTE, now.wall_s - 1, &meta));
    assert_false(kept(MINUTE, 2 * MINUTE, -1, &meta));
    assert_false(kept(MINUTE, 2 * MINUTE, INT64_MIN, &meta));
}

static void lives_without_exp_are_kept_as_they_are(void **state)
{
    smart_cache_meta_t meta;

    assert_true(kept(MINUTE, 2 * MINUTE, 0, &meta));
    assert_int_equal(meta.keep_until_us - now.mono_us, 2 * MINUTE);
    assert_int_equal(meta.expires_s, 0);
    /* Served as long as it is fresh, at least. */
    assert_true(kept(MINUTE, 0, 0, &meta));
    assert_int_equal(meta.keep_until_us - now.mono_us, MINUTE);
    /* Stale from the start. */
    assert_true(kept(0, MINUTE, 0, &meta));
    assert_int_equal(meta.fresh_until_us, now.mono_us);
    assert_false(kept(0, 0, 0, &meta));
    assert_false(kept(-1, -1, 0, &meta));
}

/* Rounded and cut down, never up. */
static void times_out_of_range_end_earlier(void **state)
{
    smart_cache_meta_t meta;

    assert_true(kept(1999, 1999, 0, &meta));
    assert_int_equal(meta.fresh_until_us - now.mono_us, 1000);
    assert_true(kept(INT64_MAX, INT64_MAX, INT64_MAX, &meta));
    assert_true(meta.keep_until_us > now.mono_us + 48 * 24 * 60 * MINUTE);
    assert_true(meta.keep_until_us < now.mono_us + 50 * 24 * 60 * MINUTE);
    assert_true(meta.expires_s > INT64_C(253402300800)); /* year 10000 */
    now.mono_us = INT64_MAX;
    now.wall_s = INT64_MAX;
    assert_false(kept(MINUTE, MINUTE, 0, &meta));
    now.mono_us = -1;
    assert_false(kept(MINUTE, MINUTE, 0, &meta));
}

static void record_from_the_future_is_not_served(void **state)
{
    smart_cache_meta_t meta;
    smart_clock_t early = now;

    assert_true(kept(MINUTE, MINUTE, 0, &meta));
    early.mono_us -= SMART_CLOCK_S / 2; /* who looked at the clock earlier */
    assert_true(smart_cache_meta_in_time(&meta, &early));
    early.mono_us -= SMART_CLOCK_S;
    assert_false(smart_cache_meta_in_time(&meta, &early));
}

/* Any bits at all give times that can be compared. */
static void damaged_times_do_not_overflow(void **state)
{
    apr_uint64_t head[SMART_CACHE_HEAD_WORDS];
    smart_cache_meta_t meta;
    uint64_t round;
    unsigned i;

    for (round = 0; round < 1000; round++) {
        for (i = 0; i < SMART_CACHE_HEAD_WORDS; i++) {
            head[i] = round ? spread(round * 8 + i) : ~UINT64_C(0);
        }
        smart_cache_head_meta(head, &meta);
        assert_true(meta.stored_us >= 0);
        assert_true(meta.keep_until_us >= meta.stored_us);
        assert_true(meta.expires_s >= 0);
        smart_cache_meta_in_time(&meta, &now);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cache_test(segment_of_the_same_kind_is_taken_over),
        cache_test(segment_of_another_kind_is_not_taken_over),
        cache_test(too_little_memory_is_refused),
        cache_test(formatted_segment_is_empty),
        cache_test(parts_lie_within_the_memory),
        cache_test(every_key_has_a_region_of_the_part),
        cache_test(change_of_one_word_changes_the_checksum),
        cache_test(length_is_part_of_the_checksum),
        cache_test(exp_cuts_every_life_short),
        cache_test(lives_without_exp_are_kept_as_they_are),
        cache_test(times_out_of_range_end_earlier),
        cache_test(record_from_the_future_is_not_served),
        cache_test(damaged_times_do_not_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
