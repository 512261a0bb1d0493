/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match_token_test.c: tokens match where code and system say so, whatever
 * shape the element has, and nowhere else.
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

#include "core/match_token.h"

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

static bool matches(const char *item, const char *element)
{
    smart_token_t token;

    assert_true(smart_token_read(smart_slice(item), pool, &token));
    return smart_match_token(&token, item_of(element));
}

static void tokens_match(void **state)
{
#define CODING "{\"system\":\"http://s\",\"code\":\"a\",\"display\":\"A\"}"
    static const struct {
        const char *item;
        const char *element;
        bool want;
    } cases[] = {
        /* codes and booleans */
        {"final", "\"final\"", true},
        {"final", "\"Final\"", false},
        {"final", "\"finals\"", false},
        {"final", "\"fina\"", false},
        {"|final", "\"final\"", false},
        {"http://s|final", "\"final\"", false},
        {"http://s|", "\"http://s\"", false},
        {"true", "true", true},
        {"true", "false", false},
        {"false", "false", true},
        {"True", "true", false},
        {"true", "\"true\"", true},
        /* Coding */
        {"a", CODING, true},
        {"b", CODING, false},
        {"A", CODING, false},
        {"http://s|a", CODING, true},
        {"http://t|a", CODING, false},
        {"HTTP://s|a", CODING, false},
        {"http://s|b", CODING, false},
        {"http://s|", CODING, true},
        {"http://t|", CODING, false},
        {"|a", CODING, false},
        {"|a", "{\"code\":\"a\"}", true},
        {"|b", "{\"code\":\"a\"}", false},
        {"a", "{\"code\":\"a\"}", true},
        {"http://s|a", "{\"code\":\"a\"}", false},
        {"http://s|", "{\"system\":\"http://s\"}", false},
        {"http://s|", "{\"system\":\"http://s\",\"code\":\"\"}", false},
        {"|a", "{\"system\":null,\"code\":\"a\"}", false},
        {"a", "{\"system\":1,\"code\":\"a\"}", false},
        {"a", "{\"code\":[\"a\"]}", false},
        {"a", "{\"display\":\"a\"}", false},
        /* CodeableConcept */
        {"a", "{\"coding\":[" CODING "]}", true},
        {"a", "{\"coding\":[{\"code\":\"b\"}," CODING "]}", true},
        {"http://s|a",
         "{\"coding\":[{\"system\":\"http://t\",\"code\":\"a\"},{\"system\":"
         "\"http://s\",\"code\":\"b\"}]}",
         false},
        {"a", "{\"coding\":[]}", false},
        {"a", "{\"coding\":" CODING "}", false},
        {"a", "{\"coding\":[[" CODING "]]}", false},
        {"a", "{\"coding\":[\"a\"]}", false},
        {"a", "{\"text\":\"a\"}", false},
        /* Identifier, ContactPoint */
        {"1", "{\"system\":\"http://s\",\"value\":\"1\"}", true},
        {"http://s|1", "{\"system\":\"http://s\",\"value\":\"1\"}", true},
        {"http://t|1", "{\"system\":\"http://s\",\"value\":\"1\"}", false},
        {"|1", "{\"value\":\"1\"}", true},
        {"|1", "{\"system\":\"http://s\",\"value\":\"1\"}", false},
        {"1", "{\"value\":1}", false},
        /* more than one thing at once */
        {"a", "{\"code\":\"a\",\"value\":\"a\"}", false},
        {"a", "{\"code\":\"a\",\"coding\":[" CODING "]}", false},
        {"a", "{\"value\":\"a\",\"coding\":[" CODING "]}", false},
        /* escapes */
        {"a\\|b", "\"a|b\"", true},
        {"a\\,b", "\"a,b\"", true},
        {"a\\\\b", "\"a\\\\b\"", true},
        {"s\\|t|a", "{\"system\":\"s|t\",\"code\":\"a\"}", true},
        {"a\\|", "\"a|\"", true},
        /* nothing */
        {"a", "null", false},
        {"1", "1", false},
        {"a", "[\"a\"]", false},
        {"a", "{}", false},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (matches(cases[i].item, cases[i].element) != cases[i].want) {
            fail_msg("%s: %s", cases[i].item, cases[i].element);
        }
    }
}

static void what_is_no_token_is_told(void **state)
{
    static const char *const bad[] = {"",    "|",    "a|b|c", "||",    "a||b",
                                      "a\\", "a\\b", "\\b|a", "s|a\\", "|a|"};
    smart_token_t token;
    apr_size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (smart_token_read(smart_slice(bad[i]), pool, &token)) {
            fail_msg("%s", bad[i]);
        }
        /* And what was not read matches nothing. */
        assert_false(smart_match_token(&token, item_of("{\"value\":1}")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_match),
        cmocka_unit_test(what_is_no_token_is_told),
    };

    return cmocka_run_group_tests_name("match_token", tests, prepare, finish);
}
