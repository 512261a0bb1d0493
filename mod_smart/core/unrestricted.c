/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unrestricted.c: the rows of unrestricted.h.
 */
#include "core/unrestricted.h"

#include "core/reach.h"
#include "core/restriction.h"

/* Whether a part may search every type that a search looks at. */
static bool may_reach(const smart_grant_t *grant, const smart_part_t *part,
                      const smart_reach_t *reach)
{
    smart_need_t need = {0};
    int scope;

    need.kind = SMART_NEED_TYPES;
    need.letters = SMART_LETTER_S;
    need.types = reach->types;
    return smart_typeset_empty(&reach->types) ||
           smart_part_covers(grant, part, &need, &scope);
}

static bool searches_all(const smart_policy_t *policy,
                         const smart_grant_t *grant)
{
    return smart_part_unlimited(grant, policy, SMART_LETTER_S);
}

smart_verdict_t smart_unrestricted_search(const smart_policy_t *policy,
                                          const smart_grant_t *grant,
                                          const smart_part_t *part,
                                          smart_type_t type,
                                          const smart_search_t *search)
{
    smart_reach_t reach;

    if (!search->count) {
        return smart_verdict_may(SMART_OBLIGE_NONE);
    }
    reach = smart_reach_search(policy->version, type, search);
    if (!may_reach(grant, part, &reach)) {
        return smart_verdict_not(SMART_REASON_CONSTRUCT);
    }
    return reach.includes && !searches_all(policy, grant)
               ? smart_verdict_shows(SMART_LETTER_S)
               : smart_verdict_may(SMART_OBLIGE_NONE);
}

/* A page may be one of any search: it is looked at, wherever it is asked for.
   Some servers answer it below every path. */
static unsigned owed(const smart_policy_t *policy, const smart_grant_t *grant,
                     const smart_interaction_t *i)
{
    unsigned obligations = SMART_OBLIGE_NONE;

    if (smart_reach_paged(&i->search)) {
        obligations |= SMART_OBLIGE_INSPECT;
    }
    if (i->form) {
        obligations |= SMART_OBLIGE_FORM;
    }
    return obligations && searches_all(policy, grant) ? SMART_OBLIGE_NONE
                                                      : obligations;
}

static smart_verdict_t judge_page(const smart_policy_t *policy,
                                  const smart_grant_t *grant,
                                  const smart_interaction_t *i)
{
    return searches_all(policy, grant) ? smart_verdict_may(SMART_OBLIGE_NONE)
                                       : smart_restriction_page(&i->search);
}

/* criteria: which resource is meant. A DELETE of all types is answered with
   none. */
static smart_verdict_t judge_write(const smart_policy_t *policy,
                                   const smart_grant_t *grant,
                                   const smart_part_t *part,
                                   const smart_interaction_t *i,
                                   const smart_search_t *criteria)
{
    smart_verdict_t verdict =
        smart_unrestricted_search(policy, grant, part, i->type, criteria);

    verdict.obligations |= smart_restriction_answer(policy, grant, i->type);
    verdict.shown = SMART_LETTER_R;
    return verdict;
}

smart_verdict_t smart_unrestricted_judge(const smart_policy_t *policy,
                                         const smart_grant_t *grant,
                                         const smart_part_t *part,
                                         const smart_interaction_t *i)
{
    smart_verdict_t verdict = smart_verdict_may(SMART_OBLIGE_NONE);

    switch (i->kind) {
    case SMART_INTERACTION_READ:
    case SMART_INTERACTION_VREAD:
    case SMART_INTERACTION_HISTORY_INSTANCE:
    case SMART_INTERACTION_HISTORY_TYPE:
    case SMART_INTERACTION_HISTORY_SYSTEM:
        break;
    case SMART_INTERACTION_CREATE:
        return judge_write(policy, grant, part, i, &i->if_none_exist);
    case SMART_INTERACTION_UPDATE:
    case SMART_INTERACTION_PATCH:
    case SMART_INTERACTION_DELETE:
        return judge_write(policy, grant, part, i, &i->search);
    case SMART_INTERACTION_SEARCH_TYPE:
    case SMART_INTERACTION_SEARCH_SYSTEM:
    case SMART_INTERACTION_SEARCH_COMPARTMENT:
        verdict =
            smart_unrestricted_search(policy, grant, part, i->type, &i->search);
        break;
    case SMART_INTERACTION_PAGE:
        return judge_page(policy, grant, i);
    case SMART_INTERACTION_BATCH:
    case SMART_INTERACTION_TRANSACTION:
        return smart_verdict_may(SMART_OBLIGE_BODY);
    case SMART_INTERACTION_CAPABILITIES:
    case SMART_INTERACTION_DISCOVERY:
        return verdict;
    case SMART_INTERACTION_OPERATION:
    case SMART_INTERACTION_UNKNOWN:
    case SMART_INTERACTION_COUNT:
        return smart_verdict_not(SMART_REASON_INTERACTION);
    }
    verdict.obligations |= owed(policy, grant, i);
    verdict.shown = SMART_LETTER_S; /* of pages and includes */
    return verdict;
}
