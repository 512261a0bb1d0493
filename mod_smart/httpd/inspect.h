/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect.h: answers of which not all may be seen: what is asked of the
 * backend, and what becomes of what it says. See core/inspect.h for the rules.
 *
 *   INSPECT   the exchange is pinned: JSON, whole, without coding or
 *             conditions, HEAD as GET. The answer is held back until it was
 *             judged
 *   MINIMAL   a write whose content may not be seen: return=minimal, and the
 *             body of what comes goes
 *   CONTEXT   a Binary that was proved by another read: streamed, if it still
 *             is the version that was proved
 *
 * Invariants:
 *   1. No byte and no header of an answer is sent before all of it was judged.
 *   2. No handler runs for a request that needs this without the filter.
 *   3. What a client may not see and what is not there have the same answer:
 *      status, headers, body.
 */
#ifndef SMART_HTTPD_INSPECT_H
#define SMART_HTTPD_INSPECT_H

#include "httpd/request.h"

/** Whether the answer to a permitted request has to be looked at. */
bool smart_inspect_needed(const smart_context_t *ctx);

/**
 * Prove a Binary by what its securityContext names. Asks the backend.
 * @param ctx decided, permit held; nothing is done without CONTEXT
 * @return SMART_REASON_UNDECIDED: it may be streamed; FOREIGN; BACKEND
 */
smart_reason_e smart_inspect_binary(smart_context_t *ctx);

/** Put the filter in place; when httpd asks for filters. */
void smart_inspect_insert(smart_context_t *ctx);

/** Whether the filter is in place. */
bool smart_inspect_ready(const smart_context_t *ctx);

/**
 * Run the handlers of a request whose answer has to be looked at.
 * @return what the hook has to return
 */
int smart_inspect_handle(smart_context_t *ctx);

void smart_inspect_register(apr_pool_t *p);

#endif
