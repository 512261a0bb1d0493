/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h: what the parts of check_config share.
 *
 *   check.c          finds the bases, checks sections, warns
 *   check_proxy.c    ways to a backend that the gate can not guard, caches
 *                    that answer before anybody is asked for a token
 *   check_require.c  Require lines that do not mean what they say
 *
 * Invariant: an error names directive, section, file and line, is logged once,
 * and httpd does not start.
 */
#ifndef SMART_CHECK_H
#define SMART_CHECK_H

#include <apr_hash.h>

#include "httpd/conftree.h"

typedef struct smart_check_t {
    const smart_sections_t *tree;
    server_rec *main;
    apr_pool_t *pconf; /* bases live as long as the configuration */
    apr_pool_t *p;     /* all else */
    apr_hash_t *said;  /* lines that were logged: sections of the main server
                          are looked at again for each virtual host */
    int faults;
} smart_check_t;

/** Log an error; the start will fail. */
void smart_check_error(smart_check_t *check, const ap_directive_t *node,
                       const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** Log a warning, in the pass where warnings are logged. */
void smart_check_warn(smart_check_t *check, const ap_directive_t *node,
                      const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** The bases of a server, longest first. */
const smart_server_conf_t *smart_check_bases(const server_rec *s);

/** See check_proxy.c. */
void smart_check_proxy(smart_check_t *check, server_rec *s);
void smart_check_cache(smart_check_t *check, server_rec *s);

/** See check_require.c. */
void smart_check_require(smart_check_t *check, const smart_section_t *t,
                         const char *base);

#endif
