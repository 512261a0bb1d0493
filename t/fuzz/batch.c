/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch.c: a Bundle of requests is read, decided, written.
 *
 *   lines: scopes, patient, fhirUser, resource that is there, Bundle
 *
 * What is permitted has no entry that is not; what restricted entries bring is
 * covered; what is written can be read and is permitted again; a scope less
 * permits no more.
 */
#include "token.h"

#include "core/batch.h"

static const char *const urls[] = {BASE, NULL};
static smart_policy_t policy;

static smart_reason_e read_batch(const smart_grant_t *grant,
                                 const smart_json_t *bundle, apr_pool_t *p,
                                 smart_batch_t *batch)
{
    const smart_coverage_t c = {&policy, grant, {SMART_FHIR_R4, urls, NULL, 0}};

    return smart_batch_read(&c, BASE, bundle, p, batch);
}

static void is_permitted(const smart_batch_t *batch, apr_pool_t *p)
{
    int n;

    for (n = 0; n < batch->count; n++) {
        const smart_batch_entry_t *e = &batch->entries[n];
        smart_interaction_e kind = e->interaction.kind;
        FUZZ_HOLDS(e->decision.permit, "each entry");
        FUZZ_HOLDS(kind != SMART_INTERACTION_UNKNOWN &&
                       kind != SMART_INTERACTION_BATCH,
                   "that is a request");
        FUZZ_HOLDS(!e->decision.restricted || batch->restricted, "told");
        if (!e->decision.restricted) {
            continue;
        }
        if (kind == SMART_INTERACTION_UPDATE) {
            FUZZ_HOLDS(smart_coverage_write(&batch->coverage, SMART_LETTER_U,
                                            e->resource, p),
                       "what it brings");
        }
        /* Of the patient's own record, its URL tells. */
        FUZZ_HOLDS((kind != SMART_INTERACTION_UPDATE &&
                    kind != SMART_INTERACTION_DELETE) ||
                       e->below || e->interaction.type == SMART_FHIR_PATIENT,
                   "what is there is looked at");
    }
}

/* Answers what is asked for before it is sent; false: refused then. */
static bool is_found(smart_batch_t *batch, const smart_json_t *resource,
                     apr_pool_t *p)
{
    const smart_found_t found = {resource, resource ? "W/\"1\"" : NULL};
    int n;

    for (n = 0; n < batch->count; n++) {
        if (batch->entries[n].below &&
            smart_batch_found(batch, n, &found, p) != SMART_REASON_UNDECIDED) {
            return false;
        }
    }
    return true;
}

static void is_written(const smart_grant_t *grant, const smart_batch_t *batch,
                       apr_pool_t *p)
{
    const smart_json_t *again;
    smart_batch_t then;
    smart_slice_t text;
    const char *why;

    FUZZ_HOLDS(smart_batch_write(batch, p, &text), "can be written");
    FUZZ_HOLDS(smart_json_read(text, p, &again, &why) == SMART_JSON_READ,
               "can be read");
    FUZZ_HOLDS(read_batch(grant, again, p, &then) == SMART_REASON_UNDECIDED,
               "is permitted again");
    FUZZ_HOLDS(then.count == batch->count && then.kind == batch->kind,
               "as it was");
    FUZZ_HOLDS(then.restricted == batch->restricted, "as restricted");
}

static void scopes_only_add(const smart_grant_t *grant,
                            const smart_json_t *bundle, apr_pool_t *p)
{
    int s;

    for (s = 0; s < grant->scope_count && s < 8; s++) {
        smart_grant_t less = fuzz_scopes(grant, s, false, p);
        smart_batch_t batch;
        FUZZ_HOLDS(read_batch(&less, bundle, p, &batch) !=
                       SMART_REASON_UNDECIDED,
                   "less is not more");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *p = fuzz_pool();
    smart_slice_t left = fuzz_input(data, size), line;
    const smart_json_t *bundle, *resource;
    smart_grant_t grant;
    smart_batch_t batch;
    const char *why;

    policy.version = SMART_FHIR_R4;
    policy.fhir_user = SMART_FHIR_USER_OPTIONAL;
    policy.compartment = smart_compartment_default();
    policy.enforced = ~0u;
    if (!fuzz_grant(&left, &grant, p)) {
        return 0;
    }
    line = fuzz_line(&left);
    smart_json_read(line, p, &resource, &why);
    if (smart_json_read(left, p, &bundle, &why) != SMART_JSON_READ) {
        return 0;
    }
    if (read_batch(&grant, bundle, p, &batch) != SMART_REASON_UNDECIDED) {
        scopes_only_add(&grant, bundle, p);
        return 0;
    }
    is_permitted(&batch, p);
    if (is_found(&batch, resource, p)) {
        is_written(&grant, &batch, p);
    }
    return 0;
}
