/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grant_record.h: the bytes of a record; for grant_make.c, which writes them,
 * and grant.c, which trusts none of them.
 *
 *   +------+--------------------+---------------------------------------+
 *   | head | smart_scope_t      | texts, each followed by a NUL:        |
 *   |      | x scope_count      |   those of smart_grant_text_e         |
 *   | 40 B | 16 B each          |   aud         x aud_count             |
 *   |      |                    |   name, value x claim_count           |
 *   |      |                    |   constraints (constraint_len bytes)  |
 *   +------+--------------------+---------------------------------------+
 *
 * An absent text is its NUL alone. No text holds a control byte, so the NULs
 * say where each text begins: there are no offsets to be wrong. Constraints
 * of scopes are parts of the last text. All is in the byte order of the
 * machine; another one reads another layout and refuses.
 */
#ifndef SMART_GRANT_RECORD_H
#define SMART_GRANT_RECORD_H

#include "core/base.h"
#include "core/grant.h"
#include "core/path.h"

#define SMART_GRANT_MAX_TIME 253402300799 /* 9999-12-31T23:59:59Z */

typedef enum {
    SMART_GRANT_CLIENT_ID = 0,
    SMART_GRANT_SUB,
    SMART_GRANT_USERNAME,
    SMART_GRANT_ISS,
    SMART_GRANT_PATIENT,   /* an id, or empty */
    SMART_GRANT_ENCOUNTER, /* an id, or empty */
    SMART_GRANT_FHIR_USER, /* ends in "Patient/" id when user is PATIENT */
    SMART_GRANT_FHIR_CONTEXT,
    SMART_GRANT_TEXTS
} smart_grant_text_e;

#define SMART_GRANT_FLAG_BOUND 0x01u /* smart_grant_t.bound */
#define SMART_GRANT_FLAG_CUT   0x02u /* smart_grant_t.context_cut */
#define SMART_GRANT_FLAGS      0x03u /* no other is ever set */

typedef struct smart_grant_head_t {
    apr_uint32_t layout;         /* SMART_GRANT_LAYOUT */
    apr_uint32_t len;            /* bytes of the record */
    apr_int64_t exp;             /* 0: none */
    apr_int64_t nbf;             /* 0: none */
    apr_uint32_t aud_count;      /* texts */
    apr_uint32_t claim_count;    /* pairs of texts */
    apr_uint32_t constraint_len; /* bytes, without the NUL */
    apr_uint16_t scope_count;    /* at most SMART_MAX_SCOPES */
    apr_byte_t flags;            /* SMART_GRANT_FLAG_* */
    apr_byte_t user;             /* smart_user_e */
} smart_grant_head_t;

/** A FHIR id that no path resolution can mistake for a step. */
static inline bool smart_grant_is_id(smart_slice_t text)
{
    return smart_path_is_id(text) && !smart_slice_is(text, ".") &&
           !smart_slice_is(text, "..");
}

#endif
