/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grant_answer.h: makes records of answers, for grant_make_test.c and
 * grant_test.c. Each answer that is active is opened again at once.
 */
#ifndef SMART_GRANT_ANSWER_H
#define SMART_GRANT_ANSWER_H

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

#include "core/grant.h"
#include "core/grant_record.h"

#define BASE "https://fhir.example.org/fhir"

static const char *const alias_one[] = {"user/Observation.rs", NULL};
static const char *const alias_two[] = {"patient/Condition.r",
                                        "patient/*.rs?_tag=a", "openid", NULL};
static const char *const alias_late[] = {"system/*.cruds", NULL};
static const smart_scope_alias_t aliases[] = {
    {"obs-read", alias_one},
    {"condition", alias_two},
    {"obs-read", alias_late},
    {"system/Patient.r", alias_one},
};
static const char *const claims[] = {"dept", "level", "roles", "sub", "vip"};

static const char *const our_auds[] = {BASE, "api://fhir/", NULL};

static smart_grant_recipe_t recipe = {
    SMART_FHIR_R4, BASE, aliases, 4, claims, 5,
};

static smart_slice_t record;
static apr_int64_t exp_out;
static const char *detail;
static smart_grant_t grant;

static inline smart_grant_e makes_n(const char *body, apr_size_t len)
{
    smart_grant_e result;

    record = smart_slice("left over");
    exp_out = 77;
    detail = NULL;
    memset(&grant, 0xff, sizeof(grant));
    result = smart_grant_make(&recipe, smart_slice_n(body, len), pool, &record,
                              &exp_out, &detail);
    assert_non_null(detail);
    if (result != SMART_GRANT_ACTIVE) {
        assert_int_equal(record.len, 0);
        assert_int_equal(exp_out, 0);
        assert_int_equal(*detail == '\0', result == SMART_GRANT_INACTIVE);
        return result;
    }
    /* Of a scope whose parameter can not be judged; none without one. */
    assert_true(!*detail || memchr(body, '?', len));
    assert_true(smart_grant_open(record, &grant));
    assert_int_equal(grant.exp, exp_out);
    return result;
}

static inline smart_grant_e makes(const char *body)
{
    return makes_n(body, strlen(body));
}

/* An active answer with these members as well. */
static inline smart_grant_e makes_with(const char *members)
{
    return makes(apr_pstrcat(pool, "{\"active\":true,", members, "}", NULL));
}

static inline void assert_active(const char *members)
{
    smart_grant_e got = makes_with(members);

    if (got != SMART_GRANT_ACTIVE) {
        fail_msg("%s: %d, %s", members, (int)got, detail);
    }
}

static inline void assert_unproven(const char *members, const char *why)
{
    smart_grant_e got = makes_with(members);

    if (got != SMART_GRANT_UNPROVEN) {
        fail_msg("%s: %d", members, (int)got);
    }
    assert_string_equal(detail, why);
}

static inline const char *scope_at(int i)
{
    assert_in_range(i, 0, grant.scope_count - 1);
    return smart_scope_text(&grant.scopes[i], grant.constraints, pool);
}

static inline void assert_scopes(const char *scope, const char *want)
{
    const char *got = "";
    int i;

    assert_active(apr_pstrcat(pool, "\"scope\":\"", scope, "\"", NULL));
    for (i = 0; i < grant.scope_count; i++) {
        got = apr_pstrcat(pool, got, i ? " " : "", scope_at(i), NULL);
    }
    assert_string_equal(got, want);
}

#endif
