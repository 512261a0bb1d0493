/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_test.c: getters convert nothing and take anything, limits hold at both
 * of their sides, and what is written is what was read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pool.h"

#include "core/json.h"

static const char *why;

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

static void names_are_distinct_in_any_case(void **state)
{
    static const struct {
        const char *text;
        bool distinct;
    } rows[] = {
        {"{}", true},
        {"{\"a\":1,\"b\":2,\"_a\":3,\"ab\":4}", true},
        {"{\"a\":1,\"b\":2,\"A\":3}", false},
        {"{\"subject\":1,\"Subject\":2}", false},
        {"{\"subject\":1,\"Sub\\u006Aect\":2}", false},
        {"{\"Subject\":1}", true},
        {"{\"subject\":1,\"\xc5\xbfubject\":2}", false}, /* long s */
        {"{\"\\u212aey\":1}", false},                    /* Kelvin */
        {"{\"a\":\"\xc5\xbf\"}", true},
        {"[1,{\"a\":[{\"x\":{\"b\":1,\"c\":2}}]}]", true},
        {"[1,{\"a\":[{\"x\":{\"b\":1,\"B\":2}}]}]", false},
        {"{\"a[\":1,\"a{\":2,\"@\":3,\"`\":4}", true},
    };
    size_t n;

    for (n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        if (smart_json_distinct(value_of(rows[n].text)) != rows[n].distinct) {
            fail_msg("%s", rows[n].text);
        }
    }
    assert_true(smart_json_distinct(NULL));
}

static void writing_is_compact(void **state)
{
    smart_slice_t text;

    assert_true(smart_json_write(
        value_of("[ {\"b\" : 1.10, \"a\" : [null, true]}, \"\\n\\\"\" ]"), pool,
        &text));
    assert_string_equal(text.ptr,
                        "[{\"b\":1.10,\"a\":[null,true]},\"\\n\\\"\"]");
    assert_int_equal(text.len, strlen(text.ptr));
    assert_true(smart_json_write(item_of("[9007199254740993]"), pool, &text));
    assert_string_equal(text.ptr, "9007199254740993");
    assert_true(smart_json_write(item_of("[5.0]"), pool, &text));
    assert_string_equal(text.ptr, "5.0");
}

/* Numbers that as doubles would come back as others. */
static void numbers_keep_their_text(void **state)
{
    static const char *const texts[] = {
        "[1.10]",
        "[1e2]",
        "[1E+2]",
        "[-0]",
        "[-0.0]",
        "[0.1]",
        "[100.00]",
        "[1e-7]",
        "[5e-324]",
        "[0.10000000000000000000000000000000000000000000000001]",
        "[123456789012345.67890123456789]"};
    smart_slice_t text;
    apr_size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_true(smart_json_write(value_of(texts[i]), pool, &text));
        assert_string_equal(text.ptr, texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        cmocka_unit_test(getters_take_anything),
        cmocka_unit_test(strings_are_bytes),
        cmocka_unit_test(whole_numbers_have_limits),
        cmocka_unit_test(members_keep_their_order),
        cmocka_unit_test(names_are_distinct_in_any_case),
        cmocka_unit_test(writing_is_compact),
        cmocka_unit_test(numbers_keep_their_text),
    };

    return cmocka_run_group_tests_name("json", tests, prepare, finish);
}
