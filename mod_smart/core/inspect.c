/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect.c: one answer, by its status and by what was asked for.
 */
#include "core/inspect.h"

#include "core/inspect_look.h"
#include "core/outcome.h"

bool smart_inspect_by_id(smart_interaction_e kind)
{
    return kind == SMART_INTERACTION_READ || kind == SMART_INTERACTION_VREAD ||
           kind == SMART_INTERACTION_UPDATE ||
           kind == SMART_INTERACTION_PATCH ||
           kind == SMART_INTERACTION_DELETE || smart_look_history(kind);
}

/* The whole body as one resource. */
static bool see(smart_look_t *look, smart_slice_t body, smart_seen_t *seen)
{
    smart_scan_begin(&look->small, body);
    smart_look_resource(look, &look->small, seen);
    return smart_scan_done(&look->small);
}

static smart_inspected_e bad(smart_look_t *look, const char *why)
{
    look->why = why;
    return SMART_INSPECTED_BAD;
}

static smart_inspected_e
read_answer(smart_look_t *look, const smart_plan_t *plan, smart_slice_t body)
{
    smart_seen_t seen;

    if (!see(look, body, &seen)) {
        return bad(look, "the body is not one JSON object");
    }
    return smart_look_asked(&seen, plan) &&
                   smart_look_covered(look, &seen, plan->letter)
               ? SMART_INSPECTED_SAME
               : SMART_INSPECTED_NOT_FOUND;
}

/* No Bundle where one may be expected; that it is JSON is known. */
static smart_inspected_e
other_answer(smart_look_t *look, const smart_plan_t *plan, smart_slice_t body)
{
    smart_seen_t seen;

    see(look, body, &seen);
    if (smart_look_outcome(look, &seen)) {
        return SMART_INSPECTED_SAME;
    }
    if (plan->kind != SMART_INTERACTION_OPERATION) {
        return SMART_INSPECTED_BAD;
    }
    return smart_look_covered(look, &seen, plan->letter)
               ? SMART_INSPECTED_SAME
               : SMART_INSPECTED_NOT_FOUND;
}

smart_inspected_e smart_look_content(smart_look_t *look,
                                     const smart_plan_t *plan,
                                     smart_slice_t text, smart_slice_t *pbody)
{
    smart_inspected_e answer;
    bool other;

    if (plan->kind == SMART_INTERACTION_READ ||
        plan->kind == SMART_INTERACTION_VREAD) {
        return read_answer(look, plan, text);
    }
    answer = smart_look_bundle(look, plan, text, pbody, &other);
    return other ? other_answer(look, plan, text) : answer;
}

/* What a write answers: it was done, whatever this is. */
static smart_inspected_e
write_answer(smart_look_t *look, const smart_plan_t *plan, smart_slice_t body)
{
    smart_seen_t seen;

    if (body.len == 0) {
        return SMART_INSPECTED_SAME;
    }
    if (see(look, body, &seen) &&
        (smart_look_outcome(look, &seen) ||
         (smart_look_asked(&seen, plan) &&
          smart_look_covered(look, &seen, plan->letter)))) {
        return SMART_INSPECTED_SAME;
    }
    look->why = "a resource that is not covered";
    return SMART_INSPECTED_EMPTY;
}

static smart_inspected_e error_answer(smart_look_t *look,
                                      const smart_plan_t *plan, int status,
                                      smart_slice_t body, smart_slice_t *pbody)
{
    smart_seen_t seen;

    if ((status == 404 || status == 410) && smart_inspect_by_id(plan->kind)) {
        return SMART_INSPECTED_NOT_FOUND;
    }
    if (see(look, body, &seen) && smart_look_outcome(look, &seen)) {
        return SMART_INSPECTED_SAME;
    }
    look->why = "an error that is no OperationOutcome";
    *pbody = smart_slice(smart_outcome_status(status));
    return SMART_INSPECTED_OUTCOME;
}

static smart_inspected_e judge(smart_look_t *look, const smart_plan_t *plan,
                               int status, smart_slice_t body,
                               smart_slice_t *pbody)
{
    if (status >= 400 && status < 600) {
        return error_answer(look, plan, status, body, pbody);
    }
    if (plan->write && status >= 200 && status < 300) {
        return write_answer(look, plan, body);
    }
    if (status != 200) {
        return bad(look, "the status does not say what the body is");
    }
    return smart_look_content(look, plan, body, pbody);
}

smart_inspected_e smart_inspect(const smart_coverage_t *c,
                                const smart_plan_t *plan,
                                const smart_rebase_t *rebase, int status,
                                smart_slice_t body, apr_pool_t *p,
                                smart_slice_t *pbody, const char **pwhy)
{
    smart_slice_t out = smart_slice_n("", 0);
    smart_inspected_e answer;
    smart_look_t look = {
        .c = c,
        .rebase = rebase,
        .glance = smart_glance_make(c, p),
        .p = p,
        .members = apr_palloc(p, SMART_SCAN_MAX_NAMES * sizeof(*look.members)),
        .why = "",
    };

    smart_scan_make(&look.small, p);
    smart_scan_make(&look.links, p);
    answer = judge(&look, plan, status, body, &out);
    if (answer == SMART_INSPECTED_SAME) {
        out = body;
        look.why = "";
    }
    *pbody = out;
    *pwhy = look.why;
    return answer;
}
