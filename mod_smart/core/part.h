/* SPDX-License-Identifier: Apache-2.0 */
/*
 * part.h: the parts of a grant that permit on their own. Scopes of one part
 * may be used together, those of different parts never.
 *
 *   0 system/        unconstrained                     not restricted
 *   1 user/          unconstrained                     not restricted
 *   2 system/        constrained, each scope alone     restricted
 *   3 user/          constrained, each scope alone     restricted
 *   4 user/          unconstrained, user is a Patient  restricted
 *   5 patient/       unconstrained                     restricted
 *   6 user/          constrained, user is a Patient    restricted
 *   7 patient/       constrained                       restricted
 *
 * They are tried in this order. Of 1 and 3 or 4 and 6 a grant has only one
 * pair: its user is a Patient or not. Where the backend holds patients apart
 * (SMART_COMPARTMENT_OFF) 4 and 5 are not restricted and are tried before 2;
 * 6 and 7 are held to their constraint alone.
 *
 * Invariant: letters of an unconstrained part unite; in a constrained part
 * one scope has to hold all that is needed.
 *
 * Does not: judge requests.
 */
#ifndef SMART_PART_H
#define SMART_PART_H

#include "core/base.h"
#include "core/decision.h"
#include "core/grant.h"
#include "core/letters.h"

#define SMART_PARTS 8

typedef struct smart_part_t {
    smart_context_e context;
    bool constrained;
    bool restricted;
    smart_reason_e unusable; /* why it permits nothing; UNDECIDED: it may */
    const char *patient;     /* held to this compartment; NULL: to none */
} smart_part_t;

/** The number of the part that is tried as the n-th, from 0 on. */
int smart_part_nth(const smart_policy_t *policy, int n);

/**
 * Get a part.
 * @param grant  borrowed as long as *ppart is used
 * @param policy what user/ scopes without fhirUser grant; who holds patients
 *               apart
 * @param n      0 to SMART_PARTS - 1
 * @param ppart  out: the part; all zero on false
 * @return false when this grant has no such part, or no scope for it
 */
bool smart_part_at(const smart_grant_t *grant, const smart_policy_t *policy,
                   int n, smart_part_t *ppart);

/**
 * The letters that the unconstrained scopes of a context hold on a type.
 * @param type SMART_TYPE_ANY: on all types
 */
smart_letters_t smart_part_letters(const smart_grant_t *grant,
                                   smart_context_e context, smart_type_t type);

/**
 * Whether a part holds what is needed.
 * @param pscope out: index of the first scope that has to do with it; -1 on
 *               false
 */
bool smart_part_covers(const smart_grant_t *grant, const smart_part_t *part,
                       const smart_need_t *need, int *pscope);

/**
 * Whether some part that is usable and not restricted holds letters on all
 * types: then nothing of any type has to be kept from the client.
 */
bool smart_part_unlimited(const smart_grant_t *grant,
                          const smart_policy_t *policy,
                          smart_letters_t letters);

/** Whether some part that is usable, restricted or not, covers a need. */
bool smart_part_any(const smart_grant_t *grant, const smart_policy_t *policy,
                    const smart_need_t *need);

/** How much of a type may be seen, by all usable parts together. */
typedef enum {
    SMART_SEES_NOTHING = 0,
    SMART_SEES_SOME, /* what a restricted part covers */
    SMART_SEES_ALL
} smart_sees_e;

/**
 * @param type a type
 * @param letter one: SMART_LETTER_R, SMART_LETTER_S
 */
smart_sees_e smart_part_sees(const smart_grant_t *grant,
                             const smart_policy_t *policy, smart_type_t type,
                             smart_letters_t letter);

/**
 * The context a refused client should ask for: patient/ when the token is
 * about a patient, else user/ when it has such scopes, else system/.
 */
smart_context_e smart_part_narrowest(const smart_grant_t *grant);

#endif
