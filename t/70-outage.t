#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Drills: the authorization server dies, hangs or lies while requests come in.
# Each says what it measured. SMART_DRILL=long takes more time for each.
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
my $CAP = 8;
my $SCOPE = 'user/Observation.rs';
my $READ = 'Observation/obs-1';
my $BODY = 'canary of obs-1';
my $CONNECTIONS = 8;

my $lab = Smart::Lab->new(fhir => 0);

sub location {
    my ($path, $extra, $endpoint) = @_;
    my $text = $lab->protected(path => "/$path", backend => 0,
                               extra => $extra // '');
    $text =~ s/\@INTROSPECT\@/$endpoint/ if $endpoint;
    return $text;
}

# Threads for all at once: a process without a free one closes connections that
# clients keep. The second endpoint speaks plain HTTP to those who want TLS.
# Each drill that opens a breaker waits until it is closed again.
my $h = $lab->httpd(start => 0, conf => join '',
    "StartServers 2\nServerLimit 2\nThreadsPerChild 64\n",
    "MaxRequestWorkers 128\nMinSpareThreads 64\nMaxSpareThreads 128\n",
    "SmartIntrospectionMaxConcurrent $CAP\n", Smart::AccessLog::conf(),
    location('fhir', 'SmartCacheTTL 300s'),
    location('short', 'SmartCacheTTL 2s'),
    location('stale', "SmartCacheTTL 2s\nSmartStaleIfError 4s"),
    location('hot', 'SmartCacheTTL 4s'),
    location('tls', '', 'https://127.0.0.1:' . $lab->as_port . '/introspect'),
    "<Location \"/smart-status\">\nSetHandler smart-status\n",
    "Require ip 127.0.0.1\n</Location>\n");
for my $base (qw(fhir short stale hot tls)) {
    my $path = $h->dir . "/htdocs/$base";
    mkdir $_ for $path, "$path/Observation";
    open my $f, '>', "$path/$READ" or die "$path/$READ: $!\n";
    print $f "$BODY\n";
    close $f;
}
$h->start;
my $log = Smart::AccessLog->new($h);

# --- helpers -----------------------------------------------------------------

sub figure { diag "figure: @_"; return }

sub mint { return $lab->token(scope => $SCOPE, @_) }

# A request: ["200", milliseconds, response].
sub ask {
    my ($token, $base) = @_;
    my $r = $h->get('/' . ($base // 'fhir') . "/$READ", $token);
    return [$r->status, $r->{elapsed} * 1000, $r];
}

sub numbers { return json_decode($h->get('/smart-status')->body) }

# Of breakers that have been open.
sub state_of {
    return join ' ', map { $_->{state} }
        grep { $_->{openings} } @{numbers()->{breakers}};
}

sub quantile {
    my ($q, @v) = @_;
    @v = sort { $a <=> $b } @v;
    return $v[int $q * $#v];
}

# Requests with known tokens, in the background.
my @known = map { mint() } 1 .. 16;
sub load_start {
    my (%o) = @_;
    return Smart::Load->start($h, connections => $CONNECTIONS, rate => 150,
        requests => [map { { target => "/fhir/$READ", token => $_,
                             status => 200, body => $BODY } } @known], %o);
}

# New tokens, one after the other, until a time: [[status, ms, response]...].
sub new_ones {
    my ($until, $tokens, $base) = @_;
    my @said;
    while (time() < $until && @$tokens) {
        push @said, ask(shift @$tokens, $base);
        sleep 0.02;
    }
    return @said;
}

# Seconds until a new token is answered right.
sub back_after {
    my ($since, $tokens) = @_;
    while (time() - $since < 10 && @$tokens) {
        my $said = ask(shift @$tokens);
        return time() - $since if $said->[0] == 200;
        sleep 0.02;
    }
    return 9**9**9;
}

sub statuses {
    my %n;
    $n{$_->[0]}++ for @_;
    return join ' ', map { "$_:$n{$_}" } sort keys %n;
}

# Cached requests must not notice what the authorization server does. The
# bounds are wide, for machines that do other things as well: who waits for
# the server waits for seconds.
sub unaffected {
    my ($load, $from, $to) = @_;
    my ($before, $during)
        = ($load->between(0, $from), $load->between($from, $to));
    is $load->bad, '', 'all cached requests are answered right';
    cmp_ok $during->count, '>', 50, '... also during it';
    cmp_ok $during->p(.99), '<', 5 * $before->p(.99) + 50,
        '... as fast as before';
    figure sprintf '    cached before: %s; during: %s', $before->said,
        $during->said;
    return;
}

ask($_) for @known;

# --- the drills --------------------------------------------------------------

subtest 'killed' => sub {
    my @tokens = map { mint() } 1 .. 400 * $LONG;
    my $load = load_start();
    sleep 1.5 * $LONG;
    my $from = time();
    $lab->as_kill;
    my @said = new_ones($from + 1.5 * $LONG, \@tokens);
    my $to = time();
    is statuses(@said), '503:' . @said, 'new tokens get 503';
    is scalar(grep { ($_->[2]->header('Retry-After') // '') !~ /\A[1-9]\d*\z/ }
              @said), 0, '... with Retry-After';
    is state_of(), 'open', 'the breaker is open';
    my @open = map { $_->[1] } @said[5 .. $#said];
    cmp_ok quantile(.95, @open), '<=', 50, '... and they come at once';
    $lab->as_revive;
    my $back = back_after(time(), \@tokens);
    cmp_ok $back, '<=', 1.5, 'right answers again';
    unaffected($load->stop, $from, $to);
    figure sprintf 'killed: %d x 503, with the breaker open p50 %.1f ms, '
        . 'p95 %.1f ms, max %.1f ms; back after %.2f s', scalar @said,
        quantile(.5, @open), quantile(.95, @open), max(@open), $back;
};

subtest 'stopped by a signal' => sub {
    my @tokens = map { mint() } 1 .. 300 * $LONG;
    my $load = load_start();
    sleep 1.5 * $LONG;
    my $from = time();
    kill 'STOP', $lab->as_pid;
    # More at once than may ask: most wait for a permit first.
    my $c = $h->client(timeout => 10);
    my @first = map { [$_->status, $_->{elapsed} * 1000, $_] }
        $c->parallel(map { [GET => "/fhir/$READ",
            [Authorization => 'Bearer ' . shift @tokens,
             Connection => 'close']] } 1 .. 3 * $CAP);
    my @then = new_ones(time() + 1 * $LONG, \@tokens);
    my $to = time();
    is statuses(@first, @then), '503:' . (@first + @then),
        'new tokens get 503';
    my $slowest = max(map { $_->[1] } @first, @then);
    cmp_ok $slowest, '<=', 2100, '... in time';
    kill 'CONT', $lab->as_pid;
    my $back = back_after(time(), \@tokens);
    cmp_ok $back, '<=', 1.5, 'right answers again';
    unaffected($load->stop, $from, $to);
    figure sprintf 'stopped: %d x 503, slowest %.0f ms; back after %.2f s',
        @first + @then, $slowest, $back;
};

subtest 'hanging' => sub {
    my @tokens = map { mint() } 1 .. 200;
    $lab->control(as => 'reset', {});
    mint(token => $_) for @known, @tokens;
    $lab->as_mode('hang');
    my $load = load_start();
    my $from = time();
    my @said = $h->client(timeout => 10)->parallel(map {
        [GET => "/fhir/$READ", [Authorization => 'Bearer ' . shift @tokens,
                                Connection => 'close']] } 1 .. 5 * $CAP);
    my $to = time();
    my $peak = $lab->as_peak;
    $lab->as_mode('ok');
    my $back = back_after(time(), \@tokens);
    is statuses(map { [$_->status] } @said), '503:' . @said,
        'new tokens get 503';
    cmp_ok max(map { $_->{elapsed} } @said), '<=', 2.1, '... in time';
    cmp_ok $peak, '<=', $CAP, 'no more than may ask at once';
    cmp_ok $peak, '>=', $CAP / 2, '... and no fewer than that';
    cmp_ok $back, '<=', 1.5, 'right answers again';
    is $load->stop->bad, '', 'all cached requests are answered right';
    figure sprintf 'hanging: %d at once, %d asked at once (cap %d), slowest '
        . '%.2f s; back after %.2f s', scalar @said, $peak, $CAP,
        max(map { $_->{elapsed} } @said), $back;
};

for my $fault (['status 500' => 'status', status => 500], ['garbage' => 'garbage'],
               ['a slow drip' => 'drip', ms => 300, bytes => 4],
               ['a redirect' => 'redirect', status => 307]) {
    my ($name, $mode, @more) = @$fault;
    subtest $name => sub {
        my @tokens = map { mint() } 1 .. 100;
        my $asked = $lab->as_count;
        $lab->as_mode($mode, @more);
        my $load = load_start();
        my @said = map { [$_->status, $_->{elapsed} * 1000, $_] }
            $h->client->parallel(map {
                [GET => "/fhir/$READ",
                 [Authorization => 'Bearer ' . shift @tokens,
                  Connection => 'close']] } 1 .. 6);
        is state_of(), 'open', 'the breaker opens';
        push @said, ask(shift @tokens) for 1 .. 10;
        is statuses(@said), '503:16', 'new tokens get 503';
        cmp_ok max(map { $_->[1] } @said), '<=', 2100, '... in time';
        my $questions = $lab->as_count - $asked;
        cmp_ok $questions, '<=', 7, '... and few are asked about';
        $lab->as_mode('ok');
        my $back = back_after(time(), \@tokens);
        cmp_ok $back, '<=', 1.5, 'right answers again';
        is state_of(), 'closed', '... the breaker closes';
        is $load->stop->bad, '', 'all cached requests are answered right';
        figure sprintf '%s: %d requests, %d questions; back after %.2f s',
            $name, scalar @said, $questions, $back;
    };
}

subtest 'no TLS' => sub {
    my @said = map { ask(mint(), 'tls') } 1 .. 10;
    is statuses(@said), '503:10', 'new tokens get 503';
    my @known_said = map { ask($_)->[0] } @known;
    is scalar(grep { $_ == 200 } @known_said), scalar(@known),
        'the other endpoint is not held responsible';
    is ask(mint())->[0], 200, '... and is asked';
};

# What is stale may be served, but not what has ended.
subtest 'longer than the time to live' => sub {
    my ($t, $u) = (mint(), mint());
    is ask($t, 'short')->[0] . ask($u, 'stale')->[0], '200200', 'learnt';
    my $start = time();
    my $ends = mint(exp => int($start) + 4);
    is ask($ends, 'stale')->[0], 200, '... and one that ends before the rest';
    $lab->as_kill;
    my (%last, %seen, $past);
    while (time() - $start < 7.5) {
        my %said = (short => ask($t, 'short'), stale => ask($u, 'stale'),
                    ends => ask($ends, 'stale'));
        my $now = time();
        for (keys %said) {
            $seen{$_}{$said{$_}[0]}++;
            $last{$_} = $now - $start if $said{$_}[0] == 200;
        }
        # Up to a second, by the clock that exp is in.
        $past++ if $said{ends}[0] == 200 && time() >= int($start) + 5;
        sleep 0.1;
    }
    is join(' ', map { sort keys %{$seen{$_}} } qw(short stale)),
        '200 503 200 503', 'served for a while, then 503';
    cmp_ok $last{short}, '<=', 2.2, 'without SmartStaleIfError: the TTL';
    cmp_ok $last{short}, '>=', 1.5, '... of which little is missing';
    cmp_ok $last{stale}, '<=', 6.3, 'with it: so much longer';
    cmp_ok $last{stale}, '>=', 5.3, '... of which little is missing';
    cmp_ok $last{ends}, '<=', 5, 'never past exp';
    is $past // 0, 0, '... not once';
    cmp_ok $last{ends}, '>=', 2.2, '... though stale before that';
    cmp_ok numbers()->{counts}{cache_stale_hits}, '>', 5, '... as is counted';
    $lab->as_revive;
    my @tokens = map { mint() } 1 .. 100;
    cmp_ok back_after(time(), \@tokens), '<=', 1.5, 'right answers again';
    figure sprintf 'TTL 2 s: served %.1f s; with 4 s more: %.1f s; with exp '
        . 'in between: %.1f s', @last{qw(short stale ends)};
};

subtest 'a token in use' => sub {
    my $t = mint();
    $lab->as_mode(delay => ms => 400);
    is ask($t, 'hot')->[0], 200, 'learnt';
    my $asked = $lab->as_count($t);
    my $before = numbers()->{counts};
    my $load = Smart::Load->start($h, connections => 4, rate => 60,
        requests => [{ target => "/hot/$READ", token => $t, status => 200,
                       body => $BODY }]);
    sleep 9 * $LONG;
    my $busy = $load->stop;
    my $after = numbers()->{counts};
    my %d = map { $_ => $after->{$_} - $before->{$_} } keys %$after;
    is $busy->bad, '', 'is answered right all the time';
    is $d{cache_misses}, 0, '... and never missed';
    cmp_ok $busy->p(1), '<', 350, '... so that nobody waits for the server';
    my $more = $lab->as_count($t) - $asked;
    cmp_ok $more, '>=', 2, '... which is asked';
    cmp_ok $more, '<=', 4 * $LONG, '... no more than once each time';
    $lab->as_mode('ok');
    my $revoked = time();
    $lab->revoke($t);
    my $last = 0;
    while (time() - $revoked < 6) {
        my $said = ask($t, 'hot');
        $last = time() - $revoked if $said->[0] == 200;
        last if $said->[0] == 401;
        sleep 0.05;
    }
    is ask($t, 'hot')->[0], 401, 'revoked';
    cmp_ok $last, '<=', 5, '... which is seen within the TTL and a second';
    figure sprintf 'TTL 4 s, answers after 0.4 s: %s, slowest %.1f ms, %d '
        . 'refreshes; a revocation seen after %.1f s', $busy->said,
        $busy->p(1), $more, $last;
};

my $text = $h->log_text;
my $opened = () = $text =~ /SMART0208/g;
my $closed = () = $text =~ /SMART0209/g;
cmp_ok $opened, '>=', 7, 'each opening is logged';
is $closed, $opened - 1, '... and each closing (the one without TLS is open)';
ok $text !~ /exit signal|AH0005[12]/, 'no process died';
is join(' ', $lab->spilled), '', 'no token and no secret in any log';
done_testing;
