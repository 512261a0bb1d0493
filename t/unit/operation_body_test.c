/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operation_body_test.c: Parameters permit what a URL would, and no more.
 */
#include "ask.h"

#include <apr_general.h>
#include <apr_tables.h>

#include "core/operation_body.h"

#define EXPORT     "POST /Patient/$export"
#define EVERYTHING "POST /Patient/pat-1/$everything"
#define ONE(text)  "{\"resourceType\":\"Parameters\",\"parameter\":[" text "]}"
#define TYPE(text) ONE("{\"name\":\"_type\",\"valueString\":\"" text "\"}")

static smart_decision_t decide(const ask_t *ask, const char *text,
                               const smart_json_t **pnew)
{
    smart_grant_t grant = ask_grant(SMART_FHIR_R4, ask);
    smart_interaction_t i = ask_interaction(SMART_FHIR_R4, ask);
    const smart_json_t *body;
    const char *why;

    assert_int_equal(smart_json_read(smart_slice(text), pool, &body, &why),
                     SMART_JSON_READ);
    return smart_operation_body(&ask_policy, &grant, &i, body, pool, pnew);
}

typedef struct body_t {
    const char *what;
    ask_t ask;
    const char *yes;
    unsigned owed; /* after the body was judged */
    const char *no;
    smart_reason_e reason;
} body_t;

#define EXPORTS(what, yes, no, reason)                                         \
    {                                                                          \
        what, BY("system/Patient.rs", EXPORT), yes, 0, no, reason              \
    }
#define SHOWS(what, yes, no, reason)                                           \
    {                                                                          \
        what, OF("patient/*.rs", EVERYTHING), yes, INSPECT, no, reason         \
    }

static const body_t bodies[] = {
    EXPORTS("a type", TYPE("Patient"), TYPE("Observation"),
            SMART_REASON_NO_SCOPE),
    EXPORTS("a list of types", TYPE("Patient,Patient"),
            TYPE("Patient,Observation"), SMART_REASON_NO_SCOPE),
    EXPORTS("no type", ONE(""), TYPE(""), SMART_REASON_NO_SCOPE),
    EXPORTS("an unknown type", TYPE("Patient"), TYPE("Foo"),
            SMART_REASON_INTERACTION),
    EXPORTS("twice", TYPE("Patient"),
            ONE("{\"name\":\"_type\",\"valueString\":\"Patient\"},"
                "{\"name\":\"_type\",\"valueString\":\"Group\"}"),
            SMART_REASON_NO_SCOPE),
    EXPORTS("a filter",
            ONE("{\"name\":\"_typeFilter\",\"valueString\":\"Patient?a=b\"}"),
            ONE("{\"name\":\"_typeFilter\",\"valueString\":\"Group?a=b\"}"),
            SMART_REASON_NO_SCOPE),
    EXPORTS("a parameter",
            ONE("{\"name\":\"_since\",\"valueInstant\":\"2024-01-01\"}"),
            ONE("{\"name\":\"includeAssociatedData\",\"valueCode\":\"x\"}"),
            SMART_REASON_CONSTRUCT),
    EXPORTS("the case of a name", TYPE("Patient"),
            ONE("{\"name\":\"_Type\",\"valueString\":\"Patient\"}"),
            SMART_REASON_CONSTRUCT),
    SHOWS("everything", ONE("{\"name\":\"_count\",\"valueInteger\":10}"),
          ONE("{\"name\":\"_include\",\"valueString\":\"*\"}"),
          SMART_REASON_CONSTRUCT),
    SHOWS("everything of types", TYPE("Observation"), TYPE("Foo"),
          SMART_REASON_INTERACTION),
    SHOWS("nothing else", "{\"resourceType\":\"Parameters\"}",
          "{\"resourceType\":\"Parameters\",\"id\":\"a\"}", SMART_REASON_BODY),
    SHOWS("no list of another name", "{\"resourceType\":\"Parameters\"}",
          "{\"resourceType\":\"Parameters\",\"contained\":[]}",
          SMART_REASON_BODY),
    SHOWS("Parameters", "{\"resourceType\":\"Parameters\"}",
          "{\"resourceType\":\"Patient\"}", SMART_REASON_BODY),
    SHOWS("a name", "{\"resourceType\":\"Parameters\"}", "{}",
          SMART_REASON_BODY),
    SHOWS("an object", "{\"resourceType\":\"Parameters\"}", "[]",
          SMART_REASON_BODY),
    SHOWS("a list", ONE(""),
          "{\"resourceType\":\"Parameters\",\"parameter\":{}}",
          SMART_REASON_BODY),
    SHOWS("a value", ONE("{\"name\":\"_count\",\"valueInteger\":1}"),
          ONE("{\"name\":\"_count\"}"), SMART_REASON_BODY),
    SHOWS("one value", ONE("{\"name\":\"_count\",\"valueInteger\":1}"),
          ONE("{\"name\":\"_count\",\"valueInteger\":1,\"valueString\":\"1\"}"),
          SMART_REASON_BODY),
    SHOWS("a whole number", ONE("{\"name\":\"_count\",\"valueInteger\":1}"),
          ONE("{\"name\":\"_count\",\"valueDecimal\":1.5}"), SMART_REASON_BODY),
    SHOWS("no resource", ONE("{\"name\":\"start\",\"valueDate\":\"2024\"}"),
          ONE("{\"name\":\"start\",\"resource\":{}}"), SMART_REASON_BODY),
    SHOWS("no parts", ONE("{\"name\":\"start\",\"valueDate\":\"2024\"}"),
          ONE("{\"name\":\"start\",\"part\":[]}"), SMART_REASON_BODY),
    SHOWS("no extension", ONE("{\"name\":\"start\",\"valueDate\":\"2024\"}"),
          ONE("{\"name\":\"start\",\"valueDate\":\"2024\",\"extension\":[]}"),
          SMART_REASON_BODY),
    SHOWS("text", ONE("{\"name\":\"start\",\"valueDate\":\"2024\"}"),
          ONE("{\"name\":\"start\",\"valueDate\":\"20\\n24\"}"),
          SMART_REASON_BODY),
    SHOWS("names as a URL has them",
          ONE("{\"name\":\"start\",\"valueDate\":\"2024\"}"),
          ONE("{\"name\":\"\",\"valueDate\":\"2024\"}"), SMART_REASON_BODY),
    SHOWS("no reference", ONE("{\"name\":\"start\",\"valueDate\":\"2024\"}"),
          ONE("{\"name\":\"start\",\"valueReference\":"
              "{\"reference\":\"Patient/2\"}}"),
          SMART_REASON_BODY),
    SHOWS("no extension before it",
          ONE("{\"name\":\"start\",\"valueDate\":\"2024\"}"),
          ONE("{\"name\":\"start\",\"extension\":[],\"valueDate\":\"2024\"}"),
          SMART_REASON_BODY),
    SHOWS("a name that is a text",
          ONE("{\"name\":\"start\",\"valueDate\":\"2024\"}"),
          ONE("{\"name\":1,\"valueDate\":\"2024\"}"), SMART_REASON_BODY),
    SHOWS("a name at all", ONE("{\"name\":\"start\",\"valueDate\":\"2024\"}"),
          ONE("{\"valueDate\":\"2024\"}"), SMART_REASON_BODY),
    SHOWS("true", ONE("{\"name\":\"_pretty\",\"valueBoolean\":true}"),
          ONE("{\"name\":\"_pretty\",\"valueBoolean\":null}"),
          SMART_REASON_BODY),
    SHOWS("false", ONE("{\"name\":\"_pretty\",\"valueBoolean\":false}"),
          ONE("{\"name\":\"_pretty\",\"valueBoolean\":[]}"), SMART_REASON_BODY),
};

static void a_body_permits_what_a_url_would(void **state)
{
    const smart_json_t *new_body;
    size_t n;

    for (n = 0; n < sizeof(bodies) / sizeof(bodies[0]); n++) {
        const body_t *b = &bodies[n];
        smart_decision_t first = ask_by(&ask_policy, &b->ask);
        smart_decision_t d = decide(&b->ask, b->yes, &new_body);

        assert_true(first.permit && (first.obligations & BODY));
        if (!d.permit || d.obligations != b->owed) {
            fail_msg("%s: %s, owes %u", b->what,
                     smart_reason_row(d.reason)->name, d.obligations);
        }
        d = decide(&b->ask, b->no, &new_body);
        if (d.permit || d.reason != b->reason) {
            fail_msg("%s: %s", b->what, smart_reason_row(d.reason)->name);
        }
        assert_null(new_body);
    }
}

static void url_and_body_are_judged_together(void **state)
{
    const ask_t ask = BY("system/Patient.rs", EXPORT "?_type=Patient");
    const smart_json_t *new_body;

    assert_true(decide(&ask, ONE(""), &new_body).permit);
    assert_null(new_body); /* it is named */
    assert_false(decide(&ask, TYPE("Group"), &new_body).permit);
}

static void an_export_is_told_its_types_in_the_body(void **state)
{
    static const struct {
        const char *before;
        const char *after;
    } rows[] = {
        {"{\"resourceType\":\"Parameters\"}", TYPE("Condition,Patient")},
        {ONE(""), TYPE("Condition,Patient")},
        {ONE("{\"name\":\"_since\",\"valueInstant\":\"2024\"}"),
         ONE("{\"name\":\"_since\",\"valueInstant\":\"2024\"},"
             "{\"name\":\"_type\",\"valueString\":\"Condition,Patient\"}")},
    };
    const ask_t ask = BY("system/Patient.rs system/Condition.rs", EXPORT);
    const smart_json_t *new_body;
    smart_decision_t d;
    smart_slice_t text;
    size_t n;

    for (n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        d = decide(&ask, rows[n].before, &new_body);
        assert_true(d.permit);
        assert_null(d.query); /* the URL stays as it is */
        assert_true(smart_json_write(new_body, pool, &text));
        assert_string_equal(text.ptr, rows[n].after);
    }
}

/* As many as a query may have, and with the type that is filled in. */
static void there_are_not_too_many_parameters(void **state)
{
    static const struct {
        unsigned count;
        smart_reason_e reason;
    } rows[] = {
        {SMART_MAX_PARAMS - 1, SMART_REASON_UNDECIDED},
        {SMART_MAX_PARAMS, SMART_REASON_INTERNAL},
        {SMART_MAX_PARAMS + 1, SMART_REASON_BODY},
    };
    const ask_t ask = BY("system/Patient.rs", EXPORT);
    const smart_json_t *new_body;
    size_t n;

    for (n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        apr_array_header_t *list =
            apr_array_make(pool, 512, sizeof(const char *));
        smart_decision_t d;
        while ((unsigned)list->nelts < rows[n].count) {
            APR_ARRAY_PUSH(list, const char *) =
                "{\"name\":\"_since\",\"valueInstant\":\"2024\"}";
        }
        d = decide(
            &ask,
            apr_psprintf(pool, ONE("%s"), apr_array_pstrcat(pool, list, ',')),
            &new_body);
        assert_int_equal(d.reason, rows[n].reason);
        assert_int_equal(d.permit, rows[n].reason == SMART_REASON_UNDECIDED);
    }
}

static void only_operations_are_judged(void **state)
{
    const ask_t ask = BY("system/*.cruds", "POST /Observation");
    const smart_json_t *new_body;

    assert_int_equal(decide(&ask, ONE(""), &new_body).reason,
                     SMART_REASON_BODY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_permits_what_a_url_would),
        cmocka_unit_test(url_and_body_are_judged_together),
        cmocka_unit_test(an_export_is_told_its_types_in_the_body),
        cmocka_unit_test(there_are_not_too_many_parameters),
        cmocka_unit_test(only_operations_are_judged),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests_name("operation_body", tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
