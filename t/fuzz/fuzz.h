/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz.h: what the targets of t/fuzz share. A target reads its bytes as
 * lines, the last one being all that is left, so that seeds are plain text.
 *
 * A target asserts properties, not results: what is written and read again is
 * the same, less is never more, what is refused leaves nothing behind. A
 * property that does not hold ends the program, as a bug of memory does under
 * the sanitizers it is built with.
 */
#ifndef SMART_FUZZ_H
#define SMART_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>

#include "core/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property; the text says what does not hold. */
#define FUZZ_HOLDS(e, text)                                                    \
    do {                                                                       \
        if (!(e)) {                                                            \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, text, #e);  \
            abort();                                                           \
        }                                                                      \
    } while (0)

/* The pool of one run: everything of the run before is gone. */
static inline apr_pool_t *fuzz_pool(void)
{
    static apr_pool_t *pool;

    if (!pool) {
        apr_initialize();
        apr_pool_create(&pool, NULL);
    }
    apr_pool_clear(pool);
    return pool;
}

/* The next line of the bytes that are left, without its end; a part of them. */
static inline smart_slice_t fuzz_line(smart_slice_t *left)
{
    const char *end = left->len ? memchr(left->ptr, '\n', left->len) : NULL;
    apr_size_t n = end ? (apr_size_t)(end - left->ptr) : left->len;
    smart_slice_t line = {left->ptr, n};

    n += end != NULL;
    left->ptr += left->ptr ? n : 0;
    left->len -= n;
    return line;
}

static inline smart_slice_t fuzz_input(const uint8_t *data, size_t size)
{
    return smart_slice_n((const char *)data, size);
}

/* A line as a text, or NULL when it holds a NUL: no such field can come. */
static inline const char *fuzz_text(smart_slice_t line, apr_pool_t *p)
{
    if (line.len && memchr(line.ptr, 0, line.len)) {
        return NULL;
    }
    return apr_pstrmemdup(p, line.len ? line.ptr : "", line.len);
}

#endif
