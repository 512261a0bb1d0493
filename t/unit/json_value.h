/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_value.h: a JSON value of a text that the test wrote itself, in its
 * pool. Included behind cmocka.
 */
#ifndef JSON_VALUE_H
#define JSON_VALUE_H

#include "pool.h"

#include "core/json.h"

static inline const smart_json_t *value_of(const char *text)
{
    const smart_json_t *value;
    const char *why;

    if (smart_json_read(smart_slice(text), pool, &value, &why) !=
        SMART_JSON_READ) {
        fail_msg("%s: %s", text, why);
    }
    return value;
}

#endif
