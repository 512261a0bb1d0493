/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conftree.h: the whole configuration as text, seen as sections, at start-up.
 *
 * AuthType belongs to another module, and a per-directory configuration does
 * not know its section. The tree that httpd read knows both:
 *
 *   server          main server, or <VirtualHost>
 *     location      <Location "/fhir">
 *       if          <If ...> in it
 *     match         <LocationMatch>, <Location ~>, <Location> with wildcards
 *     files         <Directory>, <Files>, <Proxy> and their kin
 *
 * Containers that are no sections (<Limit>, <RequireAny>) belong to the
 * section they stand in.
 *
 * Invariant: what a section comes to is merged in httpd's order: server,
 * files, locations of the main server, then of the virtual host, then <If>;
 * each in the order of the file.
 *
 * Does not: know which files a location leads to, nor whether two regular
 * expressions meet. What depends on that is decided per request.
 */
#ifndef SMART_CONFTREE_H
#define SMART_CONFTREE_H

#include "httpd/config.h"

typedef enum {
    SMART_SECTION_SERVER = 0,
    SMART_SECTION_LOCATION,
    SMART_SECTION_MATCH,
    SMART_SECTION_FILES,
    SMART_SECTION_IF
} smart_section_e;

typedef struct smart_section_t {
    smart_section_e kind;
    const ap_directive_t *node;           /* NULL: the main server */
    server_rec *server;                   /* it is written in */
    const struct smart_section_t *parent; /* around it; NULL: a server */
    const char *path;      /* LOCATION: "/fhir", "" for "/"; NULL: others */
    const char *raw_path;  /* LOCATION: as written */
    const char *literal;   /* MATCH: what every path begins with */
    const char *auth_type; /* stated in it; NULL: none */
    bool require;          /* it has a Require line */
    const smart_dir_conf_t *conf; /* its own directives; NULL: none */
} smart_section_t;

/** One directive of anybody, and where it stands. */
typedef struct smart_line_t {
    const ap_directive_t *node;
    const smart_section_t *section;
} smart_line_t;

typedef struct smart_sections_t {
    server_rec *main;
    apr_array_header_t *sections; /* smart_section_t *, in order */
    apr_array_header_t *lines;    /* smart_line_t, in order */
} smart_sections_t;

/**
 * Read ap_conftree. Servers have to be merged.
 * @param main the first server
 * @param p    owns the result
 */
const smart_sections_t *smart_conftree_read(server_rec *main, apr_pool_t *p);

/** Whether a section is in force in a server: its own, or the main one's. */
bool smart_section_in(const smart_sections_t *tree, const smart_section_t *t,
                      const server_rec *s);

/** Whether AuthType SMART is stated in a section. */
bool smart_section_is_smart(const smart_section_t *t);

/** Whether <line> is a directive of that name. */
bool smart_line_is(const ap_directive_t *node, const char *name);

/**
 * The path that all requests of a section have in common, at a segment
 * boundary, or NULL: its own, that of the location around it, or as far as a
 * regular expression tells.
 */
const char *smart_section_path(const smart_section_t *t);

/**
 * What the directives come to in a section, in a server.
 * @return merged; owned by <p> or shared with the configuration
 */
const smart_dir_conf_t *smart_section_conf(const smart_sections_t *tree,
                                           const smart_section_t *t,
                                           const server_rec *s, apr_pool_t *p);

/** The sections that smart_section_conf merges, outer first; <t> is last of
    its kind. @return smart_section_t *, without the server */
apr_array_header_t *smart_section_outer(const smart_sections_t *tree,
                                        const smart_section_t *t,
                                        const server_rec *s, apr_pool_t *p);

/**
 * The FHIR base that a section belongs to, in a server.
 * @return "/fhir", "" for the root; NULL: none is known
 */
const char *smart_section_base(const smart_sections_t *tree,
                               const smart_section_t *t, const server_rec *s,
                               apr_pool_t *p);

/** "<Location \"/fhir\">" or "virtual host x", for messages. */
const char *smart_section_text(const smart_section_t *t, apr_pool_t *p);

/** Where it stands: "/etc/apache2/fhir.conf:12"; "" for the main server. */
const char *smart_node_where(const ap_directive_t *node, apr_pool_t *p);

/**
 * What every string that a regular expression matches begins with, as far as
 * that is plain to see.
 * @return "" when it may begin with anything
 */
const char *smart_regex_literal(const char *regex, apr_pool_t *p);

#endif
