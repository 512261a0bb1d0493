/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match_date.c: dates are ranges in microseconds, and what is said of two
 * ranges has to hold however the one is shifted against the other, within
 * what is not known of their zones.
 */
#include "core/match_date.h"

#define US     APR_INT64_C(1000000)
#define DAY_US (APR_INT64_C(86400) * US)
#define NEVER  (APR_INT64_C(1) << 60) /* after, negative: before all dates */
/* How far zones are apart that two may be in without saying. */
#define UNKNOWN_US (APR_INT64_C(14) * 3600 * US)

/* What is known of the zones of a range. */
typedef enum { ZONE_NONE = 0, ZONE_KNOWN, ZONE_MIXED } zone_e;

/* From low on, up to before high. */
typedef struct range_t {
    apr_int64_t low;
    apr_int64_t high;
    zone_e zone;
} range_t;

typedef enum {
    PREFIX_EQ = 0,
    PREFIX_NE,
    PREFIX_GT,
    PREFIX_LT,
    PREFIX_GE,
    PREFIX_LE,
    PREFIX_SA,
    PREFIX_EB
} prefix_e;

/* ---- one date ---- */

/* A number of so many digits, within limits. */
static bool digits_take(smart_slice_t *rest, apr_size_t count, int min, int max,
                        int *pnumber)
{
    apr_size_t i;

    *pnumber = 0;
    if (rest->len < count) {
        return false;
    }
    for (i = 0; i < count; i++) {
        if (rest->ptr[i] < '0' || rest->ptr[i] > '9') {
            return false;
        }
        *pnumber = *pnumber * 10 + (rest->ptr[i] - '0');
    }
    *rest = smart_slice_n(rest->ptr + count, rest->len - count);
    return *pnumber >= min && *pnumber <= max;
}

static bool byte_take(smart_slice_t *rest, char c)
{
    if (rest->len == 0 || rest->ptr[0] != c) {
        return false;
    }
    *rest = smart_slice_n(rest->ptr + 1, rest->len - 1);
    return true;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

/* Days from the first of year 1 to that of a month; month 13 is the next
 * year's first. */
static apr_int64_t days_before(int year, int month)
{
    const apr_int64_t y = year - 1;
    apr_int64_t days = y * 365 + y / 4 - y / 100 + y / 400;
    int m;

    for (m = 1; m < month; m++) {
        days += month_days(year, m);
    }
    return days;
}

/* ".123": how many microseconds, and how long they last. */
static bool fraction_take(smart_slice_t *rest, apr_int64_t *pus,
                          apr_int64_t *plast)
{
    int digits = 0;
    int digit;

    *pus = 0;
    *plast = US;
    if (!byte_take(rest, '.')) {
        return true;
    }
    while (digits_take(rest, 1, 0, 9, &digit)) {
        if (*plast > 1) {
            *plast /= 10;
            *pus += digit * *plast;
        }
        digits++;
    }
    return digits > 0;
}

static bool zone_take(smart_slice_t *rest, apr_int64_t *poffset)
{
    bool west;
    int hour;
    int minute;

    *poffset = 0;
    if (byte_take(rest, 'Z')) {
        return true;
    }
    west = byte_take(rest, '-');
    if ((!west && !byte_take(rest, '+')) ||
        !digits_take(rest, 2, 0, 14, &hour) || !byte_take(rest, ':') ||
        !digits_take(rest, 2, 0, hour == 14 ? 0 : 59, &minute)) {
        return false;
    }
    *poffset = ((apr_int64_t)hour * 60 + minute) * 60 * US;
    if (west) {
        *poffset = -*poffset;
    }
    return true;
}

/* Behind the "T", up to the end; range is that of the day. */
static bool time_read(smart_slice_t rest, range_t *range)
{
    apr_int64_t us = 0;
    apr_int64_t last = 60 * US;
    apr_int64_t offset;
    int hour;
    int minute;
    int second = 0;

    if (!digits_take(&rest, 2, 0, 23, &hour) || !byte_take(&rest, ':') ||
        !digits_take(&rest, 2, 0, 59, &minute)) {
        return false;
    }
    if (byte_take(&rest, ':') && (!digits_take(&rest, 2, 0, 59, &second) ||
                                  !fraction_take(&rest, &us, &last))) {
        return false;
    }
    if (!zone_take(&rest, &offset) || rest.len > 0) {
        return false;
    }
    range->low +=
        (((apr_int64_t)hour * 60 + minute) * 60 + second) * US + us - offset;
    range->high = range->low + last;
    range->zone = ZONE_KNOWN;
    return true;
}

static void days_set(range_t *range, apr_int64_t first, apr_int64_t next)
{
    range->low = first * DAY_US;
    range->high = next * DAY_US;
    range->zone = ZONE_NONE;
}

static bool date_read(smart_slice_t rest, range_t *range)
{
    apr_int64_t first;
    int year;
    int month;
    int day;

    if (!digits_take(&rest, 4, 1, 9999, &year)) {
        return false;
    }
    days_set(range, days_before(year, 1), days_before(year, 13));
    if (rest.len == 0) {
        return true;
    }
    if (!byte_take(&rest, '-') || !digits_take(&rest, 2, 1, 12, &month)) {
        return false;
    }
    first = days_before(year, month);
    days_set(range, first, first + month_days(year, month));
    if (rest.len == 0) {
        return true;
    }
    if (!byte_take(&rest, '-') ||
        !digits_take(&rest, 2, 1, month_days(year, month), &day)) {
        return false;
    }
    days_set(range, first + day - 1, first + day);
    return rest.len == 0 || (byte_take(&rest, 'T') && time_read(rest, range));
}

/* ---- elements ---- */

static zone_e zones(zone_e a, zone_e b)
{
    return a == b ? a : ZONE_MIXED;
}

/* What is no string is an empty one, and no date. */
static bool text_read(const smart_json_t *value, range_t *range)
{
    smart_slice_t text;

    smart_json_string(value, &text);
    return date_read(text, range);
}

static bool period_read(const smart_json_t *period, range_t *range)
{
    const smart_json_t *start = smart_json_member(period, "start");
    const smart_json_t *end = smart_json_member(period, "end");
    range_t first = {-NEVER, 0, ZONE_NONE};
    range_t last = {0, NEVER, ZONE_NONE};

    if ((start && !text_read(start, &first)) ||
        (end && !text_read(end, &last)) || (!start && !end)) {
        return false;
    }
    range->low = first.low;
    range->high = last.high;
    range->zone = !start ? last.zone
                  : !end ? first.zone
                         : zones(first.zone, last.zone);
    return range->low < range->high;
}

/* From the first event to the last. */
static bool timing_read(const smart_json_t *timing, range_t *range)
{
    const smart_json_t *events = smart_json_member(timing, "event");
    range_t event;
    apr_size_t i;

    for (i = 0; i < smart_json_count(events); i++) {
        if (!text_read(smart_json_item(events, i), &event)) {
            return false;
        }
        if (i == 0) {
            *range = event;
        }
        range->low = event.low < range->low ? event.low : range->low;
        range->high = event.high > range->high ? event.high : range->high;
        range->zone = zones(range->zone, event.zone);
    }
    return i > 0 && !smart_json_member(timing, "repeat");
}

static bool element_read(const smart_json_t *element, range_t *range)
{
    switch (smart_json_kind(element)) {
    case SMART_JSON_STRING:
        return text_read(element, range);
    case SMART_JSON_OBJECT:
        return smart_json_member(element, "event")
                   ? timing_read(element, range)
                   : period_read(element, range);
    case SMART_JSON_ABSENT:
    case SMART_JSON_NULL:
    case SMART_JSON_BOOLEAN:
    case SMART_JSON_NUMBER:
    case SMART_JSON_ARRAY:
        break;
    }
    return false;
}

/* ---- comparing ---- */

/* EQ when there is none. */
static prefix_e prefix_take(smart_slice_t *rest)
{
    static const char names[][3] = {"eq", "ne", "gt", "lt",
                                    "ge", "le", "sa", "eb"};
    unsigned i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (rest->len > 2 && memcmp(rest->ptr, names[i], 2) == 0) {
            *rest = smart_slice_n(rest->ptr + 2, rest->len - 2);
            return (prefix_e)i;
        }
    }
    return PREFIX_EQ;
}

/* How far the element may be shifted against the value, which is never MIXED,
 * either way. */
static apr_int64_t doubt(const range_t *v, const range_t *e)
{
    return v->zone == e->zone ? 0 : UNKNOWN_US;
}

/* Each of these for every shift s of the element, -d <= s <= d. In the value
 * it is for v->low - e->low <= s <= v->high - e->high. */

static bool never_within(const range_t *v, const range_t *e, apr_int64_t d)
{
    const apr_int64_t from = v->low - e->low;
    const apr_int64_t to = v->high - e->high;

    return from > to || from > d || to < -d;
}

static bool reaches_after(const range_t *v, const range_t *e, apr_int64_t d)
{
    return e->high - d > v->high;
}

static bool reaches_before(const range_t *v, const range_t *e, apr_int64_t d)
{
    return e->low + d < v->low;
}

static bool fits(const range_t *v, const range_t *e)
{
    return v->low - e->low <= v->high - e->high;
}

static bool holds(prefix_e prefix, const range_t *v, const range_t *e)
{
    const apr_int64_t d = doubt(v, e);

    switch (prefix) {
    case PREFIX_EQ:
        return v->low <= e->low - d && e->high + d <= v->high;
    case PREFIX_NE:
        return never_within(v, e, d);
    case PREFIX_GT:
        return reaches_after(v, e, d);
    case PREFIX_LT:
        return reaches_before(v, e, d);
    case PREFIX_GE:
        /* In the value or, shifted more, after it. */
        return fits(v, e) ? v->low <= e->low - d : reaches_after(v, e, d);
    case PREFIX_LE:
        return fits(v, e) ? e->high + d <= v->high : reaches_before(v, e, d);
    case PREFIX_SA:
        return e->low - d >= v->high;
    case PREFIX_EB:
        return e->high + d <= v->low;
    }
    return false;
}

bool smart_match_date(smart_slice_t value, const smart_json_t *element)
{
    const prefix_e prefix = prefix_take(&value);
    range_t v;
    range_t e;

    return date_read(value, &v) && element_read(element, &e) &&
           holds(prefix, &v, &e);
}
