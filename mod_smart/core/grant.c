/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grant.c: opens records without trusting them, and judges what they say. On
 * the path of every request: nothing is allocated, and the cost is one pass
 * over the texts, sixteen bytes at a time.
 */
#include "core/grant.h"

#include <stddef.h>

#include "core/bytes.h"
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

/* The sets of letters that a form comes with, bit n for the set n; never the
   empty one. */
#define SET(letters) (1u << (letters))

static const apr_uint32_t sets_of[] = {
    [SMART_SCOPE_LETTERS] = ~SET(0),
    [SMART_SCOPE_READ] = SET(SMART_LETTER_R | SMART_LETTER_S),
    [SMART_SCOPE_WRITE] = SET(SMART_LETTER_C | SMART_LETTER_U | SMART_LETTER_D),
    [SMART_SCOPE_STAR] = SET(SMART_LETTER_C | SMART_LETTER_R | SMART_LETTER_U |
                             SMART_LETTER_D | SMART_LETTER_S),
};

static bool type_fits(smart_type_t type)
{
    return type == SMART_TYPE_ANY ||
           (type != SMART_TYPE_NONE && type <= SMART_FHIR_TYPE_LAST);
}

/* Nearly all scopes are without. */
static bool has_constraint(const smart_scope_t *scope)
{
    return scope->constraint_start != 0 || scope->constraint_len != 0;
}

/* Whether a constraint is in a text of so many bytes. */
static bool constraint_fits(const smart_scope_t *scope, apr_uint32_t len)
{
    return scope->constraint_len > 0 && scope->form == SMART_SCOPE_LETTERS &&
           scope->constraint_len <= len &&
           scope->constraint_start <= len - scope->constraint_len;
}

/* Bits that are not set in any scope, of what comes before its constraint.
   Looked at together: a grant has many scopes. */
static bool has_spare_bits(const smart_scope_t *scope)
{
    static const smart_scope_t spare = {
        .context = 0xfc, /* SMART_CONTEXT_SYSTEM is 3 */
        .letters = 0xe0, /* five of them */
        .form = 0xfc,    /* SMART_SCOPE_STAR is 3 */
        .reserved = 0xff,
        .reserved2 = 0xffff,
    };
    apr_uint64_t set, never;

    memcpy(&set, scope, sizeof(set));
    memcpy(&never, &spare, sizeof(never));
    return (set & never) != 0;
}

_Static_assert(offsetof(smart_scope_t, constraint_start) ==
                   sizeof(apr_uint64_t),
               "eight bytes come before the constraint");

/* Without its constraint. */
static bool scope_fits(const smart_scope_t *scope)
{
    return !has_spare_bits(scope) && scope->context != SMART_CONTEXT_NONE &&
           (sets_of[scope->form] >> scope->letters & 1) != 0 &&
           type_fits(scope->type);
}

static bool scopes_fit(const smart_grant_head_t *head,
                       const smart_scope_t *scopes, apr_byte_t *pkinds)
{
    unsigned plain = 0, constrained = 0; /* bits of contexts */
    unsigned i;

    for (i = 0; i < head->scope_count; i++) {
        const smart_scope_t *scope = &scopes[i];

        if (!scope_fits(scope)) {
            return false;
        }
        if (!has_constraint(scope)) {
            plain |= 1u << scope->context;
        }
        else if (constraint_fits(scope, head->constraint_len)) {
            constrained |= 1u << scope->context;
        }
        else {
            return false;
        }
    }
    *pkinds = (apr_byte_t)(plain | constrained << SMART_GRANT_CONSTRAINED);
    return true;
}

/* Where there is a control other than NUL. Those below a blank, and no other
   byte, come to lie above all the rest by what is added. */
static smart_bytes_t controls(smart_bytes_t x)
{
    return (smart_bytes_t)((smart_bytes_shift(x, 0x60) > 0x60) | (x == 0x7f));
}

/* Whether len bytes are texts, each with its NUL. */
static bool texts_clean(const char *texts, apr_size_t len)
{
    smart_bytes_t found = {0};
    smart_bytes_t few = {0};
    apr_size_t i;

    if (len == 0 || texts[len - 1] != '\0') {
        return false;
    }
    if (len < SMART_BYTES) {
        memcpy(&few, texts, len);
        return smart_bytes_none(controls(few));
    }
    for (i = 0; i < len - SMART_BYTES; i += SMART_BYTES) {
        found |= controls(smart_bytes_at(texts + i));
    }
    /* The last sixteen, some of them for the second time. */
    found |= controls(smart_bytes_at(texts + len - SMART_BYTES));
    return smart_bytes_none(found);
}

/* The next text; empty when there is none left. Before end is a NUL. */
static const char *text_next(const char **pat, const char *end)
{
    const char *text = *pat;

    if (text == end) {
        return "";
    }
    *pat = text + (*text ? strlen(text) : 0) + 1;
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

/* none: an empty text of the record. */
static bool user_read(smart_grant_t *grant, const char *none)
{
    grant->user_patient = none;
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

/* Pass over texts. */
static const char *texts_skip(const char *at, const char *end,
                              apr_uint64_t count)
{
    for (; count > 0 && at != end; count--) {
        text_next(&at, end);
    }
    return at;
}

/* The texts are clean. Were they fewer or more than the head says, the last
   one would not be there or not be as long. */
static bool texts_read(const smart_grant_head_t *head, const char *texts,
                       const char *end, smart_grant_t *grant)
{
    const char *at = texts;

    grant->client_id = text_next(&at, end);
    grant->sub = text_next(&at, end);
    grant->username = text_next(&at, end);
    grant->iss = text_next(&at, end);
    grant->patient = text_next(&at, end);
    grant->encounter = text_next(&at, end);
    grant->fhir_user = text_next(&at, end);
    grant->fhir_context = text_next(&at, end);
    grant->auds = at;
    at = texts_skip(at, end, head->aud_count);
    grant->claims = at;
    at = texts_skip(at, end, 2 * (apr_uint64_t)head->claim_count);
    grant->constraints = at;
    return (apr_size_t)(end - at) == (apr_size_t)head->constraint_len + 1 &&
           strlen(at) == head->constraint_len && id_fits(grant->patient) &&
           id_fits(grant->encounter) && user_read(grant, end - 1);
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
    const char *end;
    apr_byte_t kinds;

    if (!head_read(record, &head)) {
        return false;
    }
    end = record.ptr + record.len;
    /* Aligned: the record is, and the head is a multiple of it. */
    scopes = (const void *)(record.ptr + sizeof(head));
    texts = (const char *)(scopes + head.scope_count);
    if (!texts_clean(texts, (apr_size_t)(end - texts)) ||
        !scopes_fit(&head, scopes, &kinds)) {
        return false;
    }
    head_copy(&head, grant);
    grant->scopes = scopes;
    grant->kinds = kinds;
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

/* ---- move ---- */

void smart_grant_move(const smart_grant_t *from, smart_slice_t old,
                      const char *copy, smart_grant_t *to)
{
#define MOVED(text) (copy + ((const char *)(text)-old.ptr))
    *to = *from;
    to->client_id = MOVED(from->client_id);
    to->sub = MOVED(from->sub);
    to->username = MOVED(from->username);
    to->iss = MOVED(from->iss);
    to->patient = MOVED(from->patient);
    to->user_patient = MOVED(from->user_patient);
    to->fhir_user = MOVED(from->fhir_user);
    to->encounter = MOVED(from->encounter);
    to->fhir_context = MOVED(from->fhir_context);
    to->scopes = (const void *)MOVED(from->scopes);
    to->constraints = MOVED(from->constraints);
    to->auds = MOVED(from->auds);
    to->claims = MOVED(from->claims);
#undef MOVED
}

/* ---- judge ---- */

static smart_slice_t without_slash(smart_slice_t url)
{
    if (url.len > 0 && url.ptr[url.len - 1] == '/') {
        url.len--;
    }
    return url;
}

/* Whether one of the token's audiences is one of ours; an empty one is not. */
static bool audience_is_ours(const smart_grant_t *grant,
                             const char *const *ours)
{
    const char *at = grant->auds;
    int i;

    for (i = 0; i < grant->aud_count; i++) {
        const smart_slice_t text = smart_slice(at);
        const smart_slice_t aud = without_slash(text);
        const char *const *our;

        for (our = ours; aud.len > 0 && our && *our; our++) {
            if (smart_slice_equal(aud, without_slash(smart_slice(*our)))) {
                return true;
            }
        }
        at += text.len + 1;
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
