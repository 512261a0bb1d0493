/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect_batch_test.c: each entry of a batch response is judged as the answer to its
 * request.
 */
#include "inspected.h"

#define OURS_404                                                               \
    "{\"response\":{\"status\":\"404 Not Found\",\"outcome\":"                 \
    "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":"         \
    "\"error\",\"code\":\"not-found\",\"diagnostics\":"                        \
    "\"There is no such resource.\"}]}}}"

/* ---- batches ---- */

#define RESPONSE(s, more) "{\"response\":{\"status\":\"" s "\"" more "}}"
#define ANSWER(r, s)      "{\"resource\":" r ",\"response\":{\"status\":\"" s "\"}}"

typedef struct batch_row_t {
    const char *what;
    smart_interaction_e kind;
    const char *entry;
    const char *out; /* NULL: as it is; "": the whole is BAD */
} batch_row_t;

static const batch_row_t batch_rows[] = {
    {"read", READ, ANSWER(OBS_OWN, "200 OK"), NULL},
    {"read, foreign", READ, ANSWER(OBS_FOREIGN, "200 OK"), OURS_404},
    {"read, another id", READ, ANSWER(OBS_OTHER, "200"), OURS_404},
    {"read, another type", READ, ANSWER(COND_OWN, "200"), OURS_404},
    {"read, nothing", READ, RESPONSE("200 OK", ""), OURS_404},
    {"read, not there", READ, RESPONSE("404", ",\"outcome\":" OUTCOME),
     OURS_404},
    {"read, gone", READ, RESPONSE("410 Gone", ""), OURS_404},
    {"read, not modified", READ, RESPONSE("304", ",\"etag\":\"W/1\""),
     OURS_404},
    {"read, refused", READ, RESPONSE("403", ",\"outcome\":" OUTCOME), NULL},
    {"read, refused, holding another", READ,
     RESPONSE("403", ",\"outcome\":" HOLDING), RESPONSE("403", "")},
    {"read, refused with a resource", READ, ANSWER(OBS_OWN, "403"),
     RESPONSE("403", "")},
    {"read, an entry with more", READ,
     "{\"more\":1,\"resource\":" OBS_OWN ",\"response\":{\"status\":\"200\"}}",
     ""},
    {"vread, foreign", VREAD, ANSWER(OBS_FOREIGN, "200"), OURS_404},
    {"search", SEARCH,
     ANSWER(BUNDLE("searchset", ENTRIES(ENTRY(OBS_OWN))), "200"), NULL},
    {"search, foreign", SEARCH,
     ANSWER(BUNDLE("searchset", ",\"total\":2" ENTRIES(
                                    ENTRY(OBS_FOREIGN) "," ENTRY(OBS_OWN))),
            "200"),
     ANSWER(BUNDLE("searchset", ENTRIES(ENTRY(OBS_OWN))), "200")},
    {"search, no Bundle", SEARCH, ANSWER(OBS_OWN, "200"),
     "{\"response\":{\"status\":\"502 Bad Gateway\",\"outcome\":"
     "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":"
     "\"error\",\"code\":\"exception\",\"diagnostics\":\"The answer of the "
     "FHIR server could not be checked.\"}]}}}"},
    {"search, an outcome", SEARCH, ANSWER(OUTCOME, "200"), NULL},
    {"search, 404", SEARCH, RESPONSE("404", ",\"outcome\":" OUTCOME), NULL},
    {"history, foreign", HISTORY,
     ANSWER(BUNDLE("history", ENTRIES(ENTRY(OBS_FOREIGN))), "200"), OURS_404},
    {"history", HISTORY,
     ANSWER(BUNDLE("history", ENTRIES(ENTRY(OBS_OWN))), "200"), NULL},
    {"created", CREATE, ANSWER(OBS_OWN, "201 Created"), NULL},
    {"created, foreign", CREATE, ANSWER(OBS_FOREIGN, "201 Created"),
     RESPONSE("201 Created", "")},
    {"created, nothing", CREATE,
     RESPONSE("201", ",\"location\":\"http://b/fhir/Observation/n\",\"etag\":"
                     "\"W/\\\"1\\\"\""),
     RESPONSE("201", ",\"location\":\"https://us/fhir/Observation/n\","
                     "\"etag\":\"W/\\\"1\\\"\"")},
    {"created, an outcome", CREATE, ANSWER(OUTCOME, "201"), NULL},
    {"created, an outcome that holds another", CREATE, ANSWER(HOLDING, "201"),
     RESPONSE("201", "")},
    {"updated", UPDATE, ANSWER(OBS_OWN, "200"), NULL},
    {"updated, another id", UPDATE, ANSWER(OBS_OTHER, "200"),
     RESPONSE("200", "")},
    {"updated, gone", UPDATE, RESPONSE("410", ""), OURS_404},
    {"deleted", DELETE, RESPONSE("204 No Content", ""), NULL},
    {"deleted, with it", DELETE, ANSWER(OBS_OWN, "200"), NULL},
    {"deleted, with another", DELETE, ANSWER(OBS_FOREIGN, "200"),
     RESPONSE("200", "")},
    {"deleted, another in the outcome", DELETE,
     "{\"response\":{\"outcome\":" HOLDING ",\"status\":\"200\"}}",
     "{\"response\":{\"status\":\"200\"}}"},
    {"no response", CREATE, "{}", ""},
    {"no status", CREATE, "{\"response\":{}}", ""},
    {"no number", CREATE, RESPONSE("OK", ""), ""},
    {"two digits", CREATE, RESPONSE("20", ""), ""},
    {"nothing", CREATE, RESPONSE("", ""), ""},
    {"a letter", CREATE, RESPONSE("20O", ""), ""},
    {"a sign", CREATE, RESPONSE("2/0", ""), ""},
    {"a colon", CREATE, RESPONSE("2:0", ""), ""},
    {"below all", CREATE, RESPONSE("099", ""), ""},
    {"read, created", READ, ANSWER(OBS_OWN, "201"), OURS_404},
    {"a long number", CREATE, RESPONSE("2000", ""), ""},
    {"a number", CREATE, "{\"response\":{\"status\":200}}", ""},
    {"too many members", CREATE,
     RESPONSE("200", ",\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,"
                     "\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1"),
     ""},
    {"no object", CREATE, "1", ""},
};

static void test_batch(void **state)
{
    size_t n;

    for (n = 0; n < sizeof(batch_rows) / sizeof(batch_rows[0]); n++) {
        static const char whole[] = BUNDLE("%s", ENTRIES("%s,%s"));
        const batch_row_t *b = &batch_rows[n];
        const smart_plan_t entries[2] = {plan_of(b->kind), plan_of(DELETE)};
        const smart_plan_t plan = {
            .kind = BATCH, .entries = entries, .entry_count = 2};
        const char *other = RESPONSE("204", "");
        const bool same = !b->out;
        const row_t row = {
            b->what,
            BATCH,
            200,
            apr_psprintf(pool, whole, "batch-response", b->entry, other),
            same      ? SAME
            : *b->out ? CHANGED
                      : BAD,
            same || !*b->out
                ? NULL
                : apr_psprintf(pool, whole, "batch-response", b->out, other)};

        assert_row(PATIENT, &plan, &row);
    }
}

static void test_batch_whole(void **state)
{
    static const row_t rows[] = {
        {"one", BATCH, 200,
         BUNDLE("transaction-response", ENTRIES(RESPONSE("204", ""))), SAME,
         NULL},
        {"too many", BATCH, 200,
         BUNDLE("batch-response",
                ENTRIES(RESPONSE("204", "") "," RESPONSE("204", ""))),
         BAD, NULL},
        {"too few", BATCH, 200, BUNDLE("batch-response", ""), BAD, NULL},
        {"a searchset", BATCH, 200,
         BUNDLE("searchset", ENTRIES(RESPONSE("204", ""))), BAD, NULL},
        {"an outcome", BATCH, 200, OUTCOME, SAME, NULL},
        {"failed", BATCH, 404, OUTCOME, SAME, NULL},
        {"201", BATCH, 201,
         BUNDLE("batch-response", ENTRIES(RESPONSE("204", ""))), BAD, NULL},
    };
    const smart_plan_t entry = plan_of(DELETE);
    smart_plan_t plan = {.kind = BATCH, .entries = &entry, .entry_count = 1};
    size_t n;

    for (n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        plan.kind = BATCH;
        assert_row(PATIENT, &plan, &rows[n]);
        plan.kind = SMART_INTERACTION_TRANSACTION;
        assert_row(PATIENT, &plan, &rows[n]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_batch_whole),
    };

    return cmocka_run_group_tests(tests, prepare, finish);
}
