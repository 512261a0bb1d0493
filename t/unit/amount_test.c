/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amount_test.c: what counts as a time or a size, and that nothing overflows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/amount.h"

#define DAY_US (24 * 3600 * APR_INT64_C(1000000))
#define MIB    (1024u * 1024u)
#define GIB    ((apr_uint64_t)1024 * MIB)

static void assert_time(const char *text, apr_interval_time_t expected)
{
    apr_interval_time_t us = -1;
    const char *why = "unset";

    assert_true(smart_amount_time(text, DAY_US, &us, &why));
    assert_true(us == expected);
    assert_null(why);
}

static void assert_no_time(const char *text, const char *expected)
{
    apr_interval_time_t us = -1;
    const char *why = NULL;

    assert_false(smart_amount_time(text, DAY_US, &us, &why));
    assert_true(us == 0);
    assert_non_null(why);
    assert_non_null(strstr(why, expected));
}

static void assert_size(const char *text, apr_uint64_t expected)
{
    apr_uint64_t bytes = 7;
    const char *why = "unset";

    assert_true(smart_amount_size(text, MIB, 64 * GIB, &bytes, &why));
    assert_true(bytes == expected);
    assert_null(why);
}

static void assert_no_size(const char *text, const char *expected)
{
    apr_uint64_t bytes = 7;
    const char *why = NULL;

    assert_false(smart_amount_size(text, MIB, 64 * GIB, &bytes, &why));
    assert_true(bytes == 0);
    assert_non_null(why);
    assert_non_null(strstr(why, expected));
}

static void times_have_a_unit(void **state)
{
    assert_time("0s", 0);
    assert_time("500ms", 500 * 1000);
    assert_time("5s", 5000000);
    assert_time("1m", 60000000);
    assert_time("1min", 60000000);
    assert_time("2h", 7200000000);
    assert_time("00000000000000000000000005s", 5000000);
    assert_no_time("5", "no unit");
    assert_no_time("0", "no unit");
    assert_no_time("5S", "unknown unit");
    assert_no_time("5M", "unknown unit");
    assert_no_time("5 s", "unknown unit");
    assert_no_time("5sec", "unknown unit");
    assert_no_time("5s5s", "unknown unit");
    assert_no_time("1.5s", "unknown unit");
}

static void times_are_numbers(void **state)
{
    assert_no_time("", "not a number");
    assert_no_time("s", "not a number");
    assert_no_time("-1s", "not a number");
    assert_no_time("+1s", "not a number");
    assert_no_time(" 1s", "not a number");
    assert_no_time("0x10s", "unknown unit");
}

static void times_are_bounded(void **state)
{
    apr_interval_time_t us = -1;
    const char *why;

    assert_time("24h", DAY_US);
    assert_time("86400s", DAY_US);
    assert_no_time("86401s", "too long");
    assert_no_time("25h", "too long");
    /* 2^64 / 1e6 seconds: the product would wrap to something small */
    assert_no_time("18446744073710s", "too long");
    assert_no_time("18446744073709551615ms", "too long");
    assert_no_time("18446744073709551616s", "not a number");
    assert_false(smart_amount_time("0s", -1, &us, &why));
}

static void sizes_have_powers_of_1024(void **state)
{
    assert_size("1048576", MIB);
    assert_size("1024K", MIB);
    assert_size("1024k", MIB);
    assert_size("32M", 32 * MIB);
    assert_size("32m", 32 * MIB);
    assert_size("64G", 64 * GIB);
    assert_size("64g", 64 * GIB);
    assert_no_size("32MB", "not a number of bytes");
    assert_no_size("32 M", "not a number of bytes");
    assert_no_size("32T", "not a number of bytes");
    assert_no_size("M", "not a number of bytes");
    assert_no_size("", "not a number of bytes");
    assert_no_size("-1M", "not a number of bytes");
    assert_no_size("1.5M", "not a number of bytes");
}

static void sizes_are_bounded(void **state)
{
    assert_no_size("0", "too small");
    assert_no_size("1048575", "too small");
    assert_no_size("1023K", "too small");
    assert_no_size("65G", "too large");
    assert_no_size("68719476737", "too large");
    /* 2^64 / 2^30 + 1: the product would wrap to 1G */
    assert_no_size("17179869185G", "too large");
    assert_no_size("18446744073709551616", "not a number of bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_have_a_unit),
        cmocka_unit_test(times_are_numbers),
        cmocka_unit_test(times_are_bounded),
        cmocka_unit_test(sizes_have_powers_of_1024),
        cmocka_unit_test(sizes_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
