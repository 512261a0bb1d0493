#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What clients learn before they have a token: smart-configuration, the
# metadata of RFC 9728, rest.security; when they do not learn it, and what the
# challenge says of it. The table of members is printed with how each was
# checked.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);
use Smart::Expect qw(is_refusal is_read challenge);
use Smart::Json qw(json_decode json_encode);
use Smart::Lab ();

my $lab = Smart::Lab->new;
my $dir = $lab->dir;
my $AS = $lab->issuer;
my $METADATA = 'SmartDiscovery metadata @AS@/.well-known/oauth-authorization-server';
my $CONF = '/.well-known/smart-configuration';
my $RESOURCE = '/.well-known/oauth-protected-resource';

sub location {
    my ($path, @extra) = @_;
    return $lab->protected(path => $path,
        extra => join "\n", 'SmartFhirUser required', @extra);
}

sub write_file {
    my ($name, $text) = @_;
    open my $f, '>', "$dir/$name" or die "$dir/$name: $!\n";
    print $f $text;
    close $f;
    return "$dir/$name";
}

# Until something is true; false after some seconds.
sub wait_for {
    my ($sub, $s) = @_;
    my $end = time() + ($s // 8);
    while (time() < $end) {
        return 1 if $sub->();
        sleep 0.05;
    }
    return 0;
}

sub status { return $_[0]->get($_[1])->status }
sub served { my ($h, $path) = @_; return wait_for(sub { status($h, $path) == 200 }) }

# --- the table ---------------------------------------------------------------

# Right for every capability; undef: a member that need not be there.
my %ALL = (
    issuer => $AS, jwks_uri => "$AS/jwks",
    authorization_endpoint => "$AS/authorize",
    grant_types_supported => ['authorization_code'],
    token_endpoint => "$AS/token",
    token_endpoint_auth_methods_supported => ['private_key_jwt'],
    token_endpoint_auth_signing_alg_values_supported => ['RS384'],
    registration_endpoint => "$AS/register",
    smart_app_state_endpoint => "$AS/state",
    associated_endpoints => [{ url => "$AS/x", capabilities => [] }],
    user_access_brand_bundle => "$AS/brands",
    user_access_brand_identifier => { value => 'x' },
    scopes_supported => ['openid', 'patient/*.rs'],
    response_types_supported => ['code'],
    management_endpoint => "$AS/manage",
    introspection_endpoint => "$AS/introspect",
    revocation_endpoint => "$AS/revoke",
    capabilities => ['launch-ehr', 'sso-openid-connect',
                     'client-confidential-asymmetric'],
    code_challenge_methods_supported => ['S256'],
);

# SMART App Launch 2.2, in its order: member, need, the capability that makes
# it required, a value of its type that is wrong.
my @TABLE = (
    ['issuer', 'conditional', 'sso-openid-connect'],
    ['jwks_uri', 'conditional', 'sso-openid-connect'],
    ['authorization_endpoint', 'conditional', 'launch-ehr'],
    ['grant_types_supported', 'required', undef, ['password']],
    ['token_endpoint', 'required'],
    ['token_endpoint_auth_methods_supported', 'optional',
     'client-confidential-asymmetric', ['client_secret_basic']],
    ['token_endpoint_auth_signing_alg_values_supported', 'optional',
     'client-confidential-asymmetric', ['RS256']],
    ['registration_endpoint', 'optional'],
    ['smart_app_state_endpoint', 'optional'],
    ['associated_endpoints', 'optional'],
    ['user_access_brand_bundle', 'recommended'],
    ['user_access_brand_identifier', 'recommended'],
    ['scopes_supported', 'recommended', 'client-confidential-asymmetric'],
    ['response_types_supported', 'recommended'],
    ['management_endpoint', 'recommended'],
    ['introspection_endpoint', 'recommended'],
    ['revocation_endpoint', 'recommended'],
    ['capabilities', 'required'],
    ['code_challenge_methods_supported', 'required', undef, ['plain', 'S256']],
);

# The messages of httpd -t about a file; "" when it starts.
my $files = 0;
sub file_faults {
    my (%members) = @_;
    my $file = write_file('file-' . ++$files . '.json', json_encode(\%members));
    my ($rc, $err) = $lab->configtest(location('/fhir',
                                               "SmartDiscovery file $file"));
    return '' if $rc == 0;
    my ($line) = $err =~ /(SMART0118: SmartDiscovery file.*)/;
    return $line // "no line: $err";
}

sub without { my ($name) = @_; my %m = %ALL; delete $m{$name}; return %m }

subtest 'members of a file, checked at start' => sub {
    is file_faults(%ALL), '', 'the whole one starts';
    my @lines;
    for (@TABLE) {
        my ($name, $need, $with, $wrong) = @$_;
        my @how;
        my $fault = file_faults(without($name));
        if ($need eq 'required' || $with) {
            like $fault, qr/\b$name is missing, and required/,
                "$name: missing";
            push @how, 'missing: ' . ($with ? "no start with $with"
                                      : 'no start');
        }
        else {
            is $fault, '', "$name: may be missing";
            push @how, 'missing: starts';
        }
        if ($with) {
            my %m = without($name);
            $m{capabilities} = [grep { $_ ne $with } @{$ALL{capabilities}}];
            delete $m{issuer} if $with eq 'sso-openid-connect';
            is file_faults(%m), '', "... may be without $with";
            push @how, 'starts without it';
        }
        like file_faults(%ALL, $name => 7), qr/\b$name is no /,
            '... of a wrong type';
        push @how, 'wrong type: no start';
        if ($wrong) {
            like file_faults(%ALL, $name => $wrong), qr/\b$name has /,
                '... without what it has to hold';
            push @how, "@$wrong: no start";
        }
        push @lines, sprintf '%-49s %-12s %s', $name, $need, join '; ', @how;
    }
    like file_faults(%ALL, capabilities => ['launch-ehr',
                                            'client-confidential-asymmetric']),
        qr/issuer is there without sso-openid-connect/,
        'an issuer without sso-openid-connect';
    note join "\n", 'Members of smart-configuration, SMART App Launch 2.2:',
        @lines;
};

# --- the deployment ----------------------------------------------------------

my $file = write_file('smart.json', json_encode({ %ALL,
    capabilities => ['permission-v2', 'sso-openid-connect'],
    token_endpoint => 'https://other.example/token',
    issuer => 'https://other.example' }));
my $OPENID = 'SmartDiscovery metadata @AS@/.well-known/openid-configuration';
my @statements = qw(plain xml other error large coded broken);
my $backends = join '', map { <<"END" } @statements;
<Location "/s-$_">
    AuthType SMART
    AuthName "Lab FHIR"
    SmartIntrospectionEndpoint \@INTROSPECT\@
    SmartIntrospectionAuth client_secret_basic gateway \@SECRET\@
    SmartFhirUser required
    $METADATA
    Require smart
    ProxyPass http://127.0.0.1:\@PORT3\@/$_
</Location>
<Location "/$_/metadata">
    ForceType application/fhir+json
</Location>
END
my $conf = join "\n",
    location('/fhir', $METADATA, 'SmartCapability launch-ehr https://x/cap'),
    location('/fhir/r5', 'SmartFhirBase /fhir/r5', "SmartDiscovery file $file",
             'SmartCapability context-banner'),
    location('/off'),
    location('/oidc', $OPENID, 'SmartIssuer @AS@',
             'SmartCapability sso-openid-connect'),
    location('/wrong', $OPENID, 'SmartIssuer https://else.example'),
    location('/need', $METADATA,
             'SmartCapability client-confidential-asymmetric'),
    location('/mapped', $METADATA,
             'SmartPublicURL https://x.example/api/fhir'),
    location('/cors', $METADATA, 'SmartCorsOrigin https://app.example'),
    location('/report', $METADATA, 'SmartMode report'),
    location('/deny', $METADATA, 'SmartRule discovery * deny'),
    "<VirtualHost 127.0.0.1:\@PORT2\@>\nServerName http://root.example\n"
    . $lab->protected(path => '/', backend => '@FHIR@/', extra => $METADATA)
    . '</VirtualHost>',
    "<VirtualHost 127.0.0.1:\@PORT3\@>\nServerName http://backend\n"
    . "DocumentRoot \@DIR\@/backend\n"
    . "<Location \"/xml/metadata\">\nForceType application/fhir+xml\n</Location>\n"
    . "<Location \"/coded/metadata\">\nHeader set Content-Encoding gzip\n"
    . "</Location>\n"
    . "<Location \"/error/metadata\">\nRedirect 503 /\n</Location>\n"
    . '</VirtualHost>',
    $backends,
    "ErrorLogFormat \"%M\"\n";
# Types of the backend's files are the last word.
$conf =~ s{(<Location "/xml/metadata">\n    ForceType) application/fhir\+json}
          {$1 application/fhir+xml};

my $STATEMENT = { resourceType => 'CapabilityStatement', fhirVersion => '4.0.1',
    rest => [{ mode => 'server', resource => [{ type => 'Patient' }] }] };
my $h = $lab->httpd(conf => $conf, ports => 3, start => 0);
{
    my $d = $h->dir . '/backend';
    mkdir $d;
    my %text = (plain => json_encode($STATEMENT), xml => json_encode($STATEMENT),
        coded => json_encode($STATEMENT), error => json_encode($STATEMENT),
        other => '{"resourceType":"Patient","rest":[{"mode":"server"}]}',
        broken => '{"resourceType":"CapabilityStatement",',
        large => json_encode({ %$STATEMENT, copyright => 'x' x (4 << 20) }));
    for (keys %text) {
        mkdir "$d/$_";
        open my $f, '>', "$d/$_/metadata" or die;
        print $f $text{$_};
        close $f;
    }
}
$h->start;
ok served($h, "/fhir$CONF"), 'metadata have come';
my $token = $lab->token(scope => 'user/Observation.rs',
                        fhirUser => 'Practitioner/prac-1');

sub header { my ($r, $n) = @_; return scalar($r->header($n)) // '' }

subtest 'from metadata' => sub {
    my $hits = $lab->hits;
    my $r = $h->get("/fhir$CONF");
    is header($r, 'Content-Type'), 'application/json', 'type';
    my $d = $r->json;
    is_deeply [sort @{$d->{capabilities}}], [sort qw(launch-ehr https://x/cap
        launch-standalone client-public client-confidential-symmetric
        context-standalone-patient permission-patient permission-v1
        permission-v2 permission-user)],
        'capabilities: the server\'s, the named ones, those of the gateway';
    is $d->{token_endpoint}, "$AS/token", 'token endpoint';
    is $d->{introspection_endpoint}, "$AS/introspect", 'introspection';
    is $d->{revocation_endpoint}, "$AS/revoke", 'revocation';
    is_deeply $d->{code_challenge_methods_supported}, ['S256'], 'PKCE';
    ok !exists $d->{issuer}, 'no issuer without sso-openid-connect';
    served($h, "/oidc$CONF");
    is $h->get("/oidc$CONF")->json->{issuer}, $AS, '... with it there is';
    is $lab->hits, $hits, 'the backend was not asked';
};

subtest 'a request' => sub {
    my $path = "/fhir$CONF";
    my $get = $h->get($path);
    my $etag = header($get, 'ETag');
    like $etag, qr/\A"[0-9a-f]{32}"\z/, 'ETag';
    is header($get, 'Access-Control-Allow-Origin'), '*', 'for every origin';
    for (['text/html'], ['application/xml'], ['application/fhir+xml'], ['*/*'],
         ['image/png;q=1']) {
        my $r = $h->request(GET => $path, undef, [Accept => $_->[0]]);
        is $r->status . header($r, 'Content-Type') . $r->body,
            '200application/json' . $get->body, "JSON for Accept: $_->[0]";
    }
    my $head = $h->request(HEAD => $path);
    is $head->status . $head->body, '200', 'HEAD';
    is header($head, $_), header($get, $_), "... with the same $_"
        for qw(Content-Type Content-Length ETag Access-Control-Allow-Origin);
    my $r = $h->request(GET => $path, undef, ['If-None-Match' => $etag]);
    is $r->status . $r->body, '304', 'If-None-Match: 304';
    is header($r, 'Access-Control-Allow-Origin'), '*', '... for every origin';
    $r = $h->request(GET => $path, undef, ['If-None-Match' => '"x"']);
    is $r->status, 200, '... of another: 200';
    is $h->get($path, $token)->body, $get->body, 'a token is not looked at';
    is $h->get($path, 'x')->body, $get->body, '... not even a bad one';
    for (qw(POST PUT PATCH DELETE)) {
        $r = $h->request($_ => $path, undef,
                         ['Content-Type' => 'application/json'], '{}');
        cmp_ok $r->status, '>=', 400, "$_ is refused";
        $r = $h->request($_ => $path, $token,
                         ['Content-Type' => 'application/json'], '{}');
        cmp_ok $r->status, '>=', 400, '... with a token as well';
    }
    is $h->get("/fhir$CONF/")->body, $get->body, 'a slash at the end';
    is status($h, '/fhir/.well-known/x'), 401, 'another path is not public';
    $r = $h->request(GET => "/cors$CONF", undef,
                     [Origin => 'https://app.example']);
    is_deeply [$r->header('Access-Control-Allow-Origin')], ['*'],
        'the origin of a listed app is one of all';
    $r = $h->request(GET => "/cors$CONF", undef, [Origin => 'https://x.example']);
    is_deeply [$r->header('Access-Control-Allow-Origin')], ['*'],
        '... as of another';
};

subtest 'from a file, in a nested base' => sub {
    my $d = $h->get("/fhir/r5$CONF")->json;
    is $d->{token_endpoint}, 'https://other.example/token', 'its own';
    is_deeply $d->{capabilities}, [qw(permission-v2 sso-openid-connect
        context-banner launch-ehr https://x/cap)],
        '... with the named capabilities and no others';
    is $h->get("/fhir$CONF")->json->{token_endpoint}, "$AS/token",
        'the outer base has the other';
    is $h->get("$RESOURCE/fhir/r5")->json->{authorization_servers}[0],
        'https://other.example', 'so have resources';
    is $h->get("$RESOURCE/fhir")->json->{authorization_servers}[0], $AS,
        '... of the outer one';
};

subtest 'off' => sub {
    my $hits = $lab->hits;
    my $r = $h->get("/off$CONF");
    is $lab->hits, $hits + 1, 'smart-configuration is asked of the backend';
    is status($h, "$RESOURCE/off"), 404, 'no resource metadata';
    is header($h->get('/off/Patient/1'), 'WWW-Authenticate'), challenge(''),
        '... nor in the challenge';
    ok !$h->get('/off/metadata')->json->{rest}[0]{security},
        'nothing in the CapabilityStatement';
};

subtest 'metadata that will not do' => sub {
    for (['/need', qr/token_endpoint_auth_signing_alg_values_supported is miss/],
         ['/wrong', qr/issuer is not the one/]) {
        my ($base, $why) = @$_;
        is_refusal($h->get("$base$CONF"), 503, 'transient', '-', "$base: 503");
        cmp_ok header($h->get("$base$CONF"), 'Retry-After'), '>', 0,
            '... with Retry-After';
        like $h->log_text, qr/SMART0602: .*$why/, '... and logged';
        is status($h, "$RESOURCE$base"), 503, '... nor are there resources';
        is header($h->get("$base/Patient/1"), 'WWW-Authenticate'),
            challenge(''), '... nor does the challenge name them';
    }
};

subtest 'RFC 9728' => sub {
    my $url = $h->url;
    my $r = $h->get("$RESOURCE/fhir");
    is_deeply $r->json, { resource => "$url/fhir",
        authorization_servers => [$AS], bearer_methods_supported => ['header'],
        scopes_supported => $h->get("/fhir$CONF")->json->{scopes_supported} },
        'resource is the public URL';
    is header($r, 'Content-Type') . header($r, 'Access-Control-Allow-Origin'),
        'application/json*', '... as JSON, for every origin';
    my $named = header($h->get('/fhir/Patient/1'), 'WWW-Authenticate');
    is $named, "Bearer realm=\"Lab FHIR\", resource_metadata="
        . "\"$url$RESOURCE/fhir\"", 'the challenge names it';
    like header($h->get('/fhir/Patient/1', 'x'), 'WWW-Authenticate'),
        qr/error="invalid_token", resource_metadata="/, '... with an error too';
    like header($h->get('/fhir/Condition/1', $token), 'WWW-Authenticate'),
        qr/insufficient_scope.*resource_metadata="/, '... or a scope';
    is status($h, "$RESOURCE/fhir/"), 200, 'a slash at the end';
    is status($h, "$RESOURCE$_"), 404, "not for $_"
        for '', '/', '/fhi', '/fhirx', '/fhir/Patient', '/off';
    is status($h, "$RESOURCE/fhir//"), 400, 'nor for two slashes';
    my $head = $h->request(HEAD => "$RESOURCE/fhir");
    is $head->status . $head->body, '200', 'HEAD';
    $head = $h->request(GET => "$RESOURCE/fhir", undef,
                        ['If-None-Match' => header($r, 'ETag')]);
    is $head->status, 304, 'If-None-Match';
    for (qw(POST DELETE TRACE OPTIONS)) {
        $r = $h->request($_ => "$RESOURCE/fhir");
        is $r->status, 405, "$_: 405";
        like header($r, 'Allow'), qr/\bGET\b(?!.*POST)/, '... but GET';
    }
    is $h->get("$RESOURCE$_")->json->{resource},
        'https://x.example/api/fhir', "of a mapped base: $_"
        for '/mapped', '/api/fhir';
    like header($h->get('/mapped/Patient/1'), 'WWW-Authenticate'),
        qr{"https://x\.example$RESOURCE/api/fhir"}, '... as clients see it';
};

subtest 'a base at the root' => sub {
    my $c = sub {
        my ($path, $t, $method) = @_;
        return $h->client(port => $h->port(1))->request($method // 'GET', $path,
            $t ? [Authorization => "Bearer $t"] : []);
    };
    my $hits = $lab->hits;
    is $c->($CONF)->json->{token_endpoint}, "$AS/token", 'smart-configuration';
    is $c->($RESOURCE)->json->{resource}, 'http://root.example',
        'its resource metadata are public';
    is $c->("$RESOURCE/fhir")->status, 401, '... those of no base are not';
    is $c->("${RESOURCE}x")->status, 401, '... nor is another path';
    cmp_ok $c->($RESOURCE, undef, 'POST')->status, '>=', 400, '... nor a POST';
    cmp_ok $c->($RESOURCE, $token, 'POST')->status, '>=', 400,
        '... with a token neither';
    is $lab->hits, $hits, 'the backend was not asked';
    like header($c->('/Patient/1'), 'WWW-Authenticate'),
        qr{"http://root\.example$RESOURCE"}, 'challenge';
};

subtest 'rules and modes' => sub {
    is status($h, "/deny$CONF"), 401, 'a rule denies it';
    is status($h, "/report$CONF"), 200, 'report mode serves it';
};

subtest 'rest.security' => sub {
    my $r = $h->get('/s-plain/metadata');
    my $rest = $r->json->{rest}[0];
    my $security = delete $rest->{security};
    is_deeply $rest, $STATEMENT->{rest}[0], 'all else is as it was';
    is_deeply $security->{service}[0]{coding},
        [{ system => 'http://terminology.hl7.org/CodeSystem/'
           . 'restful-security-service', code => 'SMART-on-FHIR' }], 'service';
    ok $security->{cors}, 'cors';
    is $security->{extension}[0]{url}, 'http://fhir-registry.smarthealthit.org/'
        . 'StructureDefinition/oauth-uris', 'extension';
    my %uri = map { $_->{url} => $_->{valueUri} }
        @{$security->{extension}[0]{extension}};
    is_deeply \%uri, { authorize => "$AS/authorize", token => "$AS/token",
        introspect => "$AS/introspect", revoke => "$AS/revoke" }, 'endpoints';
    is header($r, 'Content-Length'), length $r->body, 'length';
    is header($r, 'Last-Modified'), '', 'nothing of the other representation';
    is header($r, 'Content-Type'), 'application/fhir+json', 'type';
    my $again = $h->get('/s-plain/metadata');
    is $again->body . header($again, 'ETag'), $r->body . header($r, 'ETag'),
        'the same again';
    $again = $h->request(GET => '/s-plain/metadata', undef,
                         ['If-None-Match' => header($r, 'ETag')]);
    is $again->status . $again->body, '304', 'If-None-Match';
    $again = $h->request(GET => '/s-plain/metadata', undef,
        ['If-None-Match' => '*', Range => 'bytes=0-9',
         'Accept-Encoding' => 'gzip']);
    is $again->status, 304, '... for any as well, judged here';
    $again = $h->request(GET => '/s-plain/metadata', undef,
                         [Range => 'bytes=0-9', 'Accept-Encoding' => 'gzip']);
    ok $again->status == 200 && $again->body eq $r->body
        || $again->status == 206 && $again->body eq substr($r->body, 0, 10),
        'a range is one of the whole';
    my $other = $h->client(port => $h->port(2))->request(
        GET => '/plain/metadata');
    $again = $h->request(GET => '/s-plain/metadata', undef,
                         ['If-None-Match' => header($other, 'ETag')]);
    is $again->status . $again->body, '200' . $r->body,
        'the validator of the backend is not ours';
    my $head = $h->request(HEAD => '/s-plain/metadata');
    is join(' ', $head->status, map { header($head, $_) }
            qw(ETag Last-Modified Content-Length)), '200   ',
        'HEAD tells nothing of the other representation';
    # As it came.
    my $direct = $h->client(port => $h->port(2));
    for (qw(xml other large coded broken)) {
        my $want = $direct->request(GET => "/$_/metadata");
        my $is = $h->get("/s-$_/metadata");
        is $is->status, 200, "$_: 200";
        ok $is->body eq $want->body, '... as it came';
        is header($is, 'ETag'), header($want, 'ETag'), '... with its ETag';
    }
    is status($h, '/s-error/metadata'), 503, 'an error is one';
    ok !$h->get('/need/metadata')->json->{rest}[0]{security},
        'nothing is added while nothing is known';
    # What has changed at the backend has changed here.
    my $path = $h->dir . '/backend/plain/metadata';
    open my $f, '>', $path or die;
    print $f json_encode({ %$STATEMENT, description => 'another' });
    close $f;
    is $h->get('/s-plain/metadata')->json->{description}, 'another',
        'a change of the backend shows at once';
    my $lab_statement = $h->get('/fhir/metadata')->json->{rest}[0];
    ok $lab_statement->{security}{cors} && @{$lab_statement->{resource}} > 100,
        'a large one';
};

subtest 'CORS' => sub {
    my $exposed = 'Location, Content-Location, ETag, Last-Modified, '
        . 'WWW-Authenticate, Retry-After, X-Progress';
    my @origin = (Origin => 'https://app.example');
    for (['/cors/Observation/obs-1', $token, 200],
         ['/cors/Observation/obs-1', undef, 401],
         ['/cors/Condition/cond-1', $token, 403],
         ['/cors/Observation/none', $token, 404],
         ['/cors//x', $token, 400]) {
        my ($path, $t, $status) = @$_;
        my $r = $h->request(GET => $path, $t, [@origin]);
        is join(' ', $r->status, header($r, 'Access-Control-Allow-Origin')),
            "$status https://app.example", "$status of a listed origin";
        is header($r, 'Access-Control-Expose-Headers'), $exposed,
            '... exposes what apps need';
        $r = $h->request(GET => $path, $t, [Origin => 'https://x.example']);
        is join('', $r->status, header($r, 'Access-Control-Allow-Origin'),
                header($r, 'Access-Control-Expose-Headers')), $status,
            '... nothing to another';
    }
    my $r = $h->request(OPTIONS => '/cors/Patient', undef,
        [@origin, 'Access-Control-Request-Method' => 'GET']);
    is $r->status . header($r, 'Access-Control-Allow-Origin'),
        '204https://app.example', 'preflight';
};

# --- members of metadata -----------------------------------------------------

subtest 'members of metadata' => sub {
    my %caps = (issuer => 'sso-openid-connect', jwks_uri => 'sso-openid-connect',
        scopes_supported => 'client-confidential-asymmetric',
        token_endpoint_auth_methods_supported
            => 'client-confidential-asymmetric');
    my %more = (token_endpoint_auth_signing_alg_values_supported => ['ES384']);
    my @lines;
    for my $name (qw(issuer jwks_uri authorization_endpoint
                     grant_types_supported token_endpoint scopes_supported
                     token_endpoint_auth_methods_supported)) {
        $lab->as_metadata(without => [$name], members => \%more);
        my $own = $lab->httpd(conf => location('/fhir', $METADATA,
            $caps{$name} ? "SmartCapability $caps{$name}" : ()));
        ok wait_for(sub { $own->log_text =~ /SMART0602: .*\b$name is missing/ }),
            "$name: missing, and logged";
        is_refusal($own->get("/fhir$CONF"), 503, 'transient', '-', '... 503');
        $lab->as_metadata(members => \%more);
        ok served($own, "/fhir$CONF"), '... it is there: 200';
        push @lines, sprintf '%-49s missing: 503 and SMART0602; there: 200',
            $name;
        $own->stop;
    }
    $lab->as_metadata(members => {
        code_challenge_methods_supported => ['plain'] });
    my $own = $lab->httpd(conf => location('/fhir', $METADATA));
    ok wait_for(sub { $own->log_text
        =~ /SMART0602: .*code_challenge_methods_supported/ }), 'plain alone';
    is status($own, "/fhir$CONF"), 503, '... 503';
    $lab->as_metadata(members => {
        code_challenge_methods_supported => ['plain', 'S256'] });
    ok served($own, "/fhir$CONF"), 'S256 beside it: 200';
    is_deeply $own->get("/fhir$CONF")->json->{code_challenge_methods_supported},
        ['S256'], '... alone';
    $lab->as_metadata(without => ['code_challenge_methods_supported',
                                  'capabilities', 'introspection_endpoint']);
    $own->graceful;
    ok wait_for(sub { !exists $own->get("/fhir$CONF")->json
                          ->{introspection_endpoint} }), 'none is named';
    my $d = $own->get("/fhir$CONF")->json;
    is_deeply $d->{code_challenge_methods_supported}, ['S256'], '... S256';
    is_deeply $d->{capabilities}, [qw(permission-patient permission-user
        permission-v1 permission-v2)], '... what the gateway can do';
    $own->stop;
    $lab->as_metadata;
    note join "\n", 'Members of metadata:', @lines,
        'code_challenge_methods_supported                  without S256: 503;'
        . ' missing: S256; plain: taken out',
        'capabilities                                      missing: those of'
        . ' the gateway';
};

subtest 'answers that are none' => sub {
    for ([status => 500], [status => 302], [type => 'text/html'],
         [raw => '[]'], [raw => '{"issuer":1,"issuer":2}'], [raw => ''],
         [raw => '{"x":"' . 'y' x 66_000 . '"}']) {
        my ($what, $value) = @$_;
        $lab->as_metadata($what => $value);
        my $own = $lab->httpd(conf => location('/fhir', $METADATA));
        ok wait_for(sub { $own->log_text =~ /SMART0603: no metadata/ }),
            "$what " . substr($value, 0, 30) . ': logged';
        is status($own, "/fhir$CONF"), 503, '... 503';
        $own->stop;
    }
    $lab->as_metadata;
};

# --- time --------------------------------------------------------------------

subtest 'nobody waits for it' => sub {
    my $deaf = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0,
                                     Listen => 5) or die;
    my $own = $lab->httpd(conf => location('/fhir', 'SmartDiscovery metadata '
        . 'http://127.0.0.1:' . $deaf->sockport . '/x'));
    my $start = time();
    my $r = $own->get("/fhir$CONF");
    is_refusal($r, 503, 'transient', '-', 'no answer yet: 503');
    cmp_ok time() - $start, '<', 0.5, '... at once';
    is header($r, 'Retry-After'), 5, '... with Retry-After';
    is header($own->get('/fhir/Patient/1'), 'WWW-Authenticate'), challenge(''),
        '... and no resource metadata in the challenge';
    is status($own, "$RESOURCE/fhir"), 503, '... which are 503 too';
    is_read($own->get('/fhir/Observation/obs-1', $token), 'Observation/obs-1',
            '... all else goes on');
    $start = time();
    $own->stop;
    cmp_ok time() - $start, '<', 5, 'it stops with a fetch under way';
};

for my $mpm (qw(event prefork)) {
    subtest "$mpm: asked once, known to all, kept" => sub {
        my $before = $lab->as_metadata;
        my $own = $lab->httpd(conf => location('/fhir', $METADATA),
                              mpm => $mpm);
        ok served($own, "/fhir$CONF"), 'it has come';
        my @c = map { $own->client } 1 .. 12;
        my %seen;
        $seen{$_->request(GET => "/fhir$CONF")->status}++ for @c;
        is_deeply \%seen, { 200 => 12 }, 'every process knows it';
        is $lab->as_metadata, $before + 1, '... one has asked';
        my $body = $own->get("/fhir$CONF")->body;
        $lab->as_kill;
        $own->graceful;
        %seen = ();
        $seen{$own->get("/fhir$CONF")->body}++ for 1 .. 12;
        is_deeply \%seen, { $body => 12 },
            'the last good one is served by new processes, without a server';
        ok wait_for(sub { $own->log_text
            =~ /SMART0603: no metadata .*the last ones are used/ }),
            '... which is logged';
        is status($own, "/fhir$CONF"), 200, '... still';
        $lab->as_revive;
        $lab->as_metadata(without => ['token_endpoint']);
        ok wait_for(sub { $own->log_text =~ /SMART0602: .*token_endpoint/ }, 12),
            'a bad one comes';
        is $own->get("/fhir$CONF")->body, $body, '... the good one stays';
        $lab->as_metadata(members => { registration_endpoint => "$AS/r" });
        $own->graceful;
        ok wait_for(sub { ($own->get("/fhir$CONF")->json
                           ->{registration_endpoint} // '') eq "$AS/r" }, 12),
            'a good one comes, and is served';
        $lab->as_metadata;
        my $start = time();
        $own->stop;
        cmp_ok time() - $start, '<', 5, 'the threads are joined at exit';
        unlike $own->log_text, qr/segfault|signal SIG|exit signal/i,
            '... in peace';
    };
}

is_deeply [$lab->spilled], [], 'no token or secret in any log';
done_testing;
