# SPDX-License-Identifier: Apache-2.0
#
# Scenario: CPU per request and latency of cached requests, by number of live
# tokens. Per number, in this order
#
#   start all servers -> 401 without a token on each -> every token once, in
#   order (AS calls == N) -> find how many requests fill a round -> rounds of
#   bare, smart, oauth2, openidc, bare, ... with tokens in shuffled order ->
#   no AS call since the first pass
package Bench::Load;

use strict;
use warnings;
use Bench::Report qw(median);
use Bench::Server;

sub run {
    my ($lab, @names) = @_;
    my $o = $lab->{o};
    my @results;
    for my $n (split /,/, $o->{tokens}) {
        my @fit = grep { $n <= $o->{'peer-max'} || /^(bare|smart)$/ } @names;
        $lab->note("$n live tokens: peers left out, they scan their slots "
                . "(--peer-max $o->{'peer-max'})") if @fit < @names;
        my @r = eval { _measure($lab, $n, @fit) };
        $lab->problem("with $n live tokens: $@") if $@;
        push @results, @r;
        $lab->stop_all;
    }
    return \@results;
}

sub _measure {
    my ($lab, $n, @names) = @_;
    my $file = $lab->tokens($n);
    my @servers = map { _prepare($lab, $_, $n, $file) } @names;
    my (%rounds, %calls);
    for my $round (1 .. $lab->{o}{rounds}) {
        for my $s (@servers) {
            my $before = $lab->{as}->calls;
            my $r = $lab->load($s, requests => $s->{requests},
                tokens => $file, seed => $round + 1,
                connections => $lab->{o}{connections},
                watch => join(',', @{ $s->{pids} }));
            $s->check_processes;
            push @{ $rounds{ $s->{name} } }, $r;
            $calls{ $s->{name} } += $lab->{as}->calls - $before;
        }
    }
    unlink $file;
    for my $s (grep { $calls{ $_->{name} } } @servers) {
        $lab->problem($s->title . ": $calls{$s->{name}} introspections of "
                . "cached tokens with $n live");
    }
    return map { { name => $_->{name}, title => $_->title, tokens => $n + 0,
        rounds => $rounds{ $_->{name} },
        summary => _summary($rounds{ $_->{name} }, $rounds{bare}) } } @servers;
}

# A server that fails is named, stopped and left out; the others go on.
sub _prepare {
    my ($lab, $name, $n, $file) = @_;
    my $o = $lab->{o};
    my $s = eval {
        my $s = $lab->server($name, tokens => $n);
        $lab->check_refuses($s);
        my $first = _fill($lab, $s, $n, $file);
        $lab->note(sprintf '%s: %d tokens known after %.1f s', $s->title, $n,
            $first->{seconds}) if $name ne 'bare';
        my $try = $lab->load($s, requests => 500, tokens => $file, seed => 1,
            connections => $o->{connections});
        my $fit = int $try->{rps} * $o->{'round-seconds'};
        $s->{requests} = $fit < 500 ? 500 : $fit;
        $s;
    };
    return $s if $s;
    $lab->problem("with $n live tokens: $@");
    return;
}

# A million introspections on one processor take minutes: this pass may use
# all of them.
sub _fill {
    my ($lab, $s, $n, $file) = @_;
    my $pin = $lab->{o}{pin_server};
    $s->move($lab->{o}{processors}) if $pin;
    my $r = $lab->fill($s, $n, $file, $lab->{o}{connections});
    $s->move($pin->[-1]) if $pin;
    return $r;
}

# rounds: [{ server_cpu_us, rps, p50_us, ... }] of one server, bare: the same
# of bare httpd; the n-th of both were measured one after the other.
sub _summary {
    my ($rounds, $bare) = @_;
    my %s = map { my $k = $_; ($k => median(map { $_->{$k} } @$rounds)) }
        qw(server_cpu_us client_cpu_us rps p50_us p99_us);
    my @ratio = map { $rounds->[$_]{server_cpu_us}
            / $bare->[$_]{server_cpu_us} } 0 .. $#$rounds;
    $s{ratio} = median(@ratio);
    @ratio = sort { $a <=> $b } @ratio;
    @s{qw(ratio_q1 ratio_q3 ratio_min ratio_max)} =
        @ratio[ @ratio / 4, 3 * @ratio / 4, 0, -1 ];
    return \%s;
}

sub table {
    my ($results, $how) = @_;
    my $where = $how->{pinned} ? 'server on one processor, load on another'
        : 'not pinned to processors';
    my $t = "## CPU and latency, 8 keep-alive connections, 45-byte file\n\n"
        . "Medians of $how->{rounds} interleaved rounds, $where; spread "
        . "is the middle half of their ratios.\n\n"
        . "| live tokens | server | CPU us/request | x bare | spread | "
        . "request/s | p50 us | p99 us | client CPU us |\n"
        . "|--:|---|--:|--:|---|--:|--:|--:|--:|\n";
    for my $r (@$results) {
        my $s = $r->{summary};
        $t .= sprintf "| %d | %s | %.1f | %.2f | %.2f-%.2f | %.0f | %.0f "
            . "| %.0f | %.1f |\n", $r->{tokens}, $r->{title},
            @$s{qw(server_cpu_us ratio ratio_q1 ratio_q3 rps p50_us p99_us
            client_cpu_us)};
    }
    return "$t\n";
}

sub targets {
    my ($results) = @_;
    my %at;
    $at{ $_->{tokens} }{ $_->{name} } = $_->{summary}{ratio} for @$results;
    return map {
        my $of = $at{$_};
        my $most = $_ > 10_000 ? 1.15 : 1.10;
        { what => "CPU per request, x bare, live tokens: $_",
            target => sprintf('<= %.2f', $most),
            got => sprintf('%.3f', $of->{smart}), met => $of->{smart} <= $most,
            peers => { map { $_ => sprintf '%.2f', $of->{$_} }
                grep { $of->{$_} } qw(oauth2 openidc) } }
    } grep { $at{$_}{smart} } sort { $a <=> $b } keys %at;
}

1;
