#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Drills: graceful restarts and killed processes under load. No answer is wrong,
# nobody waits for ever, nothing a dead process held is lost. Each says what it
# measured.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use Test::More;
use List::Util qw(max);
use Time::HiRes qw(time sleep);
use Smart::AccessLog ();
use Smart::Json qw(json_decode);
use Smart::Lab ();
use Smart::Load ();

my $LONG = ($ENV{SMART_DRILL} // '') eq 'long' ? 5 : 1;
my $READ = 'Observation/obs-1';
my $BODY = 'canary of obs-1';

my $lab = Smart::Lab->new(fhir => 0);

sub figure { diag "figure: @_"; return }

sub conf {
    my ($more) = @_;
    return join '', Smart::AccessLog::conf(), "SmartCacheSize 1M\n$more",
        "SmartIntrospectionMaxConcurrent 64\n",
        $lab->protected(backend => 0, extra => "SmartCacheTTL 2s\n"
            . 'SmartIntrospectionTimeout connect=1s total=2s'),
        "<Location \"/smart-status\">\nSetHandler smart-status\n",
        "Require ip 127.0.0.1\n</Location>\n";
}

sub httpd {
    my ($mpm, $more) = @_;
    my $h = $lab->httpd(start => 0, mpm => $mpm, conf => conf($more));
    my $path = $h->dir . '/htdocs/fhir';
    mkdir $_ for $path, "$path/Observation";
    open my $f, '>', "$path/$READ" or die "$path/$READ: $!\n";
    print $f "$BODY\n";
    close $f;
    return $h->start;
}

sub numbers { return json_decode($_[0]->get('/smart-status')->body) }

# A request with what it has to be answered: tokens that may read, tokens that
# may not, and some that nobody knows.
sub wants {
    my ($token, $kind) = @_;
    return { target => "/fhir/$READ", token => $token,
             status => { may => 200, not => 403, none => 401 }->{$kind},
             body => { may => $BODY, not => 'OperationOutcome',
                       none => 'OperationOutcome' }->{$kind} };
}

sub may { return wants($lab->token(scope => 'user/Observation.rs'), 'may') }
sub may_not { return wants($lab->token(scope => 'user/Patient.rs'), 'not') }

# Known ones often, new ones in between: every fifth is asked about.
my $serial = 0;
sub requests {
    my ($n) = @_;
    my @known = map { ($_ % 3 ? may() : may_not()) } 1 .. 20;
    my @all;
    for my $i (1 .. $n) {
        push @all, $i % 5 ? $known[$i % @known]
            : $i % 10 ? may()
            : $i % 20 ? may_not()
            : wants('nobodys-token-' . ++$serial, 'none');
    }
    return @all;
}

# All that was sent before, once more: nothing is remembered wrong.
sub again {
    my ($h, @requests) = @_;
    my (%seen, @odd);
    my $c = $h->client;
    for my $w (grep { !$seen{$_->{token}}++ } @requests) {
        my $r = $c->request(GET => $w->{target},
                            [Authorization => "Bearer $w->{token}"]);
        push @odd, $r->status . " for $w->{status}"
            if $r->status != $w->{status}
            || index($r->body, $w->{body}) < 0;
    }
    return join ', ', @odd;
}

sub settled {
    my ($h) = @_;
    my $until = time() + 5;
    while (time() < $until) {
        my $n = numbers($h);
        return 1 if !$n->{permits}{held};
        sleep 0.1;
    }
    return 0;
}

# Nobody waits for a worker: one that finds none on a kept connection is not
# answered, and in prefork each of these takes a process. Old generations take
# places as well.
my %ENOUGH = (
    event => "StartServers 2\nServerLimit 8\nThreadsPerChild 64\n"
        . "MinSpareThreads 64\nMaxSpareThreads 128\n"
        . "MaxRequestWorkers 512\n",
    prefork => "StartServers 48\nMinSpareServers 8\nMaxSpareServers 48\n"
        . "ServerLimit 128\nMaxRequestWorkers 128\n");

for my $mpm (qw(event prefork)) {
    subtest "graceful restarts: $mpm" => sub {
        my $h = httpd($mpm, $ENOUGH{$mpm});
        my @requests = requests(2000);
        $lab->as_mode(delay => ms => 300);
        my $load = Smart::Load->start($h, connections => 32, rate => 150,
                                      requests => \@requests);
        sleep 0.3;
        my $restarts = 4 * $LONG;
        my $good = 0;
        for (1 .. $restarts) {
            $good += $h->graceful;
            sleep 0.5;
        }
        my $r = $load->stop;
        $lab->as_mode('ok');
        is $good, $restarts, 'all of them came about';
        is $r->bad, '', 'no answer was wrong, none was lost';
        cmp_ok $r->count('right'), '>', 250, '... of many';
        cmp_ok $r->count('closed'), '<=', 32 * $restarts,
            '... (connections were closed between requests)';
        is again($h, @requests[0 .. 199]), '', 'nor is one afterwards';
        ok settled($h), 'all permits are back';
        ok $h->log_text !~ /exit signal|AH0005[12]/, 'no process died';
        figure sprintf '%s: %d graceful restarts: %d wrong or lost of %s, '
            . '%d connections closed in between', $mpm, $restarts,
            $r->count - $r->count('right') - $r->count('closed'), $r->said,
            $r->count('closed');
        $h->stop;
    };
}

# Small processes, many of them: what a killed one loses is its own.
my %MANY = (
    event => "StartServers 16\nServerLimit 16\nThreadsPerChild 4\n"
        . "MinSpareThreads 48\nMaxSpareThreads 64\nMaxRequestWorkers 64\n",
    prefork => "StartServers 16\nMinSpareServers 12\nMaxSpareServers 16\n");

for my $mpm (qw(event prefork)) {
    subtest "killed processes: $mpm" => sub {
        my $h = httpd($mpm, $MANY{$mpm});
        sleep 0.3;
        my @requests = requests(3000);
        $lab->as_mode(delay => ms => 60);
        my $load = Smart::Load->start($h, connections => 16, rate => 300,
                                      requests => \@requests);
        sleep 0.3;
        my ($killed, $end) = (0, time() + 3 * $LONG);
        while (time() < $end) {
            my @kids = $h->children;
            $killed += kill 'KILL', $kids[rand @kids] if @kids > 2;
            sleep 0.1;
        }
        sleep 0.5;
        my $r = $load->stop;
        $lab->as_mode('ok');
        cmp_ok $killed, '>=', 15 * $LONG, 'processes were killed';
        is $r->count('wrong'), 0, 'no answer was wrong';
        is $r->count('hung'), 0, 'nobody waited for ever';
        my $broken = $r->count('broken');
        # What a process does at the moment it dies, and who just came to it.
        cmp_ok $broken + $r->count('closed'), '<=', 3 * $killed,
            'few went with their process';
        cmp_ok $r->count('right'), '>', 500, '... of many';
        cmp_ok $r->p(1), '<', 6000, '... all in time';
        is again($h, @requests[0 .. 299]), '', 'nothing is remembered wrong';
        ok settled($h), 'all permits are back';
        my $n = numbers($h);
        is $n->{permits}{held}, 0, 'none is held by a dead process';
        is join(' ', map { $_->{state} } @{$n->{breakers}}), 'closed',
            'the breaker is closed';
        # Every place of the cache can still be written: 1 MiB, many times.
        my $stored = $n->{cache}{active}{stored};
        my @fill = map { may() } 1 .. 300;
        is again($h, @fill), '', 'new tokens are learnt';
        my $m = numbers($h)->{cache}{active};
        is $m->{stored} - $stored, scalar @fill, '... and kept';
        is again($h, @fill[-100 .. -1]), '', '... and right';
        ok $h->log_text !~ /exit signal Seg|AH0005[12]/,
            'no process died by itself';
        figure sprintf '%s: %d processes killed: 0 wrong of %s, slowest %.0f '
            . 'ms, %d lost with their process, %d locks taken over', $mpm,
            $killed, $r->said, $r->p(1), $broken + $r->count('closed'),
            $m->{locks_taken_over};
        $h->stop;
    };
}

is join(' ', $lab->spilled), '', 'no token and no secret in any log';
done_testing;
