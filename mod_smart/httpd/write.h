/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write.h: judges what a request brings in its body, and what is there that it
 * would change.
 */
#ifndef SMART_WRITE_H
#define SMART_WRITE_H

#include "httpd/request.h"

/**
 * Meet the obligations BODY and PREREAD of a decision. The body and the
 * precondition that the handler will send are in place afterwards. For a
 * batch, the decision owes the inspection that its entries do.
 * @param ctx request with a permitting decision, the Require lines asked
 * @return SMART_REASON_UNDECIDED: met; else why the request is refused, with
 *         ctx->entry set where an entry of a Bundle is the cause
 */
smart_reason_e smart_write_judge(smart_context_t *ctx);

#endif
