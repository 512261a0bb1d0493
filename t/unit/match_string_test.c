/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match_string_test.c: a text matches where one begins with it.
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

#include "core/match_string.h"

/* The item of "[...]". */
static const smart_json_t *item_of(const char *text)
{
    const char *array = apr_pstrcat(pool, "[", text, "]", NULL);
    const smart_json_t *json;
    const char *why;

    if (smart_json_read(smart_slice(array), pool, &json, &why) !=
        SMART_JSON_READ) {
        fail_msg("%s: %s", text, why);
    }
    return smart_json_item(json, 0);
}

static void texts_match(void **state)
{
    static const struct {
        const char *value;
        const char *element;
        bool want;
    } cases[] = {
        {"son", "\"Sonne\"", true},
        {"SON", "\"sonne\"", true},
        {"son", "\"son\"", true},
        {"sonn", "\"son\"", false},
        {"son", "\"Mason\"", false},
        {"son", "\" son\"", false},
        {"", "\"\"", false},
        {"", "\"a\"", false},
        {"\xc3\xa9t", "\"\xc3\xa9t\xc3\xa9\"", true},
        {"\xc3\x89t", "\"\xc3\xa9t\xc3\xa9\"", false},
        {"et", "\"\xc3\xa9t\xc3\xa9\"", false},
        {"[", "\"{\"", false},
        {"@", "\"`\"", false},
        {"mei", "{\"family\":\"Meier\"}", true},
        {"mei", "{\"family\":\"Schmidt\",\"given\":[\"A\",\"Meike\"]}", true},
        {"mei", "{\"text\":\"Meier\"}", true},
        {"dr", "{\"prefix\":[\"Dr.\"]}", true},
        {"jr", "{\"suffix\":[\"Jr.\"]}", true},
        {"mei", "{\"use\":\"mei\"}", false},
        {"mei", "{\"_family\":\"mei\"}", false},
        {"mei", "{\"period\":{\"text\":\"mei\"}}", false},
        {"berlin", "{\"city\":\"Berlin\"}", true},
        {"berlin", "{\"line\":[\"Berliner Str. 1\"]}", true},
        {"berlin", "{\"district\":\"Berlin\"}", true},
        {"berlin", "{\"state\":\"Berlin\"}", true},
        {"10", "{\"postalCode\":\"10115\"}", true},
        {"de", "{\"country\":\"DE\"}", true},
        {"de", "{\"country\":\"FR\"}", false},
        {"mei", "{\"given\":[[\"mei\"]]}", false},
        {"1", "1", false},
        {"null", "null", false},
        {"true", "true", false},
        {"a", "[\"a\"]", false},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (smart_match_string(smart_slice(cases[i].value),
                               item_of(cases[i].element)) != cases[i].want) {
            fail_msg("%s: %s", cases[i].value, cases[i].element);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_match),
    };

    return cmocka_run_group_tests_name("match_string", tests, prepare, finish);
}
