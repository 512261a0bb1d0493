/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.h: what was decided, at LogLevel smart:debug.
 */
#ifndef SMART_HTTPD_TRACE_H
#define SMART_HTTPD_TRACE_H

#include "httpd/request.h"

/**
 * Log a line about ctx->decision: what build/smart-explain says of it, but no
 * identifier: scopes lose their constraints, values are not named.
 */
void smart_trace_decision(const smart_context_t *ctx);

#endif
