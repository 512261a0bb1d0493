/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect_bundle_test.c: what is left of Bundles is what is covered, in order, byte
 * by byte.
 */
#include "inspected.h"

#include "core/json.h"

static const row_t list_rows[] = {
    {"own", SEARCH, 200, BUNDLE("searchset", ENTRIES(ENTRY(OBS_OWN))), SAME,
     NULL},
    {"foreign", SEARCH, 200, BUNDLE("searchset", ENTRIES(ENTRY(OBS_FOREIGN))),
     CHANGED, BUNDLE("searchset", "")},
    {"first of two", SEARCH, 200,
     BUNDLE("searchset", ENTRIES(ENTRY(OBS_OWN) "," ENTRY(OBS_FOREIGN))),
     CHANGED, BUNDLE("searchset", ENTRIES(ENTRY(OBS_OWN)))},
    {"second of two", SEARCH, 200,
     BUNDLE("searchset", ENTRIES(ENTRY(OBS_FOREIGN) " , " ENTRY(OBS_OWN))),
     CHANGED, BUNDLE("searchset", ENTRIES(ENTRY(OBS_OWN)))},
    {"around", SEARCH, 200,
     BUNDLE("searchset",
            ENTRIES(ENTRY(OBS_OWN) "," ENTRY(COND_OWN) "," ENTRY(OBS_OTHER))),
     CHANGED,
     BUNDLE("searchset", ENTRIES(ENTRY(OBS_OWN) "," ENTRY(OBS_OTHER)))},
    {"total", SEARCH, 200,
     BUNDLE("searchset", ",\"total\":1" ENTRIES(ENTRY(OBS_OWN))), CHANGED,
     BUNDLE("searchset", ENTRIES(ENTRY(OBS_OWN)))},
    {"total alone", SEARCH, 200,
     "{\"total\":1,\"type\":\"searchset\",\"resourceType\":\"Bundle\"}",
     CHANGED, "{\"type\":\"searchset\",\"resourceType\":\"Bundle\"}"},
    {"what a Bundle has", SEARCH, 200,
     BUNDLE("searchset", ",\"id\":\"b\",\"meta\":{},\"timestamp\":\"2024\","
                         "\"link\":[]"),
     SAME, NULL},
    {"what it has not", SEARCH, 200,
     BUNDLE("searchset", ",\"contained\":[" OBS_FOREIGN "],\"signature\":{}"),
     CHANGED, BUNDLE("searchset", "")},
    {"R5 issues", SEARCH, 200, BUNDLE("searchset", ",\"issues\":" OUTCOME),
     SAME, NULL},
    {"R5 issues that hold another", SEARCH, 200,
     BUNDLE("searchset", ",\"issues\":" HOLDING), CHANGED,
     BUNDLE("searchset", "")},
    {"an entry without resource", SEARCH, 200,
     BUNDLE("searchset", ENTRIES("{\"fullUrl\":\"x\"}," ENTRY(OBS_OWN))),
     CHANGED, BUNDLE("searchset", ENTRIES(ENTRY(OBS_OWN)))},
    {"an entry that is none", SEARCH, 200,
     BUNDLE("searchset", ENTRIES("1,[]," ENTRY(OBS_OWN))), CHANGED,
     BUNDLE("searchset", ENTRIES(ENTRY(OBS_OWN)))},
    {"a resource that is none", SEARCH, 200,
     BUNDLE("searchset", ENTRIES(ENTRY("[" OBS_OWN "]"))), CHANGED,
     BUNDLE("searchset", "")},
    {"an entry with more", SEARCH, 200,
     BUNDLE("searchset",
            ENTRIES("{\"resource\":" OBS_OWN ",\"more\":" OBS_FOREIGN "}")),
     CHANGED, BUNDLE("searchset", "")},
    {"an entry with an outcome", SEARCH, 200,
     BUNDLE("searchset",
            ENTRIES("{\"response\":{\"status\":\"200\",\"outcome\":" OUTCOME
                    "},\"resource\":" OBS_OWN "}")),
     SAME, NULL},
    {"an entry with another in its outcome", SEARCH, 200,
     BUNDLE("searchset",
            ENTRIES("{\"response\":{\"status\":\"200\",\"outcome\":" OBS_FOREIGN
                    "},\"resource\":" OBS_OWN "}")),
     CHANGED,
     BUNDLE("searchset", ENTRIES("{\"response\":{\"status\":\"200\"},"
                                 "\"resource\":" OBS_OWN "}"))},
    {"an entry with responses", SEARCH, 200,
     BUNDLE("searchset", ENTRIES("{\"response\":[{\"outcome\":" OBS_FOREIGN
                                 "}],\"resource\":" OBS_OWN "}")),
     CHANGED, BUNDLE("searchset", "")},
    {"an outcome of mode outcome", SEARCH, 200,
     BUNDLE("searchset", ENTRIES(MODE(OUTCOME, "outcome"))), SAME, NULL},
    {"an outcome of mode match", SEARCH, 200,
     BUNDLE("searchset", ENTRIES(MODE(OUTCOME, "match"))), CHANGED,
     BUNDLE("searchset", "")},
    {"no more than outcomes have", SEARCH, 200,
     BUNDLE("searchset",
            ENTRIES(MODE("{\"resourceType\":\"Patient\",\"id\":\"p\"}",
                         "outcome"))),
     CHANGED, BUNDLE("searchset", "")},
    {"an outcome without mode", SEARCH, 200,
     BUNDLE("searchset", ENTRIES(ENTRY(OUTCOME))), CHANGED,
     BUNDLE("searchset", "")},
    {"an outcome that holds another", SEARCH, 200,
     BUNDLE("searchset", ENTRIES(MODE(HOLDING, "outcome"))), CHANGED,
     BUNDLE("searchset", "")},
    {"a resource of mode outcome", SEARCH, 200,
     BUNDLE("searchset", ENTRIES(MODE(OBS_FOREIGN, "outcome"))), CHANGED,
     BUNDLE("searchset", "")},
    {"no entry", SEARCH, 200, BUNDLE("searchset", ""), SAME, NULL},
    {"entry that is no array", SEARCH, 200,
     BUNDLE("searchset", ",\"entry\":" ENTRY(OBS_OWN)), BAD, NULL},
    {"a history", SEARCH, 200, BUNDLE("history", ENTRIES(ENTRY(OBS_OWN))), BAD,
     NULL},
    {"a batch response", SEARCH, 200,
     BUNDLE("batch-response", ENTRIES("{\"response\":{\"status\":\"200\"}}")),
     BAD, NULL},
    {"no type", SEARCH, 200, "{\"resourceType\":\"Bundle\"}", BAD, NULL},
    {"a resource", SEARCH, 200, OBS_OWN, BAD, NULL},
    {"an outcome alone", SEARCH, 200, OUTCOME, SAME, NULL},
    {"an outcome with another", SEARCH, 200, HOLDING, BAD, NULL},
    {"a duplicate", SEARCH, 200, BUNDLE("searchset", ",\"type\":\"history\""),
     BAD, NULL},
    {"a duplicate in an entry", SEARCH, 200,
     BUNDLE("searchset",
            ENTRIES("{\"resource\":" OBS_OWN ",\"resource\":" OBS_OWN "}")),
     BAD, NULL},
    {"a duplicate in what goes", SEARCH, 200,
     BUNDLE("searchset", ENTRIES(ENTRY("{\"a\":1,\"a\":1}"))), BAD, NULL},
    {"cut off", SEARCH, 200,
     "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[" ENTRY(
         OBS_OWN),
     BAD, NULL},
    {"more behind", SEARCH, 200, BUNDLE("searchset", "") ",", BAD, NULL},
    {"a page", PAGE, 200, BUNDLE("searchset", ENTRIES(ENTRY(OBS_OWN))), SAME,
     NULL},
    {"a page of a history", PAGE, 200,
     BUNDLE("history", ENTRIES(ENTRY(OBS_FOREIGN) "," ENTRY(OBS_OTHER))),
     CHANGED, BUNDLE("history", ENTRIES(ENTRY(OBS_OTHER)))},
    {"a page of a collection", PAGE, 200, BUNDLE("collection", ""), BAD, NULL},
};

static const row_t history_rows[] = {
    {"own", HISTORY, 200, BUNDLE("history", ENTRIES(ENTRY(OBS_OWN))), SAME,
     NULL},
    {"one version foreign", HISTORY, 200,
     BUNDLE("history", ENTRIES(ENTRY(OBS_OWN) "," ENTRY(OBS_FOREIGN))), CHANGED,
     BUNDLE("history", ENTRIES(ENTRY(OBS_OWN)))},
    {"all foreign", HISTORY, 200,
     BUNDLE("history", ENTRIES(ENTRY(OBS_FOREIGN))), NOT_FOUND, NULL},
    {"deleted", HISTORY, 200,
     BUNDLE("history",
            ENTRIES("{\"request\":{\"method\":\"DELETE\"}}," ENTRY(OBS_OWN))),
     CHANGED, BUNDLE("history", ENTRIES(ENTRY(OBS_OWN)))},
    {"deleted alone", HISTORY, 200,
     BUNDLE("history", ENTRIES("{\"request\":{\"method\":\"DELETE\"}}")),
     NOT_FOUND, NULL},
    {"empty", HISTORY, 200, BUNDLE("history", ""), NOT_FOUND, NULL},
    {"of another id", HISTORY, 200,
     BUNDLE("history", ENTRIES(ENTRY(OBS_OTHER))), NOT_FOUND, NULL},
    {"of a type", TYPES, 200,
     BUNDLE("history", ENTRIES(ENTRY(OBS_OWN) "," ENTRY(OBS_OTHER))), SAME,
     NULL},
    {"of a type, with another", TYPES, 200,
     BUNDLE("history", ENTRIES(ENTRY(OBS_OWN) "," ENTRY(COND_OWN))), CHANGED,
     BUNDLE("history", ENTRIES(ENTRY(OBS_OWN)))},
    {"an outcome", HISTORY, 200,
     BUNDLE("history", ENTRIES(MODE(OUTCOME, "outcome"))), NOT_FOUND, NULL},
    {"a searchset", HISTORY, 200, BUNDLE("searchset", ENTRIES(ENTRY(OBS_OWN))),
     BAD, NULL},
    {"total", HISTORY, 200,
     BUNDLE("history", ",\"total\":7" ENTRIES(ENTRY(OBS_OWN))), CHANGED,
     BUNDLE("history", ENTRIES(ENTRY(OBS_OWN)))},
};

static const row_t operation_rows[] = {
    {"a collection", OPERATE, 200,
     BUNDLE("collection", ENTRIES(ENTRY(OBS_OWN) "," ENTRY(OBS_FOREIGN))),
     CHANGED, BUNDLE("collection", ENTRIES(ENTRY(OBS_OWN)))},
    {"a searchset", OPERATE, 200, BUNDLE("searchset", ENTRIES(ENTRY(OBS_OWN))),
     SAME, NULL},
    {"a history", OPERATE, 200, BUNDLE("history", ENTRIES(ENTRY(OBS_OWN))),
     SAME, NULL},
    {"a document", OPERATE, 200, BUNDLE("document", ENTRIES(ENTRY(OBS_OWN))),
     SAME, NULL},
    {"a message", OPERATE, 200, BUNDLE("message", ENTRIES(ENTRY(OBS_OWN))), BAD,
     NULL},
    {"own", OPERATE, 200, OBS_OWN, SAME, NULL},
    {"foreign", OPERATE, 200, OBS_FOREIGN, NOT_FOUND, NULL},
    {"an outcome", OPERATE, 200, OUTCOME, SAME, NULL},
    {"an outcome that holds another", OPERATE, 200, HOLDING, NOT_FOUND, NULL},
    {"Parameters", OPERATE, 200,
     "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"x\","
     "\"resource\":" OBS_FOREIGN "}]}",
     NOT_FOUND, NULL},
    {"a batch response", OPERATE, 200, BUNDLE("batch-response", ""), BAD, NULL},
    {"202", OPERATE, 202, "", BAD, NULL},
};

static void test_lists(void **state)
{
    RUN(list_rows);
}

static void test_histories(void **state)
{
    RUN(history_rows);
}

static void test_history_of_all(void **state)
{
    static const row_t row = {
        "history of all",
        SMART_INTERACTION_HISTORY_SYSTEM,
        200,
        BUNDLE("history", ENTRIES(ENTRY(OBS_OWN) "," ENTRY(COND_OWN))),
        SAME,
        NULL};
    smart_plan_t plan = plan_of(row.kind);

    plan.type = SMART_TYPE_NONE;
    plan.id = smart_slice("");
    assert_row("patient/*.rs", &plan, &row);
}

static void test_operations(void **state)
{
    RUN(operation_rows);
}

/* ---- random Bundles ---- */

static unsigned long long seed = 20240608;

static unsigned random_to(unsigned n)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(seed >> 33) % n;
}

/* A resource of some type about some patient, by some member. */
static const char *random_resource(int n)
{
    static const char *const types[] = {
        "Observation",        "Condition", "Patient",
        "Organization",       "Encounter", "Basic",
        "AllergyIntolerance", "Foo"};
    static const char *const members[] = {"subject",  "patient", "performer",
                                          "recorder", "author",  "focus",
                                          "asserter"};
    static const char *const categories[] = {"laboratory", "vital-signs",
                                             "survey"};
    const char *who = apr_psprintf(pool, "Patient/pat-%u", 1 + random_to(2));

    return apr_psprintf(
        pool,
        "{\"resourceType\":\"%s\",\"text\":{\"div\":\"<div>%d</div>\"},"
        "\"meta\":{\"tag\":[{\"code\":\"%s\"}]},\"id\":\"%s%d\",\"%s\":%s"
        "{\"reference\":\"%s\"}%s,\"category\":[{\"coding\":[{\"code\":"
        "\"%s\"}]}],\"value\":%u.%u0}",
        types[random_to(8)], n, random_to(2) ? "a" : "b",
        random_to(4) ? "n-" : "pat-", random_to(4) ? n : 1,
        members[random_to(7)], random_to(2) ? "[" : "", who, "",
        categories[random_to(3)], random_to(9), random_to(9));
}

/* With the array closed where random_resource has opened one. */
static const char *closed(const char *resource)
{
    const char *open = strstr(resource, "\":[{\"reference\"");
    const char *end;

    if (!open) {
        return resource;
    }
    end = strstr(open, "\"}") + 2;
    return apr_pstrcat(pool, apr_pstrmemdup(pool, resource, end - resource),
                       "]", end, NULL);
}

static void test_random(void **state)
{
    static const char *const scopes[] = {
        "patient/Observation.rs",
        "patient/*.rs",
        "user/Condition.rs",
        "patient/Observation.rs?category=laboratory patient/Patient.rs",
        "patient/*.s?_tag=a user/Organization.rs",
        "patient/Condition.rs?_id=n-3 patient/AllergyIntolerance.rs",
        "system/Encounter.s?_tag=b patient/Basic.s",
        "user/*.rs"};
    int kept = 0;
    int dropped = 0;
    int round;

    for (round = 0; round < 4000; round++) {
        apr_pool_t *all = pool;
        const ask_t ask = {.scopes = scopes[random_to(8)], .patient = "pat-1"};
        const unsigned count = random_to(8);
        const char *text = "";
        const char *want = "";
        smart_plan_t plan = plan_of(SEARCH);
        smart_slice_t out;
        smart_grant_t grant;
        smart_coverage_t c = {
            .bases = {.version = SMART_FHIR_R4, .urls = backends}};
        unsigned n;

        apr_pool_create(&pool, all);
        grant = ask_grant(SMART_FHIR_R4, &ask);
        c.policy = ask_policy_default();
        c.grant = &grant;
        for (n = 0; n < count; n++) {
            const char *resource = closed(random_resource((int)n));
            const char *why;
            const smart_json_t *json;
            const char *entry =
                apr_psprintf(pool, "{\"resource\": %s}", resource);

            assert_int_equal(
                smart_json_read(smart_slice(resource), pool, &json, &why),
                SMART_JSON_READ);
            text = apr_pstrcat(pool, text, n ? "," : "", entry, NULL);
            if (smart_coverage_read(&c, SMART_LETTER_S, json, pool)) {
                want = apr_pstrcat(pool, want, *want ? "," : "", entry, NULL);
                kept++;
            }
            else {
                dropped++;
            }
        }
        text = apr_psprintf(pool, BUNDLE("searchset", ENTRIES("%s")), text);
        want =
            *want ? apr_psprintf(pool, BUNDLE("searchset", ENTRIES("%s")), want)
                  : BUNDLE("searchset", "");
        assert_true(inspect(ask.scopes, &plan, 200, text, &out) >= SAME);
        if (strcmp(out.ptr, want) != 0) {
            fail_msg("%s: %s\n%s\ninstead of\n%s", ask.scopes, text, out.ptr,
                     want);
        }
        apr_pool_destroy(pool);
        pool = all;
    }
    assert_true(kept > 1000 && dropped > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_histories),
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_history_of_all),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, prepare, finish);
}
