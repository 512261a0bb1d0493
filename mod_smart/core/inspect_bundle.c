/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect_bundle.c: Bundles, member by member and entry by entry. Everything
 * is passed over once; what goes is cut out at the end.
 */
#include "core/inspect_look.h"

/* What is known of a Bundle on the way through it. */
typedef struct bundle_t {
    const smart_plan_t *plan;
    smart_splice_t splice;
    smart_slice_t resource; /* resourceType */
    smart_slice_t type;
    int entries; /* that stay */
    bool fault;  /* something that no Bundle has */
} bundle_t;

static bool is_batch(const smart_plan_t *plan)
{
    return plan->kind == SMART_INTERACTION_BATCH ||
           plan->kind == SMART_INTERACTION_TRANSACTION;
}

/* Members that identify a Bundle; others are judged, or go. */
static bool stays(smart_slice_t name)
{
    static const char *const names[] = {
        "resourceType",   "id",         "meta",     "implicitRules",
        "_implicitRules", "identifier", "language", "_language",
        "type",           "_type",      "link",     "timestamp",
        "_timestamp"};
    int i;

    for (i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++) {
        if (smart_slice_is(name, names[i])) {
            return true;
        }
    }
    return false;
}

/* ---- entries ---- */

static bool is_mode_outcome(smart_look_t *look, const smart_entry_t *entry)
{
    smart_small_t search;

    smart_look_small(look, smart_small_value(&entry->small, "search"), &search);
    return smart_slice_is(smart_small_text(&search, "mode"), "outcome");
}

/* Whether what an entry says of its response can be looked into. */
static bool has_clear_response(smart_look_t *look, const smart_entry_t *entry)
{
    const smart_slice_t text = smart_small_value(&entry->small, "response");
    smart_small_t response;

    smart_look_small(look, text, &response);
    return text.len == 0 || !response.strange;
}

/* Whether an entry of a list stays. */
static bool shows(smart_look_t *look, const smart_plan_t *plan,
                  const smart_entry_t *entry)
{
    if (entry->strange || !has_clear_response(look, entry)) {
        return false;
    }
    if (smart_look_history(plan->kind)) {
        return entry->covered && smart_look_asked(&entry->resource, plan);
    }
    return entry->covered || (entry->outcome && is_mode_outcome(look, entry));
}

static void list_entry(smart_look_t *look, bundle_t *bundle,
                       const smart_entry_t *entry, smart_list_t *list)
{
    const char *start = entry->range.ptr;
    const char *stop = start + entry->range.len;

    if (shows(look, bundle->plan, entry)) {
        smart_list_keep(list, start, stop);
        smart_look_keep_entry(look, entry, &bundle->splice);
    }
    else {
        smart_look_fault(look, "entries that are not covered");
        smart_list_drop(list, stop);
    }
}

static bool batch_entry(smart_look_t *look, bundle_t *bundle, int i,
                        const smart_entry_t *entry, smart_list_t *list)
{
    const char *start = entry->range.ptr;

    if (i >= bundle->plan->entry_count) {
        return false;
    }
    smart_list_keep(list, start, start + entry->range.len);
    return smart_look_batch_entry(look, &bundle->plan->entries[i], entry,
                                  &bundle->splice);
}

/* The letter the resource of an entry needs. */
static smart_letters_t letter_of(const smart_plan_t *plan, int i)
{
    if (!is_batch(plan)) {
        return plan->letter;
    }
    return i < plan->entry_count ? plan->entries[i].letter : 0;
}

static void entries(smart_look_t *look, bundle_t *bundle, smart_scan_t *scan)
{
    smart_entry_t entry;
    smart_list_t list;
    int n = 0;

    if (!smart_scan_enter(scan, '[')) {
        bundle->fault = true;
        smart_scan_skip(scan, NULL);
        return;
    }
    smart_list_begin(&list, &bundle->splice, scan->at);
    while (smart_scan_item(scan)) {
        smart_look_entry(look, scan, letter_of(bundle->plan, n), &entry);
        if (!is_batch(bundle->plan)) {
            list_entry(look, bundle, &entry, &list);
        }
        else if (!batch_entry(look, bundle, n, &entry, &list)) {
            bundle->fault = true;
        }
        n++;
    }
    smart_list_end(&list);
    bundle->entries = list.kept;
}

/* ---- members ---- */

/* R5: what was wrong with the search. */
static bool issues(smart_look_t *look, smart_scan_t *scan)
{
    smart_seen_t seen;

    smart_look_resource(look, scan, &seen);
    return smart_look_outcome(look, &seen);
}

static bool simple(smart_look_t *look, bundle_t *bundle, smart_scan_t *scan,
                   smart_slice_t name)
{
    smart_slice_t value;

    smart_scan_skip(scan, &value);
    if (smart_slice_is(name, "resourceType")) {
        smart_scan_string(value, &bundle->resource);
    }
    else if (smart_slice_is(name, "type")) {
        smart_scan_string(value, &bundle->type);
    }
    else if (smart_slice_is(name, "link")) {
        smart_look_rebase_links(look, value, &bundle->splice);
    }
    return stays(name);
}

/* Whether a member stays. */
static bool member(smart_look_t *look, bundle_t *bundle, smart_scan_t *scan,
                   smart_slice_t name)
{
    if (smart_slice_is(name, "entry")) {
        entries(look, bundle, scan);
        return bundle->entries > 0;
    }
    if (smart_slice_is(name, "issues")) {
        return issues(look, scan);
    }
    return simple(look, bundle, scan, name);
}

/* ---- the whole ---- */

/* Whether it is of a type that answers what was asked. In a batch response
   entries without a resource stay, so nothing else may pass for one. */
static bool type_fits(const smart_plan_t *plan, smart_slice_t type)
{
    const bool search = smart_slice_is(type, "searchset");
    const bool history = smart_slice_is(type, "history");

    if (is_batch(plan)) {
        return smart_slice_is(type, "batch-response") ||
               smart_slice_is(type, "transaction-response");
    }
    if (smart_look_history(plan->kind)) {
        return history;
    }
    if (plan->kind == SMART_INTERACTION_OPERATION) {
        return search || history || smart_slice_is(type, "collection") ||
               smart_slice_is(type, "document");
    }
    return search || (history && plan->kind == SMART_INTERACTION_PAGE);
}

static bool scan_bundle(smart_look_t *look, bundle_t *bundle,
                        smart_slice_t text)
{
    smart_list_t members;
    smart_slice_t name;
    smart_scan_t scan;

    smart_scan_make(&scan, look->p);
    smart_scan_begin(&scan, text);
    smart_scan_enter(&scan, '{');
    smart_list_begin(&members, &bundle->splice, scan.at);
    while (smart_scan_member(&scan, &name)) {
        const int before = bundle->splice.count;

        if (member(look, bundle, &scan, name)) {
            smart_list_keep(&members, name.ptr - 1, scan.at);
        }
        else {
            smart_look_fault(look, "a member that tells more than its entries");
            bundle->splice.count = before; /* it goes as a whole */
            smart_list_drop(&members, scan.at);
        }
    }
    smart_list_end(&members);
    return smart_scan_done(&scan);
}

smart_inspected_e smart_look_bundle(smart_look_t *look,
                                    const smart_plan_t *plan,
                                    smart_slice_t text, smart_slice_t *pbody,
                                    bool *pother)
{
    bundle_t bundle = {.plan = plan};

    *pother = false;
    smart_splice_begin(&bundle.splice, look->p);
    if (!scan_bundle(look, &bundle, text)) {
        look->why = "the body is not one JSON object";
        return SMART_INSPECTED_BAD;
    }
    if (!smart_slice_is(bundle.resource, "Bundle")) {
        look->why = "the body is no Bundle";
        *pother = true;
        return SMART_INSPECTED_BAD;
    }
    if (bundle.fault || !type_fits(plan, bundle.type)) {
        look->why = "the Bundle is not one that answers the request";
        return SMART_INSPECTED_BAD;
    }
    if (is_batch(plan) && bundle.entries != plan->entry_count) {
        look->why = "the Bundle has not as many entries as the request";
        return SMART_INSPECTED_BAD;
    }
    if (smart_look_history(plan->kind) && bundle.entries == 0) {
        return SMART_INSPECTED_NOT_FOUND;
    }
    *pbody = smart_splice_end(&bundle.splice, text);
    return bundle.splice.count ? SMART_INSPECTED_CHANGED : SMART_INSPECTED_SAME;
}
