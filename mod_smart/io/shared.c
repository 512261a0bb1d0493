/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared.c: where the parts lie.
 */
#include "io/shared.h"

#include <stdint.h>

#define LINE         ((apr_size_t)64)
#define PAGE         ((apr_size_t)4096)
#define HEADER_WORDS ((apr_size_t)8)
#define MAGIC        APR_UINT64_C(0x31485354524d5321) /* little-endian: "!SMRTSH1" */

/* Of the part that is before the cache; each part begins on a cache line. */
#define UP(n)       (((n) + LINE - 1) / LINE * LINE)
#define COUNTERS_AT UP(HEADER_WORDS * 8)
#define TALLIES_AT  (COUNTERS_AT + UP(SMART_COUNTERS_BYTES))
#define HOUR_AT     (TALLIES_AT + UP(SMART_TALLY_BYTES))
#define BREAKERS_AT (HOUR_AT + UP(SMART_HOUR_BYTES))
#define PERMITS_AT  (BREAKERS_AT + UP(SMART_BREAKER_BYTES))
#define LEASES_AT   (PERMITS_AT + UP(SMART_PERMITS_BYTES))
#define FIXED_BYTES (LEASES_AT + UP(SMART_LEASE_BYTES))

/* The page before the cache, and what is lost before the first line. */
_Static_assert(FIXED_BYTES + PAGE + LINE <= SMART_SHARED_FIXED,
               "the fixed parts are as small as promised");

/* Where things are in a given segment. */
typedef struct layout_t {
    unsigned char *first; /* first cache line */
    unsigned char *cache;
    apr_size_t cache_bytes;
} layout_t;

apr_size_t smart_shared_min_bytes(void)
{
    return SMART_SHARED_FIXED + smart_cache_min_bytes();
}

static unsigned char *up_to(unsigned char *at, apr_size_t to)
{
    return at + (to - (uintptr_t)at % to) % to;
}

static bool layout_make(void *base, apr_size_t bytes, layout_t *layout)
{
    if (bytes < smart_shared_min_bytes()) {
        return false;
    }
    layout->first = up_to(base, LINE);
    layout->cache = up_to(layout->first + FIXED_BYTES, PAGE);
    layout->cache_bytes =
        bytes - (apr_size_t)(layout->cache - (unsigned char *)base);
    return true;
}

/* What the header of a segment like this says. The seal is the cache's to
 * check. */
static void header_make(apr_size_t bytes, const layout_t *layout,
                        apr_uint64_t header[HEADER_WORDS])
{
    header[0] = MAGIC;
    /* Counts are found by these numbers. */
    header[1] = SMART_SHARED_LAYOUT | (apr_uint64_t)SMART_COUNT_COUNT << 16 |
                (apr_uint64_t)SMART_REASON_COUNT << 32;
    header[2] = bytes;
    header[3] = layout->cache_bytes;
    header[4] = SMART_COUNTERS_BYTES;
    header[5] = SMART_BREAKER_BYTES;
    header[6] = SMART_PERMITS_BYTES;
    header[7] = SMART_LEASE_BYTES;
}

static void handles_make(const layout_t *layout, unsigned permits,
                         apr_pool_t *p, smart_shared_t *shared)
{
    unsigned char *first = layout->first;

    shared->counters = smart_counters_create(first + COUNTERS_AT, p);
    shared->tallies = smart_tallies_create(first + TALLIES_AT, p);
    shared->hour = (smart_hour_t *)(void *)(first + HOUR_AT);
    shared->breakers = (smart_breaker_t *)(void *)(first + BREAKERS_AT);
    shared->permits = smart_permits_create(first + PERMITS_AT, permits, p);
    shared->leases = smart_leases_create(first + LEASES_AT, p);
}

apr_status_t smart_shared_format(void *base, apr_size_t bytes,
                                 apr_uint64_t seal, unsigned permits,
                                 apr_pool_t *p, smart_shared_t *shared)
{
    apr_uint64_t header[HEADER_WORDS];
    smart_word_t *words;
    layout_t layout;
    apr_status_t rv;
    unsigned i;

    memset(shared, 0, sizeof(*shared));
    if (!layout_make(base, bytes, &layout)) {
        return APR_EINVAL;
    }
    memset(layout.first, 0, FIXED_BYTES);
    rv = smart_cache_format(layout.cache, layout.cache_bytes, seal, p,
                            &shared->cache);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    header_make(bytes, &layout, header);
    words = (smart_word_t *)(void *)layout.first;
    for (i = 0; i < HEADER_WORDS; i++) {
        smart_word_set(&words[i], header[i]);
    }
    handles_make(&layout, permits, p, shared);
    return APR_SUCCESS;
}

apr_status_t smart_shared_open(void *base, apr_size_t bytes, apr_uint64_t seal,
                               unsigned permits, apr_pool_t *p,
                               smart_shared_t *shared)
{
    apr_uint64_t header[HEADER_WORDS];
    const smart_word_t *words;
    layout_t layout;
    apr_status_t rv;
    unsigned i;

    memset(shared, 0, sizeof(*shared));
    if (!layout_make(base, bytes, &layout)) {
        return APR_EINVAL;
    }
    header_make(bytes, &layout, header);
    words = (const smart_word_t *)(const void *)layout.first;
    for (i = 0; i < HEADER_WORDS; i++) {
        if (smart_word_get(&words[i]) != header[i]) {
            return APR_EINVAL;
        }
    }
    rv = smart_cache_open(layout.cache, layout.cache_bytes, seal, p,
                          &shared->cache);
    if (rv == APR_SUCCESS) {
        handles_make(&layout, permits, p, shared);
    }
    return rv;
}
