/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mod_smart.c: the module record, and where in httpd's day it has a say.
 *
 *   translate_name  metadata of a protected resource (RFC 9728)
 *   map_to_storage  TRACE below a base: httpd would answer it by itself
 *   header_parser   scrub, canonical form            (main request only)
 *   force_authn     check_authn runs whatever Require says
 *   check_authn     token -> grant                   (per URI)
 *   check_authz     decision -> permit               (per URI)
 *   Require smart*  providers, can only narrow       (per URI)
 *   fixups          environment for logs and backends
 *   insert_filter   response headers
 *   handler         the gate; behind it the status page and discovery
 *   proxy fixups    headers towards the backend
 *   log_transaction one line for the audit log
 */
#include "httpd/audit.h"
#include "httpd/body.h"
#include "httpd/claim.h"
#include "httpd/preread.h"
#include "httpd/discovery.h"
#include "httpd/inspect.h"
#include "httpd/status.h"

#include <apr_strings.h>
#include <http_request.h>
#include <mod_proxy.h>
#include <mod_status.h>

#include "mod_smart.h"

static void test_config(apr_pool_t *pconf, server_rec *s)
{
    if (ap_exists_config_define("DUMP_SMART")) {
        smart_dump_config(pconf, s);
    }
}

static const char *smart_claim(request_rec *r, const char *name)
{
    const smart_context_t *ctx =
        ap_get_module_config(r->request_config, &smart_module);
    int n = 0;

    if (!ctx || !ctx->permit.held || !ctx->has_grant) {
        return NULL;
    }
    return apr_pstrdup(r->pool,
                       smart_claim_next(&ctx->grant, name, &n, r->pool));
}

static void register_hooks(apr_pool_t *p)
{
    /* The cache's handler answers from its store, the proxy's from the
       backend: both only after the gate. */
    static const char *const after_gate[] = {"mod_cache.c", "mod_proxy.c",
                                             NULL};

    ap_hook_pre_config(smart_lifecycle_pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_pre_config(smart_audit_pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_open_logs(smart_audit_open_logs, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(smart_check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_test_config(test_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(smart_lifecycle_post_config, NULL, NULL,
                        APR_HOOK_MIDDLE);
    ap_hook_post_config(smart_fetched_post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(smart_lifecycle_child_init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(smart_audit_child_init, NULL, NULL, APR_HOOK_MIDDLE);

    /* Before whatever else maps the host's paths to something. */
    ap_hook_translate_name(smart_resource_translate_name, NULL, NULL,
                           APR_HOOK_REALLY_FIRST);
    ap_hook_map_to_storage(smart_resource_map_to_storage, NULL, NULL,
                           APR_HOOK_REALLY_FIRST);
    /* Before http_core's own, which echoes the request. */
    ap_hook_map_to_storage(smart_trace_map_to_storage, NULL, NULL,
                           APR_HOOK_REALLY_FIRST);
    /* Before anybody reads a header, mod_setenvif included. */
    ap_hook_header_parser(smart_scrub_header_parser, NULL, NULL,
                          APR_HOOK_REALLY_FIRST);
    ap_hook_force_authn(smart_authn_force, NULL, NULL, APR_HOOK_MIDDLE);
    /* Per URI: httpd would skip them for internal requests with the same
       sections, but what is permitted depends on the URI. */
    ap_hook_check_authn(smart_authn_check, NULL, NULL, APR_HOOK_MIDDLE,
                        AP_AUTH_INTERNAL_PER_URI);
    /* Before mod_authz_core's, which comes last and whose verdict is final. */
    ap_hook_check_authz(smart_authz_check, NULL, NULL, APR_HOOK_MIDDLE,
                        AP_AUTH_INTERNAL_PER_URI);
    ap_hook_note_auth_failure(smart_refusal_note_auth_failure, NULL, NULL,
                              APR_HOOK_MIDDLE);
    /* After modules that set the environment from the request. */
    ap_hook_fixups(smart_authz_fixups, NULL, NULL, APR_HOOK_LAST);
    ap_hook_insert_filter(smart_response_insert_filter, NULL, NULL,
                          APR_HOOK_LAST);
    ap_hook_insert_filter(smart_statement_insert_filter, NULL, NULL,
                          APR_HOOK_LAST);
    /* The one hook that runs on every way to a handler. */
    ap_hook_handler(smart_gate_handler, NULL, after_gate,
                    APR_HOOK_REALLY_FIRST);
    /* After the gate, before anything that would fetch it from the backend. */
    ap_hook_handler(smart_discovery_handler, NULL, after_gate,
                    APR_HOOK_REALLY_FIRST + 1);
    ap_hook_handler(smart_resource_handler, NULL, NULL, APR_HOOK_MIDDLE);
    /* A handler like anybody's: the gate has decided before it is asked, so
       below a base SetHandler opens nothing. */
    ap_hook_handler(smart_status_handler, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_log_transaction(smart_audit_log_transaction, NULL, NULL,
                            APR_HOOK_MIDDLE);
    /* Optional, so that httpd can be without mod_status. */
    APR_OPTIONAL_HOOK(ap, status_hook, smart_status_section, NULL, NULL,
                      APR_HOOK_MIDDLE);
    /* Optional, so that httpd can be without mod_proxy. */
    APR_OPTIONAL_HOOK(proxy, fixups, smart_upstream_fixups, NULL, NULL,
                      APR_HOOK_LAST);

    APR_REGISTER_OPTIONAL_FN(smart_claim);
    smart_body_register(p);
    smart_inspect_register(p);
    smart_preread_register(p);
    smart_require_register(p);
    smart_response_register(p);
    smart_statement_register(p);
}

AP_DECLARE_MODULE(smart) = {
    STANDARD20_MODULE_STUFF,
    smart_config_dir_create,
    smart_config_dir_merge,
    smart_config_server_create,
    smart_config_server_merge,
    smart_directives,
    register_hooks,
    0, /* flags */
};
