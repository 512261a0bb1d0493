/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interaction.h: which FHIR interaction a request is.
 *
 * Paths are those of path.h. Below the base:
 *
 *   /                                GET search-system or page, POST batch,
 *                                    DELETE with criteria
 *   /metadata                        GET capabilities
 *   /.well-known/smart-configuration GET discovery
 *   /_history                        GET history-system
 *   /_search                         GET POST search-system
 *   /$op  /T/$op  /T/id/$op          GET POST operation
 *   /T                               GET search-type, POST create;
 *                                    PUT PATCH DELETE with criteria
 *   /T/_search                       GET POST search-type
 *   /T/_history                      GET history-type
 *   /T/id                            GET read, PUT update, PATCH, DELETE
 *   /T/id/_history  /T/id/_history/vid   GET history-instance, vread
 *   /C/id/T  /C/id/ *                GET search-compartment
 *   /C/id/T/_search                  POST search-compartment
 *
 * T is a resource type of the version, C one that has a compartment. HEAD is
 * GET with .head set. POST on _search is a form: parameters are in the body
 * as well.
 *
 * Invariants:
 *   1. Every request is malformed or exactly one interaction; what the table
 *      does not name is UNKNOWN, and UNKNOWN is never permitted. An UNKNOWN
 *      interaction says nothing but .method_known and .head.
 *   2. Nothing is decoded or normalised in the path: it needs no escapes.
 *   3. Writes by id, create and batch take no parameter that could change
 *      what they do (_format and _pretty only): servers have some that reach
 *      further than the path says, such as a cascading delete.
 *   4. A conditional interaction has at least one criterion with a value, so
 *      that it is never about everything there is; its criteria are names
 *      without "_", or those FHIR has with it.
 *
 * Does not: decide, look into bodies, know search parameters.
 * See FHIR R4 http.html, search.html, operations.html; RFC 7240.
 */
#ifndef SMART_INTERACTION_H
#define SMART_INTERACTION_H

#include "core/base.h"
#include "core/fhir.h"
#include "core/reason.h"
#include "core/search.h"

typedef enum {
    SMART_INTERACTION_UNKNOWN = 0,
    SMART_INTERACTION_READ,
    SMART_INTERACTION_VREAD,
    SMART_INTERACTION_UPDATE,
    SMART_INTERACTION_PATCH,
    SMART_INTERACTION_DELETE,
    SMART_INTERACTION_HISTORY_INSTANCE,
    SMART_INTERACTION_HISTORY_TYPE,
    SMART_INTERACTION_HISTORY_SYSTEM,
    SMART_INTERACTION_CREATE,
    SMART_INTERACTION_SEARCH_TYPE,
    SMART_INTERACTION_SEARCH_SYSTEM,
    SMART_INTERACTION_SEARCH_COMPARTMENT,
    SMART_INTERACTION_CAPABILITIES,
    SMART_INTERACTION_BATCH,       /* or transaction: the body tells */
    SMART_INTERACTION_TRANSACTION, /* a name for rules; from bodies only */
    SMART_INTERACTION_OPERATION,
    SMART_INTERACTION_PAGE,
    SMART_INTERACTION_DISCOVERY,
    SMART_INTERACTION_COUNT
} smart_interaction_e;

typedef enum {
    SMART_LEVEL_NONE = 0,
    SMART_LEVEL_SYSTEM,
    SMART_LEVEL_TYPE,
    SMART_LEVEL_INSTANCE
} smart_level_e;

/** What of a request counts; all borrowed. NULL: no such field. */
typedef struct smart_request_t {
    const char *method;        /* exact bytes */
    smart_slice_t path;        /* raw, below the base: "" or "/..." */
    smart_slice_t query;       /* raw, without "?"; empty: none */
    const char *if_none_exist; /* value of the field */
    const char *prefer;
    bool provenance; /* X-Provenance is there */
} smart_request_t;

typedef struct smart_interaction_t {
    smart_interaction_e kind;
    smart_level_e level;
    bool method_known; /* one of GET HEAD POST PUT PATCH DELETE OPTIONS */
    bool head;         /* HEAD */
    bool conditional;  /* by a query, or by If-None-Exist */
    bool form;         /* parameters are in the body as well */
    bool body;         /* takes a body that is no form (POST PUT PATCH) */
    bool async;        /* Prefer: respond-async */
    bool provenance;   /* X-Provenance creates one more resource */
    bool all_types;    /* compartment search of "*" */
    smart_type_t type; /* 0: none (system level, all_types) */
    smart_slice_t id;
    smart_slice_t vid;
    smart_type_t compartment; /* type of a compartment search's first part */
    smart_slice_t compartment_id;
    smart_slice_t operation;      /* "$everything" with its "$" */
    smart_search_t search;        /* of the URL */
    smart_search_t if_none_exist; /* conditional create */
} smart_interaction_t;

/**
 * Recognise a request.
 * @param v    FHIR version
 * @param req  the request; borrowed as long as *pi is used
 * @param p    owns parsed parameters
 * @param pi   out: the interaction; UNKNOWN when malformed
 * @param pwhy out: what is malformed, constant text, NULL otherwise
 * @return SMART_REASON_PATH or SMART_REASON_QUERY: malformed (400);
 *         SMART_REASON_UNDECIDED: recognised or UNKNOWN
 */
smart_reason_e smart_interaction_read(smart_fhir_e v,
                                      const smart_request_t *req, apr_pool_t *p,
                                      smart_interaction_t *pi,
                                      const char **pwhy);

/**
 * Whether a parameter names a page of an earlier search: "_getpages",
 * "_page", "ct", ...
 * @param name decoded, whole
 */
bool smart_interaction_page_param(smart_slice_t name);

/** Name of a kind as FHIR has it ("search-type"); "unknown" for no kind. */
const char *smart_interaction_name(smart_interaction_e kind);

/** Kind of a name; UNKNOWN when there is none. */
smart_interaction_e smart_interaction_named(smart_slice_t name);

#endif
