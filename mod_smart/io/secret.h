/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret.h: gets a secret from where the administrator keeps it.
 *
 *   spec = "file:" absolute-path           the whole file
 *        / "env:" NAME                     a variable of our environment
 *        / "exec:" absolute-path [args]    first line the program prints
 *
 * A bare word is refused: a secret in a directive shows up in configuration
 * dumps, backups and process lists. Trailing line ends are not part of a
 * secret; what is left must be 1 to max bytes without control bytes.
 *
 * Invariants:
 *   1. No error text holds a byte of a secret, nor of a spec without scheme
 *      (it may be one), nor the arguments of a program.
 *   2. No shell is involved; arguments are split on blanks, with quotes.
 *
 * Does not: cache, watch for changes, decide when to read again.
 */
#ifndef SMART_SECRET_H
#define SMART_SECRET_H

#include "core/base.h"

#define SMART_SECRET_EXEC_MS 10000 /* longest a program may take */

/**
 * Load a secret, at start-up, so that nothing has to be read per request.
 * @param spec     see the grammar above
 * @param max      most bytes of the secret
 * @param p        pool that owns the secret and the error text
 * @param pexposed out: a file that others than owner and group may read or
 *                 write, worth a warning; false otherwise; may be NULL
 * @param perror   out: why there is none, NULL on success
 * @return the secret, NUL-terminated, or NULL
 */
const char *smart_secret_load(const char *spec, apr_size_t max, apr_pool_t *p,
                              bool *pexposed, const char **perror);

/**
 * Run a program and take the first line it prints; the mechanism behind
 * "exec:", with the time limit as a parameter. The program gets our
 * environment, an empty stdin and our stderr; it must exit with 0 in time, or
 * it is killed.
 * @param command    absolute path and arguments, separated by blanks
 * @param max        most bytes of the line
 * @param timeout_ms from start to exit
 * @param p          pool that owns the secret and the error text
 * @param perror     out: why there is none, NULL on success
 * @return the secret, NUL-terminated, or NULL
 */
const char *smart_secret_exec(const char *command, apr_size_t max,
                              int timeout_ms, apr_pool_t *p,
                              const char **perror);

/**
 * Tell whether others than owner and group may read or write a file, for a
 * warning about key files that somebody else reads.
 * @param path file
 * @param p    scratch
 * @return true if they may; false also when the file can not be examined
 */
bool smart_secret_file_exposed(const char *path, apr_pool_t *p);

/**
 * Overwrite memory in a way the compiler may not drop.
 * @param ptr first byte; may be NULL when len is 0
 * @param len bytes
 */
void smart_secret_wipe(void *ptr, apr_size_t len);

#endif
