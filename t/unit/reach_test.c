/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach_test.c: the types a search looks at, name by name.
 */
#include "ask.h"

#include <apr_general.h>

#include "core/reach.h"

#define EVERYTHING "*"
#define NOTHING    ""

/* "Patient,Group", in the order of the numbers. */
static const char *reached(smart_fhir_e v, const char *type, const char *query)
{
    smart_type_t t = SMART_TYPE_NONE;
    smart_search_t search;
    smart_reach_t reach;
    const char *why, *out = NOTHING;

    if (!smart_search_parse(smart_slice(query), pool, &search, &why)) {
        fail_msg("%s: %s", query, why);
    }
    reach =
        smart_reach_search(v, smart_fhir_type(v, smart_slice(type)), &search);
    if (reach.types.all) {
        return EVERYTHING;
    }
    while ((t = smart_typeset_next(&reach.types, t)) != 0) {
        out = apr_pstrcat(pool, out, *out ? "," : "", smart_fhir_type_name(t),
                          NULL);
    }
    return out;
}

static const struct {
    const char *type;
    const char *query;
    const char *reaches;
} rows[] = {
    /* nothing else */
    {"Observation", "", NOTHING},
    {"Observation", "code=x&subject=Patient/1", NOTHING},
    {"Observation", "subject:Patient=1", NOTHING},
    {"Observation", "subject:identifier=1", NOTHING},
    {"Observation", "code:in=http://a.b/c.d", NOTHING},
    {"Observation", "_sort=-date,code", NOTHING},
    {"Observation", "_list=1&_query=a&_contained=true&foo=1", NOTHING},
    {"Observation", "_include=Observation:subject", NOTHING},
    /* chains */
    {"Observation", "subject:Patient.name=x", "Patient"},
    {"Observation", "patient.name=x", "Patient"},
    {"Observation", "subject.name=x", "Device,Group,Location,Patient"},
    {"Observation", "subject:Patient.organization.name=x",
     "Organization,Patient"},
    {"Observation", "encounter.subject:Patient.name=x", "Encounter,Patient"},
    {"Observation", "patient.general-practitioner:Practitioner.name=x",
     "Patient,Practitioner"},
    {"Observation", "patient:Patient.identifier=1&encounter.status=x",
     "Encounter,Patient"},
    /* that can not be followed */
    {"Observation", "foo.name=x", EVERYTHING},
    {"Observation", "code.name=x", EVERYTHING},
    {"Observation", "focus.name=x", EVERYTHING},
    {"Observation", "subject:Foo.name=x", EVERYTHING},
    {"Observation", "subject:missing.name=x", EVERYTHING},
    {"Observation", "subject.organization.name=x", EVERYTHING},
    {"Observation", "_id.name=x", EVERYTHING},
    {"", "subject:Patient.name=x", "Patient"},
    {"", "patient.name=x", EVERYTHING},
    {"Observation", "has-member.has-member.has-member.code=x", EVERYTHING},
    {"Organization", "partof.partof.partof.partof.name=x", "Organization"},
    {"Organization",
     "partof.partof.partof.partof.partof.partof.partof.partof.name=x",
     "Organization"},
    {"Organization",
     "partof.partof.partof.partof.partof.partof.partof.partof.partof.name=x",
     EVERYTHING},
    /* the other way round */
    {"Patient", "_has:Observation:patient:code=x", "Observation"},
    {"Patient", "_has:Observation:patient:_has:AuditEvent:entity:agent=x",
     "AuditEvent,Observation"},
    {"Patient", "_has:Observation:patient:encounter.status=x",
     "Encounter,Observation"},
    {"Observation", "patient._has:Condition:patient:code=x",
     "Condition,Patient"},
    {"Patient", "_has:Foo:patient:code=x", EVERYTHING},
    {"Patient", "_has:Observation:foo:code=x", EVERYTHING},
    {"Patient", "_has:Observation:code:code=x", EVERYTHING},
    {"Patient", "_has=x", EVERYTHING},
    {"Patient", "_has:Observation=x", EVERYTHING},
    {"Patient", "_HAS:Observation:patient:code=x", EVERYTHING},
    {"", "_has:Observation:patient:code=x", "Observation"},
    /* sorting and filters */
    {"Observation", "_sort=subject:Patient.name", "Patient"},
    {"Observation", "_sort=code,-subject:Patient.name", "Patient"},
    {"Observation", "_sort=-patient.name", "Patient"},
    {"Observation", "_sort=-foo.name", EVERYTHING},
    {"Observation", "_SORT=subject:Patient.name", "Patient"},
    {"Observation", "_filter=code eq x", EVERYTHING},
    {"Observation", "_Filter=x", EVERYTHING},
    {"Observation", "_filter:x=x", EVERYTHING},
    {"Observation", "patient._filter=x", EVERYTHING},
};

static void a_search_reaches_what_its_names_lead_to(void **state)
{
    size_t n;

    for (n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        char *query = apr_pstrdup(pool, rows[n].query), *c;
        const char *got;
        for (c = query; (c = strchr(c, ' ')) != NULL;) {
            *c = '+';
        }
        got = reached(SMART_FHIR_R4, rows[n].type, query);
        if (strcmp(got, rows[n].reaches) != 0) {
            fail_msg("%s?%s reaches \"%s\"", rows[n].type, query, got);
        }
    }
}

static void each_version_has_its_own_links(void **state)
{
    assert_string_equal(
        reached(SMART_FHIR_R4, "Observation", "performer:Patient.name=x"),
        "Patient");
    assert_string_equal(
        reached(SMART_FHIR_R5, "GenomicStudy", "patient.name=x"), "Patient");
    assert_string_equal(
        reached(SMART_FHIR_R4, "GenomicStudy", "patient.name=x"), EVERYTHING);
    assert_string_equal(
        reached(SMART_FHIR_NONE, "Observation", "subject:Patient.name=x"),
        EVERYTHING);
}

static bool includes(const char *query)
{
    smart_search_t search;
    const char *why;

    assert_true(smart_search_parse(smart_slice(query), pool, &search, &why));
    return smart_reach_search(SMART_FHIR_R4, SMART_FHIR_OBSERVATION, &search)
        .includes;
}

static void includes_are_seen_in_every_spelling(void **state)
{
    assert_true(includes("_include=Observation:subject"));
    assert_true(includes("_include:iterate=Observation:subject"));
    assert_true(includes("code=x&_revinclude=*"));
    assert_true(includes("_revinclude:recurse=*"));
    assert_true(includes("_INCLUDE=*"));
    assert_true(includes("%5Finclu%64e=*"));
    assert_true(includes("_include"));
    assert_true(includes("_filter=x&_include=*"));
    assert_false(includes("_included=x&include=y&code=_include"));
}

/* A container, or what a named query finds, may be of any type. */
static void so_is_what_returns_other_types_without_a_name(void **state)
{
    assert_true(includes("_contained=true"));
    assert_true(includes("_contained=both&_containedType=container"));
    assert_true(includes("_CONTAINED=true"));
    assert_true(includes("_containedType=container"));
    assert_true(includes("_query=all"));
    assert_true(includes("code=x&_Query=all"));
    assert_true(includes("_graph=all"));
    assert_false(includes("_contain=x&query=y&code=_contained,_query"));
}

static bool paged(const char *query)
{
    smart_search_t search;
    const char *why;

    assert_true(smart_search_parse(smart_slice(query), pool, &search, &why));
    return smart_reach_paged(&search);
}

static void pages_are_seen_in_every_spelling(void **state)
{
    assert_true(paged("_getpages=x"));
    assert_true(paged("code=x&_GETPAGES=x"));
    assert_true(paged("_getpagesOffset=1"));
    assert_true(paged("%5Fpage=1"));
    assert_true(paged("ct"));
    assert_false(paged("_getpagesoffsets=1&page=1&_count=1"));
    assert_false(paged(""));
}

static void names_are_compared_without_case(void **state)
{
    assert_true(smart_reach_same(smart_slice("_Type"), "_type"));
    assert_false(smart_reach_same(smart_slice("_typ"), "_type"));
    assert_false(smart_reach_same(smart_slice("_types"), "_type"));
    assert_false(smart_reach_same(smart_slice(NULL), "_type"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_search_reaches_what_its_names_lead_to),
        cmocka_unit_test(each_version_has_its_own_links),
        cmocka_unit_test(includes_are_seen_in_every_spelling),
        cmocka_unit_test(so_is_what_returns_other_types_without_a_name),
        cmocka_unit_test(pages_are_seen_in_every_spelling),
        cmocka_unit_test(names_are_compared_without_case),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
