/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rule.c: words to rules, and rules as sets of cells.
 *
 * A set of types is a bitmap over smart_type_t. Type 0, which no resource
 * has, is the bit of requests without a type.
 */
#include "core/rule.h"
#include "core/path.h"

#include <apr_strings.h>
#include <apr_tables.h>

#define BITS 64u /* of one word of a bitmap */

/* One bit for every interaction a name or "*" stands for. */
#define KIND_BIT(kind) ((apr_uint32_t)1 << (unsigned)(kind))
#define KINDS_NAMED                                                            \
    ((KIND_BIT(SMART_INTERACTION_COUNT) - 1u) &                                \
     ~KIND_BIT(SMART_INTERACTION_UNKNOWN) &                                    \
     ~KIND_BIT(SMART_INTERACTION_OPERATION))

static const smart_fhir_e versions[] = {SMART_FHIR_R4, SMART_FHIR_R4B,
                                        SMART_FHIR_R5};
#define VERSIONS (sizeof(versions) / sizeof(versions[0]))

typedef struct type_set_t {
    apr_uint64_t words[SMART_RULE_TYPE_WORDS];
} type_set_t;

/* ---- bitmaps ---- */

static bool bit_is_set(const apr_uint64_t *words, smart_type_t type)
{
    return type < SMART_RULE_TYPE_WORDS * BITS &&
           (words[type / BITS] >> (type % BITS) & 1u) != 0;
}

static void bit_set(apr_uint64_t *words, smart_type_t type)
{
    SMART_ASSERT(type < SMART_RULE_TYPE_WORDS * BITS);
    if (type < SMART_RULE_TYPE_WORDS * BITS) {
        words[type / BITS] |= (apr_uint64_t)1 << (type % BITS);
    }
}

static void set_unite(type_set_t *a, const type_set_t *b)
{
    int i;

    for (i = 0; i < SMART_RULE_TYPE_WORDS; i++) {
        a->words[i] |= b->words[i];
    }
}

/* Whether every type of a is in b. */
static bool set_within(const type_set_t *a, const type_set_t *b)
{
    int i;

    for (i = 0; i < SMART_RULE_TYPE_WORDS; i++) {
        if (a->words[i] & ~b->words[i]) {
            return false;
        }
    }
    return true;
}

/* ---- parsing ---- */

/* Take the next of a list separated by commas; false: there is none left. */
static bool list_next(const char **prest, smart_slice_t *pitem)
{
    const char *const rest = *prest;
    apr_size_t len;

    if (!rest) {
        return false;
    }
    len = strcspn(rest, ",");
    *pitem = smart_slice_n(rest, len);
    *prest = rest[len] == ',' ? rest + len + 1 : NULL;
    return true;
}

static const char *bad_word(const char *what, smart_slice_t word, apr_pool_t *p)
{
    return apr_pstrcat(p, what, " \"", apr_pstrmemdup(p, word.ptr, word.len),
                       "\"", NULL);
}

static bool interaction_parse(smart_slice_t name, smart_rule_t *rule,
                              apr_array_header_t *operations)
{
    const smart_interaction_e kind = smart_interaction_named(name);

    if (smart_slice_is(name, "$*")) {
        rule->any_operation = true;
        return true;
    }
    if (smart_path_is_operation(name)) {
        APR_ARRAY_PUSH(operations, const char *) =
            apr_pstrmemdup(operations->pool, name.ptr, name.len);
        return true;
    }
    if (!(KIND_BIT(kind) & KINDS_NAMED)) {
        return false;
    }
    rule->kinds |= KIND_BIT(kind);
    return true;
}

static const char *interactions_parse(const char *words, apr_pool_t *p,
                                      smart_rule_t *rule)
{
    apr_array_header_t *const operations =
        apr_array_make(p, 4, sizeof(const char *));
    smart_slice_t name;

    if (strcmp(words, "*") == 0) {
        rule->kinds = KINDS_NAMED;
        return NULL;
    }
    while (list_next(&words, &name)) {
        if (!interaction_parse(name, rule, operations)) {
            return bad_word("unknown interaction", name, p);
        }
    }
    if (operations->nelts > 0) {
        APR_ARRAY_PUSH(operations, const char *) = NULL;
        rule->operations = (const char *const *)operations->elts;
    }
    return NULL;
}

/* A type of any version. */
static smart_type_t type_parse(smart_slice_t name)
{
    smart_type_t type = SMART_TYPE_NONE;
    apr_size_t i;

    for (i = 0; i < VERSIONS && type == SMART_TYPE_NONE; i++) {
        type = smart_fhir_type(versions[i], name);
    }
    return type;
}

static const char *types_parse(const char *words, apr_pool_t *p,
                               smart_rule_t *rule)
{
    smart_slice_t name;

    if (strcmp(words, "*") == 0) {
        rule->any_type = true;
        return NULL;
    }
    while (list_next(&words, &name)) {
        const smart_type_t type = type_parse(name);

        if (type == SMART_TYPE_NONE) {
            return bad_word("unknown resource type", name, p);
        }
        bit_set(rule->types, type);
    }
    return NULL;
}

/* A scope of any version. */
static bool scope_parse(smart_slice_t text, smart_scope_t *scope)
{
    apr_size_t i;

    for (i = 0; i < VERSIONS; i++) {
        if (smart_scope_parse(versions[i], text, scope)) {
            return true;
        }
    }
    return false;
}

static const char *requirement_parse(const char *word, smart_scope_t *scope,
                                     apr_pool_t *p)
{
    const smart_slice_t text = smart_slice(word);

    if (strcmp(word, "public") == 0 || strcmp(word, "deny") == 0) {
        return bad_word("no other requirement can stand beside", text, p);
    }
    if (strchr(word, '?')) {
        return bad_word("a rule takes scopes without constraint, not", text, p);
    }
    if (!scope_parse(text, scope)) {
        return bad_word("neither a scope nor public nor deny:", text, p);
    }
    return NULL;
}

static const char *requirements_parse(const char *const *words, int count,
                                      apr_pool_t *p, smart_rule_t *rule)
{
    smart_scope_t *scopes;
    int i;

    if (count == 1 && strcmp(words[0], "deny") == 0) {
        return NULL; /* SMART_RULE_DENY, as all zero says */
    }
    if (count == 1 && strcmp(words[0], "public") == 0) {
        rule->requirement = SMART_RULE_PUBLIC;
        return NULL;
    }
    scopes = apr_pcalloc(p, (apr_size_t)count * sizeof(*scopes));
    for (i = 0; i < count; i++) {
        const char *const error = requirement_parse(words[i], &scopes[i], p);

        if (error) {
            return error;
        }
    }
    rule->requirement = SMART_RULE_SCOPES;
    rule->scopes = scopes;
    rule->scope_count = count;
    return NULL;
}

static const char *join(const char *const *words, int count, apr_pool_t *p)
{
    apr_array_header_t *const list =
        apr_array_make(p, count, sizeof(const char *));
    int i;

    for (i = 0; i < count; i++) {
        APR_ARRAY_PUSH(list, const char *) = words[i];
    }
    return apr_array_pstrcat(p, list, ' ');
}

bool smart_rule_parse(const char *const *words, int count, apr_pool_t *p,
                      smart_rule_t *prule, const char **perror)
{
    const char *error = NULL;

    memset(prule, 0, sizeof(*prule));
    if (count < 3) {
        error = "a rule has interactions, types and a requirement";
    }
    if (!error) {
        error = interactions_parse(words[0], p, prule);
    }
    if (!error) {
        error = types_parse(words[1], p, prule);
    }
    if (!error) {
        error = requirements_parse(words + 2, count - 2, p, prule);
    }
    if (error) {
        memset(prule, 0, sizeof(*prule));
    }
    prule->text = join(words, count, p);
    *perror = error;
    return error == NULL;
}

/* ---- which types an interaction can have ---- */

typedef enum {
    TYPES_NEVER = 0, /* the system level */
    TYPES_ALWAYS,
    TYPES_MAYBE /* at both levels, or of all types */
} types_e;

static types_e types_of_kind(smart_interaction_e kind)
{
    switch (kind) {
    case SMART_INTERACTION_READ:
    case SMART_INTERACTION_VREAD:
    case SMART_INTERACTION_UPDATE:
    case SMART_INTERACTION_PATCH:
    case SMART_INTERACTION_HISTORY_INSTANCE:
    case SMART_INTERACTION_HISTORY_TYPE:
    case SMART_INTERACTION_CREATE:
    case SMART_INTERACTION_SEARCH_TYPE:
        return TYPES_ALWAYS;
    case SMART_INTERACTION_DELETE:
    case SMART_INTERACTION_SEARCH_COMPARTMENT:
    case SMART_INTERACTION_OPERATION:
        return TYPES_MAYBE;
    case SMART_INTERACTION_UNKNOWN:
    case SMART_INTERACTION_HISTORY_SYSTEM:
    case SMART_INTERACTION_SEARCH_SYSTEM:
    case SMART_INTERACTION_CAPABILITIES:
    case SMART_INTERACTION_BATCH:
    case SMART_INTERACTION_TRANSACTION:
    case SMART_INTERACTION_PAGE:
    case SMART_INTERACTION_DISCOVERY:
    case SMART_INTERACTION_COUNT:
        return TYPES_NEVER;
    }
    return TYPES_NEVER;
}

/* ---- checking one rule ---- */

static const char *version_name(smart_fhir_e v)
{
    switch (v) {
    case SMART_FHIR_R4:
        return "R4";
    case SMART_FHIR_R4B:
        return "R4B";
    case SMART_FHIR_R5:
        return "R5";
    case SMART_FHIR_NONE:
        return "of no version";
    }
    return "of no version";
}

static const char *type_fault(smart_fhir_e v, smart_type_t type, apr_pool_t *p)
{
    if (type == SMART_TYPE_ANY || smart_fhir_type_known(v, type)) {
        return NULL;
    }
    return apr_pstrcat(p, "FHIR ", version_name(v), " has no resource type \"",
                       smart_fhir_type_name(type), "\"", NULL);
}

/* The types a rule names, of itself and in its scopes. */
static const char *types_fault(smart_fhir_e v, const smart_rule_t *rule,
                               apr_pool_t *p)
{
    const char *fault = NULL;
    smart_type_t type;
    int i;

    for (type = 1; !fault && type < SMART_RULE_TYPE_WORDS * BITS; type++) {
        fault = bit_is_set(rule->types, type) ? type_fault(v, type, p) : NULL;
    }
    for (i = 0; !fault && i < rule->scope_count; i++) {
        fault = type_fault(v, rule->scopes[i].type, p);
    }
    return fault;
}

/* An interaction named beside types it never has. */
static const char *kinds_fault(const smart_rule_t *rule, apr_pool_t *p)
{
    int kind;

    if (rule->any_type || rule->kinds == KINDS_NAMED) {
        return NULL;
    }
    for (kind = 1; kind < SMART_INTERACTION_COUNT; kind++) {
        if ((rule->kinds & KIND_BIT(kind)) &&
            types_of_kind((smart_interaction_e)kind) == TYPES_NEVER) {
            return apr_pstrcat(
                p, "interaction \"",
                smart_interaction_name((smart_interaction_e)kind),
                "\" has no resource type and goes with * only", NULL);
        }
    }
    return NULL;
}

/* ---- checking a list ---- */

/* What is asked of a rule: an interaction, for operations with its name. */
typedef struct cells_t {
    smart_fhir_e version;
    smart_interaction_e kind;
    const char *operation; /* "$name"; "$*": every one */
} cells_t;

static bool has_operation(const smart_rule_t *rule, smart_slice_t name)
{
    const char *const *operation = rule->operations;

    for (; operation && *operation; operation++) {
        if (smart_slice_is(name, *operation)) {
            return true;
        }
    }
    return rule->any_operation;
}

static bool has_kind(const smart_rule_t *rule, smart_interaction_e kind,
                     smart_slice_t operation)
{
    return kind == SMART_INTERACTION_OPERATION
               ? has_operation(rule, operation)
               : (rule->kinds & KINDS_NAMED & KIND_BIT(kind)) != 0;
}

/* The types a request of this kind can have at all, type 0 included. */
static type_set_t types_possible(const cells_t *cells)
{
    const types_e types = types_of_kind(cells->kind);
    type_set_t set = {{0}};
    smart_type_t type;

    if (types != TYPES_ALWAYS) {
        bit_set(set.words, SMART_TYPE_NONE);
    }
    for (type = 1; types != TYPES_NEVER && type < SMART_RULE_TYPE_WORDS * BITS;
         type++) {
        if (smart_fhir_type_known(cells->version, type)) {
            bit_set(set.words, type);
        }
    }
    return set;
}

static type_set_t types_matched(const smart_rule_t *rule, const cells_t *cells)
{
    type_set_t set = {{0}};
    int i;

    if (!has_kind(rule, cells->kind, smart_slice(cells->operation))) {
        return set;
    }
    set = types_possible(cells);
    for (i = 0; !rule->any_type && i < SMART_RULE_TYPE_WORDS; i++) {
        set.words[i] &= rule->types[i];
    }
    return set;
}

/* Whether the last of the rules is left something of these cells. */
static bool leaves_some(const smart_rule_t *const *rules, int last,
                        const cells_t *cells)
{
    const type_set_t wanted = types_matched(rules[last], cells);
    type_set_t taken = {{0}};
    int i;

    for (i = 0; i < last && !set_within(&wanted, &taken); i++) {
        const type_set_t matched = types_matched(rules[i], cells);

        set_unite(&taken, &matched);
    }
    return !set_within(&wanted, &taken);
}

static bool is_reachable(smart_fhir_e v, const smart_rule_t *const *rules,
                         int last)
{
    const smart_rule_t *const rule = rules[last];
    const char *const *operation = rule->operations;
    cells_t cells = {v, SMART_INTERACTION_UNKNOWN, "$*"};
    int kind;

    for (kind = 1; kind < SMART_INTERACTION_COUNT; kind++) {
        cells.kind = (smart_interaction_e)kind;
        if (leaves_some(rules, last, &cells)) {
            return true;
        }
    }
    cells.kind = SMART_INTERACTION_OPERATION;
    for (; operation && *operation; operation++) {
        cells.operation = *operation;
        if (leaves_some(rules, last, &cells)) {
            return true;
        }
    }
    return false;
}

bool smart_rule_check(smart_fhir_e v, const smart_rule_t *const *rules,
                      int count, apr_pool_t *p, const char **perror)
{
    int i;

    *perror = NULL;
    for (i = 0; i < count; i++) {
        const char *fault = types_fault(v, rules[i], p);

        if (!fault) {
            fault = kinds_fault(rules[i], p);
        }
        if (!fault && !is_reachable(v, rules, i)) {
            fault = "the rules before it leave it nothing to match";
        }
        if (fault) {
            *perror =
                apr_pstrcat(p, "rule \"", rules[i]->text, "\": ", fault, NULL);
            return false;
        }
    }
    return true;
}

/* ---- matching ---- */

bool smart_rule_matches(const smart_rule_t *rule, const smart_interaction_t *i)
{
    return has_kind(rule, i->kind, i->operation) &&
           (rule->any_type || bit_is_set(rule->types, i->type));
}
