/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwt_test.c: which keys are taken, and that the assertions they sign verify
 * and say what RFC 7523 asks for. Keys are made here, nothing is stored.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_strings.h>

#include <jansson.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "io/jwt.h"

#define NOW 1700000000

static apr_pool_t *pool;
static char dir[] = "/tmp/smart_jwt_XXXXXX";
static EVP_PKEY *rsa2048, *rsa1024, *p384, *p256, *ed25519;

static const char *path_of(const char *name)
{
    return apr_pstrcat(pool, dir, "/", name, NULL);
}

static void store(const char *name, EVP_PKEY *pkey, const char *passphrase)
{
    FILE *f = fopen(path_of(name), "w");

    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(
                         f, pkey, passphrase ? EVP_aes_128_cbc() : NULL,
                         (const unsigned char *)passphrase,
                         passphrase ? (int)strlen(passphrase) : 0, NULL, NULL),
                     1);
    fclose(f);
}

static int make_keys(void **state)
{
    FILE *f;

    (void)state;
    rsa2048 = EVP_RSA_gen(2048);
    rsa1024 = EVP_RSA_gen(1024);
    p384 = EVP_EC_gen("P-384");
    p256 = EVP_EC_gen("P-256");
    ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    store("rsa2048", rsa2048, NULL);
    store("rsa1024", rsa1024, NULL);
    store("p384", p384, NULL);
    store("p256", p256, NULL);
    store("ed25519", ed25519, NULL);
    store("locked", p384, "passphrase");
    f = fopen(path_of("public"), "w");
    PEM_write_PUBKEY(f, p384);
    fclose(f);
    f = fopen(path_of("junk"), "w");
    fputs("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", f);
    fclose(f);
    return 0;
}

static int drop_keys(void **state)
{
    const char *const names[] = {"rsa2048", "rsa1024", "p384",   "p256",
                                 "ed25519", "locked",  "public", "junk"};
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        apr_file_remove(path_of(names[i]), pool);
    }
    EVP_PKEY_free(rsa2048);
    EVP_PKEY_free(rsa1024);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(p256);
    EVP_PKEY_free(ed25519);
    return rmdir(dir);
}

static const smart_jwt_key_t *load(const char *name, const char *alg,
                                   const char *kid)
{
    const smart_jwt_key_t *key = NULL;
    const char *error = "unset";

    assert_int_equal(
        smart_jwt_key_load(path_of(name), alg, kid, pool, &key, &error),
        APR_SUCCESS);
    assert_null(error);
    assert_non_null(key);
    return key;
}

static void assert_not_loaded(const char *name, const char *alg,
                              const char *kid, const char *because)
{
    const smart_jwt_key_t *key = (const smart_jwt_key_t *)dir;
    const char *error = NULL;

    assert_int_equal(
        smart_jwt_key_load(path_of(name), alg, kid, pool, &key, &error),
        APR_EINVAL);
    assert_null(key);
    assert_non_null(strstr(error, path_of(name)));
    assert_non_null(strstr(error, because));
    assert_int_equal(ERR_peek_error(), 0); /* nothing left for mod_ssl */
}

/* Decode n characters of base64url; length out. */
static unsigned char *unb64(const char *text, apr_size_t n, apr_size_t *plen)
{
    const apr_size_t padded = (n + 3) / 4 * 4;
    char *in = apr_pstrndup(pool, apr_pstrcat(pool, text, "===", NULL), padded);
    unsigned char *out = apr_pcalloc(pool, padded + 1);
    apr_size_t i;

    for (i = 0; i < padded; i++) {
        in[i] = i >= n ? '=' : in[i] == '-' ? '+' : in[i] == '_' ? '/' : in[i];
    }
    assert_int_equal(
        EVP_DecodeBlock(out, (const unsigned char *)in, (int)padded),
        padded / 4 * 3);
    *plen = n * 3 / 4;
    out[*plen] = '\0';
    return out;
}

static json_t *part(const char *text, apr_size_t n)
{
    apr_size_t len;
    const char *json = (const char *)unb64(text, n, &len);
    json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(root);
    return root;
}

static const char *text_of(json_t *root, const char *name)
{
    const char *text = json_string_value(json_object_get(root, name));

    return text ? apr_pstrdup(pool, text) : NULL;
}

/* R||S back to DER, so that OpenSSL can judge it. */
static unsigned char *der_of(const unsigned char *raw, apr_size_t *plen)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    unsigned char *der = NULL;

    assert_int_equal(*plen, 96);
    ECDSA_SIG_set0(sig, BN_bin2bn(raw, 48, NULL),
                   BN_bin2bn(raw + 48, 48, NULL));
    *plen = (apr_size_t)i2d_ECDSA_SIG(sig, &der);
    ECDSA_SIG_free(sig);
    return der;
}

static bool verifies(EVP_PKEY *pkey, const char *jwt)
{
    const char *dot = strrchr(jwt, '.');
    const bool ec = EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    apr_size_t len;
    unsigned char *raw = unb64(dot + 1, strlen(dot + 1), &len);
    unsigned char *sig = ec ? der_of(raw, &len) : raw;
    int ok;

    EVP_DigestVerifyInit(md, NULL, EVP_sha384(), NULL, pkey);
    ok = EVP_DigestVerify(md, sig, len, (const unsigned char *)jwt,
                          (size_t)(dot - jwt));
    EVP_MD_CTX_free(md);
    if (ec) {
        OPENSSL_free(sig);
    }
    ERR_clear_error();
    return ok == 1;
}

static char *sign(const smart_jwt_key_t *key)
{
    char *jwt = NULL;

    assert_int_equal(smart_jwt_sign_assertion(key, "gate\"way\\1",
                                              "https://as.example.org/i", NOW,
                                              60, pool, &jwt),
                     APR_SUCCESS);
    assert_int_equal(strspn(jwt, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR"
                                 "STUVWXYZ0123456789-_."),
                     strlen(jwt));
    return jwt;
}

static void assert_claims(const char *jwt, const char *alg, const char *kid)
{
    const char *payload = strchr(jwt, '.') + 1;
    json_t *h = part(jwt, (apr_size_t)(payload - 1 - jwt));
    json_t *c = part(payload, (apr_size_t)(strchr(payload, '.') - payload));

    assert_string_equal(text_of(h, "alg"), alg);
    assert_string_equal(text_of(h, "typ"), "JWT");
    assert_int_equal(json_object_size(h), kid ? 3 : 2);
    if (kid) {
        assert_string_equal(text_of(h, "kid"), kid);
    }
    assert_int_equal(json_object_size(c), 6);
    assert_string_equal(text_of(c, "iss"), "gate\"way\\1");
    assert_string_equal(text_of(c, "sub"), "gate\"way\\1");
    assert_string_equal(text_of(c, "aud"), "https://as.example.org/i");
    assert_int_equal(json_integer_value(json_object_get(c, "iat")), NOW);
    assert_int_equal(json_integer_value(json_object_get(c, "exp")), NOW + 60);
    assert_int_equal(strlen(text_of(c, "jti")), 22); /* 128 bits */
    json_decref(h);
    json_decref(c);
}

static void rsa_key_signs_rs384(void **state)
{
    const smart_jwt_key_t *key = load("rsa2048", NULL, "k\"1");
    const char *jwt = sign(key);

    (void)state;
    assert_string_equal(smart_jwt_key_alg(key), "RS384");
    assert_claims(jwt, "RS384", "k\"1");
    assert_true(verifies(rsa2048, jwt));
    assert_false(verifies(rsa1024, jwt));
}

static void p384_key_signs_es384_in_jose_form(void **state)
{
    const smart_jwt_key_t *key = load("p384", "ES384", NULL);
    int i;

    (void)state;
    for (i = 0; i < 300; i++) { /* some R or S start with a zero byte */
        char *jwt = sign(key);

        assert_true(verifies(p384, jwt));
        if (i == 0) {
            assert_claims(jwt, "ES384", NULL);
            jwt[5] = jwt[5] == 'A' ? 'B' : 'A';
            assert_false(verifies(p384, jwt));
        }
    }
}

static void every_assertion_has_its_own_jti(void **state)
{
    const smart_jwt_key_t *key = load("rsa2048", "RS384", NULL);

    (void)state;
    /* RS384 is deterministic: equal claims would give equal text. */
    assert_string_not_equal(sign(key), sign(key));
}

static void weak_or_foreign_keys_are_refused(void **state)
{
    (void)state;
    assert_not_loaded("rsa1024", NULL, NULL, "less than 2048 bits");
    assert_not_loaded("p256", NULL, NULL, "P-384");
    assert_not_loaded("ed25519", NULL, NULL, "neither an RSA nor an EC");
    assert_not_loaded("public", NULL, NULL, "no unencrypted private key");
    assert_not_loaded("junk", NULL, NULL, "no unencrypted private key");
    assert_not_loaded("locked", NULL, NULL, "no unencrypted private key");
    assert_not_loaded("absent", NULL, NULL, "cannot be opened");
}

static void algorithm_must_fit_the_key(void **state)
{
    (void)state;
    load("rsa2048", "RS384", NULL);
    load("p384", "ES384", NULL);
    assert_not_loaded("rsa2048", "ES384", NULL, "an RSA key signs RS384");
    assert_not_loaded("p384", "RS384", NULL, "an EC key signs ES384");
    assert_not_loaded("rsa2048", "RS256", NULL, "RS384 or ES384");
    assert_not_loaded("rsa2048", "none", NULL, "RS384 or ES384");
    assert_not_loaded("rsa2048", "", NULL, "RS384 or ES384");
}

static void text_outside_printable_ascii_is_refused(void **state)
{
    const smart_jwt_key_t *key = load("p384", NULL, NULL);
    const char *const bad[] = {NULL, "", "a\nb", "\x7f", "\xc3\xa9"};
    char *jwt = dir;
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(
            smart_jwt_sign_assertion(key, bad[i], "a", NOW, 60, pool, &jwt),
            APR_EINVAL);
        assert_null(jwt);
        assert_int_equal(
            smart_jwt_sign_assertion(key, "a", bad[i], NOW, 60, pool, &jwt),
            APR_EINVAL);
        if (bad[i]) {
            assert_not_loaded("p384", NULL, bad[i], "printable ASCII");
        }
    }
}

static void lifetime_is_bounded(void **state)
{
    const struct {
        apr_int64_t now_s;
        int lifetime_s;
        apr_status_t rv;
    } rows[] = {{NOW, 300, APR_SUCCESS},
                {NOW, 301, APR_EINVAL},
                {NOW, 0, APR_EINVAL},
                {NOW, -1, APR_EINVAL},
                {0, 60, APR_EINVAL},
                {-1, 60, APR_EINVAL},
                {APR_INT64_MAX, 60, APR_EINVAL},
                {1, 1, APR_SUCCESS}};
    const smart_jwt_key_t *key = load("p384", NULL, NULL);
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *jwt;

        assert_int_equal(smart_jwt_sign_assertion(key, "a", "b", rows[i].now_s,
                                                  rows[i].lifetime_s, pool,
                                                  &jwt),
                         rows[i].rv);
        assert_int_equal(jwt != NULL, rows[i].rv == APR_SUCCESS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rsa_key_signs_rs384),
        cmocka_unit_test(p384_key_signs_es384_in_jose_form),
        cmocka_unit_test(every_assertion_has_its_own_jti),
        cmocka_unit_test(weak_or_foreign_keys_are_refused),
        cmocka_unit_test(algorithm_must_fit_the_key),
        cmocka_unit_test(text_outside_printable_ascii_is_refused),
        cmocka_unit_test(lifetime_is_bounded),
    };
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    if (!mkdtemp(dir)) {
        return 1;
    }
    failed = cmocka_run_group_tests(tests, make_keys, drop_keys);
    apr_terminate();
    return failed;
}
