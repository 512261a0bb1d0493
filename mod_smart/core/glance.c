/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glance.c: which members have a say, and verdicts remembered.
 */
#include "core/glance.h"

#include <apr_strings.h>

#include "core/json.h"
#include "core/search.h"

#define MAX_NAMES    64   /* members that may have a say; beyond: all */
#define MAX_TYPES    32   /* types remembered; beyond: the oldest goes */
#define MAX_VERDICTS 16   /* likewise */
#define FIRST_ROOM   1024 /* bytes of the small text */

/* The members that may have a say for a type. */
typedef struct names_t {
    smart_type_t type;
    bool all; /* nobody can say which: every member has */
    smart_slice_t names[MAX_NAMES];
    int count;
} names_t;

typedef struct verdict_t {
    smart_letters_t letter; /* 0: none yet */
    char *text;
    apr_size_t len;
    apr_size_t room;
    bool covered;
} verdict_t;

struct smart_glance_t {
    const smart_coverage_t *c;
    apr_pool_t *p;
    apr_pool_t *scratch;
    names_t *types[MAX_TYPES];
    int next_type;
    verdict_t verdicts[MAX_VERDICTS];
    int next_verdict;
    char *text; /* the small text */
    apr_size_t len;
    apr_size_t room;
};

smart_glance_t *smart_glance_make(const smart_coverage_t *c, apr_pool_t *p)
{
    smart_glance_t *glance = apr_pcalloc(p, sizeof(*glance));

    glance->c = c;
    glance->p = p;
    apr_pool_create(&glance->scratch, p);
    glance->room = FIRST_ROOM;
    glance->text = apr_palloc(p, FIRST_ROOM);
    return glance;
}

/* ---- members that have a say ---- */

static void add_name(names_t *names, smart_slice_t name)
{
    int i;

    for (i = 0; i < names->count; i++) {
        if (smart_slice_equal(names->names[i], name)) {
            return;
        }
    }
    if (names->count == MAX_NAMES) {
        names->all = true;
        return;
    }
    names->names[names->count++] = name;
}

/* The first name of each alternative of a parameter's path (fhir.h). */
static void add_param(names_t *names, smart_fhir_e v, smart_slice_t param)
{
    const smart_fhir_param_t *row = smart_fhir_param(v, names->type, param);
    const char *path = row ? row->path : NULL;

    while (path && *path) {
        add_name(names, smart_slice_n(path, strcspn(path, ".[|")));
        path += strcspn(path, "|");
        path += *path == '|';
    }
}

/* Also those added for other types: a member too many does no harm. */
static void add_compartment(names_t *names, const smart_policy_t *policy)
{
    const smart_fhir_e v = policy->version;
    const smart_compartment_t *c = &policy->compartment;
    const char *const *params = smart_fhir_compartment(v, names->type);
    int i;

    for (i = 0; params && params[i]; i++) {
        add_param(names, v, smart_slice(params[i]));
    }
    add_param(names, v, smart_slice("patient"));
    add_param(names, v, smart_slice("subject"));
    for (i = 0; i < c->extra_count; i++) {
        add_param(names, v, smart_slice(c->extra[i].param));
    }
}

static void add_constraints(names_t *names, smart_fhir_e v,
                            const smart_grant_t *grant, apr_pool_t *p)
{
    smart_search_t pairs;
    const char *why;
    int i;
    int j;

    for (i = 0; i < grant->scope_count; i++) {
        const smart_scope_t *scope = &grant->scopes[i];

        if (scope->constraint_len == 0) {
            continue;
        }
        if (!smart_search_parse(
                smart_slice_n(grant->constraints + scope->constraint_start,
                              scope->constraint_len),
                p, &pairs, &why)) {
            names->all = true; /* only names are wanted: let all be there */
            return;
        }
        for (j = 0; j < pairs.count; j++) {
            add_param(names, v, pairs.params[j].name);
        }
    }
}

static const names_t *names_of(smart_glance_t *glance, smart_type_t type)
{
    const smart_policy_t *policy = glance->c->policy;
    names_t *names;
    int i;

    for (i = 0; i < MAX_TYPES && glance->types[i]; i++) {
        if (glance->types[i]->type == type) {
            return glance->types[i];
        }
    }
    names = glance->types[glance->next_type];
    if (!names) {
        names = apr_palloc(glance->p, sizeof(*names));
        glance->types[glance->next_type] = names;
    }
    glance->next_type = (glance->next_type + 1) % MAX_TYPES;
    names->type = type;
    names->all = false;
    names->count = 0;
    add_name(names, smart_slice("resourceType"));
    if (type == SMART_FHIR_PATIENT) {
        add_name(names, smart_slice("id"));
    }
    add_compartment(names, policy);
    add_constraints(names, policy->version, glance->c->grant, glance->p);
    return names;
}

static bool has_a_say(const names_t *names, smart_slice_t name)
{
    int i;

    for (i = 0; i < names->count; i++) {
        if (smart_slice_equal(names->names[i], name)) {
            return true;
        }
    }
    return names->all;
}

/* ---- the small text ---- */

static void append(smart_glance_t *glance, const char *text, apr_size_t len)
{
    if (len > glance->room - glance->len) {
        char *more;

        glance->room = 2 * (glance->len + len);
        more = apr_palloc(glance->p, glance->room);
        memcpy(more, glance->text, glance->len);
        glance->text = more;
    }
    memcpy(glance->text + glance->len, text, len);
    glance->len += len;
}

static smart_slice_t small_text(smart_glance_t *glance, const names_t *names,
                                const smart_member_t *members, int count)
{
    int i;

    glance->len = 0;
    for (i = 0; i < count; i++) {
        if (has_a_say(names, members[i].name)) {
            append(glance, glance->len ? ",\"" : "{\"", 2);
            append(glance, members[i].name.ptr, members[i].name.len);
            append(glance, "\":", 2);
            append(glance, members[i].value.ptr, members[i].value.len);
        }
    }
    append(glance, "}", 1);
    return smart_slice_n(glance->text, glance->len);
}

/* ---- verdicts ---- */

static bool judge(smart_glance_t *glance, smart_letters_t letter,
                  smart_slice_t text)
{
    const smart_json_t *resource;
    const char *why;
    bool covered;

    /* What can not be read is NULL, and NULL is not covered. */
    smart_json_read(text, glance->scratch, &resource, &why);
    covered = smart_coverage_read(glance->c, letter, resource, glance->scratch);
    apr_pool_clear(glance->scratch);
    return covered;
}

static void remember(smart_glance_t *glance, smart_letters_t letter,
                     smart_slice_t text, bool covered)
{
    verdict_t *v = &glance->verdicts[glance->next_verdict];

    glance->next_verdict = (glance->next_verdict + 1) % MAX_VERDICTS;
    if (v->room < text.len) {
        v->room = 2 * text.len;
        v->text = apr_palloc(glance->p, v->room);
    }
    memcpy(v->text, text.ptr, text.len);
    v->len = text.len;
    v->letter = letter;
    v->covered = covered;
}

/* No letter and no type: coverage says no. */
bool smart_glance_covered(smart_glance_t *glance, smart_letters_t letter,
                          smart_type_t type, const smart_member_t *members,
                          int count)
{
    smart_slice_t text;
    bool covered;
    int i;

    text = small_text(glance, names_of(glance, type), members, count);
    for (i = 0; i < MAX_VERDICTS; i++) {
        const verdict_t *v = &glance->verdicts[i];

        if (v->letter == letter &&
            smart_slice_equal(smart_slice_n(v->text, v->len), text)) {
            return v->covered;
        }
    }
    covered = judge(glance, letter, text);
    remember(glance, letter, text, covered);
    return covered;
}
