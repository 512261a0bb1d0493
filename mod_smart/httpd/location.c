/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location.c: the defaults, and the one place where merged directives become
 * what a request needs.
 *
 * Locations of a process:
 *
 *   buckets[hash of (server, base, parts)] -> node -> node -> NULL
 *
 * A node is not changed after it was put in front of its chain with a release
 * store, so readers follow chains without a lock. Writers hold a mutex; the
 * pool of the nodes is used under it alone.
 *
 * Invariants:
 *   1. At most MAX_NODES nodes; what comes later, and what has no parts to be
 *      known by, is made in the pool of its request.
 *   2. Every text that shapes a record, or decides who vouches for it, is in
 *      the fingerprint, with its length before it: two configurations never
 *      have the same one.
 */
#include "httpd/location.h"
#include "httpd/directives.h"
#include "httpd/discovery.h"
#include "httpd/request.h"

#include <http_log.h>

#include <apr_strings.h>
#include <apr_thread_mutex.h>

#define DEFAULT_CONNECT_MS      500
#define DEFAULT_TOTAL_MS        2000
#define DEFAULT_TTL_US          (60 * APR_USEC_PER_SEC)
#define DEFAULT_NEGATIVE_TTL_US (5 * APR_USEC_PER_SEC)
#define DEFAULT_INSPECT         ((apr_off_t)8 * 1024 * 1024)

/* What this floor can do for a decision. */
#define ENFORCED                                                               \
    (SMART_OBLIGE_FORM | SMART_OBLIGE_NARROW | SMART_OBLIGE_INSPECT |          \
     SMART_OBLIGE_BODY | SMART_OBLIGE_PREREAD | SMART_OBLIGE_MINIMAL |         \
     SMART_OBLIGE_CONTEXT)

#define BUCKETS   256u
#define MAX_NODES 4096u

typedef struct node_t {
    struct node_t *next;
    const server_rec *server;
    const smart_base_t *base;
    int part_count;
    const apr_uint32_t *parts;
    const smart_location_t *location; /* NULL: it can not be made */
    const char *error;
} node_t;

static struct {
    smart_digest_t *digest; /* NULL outside of children */
    apr_pool_t *pool;
    apr_thread_mutex_t *mutex;
    node_t *buckets[BUCKETS];
    apr_uint32_t nodes;
} table;

static volatile apr_uint32_t unusable_minute;

/* ---- from directives to a location ---- */

/* A base stated in sections that are in force must be the one that the path
   led to: they would speak of different resources otherwise. */
static bool take_base(smart_location_t *l, const smart_dir_conf_t *conf,
                      const smart_base_t *base, apr_pool_t *p,
                      const char **perror)
{
    const char *stated = conf->fhir_base;

    if (!base && !stated) {
        *perror = SMART_DIR_FHIR_BASE " is needed here";
        return false;
    }
    if (base && stated && strcmp(base->path, stated) != 0) {
        *perror = apr_psprintf(p, "%s %s/ is in force below the base %s/",
                               SMART_DIR_FHIR_BASE, stated, base->path);
        return false;
    }
    l->base = base ? base->path : stated;
    l->base_len = strlen(l->base);
    return true;
}

/* Never from what the client sent: a token's audience is compared with it. */
static bool take_public_url(smart_location_t *l, const server_rec *s,
                            const smart_dir_conf_t *conf, apr_pool_t *p,
                            const char **perror)
{
    const char *scheme = s->server_scheme ? s->server_scheme
                         : s->port == 443 ? "https"
                                          : "http";
    const apr_port_t usual = strcmp(scheme, "https") == 0 ? 443 : 80;

    l->public_url_sure = conf->public_url || s->server_scheme;
    if (conf->public_url) {
        l->public_url = conf->public_url;
        return true;
    }
    if (!s->server_hostname) {
        *perror = "neither " SMART_DIR_PUBLIC_URL " nor ServerName says how "
                  "clients reach this server";
        return false;
    }
    l->public_url =
        s->port == 0 || s->port == usual
            ? apr_pstrcat(p, scheme, "://", s->server_hostname, l->base, NULL)
            : apr_psprintf(p, "%s://%s:%u%s", scheme, s->server_hostname,
                           (unsigned)s->port, l->base);
    return true;
}

static void take_endpoint(smart_location_t *l, const smart_dir_conf_t *conf)
{
    static const smart_client_t nobody = {.shown = "none is configured"};
    const smart_client_t *auth = conf->auth ? conf->auth : &nobody;
    smart_endpoint_t *e = &l->endpoint;

    e->url = conf->endpoint_url;
    e->method = auth->method;
    e->client_id = auth->client_id;
    e->secret = auth->secret;
    e->key = auth->key;
    e->assertion_audience = auth->audience;
    e->cert = auth->cert;
    e->cert_key = auth->cert_key;
    e->ca_file = conf->ca_file;
    e->total_timeout_ms =
        conf->total_timeout_ms ? conf->total_timeout_ms : DEFAULT_TOTAL_MS;
    e->connect_timeout_ms = conf->connect_timeout_ms ? conf->connect_timeout_ms
                                                     : DEFAULT_CONNECT_MS;
    if (e->connect_timeout_ms > e->total_timeout_ms) {
        e->connect_timeout_ms = e->total_timeout_ms;
    }
    l->auth_shown = auth->shown;
}

static void take_token_policy(smart_location_t *l, const smart_dir_conf_t *conf,
                              apr_pool_t *p)
{
    const char **own;

    l->token.issuer = conf->issuer;
    switch (conf->audience) {
    case SMART_AUDIENCE_CONF_REQUIRED:
        l->token.audience = SMART_AUDIENCE_REQUIRED;
        break;
    case SMART_AUDIENCE_CONF_UNSET:
    case SMART_AUDIENCE_CONF_OPTIONAL:
        l->token.audience = SMART_AUDIENCE_OPTIONAL;
        break;
    case SMART_AUDIENCE_CONF_OFF:
        l->token.audience = SMART_AUDIENCE_OFF;
        break;
    }
    l->token.auds = conf->auds;
    if (!conf->auds) {
        own = apr_pcalloc(p, 2 * sizeof(*own));
        own[0] = l->public_url;
        l->token.auds = own;
    }
}

static void take_policy(smart_location_t *l, const smart_dir_conf_t *conf,
                        apr_pool_t *p)
{
    const int n = conf->rules ? conf->rules->nelts : 0;
    const smart_rule_t **rules =
        apr_pcalloc(p, ((apr_size_t)n + 1) * sizeof(smart_rule_t *));
    int i;

    for (i = 0; i < n; i++) {
        rules[i] = APR_ARRAY_IDX(conf->rules, i, smart_rule_line_t).rule;
    }
    l->policy.version = conf->version ? conf->version : SMART_FHIR_R4;
    l->policy.fhir_user = conf->fhir_user == SMART_FHIR_USER_CONF_REQUIRED
                              ? SMART_FHIR_USER_REQUIRED
                              : SMART_FHIR_USER_OPTIONAL;
    l->policy.discovery_public = true;
    l->policy.rules = rules;
    l->policy.rule_count = n;
    l->policy.enforced = ENFORCED;
}

static smart_compartment_e mode_of(smart_compartment_conf_e conf)
{
    switch (conf) {
    case SMART_COMPARTMENT_CONF_UNSET:
    case SMART_COMPARTMENT_CONF_FORMAL:
        return SMART_COMPARTMENT_FORMAL;
    case SMART_COMPARTMENT_CONF_OFF:
        return SMART_COMPARTMENT_OFF;
    case SMART_COMPARTMENT_CONF_SUBJECT:
        break;
    }
    return SMART_COMPARTMENT_SUBJECT;
}

/* Whether the version in force has what is named; parameters first, for what
   they add to the compartment can not be shared. */
static bool compartment_fits(const smart_location_t *l, apr_pool_t *p,
                             const char **perror)
{
    smart_compartment_t params = l->policy.compartment;
    const char *directive = SMART_DIR_SHARED_TYPES;
    const char *fault;

    memset(&params.shared, 0, sizeof(params.shared));
    if (!smart_compartment_check(&params, l->policy.version, p, &fault)) {
        directive = SMART_DIR_PATIENT_PARAM;
    }
    else if (smart_compartment_check(&l->policy.compartment, l->policy.version,
                                     p, &fault)) {
        return true;
    }
    *perror = apr_pstrcat(p, directive, ": ", fault, NULL);
    return false;
}

static bool take_compartment(smart_location_t *l, const smart_dir_conf_t *conf,
                             apr_pool_t *p, const char **perror)
{
    smart_compartment_t *c = &l->policy.compartment;
    const apr_array_header_t *params = conf->compartment_params;

    *c = smart_compartment_default();
    c->mode = mode_of(conf->compartment);
    if (params) {
        c->extra = (const smart_compartment_param_t *)params->elts;
        c->extra_count = params->nelts;
    }
    if (conf->shared_types) {
        c->shared = *conf->shared_types;
    }
    return compartment_fits(l, p, perror);
}

/* Inner sections come first: an outer pair for the same header is void. */
static void take_claim_headers(smart_location_t *l,
                               const smart_dir_conf_t *conf, apr_pool_t *p)
{
    const int n = conf->claim_headers ? conf->claim_headers->nelts : 0;
    smart_claim_header_t *out =
        apr_palloc(p, ((apr_size_t)n + 1) * sizeof(*out));
    int i, j, count = 0;

    for (i = 0; i < n; i++) {
        const smart_claim_header_t pair =
            APR_ARRAY_IDX(conf->claim_headers, i, smart_claim_header_t);

        for (j = 0; j < count && !smart_same_field(out[j].header, pair.header);
             j++) {
            /* next */
        }
        if (j == count) {
            out[count++] = pair;
        }
    }
    l->claim_headers = out;
    l->claim_header_count = count;
}

/* ---- the recipe of records ---- */

/* These are members of every grant. */
static bool is_standard_claim(const char *name)
{
    static const char *const standard[] = {
        "aud", "client_id", "encounter", "exp", "fhirContext", "fhirUser",
        "iss", "patient",   "scope",     "sub", "username",
    };
    apr_size_t i;

    for (i = 0; i < sizeof(standard) / sizeof(standard[0]); i++) {
        if (strcmp(name, standard[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Sorted, each once. */
static void add_claim(apr_array_header_t *claims, const char *name)
{
    const char **elts;
    int i, order = 1;

    if (is_standard_claim(name)) {
        return;
    }
    for (i = 0; i < claims->nelts; i++) {
        order = strcmp(APR_ARRAY_IDX(claims, i, const char *), name);
        if (order >= 0) {
            break;
        }
    }
    if (i < claims->nelts && order == 0) {
        return;
    }
    APR_ARRAY_PUSH(claims, const char *) = name;
    elts = (const char **)claims->elts;
    memmove(elts + i + 1, elts + i,
            (apr_size_t)(claims->nelts - 1 - i) * sizeof(*elts));
    elts[i] = name;
}

static void take_claims(smart_location_t *l, const smart_dir_conf_t *conf,
                        apr_pool_t *p)
{
    apr_array_header_t *claims = apr_array_make(p, 8, sizeof(const char *));
    int i;

    for (i = 0; i < l->claim_header_count; i++) {
        add_claim(claims, l->claim_headers[i].claim);
    }
    for (i = 0; conf->claims && i < conf->claims->nelts; i++) {
        add_claim(claims, APR_ARRAY_IDX(conf->claims, i, const char *));
    }
    l->recipe.claims = (const char *const *)claims->elts;
    l->recipe.claim_count = claims->nelts;
}

/* Inner sections come first: an outer alias of the same name is void. */
static bool take_aliases(smart_location_t *l, const smart_dir_conf_t *conf,
                         apr_pool_t *p, const char **perror)
{
    const int n = conf->aliases ? conf->aliases->nelts : 0;
    smart_scope_alias_t *out =
        apr_palloc(p, ((apr_size_t)n + 1) * sizeof(*out));
    smart_scope_t scope;
    int i, j, count = 0;

    for (i = 0; i < n; i++) {
        const smart_scope_alias_t alias =
            APR_ARRAY_IDX(conf->aliases, i, smart_scope_alias_t);

        for (j = 0; alias.scopes[j]; j++) {
            if (!smart_scope_parse(l->policy.version,
                                   smart_slice(alias.scopes[j]), &scope)) {
                *perror = apr_psprintf(p,
                                       "%s %s: \"%s\" is no scope of the FHIR "
                                       "version in force",
                                       SMART_DIR_SCOPE_ALIAS, alias.as_scope,
                                       alias.scopes[j]);
                return false;
            }
        }
        for (j = 0; j < count && strcmp(out[j].as_scope, alias.as_scope) != 0;
             j++) {
            /* next */
        }
        if (j == count) {
            out[count++] = alias;
        }
    }
    l->recipe.aliases = out;
    l->recipe.alias_count = count;
    return true;
}

/* ---- the fingerprint ---- */

static void put_number(apr_array_header_t *bytes, apr_uint64_t n)
{
    int shift;

    for (shift = 56; shift >= 0; shift -= 8) {
        APR_ARRAY_PUSH(bytes, unsigned char) = (unsigned char)(n >> shift);
    }
}

/* NULL is told from "" by its length. */
static void put_text(apr_array_header_t *bytes, const char *text)
{
    put_number(bytes, text ? strlen(text) : APR_UINT64_MAX);
    while (text && *text) {
        APR_ARRAY_PUSH(bytes, unsigned char) = (unsigned char)*text++;
    }
}

static bool take_fingerprint(smart_location_t *l, apr_pool_t *p,
                             const char **perror)
{
    apr_array_header_t *bytes = apr_array_make(p, 512, 1);
    const char *const *scope;
    int i;

    put_number(bytes, SMART_GRANT_LAYOUT);
    put_text(bytes, l->endpoint.url);
    put_number(bytes, (apr_uint64_t)l->endpoint.method);
    put_text(bytes, l->endpoint.client_id);
    put_number(bytes, (apr_uint64_t)l->recipe.version);
    put_text(bytes, l->recipe.public_url);
    put_text(bytes, l->base);
    put_number(bytes, (apr_uint64_t)l->recipe.alias_count);
    for (i = 0; i < l->recipe.alias_count; i++) {
        put_text(bytes, l->recipe.aliases[i].as_scope);
        for (scope = l->recipe.aliases[i].scopes; *scope; scope++) {
            put_text(bytes, *scope);
        }
        put_text(bytes, NULL);
    }
    put_number(bytes, (apr_uint64_t)l->recipe.claim_count);
    for (i = 0; i < l->recipe.claim_count; i++) {
        put_text(bytes, l->recipe.claims[i]);
    }
    if (smart_digest_sha256(
            smart_slice_n(bytes->elts, (apr_size_t)bytes->nelts),
            l->fingerprint) != APR_SUCCESS) {
        *perror = "there is no SHA-256";
        return false;
    }
    return true;
}

bool smart_location_breaker_id(const char *url, apr_uint64_t *pid)
{
    unsigned char digest[SMART_DIGEST_LEN];

    if (smart_digest_sha256(smart_slice(url), digest) != APR_SUCCESS) {
        return false;
    }
    memcpy(pid, digest, sizeof(*pid));
    return true;
}

static bool take_breaker(smart_location_t *l, const char **perror)
{
    if (!smart_location_breaker_id(l->endpoint.url, &l->breaker_id)) {
        *perror = "there is no SHA-256";
        return false;
    }
    return true;
}

static bool take_recipe(smart_location_t *l, const smart_dir_conf_t *conf,
                        apr_pool_t *p, const char **perror)
{
    l->recipe.version = l->policy.version;
    l->recipe.public_url = l->public_url;
    take_claim_headers(l, conf, p);
    take_claims(l, conf, p);
    return take_aliases(l, conf, p, perror) && take_fingerprint(l, p, perror);
}

static void take_rest(smart_location_t *l, const smart_dir_conf_t *conf)
{
    l->mode = conf->mode == SMART_MODE_REPORT ? SMART_MODE_REPORT
                                              : SMART_MODE_ENFORCE;
    l->ttl_us = conf->ttl_set ? conf->ttl : DEFAULT_TTL_US;
    l->negative_ttl_us =
        conf->negative_ttl_set ? conf->negative_ttl : DEFAULT_NEGATIVE_TTL_US;
    l->stale_us = conf->stale;
    l->inspect_limit =
        conf->inspect_limit ? conf->inspect_limit : DEFAULT_INSPECT;
    l->forward_token = conf->forward_token == SMART_SWITCH_ON;
    l->cors_origins = conf->cors_origins;
    l->cors_any = conf->cors_origins && strcmp(conf->cors_origins[0], "*") == 0;
}

static bool take_discovery(smart_location_t *l, const smart_dir_conf_t *conf,
                           apr_pool_t *p, const char **perror)
{
    l->discovery = conf->discovery ? conf->discovery : SMART_DISCOVERY_CONF_OFF;
    l->discovery_from = conf->discovery_from;
    if (l->discovery == SMART_DISCOVERY_CONF_OFF) {
        return true;
    }
    l->publication = smart_publication_make(l, conf, p, perror);
    return l->publication != NULL;
}

smart_location_t *smart_location_make(const server_rec *s,
                                      const smart_dir_conf_t *conf,
                                      const smart_base_t *base, apr_pool_t *p,
                                      const char **perror)
{
    smart_location_t *l = apr_pcalloc(p, sizeof(*l));

    *perror = NULL;
    if (!take_base(l, conf, base, p, perror) ||
        !take_public_url(l, s, conf, p, perror)) {
        return NULL;
    }
    take_endpoint(l, conf);
    take_token_policy(l, conf, p);
    take_policy(l, conf, p);
    take_rest(l, conf);
    l->said_no_etag = apr_pcalloc(p, sizeof(*l->said_no_etag));
    if (!take_compartment(l, conf, p, perror) || !take_breaker(l, perror) ||
        !take_recipe(l, conf, p, perror) ||
        !take_discovery(l, conf, p, perror)) {
        return NULL;
    }
    if (table.digest &&
        smart_digest_realm_create(table.digest, l->fingerprint, p, &l->realm) !=
            APR_SUCCESS) {
        *perror = "there are no keyed digests";
        return NULL;
    }
    return l;
}

/* ---- the locations of a process ---- */

void smart_location_child_init(apr_pool_t *pchild, smart_digest_t *digest)
{
    memset(&table, 0, sizeof(table));
    table.digest = digest;
    if (apr_pool_create(&table.pool, pchild) != APR_SUCCESS ||
        apr_thread_mutex_create(&table.mutex, APR_THREAD_MUTEX_DEFAULT,
                                pchild) != APR_SUCCESS) {
        /* Each location is then made for its request. */
        table.mutex = NULL;
    }
}

static unsigned bucket_of(const server_rec *s, const smart_base_t *base,
                          const smart_dir_conf_t *conf)
{
    apr_uint64_t h =
        (apr_uint64_t)(apr_uintptr_t)s * 31 + (apr_uint64_t)(apr_uintptr_t)base;
    int i;

    for (i = 0; i < conf->part_count; i++) {
        h = (h ^ conf->parts[i]) * APR_UINT64_C(0x9E3779B97F4A7C15);
    }
    return (unsigned)(h >> 32) % BUCKETS;
}

static const node_t *find(unsigned bucket, const server_rec *s,
                          const smart_base_t *base,
                          const smart_dir_conf_t *conf)
{
    const node_t *n = __atomic_load_n(&table.buckets[bucket], __ATOMIC_ACQUIRE);

    for (; n; n = n->next) {
        if (n->server == s && n->base == base &&
            n->part_count == conf->part_count &&
            memcmp(n->parts, conf->parts,
                   (apr_size_t)conf->part_count * sizeof(*n->parts)) == 0) {
            return n;
        }
    }
    return NULL;
}

static node_t *make_node(const server_rec *s, const smart_base_t *base,
                         const smart_dir_conf_t *conf, apr_pool_t *p)
{
    node_t *n = apr_pcalloc(p, sizeof(*n));
    smart_location_t *l;

    n->server = s;
    n->base = base;
    n->part_count = conf->part_count;
    if (conf->part_count > 0) {
        n->parts =
            apr_pmemdup(p, conf->parts,
                        (apr_size_t)conf->part_count * sizeof(*conf->parts));
    }
    l = smart_location_make(s, conf, base, p, &n->error);
    if (l) {
        l->lasting = p == table.pool;
    }
    n->location = l;
    return n;
}

/* Under the mutex: somebody else may have been first, and there is an end. */
static const node_t *insert_locked(unsigned bucket, const server_rec *s,
                                   const smart_base_t *base,
                                   const smart_dir_conf_t *conf)
{
    const node_t *found = find(bucket, s, base, conf);
    node_t *n;

    if (found || table.nodes >= MAX_NODES) {
        return found;
    }
    n = make_node(s, base, conf, table.pool);
    n->next = table.buckets[bucket];
    table.nodes++;
    __atomic_store_n(&table.buckets[bucket], n, __ATOMIC_RELEASE);
    return n;
}

static const node_t *node_of(request_rec *r, const smart_base_t *base,
                             const smart_dir_conf_t *conf)
{
    const server_rec *s = r->server;
    const node_t *n = NULL;
    unsigned bucket;

    if (conf->part_count >= 0 && table.mutex) {
        bucket = bucket_of(s, base, conf);
        n = find(bucket, s, base, conf);
        if (!n && apr_thread_mutex_lock(table.mutex) == APR_SUCCESS) {
            n = insert_locked(bucket, s, base, conf);
            apr_thread_mutex_unlock(table.mutex);
        }
    }
    return n ? n : make_node(s, base, conf, r->pool);
}

const smart_location_t *smart_location_get(request_rec *r,
                                           const smart_base_t *base)
{
    const smart_dir_conf_t *conf =
        ap_get_module_config(r->per_dir_config, &smart_module);
    const node_t *n = node_of(r, base, conf);

    if (!n->location && smart_once_a_minute(&unusable_minute)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "SMART0102: requests are refused, their configuration "
                      "can not be used: %s",
                      n->error);
    }
    return n->location;
}

const smart_location_t *smart_location_of_base(request_rec *r,
                                               const smart_base_t *base)
{
    return base->conf ? node_of(r, base, base->conf)->location : NULL;
}
