/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glance_test.c: a resource is covered by a few of its members when, and only
 * when, it is covered as a whole.
 */
#include "ask.h"

#include "core/glance.h"
#include "core/json.h"
#include "core/scan.h"

/* Members of an object that was proved. */
static int members_of(const char *text, smart_member_t *members)
{
    smart_scan_t scan;
    int count = 0;

    smart_scan_make(&scan, pool);
    smart_scan_begin(&scan, smart_slice(text));
    assert_true(smart_scan_enter(&scan, '{'));
    while (smart_scan_member(&scan, &members[count].name)) {
        assert_true(smart_scan_skip(&scan, &members[count++].value));
    }
    assert_true(smart_scan_done(&scan));
    return count;
}

/* What a path begins with, with a reference or a code behind it, as far as one
   can guess it from the path: arrays and objects by turns. */
static const char *value_at(const char *path, const char *leaf)
{
    const apr_size_t n = strcspn(path, ".[|");
    const char *rest = path + n;
    const char *inner =
        *rest == '.' ? apr_psprintf(pool, "{%s}", value_at(rest + 1, leaf))
                     : leaf;

    return apr_psprintf(pool, "\"%.*s\":[%s]", (int)n, path, inner);
}

/* A resource of a type, with one of a parameter's paths filled in. */
static const char *resource_with(smart_type_t type, const char *path,
                                 const char *leaf)
{
    return apr_psprintf(pool,
                        "{\"resourceType\":\"%s\",\"id\":\"x\",\"zzz\":"
                        "[{\"reference\":\"Patient/pat-1\"}],%s}",
                        smart_fhir_type_name(type), value_at(path, leaf));
}

static unsigned compared;
static unsigned covered;

/* By a few members, and by all of it. */
static void compare(smart_fhir_e v, const char *scopes, smart_type_t type,
                    const char *text)
{
    const ask_t ask = {.scopes = scopes, .patient = "pat-1"};
    const smart_grant_t grant = ask_grant(v, &ask);
    smart_policy_t policy = *ask_policy_default();
    smart_coverage_t c = {.policy = &policy, .grant = &grant};
    smart_member_t members[64];
    const smart_json_t *json;
    const char *why;
    bool whole;
    bool few;

    policy.version = c.bases.version = v;
    assert_int_equal(smart_json_read(smart_slice(text), pool, &json, &why),
                     SMART_JSON_READ);
    whole = smart_coverage_read(&c, SMART_LETTER_R, json, pool);
    few = smart_glance_covered(smart_glance_make(&c, pool), SMART_LETTER_R,
                               type, members, members_of(text, members));
    if (whole != few) {
        fail_msg("%s: %s: %d by all, %d by a few members", scopes, text, whole,
                 few);
    }
    compared++;
    covered += whole;
}

/* Each alternative of the path of each parameter. */
static void compare_param(smart_fhir_e v, const char *scopes, smart_type_t type,
                          const char *param, const char *leaf)
{
    const smart_fhir_param_t *row =
        smart_fhir_param(v, type, smart_slice(param));
    const char *path = row ? row->path : NULL;

    while (path && *path) {
        compare(v, scopes, type, resource_with(type, path, leaf));
        path += strcspn(path, "|");
        path += *path == '|';
    }
}

static void test_every_type(void **state)
{
    static const char *const extra[] = {"patient", "subject", NULL};
    static const smart_fhir_e versions[] = {SMART_FHIR_R4, SMART_FHIR_R4B,
                                            SMART_FHIR_R5};
    int i;

    for (i = 0; i < 3; i++) {
        const smart_fhir_e v = versions[i];
        smart_type_t type = SMART_TYPE_NONE;

        while ((type = smart_fhir_type_next(v, type))) {
            const char *const *params = smart_fhir_compartment(v, type);
            apr_pool_t *all = pool;
            int n;

            apr_pool_create(&pool, all);
            for (n = 0; params && params[n]; n++) {
                compare_param(v, "patient/*.rs", type, params[n],
                              "{\"reference\":\"Patient/pat-1\"}");
            }
            for (n = 0; extra[n]; n++) {
                compare_param(v, "patient/*.rs", type, extra[n],
                              "{\"reference\":\"Patient/pat-1\"}");
            }
            compare_param(v, "user/*.rs?_tag=a", type, "_tag",
                          "{\"code\":\"a\"}");
            compare(v, "user/*.rs?_id=x", type,
                    resource_with(type, "meta", "{}"));
            compare(v, "patient/*.rs", type, resource_with(type, "meta", "1"));
            apr_pool_destroy(pool);
            pool = all;
        }
    }
    assert_true(compared > 1000 && covered > 500);
}

static void test_constraints(void **state)
{
    static const struct {
        const char *type;
        const char *param;
        const char *scope;
        const char *leaf;
    } rows[] = {
        {"Observation", "category", "user/Observation.rs?category=a",
         "{\"coding\":[{\"code\":\"a\"}]}"},
        {"Observation", "code", "user/Observation.rs?code=s|a",
         "{\"coding\":[{\"system\":\"s\",\"code\":\"a\"}]}"},
        {"Observation", "status", "user/Observation.rs?stat%75s=a", "\"a\""},
        {"Condition", "category", "user/Condition.rs?category=b,a",
         "{\"coding\":[{\"code\":\"a\"}]}"},
        {"Encounter", "class", "user/Encounter.rs?class=a", "{\"code\":\"a\"}"},
        {"Observation", "code", "user/Observation.rs?code=a;b",
         "{\"coding\":[{\"code\":\"a;b\"}]}"},
        {"Observation", "encounter", "user/Observation.rs?encounter=e",
         "{\"reference\":\"Encounter/e\"}"},
    };
    size_t i;

    covered = 0;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        compare_param(SMART_FHIR_R4, rows[i].scope,
                      smart_fhir_type(SMART_FHIR_R4, smart_slice(rows[i].type)),
                      rows[i].param, rows[i].leaf);
    }
    assert_true(covered >= 4);
}

static void test_extra(void **state)
{
    const smart_compartment_param_t extra[] = {
        {smart_fhir_type(SMART_FHIR_R4, smart_slice("Task")), "owner"}};
    const ask_t ask = {.scopes = "patient/*.rs", .patient = "pat-1"};
    const smart_grant_t grant = ask_grant(SMART_FHIR_R4, &ask);
    smart_policy_t policy = *ask_policy_default();
    const smart_coverage_t c = {.policy = &policy,
                                .grant = &grant,
                                .bases = {.version = SMART_FHIR_R4}};
    smart_member_t members[64];
    const int count =
        members_of("{\"resourceType\":\"Task\",\"owner\":{\"reference\":"
                   "\"Patient/pat-1\"}}",
                   members);
    int n;

    for (n = 0; n < 2; n++) {
        policy.compartment.extra = extra;
        policy.compartment.extra_count = n;
        assert_int_equal(smart_glance_covered(smart_glance_make(&c, pool),
                                              SMART_LETTER_R, extra[0].type,
                                              members, count),
                         n);
    }
}

/* One for all types, and members of any size. */
static void test_many(void **state)
{
    const ask_t ask = {.scopes = "patient/*.rs", .patient = "pat-1"};
    const smart_grant_t grant = ask_grant(SMART_FHIR_R4, &ask);
    const smart_coverage_t c = {.policy = ask_policy_default(),
                                .grant = &grant,
                                .bases = {.version = SMART_FHIR_R4}};
    smart_glance_t *glance = smart_glance_make(&c, pool);
    char *display = apr_palloc(pool, 100001);
    int round;

    memset(display, 'n', 100000);
    display[100000] = '\0';
    for (round = 0; round < 2; round++) {
        smart_type_t type = SMART_TYPE_NONE;

        while ((type = smart_fhir_type_next(SMART_FHIR_R4, type))) {
            smart_member_t members[64];
            const int count = members_of(
                apr_psprintf(pool,
                             "{\"resourceType\":\"%s\",\"subject\":"
                             "{\"reference\":\"Patient/pat-1\",\"display\":"
                             "\"%s\"}}",
                             smart_fhir_type_name(type),
                             type % 16 ? "" : display),
                members);

            assert_int_equal(smart_glance_covered(glance, SMART_LETTER_R, type,
                                                  members, count),
                             smart_glance_covered(smart_glance_make(&c, pool),
                                                  SMART_LETTER_R, type, members,
                                                  count));
        }
    }
}

/* A verdict that is remembered is the one of the same letter and text. */
static void test_remembered(void **state)
{
    const ask_t ask = {.scopes = "patient/Observation.r", .patient = "pat-1"};
    const smart_grant_t grant = ask_grant(SMART_FHIR_R4, &ask);
    const smart_coverage_t c = {.policy = ask_policy_default(),
                                .grant = &grant,
                                .bases = {.version = SMART_FHIR_R4}};
    const smart_type_t type =
        smart_fhir_type(SMART_FHIR_R4, smart_slice("Observation"));
    smart_glance_t *glance = smart_glance_make(&c, pool);
    smart_member_t members[64];
    int i;

    for (i = 0; i < 200; i++) {
        const int patient = 1 + i * 7 % 50;
        const char *text =
            apr_psprintf(pool,
                         "{\"resourceType\":\"Observation\",\"id\":\"%d\","
                         "\"subject\":{\"reference\":\"Patient/pat-%d\"}}",
                         i, patient);
        const int count = members_of(text, members);

        assert_int_equal(
            smart_glance_covered(glance, SMART_LETTER_R, type, members, count),
            patient == 1);
        assert_false(
            smart_glance_covered(glance, SMART_LETTER_S, type, members, count));
        assert_false(smart_glance_covered(glance, 0, type, members, count));
        assert_false(smart_glance_covered(glance, SMART_LETTER_R,
                                          SMART_TYPE_NONE, members, count));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type), cmocka_unit_test(test_constraints),
        cmocka_unit_test(test_extra),      cmocka_unit_test(test_many),
        cmocka_unit_test(test_remembered),
    };

    return cmocka_run_group_tests(tests, prepare, finish);
}
