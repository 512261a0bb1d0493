/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path.c: a request line and the fields that count, as an interaction.
 *
 *   lines: method, path below the base, query, If-None-Exist, Prefer
 *
 * What is recognised has only names a backend understands in one way; what is
 * not says nothing; a path that is taken for one below the base is below it
 * for lenient readers too.
 */
#include "fuzz.h"

#include "core/interaction.h"
#include "core/lenient.h"
#include "core/path.h"

#define BASE "/fhir"

static void is_canonical(smart_slice_t raw, const smart_path_t *path,
                         apr_pool_t *p)
{
    smart_slice_t whole = smart_slice(
        apr_pstrcat(p, BASE, apr_pstrmemdup(p, raw.ptr, raw.len), NULL));
    smart_slice_t plain = smart_lenient_decode(whole, p);
    char *joined = apr_pstrdup(p, "");
    int i;

    FUZZ_HOLDS(smart_slice_equal(whole, plain), "nothing to decode");
    FUZZ_HOLDS(smart_lenient_below(plain, smart_slice(BASE)), "below");
    if (path->count > SMART_PATH_MAX_SEGMENTS) {
        return;
    }
    for (i = 0; i < path->count; i++) {
        smart_slice_t s = path->segments[i];
        FUZZ_HOLDS(!smart_slice_is(s, ".") && !smart_slice_is(s, ".."),
                   "no step");
        FUZZ_HOLDS(path->is_id[i] == smart_path_is_id(s), "an id or not");
        joined = apr_psprintf(p, "%s/%.*s", joined, (int)s.len, s.ptr);
    }
    FUZZ_HOLDS(raw.len - strlen(joined) <= 1, "all of it");
    FUZZ_HOLDS(memcmp(raw.ptr ? raw.ptr : "", joined, strlen(joined)) == 0,
               "its bytes");
}

static void says_nothing(const smart_interaction_t *i)
{
    smart_interaction_t nothing;

    memset(&nothing, 0, sizeof(nothing));
    nothing.method_known = i->method_known;
    nothing.head = i->head;
    FUZZ_HOLDS(i->kind == SMART_INTERACTION_UNKNOWN && !i->type && !i->body &&
                   !i->id.len && !i->operation.len && !i->search.count,
               "nothing");
}

static void is_one(const smart_interaction_t *i)
{
    FUZZ_HOLDS(i->kind < SMART_INTERACTION_COUNT && i->method_known, "a kind");
    FUZZ_HOLDS(!i->type || smart_fhir_type_known(SMART_FHIR_R4, i->type),
               "a known type");
    FUZZ_HOLDS(!i->id.len || smart_path_is_id(i->id), "an id");
    FUZZ_HOLDS(!i->vid.len || smart_path_is_id(i->vid), "a version");
    FUZZ_HOLDS(!i->operation.len || smart_path_is_operation(i->operation),
               "an operation");
    FUZZ_HOLDS(!i->compartment || i->compartment_id.len, "whose compartment");
    FUZZ_HOLDS(!i->head || !i->body, "HEAD without body");
    FUZZ_HOLDS(!i->body || !i->form, "a body or a form");
}

static void interaction(const smart_request_t *req, apr_pool_t *p)
{
    smart_interaction_t i;
    const char *why;
    smart_reason_e reason =
        smart_interaction_read(SMART_FHIR_R4, req, p, &i, &why);

    if (reason != SMART_REASON_UNDECIDED) {
        FUZZ_HOLDS(why, "says what is malformed");
        FUZZ_HOLDS(smart_reason_row(reason)->status == 400, "400");
        FUZZ_HOLDS(i.kind == SMART_INTERACTION_UNKNOWN, "unknown");
        return;
    }
    if (i.kind == SMART_INTERACTION_UNKNOWN) {
        says_nothing(&i);
    }
    else {
        is_one(&i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *p = fuzz_pool();
    smart_slice_t left = fuzz_input(data, size);
    smart_slice_t method = fuzz_line(&left);
    smart_request_t req = {.path = fuzz_line(&left), .query = fuzz_line(&left)};
    smart_path_t path;
    const char *why, *field;

    req.method = fuzz_text(method, p);
    field = fuzz_text(fuzz_line(&left), p);
    req.if_none_exist = field && *field ? field : NULL;
    field = fuzz_text(fuzz_line(&left), p);
    req.prefer = field && *field ? field : NULL;
    req.provenance = left.len > 0;
    if (!req.method) {
        return 0;
    }
    if (smart_path_read(req.path, &path, &why)) {
        is_canonical(req.path, &path, p);
    }
    smart_lenient_below(smart_lenient_decode(req.path, p), smart_slice(BASE));
    interaction(&req, p);
    return 0;
}
