/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.c: a line is put together in the caller's buffer. Each text has room
 * of its own, so that no text, however long, pushes another one out.
 */
#include "core/audit.h"

#include <apr_strings.h>
#include <apr_time.h>

#include "core/utf8.h"

/* Bytes a text may take between its quotes, escapes included. */
#define LONG   640u /* what an authorization server names */
#define MEDIUM 256u
#define SHORT  96u

#define ELLIPSIS "\xe2\x80\xa6"
#define NO_CHAR  "\xef\xbf\xbd" /* U+FFFD */

/* Two long ones, four medium ones and eleven short ones; the rest is names,
   punctuation and numbers. */
_Static_assert(2 * LONG + 4 * MEDIUM + 11 * SHORT + 700 <= SMART_AUDIT_MAX,
               "a line always fits");

typedef struct out_t {
    char *buf;
    apr_size_t len;
} out_t;

static void put(out_t *out, const char *bytes, apr_size_t n)
{
    if (n <= SMART_AUDIT_MAX - out->len) {
        memcpy(out->buf + out->len, bytes, n);
        out->len += n;
    }
}

static void put_name(out_t *out, const char *name)
{
    put(out, out->len > 1 ? ",\"" : "\"", out->len > 1 ? 2 : 1);
    put(out, name, strlen(name));
    put(out, "\":", 2);
}

/* Bytes that stand for the character that c begins with, in JSON. */
typedef struct piece_t {
    char bytes[8];
    apr_size_t len;
} piece_t;

static void piece_add(piece_t *piece, const char *bytes, apr_size_t n)
{
    apr_size_t i;

    for (i = 0; i < n; i++) {
        piece->bytes[piece->len++] = bytes[i];
    }
}

/* Returns how many bytes of the text it was. */
static apr_size_t escape(const unsigned char *c, apr_size_t left,
                         piece_t *piece)
{
    static const char hex[] = "0123456789abcdef";
    const apr_size_t n = smart_utf8((const char *)c, left);

    piece->len = 0;
    if (n == 0) {
        piece_add(piece, NO_CHAR, 3);
        return 1;
    }
    if (*c < 0x20 || *c == 0x7f) {
        piece_add(piece, "\\u00", 4);
        piece_add(piece, &hex[*c >> 4], 1);
        piece_add(piece, &hex[*c & 15], 1);
        return 1;
    }
    if (*c == '"' || *c == '\\') {
        piece_add(piece, "\\", 1);
    }
    piece_add(piece, (const char *)c, n);
    return n;
}

static void put_slice(out_t *out, const char *name, smart_slice_t text,
                      apr_size_t room)
{
    const apr_size_t most = room - (sizeof(ELLIPSIS) - 1);
    const unsigned char *c = (const unsigned char *)text.ptr;
    apr_size_t used = 0;
    apr_size_t at = 0;
    piece_t piece;

    if (text.len == 0) {
        return;
    }
    put_name(out, name);
    put(out, "\"", 1);
    while (at < text.len) {
        const apr_size_t step = escape(c + at, text.len - at, &piece);

        if (used + piece.len > most) {
            put(out, ELLIPSIS, sizeof(ELLIPSIS) - 1);
            break;
        }
        put(out, piece.bytes, piece.len);
        used += piece.len;
        at += step;
    }
    put(out, "\"", 1);
}

static void put_text(out_t *out, const char *name, const char *text,
                     apr_size_t room)
{
    put_slice(out, name, smart_slice(text), room);
}

static void put_number(out_t *out, const char *name, apr_int64_t n)
{
    char text[24];

    if (n >= 0) {
        put_name(out, name);
        put(out, text,
            (apr_size_t)apr_snprintf(text, sizeof(text), "%" APR_INT64_T_FMT,
                                     n));
    }
}

/* RFC 3339. */
static void put_time(out_t *out, apr_int64_t us)
{
    apr_time_exp_t t;
    char text[40];

    if (apr_time_exp_gmt(&t, us) == APR_SUCCESS) {
        apr_snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                     t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour,
                     t.tm_min, t.tm_sec, t.tm_usec / 1000);
        put_text(out, "time", text, SHORT);
    }
}

/* The constraint holds values of a search: it is left out. */
static bool put_scope(out_t *out, const char *name, const char *scope)
{
    const apr_size_t n = scope ? strcspn(scope, "?") : 0;

    if (n == 0) {
        return false;
    }
    put_slice(out, name, smart_slice_n(scope, n), MEDIUM);
    return scope[n] != '\0';
}

static const char *decision_name(smart_audit_decision_e decision)
{
    switch (decision) {
    case SMART_AUDIT_NONE:
        break;
    case SMART_AUDIT_DENY:
        return "deny";
    case SMART_AUDIT_PUBLIC:
        return "public";
    case SMART_AUDIT_PERMIT:
        return "permit";
    }
    return "none";
}

static void put_request(out_t *out, const smart_audit_line_t *line)
{
    put_time(out, line->time_us);
    put_text(out, "id", line->id, SHORT);
    put_text(out, "base", line->base && !*line->base ? "/" : line->base,
             MEDIUM);
    put_text(out, "address", line->address, SHORT);
    put_text(out, "client", line->client, LONG);
    put_text(out, "subject", line->subject, LONG);
    put_text(out, "patient", line->patient, SHORT);
    put_text(out, "method", line->method, SHORT);
    put_text(out, "interaction", line->interaction, SHORT);
    put_slice(out, "operation", line->operation, MEDIUM);
    put_text(out, "type", line->type, SHORT);
}

static void put_decision(out_t *out, const smart_audit_line_t *line)
{
    put_text(out, "mode", line->report ? "report" : NULL, SHORT);
    put_text(out, "decision", decision_name(line->decision), SHORT);
    put_text(out, "reason", line->reason, SHORT);
    if (put_scope(out, "scope", line->scope)) {
        put_name(out, "constrained");
        put(out, "true", 4);
    }
    (void)put_scope(out, "needs", line->needs);
    put_text(out, "cache", line->cache, SHORT);
}

apr_size_t smart_audit_write(const smart_audit_line_t *line, char *buf)
{
    out_t out = {buf, 0};

    put(&out, "{", 1);
    put_request(&out, line);
    put_decision(&out, line);
    put_number(&out, "status", line->status ? line->status : -1);
    put_number(&out, "asked_us", line->asked_us);
    put_number(&out, "decided_us", line->decided_us);
    put_number(&out, "total_us", line->total_us);
    put(&out, "}\n", 2);
    return out.len;
}
