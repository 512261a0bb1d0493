/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amount.c: digits, then a unit; overflow is checked before it happens.
 */
#include "core/amount.h"

typedef struct unit_t {
    const char *name;
    apr_uint64_t factor;
} unit_t;

static const unit_t time_units[] = {
    {"ms", 1000},
    {"s", 1000000},
    {"m", APR_UINT64_C(60000000)},
    {"min", APR_UINT64_C(60000000)},
    {"h", APR_UINT64_C(3600000000)},
};

static const unit_t size_units[] = {
    {"", 1},
    {"K", 1024},
    {"k", 1024},
    {"M", APR_UINT64_C(1) << 20},
    {"m", APR_UINT64_C(1) << 20},
    {"G", APR_UINT64_C(1) << 30},
    {"g", APR_UINT64_C(1) << 30},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The digits at the start; false when there are none or too many. */
static bool number_read(const char **ptext, apr_uint64_t *pn)
{
    const char *t = *ptext;
    apr_uint64_t n = 0;

    if (*t < '0' || *t > '9') {
        return false;
    }
    for (; *t >= '0' && *t <= '9'; t++) {
        const apr_uint64_t digit = (apr_uint64_t)(*t - '0');

        if (n > (UINT64_MAX - digit) / 10) {
            return false;
        }
        n = n * 10 + digit;
    }
    *ptext = t;
    *pn = n;
    return true;
}

static const unit_t *unit_find(const unit_t *units, apr_size_t count,
                               const char *name)
{
    apr_size_t i;

    for (i = 0; i < count; i++) {
        if (strcmp(units[i].name, name) == 0) {
            return &units[i];
        }
    }
    return NULL;
}

bool smart_amount_time(const char *text, apr_interval_time_t max_us,
                       apr_interval_time_t *pus, const char **pwhy)
{
    const unit_t *unit;
    apr_uint64_t n;

    *pus = 0;
    *pwhy = "is not a number with a unit (ms, s, m, h)";
    if (!number_read(&text, &n)) {
        return false;
    }
    if (*text == '\0') {
        *pwhy = "has no unit (ms, s, m, h)";
        return false;
    }
    unit = unit_find(time_units, COUNT(time_units), text);
    if (!unit) {
        *pwhy = "has an unknown unit; there are ms, s, m, h";
        return false;
    }
    if (max_us < 0 || n > (apr_uint64_t)max_us / unit->factor) {
        *pwhy = "is too long";
        return false;
    }
    *pus = (apr_interval_time_t)(n * unit->factor);
    *pwhy = NULL;
    return true;
}

bool smart_amount_size(const char *text, apr_uint64_t min, apr_uint64_t max,
                       apr_uint64_t *pbytes, const char **pwhy)
{
    const unit_t *unit;
    apr_uint64_t n;

    *pbytes = 0;
    *pwhy = "is not a number of bytes, with K, M or G after it if need be";
    if (!number_read(&text, &n)) {
        return false;
    }
    unit = unit_find(size_units, COUNT(size_units), text);
    if (!unit) {
        return false;
    }
    if (n > max / unit->factor) {
        *pwhy = "is too large";
        return false;
    }
    if (n * unit->factor < min) {
        *pwhy = "is too small";
        return false;
    }
    *pbytes = n * unit->factor;
    *pwhy = NULL;
    return true;
}
