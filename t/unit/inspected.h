/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspected.h: answers and what has to become of them, for the tests of the
 * rooms of the inspection. A row that shows something has a twin, which
 * differs in one thing, that does not.
 */
#ifndef INSPECTED_H
#define INSPECTED_H

#include "ask.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/inspect.h"

#define OBS_OWN                                                                \
    "{\"resourceType\":\"Observation\",\"id\":\"o1\","                         \
    "\"subject\":{\"reference\":\"Patient/pat-1\"},"                           \
    "\"valueDecimal\":1.10}"
#define OBS_FOREIGN                                                            \
    "{\"resourceType\":\"Observation\",\"id\":\"o1\","                         \
    "\"subject\":{\"reference\":\"Patient/pat-2\"},"                           \
    "\"valueDecimal\":1.10}"
#define OBS_OTHER                                                              \
    "{\"resourceType\":\"Observation\",\"id\":\"o2\","                         \
    "\"subject\":{\"reference\":\"Patient/pat-1\"}}"
#define COND_OWN                                                               \
    "{\"resourceType\":\"Condition\",\"id\":\"o1\","                           \
    "\"subject\":{\"reference\":\"Patient/pat-1\"}}"
#define OUTCOME "{\"resourceType\":\"OperationOutcome\",\"issue\":[]}"
#define HOLDING                                                                \
    "{\"resourceType\":\"OperationOutcome\",\"issue\":[],"                     \
    "\"contained\":[" OBS_FOREIGN "]}"

#define BUNDLE(type, rest)                                                     \
    "{\"resourceType\":\"Bundle\",\"type\":\"" type "\"" rest "}"
#define ENTRIES(list) ",\"entry\":[" list "]"
#define ENTRY(r)      "{\"resource\":" r "}"
#define MODE(r, m)    "{\"resource\":" r ",\"search\":{\"mode\":\"" m "\"}}"

static const char *const backends[] = {"http://b:80/fhir", "http://b/fhir",
                                       NULL};
static const smart_rebase_t rebase = {backends, "https://us/fhir"};

typedef struct row_t {
    const char *what;
    smart_interaction_e kind;
    int status;
    const char *body;
    smart_inspected_e is;
    const char *out; /* NULL: body on SAME, nothing on others */
} row_t;

static inline smart_plan_t plan_of(smart_interaction_e kind)
{
    smart_plan_t plan = {
        .kind = kind,
        .type = smart_fhir_type(SMART_FHIR_R4, smart_slice("Observation")),
        .id = smart_slice("o1"),
        .letter = SMART_LETTER_R,
        .write = smart_inspect_writes(kind)};

    switch ((int)kind) {
    case SMART_INTERACTION_SEARCH_TYPE:
    case SMART_INTERACTION_PAGE:
        plan.letter = SMART_LETTER_S;
        plan.id = smart_slice("");
        break;
    case SMART_INTERACTION_CREATE:
    case SMART_INTERACTION_HISTORY_TYPE:
        plan.id = smart_slice("");
        break;
    default:
        break;
    }
    return plan;
}

static inline smart_inspected_e inspect(const char *scopes,
                                        const smart_plan_t *plan, int status,
                                        const char *body, smart_slice_t *pout)
{
    const ask_t ask = {.scopes = scopes, .patient = "pat-1"};
    const smart_grant_t grant = ask_grant(SMART_FHIR_R4, &ask);
    const smart_coverage_t c = {
        .policy = ask_policy_default(),
        .grant = &grant,
        .bases = {.version = SMART_FHIR_R4, .urls = backends}};
    const char *why;
    smart_inspected_e is;
    /* ends where the text does, for AddressSanitizer */
    char *copy = malloc(strlen(body) + !*body);

    memcpy(copy, body, strlen(body));
    is = smart_inspect(&c, plan, &rebase, status,
                       smart_slice_n(copy, strlen(body)), pool, pout, &why);
    *pout = pout->len
                ? smart_slice_n(apr_pstrmemdup(pool, pout->ptr, pout->len),
                                pout->len)
                : smart_slice("");
    free(copy);
    assert_true(why != NULL);
    return is;
}

static inline void assert_row(const char *scopes, const smart_plan_t *plan,
                              const row_t *row)
{
    const char *want = row->out                          ? row->out
                       : row->is == SMART_INSPECTED_SAME ? row->body
                                                         : "";
    smart_slice_t out;
    smart_inspected_e is = inspect(scopes, plan, row->status, row->body, &out);

    if (is != row->is) {
        fail_msg("%s: %d instead of %d", row->what, is, row->is);
    }
    if (strcmp(out.ptr, want) != 0) {
        fail_msg("%s: %s instead of %s", row->what, out.ptr, want);
    }
}

#define BAD       SMART_INSPECTED_BAD
#define NOT_FOUND SMART_INSPECTED_NOT_FOUND
#define OURS      SMART_INSPECTED_OUTCOME
#define EMPTY     SMART_INSPECTED_EMPTY
#define SAME      SMART_INSPECTED_SAME
#define CHANGED   SMART_INSPECTED_CHANGED

#define READ    SMART_INTERACTION_READ
#define VREAD   SMART_INTERACTION_VREAD
#define SEARCH  SMART_INTERACTION_SEARCH_TYPE
#define PAGE    SMART_INTERACTION_PAGE
#define HISTORY SMART_INTERACTION_HISTORY_INSTANCE
#define TYPES   SMART_INTERACTION_HISTORY_TYPE
#define OPERATE SMART_INTERACTION_OPERATION
#define CREATE  SMART_INTERACTION_CREATE
#define UPDATE  SMART_INTERACTION_UPDATE
#define PATCH   SMART_INTERACTION_PATCH
#define DELETE  SMART_INTERACTION_DELETE
#define BATCH   SMART_INTERACTION_BATCH

#define PATIENT "patient/Observation.rs"

static inline void run(const row_t *rows, size_t count)
{
    size_t n;

    for (n = 0; n < count; n++) {
        smart_plan_t plan = plan_of(rows[n].kind);

        if (plan.kind == OPERATE) {
            plan.type = SMART_TYPE_NONE;
            plan.id = smart_slice("");
        }
        assert_row(PATIENT, &plan, &rows[n]);
    }
}

#define RUN(rows) run(rows, sizeof(rows) / sizeof((rows)[0]))

#endif
