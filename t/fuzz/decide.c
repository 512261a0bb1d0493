/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decide.c: scopes, a launch context and a request, decided.
 *
 *   lines: scopes, patient, fhirUser, method, path below the base, query,
 *          If-None-Exist, Prefer
 *
 * A scope taken away never turns deny into permit; their order does not
 * matter; who can do less is permitted less; without a token nothing is that is
 * not public.
 */
#include "token.h"

#include "core/decision.h"

static smart_policy_t policy = {
    .version = SMART_FHIR_R4,
    .fhir_user = SMART_FHIR_USER_OPTIONAL,
    .discovery_public = true,
    .enforced = ~0u,
};

static void scopes_only_add(const smart_grant_t *grant,
                            const smart_interaction_t *i,
                            const smart_decision_t *d, apr_pool_t *p)
{
    smart_grant_t other = fuzz_scopes(grant, -1, true, p);
    smart_decision_t then = smart_decide(&policy, &other, i, p);
    int s;

    FUZZ_HOLDS(then.permit == d->permit, "whatever the order");
    FUZZ_HOLDS(then.restricted == d->restricted, "restricted in any order");
    for (s = 0; s < grant->scope_count && s < 16 && !d->permit; s++) {
        other = fuzz_scopes(grant, s, false, p);
        then = smart_decide(&policy, &other, i, p);
        FUZZ_HOLDS(!then.permit, "less is not more");
    }
}

static void holds(const smart_grant_t *grant, const smart_interaction_t *i,
                  apr_pool_t *p)
{
    smart_decision_t d = smart_decide(&policy, grant, i, p);
    smart_decision_t none = smart_decide(&policy, NULL, i, p), less;
    smart_policy_t weak = policy;

    FUZZ_HOLDS(!none.permit || none.is_public, "nothing without a token");
    FUZZ_HOLDS(i->kind != SMART_INTERACTION_UNKNOWN || !d.permit, "unknown");
    FUZZ_HOLDS(!d.permit || d.is_public || d.scope, "a scope permitted");
    FUZZ_HOLDS(!d.permit || d.is_public || grant->scope_count, "a scope");
    weak.enforced = SMART_OBLIGE_NONE;
    less = smart_decide(&weak, grant, i, p);
    FUZZ_HOLDS(d.permit || !less.permit, "who can do less");
    FUZZ_HOLDS(!less.permit || !less.obligations, "nothing that it can not");
    weak = policy;
    weak.fhir_user = SMART_FHIR_USER_REQUIRED;
    less = smart_decide(&weak, grant, i, p);
    FUZZ_HOLDS(d.permit || !less.permit, "who asks for more");
    scopes_only_add(grant, i, &d, p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *p = fuzz_pool();
    smart_slice_t left = fuzz_input(data, size);
    smart_interaction_t i;
    smart_request_t req;
    smart_grant_t grant;
    const char *why, *field;

    if (!fuzz_grant(&left, &grant, p)) {
        return 0;
    }
    memset(&req, 0, sizeof(req));
    req.method = fuzz_text(fuzz_line(&left), p);
    req.path = fuzz_line(&left);
    req.query = fuzz_line(&left);
    field = fuzz_text(fuzz_line(&left), p);
    req.if_none_exist = field && *field ? field : NULL;
    field = fuzz_text(fuzz_line(&left), p);
    req.prefer = field && *field ? field : NULL;
    req.provenance = left.len > 0;
    if (req.method && smart_interaction_read(SMART_FHIR_R4, &req, p, &i,
                                             &why) == SMART_REASON_UNDECIDED) {
        holds(&grant, &i, p);
    }
    return 0;
}
