/* SPDX-License-Identifier: Apache-2.0 */
/*
 * board.c: slots of a fixed size. Texts come minutes apart and are read when
 * their version has changed, so nothing here needs to be fast; it has to be
 * right when a process stops in the middle of anything.
 */
#include "io/board.h"

typedef struct record_t {
    unsigned char id[SMART_DIGEST_LEN];
    apr_uint64_t len;
    unsigned char digest[SMART_DIGEST_LEN]; /* of id, len and text */
    char text[SMART_BOARD_TEXT];
} record_t;

struct smart_slot_t {
    unsigned char owner[SMART_DIGEST_LEN]; /* by the parent */
    smart_word_t due_us;
    smart_word_t failures;
    smart_word_t version;
    record_t record;
};

struct smart_board_t {
    smart_slot_t slots[SMART_BOARD_SLOTS];
};

apr_size_t smart_board_bytes(void)
{
    return sizeof(smart_board_t);
}

static bool same_id(const unsigned char *a, const unsigned char *b)
{
    return memcmp(a, b, SMART_DIGEST_LEN) == 0;
}

static const unsigned char *id_at(const unsigned char *ids, int i)
{
    return ids + (apr_size_t)i * SMART_DIGEST_LEN;
}

/* The slot of an id, or one that none of the ids has. */
static smart_slot_t *slot_for(smart_board_t *board, const unsigned char *ids,
                              int count, const unsigned char *id)
{
    smart_slot_t *unused = NULL;
    int i, j;

    for (i = 0; i < SMART_BOARD_SLOTS; i++) {
        smart_slot_t *slot = &board->slots[i];

        if (same_id(slot->owner, id)) {
            return slot;
        }
        for (j = 0; j < count; j++) {
            if (same_id(slot->owner, id_at(ids, j))) {
                break;
            }
        }
        if (j == count && !unused) {
            unused = slot;
        }
    }
    return unused;
}

void smart_board_assign(void *memory, const unsigned char *ids, int count,
                        smart_slot_t **slots)
{
    int i;

    for (i = 0; i < count; i++) {
        const unsigned char *id = id_at(ids, i);

        slots[i] = slot_for(memory, ids, count, id);
        memcpy(slots[i]->owner, id, SMART_DIGEST_LEN);
        smart_word_set(&slots[i]->due_us, 0);
        smart_word_set(&slots[i]->failures, 0);
    }
}

bool smart_slot_claim(smart_slot_t *slot, apr_int64_t now_us,
                      apr_int64_t hold_us)
{
    apr_uint64_t due = smart_word_get(&slot->due_us);

    if ((apr_int64_t)due > now_us) {
        return false;
    }
    return atomic_compare_exchange_strong(&slot->due_us, &due,
                                          (apr_uint64_t)(now_us + hold_us));
}

apr_int64_t smart_slot_due(const smart_slot_t *slot)
{
    return (apr_int64_t)smart_word_get(&slot->due_us);
}

/* Over what counts of a record, in one piece. */
static bool digest_of(const record_t *record, apr_size_t len,
                      unsigned char *digest)
{
    unsigned char
        parts[SMART_DIGEST_LEN + sizeof(apr_uint64_t) + SMART_DIGEST_LEN];
    const apr_uint64_t n = len;

    memcpy(parts, record->id, SMART_DIGEST_LEN);
    memcpy(parts + SMART_DIGEST_LEN, &n, sizeof(n));
    return smart_digest_sha256(smart_slice_n(record->text, len),
                               parts + SMART_DIGEST_LEN + sizeof(n)) ==
               APR_SUCCESS &&
           smart_digest_sha256(
               smart_slice_n((const char *)parts, sizeof(parts)), digest) ==
               APR_SUCCESS;
}

bool smart_slot_put(smart_slot_t *slot, const unsigned char *id,
                    smart_slice_t text, apr_int64_t due_us)
{
    record_t *record = &slot->record;
    bool ok;

    if (!same_id(slot->owner, id) || text.len > SMART_BOARD_TEXT) {
        return false;
    }
    memcpy(record->id, id, SMART_DIGEST_LEN);
    record->len = text.len;
    memcpy(record->text, text.ptr, text.len);
    ok = digest_of(record, text.len, record->digest);
    if (ok) {
        atomic_fetch_add_explicit(&slot->version, 1, memory_order_release);
        smart_word_set(&slot->failures, 0);
    }
    smart_word_set(&slot->due_us, (apr_uint64_t)due_us);
    return ok;
}

void smart_slot_defer(smart_slot_t *slot, apr_int64_t due_us)
{
    smart_word_set(&slot->due_us, (apr_uint64_t)due_us);
}

unsigned smart_slot_failed(smart_slot_t *slot)
{
    const apr_uint64_t before = atomic_fetch_add(&slot->failures, 1);

    return before < 1000 ? (unsigned)before + 1 : 1000;
}

apr_uint64_t smart_slot_version(const smart_slot_t *slot)
{
    return atomic_load_explicit(&slot->version, memory_order_acquire);
}

bool smart_slot_get(const smart_slot_t *slot, const unsigned char *id,
                    apr_pool_t *p, smart_slice_t *ptext)
{
    record_t *copy;
    unsigned char digest[SMART_DIGEST_LEN];

    *ptext = smart_slice_n(NULL, 0);
    if (smart_slot_version(slot) == 0) {
        return false;
    }
    copy = apr_palloc(p, sizeof(*copy));
    memcpy(copy, &slot->record, sizeof(*copy));
    if (copy->len > SMART_BOARD_TEXT || !same_id(copy->id, id) ||
        !digest_of(copy, (apr_size_t)copy->len, digest) ||
        memcmp(digest, copy->digest, SMART_DIGEST_LEN) != 0) {
        return false;
    }
    *ptext = smart_slice_n(copy->text, (apr_size_t)copy->len);
    return true;
}
