/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search.h: the parameters of a query string or form, parsed once, and
 * written back exactly as they were understood.
 *
 *   query = *( "&" ) pair *( "&" pair )    empty pairs are dropped
 *   pair  = name [ "=" value ]             percent-decoded after the split,
 *                                          "+" is a blank
 *   name  = base [ ":" modifier ] *( "." chain part )
 *
 * Raw bytes, of names and values alike:
 *
 *   kept      A-Z a-z 0-9 - . _ ~ ! $ ' ( ) * + , : @ / ? and "%" with two
 *             hex digits; in values "=" too
 *   escaped   | [ ] { } " < > ^ ` \   come raw from real clients (tokens,
 *             GraphQL, FHIR's own "\," escape) though RFC 3986 has them
 *             escaped; some servers refuse them raw (Tomcat does), all read
 *             them escaped, so that is how they are sent
 *   malformed everything else: ";", which some backends split at, "#",
 *             blanks, control bytes, bytes above 0x7E
 *
 * Malformed too: an incomplete or wrong escape, a decoded control byte or
 * DEL, decoded text that is not UTF-8, a name with an empty part ("=x",
 * "patient:=x", "patient.=x": a backend drops what it can not name), more
 * than SMART_MAX_PARAMS pairs.
 *
 * A pair is sent as it came where nothing had to be changed. A name that came
 * with escapes or "+" is sent decoded, with only what must be escaped: what
 * was judged is what the backend reads, however it compares names.
 *
 * Invariants:
 *   1. smart_search_parse(smart_search_write(s)) equals s, unchanged, for
 *      every s that was parsed and for additions up to SMART_MAX_PARAMS.
 *   2. Work and memory grow with the length of the query, not faster.
 *
 * Does not: know parameters, split values at commas or "|".
 * See RFC 3986 section 3.4; FHIR R4 search.html.
 */
#ifndef SMART_SEARCH_H
#define SMART_SEARCH_H

#include "core/base.h"

/** One parameter. All slices are borrowed from the query or its pool. */
typedef struct smart_search_param_t {
    smart_slice_t raw;      /* the pair as it came, or as it will be sent */
    smart_slice_t name;     /* decoded, whole: "subject:Patient.name" */
    smart_slice_t base;     /* "subject" */
    smart_slice_t modifier; /* "Patient"; empty: none; of the first link */
    smart_slice_t chain;    /* "name", further links after dots; empty: none.
                               For _has, _include and _revinclude, which use
                               ":" as a separator, everything after the first
                               ":" is in modifier and chain is empty */
    smart_slice_t value;    /* decoded */
} smart_search_param_t;

/** A parameter to be added: name and value, decoded. */
typedef struct smart_pair_t {
    const char *name;
    const char *value;
} smart_pair_t;

typedef struct smart_search_t {
    smart_search_param_t *params;
    int count;
    bool changed; /* not what the client sent: has to be written anew */
} smart_search_t;

/**
 * Parse a raw query string or form.
 * @param raw     without "?"; borrowed until p is destroyed
 * @param p       owns the result
 * @param psearch out: the parameters; empty on false
 * @param pwhy    out: what is malformed, constant text; NULL on true
 * @return false when malformed
 */
bool smart_search_parse(smart_slice_t raw, apr_pool_t *p,
                        smart_search_t *psearch, const char **pwhy);

/**
 * Add a parameter at the end; name and value are encoded here.
 * @param search changed; gets its own list, so that a copy of *search made
 *               before is not touched
 * @param name   decoded; borrowed until p is destroyed
 * @param value  decoded, UTF-8 without control bytes; borrowed likewise
 * @param p      owns what is made
 * @return false when the name has an empty part, as in ".x": nothing is added
 */
bool smart_search_add(smart_search_t *search, const char *name,
                      const char *value, apr_pool_t *p);

/**
 * Write the parameters in order, separated by "&".
 * @return text without "?"; "" when there are none
 */
const char *smart_search_write(const smart_search_t *search, apr_pool_t *p);

#endif
