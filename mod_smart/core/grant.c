/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grant.c: opens records without trusting them, and judges what they say. On
 * the path of every request: nothing is allocated, and the cost is one pass
 * over the texts, eight bytes at a time.
 */
#include "core/grant.h"

#include "core/grant_record.h"

/* ---- open ---- */

static bool head_read(smart_slice_t record, smart_grant_head_t *head)
{
    if (record.len < sizeof(*head) || record.len > SMART_GRANT_MAX_RECORD ||
        (apr_uintptr_t)record.ptr % 8 != 0) {
        return false;
    }
    memcpy(head, record.ptr, sizeof(*head));
    return head->layout == SMART_GRANT_LAYOUT && head->len == record.len &&
           head->exp >= 0 && head->exp <= SMART_GRANT_MAX_TIME &&
           head->nbf >= 0 && head->nbf <= SMART_GRANT_MAX_TIME &&
           (head->flags & ~SMART_GRANT_FLAGS) == 0 &&
           head->user <= SMART_USER_PRACTITIONER &&
           head->scope_count <= SMART_MAX_SCOPES &&
           head->scope_count * sizeof(smart_scope_t) <
               record.len - sizeof(*head);
}

/* What a permission written in a form means; 0: any letters. */
static unsigned form_letters(unsigned form)
{
    switch ((smart_scope_form_e)form) {
    case SMART_SCOPE_READ:
        return SMART_LETTER_R | SMART_LETTER_S;
    case SMART_SCOPE_WRITE:
        return SMART_LETTER_C | SMART_LETTER_U | SMART_LETTER_D;
    case SMART_SCOPE_STAR:
        return SMART_LETTER_C | SMART_LETTER_R | SMART_LETTER_U |
               SMART_LETTER_D | SMART_LETTER_S;
    case SMART_SCOPE_LETTERS:
        break;
    }
    return 0;
}

static bool permission_fits(const smart_scope_t *scope)
{
    const unsigned letters = form_letters(scope->form);

    return scope->form <= SMART_SCOPE_STAR && scope->letters != 0 &&
           scope->letters < 0x20 && (!letters || letters == scope->letters) &&
           (scope->constraint_len == 0 || scope->form == SMART_SCOPE_LETTERS);
}

static bool scope_fits(const smart_scope_t *scope, apr_uint32_t constraint_len)
{
    return scope->context >= SMART_CONTEXT_PATIENT &&
           scope->context <= SMART_CONTEXT_SYSTEM && permission_fits(scope) &&
           scope->reserved == 0 && scope->reserved2 == 0 &&
           (scope->type == SMART_TYPE_ANY ||
            smart_fhir_type_name(scope->type)) &&
           scope->constraint_len <= constraint_len &&
           scope->constraint_start <= constraint_len - scope->constraint_len;
}

static bool scopes_fit(const smart_grant_head_t *head,
                       const smart_scope_t *scopes)
{
    unsigned i;

    for (i = 0; i < head->scope_count; i++) {
        if (!scope_fits(&scopes[i], head->constraint_len)) {
            return false;
        }
    }
    return true;
}

/* A byte in each of eight. */
#define EACH(byte) (APR_UINT64_C(0x0101010101010101) * (byte))

/*
 * Look at eight bytes at once: count the NULs, notice other controls. No sum
 * carries into the next byte, as both its parts are below 0x80.
 */
static bool eight_clean(apr_uint64_t eight, apr_uint64_t *pnuls)
{
    const apr_uint64_t low = eight & EACH(0x7f);
    const apr_uint64_t not_nul = ((low + EACH(0x7f)) | eight) & EACH(0x80);
    const apr_uint64_t graphic = ((low + EACH(0x60)) | eight) & EACH(0x80);
    const apr_uint64_t del = (low + EACH(0x01)) & ~eight & EACH(0x80);

    /* The product's highest byte is the sum of all. */
    *pnuls += (((not_nul ^ EACH(0x80)) >> 7) * EACH(0x01)) >> 56;
    return ((not_nul & ~graphic) | del) == 0;
}

/* Whether len bytes are so many texts. */
static bool texts_clean(const char *texts, apr_size_t len, apr_uint64_t count)
{
    apr_uint64_t nuls = 0;
    apr_uint64_t eight;
    bool clean = len > 0 && texts[len - 1] == '\0';

    for (; clean && len >= sizeof(eight); len -= sizeof(eight)) {
        memcpy(&eight, texts, sizeof(eight));
        clean = eight_clean(eight, &nuls);
        texts += sizeof(eight);
    }
    eight = EACH('x');
    memcpy(&eight, texts, len < sizeof(eight) ? len : 0);
    return clean && eight_clean(eight, &nuls) && nuls == count;
}

static const char *text_next(const char **pat)
{
    const char *text = *pat;

    *pat = text + strlen(text) + 1;
    return text;
}

/* The id in ".../Patient/<id>" or "Patient/<id>"; NULL: there is none. */
static const char *patient_of(const char *user)
{
    static const char type[] = "Patient/";
    const apr_size_t type_len = sizeof(type) - 1;
    const char *slash = strrchr(user, '/');
    apr_size_t before = slash ? (apr_size_t)(slash + 1 - user) : 0;

    if (before < type_len ||
        memcmp(slash + 1 - type_len, type, type_len) != 0 ||
        (before > type_len && slash[-(apr_ssize_t)type_len] != '/') ||
        !smart_grant_is_id(smart_slice(slash + 1))) {
        return NULL;
    }
    return slash + 1;
}

static bool user_read(smart_grant_t *grant)
{
    grant->user_patient = "";
    switch (grant->user) {
    case SMART_USER_PATIENT:
        grant->user_patient = patient_of(grant->fhir_user);
        return grant->user_patient != NULL;
    case SMART_USER_PRACTITIONER:
        return *grant->fhir_user != '\0';
    case SMART_USER_ABSENT:
        return *grant->fhir_user == '\0';
    case SMART_USER_UNUSABLE:
        return true;
    }
    return false;
}

static bool id_fits(const char *text)
{
    return *text == '\0' || smart_grant_is_id(smart_slice(text));
}

/* The texts are clean and as many as the head says. */
static bool texts_read(const smart_grant_head_t *head, const char *texts,
                       const char *end, smart_grant_t *grant)
{
    const char *at = texts;
    apr_uint32_t i;

    grant->client_id = text_next(&at);
    grant->sub = text_next(&at);
    grant->username = text_next(&at);
    grant->iss = text_next(&at);
    grant->patient = text_next(&at);
    grant->encounter = text_next(&at);
    grant->fhir_user = text_next(&at);
    grant->fhir_context = text_next(&at);
    grant->auds = at;
    for (i = 0; i < head->aud_count; i++) {
        text_next(&at);
    }
    grant->claims = at;
    for (i = 0; i < head->claim_count; i++) {
        text_next(&at);
        text_next(&at);
    }
    grant->constraints = at;
    return (apr_size_t)(end - at) == (apr_size_t)head->constraint_len + 1 &&
           id_fits(grant->patient) && id_fits(grant->encounter) &&
           user_read(grant);
}

static void head_copy(const smart_grant_head_t *head, smart_grant_t *grant)
{
    memset(grant, 0, sizeof(*grant));
    grant->exp = head->exp;
    grant->nbf = head->nbf;
    grant->bound = (head->flags & SMART_GRANT_FLAG_BOUND) != 0;
    grant->context_cut = (head->flags & SMART_GRANT_FLAG_CUT) != 0;
    grant->user = (smart_user_e)head->user;
    grant->scope_count = head->scope_count;
    grant->aud_count = (int)head->aud_count;
    grant->claim_count = (int)head->claim_count;
}

static bool record_read(smart_slice_t record, smart_grant_t *grant)
{
    smart_grant_head_t head;
    const smart_scope_t *scopes;
    const char *texts;
    const char *end = record.ptr + record.len;

    if (!head_read(record, &head)) {
        return false;
    }
    /* Aligned: the record is, and the head is a multiple of it. */
    scopes = (const void *)(record.ptr + sizeof(head));
    texts = (const char *)(scopes + head.scope_count);
    if (!texts_clean(texts, (apr_size_t)(end - texts),
                     SMART_GRANT_TEXTS + (apr_uint64_t)head.aud_count +
                         2 * (apr_uint64_t)head.claim_count + 1) ||
        !scopes_fit(&head, scopes)) {
        return false;
    }
    head_copy(&head, grant);
    grant->scopes = scopes;
    return texts_read(&head, texts, end, grant);
}

bool smart_grant_open(smart_slice_t record, smart_grant_t *grant)
{
    if (record_read(record, grant)) {
        return true;
    }
    memset(grant, 0, sizeof(*grant));
    return false;
}

/* ---- judge ---- */

static smart_slice_t without_slash(const char *url)
{
    smart_slice_t out = smart_slice(url);

    if (out.len > 0 && out.ptr[out.len - 1] == '/') {
        out.len--;
    }
    return out;
}

/* Whether one of the token's audiences is one of ours; an empty one is not. */
static bool audience_is_ours(const smart_grant_t *grant,
                             const char *const *ours)
{
    const char *at = grant->auds;
    int i;

    for (i = 0; i < grant->aud_count; i++) {
        const smart_slice_t aud = without_slash(text_next(&at));
        const char *const *our;

        for (our = ours; aud.len > 0 && our && *our; our++) {
            if (smart_slice_equal(aud, without_slash(*our))) {
                return true;
            }
        }
    }
    return false;
}

static bool audience_fits(const smart_grant_t *grant,
                          const smart_token_policy_t *policy)
{
    switch (policy->audience) {
    case SMART_AUDIENCE_OFF:
        return true;
    case SMART_AUDIENCE_OPTIONAL:
        return grant->aud_count == 0 || audience_is_ours(grant, policy->auds);
    case SMART_AUDIENCE_REQUIRED:
        return audience_is_ours(grant, policy->auds);
    }
    return false;
}

smart_reason_e smart_grant_judge(const smart_grant_t *grant,
                                 const smart_token_policy_t *policy,
                                 apr_int64_t now)
{
    if (!grant->iss) {
        /* Nobody opened it. */
        return SMART_REASON_TOKEN_UNPROVEN;
    }
    if (grant->bound) {
        return SMART_REASON_TOKEN_BOUND;
    }
    if (grant->exp != 0 && now >= grant->exp) {
        return SMART_REASON_TOKEN_EXPIRED;
    }
    if (grant->nbf - SMART_GRANT_SKEW_S > now) {
        return SMART_REASON_TOKEN_NOT_YET;
    }
    if (policy->issuer && strcmp(policy->issuer, grant->iss) != 0) {
        return SMART_REASON_TOKEN_ISSUER;
    }
    return audience_fits(grant, policy) ? SMART_REASON_UNDECIDED
                                        : SMART_REASON_TOKEN_AUDIENCE;
}
