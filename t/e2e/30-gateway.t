#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# httpd with the module on the smallest safe configuration, between a real
# authorization server and a real FHIR server. Every permit has a twin that is
# denied and differs from it in one thing.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../lib";
use Test::More;
use Time::HiRes qw(sleep time);
use Smart::Json qw(json_encode);
use Smart::Lab ();
use Smart::Real ();

die Smart::Real::missing() . "\n" if Smart::Real::missing();
my $real = Smart::Real->new;
my $MINIMAL = Smart::Lab->protected;
my $h = $real->httpd(conf => $MINIMAL);
my %httpds = (minimal => $h);
my @tokens; # all that were used: none of them may be in a log

# The minimal configuration with one line replaced or added.
sub with {
    my ($name, $line) = @_;
    my ($directive) = split ' ', $line;
    (my $conf = $MINIMAL) =~ s/^ *\Q$directive\E .*\n//m;
    $conf =~ s/^(?= *Require )/    $line\n/m;
    return $httpds{$name} = $real->httpd(conf => $conf);
}

sub launch {
    my $t = $real->launch(@_);
    push @tokens, grep { defined } @$t{qw(access_token refresh_token)};
    return $t;
}
sub token { return launch(@_)->{access_token} }

sub backend {
    my $t = $real->backend(@_)->{access_token};
    push @tokens, $t;
    return $t;
}

# One row: the status, what is in the answer, and whether the backend was
# reached: exactly when the request is let through.
sub row {
    my ($at, $token, $method, $target, $want, $canaries, $name) = @_;
    my ($headers, $body);
    if ($method =~ /\A(?:POST|PUT)\z/) {
        my ($type) = $target =~ /(\w+)/;
        my ($id) = $target =~ m{/([\w-]+)};
        $headers = ['Content-Type' => 'application/fhir+json'];
        $body = json_encode({ resourceType => $type, status => 'final',
                              $id ? (id => $id) : () });
    }
    $real->fhir_log;
    my $r = $at->request($method, "/fhir/$target", $token, $headers, $body);
    my @seen = $real->fhir_log;
    $name //= "$method $target";
    is $r->status, $want, "$name: $want";
    my $through = $want < 300 || $want == 404 && ($canaries // '') eq '-';
    is scalar @seen, $through ? 1 : 0, $through ? '... by the backend'
        : '... the backend was not reached';
    is join(' ', $r->canaries), $canaries // '', '... content'
        if ($canaries // '') ne '-';
    ok !$seen[0]{headers}{authorization}, '... without the token' if @seen;
    return $r;
}

sub challenge { return scalar $_[0]->header('WWW-Authenticate') // '' }

my @OBSERVATIONS = $real->fhir_client->request(GET => '/fhir/Observation')
    ->canaries;

subtest 'without a token' => sub {
    my $r = row($h, undef, 'GET', 'Observation/obs-1', 401);
    like challenge($r), qr/\ABearer realm="Lab FHIR"/, 'challenge';
    unlike challenge($r), qr/error=/, '... without error';
    is $r->json->{resourceType}, 'OperationOutcome', '... and outcome';
    row($h, undef, 'GET', 'metadata', 200, '', 'metadata is public');
};

subtest 'user/Observation.rs' => sub {
    my $t = token(scope => 'openid fhirUser user/Observation.rs');
    is $real->count($t), 0, 'nobody has asked about the token';
    row($h, $t, 'GET', 'Observation/obs-1', 200, 'Observation/obs-1');
    is $real->count($t), 1, 'now the authorization server was asked';
    row($h, $t, 'GET', 'Observation', 200, "@OBSERVATIONS");
    row($h, $t, 'GET', 'Observation/none', 404, '-');
    my $r = row($h, $t, 'GET', 'Condition/cond-1', 403);
    like challenge($r), qr/error="insufficient_scope"/, '... challenge';
    row($h, $t, 'GET', 'Condition', 403);
    row($h, $t, 'POST', 'Observation', 403);
    row($h, $t, 'PUT', 'Observation/obs-1', 403);
    row($h, $t, 'DELETE', 'Observation/obs-1', 403);
    is $real->count($t), 1, 'all of that took one introspection';
};

subtest 'letters' => sub {
    my $t = token(scope => 'user/Observation.r');
    row($h, $t, 'GET', 'Observation/obs-1', 200, 'Observation/obs-1');
    row($h, $t, 'GET', 'Observation', 403);
    $t = token(scope => 'user/Observation.s');
    row($h, $t, 'GET', 'Observation', 200, "@OBSERVATIONS");
    row($h, $t, 'GET', 'Observation/obs-1', 403);
    $t = token(scope => 'user/Observation.c');
    my $made = row($h, $t, 'POST', 'Observation', 201);
    is $made->body, '', '... and no content: that would be reading';
    # ProxyPassReverse makes it of ServerName's scheme and Host.
    my $here = 'https://127.0.0.1:' . $h->port . '/fhir/Observation/';
    my ($id) = ($made->header('Location') // '') =~ m{\A\Q$here\E([^/]+)};
    ok defined $id, '... but where it is: at this address'
        or $id = 'none';
    row($h, $t, 'DELETE', "Observation/$id", 403);
    $t = token(scope => 'user/Observation.cr');
    is row($h, $t, 'POST', 'Observation', 201)->json->{status}, 'final',
        '... to who may read it, with content';
    $t = token(scope => 'user/Observation.d');
    row($h, $t, 'DELETE', "Observation/$id", 200);
    row($h, $t, 'POST', 'Observation', 403);
    $t = token(scope => 'user/Observation.read');
    row($h, $t, 'GET', 'Observation/obs-1', 200, 'Observation/obs-1');
    row($h, $t, 'POST', 'Observation', 403);
};

subtest 'patient/Patient.r' => sub {
    my $scope = 'launch/patient patient/Patient.r';
    my $t = token(scope => $scope, patient => 'pat-1');
    row($h, $t, 'GET', 'Patient/pat-1', 200, 'Patient/pat-1');
    my $other = row($h, $t, 'GET', 'Patient/pat-2', 404);
    my $none = row($h, $t, 'GET', 'Patient/none', 404);
    is $other->body, $none->body, 'nobody learns who is a patient';
    $t = token(scope => $scope, patient => 'pat-2');
    row($h, $t, 'GET', 'Patient/pat-2', 200, 'Patient/pat-2');
    row($h, $t, 'GET', 'Patient/pat-1', 404);
    $t = token(scope => 'launch patient/Patient.r', launch => 'pat:pat-3');
    row($h, $t, 'GET', 'Patient/pat-3', 200, 'Patient/pat-3', 'EHR launch');
    $t = token(scope => 'patient/Patient.r');
    row($h, $t, 'GET', 'Patient/pat-1', 403, '', 'no launch context');
};

subtest 'who the user is' => sub {
    my $scope = 'openid fhirUser user/Patient.r';
    my $t = token(scope => $scope, user => 'user-1');
    row($h, $t, 'GET', 'Patient/pat-2', 200, 'Patient/pat-2', 'practitioner');
    $t = token(scope => $scope, user => 'anna');
    row($h, $t, 'GET', 'Patient/pat-2', 404, '', 'a patient, another');
    row($h, $t, 'GET', 'Patient/pat-1', 200, 'Patient/pat-1', '... herself');
    $t = token(scope => $scope, user => 'ruth');
    row($h, $t, 'GET', 'Patient/pat-1', 403, '', 'a related person');
};

subtest 'backend services' => sub {
    for my $client (qw(batch backend)) {
        my $t = backend(client => $client, scope => 'system/Observation.rs');
        row($h, $t, 'GET', 'Observation/obs-1', 200, 'Observation/obs-1');
        row($h, $t, 'GET', 'Patient/pat-1', 403);
    }
    my $t = token(scope => 'system/Observation.rs user/Condition.r');
    row($h, $t, 'GET', 'Observation/obs-1', 403, '',
        'an app is not given system scopes');
};

subtest 'tokens that are none' => sub {
    my $real_one = token(scope => 'user/Observation.rs');
    (my $changed = $real_one) =~ s/(.)\z/$1 eq 'A' ? 'B' : 'A'/e;
    for ([garbage => 'garbage'], ['one letter changed' => $changed],
         ['JWT-shaped' => 'eyJhbGciOiJub25lIn0.e30.c2ln']) {
        my ($name, $token) = @$_;
        my $r = row($h, $token, 'GET', 'Observation/obs-1', 401, '', $name);
        like challenge($r), qr/error="invalid_token"/, '... challenge';
        is $real->count($token), 1, '... was asked about';
        $h->get('/fhir/Observation/obs-1', $token);
        is $real->count($token), 1, '... once';
    }
    row($h, $real_one, 'GET', 'Observation/obs-1', 200, 'Observation/obs-1',
        'the real one');
};

subtest 'tokens for somebody else' => sub {
    my $t = token(scope => 'user/Observation.rs');
    row($h, $t, 'GET', 'Observation/obs-1', 200, 'Observation/obs-1', 'ours');
    $t = token(scope => 'user/Observation.rs', aud => $real->other_url);
    my $r = row($h, $t, 'GET', 'Observation/obs-1', 401, '', 'theirs');
    like challenge($r), qr/error="invalid_token"/, '... challenge';
};

# oidc-provider calls refresh tokens active, without saying for whom. Only a
# gateway that insists on aud can tell; they last longer than access tokens,
# and have lost patient and fhirUser.
subtest 'a refresh token as bearer' => sub {
    my $t = launch(scope => 'offline_access openid user/Observation.rs');
    my $strict = with(audience => 'SmartAudience required');
    row($strict, $t->{access_token}, 'GET', 'Observation/obs-1', 200,
        'Observation/obs-1', 'the access token, aud required');
    row($strict, $t->{refresh_token}, 'GET', 'Observation/obs-1', 401, '',
        'the refresh token, aud required');
    $t = launch(user => 'anna', patient => 'pat-1', scope =>
        'offline_access openid fhirUser launch/patient patient/Patient.r');
    row($h, $t->{access_token}, 'GET', 'Patient/pat-1', 200, 'Patient/pat-1',
        'the access token, aud optional');
    row($h, $t->{refresh_token}, 'GET', 'Patient/pat-1', 403, '',
        'the refresh token, aud optional: it has no launch context');
    # Without fhirUser it would be held to no compartment.
    $t = launch(user => 'anna',
        scope => 'offline_access openid fhirUser user/Patient.r');
    my $known = with(fhir_user => 'SmartFhirUser required');
    for ([$strict, 401, 'aud required'], [$known, 403, 'fhirUser required']) {
        my ($at, $status, $name) = @$_;
        row($at, $t->{access_token}, 'GET', 'Patient/pat-1', 200,
            'Patient/pat-1', "a patient's access token, $name");
        row($at, $t->{refresh_token}, 'GET', 'Patient/pat-1', $status, '',
            "her refresh token, $name");
    }
};

subtest 'end of life' => sub {
    my $short = with(ttl => 'SmartCacheTTL 1s');
    my $scope = 'user/Observation.rs';
    my $brief = token(scope => $scope, client => 'app-brief');
    my ($revoked, $kept) = map { token(scope => $scope) } 1, 2;
    for ([$h, $brief, 'brief'], [$short, $revoked, 'to be revoked'],
         [$short, $kept, 'to be kept'], [$h, $kept, 'lasting']) {
        my ($at, $t, $name) = @$_;
        row($at, $t, 'GET', 'Observation/obs-1', 200, 'Observation/obs-1',
            $name);
    }
    $real->revoke($revoked);
    sleep 4; # the brief token lives 3 s, a cached answer 1 s
    row($h, $brief, 'GET', 'Observation/obs-1', 401, '', 'expired');
    cmp_ok $real->count($brief), '<=', 2, '... whatever the cache held';
    row($short, $revoked, 'GET', 'Observation/obs-1', 401, '', 'revoked');
    is $real->count($revoked), 2, '... which was asked after the TTL';
    row($short, $kept, 'GET', 'Observation/obs-1', 200, 'Observation/obs-1',
        'kept');
    row($h, $kept, 'GET', 'Observation/obs-1', 200, 'Observation/obs-1',
        'lasting');
};

subtest 'how the gateway authenticates' => sub {
    my $t = token(scope => 'user/Observation.rs');
    for (['RSA', 'RS384'], ['EC', 'ES384']) {
        my ($key, $name) = @$_;
        my $jwt = with($name => 'SmartIntrospectionAuth private_key_jwt '
            . "gateway-jwt \@${key}KEY\@");
        row($jwt, $t, 'GET', 'Observation/obs-1', 200, 'Observation/obs-1',
            "private_key_jwt, $name");
    }
    my $theirs = $real->dir . '/backend.pem';
    my $wrong_key = with(wrong_key => 'SmartIntrospectionAuth private_key_jwt '
        . "gateway-jwt $theirs");
    my $r = row($wrong_key, $t, 'GET', 'Observation/obs-1', 503, '',
        'signed with another key');
    ok $r->header('Retry-After'), '... Retry-After';
    my $bad = $real->write_file('bad-secret' => 'not-the-secret');
    my $wrong = with(wrong => 'SmartIntrospectionAuth client_secret_basic '
        . "gateway file:$bad");
    row($wrong, $t, 'GET', 'Observation/obs-1', 503, '', 'wrong secret');
    unlike $wrong->log_text, qr/not-the-secret/, '... which is in no log';
    row($h, $t, 'GET', 'Observation/obs-1', 200, 'Observation/obs-1',
        'right secret');
    my $alien = $real->write_file('batch-secret' => 'batch-secret');
    my $not_allowed = with(alien => 'SmartIntrospectionAuth '
        . "client_secret_basic batch file:$alien");
    row($not_allowed, $t, 'GET', 'Observation/obs-1', 401, '',
        'a client that may not introspect learns of no token');
};

subtest 'the authorization server hangs' => sub {
    my ($known, $new) = map { token(scope => 'user/Observation.rs') } 1, 2;
    row($h, $known, 'GET', 'Observation/obs-1', 200, 'Observation/obs-1',
        'before');
    $real->as_signal('STOP');
    row($h, $known, 'GET', 'Observation/obs-1', 200, 'Observation/obs-1',
        'a token in the cache');
    my $r = row($h, $new, 'GET', 'Observation/obs-1', 503, '', 'a new one');
    cmp_ok $r->{elapsed}, '<', 4, '... within the timeout';
    ok $r->header('Retry-After'), '... Retry-After';
    $real->as_signal('CONT');
    sleep 0.05; # what failed this very moment is not asked again at once
    row($h, $new, 'GET', 'Observation/obs-1', 200, 'Observation/obs-1',
        'the new one, afterwards');
};

subtest 'discovery' => sub {
    (my $conf = $MINIMAL) =~ s{^(?= *Require )}{<<'END'}me;
    SmartDiscovery metadata @AS@/.well-known/openid-configuration
    SmartCapability launch-standalone sso-openid-connect client-public
    SmartPublicURL https://fhir.example.org/fhir
END
    my $at = $httpds{discovery} = $real->httpd(conf => $conf);
    my $path = '/fhir/.well-known/smart-configuration';
    my $until = time() + 5;
    sleep 0.1 while $at->get($path)->status == 503 && time() < $until;
    my $r = $at->get($path);
    is $r->status, 200, 'what the server publishes will do';
    my $d = $r->json;
    like $d->{$_}, qr{\Ahttps?://}, "... $_"
        for qw(issuer jwks_uri authorization_endpoint token_endpoint);
    is_deeply $d->{code_challenge_methods_supported}, ['S256'], '... PKCE';
    is_deeply [grep { /\Apermission-/ } @{$d->{capabilities}}],
        [qw(permission-patient permission-user permission-v1 permission-v2)],
        '... and what the gateway adds';
    $r = $at->get('/.well-known/oauth-protected-resource/fhir')->json;
    is $r->{resource}, 'https://fhir.example.org/fhir', 'the resource';
    is_deeply $r->{authorization_servers}, [$d->{issuer}], '... and its server';
    like challenge($at->get('/fhir/Observation/obs-1')),
        qr{resource_metadata="https://fhir\.example\.org/\.well-known/oauth},
        '... named in the challenge';
    my $security = $at->get('/fhir/metadata')->json->{rest}[0]{security};
    my %uri = map { $_->{url} => $_->{valueUri} }
        @{$security->{extension}[0]{extension}};
    is $uri{token}, $d->{token_endpoint}, 'the FHIR server\'s statement has it';
    ok !$h->get('/fhir/metadata')->json->{rest}[0]{security}{extension},
        '... which it has not without SmartDiscovery';
};

subtest 'the authorization server is gone' => sub {
    my ($known, $new) = map { token(scope => 'user/Observation.rs') } 1, 2;
    row($h, $known, 'GET', 'Observation/obs-1', 200, 'Observation/obs-1',
        'before');
    $real->stop_as;
    row($h, $known, 'GET', 'Observation/obs-1', 200, 'Observation/obs-1',
        'a token in the cache');
    row($h, $known, 'GET', 'Condition/cond-1', 403, '',
        '... grants what it did, no more');
    row($h, $new, 'GET', 'Observation/obs-1', 503, '', 'a new one')
        for 1 .. 6; # enough to open a circuit breaker
    $real->start_as;
    my $fresh = token(scope => 'user/Observation.rs');
    my $until = time() + 5;
    sleep 0.2 while $h->get('/fhir/Observation/obs-1', $fresh)->status == 503
        && time() < $until;
    row($h, $fresh, 'GET', 'Observation/obs-1', 200, 'Observation/obs-1',
        'it is back');
    row($h, $new, 'GET', 'Observation/obs-1', 401, '',
        '... and does not know what it issued before');
};

subtest 'logs' => sub {
    for my $name (sort keys %httpds) {
        my $text = $httpds{$name}->log_text;
        my @found = grep { index($text, $_) >= 0 } @tokens, 'gateway-secret';
        is scalar @found, 0, "$name: no token and no secret in the log";
        unlike $text, qr/AH00052|exit signal/, '... and no crash';
    }
    cmp_ok scalar @tokens, '>', 20, 'there were tokens to look for';
};

done_testing;
