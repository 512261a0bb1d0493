/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coverage.c: the bases of a request. The backend's is its address in the
 * configuration, which is the target of the request less what is below the
 * base.
 */
#include "httpd/coverage.h"

#include <apr_strings.h>

#define MOST_BACKENDS 2 /* with a default port, and without */

/* "http://host:80/fhir" of "proxy:http://host:80/fhir/Observation/1". */
static const char *backend_of(const smart_context_t *ctx)
{
    const request_rec *r = ctx->r;
    const char *url = ctx->permit.filename ? ctx->permit.filename : r->filename;
    const char *below = r->uri + ctx->location->base_len;
    apr_size_t n = strlen(below);
    apr_size_t len;

    if (!url || strncmp(url, "proxy:", 6) != 0) {
        return NULL;
    }
    url += 6;
    if (!strncmp(url, "unix:", 5)) {
        url = strchr(url, '|');
        if (!url++) {
            return NULL;
        }
    }
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0 &&
        strncmp(url, "h2", 2) != 0) {
        return NULL;
    }
    len = strcspn(url, "?");
    if (len >= n && !memcmp(url + len - n, below, n)) {
        len -= n;
    }
    while (len && url[len - 1] == '/') {
        len--;
    }
    return apr_pstrmemdup(r->pool, url, len);
}

/* The scheme as it is in URLs: h2 and h2c are protocols. */
static const char *with_http(const char *url, apr_pool_t *p)
{
    if (!strncmp(url, "h2://", 5)) {
        return apr_pstrcat(p, "https", url + 2, NULL);
    }
    if (!strncmp(url, "h2c://", 6)) {
        return apr_pstrcat(p, "http", url + 3, NULL);
    }
    return url;
}

/* Without ":80" or ":443"; NULL: it has no default port. */
static const char *without_port(const char *url, apr_pool_t *p)
{
    const char *host = strstr(url, "://") + 3;
    const char *path = host + strcspn(host, "/");
    const char *port = *url && url[4] == 's' ? ":443" : ":80";
    const apr_size_t n = strlen(port);

    if ((apr_size_t)(path - host) <= n || strncmp(path - n, port, n) != 0) {
        return NULL;
    }
    return apr_pstrcat(p, apr_pstrmemdup(p, url, (apr_size_t)(path - url) - n),
                       path, NULL);
}

const char *const *smart_request_backends(const smart_context_t *ctx)
{
    apr_pool_t *p = ctx->r->pool;
    const char **all = apr_pcalloc(p, (MOST_BACKENDS + 1) * sizeof(*all));
    const char *url = backend_of(ctx);

    if (url) {
        all[0] = with_http(url, p);
        all[1] = without_port(all[0], p);
    }
    return all;
}

smart_coverage_t smart_request_coverage(const smart_context_t *ctx)
{
    const smart_location_t *l = ctx->location;
    const char *const *backends = smart_request_backends(ctx);
    const char **urls =
        apr_pcalloc(ctx->r->pool, (MOST_BACKENDS + 2) * sizeof(*urls));
    smart_coverage_t c = {.policy = &l->policy, .grant = &ctx->grant};
    int n = 0;

    if (l->public_url) {
        urls[n++] = l->public_url;
    }
    while (*backends) {
        urls[n++] = *backends++;
    }
    c.bases.version = l->policy.version;
    c.bases.urls = urls;
    return c;
}
