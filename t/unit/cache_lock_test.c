/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_lock_test.c: who holds a region's lock, dead, stopped or busy, costs
 * others no more than they were promised.
 */
#include "cache_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <sys/wait.h>

#include "io/cache_lock.h"

#define PROMISED_US 10000
#define OWN_WORD    ((uint64_t)(uint32_t)getpid() << 32 | 0x7fffffff)

static smart_word_t *lock_of(uint64_t n)
{
    return &region_of(key_of(n), SMART_CACHE_ACTIVE)->lock;
}

static apr_int64_t elapsed_us(apr_int64_t since_us)
{
    return smart_clock_now().mono_us - since_us;
}

static apr_uint64_t stolen(void)
{
    smart_cache_stats_t stats;

    smart_cache_stats(cache, SMART_CACHE_ACTIVE, &stats);
    return stats.stolen;
}

/* A put past whoever holds the lock; returns how long it took. */
static apr_int64_t put_past(uint64_t holder)
{
    apr_int64_t begin;

    smart_word_set(lock_of(1), holder);
    begin = smart_clock_now().mono_us;
    assert_int_equal(put(1, 300), SMART_CACHE_STORED);
    assert_int_equal(smart_word_get(lock_of(1)), 0);
    assert_hit(1, 300);
    return elapsed_us(begin);
}

static void free_lock_is_taken_and_given_back(void **state)
{
    apr_uint64_t me;
    bool was_stolen;

    assert_true(smart_cache_lock(cache, lock_of(1), &me, &was_stolen));
    assert_false(was_stolen);
    assert_int_equal(smart_word_get(lock_of(1)), me);
    assert_int_equal(me >> 32, getpid());
    smart_cache_unlock(lock_of(1), me);
    assert_int_equal(smart_word_get(lock_of(1)), 0);
}

static void each_holding_has_a_word_of_its_own(void **state)
{
    apr_uint64_t first;
    apr_uint64_t second;
    bool was_stolen;

    smart_cache_lock(cache, lock_of(1), &first, &was_stolen);
    smart_cache_unlock(lock_of(1), first);
    smart_cache_lock(cache, lock_of(1), &second, &was_stolen);
    assert_true(first != second);
    /* The first owner's late unlock is not ours. */
    smart_cache_unlock(lock_of(1), first);
    assert_int_equal(smart_word_get(lock_of(1)), second);
    smart_cache_unlock(lock_of(1), second);
}

/* Of five tries one has to be quick, however busy the machine is. */
static void dead_owner_loses_the_lock_at_once(void **state)
{
    const pid_t pid = fork();
    apr_int64_t least = PROMISED_US;
    int i;

    if (pid == 0) {
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    for (i = 0; i < 5; i++) {
        const apr_int64_t took = put_past((uint64_t)(uint32_t)pid << 32 | 1);

        least = took < least ? took : least;
    }
    assert_true(least < SMART_CACHE_STEAL_US);
    assert_int_equal(stolen(), 5);
    put_past(1); /* no process at all */
    assert_int_equal(stolen(), 6);
}

static void stopped_owner_loses_it_when_its_time_is_over(void **state)
{
    const pid_t pid = fork();
    apr_int64_t took;

    if (pid == 0) {
        pause();
        _exit(0);
    }
    kill(pid, SIGSTOP);
    took = put_past((uint64_t)(uint32_t)pid << 32 | 1);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_true(took >= SMART_CACHE_STEAL_US);
    assert_true(took < 3 * PROMISED_US); /* the machine may be busy */
    assert_int_equal(stolen(), 1);
}

/* Dead, but its parent has not asked how it died. */
static void zombie_loses_it_when_its_time_is_over(void **state)
{
    const pid_t pid = fork();
    siginfo_t info;
    apr_int64_t took;

    if (pid == 0) {
        _exit(0);
    }
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    took = put_past((uint64_t)(uint32_t)pid << 32 | 1);
    waitpid(pid, NULL, 0);
    assert_true(took >= SMART_CACHE_STEAL_US);
    assert_true(took < 3 * PROMISED_US);
}

static void reading_and_removing_do_not_ask_for_the_lock(void **state)
{
    put(1, 300);
    smart_word_set(lock_of(1), OWN_WORD);
    assert_hit(1, 300);
    smart_cache_remove(cache, key_of(1).bytes);
    assert_miss(1);
    assert_int_equal(smart_word_get(lock_of(1)), OWN_WORD);
}

/* Many others at work: the lock is never free and never held for long. */
static _Atomic bool busy;

static void *hold_in_turns(void *data)
{
    uint64_t turn = 1;

    while (busy) {
        smart_word_set(data, (uint64_t)(uint32_t)getpid() << 32 | turn);
        turn += 2;
        usleep(100);
    }
    return NULL;
}

/* A put beside such others; how long it took. */
static smart_cache_put_e put_in_turns(apr_int64_t *ptook)
{
    smart_cache_put_e result;
    apr_int64_t begin;
    pthread_t thread;

    busy = true;
    smart_word_set(lock_of(1), OWN_WORD);
    pthread_create(&thread, NULL, hold_in_turns, lock_of(1));
    begin = smart_clock_now().mono_us;
    result = put(1, 200);
    *ptook = elapsed_us(begin);
    busy = false;
    pthread_join(thread, NULL);
    smart_word_set(lock_of(1), 0);
    return result;
}

/* On a busy machine the others may not get their turn, and seem stopped: then
   the lock is stolen, and that is right; so it is tried again. */
static void busy_lock_is_given_up_in_time(void **state)
{
    smart_cache_put_e result = SMART_CACHE_STORED;
    apr_uint64_t before = 0;
    apr_int64_t took = 0;
    int tries;

    for (tries = 0; tries < 50 && result != SMART_CACHE_BUSY; tries++) {
        put(1, 300);
        before = stolen();
        result = put_in_turns(&took);
    }
    assert_int_equal(result, SMART_CACHE_BUSY);
    assert_true(took >= SMART_CACHE_WAIT_MS * 1000);
    assert_true(took < 3 * PROMISED_US);
    assert_int_equal(stolen(), before);
    assert_miss(1); /* what was there is older than what could not be put */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cache_test(free_lock_is_taken_and_given_back),
        cache_test(each_holding_has_a_word_of_its_own),
        cache_test(dead_owner_loses_the_lock_at_once),
        cache_test(stopped_owner_loses_it_when_its_time_is_over),
        cache_test(zombie_loses_it_when_its_time_is_over),
        cache_test(reading_and_removing_do_not_ask_for_the_lock),
        cache_test(busy_lock_is_given_up_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
