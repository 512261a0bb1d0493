/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pin.c: the rows of pin.h.
 */
#include "core/pin.h"

#include <apr_lib.h>

#include "core/reach.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* A "+" of a query that is not escaped is read as a blank. */
static const char *const formats[] = {"json", "application/json", "text/json",
                                      "application/fhir+json",
                                      "application/fhir json"};
static const char *const ranges[] = {
    "*/*",       "application/*",         "application/json",
    "text/json", "application/fhir+json", "application/json+fhir"};

static smart_slice_t trimmed(smart_slice_t s)
{
    while (s.len && apr_isspace(s.ptr[0])) {
        s = smart_slice_n(s.ptr + 1, s.len - 1);
    }
    while (s.len && apr_isspace(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

/* Take off what stands before a stop byte outside quotes, and the stop. */
static smart_slice_t cut(smart_slice_t *rest, char stop)
{
    smart_slice_t before;
    bool quoted = false;
    apr_size_t n;

    for (n = 0; n < rest->len && (quoted || rest->ptr[n] != stop); n++) {
        if (rest->ptr[n] == '"') {
            quoted = !quoted;
        }
    }
    before = smart_slice_n(rest->ptr, n);
    *rest = n < rest->len ? smart_slice_n(rest->ptr + n + 1, rest->len - n - 1)
                          : smart_slice_n(NULL, 0);
    return trimmed(before);
}

static bool listed(smart_slice_t name, const char *const *list,
                   apr_size_t count)
{
    apr_size_t n;

    for (n = 0; n < count; n++) {
        if (smart_reach_same(name, list[n])) {
            return true;
        }
    }
    return false;
}

/* --- search -------------------------------------------------------------- */

static bool is_json(smart_slice_t format)
{
    smart_slice_t type = cut(&format, ';');

    return !type.len || listed(type, formats, COUNT(formats));
}

static bool is_count(const smart_search_param_t *param)
{
    return smart_reach_same(param->value, "count");
}

static bool is_taken_out(const smart_search_param_t *param)
{
    return smart_reach_same(param->base, "_elements") ||
           smart_reach_same(param->base, "_format") ||
           (smart_reach_same(param->base, "_summary") && !is_count(param));
}

bool smart_pin_search(smart_search_t *search, apr_pool_t *p)
{
    smart_search_param_t *kept =
        apr_palloc(p, ((apr_size_t)search->count + 1) * sizeof(*kept));
    bool json = true;
    int n, count = 0;

    for (n = 0; n < search->count; n++) {
        const smart_search_param_t *param = &search->params[n];

        if (smart_reach_same(param->base, "_format") &&
            !is_json(param->value)) {
            json = false;
        }
        if (!is_taken_out(param)) {
            kept[count++] = *param;
        }
    }
    if (count < search->count) {
        search->params = kept;
        search->count = count;
        search->changed = true;
    }
    return json;
}

bool smart_pin_named(const smart_search_t *search)
{
    int n;

    for (n = 0; n < search->count; n++) {
        if (smart_reach_same(search->params[n].base, "_format") &&
            search->params[n].value.len) {
            return true;
        }
    }
    return false;
}

/* --- Accept -------------------------------------------------------------- */

/* "q=0", "q=0.", "q=0.000": not at all. */
static bool is_refused(smart_slice_t params)
{
    while (params.len) {
        smart_slice_t param = cut(&params, ';');
        apr_size_t n;

        if (param.len < 3 || apr_tolower(param.ptr[0]) != 'q' ||
            param.ptr[1] != '=') {
            continue;
        }
        for (n = 2; n < param.len; n++) {
            if (param.ptr[n] != '0' && param.ptr[n] != '.') {
                return false;
            }
        }
        return true;
    }
    return false;
}

bool smart_pin_accept(const char *accept)
{
    smart_slice_t rest = trimmed(smart_slice(accept));

    if (!rest.len) {
        return true;
    }
    while (rest.len) {
        smart_slice_t range = cut(&rest, ',');
        smart_slice_t type = cut(&range, ';');

        if (listed(type, ranges, COUNT(ranges)) && !is_refused(range)) {
            return true;
        }
    }
    return false;
}
