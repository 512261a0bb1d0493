/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grant_make_test.c: which answers make a record, and what it holds.
 */
#include "grant_answer.h"

/* ---- active ---- */

static void only_the_boolean_true_is_active(void **state)
{
    static const char *const unproven[] = {
        "{}",
        "{\"active\":null}",
        "{\"active\":\"true\"}",
        "{\"active\":1}",
        "{\"active\":1.0}",
        "{\"active\":[true]}",
        "{\"active\":{}}",
        "{\"Active\":true}",
        "{\"exp\":9999999999,\"scope\":\"user/*.rs\"}",
    };
    apr_size_t i;

    assert_int_equal(makes("{\"active\":true}"), SMART_GRANT_ACTIVE);
    assert_int_equal(makes("{\"active\":false}"), SMART_GRANT_INACTIVE);
    assert_int_equal(makes("{\"active\":false,\"exp\":\"x\",\"scope\":[]}"),
                     SMART_GRANT_INACTIVE);
    for (i = 0; i < sizeof(unproven) / sizeof(unproven[0]); i++) {
        assert_int_equal(makes(unproven[i]), SMART_GRANT_UNPROVEN);
        assert_string_equal(detail, "active");
    }
}

static void what_is_no_json_object_is_trouble(void **state)
{
    static const char *const bad[] = {
        "",
        "true",
        "[]",
        "[{\"active\":true}]",
        "<html>",
        "{\"active\":true",
        "{\"active\":true}}",
        "{\"active\":true} x",
        "{\"active\":true,}",
        "{\"active\":false,\"active\":true}",
        "{\"active\":true,\"sub\":\"a\",\"sub\":\"a\"}",
        "{\"active\":true,\"x\":{\"a\":1,\"a\":1}}",
        "{\"active\":true,\"sub\":\"a\\u0000b\"}",
        "{\"active\":true,\"sub\":\"\xff\"}",
    };
    char *deep = apr_pcalloc(pool, 100100);
    char *longest = apr_palloc(pool, SMART_MAX_ANSWER + 1);
    apr_size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (makes(bad[i]) != SMART_GRANT_TROUBLE) {
            fail_msg("<%s>", bad[i]);
        }
    }
    memset(deep, '[', 100000);
    assert_int_equal(
        makes(apr_pstrcat(pool, "{\"active\":true,\"x\":", deep, NULL)),
        SMART_GRANT_TROUBLE);
    memset(longest, ' ', SMART_MAX_ANSWER + 1);
    memcpy(longest, "{\"active\":true}", 15);
    assert_int_equal(makes_n(longest, SMART_MAX_ANSWER), SMART_GRANT_ACTIVE);
    assert_int_equal(makes_n(longest, SMART_MAX_ANSWER + 1),
                     SMART_GRANT_TROUBLE);
}

static void absent_members_are_empty(void **state)
{
    static const char nulls[] =
        "\"exp\":null,\"nbf\":null,\"scope\":null,\"client_id\":null,"
        "\"sub\":null,\"username\":null,\"iss\":null,\"token_type\":null,"
        "\"patient\":null,\"encounter\":null,\"fhirUser\":null,\"aud\":null,"
        "\"cnf\":null,\"fhirContext\":null,\"roles\":null";
    int i;

    for (i = 0; i < 2; i++) {
        assert_active(i ? nulls : "\"jti\":\"1\"");
        assert_int_equal(grant.exp, 0);
        assert_int_equal(grant.nbf, 0);
        assert_false(grant.bound);
        assert_false(grant.context_cut);
        assert_int_equal(grant.user, SMART_USER_ABSENT);
        assert_string_equal(grant.client_id, "");
        assert_string_equal(grant.sub, "");
        assert_string_equal(grant.username, "");
        assert_string_equal(grant.iss, "");
        assert_string_equal(grant.patient, "");
        assert_string_equal(grant.user_patient, "");
        assert_string_equal(grant.fhir_user, "");
        assert_string_equal(grant.encounter, "");
        assert_string_equal(grant.fhir_context, "");
        assert_int_equal(grant.scope_count, 0);
        assert_int_equal(grant.aud_count, 0);
        assert_int_equal(grant.claim_count, 0);
    }
}

static void members_are_kept(void **state)
{
    assert_active("\"client_id\":\"app\",\"sub\":\"s-1\",\"username\":\"j d\","
                  "\"iss\":\"https://as\",\"patient\":\"pat-1\",\"encounter\":"
                  "\"enc-1\",\"fhirUser\":\"Practitioner/p\",\"aud\":[\"a\","
                  "\"b\"],\"exp\":1999999999,\"nbf\":17,\"token_type\":"
                  "\"bearer\",\"fhirContext\":[ {\"reference\":\"A/1\"} ]");
    assert_string_equal(grant.client_id, "app");
    assert_string_equal(grant.sub, "s-1");
    assert_string_equal(grant.username, "j d");
    assert_string_equal(grant.iss, "https://as");
    assert_string_equal(grant.patient, "pat-1");
    assert_string_equal(grant.encounter, "enc-1");
    assert_string_equal(grant.fhir_user, "Practitioner/p");
    assert_int_equal(grant.user, SMART_USER_PRACTITIONER);
    assert_int_equal(grant.aud_count, 2);
    assert_memory_equal(grant.auds, "a\0b", 4);
    assert_int_equal(grant.exp, 1999999999);
    assert_int_equal(grant.nbf, 17);
    assert_false(grant.bound);
    assert_string_equal(grant.fhir_context, "[{\"reference\":\"A/1\"}]");
}

static void mistyped_members_are_unproven(void **state)
{
    static const char *const texts[] = {"client_id",  "sub",     "username",
                                        "iss",        "patient", "encounter",
                                        "token_type", "scope",   "fhirUser"};
    static const char *const wrong[] = {"1", "true", "[]", "[\"a\"]", "{}"};
    apr_size_t i;
    apr_size_t j;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        for (j = 0; j < sizeof(wrong) / sizeof(wrong[0]); j++) {
            assert_unproven(apr_psprintf(pool, "\"%s\":%s", texts[i], wrong[j]),
                            texts[i]);
        }
    }
    assert_unproven("\"aud\":1", "aud");
    assert_unproven("\"aud\":{}", "aud");
    assert_unproven("\"aud\":[\"a\",1]", "aud");
    assert_unproven("\"aud\":[\"a\",null]", "aud");
    assert_unproven("\"aud\":[[\"a\"]]", "aud");
    assert_unproven("\"fhirContext\":{}", "fhirContext");
    assert_unproven("\"fhirContext\":\"[]\"", "fhirContext");
}

static void control_bytes_are_unproven(void **state)
{
    static const char *const names[] = {
        "client_id", "sub",      "username",   "iss",   "patient",
        "encounter", "fhirUser", "token_type", "roles", "aud"};
    static const char *const escapes[] = {"\\u0001", "\\r\\nX: 1", "\\t",
                                          "\\u001f", "\x7f"};
    apr_size_t i;
    apr_size_t j;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        for (j = 0; j < sizeof(escapes) / sizeof(escapes[0]); j++) {
            assert_unproven(
                apr_psprintf(pool, "\"%s\":\"a%s\"", names[i], escapes[j]),
                names[i]);
        }
        assert_active(apr_psprintf(pool, "\"%s\":\"a \xc3\xa9~\"", names[i]));
    }
    assert_unproven("\"aud\":[\"a\",\"\\n\"]", "aud");
    assert_unproven("\"roles\":[\"a\",\"\\n\"]", "roles");
    assert_unproven("\"fhirContext\":[\"\x7f\"]", "fhirContext");
    /* Escaped in the text that is kept. */
    assert_active("\"fhirContext\":[\"\\n\"]");
    assert_string_equal(grant.fhir_context, "[\"\\n\"]");
    /* Of no interest. */
    assert_active("\"jti\":\"\\n\"");
}

/* ---- time ---- */

static void times_have_a_range(void **state)
{
    static const struct {
        const char *number;
        bool good;
        apr_int64_t want;
    } cases[] = {
        {"1", true, 1},
        {"1999999999", true, 1999999999},
        {"1999999999.9", true, 1999999999},
        {"1e3", true, 1000},
        {"253402300799", true, 253402300799},
        {"253402300800", false, 0},
        {"253402300799.5", false, 0},
        {"-1", false, 0},
        {"-0.5", false, 0},
        {"1e300", false, 0},
        {"9223372036854775807", false, 0},
        {"\"1999999999\"", false, 0},
        {"true", false, 0},
        {"[]", false, 0},
        {"{}", false, 0},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *exp = apr_psprintf(pool, "\"exp\":%s", cases[i].number);
        const char *nbf = apr_psprintf(pool, "\"nbf\":%s", cases[i].number);

        if (!cases[i].good) {
            assert_unproven(exp, "exp");
            assert_unproven(nbf, "nbf");
            continue;
        }
        assert_active(exp);
        assert_int_equal(grant.exp, cases[i].want);
        assert_active(nbf);
        assert_int_equal(grant.nbf, cases[i].want);
    }
    assert_int_equal(makes_with("\"exp\":1e999"), SMART_GRANT_UNPROVEN);
    assert_int_equal(makes_with("\"exp\":99999999999999999999"),
                     SMART_GRANT_UNPROVEN);
}

static void exp_zero_is_past_and_not_none(void **state)
{
    static const char *const zeros[] = {"0", "0.0", "-0", "0.9", "0e5"};
    const smart_token_policy_t policy = {NULL, SMART_AUDIENCE_OFF, NULL};
    apr_size_t i;

    for (i = 0; i < sizeof(zeros) / sizeof(zeros[0]); i++) {
        assert_active(apr_psprintf(pool, "\"exp\":%s", zeros[i]));
        assert_int_equal(grant.exp, 1);
        assert_int_equal(exp_out, 1);
        assert_int_equal(smart_grant_judge(&grant, &policy, 1700000000),
                         SMART_REASON_TOKEN_EXPIRED);
    }
    assert_active("\"exp\":null");
    assert_int_equal(smart_grant_judge(&grant, &policy, 1700000000),
                     SMART_REASON_UNDECIDED);
}

/* ---- binding ---- */

static void bound_tokens_are_marked(void **state)
{
    static const char *const bound[] = {
        "\"cnf\":{\"jkt\":\"x\"}",
        "\"cnf\":{}",
        "\"cnf\":false",
        "\"cnf\":\"\"",
        "\"cnf\":[]",
        "\"token_type\":\"DPoP\"",
        "\"token_type\":\"\"",
        "\"token_type\":\"Bearer \"",
        "\"token_type\":\"Bearers\"",
        "\"token_type\":\"N_A\"",
        "\"token_type\":\"Bearer\",\"cnf\":{\"x5t#S256\":\"x\"}"};
    static const char *const free_[] = {
        "\"token_type\":\"Bearer\"", "\"token_type\":\"bearer\"",
        "\"token_type\":\"BEARER\"", "\"token_type\":null", "\"cnf\":null"};
    apr_size_t i;

    for (i = 0; i < sizeof(bound) / sizeof(bound[0]); i++) {
        assert_active(bound[i]);
        assert_true(grant.bound);
    }
    for (i = 0; i < sizeof(free_) / sizeof(free_[0]); i++) {
        assert_active(free_[i]);
        assert_false(grant.bound);
    }
}

/* ---- references ---- */

static void context_is_an_id_however_it_is_written(void **state)
{
    static const char *const good[] = {"pat-1", "Patient/pat-1",
                                       BASE "/Patient/pat-1"};
    static const char *const bad[] = {
        "",
        ".",
        "..",
        "../pat-1",
        "Patient/..",
        "Patient/.",
        "Patient/",
        "patient/pat-1",
        "Encounter/pat-1",
        "/pat-1",
        "/Patient/pat-1",
        "Patient//pat-1",
        "Patient/Patient/pat-1",
        "Patient/pat-1/",
        "Patient/pat-1/_history/1",
        "Patient/pat-1?x=1",
        "Patient/pat-1#x",
        BASE "/pat-1",
        BASE "/",
        BASE,
        BASE "Patient/pat-1",
        BASE "/x/Patient/pat-1",
        BASE "//Patient/pat-1",
        "https://evil.example.org/fhir/Patient/pat-1",
        "https://fhir.example.org/Patient/pat-1",
        "HTTPS://fhir.example.org/fhir/Patient/pat-1",
        "urn:uuid:pat-1",
        "pat_1",
        "pat 1",
        "pat,1",
        "pat%31",
        "pat\xc3\xa9",
    };
    apr_size_t i;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_active(apr_psprintf(pool, "\"patient\":\"%s\"", good[i]));
        assert_string_equal(grant.patient, "pat-1");
    }
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_active(apr_psprintf(pool, "\"patient\":\"%s\"", bad[i]));
        if (*grant.patient) {
            fail_msg("%s", bad[i]);
        }
    }
    assert_active("\"encounter\":\"" BASE "/Encounter/e.1\"");
    assert_string_equal(grant.encounter, "e.1");
    assert_active("\"encounter\":\"Patient/e.1\"");
    assert_string_equal(grant.encounter, "");
}

static void ids_have_a_length(void **state)
{
    const char *id64 = "0123456789012345678901234567890123456789"
                       "012345678901234567890123";

    assert_int_equal(strlen(id64), 64);
    assert_active(apr_psprintf(pool, "\"patient\":\"%s\"", id64));
    assert_string_equal(grant.patient, id64);
    assert_active(apr_psprintf(pool, "\"patient\":\"%sx\"", id64));
    assert_string_equal(grant.patient, "");
    assert_active(apr_psprintf(pool, "\"fhirUser\":\"Patient/%sx\"", id64));
    assert_int_equal(grant.user, SMART_USER_UNUSABLE);
}

static void without_public_url_absolute_is_foreign(void **state)
{
    recipe.public_url = NULL;
    assert_active("\"patient\":\"" BASE "/Patient/pat-1\",\"fhirUser\":\"" BASE
                  "/Practitioner/1\"");
    recipe.public_url = BASE;
    assert_string_equal(grant.patient, "");
    assert_int_equal(grant.user, SMART_USER_UNUSABLE);
}

static void fhir_user_tells_who_it_is(void **state)
{
    static const struct {
        const char *text;
        smart_user_e user;
        const char *patient;
    } cases[] = {
        {"Patient/pat-1", SMART_USER_PATIENT, "pat-1"},
        {BASE "/Patient/pat-1", SMART_USER_PATIENT, "pat-1"},
        {"Practitioner/p", SMART_USER_PRACTITIONER, ""},
        {BASE "/Practitioner/p", SMART_USER_PRACTITIONER, ""},
        {"PractitionerRole/p", SMART_USER_PRACTITIONER, ""},
        {BASE "/PractitionerRole/p", SMART_USER_PRACTITIONER, ""},
        {"RelatedPerson/r", SMART_USER_UNUSABLE, ""},
        {"Person/r", SMART_USER_UNUSABLE, ""},
        {"Device/r", SMART_USER_UNUSABLE, ""},
        {"", SMART_USER_UNUSABLE, ""},
        {"p", SMART_USER_UNUSABLE, ""},
        {"Practitioner", SMART_USER_UNUSABLE, ""},
        {"Practitioner/", SMART_USER_UNUSABLE, ""},
        {"Practitioner/..", SMART_USER_UNUSABLE, ""},
        {"practitioner/p", SMART_USER_UNUSABLE, ""},
        {"PractitionerX/p", SMART_USER_UNUSABLE, ""},
        {"XPatient/p", SMART_USER_UNUSABLE, ""},
        {"Practitioner/p/_history/1", SMART_USER_UNUSABLE, ""},
        {"Patient/p/_history/1", SMART_USER_UNUSABLE, ""},
        {"Patient/Practitioner/p", SMART_USER_UNUSABLE, ""},
        {"Practitioner/Patient/p", SMART_USER_UNUSABLE, ""},
        {"/Practitioner/p", SMART_USER_UNUSABLE, ""},
        {"Practitioner/p?x=y", SMART_USER_UNUSABLE, ""},
        {"https://evil.example.org/fhir/Practitioner/p", SMART_USER_UNUSABLE,
         ""},
        {"https://evil.example.org/fhir/Patient/p", SMART_USER_UNUSABLE, ""},
        {BASE ".evil/Practitioner/p", SMART_USER_UNUSABLE, ""},
        {BASE "/x/Practitioner/p", SMART_USER_UNUSABLE, ""},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_active(apr_psprintf(pool, "\"fhirUser\":\"%s\"", cases[i].text));
        if (grant.user != cases[i].user) {
            fail_msg("%s: %d", cases[i].text, (int)grant.user);
        }
        assert_string_equal(grant.user_patient, cases[i].patient);
        assert_string_equal(grant.fhir_user, cases[i].text);
    }
}

static void fhir_context_has_a_limit(void **state)
{
    char *text = apr_pcalloc(pool, 4096);

    memset(text, 'x', SMART_GRANT_MAX_CONTEXT - 4);
    assert_active(apr_psprintf(pool, "\"fhirContext\":[ \"%s\" ]", text));
    assert_int_equal(strlen(grant.fhir_context), SMART_GRANT_MAX_CONTEXT);
    assert_false(grant.context_cut);
    assert_active(apr_psprintf(pool, "\"fhirContext\":[ \"%sx\" ]", text));
    assert_string_equal(grant.fhir_context, "");
    assert_true(grant.context_cut);
}

/* ---- scopes ---- */

static void scopes_are_split_at_blanks(void **state)
{
    assert_scopes("", "");
    assert_scopes("   ", "");
    assert_scopes("user/*.rs", "user/*.rs");
    assert_scopes("user/*.* patient/*.write", "user/*.* patient/*.write");
    assert_scopes("  user/*.rs   patient/Patient.r ",
                  "user/*.rs patient/Patient.r");
    assert_scopes("openid user/*.read launch/patient", "user/*.read");
    assert_scopes("user/*.rs,patient/*.rs", "");
    assert_scopes("patient/Foobar.rs patient/Observation.rs",
                  "patient/Observation.rs");
}

static void words_with_other_bytes_are_no_scopes(void **state)
{
    assert_scopes("user/*.rs\\tpatient/*.rs user/Patient.r", "user/Patient.r");
    assert_scopes("user/*.rs\\n", "");
    assert_scopes("user/*.rs\\u00a0 user/Patient.r", "user/Patient.r");
    assert_scopes("user/*.rs\x7f user/Patient.r", "user/Patient.r");
    assert_scopes("\\\"user/*.rs\\\" user/Patient.r", "user/Patient.r");
    assert_scopes("\\ufeffuser/*.rs", "");
}

static void same_scopes_are_kept_once(void **state)
{
    assert_scopes("user/*.rs user/*.rs user/*.r user/*.rs",
                  "user/*.rs user/*.r");
    assert_scopes("user/Patient.rs?name=a user/Patient.rs?name=b "
                  "user/Patient.rs?name=a user/Patient.rs",
                  "user/Patient.rs?name=a user/Patient.rs?name=b "
                  "user/Patient.rs");
}

static void constraints_stay_with_their_scopes(void **state)
{
    assert_scopes("user/Condition.rs?category=a user/Patient.r "
                  "patient/Observation.cruds?code=b&status=c user/*.s?_tag=d",
                  "user/Condition.rs?category=a user/Patient.r "
                  "patient/Observation.cruds?code=b&status=c user/*.s?_tag=d");
    assert_string_equal(grant.constraints, "category=acode=b&status=c_tag=d");
    assert_int_equal(grant.scopes[1].constraint_len, 0);
    assert_int_equal(grant.scopes[1].constraint_start, 0);
    assert_int_equal(((apr_uintptr_t)grant.scopes) % 4, 0);
}

static void a_scope_that_can_not_be_judged_is_told(void **state)
{
    assert_scopes("user/Patient.rs?deceased=true user/Patient.r "
                  "user/Observation.rs?value-quantity=5",
                  "user/Patient.r");
    assert_string_equal(detail, "deceased");
    assert_scopes("user/Patient.rs?gender=male openid user/Observaton.rs?x=y",
                  "user/Patient.rs?gender=male");
    assert_string_equal(detail, "");
    assert_scopes("user/Patient.r", "user/Patient.r");
    assert_string_equal(detail, "");
}

static void aliases_stand_for_scopes(void **state)
{
    assert_scopes("obs-read", "user/Observation.rs");
    assert_scopes("condition user/Patient.r",
                  "patient/Condition.r patient/*.rs?_tag=a user/Patient.r");
    assert_scopes("obs-read user/Observation.rs obs-read",
                  "user/Observation.rs");
    /* Replaced, not added to; whole words only. */
    assert_scopes("system/Patient.r", "user/Observation.rs");
    assert_scopes("obs-rea obs-reads OBS-READ", "");
    recipe.alias_count = 0;
    assert_scopes("obs-read system/Patient.r", "system/Patient.r");
    recipe.alias_count = 4;
}

static const char *repeated(const char *word, int count)
{
    const apr_size_t len = strlen(word);
    char *out = apr_palloc(pool, (apr_size_t)count * len + 1);
    int i;

    for (i = 0; i < count; i++) {
        memcpy(out + (apr_size_t)i * len, word, len);
    }
    out[(apr_size_t)count * len] = '\0';
    return out;
}

static void words_have_a_limit(void **state)
{
    static const char *const words[] = {"x ", "user/*.rs "};
    apr_size_t i;

    for (i = 0; i < 2; i++) {
        assert_active(apr_psprintf(pool, "\"scope\":\"%s\"",
                                   repeated(words[i], SMART_MAX_SCOPES)));
        assert_unproven(apr_psprintf(pool, "\"scope\":\"%s\"",
                                     repeated(words[i], SMART_MAX_SCOPES + 1)),
                        "scope");
    }
    /* An alias counts with what it stands for: 1 + 3. */
    assert_active(apr_psprintf(pool, "\"scope\":\"%s\"",
                               repeated("condition ", SMART_MAX_SCOPES / 4)));
    assert_unproven(apr_psprintf(pool, "\"scope\":\"%s x\"",
                                 repeated("condition ", SMART_MAX_SCOPES / 4)),
                    "scope");
}

static void many_different_scopes_are_kept(void **state)
{
    const char *scope = "";
    int i;

    for (i = 0; i < (int)SMART_MAX_SCOPES; i += 4) {
        scope = apr_psprintf(pool,
                             "%s user/*.rs?_tag=%d user/*.rs?_tag=%d "
                             "user/*.rs?_tag=%d user/*.rs?_tag=%d",
                             scope, i, i + 1, i + 2, i + 3);
    }
    assert_active(apr_psprintf(pool, "\"scope\":\"%s\"", scope));
    assert_int_equal(grant.scope_count, SMART_MAX_SCOPES);
    assert_string_equal(scope_at(4095), "user/*.rs?_tag=4095");
}

/* ---- audiences and claims ---- */

static void audiences_are_kept_in_order(void **state)
{
    assert_active("\"aud\":\"one\"");
    assert_int_equal(grant.aud_count, 1);
    assert_string_equal(grant.auds, "one");
    assert_active("\"aud\":[\"\",\"two\",\"two\"]");
    assert_int_equal(grant.aud_count, 3);
    assert_memory_equal(grant.auds, "\0two\0two", 9);
    assert_active("\"aud\":[]");
    assert_int_equal(grant.aud_count, 1);
    assert_string_equal(grant.auds, "");
}

static void claims_of_the_recipe_are_kept(void **state)
{
    static const char want[] = "vip\0true\0roles\0a\0roles\0b\0level\0"
                               "2\0sub\0s\0dept\0";

    assert_active("\"vip\":true,\"other\":\"x\",\"roles\":[\"a\",\"b\"],"
                  "\"level\":2,\"sub\":\"s\",\"dept\":\"\"");
    assert_int_equal(grant.claim_count, 6);
    assert_memory_equal(grant.claims, want, sizeof(want));
    assert_string_equal(grant.sub, "s");
    assert_active("\"roles\":{\"a\":1},\"level\":[1],\"vip\":[\"a\",1],"
                  "\"dept\":null,\"sub\":null");
    assert_int_equal(grant.claim_count, 0);
    assert_active("\"level\":1.5,\"vip\":false,\"roles\":[]");
    assert_int_equal(grant.claim_count, 2);
    assert_memory_equal(grant.claims,
                        "level\0"
                        "1.5\0vip\0false",
                        20);
    recipe.claim_count = 0;
    assert_active("\"vip\":true");
    assert_int_equal(grant.claim_count, 0);
    recipe.claim_count = 5;
}

static void a_record_has_a_limit(void **state)
{
    static const char *const longest[] = {
        "a-claim-with-a-name-as-long-as-somebody-might-think-of-one-day"};

    recipe.claims = longest;
    recipe.claim_count = 1;
    assert_active(apr_psprintf(pool, "\"%s\":[%s\"\"]", longest[0],
                               repeated("\"\",", 15000)));
    assert_unproven(apr_psprintf(pool, "\"%s\":[%s\"\"]", longest[0],
                                 repeated("\"\",", 17000)),
                    "more than can be kept");
    recipe.claims = claims;
    recipe.claim_count = 5;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_boolean_true_is_active),
        cmocka_unit_test(what_is_no_json_object_is_trouble),
        cmocka_unit_test(absent_members_are_empty),
        cmocka_unit_test(members_are_kept),
        cmocka_unit_test(mistyped_members_are_unproven),
        cmocka_unit_test(control_bytes_are_unproven),
        cmocka_unit_test(times_have_a_range),
        cmocka_unit_test(exp_zero_is_past_and_not_none),
        cmocka_unit_test(bound_tokens_are_marked),
        cmocka_unit_test(context_is_an_id_however_it_is_written),
        cmocka_unit_test(ids_have_a_length),
        cmocka_unit_test(without_public_url_absolute_is_foreign),
        cmocka_unit_test(fhir_user_tells_who_it_is),
        cmocka_unit_test(fhir_context_has_a_limit),
        cmocka_unit_test(scopes_are_split_at_blanks),
        cmocka_unit_test(words_with_other_bytes_are_no_scopes),
        cmocka_unit_test(same_scopes_are_kept_once),
        cmocka_unit_test(constraints_stay_with_their_scopes),
        cmocka_unit_test(a_scope_that_can_not_be_judged_is_told),
        cmocka_unit_test(aliases_stand_for_scopes),
        cmocka_unit_test(words_have_a_limit),
        cmocka_unit_test(many_different_scopes_are_kept),
        cmocka_unit_test(audiences_are_kept_in_order),
        cmocka_unit_test(claims_of_the_recipe_are_kept),
        cmocka_unit_test(a_record_has_a_limit),
    };

    return cmocka_run_group_tests_name("grant_make", tests, prepare, finish);
}
