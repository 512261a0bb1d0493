/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fhir.c: look-ups in the generated tables: types by hash, parameters by
 * binary search.
 */
#include "core/fhir_tables.h"

/* Sets of types elsewhere have 256 bits. */
_Static_assert(SMART_FHIR_TYPE_LAST < 256, "types do not fit a set");

/* Row of a version; -1: none. */
static int row_of(smart_fhir_e v)
{
    switch (v) {
    case SMART_FHIR_R4:
    case SMART_FHIR_R4B:
    case SMART_FHIR_R5:
        return (int)v - 1;
    case SMART_FHIR_NONE:
        break;
    }
    return -1;
}

/* The order of strcmp(), for text that need not end. */
static int compare(smart_slice_t a, const char *b)
{
    apr_size_t len = strlen(b);
    apr_size_t common = a.len < len ? a.len : len;
    int differ = common ? memcmp(a.ptr, b, common) : 0;

    return differ ? differ : (a.len > len) - (a.len < len);
}

smart_type_t smart_fhir_type(smart_fhir_e v, smart_slice_t name)
{
    unsigned at;
    smart_type_t t;

    if (name.len == 0 || name.len > SMART_MAX_TYPE) {
        return SMART_TYPE_NONE;
    }
    for (at = smart_fhir_slot(name); (t = smart_fhir_slots[at]) != 0;
         at = (at + 1) % SMART_FHIR_SLOTS) {
        if (name.len == smart_fhir_lengths[t] &&
            memcmp(name.ptr, smart_fhir_names[t], name.len) == 0) {
            return smart_fhir_type_known(v, t) ? t : SMART_TYPE_NONE;
        }
    }
    return SMART_TYPE_NONE;
}

const char *smart_fhir_type_name(smart_type_t t)
{
    return t <= SMART_FHIR_TYPE_LAST ? smart_fhir_names[t] : NULL;
}

bool smart_fhir_type_known(smart_fhir_e v, smart_type_t t)
{
    int row = row_of(v);

    return row >= 0 && t <= SMART_FHIR_TYPE_LAST &&
           (smart_fhir_masks[t] >> row & 1) != 0;
}

smart_type_t smart_fhir_type_next(smart_fhir_e v, smart_type_t after)
{
    unsigned t;

    for (t = after + 1u; t <= SMART_FHIR_TYPE_LAST; t++) {
        if (smart_fhir_type_known(v, (smart_type_t)t)) {
            return (smart_type_t)t;
        }
    }
    return SMART_TYPE_NONE;
}

static const smart_fhir_param_t *find_param(const smart_fhir_row_t *row,
                                            smart_slice_t name)
{
    const apr_uint16_t *list = smart_fhir_lists + row->params;
    unsigned low = 0;
    unsigned high = row->count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        const smart_fhir_param_t *param = &smart_fhir_params[list[middle]];
        int order = compare(name, param->name);

        if (order == 0) {
            return param;
        }
        if (order < 0) {
            high = middle;
        }
        else {
            low = middle + 1;
        }
    }
    return NULL;
}

const smart_fhir_param_t *smart_fhir_param(smart_fhir_e v, smart_type_t t,
                                           smart_slice_t name)
{
    const smart_fhir_param_t *param;
    int row = row_of(v);

    if (!smart_fhir_type_known(v, t)) {
        return NULL;
    }
    param = find_param(&smart_fhir_rows[row][t], name);
    return param ? param : find_param(&smart_fhir_rows[row][0], name);
}

const char *const *smart_fhir_compartment(smart_fhir_e v, smart_type_t t)
{
    unsigned at;

    if (!smart_fhir_type_known(v, t)) {
        return NULL;
    }
    at = smart_fhir_rows[row_of(v)][t].compartment;
    return at ? smart_fhir_inclusions + at : NULL;
}
