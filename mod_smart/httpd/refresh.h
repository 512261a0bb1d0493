/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refresh.h: asks about a token that is in use before its record is stale, off
 * the request path, so that a hot token never waits for its server.
 *
 * Invariants:
 *   1. A request pays for a refresh with a copy of its token and the insertion
 *      of a task, nothing else; what finds no room is not refreshed, and the
 *      first request after the TTL asks by itself.
 *   2. At most one refresh of a token is queued or under way in a process, and
 *      with io/ask_once.h one in the server.
 *   3. The token is wiped when its task is done; the threads are joined before
 *      what they use goes away.
 */
#ifndef SMART_REFRESH_H
#define SMART_REFRESH_H

#include "httpd/location.h"

#include "io/cache.h"

/** Once per child, before requests. Failing costs the refreshes alone. */
void smart_refresh_child_init(apr_pool_t *pchild, server_rec *s);

/**
 * Whether a record is in the last quarter of its time, and not about to end
 * with the token itself.
 */
bool smart_refresh_is_due(const smart_cache_meta_t *meta,
                          const smart_clock_t *now);

/**
 * Refresh the record of a token if it is due.
 * @param location of the request; lives as long as the process
 * @param s        for log lines
 * @param token    copied if it is due
 * @param key      of the token
 * @param meta     of the record that was found
 * @param now      the time
 */
void smart_refresh_if_due(const smart_location_t *location, server_rec *s,
                          smart_slice_t token, const unsigned char *key,
                          const smart_cache_meta_t *meta,
                          const smart_clock_t *now);

#endif
