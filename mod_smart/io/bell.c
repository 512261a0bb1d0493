/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bell.c: a futex where there is one, else short sleeps.
 */
#include "io/bell.h"

#include <time.h>

#define LONGEST_US 60000000 /* no caller waits longer at a stretch */

static struct timespec timespec_of(apr_int64_t us)
{
    struct timespec t;

    us = us < 0 ? 0 : us;
    us = us > LONGEST_US ? LONGEST_US : us;
    t.tv_sec = (time_t)(us / 1000000);
    t.tv_nsec = (long)(us % 1000000) * 1000;
    return t;
}

#ifdef __linux__

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Not FUTEX_PRIVATE_FLAG: the other side is another process. */
void smart_bell_wait(smart_bell_t *bell, apr_uint32_t seen, apr_int64_t most_us)
{
    const struct timespec most = timespec_of(most_us);

    syscall(SYS_futex, &bell->rung, FUTEX_WAIT, seen, &most, NULL, 0);
}

void smart_bell_ring(smart_bell_t *bell, int count)
{
    atomic_fetch_add(&bell->rung, 1);
    syscall(SYS_futex, &bell->rung, FUTEX_WAKE, count, NULL, NULL, 0);
}

#else

#define NAP_US         1000 /* between the first looks, then twice as long... */
#define LONGEST_NAP_US 5000 /* ...up to this */

void smart_bell_wait(smart_bell_t *bell, apr_uint32_t seen, apr_int64_t most_us)
{
    apr_int64_t nap_us = NAP_US;

    most_us = most_us > LONGEST_US ? LONGEST_US : most_us;
    while (most_us > 0 && smart_bell_read(bell) == seen) {
        struct timespec nap;

        nap_us = nap_us > LONGEST_NAP_US ? LONGEST_NAP_US : nap_us;
        nap_us = nap_us > most_us ? most_us : nap_us;
        nap = timespec_of(nap_us);
        nanosleep(&nap, NULL);
        most_us -= nap_us;
        nap_us *= 2;
    }
}

void smart_bell_ring(smart_bell_t *bell, int count)
{
    (void)count;
    atomic_fetch_add(&bell->rung, 1);
}

#endif
