#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What the authorization server is asked, and what its answers are taken for.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);
use Smart::AccessLog ();
use Smart::Expect qw(is_refusal is_read challenge);
use Smart::Json qw(json_encode json_true json_false);
use Smart::Lab ();

my $lab = Smart::Lab->new;
my $dir = $lab->dir;
my $SCOPE = 'user/Observation.rs';
my $PUBLIC = 'https://fhir.example.org/fhir';

sub write_file {
    my ($name, $text, $mode) = @_;
    open my $f, '>', "$dir/$name" or die "$dir/$name: $!\n";
    print $f $text;
    close $f;
    chmod $mode // 0600, "$dir/$name";
    return "$dir/$name";
}

my %ALG = (RS384 => 'RSA -pkeyopt rsa_keygen_bits:2048',
           ES384 => 'EC -pkeyopt ec_paramgen_curve:P-384');
my %public_key;
for my $alg (sort keys %ALG) {
    my $key = "$dir/$alg.pem";
    system "openssl genpkey -algorithm $ALG{$alg} -out $key 2>/dev/null";
    $public_key{$alg} = qx(openssl pkey -in $key -pubout);
}
write_file('post', "post secret: %&+\n");
write_file('wrong', "wrong-secret\n");
write_file('exec.sh', "#!/bin/sh\necho \"\$1\"\n", 0755);

# A base of its own for each way to be configured, all before one backend.
my %base = (
    basic => 'SmartIntrospectionAuth client_secret_basic gateway @SECRET@',
    odd => "SmartIntrospectionAuth client_secret_basic \"id : %&+\" "
        . "file:$dir/post",
    post => "SmartIntrospectionAuth client_secret_post poster file:$dir/post",
    env => 'SmartIntrospectionAuth client_secret_post poster env:LAB_SECRET',
    exec => "SmartIntrospectionAuth bearer "
        . "\"exec:$dir/exec.sh bearer-secret\"",
    rs384 => "SmartIntrospectionAuth private_key_jwt jwt-RS384 $dir/RS384.pem",
    es384 => "SmartIntrospectionAuth private_key_jwt jwt-ES384 $dir/ES384.pem "
        . 'alg=ES384 kid=k1',
    aud => "SmartIntrospectionAuth private_key_jwt jwt-RS384 $dir/RS384.pem "
        . 'aud=https://as.example.org/token',
    none => 'SmartIntrospectionAuth none public',
    wrong => "SmartIntrospectionAuth client_secret_basic gateway "
        . "file:$dir/wrong",
);
my %more = (
    quick => 'SmartIntrospectionTimeout connect=200ms total=500ms',
    issuer => 'SmartIssuer https://as.example.org',
    required => 'SmartAudience required',
    off => 'SmartAudience off',
    listed => 'SmartAudience optional urn:one https://two.example.org/fhir',
    alias => "SmartScopeAlias obs_read $SCOPE\n"
        . "SmartScopeAlias clinic user/Condition.rs user/Patient.r\n"
        . "SmartScopeAlias user/Encounter.rs user/Encounter.r",
    header => "SmartClaimHeader sub X-Sub\nSmartClaimHeader tenant X-Tenant",
    gone => 'SmartIntrospectionEndpoint http://127.0.0.1:@PORT2@/introspect',
);

sub location {
    my ($name, $auth, $extra) = @_;
    my $text = $lab->protected(path => "/$name", extra => join "\n",
        "SmartPublicURL $PUBLIC", $extra // ());
    $text =~ s/^.*SmartIntrospectionAuth.*$/$auth/m if defined $auth;
    $text =~ s/^.*SmartIntrospectionEndpoint \@INTROSPECT\@\n//m
        if ($extra // '') =~ /SmartIntrospectionEndpoint/;
    return $text;
}

my $conf = join '', Smart::AccessLog::conf(),
    (map { location($_, $base{$_}) } sort keys %base),
    (map { location($_, undef, $more{$_}) } sort keys %more);
# Nobody listens on the second port.
my $h = $lab->httpd(conf => $conf, ports => 2, start => 0, env => {
    LAB_SECRET => 'post secret: %&+', http_proxy => 'http://127.0.0.1:1',
    https_proxy => 'http://127.0.0.1:1', HTTPS_PROXY => 'http://127.0.0.1:1',
    ALL_PROXY => 'http://127.0.0.1:1', all_proxy => 'http://127.0.0.1:1',
    HTTP_PROXY => 'http://127.0.0.1:1' });
{
    my $text = do { local (@ARGV, $/) = $h->dir . '/httpd.conf'; <> };
    $text =~ s/^Listen 127\.0\.0\.1:@{[$h->port(1)]}\n//m;
    open my $f, '>', $h->dir . '/httpd.conf' or die;
    print $f $text;
}
$h->start;
my $log = Smart::AccessLog->new($h);

sub clients {
    $lab->as_client(client_id => 'poster', secret => 'post secret: %&+');
    $lab->as_client(client_id => 'id : %&+', secret => 'post secret: %&+');
    $lab->as_client(client_id => 'b', bearer => 'bearer-secret');
    $lab->as_client(client_id => "jwt-$_", public_key => $public_key{$_})
        for keys %ALG;
    return;
}
clients();

# One request: (answer, line of the log). A server that fails several times in
# a row is not asked for a while, so after each trouble there is a good answer.
sub ask {
    my ($token, $at) = @_;
    $at //= 'basic';
    $log->skip;
    my $r = $h->get("/$at/Observation/obs-1", $token);
    my $line = $log->next;
    $h->get("/$at/Observation/obs-1", $lab->token(scope => $SCOPE))
        if $line->{decision} eq 'as-trouble' && $at ne 'gone';
    return ($r, $line);
}

subtest 'client authentication' => sub {
    my %method = (basic => 'client_secret_basic', odd => 'client_secret_basic',
        post => 'client_secret_post', env => 'client_secret_post',
        exec => 'bearer', rs384 => 'private_key_jwt',
        es384 => 'private_key_jwt');
    my %client = (basic => 'gateway', odd => 'id : %&+', post => 'poster',
        env => 'poster', exec => 'b', rs384 => 'jwt-RS384',
        es384 => 'jwt-ES384');
    for my $at (sort keys %method) {
        $lab->control(as => 'log?clear=1');
        my $t = $lab->token(scope => $SCOPE);
        my ($r) = ask($t, $at);
        is_read($r, 'Observation/obs-1', $at);
        my ($seen) = $lab->as_log;
        is "$seen->{auth_method} $seen->{client}",
            "$method{$at} $client{$at}", '... as it should be';
    }
    my $t = $lab->token(scope => $SCOPE);
    my ($r, $line) = ask($t, 'aud');
    is "$line->{status} $line->{decision}", '503 as-refused',
        'an audience that the server does not take';
    $lab->as_auth(audience => ['https://as.example.org/token']);
    is_read((ask($t, 'aud'))[0], 'Observation/obs-1', '... and does take');
    ($r, $line) = ask($t, 'none');
    is "$line->{status} $line->{decision}", '503 as-refused',
        'none, where that is not enough';
    $lab->as_auth(method => 'none');
    is_read((ask($t, 'none'))[0], 'Observation/obs-1', '... and where it is');
    is((($lab->as_log)[-1] || {})->{client}, 'public', '... with its id');
    $lab->as_auth(method => 'any');
};

subtest 'the question' => sub {
    $lab->control(as => 'log?clear=1');
    my $t = $lab->token(scope => $SCOPE);
    ask($t);
    my ($seen) = $lab->as_log;
    is join(' ', @$seen{qw(method content_type accept)}),
        'POST application/x-www-form-urlencoded application/json', 'its form';
    is join(' ', @{$seen->{parameters}}), 'token token_type_hint',
        'its parameters';
    is $seen->{token_type_hint}, 'access_token', 'the hint';
    is $seen->{query}, undef, 'nothing in the query';
    my %h = map { (lc $_->[0] => $_->[1]) } @{$seen->{headers}};
    is $h{cookie} // $h{referer} // $h{'x-forwarded-for'}, undef,
        'nothing of the request';
    my $odd = $lab->token(token => 'a+b/c~d.e_f-g==', scope => $SCOPE);
    is_read((ask($odd))[0], 'Observation/obs-1', 'a token is encoded');
};

subtest 'our own misconfiguration' => sub {
    for (1 .. 12) {
        my $t = $lab->token(scope => $SCOPE);
        my ($r, $line) = ask($t, 'wrong');
        is "$line->{decision} " . $r->header('Retry-After'), 'as-refused 5',
            'as-refused' if $_ == 1;
        is_refusal($r, 503, 'transient', '-', 'wrong secret') if $_ == 1;
    }
    my @lines = grep { /SMART0204/ } split /\n/, $h->log_text;
    my $lines = @lines;
    cmp_ok $lines, '>=', 1, 'a loud line';
    cmp_ok $lines, '<=', 2 * $h->children, '... once a minute and process';
    like join("\n", @lines),
        qr/:error\].*SMART0204: \Q@{[$lab->introspection]}\E/,
        '... as an error that names the endpoint';
};

subtest 'a scope that can not be judged' => sub {
    my $scope = "user/Patient.rs?deceased=MARK $SCOPE";
    my $t = $lab->token(scope => $scope);
    is_read((ask($t))[0], 'Observation/obs-1', 'other scopes grant') for 1, 2;
    my @lines = grep { /SMART0214/ } split /\n/, $h->log_text;
    is scalar @lines, 1, 'one line for one introspection';
    like $lines[0], qr/constrained by "deceased"/, '... names the parameter';
    unlike $h->log_text, qr/MARK/, '... and no value';
};

# Answers by class. Each is asked about twice: an answer that is kept is asked
# for once.
sub class {
    my ($want, $status, $code, $challenge, $kept, @cases) = @_;
    return subtest $want => sub {
        for (@cases) {
            my ($what, $answer, $at) = @$_;
            my %a = ref $answer ? %$answer : (raw => $answer);
            my $t = $lab->token(scope => $SCOPE, %a);
            $log->skip;
            for my $n (1, 2) {
                my ($r, $line) = ask($t, $at);
                is "$line->{status} $line->{decision}", "$status $want",
                    "$what: the reason" if $n == 1;
                $status == 200
                    ? is_read($r, 'Observation/obs-1', "... answer $n")
                    : is_refusal($r, $status, $code, $challenge,
                                 "... answer $n");
                is $r->header('Retry-After') // 'none',
                    $status == 503 ? 5 : 'none', '... Retry-After'
                    if $n == 1 && !$a{retry};
            }
            my $asked = ($at // '') eq 'gone' ? 0 : $kept ? 1 : 2;
            # A connection that ends without an answer may be tried again.
            my $count = $lab->as_count($t);
            $count = 2 if $count > 2 && ($a{mode} // '') =~ /\A(?:close|reset)/;
            is $count, $asked, $kept ? '... is kept' : '... is asked again';
        }
    };
}

sub answer {
    my (%more) = @_;
    return json_encode({ active => json_true(), scope => $SCOPE,
                         client_id => 'app', sub => 'user-1', %more });
}

sub typed {
    my ($type, $body, $status) = @_;
    return { raw => $body // answer(), raw_status => $status // 200,
             raw_headers => [['Content-Type', $type]] };
}

sub status_of {
    my ($status, $body) = @_;
    return typed('application/json', $body // '{"error":"server_error"}',
                 $status);
}

my $good = answer();
class('as-trouble', 503, 'transient', '-', 0,
    ['status 500', status_of(500)],
    ['status 500 with an active body', status_of(500, $good)],
    ['status 201', status_of(201, $good)],
    ['status 202', status_of(202, $good)],
    ['status 204', status_of(204, '')],
    ['status 404', status_of(404)],
    ['status 405', status_of(405)],
    ['status 429', status_of(429)],
    ['status 400 without an error', status_of(400, $good)],
    ['status 400 with an error of its own', status_of(400, '{"error":"x"}')],
    ['status 400 in HTML',
     typed('text/html', '{"error":"invalid_token"}', 400)],
    ['HTML', { mode => 'html' }],
    ['text/plain', typed('text/plain')],
    ['no media type', { mode => { mode => 'content-type', type => '' } }],
    ['a JWT', typed('application/token-introspection+jwt')],
    ['another JSON', typed('application/jsonp')],
    ['nothing', { mode => 'empty' }],
    ['no JSON', { mode => 'garbage' }],
    ['an array', { mode => 'array' }],
    ['a string', '"active"'],
    ['true', 'true'],
    ['half of it', { mode => 'truncated-json' }],
    ['less than said', { mode => 'truncated' }],
    ['garbage behind it', "${good}x"],
    ['a second one behind it', $good . $good],
    ['comments', "/* */$good"],
    ['single quotes', "{'active':true}"],
    ['a comma too many', '{"active":true,}'],
    ['"active" twice', '{"active":false,"active":true}'],
    ['all members twice', { mode => 'duplicate-keys' }],
    ['a member twice, deep inside', '{"active":true,"x":{"a":1,"a":2}}'],
    ['no UTF-8', "{\"active\":true,\"sub\":\"\xff\"}"],
    ['half a surrogate pair', '{"active":true,"sub":"\ud800"}'],
    ['NaN', '{"active":true,"exp":NaN}'],
    ['a NUL', answer(sub => "a\0b")],
    ['a byte order mark', "\xef\xbb\xbf$good"],
    ['100 000 levels', { mode => 'nesting' }],
    ['64 MiB', { mode => 'big' }],
    ['no end', { mode => 'endless' }],
    ['a scope of 1 MiB', answer(scope => 'x' x 1_000_000 . ' user/*.cruds')],
    ['closed', { mode => 'close' }],
    ['reset', { mode => 'reset' }],
    ['nobody there', {}, 'gone'],
);
class('as-refused', 503, 'transient', '-', 0,
    ['status 401', status_of(401, '{"error":"invalid_client"}')],
    ['status 401 without a body', status_of(401, '')],
    ['status 401 about a token', status_of(401, '{"error":"invalid_token"}')],
    ['status 403', status_of(403)],
    ['invalid_client', status_of(400, '{"error":"invalid_client"}')],
    ['unauthorized_client', status_of(400, '{"error":"unauthorized_client"}')],
    ['invalid_request', status_of(400, '{"error":"invalid_request"}')],
);
my $invalid = challenge('invalid_token');
class('token-inactive', 401, 'login', $invalid, 1,
    ['inactive', '{"active":false}'],
    ['inactive with more', answer(active => json_false())],
    ['unsupported_token_type',
     status_of(400, '{"error":"unsupported_token_type"}')],
    ['invalid_token', status_of(400, '{"error":"invalid_token"}')],
);
class('token-unproven', 401, 'login', $invalid, 0,
    ['no member', '{}'],
    ['no "active"', answer(active => undef) =~ s/"active":null,//r],
    ['"active" as null', answer(active => undef)],
    ['"active" as text', answer(active => 'true')],
    ['"active" as 1', answer(active => 1)],
    ['"active" as a list', answer(active => [json_true()])],
    ['"Active"', '{"Active":true,"scope":"user/*.rs"}'],
    ['exp as text', answer(exp => '1999999999')],
    ['exp negative', answer(exp => -1)],
    ['exp too large', '{"active":true,"exp":1e300}'],
    ['exp as true', answer(exp => json_true())],
    ['exp as an object', answer(exp => {})],
    ['nbf as text', answer(nbf => '0')],
    ['nbf negative', answer(nbf => -1)],
    ['scope as a list', answer(scope => [$SCOPE])],
    ['scope as a number', answer(scope => 1)],
    ['scope as an object', answer(scope => {})],
    ['client_id as a number', answer(client_id => 1)],
    ['sub as a list', answer(sub => ['user-1'])],
    ['username as an object', answer(username => {})],
    ['iss as a number', answer(iss => 1)],
    ['aud as a number', answer(aud => 1)],
    ['aud as an object', answer(aud => { $PUBLIC => 1 })],
    ['aud with a number', answer(aud => [$PUBLIC, 1])],
    ['token_type as a list', answer(token_type => ['Bearer'])],
    ['patient as a number', answer(patient => 1)],
    ['patient as a list', answer(patient => ['pat-1'])],
    ['fhirUser as an object', answer(fhirUser => {})],
    ['fhirContext as text', answer(fhirContext => 'x')],
    ['CR and LF in sub', answer(sub => "a\r\nX-Admin: 1")],
    ['DEL in client_id', answer(client_id => "a\x7f")],
    ['a control in patient', answer(patient => "pat-1\n")],
    ['too many scopes', answer(scope => join ' ', ($SCOPE) x 5000)],
);
class('permit', 200, undef, undef, 1,
    ['a plain answer', $good],
    ['with a charset', typed('application/json; charset=utf-8')],
    ['media type in upper case', typed('APPLICATION/JSON')],
    ['in chunks', { mode => 'chunked' }],
    ['closed behind it', { mode => 'body-then-close' }],
    ['white space around it', "\r\n \t$good\n"],
    ['members that are null', answer(exp => undef, aud => undef, cnf => undef,
        iss => undef, nbf => undef, patient => undef)],
    ['members nobody knows', answer(x => [{ y => 1 }], _links => {})],
    ['exp with a fraction', '{"active":true,"scope":"user/*.rs","exp":'
        . (time() + 60) . '}'],
    ['escapes', '{"\u0061ctive":true,"scope":"user\/Observation.rs"}'],
    ['a large one', answer(pad => 'x' x 250_000)],
    ['a delay', { mode => { mode => 'delay', ms => 300 } }],
    ['drip', { mode => { mode => 'drip', ms => 1, bytes => 64 } }],
);
class('as-trouble', 503, 'transient', '-', 0,
    ['just over 256 KiB', answer(pad => 'x' x (256 * 1024))]);

subtest 'what the answers leave behind' => sub {
    my @before = map { _rss($_) } $h->children;
    for (1 .. 8) {
        for my $mode (qw(big endless nesting)) {
            my $t = $lab->token(scope => $SCOPE, mode => $mode);
            my $start = time();
            my ($r) = ask($t);
            is $r->status, 503, $mode if $_ == 1;
            cmp_ok time() - $start, '<', 2.5, '... in time' if $_ == 1;
        }
    }
    my @after = map { _rss($_) } $h->children;
    my ($more) = sort { $b <=> $a }
        map { $after[$_] - $before[$_] } 0 .. $#after;
    cmp_ok $more, '<', 2048, "memory of the children (KiB)";
};

sub _rss {
    open my $f, '<', "/proc/$_[0]/status" or return 0;
    local $/;
    return <$f> =~ /VmRSS:\s+(\d+)/ ? $1 : 0;
}

subtest 'times' => sub {
    my $now = int time();
    for (['exp in the past' => [exp => $now - 5], 'token-expired'],
         ['exp now' => [exp => $now], 'token-expired'],
         ['exp 0' => [exp => 0], 'token-expired'],
         ['exp in a minute' => [exp => $now + 60], 'permit'],
         ['no exp' => [exp => undef], 'permit'],
         ['nbf in the past' => [nbf => $now - 60], 'permit'],
         ['nbf 20 s ahead' => [nbf => $now + 20], 'permit'],
         ['nbf 60 s ahead' => [nbf => $now + 60], 'token-not-yet']) {
        my ($what, $members, $want) = @$_;
        my $t = $lab->token(scope => $SCOPE, @$members);
        for my $n (1, 2) {
            my ($r, $line) = ask($t);
            is $line->{decision}, $want, "$what, request $n";
            is_refusal($r, 401, 'expired', $invalid, '... says so')
                if $want eq 'token-expired' && $n == 1;
            is_refusal($r, 401, 'login', $invalid, '... says nothing')
                if $want eq 'token-not-yet' && $n == 1;
        }
    }
};

subtest 'binding' => sub {
    for (['a key' => [cnf => { jkt => 'x' }], 'token-bound'],
         ['a certificate' => [cnf => { 'x5t#S256' => 'x' }], 'token-bound'],
         ['an empty cnf' => [cnf => {}], 'token-bound'],
         ['cnf as text' => [cnf => ''], 'token-bound'],
         ['DPoP' => [token_type => 'DPoP'], 'token-bound'],
         ['DPoP and a key' => [token_type => 'DPoP', cnf => { jkt => 'x' }],
          'token-bound'],
         ['an empty type' => [token_type => ''], 'token-bound'],
         ['bearer' => [token_type => 'bearer'], 'permit'],
         ['no type' => [token_type => undef], 'permit']) {
        my ($what, $members, $want) = @$_;
        my $t = $lab->token(scope => $SCOPE, @$members);
        my ($r, $line) = ask($t);
        is $line->{decision}, $want, $what;
        is_refusal($r, 401, 'login', $invalid, '... says nothing')
            if $want ne 'permit';
    }
};

# [what, members, where, decision]
sub judged {
    my ($name, @cases) = @_;
    return subtest $name => sub {
        for (@cases) {
            my ($what, $members, $at, $want) = @$_;
            my $t = $lab->token(scope => $SCOPE, @$members);
            my ($r, $line) = ask($t, $at);
            is $line->{decision}, $want, "$at: $what";
            is_refusal($r, 401, 'login', $invalid, '... says nothing')
                if $want =~ /^token/;
        }
    };
}

judged('iss',
    ['the one' => [iss => 'https://as.example.org'], 'issuer', 'permit'],
    ['another' => [iss => 'https://evil.example.org'], 'issuer',
     'token-issuer'],
    ['a slash more' => [iss => 'https://as.example.org/'], 'issuer',
     'token-issuer'],
    ['none' => [iss => undef], 'issuer', 'token-issuer'],
    ['another, not checked' => [iss => 'https://x'], 'basic', 'permit']);
judged('aud',
    ['none' => [], 'basic', 'permit'],
    ['ours' => [aud => $PUBLIC], 'basic', 'permit'],
    ['ours with a slash' => [aud => "$PUBLIC/"], 'basic', 'permit'],
    ['a list with ours' => [aud => ['urn:x', $PUBLIC]], 'basic', 'permit'],
    ['another' => [aud => 'https://other.example/fhir'], 'basic',
     'token-audience'],
    ['two slashes' => [aud => "$PUBLIC//"], 'basic', 'token-audience'],
    ['a part of ours' => [aud => 'https://fhir.example.org'], 'basic',
     'token-audience'],
    ['more than ours' => [aud => "$PUBLIC/Patient"], 'basic',
     'token-audience'],
    ['a list without ours' => [aud => ['a', 'b']], 'basic', 'token-audience'],
    ['an empty list' => [aud => []], 'basic', 'token-audience'],
    ['empty' => [aud => ''], 'basic', 'token-audience'],
    ['ours in upper case' => [aud => uc $PUBLIC], 'basic', 'token-audience'],
    ['none' => [], 'required', 'token-audience'],
    ['ours' => [aud => $PUBLIC], 'required', 'permit'],
    ['another' => [aud => 'x'], 'required', 'token-audience'],
    ['another' => [aud => 'x'], 'off', 'permit'],
    ['none' => [], 'off', 'permit'],
    ['one listed' => [aud => 'urn:one'], 'listed', 'permit'],
    ['the other' => [aud => 'https://two.example.org/fhir/'], 'listed',
     'permit'],
    ['ours, not listed' => [aud => $PUBLIC], 'listed', 'token-audience']);
like join("\n", grep { /SMART020[67]/ } split /\n/, $h->log_text),
    qr{aud is \S+, SmartAudience is \Q$PUBLIC\E;},
    'a mismatch of aud is logged with both values';
like join("\n", grep { /SMART020[67]/ } split /\n/, $h->log_text),
    qr{iss is https://evil\.example\.org, SmartIssuer is https://as\.ex},
    '... and one of iss';
judged('aliases',
    ['an alias' => [scope => 'openid obs_read'], 'alias', 'permit'],
    ['where there is none' => [scope => 'openid obs_read'], 'basic',
     'no-scope'],
    ['an alias of two' => [scope => 'clinic'], 'alias', 'no-scope'],
    ['a part of one' => [scope => 'obs_rea'], 'alias', 'no-scope'],
    ['in other case' => [scope => 'OBS_READ'], 'alias', 'no-scope'],
    ['beside a scope' => [scope => "clinic $SCOPE"], 'alias', 'permit']);
{
    my $t = $lab->token(scope => 'clinic');
    is $h->get('/alias/Condition/cond-1', $t)->status, 200,
        'an alias stands for all of its scopes';
    is $h->get('/alias/Patient/pat-1', $t)->status, 200, '... the second';
    is $h->get('/alias/Patient', $t)->status, 403, '... and no others';
    $t = $lab->token(scope => 'user/Encounter.rs');
    is $h->get('/alias/Encounter/enc-1', $t)->status, 200,
        'an alias replaces a scope of its name';
    is $h->get('/alias/Encounter', $t)->status, 403, '... with less';
}

subtest 'what comes to the backend' => sub {
    $lab->control(fhir => 'log?clear=1');
    my $t = $lab->token(scope => $SCOPE, sub => 'user-7', tenant => 'east');
    ask($t, 'header');
    my ($seen) = $lab->fhir_log;
    my %h = map { (lc $_->[0] => $_->[1]) } @{$seen->{headers}};
    is "$h{'x-sub'} $h{'x-tenant'}", 'user-7 east', 'claims';
    is $h{authorization}, undef, 'no token';
    my $bad = $lab->token(scope => $SCOPE, tenant => "a\r\nX-Admin: 1");
    my ($r, $line) = ask($bad, 'header');
    is "$line->{status} $line->{decision}", '401 token-unproven',
        'a claim with a line end refuses the token';
    is_read((ask($bad, 'basic'))[0], 'Observation/obs-1',
            '... where it is asked for');
    is((grep { lc $_->[0] eq 'x-admin' } map { @{$_->{headers}} }
        $lab->fhir_log), 0, 'no header was made of it');
};

subtest 'redirects' => sub {
    for my $status (301, 302, 303, 307, 308) {
        my $t = $lab->token(scope => $SCOPE, mode => {
            mode => 'redirect', status => $status,
            url => $lab->fhir_base . "/redirected/$status" });
        my ($r, $line) = ask($t);
        is "$line->{status} $line->{decision}", '503 as-trouble',
            "status $status";
        is((grep { $_->{path} =~ /redirected/ } $lab->fhir_log), 0,
            '... was not followed');
    }
};

subtest 'Retry-After' => sub {
    for (['7', 7], ['3600', 30], ['0', 5], ['soon', 5], ['-1', 5]) {
        my ($value, $want) = @$_;
        my $t = $lab->token(scope => $SCOPE, raw => '{}', raw_status => 503,
            raw_headers => [['Content-Type', 'application/json'],
                            ['Retry-After', $value]]);
        my ($r) = ask($t);
        is $r->header('Retry-After'), $want, "Retry-After: $value";
    }
};

subtest 'a slow server' => sub {
    for ('hang', 'hang-body', { mode => 'drip', ms => 100, bytes => 4 },
         { mode => 'delay', ms => 1500 }) {
        my $t = $lab->token(scope => $SCOPE, mode => $_);
        my $name = ref $_ ? $_->{mode} : $_;
        my ($r, $line) = ask($t, 'quick');
        is "$line->{status} $line->{decision}", '503 as-trouble', $name;
        cmp_ok $r->{elapsed}, '>', 0.4, '... after its time';
        cmp_ok $r->{elapsed}, '<', 1.2, '... and not much more';
    }
    my $t = $lab->token(scope => $SCOPE);
    is_read((ask($t, 'quick'))[0], 'Observation/obs-1', 'well again');
};

subtest 'connections' => sub {
    my $before = $lab->control(as => 'count')->{connections};
    for (1 .. 30) {
        my ($r) = ask($lab->token(scope => $SCOPE));
        is $r->status, 200, 'a request' if $_ == 30;
    }
    my $more = $lab->control(as => 'count')->{connections} - $before;
    # The control requests have one of their own, that is kept.
    cmp_ok $more, '<=', 8, "30 questions over $more new connections";
};

subtest 'as_mode: the whole server fails and recovers' => sub {
    my $t = $lab->token(scope => $SCOPE);
    $lab->as_mode('status', status => 500, times => 1);
    is((ask($t))[0]->status, 503, 'trouble');
    is_read((ask($t))[0], 'Observation/obs-1', '... is not remembered');
};

subtest 'JWT-shaped tokens at a server that has others' => sub {
    $lab->as_auth(jwt_400 => 1);
    my ($r, $line) = ask('eyJh.eyJz.c2ln');
    is "$line->{status} $line->{decision}", '401 token-inactive', 'refused';
    ($r, $line) = ask('eyJh.eyJz.c2ln');
    is "$line->{cache} " . $lab->as_count('eyJh.eyJz.c2ln'), 'negative 1',
        '... and kept';
};

my $text = $h->log_text;
ok $text !~ /\btok-[0-9a-f]{8}/, 'no token in the error log';
ok $text !~ /gateway-secret|wrong-secret|bearer-secret|post secret/,
    'no secret either';
ok $text !~ /exit signal|AH0005[12]/, 'no child died';

# --- TLS -------------------------------------------------------------------

my @SERVER = ('basicConstraints=CA:FALSE', 'extendedKeyUsage=serverAuth');

sub openssl {
    my ($command) = @_;
    my $out = qx(openssl $command 2>&1);
    die "openssl $command: $out" if $?;
    return;
}

sub make_ca {
    my ($name) = @_;
    openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
        . "-keyout $dir/$name.key -out $dir/$name.pem -days 2 -subj /CN=$name");
    return "$dir/$name.pem";
}

sub make_cert {
    my ($name, $ca, $ext) = @_;
    openssl("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
        . "-keyout $dir/$name.key -out $dir/$name.csr -subj /CN=$name");
    write_file("$name.ext", "$ext\n");
    openssl("x509 -req -in $dir/$name.csr -CA $dir/$ca.pem -CAkey $dir/$ca.key "
        . "-CAcreateserial -out $dir/$name.pem -days 2 "
        . "-extfile $dir/$name.ext");
    return ("$dir/$name.pem", "$dir/$name.key");
}

my $ca = make_ca('lab-ca');
my $other_ca = make_ca('other-ca');
my ($cert, $key) = make_cert('as', 'lab-ca', 'subjectAltName=IP:127.0.0.1');
my ($named, $named_key)
    = make_cert('named', 'lab-ca', 'subjectAltName=DNS:as.example.org');
my ($client, $client_key)
    = make_cert('gateway-cert', 'lab-ca', 'extendedKeyUsage=clientAuth');
make_cert('stranger', 'lab-ca', 'extendedKeyUsage=clientAuth');

sub tls_lab {
    my ($c, $k) = @_;
    return Smart::Lab->new(fhir => 0, as => [
        '--cert', $c, '--key', $k, '--client-ca', $ca,
        '--client-cert', 'optional']);
}

subtest 'TLS' => sub {
    my $tls = tls_lab($cert, $key);
    my $elsewhere = tls_lab($named, $named_key);
    $tls->as_client(client_id => 'mtls', subject => '/CN=gateway-cert');
    my $ca_line = "SmartIntrospectionCACertificateFile $ca";
    my $mtls = "SmartIntrospectionAuth tls_client_auth mtls";
    my %at = (
        known => [undef, $ca_line],
        unknown => [undef, "SmartIntrospectionCACertificateFile $other_ca"],
        system => [undef, ''],
        mtls => ["$mtls $client $client_key", $ca_line],
        stranger => ["$mtls $dir/stranger.pem $dir/stranger.key", $ca_line],
    );
    my $point = sub { "SmartIntrospectionEndpoint " . $_[0]->introspection };
    my $tls_conf = join '', Smart::AccessLog::conf(), (map {
        location($_, $at{$_}[0], join "\n", $at{$_}[1], $point->($tls))
    } sort keys %at), location('host', undef, join "\n", $ca_line,
                               $point->($elsewhere));
    my $g = $lab->httpd(conf => $tls_conf);
    my $tail = Smart::AccessLog->new($g);
    my $t = $tls->token(scope => $SCOPE);
    $elsewhere->token(scope => $SCOPE, token => $t);
    for (['known', 200, 'permit'], ['unknown', 503, 'as-trouble'],
         ['system', 503, 'as-trouble'], ['host', 503, 'as-trouble'],
         ['mtls', 200, 'permit'], ['stranger', 503, 'as-refused'],
         ['mtls', 200, 'permit']) {
        my ($where, $status, $want) = @$_;
        $tail->skip;
        my $r = $g->get("/$where/Observation/obs-1", $t);
        is $r->status . ' ' . $tail->next->{decision}, "$status $want", $where;
    }
    is $elsewhere->as_count, 0, 'a server of another name is asked nothing';
    my %methods = map { ($_->{auth_method} // '') . ' '
                        . ($_->{client} // 'nobody') => 1 } $tls->as_log;
    ok $methods{'tls_client_auth mtls'}, 'a certificate is the credential';
    ok $methods{'client_secret_basic gateway'}, '... there a secret is';
    # Connections are not shared between those who show different things.
    my $again = $tls->token(scope => $SCOPE);
    is $g->get('/stranger/Observation/obs-1', $again)->status, 503,
        'nobody else comes in over its connection';
    ok $g->log_text =~ /SMART0205: .*certificate/i, 'the log says why';
};
done_testing;
