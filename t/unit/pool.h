/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h: a pool for all tests of a program, made before the first and gone
 * after the last, for cmocka_run_group_tests(tests, prepare, finish).
 */
#ifndef POOL_H
#define POOL_H

#include <apr_general.h>
#include <apr_pools.h>

static apr_pool_t *pool;

static inline int prepare(void **state)
{
    (void)state;
    apr_initialize();
    return apr_pool_create(&pool, NULL) != APR_SUCCESS;
}

static inline int finish(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

#endif
