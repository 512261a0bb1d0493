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
 */
#ifndef SMART_FHIR_TABLES_H
#define SMART_FHIR_TABLES_H

#include "core/fhir.h"

#define SMART_FHIR_VERSIONS 3 /* row of a version: its enum value - 1 */

typedef struct smart_fhir_row_t {
    apr_uint16_t params;      /* position of the first in smart_fhir_lists */
    apr_uint16_t count;       /* parameters */
    apr_uint16_t compartment; /* position in smart_fhir_inclusions */
} smart_fhir_row_t;

/* In the byte order of the names; [0] is NULL. */
extern const char *const smart_fhir_names[SMART_FHIR_TYPE_LAST + 1];
/* Bit n: the type has an endpoint in the version of row n. */
extern const unsigned char smart_fhir_masks[SMART_FHIR_TYPE_LAST + 1];
extern const smart_fhir_param_t smart_fhir_params[];
extern const apr_uint16_t smart_fhir_lists[];
extern const char *const smart_fhir_inclusions[];
extern const smart_fhir_row_t smart_fhir_rows[SMART_FHIR_VERSIONS]
                                             [SMART_FHIR_TYPE_LAST + 1];

#endif
