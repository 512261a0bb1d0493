/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lenient_test.c: what a backend may take for a path below a base.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/lenient.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static apr_pool_t *pool;

static bool below(const char *path, const char *base)
{
    return smart_lenient_below(smart_lenient_decode(smart_slice(path), pool),
                               smart_slice(base));
}

static void escapes_are_decoded_until_none_is_left(void **state)
{
    static const struct {
        const char *raw, *text;
    } rows[] = {
        {"", ""},
        {"/fhir", "/fhir"},
        {"/%66hir", "/fhir"},
        {"/fhir%2fx", "/fhir/x"},
        {"/fhir%2Fx", "/fhir/x"},
        {"/fhir%252fx", "/fhir/x"},
        {"/fhir%25252fx", "/fhir/x"},
        {"/fhir%%32fx", "/fhir/x"},
        {"/fhir%2%66x", "/fhir/x"},
        {"/fhir%", "/fhir%"},
        {"/fhir%2", "/fhir%2"},
        {"/fhir%2gx", "/fhir%2gx"},
    };
    apr_size_t i;

    for (i = 0; i < COUNT(rows); i++) {
        assert_true(
            smart_slice_is(smart_lenient_decode(smart_slice(rows[i].raw), pool),
                           rows[i].text));
    }
}

/* Each with what a backend makes of it nowhere. */
static void disguises_of_the_base_are_seen(void **state)
{
    static const struct {
        const char *below, *beside;
    } rows[] = {
        {"/fhir", "/fhirs"},
        {"/fhir/", "/fhi/"},
        {"/fhir/Patient", "/x/fhir/Patient"},
        {"/FHIR/Patient", "/FHIRS/Patient"},
        {"fhir/x", "fhir-x"},
        {"//fhir/x", "//fhirx/x"},
        {"/x//fhir", "/x/fhir/"},
        {"/./fhir", "/.x/fhir"},
        {"/x/../fhir", "/x/..y/fhir"},
        {"/x/..;/fhir", "/x/y;/fhir"},
        {"/x/..;a=b/fhir", "/x/..z;a=b/fhir"},
        {"/x/fhir/..", "/x/fhir/y.."},
        {"/fhir;x/Patient", "/fhirs;x/Patient"},
        {"/fhir;/Patient", "/a;/fhir"},
        {"/;/fhir", "/y;/fhir"},
        {"/;*\\y/fhir/x", "/y;*\\y/fhir/x"},
        {"/fhir;x\\..\\..\\metadata", "/fhirs;x\\..\\..\\metadata"},
        {"\\fhir\\x", "\\fhirs\\x"},
        {"/x\\..\\fhir", "/x\\y\\fhir"},
        {"/fhir%2fx", "/fhirx%20y"},
        {"/x/%2e%2e%3b/fhir", "/x/%2e%2ey/fhir"},
        {"/fhir%5cx", "/fhir%2dx"},
        {"/fhir%3bx/y", "/fhir%3ax/y"},
        {"/fhir%252fx", "/fhir%252dx"},
        {"/fhir%3fx/y", "/fhir%40x/y"},
        {"/fhir%23x/y", "/fhir%21x/y"},
        {"/fhir%00/y", "/fhir%30/y"},
        {"/fhir%20/y", "/fhir_/y"},
        {"/fhir./y", "/fhir.y/y"},
        {"/fhir.../y", "/fhir.html"},
        {"/fhir%c0%afx", "/fhir%c3%a9x"},
        {"/fhir%c1%9cx", "/fhir%c2%9cx"},
        {"/fhir%e0%80%afx", "/fhir%e0%a0%80x"},
        {"/fhir%f0%80%80%afx", "/fhir%f0%90%80%80x"},
        {"/fhir%e0", "/fhir%e1"},
        {"/x/%c0%ae%c0%ae/fhir", "/x/%c3%a9/fhir"},
    };
    apr_size_t i;

    for (i = 0; i < COUNT(rows); i++) {
        if (!below(rows[i].below, "/fhir")) {
            fail_msg("%s is not below", rows[i].below);
        }
        if (below(rows[i].beside, "/fhir")) {
            fail_msg("%s is below", rows[i].beside);
        }
    }
}

static void all_names_of_the_base_are_needed_in_their_order(void **state)
{
    assert_true(below("/a/fhir/r4/x", "/a/FHIR/r4"));
    assert_true(below("/a;x/fhir%2fr4", "/a/fhir/r4"));
    assert_true(below("/x/..;/a/y/fhir/r4", "/a/fhir/r4"));
    assert_true(below("/a/;x\\y/fhir/r4", "/a/fhir/r4"));
    assert_false(below("/a/fhir", "/a/fhir/r4"));
    assert_false(below("/a/x/fhir/r4", "/a/fhir/r4"));
    assert_false(below("/x/..;/fhir/a/r4", "/a/fhir/r4"));
    assert_true(below("/a.b./x", "/a.b"));
    assert_true(below("/x", ""));
    assert_true(below("", ""));
    assert_false(below("", "/fhir"));
    assert_false(below("/", "/fhir"));
}

/* In a time that grows with the length, not with its square. */
static void escapes_of_escapes_are_one_pass(void **state)
{
    const apr_size_t levels = 400000;
    char *raw = malloc(2 * levels + 4);
    apr_size_t len = 0;
    apr_size_t i;

    raw[len++] = '%';
    for (i = 0; i < levels; i++) {
        raw[len++] = '2';
        raw[len++] = '5';
    }
    raw[len++] = '6';
    raw[len++] = '6';
    assert_true(smart_slice_is(
        smart_lenient_decode(smart_slice_n(raw, len), pool), "f"));
    free(raw);
}

static int setup(void **state)
{
    apr_initialize();
    return apr_pool_create(&pool, NULL) == APR_SUCCESS ? 0 : -1;
}

static int teardown(void **state)
{
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_are_decoded_until_none_is_left),
        cmocka_unit_test(disguises_of_the_base_are_seen),
        cmocka_unit_test(all_names_of_the_base_are_needed_in_their_order),
        cmocka_unit_test(escapes_of_escapes_are_one_pass),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
