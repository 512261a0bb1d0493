/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grant_test.c: damaged records are refused or harmless; time, issuer and
 * audience are judged.
 */
#include "grant_answer.h"

/* ---- the record ---- */

static const char typical[] =
    "{\"active\":true,\"client_id\":\"growth-chart\",\"sub\":"
    "\"f0a3c1de-5f0b-4c43-8f0e-6b8f6a3f9d21\",\"iss\":"
    "\"https://as.example.org\",\"patient\":"
    "\"87a339d0-8cae-418e-89c7-8651e6aab3c6\",\"exp\":1999999999,\"scope\":"
    "\"openid fhirUser launch patient/Patient.rs patient/Observation.rs "
    "patient/Condition.rs patient/MedicationRequest.rs patient/Procedure.rs "
    "patient/Encounter.rs patient/Immunization.rs "
    "patient/AllergyIntolerance.rs "
    "patient/DiagnosticReport.rs patient/DocumentReference.rs\"}";

static void a_record_is_compact(void **state)
{
    recipe.claim_count = 0;
    assert_int_equal(makes(typical), SMART_GRANT_ACTIVE);
    recipe.claim_count = 5;
    assert_int_equal(grant.scope_count, 10);
    assert_in_range(record.len, 200, 320);
}

static void same_answer_same_bytes(void **state)
{
    smart_slice_t first;

    makes(typical);
    first = record;
    makes(typical);
    assert_true(smart_slice_equal(first, record));
}

/* A copy that AddressSanitizer guards at both ends. */
static char *guarded(smart_slice_t from)
{
    char *copy = NULL;

    assert_int_equal(posix_memalign((void **)&copy, 8, from.len + !from.len),
                     0);
    if (from.len) {
        memcpy(copy, from.ptr, from.len);
    }
    return copy;
}

/* What is opened once may be used in a copy: everything in the grant that is
 * in the record is in the copy then, and says the same. */
static void a_moved_grant_is_that_of_the_copy(void **state)
{
    smart_grant_t there;
    char *copy;

    assert_int_equal(makes(typical), SMART_GRANT_ACTIVE);
    copy = guarded(record);
    smart_grant_move(&grant, record, copy, &there);
    memset((char *)record.ptr, 'x', record.len); /* nothing points there */
    assert_string_equal(there.client_id, "growth-chart");
    assert_string_equal(there.sub, "f0a3c1de-5f0b-4c43-8f0e-6b8f6a3f9d21");
    assert_string_equal(there.iss, "https://as.example.org");
    assert_string_equal(there.patient, "87a339d0-8cae-418e-89c7-8651e6aab3c6");
    assert_string_equal(there.username, "");
    assert_string_equal(there.user_patient, "");
    assert_string_equal(there.fhir_user, "");
    assert_string_equal(there.encounter, "");
    assert_string_equal(there.fhir_context, "");
    assert_int_equal(there.exp, 1999999999);
    assert_int_equal(there.scope_count, 10);
    assert_int_equal(there.scopes[0].type, SMART_FHIR_PATIENT);
    assert_int_equal(there.scopes[9].letters, SMART_LETTER_R | SMART_LETTER_S);
    assert_in_range((apr_size_t)(there.auds - copy), 0, record.len);
    assert_in_range((apr_size_t)(there.claims - copy), 0, record.len);
    assert_in_range((apr_size_t)(there.constraints - copy), 0, record.len);
    free(copy);
}

static void assert_text(const char *text)
{
    for (; *text; text++) {
        assert_true((unsigned char)*text >= 0x20 && *text != 0x7f);
    }
}

static const char *assert_texts(const char *at, int count)
{
    int i;

    for (i = 0; i < count; i++) {
        assert_text(at);
        at += strlen(at) + 1;
    }
    return at;
}

/* Whatever was done to it: what smart_grant_t promises. */
static void assert_sound(const smart_grant_t *g)
{
    const char *texts[] = {g->client_id, g->sub,       g->username,
                           g->iss,       g->patient,   g->user_patient,
                           g->fhir_user, g->encounter, g->fhir_context};
    static const smart_token_policy_t policy = {"i", SMART_AUDIENCE_REQUIRED,
                                                our_auds};
    apr_size_t i;
    int n;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_text(texts[i]);
    }
    assert_true(!*g->patient || smart_grant_is_id(smart_slice(g->patient)));
    assert_true(!*g->encounter || smart_grant_is_id(smart_slice(g->encounter)));
    assert_int_equal(smart_grant_is_id(smart_slice(g->user_patient)),
                     g->user == SMART_USER_PATIENT);
    assert_true(g->exp >= 0 && g->nbf >= 0);
    assert_ptr_equal(assert_texts(g->auds, g->aud_count), g->claims);
    assert_ptr_equal(assert_texts(g->claims, 2 * g->claim_count),
                     g->constraints);
    assert_text(g->constraints);
    for (n = 0; n < g->scope_count; n++) {
        const smart_scope_t *s = &g->scopes[n];

        assert_true((apr_uint64_t)s->constraint_start + s->constraint_len <=
                    strlen(g->constraints));
        assert_in_range(s->context, SMART_CONTEXT_PATIENT,
                        SMART_CONTEXT_SYSTEM);
        assert_in_range(s->letters, 1, 0x1f);
        assert_true(*smart_scope_text(s, g->constraints, pool));
    }
    smart_grant_judge(g, &policy, 1);
}

static bool opens_n(const char *bytes, apr_size_t len)
{
    static const smart_grant_t none;
    smart_grant_t g;

    memset(&g, 0xff, sizeof(g));
    if (smart_grant_open(smart_slice_n(bytes, len), &g)) {
        assert_sound(&g);
        return true;
    }
    assert_memory_equal(&g, &none, sizeof(none));
    return false;
}

static void full(void)
{
    assert_active(
        "\"client_id\":\"app\",\"sub\":\"s\",\"username\":\"u\",\"iss\":\"i\","
        "\"patient\":\"p-1\",\"encounter\":\"e\",\"fhirUser\":\"" BASE
        "/Patient/p-2\",\"aud\":[\"x\",\"\"],\"exp\":5,\"nbf\":6,"
        "\"fhirContext\":[],\"vip\":true,\"roles\":[\"a\"],\"scope\":"
        "\"user/*.rs?_tag=a patient/*.read user/Patient.cu?name=b\"");
    assert_sound(&grant);
}

/* Every byte, with every other value. */
static void damaged_records_are_refused_or_sound(void **state)
{
    apr_pool_t *whole = pool;
    char *copy;
    apr_size_t i;
    int opened = 0;
    int c;

    full();
    copy = guarded(record);
    assert_true(opens_n(copy, record.len));
    apr_pool_create(&pool, whole);
    for (i = 0; i < record.len; i++) {
        const char was = copy[i];

        for (c = 1; c < 256; c++) {
            copy[i] = (char)(was ^ c);
            opened += opens_n(copy, record.len);
        }
        copy[i] = was;
        apr_pool_clear(pool);
    }
    assert_true(opens_n(copy, record.len));
    assert_true(opened > 0); /* another letter in a name is another name */
    free(copy);
    apr_pool_destroy(pool);
    pool = whole;
}

/* Several bytes at once, always the same ones. */
static void shuffled_records_are_refused_or_sound(void **state)
{
    apr_pool_t *whole = pool;
    apr_uint64_t x = 88172645463325252u;
    char *copy;
    int round;
    int n;

    full();
    copy = guarded(record);
    apr_pool_create(&pool, whole);
    for (round = 0; round < 100000; round++) {
        memcpy(copy, record.ptr, record.len);
        for (n = (int)(x % 6) + 2; n > 0; n--) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            if (x & 0x100000) {
                copy[(x >> 32) % record.len] = (char)x;
            }
            else {
                /* Bytes of the record itself get further than others. */
                copy[(x >> 32) % record.len] =
                    copy[(x >> 8 & 0xffff) % record.len];
            }
        }
        opens_n(copy, record.len);
        apr_pool_clear(pool);
    }
    free(copy);
    apr_pool_destroy(pool);
    pool = whole;
}

static void cut_records_are_refused(void **state)
{
    smart_grant_head_t head;
    char *copy;
    apr_size_t len;

    full();
    for (len = 0; len < record.len; len++) {
        copy = guarded(smart_slice_n(record.ptr, len));
        assert_false(opens_n(copy, len));
        /* Also with a head that agrees. */
        if (len >= sizeof(head)) {
            memcpy(&head, copy, sizeof(head));
            head.len = (apr_uint32_t)len;
            memcpy(copy, &head, sizeof(head));
            assert_false(opens_n(copy, len));
        }
        free(copy);
    }
    copy = apr_pcalloc(pool, record.len + 8);
    memcpy(copy, record.ptr, record.len);
    assert_true(opens_n(copy, record.len));
    assert_false(opens_n(copy, record.len + 1));
    assert_false(opens_n(NULL, 0));
}

static void unaligned_records_are_refused(void **state)
{
    char *copy;
    int i;

    full();
    copy = apr_pcalloc(pool, record.len + 8);
    for (i = 0; i < 8; i++) {
        memcpy(copy + i, record.ptr, record.len);
        assert_int_equal(opens_n(copy + i, record.len), i == 0);
    }
}

/* Change one field of the head, or of the second scope. */
static bool opens_with(apr_size_t offset, apr_size_t size, apr_int64_t value)
{
    char *copy = guarded(record);
    bool opens;

    memcpy(copy + offset, &value, size); /* little end first, see below */
    opens = opens_n(copy, record.len);
    free(copy);
    return opens;
}

#define HEAD(field)                                                            \
    offsetof(smart_grant_head_t, field),                                       \
        sizeof(((smart_grant_head_t *)0)->field)
#define SCOPE(field)                                                           \
    sizeof(smart_grant_head_t) + sizeof(smart_scope_t) +                       \
        offsetof(smart_scope_t, field),                                        \
        sizeof(((smart_scope_t *)0)->field)

static void each_field_is_held_to_its_range(void **state)
{
    const apr_uint16_t one = 1;
    const smart_type_t patient =
        smart_fhir_type(SMART_FHIR_R4, smart_slice("Patient"));

    if (*(const char *)&one != 1) {
        skip(); /* opens_with() wants a little-endian machine */
    }
    full();
    assert_true(opens_with(HEAD(layout), SMART_GRANT_LAYOUT));
    assert_false(opens_with(HEAD(layout), SMART_GRANT_LAYOUT + 1));
    assert_true(opens_with(HEAD(exp), SMART_GRANT_MAX_TIME));
    assert_false(opens_with(HEAD(exp), SMART_GRANT_MAX_TIME + 1));
    assert_false(opens_with(HEAD(exp), -1));
    assert_true(opens_with(HEAD(nbf), SMART_GRANT_MAX_TIME));
    assert_false(opens_with(HEAD(nbf), SMART_GRANT_MAX_TIME + 1));
    assert_false(opens_with(HEAD(nbf), -1));
    assert_true(opens_with(HEAD(flags), 3));
    assert_false(opens_with(HEAD(flags), 4));
    assert_true(opens_with(HEAD(user), SMART_USER_UNUSABLE));
    assert_false(opens_with(HEAD(user), SMART_USER_ABSENT));
    assert_true(opens_with(HEAD(user), SMART_USER_PRACTITIONER));
    assert_false(opens_with(HEAD(user), SMART_USER_PRACTITIONER + 1));
    assert_false(opens_with(HEAD(aud_count), 1));
    assert_false(opens_with(HEAD(aud_count), 0xffffffff));
    assert_false(opens_with(HEAD(claim_count), 1));
    assert_false(opens_with(HEAD(claim_count), 0x80000001));
    assert_false(opens_with(HEAD(constraint_len), 0));
    assert_false(opens_with(HEAD(constraint_len), 0xffffffff));
    assert_false(opens_with(HEAD(scope_count), 2));
    assert_false(opens_with(HEAD(scope_count), 4));
    assert_false(opens_with(HEAD(scope_count), 0xffff));
    /* The second scope is patient/\*.read. */
    assert_true(opens_with(SCOPE(context), SMART_CONTEXT_SYSTEM));
    assert_false(opens_with(SCOPE(context), 0));
    assert_false(opens_with(SCOPE(context), SMART_CONTEXT_SYSTEM + 1));
    assert_false(opens_with(SCOPE(letters), 0x1f));
    assert_false(opens_with(SCOPE(letters), 0));
    assert_true(opens_with(SCOPE(form), SMART_SCOPE_LETTERS));
    assert_false(opens_with(SCOPE(form), SMART_SCOPE_WRITE));
    assert_false(opens_with(SCOPE(form), SMART_SCOPE_STAR + 1));
    assert_false(opens_with(SCOPE(reserved), 1));
    assert_false(opens_with(SCOPE(reserved2), 1));
    assert_true(opens_with(SCOPE(type), patient));
    assert_false(opens_with(SCOPE(type), 0));
    assert_false(opens_with(SCOPE(type), SMART_FHIR_TYPE_LAST + 1));
    assert_false(opens_with(SCOPE(constraint_len), 1));
    assert_false(opens_with(SCOPE(constraint_start), 0xffffffff));
}

/* A scope of letters, whose range of constraints is the whole text. */
static void constraints_lie_within_their_text(void **state)
{
    const apr_uint16_t one = 1;

    if (*(const char *)&one != 1) {
        skip();
    }
    assert_active("\"scope\":\"user/*.r user/Patient.r?name=b\"");
    assert_true(opens_with(SCOPE(constraint_len), 5));
    assert_false(opens_with(SCOPE(constraint_len), 7));
    assert_false(opens_with(SCOPE(constraint_len), 0xffffffff));
    assert_false(opens_with(SCOPE(constraint_start), 1));
    assert_false(opens_with(SCOPE(constraint_start), 0xffffffff));
    assert_false(opens_with(SCOPE(letters), 0x20));
}

/* Text bytes that the maker would not have let in. */
static void texts_of_a_record_are_proved_again(void **state)
{
    static const char *const from[] = {"app",       "p-1",  "/p-2",
                                       "Patient/p", "name", "x"};
    static const char *const to[] = {"a\np",      "p/1",     "/p?2",
                                     "patient/p", "na\177e", "\x1f"};
    apr_size_t i;

    for (i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
        char *copy;
        char *at;

        full();
        copy = guarded(record);
        at = memmem(copy, record.len, from[i], strlen(from[i]));
        assert_non_null(at);
        memcpy(at, to[i], strlen(to[i]));
        assert_false(opens_n(copy, record.len));
        free(copy);
    }
}

/* ---- judge ---- */

static smart_reason_e judged(const smart_token_policy_t *policy,
                             apr_int64_t now)
{
    return smart_grant_judge(&grant, policy, now);
}

static void time_is_judged_at_each_use(void **state)
{
    const smart_token_policy_t policy = {NULL, SMART_AUDIENCE_OFF, NULL};

    assert_active("\"exp\":1000");
    assert_int_equal(judged(&policy, 999), SMART_REASON_UNDECIDED);
    assert_int_equal(judged(&policy, 1000), SMART_REASON_TOKEN_EXPIRED);
    assert_int_equal(judged(&policy, 1001), SMART_REASON_TOKEN_EXPIRED);
    assert_active("\"nbf\":1000");
    assert_int_equal(judged(&policy, 969), SMART_REASON_TOKEN_NOT_YET);
    assert_int_equal(judged(&policy, 970), SMART_REASON_UNDECIDED);
    assert_int_equal(judged(&policy, 253402300799), SMART_REASON_UNDECIDED);
}

static void binding_is_judged(void **state)
{
    const smart_token_policy_t policy = {NULL, SMART_AUDIENCE_OFF, NULL};

    assert_active("\"token_type\":\"DPoP\"");
    assert_int_equal(judged(&policy, 1), SMART_REASON_TOKEN_BOUND);
    assert_active("\"token_type\":\"Bearer\"");
    assert_int_equal(judged(&policy, 1), SMART_REASON_UNDECIDED);
}

static void issuer_is_judged(void **state)
{
    const smart_token_policy_t policy = {"https://as", SMART_AUDIENCE_OFF,
                                         NULL};

    assert_active("\"iss\":\"https://as\"");
    assert_int_equal(judged(&policy, 1), SMART_REASON_UNDECIDED);
    assert_active("\"iss\":\"https://as/\"");
    assert_int_equal(judged(&policy, 1), SMART_REASON_TOKEN_ISSUER);
    assert_active("\"iss\":\"https://evil\"");
    assert_int_equal(judged(&policy, 1), SMART_REASON_TOKEN_ISSUER);
    assert_active("\"sub\":\"a\"");
    assert_int_equal(judged(&policy, 1), SMART_REASON_TOKEN_ISSUER);
}

static void audience_is_judged(void **state)
{
    static const struct {
        const char *members;
        bool optional;
        bool required;
    } cases[] = {
        {"\"aud\":\"" BASE "\"", true, true},
        {"\"aud\":\"" BASE "/\"", true, true},
        {"\"aud\":\"api://fhir\"", true, true},
        {"\"aud\":[\"x\",\"" BASE "\"]", true, true},
        {"\"sub\":\"a\"", true, false},
        {"\"aud\":null", true, false},
        {"\"aud\":\"https://other.example/fhir\"", false, false},
        {"\"aud\":[\"x\",\"y\"]", false, false},
        {"\"aud\":[]", false, false},
        {"\"aud\":\"\"", false, false},
        {"\"aud\":\"/\"", false, false},
        {"\"aud\":\"" BASE "//\"", false, false},
        {"\"aud\":\"" BASE "/x\"", false, false},
        {"\"aud\":\"https://fhir.example.org\"", false, false},
        {"\"aud\":\"HTTPS://fhir.example.org/fhir\"", false, false},
    };
    smart_token_policy_t policy = {NULL, SMART_AUDIENCE_OFF, our_auds};
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_active(cases[i].members);
        policy.audience = SMART_AUDIENCE_OFF;
        assert_int_equal(judged(&policy, 1), SMART_REASON_UNDECIDED);
        policy.audience = SMART_AUDIENCE_OPTIONAL;
        assert_int_equal(judged(&policy, 1), cases[i].optional
                                                 ? SMART_REASON_UNDECIDED
                                                 : SMART_REASON_TOKEN_AUDIENCE);
        policy.audience = SMART_AUDIENCE_REQUIRED;
        assert_int_equal(judged(&policy, 1), cases[i].required
                                                 ? SMART_REASON_UNDECIDED
                                                 : SMART_REASON_TOKEN_AUDIENCE);
    }
}

static void nothing_matches_no_or_empty_audiences(void **state)
{
    static const char *const empty[] = {"", "/", NULL};
    smart_token_policy_t policy = {NULL, SMART_AUDIENCE_REQUIRED, NULL};

    assert_active("\"aud\":[\"\",\"/\"]");
    assert_int_equal(judged(&policy, 1), SMART_REASON_TOKEN_AUDIENCE);
    policy.auds = empty;
    assert_int_equal(judged(&policy, 1), SMART_REASON_TOKEN_AUDIENCE);
    policy.audience = SMART_AUDIENCE_OPTIONAL;
    assert_int_equal(judged(&policy, 1), SMART_REASON_TOKEN_AUDIENCE);
    policy.audience = (smart_audience_e)77;
    assert_int_equal(judged(&policy, 1), SMART_REASON_TOKEN_AUDIENCE);
}

/* The text after the last audience is the name of a claim. */
static void audiences_end_where_claims_begin(void **state)
{
    static const char *const dept[] = {"dept", NULL};
    const smart_token_policy_t policy = {NULL, SMART_AUDIENCE_REQUIRED, dept};

    assert_active("\"aud\":\"x\",\"dept\":\"y\"");
    assert_int_equal(judged(&policy, 1), SMART_REASON_TOKEN_AUDIENCE);
    assert_active("\"aud\":\"dept\",\"dept\":\"y\"");
    assert_int_equal(judged(&policy, 1), SMART_REASON_UNDECIDED);
}

static void a_grant_nobody_opened_is_unproven(void **state)
{
    const smart_token_policy_t policy = {"i", SMART_AUDIENCE_OFF, NULL};

    assert_false(smart_grant_open(smart_slice_n("", 0), &grant));
    assert_int_equal(judged(&policy, 1), SMART_REASON_TOKEN_UNPROVEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_compact),
        cmocka_unit_test(same_answer_same_bytes),
        cmocka_unit_test(damaged_records_are_refused_or_sound),
        cmocka_unit_test(shuffled_records_are_refused_or_sound),
        cmocka_unit_test(cut_records_are_refused),
        cmocka_unit_test(unaligned_records_are_refused),
        cmocka_unit_test(each_field_is_held_to_its_range),
        cmocka_unit_test(constraints_lie_within_their_text),
        cmocka_unit_test(texts_of_a_record_are_proved_again),
        cmocka_unit_test(time_is_judged_at_each_use),
        cmocka_unit_test(binding_is_judged),
        cmocka_unit_test(issuer_is_judged),
        cmocka_unit_test(audience_is_judged),
        cmocka_unit_test(nothing_matches_no_or_empty_audiences),
        cmocka_unit_test(audiences_end_where_claims_begin),
        cmocka_unit_test(a_grant_nobody_opened_is_unproven),
        cmocka_unit_test(a_moved_grant_is_that_of_the_copy),
    };

    return cmocka_run_group_tests_name("grant", tests, prepare, finish);
}
