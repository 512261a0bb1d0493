/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.c: the rows of content.h.
 */
#include "core/content.h"

#include "core/fhir.h"
#include "core/json_edit.h"

static bool is_text(const smart_json_t *value, smart_slice_t wanted)
{
    smart_slice_t text;

    return smart_json_string(value, &text) && smart_slice_equal(text, wanted);
}

static bool is_conditional(smart_slice_t name, const smart_json_t *value)
{
    smart_slice_t text;

    return smart_slice_is(name, "reference") &&
           smart_json_string(value, &text) && memchr(text.ptr, '?', text.len);
}

/* As deep as what was read can be, which is bounded. */
static bool holds_conditional(const smart_json_t *value)
{
    const smart_json_t *child;
    smart_slice_t name;
    void *cursor = NULL;
    apr_size_t i;

    switch (smart_json_kind(value)) {
    case SMART_JSON_OBJECT:
        while ((child = smart_json_next(value, &cursor, &name))) {
            if (is_conditional(name, child) || holds_conditional(child)) {
                return true;
            }
        }
        return false;
    case SMART_JSON_ARRAY:
        for (i = 0; i < smart_json_count(value); i++) {
            if (holds_conditional(smart_json_item(value, i))) {
                return true;
            }
        }
        return false;
    case SMART_JSON_ABSENT:
    case SMART_JSON_NULL:
    case SMART_JSON_BOOLEAN:
    case SMART_JSON_NUMBER:
    case SMART_JSON_STRING:
        break;
    }
    return false;
}

bool smart_content_has_id(const smart_interaction_t *i,
                          const smart_json_t *resource)
{
    return i->kind == SMART_INTERACTION_CREATE &&
           smart_json_member(resource, "id");
}

/* What is created, as it will be sent. */
static const smart_json_t *without_id(const smart_interaction_t *i,
                                      const smart_json_t *resource,
                                      apr_pool_t *p)
{
    smart_json_t *copy;

    if (!smart_content_has_id(i, resource)) {
        return resource;
    }
    copy = smart_json_copy(resource, p);
    smart_json_remove(copy, smart_slice("id"));
    return copy;
}

smart_reason_e smart_content_judge(const smart_coverage_t *c,
                                   const smart_interaction_t *i,
                                   const smart_json_t *resource, apr_pool_t *p)
{
    const bool create = i->kind == SMART_INTERACTION_CREATE;
    const char *type = smart_fhir_type_name(i->type);

    if (!type ||
        !is_text(smart_json_member(resource, "resourceType"),
                 smart_slice(type)) ||
        (!create && !is_text(smart_json_member(resource, "id"), i->id))) {
        return SMART_REASON_CONTENT;
    }
    if (holds_conditional(resource)) {
        return SMART_REASON_CONSTRUCT;
    }
    return smart_coverage_write(c, create ? SMART_LETTER_C : SMART_LETTER_U,
                                without_id(i, resource, p), p)
               ? SMART_REASON_UNDECIDED
               : SMART_REASON_FOREIGN_WRITE;
}
