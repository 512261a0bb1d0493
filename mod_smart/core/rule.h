/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rule.h: SmartRule lines: which scopes an interaction needs instead of the
 * built-in mapping.
 *
 *   rule         = interactions SP types SP requirement *( SP requirement )
 *   interactions = "*" / name *( "," name )   name: FHIR's, or "$operation"
 *   types        = "*" / type *( "," type )
 *   requirement  = a scope without constraint / "public" / "deny"
 *                  (public and deny stand alone)
 *
 * In a requirement the type "*" means the requested type. One of the scopes
 * must be held with all its letters. "*" as interaction does not cover
 * operations; "$*" covers all of them. What has no type (the system level, a
 * compartment search of "*") matches the type "*" only; batch and transaction
 * are matched as a whole.
 *
 * A rule can be read as a set of cells (interaction, type); the first rule
 * that has the cell of a request is the one. smart_rule_check looks for rules
 * that can be this for no cell at all.
 *
 * Does not: lift what bodies need; public does, for what shows nothing but the
 * types of the rule (decision.h).
 */
#ifndef SMART_RULE_H
#define SMART_RULE_H

#include "core/base.h"
#include "core/fhir.h"
#include "core/interaction.h"
#include "core/scope.h"

typedef enum {
    SMART_RULE_DENY = 0,
    SMART_RULE_SCOPES,
    SMART_RULE_PUBLIC
} smart_rule_e;

#define SMART_RULE_TYPE_WORDS 4 /* 256 types */

typedef struct smart_rule_t {
    smart_rule_e requirement;
    apr_uint32_t kinds;            /* bit per smart_interaction_e */
    bool any_operation;            /* "$*" */
    const char *const *operations; /* "$name", NULL at end; NULL: none */
    bool any_type;                 /* "*" */
    apr_uint64_t types[SMART_RULE_TYPE_WORDS]; /* bit per smart_type_t, not 0 */
    const smart_scope_t *scopes;               /* SMART_RULE_SCOPES */
    int scope_count;
    const char *text; /* as configured, for dumps and logs */
} smart_rule_t;

/**
 * Parse the words of one SmartRule. Types and scopes may be of any FHIR
 * version; smart_rule_check holds them against one.
 * @param words  of the line; borrowed
 * @param count  how many
 * @param p      owns the rule and the error text
 * @param prule  out: the rule; on false one that matches nothing and denies
 * @param perror out: what is wrong, with the bad word in it; NULL on true
 * @return false when a word is wrong or one is missing
 */
bool smart_rule_parse(const char *const *words, int count, apr_pool_t *p,
                      smart_rule_t *prule, const char **perror);

/**
 * Hold a list of rules against a version and against each other: a type the
 * version lacks, an interaction that cannot have the types, a rule that the
 * ones before it leave nothing to match.
 * @param v      FHIR version
 * @param rules  in the order they are tried
 * @param count  how many
 * @param p      owns the error text
 * @param perror out: which rule, and why; NULL on true
 * @return false when a rule is wrong
 */
bool smart_rule_check(smart_fhir_e v, const smart_rule_t *const *rules,
                      int count, apr_pool_t *p, const char **perror);

/**
 * Whether a rule is about an interaction.
 * @param rule from smart_rule_parse
 * @param i    from smart_interaction_read; UNKNOWN matches no rule
 */
bool smart_rule_matches(const smart_rule_t *rule, const smart_interaction_t *i);

#endif
