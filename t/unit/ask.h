/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask.h: a question to the decision in words: scopes, a request line, a
 * launch context. Read with the real parsers.
 *
 * A twin is a request that is permitted and one that is not, which differ in
 * one word only: each shows that the other one says something.
 */
#ifndef ASK_H
#define ASK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <apr_strings.h>

#include "pool.h"

#include "core/decision.h"

#define FORM    SMART_OBLIGE_FORM
#define NARROW  SMART_OBLIGE_NARROW
#define INSPECT SMART_OBLIGE_INSPECT
#define BODY    SMART_OBLIGE_BODY
#define PREREAD SMART_OBLIGE_PREREAD
#define MINIMAL SMART_OBLIGE_MINIMAL
#define CONTEXT SMART_OBLIGE_CONTEXT
#define ALL     (FORM | NARROW | INSPECT | BODY | PREREAD | MINIMAL | CONTEXT)

#define LAB "?category=laboratory"

typedef struct ask_t {
    const char *scopes;  /* of the token, blanks between */
    const char *request; /* "GET /Observation?code=x" */
    const char *patient; /* launch context; NULL: none */
    const char *user;    /* fhirUser; NULL: none */
    const char *header;  /* "Prefer: respond-async"; NULL: none */
} ask_t;

#define BY(s, r)                                                               \
    {                                                                          \
        .scopes = (s), .request = (r)                                          \
    }
#define OF(s, r)                                                               \
    {                                                                          \
        .scopes = (s), .request = (r), .patient = "pat-1"                      \
    }
#define BY_WITH(s, r, h)                                                       \
    {                                                                          \
        .scopes = (s), .request = (r), .header = (h)                           \
    }
#define OF_WITH(s, r, h)                                                       \
    {                                                                          \
        .scopes = (s), .request = (r), .header = (h), .patient = "pat-1"       \
    }
#define BY_USER(s, r, u)                                                       \
    {                                                                          \
        .scopes = (s), .request = (r), .user = (u)                             \
    }

typedef struct twin_t {
    const char *what;
    ask_t yes;
    unsigned owed; /* obligations of the permit */
    ask_t no;
    smart_reason_e reason; /* of the deny */
} twin_t;

static inline const smart_policy_t *ask_policy_default(void)
{
    static smart_policy_t policy;

    policy.version = SMART_FHIR_R4;
    policy.fhir_user = SMART_FHIR_USER_OPTIONAL;
    policy.compartment = smart_compartment_default();
    policy.discovery_public = true;
    policy.enforced = ALL;
    return &policy;
}
#define ask_policy (*ask_policy_default())

static inline smart_grant_t ask_grant(smart_fhir_e v, const ask_t *ask)
{
    smart_scope_t *scopes = apr_pcalloc(pool, 64 * sizeof(*scopes));
    smart_grant_t grant = {0};
    const char *s = ask->scopes;

    grant.constraints = ask->scopes;
    grant.scopes = scopes;
    while (*s) {
        apr_size_t len = strcspn(s, " ");
        smart_scope_t *scope = &scopes[grant.scope_count];
        if (smart_scope_parse(v, smart_slice_n(s, len), scope)) {
            scope->constraint_start += (apr_uint32_t)(s - ask->scopes);
            grant.kinds |= (apr_byte_t)smart_grant_kind(
                scope->context, scope->constraint_len > 0);
            grant.scope_count++;
        }
        s += len + strspn(s + len, " ");
    }
    grant.patient = ask->patient ? ask->patient : "";
    grant.user_patient = "";
    grant.user = SMART_USER_ABSENT;
    if (ask->user) {
        grant.user = SMART_USER_UNUSABLE;
        if (strncmp(ask->user, "Patient/", 8) == 0) {
            grant.user = SMART_USER_PATIENT;
            grant.user_patient = ask->user + 8;
        }
        if (strncmp(ask->user, "Practitioner", 12) == 0) {
            grant.user = SMART_USER_PRACTITIONER;
        }
    }
    return grant;
}

static inline const char *ask_field(const ask_t *ask, const char *name)
{
    apr_size_t len = strlen(name);

    return ask->header && strncmp(ask->header, name, len) == 0
               ? ask->header + len
               : NULL;
}

/* The request has to be well-formed; it may be UNKNOWN. */
static inline smart_interaction_t ask_interaction(smart_fhir_e v,
                                                  const ask_t *ask)
{
    const char *target = strchr(ask->request, ' ') + 1;
    const char *query = strchr(target, '?');
    smart_request_t req = {0};
    smart_interaction_t i;
    const char *why;

    req.method = apr_pstrmemdup(pool, ask->request,
                                (apr_size_t)(target - ask->request - 1));
    req.path = smart_slice_n(target, query ? (apr_size_t)(query - target)
                                           : strlen(target));
    req.query = query ? smart_slice(query + 1) : smart_slice_n(NULL, 0);
    req.if_none_exist = ask_field(ask, "If-None-Exist: ");
    req.prefer = ask_field(ask, "Prefer: ");
    req.provenance = ask_field(ask, "X-Provenance: ") != NULL;
    if (smart_interaction_read(v, &req, pool, &i, &why) !=
        SMART_REASON_UNDECIDED) {
        fail_msg("%s: %s", ask->request, why);
    }
    return i;
}

static inline smart_decision_t ask_by(const smart_policy_t *policy,
                                      const ask_t *ask)
{
    smart_grant_t grant = ask_grant(policy->version, ask);
    smart_interaction_t i = ask_interaction(policy->version, ask);

    return smart_decide(policy, &grant, &i, pool);
}

static inline void assert_denies(const smart_policy_t *policy, const char *what,
                                 const ask_t *ask, smart_reason_e reason)
{
    smart_decision_t d = ask_by(policy, ask);

    if (d.permit) {
        fail_msg("%s: %s permits %s", what, ask->scopes, ask->request);
    }
    if (d.reason != reason) {
        fail_msg("%s: %s, %s: %s instead of %s", what, ask->scopes,
                 ask->request, smart_reason_row(d.reason)->name,
                 smart_reason_row(reason)->name);
    }
}

static inline void assert_permits(const smart_policy_t *policy,
                                  const char *what, const ask_t *ask,
                                  unsigned owed)
{
    smart_decision_t d = ask_by(policy, ask);
    smart_policy_t less = *policy;
    unsigned bit;

    if (!d.permit) {
        fail_msg("%s: %s does not permit %s: %s", what, ask->scopes,
                 ask->request, smart_reason_row(d.reason)->name);
    }
    if (d.obligations != owed) {
        fail_msg("%s: %s, %s: owes %u instead of %u", what, ask->scopes,
                 ask->request, d.obligations, owed);
    }
    for (bit = 1; bit & ALL; bit <<= 1) {
        less.enforced = ALL & ~bit;
        d = ask_by(&less, ask);
        /* A write can do without its answer, looked at or not. */
        if ((owed & bit) && d.permit &&
            !(bit == INSPECT && (d.obligations & MINIMAL))) {
            fail_msg("%s: %s permitted though %u is not met", what,
                     ask->request, bit);
        }
    }
}

static inline int differs(const char *a, const char *b)
{
    return (a || b) && (!a || !b || strcmp(a, b) != 0);
}

static inline void assert_twins(const smart_policy_t *policy,
                                const twin_t *twins, size_t count)
{
    size_t n;

    for (n = 0; n < count; n++) {
        const twin_t *t = &twins[n];
        int differ = differs(t->yes.scopes, t->no.scopes) +
                     differs(t->yes.request, t->no.request) +
                     differs(t->yes.patient, t->no.patient) +
                     differs(t->yes.user, t->no.user) +
                     differs(t->yes.header, t->no.header);
        if (differ != 1) {
            fail_msg("%s: differ in %d things", t->what, differ);
        }
        assert_permits(policy, t->what, &t->yes, t->owed);
        assert_denies(policy, t->what, &t->no, t->reason);
    }
}

#define ASSERT_TWINS(policy, twins)                                            \
    assert_twins(policy, twins, sizeof(twins) / sizeof((twins)[0]))

#endif
