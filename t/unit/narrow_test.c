/* SPDX-License-Identifier: Apache-2.0 */
/*
 * narrow_test.c: what is appended to a search, and when nothing is.
 */
#include "ask.h"

#include <apr_general.h>

#include "core/narrow.h"

/* The pairs of a decision as a query; "-" when it owes no narrowing. */
static const char *narrowed(const smart_policy_t *policy, const ask_t *ask)
{
    smart_decision_t d = ask_by(policy, ask);
    smart_search_t search = {0};
    int n;

    if (!d.permit) {
        fail_msg("%s, %s: %s", ask->scopes, ask->request,
                 smart_reason_row(d.reason)->name);
    }
    if (!(d.obligations & NARROW)) {
        assert_int_equal(d.narrow_count, 0);
        return "-";
    }
    for (n = 0; n < d.narrow_count; n++) {
        smart_search_add(&search, d.narrow[n].name, d.narrow[n].value, pool);
    }
    return smart_search_write(&search, pool);
}

typedef struct row_t {
    const char *what;
    ask_t ask;
    const char *pairs;
} row_t;

static void check(const smart_policy_t *policy, const row_t *rows, size_t count)
{
    size_t n;

    for (n = 0; n < count; n++) {
        const char *got = narrowed(policy, &rows[n].ask);
        if (strcmp(got, rows[n].pairs) != 0) {
            fail_msg("%s: %s instead of %s", rows[n].what, got, rows[n].pairs);
        }
    }
}
#define CHECK(policy, rows)                                                    \
    check(policy, rows, sizeof(rows) / sizeof((rows)[0]))

#define OBS  "GET /Observation"
#define MINE "patient=Patient/pat-1"

static void a_search_is_narrowed_to_the_compartment(void **state)
{
    static const row_t rows[] = {
        {"by patient", OF("patient/*.rs", OBS), MINE},
        {"by form", OF("patient/*.rs", "POST /Observation/_search"), MINE},
        {"Patient by its id", OF("patient/*.rs", "GET /Patient"), "_id=pat-1"},
        {"by the definition", OF("patient/*.rs", "GET /Group"),
         "member=Patient/pat-1"},
        {"by one of several", OF("patient/*.rs", "GET /Schedule"),
         "actor=Patient/pat-1"},
        {"what was added", OF("patient/*.rs", "GET /Device"), MINE},
        {"$lastn", OF("patient/*.rs", "GET /Observation/$lastn?max=1"), MINE},
        {"what is shared is not", OF("patient/*.rs", "GET /Location"), "-"},
        {"nor what the path narrows",
         OF("patient/*.rs", "GET /Patient/pat-1/Observation"), "-"},
        {"nor a page", OF("patient/*.rs", "GET /?_getpages=1"), "-"},
        {"a user who is a Patient", BY_USER("user/*.rs", OBS, "Patient/u"),
         "patient=Patient/u"},
        {"no other user", BY_USER("user/*.rs", OBS, "Practitioner/u"), "-"},
        {"whatever other contexts hold on other types",
         OF("patient/Observation.rs user/Condition.rs", OBS), MINE},
        {"and by whatever constraint",
         OF("patient/Observation.rs patient/Condition.rs?code=a", OBS), MINE},
    };

    CHECK(&ask_policy, rows);
}

/* Nothing a client says is merged with; only the very same is not said twice.
 */
static void what_is_said_already_is_not_appended(void **state)
{
    static const row_t rows[] = {
        {"the same", OF("patient/*.rs", OBS "?" MINE), ""},
        {"among others", OF("patient/*.rs", OBS "?code=x&" MINE), ""},
        {"without the type", OF("patient/*.rs", OBS "?patient=pat-1"), MINE},
        {"a list", OF("patient/*.rs", OBS "?" MINE ",Patient/pat-2"), MINE},
        {"twice", OF("patient/*.rs", OBS "?" MINE "&" MINE), MINE},
        {"and another", OF("patient/*.rs", OBS "?" MINE "&patient=a"), MINE},
        {"another", OF("patient/*.rs", OBS "?patient=Patient/pat-2"), MINE},
        {"by another parameter",
         OF("patient/*.rs", OBS "?subject=Patient/"
                                "pat-1"),
         MINE},
        {"escaped", OF("patient/*.rs", OBS "?patient=Patient%2Fpat-1"), ""},
        {"Patient", OF("patient/*.rs", "GET /Patient?_id=pat-1"), ""},
        {"another Patient", OF("patient/*.rs", "GET /Patient?_id=pat-2"),
         "_id=pat-1"},
        {"a constraint", OF("patient/*.rs?_tag=a", OBS "?_tag=a"), MINE},
        {"a constraint with a modifier beside it",
         OF("patient/*.rs?_tag=a", OBS "?_tag=a&_tag:not=b"), MINE "&_tag=a"},
        {"with a modifier alone", OF("patient/*.rs?_tag=a", OBS "?_tag:not=a"),
         MINE "&_tag=a"},
        {"all of it", OF("patient/*.rs?_tag=a", OBS "?_tag=a&" MINE), ""},
    };

    CHECK(&ask_policy, rows);
}

static void constraints_are_appended_where_they_form_one_query(void **state)
{
    static const row_t rows[] = {
        {"one", OF("patient/Observation.rs" LAB, OBS),
         MINE "&category=laboratory"},
        {"all its pairs", OF("patient/Observation.rs?category=a&code=b", OBS),
         MINE "&category=a&code=b"},
        {"decoded", OF("patient/Observation.rs?code=a%26b+c", OBS),
         MINE "&code=a%26b%2Bc"},
        {"a token", OF("patient/Observation.rs?code=http://l|x", OBS),
         MINE "&code=http://l%7Cx"},
        {"no patient", BY("user/Observation.rs" LAB, OBS),
         "category=laboratory"},
        {"of all types", OF("patient/*.rs?_tag=a", OBS), MINE "&_tag=a"},
        {"several of one parameter",
         OF("patient/Observation.rs?category=b patient/Observation.rs"
            "?category=a,c",
            OBS),
         MINE "&category=a,c,b"},
        {"several parameters",
         OF("patient/Observation.rs?category=a patient/Observation.rs?code=b",
            OBS),
         MINE},
        {"one with more",
         OF("patient/Observation.rs?category=a"
            " patient/Observation.rs?category=a&code=b",
            OBS),
         MINE},
        {"the same twice",
         OF("patient/Observation.rs" LAB " patient/Observation.s" LAB, OBS),
         MINE "&category=laboratory"},
        {"one that is wider",
         OF("patient/Observation.rs" LAB " patient/Observation.s", OBS), MINE},
        {"what may not search does not count",
         OF("patient/Observation.rs" LAB " patient/Observation.r", OBS),
         MINE "&category=laboratory"},
        {"nor other types",
         OF("patient/Observation.rs" LAB " patient/Condition.rs", OBS),
         MINE "&category=laboratory"},
        {"shared type",
         OF("patient/Location.rs?status=active", "GET /Location"),
         "status=active"},
    };

    CHECK(&ask_policy, rows);
}

/* What any scope covers is found. */
static void what_forms_no_query_is_left_out(void **state)
{
    static const row_t rows[] = {
        {"a constraint of a user, the compartment of a patient",
         OF("user/Observation.rs" LAB " patient/Observation.rs", OBS), "-"},
        {"constraints of both",
         OF("user/Observation.rs?category=a patient/Observation.rs?category=b",
            OBS),
         "category=a,b"},
        {"two patients",
         {.scopes = "user/Observation.rs patient/Observation.rs",
          .request = OBS,
          .patient = "pat-1",
          .user = "Patient/pat-2"},
         "-"},
        {"twice the same patient",
         {.scopes = "user/Observation.rs patient/Observation.rs",
          .request = OBS,
          .patient = "pat-1",
          .user = "Patient/pat-1"},
         MINE},
        {"scopes that are of no use do not count",
         {.scopes = "user/Observation.rs" LAB " patient/Observation.rs",
          .request = OBS,
          .patient = "pat-1",
          .user = "Person/1"},
         MINE},
    };

    CHECK(&ask_policy, rows);
}

/* Nobody sees what it matches before a resource is made or not. */
static void a_match_is_narrowed_to_the_scope_that_permits(void **state)
{
    static const row_t rows[] = {
        {"compartment",
         OF_WITH("patient/Observation.cs", "POST /Observation",
                 "If-None-Exist: code=x"),
         MINE},
        {"said already",
         OF_WITH("patient/Observation.cs", "POST /Observation",
                 "If-None-Exist: code=x&" MINE),
         ""},
        {"constraint",
         OF_WITH("patient/Observation.cs" LAB, "POST /Observation",
                 "If-None-Exist: code=x"),
         MINE "&category=laboratory"},
        {"of one scope, however many there are",
         OF_WITH("patient/Observation.cs?code=a patient/Observation.s"
                 "?category=b",
                 "POST /Observation", "If-None-Exist: code=x"),
         MINE "&code=a"},
        {"though another could search more",
         OF_WITH("user/Observation.s patient/Observation.cs",
                 "POST /Observation", "If-None-Exist: code=x"),
         MINE},
        {"held to a constraint alone",
         BY_WITH("user/Observation.cs" LAB, "POST /Observation",
                 "If-None-Exist: code=x"),
         "category=laboratory"},
        {"held to nothing",
         BY_WITH("user/Observation.cs", "POST /Observation",
                 "If-None-Exist: code=x"),
         "-"},
    };

    CHECK(&ask_policy, rows);
}

static void too_many_values_are_left_out(void **state)
{
    char *scopes = apr_pstrdup(pool, "");
    ask_t ask = OF("", OBS);
    int n;

    for (n = 0; n < SMART_NARROW_VALUES + 1; n++) {
        ask.scopes = scopes;
        if (n > 1) {
            assert_true(strlen(narrowed(&ask_policy, &ask)) > sizeof(MINE));
        }
        scopes =
            apr_psprintf(pool, "%s patient/Observation.rs?code=%d", scopes, n);
    }
    ask.scopes = scopes;
    assert_string_equal(narrowed(&ask_policy, &ask), MINE);
}

static void the_backend_may_hold_patients_apart(void **state)
{
    static const row_t rows[] = {
        {"nothing to narrow", OF("patient/Observation.rs", OBS), "-"},
        {"constraints are", OF("patient/Observation.rs" LAB, OBS),
         "category=laboratory"},
    };
    smart_policy_t policy = ask_policy;

    policy.compartment.mode = SMART_COMPARTMENT_OFF;
    CHECK(&policy, rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_search_is_narrowed_to_the_compartment),
        cmocka_unit_test(what_is_said_already_is_not_appended),
        cmocka_unit_test(constraints_are_appended_where_they_form_one_query),
        cmocka_unit_test(what_forms_no_query_is_left_out),
        cmocka_unit_test(a_match_is_narrowed_to_the_scope_that_permits),
        cmocka_unit_test(too_many_values_are_left_out),
        cmocka_unit_test(the_backend_may_hold_patients_apart),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests_name("narrow", tests, NULL, NULL);
    apr_pool_destroy(pool);
    apr_terminate();
    return failed;
}
