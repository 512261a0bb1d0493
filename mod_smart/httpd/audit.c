/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.c: see audit.h.
 *
 * The directive makes a target for each file or program, however many sections
 * name it; the parent opens the targets. A request is written about when it is
 * logged, with all that is known of it by then.
 *
 * Where a request was redirected internally the last decision about it counts,
 * but not one about an ErrorDocument: that is how an answer is shown.
 */
#include "httpd/audit.h"
#include "httpd/account.h"
#include "httpd/directives.h"

#include <http_core.h>
#include <http_log.h>

#include <apr_atomic.h>
#include <apr_hash.h>
#include <apr_strings.h>

#include "core/audit.h"

APLOG_USE_MODULE(smart);

#define HASH_BYTES 16u /* of a digest, that are shown */
#define ID_BYTES   16u /* of a request's id, where it has none */

/* Readable by the owner and his group: names of people are in it. */
#define PERMISSIONS (APR_FPROT_UREAD | APR_FPROT_UWRITE | APR_FPROT_GREAD)

/* What patients are shown as. */
typedef enum { PATIENT_HASH = 0, PATIENT_CLEAR, PATIENT_OFF } patient_e;

/* A file or a program. */
typedef struct target_t {
    const char *name;           /* path, or "|" and a command */
    apr_file_t *file;           /* NULL: not open */
    volatile apr_uint32_t lost; /* lines, since that was last said */
    volatile apr_uint32_t minute;
    volatile apr_uint32_t torn; /* the last line has no end */
} target_t;

struct smart_audit_t {
    target_t *target; /* NULL: off */
    patient_e patient;
    const char *text; /* as written, for dumps */
};

static struct {
    apr_hash_t *targets; /* by name; of the configuration being read */
    smart_digest_realm_t *patient; /* NULL: patients are not shown */
} audit;

/* ---- the directive ---- */

static bool patient_read(const char *word, patient_e *ppatient)
{
    static const struct {
        const char *word;
        patient_e patient;
    } words[] = {{"patient=hash", PATIENT_HASH},
                 {"patient=clear", PATIENT_CLEAR},
                 {"patient=off", PATIENT_OFF}};
    apr_size_t i;

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!strcmp(word, words[i].word)) {
            *ppatient = words[i].patient;
            return true;
        }
    }
    return false;
}

/* What could not be opened at the start; httpd -t does not open logs. */
static const char *file_fault(const char *path, apr_pool_t *p)
{
    const char *slash = strrchr(path, '/');
    apr_finfo_t info;

    if (apr_stat(&info, path, APR_FINFO_TYPE, p) == APR_SUCCESS) {
        return info.filetype == APR_REG || info.filetype == APR_CHR
                   ? NULL
                   : "is neither a file nor a \"|<program>\"";
    }
    if (!slash ||
        apr_stat(&info, apr_pstrmemdup(p, path, (apr_size_t)(slash + 1 - path)),
                 APR_FINFO_TYPE, p) != APR_SUCCESS ||
        info.filetype != APR_DIR) {
        return "is in a folder that is not there";
    }
    return NULL;
}

static const char *program_fault(const char *command, apr_pool_t *p)
{
    const char *first;
    apr_finfo_t info;

    while (*command == '|' || *command == '$' || *command == ' ') {
        command++;
    }
    first = ap_getword_conf(p, &command);
    if (!*first) {
        return "names no program";
    }
    return *first == '/' &&
                   (apr_stat(&info, first, APR_FINFO_TYPE, p) != APR_SUCCESS ||
                    info.filetype != APR_REG)
               ? "is a program that is not there"
               : NULL;
}

static const char *target_find(cmd_parms *cmd, const char *word,
                               target_t **ptarget)
{
    const char *name =
        *word == '|' ? word : ap_server_root_relative(cmd->pool, word);
    const char *fault = !name          ? "is no path"
                        : *word == '|' ? program_fault(word + 1, cmd->temp_pool)
                                       : file_fault(name, cmd->temp_pool);

    if (fault) {
        return smart_bad_word(cmd, word, fault);
    }
    *ptarget = apr_hash_get(audit.targets, name, APR_HASH_KEY_STRING);
    if (!*ptarget) {
        *ptarget = apr_pcalloc(cmd->pool, sizeof(**ptarget));
        (*ptarget)->name = name;
        apr_hash_set(audit.targets, name, APR_HASH_KEY_STRING, *ptarget);
    }
    return NULL;
}

const char *smart_audit_directive(cmd_parms *cmd, void *dir, const char *line)
{
    smart_dir_conf_t *conf = dir;
    const char *error = smart_begin(cmd, conf, conf->audit != NULL);
    const apr_array_header_t *words = smart_words(cmd->pool, line);
    const char *const *word = (const char *const *)words->elts;
    smart_audit_t *one = apr_pcalloc(cmd->pool, sizeof(*one));
    const bool off = words->nelts > 0 && !strcasecmp(word[0], "off");

    if (error) {
        return error;
    }
    if (words->nelts < 1 || words->nelts > 2) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, " is written ",
                           cmd->cmd->errmsg, NULL);
    }
    if (off && words->nelts == 2) {
        return smart_bad_word(cmd, word[0], "stands alone");
    }
    if (words->nelts == 2 && !patient_read(word[1], &one->patient)) {
        return smart_bad_word(cmd, word[1],
                              "is unknown; there are patient=hash, "
                              "patient=clear and patient=off");
    }
    error = off ? NULL : target_find(cmd, word[0], &one->target);
    one->text =
        off ? "off"
            : apr_pstrcat(cmd->pool, word[0], " ",
                          words->nelts == 2 ? word[1] : "patient=hash", NULL);
    conf->audit = one;
    return error;
}

const char *smart_audit_text(const smart_audit_t *one)
{
    return one ? one->text : "none";
}

/* ---- at start-up ---- */

int smart_audit_pre_config(apr_pool_t *pconf, apr_pool_t *plog,
                           apr_pool_t *ptemp)
{
    memset(&audit, 0, sizeof(audit));
    audit.targets = apr_hash_make(pconf);
    return OK;
}

/* Closed, and the program ended, with pconf. */
static apr_status_t target_open(target_t *target, apr_pool_t *pconf)
{
    piped_log *pipe;

    if (*target->name != '|') {
        return apr_file_open(&target->file, target->name,
                             APR_FOPEN_WRITE | APR_FOPEN_APPEND |
                                 APR_FOPEN_CREATE | APR_FOPEN_LARGEFILE,
                             PERMISSIONS, pconf);
    }
    pipe = ap_open_piped_log(pconf, target->name + 1);
    target->file = pipe ? ap_piped_log_write_fd(pipe) : NULL;
    /* A full pipe answers at once: nobody waits for the program. */
    return target->file ? apr_file_pipe_timeout_set(target->file, 0)
                        : APR_EGENERAL;
}

int smart_audit_open_logs(apr_pool_t *pconf, apr_pool_t *plog,
                          apr_pool_t *ptemp, server_rec *s)
{
    apr_hash_index_t *i;

    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    for (i = apr_hash_first(ptemp, audit.targets); i; i = apr_hash_next(i)) {
        target_t *target = apr_hash_this_val(i);
        const apr_status_t rv = target_open(target, pconf);

        if (rv != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_CRIT, rv, s,
                         "SMART0801: " SMART_DIR_AUDIT_LOG " %s can not be "
                         "opened; the server is not started",
                         target->name);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
}

void smart_audit_child_init(apr_pool_t *pchild, server_rec *s)
{
    /* No realm of tokens has this fingerprint: those are digests of more. */
    static const char domain[] = "mod_smart audit log: patients";
    unsigned char fingerprint[SMART_DIGEST_LEN];

    if (smart_digest_sha256(smart_slice(domain), fingerprint) != APR_SUCCESS ||
        smart_digest_realm_create(smart_process.digest, fingerprint, pchild,
                                  &audit.patient) != APR_SUCCESS) {
        audit.patient = NULL;
    }
}

/* ---- what is known of a request ---- */

static const char *hex(const unsigned char *bytes, apr_size_t n, apr_pool_t *p)
{
    static const char digits[] = "0123456789abcdef";
    char *out = apr_palloc(p, 2 * n + 1);
    apr_size_t i;

    for (i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * n] = '\0';
    return out;
}

/* A patient as it may be shown; NULL: it may not. */
static const char *patient_shown(const smart_audit_t *one,
                                 const smart_context_t *ctx, smart_slice_t id)
{
    apr_pool_t *p = ctx->r->pool;
    const char *text = apr_pstrmemdup(p, id.ptr, id.len);
    unsigned char key[SMART_DIGEST_LEN];

    switch (one->patient) {
    case PATIENT_OFF:
        return NULL;
    case PATIENT_CLEAR:
        return text;
    case PATIENT_HASH:
        break;
    }
    if (!ctx->location || !audit.patient ||
        smart_digest_token(audit.patient,
                           smart_slice(apr_pstrcat(p, ctx->location->public_url,
                                                   "/Patient/", text, NULL)),
                           key) != APR_SUCCESS) {
        return NULL;
    }
    return hex(key, HASH_BYTES, p);
}

static bool is_patient(smart_type_t type)
{
    const char *name = smart_fhir_type_name(type);

    return name && !strcmp(name, "Patient");
}

/* Whose record: the one in the path, else the one that the request was held
   to, else that of the launch. */
static smart_slice_t patient_of(const smart_context_t *ctx)
{
    const smart_interaction_t *i = &ctx->interaction;

    if (i->id.len > 0 && is_patient(i->type)) {
        return i->id;
    }
    if (i->compartment_id.len > 0 && is_patient(i->compartment)) {
        return i->compartment_id;
    }
    if (ctx->decision.patient) {
        return smart_slice(ctx->decision.patient);
    }
    return smart_slice(ctx->has_grant ? ctx->grant.patient : NULL);
}

/* Some servers name a patient who has logged in by the id of the record. */
static bool is_a_patient(const smart_grant_t *grant, const char *subject)
{
    return (*grant->patient && strstr(subject, grant->patient)) ||
           (*grant->user_patient && strstr(subject, grant->user_patient));
}

static const char *subject_shown(const smart_audit_t *one,
                                 const smart_context_t *ctx)
{
    const smart_grant_t *grant = &ctx->grant;
    const char *subject = *grant->sub ? grant->sub : grant->username;

    return one->patient != PATIENT_CLEAR && is_a_patient(grant, subject)
               ? patient_shown(one, ctx, smart_slice(subject))
               : subject;
}

/* The one in other logs, or one of our own. */
static const char *request_id(const request_rec *r)
{
    const char *id = apr_table_get(r->subprocess_env, "UNIQUE_ID");
    unsigned char bytes[ID_BYTES];

    if (id || r->log_id) {
        return id ? id : r->log_id;
    }
    return smart_digest_random(bytes, sizeof(bytes)) == APR_SUCCESS
               ? hex(bytes, sizeof(bytes), r->pool)
               : NULL;
}

static smart_audit_decision_e decision_of(const smart_context_t *ctx,
                                          smart_reason_e *preason)
{
    if (smart_account_denied(ctx, preason)) {
        return SMART_AUDIT_DENY;
    }
    if (!ctx->permit.held) {
        return SMART_AUDIT_NONE;
    }
    return ctx->is_public ? SMART_AUDIT_PUBLIC : SMART_AUDIT_PERMIT;
}

static void fill_interaction(smart_audit_line_t *line,
                             const smart_context_t *ctx)
{
    const smart_interaction_t *i = &ctx->interaction;

    line->interaction =
        ctx->preflight ? "preflight" : smart_interaction_name(i->kind);
    line->type = smart_fhir_type_name(i->type);
    if (line->decision >= SMART_AUDIT_PUBLIC) {
        line->operation = i->operation; /* others are whatever a client says */
    }
}

static void fill_token(smart_audit_line_t *line, const smart_context_t *ctx,
                       const smart_audit_t *one)
{
    const smart_slice_t patient = patient_of(ctx);

    if (ctx->has_grant) {
        line->client = ctx->grant.client_id;
        line->subject = subject_shown(one, ctx);
    }
    if (patient.len > 0) {
        line->patient = patient_shown(one, ctx, patient);
    }
}

static void fill(smart_audit_line_t *line, const smart_context_t *ctx,
                 const smart_audit_t *one, const request_rec *first,
                 const request_rec *last)
{
    smart_reason_e reason;

    memset(line, 0, sizeof(*line));
    line->time_us = first->request_time;
    line->id = request_id(first);
    line->base = ctx->location ? ctx->location->base
                 : ctx->base   ? ctx->base->path
                               : NULL;
    line->address = first->useragent_ip;
    line->method = first->method;
    line->report = smart_reports(ctx);
    line->decision = decision_of(ctx, &reason);
    if (line->decision == SMART_AUDIT_DENY) {
        line->reason = smart_reason_row(reason)->name;
        line->needs = ctx->decision.scope;
    }
    else if (line->decision == SMART_AUDIT_PERMIT) {
        line->scope = ctx->decision.scope;
    }
    fill_interaction(line, ctx);
    fill_token(line, ctx, one);
    line->cache = smart_source_name(ctx->source);
    line->status = last->status;
    line->asked_us = ctx->source ? ctx->asked_us : -1;
    line->decided_us =
        ctx->decided_time ? ctx->decided_time - first->request_time : -1;
    line->total_us = apr_time_now() - first->request_time;
}

/* ---- the line ---- */

/* One call; a pipe takes all of a line or nothing. */
static bool put(target_t *target, char *line, apr_size_t len)
{
    apr_size_t done = len;

    if (!target->file) {
        return false;
    }
    if (apr_atomic_xchg32(&target->torn, 0)) {
        apr_size_t one = 1;

        (void)apr_file_write(target->file, "\n", &one);
    }
    if (apr_file_write(target->file, line, &done) != APR_SUCCESS) {
        done = 0;
    }
    if (done > 0 && done < len) {
        apr_atomic_set32(&target->torn, 1); /* the disk is full */
    }
    return done == len;
}

static void write_line(target_t *target, char *line, apr_size_t len,
                       const server_rec *s)
{
    apr_uint32_t lost;

    if (put(target, line, len)) {
        smart_count(smart_process.shared.counters, SMART_COUNT_AUDIT);
        return;
    }
    smart_count(smart_process.shared.counters, SMART_COUNT_AUDIT_LOST);
    apr_atomic_inc32(&target->lost);
    if (smart_once_a_minute(&target->minute)) {
        lost = apr_atomic_xchg32(&target->lost, 0);
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "SMART0802: " SMART_DIR_AUDIT_LOG " %s takes no more: %u "
                     "lines lost by this process since this was last said",
                     target->name, lost);
    }
}

/* The last decision about what the client asked for. */
static const smart_context_t *decided(request_rec *r)
{
    const smart_context_t *found = NULL;

    for (; r; r = r->next) {
        const smart_context_t *ctx =
            ap_get_module_config(r->request_config, &smart_module);

        if (ctx && !smart_is_error_page(r)) {
            found = ctx;
        }
    }
    return found;
}

int smart_audit_log_transaction(request_rec *r)
{
    request_rec *last = r;
    const smart_context_t *ctx;
    const smart_dir_conf_t *conf;
    smart_audit_line_t line;
    char text[SMART_AUDIT_MAX];

    if (apr_hash_count(audit.targets) == 0) {
        return DECLINED;
    }
    while (r->prev) {
        r = r->prev;
    }
    while (last->next) {
        last = last->next;
    }
    ctx = decided(r);
    if (!ctx) {
        return DECLINED;
    }
    conf = ap_get_module_config(ctx->r->per_dir_config, &smart_module);
    if (conf->audit && conf->audit->target) {
        fill(&line, ctx, conf->audit, r, last);
        write_line(conf->audit->target, text, smart_audit_write(&line, text),
                   r->server);
    }
    return DECLINED;
}
