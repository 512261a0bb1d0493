#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Graceful restarts: what was known stays known, what was configured anew
# holds at once.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use Test::More;
use POSIX ();
use Time::HiRes qw(time sleep);
use Smart::AccessLog ();
use Smart::Lab ();

my $lab = Smart::Lab->new;
my $SCOPE = 'user/Observation.rs';
my $URL = '/fhir/Observation/obs-1';

sub conf {
    my (%o) = @_;
    return ($o{global} // '') . Smart::AccessLog::conf()
        . $lab->protected(extra => $o{extra} // '');
}

my $h = $lab->httpd(conf => conf());
my $log = Smart::AccessLog->new($h);

sub says {
    my ($token) = @_;
    $log->skip;
    $h->get($URL, $token);
    my $line = $log->next;
    return "$line->{decision} $line->{cache}";
}

# A new generation with this configuration, and no child of the old one left.
sub reload {
    my (%o) = @_;
    my @old = $h->children;
    $h->write_conf(conf(%o));
    $h->graceful or return 0;
    my $end = time() + 10;
    while (time() < $end) {
        my %now = map { $_ => 1 } $h->children;
        return 1 if !grep { $now{$_} } @old;
        sleep 0.05;
    }
    return 0;
}

sub segments {
    my ($pid) = @_;
    open my $f, '<', "/proc/$pid/maps" or return -1;
    return scalar grep { m{ rw-s .*/dev/zero} } <$f>;
}

my $t = $lab->token(scope => $SCOPE);
is says($t), 'permit miss', 'a token is asked about';
is says('unknown-before-restart'), 'token-inactive miss', 'so is another';
my $segments = segments($h->pid);

subtest 'the cache stays' => sub {
    for (1 .. 3) {
        ok reload(), "graceful restart $_";
        is says($t), 'permit hit', '... nobody is asked again';
    }
    is says('unknown-before-restart'), 'token-inactive negative',
        'nor about the inactive one';
    is $lab->as_count, 2, 'two questions in all';
    is segments($h->pid), $segments, 'no segment was left over';
};

subtest 'a policy that changed' => sub {
    ok reload(extra => 'SmartRule read Observation deny'), 'restart';
    is says($t), 'rule hit', 'a new rule holds, the token is known';
    ok reload(extra => 'Require smart-client nobody'), 'restart';
    is says($t), 'permit hit',
        'one Require line of two is enough, as in httpd';
    ok reload(extra => 'SmartIssuer https://nobody.example'), 'restart';
    is says($t), 'token-issuer hit', 'a new issuer holds';
    ok reload(), 'restart';
    is says($t), 'permit hit', 'the old policy again';
    is $lab->as_count($t), 1, 'one question in all';
};

subtest 'a server that is gone meanwhile' => sub {
    $lab->as_mode('close');
    ok reload(), 'restart';
    is says($t), 'permit hit', 'what is known is served';
    my $new = $lab->token(scope => $SCOPE);
    is says($new), 'as-trouble miss', 'what is not, is not';
    $lab->as_mode('ok');
    is says($new), 'permit miss', 'the server is back';
};

subtest 'traffic during restarts' => sub {
    my $before = $lab->as_count;
    my ($good, %bad) = (0);
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        for (1 .. 3) { $h->graceful; sleep 0.3 }
        POSIX::_exit(0);
    }
    my $end = time() + 2.5;
    while (time() < $end) {
        my $r = $h->get($URL, $t);
        if ($r->status == 200) { $good++ }
        else { $bad{$r->status}++ }
    }
    waitpid $pid, 0;
    is join(' ', map { "$_:$bad{$_}" } sort keys %bad), '',
        "no request of $good was lost";
    is $lab->as_count, $before, 'nobody was asked';
};

subtest 'what has to start anew' => sub {
    ok reload(extra => "SmartScopeAlias x $SCOPE"), 'other aliases';
    is says($t), 'permit miss', '... make other records';
    is says($t), 'permit hit', '... which are kept';
    ok reload(global => "SmartCacheSize 16M\n"), 'another size';
    is says($t), 'permit miss', '... is another segment';
    is says($t), 'permit hit', '... that works';
    is segments($h->pid), $segments, '... in place of the old one';
    ok reload(global => "SmartCacheSize 16M\n"), 'the same size';
    is says($t), 'permit hit', '... is the same segment';
    $h->stop;
    $h->start;
    is says($t), 'permit miss', 'a new start knows nothing';
};

ok $h->log_text !~ /exit signal|AH0005[12]/, 'no process died';
is join(' ', $lab->spilled('unknown-before-restart')), '',
    'no token and no secret in any log';
done_testing;
