/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8.h: one character of UTF-8, strictly: shortest form, no surrogates, none
 * beyond U+10FFFF. See RFC 3629 section 4.
 */
#ifndef SMART_UTF8_H
#define SMART_UTF8_H

#include "core/base.h"

/** Bytes of a character by its first one; 0: none begins so. */
static inline apr_size_t smart_utf8_size(char first)
{
    const unsigned char c = (unsigned char)first;

    return c < 0x80   ? 1
           : c < 0xc2 ? 0
           : c < 0xe0 ? 2
           : c < 0xf0 ? 3
           : c < 0xf5 ? 4
                      : 0;
}

/**
 * Bytes of the character that a text begins with.
 * @param left how many there are, at least one
 * @return 0: it is not UTF-8, or ends too early
 */
static inline apr_size_t smart_utf8(const char *text, apr_size_t left)
{
    const unsigned char *c = (const unsigned char *)text;
    const apr_size_t n = smart_utf8_size(*text);
    apr_size_t i;

    if (n > left) {
        return 0;
    }
    for (i = 1; i < n; i++) {
        if ((c[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
        (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f)) {
        return 0;
    }
    return n;
}

#endif
