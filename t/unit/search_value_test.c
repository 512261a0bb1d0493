/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search_value_test.c: values are cut where a stop is not escaped, and wrong
 * escapes are told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <apr_strings.h>

#include "pool.h"

#include "core/search_value.h"

/* All pieces, each in brackets. */
static const char *pieces(const char *value, char stop)
{
    smart_slice_t rest = smart_slice(value);
    smart_slice_t piece;
    const char *out = "";
    bool more;

    do {
        more = smart_search_cut(&rest, stop, &piece);
        out = apr_psprintf(pool, "%s[%.*s]", out, (int)piece.len,
                           piece.len ? piece.ptr : "");
    } while (more);
    assert_int_equal(rest.len, 0);
    return out;
}

static void values_are_cut(void **state)
{
    static const char *const cases[][2] = {
        {"", "[]"},           {"a", "[a]"},
        {"a,b", "[a][b]"},    {",", "[][]"},
        {"a,", "[a][]"},      {",a", "[][a]"},
        {"a\\,b", "[a\\,b]"}, {"a\\\\,b", "[a\\\\][b]"},
        {"a\\", "[a\\]"},     {"a\\,", "[a\\,]"},
        {"\\", "[\\]"},       {"\\\\\\,,b", "[\\\\\\,][b]"},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(pieces(cases[i][0], ','), cases[i][1]);
    }
    assert_string_equal(pieces("a|b,c", '|'), "[a][b,c]");
}

static void escapes_are_taken_away(void **state)
{
    static const char *const good[][2] = {
        {"", ""},           {"a", "a"},       {"a\\,b", "a,b"},
        {"a\\|b", "a|b"},   {"a\\$b", "a$b"}, {"a\\\\b", "a\\b"},
        {"\\\\\\,", "\\,"}, {"a|b", "a|b"},
    };
    static const char *const bad[] = {"\\",  "a\\",    "\\a",
                                      "\\n", "\\\\\\", "\\ "};
    smart_slice_t plain;
    apr_size_t i;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(smart_search_plain(smart_slice(good[i][0]), pool, &plain));
        assert_true(smart_slice_is(plain, good[i][1]));
        assert_int_equal(plain.ptr[plain.len], '\0');
    }
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(smart_search_plain(smart_slice(bad[i]), pool, &plain));
        assert_int_equal(plain.len, 0);
    }
    /* What is behind the end does not count. */
    assert_false(smart_search_plain(smart_slice_n("a\\,", 2), pool, &plain));
    assert_false(smart_search_plain(smart_slice_n("\\\0", 2), pool, &plain));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_cut),
        cmocka_unit_test(escapes_are_taken_away),
    };

    return cmocka_run_group_tests_name("search_value", tests, prepare, finish);
}
