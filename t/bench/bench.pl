#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The benchmark: bare httpd, mod_smart, mod_oauth2 and mod_auth_openidc side by
# side in one run, and the token cache alone. Started by build/bench, which
# builds load and as first. What it measures, and why so: t/bench/README.md.
#
# This file reads the options, finds the parts, and runs the scenarios that
# were asked for, each a package of lib/Bench (see Bench::Lab).
#
# Exit status: 0 measured; 1 something is not as it must be (a wrong status, a
# lost cache entry, a missing module that was not skipped); 2 usage. Being
# slow is never an error.
use strict;
use warnings;
use Getopt::Long qw(:config no_ignore_case no_auto_abbrev);
use File::Temp ();
use POSIX ();
use Bench::Lab;
use Bench::Server;
use Bench::Report;
use Bench::Plot;
use Bench::Load;
use Bench::Callgrind;
use Bench::Cold;
use Bench::Herd;
use Bench::Refresh;
use Bench::Outage;
use Bench::Inspect;
use Bench::Micro;

# In the order in which they run. Without any of these options all do.
my @SCENARIOS = qw(load callgrind cold herd refresh outage inspect micro);
my %PACKAGE = map { $_ => 'Bench::' . ucfirst } @SCENARIOS;

my %o = ('peer-max' => 10_000, connections => 8, pin => 1);
my %FULL = (tokens => '1,1000,10000,100000,1000000', rounds => 20,
    'round-seconds' => 0.25, requests => 1000,
    'cold-think' => [0, 5000], 'cold-rounds' => 5, 'cold-requests' => 100,
    'refresh-ttl' => 10, 'refresh-think' => 200_000,
    'refresh-seconds' => 30, 'refresh-rate' => 1000,
    'inspect-rounds' => 20, 'inspect-seconds' => 0.5,
    'refresh-peers' => 1, 'outage-seconds' => [6, 8, 6],
    'micro-entries' => [1, 1000, 100_000, 1_000_000]);
my %QUICK = (tokens => '1,1000', rounds => 6, 'round-seconds' => 0.1,
    requests => 100,
    'cold-think' => [0, 5000], 'cold-rounds' => 2, 'cold-requests' => 50,
    'refresh-ttl' => 2, 'refresh-think' => 40_000,
    'refresh-seconds' => 5, 'refresh-rate' => 500,
    'inspect-rounds' => 5, 'inspect-seconds' => 0.2,
    'refresh-peers' => 0, 'outage-seconds' => [1, 3.5, 1.5],
    'micro-seconds' => 0.01, 'micro-entries' => [1, 1000, 100_000]);
my $lab;
my $owner = $$;

sub usage { warn "@_", "see t/bench/README.md\n"; exit 2 }

sub read_options {
    my %want;
    GetOptions(\%o, 'top=s', 'quick', 'tokens=s', 'rounds=i',
        'round-seconds=f', 'peer-max=i', 'requests=i', 'pin!', 'skip=s@',
        'json=s', 'from=s', 'plot=s', 'readme', 'keep',
        'herd:500' => sub { @want{ 'herd', 'herd-n' } = (1, $_[1]) },
        'no-herd' => sub { $want{herd} = 0 },
        map { my $n = $_; ("$n!" => sub { $want{$n} = $_[1] }) }
            grep { $_ ne 'herd' } @SCENARIOS) && !@ARGV or usage();
    %o = ($o{quick} ? %QUICK : %FULL, %o);
    $o{herd} = $want{'herd-n'} // 500;
    $o{tokens} =~ /^[1-9]\d{0,6}(,[1-9]\d{0,6})*$/ && $o{rounds} > 0
        or usage("--tokens is a list of 1 to 9999999, --rounds above 0; ");
    $o{quick} && $o{readme} and usage('--readme takes a full run; ');
    $o{herd} >= 2 && $o{herd} <= 1000 or usage('--herd is 2 to 1000; ');
    my %known = map { $_ => 1 } @Bench::Server::NAMES;
    $known{$_} && $_ ne 'bare' or usage("--skip smart|oauth2|openidc; ")
        for @{ $o{skip} // [] };
    my $some = grep { $want{$_} } @SCENARIOS;
    $o{scenarios} = [ grep { $want{$_} // !$some } @SCENARIOS ];
}

sub find_parts {
    $o{out} = "$o{top}/.out/bench";
    $o{module} = $ENV{SMART_MODULE} // "$o{top}/.out/module/mod_smart.so";
    $o{'cache-bench'} = $ENV{CACHE_BENCH}
        // "$o{top}/.out/gcc/bench/cache_bench";
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
    return print STDERR "bench: one processor only: not pinned\n" if @cpu < 2;
    $o{processors} = $list;
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
            $lab->problem("$Bench::Server::TITLE{$n} is missing: no $file "
                    . "(--skip $n to do without)");
            next;
        }
        push @names, $n;
    }
    return @names;
}

# Runs the scenarios and prints the table of each as soon as it is there.
sub measure {
    my $tmp = File::Temp->newdir('smart-bench-' . 'X' x 6, TMPDIR => 1,
        CLEANUP => !$o{keep});
    $o{dir} = "$tmp";
    chmod 0755, $o{dir};
    $lab = Bench::Lab->new(\%o);
    my @names = participants();
    my %r = (date => POSIX::strftime('%Y-%m-%d', gmtime),
        quick => $o{quick} ? 1 : 0, rounds => $o{rounds},
        pinned => $o{pin_server} ? 1 : 0, machine => Bench::Report::machine(),
        versions => Bench::Report::versions(\%o, @names));
    print Bench::Report::head(\%r);
    $lab->start_tls if grep { $_ eq 'openidc' } @names;
    for my $n (@{ $o{scenarios} }) {
        my $begin = time;
        $r{$n} = eval { $PACKAGE{$n}->can('run')->($lab, @names) };
        $lab->problem("$n: $@") if $@;
        $lab->stop_all;
        print table($n, \%r);
        $lab->note("$n: ", time - $begin, 's');
    }
    $r{errors} = $lab->{errors};
    print "scratch folder kept: $o{dir}\n" if $o{keep};
    return \%r;
}

# No heading over an empty table: what failed is said at the end.
sub table {
    my ($n, $r) = @_;
    my $x = $r->{$n};
    return '' if !$x || (ref $x eq 'ARRAY' && !@$x);
    return $PACKAGE{$n}->can('table')->($x, $r);
}

sub main {
    read_options();
    $| = 1;
    my $r;
    if (defined $o{from}) {
        $r = Bench::Report::read_json($o{from});
        print Bench::Report::head($r), map { table($_, $r) } @SCENARIOS;
    } else {
        find_parts();
        $r = measure();
    }
    my @targets = map { $PACKAGE{$_}->can('targets')->($r->{$_}) }
        grep { $r->{$_} } @SCENARIOS;
    print Bench::Report::targets(@targets);
    Bench::Report::write_json($o{json}, $r) if defined $o{json};
    my $load = $r->{load} && @{ $r->{load} } ? $r->{load} : undef;
    Bench::Plot::write_svg($o{plot}, $load) if defined $o{plot} && $load;
    print "**Not valid as a whole:**\n", map { "- $_\n" } @{ $r->{errors} }
        if @{ $r->{errors} };
    return 1 if @{ $r->{errors} };
    if ($o{readme}) {
        Bench::Plot::write_svg("$o{top}/t/bench/cost.svg", $load) if $load;
        Bench::Report::write_readme("$o{top}/README.md",
            Bench::Report::readme($r, @targets));
    }
    return 0;
}

$SIG{PIPE} = 'IGNORE';
$SIG{INT} = $SIG{TERM} = sub { exit 1 };

END {
    if ($$ == $owner) {
        my $status = $?;
        $lab->end if $lab;
        $? = $status;
    }
}

exit(eval { main() } // do { print STDERR "bench: $@"; 1 });
