# SPDX-License-Identifier: Apache-2.0
#
# Scenario: n connections send the same new token at once, the authorization
# server takes its time. How often is it asked, how long does the slowest
# wait, does everybody get the answer. Repeated with a new token each time;
# the worst of them is what counts.
#
# The servers have a thread for every connection: nobody waits for a thread.
package Bench::Herd;

use strict;
use warnings;
use List::Util qw(max sum0);
use Bench::Report qw(median);

my $THINK_US = 100_000;
my $REPEAT = 3;

sub run {
    my ($lab, @names) = @_;
    my @results = map {
        my $r = eval { _with($lab, $_) };
        $lab->problem("herd: $@") if !$r;
        $lab->{as}->think(0);
        $lab->stop_all;
        $r // ();
    } @names;
    return \@results;
}

sub _with {
    my ($lab, $name) = @_;
    my $n = $lab->{o}{herd};
    my $s = $lab->server($name, threads => int($n / 2) + 16);
    my (@calls, @loads);
    $lab->check_refuses($s);
    $lab->fill($s, 1, $lab->tokens(1), 1);
    $lab->{as}->think($THINK_US);
    for (1 .. $REPEAT) {
        my $before = $lab->{as}->calls;
        push @loads, $lab->load($s, requests => $n, connections => $n,
            tokens => $lab->tokens(1), tolerant => 1, timeout => 60);
        push @calls, $lab->{as}->calls - $before;
    }
    $s->check_processes;
    my $failed = $lab->failures(@loads);
    $lab->problem($s->title . ": herd, $failed") if $failed;
    return { name => $name, title => $s->title, connections => $n,
        introspections => \@calls, errors => sum0(map { $_->{errors} } @loads),
        p50_ms => median(map { $_->{p50_us} } @loads) / 1000,
        slowest_ms => max(map { $_->{max_us} } @loads) / 1000 };
}

sub table {
    my ($results) = @_;
    my $n = @$results ? $results->[0]{connections} : 0;
    my $t = "## Herd: $n requests at once with one new token\n\n"
        . sprintf("The authorization server answers after %d ms; %d herds, "
        . "each with a new token.\n\n", $THINK_US / 1000, $REPEAT)
        . "| server | introspections | p50 ms | slowest ms | errors |\n"
        . "|---|--:|--:|--:|--:|\n";
    for my $r (@$results) {
        $t .= sprintf "| %s | %s | %.0f | %.0f | %d |\n", $r->{title},
            join(', ', @{ $r->{introspections} }),
            @$r{qw(p50_ms slowest_ms errors)};
    }
    return "$t\n";
}

sub targets {
    my ($results) = @_;
    my %of = map { $_->{name} => max(@{ $_->{introspections} }) } @$results;
    my ($smart) = grep { $_->{name} eq 'smart' } @$results or return;
    return { what => "introspections for $smart->{connections} requests at "
            . 'once with one new token', target => 1, got => $of{smart},
        met => $of{smart} == 1 && !$smart->{errors},
        peers => { map { $_ => $of{$_} }
            grep { $of{$_} } qw(oauth2 openidc) } };
}

1;
