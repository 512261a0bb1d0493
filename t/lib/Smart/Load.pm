# SPDX-License-Identifier: Apache-2.0
# Requests in the background, while a test does something to the server. Each
# answer is held to what it has to be; nothing is retried.
#
#   my $load = Smart::Load->start($httpd, requests => [
#       { target => '/fhir/Patient/pat-1', token => $t, status => 200,
#         body => 'pat-1' }, ...]);
#   sleep 2;
#   my $r = $load->stop;
#   print $r->count('right'), $r->p(.99), $r->said;
#
# Options: requests (used in turn, from the first again), connections (8), rate
# (requests a second; 0: each connection sends when it has its answer), timeout
# (20 s, then an answer is "hung").
#
# With a rate, the time of a request counts from when it was due, also while it
# waits for a connection: a server that stalls shows in all that came meanwhile.
#
# What may become of a request:
#   right    the status, and the text in the body
#   wrong    another one
#   broken   an answer that ends before it is whole, or none
#   closed   none, on a kept connection that was closed within 200 ms: it crossed
#            the request, as a server may do at any time between two of them
#   hung     no answer in time
package Smart::Load;
use strict;
use warnings;
use IO::Socket::INET;
use List::Util qw(min);
use POSIX ();
use Smart::Client ();
use Time::HiRes qw(time sleep);

sub start {
    my ($class, $httpd, %o) = @_;
    my $file = $httpd->dir . '/load-' . ++$httpd->{loads};
    my $self = bless { connections => 8, rate => 0, timeout => 20, %o,
                       port => $httpd->port, file => $file, owner => $$ },
        $class;
    pipe my $r, my $w or die "pipe: $!\n";
    $self->{pid} = fork // die "fork: $!\n";
    if (!$self->{pid}) {
        close $w;
        eval { $self->_run($r); 1 } or print STDERR "load: $@";
        POSIX::_exit(0);
    }
    close $r;
    $self->{end} = $w;
    return $self;
}

# No more requests; waits for the answers of those under way.
sub stop {
    my ($self) = @_;
    close delete $self->{end};
    waitpid $self->{pid}, 0;
    open my $f, '<', $self->{file} or die "load: no result\n";
    my @all = map { chomp; my %s;
                    @s{qw(due ms status verdict)} = split / /; \%s } <$f>;
    unlink $self->{file};
    return Smart::Load::Result->new(@all);
}

sub DESTROY {
    my ($self) = @_;
    return if $$ != $self->{owner} || !$self->{end};
    local ($?, $@, $!);
    close $self->{end};
    kill 'KILL', $self->{pid};
    waitpid $self->{pid}, 0;
    return;
}

# --- the process that sends --------------------------------------------------

sub _run {
    my ($self, $end) = @_;
    local $SIG{PIPE} = 'IGNORE';
    $self->{all} = [];
    $self->{sent} = 0;
    $self->{start} = time();
    my @conns = map { {} } 1 .. $self->{connections};
    my $stop = 0;
    until ($stop && !grep { $_->{busy} } @conns) {
        $self->_send(grep { !$_->{busy} } @conns) if !$stop;
        $stop = 1 if $self->_wait($end, $stop, @conns);
    }
    open my $f, '>', $self->{file} or die "$self->{file}: $!\n";
    print $f "@$_\n" for @{$self->{all}};
    close $f;
    return;
}

# When the next request is due.
sub _due {
    my ($self) = @_;
    return $self->{rate} ? $self->{start} + $self->{sent} / $self->{rate}
        : time();
}

sub _send {
    my ($self, @idle) = @_;
    for my $c (@idle) {
        my $due = $self->_due;
        return if $due > time();
        my $want = $self->{requests}[$self->{sent}++ % @{$self->{requests}}];
        $c->{reused} = $c->{sock} ? 1 : 0;
        $c->{sock} ||= IO::Socket::INET->new(
            PeerAddr => '127.0.0.1', PeerPort => $self->{port},
            Proto => 'tcp', Timeout => $self->{timeout});
        @$c{qw(want due busy in at)} = ($want, $due, 1, '', time());
        if (!$c->{sock}) { $self->_over($c, 'broken'); next }
        my $auth = defined $want->{token}
            ? "Authorization: Bearer $want->{token}\r\n" : '';
        syswrite $c->{sock}, "GET $want->{target} HTTP/1.1\r\n"
            . "Host: 127.0.0.1:$self->{port}\r\n$auth\r\n";
        $c->{parser} = Smart::Client::Parser->new(0, \$c->{in});
    }
    return;
}

# True when the test has closed its end of the pipe.
sub _wait {
    my ($self, $end, $stop, @conns) = @_;
    my @busy = grep { $_->{busy} } @conns;
    my @idle = grep { !$_->{busy} && $_->{sock} } @conns;
    my $v = '';
    vec($v, fileno $end, 1) = 1 if !$stop;
    vec($v, fileno $_->{sock}, 1) = 1 for @busy, @idle;
    my $wait = @busy < @conns && !$stop
        ? min(0.1, $self->_due - time()) : 0.1;
    select $v, undef, undef, $wait < 0 ? 0 : $wait;
    # What can be read where nothing is under way is the end; a server may wait
    # for ours.
    for my $c (@idle) {
        delete $c->{sock} if vec($v, fileno $c->{sock}, 1);
    }
    for my $c (@busy) {
        if (vec($v, fileno $c->{sock}, 1)) { $self->_read($c) }
        elsif (time() - $c->{due} > $self->{timeout}) {
            $self->_over($c, 'hung');
        }
    }
    return !$stop && vec($v, fileno $end, 1);
}

sub _read {
    my ($self, $c) = @_;
    my $n = sysread $c->{sock}, $c->{in}, 65536, length $c->{in};
    return if !defined $n && ($!{EAGAIN} || $!{EINTR});
    $c->{some} = 1 if $n;
    $c->{parser}->end if !$n;
    my $done = $c->{parser}->done && !$c->{parser}{bad};
    if ($done) {
        my %r = $c->{parser}->result;
        my $w = $c->{want};
        $c->{status} = $r{status};
        my $right = $r{status} == ($w->{status} // 200)
            && (!defined $w->{body} || index($r{body}, $w->{body}) >= 0);
        return $self->_over($c, $right ? 'right' : 'wrong');
    }
    return if $n;
    my $crossed = $c->{reused} && !$c->{some} && time() - $c->{at} < 0.2;
    return $self->_over($c, $crossed ? 'closed' : 'broken');
}

sub _over {
    my ($self, $c, $verdict) = @_;
    push @{$self->{all}}, [$c->{due}, (time() - $c->{due}) * 1000,
                           $c->{status} // 0, $verdict];
    delete $c->{sock}
        if !$c->{parser} || $verdict !~ /right|wrong/ || !$c->{parser}{keep};
    delete @$c{qw(busy want parser some status)};
    return;
}

package Smart::Load::Result;
use strict;
use warnings;
use POSIX qw(ceil);

sub new { my ($class, @all) = @_; return bless { all => \@all }, $class }

# Those that were due between two times.
sub between {
    my ($self, $from, $to) = @_;
    return __PACKAGE__->new(
        grep { $_->{due} >= $from && $_->{due} < $to } @{$self->{all}});
}

sub all { return @{$_[0]{all}} }

# How many there are, or of one verdict.
sub count {
    my ($self, $verdict) = @_;
    return scalar grep { !defined $verdict || $_->{verdict} eq $verdict }
        @{$self->{all}};
}

# Quantile of the milliseconds of those that were answered.
sub p {
    my ($self, $q) = @_;
    my @ms = sort { $a <=> $b } map { $_->{ms} }
        grep { $_->{verdict} =~ /right|wrong/ } @{$self->{all}};
    return @ms ? $ms[ceil($q * @ms) - 1] : 9**9**9;
}

# What is not right: "3 wrong (503), 1 broken"; "" if all is. Kept connections
# that were closed are not held against the server.
sub bad {
    my ($self) = @_;
    my %n;
    for (@{$self->{all}}) {
        next if $_->{verdict} =~ /right|closed/;
        $n{$_->{verdict} . ($_->{status} ? " ($_->{status})" : '')}++;
    }
    return join ', ', map { "$n{$_} $_" } sort keys %n;
}

# "250 requests, p50 0.9 ms, p99 2.1 ms"
sub said {
    my ($self) = @_;
    return sprintf '%d requests, p50 %.1f ms, p99 %.1f ms', $self->count,
        $self->p(.5), $self->p(.99);
}

1;
