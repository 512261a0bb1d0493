/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coverage.c: tries the parts of the grant, and the scopes of each.
 */
#include "core/coverage.h"

#include "core/constraint.h"
#include "core/member.h"
#include "core/part.h"

#define READ_LETTERS  (SMART_LETTER_R | SMART_LETTER_S)
#define WRITE_LETTERS (SMART_LETTER_C | SMART_LETTER_U | SMART_LETTER_D)

typedef struct ask_t {
    const smart_coverage_t *c;
    smart_letters_t letter;
    smart_purpose_e purpose;
    const smart_json_t *resource;
    smart_type_t type;
    apr_pool_t *p;
} ask_t;

smart_type_t smart_coverage_type(smart_fhir_e v, const smart_json_t *resource)
{
    smart_slice_t name;

    /* What is no string is an empty one, and no type. */
    smart_json_string(smart_json_member(resource, "resourceType"), &name);
    return smart_fhir_type(v, name);
}

/* Whether the compartment that a part is held to has the resource. */
static bool is_inside(const ask_t *ask, const smart_part_t *part)
{
    const smart_compartment_t *compartment = &ask->c->policy->compartment;

    if (!part->restricted) {
        return true;
    }
    if (ask->type == SMART_FHIR_BUNDLE) {
        return false;
    }
    if (!part->patient) {
        return true;
    }
    if (ask->purpose == SMART_PURPOSE_READ &&
        smart_compartment_shares(compartment, ask->c->bases.version,
                                 ask->type)) {
        return true;
    }
    return smart_compartment_member(compartment, &ask->c->bases, ask->resource,
                                    ask->type, part->patient, ask->purpose);
}

static bool is_for(const ask_t *ask, const smart_part_t *part,
                   const smart_scope_t *scope)
{
    return scope->context == (apr_byte_t)part->context &&
           (scope->constraint_len > 0) == part->constrained &&
           (scope->letters & ask->letter) == ask->letter &&
           (scope->type == ask->type || scope->type == SMART_TYPE_ANY);
}

static bool scope_holds(const ask_t *ask, const smart_scope_t *scope)
{
    return scope->constraint_len == 0 ||
           smart_constraint_holds(&ask->c->bases, ask->type,
                                  smart_slice_n(ask->c->grant->constraints +
                                                    scope->constraint_start,
                                                scope->constraint_len),
                                  ask->resource, ask->p);
}

/* A scope of the part covers; where the compartment has the resource is asked
 * once, for all scopes of the part are held to the same. */
static bool part_covers(const ask_t *ask, const smart_part_t *part)
{
    const smart_grant_t *grant = ask->c->grant;
    bool inside = false;
    int n;

    for (n = 0; n < grant->scope_count; n++) {
        if (!is_for(ask, part, &grant->scopes[n])) {
            continue;
        }
        if (!inside && !is_inside(ask, part)) {
            return false;
        }
        inside = true;
        if (scope_holds(ask, &grant->scopes[n])) {
            return true;
        }
    }
    return false;
}

static bool covers(ask_t *ask)
{
    const smart_coverage_t *c = ask->c;
    smart_part_t part;
    int n;

    ask->type = smart_coverage_type(c->bases.version, ask->resource);
    if (ask->type == SMART_TYPE_NONE ||
        ask->type == SMART_FHIR_OPERATION_OUTCOME || !ask->letter) {
        return false;
    }
    for (n = 0; n < SMART_PARTS; n++) {
        if (smart_part_at(c->grant, c->policy, n, &part) &&
            part.unusable == SMART_REASON_UNDECIDED &&
            part_covers(ask, &part)) {
            return true;
        }
    }
    return false;
}

bool smart_coverage_read(const smart_coverage_t *c, smart_letters_t letter,
                         const smart_json_t *resource, apr_pool_t *p)
{
    ask_t ask = {c,        letter & READ_LETTERS, SMART_PURPOSE_READ,
                 resource, SMART_TYPE_NONE,       p};

    return covers(&ask);
}

bool smart_coverage_write(const smart_coverage_t *c, smart_letters_t letter,
                          const smart_json_t *resource, apr_pool_t *p)
{
    ask_t ask = {c,        letter & WRITE_LETTERS, SMART_PURPOSE_WRITE,
                 resource, SMART_TYPE_NONE,        p};

    return covers(&ask);
}

bool smart_coverage_current(const smart_coverage_t *c, smart_letters_t letter,
                            const smart_json_t *resource, apr_pool_t *p)
{
    return smart_coverage_write(c, letter, resource, p);
}
