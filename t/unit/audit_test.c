/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_test.c: a line is one object with one line feed, whatever is in it,
 * and says nothing that was not said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/audit.h"

static char buf[SMART_AUDIT_MAX + 1];

static const smart_audit_line_t nothing = {
    .asked_us = -1, .decided_us = -1, .total_us = -1};

/* The line as text; each is exactly one line. */
static const char *text(const smart_audit_line_t *line)
{
    apr_size_t n;

    memset(buf, 'x', sizeof(buf));
    n = smart_audit_write(line, buf);
    assert_true(n > 2 && n <= SMART_AUDIT_MAX);
    assert_int_equal(buf[n], 'x');
    buf[n] = '\0';
    assert_ptr_equal(strchr(buf, '\n'), buf + n - 1);
    return buf;
}

static json_t *object(const smart_audit_line_t *line)
{
    json_t *json = json_loads(text(line), JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(json);
    return json;
}

static void assert_member(const smart_audit_line_t *line, const char *name,
                          const char *want)
{
    json_t *json = object(line);

    assert_string_equal(json_string_value(json_object_get(json, name)), want);
    json_decref(json);
}

static void line_has_all_members_in_their_order(void **state)
{
    const smart_audit_line_t line = {
        .time_us = APR_INT64_C(1772359200123456),
        .id = "req-1",
        .base = "/fhir",
        .address = "192.0.2.1",
        .client = "app",
        .subject = "user-1",
        .patient = "00ff",
        .method = "GET",
        .interaction = "operation",
        .operation = {"$lastn", 6},
        .type = "Observation",
        .report = true,
        .decision = SMART_AUDIT_DENY,
        .reason = "no-scope",
        .scope = "patient/Observation.rs?category=secret",
        .needs = "user/Observation.s",
        .cache = "hit",
        .status = 403,
        .asked_us = 0,
        .decided_us = 12,
        .total_us = APR_INT64_C(12345678901),
    };

    assert_string_equal(
        text(&line),
        "{\"time\":\"2026-03-01T10:00:00.123Z\",\"id\":\"req-1\","
        "\"base\":\"/fhir\",\"address\":\"192.0.2.1\",\"client\":\"app\","
        "\"subject\":\"user-1\",\"patient\":\"00ff\",\"method\":\"GET\","
        "\"interaction\":\"operation\",\"operation\":\"$lastn\","
        "\"type\":\"Observation\",\"mode\":\"report\",\"decision\":\"deny\","
        "\"reason\":\"no-scope\",\"scope\":\"patient/Observation.rs\","
        "\"constrained\":true,\"needs\":\"user/Observation.s\","
        "\"cache\":\"hit\",\"status\":403,\"asked_us\":0,\"decided_us\":12,"
        "\"total_us\":12345678901}\n");
}

static void what_is_not_known_is_left_out(void **state)
{
    smart_audit_line_t line = nothing;

    assert_string_equal(text(&line), "{\"time\":\"1970-01-01T00:00:00.000Z\","
                                     "\"decision\":\"none\"}\n");
    line.client = "";
    line.scope = "";
    line.needs = "";
    assert_string_equal(text(&line), "{\"time\":\"1970-01-01T00:00:00.000Z\","
                                     "\"decision\":\"none\"}\n");
}

static void decisions_have_names_and_the_root_is_a_slash(void **state)
{
    static const char *const names[] = {"none", "deny", "public", "permit",
                                        "none"};
    smart_audit_line_t line = nothing;
    unsigned i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        line.decision = (smart_audit_decision_e)i;
        assert_member(&line, "decision", names[i]);
    }
    line.base = "";
    assert_member(&line, "base", "/");
}

/* No value of a search, also where the scope is the one that is missing. */
static void constraints_are_left_out(void **state)
{
    smart_audit_line_t line = nothing;

    line.scope = "patient/Observation.rs?category=laboratory";
    line.needs = "user/Patient.r?_id=pat-1";
    assert_null(strstr(text(&line), "laboratory"));
    assert_null(strstr(text(&line), "pat-1"));
    assert_non_null(strstr(text(&line), "\"constrained\":true"));
    line.scope = "patient/Observation.rs";
    assert_null(strstr(text(&line), "constrained"));
}

typedef struct row_t {
    const char *in;
    const char *out; /* as JSON has it */
    const char *why;
} row_t;

static void texts_are_escaped_and_made_utf8(void **state)
{
    static const row_t rows[] = {
        {"a\"b\\c", "a\\\"b\\\\c", "what ends a text"},
        {"a\nb\r\t\x01\x7f", "a\\u000ab\\u000d\\u0009\\u0001\\u007f",
         "a line can not be forged"},
        {"}\n{", "}\\u000a{", "nor an object"},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
         "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "what is UTF-8 stays"},
        {"\xff\xc3", "\xef\xbf\xbd\xef\xbf\xbd", "what is none"},
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd", "not the shortest form"},
        {"\xc1\xbf", "\xef\xbf\xbd\xef\xbf\xbd", "neither"},
        {"\xe0\x9f\xbf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "nor this"},
        {"\xf0\x8f\xbf\xbf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
         "nor this"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "surrogate"},
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
         "too large"},
        {"\xf5\x80\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
         "too large"},
        {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd", "cut off"},
        {"\xe2\x82Z", "\xef\xbf\xbd\xef\xbf\xbdZ", "cut off by another"},
    };
    smart_audit_line_t line = nothing;
    char want[128];
    unsigned i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        line.client = rows[i].in;
        snprintf(want, sizeof(want), "\"client\":\"%s\"", rows[i].out);
        if (!strstr(text(&line), want)) {
            fail_msg("%s: %s", rows[i].why, buf);
        }
        json_decref(object(&line));
    }
}

/* Each text as long as can be, of bytes that take most room. */
static void line_is_never_too_long_and_loses_no_member(void **state)
{
    static const char *const numbers[] = {"status", "asked_us", "decided_us",
                                          "total_us"};
    const apr_int64_t most = APR_INT64_C(0x7fffffffffffffff);
    smart_audit_line_t line;
    char *full = malloc(100001);
    json_t *json;
    unsigned i;

    memset(full, 0x01, 100000);
    full[100000] = '\0';
    line = (smart_audit_line_t){
        APR_INT64_C(253402300799999999),
        full,
        full,
        full,
        full,
        full,
        full,
        full,
        full,
        {full, 100000},
        full,
        true,
        SMART_AUDIT_PERMIT,
        full,
        full,
        full,
        full,
        2147483647,
        most,
        most,
        most,
    };
    json = object(&line);
    assert_int_equal(json_object_size(json), 21);
    for (i = 0; i < 4; i++) {
        assert_true(json_is_integer(json_object_get(json, numbers[i])));
    }
    /* What was cut shows it. */
    assert_non_null(strstr(json_string_value(json_object_get(json, "client")),
                           "\xe2\x80\xa6"));
    json_decref(json);
    line.scope = "a?b";
    json = object(&line);
    assert_int_equal(json_object_size(json), 22);
    json_decref(json);
    memset(full, 0xff, 100000);
    json_decref(object(&line));
    memset(full, '"', 100000);
    json_decref(object(&line));
    free(full);
}

static void text_that_fits_is_not_cut(void **state)
{
    smart_audit_line_t line = nothing;
    char id[100];

    memset(id, 'a', sizeof(id));
    id[93] = '\0';
    line.patient = id;
    assert_member(&line, "patient", id);
    id[93] = 'a';
    id[94] = '\0';
    assert_null(strstr(text(&line), id));
    assert_non_null(strstr(text(&line), "a\xe2\x80\xa6\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_has_all_members_in_their_order),
        cmocka_unit_test(what_is_not_known_is_left_out),
        cmocka_unit_test(decisions_have_names_and_the_root_is_a_slash),
        cmocka_unit_test(constraints_are_left_out),
        cmocka_unit_test(texts_are_escaped_and_made_utf8),
        cmocka_unit_test(line_is_never_too_long_and_loses_no_member),
        cmocka_unit_test(text_that_fits_is_not_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
