/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pin.h: an answer that is to be looked at has to be whole resources in JSON,
 * whatever a client would rather have.
 *
 *   _elements, _summary   taken out: they leave out what membership is seen by
 *   _format               taken out when it asks for JSON, else there is no
 *                         answer that it may have
 *   Accept                has to allow JSON where no _format does, which
 *                         overrides it; who sends it on replaces it
 *
 * _summary=count asks for no resources at all, and is refused by the decision.
 * Names are compared without case: a backend may do so too.
 *
 * See FHIR R4 http.html, content types and general parameters.
 */
#ifndef SMART_PIN_H
#define SMART_PIN_H

#include "core/base.h"
#include "core/search.h"

/**
 * Take out of a search what says how the answer is written.
 * @param search changed; gets its own list, so that a copy of *search made
 *               before is not touched
 * @param p      owns what is made
 * @return false: _format rules JSON out
 */
bool smart_pin_search(smart_search_t *search, apr_pool_t *p);

/** Whether a search has a _format that says something: what Accept says does not count then. */
bool smart_pin_named(const smart_search_t *search);

/**
 * Whether an Accept field allows FHIR JSON.
 * @param accept NULL: there is none, all is allowed
 */
bool smart_pin_accept(const char *accept);

#endif
