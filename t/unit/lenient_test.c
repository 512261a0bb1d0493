/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lenient_test.c: what a lenient backend takes a path for.
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

static void paths_are_read_leniently(void **state)
{
    static const struct {
        const char *raw, *read;
    } rows[] = {
        {"", ""},
        {"/", "/"},
        {"/fhir", "/fhir"},
        {"/fhir/", "/fhir/"},
        {"/FHIR/Patient", "/FHIR/Patient"},
        {"/FH%49R/", "/FHIR"},
        {"fhir", "/fhir"},
        {"//fhir///x", "/fhir/x"},
        {"/./fhir/./x/.", "/fhir/x"},
        {"/x/../fhir", "/fhir"},
        {"/../../fhir", "/fhir"},
        {"/x/y/../../fhir/..", ""},
        {"/x/...", "/x/..."},
        {"/..x/.y", "/..x/.y"},
        {"/fhir;x/Patient", "/fhir/Patient"},
        {"/fhir;x=1;y/Patient;z", "/fhir/Patient"},
        {"/;/fhir", "/fhir"},
        {"/x/..;/fhir", "/fhir"},
        {"/x/..;a=b/fhir", "/fhir"},
        {"\\fhir\\x", "/fhir/x"},
        {"/x\\..\\fhir", "/fhir"},
        {"/%66hir", "/fhir"},
        {"/fhir%2fx", "/fhir/x"},
        {"/fhir%2Fx", "/fhir/x"},
        {"/fhir%5cx", "/fhir/x"},
        {"/fhir%3bx/y", "/fhir/y"},
        {"/x/%2e%2e%3b/fhir", "/fhir"},
        {"/fhir%252fx", "/fhir/x"},
        {"/fhir%25252fx", "/fhir/x"},
        {"/fhir%%32fx", "/fhir/x"},
        {"/fhir%2%66x", "/fhir/x"},
        {"/fhir%3fx/y", "/fhir"},
        {"/fhir;a?x/y", "/fhir"},
        {"/fhir#x/y", "/fhir"},
        {"/fhir%", "/fhir%"},
        {"/fhir%2", "/fhir%2"},
        {"/fhir%2gx", "/fhir%2gx"},
    };
    apr_size_t i;

    for (i = 0; i < COUNT(rows); i++) {
        const smart_slice_t got =
            smart_lenient_path(smart_slice(rows[i].raw), pool);

        if (!smart_slice_is(got, rows[i].read)) {
            fail_msg("%s is read as %.*s", rows[i].raw, (int)got.len, got.ptr);
        }
    }
}

static void below_is_at_segment_boundaries(void **state)
{
    static const struct {
        const char *path, *base;
        bool below;
    } rows[] = {
        {"/fhir", "/fhir", true},
        {"/fhir/", "/fhir", true},
        {"/fhir/x", "/fhir", true},
        {"/fhir/r4/x", "/FHIR/R4", true},
        {"/FHIR/r4", "/fhir/r4", true},
        {"/fhirx", "/fhir", false},
        {"/fhi", "/fhir", false},
        {"/x/fhir", "/fhir", false},
        {"", "/fhir", false},
        {"", "", true},
        {"/x", "", true},
    };
    apr_size_t i;

    for (i = 0; i < COUNT(rows); i++) {
        assert_int_equal(smart_lenient_below(smart_slice(rows[i].path),
                                             smart_slice(rows[i].base)),
                         rows[i].below);
    }
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
        smart_lenient_path(smart_slice_n(raw, len), pool), "/f"));
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
        cmocka_unit_test(paths_are_read_leniently),
        cmocka_unit_test(below_is_at_segment_boundaries),
        cmocka_unit_test(escapes_of_escapes_are_one_pass),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
