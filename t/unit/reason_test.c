/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reason_test.c: every refusal has a row, the rows keep what reason.h says of
 * them, and they tell no more than they may.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/reason.h"

static const smart_reason_row_t *row(int reason)
{
    return smart_reason_row((smart_reason_e)reason);
}

static int error_is(int reason, const char *want)
{
    const char *error = row(reason)->error;

    return want ? error && strcmp(error, want) == 0 : !error;
}

static void every_reason_has_a_name_of_its_own(void **state)
{
    int i;
    int j;

    for (i = 0; i < SMART_REASON_COUNT; i++) {
        const char *name = row(i)->name;

        assert_true(*name);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"),
                         strlen(name));
        for (j = 0; j < i; j++) {
            assert_string_not_equal(name, row(j)->name);
        }
    }
}

static void no_number_permits(void **state)
{
    static const int numbers[] = {-1, -2147483647, SMART_REASON_COUNT,
                                  SMART_REASON_COUNT + 1, 2147483647};
    apr_size_t i;
    int n;

    for (n = 0; n < SMART_REASON_COUNT; n++) {
        assert_in_range(row(n)->status, 400, 503);
    }
    assert_int_equal(row(0)->status, 403);
    assert_string_equal(row(0)->name, "undecided");
    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_ptr_equal(row(numbers[i]), row(SMART_REASON_UNDECIDED));
    }
}

/* Statuses and error codes as reason.h and RFC 6750 3.1 have them. */
static void statuses_and_errors(void **state)
{
    static const struct {
        smart_reason_e first;
        smart_reason_e last;
        int status;
        const char *error;
    } want[] = {
        {SMART_REASON_UNDECIDED, SMART_REASON_UNDECIDED, 403, NULL},
        {SMART_REASON_PATH, SMART_REASON_CONTENT, 400, NULL},
        {SMART_REASON_TOO_LARGE, SMART_REASON_TOO_LARGE, 413, NULL},
        {SMART_REASON_MEDIA_TYPE, SMART_REASON_MEDIA_TYPE, 415, NULL},
        {SMART_REASON_NOT_ACCEPTABLE, SMART_REASON_NOT_ACCEPTABLE, 406, NULL},
        {SMART_REASON_PRECONDITION, SMART_REASON_PRECONDITION, 412, NULL},
        {SMART_REASON_PATCH, SMART_REASON_PATCH, 422, NULL},
        {SMART_REASON_NO_TOKEN, SMART_REASON_NO_TOKEN, 401, NULL},
        {SMART_REASON_TOKEN_MALFORMED, SMART_REASON_TOKEN_TWICE, 400,
         "invalid_request"},
        {SMART_REASON_TOKEN_IN_QUERY, SMART_REASON_TOKEN_IN_QUERY, 401, NULL},
        {SMART_REASON_TOKEN_TOO_LONG, SMART_REASON_TOKEN_BOUND, 401,
         "invalid_token"},
        {SMART_REASON_AS_TROUBLE, SMART_REASON_DISCOVERY, 503, NULL},
        {SMART_REASON_METHOD, SMART_REASON_METHOD, 405, NULL},
        {SMART_REASON_INTERACTION, SMART_REASON_INTERACTION, 403, NULL},
        {SMART_REASON_NO_SCOPE, SMART_REASON_FHIR_USER, 403,
         "insufficient_scope"},
        {SMART_REASON_FOREIGN, SMART_REASON_FOREIGN, 404, NULL},
        {SMART_REASON_FOREIGN_WRITE, SMART_REASON_CONSTRUCT, 403,
         "insufficient_scope"},
        {SMART_REASON_OPERATION, SMART_REASON_OPERATION, 403, NULL},
        {SMART_REASON_ASYNC, SMART_REASON_ASYNC, 403, "insufficient_scope"},
        {SMART_REASON_RULE, SMART_REASON_RULE, 403, NULL},
        {SMART_REASON_JOB, SMART_REASON_JOB, 404, NULL},
        {SMART_REASON_OUTSIDE, SMART_REASON_ENTRY, 403, "insufficient_scope"},
        {SMART_REASON_REQUIRE, SMART_REASON_REQUIRE, 403, "insufficient_scope"},
        {SMART_REASON_GATE, SMART_REASON_GATE, 403, NULL},
        {SMART_REASON_INTERNAL, SMART_REASON_INTERNAL, 500, NULL},
        {SMART_REASON_BACKEND, SMART_REASON_BACKEND, 502, NULL},
    };
    apr_size_t i;
    int reason;
    int next = 0;

    for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        assert_int_equal(want[i].first, next); /* no reason is left out */
        next = (int)want[i].last + 1;
        for (reason = (int)want[i].first; reason < next; reason++) {
            if (row(reason)->status != want[i].status ||
                !error_is(reason, want[i].error)) {
                fail_msg("%s", row(reason)->name);
            }
        }
    }
    assert_int_equal(next, SMART_REASON_COUNT);
}

static void issue_code_follows_the_status(void **state)
{
    int i;

    for (i = 0; i < SMART_REASON_COUNT; i++) {
        const char *code = row(i)->issue_code;

        switch (row(i)->status) {
        case 400:
            assert_string_equal(code, "invalid");
            break;
        case 401:
            assert_string_equal(
                code, i == SMART_REASON_TOKEN_EXPIRED ? "expired" : "login");
            break;
        case 403:
            assert_string_equal(code, "forbidden");
            break;
        case 404:
            assert_string_equal(code, "not-found");
            break;
        case 405:
        case 406:
            assert_string_equal(code, "not-supported");
            break;
        case 412:
            assert_string_equal(code, "conflict");
            break;
        case 413:
            assert_string_equal(code, "too-long");
            break;
        case 415:
            assert_string_equal(code, "not-supported");
            break;
        case 422:
            assert_string_equal(code, "processing");
            break;
        case 500:
        case 502:
            assert_string_equal(code, "exception");
            break;
        case 503:
            assert_string_equal(code, "transient");
            break;
        default:
            fail_msg("%s: status %d", row(i)->name, row(i)->status);
        }
    }
}

/* outcome.c writes them into JSON without escaping. */
static void texts_need_no_escape(void **state)
{
    int i;

    for (i = 0; i < SMART_REASON_COUNT; i++) {
        const char *s = row(i)->text;

        assert_true(*s);
        for (; *s; s++) {
            assert_true(*s >= 0x20 && *s <= 0x7e && *s != '"' && *s != '\\');
        }
    }
}

/* Two 404s that differ would tell which resources exist; two refusals of a
 * token, what the server knows of it. */
static void nothing_is_told_between_the_lines(void **state)
{
    int i;

    for (i = 0; i < SMART_REASON_COUNT; i++) {
        if (row(i)->status == 404) {
            assert_string_equal(row(i)->text, row(SMART_REASON_FOREIGN)->text);
        }
        if (error_is(i, "invalid_token") && i != SMART_REASON_TOKEN_EXPIRED) {
            assert_string_equal(row(i)->text,
                                row(SMART_REASON_TOKEN_INACTIVE)->text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_has_a_name_of_its_own),
        cmocka_unit_test(no_number_permits),
        cmocka_unit_test(statuses_and_errors),
        cmocka_unit_test(issue_code_follows_the_status),
        cmocka_unit_test(texts_need_no_escape),
        cmocka_unit_test(nothing_is_told_between_the_lines),
    };

    return cmocka_run_group_tests_name("reason", tests, NULL, NULL);
}
