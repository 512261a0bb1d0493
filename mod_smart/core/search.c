/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search.c: one pass over a query; the table below is the whole alphabet.
 */
#include "core/search.h"

#include <apr_strings.h>

#include "core/hex.h"
#include "core/utf8.h"

/* What is done with a raw byte. Zero, for every byte not named: refused. */
typedef enum {
    BYTE_BAD = 0,
    BYTE_PLAIN,  /* stands for itself */
    BYTE_PLUS,   /* a blank */
    BYTE_ESCAPE, /* "%" */
    BYTE_LOOSE   /* stands for itself, but is sent escaped */
} byte_e;

static const unsigned char byte_of[256] = {
    ['A' ... 'Z'] = BYTE_PLAIN, ['a' ... 'z'] = BYTE_PLAIN,
    ['0' ... '9'] = BYTE_PLAIN, ['-'] = BYTE_PLAIN,
    ['.'] = BYTE_PLAIN,         ['_'] = BYTE_PLAIN,
    ['~'] = BYTE_PLAIN,         ['!'] = BYTE_PLAIN,
    ['$'] = BYTE_PLAIN,         ['\''] = BYTE_PLAIN,
    ['('] = BYTE_PLAIN,         [')'] = BYTE_PLAIN,
    ['*'] = BYTE_PLAIN,         [','] = BYTE_PLAIN,
    ['='] = BYTE_PLAIN,         [':'] = BYTE_PLAIN,
    ['@'] = BYTE_PLAIN,         ['/'] = BYTE_PLAIN,
    ['?'] = BYTE_PLAIN,         ['+'] = BYTE_PLUS,
    ['%'] = BYTE_ESCAPE,        ['|'] = BYTE_LOOSE,
    ['['] = BYTE_LOOSE,         [']'] = BYTE_LOOSE,
    ['{'] = BYTE_LOOSE,         ['}'] = BYTE_LOOSE,
    ['"'] = BYTE_LOOSE,         ['<'] = BYTE_LOOSE,
    ['>'] = BYTE_LOOSE,         ['^'] = BYTE_LOOSE,
    ['`'] = BYTE_LOOSE,         ['\\'] = BYTE_LOOSE,
};

/* One half of a pair, decoded. */
typedef struct half_t {
    smart_slice_t raw;
    smart_slice_t text;
    bool encoded; /* had an escape or "+" */
    bool loose;   /* had bytes that are sent escaped */
} half_t;

typedef struct reader_t {
    apr_pool_t *p;
    char *out; /* where the next decoded byte goes; room for all of raw */
    const char *why;
} reader_t;

/* ---- decoding ---- */

/* The byte of an escape at s, which has left bytes; -1: none, or a control. */
static int escape_read(const char *s, apr_size_t left, const char **pwhy)
{
    const int high = left > 2 ? smart_hex_digit(s[1]) : -1;
    const int low = left > 2 ? smart_hex_digit(s[2]) : -1;
    const int byte = high * 16 + low;

    if (high < 0 || low < 0) {
        *pwhy = "an incomplete or wrong escape";
        return -1;
    }
    if (byte < 0x20 || byte == 0x7F) {
        *pwhy = "an escaped control byte";
        return -1;
    }
    return byte;
}

static bool is_utf8(smart_slice_t text)
{
    apr_size_t i = 0;

    while (i < text.len) {
        const apr_size_t len = smart_utf8(text.ptr + i, text.len - i);

        if (len == 0) {
            return false;
        }
        i += len;
    }
    return true;
}

static const char *bad_byte(char c)
{
    return c == ';' ? "a semicolon; it has to be escaped"
                    : "a byte that has to be escaped";
}

/* Bytes at the beginning that stand for themselves. */
static apr_size_t plain_span(smart_slice_t raw)
{
    apr_size_t i = 0;

    while (i < raw.len && byte_of[(unsigned char)raw.ptr[i]] == BYTE_PLAIN) {
        i++;
    }
    return i;
}

/* Decode half->raw byte by byte to reader->out. */
static bool half_copy(reader_t *reader, half_t *half)
{
    const smart_slice_t raw = half->raw;
    apr_size_t i;

    for (i = 0; i < raw.len; i++) {
        int c = (unsigned char)raw.ptr[i];
        const unsigned char kind = byte_of[c];

        if (kind == BYTE_BAD) {
            reader->why = bad_byte(raw.ptr[i]);
            return false;
        }
        if (kind == BYTE_ESCAPE) {
            c = escape_read(raw.ptr + i, raw.len - i, &reader->why);
            if (c < 0) {
                return false;
            }
            i += 2;
        }
        half->encoded |= kind == BYTE_ESCAPE || kind == BYTE_PLUS;
        half->loose |= kind == BYTE_LOOSE;
        *reader->out++ = (char)(kind == BYTE_PLUS ? ' ' : c);
    }
    return true;
}

/* Most halves have nothing to decode: they stay where they are. */
static bool half_read(reader_t *reader, smart_slice_t raw, half_t *half)
{
    char *const start = reader->out;

    memset(half, 0, sizeof(*half));
    half->raw = raw;
    half->text = raw;
    if (plain_span(raw) == raw.len) {
        return true;
    }
    if (!half_copy(reader, half)) {
        return false;
    }
    half->text = smart_slice_n(start, (apr_size_t)(reader->out - start));
    if (half->encoded && !is_utf8(half->text)) {
        reader->why = "escaped bytes that are no UTF-8";
        return false;
    }
    return true;
}

/* ---- encoding ---- */

static char *escape_write(char *out, unsigned char c)
{
    static const char hex[] = "0123456789ABCDEF";

    *out++ = '%';
    *out++ = hex[c >> 4];
    *out++ = hex[c & 15];
    return out;
}

/* Write decoded text; out has 3 * text.len bytes. */
static char *text_write(char *out, smart_slice_t text)
{
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];

        if (byte_of[c] == BYTE_PLAIN && c != '=') {
            *out++ = (char)c;
        }
        else {
            out = escape_write(out, c);
        }
    }
    return out;
}

/* Write raw text, and escape what is sent escaped only. */
static char *raw_write(char *out, smart_slice_t raw)
{
    apr_size_t i;

    for (i = 0; i < raw.len; i++) {
        const unsigned char c = (unsigned char)raw.ptr[i];

        if (byte_of[c] == BYTE_LOOSE) {
            out = escape_write(out, c);
        }
        else {
            *out++ = (char)c;
        }
    }
    return out;
}

/* The pair as it is sent, when that is not as it came. */
static smart_slice_t pair_write(const half_t *name, const half_t *value,
                                bool has_value, apr_pool_t *p)
{
    char *const buf =
        apr_palloc(p, 3 * name->text.len + 3 * value->raw.len + 1);
    char *out = text_write(buf, name->text);

    if (has_value) {
        *out++ = '=';
        out = raw_write(out, value->raw);
    }
    return smart_slice_n(buf, (apr_size_t)(out - buf));
}

/* ---- names ---- */

static smart_slice_t from(smart_slice_t text, apr_size_t start)
{
    return smart_slice_n(text.ptr + start, text.len - start);
}

/* Length up to the first such byte; all of it when there is none. */
static apr_size_t span(smart_slice_t text, char stop)
{
    const char *const found = memchr(text.ptr, stop, text.len);

    return found ? (apr_size_t)(found - text.ptr) : text.len;
}

/* Length of a name's first part. */
static apr_size_t base_span(smart_slice_t name)
{
    apr_size_t i = 0;

    while (i < name.len && name.ptr[i] != ':' && name.ptr[i] != '.') {
        i++;
    }
    return i;
}

/* Parameters whose name goes on with ":" parts of their own. */
static bool colon_family(smart_slice_t base)
{
    return smart_slice_is(base, "_has") || smart_slice_is(base, "_include") ||
           smart_slice_is(base, "_revinclude");
}

static bool has_empty_link(smart_slice_t chain)
{
    for (;;) {
        const apr_size_t len = span(chain, '.');

        if (len == 0) {
            return true;
        }
        if (len == chain.len) {
            return false;
        }
        chain = from(chain, len + 1);
    }
}

/* Split the name into base, modifier and chain; false: a part is empty. */
static bool name_split(smart_search_param_t *param)
{
    const smart_slice_t name = param->name;
    smart_slice_t rest;
    apr_size_t len = base_span(name);

    param->base = smart_slice_n(name.ptr, len);
    if (len == 0) {
        return false;
    }
    if (len == name.len) {
        return true;
    }
    rest = from(name, len + 1);
    if (name.ptr[len] == ':') {
        len = colon_family(param->base) ? rest.len : span(rest, '.');
        param->modifier = smart_slice_n(rest.ptr, len);
        if (len == 0) {
            return false;
        }
        if (len == rest.len) {
            return true;
        }
        rest = from(rest, len + 1);
    }
    param->chain = rest;
    return !has_empty_link(rest);
}

/* ---- pairs ---- */

static bool pair_read(reader_t *reader, smart_slice_t raw,
                      smart_search_param_t *param, bool *pchanged)
{
    const apr_size_t len = span(raw, '=');
    const bool has_value = len < raw.len;
    half_t name, value;

    memset(param, 0, sizeof(*param));
    memset(&value, 0, sizeof(value));
    if (!half_read(reader, smart_slice_n(raw.ptr, len), &name) ||
        (has_value && !half_read(reader, from(raw, len + 1), &value))) {
        return false;
    }
    param->raw = raw;
    param->name = name.text;
    param->value = value.text;
    if (!name_split(param)) {
        reader->why = "a parameter name with an empty part";
        return false;
    }
    if (name.encoded || name.loose || value.loose) {
        param->raw = pair_write(&name, &value, has_value, reader->p);
        *pchanged |= !smart_slice_equal(param->raw, raw);
    }
    return true;
}

/* Most pairs a query can have, to allocate once. */
static apr_size_t pairs_at_most(smart_slice_t raw)
{
    apr_size_t n = 1;
    apr_size_t len;

    while (n < SMART_MAX_PARAMS && (len = span(raw, '&')) < raw.len) {
        raw = from(raw, len + 1);
        n++;
    }
    return n;
}

static bool pairs_read(reader_t *reader, smart_slice_t raw,
                       smart_search_t *search)
{
    while (raw.len > 0) {
        const apr_size_t len = span(raw, '&');
        const smart_slice_t pair = smart_slice_n(raw.ptr, len);

        search->changed |= len == 0 || len + 1 == raw.len;
        raw = from(raw, len < raw.len ? len + 1 : len);
        if (len == 0) {
            continue;
        }
        if (search->count == (int)SMART_MAX_PARAMS) {
            reader->why = "too many parameters";
            return false;
        }
        if (!pair_read(reader, pair, &search->params[search->count],
                       &search->changed)) {
            return false;
        }
        search->count++;
    }
    return true;
}

bool smart_search_parse(smart_slice_t raw, apr_pool_t *p,
                        smart_search_t *psearch, const char **pwhy)
{
    reader_t reader = {p, NULL, NULL};

    memset(psearch, 0, sizeof(*psearch));
    *pwhy = NULL;
    if (raw.len == 0) {
        return true;
    }
    reader.out = apr_palloc(p, raw.len);
    psearch->params =
        apr_palloc(p, pairs_at_most(raw) * sizeof(*psearch->params));
    if (!pairs_read(&reader, raw, psearch)) {
        memset(psearch, 0, sizeof(*psearch));
        *pwhy = reader.why;
        return false;
    }
    return true;
}

bool smart_search_add(smart_search_t *search, const char *name,
                      const char *value, apr_pool_t *p)
{
    const apr_size_t count = (apr_size_t)search->count;
    smart_search_param_t *const params =
        apr_pcalloc(p, (count + 1) * sizeof(*params));
    smart_search_param_t *const param = &params[count];
    char *const buf = apr_palloc(p, 3 * strlen(name) + 3 * strlen(value) + 1);
    char *out;

    if (count > 0) {
        memcpy(params, search->params, count * sizeof(*params));
    }
    param->name = smart_slice(name);
    param->value = smart_slice(value);
    if (!name_split(param)) {
        return false;
    }
    out = text_write(buf, param->name);
    *out++ = '=';
    out = text_write(out, param->value);
    param->raw = smart_slice_n(buf, (apr_size_t)(out - buf));
    search->params = params;
    search->count++;
    search->changed = true;
    return true;
}

const char *smart_search_write(const smart_search_t *search, apr_pool_t *p)
{
    apr_size_t size = 1;
    char *buf, *out;
    int i;

    for (i = 0; i < search->count; i++) {
        size += search->params[i].raw.len + 1;
    }
    buf = out = apr_palloc(p, size);
    for (i = 0; i < search->count; i++) {
        const smart_slice_t raw = search->params[i].raw;

        if (i > 0) {
            *out++ = '&';
        }
        memcpy(out, raw.ptr, raw.len);
        out += raw.len;
    }
    *out = '\0';
    return buf;
}
