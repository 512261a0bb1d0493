/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h: where io writes its log lines.
 *
 * io knows no httpd, so whoever owns the process hands it a sink: a function
 * and its context. The glue installs one that ends in httpd's error log.
 *
 * Invariants:
 *   1. A line is at most SMART_LOG_MAX bytes with its NUL; longer text is cut.
 *   2. No byte below 0x20 and no DEL reaches the sink, so text that came from
 *      outside can not forge a line.
 *   3. Callers never pass a token, a secret, a query value or a patient id.
 *
 * Does not: filter by level (the sink does), add time, place or request.
 */
#ifndef SMART_LOG_H
#define SMART_LOG_H

#include "core/base.h"

#define SMART_LOG_MAX 1024u /* bytes of one line with its NUL */

/** How loud a line is; a level nobody set is the loudest. */
typedef enum {
    SMART_LOG_ERR = 0, /* an administrator must act */
    SMART_LOG_WARNING, /* degraded; the caller limits the rate */
    SMART_LOG_INFO,    /* worth one line */
    SMART_LOG_DEBUG    /* steps, for whoever looks for a fault */
} smart_log_level_e;

/** A place for log lines; must outlive everything that was given it. */
typedef struct smart_log_t {
    void (*write)(void *ctx, smart_log_level_e level, const char *text);
    void *ctx; /* handed to write; owned by whoever installed the sink */
} smart_log_t;

/**
 * Write one line to a sink, so that callers need not care whether there is
 * one. Safe in any thread if the sink's write is.
 * @param log   sink; NULL, or one without write, swallows the line
 * @param level how loud
 * @param fmt   printf format as apr_vsnprintf knows it
 */
void smart_log_write(const smart_log_t *log, smart_log_level_e level,
                     const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
