/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refresh.c: a few threads per child, started when there is something to do
 * (APR-util's thread pool), and a list of what is queued or under way.
 */
#include "httpd/refresh.h"
#include "httpd/asking.h"
#include "httpd/request.h"

#include <http_log.h>

#include <apr_thread_mutex.h>
#include <apr_thread_pool.h>

#include "io/ask_once.h"
#include "io/secret.h"

APLOG_USE_MODULE(smart);

#define MAX_THREADS 4   /* per child; each waits for one answer at a time */
#define MAX_TASKS   256 /* queued or under way; more are not refreshed */

/* A key is not tried again for so long, whatever came of it: a failing server
   is the breaker's business, not that of every hit. */
#define PAUSE_US (SMART_CLOCK_S / 2)

typedef struct task_t {
    bool used;
    apr_int64_t free_from_us; /* mono_us; the pause after it was done */
    apr_int64_t stored_us;    /* of the record that is to be replaced */
    const smart_location_t *location;
    server_rec *server;
    apr_size_t len;
    unsigned char key[SMART_CACHE_KEY];
    char token[SMART_MAX_TOKEN];
} task_t;

static struct {
    apr_thread_pool_t *threads; /* NULL: there are no refreshes */
    apr_thread_mutex_t *mutex;  /* guards used, free_from_us and keys */
    task_t *tasks;
} refresh;

static apr_status_t forget(void *data)
{
    memset(&refresh, 0, sizeof(refresh));
    return APR_SUCCESS;
}

void smart_refresh_child_init(apr_pool_t *pchild, server_rec *s)
{
    apr_status_t rv = apr_thread_mutex_create(&refresh.mutex,
                                              APR_THREAD_MUTEX_DEFAULT, pchild);

    apr_pool_cleanup_register(pchild, NULL, forget, apr_pool_cleanup_null);
    refresh.tasks = apr_pcalloc(pchild, MAX_TASKS * sizeof(task_t));
    if (rv == APR_SUCCESS) {
        rv = apr_thread_pool_create(&refresh.threads, 0, MAX_THREADS, pchild);
    }
    if (rv != APR_SUCCESS) {
        refresh.threads = NULL;
        ap_log_error(APLOG_MARK, APLOG_WARNING, rv, s,
                     "SMART0104: no threads for refreshes; tokens in use wait "
                     "for the authorization server after each SmartCacheTTL");
    }
}

/* ---- in a thread of the pool ---- */

typedef struct work_t {
    task_t *task;
    smart_asking_t asking;
} work_t;

/* Somebody else has refreshed it meanwhile. */
static bool look(void *ctx, smart_asked_t *asked)
{
    const work_t *work = ctx;
    const smart_clock_t now = smart_clock_now();
    apr_uint64_t buf[SMART_CACHE_MAX_VALUE / sizeof(apr_uint64_t)];
    smart_cache_meta_t meta;
    apr_size_t len;

    asked->outcome = SMART_ASKED_ACTIVE;
    return smart_cache_get(smart_process.shared.cache, work->task->key, &now,
                           buf, sizeof(buf), &len, &meta) == SMART_CACHE_HIT &&
           meta.stored_us > work->task->stored_us;
}

static void ask(void *ctx, smart_asked_t *asked)
{
    const work_t *work = ctx;

    smart_asking_ask(&work->asking, asked);
}

static void *APR_THREAD_FUNC run(apr_thread_t *thread, void *data)
{
    const smart_clock_t now = smart_clock_now();
    work_t work = {.task = data};
    const smart_once_t once = {
        .look = look,
        .ask = ask,
        .ctx = &work,
        .lifetime_us =
            smart_asking_longest_us(work.task->location) + SMART_CLOCK_S,
    };
    smart_asked_t asked;
    apr_pool_t *p;

    if (apr_pool_create(&p, NULL) == APR_SUCCESS) {
        work.asking.location = work.task->location;
        work.asking.server = work.task->server;
        work.asking.token = smart_slice_n(work.task->token, work.task->len);
        work.asking.key = work.task->key;
        work.asking.known = true;
        work.asking.refresh = true;
        work.asking.p = p;
        (void)smart_ask_once(&once, smart_process.flights,
                             smart_process.shared.leases, work.task->key, &now,
                             p, &asked);
        apr_pool_destroy(p);
    }
    smart_secret_wipe(work.task->token, work.task->len);
    apr_thread_mutex_lock(refresh.mutex);
    work.task->free_from_us = smart_clock_now().mono_us + PAUSE_US;
    work.task->used = false;
    apr_thread_mutex_unlock(refresh.mutex);
    return NULL;
}

/* ---- in the thread of a request ---- */

bool smart_refresh_is_due(const smart_cache_meta_t *meta,
                          const smart_clock_t *now)
{
    const apr_int64_t left_us = meta->fresh_until_us - now->mono_us;

    if (left_us * 4 > meta->fresh_until_us - meta->stored_us) {
        return false;
    }
    /* A token that ends first is not made to live longer by asking. */
    return !meta->expires_s ||
           meta->expires_s - now->wall_s > left_us / SMART_CLOCK_S + 1;
}

/* A task for a key; NULL: it has one, had one just now, or all are taken. */
static task_t *reserve(const unsigned char *key, const smart_clock_t *now)
{
    task_t *found = NULL;
    int i;

    for (i = 0; i < MAX_TASKS; i++) {
        task_t *task = &refresh.tasks[i];
        const bool busy = task->used || now->mono_us < task->free_from_us;

        if (busy && !memcmp(task->key, key, SMART_CACHE_KEY)) {
            return NULL;
        }
        if (!found && !busy) {
            found = task;
        }
    }
    if (found) {
        found->used = true;
        memcpy(found->key, key, SMART_CACHE_KEY);
    }
    return found;
}

void smart_refresh_if_due(const smart_location_t *location, server_rec *s,
                          smart_slice_t token, const unsigned char *key,
                          const smart_cache_meta_t *meta,
                          const smart_clock_t *now)
{
    task_t *task;

    if (!smart_refresh_is_due(meta, now) || !refresh.threads ||
        !location->lasting) {
        return;
    }
    apr_thread_mutex_lock(refresh.mutex);
    task = reserve(key, now);
    apr_thread_mutex_unlock(refresh.mutex);
    if (!task) {
        return;
    }
    task->location = location;
    task->server = s;
    task->stored_us = meta->stored_us;
    task->len = token.len;
    memcpy(task->token, token.ptr, token.len);
    if (apr_thread_pool_push(refresh.threads, run, task,
                             APR_THREAD_TASK_PRIORITY_NORMAL,
                             NULL) != APR_SUCCESS) {
        smart_secret_wipe(task->token, task->len);
        apr_thread_mutex_lock(refresh.mutex);
        task->used = false;
        apr_thread_mutex_unlock(refresh.mutex);
    }
}
