# SPDX-License-Identifier: Apache-2.0
#
# What every scenario works with: the authorization server, the servers under
# test, tokens, load, and the list of what went wrong. One of it per run.
#
#   $lab->{o}       options of bench.pl and the folders and files it found
#   $lab->{as}      the authorization server (Bench::As)
#   $lab->{errors}  what makes the run invalid, in words
#
# A scenario is a package with
#   run($lab, @names)  -> its result, a structure that JSON can hold
#   table($result)     -> Markdown
#   targets($result)   -> rows of Bench::Report::targets
# It may die: what it has started is stopped and the others go on.
package Bench::Lab;

use strict;
use warnings;
use JSON::PP ();
use Bench::As;
use Bench::Server;

our $URI = '/fhir/Observation/obs-1';

sub new {
    my ($class, $o) = @_;
    my $self = bless { o => $o, errors => [], running => [], files => 0 },
        $class;
    $o->{docroot} = "$o->{dir}/htdocs";
    mkdir $_ for $o->{docroot}, "$o->{docroot}/fhir",
        "$o->{docroot}/fhir/Observation";
    open my $f, '>', "$o->{docroot}$URI" or die "$o->{docroot}$URI: $!\n";
    print $f qq({"resourceType":"Observation","id":"obs-1"}\r\n);
    close $f or die "$o->{docroot}$URI: $!\n";
    $self->{as} = Bench::As->start("$o->{out}/as", @{ $o->{pin_load} // [] });
    $o->{as_port} = $self->{as}->port;
    return $self;
}

sub problem {
    my ($self, $text) = @_;
    chomp $text;
    push @{ $self->{errors} }, $text;
    print STDERR "bench: $text\n";
}

sub note {
    my ($self, @text) = @_;
    print STDERR "bench: @text\n";
}

# mod_auth_openidc introspects over https only: an httpd with a certificate of
# its own in front of the authorization server. Cached tokens never reach it.
sub start_tls {
    my ($self) = @_;
    my $o = $self->{o};
    $self->{tls} = Bench::Server->new('tls', %$o, tokens => 0,
        pin_server => $o->{pin_load}, threads => 512);
    eval { $self->{tls}->start; 1 } or $self->problem($@);
    $o->{tls_port} = $self->{tls}->port;
}

# A file of n tokens that no server has seen, but the same in every run. 43
# characters, as of a 256-bit random token: no long common beginning that
# would make comparing them dearer than in life. All begin as asked for.
sub tokens {
    my ($self, $n, $begin) = @_;
    my $id = ++$self->{files};
    my $file = "$self->{o}{dir}/tokens-$id-$n";
    my @set = ('A' .. 'Z', 'a' .. 'z', 0 .. 9, '-', '_');
    srand 20120211 + $id;
    open my $f, '>', $file or die "$file: $!\n";
    for my $i (1 .. $n) {
        my $t = "x$id.$i"; # unique whatever the generator does
        $t = $set[ rand 64 ] . $t while length $t < 43;
        substr($t, 0, length $begin) = $begin if defined $begin;
        print $f "$t\n";
    }
    close $f or die "$file: $!\n";
    return $file;
}

# A server that was started; stop_all() ends it.
sub server {
    my ($self, $name, %with) = @_;
    my $s = Bench::Server->new($name, %{ $self->{o} }, tokens => 64, %with);
    push @{ $self->{running} }, $s;
    $s->start(@{ $with{wrap} // [] });
    return $s;
}

sub stop_all { $_->stop for splice @{ $_[0]{running} } }

# Starts load on a server; load_end() gives its JSON, or dies with what load
# printed when an answer was not as expected. With each => 1 the JSON holds
# each => [[due ns, ns, status], ...].
sub load_start {
    my ($self, $server, %with) = @_;
    my $each = delete $with{each}
        ? "$self->{o}{dir}/each-" . ++$self->{files} : undef;
    $with{each} = $each if defined $each;
    my %flag = map { delete $with{$_} ? ($_ => 1) : () }
        qw(tolerant introspect);
    my $path = delete $with{path} // $URI;
    my @args = ((map { ("--$_", $with{$_}) } sort keys %with),
        map { "--$_" } sort keys %flag);
    my $port = ref $server ? $server->port : $server;
    $path = '/introspect' if $flag{introspect};
    open my $p, '-|', @{ $self->{o}{pin_load} // [] }, "$self->{o}{out}/load",
        '--port', $port, '--path', $path, @args or die "load: $!\n";
    return { pipe => $p, each => $each,
        title => ref $server ? $server->title : 'authorization server' };
}

sub load_end {
    my ($self, $load) = @_;
    local $/;
    my $json = readline $load->{pipe};
    close $load->{pipe} or die "$load->{title}: load failed\n";
    my $r = JSON::PP::decode_json($json);
    return $r if !defined $load->{each};
    open my $f, '<', $load->{each} or die "$load->{each}: $!\n";
    $/ = "\n";
    $r->{each} = [ map { [split] } <$f> ];
    unlink $load->{each};
    return $r;
}

sub load {
    my ($self, @args) = @_;
    return $self->load_end($self->load_start(@args));
}

# "3 of 100 requests failed (0: 1, 503: 2)"; 0 is a connection that closed.
sub failures {
    my ($self, @loads) = @_;
    my (%n, $all);
    for my $l (@loads) {
        $all += $l->{requests};
        $n{$_} += $l->{statuses}{$_} for keys %{ $l->{statuses} };
    }
    delete $n{200};
    my $failed = 0;
    $failed += $_ for values %n;
    return if !$failed;
    return "$failed of $all requests failed ("
        . join(', ', map { "$_: $n{$_}" } sort keys %n) . ')';
}

sub check_refuses {
    my ($self, $s) = @_;
    return if $s->{name} eq 'bare';
    my $st = $s->status($URI);
    die $s->title . ": $st without a token, expected 401\n" if $st != 401;
    $st = $s->status($URI, 'dead-token');
    die $s->title . ": $st with an inactive token, expected 401\n"
        if $st != 401;
}

# Every token once; the server must have asked about each exactly once. Bare
# httpd has nothing to learn: it is only warmed up.
sub fill {
    my ($self, $s, $n, $file, $connections) = @_;
    my $bare = $s->{name} eq 'bare';
    my $before = $self->{as}->calls;
    my $r = $self->load($s, requests => $bare && $n > 1000 ? 1000 : $n,
        tokens => $file, connections => $connections, timeout => 1800);
    my $calls = $self->{as}->calls - $before;
    my $want = $bare ? 0 : $n;
    $self->problem($s->title . ": $calls introspections for $want new tokens")
        if $calls != $want;
    return $r;
}

sub end {
    my ($self) = @_;
    $self->stop_all;
    $self->{tls}->stop if $self->{tls};
    $self->{as}->end;
}

1;
