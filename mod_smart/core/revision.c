/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revision.c: the rows of revision.h. Tags are compared weakly: "W/" is how a
 * server speaks of its versions, not what tells them apart.
 */
#include "core/revision.h"

#include <apr_strings.h>

static bool is_tag_byte(char c)
{
    return c == 0x21 || (c >= 0x23 && c <= 0x7e);
}

/* Take a tag off a text: [W/] DQUOTE *byte DQUOTE. */
static bool take_tag(const char **pat, smart_slice_t *popaque)
{
    const char *at = *pat;
    const char *start;

    if (at[0] == 'W' && at[1] == '/') {
        at += 2;
    }
    if (*at != '"') {
        return false;
    }
    for (start = ++at; is_tag_byte(*at); at++) {
        /* next */
    }
    if (*at != '"') {
        return false;
    }
    *popaque = smart_slice_n(start, (apr_size_t)(at - start));
    *pat = at + 1;
    return true;
}

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

static bool is_star(const char *field)
{
    const char *at = skip_blanks(field);

    return *at == '*' && !*skip_blanks(at + 1);
}

/* Whether a list of tags holds one. What is no list holds none. */
static bool lists(const char *field, const char *etag)
{
    smart_slice_t wanted, tag;
    const char *at = etag;
    bool found = false;

    if (!take_tag(&at, &wanted)) {
        return false;
    }
    at = skip_blanks(field);
    while (take_tag(&at, &tag)) {
        found = found || smart_slice_equal(tag, wanted);
        at = skip_blanks(at);
        if (!*at) {
            return found;
        }
        if (*at != ',') {
            return false;
        }
        at = skip_blanks(at + 1);
    }
    return false;
}

const char *smart_revision_etag(const char *field, const smart_json_t *resource,
                                apr_pool_t *p)
{
    const smart_json_t *meta = smart_json_member(resource, "meta");
    smart_slice_t opaque, version;
    const char *at = field ? field : "";
    const char *made;

    if (take_tag(&at, &opaque) && !*at) {
        return apr_pstrdup(p, field);
    }
    if (!smart_json_string(smart_json_member(meta, "versionId"), &version)) {
        return NULL;
    }
    at = made = apr_pstrcat(p, "W/\"", version.ptr, "\"", NULL);
    return take_tag(&at, &opaque) && !*at && opaque.len ? made : NULL;
}

static smart_letters_t letter_of(const smart_interaction_t *i)
{
    return i->kind == SMART_INTERACTION_DELETE ? SMART_LETTER_D
                                               : SMART_LETTER_U;
}

static smart_reason_e judge_nothing(const smart_interaction_t *i,
                                    const smart_client_match_t *client,
                                    smart_revision_t *prev)
{
    if (i->kind != SMART_INTERACTION_UPDATE) {
        return SMART_REASON_FOREIGN;
    }
    if (client->if_match) {
        return SMART_REASON_PRECONDITION;
    }
    prev->if_none_match = "*";
    return SMART_REASON_UNDECIDED;
}

static bool client_agrees(const smart_client_match_t *client, const char *etag)
{
    if (client->if_none_match &&
        (is_star(client->if_none_match) ||
         (etag && lists(client->if_none_match, etag)))) {
        return false;
    }
    return !client->if_match || is_star(client->if_match) ||
           (etag && lists(client->if_match, etag));
}

smart_reason_e smart_revision_judge(const smart_coverage_t *c,
                                    const smart_interaction_t *i,
                                    const smart_found_t *found,
                                    const smart_client_match_t *client,
                                    apr_pool_t *p, smart_revision_t *prev)
{
    memset(prev, 0, sizeof(*prev));
    if (!found->resource) {
        return judge_nothing(i, client, prev);
    }
    if (!smart_coverage_current(c, letter_of(i), found->resource, p)) {
        return SMART_REASON_FOREIGN;
    }
    if (!client_agrees(client, found->etag)) {
        return SMART_REASON_PRECONDITION;
    }
    prev->if_match = found->etag ? found->etag : client->if_match;
    return SMART_REASON_UNDECIDED;
}

smart_reason_e smart_revision_operate(const smart_coverage_t *c,
                                      const smart_found_t *found, apr_pool_t *p)
{
    return smart_coverage_read(c, SMART_LETTER_R, found->resource, p) ||
                   smart_coverage_current(c, SMART_LETTER_U, found->resource, p)
               ? SMART_REASON_UNDECIDED
               : SMART_REASON_FOREIGN;
}
