/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discovery.h: what this server tells clients about itself before they have a
 * token.
 *
 *   discovery_conf.c     SmartDiscovery, SmartCapability
 *   discovery_source.c   fetches metadata of authorization servers, in the
 *                        background; one process for all
 *   discovery.c          the document of a location, and who gets it:
 *                        <base>/.well-known/smart-configuration
 *   resource_metadata.c  RFC 9728: /.well-known/oauth-protected-resource<base>
 *   statement.c          <base>/metadata: rest.security
 *
 * Invariants:
 *   1. A document of a file was found right before the start; one of metadata
 *      replaces the last when it is right, and stays when the next one is not,
 *      or does not come.
 *   2. No request waits for the network: without a document the answer is 503.
 *   3. Nothing here depends on what a client sends, but for the choice of the
 *      document.
 */
#ifndef SMART_HTTPD_DISCOVERY_H
#define SMART_HTTPD_DISCOVERY_H

#include "httpd/location.h"

#include "core/discovery.h"

/** Metadata that is fetched; see discovery_source.c. */
typedef struct smart_fetched_t smart_fetched_t;

/** The last CapabilityStatement of a location, as it came and as it was sent;
    kept by statement.c. */
typedef struct smart_statement_t {
    apr_pool_t *pool;                       /* NULL: there is none */
    unsigned char digest[SMART_DIGEST_LEN]; /* of the backend's bytes, and of
                                               the endpoints put into them */
    smart_slice_t text; /* what was made of them; empty: nothing */
} smart_statement_t;

/** What a location tells clients. A location has one unless SmartDiscovery is
    off. Members from <version> on are guarded by a mutex of discovery.c. */
struct smart_publication_t {
    smart_discovery_source_t source;
    smart_discovery_t of_file;      /* of a file: the document */
    const smart_fetched_t *fetched; /* of metadata; NULL: outside of children */
    apr_uint64_t version;           /* of the metadata that was looked at */
    apr_pool_t *pool;               /* of <latest>; NULL: there is none */
    smart_discovery_t latest;
    smart_statement_t statement;
};

/**
 * Make what a location tells clients; a file is judged here.
 * @param l      location, complete but for this
 * @param conf   merged sections; discovery is neither unset nor off
 * @param p      owns the result
 * @param perror out: what is wrong, naming the directive
 * @return NULL with *perror set when there is nothing to serve
 */
smart_publication_t *smart_publication_make(const smart_location_t *l,
                                            const smart_dir_conf_t *conf,
                                            apr_pool_t *p, const char **perror);

/**
 * The document of a location, as it is now.
 * @param pub of the location; NULL is taken
 * @param p   owns a copy
 * @param out out: the document; json is empty on false
 * @return false: there is none, or none yet
 */
bool smart_publication_get(smart_publication_t *pub, apr_pool_t *p,
                           smart_discovery_t *out);

/** Whether there is a document now. */
bool smart_publication_ready(smart_publication_t *pub);

/**
 * Send a JSON document to whoever asks: GET and HEAD, ETag, CORS for all.
 * @return what a handler has to return
 */
int smart_discovery_send(request_rec *r, smart_slice_t json);

/** The validator of some bytes; NULL: there is no SHA-256. */
const char *smart_discovery_etag(smart_slice_t bytes, apr_pool_t *p);

/* ---- discovery_source.c ---- */

/**
 * In check_config: note what is to be fetched, and what will be made of it.
 * @param l location with metadata; copied as far as needed
 * @return false: there are too many
 */
bool smart_fetched_note(apr_pool_t *pconf, const server_rec *s,
                        const smart_location_t *l);

/** Metadata that was noted; NULL: none of this URL. */
const smart_fetched_t *smart_fetched_find(const smart_location_t *l,
                                          const char *url);

/** Counts up with each text; 0: there has been none. */
apr_uint64_t smart_fetched_version(const smart_fetched_t *fetched);

/** The last text; false: there is none. */
bool smart_fetched_get(const smart_fetched_t *fetched, apr_pool_t *p,
                       smart_slice_t *ptext);

/** post_config: the memory that all processes share. */
int smart_fetched_post_config(apr_pool_t *pconf, apr_pool_t *plog,
                              apr_pool_t *ptemp, server_rec *s);

/* ---- once per child, after the connections are there ---- */

void smart_discovery_child_init(apr_pool_t *pchild);
void smart_fetched_child_init(apr_pool_t *pchild, server_rec *s);
void smart_statement_child_init(apr_pool_t *pchild);

/* ---- hooks, see mod_smart.c ---- */

int smart_discovery_handler(request_rec *r);
int smart_resource_translate_name(request_rec *r);
int smart_resource_map_to_storage(request_rec *r);
int smart_resource_handler(request_rec *r);
void smart_statement_insert_filter(request_rec *r);
void smart_statement_register(apr_pool_t *p);

/* ---- for other rooms ---- */

/** Whether a request is for the metadata of a protected resource. */
bool smart_resource_is(const request_rec *r);

/** Their URL for a challenge; NULL: they are not served, or not now. */
const char *smart_resource_url(const smart_location_t *l, apr_pool_t *p);

/**
 * Towards the backend: ask for a CapabilityStatement that can be read here.
 * @param ctx     request on its way
 * @param headers that are sent
 */
struct smart_context_t;
void smart_statement_upstream(const struct smart_context_t *ctx,
                              apr_table_t *headers);

#endif
