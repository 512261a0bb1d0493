/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match_date_test.c: dates are ranges; each prefix at both of its sides; what
 * no calendar has is no date; what is not known of a zone is held against us.
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

#include "core/match_date.h"

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

static void dates_are_of_the_grammar(void **state)
{
    static const char *const good[] = {
        "2024",
        "0001",
        "9999-12-31",
        "2024-02",
        "2024-02-29",
        "2000-02-29",
        "2024-02-29T23:59Z",
        "2024-02-29T23:59:59Z",
        "2024-02-29T23:59:59.1Z",
        "2024-02-29T23:59:59.1234567+00:00",
        "2024-02-29T23:59:59-14:00",
        "2024-02-29T00:00:00+05:30",
    };
    static const char *const bad[] = {
        "",
        "eq",
        "ap2024",
        "EQ2024",
        "xx2024",
        "eqeq2024",
        " 2024",
        "2024 ",
        "+2024",
        "0000",
        "999",
        "20240",
        "202402",
        "2024-0210",
        "2024-02-2910:00:00Z",
        "2024-02-29T1000:00Z",
        "2024-02-29T10:00:0005:30",
        "2024-",
        "2024-00",
        "2024-13",
        "2024-2",
        "2024-02-",
        "2024-02-30",
        "2023-02-29",
        "1900-02-29",
        "2024-04-31",
        "2024-02-00",
        "2024-02-1",
        "2024-02-29T",
        "2024-02-29T10",
        "2024-02-29T10:00",
        "2024-02-29T10:00:00",
        "2024-02-29T10:00:00.5",
        "2024-02-29T10:00:00.Z",
        "2024-02-29T24:00:00Z",
        "2024-02-29T10:60:00Z",
        "2024-02-29T10:00:60Z",
        "2024-02-29T10:00:00z",
        "2024-02-29t10:00:00Z",
        "2024-02-29 10:00:00Z",
        "2024-02-29T10:00:00+5:30",
        "2024-02-29T10:00:00+15:00",
        "2024-02-29T10:00:00+14:01",
        "2024-02-29T10:00:00+0530",
        "2024-02-29T10:00:00ZZ",
        "2024-02-29T10Z",
        "2024-02-29Z",
    };
    apr_size_t i;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const char *element = apr_psprintf(pool, "\"%s\"", good[i]);

        if (!smart_match_date(smart_slice(good[i]), item_of(element))) {
            fail_msg("<%s>", good[i]);
        }
    }
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *element = apr_psprintf(pool, "\"%s\"", bad[i]);

        if (smart_match_date(smart_slice("ge0001"), item_of(element)) ||
            smart_match_date(smart_slice("le9999"), item_of(element)) ||
            smart_match_date(smart_slice("ne0001"), item_of(element)) ||
            smart_match_date(smart_slice(bad[i]), item_of("\"2024\"")) ||
            smart_match_date(smart_slice(apr_pstrcat(pool, "ne", bad[i], NULL)),
                             item_of("\"2020\""))) {
            fail_msg("<%s>", bad[i]);
        }
    }
    assert_false(smart_match_date(smart_slice_n(NULL, 0), item_of("\"2024\"")));
    /* An element has no prefix. */
    assert_false(smart_match_date(smart_slice("2024"), item_of("\"eq2024\"")));
    assert_true(smart_match_date(smart_slice("2024"), item_of("\"2024\"")));
}

/* Prefixes that hold, of a value and an element. */
static const char *holds(const char *value, const char *element)
{
    static const char names[][3] = {"eq", "ne", "gt", "lt",
                                    "ge", "le", "sa", "eb"};
    const smart_json_t *json = item_of(element);
    const char *all = "";
    apr_size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *prefixed = apr_pstrcat(pool, names[i], value, NULL);

        if (smart_match_date(smart_slice(prefixed), json)) {
            all = apr_pstrcat(pool, all, *all ? " " : "", names[i], NULL);
        }
    }
    /* Without a prefix it is eq. */
    assert_int_equal(smart_match_date(smart_slice(value), json),
                     strncmp(all, "eq", 2) == 0);
    return all;
}

static const struct {
    const char *value;
    const char *element;
    const char *want;
} cases[] = {
    /* a day and days */
    {"2024-02-10", "\"2024-02-10\"", "eq ge le"},
    {"2024-02-10", "\"2024-02-11\"", "ne gt ge sa"},
    {"2024-02-10", "\"2024-02-09\"", "ne lt le eb"},
    {"2024-02", "\"2024-02-29\"", "eq ge le"},
    {"2024-02", "\"2024-03-01\"", "ne gt ge sa"},
    {"2024-02", "\"2024-01-31\"", "ne lt le eb"},
    {"2024", "\"2024-12-31\"", "eq ge le"},
    {"2024", "\"2025-01-01\"", "ne gt ge sa"},
    {"2023-12-31", "\"2024-01-01\"", "ne gt ge sa"},
    /* the element is the longer one */
    {"2024-02-10", "\"2024-02\"", "ne gt lt ge le"},
    {"2024-02-01", "\"2024-02\"", "ne gt ge"},
    {"2024-02-29", "\"2024-02\"", "ne lt le"},
    {"2024-02-10", "\"2024\"", "ne gt lt ge le"},
    /* instants */
    {"2024-02-10T10:00:00Z", "\"2024-02-10T10:00:00Z\"", "eq ge le"},
    {"2024-02-10T10:00:00Z", "\"2024-02-10T11:00:00+01:00\"", "eq ge le"},
    {"2024-02-10T10:00:00Z", "\"2024-02-10T04:30:00-05:30\"", "eq ge le"},
    {"2024-02-10T10:00:00Z", "\"2024-02-10T10:00:01Z\"", "ne gt ge sa"},
    {"2024-02-10T10:00:00Z", "\"2024-02-10T09:59:59.999Z\"", "ne lt le eb"},
    {"2024-02-10T10:00:00Z", "\"2024-02-10T10:00:00.5Z\"", "eq ge le"},
    {"2024-02-10T10:00:00.5Z", "\"2024-02-10T10:00:00Z\"", "ne gt lt ge le"},
    {"2024-02-10T10:00Z", "\"2024-02-10T10:00:59.9999999Z\"", "eq ge le"},
    {"2024-02-10T10:00Z", "\"2024-02-10T10:01:00Z\"", "ne gt ge sa"},
    {"2024-02-10T10:00:00.1234567Z", "\"2024-02-10T10:00:00.1234567Z\"",
     "eq ge le"},
    {"2023-12-31T23:00:00Z", "\"2024-01-01T00:00:00+01:00\"", "eq ge le"},
    /* zones that are not told: only what holds in each */
    {"2024-02-10", "\"2024-02-10T12:00:00Z\"", ""},
    {"2024-02-10", "\"2024-02-12T00:00:00Z\"", "ne gt ge sa"},
    {"2024-02-10", "\"2024-02-11T14:00:00Z\"", "ne gt ge sa"},
    {"2024-02-10", "\"2024-02-11T13:59:59Z\"", "ge"},
    {"2024-02-10", "\"2024-02-09T09:59:59Z\"", "ne lt le eb"},
    {"2024-02-10", "\"2024-02-09T10:00:00Z\"", "le"},
    {"2024", "\"2024-06-01T00:00:00Z\"", "eq ge le"},
    {"2024", "\"2024-01-01T13:59:59Z\"", "le"},
    {"2024", "\"2024-01-01T14:00:00Z\"", "eq ge le"},
    {"2024-02-10T12:00:00Z", "\"2024-02-10\"", "ne"},
    {"2024-02-10T12:00:00Z", "\"2024-02-12\"", "ne gt ge sa"},
    {"2024-02-10T12:00:00Z", "\"2024-02-08\"", "ne lt le eb"},
    /* periods */
    {"2024-02", "{\"start\":\"2024-02-01\",\"end\":\"2024-02-29\"}",
     "eq ge le"},
    {"2024-02", "{\"start\":\"2024-02-01\",\"end\":\"2024-03-01\"}",
     "ne gt ge"},
    {"2024-02", "{\"start\":\"2024-01-31\",\"end\":\"2024-02-29\"}",
     "ne lt le"},
    {"2024-02", "{\"start\":\"2024-02-10\"}", "ne gt ge"},
    {"2024-02", "{\"start\":\"2024-03-01\"}", "ne gt ge sa"},
    {"2024-02", "{\"end\":\"2024-02-10\"}", "ne lt le"},
    {"2024-02", "{\"end\":\"2024-01-31\"}", "ne lt le eb"},
    {"2024-02", "{\"start\":\"2024-02-10T00:00:00Z\",\"end\":\"2024-02-11\"}",
     "eq ge le"},
    {"2024-02", "{\"start\":\"2024-02-01T00:00:00Z\",\"end\":\"2024-02-11\"}",
     "le"},
    {"2024-02-10T00:00:00Z", "{\"end\":\"2024-02-09T23:00:00Z\"}",
     "ne lt le eb"},
    {"2024-02-10T00:00:00Z", "{\"start\":\"2024-02-10T01:00:00Z\"}",
     "ne gt ge sa"},
    {"2024-02-10T00:00:00Z",
     "{\"start\":\"2024-02-10T01:00:00Z\",\"end\":\"2024-02-10\"}", "ne gt ge"},
    {"2024-02-10T00:00:00Z",
     "{\"start\":\"2024-02-10\",\"end\":\"2024-02-10T01:00:00Z\"}", "ne"},
    /* events */
    {"2024-02", "{\"event\":[\"2024-02-29\",\"2024-02-01\"]}", "eq ge le"},
    {"2024-02", "{\"event\":[\"2024-02-29\",\"2024-03-01\"]}", "ne gt ge"},
    {"2024-02-29", "{\"event\":[\"2024-02-29\",\"2024-02-01\"]}", "ne lt le"},
    {"2024-02-01", "{\"event\":[\"2024-02-29\",\"2024-02-01\"]}", "ne gt ge"},
    {"2024-02", "{\"event\":[\"2024-02-29\"],\"code\":{}}", "eq ge le"},
    /* nothing */
    {"2024", "{}", ""},
    {"2024", "{\"start\":\"2024-03\",\"end\":\"2024-02\"}", ""},
    {"2024", "{\"start\":null,\"end\":\"2024-02\"}", ""},
    {"2024", "{\"start\":\"2024-02-01T10:00:00\"}", ""},
    {"2024", "{\"start\":\"x\",\"end\":\"2024-02\"}", ""},
    {"2024", "{\"end\":[\"2024-02\"]}", ""},
    {"2024", "{\"event\":[]}", ""},
    {"2024", "{\"event\":\"2024\"}", ""},
    {"2024", "{\"event\":[\"2024\",\"x\"]}", ""},
    {"2024", "{\"event\":[\"2024\"],\"repeat\":{\"count\":9}}", ""},
    {"2024", "{\"repeat\":{\"boundsPeriod\":{\"start\":\"2024\"}}}", ""},
    {"2024", "null", ""},
    {"2024", "2024", ""},
    {"2024", "true", ""},
    {"2024", "[\"2024\"]", ""},
    {"2024", "\"\"", ""},
};

static void prefixes_hold(void **state)
{
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *got = holds(cases[i].value, cases[i].element);

        if (strcmp(got, cases[i].want) != 0) {
            fail_msg("%s of %s: %s, not %s", cases[i].value, cases[i].element,
                     got, cases[i].want);
        }
    }
    assert_false(smart_match_date(smart_slice("2024"), NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_of_the_grammar),
        cmocka_unit_test(prefixes_hold),
    };

    return cmocka_run_group_tests_name("match_date", tests, prepare, finish);
}
