/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_test.c: what is no strict JSON is refused, getters convert nothing,
 * and limits hold at both of their sides.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <apr_general.h>

#include "core/json.h"

static apr_pool_t *pool;

static int prepare(void **state)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    return 0;
}

static int finish(void **state)
{
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

static const char *why;

/* From a copy that ends where the text does, for AddressSanitizer. */
static smart_json_read_e reads_n(const char *text, apr_size_t len)
{
    char *copy = malloc(len ? len : 1);
    const smart_json_t *json;
    smart_json_read_e result;

    memcpy(copy, text, len);
    result = smart_json_read(smart_slice_n(copy, len), pool, &json, &why);
    free(copy);
    assert_int_equal(json != NULL, result == SMART_JSON_READ);
    assert_int_equal(*why == '\0', result == SMART_JSON_READ);
    smart_json_close(json, pool);
    return result;
}

static smart_json_read_e reads(const char *text)
{
    return reads_n(text, strlen(text));
}

static const smart_json_t *value_of(const char *text)
{
    const smart_json_t *json;

    if (smart_json_read(smart_slice(text), pool, &json, &why) !=
        SMART_JSON_READ) {
        fail_msg("%s: %s", text, why);
    }
    return json;
}

static const smart_json_t *item_of(const char *text)
{
    return smart_json_item(value_of(text), 0);
}

static void objects_and_arrays_are_read(void **state)
{
    assert_int_equal(reads("{}"), SMART_JSON_READ);
    assert_int_equal(reads("[]"), SMART_JSON_READ);
    assert_int_equal(reads(" {\"a\": [1, 2.5, \"x\", null, true]}\n"),
                     SMART_JSON_READ);
}

static void anything_else_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "1",
        "\"a\"",
        "true",
        "null",
        "{",
        "{\"a\":1",
        "{\"a\":1,}",
        "[1,]",
        "{a:1}",
        "{'a':1}",
        "{\"a\":1}x",
        "{\"a\":1}{}",
        "{} //",
        "{\"a\":1}\v",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\x01\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xc0\xaf\"}",
        "\xef\xbb\xbf{}",
        "{\"a\":1 \"b\":2}",
        "]",
        "}",
    };
    apr_size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (reads(bad[i]) != SMART_JSON_INVALID) {
            fail_msg("<%s> is read", bad[i]);
        }
    }
    assert_int_equal(reads_n("{}\0", 3), SMART_JSON_INVALID);
    assert_int_equal(reads_n("{\"a\":\"b\0\"}", 10), SMART_JSON_INVALID);
}

static void length_counts_not_the_nul(void **state)
{
    assert_int_equal(reads_n("{}x", 2), SMART_JSON_READ);
    assert_int_equal(reads_n("{}", 1), SMART_JSON_INVALID);
    assert_int_equal(reads_n("{}", 0), SMART_JSON_INVALID);
}

static void names_stand_once(void **state)
{
    assert_int_equal(reads("{\"a\":1,\"b\":1}"), SMART_JSON_READ);
    assert_int_equal(reads("{\"a\":1,\"a\":1}"), SMART_JSON_INVALID);
    assert_string_equal(why, "a name stands twice in an object");
    assert_int_equal(reads("{\"a\":1,\"\\u0061\":1}"), SMART_JSON_INVALID);
    assert_int_equal(reads("{\"x\":[{\"a\":1,\"a\":1}]}"), SMART_JSON_INVALID);
    assert_int_equal(reads("{\"x\":{\"a\":1},\"a\":1}"), SMART_JSON_READ);
}

static void nul_is_refused(void **state)
{
    assert_int_equal(reads("{\"a\":\"\\u0001\"}"), SMART_JSON_READ);
    assert_int_equal(reads("{\"a\":\"\\u0000\"}"), SMART_JSON_INVALID);
    assert_int_equal(reads("{\"a\\u0000\":1}"), SMART_JSON_INVALID);
}

/* depth arrays within each other; what is behind a backslash is passed. */
static const char *nested(const char *first, int depth)
{
    char *text = calloc(1, strlen(first) + 2 * (apr_size_t)depth + 8);
    char *to = text;
    int i;

    *to++ = '[';
    to += snprintf(to, strlen(first) + 1, "%s", first);
    for (i = 1; i < depth; i++) {
        *to++ = '[';
    }
    for (i = 0; i < depth; i++) {
        *to++ = ']';
    }
    return text;
}

static void nesting_has_a_limit(void **state)
{
    static const struct {
        const char *first;
        int depth;
        smart_json_read_e want;
    } cases[] = {
        {"", 32, SMART_JSON_READ},
        {"", 33, SMART_JSON_INVALID},
        {"", 100000, SMART_JSON_INVALID},
        {"\"[[[[\",", 32, SMART_JSON_READ},
        {"\"[\\\"[[[\",", 32, SMART_JSON_READ},
        {"\"\\\\\",", 33, SMART_JSON_INVALID},
        {"[],[],{},", 32, SMART_JSON_READ},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = (char *)nested(cases[i].first, cases[i].depth);

        assert_int_equal(reads(text), cases[i].want);
        free(text);
    }
    assert_int_equal(reads("\"\\"), SMART_JSON_INVALID);
    assert_int_equal(reads("[\"\\"), SMART_JSON_INVALID);
}

static void numbers_too_large_are_told_apart(void **state)
{
    assert_int_equal(reads("[9223372036854775807]"), SMART_JSON_READ);
    assert_int_equal(reads("[9223372036854775808]"), SMART_JSON_RANGE);
    assert_int_equal(reads("[-9223372036854775809]"), SMART_JSON_RANGE);
    assert_int_equal(reads("[1e308]"), SMART_JSON_READ);
    assert_int_equal(reads("[1e309]"), SMART_JSON_RANGE);
    assert_int_equal(reads("[1e-400]"), SMART_JSON_READ);
}

static void kinds(void **state)
{
    const smart_json_t *a = value_of("[null,true,false,1,1.5,\"\",[],{}]");
    static const smart_json_e want[] = {SMART_JSON_NULL,    SMART_JSON_BOOLEAN,
                                        SMART_JSON_BOOLEAN, SMART_JSON_NUMBER,
                                        SMART_JSON_NUMBER,  SMART_JSON_STRING,
                                        SMART_JSON_ARRAY,   SMART_JSON_OBJECT};
    apr_size_t i;

    assert_int_equal(smart_json_count(a), 8);
    for (i = 0; i < 8; i++) {
        assert_int_equal(smart_json_kind(smart_json_item(a, i)), want[i]);
        assert_int_equal(smart_json_is_true(smart_json_item(a, i)), i == 1);
        assert_int_equal(smart_json_is_false(smart_json_item(a, i)), i == 2);
    }
    assert_int_equal(smart_json_kind(smart_json_item(a, 8)), SMART_JSON_ABSENT);
}

static void getters_take_anything(void **state)
{
    const smart_json_t *values[] = {NULL,
                                    item_of("[null]"),
                                    item_of("[true]"),
                                    item_of("[1]"),
                                    item_of("[1.5]"),
                                    item_of("[\"1\"]"),
                                    item_of("[[1]]"),
                                    item_of("[{\"a\":1}]")};
    smart_slice_t text;
    apr_int64_t whole;
    apr_size_t i;

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        void *cursor = NULL;

        assert_int_equal(smart_json_string(values[i], &text), i == 5);
        assert_int_equal(text.len, i == 5 ? 1 : 0);
        whole = 77;
        assert_int_equal(smart_json_whole(values[i], 0, 9, &whole),
                         i == 3 || i == 4);
        assert_int_equal(whole, i == 3 || i == 4 ? 1 : 0);
        assert_int_equal(smart_json_count(values[i]), i == 6 ? 1 : 0);
        assert_int_equal(smart_json_item(values[i], 0) != NULL, i == 6);
        assert_int_equal(smart_json_member(values[i], "a") != NULL, i == 7);
        assert_int_equal(smart_json_next(values[i], &cursor, &text) != NULL,
                         i == 7);
        assert_int_equal(smart_json_write(values[i], pool, &text), i != 0);
    }
    smart_json_close(NULL, pool);
}

static void strings_are_bytes(void **state)
{
    smart_slice_t text;

    assert_true(smart_json_string(item_of("[\"\"]"), &text));
    assert_int_equal(text.len, 0);
    assert_true(smart_json_string(item_of("[\"a\\n\\u00e9\"]"), &text));
    assert_true(smart_slice_is(text, "a\n\xc3\xa9"));
    assert_int_equal(text.ptr[text.len], '\0');
}

static void whole_numbers_have_limits(void **state)
{
    static const struct {
        const char *text;
        apr_int64_t min;
        apr_int64_t max;
        bool ok;
        apr_int64_t want;
    } cases[] = {
        {"[0]", 0, 10, true, 0},
        {"[10]", 0, 10, true, 10},
        {"[11]", 0, 10, false, 0},
        {"[-1]", 0, 10, false, 0},
        {"[-1]", -1, 10, true, -1},
        {"[9.99]", 0, 10, true, 9},
        {"[10.0]", 0, 10, true, 10},
        {"[10.1]", 0, 10, false, 0},
        {"[-0.5]", 0, 10, false, 0},
        {"[-0.0]", 0, 10, true, 0},
        {"[1e1]", 0, 10, true, 10},
        {"[1e300]", 0, 10, false, 0},
        {"[-1e300]", 0, 10, false, 0},
        {"[9223372036854775807]", 0, 10, false, 0},
        {"[9007199254740992]", 0, SMART_JSON_MAX_WHOLE, true,
         SMART_JSON_MAX_WHOLE},
        {"[9007199254740993]", 0, SMART_JSON_MAX_WHOLE, false, 0},
        {"[9007199254740992.0]", 0, SMART_JSON_MAX_WHOLE, true,
         SMART_JSON_MAX_WHOLE},
        {"[9007199254740994.0]", 0, SMART_JSON_MAX_WHOLE, false, 0},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        apr_int64_t got = 77;
        bool ok = smart_json_whole(item_of(cases[i].text), cases[i].min,
                                   cases[i].max, &got);

        if (ok != cases[i].ok || got != cases[i].want) {
            fail_msg("%s: %d %ld", cases[i].text, ok, (long)got);
        }
    }
}

static void members_keep_their_order(void **state)
{
    const smart_json_t *o = value_of("{\"z\":0,\"a\":1,\"\":2,\"m\":3}");
    static const char *const names[] = {"z", "a", "", "m"};
    void *cursor = NULL;
    smart_slice_t name;
    const smart_json_t *value;
    apr_int64_t i = 0;

    while ((value = smart_json_next(o, &cursor, &name)) != NULL) {
        apr_int64_t n;

        assert_true(smart_slice_is(name, names[i]));
        assert_true(smart_json_whole(value, 0, 9, &n));
        assert_int_equal(n, i);
        i++;
    }
    assert_int_equal(i, 4);
    assert_int_equal(name.len, 0);
    assert_non_null(smart_json_member(o, "m"));
    assert_null(smart_json_member(o, "M"));
}

static void writing_is_compact(void **state)
{
    smart_slice_t text;

    assert_true(smart_json_write(
        value_of("[ {\"b\" : 1.10, \"a\" : [null, true]}, \"\\n\\\"\" ]"), pool,
        &text));
    assert_string_equal(text.ptr,
                        "[{\"b\":1.1,\"a\":[null,true]},\"\\n\\\"\"]");
    assert_int_equal(text.len, strlen(text.ptr));
    assert_true(smart_json_write(item_of("[9007199254740993]"), pool, &text));
    assert_string_equal(text.ptr, "9007199254740993");
    assert_true(smart_json_write(item_of("[5.0]"), pool, &text));
    assert_string_equal(text.ptr, "5.0");
}

/* Under AddressSanitizer a value that outlives its pool, or its being closed,
 * is reported as a leak or as freed twice. */
static void values_die_with_their_pool(void **state)
{
    apr_pool_t *p;
    const smart_json_t *json;

    apr_pool_create(&p, pool);
    assert_int_equal(
        smart_json_read(smart_slice("{\"a\":[1]}"), p, &json, &why),
        SMART_JSON_READ);
    apr_pool_destroy(p);
    apr_pool_create(&p, pool);
    assert_int_equal(
        smart_json_read(smart_slice("{\"a\":[1]}"), p, &json, &why),
        SMART_JSON_READ);
    smart_json_close(json, p);
    apr_pool_destroy(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_and_arrays_are_read),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(length_counts_not_the_nul),
        cmocka_unit_test(names_stand_once),
        cmocka_unit_test(nul_is_refused),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(numbers_too_large_are_told_apart),
        cmocka_unit_test(kinds),
        cmocka_unit_test(getters_take_anything),
        cmocka_unit_test(strings_are_bytes),
        cmocka_unit_test(whole_numbers_have_limits),
        cmocka_unit_test(members_keep_their_order),
        cmocka_unit_test(writing_is_compact),
        cmocka_unit_test(values_die_with_their_pool),
    };

    return cmocka_run_group_tests_name("json", tests, prepare, finish);
}
