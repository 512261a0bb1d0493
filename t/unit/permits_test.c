/* SPDX-License-Identifier: Apache-2.0 */
/*
 * permits_test.c: no more questions than allowed, room for known tokens, and
 * nothing lost with those who die.
 */
#include "shared_fixture.h"

#include "io/permits.h"

#define HOLD (2 * SMART_CLOCK_S)
#define MOST 64

static smart_permits_t *permits;
static smart_permit_ticket_t ticket[MOST];

static void make(unsigned limit)
{
    permits = smart_permits_create(memory, limit, pool);
}

static int setup(void **state)
{
    shared_setup(state);
    make(8);
    return 0;
}

#define permits_test(f)                                                        \
    cmocka_unit_test_setup_teardown(f, setup, shared_teardown)

static bool acquire(smart_permit_class_e class, apr_int64_t wait_us,
                    smart_permit_ticket_t *t)
{
    return smart_permit_acquire(permits, class, &now, wait_us, HOLD, t);
}

/* Take all a class can get. */
static unsigned take_all(smart_permit_class_e class, unsigned at)
{
    unsigned n = 0;

    while (at + n < MOST && acquire(class, 0, &ticket[at + n])) {
        n++;
    }
    return n;
}

static void limit_is_the_limit_and_a_release_makes_room(void **state)
{
    smart_permit_ticket_t one;

    assert_int_equal(take_all(SMART_PERMIT_KNOWN, 0), 8);
    assert_int_equal(smart_permits_held(permits, &now), 8);
    assert_false(acquire(SMART_PERMIT_KNOWN, 0, &one));
    assert_int_equal(one.word, 0);
    smart_permit_release(permits, &one); /* does nothing */
    assert_int_equal(smart_permits_held(permits, &now), 8);
    smart_permit_release(permits, &ticket[3]);
    assert_int_equal(smart_permits_held(permits, &now), 7);
    assert_true(acquire(SMART_PERMIT_KNOWN, 0, &one));
    assert_false(acquire(SMART_PERMIT_KNOWN, 0, &one));
}

static void new_tokens_leave_a_quarter_to_known_ones(void **state)
{
    static const unsigned limits[][2] = {{1, 1}, {2, 1}, {3, 2},  {4, 3},
                                         {5, 3}, {8, 6}, {40, 30}};
    unsigned i;

    for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        memset(memory, 0, SMART_PERMITS_BYTES);
        make(limits[i][0]);
        assert_int_equal(take_all(SMART_PERMIT_NEW, 0), limits[i][1]);
        assert_int_equal(take_all(SMART_PERMIT_KNOWN, limits[i][1]),
                         limits[i][0] - limits[i][1]);
        assert_int_equal(smart_permits_limit(permits, SMART_PERMIT_NEW),
                         limits[i][1]);
        assert_int_equal(smart_permits_limit(permits, SMART_PERMIT_KNOWN),
                         limits[i][0]);
    }
}

static void known_tokens_take_what_is_theirs_first(void **state)
{
    assert_true(acquire(SMART_PERMIT_KNOWN, 0, &ticket[0]));
    assert_true(acquire(SMART_PERMIT_KNOWN, 0, &ticket[1]));
    assert_int_equal(take_all(SMART_PERMIT_NEW, 2), 6);
    smart_permit_release(permits, &ticket[0]); /* not for new ones */
    assert_false(acquire(SMART_PERMIT_NEW, 0, &ticket[20]));
    assert_true(acquire(SMART_PERMIT_KNOWN, 0, &ticket[20]));
}

static void limits_beyond_the_table_are_cut(void **state)
{
    make(0);
    assert_int_equal(smart_permits_limit(permits, SMART_PERMIT_KNOWN), 1);
    make(1000000);
    assert_int_equal(smart_permits_limit(permits, SMART_PERMIT_KNOWN),
                     SMART_PERMITS_MOST);
}

static void holder_loses_it_at_the_deadline_and_not_before(void **state)
{
    smart_permit_ticket_t late;

    take_all(SMART_PERMIT_KNOWN, 0);
    pass_us(HOLD - 1000);
    assert_false(acquire(SMART_PERMIT_KNOWN, 0, &late));
    pass_us(3000);
    assert_int_equal(smart_permits_held(permits, &now), 0);
    assert_int_equal(take_all(SMART_PERMIT_KNOWN, 20), 8);
    smart_permit_release(permits, &ticket[0]); /* not his any more */
    assert_int_equal(smart_permits_held(permits, &now), 8);
}

static void wait_ends_in_time(void **state)
{
    const apr_int64_t begin = smart_clock_now().mono_us;

    take_all(SMART_PERMIT_KNOWN, 0);
    now = smart_clock_now();
    assert_false(acquire(SMART_PERMIT_KNOWN, 60000, &ticket[20]));
    assert_true(us_since(begin) >= 60000);
    assert_true(us_since(begin) < 2 * SMART_CLOCK_S);
}

static void release_soon(void)
{
    usleep(30000);
    smart_permit_release(permits, &ticket[0]);
}

static void wait_ends_with_a_release_in_another_process(void **state)
{
    apr_int64_t begin;
    pid_t pid;

    make(1);
    take_all(SMART_PERMIT_NEW, 0);
    pid = child_run(release_soon);
    begin = smart_clock_now().mono_us;
    now = smart_clock_now();
    assert_true(acquire(SMART_PERMIT_NEW, 5 * SMART_CLOCK_S, &ticket[1]));
    assert_true(us_since(begin) < SMART_CLOCK_S);
    waitpid(pid, NULL, 0);
}

static void hold_all(void)
{
    take_all(SMART_PERMIT_KNOWN, 0);
}

static void permits_of_the_dead_come_back_to_who_waits(void **state)
{
    const pid_t zombie = in_zombie(hold_all);
    const apr_int64_t begin = smart_clock_now().mono_us;

    now = smart_clock_now();
    assert_int_equal(smart_permits_held(permits, &now), 8);
    assert_true(acquire(SMART_PERMIT_NEW, SMART_CLOCK_S, &ticket[0]));
    assert_true(us_since(begin) < SMART_CLOCK_S / 2);
    assert_int_equal(take_all(SMART_PERMIT_KNOWN, 1), 7);
    waitpid(zombie, NULL, 0);
}

static void stopped_holder_keeps_them_to_the_deadline(void **state)
{
    const pid_t pid = in_stopped(hold_all);

    now = smart_clock_now();
    assert_false(acquire(SMART_PERMIT_NEW, 60000, &ticket[0]));
    pass_us(HOLD + SMART_CLOCK_S);
    assert_true(acquire(SMART_PERMIT_NEW, 0, &ticket[0]));
    end_child(pid);
}

static void garbage_is_no_permit_held_for_ever(void **state)
{
    uint64_t *words = (uint64_t *)(void *)memory;
    size_t i;

    for (i = 0; i < SMART_PERMITS_BYTES / 8; i++) {
        words[i] = spread(i) | UINT64_C(1) << 63;
    }
    assert_int_equal(take_all(SMART_PERMIT_KNOWN, 0), 8);
    assert_false(acquire(SMART_PERMIT_KNOWN, 50000, &ticket[20]));
}

static void longest_holding_is_cut(void **state)
{
    make(1);
    assert_true(smart_permit_acquire(permits, SMART_PERMIT_NEW, &now, 0,
                                     INT64_MAX, &ticket[0]));
    pass_us(SMART_PERMITS_MAX_US + SMART_CLOCK_S);
    assert_true(acquire(SMART_PERMIT_NEW, 0, &ticket[0]));
}

/* ---- many at once ---- */

#define PROCESSES 4
#define ROUNDS    2000
#define UNDER_WAY ((_Atomic int *)(void *)(memory + SMART_PERMITS_BYTES))

static void ask_many_times(void)
{
    smart_permit_ticket_t mine;
    int i;

    for (i = 0; i < ROUNDS; i++) {
        now = smart_clock_now();
        if (smart_permit_acquire(permits, SMART_PERMIT_KNOWN, &now,
                                 SMART_CLOCK_S, 60 * SMART_CLOCK_S, &mine)) {
            if (++UNDER_WAY[0] > 3) {
                UNDER_WAY[1]++;
            }
            UNDER_WAY[2]++;
            UNDER_WAY[0]--;
            smart_permit_release(permits, &mine);
        }
    }
}

static void no_more_than_the_limit_at_once_over_processes(void **state)
{
    pid_t pid[PROCESSES];
    int i;

    make(3);
    for (i = 0; i < PROCESSES; i++) {
        pid[i] = child_run(ask_many_times);
    }
    for (i = 0; i < PROCESSES; i++) {
        waitpid(pid[i], NULL, 0);
    }
    assert_int_equal(UNDER_WAY[1], 0);
    assert_int_equal(UNDER_WAY[2], PROCESSES * ROUNDS);
    now = smart_clock_now();
    assert_int_equal(smart_permits_held(permits, &now), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        permits_test(limit_is_the_limit_and_a_release_makes_room),
        permits_test(new_tokens_leave_a_quarter_to_known_ones),
        permits_test(known_tokens_take_what_is_theirs_first),
        permits_test(limits_beyond_the_table_are_cut),
        permits_test(holder_loses_it_at_the_deadline_and_not_before),
        permits_test(wait_ends_in_time),
        permits_test(wait_ends_with_a_release_in_another_process),
        permits_test(permits_of_the_dead_come_back_to_who_waits),
        permits_test(stopped_holder_keeps_them_to_the_deadline),
        permits_test(garbage_is_no_permit_held_for_ever),
        permits_test(longest_holding_is_cut),
        permits_test(no_more_than_the_limit_at_once_over_processes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
