/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_test.c: what reaches a sink is one line, bounded, without control bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/log.h"

static char seen[2 * SMART_LOG_MAX];
static smart_log_level_e level_seen;
static int lines;

static void keep(void *ctx, smart_log_level_e level, const char *text)
{
    assert_ptr_equal(ctx, seen);
    assert_true(strlen(text) < sizeof(seen));
    memcpy(seen, text, strlen(text) + 1);
    level_seen = level;
    lines++;
}

static const smart_log_t sink = {keep, seen};

static void line_arrives_formatted_with_its_level(void **state)
{
    (void)state;
    lines = 0;
    smart_log_write(&sink, SMART_LOG_WARNING, "%s has %d", "it", 3);
    assert_string_equal(seen, "it has 3");
    assert_int_equal(level_seen, SMART_LOG_WARNING);
    assert_int_equal(lines, 1);
}

static void control_bytes_do_not_forge_a_line(void **state)
{
    (void)state;
    smart_log_write(&sink, SMART_LOG_ERR, "a%sb", "\r\n\t\x1b\x7f\x01");
    assert_string_equal(seen, "a??????b");
    smart_log_write(&sink, SMART_LOG_ERR, "%s", "caf\xc3\xa9 ~");
    assert_string_equal(seen, "caf\xc3\xa9 ~");
}

static void long_text_is_cut(void **state)
{
    static char text[2 * SMART_LOG_MAX];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    smart_log_write(&sink, SMART_LOG_INFO, "%s", text);
    assert_int_equal(strlen(seen), SMART_LOG_MAX - 1);
}

static void no_sink_swallows_the_line(void **state)
{
    static const smart_log_t empty = {NULL, NULL};

    (void)state;
    lines = 0;
    smart_log_write(NULL, SMART_LOG_ERR, "lost");
    smart_log_write(&empty, SMART_LOG_ERR, "lost");
    assert_int_equal(lines, 0);
}

static void level_nobody_set_is_the_loudest(void **state)
{
    (void)state;
    assert_int_equal(SMART_LOG_ERR, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_arrives_formatted_with_its_level),
        cmocka_unit_test(control_bytes_do_not_forge_a_line),
        cmocka_unit_test(long_text_is_cut),
        cmocka_unit_test(no_sink_swallows_the_line),
        cmocka_unit_test(level_nobody_set_is_the_loudest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
