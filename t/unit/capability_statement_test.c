/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capability_statement_test.c: rest.security is there afterwards, all else as
 * it was; what is none of ours is not touched.
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

#include "core/capability_statement.h"

#define EXTENSION                                                              \
    "{\"url\":\"http://fhir-registry.smarthealthit.org/StructureDefinition/"   \
    "oauth-uris\",\"extension\":[{\"url\":\"authorize\",\"valueUri\":"         \
    "\"https://as/a\"},{\"url\":\"token\",\"valueUri\":\"https://as/t\"}]}"
#define SERVICE                                                                \
    "{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/"        \
    "restful-security-service\",\"code\":\"SMART-on-FHIR\"}]"
#define SECURITY                                                               \
    "\"security\":{\"extension\":[" EXTENSION                                  \
    "],\"cors\":true,\"service\":[" SERVICE                                    \
    ",\"text\":\"OAuth2 using SMART-on-FHIR profile\"}]"

static const smart_oauth_uris_t uris = {.authorize = "https://as/a",
                                        .token = "https://as/t"};

static const char *changed(const char *text)
{
    smart_slice_t out;
    const bool ok =
        smart_capability_statement(smart_slice(text), &uris, pool, &out);

    assert_int_equal(ok, out.len > 0);
    return ok ? out.ptr : "as it is";
}

static void security_is_added(void **state)
{
    assert_string_equal(
        changed("{\"resourceType\":\"CapabilityStatement\",\"rest\":"
                "[{\"mode\":\"server\",\"resource\":[]}],\"x\":1}"),
        "{\"resourceType\":\"CapabilityStatement\",\"rest\":[{\"mode\":"
        "\"server\",\"resource\":[]," SECURITY "}}],\"x\":1}");
}

static void what_the_server_says_of_oauth_is_replaced(void **state)
{
    assert_string_equal(
        changed(
            "{\"resourceType\":\"CapabilityStatement\",\"rest\":[{\"security\":"
            "{\"cors\":false,\"description\":\"d\",\"extension\":["
            "{\"url\":\"http://fhir-registry.smarthealthit.org/"
            "StructureDefinition/oauth-uris\",\"extension\":[{\"url\":"
            "\"token\",\"valueUri\":\"https://own/t\"}]},{\"url\":\"o\"}],"
            "\"service\":[{\"text\":\"Basic\"}]},\"mode\":\"server\"}]}"),
        "{\"resourceType\":\"CapabilityStatement\",\"rest\":[{\"mode\":"
        "\"server\",\"security\":{\"extension\":[" EXTENSION
        ",{\"url\":\"o\"}],\"cors\":true,\"service\":[{\"text\":\"Basic\"}"
        "," SERVICE ",\"text\":\"OAuth2 using SMART-on-FHIR profile\"}],"
        "\"description\":\"d\"}}]}");
}

static void the_service_is_there_once(void **state)
{
    assert_string_equal(
        changed("{\"resourceType\":\"CapabilityStatement\",\"rest\":[{\"mode\":"
                "\"server\",\"security\":{\"service\":[" SERVICE "}]}}]}"),
        "{\"resourceType\":\"CapabilityStatement\",\"rest\":[{\"mode\":"
        "\"server\",\"security\":{\"extension\":[" EXTENSION
        "],\"cors\":true,\"service\":[" SERVICE "}]}}]}");
}

static void clients_are_left_alone(void **state)
{
    const char *out =
        changed("{\"resourceType\":\"CapabilityStatement\",\"rest\":[{\"mode\":"
                "\"client\"},{\"mode\":\"server\"},{\"mode\":\"server\"}]}");

    assert_non_null(strstr(out, "[{\"mode\":\"client\"},{"));
    assert_non_null(strstr(strstr(out, "https://as/t") + 1, "https://as/t"));
}

static void all_endpoints_are_named(void **state)
{
    const smart_oauth_uris_t all = {"https://1", "https://2", "https://3",
                                    "https://4", "https://5", "https://6"};
    static const char *const names[] = {"authorize", "token",      "register",
                                        "manage",    "introspect", "revoke"};
    smart_slice_t out;
    int i;

    assert_true(smart_capability_statement(
        smart_slice("{\"resourceType\":\"CapabilityStatement\",\"rest\":"
                    "[{\"mode\":\"server\"}]}"),
        &all, pool, &out));
    for (i = 0; i < 6; i++) {
        assert_non_null(
            strstr(out.ptr, apr_psprintf(pool,
                                         "{\"url\":\"%s\",\"valueUri\":"
                                         "\"https://%d\"}",
                                         names[i], i + 1)));
    }
}

static void others_pass_as_they_are(void **state)
{
    static const char *const others[] = {
        "",
        "{",
        "[]",
        "{\"resourceType\":\"Patient\",\"rest\":[{\"mode\":\"server\"}]}",
        "{\"resourceType\":\"Conformance\",\"rest\":[{\"mode\":\"server\"}]}",
        "{\"rest\":[{\"mode\":\"server\"}]}",
        "{\"resourceType\":\"CapabilityStatement\"}",
        "{\"resourceType\":\"CapabilityStatement\",\"rest\":[]}",
        "{\"resourceType\":\"CapabilityStatement\",\"rest\":{\"mode\":"
        "\"server\"}}",
        "{\"resourceType\":\"CapabilityStatement\",\"rest\":[{\"mode\":"
        "\"client\"}]}",
        "{\"resourceType\":\"CapabilityStatement\",\"rest\":[{\"mode\":"
        "\"server\",\"security\":1}]}",
        "{\"resourceType\":\"CapabilityStatement\",\"rest\":[{\"mode\":"
        "\"server\",\"security\":{\"service\":{}}}]}",
        "{\"resourceType\":\"CapabilityStatement\",\"rest\":[{\"mode\":"
        "\"server\",\"security\":{\"extension\":\"\"}}]}",
    };
    const smart_oauth_uris_t none = {.authorize = "https://as/a"};
    smart_slice_t out;
    apr_size_t i;

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_string_equal(changed(others[i]), "as it is");
    }
    assert_false(smart_capability_statement(
        smart_slice("{\"resourceType\":\"CapabilityStatement\",\"rest\":"
                    "[{\"mode\":\"server\"}]}"),
        &none, pool, &out));
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(security_is_added),
        cmocka_unit_test(what_the_server_says_of_oauth_is_replaced),
        cmocka_unit_test(the_service_is_there_once),
        cmocka_unit_test(clients_are_left_alone),
        cmocka_unit_test(all_endpoints_are_named),
        cmocka_unit_test(others_pass_as_they_are),
    };

    return cmocka_run_group_tests(tests, prepare, finish);
}
