/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hour.c: see hour.h.
 */
#include "io/hour.h"

/* A request that took long speaks of a minute gone by; a clock that says more
   than that was set back. */
#define SET_BACK 5u

_Static_assert(SMART_COUNT_COUNT + SMART_LATENCY_BUCKETS + 1 < SMART_HOUR_WORDS,
               "the sums fit into a slot");

/* Words of a slot. */
#define LATENCY_AT    ((unsigned)SMART_COUNT_COUNT)
#define LATENCY_US_AT (LATENCY_AT + SMART_LATENCY_BUCKETS)

void smart_hour_note(smart_hour_t *hour, const smart_counters_t *counters,
                     apr_time_t now)
{
    const apr_uint64_t minute = smart_hour_minute(now);
    smart_hour_slot_t *slot = &hour->slots[minute % SMART_HOUR_SLOTS];
    apr_uint64_t newest = smart_word_get(&hour->newest);
    smart_sums_t sums;
    unsigned i;

    if ((minute < newest && newest - minute < SET_BACK) ||
        !atomic_compare_exchange_strong(&hour->newest, &newest, minute)) {
        return;
    }
    smart_counters_sum(counters, &sums);
    smart_word_set(&slot->minute, 0);
    atomic_thread_fence(memory_order_release);
    for (i = 0; i < SMART_COUNT_COUNT; i++) {
        smart_word_set(&slot->sum[i], sums.count[i]);
    }
    for (i = 0; i < SMART_LATENCY_BUCKETS; i++) {
        smart_word_set(&slot->sum[LATENCY_AT + i], sums.latency[i]);
    }
    smart_word_set(&slot->sum[LATENCY_US_AT], sums.latency_us);
    atomic_store_explicit(&slot->minute, minute, memory_order_release);
}

/* False: the slot has another minute, or none yet. */
static bool slot_read(const smart_hour_t *hour, apr_uint64_t minute,
                      smart_sums_t *sums)
{
    const smart_hour_slot_t *slot = &hour->slots[minute % SMART_HOUR_SLOTS];
    unsigned i;

    if (atomic_load_explicit(&slot->minute, memory_order_acquire) != minute) {
        return false;
    }
    memset(sums, 0, sizeof(*sums));
    for (i = 0; i < SMART_COUNT_COUNT; i++) {
        sums->count[i] = smart_word_get(&slot->sum[i]);
    }
    for (i = 0; i < SMART_LATENCY_BUCKETS; i++) {
        sums->latency[i] = smart_word_get(&slot->sum[LATENCY_AT + i]);
    }
    sums->latency_us = smart_word_get(&slot->sum[LATENCY_US_AT]);
    atomic_thread_fence(memory_order_acquire);
    return smart_word_get(&slot->minute) == minute;
}

static apr_uint64_t less(apr_uint64_t a, apr_uint64_t b)
{
    return a > b ? a - b : 0;
}

static void difference(const smart_sums_t *later, const smart_sums_t *earlier,
                       smart_sums_t *out)
{
    unsigned i;

    for (i = 0; i < SMART_COUNT_COUNT; i++) {
        out->count[i] = less(later->count[i], earlier->count[i]);
    }
    for (i = 0; i < SMART_LATENCY_BUCKETS; i++) {
        out->latency[i] = less(later->latency[i], earlier->latency[i]);
    }
    out->latency_us = less(later->latency_us, earlier->latency_us);
}

/* Whether anything was written down before the first minute shown. */
static bool known_before(const smart_hour_t *hour, apr_uint64_t first)
{
    unsigned i;

    for (i = 0; i < SMART_HOUR_SLOTS; i++) {
        const apr_uint64_t minute = smart_word_get(&hour->slots[i].minute);

        if (minute != 0 && minute < first) {
            return true;
        }
    }
    return false;
}

void smart_hour_read(const smart_hour_t *hour, apr_time_t now,
                     const smart_sums_t *sums, smart_minute_t *out)
{
    const apr_uint64_t first =
        smart_hour_minute(now) - (SMART_HOUR_MINUTES - 1);
    smart_sums_t earlier;
    smart_minute_t *open = NULL; /* goes on until the next slot */
    bool known = known_before(hour, first);
    unsigned i;

    memset(out, 0, SMART_HOUR_MINUTES * sizeof(*out));
    for (i = 0; i < SMART_HOUR_MINUTES; i++) {
        smart_sums_t begun;

        out[i].begin = (apr_time_t)(first + i) * 60 * APR_USEC_PER_SEC;
        if (slot_read(hour, first + i, &begun)) {
            if (open) {
                difference(&begun, &earlier, &open->sums);
            }
            open = &out[i];
            earlier = begun;
            known = true;
        }
        out[i].known = known;
    }
    if (open) {
        difference(sums, &earlier, &open->sums);
    }
}

static apr_int64_t bound_us(unsigned bucket)
{
    return (apr_int64_t)SMART_LATENCY_FIRST_US << bucket;
}

apr_int64_t smart_latency_quantile(const apr_uint64_t *latency,
                                   unsigned percent)
{
    apr_uint64_t all = 0;
    apr_uint64_t below = 0;
    apr_uint64_t want;
    unsigned i;

    for (i = 0; i < SMART_LATENCY_BUCKETS; i++) {
        all += latency[i];
    }
    want = (all * percent + 99) / 100;
    for (i = 0; i < SMART_LATENCY_BUCKETS; i++) {
        const apr_int64_t low = i > 0 ? bound_us(i - 1) : 0;

        if (latency[i] > 0 && below + latency[i] >= want) {
            /* The last bucket has no end: it is at least so much. */
            return i == SMART_LATENCY_BUCKETS - 1
                       ? low
                       : low + (apr_int64_t)((apr_uint64_t)(bound_us(i) - low) *
                                             (want - below) / latency[i]);
        }
        below += latency[i];
    }
    return -1;
}
