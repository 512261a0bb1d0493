#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Answers of our own: status, challenge and body of each kind, and how they
# get along with the rest of httpd.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);
use Smart::AccessLog ();
use Smart::Expect qw(is_refusal is_read challenge);
use Smart::Json qw(json_decode);
use Smart::Lab ();

my $lab = Smart::Lab->new;
my $SCOPE = 'user/Observation.rs';

sub location {
    my ($path, $extra, %o) = @_;
    return $lab->protected(path => "/$path", extra => $extra // '', %o);
}

# A document of the administrator for each status there is.
my $documents = join "\n", map { "ErrorDocument $_ \"administrator $_\"" }
    400, 401, 403, 404, 405, 413, 415, 500, 503;
my $conf = join '', Smart::AccessLog::conf(), location('fhir'),
    location('rule', 'SmartRule delete * deny'),
    location('scope', '', require => 'smart-scope user/Condition.rs'),
    location('claim', '', require => ['smart-claim tenant east']),
    location('other', '', require => 'user somebody'),
    location('documents', $documents),
    location('local', 'ErrorDocument 403 /pages/no.html'),
    location('cors', 'SmartCorsOrigin https://app.example'),
    "Header always set X-Frame-Options DENY\n";
my $h = $lab->httpd(conf => $conf);
mkdir $h->dir . '/htdocs/pages';
{
    open my $f, '>', $h->dir . '/htdocs/pages/no.html' or die;
    print $f "page of the administrator\n";
}
my $log = Smart::AccessLog->new($h);
my $token = $lab->token(scope => $SCOPE);
my $patient = $lab->token(scope => 'patient/Patient.r patient/Observation.s',
                          patient => 'pat-1');

sub ask {
    my ($method, $target, $t, $headers, $body) = @_;
    $log->skip;
    my $r = $h->request($method, $target, $t, $headers, $body);
    return ($r, $log->next);
}

subtest 'one of each kind' => sub {
    my $scope = sub { challenge('insufficient_scope', $_[0]) };
    my @form = ('Content-Type', 'application/x-www-form-urlencoded');
    for (
        ['no token', 'no-token', 401, 'login', challenge(''),
         GET => '/fhir/Observation/obs-1'],
        ['malformed', 'token-malformed', 400, 'invalid',
         challenge('invalid_request'), GET => '/fhir/Observation/obs-1', 'a b'],
        ['unknown token', 'token-inactive', 401, 'login',
         challenge('invalid_token'), GET => '/fhir/Observation/obs-1', 'x'],
        ['path', 'path', 400, 'invalid', '-', GET => '/fhir//Observation',
         $token],
        ['query', 'query', 400, 'invalid', '-',
         GET => '/fhir/Observation?a=%zz', $token],
        ['path, without a token', 'path', 400, 'invalid', '-',
         GET => '/fhir//Observation'],
        ['Connection', 'connection', 400, 'invalid', '-',
         GET => '/fhir/Observation/obs-1', $token,
         [Connection => 'close, Authorization']],
        ['type without scope', 'no-scope', 403, 'forbidden',
         $scope->('user/Condition.r'), GET => '/fhir/Condition/cond-1', $token],
        ['letters without scope', 'no-scope', 403, 'forbidden',
         $scope->('user/Observation.d'), DELETE => '/fhir/Observation/obs-1',
         $token],
        ['two letters', 'no-scope', 403, 'forbidden',
         $scope->('user/Observation.ds'),
         DELETE => '/fhir/Observation?code=x', $token],
        ['all types', 'no-scope', 403, 'forbidden', $scope->('user/*.s'),
         GET => '/fhir/_history', $token],
        ['another patient', 'foreign', 404, 'not-found', '-',
         GET => '/fhir/Patient/pat-2', $patient],
        ['construct', 'construct', 403, 'forbidden',
         challenge('insufficient_scope'),
         GET => '/fhir/Observation?subject:Patient.name=x', $token],
        ['operation', 'operation', 403, 'forbidden', '-',
         GET => '/fhir/Observation/$unheard-of', $token],
        ['no such type', 'interaction', 403, 'forbidden', '-',
         GET => '/fhir/Foo/1', $token],
        ['a rule', 'rule', 403, 'forbidden', '-',
         DELETE => '/rule/Observation/obs-1', $token],
        ['a job', 'job', 404, 'not-found', '-',
         GET => '/fhir/$export-poll-status?_jobId=1', $token],
        ['method', 'method', 405, 'not-supported', '-',
         FROBNICATE => '/fhir/Observation/obs-1', $token],
        ['media type', 'media-type', 415, 'not-supported', '-',
         POST => '/fhir/Observation/_search', $token,
         ['Content-Type', 'application/json'], '{}'],
        ['form', 'body', 400, 'invalid', '-',
         POST => '/fhir/Observation/_search', $token, [@form], 'a=%zz'],
        ['large form', 'too-large', 413, 'too-long', '-',
         POST => '/fhir/Observation/_search', $token, [@form],
         'code=' . 'x' x 70_000],
        ['Require smart-scope', 'require', 403, 'forbidden',
         $scope->('user/Condition.rs'), GET => '/scope/Observation/obs-1',
         $token],
        ['Require smart-claim', 'require', 403, 'forbidden',
         challenge('insufficient_scope'), GET => '/claim/Observation/obs-1',
         $token],
        ['Require user', 'require', 403, 'forbidden',
         challenge('insufficient_scope'), GET => '/other/Observation/obs-1',
         $token],
    ) {
        my ($name, $reason, $status, $code, $challenge, @request) = @$_;
        my $hits = $lab->hits;
        my ($r, $line) = ask(@request);
        is_refusal($r, $status, $code, $challenge, $name);
        is "$line->{decision} $line->{status}", "$reason $status",
            '... and its reason';
        is $r->header('Cache-Control'), 'no-store', '... not to be stored';
        is $lab->hits, $hits, '... nothing came to the backend';
    }
    is((ask(FROBNICATE => '/fhir/Observation/obs-1', $token))[0]
        ->header('Allow'), 'GET, HEAD, POST, PUT, PATCH, DELETE',
        '405 says what is allowed');
    my ($r) = ask(GET => '/fhir/Observation/obs-1');
    is_deeply json_decode($r->body), { resourceType => 'OperationOutcome',
        issue => [{ severity => 'error', code => 'login',
                    diagnostics => 'An access token is needed.' }] },
        'a body, member by member';
    is length $r->body, $r->header('Content-Length'), 'its length';
};

subtest 'foreign and missing' => sub {
    my %bytes;
    for (qw(pat-2 pat-3 nobody x)) {
        my ($r) = ask(GET => "/fhir/Patient/$_", $patient);
        my @h = grep { $_->[0] !~ /\A(?:Date|Connection|Keep-Alive)\z/i }
            $r->headers;
        $bytes{join "\n", $r->status, (map { "@$_" } @h), $r->body}++;
    }
    is scalar keys %bytes, 1, 'are the same bytes';
    my %by_token;
    for ($lab->token(scope => $SCOPE, exp => undef, nbf => time() + 600 | 0),
         $lab->token(scope => $SCOPE, aud => 'x'),
         $lab->token(scope => $SCOPE, cnf => {}), 'unknown') {
        my ($r) = ask(GET => '/fhir/Observation/obs-1', $_);
        $by_token{join "\n", $r->status, $r->body,
                  $r->header('WWW-Authenticate')}++;
    }
    is scalar keys %by_token, 1, 'so are all tokens that are not accepted';
};

subtest 'ErrorDocument' => sub {
    my $large = 'code=' . 'x' x 70_000;
    my @form = ('Content-Type', 'application/x-www-form-urlencoded');
    for ([400, GET => '/documents//x', $token],
         [401, GET => '/documents/Observation/obs-1'],
         [401, GET => '/documents/Observation/obs-1', 'x'],
         [403, GET => '/documents/Condition/cond-1', $token],
         [404, GET => '/documents/Patient/pat-2', $patient],
         [405, FROBNICATE => '/documents/Observation/obs-1', $token],
         [413, POST => '/documents/Observation/_search', $token, [@form],
          $large],
         [415, POST => '/documents/Observation/_search', $token, [], 'x']) {
        my ($status, @request) = @$_;
        my ($r, $line) = ask(@request);
        is $r->status . " " . $r->body, "$status administrator $status",
            "the administrator's for $status";
        isnt $line->{decision}, '', '... and the reason in the log';
        is defined $r->header('WWW-Authenticate') ? 1 : 0,
            $status == 401 || $status == 403 ? 1 : 0, '... and the challenge';
    }
    $lab->as_mode('status');
    my ($r) = ask(GET => '/documents/Observation/obs-1',
                  $lab->token(scope => $SCOPE));
    is $r->status . ' ' . $r->body . ' ' . $r->header('Retry-After'),
        '503 administrator 503 5', 'for 503, with Retry-After';
    $lab->as_mode('ok');
    ($r) = ask(GET => '/local/Condition/cond-1', $token);
    is $r->status . ' ' . $r->body, "403 page of the administrator\n",
        'a local page';
    is $r->header('WWW-Authenticate'),
        challenge('insufficient_scope', 'user/Condition.r'),
        '... with the challenge';
};

subtest 'HEAD' => sub {
    for (['/fhir/Observation/obs-1', undef, 401],
         ['/fhir/Condition/cond-1', $token, 403],
         ['/fhir/Patient/pat-2', $patient, 404],
         ['/fhir//x', $token, 400]) {
        my ($target, $t, $status) = @$_;
        my ($get) = ask(GET => $target, $t);
        my ($head) = ask(HEAD => $target, $t);
        is $head->status, $status, "HEAD: $status";
        is $head->body, '', '... without a body';
        is $head->header($_), $get->header($_), "... and the same $_"
            for qw(Content-Type Content-Length WWW-Authenticate Cache-Control);
    }
    my ($r) = ask(HEAD => '/fhir/Observation/obs-1', $token);
    is $r->status . ' ' . join(' ', $r->canaries), '200 ', 'a HEAD that may';
};

subtest 'keep-alive' => sub {
    my $c = $h->client;
    my @auth = (Authorization => "Bearer $token");
    my @short = ('Content-Type', 'application/fhir+json');
    my $body = '{"resourceType":"Condition"}';
    for ([GET => '/fhir/Observation/obs-1', [], undef, 401],
         [GET => '/fhir/Condition/cond-1', [@auth], undef, 403],
         [FROBNICATE => '/fhir/Observation/obs-1', [@auth], undef, 405],
         [HEAD => '/fhir/Condition/cond-1', [@auth], undef, 403],
         [POST => '/fhir/Condition', [@auth, @short], $body, 403],
         [POST => '/fhir/Condition', [@short], $body, 401],
         [GET => '/documents/Condition/cond-1', [@auth], undef, 403],
         [GET => '/fhir/Observation/obs-1', [@auth], undef, 200]) {
        my ($method, $target, $headers, $content, $status) = @$_;
        my $reused = $c->{sock} ? 1 : 0;
        my $r = $c->request($method, $target, $headers, $content);
        is "$r->{status} $r->{connection_reused}", "$status $reused",
            "$method $target: $status";
        ok $c->{sock}, '... and the connection is kept';
    }
    # A request in a refused body is no request.
    my $inner = "GET /fhir/Observation/obs-2 HTTP/1.1\r\nHost: x\r\n"
        . "Authorization: Bearer $token\r\n\r\n";
    my $hits = $lab->hits;
    my $r = $c->request(POST => '/fhir/Condition', [@auth, @short], $inner);
    is $r->status, 403, 'a body that looks like a request';
    $r = $c->request(GET => '/fhir/Observation/obs-1', [@auth]);
    is_read($r, 'Observation/obs-1', '... what follows is answered');
    is $lab->hits, $hits + 1, '... and nothing else came to the backend';
};

subtest 'bodies of what is refused' => sub {
    my $port = $h->port;
    my $head = sub {
        my ($more) = @_;
        return "POST /fhir/Condition HTTP/1.1\r\nHost: x\r\n"
            . "Authorization: Bearer $token\r\n"
            . "Content-Type: application/fhir+json\r\n$more\r\n";
    };
    my $r = $h->client->raw($head->("Content-Length: 10\r\n"
                                    . "Expect: 100-continue\r\n"));
    is $r->status, 403, 'Expect: 100-continue';
    is_deeply $r->{interim}, [], '... nobody is invited to send';
    cmp_ok $r->{elapsed}, '<', 2, '... nor waited for';
    $r = $h->client->raw("POST /fhir/Observation HTTP/1.1\r\nHost: x\r\n"
        . "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n");
    is "$r->{status} @{$r->{interim}}", '401 ', '... without a token';
    $r = $h->client->raw($head->("Content-Length: 9000000000\r\n"));
    is $r->status, 403, 'a length of 9 GB, of which nothing comes';
    cmp_ok $r->{elapsed}, '<', 2, '... is not waited for';
    $r = $h->client->raw($head->("Content-Length: 20000000\r\n")
                         . 'x' x 20_000_000);
    ok $r->status == 403 || !$r->status && $r->{error},
        '20 MB are answered or cut off';
    cmp_ok $r->{elapsed}, '<', 5, '... soon';
    $r = $h->client->raw($head->("Transfer-Encoding: chunked\r\n")
                         . "5\r\nhello\r\n");
    is $r->status, 403, 'chunks without an end';
    cmp_ok $r->{elapsed}, '<', 2, '... are not waited for';
    $r = $h->client->raw("POST /fhir/Observation/_search HTTP/1.1\r\nHost: x"
        . "\r\nAuthorization: Bearer $token\r\nContent-Type: application/"
        . "x-www-form-urlencoded\r\nContent-Length: 9000000000\r\n\r\n");
    is $r->status, 413, 'a form of 9 GB';
    cmp_ok $r->{elapsed}, '<', 2, '... is not waited for';
    my $form = "POST /fhir/Observation/_search HTTP/1.1\r\nHost: x\r\n"
        . "Authorization: Bearer $token\r\nContent-Type: application/"
        . "x-www-form-urlencoded\r\nContent-Length: 11\r\n"
        . "Expect: 100-continue\r\nConnection: close\r\n\r\n";
    $r = $h->client->raw('', pieces => [$form, 'code=2345-7'], gap => 0.3);
    is "$r->{status} @{$r->{interim}}", '200 100',
        'a form that is wanted is invited';
};

subtest 'headers of the administrator' => sub {
    for (['/fhir/Observation/obs-1', $token], ['/fhir/Observation/obs-1'],
         ['/fhir/Condition/cond-1', $token], ['/fhir/Patient/pat-2', $patient],
         ['/documents/Condition/cond-1', $token]) {
        my ($r) = ask(GET => @$_);
        is $r->header('X-Frame-Options'), 'DENY',
            "Header always: $r->{status}";
    }
};

subtest 'CORS' => sub {
    my @origin = (Origin => 'https://app.example');
    for (['/cors/Observation/obs-1', $token, 200],
         ['/cors/Observation/obs-1', undef, 401],
         ['/cors/Condition/cond-1', $token, 403],
         ['/cors//x', $token, 400]) {
        my ($target, $t, $status) = @$_;
        my ($r) = ask(GET => $target, $t, [@origin]);
        is $r->status . ' ' . ($r->header('Access-Control-Allow-Origin') // ''),
            "$status https://app.example", "a listed origin: $status";
        like $r->header('Access-Control-Expose-Headers'), qr/WWW-Authenticate/,
            '... sees the challenge';
        ($r) = ask(GET => $target, $t, [Origin => 'https://evil.example']);
        is $r->status . ' ' . ($r->header('Access-Control-Allow-Origin') // ''),
            "$status ", '... another does not';
        like $r->header('Vary'), qr/Origin/, '... and caches are told';
    }
    my ($r) = ask(GET => '/fhir/Condition/cond-1', $token, [@origin]);
    is $r->header('Access-Control-Allow-Origin'), undef, 'none is listed';
};

subtest 'environment' => sub {
    my $t = $lab->token(scope => "openid $SCOPE", client_id => 'my-app',
        sub => 'user-9', fhirUser => 'Practitioner/prac-1', patient => 'pat-1');
    my (undef, $line) = ask(GET => '/fhir/Observation/obs-1', $t);
    my %want = (status => 200, decision => 'permit', interaction => 'read',
        scope => $SCOPE, cache => 'miss', client => 'my-app', sub => 'user-9',
        patient => 'pat-1', fhir_user => 'Practitioner/prac-1',
        remote_user => 'user-9', path => '/fhir/Observation/obs-1');
    is_deeply $line, \%want, 'of a permit';
    (undef, $line) = ask(GET => '/fhir/Condition/cond-1', $t);
    is_deeply $line, { %want, status => 403, decision => 'no-scope',
                       scope => '', cache => 'hit',
                       path => '/fhir/Condition/cond-1' }, 'of a refusal';
    (undef, $line) = ask(GET => '/fhir/Observation/obs-1');
    is_deeply $line, { (map { $_ => '' } keys %want), status => 401,
        decision => 'no-token', interaction => 'read', remote_user => '""',
        path => '/fhir/Observation/obs-1' }, 'of nobody';
    (undef, $line) = ask(GET => '/fhir/metadata');
    is_deeply $line, { (map { $_ => '' } keys %want), status => 200,
        decision => 'permit', interaction => 'capabilities',
        remote_user => '""', path => '/fhir/metadata' }, 'of what is public';
    for (['POST', '/fhir/Observation/_search', 'search-type'],
         ['GET', '/fhir/Observation?code=x', 'search-type'],
         ['GET', '/fhir/Patient/pat-1/Observation', 'search-compartment'],
         ['GET', '/fhir/Observation/obs-1/_history/1', 'vread'],
         ['GET', '/fhir/Observation/obs-1/_history', 'history-instance'],
         ['PUT', '/fhir/Observation/obs-1', 'update'],
         ['POST', '/fhir/', 'batch'], ['GET', '/fhir/$export', 'operation'],
         ['GET', '/fhir/?_getpages=x', 'page'], ['GET', '/fhir/x', 'unknown']) {
        my ($method, $target, $interaction) = @$_;
        (undef, $line) = ask($method, $target, $t);
        is $line->{interaction}, $interaction, $interaction;
    }
    my $user = $lab->token(scope => $SCOPE, sub => undef, username => 'anna');
    (undef, $line) = ask(GET => '/fhir/Observation/obs-1', $user);
    is $line->{remote_user}, 'anna', 'username, where there is no sub';
    $user = $lab->token(scope => $SCOPE, sub => undef);
    (undef, $line) = ask(GET => '/fhir/Observation/obs-1', $user);
    is $line->{remote_user}, 'app', 'client_id, where there is neither';
};

subtest 'the log' => sub {
    my $from = $h->mark;
    ask(GET => '/fhir/Condition/cond-1', $token);
    like $h->log_since, qr{SMART0501:[ ]refused[ ]with[ ]403:[ ]no-scope,
        [ ]needs[ ]user/Condition\.r[ ]\(read,[ ]client[ ]app\)}x,
        'one line says why';
    is(() = $h->log_since =~ /SMART0501/g, 1, '... and only one');
};

ok $h->log_text !~ /exit signal|AH0005[12]/, 'no process died';
is join(' ', $lab->spilled), '', 'no token and no secret in any log';
done_testing;
