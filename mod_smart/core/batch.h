/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch.h: a Bundle of type batch or transaction: requests in a request, each
 * decided like one of its own.
 *
 *   Bundle   = resourceType type entry* and what identifies it
 *   entry    = fullUrl? request resource?        and link, id, extension
 *   request  = method url and ifMatch, ifNoneMatch, ifModifiedSince,
 *              ifNoneExist, id, extension
 *   method   = GET / POST / PUT / PATCH / DELETE
 *   url      = what follows the base and a "/"; or absolute, on the public URL
 *
 * What is not of this form refuses the whole; so does an entry that is a batch
 * itself or a search form, and one that is denied: no byte is sent on before
 * all are decided. What is sent is what was understood, written anew, with
 * exact numbers:
 *
 *   url          relative, narrowed and pinned
 *   ifMatch      what the pre-read found, of updates and deletes
 *   ifNoneExist  narrowed
 *   ifNoneMatch, ifModifiedSince   gone from reads whose answer is inspected
 *   id           gone from what is created, if some entry is restricted: a
 *                server may take it, or replace references to it
 *   fullUrl      gone where it is neither a urn: nor the entry's own URL and
 *                some entry is restricted: a server may replace references to
 *                it, and so move what was judged
 *
 * References to a urn: of the same transaction are those to the resource an
 * entry updates, or to a new one, which is in nobody's compartment. In a batch
 * they are nothing: its entries do not know of each other.
 *
 * Under restriction a PATCH entry is refused: what it comes to can not be
 * proved here.
 *
 * Use: smart_batch_read; for each entry with .below, smart_batch_found; then
 * smart_batch_write.
 *
 * See FHIR R4 http.html, batch and transaction; bundle.html.
 */
#ifndef SMART_BATCH_H
#define SMART_BATCH_H

#include "core/base.h"
#include "core/coverage.h"
#include "core/decision.h"
#include "core/inspect.h"
#include "core/json_edit.h"
#include "core/revision.h"

#define SMART_BATCH_ENTRIES  1024 /* more are too large */
#define SMART_BATCH_PREREADS 128  /* each asks the backend once more */

typedef struct smart_batch_entry_t {
    smart_interaction_t interaction;
    smart_decision_t decision;
    const char *below; /* pre-read this, "/Type/id"; NULL: nothing */
    smart_slice_t full_url;
    smart_json_t *json;           /* the entry, as it will be sent */
    smart_json_t *request;        /* in it */
    const smart_json_t *resource; /* in it; NULL: none */
} smart_batch_entry_t;

typedef struct smart_batch_t {
    smart_interaction_e kind;  /* BATCH or TRANSACTION */
    smart_coverage_t coverage; /* with the urns of the transaction */
    smart_json_t *bundle;      /* as it will be sent */
    smart_batch_entry_t *entries;
    int count;
    bool restricted; /* some entry is */
    bool inspect;    /* the answer has to be, by the plan */
    smart_plan_t plan;
    int at;          /* entry that is looked at; of a refusal: the cause */
    const char *why; /* of a refusal: constant, for the log; may be NULL */
} smart_batch_t;

/**
 * Read and decide all entries.
 * @param c          the grant and what else coverage needs; policy->enforced
 *                   as for a request
 * @param public_url of the base, without trailing slash; NULL: none
 * @param bundle     what came
 * @param p          owns what is made
 * @param pbatch     out: the batch; of a refusal .at and .why alone
 * @return SMART_REASON_UNDECIDED: permitted as far as it can be seen here;
 *         else why the whole is refused
 */
smart_reason_e smart_batch_read(const smart_coverage_t *c,
                                const char *public_url,
                                const smart_json_t *bundle, apr_pool_t *p,
                                smart_batch_t *pbatch);

/**
 * Judge an entry by what is there.
 * @param n     entry with .below
 * @param found what was read there
 * @return as smart_batch_read
 */
smart_reason_e smart_batch_found(smart_batch_t *batch, int n,
                                 const smart_found_t *found, apr_pool_t *p);

/**
 * Write what is to be sent.
 * @param ptext out: JSON; empty on false
 */
bool smart_batch_write(const smart_batch_t *batch, apr_pool_t *p,
                       smart_slice_t *ptext);

#endif
