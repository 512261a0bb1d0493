/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discovery.c: the document of a location, made when its metadata have
 * changed, and the answer to <base>/.well-known/smart-configuration.
 *
 * The handler runs behind the gate, like any other, and before mod_proxy: what
 * is served here never comes from the backend.
 */
#include "httpd/discovery.h"
#include "httpd/request.h"

#include <http_core.h>
#include <http_log.h>
#include <http_main.h>
#include <http_request.h>

#include <apr_strings.h>
#include <apr_thread_mutex.h>

APLOG_USE_MODULE(smart);

/* How long clients may keep it, in seconds. */
#define MAX_AGE "60"

/* Guards what is in publications; NULL outside of children. */
static apr_thread_mutex_t *mutex;

static volatile apr_uint32_t fault_minute;

void smart_discovery_child_init(apr_pool_t *pchild)
{
    if (apr_thread_mutex_create(&mutex, APR_THREAD_MUTEX_DEFAULT, pchild) !=
        APR_SUCCESS) {
        mutex = NULL; /* then nothing of metadata is served */
    }
}

/* ---- making ---- */

static apr_status_t drop(void *data)
{
    smart_publication_t *pub = data;

    if (pub->pool) {
        apr_pool_destroy(pub->pool);
    }
    if (pub->statement.pool) {
        apr_pool_destroy(pub->statement.pool);
    }
    return APR_SUCCESS;
}

/* NULL at end. */
static const char *const *names_of(const smart_dir_conf_t *conf, apr_pool_t *p)
{
    const int n = conf->capabilities ? conf->capabilities->nelts : 0;
    const char **names =
        apr_pcalloc(p, ((apr_size_t)n + 1) * sizeof(const char *));
    int i;

    for (i = 0; i < n; i++) {
        names[i] = APR_ARRAY_IDX(conf->capabilities, i, const char *);
    }
    return names;
}

static bool take_file(smart_publication_t *pub, const smart_dir_conf_t *conf,
                      apr_pool_t *p, const char **perror)
{
    pub->source.is_file = true;
    pub->source.text = conf->discovery_text;
    if (!smart_discovery_make(&pub->source, p, &pub->of_file)) {
        *perror =
            apr_pstrcat(p, "SmartDiscovery file \"", conf->discovery_from,
                        "\" can not be served: ", pub->of_file.fault, NULL);
        return false;
    }
    if (!pub->of_file.issuer) {
        pub->of_file.issuer = conf->issuer;
    }
    return true;
}

smart_publication_t *smart_publication_make(const smart_location_t *l,
                                            const smart_dir_conf_t *conf,
                                            apr_pool_t *p, const char **perror)
{
    smart_publication_t *pub = apr_pcalloc(p, sizeof(*pub));
    const char *endpoint = l->endpoint.url;

    pub->source.capabilities = names_of(conf, p);
    if (conf->discovery == SMART_DISCOVERY_CONF_FILE) {
        return take_file(pub, conf, p, perror) ? pub : NULL;
    }
    pub->source.issuer = conf->issuer;
    /* One that is reached over loopback is nobody else's business. */
    if (endpoint && strncmp(endpoint, "https:", 6) == 0) {
        pub->source.introspection_endpoint = endpoint;
    }
    pub->fetched = smart_fetched_find(l, conf->discovery_from);
    apr_pool_cleanup_register(p, pub, drop, apr_pool_cleanup_null);
    return pub;
}

/* ---- the document now ---- */

static void complain(const smart_discovery_t *made)
{
    if (smart_once_a_minute(&fault_minute)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, ap_server_conf,
                     "SMART0606: metadata can not be served as "
                     "smart-configuration: %s",
                     made->fault);
    }
}

/* Under the mutex: look at new metadata; the last document stays if they make
   none. */
static void renew(smart_publication_t *pub)
{
    const apr_uint64_t version = smart_fetched_version(pub->fetched);
    smart_discovery_source_t source = pub->source;
    smart_discovery_t made;
    apr_pool_t *p;

    if (version == pub->version || apr_pool_create(&p, NULL) != APR_SUCCESS) {
        return;
    }
    if (!smart_fetched_get(pub->fetched, p, &source.text)) {
        apr_pool_destroy(p); /* half written: look again next time */
        return;
    }
    pub->version = version;
    if (!smart_discovery_make(&source, p, &made)) {
        complain(&made);
        apr_pool_destroy(p);
        return;
    }
    if (pub->pool) {
        apr_pool_destroy(pub->pool);
    }
    pub->pool = p;
    pub->latest = made;
}

static const char *copy(const char *text, apr_pool_t *p)
{
    return apr_pstrdup(p, text); /* NULL-safe */
}

static void copy_out(const smart_discovery_t *d, apr_pool_t *p,
                     smart_discovery_t *out)
{
    out->json =
        smart_slice_n(apr_pstrmemdup(p, d->json.ptr, d->json.len), d->json.len);
    out->uris.authorize = copy(d->uris.authorize, p);
    out->uris.token = copy(d->uris.token, p);
    out->uris.register_uri = copy(d->uris.register_uri, p);
    out->uris.manage = copy(d->uris.manage, p);
    out->uris.introspect = copy(d->uris.introspect, p);
    out->uris.revoke = copy(d->uris.revoke, p);
    out->issuer = copy(d->issuer, p);
    out->scopes = smart_slice_n(
        d->scopes.len ? apr_pstrmemdup(p, d->scopes.ptr, d->scopes.len) : NULL,
        d->scopes.len);
    out->fault = "";
}

/* With <out> NULL: only whether there is one. */
static bool get(smart_publication_t *pub, apr_pool_t *p, smart_discovery_t *out)
{
    bool found;

    if (!pub || pub->source.is_file) {
        if (pub && out) {
            *out = pub->of_file;
        }
        return pub != NULL;
    }
    if (!pub->fetched || !mutex ||
        apr_thread_mutex_lock(mutex) != APR_SUCCESS) {
        return false;
    }
    renew(pub);
    found = pub->pool != NULL;
    if (found && out) {
        copy_out(&pub->latest, p, out);
    }
    apr_thread_mutex_unlock(mutex);
    return found;
}

bool smart_publication_get(smart_publication_t *pub, apr_pool_t *p,
                           smart_discovery_t *out)
{
    memset(out, 0, sizeof(*out));
    return get(pub, p, out);
}

bool smart_publication_ready(smart_publication_t *pub)
{
    return get(pub, NULL, NULL);
}

/* ---- the answer ---- */

const char *smart_discovery_etag(smart_slice_t bytes, apr_pool_t *p)
{
    unsigned char digest[SMART_DIGEST_LEN];
    char hex[2 * 16 + 1];

    if (smart_digest_sha256(bytes, digest) != APR_SUCCESS) {
        return NULL;
    }
    ap_bin2hex(digest, 16, hex);
    return apr_pstrcat(p, "\"", hex, "\"", NULL);
}

int smart_discovery_send(request_rec *r, smart_slice_t json)
{
    const char *etag = smart_discovery_etag(json, r->pool);
    int status;

    r->no_cache = 0; /* it is everybody's */
    if (etag) {
        apr_table_setn(r->headers_out, "ETag", etag);
    }
    apr_table_setn(r->headers_out, "Cache-Control", "max-age=" MAX_AGE);
    /* There may be one for the origin of this request, as for other answers. */
    apr_table_setn(r->err_headers_out, "Access-Control-Allow-Origin", "*");
    status = ap_meets_conditions(r);
    if (status != OK) {
        return status;
    }
    ap_set_content_type(r, "application/json");
    ap_set_content_length(r, (apr_off_t)json.len);
    ap_rwrite(json.ptr, (int)json.len, r);
    return OK;
}

int smart_discovery_handler(request_rec *r)
{
    smart_context_t *ctx = smart_context_of(r);
    smart_discovery_t d;

    if (!ctx || !ctx->permit.held || !ctx->location ||
        !ctx->location->publication ||
        ctx->interaction.kind != SMART_INTERACTION_DISCOVERY ||
        smart_resource_is(r)) {
        return DECLINED;
    }
    if (!smart_publication_get(ctx->location->publication, r->pool, &d)) {
        return smart_refuse(ctx, SMART_REASON_DISCOVERY);
    }
    return smart_discovery_send(r, d.json);
}
