# SPDX-License-Identifier: Apache-2.0
# The lab with real counterparts: oidc-provider as authorization server and
# Medplum's FHIR router as backend, both children of the test and gone with it.
#
#   my $real = Smart::Real->new;
#   my $h = $real->httpd(conf => Smart::Lab->protected);
#   my $t = $real->launch(scope => 'user/Observation.rs');
#   my $r = $h->get('/fhir/Observation/obs-1', $t->{access_token});
#
# app() is the origin of a SMART app, a server of its own; browser() a Chromium
# to run it in (Smart::Browser).
#
# Tokens come the way apps get them: launch() walks the authorization code
# flow with PKCE, form and cookies included; backend() asks for
# client_credentials. Their aud is public_url().
#
# In configuration text the words of Smart::Lab are replaced, and @RSAKEY@ and
# @ECKEY@ by the paths of the private keys of the client "gateway-jwt".
#
# Environment: SMART_NODE (node); SMART_LAB_KEEP=1 leaves the folders.
package Smart::Real;
use strict;
use warnings;
use Cwd ();
use Digest::SHA qw(sha256);
use File::Basename ();
use File::Path ();
use MIME::Base64 qw(encode_base64);
use Smart::Browser ();
use Smart::Child ();
use Smart::Client ();
use Smart::Httpd ();
use Smart::Json qw(json_decode json_encode);
use Time::HiRes qw(sleep);

my $TOP = Cwd::abs_path(File::Basename::dirname(__FILE__) . '/../../../..');
my $CALLBACK = 'http://127.0.0.1/callback';
my $ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
my $serial = 0;

# Why the stack cannot be started here, or undef.
sub missing {
    my $node = $ENV{SMART_NODE} // 'node';
    my $version = qx($node --version 2>/dev/null) // '';
    my ($major, $minor) = $version =~ /\Av(\d+)\.(\d+)/;
    return 'Node.js 20.19 or later is needed'
        if !$major || $major < 20 || $major == 20 && $minor < 19;
    return 'npm packages are not installed: run t/e2e/run'
        if grep { !-d "$TOP/t/e2e/node_modules/$_" }
        qw(oidc-provider fhirclient playwright-core);
    return undef;
}

# Options: public_url (https://fhir.example.org/fhir), the aud of tokens. The
# authorization server knows other_url() as well.
sub new {
    my ($class, %o) = @_;
    my $dir = "$TOP/.out/e2e/$$" . ($serial++ ? "-$serial" : '');
    File::Path::remove_tree($dir);
    File::Path::make_path($dir);
    my $self = bless { dir => $dir, owner => $$, httpds => 0,
        public_url => $o{public_url} // 'https://fhir.example.org/fhir' },
        $class;
    $self->write_file(secret => 'gateway-secret');
    $self->_make_key($_, qw(RSA rsa_keygen_bits:2048))
        for qw(gateway-jwt backend);
    $self->_make_key('gateway-ec', qw(EC ec_paramgen_curve:P-384));
    $self->start_as;
    $self->_start(fhir => 'fhir.mjs');
    return $self;
}

# A file that only we can read; returns its path.
sub write_file {
    my ($self, $name, $text) = @_;
    my $path = "$self->{dir}/$name";
    open my $f, '>', $path or die "$path: $!\n";
    chmod 0600, $path;
    print $f "$text\n";
    close $f or die "$path: $!\n";
    return $path;
}

# A pair of keys: <name>.pem and <name>.pub.pem.
sub _make_key {
    my ($self, $name, $algorithm, $option) = @_;
    my $key = "$self->{dir}/$name.pem";
    system('openssl', 'genpkey', '-quiet', '-algorithm', $algorithm,
           '-pkeyopt', $option, '-out', $key) == 0
        && system('openssl', 'pkey', '-in', $key, '-pubout', '-out',
                  "$self->{dir}/$name.pub.pem") == 0
        or die "openssl made no key\n";
    return;
}

sub _start {
    my ($self, $name, $script, @arguments) = @_;
    my $c = $self->{$name} = Smart::Child->start(
        name => $name, dir => $self->{dir},
        command => [$ENV{SMART_NODE} // 'node', "$TOP/t/e2e/$script",
                    '--port', $self->{"${name}_port"} // 0, @arguments]);
    my $line = $c->line(40) // '';
    $line =~ /\Alistening (\d+)/
        or die "$name did not start: $line\n" . $c->errors . "\n";
    $self->{"${name}_port"} = $1;
    return;
}

# --- the servers -----------------------------------------------------------

# Start the authorization server, again on its old port after stop_as. What
# it issued before is unknown to it then.
sub start_as {
    my ($self) = @_;
    my $d = $self->{dir};
    return $self->_start(as => 'as.mjs', '--resource', $self->{public_url},
        '--resource', $self->other_url,
        '--key', "gateway-jwt=$d/gateway-ec.pub.pem",
        map { ('--key', "$_=$d/$_.pub.pem") } qw(gateway-jwt backend));
}

sub stop_as { return $_[0]{as}->stop }
sub as_signal { my ($self, $name) = @_; return $self->{as}->signal($name) }

# The app of t/e2e/app, and its origin.
sub app {
    my ($self) = @_;
    $self->_start(app => 'app.mjs') if !$self->{app};
    return "http://127.0.0.1:$self->{app_port}";
}

# Pictures are kept in shots().
sub browser {
    my ($self) = @_;
    if (!$self->{browser}) {
        File::Path::make_path($self->shots);
        $self->_start(browser => 'browser.mjs', '--shots', $self->shots);
    }
    return Smart::Browser->new(port => $self->{browser_port});
}

sub top { return $TOP }
sub shots { return "$TOP/.out/screenshots" }
sub dir { return $_[0]{dir} }
sub public_url { return $_[0]{public_url} }
sub other_url { return 'https://other.example.org/fhir' }
sub issuer { return "http://127.0.0.1:$_[0]{as_port}" }
sub introspection { return $_[0]->issuer . '/token/introspection' }
sub fhir_base { return "http://127.0.0.1:$_[0]{fhir_port}/fhir" }

sub as_client {
    return Smart::Client->new(port => $_[0]{as_port}, timeout => 10);
}
sub fhir_client {
    return Smart::Client->new(port => $_[0]{fhir_port}, timeout => 10);
}

# Introspections so far, in all or of one token.
sub count {
    my ($self, $token) = @_;
    return $self->as_client->request(GET => '/lab/count' . (defined $token
        ? '?token=' . escape($token) : ''))->json->{count};
}

# Requests that reached the FHIR server since the last call.
sub fhir_log {
    return @{$_[0]->fhir_client->request(GET => '/lab/log')->json};
}

# --- requests to the authorization server ----------------------------------

sub escape {
    my ($s) = @_;
    $s =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ge;
    return $s;
}

sub _form {
    my (%f) = @_;
    return join '&', map { "$_=" . escape($f{$_}) }
        grep { defined $f{$_} } sort keys %f;
}

sub _b64url {
    my $s = encode_base64($_[0], '');
    $s =~ tr{+/=}{-_}d;
    return $s;
}

# POST of a form, as a client: %auth is headers or more fields.
sub _post {
    my ($self, $path, $fields, $secret) = @_;
    my @headers = ('Content-Type', 'application/x-www-form-urlencoded');
    push @headers, 'Authorization', 'Basic ' . encode_base64($secret, '')
        if defined $secret;
    return $self->as_client->request(POST => $path, \@headers,
                                     _form(%$fields));
}

# Fields that authenticate a client by a signed assertion (RS384).
sub assertion {
    my ($self, $client, %more) = @_;
    my $in = join '.', map { _b64url(json_encode($_)) }
        { alg => 'RS384', typ => 'JWT' },
        { iss => $client, sub => $client, aud => $self->issuer . '/token',
          exp => time() + 60, jti => "$$-" . ++$serial, %more };
    open my $f, '>', "$self->{dir}/to-sign" or die "to-sign: $!\n";
    print $f $in;
    close $f or die "to-sign: $!\n";
    open my $p, '-|', 'openssl', 'dgst', '-sha384', '-sign',
        "$self->{dir}/$client.pem", "$self->{dir}/to-sign" or die "$!\n";
    local $/;
    return (client_assertion_type => $ASSERTION,
            client_assertion => "$in." . _b64url(scalar <$p>));
}

# The response of introspection. $secret: "id:secret" of the asking client;
# a list of fields instead when it authenticates otherwise.
sub introspect {
    my ($self, $token, $secret) = @_;
    $secret //= 'gateway:gateway-secret';
    return $self->_post('/token/introspection', { token => $token, @$secret })
        if ref $secret;
    return $self->_post('/token/introspection', { token => $token }, $secret);
}

sub revoke {
    my ($self, $token, $client) = @_;
    my $r = $self->_post('/token/revocation', {
        token => $token, client_id => $client // 'app' });
    die "revocation: $r->{status} $r->{body}\n" if $r->status != 200;
    return;
}

# The token response for a backend service. Options: scope, client (batch;
# backend authenticates by its key).
sub backend {
    my ($self, %o) = @_;
    my %f = (grant_type => 'client_credentials', scope => $o{scope});
    my $r = ($o{client} // 'batch') eq 'backend'
        ? $self->_post('/token', { %f, $self->assertion('backend') })
        : $self->_post('/token', \%f, 'batch:batch-secret');
    return $r->json;
}

# The token response of a launch, or its error response. Options: scope,
# client (app), user (user-1), patient (what the user picks, pat-1), launch
# (handle of an EHR launch, "pat:<id>"), aud (public_url).
sub launch {
    my ($self, %o) = @_;
    my $client = $o{client} // 'app';
    my $verifier = 'verifier-of-at-least-43-characters-' . ++$serial . 'x' x 9;
    my $to = $self->_authorize($client, $verifier, %o);
    my ($code) = $to =~ /[?&]code=([^&]+)/ or return _error_of($to);
    return $self->_post('/token', {
        grant_type => 'authorization_code', code => $code,
        redirect_uri => $CALLBACK, client_id => $client,
        code_verifier => $verifier })->json;
}

sub _error_of {
    my ($uri) = @_;
    return { map { /\A(error[^=]*)=(.*)\z/ ? ($1, $2) : () }
             split /[?&]/, $uri };
}

# What a browser does: follow redirects with cookies, fill in the form.
# Returns where the app would be called back.
sub _authorize {
    my ($self, $client, $verifier, %o) = @_;
    my $url = '/auth?' . _form(
        response_type => 'code', client_id => $client, state => 's',
        redirect_uri => $CALLBACK, scope => $o{scope}, prompt => 'consent',
        aud => $o{aud} // $self->{public_url}, launch => $o{launch},
        code_challenge => _b64url(sha256($verifier)),
        code_challenge_method => 'S256');
    my $form = _form(login => $o{user} // 'user-1',
                     patient => $o{patient} // 'pat-1');
    my (%cookies, $submit);
    for (1 .. 8) {
        my $r = $self->_visit($url, \%cookies, $submit ? $form : undef);
        $submit = 0;
        my $to = $r->header('Location');
        if (!defined $to) {
            die "sign-in: $r->{status} $r->{body}\n"
                if $r->status != 200 || $url !~ m{/interaction/};
            $submit = 1; # the page is the form, at the same address
            next;
        }
        return $to if index($to, $CALLBACK) == 0;
        ($url = $to) =~ s{\Ahttps?://[^/]+}{};
    }
    die "sign-in goes round in circles at $url\n";
}

sub _visit {
    my ($self, $url, $cookies, $form) = @_;
    my @headers = ('Cookie', join '; ', map { "$_=$cookies->{$_}" }
                   sort keys %$cookies);
    push @headers, 'Content-Type', 'application/x-www-form-urlencoded'
        if defined $form;
    my $r = $self->as_client->request(defined $form ? 'POST' : 'GET', $url,
                                      \@headers, $form);
    for my $c ($r->header('Set-Cookie')) {
        my ($name, $value) = $c =~ /\A([^=]+)=([^;]*)/ or next;
        if ($value eq '') { delete $cookies->{$name} }
        else { $cookies->{$name} = $value }
    }
    return $r;
}

# --- httpd -----------------------------------------------------------------

# Directives for apps of an origin, as text: what they find at the FHIR base,
# and that they may read what comes from it.
sub for_apps {
    my ($class, $origin) = @_;
    return <<"END";
SmartDiscovery metadata \@AS\@/.well-known/openid-configuration
SmartCapability launch-standalone launch-ehr client-public
SmartCapability client-confidential-asymmetric sso-openid-connect
SmartCapability context-standalone-patient context-ehr-patient
SmartCapability permission-offline
SmartCorsOrigin $origin
END
}

# Until httpd knows what the authorization server says of itself.
sub wait_for_discovery {
    my ($self, $h) = @_;
    my $until = time() + 10;
    while (time() < $until) {
        return if $h->get('/fhir/.well-known/smart-configuration')
            ->status == 200;
        sleep 0.1;
    }
    die "no smart-configuration came\n" . $h->log_text;
}

# Options: see Smart::Httpd. Started, unless start => 0. Its ServerName is
# that of the public URL.
sub httpd {
    my ($self, %o) = @_;
    my $start = delete $o{start} // 1;
    my ($name) = $self->{public_url} =~ m{\A([a-z]+://[^/]+)};
    my %words = (FHIR => $self->fhir_base, AS => $self->issuer,
        INTROSPECT => $self->introspection,
        SECRET => "file:$self->{dir}/secret",
        RSAKEY => "$self->{dir}/gateway-jwt.pem",
        ECKEY => "$self->{dir}/gateway-ec.pem");
    my $h = Smart::Httpd->new(server_name => $name, %o, top => $TOP,
        words => \%words, dir => "$self->{dir}/httpd-" . ++$self->{httpds});
    $h->start if $start;
    return $h;
}

sub DESTROY {
    my ($self) = @_;
    return if $$ != $self->{owner};
    local ($?, $@, $!);
    Smart::Httpd::stop_below($self->{dir});
    for (qw(browser app as fhir)) { $self->{$_}->stop if $self->{$_} }
    File::Path::remove_tree($self->{dir}) if !$ENV{SMART_LAB_KEEP};
    return;
}

1;
