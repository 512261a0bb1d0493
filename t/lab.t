#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The lab servers do what the tests that stand on them take for granted. No
# httpd module is needed here.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);
use MIME::Base64 qw(encode_base64);
use Smart::Client ();
use Smart::Json qw(json_encode json_decode);
use Smart::Lab ();

my $lab = Smart::Lab->new;
my $as = Smart::Client->new(port => $lab->as_port, timeout => 3);
my $fhir = Smart::Client->new(port => $lab->fhir_port, timeout => 5);
my @FORM = ('Content-Type' => 'application/x-www-form-urlencoded');

sub basic {
    return ('Authorization', 'Basic ' . encode_base64("$_[0]:$_[1]", ''));
}

sub introspect {
    my ($token, @headers) = @_;
    @headers = basic('gateway', 'gateway-secret') if !@headers;
    return $as->request(POST => '/introspect', [@FORM, @headers],
                        "token=$token");
}

sub fhir {
    my ($method, $target, $data, @headers) = @_;
    my $body = ref $data ? json_encode($data) : $data;
    unshift @headers, 'Content-Type', 'application/fhir+json'
        if ref $data && !grep { lc $_ eq 'content-type' } @headers;
    return $fhir->request($method, "/fhir$target", \@headers, $body);
}

sub shows {
    my ($target, $want, $name) = @_;
    my $r = fhir(GET => $target);
    return is("$r->{status} " . join(' ', $r->canaries), "200 $want", $name);
}

subtest 'introspection' => sub {
    my $t = $lab->token(scope => 'patient/Observation.rs', patient => 'pat-1');
    my $r = introspect($t);
    is $r->status, 200, 'known token is answered';
    ok $r->json->{active}, '... active';
    is $r->json->{patient}, 'pat-1', '... with its members';
    like $r->body, qr/"exp":[0-9]+[,}]/, '... and a numeric exp';
    ok !introspect('unknown')->json->{active}, 'unknown token is inactive';
    is $lab->as_count($t), 1, 'calls are counted by token';
    is $lab->as_count, 2, '... and in all';
    my ($seen) = $lab->as_log;
    is $seen->{auth_method}, 'client_secret_basic', 'log has the method';
    unlike json_encode($seen), qr/\Q$t\E|gateway-secret|Z2F0ZXdheT/,
        'log has neither token nor secret';
    $lab->revoke($t);
    ok !introspect($t)->json->{active}, 'revoked token is inactive';
    is $lab->token(token => 'fixed', scope => 'x'), 'fixed', 'fixed name';
    my $raw = $lab->token(raw => '{"active":"true"}', raw_status => 201,
                          raw_headers => [['Content-Type', 'text/x']]);
    $r = introspect($raw);
    is $r->status . $r->body . $r->header('Content-Type'),
        '201{"active":"true"}text/x', 'raw answer is told as it is';
    is introspect('a.b.c')->status, 200, 'JWT shape is unknown';
    $lab->as_auth(jwt_400 => 1);
    $r = introspect('a.b.c');
    is $r->status . $r->json->{error}, '400unsupported_token_type',
        '... or refused';
};

subtest 'client authentication' => sub {
    $lab->as_reset;
    my $t = $lab->token(scope => 'x');
    is introspect($t, basic('gateway', 'wrong'))->status, 401, 'wrong secret';
    is introspect($t, 'X-None', 1)->status, 401, 'none at all';
    $lab->as_client(client_id => 'g:1', secret => 'a b%&+');
    is introspect($t, basic('g%3A1', 'a+b%25%26%2B'))->status, 200,
        'halves of Basic are form-decoded';
    is $as->request(POST => '/introspect', \@FORM,
        "token=$t&client_id=gateway&client_secret=gateway-secret")->status,
        200, 'post';
    is $as->request(POST => '/introspect', \@FORM,
        "token=$t&client_id=gateway&client_secret=x")->status, 401,
        'post with a wrong secret';
    $lab->as_client(client_id => 'b', bearer => 'bb');
    is introspect($t, Authorization => 'Bearer bb')->status, 200, 'bearer';
    is introspect($t, Authorization => 'Bearer bc')->status, 401,
        'wrong bearer';
    $lab->as_auth(method => 'client_secret_post');
    is introspect($t)->status, 401, 'another method than the one demanded';
    $lab->as_auth(method => 'none');
    is introspect($t, 'X-None', 1)->status, 200, 'none, where that is it';
    is $as->request(GET => "/introspect?token=$t")->status, 405,
        'GET never works';
};

sub b64url {
    my $s = encode_base64($_[0], '');
    $s =~ tr{+/=}{-_}d;
    return $s;
}

# A client assertion signed by the openssl command.
sub assertion {
    my ($alg, $key, %claims) = @_;
    my $in = b64url(json_encode({ alg => $alg, typ => 'JWT' })) . '.'
        . b64url(json_encode(\%claims));
    my $dir = $lab->dir;
    open my $f, '>', "$dir/jwt" or die;
    print $f $in;
    close $f;
    my $sig = qx(openssl dgst -sha384 -sign $key $dir/jwt);
    if ($alg =~ /^ES/) {
        open my $p, '-|', "openssl dgst -sha384 -sign $key $dir/jwt"
            . ' | openssl asn1parse -inform DER' or die;
        $sig = join '', map { /INTEGER\s+:([0-9A-F]+)/
            ? pack('H*', substr '0' x 96 . $1, -96) : () } <$p>;
    }
    return "$in." . b64url($sig);
}

subtest 'private_key_jwt' => sub {
    $lab->as_reset;
    my $dir = $lab->dir;
    my $t = $lab->token(scope => 'x');
    my %make = (RS384 => 'RSA -pkeyopt rsa_keygen_bits:2048',
                ES384 => 'EC -pkeyopt ec_paramgen_curve:P-384');
    for my $alg (sort keys %make) {
        my $key = "$dir/$alg.pem";
        system "openssl genpkey -algorithm $make{$alg} -out $key 2>/dev/null";
        my $pub = qx(openssl pkey -in $key -pubout);
        $lab->as_client(client_id => "jwt-$alg", public_key => $pub);
        my %c = (iss => "jwt-$alg", sub => "jwt-$alg", jti => "1$alg",
                 aud => $lab->introspection, exp => int(time) + 60);
        my $send = sub {
            return $as->request(POST => '/introspect', \@FORM,
                "token=$t&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth"
                . '%3Aclient-assertion-type%3Ajwt-bearer&client_assertion='
                . $_[0])->status;
        };
        my $good = assertion($alg, $key, %c);
        is $send->($good), 200, "$alg";
        is $send->($good), 401, '... once only';
        is $send->(assertion($alg, $key, %c, jti => 2, aud => 'x')), 401,
            '... wrong aud';
        is $send->(assertion($alg, $key, %c, jti => 3, exp => 1)), 401,
            '... expired';
        my $other = assertion($alg, $key, %c, jti => 4);
        $other =~ s/\.[^.]+\z//;
        (my $sig = $good) =~ s/.*\.//;
        is $send->("$other.$sig"), 401, '... signature of another';
    }
};

subtest 'faults of the authorization server' => sub {
    $lab->as_reset;
    my $t = $lab->token(scope => 'x', pad => 'p' x 50);
    my %want = (
        ok => sub { $_[0]->json->{active} },
        html => sub { $_[0]->header('Content-Type') =~ /html/ },
        garbage => sub { $_[0]->status == 200 && !$_[0]->json },
        empty => sub { $_[0]->status == 200 && $_[0]->body eq '' },
        array => sub { ref $_[0]->json eq 'ARRAY' },
        truncated => sub { !$_[0]{complete} && length $_[0]->body },
        'truncated-json' => sub { $_[0]{complete} && !$_[0]->json },
        redirect => sub { $_[0]->status == 302 && $_[0]->header('Location') },
        'content-type' => sub { $_[0]->header('Content-Type') eq 'text/plain' },
        'duplicate-keys' => sub { 2 < (() = $_[0]->body =~ /"active"/g) },
        nesting => sub { length $_[0]->body > 200_000 },
        close => sub { $_[0]->status == 0 },
        reset => sub { $_[0]->status == 0 },
        gzip => sub { $_[0]->header('Content-Encoding') eq 'gzip' },
        chunked => sub { $_[0]->json->{active}
                             && !$_[0]->header('Content-Length') },
        'body-then-close' => sub { $_[0]->json->{active}
            && $_[0]->header('Connection') eq 'close' },
        status => sub { $_[0]->status == 500 },
    );
    for my $mode (sort keys %want) {
        $lab->as_mode($mode);
        ok $want{$mode}->(introspect($t)), $mode;
        $as->close;
    }
    $lab->as_mode('delay', ms => 300);
    my $r = introspect($t);
    ok $r->json->{active} && $r->{elapsed} >= 0.29, 'delay';
    $lab->as_mode('drip', ms => 2, bytes => 1);
    $r = introspect($t);
    ok $r->json->{active} && $r->{elapsed} > 0.4, 'drip';
    $lab->as_mode('status', status => 429, headers => [['Retry-After', 7]]);
    $r = introspect($t);
    is $r->status . $r->header('Retry-After'), 4297, 'status with headers';
    $as->{timeout} = 0.3;
    $lab->as_mode('hang');
    is introspect($t)->{error}, 'timeout', 'hang';
    $lab->as_mode('hang-body');
    $r = introspect($t);
    ok $r->status == 200 && $r->{error} eq 'timeout', 'hang-body';
    $lab->as_mode('endless');
    $r = introspect($t);
    ok !$r->{complete} && length $r->body > 1e6, 'endless';
    $as->{timeout} = 5;
    $lab->as_mode('big', bytes => 8 << 20);
    $r = introspect($t);
    ok length $r->body == 8 << 20 && $r->json->{active}, 'big';
    $lab->as_mode('status', times => 2);
    is join(' ', map { introspect($t)->status } 1 .. 3), '500 500 200',
        'times';
    $lab->as_mode('flaky', percent => 100);
    is introspect($t)->status, 500, 'flaky';
    $lab->as_mode('ok');
    my $u = $lab->token(scope => 'x', mode => 'html');
    ok introspect($u)->body =~ /html/ && introspect($t)->json->{active},
        'fault of one token';
    is $lab->as_count > 20, 1, 'faults are counted';
};

subtest 'many at once' => sub {
    $lab->as_reset;
    my $t = $lab->token(scope => 'x', mode => { mode => 'delay', ms => 500 });
    my @all = $as->parallel(map { [POST => '/introspect',
        [@FORM, basic('gateway', 'gateway-secret')], "token=$t"] } 1 .. 500);
    is scalar(grep { $_->status == 200 && $_->json->{active} } @all), 500,
        '500 answers';
    is $lab->as_count($t), 500, '500 calls';
    cmp_ok $lab->as_peak, '>', 400, 'that were under way together';
};

subtest 'HTTP' => sub {
    my $one = $fhir->bytes(GET => '/fhir/Patient/pat-1');
    my $two = $fhir->bytes(GET => '/fhir/Patient/pat-2');
    my $r = $fhir->raw($one . $two, keep => 1);
    is_deeply [$r->canaries], ['Patient/pat-1'], 'pipelined, first';
    is_deeply [$fhir->next_response->canaries], ['Patient/pat-2'], '... second';
    $r = $fhir->request(GET => '/fhir/Patient/pat-1');
    ok $fhir->request(GET => '/fhir/Patient/pat-1')->{connection_reused},
        'keep-alive';
    $r = $fhir->request(HEAD => '/fhir/Patient/pat-1');
    ok $r->body eq '' && $r->header('Content-Length') > 100, 'HEAD';
    my $body = '_id=pat-1';
    $r = $fhir->raw($fhir->bytes(POST => '/fhir/Patient/_search',
        [@FORM, 'Transfer-Encoding', 'chunked', Expect => '100-continue'],
        "4\r\n_id=\r\n5\r\npat-1\r\n0\r\n\r\n"),
        pieces => undef);
    is_deeply [$r->canaries], ['Patient/pat-1'], 'chunked body';
    my $head = $fhir->bytes(POST => '/fhir/Patient/_search',
        [@FORM, 'Content-Length', 9, Expect => '100-continue']);
    $r = $fhir->raw('', pieces => [$head, $body], gap => 0.1);
    is_deeply $r->{interim}, [100], 'Expect: 100-continue';
    is $fhir->raw("GET / HTTP/1.1\r\nContent-Length: 1\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n")->status, 400,
        'two framings are refused';
};

subtest 'reads and history' => sub {
    $lab->fhir_reset;
    shows('/Observation/obs-1', 'Observation/obs-1', 'read');
    shows('/Observation/obs-1/_history/1', 'Observation/obs-1~v1', 'vread');
    shows('/Observation/obs-1/_history',
        'Observation/obs-1 Observation/obs-1~v1', 'history');
    my $r = fhir(GET => '/Observation/obs-1/_history');
    is $r->json->{entry}[1]{resource}{subject}{reference}, 'Patient/pat-2',
        '... whose first version is about another patient';
    like join(' ', fhir(GET => '/Observation/_history')->canaries),
        qr{obs-2.*obs-mv~v1}, 'type history';
    cmp_ok scalar fhir(GET => '/_history')->canaries, '>', 40,
        'system history';
    is fhir(GET => '/Observation/none')->status, 404, 'unknown id';
    is fhir(GET => '/Nonsense/none')->status, 404, 'unknown type';
    $r = fhir(GET => '/Patient/pat-1');
    is $r->header('ETag'), 'W/"1"', 'ETag';
    is fhir(GET => '/Patient/pat-1', undef, 'If-None-Match', 'W/"1"')->status,
        304, 'If-None-Match';
    is fhir(GET => '/Binary/bin-2')->body, "CANARY-Binary-bin-2\n",
        'Binary as it is';
    is fhir(GET => '/Binary/bin-2', undef, Accept => 'application/fhir+json')
        ->json->{securityContext}{reference}, 'Patient/pat-2',
        '... and as a resource';
    like fhir(GET => '/Patient/pat-1?_format=xml')->body,
        qr{^<Patient xmlns.*CANARY-Patient-pat-1<}s, 'XML';
    is fhir(GET => '/Patient/pat-1', undef, Range => 'bytes=0-9')->status, 206,
        'Range';
    for my $file (glob "$FindBin::Bin/fixtures/[A-Z]*/*.json") {
        my ($type, $id) = $file =~ m{/(\w+)/([^/]+)\.json\z};
        my $got = fhir(GET => "/$type/$id", undef, Accept =>
                       'application/fhir+json');
        next if join(' ', $got->canaries) eq "$type/$id";
        fail "$type/$id carries its own canary only";
    }
};

subtest 'search' => sub {
    my $mine = 'Observation/obs-1 Observation/obs-mv Observation/obs-vs1';
    shows('/Observation?patient=pat-1', $mine, 'patient');
    shows('/Observation?subject=Patient/pat-1', $mine, 'subject');
    shows('/Observation?patient=pat-1&patient=pat-2', '', 'repeats are ANDed');
    shows('/Observation?performer=Patient/pat-1', 'Observation/obs-perf',
        'performer');
    shows('/Observation?patient=pat-1&category=vital-signs',
        'Observation/obs-vs1', 'token');
    shows('/Observation?patient=pat-1&category=http://x.org|vital-signs', '',
        'token of another system');
    shows('/Observation?code=8867-4,none', 'Observation/obs-vs1', 'comma');
    shows('/Observation?patient=pat-1&date=ge2024-01-11&date=lt2024-01-15',
        'Observation/obs-vs1', 'date');
    shows('/Patient?name=bak', 'Patient/pat-2', 'string');
    shows('/Patient?identifier=http://hospital.example.org/mrn|MRN-3',
        'Patient/pat-3', 'identifier');
    shows('/Patient?gender:not=female', 'Patient/pat-2', ':not');
    shows('/Observation?subject:Patient.name=baker&focus=Patient/pat-1',
        'Observation/obs-focus', 'chain');
    shows('/Patient?_has:Observation:patient:code=8867-4', 'Patient/pat-1',
        '_has');
    shows('/Coverage?_include=Coverage:subscriber',
        'Coverage/cov-1 Patient/pat-2', '_include');
    shows('/DiagnosticReport?_id=dr-x&_include=DiagnosticReport:result'
        . '&_include:iterate=Observation:subject',
        'DiagnosticReport/dr-x Observation/obs-2 Patient/pat-1 Patient/pat-2'
        =~ s/Patient\/pat-1 //r, ':iterate');
    shows('/Observation?_id=obs-2&_revinclude=Provenance:target',
        'Observation/obs-2 Provenance/prov-2', '_revinclude');
    shows('/Observation?_id=obs-2&_elements=status', 'Observation/obs-2',
        '_elements keep a canary');
    is fhir(GET => '/Observation?_summary=count')->json->{total}, 6,
        '_summary=count';
    my $r = fhir(POST => '/Observation/_search?patient=pat-1',
                 'category=vital-signs', @FORM);
    is_deeply [$r->canaries], ['Observation/obs-vs1'], 'POST _search';
    shows('/Patient/pat-1/Observation', join(' ', sort split(/ /, $mine),
        'Observation/obs-perf'), 'compartment is formal');
    like join(' ', fhir(GET => '/Patient/pat-1/*')->canaries),
        qr{Coverage/cov-1.*Observation/obs-perf}, 'whole compartment';
    like join(' ', fhir(GET => '/Patient/pat-1/$everything')->canaries),
        qr{Observation/obs-2.*Patient/pat-1.*Practitioner/prac-1},
        '$everything has more than the compartment';
    is scalar(fhir(GET => '/?_type=Device,Task')->canaries), 5, 'system search';
    is fhir(GET => '/Observation?nonsense=1')->json->{total}, 6,
        'unknown parameter is ignored';
    is fhir(GET => '/Observation?nonsense=1', undef,
            Prefer => 'handling=strict')->status, 400, '... unless strict';
    $lab->fhir_mode(search => 'lenient-all');
    is fhir(GET => '/Observation?patient=pat-1', undef,
            Prefer => 'handling=strict')->json->{total}, 6, 'lenient-all';
    $lab->fhir_mode(search => 'normal');
    shows('/Patient/../Observation;x/%6fbs-2', 'Observation/obs-2',
        'lenient path');
};

subtest 'pages' => sub {
    $lab->seed(count => 25, patient => 'pat-2');
    my $b = fhir(GET => '/Observation?_count=10&_sort=_id')->json;
    my $n = 0;
    my %seen;
    while ($b) {
        $n++;
        $seen{$_->{resource}{id}}++ for @{$b->{entry}};
        my ($next) = map { $_->{url} } grep { $_->{relation} eq 'next' }
            @{$b->{link}};
        last if !$next;
        my $base = $lab->fhir_base;
        $next =~ s/\A\Q$base\E\?/?/ or fail 'link is below the base';
        like $next, qr/_getpages=.*_getpagesoffset=/, 'page link' if $n == 1;
        $b = fhir(GET => $next)->json;
    }
    is "$n " . keys %seen, '4 31', 'all pages, each entry once';
    is $lab->writes, 0, 'seeding is no write';
};

subtest 'writes' => sub {
    $lab->fhir_reset;
    my $new = { resourceType => 'Observation', status => 'final',
                subject => { reference => 'Patient/pat-1' } };
    my $r = fhir(POST => '/Observation', $new);
    is $r->status, 201, 'create';
    my ($id) = $r->header('Location') =~ m{/Observation/([^/]+)/_history/1\z};
    shows("/Observation/$id", "Observation/$id", '... and it has a canary');
    is fhir(PUT => "/Observation/$id", { %$new, id => $id }, 'If-Match',
            'W/"7"')->status, 412, 'If-Match of another version';
    is fhir(PUT => "/Observation/$id", { %$new, id => $id }, 'If-Match',
            'W/"1"')->header('ETag'), 'W/"2"', 'update';
    is fhir(PUT => '/Observation/up-1', { %$new, id => 'up-1' })->status, 201,
        'update as create';
    is fhir(PUT => '/Observation/up-1', { %$new, id => 'up-1' },
            'If-None-Match', '*')->status, 412, 'If-None-Match: *';
    is fhir(PUT => '/Observation/up-1', { %$new, id => 'x' })->status, 400,
        'other id in the body';
    my @p = ('Content-Type', 'application/json-patch+json');
    $r = fhir(PATCH => '/Observation/up-1', [
        { op => 'test', path => '/status', value => 'final' },
        { op => 'add', path => '/note', value => [{ text => 'a' }] },
        { op => 'add', path => '/note/-', value => { text => 'b' } },
        { op => 'copy', from => '/note/1', path => '/note/0' },
        { op => 'move', from => '/note/1', path => '/note/2' },
        { op => 'remove', path => '/note/0' },
        { op => 'replace', path => '/status', value => 'amended' }], @p);
    is $r->json->{status} . join('', map { $_->{text} } @{$r->json->{note}}),
        'amendedba', 'JSON Patch';
    is fhir(PATCH => '/Observation/up-1', [
        { op => 'test', path => '/status', value => 'x' }], @p)->status, 422,
        '... whose test fails';
    is fhir(DELETE => '/Observation/up-1')->status, 204, 'delete';
    is fhir(GET => '/Observation/up-1')->status, 410, '... is gone';
    is $lab->writes, 5, 'writes counted';
    is $lab->attempts, 9, '... and attempts';
    $lab->fhir_reset;
    my $pat = { resourceType => 'Patient' };
    is fhir(POST => '/Patient', $pat, 'If-None-Exist', 'name=able&gender=male')
        ->status, 201, 'conditional create without match';
    is fhir(POST => '/Patient', $pat, 'If-None-Exist', 'name=baker')->status,
        200, '... with one';
    is fhir(PUT => '/Patient?name=baker', { %$pat, gender => 'other' })
        ->json->{id}, 'pat-2', 'conditional update';
    is fhir(DELETE => '/Observation?subject=Patient/pat-2')->status, 204,
        'conditional delete';
    is $lab->stored('Observation', 'obs-2'), undef, '... takes all matches';
    is $lab->writes, 5, 'all counted';
    is fhir(POST => '/Observation', $new, Prefer => 'return=minimal')->body,
        '', 'return=minimal';
    is fhir(POST => '/Patient/pat-1', '', 'X-HTTP-Method-Override', 'DELETE')
        ->status, 204, 'method override';
    ok !defined $lab->stored('Patient', 'pat-1'), '... is obeyed';
};

subtest 'batch and transaction' => sub {
    $lab->fhir_reset;
    my $run = sub {
        my ($type, @e) = @_;
        return fhir(POST => '/', { resourceType => 'Bundle', type => $type,
                                   entry => \@e });
    };
    my $get = sub { { request => { method => 'GET', url => $_[0] } } };
    my $r = $run->('batch', $get->('Patient/pat-1'), $get->('Patient/none'),
                   $get->('Observation?patient=pat-2'));
    is join(' ', map { $_->{response}{status} } @{$r->json->{entry}}),
        '200 404 200', 'batch';
    like join(' ', $r->canaries), qr{obs-2.*pat-1}, '... with content';
    my @new = ({ fullUrl => 'urn:uuid:1', request => {
        method => 'POST', url => 'Patient' },
        resource => { resourceType => 'Patient' } },
        { request => { method => 'POST', url => 'Observation' },
          resource => { resourceType => 'Observation', subject => {
              reference => 'urn:uuid:1' } } });
    $r = $run->('transaction', @new);
    my ($id) = $r->json->{entry}[1]{response}{location}
        =~ m{Observation/([^/]+)};
    like $lab->stored('Observation', $id)->{subject}{reference},
        qr{\APatient/new-}, 'transaction resolves urn:uuid';
    is $lab->writes, 2, '... two writes';
    $r = $run->('transaction', @new, { request => {
        method => 'DELETE', url => 'Patient/none' } });
    is $r->status, 404, 'transaction that fails';
    is $lab->writes, 2, '... changes nothing';
    is $run->('history')->status, 400, 'other Bundles are refused';
};

subtest 'the rest' => sub {
    $lab->fhir_reset;
    is fhir(GET => '/metadata')->json->{resourceType}, 'CapabilityStatement',
        'metadata';
    my $r = fhir(GET => '/Patient/$export');
    is $r->status, 202, '$export';
    my ($job) = $r->header('Content-Location') =~ m{/fhir(/bulkstatus/.*)};
    my $out = fhir(GET => $job)->json->{output};
    my ($file) = map { $_->{url} =~ m{/fhir(/.*Patient\.ndjson)} } @$out;
    is scalar(fhir(GET => $file)->canaries), 3, '... and its files';
    is_deeply [fhir(GET => '/ValueSet/vs-1/$expand')->canaries],
        ['Operation/expand'], '$expand';
    is_deeply [fhir(POST => '/$anything', {})->canaries],
        ['Operation/anything'], 'unknown operations show';
    is_deeply [fhir(GET => '/Observation/$lastn?patient=pat-1')->canaries],
        ['Observation/obs-mv', 'Observation/obs-vs1'], '$lastn';
    fhir(POST => '/Patient/_search?a=1', 'b=2', @FORM, 'X-Seen', 'yes');
    my $e = ($lab->fhir_log)[-1];
    is "$e->{method} $e->{path} $e->{query} $e->{body_length} $e->{body}",
        'POST /fhir/Patient/_search a=1 3 b=2', 'log';
    ok scalar(grep { $_->[0] eq 'X-Seen' } @{$e->{headers}}), '... headers';
    is $lab->hits, scalar $lab->fhir_log, '... and count';
    $lab->fhir_mode(fault => { mode => 'status', status => 503, type => 'a/b',
                               match => { method => 'DELETE' } });
    is fhir(GET => '/Patient/pat-1')->status, 200, 'fault elsewhere';
    is fhir(DELETE => '/Patient/pat-1')->status, 503, 'fault here';
    ok defined $lab->stored('Patient', 'pat-1'), '... instead of the work';
    $lab->fhir_mode(fault => undef, gzip => 1,
                    headers => [['Access-Control-Allow-Origin', '*']]);
    $r = fhir(GET => '/Patient/pat-1', undef, 'Accept-Encoding', 'gzip');
    is $r->header('Content-Encoding') . join('', $r->canaries),
        'gzipPatient/pat-1', 'gzip';
    is $r->header('Access-Control-Allow-Origin'), '*', 'added headers';
};

SKIP: {
    eval { require IO::Socket::SSL; 1 } or skip 'IO::Socket::SSL is absent', 1;
    subtest 'TLS' => sub {
        my $dir = $lab->dir;
        for (qw(server client)) {
            system "openssl req -x509 -newkey rsa:2048 -nodes -days 2"
                . " -subj /CN=$_ -addext subjectAltName=IP:127.0.0.1"
                . " -keyout $dir/$_.key -out $dir/$_.crt 2>/dev/null";
        }
        my @tls = ('--cert', "$dir/server.crt", '--key', "$dir/server.key");
        my $open = Smart::Lab->new(fhir => 0, as => \@tls);
        my $t = $open->token(scope => 'x');
        my $c = Smart::Client->new(port => $open->as_port, tls => {
            SSL_ca_file => "$dir/server.crt" }, timeout => 3);
        my $r = $c->request(POST => '/introspect',
            [@FORM, basic('gateway', 'gateway-secret')], "token=$t");
        ok $r->json->{active}, 'introspection over TLS';
        $open->as_auth(method => 'tls_client_auth');
        is $c->request(POST => '/introspect', \@FORM,
            "token=$t&client_id=gateway")->status, 401, 'no certificate';
        my $mutual = Smart::Lab->new(fhir => 0, as => [@tls, '--client-ca',
            "$dir/client.crt", '--client-cert', 'optional']);
        $t = $mutual->token(scope => 'x');
        $mutual->as_auth(method => 'tls_client_auth');
        $c = Smart::Client->new(port => $mutual->as_port, timeout => 3, tls => {
            SSL_ca_file => "$dir/server.crt",
            SSL_cert_file => "$dir/client.crt",
            SSL_key_file => "$dir/client.key" });
        is $c->request(POST => '/introspect', \@FORM,
            "token=$t&client_id=gateway")->status, 200, 'certificate';
        is $c->request(POST => '/introspect', \@FORM,
            "token=$t&client_id=nobody")->status, 401,
            '... of an unknown client';
    };
}

SKIP: {
    my $httpd = $ENV{SMART_HTTPD} // '/usr/sbin/apache2';
    -x $httpd or skip "$httpd is absent", 1;
    subtest 'httpd' => sub {
        for my $mpm (qw(event worker prefork)) {
            my $h = $lab->httpd(smart => 0, mpm => $mpm,
                                conf => "ProxyPass /fhir \@FHIR\@\n");
            is_deeply [$h->get('/fhir/Patient/pat-1')->canaries],
                ['Patient/pat-1'], "$mpm passes on";
            ok $h->graceful, '... restarts';
            is $h->get('/fhir/Patient/pat-1')->status, 200, '... and goes on';
            my $pid = $h->pid;
            $h->stop;
            ok !kill(0, $pid), '... and stops';
        }
        my ($rc, $err) = $lab->configtest("Nonsense on\n", smart => 0);
        ok $rc && $err =~ /Nonsense/, 'configtest of a bad line';
        is +($lab->configtest("Timeout 5\n", smart => 0))[0], 0,
            'configtest of a good one';
        ok !eval { $lab->httpd(conf => "Nonsense on\n", smart => 0) }
            && $@ =~ /Nonsense/, 'a failed start says why';
    };
}

my @pids = ($lab->as_pid, $lab->fhir_pid);
my $dir = $lab->dir;
undef $lab;
ok !(grep { kill 0, $_ } @pids), 'the servers end with the lab';
ok !-e $dir, '... and its folder is gone';
done_testing;
