/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bell_test.c: a ring wakes another process, and is never missed.
 */
#include "shared_fixture.h"

#include "io/bell.h"

#define BELL ((smart_bell_t *)(void *)memory)

static void ring_all(void)
{
    usleep(20000);
    smart_bell_ring(BELL, SMART_BELL_ALL);
}

static void ring_of_another_process_wakes(void **state)
{
    const apr_uint32_t seen = smart_bell_read(BELL);
    const apr_int64_t begin = smart_clock_now().mono_us;
    const pid_t pid = child_run(ring_all);

    smart_bell_wait(BELL, seen, 10 * SMART_CLOCK_S);
    assert_true(us_since(begin) < 5 * SMART_CLOCK_S);
    assert_int_equal(smart_bell_read(BELL), seen + 1);
    waitpid(pid, NULL, 0);
}

static void ring_between_look_and_wait_is_not_missed(void **state)
{
    const apr_uint32_t seen = smart_bell_read(BELL);
    const apr_int64_t begin = smart_clock_now().mono_us;

    smart_bell_ring(BELL, SMART_BELL_ONE);
    smart_bell_wait(BELL, seen, 10 * SMART_CLOCK_S);
    assert_true(us_since(begin) < 5 * SMART_CLOCK_S);
}

static void wait_without_a_ring_ends(void **state)
{
    apr_int64_t begin = smart_clock_now().mono_us;

    smart_bell_wait(BELL, smart_bell_read(BELL), 20000);
    assert_true(us_since(begin) >= 10000);
    assert_true(us_since(begin) < 2 * SMART_CLOCK_S);
    begin = smart_clock_now().mono_us;
    smart_bell_wait(BELL, smart_bell_read(BELL), 0);
    smart_bell_wait(BELL, smart_bell_read(BELL), -5);
    assert_true(us_since(begin) < SMART_CLOCK_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        shared_test(ring_of_another_process_wakes),
        shared_test(ring_between_look_and_wait_is_not_missed),
        shared_test(wait_without_a_ring_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
