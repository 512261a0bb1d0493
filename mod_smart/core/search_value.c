/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search_value.c: see search_value.h.
 */
#include "core/search_value.h"

bool smart_search_cut(smart_slice_t *rest, char stop, smart_slice_t *before)
{
    apr_size_t i = 0;

    while (i < rest->len && rest->ptr[i] != stop) {
        i += rest->ptr[i] == '\\' && rest->len - i > 1 ? 2 : 1;
    }
    *before = smart_slice_n(rest->ptr, i);
    if (i == rest->len) {
        *rest = smart_slice_n(NULL, 0);
        return false;
    }
    *rest = smart_slice_n(rest->ptr + i + 1, rest->len - i - 1);
    return true;
}

/* What a backslash may stand before. */
static bool is_special(char c)
{
    return c == ',' || c == '|' || c == '$' || c == '\\';
}

bool smart_search_plain(smart_slice_t escaped, apr_pool_t *p,
                        smart_slice_t *pplain)
{
    char *const plain = apr_palloc(p, escaped.len + 1);
    char *to = plain;
    apr_size_t i;

    *pplain = smart_slice_n(NULL, 0);
    for (i = 0; i < escaped.len; i++) {
        if (escaped.ptr[i] == '\\' &&
            (++i == escaped.len || !is_special(escaped.ptr[i]))) {
            return false;
        }
        *to++ = escaped.ptr[i];
    }
    *to = '\0';
    *pplain = smart_slice_n(plain, (apr_size_t)(to - plain));
    return true;
}
