/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.h: may this become the content of a resource? What a restricted
 * create or update brings, and what a patch results in.
 *
 *   type   the URL's
 *   id     the URL's; a create has none: FHIR has servers ignore it, but one
 *          that does not would overwrite what has that id; it is judged
 *          without the id that it may not keep
 *   inside by its subject, by a literal reference; a contained resource or a
 *          logical reference is nobody's
 *   no conditional references ("Patient?identifier=..."), anywhere: a server
 *          resolves them and so tells what is there
 *
 * Does not: judge what is there now (revision.h).
 */
#ifndef SMART_CONTENT_H
#define SMART_CONTENT_H

#include "core/base.h"
#include "core/coverage.h"
#include "core/interaction.h"
#include "core/json.h"
#include "core/reason.h"

/**
 * Judge content.
 * @param c        the grant and what else coverage needs
 * @param i        create, update or patch; of a type, the others of an id
 * @param resource whole; NULL is no content
 * @param p        scratch
 * @return SMART_REASON_UNDECIDED; CONTENT: not what the URL says; CONSTRUCT:
 *         a conditional reference; FOREIGN_WRITE: not inside
 */
smart_reason_e smart_content_judge(const smart_coverage_t *c,
                                   const smart_interaction_t *i,
                                   const smart_json_t *resource, apr_pool_t *p);

/** Whether what is created has an id, which has to be taken out. */
bool smart_content_has_id(const smart_interaction_t *i,
                          const smart_json_t *resource);

#endif
