# SPDX-License-Identifier: Apache-2.0
# A real redis-server or memcached on a free loopback port, with nothing on
# disk, as a child of the test; and what a test wants to do to it.
#
#   my $s = Smart::Store->new('redis', $dir);
#   $s->keys; $s->get($key); $s->set($key, $value); $s->flush;
#   $s->signal('STOP'); $s->kill; $s->revive;
package Smart::Store;
use strict;
use warnings;
use IO::Socket::INET;
use Smart::Child ();
use Time::HiRes qw(time sleep);

my %PROGRAM = (redis => '/usr/bin/redis-server',
               memcache => '/usr/bin/memcached');

sub new {
    my ($class, $kind, $dir) = @_;
    -x $PROGRAM{$kind}
        or die "$PROGRAM{$kind} is missing: build/install-deps test\n";
    my $self = bless { kind => $kind, dir => $dir, port => _free_port() },
        $class;
    $self->revive;
    return $self;
}

sub _free_port {
    my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0,
                                  Listen => 1) or die "no free port: $!\n";
    return $s->sockport;
}

sub port { return $_[0]{port} }

# As SmartCacheShared wants it.
sub spec { return "$_[0]{kind}:127.0.0.1:$_[0]{port}" }

sub _command {
    my ($self) = @_;
    my $port = $self->{port};
    return $self->{kind} eq 'redis'
        ? ($PROGRAM{redis}, '--port', $port, '--bind', '127.0.0.1', '--save',
           '', '--appendonly', 'no', '--dir', $self->{dir}, '--logfile',
           "$self->{dir}/redis.log", '--enable-debug-command', 'local')
        : ($PROGRAM{memcache}, '-l', '127.0.0.1', '-p', $port, '-U', 0, '-m',
           16, $> == 0 ? ('-u', 'nobody') : ());
}

# Start, on the same port.
sub revive {
    my ($self) = @_;
    $self->{child} = Smart::Child->start(name => $self->{kind},
        dir => $self->{dir}, command => [$self->_command]);
    my $until = time() + 10;
    while (time() < $until) {
        return $self if $self->_connect;
        die "$self->{kind} did not start: " . $self->{child}->errors . "\n"
            if defined $self->{child}->ended;
        sleep 0.02;
    }
    die "$self->{kind} does not answer\n";
}

sub signal { my ($self, $s) = @_; return $self->{child}->signal($s) }

sub kill {
    my ($self) = @_;
    delete $self->{socket};
    $self->{child}->signal('KILL');
    $self->{child}->wait(5);
    return;
}

# --- commands ----------------------------------------------------------------

sub _connect {
    my ($self) = @_;
    return $self->{socket} = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Timeout => 2);
}

sub _line {
    my ($self) = @_;
    my $s = $self->{socket};
    my $line = <$s> // die "$self->{kind}: connection lost\n";
    $line =~ s/\r\n\z//;
    return $line;
}

sub _bytes {
    my ($self, $n) = @_;
    my $s = $self->{socket};
    my $buf = '';
    read($s, $buf, $n + 2) == $n + 2 or die "$self->{kind}: cut short\n";
    return substr $buf, 0, $n;
}

# One command of redis: [words] -> reply; dies on an error.
sub redis {
    my ($self, @words) = @_;
    my $s = $self->{socket} || $self->_connect or die "redis: $!\n";
    print $s '*' . @words . "\r\n",
        map { '$' . length($_) . "\r\n$_\r\n" } @words;
    return $self->_reply;
}

sub _reply {
    my ($self) = @_;
    my $line = $self->_line;
    my ($type, $rest) = $line =~ /\A([-+:\$*])(.*)\z/ or die "redis: $line\n";
    die "redis: $rest\n" if $type eq '-';
    return $rest if $type =~ /[+:]/;
    return undef if $rest < 0;
    return $type eq '$' ? $self->_bytes($rest)
        : [map { $self->_reply } 1 .. $rest];
}

# One command of memcached, without a reply longer than a line, or a value.
sub _memcache {
    my ($self, $command, $end) = @_;
    my $s = $self->{socket} || $self->_connect or die "memcached: $!\n";
    print $s $command;
    my @lines;
    while (1) {
        my $line = $self->_line;
        return $self->_value($1) if $line =~ /\AVALUE \S+ \d+ (\d+)/;
        return \@lines if $line =~ $end;
        push @lines, $line;
    }
}

sub _value {
    my ($self, $n) = @_;
    my $value = $self->_bytes($n);
    $self->_line; # END
    return $value;
}

sub keys {
    my ($self) = @_;
    return sort @{$self->redis(KEYS => '*')} if $self->{kind} eq 'redis';
    return sort map { /\Akey=(\S+)/ ? $1 =~ s{%3A}{:}r : () }
        @{$self->_memcache("lru_crawler metadump all\r\n", qr/\AEND/)};
}

sub get {
    my ($self, $key) = @_;
    return $self->redis(GET => $key) if $self->{kind} eq 'redis';
    my $got = $self->_memcache("get $key\r\n", qr/\AEND/);
    return ref $got ? undef : $got;
}

# Kept for a minute.
sub set {
    my ($self, $key, $value) = @_;
    return $self->redis(SETEX => $key, 60, $value) if $self->{kind} eq 'redis';
    return $self->_memcache("set $key 0 60 " . length($value)
                            . "\r\n$value\r\n", qr/\A(?:STORED|[A-Z_]*ERROR)/);
}

sub flush {
    my ($self) = @_;
    return $self->redis('FLUSHALL') if $self->{kind} eq 'redis';
    return $self->_memcache("flush_all\r\n", qr/\AOK/);
}

1;
