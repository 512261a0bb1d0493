/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write.c: a write under restriction, and every batch.
 *
 *   create        body
 *   update        body, what is there
 *   patch         body, what is there, and what both come to
 *   delete        what is there
 *   batch         each of its entries
 *   operation     its Parameters, what is there
 *
 * What is cheap comes first: the backend is asked for a body that could be
 * permitted only.
 */
#include "httpd/write.h"

#include <http_log.h>

#include <apr_strings.h>

#include "core/batch.h"
#include "core/content.h"
#include "core/media.h"
#include "core/operation_body.h"
#include "core/patch.h"
#include "core/revision.h"
#include "httpd/body.h"
#include "httpd/coverage.h"
#include "httpd/preread.h"

APLOG_USE_MODULE(smart);

/* --- what is there ------------------------------------------------------- */

static void set_field(request_rec *r, const char *name, const char *value)
{
    if (value) {
        apr_table_setn(r->headers_in, name, value);
    }
    else {
        apr_table_unset(r->headers_in, name);
    }
}

static const char *path_below(const smart_context_t *ctx)
{
    const smart_interaction_t *i = &ctx->interaction;

    return apr_psprintf(ctx->r->pool, "/%s/%.*s", smart_fhir_type_name(i->type),
                        (int)i->id.len, i->id.ptr);
}

static smart_reason_e judge_there(smart_context_t *ctx,
                                  const smart_coverage_t *c,
                                  smart_found_t *pfound)
{
    request_rec *r = ctx->r;
    const smart_client_match_t client = {
        apr_table_get(r->headers_in, "If-Match"),
        apr_table_get(r->headers_in, "If-None-Match")};
    smart_revision_t revision;
    smart_reason_e reason =
        smart_preread(ctx, path_below(ctx), r->pool, pfound);

    if (!reason) {
        reason = smart_revision_judge(c, &ctx->interaction, pfound, &client,
                                      r->pool, &revision);
    }
    if (!reason) {
        set_field(r, "If-Match", revision.if_match);
        set_field(r, "If-None-Match", revision.if_none_match);
    }
    return reason;
}

/* --- one resource -------------------------------------------------------- */

/* A create brings no id: see core/content.h. */
static smart_reason_e send_without_id(smart_context_t *ctx,
                                      const smart_json_t *resource)
{
    apr_pool_t *p = ctx->r->pool;
    smart_json_t *copy = smart_json_copy(resource, p);
    smart_slice_t text;

    if (!smart_json_remove(copy, smart_slice("id")) ||
        !smart_json_write(copy, p, &text)) {
        return SMART_REASON_INTERNAL;
    }
    smart_body_send(ctx, text);
    return SMART_REASON_UNDECIDED;
}

static smart_reason_e judge_content(smart_context_t *ctx,
                                    const smart_coverage_t *c)
{
    const smart_json_t *resource;
    smart_reason_e reason = smart_body_json(ctx, false, &resource);

    if (!reason) {
        reason =
            smart_content_judge(c, &ctx->interaction, resource, ctx->r->pool);
    }
    if (!reason && smart_content_has_id(&ctx->interaction, resource)) {
        reason = send_without_id(ctx, resource);
    }
    return reason;
}

static smart_reason_e judge_update(smart_context_t *ctx,
                                   const smart_coverage_t *c)
{
    smart_reason_e reason = SMART_REASON_UNDECIDED;
    smart_found_t found;

    if (smart_owes(ctx, SMART_OBLIGE_BODY)) {
        reason = judge_content(ctx, c);
    }
    if (!reason && smart_owes(ctx, SMART_OBLIGE_PREREAD)) {
        reason = judge_there(ctx, c, &found);
    }
    return reason;
}

/* A patch of another kind (FHIRPath) names what it changes by expressions. */
static bool is_json_patch(const smart_context_t *ctx)
{
    return smart_media_of(apr_table_get(ctx->r->headers_in, "Content-Type"),
                          ctx->location->policy.version) != SMART_MEDIA_JSON;
}

static smart_reason_e judge_patch(smart_context_t *ctx,
                                  const smart_coverage_t *c)
{
    apr_pool_t *p = ctx->r->pool;
    const smart_json_t *patch, *result;
    smart_found_t found;
    smart_reason_e reason;

    if (!is_json_patch(ctx)) {
        return SMART_REASON_CONSTRUCT;
    }
    reason = smart_body_json(ctx, true, &patch);
    if (!reason) {
        reason = judge_there(ctx, c, &found);
    }
    if (reason) {
        return reason;
    }
    if (!smart_patch_apply(patch, found.resource, p, &result,
                           &ctx->fault_text)) {
        return SMART_REASON_PATCH;
    }
    return smart_content_judge(c, &ctx->interaction, result, p);
}

/* --- a Bundle ------------------------------------------------------------ */

/* One after the other, and one at a time in memory: each can be large, and
   all be the same. */
static smart_reason_e judge_entries(smart_context_t *ctx, smart_batch_t *batch)
{
    smart_reason_e reason = SMART_REASON_UNDECIDED;
    smart_found_t found;
    apr_pool_t *one;
    int n;

    apr_pool_create(&one, ctx->r->pool);
    for (n = 0; n < batch->count && !reason; n++) {
        if (!batch->entries[n].below) {
            continue;
        }
        batch->at = n;
        reason = smart_preread(ctx, batch->entries[n].below, one, &found);
        if (!reason) {
            reason = smart_batch_found(batch, n, &found, ctx->r->pool);
        }
        apr_pool_clear(one);
    }
    apr_pool_destroy(one);
    return reason;
}

static smart_reason_e send_batch(smart_context_t *ctx,
                                 const smart_batch_t *batch)
{
    smart_slice_t text;

    if (!smart_batch_write(batch, ctx->r->pool, &text)) {
        return SMART_REASON_INTERNAL;
    }
    smart_body_send(ctx, text);
    if (batch->inspect) {
        ctx->decision.obligations |= SMART_OBLIGE_INSPECT;
        ctx->plan = &batch->plan;
    }
    return SMART_REASON_UNDECIDED;
}

/* A rule may be about transactions alone, and the body tells. */
static smart_reason_e decide_transaction(smart_context_t *ctx,
                                         const smart_coverage_t *c)
{
    const unsigned obligations = ctx->decision.obligations;

    ctx->interaction.kind = SMART_INTERACTION_TRANSACTION;
    ctx->decision =
        smart_decide(c->policy, c->grant, &ctx->interaction, ctx->r->pool);
    ctx->decision.obligations |= obligations;
    return ctx->decision.permit ? SMART_REASON_UNDECIDED : ctx->decision.reason;
}

static smart_reason_e judge_batch(smart_context_t *ctx,
                                  const smart_coverage_t *c)
{
    smart_batch_t *batch = apr_palloc(ctx->r->pool, sizeof(*batch));
    const smart_json_t *json;
    smart_reason_e reason = smart_body_json(ctx, false, &json);

    if (reason) {
        return reason;
    }
    reason = smart_batch_read(c, ctx->location->public_url, json, ctx->r->pool,
                              batch);
    if (!reason && batch->kind == SMART_INTERACTION_TRANSACTION) {
        batch->at = -1;
        reason = decide_transaction(ctx, c);
    }
    if (!reason) {
        reason = judge_entries(ctx, batch);
    }
    if (reason) {
        ctx->entry = batch->at + 1;
        ctx->fault_text = batch->why;
        return reason;
    }
    return send_batch(ctx, batch);
}

/* --- an operation -------------------------------------------------------- */

static smart_reason_e judge_parameters(smart_context_t *ctx,
                                       const smart_coverage_t *c)
{
    apr_pool_t *p = ctx->r->pool;
    const smart_json_t *parameters, *changed;
    smart_slice_t text;
    smart_reason_e reason = smart_body_json(ctx, false, &parameters);

    if (reason) {
        return reason;
    }
    ctx->decision = smart_operation_body(c->policy, c->grant, &ctx->interaction,
                                         parameters, p, &changed);
    if (!ctx->decision.permit) {
        return ctx->decision.reason;
    }
    if (changed) {
        if (!smart_json_write(changed, p, &text)) {
            return SMART_REASON_INTERNAL;
        }
        smart_body_send(ctx, text);
    }
    return SMART_REASON_UNDECIDED;
}

static smart_reason_e judge_operation(smart_context_t *ctx,
                                      const smart_coverage_t *c)
{
    apr_pool_t *p = ctx->r->pool;
    smart_reason_e reason = SMART_REASON_UNDECIDED;
    smart_found_t found;

    if (smart_owes(ctx, SMART_OBLIGE_BODY)) {
        reason = judge_parameters(ctx, c);
    }
    if (!reason && smart_owes(ctx, SMART_OBLIGE_PREREAD)) {
        reason = smart_preread(ctx, path_below(ctx), p, &found);
        if (!reason) {
            reason = smart_revision_operate(c, &found, p);
        }
    }
    return reason;
}

/* --- all of them --------------------------------------------------------- */

static smart_reason_e judge(smart_context_t *ctx)
{
    const smart_coverage_t c = smart_request_coverage(ctx);

    switch (ctx->interaction.kind) {
    case SMART_INTERACTION_CREATE:
    case SMART_INTERACTION_UPDATE:
    case SMART_INTERACTION_DELETE:
        return judge_update(ctx, &c);
    case SMART_INTERACTION_PATCH:
        return judge_patch(ctx, &c);
    case SMART_INTERACTION_BATCH:
        return judge_batch(ctx, &c);
    case SMART_INTERACTION_OPERATION:
        return judge_operation(ctx, &c);
    case SMART_INTERACTION_UNKNOWN:
    case SMART_INTERACTION_READ:
    case SMART_INTERACTION_VREAD:
    case SMART_INTERACTION_HISTORY_INSTANCE:
    case SMART_INTERACTION_HISTORY_TYPE:
    case SMART_INTERACTION_HISTORY_SYSTEM:
    case SMART_INTERACTION_SEARCH_TYPE:
    case SMART_INTERACTION_SEARCH_SYSTEM:
    case SMART_INTERACTION_SEARCH_COMPARTMENT:
    case SMART_INTERACTION_CAPABILITIES:
    case SMART_INTERACTION_TRANSACTION:
    case SMART_INTERACTION_PAGE:
    case SMART_INTERACTION_DISCOVERY:
    case SMART_INTERACTION_COUNT:
        break;
    }
    return SMART_REASON_NOT_JUDGED;
}

smart_reason_e smart_write_judge(smart_context_t *ctx)
{
    return smart_owes(ctx, SMART_OBLIGE_BODY | SMART_OBLIGE_PREREAD)
               ? judge(ctx)
               : SMART_REASON_UNDECIDED;
}
