/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coverage.h: what core needs of a request to say what its client may see:
 * policy, grant, and how references to our own resources are written.
 */
#ifndef SMART_HTTPD_COVERAGE_H
#define SMART_HTTPD_COVERAGE_H

#include "httpd/request.h"

#include "core/coverage.h"

/**
 * The coverage of a request.
 * @param ctx request with a grant and a location; r->filename or the permit
 *            says where the backend is. Borrowed as long as the result is used
 */
smart_coverage_t smart_request_coverage(const smart_context_t *ctx);

/**
 * How the backend names its base, as far as its address tells.
 * @return texts without a trailing slash, NULL at end; none when it is reached
 *         through a balancer or is no backend
 */
const char *const *smart_request_backends(const smart_context_t *ctx);

#endif
