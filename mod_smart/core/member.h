/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member.h: is a resource a member of a patient's compartment?
 *
 *   Patient     its id is the patient's, whatever it links to
 *   READ        one of the parameters refers to the patient:
 *                 mode FORMAL   each inclusion parameter of HL7's definition
 *                 mode SUBJECT  those that say whom it is about: patient,
 *                               subject, beneficiary
 *                 either        those added by configuration
 *   WRITE       those that say whom it is about refer to this patient and to
 *               nothing else; at least one does. Never by performer, author,
 *               participant or recipient, whatever the mode: nobody writes
 *               into another's record by calling himself its author
 *
 * For WRITE, what is no literal reference (reference.h) might be another
 * patient and so counts as one. Where a parameter counts only as a Reference
 * to a Patient (Appointment: participant.actor), other types are passed over
 * if that is what the reference proves.
 *
 * Invariants:
 *   1. One more element never makes a member no member, for READ: a part of a
 *      resource can be judged for all of it.
 *   2. What is a member for WRITE is one for READ: nobody writes what he may
 *      not see.
 *
 * Does not: know shared types (compartment.h), or mode OFF, where nobody is
 * held to a compartment.
 */
#ifndef SMART_MEMBER_H
#define SMART_MEMBER_H

#include "core/base.h"
#include "core/compartment.h"
#include "core/json.h"
#include "core/reference.h"

typedef enum {
    SMART_PURPOSE_WRITE = 0, /* what is written, or to be changed */
    SMART_PURPOSE_READ
} smart_purpose_e;

/**
 * Judge a resource.
 * @param bases    what references may begin with; .version counts
 * @param resource any value
 * @param type     its type, as it says itself
 * @param patient  id; NULL and "" have no members
 */
bool smart_compartment_member(const smart_compartment_t *c,
                              const smart_bases_t *bases,
                              const smart_json_t *resource, smart_type_t type,
                              const char *patient, smart_purpose_e purpose);

#endif
