/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outcome.h: what a client is told about a refusal: a FHIR OperationOutcome
 * and an RFC 6750 challenge. Nothing of the request or of the token is in
 * them, but for the scope that would have done.
 *
 * See RFC 6750 section 3; FHIR OperationOutcome; RFC 9728 section 5.1.
 */
#ifndef SMART_OUTCOME_H
#define SMART_OUTCOME_H

#include "core/base.h"
#include "core/reason.h"

/**
 * Write the body.
 * @param entry of a Bundle, that is the cause; from 1 on, 0: none
 * @return one OperationOutcome as JSON, ends with a line feed; the same bytes
 *         for the same reason and entry
 */
const char *smart_outcome_body(smart_reason_e reason, int entry, apr_pool_t *p);

/**
 * Say instead of the FHIR server that it answered with an error.
 * @param status 400 to 599
 * @return constant: an OperationOutcome, ends with a line feed
 */
const char *smart_outcome_status(int status);

/**
 * Write the value of WWW-Authenticate.
 * @param realm    AuthName; quoted here; control bytes and bytes above 0x7E
 *                 are left out
 * @param scope    for insufficient_scope; NULL: none; left out when it has a
 *                 byte RFC 6750 3 does not allow
 * @param metadata URL of the RFC 9728 document; NULL: none
 * @return NULL for statuses that have no challenge (404, 405, 500, 503, ...)
 */
const char *smart_outcome_challenge(smart_reason_e reason, const char *realm,
                                    const char *scope, const char *metadata,
                                    apr_pool_t *p);

#endif
