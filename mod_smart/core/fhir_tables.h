/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fhir_tables.h: the generated tables behind fhir.c. Only its test includes it
 * too.
 *
 *   rows[version][type] --params,count--> lists --number--> params
 *                       --compartment---> inclusions
 *
 * Types that define a parameter alike share it, so a type's parameters are a
 * list of 16-bit numbers, ascending, which is the order of their names. Row 0
 * holds the parameters that all types have.
 *
 * Position 0 of inclusions is NULL: outside of the compartment.
 *
 * slots is a hash table of the types: a name's number is in the slot of
 * smart_fhir_slot() or, as long as that is taken by another, in one after it.
 * Every request names a type, so it is found without a search; of all names
 * the farthest is in the third slot.
 */
#ifndef SMART_FHIR_TABLES_H
#define SMART_FHIR_TABLES_H

#include "core/fhir.h"

#define SMART_FHIR_VERSIONS 3 /* row of a version: its enum value - 1 */
#define SMART_FHIR_SLOTS    512u

typedef struct smart_fhir_row_t {
    apr_uint16_t params;      /* position of the first in smart_fhir_lists */
    apr_uint16_t count;       /* parameters */
    apr_uint16_t compartment; /* position in smart_fhir_inclusions */
} smart_fhir_row_t;

/* In the byte order of the names; [0] is NULL. */
extern const char *const smart_fhir_names[SMART_FHIR_TYPE_LAST + 1];
extern const unsigned char smart_fhir_lengths[SMART_FHIR_TYPE_LAST + 1];
/* Bit n: the type has an endpoint in the version of row n. */
extern const unsigned char smart_fhir_masks[SMART_FHIR_TYPE_LAST + 1];
extern const smart_fhir_param_t smart_fhir_params[];
extern const apr_uint16_t smart_fhir_lists[];
extern const char *const smart_fhir_inclusions[];
extern const smart_fhir_row_t smart_fhir_rows[SMART_FHIR_VERSIONS]
                                             [SMART_FHIR_TYPE_LAST + 1];
extern const unsigned char smart_fhir_slots[SMART_FHIR_SLOTS]; /* 0: none */

/** Where to look for a name that is not empty; the generator does the same. */
static inline unsigned smart_fhir_slot(smart_slice_t name)
{
    const unsigned char *s = (const unsigned char *)name.ptr;

    return ((unsigned)name.len * 45u + s[0] * 2u + s[name.len / 2] * 56u +
            s[name.len - 1] * 19u) %
           SMART_FHIR_SLOTS;
}

#endif
