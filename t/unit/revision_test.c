/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revision_test.c: what is there, and the precondition that keeps it.
 */
#include "brought.h"

#include "core/revision.h"

#define MINE                                                                   \
    "{\"resourceType\":\"Observation\",\"id\":\"o1\",\"meta\":{\"versionId\":" \
    "\"3\"},\"subject\":{\"reference\":\"Patient/pat-1\"}}"
#define THEIRS                                                                 \
    "{\"resourceType\":\"Observation\",\"id\":\"o1\",\"meta\":{\"versionId\":" \
    "\"3\"},\"subject\":{\"reference\":\"Patient/pat-2\"}}"

typedef struct row_t {
    const char *method;
    const char *there; /* NULL: nothing */
    const char *etag;
    const char *if_match;
    const char *if_none_match;
    smart_reason_e reason;
    const char *sent;      /* If-Match */
    const char *sent_none; /* If-None-Match */
} row_t;

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static void check(const row_t *row)
{
    const smart_coverage_t c = covers("patient/*.cud");
    const smart_interaction_t i = interaction(row->method, "/Observation/o1");
    const smart_found_t found = {row->there ? value_of(row->there) : NULL,
                                 row->etag};
    const smart_client_match_t client = {row->if_match, row->if_none_match};
    smart_revision_t sent = {"x", "x"};
    const smart_reason_e reason =
        smart_revision_judge(&c, &i, &found, &client, pool, &sent);

    if (reason != row->reason || !same(sent.if_match, row->sent) ||
        !same(sent.if_none_match, row->sent_none)) {
        fail_msg("%s %s, %s, %s, %s: %s, %s, %s", row->method,
                 row->there ? row->there : "nothing", row->etag, row->if_match,
                 row->if_none_match, smart_reason_row(reason)->name,
                 sent.if_match, sent.if_none_match);
    }
}

#define OK    SMART_REASON_UNDECIDED
#define GONE  SMART_REASON_FOREIGN
#define CLASH SMART_REASON_PRECONDITION
#define TAG   "W/\"3\""

static void test_rows(void **state)
{
    static const row_t rows[] = {
        {"PUT", MINE, TAG, NULL, NULL, OK, TAG, NULL},
        {"PUT", THEIRS, TAG, NULL, NULL, GONE, NULL, NULL},
        {"PATCH", MINE, TAG, NULL, NULL, OK, TAG, NULL},
        {"PATCH", THEIRS, TAG, NULL, NULL, GONE, NULL, NULL},
        {"DELETE", MINE, TAG, NULL, NULL, OK, TAG, NULL},
        {"DELETE", THEIRS, TAG, NULL, NULL, GONE, NULL, NULL},
        /* nothing there */
        {"PUT", NULL, NULL, NULL, NULL, OK, NULL, "*"},
        {"PUT", NULL, NULL, NULL, "*", OK, NULL, "*"},
        {"PUT", NULL, NULL, TAG, NULL, CLASH, NULL, NULL},
        {"PUT", NULL, NULL, "*", NULL, CLASH, NULL, NULL},
        {"PATCH", NULL, NULL, NULL, NULL, GONE, NULL, NULL},
        {"DELETE", NULL, NULL, NULL, NULL, GONE, NULL, NULL},
        {"DELETE", NULL, NULL, TAG, NULL, GONE, NULL, NULL},
        /* what a client says about it */
        {"PUT", MINE, TAG, TAG, NULL, OK, TAG, NULL},
        {"PUT", MINE, TAG, "\"3\"", NULL, OK, TAG, NULL},
        {"PUT", MINE, TAG, "W/\"2\"", NULL, CLASH, NULL, NULL},
        {"PUT", MINE, TAG, "W/\"2\", W/\"3\"", NULL, OK, TAG, NULL},
        {"PUT", MINE, TAG, "W/\"3\" , \"x\"", NULL, OK, TAG, NULL},
        {"PUT", MINE, TAG, "W/\"3\", x", NULL, CLASH, NULL, NULL},
        {"PUT", MINE, TAG, "W/\"3\"x", NULL, CLASH, NULL, NULL},
        {"PUT", MINE, TAG, "3", NULL, CLASH, NULL, NULL},
        {"PUT", MINE, TAG, "", NULL, CLASH, NULL, NULL},
        {"PUT", MINE, TAG, "*", NULL, OK, TAG, NULL},
        {"PUT", MINE, TAG, NULL, "*", CLASH, NULL, NULL},
        {"PUT", MINE, TAG, NULL, TAG, CLASH, NULL, NULL},
        {"PUT", MINE, TAG, NULL, "W/\"2\"", OK, TAG, NULL},
        /* who may not see it learns nothing by these */
        {"PUT", THEIRS, TAG, "W/\"2\"", NULL, GONE, NULL, NULL},
        {"PUT", THEIRS, TAG, TAG, NULL, GONE, NULL, NULL},
        {"PUT", THEIRS, TAG, NULL, "*", GONE, NULL, NULL},
        /* a backend without versions */
        {"PUT", MINE, NULL, NULL, NULL, OK, NULL, NULL},
        {"PUT", MINE, NULL, "*", NULL, OK, "*", NULL},
        {"PUT", MINE, NULL, TAG, NULL, CLASH, NULL, NULL},
    };
    size_t n;

    for (n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        check(&rows[n]);
    }
}

static void test_letters(void **state)
{
    const smart_coverage_t u = covers("patient/Observation.u");
    const smart_coverage_t d = covers("patient/Observation.d");
    const smart_interaction_t put = interaction("PUT", "/Observation/o1");
    const smart_interaction_t delete = interaction("DELETE", "/Observation/o1");
    const smart_found_t found = {value_of(MINE), TAG};
    const smart_client_match_t client = {NULL, NULL};
    smart_revision_t sent;

    assert_int_equal(
        smart_revision_judge(&u, &put, &found, &client, pool, &sent), OK);
    assert_int_equal(
        smart_revision_judge(&d, &put, &found, &client, pool, &sent), GONE);
    assert_int_equal(
        smart_revision_judge(&d, &delete, &found, &client, pool, &sent), OK);
    assert_int_equal(
        smart_revision_judge(&u, &delete, &found, &client, pool, &sent), GONE);
}

static void test_operations(void **state)
{
    static const struct {
        const char *scopes;
        const char *there;
        smart_reason_e reason;
    } rows[] = {
        {"patient/Observation.r", MINE, OK},
        {"patient/Observation.u", MINE, OK},
        {"patient/Observation.cds", MINE, GONE},
        {"patient/Observation.cruds", THEIRS, GONE},
        {"patient/Observation.cruds", NULL, GONE},
        {"patient/Observation.r?status=final", MINE, GONE},
    };
    size_t n;

    for (n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        const smart_coverage_t c = covers(rows[n].scopes);
        const smart_found_t found = {
            rows[n].there ? value_of(rows[n].there) : NULL, NULL};

        if (smart_revision_operate(&c, &found, pool) != rows[n].reason) {
            fail_msg("%s of %s", rows[n].scopes, rows[n].there);
        }
    }
}

static void test_etag(void **state)
{
    static const struct {
        const char *field;
        const char *resource;
        const char *etag;
    } rows[] = {
        {TAG, MINE, TAG},
        {"\"abc\"", MINE, "\"abc\""},
        {NULL, MINE, TAG},
        {"", MINE, TAG},
        {"3", MINE, TAG},
        {"W/\"3\", W/\"4\"", MINE, TAG},
        {"\"a\" b", MINE, TAG},
        {NULL, "{}", NULL},
        {NULL, "{\"meta\":{\"versionId\":3}}", NULL},
        {NULL, "{\"meta\":{\"versionId\":\"\"}}", NULL},
        {NULL, "{\"meta\":{\"versionId\":\"a\\\"b\"}}", NULL},
        {NULL, "{\"meta\":{\"versionId\":\"a\\nb\"}}", NULL},
    };
    size_t n;

    for (n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        const char *etag = smart_revision_etag(
            rows[n].field, value_of(rows[n].resource), pool);

        if (!same(etag, rows[n].etag)) {
            fail_msg("%s of %s: %s", rows[n].field, rows[n].resource, etag);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, pool_make, pool_drop),
        cmocka_unit_test_setup_teardown(test_letters, pool_make, pool_drop),
        cmocka_unit_test_setup_teardown(test_operations, pool_make, pool_drop),
        cmocka_unit_test_setup_teardown(test_etag, pool_make, pool_drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
