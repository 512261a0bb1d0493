/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pinned.h: a request as it has to be sent to the backend for its answer to be
 * inspected, while its handlers run; and as it came, for those who look at it
 * when the answer is sent.
 *
 *   method           HEAD becomes GET: what is not there can not be judged
 *   Accept           JSON
 *   Accept-Encoding  none: the coding is between us and the client
 *   Range ...        none, and no conditions on reads: a part proves nothing,
 *                    and 304 tells what may not be told
 *   Prefer           handling=strict for searches; return=minimal where
 *                    nothing may be shown; of the client's only return
 */
#ifndef SMART_PINNED_H
#define SMART_PINNED_H

#include "httpd/request.h"

/** Before the handlers run. */
void smart_pinned_begin(smart_context_t *ctx);

/** As it came; may be called again. */
void smart_pinned_end(smart_context_t *ctx);

#endif
