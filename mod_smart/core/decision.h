/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decision.h: (policy, grant, interaction) -> permit or deny. Total, pure.
 *
 * A request is restricted when what permits it is a patient/ scope, a user/
 * scope of a user who is a Patient, or a constrained scope; with the
 * compartment left to the backend, a constrained scope alone. Scopes are tried
 * from the least restricted on (system, user, patient; unconstrained first),
 * so that a wider scope is never held back by a narrower one.
 *
 * What is permitted may carry obligations: things the caller has to do before
 * or after the backend answers. A caller says in policy->enforced which it
 * can; a permit that needs another one is a deny with NOT_JUDGED.
 *
 * Invariants:
 *   1. A decision nobody filled in denies.
 *   2. Taking a scope away never turns deny into permit.
 *   3. Letters of differently constrained scopes are never pooled; those of
 *      unconstrained scopes of one context unite.
 *   4. Without a token only what is public is permitted.
 *
 * See letters.h for what an interaction needs, part.h for the order, narrow.h
 * for what is appended, operation_body.h for operations with a body, and
 * restriction.h, unrestricted.h and operation.h for what comes with a permit.
 */
#ifndef SMART_DECISION_H
#define SMART_DECISION_H

#include "core/base.h"
#include "core/compartment.h"
#include "core/grant.h"
#include "core/interaction.h"
#include "core/reason.h"
#include "core/rule.h"
#include "core/search.h"

/** What a caller must do for a permit to hold. */
typedef enum {
    SMART_OBLIGE_NONE = 0,
    SMART_OBLIGE_FORM = 1,     /* read the form, decide again with it */
    SMART_OBLIGE_NARROW = 2,   /* search narrowed to the context */
    SMART_OBLIGE_INSPECT = 4,  /* the answer, resource by resource */
    SMART_OBLIGE_BODY = 8,     /* the body sent */
    SMART_OBLIGE_PREREAD = 16, /* what is there now */
    SMART_OBLIGE_MINIMAL = 32, /* a write whose answer may not be seen: ask for
                                  none, and drop what comes */
    SMART_OBLIGE_CONTEXT = 64  /* Binary: read it as JSON first; what its
                                  securityContext names must be covered */
} smart_oblige_e;

typedef enum {
    SMART_FHIR_USER_REQUIRED = 0, /* user/ without fhirUser grants nothing */
    SMART_FHIR_USER_OPTIONAL
} smart_fhir_user_e;

/** What the administrator configured, as the decision sees it. */
typedef struct smart_policy_t {
    smart_fhir_e version;
    smart_fhir_user_e fhir_user;
    smart_compartment_t compartment;
    bool discovery_public; /* .well-known/smart-configuration: always true */
    const smart_rule_t *const *rules; /* first match wins */
    int rule_count;
    unsigned enforced; /* smart_oblige_e bits the caller can meet */
} smart_policy_t;

typedef struct smart_decision_t {
    bool permit;
    bool is_public; /* permitted without a token */
    bool restricted;
    unsigned obligations;  /* smart_oblige_e bits, all within enforced */
    smart_reason_e reason; /* of a deny */
    const char *scope;     /* permit: the scope that permitted, as written in
                              the token; deny with NO_SCOPE: the narrowest that
                              would do; NULL: none to name */
    const char *patient;   /* restricted to this compartment; NULL: none */
    const char *query;     /* to be sent instead of the client's; NULL: keep */
    smart_letters_t shown; /* INSPECT: the letter, R or S, that each resource
                              of the answer needs */
    const smart_pair_t *narrow; /* NARROW: to be appended to the query, the
                                   form or If-None-Exist, in this order */
    int narrow_count; /* may be 0: all of it is there, or forms no query */
    const smart_rule_t *rule; /* that decided; NULL: built-in mapping */
} smart_decision_t;

/**
 * Decide a request.
 * @param policy configuration; borrowed
 * @param grant  facts about the token, already judged; NULL: no token
 * @param i      interaction; UNKNOWN is denied
 * @param p      owns texts of the decision
 * @return the decision
 */
smart_decision_t smart_decide(const smart_policy_t *policy,
                              const smart_grant_t *grant,
                              const smart_interaction_t *i, apr_pool_t *p);

/**
 * Whether an interaction is public under a policy: it needs no token, and one
 * that comes along is not looked at. A rule makes public what shows only what
 * it names: forms, pages, includes, chains, searches of the system and the like
 * it passes over, unless it is about searches of all types and none before it
 * is about some of them. Of a batch that is public each entry has to be.
 */
bool smart_decision_public(const smart_policy_t *policy,
                           const smart_interaction_t *i);

#endif
