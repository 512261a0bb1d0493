#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What is asked for once, for how long, and for whom.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time sleep);
use Smart::AccessLog ();
use Smart::Expect qw(is_refusal is_read challenge);
use Smart::Lab ();

my $lab = Smart::Lab->new;
my $far = Smart::Lab->new(fhir => 0);   # another authorization server
my $SCOPE = 'user/Observation.rs';
my $INVALID = challenge('invalid_token');

sub location {
    my ($path, $extra) = @_;
    return $lab->protected(path => "/$path", extra => $extra // '');
}

my $far_location = location('far');
$far_location =~ s/\@INTROSPECT\@/$far->introspection/e;
# Hosts that differ from the first in one thing each, path and public URL are
# the same: the server that is asked, and who asks it.
my $SAME = 'SmartPublicURL https://fhir.example.org/fhir';
my $second_host = location('fhir', $SAME);
$second_host =~ s/\@INTROSPECT\@/$far->introspection/e;
my $third_host = location('fhir', $SAME);
$third_host =~ s/client_secret_basic gateway \S+/none public/;

my $conf = join '', "SmartCacheSize 1M\n", Smart::AccessLog::conf(),
    location('fhir', $SAME),
    location('short', "SmartCacheTTL 2s\nSmartNegativeCacheTTL 1s"),
    "<Location \"/fhir/Condition\">\nSmartCacheTTL 1s\n</Location>\n",
    location('never', "SmartCacheTTL 0s\nSmartNegativeCacheTTL 0s"),
    location('alias', "SmartScopeAlias obs $SCOPE"),
    location('r5', 'SmartFhirVersion R5'),
    location('claims', 'SmartClaimHeader tenant X-Tenant'),
    location('deny', 'SmartRule read Observation deny'),
    location('issuer', 'SmartIssuer https://nobody.example'),
    $far_location,
    "<VirtualHost 127.0.0.1:\@PORT2\@>\nServerName http://two.example\n",
    $second_host, "</VirtualHost>\n",
    "<VirtualHost 127.0.0.1:\@PORT3\@>\nServerName http://three.example\n",
    $third_host, "</VirtualHost>\n";
my $h = $lab->httpd(conf => $conf, ports => 3);
my $log = Smart::AccessLog->new($h);

# One request: "decision cache".
sub says {
    my ($token, $at) = @_;
    $log->skip;
    $h->get('/' . ($at // 'fhir') . '/Observation/obs-1', $token);
    my $line = $log->next;
    return "$line->{decision} $line->{cache}";
}

# The same of another host: 1, 2.
sub host_says {
    my ($token, $host) = @_;
    $log->skip;
    Smart::Client->new(port => $h->port($host))->request(
        GET => '/fhir/Observation/obs-1',
        [Authorization => "Bearer $token", Connection => 'close']);
    my $line = $log->next;
    return "$line->{decision} $line->{cache}";
}

subtest 'hit and miss' => sub {
    my $t = $lab->token(scope => $SCOPE);
    is says($t), 'permit miss', 'the first request asks';
    is says($t), 'permit hit', 'the second does not' for 1 .. 3;
    is $lab->as_count($t), 1, 'one question';
    # All processes and threads.
    my $c = $h->client;
    my @r = $c->parallel(map {
        [GET => '/fhir/Observation/obs-1', [Authorization => "Bearer $t",
                                            Connection => 'close']]
    } 1 .. 60);
    is((grep { $_->status == 200 } @r), 60, '60 at once');
    is $lab->as_count($t), 1, '... and no further question';
};

subtest 'inactive' => sub {
    my $t = 'nobody-has-this-token';
    is says($t), 'token-inactive miss', 'the first request asks';
    is says($t), 'token-inactive negative', 'the second does not';
    is $lab->as_count($t), 1, 'one question';
    $lab->token(token => $t, scope => $SCOPE);
    is says($t), 'token-inactive negative', 'it became active: not seen yet';
    is says($t, 'short'), 'permit miss', '... elsewhere it is';
    my $u = 'nobody-has-this-one';
    is says($u, 'short'), 'token-inactive miss', 'another';
    $lab->token(token => $u, scope => $SCOPE);
    sleep 1.2;
    is says($u, 'short'), 'permit miss', '... seen after its time';
};

subtest 'time to live' => sub {
    my $t = $lab->token(scope => $SCOPE);
    is says($t, 'short'), 'permit miss', 'asked';
    is says($t, 'short'), 'permit hit', 'kept';
    sleep 2.2;
    is says($t, 'short'), 'permit miss', 'asked again after its time';
    is says($t, 'short'), 'permit hit', '... and kept again';
    is $lab->as_count($t), 2, 'two questions';
    my $n = $lab->token(scope => $SCOPE);
    is says($n, 'never'), 'permit miss', 'a time of 0' for 1 .. 3;
    is $lab->as_count($n), 3, '... keeps nothing';
    is says('nobody-at-all', 'never'), 'token-inactive miss',
        '... of inactive ones either' for 1, 2;
};

# A connection remembers its last token; another token, an end or a revocation
# must not meet the memory of it.
subtest 'one connection' => sub {
    my $c = $h->client;
    my $get = sub {
        my ($token, $at) = @_;
        my $r = $c->request(GET => '/' . ($at // 'fhir') . '/Observation/obs-1',
                            ['Authorization', "Bearer $token"]);
        return $r->status;
    };
    my $good = $lab->token(scope => $SCOPE);
    my $other = $lab->token(scope => 'user/Condition.rs');
    my $long = $lab->token(token => 'l' x 600, scope => 'user/Condition.rs');
    is $get->($_->[0]), $_->[1], $_->[2] for [$good, 200, 'a good token'],
        [$good, 200, '... again'], [$other, 403, 'one without the scope'],
        [$good, 200, 'the first'], [$good, 200, '... again, so that its facts '
        . 'are kept'], [$long, 403, 'a long one without the scope'],
        [$long, 403, '... again'], [$good, 200, 'the first'],
        ["x$good", 401, 'one that ends like it'], [$good, 200, 'the first'],
        [substr($good, 0, -1) . '~', 401, 'one that differs at the end'];
    is $lab->as_count($good), 1, 'it was asked about once';
    my $short = $lab->token(scope => $SCOPE, exp => time() + 2);
    is $get->($short), 200, 'a token in time';
    is $get->($short), 200, '... again';
    sleep 2.1;
    is $get->($short), 401, '... and past its end';
    # In the last quarter of its time a record is refreshed: what the server
    # says then holds for this connection too.
    my $quarter = $lab->token(scope => $SCOPE);
    is $get->($quarter, 'short'), 200, 'a token';
    $lab->revoke($quarter);
    sleep 1.6;
    $get->($quarter, 'short');
    sleep 0.1;
    is $get->($quarter, 'short'), 401, '... is refreshed before its time is up';
    my $revoked = $lab->token(scope => $SCOPE);
    is $get->($revoked, 'short'), 200, 'a token of a location with a TTL of 2 s';
    $lab->revoke($revoked);
    sleep 2.2;
    is $get->($revoked, 'short'), 401, '... is asked about again after it';
    $c->close;
};

# Sections of one base share what is known; each uses it by its own TTL.
subtest 'a section with a shorter time to live' => sub {
    my $t = $lab->token(scope => 'user/Condition.rs user/Observation.rs');
    my $get = sub {
        return $h->get("/fhir/$_[0]", $t)->status . ' ' . $lab->as_count($t);
    };
    is $get->('Observation/obs-1'), '200 1', 'asked about';
    is $get->('Condition/cond-1'), '200 1', 'known there too';
    sleep 1.2;
    is $get->('Observation/obs-1'), '200 1', 'after a second still known';
    is $get->('Condition/cond-1'), '200 2', '... where it may be; not there';
};

subtest 'exp' => sub {
    my $t = $lab->token(scope => $SCOPE, exp => int(time()) + 2);
    is says($t), 'permit miss', 'asked';
    is says($t), 'permit hit', 'kept';
    sleep 2.3;
    like says($t), qr/\Atoken-expired /, 'not past exp, whatever the time';
    is_refusal($h->get('/fhir/Observation/obs-1', $t), 401, 'expired',
               $INVALID, '... and says so');
    my $honest = $lab->token(scope => $SCOPE, exp => int(time()) + 2,
                             honest_exp => 1);
    is says($honest), 'permit miss', 'a server that says inactive then';
    sleep 2.3;
    like says($honest), qr/\Atoken-(?:expired|inactive) /, '... neither';
};

subtest 'revocation' => sub {
    my $t = $lab->token(scope => $SCOPE);
    is says($t, 'short'), 'permit miss', 'asked';
    $lab->revoke($t);
    my $end = time() + 3; # the time to live and a second
    my $seen;
    while (!$seen && time() < $end) {
        $seen = says($t, 'short') =~ /token-inactive/;
        sleep 0.05;
    }
    ok $seen, 'seen within its time to live';
    is_refusal($h->get('/short/Observation/obs-1', $t), 401, 'login',
               $INVALID, 'refused');
};

subtest 'facts, not decisions' => sub {
    my $t = $lab->token(scope => $SCOPE, iss => 'https://as.example');
    is says($t), 'permit miss', 'permitted here';
    is says($t, 'deny'), 'rule miss', 'denied by a rule there';
    is says($t, 'deny'), 'rule hit', '... again';
    is says($t, 'issuer'), 'token-issuer miss', 'of no use there';
    is says($t, 'issuer'), 'token-issuer hit', '... again';
    is says($t), 'permit hit', 'and permitted here';
};

subtest 'realms' => sub {
    my $t = $lab->token(scope => $SCOPE);
    is says($t), 'permit miss', 'active at one server';
    is says($t, 'far'), 'token-inactive miss',
        'the other is asked, and says no';
    is $far->as_count($t), 1, '... once';
    is says($t), 'permit hit', 'still active at the one';
    is says($t, 'far'), 'token-inactive negative', '... and not at the other';
    is host_says($t, 1), 'token-inactive miss',
        'another host with the same path';
    my $u = $far->token(scope => $SCOPE, token => 'known-to-the-other-only');
    is host_says($u, 1), 'permit miss', 'active there';
    is says($u), 'token-inactive miss', '... and not here';
    is host_says($u, 1), 'permit hit', '... and still there';
    # What a server says may depend on who asks.
    $lab->as_auth(method => 'none');
    is host_says($t, 2), 'permit miss', 'the same server, as another client';
    is host_says($t, 2), 'permit hit', '... is asked once';
    $lab->as_auth(method => 'any');
};

subtest 'what shapes a record' => sub {
    my $t = $lab->token(scope => 'obs', tenant => 'east');
    is says($t), 'no-scope miss', 'no scope without the alias';
    is says($t, 'alias'), 'permit miss', 'asked again with it';
    is says($t), 'no-scope hit', 'and none without it still';
    is says($t, 'r5'), 'no-scope miss', 'asked again for another version';
    is says($t, 'claims'), 'no-scope miss', '... and for a claim to be kept';
};

# A segment of 1 MiB has room for some 200 inactive tokens.
subtest 'garbage' => sub {
    my @good = map { $lab->token(scope => $SCOPE) } 1 .. 100;
    my $c = $h->client;
    my $get = sub {
        return $c->request(GET => '/fhir/Observation/obs-1',
                           [Authorization => "Bearer $_[0]"])->status;
    };
    is((grep { $get->($_) == 200 } @good), 100, '100 good tokens');
    my $asked = $lab->as_count;
    my @garbage = map { "garbage-$_-" . 'x' x ($_ % 90) } 1 .. 500;
    my @r;
    while (my @some = splice @garbage, 0, 50) {
        push @r, $h->client(timeout => 20)->parallel(map {
            [GET => '/fhir/Observation/obs-1',
             [Authorization => "Bearer $_", Connection => 'close']] } @some);
    }
    is((grep { $_->status == 401 } @r), 500, '500 tokens of garbage: 401');
    cmp_ok $lab->as_count - $asked, '<=', 500, '... one question each';
    $asked = $lab->as_count;
    is((grep { $get->($_) == 200 } @good), 100, 'the good ones are good');
    is $lab->as_count, $asked, '... and none was pushed out';
    is((grep { $get->("more-garbage-$_") == 401 } 1 .. 2000), 2000,
        '2000 more, on one connection');
    $asked = $lab->as_count;
    is((grep { $get->($_) == 200 } @good), 100, 'the good ones still');
    is $lab->as_count, $asked, '... and none was pushed out';
    ok $h->log_text !~ /exit signal|AH0005[12]/, 'no process died';
};

subtest 'more good ones than there is room for' => sub {
    my $c = $h->client;
    my @all = map { $lab->token(scope => $SCOPE) } 1 .. 3000;
    for my $round (1, 2) {
        is((grep { $c->request(GET => '/fhir/Observation/obs-1',
               [Authorization => "Bearer $_"])->status == 200 } @all), 3000,
            "3000 more tokens, round $round");
    }
    ok $h->log_text !~ /exit signal|AH0005[12]/, 'no process died';
};

# Shared memory as the kernel sees it.
subtest 'the segment' => sub {
    plan skip_all => 'the memory of httpd can not be read' if $> != 0;
    my $t = $lab->token(scope => $SCOPE, client_id => 'client-to-be-found');
    is says($t), 'permit miss', 'a token is in the cache';
    my ($pid) = $h->children;
    my ($found, $told, $size) = (0, 0, 0);
    open my $maps, '<', "/proc/$pid/maps" or die;
    open my $mem, '<:raw', "/proc/$pid/mem" or die;
    no warnings 'portable'; # addresses of 64 bits
    while (<$maps>) {
        my ($from, $to) = m{\A([0-9a-f]+)-([0-9a-f]+) rw-s .*/dev/zero} or next;
        my $n = hex($to) - hex $from;
        sysseek $mem, hex $from, 0;
        sysread $mem, my ($bytes), $n;
        $size += $n;
        $found = 1 if $bytes =~ /client-to-be-found/;
        $told = 1 if $bytes =~ /\Q$t\E|gateway-secret/;
    }
    ok $found, 'its facts are in shared memory' or diag "$size bytes";
    ok !$told, 'the token is not, nor is the secret';
};

is join(' ', $lab->spilled('nobody-has-this-token', 'garbage-')), '',
    'no token and no secret in any log';
is join(' ', $far->spilled), '', '... of the other server either';
done_testing;
