/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch_test.c: Bundles of requests: form, decisions, what is sent. Each that
 * is permitted has a twin that differs in one thing and is not.
 */
#include "brought.h"

#include "core/batch.h"

#define MINE   "\"subject\":{\"reference\":\"Patient/pat-1\"}"
#define THEIRS "\"subject\":{\"reference\":\"Patient/pat-2\"}"
#define OBS(m) "{\"resourceType\":\"Observation\"," m "}"
#define ALL_OF "patient/*.cruds"

#define OK   SMART_REASON_UNDECIDED
#define BAD  SMART_REASON_BODY
#define DENY SMART_REASON_ENTRY

static smart_batch_t batch;

static const char *bundle(const char *type, const char *entries)
{
    return apr_pstrcat(pool, "{\"resourceType\":\"Bundle\",\"type\":\"", type,
                       "\",\"entry\":[", entries, "]}", NULL);
}

static smart_reason_e read_by(const char *scopes, const char *text)
{
    const smart_coverage_t c = covers(scopes);

    return smart_batch_read(&c, PUBLIC_URL, value_of(text), pool, &batch);
}

/* The entries that would be sent. */
static const char *sent(void)
{
    const smart_json_t *entries = smart_json_member(batch.bundle, "entry");
    smart_slice_t all;

    assert_true(smart_batch_write(&batch, pool, &all));
    assert_true(smart_json_write(entries, pool, &all));
    return all.ptr;
}

typedef struct row_t {
    const char *type;
    const char *entries;
    smart_reason_e reason;
    int at; /* entry that is named */
} row_t;

static void check(const char *scopes, const row_t *rows, size_t count)
{
    size_t n;

    for (n = 0; n < count; n++) {
        const smart_reason_e reason =
            read_by(scopes, bundle(rows[n].type, rows[n].entries));

        if (reason != rows[n].reason || (reason && batch.at != rows[n].at)) {
            fail_msg("%s of %s: %s (%s) at %d", rows[n].type, rows[n].entries,
                     smart_reason_row(reason)->name, batch.why, batch.at);
        }
    }
}
#define CHECK(scopes, rows) check(scopes, rows, sizeof(rows) / sizeof(rows[0]))

#define GET(url)    "{\"request\":{\"method\":\"GET\",\"url\":\"" url "\"}}"
#define DELETE(url) "{\"request\":{\"method\":\"DELETE\",\"url\":\"" url "\"}}"
#define PUT(url, r)                                                            \
    "{\"request\":{\"method\":\"PUT\",\"url\":\"" url "\"},\"resource\":" r "}"
#define POST(url, r)                                                           \
    "{\"request\":{\"method\":\"POST\",\"url\":\"" url "\"},\"resource\":" r "}"

static void test_bundle(void **state)
{
    static const struct {
        const char *text;
        smart_reason_e reason;
    } rows[] = {
        {"{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"id\":\"b\","
         "\"meta\":{},\"timestamp\":\"2024-01-01T00:00:00Z\"}",
         OK},
        {"{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"Entry\":[" DELETE(
             "Observation/obs-2") "]}",
         BAD},
        {"{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"foo\":1}", BAD},
        {"{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[]}", OK},
        {"{\"resourceType\":\"Bundle\",\"type\":\"transaction\"}", OK},
        {"{\"resourceType\":\"Bundle\",\"type\":\"BATCH\",\"entry\":[]}", BAD},
        {"{\"resourceType\":\"Bundle\",\"type\":\"history\"}", BAD},
        {"{\"resourceType\":\"Bundle\",\"entry\":[]}", BAD},
        {"{\"resourceType\":\"bundle\",\"type\":\"batch\"}", BAD},
        {"{\"type\":\"batch\",\"entry\":[]}", BAD},
        {"{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":{}}", BAD},
        {"{\"resourceType\":\"Bundle\",\"type\":[\"batch\"]}", BAD},
        {"[]", BAD},
    };
    size_t n;

    for (n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        const smart_reason_e reason = read_by(ALL_OF, rows[n].text);

        if (reason != rows[n].reason) {
            fail_msg("%s: %s", rows[n].text, smart_reason_row(reason)->name);
        }
        assert_true(!reason || batch.at == -1);
    }
}

static void test_form(void **state)
{
    static const row_t rows[] = {
        {"batch", GET("Observation/o1"), OK, 0},
        {"batch", GET(PUBLIC_URL "/Observation/o1"), OK, 0},
        {"batch", GET("Observation?code=http://loinc.org|1"), OK, 0},
        {"batch", GET("/Observation/o1"), BAD, 0},
        {"batch", GET("//evil.example/Observation/o1"), BAD, 0},
        {"batch", GET("http://evil.example/fhir/Observation/o1"), BAD, 0},
        {"batch", GET("https://fhir.example.org/fhirx/Observation/o1"), BAD, 0},
        {"batch", GET("https://fhir.example.org/Observation/o1"), BAD, 0},
        {"batch", GET(PUBLIC_URL "//Observation/o1"), BAD, 0},
        {"batch", GET("Observation/../Patient/pat-2"), SMART_REASON_PATH, 0},
        {"batch", GET("Observation/o1#x"), SMART_REASON_PATH, 0},
        {"batch", GET("Observation/%6f1"), SMART_REASON_PATH, 0},
        {"batch", GET("Observation?code=a;b"), SMART_REASON_QUERY, 0},
        {"batch", GET("Observation/o1\\n"), SMART_REASON_PATH, 0},
        {"batch", "1", BAD, 0},
        {"batch", "{}", BAD, 0},
        {"batch", "{\"resource\":" OBS(MINE) "}", BAD, 0},
        {"batch", "{\"request\":{\"url\":\"Observation/o1\"}}", BAD, 0},
        {"batch", "{\"request\":{\"method\":\"GET\"}}", BAD, 0},
        {"batch", "{\"request\":{\"method\":\"GET\",\"url\":null}}", BAD, 0},
        {"batch", "{\"request\":[{\"method\":\"GET\",\"url\":\"Patient\"}]}",
         BAD, 0},
        {"batch", "{\"request\":{\"method\":\"HEAD\",\"url\":\"Patient\"}}",
         BAD, 0},
        {"batch", "{\"request\":{\"method\":\"get\",\"url\":\"Patient\"}}", BAD,
         0},
        {"batch", "{\"request\":{\"method\":\"LOCK\",\"url\":\"Patient\"}}",
         BAD, 0},
        {"batch",
         "{\"request\":{\"method\":\"GET\",\"url\":\"Patient\",\"x\":1}}", BAD,
         0},
        {"batch",
         "{\"search\":{},\"request\":{\"method\":\"GET\",\"url\":\"Patient\"}}",
         BAD, 0},
        {"batch", POST("Observation", "[]"), BAD, 0},
        {"batch", "{\"request\":{\"method\":\"POST\",\"url\":\"Observation\"}}",
         BAD, 0},
        {"batch",
         "{\"resource\":{},\"request\":{\"method\":\"GET\",\"url\":"
         "\"Observation/o1\"}}",
         BAD, 0},
        {"batch",
         "{\"request\":{\"method\":\"GET\",\"url\":\"Patient\",\"ifNoneExist\":"
         "\"a=b\"}}",
         BAD, 0},
        {"batch",
         "{\"fullUrl\":1,\"request\":{\"method\":\"GET\",\"url\":\"Patient\"}}",
         BAD, 0},
        /* the one that is wrong is named */
        {"batch", GET("Observation/o1") "," GET("/x"), BAD, 1},
        {"batch", GET("Observation/o1") "," GET("Patient/pat-1") ",{}", BAD, 2},
    };

    CHECK(ALL_OF, rows);
}

static void test_decisions(void **state)
{
    static const row_t rows[] = {
        {"batch", GET("Observation/o1") "," GET("Observation?code=1"), OK, 0},
        {"batch", GET("Observation/o1") "," GET("Condition/c1"), DENY, 1},
        {"batch", GET("Patient/pat-2"), DENY, 0},
        {"batch", GET("Observation?patient=Patient/pat-2&_has:x:y:z=1"), DENY,
         0},
        {"batch", DELETE("Observation/o1"), DENY, 0},
        {"transaction", POST("Observation", OBS(MINE)), DENY, 0},
        {"batch", GET("Observation?_summary=count"), DENY, 0},
        {"batch", GET("Observation?_format=xml"), SMART_REASON_NOT_ACCEPTABLE,
         0},
        {"batch", GET("Nonsense/1"), DENY, 0},
        {"batch", GET(""), DENY, 0},
    };
    static const row_t writes[] = {
        {"transaction", POST("Observation", OBS(MINE)), OK, 0},
        {"transaction", POST("Observation", OBS(THEIRS)), DENY, 0},
        {"transaction", POST("Observation", OBS("\"status\":\"x\"")), DENY, 0},
        {"transaction", POST("Condition", OBS(MINE)), SMART_REASON_CONTENT, 0},
        {"transaction", PUT("Observation/o1", OBS("\"id\":\"o1\"," MINE)), OK,
         0},
        {"transaction", PUT("Observation/o1", OBS("\"id\":\"o2\"," MINE)),
         SMART_REASON_CONTENT, 0},
        {"transaction", PUT("Observation?code=1", OBS("\"id\":\"o1\"," MINE)),
         DENY, 0},
        {"transaction", DELETE("Observation/o1"), OK, 0},
        {"transaction", DELETE("Observation?code=1"), DENY, 0},
        {"transaction",
         "{\"request\":{\"method\":\"PATCH\",\"url\":\"Observation/o1\"},"
         "\"resource\":{\"resourceType\":\"Binary\"}}",
         DENY, 0},
        {"transaction",
         "{\"request\":{\"method\":\"POST\",\"url\":\"Observation/_search\"},"
         "\"resource\":{}}",
         DENY, 0},
        {"batch", POST("", "{\"resourceType\":\"Bundle\",\"type\":\"batch\"}"),
         DENY, 0},
        {"transaction",
         POST("Bundle", "{\"resourceType\":\"Bundle\",\"type\":\"x\"}"), DENY,
         0},
        {"transaction",
         POST("Observation",
              OBS(MINE ",\"encounter\":{\"reference\":\"Encounter?x=1\"}")),
         DENY, 0},
    };

    CHECK("patient/Observation.rs patient/Patient.r", rows);
    CHECK(ALL_OF, writes);
}

/* A twin: with the letters, without them. */
static void test_letters(void **state)
{
    const char *update = bundle(
        "transaction", PUT("Observation/o1", OBS("\"id\":\"o1\"," MINE)));
    const char *create = bundle(
        "transaction", POST("Condition", "{"
                                         "\"resourceType\":\"Condition\"}"));

    assert_int_equal(read_by("patient/Observation.cru", update), OK);
    assert_int_equal(read_by("patient/Observation.cr", update), DENY);
    assert_int_equal(read_by("system/Condition.c", create), OK);
    assert_int_equal(read_by("system/Observation.c", create), DENY);
}

#define WITH_URL(url, entry) "{\"fullUrl\":\"" url "\"," entry "}"
#define CREATE(r)                                                              \
    "\"request\":{\"method\":\"POST\",\"url\":\"Observation\"},"               \
    "\"resource\":" r
#define UPDATE_PATIENT                                                         \
    "\"request\":{\"method\":\"PUT\",\"url\":\"Patient/pat-1\"},\"resource\":" \
    "{\"resourceType\":\"Patient\",\"id\":\"pat-1\"}"
#define NEW_ENCOUNTER                                                          \
    "\"request\":{\"method\":\"POST\",\"url\":\"Encounter\"},\"resource\":"    \
    "{\"resourceType\":\"Encounter\"," MINE "}"
#define OF_URN "\"subject\":{\"reference\":\"urn:uuid:1\"}"

static void test_urns(void **state)
{
    static const row_t rows[] = {
        {"transaction",
         WITH_URL("urn:uuid:1", UPDATE_PATIENT) ",{" CREATE(OBS(OF_URN)) "}",
         OK, 0},
        {"transaction",
         "{" CREATE(OBS(OF_URN)) "}," WITH_URL("urn:uuid:1", UPDATE_PATIENT),
         OK, 0},
        {"transaction",
         WITH_URL("urn:uuid:2", UPDATE_PATIENT) ",{" CREATE(OBS(OF_URN)) "}",
         DENY, 1},
        {"transaction",
         WITH_URL("urn:uuid:1", NEW_ENCOUNTER) ",{" CREATE(OBS(OF_URN)) "}",
         DENY, 1},
        {"batch",
         WITH_URL("urn:uuid:1", UPDATE_PATIENT) ",{" CREATE(OBS(OF_URN)) "}",
         DENY, 1},
        /* two entries of one name */
        {"transaction",
         WITH_URL("urn:uuid:1", NEW_ENCOUNTER) "," WITH_URL("urn:uuid:2",
                                                            NEW_ENCOUNTER),
         OK, 0},
        {"transaction",
         WITH_URL("urn:uuid:1", NEW_ENCOUNTER) "," WITH_URL("urn:uuid:1",
                                                            NEW_ENCOUNTER),
         BAD, 1},
    };

    CHECK(ALL_OF, rows);
}

/* No other URL than its own says what an entry is. */
static void test_full_urls(void **state)
{
    static const char own[] = PUBLIC_URL "/Patient/pat-1";
    const char *spoof = bundle(
        "transaction", WITH_URL(PUBLIC_URL "/Patient/pat-1",
                                NEW_ENCOUNTER) ",{" CREATE(OBS(MINE)) "}");
    const char *honest = bundle(
        "transaction", WITH_URL(PUBLIC_URL "/Patient/pat-1", UPDATE_PATIENT));

    assert_int_equal(read_by(ALL_OF, spoof), OK);
    assert_null(strstr(sent(), own));
    assert_int_equal(read_by(ALL_OF, honest), OK);
    assert_non_null(strstr(sent(), own));
    /* nobody is held to anything */
    assert_int_equal(read_by("system/*.cruds", spoof), OK);
    assert_non_null(strstr(sent(), own));
}

static void check_sent(const char *scopes, const char *entries,
                       const char *expected)
{
    assert_int_equal(read_by(scopes, bundle("transaction", entries)), OK);
    assert_string_equal(sent(), expected);
}

static void test_sent(void **state)
{
    /* as it came */
    check_sent("system/*.cruds", GET("Observation?code=1"),
               "[" GET("Observation?code=1") "]");
    /* narrowed, pinned, absolute made relative */
    check_sent(ALL_OF, GET("Observation?code=1"),
               "[" GET("Observation?code=1&patient=Patient/pat-1") "]");
    check_sent(ALL_OF, GET("Observation?_elements=id&code=1"),
               "[" GET("Observation?code=1&patient=Patient/pat-1") "]");
    check_sent("system/*.cruds", GET(PUBLIC_URL "/Observation/o1"),
               "[" GET("Observation/o1") "]");
    /* numbers and the order of names */
    check_sent(
        ALL_OF,
        POST("Observation", OBS(MINE ",\"valueQuantity\":{\"value\":1.10}")),
        "[" POST("Observation",
                 OBS(MINE ",\"valueQuantity\":{\"value\":1.10}")) "]");
    /* an id of a create could overwrite */
    check_sent(ALL_OF, POST("Observation", OBS("\"id\":\"o2\"," MINE)),
               "[" POST("Observation", OBS(MINE)) "]");
    check_sent(
        "system/Encounter.c patient/Observation.crs",
        "{" CREATE(OBS(MINE)) "}," POST(
            "Encounter", "{\"resourceType\":\"Encounter\",\"id\":\"e\"}"),
        "[{" CREATE(OBS(MINE)) "}," POST(
            "Encounter", "{\"resourceType\":\"Encounter\"}") "]");
    check_sent("system/*.cruds",
               POST("Observation", OBS("\"id\":\"o2\"," MINE)),
               "[" POST("Observation", OBS("\"id\":\"o2\"," MINE)) "]");
}

static void test_conditional_create(void **state)
{
#define IF_NONE(q)                                                             \
    "{\"request\":{\"method\":\"POST\",\"url\":\"Observation\","               \
    "\"ifNoneExist\":\"" q "\"},\"resource\":" OBS(MINE) "}"
    static const row_t rows[] = {
        {"transaction", IF_NONE("identifier=x"), OK, 0},
        {"transaction", IF_NONE("subject:Patient.name=x"), DENY, 0},
        {"transaction", IF_NONE("a;b"), SMART_REASON_QUERY, 0},
    };

    CHECK("patient/Observation.cs", rows);
    assert_int_equal(read_by("patient/Observation.c",
                             bundle("transaction", IF_NONE("identifier=x"))),
                     DENY);
    check_sent("patient/Observation.crs", IF_NONE("identifier=x"),
               "[" IF_NONE("identifier=x&patient=Patient/pat-1") "]");
}

/* A conditional read tells of what may not be seen. */
static void test_conditional_read(void **state)
{
    static const char entry[] =
        "{\"request\":{\"method\":\"GET\",\"url\":\"Observation/o1\","
        "\"ifNoneMatch\":\"W/\\\"1\\\"\",\"ifModifiedSince\":\"x\"}}";

    check_sent(ALL_OF, entry, "[" GET("Observation/o1") "]");
    assert_int_equal(read_by("system/*.cruds", bundle("batch", entry)), OK);
    assert_non_null(strstr(sent(), "ifModifiedSince"));
}

#define THERE(who) "{\"resourceType\":\"Observation\",\"id\":\"o1\"," who "}"

static void test_found(void **state)
{
    const char *text = bundle(
        "transaction", GET("Observation/o1") "," PUT(
                           "Observation/o1", OBS("\"id\":\"o1\"," MINE)));
    const smart_found_t mine = {value_of(THERE(MINE)), "W/\"3\""};
    const smart_found_t theirs = {value_of(THERE(THEIRS)), "W/\"3\""};
    const smart_found_t nothing = {NULL, NULL};

    assert_int_equal(read_by(ALL_OF, text), OK);
    assert_null(batch.entries[0].below);
    assert_string_equal(batch.entries[1].below, "/Observation/o1");
    assert_int_equal(smart_batch_found(&batch, 1, &mine, pool), OK);
    assert_non_null(strstr(sent(), "\"ifMatch\":\"W/\\\"3\\\"\""));

    assert_int_equal(read_by(ALL_OF, text), OK);
    assert_int_equal(smart_batch_found(&batch, 1, &nothing, pool), OK);
    assert_non_null(strstr(sent(), "\"ifNoneMatch\":\"*\""));
    assert_null(strstr(sent(), "ifMatch"));

    assert_int_equal(read_by(ALL_OF, text), OK);
    assert_int_equal(smart_batch_found(&batch, 1, &theirs, pool), DENY);
    assert_int_equal(batch.at, 1);

    assert_int_equal(
        read_by(ALL_OF, bundle("transaction", DELETE("Observation/o1"))), OK);
    assert_string_equal(batch.entries[0].below, "/Observation/o1");
    assert_int_equal(smart_batch_found(&batch, 0, &nothing, pool), DENY);
}

static void test_found_and_client(void **state)
{
    static const char text[] =
        "{\"request\":{\"method\":\"DELETE\",\"url\":\"Observation/o1\","
        "\"ifMatch\":\"W/\\\"2\\\"\"}}";
    const smart_found_t second = {value_of(THERE(MINE)), "W/\"2\""};
    const smart_found_t third = {value_of(THERE(MINE)), "W/\"3\""};

    assert_int_equal(read_by(ALL_OF, bundle("transaction", text)), OK);
    assert_int_equal(smart_batch_found(&batch, 0, &second, pool), OK);
    assert_int_equal(read_by(ALL_OF, bundle("transaction", text)), OK);
    assert_int_equal(smart_batch_found(&batch, 0, &third, pool),
                     SMART_REASON_PRECONDITION);
}

static void test_plan(void **state)
{
    assert_int_equal(
        read_by(ALL_OF, bundle("transaction", GET("Observation?code=1") "," PUT(
                                                  "Observation/o1",
                                                  OBS("\"id\":\"o1\"," MINE)))),
        OK);
    assert_true(batch.inspect);
    assert_int_equal(batch.plan.kind, SMART_INTERACTION_TRANSACTION);
    assert_int_equal(batch.plan.entry_count, 2);
    assert_int_equal(batch.plan.entries[0].kind, SMART_INTERACTION_SEARCH_TYPE);
    assert_int_equal(batch.plan.entries[0].letter, SMART_LETTER_S);
    assert_false(batch.plan.entries[0].write);
    assert_int_equal(batch.plan.entries[1].letter, SMART_LETTER_R);
    assert_true(batch.plan.entries[1].write);
    assert_true(smart_slice_is(batch.plan.entries[1].id, "o1"));

    /* nothing of a write may be seen without r */
    assert_int_equal(
        read_by("patient/Observation.c",
                bundle("transaction", POST("Observation", OBS(MINE)))),
        OK);
    assert_true(batch.inspect);
    assert_int_equal(batch.plan.entries[0].letter, 0);
    /* all may be seen */
    assert_int_equal(
        read_by("system/*.cruds", bundle("batch", GET("Observation?code=1"))),
        OK);
    assert_false(batch.inspect);
}

static const char *many(const char *entry, int count)
{
    char *all = apr_palloc(pool, (apr_size_t)count * (strlen(entry) + 1) + 1);
    char *to = all;
    int n;

    for (n = 0; n < count; n++) {
        to += strlen(strcpy(to, entry));
        *to++ = ',';
    }
    to[-1] = '\0';
    return all;
}

static void test_bounds(void **state)
{
    static const char get[] = GET("Observation/o1");
    static const char del[] = DELETE("Observation/o1");

    assert_int_equal(
        read_by(ALL_OF, bundle("batch", many(get, SMART_BATCH_ENTRIES))), OK);
    assert_int_equal(
        read_by(ALL_OF, bundle("batch", many(get, SMART_BATCH_ENTRIES + 1))),
        SMART_REASON_TOO_LARGE);
    assert_int_equal(
        read_by(ALL_OF, bundle("batch", many(del, SMART_BATCH_PREREADS))), OK);
    assert_int_equal(
        read_by(ALL_OF, bundle("batch", many(del, SMART_BATCH_PREREADS + 1))),
        SMART_REASON_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bundle, pool_make, pool_drop),
        cmocka_unit_test_setup_teardown(test_form, pool_make, pool_drop),
        cmocka_unit_test_setup_teardown(test_decisions, pool_make, pool_drop),
        cmocka_unit_test_setup_teardown(test_letters, pool_make, pool_drop),
        cmocka_unit_test_setup_teardown(test_urns, pool_make, pool_drop),
        cmocka_unit_test_setup_teardown(test_full_urls, pool_make, pool_drop),
        cmocka_unit_test_setup_teardown(test_sent, pool_make, pool_drop),
        cmocka_unit_test_setup_teardown(test_conditional_create, pool_make,
                                        pool_drop),
        cmocka_unit_test_setup_teardown(test_conditional_read, pool_make,
                                        pool_drop),
        cmocka_unit_test_setup_teardown(test_found, pool_make, pool_drop),
        cmocka_unit_test_setup_teardown(test_found_and_client, pool_make,
                                        pool_drop),
        cmocka_unit_test_setup_teardown(test_plan, pool_make, pool_drop),
        cmocka_unit_test_setup_teardown(test_bounds, pool_make, pool_drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
