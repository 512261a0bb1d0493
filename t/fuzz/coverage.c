/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coverage.c: is a resource covered by a grant?
 *
 *   lines: scopes, patient, fhirUser, resource
 *
 * A scope less never covers more, their order does not matter; a member more
 * never hides what can be read; who counts fewer references as membership
 * covers less; what is no resource is never covered.
 */
#include "token.h"

#include "core/coverage.h"
#include "core/json.h"
#include "core/json_edit.h"

static const char *const urls[] = {BASE, "http://127.0.0.1:8080/fhir", NULL};
static smart_policy_t policy;

static bool covered(const smart_grant_t *grant, smart_compartment_e mode,
                    smart_letters_t letter, const smart_json_t *resource,
                    apr_pool_t *p)
{
    smart_policy_t mine = policy;
    smart_coverage_t c = {&mine, grant, {SMART_FHIR_R4, urls, NULL, 0}};

    mine.compartment.mode = mode;
    switch (letter) {
    case SMART_LETTER_R:
    case SMART_LETTER_S:
        return smart_coverage_read(&c, letter, resource, p);
    case SMART_LETTER_C:
        return smart_coverage_write(&c, letter, resource, p);
    default:
        return smart_coverage_current(&c, letter, resource, p);
    }
}

static void scopes_only_add(const smart_grant_t *grant, smart_letters_t letter,
                            const smart_json_t *r, apr_pool_t *p)
{
    bool all = covered(grant, SMART_COMPARTMENT_FORMAL, letter, r, p);
    smart_grant_t other = fuzz_scopes(grant, -1, true, p);
    int s;

    FUZZ_HOLDS(covered(&other, SMART_COMPARTMENT_FORMAL, letter, r, p) == all,
               "whatever the order");
    for (s = 0; s < grant->scope_count && s < 16 && !all; s++) {
        other = fuzz_scopes(grant, s, false, p);
        FUZZ_HOLDS(!covered(&other, SMART_COMPARTMENT_FORMAL, letter, r, p),
                   "less is not more");
    }
}

static void modes_only_add(const smart_grant_t *grant, smart_letters_t letter,
                           const smart_json_t *r, apr_pool_t *p)
{
    bool subject = covered(grant, SMART_COMPARTMENT_SUBJECT, letter, r, p);
    bool formal = covered(grant, SMART_COMPARTMENT_FORMAL, letter, r, p);
    bool off = covered(grant, SMART_COMPARTMENT_OFF, letter, r, p);

    FUZZ_HOLDS(formal || !subject, "the subject is a reference");
    FUZZ_HOLDS(off || !formal, "no compartment holds nobody back");
    if (letter != SMART_LETTER_R && letter != SMART_LETTER_S) {
        FUZZ_HOLDS(formal == subject, "written by the subject alone");
    }
}

/* Without one member, a resource is not read where it was not with it. */
static void members_only_add(const smart_grant_t *grant,
                             const smart_json_t *resource, apr_pool_t *p)
{
    smart_slice_t name;
    void *cursor = NULL;
    int n;

    if (covered(grant, SMART_COMPARTMENT_FORMAL, SMART_LETTER_R, resource, p)) {
        return;
    }
    for (n = 0; n < 16 && smart_json_next(resource, &cursor, &name); n++) {
        smart_json_t *less;
        if (smart_slice_is(name, "resourceType") ||
            smart_slice_is(name, "id")) {
            continue;
        }
        less = smart_json_copy(resource, p);
        smart_json_remove(less, name);
        FUZZ_HOLDS(
            !covered(grant, SMART_COMPARTMENT_FORMAL, SMART_LETTER_R, less, p),
            "one member more hides nothing");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const smart_letters_t LETTERS[] = {SMART_LETTER_R, SMART_LETTER_S,
                                              SMART_LETTER_C, SMART_LETTER_U,
                                              SMART_LETTER_D};
    apr_pool_t *p = fuzz_pool();
    smart_slice_t left = fuzz_input(data, size);
    const smart_json_t *resource;
    smart_grant_t grant;
    const char *why;
    size_t i;

    policy.version = SMART_FHIR_R4;
    policy.fhir_user = SMART_FHIR_USER_OPTIONAL;
    policy.compartment = smart_compartment_default();
    if (!fuzz_grant(&left, &grant, p) ||
        smart_json_read(left, p, &resource, &why) != SMART_JSON_READ) {
        return 0;
    }
    for (i = 0; i < sizeof(LETTERS) / sizeof(LETTERS[0]); i++) {
        FUZZ_HOLDS(smart_coverage_type(SMART_FHIR_R4, resource) ||
                       !covered(&grant, SMART_COMPARTMENT_OFF, LETTERS[i],
                                resource, p),
                   "a resource");
        scopes_only_add(&grant, LETTERS[i], resource, p);
        modes_only_add(&grant, LETTERS[i], resource, p);
    }
    members_only_add(&grant, resource, p);
    return 0;
}
