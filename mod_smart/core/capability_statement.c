/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capability_statement.c: written again member by member, so that whatever is
 * not ours is what the server said.
 */
#include "core/capability_statement.h"

#include "core/json_text.h"

#define OAUTH_URIS                                                             \
    "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
#define SERVICE_SYSTEM                                                         \
    "http://terminology.hl7.org/CodeSystem/restful-security-service"
#define SERVICE_CODE "SMART-on-FHIR"

static void put_uri(smart_json_text_t *t, const char *name, const char *uri)
{
    if (!uri) {
        return;
    }
    smart_json_text_item(t);
    smart_json_text_open(t, "{");
    smart_json_text_name(t, smart_slice("url"));
    smart_json_text_string(t, smart_slice(name));
    smart_json_text_name(t, smart_slice("valueUri"));
    smart_json_text_string(t, smart_slice(uri));
    smart_json_text_close(t, "}");
}

static void put_oauth_uris(smart_json_text_t *t, const smart_oauth_uris_t *uris)
{
    smart_json_text_item(t);
    smart_json_text_open(t, "{");
    smart_json_text_name(t, smart_slice("url"));
    smart_json_text_string(t, smart_slice(OAUTH_URIS));
    smart_json_text_name(t, smart_slice("extension"));
    smart_json_text_open(t, "[");
    put_uri(t, "authorize", uris->authorize);
    put_uri(t, "token", uris->token);
    put_uri(t, "register", uris->register_uri);
    put_uri(t, "manage", uris->manage);
    put_uri(t, "introspect", uris->introspect);
    put_uri(t, "revoke", uris->revoke);
    smart_json_text_close(t, "]");
    smart_json_text_close(t, "}");
}

static bool text_is(const smart_json_t *object, const char *name,
                    const char *want)
{
    smart_slice_t text;

    return smart_json_string(smart_json_member(object, name), &text) &&
           smart_slice_is(text, want);
}

static void put_extensions(smart_json_text_t *t, const smart_json_t *own,
                           const smart_oauth_uris_t *uris)
{
    apr_size_t i;

    smart_json_text_name(t, smart_slice("extension"));
    smart_json_text_open(t, "[");
    put_oauth_uris(t, uris);
    for (i = 0; i < smart_json_count(own); i++) {
        if (!text_is(smart_json_item(own, i), "url", OAUTH_URIS)) {
            smart_json_text_item(t);
            smart_json_text_value(t, smart_json_item(own, i));
        }
    }
    smart_json_text_close(t, "]");
}

/* Whether a CodeableConcept has the code; older servers have other systems. */
static bool is_smart_service(const smart_json_t *concept)
{
    const smart_json_t *codings = smart_json_member(concept, "coding");
    apr_size_t i;

    for (i = 0; i < smart_json_count(codings); i++) {
        const smart_json_t *coding = smart_json_item(codings, i);

        if (text_is(coding, "code", SERVICE_CODE) &&
            text_is(coding, "system", SERVICE_SYSTEM)) {
            return true;
        }
    }
    return false;
}

static void put_services(smart_json_text_t *t, const smart_json_t *own)
{
    bool there = false;
    apr_size_t i;

    smart_json_text_name(t, smart_slice("service"));
    smart_json_text_open(t, "[");
    for (i = 0; i < smart_json_count(own); i++) {
        there = there || is_smart_service(smart_json_item(own, i));
        smart_json_text_item(t);
        smart_json_text_value(t, smart_json_item(own, i));
    }
    if (!there) {
        smart_json_text_item(t);
        smart_json_text_raw(
            t, smart_slice("{\"coding\":[{\"system\":\"" SERVICE_SYSTEM
                           "\",\"code\":\"" SERVICE_CODE "\"}],\"text\":"
                           "\"OAuth2 using SMART-on-FHIR profile\"}"));
    }
    smart_json_text_close(t, "]");
}

static bool is_ours(smart_slice_t name)
{
    return smart_slice_is(name, "cors") || smart_slice_is(name, "service") ||
           smart_slice_is(name, "extension");
}

static void put_security(smart_json_text_t *t, const smart_json_t *own,
                         const smart_oauth_uris_t *uris)
{
    void *cursor = NULL;
    const smart_json_t *value;
    smart_slice_t name;

    smart_json_text_name(t, smart_slice("security"));
    smart_json_text_open(t, "{");
    put_extensions(t, smart_json_member(own, "extension"), uris);
    smart_json_text_name(t, smart_slice("cors"));
    smart_json_text_raw(t, smart_slice("true"));
    put_services(t, smart_json_member(own, "service"));
    while ((value = smart_json_next(own, &cursor, &name))) {
        if (!is_ours(name)) {
            smart_json_text_name(t, name);
            smart_json_text_value(t, value);
        }
    }
    smart_json_text_close(t, "}");
}

static void put_rest(smart_json_text_t *t, const smart_json_t *rest,
                     const smart_oauth_uris_t *uris)
{
    void *cursor = NULL;
    const smart_json_t *value;
    smart_slice_t name;

    if (!text_is(rest, "mode", "server")) {
        smart_json_text_value(t, rest);
        return;
    }
    smart_json_text_open(t, "{");
    while ((value = smart_json_next(rest, &cursor, &name))) {
        if (!smart_slice_is(name, "security")) {
            smart_json_text_name(t, name);
            smart_json_text_value(t, value);
        }
    }
    put_security(t, smart_json_member(rest, "security"), uris);
    smart_json_text_close(t, "}");
}

static void put_rests(smart_json_text_t *t, const smart_json_t *rests,
                      const smart_oauth_uris_t *uris)
{
    apr_size_t i;

    smart_json_text_open(t, "[");
    for (i = 0; i < smart_json_count(rests); i++) {
        smart_json_text_item(t);
        put_rest(t, smart_json_item(rests, i), uris);
    }
    smart_json_text_close(t, "]");
}

static bool is_absent_or(const smart_json_t *value, smart_json_e kind)
{
    const smart_json_e is = smart_json_kind(value);

    return is == SMART_JSON_ABSENT || is == kind;
}

/* Whether one of the entries is ours to change, and all of them can be. */
static bool usable(const smart_json_t *json)
{
    const smart_json_t *rests = smart_json_member(json, "rest");
    bool found = false;
    apr_size_t i;

    if (!text_is(json, "resourceType", "CapabilityStatement")) {
        return false;
    }
    for (i = 0; i < smart_json_count(rests); i++) {
        const smart_json_t *rest = smart_json_item(rests, i);
        const smart_json_t *security = smart_json_member(rest, "security");

        if (!is_absent_or(security, SMART_JSON_OBJECT) ||
            !is_absent_or(smart_json_member(security, "service"),
                          SMART_JSON_ARRAY) ||
            !is_absent_or(smart_json_member(security, "extension"),
                          SMART_JSON_ARRAY)) {
            return false;
        }
        found = found || text_is(rest, "mode", "server");
    }
    return found;
}

static smart_slice_t write_again(const smart_json_t *json,
                                 const smart_oauth_uris_t *uris, apr_pool_t *p)
{
    smart_json_text_t t = smart_json_text(p);
    void *cursor = NULL;
    const smart_json_t *value;
    smart_slice_t name;

    smart_json_text_open(&t, "{");
    while ((value = smart_json_next(json, &cursor, &name))) {
        smart_json_text_name(&t, name);
        if (smart_slice_is(name, "rest")) {
            put_rests(&t, value, uris);
        }
        else {
            smart_json_text_value(&t, value);
        }
    }
    smart_json_text_close(&t, "}");
    return smart_json_text_done(&t);
}

bool smart_capability_statement(smart_slice_t text,
                                const smart_oauth_uris_t *uris, apr_pool_t *p,
                                smart_slice_t *pout)
{
    const smart_json_t *json;
    const char *why;

    *pout = smart_slice_n(NULL, 0);
    if (!uris->token ||
        smart_json_read(text, p, &json, &why) != SMART_JSON_READ) {
        return false;
    }
    if (usable(json)) {
        *pout = write_again(json, uris, p);
    }
    smart_json_close(json, p);
    return pout->len > 0;
}
