/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_table.c: geometry, keys, checksums and times of a cache.
 */
#include "io/cache_table.h"

#define MAGIC        APR_UINT64_C(0x5363616354524d53) /* "SMRTcacS" */
#define HEADER_WORDS 6u
#define MIN_BYTES    262144u

#define MAX_MONO_US   (INT64_MAX / 2)         /* times beyond are nonsense */
#define MAX_LIFE_MS   APR_INT64_C(0xffffffff) /* about 49 days */
#define MAX_EXPIRES_S ((APR_INT64_C(1) << 44) - 1) /* far beyond year 9999 */

#ifdef SMART_CACHE_TEST_HOOK
void (*smart_cache_test_hook)(int point);
#endif

/* ---- geometry ---- */

static void part_init(smart_cache_part_t *part, unsigned char *base,
                      apr_uint64_t bytes, apr_uint32_t region_size,
                      apr_uint32_t max_value)
{
    part->regions = bytes / region_size;
    part->index = (smart_cache_region_t *)(void *)base;
    part->arenas = (smart_word_t *)(void *)(part->index + part->regions);
    part->units = SMART_CACHE_UNITS_OF(region_size);
    part->max_value = max_value;
}

/* Work out where everything is; NULL if it does not fit. */
static smart_cache_t *cache_layout(void *base, apr_size_t bytes,
                                   apr_uint64_t seal, apr_pool_t *p)
{
    const apr_size_t skip =
        (SMART_CACHE_PAGE - (uintptr_t)base % SMART_CACHE_PAGE) %
        SMART_CACHE_PAGE;
    unsigned char *first = (unsigned char *)base + skip + SMART_CACHE_PAGE;
    apr_uint64_t rest;
    apr_uint64_t inactive;
    smart_cache_t *cache;

    if (bytes < MIN_BYTES) {
        return NULL;
    }
    rest = bytes - skip - SMART_CACHE_PAGE;
    inactive = rest / 100 * SMART_CACHE_SHARE;
    inactive -= inactive % SMART_CACHE_INACTIVE_REGION;
    cache = apr_pcalloc(p, sizeof(*cache));
    cache->header = (smart_word_t *)(void *)(first - SMART_CACHE_PAGE);
    cache->seal = seal;
    part_init(&cache->part[SMART_CACHE_INACTIVE], first, inactive,
              SMART_CACHE_INACTIVE_REGION, SMART_CACHE_MAX_INACTIVE);
    part_init(&cache->part[SMART_CACHE_ACTIVE], first + inactive,
              rest - inactive, SMART_CACHE_ACTIVE_REGION,
              SMART_CACHE_MAX_VALUE);
    return cache;
}

/* What page 0 says of a cache like this one. */
static void header_words(const smart_cache_t *cache, apr_uint64_t *words)
{
    apr_uint64_t head[SMART_CACHE_HEAD_WORDS] = {0};

    words[0] = MAGIC;
    words[1] = SMART_CACHE_LAYOUT;
    words[2] = cache->part[SMART_CACHE_INACTIVE].regions;
    words[3] = cache->part[SMART_CACHE_ACTIVE].regions;
    words[4] = (apr_uint64_t)SMART_CACHE_INACTIVE_REGION << 32 |
               SMART_CACHE_ACTIVE_REGION;
    memcpy(head, words, 4 * sizeof(*words));
    words[5] = smart_cache_checksum(cache->seal, head, words);
}

static void part_clear(const smart_cache_part_t *part)
{
    apr_uint64_t n;
    apr_size_t i;

    for (n = 0; n < part->regions; n++) {
        smart_word_t *word = (smart_word_t *)&part->index[n];

        for (i = 0; i < sizeof(smart_cache_region_t) / sizeof(*word); i++) {
            smart_word_set(&word[i], 0);
        }
    }
}

apr_size_t smart_cache_min_bytes(void)
{
    return MIN_BYTES;
}

apr_status_t smart_cache_format(void *base, apr_size_t bytes, apr_uint64_t seal,
                                apr_pool_t *p, smart_cache_t **pcache)
{
    smart_cache_t *cache = cache_layout(base, bytes, seal, p);
    apr_uint64_t words[HEADER_WORDS];
    apr_size_t i;

    *pcache = cache;
    if (!cache) {
        return APR_EINVAL;
    }
    part_clear(&cache->part[SMART_CACHE_INACTIVE]);
    part_clear(&cache->part[SMART_CACHE_ACTIVE]);
    header_words(cache, words);
    smart_cache_fence(memory_order_release);
    for (i = 0; i < HEADER_WORDS; i++) {
        smart_word_set(&cache->header[i], words[i]);
    }
    return APR_SUCCESS;
}

apr_status_t smart_cache_open(void *base, apr_size_t bytes, apr_uint64_t seal,
                              apr_pool_t *p, smart_cache_t **pcache)
{
    smart_cache_t *cache = cache_layout(base, bytes, seal, p);
    apr_uint64_t words[HEADER_WORDS];
    apr_size_t i;

    *pcache = NULL;
    if (!cache) {
        return APR_EINVAL;
    }
    header_words(cache, words);
    for (i = 0; i < HEADER_WORDS; i++) {
        if (smart_word_get(&cache->header[i]) != words[i]) {
            return APR_EINVAL;
        }
    }
    smart_cache_fence(memory_order_acquire);
    *pcache = cache;
    return APR_SUCCESS;
}

/* ---- keys ---- */

void smart_cache_place(const unsigned char *key, smart_cache_place_t *place)
{
    memcpy(place->key, key, SMART_CACHE_KEY);
    place->spread = place->key[0];
    place->fingerprint = place->key[1] & 0xffff;
    place->home = (unsigned)(place->key[1] >> 32) % SMART_CACHE_LINES;
#ifdef SMART_CACHE_TEST_HASH_BITS
    place->spread = place->spread << (64 - SMART_CACHE_TEST_HASH_BITS);
    place->fingerprint &= (1u << SMART_CACHE_TEST_HASH_BITS) - 1;
    place->home = 0;
#endif
}

smart_cache_region_t *smart_cache_region(const smart_cache_part_t *part,
                                         const smart_cache_place_t *place)
{
    /* spread * regions / 2^64: no division, and below regions for certain. */
    const unsigned __int128 scaled =
        (unsigned __int128)place->spread * part->regions;

    return &part->index[(apr_uint64_t)(scaled >> 64)];
}

bool smart_slot_has_key(const smart_cache_part_t *part,
                        const smart_cache_region_t *region, apr_uint64_t slot,
                        const smart_cache_place_t *place)
{
    const smart_word_t *from = smart_slot_record(part, region, slot);
    apr_uint64_t words[4];
    int i;

    if (smart_slot_fingerprint(slot) != place->fingerprint) {
        return false;
    }
    for (i = 0; i < 4; i++) {
        words[i] = smart_word_get(from + i);
    }
    return smart_key_is(words, place->key);
}

/* ---- checksums ---- */

static inline apr_uint64_t load_word(const unsigned char *from)
{
    apr_uint64_t word;

    memcpy(&word, from, sizeof(word));
    return word;
}

apr_uint64_t smart_cache_checksum(apr_uint64_t seal, const apr_uint64_t *head,
                                  const void *value)
{
    const unsigned char *from = value;
    apr_size_t left = smart_head_length(head);
    apr_uint64_t word = 0;
    smart_cache_sum_t sum;

    smart_sum_head(&sum, seal, head);
    for (; left >= 32; left -= 32, from += 32) {
        smart_sum_four(&sum, load_word(from), load_word(from + 8),
                       load_word(from + 16), load_word(from + 24));
    }
    for (; left >= 8; left -= 8, from += 8) {
        smart_sum_one(&sum, load_word(from));
    }
    if (left > 0) {
        memcpy(&word, from, left);
        smart_sum_one(&sum, word);
    }
    return smart_sum_end(&sum);
}

/* ---- times ---- */

static apr_int64_t least(apr_int64_t a, apr_int64_t b)
{
    return a < b ? a : b;
}

bool smart_cache_head_fill(apr_uint64_t *head, smart_cache_class_e class,
                           apr_size_t len, const smart_cache_times_t *times)
{
    apr_int64_t fresh_ms = least(times->fresh_us / 1000, MAX_LIFE_MS);
    apr_int64_t keep_ms = least(times->keep_us / 1000, MAX_LIFE_MS);
    const apr_int64_t expires_s = least(times->expires_s, MAX_EXPIRES_S);

    keep_ms = keep_ms < fresh_ms ? fresh_ms : keep_ms;
    if (expires_s < 0 || times->now.wall_s < 0 || times->now.mono_us < 0 ||
        times->now.mono_us > MAX_MONO_US) {
        return false;
    }
    if (expires_s > 0) {
        /* By the clock that does not jump, too: the other may be set back. */
        const apr_int64_t left_s = expires_s - times->now.wall_s;

        if (left_s <= 0) {
            return false;
        }
        fresh_ms = least(fresh_ms, least(left_s, MAX_LIFE_MS / 1000) * 1000);
        keep_ms = least(keep_ms, least(left_s, MAX_LIFE_MS / 1000) * 1000);
    }
    if (keep_ms <= 0) {
        return false;
    }
    fresh_ms = fresh_ms < 0 ? 0 : fresh_ms;
    head[SMART_CACHE_HEAD_STORED] = (apr_uint64_t)times->now.mono_us;
    head[SMART_CACHE_HEAD_LIFE] =
        (apr_uint64_t)fresh_ms << 32 | (apr_uint64_t)keep_ms;
    head[SMART_CACHE_HEAD_REST] =
        (apr_uint64_t)expires_s << SMART_CACHE_REST_EXPIRES |
        (apr_uint64_t) class << SMART_CACHE_REST_CLASS | len;
    return true;
}

void smart_cache_head_meta(const apr_uint64_t *head, smart_cache_meta_t *meta)
{
    const apr_uint64_t life = head[SMART_CACHE_HEAD_LIFE];
    const apr_uint64_t rest = head[SMART_CACHE_HEAD_REST];
    /* Masked, so that damage can not make the sums below overflow. */
    const apr_uint64_t stored = head[SMART_CACHE_HEAD_STORED] & MAX_MONO_US;

    meta->class = (rest >> SMART_CACHE_REST_CLASS & 0xf) == SMART_CACHE_ACTIVE
                      ? SMART_CACHE_ACTIVE
                      : SMART_CACHE_INACTIVE;
    meta->stored_us = (apr_int64_t)stored;
    meta->fresh_until_us = (apr_int64_t)(stored + (life >> 32) * 1000);
    meta->keep_until_us = (apr_int64_t)(stored + (life & 0xffffffff) * 1000);
    meta->expires_s = (apr_int64_t)(rest >> SMART_CACHE_REST_EXPIRES);
}

bool smart_cache_meta_in_time(const smart_cache_meta_t *meta,
                              const smart_clock_t *now)
{
    /* Who read the clock before the record was put may be a little behind. */
    return now->mono_us < meta->keep_until_us &&
           meta->stored_us < now->mono_us + SMART_CLOCK_S &&
           (meta->expires_s == 0 || now->wall_s < meta->expires_s);
}
