/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interaction_test.c: each interaction is recognised, and what differs from it
 * in one thing is another one, UNKNOWN or malformed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "core/interaction.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static apr_pool_t *pool;

static int start(void **state)
{
    (void)state;
    apr_initialize();
    return apr_pool_create(&pool, NULL) != APR_SUCCESS;
}

static int stop(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

static int clear(void **state)
{
    (void)state;
    apr_pool_clear(pool);
    return 0;
}

/* A request from "GET /Patient?x=y". */
static smart_request_t request(const char *line)
{
    const char *const target = strchr(line, ' ') + 1;
    const char *const mark = strchr(target, '?');
    smart_request_t req;

    memset(&req, 0, sizeof(req));
    req.method = apr_pstrmemdup(pool, line, (apr_size_t)(target - 1 - line));
    req.path = smart_slice(target);
    if (mark) {
        req.path.len = (apr_size_t)(mark - target);
        req.query = smart_slice(mark + 1);
    }
    return req;
}

static smart_reason_e read_request(const smart_request_t *req,
                                   smart_interaction_t *pi)
{
    const char *why = "untouched";
    smart_reason_e reason;

    memset(pi, 0xAA, sizeof(*pi)); /* every member has to be set */
    reason = smart_interaction_read(SMART_FHIR_R4, req, pool, pi, &why);
    assert_true((reason == SMART_REASON_UNDECIDED) == (why == NULL));
    assert_true(reason == SMART_REASON_UNDECIDED ||
                reason == SMART_REASON_PATH || reason == SMART_REASON_QUERY);
    return reason;
}

static smart_interaction_t read_line(const char *line)
{
    const smart_request_t req = request(line);
    smart_interaction_t i;

    if (read_request(&req, &i) != SMART_REASON_UNDECIDED) {
        fail_msg("malformed: %s", line);
    }
    return i;
}

/* An UNKNOWN one tells nothing. */
static void assert_says_nothing(const smart_interaction_t *i)
{
    assert_int_equal(i->kind, SMART_INTERACTION_UNKNOWN);
    assert_int_equal(i->level, SMART_LEVEL_NONE);
    assert_false(i->conditional || i->form || i->body || i->async ||
                 i->provenance || i->all_types);
    assert_int_equal(i->type, SMART_TYPE_NONE);
    assert_int_equal(i->compartment, SMART_TYPE_NONE);
    assert_int_equal(
        i->id.len + i->vid.len + i->compartment_id.len + i->operation.len, 0);
    assert_int_equal(i->search.count + i->if_none_exist.count, 0);
}

/* ---- the table ---- */

/* Letters for what is set besides the kind. */
static const char *flags_of(const smart_interaction_t *i)
{
    static const char *const levels[] = {"-", "S", "T", "I"};

    return apr_pstrcat(pool, levels[i->level], i->head ? "h" : "",
                       i->conditional ? "c" : "", i->form ? "f" : "",
                       i->body ? "b" : "", i->all_types ? "*" : "", NULL);
}

static const struct {
    const char *line;
    const char *kind;
    const char *flags; /* level S T I, then h c f b * */
} requests[] = {
    /* the base */
    {"GET /", "search-system", "S"},
    {"GET ", "search-system", "S"},
    {"HEAD /", "search-system", "Sh"},
    {"GET /?_type=Patient", "search-system", "S"},
    {"POST /", "batch", "Sb"},
    {"POST ?_format=json&_pretty=true", "batch", "Sb"},
    {"POST /?_type=Patient", "unknown", "-"}, /* a parameter that counts */
    {"PUT /", "unknown", "-"},
    {"PATCH /?_id=1", "unknown", "-"},
    {"DELETE /", "unknown", "-"}, /* of everything */
    {"DELETE /?_lastUpdated=lt2000", "delete", "Sc"},
    {"DELETE /?ct=1", "delete", "Sc"}, /* no page: that is a GET */

    /* pages */
    {"GET /?_getpages=x", "page", "S"},
    {"GET /?_getpagesoffset=5", "page", "S"},
    {"GET /?_page=2", "page", "S"},
    {"GET /?_cursor=2", "page", "S"},
    {"GET /?_offset=2", "page", "S"},
    {"GET /?ct=abc", "page", "S"},
    {"GET /?_bundletype=searchset", "page", "S"},
    {"HEAD /?x=y&_p%61ge=2", "page", "Sh"},
    {"GET /?CT=abc", "search-system", "S"},           /* case */
    {"GET /?_getpages:x=y", "search-system", "S"},    /* a modifier */
    {"GET /Patient?_getpages=x", "search-type", "T"}, /* below the base */
    {"POST /?_getpages=x", "unknown", "-"},

    /* metadata */
    {"GET /metadata", "capabilities", "S"},
    {"HEAD /metadata/", "capabilities", "Sh"},
    {"GET /metadata?_format=json", "capabilities", "S"},
    {"POST /metadata", "unknown", "-"},
    {"PUT /metadata", "unknown", "-"},
    {"DELETE /metadata", "unknown", "-"},
    {"GET /Metadata", "unknown", "-"},
    {"GET /metadata/x", "unknown", "-"},
    {"GET /.well-known/smart-configuration", "discovery", "S"},
    {"HEAD /.well-known/smart-configuration", "discovery", "Sh"},
    {"POST /.well-known/smart-configuration", "unknown", "-"},
    {"GET /.well-known/openid-configuration", "unknown", "-"},
    {"GET /.well-known", "unknown", "-"},
    {"GET /smart-configuration", "unknown", "-"},
    {"GET /.well-known/smart-configuration/x", "unknown", "-"},
    {"GET /Patient/smart-configuration", "read", "I"}, /* an id */
    {"GET /Patient/metadata", "read", "I"},

    /* the system level */
    {"GET /_history", "history-system", "S"},
    {"HEAD /_history", "history-system", "Sh"},
    {"POST /_history", "unknown", "-"},
    {"DELETE /_history", "unknown", "-"},
    {"GET /_history/1", "unknown", "-"},
    {"GET /_search?_type=Patient", "search-system", "S"},
    {"POST /_search", "search-system", "Sf"},
    {"PUT /_search", "unknown", "-"},
    {"GET /_Search", "unknown", "-"},
    {"GET /_foo", "unknown", "-"},

    /* operations */
    {"GET /$export", "operation", "S"},
    {"POST /$export", "operation", "Sb"},
    {"HEAD /$export", "operation", "Sh"},
    {"GET /Observation/$lastn?patient=1", "operation", "T"},
    {"POST /Patient/$match", "operation", "Tb"},
    {"GET /Patient/pat-1/$everything", "operation", "I"},
    {"POST /Patient/pat-1/$everything", "operation", "Ib"},
    {"PUT /$export", "unknown", "-"},
    {"DELETE /$export-poll-status?_jobId=1", "unknown", "-"},
    {"PATCH /Patient/pat-1/$everything", "unknown", "-"},
    {"GET /$Export", "unknown", "-"}, /* lower case first */
    {"GET /export$", "unknown", "-"}, /* "$" elsewhere */
    {"GET /$ex$port", "unknown", "-"},
    {"GET /$", "unknown", "-"},
    {"GET /$everything/pat-1", "unknown", "-"},
    {"GET /Foo/$lastn", "unknown", "-"},              /* unknown type */
    {"GET /Patient/p_1/$everything", "unknown", "-"}, /* no id */
    {"GET /Patient/1/_history/2/$meta", "unknown", "-"},
    {"GET /Patient/$everything/$x", "unknown", "-"},

    /* a type */
    {"GET /Observation", "search-type", "T"},
    {"GET /Observation/?code=x", "search-type", "T"},
    {"HEAD /Observation", "search-type", "Th"},
    {"POST /Observation", "create", "Tb"},
    {"POST /Observation?_format=json", "create", "Tb"},
    {"POST /Observation?_validate=false", "unknown", "-"},
    {"GET /observation", "unknown", "-"},
    {"GET /OBSERVATION", "unknown", "-"},
    {"GET /Foo", "unknown", "-"},
    {"POST /Foo", "unknown", "-"},
    {"GET /Observatio", "unknown", "-"},
    {"GET /Resource", "unknown", "-"}, /* abstract */
    {"GET /Observation/_search?code=x", "search-type", "T"},
    {"POST /Observation/_search", "search-type", "Tf"},
    {"POST /Observation/_search?code=x", "search-type", "Tf"},
    {"PUT /Observation/_search", "unknown", "-"},
    {"DELETE /Observation/_search?code=x", "unknown", "-"},
    {"POST /Foo/_search", "unknown", "-"},
    {"POST /Observation/_search/", "search-type", "Tf"},
    {"POST /Observation/_search/x", "unknown", "-"},
    {"GET /Observation/_history", "history-type", "T"},
    {"DELETE /Observation/_history", "unknown", "-"},
    {"GET /Observation/_foo", "unknown", "-"},

    /* conditional */
    {"PUT /Observation?identifier=http://x|1", "update", "Tcb"},
    {"PATCH /Observation?identifier=1", "patch", "Tcb"},
    {"DELETE /Observation?status=cancelled", "delete", "Tc"},
    {"DELETE /Observation?_id=1&_count=10", "delete", "Tc"},
    {"DELETE /Observation?_format=json&status=x", "delete", "Tc"},
    {"DELETE /Patient?_has:Observation:patient:code=1", "delete", "Tc"},
    {"PUT /Observation", "unknown", "-"},
    {"PUT /Observation?", "unknown", "-"},
    {"PATCH /Observation", "unknown", "-"},
    {"DELETE /Observation", "unknown", "-"},
    {"DELETE /Observation?_format=json", "unknown", "-"}, /* selects none */
    {"DELETE /Observation?_count=10", "unknown", "-"},
    {"DELETE /Observation?status=", "unknown", "-"},
    {"DELETE /Observation?status", "unknown", "-"},
    {"DELETE /Observation?status=x&_cascade=delete", "unknown", "-"},
    {"DELETE /Observation?status=x&_exp%75nge=true", "unknown", "-"},
    {"DELETE /?_lastUpdated=lt2000&_cascade=delete", "unknown", "-"},

    /* an instance */
    {"GET /Observation/obs-1", "read", "I"},
    {"GET /Observation/obs-1/", "read", "I"},
    {"GET /Observation/obs-1?_format=json", "read", "I"},
    {"GET /Observation/obs-2.json", "read", "I"}, /* an id */
    {"GET /Observation/Observation", "read", "I"},
    {"HEAD /Observation/obs-1", "read", "Ih"},
    {"PUT /Observation/obs-1", "update", "Ib"},
    {"PATCH /Observation/obs-1", "patch", "Ib"},
    {"DELETE /Observation/obs-1", "delete", "I"},
    {"DELETE /Observation/obs-1?_pretty=true", "delete", "I"},
    {"DELETE /Patient/pat-1?_cascade=delete", "unknown", "-"},
    {"PUT /Observation/obs-1?identifier=1", "unknown", "-"},
    {"PATCH /Observation/obs-1?identifier=1", "unknown", "-"},
    {"POST /Observation/obs-1", "unknown", "-"},
    {"GET /Foo/obs-1", "unknown", "-"},
    {"GET /Observation/obs_1", "unknown", "-"},
    {"GET /Observation/"
     "12345678901234567890123456789012345678901234567890123456789012345",
     "unknown", "-"}, /* 65 bytes */
    {"GET /Observation/obs-1/_history", "history-instance", "I"},
    {"HEAD /Observation/obs-1/_history", "history-instance", "Ih"},
    {"DELETE /Observation/obs-1/_history", "unknown", "-"},
    {"POST /Observation/obs-1/_history", "unknown", "-"},
    {"GET /Observation/obs-1/_history/2", "vread", "I"},
    {"GET /Observation/obs-1/_history/2/", "vread", "I"},
    {"DELETE /Observation/obs-1/_history/2", "unknown", "-"},
    {"PUT /Observation/obs-1/_history/2", "unknown", "-"},
    {"GET /Observation/obs-1/_history/_2", "unknown", "-"},
    {"GET /Observation/obs-1/_history/2/3", "unknown", "-"},
    {"GET /Observation/obs-1/_history/_search", "unknown", "-"},
    {"GET /Observation/obs-1/_search", "unknown", "-"},
    {"POST /Observation/obs-1/_search", "unknown", "-"},

    /* compartments */
    {"GET /Patient/pat-1/Observation", "search-compartment", "T"},
    {"GET /Patient/pat-1/Observation/?code=x", "search-compartment", "T"},
    {"HEAD /Patient/pat-1/Observation", "search-compartment", "Th"},
    {"GET /Patient/pat-1/*", "search-compartment", "T*"},
    {"GET /Patient/pat-1/*/", "search-compartment", "T*"},
    {"POST /Patient/pat-1/Observation/_search", "search-compartment", "Tf"},
    {"GET /Encounter/e/Condition", "search-compartment", "T"},
    {"GET /RelatedPerson/r/Observation", "search-compartment", "T"},
    {"GET /Practitioner/p/Observation", "search-compartment", "T"},
    {"GET /Device/d/Observation", "search-compartment", "T"},
    {"GET /Observation/o/Patient", "unknown", "-"}, /* has none */
    {"GET /Observation/o/*", "unknown", "-"},
    {"GET /Patient/pat_1/Observation", "unknown", "-"},
    {"GET /Patient/pat-1/Foo", "unknown", "-"},
    {"POST /Patient/pat-1/Observation", "unknown", "-"},
    {"DELETE /Patient/pat-1/Observation?code=x", "unknown", "-"},
    {"GET /Patient/pat-1/Observation/_search", "unknown", "-"},
    {"GET /Patient/pat-1/Observation/obs-1", "unknown", "-"},
    {"GET /Patient/pat-1/Observation/_history", "unknown", "-"},

    /* methods */
    {"OPTIONS /Observation", "unknown", "-"},
    {"OPTIONS /", "unknown", "-"},
    {"get /Observation", "unknown", "-"},
    {"Get /Observation", "unknown", "-"},
    {"TRACE /Observation/obs-1", "unknown", "-"},
    {"PROPFIND /Observation/obs-1", "unknown", "-"},
    {"GETX /Observation", "unknown", "-"},
    {" /Observation", "unknown", "-"},

    /* depth */
    {"GET /Patient/a/b/c/d/e/f/g", "unknown", "-"},
    {"GET /Patient/a/b/c/d/e/f/g/h/i", "unknown", "-"},
};

static void requests_are_recognised(void **state)
{
    size_t n;

    (void)state;
    for (n = 0; n < COUNT(requests); n++) {
        const smart_interaction_t i = read_line(requests[n].line);
        const char *const kind = smart_interaction_name(i.kind);

        if (strcmp(kind, requests[n].kind) != 0) {
            fail_msg("%s: %s, not %s", requests[n].line, kind,
                     requests[n].kind);
        }
        if (i.kind == SMART_INTERACTION_UNKNOWN) {
            assert_says_nothing(&i);
        }
        else if (strcmp(flags_of(&i), requests[n].flags) != 0) {
            fail_msg("%s: flags %s, not %s", requests[n].line, flags_of(&i),
                     requests[n].flags);
        }
    }
}

static void malformed_is_neither_known_nor_unknown(void **state)
{
    static const struct {
        const char *line;
        smart_reason_e reason;
    } rows[] = {
        {"GET /%50atient/pat-2", SMART_REASON_PATH},
        {"GET /Observation/../Patient/pat-2", SMART_REASON_PATH},
        {"GET //Patient/pat-2", SMART_REASON_PATH},
        {"GET /Patient/*", SMART_REASON_PATH},
        {"PROPFIND /Patient;x", SMART_REASON_PATH}, /* whatever the method */
        {"GET /Foo/%", SMART_REASON_PATH},          /* whatever the type */
        {"GET /Patient;x?a;b", SMART_REASON_PATH},  /* path comes first */
        {"GET /Observation?a=1;b=2", SMART_REASON_QUERY},
        {"GET /Observation?patient=pat-1%u002cpat-2", SMART_REASON_QUERY},
        {"GET /Foo?a=%00", SMART_REASON_QUERY},
        {"DELETE /Observation/obs-1?;", SMART_REASON_QUERY},
        {"GET /metadata?=x", SMART_REASON_QUERY},
    };
    size_t n;

    (void)state;
    for (n = 0; n < COUNT(rows); n++) {
        const smart_request_t req = request(rows[n].line);
        smart_interaction_t i;

        if (read_request(&req, &i) != rows[n].reason) {
            fail_msg("%s", rows[n].line);
        }
        assert_says_nothing(&i);
    }
}

static void methods_are_known_or_not(void **state)
{
    static const char *const known[] = {"GET",   "HEAD",   "POST",   "PUT",
                                        "PATCH", "DELETE", "OPTIONS"};
    static const char *const unknown[] = {"get",     "Head",     "POSTS",
                                          "TRACE",   "",         "GE",
                                          "CONNECT", "PROPFIND", "MERGE"};
    size_t n;

    (void)state;
    for (n = 0; n < COUNT(known); n++) {
        assert_true(
            read_line(apr_pstrcat(pool, known[n], " /x", NULL)).method_known);
    }
    for (n = 0; n < COUNT(unknown); n++) {
        assert_false(read_line(apr_pstrcat(pool, unknown[n], " /Patient", NULL))
                         .method_known);
    }
}

/* ---- parts ---- */

static void parts_are_handed_out(void **state)
{
    const smart_type_t patient =
        smart_fhir_type(SMART_FHIR_R4, smart_slice("Patient"));
    const smart_type_t observation =
        smart_fhir_type(SMART_FHIR_R4, smart_slice("Observation"));
    smart_interaction_t i;

    (void)state;
    i = read_line("GET /Observation/obs-1/_history/7?_format=json");
    assert_int_equal(i.type, observation);
    assert_true(smart_slice_is(i.id, "obs-1"));
    assert_true(smart_slice_is(i.vid, "7"));
    assert_int_equal(i.search.count, 1);
    assert_int_equal(i.compartment, SMART_TYPE_NONE);

    i = read_line("GET /Patient/pat-1/$everything");
    assert_int_equal(i.type, patient);
    assert_true(smart_slice_is(i.id, "pat-1"));
    assert_true(smart_slice_is(i.operation, "$everything"));

    i = read_line("GET /$export");
    assert_int_equal(i.type, SMART_TYPE_NONE);
    assert_true(smart_slice_is(i.operation, "$export"));

    /* the compartment's id is not that of a resource asked for */
    i = read_line("POST /Patient/pat-1/Observation/_search?code=x");
    assert_int_equal(i.type, observation);
    assert_int_equal(i.compartment, patient);
    assert_true(smart_slice_is(i.compartment_id, "pat-1"));
    assert_int_equal(i.id.len, 0);
    assert_false(i.all_types);

    i = read_line("GET /Patient/pat-1/*");
    assert_int_equal(i.type, SMART_TYPE_NONE);
    assert_true(i.all_types);
    assert_int_equal(i.compartment, patient);

    i = read_line("GET /Patient/pat-1/Patient");
    assert_int_equal(i.type, patient);
    assert_int_equal(i.compartment, patient);
}

static void types_are_those_of_the_version(void **state)
{
    const smart_request_t req = request("GET /DeviceUsage"); /* new in R5 */
    smart_interaction_t i;
    const char *why;

    (void)state;
    smart_interaction_read(SMART_FHIR_R5, &req, pool, &i, &why);
    assert_int_equal(i.kind, SMART_INTERACTION_SEARCH_TYPE);
    smart_interaction_read(SMART_FHIR_R4, &req, pool, &i, &why);
    assert_int_equal(i.kind, SMART_INTERACTION_UNKNOWN);
    smart_interaction_read(SMART_FHIR_NONE, &req, pool, &i, &why);
    assert_int_equal(i.kind, SMART_INTERACTION_UNKNOWN);
}

/* ---- header fields ---- */

static void if_none_exist_makes_create_conditional(void **state)
{
    static const struct {
        const char *value;
        const char *kind;
        smart_reason_e reason;
    } rows[] = {
        {"identifier=http://x|1", "create", SMART_REASON_UNDECIDED},
        {"identifier=%00", "unknown", SMART_REASON_QUERY},
        {"identifier=1;b=2", "unknown", SMART_REASON_QUERY},
        {"identifier=1, identifier=2", "unknown", SMART_REASON_QUERY}, /* two */
        {"", "unknown", SMART_REASON_UNDECIDED}, /* no criterion */
        {"_format=json", "unknown", SMART_REASON_UNDECIDED},
        {"identifier=", "unknown", SMART_REASON_UNDECIDED},
        {"identifier=1&_cascade=x", "unknown", SMART_REASON_UNDECIDED},
    };
    smart_request_t req = request("POST /Observation");
    smart_interaction_t i;
    size_t n;

    (void)state;
    for (n = 0; n < COUNT(rows); n++) {
        req.if_none_exist = rows[n].value;
        assert_int_equal(read_request(&req, &i), rows[n].reason);
        assert_string_equal(smart_interaction_name(i.kind), rows[n].kind);
        if (i.kind == SMART_INTERACTION_UNKNOWN) {
            assert_says_nothing(&i);
            continue;
        }
        assert_true(i.conditional && i.body);
        assert_int_equal(i.if_none_exist.count, 1);
        assert_int_equal(i.search.count, 0);
    }
    /* elsewhere the field means nothing */
    req = request("PUT /Observation/obs-1");
    req.if_none_exist = "identifier=%00";
    assert_int_equal(read_request(&req, &i), SMART_REASON_UNDECIDED);
    assert_int_equal(i.kind, SMART_INTERACTION_UPDATE);
    assert_false(i.conditional);
    assert_int_equal(i.if_none_exist.count, 0);
}

static void prefer_is_read_in_every_spelling(void **state)
{
    static const struct {
        const char *prefer;
        bool async;
    } rows[] = {
        {NULL, false},
        {"", false},
        {"return=minimal", false},
        {"respond-async", true},
        {"Respond-ASYNC", true},
        {" \trespond-async\t ", true},
        {"return=minimal, respond-async", true},
        {"return=minimal,respond-async", true},
        {"return=minimal; respond-async", true},
        {"respond-async; wait=10", true},
        {"respond-async=\"\"", true},
        {"respond-async = true", true},
        {",;respond-async", true},
        {"handling=strict, wait=100", false},
        {"respond-asynch", false},
        {"xrespond-async", false},
        {"handling=respond-async", false}, /* a value */
        {"respond async", false},
    };
    smart_request_t req = request("GET /Observation");
    smart_interaction_t i;
    size_t n;

    (void)state;
    for (n = 0; n < COUNT(rows); n++) {
        req.prefer = rows[n].prefer;
        assert_int_equal(read_request(&req, &i), SMART_REASON_UNDECIDED);
        if (i.async != rows[n].async) {
            fail_msg("%s", rows[n].prefer);
        }
    }
}

static void provenance_is_carried_on(void **state)
{
    smart_request_t req = request("POST /Observation");
    smart_interaction_t i;

    (void)state;
    read_request(&req, &i);
    assert_false(i.provenance);
    req.provenance = true;
    read_request(&req, &i);
    assert_true(i.provenance);
}

/* ---- names ---- */

static void names_and_kinds_belong_together(void **state)
{
    int kind;

    (void)state;
    for (kind = 0; kind < SMART_INTERACTION_COUNT; kind++) {
        const char *const name =
            smart_interaction_name((smart_interaction_e)kind);

        assert_non_null(name);
        assert_int_equal(smart_interaction_named(smart_slice(name)), kind);
    }
    assert_string_equal(smart_interaction_name(SMART_INTERACTION_COUNT),
                        "unknown");
    assert_string_equal(smart_interaction_name((smart_interaction_e)-1),
                        "unknown");
    assert_int_equal(smart_interaction_named(smart_slice("raed")),
                     SMART_INTERACTION_UNKNOWN);
    assert_int_equal(smart_interaction_named(smart_slice("Read")),
                     SMART_INTERACTION_UNKNOWN);
    assert_int_equal(smart_interaction_named(smart_slice("")),
                     SMART_INTERACTION_UNKNOWN);
}

/* ---- properties ---- */

static unsigned seed = 1;

static unsigned next_random(void)
{
    seed = seed * 1103515245u + 12345u;
    return seed >> 16 & 0x7fff;
}

static char *random_text(const char *const *pieces, size_t count, bool wild)
{
    const unsigned n = next_random() % 9;
    char *text = apr_pstrdup(pool, "");
    unsigned k;

    for (k = 0; k < n; k++) {
        const char byte[] = {(char)(1 + next_random() % 255), '\0'};

        text = apr_pstrcat(pool, text,
                           wild && next_random() % 6 == 0
                               ? byte
                               : pieces[next_random() % count],
                           NULL);
    }
    return text;
}

static smart_request_t random_request(void)
{
    static const char *const methods[] = {"GET",     "HEAD",  "POST",
                                          "PUT",     "PATCH", "DELETE",
                                          "OPTIONS", "TRACE", "get"};
    static const char *const paths[] = {"/Patient",
                                        "/Observation",
                                        "/pat-1",
                                        "/_history",
                                        "/_search",
                                        "/$everything",
                                        "/*",
                                        "/",
                                        "/metadata",
                                        "/.well-known",
                                        "/smart-configuration",
                                        "/Foo",
                                        "/..",
                                        "/1",
                                        "x"};
    static const char *const queries[] = {
        "a=1", "&",   "=", "_id=1", "_page",           "ct=1", "_format=json",
        ":",   "%41", "%", ".b",    "_cascade=delete", "|"};
    const bool wild = next_random() % 4 == 0;
    smart_request_t req;

    memset(&req, 0, sizeof(req));
    req.method = methods[next_random() % COUNT(methods)];
    req.path = smart_slice(random_text(paths, COUNT(paths), wild));
    if (next_random() % 2) {
        req.query = smart_slice(random_text(queries, COUNT(queries), wild));
    }
    if (next_random() % 4 == 0) {
        req.if_none_exist = random_text(queries, COUNT(queries), wild);
    }
    return req;
}

static bool within(smart_slice_t part, smart_slice_t whole)
{
    return part.len == 0 || (part.ptr >= whole.ptr &&
                             part.ptr + part.len <= whole.ptr + whole.len);
}

/* What holds of every recognised interaction, whatever it was made of. */
static void assert_consistent(const smart_interaction_t *i,
                              const smart_request_t *req)
{
    const bool get = strcmp(req->method, "GET") == 0 || i->head;

    assert_true(i->method_known);
    assert_int_not_equal(i->kind, SMART_INTERACTION_TRANSACTION);
    assert_int_not_equal(i->level, SMART_LEVEL_NONE);
    assert_true(within(i->id, req->path) && within(i->vid, req->path) &&
                within(i->operation, req->path) &&
                within(i->compartment_id, req->path));
    assert_false(i->form && i->body);
    assert_false(get && (i->form || i->body || i->conditional));
    assert_int_equal(i->operation.len > 0,
                     i->kind == SMART_INTERACTION_OPERATION);
    assert_int_equal(i->vid.len > 0, i->kind == SMART_INTERACTION_VREAD);
    assert_int_equal(i->id.len > 0, i->level == SMART_LEVEL_INSTANCE);
    assert_int_equal(i->compartment != SMART_TYPE_NONE,
                     i->kind == SMART_INTERACTION_SEARCH_COMPARTMENT);
    assert_int_equal(i->type == SMART_TYPE_NONE,
                     i->level == SMART_LEVEL_SYSTEM || i->all_types);
    assert_true(!i->conditional || i->search.count + i->if_none_exist.count);
}

static void every_input_is_malformed_or_one_interaction(void **state)
{
    unsigned seen[SMART_INTERACTION_COUNT] = {0};
    int n, kind;

    (void)state;
    for (n = 0; n < 200000; n++) {
        const smart_request_t req = random_request();
        smart_interaction_t i;

        if (read_request(&req, &i) != SMART_REASON_UNDECIDED ||
            i.kind == SMART_INTERACTION_UNKNOWN) {
            assert_says_nothing(&i);
        }
        else {
            assert_consistent(&i, &req);
        }
        seen[i.kind]++;
        apr_pool_clear(pool);
    }
    for (kind = 0; kind < SMART_INTERACTION_COUNT; kind++) {
        assert_true(seen[kind] > 0 || kind == SMART_INTERACTION_TRANSACTION);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(requests_are_recognised, clear),
        cmocka_unit_test_teardown(malformed_is_neither_known_nor_unknown,
                                  clear),
        cmocka_unit_test_teardown(methods_are_known_or_not, clear),
        cmocka_unit_test_teardown(parts_are_handed_out, clear),
        cmocka_unit_test_teardown(types_are_those_of_the_version, clear),
        cmocka_unit_test_teardown(if_none_exist_makes_create_conditional,
                                  clear),
        cmocka_unit_test_teardown(prefer_is_read_in_every_spelling, clear),
        cmocka_unit_test_teardown(provenance_is_carried_on, clear),
        cmocka_unit_test_teardown(names_and_kinds_belong_together, clear),
        cmocka_unit_test_teardown(every_input_is_malformed_or_one_interaction,
                                  clear),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
