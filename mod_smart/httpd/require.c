/* SPDX-License-Identifier: Apache-2.0 */
/*
 * require.c: the Require lines of this module.
 *
 *   Require smart                           an active token, a permit
 *   Require smart-scope <scope>...          one of these scopes, unconstrained
 *   Require smart-client <id>...            one of these client ids
 *   Require smart-interaction <name>...     one of these interactions
 *   Require smart-claim <claim> <value>...  one of these values
 *
 * They can only narrow what authz.c decided: each of them needs its permit.
 * Before there is a user httpd asks them once (a first pass, to see whether a
 * user is needed at all): public requests pass there, all others need one.
 */
#include "httpd/claim.h"
#include "httpd/request.h"

#include <http_log.h>
#include <http_request.h>
#include <mod_auth.h>

#include <ap_provider.h>
#include <apr_strings.h>

/* Arguments of a line, parsed. */
typedef struct words_t {
    int count;
    const char *const *words;
    const smart_scope_t *scopes; /* smart-scope: count of them */
} words_t;

/* ---- at the time of a request ---- */

/* True: *pstatus is the answer already. */
static bool settled(request_rec *r, smart_context_t **pctx,
                    authz_status *pstatus)
{
    smart_context_t *ctx = smart_context_of(r);

    *pctx = ctx;
    if (!ctx || !ctx->location || !ctx->auth_type) {
        *pstatus = AUTHZ_DENIED;
        return true;
    }
    if (ctx->is_public) {
        *pstatus = AUTHZ_GRANTED;
        return true;
    }
    if (!r->user) {
        *pstatus = AUTHZ_DENIED_NO_USER;
        return true;
    }
    if (smart_reports(ctx)) {
        *pstatus = AUTHZ_GRANTED;
        return true;
    }
    *pstatus = AUTHZ_DENIED;
    return !ctx->permit.held || !ctx->has_grant;
}

static authz_status check_smart(request_rec *r, const char *line,
                                const void *parsed)
{
    smart_context_t *ctx;
    authz_status status;

    return settled(r, &ctx, &status) ? status : AUTHZ_GRANTED;
}

bool smart_grant_covers(const smart_grant_t *grant, const smart_scope_t *scope)
{
    smart_letters_t letters = 0;
    int i;

    for (i = 0; i < grant->scope_count; i++) {
        const smart_scope_t *have = &grant->scopes[i];

        if (have->context == scope->context && !have->constraint_len &&
            (have->type == scope->type || have->type == SMART_TYPE_ANY)) {
            letters |= have->letters;
        }
    }
    return scope->letters && (letters & scope->letters) == scope->letters;
}

static authz_status check_scope(request_rec *r, const char *line,
                                const void *parsed)
{
    const words_t *w = parsed;
    smart_context_t *ctx;
    authz_status status;
    int i;

    if (settled(r, &ctx, &status)) {
        return status;
    }
    for (i = 0; i < w->count; i++) {
        if (smart_grant_covers(&ctx->grant, &w->scopes[i])) {
            return AUTHZ_GRANTED;
        }
    }
    ctx->require_scope = w->words[0];
    return AUTHZ_DENIED;
}

static bool has_word(const words_t *w, int from, const char *text)
{
    int i;

    for (i = from; i < w->count; i++) {
        if (!strcmp(w->words[i], text)) {
            return true;
        }
    }
    return false;
}

static authz_status check_client(request_rec *r, const char *line,
                                 const void *parsed)
{
    smart_context_t *ctx;
    authz_status status;

    if (settled(r, &ctx, &status)) {
        return status;
    }
    return has_word(parsed, 0, ctx->grant.client_id) ? AUTHZ_GRANTED
                                                     : AUTHZ_DENIED;
}

static authz_status check_interaction(request_rec *r, const char *line,
                                      const void *parsed)
{
    const smart_interaction_t *i;
    smart_context_t *ctx;
    authz_status status;
    const char *name;

    if (settled(r, &ctx, &status)) {
        return status;
    }
    i = &ctx->interaction;
    name = i->kind == SMART_INTERACTION_OPERATION
               ? apr_pstrmemdup(r->pool, i->operation.ptr, i->operation.len)
               : smart_interaction_name(i->kind);
    return has_word(parsed, 0, name) ? AUTHZ_GRANTED : AUTHZ_DENIED;
}

static authz_status check_claim(request_rec *r, const char *line,
                                const void *parsed)
{
    const words_t *w = parsed;
    smart_context_t *ctx;
    authz_status status;
    const char *value;
    int n = 0;

    if (settled(r, &ctx, &status)) {
        return status;
    }
    while ((value = smart_claim_next(&ctx->grant, w->words[0], &n, r->pool))) {
        if (has_word(w, 1, value)) {
            return AUTHZ_GRANTED;
        }
    }
    return AUTHZ_DENIED;
}

/* ---- at start-up ---- */

static words_t *split(cmd_parms *cmd, const char *line)
{
    apr_array_header_t *list =
        apr_array_make(cmd->pool, 4, sizeof(const char *));
    words_t *w = apr_pcalloc(cmd->pool, sizeof(*w));
    const char *word;

    while (*(word = ap_getword_conf(cmd->pool, &line))) {
        APR_ARRAY_PUSH(list, const char *) = word;
    }
    w->count = list->nelts;
    w->words = (const char *const *)list->elts;
    return w;
}

static const char *parse_smart(cmd_parms *cmd, const char *line,
                               const void **parsed)
{
    const words_t *w = split(cmd, line);

    return w->count ? apr_psprintf(cmd->pool,
                                   "Require smart takes no words, there is "
                                   "\"%s\" (smart-scope, smart-client, "
                                   "smart-interaction and smart-claim do)",
                                   w->words[0])
                    : NULL;
}

static bool parse_one_scope(const char *word, smart_scope_t *scope)
{
    return (smart_scope_parse(SMART_FHIR_R4, smart_slice(word), scope) ||
            smart_scope_parse(SMART_FHIR_R4B, smart_slice(word), scope) ||
            smart_scope_parse(SMART_FHIR_R5, smart_slice(word), scope)) &&
           !scope->constraint_len;
}

static const char *parse_scope(cmd_parms *cmd, const char *line,
                               const void **parsed)
{
    words_t *w = split(cmd, line);
    smart_scope_t *scopes;
    int i;

    if (!w->count) {
        return "Require smart-scope needs at least one scope";
    }
    scopes = apr_pcalloc(cmd->pool, (apr_size_t)w->count * sizeof(*scopes));
    for (i = 0; i < w->count; i++) {
        if (!parse_one_scope(w->words[i], &scopes[i])) {
            return apr_psprintf(cmd->pool,
                                "Require smart-scope: \"%s\" is not a SMART "
                                "scope without constraint, as in "
                                "patient/Observation.rs",
                                w->words[i]);
        }
    }
    w->scopes = scopes;
    *parsed = w;
    return NULL;
}

static const char *parse_client(cmd_parms *cmd, const char *line,
                                const void **parsed)
{
    words_t *w = split(cmd, line);

    *parsed = w;
    return w->count ? NULL : "Require smart-client needs at least one id";
}

static const char *parse_interaction(cmd_parms *cmd, const char *line,
                                     const void **parsed)
{
    words_t *w = split(cmd, line);
    int i;

    if (!w->count) {
        return "Require smart-interaction needs at least one name";
    }
    for (i = 0; i < w->count; i++) {
        if (w->words[i][0] != '$' &&
            !smart_interaction_named(smart_slice(w->words[i]))) {
            return apr_psprintf(cmd->pool,
                                "Require smart-interaction: \"%s\" is neither "
                                "an interaction of FHIR nor an $operation",
                                w->words[i]);
        }
    }
    *parsed = w;
    return NULL;
}

static const char *parse_claim(cmd_parms *cmd, const char *line,
                               const void **parsed)
{
    words_t *w = split(cmd, line);

    if (w->count < 2) {
        return "Require smart-claim needs a claim and at least one value";
    }
    *parsed = w;
    smart_config_claim(cmd, w->words[0]);
    return NULL;
}

static const authz_provider provide_smart = {check_smart, parse_smart};
static const authz_provider provide_scope = {check_scope, parse_scope};
static const authz_provider provide_client = {check_client, parse_client};
static const authz_provider provide_interaction = {check_interaction,
                                                   parse_interaction};
static const authz_provider provide_claim = {check_claim, parse_claim};

static void provide(apr_pool_t *p, const char *name,
                    const authz_provider *provider)
{
    ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, name,
                              AUTHZ_PROVIDER_VERSION, provider,
                              AP_AUTH_INTERNAL_PER_URI);
}

void smart_require_register(apr_pool_t *p)
{
    provide(p, "smart", &provide_smart);
    provide(p, "smart-scope", &provide_scope);
    provide(p, "smart-client", &provide_client);
    provide(p, "smart-interaction", &provide_interaction);
    provide(p, "smart-claim", &provide_claim);
}
