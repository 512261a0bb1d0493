/* SPDX-License-Identifier: Apache-2.0 */
/*
 * brought.h: what tests of written content share: JSON from text, a token's
 * coverage, a request line.
 */
#ifndef BROUGHT_H
#define BROUGHT_H

#include "ask.h"
#include "json_value.h"

#include <apr_general.h>

#include "core/coverage.h"
#include "core/json.h"

#define PUBLIC_URL "https://fhir.example.org/fhir"

/* What a token with these scopes of patient pat-1 covers. */
static inline smart_coverage_t covers(const char *scopes)
{
    static const char *const urls[] = {PUBLIC_URL, NULL};
    const ask_t ask = {.scopes = scopes, .patient = "pat-1"};
    smart_grant_t *grant = apr_palloc(pool, sizeof(*grant));
    smart_coverage_t c = {0};

    *grant = ask_grant(SMART_FHIR_R4, &ask);
    c.policy = ask_policy_default();
    c.grant = grant;
    c.bases.version = SMART_FHIR_R4;
    c.bases.urls = urls;
    return c;
}

static inline smart_interaction_t interaction(const char *method,
                                              const char *path)
{
    smart_request_t req = {.method = method, .path = smart_slice(path)};
    smart_interaction_t i;
    const char *why;

    assert_int_equal(
        smart_interaction_read(SMART_FHIR_R4, &req, pool, &i, &why),
        SMART_REASON_UNDECIDED);
    return i;
}

static inline int pool_make(void **state)
{
    apr_initialize();
    return apr_pool_create(&pool, NULL);
}

static inline int pool_drop(void **state)
{
    apr_pool_destroy(pool);
    return 0;
}

#endif
