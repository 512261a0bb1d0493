/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c: formats a line, makes it harmless, hands it to the sink.
 * Allocates nothing, so that it works when memory is what is missing.
 */
#include "io/log.h"

#include <stdarg.h>

#include <apr_strings.h>

void smart_log_write(const smart_log_t *log, smart_log_level_e level,
                     const char *fmt, ...)
{
    char line[SMART_LOG_MAX];
    va_list ap;
    char *c;

    if (!log || !log->write) {
        return;
    }
    va_start(ap, fmt);
    apr_vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    for (c = line; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = '?';
        }
    }
    log->write(log->ctx, level, line);
}
