#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The guards of build/check_* pass on this tree, and each of them fails on a
# small tree that is wrong in one place and passes on the same tree when it is
# right. A guard that can not fail guards nothing.
#
# SMART_OBJECTS: folder of the objects that were built (.out/gcc).
use strict;
use warnings;
use Cwd ();
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp ();
use FindBin ();
use Test::More;

my $TOP = Cwd::abs_path("$FindBin::Bin/..");
my $OBJECTS = $ENV{SMART_OBJECTS} // '.out/gcc';
chdir $TOP or die "$TOP: $!\n";

# Exit status and what was said.
sub run {
    my ($guard, @args) = @_;
    my $pid = open my $out, '-|';
    die "fork: $!\n" if !defined $pid;
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec { "build/$guard" } $guard, @args;
        exit 127;
    }
    local $/;
    my $said = <$out> // '';
    close $out;
    return ($? >> 8, $said);
}

sub tree_passes {
    my ($guard, @args) = @_;
    my ($status, $said) = run($guard, @args);
    return is($status, 0, "$guard: this tree") || diag $said;
}

# A tree of these files.
sub tree {
    my (%files) = @_;
    my $dir = File::Temp->newdir;
    for my $path (keys %files) {
        make_path(dirname("$dir/$path"));
        open my $f, '>', "$dir/$path" or die "$path: $!\n";
        print $f $files{$path};
        close $f;
    }
    return $dir;
}

# The files are right; with one of them changed (undef: missing) they are not,
# and the guard says what of it.
sub guards {
    my ($guard, $right, @wrong) = @_;
    my $dir = tree(%$right);
    my ($status, $said) = run($guard, $dir, @{$right->{-args} || []});
    is $status, 0, "$guard: a tree that is right" or diag $said;
    for my $case (@wrong) {
        my ($name, $path, $text, $want) = @$case;
        my %files = (%$right, $path => $text);
        delete $files{$path} if !defined $text;
        my $bad = tree(%files);
        ($status, $said) = run($guard, $bad);
        isnt $status, 0, "$guard: $name";
        like $said, $want, '... and says so';
    }
    return;
}

subtest 'layers' => sub {
    tree_passes('check_layers', '.', $OBJECTS);
    my %right = ('include/mod_smart.h' => "#include <httpd.h>\n",
        'mod_smart/io/http.c' => "#include \"io/http.h\"\n"
            . "#include <curl/curl.h>\n#include <apr_file_io.h>\n",
        'mod_smart/io/http.h' => "#include \"core/base.h\"\n",
        'mod_smart/core/base.h' => "#include <apr_pools.h>\n",
        'mod_smart/httpd/gate.c' => "#include <httpd.h>\n"
            . "#include \"io/http.h\"\n",
        'mod_smart/mod_smart.c' => "#include <http_config.h>\n");
    my @wrong = map { ["a core file with $_->[1]", "mod_smart/core/base.h",
                       "#include $_->[0]\n", qr/includes/] }
        ['<httpd.h>', 'httpd'], ['"io/http.h"', 'io'],
        ['<curl/curl.h>', 'curl'], ['<openssl/evp.h>', 'openssl'],
        ['<jansson.h>', 'jansson'], ['<apr_file_io.h>', 'files'],
        ['<time.h>', 'the clock'], ['"httpd/gate.h"', 'the glue'];
    guards('check_layers', \%right, @wrong,
        ['io with httpd', 'mod_smart/io/http.c', "#include <http_log.h>\n",
            qr/includes http_log/],
        ['curl in another room', 'mod_smart/io/jwt.c',
            "#include <curl/curl.h>\n", qr/includes curl/],
        ['openssl in another room', 'mod_smart/io/http.c',
            "#include <openssl/evp.h>\n", qr/includes openssl/],
        ['the glue with jansson', 'mod_smart/httpd/gate.c',
            "#include <jansson.h>\n", qr/includes jansson/],
        ['a file on no floor', 'mod_smart/util/x.c', "\n", qr/no floor/],
        ['headers in a circle', 'mod_smart/io/http.h',
            "#include \"io/http.h\"\n", qr/includes itself/],
        ['a core file without object', 'mod_smart/core/x.c', "int x;\n",
            qr/no object/]);
    my ($status, $said) = run('check_layers', tree());
    isnt $status, 0, 'check_layers: an empty tree';
};

# Objects of core are judged by what they ask the linker for.
subtest 'purity of core' => sub {
    my @cases = (
        ['pure', "#include <string.h>\nint f(const char *s);\n"
            . "int f(const char *s) { return (int)strlen(s); }\n"
            . "static const char *const T[] = {\"a\", \"b\"};\n"
            . "const char *g(int i);\nconst char *g(int i){return T[i & 1];}\n"],
        ['time', "#include <time.h>\nlong f(void);\n"
            . "long f(void) { return (long)time(0); }\n", qr/time\(\)/],
        ['getenv', "#include <stdlib.h>\nchar *f(void);\n"
            . "char *f(void) { return getenv(\"A\"); }\n", qr/getenv/],
        ['write', "long write(int, const void *, unsigned long);\nlong f(void);"
            . "\nlong f(void) { return write(1, \"\", 0); }\n", qr/write/],
        ['rand', "int rand(void);\nint f(void);\n"
            . "int f(void) { return rand(); }\n", qr/rand/],
        ['apr_time_now', "long apr_time_now(void);\nlong f(void);\n"
            . "long f(void) { return apr_time_now(); }\n", qr/apr_time_now/],
        ['json_loads', "void *json_loads(void);\nvoid *f(void);\n"
            . "void *f(void) { return json_loads(); }\n", qr/json_loads/],
        ['a variable', "int counter = 1;\n", qr/counter is writable/],
        ['a static variable', "int f(void);\n"
            . "int f(void) { static int n; return n++; }\n",
            qr/n\.\d+ is writable/],
        ['a thread variable', "_Thread_local int mine;\n", qr/mine is writ/]);
    for my $case (@cases) {
        my ($name, $text, $want) = @$case;
        my $dir = tree('mod_smart/core/x.c' => $text, 'o/core/.keep' => '');
        system('gcc', '-O1', '-fPIC', '-c', '-o', "$dir/o/core/x.o",
               "$dir/mod_smart/core/x.c") == 0 or die "gcc failed\n";
        $text =~ s/^#include.*$//mg;
        open my $f, '>', "$dir/mod_smart/core/x.c" or die;
        print $f $text;
        close $f;
        my ($status, $said) = run('check_layers', $dir, "$dir/o");
        if ($want) {
            is $status, 1, "$name is refused";
            like $said, $want, '... by name';
        }
        else { is($status, 0, "$name passes") or diag $said }
    }
};

subtest 'exports' => sub {
    my $dir = tree('right.c' => "int smart_module;\n",
        'more.c' => "int smart_module; int smart_scope_parse;\n",
        'none.c' => "static int x; int smart_hook_a(void);\n"
            . "int smart_hook_a(void) { return x; }\n");
    for (['right', 0, qr/\A\z/], ['more', 1, qr/exports smart_scope_parse/],
         ['none', 1, qr/does not export/]) {
        my ($name, $want, $says) = @$_;
        system('gcc', '-shared', '-fPIC', '-o', "$dir/$name.so",
               "$dir/$name.c") == 0 or die "gcc failed\n";
        my ($status, $said) = run('check_exports', "$dir/$name.so");
        is $status, $want, "check_exports: $name";
        like $said, $says, '... with its reason';
    }
    isnt((run('check_exports', "$dir/missing.so"))[0], 0, 'no module');
    tree_passes('check_exports', '.out/module/mod_smart.so');
};

subtest 'banned calls' => sub {
    tree_passes('check_banned', '.');
    my $file = 'mod_smart/io/x.c';
    my @names = qw(strcpy strncpy strcat sprintf vsprintf gets atoi sscanf
        strtok system popen malloc rand getenv localtime strerror printf
        abort assert sleep isdigit tmpnam alloca);
    guards('check_banned',
        { $file => "/* strcpy(a, b) */\nint f(void) { return g(\"atoi(x)\"); }\n"
            . "int h(int apr_sprintf) { return x.system(1); }\n" },
        (map { [$_, $file, "int f(void) { return $_(1); }\n", qr/:1: $_:/] }
            @names),
        ['a blank before the bracket', $file, "int x = atoi (s);\n",
            qr/atoi/],
        ['nothing there', $file, undef, qr/nothing was checked/]);
};

subtest 'limits' => sub {
    tree_passes('check_limits', '.');
    my $function = sub { "int f(void)\n{\n" . ";\n" x ($_[0] - 2) . "}\n" };
    my $long = "int x;\n" x 801;
    my $file = 'mod_smart/core/x.c';
    guards('check_limits', { $file => $function->(100),
        'mod_smart/core/y.c' => "/* Generated by build/gen_y. */\n$long",
        't/x.t' => "1;\n" x 1200 },
        ['a long function', $file, $function->(101), qr/function of 101/],
        ['a long file', $file, $long, qr/801 lines/],
        ['a long suite', 't/x.t', "1;\n" x 1201, qr/1201 lines/],
        ['a long sub', 'build/x.pl', "sub x {\n" . ";\n" x 99 . "}\n",
            qr/function of 101/],
        ['a function without end', $file, "int f(void)\n{\n ;\n",
            qr/without end/]);
};

subtest 'words' => sub {
    tree_passes('check_words', '.');
    my $file = 'README.md';
    guards('check_words',
        { $file => "# Title\n\nfhir/Patient#1, RFC 7662 2.2, /homework\n" },
        map { [$_->[0], $file, "$_->[1]\n", $_->[2]] }
            ['a path', 'see /' . 'work/main/x', qr/path of one machine/],
            ['another', 'in /' . 'home/ann', qr/path of one machine/],
            ['a ticket', 'fixes #' . '12', qr/ticket/],
            ['its name', 'issue ' . '12', qr/ticket/],
            ['a note', 'TO' . 'DO later', qr/note/],
            ['another note', '/* FIX' . 'ME */', qr/note/]);
};

subtest 'registration' => sub {
    tree_passes('check_registration', '.');
    my $unit = "static int setup(void **state) { return 0; }\n"
        . "static void refuses(void **state)\n{\n}\n"
        . "int main(void)\n{\n cmocka_unit_test(refuses);\n}\n";
    my $file = 't/unit/x_test.c';
    guards('check_registration', { $file => $unit,
        'mod_smart/core/x.c' => "int x;\n", 't/x.t' => "done_testing;\n" },
        ['a test that is not registered', $file,
            "static void more(void **state)\n{\n}\n$unit", qr/more is not/],
        ['one in a comment only', $file,
            $unit =~ s{( cmocka.*;)}{/* $1 */}r, qr/refuses is not/],
        ['no unit test at all', $file, undef, qr/nothing was checked/],
        ['a core file without test', 'mod_smart/core/y.c', "int y;\n",
            qr{no t/unit/y_test}],
        ['a suite without plan', 't/x.t', "ok 1;\n", qr/neither a plan/],
        ['one of Apache::Test', 't/apache/x.t', "ok 1;\n",
            qr{apache/x\.t: neither a plan}]);
};

subtest 'tags' => sub {
    tree_passes('check_tags', '.');
    my $file = 'mod_smart/httpd/x.c';
    my $line = "log(\"SMART0101: one\");\n";
    guards('check_tags', { $file => $line, 'README.md' => "SMART0101\n" },
        ['a tag of two messages', $file, $line . $line =~ s/one/two/r,
            qr/x\.c:2: SMART0101 is another/],
        ['one that is not logged', 'README.md', "SMART0102\n",
            qr/nothing logs SMART0102/],
        ['no source', $file, undef, qr/nothing was checked/]);
};

# All of them are run by t/83-mutants.t, which takes minutes.
subtest 'mutants' => sub {
    my $said = qx(build/mutate --check 2>&1);
    is $?, 0, 'each edit has its place and makes C' or diag $said;
    like $said, qr/\A[1-9][0-9]+ mutants, 0 bad\n\z/, '... of some';
};

subtest 'directives' => sub {
    tree_passes('check_directives', '.');
    my $d = 'mod_smart/httpd';
    my %right = ("$d/directives.h" => "#define SMART_DIR_REALM \"SmartRealm\"\n",
        "$d/directives.c" => "X(SMART_DIR_REALM)\n"
            . "AP_INIT_TAKE1(SMART_DIR_REALM, f, NULL, 0, \"text\"),\n",
        "$d/config.h" => "typedef struct smart_conf_t {\n"
            . "    const char *realm; /* text; or NULL */\n} smart_conf_t;\n",
        "$d/config.c" => "void *smart_conf_merge(void *a, void *b)\n"
            . "{\n    x->realm = b->realm;\n}\n",
        'conf/smart.conf' => "# Text of the challenge.\n# Default: name\n"
            . "# Context: location\n#SmartRealm \"x\"\n",
        'README.md' => "| `SmartRealm` | text |\n",
        't/x.t' => "SmartRealm\n");
    guards('check_directives', \%right,
        ['no reference', 'conf/smart.conf', undef, qr/cannot be read/],
        ['no entry', 'conf/smart.conf', "# nothing\n", qr/no entry/],
        ['no default', 'conf/smart.conf',
            "# Context: location\nSmartRealm x\n", qr/no Default/],
        ['an entry for nothing', 'conf/smart.conf',
            "$right{'conf/smart.conf'}\n#SmartRealms x\n",
            qr/no directive SmartRealms/],
        ['not in README', 'README.md', "text\n", qr/does not name/],
        ['not in a suite', 't/x.t', "1;\n", qr/no suite uses/],
        ['not in the table', "$d/directives.c", "\n", qr/not in the command/],
        ['a name in the table only', "$d/directives.c",
            $right{"$d/directives.c"} . "AP_INIT_FLAG(\"SmartX\", f),\n",
            qr/"SmartX" is not defined/],
        ['a field that is not merged', "$d/config.c",
            "void *smart_conf_merge(void *a)\n{\n    return a;\n}\n"
                . "int other(void)\n{\n    realm;\n}\n",
            qr/realm is not merged/]);
};

subtest 'headers' => sub {
    tree_passes('check_headers', '.');
    my $h = 'include/mod_smart.h';
    guards('check_headers', { $h => "#ifndef A\n#define A\n#include <httpd.h>\n"
            . "typedef struct a_t a_t;\nint a_f(a_t *a, request_rec *r);\n"
            . "#endif\n" },
        ['a type from nowhere', $h, "int a_f(apr_pool_t *p);\n",
            qr/does not compile alone/],
        ['a word of C++', $h, "int a_f(int class);\n",
            qr/does not compile alone/],
        ['an extension', $h, "struct a { int n; int x[0]; };\n",
            qr/does not compile alone/],
        ['httpd in core', 'mod_smart/core/x.h', "#include <httpd.h>\n",
            qr/does not compile alone/],
        ['no header', $h, undef, qr/no header/]);
};

done_testing;
