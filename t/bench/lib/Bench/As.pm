# SPDX-License-Identifier: Apache-2.0
#
# The authorization server of the benchmark (as.c): its start and end, how
# slow it is, how often it was asked, and an outage on demand.
#
# Invariants
#  1. Only the process started here is signalled, by id.
#  2. end() lets a stopped one go on first: it can not outlive the benchmark.
package Bench::As;

use strict;
use warnings;
use IO::Socket::INET;
use JSON::PP ();

# start(program, words before it)
sub start {
    my ($class, $program, @pin) = @_;
    my $pid = open my $out, '-|', @pin, $program or die "as: $!\n";
    my $self = bless { pid => $pid, out => $out }, $class;
    ($self->{port}) = (<$out> // '') =~ /^port (\d+)/
        or die "the authorization server did not start\n";
    return $self;
}

sub port { $_[0]{port} }

sub _ask {
    my ($self, $request) = @_;
    my $s = IO::Socket::INET->new("127.0.0.1:$self->{port}")
        or die "the authorization server is gone\n";
    print $s "$request HTTP/1.1\r\nConnection: close\r\n\r\n";
    local $/;
    my ($body) = (<$s> // '') =~ m{^HTTP/1\.1 200 .*?\r\n\r\n(.*)}s
        or die "the authorization server refused $request\n";
    return $body eq '' ? {} : JSON::PP::decode_json($body);
}

# How many introspections it was asked for since its start.
sub calls { return $_[0]->_ask('GET /count')->{introspections} }

# From now on an introspection takes this long; times() starts anew.
sub think {
    my ($self, $us) = @_;
    $self->_ask(sprintf 'PUT /think/%d', $us);
}

# What the introspections since think() really took, in order, microseconds.
sub times { return map { $_ / 1000 } @{ $_[0]->_ask('GET /times')->{ns} } }

# The kernel goes on accepting connections; nothing is read or answered.
sub outage  { kill 'STOP', $_[0]{pid} }
sub recover { kill 'CONT', $_[0]{pid} }

sub end {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    kill 'CONT', $pid;
    kill 'TERM', $pid;
    waitpid $pid, 0;
}

1;
