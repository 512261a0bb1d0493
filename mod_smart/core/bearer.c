/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bearer.c: one look at the bytes of an Authorization field, sixteen at a time.
 * On the path of every request.
 */
#include "core/bearer.h"

#include "core/bytes.h"

#define SCHEME_LEN (sizeof("Bearer") - 1)

/* RFC 6750 2.1, without the "=" at the end. */
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

/* Whether credentials of our scheme, good or bad, begin here. Of all bytes only
   a letter and its capital become the letter by 0x20. */
static bool scheme_begins(const char *s, const char *end)
{
    return (apr_size_t)(end - s) >= SCHEME_LEN && (s[0] | 0x20) == 'b' &&
           (s[1] | 0x20) == 'e' && (s[2] | 0x20) == 'a' &&
           (s[3] | 0x20) == 'r' && (s[4] | 0x20) == 'e' &&
           (s[5] | 0x20) == 'r' && !tchar[(unsigned char)s[SCHEME_LEN]];
}

/* Whether a later element of a merged field is of our scheme. */
static bool scheme_follows(const char *field, const char *end)
{
    const char *s = field;

    while ((s = strchr(s, ',')) != NULL) {
        do {
            s++;
        } while (*s == ' ' || *s == '\t');
        if (scheme_begins(s, end)) {
            return true;
        }
    }
    return false;
}

/* The bytes of the table above. Those from "-" to "9" are all in it. */
static smart_bytes_t of_token(smart_bytes_t x)
{
    const smart_bytes_t lower = x | 0x20;

    return (smart_bytes_t)(((lower >= 'a') & (lower <= 'z')) |
                           ((x >= '-') & (x <= '9')) | (x == '+') | (x == '_') |
                           (x == '~'));
}

/* Whether text is bytes of the table only, and some. */
static bool is_of_token(smart_slice_t text)
{
    smart_bytes_t all;
    apr_size_t i;

    if (text.len < SMART_BYTES) {
        for (i = 0; i < text.len && b64token[(unsigned char)text.ptr[i]]; i++) {
        }
        return i > 0 && i == text.len;
    }
    /* The last sixteen, some of them for the second time. */
    all = of_token(smart_bytes_at(text.ptr + text.len - SMART_BYTES));
    for (i = 0; i < text.len - SMART_BYTES; i += SMART_BYTES) {
        all &= of_token(smart_bytes_at(text.ptr + i));
    }
    return smart_bytes_none(~all);
}

/* What follows the scheme: 1*SP b64token, and nothing else. */
static smart_bearer_e token_read(const char *s, const char *end,
                                 smart_slice_t *ptoken)
{
    const char *start = s;
    const char *equals = end;

    while (*start == ' ') {
        start++;
    }
    while (equals > start && equals[-1] == '=') {
        equals--;
    }
    if (start == s ||
        !is_of_token(smart_slice_n(start, (apr_size_t)(equals - start)))) {
        return SMART_BEARER_MALFORMED;
    }
    if ((apr_size_t)(end - start) > SMART_MAX_TOKEN) {
        return SMART_BEARER_TOO_LONG;
    }
    *ptoken = smart_slice_n(start, (apr_size_t)(end - start));
    return SMART_BEARER_TOKEN;
}

smart_bearer_e smart_bearer_read(const char *field, smart_slice_t *ptoken)
{
    const char *end;

    *ptoken = smart_slice_n(NULL, 0);
    if (!field) {
        return SMART_BEARER_MISSING;
    }
    end = field + strlen(field);
    if (scheme_begins(field, end)) {
        return token_read(field + SCHEME_LEN, end, ptoken);
    }
    return scheme_follows(field, end) ? SMART_BEARER_MALFORMED
                                      : SMART_BEARER_MISSING;
}
