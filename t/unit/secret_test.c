/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret_test.c: where a secret may come from, what it may look like, and
 * that no refusal shows one. Files live in a directory of their own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <apr_env.h>
#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <apr_time.h>

#include "io/log.h"
#include "io/secret.h"

#define MAX    16u
#define SECRET "s3cr3t"

static apr_pool_t *pool;
static char dir[] = "/tmp/smart_secret_XXXXXX";

static const char *file_with(const void *bytes, apr_size_t len, mode_t mode)
{
    const char *path = apr_pstrcat(pool, dir, "/secret", NULL);
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
    return apr_pstrcat(pool, "file:", path, NULL);
}

static const char *program_with(const char *text)
{
    const char *path = apr_pstrcat(pool, dir, "/program", NULL);
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    fprintf(f, "#!/bin/sh\n%s\n", text);
    fclose(f);
    assert_int_equal(chmod(path, 0700), 0);
    return path;
}

static void assert_loads(const char *spec, const char *expected)
{
    const char *error = "unset";
    const char *got = smart_secret_load(spec, MAX, pool, NULL, &error);

    assert_null(error);
    assert_non_null(got);
    assert_string_equal(got, expected);
}

static void assert_refuses(const char *spec, const char *because)
{
    const char *error = NULL;

    assert_null(smart_secret_load(spec, MAX, pool, NULL, &error));
    assert_non_null(error);
    assert_non_null(strstr(error, because));
    assert_null(strstr(error, SECRET));
}

static void file_gives_its_content_without_line_ends(void **state)
{
    (void)state;
    assert_loads(file_with(SECRET, 6, 0600), SECRET);
    assert_loads(file_with(SECRET "\n", 7, 0600), SECRET);
    assert_loads(file_with(SECRET "\r\n\n", 9, 0600), SECRET);
    assert_loads(file_with("a b\xc3\xa9=", 6, 0600), "a b\xc3\xa9=");
}

static void file_with_control_bytes_is_refused(void **state)
{
    (void)state;
    assert_refuses(file_with(SECRET "\0x", 8, 0600), "control byte");
    assert_refuses(file_with(SECRET "\nx", 8, 0600), "control byte");
    assert_refuses(file_with(SECRET "\tx", 8, 0600), "control byte");
    assert_refuses(file_with(SECRET "\x7f", 7, 0600), "control byte");
}

static void file_length_is_bounded_on_both_ends(void **state)
{
    (void)state;
    assert_refuses(file_with("", 0, 0600), "is empty");
    assert_refuses(file_with("\n\n", 2, 0600), "is empty");
    assert_loads(file_with("0123456789abcdef\n", 17, 0600), "0123456789abcdef");
    assert_refuses(file_with(SECRET "0123456789a", 17, 0600), "too long");
    assert_refuses(
        file_with(SECRET "0123456789012345678901234567890123456789", 46, 0600),
        "too long");
}

static void file_that_cannot_be_read_is_named(void **state)
{
    const char *fifo = apr_pstrcat(pool, dir, "/fifo", NULL);

    (void)state;
    assert_refuses("file:/nowhere/at/all", "file:/nowhere/at/all");
    assert_refuses("file:secret", "must be absolute");
    assert_refuses("file:", "must be absolute");
    assert_refuses(apr_pstrcat(pool, "file:", dir, NULL), "not a regular");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_refuses(apr_pstrcat(pool, "file:", fifo, NULL), "not a regular");
}

static void exposed_file_is_reported_but_read(void **state)
{
    const struct {
        mode_t mode;
        bool exposed;
    } rows[] = {{0600, false}, {0640, false}, {0644, true}, {0602, true}};
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *spec = file_with(SECRET, 6, rows[i].mode);
        const char *error;
        bool exposed = !rows[i].exposed;

        assert_non_null(smart_secret_load(spec, MAX, pool, &exposed, &error));
        assert_int_equal(exposed, rows[i].exposed);
        assert_int_equal(smart_secret_file_exposed(spec + 5, pool),
                         rows[i].exposed);
    }
    assert_false(smart_secret_file_exposed("/nowhere/at/all", pool));
}

static void env_gives_the_variable(void **state)
{
    (void)state;
    apr_env_set("SMART_TEST_SECRET", SECRET, pool);
    assert_loads("env:SMART_TEST_SECRET", SECRET);
    apr_env_set("SMART_TEST_SECRET", "", pool);
    assert_refuses("env:SMART_TEST_SECRET", "is empty");
    apr_env_delete("SMART_TEST_SECRET", pool);
    assert_refuses("env:SMART_TEST_SECRET", "env:SMART_TEST_SECRET is not set");
    assert_refuses("env:", "names no variable");
}

static void exec_gives_the_first_line(void **state)
{
    const char *echo = program_with("printf '%s\\n' \"$1\" second third");

    (void)state;
    assert_loads(apr_pstrcat(pool, "exec:", echo, " " SECRET, NULL), SECRET);
    assert_loads(apr_pstrcat(pool, "exec:", echo, " 'a b' c", NULL), "a b");
    /* Nothing of this reaches a shell of ours. */
    assert_loads(apr_pstrcat(pool, "exec:", echo, " $HOME;id", NULL),
                 "$HOME;id");
}

static void exec_drains_what_it_does_not_need(void **state)
{
    (void)state;
    program_with("echo " SECRET "; head -c 300000 /dev/zero; cat");
    assert_loads(apr_pstrcat(pool, "exec:", dir, "/program", NULL), SECRET);
}

static void exec_that_fails_gives_nothing(void **state)
{
    const char *path = program_with("echo " SECRET "; exit 3");
    const char *spec = apr_pstrcat(pool, "exec:", path, " arg-" SECRET, NULL);

    (void)state;
    assert_refuses(spec, "exit status");
    program_with("echo " SECRET "; kill -9 $$");
    assert_refuses(spec, "exit status");
    program_with("exit 0");
    assert_refuses(spec, "is empty");
    program_with("echo " SECRET "0123456789abc");
    assert_refuses(spec, "too long");
    assert_refuses("exec:/nowhere/at/all " SECRET, "cannot be started");
    assert_refuses("exec:program", "absolute path");
    assert_refuses("exec:", "absolute path");
}

static void exec_is_killed_when_it_takes_too_long(void **state)
{
    const char *const programs[] = {
        "exec sleep 30",                     /* silent, pipe open */
        "exec sleep 30 >/dev/null",          /* pipe closed, still there */
        "while :; do echo " SECRET "; done", /* never ends printing */
    };
    apr_size_t i;

    (void)state;
    for (i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        const char *path = program_with(programs[i]);
        const apr_time_t start = apr_time_now();
        const char *error = NULL;

        assert_null(smart_secret_exec(path, MAX, 200, pool, &error));
        assert_non_null(strstr(error, "did not end in time"));
        assert_true(apr_time_now() - start < apr_time_from_sec(3));
    }
}

static void bare_word_is_refused_without_being_shown(void **state)
{
    (void)state;
    assert_refuses(SECRET, "file:<path>, env:<NAME> or exec:<program>");
    assert_refuses("", "file:<path>");
    assert_refuses("FILE:/etc/" SECRET, "file:<path>");
    assert_refuses("vault:" SECRET, "file:<path>");
    assert_refuses(NULL, "file:<path>");
}

static void wipe_clears_every_byte(void **state)
{
    char buf[] = SECRET;

    (void)state;
    smart_secret_wipe(buf, sizeof(buf));
    assert_memory_equal(buf, "\0\0\0\0\0\0\0", sizeof(buf));
    smart_secret_wipe(NULL, 0);
}

static void remember(void *ctx, smart_log_level_e level, const char *text)
{
    apr_snprintf(ctx, SMART_LOG_MAX + 8, "%d:%s", (int)level, text);
}

static void log_line_is_one_bounded_line(void **state)
{
    char seen[SMART_LOG_MAX + 8] = "";
    char longer[2 * SMART_LOG_MAX];
    smart_log_t log = {remember, seen};

    (void)state;
    smart_log_write(&log, SMART_LOG_WARNING, "a%s%d", "\r\nb\x7f", 7);
    assert_string_equal(seen, "1:a??b?7");
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    smart_log_write(&log, SMART_LOG_ERR, "%s", longer);
    assert_int_equal(strlen(seen), 2 + SMART_LOG_MAX - 1);
    log.write = NULL;
    smart_log_write(&log, SMART_LOG_ERR, "unheard");
    smart_log_write(NULL, SMART_LOG_ERR, "unheard");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_gives_its_content_without_line_ends),
        cmocka_unit_test(file_with_control_bytes_is_refused),
        cmocka_unit_test(file_length_is_bounded_on_both_ends),
        cmocka_unit_test(file_that_cannot_be_read_is_named),
        cmocka_unit_test(exposed_file_is_reported_but_read),
        cmocka_unit_test(env_gives_the_variable),
        cmocka_unit_test(exec_gives_the_first_line),
        cmocka_unit_test(exec_drains_what_it_does_not_need),
        cmocka_unit_test(exec_that_fails_gives_nothing),
        cmocka_unit_test(exec_is_killed_when_it_takes_too_long),
        cmocka_unit_test(bare_word_is_refused_without_being_shown),
        cmocka_unit_test(wipe_clears_every_byte),
        cmocka_unit_test(log_line_is_one_bounded_line),
    };
    const char *const leftovers[] = {"/secret", "/program", "/fifo"};
    apr_size_t i;
    int failed;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    if (!mkdtemp(dir)) {
        return 1;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (i = 0; i < 3; i++) {
        apr_file_remove(apr_pstrcat(pool, dir, leftovers[i], NULL), pool);
    }
    rmdir(dir);
    apr_terminate();
    return failed;
}
