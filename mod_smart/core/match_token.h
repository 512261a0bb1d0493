/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match_token.h: the tokens of a resource held against a token of a search
 * (FHIR, Search, token), without modifiers.
 *
 *   code          this code, of whatever system
 *   system|code   this code of this system
 *   |code         this code, of no system
 *   system|       any code of this system
 *
 * Byte by byte: codes have a case. What an element is, its JSON shows:
 *
 *   string, boolean                 a code; its system, if it has one, is not
 *                                   told, so only a code alone is compared
 *   object with "coding"            CodeableConcept: one Coding is enough
 *   object with "code"              Coding
 *   object with "value"             Identifier, ContactPoint
 *   object with several of these    nothing
 */
#ifndef SMART_MATCH_TOKEN_H
#define SMART_MATCH_TOKEN_H

#include "core/base.h"
#include "core/json.h"

/** A token of a search, unescaped. */
typedef struct smart_token_t {
    bool has_system; /* there was a "|" */
    smart_slice_t system;
    smart_slice_t code; /* empty: any */
} smart_token_t;

/**
 * Read a token of a search.
 * @param item   one item of its value, still escaped
 * @param p      owns the texts
 * @param ptoken out: all zero on false
 * @return false: a wrong escape, or neither system nor code
 */
bool smart_token_read(smart_slice_t item, apr_pool_t *p, smart_token_t *ptoken);

/** Hold an element, which may be any value, against a token. */
bool smart_match_token(const smart_token_t *token, const smart_json_t *element);

#endif
