/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patch_test.c: JSON Patch: the examples of RFC 6902 appendix A, and what
 * must not apply.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <apr_general.h>

#include "json_value.h"

#include "core/json.h"
#include "core/patch.h"

#include <apr_strings.h>

/* The result as text, or "!" and why there is none. The document given never
   changes. */
static const char *apply(const char *doc, const char *patch)
{
    const smart_json_t *current = value_of(doc);
    const smart_json_t *result;
    smart_slice_t before, after, text;
    const char *why;
    bool done;

    assert_true(smart_json_write(current, pool, &before));
    done = smart_patch_apply(value_of(patch), current, pool, &result, &why);
    assert_true(smart_json_write(current, pool, &after));
    assert_string_equal(before.ptr, after.ptr);
    assert_true(done == (result != NULL));
    assert_true(done == (why == NULL));
    if (!done) {
        return apr_pstrcat(pool, "!", why, NULL);
    }
    assert_true(smart_json_write(result, pool, &text));
    return text.ptr;
}

#define NOWHERE "!a path leads nowhere"
#define INDEX   "!a path has a wrong index"

typedef struct row_t {
    const char *doc;
    const char *patch;
    const char *result;
} row_t;

static void check(const row_t *rows, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        const char *result = apply(rows[i].doc, rows[i].patch);

        if (strcmp(result, rows[i].result) != 0) {
            fail_msg("%s with %s is %s", rows[i].doc, rows[i].patch, result);
        }
    }
}

/* A.1 to A.16; A.13 is no strict JSON (a name twice). */
static void test_appendix(void **state)
{
    static const row_t rows[] = {
        {"{\"foo\":\"bar\"}",
         "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\"}]",
         "{\"foo\":\"bar\",\"baz\":\"qux\"}"},
        {"{\"foo\":[\"bar\",\"baz\"]}",
         "[{\"op\":\"add\",\"path\":\"/foo/1\",\"value\":\"qux\"}]",
         "{\"foo\":[\"bar\",\"qux\",\"baz\"]}"},
        {"{\"baz\":\"qux\",\"foo\":\"bar\"}",
         "[{\"op\":\"remove\",\"path\":\"/baz\"}]", "{\"foo\":\"bar\"}"},
        {"{\"foo\":[\"bar\",\"qux\",\"baz\"]}",
         "[{\"op\":\"remove\",\"path\":\"/foo/1\"}]",
         "{\"foo\":[\"bar\",\"baz\"]}"},
        {"{\"baz\":\"qux\",\"foo\":\"bar\"}",
         "[{\"op\":\"replace\",\"path\":\"/baz\",\"value\":\"boo\"}]",
         "{\"baz\":\"boo\",\"foo\":\"bar\"}"},
        {"{\"foo\":{\"bar\":\"baz\",\"waldo\":\"fred\"},"
         "\"qux\":{\"corge\":\"grault\"}}",
         "[{\"op\":\"move\",\"from\":\"/foo/waldo\",\"path\":\"/qux/thud\"}]",
         "{\"foo\":{\"bar\":\"baz\"},"
         "\"qux\":{\"corge\":\"grault\",\"thud\":\"fred\"}}"},
        {"{\"foo\":[\"all\",\"grass\",\"cows\",\"eat\"]}",
         "[{\"op\":\"move\",\"from\":\"/foo/1\",\"path\":\"/foo/3\"}]",
         "{\"foo\":[\"all\",\"cows\",\"eat\",\"grass\"]}"},
        {"{\"baz\":\"qux\",\"foo\":[\"a\",2,\"c\"]}",
         "[{\"op\":\"test\",\"path\":\"/baz\",\"value\":\"qux\"},"
         "{\"op\":\"test\",\"path\":\"/foo/1\",\"value\":2}]",
         "{\"baz\":\"qux\",\"foo\":[\"a\",2,\"c\"]}"},
        {"{\"baz\":\"qux\"}",
         "[{\"op\":\"test\",\"path\":\"/baz\",\"value\":\"bar\"}]",
         "!a test fails"},
        {"{\"foo\":\"bar\"}",
         "[{\"op\":\"add\",\"path\":\"/child\","
         "\"value\":{\"grandchild\":{}}}]",
         "{\"foo\":\"bar\",\"child\":{\"grandchild\":{}}}"},
        {"{\"foo\":\"bar\"}",
         "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\",\"xyz\":123}]",
         "{\"foo\":\"bar\",\"baz\":\"qux\"}"},
        {"{\"foo\":\"bar\"}",
         "[{\"op\":\"add\",\"path\":\"/baz/bat\",\"value\":\"qux\"}]", NOWHERE},
        {"{\"/\":9,\"~1\":10}",
         "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":10}]",
         "{\"/\":9,\"~1\":10}"},
        {"{\"/\":9,\"~1\":10}",
         "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":\"10\"}]",
         "!a test fails"},
        {"{\"foo\":[\"bar\"]}",
         "[{\"op\":\"add\",\"path\":\"/foo/-\",\"value\":[\"abc\",\"def\"]}]",
         "{\"foo\":[\"bar\",[\"abc\",\"def\"]]}"},
    };

    check(rows, sizeof(rows) / sizeof(rows[0]));
}

static void test_operations(void **state)
{
    static const row_t rows[] = {
        {"{\"a\":1}", "[]", "{\"a\":1}"},
        {"{\"a\":1.10}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"}]",
         "{\"a\":1.10,\"b\":1.10}"},
        {"{\"a\":1}",
         "[{\"op\":\"replace\",\"path\":\"\",\"value\":{\"b\":2}}]",
         "{\"b\":2}"},
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"\",\"value\":[]}]", "[]"},
        {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"\",\"value\":{\"a\":1.0}}]",
         "{\"a\":1}"},
        {"{\"a\":{\"b\":1}}",
         "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"\"}]", "{\"b\":1}"},
        {"{\"a\":{\"b\":1}}",
         "[{\"op\":\"copy\",\"from\":\"\",\"path\":\"/a/c\"}]",
         "{\"a\":{\"b\":1,\"c\":{\"a\":{\"b\":1}}}}"},
        {"{\"a\":1}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a\"}]",
         "{\"a\":1}"},
        {"{\"\":1}", "[{\"op\":\"replace\",\"path\":\"/\",\"value\":2}]",
         "{\"\":2}"},
        {"{\"a/b\":1}", "[{\"op\":\"replace\",\"path\":\"/a~1b\",\"value\":2}]",
         "{\"a/b\":2}"},
        {"{\"a\":[0,1]}", "[{\"op\":\"add\",\"path\":\"/a/2\",\"value\":2}]",
         "{\"a\":[0,1,2]}"},
        {"{\"a\":[0,1]}",
         "[{\"op\":\"move\",\"from\":\"/a/0\",\"path\":\"/a/-\"}]",
         "{\"a\":[1,0]}"},
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/a\",\"value\":null}]",
         "{\"a\":null}"},
        {"{\"a\":null}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":null}]",
         "{\"a\":null}"},
    };

    check(rows, sizeof(rows) / sizeof(rows[0]));
}

static void test_refused(void **state)
{
    static const char OPS[] = "!an operation has no op or no path";
    const row_t rows[] = {
        {"{\"a\":1}", "{\"op\":\"remove\",\"path\":\"/a\"}",
         "!a patch is no array"},
        {"{\"a\":1}", "[1]", OPS},
        {"{\"a\":1}", "[{\"path\":\"/a\"}]", OPS},
        {"{\"a\":1}", "[{\"op\":\"remove\"}]", OPS},
        {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":1}]", OPS},
        {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":null}]", OPS},
        {"{\"a\":1}", "[{\"op\":\"REMOVE\",\"path\":\"/a\"}]",
         "!an operation is unknown"},
        {"{\"a\":1}", "[{\"op\":\"merge\",\"path\":\"/a\",\"value\":1}]",
         "!an operation is unknown"},
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/a\"}]",
         "!an operation has no value"},
        {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\"}]",
         "!an operation has no value"},
        {"{\"a\":1}", "[{\"op\":\"copy\",\"path\":\"/b\"}]",
         "!an operation has no from"},
        {"{\"a\":1}", "[{\"op\":\"move\",\"from\":2,\"path\":\"/b\"}]",
         "!an operation has no from"},
        {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"a\"}]",
         "!a path is no JSON Pointer"},
        {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"#/a\"}]",
         "!a path is no JSON Pointer"},
        {"{\"a~\":1}", "[{\"op\":\"remove\",\"path\":\"/a~\"}]",
         "!a path has a wrong escape"},
        {"{\"a~2\":1}", "[{\"op\":\"remove\",\"path\":\"/a~2\"}]",
         "!a path has a wrong escape"},
        {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"\"}]",
         "!all of it can not be removed"},
        {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/b\"}]", NOWHERE},
        {"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/b\",\"value\":1}]",
         NOWHERE},
        {"{\"a\":1}", "[{\"op\":\"copy\",\"from\":\"/b\",\"path\":\"/c\"}]",
         NOWHERE},
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/a/b\",\"value\":1}]",
         NOWHERE},
        {"{\"a\":[0]}", "[{\"op\":\"add\",\"path\":\"/a/2\",\"value\":1}]",
         INDEX},
        {"{\"a\":[0]}", "[{\"op\":\"add\",\"path\":\"/a/00\",\"value\":1}]",
         INDEX},
        {"{\"a\":[0,1]}", "[{\"op\":\"remove\",\"path\":\"/a/01\"}]", INDEX},
        {"{\"a\":[0]}", "[{\"op\":\"remove\",\"path\":\"/a/-1\"}]", INDEX},
        {"{\"a\":[0]}", "[{\"op\":\"remove\",\"path\":\"/a/+0\"}]", INDEX},
        {"{\"a\":[0]}", "[{\"op\":\"remove\",\"path\":\"/a/0x\"}]", INDEX},
        {"{\"a\":[0]}", "[{\"op\":\"remove\",\"path\":\"/a/\"}]", INDEX},
        {"{\"a\":[0]}",
         "[{\"op\":\"remove\",\"path\":\"/a/18446744073709551616\"}]", INDEX},
        {"{\"a\":[0]}", "[{\"op\":\"remove\",\"path\":\"/a/1\"}]", NOWHERE},
        {"{\"a\":[0]}", "[{\"op\":\"remove\",\"path\":\"/a/-\"}]", NOWHERE},
        {"{\"a\":[0]}", "[{\"op\":\"test\",\"path\":\"/a/-\",\"value\":0}]",
         NOWHERE},
        {"{\"a\":{\"b\":1}}",
         "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]",
         "!a value is moved into itself"},
        {"{\"a\":1}", "[{\"op\":\"move\",\"from\":\"\",\"path\":\"/a\"}]",
         "!a value is moved into itself"},
        /* the first operation is undone with the second */
        {"{\"a\":1}",
         "[{\"op\":\"remove\",\"path\":\"/a\"},"
         "{\"op\":\"test\",\"path\":\"/a\",\"value\":1}]",
         NOWHERE},
    };

    check(rows, sizeof(rows) / sizeof(rows[0]));
}

/* A name that begins like another one is not in it. */
static void test_move_beside(void **state)
{
    assert_string_equal(
        apply("{\"a\":1}",
              "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/ab\"}]"),
        "{\"ab\":1}");
}

/* count times the same operation. */
static const char *repeated(const char *operation, int count)
{
    const char *all = "[";
    int i;

    for (i = 0; i < count; i++) {
        all = apr_pstrcat(pool, all, i ? "," : "", operation, NULL);
    }
    return apr_pstrcat(pool, all, "]", NULL);
}

static void test_names_in_another_case(void **state)
{
    static const row_t rows[] = {
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\",\"value\":2}]",
         "{\"a\":1,\"b\":2}"},
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/A\",\"value\":2}]",
         "!the result has a name twice, in another case"},
        {"{\"a\":{\"b\":1,\"c\":2}}",
         "[{\"op\":\"move\",\"from\":\"/a/c\",\"path\":\"/a/B\"}]",
         "!the result has a name twice, in another case"},
    };

    check(rows, sizeof(rows) / sizeof(rows[0]));
}

static void test_growth(void **state)
{
    /* The array doubles with each. */
    static const char doubling[] =
        "{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/-\"}";
    static const char deeper[] =
        "{\"op\":\"copy\",\"from\":\"\",\"path\":\"/b\"}";
    static const char more[] = "{\"op\":\"add\",\"path\":\"/b\",\"value\":1}";

    assert_string_not_equal(apply("{\"a\":[1]}", repeated(doubling, 10)), "");
    assert_string_equal(apply("{\"a\":[[],[],[],[]]}", repeated(doubling, 30)),
                        "!the result would be too large");
    assert_string_equal(apply("{\"a\":1}", repeated(deeper, 80)),
                        "!the result would be nested too deeply");
    assert_string_equal(apply("{\"a\":1}", repeated(more, 1024)),
                        "{\"a\":1,\"b\":1}");
    assert_string_equal(apply("{\"a\":1}", repeated(more, 1025)),
                        "!a patch has too many operations");
}

static int setup(void **state)
{
    apr_initialize();
    return apr_pool_create(&pool, NULL);
}

static int teardown(void **state)
{
    apr_pool_destroy(pool);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_appendix, setup, teardown),
        cmocka_unit_test_setup_teardown(test_operations, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_move_beside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_in_another_case, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_growth, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
