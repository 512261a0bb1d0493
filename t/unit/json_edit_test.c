/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_edit_test.c: a tree that is changed is written as it then is; what it
 * was copied from stays; values that are the same are found so.
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

#include "json_value.h"

#include "core/json_edit.h"

static smart_json_t *copy_of(const char *text)
{
    return smart_json_copy(value_of(text), pool);
}

static void is(const smart_json_t *value, const char *want)
{
    smart_slice_t text;

    assert_true(smart_json_write(value, pool, &text));
    assert_string_equal(text.ptr, want);
}

#define NAME(s) smart_slice(s)

static void a_copy_is_independent(void **state)
{
    static const char text[] = "{\"a\":[1.10,{\"b\":\"c\"}],\"d\":null}";
    const smart_json_t *was = value_of(text);
    smart_json_t *copy = smart_json_copy(was, pool);

    is(copy, text);
    assert_true(smart_json_set_string(copy, "d", NAME("new"), pool));
    assert_true(smart_json_drop(smart_json_get(copy, NAME("a")), 0));
    is(copy, "{\"a\":[{\"b\":\"c\"}],\"d\":\"new\"}");
    is(was, text);
    assert_null(smart_json_copy(NULL, pool));
}

static void a_copy_outlives_what_was_read(void **state)
{
    const smart_json_t *json;
    smart_json_t *copy;
    const char *why;

    smart_json_read(smart_slice("{\"a\":[\"b\",1.0]}"), pool, &json, &why);
    copy = smart_json_copy(json, pool);
    smart_json_close(json, pool);
    is(copy, "{\"a\":[\"b\",1.0]}");
}

static void members_are_set_and_removed(void **state)
{
    smart_json_t *o = copy_of("{\"a\":1,\"b\":2,\"c\":3}");
    const smart_json_t *v = value_of("[{\"x\":[true]}]");

    assert_true(smart_json_set(o, NAME("b"), v, pool));
    is(o, "{\"a\":1,\"b\":[{\"x\":[true]}],\"c\":3}");
    assert_true(smart_json_set(o, NAME("d"), smart_json_item(v, 0), pool));
    is(o, "{\"a\":1,\"b\":[{\"x\":[true]}],\"c\":3,\"d\":{\"x\":[true]}}");
    assert_true(smart_json_remove(o, NAME("a")));
    assert_false(smart_json_remove(o, NAME("a")));
    assert_true(smart_json_remove(o, NAME("d")));
    is(o, "{\"b\":[{\"x\":[true]}],\"c\":3}");
    assert_true(smart_json_set_string(o, "", NAME("\"\n\x01"), pool));
    is(o, "{\"b\":[{\"x\":[true]}],\"c\":3,\"\":\"\\\"\\n\\u0001\"}");
    assert_null(smart_json_get(o, NAME("z")));
    assert_non_null(smart_json_get(o, NAME("c")));
}

static void a_value_can_be_put_into_itself(void **state)
{
    smart_json_t *o = copy_of("{\"a\":{\"b\":1}}");

    assert_true(
        smart_json_set(smart_json_get(o, NAME("a")), NAME("c"), o, pool));
    is(o, "{\"a\":{\"b\":1,\"c\":{\"a\":{\"b\":1}}}}");
}

static void items_are_put_in_and_dropped(void **state)
{
    smart_json_t *a = copy_of("[]");
    int i;

    for (i = 0; i < 9; i++) {
        assert_true(smart_json_insert(a, 0, value_of("[0]"), pool));
    }
    for (i = 0; i < 8; i++) {
        assert_true(smart_json_drop(a, 0));
    }
    is(a, "[[0]]");
    assert_true(smart_json_insert(a, 1, smart_json_new_object(pool), pool));
    assert_true(smart_json_insert(a, 1, smart_json_new_array(pool), pool));
    is(a, "[[0],[],{}]");
    assert_true(
        smart_json_replace(a, 0, smart_json_new_string(NAME("s"), pool), pool));
    assert_true(smart_json_drop(a, 1));
    is(a, "[\"s\",{}]");
    assert_non_null(smart_json_at(a, 1));
}

static void what_can_not_be_changed_is_not(void **state)
{
    smart_json_t *o = copy_of("{\"a\":1}");
    smart_json_t *a = copy_of("[1]");
    const smart_json_t *v = value_of("[]");

    assert_false(smart_json_set(a, NAME("a"), v, pool));
    assert_false(smart_json_set(o, NAME("a"), NULL, pool));
    assert_false(smart_json_set(NULL, NAME("a"), v, pool));
    assert_false(smart_json_remove(a, NAME("a")));
    assert_false(smart_json_remove(NULL, NAME("a")));
    assert_false(smart_json_insert(o, 0, v, pool));
    assert_false(smart_json_insert(a, 2, v, pool));
    assert_false(smart_json_insert(a, 0, NULL, pool));
    assert_false(smart_json_insert(NULL, 0, v, pool));
    assert_false(smart_json_replace(a, 1, v, pool));
    assert_false(smart_json_replace(o, 0, v, pool));
    assert_false(smart_json_replace(a, 0, NULL, pool));
    assert_false(smart_json_drop(a, 1));
    assert_false(smart_json_drop(o, 0));
    assert_false(smart_json_drop(NULL, 0));
    assert_null(smart_json_get(a, NAME("a")));
    assert_null(smart_json_get(NULL, NAME("a")));
    assert_null(smart_json_at(o, 0));
    assert_null(smart_json_at(a, 1));
    is(o, "{\"a\":1}");
    is(a, "[1]");
}

static void addresses_stay(void **state)
{
    smart_json_t *a = copy_of("[[],{\"x\":1},[]]");
    smart_json_t *kept = smart_json_at(a, 1);
    int i;

    for (i = 0; i < 20; i++) {
        assert_true(smart_json_insert(a, 0, value_of("[]"), pool));
    }
    assert_ptr_equal(smart_json_at(a, 21), kept);
    assert_true(smart_json_drop(a, 0));
    assert_ptr_equal(smart_json_at(a, 20), kept);
    is(kept, "{\"x\":1}");
}

static void bounds_hold_at_both_sides(void **state)
{
    smart_json_t *deep = smart_json_new_array(pool);
    smart_json_t *wide = smart_json_new_object(pool);
    smart_json_t *many = smart_json_new_array(pool);
    const smart_json_t *seven = value_of("[7]");
    smart_json_t *at = deep;
    int i;

    for (i = 1; i < SMART_JSON_MAX_DEPTH; i++) {
        assert_true(smart_json_insert(at, 0, smart_json_new_array(pool), pool));
        at = smart_json_at(at, 0);
    }
    assert_true(smart_json_bounded(deep));
    assert_true(smart_json_insert(at, 0, smart_json_item(seven, 0), pool));
    assert_true(smart_json_bounded(deep));
    assert_true(smart_json_insert(at, 0, smart_json_new_object(pool), pool));
    assert_false(smart_json_bounded(deep));
    for (i = 0; i < SMART_JSON_MAX_NAMES; i++) {
        smart_json_set(wide, NAME(apr_psprintf(pool, "n%d", i)), seven, pool);
    }
    assert_true(smart_json_bounded(wide));
    smart_json_set(wide, NAME("one more"), seven, pool);
    assert_false(smart_json_bounded(wide));
    assert_false(smart_json_bounded(NULL));
    /* Doubling: an array, ten in it, ten in each of these... */
    assert_true(smart_json_insert(many, 0, smart_json_item(seven, 0), pool));
    for (i = 0; i < 19; i++) {
        smart_json_t *twice = smart_json_new_array(pool);

        smart_json_insert(twice, 0, many, pool);
        smart_json_insert(twice, 1, many, pool);
        many = twice;
        assert_int_equal(smart_json_bounded(many), i < 18);
        if (i >= 18) {
            break;
        }
    }
}

static void the_same_is_found_so(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        bool same;
    } cases[] = {
        {"[1]", "[1.0]", true},
        {"[1]", "[1e0]", true},
        {"[10]", "[1E1]", true},
        {"[100]", "[1.00e+2]", true},
        {"[0.001]", "[1e-3]", true},
        {"[0.001]", "[10e-4]", true},
        {"[0]", "[-0.0]", true},
        {"[0]", "[0e5]", true},
        {"[1]", "[-1]", false},
        {"[1]", "[10]", false},
        {"[1]", "[1.1]", false},
        {"[0.1]", "[0.01]", false},
        {"[1.0000000000000000000000000000000001]", "[1]", false},
        {"[9007199254740993]", "[9007199254740992]", false},
        {"[12.5]", "[125e-1]", true},
        {"[105]", "[15]", false},
        {"[1]", "[\"1\"]", false},
        {"[\"a\"]", "[\"\\u0061\"]", true},
        {"[\"a\"]", "[\"A\"]", false},
        {"[\"a\"]", "[\"ab\"]", false},
        {"[true]", "[true]", true},
        {"[true]", "[false]", false},
        {"[null]", "[null]", true},
        {"[null]", "[false]", false},
        {"[]", "[]", true},
        {"[]", "{}", false},
        {"[1,2]", "[2,1]", false},
        {"[1]", "[1,1]", false},
        {"{\"a\":1,\"b\":[2]}", "{\"b\":[2],\"a\":1}", true},
        {"{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":2}", false},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"{\"a\":1,\"b\":2}", "{\"a\":1}", false},
        {"{\"a\":null}", "{\"b\":null}", false},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const smart_json_t *a = value_of(cases[i].a);
        const smart_json_t *b = value_of(cases[i].b);

        if (smart_json_equal(a, b) != cases[i].same ||
            smart_json_equal(b, a) != cases[i].same) {
            fail_msg("%s, %s", cases[i].a, cases[i].b);
        }
    }
    assert_false(smart_json_equal(NULL, NULL));
    assert_false(smart_json_equal(NULL, value_of("[]")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_independent),
        cmocka_unit_test(a_copy_outlives_what_was_read),
        cmocka_unit_test(members_are_set_and_removed),
        cmocka_unit_test(a_value_can_be_put_into_itself),
        cmocka_unit_test(items_are_put_in_and_dropped),
        cmocka_unit_test(what_can_not_be_changed_is_not),
        cmocka_unit_test(addresses_stay),
        cmocka_unit_test(bounds_hold_at_both_sides),
        cmocka_unit_test(the_same_is_found_so),
    };

    return cmocka_run_group_tests_name("json_edit", tests, prepare, finish);
}
