# SPDX-License-Identifier: Apache-2.0
#
# One httpd of the comparison: its configuration, its start and end, the ids
# of its processes. All of them share one base configuration, so that only the
# module under test differs:
#
#   event MPM, 2 children x 25 threads, never more or fewer, so that CPU time
#   can be read from fixed process ids and locks between processes are paid
#   keep-alive without limit, no access log, LogLevel warn, no .htaccess
#
# Invariants
#  1. The answer of every server is the same 45-byte file below /fhir.
#  2. A peer's cache has more slots than there are tokens: what is measured
#     is the hit, never eviction. With few tokens it keeps its default size.
#  3. Only processes started here are signalled, by id.
package Bench::Server;

use strict;
use warnings;
use IO::Socket::INET;
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

our @NAMES = qw(bare smart oauth2 openidc);
our %TITLE = (
    bare    => 'bare httpd',
    smart   => 'mod_smart',
    oauth2  => 'mod_oauth2',
    openidc => 'mod_auth_openidc',
    backend => 'FHIR server',
    gateway => 'mod_smart in front of a FHIR server',
    tls     => 'TLS in front of the authorization server',
);
my @BASE = qw(mpm_event authn_core authz_core authz_user unixd);
my $SECRET = 'bench-secret';
my $count = 0;

# TLS in front of the authorization server is one more of these, not compared.
#
# new(name, dir => scratch folder, httpd => binary, modules => folder,
#     module => file of mod_smart, docroot =>, as_port =>, tokens => count,
#     ttl => seconds an answer is good for, children => 2, threads => 25,
#     pin_server => [words before the command])
sub new {
    my ($class, $name, %o) = @_;
    my $self = bless { children => 2, threads => 25, ttl => 86_400, %o,
        name => $name }, $class;
    $self->{root} = "$o{dir}/$name-" . ++$count;
    $self->{port} = free_port();
    mkdir $self->{root} or die "$self->{root}: $!\n";
    chmod 0755, $self->{root};
    _write("$self->{root}/secret", "$SECRET\n");
    chmod 0600, "$self->{root}/secret";
    _write("$self->{root}/httpd.conf", $self->config);
    return $self;
}

sub title { $TITLE{ $_[0]{name} } }
sub port  { $_[0]{port} }
sub conf  { "$_[0]{root}/httpd.conf" }

sub free_port {
    my $s = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1)
        or die "no free port: $!\n";
    return $s->sockport;
}

sub module_file {
    my ($name, %o) = @_;
    return $o{module} if $name eq 'smart';
    return "$o{modules}/mod_oauth2.so" if $name eq 'oauth2';
    return "$o{modules}/mod_auth_openidc.so" if $name eq 'openidc';
    return undef;
}

sub config {
    my ($self) = @_;
    my $part = "config_$self->{name}";
    return $self->config_base . $self->$part;
}

sub config_base {
    my ($s) = @_;
    my $workers = $s->{children} * $s->{threads};
    my $user = $> == 0 ? "User www-data\nGroup www-data\n" : '';
    my $load = join '', map {
        my $f = "$s->{modules}/mod_$_.so";
        -e $f ? "<IfModule !mod_$_.c>\n  LoadModule ${_}_module $f\n"
            . "</IfModule>\n" : '';
    } @BASE;
    $load =~ s/IfModule !mod_mpm_event\.c/IfModule !mpm_event.c/;
    return <<"EOC";
ServerRoot $s->{root}
DefaultRuntimeDir $s->{root}
PidFile $s->{root}/httpd.pid
ErrorLog $s->{root}/error.log
LogLevel warn
ServerName 127.0.0.1
Listen 127.0.0.1:$s->{port}
$load$user
ServerLimit $s->{children}
StartServers $s->{children}
ThreadsPerChild $s->{threads}
ThreadLimit $s->{threads}
MaxRequestWorkers $workers
MinSpareThreads 1
MaxSpareThreads $workers
MaxConnectionsPerChild 0
Timeout 120
KeepAlive On
KeepAliveTimeout 120
MaxKeepAliveRequests 0
DocumentRoot $s->{docroot}
<Directory />
    AllowOverride None
    Options FollowSymLinks
</Directory>
EOC
}

sub config_bare { "<Location /fhir>\n    Require all granted\n</Location>\n" }

sub config_smart {
    my ($s) = @_;
    # 512 bytes a token and as much again for uneven buckets.
    my $mb = 64;
    $mb = 1024 if $s->{tokens} * 1024 > $mb << 20;
    return <<"EOC";
LoadModule smart_module $s->{module}
SmartCacheSize ${mb}M
<Location "/fhir">
    AuthType SMART
    AuthName bench
    SmartPublicURL https://fhir.example/fhir
    SmartIntrospectionEndpoint http://127.0.0.1:$s->{as_port}/introspect
    SmartIntrospectionAuth client_secret_basic gateway file:$s->{root}/secret
    SmartCacheTTL $s->{ttl}s
    Require smart
</Location>
EOC
}

sub config_oauth2 {
    my ($s) = @_;
    my $slots = _slots($s->{tokens}, 1000);
    return <<"EOC";
LoadModule oauth2_module $s->{modules}/mod_oauth2.so
OAuth2Cache shm max_entries=$slots
<Location /fhir>
    AuthType oauth2
    OAuth2TokenVerify introspect http://127.0.0.1:$s->{as_port}/introspect \\
        introspect.auth=client_secret_basic&client_id=gateway&client_secret=$SECRET&expiry=$s->{ttl}
    Require valid-user
</Location>
EOC
}

sub config_openidc {
    my ($s) = @_;
    my $slots = _slots($s->{tokens}, 500);
    return <<"EOC";
LoadModule auth_openidc_module $s->{modules}/mod_auth_openidc.so
OIDCCacheType shm
OIDCCacheShmMax $slots
OIDCCryptoPassphrase bench
OIDCOAuthIntrospectionEndpoint https://127.0.0.1:$s->{tls_port}/introspect
OIDCOAuthSSLValidateServer Off
OIDCOAuthTokenIntrospectionInterval $s->{ttl}
OIDCOAuthClientID gateway
OIDCOAuthClientSecret $SECRET
<Location /fhir>
    AuthType oauth20
    Require valid-user
</Location>
EOC
}

# A FHIR server as fast as one can be: it has its answers as files.
sub config_backend {
    my ($s) = @_;
    return <<"EOC";
LoadModule alias_module $s->{modules}/mod_alias.so
LoadModule mime_module $s->{modules}/mod_mime.so
TypesConfig /dev/null
AliasMatch "^/fhir/Observation\$" "$s->{answers}/searchset"
AliasMatch "^/fhir/Observation/obs-1\$" "$s->{answers}/resource"
<Location /fhir>
    Require all granted
    ForceType application/fhir+json
</Location>
EOC
}

# mod_smart before it; what is inspected differs by token only.
sub config_gateway {
    my ($s) = @_;
    my $proxy = "ProxyPass http://127.0.0.1:$s->{backend_port}/fhir";
    my $load = join '', map {
        "LoadModule ${_}_module $s->{modules}/mod_$_.so\n"
    } qw(proxy proxy_http);
    return $load . $s->config_smart =~ s{(?=</Location>)}{    $proxy\n}r;
}

# The TLS front of the authorization server; see start_tls of bench.pl.
sub config_tls {
    my ($s) = @_;
    my ($cert, $key) = map { "$s->{root}/$_.pem" } qw(cert key);
    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
        . "-nodes -days 2 -subj /CN=127.0.0.1 -keyout $key -out $cert "
        . "2>$s->{root}/openssl.log") == 0 or die "openssl made no key\n";
    my $load = join '', map {
        "LoadModule ${_}_module $s->{modules}/mod_$_.so\n"
    } qw(proxy proxy_http ssl);
    return <<"EOC";
${load}SSLEngine on
SSLCertificateFile $cert
SSLCertificateKeyFile $key
ProxyPass / http://127.0.0.1:$s->{as_port}/
<Location />
    Require all granted
</Location>
EOC
}

sub _slots {
    my ($tokens, $default) = @_;
    my $need = $tokens + int($tokens / 10);
    return $need > $default ? $need : $default;
}

sub _write {
    my ($file, $text) = @_;
    open my $f, '>', $file or die "$file: $!\n";
    print $f $text;
    close $f or die "$file: $!\n";
}

# start(command words that run it, e.g. valgrind; none for the load runs)
sub start {
    my ($self, @wrap) = @_;
    my $log = "$self->{root}/start.log";
    my @mode = @wrap ? ('-X') : ('-DFOREGROUND');
    my $pid = fork // die "fork: $!\n";
    if ($pid == 0) {
        open STDOUT, '>', $log and open STDERR, '>&', \*STDOUT;
        my @pin = @{ $self->{pin_server} // [] };
        { exec @pin, @wrap, $self->{httpd}, '-f', $self->conf, @mode }
        POSIX::_exit(127);
    }
    $self->{pid} = $pid;
    $self->_wait_until_ready(@wrap ? 120 : 20);
    $self->{pids} = [$self->processes];
}

sub _wait_until_ready {
    my ($self, $seconds) = @_;
    my $end = time + $seconds;
    my $children = $self->{single} ? 0 : $self->{children};
    while (time < $end) {
        $self->_fail('ended while starting')
            if waitpid($self->{pid}, WNOHANG) == $self->{pid};
        my $up = $self->processes - 1 >= $children
            && IO::Socket::INET->new("127.0.0.1:$self->{port}");
        return if $up;
        sleep 0.05;
    }
    $self->_fail("did not start in $seconds s");
}

sub _fail {
    my ($self, $what) = @_;
    my $log = '';
    for my $f ("$self->{root}/start.log", "$self->{root}/error.log") {
        open my $h, '<', $f or next;
        my @l = <$h>;
        $log .= join '', @l > 10 ? @l[ -10 .. -1 ] : @l;
    }
    die $self->title . ": $what\n$log";
}

# Ids of the parent and its children.
sub processes {
    my ($self) = @_;
    my @pids = ($self->{pid});
    for my $stat (glob '/proc/[0-9]*/stat') {
        open my $f, '<', $stat or next;
        my $line = <$f> // next;
        push @pids, $1
            if $line =~ /^(\d+) \(.*\) \S (\d+)/ && $2 == $self->{pid};
    }
    return @pids;
}

# Lets all its threads run on these processors, a list as taskset takes it.
sub move {
    my ($self, $processors) = @_;
    for my $pid (@{ $self->{pids} }) {
        system("taskset -acp $processors $pid >/dev/null") == 0
            or die $self->title . ": can not be moved to $processors\n";
    }
}

# The status of one request, with the token or without one.
sub status {
    my ($self, @request) = @_;
    return $self->answer(@request) =~ m{^HTTP/1\.1 (\d+)} ? $1 : 0;
}

# All of its answer, head and body.
sub answer {
    my ($self, $path, $token) = @_;
    my $s = IO::Socket::INET->new(
        PeerAddr => "127.0.0.1:$self->{port}", Timeout => 10)
        or die $self->title . ": no connection\n";
    my $auth = defined $token ? "Authorization: Bearer $token\r\n" : '';
    print $s "GET $path HTTP/1.1\r\nHost: 127.0.0.1:$self->{port}\r\n$auth"
        . "Connection: close\r\n\r\n";
    local $/;
    return <$s> // '';
}

# Dies when a child came or went: its CPU time would be missing.
sub check_processes {
    my ($self) = @_;
    my ($now, $then) = map { join ',', sort @$_ }
        [$self->processes], $self->{pids};
    $self->_fail("its processes changed from $then to $now")
        if $now ne $then;
}

sub stop {
    my ($self, $seconds) = @_;
    my $pid = delete $self->{pid} or return;
    kill 'TERM', $pid;
    my $end = time + ($seconds // 15);
    while (time < $end) {
        return if waitpid($pid, WNOHANG) != 0;
        sleep 0.05;
    }
    kill 'KILL', $pid, grep { $_ != $pid } @{ $self->{pids} // [] };
    waitpid $pid, 0;
}

1;
