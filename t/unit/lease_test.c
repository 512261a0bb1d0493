/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease_test.c: one owner for each key, whoever dies, stops or is slow.
 */
#include "shared_fixture.h"

#include "io/lease.h"
#include "io/owner.h"

#define LIFE (5 * SMART_CLOCK_S)
#define OWNS (UINT64_C(1) << 39)

static smart_leases_t *leases;
static smart_lease_ticket_t ticket;
static smart_lease_outcome_t outcome;

static int setup(void **state)
{
    shared_setup(state);
    leases = smart_leases_create(memory, pool);
    return 0;
}

#define lease_test(f) cmocka_unit_test_setup_teardown(f, setup, shared_teardown)

static smart_lease_e acquire(uint64_t n)
{
    return smart_lease_acquire(leases, key_of(n).bytes, &now, now.mono_us, LIFE,
                               &ticket, &outcome);
}

static smart_lease_slot_t *slots(void)
{
    return (smart_lease_slot_t *)(void *)memory;
}

/* The n-th key of those that share the set of key 0. */
static shared_key_t neighbour_of(uint64_t n)
{
    const shared_key_t first = key_of(0);
    shared_key_t key = key_of(n);

    memcpy(key.bytes, first.bytes, 8);
    return key;
}

static smart_lease_e acquire_neighbour(uint64_t n)
{
    return smart_lease_acquire(leases, neighbour_of(n).bytes, &now, now.mono_us,
                               LIFE, &ticket, &outcome);
}

static void acquire_one(void)
{
    acquire(1);
}

static void free_key_is_owned_and_given_back(void **state)
{
    assert_int_equal(acquire(1), SMART_LEASE_OWNED);
    assert_int_equal(smart_leases_held(leases, &now), 1);
    smart_lease_release(leases, &ticket, &now, NULL);
    assert_int_equal(smart_leases_held(leases, &now), 0);
    assert_int_equal(acquire(1), SMART_LEASE_OWNED);
}

static void owned_key_is_busy_and_another_is_not(void **state)
{
    assert_int_equal(acquire(1), SMART_LEASE_OWNED);
    assert_int_equal(acquire(1), SMART_LEASE_BUSY);
    assert_false(smart_lease_wait(leases, &ticket, 1000));
    assert_int_equal(acquire(2), SMART_LEASE_OWNED);
}

static void owner_in_time_keeps_it_and_loses_it_at_the_deadline(void **state)
{
    assert_int_equal(acquire(1), SMART_LEASE_OWNED);
    pass_us(LIFE - 1);
    assert_int_equal(acquire(1), SMART_LEASE_BUSY);
    pass_us(20001); /* deadlines are kept to a hundredth of a second */
    assert_int_equal(acquire(1), SMART_LEASE_OWNED);
}

static void late_release_does_not_end_the_lease_of_another(void **state)
{
    const apr_int64_t before = now.mono_us;
    const smart_lease_outcome_t trouble = {1, 7};
    smart_lease_ticket_t first;
    smart_lease_ticket_t second;

    acquire(1);
    first = ticket;
    pass_us(LIFE + 20000);
    assert_int_equal(acquire(1), SMART_LEASE_OWNED);
    second = ticket;
    smart_lease_release(leases, &first, &now, &trouble);
    assert_int_equal(acquire(1), SMART_LEASE_BUSY);
    smart_lease_release(leases, &second, &now, NULL);
    /* Nor does it have a say any more. */
    assert_int_equal(smart_lease_acquire(leases, key_of(1).bytes, &now, before,
                                         LIFE, &ticket, &outcome),
                     SMART_LEASE_OWNED);
}

static void dead_owner_loses_it_at_once(void **state)
{
    pid_t zombie;

    in_child(acquire_one);
    assert_int_equal(smart_leases_held(leases, &now), 1);
    assert_int_equal(acquire(1), SMART_LEASE_OWNED);
    smart_lease_release(leases, &ticket, &now, NULL);
    zombie = in_zombie(acquire_one);
    assert_int_equal(acquire(1), SMART_LEASE_OWNED);
    waitpid(zombie, NULL, 0);
}

static void stopped_owner_keeps_it_to_the_deadline(void **state)
{
    const pid_t pid = in_stopped(acquire_one);

    assert_int_equal(acquire(1), SMART_LEASE_BUSY);
    pass_us(LIFE + 20000);
    assert_int_equal(acquire(1), SMART_LEASE_OWNED);
    end_child(pid);
}

static void full_set_is_full_and_has_room_after_a_release(void **state)
{
    smart_lease_ticket_t first = {0};
    unsigned i;

    for (i = 0; i < SMART_LEASE_WAYS; i++) {
        assert_int_equal(acquire_neighbour(i), SMART_LEASE_OWNED);
        first = i == 0 ? ticket : first;
    }
    assert_int_equal(acquire_neighbour(100), SMART_LEASE_FULL);
    assert_int_equal(ticket.claim, 0);
    assert_int_equal(acquire_neighbour(3), SMART_LEASE_BUSY);
    assert_int_equal(acquire(1), SMART_LEASE_OWNED); /* of another set */
    smart_lease_release(leases, &first, &now, NULL);
    assert_int_equal(acquire_neighbour(100), SMART_LEASE_OWNED);
}

static void fill_neighbours(void)
{
    unsigned i;

    for (i = 0; i < SMART_LEASE_WAYS; i++) {
        acquire_neighbour(i);
    }
}

static void set_full_of_the_dead_has_room(void **state)
{
    in_child(fill_neighbours);
    assert_int_equal(acquire_neighbour(100), SMART_LEASE_OWNED);
}

/* ---- candidates, as another process would place them ---- */

static smart_lease_slot_t *lower;  /* where our own key would go... */
static smart_lease_slot_t *higher; /* ...and a slot after that */

/* Another's claim on key 1, alive and in time. */
static uint64_t rival_claim(void)
{
    uint64_t claim;

    acquire(1);
    lower = &slots()[ticket.slot];
    higher = lower + 1;
    claim = (ticket.claim & ~OWNS & ~SMART_OWNER_MASK) | (uint64_t)getppid();
    smart_lease_release(leases, &ticket, &now, NULL);
    assert_int_equal(ticket.slot % SMART_LEASE_WAYS, 0);
    return claim;
}

static void owner_in_any_slot_is_given_way_to(void **state)
{
    const uint64_t rival = rival_claim();

    smart_word_set(&higher->claim, rival | OWNS);
    assert_int_equal(acquire(1), SMART_LEASE_BUSY);
    assert_int_equal(ticket.claim, rival | OWNS);
    assert_int_equal(smart_word_get(&lower->claim), 0);
    smart_word_set(&higher->claim, (rival | OWNS) & ~SMART_OWNER_MASK);
    assert_int_equal(acquire(1), SMART_LEASE_OWNED); /* owned by nobody */
}

static void waiting_for_a_candidate_ends_when_it_gives_way(void **state)
{
    const uint64_t rival = rival_claim();

    smart_word_set(&higher->claim, rival);
    assert_int_equal(acquire(1), SMART_LEASE_BUSY);
    smart_word_set(&higher->claim, rival | OWNS); /* it became the owner */
    assert_false(smart_lease_wait(leases, &ticket, 1000));
    smart_word_set(&higher->claim, 0);
    assert_true(smart_lease_wait(leases, &ticket, 1000));
}

/* ---- outcomes ---- */

static void release_with(unsigned code, unsigned retry_s)
{
    const smart_lease_outcome_t left = {code, retry_s};

    smart_lease_release(leases, &ticket, &now, &left);
}

static void outcome_is_for_who_wanted_it_before_the_end(void **state)
{
    const apr_int64_t before = now.mono_us;

    acquire(1);
    pass_us(SMART_CLOCK_S);
    release_with(3, 42);
    pass_us(20000);
    assert_int_equal(smart_lease_acquire(leases, key_of(1).bytes, &now, before,
                                         LIFE, &ticket, &outcome),
                     SMART_LEASE_SETTLED);
    assert_int_equal(outcome.code, 3);
    assert_int_equal(outcome.retry_s, 42);
    assert_int_equal(smart_leases_held(leases, &now), 0);
    /* Who begins to want it now asks again; so does one for another key. */
    assert_int_equal(smart_lease_acquire(leases, key_of(2).bytes, &now, before,
                                         LIFE, &ticket, &outcome),
                     SMART_LEASE_OWNED);
    assert_int_equal(acquire(1), SMART_LEASE_OWNED);
    assert_int_equal(outcome.code, 0);
}

static void outcome_is_not_for_a_neighbour(void **state)
{
    const apr_int64_t before = now.mono_us;

    acquire_neighbour(1);
    release_with(3, 42);
    assert_int_equal(smart_lease_acquire(leases, neighbour_of(2).bytes, &now,
                                         before, LIFE, &ticket, &outcome),
                     SMART_LEASE_OWNED);
    assert_int_equal(smart_lease_acquire(leases, neighbour_of(1).bytes, &now,
                                         before, LIFE, &ticket, &outcome),
                     SMART_LEASE_SETTLED);
}

static void outcome_without_code_leaves_nothing(void **state)
{
    const apr_int64_t before = now.mono_us;

    acquire(1);
    release_with(0, 42);
    assert_int_equal(smart_lease_acquire(leases, key_of(1).bytes, &now, before,
                                         LIFE, &ticket, &outcome),
                     SMART_LEASE_OWNED);
}

static void outcome_is_cut_to_its_field(void **state)
{
    const apr_int64_t before = now.mono_us;

    acquire(1);
    release_with(15, 100000);
    assert_int_equal(smart_lease_acquire(leases, key_of(1).bytes, &now, before,
                                         LIFE, &ticket, &outcome),
                     SMART_LEASE_SETTLED);
    assert_int_equal(outcome.code, 15);
    assert_int_equal(outcome.retry_s, SMART_LEASE_RETRY_S);
}

/* ---- waiting ---- */

static void acquire_and_release_soon(void)
{
    acquire(1);
    smart_bell_ring((smart_bell_t *)(void *)(memory + SMART_LEASE_BYTES), 1);
    usleep(30000);
    now = smart_clock_now();
    smart_lease_release(leases, &ticket, &now, NULL);
}

static void release_in_another_process_ends_a_wait(void **state)
{
    smart_bell_t *ready = (smart_bell_t *)(void *)(memory + SMART_LEASE_BYTES);
    const pid_t pid = child_run(acquire_and_release_soon);
    const apr_int64_t begin = smart_clock_now().mono_us;

    smart_bell_wait(ready, 0, 5 * SMART_CLOCK_S);
    assert_int_equal(acquire(1), SMART_LEASE_BUSY);
    assert_true(smart_lease_wait(leases, &ticket, 5 * SMART_CLOCK_S));
    assert_true(us_since(begin) < 4 * SMART_CLOCK_S);
    waitpid(pid, NULL, 0);
}

/* ---- whatever stands there ---- */

static void garbage_neither_crashes_nor_blocks_for_long(void **state)
{
    uint64_t *words = (uint64_t *)(void *)memory;
    unsigned round;
    size_t i;

    for (round = 0; round < 50; round++) {
        for (i = 0; i < SMART_LEASE_BYTES / 8; i++) {
            words[i] = spread(round * 1000000 + i);
        }
        if (acquire(round) == SMART_LEASE_BUSY) {
            smart_lease_wait(leases, &ticket, 100);
        }
        else {
            smart_lease_release(leases, &ticket, &now, NULL);
        }
    }
    pass_us(3 * SMART_LEASE_MAX_US);
    memset(memory, 0, SMART_LEASE_BYTES);
    assert_int_equal(acquire(1), SMART_LEASE_OWNED);
}

static void longest_lifetime_is_cut(void **state)
{
    assert_int_equal(smart_lease_acquire(leases, key_of(1).bytes, &now,
                                         now.mono_us, INT64_MAX, &ticket,
                                         &outcome),
                     SMART_LEASE_OWNED);
    pass_us(SMART_LEASE_MAX_US - SMART_CLOCK_S);
    assert_int_equal(acquire(1), SMART_LEASE_BUSY);
    pass_us(2 * SMART_CLOCK_S);
    assert_int_equal(acquire(1), SMART_LEASE_OWNED);
}

/* Deadlines wrap after 21 minutes: a caller that slept is still early. */
static void slow_clock_of_a_caller_does_not_end_a_lease(void **state)
{
    smart_clock_t slept = now;

    pass_us(60 * SMART_CLOCK_S);
    assert_int_equal(acquire(1), SMART_LEASE_OWNED);
    assert_int_equal(smart_lease_acquire(leases, key_of(1).bytes, &slept,
                                         slept.mono_us, LIFE, &ticket,
                                         &outcome),
                     SMART_LEASE_BUSY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        lease_test(free_key_is_owned_and_given_back),
        lease_test(owned_key_is_busy_and_another_is_not),
        lease_test(owner_in_time_keeps_it_and_loses_it_at_the_deadline),
        lease_test(late_release_does_not_end_the_lease_of_another),
        lease_test(dead_owner_loses_it_at_once),
        lease_test(stopped_owner_keeps_it_to_the_deadline),
        lease_test(full_set_is_full_and_has_room_after_a_release),
        lease_test(set_full_of_the_dead_has_room),
        lease_test(owner_in_any_slot_is_given_way_to),
        lease_test(waiting_for_a_candidate_ends_when_it_gives_way),
        lease_test(outcome_is_for_who_wanted_it_before_the_end),
        lease_test(outcome_is_not_for_a_neighbour),
        lease_test(outcome_without_code_leaves_nothing),
        lease_test(outcome_is_cut_to_its_field),
        lease_test(release_in_another_process_ends_a_wait),
        lease_test(garbage_neither_crashes_nor_blocks_for_long),
        lease_test(longest_lifetime_is_cut),
        lease_test(slow_clock_of_a_caller_does_not_end_a_lease),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
