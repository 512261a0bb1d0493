/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata.c: one GET, and what its answer has to be.
 */
#include "io/metadata.h"

#include <apr_strings.h>

#include "core/json.h"
#include "io/introspection.h"

#define JSON_TYPE "application/json"

/* NULL: it is what we asked for. */
static const char *answer_fault(const smart_http_response_t *resp,
                                apr_pool_t *p)
{
    const smart_json_t *json;
    const char *why;
    bool object;

    if (resp->status != 200) {
        return apr_psprintf(p, "status %d", resp->status);
    }
    if (!smart_http_is_type(resp->content_type, JSON_TYPE)) {
        return "the media type is not " JSON_TYPE;
    }
    if (smart_json_read(resp->body, p, &json, &why) != SMART_JSON_READ) {
        return why;
    }
    object = smart_json_kind(json) == SMART_JSON_OBJECT;
    smart_json_close(json, p);
    return object ? NULL : "it is no object";
}

bool smart_metadata_fetch(smart_http_t *http,
                          const smart_metadata_source_t *source, apr_pool_t *p,
                          smart_slice_t *ptext, const char **pwhy)
{
    const smart_http_request_t req = {
        .url = source->url,
        .accept = JSON_TYPE,
        .ca_file = source->ca_file,
        .connect_timeout_ms = source->connect_timeout_ms,
        .total_timeout_ms = source->total_timeout_ms,
        .max_bytes = source->max_bytes,
    };
    smart_http_response_t resp;
    const char *fault;

    *ptext = smart_slice_n(NULL, 0);
    if (!smart_endpoint_url_ok(source->url, p, pwhy)) {
        return false;
    }
    if (smart_http_get(http, &req, p, &resp) != APR_SUCCESS) {
        *pwhy = resp.detail;
        return false;
    }
    fault = answer_fault(&resp, p);
    *pwhy = fault ? fault : "";
    if (!fault) {
        *ptext = resp.body;
    }
    return !fault;
}
