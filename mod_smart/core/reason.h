/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reason.h: why a request is not let through, as one value from where it is
 * noticed to where it is answered and logged.
 *
 * Each reason has one row in reason.c: its name (stable, for logs and
 * SMART_DECISION), the HTTP status, the RFC 6750 error code, the FHIR issue
 * code and a fixed text for clients.
 *
 * Invariant: zero is a refusal (403), and so is every number without a row.
 */
#ifndef SMART_REASON_H
#define SMART_REASON_H

#include "core/base.h"

typedef enum {
    SMART_REASON_UNDECIDED = 0, /* nobody decided: 403 */

    /* the form of the request: 400 */
    SMART_REASON_PATH,        /* the path is not in canonical form */
    SMART_REASON_QUERY,       /* the query is not */
    SMART_REASON_CONNECTION,  /* Connection names a field of the message */
    SMART_REASON_BODY,        /* the body is not what its type says */
    SMART_REASON_EMPTY_VALUE, /* a compartment parameter without value */

    SMART_REASON_CONTENT, /* type or id of the content is not the URL's */

    /* its body, and what is asked for in return: 406 to 422 */
    SMART_REASON_TOO_LARGE,      /* 413 */
    SMART_REASON_MEDIA_TYPE,     /* 415: media type or coding */
    SMART_REASON_NOT_ACCEPTABLE, /* 406: _format, Accept rule JSON out */
    SMART_REASON_PRECONDITION,   /* 412: If-Match is not what is there */
    SMART_REASON_PATCH,          /* 422: the patch does not apply */

    /* the token: 400 or 401 */
    SMART_REASON_NO_TOKEN,        /* 401 without error */
    SMART_REASON_TOKEN_MALFORMED, /* 400 invalid_request */
    SMART_REASON_TOKEN_TWICE,     /* 400: header and query */
    SMART_REASON_TOKEN_IN_QUERY,  /* 401 without error */
    SMART_REASON_TOKEN_TOO_LONG,  /* 401 invalid_token, as all below */
    SMART_REASON_TOKEN_INACTIVE,  /* the server says so */
    SMART_REASON_TOKEN_UNPROVEN,  /* its answer does not prove it active */
    SMART_REASON_TOKEN_EXPIRED,   /* exp */
    SMART_REASON_TOKEN_NOT_YET,   /* nbf */
    SMART_REASON_TOKEN_ISSUER,    /* iss is not SmartIssuer */
    SMART_REASON_TOKEN_AUDIENCE,  /* aud does not hold one of ours */
    SMART_REASON_TOKEN_BOUND,     /* cnf, or a token_type other than Bearer */

    /* the authorization server: 503 */
    SMART_REASON_AS_TROUBLE, /* no usable answer */
    SMART_REASON_AS_REFUSED, /* it does not accept us */
    SMART_REASON_DISCOVERY,  /* nothing is known of it that could be served */

    /* what is asked for: 403 unless said otherwise */
    SMART_REASON_METHOD,        /* 405: a method FHIR does not know */
    SMART_REASON_INTERACTION,   /* no interaction we know, or unknown type */
    SMART_REASON_NO_SCOPE,      /* no scope with this type and these letters */
    SMART_REASON_NO_PATIENT,    /* only patient/ scopes, no usable patient */
    SMART_REASON_FHIR_USER,     /* only user/ scopes, fhirUser rules them out */
    SMART_REASON_FOREIGN,       /* 404: outside the launch context */
    SMART_REASON_FOREIGN_WRITE, /* new content outside the launch context */
    SMART_REASON_NOT_JUDGED,    /* would need a look that is not taken */
    SMART_REASON_CONSTRUCT,     /* chain, _has, _filter ... under restriction */
    SMART_REASON_OPERATION,     /* an operation no rule names */
    SMART_REASON_ASYNC,         /* respond-async under restriction */
    SMART_REASON_RULE,          /* a SmartRule denies */
    SMART_REASON_JOB,           /* 404: status of an asynchronous job */
    SMART_REASON_OUTSIDE,       /* a type in no compartment, and not shared */
    SMART_REASON_ENTRY,         /* an entry of a batch is denied */

    /* httpd's side */
    SMART_REASON_REQUIRE,  /* 403: another Require line */
    SMART_REASON_GATE,     /* 403: no permit for what would be sent */
    SMART_REASON_INTERNAL, /* 500: out of memory, no digest, ... */
    SMART_REASON_BACKEND,  /* 502: an answer that proves nothing */

    SMART_REASON_COUNT
} smart_reason_e;

/** One row of the table; all texts are constants. */
typedef struct smart_reason_row_t {
    const char *name;       /* "token-expired": lower case, hyphens */
    int status;             /* 400 to 503 */
    const char *error;      /* RFC 6750 3.1 code; NULL: none */
    const char *issue_code; /* FHIR issue-type */
    const char *text;       /* for clients: fixed, nothing of the request */
} smart_reason_row_t;

/**
 * Look a reason up. Total: an unknown number gets the row of UNDECIDED.
 */
const smart_reason_row_t *smart_reason_row(smart_reason_e reason);

#endif
