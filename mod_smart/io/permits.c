/* SPDX-License-Identifier: Apache-2.0 */
/*
 * permits.c: a word for each permit, taken by compare-and-swap.
 *
 * Who finds none waits for a bell: there is one for each class, since the
 * permit that comes back may be of use to one only.
 */
#include "io/permits.h"

#include "io/owner.h"

#define DEADLINE_AT SMART_OWNER_BITS

/* The clocks of two callers may differ by as long as one of them slept between
   reading its own and coming here. */
#define MAX_MS ((apr_uint64_t)(2 * SMART_PERMITS_MAX_US / SMART_CLOCK_MS))

#define LOOK_US 20000 /* longest wait before looking for expired ones */
#define LOOKS   32u   /* holders asked after at once, each some 2 us */

typedef struct table_t {
    smart_bell_t bell[2];     /* by smart_permit_class_e */
    smart_word_t asked_after; /* mono_us when holders were last asked after */
    smart_word_t unused[6];
    smart_word_t permit[SMART_PERMITS_MOST];
} table_t;

_Static_assert(sizeof(table_t) == SMART_PERMITS_BYTES, "as the header says");

struct smart_permits_t {
    table_t *table;
    unsigned limit;
    unsigned new_limit;
    _Atomic apr_uint32_t turn; /* spreads where searches begin */
};

/* Permits next to each other. */
typedef struct range_t {
    unsigned first;
    unsigned count;
} range_t;

smart_permits_t *smart_permits_create(void *base, unsigned limit, apr_pool_t *p)
{
    smart_permits_t *permits = apr_pcalloc(p, sizeof(*permits));

    limit = limit < 1 ? 1 : limit;
    limit = limit > SMART_PERMITS_MOST ? SMART_PERMITS_MOST : limit;
    permits->table = base;
    permits->limit = limit;
    permits->new_limit = limit * 3 / 4 > 0 ? limit * 3 / 4 : 1;
    return permits;
}

static apr_uint64_t ms_of(apr_int64_t us)
{
    return us > 0 ? (apr_uint64_t)(us / SMART_CLOCK_MS) : 0;
}

/* Before its deadline, and with one that somebody can have meant. */
static bool is_held(apr_uint64_t word, apr_uint64_t ms)
{
    const apr_uint64_t deadline = word >> DEADLINE_AT;

    return deadline > ms && deadline - ms <= MAX_MS;
}

static bool take(smart_permits_t *permits, unsigned slot, apr_uint64_t seen,
                 apr_uint64_t word, smart_permit_ticket_t *ticket)
{
    if (!atomic_compare_exchange_strong(&permits->table->permit[slot], &seen,
                                        word)) {
        return false;
    }
    ticket->slot = slot;
    ticket->word = word;
    return true;
}

/* One pass over a range, from where this caller happens to begin. */
static bool range_take(smart_permits_t *permits, range_t range, apr_uint64_t ms,
                       apr_uint64_t word, smart_permit_ticket_t *ticket)
{
    const apr_uint32_t turn =
        atomic_fetch_add_explicit(&permits->turn, 1, memory_order_relaxed);
    const unsigned begin = (unsigned)(word & SMART_OWNER_MASK) * 7 + turn;
    unsigned i;

    for (i = 0; i < range.count; i++) {
        const unsigned slot = range.first + (begin + i) % range.count;
        const apr_uint64_t seen = smart_word_get(&permits->table->permit[slot]);

        if (!is_held(seen, ms) && take(permits, slot, seen, word, ticket)) {
            return true;
        }
    }
    return false;
}

/* Those that are for KNOWN alone come first: others can not use them. */
static bool class_take(smart_permits_t *permits, smart_permit_class_e class,
                       apr_uint64_t ms, apr_uint64_t word,
                       smart_permit_ticket_t *ticket)
{
    const range_t all = {0, permits->new_limit};
    const range_t reserved = {permits->new_limit,
                              permits->limit - permits->new_limit};

    switch (class) {
    case SMART_PERMIT_KNOWN:
        if (range_take(permits, reserved, ms, word, ticket)) {
            return true;
        }
        break;
    case SMART_PERMIT_NEW:
        break;
    }
    return range_take(permits, all, ms, word, ticket);
}

static void bells_ring(smart_permits_t *permits, unsigned slot)
{
    smart_bell_ring(&permits->table->bell[SMART_PERMIT_KNOWN], SMART_BELL_ONE);
    if (slot < permits->new_limit) {
        smart_bell_ring(&permits->table->bell[SMART_PERMIT_NEW],
                        SMART_BELL_ONE);
    }
}

static void give_back(smart_permits_t *permits, unsigned slot,
                      apr_uint64_t word)
{
    if (atomic_compare_exchange_strong(&permits->table->permit[slot], &word,
                                       0)) {
        bells_ring(permits, slot);
    }
}

/* Take permits from holders that are no processes any more. However many wait,
 * one of them does it, every LOOK_US, for some of the permits. */
static void ask_after_holders(smart_permits_t *permits, apr_int64_t now_us)
{
    table_t *table = permits->table;
    apr_uint64_t last = atomic_load(&table->asked_after);
    const apr_uint64_t us = (apr_uint64_t)now_us;
    apr_uint64_t alive = 0; /* the last one found to be */
    unsigned begin;
    unsigned i;

    if ((last <= us && us - last < LOOK_US) ||
        !atomic_compare_exchange_strong(&table->asked_after, &last, us)) {
        return;
    }
    begin = atomic_fetch_add(&permits->turn, LOOKS);
    for (i = 0; i < LOOKS && i < permits->limit; i++) {
        const unsigned slot = (begin + i) % permits->limit;
        const apr_uint64_t seen = atomic_load(&table->permit[slot]);
        const apr_uint64_t owner = seen & SMART_OWNER_MASK;

        if (seen == 0 || owner == alive) {
            continue;
        }
        if (smart_owner_is_gone(owner)) {
            give_back(permits, slot, seen);
        }
        else {
            alive = owner;
        }
    }
}

static apr_uint64_t word_now(apr_int64_t now_us, apr_int64_t hold_us)
{
    hold_us = hold_us > SMART_PERMITS_MAX_US ? SMART_PERMITS_MAX_US : hold_us;
    return (ms_of(now_us) + ms_of(hold_us) + 1) << DEADLINE_AT |
           smart_owner_self();
}

bool smart_permit_acquire(smart_permits_t *permits, smart_permit_class_e class,
                          const smart_clock_t *now, apr_int64_t wait_us,
                          apr_int64_t hold_us, smart_permit_ticket_t *ticket)
{
    smart_bell_t *bell = &permits->table->bell[class == SMART_PERMIT_KNOWN];
    apr_int64_t us = now->mono_us;
    apr_int64_t left_us;

    memset(ticket, 0, sizeof(*ticket));
    for (;;) {
        const apr_uint32_t rung = smart_bell_read(bell);

        if (class_take(permits, class, ms_of(us), word_now(us, hold_us),
                       ticket)) {
            return true;
        }
        left_us = wait_us - (us - now->mono_us);
        if (left_us <= 0) {
            return false;
        }
        ask_after_holders(permits, us);
        smart_bell_wait(bell, rung, left_us < LOOK_US ? left_us : LOOK_US);
        us = smart_clock_now().mono_us;
    }
}

void smart_permit_release(smart_permits_t *permits,
                          const smart_permit_ticket_t *ticket)
{
    if (ticket->word != 0) {
        give_back(permits, ticket->slot, ticket->word);
    }
}

unsigned smart_permits_held(const smart_permits_t *permits,
                            const smart_clock_t *now)
{
    const apr_uint64_t ms = ms_of(now->mono_us);
    unsigned held = 0;
    unsigned i;

    for (i = 0; i < SMART_PERMITS_MOST; i++) {
        held += is_held(smart_word_get(&permits->table->permit[i]), ms);
    }
    return held;
}

unsigned smart_permits_limit(const smart_permits_t *permits,
                             smart_permit_class_e class)
{
    return class == SMART_PERMIT_KNOWN ? permits->limit : permits->new_limit;
}
