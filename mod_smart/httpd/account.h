/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account.h: what became of a request, noted once, where it was decided: for
 * the counters, the status page and the audit log.
 */
#ifndef SMART_ACCOUNT_H
#define SMART_ACCOUNT_H

#include "httpd/request.h"

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
