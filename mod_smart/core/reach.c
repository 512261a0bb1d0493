/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach.c: follows chains and reverse chains through the tables.
 */
#include "core/reach.h"

#include <apr_lib.h>

#include "core/interaction.h"

bool smart_reach_same(smart_slice_t name, const char *lower)
{
    apr_size_t n;

    for (n = 0; n < name.len; n++) {
        if (!lower[n] || apr_tolower(name.ptr[n]) != lower[n]) {
            return false;
        }
    }
    return lower[name.len] == '\0';
}

/* What stands before the first of two bytes; *prest: what follows it. */
static smart_slice_t cut(smart_slice_t s, const char *at, smart_slice_t *prest)
{
    apr_size_t n;

    for (n = 0; n < s.len && !strchr(at, s.ptr[n]); n++) {
    }
    *prest = n < s.len ? smart_slice_n(s.ptr + n + 1, s.len - n - 1)
                       : smart_slice_n(NULL, 0);
    return smart_slice_n(s.ptr, n);
}

/* Whether a type has a reference parameter of that name. */
static bool is_link(smart_fhir_e v, smart_type_t type, smart_slice_t name)
{
    const smart_fhir_param_t *param = smart_fhir_param(v, type, name);

    return param && param->kind == SMART_PARAM_REFERENCE;
}

/* One untyped hop: everything that one of these types may point to. */
static void follow(smart_fhir_e v, const smart_typeset_t *from,
                   smart_slice_t name, smart_typeset_t *pto)
{
    smart_type_t type = SMART_TYPE_NONE;

    pto->all = from->all || smart_typeset_empty(from);
    while (!pto->all && (type = smart_typeset_next(from, type)) != 0) {
        const smart_fhir_param_t *param = smart_fhir_param(v, type, name);
        const smart_type_t *target;

        if (!param || param->any_target || !param->targets) {
            pto->all = true;
            return;
        }
        for (target = param->targets; *target; target++) {
            smart_typeset_add(pto, *target);
        }
    }
}

/*
 * One step along a name: "subject.", "subject:Patient." or
 * "_has:Observation:patient:". False: the name is at its end.
 */
static bool step(smart_fhir_e v, const smart_typeset_t *from,
                 smart_slice_t *pname, smart_typeset_t *pto)
{
    smart_slice_t rest, link;
    smart_slice_t base = cut(*pname, ":.", &rest);
    smart_type_t type;

    memset(pto, 0, sizeof(*pto));
    if (smart_reach_same(base, "_has")) {
        type = smart_fhir_type(v, cut(rest, ":", &rest));
        link = cut(rest, ":", &rest);
        smart_typeset_add(pto, type); /* unknown: all */
        pto->all = pto->all || !smart_slice_is(base, "_has") ||
                   !is_link(v, type, link);
        *pname = rest;
        return true;
    }
    link = cut(*pname, ".", &rest);
    if (link.len == pname->len) {
        pto->all = smart_reach_same(base, "_filter");
        return pto->all;
    }
    if (link.len > base.len) { /* the type, or none: then all */
        type = smart_fhir_type(
            v, smart_slice_n(link.ptr + base.len + 1, link.len - base.len - 1));
        smart_typeset_add(pto, type);
    }
    else {
        follow(v, from, base, pto);
    }
    *pname = rest;
    return true;
}

static void walk(smart_fhir_e v, smart_type_t type, smart_slice_t name,
                 smart_typeset_t *reached)
{
    smart_typeset_t from = {0}, to;
    int hops;

    smart_typeset_add(&from, type);
    for (hops = 0; step(v, &from, &name, &to); hops++) {
        to.all = to.all || hops == SMART_REACH_HOPS;
        smart_typeset_unite(reached, &to);
        if (to.all) {
            return;
        }
        from = to;
    }
}

/* "_sort=-date,subject:Patient.name" */
static void walk_sort(smart_fhir_e v, smart_type_t type, smart_slice_t value,
                      smart_typeset_t *reached)
{
    while (value.len) {
        smart_slice_t item = cut(value, ",", &value);
        if (item.len && *item.ptr == '-') {
            item = smart_slice_n(item.ptr + 1, item.len - 1);
        }
        walk(v, type, item, reached);
    }
}

/* Parameters whose answers hold resources of other types than the one that is
   searched. A named query returns what somebody wrote on the server. */
static bool brings_others(smart_slice_t base)
{
    static const char *const names[] = {"_include",   "_revinclude",
                                        "_contained", "_containedtype",
                                        "_query",     "_graph"};
    apr_size_t n;

    for (n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        if (smart_reach_same(base, names[n])) {
            return true;
        }
    }
    return false;
}

bool smart_reach_paged(const smart_search_t *search)
{
    char lower[sizeof("_getpagesoffset")]; /* the longest there is */
    apr_size_t c;
    int n;

    for (n = 0; n < search->count; n++) {
        const smart_slice_t name = search->params[n].name;

        for (c = 0; c < name.len && c < sizeof(lower); c++) {
            lower[c] = (char)apr_tolower(name.ptr[c]);
        }
        if (smart_interaction_page_param(smart_slice_n(lower, c))) {
            return true;
        }
    }
    return false;
}

smart_reach_t smart_reach_search(smart_fhir_e v, smart_type_t type,
                                 const smart_search_t *search)
{
    smart_reach_t reach = {0};
    int n;

    for (n = 0; n < search->count && !reach.types.all; n++) {
        const smart_search_param_t *param = &search->params[n];
        walk(v, type, param->name, &reach.types);
        if (smart_reach_same(param->base, "_sort")) {
            walk_sort(v, type, param->value, &reach.types);
        }
    }
    for (n = 0; n < search->count && !reach.includes; n++) {
        reach.includes = brings_others(search->params[n].base);
    }
    return reach;
}
