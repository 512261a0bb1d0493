/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h: what was decided about a request, as one line of JSON.
 *
 *   {"time":"2026-03-01T10:00:00.123Z","id":"...","base":"/fhir", ...}\n
 *
 * Members, in this order; what is not known is left out:
 *
 *   time          when the request came, UTC, milliseconds
 *   id            of the request, the one in other logs where they have it
 *   base          FHIR base, "/" for the root
 *   address       of the client, as httpd knows it
 *   client        client_id of the token
 *   subject       sub (else username) of the token
 *   patient       whose record was asked for; see httpd/audit.h for its form
 *   method        of the request
 *   interaction   FHIR interaction, or "preflight"
 *   operation     with its "$", of a permitted request
 *   type          resource type
 *   mode          "report" where nothing is enforced; else absent
 *   decision      "permit", "public", "deny", or "none": nobody asked us
 *   reason        of a denial, one of reason.c
 *   scope         that permitted, without its constraint
 *   constrained   true: it had one
 *   needs         the scope that a denied request lacks, the same way
 *   cache         "hit", "miss", "negative", "stale"
 *   status        HTTP status of the answer
 *   asked_us      microseconds spent on the authorization server
 *   decided_us    from the request to the decision
 *   total_us      from the request to the end of the answer
 *
 * Invariants:
 *   1. One line is one JSON object with one line feed, its last byte, and at
 *      most SMART_AUDIT_MAX bytes, which is what a pipe takes whole.
 *   2. It is valid UTF-8, whatever the texts hold: what is none becomes
 *      U+FFFD, control bytes are escaped. A text that is too long is cut and
 *      ends in an ellipsis.
 *   3. Nothing but the members above: no token, path, id or query is in the
 *      structure.
 *
 * Does not: know a clock, decide what a patient is shown as, write a file.
 */
#ifndef SMART_AUDIT_CORE_H
#define SMART_AUDIT_CORE_H

#include "core/base.h"

#define SMART_AUDIT_MAX 4096u /* bytes of a line with its line feed */

typedef enum {
    SMART_AUDIT_NONE = 0, /* nobody asked us */
    SMART_AUDIT_DENY,
    SMART_AUDIT_PUBLIC,
    SMART_AUDIT_PERMIT
} smart_audit_decision_e;

/** See the head; texts NULL or "" and times below 0 are left out. */
typedef struct smart_audit_line_t {
    apr_int64_t time_us; /* since the epoch */
    const char *id;
    const char *base; /* "" for the root */
    const char *address;
    const char *client;
    const char *subject;
    const char *patient;
    const char *method;
    const char *interaction;
    smart_slice_t operation;
    const char *type;
    bool report;
    smart_audit_decision_e decision;
    const char *reason;
    const char *scope; /* with its constraint: it is cut off here */
    const char *needs; /* the same */
    const char *cache;
    int status; /* 0: none */
    apr_int64_t asked_us;
    apr_int64_t decided_us;
    apr_int64_t total_us;
} smart_audit_line_t;

/**
 * Write a line.
 * @param line what to say; borrowed
 * @param buf  out: SMART_AUDIT_MAX bytes; no NUL at the end
 * @return how many of them the line takes
 */
apr_size_t smart_audit_write(const smart_audit_line_t *line, char *buf);

#endif
