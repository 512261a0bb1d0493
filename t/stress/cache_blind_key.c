/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_blind_key.c: negative control of the litmus with collisions: the
 * fingerprint is taken for the key.
 */
#define SMART_CACHE_TEST_HASH_BITS 2
#define SMART_CACHE_WITHOUT_KEY
#define DRILL_READS 1000 /* at most */
#define DRILL_BLIND "the comparison of keys"
#include "cache_build.h"

#include "cache_litmus.c"
