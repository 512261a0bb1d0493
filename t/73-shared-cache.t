#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Several machines: what one has learnt about a token serves the others through
# a real Redis or memcached, and nothing that happens to it, or that somebody
# does to it, makes an answer wrong or late. "Machines" are httpds with caches
# of their own. SMART_DRILL=long takes more time for the drills.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use Test::More;
use List::Util qw(max sum);
use Time::HiRes qw(time sleep);
use Smart::Json qw(json_decode);
use Smart::Lab ();
use Smart::Load ();
use Smart::Store ();

my $LONG = ($ENV{SMART_DRILL} // '') eq 'long' ? 5 : 1;
my $READ = 'Observation/obs-1';
my $SECRET = 'secret-of-the-cluster-0123456789';
my $PUBLIC = 'SmartPublicURL https://fhir.example.org';

my $lab = Smart::Lab->new;
my $far = Smart::Lab->new(fhir => 0); # the same, for another realm

# --- helpers -----------------------------------------------------------------

sub figure { diag "figure: @_"; return }

sub secret_file {
    my ($name, $text) = @_;
    my $path = $lab->dir . "/$name";
    open my $f, '>', $path or die "$path: $!\n";
    print $f "$text\n";
    close $f;
    chmod 0600, $path;
    return "file:$path";
}

my $ours = secret_file('cluster', $SECRET);
my $theirs = secret_file('other-cluster', "another-$SECRET");

# Bases with different times to live; all under the same URLs on all machines.
# A long one for the authorization server where a test counts questions.
sub base {
    my ($path, @lines) = @_;
    return $lab->protected(path => "/$path", extra => join "\n",
        "$PUBLIC/$path", 'SmartFhirUser optional', @lines);
}

sub conf {
    my ($store, $secret, @more) = @_;
    return join '', "SmartCacheShared " . $store->spec . "\n",
        "SmartSecret $secret\n", base('fhir', 'SmartCacheTTL 300s'),
        base('short', 'SmartCacheTTL 2s'), base('hot', 'SmartCacheTTL 4s'),
        base('off', 'SmartCacheTTL 0s'), @more,
        "<Location \"/smart-status\">\nSetHandler smart-status\n",
        "Require ip 127.0.0.1\n</Location>\n";
}

# Its processes are warm: threads and connections are there, as after the first
# minute in any day. On a busy machine making them takes longer than anybody
# waits for the store.
my %counted;
sub machine {
    my ($store, %o) = @_;
    my $h = $lab->httpd(modules => ["socache_$store->{kind}"],
        conf => conf($store, $o{secret} // $ours, $o{more} // ''));
    ask($h, mint()) for 1 .. 8;
    $h->client->parallel(map { [GET => "/fhir/$READ", [Connection => 'close',
        Authorization => 'Bearer ' . mint()]] } 1 .. 8);
    $counted{$h} = [count_list($h)];
    return $h;
}

sub mint { return $lab->token(scope => 'user/Observation.rs', @_) }

# Status of one read.
sub ask {
    my ($machine, $token, $base) = @_;
    return $machine->get('/' . ($base // 'fhir') . "/$READ", $token)->status;
}

sub status_of { return json_decode($_[0]->get('/smart-status')->body) }

sub count_list {
    my ($machine) = @_;
    my $c = status_of($machine)->{counts};
    return map { $c->{"shared_cache_$_"} } qw(hits misses failures tampered);
}

# What a machine says of the store since it was warm:
# hits/misses/failures/tampered.
sub counts {
    my ($machine) = @_;
    my $was = $counted{$machine} // [0, 0, 0, 0];
    my @now = count_list($machine);
    return join '/', map { $now[$_] - $was->[$_] } 0 .. 3;
}

sub breaker {
    my ($machine) = @_;
    my ($b) = grep { $_->{endpoint} =~ /^shared cache/ }
        @{status_of($machine)->{breakers}};
    return $b->{state};
}

# Storing is not waited for: wait until there are so many keys.
sub stored {
    my ($store, $n) = @_;
    my $until = time() + 5;
    my @keys;
    while (time() < $until) {
        @keys = grep { !/0{64}\z/ } $store->keys;
        return @keys if @keys == $n;
        sleep 0.01;
    }
    return @keys;
}

# The keys known of a store, once nothing is on its way there any more. One may
# be gone for a moment, while its value is replaced, and is known all the same.
my %known;
sub settle {
    my ($store) = @_;
    my $known = $known{$store} //= {};
    my ($same, $until) = (0, time() + 5);
    while ($same < 3 && time() < $until) {
        my $n = keys %$known;
        $known->{$_} = 1 for $store->keys;
        $same = keys %$known == $n ? $same + 1 : 0;
        sleep 0.02;
    }
    return $known;
}

# Learn a token on a machine; the key its value is stored under.
sub learn {
    my ($store, $machine, $token, $base, $status) = @_;
    my $known = settle($store);
    is ask($machine, $token, $base), $status // 200, 'learnt on one machine';
    my $until = time() + 5;
    my @new;
    while (time() < $until) {
        @new = grep { !$known->{$_} } $store->keys;
        return $new[0] if @new == 1;
        sleep 0.01;
    }
    die scalar(@new) . " values were stored, not one\n";
}

sub quantile {
    my ($q, @v) = @_;
    @v = sort { $a <=> $b } @v;
    return $v[int $q * $#v];
}

# --- drills ------------------------------------------------------------------

# New tokens for both machines until a time: [[status, ms]...].
sub new_ones {
    my ($until, @machines) = @_;
    my @said;
    while (time() < $until) {
        for my $m (@machines) {
            my $r = $m->get("/fhir/$READ", mint());
            push @said, [$r->status, $r->{elapsed} * 1000];
        }
        sleep 0.01;
    }
    return @said;
}

sub drill {
    my ($kind, $name, $begin, $end) = @_;
    my $store = Smart::Store->new($kind, $lab->dir);
    my ($one, $two) = map { machine($store) } 1 .. 2;
    my @known = map { mint() } 1 .. 16;
    ask($one, $_) for @known;
    my $load = Smart::Load->start($one, connections => 8, rate => 150,
        requests => [map { { target => "/fhir/$READ", token => $_,
                             status => 200 } } @known]);
    my @before = new_ones(time() + 1 * $LONG, $one, $two);
    my $from = time();
    $begin->($store);
    my @during = new_ones($from + 2 * $LONG, $one, $two);
    isnt breaker($one), 'closed', 'the breaker is open';
    my $failures = (split m{/}, counts($one))[2];
    cmp_ok $failures, '>=', 5, '... after some failures';
    cmp_ok $failures, '<', 10 + 2 * (time() - $from),
        '... of which there are few from then on';
    my $to = time();
    $end->($store);
    # Back: what one learns the other finds.
    my $back;
    while (time() - $to < 12) {
        my $t = mint();
        ask($one, $t);
        sleep 0.05;
        ask($two, $t);
        if ($lab->as_count($t) == 1) { $back = time() - $to; last }
    }
    my $busy = $load->stop;
    is $busy->bad, '', 'known tokens: all answered right';
    is scalar(grep { $_->[0] != 200 } @before, @during), 0,
        'new ones: all answered right';
    my @ms = map { $_->[1] } @during;
    my $rest = int(@ms / 4);
    cmp_ok max(@ms), '<', 250, '... none late';
    cmp_ok quantile(.95, @ms[$rest .. $#ms]), '<',
        quantile(.95, map { $_->[1] } @before) + 25,
        '... and soon as fast as before';
    cmp_ok $back // 9**9**9, '<', 2.5, 'shared again';
    my $text = $one->log_text . $two->log_text;
    like $text, qr/SMART0211/, 'the opening is logged';
    like $text, qr/SMART0212/, '... and the closing';
    for my $m ($one, $two) {
        my $since = time();
        $m->stop;
        cmp_ok time() - $since, '<', 5, 'stops in time';
    }
    cmp_ok scalar @during, '>', 50, 'there was something to do';
    ok $text !~ /exit signal/, 'no process died';
    figure sprintf '%s %s: %d new tokens, p50 %.1f ms before, %.1f during; '
        . 'p95 %.1f, %.1f; slowest %.0f ms; known tokens %s; shared again '
        . 'after %.1f s', $kind, $name, scalar @during,
        quantile(.5, map { $_->[1] } @before), quantile(.5, @ms),
        quantile(.95, map { $_->[1] } @before), quantile(.95, @ms), max(@ms),
        $busy->between($from, $to)->said, $back // 9**9**9;
    $store->signal('CONT');
    $store->kill;
    return;
}

# --- both kinds of store ------------------------------------------------------

for my $kind (qw(redis memcache)) {
    my $store = Smart::Store->new($kind, $lab->dir);
    my ($one, $two) = map { machine($store) } 1 .. 2;

    subtest "$kind: one question for all machines" => sub {
        sleep 0.1;
        $store->flush;
        my $t = mint(client_id => 'app-of-a-name', patient => 'pat-1');
        is ask($one, $t), 200, 'one machine';
        my @keys = stored($store, 1);
        is ask($two, $t), 200, 'another';
        is $lab->as_count($t), 1, '... asked once';
        is counts($one), '0/1/0/0', 'the first found nothing';
        is counts($two), '1/0/0/0', '... the second what that had learnt';
        is ask($two, $t), 200, 'again';
        is counts($two), '1/0/0/0', '... from its own memory';

        my $inactive = "no-token-of-$kind";
        is ask($_, $inactive), 401, 'not a token' for $one, $two;
        is $lab->as_count($inactive), 2, '... is not shared';
        is scalar(stored($store, 1)), 1, '... nor stored';
        is ask($one, mint(), 'off'), 200, 'with SmartCacheTTL 0s';
        sleep 0.1;
        is scalar(stored($store, 1)), 1, '... nothing is stored';
        is breaker($one), 'closed', 'the breaker is closed';
    };

    subtest "$kind: nothing to read" => sub {
        my $t = mint(client_id => 'app-of-a-name', patient => 'pat-1',
                     username => 'somebody', scope =>
                     'patient/Observation.rs user/Observation.rs');
        learn($store, $one, $t);
        my $all = '';
        $all .= "$_=" . $store->get($_) . "\n" for $store->keys;
        cmp_ok length $all, '>', 200, 'there are values';
        for my $word ($t, substr($t, 0, 12), 'app-of-a-name', 'user-1',
                      'somebody', 'pat-1', 'Observation', 'Bearer',
                      $lab->issuer, $SECRET) {
            ok index($all, $word) < 0, "... without $word";
        }
        like $_, qr/\Asmart:[0-9a-f]{64}\z/, 'a key tells nothing'
            for $store->keys;
    };

    subtest "$kind: what is not ours is not used" => sub {
        my %change = (
            'left as it is' => sub { $_[0] },
            'first bit' => sub { "\x01" ^ substr($_[0], 0, 1)
                                     . substr $_[0], 1 },
            'a bit in the middle' => sub {
                substr($_[0], length($_[0]) / 2, 1) ^= "\x10"; $_[0] },
            'last bit' => sub { substr($_[0], -1) ^= "\x80"; $_[0] },
            'cut by one' => sub { substr $_[0], 0, -1 },
            'cut to a few' => sub { substr $_[0], 0, 8 },
            'longer' => sub { "$_[0]x" },
            'empty' => sub { '' },
            'far too long' => sub { $_[0] x 200 },
            'zero bytes' => sub { "\0" x length $_[0] },
        );
        for my $name (sort keys %change) {
            my $t = mint();
            my $key = learn($store, $one, $t);
            my $value = $store->get($key);
            $store->set($key, $change{$name}->("$value"));
            my (undef, undef, undef, $before) = split m{/}, counts($two);
            is ask($two, $t), 200, "$name: right answer";
            my (undef, undef, undef, $after) = split m{/}, counts($two);
            my $good = $name eq 'left as it is';
            is $lab->as_count($t), $good ? 1 : 2,
                '... ' . ($good ? 'from the store' : 'asked about');
            # An empty value is none, for Redis' client.
            is $after - $before, $good ? 0 : 1, '... and counted'
                if $name ne 'empty';
        }
        like $two->log_text, qr/SMART0213/, 'somebody is told';
    };

    subtest "$kind: a value is good for its token alone" => sub {
        my $may = mint();
        my $may_not = mint(scope => 'user/Patient.rs');
        my $key = learn($store, $one, $may);
        my $other = learn($store, $one, $may_not, undef, 403);
        my ($v, $w) = map { $store->get($_) } $key, $other;
        $store->set($key, $w);
        $store->set($other, $v);
        is ask($two, $may_not), 403, 'with the values swapped it still may not';
        is ask($two, $may), 200, '... and the first still may';
        is $lab->as_count($_), 2, '... asked about' for $may, $may_not;
    };

    subtest "$kind: a value is good for its time alone" => sub {
        my $start = time();
        my ($t, $u) = (mint(), mint());
        my $key = learn($store, $one, $u, 'short');
        my $value = $store->get($key);
        learn($store, $one, $t, 'short');
        # Not later: memcached counts in whole seconds, and may forget a value
        # a second before its time.
        sleep 0.8 - (time() - $start) if time() - $start < 0.8;
        is ask($two, $t, 'short'), 200, 'in time';
        is $lab->as_count($t), 1, '... from the store';
        $lab->revoke($_) for $t, $u;
        sleep 2.3 - (time() - $start) if time() - $start < 2.3;
        is ask($two, $t, 'short'), 401,
            'revoked: seen within the TTL of the first answer';
        $store->set($key, $value);
        is ask($two, $u, 'short'), 401, 'brought back after its time';
        is $lab->as_count($u), 2, '... asked about';

        my $ends = mint(exp => int(time()) + 2);
        learn($store, $one, $ends);
        sleep 0.1 while time() < $lab->{minted}{$ends}{exp};
        is ask($two, $ends), 401, 'past exp, though the TTL is long';
    };

    subtest "$kind: what has ended here ends there" => sub {
        my $t = mint();
        my $start = time();
        my $key = learn($store, $one, $t, 'hot');
        $lab->revoke($t);
        # In its last quarter it is asked about ahead, and that tells.
        while (time() - $start < 3.9 && ask($one, $t, 'hot') == 200) {
            sleep 0.05;
        }
        my $seen = time() - $start;
        cmp_ok $seen, '<', 3.9, 'found revoked ahead of its end';
        sleep 0.05;
        is $store->get($key), undef, '... and taken from the store';
        is ask($two, $t, 'hot'), 401, '... so that others see it at once';
    };

    subtest "$kind: refreshes are shared as well" => sub {
        my $t = mint();
        my $start = time();
        ask($_, $t, 'hot') for $one, $two;
        is $lab->as_count($t), 1, 'learnt by both, asked once';
        # In use on one machine alone, which asks ahead...
        while (time() - $start < 3.3 && $lab->as_count($t) == 1) {
            ask($one, $t, 'hot');
            sleep 0.05;
        }
        is $lab->as_count($t), 2, '... asked ahead';
        sleep 0.1;
        # ... so that the other need not, neither now nor for a while.
        while (time() - $start < 5) {
            is ask($two, $t, 'hot'), 200, 'the other answers';
            sleep 0.4;
        }
        is $lab->as_count($t), 2, '... and does not ask';
    };

    subtest "$kind: everybody at once" => sub {
        my $t = mint();
        my @said = map { $_->client->parallel(map { [GET => "/fhir/$READ",
            [Authorization => "Bearer $t", Connection => 'close']] } 1 .. 24) }
            $one, $two;
        is scalar(grep { $_->status == 200 } @said), 48, 'all are answered';
        is $lab->as_count($t), 1, '... after one question';
    };

    subtest "$kind: other machines" => sub {
        my $stranger = machine($store, secret => $theirs);
        my $realm = $lab->httpd(modules => ["socache_$kind"],
            conf => conf($store, $ours)
                =~ s{example\.org/fhir$}{example.net/fhir}mr);
        my $t = mint();
        learn($store, $one, $t);
        is ask($stranger, $t), 200, 'of another secret';
        is $lab->as_count($t), 2, '... share nothing';
        is counts($stranger), '0/1/0/0', '... do not even see it';
        is ask($realm, $t), 200, 'of another configuration';
        is $lab->as_count($t), 3, '... neither';
        $_->stop for $stranger, $realm;
    };

    subtest "$kind: emptied" => sub {
        my $t = mint();
        learn($store, $one, $t);
        $store->flush;
        is ask($_, $t), 200, 'answered right' for $one, $two;
        is $lab->as_count($t), 2, '... asked about again, once';
        is breaker($two), 'closed', '... and nothing is wrong';
    };

    $_->stop for $one, $two;
    $store->kill;

    subtest "$kind killed" => sub {
        drill($kind, 'killed', sub { $_[0]->kill }, sub { $_[0]->revive });
    };
    subtest "$kind stopped by a signal" => sub {
        drill($kind, 'stopped', sub { $_[0]->signal('STOP') },
              sub { $_[0]->signal('CONT') });
    };
}

subtest 'redis that takes nothing' => sub {
    drill('redis', 'full', sub { $_[0]->redis(qw(CONFIG SET maxmemory 1)) },
          sub { $_[0]->redis(qw(CONFIG SET maxmemory 0)) });
};

# It must not keep a server that is told to end.
subtest 'an end while the store hangs' => sub {
    for my $kind (qw(redis memcache)) {
        my $store = Smart::Store->new($kind, $lab->dir);
        my $h = machine($store);
        is ask($h, mint()), 200, $kind;
        $store->signal('STOP');
        my @said = map { ask($h, mint()) } 1 .. 12;
        is scalar(grep { $_ == 200 } @said), 12, '... hangs, which is no harm';
        ok $h->graceful, '... a new generation starts';
        is ask($h, mint()), 200, '... and answers';
        my $since = time();
        $h->stop;
        my $took = time() - $since;
        cmp_ok $took, '<', 5, '... and ends in time';
        ok $h->log_text !~ /exit signal|still did not exit/,
            '... without being killed';
        figure sprintf '%s hangs: httpd stops in %.1f s', $kind, $took;
        $store->signal('CONT');
        $store->kill;
    }
};

subtest 'a provider for one process at a time' => sub {
    my $h = $lab->httpd(modules => ['socache_shmcb'], conf =>
        "SmartCacheShared shmcb:\@DIR\@/shmcb(512000)\nSmartSecret $ours\n"
        . base('fhir') . "<Location \"/smart-status\">\nSetHandler "
        . "smart-status\nRequire ip 127.0.0.1\n</Location>\n");
    my @said = map { ask($h, mint()) } 1 .. 20;
    is scalar(grep { $_ == 200 } @said), 20, 'answers';
    is counts($h), '0/20/0/0', '... and looks there first';
    $h->stop;
};

is join(' ', $lab->spilled($SECRET)), '', 'no token and no secret in any log';
done_testing;
