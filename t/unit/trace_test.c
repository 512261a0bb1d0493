/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace_test.c: why a scope is ignored, in a request that it could have had
 * something to say about.
 */
#include "ask.h"

#include <apr_general.h>

#include "core/trace.h"

#define READ "GET /Observation/1"

static const smart_rule_t *rule_of(const char *a, const char *b, const char *c)
{
    smart_rule_t *rule = apr_palloc(pool, sizeof(*rule));
    const char *words[] = {a, b, c, NULL}, *error;

    assert_true(smart_rule_parse(words, 3, pool, rule, &error));
    return rule;
}

static smart_ignored_e of(const ask_t *ask, const smart_rule_t *rule)
{
    smart_grant_t grant = ask_grant(SMART_FHIR_R4, ask);
    smart_interaction_t i = ask_interaction(SMART_FHIR_R4, ask);

    assert_int_equal(grant.scope_count, 1);
    assert_int_equal(smart_trace_ignored(&ask_policy, &grant, &i, rule),
                     smart_trace_scope(&ask_policy, &grant, &i, rule, 0) !=
                         SMART_IGNORED_NOT);
    return smart_trace_scope(&ask_policy, &grant, &i, rule, 0);
}

static void each_reason_has_its_scope(void **state)
{
    static const struct {
        ask_t ask;
        smart_ignored_e why;
    } rows[] = {
        {OF("patient/Observation.r", READ), SMART_IGNORED_NOT},
        {OF("patient/*.r", READ), SMART_IGNORED_NOT},
        {BY("patient/Observation.r", READ), SMART_IGNORED_PATIENT},
        {BY("user/Observation.r", READ), SMART_IGNORED_NOT},
        {BY_USER("user/Observation.r", READ, "Person/1"), SMART_IGNORED_USER},
        {BY_USER("user/Observation.r" LAB, READ, "Person/1"),
         SMART_IGNORED_USER},
        {OF("patient/Condition.r", READ), SMART_IGNORED_TYPE},
        {OF("patient/Observation.s", READ), SMART_IGNORED_LETTERS},
        {OF("patient/Observation.u", "PUT /Observation?code=x"),
         SMART_IGNORED_NOT},
        {OF("patient/Observation.u" LAB, "PUT /Observation?code=x"),
         SMART_IGNORED_LETTERS},
        {OF("patient/Observation.us" LAB, "PUT /Observation?code=x"),
         SMART_IGNORED_NOT},
        {OF("user/Patient.rs", "GET /$export"), SMART_IGNORED_SYSTEM},
        {OF("system/Patient.rs", "GET /$export"), SMART_IGNORED_NOT},
        {OF("system/Patient.rs?_tag=a", "GET /$export"), SMART_IGNORED_SYSTEM},
        {OF("system/Patient.r", "GET /$export"), SMART_IGNORED_NOT},
        {OF("system/Patient.c", "GET /$export"), SMART_IGNORED_LETTERS},
        {OF("system/*.cruds", "GET /Patient/1/$foo"),
         SMART_IGNORED_INTERACTION},
        {OF("system/*.cruds", "GET /Foo"), SMART_IGNORED_INTERACTION},
        {OF("system/Observation.s", "GET /?_id=1"), SMART_IGNORED_TYPE},
        {OF("system/Observation.s", "GET /?_type=Observation,Condition"),
         SMART_IGNORED_NOT},
        {OF("patient/Observation.r", "POST /"), SMART_IGNORED_NOT},
    };
    size_t n;

    for (n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        smart_ignored_e why = of(&rows[n].ask, NULL);
        if (why != rows[n].why) {
            fail_msg("%s, %s: %s", rows[n].ask.scopes, rows[n].ask.request,
                     smart_trace_text(why));
        }
    }
}

static void a_rule_asks_for_its_own(void **state)
{
    const ask_t held = BY("user/Observation.d", READ);
    const ask_t other = BY("user/Observation.r", READ);
    const ask_t context = BY("system/Observation.d", READ);
    const ask_t type = BY("user/Condition.d", READ);
    const ask_t all = BY("user/*.d", READ);
    const smart_rule_t *rule = rule_of("read", "*", "user/*.d");

    assert_int_equal(of(&held, rule), SMART_IGNORED_NOT);
    assert_int_equal(of(&other, rule), SMART_IGNORED_RULE);
    assert_int_equal(of(&context, rule), SMART_IGNORED_RULE);
    assert_int_equal(of(&type, rule), SMART_IGNORED_RULE);
    assert_int_equal(of(&all, rule), SMART_IGNORED_NOT);
    rule = rule_of("read", "Observation", "user/Condition.d");
    assert_int_equal(of(&type, rule), SMART_IGNORED_NOT);
    assert_int_equal(of(&held, rule), SMART_IGNORED_RULE);
}

static void every_number_has_a_text(void **state)
{
    int n;

    for (n = -1; n <= SMART_IGNORED_COUNT; n++) {
        assert_true(*smart_trace_text((smart_ignored_e)n));
    }
    assert_string_equal(smart_trace_text(SMART_IGNORED_NOT), "it counts");
    assert_string_equal(smart_trace_text((smart_ignored_e)2147483647),
                        smart_trace_text(SMART_IGNORED_UNKNOWN));
}

static void obligations_have_names(void **state)
{
    assert_string_equal(smart_trace_obligations(0, pool), "none");
    assert_string_equal(smart_trace_obligations(ALL, pool),
                        "form,narrow,inspect,body,preread,minimal,context");
    assert_string_equal(smart_trace_obligations(BODY | FORM, pool),
                        "form,body");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_reason_has_its_scope),
        cmocka_unit_test(a_rule_asks_for_its_own),
        cmocka_unit_test(every_number_has_a_text),
        cmocka_unit_test(obligations_have_names),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests_name("trace", tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
