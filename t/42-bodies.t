#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Writes of a token that is held to a patient: what they bring, what is there,
# and what comes to the backend. Each permit has a twin that differs in one
# thing and is refused, and leaves the backend unchanged.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep);
use Smart::Http2 ();
use Smart::Json qw(json_encode json_decode);
use Smart::Lab ();

my $lab = Smart::Lab->new;
my $PUBLIC = 'https://fhir.example.org/fhir';
my $LIMIT = 65536;
my @JSON = ('Content-Type' => 'application/fhir+json');
my @PATCH = ('Content-Type' => 'application/json-patch+json');
my $CONF = $lab->protected(extra => "SmartPublicURL $PUBLIC\n"
                               . "SmartInspectLimit $LIMIT");
my %token;
my ($h, $c);

sub token {
    my ($scopes) = @_;
    return $token{$scopes} ||= $lab->token(
        scope => $scopes, $scopes =~ /patient/ ? (patient => 'pat-1') : ());
}

sub observation {
    my ($subject, %more) = @_;
    return json_encode({ resourceType => 'Observation', status => 'final',
        defined $subject ? (subject => { reference => $subject }) : (),
        %more });
}

# Send one request of a fresh backend; the answer, what was changed, and what
# came there.
sub ask {
    my ($scopes, $method, $path, $headers, $body) = @_;
    $lab->fhir_reset;
    my $r = $c->request($method, "/fhir$path",
        ['Authorization', 'Bearer ' . token($scopes), @{$headers || []}],
        $body);
    my $n = $lab->control(fhir => 'writes');
    return ($r, $n->{writes}, $lab->fhir_log);
}

# Fields of a request at the backend, as "name: value", by a pattern.
sub fields {
    my ($seen, $pattern) = @_;
    return join ', ', sort map { lc("$_->[0]") . ": $_->[1]" }
        grep { $_->[0] =~ /\A(?:$pattern)\z/i } @{$seen->{headers}};
}

# What a backend was asked for: "GET Observation/obs-1, PUT Observation/obs-1".
sub asked {
    return join ', ', map {
        "$_->{method} " . ($_->{target} =~ s{\A/fhir/?}{}r) } @_;
}

# A permit and its twin: [scopes, method, path, headers, body].
sub twins {
    my ($name, $yes, $no, $status) = @_;
    my ($r, $writes) = ask(@$yes);
    is join(' ', $r->status =~ s/\A2..\z/2xx/r, $writes), '2xx 1',
        "$name: permitted" or diag $r->body;
    my @seen;
    ($r, $writes, @seen) = ask(@$no);
    is "@{[$r->status]} $writes " . asked(grep { $_->{method} ne 'GET' } @seen),
        "$status 0 ", "$name: its twin is not" or diag $r->body;
    return;
}

my $ALL = 'patient/*.cruds';
my $OWN = 'Patient/pat-1';
my $OTHER = 'Patient/pat-2';

sub creates {
    subtest 'create' => sub {
        my $create = sub { [$ALL, POST => '/Observation', \@JSON, @_] };
        my $own = $create->(observation($OWN));
        twins('subject', $own, $create->(observation($OTHER)), 403);
        twins('a subject', $own, $create->(observation(undef)), 403);
        twins('versioned', $create->(observation("$OWN/_history/1")),
              $create->(observation("$OTHER/_history/1")), 403);
        twins('absolute', $create->(observation("$PUBLIC/$OWN")),
              $create->(observation("https://evil.example/fhir/$OWN")), 403);
        twins('its type', $own,
              [$ALL, POST => '/Condition', \@JSON, observation($OWN)], 400);
        twins('its letter', $own, ['patient/*.ruds', @$own[1 .. 4]], 403);
        twins('conditional references', $own, $create->(observation($OWN,
            encounter => { reference => 'Encounter?status=x' })), 403);
        twins('performer is not subject',
            $create->(observation($OWN,
                                  performer => [{ reference => $OTHER }])),
            $create->(observation($OTHER,
                                  performer => [{ reference => $OWN }])), 403);
        twins('contained', $create->(observation($OWN,
                contained => [{ resourceType => 'Patient', id => 'p' }])),
            $create->(observation('#p',
                contained => [{ resourceType => 'Patient', id => 'p' }])),
            403);
        twins('constraint',
            ['patient/Observation.c?status=final', @$own[1 .. 4]],
            ['patient/Observation.c?status=amended', @$own[1 .. 4]], 403);
        twins('provenance',
            ['system/*.cruds', POST => '/Observation', [@JSON], $own->[4]],
            [$ALL, POST => '/Observation', [@JSON, 'X-Provenance' => '{}'],
             $own->[4]], 403);
        my ($r, $writes) = ask($ALL, POST => '/Organization', \@JSON,
                               '{"resourceType":"Organization"}');
        is $r->status . " $writes", '403 0', 'what is shared is not written';
        ($r, $writes) = ask($ALL, POST => '/Patient', \@JSON,
                            '{"resourceType":"Patient"}');
        is $r->status . " $writes", '403 0', 'no other Patient';
    };
    return;
}

sub created {
    subtest 'what a create sends' => sub {
        my $text = qq({ "resourceType" : "Observation",\n "status":"final",)
            . qq("valueQuantity":{"value":1.10},"subject":{"reference":)
            . qq("$OWN"} } \n);
        my ($r, $writes, $seen) = ask($ALL, POST => '/Observation', \@JSON,
                                      $text);
        is $r->status, 201, 'with blanks';
        is $seen->{body}, $text, '... byte for byte';
        is fields($seen, 'content-.*|transfer-.*'), 'content-length: '
            . length($text) . ', content-type: application/fhir+json',
            '... of its length';
        ($r, $writes, $seen) = ask($ALL, POST => '/Observation', [@JSON,
            'Transfer-Encoding' => 'chunked'], join '', map {
                sprintf "%x\r\n%s\r\n", length $_, $_ }
            $text =~ /(.{1,7})/gs, '');
        is $r->status . " $seen->{body}", "201 $text", 'in chunks';
        ($r, $writes, $seen) = ask($ALL, POST => '/Observation', \@JSON,
            qq({"resourceType":"Observation","id":"obs-2","subject":)
            . qq({"reference":"$OWN"},"valueInteger":1.0}));
        is $r->status, 201, 'an id';
        is $seen->{body}, qq({"resourceType":"Observation","subject":)
            . qq({"reference":"$OWN"},"valueInteger":1.0}), '... is taken out';
        is fields($seen, 'content-length'), 'content-length: '
            . length $seen->{body}, '... and the length is right';
        is $lab->stored('Observation', 'obs-2')->{subject}{reference}, $OTHER,
            '... and what has the id stays';
    };
    return;
}

sub conditional_creates {
    subtest 'conditional create' => sub {
        my $create = sub {
            my ($scopes, $condition) = @_;
            return [$scopes, POST => '/Observation', [@JSON, 'If-None-Exist' =>
                $condition], observation($OWN)];
        };
        twins('letter s', $create->('patient/*.crs', 'identifier=x'),
              $create->('patient/*.cr', 'identifier=x'), 403);
        twins('a chain', $create->($ALL, 'identifier=x'),
              $create->($ALL, 'patient.name=x'), 403);
        my (undef, undef, $seen) = ask(@{$create->($ALL, 'identifier=x')});
        is fields($seen, 'if-none-exist'),
            "if-none-exist: identifier=x&patient=$OWN", 'narrowed';
        (undef, undef, $seen) = ask(@{$create->('system/*.cruds',
                                                'identifier=x')});
        is fields($seen, 'if-none-exist'), 'if-none-exist: identifier=x',
            'as it came for who is not held to a patient';
        my ($r, $writes) = ask(@{$create->($ALL, 'code=2345-7&subject='
                                           . $OTHER)});
        is $writes . ' ' . scalar(grep { /obs-2/ } $r->canaries), '1 0',
            'what matches elsewhere is not shown';
    };
    return;
}

sub updates {
    subtest 'update' => sub {
        my $update = sub {
            my ($id, $subject, %more) = @_;
            return [$ALL, PUT => "/Observation/$id", \@JSON,
                    observation($subject, id => $id, %more)];
        };
        my $own = $update->('obs-1', $OWN);
        twins('what is there', $own, $update->('obs-2', $OWN), 404);
        twins('what is to be', $own, $update->('obs-1', $OTHER), 403);
        twins('its id', $own, $update->('obs-1', $OWN, id => 'obs-9'), 400);
        twins('its letter', $own, ['patient/*.crds', @$own[1 .. 4]], 403);
        twins('constraint on what is there',
            ['patient/Observation.u?category=laboratory', @{$update->('obs-1',
                $OWN, category => [{ coding => [{ code => 'laboratory' }] }])
                }[1 .. 4]],
            ['patient/Observation.u?category=laboratory', @{$update->('obs-vs1',
                $OWN, category => [{ coding => [{ code => 'laboratory' }] }])
                }[1 .. 4]], 404);
        twins('own Patient', [$ALL, PUT => "/$OWN", \@JSON,
                '{"resourceType":"Patient","id":"pat-1"}'],
            [$ALL, PUT => "/$OTHER", \@JSON,
                '{"resourceType":"Patient","id":"pat-2"}'], 404);
        my ($r, $writes) = ask($ALL, PUT => '/Observation?code=2345-7',
                               \@JSON, observation($OWN));
        is $r->status . " $writes", '403 0', 'conditional';
        my @seen;
        ($r, $writes, @seen) = ask(@$own);
        is asked(@seen), 'GET Observation/obs-1, PUT Observation/obs-1',
            'read, then written';
        is fields($seen[1], 'if-.*'), 'if-match: W/"2"', 'if it stays as read';
        is $seen[1]{body}, $own->[4], 'byte for byte';
        is fields($seen[0], 'if-.*|prefer|content-.*|authorization|accept'),
            'accept: application/fhir+json', 'no field of the client';
    };
    return;
}

sub updates_of_nothing {
    subtest 'update of what is not there' => sub {
        my @new = ($ALL, PUT => '/Observation/obs-99', \@JSON,
                   observation($OWN, id => 'obs-99'));
        my ($r, $writes, @seen) = ask(@new);
        is $r->status . " $writes", '201 1', 'makes it';
        is fields($seen[1], 'if-.*'), 'if-none-match: *',
            '... if it still is not';
        ($r, $writes) = ask('patient/*.crds', @new[1 .. 4]);
        is $r->status . " $writes", '403 0', '... with u alone';
        ($r, $writes) = ask(@new[0 .. 2], [@JSON, 'If-Match' => 'W/"1"'],
                            $new[4]);
        is $r->status . " $writes", '412 0', '... unless it should be there';
    };
    return;
}

sub preconditions {
    subtest 'If-Match and If-None-Match of a client' => sub {
        my @own = ($ALL, PUT => '/Observation/obs-1');
        my $body = observation($OWN, id => 'obs-1');
        for (['If-Match', 'W/"2"', '200 1'], ['If-Match', 'W/"1"', '412 0'],
             ['If-Match', 'W/"1", W/"2"', '200 1'], ['If-Match', '*', '200 1'],
             ['If-Match', 'nonsense', '412 0'],
             ['If-None-Match', '*', '412 0']) {
            my ($r, $writes, @seen) = ask(@own, [@JSON, @$_[0, 1]], $body);
            is $r->status . " $writes", $_->[2], "$_->[0]: $_->[1]";
            is scalar(@seen), $writes ? 2 : 1,
                '... the write came there, or not';
        }
        my ($r) = ask($ALL, PUT => '/Observation/obs-2',
                      [@JSON, 'If-Match' => 'W/"9"'],
                      observation($OWN, id => 'obs-2'));
        my ($none) = ask($ALL, DELETE => '/Observation/none');
        is $r->status, 404, 'what is somebody else\'s has no version';
        is $r->body, $none->body, '... and reads like what is missing';
    };
    return;
}

sub patches {
    subtest 'patch' => sub {
        my $patch = sub {
            my ($id, @operations) = @_;
            return [$ALL, PATCH => "/Observation/$id", \@PATCH,
                    json_encode(\@operations)];
        };
        my $status = { op => 'replace', path => '/status',
                       value => 'amended' };
        my $own = $patch->('obs-1', $status);
        twins('what is there', $own, $patch->('obs-2', $status), 404);
        twins('what is not', $own, $patch->('none', $status), 404);
        twins('its letter', $own, ['patient/*.crds', @$own[1 .. 4]], 403);
        twins('subject', $own, $patch->('obs-1', { op => 'replace',
            path => '/subject/reference', value => $OTHER }), 403);
        twins('subject taken away', $own,
              $patch->('obs-1', { op => 'remove', path => '/subject' }), 403);
        twins('subject moved', $patch->('obs-1',
                { op => 'test', path => '/subject/reference', value => $OWN },
                { op => 'copy', from => '/subject', path => '/performer/-' }),
            $patch->('obs-1', { op => 'move', from => '/performer/0',
                                path => '/subject' }), 403);
        twins('id', $own, $patch->('obs-1', { op => 'replace', path => '/id',
                                              value => 'obs-2' }), 400);
        twins('all of it', $own, $patch->('obs-1', { op => 'replace',
            path => '', value => { resourceType => 'Observation' } }), 400);
        twins('conditional references', $own, $patch->('obs-1',
            { op => 'add', path => '/encounter/reference',
              value => 'Encounter?status=x' }), 403);
        twins('a test that fails', $patch->('obs-1',
                { op => 'test', path => '/status', value => 'final' },
                $status),
            $patch->('obs-1', { op => 'test', path => '/status',
                                value => 'amended' }, $status), 422);
        twins('constraint on what is to be',
            ['patient/Observation.u?category=laboratory', @$own[1 .. 4]],
            ['patient/Observation.u?category=laboratory',
             @{$patch->('obs-1', { op => 'remove', path => '/category' })}
             [1 .. 4]], 403);
        twins('its kind', $own, [$ALL, PATCH => '/Observation/obs-1', \@JSON,
            '{"resourceType":"Parameters","parameter":[]}'], 403);
        my $text = qq([ {"op":"replace", "path":"/status","value":"amended"}]);
        my ($r, $writes, @seen) = ask(@$own[0 .. 3], $text);
        is asked(@seen), 'GET Observation/obs-1, PATCH Observation/obs-1',
            'read, then patched';
        is fields($seen[1], 'if-.*'), 'if-match: W/"2"', 'if it stays as read';
        is $seen[1]{body}, $text, 'byte for byte';
        ($r, $writes) = ask($ALL, PATCH => '/Observation?code=2345-7', \@PATCH,
                            $own->[4]);
        is $r->status . " $writes", '403 0', 'conditional';
    };
    return;
}

sub deletes {
    subtest 'delete' => sub {
        twins('what is there', [$ALL, DELETE => '/Observation/obs-1'],
              [$ALL, DELETE => '/Observation/obs-2'], 404);
        twins('its letter', [$ALL, DELETE => '/Observation/obs-1'],
              ['patient/*.crus', DELETE => '/Observation/obs-1'], 403);
        my ($r, $writes, @seen) = ask($ALL, DELETE => '/Observation/obs-1');
        is asked(@seen), 'GET Observation/obs-1, DELETE Observation/obs-1',
            'read, then deleted';
        is fields($seen[1], 'if-.*'), 'if-match: W/"2"', 'if it stays as read';
        ($r, $writes) = ask($ALL, DELETE => '/Observation?code=2345-7');
        is $r->status . " $writes", '403 0', 'conditional';
        my ($foreign) = ask($ALL, DELETE => '/Observation/obs-2');
        my ($missing) = ask($ALL, DELETE => '/Observation/none');
        is $foreign->status . $foreign->body, $missing->status
            . $missing->body, 'foreign reads like missing';
    };
    return;
}

# Change what is there while a request waits for its pre-read.
sub race {
    my ($method, $headers, $body) = @_;
    $lab->fhir_reset;
    my $there = $lab->stored('Observation', 'obs-1');
    $lab->fhir_mode(fault => { mode => 'delay', ms => 800, after => 1,
                               match => { method => 'GET' } });
    pipe my $in, my $out;
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        my $r = $h->client->request($method, '/fhir/Observation/obs-1',
            ['Authorization', 'Bearer ' . token($ALL), @$headers], $body);
        syswrite $out, $r->status;
        require POSIX;
        POSIX::_exit(0);
    }
    close $out;
    sleep 0.3;
    $there->{subject}{reference} = $OTHER;
    $lab->load($there);
    my $status = <$in>;
    waitpid $pid, 0;
    $lab->fhir_mode(fault => 'ok');
    return "$status " . $lab->writes;
}

sub races {
    subtest 'somebody else is faster' => sub {
        my $before = do { $lab->fhir_reset; $lab->load(
            $lab->stored('Observation', 'obs-1')); $lab->writes };
        is race(PUT => \@JSON, observation($OWN, id => 'obs-1')),
            "412 $before", 'update';
        is race(PATCH => \@PATCH, json_encode([{ op => 'replace',
            path => '/status', value => 'amended' }])), "412 $before",
            'patch';
        is race(DELETE => [], undef), "412 $before", 'delete';
    };
    return;
}

sub searches {
    subtest 'what a search sends' => sub {
        my $form = sub {
            my ($query, $body, @headers) = @_;
            return ($ALL, POST => "/Observation/_search$query",
                ['Content-Type' => 'application/x-www-form-urlencoded',
                 @headers], $body);
        };
        my (undef, undef, $seen) = ask($ALL, GET =>
            '/Observation?code=2345-7&_elements=id&_format=json');
        is $seen->{target}, "/fhir/Observation?code=2345-7&patient=$OWN",
            'a query: narrowed, pinned';
        (undef, undef, $seen) = ask($form->('?_count=3&_summary=data',
            'code=2345-7&_elements=id'));
        is $seen->{target}, '/fhir/Observation/_search?_count=3',
            'a form: its query is pinned';
        is $seen->{body}, "code=2345-7&patient=$OWN",
            '... it is narrowed and pinned';
        is fields($seen, 'content-length'), 'content-length: '
            . length $seen->{body}, '... of its length';
        (undef, undef, $seen) = ask('system/*.cruds', GET =>
            '/Observation?code=2345-7&_elements=id');
        is $seen->{target}, '/fhir/Observation?code=2345-7&_elements=id',
            'as it came for who is not held to a patient';
        for (['GET', '/Observation?_format=xml', []],
             ['GET', '/Observation', [Accept => 'application/fhir+xml']],
             ['POST', '/Observation/_search',
              ['Content-Type' => 'application/x-www-form-urlencoded'],
              '_format=xml'],
             ['POST', '/Observation', [@JSON, Accept => 'text/html'],
              observation($OWN)]) {
            my ($r, $writes, @seen) = ask($ALL, @$_);
            is join(' ', $r->status, $writes, scalar @seen), '406 0 0',
                "$_->[0] $_->[1] @{$_->[2]}: no JSON";
        }
    };
    return;
}

sub bundle {
    my ($type, @entries) = @_;
    return json_encode({ resourceType => 'Bundle', type => $type,
                         entry => \@entries });
}

sub entry {
    my ($method, $url, $resource, %more) = @_;
    my $full_url = delete $more{fullUrl};
    return { request => { method => $method, url => $url, %more },
             $resource ? (resource => json_decode($resource)) : (),
             defined $full_url ? (fullUrl => $full_url) : () };
}

my $send = sub { [$ALL, POST => '', \@JSON, bundle(@_)] };
my $create = entry(POST => 'Observation', observation($OWN));
my $update = entry(PUT => 'Observation/obs-1',
                   observation($OWN, id => 'obs-1'));

sub batches {
    subtest 'batch and transaction' => sub {
        for my $type (qw(batch transaction)) {
            my $yes = $send->($type, entry(GET => 'Observation/obs-1'),
                              $create);
            my $no = sub { $send->($type, entry(GET => 'Observation/obs-1'),
                                   $create, @_) };
            twins("$type: subject", $yes, $no->(entry(POST => 'Observation',
                  observation($OTHER))), 403);
            twins("$type: what is there",
                $send->($type, $update), $no->(entry(PUT =>
                'Observation/obs-2', observation($OWN, id => 'obs-2'))), 403);
            twins("$type: delete",
                  $send->($type, entry(DELETE => 'Observation/obs-1')),
                  $no->(entry(DELETE => 'Observation/obs-2')), 403);
            twins("$type: another Patient", $yes,
                  $no->(entry(GET => $OTHER)), 403);
            twins("$type: conditional", $yes,
                  $no->(entry(DELETE => 'Observation?code=x')), 403);
            twins("$type: patch", $yes, $no->(entry(PATCH =>
                'Observation/obs-1', '{"resourceType":"Parameters"}')), 403);
            twins("$type: leading slash", $yes,
                  $no->(entry(GET => '/Observation/obs-1')), 400);
            twins("$type: HEAD", $yes,
                  $no->(entry(HEAD => 'Observation/obs-1')), 400);
            twins("$type: its base",
                $send->($type, $create, entry(GET => "$PUBLIC/$OWN")),
                $no->(entry(GET => "https://evil.example/fhir/$OWN")), 400);
            twins("$type: a batch in it", $yes, $no->(entry(POST => '',
                bundle('batch', entry(GET => 'Observation/obs-1')))), 403);
            twins("$type: no request", $yes,
                  $no->({ resource => json_decode(observation($OWN)) }), 400);
        }
        twins('its type', $send->('batch', $create),
              $send->('collection', $create), 400);
        twins('entries of another case', $send->('batch', $create),
              [$ALL, POST => '', \@JSON, bundle('batch', entry(DELETE =>
               'Observation/obs-2')) =~ s/"entry"/"Entry"/r], 400);
        twins('its letters', $send->('batch', $create),
              ['patient/*.ruds', POST => '', \@JSON,
               bundle('batch', $create)], 403);
    };
    return;
}

sub entries_named {
    subtest 'the entry is named' => sub {
        my ($r) = ask(@{$send->('batch', entry(GET => 'Observation/obs-1'),
            $create, entry(GET => $OTHER), entry(GET => $OTHER))});
        is_deeply $r->json->{issue}[0]{expression}, ['Bundle.entry[2]'],
            'denied';
        ($r) = ask(@{$send->('batch', $create,
                             entry(DELETE => 'Observation/obs-2'))});
        is_deeply $r->json->{issue}[0]{expression}, ['Bundle.entry[1]'],
            'somebody else\'s';
        my ($missing) = ask(@{$send->('batch', $create,
                                      entry(DELETE => 'Observation/none'))});
        is $r->body, $missing->body, '... reads like what is missing';
    };
    return;
}

sub batch_answered {
    subtest 'what a batch answers' => sub {
        my ($r) = ask(@{$send->('batch', entry(GET => 'Observation/obs-1'),
            entry(GET => 'Observation/obs-2'), entry(GET => 'Observation'))});
        is $r->status, 200, 'reads';
        my @entries = @{$r->json->{entry}};
        is scalar @entries, 3, 'an answer to each';
        like json_encode($entries[0]), qr{CANARY-Observation-obs-1\b}, 'own';
        is $entries[1]{response}{status} =~ s/ .*//r, 404,
            'somebody else\'s';
        unlike $r->body, qr{obs-2|Patient/pat-2}, '... of whom is nothing';
        like $r->body, qr{obs-mv|obs-vs1}, 'what was found';
        my (undef, undef, $seen) = ask(@{$send->('batch',
            entry(GET => 'Observation/obs-1'))});
        is fields($seen, 'accept'), 'accept: application/fhir+json',
            'as JSON';
        ($r) = ask($ALL, POST => '', [@JSON, Accept => 'application/fhir+xml'],
            bundle('batch', entry(GET => 'Observation/obs-1')));
        is $r->status, 406, '... or not at all';
    };
    subtest 'rules about transactions' => sub {
        my $rules = $lab->httpd(mpm => 'event', conf => $lab->protected(
            extra => 'SmartRule transaction * deny'));
        my @auth = ('Authorization', 'Bearer ' . token($ALL));
        for (['batch', 200], ['transaction', 403]) {
            is $rules->client->request(POST => '/fhir', [@auth, @JSON],
                bundle($_->[0], entry(GET => 'Observation/obs-1')))->status,
                $_->[1], $_->[0];
        }
        $rules->stop;
    };
    return;
}

# What only a rule permits may do anything to the instance it is about.
sub operations {
    subtest 'operations on an instance' => sub {
        my $rules = $lab->httpd(mpm => 'event', conf => $lab->protected(extra =>
            "SmartRule \$meta-add,\$foo Observation patient/*.u"));
        my @auth = ('Authorization', 'Bearer ' . token($ALL));
        my $try = sub {
            my ($method, $path, $body) = @_;
            $lab->fhir_reset;
            my $r = $rules->client->request($method, "/fhir$path",
                [@auth, $body ? @JSON : ()], $body);
            return ($r, asked($lab->fhir_log));
        };
        my $in = '{"resourceType":"Parameters"}';
        for my $id (qw(obs-1 obs-2 none)) {
            my $first = "GET Observation/$id";
            my $own = $id eq 'obs-1';
            my (undef, $asked) = $try->(POST => "/Observation/$id/\$meta-add",
                                        $in);
            is $asked, $first . ($own ? ", POST Observation/$id/\$meta-add"
                                 : ''), "with a body: $id";
            (undef, $asked) = $try->(GET => "/Observation/$id/\$foo");
            is $asked, $first . ($own ? ", GET Observation/$id/\$foo" : ''),
                "without: $id";
            my $r;
            ($r, $asked) = $try->(POST => '', bundle('batch',
                entry(POST => "Observation/$id/\$meta-add", $in)));
            is $asked, $first . ($own ? ', POST ' : ''), "in a batch: $id";
        }
        $rules->stop;
    };
    return;
}

sub batch_sent {
    subtest 'what a batch sends' => sub {
        my ($r, $writes, @seen) = ask(@{$send->('transaction',
            entry(GET => 'Observation?code=2345-7&_elements=id'), $update,
            entry(PUT => 'Observation/obs-98',
                  observation($OWN, id => 'obs-98')),
            entry(POST => 'Observation', observation($OWN, id => 'obs-2'),
                  ifNoneExist => 'identifier=x'))});
        is $r->status . " $writes", '200 3', 'done';
        is asked(@seen), 'GET Observation/obs-1, GET Observation/obs-98, '
            . 'POST ', 'read, then sent';
        my @sent = @{json_decode($seen[2]{body})->{entry}};
        is_deeply $sent[0]{request}, { method => 'GET',
            url => "Observation?code=2345-7&patient=$OWN" }, 'narrowed';
        is_deeply $sent[1]{request}, { method => 'PUT',
            url => 'Observation/obs-1', ifMatch => 'W/"2"' }, 'if as read';
        is_deeply $sent[2]{request}, { method => 'PUT',
            url => 'Observation/obs-98', ifNoneMatch => '*' }, 'if not there';
        is $sent[3]{request}{ifNoneExist}, "identifier=x&patient=$OWN",
            'narrowed';
        ok !exists $sent[3]{resource}{id}, 'without its id';
        my $exact = '{"resourceType":"Bundle","type":"batch","entry":[{'
            . '"request":{"method":"POST","url":"Observation"},"resource":{'
            . '"resourceType":"Observation","valueQuantity":{"value":1.10},'
            . '"subject":{"reference":"Patient/pat-1"}}}]}';
        (undef, undef, @seen) = ask($ALL, POST => '', \@JSON, $exact);
        is $seen[0]{body}, $exact, 'numbers as they came';
    };
    return;
}

sub references {
    subtest 'references within a transaction' => sub {
        my $urn = 'urn:uuid:8f4b6a2e-0c3d-4a44-8a70-3f1d7d0e2a11';
        my $patient = entry(PUT => $OWN,
            '{"resourceType":"Patient","id":"pat-1"}', fullUrl => $urn);
        my $encounter = entry(POST => 'Encounter', json_encode({
            resourceType => 'Encounter', subject => { reference => $OWN } }),
            fullUrl => $urn);
        my $of = entry(POST => 'Observation', observation($urn));
        my ($r, $writes) = ask(@{$send->('transaction', $patient, $of)});
        is $r->status . " $writes", '200 2', 'to what is updated';
        ($r, $writes) = ask(@{$send->('transaction', $encounter, $of)});
        is $r->status . " $writes", '403 0', 'to what is new';
        ($r, $writes) = ask(@{$send->('batch', $patient, $of)});
        is $r->status . " $writes", '403 0', 'in a batch';
        ($r, $writes) = ask(@{$send->('transaction', $patient,
            { %$encounter, fullUrl => $urn }, $of)});
        is $r->status . " $writes", '400 0', 'of two that are called so';
        my @seen;
        ($r, $writes, @seen) = ask(@{$send->('transaction',
            { %$encounter, fullUrl => "$PUBLIC/$OWN" }, $create)});
        is $r->status . " $writes", '200 2', 'another name of the patient';
        ok !exists json_decode($seen[0]{body})->{entry}[0]{fullUrl},
            '... is not sent on';
        is $lab->stored('Observation', 'new-2')->{subject}{reference}, $OWN,
            '... and moves nothing';
    };
    return;
}

sub old_versions {
    subtest 'a backend changed meanwhile' => sub {
        $lab->fhir_reset;
        my $there = $lab->stored('Observation', 'obs-1');
        my ($r, $writes) = ask(@{$send->('transaction', { %$update,
            request => { %{$update->{request}}, ifMatch => 'W/"1"' } })});
        is $r->status . " $writes", '412 0', 'an old version';
    };
    return;
}

# Bodies that are none (threats: a body that two parsers read in two ways).
my $good = observation($OWN);
sub tried {
    my ($headers, $body) = @_;
    my ($r, $writes, @seen) = ask($ALL, POST => '/Observation', $headers,
                                  $body);
    return join ' ', $r->status, $writes, scalar @seen;
}

sub media_types {
    subtest 'media types and codings' => sub {
        for ('application/fhir+json', 'application/json',
             'application/fhir+json; charset=utf-8',
             'application/fhir+json; fhirVersion=4.0',
             'application/json;charset="UTF-8"') {
            is tried(['Content-Type' => $_], $good), '201 1 1', $_;
        }
        for ('application/fhir+xml', 'text/plain', 'application/json-patch+json',
             'application/fhir+json; charset=utf-16',
             'application/fhir+json; fhirVersion=5.0',
             'application/x-www-form-urlencoded', 'application/octet-stream',
             'multipart/form-data; boundary=b', '*/*') {
            is tried(['Content-Type' => $_], $good), '415 0 0', $_;
        }
        is tried([], $good), '415 0 0', 'none';
        is tried([@JSON, @JSON], $good), '415 0 0', 'two';
        for (qw(gzip GZIP deflate br)) {
            is tried([@JSON, 'Content-Encoding' => $_], $good), '415 0 0',
                $_;
        }
        is tried([@JSON, 'Content-Encoding' => 'identity'], $good),
            '201 1 1', 'identity';
        for (['application/json-patch+json', '200 1'],
             ['application/json', '403 0'], ['application/xml-patch+xml',
                                             '415 0']) {
            my ($r, $writes) = ask($ALL, PATCH => '/Observation/obs-1',
                ['Content-Type' => $_->[0]],
                '[{"op":"replace","path":"/status","value":"amended"}]');
            is $r->status . " $writes", $_->[1], "PATCH of $_->[0]";
        }
    };
    return;
}

sub json {
    subtest 'JSON' => sub {
        my $subject = qq("subject":{"reference":"$OWN"});
        my $type = '"resourceType":"Observation"';
        my $utf16 = join '', map { "$_\0" } split //, $good;
        for (['empty', ''], ['blank', ' '], ['null', 'null'],
             ['a string', '"x"'], ['two', "$good$good"],
             ['trailing', "$good x"], ['a comma', "{$type,$subject,}"],
             ['a comment', "{$type,/*x*/$subject}"],
             ['single quotes', "{'resourceType':'Observation',$subject}"],
             ['a name twice', "{$type,$subject,\"subject\":{\"reference\":"
                  . "\"$OTHER\"}}"],
             ['a name twice, escaped', "{$type,$subject,\"\\u0073ubject\":"
                  . "{\"reference\":\"$OTHER\"}}"],
             ['twice, deep', "{$type,\"subject\":{\"reference\":\"$OWN\","
                  . "\"reference\":\"$OTHER\"}}"],
             ['a name twice, in another case', "{$type,$subject,\"Subject\":"
                  . "{\"reference\":\"$OTHER\"}}"],
             ['twice for who folds a long s', "{$type,$subject,\"\\u017Fubject"
                  . "\":{\"reference\":\"$OTHER\"}}"],
             ['NaN', "{$type,$subject,\"x\":NaN}"],
             ['Infinity', "{$type,$subject,\"x\":Infinity}"],
             ['hex', "{$type,$subject,\"x\":0x1}"],
             ['a zero before', "{$type,$subject,\"x\":01}"],
             ['NUL', "{$type,$subject,\"x\":\"\\u0000\"}"],
             ['a raw NUL', "{$type,$subject,\"x\":\"\0\"}"],
             ['half a pair', "{$type,$subject,\"x\":\"\\ud800\"}"],
             ['no UTF-8', "{$type,$subject,\"x\":\"\xff\"}"],
             ['overlong', "{$type,$subject,\"x\":\"\xc0\xaf\"}"],
             ['a BOM', "\xef\xbb\xbf$good"], ['UTF-16', "\xff\xfe$utf16"],
             ['UTF-16 without BOM', $utf16],
             ['deep', "{$type,$subject,\"x\":" . '[' x 100 . ']' x 100 . '}'],
             ['XML', '<Observation xmlns="http://hl7.org/fhir"/>'],
             ['cut', substr $good, 0, -1]) {
            is tried(\@JSON, $_->[1]), '400 0 0', $_->[0];
        }
        is tried(\@JSON, $good), '201 1 1', '... and what is right';
    };
    return;
}

sub sizes {
    subtest 'size' => sub {
        my $of = sub {
            my ($bytes) = @_;
            my $more = $bytes - length observation($OWN, x => '');
            return observation($OWN, x => 'x' x $more);
        };
        my $chunked = sub {
            return join '', map { sprintf "%x\r\n%s\r\n", length $_, $_ }
                $_[0] =~ /(.{1,5000})/gs, '';
        };
        # An answer of that size would be too large with what the server adds.
        my @brief = (@JSON, Prefer => 'return=minimal');
        my @chunks = (@brief, 'Transfer-Encoding' => 'chunked');
        is length $of->($LIMIT), $LIMIT, 'a body of the limit';
        is tried(\@brief, $of->($LIMIT)), '201 1 1', '... is permitted';
        is tried(\@JSON, $of->($LIMIT + 1)), '413 0 0', 'one byte more';
        is tried(\@chunks, $chunked->($of->($LIMIT))), '201 1 1',
            'in chunks';
        is tried(\@chunks, $chunked->($of->($LIMIT + 1))), '413 0 0',
            '... one byte more';
        my $r = $h->client->raw("POST /fhir/Observation HTTP/1.1\r\nHost: x\r\n"
            . 'Authorization: Bearer ' . token($ALL) . "\r\nContent-Type: "
            . "application/fhir+json\r\nContent-Length: 5000000000\r\n\r\n");
        is $r->status, 413, '5 GB that never come';
        cmp_ok $r->{elapsed}, '<', 2, '... are not waited for';
        my ($s, $writes) = ask($ALL, PUT => '/Observation/obs-1', \@JSON,
                               observation($OWN, id => 'obs-1'));
        is $s->status, 200, 'the next request is answered';
    };
    return;
}

# Most memory a child of an httpd ever had, in megabytes.
sub peak {
    my ($httpd) = @_;
    my $most = 0;
    for my $status (glob '/proc/[0-9]*/status') {
        open my $f, '<', $status or next;
        my $text = do { local $/; <$f> } // next;
        next if $text !~ /^PPid:\s+@{[$httpd->pid]}$/m
            || $text !~ /^VmHWM:\s+(\d+)/m;
        $most = $1 if $1 > $most;
    }
    return $most / 1024;
}

# What a client sends is bounded; so has to be what comes of it.
sub memory {
    subtest 'memory' => sub {
        my $large = $lab->httpd(mpm => 'event', conf => $lab->protected);
        my @auth = ('Authorization', 'Bearer ' . token($ALL), @JSON);
        my $try = sub {
            my ($body) = @_;
            my $r = $large->client->request(POST => '/fhir', \@auth, $body);
            return $r->status;
        };
        $lab->fhir_reset;
        $lab->load({ %{$lab->stored('Observation', 'obs-1')},
                     note => [{ text => 'x' x 2_000_000 }] });
        is $try->(bundle('batch', map { entry(DELETE => 'Observation/obs-1') }
                  1 .. 100)), 200, 'a hundred pre-reads of 2 MB';
        cmp_ok peak($large), '<', 64, '... are not held at once';
        is $try->('{"resourceType":"Bundle","type":"batch","link":['
                  . '0,' x 4_000_000 . '0]}'), 400, 'four million values';
        cmp_ok peak($large), '<', 256, '... are not made';
        $large->stop;
        $lab->fhir_reset;
    };
    return;
}

sub invitation {
    subtest 'Expect: 100-continue' => sub {
        my $body = observation($OWN);
        my $head = sub {
            my ($token, $path) = @_;
            return "POST /fhir/$path HTTP/1.1\r\nHost: x\r\n"
                . ($token ? "Authorization: Bearer $token\r\n" : '')
                . "Content-Type: application/fhir+json\r\nContent-Length: "
                . length($body) . "\r\nExpect: 100-continue\r\n"
                . "Connection: close\r\n\r\n";
        };
        my $try = sub {
            my $r = $h->client->raw('', pieces => [$head->(@_), $body],
                                    gap => 0.3);
            return join ' ', $r->status, @{$r->{interim}};
        };
        is $try->(token($ALL), 'Observation'), '201 100', 'what may be';
        is $try->(token('patient/*.rs'), 'Observation'), '403',
            'nothing before a refusal';
        is $try->(token($ALL), 'Organization'), '403', '... of a type';
        is $try->('nobodys', 'Observation'), '401', '... of a token';
        is $try->(undef, 'Observation'), '401', '... without one';
    };
    subtest 'Require lines come first' => sub {
        my $strict = $lab->httpd(mpm => 'event', conf => $lab->protected(
            require => 'smart-client other'));
        my $body = observation($OWN);
        my $r = $strict->client->raw("POST /fhir/Observation HTTP/1.1\r\n"
            . "Host: x\r\nAuthorization: Bearer " . token($ALL)
            . "\r\nContent-Type: application/fhir+json\r\nContent-Length: "
            . length($body) . "\r\nExpect: 100-continue\r\n\r\n");
        is join(' ', $r->status, @{$r->{interim}}), '403',
            'nobody is invited whom they refuse';
        $strict->stop;
    };
    return;
}

# What the backend says before a write is not believed blindly.
sub prereads {
    subtest 'pre-reads that are no answer' => sub {
        my @own = (PUT => '/fhir/Observation/obs-1', ['Authorization',
            'Bearer ' . token($ALL), @JSON],
            observation($OWN, id => 'obs-1'));
        my $try = sub {
            my ($fault) = @_;
            $lab->fhir_reset;
            $lab->fhir_mode(fault => { %$fault, match => { method => 'GET' } });
            my $r = $c->request(@own);
            $lab->fhir_mode(fault => 'ok');
            return join ' ', $r->status, $lab->writes;
        };
        is $try->({ mode => 'ok' }), '200 1', 'none of these';
        for ({ mode => 'status', status => 500 },
             { mode => 'status', status => 403 }, { mode => 'html' },
             { mode => 'empty' }, { mode => 'array' },
             { mode => 'truncated' }, { mode => 'truncated-json' },
             { mode => 'garbage' }, { mode => 'close' },
             { mode => 'content-type', type => 'text/plain' },
             { mode => 'big', bytes => 1_000_000 }, { mode => 'gzip' },
             { mode => 'redirect', url => '/x', status => 302 }) {
            is $try->($_), '502 0', join ' ', %$_;
        }
        is $try->({ mode => 'status', status => 410 }), '412 0',
            'deleted: may be made anew, and the backend says that it is there';
    };
    subtest 'another resource than was asked for' => sub {
        $lab->fhir_reset;
        my $r = $c->request(GET => '/fhir/Observation/obs-1', ['Authorization',
            'Bearer ' . token($ALL)]);
        my $other = $r->body =~ s/"id":"obs-1"/"id":"obs-3"/r;
        $lab->fhir_mode(fault => { mode => 'status', status => 200,
            body => $other, type => 'application/fhir+json',
            match => { method => 'GET' } });
        $r = $c->request(DELETE => '/fhir/Observation/obs-1', ['Authorization',
            'Bearer ' . token($ALL)]);
        $lab->fhir_mode(fault => 'ok');
        is $r->status . ' ' . $lab->writes, '502 0', 'another id';
    };
    subtest 'a backend without versions' => sub {
        $lab->fhir_reset;
        $lab->fhir_mode(quirks => { unversioned => 1 });
        for (1, 2) {
            my $r = $c->request(PUT => '/fhir/Observation/obs-1',
                ['Authorization', 'Bearer ' . token($ALL), @JSON],
                observation($OWN, id => 'obs-1'));
            is $r->status, 200, 'is written to';
        }
        my $r = $c->request(DELETE => '/fhir/Observation/obs-2',
                            ['Authorization', 'Bearer ' . token($ALL)]);
        is $r->status, 404, '... and still checked';
        my @said = $h->log_text =~ /(SMART0703)/g;
        cmp_ok scalar @said, '>=', 1, '... which is logged';
        cmp_ok scalar @said, '<=', 4, '... once per process';
        $lab->fhir_reset;
    };
    return;
}

sub exports {
    subtest 'Parameters of operations' => sub {
        my $export = sub {
            my ($scopes, $types) = @_;
            my ($r, undef, $seen) = ask($scopes, POST => '/$export', [@JSON,
                Prefer => 'respond-async', Accept => 'application/fhir+json'],
                json_encode({ resourceType => 'Parameters', parameter =>
                    [defined $types ? { name => '_type',
                                        valueString => $types } : ()] }));
            return ($r->status, $seen);
        };
        my ($status) = $export->('system/Patient.rs', 'Patient');
        like $status, qr/\A2/, 'a type that is covered';
        ($status) = $export->('system/Patient.rs', 'Patient,Condition');
        is $status, 403, 'one that is not';
        my $seen;
        ($status, $seen) = $export->('system/Patient.rs', undef);
        like $seen->{body}, qr/"Patient"/, 'filled in where none is named';
        unlike $seen->{body}, qr/Condition/, '... with what is covered';
    };
    return;
}

sub http2 {
    subtest 'HTTP/2' => sub {
        Smart::Http2::need();
        my $two = $lab->httpd(mpm => 'event', modules => ['http2'],
            conf => "Protocols h2c http/1.1\n" . $CONF);
        my $client = Smart::Http2->new(port => $two->port);
        my $send = sub {
            my ($method, $path, $headers, $body) = @_;
            $lab->fhir_reset;
            my $r = $client->request($method, "/fhir$path", ['Authorization',
                'Bearer ' . token($ALL), @$headers], $body);
            return $r->status . ' ' . $lab->writes;
        };
        is $send->(POST => '/Observation', \@JSON, observation($OWN)),
            '201 1', 'create';
        is $send->(POST => '/Observation', \@JSON, observation($OTHER)),
            '403 0', '... of another patient';
        is $send->(PUT => '/Observation/obs-1', \@JSON,
                   observation($OWN, id => 'obs-1')), '200 1', 'update';
        is $send->(PUT => '/Observation/obs-2', \@JSON,
                   observation($OWN, id => 'obs-2')), '404 0',
            '... of another patient';
        is $send->(DELETE => '/Observation/obs-1', []), '204 1', 'delete';
        is $send->(DELETE => '/Observation/obs-2', []), '404 0',
            '... of another patient';
        is $send->(POST => '', \@JSON, bundle('transaction',
            entry(PUT => 'Observation/obs-1',
                  observation($OWN, id => 'obs-1')))), '200 1', 'transaction';
        is $send->(POST => '', \@JSON, bundle('transaction',
            entry(PUT => 'Observation/obs-2',
                  observation($OWN, id => 'obs-2')))), '403 0',
            '... about another patient';
        $two->stop;
    };
    return;
}

# Ways to a backend: [name, options of httpd, configuration].
sub ways {
    my $two = "Protocols h2c http/1.1\n" . join '', map {
        "<VirtualHost 127.0.0.1:\@PORT$_->[0]\@>\n"
        . "ServerName http://127.0.0.1:\@PORT$_->[0]\@\n$_->[1]"
        . "</VirtualHost>\n" }
        [1, $lab->protected(backend => 0, extra => 'ProxyPass '
                            . "h2c://127.0.0.1:\@PORT2\@/fhir")],
        [2, "ProxyPass /fhir \@FHIR\@\nProxyAddHeaders Off\n"];
    return (
        ['HTTP/2', [modules => ['http2', 'proxy_http2'], ports => 2], $two],
        ['a balancer', [modules => ['proxy_balancer', 'lbmethod_byrequests',
                                    'slotmem_shm']],
         "<Proxy balancer://c>\nBalancerMember \@FHIR\@\n</Proxy>\n"
             . $lab->protected(backend => 'balancer://c')],
        ['a rewrite', [modules => ['rewrite']], "RewriteEngine On\n"
             . "RewriteRule ^/fhir(.*) \@FHIR\@\$1 [P]\n"
             . $lab->protected(backend => 0)],
        ['ProxyErrorOverride', [],
         $lab->protected(extra => 'ProxyErrorOverride On')],
        ['filters of content', [modules => ['substitute', 'filter']],
         $lab->protected(extra => "AddOutputFilterByType SUBSTITUTE "
             . "application/fhir+json\nSubstitute s/pat-2/pat-1/")],
    );
}

sub by_other_ways {
    for (ways()) {
        my ($name, $options, $conf) = @$_;
        subtest "by $name" => sub {
            my $w = $lab->httpd(mpm => 'event', conf => $conf, @$options);
            $c = $w->client;
            twins('update', [$ALL, PUT => '/Observation/obs-1', \@JSON,
                    observation($OWN, id => 'obs-1')],
                [$ALL, PUT => '/Observation/obs-2', \@JSON,
                    observation($OWN, id => 'obs-2')], 404);
            twins('what is not there', [$ALL, PUT => '/Observation/obs-99',
                    \@JSON, observation($OWN, id => 'obs-99')],
                [$ALL, PATCH => '/Observation/obs-99', \@PATCH, '[]'], 404);
            twins('delete', [$ALL, DELETE => '/Observation/obs-1'],
                  [$ALL, DELETE => '/Observation/obs-2'], 404);
            twins('transaction',
                $send->('transaction', $update), $send->('transaction',
                entry(DELETE => 'Observation/obs-2')), 403);
            $w->stop;
        };
    }
    return;
}

for my $mpm ($ENV{SMART_WAYS} ? 'event' : qw(event prefork)) {
    subtest $mpm => sub {
        $h = $lab->httpd(mpm => $mpm, conf => $CONF);
        $c = $h->client;
        $_->() for \(&creates, &created, &conditional_creates, &updates,
            &updates_of_nothing, &preconditions, &patches, &deletes,
            &searches, &batches, &entries_named, &batch_answered,
            &batch_sent, &references, &old_versions, &races, &prereads);
        if ($mpm eq 'event') {
            $_->() for \(&media_types, &json, &sizes, &memory, &invitation,
                       &exports, &operations);
        }
        unlike $h->log_text, qr/exit signal|AH00051|AH00052/,
            'no process died';
        $h->stop;
    };
}
http2();
by_other_ways();
done_testing;
