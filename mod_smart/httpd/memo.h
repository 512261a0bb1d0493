/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memo.h: what a connection remembers of its last token: the key. A client
 * that repeats its token on a kept connection is spared the HMAC, which costs
 * as much as everything else a cached request needs.
 *
 * Invariants:
 *   1. The memo is in the private memory of the process, per connection; it
 *      ends with it, and the token in it is wiped then.
 *   2. The fingerprint of the realm and all bytes of the token are compared
 *      before the key is used. (Not the realm's address: a location that is
 *      made for one request takes its realm with it, and the next request on
 *      the connection may have another realm there.)
 *   3. It is the key alone that is remembered, no fact and no decision: the
 *      cache is asked each time.
 */
#ifndef SMART_MEMO_H
#define SMART_MEMO_H

#include "httpd/request.h"

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

#endif
