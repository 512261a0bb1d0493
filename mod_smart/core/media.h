/* SPDX-License-Identifier: Apache-2.0 */
/*
 * media.h: the media types of bodies that are looked into.
 *
 *   field     = type *( ";" parameter )      blanks around ";" are fine
 *   parameter = charset "=" utf-8 / fhirVersion "=" the version's own
 *               each at most once, names and charset in any case, values bare
 *               or in quotes
 *
 *   application/x-www-form-urlencoded            form, charset only
 *   application/fhir+json, application/json      JSON
 *   application/json-patch+json                  JSON Patch
 *
 * Invariant: everything else is none of these: other charsets change what the
 * bytes mean, and a list of two types is two opinions about one body.
 *
 * See RFC 9110 8.3; RFC 6902 6; FHIR R4 http.html, Content Types.
 */
#ifndef SMART_MEDIA_H
#define SMART_MEDIA_H

#include "core/base.h"
#include "core/fhir.h"

typedef enum {
    SMART_MEDIA_OTHER = 0,
    SMART_MEDIA_FORM,
    SMART_MEDIA_JSON,
    SMART_MEDIA_JSON_PATCH
} smart_media_e;

/**
 * Recognise a Content-Type.
 * @param field value of the field; NULL: there is none
 * @param v     version that fhirVersion must name
 */
smart_media_e smart_media_of(const char *field, smart_fhir_e v);

/** Whether a Content-Encoding leaves the bytes as they are. NULL: no field. */
bool smart_media_plain(const char *coding);

#endif
