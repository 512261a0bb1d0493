/* SPDX-License-Identifier: Apache-2.0 */
/*
 * splice_test.c: what is not named keeps its bytes, and commas come out right
 * whichever items go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <apr_strings.h>

#include "pool.h"

#include "core/splice.h"

static void is(smart_slice_t got, const char *want)
{
    assert_string_equal(apr_pstrmemdup(pool, got.ptr, got.len), want);
}

static void test_nothing(void **state)
{
    const smart_slice_t text = smart_slice("[1.10]");
    smart_splice_t splice;

    smart_splice_begin(&splice, pool);
    assert_ptr_equal(smart_splice_end(&splice, text).ptr, text.ptr);
}

static void test_edits(void **state)
{
    const smart_slice_t text = smart_slice("0123456789");
    smart_splice_t splice;

    smart_splice_begin(&splice, pool);
    smart_splice_put(&splice, text.ptr + 8, text.ptr + 10, smart_slice("end"));
    smart_splice_put(&splice, text.ptr + 2, text.ptr + 4, smart_slice(""));
    smart_splice_put(&splice, text.ptr, text.ptr + 1, smart_slice("begin"));
    is(smart_splice_end(&splice, text), "begin14567end");
    smart_splice_begin(&splice, pool);
    smart_splice_put(&splice, text.ptr, text.ptr + 10, smart_slice(""));
    is(smart_splice_end(&splice, text), "");
}

static void test_many_edits(void **state)
{
    char text[1000];
    char want[1000];
    smart_splice_t splice;
    int i;

    memset(text, 'a', sizeof(text));
    memset(want, 'b', sizeof(want));
    smart_splice_begin(&splice, pool);
    for (i = 999; i >= 0; i--) {
        smart_splice_put(&splice, text + i, text + i + 1, smart_slice("b"));
    }
    assert_memory_equal(
        smart_splice_end(&splice, smart_slice_n(text, 1000)).ptr, want, 1000);
}

/* "[ a , b , c , d ]" without those whose bit is clear. */
static const char *want_of(unsigned keep)
{
    const char *out = "[ ";
    const char *last = NULL;
    int i;

    for (i = 0; i < 4; i++) {
        if (keep >> i & 1) {
            /* what stood behind the last kept one goes with the dropped */
            const int gap = last && i > 0 && !(keep >> (i - 1) & 1);

            out = apr_psprintf(pool, "%s%s%c", !last && i > 0 ? "[" : out,
                               !last ? ""
                               : gap ? ","
                                     : " , ",
                               'a' + i);
            last = out;
        }
    }
    return apr_pstrcat(pool, last ? out : "[", " ]", NULL);
}

static void test_lists(void **state)
{
    const smart_slice_t text = smart_slice("[ a , b , c , d ]");
    unsigned keep;
    int i;

    for (keep = 0; keep < 16; keep++) {
        smart_splice_t splice;
        smart_list_t list;

        smart_splice_begin(&splice, pool);
        smart_list_begin(&list, &splice, text.ptr + 1);
        for (i = 0; i < 4; i++) {
            const char *at = text.ptr + 2 + 4 * i;

            if (keep >> i & 1) {
                smart_list_keep(&list, at, at + 1);
            }
            else {
                smart_list_drop(&list, at + 1);
            }
        }
        smart_list_end(&list);
        assert_int_equal(list.kept, __builtin_popcount(keep));
        assert_int_equal(splice.count == 0, keep == 15);
        is(smart_splice_end(&splice, text), want_of(keep));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_edits),
        cmocka_unit_test(test_many_edits),
        cmocka_unit_test(test_lists),
    };

    return cmocka_run_group_tests(tests, prepare, finish);
}
