# SPDX-License-Identifier: Apache-2.0
# One httpd of the lab with a server root of its own. Made by Smart::Lab.
#
# Options:
#   conf        configuration text (words as in Smart::Lab are replaced)
#   mpm         event (default), worker, prefork
#   modules     further modules to load, as in ['ssl', 'cache']
#   smart       0: without the module under test
#   first       modules to load before all others, "smart" among them if wanted
#   ports       how many ports to listen on (1)
#   log_level   of everything else than our module ("info")
#   smart_log   of our module ("debug")
#   defines     ['NAME']  for -D
#   env         {...}     added to the environment
#   wrapper     ['valgrind', ...] put before the command
#   single      1: -X, one process
#   server_name text of ServerName (http://127.0.0.1:PORT)
package Smart::Httpd;
use strict;
use warnings;
use File::Path ();
use IO::Socket::INET;
use POSIX ();
use Smart::Child ();
use Smart::Client ();
use Time::HiRes qw(time sleep);

my @MODULES = qw(authn_core authz_core authz_host authz_user env setenvif
    headers mime dir alias rewrite proxy proxy_http);

# All that run, for an orderly end of the lab.
my %running;

sub new {
    my ($class, %o) = @_;
    my $self = bless { mpm => 'event', modules => [], ports => 1, %o,
                       owner => $$, ports_wanted => $o{ports} // 1 }, $class;
    $self->{binary} = $ENV{SMART_HTTPD} // '/usr/sbin/apache2';
    $self->{libexec} = $ENV{SMART_HTTPD_MODULES} // '/usr/lib/apache2/modules';
    File::Path::make_path("$self->{dir}/htdocs");
    $self->write_conf;
    return $self;
}

sub port { return $_[0]{port_list}[$_[1] // 0] }
sub dir { return $_[0]{dir} }
sub error_log { return "$_[0]{dir}/error_log" }
sub pid { return $_[0]{child} ? $_[0]{child}->pid : undef }
sub url { return 'http://127.0.0.1:' . $_[0]->port }

# --- configuration ---------------------------------------------------------

# Write httpd.conf; with a text, it replaces the old one. Ports stay.
sub write_conf {
    my ($self, $conf) = @_;
    $self->{conf} = $conf if defined $conf;
    $self->{port_list} ||= [_free_ports($self->{ports_wanted})];
    my $text = $self->_head . $self->_replace($self->{conf} // '');
    open my $f, '>', "$self->{dir}/httpd.conf"
        or die "$self->{dir}/httpd.conf: $!\n";
    print $f $text;
    close $f;
    return;
}

sub _free_ports {
    my ($n) = @_;
    my @s = map {
        IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0,
                              Listen => 1) or die "no free port: $!\n";
    } 1 .. $n;
    return map { $_->sockport } @s;
}

sub _replace {
    my ($self, $text) = @_;
    my %w = (%{$self->{words} || {}}, DIR => $self->{dir},
             PORT => $self->{port_list}[0]);
    $w{"PORT$_"} = $self->{port_list}[$_ - 1] for 1 .. @{$self->{port_list}};
    $text =~ s/\@([A-Z]+[0-9]*)\@/$w{$1} \/\/ "\@$1\@"/ge;
    return $text;
}

my %MPM = (
    prefork => <<'END',
StartServers 4
MinSpareServers 2
MaxSpareServers 16
ServerLimit 64
MaxRequestWorkers 64
END
    event => <<'END',
StartServers 2
ServerLimit 4
ThreadsPerChild 16
MinSpareThreads 16
MaxSpareThreads 64
MaxRequestWorkers 64
END
);
$MPM{worker} = $MPM{event};

sub module_path {
    my ($self) = @_;
    return $ENV{SMART_MODULE} // "$self->{top}/.out/module/mod_smart.so";
}

sub _head {
    my ($self) = @_;
    my %seen;
    my $smart = $self->{smart} // 1;
    die 'the module under test is missing: ' . $self->module_path . "\n"
        if $smart && !-e $self->module_path;
    my @load = grep { !$seen{$_}++ } @{$self->{first} || []},
        "mpm_$self->{mpm}", @MODULES, @{$self->{modules}},
        $smart ? 'smart' : ();
    my @loaded = map {
        my $file = $_ eq 'smart' ? $self->module_path
            : "$self->{libexec}/mod_$_.so";
        "LoadModule ${_}_module $file\n";
    } @load;
    my $level = $self->{log_level} // 'info';
    $level .= ' smart_module:' . ($self->{smart_log} // 'debug') if $smart;
    my $name = $self->{server_name} // "http://127.0.0.1:$self->{port_list}[0]";
    return join '', "ServerRoot $self->{dir}\n",
        "DefaultRuntimeDir $self->{dir}\n", "PidFile $self->{dir}/httpd.pid\n",
        "ErrorLog $self->{dir}/error_log\n", @loaded, "LogLevel $level\n",
        (map { "Listen 127.0.0.1:$_\n" } @{$self->{port_list}}),
        "ServerName $name\n", "DocumentRoot $self->{dir}/htdocs\n",
        -e '/etc/mime.types' ? "TypesConfig /etc/mime.types\n"
        : "TypesConfig /dev/null\n",
        $MPM{$self->{mpm}} // die("no MPM $self->{mpm}\n"),
        "Timeout 20\nKeepAliveTimeout 5\nMaxKeepAliveRequests 0\n",
        "GracefulShutdownTimeout 10\n",
        $> == 0 ? "User www-data\nGroup www-data\n" : '';
}

sub _command {
    my ($self, @more) = @_;
    return (@{$self->{wrapper} || []}, $self->{binary}, '-d', $self->{dir},
            '-f', "$self->{dir}/httpd.conf",
            (map { ('-D', $_) } @{$self->{defines} || []}), @more);
}

# (exit code, stderr, stdout) of httpd -t.
sub configtest {
    my ($self) = @_;
    my @out = map { "$self->{dir}/configtest.$_" } qw(err out);
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        @ENV{keys %{$self->{env}}} = values %{$self->{env}} if $self->{env};
        open STDERR, '>', $out[0];
        open STDOUT, '>', $out[1];
        my @c = $self->_command('-t');
        exec { $c[0] } @c or POSIX::_exit(127);
    }
    local $?;
    waitpid $pid, 0;
    my $rc = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    return ($rc, map { _slurp($_) } @out);
}

sub _slurp {
    my ($path) = @_;
    open my $f, '<', $path or return '';
    local $/;
    return scalar(<$f>) // '';
}

# --- life ------------------------------------------------------------------

# Start and wait until it answers; dies with the reason when it does not.
sub start {
    my ($self) = @_;
    for my $try (1 .. 3) {
        my $from = -s $self->error_log || 0;
        unlink "$self->{dir}/httpd.err";
        $self->{child} = Smart::Child->start(
            name => 'httpd', dir => $self->{dir}, env => $self->{env},
            command => [$self->_command($self->{single} ? '-X'
                                        : '-DFOREGROUND')]);
        $running{$self->{child}->pid} = [$self->{dir}, $self->{child}, $$];
        return $self if $self->_ready;
        my $why = $self->{child}->errors . substr $self->log_text, $from;
        $self->stop;
        die "httpd did not start:\n$why\n"
            if $try == 3 || $why !~ /Address already in use/;
        $self->{port_list} = undef;
        $self->write_conf;
    }
    return;
}

sub _ready {
    my ($self) = @_;
    my $until = time() + ($self->{wrapper} ? 60 : 15);
    while (time() < $until) {
        return 0 if defined $self->{child}->ended;
        if ($self->{single} || -s "$self->{dir}/httpd.pid") {
            return 1 if IO::Socket::INET->new(
                PeerAddr => '127.0.0.1', PeerPort => $self->port,
                Timeout => 2);
        }
        sleep 0.02;
    }
    return 0;
}

sub stop {
    my ($self) = @_;
    my $c = delete $self->{child} or return;
    delete $running{$c->pid};
    my @kids = _children($c->pid);
    $c->stop(15);
    # Children of a killed parent are ours as well.
    for my $kid (@kids) {
        kill 'KILL', $kid if _name($kid) =~ /apache2|httpd/;
    }
    return;
}

# New generation by USR1; returns when it has said so in the log.
sub graceful {
    my ($self, $signal) = @_;
    my $from = -s $self->error_log || 0;
    $self->{child}->signal($signal // 'USR1');
    my $until = time() + 15;
    while (time() < $until) {
        return 1 if substr($self->log_text, $from)
            =~ /resuming normal operations/;
        return 0 if defined $self->{child}->ended;
        sleep 0.02;
    }
    return 0;
}

sub restart { return $_[0]->graceful('HUP') }

sub running { my ($s) = @_; return $s->{child} && !defined $s->{child}->ended }

# Pids of its children.
sub children { return _children($_[0]->pid) }

sub _children {
    my ($pid) = @_;
    return grep { _parent($_) == $pid }
        map { m{/proc/(\d+)\z} } glob '/proc/[0-9]*';
}

sub _stat {
    my $s = _slurp("/proc/$_[0]/stat");
    return $s =~ /\A\d+ \((.*)\) \S (\d+)/s ? ($1, $2) : ('', 0);
}
sub _parent { return (_stat($_[0]))[1] }
sub _name { return (_stat($_[0]))[0] }

# Stop whatever still runs below a folder.
sub stop_below {
    my ($dir) = @_;
    for (values %running) {
        my ($at, $child, $owner) = @$_;
        $child->stop(15) if $child && $owner == $$ && index($at, $dir) == 0;
    }
    return;
}

sub DESTROY {
    my ($self) = @_;
    return if $$ != $self->{owner};
    local ($?, $@, $!);
    $self->stop;
    return;
}

# --- use -------------------------------------------------------------------

# The error log, or what came after a mark().
sub log_text { return _slurp($_[0]->error_log) }
sub mark { return $_[0]{mark} = -s $_[0]->error_log || 0 }
sub log_since { return substr $_[0]->log_text, $_[0]{mark} // 0 }

# A client of it; options as for Smart::Client.
sub client {
    my ($self, %o) = @_;
    return Smart::Client->new(port => $self->port, %o);
}

# One request on a connection of its own, with a token unless undef.
sub request {
    my ($self, $method, $target, $token, $headers, $body) = @_;
    my @h = @{$headers || []};
    @h = map { @$_ } @h if @h && ref $h[0];
    unshift @h, 'Authorization', "Bearer $token" if defined $token;
    my $c = $self->client;
    my $r = $c->request($method, $target, \@h, $body);
    $c->close;
    return $r;
}

sub get {
    my ($self, $target, $token, $headers) = @_;
    return $self->request('GET', $target, $token, $headers);
}

1;
