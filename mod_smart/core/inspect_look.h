/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect_look.h: what the rooms of the inspection share.
 *
 *   inspect.c         one answer: status, single resources
 *   inspect_look.c    a resource, an entry, an URL
 *   inspect_bundle.c  Bundles that list resources
 *   inspect_batch.c   Bundles that answer a batch
 */
#ifndef SMART_INSPECT_LOOK_H
#define SMART_INSPECT_LOOK_H

#include "core/glance.h"
#include "core/inspect.h"
#include "core/scan.h"
#include "core/splice.h"

#define SMART_LOOK_MEMBERS 12 /* members an entry or response can have */

/** One inspection. */
typedef struct smart_look_t {
    const smart_coverage_t *c;
    const smart_rebase_t *rebase; /* NULL: nothing is rewritten */
    smart_glance_t *glance;
    apr_pool_t *p;
    smart_member_t *members; /* of the resource that is looked at */
    smart_scan_t small;      /* in small objects */
    smart_scan_t links;      /* in arrays of links */
    const char *why;         /* the first thing that was wrong */
} smart_look_t;

/** A resource that was passed over. */
typedef struct smart_seen_t {
    bool is;             /* there is one, an object */
    smart_slice_t range; /* brackets included */
    smart_slice_t name;  /* of its resourceType; empty: none */
    smart_type_t type;   /* NONE: none that the version knows */
    smart_slice_t id;    /* empty: none */
    int count;           /* members, in smart_look_t until the next resource */
} smart_seen_t;

/** Members of a small object. */
typedef struct smart_small_t {
    smart_member_t members[SMART_LOOK_MEMBERS];
    int count;
    bool strange; /* more of them, or no object */
} smart_small_t;

/** An entry of a Bundle that was passed over. */
typedef struct smart_entry_t {
    smart_slice_t range;
    smart_small_t small;
    smart_seen_t resource;
    bool covered; /* by the letter that was asked for */
    bool outcome; /* the resource is an OperationOutcome with nothing in it */
    bool strange; /* has a member that entries do not have */
} smart_entry_t;

/*
 * A fault is final (scan.h): who walks asks for it at the end, and until then
 * nothing that was seen counts.
 */

/**
 * Pass over a resource and see what it is; what is no object as well: then
 * pseen->is is false, and it has no type, id or member.
 */
void smart_look_resource(smart_look_t *look, smart_scan_t *scan,
                         smart_seen_t *pseen);

/** Whether it is covered, by the members that are still in look. */
bool smart_look_covered(smart_look_t *look, const smart_seen_t *seen,
                        smart_letters_t letter);

/** Whether it is of the type and has the id that were asked for. */
bool smart_look_asked(const smart_seen_t *seen, const smart_plan_t *plan);

/** Whether it is an OperationOutcome that holds nothing else. */
bool smart_look_outcome(const smart_look_t *look, const smart_seen_t *seen);

/**
 * Read the members of a small object that was passed over.
 * @param object brackets included
 */
void smart_look_small(smart_look_t *look, smart_slice_t object,
                      smart_small_t *psmall);

/** Index of a member; -1: it has none of that name. */
int smart_small_find(const smart_small_t *small, const char *name);

/** The value of a member; empty: it has none of that name. */
smart_slice_t smart_small_value(const smart_small_t *small, const char *name);

/** The text of a string member, as it stands; empty: no such string. */
smart_slice_t smart_small_text(const smart_small_t *small, const char *name);

/** Take a member out, and a comma with it. */
void smart_small_cut(const smart_small_t *small, int i, smart_splice_t *splice);

/**
 * Pass over an entry.
 * @param letter its resource would need
 */
void smart_look_entry(smart_look_t *look, smart_scan_t *scan,
                      smart_letters_t letter, smart_entry_t *entry);

/**
 * Leave of an entry that is kept, besides its resource, what it may have: URLs
 * of the public base; an outcome of its response that holds nothing else.
 */
void smart_look_keep_entry(smart_look_t *look, const smart_entry_t *entry,
                           smart_splice_t *splice);

/** Give an array of links the public base. */
void smart_look_rebase_links(smart_look_t *look, smart_slice_t links,
                             smart_splice_t *splice);

static inline bool smart_look_history(smart_interaction_e kind)
{
    return kind == SMART_INTERACTION_HISTORY_INSTANCE ||
           kind == SMART_INTERACTION_HISTORY_TYPE ||
           kind == SMART_INTERACTION_HISTORY_SYSTEM;
}

/** Note the first thing that was wrong. */
static inline bool smart_look_fault(smart_look_t *look, const char *why)
{
    look->why = *look->why ? look->why : why;
    return false;
}

/**
 * Inspect what should be a Bundle; anything else may be told by *pother.
 * @param text   one JSON value
 * @param pother out: the text is no Bundle; the answer is BAD then
 * @return BAD, NOT_FOUND, SAME or CHANGED
 */
smart_inspected_e smart_look_bundle(smart_look_t *look,
                                    const smart_plan_t *plan,
                                    smart_slice_t text, smart_slice_t *pbody,
                                    bool *pother);

/**
 * Inspect what answers anything but a write, with status 200.
 * @return BAD, NOT_FOUND, SAME or CHANGED
 */
smart_inspected_e smart_look_content(smart_look_t *look,
                                     const smart_plan_t *plan,
                                     smart_slice_t text, smart_slice_t *pbody);

/**
 * Judge an entry of a batch response and put down its changes.
 * @return false: it has no status to judge it by
 */
bool smart_look_batch_entry(smart_look_t *look, const smart_plan_t *plan,
                            const smart_entry_t *entry, smart_splice_t *splice);

#endif
