# SPDX-License-Identifier: Apache-2.0
# Asks an httpd of the lab and tests what came of it: the answer, and what
# reached the backend.
#
#   my $p = Smart::Probe->new(lab => $lab, port => $port, http2 => 0);
#   $p->refused('foreign', 403, GET => '/fhir/Patient/pat-2', $token);
#   $p->permitted('own', 'Patient/pat-1', GET => '/fhir/Patient/pat-1', $token);
#
# After the first two arguments come those of a request: method, target,
# token (undef: none), headers, body.
package Smart::Probe;
use strict;
use warnings;
use Test::More ();
use Smart::Client ();
use Smart::Http2 ();

sub new {
    my ($class, %o) = @_;
    my $client = $o{http2} ? 'Smart::Http2' : 'Smart::Client';
    return bless { %o, client => $client->new(port => $o{port}) }, $class;
}

sub http2 { return $_[0]{http2} }
sub port { return $_[0]{port} }

# One request on a connection of its own.
sub ask {
    my ($self, $method, $target, $token, $headers, $body) = @_;
    my @h = @{$headers || []};
    @h = map { @$_ } @h if @h && ref $h[0];
    unshift @h, 'Authorization', "Bearer $token" if defined $token;
    my $r = $self->{client}->request($method, $target, \@h, $body);
    $self->{client}->close;
    return $r;
}

sub _tell {
    my ($r, $hits, $writes) = @_;
    return join ', ', "status $r->{status}" . ($r->{error} // ''),
        "$hits reached the backend", "$writes writes",
        'canaries: ' . (join(' ', $r->canaries) || 'none');
}

# Ask, and count what reached the backend meanwhile.
sub counted {
    my ($self, @request) = @_;
    my $lab = $self->{lab};
    my $before = $lab->control(fhir => 'writes');
    my $r = $self->ask(@request);
    my $after = $lab->control(fhir => 'writes');
    return ($r, map { $after->{$_} - $before->{$_} } qw(hits writes));
}

# The answer has this status (a number, a pattern; undef: any of 4xx), shows
# no canary, and nothing reached the backend. Returns the answer.
sub refused {
    my ($self, $name, $status, @request) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($r, $hits, $writes) = $self->counted(@request);
    my $want = ref $status ? $status : $status // '4\d\d';
    my $ok = $r->status =~ /\A(?:$want)\z/ && !$hits && !$r->canaries;
    Test::More::ok($ok, $name)
        or Test::More::diag("wanted: refused with $want; got: "
                            . _tell($r, $hits, $writes));
    return $r;
}

# Whatever the answer, no canary is in it and nothing reached the backend.
sub sealed {
    my ($self, $name, @request) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return $self->refused($name, qr/\d+/, @request);
}

# The answer is 200 with exactly these canaries (a text as of canaries(), ""
# for none), from the backend. Returns the answer.
sub permitted {
    my ($self, $name, $canaries, @request) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($r, $hits, $writes) = $self->counted(@request);
    my $ok = $r->status == 200 && $hits == 1
        && join(' ', $r->canaries) eq $canaries;
    Test::More::ok($ok, $name)
        or Test::More::diag("wanted: 200 with '$canaries'; got: "
                            . _tell($r, $hits, $writes));
    return $r;
}

# The answer is ours or httpd's, with this status, and not the backend's.
sub answered {
    my ($self, $name, $status, @request) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($r, $hits) = $self->counted(@request);
    Test::More::is($r->status . ($hits ? ' from the backend' : ''), $status,
                   $name);
    return $r;
}

1;
