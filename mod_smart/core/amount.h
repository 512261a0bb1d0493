/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amount.h: times and sizes as an administrator writes them.
 *
 *   time = 1*DIGIT ( "ms" / "s" / "m" / "min" / "h" )
 *   size = 1*DIGIT [ "K" / "M" / "G" ]          powers of 1024, bytes without
 *
 * Nothing is assumed: a time without unit could be seconds here and
 * milliseconds there, so it is refused. Units of times are in lower case
 * ("M" is no time), those of sizes in any case.
 */
#ifndef SMART_AMOUNT_H
#define SMART_AMOUNT_H

#include "core/base.h"

#include <apr_time.h>

/**
 * Read a time.
 * @param text   NUL-terminated
 * @param max_us longest that is accepted, in microseconds
 * @param pus    out: microseconds, 0 to max_us; 0 on false
 * @param pwhy   out: what is wrong, constant text; NULL on true
 */
bool smart_amount_time(const char *text, apr_interval_time_t max_us,
                       apr_interval_time_t *pus, const char **pwhy);

/**
 * Read a size.
 * @param text   NUL-terminated
 * @param min    fewest bytes accepted
 * @param max    most bytes accepted
 * @param pbytes out: bytes, min to max; 0 on false
 * @param pwhy   out: what is wrong, constant text; NULL on true
 */
bool smart_amount_size(const char *text, apr_uint64_t min, apr_uint64_t max,
                       apr_uint64_t *pbytes, const char **pwhy);

#endif
