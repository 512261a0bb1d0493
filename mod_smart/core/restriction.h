/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restriction.h: what a restricted request may be, and what has to be done
 * for it. A part of a grant is restricted to the compartment of one patient,
 * to a constraint, or to both.
 *
 *   own Patient       read, vread, history, delete: the URL tells, nothing
 *                     more to do (a constraint: inspect, pre-read)
 *   another Patient   as if it did not exist
 *   other types       reads are inspected; writes have their body judged,
 *                     and what is there now
 *   Patient/<own>/T   the backend's compartment tells, for types that have an
 *                     entry there; not for Patient, which may be linked to
 *                     other people's
 *   search, lastn     narrowed and inspected
 *   never             conditional update, patch and delete; system search and
 *                     history; other compartments; X-Provenance; Subscription
 *                     writes, which send to others; new content of types that
 *                     are in no compartment
 *
 * Parameters of a restricted search are those the tables know for the type
 * and a list of common ones: a backend may ignore what it does not know, and
 * chains and their like tell about resources nobody may read.
 *
 * Does not: look at scopes.
 */
#ifndef SMART_RESTRICTION_H
#define SMART_RESTRICTION_H

#include "core/base.h"
#include "core/decision.h"
#include "core/fhir.h"
#include "core/interaction.h"
#include "core/part.h"
#include "core/verdict.h"

/**
 * Judge a request that a restricted part of a grant covers. Not for
 * operations (operation.h).
 * @param v    FHIR version
 * @param part restricted
 * @param i    what is asked for
 */
smart_verdict_t smart_restriction_judge(smart_fhir_e v,
                                        const smart_part_t *part,
                                        const smart_interaction_t *i);

/**
 * Judge a search of a type and its parameters.
 * @param extra a parameter besides those of the type; NULL: none
 */
smart_verdict_t smart_restriction_search(smart_fhir_e v,
                                         const smart_part_t *part,
                                         smart_type_t type,
                                         const smart_search_t *search,
                                         const char *extra);

/** Whether every name is one of a list that ends with NULL, as it stands. */
bool smart_restriction_only(const smart_search_t *search,
                            const char *const *names);

/**
 * Judge the parameters of a page of an earlier search: it is inspected, and
 * nothing in it may start another search.
 */
smart_verdict_t smart_restriction_page(const smart_search_t *search);

/** Whether a patient's compartment has resources of a type. */
bool smart_restriction_member(smart_fhir_e v, smart_type_t type);

#endif
