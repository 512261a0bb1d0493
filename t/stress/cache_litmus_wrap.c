/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_litmus_wrap.c: the litmus where a slot has the same word again after
 * four changes, so that only the checksum stands between a slow reader and a
 * record put together from several.
 */
#define SMART_CACHE_TEST_VERSION_BITS 2
#define DRILL_READS                   20
#include "cache_build.h"

#include "cache_litmus.c"
