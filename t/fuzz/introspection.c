/* SPDX-License-Identifier: Apache-2.0 */
/*
 * introspection.c: an answer of an authorization server becomes a record; the
 * record, and damaged copies of it, are opened and used.
 *
 *   lines: damage ("at value at value ..." in hex), answer
 *
 * What was made can be opened. What can be opened keeps every promise of
 * grant.h, however it was damaged, and can be judged and decided with.
 */
#include "fuzz.h"

#include "core/decision.h"
#include "core/grant.h"
#include "core/path.h"

#define BASE "https://fhir.example.org/fhir"

static void is_text(const char *text)
{
    FUZZ_HOLDS(text, "a text");
    for (; *text; text++) {
        FUZZ_HOLDS((unsigned char)*text >= 0x20 && *text != 0x7f,
                   "no control byte");
    }
}

static const char *are_texts(const char *texts, int count)
{
    for (; count > 0; count--) {
        is_text(texts);
        texts += strlen(texts) + 1;
    }
    return texts;
}

static void are_scopes(const smart_grant_t *grant)
{
    apr_size_t len = strlen(grant->constraints);
    int i;

    FUZZ_HOLDS(grant->scope_count <= (int)SMART_MAX_SCOPES, "bounded");
    for (i = 0; i < grant->scope_count; i++) {
        const smart_scope_t *s = &grant->scopes[i];
        FUZZ_HOLDS(s->letters && s->letters < 0x20, "letters");
        FUZZ_HOLDS(s->context && s->context <= SMART_CONTEXT_SYSTEM,
                   "a context");
        FUZZ_HOLDS(s->type == SMART_TYPE_ANY || smart_fhir_type_name(s->type),
                   "a type");
        FUZZ_HOLDS(s->constraint_start <= len &&
                       s->constraint_len <= len - s->constraint_start,
                   "a constraint within the text");
    }
}

static void keeps_its_promises(const smart_grant_t *grant)
{
    is_text(grant->client_id);
    is_text(grant->sub);
    is_text(grant->username);
    is_text(grant->iss);
    is_text(grant->fhir_user);
    is_text(grant->fhir_context);
    is_text(grant->constraints);
    FUZZ_HOLDS(!*grant->patient ||
                   smart_path_is_id(smart_slice(grant->patient)),
               "patient is an id");
    FUZZ_HOLDS(!*grant->encounter ||
                   smart_path_is_id(smart_slice(grant->encounter)),
               "encounter is an id");
    FUZZ_HOLDS(grant->user != SMART_USER_PATIENT ||
                   smart_path_is_id(smart_slice(grant->user_patient)),
               "a user who is a Patient has an id");
    FUZZ_HOLDS(grant->exp >= 0 && grant->nbf >= 0, "times");
    are_texts(grant->auds, grant->aud_count);
    are_texts(grant->claims, 2 * grant->claim_count);
    are_scopes(grant);
}

static void decide(const smart_grant_t *grant, apr_pool_t *p)
{
    static const char *const auds[] = {BASE, NULL};
    static const smart_token_policy_t TOKENS = {"https://as.example.org",
                                                SMART_AUDIENCE_OPTIONAL, auds};
    static const smart_policy_t POLICY = {
        .version = SMART_FHIR_R4,
        .fhir_user = SMART_FHIR_USER_OPTIONAL,
        .discovery_public = true,
        .enforced = ~0u,
    };
    static const char *const PATHS[] = {"/Observation", "/Patient/pat-1", "",
                                        "/Patient/pat-1/$everything"};
    size_t i;

    smart_grant_judge(grant, &TOKENS, 1700000000);
    for (i = 0; i < sizeof(PATHS) / sizeof(PATHS[0]); i++) {
        smart_request_t req = {.method = "GET", .path = smart_slice(PATHS[i])};
        smart_interaction_t interaction;
        const char *why;
        smart_interaction_read(SMART_FHIR_R4, &req, p, &interaction, &why);
        smart_decide(&POLICY, grant, &interaction, p);
    }
}

/* Opens a copy that AddressSanitizer guards at both ends. */
static bool opens(smart_slice_t record, const char *damage, apr_pool_t *p)
{
    char *copy = NULL;
    smart_grant_t grant;
    bool opened;

    if (posix_memalign((void **)&copy, 8, record.len + !record.len)) {
        abort();
    }
    memcpy(copy, record.ptr, record.len);
    for (; damage && *damage && record.len;) {
        char *end;
        unsigned long at = strtoul(damage, &end, 16);
        unsigned long value = end > damage ? strtoul(end, &end, 16) : 0;
        if (end == damage) {
            break;
        }
        damage = end;
        copy[at % record.len] = (char)value;
    }
    opened = smart_grant_open(smart_slice_n(copy, record.len), &grant);
    if (opened) {
        keeps_its_promises(&grant);
        decide(&grant, p);
    }
    free(copy);
    return opened;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const alias_one[] = {"user/Observation.rs", NULL};
    static const smart_scope_alias_t ALIASES[] = {{"obs-read", alias_one}};
    static const char *const claims[] = {"dept", "roles", "sub"};
    static const smart_grant_recipe_t RECIPE = {SMART_FHIR_R4, BASE, ALIASES, 1,
                                                claims,        3};
    apr_pool_t *p = fuzz_pool();
    smart_slice_t left = fuzz_input(data, size), record;
    const char *damage = fuzz_text(fuzz_line(&left), p), *detail;
    apr_int64_t exp;

    if (smart_grant_make(&RECIPE, left, p, &record, &exp, &detail) !=
        SMART_GRANT_ACTIVE) {
        FUZZ_HOLDS(record.len == 0 && exp == 0 && detail, "no record");
        return 0;
    }
    FUZZ_HOLDS(opens(record, NULL, p), "what was made can be opened");
    opens(record, damage, p);
    return 0;
}
