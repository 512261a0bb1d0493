#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Drills: many at once. One question for a herd, whichever threads and
# processes it meets; no more questions than the cap; a flood of tokens nobody
# knows leaves room for good ones. Each says what it measured.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use Test::More;
use List::Util qw(max min sum0);
use POSIX ();
use Time::HiRes qw(time sleep);
use Smart::AccessLog ();
use Smart::Json qw(json_decode);
use Smart::Lab ();
use Smart::Load ();

my $LONG = ($ENV{SMART_DRILL} // '') eq 'long' ? 5 : 1;
my $HERD = 500;
my $CAP = 8;
my $SCOPE = 'user/Observation.rs';
my $READ = 'Observation/obs-1';
my $BODY = 'canary of obs-1';

my $lab = Smart::Lab->new(fhir => 0);

sub figure { diag "figure: @_"; return }

# An httpd with a file behind the gate.
sub httpd {
    my ($mpm, $more) = @_;
    my $h = $lab->httpd(start => 0, mpm => $mpm, conf => join '',
        Smart::AccessLog::conf(), "ListenBacklog 1024\n$more",
        $lab->protected(backend => 0, extra => 'SmartCacheTTL 300s'),
        "<Location \"/smart-status\">\nSetHandler smart-status\n",
        "Require ip 127.0.0.1\n</Location>\n");
    my $path = $h->dir . '/htdocs/fhir';
    mkdir $_ for $path, "$path/Observation";
    open my $f, '>', "$path/$READ" or die "$path/$READ: $!\n";
    print $f "$BODY\n";
    close $f;
    return $h->start;
}

sub numbers { return json_decode($_[0]->get('/smart-status')->body) }

# So many requests at the same time, with these tokens in turn.
sub herd {
    my ($h, $n, @tokens) = @_;
    return $h->client(timeout => 20)->parallel(map {
        [GET => "/fhir/$READ", [Authorization => "Bearer $_",
                                Connection => 'close']]
    } map { $tokens[$_ % @tokens] } 0 .. $n - 1);
}

# "200:499 0:1" of answers; a 200 counts with its body only.
sub statuses {
    my %n;
    for (@_) {
        $n{$_->status == 200 && $_->body ne "$BODY\n" ? 'wrong'
           : $_->status}++;
    }
    return join ' ', map { "$_:$n{$_}" } sort keys %n;
}

# Workers for a herd: all of them wait at once.
my %MANY = (
    event => "StartServers 8\nServerLimit 8\nThreadsPerChild 64\n"
        . "MinSpareThreads 512\nMaxSpareThreads 512\nMaxRequestWorkers 512\n",
    prefork => "StartServers 64\nMinSpareServers 32\n");

for my $mpm (qw(event prefork)) {
    subtest "a herd with one new token: $mpm" => sub {
        my $h = httpd($mpm, $MANY{$mpm});
        sleep 0.5;
        for my $n (1 .. 2 * $LONG) {
            $lab->as_mode(delay => ms => 400);
            my $t = $lab->token(scope => $SCOPE);
            my $before = $lab->as_count;
            my @r = herd($h, $HERD, $t);
            is statuses(@r), "200:$HERD", "herd $n: everybody is answered";
            is $lab->as_count - $before, 1, '... and one question asked';
            my $slowest = max(map { $_->{elapsed} } @r);
            cmp_ok $slowest, '<', 2, '... in time';
            figure sprintf '%s: herd of %d, answer after 400 ms: %d question, '
                . 'slowest %.0f ms', $mpm, $HERD, $lab->as_count - $before,
                $slowest * 1000;
        }
        # The same for a token that is refused.
        my $before = $lab->as_count;
        is statuses(herd($h, 100, 'nobodys-token')), '401:100',
            'a herd nobody knows is refused';
        is $lab->as_count - $before, 1, '... after one question';
        $lab->as_mode('status', status => 500);
        my $t = $lab->token(scope => $SCOPE);
        $before = $lab->as_count;
        is statuses(herd($h, 50, $t)), '503:50', 'trouble is for all';
        cmp_ok $lab->as_count - $before, '<=', 2, '... after one question';
        $lab->as_mode('ok');
        ok $h->log_text !~ /exit signal|AH0005[12]/, 'no process died';
        $h->stop;
    };
}

# The processes of a server that have a connection to the authorization server.
sub connected {
    my ($h) = @_;
    my $port = sprintf '%04X', $lab->as_port;
    my %inode;
    open my $f, '<', '/proc/net/tcp' or return;
    while (<$f>) {
        my @w = split ' ';
        $inode{$w[9]} = 1 if $w[2] =~ /:$port\z/ && $w[3] eq '01';
    }
    return grep {
        my $pid = $_;
        grep { (readlink($_) // '') =~ /\Asocket:\[(\d+)\]\z/ && $inode{$1} }
            glob "/proc/$pid/fd/*";
    } $h->children;
}

# Of a server that has asked nothing yet, kill who does; in the background.
sub kill_first {
    my ($h, $file) = @_;
    my $pid = fork // die "fork: $!\n";
    return $pid if $pid;
    my $until = time() + 3;
    my @who;
    sleep 0.02 until (@who = connected($h)) || time() > $until;
    sleep 0.1;
    kill 'KILL', @who;
    open my $f, '>', $file;
    print $f "@who";
    close $f;
    POSIX::_exit(0);
}

subtest 'a herd whose leader is killed' => sub {
    for my $n (1 .. 1 * $LONG) {
        my $h = httpd('event', "StartServers 4\nServerLimit 4\n"
            . "ThreadsPerChild 16\nMaxRequestWorkers 64\n");
        sleep 0.3;
        my $t = $lab->token(scope => $SCOPE);
        my $file = $h->dir . '/killed';
        $lab->as_mode(delay => ms => 900);
        my $killer = kill_first($h, $file);
        my @r = herd($h, 48, $t);
        waitpid $killer, 0;
        $lab->as_mode('ok');
        open my $f, '<', $file or die "$file: $!\n";
        my @killed = split ' ', <$f> // '';
        is scalar @killed, 1, "herd $n: one process asks, and is killed";
        my ($lost, $good) = map { my $s = $_;
            scalar grep { $_->status == $s } @r } 0, 200;
        cmp_ok $lost, '>=', 1, '... and its own requests with it';
        is statuses(@r), "0:$lost 200:$good",
            'the others are answered right';
        cmp_ok $good, '>=', 16, '... and they are many';
        is $lab->as_count($t), 2, '... after one question more';
        my $slowest = max(map { $_->status ? $_->{elapsed} : 0 } @r);
        cmp_ok $slowest, '<', 2.1, '... in time';
        is $h->get("/fhir/$READ", $t)->status, 200, 'the token is known';
        ok $h->log_text !~ /exit signal Seg|AH0005[12]/,
            'no other process died';
        figure sprintf 'leader killed: %d of %d lost with their process, %d '
            . 'answered, slowest %.0f ms, %d questions', $lost, scalar @r,
            $good, $slowest * 1000, $lab->as_count($t);
        $h->stop;
    }
};

for my $mpm (qw(prefork event)) {
    subtest "no more at once than may ask: $mpm" => sub {
        my $h = httpd($mpm, "SmartIntrospectionMaxConcurrent $CAP\n"
                      . $MANY{$mpm});
        sleep 0.5;
        my @tokens = map { $lab->token(scope => $SCOPE) } 1 .. 60;
        $lab->control(as => 'reset', {});
        $lab->token(scope => $SCOPE, token => $_) for @tokens;
        $lab->as_mode(delay => ms => 200);
        my @r = herd($h, scalar @tokens, @tokens);
        my ($peak, $asked) = ($lab->as_peak, $lab->as_count);
        $lab->as_mode('ok');
        cmp_ok $peak, '<=', $CAP, 'the cap holds';
        cmp_ok $peak, '>=', $CAP / 2, '... and is made use of';
        my %n = map { split /:/ } split / /, statuses(@r);
        is join(' ', sort keys %n), '200 503',
            'some are asked about, the others get 503';
        is $n{200}, $asked, '... nothing is asked in vain';
        is scalar(grep { $_->status == 503
                         && !$_->header('Retry-After') } @r), 0,
            '... with Retry-After';
        my $slowest = max(map { $_->{elapsed} } @r);
        cmp_ok $slowest, '<', 2.1, '... in time';
        is numbers($h)->{permits}{held}, 0, 'all permits are back';
        is statuses(herd($h, $CAP, @tokens[0 .. 2])), "200:$CAP",
            'and it goes on';
        figure sprintf '%s: %d new tokens at once, %d under way at once (cap '
            . '%d), %s, slowest %.0f ms', $mpm, scalar @tokens, $peak, $CAP,
            statuses(@r), $slowest * 1000;
        $h->stop;
    };
}

subtest 'a flood of tokens nobody knows' => sub {
    my $h = httpd('event', "SmartIntrospectionMaxConcurrent $CAP\n"
                  . "SmartCacheSize 1M\n");
    my @good = map { $lab->token(scope => $SCOPE) } 1 .. 100;
    my @new = map { $lab->token(scope => $SCOPE) } 1 .. 10 * $LONG;
    $h->get("/fhir/$READ", $_) for @good;
    my %asked = map { $_ => $lab->as_count($_) } @good;
    $lab->as_mode(delay => ms => 10);
    my $flood = Smart::Load->start($h, connections => 24, requests => [map {
        { target => "/fhir/$READ", token => sprintf('flood-%06d', $_),
          status => 401 } } 1 .. 100_000]);
    my $load = Smart::Load->start($h, connections => 4, rate => 200,
        requests => [map { { target => "/fhir/$READ", token => $_,
                             status => 200, body => $BODY } } @good]);
    my @said;
    for (@new) {
        sleep 0.25;
        push @said, $h->get("/fhir/$READ", $_);
    }
    my ($good, $bad) = ($load->stop, $flood->stop);
    $lab->as_mode('ok');
    my $again = sum0(map { $lab->as_count($_) - $asked{$_} } @good);
    my $ratio = 1 - $again / $good->count;
    is $good->bad, '', 'good tokens are answered right';
    cmp_ok $ratio, '>=', 0.99, '... from the cache';
    is statuses(@said), '200:' . @new, 'a good new one is let in';
    my $slowest = max(map { $_->{elapsed} } @said);
    cmp_ok $slowest, '<', 2.1, '... in time';
    my %n;
    $n{$_->{status}}++ for grep { $_->{verdict} ne 'closed' } $bad->all;
    is join(' ', grep { !/^(?:401|503)$/ } sort keys %n), '',
        'the others are refused';
    cmp_ok $bad->count, '>', 500, '... and they were many';
    is numbers($h)->{cache}{active}{evictions_live}, 0,
        'no good record made room for them';
    figure sprintf 'flood: %d tokens nobody knows (%s); good ones: hit ratio '
        . '%.4f, %s; new good ones: slowest %.0f ms', $bad->count,
        join(' ', map { "$_:$n{$_}" } sort keys %n), $ratio, $good->said,
        $slowest * 1000;
    $h->stop;
};

is join(' ', $lab->spilled), '', 'no token and no secret in any log';
done_testing;
