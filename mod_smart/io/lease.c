/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease.c: claims by compare-and-swap, and which of two candidates gives way.
 */
#include "io/lease.h"

#include "io/owner.h"

#include <sched.h>

#define SLOTS            (SMART_LEASE_SETS * SMART_LEASE_WAYS)
#define TICK_US          10000
#define FINGERPRINT_BITS 24
#define FINGERPRINT_AT   40
#define OWNS             (APR_UINT64_C(1) << 39)
#define DEADLINE_AT      SMART_OWNER_BITS
#define DEADLINE_MASK    APR_UINT64_C(0x1ffff)
#define END_AT           16
#define END_MASK         APR_UINT64_C(0xffffff)
#define CODE_AT          12

/* The clocks of two callers may differ by as long as one of them slept between
   reading its own and coming here. */
#define MAX_TICKS (2 * SMART_LEASE_MAX_US / TICK_US)

#define TRIES       16 /* lost swaps before we go on without a lease */
#define RIVAL_LOOKS 64 /* at a candidate that does not decide itself */

_Static_assert(MAX_TICKS < DEADLINE_MASK / 2, "deadlines can be compared");

struct smart_leases_t {
    smart_lease_slot_t *slots;
};

/* Somebody who tries to become the owner. */
typedef struct attempt_t {
    smart_lease_slot_t *set; /* of the key */
    apr_uint64_t fingerprint;
    apr_uint64_t tick; /* now */
    apr_uint64_t since_tick;
    apr_uint64_t claim; /* ours, as a candidate */
    unsigned mine;      /* way where it stands */
    unsigned other;     /* way of whom we gave way to... */
    apr_uint64_t seen;  /* ...and his claim */
} attempt_t;

typedef enum {
    ATTEMPT_AGAIN = 0, /* the set has changed under us */
    ATTEMPT_NO_ROOM,
    ATTEMPT_OTHER, /* another owns it: see attempt_t */
    ATTEMPT_PLACED
} attempt_e;

static apr_uint64_t tick_of(apr_int64_t us)
{
    return us > 0 ? (apr_uint64_t)us / TICK_US : 0;
}

static bool swap(smart_word_t *word, apr_uint64_t old, apr_uint64_t value)
{
    return atomic_compare_exchange_strong(word, &old, value);
}

/* Before its deadline, and with one that somebody can have meant. */
static bool claim_in_time(apr_uint64_t claim, apr_uint64_t tick)
{
    const apr_uint64_t left =
        ((claim >> DEADLINE_AT) - tick) & (apr_uint64_t)DEADLINE_MASK;

    return claim != 0 && left > 0 && left <= MAX_TICKS;
}

static bool claim_is_gone(apr_uint64_t claim)
{
    return smart_owner_is_gone(claim & SMART_OWNER_MASK);
}

/* A claim of somebody on the key of this attempt. */
static bool is_rival(const attempt_t *a, apr_uint64_t claim)
{
    return claim >> FINGERPRINT_AT == a->fingerprint &&
           claim_in_time(claim, a->tick);
}

/* Take a claim away, from who is gone, too slow, or ourselves. */
static bool claim_end(smart_lease_slot_t *slot, apr_uint64_t claim)
{
    const bool done = swap(&slot->claim, claim, 0);

    if (done) {
        smart_bell_ring(&slot->bell, SMART_BELL_ALL);
    }
    return done;
}

/* A way that can be claimed, with what stands there in *pseen. */
static bool way_find(attempt_t *a, unsigned *pway, apr_uint64_t *pseen)
{
    unsigned pass;
    unsigned i;

    /* Asking for processes takes system calls: only if there is need. */
    for (pass = 0; pass < 2; pass++) {
        for (i = 0; i < SMART_LEASE_WAYS; i++) {
            *pseen = atomic_load(&a->set[i].claim);
            if (!claim_in_time(*pseen, a->tick) ||
                (pass == 1 && claim_is_gone(*pseen))) {
                *pway = i;
                return true;
            }
        }
    }
    return false;
}

/* Whom we have to give way to before we are a candidate at all. */
static bool owner_find(attempt_t *a)
{
    unsigned i;

    for (i = 0; i < SMART_LEASE_WAYS; i++) {
        const apr_uint64_t seen = atomic_load(&a->set[i].claim);

        if (!is_rival(a, seen)) {
            continue;
        }
        if (!claim_is_gone(seen)) {
            a->other = i;
            a->seen = seen;
            return true;
        }
        claim_end(&a->set[i], seen);
    }
    return false;
}

static attempt_e candidate_place(attempt_t *a)
{
    apr_uint64_t seen;

    if (owner_find(a)) {
        return ATTEMPT_OTHER;
    }
    if (!way_find(a, &a->mine, &seen)) {
        return ATTEMPT_NO_ROOM;
    }
    return swap(&a->set[a->mine].claim, seen, a->claim) ? ATTEMPT_PLACED
                                                        : ATTEMPT_AGAIN;
}

/* Wait for a candidate in a higher slot to give way or to become the owner;
 * what it becomes is returned. One who is too slow is removed. */
static apr_uint64_t candidate_await(smart_lease_slot_t *slot,
                                    apr_uint64_t candidate)
{
    int looks;

    for (looks = 0; looks < RIVAL_LOOKS; looks++) {
        const apr_uint64_t seen = atomic_load(&slot->claim);

        if (seen != candidate) {
            return seen;
        }
        sched_yield();
    }
    claim_end(slot, candidate);
    return atomic_load(&slot->claim);
}

/* True if we have to give way to what stands in a way. */
static bool gives_way(attempt_t *a, unsigned way)
{
    apr_uint64_t seen = atomic_load(&a->set[way].claim);

    while (is_rival(a, seen)) {
        if ((seen & OWNS) || way < a->mine) {
            if (!claim_is_gone(seen)) {
                a->other = way;
                a->seen = seen;
                return true;
            }
            claim_end(&a->set[way], seen);
            seen = atomic_load(&a->set[way].claim);
        }
        else {
            seen = candidate_await(&a->set[way], seen);
        }
    }
    return false;
}

/* From candidate to owner, if there is no other. */
static attempt_e candidate_promote(attempt_t *a)
{
    unsigned i;

    for (i = 0; i < SMART_LEASE_WAYS; i++) {
        if (i != a->mine && gives_way(a, i)) {
            claim_end(&a->set[a->mine], a->claim);
            return ATTEMPT_OTHER;
        }
    }
    return swap(&a->set[a->mine].claim, a->claim, a->claim | OWNS)
               ? ATTEMPT_PLACED
               : ATTEMPT_AGAIN;
}

/* What was said about the key since the caller began to want it. To be looked
 * for by an owner: then whoever said it is done. */
static bool outcome_find(const attempt_t *a, smart_lease_outcome_t *outcome)
{
    unsigned i;

    for (i = 0; i < SMART_LEASE_WAYS; i++) {
        const apr_uint64_t seen = atomic_load(&a->set[i].outcome);
        const unsigned code =
            (unsigned)(seen >> CODE_AT) & (SMART_LEASE_CODES - 1);
        const apr_uint64_t age = ((seen >> END_AT) - a->since_tick) & END_MASK;

        if (code != 0 && seen >> FINGERPRINT_AT == a->fingerprint &&
            age <= MAX_TICKS) {
            outcome->code = code;
            outcome->retry_s = (unsigned)seen & SMART_LEASE_RETRY_S;
            return true;
        }
    }
    return false;
}

static attempt_t attempt_of(smart_leases_t *leases, const unsigned char *key,
                            const smart_clock_t *now, apr_int64_t since_us,
                            apr_int64_t lifetime_us)
{
    attempt_t a = {0};
    apr_uint64_t words[2];

    memcpy(words, key, sizeof(words));
    lifetime_us = lifetime_us < 0 ? 0 : lifetime_us;
    if (lifetime_us > SMART_LEASE_MAX_US) {
        lifetime_us = SMART_LEASE_MAX_US;
    }
    a.set = leases->slots + words[0] % SMART_LEASE_SETS * SMART_LEASE_WAYS;
    a.fingerprint = words[1] >> FINGERPRINT_AT;
    a.tick = tick_of(now->mono_us);
    a.since_tick = tick_of(since_us);
    a.claim = a.fingerprint << FINGERPRINT_AT |
              ((a.tick + tick_of(lifetime_us) + 1) & DEADLINE_MASK)
                  << DEADLINE_AT |
              smart_owner_self();
    return a;
}

static void ticket_fill(const smart_leases_t *leases, const attempt_t *a,
                        unsigned way, apr_uint64_t claim,
                        smart_lease_ticket_t *ticket)
{
    ticket->slot = (unsigned)(a->set - leases->slots) + way;
    ticket->claim = claim;
}

smart_leases_t *smart_leases_create(void *base, apr_pool_t *p)
{
    smart_leases_t *leases = apr_palloc(p, sizeof(*leases));

    leases->slots = base;
    return leases;
}

smart_lease_e smart_lease_acquire(smart_leases_t *leases,
                                  const unsigned char *key,
                                  const smart_clock_t *now,
                                  apr_int64_t since_us, apr_int64_t lifetime_us,
                                  smart_lease_ticket_t *ticket,
                                  smart_lease_outcome_t *outcome)
{
    attempt_t a = attempt_of(leases, key, now, since_us, lifetime_us);
    attempt_e result = ATTEMPT_AGAIN;
    int tries;

    memset(ticket, 0, sizeof(*ticket));
    memset(outcome, 0, sizeof(*outcome));
    for (tries = 0; tries < TRIES && result == ATTEMPT_AGAIN; tries++) {
        result = candidate_place(&a);
        if (result == ATTEMPT_PLACED) {
            result = candidate_promote(&a);
        }
    }
    switch (result) {
    case ATTEMPT_AGAIN:
    case ATTEMPT_NO_ROOM:
        break;
    case ATTEMPT_OTHER:
        ticket_fill(leases, &a, a.other, a.seen, ticket);
        return SMART_LEASE_BUSY;
    case ATTEMPT_PLACED:
        if (outcome_find(&a, outcome)) {
            claim_end(&a.set[a.mine], a.claim | OWNS);
            return SMART_LEASE_SETTLED;
        }
        ticket_fill(leases, &a, a.mine, a.claim | OWNS, ticket);
        return SMART_LEASE_OWNED;
    }
    return SMART_LEASE_FULL;
}

/* A candidate that became the owner has not ended. */
static bool has_ended(const smart_lease_slot_t *slot, apr_uint64_t claim)
{
    return ((atomic_load(&slot->claim) ^ claim) & ~OWNS) != 0;
}

bool smart_lease_wait(smart_leases_t *leases,
                      const smart_lease_ticket_t *ticket, apr_int64_t most_us)
{
    smart_lease_slot_t *slot = &leases->slots[ticket->slot];
    const apr_uint32_t rung = smart_bell_read(&slot->bell);

    if (has_ended(slot, ticket->claim)) {
        return true;
    }
    smart_bell_wait(&slot->bell, rung, most_us);
    return has_ended(slot, ticket->claim);
}

void smart_lease_release(smart_leases_t *leases,
                         const smart_lease_ticket_t *ticket,
                         const smart_clock_t *now,
                         const smart_lease_outcome_t *outcome)
{
    smart_lease_slot_t *slot = &leases->slots[ticket->slot];

    if (ticket->claim == 0 || atomic_load(&slot->claim) != ticket->claim) {
        return;
    }
    /* Before the claim ends: who finds none must find this. */
    if (outcome && outcome->code != 0) {
        const unsigned retry = outcome->retry_s > SMART_LEASE_RETRY_S
                                   ? SMART_LEASE_RETRY_S
                                   : outcome->retry_s;

        atomic_store(&slot->outcome,
                     ticket->claim >> FINGERPRINT_AT << FINGERPRINT_AT |
                         (tick_of(now->mono_us) & END_MASK) << END_AT |
                         (outcome->code % SMART_LEASE_CODES) << CODE_AT |
                         retry);
    }
    claim_end(slot, ticket->claim);
}

unsigned smart_leases_held(const smart_leases_t *leases,
                           const smart_clock_t *now)
{
    const apr_uint64_t tick = tick_of(now->mono_us);
    unsigned held = 0;
    unsigned i;

    for (i = 0; i < SLOTS; i++) {
        held += claim_in_time(smart_word_get(&leases->slots[i].claim), tick);
    }
    return held;
}
