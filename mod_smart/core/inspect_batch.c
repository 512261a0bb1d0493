/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect_batch.c: an entry of a batch response, judged as the answer to its
 * request.
 */
#include "core/inspect_look.h"

#include <apr_strings.h>

#include "core/outcome.h"

/* The status an entry begins with ("201 Created"); 0: none. */
static int status_of(const smart_small_t *response)
{
    const smart_slice_t text = smart_small_text(response, "status");
    int status = 0;
    int i;

    if (text.len > 3 && text.ptr[3] != ' ') {
        return 0;
    }
    for (i = 0; i < 3; i++) { /* behind a shorter text stands its quote */
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return 0;
        }
        status = status * 10 + (text.ptr[i] - '0');
    }
    return status >= 100 ? status : 0;
}

/* The entry becomes one of ours. */
static void answer(smart_look_t *look, const smart_entry_t *entry,
                   smart_reason_e reason, const char *status,
                   smart_splice_t *splice)
{
    const char *outcome = smart_outcome_body(reason, 0, look->p);
    const char *text = apr_psprintf(
        look->p, "{\"response\":{\"status\":\"%s\",\"outcome\":%.*s}}", status,
        (int)strcspn(outcome, "\n"), outcome);

    smart_look_fault(look, "an entry that is not covered");
    smart_splice_put(splice, entry->range.ptr,
                     entry->range.ptr + entry->range.len, smart_slice(text));
}

static void not_found(smart_look_t *look, const smart_entry_t *entry,
                      smart_splice_t *splice)
{
    answer(look, entry, SMART_REASON_FOREIGN, "404 Not Found", splice);
}

/* The entry stays, its resource only if it may. */
static void keep(smart_look_t *look, const smart_entry_t *entry, bool resource,
                 smart_splice_t *splice)
{
    const int i = smart_small_find(&entry->small, "resource");

    smart_look_keep_entry(look, entry, splice);
    if (i >= 0 && !resource) {
        smart_look_fault(look, "a resource that is not covered");
        smart_small_cut(&entry->small, i, splice);
    }
}

/* What is read by an entry: its resource, inspected as an answer is. */
static void judge_read(smart_look_t *look, const smart_plan_t *plan,
                       const smart_entry_t *entry, smart_splice_t *splice)
{
    const smart_slice_t range = entry->resource.range;
    smart_slice_t body;
    const smart_inspected_e is = smart_look_content(look, plan, range, &body);

    if (is == SMART_INSPECTED_NOT_FOUND) {
        not_found(look, entry, splice);
    }
    else if (is == SMART_INSPECTED_SAME) {
        keep(look, entry, true, splice);
    }
    else if (is == SMART_INSPECTED_CHANGED) {
        smart_splice_put(splice, range.ptr, range.ptr + range.len, body);
        keep(look, entry, true, splice);
    }
    else {
        answer(look, entry, SMART_REASON_BACKEND, "502 Bad Gateway", splice);
    }
}

bool smart_look_batch_entry(smart_look_t *look, const smart_plan_t *plan,
                            const smart_entry_t *entry, smart_splice_t *splice)
{
    smart_small_t response;
    int status;

    smart_look_small(look, smart_small_value(&entry->small, "response"),
                     &response);
    status = status_of(&response);
    if (entry->strange || response.strange || status == 0) {
        return false;
    }
    if ((status == 404 || status == 410) && smart_inspect_by_id(plan->kind)) {
        not_found(look, entry, splice);
    }
    else if (status >= 400) {
        keep(look, entry, entry->outcome, splice);
    }
    else if (plan->write) {
        keep(look, entry,
             entry->outcome ||
                 (entry->covered && smart_look_asked(&entry->resource, plan)),
             splice);
    }
    else if (status == 200 && entry->resource.is) {
        judge_read(look, plan, entry, splice);
    }
    else { /* something is there, and nothing to see */
        not_found(look, entry, splice);
    }
    return true;
}
