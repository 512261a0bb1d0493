/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal_test.c: what comes back from a place that others can write to is what
 * we closed for it, in time, or nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <apr_general.h>
#include <apr_strings.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "io/seal.h"

#define SECOND APR_INT64_C(1000000)
#define NOW    (APR_INT64_C(1800000000) * SECOND)
#define SECRET "0123456789abcdef0123456789abcdef"
#define VALUE  "client_id=app sub=user-1"

static apr_pool_t *pool;
static smart_seal_t *seal;
static smart_seal_place_t place;
static smart_seal_times_t times;
static smart_slice_t sealed;
static const unsigned char realm[SMART_SEAL_KEY] = {1, 2, 3};
static const unsigned char key[SMART_SEAL_KEY] = {4, 5, 6};

static smart_seal_t *seal_of(const char *secret)
{
    unsigned char master[SMART_SEAL_KEY];
    smart_seal_t *made;

    assert_int_equal(smart_seal_master(smart_slice(secret), master),
                     APR_SUCCESS);
    assert_int_equal(smart_seal_create(master, pool, &made), APR_SUCCESS);
    return made;
}

static int setup(void **state)
{
    apr_pool_create(&pool, NULL);
    seal = seal_of(SECRET);
    times.made_us = NOW;
    times.until_us = NOW + 60 * SECOND;
    assert_int_equal(smart_seal_place(seal, realm, key, &place), APR_SUCCESS);
    assert_int_equal(smart_seal_close(seal, &place, &times, smart_slice(VALUE),
                                      pool, &sealed),
                     APR_SUCCESS);
    return 0;
}

static int teardown(void **state)
{
    apr_pool_destroy(pool);
    return 0;
}

#define seal_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Opens it; on anything but OPENED nothing may come with it. */
static smart_seal_e open_as(const smart_seal_t *with,
                            const smart_seal_place_t *at, smart_slice_t what,
                            apr_int64_t now_us)
{
    smart_seal_times_t got;
    smart_slice_t value;
    const smart_seal_e opened =
        smart_seal_open(with, at, what, now_us, pool, &got, &value);

    if (opened == SMART_SEAL_OPENED) {
        assert_true(smart_slice_is(value, VALUE));
        assert_int_equal((uintptr_t)value.ptr % 8, 0);
        assert_int_equal(got.made_us, times.made_us);
        assert_int_equal(got.until_us, times.until_us);
    }
    else {
        assert_int_equal(value.len, 0);
        assert_int_equal(got.made_us, 0);
        assert_int_equal(got.until_us, 0);
    }
    return opened;
}

#define assert_opens(with, at, what, now)                                      \
    assert_int_equal(open_as(with, at, what, now), SMART_SEAL_OPENED)
#define assert_forged(with, at, what)                                          \
    assert_int_equal(open_as(with, at, what, NOW), SMART_SEAL_FORGED)

static void what_was_closed_comes_back(void **state)
{
    assert_opens(seal, &place, sealed, NOW);
    assert_int_equal(sealed.len, strlen(VALUE) + SMART_SEAL_OVERHEAD);
}

static void another_machine_of_the_secret_opens_it(void **state)
{
    smart_seal_t *other = seal_of(SECRET);
    smart_seal_place_t same;

    smart_seal_place(other, realm, key, &same);
    assert_memory_equal(&same, &place, sizeof(same));
    assert_opens(other, &same, sealed, NOW);
}

static void nothing_of_it_can_be_read(void **state)
{
    apr_size_t i;

    for (i = 0; i + 6 <= sealed.len; i++) {
        assert_memory_not_equal(sealed.ptr + i, "client", 6);
    }
    assert_memory_not_equal(place.id, key, sizeof(key));
}

static void each_flipped_bit_is_noticed(void **state)
{
    char *copy = apr_pmemdup(pool, sealed.ptr, sealed.len);
    apr_size_t i;
    int bit;

    for (i = 0; i < sealed.len; i++) {
        for (bit = 1; bit < 256; bit <<= 1) {
            copy[i] = (char)(sealed.ptr[i] ^ bit);
            assert_forged(seal, &place, smart_slice_n(copy, sealed.len));
        }
        copy[i] = sealed.ptr[i];
    }
    assert_opens(seal, &place, smart_slice_n(copy, sealed.len), NOW);
}

static void each_other_length_is_noticed(void **state)
{
    char *longer = apr_pcalloc(pool, sealed.len + 1);
    apr_size_t i;

    memcpy(longer, sealed.ptr, sealed.len);
    for (i = 0; i < sealed.len; i++) {
        assert_forged(seal, &place, smart_slice_n(longer, i));
    }
    assert_forged(seal, &place, smart_slice_n(longer + 1, sealed.len - 1));
    assert_forged(seal, &place, smart_slice_n(longer, sealed.len + 1));
    assert_forged(seal, &place, smart_slice_n(NULL, 0));
}

/* The id alone names the place, but the seal holds to each part of it. */
static void it_is_good_in_its_place_alone(void **state)
{
    smart_seal_place_t other;
    unsigned char another[SMART_SEAL_KEY] = {4, 5, 7};

    smart_seal_place(seal, realm, another, &other);
    assert_memory_not_equal(other.id, place.id, sizeof(place.id));
    assert_forged(seal, &other, sealed);
    smart_seal_place(seal, another, key, &other);
    assert_memory_not_equal(other.id, place.id, sizeof(place.id));
    assert_forged(seal, &other, sealed);

    other = place;
    other.realm[31] ^= 1;
    assert_forged(seal, &other, sealed);
    other = place;
    other.id[31] ^= 1;
    assert_forged(seal, &other, sealed);
}

static void another_secret_is_another_world(void **state)
{
    smart_seal_t *other = seal_of(SECRET "!");
    smart_seal_place_t there;

    smart_seal_place(other, realm, key, &there);
    assert_memory_not_equal(there.id, place.id, sizeof(place.id));
    assert_forged(other, &place, sealed);
    assert_forged(other, &there, sealed);
}

static void it_is_good_in_its_time_alone(void **state)
{
    const apr_int64_t skew = SMART_SEAL_SKEW_S * SECOND;

    assert_opens(seal, &place, sealed, times.until_us - 1);
    assert_int_equal(open_as(seal, &place, sealed, times.until_us),
                     SMART_SEAL_OVER);
    assert_opens(seal, &place, sealed, times.made_us - skew);
    assert_int_equal(open_as(seal, &place, sealed, times.made_us - skew - 1),
                     SMART_SEAL_OVER);
}

static void times_that_say_nothing_are_not_closed(void **state)
{
    const smart_seal_times_t bad[] = {{-1, 5}, {5, 5}, {5, 4}};
    apr_size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(smart_seal_close(seal, &place, &bad[i],
                                          smart_slice(VALUE), pool, &sealed),
                         APR_EINVAL);
        assert_int_equal(sealed.len, 0);
    }
}

static void no_two_are_alike(void **state)
{
    smart_slice_t again;

    smart_seal_close(seal, &place, &times, smart_slice(VALUE), pool, &again);
    assert_int_equal(again.len, sealed.len);
    assert_memory_not_equal(again.ptr, sealed.ptr, 12);
    assert_memory_not_equal(again.ptr + 12, sealed.ptr + 12, sealed.len - 12);
}

static void an_empty_value_can_be_sealed(void **state)
{
    smart_seal_times_t got;
    smart_slice_t empty;
    smart_slice_t value;

    assert_int_equal(smart_seal_close(seal, &place, &times,
                                      smart_slice_n(NULL, 0), pool, &empty),
                     APR_SUCCESS);
    assert_int_equal(
        smart_seal_open(seal, &place, empty, NOW, pool, &got, &value),
        SMART_SEAL_OPENED);
    assert_int_equal(value.len, 0);
}

static void a_short_secret_is_refused(void **state)
{
    unsigned char master[SMART_SEAL_KEY];
    const unsigned char zero[SMART_SEAL_KEY] = {0};

    memset(master, 1, sizeof(master));
    assert_int_equal(
        smart_seal_master(smart_slice_n(SECRET, SMART_SEAL_MIN_SECRET - 1),
                          master),
        APR_EINVAL);
    assert_memory_equal(master, zero, sizeof(zero));
}

static void hmac(const void *with, const void *data, size_t len,
                 unsigned char *out)
{
    unsigned out_len;

    assert_non_null(
        HMAC(EVP_sha256(), with, SMART_SEAL_KEY, data, len, out, &out_len));
    assert_int_equal(out_len, SMART_SEAL_KEY);
}

/* RFC 5869 2.2: the salt that is not given is zero bytes; 2.3: the first block
   is HMAC(master, info || 1). Another program of a cluster can do the same. */
static void keys_are_those_of_the_rfc(void **state)
{
    const unsigned char salt[SMART_SEAL_KEY] = {0};
    unsigned char master[SMART_SEAL_KEY];
    unsigned char got[SMART_SEAL_KEY];
    unsigned char wanted[SMART_SEAL_KEY];

    assert_int_equal(smart_seal_master(smart_slice(SECRET), master),
                     APR_SUCCESS);
    hmac(salt, SECRET, strlen(SECRET), wanted);
    assert_memory_equal(master, wanted, sizeof(wanted));
    assert_int_equal(smart_seal_derive(master, "a use", got), APR_SUCCESS);
    hmac(master, "a use\001", 6, wanted);
    assert_memory_equal(got, wanted, sizeof(wanted));
    smart_seal_derive(master, "another", wanted);
    assert_memory_not_equal(got, wanted, sizeof(wanted));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        seal_test(what_was_closed_comes_back),
        seal_test(another_machine_of_the_secret_opens_it),
        seal_test(nothing_of_it_can_be_read),
        seal_test(each_flipped_bit_is_noticed),
        seal_test(each_other_length_is_noticed),
        seal_test(it_is_good_in_its_place_alone),
        seal_test(another_secret_is_another_world),
        seal_test(it_is_good_in_its_time_alone),
        seal_test(times_that_say_nothing_are_not_closed),
        seal_test(no_two_are_alike),
        seal_test(an_empty_value_can_be_sealed),
        seal_test(a_short_secret_is_refused),
        seal_test(keys_are_those_of_the_rfc),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
