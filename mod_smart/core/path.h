/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path.h: the canonical form of a path below the base, and its segments.
 *
 *   path    = "" / "/" / 1*( "/" segment ) [ "/" ]
 *   segment = 1*( ALPHA / DIGIT / "." / "_" / "$" / "-" ), not "." or ".."
 *           / "*"                      third and last segment only
 *   id      = 1*64( ALPHA / DIGIT / "." / "-" )
 *   operation = "$" lower-case letter *( ALPHA / DIGIT / "-" )
 *
 * FHIR needs no other byte in a path, so nothing is ever decoded, merged or
 * resolved here: a path that would need it is refused, and httpd and the
 * backend have nothing left to understand in two ways.
 *
 * Does not: know what segments mean.
 */
#ifndef SMART_PATH_H
#define SMART_PATH_H

#include "core/base.h"

#define SMART_PATH_MAX_SEGMENTS 8 /* the deepest interaction has four */

typedef struct smart_path_t {
    int count; /* segments; more than are held when the path is deeper */
    smart_slice_t segments[SMART_PATH_MAX_SEGMENTS]; /* parts of the path */
    bool is_id[SMART_PATH_MAX_SEGMENTS]; /* what smart_path_is_id() says */
} smart_path_t;

/**
 * Split a path.
 * @param raw   raw bytes below the base: "" or "/..."; borrowed as long as
 *              *ppath is used
 * @param ppath out: the segments, none on false; what is beyond count is not
 *              set
 * @param pwhy  out: what is malformed, constant text; NULL on true
 * @return false when it is not in canonical form
 */
bool smart_path_read(smart_slice_t raw, smart_path_t *ppath, const char **pwhy);

/** Whether a text is a FHIR id, or the id of a version. */
bool smart_path_is_id(smart_slice_t text);

/** Whether a text is the name of an operation, with its "$". */
bool smart_path_is_operation(smart_slice_t text);

#endif
