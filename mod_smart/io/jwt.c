/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwt.c: RS384 and ES384 client assertions (OpenSSL only).
 *
 * OpenSSL's error queue belongs to the thread and mod_ssl reads it too, so
 * every entry point sets a mark and takes back what it left there.
 */
#include "io/jwt.h"

#include <apr_encode.h>
#include <apr_strings.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#define ES384_HALF    48   /* bytes of R and of S (RFC 7518 3.4) */
#define MIN_RSA_BITS  2048 /* RFC 7518 3.3 */
#define MAX_SIGNATURE 2048u
#define JTI_BYTES     16

struct smart_jwt_key_t {
    EVP_PKEY *pkey;  /* owned; freed with the pool */
    const char *alg; /* "RS384" or "ES384" */
    const char *kid; /* JSON-escaped; NULL: none */
    bool is_ec;      /* signature has to become R||S */
};

static apr_status_t key_free(void *data)
{
    EVP_PKEY_free(data);
    return APR_SUCCESS;
}

/* OpenSSL would ask on the terminal otherwise. */
static int no_passphrase(char *buf, int size, int rwflag, void *u)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)u;
    return -1;
}

/* text as the inside of a JSON string; NULL unless printable ASCII. */
static const char *json_escape(const char *text, apr_pool_t *p)
{
    char *out;
    char *to;

    if (!text || !*text) {
        return NULL;
    }
    to = out = apr_palloc(p, 2 * strlen(text) + 1);
    for (; *text; text++) {
        if (*text < 0x20 || *text > 0x7e) {
            return NULL;
        }
        if (*text == '"' || *text == '\\') {
            *to++ = '\\';
        }
        *to++ = *text;
    }
    *to = '\0';
    return out;
}

/* RFC 7515 section 2: URL-safe, no padding. */
static const char *base64url(const void *in, apr_size_t len, apr_pool_t *p)
{
    return apr_pencode_base64_binary(p, in, (apr_ssize_t)len,
                                     APR_ENCODE_BASE64URL, NULL);
}

static bool is_p384(const EVP_PKEY *pkey)
{
    char group[64] = "";
    size_t len = 0;

    return EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) == 1 &&
           (strcmp(group, "secp384r1") == 0 || strcmp(group, "P-384") == 0);
}

/* Fit key to algorithm. NULL or what is wrong. */
static const char *key_fault(smart_jwt_key_t *key, const char *alg)
{
    switch (EVP_PKEY_get_base_id(key->pkey)) {
    case EVP_PKEY_RSA:
        key->alg = "RS384";
        if (EVP_PKEY_get_bits(key->pkey) < MIN_RSA_BITS) {
            return "the RSA key has less than 2048 bits";
        }
        break;
    case EVP_PKEY_EC:
        key->alg = "ES384";
        key->is_ec = true;
        if (!is_p384(key->pkey)) {
            return "the EC key is not on curve P-384";
        }
        break;
    default:
        return "neither an RSA nor an EC key";
    }
    if (!alg || strcmp(alg, key->alg) == 0) {
        return NULL;
    }
    if (strcmp(alg, "RS384") == 0 || strcmp(alg, "ES384") == 0) {
        return key->is_ec ? "an EC key signs ES384, not RS384"
                          : "an RSA key signs RS384, not ES384";
    }
    return "the algorithm is RS384 or ES384";
}

static EVP_PKEY *pem_read(const char *path, const char **pfault)
{
    BIO *bio = BIO_new_file(path, "r");
    EVP_PKEY *pkey;

    if (!bio) {
        *pfault = "cannot be opened";
        return NULL;
    }
    pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    if (!pkey) {
        *pfault = "no unencrypted private key in PEM format";
    }
    return pkey;
}

/* Fill key; its pkey belongs to p afterwards. NULL or what is wrong. */
static const char *key_fill(smart_jwt_key_t *key, const char *path,
                            const char *alg, const char *kid, apr_pool_t *p)
{
    const char *fault = NULL;

    key->pkey = pem_read(path, &fault);
    if (!key->pkey) {
        return fault;
    }
    apr_pool_cleanup_register(p, key->pkey, key_free, apr_pool_cleanup_null);
    if (kid) {
        key->kid = json_escape(kid, p);
        if (!key->kid) {
            return "kid must be printable ASCII";
        }
    }
    return key_fault(key, alg);
}

apr_status_t smart_jwt_key_load(const char *path, const char *alg,
                                const char *kid, apr_pool_t *p,
                                const smart_jwt_key_t **pkey,
                                const char **perror)
{
    smart_jwt_key_t *key = apr_pcalloc(p, sizeof(*key));
    const char *fault;

    *pkey = NULL;
    *perror = NULL;
    ERR_set_mark();
    fault = key_fill(key, path, alg, kid, p);
    ERR_pop_to_mark();
    if (fault) {
        *perror = apr_psprintf(p, "%s: %s", path, fault);
        return APR_EINVAL;
    }
    *pkey = key;
    return APR_SUCCESS;
}

const char *smart_jwt_key_alg(const smart_jwt_key_t *key)
{
    return key->alg;
}

/* DER SEQUENCE { r, s } to R||S, big-endian, padded (RFC 7518 3.4). */
static bool ecdsa_to_jose(const unsigned char *der, apr_size_t len,
                          unsigned char raw[2 * ES384_HALF])
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
    bool ok;

    if (!sig) {
        return false;
    }
    ok = BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, ES384_HALF) == ES384_HALF &&
         BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + ES384_HALF, ES384_HALF) ==
             ES384_HALF;
    ECDSA_SIG_free(sig);
    return ok;
}

/* base64url signature over text; NULL on any failure. */
static const char *sign_text(const smart_jwt_key_t *key, const char *text,
                             apr_pool_t *p)
{
    unsigned char sig[MAX_SIGNATURE];
    unsigned char raw[2 * ES384_HALF];
    size_t len = sizeof(sig);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok;

    ok = md &&
         EVP_DigestSignInit(md, NULL, EVP_sha384(), NULL, key->pkey) == 1 &&
         EVP_DigestSign(md, sig, &len, (const unsigned char *)text,
                        strlen(text)) == 1;
    EVP_MD_CTX_free(md);
    if (ok && key->is_ec) {
        return ecdsa_to_jose(sig, len, raw) ? base64url(raw, sizeof(raw), p)
                                            : NULL;
    }
    return ok ? base64url(sig, len, p) : NULL;
}

/* "header.payload", both encoded; NULL on any failure. */
static const char *signing_input(const smart_jwt_key_t *key, const char *id,
                                 const char *aud, apr_int64_t now_s,
                                 int lifetime_s, apr_pool_t *p)
{
    unsigned char jti[JTI_BYTES];
    const char *header;
    const char *payload;

    if (RAND_bytes(jti, sizeof(jti)) != 1) {
        return NULL;
    }
    header = apr_psprintf(p, "{\"alg\":\"%s\",\"typ\":\"JWT\"%s%s%s}", key->alg,
                          key->kid ? ",\"kid\":\"" : "",
                          key->kid ? key->kid : "", key->kid ? "\"" : "");
    payload = apr_psprintf(p,
                           "{\"iss\":\"%s\",\"sub\":\"%s\",\"aud\":\"%s\","
                           "\"iat\":%" APR_INT64_T_FMT
                           ",\"exp\":%" APR_INT64_T_FMT ",\"jti\":\"%s\"}",
                           id, id, aud, now_s, now_s + lifetime_s,
                           base64url(jti, sizeof(jti), p));
    return apr_pstrcat(p, base64url(header, strlen(header), p), ".",
                       base64url(payload, strlen(payload), p), NULL);
}

apr_status_t smart_jwt_sign_assertion(const smart_jwt_key_t *key,
                                      const char *client_id,
                                      const char *audience, apr_int64_t now_s,
                                      int lifetime_s, apr_pool_t *p,
                                      char **pjwt)
{
    const char *id = json_escape(client_id, p);
    const char *aud = json_escape(audience, p);
    const char *input;
    const char *signature = NULL;

    *pjwt = NULL;
    if (!key || !id || !aud || now_s <= 0 ||
        now_s > APR_INT64_MAX - SMART_JWT_MAX_LIFETIME_S || lifetime_s < 1 ||
        lifetime_s > SMART_JWT_MAX_LIFETIME_S) {
        return APR_EINVAL;
    }
    ERR_set_mark();
    input = signing_input(key, id, aud, now_s, lifetime_s, p);
    if (input) {
        signature = sign_text(key, input, p);
    }
    ERR_pop_to_mark();
    if (!signature) {
        return APR_EGENERAL;
    }
    *pjwt = apr_pstrcat(p, input, ".", signature, NULL);
    return APR_SUCCESS;
}
