/* SPDX-License-Identifier: Apache-2.0 */
/*
 * directives.h: the names of the directives, once, so that the command table
 * and every message say the same.
 *
 * The table is smart_directives in directives.c. conf/smart.conf is the
 * reference for administrators; build/check_directives holds the two together.
 */
#ifndef SMART_DIRECTIVES_H
#define SMART_DIRECTIVES_H

#include "httpd/config.h"

#define SMART_DIR_CACHE_SIZE    "SmartCacheSize"
#define SMART_DIR_CACHE_SHARED  "SmartCacheShared"
#define SMART_DIR_SECRET        "SmartSecret"
#define SMART_DIR_MODE          "SmartMode"
#define SMART_DIR_FHIR_BASE     "SmartFhirBase"
#define SMART_DIR_FHIR_VERSION  "SmartFhirVersion"
#define SMART_DIR_PUBLIC_URL    "SmartPublicURL"
#define SMART_DIR_ENDPOINT      "SmartIntrospectionEndpoint"
#define SMART_DIR_AUTH          "SmartIntrospectionAuth"
#define SMART_DIR_CA_FILE       "SmartIntrospectionCACertificateFile"
#define SMART_DIR_TIMEOUT       "SmartIntrospectionTimeout"
#define SMART_DIR_ISSUER        "SmartIssuer"
#define SMART_DIR_AUDIENCE      "SmartAudience"
#define SMART_DIR_CACHE_TTL     "SmartCacheTTL"
#define SMART_DIR_NEGATIVE_TTL  "SmartNegativeCacheTTL"
#define SMART_DIR_STALE         "SmartStaleIfError"
#define SMART_DIR_CONCURRENT    "SmartIntrospectionMaxConcurrent"
#define SMART_DIR_RULE          "SmartRule"
#define SMART_DIR_SCOPE_ALIAS   "SmartScopeAlias"
#define SMART_DIR_FHIR_USER     "SmartFhirUser"
#define SMART_DIR_CLAIM_HEADER  "SmartClaimHeader"
#define SMART_DIR_FORWARD_TOKEN "SmartForwardToken"
#define SMART_DIR_CORS_ORIGIN   "SmartCorsOrigin"
#define SMART_DIR_AUDIT_LOG     "SmartAuditLog"
#define SMART_DIR_DISCOVERY     "SmartDiscovery"
#define SMART_DIR_CAPABILITY    "SmartCapability"
#define SMART_DIR_COMPARTMENT   "SmartPatientCompartment"
#define SMART_DIR_PATIENT_PARAM "SmartCompartmentParam"
#define SMART_DIR_SHARED_TYPES  "SmartSharedTypes"
#define SMART_DIR_INSPECT_LIMIT "SmartInspectLimit"

/* The AuthType that this module answers for. */
#define SMART_AUTH_TYPE "SMART"

/**
 * Split the rest of a line into words, as httpd does: blanks separate, quotes
 * hold together.
 * @return const char *, count in nelts; further elements are NULL
 */
apr_array_header_t *smart_words(apr_pool_t *p, const char *line);

/** An error text "<directive>: \"<word>\" <why>". */
const char *smart_bad_word(const cmd_parms *cmd, const char *word,
                           const char *why);

/**
 * Log a warning about a directive with its file and line; in the second pass
 * of a start alone, or under -t.
 */
void smart_warn_line(const cmd_parms *cmd, const char *text);

/**
 * What SmartIntrospectionAuth says. Secrets and keys are loaded, and a client
 * assertion is signed for trial: what is wrong with them stops the start.
 * @param words  the method and what belongs to it
 * @param pauth  out: allocated from cmd->pool
 * @return error text without a byte of a secret; NULL: fine
 */
const char *smart_client_auth_parse(cmd_parms *cmd,
                                    const apr_array_header_t *words,
                                    const smart_client_t **pauth);

/**
 * What every setter begins with: whether the directive may stand here, and that
 * its section says something.
 * @param set the member has a value already
 * @return error text; NULL: fine
 */
const char *smart_begin(cmd_parms *cmd, smart_dir_conf_t *conf, bool set);

/** SmartDiscovery and SmartCapability; see discovery_conf.c. */
const char *smart_set_discovery(cmd_parms *cmd, void *dir, const char *line);
const char *smart_add_capability(cmd_parms *cmd, void *dir, const char *line);

/** Whose data a token reaches; see patient_conf.c. */
const char *smart_set_fhir_user(cmd_parms *cmd, void *dir, const char *word);
const char *smart_set_compartment(cmd_parms *cmd, void *dir, const char *word);
const char *smart_set_compartment_params(cmd_parms *cmd, void *dir,
                                         const char *line);
const char *smart_set_shared_types(cmd_parms *cmd, void *dir, const char *line);
const char *smart_set_inspect_limit(cmd_parms *cmd, void *dir,
                                    const char *word);

/**
 * Load a secret at start-up and warn if others may read the file it is in.
 * @param spec    file:, env: or exec:; see io/secret.h
 * @param psecret out: allocated from cmd->pool
 * @return error text without a byte of a secret; NULL: fine
 */
const char *smart_secret_word(cmd_parms *cmd, const char *spec,
                              const char **psecret);

/** Setters of what is in force for the whole server; directives_server.c. */
const char *smart_set_cache_size(cmd_parms *cmd, void *dir, const char *word);
const char *smart_set_concurrent(cmd_parms *cmd, void *dir, const char *word);
const char *smart_set_cache_shared(cmd_parms *cmd, void *dir, const char *word);
const char *smart_set_secret(cmd_parms *cmd, void *dir, const char *word);

/** NULL, or why a file is no PEM with a block of such a label in it. */
const char *smart_pem_fault(const char *path, const char *label, apr_pool_t *p);

#endif
