/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scope.c: one scope, read by each FHIR version.
 *
 * What is read is written as it came, and read again is the same; what is
 * refused leaves nothing behind.
 */
#include "fuzz.h"

#include "core/scope.h"

static void reads_again(smart_fhir_e v, smart_slice_t text,
                        const smart_scope_t *scope, apr_pool_t *p)
{
    const char *all = apr_pstrmemdup(p, text.ptr, text.len);
    const char *written = smart_scope_text(scope, all, p);
    smart_scope_t again;

    FUZZ_HOLDS(smart_slice_equal(smart_slice(written), text), "as it came");
    FUZZ_HOLDS(smart_scope_parse(v, smart_slice(written), &again), "a scope");
    FUZZ_HOLDS(memcmp(scope, &again, sizeof(again)) == 0, "the same");
}

static void is_a_scope(smart_fhir_e v, smart_slice_t text,
                       const smart_scope_t *scope)
{
    FUZZ_HOLDS(scope->letters && scope->letters < 0x20, "letters");
    FUZZ_HOLDS(scope->context > SMART_CONTEXT_NONE &&
                   scope->context <= SMART_CONTEXT_SYSTEM,
               "a context");
    FUZZ_HOLDS(scope->type == SMART_TYPE_ANY ||
                   smart_fhir_type_known(v, scope->type),
               "a type");
    FUZZ_HOLDS(scope->constraint_start <= text.len &&
                   scope->constraint_len <= text.len - scope->constraint_start,
               "a constraint within the text");
    FUZZ_HOLDS((memchr(text.ptr, '?', text.len) != NULL) ==
                   (scope->constraint_len > 0),
               "a constraint where there is one");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const smart_scope_t nothing;
    apr_pool_t *p = fuzz_pool();
    smart_slice_t text = fuzz_input(data, size);
    int v;

    for (v = SMART_FHIR_NONE; v <= SMART_FHIR_R5; v++) {
        smart_scope_t scope;
        if (smart_scope_parse((smart_fhir_e)v, text, &scope)) {
            is_a_scope((smart_fhir_e)v, text, &scope);
            reads_again((smart_fhir_e)v, text, &scope, p);
        }
        else {
            FUZZ_HOLDS(memcmp(&scope, &nothing, sizeof(scope)) == 0, "nothing");
        }
    }
    return 0;
}
