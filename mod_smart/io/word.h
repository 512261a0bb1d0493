/* SPDX-License-Identifier: Apache-2.0 */
/*
 * word.h: the one thing there is in memory that processes share: a word of 64
 * bits that is read and written whole.
 *
 * Invariants:
 *   1. Atomics on a word are lock-free, so they work by address, whichever
 *      process does them and wherever it has the memory mapped.
 *   2. All zero bits are a word with the value 0: fresh memory is initialised.
 *
 * Does not: order anything; where order matters the user of a word says so.
 */
#ifndef SMART_WORD_H
#define SMART_WORD_H

#include "core/base.h"

#include <stdatomic.h>

typedef _Atomic apr_uint64_t smart_word_t;

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_LONG_LOCK_FREE == 2,
               "64-bit atomics must work between processes");
_Static_assert(sizeof(smart_word_t) == 8, "a word is 8 bytes, nothing more");
_Static_assert(_Alignof(smart_word_t) == 8, "and lies where it is read whole");

static inline apr_uint64_t smart_word_get(const smart_word_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

static inline void smart_word_set(smart_word_t *word, apr_uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_relaxed);
}

#endif
