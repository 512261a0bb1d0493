/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content_test.c: what a restricted write may bring. Each row that is
 * permitted has one that differs in one thing and is not.
 */
#include "brought.h"

#include "core/content.h"

#define OBS(more) "{\"resourceType\":\"Observation\"," more "}"
#define SUBJECT   "\"subject\":{\"reference\":\"Patient/pat-1\"}"
#define FOREIGN   "\"subject\":{\"reference\":\"Patient/pat-2\"}"

typedef struct row_t {
    const char *method;
    const char *path;
    const char *content;
    smart_reason_e reason;
} row_t;

static void check(const row_t *rows, size_t count)
{
    const smart_coverage_t c = covers("patient/*.cud");
    size_t n;

    for (n = 0; n < count; n++) {
        const smart_interaction_t i = interaction(rows[n].method, rows[n].path);
        const smart_reason_e reason =
            smart_content_judge(&c, &i, value_of(rows[n].content), pool);

        if (reason != rows[n].reason) {
            fail_msg("%s %s with %s: %s", rows[n].method, rows[n].path,
                     rows[n].content, smart_reason_row(reason)->name);
        }
    }
}

static void test_type_and_id(void **state)
{
    static const row_t rows[] = {
        {"POST", "/Observation", OBS(SUBJECT), SMART_REASON_UNDECIDED},
        {"POST", "/Observation", "{" SUBJECT "}", SMART_REASON_CONTENT},
        {"POST", "/Condition", OBS(SUBJECT), SMART_REASON_CONTENT},
        {"POST", "/Observation", "{\"resourceType\":7," SUBJECT "}",
         SMART_REASON_CONTENT},
        {"POST", "/Observation",
         "{\"resourceType\":\"observation\"," SUBJECT "}",
         SMART_REASON_CONTENT},
        {"POST", "/Observation", "[]", SMART_REASON_CONTENT},
        {"PUT", "/Observation/o1", OBS("\"id\":\"o1\"," SUBJECT),
         SMART_REASON_UNDECIDED},
        {"PUT", "/Observation/o1", OBS("\"id\":\"o2\"," SUBJECT),
         SMART_REASON_CONTENT},
        {"PUT", "/Observation/o1", OBS("\"id\":\"O1\"," SUBJECT),
         SMART_REASON_CONTENT},
        {"PUT", "/Observation/o1", OBS(SUBJECT), SMART_REASON_CONTENT},
        {"PUT", "/Observation/1", OBS("\"id\":1," SUBJECT),
         SMART_REASON_CONTENT},
        {"PATCH", "/Observation/o1", OBS("\"id\":\"o1\"," SUBJECT),
         SMART_REASON_UNDECIDED},
        {"PATCH", "/Observation/o1", OBS(SUBJECT), SMART_REASON_CONTENT},
    };

    check(rows, sizeof(rows) / sizeof(rows[0]));
}

static void test_inside(void **state)
{
    static const row_t rows[] = {
        {"POST", "/Observation", OBS(SUBJECT), SMART_REASON_UNDECIDED},
        {"POST", "/Observation", OBS(FOREIGN), SMART_REASON_FOREIGN_WRITE},
        {"PUT", "/Observation/o1", OBS("\"id\":\"o1\"," FOREIGN),
         SMART_REASON_FOREIGN_WRITE},
        {"POST", "/Observation", OBS("\"status\":\"final\""),
         SMART_REASON_FOREIGN_WRITE},
        {"POST", "/Observation",
         OBS("\"subject\":{\"reference\":\"Patient/pat-1/_history/1\"}"),
         SMART_REASON_UNDECIDED},
        {"POST", "/Observation",
         OBS("\"subject\":{\"reference\":\"#p\"},\"contained\":"
             "[{\"resourceType\":\"Patient\",\"id\":\"p\"}]"),
         SMART_REASON_FOREIGN_WRITE},
        {"POST", "/Observation",
         OBS("\"subject\":{\"display\":\"Patient/pat-1\"}"),
         SMART_REASON_FOREIGN_WRITE},
        {"POST", "/Observation",
         OBS("\"subject\":{\"reference\":\"Group/grp-1\"}"),
         SMART_REASON_FOREIGN_WRITE},
        {"PUT", "/Patient/pat-1",
         "{\"resourceType\":\"Patient\",\"id\":\"pat-1\"}",
         SMART_REASON_UNDECIDED},
        {"PUT", "/Patient/pat-2",
         "{\"resourceType\":\"Patient\",\"id\":\"pat-2\"}",
         SMART_REASON_FOREIGN_WRITE},
    };

    check(rows, sizeof(rows) / sizeof(rows[0]));
}

static void test_conditional_references(void **state)
{
    static const row_t rows[] = {
        {"POST", "/Observation",
         OBS(SUBJECT ",\"encounter\":{\"reference\":\"Encounter/e1\"}"),
         SMART_REASON_UNDECIDED},
        {"POST", "/Observation",
         OBS(SUBJECT ",\"encounter\":{\"reference\":\"Encounter?status=x\"}"),
         SMART_REASON_CONSTRUCT},
        {"POST", "/Observation",
         OBS(SUBJECT ",\"extension\":[{\"url\":\"u\",\"extension\":[{\"url\":"
                     "\"v\",\"valueReference\":{\"reference\":"
                     "\"Patient?identifier=1\"}}]}]"),
         SMART_REASON_CONSTRUCT},
        {"POST", "/Observation",
         OBS(SUBJECT ",\"contained\":[{\"resourceType\":\"Encounter\","
                     "\"subject\":{\"reference\":\"Patient?name=x\"}}]"),
         SMART_REASON_CONSTRUCT},
        {"POST", "/Observation",
         OBS("\"subject\":{\"reference\":\"Patient?_id=pat-1\"}"),
         SMART_REASON_CONSTRUCT},
        /* a question mark elsewhere asks nothing */
        {"POST", "/Observation",
         OBS(SUBJECT ",\"note\":[{\"text\":\"really?\"}]"),
         SMART_REASON_UNDECIDED},
    };

    check(rows, sizeof(rows) / sizeof(rows[0]));
}

static void test_letters(void **state)
{
    const smart_interaction_t create = interaction("POST", "/Observation");
    const smart_interaction_t update = interaction("PUT", "/Observation/o1");
    const smart_json_t *content = value_of(OBS("\"id\":\"o1\"," SUBJECT));
    const smart_coverage_t c = covers("patient/Observation.c");
    const smart_coverage_t u = covers("patient/Observation.u");

    assert_int_equal(smart_content_judge(&c, &create, content, pool),
                     SMART_REASON_UNDECIDED);
    assert_int_equal(smart_content_judge(&u, &create, content, pool),
                     SMART_REASON_FOREIGN_WRITE);
    assert_int_equal(smart_content_judge(&u, &update, content, pool),
                     SMART_REASON_UNDECIDED);
    assert_int_equal(smart_content_judge(&c, &update, content, pool),
                     SMART_REASON_FOREIGN_WRITE);
    assert_int_equal(smart_content_judge(&c, &create, NULL, pool),
                     SMART_REASON_CONTENT);
}

static void test_id_of_a_create(void **state)
{
    const smart_interaction_t create = interaction("POST", "/Observation");
    const smart_interaction_t update = interaction("PUT", "/Observation/o1");

    assert_true(smart_content_has_id(&create, value_of("{\"id\":\"o1\"}")));
    assert_true(smart_content_has_id(&create, value_of("{\"id\":null}")));
    assert_false(smart_content_has_id(&create, value_of("{}")));
    assert_false(smart_content_has_id(&update, value_of("{\"id\":\"o1\"}")));
}

/* It gets another one, so that it can not be the one of a scope. */
static void test_created_without_its_id(void **state)
{
    const smart_interaction_t create = interaction("POST", "/Observation");
    const smart_interaction_t update = interaction("PUT", "/Observation/o1");
    const smart_json_t *content = value_of(OBS("\"id\":\"o1\"," SUBJECT));
    const smart_coverage_t one = covers("patient/Observation.cu?_id=o1");
    const smart_coverage_t any = covers("patient/Observation.cu");

    assert_int_equal(smart_content_judge(&any, &create, content, pool),
                     SMART_REASON_UNDECIDED);
    assert_int_equal(smart_content_judge(&one, &create, content, pool),
                     SMART_REASON_FOREIGN_WRITE);
    assert_int_equal(smart_content_judge(&one, &update, content, pool),
                     SMART_REASON_UNDECIDED);
    assert_non_null(smart_json_member(content, "id"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_type_and_id, pool_make, pool_drop),
        cmocka_unit_test_setup_teardown(test_inside, pool_make, pool_drop),
        cmocka_unit_test_setup_teardown(test_conditional_references, pool_make,
                                        pool_drop),
        cmocka_unit_test_setup_teardown(test_letters, pool_make, pool_drop),
        cmocka_unit_test_setup_teardown(test_id_of_a_create, pool_make,
                                        pool_drop),
        cmocka_unit_test_setup_teardown(test_created_without_its_id, pool_make,
                                        pool_drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
