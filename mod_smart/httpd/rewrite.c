/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rewrite.c: what is sent instead of what the client said: its query, form or
 * If-None-Exist with what narrows it, without what hides resources from
 * inspection, and always as it was understood.
 *
 * Appended, never merged: a backend joins parameters by AND, so what is added
 * can only take away.
 */
#include "httpd/body.h"
#include "httpd/request.h"

#include <apr_strings.h>

#include "core/pin.h"

static void send_query(request_rec *r, const char *query)
{
    r->args = *query ? apr_pstrdup(r->pool, query) : NULL;
}

/* The parameters that decide what is found. */
static smart_search_t *criteria(smart_context_t *ctx)
{
    if (ctx->interaction.kind == SMART_INTERACTION_CREATE) {
        return &ctx->interaction.if_none_exist;
    }
    return ctx->has_form ? &ctx->form : &ctx->query;
}

static void narrow(smart_context_t *ctx)
{
    const smart_decision_t *d = &ctx->decision;
    smart_search_t *search = criteria(ctx);
    int i;

    for (i = 0; i < d->narrow_count; i++) {
        smart_search_add(search, d->narrow[i].name, d->narrow[i].value,
                         ctx->r->pool);
    }
}

smart_reason_e smart_rewrite_pin(smart_context_t *ctx)
{
    request_rec *r = ctx->r;

    if (!smart_owes(ctx, SMART_OBLIGE_INSPECT)) {
        return SMART_REASON_UNDECIDED;
    }
    if (!smart_pin_search(&ctx->query, r->pool) ||
        !smart_pin_search(&ctx->form, r->pool) ||
        (!smart_pin_named(&ctx->interaction.search) &&
         !smart_pin_accept(apr_table_get(r->headers_in, "Accept")))) {
        return SMART_REASON_NOT_ACCEPTABLE;
    }
    return SMART_REASON_UNDECIDED;
}

static void put_in_place(smart_context_t *ctx)
{
    request_rec *r = ctx->r;

    if (ctx->decision.query) {
        send_query(r, ctx->decision.query);
    }
    else if (ctx->query.changed) {
        send_query(r, smart_search_write(&ctx->query, r->pool));
    }
    if (ctx->interaction.if_none_exist.changed) {
        apr_table_setn(
            r->headers_in, "If-None-Exist",
            smart_search_write(&ctx->interaction.if_none_exist, r->pool));
    }
    if (ctx->has_form) {
        smart_body_send_form(ctx);
    }
}

smart_reason_e smart_rewrite(smart_context_t *ctx)
{
    smart_reason_e reason = smart_rewrite_pin(ctx);

    if (reason) {
        return reason;
    }
    if (smart_owes(ctx, SMART_OBLIGE_NARROW)) {
        narrow(ctx);
    }
    put_in_place(ctx);
    return SMART_REASON_UNDECIDED;
}
