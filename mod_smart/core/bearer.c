/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bearer.c: one look at each byte of an Authorization field.
 */
#include "core/bearer.h"

static const char scheme[] = "bearer";

#define SCHEME_LEN (sizeof(scheme) - 1)

/* RFC 6750 2.1, without the "=" at the end. On the path of every request. */
static const bool b64token[256] = {
    ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true,
    ['-'] = true,         ['.'] = true,         ['_'] = true,
    ['~'] = true,         ['+'] = true,         ['/'] = true,
};

/* RFC 9110 5.6.2: what a longer scheme name would go on with. */
static const bool tchar[256] = {
    ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true,
    ['!'] = true,         ['#'] = true,         ['$'] = true,
    ['%'] = true,         ['&'] = true,         ['\''] = true,
    ['*'] = true,         ['+'] = true,         ['-'] = true,
    ['.'] = true,         ['^'] = true,         ['_'] = true,
    ['`'] = true,         ['|'] = true,         ['~'] = true,
};

/* Whether credentials of our scheme, good or bad, begin here. */
static bool scheme_begins(const char *s)
{
    apr_size_t i;

    /* Of all bytes only a letter and its capital become the letter by 0x20. */
    for (i = 0; i < SCHEME_LEN && (s[i] | 0x20) == scheme[i]; i++) {
    }
    return i == SCHEME_LEN && !tchar[(unsigned char)s[SCHEME_LEN]];
}

/* Whether a later element of a merged field is of our scheme. */
static bool scheme_follows(const char *field)
{
    const char *s = field;

    while ((s = strchr(s, ',')) != NULL) {
        do {
            s++;
        } while (*s == ' ' || *s == '\t');
        if (scheme_begins(s)) {
            return true;
        }
    }
    return false;
}

/* The first byte that a token does not have. Four tests to a step; none goes
   past the NUL, which fails. */
static const char *past_token(const char *at)
{
    const unsigned char *s = (const unsigned char *)at;

    while (b64token[s[0]] && b64token[s[1]] && b64token[s[2]] &&
           b64token[s[3]]) {
        s += 4;
    }
    while (b64token[*s]) {
        s++;
    }
    return (const char *)s;
}

/* What follows the scheme: 1*SP b64token, and nothing else. */
static smart_bearer_e token_read(const char *s, smart_slice_t *ptoken)
{
    const char *start;
    apr_size_t len;

    if (*s != ' ') {
        return SMART_BEARER_MALFORMED;
    }
    while (*s == ' ') {
        s++;
    }
    start = s;
    s = past_token(s);
    if (s == start) {
        return SMART_BEARER_MALFORMED;
    }
    while (*s == '=') {
        s++;
    }
    if (*s) {
        return SMART_BEARER_MALFORMED;
    }
    len = (apr_size_t)(s - start);
    if (len > SMART_MAX_TOKEN) {
        return SMART_BEARER_TOO_LONG;
    }
    *ptoken = smart_slice_n(start, len);
    return SMART_BEARER_TOKEN;
}

smart_bearer_e smart_bearer_read(const char *field, smart_slice_t *ptoken)
{
    *ptoken = smart_slice_n(NULL, 0);
    if (!field) {
        return SMART_BEARER_MISSING;
    }
    if (scheme_begins(field)) {
        return token_read(field + SCHEME_LEN, ptoken);
    }
    return scheme_follows(field) ? SMART_BEARER_MALFORMED
                                 : SMART_BEARER_MISSING;
}
