/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stripe.h: which of a few places a thread writes to, so that threads that
 * count the same thing seldom write to the same cache line.
 */
#ifndef SMART_STRIPE_H
#define SMART_STRIPE_H

#include "core/base.h"

#include <pthread.h>
#include <stdint.h>

#define SMART_STRIPES 8u

/** The place of this thread, below SMART_STRIPES: threads differ in where
    their descriptors lie. */
static inline unsigned smart_stripe(void)
{
    const apr_uint64_t thread = (apr_uint64_t)(uintptr_t)pthread_self();

    return (unsigned)((thread * APR_UINT64_C(0x9e3779b97f4a7c15)) >> 61);
}

#endif
