/* SPDX-License-Identifier: Apache-2.0 */
/*
 * element_test.c: paths lead to what they say and nowhere else.
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

#include "core/element.h"

/* What was seen, "value[type];" each. */
static char *seen;
static int enough; /* to stop at; 0: never */

static bool see(void *baton, const smart_json_t *value, smart_slice_t type)
{
    smart_slice_t text;

    smart_json_write(value, pool, &text);
    seen = apr_psprintf(pool, "%s%s[%.*s];", seen, text.ptr, (int)type.len,
                        type.len ? type.ptr : "");
    assert_string_equal(baton, "baton");
    return enough && --enough == 0;
}

static const char *sees(const char *resource, const char *path)
{
    seen = apr_pstrdup(pool, "");
    enough = 0;
    assert_false(smart_element_any(value_of(resource), path, see, "baton"));
    return seen;
}

static void elements_are_found(void **state)
{
    static const struct {
        const char *resource;
        const char *path;
        const char *want;
    } cases[] = {
        {"{\"a\":1}", "a", "1[];"},
        {"{\"a\":[1,2]}", "a", "1[];2[];"},
        {"{\"a\":{\"b\":1}}", "a.b", "1[];"},
        {"{\"a\":[{\"b\":1},{\"b\":[2,3]},{\"c\":4}]}", "a.b", "1[];2[];3[];"},
        {"{\"a\":{\"b\":1},\"c\":2}", "a.b|c", "1[];2[];"},
        {"{\"a\":1,\"b\":2}", "a[Patient]|b", "1[Patient];2[];"},
        {"{\"a\":1,\"b\":2}", "a|b[Group]", "1[];2[Group];"},
        {"{\"a\":{\"b\":[{\"c\":1}]}}", "a.b.c", "1[];"},
        {"{\"a\":null}", "a", "null[];"},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(sees(cases[i].resource, cases[i].path),
                            cases[i].want);
    }
}

static void elsewhere_is_nothing(void **state)
{
    static const struct {
        const char *resource;
        const char *path;
        const char *want;
    } cases[] = {
        {"{\"_a\":1}", "a", ""},
        {"{\"A\":1}", "a", ""},
        {"{\"ab\":1}", "a", ""},
        {"{\"a\":1}", "ab", ""},
        {"{\"a\":\"x\"}", "a.b", ""},
        {"{\"a\":null}", "a.b", ""},
        {"{\"a.b\":1}", "a.b", ""},
        {"{\"b\":{\"a\":1}}", "a", ""},
        {"{\"a\":[[{\"b\":1}]]}", "a.b", ""},
        {"{\"a\":[[1]]}", "a", "[1][];"}, /* seen as the array it is */
        {"{\"a\":[]}", "a", ""},
        {"{\"a\":{}}", "a.b", ""},
        {"[{\"a\":1}]", "a", ""},
        {"{\"a\":1}", "", ""},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(sees(cases[i].resource, cases[i].path),
                            cases[i].want);
    }
    assert_string_equal(sees("{\"a\":1}", NULL), "");
    assert_false(smart_element_any(NULL, "a", see, "baton"));
}

static void one_may_be_enough(void **state)
{
    seen = apr_pstrdup(pool, "");
    enough = 2;
    assert_true(smart_element_any(value_of("{\"a\":[1,2,3],\"b\":4}"), "a|b",
                                  see, "baton"));
    assert_string_equal(seen, "1[];2[];");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_are_found),
        cmocka_unit_test(elsewhere_is_nothing),
        cmocka_unit_test(one_may_be_enough),
    };

    return cmocka_run_group_tests_name("element", tests, prepare, finish);
}
