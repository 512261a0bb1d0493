/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal.c: HKDF and AES-256-GCM (OpenSSL only).
 *
 * Algorithms are fetched on each call: sealing happens once per question to
 * another machine, which takes a hundred times as long.
 */
#include "io/seal.h"
#include "io/digest.h"
#include "io/secret.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#define NONCE     12u
#define TAG       16u
#define TIMES     16u
#define MAX_VALUE ((apr_size_t)1 << 30)
#define SECOND_US APR_INT64_C(1000000)
#define LAYOUT    4u /* bytes it is written in */

_Static_assert(NONCE + TIMES + TAG == SMART_SEAL_OVERHEAD, "as promised");

struct smart_seal_t {
    unsigned char place_key[SMART_SEAL_KEY];
    unsigned char seal_key[SMART_SEAL_KEY];
};

/* ---- numbers ---- */

static void put_be(unsigned char *out, apr_size_t bytes, apr_uint64_t n)
{
    while (bytes-- > 0) {
        out[bytes] = (unsigned char)n;
        n >>= 8;
    }
}

static apr_int64_t get_be64(const unsigned char *in)
{
    apr_uint64_t n = 0;
    int i;

    for (i = 0; i < 8; i++) {
        n = n << 8 | in[i];
    }
    return (apr_int64_t)n;
}

/* ---- keys ---- */

static OSSL_PARAM octets(const char *name, const void *bytes, apr_size_t len)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)bytes,
                                             len);
}

/* RFC 5869 2.2 without salt, 2.3; <info> may be empty with EXTRACT_ONLY. */
static apr_status_t hkdf(int mode, smart_slice_t key, smart_slice_t info,
                         unsigned char *out)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    char sha256[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, sha256, 0),
        octets(OSSL_KDF_PARAM_KEY, key.ptr, key.len),
        info.len ? octets(OSSL_KDF_PARAM_INFO, info.ptr, info.len)
                 : OSSL_PARAM_construct_end(),
        OSSL_PARAM_construct_end(),
    };
    const bool done =
        ctx && EVP_KDF_derive(ctx, out, SMART_SEAL_KEY, params) == 1;

    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    if (!done) {
        smart_secret_wipe(out, SMART_SEAL_KEY);
        ERR_clear_error();
        return APR_EGENERAL;
    }
    return APR_SUCCESS;
}

static apr_status_t expand(const unsigned char *key, const void *info,
                           apr_size_t len, unsigned char *out)
{
    return hkdf(EVP_KDF_HKDF_MODE_EXPAND_ONLY,
                smart_slice_n((const char *)key, SMART_SEAL_KEY),
                smart_slice_n(info, len), out);
}

apr_status_t smart_seal_master(smart_slice_t secret, unsigned char *master)
{
    if (secret.len < SMART_SEAL_MIN_SECRET) {
        memset(master, 0, SMART_SEAL_KEY);
        return APR_EINVAL;
    }
    return hkdf(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, secret, smart_slice_n(NULL, 0),
                master);
}

apr_status_t smart_seal_derive(const unsigned char *master, const char *use,
                               unsigned char *key)
{
    return expand(master, use, strlen(use), key);
}

static apr_status_t seal_wipe(void *data)
{
    smart_secret_wipe(data, sizeof(smart_seal_t));
    return APR_SUCCESS;
}

apr_status_t smart_seal_create(const unsigned char *master, apr_pool_t *p,
                               smart_seal_t **pseal)
{
    smart_seal_t *seal = apr_pcalloc(p, sizeof(*seal));
    apr_status_t rv;

    *pseal = NULL;
    apr_pool_cleanup_register(p, seal, seal_wipe, apr_pool_cleanup_null);
    rv = smart_seal_derive(master, "mod_smart sealed values: place",
                           seal->place_key);
    if (rv == APR_SUCCESS) {
        rv = smart_seal_derive(master, "mod_smart sealed values: seal",
                               seal->seal_key);
    }
    if (rv == APR_SUCCESS) {
        *pseal = seal;
    }
    return rv;
}

/* ---- places ---- */

/* layout || realm || what: what an id is made of, and associated data. */
#define BOUND (LAYOUT + 2 * SMART_SEAL_KEY)

static void bind_to(const unsigned char *realm, const unsigned char *what,
                    unsigned char *out)
{
    put_be(out, LAYOUT, SMART_SEAL_LAYOUT);
    memcpy(out + LAYOUT, realm, SMART_SEAL_KEY);
    memcpy(out + LAYOUT + SMART_SEAL_KEY, what, SMART_SEAL_KEY);
}

apr_status_t smart_seal_place(const smart_seal_t *seal,
                              const unsigned char *realm,
                              const unsigned char *key,
                              smart_seal_place_t *place)
{
    unsigned char bound[BOUND];
    apr_status_t rv;

    bind_to(realm, key, bound);
    rv = expand(seal->place_key, bound, sizeof(bound), place->id);
    if (rv == APR_SUCCESS) {
        memcpy(place->realm, realm, SMART_SEAL_KEY);
    }
    else {
        memset(place, 0, sizeof(*place));
    }
    return rv;
}

/* ---- sealing ---- */

/* A context with the key of a place, its nonce and its associated data. */
static EVP_CIPHER_CTX *cipher(const smart_seal_t *seal,
                              const smart_seal_place_t *place,
                              const unsigned char *nonce, int closing)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char key[SMART_SEAL_KEY];
    unsigned char bound[BOUND];
    int len;
    bool done;

    bind_to(place->realm, place->id, bound);
    done =
        ctx &&
        expand(seal->seal_key, place->id, SMART_SEAL_KEY, key) == APR_SUCCESS &&
        EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce, closing) ==
            1 &&
        EVP_CipherUpdate(ctx, NULL, &len, bound, (int)sizeof(bound)) == 1;
    smart_secret_wipe(key, sizeof(key));
    if (!done) {
        EVP_CIPHER_CTX_free(ctx);
        ERR_clear_error();
        return NULL;
    }
    return ctx;
}

/* out = nonce || encrypted times and value || tag */
static bool encrypt(EVP_CIPHER_CTX *ctx, const unsigned char *times,
                    smart_slice_t value, unsigned char *out)
{
    unsigned char *text = out + NONCE;
    int len;

    return EVP_EncryptUpdate(ctx, text, &len, times, TIMES) == 1 &&
           (!value.len || EVP_EncryptUpdate(ctx, text + TIMES, &len,
                                            (const unsigned char *)value.ptr,
                                            (int)value.len) == 1) &&
           EVP_EncryptFinal_ex(ctx, text + TIMES + value.len, &len) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG,
                               text + TIMES + value.len) == 1;
}

apr_status_t smart_seal_close(const smart_seal_t *seal,
                              const smart_seal_place_t *place,
                              const smart_seal_times_t *times,
                              smart_slice_t value, apr_pool_t *p,
                              smart_slice_t *psealed)
{
    const apr_size_t len = value.len + SMART_SEAL_OVERHEAD;
    unsigned char head[TIMES];
    unsigned char *out;
    EVP_CIPHER_CTX *ctx;
    bool done;

    *psealed = smart_slice_n(NULL, 0);
    if (value.len > MAX_VALUE || times->made_us < 0 ||
        times->until_us <= times->made_us) {
        return APR_EINVAL;
    }
    put_be(head, 8, (apr_uint64_t)times->made_us);
    put_be(head + 8, 8, (apr_uint64_t)times->until_us);
    out = apr_palloc(p, len);
    if (smart_digest_random(out, NONCE) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    ctx = cipher(seal, place, out, 1);
    if (!ctx) {
        return APR_EGENERAL;
    }
    done = encrypt(ctx, head, value, out);
    EVP_CIPHER_CTX_free(ctx);
    if (!done) {
        ERR_clear_error();
        return APR_EGENERAL;
    }
    *psealed = smart_slice_n((const char *)out, len);
    return APR_SUCCESS;
}

/* out = times || value; only what the tag vouches for. */
static bool decrypt(EVP_CIPHER_CTX *ctx, const unsigned char *in,
                    apr_size_t text_len, unsigned char *out)
{
    unsigned char tag[TAG];
    int len;

    memcpy(tag, in + NONCE + text_len, TAG);
    return EVP_DecryptUpdate(ctx, out, &len, in + NONCE, (int)text_len) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1 &&
           EVP_DecryptFinal_ex(ctx, out + text_len, &len) == 1;
}

/* Our own words; still no number is taken that would not be one of ours. */
static bool in_time(const smart_seal_times_t *times, apr_int64_t now_us)
{
    return times->made_us >= 0 && times->until_us > times->made_us &&
           now_us < times->until_us &&
           times->made_us <= now_us + SMART_SEAL_SKEW_S * SECOND_US;
}

smart_seal_e smart_seal_open(const smart_seal_t *seal,
                             const smart_seal_place_t *place,
                             smart_slice_t sealed, apr_int64_t now_us,
                             apr_pool_t *p, smart_seal_times_t *times,
                             smart_slice_t *pvalue)
{
    const unsigned char *in = (const unsigned char *)sealed.ptr;
    apr_size_t text_len;
    unsigned char *out;
    EVP_CIPHER_CTX *ctx;
    bool done;

    memset(times, 0, sizeof(*times));
    *pvalue = smart_slice_n(NULL, 0);
    if (sealed.len < SMART_SEAL_OVERHEAD ||
        sealed.len > MAX_VALUE + SMART_SEAL_OVERHEAD) {
        return SMART_SEAL_FORGED;
    }
    text_len = sealed.len - NONCE - TAG;
    ctx = cipher(seal, place, in, 0);
    if (!ctx) {
        return SMART_SEAL_FORGED;
    }
    out = apr_palloc(p, text_len);
    done = decrypt(ctx, in, text_len, out);
    EVP_CIPHER_CTX_free(ctx);
    if (!done) {
        smart_secret_wipe(out, text_len);
        ERR_clear_error();
        return SMART_SEAL_FORGED;
    }
    times->made_us = get_be64(out);
    times->until_us = get_be64(out + 8);
    if (!in_time(times, now_us)) {
        memset(times, 0, sizeof(*times));
        return SMART_SEAL_OVER;
    }
    *pvalue = smart_slice_n((const char *)out + TIMES, text_len - TIMES);
    return SMART_SEAL_OPENED;
}
