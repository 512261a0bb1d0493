/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counters.c: relaxed additions to lines that are mostly one thread's.
 */
#include "io/counters.h"

#include "io/owner.h"
#include "io/stripe.h"

typedef struct block_t {
    smart_word_t count[SMART_COUNT_COUNT];
    smart_word_t latency[SMART_LATENCY_BUCKETS];
    smart_word_t latency_us;
    smart_word_t unused[SMART_COUNTER_WORDS - SMART_COUNT_COUNT -
                        SMART_LATENCY_BUCKETS - 2u];
    smart_word_t owner; /* process id; 0: never anybody's */
} block_t;

_Static_assert(sizeof(block_t) == sizeof(smart_word_t) * SMART_COUNTER_WORDS &&
                   sizeof(block_t) % 64 == 0,
               "a block is whole cache lines");
_Static_assert(SMART_COUNTER_STRIPES == SMART_STRIPES, "a block each");

struct smart_counters_t {
    block_t *blocks;                        /* in shared memory */
    block_t *stripe[SMART_COUNTER_STRIPES]; /* of this process */
};

static const char *const name[] = {
    [SMART_COUNT_HIT] = "cache_hits",
    [SMART_COUNT_NEGATIVE] = "cache_negative_hits",
    [SMART_COUNT_STALE] = "cache_stale_hits",
    [SMART_COUNT_MISS] = "cache_misses",
    [SMART_COUNT_INTROSPECTION] = "introspections",
    [SMART_COUNT_REFRESH] = "introspection_refreshes",
    [SMART_COUNT_FAILURE] = "introspection_failures",
    [SMART_COUNT_REFUSED] = "introspection_refused",
    [SMART_COUNT_UNPROVEN] = "introspection_unproven",
    [SMART_COUNT_TOO_LARGE] = "introspection_too_large",
    [SMART_COUNT_WAIT] = "introspection_shared",
    [SMART_COUNT_BREAKER] = "breaker_rejections",
    [SMART_COUNT_PERMIT_TIMEOUT] = "permit_timeouts",
    [SMART_COUNT_AUDIT] = "audit_lines",
    [SMART_COUNT_AUDIT_LOST] = "audit_lines_lost",
    [SMART_COUNT_SHARED_HIT] = "shared_cache_hits",
    [SMART_COUNT_SHARED_MISS] = "shared_cache_misses",
    [SMART_COUNT_SHARED_FAILURE] = "shared_cache_failures",
    [SMART_COUNT_SHARED_TAMPERED] = "shared_cache_tampered",
    [SMART_COUNT_PERMITTED] = "permitted",
    [SMART_COUNT_PUBLIC] = "permitted_public",
    [SMART_COUNT_DENIED_FORM] = "denied_form",
    [SMART_COUNT_DENIED_TOKEN] = "denied_token",
    [SMART_COUNT_DENIED_ACCESS] = "denied_access",
    [SMART_COUNT_DENIED_BODY] = "denied_body",
    [SMART_COUNT_DENIED_SERVER] = "denied_server",
    [SMART_COUNT_DENIED_OTHER] = "denied_other",
};

_Static_assert(sizeof(name) / sizeof(name[0]) == SMART_COUNT_COUNT,
               "each has a name");

smart_counters_t *smart_counters_create(void *base, apr_pool_t *p)
{
    smart_counters_t *counters = apr_pcalloc(p, sizeof(*counters));
    unsigned i;

    counters->blocks = base;
    for (i = 0; i < SMART_COUNTER_STRIPES; i++) {
        counters->stripe[i] = &counters->blocks[SMART_COUNTER_BLOCKS];
    }
    return counters;
}

/* Fresh ones and those of the dead; *palive spares asking twice. */
static bool block_take(block_t *block, apr_uint64_t self, apr_uint64_t *palive)
{
    apr_uint64_t owner = atomic_load(&block->owner);

    if (owner == self || (owner != 0 && owner == *palive)) {
        return false;
    }
    if (owner != 0 && !smart_owner_is_gone(owner)) {
        *palive = owner;
        return false;
    }
    return atomic_compare_exchange_strong(&block->owner, &owner, self);
}

/* A process that had our number before us is dead, its blocks are free. */
static void own_leftovers_free(smart_counters_t *counters, apr_uint64_t self)
{
    unsigned i;

    for (i = 0; i < SMART_COUNTER_BLOCKS; i++) {
        apr_uint64_t owner = self;

        /* No process has a number this large: gone, but not never there. */
        atomic_compare_exchange_strong(&counters->blocks[i].owner, &owner,
                                       SMART_OWNER_MASK + 1);
    }
}

unsigned smart_counters_join(smart_counters_t *counters, unsigned threads)
{
    const apr_uint64_t self = smart_owner_self();
    apr_uint64_t alive = 0;
    unsigned taken = 0;
    unsigned i;

    threads = threads < 1 ? 1 : threads;
    threads = threads > SMART_COUNTER_STRIPES ? SMART_COUNTER_STRIPES : threads;
    own_leftovers_free(counters, self);
    for (i = 0; i < SMART_COUNTER_BLOCKS && taken < threads; i++) {
        if (block_take(&counters->blocks[i], self, &alive)) {
            counters->stripe[taken++] = &counters->blocks[i];
        }
    }
    for (i = taken; taken > 0 && i < SMART_COUNTER_STRIPES; i++) {
        counters->stripe[i] = counters->stripe[i % taken];
    }
    return taken;
}

static block_t *stripe_of(smart_counters_t *counters)
{
    return counters->stripe[smart_stripe()];
}

static void add(smart_word_t *word, apr_uint64_t n)
{
    atomic_fetch_add_explicit(word, n, memory_order_relaxed);
}

void smart_count(smart_counters_t *counters, smart_count_e what)
{
    if (counters && (unsigned)what < SMART_COUNT_COUNT) {
        add(&stripe_of(counters)->count[what], 1);
    }
}

static unsigned bucket_of(apr_int64_t us)
{
    unsigned i = 0;

    while (i < SMART_LATENCY_BUCKETS - 1 &&
           us > (apr_int64_t)SMART_LATENCY_FIRST_US << i) {
        i++;
    }
    return i;
}

void smart_count_latency(smart_counters_t *counters, apr_int64_t latency_us)
{
    block_t *block;

    if (counters) {
        latency_us = latency_us < 0 ? 0 : latency_us;
        block = stripe_of(counters);
        add(&block->latency[bucket_of(latency_us)], 1);
        add(&block->latency_us, (apr_uint64_t)latency_us);
    }
}

smart_count_e smart_count_of_status(int status)
{
    switch (status) {
    case 400:
        return SMART_COUNT_DENIED_FORM;
    case 401:
        return SMART_COUNT_DENIED_TOKEN;
    case 403:
    case 404:
    case 405:
        return SMART_COUNT_DENIED_ACCESS;
    case 413:
    case 415:
        return SMART_COUNT_DENIED_BODY;
    case 503:
        return SMART_COUNT_DENIED_SERVER;
    default:
        return SMART_COUNT_DENIED_OTHER;
    }
}

void smart_counters_sum(const smart_counters_t *counters, smart_sums_t *sums)
{
    unsigned n;
    unsigned i;

    memset(sums, 0, sizeof(*sums));
    for (n = 0; n <= SMART_COUNTER_BLOCKS; n++) {
        const block_t *block = &counters->blocks[n];

        for (i = 0; i < SMART_COUNT_COUNT; i++) {
            sums->count[i] += smart_word_get(&block->count[i]);
        }
        for (i = 0; i < SMART_LATENCY_BUCKETS; i++) {
            sums->latency[i] += smart_word_get(&block->latency[i]);
        }
        sums->latency_us += smart_word_get(&block->latency_us);
        sums->processes += smart_word_get(&block->owner) != 0;
    }
}

const char *smart_count_name(smart_count_e what)
{
    return (unsigned)what < SMART_COUNT_COUNT ? name[what] : "unknown";
}
