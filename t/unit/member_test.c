/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member_test.c: each inclusion parameter of each type of the three
 * definitions makes a member, and does not when it refers to somebody else;
 * writing is by the subject alone.
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

#include "core/json_edit.h"
#include "core/member.h"

#define R4  SMART_FHIR_R4
#define R4B SMART_FHIR_R4B
#define R5  SMART_FHIR_R5

static const smart_fhir_e versions[] = {R4, R4B, R5};

static const char *const urls[] = {"https://fhir.example.org/fhir", NULL};

static smart_bases_t bases_of(smart_fhir_e v)
{
    smart_bases_t bases = {v, urls, NULL, 0};

    return bases;
}

static smart_compartment_t compartment(smart_compartment_e mode)
{
    smart_compartment_t c = smart_compartment_default();

    c.mode = mode;
    return c;
}

/* ---- resources made of paths ---- */

/* An element of a path ("a.b[Patient]"), in arrays or not. */
static const char *made(const char *path, const char *leaf, bool arrays)
{
    const char *bracket = strchr(path, '[');
    const char *text = leaf;
    char *names = apr_pstrmemdup(
        pool, path, bracket ? (apr_size_t)(bracket - path) : strlen(path));

    while (*names) {
        char *dot = strrchr(names, '.');
        const char *name = dot ? dot + 1 : names;

        text = arrays ? apr_psprintf(pool, "{\"%s\":[{\"x\":1},{},null,%s]}",
                                     name, text)
                      : apr_psprintf(pool, "{\"%s\":%s}", name, text);
        *(dot ? dot : names) = '\0';
    }
    return text;
}

static bool member(smart_compartment_e mode, smart_fhir_e v, const char *text,
                   smart_type_t type, smart_purpose_e purpose)
{
    const smart_compartment_t c = compartment(mode);
    const smart_bases_t bases = bases_of(v);

    return smart_compartment_member(&c, &bases, value_of(text), type, "pat-1",
                                    purpose);
}

static bool reads(smart_fhir_e v, const char *text, smart_type_t type)
{
    return member(SMART_COMPARTMENT_FORMAL, v, text, type, SMART_PURPOSE_READ);
}

static unsigned tried; /* alternatives of paths */

/* One alternative of a path: members and their twins. */
static void try_alternative(smart_fhir_e v, smart_type_t type,
                            const char *param, const char *path)
{
    static const struct {
        const char *leaf;
        bool member;
    } leaves[] = {
        {"{\"reference\":\"Patient/pat-1\"}", true},
        {"{\"reference\":\"Patient/pat-1/_history/2\"}", true},
        {"{\"reference\":\"https://fhir.example.org/fhir/Patient/pat-1\"}",
         true},
        {"{\"reference\":\"Patient/pat-2\"}", false},
        {"{\"reference\":\"Patient/pat-11\"}", false},
        {"{\"reference\":\"Group/pat-1\"}", false},
        {"{\"reference\":\"Practitioner/pat-1\"}", false},
        {"{\"reference\":\"https://other.example.org/fhir/Patient/pat-1\"}",
         false},
        {"{\"reference\":\"#pat-1\"}", false},
        {"{\"reference\":\"Patient?_id=pat-1\"}", false},
        {"{\"reference\":\"Patient/pat-1\",\"type\":\"Group\"}", false},
        {"{\"identifier\":{\"value\":\"pat-1\"},\"type\":\"Patient\"}", false},
        {"{\"display\":\"Patient/pat-1\"}", false},
        {"\"Patient/pat-1\"", false},
        {"[{\"reference\":\"Patient/pat-1\"}]", false},
        {"null", false},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
        const char *plain = made(path, leaves[i].leaf, false);
        const char *arrays = made(path, leaves[i].leaf, true);
        /* Within an array of one, a list of leaves is no longer nested. */
        const bool listed = leaves[i].leaf[0] == '[';

        if (reads(v, plain, type) != (leaves[i].member || listed) ||
            reads(v, arrays, type) != leaves[i].member) {
            fail_msg("%s %s: %s", smart_fhir_type_name(type), param, plain);
        }
    }
    tried++;
}

static void try_param(smart_fhir_e v, smart_type_t type, const char *name)
{
    const smart_fhir_param_t *param =
        smart_fhir_param(v, type, smart_slice(name));
    char *rest;
    char *last;
    char *one;

    assert_non_null(param);
    assert_non_null(param->path);
    rest = apr_pstrdup(pool, param->path);
    for (one = apr_strtok(rest, "|", &last); one;
         one = apr_strtok(NULL, "|", &last)) {
        try_alternative(v, type, name, one);
    }
}

static void each_inclusion_parameter_makes_members(void **state)
{
    apr_size_t i;

    for (i = 0; i < 3; i++) {
        smart_type_t type = SMART_TYPE_NONE;

        while ((type = smart_fhir_type_next(versions[i], type)) != 0) {
            const char *const *name = smart_fhir_compartment(versions[i], type);

            if (type == SMART_FHIR_PATIENT) {
                continue;
            }
            for (; name && *name; name++) {
                try_param(versions[i], type, *name);
            }
        }
        try_param(R4, SMART_FHIR_DEVICE, "patient");
        try_param(R4, SMART_FHIR_TASK, "patient");
    }
    /* 66 types of R4, of which 23 have several. */
    assert_in_range(tried, 3 * 66, 1000);
}

/* ---- by hand ---- */

typedef struct row_t {
    const char *resource; /* with its type */
    bool formal;          /* READ */
    bool subject;         /* READ */
    bool write;
} row_t;

#define REF(id)   "{\"reference\":\"" id "\"}"
#define ACTOR(id) "{\"actor\":" REF(id) "}"

static const row_t rows[] = {
    /* whom it is about */
    {"{\"resourceType\":\"Observation\",\"subject\":" REF("Patient/pat-1") "}",
     true, true, true},
    {"{\"resourceType\":\"Observation\",\"subject\":" REF("Patient/pat-2") "}",
     false, false, false},
    {"{\"resourceType\":\"Observation\",\"subject\":" REF("Group/pat-1") "}",
     false, false, false},
    {"{\"resourceType\":\"Observation\"}", false, false, false},
    {"{\"resourceType\":\"Observation\",\"_subject\":" REF("Patient/pat-1") "}",
     false, false, false},
    {"{\"resourceType\":\"Observation\",\"contained\":[{\"resourceType\":"
     "\"Observation\",\"subject\":" REF("Patient/pat-1") "}]}",
     false, false, false},
    {"{\"resourceType\":\"Coverage\",\"beneficiary\":" REF(
         "Patient/pat-1") ",\"subscriber\":" REF("Patient/pat-2") "}",
     true, true, true},
    {"{\"resourceType\":\"Task\",\"for\":" REF("Patient/pat-1") "}", true, true,
     true},
    {"{\"resourceType\":\"Task\",\"for\":" REF("Patient/pat-2") "}", false,
     false, false},
    {"{\"resourceType\":\"Device\",\"patient\":" REF("Patient/pat-1") "}", true,
     true, true},
    {"{\"resourceType\":\"Device\",\"patient\":" REF("Patient/pat-2") "}",
     false, false, false},
    {"{\"resourceType\":\"Device\"}", false, false, false},
    /* by others than the subject: read in mode FORMAL, never written */
    {"{\"resourceType\":\"Observation\",\"subject\":" REF(
         "Patient/pat-2") ",\"performer\":[" REF("Patient/pat-1") "]}",
     true, false, false},
    {"{\"resourceType\":\"Observation\",\"performer\":[" REF(
         "Patient/pat-1") "]}",
     true, false, false},
    {"{\"resourceType\":\"Observation\",\"focus\":[" REF("Patient/pat-1") "]}",
     false, false, false},
    {"{\"resourceType\":\"Coverage\",\"beneficiary\":" REF(
         "Patient/pat-2") ",\"subscriber\":" REF("Patient/pat-1") "}",
     true, false, false},
    {"{\"resourceType\":\"Composition\",\"subject\":" REF(
         "Patient/pat-2") ",\"author\":[" REF("Patient/pat-1") "]}",
     true, false, false},
    {"{\"resourceType\":\"Group\",\"member\":[{\"entity\":" REF(
         "Patient/pat-1") "}]}",
     true, false, false},
    {"{\"resourceType\":\"Schedule\",\"actor\":[" REF("Patient/pat-1") "]}",
     true, false, false},
    /* several: one is enough to read, all have to be to write */
    {"{\"resourceType\":\"Appointment\",\"participant\":[" ACTOR(
         "Patient/pat-1") "," ACTOR("Practitioner/p") "]}",
     true, true, true},
    {"{\"resourceType\":\"Appointment\",\"participant\":[" ACTOR(
         "Patient/pat-1") "," ACTOR("Patient/pat-2") "]}",
     true, true, false},
    {"{\"resourceType\":\"Appointment\",\"participant\":[" ACTOR(
         "Patient/pat-2") "," ACTOR("Patient/pat-1") "]}",
     true, true, false},
    {"{\"resourceType\":\"Appointment\",\"participant\":[" ACTOR(
         "Patient/pat-1") "," ACTOR("Patient?identifier=x") "]}",
     true, true, false},
    {"{\"resourceType\":\"Appointment\",\"participant\":[" ACTOR(
         "Patient/pat-1") ",{\"actor\":{\"identifier\":{\"value\":\"x\"}}}]}",
     true, true, false},
    {"{\"resourceType\":\"Appointment\",\"participant\":[" ACTOR(
         "Practitioner/p") "]}",
     false, false, false},
    {"{\"resourceType\":\"Observation\",\"subject\":[" REF(
         "Patient/pat-1") "," REF("Patient/pat-2") "]}",
     true, true, false},
    {"{\"resourceType\":\"Observation\",\"subject\":[" REF(
         "Patient/pat-1") "," REF("Group/g") "]}",
     true, true, false},
    {"{\"resourceType\":\"Observation\",\"subject\":[" REF(
         "Patient/pat-1") ",null]}",
     true, true, false},
    /* a Patient is its own */
    {"{\"resourceType\":\"Patient\",\"id\":\"pat-1\"}", true, true, true},
    {"{\"resourceType\":\"Patient\",\"id\":\"pat-2\"}", false, false, false},
    {"{\"resourceType\":\"Patient\",\"id\":\"pat-2\",\"link\":[{\"other\":" REF(
         "Patient/pat-1") "}]}",
     false, false, false},
    {"{\"resourceType\":\"Patient\"}", false, false, false},
    {"{\"resourceType\":\"Patient\",\"id\":[\"pat-1\"]}", false, false, false},
    /* in no compartment */
    {"{\"resourceType\":\"Practitioner\",\"id\":\"pat-1\"}", false, false,
     false},
    {"{\"resourceType\":\"Organization\",\"subject\":" REF("Patient/pat-1") "}",
     false, false, false},
    {"{\"resourceType\":\"GuidanceResponse\",\"subject\":" REF(
         "Patient/pat-1") "}",
     false, false, false},
    {"{\"resourceType\":\"Subscription\",\"subject\":" REF("Patient/pat-1") "}",
     false, false, false},
    {"{\"resourceType\":\"Library\",\"subjectReference\":" REF(
         "Patient/pat-1") "}",
     false, false, false},
};

static smart_type_t type_of(smart_fhir_e v, const smart_json_t *resource)
{
    smart_slice_t name;

    assert_true(
        smart_json_string(smart_json_member(resource, "resourceType"), &name));
    return smart_fhir_type(v, name);
}

static void rows_hold(void **state)
{
    apr_size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const row_t *row = &rows[i];
        const smart_type_t t = type_of(R4, value_of(row->resource));

        if (member(SMART_COMPARTMENT_FORMAL, R4, row->resource, t,
                   SMART_PURPOSE_READ) != row->formal ||
            member(SMART_COMPARTMENT_SUBJECT, R4, row->resource, t,
                   SMART_PURPOSE_READ) != row->subject ||
            member(SMART_COMPARTMENT_FORMAL, R4, row->resource, t,
                   SMART_PURPOSE_WRITE) != row->write ||
            member(SMART_COMPARTMENT_SUBJECT, R4, row->resource, t,
                   SMART_PURPOSE_WRITE) != row->write) {
            fail_msg("%s", row->resource);
        }
    }
}

static void nobody_has_no_compartment(void **state)
{
    const smart_compartment_t c = compartment(SMART_COMPARTMENT_FORMAL);
    const smart_bases_t bases = bases_of(R4);
    const smart_json_t *o = value_of(
        "{\"subject\":" REF("Patient/") ",\"performer\":" REF("Patient") "}");
    const smart_json_t *patient = value_of("{\"id\":\"\"}");
    const smart_purpose_e purposes[] = {SMART_PURPOSE_READ,
                                        SMART_PURPOSE_WRITE};
    apr_size_t i;

    for (i = 0; i < 2; i++) {
        assert_false(smart_compartment_member(
            &c, &bases, o, SMART_FHIR_OBSERVATION, "", purposes[i]));
        assert_false(smart_compartment_member(
            &c, &bases, o, SMART_FHIR_OBSERVATION, NULL, purposes[i]));
        assert_false(smart_compartment_member(
            &c, &bases, patient, SMART_FHIR_PATIENT, "", purposes[i]));
        assert_false(smart_compartment_member(
            &c, &bases, NULL, SMART_FHIR_OBSERVATION, "pat-1", purposes[i]));
        assert_false(smart_compartment_member(&c, &bases, o, SMART_TYPE_NONE,
                                              "pat-1", purposes[i]));
        assert_false(smart_compartment_member(&c, &bases, o, SMART_TYPE_ANY,
                                              "pat-1", purposes[i]));
    }
}

static void what_is_added_counts_for_reading(void **state)
{
    static const smart_compartment_param_t extra[] = {
        {SMART_FHIR_ACCOUNT, "owner"},     /* refers to an Organization */
        {SMART_FHIR_OBSERVATION, "focus"}, /* refers to anything */
        {SMART_FHIR_TASK, "requester"},
    };
    const smart_bases_t bases = bases_of(R4);
    static const struct {
        smart_type_t type;
        const char *text;
        bool member;
    } cases[] = {
        {SMART_FHIR_ACCOUNT, "{\"owner\":" REF("Patient/pat-1") "}", false},
        {SMART_FHIR_OBSERVATION, "{\"focus\":[" REF("Patient/pat-1") "]}",
         true},
        {SMART_FHIR_OBSERVATION, "{\"focus\":[" REF("Patient/pat-2") "]}",
         false},
        {SMART_FHIR_TASK, "{\"requester\":" REF("Patient/pat-1") "}", true},
        {SMART_FHIR_TASK, "{\"requester\":" REF("Patient/pat-2") "}", false},
        {SMART_FHIR_TASK, "{\"owner\":" REF("Patient/pat-1") "}", false},
    };
    smart_compartment_t c = {0};
    apr_size_t i;

    c.extra = extra;
    c.extra_count = 3;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const smart_json_t *json = value_of(cases[i].text);

        assert_int_equal(smart_compartment_member(&c, &bases, json,
                                                  cases[i].type, "pat-1",
                                                  SMART_PURPOSE_READ),
                         cases[i].member);
        assert_false(smart_compartment_member(&c, &bases, json, cases[i].type,
                                              "pat-1", SMART_PURPOSE_WRITE));
    }
}

/* R5 narrows SupplyRequest by deliverFor, and the definition has deliverTo. */
static void what_could_not_be_read_is_not_written(void **state)
{
    static const char both[] = "{\"deliverFor\":" REF(
        "Patient/pat-1") ",\"deliverTo\":" REF("Patient/pat-1") "}";
    static const char unseen[] = "{\"deliverFor\":" REF("Patient/pat-1") "}";
    static const char others[] = "{\"deliverFor\":" REF(
        "Patient/pat-2") ",\"deliverTo\":" REF("Patient/pat-1") "}";

    assert_true(member(SMART_COMPARTMENT_FORMAL, R5, both,
                       SMART_FHIR_SUPPLY_REQUEST, SMART_PURPOSE_WRITE));
    assert_false(member(SMART_COMPARTMENT_FORMAL, R5, unseen,
                        SMART_FHIR_SUPPLY_REQUEST, SMART_PURPOSE_WRITE));
    assert_true(member(SMART_COMPARTMENT_SUBJECT, R5, unseen,
                       SMART_FHIR_SUPPLY_REQUEST, SMART_PURPOSE_WRITE));
    assert_true(member(SMART_COMPARTMENT_FORMAL, R5, others,
                       SMART_FHIR_SUPPLY_REQUEST, SMART_PURPOSE_READ));
    assert_false(member(SMART_COMPARTMENT_FORMAL, R5, others,
                        SMART_FHIR_SUPPLY_REQUEST, SMART_PURPOSE_WRITE));
}

static void urns_of_a_batch_are_resolved(void **state)
{
    static const smart_urn_t urns[] = {
        {{"urn:uuid:1", 10}, SMART_FHIR_PATIENT, {"pat-1", 5}},
        {{"urn:uuid:2", 10}, SMART_FHIR_PATIENT, {"pat-2", 5}},
        {{"urn:uuid:3", 10}, SMART_FHIR_PATIENT, {NULL, 0}},
        {{"urn:uuid:4", 10}, SMART_FHIR_PRACTITIONER, {NULL, 0}},
    };
    static const struct {
        smart_type_t type;
        const char *text;
        bool member;
    } cases[] = {
        {SMART_FHIR_OBSERVATION, "{\"subject\":" REF("urn:uuid:1") "}", true},
        {SMART_FHIR_OBSERVATION, "{\"subject\":" REF("urn:uuid:2") "}", false},
        {SMART_FHIR_OBSERVATION, "{\"subject\":" REF("urn:uuid:3") "}", false},
        {SMART_FHIR_OBSERVATION, "{\"subject\":" REF("urn:uuid:4") "}", false},
        {SMART_FHIR_OBSERVATION, "{\"subject\":" REF("urn:uuid:5") "}", false},
        {SMART_FHIR_APPOINTMENT,
         "{\"participant\":[" ACTOR("urn:uuid:1") "," ACTOR("urn:uuid:4") "]}",
         true},
        {SMART_FHIR_APPOINTMENT,
         "{\"participant\":[" ACTOR("urn:uuid:1") "," ACTOR("urn:uuid:3") "]}",
         false},
    };
    const smart_compartment_t c = compartment(SMART_COMPARTMENT_FORMAL);
    const smart_bases_t bases = {R4, urls, urns, 4};
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(smart_compartment_member(
                             &c, &bases, value_of(cases[i].text), cases[i].type,
                             "pat-1", SMART_PURPOSE_WRITE),
                         cases[i].member);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_inclusion_parameter_makes_members),
        cmocka_unit_test(rows_hold),
        cmocka_unit_test(nobody_has_no_compartment),
        cmocka_unit_test(what_is_added_counts_for_reading),
        cmocka_unit_test(what_could_not_be_read_is_not_written),
        cmocka_unit_test(urns_of_a_batch_are_resolved),
    };

    return cmocka_run_group_tests_name("member", tests, prepare, finish);
}
