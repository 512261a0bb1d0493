/* SPDX-License-Identifier: Apache-2.0 */
/*
 * media.c: the rows of media.h.
 */
#include "core/media.h"

#include <apr_cstr.h>

static const struct {
    const char *type;
    smart_media_e media;
} types[] = {
    {"application/x-www-form-urlencoded", SMART_MEDIA_FORM},
    {"application/fhir+json", SMART_MEDIA_JSON},
    {"application/json", SMART_MEDIA_JSON},
    {"application/json-patch+json", SMART_MEDIA_JSON_PATCH},
};

static bool same(smart_slice_t text, const char *word)
{
    return text.len == strlen(word) &&
           apr_cstr_casecmpn(text.ptr, word, text.len) == 0;
}

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

/* A word up to what can follow one, without the blanks behind it. */
static smart_slice_t take_word(const char **pat)
{
    const char *const start = *pat;
    const apr_size_t len = strcspn(start, " \t;=\"");

    *pat = start + len;
    return smart_slice_n(start, len);
}

/* What stands in quotes may not need them: no escapes are understood. */
static bool take_value(const char **pat, smart_slice_t *pvalue)
{
    const char *end;

    if (**pat != '"') {
        *pvalue = take_word(pat);
        return pvalue->len > 0;
    }
    end = strchr(*pat + 1, '"');
    if (!end) {
        return false;
    }
    *pvalue = smart_slice_n(*pat + 1, (apr_size_t)(end - *pat - 1));
    *pat = end + 1;
    return true;
}

static const char *version_text(smart_fhir_e v)
{
    switch (v) {
    case SMART_FHIR_NONE:
        break;
    case SMART_FHIR_R4:
        return "4.0";
    case SMART_FHIR_R4B:
        return "4.3";
    case SMART_FHIR_R5:
        return "5.0";
    }
    return "";
}

/* seen: bit per parameter that stood there already. */
static bool param_suits(smart_slice_t name, smart_slice_t value, smart_fhir_e v,
                        bool form, unsigned *seen)
{
    unsigned bit = 0;

    if (same(name, "charset") && same(value, "utf-8")) {
        bit = 1;
    }
    else if (!form && same(name, "fhirVersion") && value.len > 0 &&
             smart_slice_is(value, version_text(v))) {
        bit = 2;
    }
    if (!bit || (*seen & bit)) {
        return false;
    }
    *seen |= bit;
    return true;
}

static bool params_suit(const char *at, smart_fhir_e v, bool form)
{
    unsigned seen = 0;

    while (*(at = skip_blanks(at))) {
        smart_slice_t name, value;

        if (*at != ';') {
            return false;
        }
        at = skip_blanks(at + 1);
        name = take_word(&at);
        if (*at != '=') {
            return false;
        }
        at++;
        if (!take_value(&at, &value) ||
            !param_suits(name, value, v, form, &seen)) {
            return false;
        }
    }
    return true;
}

smart_media_e smart_media_of(const char *field, smart_fhir_e v)
{
    const char *at = field ? field : "";
    const smart_slice_t type = take_word(&at);
    apr_size_t i;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (same(type, types[i].type)) {
            return params_suit(at, v, types[i].media == SMART_MEDIA_FORM)
                       ? types[i].media
                       : SMART_MEDIA_OTHER;
        }
    }
    return SMART_MEDIA_OTHER;
}

bool smart_media_plain(const char *coding)
{
    return !coding || same(smart_slice(coding), "identity");
}
