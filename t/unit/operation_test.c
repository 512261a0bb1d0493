/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operation_test.c: the operations that are known without a rule, and what a
 * rule leaves of them.
 */
#include "ask.h"

#include <apr_general.h>

#include "core/operation.h"

#define CONSTRUCT SMART_REASON_CONSTRUCT
#define FOREIGN   SMART_REASON_FOREIGN
#define NO_SCOPE  SMART_REASON_NO_SCOPE
#define OPERATION SMART_REASON_OPERATION

#define PLAIN(what, s, yes, owed, no, reason)                                  \
    {                                                                          \
        what, BY(s, yes), owed, BY(s, no), reason                              \
    }
#define HELD(what, s, yes, owed, no, reason)                                   \
    {                                                                          \
        what, OF(s, yes), owed, OF(s, no), reason                              \
    }

static const twin_t everything[] = {
    {"needs r", BY("user/Patient.r", "GET /Patient/p/$everything"), INSPECT,
     BY("user/Patient.s", "GET /Patient/p/$everything"), NO_SCOPE},
    {"by all types", BY("user/*.rs", "GET /Patient/p/$everything?foo=1"), 0,
     BY("user/*.r", "GET /Patient/p/$everything?foo=1"), CONSTRUCT},
    PLAIN("by POST", "user/*.rs", "POST /Patient/p/$everything", 0,
          "POST /Encounter/p/$everything", OPERATION),
    PLAIN("POST, inspected", "user/Patient.rs", "POST /Patient/p/$everything",
          INSPECT | BODY, "POST /Group/p/$everything", OPERATION),
    HELD("own", "patient/Patient.r", "GET /Patient/pat-1/$everything", INSPECT,
         "GET /Patient/pat-2/$everything", FOREIGN),
    HELD("own, constrained", "patient/Patient.r?gender=male",
         "GET /Patient/pat-1/$everything", INSPECT,
         "GET /Patient/pat-2/$everything", FOREIGN),
    HELD("own, by all types of the patient", "patient/*.rs",
         "GET /Patient/pat-1/$everything", INSPECT, "GET /Patient/$everything",
         CONSTRUCT),
    {"of all Patients", BY("user/*.rs", "GET /Patient/$everything"), 0,
     BY("user/*.r user/Patient.rs", "GET /Patient/$everything"), NO_SCOPE},
    PLAIN("at system level", "system/*.rs", "GET /Patient/$everything", 0,
          "GET /$everything", OPERATION),
    HELD("parameters", "patient/*.rs",
         "GET /Patient/pat-1/$everything?_since=1&_count=2&start=3&end=4"
         "&_format=a&_pretty=b&_summary=c&_elements=d",
         INSPECT, "GET /Patient/pat-1/$everything?_filter=4", CONSTRUCT),
    {"type named",
     OF("patient/Patient.r patient/Condition.r",
        "GET /Patient/pat-1/$everything?_type=Patient,Condition"),
     INSPECT,
     OF("patient/Patient.r patient/Condition.s",
        "GET /Patient/pat-1/$everything?_type=Patient,Condition"),
     NO_SCOPE},
    {"type named, by another context",
     OF("patient/Patient.r user/Condition.r",
        "GET /Patient/pat-1/$everything?_type=Condition"),
     INSPECT,
     OF("patient/Patient.r", "GET /Patient/pat-1/$everything?_type=Condition"),
     NO_SCOPE},
    {"type named, by a constrained scope",
     OF("patient/Patient.r patient/Observation.r" LAB,
        "GET /Patient/pat-1/$everything?_type=Observation"),
     INSPECT,
     OF("patient/Patient.r patient/Observation.s" LAB,
        "GET /Patient/pat-1/$everything?_type=Observation"),
     NO_SCOPE},
    {"type named, by a part that is of no use",
     BY("system/Patient.r system/Condition.r",
        "GET /Patient/p/$everything?_type=Condition"),
     INSPECT,
     BY("system/Patient.r patient/Condition.r",
        "GET /Patient/p/$everything?_type=Condition"),
     NO_SCOPE},
    HELD("unknown type named", "patient/*.r",
         "GET /Patient/pat-1/$everything?_type=Condition", INSPECT,
         "GET /Patient/pat-1/$everything?_type=Foo", SMART_REASON_INTERACTION),
    HELD("counted", "patient/*.r", "GET /Patient/pat-1/$everything", INSPECT,
         "GET /Patient/pat-1/$everything?_summary=count", CONSTRUCT),
    {"async",
     BY_WITH("user/*.rs", "GET /Patient/p/$everything",
             "Prefer: respond-async"),
     0,
     BY_WITH("user/Patient.rs", "GET /Patient/p/$everything",
             "Prefer: respond-async"),
     SMART_REASON_ASYNC},
};

static void everything_of_a_patient(void **state)
{
    ASSERT_TWINS(&ask_policy, everything);
}

#define LASTN "/Observation/$lastn"

static const twin_t lastn[] = {
    {"needs s", BY("user/Observation.s", "GET " LASTN "?max=2"), 0,
     BY("user/Observation.r", "GET " LASTN "?max=2"), NO_SCOPE},
    PLAIN("level", "user/*.rs", "GET " LASTN, 0, "GET /Observation/1/$lastn",
          OPERATION),
    PLAIN("type", "user/*.rs", "GET " LASTN, 0, "GET /Condition/$lastn",
          OPERATION),
    PLAIN("chain", "user/Observation.s", "GET " LASTN "?code=1", 0,
          "GET " LASTN "?patient.name=1", CONSTRUCT),
    {"POST", BY("user/Observation.s", "POST " LASTN), BODY,
     BY("user/Observation.r", "POST " LASTN), NO_SCOPE},
    {"POST by all types", BY("user/*.s", "POST " LASTN), 0,
     BY("user/*.s?_tag=a", "POST " LASTN), CONSTRUCT},
    HELD("restricted", "patient/Observation.s",
         "GET " LASTN "?patient=Patient/pat-1&max=2&category=a",
         NARROW | INSPECT, "GET " LASTN "?patient=&max=2&category=a",
         SMART_REASON_EMPTY_VALUE),
    HELD("restricted, POST", "patient/Observation.s", "GET " LASTN,
         NARROW | INSPECT, "POST " LASTN, CONSTRUCT),
    HELD("restricted, parameters", "patient/Observation.s",
         "GET " LASTN "?max=1", NARROW | INSPECT, "GET " LASTN "?min=1",
         CONSTRUCT),
};

static void lastn_is_a_search(void **state)
{
    ASSERT_TWINS(&ask_policy, lastn);
}

#define PE "GET /Patient/$export"

static const twin_t export[] = {
    {"all types", BY("system/*.rs", "GET /$export"), 0,
     BY("user/*.rs", "GET /$export"), NO_SCOPE},
    {"all types of a patient", OF("system/*.rs", "GET /$export"), 0,
     OF("patient/*.rs", "GET /$export"), NO_SCOPE},
    {"r and s", BY("system/Patient.rs", PE), 0, BY("system/Patient.r", PE),
     NO_SCOPE},
    {"s and r", BY("system/Patient.rs", PE), 0, BY("system/Patient.s", PE),
     NO_SCOPE},
    {"r and s of the same type", BY("system/Patient.r system/Patient.s", PE), 0,
     BY("system/Patient.r system/Group.s", PE), NO_SCOPE},
    {"constrained", BY("system/Observation.rs", PE "?_type=Observation"), 0,
     BY("system/Observation.rs" LAB, PE "?_type=Observation"), NO_SCOPE},
    {"constrained beside another",
     BY("system/Patient.rs system/Observation.rs",
        PE "?_type=Patient,Observation"),
     0,
     BY("system/Patient.rs system/Observation.rs" LAB,
        PE "?_type=Patient,Observation"),
     NO_SCOPE},
    PLAIN("types named", "system/Patient.rs system/Group.rs",
          PE "?_type=Patient&_type=Group", 0, PE "?_type=Patient,Observation",
          NO_SCOPE),
    PLAIN("types named more than once", "system/Patient.rs",
          PE "?_type=Patient&_type=Patient", 0,
          PE "?_type=Patient&_type=Observation", NO_SCOPE),
    PLAIN("unknown type", "system/Patient.rs", PE "?_type=Patient", 0,
          PE "?_type=Foo", SMART_REASON_INTERACTION),
    PLAIN("no type", "system/Patient.rs", PE, 0, PE "?_type=", NO_SCOPE),
    PLAIN("a modifier", "system/Patient.rs", PE "?_type=Patient", 0,
          PE "?_type:not=Patient", CONSTRUCT),
    {"no type by all types", BY("system/*.rs", PE "?_type="), 0,
     BY("system/Patient.rs", PE "?_type="), NO_SCOPE},
    PLAIN("parameters", "system/Patient.rs",
          PE "?_since=1&_until=2&_outputFormat=a&_elements=id&_format=b"
             "&_pretty=c&organizeOutputBy=d&allowPartialManifests=true",
          0, PE "?includeAssociatedData=LatestProvenanceResources", CONSTRUCT),
    {"parameters by all types", BY("system/*.rs", PE "?patient=x"), 0,
     BY("system/Patient.rs", PE "?patient=x"), CONSTRUCT},
    PLAIN("of a Group", "system/Patient.rs", "GET /Group/1/$export", 0,
          "GET /Group/$export", OPERATION),
    PLAIN("of a Patient", "system/Patient.rs", PE, 0, "GET /Patient/1/$export",
          OPERATION),
    PLAIN("of another type", "system/*.rs", PE, 0, "GET /Observation/$export",
          OPERATION),
    {"POST", BY("system/*.rs", "POST /$export"), 0,
     BY("system/*.r", "POST /$export"), NO_SCOPE},
    PLAIN("POST, types in the body", "system/Patient.rs",
          "POST /Patient/$export", BODY,
          "POST /Patient/$export?_type=Condition", NO_SCOPE),
    {"async", BY_WITH("system/Patient.rs", PE, "Prefer: respond-async"), 0,
     BY_WITH("user/Patient.rs", PE, "Prefer: respond-async"), NO_SCOPE},
    /* filters */
    PLAIN("filter", "system/Patient.rs",
          PE "?_type=Patient&_typeFilter=Patient%3Fgender%3Dmale", 0,
          PE "?_type=Patient&_typeFilter=Observation%3Fcode%3Da", NO_SCOPE),
    PLAIN("filters", "system/Patient.rs system/Condition.rs",
          PE "?_typeFilter=Patient%3Fgender%3Dmale,female,Condition%3Fcode%3Da",
          0,
          PE "?_typeFilter=Patient%3Fgender%3Dmale,female,Observation%3Fcode"
             "%3Da",
          NO_SCOPE),
    PLAIN("more than one", "system/Patient.rs",
          PE "?_typeFilter=Patient%3Fa%3Db&_typeFilter=Patient%3Fc%3Dd", 0,
          PE "?_typeFilter=Patient%3Fa%3Db&_typeFilter=Group%3Fc%3Dd",
          NO_SCOPE),
    PLAIN("one of two filters", "system/Patient.rs",
          PE "?_typeFilter=Patient%3Fa%3Db,Patient%3Fa%3Db", 0,
          PE "?_typeFilter=Group%3Fa%3Db,Patient%3Fa%3Db", NO_SCOPE),
    PLAIN("filter, chain", "system/Patient.rs",
          PE "?_typeFilter=Patient%3Forganization%3Da", 0,
          PE "?_typeFilter=Patient%3Forganization.name%3Da", CONSTRUCT),
    PLAIN("filter, chain after a list", "system/Patient.rs",
          PE "?_typeFilter=Patient%3Fgender%3Da,b%26name%3Da", 0,
          PE "?_typeFilter=Patient%3Fgender%3Da,b%26organization.name%3Da",
          CONSTRUCT),
    PLAIN("filter, _has", "system/Patient.rs",
          PE "?_typeFilter=Patient%3Fgender%3Da", 0,
          PE "?_typeFilter=Patient%3F_has:Group:member:code%3Da", CONSTRUCT),
    PLAIN("filter, include", "system/Patient.rs",
          PE "?_typeFilter=Patient%3Fgender%3Da", 0,
          PE "?_typeFilter=Patient%3F_include%3DPatient:organization",
          CONSTRUCT),
    PLAIN("filter without type", "system/Patient.rs",
          PE "?_typeFilter=Patient%3Fgender%3Da", 0,
          PE "?_typeFilter=gender%3Da", CONSTRUCT),
    PLAIN("filter of nothing", "system/Patient.rs",
          PE "?_typeFilter=Patient%3F", 0, PE "?_typeFilter=", CONSTRUCT),
    PLAIN("filter of an unknown type", "system/Patient.rs",
          PE "?_typeFilter=Patient%3Fa%3Db", 0,
          PE "?_typeFilter=Patient%3Fa%3Db,Foo%3Fa%3Db", CONSTRUCT),
    PLAIN("a mark in a value", "system/Patient.rs",
          PE "?_typeFilter=Patient%3Fa%3Db?c", 0,
          PE "?_typeFilter=Patient%3Fa%3Db,c?d", CONSTRUCT),
    PLAIN("malformed filter", "system/Patient.rs",
          PE "?_typeFilter=Patient%3Fa%3Db", 0,
          PE "?_typeFilter=Patient%3Fa%3Db%3Bc", CONSTRUCT),
    {"filter by all types", BY("system/*.rs", PE "?_typeFilter=foo"), 0,
     BY("system/Patient.rs", PE "?_typeFilter=foo"), CONSTRUCT},
};

static void export_is_of_what_system_scopes_cover(void **state)
{
    ASSERT_TWINS(&ask_policy, export);
}

static void export_is_told_what_to_export(void **state)
{
    static const struct {
        ask_t ask;
        const char *query;
    } rows[] = {
        {BY("system/Patient.rs system/Condition.rs system/Group.r", PE),
         "_type=Condition,Patient"},
        {BY("system/Condition.s system/Patient.rs system/*.r", PE "?_since=1"),
         "_since=1&_type=Condition,Patient"},
        {BY("system/Patient.rs user/Condition.rs patient/Flag.rs", PE),
         "_type=Patient"},
        {BY("system/Patient.rs system/Condition.rs?_tag=a", PE),
         "_type=Patient"},
        {BY("system/Patient.rs", "GET /$export"), "_type=Patient"},
        {BY("system/Patient.rs", "GET /Group/1/$export"), "_type=Patient"},
        {BY("system/Patient.rs", PE "?_type=Patient"), NULL},
        {BY("system/*.rs", PE), NULL},
        {BY("system/*.r system/*.s", PE), NULL},
    };
    size_t n;

    for (n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        smart_decision_t d = ask_by(&ask_policy, &rows[n].ask);
        assert_true(d.permit);
        if (differs(d.query, rows[n].query)) {
            fail_msg("%s: %s instead of %s", rows[n].ask.scopes, d.query,
                     rows[n].query);
        }
    }
}

static const twin_t terminology[] = {
    {"patient/", OF("patient/ValueSet.r", "GET /ValueSet/1/$expand"), 0,
     OF("patient/ValueSet.s", "GET /ValueSet/1/$expand"), NO_SCOPE},
    {"of no use", OF("patient/ValueSet.r", "GET /ValueSet/$expand"), 0,
     BY("patient/ValueSet.r", "GET /ValueSet/$expand"),
     SMART_REASON_NO_PATIENT},
    {"constrained", OF("patient/ValueSet.r", "GET /ValueSet/$expand"), 0,
     OF("patient/ValueSet.r?_tag=a", "GET /ValueSet/$expand"),
     SMART_REASON_NOT_JUDGED},
    PLAIN("POST", "user/ValueSet.r", "POST /ValueSet/$expand", 0,
          "POST /CodeSystem/$expand", OPERATION),
    PLAIN("lookup", "user/*.r", "GET /CodeSystem/$lookup?a.b=c", 0,
          "GET /ValueSet/$lookup?a.b=c", OPERATION),
    PLAIN("validate-code", "user/*.r", "GET /ValueSet/$validate-code", 0,
          "GET /ConceptMap/$validate-code", OPERATION),
    PLAIN("validate-code of a CodeSystem", "user/*.r",
          "GET /CodeSystem/$validate-code", 0, "GET /CodeSystem/$subsumes",
          OPERATION),
    {"async, restricted", OF("patient/*.r", "GET /ValueSet/$expand"), 0,
     OF_WITH("patient/*.r", "GET /ValueSet/$expand", "Prefer: respond-async"),
     SMART_REASON_ASYNC},
};

static void terminology_is_nobodys_data(void **state)
{
    ASSERT_TWINS(&ask_policy, terminology);
}

/* Some servers answer with a page of any search, whatever the path. */
static void a_page_is_inspected(void **state)
{
    static const ask_t pages[] = {
        BY("user/ValueSet.rs", "GET /ValueSet/$expand?_getpages=x"),
        BY("user/*.r", "GET /ValueSet/1/$expand?_GETPAGES=x"),
        OF("patient/ValueSet.rs", "GET /ValueSet/$expand?ct=x"),
        OF("patient/*.rs", "GET /CodeSystem/$lookup?_page=x"),
        BY("user/Observation.s", "GET /Observation/$lastn?_offset=1"),
    };
    const ask_t all = BY("user/*.rs", "GET /ValueSet/$expand?_getpages=x");
    size_t n;

    for (n = 0; n < sizeof(pages) / sizeof(pages[0]); n++) {
        assert_permits(&ask_policy, pages[n].request, &pages[n], INSPECT);
        assert_int_equal(ask_by(&ask_policy, &pages[n]).shown, SMART_LETTER_S);
    }
    assert_permits(&ask_policy, "all may be seen", &all, 0);
}

static void other_operations_need_a_rule(void **state)
{
    static const char *const requests[] = {
        "POST /$graphql",
        "GET /Patient/pat-1/$graphql",
        "POST /Patient/$match",
        "POST /Patient/$member-match",
        "POST /Patient/$merge",
        "GET /Composition/1/$document",
        "GET /Observation/$stats",
        "GET /$versions",
        "POST /$import",
        "GET /ConceptMap/$translate",
        "GET /$everything",
        "GET /$lastn",
        "GET /$EXPORT",
        "GET /Patient/p/$everythings",
    };
    const ask_t job = BY("system/*.cruds", "GET /$export-poll-status?_jobId=1");
    size_t n;

    for (n = 0; n < sizeof(requests) / sizeof(requests[0]); n++) {
        ask_t ask = OF("system/*.cruds patient/*.cruds", NULL);
        smart_decision_t d;
        ask.request = requests[n];
        d = ask_by(&ask_policy, &ask);
        if (d.permit ||
            (d.reason != OPERATION && d.reason != SMART_REASON_INTERACTION)) {
            fail_msg("%s: %s", requests[n], smart_reason_row(d.reason)->name);
        }
    }
    assert_denies(&ask_policy, "job", &job, SMART_REASON_JOB);
}

/* --- by a rule ----------------------------------------------------------- */

static smart_policy_t with_rule(const char *operations, const char *types,
                                const char *scope)
{
    const char *words[3];
    const smart_rule_t **rules = apr_palloc(pool, sizeof(*rules));
    smart_rule_t *rule = apr_palloc(pool, sizeof(*rule));
    smart_policy_t policy = ask_policy;
    const char *error;

    words[0] = operations;
    words[1] = types;
    words[2] = scope;
    if (!smart_rule_parse(words, 3, pool, rule, &error)) {
        fail_msg("%s", error);
    }
    rules[0] = rule;
    policy.rules = rules;
    policy.rule_count = 1;
    return policy;
}

static void a_rule_permits_an_operation(void **state)
{
    static const twin_t match[] = {
        {"unrestricted", BY("user/Patient.rs", "POST /Patient/$match"), 0,
         BY("user/Patient.r", "POST /Patient/$match"), NO_SCOPE},
        PLAIN("of that name", "user/*.rs", "POST /Patient/$match", 0,
              "POST /Patient/$merge", OPERATION),
        PLAIN("of that type", "user/*.rs", "POST /Patient/$match", 0,
              "POST /Group/$match", OPERATION),
        {"constrained",
         BY("user/Patient.rs?active=true", "POST /Patient/$match"),
         INSPECT | BODY,
         BY("user/Patient.r?active=true", "POST /Patient/$match"), NO_SCOPE},
        {"held to a patient",
         BY_USER("user/Patient.rs", "GET /Patient/pat-1/$match",
                 "Patient/pat-1"),
         INSPECT,
         BY_USER("user/Patient.rs", "GET /Patient/pat-1/$match",
                 "Patient/pat-2"),
         FOREIGN},
        {"another context", OF("user/Patient.rs", "GET /Patient/pat-1/$match"),
         0, OF("patient/Patient.rs", "GET /Patient/pat-1/$match"), NO_SCOPE},
    };
    smart_policy_t policy = with_rule("$match", "Patient", "user/Patient.rs");

    ASSERT_TWINS(&policy, match);
}

static void a_rule_replaces_what_starts_an_export(void **state)
{
    static const twin_t rows[] = {
        {"by user/", BY("user/Patient.rs", PE), 0, BY("system/Patient.rs", PE),
         NO_SCOPE},
        {"files can not be inspected", BY("user/Patient.rs", PE), 0,
         BY("user/Patient.rs?active=true", PE), SMART_REASON_ASYNC},
        PLAIN("types are those covered", "user/Patient.rs", PE "?_type=Patient",
              0, PE "?_type=Condition", NO_SCOPE),
    };
    const ask_t ask = BY("user/Patient.rs user/Condition.rs", PE);
    const ask_t none = BY("user/Patient.rs", PE);
    const ask_t nothing = BY("user/Patient.r", PE);
    smart_policy_t policy = with_rule("$export", "Patient", "user/*.rs");

    ASSERT_TWINS(&policy, rows);
    policy = with_rule("$export", "Patient", "user/*.rs");
    assert_string_equal(ask_by(&policy, &ask).query, "_type=Condition,Patient");
    policy = with_rule("$export", "Patient", "user/Patient.r");
    assert_string_equal(ask_by(&policy, &none).query, "_type=Patient");
    assert_denies(&policy, "nothing to export", &nothing, NO_SCOPE);
}

static void a_rule_lifts_no_inspection(void **state)
{
    static const twin_t all[] = {
        HELD("everything", "patient/*.cruds", "GET /Patient/pat-1/$everything",
             INSPECT, "GET /Patient/pat-2/$everything", FOREIGN),
        HELD("everything of all", "patient/*.cruds",
             "GET /Patient/pat-1/$everything", INSPECT,
             "GET /Patient/$everything", CONSTRUCT),
        HELD("lastn", "patient/*.cruds", "GET " LASTN, NARROW | INSPECT,
             "POST " LASTN, CONSTRUCT),
        HELD("others", "patient/*.cruds", "POST /Observation/$stats",
             INSPECT | BODY, "POST /Observation/$graphql", CONSTRUCT),
        HELD("instance", "patient/*.cruds", "GET /Patient/pat-1/$foo", INSPECT,
             "GET /Patient/pat-2/$foo", FOREIGN),
        HELD("instance of another type", "patient/*.cruds",
             "GET /Observation/o/$foo", INSPECT | PREREAD,
             "GET /Observation/o/$graphql", CONSTRUCT),
        HELD("with a body", "patient/*.cruds", "POST /Observation/o/$foo",
             INSPECT | PREREAD | BODY, "POST /Patient/pat-2/$foo", FOREIGN),
        HELD("own and constrained", "patient/*.r?_tag=a",
             "GET /Patient/pat-1/$foo", INSPECT | PREREAD,
             "GET /Patient/pat-2/$foo", FOREIGN),
        HELD("export", "patient/*.cruds", "GET /Patient/pat-1/$foo", INSPECT,
             PE, SMART_REASON_ASYNC),
        HELD("job", "patient/*.cruds", "GET /$export-poll-status", INSPECT,
             "GET /Patient/pat-2/$export-poll-status", FOREIGN),
    };
    smart_policy_t policy = with_rule("$*", "*", "patient/*.r");
    smart_policy_t graphql = with_rule("$graphql", "*", "user/*.rs");
    static const twin_t system[] = {
        {"graphql", BY("user/*.rs", "POST /$graphql"), 0,
         BY("user/Patient.rs", "POST /$graphql"), NO_SCOPE},
    };

    ASSERT_TWINS(&policy, all);
    graphql = with_rule("$graphql", "*", "user/*.rs");
    ASSERT_TWINS(&graphql, system);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_of_a_patient),
        cmocka_unit_test(lastn_is_a_search),
        cmocka_unit_test(export_is_of_what_system_scopes_cover),
        cmocka_unit_test(export_is_told_what_to_export),
        cmocka_unit_test(terminology_is_nobodys_data),
        cmocka_unit_test(a_page_is_inspected),
        cmocka_unit_test(other_operations_need_a_rule),
        cmocka_unit_test(a_rule_permits_an_operation),
        cmocka_unit_test(a_rule_replaces_what_starts_an_export),
        cmocka_unit_test(a_rule_lifts_no_inspection),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
