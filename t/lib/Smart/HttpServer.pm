# SPDX-License-Identifier: Apache-2.0
# A small HTTP/1.1 server in one process: select(), non-blocking sockets,
# keep-alive, pipelining, timers. Loopback only: it is for tests, the demo and
# benchmarks, and can misbehave on purpose.
#
#   my $s = Smart::HttpServer->new(handler => sub { my ($req) = @_; ... },
#                                  port => 0);
#   print $s->port; $s->run;
#
# Request given to the handler (a hash):
#   method target path query(undef without "?") version
#   headers [[name, value], ...]   h {lower-case name => values joined by ", "}
#   body (bytes)  time  conn (number of the connection)  seq (1.. on it)
#   client_cert (subject, TLS with a client certificate only)
#
# Response: [status, [[name, value], ...], body] or a hash of
#   status headers body
#   delay => s         answer that much later
#   drip => s          one piece each s seconds, head included
#   drip_bytes => n    size of a piece (1)
#   cut => n           Content-Length of the whole body, n bytes of it, close
#   hang => 1|'body'   never answer; 'body': head and half of the body first
#   close => 1         close without an answer;  reset => 1 the same with RST
#   raw => bytes       these bytes instead of a response, then close
#   stream => sub      returns the next piece, undef at the end; chunked, or
#   length => n          with this Content-Length
#   chunked => 1       body in chunks
#   no_length => 1     body ends with the connection
#   keep_alive => 0    close afterwards
#   later => sub       called with a function that takes the response later
#
# Answers on one connection keep the order of its requests: the next request
# is looked at when the answer before is written.
package Smart::HttpServer;
use strict;
use warnings;
use Errno qw(EAGAIN EWOULDBLOCK EINTR);
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY SOL_SOCKET SO_LINGER);
use Smart::Http qw(http_date http_reason parse_request_head);
use Time::HiRes qw(time);

my $READ = 65536;       # bytes per sysread
my $MAX_AHEAD = 262144; # pipelined bytes kept while an answer is under way

# Options: handler (required), port (0: any), max_header, max_body (bytes),
# max_connections, backlog, parent (pid: stop when it is no longer ours),
# tls => {cert, key, ca, client => 'none|optional|required', options => {}}.
sub new {
    my ($class, %o) = @_;
    my $self = bless {
        handler => $o{handler}, max_header => $o{max_header} // 65536,
        max_body => $o{max_body} // 256 * 1024 * 1024,
        max_connections => $o{max_connections} // 900,
        parent => $o{parent}, tls => $o{tls}, conns => {}, timers => [],
        next_id => 0, accepted => 0, rvec => '', wvec => '', date_at => 0,
    }, $class;
    my $l = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $o{port} // 0, Proto => 'tcp',
        Listen => $o{backlog} // 1024, ReuseAddr => 1)
        or die "cannot listen on 127.0.0.1:" . ($o{port} // 0) . ": $!\n";
    $l->blocking(0);
    $self->{listener} = $l;
    $self->{lfd} = fileno $l;
    vec($self->{rvec}, $self->{lfd}, 1) = 1;
    $self->_load_tls if $self->{tls};
    return $self;
}

sub port { return $_[0]{listener}->sockport }
sub stop { $_[0]{stopped} = 1; return }

# Connections accepted since the start.
sub accepted { return $_[0]{accepted} }

# Run a function in <s> seconds.
sub after {
    my ($self, $s, $sub) = @_;
    my $at = time() + $s;
    my $t = $self->{timers};
    my ($lo, $hi) = (0, scalar @$t);
    while ($lo < $hi) {
        my $mid = ($lo + $hi) >> 1;
        if ($t->[$mid][0] <= $at) { $lo = $mid + 1 }
        else { $hi = $mid }
    }
    splice @$t, $lo, 0, [$at, $sub];
    return;
}

sub run {
    my ($self) = @_;
    local $SIG{PIPE} = 'IGNORE';
    $self->_turn until $self->{stopped};
    $self->_drop($_) for values %{$self->{conns}};
    close $self->{listener};
    return;
}

sub _turn {
    my ($self) = @_;
    my $wait = 0.5;
    my $timers = $self->{timers};
    if (@$timers) {
        my $left = $timers->[0][0] - time();
        $wait = $left < 0 ? 0 : $left if $left < $wait;
    }
    my ($r, $w) = ($self->{rvec}, $self->{wvec});
    my $n = select $r, $w, undef, $wait;
    if (@$timers) {
        my $now = time();
        (shift @$timers)->[1]->() while @$timers && $timers->[0][0] <= $now;
    }
    if ($n > 0) {
        my $bits = unpack 'b*', $w;
        for (my $fd = -1; ($fd = index $bits, '1', $fd + 1) >= 0;) {
            my $c = $self->{conns}{$fd} or next;
            $self->_writable($c);
        }
        $bits = unpack 'b*', $r;
        for (my $fd = -1; ($fd = index $bits, '1', $fd + 1) >= 0;) {
            if ($fd == $self->{lfd}) { $self->_accept; next }
            my $c = $self->{conns}{$fd} or next;
            $self->_readable($c);
        }
    }
    if ($self->{parent} && getppid() != $self->{parent}) { $self->stop }
    return;
}

sub _accept {
    my ($self) = @_;
    while (keys %{$self->{conns}} < $self->{max_connections}) {
        my $s = $self->{listener}->accept or last;
        $s->blocking(0);
        setsockopt $s, IPPROTO_TCP, TCP_NODELAY, 1;
        my $fd = fileno $s;
        my $c = { sock => $s, fd => $fd, id => ++$self->{next_id}, in => '',
                  out => '', state => 'head', seq => 0 };
        $self->{accepted}++;
        $self->{conns}{$fd} = $c;
        vec($self->{rvec}, $fd, 1) = 1;
        $self->_tls_start($c) if $self->{tls};
    }
    # At the limit the listener rests until a connection goes.
    vec($self->{rvec}, $self->{lfd}, 1) = 0
        if keys %{$self->{conns}} >= $self->{max_connections};
    return;
}

sub _drop {
    my ($self, $c, $reset) = @_;
    return if $c->{gone}++;
    vec($self->{rvec}, $c->{fd}, 1) = 0;
    vec($self->{wvec}, $c->{fd}, 1) = 0;
    setsockopt $c->{sock}, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0 if $reset;
    delete $self->{conns}{$c->{fd}};
    # After a handshake that failed it is a plain socket again.
    if ($c->{tls} && $c->{sock}->isa('IO::Socket::SSL')) {
        $c->{sock}->close(SSL_fast_shutdown => 1);
    }
    else { close $c->{sock} }
    delete @$c{qw(sock stream)};
    vec($self->{rvec}, $self->{lfd}, 1) = 1;
    return;
}

# --- reading ---------------------------------------------------------------

sub _readable {
    my ($self, $c) = @_;
    return $self->_tls_step($c) if $c->{handshake};
    my $n;
    do {
        $n = sysread $c->{sock}, $c->{in}, $READ, length $c->{in};
    } while ($c->{tls} && $n && $c->{sock}->pending);
    if (!defined $n) {
        return if $self->_again($c);
        return $self->_drop($c);
    }
    if ($n == 0) {
        # Half-closed clients still get a running answer, but never a hung one.
        $c->{eof} = 1;
        vec($self->{rvec}, $c->{fd}, 1) = 0;
        return $self->_drop($c)
            if $c->{state} eq 'head' || $c->{state} eq 'body' || $c->{hung};
        return;
    }
    if ($c->{state} eq 'linger') { $c->{in} = ''; return }
    if ($c->{state} eq 'busy') {
        vec($self->{rvec}, $c->{fd}, 1) = 0 if length $c->{in} > $MAX_AHEAD;
        return;
    }
    return $self->_advance($c);
}

sub _again {
    my ($self, $c) = @_;
    return 1 if $!{EAGAIN} || $!{EWOULDBLOCK} || $!{EINTR};
    return $c->{tls}
        && ($IO::Socket::SSL::SSL_ERROR == IO::Socket::SSL::SSL_WANT_READ()
            || $IO::Socket::SSL::SSL_ERROR
            == IO::Socket::SSL::SSL_WANT_WRITE());
}

# Take as many whole requests from the input as the answers allow.
sub _advance {
    my ($self, $c) = @_;
    while (!$c->{gone}) {
        if ($c->{state} eq 'head') {
            $c->{in} =~ s/\A(?:\r\n)+// if $c->{seq};
            my $end = index $c->{in}, "\r\n\r\n";
            if ($end < 0 || $end > $self->{max_header}) {
                return $self->_refuse($c, 431)
                    if length $c->{in} > $self->{max_header};
                return;
            }
            my $head = substr $c->{in}, 0, $end + 2;
            substr $c->{in}, 0, $end + 4, '';
            my $bad = $self->_parse_head($c, $head);
            return $self->_refuse($c, $bad) if $bad;
        }
        if ($c->{state} eq 'body') {
            my ($done, $bad) = $self->_take_body($c);
            return $self->_refuse($c, $bad) if $bad;
            return if !$done;
            $c->{state} = 'busy';
            $self->_dispatch($c);
        }
        return if $c->{gone} || $c->{state} ne 'head';
    }
    return;
}

# Fills $c->{req}; returns an error status, or 0.
sub _parse_head {
    my ($self, $c, $head) = @_;
    my $req = parse_request_head($head) or return 400;
    @$req{qw(time conn seq)} = (time(), $c->{id}, ++$c->{seq});
    my $h = $req->{h};
    $req->{client_cert} = $c->{client_cert} if defined $c->{client_cert};
    my $conn = lc($h->{connection} // '');
    $c->{keep} = $req->{version} eq '1.1'
        ? $conn !~ /\bclose\b/ : $conn =~ /\bkeep-alive\b/;
    $c->{req} = $req;
    $c->{chunked} = 0;
    $c->{need} = 0;
    if (defined $h->{'transfer-encoding'}) {
        return 400 if defined $h->{'content-length'};
        return 501 if lc $h->{'transfer-encoding'} ne 'chunked';
        $c->{chunked} = 1;
    }
    elsif (defined $h->{'content-length'}) {
        return 400 if $h->{'content-length'} !~ /\A[0-9]{1,15}\z/;
        $c->{need} = $h->{'content-length'} + 0;
        return 413 if $c->{need} > $self->{max_body};
    }
    if (lc($h->{expect} // '') eq '100-continue'
        && ($c->{chunked} || $c->{need} > length $c->{in})) {
        $c->{out} .= "HTTP/1.1 100 Continue\r\n\r\n";
        $self->_flush($c);
    }
    $c->{state} = 'body';
    return 0;
}

# Returns (done, error status).
sub _take_body {
    my ($self, $c) = @_;
    if (!$c->{chunked}) {
        return (1, 0) if !$c->{need};
        return (0, 0) if length $c->{in} < $c->{need};
        $c->{req}{body} = substr $c->{in}, 0, $c->{need}, '';
        return (1, 0);
    }
    while ($c->{in} =~ /\A([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n/) {
        my ($size, $skip) = (hex $1, $+[0]);
        if ($size == 0) {
            # Trailers are read and dropped.
            my $rest = substr $c->{in}, $skip;
            $rest =~ /\A(?:[^\r\n]+\r\n)*\r\n/ or return (0, 0);
            substr $c->{in}, 0, $skip + $+[0], '';
            return (1, 0);
        }
        return (0, 413)
            if length($c->{req}{body}) + $size > $self->{max_body};
        return (0, 0) if length $c->{in} < $skip + $size + 2;
        return (0, 400) if substr($c->{in}, $skip + $size, 2) ne "\r\n";
        $c->{req}{body} .= substr $c->{in}, $skip, $size;
        substr $c->{in}, 0, $skip + $size + 2, '';
    }
    return (0, 400) if $c->{in} =~ /\A[^\r\n]{256}/ || $c->{in} =~ /\A[^\r]*\n/;
    return (0, 0);
}

# --- answering -------------------------------------------------------------

sub _refuse {
    my ($self, $c, $status) = @_;
    $c->{req} ||= { method => 'GET' };
    $c->{state} = 'busy';
    $c->{keep} = 0;
    $self->_respond($c, [$status, [['Content-Type', 'text/plain']],
                         "$status\n"]);
    return;
}

sub _dispatch {
    my ($self, $c) = @_;
    my $res = eval { $self->{handler}->($c->{req}) };
    if (!$res) {
        my $why = $@ || "handler returned nothing\n";
        print STDERR "handler: $why";
        $res = [500, [['Content-Type', 'text/plain']], $why];
    }
    $self->_respond($c, $res);
    return;
}

sub _respond {
    my ($self, $c, $res) = @_;
    $res = { status => $res->[0], headers => $res->[1], body => $res->[2] }
        if ref $res eq 'ARRAY';
    if ($res->{later}) {
        my $later = $res->{later};
        my $now = 1;
        $later->(sub {
            return if $c->{gone};
            $self->_respond($c, $_[0]);
            # Called after the fact: the next request waits for nobody else.
            $self->_advance($c)
                if !$now && !$c->{gone} && $c->{state} eq 'head';
        });
        $now = 0;
        return;
    }
    if ($res->{delay}) {
        my %rest = %$res;
        my $s = delete $rest{delay};
        $self->after($s, sub {
            return if $c->{gone};
            $self->_respond($c, \%rest);
            $self->_advance($c) if !$c->{gone} && $c->{state} eq 'head';
        });
        return;
    }
    return $self->_drop($c, $res->{reset}) if $res->{close} || $res->{reset};
    if ($res->{hang} && $res->{hang} ne 'body') {
        $c->{hung} = 1;
        $self->_drop($c) if $c->{eof};
        return;
    }
    return $self->_emit($c, $res);
}

sub _emit {
    my ($self, $c, $res) = @_;
    my $keep = $c->{keep} && ($res->{keep_alive} // 1) && !$c->{eof};
    my $bytes;
    if (defined $res->{raw}) {
        $bytes = $res->{raw};
        $keep = 0;
    }
    else {
        my $body = $res->{body} // '';
        my $head_only = $c->{req}{method} eq 'HEAD' || $res->{status} == 304
            || $res->{status} == 204;
        my $framing = '';
        if ($res->{stream} && !defined $res->{length} || $res->{chunked}) {
            $framing = "Transfer-Encoding: chunked\r\n";
            $body = sprintf("%x\r\n%s\r\n", length $body, $body)
                if length $body;
            $body .= "0\r\n\r\n" if !$res->{stream};
            $c->{in_chunks} = 1;
        }
        elsif ($res->{no_length}) { $keep = 0 }
        elsif ($res->{status} != 204 && $res->{status} != 304) {
            $framing = 'Content-Length: '
                . ($res->{length} // length $body) . "\r\n";
        }
        if (defined $res->{cut}) {
            $body = substr $body, 0, $res->{cut};
            $keep = 0;
        }
        if ($res->{hang}) {
            $body = substr $body, 0, int(length($body) / 2);
        }
        $bytes = $self->_head($res, $framing, $keep);
        $bytes .= $body if !$head_only;
        $c->{stream} = $head_only ? undef : $res->{stream};
    }
    $c->{after} = $res->{hang} ? 'hang' : $keep ? 'next' : 'close';
    if ($res->{drip}) { return $self->_drip($c, $res, $bytes) }
    $c->{out} .= $bytes;
    return $self->_flush($c);
}

sub _head {
    my ($self, $res, $framing, $keep) = @_;
    my $now = int time();
    if ($now != $self->{date_at}) {
        $self->{date_at} = $now;
        $self->{date} = 'Date: ' . http_date($now) . "\r\n";
    }
    my $s = $res->{status};
    my $head = "HTTP/1.1 $s " . http_reason($s) . "\r\n"
        . $self->{date} . $framing;
    $head .= "$_->[0]: $_->[1]\r\n" for @{$res->{headers} || []};
    return $head . ($keep ? "\r\n" : "Connection: close\r\n\r\n");
}

sub _drip {
    my ($self, $c, $res, $bytes) = @_;
    my $size = $res->{drip_bytes} || 1;
    my $step;
    $step = sub {
        if ($c->{gone}) { undef $step; return }
        if ($c->{eof}) { undef $step; return $self->_drop($c) }
        $c->{out} .= substr $bytes, 0, $size, '';
        if (length $bytes) {
            $c->{dripping} = 1;
            $self->_flush($c);
            $self->after($res->{drip}, $step);
            return;
        }
        undef $step;
        $c->{dripping} = 0;
        $self->_flush($c);
        $self->_advance($c) if !$c->{gone} && $c->{state} eq 'head';
        return;
    };
    $step->();
    return;
}

sub _writable {
    my ($self, $c) = @_;
    return $self->_tls_step($c) if $c->{handshake};
    my $busy = $c->{state} eq 'busy';
    $self->_flush($c);
    $self->_advance($c) if $busy && !$c->{gone} && $c->{state} eq 'head';
    return;
}

# Write what can be written; at the end of an answer go on to the next.
sub _flush {
    my ($self, $c) = @_;
    for (my $pieces = 0; $pieces < 16; $pieces++) {
        while (length $c->{out}) {
            my $n = syswrite $c->{sock}, $c->{out}, 262144;
            if (!defined $n) {
                return $self->_drop($c) if !$self->_again($c);
                vec($self->{wvec}, $c->{fd}, 1) = 1;
                return;
            }
            substr $c->{out}, 0, $n, '';
        }
        last if !$c->{stream};
        my $piece = $c->{stream}->();
        if (!defined $piece) {
            $c->{stream} = undef;
            $c->{out} = "0\r\n\r\n" if $c->{in_chunks};
        }
        elsif ($c->{in_chunks}) {
            $c->{out} = sprintf "%x\r\n%s\r\n", length $piece, $piece;
        }
        else { $c->{out} = $piece }
    }
    if (length $c->{out} || $c->{stream}) {
        vec($self->{wvec}, $c->{fd}, 1) = 1;
        return;
    }
    vec($self->{wvec}, $c->{fd}, 1) = 0;
    return if $c->{dripping} || $c->{state} ne 'busy' || !$c->{after};
    return $self->_finish($c);
}

sub _finish {
    my ($self, $c) = @_;
    my $what = delete $c->{after};
    $c->{in_chunks} = 0;
    if ($what eq 'next') {
        $c->{state} = 'head';
        vec($self->{rvec}, $c->{fd}, 1) = 1 if !$c->{eof};
        $self->_drop($c) if $c->{eof};
        return;
    }
    if ($what eq 'hang') {
        $c->{hung} = 1;
        $self->_drop($c) if $c->{eof};
        return;
    }
    return $self->_drop($c) if $c->{eof} || $c->{tls};
    # Closing with unread input would send a reset that can overtake the
    # answer: shut down, drain, and drop a little later.
    $c->{state} = 'linger';
    shutdown $c->{sock}, 1;
    vec($self->{rvec}, $c->{fd}, 1) = 1;
    $c->{hung} = 1;
    $self->after(2, sub { $self->_drop($c) });
    return;
}

# --- TLS -------------------------------------------------------------------

sub _load_tls {
    my ($self) = @_;
    require IO::Socket::SSL;
    my $t = $self->{tls};
    my $want = $t->{client} // 'none';
    my $verify
        = $want eq 'none' ? 0
        : $want eq 'optional' ? IO::Socket::SSL::SSL_VERIFY_PEER()
        : IO::Socket::SSL::SSL_VERIFY_PEER()
        | IO::Socket::SSL::SSL_VERIFY_FAIL_IF_NO_PEER_CERT();
    $self->{ctx} = IO::Socket::SSL::SSL_Context->new(
        SSL_server => 1, SSL_cert_file => $t->{cert}, SSL_key_file => $t->{key},
        SSL_verify_mode => $verify,
        ($t->{ca} ? (SSL_ca_file => $t->{ca}) : ()), %{$t->{options} || {}})
        or die "TLS: " . IO::Socket::SSL::errstr() . "\n";
    return;
}

sub _tls_start {
    my ($self, $c) = @_;
    my $s = IO::Socket::SSL->start_SSL($c->{sock}, SSL_server => 1,
        SSL_startHandshake => 0, SSL_reuse_ctx => $self->{ctx});
    return $self->_drop($c) if !$s;
    @$c{qw(sock tls handshake)} = ($s, 1, 1);
    $self->after(5, sub { $self->_drop($c) if $c->{handshake} });
    return;
}

sub _tls_step {
    my ($self, $c) = @_;
    if ($c->{sock}->accept_SSL) {
        $c->{handshake} = 0;
        vec($self->{wvec}, $c->{fd}, 1) = 0;
        $c->{client_cert} = $c->{sock}->peer_certificate('subject')
            if $c->{sock}->peer_certificate;
        return $self->_readable($c) if $c->{sock}->pending;
        return;
    }
    my $e = $IO::Socket::SSL::SSL_ERROR;
    if ($e == IO::Socket::SSL::SSL_WANT_WRITE()) {
        vec($self->{wvec}, $c->{fd}, 1) = 1;
    }
    elsif ($e == IO::Socket::SSL::SSL_WANT_READ()) {
        vec($self->{wvec}, $c->{fd}, 1) = 0;
    }
    else { $self->_drop($c) }
    return;
}

1;
