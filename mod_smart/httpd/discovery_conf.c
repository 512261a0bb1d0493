/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discovery_conf.c: SmartDiscovery and SmartCapability.
 *
 *   SmartDiscovery metadata <url> | file <path> | off
 *   SmartCapability <name> ...
 *
 * A file is read here, once, and judged in location.c, where all capabilities
 * that are named for it are known.
 */
#include "httpd/directives.h"

#include <http_core.h>

#include <apr_cstr.h>
#include <apr_file_io.h>
#include <apr_strings.h>

#include "core/discovery.h"

#define MAX_FILE ((apr_off_t)65536) /* bytes; a large document has 4000 */

/* Contents of a file; error text or NULL. */
static const char *read_file(cmd_parms *cmd, const char *path,
                             smart_slice_t *ptext)
{
    apr_file_t *file;
    apr_finfo_t info;
    apr_status_t rv;
    char *text = NULL;

    rv = apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BINARY, 0,
                       cmd->temp_pool);
    if (rv != APR_SUCCESS) {
        return smart_bad_word(
            cmd, path,
            apr_psprintf(cmd->temp_pool, "can not be read: %pm", &rv));
    }
    rv = apr_file_info_get(&info, APR_FINFO_SIZE | APR_FINFO_TYPE, file);
    if (rv == APR_SUCCESS &&
        (info.filetype != APR_REG || info.size > MAX_FILE)) {
        apr_file_close(file);
        return smart_bad_word(cmd, path, "is no file of at most 65536 bytes");
    }
    if (rv == APR_SUCCESS) {
        text = apr_palloc(cmd->pool, (apr_size_t)info.size + 1);
        rv = info.size
                 ? apr_file_read_full(file, text, (apr_size_t)info.size, NULL)
                 : APR_SUCCESS;
    }
    apr_file_close(file);
    if (rv != APR_SUCCESS) {
        return smart_bad_word(cmd, path, "can not be read");
    }
    *ptext = smart_slice_n(text, (apr_size_t)info.size);
    return NULL;
}

static const char *set_metadata(cmd_parms *cmd, const char *url,
                                smart_dir_conf_t *conf)
{
    const char *fault;

    if (!smart_endpoint_url_ok(url, cmd->temp_pool, &fault)) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, ": \"", url,
                           "\": ", fault, NULL);
    }
    conf->discovery = SMART_DISCOVERY_CONF_METADATA;
    conf->discovery_from = url;
    return NULL;
}

static const char *set_file(cmd_parms *cmd, const char *word,
                            smart_dir_conf_t *conf)
{
    const char *path = ap_server_root_relative(cmd->pool, word);

    if (!path) {
        return smart_bad_word(cmd, word, "is no path");
    }
    conf->discovery = SMART_DISCOVERY_CONF_FILE;
    conf->discovery_from = path;
    return read_file(cmd, path, &conf->discovery_text);
}

const char *smart_set_discovery(cmd_parms *cmd, void *dir, const char *line)
{
    smart_dir_conf_t *conf = dir;
    const apr_array_header_t *words = smart_words(cmd->pool, line);
    const char *const *word = (const char *const *)words->elts;
    const char *error =
        smart_begin(cmd, conf, conf->discovery != SMART_DISCOVERY_CONF_UNSET);

    if (error) {
        return error;
    }
    if (words->nelts == 1 && apr_cstr_casecmp(word[0], "off") == 0) {
        conf->discovery = SMART_DISCOVERY_CONF_OFF;
        return NULL;
    }
    if (words->nelts == 2 && apr_cstr_casecmp(word[0], "metadata") == 0) {
        return set_metadata(cmd, word[1], conf);
    }
    if (words->nelts == 2 && apr_cstr_casecmp(word[0], "file") == 0) {
        return set_file(cmd, word[1], conf);
    }
    return apr_pstrcat(cmd->pool, cmd->cmd->name, ": \"", line,
                       "\" is not of the form ", cmd->cmd->errmsg, NULL);
}

/* A name or an URI, as it will stand in JSON. */
static const char *name_fault(const cmd_parms *cmd, const char *name)
{
    const char *c;

    for (c = name; *c; c++) {
        if (*c <= 0x20 || *c > 0x7E) {
            return smart_bad_word(cmd, name,
                                  "has a blank or a byte that is not printable "
                                  "ASCII");
        }
    }
    return *name ? NULL : smart_bad_word(cmd, name, "is empty");
}

const char *smart_add_capability(cmd_parms *cmd, void *dir, const char *line)
{
    smart_dir_conf_t *conf = dir;
    const apr_array_header_t *words = smart_words(cmd->pool, line);
    const char *error = smart_begin(cmd, conf, false);
    int i;

    if (!error && words->nelts == 0) {
        error = apr_pstrcat(cmd->pool, cmd->cmd->name, " is written ",
                            cmd->cmd->errmsg, NULL);
    }
    for (i = 0; !error && i < words->nelts; i++) {
        const char *name = APR_ARRAY_IDX(words, i, const char *);

        error = name_fault(cmd, name);
        if (!error && !smart_discovery_capability_known(name)) {
            smart_warn_line(cmd, apr_psprintf(cmd->temp_pool,
                                              "\"%s\" is no capability that "
                                              "SMART names, and no URI",
                                              name));
        }
        if (!conf->capabilities) {
            conf->capabilities =
                apr_array_make(cmd->pool, 4, sizeof(const char *));
        }
        APR_ARRAY_PUSH(conf->capabilities, const char *) = name;
    }
    return error;
}
