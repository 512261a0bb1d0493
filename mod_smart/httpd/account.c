/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account.c: see account.h.
 *
 * A base of a virtual host is known by a digest of the host's name, port and
 * path, so that its counts go on over restarts.
 */
#include "httpd/account.h"

#include <mpm_common.h>

#include <apr_strings.h>

/* ---- who counts where ---- */

apr_uint64_t smart_account_id(const server_rec *s, const smart_base_t *base,
                              apr_pool_t *p)
{
    const char *name = apr_psprintf(
        p, "base %s|%u|%s", s->server_hostname ? s->server_hostname : "",
        (unsigned)s->port, base->path);
    unsigned char digest[SMART_DIGEST_LEN];
    apr_uint64_t id = 0;

    if (smart_digest_sha256(smart_slice(name), digest) == APR_SUCCESS) {
        memcpy(&id, digest, sizeof(id));
    }
    return id;
}

static int count_bases(const server_rec *s)
{
    int n = 0;

    for (; s; s = s->next) {
        const smart_server_conf_t *conf =
            ap_get_module_config(s->module_config, &smart_module);

        n += conf->base_count;
    }
    return n;
}

/* So many that all children that may be find some. */
static unsigned rows_each(int bases, unsigned threads)
{
    int children = 1;
    unsigned rows;

    ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &children);
    children = children > 0 ? children : 1;
    bases = bases > 0 ? bases : 1;
    rows = SMART_TALLY_ROWS / (unsigned)children / (unsigned)bases;
    return rows < threads ? rows : threads;
}

void smart_account_child_init(apr_pool_t *pchild, server_rec *s,
                              unsigned threads)
{
    smart_tallies_t *tallies = smart_process.shared.tallies;
    const unsigned rows = rows_each(count_bases(s), threads);

    if (!tallies) {
        return;
    }
    smart_tallies_begin(tallies);
    for (; s; s = s->next) {
        const smart_server_conf_t *conf =
            ap_get_module_config(s->module_config, &smart_module);
        /* This process' own copy, and there are no threads yet. */
        smart_base_t *bases = (smart_base_t *)conf->bases;
        int i;

        for (i = 0; i < conf->base_count; i++) {
            bases[i].tally = smart_tally_join(
                tallies, smart_account_id(s, &bases[i], pchild), rows, pchild);
        }
    }
}

/* ---- counting ---- */

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

static void tally(const smart_context_t *ctx, unsigned what)
{
    smart_tally_count(ctx->base ? ctx->base->tally : NULL, what);
}

void smart_account_permit(smart_context_t *ctx)
{
    smart_reason_e reason;

    smart_count(smart_process.shared.counters,
                ctx->is_public ? SMART_COUNT_PUBLIC : SMART_COUNT_PERMITTED);
    tally(ctx, smart_account_denied(ctx, &reason)
                   ? SMART_TALLY_DENIED + (unsigned)reason
               : ctx->is_public ? SMART_TALLY_PUBLIC
                                : SMART_TALLY_PERMITTED);
    note_time(ctx);
}

void smart_account_refusal(smart_context_t *ctx, smart_reason_e reason)
{
    smart_count(smart_process.shared.counters,
                smart_count_of_status(smart_reason_row(reason)->status));
    tally(ctx, SMART_TALLY_DENIED + (unsigned)reason);
    ctx->refused = true;
    ctx->refusal = reason;
    note_time(ctx);
}
