# SPDX-License-Identifier: Apache-2.0
# The lab: an authorization server, a FHIR server and any number of httpds on
# free loopback ports, as children of the test, gone with it.
#
#   my $lab = Smart::Lab->new;
#   my $h = $lab->httpd(conf => $lab->protected, mpm => 'event');
#   my $t = $lab->token(scope => 'patient/Observation.rs', patient => 'pat-1');
#   my $r = $h->get('/fhir/Observation', $t);
#   print $r->status, " ", join(",", $r->canaries), " ", $lab->writes, "\n";
#
# In configuration text these words are replaced:
#   @PORT@ @PORT2@ ... of the httpd   @DIR@ its folder   @FHIR@ base of the
#   backend   @AS@ issuer   @INTROSPECT@ endpoint   @SECRET@ file:<path> with
#   the secret of client "gateway"
#
# Environment: SMART_MODULE (module under test, else .out/module/mod_smart.so),
# SMART_HTTPD (/usr/sbin/apache2), SMART_HTTPD_MODULES
# (/usr/lib/apache2/modules), SMART_LAB_KEEP=1 (leave the folders).
package Smart::Lab;
use strict;
use warnings;
use Cwd ();
use File::Basename ();
use File::Path ();
use IO::Socket::INET;
use Smart::Child ();
use Smart::Client ();
use Smart::Httpd ();
use Smart::Json qw(json_encode json_decode);

my $TOP = Cwd::abs_path(File::Basename::dirname(__FILE__) . '/../../..');
my $serial = 0;

# Options: as => [arguments of auth-server.pl], fhir => [of fhir-server.pl];
# 0 instead of a list leaves that server out.
sub new {
    my ($class, %o) = @_;
    my $dir = "$TOP/.out/lab/$$" . ($serial++ ? "-$serial" : '');
    File::Path::remove_tree($dir);
    File::Path::make_path($dir);
    my $self = bless { dir => $dir, owner => $$, httpds => 0 }, $class;
    open my $f, '>', "$dir/secret" or die "$dir/secret: $!\n";
    print $f "gateway-secret\n";
    close $f;
    chmod 0600, "$dir/secret";
    for my $name (qw(as fhir)) {
        my $args = $o{$name} // [];
        next if !ref $args;
        $self->_start($name, @$args);
        $self->{"${name}_args"} = $args;
        $self->{"${name}_tls"} = grep { $_ eq '--cert' } @$args;
    }
    return $self;
}

my %SCRIPT = (as => 'auth', fhir => 'fhir');

sub _start {
    my ($self, $name, @args) = @_;
    my $c = $self->{$name} = Smart::Child->start(
        name => $name, dir => $self->{dir}, command => [
            $^X, "$TOP/t/servers/$SCRIPT{$name}-server.pl", '--watch-parent',
            @args]);
    my $line = $c->line(20) // '';
    $line =~ /\Alistening (\d+)/
        or die "$name did not start: $line" . $c->errors . "\n";
    $self->{"${name}_port"} = $1;
    return;
}

# The servers of a lab that another process has started: for token, control and
# what stands on them. Options: as_port, fhir_port.
sub attach {
    my ($class, %o) = @_;
    return bless { %o, owner => 0 }, $class;
}

sub top { return $TOP }
sub dir { return $_[0]{dir} }
sub as_port { return $_[0]{as_port} }
sub fhir_port { return $_[0]{fhir_port} }
sub as_pid { return $_[0]{as}->pid }
sub fhir_pid { return $_[0]{fhir}->pid }
sub fhir_base { return "http://127.0.0.1:$_[0]{fhir_port}/fhir" }
sub secret_file { return "$_[0]{dir}/secret" }

sub issuer {
    my ($self) = @_;
    my $scheme = $self->{as_tls} ? 'https' : 'http';
    return "$scheme://127.0.0.1:$self->{as_port}";
}

sub introspection { return $_[0]->issuer . '/introspect' }

# A port that is free now.
sub free_port {
    my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0,
                                  Listen => 1) or die "no free port: $!\n";
    return $s->sockport;
}

# --- control of the servers ------------------------------------------------

# Call <server>/control/<what>: a GET, or a POST with data.
sub control {
    my ($self, $server, $what, $data) = @_;
    my $c = $self->{control}{$server} ||= Smart::Client->new(
        port => $self->{"${server}_port"}, timeout => 30,
        tls => $self->{"${server}_tls"});
    my $r = defined $data
        ? $c->request(POST => "/control/$what",
                      ['Content-Type' => 'application/json'],
                      json_encode($data))
        : $c->request(GET => "/control/$what");
    die "$server $what: $r->{status} " . ($r->{error} // '') . " $r->{body}\n"
        if $r->{status} != 200;
    return $r->json;
}

# Mint a token. Defaults: client_id app, sub user-1, token_type Bearer, iss,
# exp in an hour; a member given as undef is left out. Everything that
# /control/token knows may be given, as raw, mode, token.
sub token {
    my ($self, %more) = @_;
    my %t = (client_id => 'app', sub => 'user-1', token_type => 'Bearer',
             iss => $self->issuer, exp => time() + 3600, %more);
    if (defined $t{expires_in}) { delete $t{exp} }
    delete $t{$_} for grep { !defined $t{$_} } keys %t;
    my $token = $self->control(as => 'token', \%t)->{token};
    $self->{minted}{$token} = { %t, token => $token };
    return $token;
}

# The authorization server dies at once; nobody listens on its port.
sub as_kill {
    my ($self) = @_;
    $self->{as}->signal('KILL');
    $self->{as}->wait(5);
    delete $self->{control}{as};
    return;
}

# ... and comes back there, with the tokens that were minted before.
sub as_revive {
    my ($self) = @_;
    my $file = "$self->{dir}/tokens.json";
    open my $f, '>', $file or die "$file: $!\n";
    print $f json_encode([values %{$self->{minted}}]);
    close $f;
    $self->_start('as', @{$self->{as_args}}, '--port', $self->{as_port},
                  '--tokens', $file);
    return;
}

# Whether a secret was told: "<file>: <what>" of each minted token of 16 bytes
# or more, and of each given text, in any file that servers write to.
sub spilled {
    my ($self, @texts) = @_;
    push @texts, 'gateway-secret',
        grep { length >= 16 } keys %{$self->{minted} || {}};
    my $any = join '|', map { quotemeta } @texts;
    my %found;
    for my $file (glob("$self->{dir}/*.err"),
                  glob "$self->{dir}/httpd-*/*{log,err,out,pid}") {
        open my $f, '<', $file or next;
        while (<$f>) {
            $found{"$file: $1"} = 1 while /($any)/g;
        }
    }
    my @all = sort keys %found;
    return @all;
}

sub revoke { return $_[0]->control(as => 'revoke', { token => $_[1] }) }

# as_mode('hang'), as_mode(delay => ms => 300), as_mode('ok')
sub as_mode {
    my ($self, $mode, %more) = @_;
    return $self->control(as => 'mode', { mode => $mode, %more });
}

sub as_auth { my ($s, %o) = @_; return $s->control(as => 'auth', \%o) }
sub as_client { my ($s, %o) = @_; return $s->control(as => 'client', \%o) }

# What the authorization server publishes: as_metadata(without => ['issuer']),
# as_metadata(members => {...}), as_metadata() as at first. Returns how often it
# was asked.
sub as_metadata {
    my ($s, %o) = @_;
    return $s->control(as => 'metadata', \%o)->{asked};
}

# Introspections so far, of one token or of all.
sub as_count {
    my ($self, $token) = @_;
    return $self->control(as => 'count')->{total} if !defined $token;
    (my $t = $token) =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ge;
    return $self->control(as => "count?token=$t")->{token};
}

# Most introspections that were under way at once.
sub as_peak { return $_[0]->control(as => 'count')->{peak} }

sub as_log { return @{$_[0]->control(as => 'log')->{log}} }

# fhir_mode(search => 'lenient-all'), fhir_mode(fault => 'html')
sub fhir_mode { my ($s, %o) = @_; return $s->control(fhir => 'mode', \%o) }
sub fhir_log { return @{$_[0]->control(fhir => 'log')->{log}} }
sub writes { return $_[0]->control(fhir => 'writes')->{writes} }
sub attempts { return $_[0]->control(fhir => 'writes')->{attempts} }
sub hits { return $_[0]->control(fhir => 'writes')->{hits} }
sub load { my ($s, @r) = @_; return $s->control(fhir => 'load', \@r) }
sub seed { my ($s, %o) = @_; return $s->control(fhir => 'seed', \%o) }

# Current content of a resource at the backend, past every mode, or undef.
sub stored {
    my ($self, $type, $id) = @_;
    return $self->control(fhir => "resource?type=$type&id=$id")->{resource};
}

sub as_reset { return $_[0]->control(as => 'reset', {}) }
sub fhir_reset { return $_[0]->control(fhir => 'reset', {}) }

# Both servers as they were at the start; tokens are gone.
sub reset {
    my ($self) = @_;
    $self->as_reset if $self->{as};
    $self->fhir_reset if $self->{fhir};
    return;
}

# --- httpd -----------------------------------------------------------------

# Options: see Smart::Httpd. Started, unless start => 0.
sub httpd {
    my ($self, %o) = @_;
    my $start = delete $o{start} // 1;
    my $h = Smart::Httpd->new(%o, top => $TOP, words => $self->_words,
        dir => "$self->{dir}/httpd-" . ++$self->{httpds});
    $h->start if $start;
    return $h;
}

# Does httpd accept a configuration? Returns (exit code, stderr, stdout).
# Options as for httpd, and defines => ['DUMP_SMART'].
sub configtest {
    my ($self, $conf, %o) = @_;
    my $h = $self->httpd(%o, conf => $conf, start => 0);
    return $h->configtest;
}

sub _words {
    my ($self) = @_;
    my %w = (SECRET => "file:$self->{dir}/secret");
    $w{FHIR} = $self->fhir_base if $self->{fhir};
    @w{qw(AS INTROSPECT)} = ($self->issuer, $self->introspection)
        if $self->{as};
    return \%w;
}

# The smallest safe deployment as text. Options: path ("/fhir"), require
# ("smart"; a list makes several lines), extra (more lines inside the
# Location), backend (URL; 0: no ProxyPass).
sub protected {
    my ($self, %o) = @_;
    my $path = $o{path} // '/fhir';
    my $backend = $o{backend} // '@FHIR@';
    my $require = $o{require} // 'smart';
    my @lines = ('AuthType SMART', 'AuthName "Lab FHIR"',
        'SmartIntrospectionEndpoint @INTROSPECT@',
        'SmartIntrospectionAuth client_secret_basic gateway @SECRET@',
        (map { "Require $_" } ref $require ? @$require : $require),
        $backend ? ("ProxyPass $backend", "ProxyPassReverse $backend") : (),
        split /\n/, $o{extra} // '');
    return join "\n", "<Location \"$path\">", (map { "    $_" } @lines),
        "</Location>", '';
}

sub stop {
    my ($self) = @_;
    for (qw(as fhir)) { $self->{$_}->stop if $self->{$_} }
    return;
}

sub DESTROY {
    my ($self) = @_;
    return if $$ != $self->{owner};
    local ($?, $@, $!);
    Smart::Httpd::stop_below($self->{dir});
    $self->stop;
    File::Path::remove_tree($self->{dir}) if !$ENV{SMART_LAB_KEEP};
    return;
}

1;
