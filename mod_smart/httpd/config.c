/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c: creates and merges what the directives say.
 *
 * Merging happens per request wherever several sections apply, so it copies
 * pointers and, where both sides have a list, its elements.
 */
#include "httpd/config.h"

#include <http_core.h>
#include <mpm_common.h>

#include <apr_lib.h>
#include <apr_strings.h>

/*
 * Sections get their numbers while the configuration is read, by one thread.
 * One that is made later (.htaccess) lives as long as a request: a number for
 * each would make everything that is kept by numbers grow without end.
 */
static bool reading_configuration(void)
{
    return ap_state_query(AP_SQ_MAIN_STATE) < AP_SQ_MS_RUN_MPM;
}

void *smart_config_dir_create(apr_pool_t *p, char *path)
{
    static apr_uint32_t last_part;
    smart_dir_conf_t *conf = apr_pcalloc(p, sizeof(*conf));

    (void)path;
    if (reading_configuration()) {
        conf->part_count = 1;
        conf->parts[0] = ++last_part;
    }
    else {
        conf->part_count = -1;
    }
    return conf;
}

/* Inner first, so that the first match is the innermost. */
static apr_array_header_t *merge_list(apr_pool_t *p,
                                      const apr_array_header_t *outer,
                                      const apr_array_header_t *inner)
{
    if (!outer || !inner) {
        return (apr_array_header_t *)(inner ? inner : outer);
    }
    return apr_array_append(p, inner, outer);
}

static void merge_parts(smart_dir_conf_t *conf, const smart_dir_conf_t *outer,
                        const smart_dir_conf_t *inner)
{
    const int n = outer->part_count, m = inner->part_count;

    if (n < 0 || m < 0 || n + m > SMART_MAX_PARTS) {
        conf->part_count = -1;
        return;
    }
    memcpy(conf->parts, outer->parts, (apr_size_t)n * sizeof(conf->parts[0]));
    memcpy(conf->parts + n, inner->parts,
           (apr_size_t)m * sizeof(conf->parts[0]));
    conf->part_count = n + m;
}

#define INNER_WINS(member)                                                     \
    conf->member = inner->member ? inner->member : outer->member

static void merge_introspection(smart_dir_conf_t *conf,
                                const smart_dir_conf_t *outer,
                                const smart_dir_conf_t *inner)
{
    INNER_WINS(endpoint_url);
    INNER_WINS(auth);
    INNER_WINS(ca_file);
    INNER_WINS(connect_timeout_ms);
    INNER_WINS(total_timeout_ms);
}

static void merge_token(smart_dir_conf_t *conf, const smart_dir_conf_t *outer,
                        const smart_dir_conf_t *inner)
{
    /* One directive says both: without a list it means the public URL. */
    const smart_dir_conf_t *audience = inner->audience ? inner : outer;
    const smart_dir_conf_t *ttl = inner->ttl_set ? inner : outer;
    const smart_dir_conf_t *negative = inner->negative_ttl_set ? inner : outer;
    const smart_dir_conf_t *stale = inner->stale_set ? inner : outer;

    INNER_WINS(issuer);
    conf->audience = audience->audience;
    conf->auds = audience->auds;
    conf->ttl = ttl->ttl;
    conf->ttl_set = ttl->ttl_set;
    conf->negative_ttl = negative->negative_ttl;
    conf->negative_ttl_set = negative->negative_ttl_set;
    conf->stale = stale->stale;
    conf->stale_set = stale->stale_set;
}

static void merge_discovery(apr_pool_t *p, smart_dir_conf_t *conf,
                            const smart_dir_conf_t *outer,
                            const smart_dir_conf_t *inner)
{
    const smart_dir_conf_t *discovery = inner->discovery ? inner : outer;

    conf->discovery = discovery->discovery;
    conf->discovery_from = discovery->discovery_from;
    conf->discovery_text = discovery->discovery_text;
    conf->capabilities =
        merge_list(p, outer->capabilities, inner->capabilities);
}

void *smart_config_dir_merge(apr_pool_t *p, void *outer_conf, void *inner_conf)
{
    const smart_dir_conf_t *outer = outer_conf, *inner = inner_conf;
    smart_dir_conf_t *conf;

    /* A merge with nothing is the other side: as it is, since nobody writes
       to a section once it was read. */
    if (!outer->says) {
        return inner_conf;
    }
    if (!inner->says) {
        return outer_conf;
    }
    conf = apr_palloc(p, sizeof(*conf));
    conf->says = true;
    INNER_WINS(mode);
    INNER_WINS(fhir_base);
    INNER_WINS(version);
    INNER_WINS(public_url);
    merge_introspection(conf, outer, inner);
    merge_token(conf, outer, inner);
    INNER_WINS(fhir_user);
    INNER_WINS(compartment);
    INNER_WINS(compartment_params);
    INNER_WINS(shared_types);
    INNER_WINS(inspect_limit);
    INNER_WINS(forward_token);
    INNER_WINS(cors_origins);
    INNER_WINS(audit);
    conf->rules = merge_list(p, outer->rules, inner->rules);
    conf->aliases = merge_list(p, outer->aliases, inner->aliases);
    conf->claim_headers =
        merge_list(p, outer->claim_headers, inner->claim_headers);
    conf->claims = merge_list(p, outer->claims, inner->claims);
    merge_discovery(p, conf, outer, inner);
    merge_parts(conf, outer, inner);
    return conf;
}

void *smart_config_server_create(apr_pool_t *p, server_rec *s)
{
    (void)s;
    return apr_pcalloc(p, sizeof(smart_server_conf_t));
}

/* The bases are found when all is merged; until then there are none. */
void *smart_config_server_merge(apr_pool_t *p, void *outer_conf,
                                void *inner_conf)
{
    const smart_server_conf_t *outer = outer_conf, *inner = inner_conf;
    smart_server_conf_t *conf = apr_pcalloc(p, sizeof(*conf));

    INNER_WINS(cache_bytes);
    INNER_WINS(max_concurrent);
    INNER_WINS(store);
    INNER_WINS(master);
    conf->bases = NULL;
    conf->base_count = 0;
    return conf;
}

bool smart_config_may_warn(void)
{
    return ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_PRE_CONFIG ||
           ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_CONFIG_TEST;
}

void smart_config_says(cmd_parms *cmd, smart_dir_conf_t *conf)
{
    conf->says = true;
    cmd->directive->data = conf;
}

void smart_config_claim(cmd_parms *cmd, const char *name)
{
    /* A section without a directive of ours has no configuration yet. */
    smart_dir_conf_t *conf = ap_set_config_vectors(
        cmd->server, cmd->context, cmd->path, &smart_module, cmd->pool);

    smart_config_says(cmd, conf);
    if (!conf->claims) {
        conf->claims = apr_array_make(cmd->pool, 4, sizeof(const char *));
    }
    APR_ARRAY_PUSH(conf->claims, const char *) = apr_pstrdup(cmd->pool, name);
}

bool smart_same_field(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        if ((*a == '_' ? '-' : apr_tolower(*a)) !=
            (*b == '_' ? '-' : apr_tolower(*b))) {
            return false;
        }
    }
    return *a == *b;
}

const char *smart_base_fault(const char *path)
{
    const char *c;

    if (*path != '/') {
        return "is not a path that starts with a slash";
    }
    for (c = path; *c; c++) {
        const char *segment = c + 1;

        if (*c != '/') {
            if (!apr_isalnum(*c) && !strchr("-._~$", *c)) {
                return "has a byte other than A-Z a-z 0-9 - . _ ~ $ /";
            }
        }
        else if (*segment == '/') {
            return "has an empty segment";
        }
        else if (*segment == '.' &&
                 (segment[1] == '\0' || segment[1] == '/' ||
                  (segment[1] == '.' &&
                   (segment[2] == '\0' || segment[2] == '/')))) {
            return "has a segment of dots";
        }
    }
    return NULL;
}

const char *smart_base_path(apr_pool_t *p, const char *path)
{
    apr_size_t len = strlen(path);

    if (len > 0 && path[len - 1] == '/') {
        len--;
    }
    return apr_pstrmemdup(p, path, len);
}

const smart_base_t *smart_config_base(const server_rec *s, const char *path)
{
    const smart_server_conf_t *conf =
        ap_get_module_config(s->module_config, &smart_module);
    int i;

    for (i = 0; i < conf->base_count; i++) {
        const smart_base_t *base = &conf->bases[i];

        if (smart_path_below(path, base->path, base->len)) {
            return base;
        }
    }
    return NULL;
}
