/* SPDX-License-Identifier: Apache-2.0 */
/*
 * directives.c: the command table and what each directive accepts.
 *
 * To add a directive: its name in directives.h, a member in config.h with its
 * merge in config.c, a setter and a row here, its default in location.c, an
 * entry in conf/smart.conf and cases in t/50-config.t. Setters of what is in
 * force for the whole server are in directives_server.c.
 *
 * Invariants:
 *   1. A setter that returns an error names directive and word; httpd adds file
 *      and line, and does not start.
 *   2. What is accepted has its effect: no word is skipped, no number is cut.
 *   3. Each of our directives leaves its section's configuration in the data of
 *      its node of the configuration tree, where check.c finds it.
 */
#include "httpd/directives.h"
#include "httpd/audit.h"

#include <http_core.h>
#include <http_log.h>

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_uri.h>

#include "core/amount.h"
#include "io/introspection.h"

APLOG_USE_MODULE(smart);

#define SECOND_US      APR_INT64_C(1000000)
#define MAX_TTL_US     (APR_INT64_C(24) * 3600 * SECOND_US)
#define MAX_TIMEOUT_US (60 * SECOND_US)

/* ---- words and messages ---- */

apr_array_header_t *smart_words(apr_pool_t *p, const char *line)
{
    apr_array_header_t *words = apr_array_make(p, 8, sizeof(const char *));

    while (*line) {
        APR_ARRAY_PUSH(words, const char *) = ap_getword_conf(p, &line);
    }
    return words;
}

static const char *word_at(const apr_array_header_t *words, int i)
{
    return APR_ARRAY_IDX(words, i, const char *);
}

const char *smart_bad_word(const cmd_parms *cmd, const char *word,
                           const char *why)
{
    return apr_pstrcat(cmd->pool, cmd->cmd->name, ": \"", word, "\" ", why,
                       NULL);
}

static const char *form_error(const cmd_parms *cmd)
{
    return apr_pstrcat(cmd->pool, cmd->cmd->name, " is written ",
                       cmd->cmd->errmsg, NULL);
}

void smart_warn_line(const cmd_parms *cmd, const char *text)
{
    if (smart_config_may_warn()) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, cmd->server,
                     "SMART0101: %s (%s:%d): %s", cmd->cmd->name,
                     cmd->directive->filename, cmd->directive->line_num, text);
    }
}

const char *smart_begin(cmd_parms *cmd, smart_dir_conf_t *conf, bool set)
{
    const char *error =
        ap_check_cmd_context(cmd, NOT_IN_LIMIT | NOT_IN_HTACCESS);

    smart_config_says(cmd, conf);
    if (!error && set) {
        error = apr_pstrcat(cmd->pool, cmd->cmd->name,
                            " is there twice in one section", NULL);
    }
    return error;
}

/* The same for directives with several words. */
static const char *begin_words(cmd_parms *cmd, smart_dir_conf_t *conf, bool set,
                               const char *line, int min,
                               apr_array_header_t **pwords)
{
    const char *error = smart_begin(cmd, conf, set);

    *pwords = smart_words(cmd->pool, line);
    if (!error && (*pwords)->nelts < min) {
        error = form_error(cmd);
    }
    return error;
}

static bool is_word(const char *word, const char *expected)
{
    return apr_cstr_casecmp(word, expected) == 0;
}

/* Words without blank or control byte, that mean nothing when empty. */
static const char *opaque_fault(const cmd_parms *cmd, const char *word)
{
    const char *c;

    for (c = word; *c; c++) {
        if (*c <= 0x20 || *c > 0x7E) {
            return smart_bad_word(cmd, word,
                                  "has a blank or a byte that is "
                                  "not printable ASCII");
        }
    }
    return *word ? NULL : smart_bad_word(cmd, word, "is empty");
}

/* From element <from> on, NULL at end. */
static const char *const *words_from(apr_array_header_t *words, int from)
{
    APR_ARRAY_PUSH(words, const char *) = NULL;
    return (const char *const *)words->elts + from;
}

static const char *repeated_word(const cmd_parms *cmd,
                                 const apr_array_header_t *words, int from)
{
    int i, j;

    for (i = from; i < words->nelts; i++) {
        for (j = from; j < i; j++) {
            if (strcmp(word_at(words, i), word_at(words, j)) == 0) {
                return smart_bad_word(cmd, word_at(words, i), "is there twice");
            }
        }
    }
    return NULL;
}

/* ---- the base ---- */

static const char *set_mode(cmd_parms *cmd, void *dir, const char *word)
{
    smart_dir_conf_t *conf = dir;
    const char *error = smart_begin(cmd, conf, conf->mode != SMART_MODE_UNSET);

    if (error) {
        return error;
    }
    conf->mode = is_word(word, "enforce")  ? SMART_MODE_ENFORCE
                 : is_word(word, "report") ? SMART_MODE_REPORT
                                           : SMART_MODE_UNSET;
    return conf->mode
               ? NULL
               : smart_bad_word(cmd, word, "is neither enforce nor report");
}

static const char *set_fhir_base(cmd_parms *cmd, void *dir, const char *word)
{
    smart_dir_conf_t *conf = dir;
    const char *error = smart_begin(cmd, conf, conf->fhir_base != NULL);
    const char *fault = smart_base_fault(word);

    if (!error && fault) {
        error = smart_bad_word(cmd, word, fault);
    }
    if (!error) {
        conf->fhir_base = smart_base_path(cmd->pool, word);
    }
    return error;
}

static const char *set_fhir_version(cmd_parms *cmd, void *dir, const char *word)
{
    smart_dir_conf_t *conf = dir;
    const char *error =
        smart_begin(cmd, conf, conf->version != SMART_FHIR_NONE);

    if (error) {
        return error;
    }
    conf->version = is_word(word, "R4")    ? SMART_FHIR_R4
                    : is_word(word, "R4B") ? SMART_FHIR_R4B
                    : is_word(word, "R5")  ? SMART_FHIR_R5
                                           : SMART_FHIR_NONE;
    return conf->version ? NULL
                         : smart_bad_word(cmd, word,
                                          "is no version; there are R4, R4B "
                                          "and R5");
}

static const char *public_url_fault(const char *url, apr_pool_t *p)
{
    apr_uri_t uri;
    const char *c;

    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) {
        return "does not start with https:// or http://";
    }
    for (c = url; *c; c++) {
        if (*c <= 0x20 || *c > 0x7E || strchr("\"<>\\^`{|}", *c)) {
            return "has a byte that does not belong into an URL";
        }
    }
    if (strpbrk(url, "?#")) {
        return "has a query or a fragment";
    }
    if (apr_uri_parse(p, url, &uri) != APR_SUCCESS || !uri.hostname ||
        !*uri.hostname) {
        return "has no host";
    }
    return uri.user || uri.password || strchr(uri.hostinfo, '@') ? "has a user"
                                                                 : NULL;
}

static const char *set_public_url(cmd_parms *cmd, void *dir, const char *word)
{
    smart_dir_conf_t *conf = dir;
    const char *error = smart_begin(cmd, conf, conf->public_url != NULL);
    const char *fault = public_url_fault(word, cmd->temp_pool);

    if (!error && fault) {
        error = smart_bad_word(cmd, word, fault);
    }
    if (!error) {
        conf->public_url = smart_base_path(cmd->pool, word);
    }
    return error;
}

/* ---- introspection ---- */

static const char *set_endpoint(cmd_parms *cmd, void *dir, const char *word)
{
    smart_dir_conf_t *conf = dir;
    const char *error = smart_begin(cmd, conf, conf->endpoint_url != NULL);
    const char *fault;

    if (!error && !smart_endpoint_url_ok(word, cmd->temp_pool, &fault)) {
        error = apr_pstrcat(cmd->pool, cmd->cmd->name, ": \"", word,
                            "\": ", fault, NULL);
    }
    conf->endpoint_url = word;
    return error;
}

static const char *set_auth(cmd_parms *cmd, void *dir, const char *line)
{
    smart_dir_conf_t *conf = dir;
    apr_array_header_t *words;
    const char *error =
        begin_words(cmd, conf, conf->auth != NULL, line, 1, &words);

    return error ? error : smart_client_auth_parse(cmd, words, &conf->auth);
}

static const char *set_ca_file(cmd_parms *cmd, void *dir, const char *word)
{
    smart_dir_conf_t *conf = dir;
    const char *error = smart_begin(cmd, conf, conf->ca_file != NULL);
    const char *fault;

    if (error) {
        return error;
    }
    conf->ca_file = ap_server_root_relative(cmd->pool, word);
    if (!conf->ca_file) {
        return smart_bad_word(cmd, word, "is no path");
    }
    fault = smart_pem_fault(conf->ca_file, "CERTIFICATE", cmd->temp_pool);
    return fault ? smart_bad_word(cmd, conf->ca_file, fault) : NULL;
}

static const char *set_one_timeout(cmd_parms *cmd, const char *word,
                                   smart_dir_conf_t *conf)
{
    apr_interval_time_t us;
    const char *value, *why;
    int *pms = NULL;

    if (strncmp(word, "connect=", 8) == 0) {
        pms = &conf->connect_timeout_ms;
        value = word + 8;
    }
    else if (strncmp(word, "total=", 6) == 0) {
        pms = &conf->total_timeout_ms;
        value = word + 6;
    }
    if (!pms) {
        return smart_bad_word(cmd, word,
                              "is unknown; there are connect= and total=");
    }
    if (*pms) {
        return smart_bad_word(cmd, word, "is there twice");
    }
    if (!smart_amount_time(value, MAX_TIMEOUT_US, &us, &why)) {
        return smart_bad_word(cmd, word, why);
    }
    *pms = (int)apr_time_as_msec(us);
    return *pms ? NULL : smart_bad_word(cmd, word, "is no time to wait");
}

static const char *set_timeout(cmd_parms *cmd, void *dir, const char *line)
{
    smart_dir_conf_t *conf = dir;
    apr_array_header_t *words;
    const char *error = begin_words(
        cmd, conf, conf->connect_timeout_ms || conf->total_timeout_ms, line, 1,
        &words);
    int i;

    for (i = 0; !error && i < words->nelts; i++) {
        error = set_one_timeout(cmd, word_at(words, i), conf);
    }
    if (!error && conf->total_timeout_ms &&
        conf->connect_timeout_ms > conf->total_timeout_ms) {
        error = smart_bad_word(cmd, line,
                               "waits longer for the connection than "
                               "for all");
    }
    return error;
}

/* ---- the token ---- */

static const char *set_issuer(cmd_parms *cmd, void *dir, const char *word)
{
    smart_dir_conf_t *conf = dir;
    const char *error = smart_begin(cmd, conf, conf->issuer != NULL);

    conf->issuer = word;
    return error ? error : opaque_fault(cmd, word);
}

static const char *set_audience(cmd_parms *cmd, void *dir, const char *line)
{
    smart_dir_conf_t *conf = dir;
    apr_array_header_t *words;
    const char *error =
        begin_words(cmd, conf, conf->audience != SMART_AUDIENCE_CONF_UNSET,
                    line, 1, &words);
    int i;

    if (error) {
        return error;
    }
    conf->audience =
        is_word(word_at(words, 0), "required")   ? SMART_AUDIENCE_CONF_REQUIRED
        : is_word(word_at(words, 0), "optional") ? SMART_AUDIENCE_CONF_OPTIONAL
        : is_word(word_at(words, 0), "off")      ? SMART_AUDIENCE_CONF_OFF
                                                 : SMART_AUDIENCE_CONF_UNSET;
    if (!conf->audience) {
        return smart_bad_word(cmd, word_at(words, 0),
                              "is neither required, optional nor off");
    }
    if (words->nelts > 1 && conf->audience == SMART_AUDIENCE_CONF_OFF) {
        return smart_bad_word(cmd, word_at(words, 1), "has no effect with off");
    }
    for (i = 1; !error && i < words->nelts; i++) {
        error = opaque_fault(cmd, word_at(words, i));
    }
    if (!error) {
        error = repeated_word(cmd, words, 1);
    }
    conf->auds = words->nelts > 1 ? words_from(words, 1) : NULL;
    return error;
}

static const char *set_ttl(cmd_parms *cmd, void *dir, const char *word)
{
    smart_dir_conf_t *conf = dir;
    const bool negative = strcmp(cmd->cmd->name, SMART_DIR_NEGATIVE_TTL) == 0;
    const char *error = smart_begin(
        cmd, conf, negative ? conf->negative_ttl_set : conf->ttl_set);
    apr_interval_time_t us;
    const char *why;

    if (error) {
        return error;
    }
    if (!smart_amount_time(word, MAX_TTL_US, &us, &why)) {
        return smart_bad_word(cmd, word, why);
    }
    if (negative) {
        conf->negative_ttl = us;
        conf->negative_ttl_set = true;
    }
    else {
        conf->ttl = us;
        conf->ttl_set = true;
    }
    return NULL;
}

static const char *set_stale(cmd_parms *cmd, void *dir, const char *word)
{
    smart_dir_conf_t *conf = dir;
    const char *error = smart_begin(cmd, conf, conf->stale_set);
    const char *why;

    if (error) {
        return error;
    }
    if (!smart_amount_time(word, MAX_TTL_US, &conf->stale, &why)) {
        return smart_bad_word(cmd, word, why);
    }
    conf->stale_set = true;
    return NULL;
}

/* ---- scopes ---- */

static const char *add_rule(cmd_parms *cmd, void *dir, const char *line)
{
    smart_dir_conf_t *conf = dir;
    apr_array_header_t *words;
    const char *error = begin_words(cmd, conf, false, line, 3, &words);
    smart_rule_t *rule = apr_pcalloc(cmd->pool, sizeof(*rule));
    smart_rule_line_t at = {rule, NULL};
    const char *fault;

    if (error) {
        return error;
    }
    if (!smart_rule_parse((const char *const *)words->elts, words->nelts,
                          cmd->pool, rule, &fault)) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, ": ", fault, NULL);
    }
    at.origin = apr_psprintf(cmd->pool, "%s:%d", cmd->directive->filename,
                             cmd->directive->line_num);
    if (!conf->rules) {
        conf->rules = apr_array_make(cmd->pool, 4, sizeof(at));
    }
    APR_ARRAY_PUSH(conf->rules, smart_rule_line_t) = at;
    return NULL;
}

/* A scope of any version; location.c holds it against the one in force. */
static bool is_scope(const char *text)
{
    static const smart_fhir_e versions[] = {SMART_FHIR_R4, SMART_FHIR_R4B,
                                            SMART_FHIR_R5};
    smart_scope_t scope;
    int i;

    for (i = 0; i < 3; i++) {
        if (smart_scope_parse(versions[i], smart_slice(text), &scope)) {
            return true;
        }
    }
    return false;
}

static const char *add_scope_alias(cmd_parms *cmd, void *dir, const char *line)
{
    smart_dir_conf_t *conf = dir;
    apr_array_header_t *words;
    const char *error = begin_words(cmd, conf, false, line, 2, &words);
    smart_scope_alias_t alias;
    int i;

    if (!error) {
        error = opaque_fault(cmd, word_at(words, 0));
    }
    for (i = 1; !error && i < words->nelts; i++) {
        if (!is_scope(word_at(words, i))) {
            error = smart_bad_word(cmd, word_at(words, i), "is no SMART scope");
        }
    }
    for (i = 0; !error && conf->aliases && i < conf->aliases->nelts; i++) {
        if (strcmp(word_at(words, 0),
                   APR_ARRAY_IDX(conf->aliases, i, smart_scope_alias_t)
                       .as_scope) == 0) {
            error = smart_bad_word(cmd, word_at(words, 0),
                                   "is there twice in one section");
        }
    }
    if (error) {
        return error;
    }
    alias.as_scope = word_at(words, 0);
    alias.scopes = words_from(words, 1);
    if (!conf->aliases) {
        conf->aliases = apr_array_make(cmd->pool, 4, sizeof(alias));
    }
    APR_ARRAY_PUSH(conf->aliases, smart_scope_alias_t) = alias;
    return NULL;
}

/* ---- the backend ---- */

/* In lower case, "-" for "_": many backends do not tell them apart. */
static const char *folded(apr_pool_t *p, const char *name)
{
    char *out = apr_pstrdup(p, name), *c;

    for (c = out; *c; c++) {
        *c = *c == '_' ? '-' : (char)apr_tolower(*c);
    }
    return out;
}

/*
 * Fields that say something about the message or the connection, that we set
 * ourselves, or that some backends take for the method or the path: a claim
 * in one of these would change what was judged. A name ending in "-" stands
 * for all that start so.
 */
static bool is_reserved(const char *name)
{
    static const char *const reserved[] = {
        "authorization",
        "connection",
        "content-",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-forwarded-",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-original-url",
        "x-rewrite-url",
    };
    apr_size_t i;

    for (i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        const apr_size_t len = strlen(reserved[i]);

        if (reserved[i][len - 1] == '-' ? strncmp(name, reserved[i], len) == 0
                                        : strcmp(name, reserved[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* RFC 9110 5.6.2 */
static bool is_token(const char *name)
{
    const char *c;

    for (c = name; *c; c++) {
        if (!apr_isalnum(*c) && !strchr("!#$%&'*+-.^_`|~", *c)) {
            return false;
        }
    }
    return *name != '\0';
}

static const char *add_claim_header(cmd_parms *cmd, void *dir,
                                    const char *claim, const char *header)
{
    smart_dir_conf_t *conf = dir;
    smart_claim_header_t pair = {claim, header};
    const char *error = smart_begin(cmd, conf, false);
    int i;

    if (!error) {
        error = opaque_fault(cmd, claim);
    }
    if (!error && !is_token(header)) {
        error = smart_bad_word(cmd, header, "is no name of a header");
    }
    if (!error && is_reserved(folded(cmd->temp_pool, header))) {
        error = smart_bad_word(cmd, header,
                               "is a header that is not for "
                               "claims");
    }
    for (i = 0; !error && conf->claim_headers && i < conf->claim_headers->nelts;
         i++) {
        if (smart_same_field(header, APR_ARRAY_IDX(conf->claim_headers, i,
                                                   smart_claim_header_t)
                                         .header)) {
            error =
                smart_bad_word(cmd, header, "is there twice in one section");
        }
    }
    if (error) {
        return error;
    }
    if (!conf->claim_headers) {
        conf->claim_headers = apr_array_make(cmd->pool, 4, sizeof(pair));
    }
    APR_ARRAY_PUSH(conf->claim_headers, smart_claim_header_t) = pair;
    return NULL;
}

static const char *set_forward_token(cmd_parms *cmd, void *dir,
                                     const char *word)
{
    smart_dir_conf_t *conf = dir;
    const char *error =
        smart_begin(cmd, conf, conf->forward_token != SMART_SWITCH_UNSET);

    if (error) {
        return error;
    }
    conf->forward_token = is_word(word, "on")    ? SMART_SWITCH_ON
                          : is_word(word, "off") ? SMART_SWITCH_OFF
                                                 : SMART_SWITCH_UNSET;
    return conf->forward_token
               ? NULL
               : smart_bad_word(cmd, word, "is neither On nor Off");
}

/*
 * An origin as browsers send it: scheme "://" host [":" port], in lower case
 * and without the scheme's own port. Anything else would never match.
 */
static const char *origin_fault(const char *origin)
{
    const char *host = strstr(origin, "://");
    const char *end, *port;

    if (!host || host == origin || !apr_islower(*origin) ||
        strspn(origin, "abcdefghijklmnopqrstuvwxyz0123456789+-.") !=
            (apr_size_t)(host - origin)) {
        return "is no origin: scheme://host[:port], or * alone";
    }
    host += 3;
    end = host + (*host == '[' ? strspn(host, "[0123456789abcdef:.]")
                               : strspn(host, "abcdefghijklmnopqrstuvwxyz"
                                              "0123456789-._"));
    port = *end == ':' ? end + 1 : NULL;
    if (end == host || (!port && *end) ||
        (port && (!*port || port[strspn(port, "0123456789")]))) {
        return "is no origin: scheme://host[:port] in lower case, without path";
    }
    if (port && ((strcmp(port, "443") == 0 && !strncmp(origin, "https:", 6)) ||
                 (strcmp(port, "80") == 0 && !strncmp(origin, "http:", 5)))) {
        return "has the port that browsers leave out";
    }
    return NULL;
}

static const char *set_cors_origin(cmd_parms *cmd, void *dir, const char *line)
{
    smart_dir_conf_t *conf = dir;
    apr_array_header_t *words;
    const char *error =
        begin_words(cmd, conf, conf->cors_origins != NULL, line, 1, &words);
    int i;

    for (i = 0; !error && i < words->nelts; i++) {
        const char *word = word_at(words, i);
        const char *fault = strcmp(word, "*") == 0
                                ? words->nelts > 1 ? "stands alone" : NULL
                                : origin_fault(word);

        error = fault ? smart_bad_word(cmd, word, fault) : NULL;
    }
    if (!error) {
        error = repeated_word(cmd, words, 0);
    }
    conf->cors_origins = words_from(words, 0);
    return error;
}

/* ---- the table ---- */

#define ANYWHERE (RSRC_CONF | ACCESS_CONF)

/* The last text of a row is the form of the directive, as far as httpd or we
   name it in messages. */
const command_rec smart_directives[] = {
    AP_INIT_TAKE1(SMART_DIR_CACHE_SIZE, smart_set_cache_size, NULL, RSRC_CONF,
                  "<bytes>[K|M|G]; default 32M"),
    AP_INIT_TAKE1(SMART_DIR_CACHE_SHARED, smart_set_cache_shared, NULL,
                  RSRC_CONF, "<provider>[:<arguments>]; default none"),
    AP_INIT_TAKE1(SMART_DIR_SECRET, smart_set_secret, NULL, RSRC_CONF,
                  "file:<path> | env:<name> | exec:<program>; default random"),
    AP_INIT_TAKE1(SMART_DIR_MODE, set_mode, NULL, ANYWHERE,
                  "enforce | report; default enforce"),
    AP_INIT_TAKE1(SMART_DIR_FHIR_BASE, set_fhir_base, NULL, ANYWHERE,
                  "<path>; default the outermost <Location>"),
    AP_INIT_TAKE1(SMART_DIR_FHIR_VERSION, set_fhir_version, NULL, ANYWHERE,
                  "R4 | R4B | R5; default R4"),
    AP_INIT_TAKE1(SMART_DIR_PUBLIC_URL, set_public_url, NULL, ANYWHERE,
                  "<url>; default ServerName and base"),
    AP_INIT_TAKE1(SMART_DIR_ENDPOINT, set_endpoint, NULL, ANYWHERE,
                  "<url>; required"),
    AP_INIT_RAW_ARGS(SMART_DIR_AUTH, set_auth, NULL, ANYWHERE,
                     "<method> [<client id>] [<credentials>]; required"),
    AP_INIT_TAKE1(SMART_DIR_CA_FILE, set_ca_file, NULL, ANYWHERE,
                  "<pem file>; default the system's"),
    AP_INIT_RAW_ARGS(SMART_DIR_TIMEOUT, set_timeout, NULL, ANYWHERE,
                     "connect=<time> total=<time>; default connect=500ms "
                     "total=2s"),
    AP_INIT_TAKE1(SMART_DIR_ISSUER, set_issuer, NULL, ANYWHERE,
                  "<iss>; default not checked"),
    AP_INIT_RAW_ARGS(SMART_DIR_AUDIENCE, set_audience, NULL, ANYWHERE,
                     "required|optional|off [<aud> ...]; default optional"),
    AP_INIT_TAKE1(SMART_DIR_CACHE_TTL, set_ttl, NULL, ANYWHERE,
                  "<time>; default 60s"),
    AP_INIT_TAKE1(SMART_DIR_NEGATIVE_TTL, set_ttl, NULL, ANYWHERE,
                  "<time>; default 5s"),
    AP_INIT_TAKE1(SMART_DIR_STALE, set_stale, NULL, ANYWHERE,
                  "<time>; default 0s"),
    AP_INIT_TAKE1(SMART_DIR_CONCURRENT, smart_set_concurrent, NULL, RSRC_CONF,
                  "<number>; default a quarter of MaxRequestWorkers"),
    AP_INIT_RAW_ARGS(SMART_DIR_RULE, add_rule, NULL, ANYWHERE,
                     "<interaction>[,...] <type>[,...] <scope> ... | public | "
                     "deny; default none"),
    AP_INIT_RAW_ARGS(SMART_DIR_SCOPE_ALIAS, add_scope_alias, NULL, ANYWHERE,
                     "<scope of the server> <SMART scope> ...; default none"),
    AP_INIT_TAKE1(SMART_DIR_FHIR_USER, smart_set_fhir_user, NULL, ANYWHERE,
                  "required | optional; default optional"),
    AP_INIT_TAKE1(SMART_DIR_COMPARTMENT, smart_set_compartment, NULL, ANYWHERE,
                  "formal | subject | off; default formal"),
    AP_INIT_RAW_ARGS(SMART_DIR_PATIENT_PARAM, smart_set_compartment_params,
                     NULL, ANYWHERE,
                     "<Type>:<parameter> ...; default Device:patient "
                     "Task:patient"),
    AP_INIT_RAW_ARGS(SMART_DIR_SHARED_TYPES, smart_set_shared_types, NULL,
                     ANYWHERE,
                     "<Type> ... | +<Type>|-<Type> ...; default: who, where "
                     "and what codes mean"),
    AP_INIT_TAKE1(SMART_DIR_INSPECT_LIMIT, smart_set_inspect_limit, NULL,
                  ANYWHERE, "<bytes>[K|M|G]; default 8M"),
    AP_INIT_TAKE2(SMART_DIR_CLAIM_HEADER, add_claim_header, NULL, ANYWHERE,
                  "<claim> <header>; default none"),
    AP_INIT_TAKE1(SMART_DIR_FORWARD_TOKEN, set_forward_token, NULL, ANYWHERE,
                  "On | Off; default Off"),
    AP_INIT_RAW_ARGS(SMART_DIR_CORS_ORIGIN, set_cors_origin, NULL, ANYWHERE,
                     "<origin> ... | *; default none"),
    AP_INIT_RAW_ARGS(SMART_DIR_AUDIT_LOG, smart_audit_directive, NULL, ANYWHERE,
                     "<file>|\"|<program>\" [patient=hash|clear|off] | off; "
                     "default none"),
    AP_INIT_RAW_ARGS(SMART_DIR_DISCOVERY, smart_set_discovery, NULL, ANYWHERE,
                     "metadata <url> | file <path> | off; default off"),
    AP_INIT_RAW_ARGS(SMART_DIR_CAPABILITY, smart_add_capability, NULL, ANYWHERE,
                     "<name> ...; default none"),
    {.name = NULL}};
