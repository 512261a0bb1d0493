/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flight_test.c: threads that want the same have one leader, and what it
 * brings reaches all of them.
 */
#include "shared_fixture.h"

#include <pthread.h>

#include <apr_strings.h>

#include "io/flight.h"

#define MOST      4
#define FOLLOWERS 8

static smart_flights_t *flights;
static int ticket;
static smart_asked_t asked;

static int setup(void **state)
{
    shared_setup(state);
    flights = smart_flights_create(MOST, pool);
    assert_non_null(flights);
    return 0;
}

#define flight_test(f)                                                         \
    cmocka_unit_test_setup_teardown(f, setup, shared_teardown)

static smart_flight_e enter_for(uint64_t n, apr_int64_t us, int *pticket)
{
    return smart_flight_enter(flights, key_of(n).bytes,
                              smart_clock_now().mono_us + us, pool, pticket,
                              &asked);
}

/* A thread that follows the flight of key 1. */
typedef struct follower_t {
    pthread_t thread;
    apr_pool_t *pool;
    apr_int64_t wait_us;
    smart_flight_e result;
    int ticket;
    smart_asked_t asked;
} follower_t;

static _Atomic int leaders;
static _Atomic int entering;

static void *follow(void *data)
{
    follower_t *f = data;

    entering++;
    f->result = smart_flight_enter(flights, key_of(1).bytes,
                                   smart_clock_now().mono_us + f->wait_us,
                                   f->pool, &f->ticket, &f->asked);
    if (f->result == SMART_FLIGHT_LEADER) {
        const smart_asked_t brought = {.outcome = SMART_ASKED_REFUSED,
                                       .retry_after_s = 9};

        leaders++;
        usleep(50000);
        smart_flight_leave(flights, f->ticket, &brought);
    }
    return NULL;
}

static void followers_start(follower_t *f, int n, apr_int64_t wait_us)
{
    int i;

    leaders = 0;
    entering = 0;
    for (i = 0; i < n; i++) {
        memset(&f[i], 0, sizeof(f[i]));
        f[i].wait_us = wait_us;
        apr_pool_create_unmanaged_ex(&f[i].pool, NULL, NULL);
        pthread_create(&f[i].thread, NULL, follow, &f[i]);
    }
    while (entering < n) {
        usleep(1000);
    }
    usleep(100000); /* and now they wait */
}

static void followers_join(follower_t *f, int n)
{
    int i;

    for (i = 0; i < n; i++) {
        pthread_join(f[i].thread, NULL);
    }
}

static void followers_end(follower_t *f, int n)
{
    int i;

    for (i = 0; i < n; i++) {
        apr_pool_destroy(f[i].pool);
    }
}

static void first_leads_and_so_does_the_next_one_after_it(void **state)
{
    assert_int_equal(enter_for(1, 0, &ticket), SMART_FLIGHT_LEADER);
    smart_flight_leave(flights, ticket, &asked);
    assert_int_equal(enter_for(1, 0, &ticket), SMART_FLIGHT_LEADER);
    smart_flight_leave(flights, ticket, &asked);
}

static void follower_times_out_and_the_leader_goes_on(void **state)
{
    const apr_int64_t begin = smart_clock_now().mono_us;
    int other;

    assert_int_equal(enter_for(1, 0, &ticket), SMART_FLIGHT_LEADER);
    assert_int_equal(enter_for(1, 30000, &other), SMART_FLIGHT_TIMED_OUT);
    assert_true(us_since(begin) >= 30000);
    assert_true(us_since(begin) < 5 * SMART_CLOCK_S);
    assert_int_equal(asked.outcome, SMART_ASKED_TROUBLE);
    assert_int_equal(enter_for(1, 0, &other), SMART_FLIGHT_TIMED_OUT);
    smart_flight_leave(flights, ticket, &asked);
    assert_int_equal(enter_for(1, 0, &ticket), SMART_FLIGHT_LEADER);
}

static void other_key_is_another_flight(void **state)
{
    int other;

    assert_int_equal(enter_for(1, 0, &ticket), SMART_FLIGHT_LEADER);
    assert_int_equal(enter_for(2, 0, &other), SMART_FLIGHT_LEADER);
    assert_int_not_equal(ticket, other);
}

static void followers_get_what_is_brought_in_memory_of_their_own(void **state)
{
    char record[] = "what the token is good for";
    const smart_asked_t brought = {.outcome = SMART_ASKED_ACTIVE,
                                   .record = smart_slice(record)};
    follower_t f[FOLLOWERS];
    int i;

    assert_int_equal(enter_for(1, 0, &ticket), SMART_FLIGHT_LEADER);
    followers_start(f, FOLLOWERS, 10 * SMART_CLOCK_S);
    smart_flight_leave(flights, ticket, &brought);
    memset(record, 'x', sizeof(record) - 1);
    followers_join(f, FOLLOWERS);
    for (i = 0; i < FOLLOWERS; i++) {
        assert_int_equal(f[i].result, SMART_FLIGHT_DONE);
        assert_int_equal(f[i].asked.outcome, SMART_ASKED_ACTIVE);
        assert_true(
            smart_slice_is(f[i].asked.record, "what the token is good for"));
    }
    followers_end(f, FOLLOWERS);
    /* The flight has landed: it is not joined, and its room is free again. */
    for (i = 0; i < MOST; i++) {
        assert_int_equal(enter_for(10 + (uint64_t)i, 0, &ticket),
                         SMART_FLIGHT_LEADER);
        assert_true(ticket >= 0);
    }
}

static void outcome_without_record_is_shared_as_well(void **state)
{
    const smart_asked_t brought = {.outcome = SMART_ASKED_TROUBLE,
                                   .retry_after_s = 17};
    follower_t f[2];

    assert_int_equal(enter_for(1, 0, &ticket), SMART_FLIGHT_LEADER);
    followers_start(f, 2, 10 * SMART_CLOCK_S);
    smart_flight_leave(flights, ticket, &brought);
    followers_join(f, 2);
    assert_int_equal(f[1].result, SMART_FLIGHT_DONE);
    assert_int_equal(f[1].asked.outcome, SMART_ASKED_TROUBLE);
    assert_int_equal(f[1].asked.retry_after_s, 17);
    assert_null(f[1].asked.record.ptr);
    followers_end(f, 2);
}

static void
one_of_the_followers_leads_when_the_leader_brings_nothing(void **state)
{
    follower_t f[FOLLOWERS];
    int i;

    assert_int_equal(enter_for(1, 0, &ticket), SMART_FLIGHT_LEADER);
    followers_start(f, FOLLOWERS, 10 * SMART_CLOCK_S);
    smart_flight_leave(flights, ticket, NULL);
    followers_join(f, FOLLOWERS);
    assert_int_equal(leaders, 1);
    for (i = 0; i < FOLLOWERS; i++) {
        if (f[i].result != SMART_FLIGHT_LEADER) {
            assert_int_equal(f[i].result, SMART_FLIGHT_DONE);
            assert_int_equal(f[i].asked.retry_after_s, 9);
        }
    }
    followers_end(f, FOLLOWERS);
}

static void without_room_one_leads_alone(void **state)
{
    int tickets[MOST];
    int i;

    for (i = 0; i < MOST; i++) {
        assert_int_equal(enter_for((uint64_t)i, 0, &tickets[i]),
                         SMART_FLIGHT_LEADER);
    }
    assert_int_equal(enter_for(100, 0, &ticket), SMART_FLIGHT_LEADER);
    assert_int_equal(enter_for(100, 0, &ticket), SMART_FLIGHT_LEADER);
    smart_flight_leave(flights, ticket, &asked); /* does nothing */
    assert_int_equal(enter_for(1, 0, &ticket), SMART_FLIGHT_TIMED_OUT);
    smart_flight_leave(flights, tickets[1], &asked);
    assert_int_equal(enter_for(100, 0, &ticket), SMART_FLIGHT_LEADER);
    assert_int_equal(ticket, tickets[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        flight_test(first_leads_and_so_does_the_next_one_after_it),
        flight_test(follower_times_out_and_the_leader_goes_on),
        flight_test(other_key_is_another_flight),
        flight_test(followers_get_what_is_brought_in_memory_of_their_own),
        flight_test(outcome_without_record_is_shared_as_well),
        flight_test(one_of_the_followers_leads_when_the_leader_brings_nothing),
        flight_test(without_room_one_leads_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
