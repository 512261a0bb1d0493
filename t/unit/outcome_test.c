/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outcome_test.c: bodies are OperationOutcomes, challenges are RFC 6750's, and
 * nothing can be made to stand in them that changes their form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "pool.h"

#include "core/outcome.h"

static const char *challenge(smart_reason_e reason, const char *realm,
                             const char *scope, const char *metadata)
{
    return smart_outcome_challenge(reason, realm, scope, metadata, pool);
}

static const char *string_of(json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void body_is_an_operation_outcome(void **state)
{
    int i;

    for (i = 0; i < SMART_REASON_COUNT; i++) {
        const smart_reason_row_t *row = smart_reason_row((smart_reason_e)i);
        const char *body = smart_outcome_body((smart_reason_e)i, 0, pool);
        json_t *root = json_loads(body, JSON_REJECT_DUPLICATES, NULL);
        json_t *issues = json_object_get(root, "issue");
        json_t *issue = json_array_get(issues, 0);

        assert_non_null(root);
        assert_int_equal(json_object_size(root), 2);
        assert_string_equal(string_of(root, "resourceType"),
                            "OperationOutcome");
        assert_int_equal(json_array_size(issues), 1);
        assert_string_equal(string_of(issue, "severity"), "error");
        assert_string_equal(string_of(issue, "code"), row->issue_code);
        assert_string_equal(string_of(issue, "diagnostics"), row->text);
        assert_int_equal(json_object_size(issue), 3);
        assert_int_equal(body[strlen(body) - 1], '\n');
        json_decref(root);
    }
}

static void same_reason_same_bytes(void **state)
{
    assert_string_equal(smart_outcome_body(SMART_REASON_FOREIGN, 0, pool),
                        smart_outcome_body(SMART_REASON_FOREIGN, 0, pool));
    assert_string_equal(smart_outcome_body(SMART_REASON_FOREIGN, 0, pool),
                        smart_outcome_body(SMART_REASON_JOB, 0, pool));
    assert_string_not_equal(smart_outcome_body(SMART_REASON_FOREIGN, 0, pool),
                            smart_outcome_body(SMART_REASON_RULE, 0, pool));
    assert_string_equal(smart_outcome_body((smart_reason_e)999, 0, pool),
                        smart_outcome_body(SMART_REASON_UNDECIDED, 0, pool));
}

static void an_entry_is_named(void **state)
{
    json_t *root = json_loads(smart_outcome_body(SMART_REASON_ENTRY, 4, pool),
                              JSON_REJECT_DUPLICATES, NULL);
    json_t *issue = json_array_get(json_object_get(root, "issue"), 0);
    json_t *where = json_object_get(issue, "expression");

    assert_int_equal(json_array_size(where), 1);
    assert_string_equal(json_string_value(json_array_get(where, 0)),
                        "Bundle.entry[3]");
    assert_string_equal(string_of(issue, "code"), "forbidden");
    json_decref(root);
}

static void no_credentials_no_error(void **state)
{
    assert_string_equal(challenge(SMART_REASON_NO_TOKEN, "FHIR", NULL, NULL),
                        "Bearer realm=\"FHIR\"");
    assert_string_equal(
        challenge(SMART_REASON_TOKEN_IN_QUERY, "FHIR", "user/*.rs", NULL),
        "Bearer realm=\"FHIR\"");
    assert_string_equal(challenge(SMART_REASON_NO_TOKEN, NULL, NULL, NULL),
                        "Bearer realm=\"\"");
}

static void error_codes(void **state)
{
    assert_string_equal(
        challenge(SMART_REASON_TOKEN_EXPIRED, "FHIR", "user/*.rs", NULL),
        "Bearer realm=\"FHIR\", error=\"invalid_token\"");
    assert_string_equal(
        challenge(SMART_REASON_TOKEN_TWICE, "FHIR", "user/*.rs", NULL),
        "Bearer realm=\"FHIR\", error=\"invalid_request\"");
    assert_string_equal(
        challenge(SMART_REASON_NO_SCOPE, "FHIR", "patient/Observation.s", NULL),
        "Bearer realm=\"FHIR\", error=\"insufficient_scope\", "
        "scope=\"patient/Observation.s\"");
    assert_string_equal(challenge(SMART_REASON_NO_SCOPE, "FHIR", NULL, NULL),
                        "Bearer realm=\"FHIR\", error=\"insufficient_scope\"");
}

static void other_statuses_have_no_challenge(void **state)
{
    int i;

    for (i = 0; i < SMART_REASON_COUNT; i++) {
        const smart_reason_row_t *row = smart_reason_row((smart_reason_e)i);
        const char *got = challenge((smart_reason_e)i, "FHIR", "a", "b");

        if (row->status == 401 || row->error) {
            assert_non_null(got);
            assert_memory_equal(got, "Bearer realm=\"FHIR\"", 19);
        }
        else {
            assert_null(got);
        }
    }
    assert_null(challenge(SMART_REASON_FOREIGN, "FHIR", NULL, NULL));
    assert_null(challenge(SMART_REASON_METHOD, "FHIR", NULL, NULL));
    assert_null(challenge(SMART_REASON_INTERNAL, "FHIR", NULL, NULL));
    assert_null(challenge(SMART_REASON_AS_TROUBLE, "FHIR", NULL, NULL));
    assert_null(challenge(SMART_REASON_PATH, "FHIR", NULL, NULL));
}

static void metadata_is_named_for_all_challenges(void **state)
{
    assert_string_equal(
        challenge(SMART_REASON_NO_TOKEN, "FHIR", NULL, "https://x/m"),
        "Bearer realm=\"FHIR\", resource_metadata=\"https://x/m\"");
    assert_string_equal(
        challenge(SMART_REASON_NO_SCOPE, "FHIR", "user/*.r", "https://x/m"),
        "Bearer realm=\"FHIR\", error=\"insufficient_scope\", "
        "scope=\"user/*.r\", resource_metadata=\"https://x/m\"");
    assert_string_equal(
        challenge(SMART_REASON_NO_TOKEN, "FHIR", NULL, "https://x/\"m"),
        "Bearer realm=\"FHIR\"");
    assert_string_equal(
        challenge(SMART_REASON_NO_TOKEN, "FHIR", NULL, "https://x/ m"),
        "Bearer realm=\"FHIR\"");
}

static void realm_is_quoted(void **state)
{
    assert_string_equal(
        challenge(SMART_REASON_NO_TOKEN, "Dr \"No\" \\ Co", NULL, NULL),
        "Bearer realm=\"Dr \\\"No\\\" \\\\ Co\"");
    assert_string_equal(
        challenge(SMART_REASON_NO_TOKEN, "a\r\nX: \x7f\xc3\xa9~", NULL, NULL),
        "Bearer realm=\"aX: ~\"");
}

/* Each byte, in the scope: kept if RFC 6750 3 has it, else no scope at all. */
static void scope_with_a_forbidden_byte_is_left_out(void **state)
{
    char scope[] = "axb";
    int c;

    for (c = 1; c < 256; c++) {
        bool good = c == 0x20 || c == 0x21 || (c >= 0x23 && c <= 0x5b) ||
                    (c >= 0x5d && c <= 0x7e);
        const char *got;

        scope[1] = (char)c;
        got = challenge(SMART_REASON_NO_SCOPE, "FHIR", scope, NULL);
        assert_int_equal(strstr(got, "scope=\"a") != NULL, good);
    }
    assert_null(
        strstr(challenge(SMART_REASON_NO_SCOPE, "FHIR", "", NULL), " scope="));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(body_is_an_operation_outcome),
        cmocka_unit_test(same_reason_same_bytes),
        cmocka_unit_test(an_entry_is_named),
        cmocka_unit_test(no_credentials_no_error),
        cmocka_unit_test(error_codes),
        cmocka_unit_test(other_statuses_have_no_challenge),
        cmocka_unit_test(metadata_is_named_for_all_challenges),
        cmocka_unit_test(realm_is_quoted),
        cmocka_unit_test(scope_with_a_forbidden_byte_is_left_out),
    };

    return cmocka_run_group_tests_name("outcome", tests, prepare, finish);
}
