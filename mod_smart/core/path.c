/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path.c: one pass over a path.
 */
#include "core/path.h"

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9');
}

static bool is_path_byte(char c)
{
    return is_alnum(c) || c == '.' || c == '_' || c == '$' || c == '-';
}

/* What is wrong with a segment; NULL: nothing. */
static const char *segment_fault(smart_slice_t segment, bool star_allowed)
{
    apr_size_t i;

    if (segment.len == 0) {
        return "an empty path segment";
    }
    if (smart_slice_is(segment, ".") || smart_slice_is(segment, "..")) {
        return "a dot segment in the path";
    }
    if (star_allowed && smart_slice_is(segment, "*")) {
        return NULL;
    }
    for (i = 0; i < segment.len; i++) {
        if (!is_path_byte(segment.ptr[i])) {
            return "a byte that must not stand in the path";
        }
    }
    return NULL;
}

static smart_slice_t first_segment(smart_slice_t rest)
{
    const char *const slash = memchr(rest.ptr, '/', rest.len);

    return smart_slice_n(rest.ptr,
                         slash ? (apr_size_t)(slash - rest.ptr) : rest.len);
}

static const char *segments_read(smart_slice_t rest, smart_path_t *path)
{
    while (rest.len > 0) {
        const smart_slice_t segment = first_segment(rest);
        /* with its slash, if it has one */
        const apr_size_t used = segment.len + (segment.len < rest.len);
        const char *const why =
            segment_fault(segment, path->count == 2 && used == rest.len);

        if (why) {
            return why;
        }
        if (path->count < SMART_PATH_MAX_SEGMENTS) {
            path->segments[path->count] = segment;
        }
        path->count++;
        rest = smart_slice_n(rest.ptr + used, rest.len - used);
    }
    return NULL;
}

bool smart_path_read(smart_slice_t raw, smart_path_t *ppath, const char **pwhy)
{
    memset(ppath, 0, sizeof(*ppath));
    *pwhy = NULL;
    if (raw.len == 0) {
        return true;
    }
    if (raw.ptr[0] != '/') {
        *pwhy = "a path that does not begin with a slash";
        return false;
    }
    *pwhy = segments_read(smart_slice_n(raw.ptr + 1, raw.len - 1), ppath);
    if (*pwhy) {
        memset(ppath, 0, sizeof(*ppath));
    }
    return *pwhy == NULL;
}

bool smart_path_is_id(smart_slice_t text)
{
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        if (!is_alnum(text.ptr[i]) && text.ptr[i] != '-' &&
            text.ptr[i] != '.') {
            return false;
        }
    }
    return text.len > 0 && text.len <= SMART_MAX_ID;
}

bool smart_path_is_operation(smart_slice_t text)
{
    apr_size_t i;

    if (text.len < 2 || text.ptr[0] != '$' || text.ptr[1] < 'a' ||
        text.ptr[1] > 'z') {
        return false;
    }
    for (i = 2; i < text.len; i++) {
        if (!is_alnum(text.ptr[i]) && text.ptr[i] != '-') {
            return false;
        }
    }
    return true;
}
