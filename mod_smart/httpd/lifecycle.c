/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lifecycle.c: what lives longer than a request: the segment, the secret, the
 * connections.
 *
 * The segment is anonymous shared memory, made once by the parent and kept in
 * httpd's retained data, so that a graceful restart, which unloads and loads
 * this module, finds the tokens it knew. The secret of the keys is kept beside
 * it, in the parent's private memory. A changed size or layout starts anew;
 * children of the old generation go on with the mapping they inherited.
 *
 * The parent may run as root and the children can write to the segment: the
 * parent looks at nothing in it but the header, which it compares.
 */
#include "httpd/account.h"
#include "httpd/discovery.h"
#include "httpd/refresh.h"
#include "httpd/request.h"
#include "httpd/shared_cache.h"

#include <http_core.h>
#include <http_log.h>
#include <mpm_common.h>

#include <apr_shm.h>

#include "io/seal.h"
#include "io/secret.h"

APLOG_USE_MODULE(smart);

#define RETAINED "mod_smart"

/* Kept over restarts. The layout of this struct may not change between two
   builds without another RETAINED name. */
typedef struct retained_t {
    apr_shm_t *shm;
    apr_size_t bytes;
    apr_uint64_t seal; /* of the segment; a new one for each */
    bool has_secret;
    unsigned char secret[SMART_DIGEST_LEN];
} retained_t;

static retained_t *retained(void)
{
    retained_t *kept = ap_retained_data_get(RETAINED);

    return kept ? kept : ap_retained_data_create(RETAINED, sizeof(retained_t));
}

static apr_status_t forget_process(void *data)
{
    memset(&smart_process, 0, sizeof(smart_process));
    return APR_SUCCESS;
}

int smart_lifecycle_pre_config(apr_pool_t *pconf, apr_pool_t *plog,
                               apr_pool_t *ptemp)
{
    memset(&smart_process, 0, sizeof(smart_process));
    apr_pool_cleanup_register(pconf, NULL, forget_process,
                              apr_pool_cleanup_null);
    smart_store_pre_config(pconf);
    return OK;
}

/* Threads that may wait for the authorization server, in one child. */
static unsigned threads_of_child(void)
{
    int threads = 1;

    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    return threads > 1 ? (unsigned)threads : 1;
}

/* Introspections under way at once: a quarter of the workers, at least 2. */
static unsigned concurrent(const smart_server_conf_t *conf)
{
    int children = 1;
    unsigned quarter;

    if (conf->max_concurrent) {
        return conf->max_concurrent;
    }
    ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &children);
    quarter = (children > 1 ? (unsigned)children : 1) * threads_of_child() / 4;
    return quarter > 2 ? quarter : 2;
}

/* A segment of this size, kept or new. */
static apr_status_t segment_open(retained_t *kept, apr_size_t bytes,
                                 unsigned permits, server_rec *s,
                                 apr_pool_t *pconf)
{
    apr_status_t rv;

    if (kept->shm && kept->bytes == bytes &&
        smart_shared_open(apr_shm_baseaddr_get(kept->shm), bytes, kept->seal,
                          permits, pconf,
                          &smart_process.shared) == APR_SUCCESS) {
        return APR_SUCCESS;
    }
    if (kept->shm) {
        apr_shm_destroy(kept->shm);
        kept->shm = NULL;
    }
    rv = smart_digest_random(&kept->seal, sizeof(kept->seal));
    if (rv == APR_SUCCESS) {
        rv = apr_shm_create(&kept->shm, bytes, NULL, s->process->pool);
    }
    if (rv != APR_SUCCESS) {
        kept->shm = NULL;
        return rv;
    }
    kept->bytes = bytes;
    return smart_shared_format(apr_shm_baseaddr_get(kept->shm), bytes,
                               kept->seal, permits, pconf,
                               &smart_process.shared);
}

/* The secret of keys: of the cluster, or of this server alone. */
static apr_status_t secret_open(retained_t *kept,
                                const smart_server_conf_t *conf,
                                apr_pool_t *pconf)
{
    if (conf->master) {
        unsigned char secret[SMART_SEAL_KEY];
        apr_status_t rv =
            smart_seal_derive(conf->master, "mod_smart keys of tokens", secret);

        if (rv == APR_SUCCESS) {
            rv = smart_digest_create(secret, pconf, &smart_process.digest);
        }
        smart_secret_wipe(secret, sizeof(secret));
        return rv;
    }
    if (!kept->has_secret) {
        apr_status_t rv =
            smart_digest_random(kept->secret, sizeof(kept->secret));

        if (rv != APR_SUCCESS) {
            return rv;
        }
        kept->has_secret = true;
    }
    return smart_digest_create(kept->secret, pconf, &smart_process.digest);
}

int smart_lifecycle_post_config(apr_pool_t *pconf, apr_pool_t *plog,
                                apr_pool_t *ptemp, server_rec *s)
{
    const smart_server_conf_t *conf =
        ap_get_module_config(s->module_config, &smart_module);
    const apr_size_t bytes =
        (conf->cache_bytes ? conf->cache_bytes : SMART_CACHE_BYTES) +
        SMART_SHARED_FIXED;
    retained_t *kept;
    apr_status_t rv;

    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    kept = retained();
    rv = secret_open(kept, conf, pconf);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, rv, s,
                     "SMART0108: no random secret, or OpenSSL has no SHA-256; "
                     "the server is not started");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    rv = segment_open(kept, bytes, concurrent(conf), s, pconf);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, rv, s,
                     "SMART0109: no %" APR_SIZE_T_FMT " bytes of shared memory "
                     "for the token cache; lower SmartCacheSize",
                     bytes);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return smart_shared_cache_open(conf, s, pconf) == APR_SUCCESS
               ? OK
               : HTTP_INTERNAL_SERVER_ERROR;
}

void smart_lifecycle_child_init(apr_pool_t *pchild, server_rec *s)
{
    const unsigned threads = threads_of_child();

    if (smart_http_process_init() == APR_SUCCESS) {
        smart_process.http = smart_http_create(pchild);
    }
    if (!smart_process.http) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     "SMART0103: libcurl can not be used; this process answers "
                     "500 to every protected request");
    }
    smart_process.flights = smart_flights_create(threads + 64, pchild);
    smart_counters_join(smart_process.shared.counters, threads);
    smart_account_child_init(pchild, s, threads);
    smart_location_child_init(pchild, smart_process.digest);
    smart_refresh_child_init(pchild, s);
    smart_discovery_child_init(pchild);
    smart_statement_child_init(pchild);
    smart_fetched_child_init(pchild, s);
    smart_store_child_init(pchild, s);
}
