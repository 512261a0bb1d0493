/* SPDX-License-Identifier: Apache-2.0 */
/*
 * breaker.c: one word for each endpoint, changed by compare-and-swap.
 */
#include "io/breaker.h"

#define STATE_AT    62
#define FAILURES_AT 56
#define FAILURES    APR_UINT64_C(0x3f)
#define TIME_MASK   ((APR_UINT64_C(1) << FAILURES_AT) - 1)
#define PROBE_MS    ((apr_uint64_t)(SMART_BREAKER_PROBE_US / SMART_CLOCK_MS))

static apr_uint64_t ms_of(apr_int64_t us)
{
    return us > 0 ? (apr_uint64_t)(us / SMART_CLOCK_MS) : 0;
}

static apr_uint64_t word_of(smart_breaker_state_e state, unsigned failures,
                            apr_uint64_t ms)
{
    return (apr_uint64_t)state << STATE_AT |
           (apr_uint64_t)failures << FAILURES_AT | (ms & TIME_MASK);
}

/* A state nobody has written counts as open. */
static smart_breaker_state_e state_of(apr_uint64_t word)
{
    switch (word >> STATE_AT) {
    case SMART_BREAKER_IS_CLOSED:
        return SMART_BREAKER_IS_CLOSED;
    case SMART_BREAKER_IS_HALF_OPEN:
        return SMART_BREAKER_IS_HALF_OPEN;
    default:
        return SMART_BREAKER_IS_OPEN;
    }
}

static unsigned failures_of(apr_uint64_t word)
{
    return (unsigned)(word >> FAILURES_AT & FAILURES);
}

static bool swap(smart_word_t *word, apr_uint64_t old, apr_uint64_t value)
{
    return atomic_compare_exchange_strong(word, &old, value);
}

/* ---- slots ---- */

/* Everybody who asks would write this: once a second is enough. */
static void touch(smart_breaker_t *breaker, const smart_clock_t *now)
{
    const apr_uint64_t us = (apr_uint64_t)now->mono_us;

    if (us - smart_word_get(&breaker->used_us) > (apr_uint64_t)SMART_CLOCK_S) {
        smart_word_set(&breaker->used_us, us);
    }
}

/* The slot that was not used for longest, if that is long enough. */
static smart_breaker_t *idle_take(smart_breaker_t *table, apr_uint64_t id,
                                  const smart_clock_t *now)
{
    smart_breaker_t *oldest = &table[0];
    apr_uint64_t old;
    unsigned i;

    for (i = 1; i < SMART_BREAKER_SLOTS; i++) {
        if (smart_word_get(&table[i].used_us) <
            smart_word_get(&oldest->used_us)) {
            oldest = &table[i];
        }
    }
    old = atomic_load(&oldest->id);
    if ((apr_int64_t)smart_word_get(&oldest->used_us) >
            now->mono_us - SMART_BREAKER_IDLE_US ||
        !swap(&oldest->id, old, id)) {
        return NULL;
    }
    atomic_store(&oldest->state, 0);
    atomic_store(&oldest->openings, 0);
    smart_word_set(&oldest->answers, 0);
    smart_word_set(&oldest->failed, 0);
    smart_word_set(&oldest->pace_us, 0);
    smart_word_set(&oldest->answer_s, 0);
    touch(oldest, now);
    return oldest;
}

smart_breaker_t *smart_breaker_find(smart_breaker_t *table, apr_uint64_t id,
                                    const smart_clock_t *now)
{
    unsigned i;

    id = id ? id : 1;
    for (i = 0; i < SMART_BREAKER_SLOTS; i++) {
        smart_breaker_t *slot = &table[(id + i) % SMART_BREAKER_SLOTS];

        /* Taken, or taken by whoever was faster: maybe for the same. */
        if (atomic_load(&slot->id) == id || swap(&slot->id, 0, id) ||
            atomic_load(&slot->id) == id) {
            touch(slot, now);
            return slot;
        }
    }
    return idle_take(table, id, now);
}

/* ---- states ---- */

smart_breaker_e smart_breaker_allow(smart_breaker_t *breaker,
                                    const smart_clock_t *now,
                                    int *pretry_after_s)
{
    const apr_uint64_t ms = ms_of(now->mono_us);
    apr_uint64_t seen;

    *pretry_after_s = 0;
    if (!breaker) {
        return SMART_BREAKER_GO;
    }
    seen = atomic_load(&breaker->state);
    while (state_of(seen) != SMART_BREAKER_IS_CLOSED) {
        const apr_uint64_t due = seen & TIME_MASK;

        /* Due, or due at a time nobody can have meant. */
        if (due > ms && due <= ms + PROBE_MS) {
            *pretry_after_s = (int)((due - ms + 999) / 1000);
            return SMART_BREAKER_NO;
        }
        if (swap(&breaker->state, seen,
                 word_of(SMART_BREAKER_IS_HALF_OPEN, failures_of(seen),
                         ms + PROBE_MS))) {
            return SMART_BREAKER_PROBE;
        }
        seen = atomic_load(&breaker->state);
    }
    return SMART_BREAKER_GO;
}

static smart_breaker_change_e report_success(smart_breaker_t *breaker,
                                             apr_uint64_t ms)
{
    apr_uint64_t seen = atomic_load(&breaker->state);

    while (state_of(seen) != SMART_BREAKER_IS_CLOSED) {
        if (swap(&breaker->state, seen,
                 word_of(SMART_BREAKER_IS_CLOSED, 0, ms))) {
            return SMART_BREAKER_CLOSED;
        }
        seen = atomic_load(&breaker->state);
    }
    /* A failure that comes in between is as good as one before it. */
    if (failures_of(seen) > 0) {
        swap(&breaker->state, seen,
             word_of(SMART_BREAKER_IS_CLOSED, 0, seen & TIME_MASK));
    }
    return SMART_BREAKER_SAME;
}

/* What a state becomes by a failure; itself, if that changes nothing. */
static apr_uint64_t after_failure(apr_uint64_t seen, apr_uint64_t started,
                                  apr_uint64_t ms)
{
    const apr_uint64_t time = seen & TIME_MASK;
    const unsigned failures = failures_of(seen) + 1;

    switch (state_of(seen)) {
    case SMART_BREAKER_IS_CLOSED:
        /* A closing that lies ahead was not written by us. */
        if (started < time && time <= ms) {
            break;
        }
        if (failures < SMART_BREAKER_FAILURES) {
            return word_of(SMART_BREAKER_IS_CLOSED, failures, time);
        }
        return word_of(SMART_BREAKER_IS_OPEN, SMART_BREAKER_FAILURES,
                       ms + PROBE_MS);
    case SMART_BREAKER_IS_HALF_OPEN:
        return word_of(SMART_BREAKER_IS_OPEN, SMART_BREAKER_FAILURES, time);
    case SMART_BREAKER_IS_OPEN:
        break;
    }
    return seen;
}

static smart_breaker_change_e
report_failure(smart_breaker_t *breaker, apr_uint64_t started, apr_uint64_t ms)
{
    for (;;) {
        const apr_uint64_t seen = atomic_load(&breaker->state);
        const apr_uint64_t next = after_failure(seen, started, ms);

        if (next == seen) {
            return SMART_BREAKER_SAME;
        }
        if (!swap(&breaker->state, seen, next)) {
            continue;
        }
        if (state_of(seen) == SMART_BREAKER_IS_CLOSED &&
            state_of(next) == SMART_BREAKER_IS_OPEN) {
            atomic_fetch_add(&breaker->openings, 1);
            return SMART_BREAKER_OPENED;
        }
        return SMART_BREAKER_SAME;
    }
}

/* The pace goes to each answer's time by an eighth. */
static void note(smart_breaker_t *breaker, bool success, apr_int64_t started_us,
                 const smart_clock_t *now)
{
    const apr_uint64_t us = now->mono_us > started_us
                                ? (apr_uint64_t)(now->mono_us - started_us)
                                : 0;
    const apr_uint64_t pace = smart_word_get(&breaker->pace_us);

    if (!success) {
        atomic_fetch_add_explicit(&breaker->failed, 1, memory_order_relaxed);
        return;
    }
    atomic_fetch_add_explicit(&breaker->answers, 1, memory_order_relaxed);
    smart_word_set(&breaker->pace_us,
                   pace ? pace - pace / 8 + us / 8 : us + !us);
    smart_word_set(&breaker->answer_s, (apr_uint64_t)now->wall_s);
}

smart_breaker_change_e smart_breaker_report(smart_breaker_t *breaker,
                                            bool success,
                                            apr_int64_t started_us,
                                            const smart_clock_t *now)
{
    const apr_uint64_t ms = ms_of(now->mono_us);

    if (!breaker) {
        return SMART_BREAKER_SAME;
    }
    note(breaker, success, started_us, now);
    return success ? report_success(breaker, ms)
                   : report_failure(breaker, ms_of(started_us), ms);
}

void smart_breaker_look(const smart_breaker_t *table, unsigned n,
                        smart_breaker_view_t *view)
{
    const smart_breaker_t *slot = &table[n % SMART_BREAKER_SLOTS];
    const apr_uint64_t word = smart_word_get(&slot->state);

    view->id = smart_word_get(&slot->id);
    view->state = state_of(word);
    view->failures = failures_of(word);
    view->openings = smart_word_get(&slot->openings);
    view->answers = smart_word_get(&slot->answers);
    view->failed = smart_word_get(&slot->failed);
    view->pace_us = smart_word_get(&slot->pace_us);
    view->answer_s = (apr_int64_t)smart_word_get(&slot->answer_s);
}
