/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grant_make.c: an introspection answer is read member by member into a
 * draft, which points into the answer, and the draft is written as a record.
 *
 * Readers return false when the answer is unusable and have said in the draft
 * which member it is.
 */
#include "core/grant.h"

#include <apr_cstr.h>
#include <apr_hash.h>
#include <apr_tables.h>

#include "core/grant_record.h"
#include "core/json.h"

_Static_assert(sizeof(smart_grant_head_t) == 40, "the head has no holes");
_Static_assert(sizeof(smart_scope_t) == 16, "scopes have no holes");
_Static_assert(SMART_MAX_SCOPES <= APR_UINT16_MAX, "a count fits its field");

typedef struct draft_t {
    const smart_grant_recipe_t *recipe;
    const smart_json_t *answer;
    apr_pool_t *p;
    const char *detail;   /* which member is wrong */
    const char *unjudged; /* parameter of a scope that grants nothing */
    smart_grant_head_t head;
    smart_slice_t texts[SMART_GRANT_TEXTS];
    apr_array_header_t *scopes;      /* smart_scope_t */
    apr_array_header_t *constraints; /* smart_slice_t, one per scope */
    apr_array_header_t *auds;        /* smart_slice_t */
    apr_array_header_t *claims;      /* smart_slice_t, name and value */
    apr_hash_t *kept;                /* texts of scopes */
    unsigned words;                  /* of scope, so far */
} draft_t;

static bool wrong(draft_t *draft, const char *detail)
{
    draft->detail = detail;
    return false;
}

static void push(apr_array_header_t *texts, smart_slice_t text)
{
    APR_ARRAY_PUSH(texts, smart_slice_t) = text;
}

/* ---- single members ---- */

/* NULL: absent, which null is too. */
static const smart_json_t *member(const draft_t *draft, const char *name)
{
    const smart_json_t *value = smart_json_member(draft->answer, name);

    return smart_json_kind(value) == SMART_JSON_NULL ? NULL : value;
}

static bool no_controls(smart_slice_t text)
{
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];

        if (c < 0x20 || c == 0x7f) {
            return false;
        }
    }
    return true;
}

/* A text that is kept: no control byte (they go into headers and logs). */
static bool text_of(const smart_json_t *value, smart_slice_t *ptext)
{
    return smart_json_string(value, ptext) && no_controls(*ptext);
}

/* A string, or absent; *ptext is empty when it is absent. */
static bool text_read(draft_t *draft, const char *name, smart_slice_t *ptext)
{
    const smart_json_t *value = member(draft, name);

    *ptext = smart_slice_n(NULL, 0);
    return !value || text_of(value, ptext) || wrong(draft, name);
}

static bool time_read(draft_t *draft, const char *name, apr_int64_t *ptime)
{
    const smart_json_t *value = member(draft, name);

    return !value || smart_json_whole(value, 0, SMART_GRANT_MAX_TIME, ptime) ||
           wrong(draft, name);
}

static bool times_read(draft_t *draft)
{
    if (!time_read(draft, "exp", &draft->head.exp) ||
        !time_read(draft, "nbf", &draft->head.nbf)) {
        return false;
    }
    /* 0 in a record is "never": a token that expired in 1970 did expire. */
    if (draft->head.exp == 0 && member(draft, "exp")) {
        draft->head.exp = 1;
    }
    return true;
}

/* RFC 6749 7.1: token types have no case. */
static bool binding_read(draft_t *draft)
{
    smart_slice_t type;

    if (!text_read(draft, "token_type", &type)) {
        return false;
    }
    if (member(draft, "cnf") ||
        (type.ptr && apr_cstr_casecmp(type.ptr, "Bearer") != 0)) {
        draft->head.flags |= SMART_GRANT_FLAG_BOUND;
    }
    return true;
}

static bool names_read(draft_t *draft)
{
    smart_slice_t *texts = draft->texts;

    return text_read(draft, "client_id", &texts[SMART_GRANT_CLIENT_ID]) &&
           text_read(draft, "sub", &texts[SMART_GRANT_SUB]) &&
           text_read(draft, "username", &texts[SMART_GRANT_USERNAME]) &&
           text_read(draft, "iss", &texts[SMART_GRANT_ISS]);
}

/* ---- context ---- */

/* Take a prefix off, if it is there. */
static bool strip(smart_slice_t *text, const char *prefix)
{
    const apr_size_t len = strlen(prefix);

    if (text->len < len || memcmp(text->ptr, prefix, len) != 0) {
        return false;
    }
    *text = smart_slice_n(text->ptr + len, text->len - len);
    return true;
}

/* Take our base and its slash off. */
static bool strip_base(const draft_t *draft, smart_slice_t *text)
{
    smart_slice_t rest = *text;

    if (!draft->recipe->public_url ||
        !strip(&rest, draft->recipe->public_url) || !strip(&rest, "/")) {
        return false;
    }
    *text = rest;
    return true;
}

/* The id in: id, type "/" id, base "/" type "/" id. type ends in "/". */
static smart_slice_t id_in(const draft_t *draft, smart_slice_t text,
                           const char *type)
{
    const bool absolute = strip_base(draft, &text);
    const bool typed = strip(&text, type);

    return (typed || !absolute) && smart_grant_is_id(text)
               ? text
               : smart_slice_n(NULL, 0);
}

static smart_user_e user_of(const draft_t *draft, smart_slice_t text)
{
    smart_user_e user = SMART_USER_UNUSABLE;

    strip_base(draft, &text);
    if (strip(&text, "Patient/")) {
        user = SMART_USER_PATIENT;
    }
    else if (strip(&text, "Practitioner/") ||
             strip(&text, "PractitionerRole/")) {
        user = SMART_USER_PRACTITIONER;
    }
    return smart_grant_is_id(text) ? user : SMART_USER_UNUSABLE;
}

static bool references_read(draft_t *draft)
{
    smart_slice_t *texts = draft->texts;
    smart_slice_t user;

    if (!text_read(draft, "patient", &texts[SMART_GRANT_PATIENT]) ||
        !text_read(draft, "encounter", &texts[SMART_GRANT_ENCOUNTER]) ||
        !text_read(draft, "fhirUser", &user)) {
        return false;
    }
    texts[SMART_GRANT_PATIENT] =
        id_in(draft, texts[SMART_GRANT_PATIENT], "Patient/");
    texts[SMART_GRANT_ENCOUNTER] =
        id_in(draft, texts[SMART_GRANT_ENCOUNTER], "Encounter/");
    texts[SMART_GRANT_FHIR_USER] = user;
    draft->head.user =
        (apr_byte_t)(user.ptr ? user_of(draft, user) : SMART_USER_ABSENT);
    return true;
}

static bool context_read(draft_t *draft)
{
    const smart_json_t *value = member(draft, "fhirContext");
    smart_slice_t text;

    if (!value) {
        return true;
    }
    if (smart_json_kind(value) != SMART_JSON_ARRAY ||
        !smart_json_write(value, draft->p, &text) || !no_controls(text)) {
        return wrong(draft, "fhirContext");
    }
    if (text.len > SMART_GRANT_MAX_CONTEXT) {
        draft->head.flags |= SMART_GRANT_FLAG_CUT;
    }
    else {
        draft->texts[SMART_GRANT_FHIR_CONTEXT] = text;
    }
    return true;
}

/* ---- lists ---- */

/* Whether a value is an array of strings we can keep. */
static bool is_texts(const smart_json_t *value)
{
    smart_slice_t text;
    apr_size_t i;

    for (i = 0; i < smart_json_count(value); i++) {
        if (!text_of(smart_json_item(value, i), &text)) {
            return false;
        }
    }
    return smart_json_kind(value) == SMART_JSON_ARRAY;
}

static bool aud_read(draft_t *draft)
{
    const smart_json_t *value = member(draft, "aud");
    smart_slice_t text = {"", 0};
    apr_size_t i;

    if (!value) {
        return true;
    }
    if (text_of(value, &text)) {
        push(draft->auds, text);
        return true;
    }
    if (!is_texts(value)) {
        return wrong(draft, "aud");
    }
    for (i = 0; i < smart_json_count(value); i++) {
        smart_json_string(smart_json_item(value, i), &text);
        push(draft->auds, text);
    }
    if (i == 0) {
        /* Matches nothing, but is not absent. */
        push(draft->auds, smart_slice(""));
    }
    return true;
}

static void scope_take(draft_t *draft, smart_slice_t text)
{
    const smart_fhir_e v = draft->recipe->version;
    smart_scope_t scope;

    if (text.len == 0 ||
        apr_hash_get(draft->kept, text.ptr, (apr_ssize_t)text.len)) {
        return;
    }
    if (!smart_scope_parse(v, text, &scope)) {
        if (!draft->unjudged) {
            draft->unjudged = smart_scope_unjudged(v, text, draft->p);
        }
        return;
    }
    apr_hash_set(draft->kept, text.ptr, (apr_ssize_t)text.len, draft);
    push(draft->constraints, smart_slice_n(text.ptr + scope.constraint_start,
                                           scope.constraint_len));
    scope.constraint_start =
        scope.constraint_len ? draft->head.constraint_len : 0;
    draft->head.constraint_len += scope.constraint_len;
    APR_ARRAY_PUSH(draft->scopes, smart_scope_t) = scope;
}

/* The first alias of a word wins: inner configuration comes first. */
static const smart_scope_alias_t *alias_of(const draft_t *draft,
                                           smart_slice_t word)
{
    int i;

    for (i = 0; i < draft->recipe->alias_count; i++) {
        if (smart_slice_is(word, draft->recipe->aliases[i].as_scope)) {
            return &draft->recipe->aliases[i];
        }
    }
    return NULL;
}

static bool word_take(draft_t *draft, smart_slice_t word)
{
    const smart_scope_alias_t *alias = alias_of(draft, word);
    const char *const *scope;

    if (++draft->words > SMART_MAX_SCOPES) {
        return wrong(draft, "scope");
    }
    if (!alias) {
        scope_take(draft, word);
        return true;
    }
    for (scope = alias->scopes; *scope; scope++) {
        if (++draft->words > SMART_MAX_SCOPES) {
            return wrong(draft, "scope");
        }
        scope_take(draft, smart_slice(*scope));
    }
    return true;
}

/* Words are not held to be free of controls: one with a control is no scope,
 * and nothing else of it is kept. */
static bool scopes_read(draft_t *draft)
{
    const smart_json_t *value = member(draft, "scope");
    smart_slice_t text;
    apr_size_t start = 0;
    apr_size_t i;

    if (!value) {
        return true;
    }
    if (!smart_json_string(value, &text)) {
        return wrong(draft, "scope");
    }
    for (i = 0; i <= text.len; i++) {
        if (i == text.len || text.ptr[i] == ' ') {
            if (i > start &&
                !word_take(draft, smart_slice_n(text.ptr + start, i - start))) {
                return false;
            }
            start = i + 1;
        }
    }
    return true;
}

/* ---- claims the administrator asked for ---- */

/* The recipe's own text of a name; NULL: not asked for. */
static const char *claim_named(const smart_grant_recipe_t *recipe,
                               smart_slice_t name)
{
    int low = 0;
    int high = recipe->claim_count;

    while (low < high) {
        const int middle = low + (high - low) / 2;
        const int order = strcmp(name.ptr, recipe->claims[middle]);

        if (order == 0) {
            return recipe->claims[middle];
        }
        if (order < 0) {
            high = middle;
        }
        else {
            low = middle + 1;
        }
    }
    return NULL;
}

static bool claim_push(draft_t *draft, const char *name, smart_slice_t value)
{
    if (!no_controls(value)) {
        return wrong(draft, name);
    }
    push(draft->claims, smart_slice(name));
    push(draft->claims, value);
    return true;
}

static bool claim_list(draft_t *draft, const char *name,
                       const smart_json_t *array)
{
    smart_slice_t text;
    apr_size_t i;

    for (i = 0; i < smart_json_count(array); i++) {
        if (!smart_json_string(smart_json_item(array, i), &text)) {
            return true;
        }
    }
    for (i = 0; i < smart_json_count(array); i++) {
        smart_json_string(smart_json_item(array, i), &text);
        if (!claim_push(draft, name, text)) {
            return false;
        }
    }
    return true;
}

static bool claim_take(draft_t *draft, const char *name,
                       const smart_json_t *value)
{
    smart_slice_t text;

    switch (smart_json_kind(value)) {
    case SMART_JSON_STRING:
        return smart_json_string(value, &text) && claim_push(draft, name, text);
    case SMART_JSON_NUMBER:
    case SMART_JSON_BOOLEAN:
        return smart_json_write(value, draft->p, &text) &&
               claim_push(draft, name, text);
    case SMART_JSON_ARRAY:
        return claim_list(draft, name, value);
    case SMART_JSON_OBJECT:
    case SMART_JSON_NULL:
    case SMART_JSON_ABSENT:
        break;
    }
    return true;
}

static bool claims_read(draft_t *draft)
{
    const smart_json_t *value;
    smart_slice_t name;
    void *cursor = NULL;

    while ((value = smart_json_next(draft->answer, &cursor, &name)) != NULL) {
        const char *claim = claim_named(draft->recipe, name);

        if (claim && !claim_take(draft, claim, value)) {
            return false;
        }
    }
    return true;
}

/* ---- the record ---- */

static apr_size_t texts_len(const apr_array_header_t *texts)
{
    apr_size_t len = 0;
    int i;

    for (i = 0; i < texts->nelts; i++) {
        len += APR_ARRAY_IDX(texts, i, smart_slice_t).len + 1;
    }
    return len;
}

static char *bytes_put(char *to, const void *from, apr_size_t len)
{
    if (len) {
        memcpy(to, from, len);
    }
    return to + len;
}

static char *text_put(char *to, smart_slice_t text)
{
    to = bytes_put(to, text.ptr, text.len);
    *to = '\0';
    return to + 1;
}

static char *texts_put(char *to, const apr_array_header_t *texts)
{
    int i;

    for (i = 0; i < texts->nelts; i++) {
        to = text_put(to, APR_ARRAY_IDX(texts, i, smart_slice_t));
    }
    return to;
}

static apr_size_t record_len(const draft_t *draft)
{
    apr_size_t len = sizeof(draft->head) +
                     (apr_size_t)draft->scopes->nelts * sizeof(smart_scope_t) +
                     texts_len(draft->auds) + texts_len(draft->claims) +
                     draft->head.constraint_len + 1;
    int i;

    for (i = 0; i < SMART_GRANT_TEXTS; i++) {
        len += draft->texts[i].len + 1;
    }
    return len;
}

static bool record_write(draft_t *draft, smart_slice_t *precord)
{
    const apr_size_t len = record_len(draft);
    char *record;
    char *to;
    int i;

    if (len > SMART_GRANT_MAX_RECORD) {
        return wrong(draft, "more than can be kept");
    }
    draft->head.layout = SMART_GRANT_LAYOUT;
    draft->head.len = (apr_uint32_t)len;
    draft->head.scope_count = (apr_uint16_t)draft->scopes->nelts;
    draft->head.aud_count = (apr_uint32_t)draft->auds->nelts;
    draft->head.claim_count = (apr_uint32_t)draft->claims->nelts / 2;
    to = record = apr_palloc(draft->p, len);
    to = bytes_put(to, &draft->head, sizeof(draft->head));
    to = bytes_put(to, draft->scopes->elts,
                   (apr_size_t)draft->scopes->nelts * sizeof(smart_scope_t));
    for (i = 0; i < SMART_GRANT_TEXTS; i++) {
        to = text_put(to, draft->texts[i]);
    }
    to = texts_put(to, draft->auds);
    to = texts_put(to, draft->claims);
    for (i = 0; i < draft->constraints->nelts; i++) {
        const smart_slice_t text =
            APR_ARRAY_IDX(draft->constraints, i, smart_slice_t);

        to = bytes_put(to, text.ptr, text.len);
    }
    *to = '\0';
    *precord = smart_slice_n(record, len);
    return true;
}

/* ---- the answer ---- */

static void draft_init(draft_t *draft, const smart_grant_recipe_t *recipe,
                       const smart_json_t *answer, apr_pool_t *p)
{
    memset(draft, 0, sizeof(*draft));
    draft->recipe = recipe;
    draft->answer = answer;
    draft->p = p;
    draft->detail = "";
    draft->scopes = apr_array_make(p, 16, sizeof(smart_scope_t));
    draft->constraints = apr_array_make(p, 16, sizeof(smart_slice_t));
    draft->auds = apr_array_make(p, 2, sizeof(smart_slice_t));
    draft->claims = apr_array_make(p, 2, sizeof(smart_slice_t));
    draft->kept = apr_hash_make(p);
}

/* An answer that says inactive is not held to anything else. */
static smart_grant_e answer_read(draft_t *draft, smart_slice_t *precord)
{
    const smart_json_t *active = smart_json_member(draft->answer, "active");

    if (smart_json_is_false(active)) {
        return SMART_GRANT_INACTIVE;
    }
    if (!smart_json_is_true(active)) {
        draft->detail = "active";
        return SMART_GRANT_UNPROVEN;
    }
    return times_read(draft) && binding_read(draft) && names_read(draft) &&
                   references_read(draft) && context_read(draft) &&
                   aud_read(draft) && scopes_read(draft) &&
                   claims_read(draft) && record_write(draft, precord)
               ? SMART_GRANT_ACTIVE
               : SMART_GRANT_UNPROVEN;
}

static smart_grant_e json_refused(smart_json_read_e result)
{
    return result == SMART_JSON_RANGE ? SMART_GRANT_UNPROVEN
                                      : SMART_GRANT_TROUBLE;
}

smart_grant_e smart_grant_make(const smart_grant_recipe_t *recipe,
                               smart_slice_t body, apr_pool_t *p,
                               smart_slice_t *precord, apr_int64_t *pexp,
                               const char **pdetail)
{
    const smart_json_t *answer;
    smart_json_read_e result;
    smart_grant_e grant;
    draft_t draft;

    *precord = smart_slice_n(NULL, 0);
    *pexp = 0;
    if (body.len > SMART_MAX_ANSWER) {
        *pdetail = "the answer is too long";
        return SMART_GRANT_TROUBLE;
    }
    result = smart_json_read(body, p, &answer, pdetail);
    if (result != SMART_JSON_READ) {
        return json_refused(result);
    }
    if (smart_json_kind(answer) != SMART_JSON_OBJECT) {
        smart_json_close(answer, p);
        *pdetail = "no object";
        return SMART_GRANT_TROUBLE;
    }
    draft_init(&draft, recipe, answer, p);
    grant = answer_read(&draft, precord);
    smart_json_close(answer, p);
    *pdetail = grant == SMART_GRANT_ACTIVE && draft.unjudged ? draft.unjudged
                                                             : draft.detail;
    *pexp = grant == SMART_GRANT_ACTIVE ? draft.head.exp : 0;
    return grant;
}
