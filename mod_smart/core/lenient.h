/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lenient.h: what a lenient backend takes a path for.
 *
 * A server in front finds no base in "/fhir;x/Patient", "/x/..;/fhir/Patient",
 * "/fhir%2fPatient", "/x\..\fhir" or "/FHIR", and passes them on where all of
 * a host is proxied; the backend finds "/fhir/Patient" in all of them. So a
 * path counts as below a base when this reading of it is:
 *
 *   1. escapes are decoded until none is left
 *   2. "\" is "/"; what follows "?", "#" or, in a segment, ";" is not there
 *   3. empty segments and "." are dropped, ".." takes the segment before it
 *   4. letters have no case
 *
 * Used to protect more, never to judge: what is below a base by this reading
 * alone is refused.
 */
#ifndef SMART_LENIENT_H
#define SMART_LENIENT_H

#include "core/base.h"

/**
 * Read a path as a lenient backend may.
 * @param raw path as it came
 * @param p   pool of the result, where it is not raw itself
 * @return "" or "/segment...", in the case it came in
 */
smart_slice_t smart_lenient_path(smart_slice_t raw, apr_pool_t *p);

/**
 * Whether such a path is a base or below it.
 * @param path     of smart_lenient_path()
 * @param base path of a base, in whatever case; empty: everything is below it
 */
bool smart_lenient_below(smart_slice_t path, smart_slice_t base);

#endif
