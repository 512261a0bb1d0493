/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unrestricted_test.c: what searches under system/ and user/ scopes need
 * besides s on their type.
 */
#include "ask.h"

#include <apr_general.h>

static const twin_t chains[] = {
    {"typed chain",
     BY("user/Observation.s user/Patient.s",
        "GET /Observation?subject:Patient.name=x"),
     0,
     BY("user/Observation.s user/Patient.r",
        "GET /Observation?subject:Patient.name=x"),
     SMART_REASON_CONSTRUCT},
    {"untyped chain",
     BY("user/Observation.s user/Patient.s user/Device.s user/Group.s "
        "user/Location.s",
        "GET /Observation?subject.name=x"),
     0,
     BY("user/Observation.s user/Patient.s user/Device.s user/Group.s",
        "GET /Observation?subject.name=x"),
     SMART_REASON_CONSTRUCT},
    {"chain that can not be followed",
     BY("user/*.s", "GET /Observation?foo.name=x"), 0,
     BY("user/Observation.s user/*.r", "GET /Observation?foo.name=x"),
     SMART_REASON_CONSTRUCT},
    {"letters of another context",
     BY("user/Observation.s user/Patient.s", "GET /Observation?patient.name=x"),
     0,
     BY("user/Observation.s system/Patient.s",
        "GET /Observation?patient.name=x"),
     SMART_REASON_CONSTRUCT},
    {"letters of a constrained scope",
     BY("user/Observation.s user/Patient.s", "GET /Observation?patient.name=x"),
     0,
     BY("user/Observation.s user/Patient.s?active=true",
        "GET /Observation?patient.name=x"),
     SMART_REASON_CONSTRUCT},
    {"_has",
     BY("user/Patient.s user/Observation.s",
        "GET /Patient?_has:Observation:patient:code=x"),
     0, BY("user/Patient.s", "GET /Patient?_has:Observation:patient:code=x"),
     SMART_REASON_CONSTRUCT},
    {"_filter", BY("user/*.s", "GET /Observation?_filter=a"), 0,
     BY("user/Observation.s", "GET /Observation?_filter=a"),
     SMART_REASON_CONSTRUCT},
    {"others are the backend's",
     BY("user/Observation.s", "GET /Observation?_list=b&c=d"), 0,
     BY("user/Observation.s", "GET /Observation?_query=a&_list=b&c.d=d"),
     SMART_REASON_CONSTRUCT},
    {"sorted by a chain",
     BY("user/Observation.s user/Patient.s",
        "GET /Observation?_sort=patient.name"),
     0, BY("user/Observation.s", "GET /Observation?_sort=patient.name"),
     SMART_REASON_CONSTRUCT},
    {"in a compartment",
     BY("user/Observation.s user/Patient.s",
        "GET /Encounter/e/Observation?patient.name=x"),
     0, BY("user/Observation.s", "GET /Encounter/e/Observation?patient.name=x"),
     SMART_REASON_CONSTRUCT},
    {"at system level",
     BY("user/*.s", "GET /?_type=Observation&patient.name=x"), 0,
     BY("user/Observation.s user/Patient.s",
        "GET /?_type=Observation&patient.name=x"),
     SMART_REASON_CONSTRUCT},
    {"If-None-Exist",
     BY_WITH("user/Observation.cs user/Patient.s", "POST /Observation",
             "If-None-Exist: patient.name=x"),
     MINIMAL,
     BY_WITH("user/Observation.cs", "POST /Observation",
             "If-None-Exist: patient.name=x"),
     SMART_REASON_CONSTRUCT},
    {"conditional update",
     BY("user/Observation.us user/Patient.s",
        "PUT /Observation?patient.name=x"),
     MINIMAL, BY("user/Observation.us", "PUT /Observation?patient.name=x"),
     SMART_REASON_CONSTRUCT},
    {"conditional patch",
     BY("user/Observation.us user/Patient.s",
        "PATCH /Observation?patient.name=x"),
     MINIMAL, BY("user/Observation.us", "PATCH /Observation?patient.name=x"),
     SMART_REASON_CONSTRUCT},
    {"conditional delete",
     BY("user/Observation.ds user/Patient.s",
        "DELETE /Observation?patient.name=x"),
     MINIMAL, BY("user/Observation.ds", "DELETE /Observation?patient.name=x"),
     SMART_REASON_CONSTRUCT},
};

static void what_a_search_looks_at_needs_s(void **state)
{
    ASSERT_TWINS(&ask_policy, chains);
}

/* Owed, or not: each row is a permit; reads owe nothing. */
static const struct {
    const char *what;
    ask_t ask;
    unsigned owed;
} rows[] = {
    {"include", BY("user/Observation.s", "GET /Observation?_include=*"),
     INSPECT},
    {"containers", BY("user/Observation.s", "GET /Observation?_contained=both"),
     INSPECT},
    {"containers by all types",
     BY("user/*.s", "GET /Observation?_contained=both"), 0},
    {"named query", BY("user/Observation.s", "GET /Observation?_query=x"),
     INSPECT},
    {"named query by all types", BY("user/*.s", "GET /Observation?_query=x"),
     0},
    {"include by all types", BY("user/*.s", "GET /Observation?_include=*"), 0},
    {"include by r on all types",
     BY("user/Observation.s user/*.r", "GET /Observation?_include=*"), INSPECT},
    {"include by s on all types of another context",
     BY("system/Observation.s user/*.s", "GET /Observation?_include=*"), 0},
    {"include by s on all types of a patient",
     OF("system/Observation.s patient/*.s", "GET /Observation?_include=*"),
     INSPECT},
    {"include by a constrained s on all types",
     BY("user/Observation.s user/*.s?_tag=a", "GET /Observation?_include=*"),
     INSPECT},
    {"revinclude",
     BY("user/Observation.s", "GET /Observation?_revinclude:iterate=*"),
     INSPECT},
    {"page", BY("user/Observation.s", "GET /?_getpages=1&_count=2"), INSPECT},
    {"page by all types", BY("user/*.s", "GET /?_getpages=1&foo=2"), 0},
    {"page of a type", BY("user/Observation.s", "GET /Observation?_page=2"),
     INSPECT},
    {"page of a type, spelt otherwise",
     BY("user/Observation.s", "GET /Observation?_GetPages=2"), INSPECT},
    {"page below a read",
     BY("user/Observation.r", "GET /Observation/1?_getpages=2"), INSPECT},
    {"page below a history",
     BY("user/Observation.s", "GET /Observation/_history?ct=2"), INSPECT},
    {"page of a type by all types", BY("user/*.s", "GET /Observation?_page=2"),
     0},
    {"form", BY("user/Observation.s", "POST /Observation/_search"), FORM},
    {"form by all types", BY("user/*.s", "POST /Observation/_search"), 0},
    {"form and include",
     BY("user/Observation.s", "POST /Observation/_search?_include=*"),
     FORM | INSPECT},
    {"batch", BY("user/*.cruds", "POST /"), BODY},
    {"any parameter", BY("user/Observation.r", "GET /Observation/1?foo=1"), 0},
    {"conditional create, include",
     BY_WITH("user/Observation.cs", "POST /Observation",
             "If-None-Exist: code=x"),
     MINIMAL},
    {"create, read as well", BY("user/Observation.cr", "POST /Observation"), 0},
    {"create, some may be read",
     BY("user/Observation.c user/Observation.r" LAB, "POST /Observation"),
     INSPECT},
    {"create, read by another context",
     OF("user/Observation.c patient/Observation.r", "POST /Observation"),
     INSPECT},
    {"create, read by what is of no use",
     BY("user/Observation.c patient/Observation.r", "POST /Observation"),
     MINIMAL},
    {"update", BY("user/Observation.u", "PUT /Observation/1"), MINIMAL},
    {"patch", BY("user/Observation.u", "PATCH /Observation/1"), MINIMAL},
    {"delete", BY("user/Observation.d", "DELETE /Observation/1"), MINIMAL},
    {"delete, read as well", BY("user/Observation.rd", "DELETE /Observation/1"),
     0},
};

static void answers_of_other_types_are_inspected(void **state)
{
    size_t n;

    for (n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        assert_permits(&ask_policy, rows[n].what, &rows[n].ask, rows[n].owed);
    }
}

static const twin_t pages[] = {
    {"a page starts no other search",
     BY("user/Observation.s", "GET /?_getpages=1&_count=2&_include=*"), INSPECT,
     BY("user/Observation.s", "GET /?_getpages=1&_count=2&_has=*"),
     SMART_REASON_CONSTRUCT},
    {"of types", BY("user/Observation.s", "GET /?_getpages=1&_format=json"),
     INSPECT, BY("user/Observation.s", "GET /?_getpages=1&_type=Observation"),
     SMART_REASON_CONSTRUCT},
    {"a number can not be inspected",
     BY("user/Observation.s", "GET /Observation?_include=*&_summary=true"),
     INSPECT,
     BY("user/Observation.s", "GET /Observation?_include=*&_summary=count"),
     SMART_REASON_CONSTRUCT},
    {"in whatever case",
     BY("user/Observation.s", "GET /Observation?_include=*&_Summary=true"),
     INSPECT,
     BY("user/Observation.s", "GET /Observation?_include=*&_Summary=COUNT"),
     SMART_REASON_CONSTRUCT},
    {"counted without more",
     BY("user/Observation.s", "GET /Observation?_summary=count"), 0,
     BY("user/Observation.r", "GET /Observation?_summary=count"),
     SMART_REASON_NO_SCOPE},
};

static void what_is_inspected_is_resources(void **state)
{
    ASSERT_TWINS(&ask_policy, pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_search_looks_at_needs_s),
        cmocka_unit_test(answers_of_other_types_are_inspected),
        cmocka_unit_test(what_is_inspected_is_resources),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
