#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The whole-server benchmark: bare httpd, mod_smart, mod_oauth2 and
# mod_auth_openidc side by side in one run. Started by build/bench, which
# builds load and as first. What it measures, and why so: t/bench/README.md.
#
# Order of one measurement with N live tokens
#   start all servers -> 401 without a token on each -> every token once, in
#   order (AS calls == N) -> find how many requests fill a round -> rounds of
#   bare, smart, oauth2, openidc, bare, ... with tokens in shuffled order ->
#   no AS call since the first pass
#
# Exit status: 0 measured; 1 something is not as it must be (a wrong status, a
# lost cache entry, a missing module that was not skipped); 2 usage. Being
# slow is never an error.
use strict;
use warnings;
use Getopt::Long qw(:config no_ignore_case);
use File::Temp ();
use IO::Socket::INET;
use JSON::PP ();
use Bench::Server;
use Bench::Report;
use Bench::Callgrind;

my $URI = '/fhir/Observation/obs-1';
my %o = ('peer-max' => 10_000, connections => 8, load => 1, pin => 1);
my %DEFAULT = (tokens => '1,10000', rounds => 20, 'round-seconds' => 0.25,
    requests => 1000);
my %QUICK = (tokens => '1,1000', rounds => 8, 'round-seconds' => 0.25,
    requests => 300);
my (@errors, @load_results, @instruction_results, @running, $as_pid,
    $tls);
my $owner = $$;

sub usage { warn "@_", "see t/bench/README.md\n"; exit 2 }

sub read_options {
    GetOptions(\%o, 'top=s', 'quick', 'tokens=s', 'rounds=i',
        'round-seconds=f', 'peer-max=i', 'requests=i', 'callgrind',
        'load!', 'pin!', 'skip=s@', 'json=s', 'plot=s', 'keep') && !@ARGV
        or usage();
    %o = ($o{quick} ? %QUICK : %DEFAULT, %o);
    $o{tokens} =~ /^[1-9]\d{0,6}(,[1-9]\d{0,6})*$/ && $o{rounds} > 0
        or usage("--tokens is a list of 1 to 9999999, --rounds above 0; ");
    my %known = map { $_ => 1 } @Bench::Server::NAMES;
    $known{$_} && $_ ne 'bare' or usage("--skip smart|oauth2|openidc; ")
        for @{ $o{skip} // [] };
}

sub find_parts {
    $o{out} = "$o{top}/.out/bench";
    $o{module} = $ENV{SMART_MODULE} // "$o{top}/.out/module/mod_smart.so";
    my $apxs = $ENV{APXS} // 'apxs';
    chomp($o{modules} = `$apxs -q LIBEXECDIR`);
    chomp($o{httpd} = $ENV{HTTPD}
            // `$apxs -q sbindir` =~ s{\n}{/}r . `$apxs -q progname`);
    -x $o{httpd} or die "no httpd at '$o{httpd}': set HTTPD or APXS\n";
    find_processors() if $o{pin};
}

# The server under test gets one processor, all else another one: where the
# scheduler happens to put them is otherwise worth more than a module. The CPU
# time of a lock that is fought for over several cores is therefore not seen.
sub find_processors {
    my ($list) = `taskset -cp $$ 2>&1` =~ /list: ([\d,-]+)/ or return;
    my @cpu = map { /(\d+)-(\d+)/ ? ($1 .. $2) : $_ } split /,/, $list;
    return note('one processor only: not pinned') if @cpu < 2;
    $o{pin_server} = [qw(taskset -c), $cpu[0]];
    $o{pin_load} = [qw(taskset -c), $cpu[1]];
}

# The servers that take part. One that is missing is an error unless it was
# skipped, but the others are still measured.
sub participants {
    my %skip = map { $_ => 1 } @{ $o{skip} // [] };
    my @names;
    for my $n (@Bench::Server::NAMES) {
        next if $skip{$n};
        my $file = Bench::Server::module_file($n, %o);
        if (defined $file && !-e $file) {
            problem("$Bench::Server::TITLE{$n} is missing: no $file "
                    . "(--skip $n to do without)");
            next;
        }
        push @names, $n;
    }
    return @names;
}

sub problem {
    my ($text) = @_;
    chomp $text;
    push @errors, $text;
    print STDERR "bench: $text\n";
}

sub note { print STDERR "bench: @_\n" }

# 43 characters, as of a 256-bit random token: no long common beginning that
# would make comparing them dearer than in life.
sub write_tokens {
    my ($n) = @_;
    my $file = "$o{dir}/tokens-$n";
    my @set = ('A' .. 'Z', 'a' .. 'z', 0 .. 9, '-', '_');
    srand 20120211;
    open my $f, '>', $file or die "$file: $!\n";
    for my $i (1 .. $n) {
        my $t = "x$i"; # unique whatever the generator does
        $t = $set[ rand 64 ] . $t while length $t < 43;
        print $f "$t\n";
    }
    close $f or die "$file: $!\n";
    return $file;
}

sub start_as {
    $as_pid = open my $out, '-|', "$o{out}/as" or die "as: $!\n";
    $o{as_out} = $out;
    ($o{as_port}) = (<$out> // '') =~ /^port (\d+)/
        or die "the authorization server did not start\n";
}

# mod_auth_openidc introspects over https only: an httpd with a certificate of
# its own in front of the authorization server. Cached tokens never reach it.
sub start_tls {
    $tls = Bench::Server->new('tls', %o, tokens => 0,
        pin_server => $o{pin_load});
    eval { $tls->start; 1 } or problem($@);
    $o{tls_port} = $tls->port;
}

sub as_calls {
    my $s = IO::Socket::INET->new("127.0.0.1:$o{as_port}")
        or die "the authorization server is gone\n";
    print $s "GET /count HTTP/1.1\r\nConnection: close\r\n\r\n";
    local $/;
    return <$s> =~ /"introspections":(\d+)/ ? $1 : die "no count\n";
}

# load(server, requests => n, tokens => file, ...) -> its JSON; dies with what
# it printed when an answer was not as expected.
sub load {
    my ($server, %with) = @_;
    my @args = map { ("--$_", $with{$_}) } sort keys %with;
    open my $p, '-|', @{ $o{pin_load} // [] }, "$o{out}/load",
        '--port', $server->port,
        '--path', $URI, @args or die "load: $!\n";
    local $/;
    my $json = <$p>;
    close $p or die $server->title . ": load failed\n";
    return JSON::PP::decode_json($json);
}

sub check_refuses {
    my ($s) = @_;
    return if $s->{name} eq 'bare';
    my $st = $s->status($URI);
    die $s->title . ": $st without a token, expected 401\n" if $st != 401;
    $st = $s->status($URI, 'dead-token');
    die $s->title . ": $st with an inactive token, expected 401\n"
        if $st != 401;
}

# Every token once; the server must have asked about each exactly once.
sub fill {
    my ($s, $n, $file, $connections) = @_;
    my $before = as_calls();
    my $r = load($s, requests => $n, tokens => $file,
        connections => $connections,
        timeout => 1800);
    my $calls = as_calls() - $before;
    my $want = $s->{name} eq 'bare' ? 0 : $n;
    problem($s->title . ": $calls introspections for $want new tokens")
        if $calls != $want;
    return $r;
}

# A server that fails is named, stopped and left out; the others go on.
sub prepare {
    my ($name, $n, $file) = @_;
    my $s = Bench::Server->new($name, %o, tokens => $n);
    push @running, $s;
    my $ok = eval {
        $s->start;
        check_refuses($s);
        my $first = fill($s, $n, $file, $o{connections});
        note(sprintf '%s: %d tokens known after %.1f s', $s->title, $n,
            $first->{seconds});
        my $try = load($s, requests => 500, tokens => $file, seed => 1,
            connections => $o{connections});
        my $fit = int $try->{rps} * $o{'round-seconds'};
        $s->{requests} = $fit < 500 ? 500 : $fit;
        1;
    };
    return $s if $ok;
    problem("with $n live tokens: $@");
    $s->stop;
    return;
}

sub measure {
    my ($n, @names) = @_;
    my $file = write_tokens($n);
    my @servers = map { prepare($_, $n, $file) } @names;
    my (%rounds, %calls);
    for my $round (1 .. $o{rounds}) {
        for my $s (@servers) {
            my $before = as_calls();
            my $r = load($s, requests => $s->{requests}, tokens => $file,
                seed => $round + 1, connections => $o{connections},
                watch => join(',', @{ $s->{pids} }));
            $s->check_processes;
            push @{ $rounds{ $s->{name} } }, $r;
            $calls{ $s->{name} } += as_calls() - $before;
        }
    }
    for my $s (@servers) {
        problem($s->title . ": $calls{$s->{name}} introspections of cached "
                . "tokens with $n live") if $calls{ $s->{name} };
        push @load_results, { name => $s->{name}, title => $s->title,
            tokens => $n, rounds => $rounds{ $s->{name} },
            summary => Bench::Report::summary($rounds{ $s->{name} },
                $rounds{bare}) };
    }
    stop_all();
    unlink $file;
}

sub stop_all { $_->stop for splice @running }

sub run_load {
    my (@names) = @_;
    for my $n (split /,/, $o{tokens}) {
        my @fit = grep { $n <= $o{'peer-max'} || /^(bare|smart)$/ } @names;
        note("$n live tokens: peers left out, they scan their slots "
                . "(--peer-max $o{'peer-max'})") if @fit < @names;
        eval { measure($n, @fit); 1 } or problem($@);
        stop_all();
    }
}

sub run_callgrind {
    my (@names) = @_;
    my $file = write_tokens(64);
    my %do = (load => \&load, refuses => \&check_refuses, fill => \&fill);
    for my $n (@names) {
        note("$Bench::Server::TITLE{$n} under callgrind");
        my $r = eval {
            Bench::Callgrind::measure($n, \%o, $file, \%do, \@running) };
        $r ? push @instruction_results, $r : problem($@);
        stop_all();
    }
}

sub main {
    read_options();
    find_parts();
    my $tmp = File::Temp->newdir('smart-bench-' . 'X' x 6, TMPDIR => 1,
        CLEANUP => !$o{keep});
    $o{dir} = "$tmp";
    chmod 0755, $o{dir};
    $o{docroot} = "$o{dir}/htdocs";
    mkdir $_ for $o{docroot}, "$o{docroot}/fhir",
        "$o{docroot}/fhir/Observation";
    open my $f, '>', "$o{docroot}$URI" or die "$o{docroot}$URI: $!\n";
    print $f qq({"resourceType":"Observation","id":"obs-1"}\r\n);
    close $f;

    my @names = participants();
    my %r = (machine => Bench::Report::machine(),
        versions => Bench::Report::versions(\%o, @names));
    print Bench::Report::head(\%r);
    start_as();
    start_tls() if grep { $_ eq 'openidc' } @names;
    run_load(@names) if $o{load};
    print Bench::Report::load_table(\@load_results, $o{rounds},
        $o{pin_server})
        if @load_results;
    run_callgrind(@names) if $o{callgrind};
    print Bench::Report::instruction_table(\@instruction_results)
        if @instruction_results;
    @r{qw(load instructions errors)} =
        (\@load_results, \@instruction_results, \@errors);
    Bench::Report::write_json($o{json}, \%r) if defined $o{json};
    Bench::Report::write_plot($o{plot}, \@load_results)
        if defined $o{plot} && @load_results;
    print "scratch folder kept: $o{dir}\n" if $o{keep};
    print "\n**Not valid as a whole:**\n", map { "- $_\n" } @errors
        if @errors;
    return @errors ? 1 : 0;
}

$SIG{PIPE} = 'IGNORE';
$SIG{INT} = $SIG{TERM} = sub { exit 1 };

END {
    if ($$ == $owner) {
        my $status = $?;
        stop_all();
        $tls->stop if $tls;
        if ($as_pid) {
            kill 'TERM', $as_pid;
            waitpid $as_pid, 0;
        }
        $? = $status;
    }
}

exit(eval { main() } // do { print STDERR "bench: $@"; 1 });
