#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Credentials: exactly one Authorization: Bearer b64token, from nowhere else;
# the authorization server is asked about nothing that is none.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Smart::AccessLog ();
use Smart::Expect qw(is_refusal is_read challenge);
use Smart::Json ();
use Smart::Lab ();

my $lab = Smart::Lab->new;
my $h = $lab->httpd(conf => Smart::AccessLog::conf()
    . $lab->protected(extra => 'SmartPublicURL https://fhir.example.org/fhir'));
my $log = Smart::AccessLog->new($h);
my $URL = '/fhir/Observation/obs-1';
my $token = $lab->token(scope => 'user/Observation.rs');
my $other = $lab->token(scope => 'user/Observation.rs');

# One request with these fields (pairs); the answer, and how often the server
# was asked.
sub with {
    my ($fields, %o) = @_;
    my $before = $lab->as_count;
    my $c = $h->client;
    my $r = $c->request($o{method} // 'GET', $o{url} // $URL, $fields,
                        $o{body});
    $c->close;
    return ($r, $lab->as_count - $before);
}

my $hits = $lab->hits;

subtest 'what is no credential' => sub {
    my %none = (
        'no field' => [],
        'an empty field' => [Authorization => ''],
        'another scheme' => [Authorization => "Token $token"],
        'Basic' => [Authorization => 'Basic dTpw'],
        'Basic that holds the token' => [Authorization => "Basic $token"],
        'DPoP' => [Authorization => "DPoP $token"],
        'a longer scheme' => [Authorization => "Bearers $token"],
        'the token alone' => [Authorization => $token],
        'Proxy-Authorization' => ['Proxy-Authorization' => "Bearer $token"],
        'Authorization_' => [Authorization_ => "Bearer $token"],
        'X-Authorization' => ['X-Authorization' => "Bearer $token"],
        'X-Access-Token' => ['X-Access-Token' => $token],
        'a cookie' => [Cookie => "access_token=$token; Authorization=$token"],
    );
    for my $what (sort keys %none) {
        my ($r, $asked) = with($none{$what});
        is_refusal($r, 401, 'login', challenge(''), $what);
        is $asked, 0, '... nobody was asked';
    }
};

subtest 'what is malformed' => sub {
    my @bad = (
        ['the scheme alone' => 'Bearer'],
        ['the scheme and a blank' => 'Bearer '],
        ['a tab after the scheme' => "Bearer\t$token"],
        ['a tab behind the blank' => "Bearer \t$token"],
        ['a colon' => "Bearer: $token"],
        ['"="' => "Bearer=$token"],
        ['quotes' => "Bearer \"$token\""],
        ['two words' => "Bearer $token x"],
        ['a comma' => "Bearer $token,"],
        ['a semicolon' => "Bearer $token;"],
        ['an escape' => "Bearer $token%20"],
        ['a byte above 0x7e' => "Bearer $token\xe9"],
        ['padding alone' => 'Bearer ='],
        ['padding in the middle' => "Bearer a=$token"],
        ['a path' => 'Bearer ../../admin?x='],
        ['a parameter' => "Bearer token=\"$token\""],
        ['a second one behind a comma' => "Bearer $token, Bearer $other"],
        ['behind another scheme' => "Basic dTpw, Bearer $token"],
    );
    for (@bad) {
        my ($what, $value) = @$_;
        my ($r, $asked) = with([Authorization => $value]);
        is_refusal($r, 400, 'invalid', challenge('invalid_request'), $what);
        is $asked, 0, '... nobody was asked';
    }
};

subtest 'two credentials' => sub {
    my $one = "Bearer $token";
    my %two = (
        'the same twice' => [Authorization => $one, Authorization => $one],
        'two tokens' => [Authorization => $one,
                         Authorization => "Bearer $other"],
        'in other case' => [Authorization => $one, authorization => $one],
        'Bearer and Basic' => [Authorization => $one,
                               Authorization => 'Basic dTpw'],
        'Basic and Bearer' => [Authorization => 'Basic dTpw',
                               Authorization => $one],
        'one and an empty one' => [Authorization => $one, Authorization => ''],
    );
    for my $what (sort keys %two) {
        my ($r, $asked) = with($two{$what});
        is_refusal($r, 400, 'invalid', challenge('invalid_request'), $what);
        is $asked, 0, '... nobody was asked';
    }
};

subtest 'tokens elsewhere' => sub {
    for ("access_token=$token", "acce%73s_token=$token",
         "_format=json&access_token=$token", 'access_token=', 'access_token') {
        my ($r, $asked) = with([], url => "$URL?$_");
        is_refusal($r, 401, 'login', challenge(''), "query alone: ?$_");
        is $asked, 0, '... nobody was asked';
        ($r, $asked) = with([Authorization => "Bearer $token"],
                            url => "$URL?$_");
        is_refusal($r, 400, 'invalid', challenge('invalid_request'),
                   '... beside the header');
        is $asked, 0, '... nobody was asked';
    }
    my @form = (method => 'POST', url => '/fhir/Observation/_search');
    my $type = 'application/x-www-form-urlencoded';
    my ($r, $asked) = with(['Content-Type' => $type], @form,
                           body => "access_token=$token");
    is_refusal($r, 401, 'login', challenge(''), 'form alone');
    is $asked, 0, '... nobody was asked';
    for ("access_token=$token", "code=x&acces%73_token=$other") {
        ($r) = with(['Content-Type' => $type,
                     Authorization => "Bearer $token"], @form, body => $_);
        is_refusal($r, 400, 'invalid', challenge('invalid_request'),
                   'form beside the header');
    }
    ($r) = with(['Content-Type' => $type, Authorization => "Bearer $token"],
                @form, body => 'code=2345-7');
    is $r->status, 200, 'the same without it is a search';
    $hits++;
    unlike join("\n", map { Smart::Json::json_encode($_) } $lab->fhir_log),
        qr/\Q$token\E|\Q$other\E/, 'no token came to the backend';
};
is $lab->hits, $hits, 'nothing of all this came to the backend';

subtest 'length' => sub {
    my $longest = $lab->token(token => 'x' x 4096,
                              scope => 'user/Observation.rs');
    my ($r, $asked) = with([Authorization => "Bearer $longest"]);
    is_read($r, 'Observation/obs-1', '4 KiB');
    is $asked, 1, '... asked once';
    $lab->token(token => 'x' x 4097, scope => 'user/Observation.rs');
    ($r, $asked) = with([Authorization => 'Bearer ' . 'x' x 4097]);
    is_refusal($r, 401, 'login', challenge('invalid_token'), 'one byte more');
    is $asked, 0, '... nobody was asked';
};

subtest 'what is accepted' => sub {
    my %good = (
        'the usual' => "Bearer $token",
        'scheme in lower case' => "bearer $token",
        'scheme in upper case' => "BEARER $token",
        'several blanks' => "Bearer   $token",
    );
    for my $what (sort keys %good) {
        my ($r) = with([Authorization => $good{$what}]);
        is_read($r, 'Observation/obs-1', $what);
    }
    my ($r) = with([authorization => "Bearer $token"]);
    is_read($r, 'Observation/obs-1', 'the field in lower case');
    $lab->token(token => 'aZ09-._~+/x==', scope => 'user/Observation.rs');
    ($r) = with([Authorization => 'Bearer aZ09-._~+/x==']);
    is_read($r, 'Observation/obs-1', 'every byte of b64token');
    ($r) = with([Authorization => 'Bearer aZ09-._~+/x=']);
    is_refusal($r, 401, 'login', challenge('invalid_token'),
               'padding is part of the token');
    ($r) = with([Authorization => "Bearer \U$token"]);
    is_refusal($r, 401, 'login', challenge('invalid_token'),
               'so is case');
};

subtest 'reasons' => sub {
    my %want = (
        'no-token' => [],
        'token-malformed' => [Authorization => 'Bearer a b'],
        'token-too-long' => [Authorization => 'Bearer ' . 'x' x 4097],
        'token-inactive' => [Authorization => 'Bearer nobody-knows'],
    );
    for (sort keys %want) {
        $log->skip;
        with($want{$_});
        is $log->next->{decision}, $_, $_;
    }
    $log->skip;
    with([], url => "$URL?access_token=$token");
    is $log->next->{decision}, 'token-in-query', 'token-in-query';
    with([Authorization => "Bearer $token"], url => "$URL?access_token=x");
    is $log->next->{decision}, 'token-twice', 'token-twice';
};

subtest 'public requests' => sub {
    my $before = $lab->as_count;
    for ([], [Authorization => 'Bearer a b'], [Authorization => "Bearer $token",
              Authorization => 'x'], [Authorization => 'Bearer nobody']) {
        my ($r) = with($_, url => '/fhir/metadata');
        is_read($r, 'CapabilityStatement/metadata',
                'a token on them is not looked at');
    }
    is $lab->as_count, $before, 'nobody was asked';
    my ($r) = with([], method => 'POST', url => '/fhir/metadata', body => '{}');
    is_refusal($r, 401, 'login', challenge(''), 'POST is not public');
};

unlike $h->log_text, qr/\Q$token\E|\Q$other\E|\U\Q$token\E/,
    'no token in the error log';
done_testing;
