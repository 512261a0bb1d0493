/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lenient.c: segments, their names, and where those of the base are.
 */
#include "core/lenient.h"

#include <apr_cstr.h>

#include "core/hex.h"

/* Whether the text ends in an escape; *pbyte: what it stands for. */
static bool ends_in_escape(const char *text, apr_size_t len, char *pbyte)
{
    int high, low;

    if (len < 3 || text[len - 3] != '%') {
        return false;
    }
    high = smart_hex_digit(text[len - 2]);
    low = smart_hex_digit(text[len - 1]);
    *pbyte = (char)(high * 16 + low);
    return high >= 0 && low >= 0;
}

/* What an escape stood for may complete another one, so one pass does for all
   levels. */
smart_slice_t smart_lenient_decode(smart_slice_t raw, apr_pool_t *p)
{
    apr_size_t len = 0;
    apr_size_t i;
    char *out;
    char byte;

    if (raw.len == 0 || !memchr(raw.ptr, '%', raw.len)) {
        return raw;
    }
    out = apr_palloc(p, raw.len);
    for (i = 0; i < raw.len; i++) {
        out[len++] = raw.ptr[i];
        while (ends_in_escape(out, len, &byte)) {
            len -= 3;
            out[len++] = byte;
        }
    }
    return smart_slice_n(out, len);
}

/* ---- segments ---- */

static bool is_slash(char c)
{
    return c == '/' || c == '\\';
}

/* Take a segment, and the slash before it, off the path. False: none is left;
   a slash at the end begins none. */
static bool segment_take(smart_slice_t *rest, smart_slice_t *segment)
{
    const apr_size_t start = rest->len > 0 && is_slash(rest->ptr[0]);
    apr_size_t end = start;

    if (rest->len <= start) {
        return false;
    }
    while (end < rest->len && !is_slash(rest->ptr[end])) {
        end++;
    }
    *segment = smart_slice_n(rest->ptr + start, end - start);
    *rest = smart_slice_n(rest->ptr + end, rest->len - end);
    return true;
}

/* UTF-8 has no such bytes: some decoders take them for a slash or a dot. */
static bool is_overlong(smart_slice_t text, apr_size_t i)
{
    const unsigned char c = (unsigned char)text.ptr[i];
    const unsigned char next =
        i + 1 < text.len ? (unsigned char)text.ptr[i + 1] : 0;

    return c == 0xC0 || c == 0xC1 || (c == 0xE0 && next < 0xA0) ||
           (c == 0xF0 && next < 0x90);
}

static bool ends_name(smart_slice_t text, apr_size_t i)
{
    const unsigned char c = (unsigned char)text.ptr[i];

    return c <= ' ' || c == 0x7F || c == ';' || c == '?' || c == '#' ||
           c == '%' || is_overlong(text, i);
}

/* Empty for a segment of dots, and for one that only has parameters. */
static smart_slice_t name_of(smart_slice_t segment)
{
    apr_size_t len = 0;

    while (len < segment.len && !ends_name(segment, len)) {
        len++;
    }
    while (len > 0 && segment.ptr[len - 1] == '.') {
        len--;
    }
    return smart_slice_n(segment.ptr, len);
}

/* ---- paths ---- */

static bool has_nameless(smart_slice_t path)
{
    smart_slice_t segment;

    while (segment_take(&path, &segment)) {
        if (name_of(segment).len == 0) {
            return true;
        }
    }
    return false;
}

static bool same_name(smart_slice_t segment, smart_slice_t of_base)
{
    const smart_slice_t a = name_of(segment);
    const smart_slice_t b = name_of(of_base);

    return a.len == b.len && apr_cstr_casecmpn(a.ptr, b.ptr, a.len) == 0;
}

bool smart_lenient_below(smart_slice_t path, smart_slice_t base)
{
    const bool anywhere = has_nameless(path);
    smart_slice_t segment, wanted;

    if (!segment_take(&base, &wanted)) {
        return true;
    }
    while (segment_take(&path, &segment)) {
        if (same_name(segment, wanted)) {
            if (!segment_take(&base, &wanted)) {
                return true;
            }
        }
        else if (!anywhere) {
            return false;
        }
    }
    return false;
}
