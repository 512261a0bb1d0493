/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compartment.h: what a patient's compartment is, by configuration: HL7's
 * definition of the version, parameters added to it, and types that are
 * nobody's and shared by all.
 *
 *   has         Patient, each type of HL7's definition, each type with a
 *               parameter added (SmartCompartmentParam)
 *   shares      a type of SmartSharedTypes that is not of the above: may be
 *               read and searched by everybody, written by nobody
 *   neither     outside: patient/ scopes grant nothing on it
 *
 * Invariants:
 *   1. A parameter added counts only where the version has it for the type,
 *      with a path, as a reference that may point at a Patient.
 *   2. What a compartment has is never shared.
 *   3. A compartment that nobody filled in holds the fewest resources.
 *
 * Does not: look into resources.
 * See FHIR, CompartmentDefinition/patient.
 */
#ifndef SMART_COMPARTMENT_H
#define SMART_COMPARTMENT_H

#include "core/base.h"
#include "core/fhir.h"
#include "core/typeset.h"

#include <apr_pools.h>

/** Which parameters make a resource a member. */
typedef enum {
    SMART_COMPARTMENT_SUBJECT = 0, /* that which says whom it is about */
    SMART_COMPARTMENT_FORMAL,      /* every inclusion parameter */
    SMART_COMPARTMENT_OFF          /* the backend holds patients apart */
} smart_compartment_e;

/** A parameter that makes resources of a type members. */
typedef struct smart_compartment_param_t {
    smart_type_t type;
    const char *param;
} smart_compartment_param_t;

typedef struct smart_compartment_t {
    smart_compartment_e mode;
    const smart_compartment_param_t *extra; /* may be NULL when there are 0 */
    int extra_count;
    smart_typeset_t shared; /* those listed; .all counts for nothing */
} smart_compartment_t;

/** The compartment of a server where nobody said otherwise. */
smart_compartment_t smart_compartment_default(void);

/**
 * Read a list of shared types: names alone are the list; names with "+" or "-"
 * before them are added to what is there, or taken out. Types of any version.
 * @param words   of the line; each with a sign, or none
 * @param pshared in: what is there; out: the list; untouched on false
 * @param p       owns the error text
 * @param perror  out: what is wrong, with the bad word in it; NULL on true
 */
bool smart_compartment_share(const char *const *words, int count,
                             smart_typeset_t *pshared, apr_pool_t *p,
                             const char **perror);

/**
 * Read a parameter to be added, "Device:patient". Of any version.
 * @param p      owns the texts
 * @param pextra out: untouched on false
 * @param perror out: what is wrong, with the word in it; NULL on true
 */
bool smart_compartment_add(const char *word, apr_pool_t *p,
                           smart_compartment_param_t *pextra,
                           const char **perror);

/**
 * Hold a configured compartment against a version: types it lacks, parameters
 * that make nothing a member, shared types that the compartment has.
 * @param p      owns the error text
 * @param perror out: which word, and why; NULL on true
 */
bool smart_compartment_check(const smart_compartment_t *c, smart_fhir_e v,
                             apr_pool_t *p, const char **perror);

/**
 * Whether a parameter can make resources of a type members of a patient's
 * compartment.
 */
bool smart_compartment_usable(smart_fhir_e v, smart_type_t type,
                              smart_slice_t param);

/** Whether a patient's compartment has resources of a type, in any mode. */
bool smart_compartment_has(const smart_compartment_t *c, smart_fhir_e v,
                           smart_type_t type);

/** Whether resources of a type are nobody's, and everybody's to read. */
bool smart_compartment_shares(const smart_compartment_t *c, smart_fhir_e v,
                              smart_type_t type);

/**
 * The parameter that narrows a search of a type to a compartment.
 * @return "_id" for Patient; of a type of HL7's definition the first of
 *         patient, subject and its first inclusion parameter that the type has
 *         as a reference to a Patient; else the first one added; NULL: the
 *         compartment has no such type
 */
const char *smart_compartment_param(const smart_compartment_t *c,
                                    smart_fhir_e v, smart_type_t type);

/**
 * Whether a parameter says whose resources are searched: an inclusion
 * parameter, one added, patient or subject; of Patient, _id.
 * @param name without modifier
 */
bool smart_compartment_selects(const smart_compartment_t *c, smart_fhir_e v,
                               smart_type_t type, smart_slice_t name);

#endif
