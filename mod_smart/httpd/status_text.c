/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_text.c: the same numbers in four notations.
 *
 * Names: a count is what smart_count_name says, in each notation by its own
 * habits: "cache_hits", smart_cache_hits_total, SmartCacheHits. Decisions are
 * one metric with a label, so that they can be added up.
 *
 * Prometheus' rules that are kept: HELP and TYPE once and before a metric's
 * samples, which stand together; counters end in _total; base units (seconds,
 * bytes); buckets are cumulative and the last one, +Inf, is the count.
 */
#include "httpd/status.h"

#include <stddef.h>

#include <http_protocol.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "mod_smart.h"

#define U64 APR_UINT64_T_FMT

static const char *const class_name[SMART_CACHE_CLASSES] = {
    [SMART_CACHE_INACTIVE] = "inactive",
    [SMART_CACHE_ACTIVE] = "active",
};

/* By smart_count_e, as far as they are metrics of their own. */
static const char *const help[] = {
    [SMART_COUNT_HIT] = "Tokens found in the cache.",
    [SMART_COUNT_NEGATIVE] = "Tokens found in the cache as inactive.",
    [SMART_COUNT_STALE] = "Misses answered with a record past its time.",
    [SMART_COUNT_MISS] = "Tokens not found in the cache.",
    [SMART_COUNT_INTROSPECTION] = "Questions to authorization servers.",
    [SMART_COUNT_REFRESH] = "Questions ahead of expiry.",
    [SMART_COUNT_FAILURE] = "Questions without a usable answer.",
    [SMART_COUNT_REFUSED] =
        "Questions whose answer was that we are not accepted.",
    [SMART_COUNT_UNPROVEN] = "Answers that do not prove a token active.",
    [SMART_COUNT_TOO_LARGE] = "Answers too large for the cache.",
    [SMART_COUNT_WAIT] = "Misses that had the answer of another request.",
    [SMART_COUNT_BREAKER] = "Questions not asked, a breaker was open.",
    [SMART_COUNT_PERMIT_TIMEOUT] =
        "Questions not asked, too many were under way.",
    [SMART_COUNT_AUDIT] = "Lines written to audit logs.",
    [SMART_COUNT_AUDIT_LOST] = "Lines that no audit log took.",
    [SMART_COUNT_SHARED_HIT] = "Tokens found in the shared cache.",
    [SMART_COUNT_SHARED_MISS] = "Tokens not found there.",
    [SMART_COUNT_SHARED_FAILURE] =
        "Calls to the shared cache that failed or took too long.",
    [SMART_COUNT_SHARED_TAMPERED] =
        "Values in the shared cache that are not ours.",
};

_Static_assert(sizeof(help) / sizeof(help[0]) == SMART_COUNT_PERMITTED,
               "the rest are decisions");

const char *smart_status_state_name(smart_breaker_state_e state)
{
    switch (state) {
    case SMART_BREAKER_IS_CLOSED:
        return "closed";
    case SMART_BREAKER_IS_OPEN:
        break;
    case SMART_BREAKER_IS_HALF_OPEN:
        return "half-open";
    }
    return "open";
}

const char *smart_status_tally_name(unsigned what)
{
    switch (what) {
    case SMART_TALLY_PERMITTED:
        return "permit";
    case SMART_TALLY_PUBLIC:
        return "public";
    default:
        return smart_reason_row((smart_reason_e)(what - SMART_TALLY_DENIED))
            ->name;
    }
}

apr_uint64_t smart_status_permitted(const smart_sums_t *sums)
{
    return sums->count[SMART_COUNT_PERMITTED] + sums->count[SMART_COUNT_PUBLIC];
}

apr_uint64_t smart_status_hits(const smart_sums_t *sums)
{
    return sums->count[SMART_COUNT_HIT] + sums->count[SMART_COUNT_NEGATIVE];
}

apr_uint64_t smart_status_denied(const smart_sums_t *sums)
{
    apr_uint64_t n = 0;
    unsigned i;

    for (i = SMART_COUNT_DENIED_FORM; i < SMART_COUNT_COUNT; i++) {
        n += sums->count[i];
    }
    return n;
}

/* Between quotes, as JSON and Prometheus both have it. */
static const char *quoted(const char *text, apr_pool_t *p)
{
    char *out = apr_palloc(p, 2 * strlen(text) + 1);
    char *to = out;

    for (; *text; text++) {
        if (*text < 0x20 || *text > 0x7e) {
            *to++ = '?'; /* in no name of a host */
            continue;
        }
        if (*text == '"' || *text == '\\') {
            *to++ = '\\';
        }
        *to++ = *text;
    }
    *to = '\0';
    return out;
}

/* Whether a base is to be shown: the one of all else only when there is
   something. */
static bool is_shown(const smart_status_base_t *base)
{
    unsigned i;

    for (i = 0; i < SMART_TALLY_COUNTS && !*base->path; i++) {
        if (base->sums->count[i]) {
            return true;
        }
    }
    return *base->path != '\0';
}

static apr_uint64_t latency_count(const smart_status_t *status)
{
    apr_uint64_t n = 0;
    unsigned i;

    for (i = 0; i < SMART_LATENCY_BUCKETS; i++) {
        n += status->sums.latency[i];
    }
    return n;
}

/* Seconds, exactly. */
static const char *seconds(apr_uint64_t us, apr_pool_t *p)
{
    return apr_psprintf(p, "%" U64 ".%06u", us / 1000000,
                        (unsigned)(us % 1000000));
}

/* Upper bound of a bucket; NULL: there is none. */
static const char *bound(unsigned i, apr_pool_t *p)
{
    return i == SMART_LATENCY_BUCKETS - 1
               ? NULL
               : seconds((apr_uint64_t)SMART_LATENCY_FIRST_US << i, p);
}

static int open_breakers(const smart_status_t *status)
{
    int n = 0;
    int i;

    for (i = 0; i < status->breaker_count; i++) {
        n += status->breakers[i].view.state != SMART_BREAKER_IS_CLOSED;
    }
    return n;
}

/* ---- the numbers of a class of the cache ---- */

typedef struct class_number_t {
    const char *name; /* for machines; a counter ends in _total */
    const char *help;
    apr_size_t offset; /* in smart_cache_stats_t */
} class_number_t;

#define NUMBER(name, member, help)                                             \
    {                                                                          \
        name, help, offsetof(smart_cache_stats_t, member)                      \
    }
static const class_number_t class_number[] = {
    NUMBER("entries", entries, "Records in the cache."),
    NUMBER("used_bytes", bytes_used, "Bytes these take."),
    NUMBER("size_bytes", bytes, "Bytes there are for them."),
    NUMBER("stored_total", stored, "Records stored."),
    NUMBER("evictions_expired_total", dropped_expired,
           "Expired records that made room."),
    NUMBER("evictions_live_total", dropped_live,
           "Records that made room while they were still good."),
    NUMBER("locks_taken_over_total", stolen,
           "Locks taken from processes that had died or stopped."),
};
#define CLASS_NUMBERS (sizeof(class_number) / sizeof(class_number[0]))

static apr_uint64_t class_value(const smart_status_t *status, unsigned class,
                                const class_number_t *number)
{
    apr_uint64_t value;

    memcpy(&value, (const char *)&status->cache[class] + number->offset,
           sizeof(value));
    return value;
}

/* ---- JSON ---- */

static void json_counts(request_rec *r, const smart_sums_t *sums,
                        const char *name, unsigned from, unsigned to)
{
    unsigned i;

    ap_rprintf(r, ",\n  \"%s\": {", name);
    for (i = from; i < to; i++) {
        ap_rprintf(r, "%s\n    \"%s\": %" U64, i > from ? "," : "",
                   smart_count_name((smart_count_e)i), sums->count[i]);
    }
    ap_rputs("\n  }", r);
}

static void json_latency(request_rec *r, const smart_status_t *status)
{
    unsigned i;

    ap_rprintf(r,
               ",\n  \"introspection_seconds\": {\n"
               "    \"count\": %" U64 ",\n    \"sum\": %s,\n"
               "    \"up_to\": [",
               latency_count(status),
               seconds(status->sums.latency_us, r->pool));
    for (i = 0; i < SMART_LATENCY_BUCKETS; i++) {
        const char *le = bound(i, r->pool);

        ap_rprintf(r, "%s\n      [%s, %" U64 "]", i ? "," : "",
                   le ? le : "null", status->sums.latency[i]);
    }
    ap_rputs("\n    ]\n  }", r);
}

static void json_cache(request_rec *r, const smart_status_t *status)
{
    unsigned class;
    unsigned i;

    ap_rputs(",\n  \"cache\": {", r);
    for (class = 0; class < SMART_CACHE_CLASSES; class ++) {
        ap_rprintf(r, "%s\n    \"%s\": {", class ? "," : "", class_name[class]);
        for (i = 0; i < CLASS_NUMBERS; i++) {
            const class_number_t *number = &class_number[i];
            const char *total = strstr(number->name, "_total");

            ap_rprintf(r, "%s\n      \"%.*s\": %" U64, i ? "," : "",
                       total ? (int)(total - number->name)
                             : (int)strlen(number->name),
                       number->name, class_value(status, class, number));
        }
        ap_rputs("\n    }", r);
    }
    ap_rputs("\n  }", r);
}

static void json_breakers(request_rec *r, const smart_status_t *status)
{
    int i;

    ap_rputs(",\n  \"breakers\": [", r);
    for (i = 0; i < status->breaker_count; i++) {
        const smart_status_breaker_t *one = &status->breakers[i];

        ap_rprintf(
            r,
            "%s\n    {\"endpoint\": \"%s\", \"id\": \"%016" APR_UINT64_T_HEX_FMT
            "\", \"state\": \"%s\", "
            "\"failures\": %u, \"openings\": %" U64 ", \"answers\": %" U64
            ", \"failed\": %" U64 ", \"pace_seconds\": %s}",
            i ? "," : "", quoted(one->host, r->pool), one->view.id,
            smart_status_state_name(one->view.state), one->view.failures,
            one->view.openings, one->view.answers, one->view.failed,
            seconds(one->view.pace_us, r->pool));
    }
    ap_rputs("\n  ]", r);
}

static void json_bases(request_rec *r, const smart_status_t *status)
{
    const char *comma = "";
    int i;

    ap_rputs(",\n  \"bases\": [", r);
    for (i = 0; i < status->base_count; i++) {
        const smart_status_base_t *base = &status->bases[i];
        unsigned what;

        if (!is_shown(base)) {
            continue;
        }
        ap_rprintf(r,
                   "%s\n    {\"host\": \"%s\", \"base\": \"%s\", "
                   "\"mode\": \"%s\", \"decisions\": {",
                   comma, quoted(base->host, r->pool),
                   quoted(base->path, r->pool),
                   base->report ? "report" : "enforce");
        comma = "";
        for (what = 0; what < SMART_TALLY_DENIED + SMART_REASON_COUNT; what++) {
            if (what < SMART_TALLY_DENIED || base->sums->count[what]) {
                ap_rprintf(r, "%s\"%s\": %" U64, comma,
                           smart_status_tally_name(what),
                           base->sums->count[what]);
                comma = ", ";
            }
        }
        ap_rputs("}}", r);
        comma = ",";
    }
    ap_rputs("\n  ]", r);
}

/* Minutes of which nothing is known are left out. */
static void json_hour(request_rec *r, const smart_status_t *status)
{
    const char *comma = "";
    int i;

    ap_rputs(",\n  \"hour\": [", r);
    for (i = 0; i < (int)SMART_HOUR_MINUTES; i++) {
        const smart_minute_t *m = &status->hour[i];
        const smart_sums_t *sums = &m->sums;
        const apr_int64_t p95 = smart_latency_quantile(sums->latency, 95);

        if (!m->known) {
            continue;
        }
        ap_rprintf(r,
                   "%s\n    {\"begin\": %" APR_TIME_T_FMT
                   ", \"permitted\": %" U64 ", \"denied\": %" U64
                   ", \"hits\": %" U64 ", \"misses\": %" U64
                   ", \"introspections\": %" U64 ", \"failures\": %" U64
                   ", \"p95_seconds\": %s}",
                   comma, apr_time_sec(m->begin), smart_status_permitted(sums),
                   smart_status_denied(sums), smart_status_hits(sums),
                   sums->count[SMART_COUNT_MISS],
                   sums->count[SMART_COUNT_INTROSPECTION],
                   sums->count[SMART_COUNT_FAILURE],
                   p95 < 0 ? "null" : seconds((apr_uint64_t)p95, r->pool));
        comma = ",";
    }
    ap_rputs("\n  ]", r);
}

void smart_status_write_json(request_rec *r, const smart_status_t *status)
{
    ap_rputs("{\n  \"version\": \"" MOD_SMART_VERSION "\"", r);
    json_counts(r, &status->sums, "counts", 0, SMART_COUNT_PERMITTED);
    json_counts(r, &status->sums, "decisions", SMART_COUNT_PERMITTED,
                SMART_COUNT_COUNT);
    json_latency(r, status);
    json_cache(r, status);
    json_breakers(r, status);
    json_bases(r, status);
    json_hour(r, status);
    ap_rprintf(r, ",\n  \"permits\": {\"held\": %u, \"limit\": %u}\n}\n",
               status->held, status->limit);
}

/* ---- Prometheus ---- */

static void metric(request_rec *r, const char *name, const char *type,
                   const char *text)
{
    ap_rprintf(r, "# HELP smart_%s %s\n# TYPE smart_%s %s\n", name, text, name,
               type);
}

static void prometheus_counts(request_rec *r, const smart_sums_t *sums)
{
    unsigned i;

    for (i = 0; i < SMART_COUNT_PERMITTED; i++) {
        const char *name = apr_pstrcat(
            r->pool, smart_count_name((smart_count_e)i), "_total", NULL);

        metric(r, name, "counter", help[i]);
        ap_rprintf(r, "smart_%s %" U64 "\n", name, sums->count[i]);
    }
    metric(r, "decisions_total", "counter", "Requests by what became of them.");
    for (; i < SMART_COUNT_COUNT; i++) {
        ap_rprintf(r, "smart_decisions_total{decision=\"%s\"} %" U64 "\n",
                   smart_count_name((smart_count_e)i), sums->count[i]);
    }
}

static void prometheus_latency(request_rec *r, const smart_status_t *status)
{
    apr_uint64_t n = 0;
    unsigned i;

    metric(r, "introspection_duration_seconds", "histogram",
           "How long questions to authorization servers took.");
    for (i = 0; i < SMART_LATENCY_BUCKETS; i++) {
        const char *le = bound(i, r->pool);

        n += status->sums.latency[i];
        ap_rprintf(r,
                   "smart_introspection_duration_seconds_bucket{le=\"%s\"} "
                   "%" U64 "\n",
                   le ? le : "+Inf", n);
    }
    ap_rprintf(r,
               "smart_introspection_duration_seconds_sum %s\n"
               "smart_introspection_duration_seconds_count %" U64 "\n",
               seconds(status->sums.latency_us, r->pool), n);
}

static void prometheus_cache(request_rec *r, const smart_status_t *status)
{
    unsigned class;
    unsigned i;

    for (i = 0; i < CLASS_NUMBERS; i++) {
        const class_number_t *number = &class_number[i];

        metric(r, apr_pstrcat(r->pool, "cache_", number->name, NULL),
               strstr(number->name, "_total") ? "counter" : "gauge",
               number->help);
        for (class = 0; class < SMART_CACHE_CLASSES; class ++) {
            ap_rprintf(r, "smart_cache_%s{class=\"%s\"} %" U64 "\n",
                       number->name, class_name[class],
                       class_value(status, class, number));
        }
    }
}

static void breaker_sample(request_rec *r, const smart_status_breaker_t *one,
                           const char *name, apr_uint64_t value)
{
    ap_rprintf(r,
               "smart_breaker_%s{endpoint=\"%s\",id=\"%016" APR_UINT64_T_HEX_FMT
               "\"} %" U64 "\n",
               name, quoted(one->host, r->pool), one->view.id, value);
}

static void prometheus_breakers(request_rec *r, const smart_status_t *status)
{
    int i;

    metric(r, "breaker_state", "gauge",
           "Whether an endpoint is asked: 0 closed (it is), 1 open, 2 half "
           "open.");
    for (i = 0; i < status->breaker_count; i++) {
        breaker_sample(r, &status->breakers[i], "state",
                       status->breakers[i].view.state);
    }
    metric(r, "breaker_failures", "gauge", "Failures in a row.");
    for (i = 0; i < status->breaker_count; i++) {
        breaker_sample(r, &status->breakers[i], "failures",
                       status->breakers[i].view.failures);
    }
    metric(r, "breaker_openings_total", "counter", "How often it opened.");
    for (i = 0; i < status->breaker_count; i++) {
        breaker_sample(r, &status->breakers[i], "openings_total",
                       status->breakers[i].view.openings);
    }
}

static void prometheus_pace(request_rec *r, const smart_status_t *status)
{
    int i;

    metric(r, "breaker_answers_total", "counter", "Questions answered.");
    for (i = 0; i < status->breaker_count; i++) {
        breaker_sample(r, &status->breakers[i], "answers_total",
                       status->breakers[i].view.answers);
    }
    metric(r, "breaker_failed_total", "counter", "Questions not answered.");
    for (i = 0; i < status->breaker_count; i++) {
        breaker_sample(r, &status->breakers[i], "failed_total",
                       status->breakers[i].view.failed);
    }
}

static void prometheus_bases(request_rec *r, const smart_status_t *status)
{
    unsigned what;
    int i;

    metric(r, "base_decisions_total", "counter",
           "Requests by FHIR base and what became of them.");
    for (i = 0; i < status->base_count; i++) {
        const smart_status_base_t *base = &status->bases[i];

        for (what = 0; what < SMART_TALLY_DENIED + SMART_REASON_COUNT; what++) {
            if (is_shown(base) &&
                (what < SMART_TALLY_DENIED || base->sums->count[what])) {
                ap_rprintf(
                    r,
                    "smart_base_decisions_total{host=\"%s\","
                    "base=\"%s\",decision=\"%s\"} %" U64 "\n",
                    quoted(base->host, r->pool), quoted(base->path, r->pool),
                    smart_status_tally_name(what), base->sums->count[what]);
            }
        }
    }
}

void smart_status_write_prometheus(request_rec *r, const smart_status_t *status)
{
    metric(r, "build_info", "gauge", "Always 1; what it is of is the label.");
    ap_rputs("smart_build_info{version=\"" MOD_SMART_VERSION "\"} 1\n", r);
    prometheus_counts(r, &status->sums);
    prometheus_latency(r, status);
    prometheus_cache(r, status);
    prometheus_breakers(r, status);
    prometheus_pace(r, status);
    prometheus_bases(r, status);
    metric(r, "permits_held", "gauge", "Questions under way.");
    ap_rprintf(r, "smart_permits_held %u\n", status->held);
    metric(r, "permits_limit", "gauge", "Most that may be.");
    ap_rprintf(r, "smart_permits_limit %u\n", status->limit);
}

/* ---- mod_status ---- */

/* "Smart" and the name's words: SmartCacheHits. */
static const char *camel(const char *name, apr_pool_t *p)
{
    char *out = apr_pstrcat(p, "Smart_", name, NULL);
    char *to = out;
    const char *from;

    for (from = out; *from; from++) {
        if (*from == '_' && from[1]) {
            *to++ = (char)apr_toupper(*++from);
        }
        else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return out;
}

typedef void write_number_fn(request_rec *r, const char *name,
                             apr_uint64_t value);

/* All numbers that mod_status shows, in one order. */
static void each_number(request_rec *r, const smart_status_t *status,
                        write_number_fn *write)
{
    const smart_cache_stats_t *active = &status->cache[SMART_CACHE_ACTIVE];
    const smart_cache_stats_t *inactive = &status->cache[SMART_CACHE_INACTIVE];
    unsigned i;

    for (i = 0; i < SMART_COUNT_COUNT; i++) {
        write(r, smart_count_name((smart_count_e)i), status->sums.count[i]);
    }
    write(r, "introspection_microseconds", status->sums.latency_us);
    write(r, "cache_entries", active->entries);
    write(r, "cache_inactive_entries", inactive->entries);
    write(r, "cache_bytes_used", active->bytes_used + inactive->bytes_used);
    write(r, "cache_bytes", active->bytes + inactive->bytes);
    write(r, "cache_evictions",
          active->dropped_expired + inactive->dropped_expired +
              active->dropped_live + inactive->dropped_live);
    write(r, "cache_evictions_live",
          active->dropped_live + inactive->dropped_live);
    write(r, "breakers_open", (apr_uint64_t)open_breakers(status));
    write(r, "permits_held", status->held);
    write(r, "permits_limit", status->limit);
}

static void write_line(request_rec *r, const char *name, apr_uint64_t value)
{
    ap_rprintf(r, "%s: %" U64 "\n", camel(name, r->pool), value);
}

static void write_row(request_rec *r, const char *name, apr_uint64_t value)
{
    ap_rprintf(r, "<tr><td>%s</td><td align=\"right\">%" U64 "</td></tr>\n",
               name, value);
}

static void write_item(request_rec *r, const char *name, apr_uint64_t value)
{
    ap_rprintf(r, "<dt>%s: %" U64 "</dt>\n", name, value);
}

void smart_status_write_lines(request_rec *r, const smart_status_t *status)
{
    ap_rputs("SmartVersion: " MOD_SMART_VERSION "\n", r);
    each_number(r, status, write_line);
}

void smart_status_write_html(request_rec *r, const smart_status_t *status,
                             bool table)
{
    int i;

    ap_rputs("<hr />\n<h2>mod_smart " MOD_SMART_VERSION "</h2>\n<dl>\n", r);
    for (i = 0; i < status->breaker_count; i++) {
        const smart_status_breaker_t *one = &status->breakers[i];

        ap_rprintf(r,
                   "<dt>Breaker of %s (%016" APR_UINT64_T_HEX_FMT
                   "): %s, opened %" U64 " times</dt>\n",
                   *one->host ? one->host : "a former endpoint", one->view.id,
                   smart_status_state_name(one->view.state),
                   one->view.openings);
    }
    ap_rputs(table ? "</dl>\n<table border=\"0\">\n" : "", r);
    each_number(r, status, table ? write_row : write_item);
    ap_rputs(table ? "</table>\n" : "</dl>\n", r);
}
