/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body.h: reads the body of a request before its handler runs, and gives back
 * to the handler what was judged.
 */
#ifndef SMART_BODY_H
#define SMART_BODY_H

#include "httpd/request.h"

#define SMART_MAX_FORM 65536u /* bytes of a search form */

/**
 * Read a search form and put its parameters behind those of the URL in
 * ctx->interaction.search; ctx->interaction.form becomes false. The handler
 * will read the form as it was understood.
 * Called only when the headers alone could be permitted: until then a client
 * that waits for 100 Continue is not told to go on.
 * @param ctx request whose interaction has .form
 * @return SMART_REASON_UNDECIDED: done; else why the form is refused
 */
smart_reason_e smart_body_form(smart_context_t *ctx);

/** Register the filter that gives bodies back. */
void smart_body_register(apr_pool_t *p);

#endif
