#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Random requests, judged twice: by the module, and by a plainer reading of the
# contract (Smart::Oracle). Against a backend that does what it is asked, and
# against one that answers every search with all there is; all resources are
# told apart by their canaries.
#
# Environment:
#   ORACLE_REQUESTS  how many in all (48000)
#   ORACLE_SEED      of the requests (20782: the same in each run)
#   ORACLE_ONLY      the number of one request, in each of the runs
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);
use Smart::OracleRun ();

my $seed = $ENV{ORACLE_SEED} // 20782;
# Under a mutant of build/mutants a few are enough.
my $all = $ENV{ORACLE_REQUESTS} // ($ENV{SMART_MODULE} ? 4000 : 48_000);
my $at_once = $ENV{SMART_MODULE} ? 400 : 2000;
my $only = $ENV{ORACLE_ONLY};

# What the backend does with a search; a policy; the part of the requests.
my @RUNS = (
    ['strict', 'formal', 'optional', 0.4],
    ['everything', 'formal', 'optional', 0.4],
    ['strict', 'subject', 'required', 0.1],
    ['everything', 'subject', 'required', 0.1]);

my $n = 0;
for (@RUNS) {
    my ($search, $compartment, $fhir_user, $part) = @$_;
    my $name = "seed $seed, $search, $compartment, fhirUser $fhir_user";
    my $run = Smart::OracleRun->new(seed => $seed, search => $search,
        compartment => $compartment, fhir_user => $fhir_user);
    my $start = time();
    my ($from, $to) = ($n + 1, $n + int($all * $part));
    ($from, $to) = ($only, $only) if defined $only;
    # In steps, so that a run that is wrong ends early.
    my (%count, %told, @wrong);
    while ($from <= $to) {
        my $step = $from + $at_once <= $to ? $from + $at_once - 1 : $to;
        my $found = $run->go($from, $step);
        $told{$_} += $found->{told}{$_} for keys %{$found->{told}};
        $count{$_} += $found->{count}{$_} for keys %{$found->{count}};
        push @wrong, @{$found->{wrong}};
        ok !%{$found->{count}}, "$name: requests $from to $step";
        $from = $step + 1;
        $n = $step if !defined $only;
        last if @wrong > 100;
    }
    @wrong = sort { ($a->[1] =~ /\Aunjudged/) <=> ($b->[1] =~ /\Aunjudged/)
                        || $a->[0] <=> $b->[0] } @wrong;
    diag "$_->[1]" for @wrong > 30 ? @wrong[0 .. 29] : @wrong;
    note sprintf '%s: %.0f s; %s; wrong: %s', $name, time() - $start,
        join(', ', map { "$_ $told{$_}" } sort keys %told),
        join(', ', map { "$_ $count{$_}" } sort keys %count) || 'none';
    diag 'wrong: ', join ', ', map { "$_ $count{$_}" } sort keys %count
        if %count;
    cmp_ok $told{permit} // 0, '>', ($told{refuse} // 0) / 8,
        "$name: enough is permitted" if !defined $only;
    unlike $run->httpd->log_text, qr/exit signal|AH00051|AH00052/,
        "$name: no process of httpd died";
}

# A judge who finds nothing may be asleep: without the module, the same
# requests are full of what must not be.
if (!defined $only) {
    my $open = Smart::OracleRun->new(seed => $seed, smart => 0);
    my $found = $open->go(1, 1000);
    cmp_ok $found->{count}{$_} // 0, '>=', 20,
        "without the module, there are findings: $_" for qw(leak write passed);
}
done_testing;
