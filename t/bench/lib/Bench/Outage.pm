# SPDX-License-Identifier: Apache-2.0
#
# Scenario: the authorization server stops answering while cached requests go
# on, and comes back. It is stopped by signal: the kernel still accepts its
# connections, so that nothing tells the client but time.
#
#   before   cached requests alone
#   during   cached requests; beside them new tokens, one after the other,
#            each of which must be answered 503
#   after    cached requests; new tokens until one is answered 200
#
# Cached requests arrive at a constant rate and count from when they were due.
package Bench::Outage;

use strict;
use warnings;
use List::Util qw(max);
use Time::HiRes qw(sleep clock_gettime CLOCK_MONOTONIC);
use Bench::Report qw(quantile);

my $TOKENS = 64;
my $CONNECTIONS = 16;
my $RATE = 500;
my $RETURN_WITHIN = 30; # seconds we wait for the first right answer

sub run {
    my ($lab, @names) = @_;
    return if !grep { $_ eq 'smart' } @names;
    my ($before, $during, $after) = @{ $lab->{o}{'outage-seconds'} };
    my $file = $lab->tokens($TOKENS);
    my $s = $lab->server('smart');
    $lab->check_refuses($s);
    $lab->fill($s, $TOKENS, $file, 8);
    open my $f, '<', $lab->tokens(5000) or die "tokens: $!\n";
    chomp(my @new = <$f>);

    my $load = $lab->load_start($s, tokens => $file, rate => $RATE,
        requests => $RATE * ($before + $during + $after), tolerant => 1,
        connections => $CONNECTIONS, each => 1,
        timeout => $before + $during + $after + 60);
    sleep $before;
    my $stopped = clock_gettime(CLOCK_MONOTONIC);
    $lab->{as}->outage;
    my $out = _uncached($s, \@new, $stopped + $during);
    my $resumed = clock_gettime(CLOCK_MONOTONIC);
    $lab->{as}->recover;
    my $back = _return($s, \@new, $resumed);
    my $cached = $lab->load_end($load);
    $s->check_processes;
    $lab->stop_all;
    my $result = { rate => $RATE, stopped_s => $resumed - $stopped,
        uncached => $out, return => $back,
        cached => _windows($cached->{each}, $stopped * 1e9, $resumed * 1e9),
        errors => $cached->{errors} };
    _check($lab, $result);
    return $result;
}

# One request with a new token: [status, milliseconds].
sub _ask {
    my ($s, $new) = @_;
    my $begin = clock_gettime(CLOCK_MONOTONIC);
    my $token = shift @$new // die "outage: out of new tokens\n";
    my $status = eval {
        local $SIG{ALRM} = sub { die "no answer\n" };
        alarm $RETURN_WITHIN;
        my $st = $s->status($Bench::Lab::URI, $token);
        alarm 0;
        $st;
    } // 0;
    return [ $status, (clock_gettime(CLOCK_MONOTONIC) - $begin) * 1000 ];
}

sub _uncached {
    my ($s, $new, $end) = @_;
    my @answers;
    do {
        push @answers, _ask($s, $new);
        sleep 0.05;
    } while (clock_gettime(CLOCK_MONOTONIC) < $end);
    return \@answers;
}

# Asks until the first right answer.
sub _return {
    my ($s, $new, $since) = @_;
    my @answers;
    my $now = $since;
    while ($now - $since < $RETURN_WITHIN) {
        push @answers, _ask($s, $new);
        $now = clock_gettime(CLOCK_MONOTONIC);
        last if $answers[-1][0] != 503;
        sleep 0.02;
    }
    return { answers => \@answers, ms => ($now - $since) * 1000 };
}

sub _windows {
    my ($each, $stopped, $resumed) = @_;
    my %us = map { $_ => [] } qw(before during after);
    for my $e (@$each) {
        my $w = $e->[0] < $stopped ? 'before'
            : $e->[0] < $resumed ? 'during' : 'after';
        push @{ $us{$w} }, $e->[1] / 1000;
    }
    return { map { my @v = sort { $a <=> $b } @{ $us{$_} };
        @v ? ($_ => { requests => 0 + @v, p50_us => quantile(.5, @v),
            p99_us => quantile(.99, @v), max_us => $v[-1] }) : () } keys %us };
}

sub _check {
    my ($lab, $r) = @_;
    $lab->problem("outage: $r->{errors} cached requests failed")
        if $r->{errors};
    my %wrong = map { $_->[0] => 1 } grep { $_->[0] != 503 }
        @{ $r->{uncached} };
    $lab->problem('outage: a new token was answered '
            . join(', ', sort keys %wrong) . ', expected 503') if %wrong;
    my $last = $r->{return}{answers}[-1][0];
    $lab->problem("outage: $last after the authorization server's return, "
            . 'expected 200') if $last != 200;
}

sub table {
    my ($r) = @_;
    my @ms = map { $_->[1] } @{ $r->{uncached} };
    my $t = "## The authorization server stops answering\n\n"
        . sprintf("Cached tokens at %d requests a second, the server stopped "
        . "for %.1f s; beside them new tokens, one at a time.\n\n", $r->{rate},
        $r->{stopped_s})
        . "| cached requests | n | p50 us | p99 us | longest us |\n"
        . "|---|--:|--:|--:|--:|\n";
    for my $w (grep { $r->{cached}{$_} } qw(before during after)) {
        $t .= sprintf "| %s | %d | %.0f | %.0f | %.0f |\n", $w,
            @{ $r->{cached}{$w} }{qw(requests p50_us p99_us max_us)};
    }
    my %n;
    $n{ $_->[0] }++ for @{ $r->{uncached} };
    return $t . sprintf "\n%d new tokens during it (%s): the first after "
        . "%.0f ms, the slowest %.0f ms, the median %.0f ms. Failed cached "
        . "requests: %d. First right answer to a new token %.0f ms after the "
        . "return, %d asked.\n\n", 0 + @ms,
        join(', ', map { "$_: $n{$_}" } sort keys %n), $ms[0], max(@ms),
        quantile(.5, @ms), $r->{errors}, $r->{return}{ms},
        0 + @{ $r->{return}{answers} };
}

sub targets {
    my ($r) = @_;
    my $ratio = $r->{cached}{during}{p99_us} / $r->{cached}{before}{p99_us};
    my $slowest = max(map { $_->[1] } @{ $r->{uncached} }) / 1000;
    my $back = $r->{return}{ms} / 1000;
    return (
        { what => 'p99 of cached requests, AS stopped, x before',
            target => '<= 1.20', got => sprintf('%.2f', $ratio),
            met => $ratio <= 1.2 },
        { what => 'slowest 503 of a new token, AS stopped, s',
            target => '<= 2.1', got => sprintf('%.2f', $slowest),
            met => $slowest <= 2.1 },
        { what => 'right answers again after its return, s',
            target => '<= 1.5', got => sprintf('%.2f', $back),
            met => $back <= 1.5 });
}

1;
