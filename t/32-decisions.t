#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Random requests and tokens, decided twice: by the core of the module, through
# build/smart-explain, and by a plainer reading of the contract
# (Smart::Oracle). And for each resource of the fixtures, whether a token
# covers it. No server, so it is many.
#
# Environment:
#   ORACLE_DECISIONS  how many requests in all (40000); one token for 2000 of
#                     them is held against all resources
#   ORACLE_SEED       of requests and tokens (20782: the same in each run)
use strict;
use warnings;
use File::Temp ();
use FindBin ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Smart::OracleDecision ();

my $seed = $ENV{ORACLE_SEED} // 20782;
my $all = $ENV{ORACLE_DECISIONS} // 40_000;
my $tokens = $all / 2000;

sub said {
    my ($name, $found) = @_;
    my @wrong = @{$found->{wrong}};
    ok !@wrong, "$name: no disagreement";
    diag $_ for @wrong > 20 ? @wrong[0 .. 19] : @wrong;
    diag scalar(@wrong), ' disagreements' if @wrong;
    note "$name: ", join ', ', map { "$_ $found->{told}{$_}" }
        sort keys %{$found->{told}};
    return;
}

my $n = 0;
for (['formal', 'optional', 0.7], ['subject', 'required', 0.3]) {
    my ($compartment, $fhir_user, $part) = @$_;
    my $dir = File::Temp->newdir;
    my $d = Smart::OracleDecision->new(seed => $seed, dir => "$dir",
        compartment => $compartment, fhir_user => $fhir_user);
    my $name = "seed $seed, $compartment, fhirUser $fhir_user";
    my $found = $d->decisions($n + 1, $n + $all * $part);
    $n += $all * $part;
    said("$name, decisions", $found);
    cmp_ok $found->{told}{permit}, '>', $all * $part / 8,
        "$name: enough is permitted";
    $found = $d->coverage($tokens * $part, 60);
    said("$name, coverage", $found);
    cmp_ok $found->{told}{2}, '>', $tokens * $part * 10,
        "$name: enough is covered";
}
done_testing;
