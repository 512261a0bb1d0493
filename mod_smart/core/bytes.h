/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bytes.h: sixteen bytes of a text that are looked at together, with vectors
 * that gcc and clang have for every processor: (x >= 'a') & (x <= 'z') says of
 * each byte whether it is such a letter.
 *
 * Invariant: bytes are signed here: those above 0x7f are below all others.
 */
#ifndef SMART_BYTES_H
#define SMART_BYTES_H

#include "core/base.h"

#define SMART_BYTES 16u

/** Bytes; or of each whether something is so: all its bits, or none. */
typedef signed char smart_bytes_t __attribute__((vector_size(SMART_BYTES)));

/** The SMART_BYTES bytes from a place on. */
static inline smart_bytes_t smart_bytes_at(const char *at)
{
    smart_bytes_t bytes;

    memcpy(&bytes, at, sizeof(bytes));
    return bytes;
}

/** To each byte something is added; what goes past 0x7f comes in at -0x80. */
static inline smart_bytes_t smart_bytes_shift(smart_bytes_t bytes, char by)
{
    typedef unsigned char round_t __attribute__((vector_size(SMART_BYTES)));

    return (smart_bytes_t)((round_t)bytes + (unsigned char)by);
}

/** Whether something is so of no byte. */
static inline bool smart_bytes_none(smart_bytes_t which)
{
    apr_uint64_t half[2];

    memcpy(half, &which, sizeof(half));
    return (half[0] | half[1]) == 0;
}

#endif
