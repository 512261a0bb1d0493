/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lenient.h: may a backend take a path for one below a base?
 *
 * A server in front finds no base in "/fhir;x/Patient", "/x/..;/fhir/Patient",
 * "/fhir%2fPatient", "/x\..\fhir" or "/FHIR", and passes them on where all of
 * a host is proxied; the backend finds "/fhir/Patient" in all of them. Backends
 * decode, cut and resolve in different orders, so none of these is followed
 * here. Instead:
 *
 *   1. Escapes are decoded until none is left. Segments end at "/" and "\".
 *      The name of a segment ends at ";", "?", "#", "%", a blank, a control or
 *      an overlong byte; dots at its end and its case do not count.
 *   2. A path whose segments all have names is below a base when it begins
 *      with the base's names.
 *   3. One with a segment that has none, or only dots, is below a base when
 *      the base's names are anywhere in it, in their order: whatever is cut or
 *      resolved, bytes only go away.
 *
 * Used to protect more, never to judge: what is below a base by this reading
 * alone is refused.
 */
#ifndef SMART_LENIENT_H
#define SMART_LENIENT_H

#include "core/base.h"

/**
 * Decode a path until there is nothing left to decode.
 * @param raw path as it came
 * @param p   pool of the result, where it is not raw itself
 */
smart_slice_t smart_lenient_decode(smart_slice_t raw, apr_pool_t *p);

/**
 * Whether a backend may take a path for a base or for one below it.
 * @param path of smart_lenient_decode()
 * @param base path of a base; empty: everything is below it
 */
bool smart_lenient_below(smart_slice_t path, smart_slice_t base);

#endif
