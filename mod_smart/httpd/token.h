/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token.h: from the bytes of a token to the facts about it: the cache, and
 * the authorization server when the cache has none.
 */
#ifndef SMART_TOKEN_H
#define SMART_TOKEN_H

#include "httpd/request.h"

/**
 * Find out about a token. Fills ctx->grant, has_grant, source, retry_after_s.
 * @param ctx   request; location has an endpoint
 * @param token the token; borrowed
 * @return SMART_REASON_UNDECIDED: an active token that is in time and meant
 *         for us; else why not
 */
smart_reason_e smart_token_resolve(smart_context_t *ctx, smart_slice_t token);

#endif
