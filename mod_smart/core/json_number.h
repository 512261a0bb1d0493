/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_number.h: numbers of JSON as exact decimals, from their text. Private
 * to core/json*.c.
 *
 *   number = [ "-" ] int [ "." digits ] [ ( "e" / "E" ) [ "+" / "-" ] digits ]
 *
 * Does not: make doubles of them: 1.10 would not come back.
 */
#ifndef SMART_JSON_NUMBER_H
#define SMART_JSON_NUMBER_H

#include "core/base.h"

/** sign 0.d1d2d3... times 10 to the power of point; d1 and the last not 0. */
typedef struct smart_json_number_t {
    bool negative;      /* false for 0 */
    bool is_real;       /* written with a point or an exponent */
    apr_int64_t point;  /* 0 for 0; held at +-SMART_JSON_MAX_POINT */
    apr_size_t digits;  /* 0 for 0 */
    smart_slice_t text; /* from the first digit to the last, with the "." */
} smart_json_number_t;

#define SMART_JSON_MAX_POINT 1000000000

/**
 * Take a number apart.
 * @param text    begins with a number
 * @param pnumber out: the number; all zero on 0
 * @return bytes of the number; 0: there is none
 */
apr_size_t smart_json_number_read(smart_slice_t text,
                                  smart_json_number_t *pnumber);

/** Whether a whole number fits 64 bits, or another a double. */
bool smart_json_number_fits(const smart_json_number_t *number);

/** Whether two are the same number, however they are written. */
bool smart_json_number_equal(const smart_json_number_t *a,
                             const smart_json_number_t *b);

/**
 * The whole part.
 * @param pwhole    out: fraction cut towards zero; 0 on false
 * @param pfraction out: whether something was cut
 * @return false: 19 digits or more
 */
bool smart_json_number_whole(const smart_json_number_t *number,
                             apr_int64_t *pwhole, bool *pfraction);

#endif
