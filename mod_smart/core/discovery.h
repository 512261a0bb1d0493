/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discovery.h: what .well-known/smart-configuration says, made of what an
 * authorization server publishes or of a file, and held against the table of
 * members of the guide.
 *
 *   metadata of the server   RFC 8414 or OpenID Connect; knows neither
 *                            capabilities nor this gateway: what is missing
 *                            there is added here
 *   file                     is the administrator's word: named capabilities
 *                            are added, nothing else is
 *
 * Invariants:
 *   1. What comes out has every member that the guide requires for its
 *      capabilities, each of its type; else nothing comes out, and the faults
 *      name all members that are wrong.
 *   2. "plain" is never among the code challenge methods; an issuer is there
 *      only with sso-openid-connect.
 *   3. The same input gives the same bytes.
 *
 * Does not: ask whether what the server says of itself is true.
 * See SMART App Launch 2.2, Conformance, "Metadata"; RFC 8414; RFC 9728.
 */
#ifndef SMART_DISCOVERY_H
#define SMART_DISCOVERY_H

#include "core/base.h"

/** What a document is made of; all borrowed. */
typedef struct smart_discovery_source_t {
    smart_slice_t text; /* JSON */
    bool is_file;       /* false: metadata of an authorization server */
    const char *const *capabilities;    /* to add; NULL at end; NULL: none */
    const char *introspection_endpoint; /* NULL: not for clients */
    const char *issuer;                 /* that metadata must have; NULL: any */
} smart_discovery_source_t;

/** Endpoints as the oauth-uris extension names them; NULL: none. */
typedef struct smart_oauth_uris_t {
    const char *authorize;
    const char *token;
    const char *register_uri;
    const char *manage;
    const char *introspect;
    const char *revoke;
} smart_oauth_uris_t;

typedef struct smart_discovery_t {
    smart_slice_t json;      /* the document; empty: there is none */
    smart_oauth_uris_t uris; /* of it */
    const char *issuer;      /* of the source; NULL: none */
    smart_slice_t scopes;    /* scopes_supported as JSON; empty: none */
    const char *fault;       /* "" or what is wrong, all of it; names members,
                                not their values */
} smart_discovery_t;

/** Whether a capability is one the guide names, or an URI. */
bool smart_discovery_capability_known(const char *name);

/**
 * Make the document.
 * @param source what of
 * @param p      owns all that *out points to
 * @param out    out: always filled
 * @return false: out->fault says why, out->json is empty
 */
bool smart_discovery_make(const smart_discovery_source_t *source, apr_pool_t *p,
                          smart_discovery_t *out);

/**
 * Make the metadata of the protected resource (RFC 9728).
 * @param d        made by smart_discovery_make
 * @param resource URL of the base, exactly as clients use it
 * @param p        owns the result
 */
smart_slice_t smart_discovery_resource(const smart_discovery_t *d,
                                       const char *resource, apr_pool_t *p);

#endif
