/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h: the two times that whatever expires is held to.
 *
 *   mono   since boot; never jumps; the same in all processes of a machine;
 *          goes on while the machine sleeps where the system can tell
 *   wall   since the epoch; what `exp` speaks of; may be set by anyone
 *
 * Both are parameters everywhere else: only this file reads them.
 * Cost: two reads without a system call (vDSO), about 50 ns together.
 */
#ifndef SMART_CLOCK_H
#define SMART_CLOCK_H

#include "core/base.h"

#define SMART_CLOCK_S  APR_INT64_C(1000000) /* a second of mono_us */
#define SMART_CLOCK_MS APR_INT64_C(1000)    /* a millisecond of mono_us */

typedef struct smart_clock_t {
    apr_int64_t mono_us; /* microseconds since boot */
    apr_int64_t wall_s;  /* whole seconds since the epoch, rounded down */
} smart_clock_t;

/**
 * Read both clocks.
 * @return the times; {INT64_MAX, INT64_MAX}, when everything has expired,
 *         should the system have no clock
 */
smart_clock_t smart_clock_now(void);

#endif
