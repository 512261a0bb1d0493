/* SPDX-License-Identifier: Apache-2.0 */
/*
 * constraint_test.c: which parameters a resource can be held against, that
 * each of those that matter is looked for where it is, and how pairs, items
 * and kinds are compared.
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

#include "json_value.h"

#include "core/constraint.h"

#define R4  SMART_FHIR_R4
#define R4B SMART_FHIR_R4B
#define R5  SMART_FHIR_R5

static const smart_fhir_e versions[] = {R4, R4B, R5};

static const char *const urls[] = {"https://fhir.example.org/fhir", NULL};
static const smart_urn_t urns[] = {
    {{"urn:uuid:1", 10}, SMART_FHIR_PATIENT, {"pat-1", 5}},
    {{"urn:uuid:2", 10}, SMART_FHIR_PATIENT, {NULL, 0}}};

static bool holds_for(smart_fhir_e v, smart_type_t type, const char *constraint,
                      const char *resource)
{
    const smart_bases_t bases = {v, urls, urns, 2};

    return smart_constraint_holds(&bases, type, smart_slice(constraint),
                                  value_of(resource), pool);
}

/* ---- which can be judged ---- */

static const char *const for_all[] = {"_id", "_tag", "_security", "_profile",
                                      "_lastUpdated"};
static const char *const usual[] = {"status", "code",  "category",
                                    "type",   "class", "clinical-status"};

/* Of US Core: what its servers search by, and so what granular scopes have.
 * Not those that US Core itself defines (CareTeam, role). */
static const struct {
    const char *type;
    const char *params;
} us_core[] = {
    {"AllergyIntolerance", "patient clinical-status code category"},
    {"CarePlan", "patient category status date"},
    {"CareTeam", "patient status"},
    {"Condition", "patient category clinical-status code encounter "
                  "verification-status onset-date abatement-date "
                  "recorded-date _lastUpdated"},
    {"Coverage", "patient status type"},
    {"Device", "patient type status"},
    {"DiagnosticReport", "patient category code date status _lastUpdated"},
    {"DocumentReference", "patient category type date status period _id"},
    {"Encounter", "patient class type date status identifier location _id "
                  "_lastUpdated"},
    {"Goal", "patient lifecycle-status target-date"},
    {"Immunization", "patient status date vaccine-code"},
    {"Location", "name address address-city address-state "
                 "address-postalcode type"},
    {"MedicationDispense", "patient status type"},
    {"MedicationRequest", "patient status intent encounter authoredon "
                          "category code"},
    {"Observation", "patient category code date status _lastUpdated"},
    {"Organization", "name address identifier type"},
    {"Patient", "_id identifier name family given birthdate gender"},
    {"Practitioner", "name identifier _id"},
    {"PractitionerRole", "specialty practitioner role"},
    {"Procedure", "patient code date status category"},
    {"Provenance", "patient target"},
    {"QuestionnaireResponse", "patient questionnaire status authored _id"},
    {"RelatedPerson", "patient name _id"},
    {"ServiceRequest", "patient category code authored status _id"},
    {"Specimen", "patient type _id"},
};

static bool judges(smart_fhir_e v, smart_type_t type, const char *name)
{
    return smart_constraint_judges(v, type, smart_slice(name));
}

static const smart_fhir_param_t *param_of(smart_fhir_e v, smart_type_t type,
                                          const char *name)
{
    return smart_fhir_param(v, type, smart_slice(name));
}

/* The resource that has a value at the end of a path's alternative. */
static const char *made(const char *path, const char *leaf)
{
    const char *bracket = strchr(path, '[');
    const char *text = leaf;
    char *names = apr_pstrmemdup(
        pool, path, bracket ? (apr_size_t)(bracket - path) : strlen(path));

    while (*names) {
        char *dot = strrchr(names, '.');

        text =
            apr_psprintf(pool, "{\"%s\":[{},%s]}", dot ? dot + 1 : names, text);
        *(dot ? dot : names) = '\0';
    }
    return text;
}

/* An element that a value matches, and one that it does not. */
typedef struct shape_t {
    smart_param_e kind;
    const char *value;
    const char *yes;
    const char *no;
} shape_t;

static const shape_t shapes[] = {
    {SMART_PARAM_TOKEN, "a", "\"a\"", "\"b\""},
    {SMART_PARAM_TOKEN, "http://s|a",
     "{\"system\":\"http://s\",\"code\":\"a\"}",
     "{\"system\":\"http://s\",\"code\":\"b\"}"},
    {SMART_PARAM_TOKEN, "http://s|a",
     "{\"coding\":[{\"system\":\"http://s\",\"code\":\"a\"}]}",
     "{\"coding\":[{\"system\":\"http://t\",\"code\":\"a\"}]}"},
    {SMART_PARAM_TOKEN, "http://s|a",
     "{\"system\":\"http://s\",\"value\":\"a\"}",
     "{\"system\":\"http://s\",\"value\":\"A\"}"},
    {SMART_PARAM_DATE, "2024-02", "\"2024-02-10\"", "\"2024-03-10\""},
    {SMART_PARAM_DATE, "2024-02", "{\"start\":\"2024-02\",\"end\":\"2024-02\"}",
     "{\"start\":\"2024-02\",\"end\":\"2024-03\"}"},
    {SMART_PARAM_STRING, "ab", "\"Abc\"", "\"cab\""},
    {SMART_PARAM_URI, "http://x/y", "\"http://x/y\"", "\"http://x/y/z\""},
};

static unsigned proved;

static void prove_shapes(smart_fhir_e v, smart_type_t type, const char *name,
                         smart_param_e kind, const char *path)
{
    apr_size_t i;

    for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        const char *constraint =
            apr_psprintf(pool, "%s=%s", name, shapes[i].value);

        if (shapes[i].kind != kind) {
            continue;
        }
        if (!holds_for(v, type, constraint, made(path, shapes[i].yes)) ||
            holds_for(v, type, constraint, made(path, shapes[i].no)) ||
            holds_for(v, type, constraint, "{}")) {
            fail_msg("%s?%s: %s", smart_fhir_type_name(type), constraint,
                     made(path, shapes[i].yes));
        }
        proved++;
    }
}

/* A reference of the type that the alternative, or the parameter, is for. */
static void prove_reference(smart_fhir_e v, smart_type_t type, const char *name,
                            const smart_fhir_param_t *param, const char *path)
{
    const char *bracket = strchr(path, '[');
    const char *target =
        bracket ? apr_pstrmemdup(pool, bracket + 1, strlen(bracket) - 2)
        : param->targets ? smart_fhir_type_name(param->targets[0])
                         : "Patient";
    const char *constraint = apr_psprintf(pool, "%s=%s/a", name, target);
    const char *yes = apr_psprintf(pool, "{\"reference\":\"%s/a\"}", target);
    const char *no = apr_psprintf(pool, "{\"reference\":\"%s/b\"}", target);
    const char *other = "{\"reference\":\"Binary/a\"}";
    const char *bare = apr_psprintf(pool, "%s=a", name);

    if (!holds_for(v, type, constraint, made(path, yes)) ||
        holds_for(v, type, constraint, made(path, no)) ||
        holds_for(v, type, constraint, made(path, other)) ||
        !holds_for(v, type, bare, made(path, yes)) ||
        (bracket && holds_for(v, type, bare, made(path, other)))) {
        fail_msg("%s?%s: %s", smart_fhir_type_name(type), constraint,
                 made(path, yes));
    }
    proved++;
}

static void prove(smart_fhir_e v, smart_type_t type, const char *name)
{
    const smart_fhir_param_t *param = param_of(v, type, name);
    char *rest;
    char *last;
    char *path;

    if (!judges(v, type, name)) {
        fail_msg("%s?%s can not be judged", smart_fhir_type_name(type), name);
    }
    rest = apr_pstrdup(pool, param->path);
    for (path = apr_strtok(rest, "|", &last); path;
         path = apr_strtok(NULL, "|", &last)) {
        if (param->kind == SMART_PARAM_REFERENCE &&
            strcmp(path, "meta.profile") != 0) {
            prove_reference(v, type, name, param, path);
        }
        else {
            prove_shapes(v, type, name, param->kind, path);
        }
    }
}

static void what_matters_can_be_judged(void **state)
{
    apr_size_t i;
    apr_size_t n;

    for (i = 0; i < 3; i++) {
        smart_type_t type = SMART_TYPE_NONE;

        while ((type = smart_fhir_type_next(versions[i], type)) != 0) {
            for (n = 0; n < sizeof(for_all) / sizeof(for_all[0]); n++) {
                prove(versions[i], type, for_all[n]);
            }
            for (n = 0; n < sizeof(usual) / sizeof(usual[0]); n++) {
                if (param_of(versions[i], type, usual[n])) {
                    prove(versions[i], type, usual[n]);
                }
            }
            apr_pool_clear(pool);
        }
    }
    assert_in_range(proved, 3 * 140 * 7, 100000);
}

/* R5 renamed code to code-concept, and Device has no patient there. */
static void what_us_core_has_can_be_judged(void **state)
{
    static const char *const not_in_r5[] = {"Device patient",
                                            "ServiceRequest code"};
    apr_size_t i;
    apr_size_t n;

    for (i = 0; i < 3; i++) {
        for (n = 0; n < sizeof(us_core) / sizeof(us_core[0]); n++) {
            const smart_type_t type =
                smart_fhir_type(versions[i], smart_slice(us_core[n].type));
            char *rest = apr_pstrdup(pool, us_core[n].params);
            char *last;
            char *name;

            for (name = apr_strtok(rest, " ", &last); name;
                 name = apr_strtok(NULL, " ", &last)) {
                const char *both =
                    apr_psprintf(pool, "%s %s", us_core[n].type, name);

                if (versions[i] == R5 && (strcmp(both, not_in_r5[0]) == 0 ||
                                          strcmp(both, not_in_r5[1]) == 0)) {
                    assert_false(judges(R5, type, name));
                    continue;
                }
                prove(versions[i], type, name);
            }
        }
    }
}

static void what_can_not_be_judged_is_told(void **state)
{
    static const struct {
        smart_fhir_e v;
        smart_type_t type;
        const char *name;
    } cases[] = {
        {R4, SMART_FHIR_OBSERVATION, "value-quantity"},
        {R4, SMART_FHIR_OBSERVATION, "code-value-concept"},
        {R4, SMART_FHIR_OBSERVATION, "_text"},
        {R4, SMART_FHIR_OBSERVATION, "_content"},
        {R4, SMART_FHIR_OBSERVATION, "_query"},
        {R4, SMART_FHIR_OBSERVATION, "_list"},
        {R4, SMART_FHIR_OBSERVATION, "_source"},
        {R4B, SMART_FHIR_OBSERVATION, "_has"},
        {R4B, SMART_FHIR_OBSERVATION, "_filter"},
        {R5, SMART_FHIR_OBSERVATION, "_in"},
        {R4, SMART_FHIR_OBSERVATION, "code:in"},
        {R4, SMART_FHIR_OBSERVATION, "subject.name"},
        {R4, SMART_FHIR_OBSERVATION, "Code"},
        {R4, SMART_FHIR_OBSERVATION, "clinical-status"},
        {R4, SMART_FHIR_OBSERVATION, ""},
        {R4, SMART_FHIR_OBSERVATION, "_"},
        {R4, SMART_FHIR_PATIENT, "deceased"},
        {R4, SMART_FHIR_PATIENT, "email"},
        {R5, SMART_FHIR_APPOINTMENT, "date"},
        {R4, SMART_FHIR_RISK_ASSESSMENT, "probability"},
        {R4, SMART_TYPE_ANY, "code"},
        {R4, SMART_TYPE_ANY, "identifier"},
        {R4, SMART_TYPE_ANY, "name"},
        {R4, SMART_TYPE_ANY, "_text"},
        {R4, SMART_TYPE_NONE, "_id"},
        {R4, SMART_FHIR_NUTRITION_INTAKE, "_id"}, /* R5 */
        {SMART_FHIR_NONE, SMART_FHIR_OBSERVATION, "code"},
        {SMART_FHIR_NONE, SMART_TYPE_ANY, "_id"},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *constraint = apr_psprintf(pool, "%s=a", cases[i].name);

        if (judges(cases[i].v, cases[i].type, cases[i].name) ||
            holds_for(cases[i].v, cases[i].type, constraint,
                      "{\"code\":\"a\",\"id\":\"a\"}")) {
            fail_msg("%s", cases[i].name);
        }
    }
    assert_false(smart_constraint_judges(R4, SMART_FHIR_OBSERVATION,
                                         smart_slice_n(NULL, 0)));
    for (i = 0; i < sizeof(for_all) / sizeof(for_all[0]); i++) {
        assert_true(judges(R4, SMART_TYPE_ANY, for_all[i]));
        assert_true(judges(R5, SMART_TYPE_ANY, for_all[i]));
    }
}

/* ---- how they are compared ---- */

typedef struct row_t {
    const char *constraint;
    bool want;
    const char *resource; /* an Observation */
} row_t;

#define LAB                                                                    \
    "{\"status\":\"final\",\"category\":[{\"coding\":[{\"system\":\"http://"   \
    "c\",\"code\":\"laboratory\"}]}],\"code\":{\"coding\":[{\"system\":"       \
    "\"http://loinc.org\",\"code\":\"2345-7\"}]}}"
#define SUBJECT(reference) "{\"subject\":{\"reference\":\"" reference "\"}}"

static const row_t rows[] = {
    /* pairs: all of them */
    {"category=laboratory", true, LAB},
    {"category=laboratory&status=final", true, LAB},
    {"category=laboratory&status=amended", false, LAB},
    {"status=amended&category=laboratory", false, LAB},
    {"category=laboratory&category=laboratory", true, LAB},
    {"category=laboratory&category=vital-signs", false, LAB},
    {"category=laboratory&foo=bar", false, LAB},
    {"foo=bar&category=laboratory", false, LAB},
    {"category=laboratory&value-quantity=5", false, LAB},
    {"category:text=laboratory", false, LAB},
    {"category:not=vital-signs", false, LAB},
    {"", false, LAB},
    {"&", false, LAB},
    {"category=laboratory&", false, LAB},
    {"&category=laboratory", false, LAB},
    {"category", false, LAB},
    {"category=laboratory&status", false, LAB},
    {"category=", false, LAB},
    {"=laboratory", false, LAB},
    /* items: one of them, all well-formed */
    {"category=vital-signs,laboratory", true, LAB},
    {"category=laboratory,vital-signs", true, LAB},
    {"category=vital-signs,survey", false, LAB},
    {"category=laboratory,", false, LAB},
    {"category=,laboratory", false, LAB},
    {"category=laboratory,,survey", false, LAB},
    {"category=laboratory,%5Cx", false, LAB},
    {"date=2024-02,", false, "{\"effectiveDateTime\":\"2024-02-10\"}"},
    {"date=2024-02,%5Cx", false, "{\"effectiveDateTime\":\"2024-02-10\"}"},
    {"category=laboratory,a|b|c", false, LAB},
    {"category=laboratory,|", false, LAB},
    {"category=vital-signs%5C,laboratory", false, LAB},
    /* systems */
    {"category=http://c|laboratory", true, LAB},
    {"category=http://d|laboratory", false, LAB},
    {"category=http://c|", true, LAB},
    {"category=|laboratory", false, LAB},
    {"code=2345-7", true, LAB},
    {"code=http://loinc.org|2345-7", true, LAB},
    {"code=laboratory", false, LAB},
    /* decoded once, after it was split */
    {"category=http%3A%2F%2Fc%7Claboratory", true, LAB},
    {"c%61tegory=laborat%6Fry", true, LAB},
    {"category=vital-signs%2Claboratory", true, LAB},
    {"category=laboratory%26status=final", false, LAB},
    {"category=labor%2561tory", false, LAB},
    {"category=laboratory%00", false, LAB},
    {"category=a+b", true, "{\"category\":{\"coding\":[{\"code\":\"a+b\"}]}}"},
    {"category=a+b", false, "{\"category\":{\"coding\":[{\"code\":\"a b\"}]}}"},
    /* references */
    {"patient=pat-1", true, SUBJECT("Patient/pat-1")},
    {"patient=Patient/pat-1", true, SUBJECT("Patient/pat-1")},
    {"patient=https://fhir.example.org/fhir/Patient/pat-1", true,
     SUBJECT("Patient/pat-1")},
    {"patient=Patient/pat-1", true,
     SUBJECT("https://fhir.example.org/fhir/Patient/pat-1")},
    {"patient=Patient/pat-1", true, SUBJECT("Patient/pat-1/_history/2")},
    {"patient=Patient/pat-1", true, SUBJECT("urn:uuid:1")},
    {"patient=pat-1", false, SUBJECT("Patient/pat-2")},
    {"patient=Patient/pat-1", false, SUBJECT("Patient/pat-2")},
    {"patient=pat-1", false, SUBJECT("Group/pat-1")},
    {"patient=Group/pat-1", false, SUBJECT("Group/pat-1")},
    {"subject=Group/pat-1", true, SUBJECT("Group/pat-1")},
    {"subject=pat-1", true, SUBJECT("Group/pat-1")},
    {"subject=Patient/pat-1", false, SUBJECT("Group/pat-1")},
    {"patient=Patient/pat-1", false, SUBJECT("urn:uuid:2")},
    {"patient=urn:uuid:2", false, SUBJECT("urn:uuid:2")},
    {"patient=Patient/pat-1/_history/2", false,
     SUBJECT("Patient/pat-1/_history/2")},
    {"patient=Patient/pat-1", false, SUBJECT("#pat-1")},
    {"patient=%23pat-1", false, SUBJECT("#pat-1")},
    {"patient=Patient?x", false, SUBJECT("Patient?x")},
    {"patient=pat-1", false, SUBJECT("https://o.example.org/Patient/pat-1")},
    {"subject=Patient?x", false, SUBJECT("Patient?x")},
    {"subject=%23p", false, SUBJECT("#p")},
    {"subject=://x", false, SUBJECT("://x")},
    {"subject=https://o.example.org/Patient/pat-1", true,
     SUBJECT("https://o.example.org/Patient/pat-1")},
    {"subject=https://o.example.org/Patient/pat-1", false,
     SUBJECT("https://o.example.org/Patient/pat-2")},
    {"patient=https://o.example.org/Patient/pat-1", false,
     SUBJECT("https://o.example.org/Patient/pat-1")},
    {"subject=https://o.example.org/Patient/pat-1", false,
     "{\"subject\":{\"type\":\"Group\",\"reference\":"
     "\"https://o.example.org/Patient/pat-1\"}}"},
    {"patient=Patient/pat-1", false,
     "{\"subject\":{\"type\":\"Group\",\"reference\":\"Patient/pat-1\"}}"},
    {"patient=pat-1", false,
     "{\"subject\":{\"identifier\":{\"value\":\"pat-1\"}}}"},
    {"patient=pat-1", false,
     "{\"_subject\":{\"reference\":\"Patient/pat-1\"}}"},
    {"patient=pat-1", false, "{\"subject\":\"pat-1\"}"},
    {"patient=Patient/pat-1", false, "{\"subject\":\"Patient/pat-1\"}"},
    /* what all types have */
    {"_id=obs-1", true, "{\"id\":\"obs-1\"}"},
    {"_id=obs-1", false, "{\"id\":\"obs-2\"}"},
    {"_id=obs-1,obs-2", true, "{\"id\":\"obs-2\"}"},
    {"_tag=a", true, "{\"meta\":{\"tag\":[{\"code\":\"a\"}]}}"},
    {"_tag=a", false, "{\"meta\":{\"security\":[{\"code\":\"a\"}]}}"},
    {"_security=a", true, "{\"meta\":{\"security\":[{\"code\":\"a\"}]}}"},
    {"_security=a", false, "{\"meta\":{\"tag\":[{\"code\":\"a\"}]}}"},
    {"_profile=http://p/a", true, "{\"meta\":{\"profile\":[\"http://p/a\"]}}"},
    {"_profile=http://p/a", false,
     "{\"meta\":{\"profile\":[\"http://p/ab\"]}}"},
    {"_profile=http://p/a", false,
     "{\"meta\":{\"profile\":[\"http://p/a|1\"]}}"},
    {"_lastUpdated=ge2024-02-01T00:00:00Z", true,
     "{\"meta\":{\"lastUpdated\":\"2024-02-01T00:00:00.000Z\"}}"},
    {"_lastUpdated=ge2024-02-01T00:00:00Z", false,
     "{\"meta\":{\"lastUpdated\":\"2024-01-31T23:59:59.999Z\"}}"},
    {"_lastUpdated=ge2024-02-01T00:00:00Z", false, "{}"},
    /* dates: a choice of elements */
    {"date=2024-02", true, "{\"effectiveDateTime\":\"2024-02-10\"}"},
    {"date=2024-02", true,
     "{\"effectivePeriod\":{\"start\":\"2024-02\",\"end\":\"2024-02\"}}"},
    {"date=2024-02", false, "{\"effectiveDateTime\":\"2024-03-10\"}"},
    {"date=2024-02", false, "{\"issued\":\"2024-02-10T00:00:00Z\"}"},
    {"date=2024-02,2024-03", true, "{\"effectiveDateTime\":\"2024-03-10\"}"},
    {"date=ge2024-02&date=le2024-03", true,
     "{\"effectiveDateTime\":\"2024-03-10\"}"},
    {"date=ge2024-02&date=le2024-03", false,
     "{\"effectiveDateTime\":\"2024-04-10\"}"},
    {"date=x", false, "{\"effectiveDateTime\":\"x\"}"},
};

static void rows_hold(void **state)
{
    apr_size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (holds_for(R4, SMART_FHIR_OBSERVATION, rows[i].constraint,
                      rows[i].resource) != rows[i].want) {
            fail_msg("%s: %s", rows[i].constraint, rows[i].resource);
        }
    }
    /* R5 made _profile a reference, to a canonical. */
    assert_true(holds_for(R5, SMART_FHIR_OBSERVATION, "_profile=http://p/a",
                          "{\"meta\":{\"profile\":[\"http://p/a\"]}}"));
    assert_false(holds_for(R5, SMART_FHIR_OBSERVATION, "_profile=http://p/a",
                           "{\"meta\":{\"profile\":[\"http://p/b\"]}}"));
    assert_true(holds_for(R4, SMART_FHIR_PATIENT, "family=mei",
                          "{\"name\":[{\"family\":\"Meier\"}]}"));
    assert_false(holds_for(R4, SMART_FHIR_PATIENT, "family=mei",
                           "{\"name\":[{\"given\":[\"Meike\"]}]}"));
    /* A bar means something in tokens only. */
    assert_true(holds_for(R4, SMART_FHIR_PATIENT, "family=a|b|c",
                          "{\"name\":[{\"family\":\"a|b|cd\"}]}"));
    assert_true(
        holds_for(R4, SMART_FHIR_PATIENT, "active=true", "{\"active\":true}"));
    assert_false(
        holds_for(R4, SMART_FHIR_PATIENT, "active=true", "{\"active\":false}"));
}

static void another_type_has_other_parameters(void **state)
{
    assert_false(holds_for(R4, SMART_FHIR_PATIENT, "category=laboratory", LAB));
    assert_false(holds_for(R4, SMART_TYPE_NONE, "category=laboratory", LAB));
    assert_false(holds_for(SMART_FHIR_NONE, SMART_FHIR_OBSERVATION,
                           "category=laboratory", LAB));
    assert_false(holds_for(R4, SMART_FHIR_OBSERVATION, "_id=a", "[]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_matters_can_be_judged),
        cmocka_unit_test(what_us_core_has_can_be_judged),
        cmocka_unit_test(what_can_not_be_judged_is_told),
        cmocka_unit_test(rows_hold),
        cmocka_unit_test(another_type_has_other_parameters),
    };

    return cmocka_run_group_tests_name("constraint", tests, prepare, finish);
}
