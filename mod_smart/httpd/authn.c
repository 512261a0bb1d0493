/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authn.c: who is asking? Exactly one Authorization: Bearer, nothing else.
 *
 * r->user becomes sub, else username, else client_id; for public requests "",
 * since httpd answers 500 when authentication succeeds without a user.
 */
#include "httpd/token.h"

#include <http_log.h>
#include <http_request.h>

#include <apr_strings.h>

#include "core/bearer.h"

APLOG_USE_MODULE(smart);

static bool query_has_token(const smart_context_t *ctx)
{
    const smart_search_t *search = &ctx->interaction.search;
    int i;

    for (i = 0; i < search->count; i++) {
        if (smart_slice_is(search->params[i].name, "access_token")) {
            return true;
        }
    }
    return false;
}

static smart_reason_e authenticate(smart_context_t *ctx)
{
    const bool in_query = query_has_token(ctx);
    smart_slice_t token;

    switch (smart_bearer_read(ctx->authorization, &token)) {
    case SMART_BEARER_MALFORMED:
        return SMART_REASON_TOKEN_MALFORMED;
    case SMART_BEARER_MISSING:
        return in_query ? SMART_REASON_TOKEN_IN_QUERY : SMART_REASON_NO_TOKEN;
    case SMART_BEARER_TOO_LONG:
        return SMART_REASON_TOKEN_TOO_LONG;
    case SMART_BEARER_TOKEN:
        if (in_query) {
            return SMART_REASON_TOKEN_TWICE;
        }
        return smart_token_resolve(ctx, token);
    }
    return SMART_REASON_TOKEN_MALFORMED;
}

static const char *user_of(const smart_grant_t *grant)
{
    if (*grant->sub) {
        return grant->sub;
    }
    return *grant->username ? grant->username : grant->client_id;
}

int smart_authn_force(request_rec *r)
{
    const smart_context_t *ctx = smart_context_of(r);

    /* Or a Require line that needs no user ("all granted", "ip") would let a
       request through without a look at its token. */
    return ctx && ctx->auth_type ? OK : DECLINED;
}

/* httpd's members are not const, but nobody writes to what they point at. */
static char nobody[] = "";
static char auth_type[] = "SMART";

int smart_authn_check(request_rec *r)
{
    smart_context_t *ctx = smart_context_of(r);
    smart_reason_e reason;

    if (!ctx || !ctx->auth_type) {
        return DECLINED;
    }
    smart_scrub(ctx); /* sub-requests have no header_parser */
    ctx->authorization = apr_table_get(r->headers_in, "Authorization");
    r->user = nobody;
    r->ap_auth_type = auth_type;
    if (!ctx->location) {
        return smart_refuse(ctx, SMART_REASON_INTERNAL);
    }
    if (ctx->fault && !smart_reports(ctx)) {
        return smart_refuse(ctx, ctx->fault);
    }
    ctx->authenticated = true;
    if (ctx->is_public) {
        return OK;
    }
    if (ctx->parent) { /* a pre-read is who it is for */
        r->user = ctx->parent->r->user;
        return OK;
    }
    reason = authenticate(ctx);
    if (ctx->has_grant && !reason) {
        r->user = (char *)user_of(&ctx->grant); /* of the request's pool */
        return OK;
    }
    ctx->has_grant = false; /* facts about a token that is no good for us */
    if (smart_reports(ctx)) {
        ctx->decision.reason = reason;
        ctx->decided = true;
        return OK;
    }
    ctx->authenticated = false;
    return smart_refuse(ctx, reason);
}
