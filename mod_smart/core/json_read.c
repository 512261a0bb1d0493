/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_read.c: from a text to a tree, in one pass.
 *
 * The text is copied once, and strings are decoded where they stand in the
 * copy: decoding never makes one longer, and its closing quote leaves room
 * for the NUL. What an object or array holds is collected on a stack that all
 * share, and moved to its own list when it ends. So reading takes a few
 * allocations, however many values there are.
 *
 * Functions that read return false when there is a fault, and have said
 * which.
 */
#include "core/json_node.h"

#include <stdlib.h>

#include "core/hex.h"
#include "core/json_number.h"
#include "core/utf8.h"

#define CHUNK   128   /* nodes that are allocated at once */
#define SPARE   32768 /* values that any text may have */
#define DENSE   8     /* bytes per value beyond; resources have 18 and more */
#define FEW     16    /* names that are compared each with each */
#define STACK   256   /* values that wait at first */
#define ESCAPED '\\'

/* A tree that was read, and what it lives in. The root comes first:
 * smart_json_close gets that. */
typedef struct tree_t {
    smart_json_t root;
    apr_pool_t *pool;
} tree_t;

typedef struct reader_t {
    char *at;
    char *end; /* there is a NUL */
    int depth;
    smart_json_t *spare; /* nodes not used yet */
    int spare_count;
    apr_size_t left; /* values that may still come */
    smart_json_t **stack;
    apr_size_t height;
    apr_size_t room;
    apr_pool_t *pool;
    const char *why;
    bool range;
} reader_t;

static bool value_read(reader_t *r, smart_json_t *node);

static bool fault(reader_t *r, const char *why)
{
    r->why = why;
    return false;
}

/* What can not stand here, or the end. */
static bool misplaced(reader_t *r)
{
    return fault(r, r->at < r->end ? "not JSON" : "the JSON ends early");
}

static void blanks(reader_t *r)
{
    while (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' ||
           *r->at == '\t') {
        r->at++;
    }
}

/* ---- nodes ---- */

static smart_json_t *node_new(reader_t *r)
{
    if (r->spare_count == 0) {
        r->spare = apr_pcalloc(r->pool, CHUNK * sizeof(*r->spare));
        r->spare_count = CHUNK;
    }
    r->spare_count--;
    return r->spare++;
}

static void push(reader_t *r, smart_json_t *node)
{
    if (r->height == r->room) {
        const apr_size_t room = r->room ? r->room * 2 : STACK;
        smart_json_t **stack =
            apr_palloc(r->pool, room * sizeof(smart_json_t *));

        if (r->height) {
            memcpy(stack, r->stack, r->height * sizeof(smart_json_t *));
        }
        r->stack = stack;
        r->room = room;
    }
    r->stack[r->height++] = node;
}

/* What was pushed since becomes the content of a node. */
static void take(reader_t *r, smart_json_t *node, apr_size_t since)
{
    const apr_size_t count = r->height - since;

    node->count = (apr_uint32_t)count;
    node->room = (apr_uint32_t)count;
    if (count) {
        node->u.items = apr_palloc(r->pool, count * sizeof(smart_json_t *));
        memcpy(node->u.items, r->stack + since, count * sizeof(smart_json_t *));
    }
    r->height = since;
}

/* ---- strings ---- */

/* The four digits at s; -1: not there. The NUL at the end is no digit. */
static int hex_four(const char *s)
{
    int value = 0;
    int i;

    for (i = 0; i < 4; i++) {
        const int digit = smart_hex_digit(s[i]);

        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

static char *utf8_put(char *to, int c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
    }
    else {
        if (c < 0x10000) {
            *to++ = (char)(0xe0 | c >> 12);
        }
        else {
            *to++ = (char)(0xf0 | c >> 18);
            *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        }
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
    }
    *to++ = (char)(0x80 | (c & 0x3f));
    return to;
}

/* r->at is behind "\u". A surrogate stands with its other half. */
static bool unicode_read(reader_t *r, char **pto)
{
    int c = hex_four(r->at);
    int low;

    if (c < 0) {
        return misplaced(r);
    }
    r->at += 4;
    if (c == 0) {
        return fault(r, "a NUL in a string");
    }
    if (c >= 0xd800 && c <= 0xdfff) {
        low = r->at[0] == ESCAPED && r->at[1] == 'u' ? hex_four(r->at + 2) : -1;
        if (c > 0xdbff || low < 0xdc00 || low > 0xdfff) {
            return fault(r, "half a surrogate pair");
        }
        r->at += 6;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    *pto = utf8_put(*pto, c);
    return true;
}

/* r->at is at a backslash. */
static bool escape_read(reader_t *r, char **pto)
{
    static const char names[] = "\"\\/bfnrt";
    static const char bytes[] = "\"\\/\b\f\n\r\t";
    const char c = r->at[1];
    const char *name = c ? strchr(names, c) : NULL;

    r->at += c ? 2 : 1;
    if (c == 'u') {
        return unicode_read(r, pto);
    }
    if (!name) {
        return misplaced(r);
    }
    *(*pto)++ = bytes[name - names];
    return true;
}

/* The character at r->at, which is not ASCII. */
static bool utf8_read(reader_t *r, char **pto)
{
    const apr_size_t n = smart_utf8(r->at, (apr_size_t)(r->end - r->at));

    if (n == 0) {
        return fault(r, "not UTF-8");
    }
    memmove(*pto, r->at, n);
    *pto += n;
    r->at += n;
    return true;
}

/* Bytes that stand for themselves and end nothing. */
static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' &&
           c != ESCAPED;
}

/* r->at is at the opening quote; afterwards behind the closing one. */
static bool string_read(reader_t *r, smart_slice_t *ptext)
{
    char *const start = ++r->at;
    char *to;

    while (is_plain(*r->at)) {
        r->at++;
    }
    to = r->at;
    while (*r->at != '"') {
        if (is_plain(*r->at)) {
            *to++ = *r->at++;
        }
        else if (*r->at == ESCAPED) {
            if (!escape_read(r, &to)) {
                return false;
            }
        }
        else if ((unsigned char)*r->at < 0x80) {
            return r->at < r->end && *r->at == '\0'
                       ? fault(r, "a NUL in a string")
                       : misplaced(r);
        }
        else if (!utf8_read(r, &to)) {
            return false;
        }
    }
    r->at++;
    *to = '\0';
    *ptext = smart_slice_n(start, (apr_size_t)(to - start));
    return true;
}

/* ---- names ---- */

static int name_order(const void *left, const void *right)
{
    const smart_slice_t a = (*(smart_json_t *const *)left)->name;
    const smart_slice_t b = (*(smart_json_t *const *)right)->name;
    const apr_size_t common = a.len < b.len ? a.len : b.len;
    const int order = common ? memcmp(a.ptr, b.ptr, common) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static bool few_differ(smart_json_t *const *members, apr_size_t count)
{
    apr_size_t i;
    apr_size_t j;

    for (i = 1; i < count; i++) {
        for (j = 0; j < i; j++) {
            if (smart_slice_equal(members[i]->name, members[j]->name)) {
                return false;
            }
        }
    }
    return true;
}

static bool many_differ(smart_json_t *const *members, apr_size_t count)
{
    smart_json_t *sorted[SMART_JSON_MAX_NAMES];
    apr_size_t i;

    memcpy(sorted, members, count * sizeof(smart_json_t *));
    qsort(sorted, count, sizeof(smart_json_t *), name_order);
    for (i = 1; i < count; i++) {
        if (name_order(&sorted[i - 1], &sorted[i]) == 0) {
            return false;
        }
    }
    return true;
}

static bool names_differ(reader_t *r, const smart_json_t *object)
{
    if (object->count > SMART_JSON_MAX_NAMES) {
        return fault(r, "too many names in an object");
    }
    return (object->count <= FEW
                ? few_differ(object->u.items, object->count)
                : many_differ(object->u.items, object->count)) ||
           fault(r, "a name stands twice in an object");
}

/* ---- values ---- */

static bool member_read(reader_t *r)
{
    smart_json_t *node = node_new(r);

    if (*r->at != '"') {
        return misplaced(r);
    }
    if (!string_read(r, &node->name)) {
        return false;
    }
    blanks(r);
    if (*r->at != ':') {
        return misplaced(r);
    }
    r->at++;
    blanks(r);
    push(r, node);
    return value_read(r, node);
}

static bool item_read(reader_t *r)
{
    smart_json_t *node = node_new(r);

    push(r, node);
    return value_read(r, node);
}

/* r->at is at the bracket that opens. */
static bool children_read(reader_t *r, smart_json_t *node, char closing,
                          bool (*child_read)(reader_t *r))
{
    const apr_size_t since = r->height;

    if (++r->depth > SMART_JSON_MAX_DEPTH) {
        return fault(r, "the JSON is nested too deeply");
    }
    do {
        r->at++;
        blanks(r);
        if (*r->at == closing && r->height == since) {
            break;
        }
        if (!child_read(r)) {
            return false;
        }
        blanks(r);
    } while (*r->at == ',');
    if (*r->at != closing) {
        return misplaced(r);
    }
    r->at++;
    r->depth--;
    take(r, node, since);
    return true;
}

static bool object_read(reader_t *r, smart_json_t *node)
{
    node->kind = SMART_JSON_OBJECT;
    return children_read(r, node, '}', member_read) && names_differ(r, node);
}

static bool array_read(reader_t *r, smart_json_t *node)
{
    node->kind = SMART_JSON_ARRAY;
    return children_read(r, node, ']', item_read);
}

static bool number_read(reader_t *r, smart_json_t *node)
{
    smart_json_number_t number;
    const apr_size_t len = smart_json_number_read(
        smart_slice_n(r->at, (apr_size_t)(r->end - r->at)), &number);

    if (len == 0) {
        return misplaced(r);
    }
    if (!smart_json_number_fits(&number)) {
        r->range = true;
        return fault(r, "a number is too large");
    }
    node->kind = SMART_JSON_NUMBER;
    node->u.text = smart_slice_n(r->at, len);
    r->at += len;
    return true;
}

static bool word_read(reader_t *r, smart_json_t *node, const char *word,
                      smart_json_e kind)
{
    const apr_size_t len = strlen(word);

    if (strncmp(r->at, word, len) != 0) {
        return misplaced(r);
    }
    r->at += len;
    node->kind = (apr_byte_t)kind;
    node->yes = word[0] == 't';
    return true;
}

static bool any_read(reader_t *r, smart_json_t *node)
{
    switch (*r->at) {
    case '{':
        return object_read(r, node);
    case '[':
        return array_read(r, node);
    case '"':
        node->kind = SMART_JSON_STRING;
        return string_read(r, &node->u.text);
    case 't':
        return word_read(r, node, "true", SMART_JSON_BOOLEAN);
    case 'f':
        return word_read(r, node, "false", SMART_JSON_BOOLEAN);
    case 'n':
        return word_read(r, node, "null", SMART_JSON_NULL);
    default:
        return number_read(r, node);
    }
}

static bool value_read(reader_t *r, smart_json_t *node)
{
    if (r->left == 0) {
        return fault(r, "too many values for so short a JSON");
    }
    r->left--;
    return any_read(r, node);
}

/* ---- the text ---- */

static bool text_read(reader_t *r, smart_json_t *root)
{
    blanks(r);
    if (*r->at != '{' && *r->at != '[') {
        return misplaced(r);
    }
    if (!value_read(r, root)) {
        return false;
    }
    blanks(r);
    return r->at == r->end || fault(r, "something follows the JSON");
}

static void reader_init(reader_t *r, smart_slice_t text, apr_pool_t *pool)
{
    memset(r, 0, sizeof(*r));
    r->pool = pool;
    r->left = SPARE + text.len / DENSE;
    r->at = apr_palloc(pool, text.len + 1);
    r->end = r->at + text.len;
    memcpy(r->at, text.ptr, text.len);
    *r->end = '\0';
}

smart_json_read_e smart_json_read(smart_slice_t text, apr_pool_t *p,
                                  const smart_json_t **pjson, const char **pwhy)
{
    apr_pool_t *pool;
    tree_t *tree;
    reader_t r;

    *pjson = NULL;
    *pwhy = "";
    if (text.len == 0) {
        *pwhy = "there is no text";
        return SMART_JSON_INVALID;
    }
    apr_pool_create(&pool, p);
    tree = apr_pcalloc(pool, sizeof(*tree));
    tree->pool = pool;
    reader_init(&r, text, pool);
    if (!text_read(&r, &tree->root)) {
        *pwhy = r.why;
        apr_pool_destroy(pool);
        return r.range ? SMART_JSON_RANGE : SMART_JSON_INVALID;
    }
    *pjson = &tree->root;
    return SMART_JSON_READ;
}

void smart_json_close(const smart_json_t *json, apr_pool_t *p)
{
    if (json) {
        apr_pool_t *pool = ((const tree_t *)(const void *)json)->pool;

        SMART_ASSERT(apr_pool_parent_get(pool) == p);
        if (apr_pool_is_ancestor(p, pool)) {
            apr_pool_destroy(pool);
        }
    }
}
