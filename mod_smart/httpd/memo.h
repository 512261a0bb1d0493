/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memo.h: what a connection remembers of its last token: the key, and the
 * facts the cache told about it. A client that repeats its token on a kept
 * connection is spared the HMAC and the way through shared memory, which cost
 * more than everything else a cached request needs.
 *
 * Invariants:
 *   1. The memo is in the private memory of the process, per connection; it
 *      ends with it, and the token in it is wiped then.
 *   2. The fingerprint of the realm and all bytes of the token are compared
 *      before anything of the memo is used. (Not the realm's address: a
 *      location that is made for one request takes its realm with it, and the
 *      next request on the connection may have another realm there.)
 *   3. Facts are those of the cache, with the times of the cache: they are
 *      held to them like a record that was just found. What nobody would
 *      find again at that time is not used. No decision is remembered.
 *   4. What a request gets is its own copy: it may still be logged when the
 *      next one on the connection has another token.
 */
#ifndef SMART_MEMO_H
#define SMART_MEMO_H

#include "httpd/request.h"

#include "io/cache.h"

/**
 * The cache key of a token, from the connection's memo or made anew.
 * @param r     request; its connection keeps the memo
 * @param realm of the location
 * @param token the token
 * @param key   out: SMART_DIGEST_LEN bytes; all zero on any error
 * @return APR_SUCCESS; APR_EGENERAL: OpenSSL failed, there is no key
 */
apr_status_t smart_memo_key(request_rec *r, const smart_digest_realm_t *realm,
                            smart_slice_t token, unsigned char *key);

/**
 * The facts about a token, if it is the connection's last one.
 * @param r      request; owns the copy
 * @param key    of the token, from smart_memo_key
 * @param pgrant out: the facts; untouched on false
 * @param pmeta  out: class and times of the record they are from
 * @return true: there are some, in time or not
 */
bool smart_memo_facts(request_rec *r, const unsigned char *key,
                      smart_grant_t *pgrant, smart_cache_meta_t *pmeta);

/**
 * Remember the facts about a token, if it is the connection's last one. A
 * record too large for the memo is not remembered.
 * @param r      request; its connection keeps the memo
 * @param key    of the token, from smart_memo_key
 * @param record as it was found in the cache
 * @param grant  what smart_grant_open made of it
 * @param meta   class and times
 */
void smart_memo_keep(request_rec *r, const unsigned char *key,
                     smart_slice_t record, const smart_grant_t *grant,
                     const smart_cache_meta_t *meta);

#endif
