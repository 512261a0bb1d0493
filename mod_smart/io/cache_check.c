/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_check.c: walks over a whole cache, to sum it up or to prove it right.
 */
#include "io/cache_table.h"

#include <apr_strings.h>

/* ---- sums ---- */

static void region_stats(const smart_cache_part_t *part,
                         smart_cache_region_t *region,
                         smart_cache_stats_t *stats)
{
    unsigned n;

    stats->stored += smart_word_get(&region->stored);
    stats->dropped_expired += smart_word_get(&region->dropped_expired);
    stats->dropped_live += smart_word_get(&region->dropped_live);
    stats->stolen += smart_word_get(&region->stolen);
    for (n = 0; n < SMART_CACHE_SLOTS; n++) {
        const apr_uint64_t slot = smart_word_get(smart_region_slot(region, n));

        if (smart_slot_in_range(part, slot)) {
            stats->entries++;
            stats->bytes_used +=
                (apr_uint64_t)smart_slot_units(slot) * SMART_CACHE_UNIT;
        }
    }
}

void smart_cache_stats(const smart_cache_t *cache, smart_cache_class_e class,
                       smart_cache_stats_t *stats)
{
    const smart_cache_part_t *part = &cache->part[class];
    apr_uint64_t n;

    memset(stats, 0, sizeof(*stats));
    stats->bytes =
        part->regions * (sizeof(smart_cache_region_t) +
                         (apr_uint64_t)part->units * SMART_CACHE_UNIT);
    for (n = 0; n < part->regions; n++) {
        region_stats(part, &part->index[n], stats);
    }
}

/* ---- proof ---- */

/* One region under examination. */
typedef struct exam_t {
    const smart_cache_t *cache;
    smart_cache_class_e class;
    smart_cache_region_t *region;
    apr_uint64_t seen[SMART_CACHE_SLOTS]; /* the slots */
    unsigned char keys[SMART_CACHE_SLOTS]
                      [SMART_CACHE_KEY]; /* of whole records */
    bool whole[SMART_CACHE_SLOTS];
    smart_cache_report_t *report;
} exam_t;

static bool slots_overlap(apr_uint64_t a, apr_uint64_t b)
{
    return smart_slot_offset(a) < smart_slot_offset(b) + smart_slot_units(b) &&
           smart_slot_offset(b) < smart_slot_offset(a) + smart_slot_units(a);
}

/* Copy a record out; true if it is one. A slot in range has a head at least. */
static bool record_is_whole(const exam_t *exam, unsigned n)
{
    const smart_cache_part_t *part = &exam->cache->part[exam->class];
    const apr_uint64_t slot = exam->seen[n];
    const smart_word_t *from = smart_slot_record(part, exam->region, slot);
    apr_uint64_t head[SMART_CACHE_HEAD_WORDS];
    apr_uint64_t value[SMART_CACHE_MAX_VALUE / 8];
    apr_size_t len;
    apr_size_t i;

    for (i = 0; i < SMART_CACHE_HEAD_WORDS; i++) {
        head[i] = smart_word_get(from + i);
    }
    len = smart_head_length(head);
    if (len > part->max_value ||
        smart_record_units(len) != smart_slot_units(slot)) {
        return false;
    }
    for (i = 0; i < (len + 7) / 8; i++) {
        value[i] = smart_word_get(from + SMART_CACHE_HEAD_WORDS + i);
    }
    return head[SMART_CACHE_HEAD_SUM] ==
           smart_cache_checksum(exam->cache->seal, head, value);
}

static bool record_is_placed(exam_t *exam, unsigned n)
{
    const smart_word_t *from = smart_slot_record(
        &exam->cache->part[exam->class], exam->region, exam->seen[n]);
    smart_cache_place_t place;
    unsigned i;

    for (i = 0; i < 4; i++) {
        place.key[i] = smart_word_get(from + i);
    }
    memcpy(exam->keys[n], place.key, SMART_CACHE_KEY);
    smart_cache_place(exam->keys[n], &place);
    return smart_cache_region(&exam->cache->part[exam->class], &place) ==
               exam->region &&
           place.fingerprint == smart_slot_fingerprint(exam->seen[n]);
}

static void slot_compare(exam_t *exam, unsigned n)
{
    unsigned i;

    for (i = 0; i < n; i++) {
        if (smart_slot_units(exam->seen[i]) != 0 &&
            slots_overlap(exam->seen[i], exam->seen[n])) {
            exam->report->overlapping++;
        }
        if (exam->whole[i] && exam->whole[n] &&
            memcmp(exam->keys[i], exam->keys[n], SMART_CACHE_KEY) == 0) {
            exam->report->twice++;
        }
    }
}

static void slot_examine(exam_t *exam, unsigned n)
{
    const apr_uint64_t slot = exam->seen[n];
    smart_cache_report_t *report = exam->report;

    if (smart_slot_units(slot) == 0) {
        report->unfinished += smart_slot_is_busy(slot);
    }
    else if (!smart_slot_in_range(&exam->cache->part[exam->class], slot)) {
        report->impossible++;
        exam->seen[n] = 0;
    }
    else {
        exam->whole[n] = record_is_whole(exam, n);
        report->whole += exam->whole[n];
        report->damaged += !exam->whole[n];
        report->misplaced += exam->whole[n] && !record_is_placed(exam, n);
        slot_compare(exam, n);
    }
}

static void part_examine(const smart_cache_t *cache, smart_cache_class_e class,
                         smart_cache_report_t *report)
{
    const smart_cache_part_t *part = &cache->part[class];
    exam_t exam = {.cache = cache, .class = class, .report = report};
    apr_uint64_t r;
    unsigned n;

    for (r = 0; r < part->regions; r++) {
        exam.region = &part->index[r];
        report->locked += smart_word_get(&exam.region->lock) != 0;
        for (n = 0; n < SMART_CACHE_SLOTS; n++) {
            exam.seen[n] = smart_word_get(smart_region_slot(exam.region, n));
            exam.whole[n] = false;
            slot_examine(&exam, n);
        }
    }
}

/* The first fault there is, NULL if there is none. */
static const char *report_fault(const smart_cache_report_t *report,
                                apr_pool_t *p)
{
    const struct {
        apr_uint64_t count;
        const char *what;
    } faults[] = {
        {report->impossible, "slots point out of their region"},
        {report->overlapping, "slots share bytes with an earlier one"},
        {report->damaged, "records fail their checksum"},
        {report->misplaced, "records lie where nobody looks for them"},
        {report->twice, "records have a key that has another"},
    };
    apr_size_t i;

    for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        if (faults[i].count > 0) {
            return apr_psprintf(p, "%" APR_UINT64_T_FMT " %s", faults[i].count,
                                faults[i].what);
        }
    }
    return NULL;
}

apr_status_t smart_cache_validate(const smart_cache_t *cache, apr_pool_t *p,
                                  smart_cache_report_t *report,
                                  const char **perror)
{
    smart_cache_report_t unused = {0};

    report = report ? report : &unused;
    memset(report, 0, sizeof(*report));
    part_examine(cache, SMART_CACHE_ACTIVE, report);
    part_examine(cache, SMART_CACHE_INACTIVE, report);
    *perror = report_fault(report, p);
    return *perror ? APR_EGENERAL : APR_SUCCESS;
}
