# SPDX-License-Identifier: Apache-2.0
# A small FHIR R4 server that trusts whoever reaches it: the backend of the
# lab. It has reads, vreads, histories, searches (paging, includes, chains,
# _has), compartments, writes (conditional ones, both patches), batches,
# transactions and a few operations over the fixtures in t/fixtures.
#
# It is as lenient as the worst backend, so that what a gateway lets through
# shows: every body carries the canaries of what it returns (Smart::FhirStore)
# and every change is counted. Quirks, on unless said:
#   path       ;parameters dropped, %-escapes decoded (also %2F), "." ".." "//"
#              and "\" resolved
#   semicolon  ";" separates query parameters like "&"
#   override   X-HTTP-Method-Override, X-HTTP-Method, X-Method-Override and
#              _method on a POST
#   range      Range requests on any answer
#   multiple   conditional delete and patch take all matches
#   case       (off) type and parameter names in any case
#   double     (off) path decoded twice
#   unversioned (off) neither ETag nor meta.versionId
#
# Control (JSON), outside the base path, on the exact raw path only:
#   GET  /control/log      {log: [{time method target path query headers
#                          body_length body conn seq}]} (?clear=1)
#   GET  /control/writes   {writes: changes made, attempts: requests that
#                          tried, hits: requests, connections}
#   GET|POST /control/mode members set: search "normal"|"lenient-all"|"strict"
#                          |"everything" (all there is comes of any search);
#                          quirks {name: bool} or "all"; fault (Smart::Fault)
#                          with optional match {method, path (regexp),
#                          raw (JSON was not asked for)} and
#                          after (true: status, hang, html, redirect, close
#                          and reset come after the work, not instead);
#                          headers [[name, value]] on every answer; gzip bool;
#                          page (default page size); links "other base"
#   POST /control/load     a resource, or an array of them, stored as they are
#   POST /control/seed     {type, count, patient, prefix, size}: many resources
#   POST /control/reset    fixtures, counters, log, modes as at the start
#   GET  /control/resource?type=T&id=I   current resource, past every mode
package Smart::FhirServer;
use strict;
use warnings;
use Smart::Fault qw(fault_parse fault_apply fault_take);
use Smart::FhirApi ();
use Smart::FhirStore ();
use Smart::Http ();
use Smart::HttpServer ();
use Smart::Json qw(json_encode json_decode json_true);

# Faults that come instead of doing what was asked, unless they have "after".
my %INSTEAD = map { $_ => 1 } qw(status hang html redirect close reset);

my $MAX_LOG = 20_000;
my $MAX_LOG_BYTES = 64 * 1024 * 1024;
my $MAX_LOG_BODY = 1024 * 1024;

# Options: port, base ("/fhir"), fixtures (folder), parent, public_base (used
# in Bundles instead of our own address), log (off with 0), tls.
sub new {
    my ($class, %o) = @_;
    my $self = bless { opt => {%o}, path => $o{base} // '/fhir' }, $class;
    $self->{path} =~ s{/+\z}{};
    $self->{http} = Smart::HttpServer->new(
        port => $o{port}, parent => $o{parent}, tls => $o{tls},
        handler => sub { $self->handle($_[0]) });
    $self->{store} = Smart::FhirStore->new(dir => $o{fixtures});
    $self->reset;
    return $self;
}

sub port { return $_[0]{http}->port }
sub run { return $_[0]{http}->run }
sub stop { return $_[0]{http}->stop }

# Absolute base that goes into Bundles and Location.
sub base {
    my ($self) = @_;
    return $self->{opt}{public_base}
        // 'http://127.0.0.1:' . $self->port . $self->{path};
}

sub reset {
    my ($self) = @_;
    $self->{store}->reset;
    @$self{qw(log log_bytes hits)} = ([], 0, 0);
    $self->{mode} = {
        search => 'normal', headers => [], page => 50,
        quirks => { path => 1, semicolon => 1, override => 1, range => 1,
                    multiple => 1, case => 0, double => 0, unversioned => 0 } };
    $self->{fault} = undef;
    $self->{api} = Smart::FhirApi->new(
        store => $self->{store}, base => $self->base, mode => $self->{mode});
    return;
}

sub handle {
    my ($self, $req) = @_;
    if ($req->{path} =~ m{\A/control/(\w+)\z}) {
        my $res = eval { $self->_control($1, $req) };
        return $res || [400, [['Content-Type', 'application/json']],
                        json_encode({ error => $@ || 'no such control' })];
    }
    $self->{hits}++;
    $self->_record($req);
    my $f = $self->{fault};
    $f = $f && _matches($f->{match}, $req)
        ? fault_take(\$self->{fault}) : undef;
    return fault_apply($f, [200, [], ''])
        if $f && $INSTEAD{$f->{mode}} && !$f->{after};
    my $res = $self->_fhir($req);
    push @{$res->[1]}, @{$self->{mode}{headers}};
    return fault_apply($f, $res);
}

sub _matches {
    my ($m, $req) = @_;
    return 1 if !$m;
    return 0 if defined $m->{method} && $m->{method} ne $req->{method};
    return 0 if $m->{raw} && ($req->{h}{accept} // '') =~ /json/;
    return !defined $m->{path} || $req->{target} =~ /$m->{path}/;
}

sub _record {
    my ($self, $req) = @_;
    return if defined $self->{opt}{log} && !$self->{opt}{log};
    my $e = { map { $_ => $req->{$_} }
              qw(time method target path query headers conn seq) };
    $e->{body_length} = length $req->{body};
    $e->{body} = substr $req->{body}, 0, $MAX_LOG_BODY;
    utf8::decode($e->{body});
    my $log = $self->{log};
    push @$log, $e;
    $self->{log_bytes} += length($e->{body}) + 500;
    while (@$log > $MAX_LOG || $self->{log_bytes} > $MAX_LOG_BYTES) {
        $self->{log_bytes} -= length((shift @$log)->{body}) + 500;
    }
    return;
}

# --- HTTP to FHIR ----------------------------------------------------------

sub _fhir {
    my ($self, $req) = @_;
    my $q = $self->{mode}{quirks};
    my $seg = $self->_segments($req->{path});
    return [404, [['Content-Type', 'text/plain']], "not here\n"] if !$seg;
    my $pairs = Smart::Http::parse_query(
        $req->{query}, $q->{semicolon} ? '&;' : '&');
    my $method = $req->{method};
    if ($q->{override} && $method eq 'POST') {
        my ($form) = map { $_->[1] } grep { $_->[0] eq '_method' } @$pairs;
        $method = uc($req->{h}{'x-http-method-override'}
            // $req->{h}{'x-http-method'} // $req->{h}{'x-method-override'}
            // $form // $method);
    }
    my $res = $self->{api}->handle({
        method => $method eq 'HEAD' ? 'GET' : $method, seg => $seg,
        query => $pairs, h => $req->{h}, body => $req->{body} });
    return $self->_render($req, $pairs, $res);
}

# Path below the base as decoded segments, or undef.
sub _segments {
    my ($self, $path) = @_;
    my $q = $self->{mode}{quirks};
    $path =~ s{\Ahttps?://[^/]*}{}i;
    if ($q->{path}) {
        $path =~ s{;[^/]*}{}g;
        for (0 .. ($q->{double} ? 1 : 0)) {
            $path =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
        }
        $path =~ tr{\\}{/};
        my @out;
        for (split m{/}, $path) {
            next if $_ eq '' || $_ eq '.';
            if ($_ eq '..') { pop @out; next }
            push @out, $_;
        }
        $path = '/' . join '/', @out;
    }
    $path =~ m{\A\Q$self->{path}\E(?:/|\z)} or return undef;
    my @seg = grep { $_ ne '' }
        split m{/}, substr $path, length $self->{path};
    if ($q->{case} && @seg) {
        my ($t) = grep { lc $_ eq lc $seg[0] } Smart::FhirParams::fhir_types();
        $seg[0] = $t if $t;
    }
    return \@seg;
}

sub _render {
    my ($self, $req, $pairs, $res) = @_;
    my @headers = @{$res->{headers} || []};
    my $body = $res->{json};
    $body = json_encode($res->{resource})
        if !defined $body && $res->{resource};
    my ($format) = map { $_->[1] } grep { $_->[0] eq '_format' } @$pairs;
    my $accept = $format // $req->{h}{accept} // '';
    if (defined $res->{body}) { $body = $res->{body} }
    elsif (defined $body) {
        my $type = 'application/fhir+json;charset=utf-8';
        if ($accept =~ /xml/ && $accept !~ /json/) {
            $body = _xml(json_decode($body));
            $type = 'application/fhir+xml;charset=utf-8';
        }
        elsif ($accept =~ m{html} && $accept !~ /json/) {
            $body =~ s/([<>&])/'&#' . ord($1) . ';'/ge;
            $body = "<html><body><pre>$body</pre></body></html>";
            $type = 'text/html;charset=utf-8';
        }
        push @headers, ['Content-Type', $type];
    }
    my $status = $res->{status};
    $body //= '';
    if ($self->{mode}{quirks}{unversioned}) {
        @headers = grep { $_->[0] ne 'ETag' } @headers;
        $body =~ s/,"versionId":"[^"]*"//g; # the last of meta
    }
    if ($self->{mode}{quirks}{range} && $status == 200
        && ($req->{h}{range} // '') =~ /\Abytes=(\d+)-(\d*)\z/
        && $1 < length $body) {
        my ($from, $all) = ($1, length $body);
        my $to = length $2 && $2 < $all ? $2 : $all - 1;
        $body = substr $body, $from, $to - $from + 1;
        push @headers, ['Content-Range', "bytes $from-$to/$all"];
        $status = 206;
    }
    if ($self->{mode}{gzip} && length $body
        && ($req->{h}{'accept-encoding'} // '') =~ /gzip/) {
        require IO::Compress::Gzip;
        my $z;
        IO::Compress::Gzip::gzip(\$body => \$z);
        $body = $z;
        push @headers, ['Content-Encoding', 'gzip'];
    }
    return [$status, \@headers, $body];
}

# FHIR XML in broad strokes: elements, value attributes, the narrative.
sub _xml {
    my ($r) = @_;
    return "<$r->{resourceType} xmlns=\"http://hl7.org/fhir\">"
        . _xml_members($r) . "</$r->{resourceType}>";
}

sub _xml_members {
    my ($h) = @_;
    my $out = '';
    for my $k (sort keys %$h) {
        next if $k eq 'resourceType';
        for my $v (ref $h->{$k} eq 'ARRAY' ? @{$h->{$k}} : $h->{$k}) {
            if ($k eq 'div') { $out .= $v }
            elsif (ref $v eq 'HASH') {
                $out .= "<$k>" . ($v->{resourceType} ? _xml($v)
                                  : _xml_members($v)) . "</$k>";
            }
            else {
                my $s = ref $v ? ($$v ? 'true' : 'false') : $v // '';
                $s =~ s/([<>&"])/'&#' . ord($1) . ';'/ge;
                utf8::encode($s) if utf8::is_utf8($s);
                $out .= "<$k value=\"$s\"/>";
            }
        }
    }
    return $out;
}

# --- control ---------------------------------------------------------------

sub _control {
    my ($self, $what, $req) = @_;
    my $in = length $req->{body} ? json_decode($req->{body}) : undef;
    my %q = map { @$_ } @{Smart::Http::parse_query($req->{query})};
    my $do = $self->can("_control_$what") or die "no such control\n";
    return [200, [['Content-Type', 'application/json']],
            json_encode($self->$do($in, \%q))];
}

sub _control_log {
    my ($self, $in, $q) = @_;
    my $log = [@{$self->{log}}];
    @$self{qw(log log_bytes)} = ([], 0) if $q->{clear};
    return { log => $log };
}

sub _control_writes {
    my ($self) = @_;
    return { writes => $self->{store}{writes}, hits => $self->{hits},
             attempts => $self->{api}{attempts},
             connections => $self->{http}->accepted };
}

sub _control_mode {
    my ($self, $in) = @_;
    my $m = $self->{mode};
    return { %$m, fault => $self->{fault} } if !$in;
    for my $k (keys %$in) {
        my $v = $in->{$k};
        if ($k eq 'fault') {
            $self->{fault} = $v ? fault_parse($v) : undef;
        }
        elsif ($k eq 'quirks') {
            my $q = $m->{quirks};
            %$q = (%$q, ref $v ? %$v : map { $_ => 1 } keys %$q);
        }
        elsif ($k =~ /\A(?:search|headers|gzip|page)\z/) { $m->{$k} = $v }
        elsif ($k eq 'links') { $self->{api}->set_base($v // $self->base) }
        else { die "unknown member $k\n" }
    }
    return { %$m, fault => $self->{fault} };
}

sub _control_load {
    my ($self, $in) = @_;
    my @r = ref $in eq 'ARRAY' ? @$in : ($in);
    my $s = $self->{store};
    my $writes = $s->{writes};
    for (@r) {
        die "resourceType and id are needed\n"
            if !defined $_->{resourceType} || !defined $_->{id};
        $s->put('PUT', $_->{resourceType}, $_->{id}, $_);
    }
    $s->{writes} = $writes;
    return { loaded => scalar @r };
}

sub _control_seed {
    my ($self, $in) = @_;
    my $type = $in->{type} // 'Observation';
    my $prefix = $in->{prefix} // 'gen';
    my @r = map { {
        resourceType => $type, id => "$prefix-$_", status => 'final',
        subject => { reference => 'Patient/' . ($in->{patient} // 'pat-1') },
        category => [{ coding => [{
            system => 'http://terminology.hl7.org/CodeSystem/'
                . 'observation-category', code => 'laboratory' }] }],
        code => { coding => [{ system => 'http://loinc.org',
                               code => '2345-7' }] },
        effectiveDateTime => sprintf('2024-01-%02dT08:00:00Z', 1 + $_ % 28),
        valueQuantity => { value => 80 + $_ % 40, unit => 'mg/dL' },
        $in->{size} ? (note => [{ text => 'n' x $in->{size} }]) : (),
    } } 1 .. ($in->{count} // 100);
    return $self->_control_load(\@r);
}

sub _control_resource {
    my ($self, $in, $q) = @_;
    my $v = $self->{store}->current($q->{type}, $q->{id});
    return { version => $v ? $v->{vid} : undef,
             resource => $v ? $v->{resource} : undef };
}

sub _control_reset {
    my ($self) = @_;
    $self->reset;
    return { reset => json_true() };
}

1;
