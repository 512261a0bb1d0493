/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared.h: what all processes share, in one segment.
 *
 *   header | counters | tallies | hour | breakers | permits | leases | cache
 *
 *   header   64 bytes: magic, layout, size of the whole and of the parts
 *   cache    the rest, from a page boundary on; see cache.h
 *
 * All but the cache has a fixed size, together less than SMART_SHARED_FIXED
 * bytes. All zero bits are a valid beginning for each part.
 *
 * Invariants:
 *   1. Where the parts are follows from the address and size of the segment
 *      alone; the header is compared with what this process would write, and
 *      nothing is taken from it.
 *   2. format and open read nothing else. So a parent that runs as root can
 *      use a segment that its children can write to.
 *   3. A segment that is not exactly as expected is as if there were none.
 *
 * Does not: get the memory, give it back.
 */
#ifndef SMART_SHARED_H
#define SMART_SHARED_H

#include "core/base.h"

#include "io/breaker.h"
#include "io/cache.h"
#include "io/counters.h"
#include "io/hour.h"
#include "io/lease.h"
#include "io/permits.h"
#include "io/tally.h"

#define SMART_SHARED_LAYOUT 4u /* raise it when a part changes its layout */
#define SMART_SHARED_FIXED  ((apr_size_t)572 * 1024) /* all but the cache */

/** A process' handles on the parts. */
typedef struct smart_shared_t {
    smart_cache_t *cache;
    smart_leases_t *leases;
    smart_permits_t *permits;
    smart_breaker_t *breakers; /* table for smart_breaker_find */
    smart_counters_t *counters;
    smart_tallies_t *tallies;
    smart_hour_t *hour;
} smart_shared_t;

/**
 * The least memory a segment can be made in.
 * @return bytes
 */
apr_size_t smart_shared_min_bytes(void);

/**
 * Make an empty segment, in memory that no one uses yet.
 * @param base    first byte; all processes must have it at addresses that are
 *                equal modulo 4096
 * @param bytes   how many, at least smart_shared_min_bytes()
 * @param seal    random number known to the owner of the segment alone
 * @param permits how many questions may be under way, see permits.h
 * @param p       pool that owns the handles, not the memory
 * @param shared  out: the handles; all NULL on any error. A fork inherits them.
 * @return APR_SUCCESS; APR_EINVAL: too small
 */
apr_status_t smart_shared_format(void *base, apr_size_t bytes,
                                 apr_uint64_t seal, unsigned permits,
                                 apr_pool_t *p, smart_shared_t *shared);

/**
 * Use a segment that is there, with all that is in it.
 * @param base    as in smart_shared_format, like all parameters
 * @return APR_SUCCESS; APR_EINVAL: other layout, size or seal, or a damaged
 *         header: make a new one
 */
apr_status_t smart_shared_open(void *base, apr_size_t bytes, apr_uint64_t seal,
                               unsigned permits, apr_pool_t *p,
                               smart_shared_t *shared);

#endif
