/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hex.h: a hexadecimal digit, in either case, as in %2F and \u002f.
 */
#ifndef SMART_HEX_H
#define SMART_HEX_H

/** The value of a digit; -1: it is none. */
static inline int smart_hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

#endif
