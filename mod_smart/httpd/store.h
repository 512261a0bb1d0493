/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h: a place outside of this machine, reached through one of httpd's
 * socache providers (redis, memcache, shmcb, ...), that may be dead, slow or
 * hostile.
 *
 * Invariants:
 *   1. No request waits longer than SMART_STORE_WAIT_MS for the store, whatever
 *      the provider does; providers run in threads of their own, because some
 *      of them wait without end.
 *   2. Failures open a breaker (io/breaker.h). While it is open no request
 *      waits at all: what finds out whether the store is back runs beside, and
 *      writes, since "not found" is also what providers say of a dead store.
 *   3. Nobody waits for what is put or removed.
 *   4. A provider whose flags say so is called by one process at a time.
 *   5. A process that ends does not wait for a provider that hangs.
 *
 * Does not: believe or understand what is there; shared_cache.c does.
 */
#ifndef SMART_STORE_H
#define SMART_STORE_H

#include "httpd/config.h"

#include "core/base.h"
#include "io/clock.h"

#define SMART_STORE_ID      32u /* bytes of an id */
#define SMART_STORE_WAIT_MS 50

typedef enum {
    SMART_STORE_NOTHING = 0, /* or no answer in time */
    SMART_STORE_TOO_LARGE,   /* something that the buffer has no room for */
    SMART_STORE_FOUND
} smart_store_e;

/**
 * What SmartCacheShared says: finds the provider and has it look at its
 * arguments.
 * @param cmd    the directive
 * @param word   <provider>[:arguments]
 * @param pstore out: allocated from cmd->pool
 * @return error text that names the word; NULL: fine
 */
const char *smart_store_parse(cmd_parms *cmd, const char *word,
                              smart_store_t **pstore);

/** How the directive was written, for dumps and messages. */
const char *smart_store_text(const smart_store_t *store);

/** Where the directive stands, for messages. */
const ap_directive_t *smart_store_node(const smart_store_t *store);

/**
 * What its breaker is called, for a status page.
 * @param pid out: what the breaker is found by
 * @return text of letters, digits and blanks; NULL: there is no SHA-256
 */
const char *smart_store_label(const smart_store_t *store, apr_uint64_t *pid,
                              apr_pool_t *p);

/** pre_config: the mutex for providers that need one can be configured. */
void smart_store_pre_config(apr_pool_t *pconf);

/**
 * post_config: open the store, the one of this server.
 * @param store NULL: none is configured
 * @param s     main server
 * @param pconf owns what is made
 * @return APR_SUCCESS; else it has been logged, and the server must not start
 */
apr_status_t smart_store_open(const smart_store_t *store, server_rec *s,
                              apr_pool_t *pconf);

/** Once per child, before requests. Failing costs the store alone. */
void smart_store_child_init(apr_pool_t *pchild, server_rec *s);

/** Whether there is a store to ask, in this process. */
bool smart_store_is_there(void);

/**
 * Look an id up; waits.
 * @param s    for log lines
 * @param id   SMART_STORE_ID bytes
 * @param now  the time
 * @param buf  out: what was found
 * @param plen in: room; out: bytes, with FOUND
 * @return see smart_store_e
 */
smart_store_e smart_store_get(server_rec *s, const unsigned char *id,
                              const smart_clock_t *now, void *buf,
                              apr_size_t *plen);

/**
 * Store something. Returns before it is done.
 * @param s      for log lines
 * @param id     SMART_STORE_ID bytes
 * @param value  copied
 * @param expiry when it may go; the store keeps it about that long
 */
void smart_store_put(server_rec *s, const unsigned char *id,
                     smart_slice_t value, apr_time_t expiry);

/** Remove something. Returns before it is done. */
void smart_store_remove(server_rec *s, const unsigned char *id);

#endif
