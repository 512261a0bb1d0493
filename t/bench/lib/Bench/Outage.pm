# SPDX-License-Identifier: Apache-2.0
#
# Scenario: the authorization server stops answering while cached requests go
# on, and comes back. It is stopped by signal: the kernel still accepts its
# connections, so that nothing tells the client but time.
#
#   before   cached requests alone
#   during   cached requests; beside them new tokens, ten a second, each of
#            which must be answered 503; ends when all are
#   after    cached requests; new tokens until one is answered 200
#
# Requests arrive at a constant rate and count from when they were due. There
# is a thread for every connection: nobody waits for a thread.
package Bench::Outage;

use strict;
use warnings;
use List::Util qw(max);
use Time::HiRes qw(sleep clock_gettime CLOCK_MONOTONIC);
use Bench::Report qw(quantile);

my $TOKENS = 64;
my $CONNECTIONS = 16;
my $RATE = 500;
my $NEW_RATE = 10;
my $NEW_CONNECTIONS = 64;
my $TIMEOUT = 2.5; # seconds; above what an answer to a new token may take
my $RETURN_WITHIN = 30; # seconds we wait for the first right answer

sub run {
    my ($lab, @names) = @_;
    return if !grep { $_ eq 'smart' } @names;
    my ($before, $during, $after) = @{ $lab->{o}{'outage-seconds'} };
    my $file = $lab->tokens($TOKENS);
    my $s = $lab->server('smart', threads => $CONNECTIONS + $NEW_CONNECTIONS);
    $lab->check_refuses($s);
    $lab->fill($s, $TOKENS, $file, 8);

    my $load = $lab->load_start($s, tokens => $file, rate => $RATE,
        requests => int($RATE * ($before + $during + $after)), tolerant => 1,
        connections => $CONNECTIONS, each => 1,
        timeout => $before + $during + $after + 60);
    sleep $before;
    my $stopped = clock_gettime(CLOCK_MONOTONIC);
    $lab->{as}->outage;
    my $new = $lab->load($s, tokens => $lab->tokens(1000), rate => $NEW_RATE,
        requests => int($NEW_RATE * ($during - $TIMEOUT)) || 1,
        connections => $NEW_CONNECTIONS, expect => 503, tolerant => 1,
        each => 1, timeout => 60);
    my $resumed = clock_gettime(CLOCK_MONOTONIC);
    $lab->{as}->recover;
    my $back = _return($lab, $s, $resumed);
    my $cached = $lab->load_end($load);
    $s->check_processes;
    $lab->stop_all;
    my $result = { rate => $RATE, stopped_s => $resumed - $stopped,
        uncached => [ map { [ $_->[2], $_->[1] / 1e6 ] } @{ $new->{each} } ],
        return => $back,
        cached => _windows($cached->{each}, $stopped * 1e9, $resumed * 1e9),
        errors => $cached->{errors} };
    my $failed = $lab->failures($cached);
    $lab->problem("outage: cached tokens, $failed") if $failed;
    _check($lab, $result);
    return $result;
}

# Asks with new tokens until the first right answer.
sub _return {
    my ($lab, $s, $since) = @_;
    open my $f, '<', $lab->tokens(2000) or die "tokens: $!\n";
    my ($now, $asked, $status) = ($since, 0, 0);
    while ($now - $since < $RETURN_WITHIN && defined(my $token = <$f>)) {
        chomp $token;
        $status = _status($s, $token);
        $asked++;
        $now = clock_gettime(CLOCK_MONOTONIC);
        last if $status != 503;
        sleep 0.02;
    }
    return { asked => $asked, status => $status, ms => ($now - $since) * 1000 };
}

sub _status {
    my ($s, $token) = @_;
    my $status = eval {
        local $SIG{ALRM} = sub { die "no answer\n" };
        alarm $RETURN_WITHIN;
        $s->status($Bench::Lab::URI, $token);
    };
    alarm 0;
    return $status // 0;
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
    my %wrong = map { $_->[0] => 1 } grep { $_->[0] != 503 }
        @{ $r->{uncached} };
    $lab->problem('outage: a new token was answered '
            . join(', ', sort keys %wrong) . ', expected 503') if %wrong;
    my $last = $r->{return}{status};
    $lab->problem("outage: $last after the authorization server's return, "
            . 'expected 200') if $last != 200;
}

sub table {
    my ($r) = @_;
    my @ms = map { $_->[1] } @{ $r->{uncached} };
    my %n;
    $n{ $_->[0] }++ for @{ $r->{uncached} };
    my $t = "## The authorization server stops answering\n\n"
        . sprintf("Cached tokens at %d requests a second, the server stopped "
        . "for %.1f s; beside them new tokens at %d a second.\n\n", $r->{rate},
        $r->{stopped_s}, $NEW_RATE)
        . "| cached requests | n | p50 us | p99 us | longest us |\n"
        . "|---|--:|--:|--:|--:|\n";
    for my $w (grep { $r->{cached}{$_} } qw(before during after)) {
        $t .= sprintf "| %s | %d | %.0f | %.0f | %.0f |\n", $w,
            @{ $r->{cached}{$w} }{qw(requests p50_us p99_us max_us)};
    }
    return $t . sprintf "\n%d new tokens during it (%s): the first after "
        . "%.0f ms, the slowest %.0f ms, the median %.0f ms. First right "
        . "answer to a new token %.0f ms after the return, asked %d times.\n\n",
        0 + @ms, join(', ', map { "$_: $n{$_}" } sort keys %n), $ms[0],
        max(@ms), quantile(.5, @ms), @{ $r->{return} }{qw(ms asked)};
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
