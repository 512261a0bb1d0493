/* SPDX-License-Identifier: Apache-2.0 */
/*
 * binary.c: a Binary has no elements to judge but securityContext: it is as
 * readable as what this names. So the Binary is read as JSON first, and what
 * it names as well, unless that is the patient; then the client's own request
 * goes through as a stream, if it still is about the version that was proved
 * (inspect.c).
 *
 * Two reads of the backend, or three. A Binary in JSON has to be within
 * SmartInspectLimit.
 */
#include "httpd/coverage.h"
#include "httpd/inspect.h"
#include "httpd/preread.h"

#include <apr_strings.h>

#include "core/fhir_types.h"

/* Whether a resource that a Binary names may be read. */
static smart_reason_e judge_named(smart_context_t *ctx,
                                  const smart_coverage_t *c, smart_type_t type,
                                  smart_slice_t id)
{
    apr_pool_t *p = ctx->r->pool;
    smart_found_t found;
    smart_reason_e reason;

    if (type == SMART_FHIR_PATIENT && ctx->decision.patient) {
        return smart_slice_is(id, ctx->decision.patient)
                   ? SMART_REASON_UNDECIDED
                   : SMART_REASON_FOREIGN;
    }
    reason =
        smart_preread(ctx,
                      apr_psprintf(p, "/%s/%.*s", smart_fhir_type_name(type),
                                   (int)id.len, id.ptr),
                      p, &found);
    if (reason) {
        return reason;
    }
    return smart_coverage_read(c, SMART_LETTER_R, found.resource, p)
               ? SMART_REASON_UNDECIDED
               : SMART_REASON_FOREIGN;
}

static smart_reason_e judge(smart_context_t *ctx)
{
    const smart_interaction_t *i = &ctx->interaction;
    const smart_coverage_t c = smart_request_coverage(ctx);
    smart_found_t found;
    smart_reason_e reason;
    smart_slice_t id;
    smart_type_t type;

    if (i->kind != SMART_INTERACTION_READ) {
        return SMART_REASON_FOREIGN; /* what is read first is what is now */
    }
    reason = smart_preread(ctx,
                           apr_psprintf(ctx->r->pool, "/%s/%.*s",
                                        smart_fhir_type_name(i->type),
                                        (int)i->id.len, i->id.ptr),
                           ctx->r->pool, &found);
    if (reason) {
        return reason;
    }
    if (smart_reference_element(
            &c.bases, smart_json_member(found.resource, "securityContext"),
            &type, &id) != SMART_POINTS_LITERAL) {
        return SMART_REASON_FOREIGN;
    }
    ctx->proved_etag = found.etag;
    return judge_named(ctx, &c, type, id);
}

smart_reason_e smart_inspect_binary(smart_context_t *ctx)
{
    return smart_owes(ctx, SMART_OBLIGE_CONTEXT) ? judge(ctx)
                                                 : SMART_REASON_UNDECIDED;
}
