/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.c: what was decided, at LogLevel smart:debug.
 *
 * A constraint may hold an id ("?_id=...", "?subject=Patient/..."), so of a
 * scope only what is before it is logged.
 */
#include "httpd/trace.h"

#include <http_log.h>

#include <apr_strings.h>

#include "core/trace.h"

APLOG_USE_MODULE(smart);

static const char *scope_text(const smart_context_t *ctx)
{
    const char *scope = ctx->decision.scope;
    const char *constraint = scope ? strchr(scope, '?') : NULL;

    if (!scope) {
        return "none";
    }
    return constraint
               ? apr_pstrcat(ctx->r->pool,
                             apr_pstrmemdup(ctx->r->pool, scope,
                                            (apr_size_t)(constraint - scope)),
                             "?...", NULL)
               : scope;
}

void smart_trace_decision(const smart_context_t *ctx)
{
    const smart_decision_t *d = &ctx->decision;
    int ignored;

    if (!APLOG_R_IS_LEVEL(ctx->r, APLOG_DEBUG)) {
        return;
    }
    ignored = ctx->has_grant
                  ? smart_trace_ignored(&ctx->location->policy, &ctx->grant,
                                        &ctx->interaction, d->rule)
                  : 0;
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, ctx->r,
                  "SMART0302: %s: %s%s, scope %s, owes %s, narrowed by %d, "
                  "%d of %d scopes ignored",
                  smart_interaction_name(ctx->interaction.kind),
                  d->permit ? "permit" : smart_reason_row(d->reason)->name,
                  d->restricted ? ", restricted" : "", scope_text(ctx),
                  smart_trace_obligations(d->obligations, ctx->r->pool),
                  d->narrow_count, ignored,
                  ctx->has_grant ? ctx->grant.scope_count : 0);
}
