/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache_build.h: the cache compiled into a test program, so that the macros of
 * io/cache_table.h that the program defines before it take effect. The library
 * is linked all the same and not asked for what is already here.
 */
#ifndef CACHE_BUILD_H
#define CACHE_BUILD_H

#include "../../mod_smart/io/cache.c"
#include "../../mod_smart/io/cache_check.c"
#include "../../mod_smart/io/cache_lock.c"
#include "../../mod_smart/io/cache_room.c"
#include "../../mod_smart/io/cache_table.c"

#endif
