/* SPDX-License-Identifier: Apache-2.0 */
/*
 * breaker_test.c: when a breaker opens, whom it lets through, who is told.
 */
#include "shared_fixture.h"

#include "io/breaker.h"

#define TABLE ((smart_breaker_t *)(void *)memory)

static smart_breaker_t *breaker;
static int retry_after;

static int setup(void **state)
{
    shared_setup(state);
    breaker = smart_breaker_find(TABLE, 77, &now);
    assert_non_null(breaker);
    return 0;
}

#define breaker_test(f)                                                        \
    cmocka_unit_test_setup_teardown(f, setup, shared_teardown)

static smart_breaker_e allow(void)
{
    return smart_breaker_allow(breaker, &now, &retry_after);
}

static smart_breaker_change_e report(bool success)
{
    return smart_breaker_report(breaker, success, now.mono_us, &now);
}

static void fail_times(unsigned n)
{
    while (n-- > 0) {
        report(false);
    }
}

static void opened(void)
{
    fail_times(SMART_BREAKER_FAILURES);
}

static void closed_lets_all_through(void **state)
{
    assert_int_equal(allow(), SMART_BREAKER_GO);
    assert_int_equal(retry_after, 0);
    assert_int_equal(report(true), SMART_BREAKER_SAME);
    assert_int_equal(allow(), SMART_BREAKER_GO);
}

static void failures_in_a_row_open_it_and_one_less_does_not(void **state)
{
    fail_times(SMART_BREAKER_FAILURES - 1);
    assert_int_equal(allow(), SMART_BREAKER_GO);
    assert_int_equal(report(false), SMART_BREAKER_OPENED);
    assert_int_equal(allow(), SMART_BREAKER_NO);
    assert_int_equal(retry_after, 1);
    assert_int_equal(report(false), SMART_BREAKER_SAME);
}

static void success_between_failures_begins_the_row_anew(void **state)
{
    fail_times(SMART_BREAKER_FAILURES - 1);
    assert_int_equal(report(true), SMART_BREAKER_SAME);
    fail_times(SMART_BREAKER_FAILURES - 1);
    assert_int_equal(allow(), SMART_BREAKER_GO);
    assert_int_equal(report(false), SMART_BREAKER_OPENED);
}

static void one_probe_each_second(void **state)
{
    opened();
    pass_us(SMART_BREAKER_PROBE_US - 1000);
    assert_int_equal(allow(), SMART_BREAKER_NO);
    pass_us(1000);
    assert_int_equal(allow(), SMART_BREAKER_PROBE);
    assert_int_equal(allow(), SMART_BREAKER_NO);
    pass_us(SMART_BREAKER_PROBE_US);
    /* Nobody came back from the first one: he is dead, or it takes long. */
    assert_int_equal(allow(), SMART_BREAKER_PROBE);
    assert_int_equal(allow(), SMART_BREAKER_NO);
}

static void
probe_that_succeeds_closes_it_and_one_that_fails_does_not(void **state)
{
    opened();
    pass_us(SMART_BREAKER_PROBE_US);
    assert_int_equal(allow(), SMART_BREAKER_PROBE);
    assert_int_equal(report(false), SMART_BREAKER_SAME);
    assert_int_equal(allow(), SMART_BREAKER_NO);
    pass_us(SMART_BREAKER_PROBE_US);
    assert_int_equal(allow(), SMART_BREAKER_PROBE);
    assert_int_equal(report(true), SMART_BREAKER_CLOSED);
    assert_int_equal(report(true), SMART_BREAKER_SAME);
    assert_int_equal(allow(), SMART_BREAKER_GO);
    fail_times(SMART_BREAKER_FAILURES - 1);
    assert_int_equal(allow(), SMART_BREAKER_GO); /* a whole row again */
}

static void what_still_hung_when_it_closed_does_not_open_it(void **state)
{
    const apr_int64_t before = now.mono_us;
    unsigned i;

    opened();
    pass_us(SMART_BREAKER_PROBE_US);
    allow();
    report(true);
    pass_us(SMART_CLOCK_S);
    for (i = 0; i < 2 * SMART_BREAKER_FAILURES; i++) {
        smart_breaker_report(breaker, false, before, &now);
    }
    assert_int_equal(allow(), SMART_BREAKER_GO);
    opened(); /* younger ones do */
    assert_int_equal(allow(), SMART_BREAKER_NO);
}

static void endpoints_have_breakers_of_their_own(void **state)
{
    smart_breaker_t *other = smart_breaker_find(TABLE, 78, &now);
    /* Its place is that of the first. */
    smart_breaker_t *third =
        smart_breaker_find(TABLE, 77 + SMART_BREAKER_SLOTS, &now);

    assert_ptr_not_equal(other, breaker);
    assert_ptr_not_equal(third, breaker);
    assert_ptr_not_equal(third, other);
    opened();
    assert_int_equal(smart_breaker_allow(other, &now, &retry_after),
                     SMART_BREAKER_GO);
    assert_int_equal(smart_breaker_allow(third, &now, &retry_after),
                     SMART_BREAKER_GO);
    assert_ptr_equal(smart_breaker_find(TABLE, 77, &now), breaker);
    assert_ptr_equal(smart_breaker_find(TABLE, 77 + SMART_BREAKER_SLOTS, &now),
                     third);
    assert_non_null(smart_breaker_find(TABLE, 0, &now));
}

static void full_table_goes_without_until_one_is_idle(void **state)
{
    smart_breaker_view_t view;
    smart_breaker_t *last;
    uint64_t id;

    opened();
    for (id = 1000; id < 1000 + SMART_BREAKER_SLOTS - 1; id++) {
        assert_non_null(smart_breaker_find(TABLE, id, &now));
    }
    assert_null(smart_breaker_find(TABLE, 5000, &now));
    assert_int_equal(smart_breaker_allow(NULL, &now, &retry_after),
                     SMART_BREAKER_GO);
    assert_int_equal(smart_breaker_report(NULL, false, now.mono_us, &now),
                     SMART_BREAKER_SAME);
    pass_us(SMART_BREAKER_IDLE_US / 2);
    for (id = 1000; id < 1000 + SMART_BREAKER_SLOTS - 1; id++) {
        smart_breaker_find(TABLE, id, &now); /* all but the first are used */
    }
    assert_null(smart_breaker_find(TABLE, 5000, &now));
    pass_us(SMART_BREAKER_IDLE_US / 2);
    last = smart_breaker_find(TABLE, 5000, &now);
    assert_ptr_equal(last, breaker);
    smart_breaker_look(TABLE, (unsigned)(last - TABLE), &view);
    assert_int_equal(view.id, 5000);
    assert_int_equal(view.state, SMART_BREAKER_IS_CLOSED);
    assert_int_equal(view.openings, 0);
}

static void status_page_sees_the_states(void **state)
{
    const unsigned n = (unsigned)(breaker - TABLE);
    smart_breaker_view_t view;

    fail_times(2);
    smart_breaker_look(TABLE, n, &view);
    assert_int_equal(view.id, 77);
    assert_int_equal(view.state, SMART_BREAKER_IS_CLOSED);
    assert_int_equal(view.failures, 2);
    fail_times(3);
    smart_breaker_look(TABLE, n, &view);
    assert_int_equal(view.state, SMART_BREAKER_IS_OPEN);
    assert_int_equal(view.openings, 1);
    pass_us(SMART_BREAKER_PROBE_US);
    allow();
    smart_breaker_look(TABLE, n, &view);
    assert_int_equal(view.state, SMART_BREAKER_IS_HALF_OPEN);
}

static void status_page_sees_how_fast_it_answers(void **state)
{
    smart_breaker_view_t view;
    unsigned i;

    smart_breaker_look(TABLE, 77 % SMART_BREAKER_SLOTS, &view);
    assert_int_equal(view.pace_us + view.answers + view.failed, 0);
    smart_breaker_report(breaker, true, now.mono_us - 8000, &now);
    smart_breaker_look(TABLE, 77 % SMART_BREAKER_SLOTS, &view);
    assert_int_equal(view.pace_us, 8000);
    assert_int_equal(view.answer_s, now.wall_s);
    report(false); /* has no pace */
    for (i = 0; i < 60; i++) {
        smart_breaker_report(breaker, true, now.mono_us - 16000, &now);
    }
    smart_breaker_look(TABLE, 77 % SMART_BREAKER_SLOTS, &view);
    assert_in_range(view.pace_us, 15900, 16000);
    assert_int_equal(view.answers, 61);
    assert_int_equal(view.failed, 1);
    smart_breaker_report(breaker, true, now.mono_us + 1, &now);
    report(true);
}

static void garbage_turns_nobody_away_for_long(void **state)
{
    unsigned i;

    for (i = 0; i < 1000; i++) {
        smart_word_set(&breaker->state, spread(i));
        if (allow() == SMART_BREAKER_NO) {
            assert_true(retry_after <= 1);
            pass_us(SMART_BREAKER_PROBE_US);
            assert_int_not_equal(allow(), SMART_BREAKER_NO);
        }
        smart_word_set(&breaker->state, spread(i));
        report(false);
        report(true);
        assert_int_equal(allow(), SMART_BREAKER_GO);
    }
}

/* ---- many at once ---- */

#define PROCESSES 4
#define SHARED    ((_Atomic int *)(void *)(memory + SMART_BREAKER_BYTES))

static void fail_and_count(void)
{
    int i;

    for (i = 0; i < 100; i++) {
        SHARED[0] += report(false) == SMART_BREAKER_OPENED;
    }
}

static void probe_and_count(void)
{
    SHARED[1] += allow() == SMART_BREAKER_PROBE;
}

static void succeed_and_count(void)
{
    SHARED[2] += report(true) == SMART_BREAKER_CLOSED;
}

static void at_once(void (*f)(void))
{
    pid_t pid[PROCESSES];
    int i;

    for (i = 0; i < PROCESSES; i++) {
        pid[i] = child_run(f);
    }
    for (i = 0; i < PROCESSES; i++) {
        waitpid(pid[i], NULL, 0);
    }
}

static void of_many_processes_one_is_told_and_one_probes(void **state)
{
    int round;

    for (round = 1; round <= 20; round++) {
        at_once(fail_and_count);
        pass_us(SMART_BREAKER_PROBE_US);
        at_once(probe_and_count);
        at_once(succeed_and_count);
        assert_int_equal(SHARED[0], round);
        assert_int_equal(SHARED[1], round);
        assert_int_equal(SHARED[2], round);
        pass_us(1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        breaker_test(closed_lets_all_through),
        breaker_test(failures_in_a_row_open_it_and_one_less_does_not),
        breaker_test(success_between_failures_begins_the_row_anew),
        breaker_test(one_probe_each_second),
        breaker_test(probe_that_succeeds_closes_it_and_one_that_fails_does_not),
        breaker_test(what_still_hung_when_it_closed_does_not_open_it),
        breaker_test(endpoints_have_breakers_of_their_own),
        breaker_test(full_table_goes_without_until_one_is_idle),
        breaker_test(status_page_sees_the_states),
        breaker_test(status_page_sees_how_fast_it_answers),
        breaker_test(garbage_turns_nobody_away_for_long),
        breaker_test(of_many_processes_one_is_told_and_one_probes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
