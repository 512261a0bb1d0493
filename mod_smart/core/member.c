/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member.c: see member.h.
 */
#include "core/member.h"

#include "core/element.h"

/* Parameters that say whom a resource is about. */
static const char *const subjects[] = {"patient", "subject", "beneficiary",
                                       "for"};

#define SUBJECTS (sizeof(subjects) / sizeof(subjects[0]))

typedef struct search_t {
    const smart_bases_t *bases;
    const smart_json_t *resource;
    smart_type_t type;
    const char *patient;
    int found; /* references to the patient */
} search_t;

/* ---- elements ---- */

static bool is_patient(const search_t *s, const smart_json_t *value)
{
    smart_type_t type;
    smart_slice_t id;

    return smart_reference_element(s->bases, value, &type, &id) ==
               SMART_POINTS_LITERAL &&
           type == SMART_FHIR_PATIENT && smart_slice_is(id, s->patient);
}

static bool see_patient(void *baton, const smart_json_t *value,
                        smart_slice_t type)
{
    const search_t *s = baton;

    return (type.len == 0 || smart_slice_is(type, "Patient")) &&
           is_patient(s, value);
}

/* Whether an element is proved to be of no interest to a parameter. */
static bool is_other_type(const search_t *s, const smart_json_t *value,
                          smart_slice_t type)
{
    smart_type_t found;
    smart_slice_t id;

    return type.len > 0 &&
           smart_reference_element(s->bases, value, &found, &id) !=
               SMART_POINTS_NOWHERE &&
           !smart_slice_is(type, smart_fhir_type_name(found));
}

/* Something that is not, or might not be, the patient. */
static bool see_another(void *baton, const smart_json_t *value,
                        smart_slice_t type)
{
    search_t *s = baton;

    if (is_patient(s, value)) {
        s->found++;
        return false;
    }
    return !is_other_type(s, value, type);
}

/* ---- parameters ---- */

static const char *path_of(const search_t *s, const char *name)
{
    const smart_fhir_param_t *param =
        smart_fhir_param(s->bases->version, s->type, smart_slice(name));

    return param ? param->path : NULL;
}

static bool refers(search_t *s, const char *name)
{
    return smart_element_any(s->resource, path_of(s, name), see_patient, s);
}

/* Whom it is about is the patient, and nobody else. */
static bool is_about(search_t *s)
{
    apr_size_t i;

    for (i = 0; i < SUBJECTS; i++) {
        if (smart_element_any(s->resource, path_of(s, subjects[i]), see_another,
                              s)) {
            return false;
        }
    }
    return s->found > 0;
}

static bool mentions_subject(search_t *s)
{
    apr_size_t i;

    for (i = 0; i < SUBJECTS; i++) {
        if (refers(s, subjects[i])) {
            return true;
        }
    }
    return false;
}

static bool mentions_formal(search_t *s)
{
    const char *const *name =
        smart_fhir_compartment(s->bases->version, s->type);

    for (; name && *name; name++) {
        if (refers(s, *name)) {
            return true;
        }
    }
    return false;
}

static bool mentions_extra(const smart_compartment_t *c, search_t *s)
{
    int n;

    for (n = 0; n < c->extra_count; n++) {
        if (c->extra[n].type == s->type &&
            smart_compartment_usable(s->bases->version, s->type,
                                     smart_slice(c->extra[n].param)) &&
            refers(s, c->extra[n].param)) {
            return true;
        }
    }
    return false;
}

static bool has_id(const search_t *s)
{
    smart_slice_t id;

    smart_json_string(smart_json_member(s->resource, "id"), &id);
    return smart_slice_is(id, s->patient);
}

bool smart_compartment_member(const smart_compartment_t *c,
                              const smart_bases_t *bases,
                              const smart_json_t *resource, smart_type_t type,
                              const char *patient, smart_purpose_e purpose)
{
    search_t s = {bases, resource, type, patient, 0};

    if (!patient || !*patient ||
        !smart_compartment_has(c, bases->version, type)) {
        return false;
    }
    if (type == SMART_FHIR_PATIENT) {
        return has_id(&s);
    }
    if (purpose == SMART_PURPOSE_WRITE && !is_about(&s)) {
        return false;
    }
    return mentions_extra(c, &s) ||
           (c->mode == SMART_COMPARTMENT_FORMAL ? mentions_formal(&s)
                                                : mentions_subject(&s));
}
