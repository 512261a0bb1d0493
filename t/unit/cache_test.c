/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_test.c: what get, put and remove promise, in one process. What they
 * promise to each other at the same time is tested in t/stress.
 */
#include "cache_fixture.h"

#define OPERATIONS 200000
#define KEYS       2000

static void value_comes_back_whole_at_every_length(void **state)
{
    apr_size_t len;

    for (len = 0; len <= 200; len++) {
        assert_int_equal(put(len, len), SMART_CACHE_STORED);
        assert_hit(len, len);
    }
    for (len = SMART_CACHE_MAX_VALUE - 9; len <= SMART_CACHE_MAX_VALUE; len++) {
        assert_int_equal(put(len, len), SMART_CACHE_STORED);
        assert_hit(len, len);
    }
    assert_valid();
}

static void key_nobody_put_is_a_miss(void **state)
{
    put(1, 300);
    assert_hit(1, 300);
    assert_miss(2);
}

/* Same region, line and fingerprint: only the whole key tells them apart. */
static void key_of_the_same_place_is_a_miss(void **state)
{
    put(1, 300);
    assert_true(hit_key(neighbour_of(1, 1)));
    assert_false(hit_key(neighbour_of(1, 2)));
}

static void every_bit_of_the_key_counts(void **state)
{
    cache_key_t key;
    unsigned bit;

    put(1, 300);
    for (bit = 0; bit < 8 * SMART_CACHE_KEY; bit++) {
        key = key_of(1);
        key.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_false(hit_key(key));
    }
    assert_true(hit_key(key_of(1)));
}

static void keys_of_the_same_place_live_side_by_side(void **state)
{
    uint64_t n;

    for (n = 0; n < 20; n++) {
        assert_int_equal(
            put_key(neighbour_of(1, n), SMART_CACHE_ACTIVE, n, 100 + n),
            SMART_CACHE_STORED);
    }
    for (n = 0; n < 20; n++) {
        assert_true(hit_key(neighbour_of(1, n)));
        assert_int_equal(got_len, 100 + n);
        assert_memory_equal(got, value_of(n, 100 + n).ptr, 100 + n);
    }
    assert_valid();
}

static void value_larger_than_the_buffer_is_a_miss(void **state)
{
    const cache_key_t key = key_of(1);

    put(1, 300);
    memset(got, 0x77, sizeof(got));
    assert_int_equal(
        smart_cache_get(cache, key.bytes, &now, got, 299, &got_len, &got_meta),
        SMART_CACHE_MISS);
    assert_int_equal(got_len, 0);
    assert_int_equal(got[299], 0x77);
    assert_int_equal(
        smart_cache_get(cache, key.bytes, &now, got, 300, &got_len, &got_meta),
        SMART_CACHE_HIT);
    assert_int_equal(got[300], 0x77);
}

static void value_is_taken_at_every_length(void **state)
{
    smart_slice_t value;
    apr_size_t len;
    apr_pool_t *p;

    for (len = 0; len <= 70; len++) {
        put(len, len);
        apr_pool_create(&p, NULL);
        assert_int_equal(smart_cache_take(cache, key_of(len).bytes, &now, p,
                                          &value, &got_meta),
                         SMART_CACHE_HIT);
        assert_true(smart_slice_equal(value, value_of(len, len)));
        assert_int_equal((uintptr_t)value.ptr % 8, 0);
        assert_int_equal(got_meta.class, SMART_CACHE_ACTIVE);
        apr_pool_destroy(p);
    }
    apr_pool_create(&p, NULL);
    value = smart_slice("left over");
    assert_int_equal(
        smart_cache_take(cache, key_of(1000).bytes, &now, p, &value, &got_meta),
        SMART_CACHE_MISS);
    assert_int_equal(value.len, 0);
    apr_pool_destroy(p);
}

static void later_put_replaces_the_earlier(void **state)
{
    assert_int_equal(put_key(key_of(1), SMART_CACHE_ACTIVE, 7, 300),
                     SMART_CACHE_STORED);
    assert_int_equal(put(1, 40), SMART_CACHE_STORED);
    assert_hit(1, 40);
    assert_int_equal(put(1, 2000), SMART_CACHE_STORED);
    assert_hit(1, 2000);
    assert_valid();
}

static void classes_are_told_apart(void **state)
{
    put_key(key_of(1), SMART_CACHE_ACTIVE, 1, 300);
    put_key(key_of(2), SMART_CACHE_INACTIVE, 2, 8);
    assert_hit(1, 300);
    assert_int_equal(got_meta.class, SMART_CACHE_ACTIVE);
    assert_hit(2, 8);
    assert_int_equal(got_meta.class, SMART_CACHE_INACTIVE);
}

static void inactive_takes_the_place_of_active(void **state)
{
    put_key(key_of(1), SMART_CACHE_ACTIVE, 1, 300);
    put_key(key_of(1), SMART_CACHE_INACTIVE, 2, 0);
    assert_true(hit(1));
    assert_int_equal(got_meta.class, SMART_CACHE_INACTIVE);
    put_key(key_of(1), SMART_CACHE_ACTIVE, 1, 300);
    assert_hit(1, 300);
    assert_int_equal(got_meta.class, SMART_CACHE_ACTIVE);
    smart_cache_remove(cache, key_of(1).bytes);
    assert_miss(1);
}

static void put_without_success_leaves_no_older_record(void **state)
{
    const cache_key_t key = key_of(1);
    smart_cache_times_t times = times_of(MINUTE, MINUTE, 0);

    put(1, 300);
    assert_int_equal(put(1, SMART_CACHE_MAX_VALUE + 1), SMART_CACHE_TOO_LARGE);
    assert_miss(1);
    put(1, 300);
    assert_int_equal(
        put_key(key, SMART_CACHE_INACTIVE, 1, SMART_CACHE_MAX_INACTIVE + 1),
        SMART_CACHE_TOO_LARGE);
    assert_miss(1);
    put(1, 300);
    times.expires_s = now.wall_s;
    assert_int_equal(smart_cache_put(cache, key.bytes, SMART_CACHE_ACTIVE,
                                     value_of(1, 8), &times),
                     SMART_CACHE_EXPIRED);
    assert_miss(1);
    assert_int_equal(
        put_key(key, SMART_CACHE_INACTIVE, 1, SMART_CACHE_MAX_INACTIVE),
        SMART_CACHE_STORED);
    assert_hit(1, SMART_CACHE_MAX_INACTIVE);
}

static void removed_key_is_a_miss_and_others_stay(void **state)
{
    put(1, 300);
    put_key(neighbour_of(1, 2), SMART_CACHE_ACTIVE, 2, 300);
    smart_cache_remove(cache, key_of(1).bytes);
    assert_miss(1);
    assert_true(hit_key(neighbour_of(1, 2)));
    smart_cache_remove(cache, key_of(1).bytes);
    assert_miss(1);
}

static void times_come_back_and_end_the_record(void **state)
{
    const cache_key_t key = key_of(1);
    const smart_clock_t start = now;
    const smart_cache_times_t times =
        times_of(MINUTE, 2 * MINUTE, EPOCH + 1000);

    smart_cache_put(cache, key.bytes, SMART_CACHE_ACTIVE, value_of(1, 8),
                    &times);
    assert_hit(1, 8);
    assert_int_equal(got_meta.stored_us, start.mono_us);
    assert_int_equal(got_meta.fresh_until_us, start.mono_us + MINUTE);
    assert_int_equal(got_meta.keep_until_us, start.mono_us + 2 * MINUTE);
    assert_int_equal(got_meta.expires_s, EPOCH + 1000);
    now.mono_us = start.mono_us + 2 * MINUTE - 1;
    assert_hit(1, 8);
    now.mono_us = start.mono_us + 2 * MINUTE;
    assert_miss(1);
}

static void clock_set_forward_past_exp_is_a_miss(void **state)
{
    const cache_key_t key = key_of(1);
    const smart_cache_times_t times =
        times_of(60 * MINUTE, 60 * MINUTE, EPOCH + 100);

    smart_cache_put(cache, key.bytes, SMART_CACHE_ACTIVE, value_of(1, 8),
                    &times);
    now.wall_s = EPOCH + 99;
    assert_hit(1, 8);
    now.wall_s = EPOCH + 100;
    assert_miss(1);
}

/* By its own clock the record would have 100 s more after each jump. */
static void clock_set_back_does_not_lengthen_a_life(void **state)
{
    const cache_key_t key = key_of(1);
    const smart_clock_t start = now;
    const smart_cache_times_t times =
        times_of(60 * MINUTE, 60 * MINUTE, EPOCH + 100);

    smart_cache_put(cache, key.bytes, SMART_CACHE_ACTIVE, value_of(1, 8),
                    &times);
    now.wall_s = EPOCH - 86400;
    now.mono_us = start.mono_us + 100 * SMART_CLOCK_S - 1;
    assert_hit(1, 8);
    now.mono_us = start.mono_us + 100 * SMART_CLOCK_S;
    assert_miss(1);
}

static void segment_mapped_elsewhere_is_the_same_cache(void **state)
{
    smart_cache_t *first = cache;
    unsigned char *other = mmap(NULL, segment_bytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    smart_cache_t *copy;

    put(1, 300);
    memcpy(other, segment, segment_bytes);
    assert_int_equal(smart_cache_open(other, segment_bytes, SEAL, pool, &copy),
                     APR_SUCCESS);
    cache = copy;
    assert_hit(1, 300);
    assert_miss(2);
    cache = first;
    munmap(other, segment_bytes);
}

/* Every byte that a record is made of, one bit and then all of it. */
static void flipped_byte_of_a_record_is_a_miss(void **state)
{
    const apr_size_t len = 301;
    unsigned char *record;
    smart_word_t *slot;
    apr_size_t i;

    put(1, len);
    slot = slot_of(key_of(1), SMART_CACHE_ACTIVE);
    record = (unsigned char *)smart_slot_record(
        &cache->part[SMART_CACHE_ACTIVE],
        region_of(key_of(1), SMART_CACHE_ACTIVE), *slot);
    for (i = 0; i < SMART_CACHE_HEAD_WORDS * 8 + len; i++) {
        record[i] ^= 0x10;
        assert_miss(1);
        record[i] ^= 0x10 ^ 0xff;
        assert_miss(1);
        record[i] ^= 0xff;
        assert_hit(1, len);
    }
}

/* A flip in the index may do no harm, or lose a record; never mix them up. */
static void flipped_byte_of_the_index_is_never_a_wrong_answer(void **state)
{
    const smart_cache_region_t *region =
        region_of(key_of(1), SMART_CACHE_ACTIVE);
    unsigned char *index = (unsigned char *)region;
    uint64_t members[20];
    apr_size_t i;
    unsigned n;

    for (n = 0; n < 20; n++) {
        members[n] = in_region_of(1, n);
        put(members[n], 200 + n);
    }
    for (i = offsetof(smart_cache_region_t, line); i < sizeof(*region); i++) {
        unsigned bit;

        for (bit = 0; bit < 8; bit++) {
            index[i] ^= (unsigned char)(1u << bit);
            for (n = 0; n < 20; n++) {
                if (hit(members[n])) {
                    assert_hit(members[n], 200 + n);
                }
            }
            index[i] ^= (unsigned char)(1u << bit);
        }
    }
}

/* Whatever is in the segment, every call comes back and serves nothing that
 * was not put. */
static void garbage_in_the_segment_is_survived(void **state)
{
    const unsigned char fills[] = {0x00, 0xff, 0x80, 0x01};
    uint64_t round;
    apr_size_t i;
    uint64_t n;

    for (round = 0; round < 12; round++) {
        for (i = 0; i < segment_bytes; i++) {
            segment[i] = round < 4 ? fills[round]
                                   : (unsigned char)spread(round << 32 | i);
        }
        for (n = 0; n < 200; n++) {
            assert_miss(n);
            smart_cache_remove(cache, key_of(n).bytes);
            if (put(n, 300) == SMART_CACHE_STORED) {
                assert_hit(n, 300);
            }
        }
    }
}

/* A length that leads out of the slot's units, at the very end of the memory:
 * what lies behind it can not be read. */
static void damaged_length_does_not_lead_out_of_the_arena(void **state)
{
    const smart_cache_part_t *part = &cache->part[SMART_CACHE_ACTIVE];
    const apr_uint64_t last = part->regions - 1;
    const unsigned units = smart_record_units(300);
    unsigned char *end =
        (unsigned char *)(part->arenas +
                          part->regions * part->units * SMART_CACHE_UNIT_WORDS);
    smart_word_t *from;
    smart_word_t *to;
    smart_word_t *slot;
    uint64_t n = 0;
    unsigned i;

    while (region_of(key_of(n), SMART_CACHE_ACTIVE) != &part->index[last]) {
        n++;
    }
    put(n, 300);
    slot = slot_of(key_of(n), SMART_CACHE_ACTIVE);
    from = smart_slot_record(part, &part->index[last], *slot);
    *slot = smart_slot_next(*slot, smart_slot_fingerprint(*slot),
                            part->units - units, units);
    to = smart_slot_record(part, &part->index[last], *slot);
    for (i = 0; i < units * SMART_CACHE_UNIT_WORDS; i++) {
        to[i] = from[i];
    }
    assert_hit(n, 300);
    if (end < segment + segment_bytes) {
        assert_int_equal(mprotect(end,
                                  (apr_size_t)(segment + segment_bytes - end),
                                  PROT_NONE),
                         0);
    }
    to[SMART_CACHE_HEAD_REST] |= 0x1fff;
    to[SMART_CACHE_HEAD_REST] ^= 0x1fff ^ SMART_CACHE_MAX_VALUE;
    assert_miss(n);
}

/* Against a model: a hit is the value put last, byte by byte. */
static void random_operations_agree_with_a_model(void **state)
{
    static struct {
        uint64_t value; /* 0: nothing may be found */
        apr_size_t len;
        smart_cache_class_e class;
    } model[KEYS];
    uint64_t hits = 0;
    uint64_t i;

    for (i = 1; i <= OPERATIONS; i++) {
        const uint64_t dice = spread(i);
        const uint64_t n = dice % KEYS;
        const cache_key_t key = key_of(n);

        if (dice >> 32 & 3) {
            if (hit_key(key)) {
                hits++;
                assert_int_not_equal(model[n].value, 0);
                assert_int_equal(got_meta.class, model[n].class);
                assert_int_equal(got_len, model[n].len);
                assert_memory_equal(
                    got, value_of(model[n].value, model[n].len).ptr, got_len);
            }
        }
        else if (dice >> 40 & 7) {
            model[n].class =
                dice >> 48 & 3 ? SMART_CACHE_ACTIVE : SMART_CACHE_INACTIVE;
            model[n].len = (dice >> 50) % 600;
            model[n].value = i;
            assert_int_equal(put_key(key, model[n].class, i, model[n].len),
                             SMART_CACHE_STORED);
        }
        else {
            smart_cache_remove(cache, key.bytes);
            model[n].value = 0;
        }
    }
    assert_true(hits > OPERATIONS / 10);
    assert_valid();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cache_test(value_comes_back_whole_at_every_length),
        cache_test(key_nobody_put_is_a_miss),
        cache_test(key_of_the_same_place_is_a_miss),
        cache_test(every_bit_of_the_key_counts),
        cache_test(keys_of_the_same_place_live_side_by_side),
        cache_test(value_larger_than_the_buffer_is_a_miss),
        cache_test(value_is_taken_at_every_length),
        cache_test(later_put_replaces_the_earlier),
        cache_test(classes_are_told_apart),
        cache_test(inactive_takes_the_place_of_active),
        cache_test(put_without_success_leaves_no_older_record),
        cache_test(removed_key_is_a_miss_and_others_stay),
        cache_test(times_come_back_and_end_the_record),
        cache_test(clock_set_forward_past_exp_is_a_miss),
        cache_test(clock_set_back_does_not_lengthen_a_life),
        cache_test(segment_mapped_elsewhere_is_the_same_cache),
        cache_test(flipped_byte_of_a_record_is_a_miss),
        cache_test(flipped_byte_of_the_index_is_never_a_wrong_answer),
        cache_test(garbage_in_the_segment_is_survived),
        cache_test(damaged_length_does_not_lead_out_of_the_arena),
        cache_test(random_operations_agree_with_a_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
