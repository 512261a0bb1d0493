# SPDX-License-Identifier: Apache-2.0
#
# Scenario: a steady load over few tokens whose cached answers run out again
# and again, and an authorization server that needs 200 ms (40 ms with --quick,
# where they run out five times as fast). Does a client notice? Requests arrive
# at a constant rate whatever became of those before (open loop), and their
# time counts from when they were due: a stall is seen by everything that
# arrives during it. There is a thread for every connection: httpd closes kept
# connections when it runs out of threads.
#
# Bare httpd runs for half of the time before mod_smart and for half of it
# after, so that a machine that changes changes for both.
package Bench::Refresh;

use strict;
use warnings;
use Bench::Report qw(quantile);
use Bench::Server;

my $TOKENS = 64;
my $CONNECTIONS = 64;

sub run {
    my ($lab, @names) = @_;
    my $o = $lab->{o};
    my %part = map { $_ => { us => [], calls => 0, errors => 0 } } @names;
    my $half = $o->{'refresh-seconds'} / 2;
    my $file = $lab->tokens($TOKENS);
    my @order = ('bare', (grep { $_ eq 'smart' } @names), 'bare');
    push @order, grep { !/^(bare|smart)$/ } @names if $o->{'refresh-peers'};
    for my $n (@order) {
        my $seconds = $n eq 'bare' ? $half : $half * 2;
        eval { _add($lab, $n, $file, $seconds, $part{$n}); 1 }
            or $lab->problem("refresh: $@");
        $lab->{as}->think(0);
        $lab->stop_all;
    }
    return { seconds => $half * 2, rate => $o->{'refresh-rate'},
        ttl => $o->{'refresh-ttl'}, think_us => $o->{'refresh-think'},
        servers => [ map { _summary($_, $part{$_}) }
            grep { @{ $part{$_}{us} } } @names ] };
}

sub _add {
    my ($lab, $name, $file, $seconds, $part) = @_;
    my $o = $lab->{o};
    my $s = $lab->server($name, ttl => $o->{'refresh-ttl'},
        threads => $CONNECTIONS);
    $lab->check_refuses($s);
    $lab->{as}->think($o->{'refresh-think'});
    $lab->fill($s, $TOKENS, $file, $CONNECTIONS / 2);
    my $before = $lab->{as}->calls;
    my $r = $lab->load($s, requests => int($o->{'refresh-rate'} * $seconds),
        rate => $o->{'refresh-rate'}, connections => $CONNECTIONS,
        tokens => $file, each => 1, tolerant => 1, timeout => $seconds + 60);
    $part->{calls} += $lab->{as}->calls - $before;
    $part->{errors} += $r->{errors};
    push @{ $part->{us} }, map { $_->[1] / 1000 } @{ $r->{each} };
    $s->check_processes;
    my $failed = $lab->failures($r);
    $lab->problem($s->title . ": answers ran out, $failed") if $failed;
}

sub _summary {
    my ($name, $part) = @_;
    my @us = sort { $a <=> $b } @{ $part->{us} };
    my %q = (p50_us => .5, p99_us => .99, p999_us => .999, max_us => 1);
    return { name => $name, title => $Bench::Server::TITLE{$name},
        requests => 0 + @us, introspections => $part->{calls},
        errors => $part->{errors},
        map { $_ => quantile($q{$_}, @us) } keys %q };
}

sub table {
    my ($result) = @_;
    my $t = "## Cached answers running out under load\n\n"
        . "$TOKENS tokens, answers good for $result->{ttl} s, the "
        . sprintf("authorization server needs %d ms; ", $result->{think_us} / 1000)
        . "$result->{rate} requests a second for $result->{seconds} s, timed "
        . "from when they were due.\n\n"
        . "| server | requests | p50 us | p99 us | p99.9 us | longest us "
        . "| introspections | errors |\n|---|--:|--:|--:|--:|--:|--:|--:|\n";
    for my $r (@{ $result->{servers} }) {
        $t .= sprintf "| %s | %d | %.0f | %.0f | %.0f | %.0f | %d | %d |\n",
            @$r{qw(title requests p50_us p99_us p999_us max_us
            introspections errors)};
    }
    return "$t\n";
}

sub targets {
    my ($result) = @_;
    my %of = map { $_->{name} => $_ } @{ $result->{servers} };
    return if !$of{smart} || !$of{bare};
    my $ratio = sub { $of{ $_[0] }{p99_us} / $of{bare}{p99_us} };
    return { what => 'p99, x bare, while answers run out, AS needing '
            . sprintf('%d ms', $result->{think_us} / 1000), target => '<= 1.50',
        got => sprintf('%.2f', $ratio->('smart')),
        met => $ratio->('smart') <= 1.5,
        peers => { map { $_ => sprintf '%.2f', $ratio->($_) }
            grep { $of{$_} } qw(oauth2 openidc) } };
}

1;
