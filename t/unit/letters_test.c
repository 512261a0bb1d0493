/* SPDX-License-Identifier: Apache-2.0 */
/*
 * letters_test.c: the letters that every interaction needs, each with a token
 * that has them and one that has all others.
 */
#include "ask.h"

#include <apr_general.h>

#include "core/letters.h"

static const struct {
    const char *what;
    const char *request;
    const char *header;
    const char *letters; /* all that are needed */
    unsigned owed;
} rows[] = {
    {"read", "GET /Observation/1", NULL, "r", 0},
    {"HEAD", "HEAD /Observation/1", NULL, "r", 0},
    {"vread", "GET /Observation/1/_history/2", NULL, "r", 0},
    {"history-instance", "GET /Observation/1/_history", NULL, "r", 0},
    {"history-type", "GET /Observation/_history", NULL, "s", 0},
    {"search-type", "GET /Observation?code=x", NULL, "s", 0},
    {"search by form", "POST /Observation/_search", NULL, "s", FORM},
    {"search-compartment", "GET /Encounter/e/Observation", NULL, "s", 0},
    {"compartment by form", "POST /Patient/p/Observation/_search", NULL, "s",
     FORM},
    {"search-system of a type", "GET /?_type=Observation", NULL, "s", 0},
    {"create", "POST /Observation", NULL, "c", MINIMAL},
    {"conditional create", "POST /Observation", "If-None-Exist: code=x", "cs",
     MINIMAL},
    {"update", "PUT /Observation/1", NULL, "u", MINIMAL},
    {"conditional update", "PUT /Observation?code=x", NULL, "us", MINIMAL},
    {"patch", "PATCH /Observation/1", NULL, "u", MINIMAL},
    {"conditional patch", "PATCH /Observation?code=x", NULL, "us", MINIMAL},
    {"delete", "DELETE /Observation/1", NULL, "d", MINIMAL},
    {"conditional delete", "DELETE /Observation?code=x", NULL, "ds", MINIMAL},
    {"page", "GET /?_getpages=x", NULL, "s", INSPECT},
};

/* With those of a set that are in cruds order. */
static const char *scope_of(const char *context, const char *type,
                            const char *letters, char without)
{
    char kept[8] = "";
    size_t n = 0;
    const char *c;

    for (c = "cruds"; *c; c++) {
        if (strchr(letters, *c) && *c != without) {
            kept[n++] = *c;
        }
    }
    kept[n] = '\0';
    return apr_psprintf(pool, "%s/%s.%s", context, type, kept);
}

static void exactly_the_letters_of_the_table_do(void **state)
{
    size_t n;

    for (n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        ask_t ask = {.request = rows[n].request, .header = rows[n].header};
        const char *c;
        ask.scopes = scope_of("user", "Observation", rows[n].letters, 0);
        assert_permits(&ask_policy, rows[n].what, &ask, rows[n].owed);
        for (c = rows[n].letters; *c; c++) {
            ask.scopes = scope_of("user", "Observation", "cruds", *c);
            assert_denies(&ask_policy, rows[n].what, &ask,
                          SMART_REASON_NO_SCOPE);
        }
        apr_pool_clear(pool);
    }
}

static void the_letters_have_to_be_of_the_type(void **state)
{
    size_t n;

    for (n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        ask_t ask = {.request = rows[n].request, .header = rows[n].header};
        if (strcmp(rows[n].what, "page") == 0) {
            continue; /* of any type */
        }
        ask.scopes = "user/Condition.cruds";
        assert_denies(&ask_policy, rows[n].what, &ask, SMART_REASON_NO_SCOPE);
    }
}

static const twin_t all_types[] = {
    {"search-system", BY("user/*.s", "GET /?_lastUpdated=gt2020"), 0,
     BY("user/Observation.s user/*.r", "GET /?_lastUpdated=gt2020"),
     SMART_REASON_NO_SCOPE},
    {"history-system", BY("user/*.s", "GET /_history"), 0,
     BY("user/Observation.cruds", "GET /_history"), SMART_REASON_NO_SCOPE},
    {"everything of a compartment", BY("user/*.s", "GET /Patient/p/*"), 0,
     BY("user/Patient.s", "GET /Patient/p/*"), SMART_REASON_NO_SCOPE},
    {"delete at system level, d", BY("user/*.ds", "DELETE /?_lastUpdated=lt2"),
     MINIMAL, BY("user/*.s", "DELETE /?_lastUpdated=lt2"),
     SMART_REASON_NO_SCOPE},
    {"delete at system level, s", BY("user/*.ds", "DELETE /?_lastUpdated=lt2"),
     MINIMAL, BY("user/*.d", "DELETE /?_lastUpdated=lt2"),
     SMART_REASON_NO_SCOPE},
    {"delete at system level, restricted",
     OF("system/*.ds", "DELETE /?_lastUpdated=lt2"), MINIMAL,
     OF("patient/*.ds", "DELETE /?_lastUpdated=lt2"), SMART_REASON_CONSTRUCT},
    {"every type named",
     BY("user/Observation.s user/Condition.s",
        "GET /?_type=Observation,Condition"),
     0,
     BY("user/Observation.s user/Condition.r",
        "GET /?_type=Observation,Condition"),
     SMART_REASON_NO_SCOPE},
    {"every occurrence",
     BY("user/Observation.s", "GET /?_type=Observation&_type=Observation"), 0,
     BY("user/Observation.s", "GET /?_type=Observation&_type=Condition"),
     SMART_REASON_NO_SCOPE},
    {"an empty item", BY("user/Observation.s", "GET /?_type=Observation"), 0,
     BY("user/Observation.s", "GET /?_type=Observation,"),
     SMART_REASON_NO_SCOPE},
    {"an empty list", BY("user/*.s", "GET /?_type="), 0,
     BY("user/Observation.s", "GET /?_type="), SMART_REASON_NO_SCOPE},
    {"a modifier", BY("user/Observation.s", "GET /?_type=Observation"), 0,
     BY("user/Observation.s", "GET /?_type:not=Observation"),
     SMART_REASON_NO_SCOPE},
    {"another spelling beside it",
     BY("user/Observation.s", "GET /?_type=Observation"), 0,
     BY("user/Observation.s", "GET /?_type=Observation&_TYPE=Condition"),
     SMART_REASON_NO_SCOPE},
    {"an unknown type", BY("user/*.s", "GET /?_type=Observation"), 0,
     BY("user/*.s", "GET /?_type=Observation,Foo"), SMART_REASON_INTERACTION},
    {"types that may stand in the form",
     BY("user/Observation.s", "POST /_search"), FORM,
     BY("user/Observation.r", "POST /_search"), SMART_REASON_NO_SCOPE},
    {"types of the URL beside a form",
     BY("user/Observation.s", "POST /_search?_type=Observation"), FORM,
     BY("user/Observation.s", "POST /_search?_type=Condition"),
     SMART_REASON_NO_SCOPE},
    {"batch", BY("user/Observation.r", "POST /"), BODY,
     BY("openid launch", "POST /"), SMART_REASON_NO_SCOPE},
    {"a page of whatever type",
     BY("user/Observation.r user/Condition.s", "GET /?_page=2"), INSPECT,
     BY("user/Observation.r user/Condition.r", "GET /?_page=2"),
     SMART_REASON_NO_SCOPE},
};

static void some_interactions_are_about_many_types(void **state)
{
    ASSERT_TWINS(&ask_policy, all_types);
}

/* When the caller has read the form, what it names counts. */
static void a_form_that_was_read_is_judged(void **state)
{
    ask_t ask = BY("user/Observation.s", "POST /_search?_type=Observation");
    smart_grant_t grant = ask_grant(SMART_FHIR_R4, &ask);
    smart_interaction_t i = ask_interaction(SMART_FHIR_R4, &ask);
    smart_decision_t d;

    assert_true(i.form);
    i.form = false;
    d = smart_decide(&ask_policy, &grant, &i, pool);
    assert_true(d.permit);
    assert_int_equal(d.obligations, 0);
    smart_search_add(&i.search, "_type", "Condition", pool);
    d = smart_decide(&ask_policy, &grant, &i, pool);
    assert_false(d.permit);
    assert_string_equal(d.scope, "user/Condition.s");
    i.search.count = 0; /* and none at all is all types */
    d = smart_decide(&ask_policy, &grant, &i, pool);
    assert_false(d.permit);
    assert_string_equal(d.scope, "user/*.s");
}

static void what_no_scope_gives_is_never(void **state)
{
    smart_interaction_t i = {0};
    smart_need_t need = smart_letters_needed(SMART_FHIR_R4, &i);

    assert_int_equal(need.kind, SMART_NEED_NEVER);
    assert_int_equal(need.reason, SMART_REASON_INTERACTION);
    i.kind = SMART_INTERACTION_DISCOVERY;
    need = smart_letters_needed(SMART_FHIR_R4, &i);
    assert_int_equal(need.kind, SMART_NEED_NEVER);
    i.kind = SMART_INTERACTION_COUNT;
    need = smart_letters_needed(SMART_FHIR_R4, &i);
    assert_int_equal(need.kind, SMART_NEED_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_the_letters_of_the_table_do),
        cmocka_unit_test(the_letters_have_to_be_of_the_type),
        cmocka_unit_test(some_interactions_are_about_many_types),
        cmocka_unit_test(a_form_that_was_read_is_judged),
        cmocka_unit_test(what_no_scope_gives_is_never),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
