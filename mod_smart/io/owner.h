/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owner.h: who holds something in shared memory, and whether he still can.
 *
 * An owner is a process id of SMART_OWNER_BITS bits. Whatever is owned has a
 * deadline as well: the question here only spares others the wait for it.
 *
 * Invariants:
 *   1. "Gone" is never said of a running process.
 *   2. A process id that was given to somebody else makes a dead owner look
 *      alive; then the deadline counts, as it does for a stopped one.
 *   3. One who is dead but not yet waited for is gone, where the system can
 *      tell (Linux 5.3); elsewhere the deadline counts.
 *
 * Cost: up to four system calls; not for a path that is taken often.
 */
#ifndef SMART_OWNER_H
#define SMART_OWNER_H

#include "core/base.h"

#define SMART_OWNER_BITS 22 /* the largest process id of Linux is 2^22 - 1 */
#define SMART_OWNER_MASK ((APR_UINT64_C(1) << SMART_OWNER_BITS) - 1)

/**
 * This process.
 * @return its id, 1 to SMART_OWNER_MASK
 */
apr_uint64_t smart_owner_self(void);

/**
 * Tell whether an owner can do nothing any more.
 * @param owner any number, from anywhere; 0 is nobody, and gone
 * @return true if there is no such process, or a dead one
 */
bool smart_owner_is_gone(apr_uint64_t owner);

#endif
