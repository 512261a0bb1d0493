/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_blind_sequence.c: negative control of cache_litmus_sequence: nothing
 * looks at the slot again.
 */
#define SMART_CACHE_WITHOUT_SEQUENCE
#define SMART_CACHE_WITHOUT_CHECKSUM
#define SMART_CACHE_WITHOUT_STEAL
#define DRILL_READS 1000 /* at most */
#define DRILL_BLIND "the sequence"
#include "cache_build.h"

#include "cache_litmus.c"
