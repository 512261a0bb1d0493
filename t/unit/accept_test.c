/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accept_test.c: what browsers and tools send, and what nobody should.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/accept.h"

typedef struct row_t {
    const char *accept;
    unsigned html;
    unsigned json;
    const char *why;
} row_t;

static void fields_are_judged_by_the_most_specific_range(void **state)
{
    static const row_t rows[] = {
        {NULL, 1000, 1000, "no field"},
        {"", 0, 0, "an empty one"},
        {"*/*", 1000, 1000, "curl"},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,"
         "image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;"
         "q=0.7",
         1000, 800, "Chromium"},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
         1000, 800, "Firefox"},
        {"application/openmetrics-text;version=1.0.0,application/openmetrics-"
         "text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         100, 100, "Prometheus"},
        {"application/json", 0, 1000, "a program"},
        {"TEXT/HTML", 1000, 0, "case does not matter"},
        {"text/*;q=0.3, */*;q=0.9", 300, 900, "the narrower range counts"},
        {"*/*;q=0.9, text/*;q=0.3", 300, 900, "in any order"},
        {"text/html;q=0, */*", 0, 1000, "not that one"},
        {"text/html ; q=0.25 , application/json;q=0.333", 250, 333, "blanks"},
        {"text/html;level=1;q=0.4", 400, 0, "other parameters"},
        {"text/html;Q=0.5", 500, 0, "case of q"},
        {"text/html;q=1.000", 1000, 0, "digits"},
        {"text/html;q=1.5", 1000, 0, "too much"},
        {"text/html;q=", 0, 0, "no number"},
        {"text/html;q=x", 0, 0, "no number"},
        {"text/html;q=05", 0, 0, "no number"},
        {"text/html;q=0.x", 0, 0, "no number"},
        {"text/html;q=-1", 0, 0, "no number"},
        {"text", 0, 0, "no range"},
        {"*/html", 0, 0, "no range"},
        {"*", 0, 0, "no range"},
        {",,;,text/html,,", 1000, 0, "empty elements"},
        {"text/htmlx, text/htm", 0, 0, "others"},
        {"xtext/html", 0, 0, "others"},
    };
    unsigned i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const row_t *row = &rows[i];
        const unsigned html = smart_accept_quality(row->accept, "text", "html");
        const unsigned json =
            smart_accept_quality(row->accept, "application", "json");

        if (html != row->html || json != row->json) {
            fail_msg("%s: %u %u", row->why, html, json);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_judged_by_the_most_specific_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
