/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim.h: the members of an introspection answer by their names there.
 */
#ifndef SMART_CLAIM_H
#define SMART_CLAIM_H

#include "core/grant.h"

/**
 * Walk the values of a claim: sub, client_id, username, iss, patient,
 * encounter, fhirUser, fhirContext, scope (the SMART scopes), or a claim the
 * recipe of the grant named; an array of strings has several values.
 * @param grant the facts
 * @param name  name of the claim
 * @param pn    position; 0 at first, then as it was left
 * @param p     owns a value that had to be put together
 * @return the next value, never ""; NULL: no more
 */
const char *smart_claim_next(const smart_grant_t *grant, const char *name,
                             int *pn, apr_pool_t *p);

#endif
