/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.c: clock_gettime.
 */
#include "io/clock.h"

#include <stdint.h>
#include <time.h>

/* POSIX's monotonic clock may stand still while the machine sleeps. */
#ifdef CLOCK_BOOTTIME
#define MONO_CLOCK CLOCK_BOOTTIME
#else
#define MONO_CLOCK CLOCK_MONOTONIC
#endif

smart_clock_t smart_clock_now(void)
{
    smart_clock_t now = {INT64_MAX, INT64_MAX};
    struct timespec mono;
    struct timespec wall;

    if (clock_gettime(MONO_CLOCK, &mono) == 0 &&
        clock_gettime(CLOCK_REALTIME, &wall) == 0) {
        now.mono_us =
            (apr_int64_t)mono.tv_sec * SMART_CLOCK_S + mono.tv_nsec / 1000;
        now.wall_s = (apr_int64_t)wall.tv_sec;
    }
    return now;
}
