/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_litmus_collide.c: the litmus where all keys have one of four regions and
 * one of four fingerprints, and all the same line: only the whole key tells
 * them apart.
 */
#define SMART_CACHE_TEST_HASH_BITS 2
#define DRILL_READS                5
#include "cache_build.h"

#include "cache_litmus.c"
