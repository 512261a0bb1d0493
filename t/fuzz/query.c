/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query.c: a query string is read, written, and read again; something is added
 * to it; what it reaches is looked at.
 *
 * What was written is read back as it was understood and needs no other
 * writing; it has no byte that a server could understand in another way.
 */
#include "fuzz.h"

#include "core/letters.h"
#include "core/reach.h"
#include "core/search.h"

static void same(const smart_search_t *a, const smart_search_t *b)
{
    int i;

    FUZZ_HOLDS(a->count == b->count, "as many");
    for (i = 0; i < a->count; i++) {
        const smart_search_param_t *x = &a->params[i], *y = &b->params[i];
        FUZZ_HOLDS(smart_slice_equal(x->name, y->name), "the name");
        FUZZ_HOLDS(smart_slice_equal(x->base, y->base), "its base");
        FUZZ_HOLDS(smart_slice_equal(x->modifier, y->modifier), "modifier");
        FUZZ_HOLDS(smart_slice_equal(x->chain, y->chain), "chain");
        FUZZ_HOLDS(smart_slice_equal(x->value, y->value), "the value");
    }
}

static void is_plain(const char *text)
{
    FUZZ_HOLDS(text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789"
                                 "-._~!$'()*+,:@/?%&=")] == 0,
               "no byte that has to be escaped");
    FUZZ_HOLDS(!strstr(text, "&&") && text[0] != '&', "no empty pair");
}

static void written_and_read(const smart_search_t *search, apr_pool_t *p)
{
    const char *text = smart_search_write(search, p);
    const char *why;
    smart_search_t again;

    is_plain(text);
    FUZZ_HOLDS(smart_search_parse(smart_slice(text), p, &again, &why),
               "can be read again");
    FUZZ_HOLDS(!again.changed, "is in its last form");
    same(search, &again);
    FUZZ_HOLDS(!strcmp(text, smart_search_write(&again, p)), "a fixpoint");
}

static void added(const smart_search_t *search, apr_pool_t *p)
{
    smart_search_t more = *search;

    if (more.count >= (int)SMART_MAX_PARAMS) {
        return;
    }
    smart_search_add(&more, "subject:Patient", "Patient/a&b=c;d|e,\xC3\xA9%",
                     p);
    FUZZ_HOLDS(more.count == search->count + 1 && more.changed, "one more");
    written_and_read(&more, p);
}

static bool within(const smart_typeset_t *some, const smart_typeset_t *all)
{
    int w;

    for (w = 0; w < SMART_TYPESET_WORDS && !all->all; w++) {
        if (some->words[w] & ~all->words[w]) {
            return false;
        }
    }
    return all->all || !some->all;
}

static void reached(const smart_search_t *search)
{
    static const smart_type_t TYPES[] = {SMART_TYPE_NONE, SMART_FHIR_PATIENT,
                                         SMART_FHIR_OBSERVATION};
    smart_search_t less = *search;
    size_t i;

    for (i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++) {
        smart_reach_t all = smart_reach_search(SMART_FHIR_R4, TYPES[i], search);
        smart_reach_t some;
        less.count = search->count ? search->count - 1 : 0;
        some = smart_reach_search(SMART_FHIR_R4, TYPES[i], &less);
        FUZZ_HOLDS(all.includes || !some.includes, "fewer names reach less");
        FUZZ_HOLDS(within(&some.types, &all.types),
                   "fewer names reach fewer types");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *p = fuzz_pool();
    smart_search_t search;
    smart_typeset_t types;
    const char *why;

    if (!smart_search_parse(fuzz_input(data, size), p, &search, &why)) {
        FUZZ_HOLDS(why && search.count == 0, "nothing is left of it");
        return 0;
    }
    FUZZ_HOLDS(!why && search.count <= (int)SMART_MAX_PARAMS, "bounded");
    written_and_read(&search, p);
    added(&search, p);
    reached(&search);
    smart_letters_named(SMART_FHIR_R4, &search, &types);
    return 0;
}
