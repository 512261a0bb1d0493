/* SPDX-License-Identifier: Apache-2.0 */
/*
 * directives_server.c: directives of the main server, which say what is there
 * once for all virtual hosts. The rows that name them are in directives.c, and
 * so are the invariants.
 */
#include "httpd/directives.h"
#include "httpd/store.h"

#include <http_core.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "core/amount.h"
#include "io/permits.h"
#include "io/seal.h"
#include "io/secret.h"

#define MIN_CACHE (APR_UINT64_C(1) << 20)
#define MAX_CACHE (APR_UINT64_C(64) << 30)

static smart_server_conf_t *conf_of(const cmd_parms *cmd)
{
    return ap_get_module_config(cmd->server->module_config, &smart_module);
}

/* What every setter begins with. <set>: there is a value already. */
static const char *begin(cmd_parms *cmd, void *dir, bool set)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    cmd->directive->data = dir;
    if (!error && set) {
        error = apr_pstrcat(cmd->pool, cmd->cmd->name, " is there twice", NULL);
    }
    return error;
}

const char *smart_set_cache_size(cmd_parms *cmd, void *dir, const char *word)
{
    smart_server_conf_t *conf = conf_of(cmd);
    const char *error = begin(cmd, dir, conf->cache_bytes != 0);
    apr_uint64_t bytes;
    const char *why;

    if (error) {
        return error;
    }
    if (!smart_amount_size(word, MIN_CACHE, MAX_CACHE, &bytes, &why)) {
        return smart_bad_word(
            cmd, word, apr_pstrcat(cmd->pool, why, "; from 1M to 64G", NULL));
    }
    conf->cache_bytes = (apr_size_t)bytes;
    return NULL;
}

const char *smart_set_concurrent(cmd_parms *cmd, void *dir, const char *word)
{
    smart_server_conf_t *conf = conf_of(cmd);
    const char *error = begin(cmd, dir, conf->max_concurrent != 0);
    apr_int64_t n;
    char *end;

    if (error) {
        return error;
    }
    n = apr_strtoi64(word, &end, 10);
    if (!apr_isdigit(*word) || *end || n < 1 || n > SMART_PERMITS_MOST) {
        return smart_bad_word(cmd, word, "is not a number from 1 to 4096");
    }
    conf->max_concurrent = (unsigned)n;
    return NULL;
}

const char *smart_set_cache_shared(cmd_parms *cmd, void *dir, const char *word)
{
    smart_server_conf_t *conf = conf_of(cmd);
    const char *error = begin(cmd, dir, conf->store != NULL);
    smart_store_t *store;

    if (!error) {
        error = smart_store_parse(cmd, word, &store);
    }
    if (!error) {
        conf->store = store;
    }
    return error;
}

/* The secret itself is not kept: keys come from what is made of it here. */
const char *smart_set_secret(cmd_parms *cmd, void *dir, const char *word)
{
    smart_server_conf_t *conf = conf_of(cmd);
    const char *error = begin(cmd, dir, conf->master != NULL);
    unsigned char *master;
    const char *secret;
    apr_size_t len;
    apr_status_t rv;

    if (!error) {
        error = smart_secret_word(cmd, word, &secret);
    }
    if (error) {
        return error;
    }
    master = apr_palloc(cmd->pool, SMART_SEAL_KEY);
    len = strlen(secret);
    rv = smart_seal_master(smart_slice_n(secret, len), master);
    smart_secret_wipe((char *)(apr_uintptr_t)secret, len);
    if (rv != APR_SUCCESS) {
        return apr_psprintf(cmd->pool,
                            rv == APR_EINVAL
                                ? "%s: the secret has less than %u bytes"
                                : "%s: OpenSSL has no HKDF for a secret of %u "
                                  "bytes or more",
                            cmd->cmd->name, SMART_SEAL_MIN_SECRET);
    }
    conf->master = master;
    return NULL;
}
