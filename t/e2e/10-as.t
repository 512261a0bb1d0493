#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What the real authorization server does, where mod_smart counts on it. No
# httpd is needed here.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../lib";
use Test::More;
use Smart::Real ();

die Smart::Real::missing() . "\n" if Smart::Real::missing();
my $real = Smart::Real->new;
my $AUD = $real->public_url;

# A token of app, and what introspection says of it.
sub told {
    my ($t) = @_;
    return $real->introspect($t->{access_token})->json;
}

subtest 'discovery' => sub {
    my $r = $real->as_client->request(
        GET => '/.well-known/openid-configuration');
    is $r->json->{introspection_endpoint}, $real->introspection,
        'introspection endpoint';
    is_deeply $r->json->{code_challenge_methods_supported}, ['S256'],
        'PKCE with S256';
};

subtest 'authorization code' => sub {
    my $scope = 'launch/patient openid fhirUser patient/Observation.rs '
        . 'user/Condition.cruds?category=a|b&code=c';
    my $t = $real->launch(scope => $scope, patient => 'pat-2');
    is $t->{patient}, 'pat-2', 'the token response has the patient';
    unlike $t->{access_token}, qr/\./, 'the token is opaque';
    my $i = told($t);
    ok $i->{active}, 'active';
    is_deeply [@$i{qw(client_id sub token_type iss aud)}],
        ['app', 'user-1', 'Bearer', $real->issuer, $AUD], 'who and for whom';
    is $i->{scope}, 'patient/Observation.rs '
        . 'user/Condition.cruds?category=a|b&code=c',
        'scopes with / . ? | = & arrive as they were granted';
    is $i->{patient}, 'pat-2', 'patient';
    is $i->{fhirUser}, "$AUD/Practitioner/prac-1", 'fhirUser';
    like $real->introspect($t->{access_token})->body,
        qr/"exp":[0-9]+,"iat":[0-9]+/, 'times are numbers';
    is told($real->launch(scope => 'launch patient/*.rs',
                          launch => 'pat:pat-3'))->{patient}, 'pat-3',
        'an EHR launch brings the patient along';
    $i = told($real->launch(scope => 'user/*.rs', user => 'robot'));
    ok !exists $i->{fhirUser} && !exists $i->{patient},
        'without launch context, none is told';
};

subtest 'what is not granted' => sub {
    is told($real->launch(scope => 'user/*.rs system/*.rs odd'))->{scope},
        'user/*.rs', 'users give no system scopes and no unknown ones';
    is $real->launch(scope => 'user/*.rs',
                     aud => 'https://evil.example.org/fhir')->{error},
        'invalid_target', 'unknown aud';
    is told($real->launch(scope => 'user/*.rs', aud => $real->other_url))
        ->{aud}, $real->other_url, 'known aud of somebody else';
    ok !eval { $real->launch(scope => 'user/*.rs', user => 'mallory'); 1 },
        'unknown account';
};

subtest 'client credentials' => sub {
    for my $client (qw(batch backend)) {
        my $i = told($real->backend(client => $client,
            scope => 'system/Observation.rs user/*.rs'));
        ok $i->{active}, $client;
        is_deeply [@$i{qw(client_id scope aud)}],
            [$client, 'system/Observation.rs', $AUD], '... for whom';
        ok !exists $i->{sub}, '... has no subject';
    }
};

subtest 'who may introspect' => sub {
    my $t = $real->launch(scope => 'user/*.rs')->{access_token};
    my @jwt = $real->assertion('gateway-jwt');
    ok $real->introspect($t)->json->{active}, 'client_secret_basic';
    ok $real->introspect($t, [@jwt])->json->{active}, 'private_key_jwt';
    is $real->introspect($t, [@jwt])->status, 401, '... once only';
    is $real->introspect($t, [$real->assertion('gateway-jwt',
        aud => 'https://evil.example.org')])->status, 401, '... wrong aud';
    my $r = $real->introspect($t, 'gateway:wrong');
    is $r->status . $r->json->{error}, '401invalid_client', 'wrong secret';
    $r = $real->introspect($t, 'batch:batch-secret');
    is $r->status . $r->body, '200{"active":false}',
        'a client that may not is told that nothing is active';
};

subtest 'tokens that are none' => sub {
    is $real->introspect('garbage')->body, '{"active":false}', 'garbage';
    is $real->introspect('a.b.c')->body, '{"active":false}', 'with dots';
    my $r = $real->introspect('eyJhbGciOiJub25lIn0.e30.c2ln');
    is $r->status . $r->json->{error}, '400unsupported_token_type',
        'JWT-shaped';
    my $t = $real->launch(scope => 'user/*.rs')->{access_token};
    ok $real->introspect($t)->json->{active}, 'active at first';
    $real->revoke($t);
    is $real->introspect($t)->body, '{"active":false}', 'revoked';
};

subtest 'a refresh token is active, for nobody' => sub {
    my $t = $real->launch(user => 'anna',
        scope => 'openid fhirUser launch/patient offline_access user/*.rs');
    my $i = $real->introspect($t->{refresh_token})->json;
    ok $i->{active}, 'active';
    like $i->{scope}, qr{user/\*\.rs}, 'it tells the scopes';
    ok !exists $i->{$_}, "... but no $_"
        for qw(aud token_type patient fhirUser);
};

subtest 'expiry' => sub {
    my $t = $real->launch(scope => 'user/*.rs', client => 'app-brief');
    is $t->{expires_in}, 3, 'three seconds';
    my $i = told($t);
    is $i->{exp} - $i->{iat}, 3, 'introspection says the same';
};

is $real->count, $real->count, 'asking for the count is not counted';
cmp_ok $real->count, '>', 15, 'introspections are counted';
done_testing;
