/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_number.c: decimals are compared digit by digit.
 */
#include "core/json_number.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Where the digits at i end. */
static apr_size_t digits_end(smart_slice_t text, apr_size_t i)
{
    while (i < text.len && is_digit(text.ptr[i])) {
        i++;
    }
    return i;
}

/* The exponent at *pi, if there is one. False: an "e" and no number. */
static bool exponent_read(smart_slice_t text, apr_size_t *pi,
                          apr_int64_t *pexponent)
{
    apr_size_t i = *pi;
    bool negative;
    apr_size_t end;

    if (i == text.len || (text.ptr[i] != 'e' && text.ptr[i] != 'E')) {
        return true;
    }
    i++;
    negative = i < text.len && text.ptr[i] == '-';
    if (i < text.len && (text.ptr[i] == '-' || text.ptr[i] == '+')) {
        i++;
    }
    end = digits_end(text, i);
    *pi = end;
    if (end == i) {
        return false;
    }
    for (; i < end && *pexponent < SMART_JSON_MAX_POINT; i++) {
        *pexponent = *pexponent * 10 + (text.ptr[i] - '0');
    }
    if (negative) {
        *pexponent = -*pexponent;
    }
    return true;
}

/* Digits from the first to the last that is not 0; whole: those before the
 * point. */
static void digits_take(smart_json_number_t *number, smart_slice_t text,
                        apr_size_t whole)
{
    apr_size_t first = 0;
    apr_size_t last = text.len;

    while (first < text.len &&
           (text.ptr[first] == '0' || text.ptr[first] == '.')) {
        first++;
    }
    while (last > first &&
           (text.ptr[last - 1] == '0' || text.ptr[last - 1] == '.')) {
        last--;
    }
    number->text = smart_slice_n(text.ptr + first, last - first);
    number->digits = last - first;
    if (first <= whole) {
        number->point = (apr_int64_t)(whole - first);
        number->digits -= last > whole && first < whole ? 1 : 0;
    }
    else {
        /* Digits begin behind the point: 0.00d has the point at -2. */
        number->point = -(apr_int64_t)(first - whole - 1);
    }
}

static apr_int64_t held(apr_int64_t point)
{
    if (point > SMART_JSON_MAX_POINT) {
        return SMART_JSON_MAX_POINT;
    }
    return point < -SMART_JSON_MAX_POINT ? -SMART_JSON_MAX_POINT : point;
}

apr_size_t smart_json_number_read(smart_slice_t text,
                                  smart_json_number_t *pnumber)
{
    const apr_size_t start = text.len > 0 && text.ptr[0] == '-' ? 1 : 0;
    const apr_size_t whole = digits_end(text, start);
    apr_size_t end = whole;
    apr_size_t i;
    apr_int64_t exponent = 0;

    memset(pnumber, 0, sizeof(*pnumber));
    if (whole == start || (text.ptr[start] == '0' && whole > start + 1)) {
        return 0;
    }
    if (whole < text.len && text.ptr[whole] == '.') {
        end = digits_end(text, whole + 1);
        if (end == whole + 1) {
            return 0;
        }
    }
    i = end;
    if (!exponent_read(text, &i, &exponent)) {
        return 0;
    }
    pnumber->is_real = i > whole;
    digits_take(pnumber, smart_slice_n(text.ptr + start, end - start),
                whole - start);
    pnumber->negative = start == 1 && pnumber->digits > 0;
    pnumber->point = pnumber->digits ? held(pnumber->point + exponent) : 0;
    return i;
}

/* The next digit from *pi on; '0' behind the last. */
static char digit_next(const smart_json_number_t *number, apr_size_t *pi)
{
    if (*pi < number->text.len && number->text.ptr[*pi] == '.') {
        ++*pi;
    }
    return *pi < number->text.len ? number->text.ptr[(*pi)++] : '0';
}

/* Like strcmp() of the digits, the shorter one followed by zeros. */
static int digits_compare(const smart_json_number_t *a,
                          const smart_json_number_t *b)
{
    apr_size_t ai = 0;
    apr_size_t bi = 0;

    while (ai < a->text.len || bi < b->text.len) {
        const char ac = digit_next(a, &ai);
        const char bc = digit_next(b, &bi);

        if (ac != bc) {
            return ac < bc ? -1 : 1;
        }
    }
    return 0;
}

bool smart_json_number_fits(const smart_json_number_t *number)
{
    /* 2^63 - 1, 2^63, and DBL_MAX and half a unit. */
    static const char *const limits[] = {
        "9223372036854775807", "9223372036854775808",
        "17976931348623158079372897140530341507993413271003782693617377898044"
        "4968292764750946649017977587207096330286416692887910946555547851940"
        "4026306574886715058206819089020007083836762738548458177115317644757"
        "3027006985557136695962284291481986083493647529271907416844436551070"
        "4342711559699508093042880"};
    const apr_int64_t most = number->is_real ? 309 : 19;
    smart_json_number_t limit;

    if (number->point != most) {
        return number->point < most;
    }
    smart_json_number_read(
        smart_slice(limits[number->is_real ? 2 : number->negative]), &limit);
    return digits_compare(number, &limit) < (number->is_real ? 0 : 1);
}

bool smart_json_number_equal(const smart_json_number_t *a,
                             const smart_json_number_t *b)
{
    return a->negative == b->negative && a->point == b->point &&
           digits_compare(a, b) == 0;
}

bool smart_json_number_whole(const smart_json_number_t *number,
                             apr_int64_t *pwhole, bool *pfraction)
{
    apr_int64_t whole = 0;
    apr_int64_t n;
    apr_size_t i = 0;

    *pwhole = 0;
    *pfraction =
        number->digits > 0 && (apr_int64_t)number->digits > number->point;
    if (number->point > 18) {
        return false;
    }
    for (n = 0; n < number->point; n++) {
        whole = whole * 10 + (digit_next(number, &i) - '0');
    }
    *pwhole = number->negative ? -whole : whole;
    return true;
}
