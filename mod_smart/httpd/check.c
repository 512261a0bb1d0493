/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.c: runs when all is read and merged, also under httpd -t: finds the
 * bases of each server, and refuses what can not work or could be bypassed.
 *
 * The bases of a server are
 *   - what SmartFhirBase states, at the server or in a section,
 *   - the paths of outermost <Location>s with AuthType SMART where it states
 *     nothing,
 * in its own sections and in those of the main server, which apply to virtual
 * hosts as well.
 */
#include "httpd/check.h"
#include "httpd/directives.h"
#include "httpd/discovery.h"
#include "httpd/location.h"
#include "httpd/store.h"

#include <http_log.h>

#include <apr_strings.h>

#include <stdarg.h>

APLOG_USE_MODULE(smart);

/* ---- lines ---- */

/* The text with file and line; NULL: it was said before. */
static const char *line_text(smart_check_t *check, const ap_directive_t *node,
                             const char *fmt, va_list args)
{
    const char *text = apr_pvsprintf(check->p, fmt, args);

    if (node) {
        text = apr_pstrcat(check->p, text, " (",
                           smart_node_where(node, check->p), ")", NULL);
    }
    if (apr_hash_get(check->said, text, APR_HASH_KEY_STRING)) {
        return NULL;
    }
    apr_hash_set(check->said, text, APR_HASH_KEY_STRING, text);
    return text;
}

void smart_check_error(smart_check_t *check, const ap_directive_t *node,
                       const char *fmt, ...)
{
    const char *text;
    va_list args;

    va_start(args, fmt);
    text = line_text(check, node, fmt, args);
    va_end(args);
    check->faults++;
    if (text) {
        ap_log_error(APLOG_MARK, APLOG_ERR | APLOG_STARTUP, 0, check->main,
                     "%s", text);
    }
}

void smart_check_warn(smart_check_t *check, const ap_directive_t *node,
                      const char *fmt, ...)
{
    const char *text;
    va_list args;

    va_start(args, fmt);
    text = line_text(check, node, fmt, args);
    va_end(args);
    if (text && smart_config_may_warn()) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, check->main, "%s", text);
    }
}

/* ---- bases ---- */

const smart_server_conf_t *smart_check_bases(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &smart_module);
}

static void base_add(apr_array_header_t *bases, const char *path)
{
    smart_base_t base = {.path = path, .len = strlen(path)};
    smart_base_t *elts;
    int i;

    for (i = 0; i < bases->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(bases, i, smart_base_t).path, path) == 0) {
            return;
        }
    }
    base.path = apr_pstrdup(bases->pool, path);
    APR_ARRAY_PUSH(bases, smart_base_t) = base;
    elts = (smart_base_t *)bases->elts;
    for (i = bases->nelts - 1; i > 0 && elts[i - 1].len < base.len; i--) {
        elts[i] = elts[i - 1];
        elts[i - 1] = base;
    }
}

static void find_bases(smart_check_t *check, server_rec *s)
{
    const smart_dir_conf_t *outside =
        ap_get_module_config(s->lookup_defaults, &smart_module);
    apr_array_header_t *bases =
        apr_array_make(check->pconf, 4, sizeof(smart_base_t));
    smart_server_conf_t *conf = apr_pmemdup(check->pconf, smart_check_bases(s),
                                            sizeof(smart_server_conf_t));
    int i;

    if (outside->fhir_base) {
        base_add(bases, outside->fhir_base);
    }
    for (i = 0; i < check->tree->sections->nelts; i++) {
        const smart_section_t *t =
            APR_ARRAY_IDX(check->tree->sections, i, smart_section_t *);
        const char *base;

        if (t->kind == SMART_SECTION_SERVER ||
            !smart_section_in(check->tree, t, s)) {
            continue;
        }
        if (t->conf && t->conf->fhir_base) {
            base_add(bases, t->conf->fhir_base);
        }
        base = smart_section_is_smart(t)
                   ? smart_section_base(check->tree, t, s, check->p)
                   : NULL;
        if (base) {
            base_add(bases, base);
        }
    }
    conf->bases = (const smart_base_t *)bases->elts;
    conf->base_count = bases->nelts;
    /* A virtual host without directives of ours shares the main server's. */
    ap_set_module_config(s->module_config, &smart_module, conf);
}

/* ---- sections ---- */

/* One section in one server. */
typedef struct place_t {
    const smart_section_t *t;
    const server_rec *s;
    const smart_dir_conf_t *conf;
    const char *text; /* of the section */
    const char *base; /* NULL: none */
} place_t;

/* Among virtual hosts the main server may be no more than what they share. */
static bool is_shared(const smart_check_t *check, const place_t *at)
{
    return at->s == check->main && check->main->next;
}

static bool check_base(smart_check_t *check, const place_t *at)
{
    const smart_section_t *t = at->t;
    const char *path = smart_section_path(t), *fault;

    if (!at->base) {
        smart_check_error(check, t->node,
                          "SMART0111: %s is needed for AuthType SMART in %s: "
                          "no path can be taken from it",
                          SMART_DIR_FHIR_BASE, at->text);
        return false;
    }
    fault = at->conf->fhir_base || !path ? NULL : smart_base_fault(path);
    if (fault && *path) {
        smart_check_error(check, t->node,
                          "SMART0112: %s can not be taken from %s: \"%s\" %s",
                          SMART_DIR_FHIR_BASE, at->text, path, fault);
        return false;
    }
    if (path && !smart_path_below(path, at->base, strlen(at->base)) &&
        !smart_path_below(at->base, path, strlen(path))) {
        smart_check_error(check, t->node,
                          "SMART0113: %s \"%s/\" is in force in %s, which is "
                          "not below it",
                          SMART_DIR_FHIR_BASE, at->base, at->text);
        return false;
    }
    return true;
}

static bool check_endpoint(smart_check_t *check, const place_t *at)
{
    const char *missing = !at->conf->endpoint_url ? SMART_DIR_ENDPOINT
                          : !at->conf->auth       ? SMART_DIR_AUTH
                                                  : NULL;

    if (missing && is_shared(check, at)) {
        smart_check_warn(check, at->t->node,
                         "SMART0114: %s is missing for AuthType SMART in %s: "
                         "requests that no virtual host takes are refused",
                         missing, at->text);
    }
    else if (missing) {
        smart_check_error(
            check, at->t->node,
            "SMART0115: %s is missing for AuthType SMART in %s%s%s", missing,
            at->text, at->s == at->t->server ? "" : " in virtual host ",
            at->s == at->t->server ? "" : at->s->server_hostname);
    }
    else if (at->conf->auth->method == SMART_CLIENT_AUTH_TLS &&
             strncmp(at->conf->endpoint_url, "https:", 6) != 0) {
        smart_check_error(check, at->t->node,
                          "SMART0116: %s tls_client_auth needs https, but %s "
                          "is \"%s\" in %s",
                          SMART_DIR_AUTH, SMART_DIR_ENDPOINT,
                          at->conf->endpoint_url, at->text);
        return false;
    }
    return !missing;
}

/* Rules of one section against the version in force. Each by itself: an inner
   rule that takes the place of an outer one is what nesting is for. */
static void check_own_rules(smart_check_t *check, const place_t *at,
                            const smart_dir_conf_t *own)
{
    const int count = own && own->rules ? own->rules->nelts : 0;
    const smart_fhir_e version =
        at->conf->version ? at->conf->version : SMART_FHIR_R4;
    const smart_rule_t **rules =
        apr_palloc(check->p, ((apr_size_t)count + 1) * sizeof(smart_rule_t *));
    const char *error;
    int i;

    for (i = 0; i < count; i++) {
        const smart_rule_line_t line =
            APR_ARRAY_IDX(own->rules, i, smart_rule_line_t);

        rules[i] = line.rule;
        if (!smart_rule_check(version, rules, i + 1, check->p, &error)) {
            smart_check_error(check, NULL, "SMART0117: %s in %s: %s (%s)",
                              SMART_DIR_RULE, at->text, error, line.origin);
            return;
        }
    }
}

static void check_rules(smart_check_t *check, const place_t *at)
{
    const apr_array_header_t *outer =
        smart_section_outer(check->tree, at->t, at->s, check->p);
    int i;

    for (i = 0; i < check->tree->sections->nelts; i++) {
        const smart_section_t *t =
            APR_ARRAY_IDX(check->tree->sections, i, smart_section_t *);

        if (t->kind == SMART_SECTION_SERVER &&
            smart_section_in(check->tree, t, at->s)) {
            check_own_rules(check, at, t->conf);
        }
    }
    for (i = 0; i < outer->nelts; i++) {
        check_own_rules(check, at,
                        APR_ARRAY_IDX(outer, i, smart_section_t *)->conf);
    }
}

static void check_location(smart_check_t *check, const place_t *at)
{
    const smart_base_t base = {.path = at->base, .len = strlen(at->base)};
    const smart_location_t *l;
    const char *error;

    l = smart_location_make(at->s, at->conf, &base, check->p, &error);
    if (!l) {
        smart_check_error(check, at->t->node, "SMART0118: %s in %s", error,
                          at->text);
        return;
    }
    if (l->discovery == SMART_DISCOVERY_CONF_METADATA &&
        !smart_fetched_note(check->pconf, at->s, l)) {
        smart_check_error(check, at->t->node,
                          "SMART0126: there are more than 16 different URLs "
                          "of %s metadata, \"%s\" is one of them",
                          SMART_DIR_DISCOVERY, l->discovery_from);
    }
    if (!l->public_url_sure) {
        smart_check_warn(check, NULL,
                         "SMART0119: clients of base %s/ are taken to use %s: "
                         "ServerName has no scheme; set %s",
                         at->base, l->public_url, SMART_DIR_PUBLIC_URL);
    }
}

static bool has_require(smart_check_t *check, const place_t *at)
{
    const apr_array_header_t *outer =
        smart_section_outer(check->tree, at->t, at->s, check->p);
    int i;

    for (i = 0; i < outer->nelts; i++) {
        if (APR_ARRAY_IDX(outer, i, smart_section_t *)->require) {
            return true;
        }
    }
    return false;
}

/* Whether the backend learns whose data a token is for. */
static bool tells_patient(const smart_dir_conf_t *conf)
{
    const apr_array_header_t *headers = conf->claim_headers;
    int i;

    for (i = 0; headers && i < headers->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(headers, i, smart_claim_header_t).claim,
                   "patient") == 0) {
            return true;
        }
    }
    return false;
}

static void warn_section(smart_check_t *check, const place_t *at)
{
    if (at->conf->mode == SMART_MODE_REPORT) {
        smart_check_warn(check, NULL,
                         "SMART0120: %s report: nothing is enforced below "
                         "%s/%s%s",
                         SMART_DIR_MODE, at->base,
                         at->t->conf && at->t->conf->mode ? ", in " : "",
                         at->t->conf && at->t->conf->mode ? at->text : "");
    }
    if (at->conf->fhir_user == SMART_FHIR_USER_CONF_UNSET) {
        smart_check_warn(check, NULL,
                         "SMART0121: %s is not set for %s/: user/ scopes of a "
                         "token without fhirUser are the backend's to narrow",
                         SMART_DIR_FHIR_USER, at->base);
    }
    if (at->conf->compartment == SMART_COMPARTMENT_CONF_OFF &&
        !tells_patient(at->conf)) {
        smart_check_warn(check, NULL,
                         "SMART0125: %s off for %s/ leaves patients to the "
                         "backend, but no %s tells it the patient",
                         SMART_DIR_COMPARTMENT, at->base,
                         SMART_DIR_CLAIM_HEADER);
    }
    if (at->conf->capabilities &&
        at->conf->discovery <= SMART_DISCOVERY_CONF_OFF) {
        smart_check_warn(check, NULL,
                         "SMART0124: %s has no effect for %s/: %s is off",
                         SMART_DIR_CAPABILITY, at->base, SMART_DIR_DISCOVERY);
    }
    if (smart_section_is_smart(at->t) && !has_require(check, at)) {
        smart_check_warn(check, at->t->node,
                         "SMART0122: there is no Require line for %s: httpd "
                         "answers 500; say Require smart",
                         at->text);
    }
}

/* What is in force at a base: the section whose path it is, or the first one
   that has it for a base. */
static void note_base(smart_check_t *check, const place_t *at)
{
    const smart_server_conf_t *conf = smart_check_bases(at->s);
    const char *path = smart_section_path(at->t);
    int i;

    for (i = 0; i < conf->base_count; i++) {
        smart_base_t *base = (smart_base_t *)&conf->bases[i];

        if (strcmp(base->path, at->base) == 0 &&
            (!base->conf || (path && strcmp(path, base->path) == 0))) {
            base->conf =
                smart_section_conf(check->tree, at->t, at->s, check->pconf);
        }
    }
}

static void check_smart(smart_check_t *check, const place_t *at)
{
    if (check_base(check, at) && check_endpoint(check, at)) {
        note_base(check, at);
        check_location(check, at);
        warn_section(check, at);
    }
}

/* Sections that say something about requests below a base. */
static void check_section(smart_check_t *check, server_rec *s,
                          const smart_section_t *t)
{
    place_t at = {t, s, NULL, NULL, NULL};
    const char *path = smart_section_path(t);

    at.conf = smart_section_conf(check->tree, t, s, check->p);
    at.text = smart_section_text(t, check->p);
    at.base = smart_section_base(check->tree, t, s, check->p);
    if (smart_section_is_smart(t)) {
        check_smart(check, &at);
    }
    else if (at.base && t->conf && at.conf->endpoint_url) {
        check_location(check, &at);
        warn_section(check, &at);
    }
    if (at.base) {
        check_rules(check, &at);
    }
    if (at.base &&
        (smart_section_is_smart(t) ||
         (path && smart_path_below(path, at.base, strlen(at.base))))) {
        smart_check_require(check, t, at.base);
    }
}

static void check_sections(smart_check_t *check, server_rec *s)
{
    int i;

    for (i = 0; i < check->tree->sections->nelts; i++) {
        const smart_section_t *t =
            APR_ARRAY_IDX(check->tree->sections, i, smart_section_t *);

        if (t->kind != SMART_SECTION_SERVER &&
            smart_section_in(check->tree, t, s)) {
            check_section(check, s, t);
        }
    }
}

/* Machines that do not share a secret can not share what they sealed. */
static void check_cluster(smart_check_t *check)
{
    const smart_server_conf_t *conf = smart_check_bases(check->main);

    if (conf->store && !conf->master) {
        smart_check_error(check, smart_store_node(conf->store),
                          "SMART0123: %s is missing for %s \"%s\"",
                          SMART_DIR_SECRET, SMART_DIR_CACHE_SHARED,
                          smart_store_text(conf->store));
    }
}

int smart_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                       server_rec *s)
{
    smart_check_t check = {.main = s, .pconf = pconf, .p = ptemp};

    (void)plog;
    check.tree = smart_conftree_read(s, ptemp);
    check.said = apr_hash_make(ptemp);
    check_cluster(&check);
    for (; s; s = s->next) {
        find_bases(&check, s);
        check_sections(&check, s);
        if (smart_check_bases(s)->base_count > 0) {
            smart_check_proxy(&check, s);
            smart_check_cache(&check, s);
        }
    }
    return check.faults ? HTTP_INTERNAL_SERVER_ERROR : OK;
}
