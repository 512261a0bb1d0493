/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_check_test.c: validate finds each kind of fault, and none in a sound
 * cache; the sums are those of what was put.
 */
#include "cache_fixture.h"

static smart_cache_report_t report;

/* True if the cache is sound; fills in report. */
static bool sound(void)
{
    const char *error = NULL;
    const apr_status_t rv = smart_cache_validate(cache, pool, &report, &error);

    assert_true((rv == APR_SUCCESS) == (error == NULL));
    return rv == APR_SUCCESS;
}

static smart_word_t *free_slot(uint64_t like)
{
    return smart_region_slot(region_of(key_of(like), SMART_CACHE_ACTIVE),
                             SMART_CACHE_SLOTS - 1);
}

static void sound_cache_has_no_fault(void **state)
{
    uint64_t n;

    assert_true(sound());
    assert_int_equal(report.whole, 0);
    for (n = 0; n < 100; n++) {
        put(n, 3 * n);
        put_key(key_of(1000 + n), SMART_CACHE_INACTIVE, n, n);
    }
    assert_true(sound());
    assert_int_equal(report.whole, 200);
    assert_int_equal(report.unfinished, 0);
    assert_int_equal(report.locked, 0);
}

static void damaged_record_is_found(void **state)
{
    smart_word_t *slot;

    put(1, 300);
    slot = slot_of(key_of(1), SMART_CACHE_ACTIVE);
    smart_slot_record(&cache->part[SMART_CACHE_ACTIVE],
                      region_of(key_of(1), SMART_CACHE_ACTIVE), *slot)[20] ^= 1;
    assert_false(sound());
    assert_int_equal(report.damaged, 1);
}

static void slot_out_of_its_region_is_found(void **state)
{
    const unsigned units = cache->part[SMART_CACHE_ACTIVE].units;

    put(1, 300);
    *free_slot(1) = smart_slot_next(0, 1, units - 10, 11);
    assert_false(sound());
    assert_int_equal(report.impossible, 1);
    *free_slot(1) = smart_slot_next(0, 1, 0, 3); /* less than a head */
    assert_false(sound());
    assert_int_equal(report.impossible, 1);
}

static void slots_that_share_bytes_are_found(void **state)
{
    smart_word_t *slot;

    put(1, 300);
    slot = slot_of(key_of(1), SMART_CACHE_ACTIVE);
    *free_slot(1) = smart_slot_next(0, 1, smart_slot_offset(*slot) + 22, 4);
    assert_false(sound());
    assert_int_equal(report.overlapping, 1);
    *free_slot(1) = 0;
    assert_true(sound());
}

static void record_in_the_wrong_place_is_found(void **state)
{
    smart_word_t *slot;

    put(1, 300);
    slot = slot_of(key_of(1), SMART_CACHE_ACTIVE);
    *slot ^= UINT64_C(1) << SMART_CACHE_FP_SHIFT;
    assert_false(sound());
    assert_int_equal(report.misplaced, 1);
}

static void key_with_two_records_is_found(void **state)
{
    const smart_cache_part_t *part = &cache->part[SMART_CACHE_ACTIVE];
    smart_cache_region_t *region = region_of(key_of(1), SMART_CACHE_ACTIVE);
    const apr_uint64_t copy =
        smart_slot_next(0, key_of(1).bytes[8] | key_of(1).bytes[9] << 8, 500,
                        smart_record_units(300));
    smart_word_t *from;
    unsigned i;

    put(1, 300);
    from = smart_slot_record(part, region,
                             *slot_of(key_of(1), SMART_CACHE_ACTIVE));
    for (i = 0; i < smart_record_units(300) * SMART_CACHE_UNIT_WORDS; i++) {
        smart_slot_record(part, region, copy)[i] = from[i];
    }
    *free_slot(1) = copy;
    assert_false(sound());
    assert_int_equal(report.twice, 1);
}

static void what_a_dead_writer_left_is_told_but_no_fault(void **state)
{
    *free_slot(1) = smart_slot_next(0, 1, SMART_CACHE_BUSY_OFFSET, 0);
    region_of(key_of(1), SMART_CACHE_ACTIVE)->lock = 1;
    assert_true(sound());
    assert_int_equal(report.unfinished, 1);
    assert_int_equal(report.locked, 1);
}

static void sums_are_those_of_the_class(void **state)
{
    smart_cache_stats_t active;
    smart_cache_stats_t inactive;
    uint64_t n;

    for (n = 0; n < 50; n++) {
        put(n, 300);
    }
    put(0, 300);
    put_key(key_of(99), SMART_CACHE_INACTIVE, 1, 0);
    smart_cache_stats(cache, SMART_CACHE_ACTIVE, &active);
    smart_cache_stats(cache, SMART_CACHE_INACTIVE, &inactive);
    assert_int_equal(active.entries, 50);
    assert_int_equal(active.stored, 51);
    assert_int_equal(active.bytes_used, 50 * 368);
    assert_int_equal(inactive.entries, 1);
    assert_int_equal(inactive.stored, 1);
    assert_int_equal(inactive.bytes_used, 64);
    assert_true(active.bytes + inactive.bytes <= segment_bytes);
    assert_true(inactive.bytes * 100 <= segment_bytes * SMART_CACHE_SHARE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cache_test(sound_cache_has_no_fault),
        cache_test(damaged_record_is_found),
        cache_test(slot_out_of_its_region_is_found),
        cache_test(slots_that_share_bytes_are_found),
        cache_test(record_in_the_wrong_place_is_found),
        cache_test(key_with_two_records_is_found),
        cache_test(what_a_dead_writer_left_is_told_but_no_fault),
        cache_test(sums_are_those_of_the_class),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
