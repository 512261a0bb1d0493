/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mod_smart.h: what other httpd modules may ask of mod_smart.
 *
 * Everything is an optional function, so that no module needs mod_smart to be
 * loaded:
 *
 *   APR_OPTIONAL_FN_TYPE(smart_claim) *claim =
 *       APR_RETRIEVE_OPTIONAL_FN(smart_claim);
 *   const char *patient = claim ? claim(r, "patient") : NULL;
 *
 * In the environment of a permitted request (for logs, CGI and conditions):
 * SMART_CLIENT_ID, SMART_SUB, SMART_PATIENT, SMART_FHIR_USER, SMART_SCOPE,
 * SMART_INTERACTION, SMART_DECISION, SMART_CACHE.
 */
#ifndef MOD_SMART_H
#define MOD_SMART_H

#include <httpd.h>
#include <apr_optional.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOD_SMART_VERSION "0.1.0"

/**
 * The value of a claim of the token a request was permitted with.
 * @param r    request, after its authorization
 * @param name "client_id", "sub", "username", "iss", "patient", "encounter",
 *             "fhirUser", "fhirContext", "scope", or a claim that is named in
 *             SmartClaimHeader or Require smart-claim
 * @return the value (the first one of several), allocated from r->pool; NULL:
 *         no permit, no token, or no such claim
 */
APR_DECLARE_OPTIONAL_FN(const char *, smart_claim,
                        (request_rec * r, const char *name));

#ifdef __cplusplus
}
#endif

#endif
