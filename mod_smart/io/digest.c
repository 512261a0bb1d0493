/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest.c: SHA-256, HMAC over kept states, random bytes (OpenSSL only).
 *
 * HMAC(K, m) = H((K ^ opad) || H((K ^ ipad) || m)). EVP_MAC can be re-keyed
 * cheaply but can not be copied at a place of our choice without allocating a
 * new context, so the two states are kept as EVP_MD contexts:
 *
 *   inner   after (K ^ ipad) || block      one per realm
 *   outer   after (K ^ opad)               one per secret
 *
 * Each is copied into the thread's scratch context, fed and finished. The copy
 * is where OpenSSL allocates (the bare hash state, about 100 bytes); there is
 * no way around that before its 3.4.
 *
 * OpenSSL's error queue belongs to the thread and mod_ssl reads it too. A mark
 * per request would cost more than it is worth, so only failures clean up, and
 * they clear the whole queue: between two hooks nothing in it is awaited.
 */
#include "io/digest.h"
#include "io/secret.h"

#include <apr_allocator.h>
#include <apr_thread_mutex.h>
#include <apr_thread_proc.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#define BLOCK 64u /* bytes SHA-256 takes at once */
#define IPAD  0x36
#define OPAD  0x5c

/* A context for one thread at a time. */
typedef struct scratch_t {
    struct scratch_t *next; /* all there are */
    smart_digest_t *owner;  /* whose list it is on */
    EVP_MD_CTX *ctx;        /* owned */
    bool idle;              /* its thread has ended; under the lock */
} scratch_t;

struct smart_digest_t {
    EVP_MD *sha256;           /* owned; fetched once */
    EVP_MD_CTX *inner;        /* owned; after K ^ ipad */
    EVP_MD_CTX *outer;        /* owned; after K ^ opad */
    apr_threadkey_t *mine;    /* a thread's scratch_t */
    apr_thread_mutex_t *lock; /* guards all and idle */
    scratch_t *all;           /* grows only */
    apr_pool_t *pool;         /* of scratch_t, by itself; under the lock */
};

struct smart_digest_realm_t {
    smart_digest_t *digest; /* borrowed */
    EVP_MD_CTX *inner;      /* owned; after K ^ ipad and the realm's block */
    unsigned char fingerprint[SMART_DIGEST_LEN];
};

/* Leave nothing behind for others to find; see the file's head. */
static apr_status_t digest_failed(unsigned char *out)
{
    if (out) {
        smart_secret_wipe(out, SMART_DIGEST_LEN);
    }
    ERR_clear_error();
    return APR_EGENERAL;
}

/* ---- contexts of threads ---- */

/* Runs when a thread ends: its context serves the next new one. */
static void scratch_release(void *data)
{
    scratch_t *scratch = data;

    apr_thread_mutex_lock(scratch->owner->lock);
    scratch->idle = true;
    apr_thread_mutex_unlock(scratch->owner->lock);
}

static scratch_t *scratch_find_locked(smart_digest_t *digest)
{
    scratch_t *scratch = digest->all;

    while (scratch && !scratch->idle) {
        scratch = scratch->next;
    }
    if (!scratch) {
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();

        if (!ctx) {
            return NULL;
        }
        scratch = apr_pcalloc(digest->pool, sizeof(*scratch));
        scratch->owner = digest;
        scratch->ctx = ctx;
        scratch->next = digest->all;
        digest->all = scratch;
    }
    scratch->idle = false;
    return scratch;
}

/* The context of this thread, NULL when there is none to be had. */
static EVP_MD_CTX *scratch_get(smart_digest_t *digest)
{
    void *mine = NULL;
    scratch_t *scratch;

    if (apr_threadkey_private_get(&mine, digest->mine) == APR_SUCCESS && mine) {
        return ((scratch_t *)mine)->ctx;
    }
    apr_thread_mutex_lock(digest->lock);
    scratch = scratch_find_locked(digest);
    apr_thread_mutex_unlock(digest->lock);
    if (!scratch) {
        return NULL;
    }
    if (apr_threadkey_private_set(scratch, digest->mine) != APR_SUCCESS) {
        scratch_release(scratch);
        return NULL;
    }
    return scratch->ctx;
}

/* ---- keyed states ---- */

static apr_status_t digest_free(void *data)
{
    smart_digest_t *digest = data;
    scratch_t *scratch;

    if (digest->mine) {
        apr_threadkey_private_delete(digest->mine);
    }
    for (scratch = digest->all; scratch; scratch = scratch->next) {
        EVP_MD_CTX_free(scratch->ctx);
    }
    EVP_MD_CTX_free(digest->inner);
    EVP_MD_CTX_free(digest->outer);
    EVP_MD_free(digest->sha256);
    return APR_SUCCESS;
}

static apr_status_t context_free(void *data)
{
    EVP_MD_CTX_free(data);
    return APR_SUCCESS;
}

/* A context that has taken in key ^ pad. NULL on failure. */
static EVP_MD_CTX *keyed_context(const EVP_MD *sha256,
                                 const unsigned char *secret, int pad)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char block[BLOCK];
    apr_size_t i;

    memset(block, pad, sizeof(block));
    for (i = 0; i < SMART_DIGEST_LEN; i++) {
        block[i] = (unsigned char)(block[i] ^ secret[i]);
    }
    if (ctx && (EVP_DigestInit_ex2(ctx, sha256, NULL) != 1 ||
                EVP_DigestUpdate(ctx, block, sizeof(block)) != 1)) {
        EVP_MD_CTX_free(ctx);
        ctx = NULL;
    }
    smart_secret_wipe(block, sizeof(block));
    return ctx;
}

/*
 * A pool that threads may use under a lock of ours: a plain subpool would
 * share the allocator of p, which others use at the same time.
 */
static apr_status_t own_pool(apr_pool_t *p, apr_pool_t **pown)
{
    apr_allocator_t *allocator;
    apr_status_t rv = apr_allocator_create(&allocator);

    if (rv == APR_SUCCESS) {
        rv = apr_pool_create_ex(pown, p, NULL, allocator);
        if (rv != APR_SUCCESS) {
            apr_allocator_destroy(allocator);
            return rv;
        }
        apr_allocator_owner_set(allocator, *pown);
    }
    return rv;
}

apr_status_t smart_digest_create(const unsigned char *secret, apr_pool_t *p,
                                 smart_digest_t **pdigest)
{
    apr_pool_t *own;
    smart_digest_t *digest;

    *pdigest = NULL;
    if (own_pool(p, &own) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    p = own;
    digest = apr_pcalloc(p, sizeof(*digest));
    digest->pool = p;
    if (apr_thread_mutex_create(&digest->lock, APR_THREAD_MUTEX_DEFAULT, p) !=
        APR_SUCCESS) {
        return APR_EGENERAL;
    }
    apr_pool_cleanup_register(p, digest, digest_free, apr_pool_cleanup_null);
    if (apr_threadkey_private_create(&digest->mine, scratch_release, p) !=
        APR_SUCCESS) {
        digest->mine = NULL;
        return APR_EGENERAL;
    }
    digest->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!digest->sha256) {
        return digest_failed(NULL);
    }
    digest->inner = keyed_context(digest->sha256, secret, IPAD);
    digest->outer = keyed_context(digest->sha256, secret, OPAD);
    if (!digest->inner || !digest->outer) {
        return digest_failed(NULL);
    }
    *pdigest = digest;
    return APR_SUCCESS;
}

apr_status_t smart_digest_realm_create(smart_digest_t *digest,
                                       const unsigned char *fingerprint,
                                       apr_pool_t *p,
                                       smart_digest_realm_t **prealm)
{
    smart_digest_realm_t *realm = apr_pcalloc(p, sizeof(*realm));
    unsigned char block[BLOCK] = {0};

    *prealm = NULL;
    memcpy(block, fingerprint, SMART_DIGEST_LEN);
    memcpy(realm->fingerprint, fingerprint, SMART_DIGEST_LEN);
    realm->digest = digest;
    realm->inner = EVP_MD_CTX_new();
    if (!realm->inner) {
        return digest_failed(NULL);
    }
    apr_pool_cleanup_register(p, realm->inner, context_free,
                              apr_pool_cleanup_null);
    if (EVP_MD_CTX_copy_ex(realm->inner, digest->inner) != 1 ||
        EVP_DigestUpdate(realm->inner, block, sizeof(block)) != 1) {
        return digest_failed(NULL);
    }
    *prealm = realm;
    return APR_SUCCESS;
}

/* ---- what requests use ---- */

const unsigned char *
smart_digest_realm_fingerprint(const smart_digest_realm_t *realm)
{
    return realm->fingerprint;
}

/* out = H(what from has taken in || data), by way of ctx. */
static bool digest_finish(EVP_MD_CTX *ctx, const EVP_MD_CTX *from,
                          const void *data, apr_size_t len, unsigned char *out)
{
    return EVP_MD_CTX_copy_ex(ctx, from) == 1 &&
           EVP_DigestUpdate(ctx, data, len) == 1 &&
           EVP_DigestFinal_ex(ctx, out, NULL) == 1;
}

apr_status_t smart_digest_token(const smart_digest_realm_t *realm,
                                smart_slice_t token, unsigned char *key)
{
    EVP_MD_CTX *ctx = scratch_get(realm->digest);

    if (!ctx || !digest_finish(ctx, realm->inner, token.ptr, token.len, key) ||
        !digest_finish(ctx, realm->digest->outer, key, SMART_DIGEST_LEN, key)) {
        return digest_failed(key);
    }
    return APR_SUCCESS;
}

apr_status_t smart_digest_sha256(smart_slice_t data, unsigned char *out)
{
    if (EVP_Q_digest(NULL, "SHA256", NULL, data.ptr, data.len, out, NULL) !=
        1) {
        return digest_failed(out);
    }
    return APR_SUCCESS;
}

bool smart_digest_equal(const void *a, const void *b, apr_size_t len)
{
    return len > 0 && CRYPTO_memcmp(a, b, len) == 0;
}

apr_status_t smart_digest_random(void *buf, apr_size_t len)
{
    if (len > 0x7fffffff || RAND_priv_bytes(buf, (int)len) != 1) {
        smart_secret_wipe(buf, len);
        ERR_clear_error();
        return APR_EGENERAL;
    }
    return APR_SUCCESS;
}
