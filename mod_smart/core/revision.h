/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revision.h: what is there now, held against what is to be done with it, and
 * the precondition that keeps it so until the backend does it.
 *
 *   nothing there   update: may create it, sent with If-None-Match: *
 *                   patch, delete: as if it were somebody else's
 *   not covered     as if nothing were there
 *   covered         sent with If-Match and the tag that was read
 *   operation       covered, to be read or to be changed; sent as it came
 *
 * A client's own If-Match must be the tag that was read: between the two no
 * other version may slip in.
 *
 * See RFC 9110 13.1; FHIR R4 http.html, Managing Resource Contention.
 */
#ifndef SMART_REVISION_H
#define SMART_REVISION_H

#include "core/base.h"
#include "core/coverage.h"
#include "core/interaction.h"
#include "core/json.h"
#include "core/reason.h"

/** What a pre-read found; all NULL: nothing. */
typedef struct smart_found_t {
    const smart_json_t *resource;
    const char *etag; /* W/"3" or "3"; NULL: the backend has no versions */
} smart_found_t;

/** What a client said about the version it knows; NULL: nothing. */
typedef struct smart_client_match_t {
    const char *if_match;
    const char *if_none_match;
} smart_client_match_t;

/** What is sent instead of If-Match and If-None-Match; NULL: no such field. */
typedef struct smart_revision_t {
    const char *if_match;
    const char *if_none_match;
} smart_revision_t;

/**
 * Judge an update, patch or delete by what is there.
 * @param c      the grant and what else coverage needs
 * @param i      update, patch or delete of an instance
 * @param found  what is there
 * @param client what the client said
 * @param p      scratch
 * @param prev   out: the precondition to send; all NULL unless UNDECIDED
 * @return SMART_REASON_UNDECIDED, FOREIGN or PRECONDITION
 */
smart_reason_e smart_revision_judge(const smart_coverage_t *c,
                                    const smart_interaction_t *i,
                                    const smart_found_t *found,
                                    const smart_client_match_t *client,
                                    apr_pool_t *p, smart_revision_t *prev);

/**
 * Judge an operation on an instance by what is there: nobody but its rule knows
 * whether it reads or changes it.
 * @param c     the grant and what else coverage needs
 * @param found what is there
 * @param p     scratch
 * @return SMART_REASON_UNDECIDED or FOREIGN
 */
smart_reason_e smart_revision_operate(const smart_coverage_t *c,
                                      const smart_found_t *found,
                                      apr_pool_t *p);

/**
 * The entity tag of a resource that was read.
 * @param field    value of ETag; NULL: there is none
 * @param resource its meta.versionId is taken where the field is no tag
 * @param p        owns the result
 * @return a tag; NULL: there is none
 */
const char *smart_revision_etag(const char *field, const smart_json_t *resource,
                                apr_pool_t *p);

#endif
