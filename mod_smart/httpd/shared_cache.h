/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared_cache.h: what one machine has learnt about a token, for the others of
 * its cluster: a second level behind the cache in memory.
 *
 *   miss in memory -> get -> found: into memory, nobody is asked
 *                         -> not:   authorization server -> put
 *
 * Values lie in a store (store.h) that is not trusted. They are sealed
 * (io/seal.h) under keys that come from SmartSecret; a store that lies, fails
 * or hangs is a miss.
 *
 * Invariants:
 *   1. A value is used no longer than the time to live that is in force here
 *      after it was learnt there, nor longer than its own, and never past exp.
 *   2. Active tokens alone are stored. Inactive ones would save the server
 *      little, a flood of made-up ones would fill the store, and what one
 *      replica of the server does not know yet would be unknown to all
 *      machines. Instead an inactive answer removes what is stored.
 *   3. Values of other configurations (realms) are not found.
 *
 * Clocks of the machines should agree to the second: of one that is more than
 * SMART_SEAL_SKEW_S ahead the others use nothing.
 * Does not: see tokens; it gets their keys. Does not judge records.
 */
#ifndef SMART_SHARED_CACHE_H
#define SMART_SHARED_CACHE_H

#include "httpd/location.h"
#include "httpd/store.h"

/** What there was about a token. */
typedef struct smart_shared_found_t {
    smart_slice_t record;  /* 8-byte aligned; not opened yet */
    smart_clock_t learnt;  /* by our clocks, as if we had asked then */
    apr_int64_t usable_us; /* from then on */
} smart_shared_found_t;

/**
 * post_config: open the store and make the keys.
 * @param conf  of the main server
 * @param s     main server
 * @param pconf owns what is made
 * @return APR_SUCCESS, also when none is configured; else it has been logged,
 *         and the server must not start
 */
apr_status_t smart_shared_cache_open(const smart_server_conf_t *conf,
                                     server_rec *s, apr_pool_t *pconf);

/**
 * Look a token up.
 * @param l      its realm
 * @param s      for log lines
 * @param key    of the token
 * @param ttl_us longest use of what was learnt
 * @param now    the time
 * @param p      owns the record
 * @param found  out: undefined on false
 * @return false: a miss, for whatever reason
 */
bool smart_shared_cache_get(const smart_location_t *l, server_rec *s,
                            const unsigned char *key, apr_int64_t ttl_us,
                            const smart_clock_t *now, apr_pool_t *p,
                            smart_shared_found_t *found);

/**
 * Store what the authorization server said. Returns before it is done.
 * @param l      realm, and for how long it may be used
 * @param s      for log lines
 * @param key    of the token
 * @param record of an active token; copied
 * @param learnt when it was asked
 * @param p      scratch
 */
void smart_shared_cache_put(const smart_location_t *l, server_rec *s,
                            const unsigned char *key, smart_slice_t record,
                            const smart_clock_t *learnt, apr_pool_t *p);

/** Forget a token. Returns before it is done. */
void smart_shared_cache_remove(const smart_location_t *l, server_rec *s,
                               const unsigned char *key);

#endif
