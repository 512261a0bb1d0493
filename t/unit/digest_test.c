/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest_test.c: keys are the HMACs they claim to be, realms and secrets keep
 * them apart, threads come and go without leaving contexts behind.
 *
 * It is built twice: digest_evp_test is linked with a digest.c compiled with
 * -DSMART_DIGEST_EVP, which has to make the same keys in its other way.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <sys/wait.h>

#include <cmocka.h>

#include <apr_escape.h>
#include <apr_general.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "io/digest.h"

#define ROUNDS 2000

/* As digest.c chooses it. */
#if !defined(SMART_DIGEST_EVP) && !defined(OPENSSL_NO_DEPRECATED_3_0) &&       \
    OPENSSL_VERSION_MAJOR < 4
#define PLAIN
#endif

static apr_pool_t *pool;
static unsigned char secret[SMART_DIGEST_LEN];
static unsigned char realm_a[SMART_DIGEST_LEN];
static unsigned char realm_b[SMART_DIGEST_LEN];
static smart_digest_t *digest;
static smart_digest_realm_t *realm;

static int prepare(void **state)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    memset(secret, 0x5a, sizeof(secret));
    memset(realm_a, 0xa1, sizeof(realm_a));
    memset(realm_b, 0xb2, sizeof(realm_b));
    assert_int_equal(smart_digest_create(secret, pool, &digest), APR_SUCCESS);
    assert_int_equal(smart_digest_realm_create(digest, realm_a, pool, &realm),
                     APR_SUCCESS);
    return 0;
}

static int finish(void **state)
{
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

/* What the key has to be, by OpenSSL's own HMAC. */
static void expected_key(const unsigned char *fingerprint, smart_slice_t token,
                         unsigned char *out)
{
    unsigned char text[64 + SMART_MAX_TOKEN] = {0};

    memcpy(text, fingerprint, SMART_DIGEST_LEN);
    memcpy(text + 64, token.ptr, token.len);
    assert_non_null(HMAC(EVP_sha256(), secret, sizeof(secret), text,
                         64 + token.len, out, NULL));
}

/* Every length up to several blocks, and the longest there is. */
static void key_is_the_hmac_of_block_and_token(void **state)
{
    char text[SMART_MAX_TOKEN];
    unsigned char want[SMART_DIGEST_LEN];
    unsigned char got[SMART_DIGEST_LEN];
    apr_size_t len;

    memset(text, 'x', sizeof(text));
    for (len = 0; len <= 300; len++) {
        expected_key(realm_a, smart_slice_n(text, len), want);
        assert_int_equal(
            smart_digest_token(realm, smart_slice_n(text, len), got),
            APR_SUCCESS);
        assert_memory_equal(got, want, sizeof(want));
    }
    expected_key(realm_a, smart_slice_n(text, sizeof(text)), want);
    smart_digest_token(realm, smart_slice_n(text, sizeof(text)), got);
    assert_memory_equal(got, want, sizeof(want));
}

/*
 * What Perl's Digest::SHA makes of the same key and text, where the last block
 * is just not full and just too full: OpenSSL does not judge itself.
 */
static void key_is_what_others_compute(void **state)
{
    static const struct {
        apr_size_t len;
        const char *hex;
    } known[] = {
        {0, "18833e644d89bd47b2098846ece09fc24b122986aaabb116d0689586ee60e7cf"},
        {55,
         "dead588f3dcb49c31c1b2b5fe4dde2ee6be6234fedac237b1d20bdc4e437615a"},
        {56,
         "00d4e15c959e5f6db90ce64f333f829dffe04d0e6680228bbd4d0666a6b4efc5"},
        {119,
         "33220c6d366aa12acf831e757fae91838cefac3f88ae43bc805c02cb42b7c3a1"},
        {120,
         "b15555ccab23e234f36e17ddf45e5398a5b77764c76665812f67e0fe3c46e497"},
    };
    char text[120];
    char hex[2 * SMART_DIGEST_LEN + 1];
    unsigned char key[SMART_DIGEST_LEN];
    apr_size_t i;

    memset(text, 'x', sizeof(text));
    for (i = 0; i < sizeof(known) / sizeof(*known); i++) {
        assert_int_equal(
            smart_digest_token(realm, smart_slice_n(text, known[i].len), key),
            APR_SUCCESS);
        apr_escape_hex(hex, key, sizeof(key), 0, NULL);
        assert_string_equal(hex, known[i].hex);
    }
}

static void another_token_realm_or_secret_has_another_key(void **state)
{
    unsigned char key[SMART_DIGEST_LEN];
    unsigned char other[SMART_DIGEST_LEN];
    smart_digest_realm_t *realm2;
    smart_digest_t *digest2;

    smart_digest_token(realm, smart_slice("token"), key);
    smart_digest_token(realm, smart_slice("token"), other);
    assert_memory_equal(key, other, sizeof(key));
    smart_digest_token(realm, smart_slice("tokeN"), other);
    assert_memory_not_equal(key, other, sizeof(key));
    assert_int_equal(smart_digest_realm_create(digest, realm_b, pool, &realm2),
                     APR_SUCCESS);
    smart_digest_token(realm2, smart_slice("token"), other);
    assert_memory_not_equal(key, other, sizeof(key));
    secret[31] ^= 1;
    assert_int_equal(smart_digest_create(secret, pool, &digest2), APR_SUCCESS);
    secret[31] ^= 1;
    assert_int_equal(smart_digest_realm_create(digest2, realm_a, pool, &realm2),
                     APR_SUCCESS);
    smart_digest_token(realm2, smart_slice("token"), other);
    assert_memory_not_equal(key, other, sizeof(key));
}

/* Where the fingerprint ends and the token begins can not be shifted. */
static void token_does_not_reach_into_the_realm(void **state)
{
    unsigned char shifted[SMART_DIGEST_LEN];
    unsigned char key[SMART_DIGEST_LEN];
    unsigned char other[SMART_DIGEST_LEN];
    smart_digest_realm_t *realm2;

    memcpy(shifted, realm_a, sizeof(shifted));
    shifted[SMART_DIGEST_LEN - 1] = 0;
    smart_digest_realm_create(digest, shifted, pool, &realm2);
    smart_digest_token(realm, smart_slice("t"), key);
    smart_digest_token(realm2, smart_slice("\xa1t"), other);
    assert_memory_not_equal(key, other, sizeof(key));
}

static void *derive(void *data)
{
    unsigned char want[SMART_DIGEST_LEN];
    unsigned char got[SMART_DIGEST_LEN];
    const char *token = data;
    int i;

    expected_key(realm_a, smart_slice(token), want);
    for (i = 0; i < ROUNDS; i++) {
        if (smart_digest_token(realm, smart_slice(token), got) != APR_SUCCESS ||
            memcmp(got, want, sizeof(want)) != 0) {
            return NULL;
        }
    }
    return data;
}

static void threads_do_not_share_a_context(void **state)
{
    static char tokens[4][8] = {"one", "two", "three", "four"};
    pthread_t threads[4];
    int round;
    int i;

    /* Later rounds use the contexts of threads that have ended. */
    for (round = 0; round < 5; round++) {
        for (i = 0; i < 4; i++) {
            pthread_create(&threads[i], NULL, derive, tokens[i]);
        }
        for (i = 0; i < 4; i++) {
            void *done = NULL;

            pthread_join(threads[i], &done);
            assert_ptr_equal(done, tokens[i]);
        }
    }
}

static void keys_are_the_same_after_a_fork(void **state)
{
    static char token[] = "forked";
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        _exit(derive(token) ? 0 : 1);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void nothing_is_left_in_the_error_queue(void **state)
{
    unsigned char key[SMART_DIGEST_LEN];

    smart_digest_token(realm, smart_slice("token"), key);
    assert_int_equal(ERR_peek_error(), 0);
}

#ifdef PLAIN

static apr_status_t last_look(void *data)
{
    unsigned char key[SMART_DIGEST_LEN];
    const unsigned char zero[SMART_DIGEST_LEN] = {0};
    smart_digest_realm_t **last = data;

    memset(key, 0x77, sizeof(key));
    assert_int_equal(smart_digest_token(*last, smart_slice("token"), key),
                     APR_EGENERAL);
    assert_memory_equal(key, zero, sizeof(key));
    *last = NULL;
    return APR_SUCCESS;
}

/*
 * Nothing of the secret outlives its pool, and what is left makes no key. A
 * pool cleans up backwards, so the look at it comes after the wiping and
 * before the memory is gone.
 */
static void wiped_states_make_no_key(void **state)
{
    smart_digest_realm_t *last = NULL;
    smart_digest_t *gone;
    apr_pool_t *p;

    apr_pool_create(&p, pool);
    apr_pool_cleanup_register(p, &last, last_look, apr_pool_cleanup_null);
    smart_digest_realm_create(digest, realm_a, p, &last);
    apr_pool_destroy(p);
    assert_null(last);

    apr_pool_create(&p, pool);
    apr_pool_cleanup_register(p, &last, last_look, apr_pool_cleanup_null);
    smart_digest_create(secret, p, &gone);
    smart_digest_realm_create(gone, realm_a, pool, &last);
    apr_pool_destroy(p);
    assert_null(last);
}

#endif

/* FIPS 180-4, example of one block. */
static void sha256_of_abc(void **state)
{
    static const unsigned char want[SMART_DIGEST_LEN] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
        0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
        0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    unsigned char got[SMART_DIGEST_LEN];

    assert_int_equal(smart_digest_sha256(smart_slice("abc"), got), APR_SUCCESS);
    assert_memory_equal(got, want, sizeof(want));
}

static void equal_means_every_byte(void **state)
{
    unsigned char a[32] = {1};
    unsigned char b[32] = {1};
    apr_size_t i;

    assert_true(smart_digest_equal(a, b, sizeof(a)));
    for (i = 0; i < sizeof(a); i++) {
        b[i] ^= 0x80;
        assert_false(smart_digest_equal(a, b, sizeof(a)));
        b[i] ^= 0x80;
    }
    /* Nothing compared is nothing proved. */
    assert_false(smart_digest_equal(a, b, 0));
}

static void random_bytes_differ(void **state)
{
    unsigned char a[32] = {0};
    unsigned char b[32] = {0};

    assert_int_equal(smart_digest_random(a, sizeof(a)), APR_SUCCESS);
    assert_int_equal(smart_digest_random(b, sizeof(b)), APR_SUCCESS);
    assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_is_the_hmac_of_block_and_token),
        cmocka_unit_test(key_is_what_others_compute),
        cmocka_unit_test(another_token_realm_or_secret_has_another_key),
        cmocka_unit_test(token_does_not_reach_into_the_realm),
        cmocka_unit_test(threads_do_not_share_a_context),
        cmocka_unit_test(keys_are_the_same_after_a_fork),
        cmocka_unit_test(nothing_is_left_in_the_error_queue),
#ifdef PLAIN
        cmocka_unit_test(wiped_states_make_no_key),
#endif
        cmocka_unit_test(sha256_of_abc),
        cmocka_unit_test(equal_means_every_byte),
        cmocka_unit_test(random_bytes_differ),
    };

    return cmocka_run_group_tests(tests, prepare, finish);
}
