/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path.c: one pass over a path, four bytes at a time: it is on the path of
 * every request.
 */
#include "core/path.h"

/* What a byte can be part of; several bits for one that fits several. */
#define PART_OF_SEGMENT   0x01u
#define PART_OF_ID        0x02u
#define PART_OF_OPERATION 0x04u
#define PART_OF_ALL       (PART_OF_SEGMENT | PART_OF_ID | PART_OF_OPERATION)

/* Zero, for every byte not named: part of nothing. */
static const unsigned char parts_of[256] = {
    ['A' ... 'Z'] = PART_OF_ALL,
    ['a' ... 'z'] = PART_OF_ALL,
    ['0' ... '9'] = PART_OF_ALL,
    ['-'] = PART_OF_ALL,
    ['.'] = PART_OF_SEGMENT | PART_OF_ID,
    ['_'] = PART_OF_SEGMENT,
    ['$'] = PART_OF_SEGMENT,
};

static unsigned parts(char c)
{
    return parts_of[(unsigned char)c];
}

/* The bytes a segment can have; *pall: what all of them can be part of. */
static smart_slice_t segment_take(smart_slice_t rest, unsigned *pall)
{
    const char *at = rest.ptr;
    unsigned all = PART_OF_ALL;
    apr_size_t i;

    for (i = 0; i + 4 <= rest.len; i += 4) {
        const unsigned four = parts(at[i]) & parts(at[i + 1]) &
                              parts(at[i + 2]) & parts(at[i + 3]);

        if (!(four & PART_OF_SEGMENT)) {
            break;
        }
        all &= four;
    }
    for (; i < rest.len && (parts(at[i]) & PART_OF_SEGMENT); i++) {
        all &= parts(at[i]);
    }
    *pall = all;
    return smart_slice_n(rest.ptr, i);
}

/* What is wrong with a segment of len bytes; NULL: nothing. */
static const char *segment_fault(smart_slice_t rest, apr_size_t len)
{
    if (len < rest.len && rest.ptr[len] != '/') {
        return "a byte that must not stand in the path";
    }
    if (len == 0) {
        return "an empty path segment";
    }
    if (rest.ptr[0] == '.' && (len == 1 || (len == 2 && rest.ptr[1] == '.'))) {
        return "a dot segment in the path";
    }
    return NULL;
}

static bool is_last_star(smart_slice_t rest)
{
    return rest.ptr[0] == '*' &&
           (rest.len == 1 || (rest.len == 2 && rest.ptr[1] == '/'));
}

static void segment_keep(smart_path_t *path, smart_slice_t segment,
                         unsigned all)
{
    if (path->count < SMART_PATH_MAX_SEGMENTS) {
        path->segments[path->count] = segment;
        path->is_id[path->count] =
            (all & PART_OF_ID) && segment.len <= SMART_MAX_ID;
    }
    path->count++;
}

static const char *segments_read(smart_slice_t rest, smart_path_t *path)
{
    while (rest.len > 0) {
        unsigned all;
        smart_slice_t segment = segment_take(rest, &all);
        const char *const why = segment_fault(rest, segment.len);
        apr_size_t used;

        if (why && path->count == 2 && is_last_star(rest)) {
            segment.len = 1;
            all = 0;
        }
        else if (why) {
            return why;
        }
        segment_keep(path, segment, all);
        /* with its slash, if it has one */
        used = segment.len + (segment.len < rest.len);
        rest = smart_slice_n(rest.ptr + used, rest.len - used);
    }
    return NULL;
}

bool smart_path_read(smart_slice_t raw, smart_path_t *ppath, const char **pwhy)
{
    ppath->count = 0;
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
        ppath->count = 0;
    }
    return *pwhy == NULL;
}

bool smart_path_is_id(smart_slice_t text)
{
    apr_size_t i;

    if (text.len == 0 || text.len > SMART_MAX_ID) {
        return false;
    }
    for (i = 0; i < text.len && (parts(text.ptr[i]) & PART_OF_ID); i++) {
    }
    return i == text.len;
}

bool smart_path_is_operation(smart_slice_t text)
{
    apr_size_t i;

    if (text.len < 2 || text.ptr[0] != '$' || text.ptr[1] < 'a' ||
        text.ptr[1] > 'z') {
        return false;
    }
    for (i = 2; i < text.len && (parts(text.ptr[i]) & PART_OF_OPERATION); i++) {
    }
    return i == text.len;
}
