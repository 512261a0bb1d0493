/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference.c: see reference.h.
 */
#include "core/reference.h"

#include "core/grant_record.h"

#define DEFINITIONS "http://hl7.org/fhir/StructureDefinition/"

/* Take a prefix off, if it is there. */
static bool strip(smart_slice_t *text, const char *prefix)
{
    const apr_size_t len = strlen(prefix);

    if (text->len < len || memcmp(text->ptr, prefix, len) != 0) {
        return false;
    }
    *text = smart_slice_n(text->ptr + len, text->len - len);
    return true;
}

/* What is before the next slash, or the end; the slash goes, too. */
static smart_slice_t segment(smart_slice_t *rest)
{
    const char *slash = rest->len ? memchr(rest->ptr, '/', rest->len) : NULL;
    smart_slice_t before = *rest;

    if (!slash) {
        *rest = smart_slice_n(NULL, 0);
        return before;
    }
    before.len = (apr_size_t)(slash - rest->ptr);
    *rest = smart_slice_n(slash + 1, rest->len - before.len - 1);
    return before;
}

/* type/id[/_history/id]. No segment may be empty, so a slash more at the end
 * is found when the segments are put together again. */
static bool local_read(const smart_bases_t *b, smart_slice_t text,
                       smart_type_t *ptype, smart_slice_t *pid)
{
    smart_slice_t rest = text;
    const smart_slice_t type = segment(&rest);
    const smart_slice_t id = segment(&rest);
    const smart_slice_t history = segment(&rest);
    const smart_slice_t version = rest;
    const apr_size_t plain = type.len + 1 + id.len;

    if (!smart_grant_is_id(id)) {
        return false;
    }
    if (text.len != plain &&
        (!smart_slice_is(history, "_history") || !smart_grant_is_id(version))) {
        return false;
    }
    *ptype = smart_fhir_type(b->version, type);
    *pid = id;
    return *ptype != SMART_TYPE_NONE;
}

/* Bases may begin alike, so one after the other is tried. */
static bool absolute_read(const smart_bases_t *b, smart_slice_t text,
                          smart_type_t *ptype, smart_slice_t *pid)
{
    const char *const *url;

    for (url = b->urls; url && *url; url++) {
        smart_slice_t rest = text;

        if (strip(&rest, *url) && strip(&rest, "/") &&
            local_read(b, rest, ptype, pid)) {
            return true;
        }
    }
    return false;
}

static const smart_urn_t *urn_of(const smart_bases_t *b, smart_slice_t text)
{
    smart_slice_t rest = text;
    int i;

    /* So that no fullUrl makes one of our resources another. */
    if (!strip(&rest, "urn:")) {
        return NULL;
    }
    for (i = 0; i < b->urn_count; i++) {
        if (smart_slice_equal(b->urns[i].urn, text)) {
            return &b->urns[i];
        }
    }
    return NULL;
}

smart_points_e smart_reference_points(const smart_bases_t *b,
                                      smart_slice_t text, smart_type_t *ptype,
                                      smart_slice_t *pid)
{
    const smart_urn_t *urn = urn_of(b, text);

    *ptype = SMART_TYPE_NONE;
    *pid = smart_slice_n(NULL, 0);
    if (urn && urn->type != SMART_TYPE_NONE) {
        *ptype = urn->type;
        *pid = urn->id;
        return urn->id.len ? SMART_POINTS_LITERAL : SMART_POINTS_NEW;
    }
    if (local_read(b, text, ptype, pid) || absolute_read(b, text, ptype, pid)) {
        return SMART_POINTS_LITERAL;
    }
    *ptype = SMART_TYPE_NONE;
    *pid = smart_slice_n(NULL, 0);
    return SMART_POINTS_NOWHERE;
}

bool smart_reference_read(const smart_bases_t *b, smart_slice_t text,
                          smart_type_t *ptype, smart_slice_t *pid)
{
    return smart_reference_points(b, text, ptype, pid) == SMART_POINTS_LITERAL;
}

/* Reference.type: an uri, relative to the definitions of HL7. */
static bool type_agrees(const smart_json_t *said, smart_type_t type)
{
    smart_slice_t text;

    if (!said) {
        return true;
    }
    smart_json_string(said, &text);
    strip(&text, DEFINITIONS);
    return smart_slice_is(text, smart_fhir_type_name(type));
}

smart_points_e smart_reference_element(const smart_bases_t *b,
                                       const smart_json_t *value,
                                       smart_type_t *ptype, smart_slice_t *pid)
{
    smart_points_e points;
    smart_slice_t text;

    smart_json_string(smart_json_member(value, "reference"), &text);
    points = smart_reference_points(b, text, ptype, pid);
    if (points != SMART_POINTS_NOWHERE &&
        !type_agrees(smart_json_member(value, "type"), *ptype)) {
        *ptype = SMART_TYPE_NONE;
        *pid = smart_slice_n(NULL, 0);
        return SMART_POINTS_NOWHERE;
    }
    return points;
}
