/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owner_test.c: gone is said of the dead, and of nobody else.
 */
#include "shared_fixture.h"

#include "io/owner.h"

static void nothing(void)
{
}

static void running_process_is_not_gone(void **state)
{
    assert_int_equal(smart_owner_self(), getpid());
    assert_false(smart_owner_is_gone(smart_owner_self()));
    assert_false(smart_owner_is_gone((apr_uint64_t)getppid()));
}

static void stopped_process_is_not_gone(void **state)
{
    const pid_t pid = in_stopped(nothing);

    assert_false(smart_owner_is_gone((apr_uint64_t)pid));
    end_child(pid);
    assert_true(smart_owner_is_gone((apr_uint64_t)pid));
}

static void dead_process_is_gone_before_and_after_it_is_waited_for(void **state)
{
    const pid_t pid = in_zombie(nothing);

    assert_true(smart_owner_is_gone((apr_uint64_t)pid));
    waitpid(pid, NULL, 0);
    assert_true(smart_owner_is_gone((apr_uint64_t)pid));
}

static void numbers_of_no_process_are_gone(void **state)
{
    assert_true(smart_owner_is_gone(0));
    assert_true(smart_owner_is_gone(SMART_OWNER_MASK + 1));
    assert_true(smart_owner_is_gone(UINT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        shared_test(running_process_is_not_gone),
        shared_test(stopped_process_is_not_gone),
        shared_test(dead_process_is_gone_before_and_after_it_is_waited_for),
        shared_test(numbers_of_no_process_are_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
