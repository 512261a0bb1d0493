/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bearer_test.c: what is a token, what is none, and that the one handed out
 * is a b64token whatever came.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/bearer.h"

static smart_slice_t token;

static smart_bearer_e reads(const char *field)
{
    token = smart_slice("left over");
    return smart_bearer_read(field, &token);
}

static void assert_reads(const char *field, smart_bearer_e want)
{
    smart_bearer_e got = reads(field);

    if (got != want) {
        fail_msg("\"%s\" reads as %d, not %d", field, (int)got, (int)want);
    }
    if (want != SMART_BEARER_TOKEN && token.len != 0) {
        fail_msg("\"%s\" leaves a token", field);
    }
}

static void assert_token(const char *field, const char *want)
{
    assert_reads(field, SMART_BEARER_TOKEN);
    assert_true(smart_slice_is(token, want));
    assert_true(token.ptr > field &&
                token.ptr + token.len <= field + strlen(field));
}

static void token_is_taken_out(void **state)
{
    assert_token("Bearer a", "a");
    assert_token("Bearer mF_9.B5f-4.1JqM", "mF_9.B5f-4.1JqM");
    assert_token("Bearer ~+/az09AZ-._", "~+/az09AZ-._");
    assert_token("Bearer YQ==", "YQ==");
    assert_token("Bearer a=", "a=");
    assert_token("Bearer   a", "a");
}

static void scheme_has_no_case(void **state)
{
    assert_token("bearer a", "a");
    assert_token("BEARER a", "a");
    assert_token("bEaReR a", "a");
}

static void nothing_or_another_scheme_is_missing(void **state)
{
    assert_reads(NULL, SMART_BEARER_MISSING);
    assert_reads("", SMART_BEARER_MISSING);
    assert_reads("Basic YTpi", SMART_BEARER_MISSING);
    assert_reads("DPoP a", SMART_BEARER_MISSING);
    assert_reads("Bearers a", SMART_BEARER_MISSING);
    assert_reads("Bearer-x a", SMART_BEARER_MISSING);
    assert_reads("Beare", SMART_BEARER_MISSING);
    assert_reads("XBearer a", SMART_BEARER_MISSING);
    assert_reads("Digest username=\"a\", realm=\"b\"", SMART_BEARER_MISSING);
    assert_reads("Basic a, Bearers b", SMART_BEARER_MISSING);
    assert_reads(",", SMART_BEARER_MISSING);
}

static void bearer_without_b64token_is_malformed(void **state)
{
    assert_reads("Bearer", SMART_BEARER_MALFORMED);
    assert_reads("Bearer ", SMART_BEARER_MALFORMED);
    assert_reads("Bearer    ", SMART_BEARER_MALFORMED);
    assert_reads("Bearer\ta", SMART_BEARER_MALFORMED);
    assert_reads("Bearer \ta", SMART_BEARER_MALFORMED);
    assert_reads("Bearer,a", SMART_BEARER_MALFORMED);
    assert_reads("Bearer=a", SMART_BEARER_MALFORMED);
    assert_reads("Bearer \"a\"", SMART_BEARER_MALFORMED);
    assert_reads("Bearer =", SMART_BEARER_MALFORMED);
    assert_reads("Bearer =a", SMART_BEARER_MALFORMED);
    assert_reads("Bearer a=b", SMART_BEARER_MALFORMED);
    assert_reads("Bearer a==b", SMART_BEARER_MALFORMED);
    assert_reads("Bearer a b", SMART_BEARER_MALFORMED);
    assert_reads("Bearer a ", SMART_BEARER_MALFORMED);
    assert_reads("Bearer a\t", SMART_BEARER_MALFORMED);
    assert_reads("Bearer a\r\nX: y", SMART_BEARER_MALFORMED);
    assert_reads("Bearer a\xc3\xa9", SMART_BEARER_MALFORMED);
    assert_reads("Bearer token=a", SMART_BEARER_MALFORMED);
}

static void two_fields_in_one_are_malformed(void **state)
{
    assert_reads("Bearer a, Bearer b", SMART_BEARER_MALFORMED);
    assert_reads("Bearer a,Bearer b", SMART_BEARER_MALFORMED);
    assert_reads("Bearer a, Basic YTpi", SMART_BEARER_MALFORMED);
    assert_reads("Bearer a,", SMART_BEARER_MALFORMED);
    assert_reads("Basic YTpi, Bearer b", SMART_BEARER_MALFORMED);
    assert_reads("Basic YTpi,Bearer b", SMART_BEARER_MALFORMED);
    assert_reads("Basic YTpi, \t bearer b", SMART_BEARER_MALFORMED);
    assert_reads("Basic YTpi, DPoP x, Bearer b", SMART_BEARER_MALFORMED);
    assert_reads(", Bearer b", SMART_BEARER_MALFORMED);
    assert_reads("Basic YTpi, Bearer", SMART_BEARER_MALFORMED);
}

/* Each byte there is, alone behind and within a token. */
static void every_byte_is_judged(void **state)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/";
    char field[] = "Bearer axb";
    char longer[] = "Bearer axbcdefghijklmnopqrstuvw";
    int c;

    for (c = 1; c < 256; c++) {
        const smart_bearer_e want =
            strchr(good, c) ? SMART_BEARER_TOKEN : SMART_BEARER_MALFORMED;

        field[8] = longer[8] = (char)c;
        assert_reads(field, want);
        assert_reads(longer, want);
    }
}

/* Bytes are looked at by many, and those of a short token one by one: whatever
   its length, no place in a token takes what a token does not have. */
static void every_place_is_judged(void **state)
{
    static const char bad[] = " ,=\"\\\t\n@[`{\x7f\x80\xab\xe1\xfe\xff";
    char field[64] = "Bearer ";
    apr_size_t len, at, n;

    for (len = 2; len < 50; len++) {
        memset(field + 7, 'x', len);
        field[7 + len] = '\0';
        assert_reads(field, SMART_BEARER_TOKEN);
        assert_int_equal(token.len, len);
        for (at = 0; at < len; at++) {
            for (n = 0; bad[n]; n++) {
                const bool is_end = bad[n] == '=' && at == len - 1;
                const bool is_before = bad[n] == ' ' && at == 0;

                field[7 + at] = bad[n];
                assert_reads(field, is_end || is_before
                                        ? SMART_BEARER_TOKEN
                                        : SMART_BEARER_MALFORMED);
            }
            field[7 + at] = 'x';
        }
    }
}

/* Bytes of a scheme's name make it another one; others end it. */
static void every_byte_behind_the_scheme_is_judged(void **state)
{
    static const char tchar[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "!#$%&'*+-.^_`|~";
    char field[] = "Bearer a";
    int c;

    for (c = 1; c < 256; c++) {
        field[6] = (char)c;
        assert_reads(field, c == ' '           ? SMART_BEARER_TOKEN
                            : strchr(tchar, c) ? SMART_BEARER_MISSING
                                               : SMART_BEARER_MALFORMED);
    }
}

static void length_has_a_limit(void **state)
{
    static char field[SMART_MAX_TOKEN + 16];

    memset(field, 0, sizeof(field));
    memcpy(field, "Bearer ", 7);
    memset(field + 7, 'x', SMART_MAX_TOKEN);
    assert_reads(field, SMART_BEARER_TOKEN);
    assert_int_equal(token.len, SMART_MAX_TOKEN);
    field[7 + SMART_MAX_TOKEN] = '=';
    assert_reads(field, SMART_BEARER_TOO_LONG);
    field[7 + SMART_MAX_TOKEN] = 'x';
    assert_reads(field, SMART_BEARER_TOO_LONG);
    field[7 + SMART_MAX_TOKEN] = ',';
    assert_reads(field, SMART_BEARER_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token_is_taken_out),
        cmocka_unit_test(scheme_has_no_case),
        cmocka_unit_test(nothing_or_another_scheme_is_missing),
        cmocka_unit_test(bearer_without_b64token_is_malformed),
        cmocka_unit_test(two_fields_in_one_are_malformed),
        cmocka_unit_test(every_byte_is_judged),
        cmocka_unit_test(every_place_is_judged),
        cmocka_unit_test(every_byte_behind_the_scheme_is_judged),
        cmocka_unit_test(length_has_a_limit),
    };

    return cmocka_run_group_tests_name("bearer", tests, NULL, NULL);
}
