/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_proxy.c: ways from a base to a backend, and caches before it.
 *
 * The gate sees a proxied request as mod_proxy canonicalised it, and headers
 * for the backend are set in mod_proxy's fixups. Both are true of http, https,
 * h2 and h2c and of balancers of these; AJP, FastCGI, SCGI, uwsgi and ftp never
 * run the fixups, websocket tunnels are not requests any more. With nocanon or
 * a mapping the backend gets another path than the one that was judged.
 *
 * A way counts when its path is at or below a base, or when it is above one
 * and no better way leads there first. Ways from elsewhere to where a base is
 * on its backend are warned about: nobody asks for a token there.
 *
 * Does not: follow variables and conditions. What is not seen here is refused
 * by the gate, request by request.
 */
#include "httpd/check.h"
#include "httpd/directives.h"

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>

/* A line that leads requests somewhere. */
typedef struct way_t {
    const ap_directive_t *node;
    const smart_section_t *section;
    bool regex;         /* path is what a match begins with, not a prefix at
                           a segment boundary */
    const char *path;   /* "" for all; NULL: not known */
    const char *target; /* URL; "!" for no proxying; NULL: not a way */
    const char *fault;  /* why the gate can not guard it; NULL: it can */
} way_t;

typedef enum {
    WAY_ELSEWHERE = 0,
    WAY_ABOVE, /* it may be taken below the base too */
    WAY_BELOW
} way_e;

/* ---- targets ---- */

/* "unix:/run/x.sock|http://localhost/" is about what stands behind the bar. */
static const char *scheme_of(const char *url, apr_pool_t *p)
{
    const char *colon;

    if (strncasecmp(url, "unix:", 5) == 0) {
        const char *bar = strchr(url, '|');

        url = bar ? bar + 1 : url;
    }
    colon = strchr(url, ':');
    return colon && apr_isalpha(*url)
               ? apr_pstrmemdup(p, url, (apr_size_t)(colon - url))
               : NULL;
}

/* NULL: fine, or not to be seen. */
static const char *scheme_fault(const char *url, apr_pool_t *p)
{
    static const char *const guarded[] = {"http", "https", "h2", "h2c",
                                          "balancer"};
    const char *scheme = scheme_of(url, p);
    apr_size_t i;

    if (!scheme) {
        return NULL;
    }
    for (i = 0; i < sizeof(guarded) / sizeof(guarded[0]); i++) {
        if (apr_cstr_casecmp(scheme, guarded[i]) == 0) {
            return NULL;
        }
    }
    return apr_pstrcat(p, "the scheme \"", scheme, "\" of \"", url,
                       "\" is one that can not be guarded", NULL);
}

static apr_size_t balancer_len(const char *url)
{
    return strncasecmp(url, "balancer://", 11) == 0
               ? 11 + strcspn(url + 11, "/?#$%")
               : 0;
}

static bool same_balancer(const char *a, const char *b)
{
    const apr_size_t len = balancer_len(a);

    return len > 11 && len == balancer_len(b) && strncasecmp(a, b, len) == 0;
}

/* The member's URL, when a line adds a member to a balancer. */
static const char *member_of(const smart_line_t *line, const char *balancer,
                             apr_pool_t *p)
{
    const ap_directive_t *section = line->section->node;
    const char *args = line->node->args, *word;

    if (!smart_line_is(line->node, "BalancerMember")) {
        return NULL;
    }
    word = ap_getword_conf(p, &args);
    if (section && smart_line_is(section, "<Proxy")) {
        const char *name = section->args;

        return same_balancer(ap_getword_conf(p, &name), balancer) ? word : NULL;
    }
    return same_balancer(word, balancer) ? ap_getword_conf(p, &args) : NULL;
}

static const char *members_fault(smart_check_t *check, const server_rec *s,
                                 const char *balancer)
{
    int i;

    for (i = 0; i < check->tree->lines->nelts; i++) {
        const smart_line_t *line =
            &APR_ARRAY_IDX(check->tree->lines, i, smart_line_t);
        const char *member, *fault;

        if (!smart_section_in(check->tree, line->section, s)) {
            continue;
        }
        member = member_of(line, balancer, check->p);
        fault = member ? scheme_fault(member, check->p) : NULL;
        if (fault) {
            return apr_pstrcat(check->p, fault, ", BalancerMember at ",
                               smart_node_where(line->node, check->p), NULL);
        }
    }
    return NULL;
}

static const char *target_fault(smart_check_t *check, const server_rec *s,
                                const char *url)
{
    const char *fault = scheme_fault(url, check->p);

    return !fault && balancer_len(url) ? members_fault(check, s, url) : fault;
}

/* ---- lines ---- */

/* Where the section of a line applies. */
static void range_of_section(way_t *way)
{
    const smart_section_t *t;

    if (way->section->kind == SMART_SECTION_SERVER) {
        way->path = "";
        return;
    }
    for (t = way->section; t && !way->path; t = t->parent) {
        if (t->kind == SMART_SECTION_LOCATION) {
            way->path = t->path;
        }
        else if (t->kind == SMART_SECTION_MATCH) {
            way->path = t->literal;
            way->regex = true;
        }
    }
}

static const char *option_fault(const char *word, apr_pool_t *p)
{
    if (apr_cstr_casecmp(word, "nocanon") == 0) {
        return "with nocanon the backend gets another path than the one that "
               "was judged";
    }
    if (strncasecmp(word, "mapping=", 8) == 0) {
        return apr_pstrcat(p, "with ", word,
                           " the backend may get another "
                           "path than the one that was judged",
                           NULL);
    }
    return NULL;
}

/* ProxyPass [path] url [key=value|nocanon ...] */
static void read_proxy_pass(smart_check_t *check, const server_rec *s,
                            way_t *way)
{
    const char *args = way->node->args, *word;
    const bool match = smart_line_is(way->node, "ProxyPassMatch");

    word = ap_getword_conf(check->p, &args);
    if (way->section->kind == SMART_SECTION_SERVER) {
        way->regex = match;
        way->path = match ? smart_regex_literal(word, check->p)
                          : smart_base_path(check->p, word);
        word = ap_getword_conf(check->p, &args);
    }
    else {
        range_of_section(way);
    }
    way->target = word;
    if (strcmp(word, "!") == 0) {
        return;
    }
    way->fault = target_fault(check, s, word);
    while (*args && !way->fault) {
        way->fault = option_fault(ap_getword_conf(check->p, &args), check->p);
    }
}

/* The flag of a rewrite rule that makes it a way; *phandler: of [H=...]. */
static bool rewrite_proxies(const char *flags, apr_pool_t *p,
                            const char **phandler)
{
    bool proxies = false;

    *phandler = NULL;
    flags += *flags == '[';
    while (*flags) {
        const apr_size_t len = strcspn(flags, ",]");
        const char *flag = apr_pstrmemdup(p, flags, len);

        while (apr_isspace(*flag)) {
            flag++;
        }
        proxies |= strcasecmp(flag, "P") == 0 || strcasecmp(flag, "proxy") == 0;
        if (strncasecmp(flag, "H=", 2) == 0 ||
            strncasecmp(flag, "handler=", 8) == 0) {
            *phandler = strchr(flag, '=') + 1;
        }
        flags += len;
        flags += *flags != '\0';
    }
    return proxies;
}

/* "proxy:fcgi://localhost": a handler that is a way. */
static const char *handler_target(const char *handler)
{
    return handler && strncasecmp(handler, "proxy:", 6) == 0 ? handler + 6
                                                             : NULL;
}

static void read_rewrite_rule(smart_check_t *check, const server_rec *s,
                              way_t *way)
{
    const char *args = way->node->args, *handler;
    const char *pattern = ap_getword_conf(check->p, &args);
    const char *target = ap_getword_conf(check->p, &args);
    const char *flags = ap_getword_conf(check->p, &args);
    const bool proxies = rewrite_proxies(flags, check->p, &handler);

    if (!proxies) {
        target = handler_target(handler);
    }
    if (!target) {
        return;
    }
    if (way->section->kind == SMART_SECTION_SERVER) {
        way->regex = true;
        way->path = smart_regex_literal(pattern, check->p);
        if (way->section->server != s) {
            return; /* not inherited unless asked for; the gate is there */
        }
    }
    else {
        range_of_section(way);
    }
    way->target = target;
    way->fault = target_fault(check, s, target);
}

static void read_handler(smart_check_t *check, const server_rec *s, way_t *way)
{
    const char *args = way->node->args;
    const char *target = handler_target(ap_getword_conf(check->p, &args));

    if (target) {
        range_of_section(way);
        way->target = target;
        way->fault = target_fault(check, s, target);
    }
}

static way_t read_way(smart_check_t *check, const server_rec *s,
                      const smart_line_t *line)
{
    way_t way = {.node = line->node, .section = line->section};

    if (!smart_section_in(check->tree, line->section, s)) {
        return way;
    }
    if (smart_line_is(line->node, "ProxyPass") ||
        smart_line_is(line->node, "ProxyPassMatch")) {
        read_proxy_pass(check, s, &way);
    }
    else if (smart_line_is(line->node, "RewriteRule")) {
        read_rewrite_rule(check, s, &way);
    }
    else if (smart_line_is(line->node, "SetHandler")) {
        read_handler(check, s, &way);
    }
    return way;
}

/* ---- ways and bases ---- */

/* A file section is about a base when it says so itself. */
static bool states_base(const smart_section_t *t, const char *base)
{
    for (; t && t->kind != SMART_SECTION_SERVER; t = t->parent) {
        if (t->conf && t->conf->fhir_base) {
            return strcmp(t->conf->fhir_base, base) == 0;
        }
    }
    return false;
}

static way_e way_to(const way_t *way, const smart_base_t *base)
{
    if (!way->path) {
        return states_base(way->section, base->path) ? WAY_BELOW
                                                     : WAY_ELSEWHERE;
    }
    if (smart_path_below(way->path, base->path, base->len)) {
        return WAY_BELOW;
    }
    return (way->regex
                ? strncmp(base->path, way->path, strlen(way->path)) == 0
                : smart_path_below(base->path, way->path, strlen(way->path)))
               ? WAY_ABOVE
               : WAY_ELSEWHERE;
}

/* Whether line <j> takes all requests of a base before line <i> does. */
static bool goes_first(smart_check_t *check, const server_rec *s,
                       const smart_base_t *base, int i, int j)
{
    const smart_line_t *bad =
        &APR_ARRAY_IDX(check->tree->lines, i, smart_line_t);
    const smart_line_t *line =
        &APR_ARRAY_IDX(check->tree->lines, j, smart_line_t);
    const way_t way = read_way(check, s, line);
    const bool in_location = line->section->kind == SMART_SECTION_LOCATION;

    if (i == j || !way.target || way.fault || way.regex || !way.path ||
        smart_line_is(line->node, "RewriteRule") ||
        !smart_path_below(base->path, way.path, strlen(way.path))) {
        return false;
    }
    if (bad->section->kind == SMART_SECTION_SERVER) {
        return in_location ||
               (line->section->kind == SMART_SECTION_SERVER && j < i);
    }
    return in_location && j > i;
}

static bool has_better_way(smart_check_t *check, const server_rec *s,
                           const smart_base_t *base, int i)
{
    int j;

    for (j = 0; j < check->tree->lines->nelts; j++) {
        if (goes_first(check, s, base, i, j)) {
            return true;
        }
    }
    return false;
}

/* A rule behind a condition is not taken for every request. */
static bool has_condition(const smart_check_t *check, int i)
{
    return i > 0 &&
           smart_line_is(
               APR_ARRAY_IDX(check->tree->lines, i - 1, smart_line_t).node,
               "RewriteCond");
}

static void check_way(smart_check_t *check, const server_rec *s, int i,
                      const way_t *way)
{
    const smart_server_conf_t *conf = smart_check_bases(s);
    int k;

    for (k = 0; k < conf->base_count; k++) {
        const smart_base_t *base = &conf->bases[k];
        const way_e where = way_to(way, base);

        if (where == WAY_BELOW ||
            (where == WAY_ABOVE && !has_condition(check, i) &&
             !has_better_way(check, s, base, i))) {
            smart_check_error(check, way->node,
                              "SMART0131: %s in %s leads below the base %s/: "
                              "%s",
                              way->node->directive,
                              smart_section_text(way->section, check->p),
                              base->path, way->fault);
            return;
        }
    }
}

/* ---- detours ---- */

/* A target in parts, to be compared: "http://B:8080/fhir/" is host "B:8080"
   and path "/fhir". */
typedef struct place_at_t {
    const char *host; /* with port; of a balancer its name */
    const char *path; /* no trailing slash */
} place_at_t;

static const char *without_slash(const char *path, apr_pool_t *p)
{
    apr_size_t len = strlen(path);

    while (len > 0 && path[len - 1] == '/') {
        len--;
    }
    return apr_pstrmemdup(p, path, len);
}

/* False: not known as far as that. */
static bool place_of(const way_t *way, apr_pool_t *p, place_at_t *pplace)
{
    const char *host = way->target ? strstr(way->target, "://") : NULL;
    apr_size_t len;

    if (!host || way->regex || !way->path || strchr(way->target, '$')) {
        return false;
    }
    len = strcspn(host + 3, "/");
    pplace->host = apr_pstrmemdup(p, host + 3, len);
    pplace->path = without_slash(host + 3 + len, p);
    return true;
}

/* Where a base is on its backend: what a way adds to its target. */
static bool place_of_base(const way_t *way, const smart_base_t *base,
                          apr_pool_t *p, place_at_t *pplace)
{
    const char *at = way->path ? without_slash(way->path, p) : "";

    if (!place_of(way, p, pplace) ||
        !smart_path_below(base->path, at, strlen(at))) {
        return false;
    }
    pplace->path = apr_pstrcat(p, pplace->path, base->path + strlen(at), NULL);
    return true;
}

/* The path at which a way leads to a place of a backend; NULL: it does not. */
static const char *path_to(const way_t *way, const place_at_t *place,
                           apr_pool_t *p)
{
    place_at_t to;

    if (!place_of(way, p, &to) || apr_cstr_casecmp(to.host, place->host)) {
        return NULL;
    }
    if (smart_path_below(place->path, to.path, strlen(to.path))) {
        return apr_pstrcat(p, without_slash(way->path, p),
                           place->path + strlen(to.path), NULL);
    }
    return smart_path_below(to.path, place->path, strlen(place->path))
               ? without_slash(way->path, p)
               : NULL;
}

/* A section that asks for something else instead of a token: somebody has
   thought about it. */
static bool asks_otherwise(const smart_section_t *t)
{
    for (; t; t = t->parent) {
        if (t->require && t->kind != SMART_SECTION_SERVER) {
            return true;
        }
    }
    return false;
}

/* Other ways to the place where a base is on its backend. */
static void warn_detours(smart_check_t *check, const server_rec *s,
                         const smart_base_t *base, const place_at_t *place)
{
    const smart_server_conf_t *conf = smart_check_bases(s);
    int i, k;

    for (i = 0; i < check->tree->lines->nelts; i++) {
        const way_t way = read_way(
            check, s, &APR_ARRAY_IDX(check->tree->lines, i, smart_line_t));
        const char *path =
            asks_otherwise(way.section) ? NULL : path_to(&way, place, check->p);

        for (k = 0; path && k < conf->base_count; k++) {
            if (smart_path_below(path, conf->bases[k].path,
                                 conf->bases[k].len)) {
                path = NULL;
            }
        }
        if (path) {
            smart_check_warn(check, way.node,
                             "SMART0137: %s leads to the backend of the base "
                             "%s/ at %s/ as well, where no token is asked for",
                             way.node->directive, base->path, path);
        }
    }
}

static void check_detours(smart_check_t *check, const server_rec *s)
{
    const smart_server_conf_t *conf = smart_check_bases(s);
    place_at_t place;
    int i, k;

    for (i = 0; i < check->tree->lines->nelts; i++) {
        const way_t way = read_way(
            check, s, &APR_ARRAY_IDX(check->tree->lines, i, smart_line_t));

        for (k = 0; way.target && k < conf->base_count; k++) {
            if (place_of_base(&way, &conf->bases[k], check->p, &place)) {
                warn_detours(check, s, &conf->bases[k], &place);
            }
        }
    }
}

void smart_check_proxy(smart_check_t *check, server_rec *s)
{
    int i;

    for (i = 0; i < check->tree->lines->nelts; i++) {
        const way_t way = read_way(
            check, s, &APR_ARRAY_IDX(check->tree->lines, i, smart_line_t));

        if (way.target && way.fault) {
            check_way(check, s, i, &way);
        }
    }
    check_detours(check, s);
}

/* ---- caches ---- */

/* What the last such line of a server says; NULL: none. */
static const char *server_word(smart_check_t *check, const server_rec *s,
                               const char *directive)
{
    const char *word = NULL;
    int i;

    for (i = 0; i < check->tree->lines->nelts; i++) {
        const smart_line_t *line =
            &APR_ARRAY_IDX(check->tree->lines, i, smart_line_t);

        if (line->section->kind == SMART_SECTION_SERVER &&
            line->section->server == s &&
            smart_line_is(line->node, directive)) {
            const char *args = line->node->args;

            word = ap_getword_conf(check->p, &args);
        }
    }
    return word;
}

/* The path of "/fhir", "http://host/fhir" or "https://". */
static const char *cache_path(const char *url)
{
    const char *host = strstr(url, "://");
    const char *path = host ? strchr(host + 3, '/') : url;

    return path ? path : "";
}

/* mod_cache compares bytes, not segments. */
static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool cache_disabled(smart_check_t *check, const server_rec *s,
                           const smart_base_t *base)
{
    int i;

    for (i = 0; i < check->tree->lines->nelts; i++) {
        const smart_line_t *line =
            &APR_ARRAY_IDX(check->tree->lines, i, smart_line_t);

        if (line->section->kind == SMART_SECTION_SERVER &&
            smart_section_in(check->tree, line->section, s) &&
            smart_line_is(line->node, "CacheDisable")) {
            const char *args = line->node->args;
            const char *path = ap_getword_conf(check->p, &args);

            if (base->len > 0 ? starts_with(base->path, path)
                              : strcmp(path, "/") == 0) {
                return true;
            }
        }
    }
    return false;
}

/* CacheEnable type [url] */
static const char *cache_range(smart_check_t *check, const smart_line_t *line)
{
    const char *args = line->node->args, *url;

    ap_getword_conf(check->p, &args);
    url = ap_getword_conf(check->p, &args);
    return *url ? cache_path(url) : smart_section_path(line->section);
}

static void check_cache_line(smart_check_t *check, const server_rec *s,
                             const smart_line_t *line)
{
    const smart_server_conf_t *conf = smart_check_bases(s);
    const char *path = cache_range(check, line);
    int k;

    for (k = 0; path && k < conf->base_count; k++) {
        const smart_base_t *base = &conf->bases[k];

        if ((starts_with(base->path, path) || starts_with(path, base->path) ||
             (base->len == 0)) &&
            !cache_disabled(check, s, base)) {
            smart_check_error(
                check, line->node,
                "SMART0132: CacheQuickHandler is on, and "
                "CacheEnable covers the base %s/: the cache would "
                "answer before anybody is asked for a token; say "
                "CacheQuickHandler off",
                base->path);
            return;
        }
    }
}

void smart_check_cache(smart_check_t *check, server_rec *s)
{
    const char *quick = server_word(check, s, "CacheQuickHandler");
    int i;

    if (!quick) {
        quick = server_word(check, check->main, "CacheQuickHandler");
    }
    if (quick && apr_cstr_casecmp(quick, "off") == 0) {
        return;
    }
    for (i = 0; i < check->tree->lines->nelts; i++) {
        const smart_line_t *line =
            &APR_ARRAY_IDX(check->tree->lines, i, smart_line_t);

        if (smart_line_is(line->node, "CacheEnable") &&
            smart_section_in(check->tree, line->section, s)) {
            check_cache_line(check, s, line);
        }
    }
}
