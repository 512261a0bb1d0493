/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compartment_test.c: which types a patient's compartment has, what is
 * shared, and which parameter narrows a search to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>

#include "core/compartment.h"

static apr_pool_t *pool;

static smart_type_t type_of(const char *name)
{
    smart_type_t type = smart_fhir_type(SMART_FHIR_R5, smart_slice(name));

    if (!type) {
        type = smart_fhir_type(SMART_FHIR_R4, smart_slice(name));
    }
    assert_true(type != SMART_TYPE_NONE);
    return type;
}

/* param NULL: the compartment has no such type. */
static const struct {
    smart_fhir_e v;
    const char *type;
    const char *param;
    bool shared;
} rows[] = {
    {SMART_FHIR_R4, "Patient", "_id", false},
    {SMART_FHIR_R5, "Patient", "_id", false},
    {SMART_FHIR_R4, "Observation", "patient", false},
    {SMART_FHIR_R4, "AllergyIntolerance", "patient", false},
    {SMART_FHIR_R4, "MolecularSequence", "patient", false},
    {SMART_FHIR_R5, "MolecularSequence", "patient", false},
    {SMART_FHIR_R4, "Appointment", "patient", false},
    {SMART_FHIR_R4, "Group", "member", false},
    {SMART_FHIR_R4, "Schedule", "actor", false},
    {SMART_FHIR_R4, "ResearchSubject", "patient", false},
    {SMART_FHIR_R4, "RequestGroup", "patient", false},
    {SMART_FHIR_R5, "RequestGroup", NULL, false}, /* no type of R5 */
    {SMART_FHIR_R4, "Coverage", "patient", false},
    {SMART_FHIR_R4, "Device", "patient", false}, /* added */
    {SMART_FHIR_R5, "Device", NULL, false},      /* has no such parameter */
    {SMART_FHIR_R4, "Task", "patient", false},   /* added */
    {SMART_FHIR_R5, "Task", "patient", false},   /* by definition */
    {SMART_FHIR_R4, "Practitioner", NULL, true},
    {SMART_FHIR_R4, "Organization", NULL, true},
    {SMART_FHIR_R5, "Measure", NULL, true},
    {SMART_FHIR_R4, "Binary", NULL, false},
    {SMART_FHIR_R4, "Bundle", NULL, false},
    {SMART_FHIR_R4, "MessageHeader", NULL, false},
    {SMART_FHIR_R4, "Contract", NULL, false}, /* has a parameter patient */
    {SMART_FHIR_NONE, "Patient", NULL, false},
    {SMART_FHIR_NONE, "Practitioner", NULL, false},
};

static void every_type_has_its_place(void **state)
{
    smart_compartment_t c = smart_compartment_default();
    const char *param;
    size_t n;

    for (n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        smart_type_t type = type_of(rows[n].type);
        param = smart_compartment_param(&c, rows[n].v, type);
        if (!param != !rows[n].param ||
            (param && strcmp(param, rows[n].param) != 0)) {
            fail_msg("%s: %s instead of %s", rows[n].type,
                     param ? param : "nothing",
                     rows[n].param ? rows[n].param : "nothing");
        }
        if (smart_compartment_has(&c, rows[n].v, type) !=
                (rows[n].param != NULL) ||
            smart_compartment_shares(&c, rows[n].v, type) != rows[n].shared) {
            fail_msg("%s is not in its place", rows[n].type);
        }
    }
}

/* Whatever the version: a type is in one place, and what is in the
 * compartment can be narrowed to by a parameter that selects. */
static void no_type_is_in_two_places(void **state)
{
    smart_compartment_t c = smart_compartment_default();
    smart_fhir_e v;
    smart_type_t type;

    for (v = SMART_FHIR_R4; v <= SMART_FHIR_R5; v++) {
        int has = 0, shared = 0;

        for (type = smart_fhir_type_next(v, 0); type;
             type = smart_fhir_type_next(v, type)) {
            const char *param = smart_compartment_param(&c, v, type);

            assert_false(smart_compartment_has(&c, v, type) &&
                         smart_compartment_shares(&c, v, type));
            assert_true(smart_compartment_has(&c, v, type) == (param != NULL));
            assert_true(!param || smart_compartment_selects(
                                      &c, v, type, smart_slice(param)));
            assert_true(!param || strcmp(param, SMART_FHIR_DEF) != 0);
            has += param != NULL;
            shared += smart_compartment_shares(&c, v, type);
        }
        assert_in_range(has, 60, 80);
        assert_int_equal(shared, 23);
    }
}

static void what_is_added_counts_where_it_can(void **state)
{
    static const smart_compartment_param_t extra[] = {
        {SMART_FHIR_CONTRACT, "foo"},     /* no such parameter */
        {SMART_FHIR_CONTRACT, "status"},  /* no reference */
        {SMART_FHIR_LOCATION, "partof"},  /* of no Patient */
        {SMART_FHIR_CONTRACT, "patient"}, /* of one */
        {SMART_FHIR_GROUP, "managing-entity"},
        {SMART_FHIR_PRACTITIONER, "communication"},
    };
    smart_compartment_t c = {0};

    assert_false(smart_compartment_has(&c, SMART_FHIR_R4, SMART_FHIR_CONTRACT));
    c.extra = extra;
    c.extra_count = 3;
    assert_false(smart_compartment_has(&c, SMART_FHIR_R4, SMART_FHIR_CONTRACT));
    assert_false(smart_compartment_has(&c, SMART_FHIR_R4, SMART_FHIR_LOCATION));
    assert_false(smart_compartment_selects(
        &c, SMART_FHIR_R4, SMART_FHIR_CONTRACT, smart_slice("status")));
    c.extra_count = 6;
    assert_true(smart_compartment_has(&c, SMART_FHIR_R4, SMART_FHIR_CONTRACT));
    assert_string_equal(
        smart_compartment_param(&c, SMART_FHIR_R4, SMART_FHIR_CONTRACT),
        "patient");
    assert_false(
        smart_compartment_has(&c, SMART_FHIR_R4, SMART_FHIR_PRACTITIONER));
}

static void what_the_compartment_has_is_not_shared(void **state)
{
    smart_compartment_t c = {0};

    smart_typeset_add(&c.shared, SMART_FHIR_OBSERVATION);
    smart_typeset_add(&c.shared, SMART_FHIR_PATIENT);
    smart_typeset_add(&c.shared, SMART_FHIR_BINARY);
    assert_false(
        smart_compartment_shares(&c, SMART_FHIR_R4, SMART_FHIR_OBSERVATION));
    assert_false(
        smart_compartment_shares(&c, SMART_FHIR_R4, SMART_FHIR_PATIENT));
    assert_true(smart_compartment_shares(&c, SMART_FHIR_R4, SMART_FHIR_BINARY));
    c.shared.all = true;
    assert_false(
        smart_compartment_shares(&c, SMART_FHIR_R4, SMART_FHIR_BUNDLE));
}

static void some_parameters_say_whose(void **state)
{
    static const struct {
        smart_type_t type;
        const char *name;
        bool selects;
    } params[] = {
        {SMART_FHIR_PATIENT, "_id", true},
        {SMART_FHIR_PATIENT, "link", true},
        {SMART_FHIR_PATIENT, "name", false},
        {SMART_FHIR_OBSERVATION, "_id", false},
        {SMART_FHIR_OBSERVATION, "patient", true},
        {SMART_FHIR_OBSERVATION, "subject", true},
        {SMART_FHIR_OBSERVATION, "performer", true},
        {SMART_FHIR_OBSERVATION, "Patient", false},
        {SMART_FHIR_OBSERVATION, "code", false},
        {SMART_FHIR_DEVICE, "patient", true},
        {SMART_FHIR_DEVICE, "type", false},
        {SMART_FHIR_MEASURE_REPORT, "subject", true},
        {SMART_FHIR_CONTRACT, "signer", true}, /* added here */
        {SMART_FHIR_CONTRACT, "status", false},
    };
    static const smart_compartment_param_t extra[] = {
        {SMART_FHIR_DEVICE, "patient"}, {SMART_FHIR_CONTRACT, "signer"}};
    smart_compartment_t c = smart_compartment_default();
    size_t n;

    c.extra = extra;
    c.extra_count = 2;
    assert_string_equal(
        smart_compartment_param(&c, SMART_FHIR_R4, SMART_FHIR_CONTRACT),
        "signer"); /* not its patient: that makes no members */
    for (n = 0; n < sizeof(params) / sizeof(params[0]); n++) {
        if (smart_compartment_selects(&c, SMART_FHIR_R4, params[n].type,
                                      smart_slice(params[n].name)) !=
            params[n].selects) {
            fail_msg("%s", params[n].name);
        }
    }
}

static void nothing_set_has_the_least(void **state)
{
    const smart_compartment_t c = {0};

    assert_int_equal(c.mode, SMART_COMPARTMENT_SUBJECT);
    assert_int_equal(smart_compartment_default().mode,
                     SMART_COMPARTMENT_FORMAL);
    assert_false(smart_compartment_has(&c, SMART_FHIR_R4, SMART_FHIR_DEVICE));
    assert_false(
        smart_compartment_shares(&c, SMART_FHIR_R4, SMART_FHIR_PRACTITIONER));
    assert_false(smart_compartment_has(&c, SMART_FHIR_R4, SMART_TYPE_NONE));
    assert_false(smart_compartment_has(&c, SMART_FHIR_R4, SMART_TYPE_ANY));
    assert_false(smart_compartment_shares(&c, SMART_FHIR_R4, SMART_TYPE_ANY));
}

/* --- words --------------------------------------------------------------- */

static bool share(smart_typeset_t *set, const char *text, const char **perror)
{
    const char *words[8] = {NULL};
    char *rest = apr_pstrdup(pool, text), *last;
    int n = 0;

    while ((words[n] = apr_strtok(n ? NULL : rest, " ", &last)) != NULL) {
        n++;
    }
    return smart_compartment_share(words, n, set, pool, perror);
}

static void names_replace_and_signs_edit(void **state)
{
    static const struct {
        const char *text;
        bool location, binary;
    } lists[] = {
        {"Binary Location", true, true},
        {"Binary", false, true},
        {"+Binary", true, true},
        {"-Location +Binary", false, true},
        {"-Location -Binary", false, false},
        {"-Binary", true, false},
        {"NutritionIntake", false, false}, /* R5 */
        {"", false, false},
    };
    const char *error;
    size_t n;

    for (n = 0; n < sizeof(lists) / sizeof(lists[0]); n++) {
        smart_typeset_t set = smart_compartment_default().shared;

        assert_true(share(&set, lists[n].text, &error));
        assert_null(error);
        assert_int_equal(smart_typeset_lists(&set, SMART_FHIR_LOCATION),
                         lists[n].location);
        assert_int_equal(smart_typeset_lists(&set, SMART_FHIR_BINARY),
                         lists[n].binary);
        assert_false(set.all);
    }
}

static void a_wrong_word_is_named(void **state)
{
    static const struct {
        const char *text;
        const char *word;
    } lists[] = {{"+Binary Location", "Location"},
                 {"Binary -Location", "-Location"},
                 {"Binary Foo", "Foo"},
                 {"+location", "+location"},
                 {"+", "+"},
                 {"*", "*"}};
    static const char *const params[] = {"Device", "Device:", ":patient",
                                         "Foo:patient", "*:patient"};
    smart_compartment_param_t extra = {0};
    const char *error;
    size_t n;

    for (n = 0; n < sizeof(lists) / sizeof(lists[0]); n++) {
        smart_typeset_t set = smart_compartment_default().shared, before = set;

        assert_false(share(&set, lists[n].text, &error));
        assert_non_null(strstr(error, lists[n].word));
        assert_memory_equal(&set, &before, sizeof(set));
    }
    for (n = 0; n < sizeof(params) / sizeof(params[0]); n++) {
        assert_false(smart_compartment_add(params[n], pool, &extra, &error));
        assert_non_null(strstr(error, params[n]));
        assert_null(extra.param);
    }
    assert_true(smart_compartment_add("Task:owner", pool, &extra, &error));
    assert_null(error);
    assert_int_equal(extra.type, SMART_FHIR_TASK);
    assert_true(/* of R4 alone */
                smart_compartment_add("RequestGroup:subject", pool, &extra,
                                      &error));
    assert_true(smart_compartment_add("Task:patient", pool, &extra, &error));
    assert_string_equal(extra.param, "patient");
}

static void a_version_may_not_have_it(void **state)
{
    static const struct {
        smart_fhir_e v;
        const char *param;
        const char *shared;
        const char *word; /* NULL: nothing is wrong */
    } checks[] = {
        {SMART_FHIR_R4, "Device:patient", "Binary", NULL},
        {SMART_FHIR_R5, "Device:patient", "Binary", "Device:patient"},
        {SMART_FHIR_R4, "Device:type", "Binary", "Device:type"},
        {SMART_FHIR_R4, "Device:foo", "Binary", "Device:foo"},
        {SMART_FHIR_R4, "NutritionIntake:subject", "Binary",
         "NutritionIntake:subject"},
        {SMART_FHIR_R5, "NutritionIntake:subject", "Binary", NULL},
        {SMART_FHIR_R4, "Task:patient", "NutritionIntake", "NutritionIntake"},
        {SMART_FHIR_R4, "Task:patient", "Observation", "Observation"},
        {SMART_FHIR_R4, "Task:patient", "Task", "Task"},
        {SMART_FHIR_R4, "Task:patient", "Patient", "Patient"},
    };
    smart_compartment_t c = smart_compartment_default();
    const char *error;
    size_t n;

    assert_true(smart_compartment_check(&c, SMART_FHIR_R4, pool, &error));
    assert_true(smart_compartment_check(&c, SMART_FHIR_R5, pool, &error));
    for (n = 0; n < sizeof(checks) / sizeof(checks[0]); n++) {
        smart_compartment_param_t extra;

        assert_true(
            smart_compartment_add(checks[n].param, pool, &extra, &error));
        c = smart_compartment_default();
        c.extra = &extra;
        c.extra_count = 1;
        assert_true(share(&c.shared, checks[n].shared, &error));
        assert_int_equal(smart_compartment_check(&c, checks[n].v, pool, &error),
                         !checks[n].word);
        assert_true(!error == !checks[n].word);
        assert_true(!error || strstr(error, checks[n].word));
    }
}

static void the_first_fault_is_not_forgotten(void **state)
{
    static const smart_compartment_param_t extra[] = {
        {SMART_FHIR_CONTRACT, "status"}, {SMART_FHIR_CONTRACT, "patient"}};
    static const smart_compartment_param_t newer[] = {
        {SMART_FHIR_NUTRITION_INTAKE, "subject"}};
    smart_compartment_t c = smart_compartment_default();
    const char *error;

    c.extra = extra;
    c.extra_count = 2;
    assert_false(smart_compartment_check(&c, SMART_FHIR_R4, pool, &error));
    assert_non_null(strstr(error, "Contract:status"));
    c.extra = newer;
    c.extra_count = 1;
    assert_false(smart_compartment_check(&c, SMART_FHIR_R4, pool, &error));
    assert_non_null(strstr(error, "has no such type"));
    c = smart_compartment_default();
    smart_typeset_add(&c.shared, SMART_FHIR_ACCOUNT);
    smart_typeset_add(&c.shared, SMART_FHIR_VISION_PRESCRIPTION);
    assert_false(smart_compartment_check(&c, SMART_FHIR_R4, pool, &error));
    assert_non_null(strstr(error, "Account is in the compartment"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_its_place),
        cmocka_unit_test(no_type_is_in_two_places),
        cmocka_unit_test(what_is_added_counts_where_it_can),
        cmocka_unit_test(what_the_compartment_has_is_not_shared),
        cmocka_unit_test(some_parameters_say_whose),
        cmocka_unit_test(nothing_set_has_the_least),
        cmocka_unit_test(names_replace_and_signs_edit),
        cmocka_unit_test(a_wrong_word_is_named),
        cmocka_unit_test(a_version_may_not_have_it),
        cmocka_unit_test(the_first_fault_is_not_forgotten),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests_name("compartment", tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
