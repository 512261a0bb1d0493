/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c: options or lines of JSON -> questions.
 */
#include "explain.h"

#include <stdio.h>
#include <stdlib.h>

#include <apr_general.h>
#include <apr_strings.h>

#define MAX_FILE 16777216 /* bytes of a line or a file */

static const char usage[] =
    "usage: smart-explain [OPTION]... METHOD URL     URL below the base\n"
    "       smart-explain --batch                    a question a line\n"
    "\n"
    "Says whether mod_smart permits a request, by which scope, what it would\n"
    "still have to do for it, and which scopes were ignored.\n"
    "\n"
    "the token (none without --scope)\n"
    "  --scope SCOPES         may be repeated\n"
    "  --patient ID           claims of the token\n"
    "  --fhirUser REFERENCE\n"
    "the request\n"
    "  --header 'NAME: VALUE' may be repeated\n"
    "  --form TEXT            body of a POST on _search\n"
    "a resource: is it covered?\n"
    "  --resource FILE        JSON; - is standard input\n"
    "  --letter r|s|c|u|d     to be read, found, created ...; by the request\n"
    "the configuration\n"
    "  --version R4|R4B|R5            SmartFhirVersion\n"
    "  --base URL                     SmartPublicURL\n"
    "  --compartment formal|subject|off   SmartPatientCompartment\n"
    "  --param TYPE:PARAMETER         SmartCompartmentParam\n"
    "  --share '[+-]TYPE...'          SmartSharedTypes\n"
    "  --smartFhirUser required|optional\n"
    "  --rule RULE                    SmartRule, may be repeated\n"
    "the answer\n"
    "  --json                 as one line of JSON\n"
    "\n"
    "--batch reads objects of JSON with these names (and method, url; header\n"
    "may be an object called headers, resource an object; lists repeat), and\n"
    "writes a line of JSON for each. Exit status: 0 permit, 1 deny, 2 error;\n"
    "of --batch 0.\n";

static int stop(const char *text)
{
    fprintf(stderr, "smart-explain: %s\n", text);
    return 2;
}

/* All of a file; NULL: it can not be read, or is too large. */
static const char *slurp(const char *path, apr_pool_t *p)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    char *text = malloc(MAX_FILE + 1);
    const char *out = NULL;
    size_t len;

    if (f && text) {
        len = fread(text, 1, MAX_FILE + 1, f);
        if (len <= MAX_FILE && !ferror(f)) {
            out = apr_pstrmemdup(p, text, len);
        }
    }
    if (f && f != stdin) {
        fclose(f);
    }
    free(text);
    return out;
}

static void answer_line(const char *text, size_t len, apr_pool_t *p)
{
    explain_question_t q;
    const char *error;

    explain_question_init(&q, p);
    error = explain_question_read(&q, smart_slice_n(text, len), p);
    if (error) {
        printf("{\"error\":%s}\n", explain_quoted(error, p));
    }
    else {
        printf("%s\n", explain_answer_json(&q, p));
    }
    fflush(stdout);
}

static int batch(apr_pool_t *parent)
{
    char *text = NULL;
    size_t size = 0;
    ssize_t len;
    apr_pool_t *p;

    apr_pool_create(&p, parent);
    while ((len = getline(&text, &size, stdin)) > 0 && len <= MAX_FILE) {
        answer_line(text, (size_t)len - (text[len - 1] == '\n'), p);
        apr_pool_clear(p);
    }
    free(text);
    return ferror(stdin) || len > MAX_FILE ? stop("a line is too long") : 0;
}

static const char *option(explain_question_t *q, const char *name,
                          const char *value, apr_pool_t *p)
{
    if (!value) {
        return apr_psprintf(p, "--%s: there is no value", name);
    }
    if (strcmp(name, "resource") == 0) {
        value = slurp(value, p);
        if (!value) {
            return "the resource can not be read";
        }
    }
    return explain_question_set(q, name, value, p);
}

static int one(int argc, const char *const *argv, apr_pool_t *p)
{
    explain_question_t q;
    const char *error, *out;
    bool json = false;
    int n = 1;

    explain_question_init(&q, p);
    for (; n < argc && strncmp(argv[n], "--", 2) == 0; n++) {
        if (strcmp(argv[n], "--json") == 0) {
            json = true;
            continue;
        }
        error = option(&q, argv[n] + 2, n + 1 < argc ? argv[n + 1] : NULL, p);
        if (error) {
            return stop(error);
        }
        n++;
    }
    if (argc - n != 2) {
        fputs(usage, stderr);
        return 2;
    }
    q.method = argv[n];
    q.url = argv[n + 1];
    out = json ? explain_answer_json(&q, p) : explain_answer_text(&q, p);
    printf(json ? "%s\n" : "%s", out);
    if (strncmp(out, json ? "{\"error" : "error", json ? 7 : 5) == 0) {
        return 2;
    }
    return strncmp(out, json ? "{\"decision\":\"permit" : "permit",
                   json ? 19 : 6) != 0;
}

int main(int argc, const char *const *argv)
{
    apr_pool_t *p;
    int status;

    if (apr_initialize() != APR_SUCCESS ||
        apr_pool_create(&p, NULL) != APR_SUCCESS) {
        return stop("out of memory");
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        status = 0;
    }
    else {
        status = argc == 2 && strcmp(argv[1], "--batch") == 0
                     ? batch(p)
                     : one(argc, argv, p);
    }
    apr_pool_destroy(p);
    apr_terminate();
    return status;
}
