/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accept.c: see accept.h.
 */
#include "core/accept.h"

#include <apr_lib.h>

#define BEST 1000u

static smart_slice_t trimmed(const char *from, apr_size_t len)
{
    while (len > 0 && apr_isspace(from[len - 1])) {
        len--;
    }
    while (len > 0 && apr_isspace(*from)) {
        from++;
        len--;
    }
    return smart_slice_n(from, len);
}

static bool is_word(smart_slice_t text, const char *word)
{
    return text.len == strlen(word) && !strncasecmp(text.ptr, word, text.len);
}

/* How exactly a range has the type: 0 not, 3 by name. */
static unsigned fit(smart_slice_t range, const char *type, const char *subtype)
{
    const char *slash = memchr(range.ptr, '/', range.len);
    smart_slice_t first;
    smart_slice_t second;

    if (!slash) {
        return 0;
    }
    first = smart_slice_n(range.ptr, (apr_size_t)(slash - range.ptr));
    second = smart_slice_n(slash + 1, range.len - first.len - 1);
    if (is_word(first, "*")) {
        return is_word(second, "*") ? 1 : 0;
    }
    if (!is_word(first, type)) {
        return 0;
    }
    return is_word(second, subtype) ? 3 : is_word(second, "*") ? 2 : 0;
}

/* "0.5": thousandths. What is no number is none. */
static unsigned thousandths(smart_slice_t text)
{
    unsigned value;
    unsigned unit = 100;
    apr_size_t i;

    if (text.len == 0 || (*text.ptr != '0' && *text.ptr != '1')) {
        return 0;
    }
    value = *text.ptr == '1' ? BEST : 0;
    if (text.len > 1 && text.ptr[1] != '.') {
        return 0;
    }
    for (i = 2; i < text.len && unit > 0; i++, unit /= 10) {
        if (!apr_isdigit(text.ptr[i])) {
            return 0;
        }
        value += (unsigned)(text.ptr[i] - '0') * unit;
    }
    return value > BEST ? BEST : value;
}

/* The q among parameters; from the first semicolon to the end of an element. */
static unsigned quality(const char *from, const char *end)
{
    while (from < end) {
        const char *next = memchr(from, ';', (apr_size_t)(end - from));
        const smart_slice_t parameter =
            trimmed(from, (apr_size_t)((next ? next : end) - from));

        if (parameter.len >= 2 && (*parameter.ptr | 0x20) == 'q' &&
            parameter.ptr[1] == '=') {
            return thousandths(
                smart_slice_n(parameter.ptr + 2, parameter.len - 2));
        }
        from = next ? next + 1 : end;
    }
    return BEST;
}

unsigned smart_accept_quality(const char *accept, const char *type,
                              const char *subtype)
{
    unsigned best_fit = 0;
    unsigned best = 0;

    if (!accept) {
        return BEST;
    }
    while (*accept) {
        const apr_size_t len = strcspn(accept, ",");
        const char *end = accept + len;
        const char *semicolon = memchr(accept, ';', len);
        const unsigned f = fit(
            trimmed(accept, semicolon ? (apr_size_t)(semicolon - accept) : len),
            type, subtype);

        if (f > best_fit) {
            best_fit = f;
            best = semicolon ? quality(semicolon + 1, end) : BEST;
        }
        accept = *end ? end + 1 : end;
    }
    return best;
}
