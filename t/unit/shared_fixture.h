/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared_fixture.h: memory that children share, a clock that moves when told
 * to, and processes that are dead, stopped or about to be. For the tests of
 * what processes share.
 */
#ifndef SHARED_FIXTURE_H
#define SHARED_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <signal.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <apr_general.h>
#include <apr_pools.h>

#include "io/clock.h"

#define SHARED_BYTES ((size_t)4 * 1024 * 1024)

static apr_pool_t *pool;
static unsigned char *memory; /* SHARED_BYTES, zero, shared with children */
static smart_clock_t now;

static inline int shared_setup(void **state)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    memory = mmap(NULL, SHARED_BYTES, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    now = smart_clock_now();
    return 0;
}

static inline int shared_teardown(void **state)
{
    munmap(memory, SHARED_BYTES);
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

#define shared_test(f)                                                         \
    cmocka_unit_test_setup_teardown(f, shared_setup, shared_teardown)

static inline void pass_us(apr_int64_t us)
{
    now.mono_us += us;
}

static inline apr_int64_t us_since(apr_int64_t begin_us)
{
    return smart_clock_now().mono_us - begin_us;
}

/** A child that runs f and ends. */
static inline pid_t child_run(void (*f)(void))
{
    const pid_t pid = fork();

    if (pid == 0) {
        f();
        _exit(0);
    }
    return pid;
}

/** Run f in a child and see it to its end. */
static inline void in_child(void (*f)(void))
{
    int status = -1;

    waitpid(child_run(f), &status, 0);
    assert_int_equal(status, 0);
}

/** Run f in a child that is dead then, but not waited for. */
static inline pid_t in_zombie(void (*f)(void))
{
    const pid_t pid = child_run(f);
    siginfo_t info;

    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    return pid;
}

/** Run f in a child that is stopped then. */
static inline pid_t in_stopped(void (*f)(void))
{
    const pid_t pid = fork();

    if (pid == 0) {
        f();
        raise(SIGSTOP);
        _exit(0);
    }
    waitpid(pid, NULL, WUNTRACED);
    return pid;
}

static inline void end_child(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/** Evenly spread numbers (splitmix64). */
static inline uint64_t spread(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

typedef struct key_t_ {
    unsigned char bytes[32];
} shared_key_t;

static inline shared_key_t key_of(uint64_t n)
{
    shared_key_t key;
    uint64_t words[4];
    int i;

    for (i = 0; i < 4; i++) {
        words[i] = spread(4 * n + (uint64_t)i);
    }
    memcpy(key.bytes, words, sizeof(words));
    return key;
}

#endif
