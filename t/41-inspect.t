#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Answers that are looked at: what of them is shown, what is asked of the
# backend, and that nothing leaks whatever the backend does.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Smart::AccessLog ();
use Smart::Expect qw(is_read);
use Smart::FhirStore qw(canaries);
use Smart::Http2 ();
use Smart::Json qw(json_encode json_decode);
use Smart::Lab ();

my $lab = Smart::Lab->new;
my $LIMIT = 65536;

sub location {
    my ($path, $extra, %o) = @_;
    return $lab->protected(path => "/$path", extra => $extra // '', %o);
}

# A backend that gives hints before it answers.
my $hints = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0,
                                  Listen => 5) or die "no port: $!\n";
my $hinting = fork // die "fork: $!\n";
if (!$hinting) {
    local $SIG{ALRM} = sub { POSIX::_exit(0) };
    alarm 300;
    while (my $c = $hints->accept) {
        my $line;
        1 while defined($line = <$c>) && $line =~ /\S/;
        print $c "HTTP/1.1 103 Early Hints\r\nLink: <CANARY-Patient-pat-2>\r\n"
            . "\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        close $c;
    }
    POSIX::_exit(0);
}

my $h = $lab->httpd(modules => ['deflate'], conf => join '', Smart::AccessLog::conf(),
    location('fhir', 'SmartPublicURL https://fhir.example.org/fhir'),
    location('small', "SmartInspectLimit $LIMIT"),
    location('override', 'ProxyErrorOverride On'),
    location('document', "ErrorDocument 404 \"administrator\"\n"
             . "ErrorDocument 502 \"administrator\"\nProxyErrorOverride On"),
    location('hints', '', backend => 'http://127.0.0.1:' . $hints->sockport
             . '/fhir'),
    location('deflate', 'SetOutputFilter DEFLATE'),
    location('header', "Header set X-Set yes\nHeader always set X-Always yes\n"
             . 'Header echo ^If-None-Match$'));
my $log = Smart::AccessLog->new($h);

sub patient { return $lab->token(scope => "@_", patient => 'pat-1') }
my $obs = patient('patient/Observation.rs');
my $all = patient('patient/*.rs');
my $type = $lab->token(scope => 'user/Observation.rs');
my $wide = $lab->token(scope => 'user/*.rs');

sub ask {
    my ($method, $target, $t, $headers, $body) = @_;
    $lab->control(fhir => 'log?clear=1');
    return $h->request($method, $target, $t, $headers, $body);
}

# The one request that the backend saw.
sub seen {
    my @log = $lab->fhir_log;
    return @log == 1 ? $log[0] : { method => 'seen: ' . @log, headers => [] };
}

sub field {
    my ($e, $name) = @_;
    return join ', ', map { $_->[1] }
        grep { lc $_->[0] eq lc $name } @{$e->{headers}};
}

# Everything a client can tell an answer by.
sub told {
    my ($r) = @_;
    return join "\n", $r->status, (sort map { join ': ', @$_ }
        grep { $_->[0] !~ /\A(?:Date|Keep-Alive|Connection)\z/i }
        $r->headers), '', $r->body;
}

sub ids {
    my ($r) = @_;
    my $b = eval { json_decode($r->body) } || {};
    return join ' ', map { $_->{resource}{id} // '-' } @{$b->{entry} || []};
}

# An answer of our own to what could not be proved.
sub is_unproved {
    my ($r, $name) = @_;
    return is join(' ', $r->status, $r->header('Content-Type') // '',
                   ($r->json || {})->{issue}[0]{code} // '', $r->canaries),
        '502 application/fhir+json; charset=utf-8 exception', $name;
}

sub with_answer {
    my ($body, %more) = @_;
    $lab->fhir_mode(fault => { mode => 'status', status => 200,
        type => 'application/fhir+json', body => $body, %more });
    return;
}

sub well { $lab->fhir_reset; return }

my $OWN = $lab->stored('Observation', 'obs-1');
my $FOREIGN = $lab->stored('Observation', 'obs-2');

subtest 'read' => sub {
    is_read(ask(GET => '/fhir/Observation/obs-1', $obs), 'Observation/obs-1',
            'own');
    my $r = ask(GET => '/fhir/Observation/obs-1', $wide);
    my $mine = ask(GET => '/fhir/Observation/obs-1', $obs);
    is $mine->body, $r->body, '... byte by byte';
    is told($mine), told($r), '... with all its headers';
    ok $mine->header('ETag'), '... ETag among them';
    is $mine->header('X-Intermediary'), undef, '... and no stamp';
    is $mine->header('Cache-Control'), 'private', '... and private';

    my $missing = told(ask(GET => '/fhir/Observation/none', $obs));
    like $missing, qr/\A404\n/, 'what is not there is 404';
    is told(ask(GET => '/fhir/Observation/obs-2', $obs)), $missing,
        'what is foreign looks the same, with all headers';
    is told(ask(GET => '/header/Observation/obs-2', $obs)),
        told(ask(GET => '/header/Observation/none', $obs)),
        '... also with headers of the administrator';
    is told(ask(HEAD => '/fhir/Observation/obs-2', $obs)),
        told(ask(HEAD => '/fhir/Observation/none', $obs)), '... and as HEAD';
    is ask(GET => '/fhir/Observation/obs-1', patient('patient/Condition.rs'))
        ->status, 403, 'a type without scope never came there';
    $lab->load({ resourceType => 'Observation', id => 'gone',
                 subject => { reference => 'Patient/pat-1' } });
    $lab->control(fhir => 'mode', { fault => { mode => 'status', status => 410,
        type => 'application/fhir+json',
        headers => [['ETag', 'W/"7"'], ['X-Hint', 'deleted']],
        body => json_encode($FOREIGN) } });
    is told(ask(GET => '/fhir/Observation/gone', $obs)), $missing,
        'gone looks the same';
    well();
};

subtest 'versions and histories' => sub {
    is ask(GET => '/fhir/Observation/obs-mv/_history/1', $obs)->status, 404,
        'a version about another';
    is ask(GET => '/fhir/Observation/obs-mv/_history/2', $obs)->status, 200,
        '... and one about us';
    my $r = ask(GET => '/fhir/Observation/obs-mv/_history', $obs);
    is join(' ', $r->status, $r->canaries), '200 Observation/obs-mv',
        'of a history the versions that are ours';
    is scalar @{$r->json->{entry}}, 1, '... one of two';
    is $r->json->{total}, undef, '... and nobody says of how many';
    is $r->header('X-Intermediary'), 'fhir.example.org', '... stamped';
    is $r->header('ETag'), undef, '... without a version of its own';
    my $missing = told(ask(GET => '/fhir/Observation/none/_history', $obs));
    is told(ask(GET => '/fhir/Observation/obs-2/_history', $obs)), $missing,
        'a foreign history looks like none';
    is told(ask(GET => '/fhir/Observation/obs-2/_history/1', $obs)),
        told(ask(GET => '/fhir/Observation/obs-2/_history/99', $obs)),
        'and a foreign version';
};

subtest 'lists' => sub {
    $lab->fhir_mode(search => 'lenient-all', page => 500);
    my $r = ask(GET => '/fhir/Observation', $obs);
    my @all = canaries(ask(GET => '/fhir/Observation', $wide)->body);
    my @seen = $r->canaries;
    ok scalar(grep { $_ eq 'Observation/obs-1' } @seen), 'own are there';
    ok !(grep { $_ eq 'Observation/obs-2' } @seen), 'foreign are not';
    ok @all > @seen, 'the backend had more';
    unlike $r->body, qr/127\.0\.0\.1/, 'the backend is named nowhere';
    is $r->json->{entry}[0]{fullUrl},
        'https://fhir.example.org/fhir/Observation/'
            . $r->json->{entry}[0]{resource}{id}, 'fullUrl is public';
    like $r->json->{link}[0]{url}, qr{\Ahttps://fhir\.example\.org/fhir},
        'links are public';
    my %stored = map { ($_->{resource}{id} => $_->{resource}) }
        @{ask(GET => '/fhir/Observation', $wide)->json->{entry}};
    is_deeply [map { $_->{resource} } @{$r->json->{entry}}],
        [map { $stored{$_->{resource}{id}} } @{$r->json->{entry}}],
        'resources are as they were';
    $r = ask(GET => '/fhir/Observation?_include=Observation:subject', $type);
    ok !(grep { m{\APatient/} } $r->canaries), 'an included type needs a scope';
    well();
    $r = ask(GET => '/fhir/Observation?_include=Observation:subject', $type);
    like join(' ', $r->canaries), qr{Observation/obs-2}, 'matches stay';
    ok !(grep { m{\APatient/} } $r->canaries), '... included types go';
    $r = ask(GET => '/fhir/Observation?_include=Observation:subject',
             $lab->token(scope => 'user/Observation.rs user/Patient.s'));
    like join(' ', $r->canaries), qr{Patient/pat-2}, '... or stay';
    $r = ask(GET => '/fhir/Patient/pat-1/$everything', $all);
    is $r->status, 200, '$everything';
    ok !(grep { m{/pat-2\z|/obs-2\z} } $r->canaries), '... of what is ours';
    $lab->seed(type => 'Observation', count => 20, patient => 'pat-2',
               prefix => 'f');
    $lab->fhir_mode(search => 'lenient-all', page => 4);
    my $target = '/fhir/Observation';
    my (%on, $pages);
    while ($target && $pages++ < 40) {
        $r = ask(GET => $target, $obs);
        $on{$_} = 1 for $r->canaries;
        ($target) = map { $_->{url} =~ s{\Ahttps://fhir\.example\.org}{}r }
            grep { $_->{relation} eq 'next' } @{($r->json || {})->{link} || []};
    }
    ok $pages > 5, 'pages are walked to the end';
    ok $on{'Observation/obs-1'} && !$on{'Observation/obs-2'}
        && !(grep { m{/f-} } keys %on), '... and hold what is ours';
    well();
};

subtest 'what is asked of the backend' => sub {
    my @conditions = ('If-None-Match', 'W/"1"', 'If-Match', 'W/"1"',
        'If-Modified-Since', 'Mon, 01 Jan 2035 00:00:00 GMT',
        'If-Unmodified-Since', 'Mon, 01 Jan 2035 00:00:00 GMT',
        Range => 'bytes=0-9', 'If-Range', 'W/"1"', 'Accept-Encoding', 'gzip',
        'Accept-Charset', 'latin-1');
    my $r = ask(GET => '/fhir/Observation/obs-1', $obs, [@conditions]);
    is_read($r, 'Observation/obs-1', 'conditions do not count');
    my $e = seen();
    is join(' ', grep { length field($e, $_) } 'If-None-Match', 'If-Match',
            'If-Modified-Since', 'If-Unmodified-Since', 'Range', 'If-Range',
            'Accept-Encoding', 'Accept-Charset'), '', '... and are not sent';
    is field($e, 'Accept'), 'application/fhir+json', 'JSON is asked for';
    $r = ask(GET => '/fhir/Observation/obs-1', $wide,
             ['If-None-Match', $r->header('ETag'),
              Accept => 'application/fhir+xml']);
    is $r->status, 304, 'who may see all has his conditions';
    $r = ask(GET => '/fhir/Observation', $obs, [Prefer =>
        'handling=lenient, return="representation", wait=5']);
    is field(seen(), 'Prefer'), 'handling=strict, return="representation"',
        'searches are strict';
    my $get = ask(GET => '/fhir/Observation/obs-1', $obs);
    my $head = ask(HEAD => '/fhir/Observation/obs-1', $obs);
    is seen()->{method}, 'GET', 'HEAD asks as GET';
    is $head->body, '', '... and shows nothing';
    is told($head), told($get) =~ s/\n\n.*//sr . "\n\n", '... but the headers';
    is ask(HEAD => '/fhir/Observation', $obs)->status, 200, 'HEAD of a search';
    $r = ask(GET => '/fhir/Observation/obs-1', $obs);
    is_read($r, 'Observation/obs-1', 'the connection is kept');
    my $line = do {
        $log->skip;
        ask(HEAD => '/fhir/Observation/obs-1', $obs);
        $log->next;
    };
    is "$line->{status} $line->{decision}", '200 permit', 'logged as it came';
    $r = ask(GET => '/deflate/Observation/obs-1', $obs,
             ['Accept-Encoding', 'gzip']);
    is join(' ', $r->status, $r->header('Content-Encoding') // '-',
            field(seen(), 'Accept-Encoding')), '200 gzip ',
        'a coding is between us and the client';
};

subtest 'what can not be proved' => sub {
    my $json = json_encode($OWN);
    for (
        ['HTML', { mode => 'html' }],
        ['nothing', { mode => 'empty' }],
        ['garbage', { mode => 'garbage' }],
        ['an array', { mode => 'array' }, 404],
        ['a body cut off', { mode => 'truncated' }],
        ['half of the JSON', { mode => 'truncated-json' }],
        ['a redirect', { mode => 'redirect', url => '/fhir/Observation/obs-2' }],
        ['no media type', { mode => 'content-type', type => '' }],
        ['XML, it says', { mode => 'content-type',
                           type => 'application/fhir+xml' }],
        ['text, it says', { mode => 'content-type', type => 'text/plain' }],
        ['Latin-1, it says', { mode => 'content-type',
            type => 'application/fhir+json;charset=iso-8859-1' }],
        ['UTF-16, it says', { mode => 'content-type',
            type => 'application/fhir+json; fhirVersion=4.0; charset="utf-16"' }],
        ['keys twice', { mode => 'duplicate-keys' }],
        ['nesting', { mode => 'nesting', depth => 70 }],
        ['gzip', { mode => 'gzip' }],
        ['a part', { mode => 'status', status => 206, body => $json,
                     type => 'application/fhir+json' }],
        ['202', { mode => 'status', status => 202, body => $json,
                  type => 'application/fhir+json' }],
        ['203', { mode => 'status', status => 203, body => $json,
                  type => 'application/fhir+json' }],
        ['204', { mode => 'status', status => 204, body => '' }],
        ['304', { mode => 'status', status => 304, body => '',
                  headers => [['ETag', 'W/"9"']] }],
        ['two of them', { mode => 'status', status => 200, body => $json . $json,
                          type => 'application/fhir+json' }],
        ['UTF-8 with a mark', { mode => 'status', status => 200,
            body => "\xEF\xBB\xBF$json", type => 'application/fhir+json' }],
    ) {
        my ($name, $fault, $status) = @$_;
        for my $target ('/fhir/Observation/obs-1', '/fhir/Observation') {
            $lab->fhir_mode(fault => $fault);
            my $r = ask(GET => $target, $obs);
            if ($status && $target =~ /obs-1/) { is $r->status, $status, $name }
            else { is_unproved($r, "$name: $target") }
            is $r->header('ETag'), undef, '... and no header of it';
        }
        well();
    }
    $lab->fhir_mode(fault => { mode => 'content-type',
        type => 'application/json;charset="UTF-8";fhirVersion=4.0' });
    is_read(ask(GET => '/fhir/Observation/obs-1', $obs), 'Observation/obs-1',
            'JSON by its other name');
    $lab->fhir_mode(fault => { mode => 'chunked' });
    is_read(ask(GET => '/fhir/Observation/obs-1', $obs), 'Observation/obs-1',
            'in chunks');
    $lab->fhir_mode(fault => { mode => 'drip', ms => 1, bytes => 50 });
    is_read(ask(GET => '/fhir/Observation/obs-1', $obs), 'Observation/obs-1',
            'piece by piece');
    well();
};

subtest 'errors' => sub {
    my $outcome = json_encode({ resourceType => 'OperationOutcome',
        issue => [{ severity => 'error', code => 'processing' }] });
    for my $status (400, 401, 403, 412, 422, 500, 503) {
        with_answer($outcome, status => $status);
        my $r = ask(GET => '/fhir/Observation', $obs);
        is join(' ', $r->status, $r->body), "$status $outcome",
            "$status with an OperationOutcome";
        with_answer(json_encode($FOREIGN), status => $status,
                    headers => [['Retry-After', 7], ['X-Hint', 'x']]);
        $r = ask(GET => '/fhir/Observation', $obs);
        is join(' ', $r->status, $r->json->{resourceType}, $r->canaries,
                $r->header('X-Hint') // '-', $r->header('Retry-After')),
            "$status OperationOutcome - 7", '... with a resource';
        $lab->fhir_mode(fault => { mode => 'status', status => $status,
            type => 'text/html', body => 'CANARY-Patient-pat-2' });
        $r = ask(GET => '/fhir/Observation', $obs);
        is join(' ', $r->status, ($r->json || {})->{resourceType} // '-',
                $r->canaries), "$status OperationOutcome", '... with a page';
    }
    well();
    $lab->fhir_mode(fault => { mode => 'close' });
    my $r = ask(GET => '/fhir/Observation', $obs);
    like $r->status, qr/\A50[023]\z/, 'no answer at all';
    $r = ask(HEAD => '/fhir/Observation/obs-1', $obs);
    is $r->body . ($r->{error} // ''), '', '... to HEAD';
    well();
    is_read(ask(GET => '/fhir/Observation/obs-1', $obs), 'Observation/obs-1',
            '... and the connection is in order');
    for my $where (qw(override document)) {
        is told(ask(GET => "/$where/Observation/none", $obs)),
            told(ask(GET => "/$where/Observation/obs-2", $obs)),
            "missing and foreign look alike: $where";
    }
};

# All bytes of an answer, interim ones included.
sub bytes {
    my ($target, $t) = @_;
    my $c = IO::Socket::INET->new('127.0.0.1:' . $h->port) or die "$!\n";
    print $c "GET $target HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        . "Authorization: Bearer $t\r\n\r\n";
    local $/;
    return scalar <$c>;
}

subtest 'hints' => sub {
    my $target = '/hints/Observation/obs-1';
    like bytes($target, $wide), qr/\AHTTP\S+ 103 .*CANARY/s,
        'are passed on to who may see all';
    my $r = bytes($target, $obs);
    like $r, qr/\AHTTP\S+ 404 /, '... and to nobody else';
    is scalar(canaries($r)), 0, '... not a byte of them';
};

subtest 'the limit' => sub {
    my $n = $LIMIT - length json_encode({ %$OWN, note => [{ text => '' }] });
    for my $chunked (0, 1) {
        my $large = json_encode({ %$OWN, note => [{ text => 'n' x $n }] });
        is length $large, $LIMIT, 'a resource as large as the limit';
        for my $over (0, 1) {
            with_answer($large . ' ' x $over,
                        $chunked ? (headers => [['Connection', 'close']]) : ());
            $h->mark;
            my $r = ask(GET => '/small/Observation/obs-1', $obs);
            if ($over) { is_unproved($r, 'one byte over it') }
            else { is $r->status, 200, 'is shown' }
            like $h->log_since, $over ? qr/SmartInspectLimit \(65536 bytes\)/
                : qr/\A(?!.*SmartInspectLimit)/s, '... and told';
        }
    }
    $lab->fhir_mode(fault => { mode => 'endless' });
    my $r = ask(GET => '/small/Observation', $obs);
    is_unproved($r, 'an answer without end');
    well();
    $lab->fhir_mode(fault => { mode => 'big', bytes => 70_000 });
    is ask(GET => '/small/Observation/obs-1', $wide)->status, 200,
        'who may see all is not held to it';
    well();
};

subtest 'Binary' => sub {
    my $files = patient('patient/Binary.r');
    my $r = ask(GET => '/fhir/Binary/bin-1', $files);
    is join(' ', $r->status, $r->header('Content-Type'), $r->body),
        "200 text/plain CANARY-Binary-bin-1\n", 'of the patient, as it is';
    is join(' ', map { "$_->{method} " . field($_, 'Accept') }
            $lab->fhir_log), 'GET application/fhir+json GET ',
        '... read as JSON first';
    is $r->header('X-Intermediary'), undef, '... not stamped';
    $r = ask(GET => '/fhir/Binary/bin-1', $files, [Range => 'bytes=0-5']);
    is join(' ', $r->status, $r->body), '206 CANARY', 'a part of it';
    $r = ask(HEAD => '/fhir/Binary/bin-1', $files);
    is join(' ', $r->status, $r->body), '200 ', 'its head';
    my $missing = told(ask(GET => '/fhir/Binary/none', $files));
    like $missing, qr/\A404\n/, 'none';
    my %binary = (resourceType => 'Binary', contentType => 'text/plain',
                  data => 'Q0FOQVJZCg==');
    my $context = sub { +{ reference => $_[0] } };
    $lab->load({ %binary, id => 'bare' },
        { %binary, id => 'logical', securityContext =>
            { identifier => { value => 'pat-1' }, display => 'pat-1' } },
        { %binary, id => 'elsewhere',
          securityContext => $context->('http://evil.example/Patient/pat-1') },
        { %binary, id => 'own', securityContext =>
            $context->('https://fhir.example.org/fhir/Patient/pat-1') },
        { %binary, id => 'obs', securityContext =>
            $context->('Observation/obs-1') },
        { %binary, id => 'foreign', securityContext =>
            $context->('Observation/obs-2') },
        { %binary, id => 'dangling', securityContext =>
            $context->('Observation/none') },
        { %binary, id => 'circle', securityContext =>
            $context->('Binary/circle') });
    is told(ask(GET => "/fhir/Binary/$_", $files)), $missing,
        "securityContext: $_" for qw(bin-2 bare logical elsewhere obs foreign
        dangling circle bin-1/_history/1);
    is ask(GET => '/fhir/Binary/own', $files)->status, 200,
        'by our own public URL';
    my $both = patient('patient/Binary.r patient/Observation.r');
    is ask(GET => '/fhir/Binary/obs', $both)->status, 200,
        'by a resource that may be read';
    is told(ask(GET => "/fhir/Binary/$_", $both)), $missing,
        '... or may not' for qw(foreign dangling circle);
    is ask(GET => '/fhir/Binary/bin-2', $wide)->status, 200,
        'who may see all sees it';
    $lab->fhir_mode(fault => { mode => 'headers',
        headers => [['X-Hint', 'CANARY-Patient-pat-2']], times => 2 });
    is ask(GET => '/fhir/Binary/bin-1', $files)->status, 200, 'versions agree';
    $lab->fhir_mode(fault => { mode => 'status', status => 200,
        type => 'text/plain', body => 'CANARY-Binary-bin-2' });
    $r = ask(GET => '/fhir/Binary/bin-1', $files);
    is join(' ', $r->status, $r->canaries), '502',
        'no JSON where it is asked for';
    well();
    $lab->fhir_mode(fault => { mode => 'status', status => 200,
        type => 'text/plain', body => 'CANARY-Binary-bin-2',
        headers => [['ETag', 'W/"2"']], match => { raw => 1 } });
    is_unproved(ask(GET => '/fhir/Binary/bin-1', $files),
                'another version than was proved');
    $lab->fhir_mode(fault => { mode => 'status', status => 404,
        type => 'text/plain', body => 'CANARY-Binary-bin-2',
        match => { raw => 1 } });
    is told(ask(GET => '/fhir/Binary/bin-1', $files)), $missing,
        'gone in between';
    $lab->fhir_mode(fault => { mode => 'status', status => 500,
        type => 'text/plain', body => 'CANARY-Binary-bin-2',
        match => { raw => 1 } });
    $r = ask(GET => '/fhir/Binary/bin-1', $files);
    is join(' ', $r->status, $r->canaries), '500', 'an error';
    well();
};

subtest 'a backend that answers something else' => sub {
    with_answer(json_encode($FOREIGN));
    is ask(GET => '/fhir/Observation/obs-1', $obs)->status, 404,
        'another resource';
    with_answer(json_encode({ resourceType => 'Bundle', type => 'searchset',
        entry => [{ resource => $FOREIGN }, { resource => $OWN }] }));
    my $r = ask(GET => '/fhir/Observation?_id=obs-1', $obs);
    is join(' ', $r->status, ids($r), $r->canaries),
        '200 obs-1 Observation/obs-1', 'more than was asked for';
    with_answer(json_encode({ resourceType => 'Bundle', type => 'searchset',
        total => 1, entry => [{ resource => $FOREIGN }] }),
        headers => [['ETag', 'W/"1"'], ['Content-MD5', 'x'],
                    ['Digest', 'x'], ['X-Total-Count', 1],
                    ['Last-Modified', 'Mon, 01 Jan 2024 00:00:00 GMT']]);
    $r = ask(GET => '/fhir/Observation', $obs);
    is $r->body, '{"resourceType":"Bundle","type":"searchset"}',
        'nothing is left' if $r->body !~ /"type".*"resourceType"/;
    is join(' ', grep { defined $r->header($_) } 'ETag', 'Content-MD5',
            'Digest', 'X-Total-Count', 'Last-Modified'), '',
        '... nor what was said of it';
    is $r->header('Content-Length'), length $r->body, '... but its length';
    with_answer('{"resourceType":"Bundle","type":"searchset"}',
        headers => [['X-Total-Count', 7], ['Content-Range', 'items 0-0/7']]);
    $r = ask(GET => '/fhir/Observation?_count=0', $obs);
    is join(' ', $r->status, map { $r->header($_) // '' } 'X-Intermediary',
            'X-Total-Count', 'Content-Range'), '200   ',
        'no count of what is not shown';
    with_answer(json_encode({ resourceType => 'Bundle', type => 'history',
        entry => [{ resource => $FOREIGN }] }));
    is_unproved(ask(GET => '/fhir/Observation', $obs), 'another kind of Bundle');
    with_answer('{"resourceType":"Bundle","type":"searchset","entry":['
        . '{"resource":{"resourceType":"Observation","id":"n","subject":'
        . '{"reference":"Patient/pat-1"},"valueDecimal":1.10,"x":1e2}},'
        . '{"resource":' . json_encode($FOREIGN) . '}]}');
    $r = ask(GET => '/fhir/Observation', $obs);
    like $r->body, qr/"valueDecimal":1\.10,"x":1e2\}\}\]\}\z/,
        'numbers keep their text';
    well();
};

# The same over other ways to the backend, and other ways to us.
sub ways {
    my ($name, $send) = @_;
    subtest $name => sub {
        is_read($send->(GET => 'obs-1', $obs), 'Observation/obs-1', 'own');
        my $body = sub { join "\n", $_[0]->status, $_[0]->body };
        is $body->($send->(GET => 'obs-2', $obs)),
            $body->($send->(GET => 'none', $obs)), 'foreign and missing';
        my $r = $send->(HEAD => 'obs-1', $obs,
                        ['Accept-Encoding', 'gzip', Range => 'bytes=0-3']);
        is join(' ', $r->status, $r->body), '200 ', 'HEAD';
        my @asked = $lab->fhir_log;
        is join(' ', map { $asked[-1]{method} . field($asked[-1], $_) }
                'Accept-Encoding', 'Range'), 'GET GET', '... as GET';
        is $send->(HEAD => 'obs-2', $obs)->status, 404, 'HEAD of another';
        $lab->fhir_mode(fault => { mode => 'truncated' });
        is $send->(GET => 'obs-1', $obs)->status, 502, 'cut off';
        $lab->fhir_mode(fault => { mode => 'html' });
        is $send->(GET => 'obs-1', $obs)->status, 502, 'HTML';
        well();
    };
    return;
}

for my $mpm (qw(prefork worker)) {
    my $other = $lab->httpd(mpm => $mpm, conf => location('fhir'));
    ways($mpm, sub {
        my ($method, $id, @more) = @_;
        $other->request($method, "/fhir/Observation/$id", @more);
    });
    $other->stop;
}

{
    Smart::Http2::need();
    my $two = $lab->httpd(ports => 2, modules => ['http2', 'proxy_http2',
            'slotmem_shm', 'proxy_balancer', 'lbmethod_byrequests'],
        conf => "Protocols h2c http/1.1\n" . join '', map {
            "<VirtualHost 127.0.0.1:\@PORT$_->[0]\@>\n"
            . "ServerName http://127.0.0.1:\@PORT$_->[0]\@\n$_->[1]"
            . "</VirtualHost>\n" }
        [1, location('h2', "ProxyPass h2c://127.0.0.1:\@PORT2\@/fhir",
                     backend => 0)
            . "<Proxy balancer://fhir>\nBalancerMember "
            . "http://127.0.0.1:\@PORT2\@\n</Proxy>\n"
            . location('balancer', 'ProxyPass balancer://fhir/fhir',
                       backend => 0)],
        [2, "ProxyPass /fhir \@FHIR\@\nProxyAddHeaders Off\n"]);
    my $client = Smart::Http2->new(port => $two->port(0));
    for my $path (qw(h2 balancer)) {
        ways("HTTP/2, $path", sub {
            my ($method, $id, $t, $headers) = @_;
            $client->request($method, "/$path/Observation/$id",
                ['Authorization', "Bearer $t", @{$headers || []}]);
        });
    }
    $two->stop;
}

kill 'TERM', $hinting;
waitpid $hinting, 0;
$log->skip;
is_deeply [$lab->spilled('CANARY-')], [], 'nothing of it is in a log';
done_testing;
