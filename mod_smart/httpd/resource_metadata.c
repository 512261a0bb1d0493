/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resource_metadata.c: RFC 9728, for clients that start from a 401.
 *
 * The path is that of the host, with that of the base behind it, so it is
 * outside of the base's section: found before mod_proxy and mod_alias
 * translate it, and served by a handler of its own. Below a base at the root
 * it is public, as smart-configuration is.
 *
 * The base's path is that of this server or that of SmartPublicURL: what is in
 * front may map one to the other, or not.
 */
#include "httpd/discovery.h"
#include "httpd/request.h"

#include <http_core.h>
#include <http_request.h>

#include <apr_strings.h>

#include "core/outcome.h"

#define PREFIX     "/.well-known/oauth-protected-resource"
#define PREFIX_LEN (sizeof(PREFIX) - 1)

#define RETRY_AFTER "5" /* seconds */

/* r->filename of these requests: it can not be a file or a proxy's target. */
static char marker[] = "smart:resource-metadata";
static const char handler_name[] = "smart-resource-metadata";

bool smart_resource_is(const request_rec *r)
{
    return r->filename && *r->filename == *marker &&
           strcmp(r->filename, marker) == 0;
}

/* Of an URL: what is behind the host, "" or "/fhir". */
static const char *path_of(const char *url)
{
    const char *host = strstr(url, "://");

    host = host ? host + 3 : url;
    return host + strcspn(host, "/");
}

const char *smart_resource_url(const smart_location_t *l, apr_pool_t *p)
{
    const char *path;

    if (!l || !smart_publication_ready(l->publication)) {
        return NULL;
    }
    path = path_of(l->public_url);
    return apr_pstrcat(
        p, apr_pstrmemdup(p, l->public_url, (apr_size_t)(path - l->public_url)),
        PREFIX, path, NULL);
}

static bool same_path(smart_slice_t a, const char *b)
{
    return smart_slice_is(a, b);
}

/* The location whose metadata a path is for; NULL: none. */
static const smart_location_t *location_of(request_rec *r)
{
    const smart_server_conf_t *conf =
        ap_get_module_config(r->server->module_config, &smart_module);
    smart_slice_t rest;
    int i;

    if (!r->uri || strncmp(r->uri, PREFIX, PREFIX_LEN) != 0 ||
        (r->uri[PREFIX_LEN] && r->uri[PREFIX_LEN] != '/')) {
        return NULL;
    }
    rest = smart_slice(r->uri + PREFIX_LEN);
    if (rest.len > 0 && rest.ptr[rest.len - 1] == '/') {
        rest.len--;
    }
    for (i = 0; i < conf->base_count; i++) {
        const smart_location_t *l = smart_location_of_base(r, &conf->bases[i]);

        if (l && l->publication &&
            (same_path(rest, l->base) ||
             same_path(rest, path_of(l->public_url)))) {
            return l;
        }
    }
    return NULL;
}

int smart_resource_translate_name(request_rec *r)
{
    if (!location_of(r)) {
        return DECLINED;
    }
    r->filename = marker;
    return OK;
}

/* There is no file to walk to, and none to echo (TRACE). */
int smart_resource_map_to_storage(request_rec *r)
{
    if (!smart_resource_is(r)) {
        return DECLINED;
    }
    r->handler = handler_name;
    return OK;
}

static int refuse_method(request_rec *r)
{
    ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, -1); /* and HEAD */
    return HTTP_METHOD_NOT_ALLOWED;
}

static int refuse_now(request_rec *r)
{
    apr_table_setn(r->err_headers_out, "Access-Control-Allow-Origin", "*");
    apr_table_setn(r->err_headers_out, "Retry-After", RETRY_AFTER);
    return HTTP_SERVICE_UNAVAILABLE;
}

int smart_resource_handler(request_rec *r)
{
    const smart_location_t *l;
    smart_discovery_t d;

    if (!smart_resource_is(r)) {
        return DECLINED;
    }
    l = location_of(r);
    if (!l) {
        return HTTP_NOT_FOUND;
    }
    if (r->method_number != M_GET) {
        return refuse_method(r);
    }
    if (!smart_publication_get(l->publication, r->pool, &d)) {
        return refuse_now(r);
    }
    return smart_discovery_send(
        r, smart_discovery_resource(&d, l->public_url, r->pool));
}
