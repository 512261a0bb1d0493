/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_blind_checksum.c: negative control of cache_stop: a writer that lost
 * its lock and goes on writes into the record of another, and no checksum
 * tells.
 */
#define SMART_CACHE_TEST_HOOK
#define SMART_CACHE_WITHOUT_CHECKSUM
#define DRILL_BLIND "the checksum"
#include "cache_build.h"

#include "cache_stop.c"
