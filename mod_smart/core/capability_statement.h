/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capability_statement.h: adds to a server's CapabilityStatement what apps
 * that do not know .well-known/smart-configuration look for: rest.security
 * with cors, the service SMART-on-FHIR and the oauth-uris extension.
 *
 * Invariants:
 *   1. Only rest.security of entries with mode "server" changes; all else is
 *      there as it was, in its order.
 *   2. What the server says itself of OAuth endpoints is replaced: its own
 *      authorization server is not the one whose tokens count here. Other
 *      services and extensions stay.
 *   3. A text that is no CapabilityStatement, or has none of these, or one in
 *      which something of that is of a wrong type, is not touched.
 *
 * See SMART App Launch 2.2, "Declaring support for OAuth2 endpoints".
 */
#ifndef SMART_CAPABILITY_STATEMENT_H
#define SMART_CAPABILITY_STATEMENT_H

#include "core/discovery.h"

/**
 * Add what clients look for.
 * @param text JSON of the server
 * @param uris what they are told; without <token> nothing is added
 * @param p    owns *pout
 * @param pout out: the new text; empty on false
 * @return false: the text is to be sent as it is
 */
bool smart_capability_statement(smart_slice_t text,
                                const smart_oauth_uris_t *uris, apr_pool_t *p,
                                smart_slice_t *pout);

#endif
