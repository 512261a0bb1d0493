/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authz.c: may they? grant, interaction -> decision -> permit.
 *
 * httpd asks its authorization hooks until one does not decline, and the
 * Require lines are the last of them. Since a Require line that fails after
 * authentication ends in a 401 that is not ours to word, we ask the hooks
 * ourselves (see ask_require) and answer 403 insufficient_scope. When they say
 * OK they have been asked, so this is our answer too: no permit without it.
 */
#include "httpd/account.h"
#include "httpd/body.h"
#include "httpd/trace.h"

#include <http_log.h>
#include <http_request.h>

#include "httpd/inspect.h"
#include "httpd/write.h"

APLOG_USE_MODULE(smart);

static void decide(smart_context_t *ctx)
{
    ctx->decision = smart_decide(&ctx->location->policy,
                                 ctx->has_grant ? &ctx->grant : NULL,
                                 &ctx->interaction, ctx->r->pool);
    ctx->decided = true;
    smart_trace_decision(ctx);
}

/* Decide by the headers, and again when that needed the form. */
static smart_reason_e judge(smart_context_t *ctx)
{
    smart_reason_e reason;

    decide(ctx);
    if (ctx->decision.permit && smart_owes(ctx, SMART_OBLIGE_FORM)) {
        ctx->decision.permit = false; /* until the form is known */
        reason = smart_body_form(ctx);
        if (reason) {
            return reason;
        }
        decide(ctx);
    }
    return ctx->decision.permit ? SMART_REASON_UNDECIDED : ctx->decision.reason;
}

static void grant_permit(smart_context_t *ctx)
{
    ctx->permit.method = ctx->r->method;
    ctx->permit.filename = ctx->r->filename;
    ctx->permit.args = ctx->r->args;
    ctx->permit.held = true;
}

/* The verdict of the Require lines: OK, or why not. */
static int ask_require(smart_context_t *ctx)
{
    int rv;

    ctx->in_require = true;
    rv = ap_run_auth_checker(ctx->r);
    ctx->in_require = false;
    return rv;
}

static int report(smart_context_t *ctx)
{
    if (!ctx->decided && !ctx->fault && !ctx->is_public) {
        decide(ctx);
    }
    if (ctx->fault) {
        ctx->decision.reason = ctx->fault;
        ctx->decision.permit = false;
        ctx->decided = true;
    }
    if (ctx->decided && !ctx->decision.permit) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, ctx->r,
                      "SMART0301: report: %s would be refused: %s",
                      smart_interaction_name(ctx->interaction.kind),
                      smart_reason_row(ctx->decision.reason)->name);
    }
    grant_permit(ctx);
    smart_account_permit(ctx);
    return DECLINED;
}

/* A request that was permitted by what was known until now. */
static int refuse(smart_context_t *ctx, smart_reason_e reason)
{
    ctx->permit.held = false;
    ctx->decision.permit = false;
    ctx->decision.scope = ctx->require_scope;
    return smart_refuse(ctx, reason);
}

/* Its parent has been judged, Require lines and all. httpd asks no
   authorization hook for a sub-request with the URI of its parent, so this is
   done later than for others. */
static void permit_preread(smart_context_t *ctx)
{
    const smart_context_t *parent = ctx->parent;

    ctx->authorization = parent->authorization;
    ctx->grant = parent->grant;
    ctx->has_grant = parent->has_grant;
    ctx->source = parent->source;
    ctx->decision.permit =
        parent->permit.held && ctx->location && ctx->auth_type && !ctx->fault;
    ctx->decided = true;
    if (ctx->decision.permit) {
        grant_permit(ctx);
    }
}

/* What needs more than the headers and the form: at last it is known what is
   sent, and that alone the permit is for. */
static smart_reason_e fulfil(smart_context_t *ctx)
{
    smart_reason_e reason = smart_rewrite_pin(ctx); /* before work is done */

    if (!reason) {
        reason = smart_write_judge(ctx);
    }
    if (!reason) {
        reason = smart_inspect_binary(ctx);
    }
    return reason ? reason : smart_rewrite(ctx);
}

int smart_authz_check(request_rec *r)
{
    smart_context_t *ctx = smart_context_of(r);
    smart_reason_e reason;

    if (!ctx || !ctx->auth_type || ctx->in_require) {
        return DECLINED;
    }
    if (!ctx->location || !ctx->authenticated) {
        return smart_refuse(ctx, SMART_REASON_GATE);
    }
    if (ctx->parent) { /* see permit_preread */
        return OK;
    }
    if (smart_reports(ctx)) {
        return report(ctx);
    }
    if (!ctx->preflight) {
        /* Before judge: a form adds its parameters to the search. */
        ctx->query = ctx->interaction.search;
        reason = judge(ctx);
        if (!ctx->decision.permit) {
            return smart_refuse(ctx, reason);
        }
    }
    grant_permit(ctx); /* Require smart looks for it */
    if (ask_require(ctx) != OK) {
        return refuse(ctx, SMART_REASON_REQUIRE);
    }
    reason = ctx->preflight ? SMART_REASON_UNDECIDED : fulfil(ctx);
    if (reason) {
        ctx->require_scope = NULL; /* another scope is not what it lacks */
        return refuse(ctx, reason);
    }
    grant_permit(ctx);
    smart_account_permit(ctx);
    return OK;
}

int smart_authz_fixups(request_rec *r)
{
    smart_context_t *ctx = smart_context_of(r);

    if (ctx && ctx->parent && !ctx->permit.held) {
        permit_preread(ctx);
    }
    if (ctx && ctx->permit.held) {
        smart_environment(ctx, SMART_REASON_UNDECIDED);
        r->no_cache = 1;
    }
    return DECLINED;
}
