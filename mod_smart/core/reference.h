/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference.h: literal references to resources of our FHIR server.
 *
 *   literal = [ base "/" ] type "/" id [ "/_history/" id ] / urn
 *
 *   base    one of ours, byte by byte
 *   type    one of the FHIR version
 *   urn     that stands for a resource in the same Bundle
 *
 * Everything else points nowhere that could be proved: "#p" into the resource
 * itself, "Patient?identifier=..." that a server looks up, another server, an
 * identifier or a display without a reference. A "type" beside the reference
 * that says something else than it makes it nothing.
 *
 * See FHIR, references.html.
 */
#ifndef SMART_REFERENCE_H
#define SMART_REFERENCE_H

#include "core/base.h"
#include "core/fhir.h"
#include "core/json.h"

/** What a fullUrl of a batch stands for. */
typedef struct smart_urn_t {
    smart_slice_t urn;
    smart_type_t type;
    smart_slice_t id; /* empty: it will be new, so it is nobody's */
} smart_urn_t;

/** What a reference may begin with. */
typedef struct smart_bases_t {
    smart_fhir_e version;
    const char *const *urls; /* without trailing slash, NULL at the end; may
                                be NULL */
    const smart_urn_t *urns;
    int urn_count;
} smart_bases_t;

/** Where a reference points. */
typedef enum {
    SMART_POINTS_NOWHERE = 0, /* that could be proved */
    SMART_POINTS_NEW,         /* at what a batch will create: no id yet */
    SMART_POINTS_LITERAL      /* at a type and an id */
} smart_points_e;

/**
 * Where a text points.
 * @param ptype out: the type; SMART_TYPE_NONE when NOWHERE
 * @param pid   out: the id, within text or an urn's; empty unless LITERAL
 */
smart_points_e smart_reference_points(const smart_bases_t *b,
                                      smart_slice_t text, smart_type_t *ptype,
                                      smart_slice_t *pid);

/**
 * Read a literal reference.
 * @return whether it points at a type and an id; parameters as above
 */
bool smart_reference_read(const smart_bases_t *b, smart_slice_t text,
                          smart_type_t *ptype, smart_slice_t *pid);

/**
 * Where a Reference element points; parameters as above.
 * @param value any value; an object with a string "reference" points
 */
smart_points_e smart_reference_element(const smart_bases_t *b,
                                       const smart_json_t *value,
                                       smart_type_t *ptype, smart_slice_t *pid);

#endif
