/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buffer.h: bytes of a message that are kept until all are there. Grows with
 * what comes, not with what may come, up to a limit; freed with its pool.
 */
#ifndef SMART_BUFFER_H
#define SMART_BUFFER_H

#include "core/base.h"

#include <apr_buckets.h>

typedef struct smart_buffer_t {
    apr_pool_t *owner;
    apr_pool_t *pool; /* of the bytes, below owner; NULL: nothing came yet */
    char *data;       /* NULL: nothing came yet */
    apr_size_t len;
    apr_size_t size;     /* allocated */
    apr_size_t max;      /* bytes it may hold */
    apr_size_t expected; /* 0: nobody said */
    bool full;           /* more came than it may hold */
    bool broken;         /* the sender did not get to the end */
    bool end;            /* all is there */
} smart_buffer_t;

/** An empty buffer. @param p owns it and its bytes */
smart_buffer_t *smart_buffer_make(apr_size_t max, apr_pool_t *p);

/**
 * Make room at once for what a trusted sender says will come; without it a
 * buffer takes twice as much in the end.
 * @param length value of Content-Length; NULL, no number or over the limit:
 *               nothing is done
 */
void smart_buffer_expect(smart_buffer_t *buffer, const char *length);

/**
 * Add what a brigade holds; the brigade stays as it is. After false nothing
 * more may be added.
 * @return false: full, broken or out of memory
 */
bool smart_buffer_take(smart_buffer_t *buffer, apr_bucket_brigade *bb);

#endif
