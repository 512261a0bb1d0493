/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flight.c: one mutex for the table, one condition for each flight.
 *
 *   free -> under way -> free              nobody waited
 *                     -> landed -> free    the last follower has its copy
 *
 * A landed flight is closed: who comes then begins another. The mutex is held
 * for a walk over the table, at most as long as there are threads.
 *
 * POSIX threads rather than APR's: apr_thread_cond_timedwait counts by the
 * clock of the wall.
 */
#include "io/flight.h"

#include <apr_strings.h>

#include <pthread.h>
#include <time.h>

typedef enum { FLIGHT_FREE = 0, FLIGHT_UNDER_WAY, FLIGHT_LANDED } state_e;

typedef struct flight_t {
    state_e state;
    unsigned char key[SMART_FLIGHT_KEY];
    unsigned followers; /* who have yet to take their copy */
    bool in_vain;       /* landed without anything */
    smart_asked_t asked;
    apr_pool_t *owner; /* of asked.record; NULL: there is none */
    pthread_cond_t landed;
} flight_t;

struct smart_flights_t {
    pthread_mutex_t mutex;
    unsigned most;
    flight_t *flight;
};

#define ALONE (-1) /* ticket of a leader for whom there was no room */

static bool cond_create(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    bool done;

    if (pthread_condattr_init(&attr) != 0) {
        return false;
    }
    done = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
           pthread_cond_init(cond, &attr) == 0;
    pthread_condattr_destroy(&attr);
    return done;
}

/* Nothing is destroyed with the pool: at the end of a process there may be
   threads left that wait, and destroying what they wait for waits for them. */
smart_flights_t *smart_flights_create(unsigned most, apr_pool_t *p)
{
    smart_flights_t *flights = apr_pcalloc(p, sizeof(*flights));
    unsigned i;

    flights->most = most;
    flights->flight = apr_pcalloc(p, most * sizeof(*flights->flight));
    if (pthread_mutex_init(&flights->mutex, NULL) != 0) {
        return NULL;
    }
    for (i = 0; i < most; i++) {
        if (!cond_create(&flights->flight[i].landed)) {
            return NULL;
        }
    }
    return flights;
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

/* Our clock may count time that CLOCK_MONOTONIC does not: what is left counts,
   the time itself does not. */
static bool wait_locked(smart_flights_t *flights, flight_t *flight,
                        apr_int64_t until_us)
{
    const apr_int64_t left_us = until_us - smart_clock_now().mono_us;
    struct timespec t;
    apr_int64_t ns;

    if (left_us <= 0 || clock_gettime(CLOCK_MONOTONIC, &t) != 0) {
        return false;
    }
    ns = t.tv_nsec + left_us % SMART_CLOCK_S * 1000;
    t.tv_sec += (time_t)(left_us / SMART_CLOCK_S + ns / 1000000000);
    t.tv_nsec = (long)(ns % 1000000000);
    pthread_cond_timedwait(&flight->landed, &flights->mutex, &t);
    return true;
}

static void follower_gone_locked(flight_t *flight)
{
    if (--flight->followers == 0 && flight->state == FLIGHT_LANDED) {
        if (flight->owner) {
            apr_pool_destroy(flight->owner);
            flight->owner = NULL;
        }
        flight->state = FLIGHT_FREE;
    }
}

/* A landed flight does not change while it has followers, so the copy can be
   made without the mutex. */
static void copy_unlocked(smart_flights_t *flights, const flight_t *flight,
                          apr_pool_t *p, smart_asked_t *asked)
{
    pthread_mutex_unlock(&flights->mutex);
    *asked = flight->asked;
    if (asked->record.len > 0) {
        asked->record.ptr =
            apr_pmemdup(p, asked->record.ptr, asked->record.len);
    }
    pthread_mutex_lock(&flights->mutex);
}

/* Wait for a flight to land; false: it landed in vain, look for another. */
static bool follow_locked(smart_flights_t *flights, flight_t *flight,
                          apr_int64_t until_us, apr_pool_t *p,
                          smart_asked_t *asked, smart_flight_e *presult)
{
    bool settled = true;

    *presult = SMART_FLIGHT_TIMED_OUT;
    flight->followers++;
    while (flight->state == FLIGHT_UNDER_WAY) {
        if (!wait_locked(flights, flight, until_us)) {
            break;
        }
    }
    if (flight->state == FLIGHT_LANDED && flight->in_vain) {
        settled = false;
    }
    else if (flight->state == FLIGHT_LANDED) {
        copy_unlocked(flights, flight, p, asked);
        *presult = SMART_FLIGHT_DONE;
    }
    follower_gone_locked(flight);
    return settled;
}

smart_flight_e smart_flight_enter(smart_flights_t *flights,
                                  const unsigned char *key,
                                  apr_int64_t until_us, apr_pool_t *p,
                                  int *pticket, smart_asked_t *asked)
{
    smart_flight_e result = SMART_FLIGHT_LEADER;
    flight_t *flight;

    memset(asked, 0, sizeof(*asked));
    *pticket = ALONE;
    pthread_mutex_lock(&flights->mutex);
    for (;;) {
        flight = flight_find_locked(flights, key);
        if (!flight || flight->state == FLIGHT_FREE) {
            break;
        }
        if (follow_locked(flights, flight, until_us, p, asked, &result)) {
            pthread_mutex_unlock(&flights->mutex);
            return result;
        }
    }
    if (flight) {
        memcpy(flight->key, key, SMART_FLIGHT_KEY);
        flight->state = FLIGHT_UNDER_WAY;
        flight->followers = 0;
        *pticket = (int)(flight - flights->flight);
    }
    pthread_mutex_unlock(&flights->mutex);
    return SMART_FLIGHT_LEADER;
}

/* Copy what was brought into memory that no thread owns. */
static void land_locked(flight_t *flight, const smart_asked_t *asked)
{
    flight->state = FLIGHT_LANDED;
    flight->in_vain = asked == NULL;
    if (!asked) {
        return;
    }
    flight->asked = *asked;
    flight->asked.record = smart_slice_n(NULL, 0);
    if (asked->record.len == 0) {
        return;
    }
    if (apr_pool_create_unmanaged_ex(&flight->owner, NULL, NULL) ==
        APR_SUCCESS) {
        flight->asked.record = smart_slice_n(
            apr_pmemdup(flight->owner, asked->record.ptr, asked->record.len),
            asked->record.len);
    }
    else {
        flight->owner = NULL;
        memset(&flight->asked, 0, sizeof(flight->asked));
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
    pthread_mutex_lock(&flights->mutex);
    if (flight->followers == 0) {
        flight->state = FLIGHT_FREE;
    }
    else {
        land_locked(flight, asked);
        pthread_cond_broadcast(&flight->landed);
    }
    pthread_mutex_unlock(&flights->mutex);
}
