/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accept.h: how much a client likes a media type (RFC 9110 12.5.1): by the most
 * specific range that has it, "text/html" before "text" followed by "/" and a
 * star before two stars.
 *
 * Parameters other than q are not compared: a range with one is as good as one
 * without. What is malformed is skipped up to the next comma.
 */
#ifndef SMART_ACCEPT_H
#define SMART_ACCEPT_H

#include "core/base.h"

/**
 * Quality of a media type for a client.
 * @param accept  the field; NULL: there is none, all is liked alike
 * @param type    "text", in lower case
 * @param subtype "html", the same
 * @return 0 (not acceptable) to 1000
 */
unsigned smart_accept_quality(const char *accept, const char *type,
                              const char *subtype);

#endif
