/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account.h: what became of a request, noted once, where it was decided: for
 * the counters, the status page and the audit log.
 */
#ifndef SMART_ACCOUNT_H
#define SMART_ACCOUNT_H

#include "httpd/request.h"

/**
 * Once per child, before requests: rows for each base.
 * @param threads how many will count
 */
void smart_account_child_init(apr_pool_t *pchild, server_rec *s,
                              unsigned threads);

/** What a base of a virtual host is known by among the tallies. */
apr_uint64_t smart_account_id(const server_rec *s, const smart_base_t *base,
                              apr_pool_t *p);

/** It was permitted, or in report mode let through. */
void smart_account_permit(smart_context_t *ctx);

/** It was refused, maybe after it had been permitted. */
void smart_account_refusal(smart_context_t *ctx, smart_reason_e reason);

/**
 * Why a request was refused, or in report mode would have been.
 * @return false: it was not
 */
bool smart_account_denied(const smart_context_t *ctx, smart_reason_e *preason);

#endif
