/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump.c: httpd -t -D DUMP_SMART, the effective rules for people to read.
 *
 *   main server <name>
 *     cache <n> bytes
 *     introspections at once <n>
 *     shared cache <provider>[:<arguments>]
 *     secret <whose>
 *   virtual host <name> (<file>:<line>)
 *     base <path>/
 *       <section> (<file>:<line>)
 *         <what>   <value>
 *
 * Servers in httpd's order, bases longest first, sections in the order of the
 * file, so that two dumps can be compared. What is shown is what requests get:
 * it is taken from the location that they would get, defaults included.
 *
 * Invariant: no secret; a client is shown by method and id.
 */
#include "httpd/audit.h"
#include "httpd/check.h"
#include "httpd/directives.h"
#include "httpd/location.h"
#include "httpd/store.h"

#include <apr_file_io.h>
#include <apr_strings.h>

typedef struct dump_t {
    const smart_sections_t *tree;
    smart_dump_fn *put;
    void *ctx; /* of put */
    apr_pool_t *p;
    bool brief; /* no query of an URL: it may hold what is not for all */
} dump_t;

static void say(const dump_t *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const dump_t *d, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    d->put(d->ctx, apr_pvsprintf(d->p, fmt, args));
    va_end(args);
}

static void show(const dump_t *d, const char *what, const char *value)
{
    say(d, "      %-16s %s\n", what, value);
}

static const char *url_text(const dump_t *d, const char *url)
{
    return !url       ? "none"
           : d->brief ? apr_pstrmemdup(d->p, url, strcspn(url, "?"))
                      : url;
}

static const char *joined(apr_pool_t *p, const char *const *words)
{
    const char *text = "";

    for (; words && *words; words++) {
        text = apr_pstrcat(p, text, *text ? " " : "", *words, NULL);
    }
    return text;
}

static const char *time_text(apr_pool_t *p, apr_int64_t us)
{
    return us % APR_USEC_PER_SEC
               ? apr_psprintf(p, "%" APR_INT64_T_FMT "ms", us / 1000)
               : apr_psprintf(p, "%" APR_INT64_T_FMT "s",
                              us / APR_USEC_PER_SEC);
}

static const char *version_text(smart_fhir_e version)
{
    switch (version) {
    case SMART_FHIR_NONE:
        break;
    case SMART_FHIR_R4:
        return "R4";
    case SMART_FHIR_R4B:
        return "R4B";
    case SMART_FHIR_R5:
        return "R5";
    }
    return "none";
}

static const char *audience_text(smart_audience_e audience)
{
    switch (audience) {
    case SMART_AUDIENCE_REQUIRED:
        return "required";
    case SMART_AUDIENCE_OPTIONAL:
        return "optional";
    case SMART_AUDIENCE_OFF:
        break;
    }
    return "off";
}

static void dump_endpoint(const dump_t *d, const smart_location_t *l)
{
    show(d, "endpoint", url_text(d, l->endpoint.url));
    show(d, "client", l->auth_shown);
    show(d, "trust anchors",
         l->endpoint.ca_file ? l->endpoint.ca_file : "system");
    show(
        d, "timeouts",
        apr_pstrcat(
            d->p, "connect=",
            time_text(d->p, (apr_int64_t)l->endpoint.connect_timeout_ms * 1000),
            " total=",
            time_text(d->p, (apr_int64_t)l->endpoint.total_timeout_ms * 1000),
            NULL));
    show(d, "cached",
         apr_psprintf(d->p, "%s, inactive %s", time_text(d->p, l->ttl_us),
                      time_text(d->p, l->negative_ttl_us)));
    show(d, "stale", time_text(d->p, l->stale_us));
}

static void dump_token(const dump_t *d, const smart_location_t *l)
{
    show(d, "issuer", l->token.issuer ? l->token.issuer : "not checked");
    show(d, "audience",
         l->token.audience == SMART_AUDIENCE_OFF
             ? "off"
             : apr_pstrcat(d->p, audience_text(l->token.audience), " ",
                           joined(d->p, l->token.auds), NULL));
    show(d, "fhirUser",
         l->policy.fhir_user == SMART_FHIR_USER_REQUIRED ? "required"
                                                         : "optional");
}

static const char *compartment_text(smart_compartment_e mode)
{
    switch (mode) {
    case SMART_COMPARTMENT_FORMAL:
        return "formal";
    case SMART_COMPARTMENT_OFF:
        return "off";
    case SMART_COMPARTMENT_SUBJECT:
        break;
    }
    return "subject";
}

static void dump_compartment(const dump_t *d, const smart_location_t *l)
{
    const smart_compartment_t *c = &l->policy.compartment;
    const char *params = "", *types = "";
    smart_type_t type = SMART_TYPE_NONE;
    int i;

    for (i = 0; i < c->extra_count; i++) {
        params = apr_pstrcat(d->p, params, *params ? " " : "",
                             smart_fhir_type_name(c->extra[i].type), ":",
                             c->extra[i].param, NULL);
    }
    while ((type = smart_typeset_next(&c->shared, type)) != SMART_TYPE_NONE) {
        types = apr_pstrcat(d->p, types, *types ? " " : "",
                            smart_fhir_type_name(type), NULL);
    }
    show(d, "compartment", compartment_text(c->mode));
    show(d, "compartment by", params);
    show(d, "shared types", *types ? types : "none");
    show(d, "inspect limit",
         apr_psprintf(d->p, "%" APR_OFF_T_FMT, l->inspect_limit));
}

static void dump_rules(const dump_t *d, const smart_location_t *l,
                       const smart_dir_conf_t *conf)
{
    int i;

    for (i = 0; conf->rules && i < conf->rules->nelts; i++) {
        const smart_rule_line_t line =
            APR_ARRAY_IDX(conf->rules, i, smart_rule_line_t);

        show(d, apr_psprintf(d->p, "rule %d", i + 1),
             apr_pstrcat(d->p, line.rule->text, " (", line.origin, ")", NULL));
    }
    for (i = 0; i < l->recipe.alias_count; i++) {
        show(d, "alias",
             apr_pstrcat(d->p, l->recipe.aliases[i].as_scope, " = ",
                         joined(d->p, l->recipe.aliases[i].scopes), NULL));
    }
}

static void dump_backend(const dump_t *d, const smart_location_t *l,
                         const smart_dir_conf_t *conf)
{
    int i;

    for (i = 0; i < l->claim_header_count; i++) {
        show(d, "claim header",
             apr_pstrcat(d->p, l->claim_headers[i].header, ": ",
                         l->claim_headers[i].claim, NULL));
    }
    for (i = 0; i < l->recipe.claim_count; i++) {
        show(d, "kept claim", l->recipe.claims[i]);
    }
    show(d, "forward token", l->forward_token ? "on" : "off");
    show(d, "CORS", l->cors_origins ? joined(d->p, l->cors_origins) : "none");
    show(d, "audit log", smart_audit_text(conf->audit));
}

static const char *discovery_text(smart_discovery_conf_e discovery)
{
    switch (discovery) {
    case SMART_DISCOVERY_CONF_METADATA:
        return "metadata ";
    case SMART_DISCOVERY_CONF_FILE:
        return "file ";
    case SMART_DISCOVERY_CONF_UNSET:
    case SMART_DISCOVERY_CONF_OFF:
        break;
    }
    return "off";
}

static void dump_discovery(const dump_t *d, const smart_location_t *l,
                           const smart_dir_conf_t *conf)
{
    int i;

    show(d, "discovery",
         apr_pstrcat(d->p, discovery_text(l->discovery), l->discovery_from,
                     NULL));
    for (i = 0; conf->capabilities && i < conf->capabilities->nelts; i++) {
        show(d, "capability",
             APR_ARRAY_IDX(conf->capabilities, i, const char *));
    }
}

static void dump_section(const dump_t *d, const smart_section_t *t,
                         const server_rec *s, const smart_base_t *base)
{
    const smart_dir_conf_t *conf = smart_section_conf(d->tree, t, s, d->p);
    const smart_location_t *l;
    const char *error;

    say(d, "    %s (%s)\n", smart_section_text(t, d->p),
        smart_node_where(t->node, d->p));
    l = smart_location_make(s, conf, base, d->p, &error);
    if (!l) {
        show(d, "refused", error);
        return;
    }
    show(d, "mode", l->mode == SMART_MODE_REPORT ? "report" : "enforce");
    show(d, "FHIR version", version_text(l->policy.version));
    show(d, "public URL",
         apr_pstrcat(d->p, l->public_url,
                     l->public_url_sure ? "" : " (a guess)", NULL));
    dump_endpoint(d, l);
    dump_token(d, l);
    dump_compartment(d, l);
    dump_rules(d, l, conf);
    dump_backend(d, l, conf);
    dump_discovery(d, l, conf);
}

/* Sections with something to say about requests below a base. */
static bool is_about(const dump_t *d, const smart_section_t *t,
                     const server_rec *s, const smart_base_t *base)
{
    const char *of;

    if (t->kind == SMART_SECTION_SERVER || !smart_section_in(d->tree, t, s) ||
        !(t->conf || smart_section_is_smart(t))) {
        return false;
    }
    of = smart_section_base(d->tree, t, s, d->p);
    return of && strcmp(of, base->path) == 0;
}

static void dump_base(const dump_t *d, const server_rec *s,
                      const smart_base_t *base)
{
    int i;

    say(d, "  base %s/\n", base->path);
    for (i = 0; i < d->tree->sections->nelts; i++) {
        const smart_section_t *t =
            APR_ARRAY_IDX(d->tree->sections, i, smart_section_t *);

        if (is_about(d, t, s, base)) {
            dump_section(d, t, s, base);
        }
    }
}

static void dump_server(const dump_t *d, const server_rec *s)
{
    const smart_server_conf_t *conf = smart_check_bases(s);
    int i;

    if (s == d->tree->main) {
        say(d,
            "main server %s\n"
            "  cache %" APR_SIZE_T_FMT " bytes\n",
            s->server_hostname ? s->server_hostname : "",
            conf->cache_bytes ? conf->cache_bytes : SMART_CACHE_BYTES);
        say(d, "  introspections at once %s\n",
            conf->max_concurrent
                ? apr_psprintf(d->p, "%u", conf->max_concurrent)
                : "a quarter of the workers");
        say(d, "  shared cache %s\n  secret %s\n",
            conf->store ? smart_store_text(conf->store) : "none",
            conf->master ? "of a cluster" : "random");
    }
    else {
        say(d, "virtual host %s (%s:%u)\n",
            s->server_hostname ? s->server_hostname : "", s->defn_name,
            s->defn_line_number);
    }
    if (conf->base_count == 0) {
        say(d, "  no base\n");
    }
    for (i = 0; i < conf->base_count; i++) {
        dump_base(d, s, &conf->bases[i]);
    }
}

static void dump_all(dump_t *d, server_rec *s)
{
    d->tree = smart_conftree_read(s, d->p);
    say(d, "mod_smart: effective configuration\n");
    for (; s; s = s->next) {
        dump_server(d, s);
    }
}

static void put_file(void *file, const char *text)
{
    apr_file_puts(text, file);
}

void smart_dump_config(apr_pool_t *pconf, server_rec *s)
{
    apr_file_t *out;
    dump_t d = {.p = pconf, .put = put_file};

    if (apr_file_open_stdout(&out, pconf) == APR_SUCCESS) {
        d.ctx = out;
        dump_all(&d, s);
    }
}

void smart_dump_brief(server_rec *s, apr_pool_t *p, smart_dump_fn *put,
                      void *ctx)
{
    dump_t d = {.p = p, .put = put, .ctx = ctx, .brief = true};

    dump_all(&d, s);
}
