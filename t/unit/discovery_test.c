/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discovery_test.c: what is made of metadata and of files, and that nothing is
 * made when one member is wrong. Each fault is one edit away from a document
 * that is right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <apr_strings.h>

#include "pool.h"

#include "core/discovery.h"
#include "core/json.h"

#define AS "https://as.example.org"

/* Right with every capability that has conditions. */
static const char *const members[][2] = {
    {"issuer", "\"" AS "\""},
    {"jwks_uri", "\"" AS "/jwks\""},
    {"authorization_endpoint", "\"" AS "/authorize\""},
    {"grant_types_supported", "[\"authorization_code\"]"},
    {"token_endpoint", "\"" AS "/token\""},
    {"token_endpoint_auth_methods_supported", "[\"private_key_jwt\"]"},
    {"token_endpoint_auth_signing_alg_values_supported", "[\"ES384\"]"},
    {"scopes_supported", "[\"openid\",\"patient/*.rs\"]"},
    {"response_types_supported", "[\"code\"]"},
    {"revocation_endpoint", "\"" AS "/revoke\""},
    {"capabilities", "[\"launch-ehr\",\"sso-openid-connect\","
                     "\"client-confidential-asymmetric\"]"},
    {"code_challenge_methods_supported", "[\"S256\"]"},
};
#define MEMBERS (sizeof(members) / sizeof(members[0]))

/* All members; <name> with another value, or without it for NULL. */
static smart_slice_t with(const char *name, const char *value)
{
    const char *text = "";
    bool found = false;
    apr_size_t i;

    for (i = 0; i < MEMBERS; i++) {
        const bool is = name && strcmp(members[i][0], name) == 0;
        const char *v = is ? value : members[i][1];

        found = found || is;
        if (v) {
            text = apr_pstrcat(pool, text, *text ? "," : "", "\"",
                               members[i][0], "\":", v, NULL);
        }
    }
    if (name && !found) {
        text = apr_pstrcat(pool, text, ",\"", name, "\":", value, NULL);
    }
    return smart_slice(apr_pstrcat(pool, "{", text, "}", NULL));
}

static smart_discovery_t made;
static const smart_json_t *json;

/* Make one; what comes out is in <made> and <json>. */
static bool make(const smart_discovery_source_t *source)
{
    const char *why;
    const bool ok = smart_discovery_make(source, pool, &made);

    json = NULL;
    assert_int_equal(ok, *made.fault == '\0');
    assert_int_equal(ok, made.json.len > 0);
    if (ok) {
        assert_int_equal(smart_json_read(made.json, pool, &json, &why),
                         SMART_JSON_READ);
    }
    return ok;
}

static bool file(smart_slice_t text)
{
    const smart_discovery_source_t source = {.text = text, .is_file = true};

    return make(&source);
}

static bool metadata(smart_slice_t text)
{
    const smart_discovery_source_t source = {.text = text};

    return make(&source);
}

static const char *written(const char *name)
{
    smart_slice_t text;

    return smart_json_write(smart_json_member(json, name), pool, &text)
               ? text.ptr
               : "none";
}

static void fault_is(const char *name, const char *text)
{
    if (strncmp(made.fault, name, strlen(name)) != 0 ||
        !strstr(made.fault, text)) {
        fail_msg("%s, wanted %s %s", made.fault, name, text);
    }
}

/* ---- the check ---- */

static void a_right_document_is_made(void **state)
{
    assert_true(file(with(NULL, NULL)));
    assert_string_equal(made.json.ptr, with(NULL, NULL).ptr);
    assert_string_equal(made.issuer, AS);
    assert_string_equal(made.uris.token, AS "/token");
    assert_string_equal(made.uris.authorize, AS "/authorize");
    assert_string_equal(made.uris.revoke, AS "/revoke");
    assert_null(made.uris.manage);
    assert_string_equal(made.scopes.ptr, "[\"openid\",\"patient/*.rs\"]");
}

static void required_members_are_missed(void **state)
{
    static const char *const required[] = {
        "issuer",
        "jwks_uri",
        "authorization_endpoint",
        "grant_types_supported",
        "token_endpoint",
        "token_endpoint_auth_methods_supported",
        "token_endpoint_auth_signing_alg_values_supported",
        "scopes_supported",
        "capabilities",
        "code_challenge_methods_supported",
    };
    apr_size_t i;

    for (i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
        /* Without capabilities there are no conditions, so its own issuer is
           too much; the fault of the member comes behind that one. */
        assert_false(file(with(required[i], NULL)));
        assert_non_null(strstr(made.fault, required[i]));
        assert_non_null(strstr(made.fault, "is missing"));
    }
}

static void members_of_a_condition_are_missed_under_it_alone(void **state)
{
    static const struct {
        const char *capabilities; /* without the condition */
        const char *name;
    } free_of[] = {
        {"[\"launch-ehr\",\"client-confidential-asymmetric\"]", "jwks_uri"},
        {"[\"sso-openid-connect\"]", "authorization_endpoint"},
        {"[\"sso-openid-connect\"]", "token_endpoint_auth_methods_supported"},
        {"[\"sso-openid-connect\"]",
         "token_endpoint_auth_signing_alg_values_supported"},
        {"[\"sso-openid-connect\"]", "scopes_supported"},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(free_of) / sizeof(free_of[0]); i++) {
        const char *text = with(free_of[i].name, NULL).ptr;
        const char *at = strstr(text, "\"capabilities\":");
        const char *end = strchr(at, ']') + 1;

        /* An issuer is only for sso-openid-connect. */
        if (!strstr(free_of[i].capabilities, "openid")) {
            text = apr_pstrcat(pool, "{", strchr(text, ',') + 1, NULL);
            at = strstr(text, "\"capabilities\":");
            end = strchr(at, ']') + 1;
        }
        text = apr_pstrcat(
            pool, apr_pstrmemdup(pool, text, (apr_size_t)(at - text)),
            "\"capabilities\":", free_of[i].capabilities, end, NULL);
        if (!file(smart_slice(text))) {
            fail_msg("%s: %s", free_of[i].name, made.fault);
        }
    }
}

static void wrong_values_are_told(void **state)
{
    static const struct {
        const char *name, *value, *fault;
    } wrong[] = {
        {"issuer", "7", "is no http(s) URL"},
        {"issuer", "null", "is no http(s) URL"},
        {"jwks_uri", "\"jwks\"", "is no http(s) URL"},
        {"token_endpoint", "\"https://\"", "is no http(s) URL"},
        {"token_endpoint", "\"ftp://x/y\"", "is no http(s) URL"},
        {"token_endpoint", "[\"https://x/\"]", "is no http(s) URL"},
        {"grant_types_supported", "\"authorization_code\"", "array of strings"},
        {"grant_types_supported", "[]", "array of strings"},
        {"grant_types_supported", "[\"authorization_code\",1]",
         "array of strings"},
        {"grant_types_supported", "[\"client_credentials\"]",
         "has no authorization_code"},
        {"token_endpoint_auth_methods_supported", "[\"client_secret_basic\"]",
         "has no private_key_jwt"},
        {"token_endpoint_auth_signing_alg_values_supported", "[\"RS256\"]",
         "neither RS384 nor ES384"},
        {"scopes_supported", "{}", "array of strings"},
        {"response_types_supported", "[\"\"]", "array of strings"},
        {"revocation_endpoint", "true", "is no http(s) URL"},
        {"code_challenge_methods_supported", "[\"plain\"]", "has no S256"},
        {"code_challenge_methods_supported", "[\"S256\",\"plain\"]",
         "has plain"},
        {"associated_endpoints", "[1]", "array of objects"},
        {"associated_endpoints", "{}", "array of objects"},
        {"user_access_brand_identifier", "\"x\"", "is no object"},
        {"user_access_brand_bundle", "\"x\"", "is no http(s) URL"},
        {"management_endpoint", "\"/manage\"", "is no http(s) URL"},
        {"introspection_endpoint", "\"\"", "is no http(s) URL"},
        {"registration_endpoint", "{}", "is no http(s) URL"},
        {"smart_app_state_endpoint", "\"x:y\"", "is no http(s) URL"},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(file(with(wrong[i].name, wrong[i].value)));
        fault_is(wrong[i].name, wrong[i].fault);
    }
    assert_true(file(with("associated_endpoints", "[{\"url\":\"x\"}]")));
    assert_true(file(with("user_access_brand_identifier", "{}")));
    assert_true(file(with("management_endpoint", "\"http://x/y\"")));
    assert_true(file(with("token_endpoint_auth_signing_alg_values_supported",
                          "[\"RS384\"]")));
}

static void grants_need_one_of_two(void **state)
{
    static const char form[] =
        "{\"token_endpoint\":\"https://x/t\",\"capabilities\":"
        "[\"permission-v2\"],\"code_challenge_methods_supported\":[\"S256\"],"
        "\"grant_types_supported\":[\"%s\"]}";

    assert_true(
        file(smart_slice(apr_psprintf(pool, form, "client_credentials"))));
    assert_true(
        file(smart_slice(apr_psprintf(pool, form, "authorization_code"))));
    assert_false(file(smart_slice(apr_psprintf(pool, form, "password"))));
    fault_is("grant_types_supported", "has neither");
}

static void an_issuer_needs_openid(void **state)
{
    assert_false(file(with("capabilities", "[\"launch-ehr\"]")));
    fault_is("issuer", "is there without sso-openid-connect");
}

static void all_faults_are_told(void **state)
{
    assert_false(file(smart_slice("{}")));
    assert_string_equal(made.fault,
                        "grant_types_supported is missing, and required; "
                        "token_endpoint is missing, and required; "
                        "capabilities is missing, and required; "
                        "code_challenge_methods_supported is missing, and "
                        "required");
    assert_false(file(smart_slice("[]")));
    assert_string_equal(made.fault, "it is no object");
    assert_false(file(smart_slice("")));
    assert_false(file(smart_slice("{\"issuer\":1,\"issuer\":2}")));
}

/* ---- the merge ---- */

static void metadata_gain_what_the_gateway_knows(void **state)
{
    const char *const named[] = {"launch-standalone", "permission-v1",
                                 "https://x/cap", "launch-standalone", NULL};
    const smart_discovery_source_t source = {
        .text = smart_slice(
            "{\"issuer\":\"https://x\",\"authorization_endpoint\":"
            "\"https://x/a\",\"token_endpoint\":\"https://x/t\","
            "\"grant_types_supported\":[\"authorization_code\"],"
            "\"signed_metadata\":\"e.y.s\",\"registration_endpoint\":null,"
            "\"claims_supported\":[\"sub\"]}"),
        .capabilities = named,
        .introspection_endpoint = "https://x/i",
    };

    assert_true(make(&source));
    assert_string_equal(written("capabilities"),
                        "[\"launch-standalone\",\"permission-v1\","
                        "\"https://x/cap\",\"permission-patient\","
                        "\"permission-user\",\"permission-v2\"]");
    assert_string_equal(written("code_challenge_methods_supported"),
                        "[\"S256\"]");
    assert_string_equal(written("introspection_endpoint"), "\"https://x/i\"");
    assert_string_equal(written("signed_metadata"), "none");
    assert_string_equal(written("registration_endpoint"), "none");
    assert_string_equal(written("issuer"), "none");
    assert_string_equal(written("claims_supported"), "[\"sub\"]");
    assert_string_equal(made.issuer, "https://x");
}

static void what_metadata_say_stays(void **state)
{
    const char *const named[] = {"launch-ehr", NULL};
    const smart_discovery_source_t source = {
        .text = with("introspection_endpoint", "\"https://x/own\""),
        .capabilities = named,
        .introspection_endpoint = "https://x/i",
    };

    assert_true(make(&source));
    assert_string_equal(written("introspection_endpoint"), "\"https://x/own\"");
    assert_string_equal(written("issuer"), "\"" AS "\"");
    assert_string_equal(written("capabilities"),
                        "[\"launch-ehr\",\"sso-openid-connect\","
                        "\"client-confidential-asymmetric\","
                        "\"permission-patient\",\"permission-user\","
                        "\"permission-v1\",\"permission-v2\"]");
}

static void plain_is_not_offered(void **state)
{
    assert_true(metadata(
        with("code_challenge_methods_supported", "[\"plain\",\"S256\"]")));
    assert_string_equal(written("code_challenge_methods_supported"),
                        "[\"S256\"]");
    assert_false(
        metadata(with("code_challenge_methods_supported", "[\"plain\"]")));
    fault_is("code_challenge_methods_supported", "array of strings");
    assert_false(
        metadata(with("code_challenge_methods_supported", "\"S256\"")));
    assert_false(metadata(with("capabilities", "\"launch-ehr\"")));
    assert_non_null(strstr(made.fault, "capabilities is no array"));
}

static void a_file_gains_named_capabilities_alone(void **state)
{
    const char *const named[] = {"context-banner", NULL};
    smart_discovery_source_t source = {
        .text = with(NULL, NULL),
        .is_file = true,
        .capabilities = named,
        .introspection_endpoint = "https://x/i",
    };

    assert_true(make(&source));
    assert_string_equal(written("capabilities"),
                        "[\"launch-ehr\",\"sso-openid-connect\","
                        "\"client-confidential-asymmetric\","
                        "\"context-banner\"]");
    assert_string_equal(written("introspection_endpoint"), "none");
    source.text = smart_slice(
        "{\"token_endpoint\":\"https://x/t\",\"grant_types_supported\":"
        "[\"client_credentials\"],\"code_challenge_methods_supported\":"
        "[\"S256\"]}");
    assert_true(make(&source));
    assert_string_equal(written("capabilities"), "[\"context-banner\"]");
}

static void metadata_have_the_issuer_of_tokens(void **state)
{
    smart_discovery_source_t source = {.text = with(NULL, NULL), .issuer = AS};

    assert_true(make(&source));
    source.issuer = AS "/";
    assert_false(make(&source));
    assert_string_equal(made.fault,
                        "issuer is not the one that tokens must have");
    source.issuer = AS;
    source.text = with("issuer", "null");
    assert_false(make(&source));
}

static void capabilities_have_names_or_uris(void **state)
{
    assert_true(smart_discovery_capability_known("launch-ehr"));
    assert_true(smart_discovery_capability_known("smart-app-state"));
    assert_true(smart_discovery_capability_known("https://x/y"));
    assert_true(smart_discovery_capability_known("urn:x"));
    assert_false(smart_discovery_capability_known("launch"));
    assert_false(smart_discovery_capability_known("launch-ehr2"));
    assert_false(smart_discovery_capability_known(""));
}

/* ---- RFC 9728 ---- */

static void a_resource_names_its_server(void **state)
{
    assert_true(file(with(NULL, NULL)));
    assert_string_equal(
        smart_discovery_resource(&made, "https://h/fhir", pool).ptr,
        "{\"resource\":\"https://h/fhir\",\"authorization_servers\":[\"" AS
        "\"],\"scopes_supported\":[\"openid\",\"patient/*.rs\"],"
        "\"bearer_methods_supported\":[\"header\"]}");
    made.issuer = NULL;
    made.scopes = smart_slice_n(NULL, 0);
    assert_string_equal(
        smart_discovery_resource(&made, "https://h/fhir", pool).ptr,
        "{\"resource\":\"https://h/fhir\","
        "\"bearer_methods_supported\":[\"header\"]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_document_is_made),
        cmocka_unit_test(required_members_are_missed),
        cmocka_unit_test(members_of_a_condition_are_missed_under_it_alone),
        cmocka_unit_test(wrong_values_are_told),
        cmocka_unit_test(grants_need_one_of_two),
        cmocka_unit_test(an_issuer_needs_openid),
        cmocka_unit_test(all_faults_are_told),
        cmocka_unit_test(metadata_gain_what_the_gateway_knows),
        cmocka_unit_test(what_metadata_say_stays),
        cmocka_unit_test(plain_is_not_offered),
        cmocka_unit_test(a_file_gains_named_capabilities_alone),
        cmocka_unit_test(metadata_have_the_issuer_of_tokens),
        cmocka_unit_test(capabilities_have_names_or_uris),
        cmocka_unit_test(a_resource_names_its_server),
    };

    return cmocka_run_group_tests(tests, prepare, finish);
}
