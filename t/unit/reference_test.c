/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference_test.c: literal references point where they say; what is not
 * exactly one points nowhere.
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

#include "core/reference.h"

#define SLICE(s)                                                               \
    {                                                                          \
        s, sizeof(s) - 1                                                       \
    }

static const char *const urls[] = {"https://fhir.example.org/fhir",
                                   "http://127.0.0.1:8080/fhir",
                                   "http://127.0.0.1:8080/fhir/Patient", NULL};
static const smart_urn_t urns[] = {
    {SLICE("urn:uuid:1"), SMART_FHIR_PATIENT, SLICE("pat-1")},
    {SLICE("urn:uuid:2"), SMART_FHIR_PATIENT, SLICE("")},
    {SLICE("urn:uuid:3"), SMART_TYPE_NONE, SLICE("pat-1")},
    {SLICE("https://fhir.example.org/fhir/Patient/pat-2"), SMART_FHIR_PATIENT,
     SLICE("pat-1")},
};
static const smart_bases_t bases = {SMART_FHIR_R4, urls, urns, 4};

/* "Type/id", "new Type" or "nowhere". */
static const char *told(smart_points_e points, smart_type_t type,
                        smart_slice_t id)
{
    switch (points) {
    case SMART_POINTS_LITERAL:
        return apr_psprintf(pool, "%s/%.*s", smart_fhir_type_name(type),
                            (int)id.len, id.ptr);
    case SMART_POINTS_NEW:
        assert_int_equal(id.len, 0);
        return apr_psprintf(pool, "new %s", smart_fhir_type_name(type));
    case SMART_POINTS_NOWHERE:
        break;
    }
    assert_int_equal(type, SMART_TYPE_NONE);
    assert_int_equal(id.len, 0);
    return "nowhere";
}

static const char *points(const smart_bases_t *b, const char *text)
{
    smart_type_t type = 7;
    smart_slice_t id = smart_slice("set");
    const smart_points_e to =
        smart_reference_points(b, smart_slice(text), &type, &id);
    smart_type_t again;
    smart_slice_t same;

    assert_int_equal(smart_reference_read(b, smart_slice(text), &again, &same),
                     to == SMART_POINTS_LITERAL);
    return told(to, type, id);
}

static void literal_references_point(void **state)
{
    static const char *const cases[][2] = {
        {"Patient/pat-1", "Patient/pat-1"},
        {"Observation/A.b-9", "Observation/A.b-9"},
        {"Patient/pat-1/_history/3", "Patient/pat-1"},
        {"https://fhir.example.org/fhir/Patient/pat-1", "Patient/pat-1"},
        {"http://127.0.0.1:8080/fhir/Patient/pat-1", "Patient/pat-1"},
        {"http://127.0.0.1:8080/fhir/Patient/pat-1/_history/a",
         "Patient/pat-1"},
        {"http://127.0.0.1:8080/fhir/Patient/Group/g", "Group/g"},
        {"urn:uuid:1", "Patient/pat-1"},
        {"urn:uuid:2", "new Patient"},
        {"https://fhir.example.org/fhir/Patient/pat-2", "Patient/pat-2"},
        {"Patient/"
         "0123456789012345678901234567890123456789012345678901234567890123",
         "Patient/"
         "0123456789012345678901234567890123456789012345678901234567890123"},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(points(&bases, cases[i][0]), cases[i][1]);
    }
}

static void anything_else_points_nowhere(void **state)
{
    static const char *const cases[] = {
        "",
        "#p",
        "#",
        "Patient",
        "Patient/",
        "/Patient/pat-1",
        "Patient//pat-1",
        "Patient/pat-1/",
        "Patient/pat-1#x",
        "Patient/pat-1?x",
        "Patient/pat-1/_history",
        "Patient/pat-1/_history/",
        "Patient/pat-1/_history/1/",
        "Patient/pat-1/_history/1/2",
        "Patient/pat-1/_history/..",
        "Patient/pat-1/history/1",
        "Patient/pat-1/1",
        "Patient/.",
        "Patient/..",
        "Patient/../Patient/pat-1",
        "Patient/pat%2d1",
        "Patient/pat 1",
        "Patient/pat_1",
        " Patient/pat-1",
        "Patient/pat-1 ",
        "patient/pat-1",
        "Patients/pat-1",
        "Patient?identifier=x",
        "pat-1",
        "NutritionIntake/x", /* R5 */
        "https://fhir.example.org/fhirPatient/pat-1",
        "https://fhir.example.org/fhir/pat-1",
        "https://fhir.example.org/fhir//Patient/pat-1",
        "https://fhir.example.org/fhirx/Patient/pat-1",
        "https://fhir.example.org/Patient/pat-1",
        "https://fhir.example.org/fhir/R4/Patient/pat-1",
        "https://FHIR.example.org/fhir/Patient/pat-1",
        "http://fhir.example.org/fhir/Patient/pat-1",
        "https://other.example.org/fhir/Patient/pat-1",
        "https://fhir.example.org/fhir",
        "urn:uuid:3",
        "urn:uuid:4",
        "urn:uuid:11",
        ("Patient/0123456789012345678901234567890123456789012345678901234567"
         "8901234"),
    };
    const smart_bases_t alone = {SMART_FHIR_R4, NULL, NULL, 0};
    const smart_bases_t unknown = {SMART_FHIR_NONE, urls, NULL, 0};
    const smart_bases_t later = {SMART_FHIR_R5, urls, NULL, 0};
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (strcmp(points(&bases, cases[i]), "nowhere") != 0) {
            fail_msg("<%s>", cases[i]);
        }
    }
    assert_string_equal(
        points(&alone, "https://fhir.example.org/fhir/Patient/pat-1"),
        "nowhere");
    assert_string_equal(points(&alone, "urn:uuid:1"), "nowhere");
    assert_string_equal(points(&alone, "Patient/pat-1"), "Patient/pat-1");
    assert_string_equal(points(&unknown, "Patient/pat-1"), "nowhere");
    assert_string_equal(points(&later, "NutritionIntake/x"),
                        "NutritionIntake/x");
}

static const char *element(const char *text)
{
    const smart_json_t *json;
    smart_type_t type = 7;
    smart_slice_t id = smart_slice("set");
    const char *why;
    smart_points_e to;

    if (smart_json_read(smart_slice(text), pool, &json, &why) !=
        SMART_JSON_READ) {
        fail_msg("%s: %s", text, why);
    }
    to = smart_reference_element(&bases, json, &type, &id);
    return told(to, type, id);
}

static void elements_are_references_or_nothing(void **state)
{
    static const char *const cases[][2] = {
        {"{\"reference\":\"Patient/pat-1\"}", "Patient/pat-1"},
        {"{\"reference\":\"urn:uuid:2\"}", "new Patient"},
        {"{\"reference\":\"Patient/pat-1\",\"display\":\"x\"}",
         "Patient/pat-1"},
        {"{\"reference\":\"Patient/pat-1\",\"type\":\"Patient\"}",
         "Patient/pat-1"},
        {"{\"reference\":\"Patient/pat-1\",\"type\":"
         "\"http://hl7.org/fhir/StructureDefinition/Patient\"}",
         "Patient/pat-1"},
        {"{\"reference\":\"Patient/pat-1\",\"type\":\"Group\"}", "nowhere"},
        {"{\"reference\":\"Patient/pat-1\",\"type\":\"patient\"}", "nowhere"},
        {"{\"reference\":\"Patient/pat-1\",\"type\":\"\"}", "nowhere"},
        {"{\"reference\":\"Patient/pat-1\",\"type\":null}", "nowhere"},
        {"{\"reference\":\"Patient/pat-1\",\"type\":[\"Patient\"]}", "nowhere"},
        {"{\"reference\":\"urn:uuid:2\",\"type\":\"Group\"}", "nowhere"},
        {"{\"reference\":[\"Patient/pat-1\"]}", "nowhere"},
        {"{\"reference\":{\"reference\":\"Patient/pat-1\"}}", "nowhere"},
        {"{\"reference\":null}", "nowhere"},
        {"{\"_reference\":\"Patient/pat-1\"}", "nowhere"},
        {"{\"identifier\":{\"value\":\"pat-1\"},\"type\":\"Patient\"}",
         "nowhere"},
        {"{\"display\":\"Patient/pat-1\"}", "nowhere"},
        {"{}", "nowhere"},
        {"[{\"reference\":\"Patient/pat-1\"}]", "nowhere"},
        {"[\"Patient/pat-1\"]", "nowhere"},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(element(cases[i][0]), cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literal_references_point),
        cmocka_unit_test(anything_else_points_nowhere),
        cmocka_unit_test(elements_are_references_or_nothing),
    };

    return cmocka_run_group_tests_name("reference", tests, prepare, finish);
}
