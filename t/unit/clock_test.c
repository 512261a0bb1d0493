/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock_test.c: both clocks tell their own time, in their own unit, and every
 * process hears the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <sys/wait.h>

#include <cmocka.h>

#include "io/clock.h"

static void wall_is_seconds_since_the_epoch(void **state)
{
    const time_t before = time(NULL);
    const smart_clock_t now = smart_clock_now();

    /* time() may come from a coarser clock and lag by a tick. */
    assert_true(now.wall_s >= before && now.wall_s <= time(NULL) + 1);
}

static void mono_is_microseconds_and_never_goes_back(void **state)
{
    const struct timespec nap = {0, 20000000};
    const smart_clock_t before = smart_clock_now();
    smart_clock_t last = before;
    int i;

    for (i = 0; i < 10000; i++) {
        const smart_clock_t now = smart_clock_now();

        assert_true(now.mono_us >= last.mono_us);
        last = now;
    }
    nanosleep(&nap, NULL);
    assert_true(smart_clock_now().mono_us - last.mono_us >= 20000);
    assert_true(smart_clock_now().mono_us - before.mono_us < 60000000);
}

static void mono_is_the_same_in_a_child(void **state)
{
    const apr_int64_t before = smart_clock_now().mono_us;
    apr_int64_t in_child = 0;
    int fds[2];
    pid_t pid;

    assert_int_equal(pipe(fds), 0);
    pid = fork();
    if (pid == 0) {
        const apr_int64_t now = smart_clock_now().mono_us;

        _exit(write(fds[1], &now, sizeof(now)) == sizeof(now) ? 0 : 1);
    }
    assert_true(pid > 0);
    assert_int_equal(read(fds[0], &in_child, sizeof(in_child)),
                     sizeof(in_child));
    waitpid(pid, NULL, 0);
    assert_true(in_child >= before && in_child <= smart_clock_now().mono_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wall_is_seconds_since_the_epoch),
        cmocka_unit_test(mono_is_microseconds_and_never_goes_back),
        cmocka_unit_test(mono_is_the_same_in_a_child),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
