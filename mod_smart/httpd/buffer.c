/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buffer.c: each size has a pool of its own, which goes when it is outgrown.
 */
#include "httpd/buffer.h"

#include <http_protocol.h>

#include <apr_strings.h>

#define FIRST_BYTES 4096

smart_buffer_t *smart_buffer_make(apr_size_t max, apr_pool_t *p)
{
    smart_buffer_t *buffer = apr_pcalloc(p, sizeof(*buffer));

    buffer->max = max;
    buffer->owner = p;
    return buffer;
}

static bool grow(smart_buffer_t *buffer, apr_size_t needed)
{
    apr_size_t size = buffer->size ? buffer->size : FIRST_BYTES;
    apr_pool_t *pool;
    char *data;

    if (needed <= buffer->size) {
        return true;
    }
    if (buffer->expected > needed) {
        size = buffer->expected;
    }
    while (size < needed) {
        size *= 2;
    }
    if (size > buffer->max) {
        size = buffer->max;
    }
    if (apr_pool_create(&pool, buffer->owner) != APR_SUCCESS) {
        return false;
    }
    data = apr_palloc(pool, size);
    if (buffer->len) {
        memcpy(data, buffer->data, buffer->len);
        apr_pool_destroy(buffer->pool);
    }
    buffer->pool = pool;
    buffer->data = data;
    buffer->size = size;
    return true;
}

void smart_buffer_expect(smart_buffer_t *buffer, const char *length)
{
    apr_off_t n;
    char *end;

    if (length && apr_strtoff(&n, length, &end, 10) == APR_SUCCESS && !*end &&
        n > 0 && (apr_uint64_t)n <= buffer->max) {
        buffer->expected = (apr_size_t)n;
    }
}

static bool append(smart_buffer_t *buffer, const char *data, apr_size_t n)
{
    if (n > buffer->max - buffer->len) {
        buffer->full = true;
        return false;
    }
    if (n == 0) {
        return true;
    }
    if (!grow(buffer, buffer->len + n)) {
        buffer->broken = true;
        return false;
    }
    memcpy(buffer->data + buffer->len, data, n);
    buffer->len += n;
    return true;
}

bool smart_buffer_take(smart_buffer_t *buffer, apr_bucket_brigade *bb)
{
    apr_bucket *b;

    for (b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb);
         b = APR_BUCKET_NEXT(b)) {
        const char *data;
        apr_size_t n;

        if (APR_BUCKET_IS_EOS(b)) {
            buffer->end = true;
            break;
        }
        if (AP_BUCKET_IS_ERROR(b)) { /* what came so far is not all */
            buffer->broken = true;
            return false;
        }
        if (APR_BUCKET_IS_METADATA(b)) {
            continue;
        }
        if (apr_bucket_read(b, &data, &n, APR_BLOCK_READ) != APR_SUCCESS) {
            buffer->broken = true;
            return false;
        }
        if (!append(buffer, data, n)) {
            return false;
        }
    }
    return true;
}
