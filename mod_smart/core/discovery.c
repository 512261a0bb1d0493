/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discovery.c: the table of members, the merge, the check.
 *
 * The merge writes a text first and reads it again for the check, so that what
 * is checked is what is served.
 */
#include "core/discovery.h"

#include <apr_strings.h>

#include "core/json_text.h"

/* Values a member may have. */
typedef enum {
    KIND_NONE = 0,
    KIND_URL,    /* a string: http:// or https:// */
    KIND_TEXTS,  /* an array of strings, none of them empty, at least one */
    KIND_OBJECT, /* an object */
    KIND_OBJECTS /* an array of objects */
} kind_e;

/* Capabilities that make a member required, as bits. */
#define WITH_OPENID     0x1u /* sso-openid-connect */
#define WITH_LAUNCH     0x2u /* launch-ehr, launch-standalone */
#define WITH_ASYMMETRIC 0x4u /* client-confidential-asymmetric */

/* How much a member is needed where no capability makes it required. */
typedef enum {
    REQUIRED = 0,
    CONDITIONAL, /* required with some capabilities */
    RECOMMENDED,
    OPTIONAL
} need_e;

typedef struct row_t {
    const char *name;
    need_e need;
    kind_e kind;
    unsigned required_with; /* WITH_... */
} row_t;

/* In the order of the guide. */
static const row_t rows[] = {
    /* an URL; required with sso-openid-connect, omitted without it */
    {"issuer", CONDITIONAL, KIND_URL, WITH_OPENID},
    /* an URL; required with sso-openid-connect */
    {"jwks_uri", CONDITIONAL, KIND_URL, WITH_OPENID},
    /* an URL; required with launch-ehr or launch-standalone */
    {"authorization_endpoint", CONDITIONAL, KIND_URL, WITH_LAUNCH},
    /* strings; authorization_code or client_credentials is one, authorization_code with launch-ehr or launch-standalone */
    {"grant_types_supported", REQUIRED, KIND_TEXTS, 0},
    /* an URL */
    {"token_endpoint", REQUIRED, KIND_URL, 0},
    /* strings; required with client-confidential-asymmetric, private_key_jwt is one then */
    {"token_endpoint_auth_methods_supported", OPTIONAL, KIND_TEXTS,
     WITH_ASYMMETRIC},
    /* strings; required with client-confidential-asymmetric, RS384 or ES384 is one then */
    {"token_endpoint_auth_signing_alg_values_supported", OPTIONAL, KIND_TEXTS,
     WITH_ASYMMETRIC},
    /* an URL */
    {"registration_endpoint", OPTIONAL, KIND_URL, 0},
    /* an URL; deprecated */
    {"smart_app_state_endpoint", OPTIONAL, KIND_URL, 0},
    /* objects; experimental */
    {"associated_endpoints", OPTIONAL, KIND_OBJECTS, 0},
    /* an URL */
    {"user_access_brand_bundle", RECOMMENDED, KIND_URL, 0},
    /* an Identifier */
    {"user_access_brand_identifier", RECOMMENDED, KIND_OBJECT, 0},
    /* strings; required with client-confidential-asymmetric */
    {"scopes_supported", RECOMMENDED, KIND_TEXTS, WITH_ASYMMETRIC},
    /* strings */
    {"response_types_supported", RECOMMENDED, KIND_TEXTS, 0},
    /* an URL */
    {"management_endpoint", RECOMMENDED, KIND_URL, 0},
    /* an URL */
    {"introspection_endpoint", RECOMMENDED, KIND_URL, 0},
    /* an URL */
    {"revocation_endpoint", RECOMMENDED, KIND_URL, 0},
    /* strings */
    {"capabilities", REQUIRED, KIND_TEXTS, 0},
    /* strings; S256 is one, plain is not */
    {"code_challenge_methods_supported", REQUIRED, KIND_TEXTS, 0},
};

#define ROWS ((int)(sizeof(rows) / sizeof(rows[0])))

/* SMART App Launch 2.2, Conformance, "Capabilities". */
static const char *const capability_names[] = {
    "launch-ehr",
    "launch-standalone",
    "authorize-post",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-banner",
    "context-style",
    "context-ehr-patient",
    "context-ehr-encounter",
    "context-standalone-patient",
    "context-standalone-encounter",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
    "smart-app-state",
    NULL,
};

/* What is true of every server behind this gateway. */
static const char *const of_gateway[] = {"permission-patient",
                                         "permission-user", "permission-v1",
                                         "permission-v2", NULL};
static const char *const nothing[] = {NULL};

static bool listed(const char *const *names, smart_slice_t name)
{
    for (; *names; names++) {
        if (smart_slice_is(name, *names)) {
            return true;
        }
    }
    return false;
}

bool smart_discovery_capability_known(const char *name)
{
    /* Guides other than SMART's name theirs by URI. */
    return strchr(name, ':') || listed(capability_names, smart_slice(name));
}

/* ---- looks at values ---- */

static bool is_url(const smart_json_t *value)
{
    smart_slice_t text;

    if (!smart_json_string(value, &text)) {
        return false;
    }
    return (strncmp(text.ptr, "https://", 8) == 0 && text.len > 8) ||
           (strncmp(text.ptr, "http://", 7) == 0 && text.len > 7);
}

static bool is_texts(const smart_json_t *value)
{
    smart_slice_t text;
    apr_size_t i;

    for (i = 0; i < smart_json_count(value); i++) {
        if (!smart_json_string(smart_json_item(value, i), &text) ||
            text.len == 0) {
            return false;
        }
    }
    return i > 0;
}

static bool is_objects(const smart_json_t *value)
{
    apr_size_t i;

    for (i = 0; i < smart_json_count(value); i++) {
        if (smart_json_kind(smart_json_item(value, i)) != SMART_JSON_OBJECT) {
            return false;
        }
    }
    return smart_json_kind(value) == SMART_JSON_ARRAY;
}

static bool holds(const smart_json_t *texts, const char *name)
{
    smart_slice_t text;
    apr_size_t i;

    for (i = 0; i < smart_json_count(texts); i++) {
        if (smart_json_string(smart_json_item(texts, i), &text) &&
            smart_slice_is(text, name)) {
            return true;
        }
    }
    return false;
}

/* NULL: fine. */
static const char *kind_fault(kind_e kind, const smart_json_t *value)
{
    switch (kind) {
    case KIND_NONE:
        break;
    case KIND_URL:
        return is_url(value) ? NULL : "is no http(s) URL";
    case KIND_TEXTS:
        return is_texts(value) ? NULL : "is no array of strings";
    case KIND_OBJECT:
        return smart_json_kind(value) == SMART_JSON_OBJECT ? NULL
                                                           : "is no object";
    case KIND_OBJECTS:
        return is_objects(value) ? NULL : "is no array of objects";
    }
    return kind == KIND_NONE ? "is not known" : NULL;
}

/* ---- the check ---- */

static unsigned conditions(const smart_json_t *json)
{
    const smart_json_t *all = smart_json_member(json, "capabilities");

    return (holds(all, "sso-openid-connect") ? WITH_OPENID : 0u) |
           (holds(all, "launch-ehr") || holds(all, "launch-standalone")
                ? WITH_LAUNCH
                : 0u) |
           (holds(all, "client-confidential-asymmetric") ? WITH_ASYMMETRIC
                                                         : 0u);
}

static const char *missing_text(unsigned with)
{
    if (with & WITH_OPENID) {
        return "is missing, and required with sso-openid-connect";
    }
    if (with & WITH_LAUNCH) {
        return "is missing, and required with launch-ehr and "
               "launch-standalone";
    }
    return with & WITH_ASYMMETRIC
               ? "is missing, and required with client-confidential-asymmetric"
               : "is missing, and required";
}

/* What some members have to hold; their kind is right. NULL: fine. */
static const char *content_fault(const char *name, const smart_json_t *value,
                                 unsigned with)
{
    if (strcmp(name, "issuer") == 0 && !(with & WITH_OPENID)) {
        return "is there without sso-openid-connect";
    }
    if (strcmp(name, "grant_types_supported") == 0) {
        if ((with & WITH_LAUNCH) && !holds(value, "authorization_code")) {
            return "has no authorization_code, required with launch-ehr and "
                   "launch-standalone";
        }
        return holds(value, "authorization_code") ||
                       holds(value, "client_credentials")
                   ? NULL
                   : "has neither authorization_code nor client_credentials";
    }
    if (strcmp(name, "code_challenge_methods_supported") == 0) {
        return !holds(value, "S256")   ? "has no S256"
               : holds(value, "plain") ? "has plain, which is not permitted"
                                       : NULL;
    }
    if (!(with & WITH_ASYMMETRIC)) {
        return NULL;
    }
    if (strcmp(name, "token_endpoint_auth_methods_supported") == 0) {
        return holds(value, "private_key_jwt")
                   ? NULL
                   : "has no private_key_jwt, required with "
                     "client-confidential-asymmetric";
    }
    if (strcmp(name, "token_endpoint_auth_signing_alg_values_supported") == 0) {
        return holds(value, "RS384") || holds(value, "ES384")
                   ? NULL
                   : "has neither RS384 nor ES384, one of them is required "
                     "with client-confidential-asymmetric";
    }
    return NULL;
}

/* All faults in one text; "": none. */
static const char *check(const smart_json_t *json, apr_pool_t *p)
{
    const unsigned with = conditions(json);
    const char *faults = "";
    int i;

    for (i = 0; i < ROWS; i++) {
        const char *name = rows[i].name;
        const smart_json_t *value = smart_json_member(json, name);
        const char *fault = NULL;

        if (value) {
            fault = kind_fault(rows[i].kind, value);
            fault = fault ? fault : content_fault(name, value, with);
        }
        else if (rows[i].need == REQUIRED || (rows[i].required_with & with)) {
            fault = missing_text(rows[i].required_with & with);
        }
        if (fault) {
            faults = apr_pstrcat(p, faults, *faults ? "; " : "", name, " ",
                                 fault, NULL);
        }
    }
    return faults;
}

/* ---- the merge ---- */

typedef struct merge_t {
    const smart_discovery_source_t *source;
    const smart_json_t *in;
    smart_json_text_t out;
} merge_t;

static void put_text(merge_t *m, smart_slice_t text)
{
    smart_json_text_item(&m->out);
    smart_json_text_string(&m->out, text);
}

/* Items of an array; strings in <skip> are left out. */
static void put_items(merge_t *m, const smart_json_t *array,
                      const char *const *skip)
{
    smart_slice_t text;
    apr_size_t i;

    for (i = 0; i < smart_json_count(array); i++) {
        const smart_json_t *item = smart_json_item(array, i);

        if (!smart_json_string(item, &text) || !listed(skip, text)) {
            smart_json_text_item(&m->out);
            smart_json_text_value(&m->out, item);
        }
    }
}

/* Names of a list that neither <array> nor <before> has. */
static void put_names(merge_t *m, const char *const *names,
                      const smart_json_t *array, const char *const *before)
{
    const char *const *name;

    for (name = names; *name; name++) {
        const char *const *earlier = names;

        while (earlier < name && strcmp(*earlier, *name) != 0) {
            earlier++;
        }
        if (earlier == name && !holds(array, *name) &&
            !listed(before, smart_slice(*name))) {
            put_text(m, smart_slice(*name));
        }
    }
}

static void put_capabilities(merge_t *m, const smart_json_t *own)
{
    const char *const *named =
        m->source->capabilities ? m->source->capabilities : nothing;

    /* What is no array stays, for the check to find. */
    if (own && smart_json_kind(own) != SMART_JSON_ARRAY) {
        smart_json_text_value(&m->out, own);
        return;
    }
    smart_json_text_open(&m->out, "[");
    put_items(m, own, nothing);
    put_names(m, named, own, nothing);
    if (!m->source->is_file) {
        put_names(m, of_gateway, own, named);
    }
    smart_json_text_close(&m->out, "]");
}

/* The server may know plain; SMART forbids to offer it. */
static void put_challenge_methods(merge_t *m, const smart_json_t *own)
{
    static const char *const plain[] = {"plain", NULL};

    if (m->source->is_file ||
        (own && smart_json_kind(own) != SMART_JSON_ARRAY)) {
        smart_json_text_value(&m->out, own);
        return;
    }
    smart_json_text_open(&m->out, "[");
    if (own) {
        put_items(m, own, plain);
    }
    else {
        put_text(m, smart_slice("S256"));
    }
    smart_json_text_close(&m->out, "]");
}

static bool has_openid(const merge_t *m)
{
    static const char openid[] = "sso-openid-connect";

    return holds(smart_json_member(m->in, "capabilities"), openid) ||
           (m->source->capabilities &&
            listed(m->source->capabilities, smart_slice(openid)));
}

/* Of metadata: what a client is not to get, or would misread. */
static bool is_dropped(const merge_t *m, smart_slice_t name,
                       const smart_json_t *value)
{
    if (m->source->is_file) {
        return false;
    }
    /* The signature is about another document. */
    return smart_json_kind(value) == SMART_JSON_NULL ||
           smart_slice_is(name, "signed_metadata") ||
           (smart_slice_is(name, "issuer") && !has_openid(m));
}

static void put_member(merge_t *m, smart_slice_t name,
                       const smart_json_t *value)
{
    if (is_dropped(m, name, value)) {
        return;
    }
    smart_json_text_name(&m->out, name);
    if (smart_slice_is(name, "capabilities")) {
        put_capabilities(m, value);
    }
    else if (smart_slice_is(name, "code_challenge_methods_supported")) {
        put_challenge_methods(m, value);
    }
    else {
        smart_json_text_value(&m->out, value);
    }
}

static bool lacks(const merge_t *m, const char *name)
{
    const smart_json_t *value = smart_json_member(m->in, name);

    return !value ||
           (!m->source->is_file && smart_json_kind(value) == SMART_JSON_NULL);
}

static void put_missing(merge_t *m)
{
    const smart_discovery_source_t *s = m->source;
    const bool names = s->capabilities && *s->capabilities;

    if (lacks(m, "capabilities") && (names || !s->is_file)) {
        smart_json_text_name(&m->out, smart_slice("capabilities"));
        put_capabilities(m, NULL);
    }
    if (s->is_file) {
        return;
    }
    if (lacks(m, "code_challenge_methods_supported")) {
        smart_json_text_name(&m->out,
                             smart_slice("code_challenge_methods_supported"));
        put_challenge_methods(m, NULL);
    }
    if (lacks(m, "introspection_endpoint") && s->introspection_endpoint) {
        smart_json_text_name(&m->out, smart_slice("introspection_endpoint"));
        smart_json_text_string(&m->out, smart_slice(s->introspection_endpoint));
    }
}

static smart_slice_t merge(const smart_discovery_source_t *source,
                           const smart_json_t *in, apr_pool_t *p)
{
    merge_t m = {source, in, smart_json_text(p)};
    void *cursor = NULL;
    const smart_json_t *value;
    smart_slice_t name;

    smart_json_text_open(&m.out, "{");
    while ((value = smart_json_next(in, &cursor, &name))) {
        put_member(&m, name, value);
    }
    put_missing(&m);
    smart_json_text_close(&m.out, "}");
    return smart_json_text_done(&m.out);
}

/* ---- the document ---- */

static const char *text_of(const smart_json_t *json, const char *name,
                           apr_pool_t *p)
{
    smart_slice_t text;

    return smart_json_string(smart_json_member(json, name), &text)
               ? apr_pstrmemdup(p, text.ptr, text.len)
               : NULL;
}

static void take_uris(const smart_json_t *json, apr_pool_t *p,
                      smart_discovery_t *out)
{
    out->uris.authorize = text_of(json, "authorization_endpoint", p);
    out->uris.token = text_of(json, "token_endpoint", p);
    out->uris.register_uri = text_of(json, "registration_endpoint", p);
    out->uris.manage = text_of(json, "management_endpoint", p);
    out->uris.introspect = text_of(json, "introspection_endpoint", p);
    out->uris.revoke = text_of(json, "revocation_endpoint", p);
    (void)smart_json_write(smart_json_member(json, "scopes_supported"), p,
                           &out->scopes);
}

static const char *source_fault(const smart_discovery_source_t *source,
                                const smart_json_t *in)
{
    smart_slice_t issuer;

    if (smart_json_kind(in) != SMART_JSON_OBJECT) {
        return "it is no object";
    }
    if (source->issuer &&
        (!smart_json_string(smart_json_member(in, "issuer"), &issuer) ||
         !smart_slice_is(issuer, source->issuer))) {
        return "issuer is not the one that tokens must have";
    }
    return NULL;
}

bool smart_discovery_make(const smart_discovery_source_t *source, apr_pool_t *p,
                          smart_discovery_t *out)
{
    const smart_json_t *in, *merged;
    smart_slice_t text;
    const char *fault;

    memset(out, 0, sizeof(*out));
    if (smart_json_read(source->text, p, &in, &fault) != SMART_JSON_READ) {
        out->fault = fault;
        return false;
    }
    fault = source_fault(source, in);
    if (fault) {
        out->fault = fault;
        return false;
    }
    out->issuer = text_of(in, "issuer", p);
    text = merge(source, in, p);
    smart_json_close(in, p);
    if (smart_json_read(text, p, &merged, &fault) != SMART_JSON_READ) {
        out->fault = fault;
        return false;
    }
    out->fault = check(merged, p);
    if (!*out->fault) {
        out->json = text;
        take_uris(merged, p, out);
    }
    smart_json_close(merged, p);
    return !*out->fault;
}

smart_slice_t smart_discovery_resource(const smart_discovery_t *d,
                                       const char *resource, apr_pool_t *p)
{
    smart_json_text_t t = smart_json_text(p);

    smart_json_text_open(&t, "{");
    smart_json_text_name(&t, smart_slice("resource"));
    smart_json_text_string(&t, smart_slice(resource));
    if (d->issuer) {
        smart_json_text_name(&t, smart_slice("authorization_servers"));
        smart_json_text_open(&t, "[");
        smart_json_text_item(&t);
        smart_json_text_string(&t, smart_slice(d->issuer));
        smart_json_text_close(&t, "]");
    }
    if (d->scopes.len) {
        smart_json_text_name(&t, smart_slice("scopes_supported"));
        smart_json_text_raw(&t, d->scopes);
    }
    smart_json_text_name(&t, smart_slice("bearer_methods_supported"));
    smart_json_text_raw(&t, smart_slice("[\"header\"]"));
    smart_json_text_close(&t, "}");
    return smart_json_text_done(&t);
}
