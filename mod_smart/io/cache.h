/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache.h: facts about tokens in memory that all processes share.
 *
 * A record belongs to a key (32 bytes, see digest.h), is of a class, and has a
 * value of up to a few kilobytes that nothing here looks into. The memory is
 * given: whoever owns the segment may put other tables beside the cache.
 *
 * Invariants:
 *   1. What get returns is, byte by byte, a value that somebody put under this
 *      very key, whole, in time. Anything else in the segment, by chance, by a
 *      torn write or by a flipped bit, is a miss.
 *   2. get takes no lock, makes no system call and ends after a bounded number
 *      of steps, whatever others do or leave undone.
 *   3. put waits at most SMART_CACHE_WAIT_MS, remove never. A process that is
 *      killed or stopped at any point costs others no more than that and keeps
 *      no room.
 *   4. Cost of get, put and remove does not depend on the number of records.
 *   5. After put returns, no older record of that key is served, whatever the
 *      result; after remove returns, none at all. (A process stopped inside
 *      put that others took the lock from may still publish when it goes on:
 *      what it publishes is held to its own times.)
 *   6. A record is served no longer than its keep_us after it was put, by a
 *      clock that does not jump, and not from expires_s on, by either clock.
 *   7. Inactive records have room of their own, at most SMART_CACHE_SHARE
 *      percent, and never push an active one out.
 *   8. No index, size or pointer is taken from the segment without a check
 *      against what this process worked out by itself.
 *
 * Memory model: cache_table.h.
 * Does not: read clocks, derive keys, count hits (callers do), sleep on a hit,
 * judge what a value means.
 */
#ifndef SMART_CACHE_H
#define SMART_CACHE_H

#include "core/base.h"
#include "io/clock.h"

#define SMART_CACHE_KEY          32u   /* bytes of a key */
#define SMART_CACHE_MAX_VALUE    8128u /* bytes of an active record's value */
#define SMART_CACHE_MAX_INACTIVE 1024u /* bytes of an inactive one's */
#define SMART_CACHE_SHARE        10u   /* percent for inactive records */
#define SMART_CACHE_WAIT_MS      8     /* longest a put waits for another */

/** A process' handle on a segment; any number of threads may use it. */
typedef struct smart_cache_t smart_cache_t;

typedef enum { SMART_CACHE_MISS = 0, SMART_CACHE_HIT } smart_cache_e;

/** The two kinds of record; each has room of its own. */
typedef enum {
    SMART_CACHE_INACTIVE = 0, /* the token is good for nothing */
    SMART_CACHE_ACTIVE
} smart_cache_class_e;
#define SMART_CACHE_CLASSES 2u

typedef enum {
    SMART_CACHE_BUSY = 0,  /* not stored: another holds the place */
    SMART_CACHE_TOO_LARGE, /* not stored: no room is made for this much */
    SMART_CACHE_EXPIRED,   /* not stored: it would never be served */
    SMART_CACHE_STORED
} smart_cache_put_e;

/** How long a record is good for. */
typedef struct smart_cache_times_t {
    smart_clock_t now;     /* when the facts were learnt */
    apr_int64_t fresh_us;  /* how long they are fresh; at most 49 days count */
    apr_int64_t keep_us;   /* how long they are served at all; if less than
                              fresh_us, that */
    apr_int64_t expires_s; /* seconds since the epoch; 0: no such end */
} smart_cache_times_t;

/** What get tells about a record beside its value. */
typedef struct smart_cache_meta_t {
    smart_cache_class_e class;  /* INACTIVE on a miss */
    apr_int64_t stored_us;      /* mono_us when it was put */
    apr_int64_t fresh_until_us; /* mono_us from which it is stale */
    apr_int64_t keep_until_us;  /* mono_us from which it is a miss */
    apr_int64_t expires_s;      /* as it was put; 0: none */
} smart_cache_meta_t;

/** Sums over the segment, of one class. They may be a moment apart. */
typedef struct smart_cache_stats_t {
    apr_uint64_t entries;         /* records, expired ones included */
    apr_uint64_t bytes_used;      /* by them */
    apr_uint64_t bytes;           /* of the class's part of the segment */
    apr_uint64_t stored;          /* puts that succeeded */
    apr_uint64_t dropped_expired; /* records that made room: expired */
    apr_uint64_t dropped_live;    /* ...and ones that were still good */
    apr_uint64_t stolen;          /* locks taken from dead or stopped owners */
} smart_cache_stats_t;

/** What smart_cache_validate found, of both classes together. */
typedef struct smart_cache_report_t {
    apr_uint64_t whole;       /* records that would be served, if in time */
    apr_uint64_t unfinished;  /* slots whose writer has not come back */
    apr_uint64_t locked;      /* regions somebody holds */
    apr_uint64_t impossible;  /* slots that point out of their region */
    apr_uint64_t overlapping; /* slots that share bytes with an earlier one */
    apr_uint64_t damaged;     /* slots whose record fails its checksum */
    apr_uint64_t misplaced;   /* whole records where nobody looks for them */
    apr_uint64_t twice;       /* whole records of a key that has another */
} smart_cache_report_t;

/**
 * The least memory a cache can be made in.
 * @return bytes
 */
apr_size_t smart_cache_min_bytes(void);

/**
 * Make an empty cache, in memory that no one uses yet.
 * @param base  first byte, shared between the processes; may be mapped at
 *              different addresses that are equal modulo 4096
 * @param bytes how many, at least smart_cache_min_bytes()
 * @param seal  random number known to the owner of the segment alone; keys
 *              the checksums, so that nothing left over from elsewhere passes
 * @param p     pool that owns the handle, not the memory
 * @param pcache out: the handle; NULL on any error. A fork inherits it.
 * @return APR_SUCCESS; APR_EINVAL: too small
 */
apr_status_t smart_cache_format(void *base, apr_size_t bytes, apr_uint64_t seal,
                                apr_pool_t *p, smart_cache_t **pcache);

/**
 * Use a cache that is there, records and all. Its header is compared with what
 * this process would write; nothing is taken from it.
 * @param base   as in smart_cache_format
 * @param bytes  as in smart_cache_format
 * @param seal   as in smart_cache_format
 * @param p      pool that owns the handle, not the memory
 * @param pcache out: the handle; NULL on any error
 * @return APR_SUCCESS; APR_EINVAL: other layout, size or seal, or a damaged
 *         header: make a new one
 */
apr_status_t smart_cache_open(void *base, apr_size_t bytes, apr_uint64_t seal,
                              apr_pool_t *p, smart_cache_t **pcache);

/**
 * Look a key up.
 * @param cache from smart_cache_format or smart_cache_open
 * @param key   SMART_CACHE_KEY bytes, evenly distributed
 * @param now   the time, just read: a record put more than a second after it
 *              is a miss, as if its clock were broken
 * @param buf   out: the value; what lies behind it, and on a miss all of it,
 *              is undefined
 * @param room  bytes of buf; a longer value is a miss, so give it
 *              SMART_CACHE_MAX_VALUE
 * @param plen  out: bytes of the value; 0 on a miss
 * @param meta  out: class and times; all zero on a miss
 * @return SMART_CACHE_HIT, fresh if now->mono_us < meta->fresh_until_us; or
 *         SMART_CACHE_MISS
 */
smart_cache_e smart_cache_get(smart_cache_t *cache, const unsigned char *key,
                              const smart_clock_t *now, void *buf,
                              apr_size_t room, apr_size_t *plen,
                              smart_cache_meta_t *meta);

/**
 * The same, for who keeps the value: it is copied once, to where it stays.
 * @param p     owns the value, aligned for anything; on a miss some scratch
 * @param value out: the value; empty on a miss
 */
smart_cache_e smart_cache_take(smart_cache_t *cache, const unsigned char *key,
                               const smart_clock_t *now, apr_pool_t *p,
                               smart_slice_t *value, smart_cache_meta_t *meta);

/**
 * Store a record in place of any older one of the key, of either class. Room
 * is made among the few dozen records that share the key's region: expired
 * ones go first, then those not read since they were last passed over.
 * @param cache from smart_cache_format or smart_cache_open
 * @param key   SMART_CACHE_KEY bytes
 * @param class where it belongs
 * @param value the value
 * @param times how long it is good for
 * @return SMART_CACHE_STORED, or why not; then the key has no record at all
 */
smart_cache_put_e smart_cache_put(smart_cache_t *cache,
                                  const unsigned char *key,
                                  smart_cache_class_e class,
                                  smart_slice_t value,
                                  const smart_cache_times_t *times);

/**
 * Forget a key. Never waits.
 * @param cache from smart_cache_format or smart_cache_open
 * @param key   SMART_CACHE_KEY bytes
 */
void smart_cache_remove(smart_cache_t *cache, const unsigned char *key);

/**
 * Sum up a class, for a status page. Reads every slot but no record (a few
 * milliseconds for a million) and disturbs nobody.
 * @param cache from smart_cache_format or smart_cache_open
 * @param class of which class
 * @param stats out: the sums
 */
void smart_cache_stats(const smart_cache_t *cache, smart_cache_class_e class,
                       smart_cache_stats_t *stats);

/**
 * Prove the layout's invariants while nobody writes; for tests and drills.
 * @param cache  from smart_cache_format or smart_cache_open
 * @param p      pool of the text
 * @param report out: what was found; may be NULL
 * @param perror out: the first thing that is wrong, NULL if nothing is
 * @return APR_SUCCESS; APR_EGENERAL: see *perror. What a dead writer left
 *         locked or unfinished is no error: the next put takes it.
 */
apr_status_t smart_cache_validate(const smart_cache_t *cache, apr_pool_t *p,
                                  smart_cache_report_t *report,
                                  const char **perror);

#endif
