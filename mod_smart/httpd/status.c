/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.c: see status.h.
 *
 * A breaker is known by a digest of its endpoint's URL. The URLs are in the
 * configuration, which is read again for each answer (as mod_info does): that
 * way an endpoint is shown before anybody has asked it, in every process.
 */
#include "httpd/status.h"
#include "httpd/account.h"
#include "httpd/conftree.h"
#include "httpd/request.h"
#include "httpd/store.h"

#include <http_main.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_status.h>

#include <apr_strings.h>

#include "core/accept.h"

#define HANDLER         "smart-status"
#define JSON_TYPE       "application/json"
#define PAGE_TYPE       "text/html; charset=utf-8"
#define PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* ---- breakers ---- */

static smart_status_breaker_t *find(const apr_array_header_t *all,
                                    apr_uint64_t id)
{
    int i;

    for (i = 0; i < all->nelts; i++) {
        smart_status_breaker_t *one =
            &APR_ARRAY_IDX(all, i, smart_status_breaker_t);

        if (one->view.id == id) {
            return one;
        }
    }
    return NULL;
}

static void add_endpoint(apr_array_header_t *all, const smart_dir_conf_t *conf)
{
    smart_status_breaker_t one = {0};
    const char *authority;

    if (!conf || !conf->endpoint_url ||
        !smart_location_breaker_id(conf->endpoint_url, &one.view.id) ||
        find(all, one.view.id)) {
        return;
    }
    authority = strstr(conf->endpoint_url, "://") + 3;
    one.host = apr_pstrmemdup(all->pool, authority, strcspn(authority, "/?"));
    APR_ARRAY_PUSH(all, smart_status_breaker_t) = one;
}

/* Of the cache that machines share; by its provider's name. */
static void add_store(const request_rec *r, apr_array_header_t *all)
{
    const smart_server_conf_t *conf =
        ap_get_module_config(ap_server_conf->module_config, &smart_module);
    smart_status_breaker_t one = {0};

    one.host = conf->store
                   ? smart_store_label(conf->store, &one.view.id, r->pool)
                   : NULL;
    if (one.host) {
        APR_ARRAY_PUSH(all, smart_status_breaker_t) = one;
    }
}

/* The endpoints of the configuration, then what else is in the table: those of
   a generation that has gone, or has yet to go. */
static apr_array_header_t *breakers(const request_rec *r)
{
    const smart_sections_t *tree = smart_conftree_read(ap_server_conf, r->pool);
    apr_array_header_t *all =
        apr_array_make(r->pool, 4, sizeof(smart_status_breaker_t));
    unsigned n;
    int i;

    for (i = 0; i < tree->sections->nelts; i++) {
        add_endpoint(all,
                     APR_ARRAY_IDX(tree->sections, i, smart_section_t *)->conf);
    }
    add_store(r, all);
    for (n = 0; n < SMART_BREAKER_SLOTS; n++) {
        smart_status_breaker_t other = {.host = ""};
        smart_status_breaker_t *known;

        smart_breaker_look(smart_process.shared.breakers, n, &other.view);
        known = find(all, other.view.id);
        if (known) {
            known->view = other.view;
        }
        else if (other.view.id) {
            APR_ARRAY_PUSH(all, smart_status_breaker_t) = other;
        }
    }
    return all;
}

/* ---- bases ---- */

static smart_status_base_t base_make(const server_rec *s,
                                     const smart_base_t *base, apr_pool_t *p)
{
    const char *name = s->server_hostname ? s->server_hostname : "";
    smart_status_base_t one = {
        .host =
            s->port ? apr_psprintf(p, "%s:%u", name, (unsigned)s->port) : name,
        .path = apr_pstrcat(p, base->path, "/", NULL),
    };
    const char *error;
    const smart_location_t *l =
        base->conf ? smart_location_make(s, base->conf, base, p, &error) : NULL;

    if (l) {
        one.url = l->public_url;
        one.report = l->mode == SMART_MODE_REPORT;
    }
    return one;
}

/* Hosts of the same name and port are one here. */
static bool has_id(const apr_array_header_t *ids, apr_uint64_t id)
{
    int i;

    for (i = 0; i < ids->nelts; i++) {
        if (APR_ARRAY_IDX(ids, i, apr_uint64_t) == id) {
            return true;
        }
    }
    return false;
}

static void collect_bases(const request_rec *r, smart_status_t *status)
{
    apr_array_header_t *all =
        apr_array_make(r->pool, 8, sizeof(smart_status_base_t));
    apr_array_header_t *ids = apr_array_make(r->pool, 8, sizeof(apr_uint64_t));
    smart_tally_sums_t *sums;
    const server_rec *s;
    int i;

    for (s = ap_server_conf; s; s = s->next) {
        const smart_server_conf_t *conf =
            ap_get_module_config(s->module_config, &smart_module);

        for (i = 0; i < conf->base_count; i++) {
            const apr_uint64_t id =
                smart_account_id(s, &conf->bases[i], r->pool);

            if (!has_id(ids, id)) {
                APR_ARRAY_PUSH(ids, apr_uint64_t) = id;
                APR_ARRAY_PUSH(all, smart_status_base_t) =
                    base_make(s, &conf->bases[i], r->pool);
            }
        }
    }
    APR_ARRAY_PUSH(all, smart_status_base_t) =
        (smart_status_base_t){.host = "", .path = ""};
    sums = apr_palloc(r->pool, (apr_size_t)all->nelts * sizeof(*sums));
    smart_tallies_sum(smart_process.shared.tallies,
                      (const apr_uint64_t *)ids->elts, (unsigned)ids->nelts,
                      sums);
    for (i = 0; i < all->nelts; i++) {
        APR_ARRAY_IDX(all, i, smart_status_base_t).sums = &sums[i];
    }
    status->bases = (const smart_status_base_t *)all->elts;
    status->base_count = all->nelts;
}

static void collect(const request_rec *r, smart_status_t *status)
{
    const smart_shared_t *shared = &smart_process.shared;
    const smart_clock_t now = smart_clock_now();
    const apr_array_header_t *all = breakers(r);
    unsigned class;

    memset(status, 0, sizeof(*status));
    status->now = apr_time_now();
    smart_hour_tick(shared->hour, shared->counters, status->now);
    smart_counters_sum(shared->counters, &status->sums);
    smart_hour_read(shared->hour, status->now, &status->sums, status->hour);
    collect_bases(r, status);
    for (class = 0; class < SMART_CACHE_CLASSES; class ++) {
        smart_cache_stats(shared->cache, (smart_cache_class_e) class,
                          &status->cache[class]);
    }
    status->held = smart_permits_held(shared->permits, &now);
    status->limit = smart_permits_limit(shared->permits, SMART_PERMIT_KNOWN);
    status->breakers = (const smart_status_breaker_t *)all->elts;
    status->breaker_count = all->nelts;
}

/* ---- the handler ---- */

/* For who says that he would rather have it: tools get what they always
   have. */
static bool prefers_page(const request_rec *r)
{
    const char *accept = apr_table_getm(r->pool, r->headers_in, "Accept");

    return smart_accept_quality(accept, "text", "html") >
           smart_accept_quality(accept, "application", "json");
}

/* What the query asks for; NULL: nothing we have. */
static const char *type_asked(const request_rec *r)
{
    if (!r->args || !*r->args) {
        return prefers_page(r) ? PAGE_TYPE : JSON_TYPE;
    }
    return !strcmp(r->args, "format=json")         ? JSON_TYPE
           : !strcmp(r->args, "format=html")       ? PAGE_TYPE
           : !strcmp(r->args, "format=prometheus") ? PROMETHEUS_TYPE
                                                   : NULL;
}

static void write_body(request_rec *r, const char *type)
{
    smart_status_t *status = apr_palloc(r->pool, sizeof(*status));

    collect(r, status);
    if (!strcmp(type, JSON_TYPE)) {
        smart_status_write_json(r, status);
    }
    else if (!strcmp(type, PAGE_TYPE)) {
        smart_status_write_page(r, status);
    }
    else {
        smart_status_write_prometheus(r, status);
    }
}

int smart_status_handler(request_rec *r)
{
    const char *type;

    if (*r->handler != *HANDLER || strcmp(r->handler, HANDLER) != 0) {
        return DECLINED;
    }
    type = type_asked(r);
    apr_table_setn(r->err_headers_out, "Cache-Control", "no-store");
    apr_table_mergen(r->err_headers_out, "Vary", "Accept");
    ap_allow_methods(r, REPLACE_ALLOW, "GET", NULL);
    if (r->method_number != M_GET) {
        return HTTP_METHOD_NOT_ALLOWED;
    }
    if (!type) {
        return HTTP_BAD_REQUEST;
    }
    ap_set_content_type(r, type);
    if (!strcmp(type, PAGE_TYPE)) {
        smart_status_page_headers(r);
    }
    if (r->header_only) {
        return OK;
    }
    write_body(r, type);
    return OK;
}

/* ---- mod_status ---- */

int smart_status_section(request_rec *r, int flags)
{
    smart_status_t *status = apr_palloc(r->pool, sizeof(*status));

    collect(r, status);
    if (flags & AP_STATUS_SHORT) {
        smart_status_write_lines(r, status);
    }
    else {
        smart_status_write_html(r, status, !(flags & AP_STATUS_NOTABLE));
    }
    return OK;
}
