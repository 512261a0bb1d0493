/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hour_test.c: what was counted is shown in the minute in which it was, and in
 * no other, whoever wrote when.
 */
#include "shared_fixture.h"

#include "io/hour.h"

#define RING   ((smart_hour_t *)(void *)(memory + (1 << 20)))
#define MINUTE (60 * APR_USEC_PER_SEC)
#define BEGIN  ((apr_time_t)29000000 * MINUTE)
#define LAST   (SMART_HOUR_MINUTES - 1)

static smart_counters_t *counters;
static smart_minute_t minutes[SMART_HOUR_MINUTES];

static int setup(void **state)
{
    shared_setup(state);
    counters = smart_counters_create(memory, pool);
    return 0;
}

#define hour_test(f) cmocka_unit_test_setup_teardown(f, setup, shared_teardown)

/* A request at a minute and some seconds. */
static void happen(int minute, int seconds, unsigned times)
{
    smart_hour_tick(RING, counters,
                    BEGIN + minute * MINUTE + seconds * APR_USEC_PER_SEC);
    while (times-- > 0) {
        smart_count(counters, SMART_COUNT_HIT);
    }
}

static void read_at(int minute)
{
    smart_sums_t sums;

    smart_counters_sum(counters, &sums);
    smart_hour_read(RING, BEGIN + minute * MINUTE, &sums, minutes);
}

/* Hits in a minute, as seen at another; -1: not known. */
static int hits(int seen_at, int minute)
{
    const smart_minute_t *m;

    read_at(seen_at);
    m = &minutes[(int)LAST - seen_at + minute];
    assert_int_equal(m->begin, BEGIN + minute * MINUTE);
    return m->known ? (int)m->sums.count[SMART_COUNT_HIT] : -1;
}

static void nothing_is_known_at_first(void **state)
{
    unsigned i;

    read_at(100);
    for (i = 0; i < SMART_HOUR_MINUTES; i++) {
        assert_false(minutes[i].known);
        assert_int_equal(minutes[i].begin,
                         BEGIN + (100 - (apr_time_t)LAST + i) * MINUTE);
    }
}

static void each_minute_has_its_own(void **state)
{
    happen(0, 5, 3);
    happen(0, 59, 2);
    happen(1, 0, 7);
    happen(2, 30, 1);
    assert_int_equal(hits(2, 0), 5);
    assert_int_equal(hits(2, 1), 7);
    assert_int_equal(hits(2, 2), 1); /* it is not over */
    assert_int_equal(hits(2, -1), -1);
    happen(2, 40, 4);
    assert_int_equal(hits(2, 2), 5);
    assert_int_equal(hits(50, 2), 5);
}

/* Nobody writes anything down while nothing happens. */
static void idle_minutes_are_empty_and_known(void **state)
{
    happen(0, 0, 3);
    happen(20, 0, 2);
    assert_int_equal(hits(30, 0), 3);
    assert_int_equal(hits(30, 1), 0);
    assert_int_equal(hits(30, 19), 0);
    assert_int_equal(hits(30, 20), 2);
    assert_int_equal(hits(30, 30), 0);
    assert_int_equal(hits(30, -5), -1);
}

static void what_is_older_than_an_hour_is_gone(void **state)
{
    happen(0, 0, 3);
    happen(70, 0, 2);
    assert_int_equal(hits(70, 70), 2);
    assert_int_equal(hits(70, 11), 0);
    assert_int_equal(hits(70, 69), 0);
    assert_int_equal(hits(1000, 999), 0);
}

static void a_full_hour_and_more(void **state)
{
    int i;

    for (i = 0; i < 200; i++) {
        happen(i, i % 60, (unsigned)i);
    }
    for (i = 140; i < 200; i++) {
        assert_int_equal(hits(199, i), i);
    }
}

static void other_sums_come_along(void **state)
{
    happen(0, 0, 0);
    smart_count_latency(counters, 1000);
    smart_count(counters, SMART_COUNT_DENIED_OTHER);
    happen(1, 0, 0);
    smart_count_latency(counters, 5000);
    read_at(1);
    assert_int_equal(minutes[LAST - 1].sums.latency_us, 1000);
    assert_int_equal(minutes[LAST - 1].sums.latency[3], 1);
    assert_int_equal(minutes[LAST - 1].sums.count[SMART_COUNT_DENIED_OTHER], 1);
    assert_int_equal(minutes[LAST].sums.latency_us, 5000);
    assert_int_equal(minutes[LAST].sums.latency[6], 1);
}

static void late_request_does_not_write_its_minute_again(void **state)
{
    happen(10, 0, 1);
    happen(11, 0, 1);
    happen(10, 59, 5); /* it began then, and took long */
    assert_int_equal(hits(11, 10), 1);
    assert_int_equal(hits(11, 11), 6);
}

static void clock_that_was_set_back_begins_a_new_hour(void **state)
{
    happen(100, 0, 1);
    happen(40, 0, 2);
    happen(41, 0, 3);
    assert_int_equal(hits(41, 40), 2);
    assert_int_equal(hits(41, 41), 3);
}

static void write_and_die_early(void)
{
    const apr_uint64_t minute = smart_hour_minute(BEGIN + 3 * MINUTE);
    smart_hour_slot_t *slot = &RING->slots[minute % SMART_HOUR_SLOTS];

    smart_word_set(&RING->newest, minute);
    smart_word_set(&slot->minute, 0);
}

static void
who_dies_with_a_slot_leaves_its_minute_to_the_one_before(void **state)
{
    happen(2, 0, 4);
    in_child(write_and_die_early);
    happen(3, 30, 5);
    happen(4, 0, 6);
    assert_int_equal(hits(4, 2), 9);
    assert_int_equal(hits(4, 3), 0);
    assert_int_equal(hits(4, 4), 6);
}

static void no_ring_no_matter(void **state)
{
    smart_hour_tick(NULL, counters, BEGIN);
}

static void one_at_once(void)
{
    happen(5, 0, 1);
}

static void many_at_once_write_one_slot(void **state)
{
    pid_t pids[8];
    unsigned i;

    happen(4, 0, 0);
    for (i = 0; i < 8; i++) {
        pids[i] = child_run(one_at_once);
    }
    for (i = 0; i < 8; i++) {
        waitpid(pids[i], NULL, 0);
    }
    happen(6, 0, 0);
    /* Those who were faster than the writer count with the minute before. */
    assert_int_equal(hits(6, 4) + hits(6, 5), 8);
}

static void garbage_breaks_nothing(void **state)
{
    uint64_t *words = (uint64_t *)(void *)RING;
    unsigned i;

    for (i = 0; i < SMART_HOUR_BYTES / 8; i++) {
        words[i] = spread(i);
    }
    read_at(3);
    happen(3, 0, 1);
    read_at(3);
}

static void quantiles(void **state)
{
    apr_uint64_t latency[SMART_LATENCY_BUCKETS] = {0};

    assert_int_equal(smart_latency_quantile(latency, 50), -1);
    latency[0] = 1; /* up to 128 us */
    assert_int_equal(smart_latency_quantile(latency, 50), 128);
    latency[3] = 99; /* 512 to 1024 us */
    assert_int_equal(smart_latency_quantile(latency, 1), 128);
    assert_true(smart_latency_quantile(latency, 50) > 512);
    assert_true(smart_latency_quantile(latency, 50) < 1024);
    assert_int_equal(smart_latency_quantile(latency, 100), 1024);
    latency[SMART_LATENCY_BUCKETS - 1] = 10000; /* without end */
    assert_int_equal(smart_latency_quantile(latency, 95), 128 << 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        hour_test(nothing_is_known_at_first),
        hour_test(each_minute_has_its_own),
        hour_test(idle_minutes_are_empty_and_known),
        hour_test(what_is_older_than_an_hour_is_gone),
        hour_test(a_full_hour_and_more),
        hour_test(other_sums_come_along),
        hour_test(late_request_does_not_write_its_minute_again),
        hour_test(clock_that_was_set_back_begins_a_new_hour),
        hour_test(who_dies_with_a_slot_leaves_its_minute_to_the_one_before),
        hour_test(no_ring_no_matter),
        hour_test(many_at_once_write_one_slot),
        hour_test(garbage_breaks_nothing),
        hour_test(quantiles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
