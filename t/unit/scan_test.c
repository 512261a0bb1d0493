/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan_test.c: what is no strict JSON is refused wherever it stands, ranges are
 * the bytes of the values, and the scan agrees with json.h about what is JSON.
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

#include "core/json.h"
#include "core/scan.h"

/* From a copy that ends where the text does, for AddressSanitizer. */
static bool proves_n(const char *text, apr_size_t len)
{
    char *copy = malloc(len ? len : 1);
    smart_slice_t range = {NULL, 0};
    smart_scan_t scan;
    bool proved;

    memcpy(copy, text, len);
    smart_scan_make(&scan, pool);
    smart_scan_begin(&scan, smart_slice_n(copy, len));
    proved = smart_scan_skip(&scan, &range) && smart_scan_done(&scan);
    assert_true(!proved || (range.ptr >= copy && range.len <= len));
    free(copy);
    return proved;
}

static bool proves(const char *text)
{
    return proves_n(text, strlen(text));
}

/* At the top, in an array, and as a member. */
static bool proves_anywhere(const char *text)
{
    const bool is = proves(text);

    assert_int_equal(is, proves(apr_psprintf(pool, "[1,%s ,2]", text)));
    assert_int_equal(is,
                     proves(apr_psprintf(pool, "{\"a\":%s,\"b\":[]}", text)));
    assert_int_equal(is,
                     proves(apr_psprintf(pool, "[\"%032d\",[%s]]", 0, text)));
    return is;
}

static const char *const good[] = {
    "{}",
    "[]",
    "true",
    "false",
    "null",
    "0",
    "-0",
    "1.10",
    "-12.5e+3",
    "1E9",
    "1e-400",
    "\"\"",
    "\"a\"",
    " [ ] ",
    "\n{\t}\r ",
    "[[],{}]",
    "\"\\\\\"",
    "\"\\/\"",
    "\"\\b\\f\\n\\r\\t\"",
    "\"\\u0001\"",
    "\"\\ud83d\\ude00\"",
    "\"\xc3\xa9\"",
    "\"\xe2\x82\xac\"",
    "\"\xf0\x9f\x98\x80\"",
    "\"\xef\xbf\xbf\"",
    "\"\xf4\x8f\xbf\xbf\"",
    "\"\x7f\"",
    "{\"a\":1,\"b\":2}",
    "{\"\":1}",
    "{\"a\":{\"a\":{\"a\":1}},\"b\":1}",
    "[{\"a\":1},{\"a\":2}]",
    "{\"abcdefgh\":1,\"abcdefgi\":2}",
    "{\"abcdefghi\":1,\"abcdefghj\":2,\"abcdefgh\":3}",
    "123456789012345678901234567890",
    "0.00000000000000000000000001",
};
static const char *const bad[] = {
    "",
    " ",
    "tru",
    "trUe",
    "nul",
    "+1",
    "01",
    "-",
    "1.",
    ".5",
    "1e",
    "1e+",
    "0x1",
    "NaN",
    "Infinity",
    "'a'",
    "\"",
    "\"a",
    "\"\\\"",
    "\"\\a\"",
    "\"\\x41\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\udc00\"",
    "\"\\ud800\\n\"",
    "\"\\ud800\\u0041\"",
    "\"\n\"",
    "\"\t\"",
    "\"\x01\"",
    "\"\x1f\"",
    "\"\x80\"",
    "\"\xc0\x80\"",
    "\"\xc1\xbf\"",
    "\"\xe0\x9f\xbf\"",
    "\"\xed\xa0\x80\"",
    "\"\xf0\x8f\xbf\xbf\"",
    "\"\xf4\x90\x80\x80\"",
    "\"\xf8\x88\x80\x80\"",
    "\"\xc3\"",
    "\"\xe2\x82\"",
    "\"\xc3(\"",
    "{",
    "}",
    "[",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[,]",
    "[1 2]",
    "{,}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{\"a\" 1}",
    "{a:1}",
    "{1:1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1]",
    "[1}",
    "{\"a\":1,\"a\":1}",
    "{\"a\":1,\"b\":{\"c\":1,\"c\":2}}",
    "{\"abcdefghi\":1,\"x\":2,\"abcdefghi\":3}",
    "{\"a\":{\"b\":1},\"c\":2,\"a\":3}",
    "{\"\\u0061\":1}",
    "{\"a\\n\":1}",
    "{\"\xc3\xa9\":1}",
    "{\"a\":1}}",
    "[]]",
    "// x\n[]",
    "[/**/]",
    "\xef\xbb\xbf{}",
    "\v[]",
    "[\f]",
};

static void test_values(void **state)
{
    apr_size_t i;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!proves_anywhere(good[i])) {
            fail_msg("refused: %s", good[i]);
        }
    }
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (proves(bad[i])) {
            fail_msg("proved: %s", bad[i]);
        }
    }
    assert_false(proves_n("\"\0\"", 3));
    assert_false(proves_n("[]\0", 3));
    assert_false(proves("[] x"));
}

/* A fault is found at every place of a string that is read 16 bytes a time. */
static void test_places(void **state)
{
    int n;
    int i;

    for (n = 1; n < 40; n++) {
        char text[64];

        memset(text, 'a', sizeof(text));
        text[0] = '"';
        text[n + 1] = '"';
        assert_true(proves_n(text, (apr_size_t)n + 2));
        assert_false(proves_n(text, (apr_size_t)n + 1));
        for (i = 1; i <= n; i++) {
            static const char wrong[] = {0,   1,    '\n',       0x1f,
                                         '"', '\\', (char)0x80, (char)0xff};
            apr_size_t w;

            for (w = 0; w < sizeof(wrong); w++) {
                text[i] = wrong[w];
                /* an escaped "a" is none, an escaped quote leaves no end */
                assert_false(proves_n(text, (apr_size_t)n + 2));
            }
            text[i] = 'a';
        }
    }
}

static const char *nested(char open, char close, int n)
{
    char *text = apr_palloc(pool, 8 * (apr_size_t)n + 8);
    char *to = text;
    int i;

    for (i = 0; i < n; i++) {
        *to++ = open;
        if (open == '{' && i < n - 1) {
            memcpy(to, "\"a\":", 4);
            to += 4;
        }
    }
    for (i = 0; i < n; i++) {
        *to++ = close;
    }
    *to = '\0';
    return text;
}

static void test_limits(void **state)
{
    char *text = apr_pstrdup(pool, "{\"n0\":0");
    int i;

    assert_true(proves(nested('[', ']', SMART_SCAN_MAX_DEPTH)));
    assert_false(proves(nested('[', ']', SMART_SCAN_MAX_DEPTH + 1)));
    assert_true(proves(nested('{', '}', SMART_SCAN_MAX_DEPTH)));
    assert_false(proves(nested('{', '}', SMART_SCAN_MAX_DEPTH + 1)));
    for (i = 1; i < SMART_SCAN_MAX_NAMES; i++) {
        text = apr_psprintf(pool, "%s,\"n%d\":0", text, i);
    }
    assert_true(proves(apr_pstrcat(pool, text, "}", NULL)));
    assert_false(proves(apr_pstrcat(pool, text, ",\"x\":0}", NULL)));
    assert_false(proves(apr_pstrcat(pool, text, ",\"n7\":0}", NULL)));
}

static void test_walk(void **state)
{
    const char *text = " {\"a\": [1, \"x\\n\" ,{}], \"b\":{\"c\":true} } ";
    smart_slice_t name;
    smart_slice_t range = {NULL, 0};
    smart_scan_t scan;

    smart_scan_make(&scan, pool);
    smart_scan_begin(&scan, smart_slice(text));
    assert_false(smart_scan_enter(&scan, '['));
    assert_true(smart_scan_enter(&scan, '{'));
    assert_true(smart_scan_member(&scan, &name));
    assert_true(smart_slice_is(name, "a"));
    assert_int_equal(smart_scan_peek(&scan), '[');
    assert_true(smart_scan_enter(&scan, '['));
    assert_true(smart_scan_item(&scan) && smart_scan_skip(&scan, &range));
    assert_true(smart_slice_is(range, "1"));
    assert_false(smart_scan_string(range, &name));
    assert_true(smart_scan_item(&scan) && smart_scan_skip(&scan, &range));
    assert_true(smart_scan_string(range, &name));
    assert_true(smart_slice_is(name, "x\\n"));
    assert_true(smart_scan_item(&scan) && smart_scan_enter(&scan, '{'));
    assert_false(smart_scan_member(&scan, &name));
    assert_false(smart_scan_item(&scan));
    assert_true(smart_scan_member(&scan, &name));
    assert_true(smart_scan_skip(&scan, &range));
    assert_true(smart_slice_is(range, "{\"c\":true}"));
    assert_false(smart_scan_done(&scan));
    assert_false(smart_scan_member(&scan, &name));
    assert_true(smart_scan_done(&scan));
    /* and again, with another text */
    smart_scan_begin(&scan, smart_slice("{\"a\":1,\"b\":}"));
    assert_true(smart_scan_enter(&scan, '{'));
    assert_true(smart_scan_member(&scan, &name) &&
                smart_scan_skip(&scan, NULL));
    assert_true(smart_scan_member(&scan, &name));
    assert_false(smart_scan_skip(&scan, &range));
    assert_false(smart_scan_member(&scan, &name));
    assert_false(smart_scan_done(&scan));
    smart_scan_begin(&scan, smart_slice(""));
    assert_false(smart_scan_enter(&scan, '{'));
    assert_false(smart_scan_done(&scan));
}

/* ---- beside the reader ---- */

static unsigned long long seed = 20240607;

static unsigned random_to(unsigned n)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(seed >> 33) % n;
}

static apr_size_t random_text(char *to, apr_size_t room)
{
    static const char *const parts[] = {"{",
                                        "}",
                                        "[",
                                        "]",
                                        ",",
                                        ":",
                                        "\"a\"",
                                        "\"b\"",
                                        "\"abcdefghij\"",
                                        "1",
                                        "-0.5e1",
                                        "true",
                                        "null",
                                        " ",
                                        "\"\\u00e9\"",
                                        "\"\xc3\xa9\"",
                                        "\"\\ud83d\\ude00\"",
                                        "\"x",
                                        "\\",
                                        "\"",
                                        "\x80",
                                        "{\"a\":",
                                        "[1,",
                                        "{}",
                                        "[]",
                                        "\"b\":",
                                        "01",
                                        "\xc3"};
    apr_size_t len = 0;
    unsigned n = 1 + random_to(10);

    while (n--) {
        const char *part = parts[random_to(sizeof(parts) / sizeof(parts[0]))];

        if (len + strlen(part) < room) {
            memcpy(to + len, part, strlen(part));
            len += strlen(part);
        }
    }
    return len;
}

/* What was not entered has no members and no items, and is not proved. */
static void test_not_entered(void **state)
{
    static const char *const texts[] = {"\"{\"", "7", "[1]", "{\"a\":1}", ""};
    smart_scan_t scan;
    smart_slice_t name;
    size_t i;

    smart_scan_make(&scan, pool);
    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        smart_scan_begin(&scan, smart_slice(texts[i]));
        assert_false(smart_scan_member(&scan, &name));
        assert_false(smart_scan_done(&scan));
        smart_scan_begin(&scan, smart_slice(texts[i]));
        assert_false(smart_scan_item(&scan));
        assert_false(smart_scan_done(&scan));
    }
}

/* What is proved is read by json.h as well, and what is an object or array
   there, without an escape in a name, is proved. */
static void test_agrees(void **state)
{
    int both = 0;
    int i;

    for (i = 0; i < 200000; i++) {
        apr_pool_t *p;
        char text[256];
        const apr_size_t len = random_text(text, sizeof(text));
        const smart_json_t *json;
        const char *why;
        const bool proved = proves_n(text, len);
        bool read;

        apr_pool_create(&p, pool);
        read = smart_json_read(smart_slice_n(text, len), p, &json, &why) ==
               SMART_JSON_READ;
        if (read != (proved && memchr("{[", text[strspn(text, " ")], 2))) {
            fail_msg("%.*s: %s", (int)len, text, why);
        }
        both += read;
        apr_pool_destroy(p);
    }
    assert_true(both > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),      cmocka_unit_test(test_places),
        cmocka_unit_test(test_limits),      cmocka_unit_test(test_walk),
        cmocka_unit_test(test_not_entered), cmocka_unit_test(test_agrees),
    };

    return cmocka_run_group_tests(tests, prepare, finish);
}
