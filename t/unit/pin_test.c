/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pin_test.c: what is taken out of a search, and who accepts JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <apr_general.h>
#include <apr_pools.h>

#include "core/pin.h"

static apr_pool_t *pool;

static void searches_lose_what_leaves_something_out(void **state)
{
    static const struct {
        const char *query;
        const char *sent;
        bool json;
    } rows[] = {
        {"code=x&_count=2", "code=x&_count=2", true},
        {"_elements=id&code=x", "code=x", true},
        {"code=x&_ELEMENTS=id", "code=x", true},
        {"_summary=true&_summary=text&_summary=data", "", true},
        {"_summary=count&code=x", "_summary=count&code=x", true},
        {"_format=json&code=x", "code=x", true},
        {"_format=JSON", "", true},
        {"_format=application/fhir%2Bjson", "", true},
        {"_format=application/fhir+json", "", true},
        {"_format=application/json;charset=utf-8", "", true},
        {"_format=application/json%3B%20fhirVersion=4.0", "", true},
        {"_format=", "", true},
        {"_format=xml&code=x", "code=x", false},
        {"_Format=xml", "", false},
        {"_format=application/fhir%2Bxml", "", false},
        {"_format=json&_format=ttl", "", false},
        {"_format=html", "", false},
        {"_format=jso", "", false},
        {"_pretty=true", "_pretty=true", true},
    };
    const char *why;
    size_t n;

    for (n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        smart_search_t search, before;
        smart_slice_t query = smart_slice(rows[n].query);

        if (strchr(rows[n].query, ';')) { /* a query has it escaped */
            char *text = apr_pcalloc(pool, query.len + 3);
            const char *at = strchr(rows[n].query, ';');
            memcpy(text, query.ptr, (size_t)(at - query.ptr));
            strcat(text, "%3B");
            strcat(text, at + 1);
            query = smart_slice(text);
        }
        assert_true(smart_search_parse(query, pool, &search, &why));
        before = search;
        if (smart_pin_search(&search, pool) != rows[n].json) {
            fail_msg("%s", rows[n].query);
        }
        assert_string_equal(smart_search_write(&search, pool), rows[n].sent);
        assert_true(search.changed == (before.count != search.count));
        assert_true(before.count == search.count ||
                    before.params != search.params);
    }
}

static void a_format_overrides_accept(void **state)
{
    static const struct {
        const char *query;
        bool named;
    } rows[] = {
        {"code=x&_format=json", true},
        {"_FORMAT=xml", true},
        {"_format:x=json", true},
        {"_format=", false},
        {"_format", false},
        {"format=json", false},
        {"", false},
    };
    smart_search_t search;
    const char *why;
    size_t n;

    for (n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        assert_true(smart_search_parse(smart_slice(rows[n].query), pool,
                                       &search, &why));
        if (smart_pin_named(&search) != rows[n].named) {
            fail_msg("%s", rows[n].query);
        }
    }
}

static void accept_has_to_allow_json(void **state)
{
    static const struct {
        const char *accept;
        bool json;
    } rows[] = {
        {NULL, true},
        {"", true},
        {" ", true},
        {"*/*", true},
        {"application/*", true},
        {"text/*", false},
        {"application/fhir+json", true},
        {"APPLICATION/FHIR+JSON", true},
        {"application/fhir+xml", false},
        {"application/json", true},
        {"application/json+fhir", true},
        {"application/jsonx", false},
        {"text/html", false},
        {"text/html, */*;q=0.1", true},
        {"text/html, */*;q=0", false},
        {"*/* ; Q=0.00", false},
        {"*/*;q=0.01", true},
        {"application/fhir+xml, application/fhir+json;q=0.5", true},
        {"application/fhir+json; fhirVersion=4.0; q=0", false},
        {"application/fhir+json; fhirVersion=4.0", true},
        {"text/x; a=\"b,application/json\"", false},
        {"text/x; a=\"b\",application/json", true},
        {"text/x; a=\"b,application/json,c\"", false},
        {"application/json ", true},
        {"application/json ;q=1", true},
        {"application/json;v=0", true},
        {"application/json;qs=0", true},
        {"application/json;qa0", true},
        {"application/json;q=", true},
        {",", false},
    };
    size_t n;

    for (n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        if (smart_pin_accept(rows[n].accept) != rows[n].json) {
            fail_msg("%s", rows[n].accept);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(searches_lose_what_leaves_something_out),
        cmocka_unit_test(a_format_overrides_accept),
        cmocka_unit_test(accept_has_to_allow_json),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests_name("pin", tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
