/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fhir.h: what FHIR R4, R4B and R5 define: resource types, search parameters,
 * the Patient compartment. The tables are generated from the definitions that
 * HL7 publishes (build/gen_fhir_tables).
 *
 * A type is one number for all versions; fhir_types.h names them, as in
 * SMART_FHIR_RELATED_PERSON. Known in a version are the concrete types that
 * have an endpoint there: not Resource, DomainResource and the like, and not
 * Parameters, which has a number only to be told apart in bodies.
 *
 * Paths say where in a resource the values of a search parameter are:
 *
 *   path        = alternative *( "|" alternative )
 *   alternative = name *( "." name ) [ "[" type "]" ]
 *
 *   name   member of a JSON object; value[x] is written out (valueQuantity).
 *          An array stands for each of its items.
 *   [type] counts only where the element is a Reference to that type.
 *
 *   subject[Patient]                      Observation, patient
 *   code|reaction.substance               AllergyIntolerance, code
 *   effectiveDateTime|effectivePeriod|... Observation, date
 *
 * A path leads to a value of a data type that fits the kind, and its JSON
 * shows which: for tokens a string or boolean, or an object that is a Coding
 * (code), a CodeableConcept (coding) or an Identifier or ContactPoint (value);
 * for references a string (canonical, uri) or a Reference object.
 *
 * Invariants:
 *   1. A path is all of the parameter or is not there: NULL where the
 *      expression has a condition or a function (telecom by system, "the
 *      first of"), for composite and special parameters, and where HL7 gives
 *      no expression.
 *   2. Each inclusion parameter of a compartment is a reference parameter of
 *      its type, with a path, that may point at a Patient; or is
 *      SMART_FHIR_DEF.
 *   3. All is constant; nothing is allocated; any thread may ask.
 *
 * Does not: know profiles or extensions, follow paths, know parameters a
 * server adds, other compartments than Patient. Two parameters that one would
 * expect to have a path have none, for HL7 gives R5 Appointment "the first of"
 * and R5 CareTeam nothing for date.
 */
#ifndef SMART_FHIR_H
#define SMART_FHIR_H

#include "core/base.h"
#include "core/fhir_types.h"

typedef enum {
    SMART_FHIR_NONE = 0, /* no version: knows nothing */
    SMART_FHIR_R4,       /* 4.0.1 */
    SMART_FHIR_R4B,      /* 4.3.0 */
    SMART_FHIR_R5        /* 5.0.0 */
} smart_fhir_e;

/** Kinds of search parameters (FHIR, SearchParameter.type). */
typedef enum {
    SMART_PARAM_NONE = 0,
    SMART_PARAM_TOKEN,
    SMART_PARAM_REFERENCE,
    SMART_PARAM_STRING,
    SMART_PARAM_DATE,
    SMART_PARAM_URI,
    SMART_PARAM_NUMBER,
    SMART_PARAM_QUANTITY,
    SMART_PARAM_COMPOSITE,
    SMART_PARAM_SPECIAL
} smart_param_e;

/** A search parameter of one type (or several that define it alike). */
typedef struct smart_fhir_param_t {
    const char *name;            /* "clinical-status" */
    smart_param_e kind;          /* never SMART_PARAM_NONE */
    const smart_type_t *targets; /* ends in SMART_TYPE_NONE; NULL: not a
                                    reference, or see any_target */
    bool any_target;             /* a reference to any type */
    const char *path;            /* grammar above; NULL: cannot be said */
} smart_fhir_param_t;

/**
 * In a compartment's parameters: the resource that the compartment is named
 * after is in it, its id being that of the compartment. HL7's own word; no
 * parameter can be called so. R5 has it for Patient, R4 and R4B say nothing of
 * the sort.
 */
#define SMART_FHIR_DEF "{def}"

/**
 * Number of a resource type.
 * @param name case-sensitive, as in an URL
 * @return SMART_TYPE_NONE: no type with an endpoint in that version
 */
smart_type_t smart_fhir_type(smart_fhir_e v, smart_slice_t name);

/**
 * Name of a resource type, of whatever version.
 * @return static; NULL: no such number (SMART_TYPE_NONE, SMART_TYPE_ANY)
 */
const char *smart_fhir_type_name(smart_type_t t);

/** Has the type an endpoint in that version? */
bool smart_fhir_type_known(smart_fhir_e v, smart_type_t t);

/**
 * Walk over the types of a version, in the byte order of their names.
 * @param after SMART_TYPE_NONE to start, then what the last call returned
 * @return SMART_TYPE_NONE: that was the last one
 */
smart_type_t smart_fhir_type_next(smart_fhir_e v, smart_type_t after);

/**
 * Look up a search parameter, among them those all types have (_id, _tag,
 * _security, _profile, _lastUpdated, ...). Some of the latter steer a search
 * rather than select (_query, _list, and in R4B and R5 _has, _type, _filter):
 * they are here because HL7 lists them, and have no path.
 * @param name case-sensitive, without modifier or chain
 * @return static; NULL: the type is not known in that version, or has no such
 *         parameter
 */
const smart_fhir_param_t *smart_fhir_param(smart_fhir_e v, smart_type_t t,
                                           smart_slice_t name);

/**
 * How a type belongs to the Patient compartment.
 * @return static: names of its inclusion parameters in the order of the
 *         definition, then NULL; at least one. A resource is in the
 *         compartment of a Patient if one of them refers to that Patient.
 *         NULL: the type is outside, or not known in that version
 */
const char *const *smart_fhir_compartment(smart_fhir_e v, smart_type_t t);

#endif
