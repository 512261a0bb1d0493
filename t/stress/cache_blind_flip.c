/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_blind_flip.c: negative control of cache_flip: damage inside a value is
 * seen by nothing but the checksum.
 */
#define SMART_CACHE_WITHOUT_CHECKSUM
#define DRILL_BLIND "the checksum"
#include "cache_build.h"

#include "cache_flip.c"
