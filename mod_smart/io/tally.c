/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally.c: rows are taken by compare-and-swap, first by what they are for and
 * then by whose they are.
 */
#include "io/tally.h"

#include "io/owner.h"

typedef struct row_t {
    smart_word_t id;    /* of the base; 0: free */
    smart_word_t owner; /* process id; 0: not yet anybody's */
    smart_word_t count[SMART_TALLY_COUNTS];
} row_t;

_Static_assert(sizeof(row_t) * (SMART_TALLY_ROWS + 1u) == SMART_TALLY_BYTES &&
                   sizeof(row_t) % 64 == 0,
               "a row is whole cache lines");

/* No process has a number this large: gone, but not never there. */
#define NOBODY (SMART_OWNER_MASK + 1)

struct smart_tallies_t {
    row_t *rows; /* in shared memory */
};

smart_tallies_t *smart_tallies_create(void *base, apr_pool_t *p)
{
    smart_tallies_t *tallies = apr_pcalloc(p, sizeof(*tallies));

    tallies->rows = base;
    return tallies;
}

void smart_tallies_begin(smart_tallies_t *tallies)
{
    const apr_uint64_t self = smart_owner_self();
    unsigned i;

    for (i = 0; i < SMART_TALLY_ROWS; i++) {
        apr_uint64_t owner = self;

        atomic_compare_exchange_strong(&tallies->rows[i].owner, &owner, NOBODY);
    }
}

/* One that a process of the same base has left. */
static row_t *inherit(smart_tallies_t *tallies, apr_uint64_t id,
                      apr_uint64_t self)
{
    apr_uint64_t alive = self;
    unsigned i;

    for (i = 0; i < SMART_TALLY_ROWS; i++) {
        row_t *row = &tallies->rows[i];
        apr_uint64_t owner = atomic_load(&row->owner);

        if (atomic_load(&row->id) != id || owner == self || owner == alive) {
            continue;
        }
        if (owner != 0 && !smart_owner_is_gone(owner)) {
            alive = owner;
        }
        else if (atomic_compare_exchange_strong(&row->owner, &owner, self)) {
            return row;
        }
    }
    return NULL;
}

static row_t *take_free(smart_tallies_t *tallies, apr_uint64_t id,
                        apr_uint64_t self)
{
    unsigned i;

    for (i = 0; i < SMART_TALLY_ROWS; i++) {
        row_t *row = &tallies->rows[i];
        apr_uint64_t none = 0;

        if (atomic_compare_exchange_strong(&row->id, &none, id)) {
            /* Whoever was faster here inherits an empty row. */
            none = 0;
            if (atomic_compare_exchange_strong(&row->owner, &none, self)) {
                return row;
            }
        }
    }
    return NULL;
}

/* Another's, if there is one; else the one for all. */
static row_t *share(smart_tallies_t *tallies, apr_uint64_t id)
{
    unsigned i;

    for (i = 0; i < SMART_TALLY_ROWS; i++) {
        if (atomic_load(&tallies->rows[i].id) == id) {
            return &tallies->rows[i];
        }
    }
    return &tallies->rows[SMART_TALLY_ROWS];
}

smart_tally_t *smart_tally_join(smart_tallies_t *tallies, apr_uint64_t id,
                                unsigned rows, apr_pool_t *p)
{
    smart_tally_t *tally = apr_pcalloc(p, sizeof(*tally));
    const apr_uint64_t self = smart_owner_self();
    unsigned taken = 0;
    unsigned i;

    id = id ? id : 1;
    rows = rows < 1 ? 1 : rows;
    rows = rows > SMART_STRIPES ? SMART_STRIPES : rows;
    while (taken < rows) {
        row_t *row = inherit(tallies, id, self);

        row = row ? row : take_free(tallies, id, self);
        if (!row) {
            break;
        }
        tally->counts[taken++] = row->count;
    }
    if (taken == 0) {
        tally->counts[taken++] = share(tallies, id)->count;
    }
    for (i = taken; i < SMART_STRIPES; i++) {
        tally->counts[i] = tally->counts[i % taken];
    }
    return tally;
}

void smart_tallies_sum(const smart_tallies_t *tallies, const apr_uint64_t *ids,
                       unsigned n, smart_tally_sums_t *sums)
{
    unsigned i;
    unsigned of;
    unsigned c;

    memset(sums, 0, (n + 1) * sizeof(*sums));
    for (of = 0; of < n; of++) {
        sums[of].id = ids[of] ? ids[of] : 1;
    }
    for (i = 0; i <= SMART_TALLY_ROWS; i++) {
        const row_t *row = &tallies->rows[i];
        const apr_uint64_t id = smart_word_get(&row->id);

        for (of = 0; of < n && sums[of].id != id; of++) {
            /* next */
        }
        for (c = 0; c < SMART_TALLY_COUNTS; c++) {
            sums[of].count[c] += smart_word_get(&row->count[c]);
        }
    }
}
