/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patch.c: a JSON Patch on a document.
 *
 *   lines: document, patch
 *
 * What is patched stays as it was; the result can be written and read, and is
 * bounded; there is one or a reason; with a test of the result behind it the
 * patch still applies.
 */
#include "fuzz.h"

#include "core/json.h"
#include "core/json_edit.h"
#include "core/patch.h"

static const smart_json_t *read_json(smart_slice_t text, apr_pool_t *p)
{
    const smart_json_t *json;
    const char *why;

    return smart_json_read(text, p, &json, &why) == SMART_JSON_READ ? json
                                                                    : NULL;
}

static const char *written(const smart_json_t *json, apr_pool_t *p)
{
    smart_slice_t text;

    FUZZ_HOLDS(smart_json_write(json, p, &text), "can be written");
    return text.ptr;
}

static void is_a_result(const smart_json_t *result, apr_pool_t *p)
{
    const char *once = written(result, p);
    smart_json_e kind = smart_json_kind(result);
    const smart_json_t *again;

    FUZZ_HOLDS(smart_json_bounded(result), "bounded");
    if (kind != SMART_JSON_OBJECT && kind != SMART_JSON_ARRAY) {
        return;
    }
    again = read_json(smart_slice(once), p);
    FUZZ_HOLDS(again && smart_json_equal(result, again), "can be read");
    FUZZ_HOLDS(!strcmp(once, written(again, p)), "a fixpoint");
}

/* The patch and a test that everything is as it came to be. */
static void is_tested(const smart_json_t *patch, const smart_json_t *doc,
                      const smart_json_t *result, apr_pool_t *p)
{
    smart_json_t *longer = smart_json_copy(patch, p);
    smart_json_t *test = smart_json_new_object(p);
    const smart_json_t *same;
    const char *why;

    if (smart_json_count(patch) >= SMART_PATCH_OPERATIONS) {
        return;
    }
    smart_json_set_string(test, "op", smart_slice("test"), p);
    smart_json_set_string(test, "path", smart_slice(""), p);
    smart_json_set(test, smart_slice("value"), result, p);
    smart_json_insert(longer, smart_json_count(longer), test, p);
    FUZZ_HOLDS(smart_patch_apply(longer, doc, p, &same, &why), "as it is");
    FUZZ_HOLDS(smart_json_equal(result, same), "the same result");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *p = fuzz_pool();
    smart_slice_t left = fuzz_input(data, size);
    const smart_json_t *doc = read_json(fuzz_line(&left), p);
    const smart_json_t *patch = doc ? read_json(left, p) : NULL, *result;
    const char *before, *why;

    if (!patch) {
        return 0;
    }
    before = written(doc, p);
    if (smart_patch_apply(patch, doc, p, &result, &why)) {
        FUZZ_HOLDS(result && !why, "a result");
        is_a_result(result, p);
        is_tested(patch, doc, result, p);
    }
    else {
        FUZZ_HOLDS(!result && why && *why, "a reason");
    }
    FUZZ_HOLDS(!strcmp(before, written(doc, p)), "what was there stays");
    return 0;
}
