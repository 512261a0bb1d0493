/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_number_test.c: what is a number and what is not, how large, how much,
 * and whether two are the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json_number.h"

static smart_json_number_t number(const char *text)
{
    smart_json_number_t n;

    if (smart_json_number_read(smart_slice(text), &n) != strlen(text)) {
        fail_msg("%s is no number", text);
    }
    return n;
}

static void numbers_end_where_they_do(void **state)
{
    static const struct {
        const char *text;
        apr_size_t len;
    } cases[] = {
        {"0", 1},    {"-0", 2},      {"10", 2},  {"1.5", 3},  {"1e5", 3},
        {"1E+5", 4}, {"1.0e-10", 7}, {"1,", 1},  {"1]", 1},   {"1-", 1},
        {"0.0", 3},  {"", 0},        {"-", 0},   {"+1", 0},   {".5", 0},
        {"01", 0},   {"-01", 0},     {"1.", 0},  {"1.e5", 0}, {"1e", 0},
        {"1e+", 0},  {"x", 0},       {"NaN", 0}, {"--1", 0},
    };
    smart_json_number_t n;
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (smart_json_number_read(smart_slice(cases[i].text), &n) !=
            cases[i].len) {
            fail_msg("%s", cases[i].text);
        }
    }
    assert_int_equal(smart_json_number_read(smart_slice_n("123", 2), &n), 2);
    assert_int_equal(n.point, 2);
}

static void what_fits_is_told(void **state)
{
    static const struct {
        const char *text;
        bool fits;
    } cases[] = {
        {"9223372036854775807", true},
        {"9223372036854775808", false},
        {"-9223372036854775808", true},
        {"-9223372036854775809", false},
        {"10000000000000000000", false},
        {"9999999999999999999", false},
        {"999999999999999999", true},
        {"9223372036854775808.0", true},
        {"1e308", true},
        {"1.7976931348623157e308", true},
        {"1.7976931348623159e308", false},
        {"-1.7976931348623159e308", false},
        {"17976931348623159e292", false},
        {"1e309", false},
        {"1e99999999999999999999", false},
        {"1e-99999999999999999999", true},
        {"0e99999999999999999999", true},
        {"0.00001e312", true},
        {"0.00001e314", false},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const smart_json_number_t n = number(cases[i].text);

        if (smart_json_number_fits(&n) != cases[i].fits) {
            fail_msg("%s", cases[i].text);
        }
    }
}

static void whole_parts(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        apr_int64_t whole;
        bool fraction;
    } cases[] = {
        {"0", true, 0, false},
        {"-0.0", true, 0, false},
        {"12", true, 12, false},
        {"-12", true, -12, false},
        {"12.5", true, 12, true},
        {"-12.5", true, -12, true},
        {"0.5", true, 0, true},
        {"-0.05", true, 0, true},
        {"1.5e1", true, 15, false},
        {"1.55e1", true, 15, true},
        {"120", true, 120, false},
        {"1e2", true, 100, false},
        {"1200e-2", true, 12, false},
        {"1e-2", true, 0, true},
        {"5.0", true, 5, false},
        {"1e17", true, 100000000000000000, false},
        {"1e18", false, 0, false},
        {"999999999999999999", true, 999999999999999999, false},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const smart_json_number_t n = number(cases[i].text);
        apr_int64_t whole;
        bool fraction;
        const bool ok = smart_json_number_whole(&n, &whole, &fraction);

        if (ok != cases[i].ok || whole != cases[i].whole ||
            (ok && fraction != cases[i].fraction)) {
            fail_msg("%s: %d %ld %d", cases[i].text, ok, (long)whole, fraction);
        }
    }
}

/* Each is another number than all others here; written in two ways each. */
static void equal_is_the_same_number(void **state)
{
    static const char *const texts[][2] = {
        {"0", "-0.00e7"},    {"1", "10e-1"},     {"-1", "-1.0"},
        {"10", "1e1"},       {"0.1", "1e-1"},    {"0.01", "0.010"},
        {"11", "1.1e1"},     {"101", "1010e-1"}, {"1.01", "101e-2"},
        {"1e400", "10e399"},
    };
    const apr_size_t count = sizeof(texts) / sizeof(texts[0]);
    apr_size_t i;
    apr_size_t j;

    for (i = 0; i < count; i++) {
        for (j = 0; j < count; j++) {
            const smart_json_number_t a = number(texts[i][0]);
            const smart_json_number_t b = number(texts[j][1]);

            if (smart_json_number_equal(&a, &b) != (i == j)) {
                fail_msg("%s, %s", texts[i][0], texts[j][1]);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_end_where_they_do),
        cmocka_unit_test(what_fits_is_told),
        cmocka_unit_test(whole_parts),
        cmocka_unit_test(equal_is_the_same_number),
    };

    return cmocka_run_group_tests_name("json_number", tests, NULL, NULL);
}
