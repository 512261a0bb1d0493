/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location.h: the effective configuration of a request, with defaults applied
 * and everything made that does not depend on the request.
 *
 * httpd merges sections per request; what a merge comes to is made once per
 * process and combination of (virtual host, base, sections), and found again
 * by these. Readers take no lock.
 *
 * Invariant: a location that could not be made is NULL, and the caller denies.
 */
#ifndef SMART_LOCATION_H
#define SMART_LOCATION_H

#include "httpd/config.h"

#include "core/decision.h"
#include "io/digest.h"

/** What a location tells clients; see httpd/discovery.h. */
typedef struct smart_publication_t smart_publication_t;

typedef struct smart_location_t {
    smart_mode_e mode; /* ENFORCE or REPORT */
    const char *base;  /* "/fhir"; "" for the root */
    apr_size_t base_len;
    const char *public_url; /* of the base, no trailing slash */
    bool public_url_sure;   /* configured, or ServerName has a scheme */
    smart_policy_t policy;
    apr_off_t inspect_limit; /* most bytes of a body that is looked at */
    smart_token_policy_t token;
    smart_grant_recipe_t recipe;
    smart_endpoint_t endpoint; /* url NULL: none is configured */
    const char *auth_shown;    /* for dumps; no secret */
    unsigned char fingerprint[SMART_DIGEST_LEN]; /* of endpoint, client and
                                                    all that shapes records */
    smart_digest_realm_t *realm; /* keys; NULL outside child processes */
    apr_int64_t ttl_us;
    apr_int64_t negative_ttl_us;
    apr_int64_t stale_us;    /* past the TTL, while the server fails */
    apr_uint64_t breaker_id; /* of the endpoint's URL */
    bool lasting;            /* lives as long as the process */
    const smart_claim_header_t *claim_headers;
    int claim_header_count;
    bool forward_token;
    const char *const *cors_origins; /* NULL: no CORS */
    bool cors_any;
    apr_uint32_t *said_no_etag; /* 1: a backend without versions is logged */
    smart_discovery_conf_e discovery;
    const char *discovery_from;       /* URL or path */
    smart_publication_t *publication; /* NULL: discovery is off */
} smart_location_t;

/**
 * Make a location, at start-up for checks and dumps, in children for use.
 * @param s      virtual host (public URL, bases)
 * @param conf   merged sections
 * @param base   base of the request, from smart_config_base; conf->fhir_base
 *               goes first if it is set
 * @param p      owns the result
 * @param perror out: what is missing or wrong, naming the directive
 * @return NULL with *perror set when it can not be made
 */
smart_location_t *smart_location_make(const server_rec *s,
                                      const smart_dir_conf_t *conf,
                                      const smart_base_t *base, apr_pool_t *p,
                                      const char **perror);

/** Once per child, before requests: what locations are made with. */
void smart_location_child_init(apr_pool_t *pchild, smart_digest_t *digest);

/**
 * The location of a request whose sections have been merged; made when it is
 * seen for the first time in this process.
 * @return NULL: it can not be made, deny; the reason is logged once a minute
 */
const smart_location_t *smart_location_get(request_rec *r,
                                           const smart_base_t *base);

/**
 * The location of a base itself, whatever the request is for.
 * @return NULL: there is none, or it can not be made
 */
const smart_location_t *smart_location_of_base(request_rec *r,
                                               const smart_base_t *base);

/**
 * What the breaker of an endpoint is found by: it is the endpoint's, whoever
 * asks it.
 * @param url of the endpoint
 * @param pid out: part of a digest of it
 * @return false: there is no SHA-256
 */
bool smart_location_breaker_id(const char *url, apr_uint64_t *pid);

#endif
