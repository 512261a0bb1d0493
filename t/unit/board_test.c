/* SPDX-License-Identifier: Apache-2.0 */
/*
 * board_test.c: slots are given and kept, claimed by one, and a record that is
 * not whole, or another's, is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <apr_strings.h>

#include "pool.h"

#include "io/board.h"

#define IDS 3

static unsigned char ids[IDS][SMART_DIGEST_LEN];
static unsigned char *memory;
static smart_slot_t *slots[IDS];

static int each(void **state)
{
    int i;

    free(memory);
    memory = calloc(1, smart_board_bytes());
    for (i = 0; i < IDS; i++) {
        memset(ids[i], 'a' + i, SMART_DIGEST_LEN);
    }
    smart_board_assign(memory, ids[0], 2, slots);
    return 0;
}

static int last(void **state)
{
    free(memory);
    memory = NULL;
    return finish(state);
}

/* "none", or the text. */
static const char *got(int i)
{
    smart_slice_t text;

    return smart_slot_get(slots[i], ids[i], pool, &text)
               ? apr_pstrmemdup(pool, text.ptr, text.len)
               : "none";
}

static bool put(int i, const char *text)
{
    return smart_slot_put(slots[i], ids[i], smart_slice(text), 1000);
}

static void a_text_is_there_once_it_was_put(void **state)
{
    assert_string_equal(got(0), "none");
    assert_int_equal(smart_slot_version(slots[0]), 0);
    assert_true(put(0, "one"));
    assert_string_equal(got(0), "one");
    assert_int_equal(smart_slot_version(slots[0]), 1);
    assert_true(put(0, "two"));
    assert_string_equal(got(0), "two");
    assert_int_equal(smart_slot_version(slots[0]), 2);
    assert_string_equal(got(1), "none");
}

static void the_longest_text_fits_and_no_longer_one(void **state)
{
    char *text = malloc(SMART_BOARD_TEXT + 2);

    memset(text, 'x', SMART_BOARD_TEXT + 1);
    text[SMART_BOARD_TEXT + 1] = '\0';
    assert_false(put(0, text));
    assert_string_equal(got(0), "none");
    text[SMART_BOARD_TEXT] = '\0';
    assert_true(put(0, text));
    assert_string_equal(got(0), text);
    free(text);
}

static void ids_keep_their_slots(void **state)
{
    smart_slot_t *before = slots[1];
    smart_slot_t *now[IDS];

    put(1, "kept");
    /* Another order, one gone, a new one. */
    smart_board_assign(memory, ids[1], 2, now);
    assert_ptr_equal(now[0], before);
    assert_ptr_not_equal(now[1], before);
    assert_string_equal(got(1), "kept");
    assert_int_equal(smart_slot_due(now[0]), 0);
}

static void a_slot_of_another_is_not_written(void **state)
{
    smart_slot_t *now[IDS];

    put(0, "old");
    slots[2] = NULL;
    smart_board_assign(memory, ids[1], 2, now); /* ids 1 and 2 */
    slots[2] = now[1];
    assert_ptr_equal(slots[2], slots[0]);
    assert_string_equal(got(2), "none"); /* the record is of id 0 */
    assert_false(put(0, "late"));
    assert_string_equal(got(2), "none");
    assert_true(put(2, "new"));
    assert_string_equal(got(2), "new");
    assert_string_equal(got(0), "none");
}

static void one_claims(void **state)
{
    assert_true(smart_slot_claim(slots[0], 100, 50));
    assert_false(smart_slot_claim(slots[0], 100, 50));
    assert_false(smart_slot_claim(slots[0], 149, 50));
    /* Who claimed it has died. */
    assert_true(smart_slot_claim(slots[0], 150, 50));
    put(0, "x");
    assert_int_equal(smart_slot_due(slots[0]), 1000);
    assert_false(smart_slot_claim(slots[0], 999, 50));
    assert_true(smart_slot_claim(slots[0], 1000, 50));
}

static void failures_are_counted_until_a_text_comes(void **state)
{
    int i;

    put(0, "good");
    assert_int_equal(smart_slot_failed(slots[0]), 1);
    assert_int_equal(smart_slot_failed(slots[0]), 2);
    smart_slot_defer(slots[0], 77);
    assert_int_equal(smart_slot_due(slots[0]), 77);
    assert_string_equal(got(0), "good");
    put(0, "better");
    assert_int_equal(smart_slot_failed(slots[0]), 1);
    for (i = 0; i < 2000; i++) {
        smart_slot_failed(slots[0]);
    }
    assert_int_equal(smart_slot_failed(slots[0]), 1000);
}

/* Each byte of the record, the text's included, and of its length. */
static void a_changed_byte_makes_it_none(void **state)
{
    static const char text[] = "a text";
    unsigned char *whole = malloc(smart_board_bytes());
    apr_size_t i;
    apr_size_t noticed = 0;

    put(0, text);
    memcpy(whole, memory, smart_board_bytes());
    for (i = 0; i < 200; i++) {
        memcpy(memory, whole, smart_board_bytes());
        memory[i] ^= 1;
        if (strcmp(got(0), "none") == 0) {
            noticed++;
        }
        else {
            assert_string_equal(got(0), text);
        }
    }
    /* id, length, digest, text */
    assert_true(noticed >=
                SMART_DIGEST_LEN + 8 + SMART_DIGEST_LEN + strlen(text));
    free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_text_is_there_once_it_was_put, each),
        cmocka_unit_test_setup(the_longest_text_fits_and_no_longer_one, each),
        cmocka_unit_test_setup(ids_keep_their_slots, each),
        cmocka_unit_test_setup(a_slot_of_another_is_not_written, each),
        cmocka_unit_test_setup(one_claims, each),
        cmocka_unit_test_setup(failures_are_counted_until_a_text_comes, each),
        cmocka_unit_test_setup(a_changed_byte_makes_it_none, each),
    };

    return cmocka_run_group_tests(tests, prepare, last);
}
