/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match_string.h: the texts of a resource held against a text of a search
 * (FHIR, Search, string), without modifiers: one begins with it, whatever the
 * case of its letters. Letters beyond ASCII are compared as they are.
 *
 *   string      itself
 *   HumanName   text, family, given, prefix, suffix
 *   Address     text, line, city, district, state, postalCode, country
 *   Annotation  text
 */
#ifndef SMART_MATCH_STRING_H
#define SMART_MATCH_STRING_H

#include "core/base.h"
#include "core/json.h"

/**
 * Hold an element against a text.
 * @param value   of the search, unescaped; an empty one matches nothing
 * @param element any value
 */
bool smart_match_string(smart_slice_t value, const smart_json_t *element);

#endif
