/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scope_test.c: what is a scope and what it grants; what is nearly one grants
 * nothing; and a scope is written as it was read.
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

#include "core/scope.h"

#define C SMART_LETTER_C
#define R SMART_LETTER_R
#define U SMART_LETTER_U
#define D SMART_LETTER_D
#define S SMART_LETTER_S

static smart_scope_t scope;

static bool parses_in(smart_fhir_e v, const char *text)
{
    static const smart_scope_t none;
    bool ok;

    memset(&scope, 0xff, sizeof(scope));
    ok = smart_scope_parse(v, smart_slice(text), &scope);
    if (!ok) {
        assert_memory_equal(&scope, &none, sizeof(none));
    }
    else {
        assert_string_equal(smart_scope_text(&scope, text, pool), text);
        assert_int_equal(scope.reserved, 0);
        assert_int_equal(scope.reserved2, 0);
    }
    return ok;
}

static bool parses(const char *text)
{
    return parses_in(SMART_FHIR_R4, text);
}

static void assert_no_scope(const char *text)
{
    if (parses(text)) {
        fail_msg("%s is a scope", text);
    }
}

static void assert_scope(const char *text, smart_context_e context,
                         const char *type, unsigned letters,
                         const char *constraint)
{
    smart_slice_t got;

    if (!parses(text)) {
        fail_msg("%s is no scope", text);
    }
    got = smart_slice_n(text + scope.constraint_start, scope.constraint_len);
    assert_int_equal(scope.context, context);
    assert_int_equal(scope.letters, letters);
    assert_int_equal(scope.type,
                     strcmp(type, "*") == 0
                         ? SMART_TYPE_ANY
                         : smart_fhir_type(SMART_FHIR_R4, smart_slice(type)));
    assert_true(smart_slice_is(got, constraint));
}

static void a_scope_takes_sixteen_bytes(void **state)
{
    assert_int_equal(sizeof(smart_scope_t), 16);
}

static void contexts_and_types(void **state)
{
    assert_scope("patient/Observation.rs", SMART_CONTEXT_PATIENT, "Observation",
                 R | S, "");
    assert_scope("user/Patient.r", SMART_CONTEXT_USER, "Patient", R, "");
    assert_scope("system/*.cruds", SMART_CONTEXT_SYSTEM, "*", C | R | U | D | S,
                 "");
}

static void v1_words_mean_letters(void **state)
{
    assert_scope("user/Patient.read", SMART_CONTEXT_USER, "Patient", R | S, "");
    assert_int_equal(scope.form, SMART_SCOPE_READ);
    assert_scope("user/Patient.write", SMART_CONTEXT_USER, "Patient", C | U | D,
                 "");
    assert_int_equal(scope.form, SMART_SCOPE_WRITE);
    assert_scope("patient/*.*", SMART_CONTEXT_PATIENT, "*", C | R | U | D | S,
                 "");
    assert_int_equal(scope.form, SMART_SCOPE_STAR);
}

/* All subsets in order are scopes; no other text of these letters is. */
static void letters_in_order_each_once(void **state)
{
    static const char all[] = "cruds";
    unsigned set;

    for (set = 1; set < 32; set++) {
        char text[32] = "patient/Observation.";
        char *to = text + strlen(text);
        int i;

        for (i = 0; i < 5; i++) {
            if (set & (1u << i)) {
                *to++ = all[i];
            }
        }
        assert_scope(text, SMART_CONTEXT_PATIENT, "Observation", set, "");
        assert_int_equal(scope.form, SMART_SCOPE_LETTERS);
    }
    assert_scope("patient/Observation.rd", SMART_CONTEXT_PATIENT, "Observation",
                 R | D, "");
}

static void every_short_permission_is_judged(void **state)
{
    static const char bytes[] = "cruds*x.";
    char text[] = "user/Patient.ab";
    int i;
    int j;

    for (i = 0; i < 8; i++) {
        for (j = 0; j < 8; j++) {
            text[13] = bytes[i];
            text[14] = bytes[j];
            assert_int_equal(parses(text), i < j && j < 5);
        }
    }
}

static void nearly_a_scope_is_none(void **state)
{
    static const char *const bad[] = {
        "",
        "openid",
        "fhirUser",
        "launch",
        "launch/patient",
        "offline_access",
        "patient/Observation.",
        "patient/Observation",
        "patient/Observation.sr",
        "patient/Observation.rr",
        "patient/Observation.dus",
        "patient/Observation.chum",
        "patient/Observation.rsx",
        "patient/Observation.rsXYZ",
        "patient/Observation.RS",
        "patient/Observation.Read",
        "patient/Observation.reads",
        "patient/Observation.readwrite",
        "patient/Observation.rs.",
        "patient/Observation.r.s",
        "patient/Observation.*s",
        "patient/Observation.**",
        "patient/Observation.rs#x",
        "patient/Observation.rs,",
        "patient/Observation.rs&a=b",
        "patient/Observation..rs",
        "patient//Observation.rs",
        "patient/ Observation.rs",
        " patient/Observation.rs",
        "patient/Observation.rs ",
        "patient/observation.rs",
        "patient/OBSERVATION.rs",
        "patient/Obs.rs",
        "patient/Observations.rs",
        "patient/Foobar.rs",
        "patient/.rs",
        "patient/**.rs",
        "patient/*Observation.rs",
        "patient/Resource.rs",
        "Patient/Observation.rs",
        "PATIENT/Observation.rs",
        "/Observation.rs",
        "Observation.rs",
        "*/*.*",
        "practitioner/Observation.read",
        "patients/Observation.rs",
        "patient.Observation.rs",
        "patient-Observation.rs",
        "patient%2fObservation.rs",
        "patient/Observation%2ers",
        "http://smarthealthit.org/fhir/scopes/patient/Observation.rs",
        "patient/Observation.rs\x7f",
        "patient/Observation.r\ts",
        "patient/Observation.rs\n",
        "patient/Observation.rs\xc3\xa9",
    };
    apr_size_t i;

    assert_true(parses("patient/Observation.rs"));
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_no_scope(bad[i]);
    }
}

/* Nothing of a scope is left when its last byte goes, or its slice ends. */
static void every_prefix_is_judged_alone(void **state)
{
    const char *text = "patient/Observation.rs?code=a";
    const apr_size_t len = strlen(text);
    apr_size_t n;

    for (n = 0; n <= len; n++) {
        bool want = n == strlen("patient/Observation.r") ||
                    n == strlen("patient/Observation.rs") || n == len;
        /* A copy of its own, for AddressSanitizer to guard its end. */
        char *copy = malloc(n ? n : 1);

        memcpy(copy, text, n);
        assert_int_equal(
            smart_scope_parse(SMART_FHIR_R4, smart_slice_n(copy, n), &scope),
            want);
        free(copy);
    }
    assert_false(
        smart_scope_parse(SMART_FHIR_R4, smart_slice_n(NULL, 0), &scope));
}

static void types_are_those_of_the_version(void **state)
{
    assert_true(parses_in(SMART_FHIR_R5, "user/ActorDefinition.r"));
    assert_false(parses_in(SMART_FHIR_R4, "user/ActorDefinition.r"));
    assert_true(parses_in(SMART_FHIR_R4, "user/Media.r"));
    assert_false(parses_in(SMART_FHIR_R5, "user/Media.r"));
    assert_true(parses_in(SMART_FHIR_R4B, "user/*.r"));
    assert_false(parses_in(SMART_FHIR_NONE, "user/*.r"));
    assert_false(parses_in(SMART_FHIR_NONE, "user/Patient.r"));
}

static void constraint_is_kept_as_it_came(void **state)
{
    const char *category = "category=http://terminology.hl7.org/CodeSystem/"
                           "observation-category|laboratory";

    assert_scope(apr_pstrcat(pool, "patient/Observation.rs?", category, NULL),
                 SMART_CONTEXT_PATIENT, "Observation", R | S, category);
    assert_scope("user/Patient.rs?name=john&gender=male", SMART_CONTEXT_USER,
                 "Patient", R | S, "name=john&gender=male");
    assert_scope("user/Patient.rs?name=a&name=b", SMART_CONTEXT_USER, "Patient",
                 R | S, "name=a&name=b");
    assert_scope("system/Observation.cud?code=a,b", SMART_CONTEXT_SYSTEM,
                 "Observation", C | U | D, "code=a,b");
    assert_scope("user/Observation.rs?code=a=b?c", SMART_CONTEXT_USER,
                 "Observation", R | S, "code=a=b?c");
    assert_scope("user/Observation.rs?code=a.b/c", SMART_CONTEXT_USER,
                 "Observation", R | S, "code=a.b/c");
}

static void constraint_uses_kinds_that_can_be_judged(void **state)
{
    /* token, reference, string, date, uri */
    assert_true(parses("user/Observation.rs?category=laboratory"));
    assert_true(parses("user/Observation.rs?subject=Patient/pat-2"));
    assert_true(parses("user/Patient.rs?family=x"));
    assert_true(parses("user/Observation.rs?date=gt2020-01-01"));
    assert_true(parses("user/ValueSet.rs?url=http://x"));
    /* quantity, number, composite, special, unknown, another type's */
    assert_no_scope("user/Observation.rs?value-quantity=5");
    assert_no_scope("user/RiskAssessment.rs?probability=1");
    assert_no_scope("user/Observation.rs?code-value-concept=a$b");
    assert_no_scope("user/Location.rs?near=1|2");
    assert_no_scope("user/Observation.rs?nosuchparam=1");
    assert_no_scope("user/Observation.rs?family=x");
    /* a token, but by a condition in its expression: nowhere to look */
    assert_no_scope("user/Patient.rs?deceased=true");
}

/* The one that can not be judged is named, and never what it was to be. */
static void what_can_not_be_judged_is_named(void **state)
{
    static const struct {
        const char *text;
        const char *name; /* NULL: a scope, or none for another reason */
    } cases[] = {
        {"user/Patient.rs?deceased=true", "deceased"},
        {"user/Patient.rs?gender=male&deceased=true", "deceased"},
        {"user/Patient.rs?deceased=true&gender=male", "deceased"},
        {"user/Observation.rs?value-quantity=5", "value-quantity"},
        {"user/Observation.rs?code:in=http://v", "code:in"},
        {"user/Observation.rs?subject.name=x", "subject.name"},
        {"user/Observation.rs?nosuch=secret", "nosuch"},
        {"user/Observation.rs?no%20such=1", "no%20such"},
        {"user/Observation.rs?code=", "code"},
        {"user/Observation.rs?code=%00", "code"},
        {"user/Observation.rs?code", "code"},
        {"user/Observation.rs?", ""},
        {"user/Observation.rs?=x", ""},
        {"user/*.rs?code=a", "code"},
        {"user/Observation.rs?"
         "0123456789012345678901234567890123456789012345678901234567890123456"
         "=1",
         "0123456789012345678901234567890123456789012345678901234567890123"},
        {"user/Observation.rs?code=a", NULL},
        {"user/Observation.rs", NULL},
        {"user/Observation.read?deceased=true", NULL},
        {"user/Observaton.rs?deceased=true", NULL},
        {"openid?deceased=true", NULL},
        {"user/Observation.rs?dece\"ased=true", NULL},
        {"", NULL},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *name = smart_scope_unjudged(
            SMART_FHIR_R4, smart_slice(cases[i].text), pool);

        if (!cases[i].name) {
            assert_null(name);
            continue;
        }
        assert_non_null(name);
        assert_string_equal(name, cases[i].name);
        assert_no_scope(cases[i].text);
    }
    assert_null(smart_scope_unjudged(SMART_FHIR_NONE,
                                     smart_slice("user/*.rs?code=a"), pool));
}

static void underscore_names_are_five(void **state)
{
    static const char *const good[] = {"_id", "_tag", "_security", "_profile",
                                       "_lastUpdated"};
    static const char *const bad[] = {
        "_text",      "_content",    "_filter",  "_list", "_query",
        "_has",       "_include",    "_count",   "_sort", "_elements",
        "_summary",   "_source",     "_type",    "_in",   "_language",
        "_format",    "_total",      "_offset",  "_ID",   "_",
        "_contained", "_revinclude", "_getpages"};
    static const smart_fhir_e versions[] = {SMART_FHIR_R4, SMART_FHIR_R4B,
                                            SMART_FHIR_R5};
    apr_size_t i;
    int v;

    for (v = 0; v < 3; v++) {
        for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
            assert_true(
                parses_in(versions[v], apr_pstrcat(pool, "user/*.rs?", good[i],
                                                   "=a", NULL)));
            assert_true(
                parses_in(versions[v], apr_pstrcat(pool, "user/Patient.rs?",
                                                   good[i], "=a", NULL)));
        }
        for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
            assert_false(
                parses_in(versions[v],
                          apr_pstrcat(pool, "user/*.rs?", bad[i], "=a", NULL)));
            assert_false(
                parses_in(versions[v], apr_pstrcat(pool, "user/Patient.rs?",
                                                   bad[i], "=a", NULL)));
        }
    }
    assert_no_scope("user/*.rs?code=a");
    assert_no_scope("user/*.rs?family=a");
}

static void constraint_in_another_form_is_no_scope(void **state)
{
    static const char *const bad[] = {
        "user/Observation.rs?",
        "user/Observation.rs?code",
        "user/Observation.rs?code=",
        "user/Observation.rs?=a",
        "user/Observation.rs?=",
        "user/Observation.rs?&",
        "user/Observation.rs?code=a&",
        "user/Observation.rs?&code=a",
        "user/Observation.rs?code=a&&status=b",
        "user/Observation.rs?code=a&status",
        "user/Observation.rs?code=a&status=",
        "user/Observation.rs?code=a&nosuchparam=b",
        "user/Observation.rs?nosuchparam=b&code=a",
        "user/Observation.rs?code:in=http://x",
        "user/Observation.rs?code:not=a",
        "user/Observation.rs?subject:Patient=a",
        "user/Observation.rs?subject.name=a",
        "user/Observation.rs?patient.birthdate=a",
        "user/Observation.rs?Code=a",
        "user/Observation.rs??code=a",
        "user/Observation.?code=a",
        "user/Observation.read?code=a",
        "user/Observation.write?code=a",
        "user/Observation.*?code=a",
        "user/Observation?code=a.rs",
        "user/Observation.rs?code=a b",
        "user/Observation.rs?code=\"a\"",
        "user/Observation.rs?code=a\\,b",
        "user/Observation.rs?code=\xc3\xa9",
    };
    apr_size_t i;

    assert_true(parses("user/Observation.rs?code=a"));
    assert_true(parses("user/Observation.rs?code=a&status=b"));
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_no_scope(bad[i]);
    }
}

/* RFC 6749 3.3, but "&" which begins another pair and "%" an escape. */
static void every_byte_of_a_value_is_judged(void **state)
{
    char text[] = "user/Observation.rs?code=axb";
    int c;

    for (c = 1; c < 256; c++) {
        text[26] = (char)c;
        assert_int_equal(parses(text), c > 0x20 && c < 0x7f && c != '"' &&
                                           c != '\\' && c != '&' && c != '%');
    }
}

static void escapes_are_read_after_the_split(void **state)
{
    assert_true(parses("user/Observation.rs?c%6Fde=a"));
    assert_true(parses("user/Observation.rs?code=a%26nosuchparam=b"));
    assert_true(parses("user/Observation.rs?code=a+b"));
    assert_true(parses("user/Observation.rs?code=%20"));
    assert_true(parses("user/Observation.rs?code=%5c%22"));
    /* An escaped separator is part of the name, and no name has one. */
    assert_no_scope("user/Observation.rs?code%3da=b");
    assert_no_scope("user/Observation.rs?code%3da");
    assert_no_scope("user/Observation.rs%3fcode=a");
    assert_no_scope("user/Observation.rs?a%26code=b");
    assert_no_scope("user/Observation.rs?code%3ain=b");
    assert_no_scope("user/Observation.rs?c%6fd%00e=a");
    assert_no_scope("user/Observation.rs?%5fcount=1");
    assert_true(parses("user/Observation.rs?%5fid=1"));
}

static void wrong_escapes_are_no_scope(void **state)
{
    static const char *const bad[] = {"%",   "%2",  "%zz", "a%",  "a%2", "%2g",
                                      "%7g", "%ag", "%g2", "%g7", "%%",  "%-1"};
    apr_size_t i;
    int c;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_no_scope(
            apr_pstrcat(pool, "user/Observation.rs?code=", bad[i], NULL));
        assert_no_scope(
            apr_pstrcat(pool, "user/Observation.rs?", bad[i], "=a", NULL));
    }
    for (c = 0; c < 0x80; c++) {
        assert_int_equal(
            parses(apr_psprintf(pool, "user/Observation.rs?code=%%%02x", c)),
            c >= 0x20 && c != 0x7f);
    }
}

static void escapes_make_utf8(void **state)
{
    static const struct {
        const char *value;
        bool good;
    } cases[] = {
        {"%C3%A9", true},        {"%c3%a9x", true},
        {"%C3x%A9", false},      {"%C3", false},
        {"%C3x", false},         {"%A9", false},
        {"%C3%C3", false},       {"%C1%BF", false},
        {"%C2%80", true},        {"%DF%BF", true},
        {"%C2%7F", false},       {"%E0%A0%80", true},
        {"%E0%9F%BF", false},    {"%EF%BF%BF", true},
        {"%ED%9F%BF", true},     {"%ED%A0%80", false},
        {"%EE%80%80", true},     {"%E2%82", false},
        {"%E2%82%AC", true},     {"%E2%82%AC%AC", false},
        {"%F0%90%80%80", true},  {"%F0%8F%BF%BF", false},
        {"%F4%8F%BF%BF", true},  {"%F4%90%80%80", false},
        {"%F5%80%80%80", false}, {"%F1%80%80", false},
        {"%FF", false},          {"%F1%80%80%80%80", false},
        {"%E1%80%C0", false},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (parses(apr_pstrcat(pool, "user/Patient.rs?name=", cases[i].value,
                               NULL)) != cases[i].good) {
            fail_msg("%s", cases[i].value);
        }
    }
}

static void long_names_are_no_parameters(void **state)
{
    char *name = apr_pcalloc(pool, 4096);

    memset(name, 'a', 4095);
    assert_no_scope(
        apr_pstrcat(pool, "user/Observation.rs?", name, "=a", NULL));
    assert_true(
        parses(apr_pstrcat(pool, "user/Observation.rs?code=", name, NULL)));
}

static void writing_takes_the_constraint_from_its_text(void **state)
{
    const char *text = "user/Observation.rs?code=a&status=b";

    assert_true(parses(text));
    scope.constraint_start = 3;
    assert_string_equal(smart_scope_text(&scope, "xxxcode=a&status=byyy", pool),
                        text);
    scope.letters = 0;
    assert_string_equal(smart_scope_text(&scope, text, pool), "");
    memset(&scope, 0, sizeof(scope));
    assert_string_equal(smart_scope_text(&scope, text, pool), "");
}

static void wanted_scopes_are_scopes(void **state)
{
    const smart_type_t observation =
        smart_fhir_type(SMART_FHIR_R4, smart_slice("Observation"));

    assert_string_equal(
        smart_scope_wanted(SMART_CONTEXT_PATIENT, observation, S, pool),
        "patient/Observation.s");
    assert_string_equal(smart_scope_wanted(SMART_CONTEXT_USER, observation,
                                           S | C | R | U | D, pool),
                        "user/Observation.cruds");
    assert_string_equal(
        smart_scope_wanted(SMART_CONTEXT_SYSTEM, SMART_TYPE_ANY, R | S, pool),
        "system/*.rs");
    assert_string_equal(
        smart_scope_wanted(SMART_CONTEXT_NONE, observation, S, pool), "");
    assert_string_equal(
        smart_scope_wanted(SMART_CONTEXT_USER, SMART_TYPE_NONE, S, pool), "");
    assert_string_equal(
        smart_scope_wanted(SMART_CONTEXT_USER, observation, 0, pool), "");
    assert_string_equal(
        smart_scope_wanted(SMART_CONTEXT_USER, (smart_type_t)0xfffe, S, pool),
        "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scope_takes_sixteen_bytes),
        cmocka_unit_test(contexts_and_types),
        cmocka_unit_test(v1_words_mean_letters),
        cmocka_unit_test(letters_in_order_each_once),
        cmocka_unit_test(every_short_permission_is_judged),
        cmocka_unit_test(nearly_a_scope_is_none),
        cmocka_unit_test(every_prefix_is_judged_alone),
        cmocka_unit_test(types_are_those_of_the_version),
        cmocka_unit_test(constraint_is_kept_as_it_came),
        cmocka_unit_test(constraint_uses_kinds_that_can_be_judged),
        cmocka_unit_test(what_can_not_be_judged_is_named),
        cmocka_unit_test(underscore_names_are_five),
        cmocka_unit_test(constraint_in_another_form_is_no_scope),
        cmocka_unit_test(every_byte_of_a_value_is_judged),
        cmocka_unit_test(escapes_are_read_after_the_split),
        cmocka_unit_test(wrong_escapes_are_no_scope),
        cmocka_unit_test(escapes_make_utf8),
        cmocka_unit_test(long_names_are_no_parameters),
        cmocka_unit_test(writing_takes_the_constraint_from_its_text),
        cmocka_unit_test(wanted_scopes_are_scopes),
    };

    return cmocka_run_group_tests_name("scope", tests, prepare, finish);
}
