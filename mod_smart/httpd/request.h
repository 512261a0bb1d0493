/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h: what the module knows of one request_rec, from the first hook to
 * the last. Lives in r->request_config, so that an internal redirect or a
 * sub-request starts without it: nothing that was decided for one URL is ever
 * found under another.
 *
 *   request.c   makes it: base, location, interaction
 *   scrub.c     removes what a client must not send
 *   authn.c     token -> grant
 *   authz.c     grant, interaction -> decision -> permit
 *   rewrite.c   what is sent instead of what the client said
 *   body.c      reads a body and gives it back
 *   write.c     what a write brings, against what is there
 *   preread.c   what is there: a sub-request of our own
 *   gate.c      lets a handler run for a permit only
 *   upstream.c  headers towards the backend
 *   response.c  headers of the backend's answer
 *   refusal.c   answers of our own
 *   account.c   what became of it, for counters and logs
 *
 * Invariant: a permit holds for exactly the method, target and query that are
 * noted with it.
 */
#ifndef SMART_REQUEST_H
#define SMART_REQUEST_H

#include "httpd/location.h"

#include "io/flight.h"
#include "io/shared.h"

#include <http_protocol.h>

/** Where the facts about a token came from, for logs and SMART_CACHE. */
typedef enum {
    SMART_SOURCE_NONE = 0,
    SMART_SOURCE_HIT,
    SMART_SOURCE_MISS,
    SMART_SOURCE_NEGATIVE,
    SMART_SOURCE_STALE
} smart_source_e;

/** What was permitted; the gate compares it with what is about to be done. */
typedef struct smart_permit_t {
    bool held;
    const char *method;
    const char *filename; /* "proxy:..." or a file, before canonicalisation */
    const char *args;     /* NULL: no query */
} smart_permit_t;

/** The text a handler will read; see body.c. */
typedef struct smart_held_t smart_held_t;

/** A request as it came, while its handlers see another; see pinned.h. */
typedef struct smart_pinned_t {
    apr_table_t *headers; /* NULL: they see it as it came */
    const char *method;
    int head;
} smart_pinned_t;

typedef struct smart_context_t {
    request_rec *r;
    const struct smart_context_t *parent; /* a pre-read: what it is for */
    const char *preread; /* URI of our own pre-read under way; NULL: none */
    const smart_base_t *base;         /* NULL: by AuthType alone */
    const smart_location_t *location; /* NULL: none could be made, deny */
    const char *authorization; /* that was judged; NULL: there was none */

    /* how far it has come; all false at first */
    bool auth_type; /* AuthType SMART is in force */
    bool scrubbed;
    bool preflight; /* CORS: answered by us */
    bool is_public;
    bool authenticated; /* check_authn ran to its end for this request */
    bool has_grant;
    bool decided;
    bool in_require;       /* our own run of the Require lines is under way */
    bool filters_inserted; /* httpd has begun to run handlers */
    bool in_handler;       /* our own run of the handlers is under way */

    smart_reason_e fault;   /* of the request's form; UNDECIDED: none */
    const char *fault_text; /* constant, for the log */
    smart_interaction_t interaction; /* a form's parameters come to .search */
    smart_search_t query;            /* of the URL alone, as it will be sent */
    smart_search_t form;             /* of the form alone, likewise */
    bool has_form;
    smart_held_t *held; /* NULL: the body was not read */
    smart_grant_t grant;
    smart_source_e source;
    int retry_after_s;
    smart_decision_t decision;
    const struct smart_plan_t *plan; /* of a batch (core/inspect.h); or NULL */
    int entry; /* of a Bundle, that is refused; from 1 on, 0: none */
    const char *require_scope; /* the scope a Require smart-scope misses */
    smart_permit_t permit;

    /* an answer that is looked at; see inspect.h */
    const char *proved_etag; /* of a Binary; NULL: it had none */
    smart_pinned_t pinned;

    /* what became of it; see account.h */
    bool refused;
    smart_reason_e refusal;
    apr_time_t decided_time; /* 0: nobody wants to know */
    apr_int64_t asked_us;    /* spent on the authorization server */
} smart_context_t;

/** The first call of smart_context_of(). */
smart_context_t *smart_context_begin(request_rec *r);

/**
 * What is known of a request; made at the first call.
 * @return NULL: the request is not protected, it is none of our business
 */
static inline smart_context_t *smart_context_of(request_rec *r)
{
    smart_context_t *ctx =
        ap_get_module_config(r->request_config, &smart_module);

    return ctx ? ctx : smart_context_begin(r);
}

/** Whether what was permitted owes one of some obligations. */
static inline bool smart_owes(const smart_context_t *ctx, unsigned obligations)
{
    return (ctx->decision.obligations & obligations) != 0;
}

/** Take fields out of headers. @param names NULL at end */
static inline void smart_drop(apr_table_t *headers, const char *const *names)
{
    for (; *names; names++) {
        apr_table_unset(headers, *names);
    }
}

/** True in report mode, where nothing is blocked or changed. */
static inline bool smart_reports(const smart_context_t *ctx)
{
    return ctx->location && ctx->location->mode == SMART_MODE_REPORT;
}

/** True when a request was made by httpd to show an ErrorDocument. */
static inline bool smart_is_error_page(const request_rec *r)
{
    return r->prev && ap_is_HTTP_ERROR(r->prev->status);
}

/* The cache and the connections of this process; set up by lifecycle.c. */
typedef struct smart_process_t {
    smart_shared_t shared;
    smart_flights_t *flights;
    smart_http_t *http;
    smart_digest_t *digest;
} smart_process_t;
extern smart_process_t smart_process;

/* Hooks, in the order in which httpd runs them; see mod_smart.c. */
int smart_lifecycle_pre_config(apr_pool_t *pconf, apr_pool_t *plog,
                               apr_pool_t *ptemp);
int smart_lifecycle_post_config(apr_pool_t *pconf, apr_pool_t *plog,
                                apr_pool_t *ptemp, server_rec *s);
void smart_lifecycle_child_init(apr_pool_t *pchild, server_rec *s);
int smart_trace_map_to_storage(request_rec *r);
int smart_scrub_header_parser(request_rec *r);
int smart_authn_force(request_rec *r);
int smart_authn_check(request_rec *r);
int smart_authz_check(request_rec *r);
int smart_refusal_note_auth_failure(request_rec *r, const char *auth_type);
int smart_authz_fixups(request_rec *r);
int smart_gate_handler(request_rec *r);
int smart_upstream_fixups(request_rec *r);
void smart_response_insert_filter(request_rec *r);
void smart_response_register(apr_pool_t *p);
void smart_require_register(apr_pool_t *p);

/** Remove what a client must not send; once per request. */
void smart_scrub(smart_context_t *ctx);

/**
 * Have an answer that will be inspected be whole resources in JSON. May be
 * called more than once.
 * @param ctx request with a permitting decision
 * @return SMART_REASON_UNDECIDED; NOT_ACCEPTABLE: the client does not want it
 */
smart_reason_e smart_rewrite_pin(smart_context_t *ctx);

/**
 * Pin, and put in place what is sent instead of the client's query, form and
 * If-None-Exist. Once, when nothing is left to be decided.
 * @return as smart_rewrite_pin
 */
smart_reason_e smart_rewrite(smart_context_t *ctx);

/** The same once more, when fields may have been added: by trailers. */
void smart_scrub_again(smart_context_t *ctx);

/**
 * Set the headers towards the backend where mod_proxy's fixups may not run.
 * @param ctx request that the gate lets through to mod_proxy
 */
void smart_upstream_early(smart_context_t *ctx);

/**
 * Answer with a refusal: status, challenge and OperationOutcome, unless the
 * administrator has an ErrorDocument for the status.
 * @param ctx    request; its decision.scope goes into the challenge
 * @param reason why
 * @return what a hook has to return: DONE, or a status
 */
int smart_refuse(smart_context_t *ctx, smart_reason_e reason);

/**
 * The same from within a filter, instead of what a backend has answered.
 * There is no ErrorDocument then.
 * @return the body; status and headers are set
 */
const char *smart_refusal_instead(smart_context_t *ctx, smart_reason_e reason);

/** Take off an answer all that a backend said of it, but for the status. */
void smart_refusal_clear(request_rec *r);

/** The host of the public URL, without port. */
const char *smart_public_hostname(const smart_context_t *ctx);

/** Put CORS headers on whatever is answered, if the origin is listed. */
void smart_cors(smart_context_t *ctx);

/** Name the request for logs and backends in r->subprocess_env. */
void smart_environment(smart_context_t *ctx, smart_reason_e reason);

/** "hit", "miss", ...; NULL: no token was looked for. */
const char *smart_source_name(smart_source_e source);

/**
 * Whether the sections of a request hold what one of our Require lines asks;
 * used by require.c.
 */
bool smart_grant_covers(const smart_grant_t *grant, const smart_scope_t *scope);

/**
 * True once a minute per place and process, for lines that would flood a log.
 * @param pminute the place's memory: a static word, 0 at start
 */
bool smart_once_a_minute(volatile apr_uint32_t *pminute);

#endif
