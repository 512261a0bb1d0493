/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.c: calls to a socache provider, in threads of their own.
 *
 * A call to a provider is a job. The thread of a request makes it and, for a
 * look-up, waits for it; a thread of ours does it. Who comes last, the one who
 * waits or the one who works, destroys it:
 *
 *   waited for    the request does, when it is done
 *   given up      our thread does, when the provider comes back at last
 *   not waited    our thread does
 *
 * A hanging provider keeps our threads, all of them in the end. Jobs that were
 * given up and are not over are counted: when there are as many as threads,
 * nobody waits any more. When the process ends its threads may still hang, so
 * they are not joined: their pool belongs to nobody and goes with the process.
 *
 * redis and memcache keep connections, and a server that failed once is dead to
 * them for five seconds and for as long again for each connection that it left
 * behind. So after a failure the process begins again with a client of its own,
 * without memories; the old one goes when nobody hangs in it any more.
 */
#include "httpd/store.h"
#include "httpd/directives.h"
#include "httpd/request.h"

#include <ap_provider.h>
#include <ap_socache.h>
#include <http_log.h>
#include <util_mutex.h>

#include <apr_allocator.h>
#include <apr_network_io.h>
#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <apr_thread_pool.h>

APLOG_USE_MODULE(smart);

#define MAX_THREADS 8u   /* per child */
#define MAX_QUEUED  128u /* jobs; what nobody waits for is dropped beyond */
#define WAIT_US     (SMART_STORE_WAIT_MS * SMART_CLOCK_MS)
/* A process does not begin again more often. */
#define RENEW_US SMART_CLOCK_S
/* How long a process that ends lets its threads come back. */
#define LAST_WAIT_US (200 * SMART_CLOCK_MS)

#define NAMESPACE  "smart" /* before each id in the store */
#define MUTEX_TYPE "smart-store"

struct smart_store_t {
    const char *text;           /* as written */
    const char *name;           /* of the provider */
    const ap_directive_t *node; /* where it stands */
    const ap_socache_provider_t *provider;
    ap_socache_instance_t *instance;
    const char *args; /* the provider's; NULL: none */
    bool remote;      /* another machine or process is spoken to */
};

/* What a provider is called with. */
typedef struct client_t {
    ap_socache_instance_t *instance;
    apr_pool_t *pool; /* of its own; NULL: it is the configuration's */
    unsigned users;   /* calls under way */
} client_t;

/* The store, and what this process needs to use it. */
static struct {
    const smart_store_t *store; /* NULL: there is none */
    apr_uint64_t breaker_id;
    apr_global_mutex_t *provider_mutex; /* NULL: the provider needs none */
    apr_thread_pool_t *threads;         /* NULL: not in a child */
    apr_thread_mutex_t *mutex;          /* guards jobs and what follows */
    unsigned given_up;                  /* jobs that are not over */
    client_t *client;                   /* of the next call */
    bool failed;                        /* the last call that told */
    apr_int64_t renewed_us;             /* mono_us of the client's making */
    volatile bool ending;               /* the process is about to end */
} level;

typedef enum { JOB_GET = 0, JOB_PUT, JOB_REMOVE } job_kind_e;

/* What a call says about the store. */
typedef enum {
    OUTCOME_FAILURE = 0,
    OUTCOME_NOTHING, /* "not found" is what providers say of a dead one, too */
    OUTCOME_SUCCESS
} outcome_e;

typedef struct job_t {
    apr_pool_t *pool; /* of its own; also the provider's scratch */
    apr_thread_cond_t *cond;
    job_kind_e kind;
    server_rec *server;
    unsigned char id[SMART_STORE_ID];
    apr_time_t expiry;    /* PUT */
    unsigned char *value; /* PUT: what to store; GET: out */
    unsigned int len;
    apr_int64_t allowed_us; /* mono_us when the breaker let it through */
    bool waited;            /* somebody waits for it */
    bool done;              /* under the mutex, like the next */
    bool given_up;
    apr_status_t rv;
} job_t;

/* ---- configuration ---- */

/* Those that speak to servers look at their names at start-up only, and then
   say less than httpd -t can. */
static const char *hosts_fault(const char *args, apr_pool_t *p)
{
    const char *one;
    char *host, *scope;
    apr_port_t port;

    while (*args) {
        one = ap_getword(p, &args, ',');
        if (apr_parse_addr_port(&host, &scope, &port, one, p) != APR_SUCCESS ||
            !host) {
            return apr_psprintf(p, "\"%s\" is no host:port", one);
        }
    }
    return NULL;
}

/* Why there is no such provider. */
static const char *provider_fault(const char *name, apr_pool_t *p)
{
    static const char *const known[] = {"redis", "memcache", "shmcb", "dbm"};
    apr_size_t i;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(name, known[i]) == 0) {
            return apr_pstrcat(p, "needs mod_socache_", name,
                               " to be loaded before this line", NULL);
        }
    }
    return "names no provider that is loaded; httpd has redis, memcache, shmcb "
           "and dbm";
}

const char *smart_store_parse(cmd_parms *cmd, const char *word,
                              smart_store_t **pstore)
{
    smart_store_t *store = apr_pcalloc(cmd->pool, sizeof(*store));
    const char *colon = strchr(word, ':');
    const char *error;

    store->text = word;
    store->node = cmd->directive;
    store->args = colon ? colon + 1 : NULL;
    store->name =
        colon ? apr_pstrmemdup(cmd->pool, word, (apr_size_t)(colon - word))
              : word;
    store->remote = strcmp(store->name, "redis") == 0 ||
                    strcmp(store->name, "memcache") == 0;
    store->provider = ap_lookup_provider(AP_SOCACHE_PROVIDER_GROUP, store->name,
                                         AP_SOCACHE_PROVIDER_VERSION);
    if (!store->provider) {
        return smart_bad_word(cmd, word,
                              provider_fault(store->name, cmd->pool));
    }
    error = store->provider->create(&store->instance, store->args,
                                    cmd->temp_pool, cmd->pool);
    if (!error && store->remote) {
        error = hosts_fault(store->args, cmd->temp_pool);
    }
    if (error) {
        return smart_bad_word(
            cmd, word, apr_pstrcat(cmd->pool, "is not taken: ", error, NULL));
    }
    *pstore = store;
    return NULL;
}

const char *smart_store_text(const smart_store_t *store)
{
    return store->text;
}

const ap_directive_t *smart_store_node(const smart_store_t *store)
{
    return store->node;
}

const char *smart_store_label(const smart_store_t *store, apr_uint64_t *pid,
                              apr_pool_t *p)
{
    const char *label = apr_pstrcat(p, "shared cache ", store->name, NULL);

    return smart_location_breaker_id(store->text, pid) ? label : NULL;
}

/* ---- start ---- */

static apr_status_t forget(void *data)
{
    memset(&level, 0, sizeof(level));
    return APR_SUCCESS;
}

static apr_status_t instance_destroy(void *data)
{
    server_rec *s = data;

    if (level.store) {
        level.store->provider->destroy(level.store->instance, s);
    }
    return APR_SUCCESS;
}

void smart_store_pre_config(apr_pool_t *pconf)
{
    (void)ap_mutex_register(pconf, MUTEX_TYPE, NULL, APR_LOCK_DEFAULT, 0);
}

static apr_status_t mutex_open(const smart_store_t *store, server_rec *s,
                               apr_pool_t *pconf)
{
    return store->provider->flags & AP_SOCACHE_FLAG_NOTMPSAFE
               ? ap_global_mutex_create(&level.provider_mutex, NULL, MUTEX_TYPE,
                                        NULL, s, pconf, 0)
               : APR_SUCCESS;
}

static apr_status_t instance_open(const smart_store_t *store,
                                  ap_socache_instance_t *instance,
                                  server_rec *s, apr_pool_t *p)
{
    static const struct ap_socache_hints hints = {SMART_STORE_ID, 512,
                                                  60 * APR_USEC_PER_SEC};

    return store->provider->init(instance, NAMESPACE, &hints, s, p);
}

apr_status_t smart_store_open(const smart_store_t *store, server_rec *s,
                              apr_pool_t *pconf)
{
    apr_status_t rv;

    memset(&level, 0, sizeof(level));
    if (!store) {
        return APR_SUCCESS;
    }
    apr_pool_cleanup_register(pconf, NULL, forget, apr_pool_cleanup_null);
    rv = smart_location_breaker_id(store->text, &level.breaker_id)
             ? mutex_open(store, s, pconf)
             : APR_EGENERAL;
    if (rv == APR_SUCCESS) {
        rv = instance_open(store, store->instance, s, pconf);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, rv, s,
                     "SMART0105: the shared cache \"%s\" can not be opened; "
                     "the server is not started",
                     store->text);
        return rv;
    }
    level.store = store;
    apr_pool_cleanup_register(pconf, s, instance_destroy,
                              apr_pool_cleanup_null);
    return APR_SUCCESS;
}

/* Let threads that are only slow come back before what they use goes away. */
static apr_status_t end(void *data)
{
    apr_int64_t until_us = smart_clock_now().mono_us + LAST_WAIT_US;

    level.ending = true;
    while (apr_thread_pool_busy_count(level.threads) > 0 &&
           smart_clock_now().mono_us < until_us) {
        apr_sleep(SMART_CLOCK_MS);
    }
    return APR_SUCCESS;
}

/* A pool without a parent that any thread may use, and whose children too. */
static apr_status_t free_pool_create(apr_pool_t **ppool)
{
    apr_allocator_t *allocator;
    apr_thread_mutex_t *mutex;
    apr_status_t rv = apr_allocator_create(&allocator);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_pool_create_unmanaged_ex(ppool, NULL, allocator);
    if (rv != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return rv;
    }
    apr_allocator_owner_set(allocator, *ppool);
    rv = apr_thread_mutex_create(&mutex, APR_THREAD_MUTEX_DEFAULT, *ppool);
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(*ppool);
        return rv;
    }
    apr_allocator_mutex_set(allocator, mutex);
    return APR_SUCCESS;
}

/* Nobody destroys the pool of threads that nobody joins. */
static apr_status_t threads_create(void)
{
    apr_pool_t *pool;
    apr_status_t rv = free_pool_create(&pool);

    if (rv == APR_SUCCESS) {
        rv = apr_thread_mutex_create(&level.mutex, APR_THREAD_MUTEX_DEFAULT,
                                     pool);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_thread_pool_create(&level.threads, 0, MAX_THREADS, pool);
    }
    if (rv == APR_SUCCESS) {
        apr_thread_pool_idle_max_set(level.threads, MAX_THREADS);
        level.client = apr_pcalloc(pool, sizeof(*level.client));
        level.client->instance = level.store->instance;
    }
    return rv;
}

void smart_store_child_init(apr_pool_t *pchild, server_rec *s)
{
    apr_status_t rv = APR_SUCCESS;

    if (!level.store) {
        return;
    }
    if (level.provider_mutex) {
        rv = apr_global_mutex_child_init(
            &level.provider_mutex,
            apr_global_mutex_lockfile(level.provider_mutex), pchild);
    }
    if (rv == APR_SUCCESS) {
        rv = threads_create();
    }
    if (rv != APR_SUCCESS) {
        level.threads = NULL;
        ap_log_error(APLOG_MARK, APLOG_WARNING, rv, s,
                     "SMART0106: no threads for the shared cache; this process "
                     "does without");
        return;
    }
    apr_pool_pre_cleanup_register(pchild, NULL, end);
}

bool smart_store_is_there(void)
{
    return level.threads && !level.ending;
}

/* ---- breaker ---- */

static void count(smart_count_e what)
{
    smart_count(smart_process.shared.counters, what);
}

static smart_breaker_t *breaker(const smart_clock_t *now)
{
    return smart_breaker_find(smart_process.shared.breakers, level.breaker_id,
                              now);
}

static void report(server_rec *s, apr_int64_t allowed_us, outcome_e outcome)
{
    const smart_clock_t now = smart_clock_now();

    if (outcome == OUTCOME_NOTHING) {
        return;
    }
    if (outcome == OUTCOME_FAILURE) {
        count(SMART_COUNT_SHARED_FAILURE);
    }
    apr_thread_mutex_lock(level.mutex);
    level.failed = outcome == OUTCOME_FAILURE;
    apr_thread_mutex_unlock(level.mutex);
    switch (smart_breaker_report(breaker(&now), outcome == OUTCOME_SUCCESS,
                                 allowed_us, &now)) {
    case SMART_BREAKER_SAME:
        break;
    case SMART_BREAKER_OPENED:
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "SMART0211: the shared cache \"%s\" failed %u times in a "
                     "row and is tried once a second from now on; nobody waits "
                     "for it",
                     level.store->text, SMART_BREAKER_FAILURES);
        break;
    case SMART_BREAKER_CLOSED:
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     "SMART0212: the shared cache \"%s\" answers again",
                     level.store->text);
        break;
    }
}

/* ---- jobs, in a thread of ours ---- */

/* Under the mutex. Nobody is in it any more, and nobody will be. */
static void client_retire(client_t *client)
{
    if (client != level.client && client->users == 0 && client->pool) {
        apr_pool_destroy(client->pool);
    }
}

/* Under the mutex; makes no connection. Failing leaves what there is. */
static void client_renew(server_rec *s)
{
    client_t *old = level.client, *fresh;
    apr_pool_t *pool;

    if (free_pool_create(&pool) != APR_SUCCESS) {
        return;
    }
    fresh = apr_pcalloc(pool, sizeof(*fresh));
    fresh->pool = pool;
    if (level.store->provider->create(&fresh->instance, level.store->args, pool,
                                      pool) ||
        instance_open(level.store, fresh->instance, s, pool) != APR_SUCCESS) {
        apr_pool_destroy(pool);
        return;
    }
    level.client = fresh;
    client_retire(old);
}

static client_t *client_enter(server_rec *s)
{
    const apr_int64_t now_us = smart_clock_now().mono_us;
    client_t *client;

    apr_thread_mutex_lock(level.mutex);
    if (level.failed && level.store->remote &&
        now_us - level.renewed_us > RENEW_US) {
        level.renewed_us = now_us;
        client_renew(s);
    }
    client = level.client;
    client->users++;
    apr_thread_mutex_unlock(level.mutex);
    return client;
}

static void client_leave(client_t *client)
{
    apr_thread_mutex_lock(level.mutex);
    client->users--;
    client_retire(client);
    apr_thread_mutex_unlock(level.mutex);
}

static apr_status_t call_provider(job_t *job, ap_socache_instance_t *instance)
{
    const ap_socache_provider_t *provider = level.store->provider;

    switch (job->kind) {
    case JOB_GET:
        return provider->retrieve(instance, job->server, job->id,
                                  sizeof(job->id), job->value, &job->len,
                                  job->pool);
    case JOB_PUT:
        return provider->store(instance, job->server, job->id, sizeof(job->id),
                               job->expiry, job->value, job->len, job->pool);
    case JOB_REMOVE:
        break;
    }
    return provider->remove(instance, job->server, job->id, sizeof(job->id),
                            job->pool);
}

static apr_status_t call(job_t *job)
{
    client_t *client = client_enter(job->server);
    apr_status_t rv = call_provider(job, client->instance);

    client_leave(client);
    return rv;
}

static apr_status_t call_in_turn(job_t *job)
{
    apr_status_t rv;

    if (!level.provider_mutex) {
        return call(job);
    }
    rv = apr_global_mutex_lock(level.provider_mutex);
    if (rv == APR_SUCCESS) {
        rv = call(job);
        apr_global_mutex_unlock(level.provider_mutex);
    }
    return rv;
}

static outcome_e outcome_of(const job_t *job)
{
    switch (job->kind) {
    case JOB_GET:
        if (job->rv == APR_NOTFOUND) {
            return OUTCOME_NOTHING;
        }
        /* ENOMEM: there is something, larger than all of ours. */
        return job->rv == APR_SUCCESS || job->rv == APR_ENOMEM
                   ? OUTCOME_SUCCESS
                   : OUTCOME_FAILURE;
    case JOB_PUT:
        break;
    case JOB_REMOVE:
        if (job->rv == APR_NOTFOUND) {
            return OUTCOME_NOTHING;
        }
        break;
    }
    return job->rv == APR_SUCCESS ? OUTCOME_SUCCESS : OUTCOME_FAILURE;
}

/* Nobody waits, but what takes longer than one would is no success. */
static void report_aside(const job_t *job, apr_int64_t begun_us)
{
    const bool late = smart_clock_now().mono_us - begun_us > WAIT_US;

    report(job->server, job->allowed_us,
           late ? OUTCOME_FAILURE : outcome_of(job));
}

static void *APR_THREAD_FUNC run(apr_thread_t *thread, void *data)
{
    const apr_int64_t begun_us = smart_clock_now().mono_us;
    job_t *job = data;
    bool last;

    apr_thread_mutex_lock(level.mutex);
    last = job->given_up;
    apr_thread_mutex_unlock(level.mutex);
    if (!last) {
        job->rv = call_in_turn(job);
        if (!job->waited) {
            report_aside(job, begun_us);
        }
    }
    apr_thread_mutex_lock(level.mutex);
    job->done = true;
    level.given_up -= job->given_up;
    last = job->given_up || !job->waited;
    if (!last) {
        apr_thread_cond_signal(job->cond);
    }
    apr_thread_mutex_unlock(level.mutex);
    if (last) {
        apr_pool_destroy(job->pool);
    }
    return NULL;
}

/* ---- jobs, in the thread of a request ---- */

static job_t *job_make(job_kind_e kind, server_rec *s, const unsigned char *id,
                       const smart_clock_t *now)
{
    apr_pool_t *pool;
    job_t *job;

    if (apr_pool_create_unmanaged_ex(&pool, NULL, NULL) != APR_SUCCESS) {
        return NULL;
    }
    job = apr_pcalloc(pool, sizeof(*job));
    job->pool = pool;
    job->kind = kind;
    job->server = s;
    job->allowed_us = now->mono_us;
    memcpy(job->id, id, sizeof(job->id));
    return job;
}

static bool job_push(job_t *job)
{
    if (apr_thread_pool_tasks_count(level.threads) < MAX_QUEUED &&
        apr_thread_pool_push(level.threads, run, job,
                             APR_THREAD_TASK_PRIORITY_NORMAL,
                             NULL) == APR_SUCCESS) {
        return true;
    }
    report(job->server, job->allowed_us, OUTCOME_FAILURE);
    apr_pool_destroy(job->pool);
    return false;
}

/* Whether all threads hang, so that waiting for one is of no use. */
static bool all_hang(void)
{
    bool all;

    apr_thread_mutex_lock(level.mutex);
    all = level.given_up >= MAX_THREADS;
    apr_thread_mutex_unlock(level.mutex);
    return all;
}

/* True: it is done, and the caller's to destroy. */
static bool job_wait(job_t *job)
{
    const apr_int64_t until_us = job->allowed_us + WAIT_US;
    bool done;

    apr_thread_mutex_lock(level.mutex);
    while (!job->done) {
        const apr_int64_t left_us = until_us - smart_clock_now().mono_us;

        if (left_us <= 0 || apr_thread_cond_timedwait(job->cond, level.mutex,
                                                      left_us) != APR_SUCCESS) {
            break;
        }
    }
    done = job->done;
    job->given_up = !done;
    level.given_up += !done;
    apr_thread_mutex_unlock(level.mutex);
    return done;
}

static smart_store_e found_what(const job_t *job)
{
    return job->rv == APR_SUCCESS  ? SMART_STORE_FOUND
           : job->rv == APR_ENOMEM ? SMART_STORE_TOO_LARGE
                                   : SMART_STORE_NOTHING;
}

/* A look-up that is waited for. */
static smart_store_e look_up(job_t *job, server_rec *s,
                             const smart_clock_t *now, void *buf,
                             apr_size_t *plen)
{
    smart_store_e found;

    job->waited = true;
    if (all_hang() ||
        apr_thread_cond_create(&job->cond, job->pool) != APR_SUCCESS) {
        report(s, now->mono_us, OUTCOME_FAILURE);
        apr_pool_destroy(job->pool);
        return SMART_STORE_NOTHING;
    }
    if (!job_push(job)) {
        return SMART_STORE_NOTHING;
    }
    if (!job_wait(job)) {
        /* From here on it belongs to the thread that hangs with it. */
        report(s, now->mono_us, OUTCOME_FAILURE);
        return SMART_STORE_NOTHING;
    }
    report(s, now->mono_us, outcome_of(job));
    found = found_what(job);
    if (found == SMART_STORE_FOUND) {
        memcpy(buf, job->value, job->len);
        *plen = job->len;
    }
    apr_pool_destroy(job->pool);
    return found;
}

/*
 * To find out whether a store is back: a value without meaning is written, in
 * a place of no token. Only a write tells, and one of its own kind costs no
 * request anything.
 */
static void probe(server_rec *s, const smart_clock_t *now)
{
    static unsigned char mark[] = "mod_smart was here";
    static const unsigned char id[SMART_STORE_ID];
    job_t *job = all_hang() ? NULL : job_make(JOB_PUT, s, id, now);

    if (job) {
        job->expiry = apr_time_now() + apr_time_from_sec(60);
        job->value = mark;
        job->len = sizeof(mark) - 1;
        (void)job_push(job);
    }
}

/* Whether to ask the store now. */
static bool may_ask(server_rec *s, const smart_clock_t *now)
{
    int retry_after_s;

    switch (smart_breaker_allow(breaker(now), now, &retry_after_s)) {
    case SMART_BREAKER_NO:
        break;
    case SMART_BREAKER_PROBE:
        probe(s, now);
        break;
    case SMART_BREAKER_GO:
        return true;
    }
    return false;
}

smart_store_e smart_store_get(server_rec *s, const unsigned char *id,
                              const smart_clock_t *now, void *buf,
                              apr_size_t *plen)
{
    job_t *job = may_ask(s, now) ? job_make(JOB_GET, s, id, now) : NULL;

    if (!job) {
        return SMART_STORE_NOTHING;
    }
    job->len = (unsigned int)*plen;
    job->value = apr_palloc(job->pool, *plen);
    return look_up(job, s, now, buf, plen);
}

/* A job that nobody waits for, if the store is to be asked at all. */
static job_t *job_aside(job_kind_e kind, server_rec *s, const unsigned char *id)
{
    const smart_clock_t now = smart_clock_now();

    return may_ask(s, &now) && !all_hang() ? job_make(kind, s, id, &now) : NULL;
}

void smart_store_put(server_rec *s, const unsigned char *id,
                     smart_slice_t value, apr_time_t expiry)
{
    job_t *job = job_aside(JOB_PUT, s, id);

    if (job) {
        /* Providers count whole seconds, rounded down. */
        job->expiry = expiry + APR_USEC_PER_SEC;
        job->value = apr_pmemdup(job->pool, value.ptr, value.len);
        job->len = (unsigned int)value.len;
        (void)job_push(job);
    }
}

void smart_store_remove(server_rec *s, const unsigned char *id)
{
    job_t *job = job_aside(JOB_REMOVE, s, id);

    if (job) {
        (void)job_push(job);
    }
}
