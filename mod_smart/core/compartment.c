/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compartment.c: the rows of compartment.h.
 */
#include "core/compartment.h"

#include <apr_strings.h>

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))

/* About a patient as well, though HL7 left them out of some versions. */
static const smart_compartment_param_t default_extra[] = {
    {SMART_FHIR_DEVICE, "patient"},
    {SMART_FHIR_TASK, "patient"},
};

/* Who and where, what can be ordered, and what things mean. */
static const smart_type_t default_shared[] = {
    SMART_FHIR_PRACTITIONER,
    SMART_FHIR_PRACTITIONER_ROLE,
    SMART_FHIR_ORGANIZATION,
    SMART_FHIR_LOCATION,
    SMART_FHIR_MEDICATION,
    SMART_FHIR_HEALTHCARE_SERVICE,
    SMART_FHIR_ENDPOINT,
    SMART_FHIR_SUBSTANCE,
    SMART_FHIR_CODE_SYSTEM,
    SMART_FHIR_VALUE_SET,
    SMART_FHIR_CONCEPT_MAP,
    SMART_FHIR_NAMING_SYSTEM,
    SMART_FHIR_STRUCTURE_DEFINITION,
    SMART_FHIR_SEARCH_PARAMETER,
    SMART_FHIR_OPERATION_DEFINITION,
    SMART_FHIR_COMPARTMENT_DEFINITION,
    SMART_FHIR_CAPABILITY_STATEMENT,
    SMART_FHIR_IMPLEMENTATION_GUIDE,
    SMART_FHIR_QUESTIONNAIRE,
    SMART_FHIR_PLAN_DEFINITION,
    SMART_FHIR_ACTIVITY_DEFINITION,
    SMART_FHIR_LIBRARY,
    SMART_FHIR_MEASURE,
};

smart_compartment_t smart_compartment_default(void)
{
    smart_compartment_t c = {0};
    int n;

    c.mode = SMART_COMPARTMENT_FORMAL;
    c.extra = default_extra;
    c.extra_count = COUNT(default_extra);
    for (n = 0; n < COUNT(default_shared); n++) {
        smart_typeset_add(&c.shared, default_shared[n]);
    }
    return c;
}

static bool may_be_patient(const smart_fhir_param_t *param)
{
    const smart_type_t *target;

    if (!param) {
        return false;
    }
    for (target = param->targets; target && *target; target++) {
        if (*target == SMART_FHIR_PATIENT) {
            return true;
        }
    }
    return param->any_target;
}

bool smart_compartment_usable(smart_fhir_e v, smart_type_t type,
                              smart_slice_t param)
{
    const smart_fhir_param_t *known = smart_fhir_param(v, type, param);

    return may_be_patient(known) && known->path;
}

/* The first parameter added to a type, or the one of that name. */
static const char *extra_of(const smart_compartment_t *c, smart_fhir_e v,
                            smart_type_t type, const smart_slice_t *name)
{
    int n;

    for (n = 0; n < c->extra_count; n++) {
        const char *param = c->extra[n].param;

        if (c->extra[n].type == type &&
            (!name || smart_slice_is(*name, param)) &&
            smart_compartment_usable(v, type, smart_slice(param))) {
            return param;
        }
    }
    return NULL;
}

bool smart_compartment_has(const smart_compartment_t *c, smart_fhir_e v,
                           smart_type_t type)
{
    return smart_fhir_type_known(v, type) &&
           (type == SMART_FHIR_PATIENT || smart_fhir_compartment(v, type) ||
            extra_of(c, v, type, NULL));
}

bool smart_compartment_shares(const smart_compartment_t *c, smart_fhir_e v,
                              smart_type_t type)
{
    return smart_typeset_lists(&c->shared, type) &&
           smart_fhir_type_known(v, type) && !smart_compartment_has(c, v, type);
}

const char *smart_compartment_param(const smart_compartment_t *c,
                                    smart_fhir_e v, smart_type_t type)
{
    static const char *const usual[] = {"patient", "subject"};
    const char *const *inclusion = smart_fhir_compartment(v, type);
    int n;

    if (!smart_compartment_has(c, v, type)) {
        return NULL;
    }
    if (type == SMART_FHIR_PATIENT) {
        return "_id";
    }
    if (!inclusion) { /* nothing but what was added makes members of it */
        return extra_of(c, v, type, NULL);
    }
    for (n = 0; n < COUNT(usual); n++) {
        if (may_be_patient(smart_fhir_param(v, type, smart_slice(usual[n])))) {
            return usual[n];
        }
    }
    return inclusion[0];
}

bool smart_compartment_selects(const smart_compartment_t *c, smart_fhir_e v,
                               smart_type_t type, smart_slice_t name)
{
    const char *const *inclusion = smart_fhir_compartment(v, type);

    if (type == SMART_FHIR_PATIENT && smart_slice_is(name, "_id")) {
        return true;
    }
    for (; inclusion && *inclusion; inclusion++) {
        if (smart_slice_is(name, *inclusion)) {
            return true;
        }
    }
    return smart_slice_is(name, "patient") || smart_slice_is(name, "subject") ||
           extra_of(c, v, type, &name);
}

/* --- words of the configuration ------------------------------------------ */

/* A type of any version. */
static smart_type_t type_named(smart_slice_t name)
{
    static const smart_fhir_e versions[] = {SMART_FHIR_R4, SMART_FHIR_R4B,
                                            SMART_FHIR_R5};
    smart_type_t type = SMART_TYPE_NONE;
    int n;

    for (n = 0; n < COUNT(versions) && type == SMART_TYPE_NONE; n++) {
        type = smart_fhir_type(versions[n], name);
    }
    return type;
}

static bool has_sign(const char *word)
{
    return *word == '+' || *word == '-';
}

static void put(smart_typeset_t *set, smart_type_t type, bool in)
{
    const apr_uint64_t bit = (apr_uint64_t)1 << (type % 64);

    if (in) {
        set->words[type / 64] |= bit;
    }
    else {
        set->words[type / 64] &= ~bit;
    }
}

bool smart_compartment_share(const char *const *words, int count,
                             smart_typeset_t *pshared, apr_pool_t *p,
                             const char **perror)
{
    smart_typeset_t set = {0};
    int n;

    if (count > 0 && has_sign(words[0])) {
        set = *pshared;
    }
    for (n = 0; n < count; n++) {
        const char *word = words[n];
        const bool sign = has_sign(word);
        const smart_type_t type = type_named(smart_slice(word + sign));

        if (sign != has_sign(words[0])) {
            *perror = apr_psprintf(
                p, "\"%s\": either all types have a sign, or none", word);
            return false;
        }
        if (type == SMART_TYPE_NONE) {
            *perror = apr_psprintf(p, "\"%s\" is no resource type", word);
            return false;
        }
        put(&set, type, *word != '-');
    }
    *pshared = set;
    *perror = NULL;
    return true;
}

bool smart_compartment_add(const char *word, apr_pool_t *p,
                           smart_compartment_param_t *pextra,
                           const char **perror)
{
    const apr_size_t len = strcspn(word, ":");
    const smart_type_t type = type_named(smart_slice_n(word, len));

    if (type == SMART_TYPE_NONE || !word[len] || !word[len + 1]) {
        *perror = apr_psprintf(
            p, "\"%s\" is no resource type and parameter, Type:parameter",
            word);
        return false;
    }
    pextra->type = type;
    pextra->param = apr_pstrdup(p, word + len + 1);
    *perror = NULL;
    return true;
}

static const char *extra_fault(const smart_compartment_param_t *extra,
                               smart_fhir_e v, apr_pool_t *p)
{
    const char *name = smart_fhir_type_name(extra->type);

    if (!smart_fhir_type_known(v, extra->type)) {
        return apr_psprintf(p, "%s:%s: this FHIR version has no such type",
                            name, extra->param);
    }
    if (!smart_compartment_usable(v, extra->type, smart_slice(extra->param))) {
        return apr_psprintf(p,
                            "%s:%s: the type has no such reference to a "
                            "Patient in this FHIR version",
                            name, extra->param);
    }
    return NULL;
}

bool smart_compartment_check(const smart_compartment_t *c, smart_fhir_e v,
                             apr_pool_t *p, const char **perror)
{
    smart_type_t type = SMART_TYPE_NONE;
    int n;

    *perror = NULL;
    for (n = 0; c->extra != default_extra && n < c->extra_count && !*perror;
         n++) {
        *perror = extra_fault(&c->extra[n], v, p);
    }
    while (!*perror && (type = smart_typeset_next(&c->shared, type)) != 0) {
        if (!smart_fhir_type_known(v, type)) {
            *perror = apr_psprintf(p, "%s: this FHIR version has no such type",
                                   smart_fhir_type_name(type));
        }
        else if (smart_compartment_has(c, v, type)) {
            *perror = apr_psprintf(p,
                                   "%s is in the compartment of a patient, "
                                   "it can not be shared",
                                   smart_fhir_type_name(type));
        }
    }
    return !*perror;
}
