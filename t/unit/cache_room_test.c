/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_room_test.c: who has to go when a region is full, and who may not.
 */
#include "cache_fixture.h"

#define LEN     300
#define MEMBERS 42 /* records of LEN bytes that fill a region */
#define FLOOD   100000

static uint64_t members[MEMBERS];

/* Fill the region of number 1; every record lives for <life> of its index. */
static void fill_region(apr_int64_t (*life)(unsigned n))
{
    unsigned n;

    for (n = 0; n < MEMBERS; n++) {
        const apr_int64_t us = life(n);
        const smart_cache_times_t times = times_of(us, us, 0);

        members[n] = in_region_of(1, n);
        assert_int_equal(smart_cache_put(cache, key_of(members[n]).bytes,
                                         SMART_CACHE_ACTIVE,
                                         value_of(members[n], LEN), &times),
                         SMART_CACHE_STORED);
    }
    for (n = 0; n < MEMBERS; n++) {
        assert_true(hit(members[n]));
    }
}

static void forget_touches(void)
{
    smart_cache_region_t *region = region_of(key_of(1), SMART_CACHE_ACTIVE);
    unsigned i;

    for (i = 0; i < SMART_CACHE_LINES; i++) {
        smart_word_set(&region->line[i].touched, 0);
    }
}

static apr_int64_t hour(unsigned n)
{
    return 60 * MINUTE;
}

static apr_int64_t minute_for_every_third(unsigned n)
{
    return n % 3 ? 60 * MINUTE : MINUTE;
}

static unsigned count_hits(void)
{
    unsigned found = 0;
    unsigned n;

    for (n = 0; n < MEMBERS; n++) {
        found += hit(members[n]);
    }
    return found;
}

static smart_cache_stats_t stats_of(smart_cache_class_e class)
{
    smart_cache_stats_t stats;

    smart_cache_stats(cache, class, &stats);
    return stats;
}

static void expired_records_go_before_good_ones(void **state)
{
    unsigned n;

    fill_region(minute_for_every_third);
    forget_touches();
    now.mono_us += MINUTE;
    for (n = 0; n < MEMBERS / 3; n++) {
        assert_int_equal(put(in_region_of(1, MEMBERS + n), LEN),
                         SMART_CACHE_STORED);
    }
    assert_int_equal(count_hits(), MEMBERS - MEMBERS / 3);
    assert_int_equal(stats_of(SMART_CACHE_ACTIVE).dropped_expired, MEMBERS / 3);
    assert_int_equal(stats_of(SMART_CACHE_ACTIVE).dropped_live, 0);
    assert_valid();
}

static void records_that_were_read_get_a_second_chance(void **state)
{
    unsigned n;

    fill_region(hour);
    forget_touches();
    for (n = 0; n < MEMBERS; n += 2) {
        assert_true(hit(members[n]));
    }
    for (n = 0; n < MEMBERS / 4; n++) {
        assert_int_equal(put(in_region_of(1, MEMBERS + n), LEN),
                         SMART_CACHE_STORED);
    }
    for (n = 0; n < MEMBERS; n += 2) {
        assert_hit(members[n], LEN);
    }
    assert_true(count_hits() < MEMBERS);
    assert_valid();
}

/* All were read: somebody has to go nevertheless. */
static void full_region_of_read_records_takes_a_new_one(void **state)
{
    const uint64_t newcomer = in_region_of(1, MEMBERS);

    fill_region(hour);
    assert_int_equal(put(newcomer, LEN), SMART_CACHE_STORED);
    assert_hit(newcomer, LEN);
    assert_true(count_hits() >= MEMBERS - 2);
    assert_valid();
}

static void refreshing_in_a_full_region_costs_nobody_its_place(void **state)
{
    unsigned round;
    unsigned n;

    fill_region(hour);
    for (round = 0; round < 3; round++) {
        for (n = 0; n < MEMBERS; n++) {
            assert_int_equal(put(members[n], LEN), SMART_CACHE_STORED);
        }
    }
    assert_int_equal(count_hits(), MEMBERS);
    assert_int_equal(stats_of(SMART_CACHE_ACTIVE).dropped_live, 0);
    assert_valid();
}

static void largest_record_finds_room_in_a_full_region(void **state)
{
    const uint64_t large = in_region_of(1, MEMBERS);

    fill_region(hour);
    assert_int_equal(put(large, SMART_CACHE_MAX_VALUE), SMART_CACHE_STORED);
    assert_hit(large, SMART_CACHE_MAX_VALUE);
    assert_valid();
}

static void one_region_can_not_push_out_another(void **state)
{
    const uint64_t elsewhere = 77;
    unsigned n;

    assert_true(region_of(key_of(elsewhere), SMART_CACHE_ACTIVE) !=
                region_of(key_of(1), SMART_CACHE_ACTIVE));
    put(elsewhere, LEN);
    forget_touches();
    for (n = 0; n < 1000; n++) {
        put(in_region_of(1, n), LEN);
    }
    assert_hit(elsewhere, LEN);
}

static void every_slot_of_a_region_is_used(void **state)
{
    unsigned n;

    for (n = 0; n < SMART_CACHE_SLOTS; n++) {
        assert_int_equal(put(in_region_of(1, n), 8), SMART_CACHE_STORED);
    }
    for (n = 0; n < SMART_CACHE_SLOTS; n++) {
        assert_hit(in_region_of(1, n), 8);
    }
    assert_int_equal(stats_of(SMART_CACHE_ACTIVE).dropped_live, 0);
    assert_int_equal(put(in_region_of(1, n), 8), SMART_CACHE_STORED);
    assert_int_equal(stats_of(SMART_CACHE_ACTIVE).dropped_live, 1);
    assert_valid();
}

static void newcomer_does_not_inherit_a_second_chance(void **state)
{
    smart_word_t *slot;
    const smart_cache_line_t *line;
    uint64_t bit;

    put(1, 8);
    assert_hit(1, 8);
    slot = slot_of(key_of(1), SMART_CACHE_ACTIVE);
    line = &region_of(key_of(1), SMART_CACHE_ACTIVE)
                ->line[key_of(1).bytes[12] % SMART_CACHE_LINES];
    bit = UINT64_C(1) << (slot - line->slot);
    assert_true(line->touched & bit);
    put(1, 9); /* the same key: still in use */
    assert_true(line->touched & bit);
    smart_cache_remove(cache, key_of(1).bytes);
    put(1, 8);
    assert_ptr_equal(slot_of(key_of(1), SMART_CACHE_ACTIVE), slot);
    assert_false(line->touched & bit);
}

/* So that a reader finds it with the first line it looks at. */
static void record_is_in_its_own_line_while_there_is_room(void **state)
{
    smart_cache_place_t place;
    uint64_t n;

    for (n = 0; n < 20; n++) {
        const cache_key_t key = key_of(n);
        const smart_cache_line_t *line;

        put(n, 8);
        smart_cache_place(key.bytes, &place);
        line = &region_of(key, SMART_CACHE_ACTIVE)->line[place.home];
        assert_true(slot_of(key, SMART_CACHE_ACTIVE) >= line->slot);
        assert_true(slot_of(key, SMART_CACHE_ACTIVE) <
                    line->slot + SMART_CACHE_LINE_SLOTS);
    }
}

static void busy_slot_of_a_dead_writer_is_freed_by_the_next_put(void **state)
{
    smart_cache_region_t *region = region_of(key_of(1), SMART_CACHE_ACTIVE);
    smart_word_t *slot = smart_region_slot(region, SMART_CACHE_SLOTS - 1);

    *slot = smart_slot_next(9, 7, SMART_CACHE_BUSY_OFFSET, 0);
    put(1, 8);
    assert_false(smart_slot_is_busy(*slot));
    assert_hit(1, 8);
}

/* What two writers left after one of them woke up late. */
static void slots_that_share_units_are_sorted_out(void **state)
{
    smart_cache_region_t *region = region_of(key_of(1), SMART_CACHE_ACTIVE);
    const char *error;
    unsigned n = SMART_CACHE_SLOTS - 1;

    fill_region(hour);
    while (smart_slot_units(*smart_region_slot(region, n)) != 0) {
        n--;
    }
    smart_word_set(smart_region_slot(region, n),
                   smart_slot_next(0, 0x1234, 3, 40));
    assert_int_equal(smart_cache_validate(cache, pool, NULL, &error),
                     APR_EGENERAL);
    for (n = 0; n < 5; n++) {
        put(members[n], LEN);
    }
    assert_valid();
    assert_int_equal(count_hits(), MEMBERS);
}

static void inactive_records_push_no_active_one_out(void **state)
{
    const smart_cache_part_t *part = &cache->part[SMART_CACHE_INACTIVE];
    uint64_t n;

    for (n = 0; n < 300; n++) {
        put(n, LEN);
    }
    for (n = 0; n < FLOOD; n++) {
        assert_int_equal(
            put_key(key_of(FLOOD + n), SMART_CACHE_INACTIVE, n, 16),
            SMART_CACHE_STORED);
    }
    for (n = 0; n < 300; n++) {
        assert_hit(n, LEN);
    }
    assert_int_equal(stats_of(SMART_CACHE_ACTIVE).dropped_live, 0);
    assert_true(stats_of(SMART_CACHE_INACTIVE).entries >=
                part->regions * SMART_CACHE_LINE_SLOTS);
    assert_valid();
}

/* 512 bytes of segment for each record of 300: nearly all of them stay. */
static void segment_holds_as_many_as_promised(void **state)
{
    const uint64_t count = segment_bytes / 512;
    uint64_t found = 0;
    uint64_t n;

    for (n = 0; n < count; n++) {
        put(n, 250 + n % 101);
    }
    for (n = 0; n < count; n++) {
        found += hit(n);
    }
    assert_true(found * 100 >= count * 95);
    assert_valid();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cache_test(expired_records_go_before_good_ones),
        cache_test(records_that_were_read_get_a_second_chance),
        cache_test(full_region_of_read_records_takes_a_new_one),
        cache_test(refreshing_in_a_full_region_costs_nobody_its_place),
        cache_test(largest_record_finds_room_in_a_full_region),
        cache_test(one_region_can_not_push_out_another),
        cache_test(every_slot_of_a_region_is_used),
        cache_test(newcomer_does_not_inherit_a_second_chance),
        cache_test(record_is_in_its_own_line_while_there_is_room),
        cache_test(busy_slot_of_a_dead_writer_is_freed_by_the_next_put),
        cache_test(slots_that_share_units_are_sorted_out),
        cache_test(inactive_records_push_no_active_one_out),
        cache_test(segment_holds_as_many_as_promised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
