/* SPDX-License-Identifier: Apache-2.0 */
/*
 * typeset.h: a set of resource types, as something that is needed.
 *
 * Invariant: what can not be kept apart becomes "all types", which needs
 * more. A set is never the smaller for a type nobody knows.
 */
#ifndef SMART_TYPESET_H
#define SMART_TYPESET_H

#include "core/base.h"

#define SMART_TYPESET_WORDS 4
#define SMART_TYPESET_TYPES (SMART_TYPESET_WORDS * 64)

typedef struct smart_typeset_t {
    bool all;                                /* every type there is */
    apr_uint64_t words[SMART_TYPESET_WORDS]; /* bit per smart_type_t */
} smart_typeset_t;

/** Add a type; SMART_TYPE_ANY and SMART_TYPE_NONE (system level) are all. */
static inline void smart_typeset_add(smart_typeset_t *set, smart_type_t type)
{
    if (type == SMART_TYPE_NONE || type >= SMART_TYPESET_TYPES) {
        set->all = true;
    }
    else {
        set->words[type / 64] |= (apr_uint64_t)1 << (type % 64);
    }
}

/** Whether a type was listed by itself. */
static inline bool smart_typeset_lists(const smart_typeset_t *set,
                                       smart_type_t type)
{
    return type < SMART_TYPESET_TYPES &&
           (set->words[type / 64] >> (type % 64) & 1);
}

/** Add all types of another set. */
static inline void smart_typeset_unite(smart_typeset_t *set,
                                       const smart_typeset_t *other)
{
    int w;

    set->all = set->all || other->all;
    for (w = 0; w < SMART_TYPESET_WORDS; w++) {
        set->words[w] |= other->words[w];
    }
}

/**
 * The next type of a set that was listed by itself.
 * @param after SMART_TYPE_NONE to begin with
 * @return SMART_TYPE_NONE at the end
 */
static inline smart_type_t smart_typeset_next(const smart_typeset_t *set,
                                              smart_type_t after)
{
    unsigned first = after + 1u, w = first / 64;
    apr_uint64_t rest;

    if (w >= SMART_TYPESET_WORDS) {
        return SMART_TYPE_NONE;
    }
    rest = set->words[w] & ~(apr_uint64_t)0 << (first % 64);
    while (!rest) {
        if (++w == SMART_TYPESET_WORDS) {
            return SMART_TYPE_NONE;
        }
        rest = set->words[w];
    }
    return (smart_type_t)(w * 64 + (unsigned)__builtin_ctzll(rest));
}

/** Whether nothing is in it. */
static inline bool smart_typeset_empty(const smart_typeset_t *set)
{
    return !set->all && smart_typeset_next(set, SMART_TYPE_NONE) == 0;
}

#endif
