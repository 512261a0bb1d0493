/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memo.c: see memo.h. Under HTTP/2 each stream has a connection of its own
 * for httpd, so there is nothing to remember there, and no two threads ever
 * share a memo.
 */
#include "httpd/memo.h"

#include <apr_strings.h>

#include "io/secret.h"

#define MEMO_TOKEN  512u  /* bytes; a longer token is digested each time */
#define MEMO_RECORD 1024u /* bytes; a longer record is looked up each time */

typedef struct memo_t {
    apr_size_t len;                        /* 0: nothing is remembered */
    bool repeated;                         /* it came more than once */
    unsigned char realm[SMART_DIGEST_LEN]; /* its fingerprint */
    unsigned char key[SMART_DIGEST_LEN];
    char token[MEMO_TOKEN];
    apr_size_t record_len; /* 0: no facts; else what follows is filled */
    smart_cache_meta_t meta;
    smart_grant_t grant; /* views into record */
    apr_uint64_t record[MEMO_RECORD / sizeof(apr_uint64_t)];
} memo_t;

static apr_status_t wipe(void *data)
{
    smart_secret_wipe(data, sizeof(memo_t));
    return APR_SUCCESS;
}

static memo_t *memo_of(conn_rec *c)
{
    memo_t *memo = ap_get_module_config(c->conn_config, &smart_module);

    if (!memo) {
        memo = apr_pcalloc(c->pool, sizeof(*memo));
        ap_set_module_config(c->conn_config, &smart_module, memo);
        apr_pool_cleanup_register(c->pool, memo, wipe, apr_pool_cleanup_null);
    }
    return memo;
}

/*
 * Whether two tokens of one length are the same, in a time that does not tell
 * where they differ. As OpenSSL's comparison, but by words, since this is all
 * that is left of the work on a repeated token.
 */
static bool same_token(const char *a, const char *b, apr_size_t len)
{
    apr_uint64_t x, y;
    apr_uint64_t differ = 0;
    apr_size_t i;

    for (i = 0; i + sizeof(x) <= len; i += sizeof(x)) {
        memcpy(&x, a + i, sizeof(x));
        memcpy(&y, b + i, sizeof(y));
        differ |= x ^ y;
    }
    for (; i < len; i++) {
        differ |= (apr_uint64_t)(unsigned char)(a[i] ^ b[i]);
    }
    return differ == 0;
}

apr_status_t smart_memo_key(request_rec *r, const smart_digest_realm_t *realm,
                            smart_slice_t token, unsigned char *key)
{
    const unsigned char *fingerprint = smart_digest_realm_fingerprint(realm);
    apr_status_t rv;
    memo_t *memo;

    if (token.len > MEMO_TOKEN || r->connection->master) {
        return smart_digest_token(realm, token, key);
    }
    memo = memo_of(r->connection);
    if (memo->len == token.len && token.len > 0 &&
        memcmp(memo->realm, fingerprint, SMART_DIGEST_LEN) == 0 &&
        same_token(memo->token, token.ptr, token.len)) {
        memcpy(key, memo->key, SMART_DIGEST_LEN);
        memo->repeated = true;
        return APR_SUCCESS;
    }
    memo->len = 0;
    memo->repeated = false;
    memo->record_len = 0;
    rv = smart_digest_token(realm, token, key);
    if (rv == APR_SUCCESS) {
        memcpy(memo->token, token.ptr, token.len);
        memcpy(memo->key, key, SMART_DIGEST_LEN);
        memcpy(memo->realm, fingerprint, SMART_DIGEST_LEN);
        memo->len = token.len;
    }
    return rv;
}

/* The memo of a connection, if it is about this key. (Not every token is put
   into the memo; without this, facts of an older one would pass for its.) */
static memo_t *memo_about(const request_rec *r, const unsigned char *key)
{
    memo_t *memo =
        r->connection->master
            ? NULL
            : ap_get_module_config(r->connection->conn_config, &smart_module);

    return memo && memo->len > 0 &&
                   memcmp(memo->key, key, SMART_DIGEST_LEN) == 0
               ? memo
               : NULL;
}

bool smart_memo_facts(request_rec *r, const unsigned char *key,
                      smart_grant_t *pgrant, smart_cache_meta_t *pmeta)
{
    const memo_t *memo = memo_about(r, key);
    const char *copy;

    if (!memo || memo->record_len == 0) {
        return false;
    }
    copy = apr_pmemdup(r->pool, memo->record, memo->record_len);
    smart_grant_move(
        &memo->grant,
        smart_slice_n((const char *)memo->record, memo->record_len), copy,
        pgrant);
    *pmeta = memo->meta;
    return true;
}

void smart_memo_keep(request_rec *r, const unsigned char *key,
                     smart_slice_t record, const smart_grant_t *grant,
                     const smart_cache_meta_t *meta)
{
    memo_t *memo = memo_about(r, key);

    /* A connection that has many tokens would copy each for nothing. */
    if (!memo || !memo->repeated || record.len > MEMO_RECORD) {
        return;
    }
    memcpy(memo->record, record.ptr, record.len);
    smart_grant_move(grant, record, (const char *)memo->record, &memo->grant);
    memo->meta = *meta;
    memo->record_len = record.len;
}
