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
#include "fuzz.h"

#include "core/decision.h"

#define BASE "https://fhir.example.org/fhir"

static smart_policy_t policy = {
    .version = SMART_FHIR_R4,
    .fhir_user = SMART_FHIR_USER_OPTIONAL,
    .discovery_public = true,
    .enforced = ~0u,
};

/* A JSON string of what a line may hold; other bytes are left out. */
static const char *quoted(smart_slice_t line, apr_pool_t *p)
{
    char *text = apr_palloc(p, line.len + 3);
    apr_size_t i, n = 0;

    text[n++] = '"';
    for (i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.ptr[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            text[n++] = (char)c;
        }
    }
    text[n++] = '"';
    text[n] = 0;
    return text;
}

static bool make_grant(smart_slice_t *left, smart_grant_t *grant, apr_pool_t *p)
{
    static const smart_grant_recipe_t RECIPE = {SMART_FHIR_R4, BASE, NULL, 0,
                                                NULL,          0};
    const char *scopes = quoted(fuzz_line(left), p);
    const char *patient = quoted(fuzz_line(left), p);
    const char *user = quoted(fuzz_line(left), p);
    smart_slice_t record;
    const char *detail,
        *answer =
            apr_psprintf(p, "{\"active\":true,\"scope\":%s%s%s%s%s}", scopes,
                         strlen(patient) > 2 ? ",\"patient\":" : "",
                         strlen(patient) > 2 ? patient : "",
                         strlen(user) > 2 ? ",\"fhirUser\":" : "",
                         strlen(user) > 2 ? user : "");
    apr_int64_t exp;

    return smart_grant_make(&RECIPE, smart_slice(answer), p, &record, &exp,
                            &detail) == SMART_GRANT_ACTIVE &&
           smart_grant_open(record, grant);
}

/* A grant with these scopes of it, from those at <from> on, in steps. */
static smart_grant_t with_scopes(const smart_grant_t *grant, int drop,
                                 bool reversed, apr_pool_t *p)
{
    smart_scope_t *scopes =
        apr_palloc(p, sizeof(*scopes) * (size_t)(grant->scope_count + 1));
    smart_grant_t out = *grant;
    int i, n = 0;

    for (i = 0; i < grant->scope_count; i++) {
        if (i != drop) {
            scopes[n++] =
                grant->scopes[reversed ? grant->scope_count - 1 - i : i];
        }
    }
    out.scopes = scopes;
    out.scope_count = n;
    return out;
}

static void scopes_only_add(const smart_grant_t *grant,
                            const smart_interaction_t *i,
                            const smart_decision_t *d, apr_pool_t *p)
{
    smart_grant_t other = with_scopes(grant, -1, true, p);
    smart_decision_t then = smart_decide(&policy, &other, i, p);
    int s;

    FUZZ_HOLDS(then.permit == d->permit, "whatever the order");
    FUZZ_HOLDS(then.restricted == d->restricted, "restricted in any order");
    for (s = 0; s < grant->scope_count && s < 16 && !d->permit; s++) {
        other = with_scopes(grant, s, false, p);
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

    if (!make_grant(&left, &grant, p)) {
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
