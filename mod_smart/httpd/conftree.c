/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conftree.c: walks ap_conftree once; everything else asks the result.
 */
#include "httpd/conftree.h"
#include "httpd/directives.h"

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>

#define SECTION_AT(array, i) APR_ARRAY_IDX(array, i, smart_section_t *)

/* ---- reading ---- */

bool smart_line_is(const ap_directive_t *node, const char *name)
{
    return apr_cstr_casecmp(node->directive, name) == 0;
}

static const struct {
    const char *name;
    smart_section_e kind;
} kinds[] = {
    {"<VirtualHost", SMART_SECTION_SERVER},
    {"<Location", SMART_SECTION_LOCATION},
    {"<LocationMatch", SMART_SECTION_MATCH},
    {"<Directory", SMART_SECTION_FILES},
    {"<DirectoryMatch", SMART_SECTION_FILES},
    {"<Files", SMART_SECTION_FILES},
    {"<FilesMatch", SMART_SECTION_FILES},
    {"<Proxy", SMART_SECTION_FILES},
    {"<ProxyMatch", SMART_SECTION_FILES},
    {"<If", SMART_SECTION_IF},
    {"<ElseIf", SMART_SECTION_IF},
    {"<Else", SMART_SECTION_IF},
};

static bool section_kind(const ap_directive_t *node, smart_section_e *pkind)
{
    apr_size_t i;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (smart_line_is(node, kinds[i].name)) {
            *pkind = kinds[i].kind;
            return true;
        }
    }
    return false;
}

/* Arguments of a section still have their ">". */
static const char *section_args(const ap_directive_t *node, apr_pool_t *p)
{
    const char *args = node->args ? node->args : "";
    apr_size_t len = strlen(args);

    if (len > 0 && args[len - 1] == '>') {
        len--;
    }
    return apr_pstrmemdup(p, args, len);
}

const char *smart_regex_literal(const char *regex, apr_pool_t *p)
{
    apr_size_t len;

    if (*regex != '^' || strchr(regex, '|')) {
        return "";
    }
    regex++;
    len = strcspn(regex, "\\.[](){}*+?$^");
    if (len > 0 && regex[len] && strchr("*?{", regex[len])) {
        len--; /* the last byte may be missing */
    }
    return apr_pstrmemdup(p, regex, len);
}

/* "/fhir" for ^/fhir/Patient, and "" for ^/fhir: that matches /fhirx. */
static const char *whole_segments(const char *literal, apr_pool_t *p)
{
    const char *slash = strrchr(literal, '/');

    return *literal == '/'
               ? apr_pstrmemdup(p, literal, (apr_size_t)(slash - literal))
               : NULL;
}

static void read_location(smart_section_t *t, apr_pool_t *p)
{
    const char *args = section_args(t->node, p);
    const char *word = ap_getword_conf(p, &args);

    if (t->kind == SMART_SECTION_LOCATION && strcmp(word, "~") == 0) {
        t->kind = SMART_SECTION_MATCH;
        word = ap_getword_conf(p, &args);
    }
    if (t->kind == SMART_SECTION_MATCH) {
        t->literal = smart_regex_literal(word, p);
        t->path = whole_segments(t->literal, p);
    }
    else if (*word != '/' || strpbrk(word, "*?[")) {
        t->kind = SMART_SECTION_MATCH;
        t->literal = apr_pstrmemdup(p, word, strcspn(word, "*?["));
        t->path = whole_segments(t->literal, p);
    }
    else {
        t->raw_path = word;
        t->path = smart_base_path(p, word);
    }
}

static bool is_written_at(const server_rec *s, const ap_directive_t *node)
{
    return s->defn_name && s->defn_line_number == (unsigned)node->line_num &&
           strcmp(s->defn_name, node->filename) == 0;
}

/* How many virtual hosts of these lines were seen before. */
static int seen_before(const smart_sections_t *tree, const ap_directive_t *node)
{
    int i, n = 0;

    for (i = 0; i < tree->sections->nelts; i++) {
        const smart_section_t *t = SECTION_AT(tree->sections, i);

        n += t->kind == SMART_SECTION_SERVER && t->node &&
             t->node->line_num == node->line_num &&
             strcmp(t->node->filename, node->filename) == 0;
    }
    return n;
}

/* A virtual host is known by where it is written. A file that is included
   twice makes two of the same lines; httpd puts new ones first. */
static server_rec *server_of(const smart_sections_t *tree,
                             const ap_directive_t *node)
{
    server_rec *s;
    int after = -1 - seen_before(tree, node);

    for (s = tree->main->next; s; s = s->next) {
        after += is_written_at(s, node);
    }
    for (s = tree->main->next; s; s = s->next) {
        if (is_written_at(s, node) && after-- <= 0) {
            return s;
        }
    }
    return tree->main;
}

static smart_section_t *
section_add(smart_sections_t *tree, const ap_directive_t *node,
            smart_section_e kind, const smart_section_t *parent, apr_pool_t *p)
{
    smart_section_t *t = apr_pcalloc(p, sizeof(*t));

    t->kind = kind;
    t->node = node;
    t->parent = parent;
    t->server = parent ? parent->server : tree->main;
    if (kind == SMART_SECTION_SERVER && node) {
        t->server = server_of(tree, node);
        t->parent = NULL;
    }
    if (kind == SMART_SECTION_LOCATION || kind == SMART_SECTION_MATCH) {
        read_location(t, p);
    }
    APR_ARRAY_PUSH(tree->sections, smart_section_t *) = t;
    return t;
}

/* Left there by our setters, and by Require smart-claim. */
static void take_conf(smart_section_t *section, const ap_directive_t *node)
{
    if (node->data) {
        section->conf = node->data;
    }
}

static void read_line(smart_sections_t *tree, const ap_directive_t *node,
                      smart_section_t *section, apr_pool_t *p)
{
    smart_line_t line = {node, section};
    const char *args = node->args;

    APR_ARRAY_PUSH(tree->lines, smart_line_t) = line;
    if (smart_line_is(node, "AuthType")) {
        section->auth_type = ap_getword_conf(p, &args);
    }
    else if (smart_line_is(node, "Require")) {
        section->require = true;
        if (strcasecmp(ap_getword_conf(p, &args), "smart-claim") == 0) {
            take_conf(section, node);
        }
    }
    else if (strncasecmp(node->directive, "Smart", 5) == 0) {
        take_conf(section, node);
    }
}

static void read_nodes(smart_sections_t *tree, const ap_directive_t *node,
                       smart_section_t *section, apr_pool_t *p)
{
    smart_section_e kind;

    for (; node; node = node->next) {
        if (section_kind(node, &kind)) {
            read_nodes(tree, node->first_child,
                       section_add(tree, node, kind, section, p), p);
        }
        else {
            read_line(tree, node, section, p);
            read_nodes(tree, node->first_child, section, p);
        }
    }
}

const smart_sections_t *smart_conftree_read(server_rec *main, apr_pool_t *p)
{
    smart_sections_t *tree = apr_pcalloc(p, sizeof(*tree));

    tree->main = main;
    tree->sections = apr_array_make(p, 16, sizeof(smart_section_t *));
    tree->lines = apr_array_make(p, 64, sizeof(smart_line_t));
    read_nodes(tree, ap_conftree,
               section_add(tree, NULL, SMART_SECTION_SERVER, NULL, p), p);
    return tree;
}

/* ---- asking ---- */

bool smart_section_in(const smart_sections_t *tree, const smart_section_t *t,
                      const server_rec *s)
{
    return t->server == s || t->server == tree->main;
}

bool smart_section_is_smart(const smart_section_t *t)
{
    return t->auth_type && apr_cstr_casecmp(t->auth_type, SMART_AUTH_TYPE) == 0;
}

static bool is_around(const smart_section_t *outer, const smart_section_t *t)
{
    for (; t; t = t->parent) {
        if (t == outer) {
            return true;
        }
    }
    return false;
}

const char *smart_section_path(const smart_section_t *t)
{
    for (; t; t = t->parent) {
        if (t->path) {
            return t->path;
        }
    }
    return NULL;
}

/* The base stated in a section or around it. */
static const char *stated_base(const smart_section_t *t)
{
    for (; t; t = t->parent) {
        if (t->conf && t->conf->fhir_base) {
            return t->conf->fhir_base;
        }
    }
    return NULL;
}

/* Whether a location applies to all requests of a section. */
static bool covers(const smart_section_t *location, const smart_section_t *t)
{
    const char *path = smart_section_path(t);
    const apr_size_t len = strlen(location->path);

    if (!path) {
        path = stated_base(t);
    }
    return path && smart_path_below(path, location->path, len);
}

static bool applies(const smart_section_t *outer, const smart_section_t *t)
{
    if (outer->kind == SMART_SECTION_SERVER) {
        return false;
    }
    return is_around(outer, t) ||
           (outer->kind == SMART_SECTION_LOCATION && covers(outer, t));
}

static bool of_rank(const smart_section_t *t, int rank)
{
    switch (t->kind) {
    case SMART_SECTION_SERVER:
        return false;
    case SMART_SECTION_FILES:
        return rank == 0;
    case SMART_SECTION_LOCATION:
    case SMART_SECTION_MATCH:
        return rank == 1;
    case SMART_SECTION_IF:
        return rank == 2;
    }
    return false;
}

static void collect(const smart_sections_t *tree, const smart_section_t *t,
                    const server_rec *written_in, int rank,
                    apr_array_header_t *out)
{
    int i;

    for (i = 0; i < tree->sections->nelts; i++) {
        const smart_section_t *outer = SECTION_AT(tree->sections, i);

        if (outer->server == written_in && of_rank(outer, rank) &&
            applies(outer, t)) {
            APR_ARRAY_PUSH(out, const smart_section_t *) = outer;
        }
    }
}

apr_array_header_t *smart_section_outer(const smart_sections_t *tree,
                                        const smart_section_t *t,
                                        const server_rec *s, apr_pool_t *p)
{
    apr_array_header_t *out = apr_array_make(p, 4, sizeof(smart_section_t *));
    int rank;

    for (rank = 0; rank < 3; rank++) {
        collect(tree, t, tree->main, rank, out);
        if (s != tree->main) {
            collect(tree, t, s, rank, out);
        }
    }
    return out;
}

const smart_dir_conf_t *smart_section_conf(const smart_sections_t *tree,
                                           const smart_section_t *t,
                                           const server_rec *s, apr_pool_t *p)
{
    const apr_array_header_t *outer = smart_section_outer(tree, t, s, p);
    smart_dir_conf_t *conf =
        ap_get_module_config(s->lookup_defaults, &smart_module);
    int i;

    for (i = 0; i < outer->nelts; i++) {
        const smart_section_t *o = SECTION_AT(outer, i);

        if (o->conf) {
            conf = smart_config_dir_merge(p, conf, (void *)o->conf);
        }
    }
    return conf;
}

/* A location counts as protected also by an <If> in it. */
static bool holds_smart(const smart_sections_t *tree,
                        const smart_section_t *location)
{
    int i;

    for (i = 0; i < tree->sections->nelts; i++) {
        const smart_section_t *t = SECTION_AT(tree->sections, i);

        if (smart_section_is_smart(t) && is_around(location, t)) {
            return true;
        }
    }
    return false;
}

const char *smart_section_base(const smart_sections_t *tree,
                               const smart_section_t *t, const server_rec *s,
                               apr_pool_t *p)
{
    const smart_dir_conf_t *conf = smart_section_conf(tree, t, s, p);
    const apr_array_header_t *outer = smart_section_outer(tree, t, s, p);
    const char *base = NULL;
    int i;

    if (conf->fhir_base) {
        return conf->fhir_base;
    }
    for (i = 0; i < outer->nelts; i++) {
        const smart_section_t *o = SECTION_AT(outer, i);

        if (o->kind == SMART_SECTION_LOCATION && holds_smart(tree, o) &&
            (!base || strlen(o->path) < strlen(base))) {
            base = o->path;
        }
    }
    return base;
}

/* ---- texts ---- */

const char *smart_section_text(const smart_section_t *t, apr_pool_t *p)
{
    if (!t->node) {
        return "the main server";
    }
    return apr_pstrcat(p, t->node->directive, " ", section_args(t->node, p),
                       ">", NULL);
}

const char *smart_node_where(const ap_directive_t *node, apr_pool_t *p)
{
    return node ? apr_psprintf(p, "%s:%d", node->filename, node->line_num) : "";
}
