/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discovery_source.c: metadata of authorization servers, fetched in the
 * background.
 *
 * A thread per child looks when a text is due; whichever process claims it
 * first asks the server and puts the answer on a board (io/board.h) in memory
 * that all share and that is kept over graceful restarts. So the server is
 * asked once for all processes, and a new child knows what the others know.
 *
 * A text that would make no right document for any location is not put there:
 * the last good one stays.
 *
 * The thread takes no signals, which are the process's business, and is joined
 * when the child ends: at most the time of one fetch.
 */
#include "httpd/discovery.h"
#include "httpd/request.h"

#include <http_log.h>
#include <http_core.h>

#include <apr_shm.h>
#include <apr_strings.h>
#include <apr_thread_cond.h>

#include "io/board.h"
#include "io/metadata.h"

APLOG_USE_MODULE(smart);

#define RETAINED "mod_smart_board" /* rename it when io/board.c changes */

#define RENEW_US    (300 * SMART_CLOCK_S) /* after a good answer */
#define RETRY_US    SMART_CLOCK_S         /* after a bad one; doubled ... */
#define MAX_DOUBLES 6                     /* ... so often */
#define LEAST_US    (20 * SMART_CLOCK_MS) /* between two looks */
#define MAX_PLACES  64 /* per text; of more, the rest is judged when served */

struct smart_fetched_t {
    unsigned char id[SMART_DIGEST_LEN];
    smart_metadata_source_t from;
    smart_slot_t *slot;         /* NULL: no memory */
    apr_array_header_t *places; /* smart_discovery_source_t, without text */
};

static struct {
    apr_array_header_t *all; /* smart_fetched_t; NULL: none */
    server_rec *server;      /* for log lines */
    apr_thread_t *thread;
    apr_thread_mutex_t *mutex; /* guards stop */
    apr_thread_cond_t *cond;
    bool stop;
} fetching;

/* ---- what is to be fetched ---- */

static apr_status_t forget(void *data)
{
    memset(&fetching, 0, sizeof(fetching));
    return APR_SUCCESS;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static int count_all(void)
{
    return fetching.all ? fetching.all->nelts : 0;
}

static smart_fetched_t *at(int i)
{
    return &APR_ARRAY_IDX(fetching.all, i, smart_fetched_t);
}

static smart_fetched_t *find(const char *url, const char *ca_file)
{
    int i;

    for (i = 0; i < count_all(); i++) {
        if (same_text(at(i)->from.url, url) &&
            same_text(at(i)->from.ca_file, ca_file)) {
            return at(i);
        }
    }
    return NULL;
}

const smart_fetched_t *smart_fetched_find(const smart_location_t *l,
                                          const char *url)
{
    return find(url, l->endpoint.ca_file);
}

static smart_fetched_t *add(apr_pool_t *pconf, const smart_location_t *l,
                            const char *url)
{
    smart_fetched_t *fetched;
    const char *name = apr_pstrcat(
        pconf, url, "\n", l->endpoint.ca_file ? l->endpoint.ca_file : "", NULL);

    if (!fetching.all) {
        apr_pool_cleanup_register(pconf, NULL, forget, apr_pool_cleanup_null);
        fetching.all =
            apr_array_make(pconf, SMART_BOARD_SLOTS, sizeof(smart_fetched_t));
    }
    if (fetching.all->nelts == SMART_BOARD_SLOTS) {
        return NULL;
    }
    fetched = apr_array_push(fetching.all);
    memset(fetched, 0, sizeof(*fetched));
    fetched->from.url = apr_pstrdup(pconf, url);
    fetched->from.ca_file = apr_pstrdup(pconf, l->endpoint.ca_file);
    fetched->from.connect_timeout_ms = l->endpoint.connect_timeout_ms;
    fetched->from.total_timeout_ms = l->endpoint.total_timeout_ms;
    fetched->from.max_bytes = SMART_BOARD_TEXT;
    fetched->places =
        apr_array_make(pconf, 4, sizeof(smart_discovery_source_t));
    return smart_digest_sha256(smart_slice(name), fetched->id) == APR_SUCCESS
               ? fetched
               : NULL;
}

static const char *const *copy_names(const char *const *names, apr_pool_t *p)
{
    apr_array_header_t *copy = apr_array_make(p, 4, sizeof(const char *));

    for (; names && *names; names++) {
        APR_ARRAY_PUSH(copy, const char *) = apr_pstrdup(p, *names);
    }
    APR_ARRAY_PUSH(copy, const char *) = NULL;
    return (const char *const *)copy->elts;
}

bool smart_fetched_note(apr_pool_t *pconf, const server_rec *s,
                        const smart_location_t *l)
{
    const smart_discovery_source_t *source = &l->publication->source;
    smart_fetched_t *fetched = find(l->discovery_from, l->endpoint.ca_file);
    smart_discovery_source_t place = *source;

    if (!fetched) {
        fetched = add(pconf, l, l->discovery_from);
    }
    if (!fetched) {
        return false;
    }
    if (fetched->places->nelts < MAX_PLACES) {
        place.capabilities = copy_names(source->capabilities, pconf);
        place.introspection_endpoint =
            apr_pstrdup(pconf, source->introspection_endpoint);
        place.issuer = apr_pstrdup(pconf, source->issuer);
        APR_ARRAY_PUSH(fetched->places, smart_discovery_source_t) = place;
    }
    return true;
}

/* ---- what was fetched ---- */

apr_uint64_t smart_fetched_version(const smart_fetched_t *fetched)
{
    return fetched->slot ? smart_slot_version(fetched->slot) : 0;
}

bool smart_fetched_get(const smart_fetched_t *fetched, apr_pool_t *p,
                       smart_slice_t *ptext)
{
    *ptext = smart_slice_n(NULL, 0);
    return fetched->slot &&
           smart_slot_get(fetched->slot, fetched->id, p, ptext);
}

/* Kept over restarts. */
typedef struct retained_t {
    apr_shm_t *shm;
} retained_t;

int smart_fetched_post_config(apr_pool_t *pconf, apr_pool_t *plog,
                              apr_pool_t *ptemp, server_rec *s)
{
    unsigned char ids[SMART_BOARD_SLOTS * SMART_DIGEST_LEN];
    smart_slot_t *slots[SMART_BOARD_SLOTS];
    retained_t *kept = ap_retained_data_get(RETAINED);
    apr_status_t rv;
    int i;

    if (count_all() == 0 ||
        ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    if (!kept) {
        kept = ap_retained_data_create(RETAINED, sizeof(*kept));
    }
    rv = kept->shm ? APR_SUCCESS
                   : apr_shm_create(&kept->shm, smart_board_bytes(), NULL,
                                    s->process->pool);
    if (rv != APR_SUCCESS) {
        kept->shm = NULL;
        ap_log_error(APLOG_MARK, APLOG_CRIT, rv, s,
                     "SMART0601: no %" APR_SIZE_T_FMT " bytes of shared memory "
                     "for metadata of authorization servers",
                     smart_board_bytes());
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    for (i = 0; i < count_all(); i++) {
        memcpy(ids + (apr_size_t)i * SMART_DIGEST_LEN, at(i)->id,
               SMART_DIGEST_LEN);
    }
    smart_board_assign(apr_shm_baseaddr_get(kept->shm), ids, count_all(),
                       slots);
    for (i = 0; i < count_all(); i++) {
        at(i)->slot = slots[i];
    }
    return OK;
}

/* ---- in the thread ---- */

/* Whether a text makes a document for one of its locations. What is wrong for
   the others is logged, each once. */
static bool judge(const smart_fetched_t *fetched, smart_slice_t text,
                  apr_pool_t *p)
{
    const char *last = "";
    bool any = false;
    int i;

    for (i = 0; i < fetched->places->nelts; i++) {
        smart_discovery_source_t place =
            APR_ARRAY_IDX(fetched->places, i, smart_discovery_source_t);
        smart_discovery_t made;

        place.text = text;
        if (smart_discovery_make(&place, p, &made)) {
            any = true;
        }
        else if (strcmp(last, made.fault) != 0) {
            last = made.fault;
            ap_log_error(APLOG_MARK, APLOG_ERR, 0, fetching.server,
                         "SMART0602: metadata at %s can not be served as "
                         "smart-configuration: %s",
                         fetched->from.url, made.fault);
        }
    }
    return any;
}

static void note_failure(smart_fetched_t *fetched, const char *why)
{
    const unsigned before = smart_slot_failed(fetched->slot) - 1;
    const unsigned doubles = before < MAX_DOUBLES ? before : MAX_DOUBLES;

    smart_slot_defer(fetched->slot,
                     smart_clock_now().mono_us + (RETRY_US << doubles));
    if (why) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, fetching.server,
                     "SMART0603: no metadata from %s: %s; %s",
                     fetched->from.url, why,
                     smart_fetched_version(fetched) ? "the last ones are used"
                                                    : "there are none yet");
    }
}

static void renew(smart_fetched_t *fetched)
{
    smart_slice_t text;
    const char *why;
    apr_pool_t *p;

    if (apr_pool_create(&p, NULL) != APR_SUCCESS) {
        return;
    }
    if (!smart_metadata_fetch(smart_process.http, &fetched->from, p, &text,
                              &why)) {
        note_failure(fetched, why);
    }
    else if (!judge(fetched, text, p)) {
        note_failure(fetched, NULL);
    }
    else if (smart_slot_put(fetched->slot, fetched->id, text,
                            smart_clock_now().mono_us + RENEW_US)) {
        ap_log_error(APLOG_MARK, APLOG_DEBUG, 0, fetching.server,
                     "SMART0604: metadata from %s, %" APR_SIZE_T_FMT " bytes",
                     fetched->from.url, text.len);
    }
    apr_pool_destroy(p);
}

/* Renew what is due. @return when to look again, from now */
static apr_int64_t look(void)
{
    apr_int64_t wait_us = RENEW_US;
    int i;

    for (i = 0; i < count_all(); i++) {
        smart_fetched_t *fetched = at(i);
        const apr_int64_t hold_us =
            fetched->from.total_timeout_ms * SMART_CLOCK_MS + SMART_CLOCK_S;
        apr_int64_t left_us;

        if (smart_slot_claim(fetched->slot, smart_clock_now().mono_us,
                             hold_us)) {
            renew(fetched);
        }
        left_us = smart_slot_due(fetched->slot) - smart_clock_now().mono_us;
        wait_us = left_us < wait_us ? left_us : wait_us;
    }
    return wait_us > LEAST_US ? wait_us : LEAST_US;
}

static void *APR_THREAD_FUNC run(apr_thread_t *thread, void *data)
{
    apr_setup_signal_thread(); /* they are all blocked from here on */
    apr_thread_mutex_lock(fetching.mutex);
    while (!fetching.stop) {
        apr_int64_t wait_us;

        apr_thread_mutex_unlock(fetching.mutex);
        wait_us = look();
        apr_thread_mutex_lock(fetching.mutex);
        if (!fetching.stop) {
            (void)apr_thread_cond_timedwait(fetching.cond, fetching.mutex,
                                            wait_us);
        }
    }
    apr_thread_mutex_unlock(fetching.mutex);
    return NULL;
}

static apr_status_t stop(void *data)
{
    apr_status_t rv;

    apr_thread_mutex_lock(fetching.mutex);
    fetching.stop = true;
    apr_thread_cond_signal(fetching.cond);
    apr_thread_mutex_unlock(fetching.mutex);
    apr_thread_join(&rv, fetching.thread);
    return APR_SUCCESS;
}

void smart_fetched_child_init(apr_pool_t *pchild, server_rec *s)
{
    apr_status_t rv;

    if (count_all() == 0 || !at(0)->slot || !smart_process.http) {
        return;
    }
    fetching.server = s;
    rv = apr_thread_mutex_create(&fetching.mutex, APR_THREAD_MUTEX_DEFAULT,
                                 pchild);
    if (rv == APR_SUCCESS) {
        rv = apr_thread_cond_create(&fetching.cond, pchild);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_thread_create(&fetching.thread, NULL, run, NULL, pchild);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, s,
                     "SMART0605: no thread to fetch metadata of authorization "
                     "servers; another process has to");
        return;
    }
    /* Before what the thread uses goes away: cleanups run last in, first
       out. */
    apr_pool_pre_cleanup_register(pchild, NULL, stop);
}
