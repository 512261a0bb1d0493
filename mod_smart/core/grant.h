/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grant.h: from an RFC 7662 answer to the immutable facts about a token, in a
 * flat record that can lie in shared memory.
 *
 * record = head, scopes[], texts. No pointers; texts stand in a fixed order,
 * each ends with a NUL, see grant_record.h. The layout has a version
 * (SMART_GRANT_LAYOUT), which is in the cache key.
 *
 * Invariants:
 *   1. A record says active only if "active" was the JSON boolean true and
 *      every member below had its type and range.
 *   2. Facts, not decisions: exp, nbf, aud and iss are judged at each use.
 *   3. smart_grant_open checks every count, enum and text, so that a damaged
 *      record is refused or holds other values, but breaks no invariant of
 *      smart_grant_t.
 *   4. All texts of an opened record are in it, empty ones too.
 *   5. Texts hold no control byte (0x00-0x1F, 0x7F): an answer with one in a
 *      member we keep is UNPROVEN.
 *
 * Members read, with their types: active (boolean), exp, nbf (number; finite,
 * 0 <= x <= 253402300799, fraction cut), scope, client_id, sub, username, iss,
 * token_type, patient, encounter, fhirUser (strings), aud (string or array of
 * strings), cnf (anything: present = bound), fhirContext (array, kept as
 * compact JSON up to 2 KiB, dropped with a flag beyond), claims named by the
 * recipe (strings as they are, numbers and booleans as JSON text, arrays of
 * strings as several values; objects are left out).
 * A member that is null counts as absent, except active. An empty aud array is
 * not absent: it holds none of ours. exp 0 is kept as 1: both are past, and 0
 * stands for none.
 *
 * See RFC 7662 2.2; SMART App Launch 2.2, Token Introspection.
 */
#ifndef SMART_GRANT_H
#define SMART_GRANT_H

#include "core/base.h"
#include "core/fhir.h"
#include "core/reason.h"
#include "core/scope.h"

/* Numbers of types are in records, and change when types are added. */
#define SMART_GRANT_LAYOUT      (0x10000u + (unsigned)SMART_FHIR_TYPE_LAST)
#define SMART_GRANT_SKEW_S      30    /* nbf may be this far ahead */
#define SMART_GRANT_MAX_CONTEXT 2048u /* bytes of fhirContext that are kept */
#define SMART_GRANT_MAX_RECORD  1048576u /* bytes; beyond: unusable */

/** An alias of an AS that cannot issue "/" or "." in scopes. */
typedef struct smart_scope_alias_t {
    const char *as_scope;      /* as it stands in the answer */
    const char *const *scopes; /* SMART scopes it stands for, NULL at end */
} smart_scope_alias_t;

/** Everything that shapes a record besides the answer; in the cache key. */
typedef struct smart_grant_recipe_t {
    smart_fhir_e version;
    const char *public_url; /* of the base, no trailing slash; may be NULL */
    const smart_scope_alias_t *aliases;
    int alias_count;
    const char *const *claims; /* names to keep, sorted, no duplicates */
    int claim_count;
} smart_grant_recipe_t;

typedef enum {
    SMART_GRANT_TROUBLE = 0, /* not one JSON object, duplicate key, too deep */
    SMART_GRANT_UNPROVEN,    /* a member is missing, mistyped, out of range */
    SMART_GRANT_INACTIVE,    /* "active": false */
    SMART_GRANT_ACTIVE       /* the record is made */
} smart_grant_e;

/** What kind of user fhirUser names. */
typedef enum {
    SMART_USER_UNUSABLE = 0, /* RelatedPerson, Person, foreign or malformed */
    SMART_USER_ABSENT,       /* no fhirUser */
    SMART_USER_PATIENT,      /* held to the compartment of user_patient */
    SMART_USER_PRACTITIONER  /* Practitioner, PractitionerRole: backend's */
} smart_user_e;

/** A record, opened: borrowed texts, NUL-terminated; valid while it is. */
typedef struct smart_grant_t {
    apr_int64_t exp;       /* seconds since the epoch; 0: none */
    apr_int64_t nbf;       /* 0: none */
    bool bound;            /* cnf, or token_type not Bearer */
    bool context_cut;      /* fhirContext was too large to keep */
    apr_byte_t kinds;      /* smart_grant_kind() of each scope */
    smart_user_e user;     /* from fhirUser */
    const char *client_id; /* "" when absent, like all texts here */
    const char *sub;
    const char *username;
    const char *iss;
    const char *patient;      /* FHIR id, proved; "": absent or unusable */
    const char *user_patient; /* FHIR id when user is PATIENT */
    const char *fhir_user;    /* as it came */
    const char *encounter;    /* FHIR id, proved */
    const char *fhir_context; /* compact JSON array */
    int scope_count;
    const smart_scope_t *scopes; /* aligned; constraints into .constraints */
    const char *constraints;
    int aud_count;
    const char *auds;   /* aud_count texts, each ends with NUL */
    int claim_count;    /* pairs in claims */
    const char *claims; /* name NUL value NUL, in the order of the answer */
} smart_grant_t;

/* Kinds of constrained scopes are so many bits above those without. */
#define SMART_GRANT_CONSTRAINED 4u

/**
 * A bit for the scopes of a context, with or without a constraint: a grant has
 * few kinds, and most of what a scope could permit needs one it does not have.
 */
static inline unsigned smart_grant_kind(unsigned context, bool constrained)
{
    return context <= SMART_CONTEXT_SYSTEM
               ? 1u << (context + (constrained ? SMART_GRANT_CONSTRAINED : 0))
               : 0;
}

/**
 * Make a record of an answer.
 * Scopes are split at blanks; each is replaced by its alias if there is one;
 * words that are no SMART scope are left out (openid, launch, ...). Same
 * scopes are kept once. More than SMART_MAX_SCOPES words, of whatever kind and
 * with what aliases stand for: UNPROVEN.
 * @param recipe  what to keep and how
 * @param body    the answer, need not be NUL-terminated
 * @param p       owns the record; also scratch
 * @param precord out: the record on ACTIVE, else empty
 * @param pexp    out: exp on ACTIVE (0: none); for the cache
 * @param pdetail out: which member was wrong or why it is no JSON; constant
 *                text or member name, safe to log; "" on INACTIVE. On ACTIVE
 *                the first parameter that no resource can be held against
 *                (smart_scope_unjudged): its scope grants nothing; "" when
 *                there is none
 * @return see smart_grant_e
 */
smart_grant_e smart_grant_make(const smart_grant_recipe_t *recipe,
                               smart_slice_t body, apr_pool_t *p,
                               smart_slice_t *precord, apr_int64_t *pexp,
                               const char **pdetail);

/**
 * Open a record without trusting it.
 * @param record 8-byte aligned; borrowed as long as *grant is used
 * @param grant  out: views into it; all zero on false
 * @return false when any offset, count or enum is out of range
 */
bool smart_grant_open(smart_slice_t record, smart_grant_t *grant);

/**
 * Make of an opened record one of a copy of its bytes, without proving them
 * again.
 * @param from what smart_grant_open made of the record
 * @param old  its bytes
 * @param copy the same bytes elsewhere, 8-byte aligned; borrowed as long as
 *             *to is used
 * @param to   out: views into the copy
 */
void smart_grant_move(const smart_grant_t *from, smart_slice_t old,
                      const char *copy, smart_grant_t *to);

typedef enum {
    SMART_AUDIENCE_REQUIRED = 0,
    SMART_AUDIENCE_OPTIONAL, /* an absent aud is accepted */
    SMART_AUDIENCE_OFF
} smart_audience_e;

/** What a token must be for us; judged at each use. */
typedef struct smart_token_policy_t {
    const char *issuer; /* NULL: not checked */
    smart_audience_e audience;
    const char *const *auds; /* ours, NULL at end; one of them must match */
} smart_token_policy_t;

/**
 * Judge the facts that change with time and configuration. Audiences are
 * compared byte by byte, one trailing slash ignored on both sides.
 * @param now seconds since the epoch; expired when now >= exp
 * @return SMART_REASON_UNDECIDED when nothing is wrong with the token (it is
 *         still to be decided what it permits), else a TOKEN_* reason
 */
smart_reason_e smart_grant_judge(const smart_grant_t *grant,
                                 const smart_token_policy_t *policy,
                                 apr_int64_t now);

#endif
