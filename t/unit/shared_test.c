/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared_test.c: the parts lie beside each other, and a segment that is not
 * exactly as expected is not used.
 */
#include "shared_fixture.h"

#include "io/shared.h"

#define SEAL    APR_UINT64_C(0x5ea1)
#define PERMITS 8

static smart_shared_t shared;
static apr_size_t bytes;

static int setup(void **state)
{
    shared_setup(state);
    bytes = smart_shared_min_bytes();
    assert_true(bytes + 4096 <= SHARED_BYTES);
    assert_int_equal(
        smart_shared_format(memory, bytes, SEAL, PERMITS, pool, &shared),
        APR_SUCCESS);
    return 0;
}

#define segment_test(f)                                                        \
    cmocka_unit_test_setup_teardown(f, setup, shared_teardown)

static apr_status_t open_as(apr_size_t n, apr_uint64_t seal)
{
    return smart_shared_open(memory, n, seal, PERMITS, pool, &shared);
}

static smart_cache_put_e put(uint64_t n)
{
    const smart_cache_times_t times = {now, 60 * SMART_CLOCK_S,
                                       60 * SMART_CLOCK_S, 0};

    return smart_cache_put(shared.cache, key_of(n).bytes, SMART_CACHE_ACTIVE,
                           smart_slice("value"), &times);
}

static smart_cache_e get(uint64_t n)
{
    char buf[SMART_CACHE_MAX_VALUE];
    smart_cache_meta_t meta;
    apr_size_t len;

    return smart_cache_get(shared.cache, key_of(n).bytes, &now, buf,
                           sizeof(buf), &len, &meta);
}

/* Something in each part. */
static void fill(void)
{
    smart_lease_outcome_t none;
    smart_lease_ticket_t lease;
    smart_permit_ticket_t permit;
    smart_breaker_t *breaker;
    unsigned i;

    assert_int_equal(put(1), SMART_CACHE_STORED);
    assert_int_equal(smart_lease_acquire(shared.leases, key_of(1).bytes, &now,
                                         now.mono_us, SMART_CLOCK_S, &lease,
                                         &none),
                     SMART_LEASE_OWNED);
    assert_true(smart_permit_acquire(shared.permits, SMART_PERMIT_NEW, &now, 0,
                                     SMART_CLOCK_S, &permit));
    breaker = smart_breaker_find(shared.breakers, 5, &now);
    for (i = 0; i < SMART_BREAKER_FAILURES; i++) {
        smart_breaker_report(breaker, false, now.mono_us, &now);
    }
    smart_count(shared.counters, SMART_COUNT_HIT);
}

static void assert_filled(void)
{
    smart_breaker_view_t view;
    smart_sums_t sums;

    assert_int_equal(get(1), SMART_CACHE_HIT);
    assert_int_equal(smart_leases_held(shared.leases, &now), 1);
    assert_int_equal(smart_permits_held(shared.permits, &now), 1);
    smart_breaker_look(shared.breakers, 5, &view);
    assert_int_equal(view.id, 5);
    assert_int_equal(view.state, SMART_BREAKER_IS_OPEN);
    smart_counters_sum(shared.counters, &sums);
    assert_int_equal(sums.count[SMART_COUNT_HIT], 1);
}

static void assert_refused(apr_status_t rv)
{
    assert_int_equal(rv, APR_EINVAL);
    assert_null(shared.cache);
    assert_null(shared.leases);
    assert_null(shared.permits);
    assert_null(shared.breakers);
    assert_null(shared.counters);
}

static void opened_segment_has_all_that_was_in_it(void **state)
{
    fill();
    assert_filled();
    assert_int_equal(open_as(bytes, SEAL), APR_SUCCESS);
    assert_filled();
}

static void formatted_segment_is_empty(void **state)
{
    smart_breaker_view_t view;
    smart_sums_t sums;

    fill();
    assert_int_equal(
        smart_shared_format(memory, bytes, SEAL, PERMITS, pool, &shared),
        APR_SUCCESS);
    assert_int_equal(get(1), SMART_CACHE_MISS);
    assert_int_equal(smart_leases_held(shared.leases, &now), 0);
    assert_int_equal(smart_permits_held(shared.permits, &now), 0);
    smart_breaker_look(shared.breakers, 5, &view);
    assert_int_equal(view.id, 0);
    smart_counters_sum(shared.counters, &sums);
    assert_int_equal(sums.count[SMART_COUNT_HIT], 0);
}

static void other_size_or_seal_is_refused(void **state)
{
    assert_refused(open_as(bytes + 4096, SEAL));
    assert_refused(open_as(bytes, SEAL + 1));
    assert_refused(open_as(bytes - 1, SEAL));
    assert_refused(open_as(0, SEAL));
    assert_int_equal(open_as(bytes, SEAL), APR_SUCCESS);
}

static void too_little_memory_is_refused(void **state)
{
    assert_refused(
        smart_shared_format(memory, bytes - 1, SEAL, PERMITS, pool, &shared));
}

static void every_changed_byte_of_the_header_is_refused(void **state)
{
    unsigned i;

    for (i = 0; i < 64; i++) {
        memory[i] ^= 1;
        assert_refused(open_as(bytes, SEAL));
        memory[i] ^= 1;
    }
    assert_int_equal(open_as(bytes, SEAL), APR_SUCCESS);
}

/* Anonymous memory of APR begins some bytes after the page. */
static void any_address_will_do_if_all_have_the_same(void **state)
{
    unsigned skip;

    for (skip = 8; skip < 4096; skip += 488) {
        assert_int_equal(smart_shared_format(memory + skip, bytes, SEAL,
                                             PERMITS, pool, &shared),
                         APR_SUCCESS);
        fill();
        assert_int_equal(smart_shared_open(memory + skip, bytes, SEAL, PERMITS,
                                           pool, &shared),
                         APR_SUCCESS);
        assert_filled();
        assert_int_equal((uintptr_t)shared.breakers % 64, 0);
    }
}

/* What children can write, the parent neither believes nor trips over. */
static void garbage_behind_the_header_changes_nothing_for_open(void **state)
{
    apr_size_t i;

    for (i = 64; i < SMART_SHARED_FIXED - 8192; i++) {
        memory[i] = (unsigned char)spread(i);
    }
    assert_int_equal(open_as(bytes, SEAL), APR_SUCCESS);
    assert_int_equal(put(1), SMART_CACHE_STORED);
    assert_int_equal(get(1), SMART_CACHE_HIT);
}

/* Fill each part to its last byte: no other part may notice. */
static void parts_do_not_overlap(void **state)
{
    smart_permit_ticket_t permit;
    smart_lease_outcome_t none;
    smart_lease_ticket_t lease;
    smart_sums_t sums;
    unsigned n = 0;
    uint64_t i;

    assert_int_equal(smart_shared_format(memory, bytes, SEAL,
                                         SMART_PERMITS_MOST, pool, &shared),
                     APR_SUCCESS);
    while (smart_permit_acquire(shared.permits, SMART_PERMIT_KNOWN, &now, 0,
                                SMART_CLOCK_S, &permit)) {
        n++;
    }
    assert_int_equal(n, SMART_PERMITS_MOST);
    for (i = 0; i < 20000; i++) {
        smart_lease_acquire(shared.leases, key_of(i).bytes, &now, now.mono_us,
                            SMART_CLOCK_S, &lease, &none);
    }
    assert_int_equal(smart_leases_held(shared.leases, &now),
                     SMART_LEASE_SETS * SMART_LEASE_WAYS);
    for (i = 0; i < SMART_BREAKER_SLOTS; i++) {
        assert_non_null(smart_breaker_find(shared.breakers, 100 + i, &now));
    }
    for (i = 0; i < 2 * SMART_TALLY_ROWS; i++) {
        const smart_tally_t *tally =
            smart_tally_join(shared.tallies, 100 + i, 1, pool);

        smart_tally_count(tally, 0);
        smart_tally_count(tally, SMART_TALLY_COUNTS - 1);
    }
    for (i = 1; i <= SMART_HOUR_SLOTS; i++) {
        smart_hour_note(shared.hour, shared.counters,
                        (apr_time_t)i * 60 * APR_USEC_PER_SEC);
    }
    smart_count(shared.counters, SMART_COUNT_DENIED_OTHER);
    smart_count_latency(shared.counters, INT64_MAX / 2);
    smart_counters_sum(shared.counters, &sums);
    assert_int_equal(sums.count[SMART_COUNT_DENIED_OTHER], 1);
    assert_int_equal(sums.processes, 0);
    assert_int_equal(smart_permits_held(shared.permits, &now),
                     SMART_PERMITS_MOST);
    assert_int_equal(put(1), SMART_CACHE_STORED);
    assert_int_equal(
        smart_cache_validate(shared.cache, pool, NULL, &(const char *){NULL}),
        APR_SUCCESS);
    assert_int_equal(open_as(bytes, SEAL), APR_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        segment_test(opened_segment_has_all_that_was_in_it),
        segment_test(formatted_segment_is_empty),
        segment_test(other_size_or_seal_is_refused),
        segment_test(too_little_memory_is_refused),
        segment_test(every_changed_byte_of_the_header_is_refused),
        segment_test(any_address_will_do_if_all_have_the_same),
        segment_test(garbage_behind_the_header_changes_nothing_for_open),
        segment_test(parts_do_not_overlap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
