# SPDX-License-Identifier: Apache-2.0
#
# Scenario: what a miss adds above the authorization server's own answer. New
# tokens, one request at a time, on one connection that is kept. Of each
#
#   added = time of the request
#         - what the authorization server says it took for that introspection
#         - median of the same request on bare httpd, in the same round
#
# The authorization server's time ends when its answer goes to the kernel, so
# the way there and back and both wake-ups are part of what is added. The row
# "asked directly" has the same difference for a plain client on a kept
# connection: no module can be below it.
#
# Bare requests are spaced like the others: a processor that slept in between
# needs longer for any of them.
package Bench::Cold;

use strict;
use warnings;
use Bench::Report qw(median quantile);
use Bench::Server;

sub run {
    my ($lab, @names) = @_;
    return [ map { _with($lab, $_, @names) } @{ $lab->{o}{'cold-think'} } ];
}

sub _with {
    my ($lab, $think, @names) = @_;
    my $o = $lab->{o};
    my (%server, %added, %took);
    for my $n (@names) {
        $server{$n} = $lab->server($n);
        $lab->check_refuses($server{$n});
        $lab->load($server{$n}, requests => 20, connections => 1,
            tokens => $lab->tokens(20)); # connections and pages
    }
    for (1 .. $o->{'cold-rounds'}) {
        my $bare = _bare($lab, $server{bare}, $think);
        for my $n ((grep { $_ ne 'bare' } @names), 'direct') {
            my ($took, $own) = _round($lab, $n eq 'direct'
                    ? $lab->{as}->port : $server{$n}, $think);
            my $off = $n eq 'direct' ? 0 : $bare;
            push @{ $took{$n} }, @$took;
            push @{ $added{$n} },
                map { $took->[$_] - $own->[$_] - $off } 0 .. $#$took;
        }
        push @{ $took{bare} }, $bare;
    }
    $_->check_processes for values %server;
    $lab->{as}->think(0);
    $lab->stop_all;
    return map {
        my $r = { name => $_, think_us => $think, samples => 0 + @{ $took{$_} },
            title => $Bench::Server::TITLE{$_} // 'asked directly',
            p50_us => median(@{ $took{$_} }) };
        if ($added{$_}) {
            $r->{added_p50_us} = median(@{ $added{$_} });
            $r->{added_p99_us} = quantile(.99, @{ $added{$_} });
        }
        $r;
    } @names, 'direct';
}

# Median time of a request that needs no token.
sub _bare {
    my ($lab, $server, $think) = @_;
    my $r = $lab->load($server, requests => $lab->{o}{'cold-requests'},
        connections => 1, $think ? (rate => 1e6 / ($think + 500)) : ());
    return $r->{p50_us};
}

# Times of the requests, and what the authorization server took for each.
sub _round {
    my ($lab, $target, $think) = @_;
    my $n = $lab->{o}{'cold-requests'};
    my $file = $lab->tokens($n);
    $lab->{as}->think($think);
    my $r = $lab->load($target, requests => $n, connections => 1,
        tokens => $file, each => 1, introspect => !ref $target);
    my @own = $lab->{as}->times;
    unlink $file;
    die +(ref $target ? $target->title : 'asked directly') . ': ' . @own
        . " introspections for $n new tokens\n" if @own != $n;
    return ([ map { $_->[1] / 1000 } @{ $r->{each} } ], \@own);
}

sub table {
    my ($results) = @_;
    my $t = "## A new token: time above the authorization server's own\n\n"
        . "One request at a time, each with a token nobody has seen; added is "
        . "what remains without the authorization server's time and a bare "
        . "request. mod_auth_openidc asks through TLS.\n\n"
        . "| AS thinks ms | server | request p50 us | added p50 us "
        . "| added p99 us |\n|--:|---|--:|--:|--:|\n";
    for my $r (@$results) {
        $t .= sprintf "| %.0f | %s | %.0f | %s | %s |\n",
            $r->{think_us} / 1000, $r->{title}, $r->{p50_us},
            map { defined $_ ? sprintf '%.0f', $_ : '-' }
            @$r{qw(added_p50_us added_p99_us)};
    }
    return "$t\n";
}

sub targets {
    my ($results) = @_;
    my %at;
    $at{ $_->{think_us} }{ $_->{name} } = $_->{added_p50_us} for @$results;
    return map {
        my $of = $at{$_};
        { what => sprintf("a miss adds, us, AS thinking %.0f ms", $_ / 1000),
            target => '<= 150', got => sprintf('%.0f', $of->{smart}),
            met => $of->{smart} <= 150,
            peers => { map { $_ => sprintf '%.0f', $of->{$_} }
                grep { $of->{$_} } qw(oauth2 openidc) } }
    } grep { defined $at{$_}{smart} } sort { $a <=> $b } keys %at;
}

1;
