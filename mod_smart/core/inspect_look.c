/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect_look.c: the parts that answers are made of.
 */
#include "core/inspect_look.h"

static bool is_one_of(smart_slice_t name, const char *const *names)
{
    for (; *names; names++) {
        if (smart_slice_is(name, *names)) {
            return true;
        }
    }
    return false;
}

/* ---- resources ---- */

static void note_member(smart_look_t *look, smart_seen_t *seen,
                        smart_slice_t name, smart_slice_t value)
{
    if (smart_slice_is(name, "resourceType")) {
        smart_scan_string(value, &seen->name);
    }
    else if (smart_slice_is(name, "id")) {
        smart_scan_string(value, &seen->id);
    }
    /* scan.h allows no more names than there is room for. */
    look->members[seen->count++] = (smart_member_t){name, value};
}

void smart_look_resource(smart_look_t *look, smart_scan_t *scan,
                         smart_seen_t *seen)
{
    smart_slice_t name;
    smart_slice_t value;

    memset(seen, 0, sizeof(*seen));
    seen->is = smart_scan_enter(scan, '{');
    if (!seen->is) {
        smart_scan_skip(scan, &seen->range);
        return;
    }
    seen->range.ptr = scan->at - 1;
    while (smart_scan_member(scan, &name)) {
        smart_scan_skip(scan, &value);
        note_member(look, seen, name, value);
    }
    seen->range.len = (apr_size_t)(scan->at - seen->range.ptr);
    seen->type = smart_fhir_type(look->c->policy->version, seen->name);
}

bool smart_look_covered(smart_look_t *look, const smart_seen_t *seen,
                        smart_letters_t letter)
{
    return smart_glance_covered(look->glance, letter, seen->type, look->members,
                                seen->count);
}

bool smart_look_asked(const smart_seen_t *seen, const smart_plan_t *plan)
{
    return (plan->type == SMART_TYPE_NONE || seen->type == plan->type) &&
           (plan->id.len == 0 || smart_slice_equal(seen->id, plan->id));
}

bool smart_look_outcome(const smart_look_t *look, const smart_seen_t *seen)
{
    static const char *const names[] = {
        "resourceType",   "id",       "meta",      "implicitRules",
        "_implicitRules", "language", "_language", "text",
        "extension",      "issue",    NULL};
    int i;

    if (!smart_slice_is(seen->name, "OperationOutcome")) {
        return false;
    }
    for (i = 0; i < seen->count; i++) {
        if (!is_one_of(look->members[i].name, names)) {
            return false;
        }
    }
    return true;
}

/* ---- small objects ---- */

void smart_look_small(smart_look_t *look, smart_slice_t object,
                      smart_small_t *small)
{
    smart_member_t member;
    smart_scan_t *scan = &look->small;

    small->count = 0;
    smart_scan_begin(scan, object);
    smart_scan_enter(scan, '{');
    while (small->count < SMART_LOOK_MEMBERS &&
           smart_scan_member(scan, &member.name)) {
        smart_scan_skip(scan, &member.value);
        small->members[small->count++] = member;
    }
    small->strange = !smart_scan_done(scan);
}

int smart_small_find(const smart_small_t *small, const char *name)
{
    int i;

    for (i = 0; i < small->count; i++) {
        if (smart_slice_is(small->members[i].name, name)) {
            return i;
        }
    }
    return -1;
}

smart_slice_t smart_small_value(const smart_small_t *small, const char *name)
{
    int i;

    for (i = 0; i < small->count; i++) {
        if (smart_slice_is(small->members[i].name, name)) {
            return small->members[i].value;
        }
    }
    return smart_slice_n("", 0);
}

smart_slice_t smart_small_text(const smart_small_t *small, const char *name)
{
    smart_slice_t text;

    smart_scan_string(smart_small_value(small, name), &text);
    return text;
}

/* From the quote of its name. */
static const char *member_start(const smart_small_t *small, int i)
{
    return small->members[i].name.ptr - 1;
}

static const char *member_end(const smart_small_t *small, int i)
{
    return small->members[i].value.ptr + small->members[i].value.len;
}

void smart_small_cut(const smart_small_t *small, int i, smart_splice_t *splice)
{
    const char *start =
        i > 0 ? member_end(small, i - 1) : member_start(small, 0);
    const char *stop = i == 0 && small->count > 1 ? member_start(small, 1)
                                                  : member_end(small, i);

    smart_splice_put(splice, start, stop, smart_slice_n("", 0));
}

/* ---- entries ---- */

static bool entry_has(smart_slice_t name)
{
    static const char *const names[] = {
        "fullUrl",           "resource", "search", "response",
        "request",           "link",     "id",     "extension",
        "modifierExtension", "_fullUrl", NULL};

    return is_one_of(name, names);
}

static void entry_member(smart_look_t *look, smart_scan_t *scan,
                         smart_letters_t letter, smart_slice_t name,
                         smart_entry_t *entry)
{
    smart_small_t *small = &entry->small;
    smart_slice_t value;

    if (smart_slice_is(name, "resource")) {
        smart_look_resource(look, scan, &entry->resource);
        value = entry->resource.range;
        entry->outcome = smart_look_outcome(look, &entry->resource);
        entry->covered = smart_look_covered(look, &entry->resource, letter);
    }
    else {
        smart_scan_skip(scan, &value);
    }
    if (small->count == SMART_LOOK_MEMBERS || !entry_has(name)) {
        entry->strange = true;
        return;
    }
    small->members[small->count++] = (smart_member_t){name, value};
}

void smart_look_entry(smart_look_t *look, smart_scan_t *scan,
                      smart_letters_t letter, smart_entry_t *entry)
{
    smart_slice_t name;

    entry->small.count = 0;
    memset(&entry->resource, 0, sizeof(entry->resource));
    entry->covered = entry->outcome = false;
    entry->strange = smart_scan_peek(scan) != '{';
    if (entry->strange) {
        smart_scan_skip(scan, &entry->range);
        return;
    }
    entry->range.ptr = scan->at;
    smart_scan_enter(scan, '{');
    while (smart_scan_member(scan, &name)) {
        entry_member(look, scan, letter, name, entry);
    }
    entry->range.len = (apr_size_t)(scan->at - entry->range.ptr);
}

/* ---- URLs ---- */

/* Whether a slash that is escaped comes. */
static bool escaped_slash(const char *raw)
{
    return raw[0] == '\\' && raw[1] == '/';
}

/* How much of a raw string a base is, "\/" being "/"; 0: it does not begin
   with it. Behind the string stands its quote, which no base has. */
static apr_size_t base_in(smart_slice_t raw, const char *base)
{
    apr_size_t i = 0;

    for (; *base; base++) {
        i += escaped_slash(raw.ptr + i);
        if (raw.ptr[i++] != *base) {
            return 0;
        }
    }
    if (i == raw.len || raw.ptr[i] == '/' || raw.ptr[i] == '?' ||
        escaped_slash(raw.ptr + i)) {
        return i;
    }
    return 0;
}

static void rebase(smart_look_t *look, smart_slice_t raw,
                   smart_splice_t *splice)
{
    const smart_rebase_t *r = look->rebase;
    const char *const *from = r && r->to ? r->from : NULL;

    for (; from && *from; from++) {
        const apr_size_t n = base_in(raw, *from);

        if (n > 0) {
            if (strcmp(*from, r->to) != 0) {
                smart_splice_put(splice, raw.ptr, raw.ptr + n,
                                 smart_slice(r->to));
            }
            return;
        }
    }
}

void smart_look_rebase_links(smart_look_t *look, smart_slice_t links,
                             smart_splice_t *splice)
{
    smart_small_t link;
    smart_slice_t range;
    smart_scan_t *scan = &look->links;

    smart_scan_begin(scan, links);
    smart_scan_enter(scan, '[');
    while (smart_scan_item(scan)) {
        smart_scan_skip(scan, &range);
        smart_look_small(look, range, &link);
        rebase(look, smart_small_text(&link, "url"), splice);
    }
}

/* ---- what is kept ---- */

/* An outcome that is one of nothing else stays. */
static void judge_outcome(smart_look_t *look, const smart_small_t *response,
                          smart_splice_t *splice)
{
    const int i = smart_small_find(response, "outcome");
    smart_seen_t seen;

    if (i < 0) {
        return;
    }
    smart_scan_begin(&look->small, response->members[i].value);
    smart_look_resource(look, &look->small, &seen);
    if (!smart_look_outcome(look, &seen)) {
        smart_look_fault(look, "an outcome that holds something else");
        smart_small_cut(response, i, splice);
    }
}

void smart_look_keep_entry(smart_look_t *look, const smart_entry_t *entry,
                           smart_splice_t *splice)
{
    smart_small_t response;

    rebase(look, smart_small_text(&entry->small, "fullUrl"), splice);
    smart_look_rebase_links(look, smart_small_value(&entry->small, "link"),
                            splice);
    smart_look_small(look, smart_small_value(&entry->small, "response"),
                     &response);
    rebase(look, smart_small_text(&response, "location"), splice);
    judge_outcome(look, &response, splice);
}
