/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account.c: see account.h.
 */
#include "httpd/account.h"

bool smart_account_denied(const smart_context_t *ctx, smart_reason_e *preason)
{
    *preason = ctx->refused ? ctx->refusal : ctx->decision.reason;
    return ctx->refused ||
           (smart_reports(ctx) && ctx->decided && !ctx->decision.permit);
}

/* When it was decided, for whoever wants to know. */
static void note_time(smart_context_t *ctx)
{
    const smart_dir_conf_t *conf =
        ap_get_module_config(ctx->r->per_dir_config, &smart_module);

    if (conf->audit) {
        ctx->decided_time = apr_time_now();
    }
}

void smart_account_permit(smart_context_t *ctx)
{
    smart_count(smart_process.shared.counters,
                ctx->is_public ? SMART_COUNT_PUBLIC : SMART_COUNT_PERMITTED);
    note_time(ctx);
}

void smart_account_refusal(smart_context_t *ctx, smart_reason_e reason)
{
    smart_count(smart_process.shared.counters,
                smart_count_of_status(smart_reason_row(reason)->status));
    ctx->refused = true;
    ctx->refusal = reason;
    note_time(ctx);
}
