/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch.c: form of the entries, then decisions, then contents, since these may
 * refer to other entries.
 */
#include "core/batch.h"

#include <apr_hash.h>
#include <apr_strings.h>

#include "core/content.h"
#include "core/operation_body.h"
#include "core/pin.h"

/* --- form ---------------------------------------------------------------- */

static smart_reason_e refuse(smart_batch_t *batch, smart_reason_e reason,
                             const char *why)
{
    batch->why = why;
    return reason;
}

/* A client that may not do something in an entry learns which, and no more. */
static smart_reason_e deny(smart_batch_t *batch, smart_reason_e reason)
{
    const smart_reason_row_t *row = smart_reason_row(reason);

    batch->why = row->name;
    return row->status == 403 || row->status == 404 || row->status == 405
               ? SMART_REASON_ENTRY
               : reason;
}

static bool is_one_of(smart_slice_t name, const char *const *names)
{
    for (; *names; names++) {
        if (smart_slice_is(name, *names)) {
            return true;
        }
    }
    return false;
}

static bool has_only(const smart_json_t *object, const char *const *names)
{
    smart_slice_t name;
    void *cursor = NULL;

    if (smart_json_kind(object) != SMART_JSON_OBJECT) {
        return false;
    }
    while (smart_json_next(object, &cursor, &name)) {
        if (!is_one_of(name, names)) {
            return false;
        }
    }
    return true;
}

/* A member that is a string, or is not there (NULL). */
static bool optional(const smart_json_t *object, const char *name,
                     const char **ptext)
{
    const smart_json_t *value = smart_json_member(object, name);
    smart_slice_t text;

    *ptext = NULL;
    if (!value) {
        return true;
    }
    if (!smart_json_string(value, &text)) {
        return false;
    }
    *ptext = text.ptr;
    return true;
}

static bool is_urn(smart_slice_t url)
{
    return url.len > 4 && memcmp(url.ptr, "urn:", 4) == 0;
}

/* Take our own base off an absolute URL; an absolute one on another stays as
   it is, and is no path. */
static bool url_below(smart_slice_t url, const char *public_url, apr_pool_t *p,
                      smart_slice_t *ppath, smart_slice_t *pquery)
{
    const apr_size_t base = public_url ? strlen(public_url) : 0;
    const char *query;

    if (base && url.len > base && memcmp(url.ptr, public_url, base) == 0 &&
        url.ptr[base] == '/') {
        url = smart_slice_n(url.ptr + base + 1, url.len - base - 1);
    }
    if (url.len && (url.ptr[0] == '/' || memchr(url.ptr, ':', url.len))) {
        /* The query of a token search may have a colon. */
        query = memchr(url.ptr, '?', url.len);
        if (url.ptr[0] == '/' || !query ||
            memchr(url.ptr, ':', (apr_size_t)(query - url.ptr))) {
            return false;
        }
    }
    query = url.len ? memchr(url.ptr, '?', url.len) : NULL;
    *pquery = smart_slice_n(NULL, 0);
    if (query) {
        *pquery = smart_slice_n(query + 1,
                                url.len - 1 - (apr_size_t)(query - url.ptr));
        url.len = (apr_size_t)(query - url.ptr);
    }
    *ppath = url.len ? smart_slice(apr_pstrcat(
                           p, "/", apr_pstrmemdup(p, url.ptr, url.len), NULL))
                     : smart_slice_n("", 0);
    return true;
}

/* Which fields and contents suit a method. */
static bool suits(const smart_request_t *req, const smart_json_t *request,
                  const smart_json_t *resource)
{
    const bool get = strcmp(req->method, "GET") == 0;
    const bool post = strcmp(req->method, "POST") == 0;
    const bool removes = strcmp(req->method, "DELETE") == 0;

    if (!get && !post && !removes && strcmp(req->method, "PUT") != 0 &&
        strcmp(req->method, "PATCH") != 0) {
        return false;
    }
    return (get || removes) == !resource && (post || !req->if_none_exist) &&
           !(get && smart_json_member(request, "ifMatch"));
}

static bool request_form(const smart_json_t *request, const char *public_url,
                         apr_pool_t *p, smart_request_t *req)
{
    static const char *const members[] = {
        "method",      "url", "ifNoneMatch", "ifMatch", "ifModifiedSince",
        "ifNoneExist", "id",  "extension",   NULL};
    const char *text;
    smart_slice_t url;

    memset(req, 0, sizeof(*req));
    return has_only(request, members) &&
           optional(request, "method", &req->method) && req->method &&
           optional(request, "ifMatch", &text) &&
           optional(request, "ifNoneMatch", &text) &&
           optional(request, "ifModifiedSince", &text) &&
           optional(request, "ifNoneExist", &req->if_none_exist) &&
           smart_json_string(smart_json_member(request, "url"), &url) &&
           url_below(
               smart_slice_n(apr_pstrmemdup(p, url.ptr, url.len), url.len),
               public_url, p, &req->path, &req->query);
}

static bool entry_form(smart_batch_entry_t *entry, const char *public_url,
                       apr_pool_t *p, smart_request_t *req)
{
    static const char *const members[] = {
        "fullUrl", "request", "resource", "link", "id", "extension", NULL};
    const char *full_url;

    entry->request = smart_json_get(entry->json, smart_slice("request"));
    entry->resource = smart_json_member(entry->json, "resource");
    if (!has_only(entry->json, members) ||
        !optional(entry->json, "fullUrl", &full_url) ||
        !request_form(entry->request, public_url, p, req)) {
        return false;
    }
    entry->full_url = smart_slice(full_url);
    return suits(req, entry->request, entry->resource) &&
           (!entry->resource ||
            smart_json_kind(entry->resource) == SMART_JSON_OBJECT);
}

/* --- decision ------------------------------------------------------------ */

/* What is no request of its own in an entry. */
static bool is_nested(const smart_interaction_t *i)
{
    return i->form || i->kind == SMART_INTERACTION_BATCH ||
           i->kind == SMART_INTERACTION_TRANSACTION;
}

static bool is_write(smart_interaction_e kind)
{
    return kind == SMART_INTERACTION_CREATE ||
           kind == SMART_INTERACTION_UPDATE ||
           kind == SMART_INTERACTION_PATCH || kind == SMART_INTERACTION_DELETE;
}

static smart_reason_e decide(smart_batch_t *batch, smart_batch_entry_t *entry,
                             const smart_request_t *req, apr_pool_t *p)
{
    const smart_policy_t *policy = batch->coverage.policy;
    smart_interaction_t *i = &entry->interaction;
    smart_decision_t *d = &entry->decision;
    const char *why;
    smart_reason_e reason =
        smart_interaction_read(policy->version, req, p, i, &why);

    if (reason) {
        return refuse(batch, reason, why);
    }
    if (is_nested(i)) {
        return refuse(batch, SMART_REASON_ENTRY,
                      "a batch or a form within a batch");
    }
    *d = smart_decide(policy, batch->coverage.grant, i, p);
    if (!d->permit) {
        return deny(batch, d->reason);
    }
    if (d->restricted && i->kind == SMART_INTERACTION_PATCH) {
        return deny(batch, SMART_REASON_NOT_JUDGED);
    }
    batch->restricted = batch->restricted || d->restricted;
    return SMART_REASON_UNDECIDED;
}

/* --- what is sent -------------------------------------------------------- */

static bool set_text(smart_json_t *object, const char *name, const char *text,
                     apr_pool_t *p)
{
    return smart_json_set_string(object, name, smart_slice(text), p);
}

static void drop(smart_json_t *object, const char *name)
{
    (void)smart_json_remove(object, smart_slice(name)); /* if it is there */
}

static void narrow(const smart_decision_t *d, smart_search_t *search,
                   apr_pool_t *p)
{
    int n;

    for (n = 0; n < d->narrow_count; n++) {
        smart_search_add(search, d->narrow[n].name, d->narrow[n].value, p);
    }
}

static bool send_url(smart_batch_entry_t *entry, const smart_request_t *req,
                     apr_pool_t *p)
{
    const char *query = entry->decision.query
                            ? entry->decision.query
                            : smart_search_write(&entry->interaction.search, p);
    const char *path =
        req->path.len ? apr_pstrmemdup(p, req->path.ptr + 1, req->path.len - 1)
                      : "";

    return set_text(entry->request, "url",
                    *query ? apr_pstrcat(p, path, "?", query, NULL) : path, p);
}

/* Pinned, narrowed, written anew. */
static smart_reason_e send_request(smart_batch_t *batch,
                                   smart_batch_entry_t *entry,
                                   const smart_request_t *req, apr_pool_t *p)
{
    const smart_decision_t *d = &entry->decision;
    smart_interaction_t *i = &entry->interaction;
    bool done = true;

    if (d->obligations & SMART_OBLIGE_INSPECT) {
        if (!smart_pin_search(&i->search, p)) {
            return deny(batch, SMART_REASON_NOT_ACCEPTABLE);
        }
        if (!is_write(i->kind)) {
            drop(entry->request, "ifNoneMatch");
            drop(entry->request, "ifModifiedSince");
        }
    }
    if (i->kind == SMART_INTERACTION_CREATE && i->conditional) {
        narrow(d, &i->if_none_exist, p);
        done = set_text(entry->request, "ifNoneExist",
                        smart_search_write(&i->if_none_exist, p), p);
    }
    else {
        narrow(d, &i->search, p);
    }
    return done && send_url(entry, req, p)
               ? SMART_REASON_UNDECIDED
               : refuse(batch, SMART_REASON_INTERNAL, "it can not be written");
}

static smart_reason_e read_entry(smart_batch_t *batch,
                                 smart_batch_entry_t *entry,
                                 const char *public_url, apr_pool_t *p)
{
    smart_request_t req;
    smart_reason_e reason;

    if (!entry_form(entry, public_url, p, &req)) {
        return refuse(batch, SMART_REASON_BODY, "a malformed entry");
    }
    reason = decide(batch, entry, &req, p);
    return reason ? reason : send_request(batch, entry, &req, p);
}

/* --- entries and each other ---------------------------------------------- */

/* Whether a fullUrl is the URL of the very resource its entry is about. */
static bool is_own_url(const smart_batch_t *batch,
                       const smart_batch_entry_t *entry)
{
    smart_type_t type;
    smart_slice_t id;

    return entry->interaction.id.len &&
           smart_reference_read(&batch->coverage.bases, entry->full_url, &type,
                                &id) &&
           type == entry->interaction.type &&
           smart_slice_equal(id, entry->interaction.id);
}

static smart_reason_e check_full_urls(smart_batch_t *batch, apr_pool_t *p)
{
    apr_hash_t *seen = apr_hash_make(p);
    int n;

    for (n = 0; n < batch->count; n++) {
        smart_batch_entry_t *entry = &batch->entries[n];
        const smart_slice_t url = entry->full_url;

        batch->at = n;
        if (!url.len) {
            continue;
        }
        if (apr_hash_get(seen, url.ptr, (apr_ssize_t)url.len)) {
            return refuse(batch, SMART_REASON_BODY, "a fullUrl stands twice");
        }
        apr_hash_set(seen, url.ptr, (apr_ssize_t)url.len, entry);
        if (batch->restricted && !is_urn(url) && !is_own_url(batch, entry)) {
            drop(entry->json, "fullUrl");
        }
    }
    return SMART_REASON_UNDECIDED;
}

/* What the urns of a transaction stand for. */
static void note_urns(smart_batch_t *batch, apr_pool_t *p)
{
    smart_urn_t *urns =
        apr_pcalloc(p, ((apr_size_t)batch->count + 1) * sizeof(*urns));
    int n, count = 0;

    for (n = 0; n < batch->count; n++) {
        const smart_batch_entry_t *entry = &batch->entries[n];
        const smart_interaction_t *i = &entry->interaction;

        if (is_urn(entry->full_url) &&
            (i->kind == SMART_INTERACTION_CREATE ||
             (i->kind == SMART_INTERACTION_UPDATE && !i->conditional))) {
            urns[count].urn = entry->full_url;
            urns[count].type = i->type;
            urns[count++].id = i->id; /* empty: new */
        }
    }
    batch->coverage.bases.urns = urns;
    batch->coverage.bases.urn_count = count;
}

/* --- contents ------------------------------------------------------------ */

/* The Parameters of an operation. Its URL is written already: what would
   change it once more is refused. */
static smart_reason_e judge_parameters(smart_batch_t *batch,
                                       smart_batch_entry_t *entry,
                                       apr_pool_t *p)
{
    const smart_interaction_t *i = &entry->interaction;
    const unsigned before = entry->decision.obligations;
    const smart_json_t *changed;
    smart_decision_t d =
        smart_operation_body(batch->coverage.policy, batch->coverage.grant, i,
                             entry->resource, p, &changed);

    if (!d.permit) {
        return deny(batch, d.reason);
    }
    if (d.narrow_count || d.query ||
        (i->search.count && (d.obligations & ~before))) {
        return deny(batch, SMART_REASON_NOT_JUDGED);
    }
    entry->decision = d;
    return !changed || smart_json_set(entry->json, smart_slice("resource"),
                                      changed, p)
               ? SMART_REASON_UNDECIDED
               : refuse(batch, SMART_REASON_INTERNAL, "it can not be written");
}

static smart_reason_e judge_content(smart_batch_t *batch,
                                    smart_batch_entry_t *entry, apr_pool_t *p)
{
    const smart_interaction_t *i = &entry->interaction;
    smart_reason_e reason;

    if (batch->restricted && smart_content_has_id(i, entry->resource)) {
        drop(smart_json_get(entry->json, smart_slice("resource")), "id");
    }
    if (!(entry->decision.obligations & SMART_OBLIGE_BODY)) {
        return SMART_REASON_UNDECIDED;
    }
    if (i->kind == SMART_INTERACTION_OPERATION) {
        return judge_parameters(batch, entry, p);
    }
    if (i->kind != SMART_INTERACTION_CREATE &&
        i->kind != SMART_INTERACTION_UPDATE) {
        return deny(batch, SMART_REASON_NOT_JUDGED);
    }
    reason = smart_content_judge(&batch->coverage, i, entry->resource, p);
    return reason ? deny(batch, reason) : SMART_REASON_UNDECIDED;
}

static smart_reason_e note_preread(smart_batch_t *batch,
                                   smart_batch_entry_t *entry, int *pcount,
                                   apr_pool_t *p)
{
    const smart_interaction_t *i = &entry->interaction;

    if (!(entry->decision.obligations & SMART_OBLIGE_PREREAD)) {
        return SMART_REASON_UNDECIDED;
    }
    if (++*pcount > SMART_BATCH_PREREADS) {
        return refuse(batch, SMART_REASON_TOO_LARGE, "too many to pre-read");
    }
    entry->below = apr_pstrcat(p, "/", smart_fhir_type_name(i->type), "/",
                               apr_pstrmemdup(p, i->id.ptr, i->id.len), NULL);
    return SMART_REASON_UNDECIDED;
}

static smart_letters_t shown(const smart_batch_entry_t *entry)
{
    const smart_decision_t *d = &entry->decision;

    if (d->obligations & SMART_OBLIGE_INSPECT) {
        return d->shown;
    }
    if (d->obligations & SMART_OBLIGE_MINIMAL) {
        return 0;
    }
    switch (entry->interaction.kind) {
    case SMART_INTERACTION_HISTORY_TYPE:
    case SMART_INTERACTION_HISTORY_SYSTEM:
    case SMART_INTERACTION_SEARCH_TYPE:
    case SMART_INTERACTION_SEARCH_SYSTEM:
    case SMART_INTERACTION_SEARCH_COMPARTMENT:
    case SMART_INTERACTION_PAGE:
        return SMART_LETTER_S;
    case SMART_INTERACTION_UNKNOWN:
    case SMART_INTERACTION_READ:
    case SMART_INTERACTION_VREAD:
    case SMART_INTERACTION_UPDATE:
    case SMART_INTERACTION_PATCH:
    case SMART_INTERACTION_DELETE:
    case SMART_INTERACTION_HISTORY_INSTANCE:
    case SMART_INTERACTION_CREATE:
    case SMART_INTERACTION_CAPABILITIES:
    case SMART_INTERACTION_BATCH:
    case SMART_INTERACTION_TRANSACTION:
    case SMART_INTERACTION_OPERATION:
    case SMART_INTERACTION_DISCOVERY:
    case SMART_INTERACTION_COUNT:
        break;
    }
    return SMART_LETTER_R;
}

static void make_plan(smart_batch_t *batch, apr_pool_t *p)
{
    smart_plan_t *plans =
        apr_pcalloc(p, ((apr_size_t)batch->count + 1) * sizeof(*plans));
    int n;

    for (n = 0; n < batch->count; n++) {
        const smart_batch_entry_t *entry = &batch->entries[n];

        plans[n].kind = entry->interaction.kind;
        plans[n].type = entry->interaction.type;
        plans[n].id = entry->interaction.id;
        plans[n].letter = shown(entry);
        plans[n].write = is_write(entry->interaction.kind);
        batch->inspect =
            batch->inspect || (entry->decision.obligations &
                               (SMART_OBLIGE_INSPECT | SMART_OBLIGE_MINIMAL |
                                SMART_OBLIGE_CONTEXT)) != 0;
    }
    batch->plan.kind = batch->kind;
    batch->plan.entries = plans;
    batch->plan.entry_count = batch->count;
}

/* --- all of it ----------------------------------------------------------- */

/* Something that reads "Entry" for "entry" is not to find it here. */
static bool is_known(const smart_json_t *bundle)
{
    static const char *const members[] = {
        "resourceType",   "id",       "meta",      "implicitRules",
        "_implicitRules", "language", "_language", "identifier",
        "type",           "_type",    "timestamp", "_timestamp",
        "total",          "_total",   "link",      "entry",
        "signature",      NULL};

    return has_only(bundle, members);
}

static smart_reason_e read_bundle(smart_batch_t *batch, apr_pool_t *p)
{
    const smart_json_t *entries = smart_json_member(batch->bundle, "entry");
    smart_slice_t resource_type, type;

    if (!is_known(batch->bundle) ||
        !smart_json_string(smart_json_member(batch->bundle, "resourceType"),
                           &resource_type) ||
        !smart_slice_is(resource_type, "Bundle") ||
        !smart_json_string(smart_json_member(batch->bundle, "type"), &type) ||
        (entries && smart_json_kind(entries) != SMART_JSON_ARRAY)) {
        return refuse(batch, SMART_REASON_BODY, "no Bundle of requests");
    }
    batch->kind = smart_slice_is(type, "transaction")
                      ? SMART_INTERACTION_TRANSACTION
                      : SMART_INTERACTION_BATCH;
    if (batch->kind == SMART_INTERACTION_BATCH &&
        !smart_slice_is(type, "batch")) {
        return refuse(batch, SMART_REASON_BODY, "no Bundle of requests");
    }
    if (smart_json_count(entries) > SMART_BATCH_ENTRIES) {
        return refuse(batch, SMART_REASON_TOO_LARGE, "too many entries");
    }
    batch->count = (int)smart_json_count(entries);
    batch->entries = apr_pcalloc(p, ((apr_size_t)batch->count + 1) *
                                        sizeof(*batch->entries));
    return SMART_REASON_UNDECIDED;
}

static smart_reason_e read_entries(smart_batch_t *batch, const char *public_url,
                                   apr_pool_t *p)
{
    smart_json_t *entries = smart_json_get(batch->bundle, smart_slice("entry"));
    smart_reason_e reason = SMART_REASON_UNDECIDED;
    int n;

    for (n = 0; n < batch->count && !reason; n++) {
        batch->at = n;
        batch->entries[n].json = smart_json_at(entries, (apr_size_t)n);
        reason = read_entry(batch, &batch->entries[n], public_url, p);
    }
    return reason;
}

static smart_reason_e judge_contents(smart_batch_t *batch, apr_pool_t *p)
{
    smart_reason_e reason = SMART_REASON_UNDECIDED;
    int n, prereads = 0;

    for (n = 0; n < batch->count && !reason; n++) {
        batch->at = n;
        reason = judge_content(batch, &batch->entries[n], p);
        if (!reason) {
            reason = note_preread(batch, &batch->entries[n], &prereads, p);
        }
    }
    return reason;
}

smart_reason_e smart_batch_read(const smart_coverage_t *c,
                                const char *public_url,
                                const smart_json_t *bundle, apr_pool_t *p,
                                smart_batch_t *pbatch)
{
    smart_reason_e reason;

    memset(pbatch, 0, sizeof(*pbatch));
    pbatch->at = -1;
    pbatch->coverage = *c;
    pbatch->bundle = smart_json_copy(bundle, p);
    reason = read_bundle(pbatch, p);
    if (!reason) {
        reason = read_entries(pbatch, public_url, p);
    }
    if (!reason) {
        reason = check_full_urls(pbatch, p);
    }
    if (reason) {
        return reason;
    }
    if (pbatch->kind == SMART_INTERACTION_TRANSACTION) {
        note_urns(pbatch, p);
    }
    reason = judge_contents(pbatch, p);
    if (!reason) {
        make_plan(pbatch, p);
    }
    return reason;
}

smart_reason_e smart_batch_found(smart_batch_t *batch, int n,
                                 const smart_found_t *found, apr_pool_t *p)
{
    const smart_batch_entry_t *entry = &batch->entries[n];
    smart_client_match_t client;
    smart_revision_t revision;
    smart_reason_e reason;

    batch->at = n;
    if (entry->interaction.kind == SMART_INTERACTION_OPERATION) {
        reason = smart_revision_operate(&batch->coverage, found, p);
        return reason ? deny(batch, reason) : SMART_REASON_UNDECIDED;
    }
    (void)optional(entry->request, "ifMatch", &client.if_match);
    (void)optional(entry->request, "ifNoneMatch", &client.if_none_match);
    reason = smart_revision_judge(&batch->coverage, &entry->interaction, found,
                                  &client, p, &revision);
    if (reason) {
        return deny(batch, reason);
    }
    revision.if_match = apr_pstrdup(p, revision.if_match);
    drop(entry->request, "ifMatch"); /* from where it may be */
    drop(entry->request, "ifNoneMatch");
    if ((revision.if_match &&
         !set_text(entry->request, "ifMatch", revision.if_match, p)) ||
        (revision.if_none_match &&
         !set_text(entry->request, "ifNoneMatch", revision.if_none_match, p))) {
        return refuse(batch, SMART_REASON_INTERNAL, "it can not be written");
    }
    return SMART_REASON_UNDECIDED;
}

bool smart_batch_write(const smart_batch_t *batch, apr_pool_t *p,
                       smart_slice_t *ptext)
{
    return smart_json_write(batch->bundle, p, ptext);
}
