/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scope.h: the grammar of one SMART scope, v1 and v2.
 *
 *   scope      = context "/" type "." permission [ "?" constraint ]
 *   context    = "patient" / "user" / "system"
 *   type       = "*" / a resource type of the FHIR version
 *   permission = "read" / "write" / "*" / ["c"]["r"]["u"]["d"]["s"]
 *   constraint = pair *( "&" pair )      pair = name "=" value
 *
 * v1 words mean letters: read = rs, write = cud, * = cruds.
 *
 * Invariants:
 *   1. Case-sensitive; what is not exactly of this form is no scope, and
 *      nothing is salvaged from it. No letters is no scope.
 *   2. A constraint is split at "&" and the first "=", then percent-decoded;
 *      "+" stays "+". Names are parameters of the type (or, for "*", of every
 *      resource) that a resource can be held against (constraint.h), without
 *      modifier or chain; name and value are not empty. Otherwise the scope
 *      is no scope at all.
 *   3. A constraint follows v2 letters only; after a v1 word it is no scope.
 *
 * Does not: unite scopes, judge requests.
 * See SMART App Launch 2.2, Scopes for requesting FHIR Resources.
 */
#ifndef SMART_SCOPE_H
#define SMART_SCOPE_H

#include "core/base.h"
#include "core/fhir.h"
#include "core/search.h"

typedef enum {
    SMART_CONTEXT_NONE = 0,
    SMART_CONTEXT_PATIENT,
    SMART_CONTEXT_USER,
    SMART_CONTEXT_SYSTEM
} smart_context_e;

/** How the permission was written, to print it as it came. */
typedef enum {
    SMART_SCOPE_LETTERS = 0, /* v2 */
    SMART_SCOPE_READ,
    SMART_SCOPE_WRITE,
    SMART_SCOPE_STAR
} smart_scope_form_e;

/** A scope; grants nothing when all zero. 16 bytes, part of cached records. */
typedef struct smart_scope_t {
    apr_byte_t context;            /* smart_context_e */
    apr_byte_t letters;            /* smart_letters_t, never 0 in a scope */
    apr_byte_t form;               /* smart_scope_form_e */
    apr_byte_t reserved;           /* 0 */
    smart_type_t type;             /* SMART_TYPE_ANY for "*" */
    apr_uint16_t reserved2;        /* 0 */
    apr_uint32_t constraint_start; /* into a text the holder knows */
    apr_uint32_t constraint_len;   /* bytes after "?"; 0: unconstrained */
} smart_scope_t;

/**
 * Parse one scope.
 * @param v      FHIR version whose types and parameters count
 * @param text   one scope without blanks
 * @param pscope out: the scope, constraint_start relative to text; all zero on
 *               false
 * @return true when text is a scope
 */
bool smart_scope_parse(smart_fhir_e v, smart_slice_t text,
                       smart_scope_t *pscope);

/**
 * Why a text with a constraint is no scope, though it would be one without.
 * @param p owns the result
 * @return name of the first parameter that no resource can be held against, as
 *         it is written, or that has no value that could be; printable ASCII
 *         without quotes, at most 64 bytes. NULL: it is a scope, or is none
 *         for another reason
 */
const char *smart_scope_unjudged(smart_fhir_e v, smart_slice_t text,
                                 apr_pool_t *p);

/**
 * Take the first pair off a constraint.
 * @param rest  in: constraint of a scope, or what the last call left of it;
 *              out: what is behind the pair
 * @param p     owns the texts of the pair
 * @param ppair out: name and value, decoded; untouched on false
 * @return false: nothing is left, or it is no pair
 */
bool smart_scope_pair(smart_slice_t *rest, apr_pool_t *p, smart_pair_t *ppair);

/**
 * Write a scope as it was written in the token.
 * @param scope       from smart_scope_parse
 * @param constraints text that constraint_start points into
 * @param p           owns the result
 * @return e.g. "patient/Observation.rs?category=laboratory"
 */
const char *smart_scope_text(const smart_scope_t *scope,
                             const char *constraints, apr_pool_t *p);

/**
 * Write what a challenge should ask for.
 * @return e.g. "patient/Observation.s"
 */
const char *smart_scope_wanted(smart_context_e context, smart_type_t type,
                               smart_letters_t letters, apr_pool_t *p);

#endif
