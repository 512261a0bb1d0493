/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_text_test.c: commas where they belong, strings escaped, values as they
 * were; what comes out is read again.
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

#include "core/json_text.h"

static void commas_stand_between_members_and_items(void **state)
{
    smart_json_text_t t = smart_json_text(pool);

    smart_json_text_open(&t, "{");
    smart_json_text_name(&t, smart_slice("a"));
    smart_json_text_open(&t, "[");
    smart_json_text_item(&t);
    smart_json_text_raw(&t, smart_slice("1"));
    smart_json_text_item(&t);
    smart_json_text_open(&t, "{");
    smart_json_text_close(&t, "}");
    smart_json_text_item(&t);
    smart_json_text_raw(&t, smart_slice("2"));
    smart_json_text_close(&t, "]");
    smart_json_text_name(&t, smart_slice("b"));
    smart_json_text_string(&t, smart_slice("x"));
    smart_json_text_close(&t, "}");
    assert_string_equal(smart_json_text_done(&t).ptr,
                        "{\"a\":[1,{},2],\"b\":\"x\"}");
}

static void nothing_is_nothing(void **state)
{
    smart_json_text_t t = smart_json_text(pool);

    assert_string_equal(smart_json_text_done(&t).ptr, "");
    assert_int_equal(smart_json_text_done(&t).len, 0);
}

/* Each byte a string may have comes back when it is read. */
static void strings_are_escaped(void **state)
{
    char all[0x7f + 2];
    smart_json_text_t t = smart_json_text(pool);
    const smart_json_t *json;
    smart_slice_t text;
    const char *why;
    int c;

    for (c = 1; c <= 0x7f; c++) {
        all[c - 1] = (char)c;
    }
    all[0x7f] = '\0';
    smart_json_text_open(&t, "[");
    smart_json_text_item(&t);
    smart_json_text_string(&t, smart_slice(all));
    smart_json_text_close(&t, "]");
    text = smart_json_text_done(&t);
    assert_int_equal(smart_json_read(text, pool, &json, &why), SMART_JSON_READ);
    assert_true(smart_json_string(smart_json_item(json, 0), &text));
    assert_string_equal(text.ptr, all);
    assert_null(memchr(smart_json_text_done(&t).ptr, '\n',
                       smart_json_text_done(&t).len));
}

static void values_are_as_they_were(void **state)
{
    static const char in[] =
        "{\"n\":12,\"o\":{\"x\":[true,null]},\"s\":\"a\\\"b\"}";
    smart_json_text_t t = smart_json_text(pool);
    const smart_json_t *json;
    const char *why;

    assert_int_equal(smart_json_read(smart_slice(in), pool, &json, &why),
                     SMART_JSON_READ);
    smart_json_text_value(&t, json);
    assert_string_equal(smart_json_text_done(&t).ptr, in);
    t = smart_json_text(pool);
    smart_json_text_value(&t, NULL);
    assert_string_equal(smart_json_text_done(&t).ptr, "null");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_stand_between_members_and_items),
        cmocka_unit_test(nothing_is_nothing),
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(values_are_as_they_were),
    };

    return cmocka_run_group_tests(tests, prepare, finish);
}
