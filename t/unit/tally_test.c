/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally_test.c: nothing is lost, whoever counts, dies, or finds no row, and
 * what is one base's is not another's.
 */
#include "shared_fixture.h"

#include <pthread.h>

#include "io/tally.h"

#define A APR_UINT64_C(1001)
#define B APR_UINT64_C(1002)

static smart_tallies_t *tallies;
static smart_tally_sums_t sums[3];

static int setup(void **state)
{
    shared_setup(state);
    tallies = smart_tallies_create(memory, pool);
    return 0;
}

#define tally_test(f) cmocka_unit_test_setup_teardown(f, setup, shared_teardown)

static void sum(void)
{
    static const apr_uint64_t ids[] = {A, B};

    smart_tallies_sum(tallies, ids, 2, sums);
}

static void assert_permitted(unsigned a, unsigned b, unsigned other)
{
    sum();
    assert_int_equal(sums[0].count[SMART_TALLY_PERMITTED], a);
    assert_int_equal(sums[1].count[SMART_TALLY_PERMITTED], b);
    assert_int_equal(sums[2].count[SMART_TALLY_PERMITTED], other);
}

static smart_tally_t *join(apr_uint64_t id, unsigned rows)
{
    return smart_tally_join(tallies, id, rows, pool);
}

/* Rows that have an owner. */
static unsigned rows_taken(void)
{
    const uint64_t *words = (const uint64_t *)(const void *)memory;
    unsigned n = 0;
    unsigned i;

    for (i = 0; i < SMART_TALLY_ROWS; i++) {
        n += words[i * (SMART_TALLY_COUNTS + 2) + 1] != 0;
    }
    return n;
}

static void bases_and_reasons_are_kept_apart(void **state)
{
    const smart_tally_t *a = join(A, 2);
    const smart_tally_t *b = join(B, 2);
    unsigned i;

    for (i = 0; i < SMART_TALLY_COUNTS; i++) {
        unsigned n;

        for (n = 0; n <= i; n++) {
            smart_tally_count(a, i);
        }
    }
    smart_tally_count(b, SMART_TALLY_PERMITTED);
    sum();
    for (i = 0; i < SMART_TALLY_COUNTS; i++) {
        assert_int_equal(sums[0].count[i], i + 1);
        assert_int_equal(sums[1].count[i], i == SMART_TALLY_PERMITTED);
        assert_int_equal(sums[2].count[i], 0);
    }
    assert_int_equal(sums[0].id, A);
    assert_int_equal(sums[2].id, 0);
}

static void what_is_no_count_changes_nothing(void **state)
{
    smart_tally_count(NULL, SMART_TALLY_PERMITTED);
    smart_tally_count(join(A, 1), SMART_TALLY_COUNTS);
    sum();
    assert_int_equal(
        memcmp(&sums[1].count, &sums[2].count, sizeof(sums[1].count)), 0);
    assert_permitted(0, 0, 0);
}

static void base_that_is_not_asked_for_is_among_the_others(void **state)
{
    smart_tally_count(join(7, 1), SMART_TALLY_PERMITTED);
    smart_tally_count(join(0, 1), SMART_TALLY_PERMITTED);
    smart_tally_count(join(A, 1), SMART_TALLY_PERMITTED);
    assert_permitted(1, 0, 2);
}

static void count_as_a_and_b(void)
{
    smart_tallies_begin(tallies);
    smart_tally_count(join(A, 8), SMART_TALLY_PERMITTED);
    smart_tally_count(join(B, 4), SMART_TALLY_PERMITTED);
}

static void counts_survive_their_process_and_rows_are_used_again(void **state)
{
    unsigned i;

    for (i = 1; i <= 100; i++) {
        in_child(count_as_a_and_b);
        assert_permitted(i, i, 0);
        assert_int_equal(rows_taken(), 12);
    }
}

static void living_process_keeps_its_rows(void **state)
{
    join(A, 2);
    in_child(count_as_a_and_b);
    assert_int_equal(rows_taken(), 2 + 12);
    assert_permitted(1, 1, 0);
}

static void process_with_an_old_number_takes_its_rows_over(void **state)
{
    join(A, 5);
    smart_tallies_begin(tallies);
    join(A, 5);
    assert_int_equal(rows_taken(), 5);
    join(A, 5); /* without that they are somebody's */
    assert_int_equal(rows_taken(), 10);
}

static void full_table_shares_the_row_of_the_same_base(void **state)
{
    const smart_tally_t *a = join(A, 1);
    unsigned i;

    smart_tally_count(a, SMART_TALLY_PERMITTED);
    for (i = 1; i < SMART_TALLY_ROWS; i++) {
        join(5000 + i, 1);
    }
    smart_tally_count(join(A, 8), SMART_TALLY_PERMITTED);
    assert_permitted(2, 0, 0);
    smart_tally_count(join(B, 8), SMART_TALLY_PERMITTED);
    assert_permitted(2, 0, 1);
}

static void *count_much(void *tally)
{
    unsigned i;

    for (i = 0; i < 100000; i++) {
        smart_tally_count(tally, SMART_TALLY_DENIED + i % 2);
    }
    return NULL;
}

static void count_in_threads(void)
{
    smart_tally_t *tally = join(A, 4);
    pthread_t threads[4];
    unsigned i;

    for (i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, count_much, tally);
    }
    for (i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void no_count_of_many_threads_and_processes_is_lost(void **state)
{
    pid_t pids[3];
    unsigned i;

    for (i = 0; i < 3; i++) {
        pids[i] = child_run(count_in_threads);
    }
    for (i = 0; i < 3; i++) {
        waitpid(pids[i], NULL, 0);
    }
    sum();
    assert_int_equal(sums[0].count[SMART_TALLY_DENIED], 600000);
    assert_int_equal(sums[0].count[SMART_TALLY_DENIED + 1], 600000);
}

static void join_b(void)
{
    smart_tally_count(join(B, 8), SMART_TALLY_PERMITTED);
}

/* All take rows at once: each of them is one process' alone. */
static void rows_are_taken_once(void **state)
{
    pid_t pids[20];
    unsigned i;

    for (i = 0; i < 20; i++) {
        pids[i] = child_run(join_b);
    }
    for (i = 0; i < 20; i++) {
        waitpid(pids[i], NULL, 0);
    }
    assert_permitted(0, 20, 0);
    assert_true(rows_taken() <= 160);
}

static void garbage_breaks_nothing(void **state)
{
    uint64_t *words = (uint64_t *)(void *)memory;
    unsigned i;

    for (i = 0; i < SMART_TALLY_BYTES / 8; i++) {
        words[i] = spread(i);
    }
    smart_tallies_begin(tallies);
    smart_tally_count(join(A, 8), SMART_TALLY_PERMITTED);
    sum();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        tally_test(bases_and_reasons_are_kept_apart),
        tally_test(what_is_no_count_changes_nothing),
        tally_test(base_that_is_not_asked_for_is_among_the_others),
        tally_test(counts_survive_their_process_and_rows_are_used_again),
        tally_test(living_process_keeps_its_rows),
        tally_test(process_with_an_old_number_takes_its_rows_over),
        tally_test(full_table_shares_the_row_of_the_same_base),
        tally_test(no_count_of_many_threads_and_processes_is_lost),
        tally_test(rows_are_taken_once),
        tally_test(garbage_breaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
