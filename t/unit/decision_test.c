/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decision_test.c: what is public, what rules do, what a decision says; and
 * the invariants of decision.h on requests and tokens made up at random from
 * a fixed seed.
 */
#include "ask.h"

#include <stdlib.h>

#include <apr_general.h>

#include "core/part.h"

#define READ "GET /Observation/1"

/* --- rules --------------------------------------------------------------- */

/* The policy with a rule for each text. */
static smart_policy_t with_rules(const char *const *texts)
{
    const smart_rule_t **rules = apr_pcalloc(pool, 8 * sizeof(*rules));
    smart_policy_t policy = ask_policy;

    policy.rules = rules;
    for (; *texts; texts++) {
        smart_rule_t *rule = apr_palloc(pool, sizeof(*rule));
        char *words, *last, *argv[8];
        const char *error;
        int argc = 0;
        words = apr_pstrdup(pool, *texts);
        for (last = words; (argv[argc] = apr_strtok(last, " ", &words));
             last = NULL) {
            argc++;
        }
        if (!smart_rule_parse((const char *const *)argv, argc, pool, rule,
                              &error)) {
            fail_msg("%s: %s", *texts, error);
        }
        rules[policy.rule_count++] = rule;
    }
    return policy;
}

#define RULES(...) with_rules((const char *const[]){__VA_ARGS__, NULL})

static void a_rule_replaces_the_letters(void **state)
{
    static const twin_t twins[] = {
        {"its letters", BY("user/Observation.d", READ), 0,
         BY("user/Observation.cru", READ), SMART_REASON_NO_SCOPE},
        {"all of its letters", BY("system/Observation.cu", READ), 0,
         BY("system/Observation.c", READ), SMART_REASON_NO_SCOPE},
        {"letters unite", BY("system/Observation.c system/Observation.u", READ),
         0, BY("system/Observation.c user/Observation.u", READ),
         SMART_REASON_NO_SCOPE},
        {"its context", OF("user/Observation.d", READ), 0,
         OF("patient/Observation.d", READ), SMART_REASON_NO_SCOPE},
        {"its type", BY("user/Condition.r user/Observation.d", READ), 0,
         BY("user/Observation.r user/Condition.d", READ),
         SMART_REASON_NO_SCOPE},
        {"fhirUser still counts", BY("user/Observation.d", READ), 0,
         BY_USER("user/Observation.d", READ, "Person/1"),
         SMART_REASON_FHIR_USER},
        {"not for other interactions",
         BY("user/Observation.d", "DELETE /Observation/1"), MINIMAL,
         BY("user/Observation.d", "GET /Observation/1/_history/1"),
         SMART_REASON_NO_SCOPE},
        {"inspected all the same",
         BY_USER("user/Observation.d", READ, "Practitioner/1"), 0,
         BY_USER("user/Observation.d", READ, "Patient/"),
         SMART_REASON_FHIR_USER},
    };
    const ask_t constrained = BY("user/Observation.d?category=a", READ);
    const ask_t held = BY_USER("user/Observation.d", READ, "Patient/1");
    smart_policy_t policy =
        RULES("read Observation user/*.d system/Observation.cu");

    ASSERT_TWINS(&policy, twins);
    assert_permits(&policy, "constrained", &constrained, INSPECT);
    assert_permits(&policy, "held", &held, INSPECT);
    assert_ptr_equal(ask_by(&policy, &held).rule, policy.rules[0]);
}

static void a_rule_lifts_no_other_condition(void **state)
{
    static const twin_t twins[] = {
        {"foreign", OF("patient/Patient.r", "GET /Patient/pat-1"), INSPECT,
         OF("patient/Patient.r", "GET /Patient/pat-2"), SMART_REASON_FOREIGN},
        {"no patient", OF("patient/Patient.r", "GET /Patient/pat-1"), INSPECT,
         BY("patient/Patient.r", "GET /Patient/pat-1"),
         SMART_REASON_NO_PATIENT},
        {"restricted system search", OF("patient/Observation.r", READ), INSPECT,
         OF("patient/Observation.r", "GET /Observation?foo=1"),
         SMART_REASON_CONSTRUCT},
        {"chain", BY("user/Observation.r", "GET /Observation?subject=1"), 0,
         BY("user/Observation.r", "GET /Observation?subject.name=1"),
         SMART_REASON_CONSTRUCT},
        {"provenance", BY("user/Observation.r", "POST /Observation"), 0,
         BY_WITH("user/Observation.r", "POST /Observation", "X-Provenance: {}"),
         SMART_REASON_NO_SCOPE},
        {"all types", BY("user/*.r", "GET /_history"), 0,
         BY("user/Observation.r", "GET /_history"), SMART_REASON_NO_SCOPE},
        {"batch", BY("user/*.r", "POST /"), BODY,
         BY("user/Observation.r", "POST /"), SMART_REASON_NO_SCOPE},
        {"page", BY("user/*.r", "GET /?_page=1"), INSPECT,
         BY("user/*.c", "GET /?_page=1"), SMART_REASON_NO_SCOPE},
    };
    smart_policy_t policy = RULES("* * user/*.r patient/*.r");

    ASSERT_TWINS(&policy, twins);
}

static void the_first_rule_that_matches_counts(void **state)
{
    const ask_t observation = BY("user/*.cruds", READ);
    const ask_t condition = BY("user/*.cruds", "GET /Condition/1");
    const ask_t vread = BY("user/*.cruds", READ "/_history/1");
    const ask_t nobody = BY("", "GET /Condition/1");
    smart_policy_t policy =
        RULES("read Observation deny", "read Condition public", "read * deny",
              "read Condition deny");

    assert_denies(&policy, "deny", &observation, SMART_REASON_RULE);
    assert_ptr_equal(ask_by(&policy, &observation).rule, policy.rules[0]);
    assert_permits(&policy, "public", &condition, 0);
    assert_permits(&policy, "public", &nobody, 0);
    assert_permits(&policy, "no rule", &vread, 0);
    assert_null(ask_by(&policy, &vread).rule);
}

/* --- public -------------------------------------------------------------- */

static void check_public(const smart_policy_t *policy, const char *request,
                         bool expected)
{
    const ask_t ask = BY("", request);
    smart_interaction_t i = ask_interaction(policy->version, &ask);
    smart_decision_t d = smart_decide(policy, NULL, &i, pool);

    if (smart_decision_public(policy, &i) != expected || d.permit != expected ||
        d.is_public != expected ||
        d.reason !=
            (expected ? SMART_REASON_UNDECIDED : SMART_REASON_NO_TOKEN)) {
        fail_msg("%s: %spublic", request, expected ? "not " : "");
    }
    assert_int_equal(d.obligations, 0);
    assert_null(d.scope);
}

static void without_a_token_only_what_is_public_is_permitted(void **state)
{
    const char *const metadata = "GET /metadata";
    const char *const discovery = "GET /.well-known/smart-configuration";
    smart_policy_t policy = ask_policy;

    check_public(&policy, metadata, true);
    check_public(&policy, "HEAD /metadata", true);
    check_public(&policy, discovery, true);
    check_public(&policy, "POST /metadata", false);
    check_public(&policy, "OPTIONS /metadata", false);
    check_public(&policy, READ, false);
    check_public(&policy, "POST /", false);
    check_public(&policy, "BREW /", false);
    policy.discovery_public = false;
    check_public(&policy, metadata, true);
    check_public(&policy, discovery, false);
    policy = RULES("read ValueSet public", "$expand ValueSet public");
    check_public(&policy, "GET /ValueSet/1", true);
    check_public(&policy, "GET /ValueSet/1/$expand", true);
    check_public(&policy, "GET /ValueSet", false);
    check_public(&policy, "GET /CodeSystem/1", false);
    policy = RULES("* * public");
    check_public(&policy, "DELETE /Observation/1", true);
    check_public(&policy, "BREW /", false);
    check_public(&policy, "GET /Foo", false);
    policy = RULES("capabilities * deny", "discovery * user/*.r");
    check_public(&policy, metadata, false);
    check_public(&policy, discovery, false);
}

/* What a rule makes public is looked at by nobody, so it has to be that only. */
static void what_is_public_shows_nothing_else(void **state)
{
    static const char *const beyond[] = {
        "GET /Organization?_revinclude=Patient:organization",
        "GET /Organization?_include=*",
        "GET /Organization?_INCLUDE=*",
        "GET /Organization?_revinclude:iterate=*",
        "GET /Organization?_contained=true",
        "GET /Organization?_query=all",
        "GET /Organization?_graph=all",
        "GET /Organization?_has:Patient:organization:name=x",
        "GET /Organization?partof.name=x",
        "GET /Organization?_sort=partof:Organization.name",
        "GET /Organization?_filter=x",
        "GET /Organization?_getpages=x",
        "GET /Organization?_GetPages=x",
        "GET /Organization/1?_getpages=x",
        "POST /Organization/_search",
        "GET /ValueSet/$expand?_getpages=x",
        "GET /ValueSet/$expand?_include=*",
        "GET /metadata?_getpages=x",
        "GET /.well-known/smart-configuration?_getpages=x",
    };
    const ask_t ask = BY("user/Organization.s user/Patient.s",
                         "GET /Organization?_include=*");
    smart_policy_t policy = RULES("read,search-type Organization public",
                                  "$expand ValueSet public");
    size_t n;

    check_public(&policy, "GET /Organization?name=x&_sort=-name&_count=5",
                 true);
    check_public(&policy, "GET /Organization/_search?name=x", true);
    check_public(&policy, "GET /ValueSet/$expand?offset=1", true);
    for (n = 0; n < sizeof(beyond) / sizeof(beyond[0]); n++) {
        check_public(&policy, beyond[n], false);
    }
    assert_permits(&policy, "by scopes", &ask, INSPECT);
    policy = RULES("read,search-type * public");
    check_public(&policy, "GET /Organization?_include=*", true);
    policy = RULES("read,$expand * public");
    check_public(&policy, "GET /Organization/1?_include=*", false);
    policy = RULES("delete * deny", "* * public");
    check_public(&policy, "GET /Organization?_include=*", true);
    check_public(&policy, "GET /_history", true);
    policy = RULES("search-system * public");
    check_public(&policy, "GET /?_type=Patient", true);
    policy = RULES("* Patient deny", "* * public");
    check_public(&policy, "GET /Organization?name=x", true);
    check_public(&policy, "GET /Organization?_include=*", false);
    check_public(&policy, "GET /?_type=Patient", false);
    check_public(&policy, "GET /_history", false);
    check_public(&policy, "GET /?_page=1", false);
    check_public(&policy, "GET /Encounter/1/*", false);
    check_public(&policy, "DELETE /?_id=1", false);
    check_public(&policy, "GET /Encounter/1/Organization", true);
    check_public(&policy, "DELETE /Organization?name=1", true);
    policy = RULES("search-type Organization deny");
    assert_denies(&policy, "other rules are about all", &ask,
                  SMART_REASON_RULE);
}

/* Or what is not public could be done in it. */
static void a_public_batch_is_judged(void **state)
{
    const ask_t ask = BY("", "POST /");
    smart_policy_t policy = RULES("batch * public");
    smart_interaction_t i = ask_interaction(policy.version, &ask);

    assert_true(smart_decision_public(&policy, &i));
    assert_permits(&policy, "batch", &ask, BODY);
    assert_true(ask_by(&policy, &ask).is_public);
    i.kind = SMART_INTERACTION_TRANSACTION;
    assert_false(smart_decision_public(&policy, &i));
    policy = RULES("batch,transaction * public");
    assert_int_equal(smart_decide(&policy, NULL, &i, pool).obligations, BODY);
    policy.enforced = ALL & ~(unsigned)BODY;
    assert_denies(&policy, "nobody could", &ask, SMART_REASON_NOT_JUDGED);
}

static void a_public_create_asks_for_nothing_else(void **state)
{
    const char *const chain = "If-None-Exist: partof.name=x";
    const ask_t ask =
        BY_WITH("", "POST /Organization", "If-None-Exist: name=x");
    const ask_t beyond = BY_WITH("", "POST /Organization", chain);
    smart_policy_t policy = RULES("create Organization public");

    assert_permits(&policy, "public", &ask, 0);
    assert_denies(&policy, "a chain", &beyond, SMART_REASON_NO_SCOPE);
}

static void a_body_makes_nothing_public(void **state)
{
    smart_interaction_t i = {0};

    i.kind = SMART_INTERACTION_CAPABILITIES;
    assert_true(smart_decision_public(&ask_policy, &i));
    i.body = true;
    assert_false(smart_decision_public(&ask_policy, &i));
}

static void a_token_does_not_count_where_it_is_public(void **state)
{
    smart_policy_t policy =
        RULES("read Observation public", "capabilities * user/*.r");
    const ask_t ask = BY("", READ);
    const ask_t metadata = BY("user/*.r", "GET /metadata");
    const ask_t none = BY("user/Observation.r", "GET /metadata");

    assert_permits(&policy, "public", &ask, 0);
    assert_true(ask_by(&policy, &ask).is_public);
    assert_permits(&policy, "by a rule", &metadata, 0);
    assert_false(ask_by(&policy, &metadata).is_public);
    assert_denies(&policy, "by a rule", &none, SMART_REASON_NO_SCOPE);
}

/* --- what a decision says ------------------------------------------------ */

static void what_is_unknown_is_denied(void **state)
{
    static const struct {
        const char *request;
        smart_reason_e reason;
    } rows[] = {
        {"BREW /Observation", SMART_REASON_METHOD},
        {"get /Observation", SMART_REASON_METHOD},
        {"OPTIONS /Observation", SMART_REASON_INTERACTION},
        {"POST /metadata", SMART_REASON_INTERACTION},
        {"GET /Foo", SMART_REASON_INTERACTION},
        {"GET /Foo/1", SMART_REASON_INTERACTION},
        {"GET /observation", SMART_REASON_INTERACTION},
        {"PUT /Observation", SMART_REASON_INTERACTION},
        {"GET /NutritionIntake", SMART_REASON_INTERACTION}, /* R5 */
        {"GET /bulk/1/Patient.ndjson", SMART_REASON_INTERACTION},
    };
    size_t n;

    for (n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        const ask_t ask = OF("system/*.cruds patient/*.cruds", rows[n].request);
        assert_denies(&ask_policy, "unknown", &ask, rows[n].reason);
    }
}

/* scope: of a permit, or what a refused client should ask for. */
static const struct {
    ask_t ask;
    const char *scope;
} named[] = {
    {BY("user/Observation.s user/Observation.r", READ), "user/Observation.r"},
    {BY("user/Condition.r user/*.rs", READ), "user/*.rs"},
    {BY("user/*.read", READ), "user/*.read"},
    {OF("patient/Observation.r?category=a|b", READ),
     "patient/Observation.r?category=a|b"},
    {BY("user/Observation.s system/Observation.s", READ), "user/Observation.r"},
    {BY("system/Observation.s", READ), "system/Observation.r"},
    {BY("", READ), "system/Observation.r"},
    {OF("user/Observation.s", READ), "patient/Observation.r"},
    {BY("user/Observation.s patient/Observation.s", READ),
     "patient/Observation.r"},
    {BY("user/Observation.c", "PUT /Observation?code=1"),
     "user/Observation.us"},
    {BY("user/Observation.r", "GET /?_type=Observation,Condition"),
     "user/Condition.s"},
    {BY("user/Condition.s", "GET /?_type=Observation,Condition"),
     "user/Observation.s"},
    {BY("user/Condition.s", "GET /?_id=1"), "user/*.s"},
    {BY("user/Condition.r", "GET /?_page=1"), "user/*.s"},
    {BY("user/Observation.r", "POST /_search"), "user/*.s"},
    {BY("", "POST /"), NULL},
    {OF("patient/*.rs", "GET /$export"), "system/*.rs"},
    {OF("system/Patient.rs patient/*.rs", "GET /$export?_type=Patient,Group"),
     "system/Group.rs"},
    {BY("user/Patient.r", "GET /Patient/p/$everything?_type=Group"),
     "user/Group.r"},
    {BY_WITH("user/Observation.c", "POST /Observation", "X-Provenance: {}"),
     "user/Provenance.c"},
    {OF_WITH("user/Observation.c", "POST /Observation", "X-Provenance: {}"),
     "user/Provenance.c"},
    /* other reasons name none */
    {OF("patient/Patient.r", "GET /Patient/pat-2"), NULL},
    {BY("patient/Patient.r", "GET /Patient/pat-2"), NULL},
    {BY("user/Observation.s", "GET /Observation?subject.name=x"), NULL},
};

static void a_scope_is_named(void **state)
{
    const ask_t ask = OF("patient/Observation.s", READ);
    const ask_t other = BY("user/Observation.s", READ);
    smart_policy_t policy;
    size_t n;

    for (n = 0; n < sizeof(named) / sizeof(named[0]); n++) {
        smart_decision_t d = ask_by(&ask_policy, &named[n].ask);
        if (differs(d.scope, named[n].scope)) {
            fail_msg("%s, %s: %s instead of %s", named[n].ask.scopes,
                     named[n].ask.request, d.scope, named[n].scope);
        }
    }
    policy = RULES("read * system/Patient.d patient/*.cd");
    assert_string_equal(ask_by(&policy, &ask).scope, "patient/Observation.cd");
    assert_string_equal(ask_by(&policy, &other).scope, "system/Patient.d");
}

/* The reason of the attempt that came nearest. */
static void the_nearest_reason_is_given(void **state)
{
    static const struct {
        const char *scopes;
        const char *patient;
        const char *user;
        smart_reason_e reason;
    } rows[] = {
        {"user/Observation.r patient/Patient.r", "pat-1", "Person/1",
         SMART_REASON_FOREIGN},
        {"user/Patient.r patient/Patient.r", "pat-1", "Person/1",
         SMART_REASON_FOREIGN},
        {"user/Patient.r patient/Patient.r", "", "Practitioner/1",
         SMART_REASON_UNDECIDED},
        {"user/Observation.r patient/Patient.r", "", "Person/1",
         SMART_REASON_NO_PATIENT},
        {"user/Patient.r patient/Observation.r", "pat-1", "Person/1",
         SMART_REASON_FHIR_USER},
        {"user/Observation.r patient/Observation.r", "pat-1", "Person/1",
         SMART_REASON_NO_SCOPE},
    };
    size_t n;

    for (n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        const ask_t ask = {.scopes = rows[n].scopes,
                           .request = "GET /Patient/pat-2",
                           .patient = rows[n].patient,
                           .user = rows[n].user};
        smart_decision_t d = ask_by(&ask_policy, &ask);
        assert_int_equal(d.reason, rows[n].reason);
        assert_int_equal(d.permit, rows[n].reason == SMART_REASON_UNDECIDED);
    }
}

static void a_caller_that_can_do_less_denies_more(void **state)
{
    smart_policy_t foundation = ask_policy;
    const ask_t read = OF("patient/Observation.r", READ);
    const ask_t all = BY("user/Patient.r", "GET /Patient/pat-1");
    const ask_t form = BY("user/Observation.s", "POST /Observation/_search");
    const ask_t held = OF("patient/Observation.s", "POST /Observation/_search");

    foundation.enforced = FORM;
    assert_denies(&foundation, "inspect", &read, SMART_REASON_NOT_JUDGED);
    assert_permits(&foundation, "nothing to look at", &all, 0);
    assert_permits(&foundation, "form", &form, FORM);
    assert_denies(&foundation, "form", &held, SMART_REASON_NOT_JUDGED);
    foundation.enforced = 0;
    assert_denies(&foundation, "form", &form, SMART_REASON_NOT_JUDGED);
}

static void nothing_set_denies(void **state)
{
    const ask_t ask = BY("system/*.cruds", READ);
    const smart_decision_t none = {0};
    const smart_interaction_t nothing = {0};
    const smart_policy_t no_policy = {0};
    const smart_grant_t no_grant = {0};
    smart_policy_t versionless = ask_policy;
    smart_grant_t grant = ask_grant(SMART_FHIR_R4, &ask);
    smart_interaction_t i = ask_interaction(SMART_FHIR_R4, &ask);

    assert_false(none.permit);
    assert_int_equal(none.reason, SMART_REASON_UNDECIDED);
    assert_true(smart_decide(&ask_policy, &grant, &i, pool).permit);
    assert_false(smart_decide(&no_policy, &grant, &i, pool).permit);
    assert_false(smart_decide(&ask_policy, &no_grant, &i, pool).permit);
    assert_false(smart_decide(&ask_policy, NULL, &i, pool).permit);
    assert_false(smart_decide(&ask_policy, &grant, &nothing, pool).permit);
    assert_false(smart_decide(&no_policy, NULL, &nothing, pool).permit);
    versionless.version = SMART_FHIR_NONE;
    assert_false(smart_decide(&versionless, &grant, &i, pool).permit);
    i.kind = SMART_INTERACTION_COUNT;
    assert_false(smart_decide(&ask_policy, &grant, &i, pool).permit);
}

/* A transaction is a batch to whoever asks before the body is read. */
static void bundles_are_answered_at_once(void **state)
{
    const ask_t ask = BY_WITH("user/*.crud", "POST /", "Prefer: respond-async");
    smart_grant_t grant = ask_grant(SMART_FHIR_R4, &ask);
    smart_interaction_t i = ask_interaction(SMART_FHIR_R4, &ask);

    i.kind = SMART_INTERACTION_TRANSACTION;
    assert_int_equal(smart_decide(&ask_policy, &grant, &i, pool).reason,
                     SMART_REASON_ASYNC);
    i.async = false;
    assert_int_equal(smart_decide(&ask_policy, &grant, &i, pool).obligations,
                     BODY);
}

/* A rule that nobody filled in is of no use, for anyone. */
static void an_empty_rule_denies(void **state)
{
    const ask_t ask = BY("system/*.cruds", READ);
    const smart_scope_t zero = {0};
    smart_rule_t rule = {0};
    const smart_rule_t *rules[1] = {&rule};
    smart_policy_t policy = ask_policy;

    rule.kinds = ~(apr_uint32_t)0;
    rule.any_type = true;
    policy.rules = rules;
    policy.rule_count = 1;
    assert_denies(&policy, "zero", &ask, SMART_REASON_RULE);
    rule.requirement = SMART_RULE_SCOPES;
    assert_denies(&policy, "no scopes", &ask, SMART_REASON_NO_SCOPE);
    assert_null(ask_by(&policy, &ask).scope);
    rule.scopes = &zero;
    rule.scope_count = 1;
    assert_denies(&policy, "a scope of nothing", &ask, SMART_REASON_NO_SCOPE);
}

/* --- invariants, at random ----------------------------------------------- */

#define ROUNDS     250000
#define MAX_SCOPES 6

static apr_uint32_t seed;

static unsigned below(unsigned n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

#define PICK(list) (list)[below(sizeof(list) / sizeof((list)[0]))]

static const char *const contexts[] = {"patient", "patient", "user", "system"};
static const char *const types[] = {"Observation", "Patient",      "Condition",
                                    "*",           "Practitioner", "Device",
                                    "Group",       "Provenance",   "ValueSet"};
static const char *const letters[] = {"r", "s",  "rs", "c",     "u",
                                      "d", "cs", "us", "cruds", "ds"};
static const char *const constraints[] = {"", "", "", "?_tag=a", "?_tag=b"};
static const char *const users[] = {
    NULL, NULL, "Patient/pat-1", "Patient/pat-2", "Practitioner/1", "Person/1"};
static const char *const patients[] = {NULL, "pat-1", "pat-1", "pat-2"};
static const char *const headers[] = {NULL,
                                      NULL,
                                      NULL,
                                      NULL,
                                      "Prefer: respond-async",
                                      "X-Provenance: {}",
                                      "If-None-Exist: code=1",
                                      "If-None-Exist: subject.name=1"};
static const char *const requests[] = {
    "GET /Observation/1",
    "HEAD /Patient/pat-1",
    "GET /Patient/pat-2",
    "GET /Patient/pat-1/_history",
    "GET /Observation/1/_history/2",
    "PUT /Patient/pat-1",
    "PUT /Observation/1",
    "PATCH /Patient/pat-1",
    "PATCH /Condition/1",
    "DELETE /Observation/1",
    "DELETE /Patient/pat-1",
    "PUT /Observation?code=1",
    "PATCH /Observation?subject.name=1",
    "DELETE /Condition?code=1",
    "DELETE /?_lastUpdated=lt2",
    "POST /Observation",
    "POST /Patient",
    "POST /Practitioner",
    "GET /Device",
    "GET /Binary/1",
    "GET /Binary",
    "GET /Location",
    "GET /MessageHeader/1",
    "POST /Location",
    "GET /Observation",
    "GET /Observation?code=1&_include=*",
    "GET /Observation?subject:Patient.name=1",
    "GET /Patient?_id=pat-1",
    "GET /Patient?_has:Observation:patient:code=1",
    "GET /Observation?foo=1",
    "GET /Observation?subject=",
    "POST /Observation/_search",
    "POST /_search",
    "GET /?_type=Observation,Condition",
    "GET /?_id=1",
    "GET /_history",
    "GET /Observation/_history",
    "GET /Patient/pat-1/Observation",
    "GET /Patient/pat-1/*",
    "GET /Patient/pat-1/Device",
    "POST /Patient/pat-1/Condition/_search",
    "GET /Group/1/Observation",
    "GET /?_getpages=1",
    "GET /?_page=1&_id=1",
    "POST /",
    "GET /metadata",
    "GET /Patient/pat-1/$everything?_type=Condition",
    "GET /Patient/pat-1/$everything",
    "POST /Patient/$everything",
    "GET /Observation/$lastn?code=1",
    "POST /Observation/$lastn",
    "GET /$export",
    "GET /Patient/$export?_type=Patient,Condition",
    "POST /Group/1/$export",
    "GET /ValueSet/$expand",
    "POST /Patient/$match",
    "GET /$export-poll-status",
    "GET /Foo",
    "BREW /Observation",
    "GET /Observation/1?_getpages=a",
    "GET /Observation?_summary=count"};
static const char *const rule_texts[] = {
    "* * deny",
    "* Observation deny",
    "read,search-type * deny",
    "$* * deny",
    "* * user/*.r patient/*.s",
    "$* Patient system/*.rs patient/Patient.r",
    "search-type * public",
    "batch * system/*.cruds",
    "create * user/*.r"};
static const smart_compartment_e modes[] = {
    SMART_COMPARTMENT_FORMAL, SMART_COMPARTMENT_FORMAL,
    SMART_COMPARTMENT_SUBJECT, SMART_COMPARTMENT_OFF};
static const unsigned enforced[] = {0,   FORM,           ALL,
                                    ALL, ALL & ~INSPECT, ALL & ~MINIMAL};

static const char *random_scopes(void)
{
    const char *out = "";
    unsigned n = below(MAX_SCOPES + 1);

    while (n--) {
        out = apr_psprintf(pool, "%s %s/%s.%s%s", out, PICK(contexts),
                           PICK(types), PICK(letters), PICK(constraints));
    }
    return out;
}

typedef struct round_t {
    smart_policy_t policy;
    smart_rule_t rules[3];
    const smart_rule_t *prules[3];
    ask_t ask;
    smart_grant_t grant;
    smart_interaction_t i;
    smart_decision_t d;
} round_t;

static void random_rule(smart_rule_t *rule, const char *text)
{
    char *words = apr_pstrdup(pool, text), *last = words, *argv[8];
    const char *error;
    int argc = 0;

    for (; (argv[argc] = apr_strtok(last, " ", &words)); last = NULL) {
        argc++;
    }
    assert_true(
        smart_rule_parse((const char *const *)argv, argc, pool, rule, &error));
}

static void random_round(round_t *r)
{
    memset(r, 0, sizeof(*r));
    r->policy = ask_policy;
    r->policy.enforced = PICK(enforced);
    r->policy.fhir_user = (smart_fhir_user_e)below(2);
    r->policy.compartment.mode = PICK(modes);
    r->policy.rules = r->prules;
    while (r->policy.rule_count < 2 && below(3) == 0) {
        random_rule(&r->rules[r->policy.rule_count], PICK(rule_texts));
        r->prules[r->policy.rule_count] = &r->rules[r->policy.rule_count];
        r->policy.rule_count++;
    }
    r->ask.scopes = random_scopes();
    r->ask.request = PICK(requests);
    r->ask.patient = PICK(patients);
    r->ask.user = PICK(users);
    r->ask.header = PICK(headers);
    r->grant = ask_grant(SMART_FHIR_R4, &r->ask);
    r->i = ask_interaction(SMART_FHIR_R4, &r->ask);
    r->d = smart_decide(&r->policy, &r->grant, &r->i, pool);
}

static void broken(const round_t *r, const char *invariant)
{
    fail_msg("%s: \"%s\" for %s, fhirUser %s, asks %s with %s", invariant,
             r->ask.scopes, r->ask.patient ? r->ask.patient : "nobody",
             r->ask.user ? r->ask.user : "absent", r->ask.request,
             r->ask.header ? r->ask.header : "no header");
}

/* "Taking a scope away never turns deny into permit." */
static void check_fewer_scopes(const round_t *r)
{
    smart_scope_t kept[MAX_SCOPES];
    smart_grant_t less = r->grant;
    int out, n;

    for (out = 0; out < r->grant.scope_count; out++) {
        less.scope_count = 0;
        less.scopes = kept;
        for (n = 0; n < r->grant.scope_count; n++) {
            if (n != out) {
                kept[less.scope_count++] = r->grant.scopes[n];
            }
        }
        if (!r->d.permit &&
            smart_decide(&r->policy, &less, &r->i, pool).permit) {
            broken(r, "fewer scopes permit more");
        }
    }
}

/* Whether two narrow to something else. */
static bool narrows(const smart_decision_t *a, const smart_decision_t *b)
{
    int n;

    for (n = 0; n < a->narrow_count && n < b->narrow_count; n++) {
        if (differs(a->narrow[n].name, b->narrow[n].name) ||
            differs(a->narrow[n].value, b->narrow[n].value)) {
            return true;
        }
    }
    return a->narrow_count != b->narrow_count;
}

static void check_order(const round_t *r)
{
    smart_scope_t turned[MAX_SCOPES];
    smart_grant_t grant = r->grant;
    smart_decision_t d;
    int n;

    for (n = 0; n < r->grant.scope_count; n++) {
        turned[n] = r->grant.scopes[r->grant.scope_count - 1 - n];
    }
    grant.scopes = turned;
    d = smart_decide(&r->policy, &grant, &r->i, pool);
    if (d.permit != r->d.permit || d.reason != r->d.reason ||
        d.obligations != r->d.obligations || d.restricted != r->d.restricted ||
        differs(d.query, r->d.query) || differs(d.patient, r->d.patient) ||
        d.shown != r->d.shown || (!r->i.conditional && narrows(&d, &r->d)) ||
        (!d.permit && differs(d.scope, r->d.scope))) {
        broken(r, "the order of scopes counts");
    }
}

/* Fewer types shared, and patients held apart by us, restrict further. */
static void check_compartment(const round_t *r)
{
    round_t more = *r;

    memset(&more.policy.compartment.shared, 0,
           sizeof(more.policy.compartment.shared));
    if (!r->d.permit &&
        smart_decide(&more.policy, &more.grant, &more.i, pool).permit) {
        broken(r, "fewer shared types permit more");
    }
    more = *r;
    more.policy.compartment.mode = SMART_COMPARTMENT_FORMAL;
    if (!r->d.permit &&
        smart_decide(&more.policy, &more.grant, &more.i, pool).permit) {
        broken(r, "a compartment permits more than none");
    }
}

/* A constraint more, on a scope that has none. */
static void check_constraint(const round_t *r)
{
    smart_scope_t scopes[MAX_SCOPES];
    smart_grant_t less = r->grant;
    static const char text[] = "_tag=a";
    int n;

    less.scopes = scopes;
    less.constraints = apr_pstrcat(pool, r->grant.constraints, text, NULL);
    for (n = 0; n < r->grant.scope_count; n++) {
        memcpy(scopes, r->grant.scopes,
               (size_t)r->grant.scope_count * sizeof(*scopes));
        if (scopes[n].constraint_len) {
            continue;
        }
        scopes[n].constraint_start = (apr_uint32_t)strlen(r->grant.constraints);
        scopes[n].constraint_len = sizeof(text) - 1;
        if (!r->d.permit &&
            smart_decide(&r->policy, &less, &r->i, pool).permit) {
            broken(r, "a constraint permits more");
        }
    }
}

static void check_deny_rule(const round_t *r)
{
    round_t more = *r;
    unsigned at = below((unsigned)r->policy.rule_count + 1), n;
    smart_rule_t deny;

    random_rule(&deny, rule_texts[below(4)]);
    for (n = (unsigned)r->policy.rule_count; n > at; n--) {
        more.prules[n] = r->prules[n - 1];
    }
    more.prules[at] = &deny;
    more.policy.rules = more.prules;
    more.policy.rule_count++;
    if (!r->d.permit &&
        smart_decide(&more.policy, &more.grant, &more.i, pool).permit) {
        broken(r, "one more deny permits more");
    }
}

static void check_obligations(const round_t *r)
{
    smart_policy_t more = r->policy;

    if (r->d.obligations & ~r->policy.enforced) {
        broken(r, "owes what can not be met");
    }
    more.enforced = ALL;
    if (r->d.permit && !smart_decide(&more, &r->grant, &r->i, pool).permit) {
        broken(r, "who can do more may do less");
    }
}

/* A restricted request has to be looked at, but for codes, discovery and what
 * the URL tells of the own Patient. */
static bool owes_nothing(const round_t *r)
{
    return !r->d.obligations && r->i.kind != SMART_INTERACTION_CAPABILITIES &&
           r->i.kind != SMART_INTERACTION_DISCOVERY &&
           strcmp(r->ask.request, "DELETE /Patient/pat-1") != 0 &&
           strcmp(r->ask.request, "GET /ValueSet/$expand") != 0;
}

/* The parts have to agree with what is said of them. */
static void check_facts(const round_t *r)
{
    smart_decision_t none = smart_decide(&r->policy, NULL, &r->i, pool);
    bool needs_patient = r->d.scope && strncmp(r->d.scope, "patient/", 8) == 0;

    if (none.permit != smart_decision_public(&r->policy, &r->i) ||
        (none.permit && !none.is_public)) {
        broken(r, "not public, but permitted without a token");
    }
    if (!r->d.permit) {
        if (r->d.obligations || r->d.query || r->d.patient || r->d.shown ||
            r->d.narrow_count) {
            broken(r, "a deny says more than why");
        }
        return;
    }
    if (r->d.reason != SMART_REASON_UNDECIDED ||
        (!r->d.is_public && !r->d.scope) ||
        (r->d.patient && !r->d.restricted)) {
        broken(r, "a permit is at odds with itself");
    }
    if (((r->d.obligations & (INSPECT | CONTEXT)) != 0) != (r->d.shown != 0) ||
        (r->d.narrow_count && !(r->d.obligations & NARROW)) ||
        (r->d.restricted && owes_nothing(r))) {
        broken(r, "obligations are at odds with what comes with them");
    }
    if (needs_patient && r->policy.compartment.mode == SMART_COMPARTMENT_OFF
            ? r->d.patient != NULL
            : needs_patient &&
                  (differs(r->d.patient, r->grant.patient) || !*r->d.patient)) {
        broken(r, "patient/ without its patient");
    }
    if (r->d.restricted && r->i.async) {
        broken(r, "restricted, but answered elsewhere");
    }
}

static void invariants_hold_at_random(void **state)
{
    int n, permits = 0, restricted = 0;
    apr_pool_t *kept = pool;
    round_t r;

    seed = 20220601;
    apr_pool_create(&pool, kept);
    for (n = 0; n < ROUNDS; n++) {
        random_round(&r);
        permits += r.d.permit;
        restricted += r.d.restricted;
        check_fewer_scopes(&r);
        check_order(&r);
        check_deny_rule(&r);
        check_compartment(&r);
        check_constraint(&r);
        check_obligations(&r);
        check_facts(&r);
        apr_pool_clear(pool);
    }
    pool = kept;
    assert_in_range(permits, ROUNDS / 20, ROUNDS / 2);
    assert_in_range(restricted, ROUNDS / 50, ROUNDS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_replaces_the_letters),
        cmocka_unit_test(a_rule_lifts_no_other_condition),
        cmocka_unit_test(the_first_rule_that_matches_counts),
        cmocka_unit_test(without_a_token_only_what_is_public_is_permitted),
        cmocka_unit_test(what_is_public_shows_nothing_else),
        cmocka_unit_test(a_public_batch_is_judged),
        cmocka_unit_test(a_public_create_asks_for_nothing_else),
        cmocka_unit_test(a_body_makes_nothing_public),
        cmocka_unit_test(a_token_does_not_count_where_it_is_public),
        cmocka_unit_test(what_is_unknown_is_denied),
        cmocka_unit_test(a_scope_is_named),
        cmocka_unit_test(the_nearest_reason_is_given),
        cmocka_unit_test(a_caller_that_can_do_less_denies_more),
        cmocka_unit_test(nothing_set_denies),
        cmocka_unit_test(bundles_are_answered_at_once),
        cmocka_unit_test(an_empty_rule_denies),
        cmocka_unit_test(invariants_hold_at_random),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
