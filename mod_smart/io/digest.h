/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest.h: keyed digests of tokens, digests of configuration, random bytes.
 *
 * A token is known to everything behind this file by its key alone:
 *
 *   key   = HMAC-SHA-256(secret, block || token)
 *   block = realm fingerprint (32 bytes) || 32 zero bytes
 *
 * Fingerprint and padding fill one block of SHA-256, so what depends on secret
 * and realm is computed once and only the token is hashed per request: two
 * compressions for a token of up to 55 bytes instead of four.
 *
 * Invariants:
 *   1. The key is the HMAC of RFC 2104, bit by bit; block has a fixed length,
 *      so no token of one realm has the key of a token of another.
 *   2. A key costs its compressions and little else: no algorithm is fetched
 *      per request. Where OpenSSL's plain SHA-256 is to be had, no memory, lock
 *      or context of a thread is needed either; where it is not (the head of
 *      digest.c says when), a thread owns one scratch context, made when it
 *      first asks and kept for the next thread when it ends; at most one per
 *      live thread exists. The keys are the same either way.
 *   3. Keyed state is not changed after it was made; any number of threads may
 *      use it at the same time. It is wiped before its memory is given back,
 *      and no copy of it stays on a stack.
 *   4. On any failure the output is all zero bytes.
 *
 * Does not: keep or wipe the caller's secret, know what a realm is made of.
 */
#ifndef SMART_DIGEST_H
#define SMART_DIGEST_H

#include "core/base.h"

#define SMART_DIGEST_LEN 32u /* bytes of secret, realm fingerprint and key */

/** The secret's state, and what one process needs to use it. */
typedef struct smart_digest_t smart_digest_t;

/** What secret and realm contribute to the key of a token. */
typedef struct smart_digest_realm_t smart_digest_realm_t;

/**
 * Prepare keyed digests under one secret. May be called before a fork; parent
 * and children then use their own copies.
 * @param secret  SMART_DIGEST_LEN bytes; hashed, not kept
 * @param p       pool that owns the result; must outlive all threads using it
 * @param pdigest out: the digests; NULL on any error
 * @return APR_SUCCESS; APR_EGENERAL: OpenSSL offers no SHA-256, or no memory
 *         or thread key is left
 */
apr_status_t smart_digest_create(const unsigned char *secret, apr_pool_t *p,
                                 smart_digest_t **pdigest);

/**
 * Prepare keys of one realm, at start-up.
 * @param digest      from smart_digest_create; must outlive the realm
 * @param fingerprint SMART_DIGEST_LEN bytes, e.g. from smart_digest_sha256
 * @param p           pool that owns the result
 * @param prealm      out: the realm; NULL on any error
 * @return APR_SUCCESS; APR_EGENERAL: OpenSSL failed
 */
apr_status_t smart_digest_realm_create(smart_digest_t *digest,
                                       const unsigned char *fingerprint,
                                       apr_pool_t *p,
                                       smart_digest_realm_t **prealm);

/**
 * What a realm is known by. Whoever remembers a realm longer than it lives has
 * to remember this: another one may be made at its address.
 * @return SMART_DIGEST_LEN bytes, which live as long as the realm
 */
const unsigned char *
smart_digest_realm_fingerprint(const smart_digest_realm_t *realm);

/**
 * The key of a token in a realm.
 * @param realm from smart_digest_realm_create; any thread may use it
 * @param token the bytes of the token
 * @param key   out: SMART_DIGEST_LEN bytes; all zero on any error
 * @return APR_SUCCESS; APR_EGENERAL: OpenSSL failed, there is no key
 */
apr_status_t smart_digest_token(const smart_digest_realm_t *realm,
                                smart_slice_t token, unsigned char *key);

/**
 * SHA-256 of some bytes, for fingerprints made at start-up (it fetches the
 * algorithm each time).
 * @param data what to digest
 * @param out  out: SMART_DIGEST_LEN bytes; all zero on any error
 * @return APR_SUCCESS; APR_EGENERAL: OpenSSL failed
 */
apr_status_t smart_digest_sha256(smart_slice_t data, unsigned char *out);

/**
 * Compare in a time that depends on len alone.
 * @param a   first bytes
 * @param b   second bytes
 * @param len bytes of each
 * @return true if they are equal; false also for len 0, where nothing was
 *         proved
 */
bool smart_digest_equal(const void *a, const void *b, apr_size_t len);

/**
 * Random bytes fit for a secret.
 * @param buf out: filled; all zero on error
 * @param len bytes, at most 2^31 - 1
 * @return APR_SUCCESS; APR_EGENERAL: the generator has no entropy; do without
 *         what you needed them for
 */
apr_status_t smart_digest_random(void *buf, apr_size_t len);

#endif
