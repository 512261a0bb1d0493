/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outcome.c: constants of reason.c, put into the forms clients read.
 */
#include "core/outcome.h"

#include <apr_strings.h>

const char *smart_outcome_body(smart_reason_e reason, int entry, apr_pool_t *p)
{
    const smart_reason_row_t *row = smart_reason_row(reason);
    const char *where =
        entry > 0 ? apr_psprintf(p, "\",\"expression\":[\"Bundle.entry[%d]\"]",
                                 entry - 1)
                  : "\"";

    /* No escaping: texts of the table hold neither quote nor backslash. */
    return apr_pstrcat(p,
                       "{\"resourceType\":\"OperationOutcome\",\"issue\":"
                       "[{\"severity\":\"error\",\"code\":\"",
                       row->issue_code, "\",\"diagnostics\":\"", row->text,
                       where, "}]}\n", NULL);
}

const char *smart_outcome_status(int status)
{
    return status < 500
               ? "{\"resourceType\":\"OperationOutcome\",\"issue\":"
                 "[{\"severity\":\"error\",\"code\":\"processing\","
                 "\"diagnostics\":\"The FHIR server refused the request.\"}]}"
                 "\n"
               : "{\"resourceType\":\"OperationOutcome\",\"issue\":"
                 "[{\"severity\":\"error\",\"code\":\"exception\","
                 "\"diagnostics\":\"The FHIR server could not handle the "
                 "request.\"}]}\n";
}

/* RFC 9110 5.6.4, of printable ASCII; whatever else is in text is dropped. */
static const char *quoted(const char *text, apr_pool_t *p)
{
    char *out = apr_palloc(p, 2 * strlen(text) + 3);
    char *to = out;

    *to++ = '"';
    for (; *text; text++) {
        if (*text < 0x20 || *text > 0x7e) {
            continue;
        }
        if (*text == '"' || *text == '\\') {
            *to++ = '\\';
        }
        *to++ = *text;
    }
    *to++ = '"';
    *to = '\0';
    return out;
}

/* Whether text fits between quotes as it is: %x21 / %x23-5B / %x5D-7E, and
 * blanks if they may be there; not empty. */
static bool stands_in_quotes(const char *text, bool blanks)
{
    if (!text || !*text) {
        return false;
    }
    for (; *text; text++) {
        if (*text == '"' || *text == '\\' || *text > 0x7e ||
            *text < (blanks ? 0x20 : 0x21)) {
            return false;
        }
    }
    return true;
}

static bool asks_for_scope(const smart_reason_row_t *row)
{
    return row->error && strcmp(row->error, "insufficient_scope") == 0;
}

const char *smart_outcome_challenge(smart_reason_e reason, const char *realm,
                                    const char *scope, const char *metadata,
                                    apr_pool_t *p)
{
    const smart_reason_row_t *row = smart_reason_row(reason);
    const char *out;

    /* RFC 9110 11.6.1: a 401 always has one. */
    if (row->status != 401 && !row->error) {
        return NULL;
    }
    out = apr_pstrcat(p, "Bearer realm=", quoted(realm ? realm : "", p), NULL);
    if (row->error) {
        out = apr_pstrcat(p, out, ", error=\"", row->error, "\"", NULL);
    }
    if (asks_for_scope(row) && stands_in_quotes(scope, true)) {
        out = apr_pstrcat(p, out, ", scope=\"", scope, "\"", NULL);
    }
    if (stands_in_quotes(metadata, false)) {
        out =
            apr_pstrcat(p, out, ", resource_metadata=\"", metadata, "\"", NULL);
    }
    return out;
}
