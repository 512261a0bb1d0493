/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_flip.c: damage to the segment.
 *
 *   cache_flip [-rounds n]
 *
 * Every byte of the segment in turn is changed: to its complement, in one bit,
 * to 0 or to 255. After each change 64 of the 450 records are read, others each
 * time: a hit has to be whole and of that key. Every 64th change is left as it
 * is. Then pages are filled with zeros, ones and dice, and reading, removing
 * and putting go on. (That a byte of a record is never changed unnoticed is a
 * unit test.)
 */
#include "cache_drill.h"

#define IDS  450 /* what fits */
#define NEAR 64  /* reads after each change */
#define PAGE 4096u

static smart_cache_t *cache;
static unsigned char *segment;
static unsigned char keys[IDS][SMART_CACHE_KEY];
static drill_count_t count;

static void fill(void)
{
    smart_cache_format(segment, smart_cache_min_bytes(), 0x5ea1, drill_pool,
                       &cache);
    for (uint64_t id = 0; id < IDS; id++) {
        drill_put(cache, id, id, 200 + id % 200);
    }
}

/* Reads in an order in which each byte meets its own records often. */
static void read_some(uint64_t turn, uint64_t n)
{
    const smart_clock_t now = smart_clock_now();

    for (uint64_t i = 0; i < n; i++) {
        const uint64_t id = (turn * n + i) % IDS;

        drill_get_key(cache, &now, id, keys[id], &count);
    }
}

static unsigned char changed(unsigned char byte, int way)
{
    const unsigned char ways[] = {
        (unsigned char)~byte, (unsigned char)(byte ^ (1u << way % 8)), 0, 255};

    return ways[way % 4];
}

static void change_each_byte(void)
{
    for (apr_size_t at = 0; at < smart_cache_min_bytes();
         at += DRILL_SHARE | 1) {
        const unsigned char before = segment[at];

        segment[at] = changed(before, (int)(spread(at) % 64));
        read_some(at, NEAR);
        if (spread(at) >> 58 != 0) {
            segment[at] = before;
        }
        else {
            const uint64_t id = spread(at) % IDS;

            drill_put(cache, id, at, 200 + at % 200);
        }
    }
}

static void wreck_page(uint64_t dice)
{
    unsigned char *page =
        segment + dice % (smart_cache_min_bytes() / PAGE) * PAGE;

    for (apr_size_t i = 0; i < PAGE; i++) {
        page[i] = dice >> 32 & 2   ? (unsigned char)spread(dice + i)
                  : dice >> 32 & 1 ? 0xff
                                   : 0;
    }
}

int main(int argc, char **argv)
{
    const uint64_t rounds =
        drill_option(argc, argv, "-rounds", 20000) / DRILL_SHARE;
    drill_count_t first;
    uint64_t stored = 0;

    cache = drill_cache(smart_cache_min_bytes(), (void **)&segment);
    for (uint64_t id = 0; id < IDS; id++) {
        drill_key(id, keys[id]);
    }
    fill();
    change_each_byte();
    first = count;
    for (uint64_t round = 0; round < rounds; round++) {
        wreck_page(spread(round));
        read_some(round, NEAR);
        smart_cache_remove(cache, keys[round % IDS]);
        stored +=
            drill_put(cache, round * 7 % IDS, round, 300) == SMART_CACHE_STORED;
        if (round % 1000 == 0) {
            fill();
        }
    }
    printf("every %s byte of %zu changed, %" PRIu64 " reads, %" PRIu64
           " hits; %" PRIu64 " pages wrecked, %" PRIu64
           " puts succeeded, %" PRIu64 " hits: %" PRIu64 " torn, %" PRIu64
           " foreign\n",
           DRILL_SHARE > 1 ? "21st" : "single", (size_t)smart_cache_min_bytes(),
           first.reads, first.hits, rounds, stored, count.hits - first.hits,
           count.torn, count.foreign);
    return drill_verdict(count.torn + count.foreign == 0 &&
                         first.hits * 2 > first.reads && stored * 2 > rounds);
}
