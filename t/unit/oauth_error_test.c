/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oauth_error_test.c: an error is placed only when there is no doubt.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/oauth_error.h"

static void oauth_error_is_read_strictly(void **state)
{
    static const struct {
        const char *text;
        smart_oauth_error_e expected;
    } rows[] = {
        {" {\"error\":\"invalid_token\"} ", SMART_OAUTH_ERROR_TOKEN},
        {"{\"error\":\"invalid_token\",\"error\":\"invalid_token\"}",
         SMART_OAUTH_ERROR_UNKNOWN}, /* duplicate member */
        {"{\"error\":\"invalid_token\"}x", SMART_OAUTH_ERROR_UNKNOWN},
        {"{\"error\":\"invalid_token\"", SMART_OAUTH_ERROR_UNKNOWN},
        {"{\"error\":\"Invalid_Token\"}", SMART_OAUTH_ERROR_UNKNOWN},
        {"{\"error\":\"invalid_token \"}", SMART_OAUTH_ERROR_UNKNOWN},
        {"{\"error\":\"invalid_token\\u0000\"}", SMART_OAUTH_ERROR_UNKNOWN},
        {"{\"error\":[\"invalid_token\"]}", SMART_OAUTH_ERROR_UNKNOWN},
        {"{\"error\":{\"error\":\"invalid_token\"}}",
         SMART_OAUTH_ERROR_UNKNOWN},
        {"[\"invalid_token\"]", SMART_OAUTH_ERROR_UNKNOWN},
        {"\"invalid_token\"", SMART_OAUTH_ERROR_UNKNOWN},
        {"{\"error_description\":\"invalid_token\"}",
         SMART_OAUTH_ERROR_UNKNOWN},
        {"", SMART_OAUTH_ERROR_UNKNOWN},
        {"{\"error\":\"unsupported_token_type\"}", SMART_OAUTH_ERROR_TOKEN},
        {"{\"error\":\"invalid_client\"}", SMART_OAUTH_ERROR_CLIENT},
        {"{\"error\":\"unauthorized_client\"}", SMART_OAUTH_ERROR_CLIENT},
        {"{\"error\":\"invalid_request\"}", SMART_OAUTH_ERROR_REQUEST},
    };
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(smart_oauth_error_read(smart_slice(rows[i].text)),
                         rows[i].expected);
    }
    assert_int_equal(smart_oauth_error_read(smart_slice(NULL)),
                     SMART_OAUTH_ERROR_UNKNOWN);
}

static void answer_over_the_limit_is_not_read(void **state)
{
    static char body[SMART_MAX_ANSWER + 1];
    static const char head[] = "{\"error\":\"invalid_token\"}";

    (void)state;
    memset(body, ' ', sizeof(body));
    memcpy(body, head, sizeof(head) - 1);
    assert_int_equal(
        smart_oauth_error_read(smart_slice_n(body, SMART_MAX_ANSWER)),
        SMART_OAUTH_ERROR_TOKEN);
    assert_int_equal(smart_oauth_error_read(smart_slice_n(body, sizeof(body))),
                     SMART_OAUTH_ERROR_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oauth_error_is_read_strictly),
        cmocka_unit_test(answer_over_the_limit_is_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
