/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask_once.c: first the threads of this process, then the processes.
 */
#include "io/ask_once.h"

_Static_assert(SMART_LEASE_KEY == SMART_FLIGHT_KEY, "one key for both");

/* What an outcome's code says to those who waited in other processes. */
enum {
    CODE_NONE = 0, /* look at the cache */
    CODE_TROUBLE,
    CODE_REFUSED,
    CODE_UNPROVEN,
    CODE_INACTIVE,
    CODE_SELF /* active, but not cached: ask yourself */
};

/* The leader of this process at work. */
typedef struct lead_t {
    const smart_once_t *once;
    smart_leases_t *leases;
    const unsigned char *key;
    apr_int64_t since_us; /* when the answer began to be wanted */
    apr_int64_t until_us; /* to which we wait for others */
    smart_asked_t *asked;
    smart_lease_ticket_t ticket;
    smart_lease_outcome_t outcome;
} lead_t;

static unsigned code_of(const smart_asked_t *asked)
{
    switch (asked->outcome) {
    case SMART_ASKED_TROUBLE:
        return CODE_TROUBLE;
    case SMART_ASKED_REFUSED:
        return CODE_REFUSED;
    case SMART_ASKED_UNPROVEN:
        return CODE_UNPROVEN;
    case SMART_ASKED_INACTIVE:
        return CODE_INACTIVE;
    case SMART_ASKED_ACTIVE:
        return asked->stored ? CODE_NONE : CODE_SELF;
    }
    return CODE_TROUBLE;
}

/* False if the code tells to ask. One that nobody wrote is trouble. */
static bool asked_from_code(const smart_lease_outcome_t *outcome,
                            smart_asked_t *asked)
{
    memset(asked, 0, sizeof(*asked));
    switch (outcome->code) {
    case CODE_SELF:
        return false;
    case CODE_REFUSED:
        asked->outcome = SMART_ASKED_REFUSED;
        break;
    case CODE_UNPROVEN:
        asked->outcome = SMART_ASKED_UNPROVEN;
        break;
    case CODE_INACTIVE:
        asked->outcome = SMART_ASKED_INACTIVE;
        break;
    default:
        break;
    }
    asked->retry_after_s = (int)outcome->retry_s;
    return true;
}

static bool look(const lead_t *lead)
{
    memset(lead->asked, 0, sizeof(*lead->asked));
    lead->asked->stored = lead->once->look(lead->once->ctx, lead->asked);
    return lead->asked->stored;
}

static smart_once_e ask(const lead_t *lead)
{
    memset(lead->asked, 0, sizeof(*lead->asked));
    lead->once->ask(lead->once->ctx, lead->asked);
    return SMART_ONCE_ASKED;
}

/* The lease is ours: ask, unless somebody was faster before we got it. */
static smart_once_e ask_owned(const lead_t *lead)
{
    smart_lease_outcome_t outcome = {0};
    smart_once_e result = SMART_ONCE_FOUND;
    smart_clock_t now;

    if (!look(lead)) {
        result = ask(lead);
        outcome.code = code_of(lead->asked);
        if (lead->asked->retry_after_s > 0) {
            outcome.retry_s = (unsigned)lead->asked->retry_after_s;
        }
    }
    now = smart_clock_now();
    smart_lease_release(lead->leases, &lead->ticket, &now, &outcome);
    return result;
}

/* Another asked while we wanted to know. What is cached since then is newer
 * than what it left. */
static smart_once_e take_outcome(const lead_t *lead)
{
    if (look(lead)) {
        return SMART_ONCE_FOUND;
    }
    if (asked_from_code(&lead->outcome, lead->asked)) {
        return SMART_ONCE_SHARED;
    }
    return ask(lead);
}

/* Wait a while for who asks; true: there is an answer, or no time left. */
static bool wait_for_other(const lead_t *lead, smart_once_e *presult)
{
    apr_int64_t left_us = lead->until_us - smart_clock_now().mono_us;

    *presult = SMART_ONCE_TIMED_OUT;
    memset(lead->asked, 0, sizeof(*lead->asked));
    if (left_us <= 0) {
        return true;
    }
    left_us = left_us > SMART_ONCE_LOOK_US ? SMART_ONCE_LOOK_US : left_us;
    smart_lease_wait(lead->leases, &lead->ticket, left_us);
    if (look(lead)) {
        *presult = SMART_ONCE_FOUND;
        return true;
    }
    return false;
}

static smart_once_e lead_others(lead_t *lead)
{
    smart_once_e result;

    if (!lead->leases) {
        return ask(lead);
    }
    for (;;) {
        const smart_clock_t now = smart_clock_now();

        switch (smart_lease_acquire(lead->leases, lead->key, &now,
                                    lead->since_us, lead->once->lifetime_us,
                                    &lead->ticket, &lead->outcome)) {
        case SMART_LEASE_FULL:
            return ask(lead);
        case SMART_LEASE_OWNED:
            return ask_owned(lead);
        case SMART_LEASE_SETTLED:
            return take_outcome(lead);
        case SMART_LEASE_BUSY:
            if (wait_for_other(lead, &result)) {
                return result;
            }
            break;
        }
    }
}

/* A machine without a clock has reached the end of time. */
static apr_int64_t later(apr_int64_t us, apr_int64_t by_us)
{
    return us > APR_INT64_MAX - by_us ? APR_INT64_MAX : us + by_us;
}

smart_once_e smart_ask_once(const smart_once_t *once, smart_flights_t *flights,
                            smart_leases_t *leases, const unsigned char *key,
                            const smart_clock_t *now, apr_pool_t *p,
                            smart_asked_t *asked)
{
    lead_t lead = {.once = once,
                   .leases = leases,
                   .key = key,
                   .since_us = now->mono_us,
                   .until_us = later(now->mono_us, once->wait_us),
                   .asked = asked};
    smart_once_e result = SMART_ONCE_TIMED_OUT;
    int ticket;

    switch (
        smart_flight_enter(flights, key, lead.until_us, p, &ticket, asked)) {
    case SMART_FLIGHT_TIMED_OUT:
        break;
    case SMART_FLIGHT_DONE:
        result = asked->stored ? SMART_ONCE_FOUND : SMART_ONCE_SHARED;
        break;
    case SMART_FLIGHT_LEADER:
        result = lead_others(&lead);
        /* Our time is over, not that of those who came later. */
        smart_flight_leave(flights, ticket,
                           result == SMART_ONCE_TIMED_OUT ? NULL : asked);
        break;
    }
    return result;
}
