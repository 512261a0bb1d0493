/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path_test.c: which paths are canonical, and their segments.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/path.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool canonical(const char *raw, apr_size_t len, smart_path_t *path)
{
    const char *why = "untouched";
    const bool ok = smart_path_read(smart_slice_n(raw, len), path, &why);

    assert_true(ok == (why == NULL));
    if (!ok) {
        assert_int_equal(path->count, 0);
    }
    return ok;
}

static void canonical_has_a_malformed_twin(void **state)
{
    static const struct {
        const char *good, *bad;
    } rows[] = {
        {"/Patient", "Patient"},                /* begins with a slash */
        {"/Patient/", "/Patient//"},            /* one at the end */
        {"/", "//"},                            /* of the root as well */
        {"/Patient/a", "/Patient//a"},          /* none between */
        {"/Patient/a", "//Patient/a"},          /* none before */
        {"/Patient/a.b", "/Patient/."},         /* dot segment */
        {"/Patient/a..b", "/Patient/.."},       /* two dots */
        {"/Patient/a/", "/Patient/../"},        /* before the last slash */
        {"/a./b", "/./b"},                      /* at the beginning */
        {"/..a/b", "/../b"},                    /* at the beginning */
        {"/Patient/pat-2", "/%50atient/pat-2"}, /* escape of a letter */
        {"/Observation/obs-2", "/Observation%2fobs-2"},    /* of a slash */
        {"/Observation/obs-2", "/Observation%252fobs-2"},  /* escaped twice */
        {"/Observation/obs-2", "/Observation%c0%afobs-2"}, /* overlong */
        {"/Observation/a", "/Observation/%2e%2e/Patient"}, /* of dots */
        {"/Observation/a", "/Observation/..;/Patient"},    /* path parameter */
        {"/Observation/a", "/Observation;x=1/a"},
        {"/Observation/a", "/Observation\\a"},     /* backslash */
        {"/Observation/a", "/Observation/a#"},     /* fragment */
        {"/Observation/a", "/Observation/a+b"},    /* plus */
        {"/Observation/a", "/Observation/a b"},    /* blank */
        {"/Observation/a", "/Observation/a:b"},    /* colon */
        {"/Observation/a", "/Observation/a\x7f"},  /* DEL */
        {"/Patient/a/*", "/Patient/*/a"},          /* star in between */
        {"/Patient/a/*", "/Patient/*"},            /* second */
        {"/Patient/a/*", "/*"},                    /* first */
        {"/Patient/a/*/", "/Patient/a/*/_search"}, /* not the last */
        {"/Patient/a/*", "/Patient/a/b/*"},        /* fourth */
        {"/Patient/a/*", "/Patient/a/**"},         /* two */
        {"/Patient/a/*", "/Patient/a/b*"},         /* part of one */
        {"/Patient/a/*", "/Patient/a*/b"},
        {"/a/b/c/d/e/f/g/h/i/j", "/a/b/c/d/e/f/g/h/i/%"}, /* however deep */
    };
    smart_path_t path;
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(rows); i++) {
        if (!canonical(rows[i].good, strlen(rows[i].good), &path)) {
            fail_msg("malformed: %s", rows[i].good);
        }
        if (canonical(rows[i].bad, strlen(rows[i].bad), &path)) {
            fail_msg("canonical: %s", rows[i].bad);
        }
    }
}

static void only_listed_bytes_stand_in_a_segment(void **state)
{
    static const char listed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._$-/";
    int c;

    (void)state;
    for (c = 0; c < 256; c++) {
        const char raw[] = {'/', 'T', '/', 'a', (char)c, 'b'};
        smart_path_t path;

        assert_int_equal(canonical(raw, sizeof(raw), &path),
                         c != 0 && strchr(listed, c) != NULL);
    }
}

static void segments_are_parts_of_the_path(void **state)
{
    static const char raw[] = "/Patient/pat-1/_history/2/";
    smart_path_t path;

    (void)state;
    assert_true(canonical(raw, strlen(raw), &path));
    assert_int_equal(path.count, 4);
    assert_true(smart_slice_is(path.segments[0], "Patient"));
    assert_true(smart_slice_is(path.segments[1], "pat-1"));
    assert_true(smart_slice_is(path.segments[2], "_history"));
    assert_true(smart_slice_is(path.segments[3], "2"));
    assert_ptr_equal(path.segments[0].ptr, raw + 1);
}

static void the_base_has_no_segment(void **state)
{
    smart_path_t path;

    (void)state;
    assert_true(canonical("", 0, &path));
    assert_int_equal(path.count, 0);
    assert_true(canonical(NULL, 0, &path));
    assert_int_equal(path.count, 0);
    assert_true(canonical("/", 1, &path));
    assert_int_equal(path.count, 0);
}

static void deep_paths_are_counted_but_not_held(void **state)
{
    static const char raw[] = "/1/2/3/4/5/6/7/8/9";
    smart_path_t path;

    (void)state;
    assert_true(canonical(raw, strlen(raw), &path));
    assert_int_equal(path.count, SMART_PATH_MAX_SEGMENTS + 1);
    assert_true(
        smart_slice_is(path.segments[SMART_PATH_MAX_SEGMENTS - 1], "8"));
}

static void ids(void **state)
{
    static const char longest[] =
        "1234567890123456789012345678901234567890123456789012345678901234";
    static const char *const good[] = {"1", "a-B.9", "obs-2.json", "metadata",
                                       longest};
    static const char *const bad[] = {"",  "a_b", "$a",      "a/b",
                                      "*", "a b", "\xC3\xA4"};
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(good); i++) {
        assert_true(smart_path_is_id(smart_slice(good[i])));
    }
    for (i = 0; i < COUNT(bad); i++) {
        assert_false(smart_path_is_id(smart_slice(bad[i])));
    }
    assert_int_equal(strlen(longest), SMART_MAX_ID);
    assert_false(smart_path_is_id(
        smart_slice("12345678901234567890123456789012345678901234567890123456"
                    "789012345"))); /* one more */
}

/* What is noted in passing is what the question gets for an answer. */
static void segments_are_marked_as_ids(void **state)
{
    static const char *const paths[] = {
        "/Patient/a-B.9/_history/2",
        "/$x/a_b/*",
        "/a/b/*/",
        "/metadata/.well",
        "/a/"
        "1234567890123456789012345678901234567890123456789012345678901234",
        "/a/"
        "12345678901234567890123456789012345678901234567890123456789012345"};
    smart_path_t path;
    size_t i;
    int n;

    (void)state;
    for (i = 0; i < COUNT(paths); i++) {
        assert_true(canonical(paths[i], strlen(paths[i]), &path));
        for (n = 0; n < path.count; n++) {
            assert_int_equal(path.is_id[n], smart_path_is_id(path.segments[n]));
        }
    }
}

static void operations(void **state)
{
    static const char *const good[] = {"$everything", "$x", "$validate-code",
                                       "$a1B"};
    static const char *const bad[] = {
        "",    "$",    "everything", "$Everything", "$1",  "${a",
        "$-a", "$a_b", "$a.b",       "$a$b",        "$$a", "$*"};
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(good); i++) {
        assert_true(smart_path_is_operation(smart_slice(good[i])));
    }
    for (i = 0; i < COUNT(bad); i++) {
        assert_false(smart_path_is_operation(smart_slice(bad[i])));
    }
    /* what stands behind it is not looked at */
    assert_false(smart_path_is_operation(smart_slice_n("$everything", 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_has_a_malformed_twin),
        cmocka_unit_test(only_listed_bytes_stand_in_a_segment),
        cmocka_unit_test(segments_are_parts_of_the_path),
        cmocka_unit_test(the_base_has_no_segment),
        cmocka_unit_test(deep_paths_are_counted_but_not_held),
        cmocka_unit_test(ids),
        cmocka_unit_test(segments_are_marked_as_ids),
        cmocka_unit_test(operations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
