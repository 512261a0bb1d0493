/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_text.c: pieces are kept as slices and copied once, at the end: a
 * statement of a server may have a million bytes.
 */
#include "core/json_text.h"

#define FIRST_PIECES 64

smart_json_text_t smart_json_text(apr_pool_t *p)
{
    smart_json_text_t t = {
        apr_array_make(p, FIRST_PIECES, sizeof(smart_slice_t)), 0, true};

    return t;
}

void smart_json_text_raw(smart_json_text_t *t, smart_slice_t json)
{
    *(smart_slice_t *)apr_array_push(t->pieces) = json;
    t->len += json.len;
}

void smart_json_text_open(smart_json_text_t *t, const char *bracket)
{
    smart_json_text_raw(t, smart_slice(bracket));
    t->first = true;
}

void smart_json_text_close(smart_json_text_t *t, const char *bracket)
{
    smart_json_text_raw(t, smart_slice(bracket));
    t->first = false;
}

void smart_json_text_item(smart_json_text_t *t)
{
    if (!t->first) {
        smart_json_text_raw(t, smart_slice(","));
    }
    t->first = false;
}

void smart_json_text_name(smart_json_text_t *t, smart_slice_t name)
{
    smart_json_text_item(t);
    smart_json_text_string(t, name);
    smart_json_text_raw(t, smart_slice(":"));
}

/* RFC 8259 7: quote, backslash and control bytes have to be escaped. */
static apr_size_t put_escaped(char *to, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char unicode[] = {'\\', 'u', '0', '0'};

    if (c == '"' || c == '\\') {
        to[0] = '\\';
        to[1] = (char)c;
        return 2;
    }
    if (c >= 0x20) {
        to[0] = (char)c;
        return 1;
    }
    memcpy(to, unicode, sizeof(unicode));
    to[4] = hex[c >> 4];
    to[5] = hex[c & 15];
    return 6;
}

void smart_json_text_string(smart_json_text_t *t, smart_slice_t text)
{
    char *out = apr_palloc(t->pieces->pool, 6 * text.len + 2);
    apr_size_t len = 0, i;

    out[len++] = '"';
    for (i = 0; i < text.len; i++) {
        len += put_escaped(out + len, (unsigned char)text.ptr[i]);
    }
    out[len++] = '"';
    smart_json_text_raw(t, smart_slice_n(out, len));
}

void smart_json_text_value(smart_json_text_t *t, const smart_json_t *value)
{
    smart_slice_t text;

    if (!smart_json_write(value, t->pieces->pool, &text)) {
        text = smart_slice("null");
    }
    smart_json_text_raw(t, text);
}

smart_slice_t smart_json_text_done(const smart_json_text_t *t)
{
    char *out = apr_palloc(t->pieces->pool, t->len + 1);
    const smart_slice_t *pieces = (const smart_slice_t *)t->pieces->elts;
    apr_size_t len = 0;
    int i;

    for (i = 0; i < t->pieces->nelts; i++) {
        if (pieces[i].len) {
            memcpy(out + len, pieces[i].ptr, pieces[i].len);
            len += pieces[i].len;
        }
    }
    out[len] = '\0';
    return smart_slice_n(out, len);
}
