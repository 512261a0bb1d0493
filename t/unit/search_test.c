/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search_test.c: which queries are well-formed, how names are taken apart, and
 * that what is written is what was understood.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "core/search.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static apr_pool_t *pool;

static int start(void **state)
{
    (void)state;
    apr_initialize();
    return apr_pool_create(&pool, NULL) != APR_SUCCESS;
}

static int stop(void **state)
{
    (void)state;
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}

static int clear(void **state)
{
    (void)state;
    apr_pool_clear(pool);
    return 0;
}

static const char *text_of(smart_slice_t s)
{
    return apr_pstrmemdup(pool, s.len ? s.ptr : "", s.len);
}

static apr_status_t free_copy(void *copy)
{
    free(copy);
    return APR_SUCCESS;
}

/* Parse from memory of exactly this size, so that reading on is noticed. */
static bool parse(const char *raw, apr_size_t len, smart_search_t *search)
{
    char *const copy = malloc(len ? len : 1);
    const char *why = "untouched";
    bool ok;

    assert_non_null(copy);
    memcpy(copy, raw, len);
    apr_pool_cleanup_register(pool, copy, free_copy, apr_pool_cleanup_null);
    ok = smart_search_parse(smart_slice_n(copy, len), pool, search, &why);
    assert_true(ok == (why == NULL));
    if (!ok) {
        assert_int_equal(search->count, 0);
        assert_false(search->changed);
    }
    return ok;
}

static bool parse_text(const char *raw, smart_search_t *search)
{
    return parse(raw, strlen(raw), search);
}

/* ---- what is well-formed ---- */

static void well_formed_has_a_malformed_twin(void **state)
{
    static const struct {
        const char *good, *bad;
    } rows[] = {
        {"a=1&b=2", "a=1;b=2"}, /* one separator only */
        {"a=1%3Bb", "a=1;b"},   /* escaped it is a value */
        {"patient=pat-1&amp=x", "patient=pat-1&amp;patient=pat-2"}, /* HTML */
        {"a=%2c", "a=%u002c"},                /* no such escape */
        {"a=%41", "a=%4"},                    /* cut off */
        {"a=%41", "a=%"},                     /* cut off before its digits */
        {"a=%4a", "a=%4g"},                   /* no hex digit */
        {"a=%4a", "a=%g4"},                   /* nor the first one */
        {"a=%4a", "a=% 4"},                   /* nor a blank */
        {"a=%20", "a=%00"},                   /* NUL */
        {"a=%20", "a=%1F"},                   /* control byte */
        {"a=%20", "a=%0a"},                   /* line feed */
        {"a=%20", "a=%09"},                   /* tab */
        {"a=%7E", "a=%7F"},                   /* DEL */
        {"%61=1", "%00=1"},                   /* in names as well */
        {"a=~", "a=\x7f"},                    /* raw DEL */
        {"a=+", "a= "},                       /* raw blank */
        {"a=b", "a=\tb"},                     /* raw tab */
        {"a=b", "a=b\r"},                     /* raw carriage return */
        {"a=%23", "a=#"},                     /* a fragment */
        {"a=%C3%A4", "a=\xC3\xA4"},           /* raw UTF-8 */
        {"a=%C3%A4", "a=%C3"},                /* half a sequence */
        {"a=%C3%A4", "a=%C3x%A4"},            /* torn */
        {"a=%C3%A4", "a=%A4"},                /* tail without head */
        {"a=%2F", "a=%C0%AF"},                /* overlong slash */
        {"a=%C2%80", "a=%C1%BF"},             /* overlong, two bytes */
        {"a=%E0%A0%80", "a=%E0%9F%BF"},       /* overlong, three bytes */
        {"a=%F0%90%80%80", "a=%F0%8F%BF%BF"}, /* overlong, four bytes */
        {"a=%ED%9F%BF", "a=%ED%A0%80"},       /* surrogate */
        {"a=%F4%8F%BF%BF", "a=%F4%90%80%80"}, /* beyond U+10FFFF */
        {"a=%F4%80%80%80", "a=%F5%80%80%80"}, /* no such head */
        {"a=%E2%82%AC", "a=%E2%82"},          /* cut off at the end */
        {"%C3%A4=1", "%C3=%A4"},              /* each half on its own */
        {"pat%C3%A4=1", "pat%C4=1"},          /* names are UTF-8 too */
        {"a=1", "=1"},                        /* a name */
        {"a=1&b", "a=1&=b"},                  /* also later */
        {"a", "="},                           /* nothing at all */
        {"patient=1", "patient:=1"},          /* empty modifier */
        {"patient=1", "patient.=1"},          /* empty chain */
        {"patient.x=1", ".x=1"},              /* empty base before a chain */
        {"a:x=1", ":x=1"},                    /* empty base */
        {"a.b.c=1", "a.b.=1"},                /* last link */
        {"a.b.c=1", "a..c=1"},                /* link between */
        {"a:T.b=1", "a:T.=1"},                /* after a modifier */
        {"a:T.b=1", "a:.b=1"},                /* modifier before a chain */
        {"_has:A:b:c=1", "_has:=1"},          /* also of the families */
        {"patient=1", "patient%3A=1"},        /* escapes hide nothing */
        {"patient=1", "patient%2e=1"},
    };
    smart_search_t search;
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(rows); i++) {
        if (!parse_text(rows[i].good, &search)) {
            fail_msg("malformed: %s", rows[i].good);
        }
        if (parse_text(rows[i].bad, &search)) {
            fail_msg("well-formed: %s", rows[i].bad);
        }
    }
}

/* What stands behind the query, or was left in memory, is not looked at. */
static void nothing_is_read_beyond_the_end(void **state)
{
    smart_search_t s;
    const char *why;
    int i;

    (void)state;
    assert_true(smart_search_parse(smart_slice("a=%41"), pool, &s, &why));
    assert_false(smart_search_parse(smart_slice_n("a=%41", 4), pool, &s, &why));
    assert_false(smart_search_parse(smart_slice_n("a=%41", 3), pool, &s, &why));
    apr_pool_clear(pool);
    for (i = 0; i < 64; i++) {
        memset(apr_palloc(pool, 64), 0xA4, 64); /* tails of UTF-8 */
    }
    apr_pool_clear(pool);
    assert_false(smart_search_parse(smart_slice("a=%C3"), pool, &s, &why));
}

static void every_raw_byte_has_one_fate(void **state)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        "-._~!$'()*,=:@/?+&";
    static const char loose[] = "|[]{}\"<>^`\\";
    int c;

    (void)state;
    for (c = 0; c < 256; c++) {
        const char raw[] = {'n', '=', 'a', (char)c, 'b'};
        smart_search_t search;
        const bool ok = parse(raw, sizeof(raw), &search);

        if (c && strchr(plain, c)) {
            assert_true(ok);
            assert_false(search.changed);
        }
        else if (c && strchr(loose, c)) {
            assert_true(ok);
            assert_true(search.changed);
            assert_string_equal(smart_search_write(&search, pool),
                                apr_psprintf(pool, "n=a%%%02Xb", c));
            assert_int_equal(search.params[0].value.ptr[1], c);
        }
        else {
            assert_false(ok);
        }
    }
}

/* ---- names ---- */

static void names_are_split(void **state)
{
    static const struct {
        const char *raw, *base, *modifier, *chain, *value;
    } rows[] = {
        {"code=1", "code", "", "", "1"},
        {"code", "code", "", "", ""},           /* no value */
        {"code=", "code", "", "", ""},          /* an empty one */
        {"code=a=b", "code", "", "", "a=b"},    /* the first "=" counts */
        {"code:not=1", "code", "not", "", "1"}, /* modifier */
        {"subject.name=x", "subject", "", "name", "x"},
        {"subject:Patient.name=x", "subject", "Patient", "name", "x"},
        {"patient:Patient.organization.name=x", "patient", "Patient",
         "organization.name", "x"},
        {"subject.name:exact=x", "subject", "", "name:exact", "x"},
        {"subject:Patient.name:exact=x", "subject", "Patient", "name:exact",
         "x"},
        {"_has:Observation:patient:code=x", "_has", "Observation:patient:code",
         "", "x"},
        {"_has:Observation:patient:subject.name=x", "_has",
         "Observation:patient:subject.name", "", "x"}, /* kept whole */
        {"_has:Observation:patient:_has:AuditEvent:entity:agent=x", "_has",
         "Observation:patient:_has:AuditEvent:entity:agent", "", "x"},
        {"_include=Observation:subject", "_include", "", "",
         "Observation:subject"},
        {"_include:iterate=A:b", "_include", "iterate", "", "A:b"},
        {"_include:a.b=A:b", "_include", "a.b", "", "A:b"}, /* kept whole */
        {"_revinclude:a.b=A:b", "_revinclude", "a.b", "", "A:b"},
        {"_revinclude:recurse=A:b", "_revinclude", "recurse", "", "A:b"},
        {"_hash:A.b=x", "_hash", "A", "b", "x"}, /* no family */
        {"_inclu%64e=A:b", "_include", "", "", "A:b"},
        {"%5Finclude%3aiterate=A:b", "_include", "iterate", "", "A:b"},
        {"subject%2Ename=x", "subject", "", "name", "x"},
        {"Patient=x", "Patient", "", "", "x"}, /* case is kept */
        {"pat%C4%B1ent=x",
         "pat\xC4\xB1"
         "ent",
         "", "", "x"}, /* dotless i */
        {"code=a+b%20c%2Bd", "code", "", "", "a b c+d"},
        {"code=x%26y%3Dz", "code", "", "", "x&y=z"},
        {"a+b=c", "a b", "", "", "c"},
        {"code=http://loinc.org|1-2", "code", "", "", "http://loinc.org|1-2"},
        {"q=a\\,b", "q", "", "", "a\\,b"}, /* FHIR's escape */
    };
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(rows); i++) {
        smart_search_t s;

        if (!parse_text(rows[i].raw, &s) || s.count != 1) {
            fail_msg("%s", rows[i].raw);
        }
        assert_string_equal(text_of(s.params[0].base), rows[i].base);
        assert_string_equal(text_of(s.params[0].modifier), rows[i].modifier);
        assert_string_equal(text_of(s.params[0].chain), rows[i].chain);
        assert_string_equal(text_of(s.params[0].value), rows[i].value);
    }
}

/* ---- writing ---- */

static void writing_changes_only_what_must(void **state)
{
    static const struct {
        const char *raw, *written;
        bool changed;
    } rows[] = {
        {"", "", false},
        {"a=1&b=2", "a=1&b=2", false},
        {"a&b=", "a&b=", false},                 /* with and without "=" */
        {"a=%2c%2C+%20", "a=%2c%2C+%20", false}, /* values stay raw */
        {"b=2&a=1&b=2", "b=2&a=1&b=2", false},   /* order, repetition */
        {"&a=1", "a=1", true},                   /* empty pairs go */
        {"a=1&", "a=1", true},
        {"a=1&&b=2", "a=1&b=2", true},
        {"&", "", true},
        {"&&&", "", true},
        {"%61=%62", "a=%62", true}, /* name only */
        {"a%20b=1", "a%20b=1", false},
        {"a+b=1", "a%20b=1", true}, /* "+" in names: ambiguous */
        {"a%2Bb=1", "a%2Bb=1", false},
        {"a%26b%3Dc=1", "a%26b%3Dc=1", false}, /* stays one name */
        {"a%25x=1", "a%25x=1", false},         /* not decoded twice */
        {"a%c3%a4=1", "a%C3%A4=1", true},
        {"a=s|c", "a=s%7Cc", true},         /* value only */
        {"a=%2cs|c+", "a=%2cs%7Cc+", true}, /* the rest as it was */
        {"a[]=1", "a%5B%5D=1", true},
        {"%61=&b=1", "a=&b=1", true}, /* keeps it */
        {"%61&b=1", "a&b=1", true},   /* gets no "=" */
    };
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(rows); i++) {
        smart_search_t s;

        assert_true(parse_text(rows[i].raw, &s));
        assert_string_equal(smart_search_write(&s, pool), rows[i].written);
        assert_int_equal(s.changed, rows[i].changed);
    }
}

static bool same(smart_slice_t a, smart_slice_t b)
{
    return smart_slice_equal(a, b);
}

static void assert_same(const smart_search_t *a, const smart_search_t *b)
{
    int i;

    assert_int_equal(a->count, b->count);
    for (i = 0; i < a->count; i++) {
        const smart_search_param_t *const x = &a->params[i];
        const smart_search_param_t *const y = &b->params[i];

        assert_true(same(x->raw, y->raw) && same(x->name, y->name) &&
                    same(x->base, y->base) && same(x->modifier, y->modifier) &&
                    same(x->chain, y->chain) && same(x->value, y->value));
    }
}

/* What is written reads the same, and is written the same again. */
static void assert_stable(const smart_search_t *s)
{
    const char *const written = smart_search_write(s, pool);
    smart_search_t again;

    assert_true(parse_text(written, &again));
    assert_false(again.changed);
    assert_same(s, &again);
    assert_string_equal(smart_search_write(&again, pool), written);
}

static void added_parameters_are_encoded(void **state)
{
    smart_search_t s, before;

    (void)state;
    assert_true(parse_text("a=1", &s));
    before = s;
    smart_search_add(&s, "subject:Patient", "p 1+2&3=4;5%|", pool);
    assert_true(smart_search_add(&s, "_id", "x,y", pool));
    assert_false(smart_search_add(&s, ".x", "y", pool));
    assert_true(s.changed);
    assert_string_equal(smart_search_write(&s, pool),
                        "a=1&subject:Patient=p%201%2B2%263%3D4%3B5%25%7C"
                        "&_id=x,y");
    assert_string_equal(text_of(s.params[1].modifier), "Patient");
    assert_stable(&s);
    /* a copy made before is what it was */
    assert_int_equal(before.count, 1);
    assert_string_equal(smart_search_write(&before, pool), "a=1");
}

static void adding_to_nothing(void **state)
{
    smart_search_t s;

    (void)state;
    assert_true(parse_text("", &s));
    smart_search_add(&s, "patient", "p", pool);
    assert_string_equal(smart_search_write(&s, pool), "patient=p");
    assert_stable(&s);
}

/* ---- limits ---- */

static const char *repeat(const char *part, unsigned n)
{
    const size_t len = strlen(part);
    char *const text = apr_palloc(pool, len * n + 1);
    unsigned i;

    for (i = 0; i < n; i++) {
        memcpy(text + i * len, part, len);
    }
    text[len * n] = '\0';
    return text;
}

static void parameters_are_limited(void **state)
{
    smart_search_t s;

    (void)state;
    assert_true(parse_text(repeat("a=1&", SMART_MAX_PARAMS), &s));
    assert_int_equal(s.count, SMART_MAX_PARAMS);
    assert_false(parse_text(repeat("a=1&", SMART_MAX_PARAMS + 1), &s));
    /* empty pairs do not count */
    assert_true(parse_text(repeat("&", 4 * SMART_MAX_PARAMS), &s));
    assert_int_equal(s.count, 0);
    assert_true(parse_text(apr_pstrcat(pool, repeat("&", 4 * SMART_MAX_PARAMS),
                                       repeat("a=1&", SMART_MAX_PARAMS), NULL),
                           &s));
    assert_int_equal(s.count, SMART_MAX_PARAMS);
}

/* ---- properties ---- */

static unsigned seed = 1;

static unsigned next_random(void)
{
    seed = seed * 1103515245u + 12345u;
    return seed >> 16 & 0x7fff;
}

/* Random text of bytes and pieces that mean something here. */
static apr_size_t random_query(char *out, apr_size_t room)
{
    static const char *const pieces[] = {
        "&",       "=",   ":",   ".", "%41", "%c3%a4", "%26",      "%3D",
        "%2e",     "%3A", "+",   "|", "\\",  "_has",   "_include", "subject",
        "Patient", "%25", "%2B", "a", "b",   "[",      "x"};
    const bool wild = next_random() % 8 == 0;
    apr_size_t len = 0;
    unsigned n = next_random() % 24;

    while (n-- > 0) {
        const char *const piece = pieces[next_random() % COUNT(pieces)];

        if (len + strlen(piece) + 1 > room) {
            break;
        }
        if (wild && next_random() % 4 == 0) {
            out[len++] = (char)next_random();
        }
        else {
            memcpy(out + len, piece, strlen(piece));
            len += strlen(piece);
        }
    }
    return len;
}

static void what_is_written_is_what_was_understood(void **state)
{
    int good = 0, bad = 0;
    int i;

    (void)state;
    for (i = 0; i < 60000; i++) {
        char raw[256];
        const apr_size_t len = random_query(raw, sizeof(raw));
        smart_search_t s;

        apr_pool_clear(pool);
        if (!parse(raw, len, &s)) {
            bad++;
            continue;
        }
        good++;
        if (!s.changed) {
            assert_true(strlen(smart_search_write(&s, pool)) == len);
            assert_memory_equal(smart_search_write(&s, pool), raw, len);
        }
        if (next_random() % 4 == 0) {
            smart_search_add(&s, "n:m.o", "\xC3\xA4 v|", pool);
        }
        assert_stable(&s);
    }
    assert_true(good > 5000 && bad > 5000);
}

/* CPU seconds of this thread so far. */
static double cpu(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* CPU seconds of one parse and write, the best of several. */
static double cost(const char *raw)
{
    double best = 1e9;
    int i;

    for (i = 0; i < 5; i++) {
        smart_search_t s;
        const char *why;
        apr_pool_t *p;
        double begin, took;

        apr_pool_create(&p, pool);
        begin = cpu();
        smart_search_parse(smart_slice(raw), p, &s, &why);
        (void)smart_search_write(&s, p);
        took = cpu() - begin;
        best = took < best ? took : best;
        apr_pool_destroy(p);
    }
    return best;
}

/*
 * 32 times the length may cost 32 times as much; were it quadratic it would be
 * 1024 times. The limit leaves room for what else the machine does.
 */
static void work_grows_with_length(void **state)
{
    static const char *const parts[] = {"&", "a.", "a:", "%41",
                                        "|", "=",  "+",  "\\"};
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(parts); i++) {
        const char *const small =
            apr_pstrcat(pool, "x=1&n", repeat(parts[i], 20000), "a", NULL);
        const char *const large =
            apr_pstrcat(pool, "x=1&n", repeat(parts[i], 640000), "a", NULL);

        assert_true(cost(large) < 250 * cost(small) + 1e-4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(well_formed_has_a_malformed_twin, clear),
        cmocka_unit_test_teardown(nothing_is_read_beyond_the_end, clear),
        cmocka_unit_test_teardown(every_raw_byte_has_one_fate, clear),
        cmocka_unit_test_teardown(names_are_split, clear),
        cmocka_unit_test_teardown(writing_changes_only_what_must, clear),
        cmocka_unit_test_teardown(added_parameters_are_encoded, clear),
        cmocka_unit_test_teardown(adding_to_nothing, clear),
        cmocka_unit_test_teardown(parameters_are_limited, clear),
        cmocka_unit_test_teardown(what_is_written_is_what_was_understood,
                                  clear),
        cmocka_unit_test_teardown(work_grows_with_length, clear),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
