/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_blind_steal.c: negative control of cache_kill: the lock of a dead
 * writer is waited for, never taken.
 */
#define SMART_CACHE_TEST_HOOK
#define SMART_CACHE_WITHOUT_STEAL
#define DRILL_KILLS 30
#define DRILL_BLIND "taking the lock from the dead"
#include "cache_build.h"

#include "cache_kill.c"
