/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scope.c: reads a scope from left to right, once, and gives up at the first
 * byte that does not fit.
 */
#include "core/scope.h"

#include <apr_strings.h>

#include "core/constraint.h"
#include "core/hex.h"
#include "core/utf8.h"

#define MAX_NAME 64u /* bytes of a parameter's name; FHIR's have up to 30 */

/* Contexts, and forms of permissions, as they are written. */
#define WRITTEN(text)                                                          \
    {                                                                          \
        text, sizeof(text) - 1                                                 \
    }

static const struct {
    smart_slice_t text;
    smart_context_e context;
} contexts[] = {
    {WRITTEN("patient/"), SMART_CONTEXT_PATIENT},
    {WRITTEN("user/"), SMART_CONTEXT_USER},
    {WRITTEN("system/"), SMART_CONTEXT_SYSTEM},
};

#define MAX_CONTEXT (sizeof("patient/") - 1)

#define READ_LETTERS  (SMART_LETTER_R | SMART_LETTER_S)
#define WRITE_LETTERS (SMART_LETTER_C | SMART_LETTER_U | SMART_LETTER_D)

static const struct {
    smart_slice_t text;
    smart_scope_form_e form;
    unsigned letters;
} words[] = {
    {WRITTEN("read"), SMART_SCOPE_READ, READ_LETTERS},
    {WRITTEN("write"), SMART_SCOPE_WRITE, WRITE_LETTERS},
    {WRITTEN("*"), SMART_SCOPE_STAR, READ_LETTERS | WRITE_LETTERS},
};

#define MAX_PERMISSION (sizeof("cruds") - 1)

/* In the order they have to have. */
static const struct {
    char name;
    smart_letters_t letter;
} letters[] = {
    {'c', SMART_LETTER_C}, {'r', SMART_LETTER_R}, {'u', SMART_LETTER_U},
    {'d', SMART_LETTER_D}, {'s', SMART_LETTER_S},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- bytes ---- */

/* RFC 6749 3.3: %x21 / %x23-5B / %x5D-7E. */
static bool scope_bytes(smart_slice_t text)
{
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        const char c = text.ptr[i];

        if (c < 0x21 || c > 0x7e || c == '"' || c == '\\') {
            return false;
        }
    }
    return true;
}

/* Take off what stands before a stop byte, and the stop. False: no stop. */
static bool cut(smart_slice_t *rest, char stop, smart_slice_t *before)
{
    const char *at = rest->len ? memchr(rest->ptr, stop, rest->len) : NULL;

    *before = *rest;
    if (!at) {
        *rest = smart_slice_n(NULL, 0);
        return false;
    }
    before->len = (apr_size_t)(at - rest->ptr);
    *rest = smart_slice_n(at + 1, rest->len - before->len - 1);
    return true;
}

/* The byte at *pi, decoded; *pi is moved on. -1: a wrong escape, or one of a
 * control byte. "+" is itself: tokens have it. */
static int decoded_next(smart_slice_t text, apr_size_t *pi)
{
    const apr_size_t i = *pi;
    int high;
    int low;

    if (text.ptr[i] != '%') {
        *pi = i + 1;
        return (unsigned char)text.ptr[i];
    }
    if (text.len - i < 3) {
        return -1;
    }
    high = smart_hex_digit(text.ptr[i + 1]);
    low = smart_hex_digit(text.ptr[i + 2]);
    *pi = i + 3;
    if (high < 0 || low < 0 || high * 16 + low < 0x20 ||
        high * 16 + low == 0x7f) {
        return -1;
    }
    return high * 16 + low;
}

/* ---- constraints ---- */

/* Whether the bytes from *pi on, decoded, are a character; *pi is moved on. */
static bool char_fits(smart_slice_t value, apr_size_t *pi)
{
    char bytes[4];
    apr_size_t size = 1;
    apr_size_t n = 0;

    do {
        const int c = *pi < value.len ? decoded_next(value, pi) : -1;

        if (c < 0) {
            return false;
        }
        bytes[n++] = (char)c;
        size = smart_utf8_size(bytes[0]);
    } while (n < size);
    return smart_utf8(bytes, n) == n;
}

/* Not empty, and UTF-8 without controls when decoded. */
static bool value_fits(smart_slice_t value)
{
    apr_size_t i = 0;

    while (i < value.len) {
        if (!char_fits(value, &i)) {
            return false;
        }
    }
    return value.len > 0;
}

/* A modifier or chain is part of the name here, and no parameter has it. */
static bool name_fits(smart_fhir_e v, smart_type_t type, smart_slice_t raw)
{
    char name[MAX_NAME];
    apr_size_t len = 0;
    apr_size_t i = 0;

    while (i < raw.len) {
        const int c = decoded_next(raw, &i);

        if (c < 0 || len == sizeof(name)) {
            return false;
        }
        name[len++] = (char)c;
    }
    return smart_constraint_judges(v, type, smart_slice_n(name, len));
}

/* Split first, decode after: an escaped "&" or "=" separates nothing. */
static bool constraint_fits(smart_fhir_e v, smart_type_t type,
                            smart_slice_t text)
{
    smart_slice_t pair;
    smart_slice_t name;
    bool more;

    do {
        more = cut(&text, '&', &pair);
        if (!cut(&pair, '=', &name) || !name_fits(v, type, name) ||
            !value_fits(pair)) {
            return false;
        }
    } while (more);
    return true;
}

/* ---- the scope ---- */

static bool context_read(smart_slice_t *rest, smart_scope_t *scope)
{
    apr_size_t i;

    for (i = 0; i < COUNT(contexts); i++) {
        const smart_slice_t text = contexts[i].text;

        if (rest->len >= text.len &&
            memcmp(rest->ptr, text.ptr, text.len) == 0) {
            scope->context = (apr_byte_t)contexts[i].context;
            *rest = smart_slice_n(rest->ptr + text.len, rest->len - text.len);
            return true;
        }
    }
    return false;
}

static bool type_read(smart_fhir_e v, smart_slice_t *rest, smart_scope_t *scope)
{
    smart_slice_t name;

    if (!cut(rest, '.', &name)) {
        return false;
    }
    scope->type =
        smart_slice_is(name, "*") ? SMART_TYPE_ANY : smart_fhir_type(v, name);
    return scope->type != SMART_TYPE_NONE;
}

static bool permission_read(smart_slice_t text, smart_scope_t *scope)
{
    apr_size_t at = 0;
    apr_size_t i;

    for (i = 0; i < COUNT(words); i++) {
        if (smart_slice_equal(text, words[i].text)) {
            scope->form = (apr_byte_t)words[i].form;
            scope->letters = (apr_byte_t)words[i].letters;
            return true;
        }
    }
    scope->form = SMART_SCOPE_LETTERS;
    for (i = 0; i < COUNT(letters) && at < text.len; i++) {
        if (text.ptr[at] == letters[i].name) {
            scope->letters = (apr_byte_t)(scope->letters | letters[i].letter);
            at++;
        }
    }
    return text.len > 0 && at == text.len;
}

/* All but the constraint; that is what is left. */
static bool head_read(smart_fhir_e v, smart_slice_t *rest, smart_scope_t *scope,
                      bool *pconstrained)
{
    smart_slice_t permission;

    if (!scope_bytes(*rest) || rest->len > APR_UINT32_MAX ||
        !context_read(rest, scope) || !type_read(v, rest, scope)) {
        return false;
    }
    *pconstrained = cut(rest, '?', &permission);
    return permission_read(permission, scope) &&
           (!*pconstrained || scope->form == SMART_SCOPE_LETTERS);
}

static bool scope_read(smart_fhir_e v, smart_slice_t text, smart_scope_t *scope)
{
    smart_slice_t rest = text;
    bool constrained;

    if (!head_read(v, &rest, scope, &constrained)) {
        return false;
    }
    if (!constrained) {
        return true;
    }
    scope->constraint_start = (apr_uint32_t)(rest.ptr - text.ptr);
    scope->constraint_len = (apr_uint32_t)rest.len;
    return constraint_fits(v, scope->type, rest);
}

/* NULL: a wrong escape. */
static const char *decoded(smart_slice_t text, apr_pool_t *p)
{
    char *out = apr_palloc(p, text.len + 1);
    apr_size_t len = 0;
    apr_size_t i = 0;

    while (i < text.len) {
        const int c = decoded_next(text, &i);

        if (c < 0) {
            return NULL;
        }
        out[len++] = (char)c;
    }
    out[len] = '\0';
    return out;
}

bool smart_scope_pair(smart_slice_t *rest, apr_pool_t *p, smart_pair_t *ppair)
{
    smart_pair_t found;
    smart_slice_t pair;
    smart_slice_t name;

    cut(rest, '&', &pair);
    if (!cut(&pair, '=', &name)) {
        return false;
    }
    found.name = decoded(name, p);
    found.value = decoded(pair, p);
    if (!found.name || !found.value) {
        return false;
    }
    *ppair = found;
    return true;
}

bool smart_scope_parse(smart_fhir_e v, smart_slice_t text,
                       smart_scope_t *pscope)
{
    memset(pscope, 0, sizeof(*pscope));
    /* Without a version even "*" is nothing: no type is known. */
    if (v != SMART_FHIR_NONE && scope_read(v, text, pscope)) {
        return true;
    }
    memset(pscope, 0, sizeof(*pscope));
    return false;
}

const char *smart_scope_unjudged(smart_fhir_e v, smart_slice_t text,
                                 apr_pool_t *p)
{
    smart_scope_t scope = {0};
    smart_slice_t rest = text;
    smart_slice_t pair;
    smart_slice_t name;
    bool more;

    if (v == SMART_FHIR_NONE || !head_read(v, &rest, &scope, &more)) {
        return NULL;
    }
    while (more) {
        more = cut(&rest, '&', &pair);
        if (!constraint_fits(v, scope.type, pair)) {
            cut(&pair, '=', &name);
            return apr_pstrmemdup(p, name.len ? name.ptr : "",
                                  name.len < MAX_NAME ? name.len : MAX_NAME);
        }
    }
    return NULL;
}

/* ---- writing ---- */

/* Bytes of a scope without constraint, and its NUL. */
#define MAX_TEXT (MAX_CONTEXT + SMART_MAX_TYPE + sizeof(".") + MAX_PERMISSION)

static char *put(char *out, smart_slice_t text)
{
    memcpy(out, text.ptr, text.len);
    return out + text.len;
}

/* "patient/Observation."; NULL: no context, or no type. */
static char *target_put(char *out, unsigned context, smart_type_t type)
{
    const char *name =
        type == SMART_TYPE_ANY ? "*" : smart_fhir_type_name(type);
    apr_size_t i;

    for (i = 0; name && i < COUNT(contexts); i++) {
        if ((unsigned)contexts[i].context == context) {
            out = put(out, contexts[i].text);
            out = put(out, smart_slice(name));
            *out++ = '.';
            return out;
        }
    }
    return NULL;
}

static char *letters_put(char *out, unsigned set)
{
    apr_size_t i;

    for (i = 0; i < COUNT(letters); i++) {
        if (set & letters[i].letter) {
            *out++ = letters[i].name;
        }
    }
    return out;
}

static char *permission_put(char *out, const smart_scope_t *scope)
{
    apr_size_t i;

    for (i = 0; i < COUNT(words); i++) {
        if ((unsigned)words[i].form == scope->form) {
            return put(out, words[i].text);
        }
    }
    return letters_put(out, scope->letters);
}

const char *smart_scope_text(const smart_scope_t *scope,
                             const char *constraints, apr_pool_t *p)
{
    char *const text =
        apr_palloc(p, MAX_TEXT + sizeof("?") + scope->constraint_len);
    char *out = target_put(text, scope->context, scope->type);

    if (!out || !scope->letters) {
        return "";
    }
    out = permission_put(out, scope);
    if (scope->constraint_len) {
        *out++ = '?';
        out = put(out, smart_slice_n(constraints + scope->constraint_start,
                                     scope->constraint_len));
    }
    *out = '\0';
    return text;
}

const char *smart_scope_wanted(smart_context_e context, smart_type_t type,
                               smart_letters_t wanted, apr_pool_t *p)
{
    char *const text = apr_palloc(p, MAX_TEXT);
    char *const target = target_put(text, (unsigned)context, type);
    char *const end = target ? letters_put(target, wanted) : NULL;

    if (end == target) {
        return "";
    }
    *end = '\0';
    return text;
}
