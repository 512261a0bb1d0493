/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect.c: an answer of a backend, inspected.
 *
 *   lines: scopes, patient, fhirUser, what was asked for, answer
 *   asked: a letter of "rvhtspobcud", and the status behind it: "s200"
 *          (read vread history-instance history-type search page operation
 *          batch create update delete)
 *
 * What is let out is covered, resource by resource, by those rules that parse
 * all of it; what came out is let out again as it is; no byte of what was
 * dropped is there.
 */
#include "token.h"

#include "core/inspect.h"
#include "core/json.h"

static smart_policy_t policy;
static const char *const urls[] = {BASE, "http://127.0.0.1:8080/fhir", NULL};
static const char *const from[] = {"http://127.0.0.1:8080/fhir", NULL};
static const smart_rebase_t rebase = {from, BASE};
static const smart_plan_t entries[] = {
    {.kind = SMART_INTERACTION_READ,
     .type = SMART_FHIR_OBSERVATION,
     .id = {"obs-1", 5},
     .letter = SMART_LETTER_R},
    {.kind = SMART_INTERACTION_SEARCH_TYPE,
     .type = SMART_FHIR_OBSERVATION,
     .letter = SMART_LETTER_S},
    {.kind = SMART_INTERACTION_UPDATE,
     .type = SMART_FHIR_OBSERVATION,
     .id = {"obs-1", 5},
     .letter = SMART_LETTER_R,
     .write = true},
};

static smart_plan_t plan_of(char what)
{
    static const struct {
        char what;
        smart_interaction_e kind;
        bool id, write;
        smart_letters_t letter;
    } ROWS[] = {
        {'r', SMART_INTERACTION_READ, true, false, SMART_LETTER_R},
        {'v', SMART_INTERACTION_VREAD, true, false, SMART_LETTER_R},
        {'h', SMART_INTERACTION_HISTORY_INSTANCE, true, false, SMART_LETTER_R},
        {'t', SMART_INTERACTION_HISTORY_TYPE, false, false, SMART_LETTER_S},
        {'s', SMART_INTERACTION_SEARCH_TYPE, false, false, SMART_LETTER_S},
        {'p', SMART_INTERACTION_PAGE, false, false, SMART_LETTER_S},
        {'o', SMART_INTERACTION_OPERATION, false, false, SMART_LETTER_R},
        {'c', SMART_INTERACTION_CREATE, false, true, SMART_LETTER_R},
        {'u', SMART_INTERACTION_UPDATE, true, true, SMART_LETTER_R},
        {'d', SMART_INTERACTION_DELETE, true, true, SMART_LETTER_R},
    };
    smart_plan_t plan = {
        .kind = SMART_INTERACTION_BATCH, .entries = entries, .entry_count = 3};
    size_t i;

    for (i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        if (ROWS[i].what == what) {
            memset(&plan, 0, sizeof(plan));
            plan.kind = ROWS[i].kind;
            plan.type = what == 'p' || what == 'o' ? SMART_TYPE_NONE
                                                   : SMART_FHIR_OBSERVATION;
            plan.id = smart_slice(ROWS[i].id ? "obs-1" : "");
            plan.letter = ROWS[i].letter;
            plan.write = ROWS[i].write;
        }
    }
    return plan;
}

/* A resource that came out: covered, or about no resource at all. */
static void is_covered(const smart_coverage_t *c, const smart_plan_t *plan,
                       const smart_json_t *resource, apr_pool_t *p)
{
    smart_slice_t type = {NULL, 0};

    smart_json_string(smart_json_member(resource, "resourceType"), &type);
    if (smart_slice_is(type, "OperationOutcome")) {
        FUZZ_HOLDS(!smart_json_member(resource, "contained"), "alone");
        return;
    }
    FUZZ_HOLDS(smart_coverage_read(c, plan->letter, resource, p), "covered");
}

static void are_covered(const smart_coverage_t *c, const smart_plan_t *plan,
                        const smart_json_t *json, apr_pool_t *p)
{
    const smart_json_t *list = smart_json_member(json, "entry"), *resource;
    smart_slice_t type = {NULL, 0};
    apr_size_t i;

    smart_json_string(smart_json_member(json, "resourceType"), &type);
    if (!smart_slice_is(type, "Bundle")) {
        is_covered(c, plan, json, p);
        return;
    }
    if (plan->entries) {
        FUZZ_HOLDS(smart_json_count(list) <= (apr_size_t)plan->entry_count,
                   "no more than were asked for");
    }
    for (i = 0; i < smart_json_count(list); i++) {
        const smart_plan_t *mine = plan->entries ? &plan->entries[i] : plan;
        resource = smart_json_member(smart_json_item(list, i), "resource");
        if (resource && plan->entries) {
            are_covered(c, mine, resource, p);
        }
        else if (resource) {
            is_covered(c, mine, resource, p);
        }
    }
    FUZZ_HOLDS(plan->entries || !smart_json_member(json, "total") ||
                   plan->kind == SMART_INTERACTION_READ ||
                   plan->kind == SMART_INTERACTION_VREAD || plan->write ||
                   plan->kind == SMART_INTERACTION_OPERATION,
               "no total");
}

static void came_out(const smart_coverage_t *c, const smart_plan_t *plan,
                     int status, smart_slice_t out, apr_pool_t *p)
{
    const smart_json_t *json;
    smart_slice_t again;
    smart_inspected_e what;
    const char *why;

    FUZZ_HOLDS(smart_json_read(out, p, &json, &why) == SMART_JSON_READ, "JSON");
    are_covered(c, plan, json, p);
    what = smart_inspect(c, plan, &rebase, status, out, p, &again, &why);
    FUZZ_HOLDS(what == SMART_INSPECTED_SAME ||
                   what == SMART_INSPECTED_CHANGED ||
                   what == SMART_INSPECTED_NOT_FOUND,
               "let out again");
    FUZZ_HOLDS(what == SMART_INSPECTED_NOT_FOUND ||
                   smart_slice_equal(again, out),
               "the same bytes");
}

static void inspect(const smart_coverage_t *c, const smart_plan_t *plan,
                    int status, smart_slice_t body, apr_pool_t *p)
{
    smart_slice_t out;
    const char *why;

    switch (smart_inspect(c, plan, &rebase, status, body, p, &out, &why)) {
    case SMART_INSPECTED_BAD:
    case SMART_INSPECTED_NOT_FOUND:
    case SMART_INSPECTED_EMPTY:
        FUZZ_HOLDS(out.len == 0 && why, "nothing");
        return;
    case SMART_INSPECTED_OUTCOME:
        return;
    case SMART_INSPECTED_SAME:
        FUZZ_HOLDS(smart_slice_equal(out, body), "as it came");
        break;
    case SMART_INSPECTED_CHANGED:
        break;
    }
    if (out.len) {
        came_out(c, plan, status, out, p);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *p = fuzz_pool();
    smart_slice_t left = fuzz_input(data, size), asked;
    smart_coverage_t c = {NULL, NULL, {SMART_FHIR_R4, urls, NULL, 0}};
    smart_grant_t grant;
    smart_plan_t plan;
    const char *status;

    policy.version = SMART_FHIR_R4;
    policy.fhir_user = SMART_FHIR_USER_OPTIONAL;
    policy.compartment = smart_compartment_default();
    policy.compartment.mode = SMART_COMPARTMENT_FORMAL;
    if (!fuzz_grant(&left, &grant, p)) {
        return 0;
    }
    c.policy = &policy;
    c.grant = &grant;
    asked = fuzz_line(&left);
    plan = plan_of(asked.len ? asked.ptr[0] : 's');
    status = asked.len ? fuzz_text(asked, p) : NULL;
    inspect(&c, &plan, status && status[1] ? atoi(status + 1) : 200, left, p);
    return 0;
}
