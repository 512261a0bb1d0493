/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h: one line for each request below a base, in a file or to a program,
 * once its answer has been sent. What is in a line: core/audit.h.
 *
 *   SmartAuditLog logs/audit.json
 *   SmartAuditLog "|bin/rotatelogs logs/audit.%Y-%m-%d.json 86400"
 *   SmartAuditLog logs/audit.json patient=clear
 *   SmartAuditLog off
 *
 * A patient is written as
 *
 *   hash    32 hexadecimal digits: the first half of the HMAC, with the secret
 *           of the token cache, of "<public URL>/Patient/<id>". Lines about the
 *           same patient can be told to be; whose they are can not.
 *   clear   the id
 *   off     nothing
 *
 * and a subject that is the patient likewise.
 *
 * Invariants:
 *   1. A line is written by one call, to a file opened for appending or to a
 *      pipe that takes it whole: lines of several processes are never mixed.
 *   2. A program that does not read holds nobody up: a line that does not fit
 *      into its pipe is lost, counted, and said once a minute.
 *   3. Files are opened by the parent, before children are made and its rights
 *      are given up; anew with each restart, graceful or not.
 *   4. No token, no query and no id of a resource is written, a patient's in
 *      clear text only where the administrator says so.
 *
 * Does not: rotate, sign, or wait for a disk.
 */
#ifndef SMART_AUDIT_H
#define SMART_AUDIT_H

#include "httpd/config.h"

/** What SmartAuditLog says; one for each place it stands in. */
typedef struct smart_audit_t smart_audit_t;

/**
 * Setter of SmartAuditLog.
 * @param dir  smart_dir_conf_t of the section
 * @param line the rest of the line
 */
const char *smart_audit_directive(cmd_parms *cmd, void *dir, const char *line);

/** What it says, for dumps: "logs/audit.json patient=hash"; NULL: "none". */
const char *smart_audit_text(const smart_audit_t *audit);

/** Hooks, in the order in which httpd runs them. */
int smart_audit_pre_config(apr_pool_t *pconf, apr_pool_t *plog,
                           apr_pool_t *ptemp);
int smart_audit_open_logs(apr_pool_t *pconf, apr_pool_t *plog,
                          apr_pool_t *ptemp, server_rec *s);
void smart_audit_child_init(apr_pool_t *pchild, server_rec *s);
int smart_audit_log_transaction(request_rec *r);

#endif
