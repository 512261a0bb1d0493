/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest.c: SHA-256, HMAC over kept states, random bytes (OpenSSL only).
 *
 * HMAC(K, m) = H((K ^ opad) || H((K ^ ipad) || m)), so two states are kept:
 *
 *   inner   after (K ^ ipad) || block      one per realm
 *   outer   after (K ^ opad)               one per secret
 *
 * Each is copied, fed and finished. There are two ways to do that:
 *
 *   plain   a state is a SHA256_CTX, the copy lies on the stack: no memory to
 *           get, no context per thread, nothing to look up. EVP's handling of
 *           its contexts costs two fifths of the hashing itself on top.
 *   EVP     a state is an EVP_MD_CTX, copied into the thread's scratch
 *           context. The copy is where OpenSSL allocates (the bare hash state,
 *           about 100 bytes); there is no way around that before its 3.4.
 *           EVP_MAC would allocate a whole context.
 *
 * Plain is taken where OpenSSL has it: 3.x deprecates it but ships it unless
 * it was built, or is asked by OPENSSL_NO_DEPRECATED, to leave it out. Compile
 * with -DSMART_DIGEST_EVP for EVP in any case: to test it, or because hashing
 * must not go past OpenSSL's providers (FIPS does, plain is outside of them).
 *
 * OpenSSL's error queue belongs to the thread and mod_ssl reads it too. A mark
 * per request would cost more than it is worth, so only failures clean up, and
 * they clear the whole queue: between two hooks nothing in it is awaited.
 */
#include "io/digest.h"
#include "io/secret.h"

/* SHA256_Init and its kin, chosen below with open eyes; this file alone. */
#ifndef SMART_DIGEST_EVP
#define OPENSSL_SUPPRESS_DEPRECATED
#endif

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#if !defined(SMART_DIGEST_EVP) &&                                              \
    (defined(OPENSSL_NO_DEPRECATED_3_0) || OPENSSL_VERSION_MAJOR >= 4)
#define SMART_DIGEST_EVP
#endif

#ifdef SMART_DIGEST_EVP
#include <apr_allocator.h>
#include <apr_thread_mutex.h>
#include <apr_thread_proc.h>
#else
#include <arpa/inet.h> /* htonl */
#endif

#define BLOCK 64u          /* bytes SHA-256 takes at once */
#define LAST  (BLOCK - 9u) /* most data in its last one: a bit, the length */
#define IPAD  0x36
#define OPAD  0x5c

/* Leave nothing behind for others to find; see the file's head. */
static apr_status_t digest_failed(unsigned char *out)
{
    if (out) {
        smart_secret_wipe(out, SMART_DIGEST_LEN);
    }
    ERR_clear_error();
    return APR_EGENERAL;
}

/* block = secret ^ pad, filled up with pad. */
static void padded_key(const unsigned char *secret, int pad,
                       unsigned char *block)
{
    apr_size_t i;

    memset(block, pad, BLOCK);
    for (i = 0; i < SMART_DIGEST_LEN; i++) {
        block[i] = (unsigned char)(block[i] ^ secret[i]);
    }
}

#ifndef SMART_DIGEST_EVP

/* ---- plain ---- */

struct smart_digest_t {
    SHA256_CTX inner; /* after K ^ ipad */
    SHA256_CTX outer; /* after K ^ opad */
};

struct smart_digest_realm_t {
    const smart_digest_t *digest; /* borrowed */
    SHA256_CTX inner;             /* after K ^ ipad and the realm's block */
    unsigned char fingerprint[SMART_DIGEST_LEN];
};

/* A state is as good as the secret: pools do not wipe what they give back. */
static apr_status_t digest_wipe(void *data)
{
    OPENSSL_cleanse(data, sizeof(smart_digest_t));
    return APR_SUCCESS;
}

static apr_status_t realm_wipe(void *data)
{
    OPENSSL_cleanse(data, sizeof(smart_digest_realm_t));
    return APR_SUCCESS;
}

/* A state that has taken in secret ^ pad. */
static bool keyed_state(SHA256_CTX *state, const unsigned char *secret, int pad)
{
    unsigned char block[BLOCK];
    bool done;

    padded_key(secret, pad, block);
    done = SHA256_Init(state) == 1 &&
           SHA256_Update(state, block, sizeof(block)) == 1;
    smart_secret_wipe(block, sizeof(block));
    return done;
}

apr_status_t smart_digest_create(const unsigned char *secret, apr_pool_t *p,
                                 smart_digest_t **pdigest)
{
    smart_digest_t *digest = apr_pcalloc(p, sizeof(*digest));

    *pdigest = NULL;
    apr_pool_cleanup_register(p, digest, digest_wipe, apr_pool_cleanup_null);
    if (!keyed_state(&digest->inner, secret, IPAD) ||
        !keyed_state(&digest->outer, secret, OPAD)) {
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
    apr_pool_cleanup_register(p, realm, realm_wipe, apr_pool_cleanup_null);
    memcpy(block, fingerprint, SMART_DIGEST_LEN);
    memcpy(realm->fingerprint, fingerprint, SMART_DIGEST_LEN);
    realm->digest = digest;
    realm->inner = digest->inner;
    if (SHA256_Update(&realm->inner, block, sizeof(block)) != 1) {
        return digest_failed(NULL);
    }
    *prealm = realm;
    return APR_SUCCESS;
}

static void put_be32(unsigned char *out, SHA_LONG word)
{
    const apr_uint32_t big = htonl(word);

    memcpy(out, &big, sizeof(big));
}

/*
 * What SHA256_Update and SHA256_Final do with a state of whole blocks and the
 * few bytes that end it, in half the steps: one block of the data, a bit
 * and the length, one compression, the words as bytes.
 */
static void finish_in_one_block(SHA256_CTX *state, const void *data,
                                apr_size_t len, unsigned char *out)
{
    unsigned char block[BLOCK] = {0};
    apr_size_t i;

    if (len) {
        memcpy(block, data, len);
    }
    block[len] = 0x80;
    put_be32(block + BLOCK - 4, state->Nl + (SHA_LONG)len * 8);
    SHA256_Transform(state, block);
#pragma GCC unroll 8
    for (i = 0; i < SMART_DIGEST_LEN / 4; i++) {
        put_be32(out + 4 * i, state->h[i]);
    }
}

/*
 * out = H(what from has taken in || data). From is at the end of a block.
 *
 * Hashing works in place: the last block turns the copy of the keyed state into
 * the digest, so there is nothing to wipe unless it failed. A state that was
 * itself wiped would still make some digest, but not a keyed one.
 */
static bool digest_finish(const SHA256_CTX *from, const void *data,
                          apr_size_t len, unsigned char *out)
{
    SHA256_CTX state = *from;

    if (state.md_len != SMART_DIGEST_LEN) {
        return false;
    }
    if (len <= LAST) {
        finish_in_one_block(&state, data, len, out);
        return true;
    }
    if (SHA256_Update(&state, data, len) != 1 ||
        SHA256_Final(out, &state) != 1) {
        OPENSSL_cleanse(&state, sizeof(state));
        return false;
    }
    return true;
}

apr_status_t smart_digest_token(const smart_digest_realm_t *realm,
                                smart_slice_t token, unsigned char *key)
{
    if (!digest_finish(&realm->inner, token.ptr, token.len, key) ||
        !digest_finish(&realm->digest->outer, key, SMART_DIGEST_LEN, key)) {
        return digest_failed(key);
    }
    return APR_SUCCESS;
}

#else /* SMART_DIGEST_EVP */

/* ---- EVP: contexts of threads ---- */

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

/* ---- EVP: keyed states ---- */

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

    padded_key(secret, pad, block);
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

#endif /* SMART_DIGEST_EVP */

/* ---- either way ---- */

const unsigned char *
smart_digest_realm_fingerprint(const smart_digest_realm_t *realm)
{
    return realm->fingerprint;
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
