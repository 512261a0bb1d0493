/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_litmus_sequence.c: the litmus without checksums. Locks are not taken
 * from owners that are slow, so the sequence alone has to keep torn records
 * out.
 */
#define SMART_CACHE_WITHOUT_CHECKSUM
#define SMART_CACHE_WITHOUT_STEAL
#define DRILL_READS 20
#include "cache_build.h"

#include "cache_litmus.c"
