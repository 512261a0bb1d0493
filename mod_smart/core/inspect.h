/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect.h: what of a backend's answer a client may see. Bytes in, bytes out:
 * what passes keeps its bytes, numbers and order included.
 *
 *   read vread         the type and id asked for, covered; else NOT_FOUND
 *   history            a Bundle; entries of what was asked for that are
 *                      covered; when none is left, NOT_FOUND
 *   search page        a Bundle; entries that are covered, and OperationOutcomes
 *                      of mode outcome; total goes
 *   operation          as a search, or one covered resource
 *   create update ...  a covered resource of the type and id, else no body
 *   batch              entry by entry, each as its request would be; there are
 *                      as many as were asked for. What may not be seen is
 *                      answered with 404; of what a write answers, the
 *                      resource goes
 *   status >= 400      404 and 410 of what is looked up by id: NOT_FOUND;
 *                      else an OperationOutcome and nothing with it, or OUTCOME
 *   other 1xx 2xx 3xx  BAD
 *
 * An OperationOutcome without members that hold other resources passes where a
 * Bundle is expected, and where a write answers.
 *
 * A Bundle keeps its identification, type and links, whose URLs are of the
 * public base afterwards where they were of the backend's, as fullUrl and
 * response.location. It has nothing else: what is not known goes, so do
 * entries with an unknown member.
 *
 * Invariants:
 *   1. No byte of a resource that is not covered is in the result.
 *   2. What cannot be proved to be JSON (scan.h) is BAD; where it answers a
 *      write that was done, it is EMPTY.
 *   3. SAME means: the bytes that came. CHANGED: something else.
 *
 * Does not: look into covered resources (contained ones are theirs).
 * See FHIR R4 http.html, bundle.html.
 */
#ifndef SMART_INSPECT_H
#define SMART_INSPECT_H

#include "core/base.h"
#include "core/coverage.h"
#include "core/interaction.h"

/** What was asked for; an answer is held against it. */
typedef struct smart_plan_t {
    smart_interaction_e kind;
    smart_type_t type;      /* NONE: any */
    smart_slice_t id;       /* empty: any */
    smart_letters_t letter; /* each resource needs; 0: none is shown */
    bool write;             /* create, update, patch or delete */
    const struct smart_plan_t *entries; /* of a batch, in order */
    int entry_count;
} smart_plan_t;

/** How the backend names its base, and how clients do. */
typedef struct smart_rebase_t {
    const char *const *from; /* no trailing slash; NULL at end */
    const char *to;          /* likewise; NULL: nothing is rewritten */
} smart_rebase_t;

typedef enum {
    SMART_INSPECTED_BAD = 0,   /* not proved: 502 */
    SMART_INSPECTED_NOT_FOUND, /* our 404 */
    SMART_INSPECTED_OUTCOME,   /* our own OperationOutcome, the status stays */
    SMART_INSPECTED_EMPTY,     /* the status stays, the body goes */
    SMART_INSPECTED_SAME,
    SMART_INSPECTED_CHANGED
} smart_inspected_e;

/**
 * Inspect an answer.
 * @param c      what the client may see
 * @param plan   what was asked for
 * @param rebase NULL: nothing is rewritten
 * @param status of the answer
 * @param body   its bytes, without coding; may be empty
 * @param p      owns the result
 * @param pbody  out: what to send; body itself on SAME, empty on BAD,
 *               NOT_FOUND and EMPTY
 * @param pwhy   out: what was wrong or left out, constant text; "" on SAME
 */
smart_inspected_e smart_inspect(const smart_coverage_t *c,
                                const smart_plan_t *plan,
                                const smart_rebase_t *rebase, int status,
                                smart_slice_t body, apr_pool_t *p,
                                smart_slice_t *pbody, const char **pwhy);

/** Whether an interaction changes what is there; batches tell by entry. */
static inline bool smart_inspect_writes(smart_interaction_e kind)
{
    return kind == SMART_INTERACTION_CREATE ||
           kind == SMART_INTERACTION_UPDATE ||
           kind == SMART_INTERACTION_PATCH || kind == SMART_INTERACTION_DELETE;
}

/** Whether an interaction looks for something by its id. */
bool smart_inspect_by_id(smart_interaction_e kind);

#endif
