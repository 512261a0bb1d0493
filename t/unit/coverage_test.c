/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coverage_test.c: what a grant covers, each time with a twin that it does
 * not; and, of random grants and resources: a scope less never covers more, a
 * constraint more neither, and the order of scopes does not matter.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "json_value.h"

#include "core/coverage.h"

#define R SMART_LETTER_R
#define S SMART_LETTER_S
#define C SMART_LETTER_C
#define U SMART_LETTER_U
#define D SMART_LETTER_D

static const char *const urls[] = {"https://fhir.example.org/fhir", NULL};

/* ---- rows ---- */

typedef struct row_t {
    const char *scopes;
    const char *user;    /* fhirUser */
    const char *letters; /* of r, s, c, u, d, those that cover */
    const char *resource;
} row_t;

#define PAT(id) "{\"reference\":\"Patient/" id "\"}"
#define OBS(id) "{\"resourceType\":\"Observation\",\"subject\":" PAT(id) "}"
#define OBS_OF(id, code)                                                       \
    "{\"resourceType\":\"Observation\",\"subject\":" PAT(                      \
        id) ",\"category\":[{\"coding\":[{\"system\":\"http://c\","            \
            "\"code\":\"" code "\"}]}],\"status\":\"final\"}"
#define LAB_OF(id)   OBS_OF(id, "laboratory")
#define VITAL_OF(id) OBS_OF(id, "vital-signs")
#define BY_PERFORMER                                                           \
    "{\"resourceType\":\"Observation\",\"subject\":" PAT(                      \
        "pat-2") ",\"performer\":[" PAT("pat-1") "]}"
#define VALUED(type)       "{\"resourceType\":\"" type "\",\"id\":\"x\"}"
#define LAB_SCOPE(letters) "patient/Observation." letters "?category=laboratory"

/* The patient of the context is pat-1. */
static const row_t rows[] = {
    /* letters and types */
    {"patient/Observation.rs", NULL, "rs", OBS("pat-1")},
    {"patient/Observation.r", NULL, "r", OBS("pat-1")},
    {"patient/Observation.cud", NULL, "cud", OBS("pat-1")},
    {"patient/*.cruds", NULL, "rscud", OBS("pat-1")},
    {"patient/Condition.cruds", NULL, "", OBS("pat-1")},
    {"openid", NULL, "", OBS("pat-1")},
    {"", NULL, "", OBS("pat-1")},
    /* compartment */
    {"patient/*.cruds", NULL, "", OBS("pat-2")},
    {"patient/*.cruds", NULL, "rs", BY_PERFORMER},
    {"patient/*.cruds", NULL, "",
     "{\"resourceType\":\"Observation\",\"subject\":{\"identifier\":{"
     "\"value\":\"pat-1\"}}}"},
    {"patient/*.cruds", NULL, "rscud",
     "{\"resourceType\":\"Patient\",\"id\":\"pat-1\"}"},
    {"patient/*.cruds", NULL, "",
     "{\"resourceType\":\"Patient\",\"id\":\"pat-2\",\"link\":[{\"other\":" PAT(
         "pat-1") "}]}"},
    /* shared types are read */
    {"patient/*.cruds", NULL, "rs", VALUED("Practitioner")},
    {"patient/Practitioner.r", NULL, "r", VALUED("Practitioner")},
    {"patient/Organization.r", NULL, "", VALUED("Practitioner")},
    {"patient/*.cruds", NULL, "rs", VALUED("Questionnaire")},
    {"patient/*.cruds", NULL, "", VALUED("Contract")},
    {"patient/*.cruds", NULL, "", VALUED("Subscription")},
    {"patient/*.cruds", NULL, "", VALUED("Binary")},
    {"patient/*.cruds", NULL, "", VALUED("Device")},
    /* not held to a patient */
    {"user/*.cruds", NULL, "rscud", OBS("pat-2")},
    {"system/Observation.rs", NULL, "rs", OBS("pat-2")},
    {"user/*.cruds", NULL, "rscud", VALUED("Contract")},
    {"user/*.cruds", NULL, "rscud", VALUED("Practitioner")},
    {"user/*.cruds", "Practitioner/p", "rscud", OBS("pat-2")},
    /* users who are held to one, or are nobody */
    {"user/*.cruds", "Patient/pat-1", "rscud", OBS("pat-1")},
    {"user/*.cruds", "Patient/pat-1", "", OBS("pat-2")},
    {"user/*.cruds", "Patient/pat-2", "rscud", OBS("pat-2")},
    {"user/*.cruds", "Patient/pat-1", "rs", VALUED("Practitioner")},
    {"user/*.cruds", "RelatedPerson/r", "", OBS("pat-1")},
    {"user/*.r patient/*.u", "Patient/pat-2", "r", OBS("pat-2")},
    {"user/*.r patient/*.u", "Patient/pat-2", "u", OBS("pat-1")},
    /* constraints */
    {LAB_SCOPE("rs"), NULL, "rs", LAB_OF("pat-1")},
    {LAB_SCOPE("rs"), NULL, "", VITAL_OF("pat-1")},
    {LAB_SCOPE("rs"), NULL, "", LAB_OF("pat-2")},
    {LAB_SCOPE("cruds"), NULL, "rscud", LAB_OF("pat-1")},
    {LAB_SCOPE("cruds"), NULL, "", OBS("pat-1")},
    {"user/Observation.rs?category=laboratory", NULL, "rs", LAB_OF("pat-2")},
    {"user/Observation.rs?category=laboratory", NULL, "", VITAL_OF("pat-2")},
    {"user/Observation.rs?category=laboratory", "Patient/pat-1", "",
     LAB_OF("pat-2")},
    {"system/*.rs?_security=R", NULL, "",
     "{\"resourceType\":\"Observation\",\"meta\":{\"tag\":[{\"code\":\"R\"}]}"
     "}"},
    {"system/*.rs?_security=R", NULL, "rs",
     "{\"resourceType\":\"Observation\",\"meta\":{\"security\":[{\"code\":"
     "\"R\"}]}}"},
    /* one scope alone: no pooling of letters, no pooling of pairs */
    {LAB_SCOPE("r") " patient/Observation.s?status=final", NULL, "rs",
     LAB_OF("pat-1")},
    {LAB_SCOPE("r") " patient/Observation.s?status=final", NULL, "s",
     VITAL_OF("pat-1")},
    {LAB_SCOPE("r") " patient/Observation.s?status=amended", NULL, "r",
     LAB_OF("pat-1")},
    {LAB_SCOPE("rs") " patient/Observation.rs?category=vital-signs", NULL, "rs",
     VITAL_OF("pat-1")},
    {"patient/Observation.rs?category=laboratory&status=amended", NULL, "",
     LAB_OF("pat-1")},
    {"patient/Observation.rs?category=laboratory&status=final", NULL, "rs",
     LAB_OF("pat-1")},
    /* a wider scope is not held back by a narrower one */
    {LAB_SCOPE("rs") " patient/Observation.r", NULL, "r", VITAL_OF("pat-1")},
    {LAB_SCOPE("rs") " user/Observation.r", NULL, "r", VITAL_OF("pat-2")},
    /* never */
    {"system/*.cruds", NULL, "", VALUED("OperationOutcome")},
    {"system/*.cruds", NULL, "", VALUED("Parameters")},
    {"system/*.cruds", NULL, "", VALUED("Observaton")},
    {"system/*.cruds", NULL, "", VALUED("observation")},
    {"system/*.cruds", NULL, "", VALUED("NutritionIntake")}, /* R5 */
    {"system/*.cruds", NULL, "", "{\"id\":\"x\"}"},
    {"system/*.cruds", NULL, "", "{\"resourceType\":[\"Observation\"]}"},
    {"system/*.cruds", NULL, "", "{\"resourceType\":null}"},
    {"system/*.cruds", NULL, "", "{}"},
    {"system/*.cruds", NULL, "", "[]"},
    {"system/*.cruds", NULL, "", "[" OBS("pat-1") "]"},
    /* a Bundle may hold anything */
    {"system/*.cruds", NULL, "rscud", VALUED("Bundle")},
    {"user/Bundle.r", NULL, "r", VALUED("Bundle")},
    {"patient/*.cruds", NULL, "", VALUED("Bundle")},
    {"system/*.cruds?_id=x", NULL, "", VALUED("Bundle")},
};

static const struct {
    char name;
    smart_letters_t letter;
} letters[] = {{'r', R}, {'s', S}, {'c', C}, {'u', U}, {'d', D}};

static smart_coverage_t coverage_of(const smart_policy_t *policy,
                                    const smart_grant_t *grant)
{
    smart_coverage_t c = {policy, grant, {policy->version, urls, NULL, 0}};

    return c;
}

static bool covers(const smart_coverage_t *c, smart_letters_t letter,
                   const smart_json_t *resource)
{
    if (letter == R || letter == S) {
        return smart_coverage_read(c, letter, resource, pool);
    }
    if (letter == D) {
        return smart_coverage_current(c, letter, resource, pool);
    }
    return smart_coverage_write(c, letter, resource, pool);
}

static const char *covered_by(const smart_policy_t *policy, const ask_t *ask,
                              const char *resource)
{
    const smart_grant_t grant = ask_grant(policy->version, ask);
    const smart_coverage_t c = coverage_of(policy, &grant);
    const smart_json_t *json = value_of(resource);
    const char *covered = "";
    apr_size_t i;

    for (i = 0; i < 5; i++) {
        if (covers(&c, letters[i].letter, json)) {
            covered = apr_psprintf(pool, "%s%c", covered, letters[i].name);
        }
    }
    assert_int_equal(smart_coverage_current(&c, U, json, pool),
                     smart_coverage_write(&c, U, json, pool));
    return covered;
}

static void rows_hold(void **state)
{
    apr_size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const ask_t ask = {rows[i].scopes, "", "pat-1", rows[i].user, NULL};
        const char *got = covered_by(&ask_policy, &ask, rows[i].resource);

        if (strcmp(got, rows[i].letters) != 0) {
            fail_msg("%s covers %s by \"%s\", not \"%s\"", rows[i].scopes,
                     rows[i].resource, got, rows[i].letters);
        }
    }
}

static void without_a_patient_nothing_of_patients(void **state)
{
    const ask_t none = {"patient/*.cruds", "", NULL, NULL, NULL};
    const ask_t nobody = {"user/*.cruds", "", NULL, "Patient/", NULL};

    assert_string_equal(covered_by(&ask_policy, &none, OBS("")), "");
    assert_string_equal(covered_by(&ask_policy, &none, OBS("pat-1")), "");
    assert_string_equal(covered_by(&ask_policy, &none, VALUED("Practitioner")),
                        "");
    assert_string_equal(covered_by(&ask_policy, &nobody, OBS("pat-1")), "");
}

static void configuration_counts(void **state)
{
    smart_policy_t policy = ask_policy;
    const ask_t patient = {"patient/*.cruds", "", "pat-1", NULL, NULL};
    const ask_t lab = {LAB_SCOPE("rs"), "", "pat-1", NULL, NULL};
    const ask_t user = {"user/*.cruds", "", "pat-1", NULL, NULL};

    policy.compartment.mode = SMART_COMPARTMENT_SUBJECT;
    assert_string_equal(covered_by(&policy, &patient, BY_PERFORMER), "");
    assert_string_equal(covered_by(&policy, &patient, OBS("pat-1")), "rscud");
    policy.compartment.mode = SMART_COMPARTMENT_OFF;
    assert_string_equal(covered_by(&policy, &patient, OBS("pat-2")), "rscud");
    assert_string_equal(covered_by(&policy, &lab, VITAL_OF("pat-2")), "");
    assert_string_equal(covered_by(&policy, &lab, LAB_OF("pat-2")), "rs");
    policy = ask_policy;
    memset(&policy.compartment.shared, 0, sizeof(policy.compartment.shared));
    assert_string_equal(covered_by(&policy, &patient, VALUED("Practitioner")),
                        "");
    smart_typeset_add(&policy.compartment.shared, SMART_FHIR_BUNDLE);
    assert_string_equal(covered_by(&policy, &patient, VALUED("Bundle")), "");
    policy = ask_policy;
    policy.fhir_user = SMART_FHIR_USER_REQUIRED;
    assert_string_equal(covered_by(&policy, &user, OBS("pat-1")), "");
    policy = ask_policy;
    policy.version = SMART_FHIR_R5;
    assert_string_equal(covered_by(&policy, &user, VALUED("NutritionIntake")),
                        "rscud");
    policy.version = SMART_FHIR_NONE;
    assert_string_equal(covered_by(&policy, &user, OBS("pat-1")), "");
}

static void no_letter_is_no_permission(void **state)
{
    const ask_t ask = {"system/*.cruds", "", NULL, NULL, NULL};
    const smart_grant_t grant = ask_grant(SMART_FHIR_R4, &ask);
    const smart_coverage_t c = coverage_of(&ask_policy, &grant);
    const smart_json_t *json = value_of(OBS("pat-1"));

    assert_false(smart_coverage_read(&c, 0, json, pool));
    assert_false(smart_coverage_read(&c, C, json, pool));
    assert_false(smart_coverage_write(&c, 0, json, pool));
    assert_false(smart_coverage_write(&c, R, json, pool));
    assert_false(smart_coverage_read(&c, R, NULL, pool));
}

/* ---- properties ---- */

static unsigned long long seed = 88172645463325252ull;

static unsigned draw(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 11) % n;
}

#define PICK(list) ((list)[draw(sizeof(list) / sizeof((list)[0]))])

static const char *random_reference(void)
{
    static const char *const texts[] = {
        "\"Patient/pat-1\"",
        "\"Patient/pat-2\"",
        "\"Group/pat-1\"",
        "\"https://fhir.example.org/fhir/Patient/pat-1\"",
        "\"#p\"",
        "null"};

    return apr_psprintf(pool, "{\"reference\":%s}", PICK(texts));
}

static const char *random_resource(void)
{
    static const char *const types[] = {
        "Observation", "Condition", "Patient",   "Practitioner", "Coverage",
        "Appointment", "Contract",  "Encounter", "Bundle",       "Device"};
    static const char *const members[] = {
        "subject", "patient", "performer", "beneficiary", "asserter", "for"};
    static const char *const codes[] = {"laboratory", "vital-signs", "x"};
    static const char *const ids[] = {"pat-1", "pat-2", "x"};
    const char *text = apr_psprintf(
        pool, "{\"resourceType\":\"%s\",\"id\":\"%s\"", PICK(types), PICK(ids));
    unsigned first = draw(6);
    unsigned n = draw(3);

    while (n--) {
        text = apr_psprintf(pool, draw(2) ? "%s,\"%s\":%s" : "%s,\"%s\":[%s]",
                            text, members[(first + n) % 6], random_reference());
    }
    if (draw(2)) {
        text = apr_psprintf(
            pool, "%s,\"category\":[{\"coding\":[{\"code\":\"%s\"}]}]", text,
            PICK(codes));
    }
    if (draw(2)) {
        text = apr_psprintf(pool, "%s,\"meta\":{\"tag\":[{\"code\":\"%s\"}]}",
                            text, PICK(codes));
    }
    return apr_pstrcat(pool, text, "}", NULL);
}

static const char *random_scope(void)
{
    static const char *const contexts[] = {"patient", "user", "system",
                                           "patient"};
    static const char *const types[] = {"*", "Observation", "Condition",
                                        "Patient", "Appointment"};
    static const char *const some[] = {"rs", "r", "s", "cruds", "cud", "u"};
    static const char *const constraints[] = {"",
                                              "",
                                              "?category=laboratory",
                                              "?_tag=x",
                                              "?_tag=x&_id=pat-1",
                                              "?category=laboratory,x",
                                              "?patient=pat-1"};

    return apr_pstrcat(pool, PICK(contexts), "/", PICK(types), ".", PICK(some),
                       PICK(constraints), NULL);
}

#define SCOPES 4

/* All scopes but one (-1: all), turned round. */
static const char *joined(const char *const *scopes, int but, int turn)
{
    const char *text = "";
    int i;

    for (i = 0; i < SCOPES; i++) {
        const int at = (i + turn) % SCOPES;

        if (at != but) {
            text = apr_pstrcat(pool, text, *text ? " " : "", scopes[at], NULL);
        }
    }
    return text;
}

static const char *random_user(void)
{
    static const char *const users[] = {NULL, "Patient/pat-1", "Patient/pat-2",
                                        "Practitioner/p", "Person/p"};

    return PICK(users);
}

/* Whether all letters of one are in another. */
static bool within(const char *one, const char *other)
{
    return strspn(one, other) == strlen(one);
}

static void less_never_covers_more(void **state)
{
    unsigned covered = 0;
    int round;

    for (round = 0; round < 4000; round++) {
        const char *scopes[SCOPES];
        const char *resource = random_resource();
        ask_t ask = {"", "", draw(5) ? "pat-1" : NULL, random_user(), NULL};
        const char *all;
        int i;

        for (i = 0; i < SCOPES; i++) {
            scopes[i] = random_scope();
        }
        ask.scopes = joined(scopes, -1, 0);
        all = covered_by(&ask_policy, &ask, resource);
        covered += *all != '\0';
        for (i = 0; i < SCOPES; i++) {
            const char *was = scopes[i];

            ask.scopes = joined(scopes, -1, i);
            assert_string_equal(covered_by(&ask_policy, &ask, resource), all);
            ask.scopes = joined(scopes, i, 0);
            if (!within(covered_by(&ask_policy, &ask, resource), all)) {
                fail_msg("without %s: %s", was, ask.scopes);
            }
            scopes[i] = apr_pstrcat(pool, was, strchr(was, '?') ? "&" : "?",
                                    "_tag=laboratory", NULL);
            ask.scopes = joined(scopes, -1, 0);
            if (!within(covered_by(&ask_policy, &ask, resource), all)) {
                fail_msg("with %s", scopes[i]);
            }
            scopes[i] = was;
        }
        apr_pool_clear(pool);
    }
    /* Both sides are met. */
    assert_in_range(covered, 400, 3600);
}

/* To be read: with an element more, what was covered still is. */
static void elements_never_uncover(void **state)
{
    int round;

    for (round = 0; round < 4000; round++) {
        const char *resource = random_resource();
        const apr_size_t len = strlen(resource) - 1;
        const char *more = apr_psprintf(
            pool, "%.*s,\"onset\":1,\"focus\":[%s],\"recorder\":%s}", (int)len,
            resource, random_reference(), random_reference());
        const ask_t ask = {
            joined((const char *[]){random_scope(), random_scope(),
                                    random_scope(), random_scope()},
                   -1, 0),
            "", "pat-1", random_user(), NULL};
        const smart_grant_t grant = ask_grant(SMART_FHIR_R4, &ask);
        const smart_coverage_t c = coverage_of(&ask_policy, &grant);

        if (covers(&c, R, value_of(resource)) &&
            !covers(&c, R, value_of(more))) {
            fail_msg("%s covers %s, not %s", ask.scopes, resource, more);
        }
        apr_pool_clear(pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_hold),
        cmocka_unit_test(without_a_patient_nothing_of_patients),
        cmocka_unit_test(configuration_counts),
        cmocka_unit_test(no_letter_is_no_permission),
        cmocka_unit_test(less_never_covers_more),
        cmocka_unit_test(elements_never_uncover),
    };

    return cmocka_run_group_tests_name("coverage", tests, prepare, finish);
}
