/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain.h: a question to the decision, and its answer, outside of httpd.
 *
 *   main.c     options or lines of JSON -> questions
 *   question.c words and JSON -> question
 *   answer.c   question -> grant, interaction, decision -> text or JSON
 *
 * The second user of core: what is decided here is decided by the same
 * functions, of the same parse, as in the module.
 */
#ifndef SMART_EXPLAIN_H
#define SMART_EXPLAIN_H

#include "core/compartment.h"
#include "core/decision.h"
#include "core/json.h"

#include <apr_tables.h>

typedef struct explain_question_t {
    smart_policy_t policy;
    apr_array_header_t *rules; /* const smart_rule_t *, of policy */
    apr_array_header_t *extra; /* smart_compartment_param_t, when set */
    const char *base;          /* public URL; NULL: http://localhost/fhir */
    bool has_token;
    const char *scopes;
    const char *patient; /* claims of the token; NULL: absent */
    const char *fhir_user;
    const char *method;
    const char *url;           /* below the base, with its query */
    const char *if_none_exist; /* fields; NULL: absent */
    const char *prefer;
    bool provenance;
    const char *form;     /* NULL: the request has none, or it is not known */
    const char *resource; /* JSON: is it covered? NULL: not asked */
    char letter;          /* r s c u d; 0: by what the request does */
} explain_question_t;

/** A question that nothing was said of: R4, no token, GET /. */
void explain_question_init(explain_question_t *q, apr_pool_t *p);

/**
 * Set one thing.
 * @param name "scope", "patient", "rule" ...; names of main.c's usage
 * @return what is wrong with it; NULL: nothing
 */
const char *explain_question_set(explain_question_t *q, const char *name,
                                 const char *value, apr_pool_t *p);

/**
 * Set what an object of JSON says.
 * @return what is wrong with it; NULL: nothing
 */
const char *explain_question_read(explain_question_t *q, smart_slice_t json,
                                  apr_pool_t *p);

/** The answer for people, with line ends; or as one line of JSON. */
const char *explain_answer_text(explain_question_t *q, apr_pool_t *p);
const char *explain_answer_json(explain_question_t *q, apr_pool_t *p);

/** Text as a JSON string, with its quotes; "null" for NULL. */
const char *explain_quoted(const char *text, apr_pool_t *p);

#endif
