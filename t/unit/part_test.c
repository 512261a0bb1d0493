/* SPDX-License-Identifier: Apache-2.0 */
/*
 * part_test.c: which scopes may be used together, and which not at all.
 */
#include "ask.h"

#include <apr_general.h>

#include "core/part.h"

#define READ "GET /Observation/1"

static const twin_t unions[] = {
    {"letters unite",
     BY_WITH("user/Observation.c user/Observation.s", "POST /Observation",
             "If-None-Exist: code=1"),
     MINIMAL,
     BY_WITH("user/Observation.c user/Condition.s", "POST /Observation",
             "If-None-Exist: code=1"),
     SMART_REASON_NO_SCOPE},
    {"with those on all types",
     BY_WITH("user/Observation.c user/*.s", "POST /Observation",
             "If-None-Exist: code=1"),
     MINIMAL,
     BY_WITH("user/Observation.c user/*.r", "POST /Observation",
             "If-None-Exist: code=1"),
     SMART_REASON_NO_SCOPE},
    {"not over contexts",
     BY_WITH("user/Observation.c user/Observation.s", "POST /Observation",
             "If-None-Exist: code=1"),
     MINIMAL,
     BY_WITH("user/Observation.c system/Observation.s", "POST /Observation",
             "If-None-Exist: code=1"),
     SMART_REASON_NO_SCOPE},
    {"not with constrained ones",
     BY_WITH("user/Observation.c user/Observation.s", "POST /Observation",
             "If-None-Exist: code=1"),
     MINIMAL,
     BY_WITH("user/Observation.c user/Observation.s" LAB, "POST /Observation",
             "If-None-Exist: code=1"),
     SMART_REASON_NO_SCOPE},
    {"not among constrained ones",
     BY_WITH("user/Observation.cs" LAB, "POST /Observation",
             "If-None-Exist: code=1"),
     BODY | NARROW | MINIMAL,
     BY_WITH("user/Observation.c" LAB " user/Observation.s" LAB,
             "POST /Observation", "If-None-Exist: code=1"),
     SMART_REASON_NO_SCOPE},
    {"a constrained one of all types", BY("user/*.r?_tag=a", READ), INSPECT,
     BY("user/*.s?_tag=a", READ), SMART_REASON_NO_SCOPE},
    {"another type", BY("user/Condition.r user/Observation.r", READ), 0,
     BY("user/Condition.r user/Observation.u", READ), SMART_REASON_NO_SCOPE},
    {"a page by a constrained scope",
     BY("user/Observation.s" LAB, "GET /?_page=2"), INSPECT,
     BY("user/Observation.r" LAB, "GET /?_page=2"), SMART_REASON_NO_SCOPE},
    {"two types by a constrained scope",
     BY("user/*.s", "GET /?_type=Observation,Condition"), 0,
     BY("user/Observation.s" LAB, "GET /?_type=Observation,Condition"),
     SMART_REASON_NO_SCOPE},
    {"the first of two types by a constrained scope",
     BY("user/*.s", "GET /?_type=Condition,Observation"), 0,
     BY("user/Condition.s?code=a", "GET /?_type=Condition,Observation"),
     SMART_REASON_NO_SCOPE},
};

static void letters_unite_within_a_part(void **state)
{
    ASSERT_TWINS(&ask_policy, unions);
}

static const twin_t usable[] = {
    {"patient/ needs a patient", OF("patient/Patient.r", "GET /Patient/pat-1"),
     INSPECT, BY("patient/Patient.r", "GET /Patient/pat-1"),
     SMART_REASON_NO_PATIENT},
    {"constrained patient/ as well", OF("patient/Observation.r" LAB, READ),
     INSPECT, BY("patient/Observation.r" LAB, READ), SMART_REASON_NO_PATIENT},
    {"a Practitioner", BY_USER("user/Observation.r", READ, "Practitioner/1"), 0,
     BY_USER("user/Observation.r", READ, "RelatedPerson/1"),
     SMART_REASON_FHIR_USER},
    {"a Practitioner, constrained",
     BY_USER("user/Observation.r" LAB, READ, "Practitioner/1"), INSPECT,
     BY_USER("user/Observation.r" LAB, READ, "Person/1"),
     SMART_REASON_FHIR_USER},
    {"no fhirUser", BY("user/Observation.r", READ), 0,
     BY_USER("user/Observation.r", READ, "Device/1"), SMART_REASON_FHIR_USER},
    {"a Patient is held to itself",
     BY_USER("user/Observation.r", READ, "Patient/p"), INSPECT,
     BY_USER("user/Observation.r", READ, "Patient/"), SMART_REASON_FHIR_USER},
    {"a Patient, constrained",
     BY_USER("user/Observation.r" LAB, READ, "Patient/p"), INSPECT,
     BY_USER("user/Observation.r" LAB, READ, "Patient/"),
     SMART_REASON_FHIR_USER},
    {"system/ looks at no user",
     BY_USER("system/Observation.r", READ, "Person/1"), 0,
     BY_USER("user/Observation.r", READ, "Person/1"), SMART_REASON_FHIR_USER},
    {"what is of no use lifts nothing",
     BY("system/Observation.s user/*.s", "GET /Observation?_include=*"), 0,
     BY("system/Observation.r user/*.r", "GET /Observation?_include=*"),
     SMART_REASON_NO_SCOPE},
};

static void some_parts_are_of_no_use(void **state)
{
    const ask_t include = {.scopes = "system/Observation.s user/*.s",
                           .request = "GET /Observation?_include=*",
                           .user = "Person/1"};
    const ask_t held = {.scopes = "system/Observation.s user/*.s",
                        .request = "GET /Observation?_include=*",
                        .user = "Patient/1"};

    ASSERT_TWINS(&ask_policy, usable);
    assert_permits(&ask_policy, "unusable", &include, INSPECT);
    assert_permits(&ask_policy, "held", &held, INSPECT);
}

static void fhir_user_may_be_required(void **state)
{
    static const twin_t required[] = {
        {"user/", BY_USER("user/Observation.r", READ, "Practitioner/1"), 0,
         BY("user/Observation.r", READ), SMART_REASON_FHIR_USER},
        {"constrained",
         BY_USER("user/Observation.r" LAB, READ, "Practitioner/1"), INSPECT,
         BY("user/Observation.r" LAB, READ), SMART_REASON_FHIR_USER},
    };
    smart_policy_t policy = ask_policy;

    policy.fhir_user = SMART_FHIR_USER_REQUIRED;
    ASSERT_TWINS(&policy, required);
}

/* Each scope permits; the first part that does is the one that counts. */
static void parts_are_tried_from_the_least_restricted_on(void **state)
{
    static const struct {
        const char *scope; /* alone, and with all below */
        const char *patient;
        bool restricted;
    } rows[] = {
        {"system/Observation.r", NULL, false},
        {"user/Observation.r", NULL, false},
        {"system/Observation.r?category=a", NULL, true},
        {"user/Observation.r?category=a", NULL, true},
        {"patient/Observation.r", "pat-1", true},
        {"patient/Observation.r?category=a", "pat-1", true},
    };
    const char *below = "";
    int n;

    for (n = 5; n >= 0; n--) {
        ask_t ask =
            OF(apr_pstrcat(pool, below, " ", rows[n].scope, NULL), READ);
        smart_decision_t d = ask_by(&ask_policy, &ask);
        assert_true(d.permit);
        assert_string_equal(d.scope, rows[n].scope);
        assert_false(differs(d.patient, rows[n].patient));
        assert_int_equal(d.restricted, rows[n].restricted);
        below = ask.scopes;
    }
}

static void a_patient_user_comes_before_the_launch_context(void **state)
{
    static const struct {
        const char *scopes;
        const char *scope;
        const char *patient;
    } rows[] = {
        {"patient/Observation.r user/Observation.r", "user/Observation.r", "u"},
        {"patient/Observation.r user/Observation.r?category=a",
         "patient/Observation.r", "p"},
        {"patient/Observation.r?category=a user/Observation.r?category=a",
         "user/Observation.r?category=a", "u"},
        {"user/Observation.r system/Observation.r?category=a",
         "system/Observation.r?category=a", NULL},
    };
    size_t n;

    for (n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        const ask_t ask = {.scopes = rows[n].scopes,
                           .request = READ,
                           .patient = "p",
                           .user = "Patient/u"};
        smart_decision_t d = ask_by(&ask_policy, &ask);
        assert_true(d.permit && d.restricted);
        assert_string_equal(d.scope, rows[n].scope);
        assert_false(differs(d.patient, rows[n].patient));
    }
}

/* A narrower part is asked when a wider one may not. */
static void a_wider_scope_is_no_hindrance(void **state)
{
    const ask_t ask = OF("user/Patient.u?gender=male patient/Patient.u",
                         "PUT /Patient/pat-1");
    smart_policy_t less = ask_policy;

    assert_string_equal(ask_by(&ask_policy, &ask).scope,
                        "user/Patient.u?gender=male");
    less.enforced = ALL & ~PREREAD;
    assert_permits(&less, "narrower", &ask, BODY | MINIMAL);
    assert_string_equal(ask_by(&less, &ask).scope, "patient/Patient.u");
}

/* The backend holds patients apart: patient/ is held to constraints alone. */
static void a_compartment_may_be_the_backends(void **state)
{
    static const twin_t off[] = {
        {"no compartment", OF("patient/Observation.rs", READ), 0,
         OF("patient/Condition.rs", READ), SMART_REASON_NO_SCOPE},
        {"but a patient", OF("patient/Observation.rs", READ), 0,
         BY("patient/Observation.rs", READ), SMART_REASON_NO_PATIENT},
        {"any Patient", OF("patient/Patient.r", "GET /Patient/pat-2"), 0,
         OF("patient/Patient.s", "GET /Patient/pat-2"), SMART_REASON_NO_SCOPE},
        {"constraints", OF("patient/Observation.rs" LAB, READ), INSPECT,
         OF("patient/Observation.s" LAB, READ), SMART_REASON_NO_SCOPE},
        {"a user who is a Patient",
         BY_USER("user/Observation.r", READ, "Patient/1"), 0,
         BY_USER("user/Observation.r", READ, "Patient/"),
         SMART_REASON_FHIR_USER},
        {"types outside", OF("patient/*.rs", "GET /MessageHeader"), 0,
         OF("patient/*.r", "GET /MessageHeader"), SMART_REASON_NO_SCOPE},
        {"still no export", OF("system/*.rs", "GET /$export"), 0,
         OF("patient/*.rs", "GET /$export"), SMART_REASON_NO_SCOPE},
    };
    const ask_t both = OF("system/Observation.s" LAB " patient/Observation.s",
                          "GET /Observation");
    smart_policy_t policy = ask_policy;
    smart_decision_t d;

    policy.compartment.mode = SMART_COMPARTMENT_OFF;
    ASSERT_TWINS(&policy, off);
    d = ask_by(&policy, &both); /* the wider one is not held back */
    assert_string_equal(d.scope, "patient/Observation.s");
    assert_null(d.patient);
    assert_false(d.restricted);
    assert_int_equal(d.obligations, 0);
    assert_string_equal(ask_by(&ask_policy, &both).scope,
                        "system/Observation.s" LAB);
}

static void what_grants_nothing_covers_nothing(void **state)
{
    static const smart_scope_t zero = {0};
    static const smart_scope_t constrained = {.type = SMART_TYPE_ANY,
                                              .constraint_len = 3};
    smart_grant_t grant = {0};
    smart_need_t need = smart_need_type(SMART_FHIR_OBSERVATION, 0);
    smart_part_t part = {0};
    int scope, n;

    grant.scopes = &zero;
    grant.scope_count = 1;
    for (n = 0; n < SMART_PARTS; n++) {
        assert_false(smart_part_at(&grant, &ask_policy, n, &part));
    }
    assert_false(smart_part_covers(&grant, &part, &need, &scope));
    need.letters = SMART_LETTER_R;
    assert_false(smart_part_covers(&grant, &part, &need, &scope));
    memset(&need, 0, sizeof(need));
    part.constrained = true;
    assert_false(smart_part_covers(&grant, &part, &need, &scope));
    assert_int_equal(scope, -1);
    need.letters = SMART_LETTER_R;
    assert_false(smart_part_covers(&grant, &part, &need, &scope));
    need = smart_need_type(SMART_FHIR_OBSERVATION, 0);
    grant.scopes = &constrained;
    assert_false(smart_part_covers(&grant, &part, &need, &scope));
    grant.scopes = &zero;
    memset(&need, 0, sizeof(need));
    need.letters = SMART_LETTER_R;
    need.kind = SMART_NEED_TYPES; /* of no type */
    part.constrained = false;
    assert_false(smart_part_covers(&grant, &part, &need, &scope));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_unite_within_a_part),
        cmocka_unit_test(some_parts_are_of_no_use),
        cmocka_unit_test(fhir_user_may_be_required),
        cmocka_unit_test(parts_are_tried_from_the_least_restricted_on),
        cmocka_unit_test(a_patient_user_comes_before_the_launch_context),
        cmocka_unit_test(a_wider_scope_is_no_hindrance),
        cmocka_unit_test(a_compartment_may_be_the_backends),
        cmocka_unit_test(what_grants_nothing_covers_nothing),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
