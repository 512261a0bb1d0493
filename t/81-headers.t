#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Header fields: what a client can not say to a backend, what a backend can
# not say to a client, and what this module says to both.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep);
use Smart::Client ();
use Smart::Http2 ();
use Smart::Lab ();
use Smart::Probe ();

my $OBS = '/fhir/Observation/obs-1';
my $APP = 'https://app.example.org';
my @PREFLIGHT = ('Access-Control-Request-Method', 'GET',
    'Access-Control-Request-Headers', 'authorization');
my $lab = Smart::Lab->new;
my $t = $lab->token(scope => 'system/Observation.rs', sub => 'alice',
    client_id => 'app-1', patient => 'pat-1', groups => ['ward', 'icu'],
    fhirUser => 'Practitioner/prac-1');

my $CLAIMS = <<'END';
SmartClaimHeader patient X-SMART-Patient
SmartClaimHeader sub X-SMART-Sub
SmartClaimHeader groups X-Groups
SmartClaimHeader absent X-Absent
END

my $LOG = join '|', '%u', map { "%{SMART_$_}e" } qw(CLIENT_ID SUB PATIENT
    FHIR_USER SCOPE INTERACTION DECISION CACHE);

# name => [extra, text outside]
my @HOSTS = (
    plain => [$CLAIMS . "SmartCorsOrigin $APP http://127.0.0.1:3000",
              "CustomLog \@DIR\@/env_log \"$LOG\"\n"
              . "Header always set X-Always yes\nMergeTrailers On\n"],
    forward => ['SmartForwardToken On'],
    backend => ['RequestHeader set Authorization "Basic YTpi"'],
    added => ['RequestHeader append Authorization "Basic YTpi"'],
    any => ['SmartCorsOrigin *'],
    url => ['SmartPublicURL https://fhir.example.org:8443/r4'],
    url6 => ['SmartPublicURL https://[2001:db8::1]/fhir'],
    page => ["SmartCorsOrigin $APP",
             "ErrorDocument 401 \"ours\"\nErrorDocument 403 \"ours\"\n"],
    late => ["$CLAIMS\nRequestHeader set X-SMART-Patient pat-2 early\n"
             . "RequestHeader set X_SMART_Sub mallory\n"],
);
my (%port, $conf);
{
    my @list = @HOSTS;
    while (my ($name, $h) = splice @list, 0, 2) {
        my $n = $port{$name} = 1 + keys %port;
        $conf .= "<VirtualHost 127.0.0.1:\@PORT$n\@>\n"
            . "ServerName http://127.0.0.1:\@PORT$n\@\n"
            . $lab->protected(extra => $h->[0]) . ($h->[1] // '')
            . "</VirtualHost>\n";
    }
}
# "early" is no word inside <Location>.
$conf =~ s/^\s*RequestHeader set (\S+ \S+) early\n//m;
my $h = $lab->httpd(conf => $conf, ports => scalar keys %port);
my %probe = map { ($_ => Smart::Probe->new(lab => $lab,
    port => $h->port($port{$_} - 1))) } keys %port;
my $p = $probe{plain};

# What the backend saw of the last request: "name: value" of each field whose
# name, folded, matches.
sub seen {
    my ($pattern) = @_;
    my $e = ($lab->fhir_log)[-1];
    return join ', ', map { "$_->[0]: $_->[1]" }
        grep { $_->[0] =~ tr/_/-/r =~ /\A(?:$pattern)\z/i } @{$e->{headers}};
}

sub header_is {
    my ($r, $name, $want, $text) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is scalar $r->header($name), $want, $text;
}

subtest 'fields that are not for clients to say' => sub {
    for my $field ('X-SMART-Patient', 'x-smart-patient', 'X_SMART_PATIENT',
                   'X_Smart-Patient', 'X_SMART_SUB', 'X-Groups', 'X_GROUPS',
                   'X-Absent', 'x_absent') {
        $p->permitted("$field goes through", 'Observation/obs-1',
                      GET => $OBS, $t, [$field => 'forged']);
        unlike seen('.*'), qr/forged/, '... without it';
    }
    for my $field ('X-HTTP-Method-Override', 'X_HTTP_Method_Override',
                   'X-HTTP-Method', 'x-method-override', 'X-Original-URL',
                   'X-Rewrite-URL', 'X_Rewrite_URL', 'X-Forwarded-Host',
                   'X-Forwarded-Proto', 'X-Forwarded-Port', 'X_Forwarded_Port',
                   'X-Forwarded-Prefix', 'Forwarded', 'X-Cascade') {
        $p->permitted("$field goes through", 'Observation/obs-1',
                      GET => $OBS, $t, [$field => 'DELETE']);
        unlike seen('.*'), qr/DELETE/, '... without it';
    }
    $p->permitted('twice', 'Observation/obs-1', GET => $OBS, $t,
                  [('X_SMART_Patient' => 'pat-2') x 40]);
    is seen('x-smart-patient'), 'X-SMART-Patient: pat-1', '... is ours alone';
    $p->permitted('others', 'Observation/obs-1', GET => $OBS, $t,
                  ['X-Request-Id' => 'r1', 'X_Other' => 'o1']);
    is seen('x-request-id|x-other'), 'X-Request-Id: r1, X_Other: o1',
        '... are passed';
    $p->permitted('on metadata', 'CapabilityStatement/metadata',
                  GET => '/fhir/metadata', undef,
                  ['X-SMART-Patient' => 'pat-2', 'X_SMART_Sub' => 'root']);
    is seen('x-smart-.*'), '', '... as well';
};

subtest 'fields by other modules' => sub {
    my $late = $probe{late};
    $late->permitted('RequestHeader', 'Observation/obs-1', GET => $OBS, $t);
    is seen('x-smart-patient'), 'X-SMART-Patient: pat-1',
        'what we set is what is sent';
};

subtest 'trailers' => sub {
    my $body = join "\r\n", '4', '_id=', '5', 'obs-1', '0',
        'X_SMART_Patient: pat-2', 'X-SMART-Sub: root', 'X-Absent: x',
        'X-HTTP-Method-Override: DELETE', 'Connection: X-SMART-Patient', '', '';
    $p->permitted('of a form', 'Observation/obs-1',
        POST => '/fhir/Observation/_search', $t,
        ['Transfer-Encoding' => 'chunked',
         'Content-Type' => 'application/x-www-form-urlencoded'], $body);
    is seen('x-smart-.*|x-absent|x-http.*'),
        'X-SMART-Patient: pat-1, X-SMART-Sub: alice', 'say nothing';
};

subtest 'Connection' => sub {
    for my $value ('Content-Type', 'X-SMART-Patient', 'close, X-SMART-Patient',
                   'X-SMART-Patient, close', 'Authorization', 'close;Accept',
                   '"close"', 'keep-alive,,Forwarded', 'te x', "close\tAccept",
                   'Cookie, keep-alive') {
        $p->refused("$value", 400, GET => $OBS, $t, [Connection => $value]);
    }
    $p->refused('a second field', 400, GET => $OBS, $t,
                [Connection => 'close', Connection => 'X-SMART-Patient']);
    $p->refused('on metadata', 400, GET => '/fhir/metadata', undef,
                [Connection => 'Accept']);
    for my $value ('close', 'Keep-Alive', 'keep-alive, TE', 'upgrade',
                   'Upgrade, HTTP2-Settings', 'close, close') {
        $p->permitted($value, 'Observation/obs-1', GET => $OBS, $t,
                      [Connection => $value]);
        is seen('x-smart-patient'), 'X-SMART-Patient: pat-1',
            '... and ours stays';
    }
    $p->permitted('Keep-Alive names nothing', 'Observation/obs-1',
                  GET => $OBS, $t, ['Keep-Alive' => 'X-SMART-Patient']);
    is seen('x-smart-patient'), 'X-SMART-Patient: pat-1', '... and ours stays';
};

subtest 'bodies where there are none' => sub {
    my $search = '/fhir/Observation?code=8867-4';
    my $include = '_include=Observation:patient';
    my $form = ['Content-Type' => 'application/x-www-form-urlencoded'];
    $p->refused('parameters in a GET', 400, GET => $search, $t, $form,
                $include);
    $p->refused('... in chunks', 400, GET => $search, $t,
                [@$form, 'Transfer-Encoding' => 'chunked'],
                sprintf "%x\r\n%s\r\n0\r\n\r\n", length $include, $include);
    $p->refused('a request in it', 400, GET => $OBS, $t, [],
                "GET /fhir/Patient/pat-2 HTTP/1.1\r\nHost: x\r\n\r\n");
    is $p->ask(HEAD => $OBS, $t, [], 'x')->status, 400, 'HEAD';
    $p->refused('DELETE', 400, DELETE => $OBS, $t, [], 'x');
    $p->refused('metadata', 400, GET => '/fhir/metadata', undef, [], 'x');
    $p->refused('_search by GET', 400, GET => '/fhir/Observation/_search', $t,
                $form, $include);
    for my $length (qw(0 00)) {
        $p->permitted("$length bytes", 'Observation/obs-1', GET => $OBS, $t,
                      ['Content-Length' => $length]);
    }
};

subtest 'the token' => sub {
    $p->permitted('by default', 'Observation/obs-1', GET => $OBS, $t);
    is seen('.*authorization.*'), '', 'stays here';
    $p->permitted('on metadata', 'CapabilityStatement/metadata',
                  GET => '/fhir/metadata', $t);
    is seen('.*authorization.*'), '', '... there, too';
    $probe{forward}->permitted('SmartForwardToken On', 'Observation/obs-1',
                               GET => $OBS, $t);
    is seen('.*authorization.*'), "Authorization: Bearer $t", 'is passed on';
    $probe{backend}->permitted('credentials for the backend',
                               'Observation/obs-1', GET => $OBS, $t);
    is seen('.*authorization.*'), 'Authorization: Basic YTpi', 'are kept';
    $probe{backend}->refused('... and are not those of a client', 401,
                             GET => $OBS);
    $probe{added}->permitted('credentials beside the token',
                             'Observation/obs-1', GET => $OBS, $t);
    unlike seen('.*'), qr/\Q$t\E/, 'do not carry it along';
};

subtest 'forms' => sub {
    my @form = ('Content-Type' => 'application/x-www-form-urlencoded');
    my $search = '/fhir/Observation/_search';
    my $c = Smart::Client->new(port => $h->port(0));
    my @token = (Authorization => "Bearer $t");
    my $r = $c->request(POST => $search, [@token, @form],
                        '&_id=obs-1&&%63ode=15074-8');
    is $r->status, 200, 'a form';
    my $sent = ($lab->fhir_log)[-1];
    is $sent->{body}, '_id=obs-1&code=15074-8',
        'is sent as it was understood';
    $r = $c->request(GET => $OBS, \@token);
    is join(' ', $r->status, $r->{connection_reused}, $r->canaries),
        '200 1 Observation/obs-1', 'the connection goes on';
    $p->permitted('chunked', 'Observation/obs-1', POST => $search, $t,
        ['Transfer-Encoding' => 'chunked', Expect => '100-continue', @form],
        "4\r\n_id=\r\n5\r\nobs-1\r\n0\r\n\r\n");
    $p->refused('no token: not read', 401, POST => $search, undef, \@form,
                '_id=obs-1');
    $p->refused('malformed', 400, POST => $search, $t, \@form, '_id=%zz');
    $p->refused('two credentials', 400, POST => $search, $t, \@form,
                "_id=obs-1&access_token=$t");
    $p->refused('not a form', 415, POST => $search, $t,
                ['Content-Type' => 'application/fhir+json'], '{}');
    $p->refused('compressed', 415, POST => $search, $t,
                [@form, 'Content-Encoding' => 'gzip'], '_id=obs-1');
    $p->refused('too large', 413, POST => $search, $t, \@form,
                '_id=' . 'x' x 2_000_000);
    $p->refused('too large, chunked', 413, POST => $search, $t,
                ['Transfer-Encoding' => 'chunked', @form],
                join "\r\n", (map { ('10000', 'x' x 65536) } 1 .. 40), 0, '',
                '');
};

subtest 'claims' => sub {
    $p->permitted('a token', 'Observation/obs-1', GET => $OBS, $t);
    is seen('x-smart-.*|x-groups|x-absent'), 'X-SMART-Patient: pat-1, '
        . 'X-SMART-Sub: alice, X-Groups: ward, icu', 'named ones are sent';
    my $u = $lab->token(scope => 'system/Observation.rs', sub => undef);
    $p->permitted('another', 'Observation/obs-1', GET => $OBS, $u);
    is seen('x-smart-.*|x-groups'), '', 'none is not sent';
    for my $bad ("a\r\nX-Injected: 1", "a\nb", "a\x00b", "a\x7f") {
        my $v = $lab->token(scope => 'system/Observation.rs', sub => $bad);
        my ($r, $hits) = $p->counted(GET => $OBS, $v);
        ok !$hits || seen('.*') !~ /X-Injected|[\0-\x1f\x7f]/,
            'no control byte is sent';
    }
};

subtest 'where we are' => sub {
    my $fields = 'x-forwarded-(?:host|proto|port|prefix)|forwarded';
    my $port = $h->port(0);
    $p->permitted('ServerName', 'Observation/obs-1', GET => $OBS, $t,
                  [Host => 'evil.example']);
    my $all = seen($fields);
    like $all, qr/\bX-Forwarded-Host: 127\.0\.0\.1:$port(?:,|\z)/, 'host';
    like $all, qr/\bX-Forwarded-Proto: http(?:,|\z)/, 'proto';
    like $all, qr/\bX-Forwarded-Port: $port(?:,|\z)/, 'port';
    like $all, qr{\bX-Forwarded-Prefix: /fhir(?:,|\z)}, 'prefix';
    like $all, qr/\bForwarded: proto=http;host="127\.0\.0\.1:$port"(?:,|\z)/,
        'RFC 7239';
    unlike $all, qr/evil/, '... and not what a client says';
    $probe{url}->permitted('SmartPublicURL', 'Observation/obs-1',
                           GET => $OBS, $t, ['X-Forwarded-Proto' => 'ftp']);
    $all = seen($fields);
    like $all, qr/\bX-Forwarded-Host: fhir\.example\.org:8443(?:,|\z)/, 'host';
    like $all, qr/\bX-Forwarded-Proto: https(?:,|\z)/, 'proto';
    like $all, qr/\bX-Forwarded-Port: 8443(?:,|\z)/, 'port';
    like $all, qr{\bX-Forwarded-Prefix: /r4(?:,|\z)}, 'prefix';
    like $all, qr/\bForwarded: proto=https;host="fhir\.example\.org:8443"/,
        'RFC 7239';
    $probe{url6}->permitted('an IPv6 address', 'Observation/obs-1',
                            GET => $OBS, $t);
    $all = seen($fields);
    like $all, qr/\bX-Forwarded-Host: \[2001:db8::1\](?:,|\z)/, 'host';
    like $all, qr/\bX-Forwarded-Port: 443(?:,|\z)/, 'port';
};

subtest 'Cache-Control' => sub {
    my @cases = (
        [[], 'private'],
        [['public, max-age=60'], 'private, max-age=60'],
        [['max-age=60', 'no-store'], 'private, max-age=60, no-store'],
        [['s-maxage=60,no-cache'], 'private, no-cache'],
        [['Private="Set-Cookie", S-MaxAge=9'], 'private'],
        [['must-revalidate'], 'private, must-revalidate'],
    );
    for (@cases) {
        my ($backend, $want) = @$_;
        $lab->fhir_mode(headers => [map { ['Cache-Control', $_] } @$backend]);
        my $r = $p->ask(GET => $OBS, $t);
        header_is($r, 'Cache-Control', $want,
                  join(' + ', @$backend) || 'none');
    }
    my @targeted = qw(CDN-Cache-Control Surrogate-Control);
    $lab->fhir_mode(headers => [map { [$_, 'max-age=60'] } @targeted]);
    header_is($p->ask(GET => $OBS, $t), $_, undef, "$_ is not said")
        for @targeted;
    header_is($p->ask(GET => '/fhir/metadata'), $_, 'max-age=60',
              "$_ of what is public") for @targeted;
    $lab->fhir_mode(headers => [['Cache-Control', 'public, max-age=60']]);
    header_is($p->ask(GET => '/fhir/metadata'), 'Cache-Control',
              'public, max-age=60', 'what is public may be kept');
    header_is($p->ask(GET => '/fhir/Observation/none', $t), 'Cache-Control',
              'private, max-age=60', 'errors of the backend');
    header_is($p->ask(GET => $OBS), 'Cache-Control', 'no-store',
              'refusals are not kept');
    $lab->fhir_mode(headers => []);
};

subtest 'CORS: preflight' => sub {
    my $r = $p->answered('of a listed origin', 204, OPTIONS => $OBS, undef,
                         [Origin => $APP, @PREFLIGHT]);
    header_is($r, 'Access-Control-Allow-Origin', $APP, '... is allowed');
    like $r->header('Access-Control-Allow-Methods'), qr/\bPATCH\b/,
        '... methods';
    like $r->header('Access-Control-Allow-Headers'), qr/\bAuthorization\b/,
        '... fields';
    header_is($r, 'Vary', 'Origin', '... for that origin');
    is $r->body, '', '... and has no body';
    for my $origin ('https://evil.example', "$APP.evil.example", 'null',
                    'http://app.example.org', uc $APP) {
        $r = $p->answered("of $origin", 204, OPTIONS => $OBS, undef,
                          [Origin => $origin, @PREFLIGHT]);
        is join(' ', grep { /^Access-Control/i } map { $_->[0] } $r->headers),
            '', '... allows nothing';
    }
    $r = $p->answered('with garbage for a token', 204, OPTIONS => $OBS,
                      'garbage', [Origin => $APP, @PREFLIGHT]);
    header_is($r, 'Access-Control-Allow-Origin', $APP, '... the same');
    $r = $probe{any}->answered('for every origin', 204, OPTIONS => $OBS, undef,
                               [Origin => 'https://x.example', @PREFLIGHT]);
    header_is($r, 'Access-Control-Allow-Origin', '*', '... is allowed');
    $r = $probe{url}->answered('without SmartCorsOrigin', 204,
                               OPTIONS => $OBS, undef,
                               [Origin => $APP, @PREFLIGHT]);
    header_is($r, 'Access-Control-Allow-Origin', undef, '... allows nothing');
    $p->refused('OPTIONS that is none', 401, OPTIONS => $OBS, undef,
                [Origin => $APP]);
    $p->refused('... without Origin', 401, OPTIONS => $OBS, undef,
                [@PREFLIGHT]);
    $p->refused('a path that is malformed', 400, OPTIONS => '/fhir/a%41',
                undef, [Origin => $APP, @PREFLIGHT]);
};

subtest 'CORS: answers' => sub {
    $lab->fhir_mode(headers => [
        ['Access-Control-Allow-Origin', 'https://evil.example'],
        ['Access-Control-Allow-Credentials', 'true'],
        ['Access-Control-Expose-Headers', 'X-Secret']]);
    my $r = $p->permitted('of the backend', 'Observation/obs-1', GET => $OBS,
                          $t, [Origin => $APP]);
    is_deeply [$r->header('Access-Control-Allow-Origin')], [$APP],
        '... have our origin';
    header_is($r, 'Access-Control-Allow-Credentials', undef,
              '... not the credentials of the backend');
    unlike $r->header('Access-Control-Expose-Headers'), qr/X-Secret/,
        '... nor its fields';
    like $r->header('Access-Control-Expose-Headers'), qr/\bETag\b/,
        '... but ours';
    $r = $p->permitted('of an unlisted origin', 'Observation/obs-1',
                       GET => $OBS, $t, [Origin => 'https://evil.example']);
    header_is($r, 'Access-Control-Allow-Origin', undef, '... have none');
    like $r->header('Vary') // '', qr/Origin/, '... and vary';
    $r = $p->permitted('metadata', 'CapabilityStatement/metadata',
                       GET => '/fhir/metadata', undef,
                       [Origin => 'https://x.example']);
    is_deeply [$r->header('Access-Control-Allow-Origin')], ['*'],
        '... are for all';
    $r = $probe{url}->permitted('without SmartCorsOrigin', 'Observation/obs-1',
                                GET => $OBS, $t, [Origin => $APP]);
    header_is($r, 'Access-Control-Allow-Origin', 'https://evil.example',
              '... the backend is left alone');
    $lab->fhir_mode(headers => []);
    for (['no token', 401, undef, $OBS],
         ['no scope', 403, $t, '/fhir/Patient/pat-1'],
         ['malformed path', 400, $t, '/fhir/%41'],
         ['method', 405, $t, $OBS, 'LOCK']) {
        my ($name, $status, $token, $path, $method) = @$_;
        for my $origin ($APP, 'https://evil.example') {
            $r = $p->refused("$name, $origin", $status, $method // 'GET',
                             $path, $token, [Origin => $origin]);
            header_is($r, 'Access-Control-Allow-Origin',
                      $origin eq $APP ? $APP : undef, '... CORS');
        }
    }
};

subtest 'our answers' => sub {
    my $r = $p->refused('no token', 401, GET => $OBS);
    header_is($r, 'WWW-Authenticate', 'Bearer realm="Lab FHIR"',
              'challenge without error');
    header_is($r, 'Content-Type', 'application/fhir+json; charset=utf-8',
              'media type');
    is $r->json->{resourceType} . $r->json->{issue}[0]{code},
        'OperationOutcomelogin', 'body';
    header_is($r, 'X-Always', 'yes', 'Header always');
    $r = $p->refused('no scope', 403, GET => '/fhir/Patient/pat-1', $t);
    like $r->header('WWW-Authenticate'),
        qr/error="insufficient_scope", scope="\w+\/Patient\.r"/,
        'challenge with scope';
    $r = $p->refused('garbage', 401, GET => $OBS, 'garbage');
    like $r->header('WWW-Authenticate'), qr/error="invalid_token"/,
        'challenge with error';
    $r = $p->refused('two tokens', 400, GET => $OBS, $t,
                     [Authorization => "Bearer $t"]);
    like $r->header('WWW-Authenticate'), qr/error="invalid_request"/,
        'challenge with error';
    is $p->ask(HEAD => $OBS)->body, '', 'HEAD has no body';
    header_is($p->ask(GET => $OBS, $t), 'X-Always', 'yes',
              'Header always on a permit, once');
    my $own = $probe{page};
    $r = $own->refused('ErrorDocument', 401, GET => $OBS, undef,
                       [Origin => $APP]);
    is $r->body, 'ours', '... wins';
    header_is($r, 'WWW-Authenticate', 'Bearer realm="Lab FHIR"',
              '... with our challenge');
    header_is($r, 'Access-Control-Allow-Origin', $APP, '... and CORS');
    $lab->as_mode('status', status => 500);
    $r = $p->refused('AS trouble', 503, GET => $OBS, 'not-cached');
    ok $r->header('Retry-After') > 0, 'Retry-After';
    header_is($r, 'WWW-Authenticate', undef, '... no challenge');
    $lab->as_mode('ok');
    my $c = Smart::Client->new(port => $h->port(0));
    $c->request(GET => $OBS);
    ok $c->request(GET => $OBS)->{connection_reused},
        'the connection is kept after a refusal';
    $r = $c->request(POST => '/fhir/Observation', [], '{}');
    is "$r->{status} $r->{connection_reused}", '401 1', '... with a body';
    ok $c->request(GET => $OBS)->{connection_reused}, '... that was short';
    $r = Smart::Client->new(port => $h->port(0))->raw(
        "POST /fhir/Observation HTTP/1.1\r\nHost: x\r\n"
        . "Content-Length: 9\r\nExpect: 100-continue\r\n\r\n");
    is_deeply [$r->status, @{$r->{interim}}], [401],
        'nobody is asked to go on with a refused body';
};

# Lines of the environment log since the last time.
my $read = 0;
sub logged {
    my ($n) = @_;
    my $text = '';
    for (1 .. 100) {
        open my $f, '<', $h->dir . '/env_log' or die "env_log: $!\n";
        seek $f, $read, 0;
        local $/;
        $text = <$f> // '';
        last if ($text =~ tr/\n//) >= $n;
        sleep 0.02;
    }
    $read += length $text;
    return split /\n/, $text;
}

subtest 'environment' => sub {
    $h->restart;
    logged(0);
    my $new = $lab->token(scope => 'system/Observation.rs system/Group.r',
        sub => 'bob', client_id => 'app-2', patient => 'pat-2',
        fhirUser => 'Practitioner/prac-1');
    $p->ask(GET => $OBS, $new);
    $p->ask(GET => "/fhir/Observation?code=8867-4", $new);
    $p->ask(GET => '/fhir/Patient/pat-1', $new);
    $p->ask(GET => $OBS, 'rubbish') for 1 .. 2;
    $p->ask(GET => '/fhir/metadata');
    $p->ask(GET => $OBS);
    $p->ask(GET => '/fhir/%41', $new);
    my $who = 'app-2|bob|pat-2|Practitioner/prac-1';
    is_deeply [logged(8)], [
        "bob|$who|system/Observation.rs|read|permit|miss",
        "bob|$who|system/Observation.rs|search-type|permit|hit",
        "bob|$who|-|read|no-scope|hit",
        '""|-|-|-|-|-|read|token-inactive|miss',
        '""|-|-|-|-|-|read|token-inactive|negative',
        '""|-|-|-|-|-|capabilities|permit|-',
        '""|-|-|-|-|-|read|no-token|-',
        '-|-|-|-|-|-|unknown|path|-'], 'as documented';
    unlike $h->log_text, qr/\Q$new\E|\Q$t\E|rubbish|garbage/,
        'no token is in the error log';
};

subtest 'HTTP/2 on both sides' => sub {
    Smart::Http2::need();
    my $two = $lab->httpd(ports => 2, modules => ['http2', 'proxy_http2'],
        conf => "Protocols h2c http/1.1\n" . join '', map {
            "<VirtualHost 127.0.0.1:\@PORT$_->[0]\@>\n"
            . "ServerName http://127.0.0.1:\@PORT$_->[0]\@\n$_->[1]"
            . "</VirtualHost>\n" }
        [1, $lab->protected(extra => $CLAIMS . "ProxyPass "
                            . "h2c://127.0.0.1:\@PORT2\@/fhir", backend => 0)],
        [2, "ProxyPass /fhir \@FHIR\@\nProxyAddHeaders Off\n"]);
    my $q = Smart::Probe->new(lab => $lab, port => $two->port(0), http2 => 1);
    $q->permitted('a token', 'Observation/obs-1', GET => $OBS, $t,
                  ['X_SMART_Patient' => 'pat-2', 'x-smart-sub' => 'root',
                   'x-forwarded-prefix' => '/evil', Host => 'evil.example']);
    is lc seen('x-smart-.*'), 'x-smart-patient: pat-1, x-smart-sub: alice',
        'claims are ours';
    is lc seen('x-forwarded-prefix'), 'x-forwarded-prefix: /fhir', 'prefix';
    unlike seen('x-forwarded-host|forwarded'), qr/evil/, 'host';
    is seen('.*authorization.*'), '', 'the token stays here';
    $q->permitted('a query', 'Observation/obs-vs1',
                  GET => '/fhir/Observation?code=8867-4', $t);
    $q->permitted('a form', 'Observation/obs-1',
        POST => '/fhir/Observation/_search', $t,
        ['Content-Type' => 'application/x-www-form-urlencoded'], '_id=obs-1');
    $q->refused('no token', 401, GET => $OBS);
    $q->refused('no scope', 403, GET => '/fhir/Patient/pat-1', $t);
    $two->stop;
};
done_testing;
