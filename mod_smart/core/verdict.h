/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verdict.h: what is to be said about one way to permit a request. The
 * decision is the verdict on the first part of the grant that may, or on the
 * one that came nearest.
 */
#ifndef SMART_VERDICT_H
#define SMART_VERDICT_H

#include "core/base.h"
#include "core/decision.h"
#include "core/reason.h"
#include "core/search.h"

typedef struct smart_verdict_t {
    bool may;
    smart_reason_e reason;      /* when it may not */
    unsigned obligations;       /* smart_oblige_e bits, when it may */
    const char *query;          /* to be sent instead; NULL: keep */
    smart_letters_t shown;      /* INSPECT: what each resource needs */
    const smart_pair_t *narrow; /* NARROW: to be appended */
    int narrow_count;
    smart_type_t type; /* NO_SCOPE: what is missing; NONE: not said */
    smart_letters_t letters;
} smart_verdict_t;

static inline smart_verdict_t smart_verdict_may(unsigned obligations)
{
    smart_verdict_t verdict = {0};

    verdict.may = true;
    verdict.obligations = obligations;
    return verdict;
}

static inline smart_verdict_t smart_verdict_not(smart_reason_e reason)
{
    smart_verdict_t verdict = {0};

    verdict.reason = reason;
    return verdict;
}

/** It may, and each resource of the answer needs a letter. */
static inline smart_verdict_t smart_verdict_shows(smart_letters_t letter)
{
    smart_verdict_t verdict = {0};

    verdict.may = true;
    verdict.obligations = SMART_OBLIGE_INSPECT;
    verdict.shown = letter;
    return verdict;
}

/** It may not, for want of letters on a type (SMART_TYPE_ANY: on all). */
static inline smart_verdict_t smart_verdict_lacks(smart_type_t type,
                                                  smart_letters_t letters)
{
    smart_verdict_t verdict = smart_verdict_not(SMART_REASON_NO_SCOPE);

    verdict.type = type;
    verdict.letters = letters;
    return verdict;
}

#endif
