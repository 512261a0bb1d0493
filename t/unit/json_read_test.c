/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_read_test.c: what is no strict JSON is refused, limits hold at both of
 * their sides, and another parser is of the same opinion about what is JSON.
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
#include <jansson.h>

#include "pool.h"

#include "core/json.h"

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

static void objects_and_arrays_are_read(void **state)
{
    assert_int_equal(reads("{}"), SMART_JSON_READ);
    assert_int_equal(reads("[]"), SMART_JSON_READ);
    assert_int_equal(reads("\r\n\t {\r\n\"a\"\t:\r[\n]\r}\r\n"),
                     SMART_JSON_READ);
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
        "{\"a\":\"\\udc00\"}",
        "{\"a\":\"\\ud800\\u0041\"}",
        "{\"a\":\"\\ud800\\ud800\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{\"a\":\"\xe0\x80\x80\"}",
        "{\"a\":\"\xf4\x90\x80\x80\"}",
        "{\"a\":\"\xe2\x82\"}",
        "[1e]",
        "[1e+]",
        "[1.]",
        "[-]",
        "[tru]",
        "[truex]",
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
    /* jansson passes over a NUL behind a number. */
    assert_int_equal(reads_n("[1\0]", 4), SMART_JSON_INVALID);
    assert_int_equal(reads_n("[1\0,2]", 6), SMART_JSON_INVALID);
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
        {"", 64, SMART_JSON_READ},
        {"", 65, SMART_JSON_INVALID},
        {"", 100000, SMART_JSON_INVALID},
        {"\"[[[[\",", 64, SMART_JSON_READ},
        {"\"[\\\"[[[\",", 64, SMART_JSON_READ},
        {"\"\\\\\",", 65, SMART_JSON_INVALID},
        {"[],[],{},", 64, SMART_JSON_READ},
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

static const char *with_names(int count, bool twice)
{
    char *text = apr_palloc(pool, 16 * (apr_size_t)count + 32);
    char *to = text;
    int i;

    *to++ = '{';
    for (i = 0; i < count; i++) {
        to += sprintf(to, "%s\"n%d\":%d", i ? "," : "", i, i);
    }
    if (twice) {
        to += sprintf(to, ",\"n%d\":0", count / 3);
    }
    strcpy(to, "}");
    return text;
}

static void names_have_a_limit(void **state)
{
    static const int counts[] = {1, 2, 15, 16, 17, 100, 254};
    apr_size_t i;

    for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        assert_int_equal(reads(with_names(counts[i], false)), SMART_JSON_READ);
        assert_int_equal(reads(with_names(counts[i], true)),
                         SMART_JSON_INVALID);
        assert_string_equal(why, "a name stands twice in an object");
    }
    assert_int_equal(reads(with_names(SMART_JSON_MAX_NAMES, false)),
                     SMART_JSON_READ);
    assert_int_equal(reads(with_names(SMART_JSON_MAX_NAMES + 1, false)),
                     SMART_JSON_INVALID);
    assert_string_equal(why, "too many names in an object");
}

/* "[0,0,...,{}]" of so many values, the array counted, and of the length. */
static const char *with_values(apr_size_t count, apr_size_t length)
{
    char *text = apr_palloc(pool, length + 1);
    apr_size_t i;

    memset(text, ' ', length);
    text[length] = '\0';
    text[0] = '[';
    for (i = 0; i + 2 < count; i++) {
        text[2 * i + 1] = '0';
        text[2 * i + 2] = ',';
    }
    memcpy(text + 2 * i + 1, "{}]", 3);
    return text;
}

/* Or a short text would take much memory. */
static void values_have_a_limit(void **state)
{
    const apr_size_t length = 800000;
    const apr_size_t most = 32768 + length / 8;

    assert_int_equal(reads(with_values(most, length)), SMART_JSON_READ);
    assert_int_equal(reads(with_values(most + 1, length)), SMART_JSON_INVALID);
    assert_string_equal(why, "too many values for so short a JSON");
    assert_int_equal(reads(with_values(most, length - 8)), SMART_JSON_INVALID);
    assert_int_equal(reads(with_values(30000, 60001)), SMART_JSON_READ);
}

/* ---- a second opinion ---- */

/*
 * jansson, with JSON_REJECT_DUPLICATES, is of the same opinion about every
 * text but for
 *   - a NUL behind a number, which it passes over,
 *   - more than SMART_JSON_MAX_DEPTH levels and SMART_JSON_MAX_NAMES names,
 *     and more values than there should be,
 *   - numbers with a point or an exponent, which it makes doubles of,
 *     and -0, which it makes 0: they are written otherwise.
 */

static bool jansson_reads(const char *text, apr_size_t len, char **pdump)
{
    json_error_t error;
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);

    *pdump = json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    json_decref(json);
    return *pdump != NULL;
}

/* Whether all numbers come back from jansson as they were: it makes doubles
 * of those with an exponent. */
static bool whole_numbers(const char *text, apr_size_t len)
{
    apr_size_t i;

    for (i = 1; i < len; i++) {
        if ((text[i] == 'e' || text[i] == 'E') && text[i - 1] >= '0' &&
            text[i - 1] <= '9') {
            return false;
        }
    }
    return true;
}

/* What both make of a text. */
static void compare_with_jansson(const char *text, apr_size_t len)
{
    const char *exact = apr_pmemdup(pool, text, len);
    const smart_json_t *json;
    smart_slice_t out;
    char *dump;
    const bool theirs = jansson_reads(exact, len, &dump);
    const bool ours = smart_json_read(smart_slice_n(exact, len), pool, &json,
                                      &why) == SMART_JSON_READ;

    if (ours != theirs) {
        fail_msg("<%.*s>: we %d (%s), jansson %d", (int)len, text, ours, why,
                 theirs);
    }
    if (ours && whole_numbers(text, len)) {
        assert_true(smart_json_write(json, pool, &out));
        assert_string_equal(out.ptr, dump);
    }
    free(dump);
}

static unsigned long long seed = 88172645463325252ull;

static unsigned draw(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 11) % n;
}

/* Texts that are JSON, with a few bytes changed, taken out or put in. */
static void jansson_is_of_the_same_opinion(void **state)
{
    static const char *const texts[] = {
        "{\"a\":[1,-2,30,true,false,null,\"x\\n\\u00e9\\ud83d\\ude00\"],"
        "\"b\":{\"c\":{},\"d\":[]}}",
        " [ { \"k\" : \"v\\\\\\\"\\/\\b\\f\\r\\t\" } , \"\xc3\xa9\xe2\x82\xac"
        "\xf0\x9f\x98\x80\" ]\n",
        "{\"resourceType\":\"Patient\",\"id\":\"pat-1\",\"n\":7}"};
    static const char bytes[] = "{}[]\",:\\u0123aent \n\t\x01\x7f\xc3\xa9\xed"
                                "\xa0\x80\xf4\xff-+.eE";
    int round;

    for (round = 0; round < 100000; round++) {
        const char *text = texts[draw(3)];
        apr_size_t len = strlen(text);
        char copy[256];
        unsigned edits = draw(4);

        memcpy(copy, text, len);
        while (edits-- > 0) {
            const apr_size_t at = draw((unsigned)len);
            const char byte = bytes[draw(sizeof(bytes) - 1)];

            switch (draw(3)) {
            case 0:
                copy[at] = byte;
                break;
            case 1:
                memmove(copy + at, copy + at + 1, len - at - 1);
                len--;
                break;
            default:
                memmove(copy + at + 1, copy + at, len - at);
                copy[at] = byte;
                len++;
            }
        }
        /* -0 is 0 to jansson, and 1.10 is 1.1. */
        if (!memchr(copy, '.', len) && !memmem(copy, len, "-0", 2)) {
            compare_with_jansson(copy, len);
        }
        if (round % 1000 == 0) {
            apr_pool_clear(pool);
        }
    }
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
        cmocka_unit_test(names_have_a_limit),
        cmocka_unit_test(values_have_a_limit),
        cmocka_unit_test(jansson_is_of_the_same_opinion),
        cmocka_unit_test(values_die_with_their_pool),
    };

    return cmocka_run_group_tests_name("json_read", tests, prepare, finish);
}
