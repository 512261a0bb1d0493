/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwt.h: signs the client assertion of private_key_jwt.
 *
 *   header   {"alg":"RS384"|"ES384","typ":"JWT"[,"kid":"..."]}
 *   payload  {"iss":id,"sub":id,"aud":aud,"iat":now,"exp":now+life,"jti":rnd}
 *   jwt      b64url(header) "." b64url(payload) "." b64url(signature)
 *
 * Invariants:
 *   1. RSA keys have at least 2048 bits, EC keys are on P-384; SMART asks for
 *      both algorithms and for no others.
 *   2. Every string in the JSON is printable ASCII, '"' and '\' escaped.
 *   3. A key is not changed after it was loaded; any number of threads may
 *      sign with it at the same time.
 *
 * Does not: verify JWTs, encrypt, read keys that need a passphrase.
 * See RFC 7523 section 3, RFC 7515, RFC 7518 section 3; SMART App Launch 2.2,
 * Client Authentication: Asymmetric.
 */
#ifndef SMART_JWT_H
#define SMART_JWT_H

#include "core/base.h"

#define SMART_JWT_MAX_LIFETIME_S 300 /* SMART: exp at most 5 minutes ahead */

typedef struct smart_jwt_key_t smart_jwt_key_t;

/**
 * Load a private key, at start-up, so that a bad one stops the server and not
 * the first request.
 * @param path   PEM file, not encrypted
 * @param alg    "RS384" or "ES384"; NULL: what the type of key allows
 * @param kid    key id for the header; NULL: none; printable ASCII
 * @param p      pool that owns the key (freed with it) and the error text
 * @param pkey   out: the key; NULL on any error
 * @param perror out: what is wrong, naming the file; NULL on success
 * @return APR_SUCCESS; APR_EINVAL: see *perror
 */
apr_status_t smart_jwt_key_load(const char *path, const char *alg,
                                const char *kid, apr_pool_t *p,
                                const smart_jwt_key_t **pkey,
                                const char **perror);

/**
 * The algorithm a key signs with, for status pages.
 * @return "RS384" or "ES384"
 */
const char *smart_jwt_key_alg(const smart_jwt_key_t *key);

/**
 * Sign a client assertion with a fresh random jti. Signing once at start-up
 * with the configured strings proves that they can be put into one.
 * @param key        from smart_jwt_key_load
 * @param client_id  iss and sub; printable ASCII, not empty
 * @param audience   aud; printable ASCII, not empty
 * @param now_s      seconds since the epoch, positive
 * @param lifetime_s 1 to SMART_JWT_MAX_LIFETIME_S
 * @param p          pool that owns the result
 * @param pjwt       out: NUL-terminated JWT; NULL on any error. A credential:
 *                   wipe it after use
 * @return APR_SUCCESS; APR_EINVAL: a parameter is unusable; APR_EGENERAL: no
 *         random bytes, or the signature failed
 */
apr_status_t smart_jwt_sign_assertion(const smart_jwt_key_t *key,
                                      const char *client_id,
                                      const char *audience, apr_int64_t now_s,
                                      int lifetime_s, apr_pool_t *p,
                                      char **pjwt);

#endif
