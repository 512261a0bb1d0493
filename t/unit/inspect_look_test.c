/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect_look_test.c: the parts of answers: small objects, URLs.
 */
#include "inspected.h"

#include "core/inspect_look.h"

static void make_look(smart_look_t *look, const smart_coverage_t *c)
{
    *look = (smart_look_t){.c = c, .p = pool, .why = "", .rebase = &rebase};
    look->glance = smart_glance_make(c, pool);
    look->members =
        apr_palloc(pool, SMART_SCAN_MAX_NAMES * sizeof(*look->members));
    smart_scan_make(&look->small, pool);
    smart_scan_make(&look->links, pool);
}

static void test_small(void **state)
{
    const smart_grant_t grant = {0};
    const smart_coverage_t c = {.policy = ask_policy_default(),
                                .grant = &grant};
    smart_slice_t text = smart_slice("{\"a\":\"x\",\"b\":{\"a\":2} ,\"c\":3}");
    smart_splice_t splice;
    smart_small_t small;
    smart_look_t look;
    static const char *const without[] = {"{\"b\":{\"a\":2} ,\"c\":3}",
                                          "{\"a\":\"x\" ,\"c\":3}",
                                          "{\"a\":\"x\",\"b\":{\"a\":2}}"};
    int i;

    make_look(&look, &c);
    smart_look_small(&look, text, &small);
    assert_false(small.strange);
    assert_int_equal(small.count, 3);
    assert_int_equal(smart_small_find(&small, "c"), 2);
    assert_int_equal(smart_small_find(&small, "d"), -1);
    assert_true(smart_slice_is(smart_small_text(&small, "a"), "x"));
    assert_int_equal(smart_small_text(&small, "c").len, 0);
    for (i = 0; i < 3; i++) {
        smart_slice_t out;

        smart_splice_begin(&splice, pool);
        smart_small_cut(&small, i, &splice);
        out = smart_splice_end(&splice, text);
        assert_true(smart_slice_is(out, without[i]));
    }
    text = smart_slice("{\"a\":1}");
    smart_look_small(&look, text, &small);
    smart_splice_begin(&splice, pool);
    smart_small_cut(&small, 0, &splice);
    assert_true(smart_slice_is(smart_splice_end(&splice, text), "{}"));
    smart_look_small(&look, smart_slice("[]"), &small);
    assert_true(small.strange);
    smart_look_small(
        &look,
        smart_slice("{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,"
                    "\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1,\"m\":1}"),
        &small);
    assert_true(small.strange);
    assert_int_equal(small.count, SMART_LOOK_MEMBERS);
}

static void test_urls(void **state)
{
    static const row_t rows[] = {
        {"links", SEARCH, 200,
         BUNDLE("searchset",
                ",\"link\":[{\"relation\":\"self\",\"url\":"
                "\"http://b/fhir/Observation?a=http://b/fhir/x\"},{\"url\":"
                "\"http:\\/\\/b\\/fhir?_getpages=1\"},{\"url\":"
                "\"http://b/fhir\"},{\"url\":\"http://b:80/fhir/x\"}]"),
         CHANGED,
         BUNDLE("searchset",
                ",\"link\":[{\"relation\":\"self\",\"url\":"
                "\"https://us/fhir/Observation?a=http://b/fhir/x\"},{\"url\":"
                "\"https://us/fhir?_getpages=1\"},{\"url\":"
                "\"https://us/fhir\"},{\"url\":\"https://us/fhir/x\"}]")},
        {"others", SEARCH, 200,
         BUNDLE("searchset",
                ",\"link\":[{\"url\":\"http://b/fhir2/x\"},{\"url\":"
                "\"http://b/fhi\"},{\"url\":\"http://c/fhir/x\"},{\"url\":"
                "\"http://b/fhir#x\"},{\"url\":\" http://b/fhir/x\"},{\"url\":"
                "\"https://us/fhir/x\"},{\"url\":1},3]"),
         SAME, NULL},
        {"slashes that are escaped", SEARCH, 200,
         BUNDLE("searchset",
                ",\"link\":[{\"url\":\"http:\\/\\/b\\/fhir\\/x\\/y\"},"
                "{\"url\":\"http:\\/\\/b\\/\\fhir\\/x\"},"
                "{\"url\":\"http:\\/\\/b\\/fhir\\nx\"},"
                "{\"url\":\"http:\\/\\/b\\/fhir\\\\x\"}]"),
         CHANGED,
         BUNDLE("searchset", ",\"link\":[{\"url\":\"https://us/fhir\\/x\\/y\"},"
                             "{\"url\":\"http:\\/\\/b\\/\\fhir\\/x\"},"
                             "{\"url\":\"http:\\/\\/b\\/fhir\\nx\"},"
                             "{\"url\":\"http:\\/\\/b\\/fhir\\\\x\"}]")},
        {"elsewhere", SEARCH, 200,
         BUNDLE("searchset", ",\"identifier\":[{\"url\":\"http://b/fhir\"}]"),
         SAME, NULL},
        {"entries", SEARCH, 200,
         BUNDLE("searchset",
                ENTRIES("{\"resource\":" OBS_OWN
                        ",\"fullUrl\":\"http://b/fhir/Observation/o1\","
                        "\"link\":[{\"url\":\"http://b/fhir/x\"}],"
                        "\"response\":{\"location\":\"http://b/fhir/y\"}}")),
         CHANGED,
         BUNDLE("searchset",
                ENTRIES("{\"resource\":" OBS_OWN
                        ",\"fullUrl\":\"https://us/fhir/Observation/o1\","
                        "\"link\":[{\"url\":\"https://us/fhir/x\"}],"
                        "\"response\":{\"location\":\"https://us/fhir/y\"}}"))},
        {"within resources", READ, 200,
         "{\"resourceType\":\"Observation\",\"id\":\"o1\",\"subject\":"
         "{\"reference\":\"Patient/pat-1\",\"x\":\"http://b/fhir/x\"}}",
         SAME, NULL},
    };

    RUN(rows);
}

/* Nothing is rewritten without a base, to none, and to the same. */
static void test_no_base(void **state)
{
    static const char *const same[] = {"https://us/fhir", NULL};
    static const smart_rebase_t none = {backends, NULL};
    static const smart_rebase_t equal = {same, "https://us/fhir"};
    const smart_rebase_t *const bases[] = {NULL, &none, &equal};
    const smart_grant_t grant = {0};
    const smart_coverage_t c = {.policy = ask_policy_default(),
                                .grant = &grant};
    const smart_slice_t links = smart_slice(
        "[{\"url\":\"http://b/fhir/x\"},{\"url\":\"https://us/fhir/x\"}]");
    smart_splice_t splice;
    smart_look_t look;
    int i;

    for (i = 0; i < 3; i++) {
        make_look(&look, &c);
        look.rebase = bases[i];
        smart_splice_begin(&splice, pool);
        smart_look_rebase_links(&look, links, &splice);
        assert_int_equal(splice.count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_no_base),
    };

    return cmocka_run_group_tests(tests, prepare, finish);
}
