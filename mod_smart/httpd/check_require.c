/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_require.c: Require lines below a base that look as if something could
 * take the place of a token. Nothing can: check_authn and check_authz run
 * whatever they say. Without a warning the administrator would find out from
 * the people who are refused.
 *
 * In <RequireAny>, and among lines that stand in a section without container,
 * one that is satisfied is enough. A line is an alternative when it does not
 * ask for a smart provider and another one does.
 */
#include "httpd/check.h"

#include <apr_cstr.h>

static bool is_container(const ap_directive_t *node)
{
    return smart_line_is(node, "<RequireAll") ||
           smart_line_is(node, "<RequireAny") ||
           smart_line_is(node, "<RequireNone");
}

static bool require_is_smart(const ap_directive_t *node, apr_pool_t *p)
{
    const char *args = node->args;
    const char *word = ap_getword_conf(p, &args);

    return apr_cstr_casecmp(word, "smart") == 0 ||
           strncasecmp(word, "smart-", 6) == 0;
}

/* "all denied" and "not ..." let nobody in. */
static bool require_lets_in(const ap_directive_t *node, apr_pool_t *p)
{
    const char *args = node->args;
    const char *word = ap_getword_conf(p, &args);

    return apr_cstr_casecmp(word, "not") != 0 &&
           !(apr_cstr_casecmp(word, "all") == 0 &&
             apr_cstr_casecmp(ap_getword_conf(p, &args), "denied") == 0);
}

/* Whether a smart provider has a say in a node. (One that has none in some
   branch of a <RequireAny> in it is found when that one is looked at.) */
static bool asks_smart(const ap_directive_t *node, apr_pool_t *p)
{
    const ap_directive_t *n;
    bool found = false;

    if (smart_line_is(node, "Require")) {
        return require_is_smart(node, p);
    }
    if (smart_line_is(node, "<RequireNone")) {
        return false;
    }
    for (n = node->first_child; n; n = n->next) {
        found |= asks_smart(n, p);
    }
    return found;
}

static bool lets_in(const ap_directive_t *node, apr_pool_t *p)
{
    return smart_line_is(node, "Require")
               ? require_lets_in(node, p)
               : is_container(node) && !smart_line_is(node, "<RequireNone");
}

static void check_any(smart_check_t *check, const ap_directive_t *first,
                      const smart_section_t *t, const char *base)
{
    const ap_directive_t *n, *other = NULL;
    bool smart = false;

    for (n = first; n; n = n->next) {
        if (lets_in(n, check->p)) {
            if (asks_smart(n, check->p)) {
                smart = true;
            }
            else if (!other) {
                other = n;
            }
        }
    }
    if (smart && other) {
        smart_check_warn(
            check, other,
            "SMART0141: \"%s %s\" in %s reads as an alternative to "
            "a token, but below the base %s/ a token is needed all "
            "the same; partners without one get a Location of "
            "their own",
            other->directive, other->args, smart_section_text(t, check->p),
            base);
    }
}

/* Containers in containers; a section in this one is looked at by itself. */
static void check_nested(smart_check_t *check, const ap_directive_t *first,
                         const smart_section_t *t, const char *base)
{
    const ap_directive_t *n;

    for (n = first; n; n = n->next) {
        if (smart_line_is(n, "<RequireAny")) {
            check_any(check, n->first_child, t, base);
        }
        if (is_container(n) || smart_line_is(n, "<Limit") ||
            smart_line_is(n, "<LimitExcept")) {
            check_nested(check, n->first_child, t, base);
        }
    }
}

void smart_check_require(smart_check_t *check, const smart_section_t *t,
                         const char *base)
{
    check_any(check, t->node->first_child, t, base);
    check_nested(check, t->node->first_child, t, base);
}
