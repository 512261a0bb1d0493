/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata.h: fetches what an authorization server publishes about itself
 * (RFC 8414, OpenID Connect Discovery).
 *
 * Does not: judge the members; see core/discovery.h.
 */
#ifndef SMART_METADATA_H
#define SMART_METADATA_H

#include "io/http.h"

/** Where, and how long to wait; all borrowed. */
typedef struct smart_metadata_source_t {
    const char *url;        /* https, or http to a loopback address */
    const char *ca_file;    /* NULL: the system's trust anchors */
    int connect_timeout_ms; /* positive */
    int total_timeout_ms;   /* positive */
    apr_size_t max_bytes;   /* largest text taken */
} smart_metadata_source_t;

/**
 * Fetch a text.
 * @param http  connections
 * @param p     owns the text
 * @param ptext out: JSON, an object; empty on false
 * @param pwhy  out: why there is none, constant or safe to log; "" on true
 * @return false: no status 200 with strict JSON of a JSON media type
 */
bool smart_metadata_fetch(smart_http_t *http,
                          const smart_metadata_source_t *source, apr_pool_t *p,
                          smart_slice_t *ptext, const char **pwhy);

#endif
