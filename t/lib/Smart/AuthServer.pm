# SPDX-License-Identifier: Apache-2.0
# An authorization server of the lab: RFC 7662 introspection of opaque tokens
# that were minted over a control interface, with faults on demand.
#
# Public:
#   POST <introspect>   RFC 7662; client authentication is checked
#   GET  /.well-known/{smart-configuration,openid-configuration,
#                      oauth-authorization-server}
# Control (JSON in, JSON out):
#   POST /control/token    members of the answer, without "active"; and
#        token       fixed name of the token (else one is made up)
#        expires_in  seconds, becomes "exp"
#        mode        fault of this token alone
#        raw raw_status raw_headers   exact answer instead
#        honest_exp  true: inactive once "exp" is past (else told as minted)
#        -> {"token": ...}
#   POST /control/revoke   {"token": ...}
#   GET|POST /control/mode fault of all introspections (Smart::Fault), or
#                          {"token": ..., "mode": ...} for one token
#   POST /control/auth     {"method": "any" or one of %METHODS, "audience":
#                          [..], "jwt_400": bool}
#   POST /control/client   {"client_id", "secret", "bearer", "public_key" (PEM),
#                          "methods": [..], "subject" (of its certificate)}
#   GET|POST /control/metadata  {"members": {name: value}, "without": [names],
#                          "raw": text, "type": media type, "status": n}: what
#                          is published instead; {} as at first
#                          -> {"asked": requests for it so far}
#   GET  /control/log      introspections seen, oldest first (?clear=1)
#   GET  /control/count    {total, tokens: {digest: n}, now, peak, connections};
#                          ?token=T adds "token": n
#   POST /control/reset    forget tokens, faults, log, counts
#
# No token or secret is kept in the log: a token is the first 16 hex digits of
# its SHA-256, Authorization is its scheme.
package Smart::AuthServer;
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use File::Temp ();
use MIME::Base64 qw(decode_base64);
use Time::HiRes qw(time);
use Smart::Fault qw(fault_parse fault_apply fault_take);
use Smart::Http ();
use Smart::HttpServer ();
use Smart::Json qw(json_encode json_decode json_true json_false);

my $MAX_LOG = 50_000;

# Methods by the names of the OAuth registry, and two of ours.
my %METHODS = map { $_ => 1 } qw(any client_secret_basic client_secret_post
    private_key_jwt tls_client_auth bearer none);

# Options: port, path ("/introspect"), clients {id => {...}}, parent, tls,
# jwt_400, method, log (off with 0).
sub new {
    my ($class, %o) = @_;
    my $self = bless {
        path => $o{path} // '/introspect', opt => {%o},
        clients0 => $o{clients} // {
            gateway => { secret => 'gateway-secret' } },
    }, $class;
    $self->reset;
    $self->{http} = Smart::HttpServer->new(
        port => $o{port}, parent => $o{parent}, tls => $o{tls},
        max_body => 4 * 1024 * 1024,
        handler => sub { $self->handle($_[0]) });
    $self->{issuer} = ($o{tls} ? 'https' : 'http') . '://127.0.0.1:'
        . $self->port;
    return $self;
}

sub port { return $_[0]{http}->port }
sub run { return $_[0]{http}->run }
sub stop { return $_[0]{http}->stop }

sub reset {
    my ($self) = @_;
    my $o = $self->{opt};
    $self->{tokens} = {};
    $self->{log} = [];
    $self->{count} = { total => 0, tokens => {} };
    $self->{now} = $self->{peak} = 0;
    $self->{fault} = undef;
    $self->{metadata} = {};
    $self->{metadata_asked} = 0;
    $self->{jti} = {};
    $self->{auth} = { method => $o->{method} // 'any',
                      jwt_400 => $o->{jwt_400} };
    $self->{clients} = { %{$self->{clients0}} };
    return;
}

# Mint a token as POST /control/token does; returns it.
sub mint { return $_[0]->_control_token($_[1])->{token} }

sub digest { return substr sha256_hex($_[-1]), 0, 16 }

sub handle {
    my ($self, $req) = @_;
    my $path = $req->{path};
    return $self->_introspect($req) if $path eq $self->{path};
    if ($path =~ m{\A/control/(\w+)\z}) {
        my $res = eval { $self->_control($1, $req) };
        return $res || _json(400, { error => $@ || 'no such control' });
    }
    return $self->_metadata if $path =~ m{\A/\.well-known/
        (?:smart-configuration|openid-configuration
           |oauth-authorization-server)\z}x;
    return _json(404, { error => 'not_found' });
}

sub _json {
    my ($status, $data, @headers) = @_;
    return [$status, [['Content-Type', 'application/json'],
                      ['Cache-Control', 'no-store'], @headers],
            json_encode($data)];
}

sub _metadata {
    my ($self) = @_;
    my $i = $self->{issuer};
    my $m = $self->{metadata};
    $self->{metadata_asked}++;
    return [$m->{status} // 200, [['Content-Type', $m->{type}
                                   // 'application/json']], $m->{raw}]
        if defined $m->{raw};
    my %all = (
        issuer => $i, authorization_endpoint => "$i/authorize",
        token_endpoint => "$i/token", jwks_uri => "$i/jwks",
        introspection_endpoint => $i . $self->{path},
        revocation_endpoint => "$i/revoke",
        grant_types_supported => ['authorization_code', 'client_credentials'],
        response_types_supported => ['code'],
        code_challenge_methods_supported => ['S256'],
        token_endpoint_auth_methods_supported => [
            'client_secret_basic', 'private_key_jwt'],
        scopes_supported => ['openid', 'fhirUser', 'launch/patient',
                             'patient/*.rs', 'user/*.rs', 'system/*.rs'],
        capabilities => ['launch-standalone', 'client-public',
                         'client-confidential-symmetric',
                         'context-standalone-patient', 'permission-patient',
                         'permission-v1', 'permission-v2'],
        %{$m->{members} || {}});
    delete @all{@{$m->{without} || []}};
    my $res = _json($m->{status} // 200, \%all);
    $res->[1][0][1] = $m->{type} if defined $m->{type};
    return $res;
}

# --- introspection ---------------------------------------------------------

sub _introspect {
    my ($self, $req) = @_;
    my $type = lc($req->{h}{'content-type'} // '');
    my %form;
    my $form_ok = $type =~ m{\Aapplication/x-www-form-urlencoded(?:\s*;|\z)};
    my $pairs = $form_ok
        ? Smart::Http::parse_query($req->{body}) : [];
    my $twice = 0;
    for (@$pairs) {
        $twice = 1 if exists $form{$_->[0]};
        $form{$_->[0]} = $_->[1];
    }
    my $digest = defined $form{token} ? digest($form{token}) : undef;
    my ($client, $method, $why) = $self->_authenticate($req, \%form);
    $self->_record($req, \%form, $digest, $client, $method, $why);
    $self->{count}{total}++;
    $self->{count}{tokens}{$digest}++ if defined $digest;

    my $res
        = $req->{method} ne 'POST' ? _json(405, { error => 'invalid_request' },
                                           ['Allow', 'POST'])
        : !defined $client ? _json(401, { error => 'invalid_client' },
                                   ['WWW-Authenticate', 'Basic realm="as"'])
        : !defined $digest || $twice
        ? _json(400, { error => 'invalid_request' })
        : $self->_answer($form{token});
    my $t = defined $digest ? $self->{tokens}{$form{token}} : undef;
    my $fault = fault_take(\$self->{fault});
    $fault ||= fault_take(\$t->{fault}) if $t;
    return $self->_counted(fault_apply($fault, $res));
}

# Keep "now" and "peak", the introspections under way. An answer that is
# delayed is under way until its delay is over; a hung one stays.
sub _counted {
    my ($self, $res) = @_;
    $self->{now}++;
    $self->{peak} = $self->{now} if $self->{now} > $self->{peak};
    if (ref $res eq 'HASH' && $res->{delay}) {
        my $s = delete $res->{delay};
        return { later => sub {
            my ($respond) = @_;
            $self->{http}->after($s, sub {
                $self->{now}-- if $self->{now} > 0;
                $respond->($res);
            });
        } };
    }
    $self->{now}-- if ref $res eq 'ARRAY' || !$res->{hang};
    return $res;
}

sub _answer {
    my ($self, $token) = @_;
    my $t = $self->{tokens}{$token};
    if (!$t) {
        return _json(400, { error => 'unsupported_token_type' })
            if $self->{auth}{jwt_400}
            && $token =~ /\A[\w-]+\.[\w-]+\.[\w-]*\z/;
        return _json(200, { active => json_false() });
    }
    return _json(200, { active => json_false() }) if $t->{revoked}
        || $t->{honest_exp} && time() >= $t->{exp};
    return $t->{answer};
}

sub _record {
    my ($self, $req, $form, $digest, $client, $method, $why) = @_;
    return if defined $self->{opt}{log} && !$self->{opt}{log};
    my @headers = map {
        my ($k, $v) = @$_;
        $v =~ s/ .*/ .../s if lc $k eq 'authorization';
        [$k, $v];
    } @{$req->{headers}};
    my $log = $self->{log};
    shift @$log if @$log >= $MAX_LOG;
    push @$log, {
        time => $req->{time}, method => $req->{method}, client => $client,
        auth_method => $method, auth_error => $why, token => $digest,
        content_type => $req->{h}{'content-type'},
        accept => $req->{h}{accept}, conn => $req->{conn}, seq => $req->{seq},
        parameters => [sort keys %$form], headers => \@headers,
        token_type_hint => $form->{token_type_hint},
        query => $req->{query} };
    return;
}

# --- client authentication -------------------------------------------------

# Returns (client id, method, undef), or (undef, method, reason).
sub _authenticate {
    my ($self, $req, $form) = @_;
    my $h = $req->{h}{authorization};
    my @used;
    push @used, 'client_secret_basic' if defined $h && $h =~ /\Abasic /i;
    push @used, 'bearer' if defined $h && $h =~ /\Abearer /i;
    push @used, 'client_secret_post' if defined $form->{client_secret};
    push @used, 'private_key_jwt' if defined $form->{client_assertion};
    return (undef, 'several', 'more than one method') if @used > 1;
    my $method = $used[0];
    $method //= defined $req->{client_cert} && defined $form->{client_id}
        ? 'tls_client_auth' : 'none';
    my $want = $self->{auth}{method};
    return (undef, $method, "method is not $want")
        if $want ne 'any' && $want ne $method;
    return (undef, $method, 'no authentication')
        if $method eq 'none' && $want ne 'none';
    my $check = $self->can("_by_$method");
    my ($client, $why) = $self->$check($req, $form);
    return (undef, $method, $why) if !defined $client;
    my $allowed = ($self->{clients}{$client} || {})->{methods};
    return (undef, $method, 'method not registered for the client')
        if $allowed && !grep { $_ eq $method } @$allowed;
    return ($client, $method, undef);
}

sub _by_none { return ($_[2]{client_id} // '', undef) }

# RFC 6749 2.3.1: both halves are form-encoded before they are joined.
sub _by_client_secret_basic {
    my ($self, $req) = @_;
    my ($b64) = $req->{h}{authorization} =~ /\Abasic +([A-Za-z0-9+\/]+=*)\z/i
        or return (undef, 'bad base64');
    my ($id, $secret) = decode_base64($b64) =~ /\A([^:]*):(.*)\z/s
        or return (undef, 'no colon');
    for ($id, $secret) { tr/+/ /; s/%([0-9A-Fa-f]{2})/chr hex $1/ge }
    return $self->_secret($id, $secret);
}

sub _by_client_secret_post {
    my ($self, $req, $form) = @_;
    return $self->_secret($form->{client_id} // '', $form->{client_secret});
}

sub _secret {
    my ($self, $id, $secret) = @_;
    my $c = $self->{clients}{$id} or return (undef, 'unknown client');
    return (undef, 'wrong secret')
        if !defined $c->{secret} || $c->{secret} ne $secret;
    return ($id, undef);
}

sub _by_bearer {
    my ($self, $req) = @_;
    my ($value) = $req->{h}{authorization} =~ /\Abearer +(\S+)\z/i
        or return (undef, 'bad bearer');
    for my $id (sort keys %{$self->{clients}}) {
        my $b = $self->{clients}{$id}{bearer};
        return ($id, undef) if defined $b && $b eq $value;
    }
    return (undef, 'unknown bearer');
}

sub _by_tls_client_auth {
    my ($self, $req, $form) = @_;
    my $c = $self->{clients}{$form->{client_id}}
        or return (undef, 'unknown client');
    return (undef, 'wrong certificate')
        if defined $c->{subject} && $c->{subject} ne $req->{client_cert};
    return ($form->{client_id}, undef);
}

# RFC 7523 3, as SMART Backend Services has it: RS384 or ES384, exp at most
# five minutes ahead, jti once only.
sub _by_private_key_jwt {
    my ($self, $req, $form) = @_;
    return (undef, 'client_assertion_type')
        if ($form->{client_assertion_type} // '')
        ne 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    my ($head, $claims, $signed, $signature)
        = eval { _jwt_parts($form->{client_assertion}) }
        or return (undef, 'not a JWT');
    my $id = $claims->{sub} // '';
    my $c = $self->{clients}{$id} or return (undef, 'unknown client');
    return (undef, 'iss') if ($claims->{iss} // '') ne $id;
    return (undef, 'client_id')
        if defined $form->{client_id} && $form->{client_id} ne $id;
    my $aud = $claims->{aud} // '';
    my %aud = map { $_ => 1 } ref $aud ? @$aud : $aud;
    my $i = $self->{issuer};
    return (undef, 'aud') if !grep { $aud{$_} }
        @{$self->{auth}{audience} || []}, $i, "$i/token", $i . $self->{path};
    my $exp = $claims->{exp} // '';
    return (undef, 'exp') if $exp !~ /\A[0-9]+\z/ || $exp <= time()
        || $exp > time() + 300;
    return (undef, 'jti') if !length($claims->{jti} // '')
        || $self->{jti}{"$id $claims->{jti}"}++;
    return (undef, 'signature')
        if !_signature_ok($head->{alg} // '', $c->{public_key}, $signed,
                          $signature);
    return ($id, undef);
}

sub _jwt_parts {
    my @p = split /\./, $_[0], -1;
    die "parts\n" if @p != 3;
    my @raw = map { (my $s = $_) =~ tr{-_}{+/}; decode_base64($s) } @p;
    return (json_decode($raw[0]), json_decode($raw[1]), "$p[0].$p[1]", $raw[2]);
}

sub _signature_ok {
    my ($alg, $pem, $signed, $signature) = @_;
    my ($family, $bits) = $alg =~ /\A(RS|ES)(256|384)\z/ or return 0;
    return 0 if !defined $pem;
    $signature = _ecdsa_der($signature) if $family eq 'ES';
    my @files = map {
        my $f = File::Temp->new;
        print $f $_;
        close $f;
        $f;
    } $pem, $signature, $signed;
    my $command = "openssl dgst -sha$bits -verify $files[0]"
        . " -signature $files[1] $files[2] 2>/dev/null";
    my $out = qx($command);
    return $? == 0 && $out =~ /Verified OK/;
}

# JWS has r and s side by side, OpenSSL a DER sequence of two integers.
sub _ecdsa_der {
    my ($raw) = @_;
    my $half = length($raw) / 2;
    my $body = '';
    for my $at (0, $half) {
        my $n = substr $raw, $at, $half;
        $n =~ s/\A\0+//;
        $n = "\0$n" if $n eq '' || ord($n) > 127;
        $body .= "\x02" . chr(length $n) . $n;
    }
    return "\x30" . (length $body > 127 ? "\x81" : '') . chr(length $body)
        . $body;
}

# --- control ---------------------------------------------------------------

sub _control {
    my ($self, $what, $req) = @_;
    my $in = length $req->{body} ? json_decode($req->{body}) : undef;
    my $do = $self->can("_control_$what") or die "no such control\n";
    return _json(200, $self->$do($in, $req));
}

sub _control_token {
    my ($self, $in) = @_;
    die "a JSON object is needed\n" if ref $in ne 'HASH';
    my %a = %$in;
    my %own;
    for (qw(token expires_in mode raw raw_status raw_headers honest_exp)) {
        $own{$_} = delete $a{$_} if exists $a{$_};
    }
    my $token = $own{token} // _random_token();
    $a{exp} = int(time()) + $own{expires_in} if defined $own{expires_in};
    my $t = { exp => $a{exp}, honest_exp => $own{honest_exp} };
    $t->{fault} = fault_parse($own{mode}) if defined $own{mode};
    $a{active} = json_true() if !exists $a{active};
    $t->{answer} = defined $own{raw}
        ? [$own{raw_status} // 200,
           $own{raw_headers} // [['Content-Type', 'application/json']],
           _bytes($own{raw})]
        : _json(200, \%a);
    $self->{tokens}{$token} = $t;
    return { token => $token };
}

# A JSON string as bytes: characters up to U+00FF stand for themselves, so
# that any byte sequence can be given; above that it is UTF-8.
sub _bytes {
    my ($s) = @_;
    utf8::encode($s) if !utf8::downgrade($s, 1);
    return $s;
}

my $serial = 0;
sub _random_token {
    return 'tok-' . sha256_hex(join ' ', $serial++, $$, time(), rand);
}

sub _control_revoke {
    my ($self, $in) = @_;
    my $t = $self->{tokens}{$in->{token}} or die "no such token\n";
    $t->{revoked} = 1;
    return { revoked => json_true() };
}

sub _control_mode {
    my ($self, $in) = @_;
    return $self->{fault} || { mode => 'ok' } if !defined $in;
    if (ref $in && defined $in->{token}) {
        my %f = %$in;
        my $token = delete $f{token};
        my $t = $self->{tokens}{$token} or die "no such token\n";
        return $t->{fault} = fault_parse(ref $f{mode} ? $f{mode} : \%f);
    }
    return $self->{fault} = fault_parse($in);
}

sub _control_auth {
    my ($self, $in) = @_;
    die "unknown method\n" if defined $in->{method} && !$METHODS{$in->{method}};
    $self->{auth}{$_} = $in->{$_} for keys %$in;
    return $self->{auth};
}

sub _control_client {
    my ($self, $in) = @_;
    my %c = %$in;
    my $id = delete $c{client_id} // die "client_id is needed\n";
    $self->{clients}{$id} = \%c;
    return { client_id => $id };
}

sub _control_metadata {
    my ($self, $in) = @_;
    $self->{metadata} = $in if defined $in;
    return { asked => $self->{metadata_asked} };
}

sub _control_log {
    my ($self, $in, $req) = @_;
    my $log = [@{$self->{log}}];
    $self->{log} = [] if ($req->{query} // '') =~ /\bclear=1\b/;
    return { log => $log };
}

sub _control_count {
    my ($self, $in, $req) = @_;
    my %q = map { @$_ } @{Smart::Http::parse_query($req->{query})};
    my %out = (%{$self->{count}}, now => $self->{now}, peak => $self->{peak},
               connections => $self->{http}->accepted);
    $out{token} = $self->{count}{tokens}{digest($q{token})} // 0
        if defined $q{token};
    return \%out;
}

sub _control_reset {
    my ($self) = @_;
    $self->reset;
    return { reset => json_true() };
}

1;
