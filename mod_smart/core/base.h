/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base.h: words every floor shares: slices of input, permission letters,
 * limits, assertions.
 *
 * Invariant: in every enum and out-parameter of this project zero means the
 * safe thing (deny, unknown, none), so a value nobody set never permits.
 */
#ifndef SMART_BASE_H
#define SMART_BASE_H

#include <stdbool.h>
#include <string.h>

#include <apr.h>
#include <apr_pools.h>

/** A piece of text that somebody else owns; need not be NUL-terminated. */
typedef struct smart_slice_t {
    const char *ptr; /* first byte; may be NULL when len is 0 */
    apr_size_t len;  /* bytes */
} smart_slice_t;

/** A resource type: one number for all versions (core/fhir.h), 0 = none. */
typedef apr_uint16_t smart_type_t;
#define SMART_TYPE_NONE ((smart_type_t)0)
#define SMART_TYPE_ANY  ((smart_type_t)0xFFFF) /* "*" in a scope or rule */

/** A set of SMART v2 permission letters. */
typedef unsigned char smart_letters_t;
#define SMART_LETTER_C ((smart_letters_t)0x01) /* create */
#define SMART_LETTER_R ((smart_letters_t)0x02) /* read */
#define SMART_LETTER_U ((smart_letters_t)0x04) /* update */
#define SMART_LETTER_D ((smart_letters_t)0x08) /* delete */
#define SMART_LETTER_S ((smart_letters_t)0x10) /* search */

/* Limits. Everything read from outside has one. */
#define SMART_MAX_TOKEN  4096u   /* bytes of a bearer token */
#define SMART_MAX_ANSWER 262144u /* bytes of an introspection answer */
#define SMART_MAX_SCOPES 4096u   /* scopes in a token; beyond: unusable */
#define SMART_MAX_PARAMS 512u    /* parameters of one search */
#define SMART_MAX_ID     64u     /* bytes of a FHIR id (R4, id) */
#define SMART_MAX_TYPE   64u     /* bytes of a resource type name */

/*
 * Programming errors only, never client, server or administrator input.
 * Off in release builds: every use also has a safe value to fall back on.
 */
#ifdef SMART_DEBUG
#include <assert.h>
#define SMART_ASSERT(e) assert(e)
#else
#define SMART_ASSERT(e) ((void)0)
#endif

static inline smart_slice_t smart_slice(const char *s)
{
    smart_slice_t out = {s, s ? strlen(s) : 0};
    return out;
}

static inline smart_slice_t smart_slice_n(const char *s, apr_size_t n)
{
    smart_slice_t out = {s, n};
    return out;
}

static inline bool smart_slice_is(smart_slice_t a, const char *literal)
{
    return a.len == strlen(literal) &&
           (a.len == 0 || memcmp(a.ptr, literal, a.len) == 0);
}

static inline bool smart_slice_equal(smart_slice_t a, smart_slice_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

#endif
