/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counters_test.c: nothing is lost, whoever counts, dies, or finds no block.
 */
#include "shared_fixture.h"

#include <pthread.h>

#include "io/counters.h"

#define OWNER_WORD (SMART_COUNTER_WORDS - 1)

static smart_counters_t *counters;
static smart_sums_t sums;

static int setup(void **state)
{
    shared_setup(state);
    counters = smart_counters_create(memory, pool);
    return 0;
}

#define counters_test(f)                                                       \
    cmocka_unit_test_setup_teardown(f, setup, shared_teardown)

static apr_uint64_t sum(smart_count_e what)
{
    smart_counters_sum(counters, &sums);
    return sums.count[what];
}

static apr_uint64_t *owner_of(unsigned block)
{
    return (apr_uint64_t *)(void *)memory + block * SMART_COUNTER_WORDS +
           OWNER_WORD;
}

static void who_has_not_joined_counts_in_the_block_of_all(void **state)
{
    smart_count(counters, SMART_COUNT_HIT);
    assert_int_equal(sum(SMART_COUNT_HIT), 1);
    assert_int_equal(sums.processes, 0);
}

static void join_and_count(void)
{
    smart_counters_join(counters, 4);
    smart_count(counters, SMART_COUNT_HIT);
    smart_count(counters, SMART_COUNT_HIT);
    smart_count(counters, SMART_COUNT_MISS);
    smart_count_latency(counters, 1000);
}

static void counts_survive_their_process_and_blocks_are_used_again(void **state)
{
    int i;

    for (i = 1; i <= 100; i++) {
        in_child(join_and_count);
        assert_int_equal(sum(SMART_COUNT_HIT), 2 * i);
        assert_int_equal(sums.count[SMART_COUNT_MISS], i);
        assert_int_equal(sums.latency_us, 1000 * i);
        assert_int_equal(sums.processes, 4);
    }
}

static void living_process_keeps_its_blocks(void **state)
{
    assert_int_equal(smart_counters_join(counters, 2), 2);
    in_child(join_and_count);
    smart_counters_sum(counters, &sums);
    assert_int_equal(sums.processes, 6);
    assert_int_equal(*owner_of(0), getpid());
    assert_int_equal(*owner_of(1), getpid());
    assert_int_not_equal(*owner_of(2), getpid());
}

static void process_with_an_old_number_takes_its_blocks_over(void **state)
{
    *owner_of(7) = (apr_uint64_t)getpid();
    assert_int_equal(smart_counters_join(counters, 8), 8);
    smart_counters_sum(counters, &sums);
    assert_int_equal(sums.processes, 8);
}

static void blocks_of_a_process_are_limited(void **state)
{
    assert_int_equal(smart_counters_join(counters, 1000),
                     SMART_COUNTER_STRIPES);
}

static void without_a_block_left_the_block_of_all_is_used(void **state)
{
    unsigned i;

    for (i = 0; i < SMART_COUNTER_BLOCKS; i++) {
        *owner_of(i) = (apr_uint64_t)getppid();
    }
    assert_int_equal(smart_counters_join(counters, 8), 0);
    smart_count(counters, SMART_COUNT_STALE);
    assert_int_equal(sum(SMART_COUNT_STALE), 1);
    *owner_of(300) = 0;
    assert_int_equal(smart_counters_join(counters, 8), 1);
    smart_count(counters, SMART_COUNT_STALE);
    assert_int_equal(sum(SMART_COUNT_STALE), 2);
}

static void latencies_go_where_they_belong(void **state)
{
    static const struct {
        apr_int64_t us;
        unsigned bucket;
    } rows[] = {{-5, 0},       {0, 0},        {128, 0},
                {129, 1},      {256, 1},      {257, 2},
                {200000, 11},  {2000000, 14}, {2100000, 15},
                {4194304, 15}, {4194305, 16}, {INT64_MAX / 2, 16}};
    unsigned i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        smart_counters_sum(counters, &sums);
        const apr_uint64_t before = sums.latency[rows[i].bucket];

        smart_count_latency(counters, rows[i].us);
        smart_counters_sum(counters, &sums);
        assert_int_equal(sums.latency[rows[i].bucket], before + 1);
    }
}

static void statuses_count_as_what_they_are(void **state)
{
    assert_int_equal(smart_count_of_status(400), SMART_COUNT_DENIED_FORM);
    assert_int_equal(smart_count_of_status(401), SMART_COUNT_DENIED_TOKEN);
    assert_int_equal(smart_count_of_status(403), SMART_COUNT_DENIED_ACCESS);
    assert_int_equal(smart_count_of_status(404), SMART_COUNT_DENIED_ACCESS);
    assert_int_equal(smart_count_of_status(405), SMART_COUNT_DENIED_ACCESS);
    assert_int_equal(smart_count_of_status(413), SMART_COUNT_DENIED_BODY);
    assert_int_equal(smart_count_of_status(415), SMART_COUNT_DENIED_BODY);
    assert_int_equal(smart_count_of_status(503), SMART_COUNT_DENIED_SERVER);
    assert_int_equal(smart_count_of_status(500), SMART_COUNT_DENIED_OTHER);
    assert_int_equal(smart_count_of_status(200), SMART_COUNT_DENIED_OTHER);
}

static void names_are_distinct_and_for_machines(void **state)
{
    int i;
    int j;

    for (i = 0; i < SMART_COUNT_COUNT; i++) {
        const char *a = smart_count_name((smart_count_e)i);

        assert_int_equal(strspn(a, "abcdefghijklmnopqrstuvwxyz_"), strlen(a));
        for (j = 0; j < i; j++) {
            assert_string_not_equal(a, smart_count_name((smart_count_e)j));
        }
    }
    assert_string_equal(smart_count_name(SMART_COUNT_COUNT), "unknown");
}

static void what_is_no_count_is_not_counted(void **state)
{
    smart_count(counters, SMART_COUNT_COUNT);
    smart_count(counters, (smart_count_e)-1);
    smart_count(NULL, SMART_COUNT_HIT);
    smart_count_latency(NULL, 1);
    assert_int_equal(sum(SMART_COUNT_HIT), 0);
    assert_int_equal(sums.latency[0], 0);
}

/* ---- many at once ---- */

#define THREADS 8
#define TIMES   500000 /* or a thread is over before the next begins */

static void *count_many(void *data)
{
    int i;

    for (i = 0; i < TIMES; i++) {
        smart_count(counters, SMART_COUNT_HIT);
    }
    return NULL;
}

static void join_and_count_in_threads(void)
{
    pthread_t thread[THREADS];
    int i;

    smart_counters_join(counters, 2);
    for (i = 0; i < THREADS; i++) {
        pthread_create(&thread[i], NULL, count_many, NULL);
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
    }
}

static void no_count_of_many_threads_is_lost(void **state)
{
    const pid_t first = child_run(join_and_count_in_threads);
    const pid_t second = child_run(join_and_count_in_threads);

    waitpid(first, NULL, 0);
    waitpid(second, NULL, 0);
    assert_int_equal(sum(SMART_COUNT_HIT), 2 * THREADS * TIMES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        counters_test(who_has_not_joined_counts_in_the_block_of_all),
        counters_test(counts_survive_their_process_and_blocks_are_used_again),
        counters_test(living_process_keeps_its_blocks),
        counters_test(process_with_an_old_number_takes_its_blocks_over),
        counters_test(blocks_of_a_process_are_limited),
        counters_test(without_a_block_left_the_block_of_all_is_used),
        counters_test(latencies_go_where_they_belong),
        counters_test(statuses_count_as_what_they_are),
        counters_test(names_are_distinct_and_for_machines),
        counters_test(what_is_no_count_is_not_counted),
        counters_test(no_count_of_many_threads_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
