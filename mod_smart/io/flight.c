/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flight.c: a mutex for the table, a bell (bell.h) for each flight.
 *
 *   free -> under way -> free              nobody waited
 *                     -> landed -> free    the last follower has its copy
 *
 * A landed flight is closed: who comes then begins another. It does not change
 * while it has followers, so they need no mutex once the bell has rung: a herd
 * that is woken does not queue up again. The mutex is held for a walk over the
 * table, at most as long as there are threads, and to ring.
 */
#include "io/flight.h"

#include <apr_strings.h>
#include <apr_thread_mutex.h>

#include "io/bell.h"

typedef enum { FLIGHT_FREE = 0, FLIGHT_UNDER_WAY, FLIGHT_LANDED } state_e;

typedef struct flight_t {
    state_e state;
    unsigned char key[SMART_FLIGHT_KEY];
    _Atomic unsigned followers; /* who have yet to take their copy */
    bool in_vain;               /* landed without anything */
    smart_asked_t asked;
    apr_pool_t *owner;   /* of asked.record; NULL: there is none */
    smart_bell_t landed; /* rung under the mutex, once in each flight */
} flight_t;

struct smart_flights_t {
    apr_thread_mutex_t *mutex;
    unsigned most;
    flight_t *flight;
};

#define ALONE (-1) /* ticket of a leader for whom there was no room */

smart_flights_t *smart_flights_create(unsigned most, apr_pool_t *p)
{
    smart_flights_t *flights = apr_pcalloc(p, sizeof(*flights));

    flights->most = most;
    flights->flight = apr_pcalloc(p, most * sizeof(*flights->flight));
    return apr_thread_mutex_create(&flights->mutex, APR_THREAD_MUTEX_DEFAULT,
                                   p) == APR_SUCCESS
               ? flights
               : NULL;
}

/* The flight of a key that can be joined, else one that can be begun. */
static flight_t *flight_find_locked(smart_flights_t *flights,
                                    const unsigned char *key)
{
    flight_t *room = NULL;
    unsigned i;

    for (i = 0; i < flights->most; i++) {
        flight_t *flight = &flights->flight[i];

        switch (flight->state) {
        case FLIGHT_UNDER_WAY:
            if (memcmp(flight->key, key, SMART_FLIGHT_KEY) == 0) {
                return flight;
            }
            break;
        case FLIGHT_FREE:
            room = room ? room : flight;
            break;
        case FLIGHT_LANDED:
            break;
        }
    }
    return room;
}

/* ---- following ---- */

/* Who does not want to wait any more is no follower any more. */
static bool give_up(smart_flights_t *flights, flight_t *flight)
{
    bool gone;

    apr_thread_mutex_lock(flights->mutex);
    gone = flight->state == FLIGHT_UNDER_WAY;
    if (gone) {
        flight->followers--;
    }
    apr_thread_mutex_unlock(flights->mutex);
    return gone;
}

/* False: it was not back in time. */
static bool landing_await(smart_flights_t *flights, flight_t *flight,
                          apr_uint32_t rung, apr_int64_t until_us)
{
    while (smart_bell_read(&flight->landed) == rung) {
        const apr_int64_t left_us = until_us - smart_clock_now().mono_us;

        if (left_us <= 0) {
            return !give_up(flights, flight);
        }
        smart_bell_wait(&flight->landed, rung, left_us);
    }
    return true;
}

static void copy_take(const flight_t *flight, apr_pool_t *p,
                      smart_asked_t *asked)
{
    *asked = flight->asked;
    if (asked->record.len > 0) {
        asked->record.ptr =
            apr_pmemdup(p, asked->record.ptr, asked->record.len);
    }
}

/* A follower of a landed flight has all it needs. */
static void follower_done(smart_flights_t *flights, flight_t *flight)
{
    if (--flight->followers > 0) {
        return;
    }
    if (flight->owner) {
        apr_pool_destroy(flight->owner);
        flight->owner = NULL;
    }
    apr_thread_mutex_lock(flights->mutex);
    flight->state = FLIGHT_FREE;
    apr_thread_mutex_unlock(flights->mutex);
}

/* Join a flight, or begin it: then it is ours, or NULL without room. */
static bool flight_join(smart_flights_t *flights, const unsigned char *key,
                        flight_t **pflight, apr_uint32_t *prung)
{
    bool joined = false;
    flight_t *flight;

    apr_thread_mutex_lock(flights->mutex);
    flight = flight_find_locked(flights, key);
    if (flight && flight->state == FLIGHT_UNDER_WAY) {
        flight->followers++;
        *prung = smart_bell_read(&flight->landed);
        joined = true;
    }
    else if (flight) {
        memcpy(flight->key, key, SMART_FLIGHT_KEY);
        flight->state = FLIGHT_UNDER_WAY;
    }
    apr_thread_mutex_unlock(flights->mutex);
    *pflight = flight;
    return joined;
}

smart_flight_e smart_flight_enter(smart_flights_t *flights,
                                  const unsigned char *key,
                                  apr_int64_t until_us, apr_pool_t *p,
                                  int *pticket, smart_asked_t *asked)
{
    apr_uint32_t rung = 0;
    flight_t *flight;
    bool in_vain;

    memset(asked, 0, sizeof(*asked));
    *pticket = ALONE;
    while (flight_join(flights, key, &flight, &rung)) {
        if (!landing_await(flights, flight, rung, until_us)) {
            return SMART_FLIGHT_TIMED_OUT;
        }
        in_vain = flight->in_vain;
        copy_take(flight, p, asked);
        follower_done(flights, flight);
        if (!in_vain) {
            return SMART_FLIGHT_DONE;
        }
    }
    if (flight) {
        *pticket = (int)(flight - flights->flight);
    }
    return SMART_FLIGHT_LEADER;
}

/* ---- landing ---- */

/* Copy what was brought into memory that no thread owns. */
static void land_locked(flight_t *flight, const smart_asked_t *asked)
{
    const smart_asked_t nothing = {0};

    flight->state = FLIGHT_LANDED;
    flight->in_vain = asked == NULL;
    flight->asked = asked ? *asked : nothing;
    if (flight->asked.record.len == 0) {
        return;
    }
    if (apr_pool_create_unmanaged_ex(&flight->owner, NULL, NULL) ==
        APR_SUCCESS) {
        flight->asked.record.ptr =
            apr_pmemdup(flight->owner, asked->record.ptr, asked->record.len);
    }
    else {
        flight->owner = NULL;
        flight->asked = nothing;
    }
}

void smart_flight_leave(smart_flights_t *flights, int ticket,
                        const smart_asked_t *asked)
{
    flight_t *flight;

    if (ticket < 0 || (unsigned)ticket >= flights->most) {
        return;
    }
    flight = &flights->flight[ticket];
    apr_thread_mutex_lock(flights->mutex);
    if (flight->followers == 0) {
        flight->state = FLIGHT_FREE;
    }
    else {
        land_locked(flight, asked);
        /* Not later: a follower whose time is over may free the flight. */
        smart_bell_ring(&flight->landed, SMART_BELL_ALL);
    }
    apr_thread_mutex_unlock(flights->mutex);
}
