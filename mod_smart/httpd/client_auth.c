/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_auth.c: SmartIntrospectionAuth, one function per method.
 *
 *   none [<id>]
 *   client_secret_basic <id> <secret>      secret: file:, env: or exec:
 *   client_secret_post <id> <secret>
 *   private_key_jwt <id> <key.pem> [alg=RS384|ES384] [kid=<kid>] [aud=<aud>]
 *   tls_client_auth <id> <cert.pem> <key.pem>
 *   bearer <secret>
 *
 * Invariant: no error text, warning or dump holds a byte of a secret, nor a
 * word that stands where a secret is expected.
 */
#include "httpd/directives.h"

#include <http_log.h>

#include <apr_cstr.h>
#include <apr_file_io.h>
#include <apr_strings.h>

#include "io/secret.h"

APLOG_USE_MODULE(smart);

#define MAX_SECRET 4096u /* bytes */
/* Bytes; a bundle of all public roots is a fifth of it. */
#define MAX_PEM ((apr_off_t)1 << 20)

typedef const char *(*parse_fn)(cmd_parms *cmd, const char *const *words,
                                int count, smart_client_t *client);

/* A client id ends up in forms, headers and JSON. */
static const char *id_fault(cmd_parms *cmd, const char *id)
{
    const char *c;

    for (c = id; *c; c++) {
        if (*c < 0x20 || *c > 0x7E) {
            return smart_bad_word(cmd, id, "is not printable ASCII");
        }
    }
    return *id ? NULL : smart_bad_word(cmd, id, "is no client id");
}

const char *smart_secret_word(cmd_parms *cmd, const char *spec,
                              const char **psecret)
{
    const char *error;
    bool exposed = false;

    *psecret = smart_secret_load(spec, MAX_SECRET, cmd->pool, &exposed, &error);
    if (!*psecret) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, ": ", error, NULL);
    }
    if (exposed) {
        smart_warn_line(cmd, apr_pstrcat(cmd->temp_pool,
                                         "others than owner "
                                         "and group may read or write ",
                                         spec, NULL));
    }
    return NULL;
}

static const char *path_of(cmd_parms *cmd, const char *word)
{
    const char *path = ap_server_root_relative(cmd->pool, word);

    return path ? path : word;
}

static const char *content_fault(const char *text, const char *label,
                                 apr_pool_t *p)
{
    if (!strstr(text, "-----BEGIN ") || !strstr(text, label)) {
        return apr_pstrcat(p, "is no PEM file with a ", label, NULL);
    }
    return strstr(text, "ENCRYPTED") ? "needs a passphrase, which nobody could "
                                       "give it"
                                     : NULL;
}

/* The text of a file, ended by a NUL; the caller wipes what it need not keep.
   NULL: *pfault says why. */
static char *pem_text(const char *path, apr_pool_t *p, const char **pfault)
{
    apr_file_t *f;
    apr_finfo_t info;
    apr_size_t len = 0;
    char reason[120], *text = NULL;
    apr_status_t rv = apr_file_open(&f, path, APR_FOPEN_READ, 0, p);

    if (rv == APR_SUCCESS) {
        rv = apr_file_info_get(&info, APR_FINFO_SIZE, f);
        if (rv == APR_SUCCESS && info.size <= MAX_PEM) {
            len = (apr_size_t)info.size;
            text = apr_pcalloc(p, len + 1);
            rv = len ? apr_file_read_full(f, text, len, NULL) : APR_SUCCESS;
        }
        apr_file_close(f);
    }
    if (rv == APR_SUCCESS && text) {
        return text;
    }
    *pfault = rv == APR_SUCCESS
                  ? "is too large"
                  : apr_pstrcat(p, "can not be read: ",
                                apr_strerror(rv, reason, sizeof(reason)), NULL);
    return NULL;
}

const char *smart_pem_fault(const char *path, const char *label, apr_pool_t *p)
{
    const char *fault = NULL;
    char *text = pem_text(path, p, &fault);

    if (text) {
        fault = content_fault(text, label, p);
        smart_secret_wipe(text, strlen(text));
    }
    return fault;
}

/* Certificates and keys are read now: later only the children are there, who
   need not be able to. */
static const char *load_pem(cmd_parms *cmd, const char *path, const char *label,
                            smart_slice_t *ptext)
{
    const char *fault = NULL;
    const char *text = pem_text(path, cmd->pool, &fault);

    if (text) {
        *ptext = smart_slice(text);
        fault = content_fault(text, label, cmd->temp_pool);
    }
    return fault ? smart_bad_word(cmd, path, fault) : NULL;
}

static void warn_exposed_key(cmd_parms *cmd, const char *path)
{
    if (smart_secret_file_exposed(path, cmd->temp_pool)) {
        smart_warn_line(cmd, apr_pstrcat(cmd->temp_pool,
                                         "others than owner "
                                         "and group may read or write ",
                                         path, NULL));
    }
}

static const char *parse_none(cmd_parms *cmd, const char *const *words,
                              int count, smart_client_t *client)
{
    client->client_id = count > 1 ? words[1] : NULL;
    return count > 1 ? id_fault(cmd, words[1]) : NULL;
}

static const char *parse_secret(cmd_parms *cmd, const char *const *words,
                                int count, smart_client_t *client)
{
    const char *error = id_fault(cmd, words[1]);

    (void)count;
    client->client_id = words[1];
    return error ? error : smart_secret_word(cmd, words[2], &client->secret);
}

static const char *parse_bearer(cmd_parms *cmd, const char *const *words,
                                int count, smart_client_t *client)
{
    (void)count;
    return smart_secret_word(cmd, words[1], &client->secret);
}

static const char *parse_tls(cmd_parms *cmd, const char *const *words,
                             int count, smart_client_t *client)
{
    const char *error = id_fault(cmd, words[1]);
    const char *key = path_of(cmd, words[3]);

    (void)count;
    client->client_id = words[1];
    if (!error) {
        error =
            load_pem(cmd, path_of(cmd, words[2]), "CERTIFICATE", &client->cert);
    }
    if (!error) {
        error = load_pem(cmd, key, "PRIVATE KEY", &client->cert_key);
    }
    if (!error) {
        warn_exposed_key(cmd, key);
    }
    return error;
}

/* name=value behind the key file of private_key_jwt. */
static const char *parse_option(cmd_parms *cmd, const char *word,
                                const char **palg, const char **pkid,
                                const char **paud)
{
    const char *value = strchr(word, '=');
    const apr_size_t len = value ? (apr_size_t)(value - word) : 0;
    const char **pout = NULL;

    if (value && len == 3) {
        pout = !memcmp(word, "alg", 3)   ? palg
               : !memcmp(word, "kid", 3) ? pkid
               : !memcmp(word, "aud", 3) ? paud
                                         : NULL;
    }
    if (!pout) {
        return smart_bad_word(cmd, word,
                              "is unknown; there are alg=, kid= and aud=");
    }
    if (*pout) {
        return smart_bad_word(cmd, word, "is there twice");
    }
    if (value[1] == '\0') {
        return smart_bad_word(cmd, word, "has no value");
    }
    *pout = value + 1;
    return NULL;
}

/* One signature for trial: id, audience and key fit into an assertion. */
static const char *try_signature(cmd_parms *cmd, const smart_client_t *client)
{
    const char *audience =
        client->audience ? client->audience : "https://as.example.org";
    char *jwt;

    if (smart_jwt_sign_assertion(client->key, client->client_id, audience,
                                 apr_time_sec(apr_time_now()),
                                 SMART_ASSERTION_LIFETIME_S, cmd->temp_pool,
                                 &jwt) != APR_SUCCESS) {
        return smart_bad_word(
            cmd, client->audience ? client->audience : client->client_id,
            "can not be signed into a client assertion");
    }
    smart_secret_wipe(jwt, strlen(jwt));
    return NULL;
}

static const char *parse_jwt(cmd_parms *cmd, const char *const *words,
                             int count, smart_client_t *client)
{
    const char *alg = NULL, *kid = NULL, *fault;
    const char *error = id_fault(cmd, words[1]);
    const char *key = path_of(cmd, words[2]);
    int i;

    for (i = 3; !error && i < count; i++) {
        error = parse_option(cmd, words[i], &alg, &kid, &client->audience);
    }
    if (!error && alg && strcmp(alg, "RS384") != 0 &&
        strcmp(alg, "ES384") != 0) {
        error = smart_bad_word(cmd, alg, "is neither RS384 nor ES384");
    }
    if (error) {
        return error;
    }
    client->client_id = words[1];
    if (smart_jwt_key_load(key, alg, kid, cmd->pool, &client->key, &fault) !=
        APR_SUCCESS) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, ": ", fault, NULL);
    }
    warn_exposed_key(cmd, key);
    return try_signature(cmd, client);
}

static const struct {
    const char *name;
    smart_client_auth_e method;
    int min, max; /* words, the method among them */
    const char *form;
    parse_fn parse;
} methods[] = {
    {"none", SMART_CLIENT_AUTH_NONE, 1, 2, "none [<id>]", parse_none},
    {"client_secret_basic", SMART_CLIENT_AUTH_BASIC, 3, 3,
     "client_secret_basic <id> <secret>", parse_secret},
    {"client_secret_post", SMART_CLIENT_AUTH_POST, 3, 3,
     "client_secret_post <id> <secret>", parse_secret},
    {"private_key_jwt", SMART_CLIENT_AUTH_PRIVATE_KEY_JWT, 3, 6,
     "private_key_jwt <id> <key.pem> [alg=RS384|ES384] [kid=<kid>] "
     "[aud=<aud>]",
     parse_jwt},
    {"tls_client_auth", SMART_CLIENT_AUTH_TLS, 4, 4,
     "tls_client_auth <id> <cert.pem> <key.pem>", parse_tls},
    {"bearer", SMART_CLIENT_AUTH_BEARER, 2, 2, "bearer <secret>", parse_bearer},
};

const char *smart_client_auth_parse(cmd_parms *cmd,
                                    const apr_array_header_t *words,
                                    const smart_client_t **pauth)
{
    const char *const *word = (const char *const *)words->elts;
    smart_client_t *client = apr_pcalloc(cmd->pool, sizeof(*client));
    const char *error;
    apr_size_t i;

    for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (apr_cstr_casecmp(word[0], methods[i].name) != 0) {
            continue;
        }
        if (words->nelts < methods[i].min || words->nelts > methods[i].max) {
            /* Which word is too much may be a secret: the form is named. */
            return apr_pstrcat(cmd->pool, cmd->cmd->name, ": \"",
                               methods[i].name, "\" is written ",
                               methods[i].form, NULL);
        }
        client->method = methods[i].method;
        error = methods[i].parse(cmd, word, words->nelts, client);
        client->shown = apr_pstrcat(
            cmd->pool, methods[i].name, client->client_id ? " " : "",
            client->client_id ? client->client_id : "", NULL);
        *pauth = client;
        return error;
    }
    return smart_bad_word(cmd, word[0],
                          "is no method; there are none, client_secret_basic, "
                          "client_secret_post, private_key_jwt, "
                          "tls_client_auth and bearer");
}
