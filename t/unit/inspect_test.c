/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect_test.c: one resource, errors, what writes answer, letters.
 */
#include "inspected.h"

#define BARE "{\"resourceType\":\"Patient\",\"id\":\"p\",\"text\":{}}"

static const row_t single_rows[] = {
    {"own", READ, 200, OBS_OWN, SAME, NULL},
    {"own, version", VREAD, 200, OBS_OWN, SAME, NULL},
    {"foreign", READ, 200, OBS_FOREIGN, NOT_FOUND, NULL},
    {"foreign version", VREAD, 200, OBS_FOREIGN, NOT_FOUND, NULL},
    {"another id", READ, 200, OBS_OTHER, NOT_FOUND, NULL},
    {"another version's id", VREAD, 200, OBS_OTHER, NOT_FOUND, NULL},
    {"another type", READ, 200, COND_OWN, NOT_FOUND, NULL},
    {"an outcome", READ, 200, OUTCOME, NOT_FOUND, NULL},
    {"a Bundle with it", READ, 200,
     BUNDLE("searchset", ENTRIES(ENTRY(OBS_OWN))), NOT_FOUND, NULL},
    {"no type", READ, 200, "{\"id\":\"o1\"}", NOT_FOUND, NULL},
    {"an unknown type", READ, 200, "{\"resourceType\":\"Foo\",\"id\":\"o1\"}",
     NOT_FOUND, NULL},
    {"blanks around", READ, 200, " " OBS_OWN "\r\n", SAME, NULL},
    {"two", READ, 200, OBS_OWN OBS_OWN, BAD, NULL},
    {"not ended", READ, 200, "{\"resourceType\":\"Observation\",\"id\":\"o1\"",
     BAD, NULL},
    {"nothing", READ, 200, "", BAD, NULL},
    {"an array", READ, 200, "[" OBS_OWN "]", NOT_FOUND, NULL},
    {"no JSON", READ, 200, "<html>", BAD, NULL},
    {"two ids", READ, 200,
     "{\"resourceType\":\"Observation\",\"id\":\"o1\",\"id\":\"o1\"}", BAD,
     NULL},
    {"deep within", READ, 200,
     "{\"resourceType\":\"Observation\",\"id\":\"o1\",\"subject\":{"
     "\"reference\":\"Patient/pat-1\"},\"code\":{\"text\":1,\"text\":1}}",
     BAD, NULL},
    {"an escaped name", READ, 200,
     "{\"resourceType\":\"Observation\",\"id\":\"o1\",\"su\\u0062ject\":{"
     "\"reference\":\"Patient/pat-1\"}}",
     BAD, NULL},
    {"not UTF-8", READ, 200,
     "{\"resourceType\":\"Observation\",\"id\":\"o1\",\"subject\":{"
     "\"reference\":\"Patient/pat-1\",\"display\":\"\xe9\"}}",
     BAD, NULL},
    {"201", READ, 201, OBS_OWN, BAD, NULL},
    {"202", READ, 202, OBS_OWN, BAD, NULL},
    {"203", READ, 203, OBS_OWN, BAD, NULL},
    {"204", READ, 204, "", BAD, NULL},
    {"206", READ, 206, OBS_OWN, BAD, NULL},
    {"302", READ, 302, OBS_OWN, BAD, NULL},
    {"304", READ, 304, "", BAD, NULL},
    {"101", READ, 101, OBS_OWN, BAD, NULL},
    {"0", READ, 0, OBS_OWN, BAD, NULL},
    {"600", READ, 600, OBS_OWN, BAD, NULL},
};

static const row_t error_rows[] = {
    {"read, 404", READ, 404, OUTCOME, NOT_FOUND, NULL},
    {"read, 404 with it", READ, 404, OBS_OWN, NOT_FOUND, NULL},
    {"read, 410", READ, 410, "", NOT_FOUND, NULL},
    {"vread, 410", VREAD, 410, OUTCOME, NOT_FOUND, NULL},
    {"history, 404", HISTORY, 404, OUTCOME, NOT_FOUND, NULL},
    {"update, 404", UPDATE, 404, OUTCOME, NOT_FOUND, NULL},
    {"patch, 404", PATCH, 404, OUTCOME, NOT_FOUND, NULL},
    {"delete, 410", DELETE, 410, OUTCOME, NOT_FOUND, NULL},
    {"search, 404", SEARCH, 404, OUTCOME, SAME, NULL},
    {"page, 410", PAGE, 410, OUTCOME, SAME, NULL},
    {"create, 404", CREATE, 404, OUTCOME, SAME, NULL},
    {"read, 403", READ, 403, OUTCOME, SAME, NULL},
    {"read, 500", READ, 500, OUTCOME, SAME, NULL},
    {"an outcome and more", SEARCH, 400, OUTCOME OBS_FOREIGN, OURS,
     "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":"
     "\"error\",\"code\":\"processing\",\"diagnostics\":\"The FHIR server "
     "refused the request.\"}]}\n"},
    {"a resource with no more than outcomes have", SEARCH, 400, BARE, OURS,
     "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":"
     "\"error\",\"code\":\"processing\",\"diagnostics\":\"The FHIR server "
     "refused the request.\"}]}\n"},
    {"holding another", READ, 500, HOLDING, OURS,
     "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":"
     "\"error\",\"code\":\"exception\",\"diagnostics\":\"The FHIR server could "
     "not handle the request.\"}]}\n"},
    {"a resource", SEARCH, 400, OBS_OWN, OURS,
     "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":"
     "\"error\",\"code\":\"processing\",\"diagnostics\":\"The FHIR server "
     "refused the request.\"}]}\n"},
    {"update, 412 with what is there", UPDATE, 412, OBS_OWN, OURS,
     "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":"
     "\"error\",\"code\":\"processing\",\"diagnostics\":\"The FHIR server "
     "refused the request.\"}]}\n"},
    {"HTML", SEARCH, 503, "<html>", OURS,
     "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":"
     "\"error\",\"code\":\"exception\",\"diagnostics\":\"The FHIR server could "
     "not handle the request.\"}]}\n"},
    {"nothing", SEARCH, 400, "", OURS,
     "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":"
     "\"error\",\"code\":\"processing\",\"diagnostics\":\"The FHIR server "
     "refused the request.\"}]}\n"},
};

static const row_t write_rows[] = {
    {"created", CREATE, 201, OBS_OWN, SAME, NULL},
    {"created elsewhere", CREATE, 201, OBS_FOREIGN, EMPTY, NULL},
    {"another type", CREATE, 201, COND_OWN, EMPTY, NULL},
    {"updated", UPDATE, 200, OBS_OWN, SAME, NULL},
    {"another id", UPDATE, 200, OBS_OTHER, EMPTY, NULL},
    {"patched", PATCH, 200, OBS_OWN, SAME, NULL},
    {"patched, foreign", PATCH, 200, OBS_FOREIGN, EMPTY, NULL},
    {"deleted", DELETE, 200, OUTCOME, SAME, NULL},
    {"deleted, holding another", DELETE, 200, HOLDING, EMPTY, NULL},
    {"no body", CREATE, 201, "", SAME, NULL},
    {"204", DELETE, 204, "", SAME, NULL},
    {"202", UPDATE, 202, OBS_FOREIGN, EMPTY, NULL},
    {"no JSON", CREATE, 201, "<Observation/>", EMPTY, NULL},
    {"two", UPDATE, 200, OBS_OWN OBS_OWN, EMPTY, NULL},
    {"303", CREATE, 303, "", BAD, NULL},
    {"101", CREATE, 101, "", BAD, NULL},
    {"a Bundle", CREATE, 201, BUNDLE("searchset", ""), EMPTY, NULL},
};

static void test_single(void **state)
{
    RUN(single_rows);
}

static void test_errors(void **state)
{
    RUN(error_rows);
}

static void test_writes(void **state)
{
    RUN(write_rows);
}

/* The type counts as well where others are covered. */
static void test_types(void **state)
{
    static const row_t rows[] = {
        {"read", READ, 200, COND_OWN, NOT_FOUND, NULL},
        {"written", UPDATE, 200, COND_OWN, EMPTY, NULL},
        {"in a history", TYPES, 200,
         BUNDLE("history", ENTRIES(ENTRY(OBS_OWN) "," ENTRY(COND_OWN))),
         CHANGED, BUNDLE("history", ENTRIES(ENTRY(OBS_OWN)))},
        {"found", SEARCH, 200, BUNDLE("searchset", ENTRIES(ENTRY(COND_OWN))),
         SAME, NULL},
    };
    size_t n;

    for (n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        const smart_plan_t plan = plan_of(rows[n].kind);

        assert_row("patient/*.rs", &plan, &rows[n]);
    }
}

static void test_by_id(void **state)
{
    int kind;

    for (kind = 0; kind < SMART_INTERACTION_COUNT; kind++) {
        const bool is = kind == READ || kind == VREAD || kind == UPDATE ||
                        kind == PATCH || kind == DELETE || kind == HISTORY ||
                        kind == TYPES ||
                        kind == SMART_INTERACTION_HISTORY_SYSTEM;

        assert_int_equal(smart_inspect_by_id((smart_interaction_e)kind), is);
    }
}

/* The letter that is asked for is the one that counts, and none shows none. */
static void test_letters(void **state)
{
    static const row_t own = {"own", READ, 200, OBS_OWN, SAME, NULL};
    static const row_t hidden = {"own", READ, 200, OBS_OWN, NOT_FOUND, NULL};
    static const row_t found = {
        "own", SEARCH, 200, BUNDLE("searchset", ENTRIES(ENTRY(OBS_OWN))),
        SAME,  NULL};
    static const row_t lost = {
        "own",   SEARCH,
        200,     BUNDLE("searchset", ENTRIES(ENTRY(OBS_OWN))),
        CHANGED, BUNDLE("searchset", "")};
    static const row_t made = {"own", CREATE, 201, OBS_OWN, EMPTY, NULL};
    smart_plan_t read = plan_of(READ);
    smart_plan_t search = plan_of(SEARCH);
    smart_plan_t create = plan_of(CREATE);

    assert_row("patient/Observation.r", &read, &own);
    assert_row("patient/Observation.s", &read, &hidden);
    assert_row("patient/Observation.s", &search, &found);
    assert_row("patient/Observation.r", &search, &lost);
    assert_row("patient/Condition.rs", &search, &lost);
    read.letter = search.letter = create.letter = 0;
    assert_row("patient/*.cruds", &read, &hidden);
    assert_row("patient/*.cruds", &search, &lost);
    assert_row("patient/*.cruds", &create, &made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_writes), cmocka_unit_test(test_types),
        cmocka_unit_test(test_by_id),  cmocka_unit_test(test_letters),
    };

    return cmocka_run_group_tests(tests, prepare, finish);
}
