/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token.h: a grant out of three lines: scopes, patient, fhirUser.
 */
#ifndef SMART_FUZZ_TOKEN_H
#define SMART_FUZZ_TOKEN_H

#include "fuzz.h"

#include "core/grant.h"

#define BASE "https://fhir.example.org/fhir"

/* A JSON string of what a line may hold; other bytes are left out. */
static inline const char *fuzz_quoted(smart_slice_t line, apr_pool_t *p)
{
    char *text = apr_palloc(p, line.len + 3);
    apr_size_t i, n = 0;

    text[n++] = '"';
    for (i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.ptr[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            text[n++] = (char)c;
        }
    }
    text[n++] = '"';
    text[n] = 0;
    return text;
}

/* "name":text, unless the text is empty. */
static inline const char *fuzz_member(const char *name, smart_slice_t line,
                                      apr_pool_t *p)
{
    const char *text = fuzz_quoted(line, p);

    return strlen(text) > 2 ? apr_pstrcat(p, ",\"", name, "\":", text, NULL)
                            : "";
}

static inline bool fuzz_grant(smart_slice_t *left, smart_grant_t *grant,
                              apr_pool_t *p)
{
    static const smart_grant_recipe_t RECIPE = {SMART_FHIR_R4, BASE, NULL, 0,
                                                NULL,          0};
    const char *scopes = fuzz_quoted(fuzz_line(left), p), *patient, *user;
    const char *detail;
    smart_slice_t record;
    apr_int64_t exp;

    patient = fuzz_member("patient", fuzz_line(left), p);
    user = fuzz_member("fhirUser", fuzz_line(left), p);
    return smart_grant_make(
               &RECIPE,
               smart_slice(apr_pstrcat(p, "{\"active\":true,\"scope\":", scopes,
                                       patient, user, "}", NULL)),
               p, &record, &exp, &detail) == SMART_GRANT_ACTIVE &&
           smart_grant_open(record, grant);
}

/* A grant without one of its scopes (-1: with all), perhaps in reverse. */
static inline smart_grant_t fuzz_scopes(const smart_grant_t *grant, int drop,
                                        bool reversed, apr_pool_t *p)
{
    smart_scope_t *scopes =
        apr_palloc(p, sizeof(*scopes) * (size_t)(grant->scope_count + 1));
    smart_grant_t out = *grant;
    int i, n = 0;

    for (i = 0; i < grant->scope_count; i++) {
        if (i != drop) {
            scopes[n++] =
                grant->scopes[reversed ? grant->scope_count - 1 - i : i];
        }
    }
    out.scopes = scopes;
    out.scope_count = n;
    return out;
}

#endif
