# SPDX-License-Identifier: Apache-2.0
# A raw-socket HTTP/1.1 client for tests. It sends what it is told, byte by
# byte if need be, and hides nothing of what comes back.
#
#   my $c = Smart::Client->new(port => $port);
#   my $r = $c->request(GET => '/fhir/Patient/pat-1', [Accept => '*/*']);
#   my $r = $c->raw("GET /x HTTP/1.1\r\n\r\n");
#   my @r = $c->parallel([GET => '/a'], [GET => '/b', \@headers, $body]);
#
# A response is a Smart::Client::Response: status (0: none came), reason,
# headers [[name, value]], body, connection_reused, sent_at, first_byte_at,
# done_at (epoch seconds), elapsed, error (text, or undef), complete.
package Smart::Client;
use strict;
use warnings;
use Errno qw(EAGAIN EWOULDBLOCK EINTR EINPROGRESS);
use IO::Select ();
use IO::Socket::INET;
use Time::HiRes qw(time);

# Options: port, host (127.0.0.1), timeout (seconds, 10), name (Host header),
# tls (hash for IO::Socket::SSL, or 1 for no verification).
sub new {
    my ($class, %o) = @_;
    return bless { host => '127.0.0.1', timeout => 10, %o }, $class;
}

# Bytes of a request. Host, and Content-Length where there is a body, are
# added unless given; headers are a flat list or a list of pairs.
sub bytes {
    my ($self, $method, $target, $headers, $body) = @_;
    my @h = _pairs($headers);
    my %have = map { (lc $_->[0] => 1) } @h;
    unshift @h, ['Host', $self->{name} // "$self->{host}:$self->{port}"]
        if !$have{host};
    push @h, ['Content-Length', length $body]
        if defined $body && !$have{'content-length'}
        && !$have{'transfer-encoding'};
    return join '', "$method $target HTTP/1.1\r\n",
        (map { "$_->[0]: $_->[1]\r\n" } @h), "\r\n", $body // '';
}

sub _pairs {
    my ($h) = @_;
    return () if !$h;
    return @$h if @$h && ref $h->[0];
    my @flat = @$h;
    my @out;
    push @out, [splice @flat, 0, 2] while @flat;
    return @out;
}

# One request; the connection is kept and used again where both sides allow.
# A kept connection that turns out closed is replaced once.
sub request {
    my ($self, $method, $target, $headers, $body) = @_;
    my $bytes = $self->bytes($method, $target, $headers, $body);
    my $reused = $self->{sock} ? 1 : 0;
    my $r = $self->_exchange($bytes, $method eq 'HEAD');
    $r = $self->_exchange($bytes, $method eq 'HEAD')
        if $reused && !$r->{status} && ($r->{error} // '') eq 'closed';
    return $r;
}

# Send bytes as they are and read one response. Options: head (the answer has
# no body), keep (go on with the connection afterwards), new (1: fresh
# connection first, the default), pieces => [bytes...] and gap => s instead of
# one write, shutdown (end our side after sending).
sub raw {
    my ($self, $bytes, %o) = @_;
    $self->close if $o{new} // 1;
    my $r = $self->_exchange($bytes, $o{head}, %o);
    $self->close if !$o{keep};
    return $r;
}

# The next response on the connection, as after a pipelined raw().
sub next_response {
    my ($self, %o) = @_;
    return _read($self, time(), $o{head}, 1);
}

sub close {
    my ($self) = @_;
    my $s = delete $self->{sock};
    CORE::close $s if $s;
    $self->{in} = '';
    return;
}

sub _connect {
    my ($self) = @_;
    my %to = (PeerAddr => $self->{host}, PeerPort => $self->{port},
              Proto => 'tcp', Timeout => $self->{timeout});
    $self->{in} = '';
    if (!$self->{tls}) { return $self->{sock} = IO::Socket::INET->new(%to) }
    require IO::Socket::SSL;
    my %tls = ref $self->{tls} ? %{$self->{tls}} : (SSL_verify_mode => 0);
    return $self->{sock} = IO::Socket::SSL->new(%to, %tls);
}

sub _exchange {
    my ($self, $bytes, $head, %o) = @_;
    my $start = time();
    my $reused = $self->{sock} ? 1 : 0;
    $self->{sock} || $self->_connect
        or return _response({ error => "connect: $!", sent_at => $start });
    local $SIG{PIPE} = 'IGNORE';
    for my $piece ($o{pieces} ? @{$o{pieces}} : $bytes) {
        select undef, undef, undef, $o{gap} if $o{gap};
        my $at = 0;
        while ($at < length $piece) {
            my $n = syswrite $self->{sock}, $piece, length($piece) - $at, $at;
            last if !defined $n; # an early answer may be there all the same
            $at += $n;
        }
    }
    shutdown $self->{sock}, 1 if $o{shutdown};
    return _read($self, $start, $head, $reused);
}

sub _read {
    my ($self, $start, $head, $reused) = @_;
    my $r = { sent_at => $start, connection_reused => $reused };
    my $until = time() + $self->{timeout};
    my $p = Smart::Client::Parser->new($head, \$self->{in});
    while (!$p->done) {
        my $left = $until - time();
        my $pending = $self->{tls} && $self->{sock}->pending;
        if (!$pending && ($left <= 0
            || !IO::Select->new($self->{sock})->can_read($left))) {
            $r->{error} = 'timeout';
            last;
        }
        my $n = sysread $self->{sock}, $self->{in}, 65536, length $self->{in};
        next if !defined $n && ($!{EAGAIN} || $!{EINTR});
        if (!$n) {
            $p->end;
            $r->{error} = defined $n ? 'closed' : "$!" if !$p->done;
            last;
        }
        $r->{first_byte_at} //= time();
    }
    $r->{error} = $p->{bad} if $p->{bad};
    %$r = (%$r, $p->result);
    $self->close if $r->{error} || !$p->{keep};
    return _response($r);
}

sub _response {
    my ($r) = @_;
    $r->{done_at} = time();
    $r->{elapsed} = $r->{done_at} - $r->{sent_at};
    $r->{status} //= 0;
    $r->{headers} ||= [];
    $r->{body} //= '';
    return bless $r, 'Smart::Client::Response';
}

# Requests at the same time, each on a connection of its own: all are opened
# before the first is sent. Takes [method, target, headers, body] or
# {bytes => ..., head => bool}; gives the responses in that order. No TLS.
sub parallel {
    my ($self, @specs) = @_;
    my (@all, %by_fd);
    my $until = time() + $self->{timeout};
    for my $spec (@specs) {
        my $x = ref $spec eq 'HASH' ? { out => $spec->{bytes},
                                        head => $spec->{head} }
            : { out => $self->bytes(@$spec), head => $spec->[0] eq 'HEAD' };
        $x->{in} = '';
        $x->{p} = Smart::Client::Parser->new($x->{head}, \$x->{in});
        $x->{sock} = IO::Socket::INET->new(
            PeerAddr => $self->{host}, PeerPort => $self->{port},
            Proto => 'tcp', Timeout => $self->{timeout});
        $x->{r} = { connection_reused => 0, sent_at => time() };
        if ($x->{sock}) {
            $x->{sock}->blocking(0);
            $by_fd{fileno $x->{sock}} = $x;
        }
        else { $x->{r}{error} = "connect: $!" }
        push @all, $x;
    }
    local $SIG{PIPE} = 'IGNORE';
    while (%by_fd && (my $left = $until - time()) > 0) {
        my ($rv, $wv) = ('', '');
        for my $fd (keys %by_fd) {
            vec($rv, $fd, 1) = 1;
            vec($wv, $fd, 1) = 1 if length $by_fd{$fd}{out};
        }
        select $rv, $wv, undef, $left;
        for my $fd (keys %by_fd) {
            my $x = $by_fd{$fd};
            _push($x) if vec($wv, $fd, 1);
            _pull($x) if vec($rv, $fd, 1);
            delete $by_fd{$fd} if $x->{closed};
        }
    }
    $_->{r}{error} //= 'timeout' for values %by_fd;
    return map { $self->_parallel_result($_) } @all;
}

sub _push {
    my ($x) = @_;
    if (!$x->{started}++) { $x->{r}{sent_at} = time() }
    my $n = syswrite $x->{sock}, $x->{out};
    if (defined $n) { substr $x->{out}, 0, $n, '' }
    elsif (!$!{EAGAIN} && !$!{EINTR}) { $x->{out} = '' }
    return;
}

sub _pull {
    my ($x) = @_;
    my $n = sysread $x->{sock}, $x->{in}, 65536, length $x->{in};
    return if !defined $n && ($!{EAGAIN} || $!{EINTR});
    $x->{r}{first_byte_at} //= time() if $n;
    $x->{p}->end if !$n;
    if ($x->{p}->done || !$n) {
        $x->{closed} = 1;
        $x->{r}{error} = $x->{p}{bad} // 'closed' if !$x->{p}->done;
        $x->{r}{at} = time();
        CORE::close delete $x->{sock}; # a server may wait for that
    }
    return;
}

sub _parallel_result {
    my ($self, $x) = @_;
    my $at = delete $x->{r}{at};
    CORE::close $x->{sock} if $x->{sock};
    my $r = _response({ %{$x->{r}}, $x->{p}->result });
    @$r{qw(done_at elapsed)} = ($at, $at - $r->{sent_at}) if $at;
    return $r;
}

package Smart::Client::Parser;
use strict;
use warnings;

# Reads one response (and the 1xx before it) from the text at $$in.
sub new {
    my ($class, $head, $in) = @_;
    return bless { head => $head, in => $in, state => 'head', body => '',
                   interim => [] }, $class;
}

sub done {
    my ($self) = @_;
    $self->_head
        while $self->{state} eq 'head' && ${$self->{in}} =~ /\r?\n\r?\n/;
    $self->_body if $self->{state} eq 'body';
    return $self->{state} eq 'done';
}

# The connection is at its end.
sub end {
    my ($self) = @_;
    $self->done;
    $self->{keep} = 0;
    $self->{state} = 'done'
        if $self->{state} eq 'body' && $self->{framing} eq 'close';
    return;
}

sub result {
    my ($self) = @_;
    return (%{$self->{line} || {}}, headers => $self->{headers},
            body => $self->{body}, interim => $self->{interim},
            complete => $self->{state} eq 'done' && !$self->{bad} ? 1 : 0);
}

sub _head {
    my ($self) = @_;
    ${$self->{in}} =~ s/\A(.*?)\r?\n\r?\n//s;
    my ($line, @lines) = split /\r?\n/, $1;
    my ($minor, $status, $reason)
        = ($line // '') =~ m{\AHTTP/1\.([01]) (\d{3}) ?(.*)\z};
    if (!defined $status) {
        @$self{qw(bad state keep)} = ('not HTTP', 'done', 0);
        return;
    }
    my @headers = map { /\A([^:]+):\s*(.*?)\s*\z/s ? [$1, $2] : () } @lines;
    if ($status < 200 && $status != 101) {
        push @{$self->{interim}}, $status;
        return;
    }
    my %h = map { (lc $_->[0] => lc $_->[1]) } @headers;
    $self->{line} = { status => $status + 0, reason => $reason };
    $self->{headers} = \@headers;
    my $conn = $h{connection} // '';
    $self->{keep} = $minor ? $conn !~ /close/ : $conn =~ /keep-alive/;
    $self->{framing}
        = $self->{head} || $status == 204 || $status == 304 ? 'none'
        : ($h{'transfer-encoding'} // '') =~ /chunked/ ? 'chunked'
        : defined $h{'content-length'} ? 'length' : 'close';
    $self->{need} = $h{'content-length'};
    $self->{state} = $self->{framing} eq 'none' ? 'done' : 'body';
    return;
}

sub _body {
    my ($self) = @_;
    my $in = $self->{in};
    if ($self->{framing} ne 'chunked') {
        my $n = $self->{framing} eq 'length'
            ? $self->{need} - length $self->{body} : length $$in;
        $self->{body} .= substr $$in, 0, $n, '';
        $self->{state} = 'done' if $self->{framing} eq 'length'
            && length $self->{body} >= $self->{need};
        return;
    }
    while ($$in =~ /\A([0-9A-Fa-f]+)[^\r\n]*\r\n/) {
        my ($size, $skip) = (hex $1, $+[0]);
        if (!$size) {
            my $rest = substr $$in, $skip;
            $rest =~ /\A(?:[^\r\n]+\r\n)*\r\n/ or return;
            substr $$in, 0, $skip + $+[0], '';
            $self->{state} = 'done';
            return;
        }
        return if length $$in < $skip + $size + 2;
        $self->{body} .= substr $$in, $skip, $size;
        substr $$in, 0, $skip + $size + 2, '';
    }
    return;
}

package Smart::Client::Response;
use strict;
use warnings;
use Smart::FhirStore ();
use Smart::Json ();

sub status { return $_[0]{status} }
sub body { return $_[0]{body} }
sub headers { return @{$_[0]{headers}} }

# Values of a header: all in list context, joined by ", " otherwise.
sub header {
    my ($self, $name) = @_;
    my @v = map { $_->[1] } grep { lc $_->[0] eq lc $name } @{$self->{headers}};
    return wantarray ? @v : @v ? join(', ', @v) : undef;
}

# The body as JSON; undef when it is none.
sub json {
    my ($self) = @_;
    return scalar eval { Smart::Json::json_decode($self->{body}) };
}

# "Type/id" of each canary in headers and body, uncompressed where needed.
sub canaries {
    my ($self) = @_;
    my $body = $self->{body};
    if (($self->header('Content-Encoding') // '') =~ /gzip/) {
        require IO::Uncompress::Gunzip;
        my $plain;
        IO::Uncompress::Gunzip::gunzip(\$body => \$plain);
        $body = $plain // $body;
    }
    return Smart::FhirStore::canaries(
        join "\n", $body, map { "$_->[0]: $_->[1]" } @{$self->{headers}});
}

1;
