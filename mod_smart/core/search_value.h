/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search_value.h: the inside of a value of a search (FHIR, Search, escaping).
 *
 *   value = item *( "," item )     one of them has to match
 *   "\," "\|" "\$" "\\"            stand for the byte behind the backslash
 *
 * Any other backslash is a mistake, and so is an item that is empty.
 */
#ifndef SMART_SEARCH_VALUE_H
#define SMART_SEARCH_VALUE_H

#include "core/base.h"

/**
 * Take off what stands before a stop byte that is not escaped, and the stop.
 * @param before out: still escaped
 * @return false: there is no stop, before is all of it
 */
bool smart_search_cut(smart_slice_t *rest, char stop, smart_slice_t *before);

/**
 * Unescape.
 * @param p      owns the text
 * @param pplain out: empty on false
 * @return false: a wrong escape
 */
bool smart_search_plain(smart_slice_t escaped, apr_pool_t *p,
                        smart_slice_t *pplain);

#endif
