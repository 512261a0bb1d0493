/* SPDX-License-Identifier: Apache-2.0 */
/*
 * media_test.c: which media types are looked into.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <apr_general.h>

#include "core/media.h"

#define R4 SMART_FHIR_R4

static void test_types(void **state)
{
    static const struct {
        const char *field;
        smart_media_e media;
    } rows[] = {
        {"application/fhir+json", SMART_MEDIA_JSON},
        {"application/json", SMART_MEDIA_JSON},
        {"Application/FHIR+JSON", SMART_MEDIA_JSON},
        {"application/fhir+json;charset=utf-8", SMART_MEDIA_JSON},
        {"application/fhir+json ; charset=UTF-8", SMART_MEDIA_JSON},
        {"application/json; charset=\"utf-8\"", SMART_MEDIA_JSON},
        {"application/fhir+json; fhirVersion=4.0", SMART_MEDIA_JSON},
        {"application/fhir+json; charset=utf-8; fhirVersion=4.0",
         SMART_MEDIA_JSON},
        {"application/json-patch+json", SMART_MEDIA_JSON_PATCH},
        {"application/json-patch+json; charset=utf-8", SMART_MEDIA_JSON_PATCH},
        {"application/x-www-form-urlencoded", SMART_MEDIA_FORM},
        {"application/x-www-form-urlencoded; charset=utf-8", SMART_MEDIA_FORM},

        {NULL, SMART_MEDIA_OTHER},
        {"", SMART_MEDIA_OTHER},
        {"application/fhir+json, application/json", SMART_MEDIA_OTHER},
        {"application/fhir+json;", SMART_MEDIA_OTHER},
        {"application/fhir+jsonx", SMART_MEDIA_OTHER},
        {"application/fhir+jso", SMART_MEDIA_OTHER},
        {"application/fhir+xml", SMART_MEDIA_OTHER},
        {"application/json charset=utf-8", SMART_MEDIA_OTHER},
        {"application/json; charset", SMART_MEDIA_OTHER},
        {"application/json; charset=", SMART_MEDIA_OTHER},
        {"application/json; charset=\"utf-8", SMART_MEDIA_OTHER},
        {"application/json; charset=\"\"", SMART_MEDIA_OTHER},
        {"application/json; charset=utf-16", SMART_MEDIA_OTHER},
        {"application/json; charset=utf-7", SMART_MEDIA_OTHER},
        {"application/json; charset=utf-8; charset=utf-8", SMART_MEDIA_OTHER},
        {"application/json; charset=utf-8 utf-16", SMART_MEDIA_OTHER},
        {"application/json; profile=x", SMART_MEDIA_OTHER},
        {"application/fhir+json; fhirVersion=5.0", SMART_MEDIA_OTHER},
        {"application/fhir+json; fhirVersion=3.0", SMART_MEDIA_OTHER},
        {"application/fhir+json; fhirVersion=\"\"", SMART_MEDIA_OTHER},
        {"application/x-www-form-urlencoded; fhirVersion=4.0",
         SMART_MEDIA_OTHER},
        {"multipart/form-data; boundary=b", SMART_MEDIA_OTHER},
        {" application/json", SMART_MEDIA_OTHER},
        {"*/*", SMART_MEDIA_OTHER},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const smart_media_e media = smart_media_of(rows[i].field, R4);

        if (media != rows[i].media) {
            fail_msg("%s is %d", rows[i].field ? rows[i].field : "(none)",
                     media);
        }
    }
}

static void test_version(void **state)
{
    static const char five[] = "application/fhir+json; fhirVersion=5.0";
    static const char four_b[] = "application/fhir+json; fhirVersion=4.3";
    static const char nothing[] = "application/fhir+json; fhirVersion=";

    assert_int_equal(smart_media_of(five, SMART_FHIR_R5), SMART_MEDIA_JSON);
    assert_int_equal(smart_media_of(five, SMART_FHIR_R4B), SMART_MEDIA_OTHER);
    assert_int_equal(smart_media_of(four_b, SMART_FHIR_R4B), SMART_MEDIA_JSON);
    assert_int_equal(smart_media_of(four_b, SMART_FHIR_R4), SMART_MEDIA_OTHER);
    assert_int_equal(smart_media_of(nothing, SMART_FHIR_NONE),
                     SMART_MEDIA_OTHER);
}

static void test_coding(void **state)
{
    assert_true(smart_media_plain(NULL));
    assert_true(smart_media_plain("identity"));
    assert_true(smart_media_plain("Identity"));
    assert_false(smart_media_plain("gzip"));
    assert_false(smart_media_plain("GZIP"));
    assert_false(smart_media_plain("identity, gzip"));
    assert_false(smart_media_plain(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_coding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
