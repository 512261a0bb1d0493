/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reason.c: the table of refusals.
 *
 * Texts do not tell what a client has no right to know: all refusals of a
 * token but expiry read the same, and so do all 404s.
 *
 * An error code stands where another token would help: RFC 6750 3.1 means
 * insufficient_scope as an invitation to ask for more. Where no scope would do
 * (an operation no rule names, a rule that denies) there is none, and neither
 * where nothing was wrong with the token.
 */
#include "core/reason.h"

#define REQUEST "invalid_request"
#define TOKEN   "invalid_token"
#define SCOPE   "insufficient_scope"

#define NOT_ACCEPTED "The access token is not accepted."
#define NOT_FOUND    "There is no such resource."
#define OUTSIDE      "The access token does not reach as far as this request."

static const smart_reason_row_t rows[] = {
    [SMART_REASON_UNDECIDED] = {"undecided", 403, NULL, "forbidden",
                                "This request is not permitted."},

    [SMART_REASON_PATH] = {"path", 400, NULL, "invalid",
                           "The path is not in canonical form."},
    [SMART_REASON_QUERY] = {"query", 400, NULL, "invalid",
                            "The search parameters are malformed."},
    [SMART_REASON_CONNECTION] = {"connection", 400, NULL, "invalid",
                                 "The Connection header is not acceptable."},
    [SMART_REASON_BODY] = {"body", 400, NULL, "invalid",
                           "The request body can not be understood."},
    [SMART_REASON_CONTENT] = {"content", 400, NULL, "invalid",
                              "Type or id of the content are not those of "
                              "the URL."},
    [SMART_REASON_TOO_LARGE] = {"too-large", 413, NULL, "too-long",
                                "The request body is too large."},
    [SMART_REASON_MEDIA_TYPE] = {"media-type", 415, NULL, "not-supported",
                                 "The media type or coding of the request body "
                                 "is not supported."},
    [SMART_REASON_NOT_ACCEPTABLE] = {"not-acceptable", 406, NULL,
                                     "not-supported",
                                     "Only JSON can be had with this access "
                                     "token."},
    [SMART_REASON_PRECONDITION] = {"precondition", 412, NULL, "conflict",
                                   "The resource is not in the expected "
                                   "version."},
    [SMART_REASON_PATCH] = {"patch", 422, NULL, "processing",
                            "The patch can not be applied."},
    [SMART_REASON_EMPTY_VALUE] = {"empty-value", 400, NULL, "invalid",
                                  "A search parameter has no value."},

    [SMART_REASON_NO_TOKEN] = {"no-token", 401, NULL, "login",
                               "An access token is needed."},
    [SMART_REASON_TOKEN_MALFORMED] = {"token-malformed", 400, REQUEST,
                                      "invalid",
                                      "The Authorization header is malformed."},
    [SMART_REASON_TOKEN_TWICE] = {"token-twice", 400, REQUEST, "invalid",
                                  "There is more than one access token."},
    [SMART_REASON_TOKEN_IN_QUERY] = {"token-in-query", 401, NULL, "login",
                                     "Access tokens are accepted in the "
                                     "Authorization header only."},
    [SMART_REASON_TOKEN_TOO_LONG] = {"token-too-long", 401, TOKEN, "login",
                                     NOT_ACCEPTED},
    [SMART_REASON_TOKEN_INACTIVE] = {"token-inactive", 401, TOKEN, "login",
                                     NOT_ACCEPTED},
    [SMART_REASON_TOKEN_UNPROVEN] = {"token-unproven", 401, TOKEN, "login",
                                     NOT_ACCEPTED},
    [SMART_REASON_TOKEN_EXPIRED] = {"token-expired", 401, TOKEN, "expired",
                                    "The access token has expired."},
    [SMART_REASON_TOKEN_NOT_YET] = {"token-not-yet", 401, TOKEN, "login",
                                    NOT_ACCEPTED},
    [SMART_REASON_TOKEN_ISSUER] = {"token-issuer", 401, TOKEN, "login",
                                   NOT_ACCEPTED},
    [SMART_REASON_TOKEN_AUDIENCE] = {"token-audience", 401, TOKEN, "login",
                                     NOT_ACCEPTED},
    [SMART_REASON_TOKEN_BOUND] = {"token-bound", 401, TOKEN, "login",
                                  NOT_ACCEPTED},

    [SMART_REASON_AS_TROUBLE] = {"as-trouble", 503, NULL, "transient",
                                 "The access token can not be checked now."},
    [SMART_REASON_AS_REFUSED] = {"as-refused", 503, NULL, "transient",
                                 "The access token can not be checked now."},
    [SMART_REASON_DISCOVERY] = {"discovery", 503, NULL, "transient",
                                "The configuration of the authorization "
                                "server is not known now."},

    [SMART_REASON_METHOD] = {"method", 405, NULL, "not-supported",
                             "This method is not supported."},
    [SMART_REASON_INTERACTION] = {"interaction", 403, NULL, "forbidden",
                                  "This interaction is not permitted."},
    [SMART_REASON_NO_SCOPE] = {"no-scope", 403, SCOPE, "forbidden",
                               "The access token has no scope for this "
                               "request."},
    [SMART_REASON_NO_PATIENT] = {"no-patient", 403, SCOPE, "forbidden",
                                 "The access token has patient scopes but no "
                                 "patient."},
    [SMART_REASON_FHIR_USER] = {"fhir-user", 403, SCOPE, "forbidden",
                                "The user of the access token may not use "
                                "user scopes here."},
    [SMART_REASON_FOREIGN] = {"foreign", 404, NULL, "not-found", NOT_FOUND},
    [SMART_REASON_FOREIGN_WRITE] = {"foreign-write", 403, SCOPE, "forbidden",
                                    "The content is outside of what the "
                                    "access token covers."},
    [SMART_REASON_NOT_JUDGED] = {"not-judged", 403, SCOPE, "forbidden",
                                 OUTSIDE},
    [SMART_REASON_CONSTRUCT] = {"construct", 403, SCOPE, "forbidden",
                                "A search parameter is not permitted with "
                                "this access token."},
    [SMART_REASON_OPERATION] = {"operation", 403, NULL, "forbidden",
                                "This operation is not permitted."},
    [SMART_REASON_ASYNC] = {"async", 403, SCOPE, "forbidden",
                            "Asynchronous requests are not permitted with "
                            "this access token."},
    [SMART_REASON_RULE] = {"rule", 403, NULL, "forbidden",
                           "This interaction is not permitted."},
    [SMART_REASON_JOB] = {"job", 404, NULL, "not-found", NOT_FOUND},
    [SMART_REASON_OUTSIDE] = {"outside", 403, SCOPE, "forbidden", OUTSIDE},
    [SMART_REASON_ENTRY] = {"entry", 403, SCOPE, "forbidden",
                            "An entry of the Bundle is not permitted."},

    [SMART_REASON_REQUIRE] = {"require", 403, SCOPE, "forbidden", OUTSIDE},
    [SMART_REASON_GATE] = {"gate", 403, NULL, "forbidden",
                           "This request is not permitted."},
    [SMART_REASON_INTERNAL] = {"internal", 500, NULL, "exception",
                               "The request could not be handled."},
    [SMART_REASON_BACKEND] = {"backend", 502, NULL, "exception",
                              "The answer of the FHIR server could not be "
                              "checked."},
};

_Static_assert(sizeof(rows) / sizeof(rows[0]) == SMART_REASON_COUNT,
               "each reason has a row");

const smart_reason_row_t *smart_reason_row(smart_reason_e reason)
{
    apr_size_t i = (apr_size_t)reason;

    if (i >= SMART_REASON_COUNT || !rows[i].name) {
        return &rows[SMART_REASON_UNDECIDED];
    }
    return &rows[i];
}
