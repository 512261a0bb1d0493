/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_node.h: what a JSON value is in memory. Private to core/json*.c.
 *
 * A tree has its own nodes: no two trees share one, and no node is twice in a
 * tree. Bytes may be shared, for they never change.
 */
#ifndef SMART_JSON_NODE_H
#define SMART_JSON_NODE_H

#include "core/json.h"

struct smart_json_t {
    apr_byte_t kind;    /* smart_json_e, never ABSENT */
    bool yes;           /* BOOLEAN: which */
    apr_uint32_t count; /* ARRAY, OBJECT: children */
    apr_uint32_t room;  /* ARRAY, OBJECT: of items */
    smart_slice_t name; /* of a member; NUL-terminated */
    union {
        smart_slice_t text;   /* STRING: decoded, NUL-terminated; NUMBER: as
                                 it came */
        smart_json_t **items; /* ARRAY, OBJECT; may be NULL when count is 0 */
    } u;
};

#endif
