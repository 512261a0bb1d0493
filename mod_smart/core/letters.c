/* SPDX-License-Identifier: Apache-2.0 */
/*
 * letters.c: the table of letters.h.
 */
#include "core/letters.h"

#include "core/operation.h"
#include "core/reach.h"

smart_need_t smart_need_type(smart_type_t type, smart_letters_t letters)
{
    smart_need_t need = {0};

    need.kind = SMART_NEED_TYPES;
    need.letters = letters;
    smart_typeset_add(&need.types, type);
    return need;
}

smart_need_t smart_need_never(smart_reason_e reason)
{
    smart_need_t need = {0};

    need.reason = reason;
    return need;
}

/* One value: a list of types. False: one of them is unknown. */
static bool list_named(smart_fhir_e v, smart_slice_t value,
                       smart_typeset_t *set)
{
    const char *s = value.len ? value.ptr : "";
    const char *end = s + value.len;

    for (;;) {
        const char *comma =
            s < end ? memchr(s, ',', (apr_size_t)(end - s)) : NULL;
        smart_slice_t item;
        smart_type_t type;

        item = smart_slice_n(s, (apr_size_t)((comma ? comma : end) - s));
        type = smart_fhir_type(v, item);
        if (type == SMART_TYPE_NONE && item.len) {
            return false;
        }
        smart_typeset_add(set, type); /* an empty item: all */
        if (!comma) {
            return true;
        }
        s = comma + 1;
    }
}

smart_named_e smart_letters_named(smart_fhir_e v, const smart_search_t *search,
                                  smart_typeset_t *ptypes)
{
    smart_typeset_t set = {0};
    int n;

    memset(ptypes, 0, sizeof(*ptypes));
    for (n = 0; n < search->count; n++) {
        const smart_search_param_t *param = &search->params[n];
        if (!smart_reach_same(param->base, "_type")) {
            continue;
        }
        if (!smart_slice_is(param->name, "_type")) {
            set.all = true;
        }
        else if (!list_named(v, param->value, &set)) {
            return SMART_NAMED_UNKNOWN;
        }
    }
    set.all = set.all || smart_typeset_empty(&set);
    *ptypes = set;
    return set.all ? SMART_NAMED_ALL : SMART_NAMED_SOME;
}

static smart_need_t system_search(smart_fhir_e v, const smart_interaction_t *i)
{
    smart_need_t need = {0};

    need.letters = SMART_LETTER_S;
    need.kind = SMART_NEED_TYPES;
    switch (smart_letters_named(v, &i->search, &need.types)) {
    case SMART_NAMED_UNKNOWN:
        return smart_need_never(SMART_REASON_INTERACTION);
    case SMART_NAMED_ALL:
        if (i->form) {
            need.kind = SMART_NEED_SOME; /* decided again with the form */
        }
        break;
    case SMART_NAMED_SOME:
        break;
    }
    return need;
}

/* The matching of a conditional write tells as much as a search. */
static smart_need_t write_of(const smart_interaction_t *i,
                             smart_letters_t letter)
{
    if (i->conditional) {
        letter |= SMART_LETTER_S;
    }
    return smart_need_type(i->type, letter);
}

smart_need_t smart_letters_needed(smart_fhir_e v, const smart_interaction_t *i)
{
    smart_need_t need = {0};

    switch (i->kind) {
    case SMART_INTERACTION_READ:
    case SMART_INTERACTION_VREAD:
    case SMART_INTERACTION_HISTORY_INSTANCE:
        return smart_need_type(i->type, SMART_LETTER_R);
    case SMART_INTERACTION_UPDATE:
    case SMART_INTERACTION_PATCH:
        return write_of(i, SMART_LETTER_U);
    case SMART_INTERACTION_DELETE:
        return write_of(i, SMART_LETTER_D);
    case SMART_INTERACTION_CREATE:
        return write_of(i, SMART_LETTER_C);
    case SMART_INTERACTION_SEARCH_COMPARTMENT:
        return smart_need_type(i->all_types ? SMART_TYPE_ANY : i->type,
                               SMART_LETTER_S);
    case SMART_INTERACTION_SEARCH_TYPE:
    case SMART_INTERACTION_HISTORY_TYPE:
        return smart_need_type(i->type, SMART_LETTER_S);
    case SMART_INTERACTION_HISTORY_SYSTEM:
        return smart_need_type(SMART_TYPE_ANY, SMART_LETTER_S);
    case SMART_INTERACTION_SEARCH_SYSTEM:
        return system_search(v, i);
    case SMART_INTERACTION_PAGE:
        need.kind = SMART_NEED_SOME;
        need.letters = SMART_LETTER_S;
        return need;
    case SMART_INTERACTION_BATCH:
    case SMART_INTERACTION_TRANSACTION:
        need.kind = SMART_NEED_SCOPE;
        return need;
    case SMART_INTERACTION_OPERATION:
        return smart_operation_needed(i);
    case SMART_INTERACTION_CAPABILITIES:
    case SMART_INTERACTION_DISCOVERY:
    case SMART_INTERACTION_UNKNOWN:
    case SMART_INTERACTION_COUNT:
        break;
    }
    return smart_need_never(SMART_REASON_INTERACTION);
}
