/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan.c: one pass over JSON. The two things most bytes are in, strings and
 * names, are looked at 16 at a time, with vectors that gcc and clang have for
 * every processor.
 */
#include "core/scan.h"

#include "core/hex.h"
#include "core/utf8.h"

#define FIRST_ROOM 64 /* names; more are made room for */

typedef signed char bytes16_t __attribute__((vector_size(16)));
typedef long long words2_t __attribute__((vector_size(16)));

static bool fail(smart_scan_t *s)
{
    s->failed = true;
    s->at = s->end;
    return false;
}

void smart_scan_make(smart_scan_t *s, apr_pool_t *p)
{
    s->name_room = FIRST_ROOM;
    s->names = apr_palloc(p, FIRST_ROOM * sizeof(*s->names));
    s->p = p;
    smart_scan_begin(s, smart_slice_n("", 0));
}

void smart_scan_begin(smart_scan_t *s, smart_slice_t text)
{
    s->at = text.len ? text.ptr : "";
    s->end = s->at + text.len;
    s->failed = false;
    s->fresh = true;
    s->depth = 0;
    s->name_count = 0;
}

static inline void blanks(smart_scan_t *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' ||
                              *s->at == '\r' || *s->at == '\t')) {
        s->at++;
    }
}

/* ---- strings ---- */

static int trailing_zeros(apr_uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_clzll(word);
#else
    return __builtin_ctzll(word);
#endif
}

/* The first byte that is not plain: a quote, a backslash, a control byte, or
   one above 0x7F, which is negative here and so below 0x20 as well. */
static inline const char *not_plain(const char *at, const char *end)
{
    while (end - at >= 16) {
        bytes16_t x;
        words2_t hit;

        memcpy(&x, at, sizeof(x));
        hit = (words2_t)((x == '"') | (x == '\\') | (x < 0x20));
        if (hit[0]) {
            return at + trailing_zeros((apr_uint64_t)hit[0]) / 8;
        }
        if (hit[1]) {
            return at + 8 + trailing_zeros((apr_uint64_t)hit[1]) / 8;
        }
        at += 16;
    }
    while (at < end && *at != '"' && *at != '\\' && (signed char)*at >= 0x20) {
        at++;
    }
    return at;
}

/* The number of "uXXXX"; -1: not of that form. */
static int unit(const char *at, const char *end)
{
    int value = 0;
    int i;

    if (end - at < 5 || *at != 'u') {
        return -1;
    }
    for (i = 1; i < 5; i++) {
        const int digit = smart_hex_digit(at[i]);

        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* Bytes of the character at at, if it is beyond ASCII; 0: it is not, or no
   UTF-8. */
static int wide(const char *at, const char *end)
{
    return (unsigned char)*at < 0x80
               ? 0
               : (int)smart_utf8(at, (apr_size_t)(end - at));
}

/* Bytes of the escape that begins at at, its backslash included; 0: none. */
static int escape(const char *at, const char *end)
{
    int value;

    if (end - at < 2) {
        return 0;
    }
    if (at[1] != 'u') {
        return at[1] && strchr("\"\\/bfnrt", at[1]) ? 2 : 0;
    }
    value = unit(at + 1, end);
    if (value <= 0 || (value >= 0xDC00 && value <= 0xDFFF)) {
        return 0; /* no NUL, no second half alone */
    }
    if (value >= 0xD800 && value <= 0xDBFF) {
        value = end - at >= 12 && at[6] == '\\' ? unit(at + 7, end) : -1;
        return value >= 0xDC00 && value <= 0xDFFF ? 12 : 0;
    }
    return 6;
}

/* Past a string whose first quote is behind us. */
static inline bool string_rest(smart_scan_t *s)
{
    const char *at = s->at;

    for (;;) {
        int n;

        at = not_plain(at, s->end);
        if (at >= s->end) {
            return fail(s);
        }
        if (*at == '"') {
            s->at = at + 1;
            return true;
        }
        n = *at == '\\' ? escape(at, s->end) : wide(at, s->end);
        if (n == 0) {
            return fail(s);
        }
        at += n;
    }
}

/* ---- numbers and words ---- */

static const char *digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    return at;
}

static bool number(smart_scan_t *s)
{
    const char *at = s->at + (*s->at == '-');
    const char *next = digits(at, s->end);

    if (next == at || (*at == '0' && next != at + 1)) {
        return fail(s);
    }
    if (next < s->end && *next == '.') {
        at = next + 1;
        next = digits(at, s->end);
        if (next == at) {
            return fail(s);
        }
    }
    if (next < s->end && (*next == 'e' || *next == 'E')) {
        at = next + 1;
        at += at < s->end && (*at == '+' || *at == '-');
        next = digits(at, s->end);
        if (next == at) {
            return fail(s);
        }
    }
    s->at = next;
    return true;
}

static bool word(smart_scan_t *s, const char *text)
{
    const apr_size_t n = strlen(text);

    if ((apr_size_t)(s->end - s->at) < n || memcmp(s->at, text, n) != 0) {
        return fail(s);
    }
    s->at += n;
    return true;
}

static bool scalar(smart_scan_t *s)
{
    switch (*s->at) {
    case '"':
        s->at++;
        return string_rest(s);
    case 't':
        return word(s, "true");
    case 'f':
        return word(s, "false");
    case 'n':
        return word(s, "null");
    default: /* a digit or "-", or else number says no */
        return number(s);
    }
}

/* ---- names ---- */

static apr_uint64_t load(const char *at, apr_size_t n)
{
    apr_uint64_t out = 0;

    memcpy(&out, at, n);
    return out;
}

/* Equal for equal names; for names of up to 8 bytes only for these. */
static inline apr_uint64_t print_of(smart_slice_t name)
{
    if (name.len <= 8) {
        return load(name.ptr, name.len);
    }
    return load(name.ptr, 8) ^
           (load(name.ptr + name.len - 8, 8) * 0x9E3779B97F4A7C15u) ^ name.len;
}

static void more_names(smart_scan_t *s)
{
    smart_scan_name_t *more =
        apr_palloc(s->p, 2 * (apr_size_t)s->name_room * sizeof(*more));

    memcpy(more, s->names, (apr_size_t)s->name_count * sizeof(*more));
    s->names = more;
    s->name_room *= 2;
}

/* Remember a name of the innermost object; it must be new there. */
static inline bool name_is_new(smart_scan_t *s, smart_slice_t name)
{
    const apr_uint64_t print = print_of(name);
    const int first = s->first[s->depth - 1];
    int i;

    for (i = first; i < s->name_count; i++) {
        if (s->names[i].print == print &&
            smart_slice_equal(s->names[i].text, name)) {
            return fail(s);
        }
    }
    if (s->name_count - first >= SMART_SCAN_MAX_NAMES) {
        return fail(s);
    }
    if (s->name_count == s->name_room) {
        more_names(s);
    }
    s->names[s->name_count].print = print;
    s->names[s->name_count++].text = name;
    return true;
}

/* "name" : and on to the value */
static inline bool name_read(smart_scan_t *s, smart_slice_t *pname)
{
    const char *start;
    const char *stop;

    blanks(s);
    if (s->at >= s->end || *s->at != '"') {
        return fail(s);
    }
    start = s->at + 1;
    stop = not_plain(start, s->end);
    if (stop >= s->end || *stop != '"') {
        return fail(s);
    }
    *pname = smart_slice_n(start, (apr_size_t)(stop - start));
    if (!name_is_new(s, *pname)) {
        return false;
    }
    s->at = stop + 1;
    blanks(s);
    if (s->at >= s->end || *s->at != ':') {
        return fail(s);
    }
    s->at++;
    return true;
}

/* ---- objects and arrays ---- */

static inline bool open_one(smart_scan_t *s)
{
    if (s->depth == SMART_SCAN_MAX_DEPTH) {
        return fail(s);
    }
    s->closers[s->depth] = *s->at == '{' ? '}' : ']';
    s->first[s->depth++] = s->name_count;
    s->at++;
    s->fresh = true;
    return true;
}

static inline void close_one(smart_scan_t *s)
{
    s->at++;
    s->name_count = s->first[--s->depth];
    s->fresh = false;
}

/* To the next value of what is innermost, or past its end: *pclosed then. */
static inline bool advance(smart_scan_t *s, smart_slice_t *pname, bool *pclosed)
{
    char closer;

    if (s->depth == 0) { /* nothing was entered */
        return fail(s);
    }
    closer = s->closers[s->depth - 1];
    blanks(s);
    if (s->at < s->end && *s->at == closer) {
        close_one(s);
        *pclosed = true;
        return true;
    }
    *pclosed = false;
    if (!s->fresh) {
        if (s->at >= s->end || *s->at != ',') {
            return fail(s);
        }
        s->at++;
    }
    s->fresh = false;
    return closer == ']' || name_read(s, pname);
}

char smart_scan_peek(smart_scan_t *s)
{
    blanks(s);
    return s->failed || s->at >= s->end ? '\0' : *s->at;
}

bool smart_scan_enter(smart_scan_t *s, char open)
{
    return smart_scan_peek(s) == open && open_one(s);
}

bool smart_scan_member(smart_scan_t *s, smart_slice_t *pname)
{
    bool closed;

    return !s->failed && advance(s, pname, &closed) && !closed;
}

bool smart_scan_item(smart_scan_t *s)
{
    smart_slice_t none;
    bool closed;

    return !s->failed && advance(s, &none, &closed) && !closed;
}

bool smart_scan_skip(smart_scan_t *s, smart_slice_t *prange)
{
    const int outside = s->depth;
    smart_slice_t name;
    const char *start;
    bool closed;

    if (prange) {
        *prange = smart_slice_n(s->end, 0);
    }
    blanks(s);
    start = s->at;
    do {
        blanks(s);
        if (s->failed || s->at >= s->end) {
            return fail(s);
        }
        if (!(*s->at == '{' || *s->at == '[' ? open_one(s) : scalar(s))) {
            return false;
        }
        do { /* leave what ends here */
            closed = false;
            if (s->depth > outside && !advance(s, &name, &closed)) {
                return false;
            }
        } while (closed);
    } while (s->depth > outside);
    s->fresh = false;
    if (prange) {
        *prange = smart_slice_n(start, (apr_size_t)(s->at - start));
    }
    return true;
}

bool smart_scan_done(smart_scan_t *s)
{
    blanks(s);
    return !s->failed && s->at == s->end && s->depth == 0 && !s->fresh;
}

bool smart_scan_string(smart_slice_t range, smart_slice_t *ptext)
{
    const bool is = range.len >= 2 && *range.ptr == '"';

    *ptext =
        is ? smart_slice_n(range.ptr + 1, range.len - 2) : smart_slice_n("", 0);
    return is;
}
