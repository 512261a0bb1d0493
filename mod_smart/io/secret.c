/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret.c: file, environment and program as sources of a secret (APR only).
 *
 * Each source ends in secret_accept(), which alone knows what a secret may
 * look like. Buffers that held a refused one are wiped before return.
 */
#include "io/secret.h"

#include <apr_env.h>
#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <apr_time.h>

#define LINE_ENDS   16u   /* trailing CR and LF put up with beyond max */
#define WAIT_STEP   10000 /* microseconds between looks for the exit */
#define READ_CHUNK  1024u /* bytes of a program's output read at once */
#define MAX_ALLOWED 65536u

void smart_secret_wipe(void *ptr, apr_size_t len)
{
    volatile unsigned char *b = ptr;

    while (len--) {
        *b++ = 0;
    }
}

/* What is wrong with text[0..len) as a secret, NULL if nothing. */
static const char *secret_fault(const char *text, apr_size_t len,
                                apr_size_t max)
{
    apr_size_t i;

    if (len == 0) {
        return "is empty";
    }
    if (len > max) {
        return "is too long";
    }
    for (i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            return "holds a control byte (line end, tab, NUL) inside";
        }
    }
    return NULL;
}

/* Trim and judge buf[0..len); buf has room for a NUL at buf[len]. */
static const char *secret_accept(char *buf, apr_size_t len, apr_size_t max,
                                 const char *source, apr_pool_t *p,
                                 const char **perror)
{
    const apr_size_t whole = len;
    const char *fault;

    while (len && (buf[len - 1] == '\n' || buf[len - 1] == '\r')) {
        len--;
    }
    fault = secret_fault(buf, len, max);
    if (fault) {
        smart_secret_wipe(buf, whole);
        *perror = apr_psprintf(p, "the secret in %s %s", source, fault);
        return NULL;
    }
    buf[len] = '\0';
    return buf;
}

static const char *secret_failed(const char *what, const char *source,
                                 apr_status_t rv, apr_pool_t *p,
                                 const char **perror)
{
    char why[120];

    *perror = apr_psprintf(p, "cannot %s %s: %s", what, source,
                           apr_strerror(rv, why, sizeof(why)));
    return NULL;
}

static bool others_may_touch(const apr_finfo_t *info)
{
    return (info->valid & APR_FINFO_PROT) &&
           (info->protection & (APR_FPROT_WREAD | APR_FPROT_WWRITE));
}

bool smart_secret_file_exposed(const char *path, apr_pool_t *p)
{
    apr_finfo_t info;

    return path && apr_stat(&info, path, APR_FINFO_PROT, p) == APR_SUCCESS &&
           others_may_touch(&info);
}

/* Read an open file to its end, at most cap bytes. */
static apr_status_t read_whole(apr_file_t *file, char *buf, apr_size_t cap,
                               apr_size_t *plen)
{
    apr_status_t rv = apr_file_read_full(file, buf, cap, plen);

    return APR_STATUS_IS_EOF(rv) ? APR_SUCCESS : rv;
}

static const char *secret_from_file(const char *path, apr_size_t max,
                                    apr_pool_t *p, bool *pexposed,
                                    const char **perror)
{
    const apr_size_t cap = max + LINE_ENDS;
    const char *source = apr_pstrcat(p, "file:", path, NULL);
    apr_file_t *file;
    apr_finfo_t info;
    apr_size_t len = 0;
    apr_status_t rv;
    char *buf;

    if (*path != '/') {
        *perror = apr_psprintf(p, "%s: the path must be absolute", source);
        return NULL;
    }
    /* Look before opening: opening a FIFO would wait for its writer. */
    rv = apr_stat(&info, path, APR_FINFO_TYPE, p);
    if (rv == APR_SUCCESS && info.filetype != APR_REG) {
        *perror = apr_psprintf(p, "%s is not a regular file", source);
        return NULL;
    }
    if (rv == APR_SUCCESS) {
        rv =
            apr_file_open(&file, path, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, p);
    }
    if (rv != APR_SUCCESS) {
        return secret_failed("read", source, rv, p, perror);
    }
    *pexposed = apr_file_info_get(&info, APR_FINFO_PROT, file) == APR_SUCCESS &&
                others_may_touch(&info);
    buf = apr_palloc(p, cap + 1);
    rv = read_whole(file, buf, cap, &len);
    apr_file_close(file);
    if (rv != APR_SUCCESS) {
        smart_secret_wipe(buf, len);
        return secret_failed("read", source, rv, p, perror);
    }
    return secret_accept(buf, len, max, source, p, perror);
}

static const char *secret_from_env(const char *name, apr_size_t max,
                                   apr_pool_t *p, const char **perror)
{
    const char *source = apr_pstrcat(p, "env:", name, NULL);
    char *value = NULL;

    if (*name == '\0' || strchr(name, '=')) {
        *perror = apr_psprintf(p, "%s names no variable", source);
        return NULL;
    }
    if (apr_env_get(&value, name, p) != APR_SUCCESS || !value) {
        *perror = apr_psprintf(p, "%s is not set in the environment of httpd",
                               source);
        return NULL;
    }
    value = apr_pstrdup(p, value);
    return secret_accept(value, strlen(value), max, source, p, perror);
}

/* Start argv with an empty stdin, its stdout readable from proc->out. */
static apr_status_t program_start(apr_proc_t *proc, const char *const *argv,
                                  apr_pool_t *p)
{
    apr_procattr_t *attr;
    apr_file_t *nothing;
    apr_status_t rv;

    rv = apr_procattr_create(&attr, p);
    if (rv == APR_SUCCESS) {
        rv = apr_procattr_io_set(attr, APR_NO_PIPE, APR_CHILD_BLOCK,
                                 APR_NO_PIPE);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_file_open(&nothing, "/dev/null", APR_FOPEN_READ,
                           APR_FPROT_OS_DEFAULT, p);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_procattr_child_in_set(attr, nothing, NULL);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_procattr_cmdtype_set(attr, APR_PROGRAM_ENV);
    }
    if (rv == APR_SUCCESS) {
        /* So that a missing program is told from one that failed. */
        rv = apr_procattr_error_check_set(attr, 1);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_proc_create(proc, argv[0], argv, NULL, attr, p);
    }
    return rv;
}

/*
 * Read a program's output to its end and keep the first line. The rest is
 * drained, not cut off: a program killed by SIGPIPE would look like a failure.
 */
static apr_status_t read_first_line(apr_file_t *out, apr_time_t deadline,
                                    char *buf, apr_size_t cap, apr_size_t *plen)
{
    char chunk[READ_CHUNK];
    bool ended = false;
    apr_status_t rv;

    do {
        const apr_time_t left = deadline - apr_time_now();
        apr_size_t n = sizeof(chunk);
        apr_size_t i;

        if (left <= 0) {
            rv = APR_TIMEUP;
            break;
        }
        apr_file_pipe_timeout_set(out, left);
        rv = apr_file_read(out, chunk, &n);
        for (i = 0; rv == APR_SUCCESS && i < n && !ended; i++) {
            if (chunk[i] == '\n') {
                ended = true;
            }
            else if (*plen < cap) {
                buf[(*plen)++] = chunk[i];
            }
        }
    } while (rv == APR_SUCCESS);
    smart_secret_wipe(chunk, sizeof(chunk));
    return APR_STATUS_IS_EOF(rv) ? APR_SUCCESS : rv;
}

/* Wait for the exit, kill at the deadline. True: exited by itself with 0. */
static bool program_ended_well(apr_proc_t *proc, apr_time_t deadline)
{
    int code = -1;
    apr_exit_why_e why = APR_PROC_SIGNAL;
    apr_status_t rv;

    while ((rv = apr_proc_wait(proc, &code, &why, APR_NOWAIT)) ==
           APR_CHILD_NOTDONE) {
        if (apr_time_now() >= deadline) {
            apr_proc_kill(proc, SIGKILL);
            apr_proc_wait(proc, &code, &why, APR_WAIT);
            return false;
        }
        apr_sleep(WAIT_STEP);
    }
    return rv == APR_CHILD_DONE && why == APR_PROC_EXIT && code == 0;
}

/* Run argv; its first line goes to buf. NULL or what went wrong. */
static const char *program_run(const char *const *argv, int timeout_ms,
                               char *buf, apr_size_t cap, apr_size_t *plen,
                               apr_pool_t *p)
{
    const apr_time_t start = apr_time_now();
    const apr_time_t deadline = start + (apr_time_t)timeout_ms * 1000;
    apr_proc_t proc;
    apr_status_t rv;

    rv = program_start(&proc, argv, p);
    if (rv != APR_SUCCESS) {
        return "cannot be started";
    }
    rv = read_first_line(proc.out, deadline, buf, cap, plen);
    apr_file_close(proc.out);
    if (!program_ended_well(&proc, rv == APR_SUCCESS ? deadline : start)) {
        return APR_STATUS_IS_TIMEUP(rv) || apr_time_now() >= deadline
                   ? "did not end in time"
                   : "failed (its exit status is not 0)";
    }
    return rv == APR_SUCCESS ? NULL : "cannot be read from";
}

const char *smart_secret_exec(const char *command, apr_size_t max,
                              int timeout_ms, apr_pool_t *p,
                              const char **perror)
{
    const apr_size_t cap = max + LINE_ENDS;
    const char *source;
    const char *fault;
    apr_pool_t *ptemp;
    apr_size_t len = 0;
    char **argv;
    char *buf;

    *perror = NULL;
    if (apr_tokenize_to_argv(command, &argv, p) != APR_SUCCESS ||
        argv[0] == NULL || argv[0][0] != '/' || max > MAX_ALLOWED) {
        *perror = "exec: needs the absolute path of a program";
        return NULL;
    }
    source = apr_pstrcat(p, "exec:", argv[0], NULL);
    buf = apr_palloc(p, cap + 1);
    apr_pool_create(&ptemp, p);
    fault = program_run((const char *const *)argv, timeout_ms, buf, cap, &len,
                        ptemp);
    apr_pool_destroy(ptemp);
    if (fault) {
        smart_secret_wipe(buf, len);
        *perror = apr_psprintf(p, "%s %s", source, fault);
        return NULL;
    }
    return secret_accept(buf, len, max, source, p, perror);
}

const char *smart_secret_load(const char *spec, apr_size_t max, apr_pool_t *p,
                              bool *pexposed, const char **perror)
{
    bool unused = false;

    pexposed = pexposed ? pexposed : &unused;
    *pexposed = false;
    *perror = NULL;
    if (spec && max <= MAX_ALLOWED) {
        if (strncmp(spec, "file:", 5) == 0) {
            return secret_from_file(spec + 5, max, p, pexposed, perror);
        }
        if (strncmp(spec, "env:", 4) == 0) {
            return secret_from_env(spec + 4, max, p, perror);
        }
        if (strncmp(spec, "exec:", 5) == 0) {
            return smart_secret_exec(spec + 5, max, SMART_SECRET_EXEC_MS, p,
                                     perror);
        }
    }
    /* The word itself is not shown: it may be the secret. */
    *perror = "a secret is given as file:<path>, env:<NAME> or "
              "exec:<program> [args], never as the secret itself";
    return NULL;
}
