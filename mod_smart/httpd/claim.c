/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim.c: see claim.h. Claims of one value are found at position 0.
 */
#include "httpd/claim.h"

#include <stddef.h>

#include <apr_strings.h>

/* The claims that stand in the grant under a name of their own. */
static const struct {
    const char *name;
    apr_size_t at;
} standard[] = {
    {"sub", offsetof(smart_grant_t, sub)},
    {"client_id", offsetof(smart_grant_t, client_id)},
    {"username", offsetof(smart_grant_t, username)},
    {"iss", offsetof(smart_grant_t, iss)},
    {"patient", offsetof(smart_grant_t, patient)},
    {"encounter", offsetof(smart_grant_t, encounter)},
    {"fhirUser", offsetof(smart_grant_t, fhir_user)},
    {"fhirContext", offsetof(smart_grant_t, fhir_context)},
};

static const char *scopes_text(const smart_grant_t *grant, apr_pool_t *p)
{
    const char *text = "";
    int i;

    for (i = 0; i < grant->scope_count; i++) {
        text = apr_pstrcat(
            p, text, *text ? " " : "",
            smart_scope_text(&grant->scopes[i], grant->constraints, p), NULL);
    }
    return text;
}

/* True: name is one of those above, or scope. */
static bool find_standard(const smart_grant_t *grant, const char *name,
                          apr_pool_t *p, const char **pvalue)
{
    apr_size_t i;

    for (i = 0; i < sizeof(standard) / sizeof(standard[0]); i++) {
        if (!strcmp(name, standard[i].name)) {
            *pvalue =
                *(const char *const *)((const char *)grant + standard[i].at);
            return true;
        }
    }
    if (strcmp(name, "scope") != 0) {
        return false;
    }
    *pvalue = scopes_text(grant, p);
    return true;
}

const char *smart_claim_next(const smart_grant_t *grant, const char *name,
                             int *pn, apr_pool_t *p)
{
    const char *at = grant->claims;
    const char *value;
    int i;

    if (find_standard(grant, name, p, &value)) {
        return (*pn)++ == 0 && *value ? value : NULL;
    }
    for (i = 0; i < grant->claim_count; i++) {
        value = at + strlen(at) + 1;
        if (i >= *pn && !strcmp(at, name) && *value) {
            *pn = i + 1;
            return value;
        }
        at = value + strlen(value) + 1;
    }
    return NULL;
}
