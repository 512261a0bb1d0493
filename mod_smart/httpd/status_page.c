/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_page.c: the numbers for a person with a browser: what is going on, the
 * last hour, each authorization server, each FHIR base, the cache, and the
 * configuration in force.
 *
 * One answer is all there is: no script, no font, no picture, nothing from
 * elsewhere; the policy in its headers holds it to that. Light or dark as the
 * reader has it, in one column on a telephone.
 */
#include "httpd/status.h"
#include "httpd/config.h"
#include "httpd/status_plot.h"

#include <http_main.h>
#include <http_protocol.h>

#include <apr_base64.h>
#include <apr_strings.h>

#include "io/digest.h"
#include "mod_smart.h"

#define U64 APR_UINT64_T_FMT

/* Permitted in the headers by its digest. */
static const char css[] =
    ":root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--text:#1c2330;"
    "--soft:#566072;--rule:#dde1e8;--a:#2458c5;--b:#b4480f;--ok:#1b7a43;"
    "--bad:#b3261e;--warn:#8a5a00}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#11151c;--card:#1a202a;"
    "--text:#e4e8ef;--soft:#9aa5b5;--rule:#2e3745;--a:#86aaff;--b:#ffa066;"
    "--ok:#6fd095;--bad:#ff8f85;--warn:#f0c060}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--bg);color:var(--text);"
    "font:16px/1.5 system-ui,sans-serif}\n"
    "header,main{max-width:70rem;margin:0 auto;padding:0 1rem}\n"
    "header{padding-top:1.5rem}\n"
    "main{padding-bottom:3rem}\n"
    "h1{font-size:1.5rem;margin:0}\n"
    "h1 small,.soft,dt,th,figcaption,.legend{color:var(--soft)}\n"
    "h1 small{font-size:1rem;font-weight:400}\n"
    "h2{font-size:1.1rem;margin:2rem 0 .6rem}\n"
    "h3{font-size:1rem;margin:0 0 .5rem;overflow-wrap:anywhere}\n"
    "p{margin:.3rem 0}\n"
    "a{color:var(--a)}\n"
    ".verdict{margin:1rem 0 .4rem;padding:.6rem .9rem;background:var(--card);"
    "border-left:.35rem solid;border-radius:.3rem;font-weight:600}\n"
    ".ok{color:var(--ok)}.bad{color:var(--bad)}.warn{color:var(--warn)}\n"
    ".cards{display:grid;gap:.8rem;margin:1rem 0;"
    "grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr))}\n"
    ".cards div,figure,.box{background:var(--card);border:1px solid "
    "var(--rule);border-radius:.5rem;padding:.8rem .9rem}\n"
    "dt{font-size:.85rem}\n"
    "dd{margin:0;font-size:1.35rem;font-weight:600;"
    "font-variant-numeric:tabular-nums}\n"
    "dd small{display:block;font-size:.8rem;font-weight:400;"
    "color:var(--soft)}\n"
    ".plots{display:grid;gap:.8rem;margin-bottom:.8rem;"
    "grid-template-columns:repeat(auto-fit,minmax(min(100%,19rem),1fr))}\n"
    "figure{margin:0}\n"
    "figcaption{font-weight:600}\n"
    "svg{display:block;width:100%;height:auto}\n"
    "svg text{font-size:10px;fill:var(--soft)}\n"
    ".y{text-anchor:end}.x{text-anchor:middle}\n"
    ".grid{stroke:var(--rule);fill:none}\n"
    ".line{fill:none;stroke-width:1.5}\n"
    ".a{fill:var(--a);stroke:var(--a)}.b{fill:var(--b);stroke:var(--b)}\n"
    ".line{fill:none}rect.mark{stroke:none}\n"
    ".legend{font-size:.85rem}\n"
    ".desc{display:block}\n"
    ".key{margin-right:.6rem;color:var(--text)}\n"
    ".key::before{content:\"\";display:inline-block;width:.7rem;height:.7rem;"
    "margin-right:.3rem;border-radius:.15rem;background:var(--a)}\n"
    ".key.b::before{background:var(--b)}\n"
    ".box{margin:0 0 .8rem}\n"
    ".scroll{overflow-x:auto}\n"
    "table{border-collapse:collapse;width:100%;font-size:.95rem}\n"
    "th,td{padding:.3rem .8rem .3rem 0;text-align:left;vertical-align:top;"
    "border-bottom:1px solid var(--rule)}\n"
    "th{font-weight:600;font-size:.85rem}\n"
    "tr:last-child>td{border-bottom:0}\n"
    ".n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "\n"
    ".share{width:5rem;height:.5rem;margin-top:.5rem}\n"
    ".badge{font-size:.8rem;font-weight:600}\n"
    "pre{margin:.6rem 0 0;font:.8rem/1.45 ui-monospace,monospace;"
    "overflow-x:auto}\n"
    "summary{cursor:pointer;font-weight:600}\n"
    "@media(max-width:40rem){.told{display:none}td{white-space:nowrap}}\n";

void smart_status_page_headers(request_rec *r)
{
    unsigned char digest[SMART_DIGEST_LEN];
    char text[2 * SMART_DIGEST_LEN];
    const char *style = "'none'";

    if (smart_digest_sha256(smart_slice_n(css, sizeof(css) - 1), digest) ==
        APR_SUCCESS) {
        apr_base64_encode_binary(text, digest, sizeof(digest));
        style = apr_pstrcat(r->pool, "'sha256-", text, "'", NULL);
    }
    apr_table_setn(
        r->headers_out, "Content-Security-Policy",
        apr_pstrcat(r->pool, "default-src 'none'; style-src ", style,
                    "; img-src data:; base-uri 'none'; form-action 'none'; "
                    "frame-ancestors 'none'",
                    NULL));
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    apr_table_setn(r->headers_out, "Referrer-Policy", "no-referrer");
}

/* ---- words and numbers ---- */

static const char *text(const request_rec *r, const char *plain)
{
    return ap_escape_html(r->pool, plain);
}

/* In groups of three, as people read them. */
static const char *grouped(apr_uint64_t n, apr_pool_t *p)
{
    return n < 10000 ? apr_psprintf(p, "%" U64, n)
           : n < 1000000
               ? apr_psprintf(p, "%" U64 "\xe2\x80\xaf%03u", n / 1000,
                              (unsigned)(n % 1000))
               : apr_psprintf(p, "%" U64 "\xe2\x80\xaf%03u\xe2\x80\xaf%03u",
                              n / 1000000, (unsigned)(n / 1000 % 1000),
                              (unsigned)(n % 1000));
}

static const char *duration(apr_int64_t us, apr_pool_t *p)
{
    return us < 0         ? "\xe2\x80\x93"
           : us < 10000   ? apr_psprintf(p, "%.1f ms", (double)us / 1e3)
           : us < 1000000 ? apr_psprintf(p, "%.0f ms", (double)us / 1e3)
                          : apr_psprintf(p, "%.1f s", (double)us / 1e6);
}

/* Of 100; below 0: there is nothing to be a part of. */
static double percent(apr_uint64_t part, apr_uint64_t all)
{
    return all ? 100.0 * (double)part / (double)all : -1;
}

static const char *percent_text(double value, apr_pool_t *p)
{
    return value < 0 ? "\xe2\x80\x93" : apr_psprintf(p, "%.1f %%", value);
}

static const char *bytes_text(apr_uint64_t n, apr_pool_t *p)
{
    return n < (apr_uint64_t)1 << 20
               ? apr_psprintf(p, "%.0f KiB", (double)n / 1024)
               : apr_psprintf(p, "%.1f MiB", (double)n / 1024 / 1024);
}

static const char *time_text(apr_time_t t, const char *form, apr_pool_t *p)
{
    apr_time_exp_t exp;
    apr_size_t len;
    char out[64];

    return apr_time_exp_lt(&exp, t) == APR_SUCCESS &&
                   apr_strftime(out, &len, sizeof(out), form, &exp) ==
                       APR_SUCCESS
               ? apr_pstrdup(p, out)
               : "";
}

/* Whole: how a token was looked for. */
static apr_uint64_t lookups(const smart_sums_t *sums)
{
    return smart_status_hits(sums) + sums->count[SMART_COUNT_MISS];
}

static void add(smart_sums_t *to, const smart_sums_t *one)
{
    unsigned i;

    for (i = 0; i < SMART_COUNT_COUNT; i++) {
        to->count[i] += one->count[i];
    }
    for (i = 0; i < SMART_LATENCY_BUCKETS; i++) {
        to->latency[i] += one->latency[i];
    }
    to->latency_us += one->latency_us;
}

static void sum_hour(const smart_status_t *status, smart_sums_t *sums)
{
    unsigned i;

    memset(sums, 0, sizeof(*sums));
    for (i = 0; i < SMART_HOUR_MINUTES; i++) {
        add(sums, &status->hour[i].sums);
    }
}

/* ---- the verdict ---- */

static void verdict(request_rec *r, const char *class, const char *words)
{
    ap_rvputs(r, "<p class=\"verdict ", class, "\">", words, "</p>\n", NULL);
}

static void write_servers_verdict(request_rec *r, const smart_status_t *status)
{
    int all = 0;
    int out = 0;
    int shaky = 0;
    int asked = 0;
    int i;

    for (i = 0; i < status->breaker_count; i++) {
        const smart_status_breaker_t *one = &status->breakers[i];

        all += *one->host != '\0';
        out += *one->host && one->view.state != SMART_BREAKER_IS_CLOSED;
        shaky += *one->host && one->view.failures > 0;
        asked += *one->host && one->view.answers > 0;
    }
    if (out > 0) {
        verdict(r, "bad",
                apr_psprintf(r->pool, "Not answering: %d of %d servers.", out,
                             all));
    }
    else if (shaky > 0) {
        verdict(r, "warn", "The last question to a server was not answered.");
    }
    else if (asked == 0) {
        verdict(r, "ok", "No authorization server was asked yet.");
    }
    else {
        verdict(r, "ok",
                all == 1 ? "The authorization server answers."
                         : apr_psprintf(r->pool,
                                        "%d of %d servers answer, none fails.",
                                        asked, all));
    }
}

static void write_verdicts(request_rec *r, const smart_status_t *status)
{
    int i;

    write_servers_verdict(r, status);
    for (i = 0; i < status->base_count; i++) {
        if (status->bases[i].report) {
            verdict(r, "warn",
                    apr_pstrcat(r->pool, "Report mode: nothing is enforced at ",
                                text(r, status->bases[i].host),
                                text(r, status->bases[i].path), NULL));
        }
    }
    if (status->sums.count[SMART_COUNT_AUDIT_LOST] > 0) {
        verdict(r, "warn",
                apr_pstrcat(r->pool,
                            grouped(status->sums.count[SMART_COUNT_AUDIT_LOST],
                                    r->pool),
                            " lines of the audit log were lost.", NULL));
    }
}

/* ---- cards ---- */

static void card(request_rec *r, const char *name, const char *value,
                 const char *more)
{
    ap_rvputs(r, "<div><dt>", name, "</dt><dd>", value, "<small>", more,
              "</small></dd></div>\n", NULL);
}

static void write_cards(request_rec *r, const smart_status_t *status,
                        const smart_sums_t *hour)
{
    const smart_cache_stats_t *active = &status->cache[SMART_CACHE_ACTIVE];
    const apr_uint64_t denied = smart_status_denied(hour);
    apr_pool_t *p = r->pool;

    ap_rputs("<dl class=\"cards\">\n", r);
    card(r, "Requests, last hour",
         grouped(smart_status_permitted(hour) + denied, p),
         apr_pstrcat(p, grouped(denied, p), " refused", NULL));
    card(r, "Hit ratio, last hour",
         percent_text(percent(smart_status_hits(hour), lookups(hour)), p),
         apr_pstrcat(p, grouped(lookups(hour), p), " tokens looked for", NULL));
    card(r, "Introspection, 95 of 100",
         duration(smart_latency_quantile(hour->latency, 95), p),
         apr_pstrcat(p, grouped(hour->count[SMART_COUNT_INTROSPECTION], p),
                     " asked, ", grouped(hour->count[SMART_COUNT_FAILURE], p),
                     " failed, last hour", NULL));
    card(r, "Tokens in the cache", grouped(active->entries, p),
         apr_pstrcat(
             p, percent_text(percent(active->bytes_used, active->bytes), p),
             " of ", bytes_text(active->bytes, p), NULL));
    card(r, "Questions under way", apr_psprintf(p, "%u", status->held),
         apr_psprintf(p, "of %u at most", status->limit));
    ap_rputs("</dl>\n", r);
}

/* ---- the hour ---- */

static void plot_requests(request_rec *r, const smart_status_t *status,
                          const smart_sums_t *hour)
{
    smart_plot_t *plot = apr_pcalloc(r->pool, sizeof(*plot));
    unsigned i;

    plot->id = "requests";
    plot->title = "Requests per minute";
    plot->desc =
        apr_pstrcat(r->pool, grouped(smart_status_permitted(hour), r->pool),
                    " permitted, ", grouped(smart_status_denied(hour), r->pool),
                    " refused in the last hour.", NULL);
    plot->unit = "";
    plot->bars = true;
    plot->hour = status->hour;
    plot->series_count = 2;
    plot->series[0].name = "permitted";
    plot->series[0].class = "a";
    plot->series[1].name = "refused";
    plot->series[1].class = "b";
    for (i = 0; i < SMART_HOUR_MINUTES; i++) {
        const smart_sums_t *sums = &status->hour[i].sums;

        plot->series[0].value[i] = (double)smart_status_permitted(sums);
        plot->series[1].value[i] = (double)smart_status_denied(sums);
    }
    smart_plot_write(r, plot);
}

static void plot_hits(request_rec *r, const smart_status_t *status,
                      const smart_sums_t *hour)
{
    smart_plot_t *plot = apr_pcalloc(r->pool, sizeof(*plot));
    unsigned i;

    plot->id = "hits";
    plot->title = "Hit ratio, percent";
    plot->desc = apr_pstrcat(
        r->pool,
        percent_text(percent(smart_status_hits(hour), lookups(hour)), r->pool),
        " of the tokens looked for in the last hour were in the cache.", NULL);
    plot->unit = " %";
    plot->most = 100;
    plot->hour = status->hour;
    plot->series_count = 1;
    plot->series[0].name = "hit ratio";
    plot->series[0].class = "a";
    for (i = 0; i < SMART_HOUR_MINUTES; i++) {
        const smart_sums_t *sums = &status->hour[i].sums;

        plot->series[0].value[i] =
            percent(smart_status_hits(sums), lookups(sums));
    }
    smart_plot_write(r, plot);
}

static void plot_latency(request_rec *r, const smart_status_t *status,
                         const smart_sums_t *hour)
{
    smart_plot_t *plot = apr_pcalloc(r->pool, sizeof(*plot));
    unsigned i;

    plot->id = "latency";
    plot->title = "Introspection, milliseconds";
    plot->desc = apr_pstrcat(
        r->pool, "Half of the questions of the last hour took at most ",
        duration(smart_latency_quantile(hour->latency, 50), r->pool),
        ", 95 of 100 at most ",
        duration(smart_latency_quantile(hour->latency, 95), r->pool), ".",
        NULL);
    plot->unit = " ms";
    plot->hour = status->hour;
    plot->series_count = 2;
    plot->series[0].name = "half of them";
    plot->series[0].class = "a";
    plot->series[1].name = "95 of 100";
    plot->series[1].class = "b";
    for (i = 0; i < SMART_HOUR_MINUTES; i++) {
        const apr_uint64_t *latency = status->hour[i].sums.latency;
        const apr_int64_t half = smart_latency_quantile(latency, 50);
        const apr_int64_t most = smart_latency_quantile(latency, 95);

        plot->series[0].value[i] = half < 0 ? -1 : (double)half / 1000;
        plot->series[1].value[i] = most < 0 ? -1 : (double)most / 1000;
    }
    smart_plot_write(r, plot);
}

/* The same in figures. */
static void write_minutes(request_rec *r, const smart_status_t *status)
{
    apr_pool_t *p = r->pool;
    unsigned i;

    ap_rputs("<details class=\"box\"><summary>The last hour in figures"
             "</summary>\n<div class=\"scroll\"><table id=\"minutes\">\n"
             "<thead><tr><th scope=\"col\">Minute</th>"
             "<th scope=\"col\" class=\"n\">Permitted</th>"
             "<th scope=\"col\" class=\"n\">Refused</th>"
             "<th scope=\"col\" class=\"n\">Hit ratio</th>"
             "<th scope=\"col\" class=\"n\">Asked</th>"
             "<th scope=\"col\" class=\"n\">Failed</th>"
             "<th scope=\"col\" class=\"n\">Half</th>"
             "<th scope=\"col\" class=\"n\">95 of 100</th></tr></thead>\n"
             "<tbody>\n",
             r);
    for (i = SMART_HOUR_MINUTES; i-- > 0;) {
        const smart_minute_t *m = &status->hour[i];
        const smart_sums_t *sums = &m->sums;

        if (!m->known) {
            continue;
        }
        ap_rvputs(
            r, "<tr><td>", time_text(m->begin, "%H:%M", p),
            "</td><td class=\"n\">", grouped(smart_status_permitted(sums), p),
            "</td><td class=\"n\">", grouped(smart_status_denied(sums), p),
            "</td><td class=\"n\">",
            percent_text(percent(smart_status_hits(sums), lookups(sums)), p),
            "</td><td class=\"n\">",
            grouped(sums->count[SMART_COUNT_INTROSPECTION], p),
            "</td><td class=\"n\">",
            grouped(sums->count[SMART_COUNT_FAILURE], p),
            "</td><td class=\"n\">",
            duration(smart_latency_quantile(sums->latency, 50), p),
            "</td><td class=\"n\">",
            duration(smart_latency_quantile(sums->latency, 95), p),
            "</td></tr>\n", NULL);
    }
    ap_rputs("</tbody></table></div></details>\n", r);
}

static void write_hour(request_rec *r, const smart_status_t *status,
                       const smart_sums_t *hour)
{
    ap_rputs("<section>\n<h2>The last hour</h2>\n<div class=\"plots\">\n", r);
    plot_requests(r, status, hour);
    plot_hits(r, status, hour);
    plot_latency(r, status, hour);
    ap_rputs("</div>\n", r);
    write_minutes(r, status);
    ap_rputs("</section>\n", r);
}

/* ---- servers ---- */

static const char *state_class(const smart_breaker_view_t *view)
{
    return view->state != SMART_BREAKER_IS_CLOSED ? "bad"
           : view->failures > 0                   ? "warn"
                                                  : "ok";
}

static const char *state_text(const smart_breaker_view_t *view)
{
    switch (view->state) {
    case SMART_BREAKER_IS_CLOSED:
        return view->failures > 0 ? "failed just now"
               : view->answers    ? "answers"
                                  : "not asked yet";
    case SMART_BREAKER_IS_OPEN:
        break;
    case SMART_BREAKER_IS_HALF_OPEN:
        return "does not answer, being tried";
    }
    return "does not answer";
}

static void write_server(request_rec *r, const smart_status_breaker_t *one)
{
    const smart_breaker_view_t *view = &one->view;
    apr_pool_t *p = r->pool;

    ap_rvputs(r, "<tr><td>",
              *one->host ? text(r, one->host) : "a former endpoint",
              "</td><td class=\"", state_class(view), "\">", state_text(view),
              "</td><td>", smart_status_state_name(view->state),
              "</td><td class=\"n\">",
              duration(view->pace_us ? (apr_int64_t)view->pace_us : -1, p),
              "</td><td class=\"n\">", grouped(view->answers, p),
              "</td><td class=\"n\">", grouped(view->failed, p),
              "</td><td class=\"n\">", grouped(view->openings, p),
              "</td><td class=\"n\">",
              view->answer_s
                  ? time_text(apr_time_from_sec(view->answer_s), "%H:%M:%S", p)
                  : "\xe2\x80\x93",
              "</td></tr>\n", NULL);
}

static void write_servers(request_rec *r, const smart_status_t *status)
{
    int i;

    ap_rputs("<section>\n<h2>Authorization servers</h2>\n"
             "<div class=\"box scroll\"><table id=\"servers\">\n"
             "<thead><tr><th scope=\"col\">Server</th>"
             "<th scope=\"col\">State</th><th scope=\"col\">Breaker</th>"
             "<th scope=\"col\" class=\"n\">Pace now</th>"
             "<th scope=\"col\" class=\"n\">Answers</th>"
             "<th scope=\"col\" class=\"n\">Failures</th>"
             "<th scope=\"col\" class=\"n\">Opened</th>"
             "<th scope=\"col\" class=\"n\">Last answer</th></tr></thead>\n"
             "<tbody>\n",
             r);
    for (i = 0; i < status->breaker_count; i++) {
        write_server(r, &status->breakers[i]);
    }
    ap_rputs("</tbody></table></div>\n</section>\n", r);
}

/* ---- bases ---- */

static apr_uint64_t all_of(const smart_tally_sums_t *sums)
{
    apr_uint64_t n = 0;
    unsigned i;

    for (i = 0; i < SMART_TALLY_COUNTS; i++) {
        n += sums->count[i];
    }
    return n;
}

static void write_decision(request_rec *r, unsigned what, apr_uint64_t n,
                           apr_uint64_t all)
{
    const double share = percent(n, all);
    const smart_reason_row_t *row =
        smart_reason_row((smart_reason_e)(what - SMART_TALLY_DENIED));
    const bool denied = what >= SMART_TALLY_DENIED;

    ap_rvputs(r, "<tr><td>", smart_status_tally_name(what),
              "</td><td class=\"n\">",
              denied ? apr_psprintf(r->pool, "%d", row->status) : "",
              "</td><td class=\"n\">", grouped(n, r->pool), "</td><td>", NULL);
    ap_rprintf(
        r,
        "<svg class=\"share\" viewBox=\"0 0 100 10\" "
        "preserveAspectRatio=\"none\" aria-hidden=\"true\">"
        "<rect class=\"mark %s\" width=\"%.1f\" height=\"10\"/></svg>"
        "</td><td class=\"n\">%s</td><td class=\"soft told\">%s</td></tr>\n",
        denied ? "b" : "a", share < 1 ? 1 : share, percent_text(share, r->pool),
        denied ? text(r, row->text)
        : what ? "Needs no token."
               : "");
}

static void write_base(request_rec *r, const smart_status_base_t *base)
{
    const apr_uint64_t all = all_of(base->sums);
    unsigned i;

    ap_rvputs(r, "<div class=\"box base\">\n<h3>",
              !*base->path ? "All else"
              : base->url  ? text(r, base->url)
                           : apr_pstrcat(r->pool, text(r, base->host),
                                         text(r, base->path), NULL),
              base->report ? " <span class=\"badge warn\">report mode</span>"
                           : "",
              "</h3>\n", NULL);
    if (all == 0) {
        ap_rputs("<p class=\"soft\">No request yet.</p>\n</div>\n", r);
        return;
    }
    ap_rputs("<div class=\"scroll\"><table>\n"
             "<thead><tr><th scope=\"col\">Decision</th>"
             "<th scope=\"col\" class=\"n\">Status</th>"
             "<th scope=\"col\" class=\"n\">Requests</th>"
             "<th scope=\"col\" colspan=\"2\" class=\"n\">Share</th>"
             "<th scope=\"col\" class=\"told\">What clients are "
             "told</th></tr></thead>\n"
             "<tbody>\n",
             r);
    for (i = 0; i < SMART_TALLY_COUNTS; i++) {
        if (base->sums->count[i]) {
            write_decision(r, i, base->sums->count[i], all);
        }
    }
    ap_rputs("</tbody></table></div>\n</div>\n", r);
}

static void write_bases(request_rec *r, const smart_status_t *status)
{
    int i;

    ap_rputs("<section>\n<h2>Decisions by location</h2>\n", r);
    for (i = 0; i < status->base_count; i++) {
        if (*status->bases[i].path || all_of(status->bases[i].sums)) {
            write_base(r, &status->bases[i]);
        }
    }
    ap_rputs("</section>\n", r);
}

/* ---- the cache, and counts that have no other place ---- */

static void write_cache(request_rec *r, const smart_status_t *status)
{
    static const char *const names[SMART_CACHE_CLASSES] = {
        [SMART_CACHE_INACTIVE] = "inactive tokens",
        [SMART_CACHE_ACTIVE] = "active tokens",
    };
    unsigned class;

    ap_rputs("<section>\n<h2>Token cache</h2>\n"
             "<div class=\"box scroll\"><table id=\"cache\">\n"
             "<thead><tr><th scope=\"col\">Part</th>"
             "<th scope=\"col\" class=\"n\">Records</th>"
             "<th scope=\"col\" class=\"n\">Used</th>"
             "<th scope=\"col\" class=\"n\">Size</th>"
             "<th scope=\"col\" class=\"n\">Stored</th>"
             "<th scope=\"col\" class=\"n\">Pushed out while good</th>"
             "</tr></thead>\n<tbody>\n",
             r);
    for (class = 0; class < SMART_CACHE_CLASSES; class ++) {
        const smart_cache_stats_t *c = &status->cache[class];

        ap_rvputs(r, "<tr><td>", names[class], "</td><td class=\"n\">",
                  grouped(c->entries, r->pool), "</td><td class=\"n\">",
                  bytes_text(c->bytes_used, r->pool), "</td><td class=\"n\">",
                  bytes_text(c->bytes, r->pool), "</td><td class=\"n\">",
                  grouped(c->stored, r->pool), "</td><td class=\"n\">",
                  grouped(c->dropped_live, r->pool), "</td></tr>\n", NULL);
    }
    ap_rputs("</tbody></table></div>\n</section>\n", r);
}

static void write_counts(request_rec *r, const smart_status_t *status)
{
    unsigned i;

    ap_rputs("<section>\n<h2>All counts</h2>\n"
             "<details class=\"box\"><summary>Since the start; they go on over "
             "graceful restarts</summary>\n<div class=\"scroll\"><table "
             "id=\"counts\">\n<tbody>\n",
             r);
    for (i = 0; i < SMART_COUNT_COUNT; i++) {
        ap_rvputs(r, "<tr><td>", smart_count_name((smart_count_e)i),
                  "</td><td class=\"n\">",
                  grouped(status->sums.count[i], r->pool), "</td></tr>\n",
                  NULL);
    }
    ap_rputs("</tbody></table></div></details>\n</section>\n", r);
}

/* ---- the configuration ---- */

static void put_configuration(void *ctx, const char *piece)
{
    request_rec *r = ctx;

    ap_rputs(text(r, piece), r);
}

static void write_configuration(request_rec *r)
{
    ap_rputs("<section>\n<h2>Configuration in force</h2>\n"
             "<details class=\"box\"><summary>What requests get, by location"
             "</summary>\n<pre id=\"configuration\" tabindex=\"0\">",
             r);
    smart_dump_brief(ap_server_conf, r->pool, put_configuration, r);
    ap_rputs("</pre></details>\n</section>\n", r);
}

/* ---- the page ---- */

static void write_head(request_rec *r, const smart_status_t *status)
{
    ap_rvputs(r,
              "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
              "<meta charset=\"utf-8\">\n"
              "<meta name=\"viewport\" content=\"width=device-width, "
              "initial-scale=1\">\n"
              "<title>mod_smart status</title>\n"
              "<link rel=\"icon\" href=\"data:,\">\n<style>",
              css,
              "</style>\n</head>\n<body>\n<header>\n"
              "<h1>mod_smart <small>" MOD_SMART_VERSION "</small></h1>\n"
              "<p class=\"soft\"><time>",
              time_text(status->now, "%Y-%m-%d %H:%M:%S %Z", r->pool),
              "</time> &middot; <a href=\"?format=html\">again</a> &middot; "
              "<a href=\"?format=json\">JSON</a> &middot; "
              "<a href=\"?format=prometheus\">Prometheus</a></p>\n"
              "</header>\n<main>\n",
              NULL);
}

void smart_status_write_page(request_rec *r, const smart_status_t *status)
{
    smart_sums_t hour;

    sum_hour(status, &hour);
    write_head(r, status);
    write_verdicts(r, status);
    write_cards(r, status, &hour);
    write_hour(r, status, &hour);
    write_servers(r, status);
    write_bases(r, status);
    write_cache(r, status);
    write_counts(r, status);
    write_configuration(r);
    ap_rputs("</main>\n</body>\n</html>\n", r);
}
