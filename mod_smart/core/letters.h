/* SPDX-License-Identifier: Apache-2.0 */
/*
 * letters.h: which permission letters, on which types, an interaction needs.
 *
 *   read vread history-instance          r on the type
 *   search-type search-compartment       s on the type ("*": on all types)
 *   history-type                         s on the type
 *   search-system                        s on every type named by _type,
 *                                        on all types without one
 *   history-system                       s on all types
 *   create                               c, conditional: c and s
 *   update patch                         u, conditional: u and s
 *   delete                               d, conditional: d and s; at system
 *                                        level on all types
 *   page                                 s on some type
 *   batch transaction                    any scope: the entries are decided
 *   operation                            see operation.h
 *   capabilities, discovery              none: they are public
 *
 * A system search whose form is not read yet may still name its types there:
 * it needs s on what the URL names, or on some type.
 *
 * Does not: know who holds what; know what else a search looks at (reach.h).
 * See SMART App Launch 2.2, Scopes for requesting FHIR Resources.
 */
#ifndef SMART_LETTERS_H
#define SMART_LETTERS_H

#include "core/base.h"
#include "core/fhir.h"
#include "core/interaction.h"
#include "core/reason.h"
#include "core/typeset.h"

typedef enum {
    SMART_NEED_NEVER = 0, /* no scope would do */
    SMART_NEED_TYPES,     /* the letters on each of the types */
    SMART_NEED_SOME,      /* the letters on one type, whichever */
    SMART_NEED_SCOPE      /* a scope, whichever */
} smart_need_e;

typedef struct smart_need_t {
    smart_need_e kind;
    smart_reason_e reason;   /* NEVER: why */
    smart_letters_t letters; /* TYPES, SOME */
    smart_typeset_t types;   /* TYPES; never empty */
} smart_need_t;

/** A need of letters on one type; SMART_TYPE_NONE and _ANY: on all. */
smart_need_t smart_need_type(smart_type_t type, smart_letters_t letters);

/** A need that nothing meets. */
smart_need_t smart_need_never(smart_reason_e reason);

/**
 * What an interaction needs by the built-in mapping.
 * @param v FHIR version of the types that _type may name
 * @param i any interaction but UNKNOWN, which needs what nobody has
 */
smart_need_t smart_letters_needed(smart_fhir_e v, const smart_interaction_t *i);

typedef enum {
    SMART_NAMED_UNKNOWN = 0, /* a type the version does not have */
    SMART_NAMED_ALL,         /* no _type, or one that can not be relied on */
    SMART_NAMED_SOME         /* the types of the set and no other */
} smart_named_e;

/**
 * Read the _type parameters of a search or export. Occurrences add up: what
 * is needed is needed for each type that is named anywhere. An empty item, a
 * modifier and another spelling (_TYPE) are nothing to rely on.
 * @param ptypes out: the types named; all on ALL; empty on UNKNOWN
 */
smart_named_e smart_letters_named(smart_fhir_e v, const smart_search_t *search,
                                  smart_typeset_t *ptypes);

#endif
