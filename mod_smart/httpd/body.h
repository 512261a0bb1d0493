/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body.h: reads the body of a request before its handler runs, and gives back
 * to the handler what was judged.
 *
 * Both readers are called only when the headers alone could be permitted:
 * until then a client that waits for 100 Continue is not told to go on.
 */
#ifndef SMART_BODY_H
#define SMART_BODY_H

#include "httpd/request.h"

#include "core/json.h"

#define SMART_MAX_FORM 65536u /* bytes of a search form */

/**
 * Read a search form into ctx->form and put its parameters behind those of
 * the URL in ctx->interaction.search; ctx->interaction.form becomes false.
 * smart_body_send_form has to follow.
 * @param ctx request whose interaction has .form
 * @return SMART_REASON_UNDECIDED: done; else why the form is refused
 */
smart_reason_e smart_body_form(smart_context_t *ctx);

/** Give ctx->form to the handler, as it was understood or changed since. */
void smart_body_send_form(smart_context_t *ctx);

/**
 * Read a JSON body, at most SmartInspectLimit of it. The handler will read
 * the same bytes, unless smart_body_send gives it others.
 * @param ctx   request whose interaction has .body
 * @param patch JSON Patch is what is sent; else FHIR's JSON
 * @param pjson out: object or array, of the request's pool; NULL on refusal
 * @return SMART_REASON_UNDECIDED: done; else why the body is refused
 */
smart_reason_e smart_body_json(smart_context_t *ctx, bool patch,
                               const smart_json_t **pjson);

/** Give the handler another text than the one that was read. */
void smart_body_send(smart_context_t *ctx, smart_slice_t text);

/** Register the filter that gives bodies back. */
void smart_body_register(apr_pool_t *p);

#endif
