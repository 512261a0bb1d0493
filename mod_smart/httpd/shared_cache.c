/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared_cache.c: see shared_cache.h.
 */
#include "httpd/shared_cache.h"
#include "httpd/request.h"

#include <http_log.h>

#include "io/seal.h"

APLOG_USE_MODULE(smart);

#define MAX_SEALED (SMART_CACHE_MAX_VALUE + SMART_SEAL_OVERHEAD)

_Static_assert(SMART_SEAL_KEY == SMART_STORE_ID, "an id is an id");
_Static_assert(SMART_SEAL_KEY == SMART_DIGEST_LEN,
               "fingerprints and keys of tokens fit");

static struct {
    const smart_store_t *store;
    smart_seal_t *seal;
} level;

static volatile apr_uint32_t forged_minute;

static apr_status_t forget(void *data)
{
    memset(&level, 0, sizeof(level));
    return APR_SUCCESS;
}

apr_status_t smart_shared_cache_open(const smart_server_conf_t *conf,
                                     server_rec *s, apr_pool_t *pconf)
{
    apr_status_t rv = smart_store_open(conf->store, s, pconf);

    memset(&level, 0, sizeof(level));
    if (rv != APR_SUCCESS || !conf->store) {
        return rv;
    }
    apr_pool_cleanup_register(pconf, NULL, forget, apr_pool_cleanup_null);
    level.store = conf->store;
    rv = smart_seal_create(conf->master, pconf, &level.seal);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, rv, s,
                     "SMART0107: OpenSSL has no HKDF, which the shared cache "
                     "needs; the server is not started");
    }
    return rv;
}

static void count(smart_count_e what)
{
    smart_count(smart_process.shared.counters, what);
}

static bool place_of(const smart_location_t *l, const unsigned char *key,
                     smart_seal_place_t *place)
{
    return l->ttl_us > 0 && smart_store_is_there() &&
           smart_seal_place(level.seal, l->fingerprint, key, place) ==
               APR_SUCCESS;
}

static void forged(server_rec *s)
{
    count(SMART_COUNT_SHARED_TAMPERED);
    if (smart_once_a_minute(&forged_minute)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "SMART0213: the shared cache \"%s\" holds a value that no "
                     "machine of ours has put there: somebody else writes to "
                     "it (such values are not used)",
                     smart_store_text(level.store));
    }
}

/* By our own clocks, as if we had asked ourselves. */
static bool date(const smart_seal_times_t *times, apr_int64_t ttl_us,
                 const smart_clock_t *now, apr_int64_t now_us,
                 smart_shared_found_t *found)
{
    const apr_int64_t age_us =
        now_us > times->made_us ? now_us - times->made_us : 0;

    found->learnt.mono_us = now->mono_us - age_us;
    found->learnt.wall_s =
        (now_us - age_us) / SMART_CLOCK_S; /* never after now */
    found->usable_us = times->until_us - times->made_us;
    return age_us < ttl_us && found->learnt.mono_us > 0;
}

/* What was found; true: it can be used. */
static bool open_value(server_rec *s, const smart_seal_place_t *place,
                       smart_slice_t sealed, apr_int64_t ttl_us,
                       const smart_clock_t *now, apr_pool_t *p,
                       smart_shared_found_t *found)
{
    const apr_time_t now_us = apr_time_now();
    smart_seal_times_t times;

    switch (smart_seal_open(level.seal, place, sealed, now_us, p, &times,
                            &found->record)) {
    case SMART_SEAL_FORGED:
        forged(s);
        return false;
    case SMART_SEAL_OVER:
        return false;
    case SMART_SEAL_OPENED:
        break;
    }
    return date(&times, ttl_us, now, now_us, found);
}

bool smart_shared_cache_get(const smart_location_t *l, server_rec *s,
                            const unsigned char *key, apr_int64_t ttl_us,
                            const smart_clock_t *now, apr_pool_t *p,
                            smart_shared_found_t *found)
{
    smart_seal_place_t place;
    char buf[MAX_SEALED];
    apr_size_t len = sizeof(buf);
    bool usable = false;

    if (!place_of(l, key, &place)) {
        return false;
    }
    switch (smart_store_get(s, place.id, now, buf, &len)) {
    case SMART_STORE_NOTHING:
        break;
    case SMART_STORE_TOO_LARGE:
        forged(s);
        break;
    case SMART_STORE_FOUND:
        usable = open_value(s, &place, smart_slice_n(buf, len), ttl_us, now, p,
                            found);
        break;
    }
    count(usable ? SMART_COUNT_SHARED_HIT : SMART_COUNT_SHARED_MISS);
    return usable;
}

void smart_shared_cache_put(const smart_location_t *l, server_rec *s,
                            const unsigned char *key, smart_slice_t record,
                            const smart_clock_t *learnt, apr_pool_t *p)
{
    smart_seal_place_t place;
    smart_seal_times_t times;
    smart_slice_t sealed;

    times.made_us =
        apr_time_now() - (smart_clock_now().mono_us - learnt->mono_us);
    times.until_us = times.made_us + l->ttl_us;
    if (record.len <= SMART_CACHE_MAX_VALUE && place_of(l, key, &place) &&
        smart_seal_close(level.seal, &place, &times, record, p, &sealed) ==
            APR_SUCCESS) {
        smart_store_put(s, place.id, sealed, times.until_us);
    }
}

void smart_shared_cache_remove(const smart_location_t *l, server_rec *s,
                               const unsigned char *key)
{
    smart_seal_place_t place;

    if (place_of(l, key, &place)) {
        smart_store_remove(s, place.id);
    }
}
