/* SPDX-License-Identifier: Apache-2.0 */
/*
 * preread.h: reads what is at the backend before a request about it is sent
 * there.
 */
#ifndef SMART_PREREAD_H
#define SMART_PREREAD_H

#include "httpd/request.h"

#include "core/revision.h"

/**
 * Read a resource through the sections, and with the fields towards the
 * backend, of a request. Blocks until the answer is there; costs a connection
 * to the backend.
 * @param ctx    request that needs to know; authenticated, permit held
 * @param below  path below the base, canonical: "/Observation/obs-1"
 * @param p      owns what is there, which may be SmartInspectLimit and more
 * @param pfound out: what is there; all NULL: nothing is (404 or 410), or the
 *               call failed
 * @return SMART_REASON_UNDECIDED, or SMART_REASON_BACKEND: no answer that
 *         could be used
 */
smart_reason_e smart_preread(smart_context_t *ctx, const char *below,
                             apr_pool_t *p, smart_found_t *pfound);

/** The request that a sub-request is the pre-read of; NULL: of none. */
const smart_context_t *smart_preread_parent(const request_rec *r);

/** Leave of the fields of a pre-read those that ask for all of it as JSON. */
void smart_preread_fields(request_rec *r);

/** Register the filter that takes the answer. */
void smart_preread_register(apr_pool_t *p);

#endif
