/* SPDX-License-Identifier: Apache-2.0 */
/*
 * constraint.c: takes a constraint apart, and finds for each item of a value
 * an element that matches.
 */
#include "core/constraint.h"

#include "core/element.h"
#include "core/grant_record.h"
#include "core/match_date.h"
#include "core/match_string.h"
#include "core/match_token.h"
#include "core/scope.h"
#include "core/search_value.h"

/* All types have more parameters than these, but some of them steer a search
 * instead of selecting, and others can not be judged. */
static const char *const common_params[] = {"_id", "_tag", "_security",
                                            "_profile", "_lastUpdated"};

#define COMMON_PARAMS (sizeof(common_params) / sizeof(common_params[0]))

/* Any type will do: all have them. */
#define SOME_TYPE SMART_FHIR_PATIENT

/* One item of a value, and what it is compared as. */
typedef struct item_t {
    const smart_bases_t *bases;
    smart_param_e kind;
    smart_slice_t plain; /* unescaped */
    smart_token_t token; /* of a TOKEN */
} item_t;

static bool is_common(smart_slice_t name)
{
    apr_size_t i;

    for (i = 0; i < COMMON_PARAMS; i++) {
        if (smart_slice_is(name, common_params[i])) {
            return true;
        }
    }
    return false;
}

/* NULL: a parameter that can not be judged. */
static const smart_fhir_param_t *param_of(smart_fhir_e v, smart_type_t type,
                                          smart_slice_t name)
{
    const smart_fhir_param_t *param;
    const bool common = is_common(name);

    if ((type == SMART_TYPE_ANY || (name.len && name.ptr[0] == '_')) &&
        !common) {
        return NULL;
    }
    param =
        smart_fhir_param(v, type == SMART_TYPE_ANY ? SOME_TYPE : type, name);
    if (!param || !param->path) {
        return NULL;
    }
    switch (param->kind) {
    case SMART_PARAM_TOKEN:
    case SMART_PARAM_REFERENCE:
    case SMART_PARAM_STRING:
    case SMART_PARAM_DATE:
    case SMART_PARAM_URI:
        return param;
    case SMART_PARAM_NONE:
    case SMART_PARAM_NUMBER:
    case SMART_PARAM_QUANTITY:
    case SMART_PARAM_COMPOSITE:
    case SMART_PARAM_SPECIAL:
        break;
    }
    return NULL;
}

bool smart_constraint_judges(smart_fhir_e v, smart_type_t type,
                             smart_slice_t name)
{
    return param_of(v, type, name) != NULL;
}

/* ---- one element ---- */

static bool is_text(const item_t *item, const smart_json_t *element)
{
    smart_slice_t text;

    /* What is no string is an empty one, and no item is. */
    smart_json_string(element, &text);
    return smart_slice_equal(text, item->plain);
}

static bool has_scheme(smart_slice_t url)
{
    apr_size_t i;

    for (i = 0; i + 2 < url.len; i++) {
        if (memcmp(url.ptr + i, "://", 3) == 0) {
            return i > 0;
        }
    }
    return false;
}

/* Whether a value names a version, which a reference to the current one is
 * not, or not provably. */
static bool is_versioned(smart_slice_t text)
{
    static const char part[] = "/_history/";
    apr_size_t i;

    for (i = 0; i + sizeof(part) - 1 <= text.len; i++) {
        if (memcmp(text.ptr + i, part, sizeof(part) - 1) == 0) {
            return true;
        }
    }
    return false;
}

/* type is that of a literal reference, so never NONE, which is what is wanted
 * when the item is no such reference. */
static bool literal_matches(const item_t *item, smart_type_t type,
                            smart_slice_t id)
{
    smart_type_t wanted;
    smart_slice_t wanted_id;

    if (smart_grant_is_id(item->plain)) {
        return smart_slice_equal(id, item->plain);
    }
    smart_reference_read(item->bases, item->plain, &wanted, &wanted_id);
    return !is_versioned(item->plain) && wanted == type &&
           smart_slice_equal(id, wanted_id);
}

static bool reference_matches(const item_t *item, const smart_json_t *element,
                              smart_slice_t only)
{
    smart_type_t type;
    smart_slice_t id;

    if (smart_reference_element(item->bases, element, &type, &id) ==
        SMART_POINTS_LITERAL) {
        return (only.len == 0 ||
                smart_slice_is(only, smart_fhir_type_name(type))) &&
               literal_matches(item, type, id);
    }
    /* Another server's, or a canonical. Its type is not proved. */
    return only.len == 0 && has_scheme(item->plain) &&
           (is_text(item, element) ||
            (!smart_json_member(element, "type") &&
             is_text(item, smart_json_member(element, "reference"))));
}

static bool see(void *baton, const smart_json_t *element, smart_slice_t type)
{
    const item_t *item = baton;

    switch (item->kind) {
    case SMART_PARAM_TOKEN:
        return smart_match_token(&item->token, element);
    case SMART_PARAM_REFERENCE:
        return reference_matches(item, element, type);
    case SMART_PARAM_STRING:
        return smart_match_string(item->plain, element);
    case SMART_PARAM_DATE:
        return smart_match_date(item->plain, element);
    case SMART_PARAM_URI:
        return is_text(item, element);
    case SMART_PARAM_NONE:
    case SMART_PARAM_NUMBER:
    case SMART_PARAM_QUANTITY:
    case SMART_PARAM_COMPOSITE:
    case SMART_PARAM_SPECIAL:
        break;
    }
    return false;
}

/* ---- pairs ---- */

static bool item_read(item_t *item, smart_slice_t escaped, apr_pool_t *p)
{
    if (escaped.len == 0 || !smart_search_plain(escaped, p, &item->plain)) {
        return false;
    }
    return item->kind != SMART_PARAM_TOKEN ||
           smart_token_read(escaped, p, &item->token);
}

/* One item is enough, but all have to be well-formed. */
static bool pair_holds(const smart_bases_t *b, smart_type_t type,
                       const smart_pair_t *pair, const smart_json_t *resource,
                       apr_pool_t *p)
{
    const smart_fhir_param_t *param =
        param_of(b->version, type, smart_slice(pair->name));
    smart_slice_t rest = smart_slice(pair->value);
    smart_slice_t escaped;
    item_t item = {
        b, SMART_PARAM_NONE, {NULL, 0}, {false, {NULL, 0}, {NULL, 0}}};
    bool found = false;
    bool more;

    if (!param) {
        return false;
    }
    item.kind = param->kind;
    do {
        more = smart_search_cut(&rest, ',', &escaped);
        if (!item_read(&item, escaped, p)) {
            return false;
        }
        found = found || smart_element_any(resource, param->path, see, &item);
    } while (more);
    return found;
}

bool smart_constraint_holds(const smart_bases_t *b, smart_type_t type,
                            smart_slice_t constraint,
                            const smart_json_t *resource, apr_pool_t *p)
{
    smart_slice_t rest = constraint;
    smart_pair_t pair;

    if (rest.len == 0 || rest.ptr[rest.len - 1] == '&') {
        return false;
    }
    while (rest.len > 0) {
        if (!smart_scope_pair(&rest, p, &pair) ||
            !pair_holds(b, type, &pair, resource, p)) {
            return false;
        }
    }
    return true;
}
