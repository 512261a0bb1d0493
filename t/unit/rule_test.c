/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rule_test.c: what a SmartRule line means, which lines are refused, and what
 * a list of them can not hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <apr_general.h>
#include <apr_strings.h>
#include <apr_tables.h>

#include "core/rule.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define MAX_WORDS 8
#define MAX_RULES 6

static apr_pool_t *pool;

static int start(void **state)
{
    (void)state;
    apr_initialize();
    return apr_pool_create(&pool, NULL) != APR_SUCCESS;
}

static int stop(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

static int clear(void **state)
{
    (void)state;
    apr_pool_clear(pool);
    return 0;
}

static bool parse(const char *line, smart_rule_t *rule, const char **perror)
{
    const char *words[MAX_WORDS];
    char *rest = apr_pstrdup(pool, line);
    char *word;
    int count = 0;

    while ((word = apr_strtok(rest, " ", &rest)) != NULL) {
        assert_true(count < MAX_WORDS);
        words[count++] = word;
    }
    memset(rule, 0xAA, sizeof(*rule));
    *perror = "untouched";
    return smart_rule_parse(words, count, pool, rule, perror);
}

static const smart_rule_t *rule_of(const char *line)
{
    smart_rule_t *const rule = apr_palloc(pool, sizeof(*rule));
    const char *error;

    if (!parse(line, rule, &error)) {
        fail_msg("%s: %s", line, error);
    }
    assert_null(error);
    assert_string_equal(rule->text, line);
    return rule;
}

static smart_type_t type_of(const char *name)
{
    return name ? smart_fhir_type(SMART_FHIR_R4, smart_slice(name))
                : SMART_TYPE_NONE;
}

/* ---- parsing ---- */

static void wrong_words_are_named(void **state)
{
    static const struct {
        const char *good, *bad, *error;
    } rows[] = {
        {"read Patient deny", "raed Patient deny",
         "unknown interaction \"raed\""},
        {"read Patient deny", "Read Patient deny",
         "unknown interaction \"Read\""},
        {"read,vread Patient deny", "read,vraed Patient deny",
         "unknown interaction \"vraed\""},
        {"read Patient deny", "read, Patient deny", "unknown interaction \"\""},
        {"$x Patient deny", "operation Patient deny", /* named one by one */
         "unknown interaction \"operation\""},
        {"read Patient deny", "unknown Patient deny",
         "unknown interaction \"unknown\""},
        {"* Patient deny", "*,read Patient deny", "unknown interaction \"*\""},
        {"$* Patient deny", "$ Patient deny", "unknown interaction \"$\""},
        {"$export Patient deny", "$Export Patient deny",
         "unknown interaction \"$Export\""},
        {"read Patient deny", "read Patien deny",
         "unknown resource type \"Patien\""},
        {"read Patient deny", "read patient deny",
         "unknown resource type \"patient\""},
        {"read Patient,Group deny", "read Patient,,Group deny",
         "unknown resource type \"\""},
        {"read * deny", "read *,Patient deny", "unknown resource type \"*\""},
        {"read * user/*.r", "read * user/*.x",
         "neither a scope nor public nor deny: \"user/*.x\""},
        {"read * user/*.r", "read * User/*.r",
         "neither a scope nor public nor deny: \"User/*.r\""},
        {"read * public", "read * Public",
         "neither a scope nor public nor deny: \"Public\""},
        {"read * user/*.r user/*.s", "read * user/*.r openid",
         "neither a scope nor public nor deny: \"openid\""},
        {"read * public", "read * public user/*.r",
         "no other requirement can stand beside \"public\""},
        {"read * deny", "read * user/*.r deny",
         "no other requirement can stand beside \"deny\""},
        {"read * deny", "read * deny deny",
         "no other requirement can stand beside \"deny\""},
        {"read Observation user/Observation.r",
         "read Observation user/Observation.r?status=final",
         "a rule takes scopes without constraint, not"
         " \"user/Observation.r?status=final\""},
        {"read * deny", "read *",
         "a rule has interactions, types and a requirement"},
        {"read * deny", "", "a rule has interactions, types and a requirement"},
    };
    size_t n;

    (void)state;
    for (n = 0; n < COUNT(rows); n++) {
        smart_rule_t rule;
        const char *error;

        (void)rule_of(rows[n].good);
        if (parse(rows[n].bad, &rule, &error)) {
            fail_msg("accepted: %s", rows[n].bad);
        }
        assert_string_equal(error, rows[n].error);
        /* what is left matches nothing and denies */
        assert_int_equal(rule.requirement, SMART_RULE_DENY);
        assert_int_equal(rule.kinds, 0);
        assert_false(rule.any_operation || rule.any_type);
        assert_null(rule.operations);
        assert_null(rule.scopes);
        assert_string_equal(rule.text, rows[n].bad);
    }
}

static void requirements_are_kept(void **state)
{
    const smart_rule_t *rule;

    (void)state;
    assert_int_equal(rule_of("read * deny")->requirement, SMART_RULE_DENY);
    assert_int_equal(rule_of("read * public")->requirement, SMART_RULE_PUBLIC);
    rule = rule_of("$export Patient,Group system/*.rs user/Group.r");
    assert_int_equal(rule->requirement, SMART_RULE_SCOPES);
    assert_int_equal(rule->scope_count, 2);
    assert_int_equal(rule->scopes[0].context, SMART_CONTEXT_SYSTEM);
    assert_int_equal(rule->scopes[0].type, SMART_TYPE_ANY);
    assert_int_equal(rule->scopes[0].letters, SMART_LETTER_R | SMART_LETTER_S);
    assert_int_equal(rule->scopes[1].context, SMART_CONTEXT_USER);
    assert_int_equal(rule->scopes[1].type, type_of("Group"));
}

static void types_of_every_version_are_read(void **state)
{
    (void)state;
    (void)rule_of("read Media user/Media.r");             /* R4, R4B */
    (void)rule_of("read DeviceUsage user/DeviceUsage.r"); /* R5 */
    (void)rule_of("read Media,DeviceUsage deny");
}

/* ---- matching ---- */

static smart_interaction_t interaction(smart_interaction_e kind,
                                       const char *type, const char *operation)
{
    smart_interaction_t i;

    memset(&i, 0, sizeof(i));
    i.kind = kind;
    i.type = type_of(type);
    i.operation = smart_slice(operation);
    return i;
}

#define KIND(name) SMART_INTERACTION_##name

static void rules_match_what_they_name(void **state)
{
    static const struct {
        const char *rule;
        smart_interaction_e kind;
        const char *type, *operation;
        bool matches;
    } rows[] = {
        {"read Patient deny", KIND(READ), "Patient", NULL, true},
        {"read Patient deny", KIND(READ), "Observation", NULL, false},
        {"read Patient deny", KIND(VREAD), "Patient", NULL, false},
        {"read Patient deny", KIND(READ), NULL, NULL, false}, /* no type */
        {"read,vread Patient,Observation deny", KIND(VREAD), "Observation",
         NULL, true},
        {"read * deny", KIND(READ), "Observation", NULL, true},
        {"* Patient deny", KIND(DELETE), "Patient", NULL, true},
        {"* Patient deny", KIND(DELETE), NULL, NULL, false},
        {"delete * deny", KIND(DELETE), NULL, NULL, true}, /* DELETE / */
        {"* * deny", KIND(UNKNOWN), "Patient", NULL, false},
        {"* * deny", KIND(UNKNOWN), NULL, NULL, false},
        {"* * deny", KIND(COUNT), NULL, NULL, false},
        {"* * deny", KIND(PAGE), NULL, NULL, true},
        {"* * deny", KIND(DISCOVERY), NULL, NULL, true},
        {"batch * deny", KIND(BATCH), NULL, NULL, true},
        {"batch * deny", KIND(TRANSACTION), NULL, NULL, false},
        {"transaction * deny", KIND(TRANSACTION), NULL, NULL, true},
        {"transaction * deny", KIND(BATCH), NULL, NULL, false},
        {"batch Patient deny", KIND(BATCH), NULL, NULL, false},
        /* operations are not interactions by "*" */
        {"* * deny", KIND(OPERATION), "Patient", "$everything", false},
        {"$* * deny", KIND(OPERATION), "Patient", "$everything", true},
        {"$* * deny", KIND(READ), "Patient", NULL, false},
        {"$* Patient deny", KIND(OPERATION), NULL, "$export", false},
        {"$* * deny", KIND(OPERATION), NULL, "$export", true},
        {"$export * deny", KIND(OPERATION), NULL, "$export", true},
        {"$export * deny", KIND(OPERATION), NULL, "$exports", false},
        {"$export * deny", KIND(OPERATION), NULL, "$expor", false},
        {"$a,$b,read Patient deny", KIND(OPERATION), "Patient", "$b", true},
        {"$a,$b,read Patient deny", KIND(READ), "Patient", NULL, true},
        {"$a,$b,read Patient deny", KIND(OPERATION), "Patient", "$c", false},
        {"$a,$b,$c,$d * deny", KIND(OPERATION), "Patient", "$e", false},
        {"read * deny", KIND(OPERATION), "Patient", "$read", false},
        /* a compartment search is about the type searched */
        {"search-compartment Observation deny", KIND(SEARCH_COMPARTMENT),
         "Observation", NULL, true},
        {"search-compartment Observation deny", KIND(SEARCH_COMPARTMENT),
         "Condition", NULL, false},
        {"search-compartment Patient deny", KIND(SEARCH_COMPARTMENT), NULL,
         NULL, false}, /* of "*" */
        {"search-compartment * deny", KIND(SEARCH_COMPARTMENT), NULL, NULL,
         true},
    };
    size_t n;

    (void)state;
    for (n = 0; n < COUNT(rows); n++) {
        const smart_interaction_t i =
            interaction(rows[n].kind, rows[n].type, rows[n].operation);

        if (smart_rule_matches(rule_of(rows[n].rule), &i) != rows[n].matches) {
            fail_msg("row %d: %s", (int)n, rows[n].rule);
        }
    }
}

static void any_and_impossible_types_match_nothing_concrete(void **state)
{
    smart_interaction_t i = interaction(KIND(READ), "Patient", NULL);
    const smart_rule_t *const rule = rule_of("read Patient user/*.r");

    (void)state;
    assert_true(smart_rule_matches(rule, &i));
    i.type = SMART_TYPE_ANY;
    assert_false(smart_rule_matches(rule, &i));
    for (i.type = 256; i.type < 1024; i.type++) {
        assert_false(smart_rule_matches(rule, &i));
    }
}

static void every_kind_is_matched_by_its_name_only(void **state)
{
    int named, kind;

    (void)state;
    for (named = 1; named < SMART_INTERACTION_COUNT; named++) {
        const char *const name =
            smart_interaction_name((smart_interaction_e)named);
        const smart_rule_t *rule;

        if (named == SMART_INTERACTION_OPERATION) {
            continue;
        }
        rule = rule_of(apr_pstrcat(pool, name, " * deny", NULL));
        for (kind = 0; kind < SMART_INTERACTION_COUNT; kind++) {
            const smart_interaction_t i =
                interaction((smart_interaction_e)kind, "Patient", NULL);

            assert_int_equal(smart_rule_matches(rule, &i), kind == named);
        }
    }
}

/* ---- checking ---- */

static const char *check(smart_fhir_e v, const char *const *lines)
{
    const smart_rule_t *rules[MAX_RULES];
    const char *error = "untouched";
    int count = 0;
    bool ok;

    for (; count < MAX_RULES && lines[count]; count++) {
        rules[count] = rule_of(lines[count]);
    }
    ok = smart_rule_check(v, rules, count, pool, &error);
    assert_true(ok == (error == NULL));
    return error;
}

static void types_are_held_against_the_version(void **state)
{
    static const struct {
        const char *line;
        smart_fhir_e good, bad;
        const char *error;
    } rows[] = {
        {"read Media deny", SMART_FHIR_R4, SMART_FHIR_R5,
         "rule \"read Media deny\": FHIR R5 has no resource type \"Media\""},
        {"read Patient,DeviceUsage deny", SMART_FHIR_R5, SMART_FHIR_R4,
         "rule \"read Patient,DeviceUsage deny\":"
         " FHIR R4 has no resource type \"DeviceUsage\""},
        {"read * user/*.r user/Media.r", SMART_FHIR_R4B, SMART_FHIR_R5,
         "rule \"read * user/*.r user/Media.r\":"
         " FHIR R5 has no resource type \"Media\""},
    };
    size_t n;

    (void)state;
    for (n = 0; n < COUNT(rows); n++) {
        const char *const lines[] = {rows[n].line, NULL};

        assert_null(check(rows[n].good, lines));
        assert_string_equal(check(rows[n].bad, lines), rows[n].error);
    }
}

static void untyped_interactions_go_with_star_only(void **state)
{
    static const char *const untyped[] = {
        "history-system", "search-system", "capabilities", "batch",
        "transaction",    "page",          "discovery"};
    static const char *const typed[] = {"read",
                                        "vread",
                                        "update",
                                        "patch",
                                        "delete",
                                        "history-instance",
                                        "create",
                                        "history-type",
                                        "search-type",
                                        "$x",
                                        "search-compartment"};
    size_t n;

    (void)state;
    for (n = 0; n < COUNT(untyped); n++) {
        const char *const star[] = {
            apr_pstrcat(pool, untyped[n], " * deny", NULL), NULL};
        const char *const type[] = {
            apr_pstrcat(pool, "read,", untyped[n], " Patient deny", NULL),
            NULL};

        assert_null(check(SMART_FHIR_R4, star));
        assert_string_equal(
            check(SMART_FHIR_R4, type),
            apr_pstrcat(pool, "rule \"", type[0], "\": interaction \"",
                        untyped[n],
                        "\" has no resource type and goes with * only", NULL));
    }
    for (n = 0; n < COUNT(typed); n++) {
        const char *const type[] = {
            apr_pstrcat(pool, typed[n], " Patient deny", NULL), NULL};

        assert_null(check(SMART_FHIR_R4, type));
    }
}

static const char *every_type_but(const char *but)
{
    const char *list = NULL;
    smart_type_t type = SMART_TYPE_NONE;

    while ((type = smart_fhir_type_next(SMART_FHIR_R4, type)) !=
           SMART_TYPE_NONE) {
        const char *const name = smart_fhir_type_name(type);

        if (strcmp(name, but) != 0) {
            list = list ? apr_pstrcat(pool, list, ",", name, NULL) : name;
        }
    }
    return list;
}

static void unreachable_rules_are_found(void **state)
{
    static const struct {
        const char *lines[MAX_RULES + 1];
        const char *unreachable; /* NULL: all can match */
    } rows[] = {
        {{NULL}, NULL},
        {{"* * deny"}, NULL},
        {{"read * deny", "read Patient public"}, "read Patient public"},
        {{"read Patient public", "read * deny"}, NULL}, /* the other way */
        {{"read Patient public", "read Patient deny"}, "read Patient deny"},
        {{"read Patient public", "vread Patient deny"}, NULL},
        {{"read Patient public", "read Patient,Group deny"}, NULL},
        {{"read Patient,Group public", "read Group deny"}, "read Group deny"},
        {{"read Patient deny", "read Group deny", "read Patient,Group public"},
         "read Patient,Group public"}, /* by two together */
        {{"read Patient deny", "vread Group deny",
          "read,vread Patient,Group public"},
         NULL}, /* vread Patient is left */
        {{"read Patient deny", "vread Group deny", "vread Patient deny",
          "read,vread Patient,Group public"},
         NULL}, /* read Group is left */
        {{"read Patient deny", "vread Group deny", "vread Patient deny",
          "read Group deny", "read,vread Patient,Group public"},
         "read,vread Patient,Group public"},
        {{"* * deny", "page * public"}, "page * public"},
        {{"* Patient deny", "page * public"}, NULL},
        {{"read,vread,update,patch,delete,create,history-instance,history-type,"
          "search-type,search-compartment * deny",
          "* Patient public"},
         "* Patient public"}, /* what is left has no type */
        {{"* Patient deny", "delete Patient public"}, "delete Patient public"},
        {{"* * deny", "* Patient deny"}, "* Patient deny"},
        /* operations are on their own */
        {{"* * deny", "$x Patient public"}, NULL},
        {{"* * deny", "$* * public"}, NULL},
        {{"$* * deny", "$x Patient public"}, "$x Patient public"},
        {{"$* Group deny", "$x Patient public"}, NULL},
        {{"$x * deny", "$y Patient public"}, NULL},
        {{"$x * deny", "$x,$y Patient public"}, NULL},
        {{"$x * deny", "$y * deny", "$x,$y Patient public"},
         "$x,$y Patient public"},
        {{"$x,$y * deny", "$* * public"}, NULL}, /* there are others */
        {{"$x * deny", "$x,read Patient public"}, NULL},
        {{"$x * deny", "read * deny", "$x,read Patient public"},
         "$x,read Patient public"},
        {{"$* * deny", "$* * public"}, "$* * public"},
        /* the first of several is named */
        {{"* * deny", "read * deny", "vread * deny"}, "read * deny"},
    };
    size_t n;

    (void)state;
    for (n = 0; n < COUNT(rows); n++) {
        const char *const error = check(SMART_FHIR_R4, rows[n].lines);

        if (!rows[n].unreachable != !error) {
            fail_msg("row %d: %s", (int)n, error ? error : "no error");
        }
        if (error) {
            assert_string_equal(
                error, apr_pstrcat(pool, "rule \"", rows[n].unreachable,
                                   "\": the rules before it leave it nothing"
                                   " to match",
                                   NULL));
        }
    }
}

/* A rule for every type there is stands for "*", where there is no other. */
static void all_types_listed_cover_star(void **state)
{
    const char *const but_group = every_type_but("Group");
    const char *lines[] = {
        apr_pstrcat(pool, "read,delete ", but_group, " deny", NULL),
        "read Group deny", "read * public", NULL};

    (void)state;
    assert_non_null(check(SMART_FHIR_R4, lines));
    lines[1] = "read Patient deny";               /* all but Group */
    assert_non_null(check(SMART_FHIR_R4, lines)); /* it is a repetition */
    lines[1] = "vread Group deny";
    assert_null(check(SMART_FHIR_R4, lines));
    lines[1] = "delete Group deny"; /* delete without type is left */
    lines[2] = "delete * public";
    assert_null(check(SMART_FHIR_R4, lines));
}

/* ---- property ---- */

static unsigned seed = 1;

static unsigned next_random(void)
{
    seed = seed * 1103515245u + 12345u;
    return seed >> 16 & 0x7fff;
}

static const char *random_rule(void)
{
    static const char *const kinds[] = {
        "read", "vread", "read,vread", "delete",  "*",        "page",
        "$x",   "$x,$y", "$*",         "$y,read", "page,read"};
    static const char *const types[] = {"*", "Patient", "Group",
                                        "Patient,Group"};

    return apr_pstrcat(pool, kinds[next_random() % COUNT(kinds)], " ",
                       types[next_random() % COUNT(types)], " deny", NULL);
}

/* Whether a rule is the first to match anything, found by trying. */
static bool first_for_something(const smart_rule_t *const *rules, int last)
{
    static const char *const types[] = {NULL, "Patient", "Group",
                                        "Observation"};
    static const char *const operations[] = {"$x", "$y", "$z"};
    int kind;
    size_t t, o;

    for (kind = 1; kind < SMART_INTERACTION_COUNT; kind++) {
        for (t = 0; t < COUNT(types); t++) {
            for (o = 0; o < COUNT(operations); o++) {
                const smart_interaction_t i = interaction(
                    (smart_interaction_e)kind, types[t], operations[o]);
                int n = 0;

                while (n < last && !smart_rule_matches(rules[n], &i)) {
                    n++;
                }
                if (n == last && smart_rule_matches(rules[last], &i)) {
                    return true;
                }
            }
        }
    }
    return false;
}

static void check_agrees_with_matching(void **state)
{
    int n, unreachable = 0;

    (void)state;
    for (n = 0; n < 3000; n++) {
        const smart_rule_t *rules[MAX_RULES];
        const int count = 1 + (int)(next_random() % MAX_RULES);
        bool reachable = true;
        const char *error;
        int k;

        for (k = 0; k < count; k++) {
            rules[k] = rule_of(random_rule());
        }
        smart_rule_check(SMART_FHIR_R4, rules, count, pool, &error);
        if (error && strstr(error, "goes with * only")) {
            continue;
        }
        for (k = 0; k < count; k++) {
            reachable = reachable && first_for_something(rules, k);
        }
        if (reachable != (error == NULL)) {
            fail_msg("%s", error ? error : rules[count - 1]->text);
        }
        unreachable += !reachable;
        apr_pool_clear(pool);
    }
    assert_true(unreachable > 100 && unreachable < 2900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(wrong_words_are_named, clear),
        cmocka_unit_test_teardown(requirements_are_kept, clear),
        cmocka_unit_test_teardown(types_of_every_version_are_read, clear),
        cmocka_unit_test_teardown(rules_match_what_they_name, clear),
        cmocka_unit_test_teardown(
            any_and_impossible_types_match_nothing_concrete, clear),
        cmocka_unit_test_teardown(every_kind_is_matched_by_its_name_only,
                                  clear),
        cmocka_unit_test_teardown(types_are_held_against_the_version, clear),
        cmocka_unit_test_teardown(untyped_interactions_go_with_star_only,
                                  clear),
        cmocka_unit_test_teardown(unreachable_rules_are_found, clear),
        cmocka_unit_test_teardown(all_types_listed_cover_star, clear),
        cmocka_unit_test_teardown(check_agrees_with_matching, clear),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
