/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lenient.c: two passes over a path, in one buffer that only gets shorter.
 */
#include "core/lenient.h"

#include <apr_cstr.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Whether the text ends in an escape; *pbyte: what it stands for. */
static bool ends_in_escape(const char *text, apr_size_t len, char *pbyte)
{
    int high, low;

    if (len < 3 || text[len - 3] != '%') {
        return false;
    }
    high = hex_digit(text[len - 2]);
    low = hex_digit(text[len - 1]);
    *pbyte = (char)(high * 16 + low);
    return high >= 0 && low >= 0;
}

/* Decode byte by byte. What an escape stood for may complete another one, so
   one pass does for all levels. */
static apr_size_t decode(smart_slice_t raw, char *out)
{
    apr_size_t len = 0;
    apr_size_t i;
    char byte;

    for (i = 0; i < raw.len; i++) {
        out[len++] = raw.ptr[i];
        while (ends_in_escape(out, len, &byte)) {
            len -= 3;
            out[len++] = byte;
        }
    }
    return len;
}

static bool is_slash(char c)
{
    return c == '/' || c == '\\';
}

static bool is_end(char c)
{
    return c == '?' || c == '#';
}

/* Take the last segment off. */
static apr_size_t parent(const char *text, apr_size_t len)
{
    while (len > 0 && text[--len] != '/') {
    }
    return len;
}

/* Append a segment, or do what it says. text and segment may be
   the same memory; the text is never behind. */
static apr_size_t add(char *text, apr_size_t len, const char *segment,
                      apr_size_t n)
{
    if (n == 0 || (n == 1 && segment[0] == '.')) {
        return len;
    }
    if (n == 2 && segment[0] == '.' && segment[1] == '.') {
        return parent(text, len);
    }
    text[len++] = '/';
    memmove(text + len, segment, n);
    return len + n;
}

/* Most paths there are: nothing in it can be read in another way. */
static bool is_plain(smart_slice_t raw)
{
    char before = '\0';
    apr_size_t i;

    for (i = 0; i < raw.len; i++) {
        const char c = raw.ptr[i];

        if (c == '%' || c == ';' || c == '\\' || is_end(c) ||
            (before == '/' && (c == '/' || c == '.'))) {
            return false;
        }
        before = c;
    }
    return raw.len == 0 || raw.ptr[0] == '/';
}

smart_slice_t smart_lenient_path(smart_slice_t raw, apr_pool_t *p)
{
    apr_size_t end, len = 0, i = 0;
    const char *text;
    char *buf;

    if (is_plain(raw)) {
        return raw;
    }
    /* One byte more before the text: a path may lack its first slash. */
    buf = apr_palloc(p, raw.len + 1);
    text = buf + 1;
    end = decode(raw, buf + 1);
    while (i < end && !is_end(text[i])) {
        const apr_size_t start = i;
        apr_size_t n;

        while (i < end && !is_slash(text[i]) && !is_end(text[i]) &&
               text[i] != ';') {
            i++;
        }
        n = i - start;
        while (i < end && !is_slash(text[i]) && !is_end(text[i])) {
            i++;
        }
        i += i < end && is_slash(text[i]);
        len = add(buf, len, text + start, n);
    }
    return smart_slice_n(buf, len);
}

bool smart_lenient_below(smart_slice_t path, smart_slice_t base)
{
    return base.len == 0 ||
           (path.len >= base.len &&
            apr_cstr_casecmpn(path.ptr, base.ptr, base.len) == 0 &&
            (path.len == base.len || path.ptr[base.len] == '/'));
}
