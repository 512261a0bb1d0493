/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal.h: closes values so that they can lie where others may read, change,
 * swap and bring back what is there: in a cache that several machines share.
 *
 *   master  = HKDF-Extract(secret of the cluster)
 *   K(name) = HKDF-Expand(master, name)            one for each use
 *   id      = HKDF-Expand(K(place), layout || realm || key)
 *   sealed  = nonce (12) || AES-256-GCM(value with its times) || tag (16)
 *             under HKDF-Expand(K(seal), id), with layout || realm || id as
 *             associated data
 *   value with its times = made_us (8) || until_us (8) || value
 *
 * Numbers are big-endian. HKDF is that of RFC 5869 with SHA-256.
 *
 * Invariants:
 *   1. What open gives back is, byte by byte, what somebody who knows the
 *      secret closed for this very realm, key and layout. Anything else is
 *      FORGED: a flipped bit, a cut value, one of another place or secret.
 *   2. It is given back only between made_us (less SMART_SEAL_SKEW_S) and
 *      until_us, both from inside the seal: who brings back an old value after
 *      its time gets nothing for it.
 *   3. Neither token nor key can be told from an id, nor an id of one secret
 *      from one of another.
 *   4. A key of AES-256-GCM closes the few values of one id. Nonces are random;
 *      2^32 of them under one key, where that begins to matter, are out of
 *      reach.
 *   5. Keys are wiped before their memory is given back.
 *
 * Does not: read clocks, know what a value means, fetch or store anything.
 */
#ifndef SMART_SEAL_H
#define SMART_SEAL_H

#include "core/base.h"

#define SMART_SEAL_LAYOUT     1u /* of a sealed value; in its id and its seal */
#define SMART_SEAL_KEY        32u /* bytes of master, derived keys, id, realm */
#define SMART_SEAL_OVERHEAD   44u /* bytes a sealed value has more */
#define SMART_SEAL_MIN_SECRET 32u /* bytes; HKDF makes no weak secret strong */
#define SMART_SEAL_SKEW_S     2 /* how far clocks of two machines may differ */

/** What one process needs to close and open; any thread may use it. */
typedef struct smart_seal_t smart_seal_t;

/** Where a value lies, and what it is bound to. */
typedef struct smart_seal_place_t {
    unsigned char realm[SMART_SEAL_KEY];
    unsigned char id[SMART_SEAL_KEY]; /* what it is stored under */
} smart_seal_place_t;

/** By the wall clock: several machines have no other in common. */
typedef struct smart_seal_times_t {
    apr_int64_t made_us;  /* when the facts were learnt */
    apr_int64_t until_us; /* from when on they are not to be used */
} smart_seal_times_t;

typedef enum {
    SMART_SEAL_FORGED = 0, /* not what we closed for this place */
    SMART_SEAL_OVER,       /* ours, but not of this time */
    SMART_SEAL_OPENED
} smart_seal_e;

/**
 * Make of the administrator's secret what all keys come from.
 * @param secret at least SMART_SEAL_MIN_SECRET bytes; not kept
 * @param master out: SMART_SEAL_KEY bytes; all zero on error
 * @return APR_SUCCESS; APR_EINVAL: too short; APR_EGENERAL: OpenSSL has no HKDF
 */
apr_status_t smart_seal_master(smart_slice_t secret, unsigned char *master);

/**
 * Derive a key for another use than sealing.
 * @param master from smart_seal_master
 * @param use    name of the use; no two uses share one
 * @param key    out: SMART_SEAL_KEY bytes; all zero on error
 * @return APR_SUCCESS; APR_EGENERAL: OpenSSL has no HKDF
 */
apr_status_t smart_seal_derive(const unsigned char *master, const char *use,
                               unsigned char *key);

/**
 * Prepare sealing. May be called before a fork.
 * @param master from smart_seal_master; not kept
 * @param p      pool that owns the result
 * @param pseal  out: NULL on any error
 * @return APR_SUCCESS; APR_EGENERAL: OpenSSL has no HKDF
 */
apr_status_t smart_seal_create(const unsigned char *master, apr_pool_t *p,
                               smart_seal_t **pseal);

/**
 * Where the value of a key lies.
 * @param seal  from smart_seal_create
 * @param realm SMART_SEAL_KEY bytes: what shapes the value besides the key
 * @param key   SMART_SEAL_KEY bytes: the key of a token
 * @param place out: all zero on error
 * @return APR_SUCCESS; APR_EGENERAL: OpenSSL failed, there is no place
 */
apr_status_t smart_seal_place(const smart_seal_t *seal,
                              const unsigned char *realm,
                              const unsigned char *key,
                              smart_seal_place_t *place);

/**
 * Close a value.
 * @param seal    from smart_seal_create
 * @param place   where it is to lie
 * @param times   0 <= made_us < until_us
 * @param value   at most 2^30 bytes
 * @param p       pool that owns the result
 * @param psealed out: value.len + SMART_SEAL_OVERHEAD bytes; empty on error
 * @return APR_SUCCESS; APR_EINVAL: such times or size; APR_EGENERAL: OpenSSL
 *         failed
 */
apr_status_t smart_seal_close(const smart_seal_t *seal,
                              const smart_seal_place_t *place,
                              const smart_seal_times_t *times,
                              smart_slice_t value, apr_pool_t *p,
                              smart_slice_t *psealed);

/**
 * Open a value that lay at a place.
 * @param seal   from smart_seal_create
 * @param place  where it was found
 * @param sealed what was found there; any bytes
 * @param now_us the time, microseconds since the epoch
 * @param p      pool that owns the result
 * @param times  out: all zero unless OPENED
 * @param pvalue out: the value, 8-byte aligned; empty unless OPENED
 * @return see smart_seal_e; FORGED also when OpenSSL failed
 */
smart_seal_e smart_seal_open(const smart_seal_t *seal,
                             const smart_seal_place_t *place,
                             smart_slice_t sealed, apr_int64_t now_us,
                             apr_pool_t *p, smart_seal_times_t *times,
                             smart_slice_t *pvalue);

#endif
