/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h: what the directives of one section or one server say, before
 * anything is made of it.
 *
 *   directives.c  fills these structures, one setter per directive
 *   config.c      creates and merges them
 *   location.c    makes of the merged ones what a request needs
 *   check.c       finds the bases and refuses what can not work
 *   dump.c        prints the effective rules
 *
 * Invariants:
 *   1. A member nobody set is all zero bits, and the merge takes the outer
 *      section's value for it; defaults are applied in location.c alone.
 *   2. Lists accumulate on merge, inner section first: rules, aliases, claim
 *      headers, capabilities. Everything else: inner wins.
 *   3. Merging is cheap (it happens per request) and never fails.
 */
#ifndef SMART_CONFIG_H
#define SMART_CONFIG_H

#include <httpd.h>
#include <http_config.h>

#include "core/compartment.h"
#include "core/grant.h"
#include "core/rule.h"
#include "io/introspection.h"
#include "io/tally.h"

extern module AP_MODULE_DECLARE_DATA smart_module;

/* A section is known by a number; most sections merged for one request. */
#define SMART_MAX_PARTS 12

/* Of the cache of tokens, unless SmartCacheSize says otherwise. */
#define SMART_CACHE_BYTES ((apr_size_t)32 * 1024 * 1024)

typedef enum {
    SMART_SWITCH_UNSET = 0,
    SMART_SWITCH_OFF,
    SMART_SWITCH_ON
} smart_switch_e;

typedef enum {
    SMART_MODE_UNSET = 0, /* enforce */
    SMART_MODE_ENFORCE,
    SMART_MODE_REPORT
} smart_mode_e;

/** SmartAudience as written; UNSET is optional with the public URL. */
typedef enum {
    SMART_AUDIENCE_CONF_UNSET = 0,
    SMART_AUDIENCE_CONF_REQUIRED,
    SMART_AUDIENCE_CONF_OPTIONAL,
    SMART_AUDIENCE_CONF_OFF
} smart_audience_conf_e;

typedef enum {
    SMART_FHIR_USER_CONF_UNSET = 0, /* optional, warned about */
    SMART_FHIR_USER_CONF_REQUIRED,
    SMART_FHIR_USER_CONF_OPTIONAL
} smart_fhir_user_conf_e;

typedef enum {
    SMART_COMPARTMENT_CONF_UNSET = 0, /* formal */
    SMART_COMPARTMENT_CONF_FORMAL,
    SMART_COMPARTMENT_CONF_SUBJECT,
    SMART_COMPARTMENT_CONF_OFF
} smart_compartment_conf_e;

/** Where SMART's discovery document comes from; UNSET is off. */
typedef enum {
    SMART_DISCOVERY_CONF_UNSET = 0,
    SMART_DISCOVERY_CONF_OFF,
    SMART_DISCOVERY_CONF_METADATA,
    SMART_DISCOVERY_CONF_FILE
} smart_discovery_conf_e;

/** Client authentication as SmartIntrospectionAuth gives it. */
typedef struct smart_client_t {
    smart_client_auth_e method;
    const char *client_id;
    const char *secret; /* loaded; never dumped */
    const smart_jwt_key_t *key;
    const char *audience;   /* private_key_jwt */
    smart_slice_t cert;     /* tls_client_auth: PEM text */
    smart_slice_t cert_key; /* never dumped */
    const char *shown;      /* for dumps: method and id, no secret */
} smart_client_t;

/** Which claim becomes which header towards the backend. */
typedef struct smart_claim_header_t {
    const char *claim;
    const char *header;
} smart_claim_header_t;

/** A SmartRule and where it stands. */
typedef struct smart_rule_line_t {
    const smart_rule_t *rule;
    const char *origin; /* "/etc/apache2/fhir.conf:12", for dumps */
} smart_rule_line_t;

/** One section: server level, <Location>, <Directory>, <If> ... */
typedef struct smart_dir_conf_t {
    bool says; /* something of what follows is set; see smart_config_says() */
    smart_mode_e mode;
    const char *fhir_base; /* "/fhir", no trailing slash; "": root */
    smart_fhir_e version;
    const char *public_url; /* no trailing slash */
    const char *endpoint_url;
    const smart_client_t *auth;
    const char *ca_file;
    int connect_timeout_ms; /* 0: unset */
    int total_timeout_ms;
    const char *issuer;
    smart_audience_conf_e audience;
    const char *const *auds; /* NULL at end; NULL: the public URL */
    apr_interval_time_t ttl; /* us; 0: unset (0 as value: see ttl_set) */
    bool ttl_set;
    apr_interval_time_t negative_ttl;
    bool negative_ttl_set;
    apr_interval_time_t stale;
    bool stale_set;
    smart_fhir_user_conf_e fhir_user;
    smart_switch_e forward_token;
    const char *const *cors_origins;   /* NULL at end; "*" alone: any */
    const struct smart_audit_t *audit; /* see audit.h */
    apr_array_header_t *rules;         /* smart_rule_line_t */
    apr_array_header_t *aliases;       /* smart_scope_alias_t */
    apr_array_header_t *claim_headers; /* smart_claim_header_t */
    apr_array_header_t *claims; /* const char *, of Require smart-claim */
    smart_discovery_conf_e discovery;
    const char *discovery_from;       /* URL or path; NULL for off */
    smart_slice_t discovery_text;     /* of the file */
    apr_array_header_t *capabilities; /* const char * */
    smart_compartment_conf_e compartment;
    const apr_array_header_t *compartment_params; /* of parameters; NULL: the
                                                     default */
    const smart_typeset_t *shared_types;          /* NULL: the default */
    apr_off_t inspect_limit;                      /* bytes; 0: unset */
    int part_count; /* -1: too many, or made for one request */
    apr_uint32_t parts[SMART_MAX_PARTS]; /* what was merged, outer first */
} smart_dir_conf_t;

/** A FHIR base of a virtual host. */
typedef struct smart_base_t {
    const char *path; /* "/fhir"; "" for the root; never a trailing slash */
    apr_size_t len;
    const smart_dir_conf_t *conf; /* in force at the base itself; NULL: no
                                     section with AuthType SMART is known */
    const smart_tally_t *tally;   /* in a child: where it is counted */
} smart_base_t;

/** What SmartCacheShared says; see store.h. */
typedef struct smart_store_t smart_store_t;

/** One server or virtual host. */
typedef struct smart_server_conf_t {
    apr_size_t cache_bytes;      /* 0: unset; of the main server counts */
    unsigned max_concurrent;     /* the same */
    const smart_store_t *store;  /* the same; NULL: none */
    const unsigned char *master; /* the same: of SmartSecret, see io/seal.h;
                                    NULL: none */
    const smart_base_t *bases;   /* by check.c; longest first */
    int base_count;
} smart_server_conf_t;

void *smart_config_dir_create(apr_pool_t *p, char *path);
void *smart_config_dir_merge(apr_pool_t *p, void *outer, void *inner);
void *smart_config_server_create(apr_pool_t *p, server_rec *s);
void *smart_config_server_merge(apr_pool_t *p, void *outer, void *inner);

/**
 * Whether warnings about the configuration should be logged now: it is read
 * twice at a start, and the first pass keeps quiet unless it is the only one.
 */
bool smart_config_may_warn(void);

/**
 * Note that a line of ours says something in its section: merges skip sections
 * that say nothing, and check.c finds those that do by the data of their lines.
 * @param conf of the section the line stands in
 */
void smart_config_says(cmd_parms *cmd, smart_dir_conf_t *conf);

/**
 * Note that a section has to keep a claim of tokens, for a Require line in it.
 * @param cmd  what a parse_require_line gets
 * @param name claim; copied
 */
void smart_config_claim(cmd_parms *cmd, const char *name);

/**
 * Whether two names of header fields are one to some backend: without case,
 * "_" as "-" (CGI, WSGI and others fold them).
 */
bool smart_same_field(const char *a, const char *b);

/**
 * Why a path can not be a FHIR base: requests below it are held to a canonical
 * form, so the base has to be in one.
 * @param path what stands in a directive or section; a trailing slash is fine
 * @return constant text; NULL: it can be one
 */
const char *smart_base_fault(const char *path);

/**
 * The base in the form in which requests are compared with it.
 * @return without trailing slash; "" for the root
 */
const char *smart_base_path(apr_pool_t *p, const char *path);

/**
 * Whether a path is a base or below it, at segment boundaries.
 * @param base path of a base, "" for the root: everything is below it
 */
static inline bool smart_path_below(const char *path, const char *base,
                                    apr_size_t base_len)
{
    return base_len == 0 || (strncmp(path, base, base_len) == 0 &&
                             (path[base_len] == '\0' || path[base_len] == '/'));
}

/**
 * The base of a virtual host that a path is at or below; at segment
 * boundaries, compared byte by byte.
 * @return NULL: the path is not protected
 */
const smart_base_t *smart_config_base(const server_rec *s, const char *path);

/** check_config: sets the bases of each server; see check.c. */
int smart_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                       server_rec *s);

/** test_config: prints the effective rules under -D DUMP_SMART. */
void smart_dump_config(apr_pool_t *pconf, server_rec *s);

/** Takes a piece of a dump; nothing in it is escaped. */
typedef void smart_dump_fn(void *ctx, const char *text);

/**
 * The same for a status page, without queries of URLs.
 * @param s   the first server
 * @param p   scratch
 * @param put gets it, piece by piece
 * @param ctx handed to it
 */
void smart_dump_brief(server_rec *s, apr_pool_t *p, smart_dump_fn *put,
                      void *ctx);

extern const command_rec smart_directives[];

#endif
