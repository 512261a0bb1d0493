/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patient_conf.c: the directives about whose data a token reaches, and how
 * much is looked at for it.
 *
 *   SmartFhirUser required | optional
 *   SmartPatientCompartment formal | subject | off
 *   SmartCompartmentParam <Type>:<param> ...
 *   SmartSharedTypes [+|-]<Type> ...
 *   SmartInspectLimit <bytes>[K|M|G]
 *
 * Words are read here for any FHIR version; location.c holds them against the
 * one in force.
 */
#include "httpd/directives.h"

#include <http_core.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#include "core/amount.h"
#include "core/compartment.h"

#define MIN_INSPECT ((apr_uint64_t)4096)
#define MAX_INSPECT ((apr_uint64_t)1 << 30)

static const char *begin_words(cmd_parms *cmd, void *dir, bool set,
                               const char *line, apr_array_header_t **pwords)
{
    const char *error = smart_begin(cmd, dir, set);

    *pwords = smart_words(cmd->pool, line);
    if (!error && (*pwords)->nelts == 0) {
        error = apr_pstrcat(cmd->pool, cmd->cmd->name, " is written ",
                            cmd->cmd->errmsg, NULL);
    }
    return error;
}

static const char *faulty(const cmd_parms *cmd, const char *fault)
{
    return apr_pstrcat(cmd->pool, cmd->cmd->name, ": ", fault, NULL);
}

static bool is_word(const char *word, const char *expected)
{
    return apr_cstr_casecmp(word, expected) == 0;
}

const char *smart_set_fhir_user(cmd_parms *cmd, void *dir, const char *word)
{
    smart_dir_conf_t *conf = dir;
    const char *error =
        smart_begin(cmd, conf, conf->fhir_user != SMART_FHIR_USER_CONF_UNSET);

    if (error) {
        return error;
    }
    conf->fhir_user = is_word(word, "required") ? SMART_FHIR_USER_CONF_REQUIRED
                      : is_word(word, "optional")
                          ? SMART_FHIR_USER_CONF_OPTIONAL
                          : SMART_FHIR_USER_CONF_UNSET;
    return conf->fhir_user
               ? NULL
               : smart_bad_word(cmd, word, "is neither required nor optional");
}

const char *smart_set_compartment(cmd_parms *cmd, void *dir, const char *word)
{
    smart_dir_conf_t *conf = dir;
    const char *error = smart_begin(
        cmd, conf, conf->compartment != SMART_COMPARTMENT_CONF_UNSET);

    if (error) {
        return error;
    }
    conf->compartment = is_word(word, "formal") ? SMART_COMPARTMENT_CONF_FORMAL
                        : is_word(word, "subject")
                            ? SMART_COMPARTMENT_CONF_SUBJECT
                        : is_word(word, "off") ? SMART_COMPARTMENT_CONF_OFF
                                               : SMART_COMPARTMENT_CONF_UNSET;
    return conf->compartment
               ? NULL
               : smart_bad_word(cmd, word,
                                "is neither formal, subject nor off");
}

const char *smart_set_compartment_params(cmd_parms *cmd, void *dir,
                                         const char *line)
{
    smart_dir_conf_t *conf = dir;
    apr_array_header_t *words, *params;
    const char *error =
        begin_words(cmd, conf, conf->compartment_params != NULL, line, &words);
    const char *fault;
    int i;

    if (error) {
        return error;
    }
    params = apr_array_make(cmd->pool, words->nelts,
                            sizeof(smart_compartment_param_t));
    for (i = 0; i < words->nelts; i++) {
        smart_compartment_param_t *param = apr_array_push(params);

        if (!smart_compartment_add(APR_ARRAY_IDX(words, i, const char *),
                                   cmd->pool, param, &fault)) {
            return faulty(cmd, fault);
        }
    }
    conf->compartment_params = params;
    return NULL;
}

const char *smart_set_shared_types(cmd_parms *cmd, void *dir, const char *line)
{
    smart_dir_conf_t *conf = dir;
    smart_typeset_t types = smart_compartment_default().shared;
    apr_array_header_t *words;
    const char *error =
        begin_words(cmd, conf, conf->shared_types != NULL, line, &words);
    const char *fault;

    if (error) {
        return error;
    }
    if (!smart_compartment_share((const char *const *)words->elts, words->nelts,
                                 &types, cmd->pool, &fault)) {
        return faulty(cmd, fault);
    }
    conf->shared_types = apr_pmemdup(cmd->pool, &types, sizeof(types));
    return NULL;
}

const char *smart_set_inspect_limit(cmd_parms *cmd, void *dir, const char *word)
{
    smart_dir_conf_t *conf = dir;
    const char *error = smart_begin(cmd, conf, conf->inspect_limit != 0);
    apr_uint64_t bytes;
    const char *why;

    if (error) {
        return error;
    }
    if (!smart_amount_size(word, MIN_INSPECT, MAX_INSPECT, &bytes, &why)) {
        return smart_bad_word(
            cmd, word, apr_pstrcat(cmd->pool, why, "; from 4K to 1G", NULL));
    }
    conf->inspect_limit = (apr_off_t)bytes;
    return NULL;
}
