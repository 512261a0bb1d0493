/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask_once_test.c: who asks, and what those get who did not, for one process
 * with another one played by a lease. t/stress/ask_once.c has real ones.
 */
#include "shared_fixture.h"

#include "io/ask_once.h"
#include "io/owner.h"

#define WAIT (3 * SMART_CLOCK_S)
#define LIFE (4 * SMART_CLOCK_S)

/* What the callbacks see and do. */
typedef struct asker_t {
    int looks;
    int asks;
    int found_at; /* look at which the cache has it; 0: never */
    smart_asked_t answer;
} asker_t;

static smart_flights_t *flights;
static smart_leases_t *leases;
static asker_t asker;
static smart_once_t once;
static smart_asked_t asked;

static bool look(void *ctx, smart_asked_t *out)
{
    asker_t *a = ctx;

    assert_int_equal(out->outcome, SMART_ASKED_TROUBLE);
    if (++a->looks != a->found_at) {
        return false;
    }
    out->outcome = SMART_ASKED_ACTIVE;
    out->record = smart_slice("cached");
    return true;
}

static void ask(void *ctx, smart_asked_t *out)
{
    asker_t *a = ctx;

    assert_false(out->stored);
    a->asks++;
    *out = a->answer;
}

static int setup(void **state)
{
    shared_setup(state);
    flights = smart_flights_create(4, pool);
    leases = smart_leases_create(memory, pool);
    memset(&asker, 0, sizeof(asker));
    asker.answer.outcome = SMART_ASKED_ACTIVE;
    asker.answer.stored = true;
    asker.answer.record = smart_slice("asked");
    once = (smart_once_t){.look = look,
                          .ask = ask,
                          .ctx = &asker,
                          .wait_us = WAIT,
                          .lifetime_us = LIFE};
    return 0;
}

#define once_test(f) cmocka_unit_test_setup_teardown(f, setup, shared_teardown)

static smart_once_e run(void)
{
    return smart_ask_once(&once, flights, leases, key_of(1).bytes, &now, pool,
                          &asked);
}

/* ---- another process ---- */

static smart_lease_ticket_t ticket;

static void other_acquires_for(apr_int64_t lifetime_us)
{
    smart_lease_outcome_t none;

    now = smart_clock_now();
    assert_int_equal(smart_lease_acquire(leases, key_of(1).bytes, &now,
                                         now.mono_us, lifetime_us, &ticket,
                                         &none),
                     SMART_LEASE_OWNED);
}

static void other_acquires(void)
{
    other_acquires_for(LIFE);
}

static void other_acquires_briefly(void)
{
    other_acquires_for(100000);
}

static void other_leaves(unsigned code)
{
    const smart_lease_outcome_t left = {code, 13};

    now = smart_clock_now();
    smart_lease_release(leases, &ticket, &now, &left);
}

static unsigned code_left;

static void other_asks_and_leaves(void)
{
    other_acquires();
    smart_bell_ring((smart_bell_t *)(void *)(memory + SMART_LEASE_BYTES), 1);
    usleep(50000);
    other_leaves(code_left);
}

/* Run while another process asks, which leaves with a code. */
static smart_once_e run_beside(unsigned code)
{
    pid_t pid;
    smart_once_e result;

    code_left = code;
    pid = child_run(other_asks_and_leaves);
    smart_bell_wait((smart_bell_t *)(void *)(memory + SMART_LEASE_BYTES), 0,
                    5 * SMART_CLOCK_S);
    now = smart_clock_now();
    result = run();
    waitpid(pid, NULL, 0);
    return result;
}

static unsigned held(void)
{
    now = smart_clock_now();
    return smart_leases_held(leases, &now);
}

/* ---- alone ---- */

static void nobody_else_we_ask_once_and_give_the_lease_back(void **state)
{
    assert_int_equal(run(), SMART_ONCE_ASKED);
    assert_int_equal(asker.asks, 1);
    assert_true(smart_slice_is(asked.record, "asked"));
    assert_int_equal(held(), 0);
}

static void answer_that_came_into_the_cache_meanwhile_is_taken(void **state)
{
    asker.found_at = 1;
    assert_int_equal(run(), SMART_ONCE_FOUND);
    assert_int_equal(asker.asks, 0);
    assert_true(smart_slice_is(asked.record, "cached"));
    assert_true(asked.stored);
    assert_int_equal(held(), 0);
}

static void without_leases_a_process_asks_for_itself(void **state)
{
    other_acquires();
    assert_int_equal(smart_ask_once(&once, flights, NULL, key_of(1).bytes, &now,
                                    pool, &asked),
                     SMART_ONCE_ASKED);
}

static void full_table_refuses_nobody(void **state)
{
    smart_lease_slot_t *slots = (smart_lease_slot_t *)(void *)memory;
    uint64_t claim;
    unsigned i;

    other_acquires();
    claim = smart_word_get(&slots[ticket.slot].claim);
    for (i = 0; i < SMART_LEASE_SETS * SMART_LEASE_WAYS; i++) {
        smart_word_set(&slots[i].claim, claim ^ UINT64_C(1) << 60);
    }
    assert_int_equal(run(), SMART_ONCE_ASKED);
    assert_int_equal(asker.asks, 1);
}

/* ---- beside another process ---- */

static void other_process_stores_and_we_find(void **state)
{
    asker.found_at = 3;
    assert_int_equal(run_beside(0), SMART_ONCE_FOUND);
    assert_int_equal(asker.asks, 0);
}

static void other_process_leaves_a_failure_and_we_share_it(void **state)
{
    assert_int_equal(run_beside(1), SMART_ONCE_SHARED);
    assert_int_equal(asked.outcome, SMART_ASKED_TROUBLE);
    assert_int_equal(asked.retry_after_s, 13);
    assert_int_equal(asker.asks, 0);
}

static void each_refusing_code_refuses_as_it_says(void **state)
{
    static const smart_asked_e outcome[] = {
        [2] = SMART_ASKED_REFUSED,
        [3] = SMART_ASKED_UNPROVEN,
        [4] = SMART_ASKED_INACTIVE,
        [6] = SMART_ASKED_TROUBLE, /* nobody writes that */
        [15] = SMART_ASKED_TROUBLE,
    };
    unsigned code;

    for (code = 2; code < 16; code++) {
        const smart_clock_t begin = smart_clock_now();

        if (code == 5) {
            continue;
        }
        other_acquires();
        other_leaves(code);
        now = begin;
        assert_int_equal(run(), SMART_ONCE_SHARED);
        assert_int_equal(asked.outcome, outcome[code]);
        assert_null(asked.record.ptr);
        usleep(20000); /* or this outcome is for the next round as well */
    }
    assert_int_equal(asker.asks, 0);
}

static void code_of_an_uncached_answer_sends_us_to_ask(void **state)
{
    assert_int_equal(run_beside(5), SMART_ONCE_ASKED);
    assert_int_equal(asker.asks, 1);
    assert_int_equal(asked.outcome, SMART_ASKED_ACTIVE);
}

static void cached_since_then_is_preferred_to_an_old_failure(void **state)
{
    const smart_clock_t begin = smart_clock_now();

    other_acquires();
    other_leaves(1);
    now = begin;
    asker.found_at = 1;
    assert_int_equal(run(), SMART_ONCE_FOUND);
}

static void what_we_leave_refuses_others_as_it_refused_us(void **state)
{
    static const smart_asked_e outcome[] = {
        SMART_ASKED_TROUBLE, SMART_ASKED_REFUSED, SMART_ASKED_UNPROVEN,
        SMART_ASKED_INACTIVE};
    unsigned i;

    for (i = 0; i < 4; i++) {
        memset(&asker, 0, sizeof(asker));
        asker.answer.outcome = outcome[i];
        asker.answer.retry_after_s = 21;
        now = smart_clock_now();
        assert_int_equal(run(), SMART_ONCE_ASKED);
        assert_int_equal(run(), SMART_ONCE_SHARED); /* wanted before the end */
        assert_int_equal(asked.outcome, outcome[i]);
        assert_int_equal(asked.retry_after_s, 21);
        assert_int_equal(asker.asks, 1);
        usleep(20000);
        now = smart_clock_now();
        assert_int_equal(run(), SMART_ONCE_ASKED); /* wanted after it */
        assert_int_equal(asker.asks, 2);
        usleep(20000);
    }
}

/* ---- owners that do not come back ---- */

static void dead_owner_is_followed_at_once(void **state)
{
    const apr_int64_t begin = smart_clock_now().mono_us;

    in_child(other_acquires);
    now = smart_clock_now();
    assert_int_equal(run(), SMART_ONCE_ASKED);
    assert_true(us_since(begin) < SMART_CLOCK_S);
}

static void stopped_owner_is_waited_for_as_long_as_we_may(void **state)
{
    const pid_t pid = in_stopped(other_acquires);
    const apr_int64_t begin = smart_clock_now().mono_us;

    once.wait_us = 100000;
    now = smart_clock_now();
    assert_int_equal(run(), SMART_ONCE_TIMED_OUT);
    assert_int_equal(asked.outcome, SMART_ASKED_TROUBLE);
    assert_true(us_since(begin) >= 100000);
    assert_true(us_since(begin) < 2 * SMART_CLOCK_S);
    assert_int_equal(asker.asks, 0);
    end_child(pid);
}

static void stopped_owner_is_followed_after_its_lifetime(void **state)
{
    apr_int64_t begin;
    pid_t pid;

    once.lifetime_us = 100000;
    pid = in_stopped(other_acquires_briefly);
    begin = smart_clock_now().mono_us;
    now = smart_clock_now();
    assert_int_equal(run(), SMART_ONCE_ASKED);
    assert_true(us_since(begin) >= 50000);
    assert_true(us_since(begin) < 2 * SMART_CLOCK_S);
    assert_int_equal(asker.asks, 1);
    end_child(pid);
}

static void who_may_not_wait_does_not(void **state)
{
    const apr_int64_t begin = smart_clock_now().mono_us;

    other_acquires();
    once.wait_us = 0;
    assert_int_equal(run(), SMART_ONCE_TIMED_OUT);
    assert_true(us_since(begin) < SMART_CLOCK_S);
    assert_int_equal(asker.asks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        once_test(nobody_else_we_ask_once_and_give_the_lease_back),
        once_test(answer_that_came_into_the_cache_meanwhile_is_taken),
        once_test(without_leases_a_process_asks_for_itself),
        once_test(full_table_refuses_nobody),
        once_test(other_process_stores_and_we_find),
        once_test(other_process_leaves_a_failure_and_we_share_it),
        once_test(each_refusing_code_refuses_as_it_says),
        once_test(code_of_an_uncached_answer_sends_us_to_ask),
        once_test(cached_since_then_is_preferred_to_an_old_failure),
        once_test(what_we_leave_refuses_others_as_it_refused_us),
        once_test(dead_owner_is_followed_at_once),
        once_test(stopped_owner_is_waited_for_as_long_as_we_may),
        once_test(stopped_owner_is_followed_after_its_lifetime),
        once_test(who_may_not_wait_does_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
