# SPDX-License-Identifier: Apache-2.0
# Versioned store of the lab's FHIR backend, in memory.
#
# Every version carries its canary, the text CANARY-<Type>-<id> (an older
# version of a fixture: CANARY-<Type>-<id>~v<n>), somewhere: resources that
# come without one get a meta.tag. So a test needs no knowledge of a body to
# say whose data is in it: see canaries().
#
# A version: {vid, time, method, resource (undef: deleted), json}
package Smart::FhirStore;
use strict;
use warnings;
use Exporter 'import';
use File::Basename ();
use File::Glob qw(:bsd_glob); # a path may have blanks
use Time::HiRes qw(time);
use Smart::Json qw(json_encode json_decode json_copy);
our @EXPORT_OK = qw(canaries);

my $CANARY = qr/CANARY-([A-Za-z]+)-([A-Za-z0-9.\$_-]+(?:~v[0-9]+)?)/;

# "Type/id" of every canary in a text, sorted, each once; in scalar context
# how many.
sub canaries {
    my ($text) = @_;
    my %seen;
    $seen{"$1/$2"} = 1 while ($text // '') =~ /$CANARY/g;
    my @all = sort keys %seen;
    return @all;
}

# Option dir: folder of <Type>/<id>.json and _history/<Type>/<id>/<n>.json.
sub new {
    my ($class, %o) = @_;
    my $self = bless { dir => $o{dir} }, $class;
    $self->reset;
    return $self;
}

sub reset {
    my ($self) = @_;
    $self->{data} = {};
    $self->{order} = [];
    $self->{serial} = 0;
    $self->{writes} = 0;
    $self->{fixtures} ||= [$self->_fixtures];
    $self->_put_fixture(json_decode($_)) for @{$self->{fixtures}};
    return;
}

sub _fixtures {
    my ($self) = @_;
    return () if !defined $self->{dir};
    my @old = sort glob "$self->{dir}/_history/*/*/*.json";
    my @now = sort grep { !m{/_history/} } glob "$self->{dir}/*/*.json";
    return map {
        open my $f, '<:raw', $_ or die "$_: $!\n";
        local $/;
        scalar <$f>;
    } @old, @now;
}

sub _put_fixture {
    my ($self, $r) = @_;
    my $v = { vid => $r->{meta}{versionId} // '1', method => 'PUT',
              time => _epoch($r->{meta}{lastUpdated}) };
    $v->{method} = 'POST' if $v->{vid} eq '1';
    $self->_append($r->{resourceType}, $r->{id}, $v, $r);
    return;
}

sub _epoch {
    require Time::Local;
    my ($y, $m, $d, $H, $M, $S) = ($_[0] // '')
        =~ /\A(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)/ or return time();
    return Time::Local::timegm($S, $M, $H, $d, $m - 1, $y);
}

sub instant {
    my ($t) = @_;
    my @t = gmtime $t;
    return sprintf '%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', $t[5] + 1900,
        $t[4] + 1, @t[3, 2, 1, 0], 1000 * ($t - int $t);
}

sub _append {
    my ($self, $type, $id, $v, $r) = @_;
    my $versions = $self->{data}{$type}{$id} ||= [];
    if ($r) {
        $r->{resourceType} = $type;
        $r->{id} = $id;
        $r->{meta} = {} if ref $r->{meta} ne 'HASH';
        $r->{meta}{versionId} = "$v->{vid}";
        $r->{meta}{lastUpdated} = instant($v->{time});
        my $canary = "CANARY-$type-$id";
        my $json = json_encode($r);
        if ($json !~ /\Q$canary\E(?![A-Za-z0-9.\$_-])/) {
            my $tags = ref $r->{meta}{tag} eq 'ARRAY' ? $r->{meta}{tag} : [];
            $r->{meta}{tag}
                = [@$tags, { system => 'urn:lab:canary', code => $canary }];
            $json = json_encode($r);
        }
        @$v{qw(resource json)} = ($r, $json);
    }
    push @$versions, $v;
    push @{$self->{order}}, [$type, $id, $v];
    return $v;
}

# Current version or undef; a deleted one has no resource.
sub current {
    my ($self, $type, $id) = @_;
    my $versions = ($self->{data}{$type} || {})->{$id} or return undef;
    return $versions->[-1];
}

sub version {
    my ($self, $type, $id, $vid) = @_;
    my ($v) = grep { $_->{vid} eq $vid }
        @{($self->{data}{$type} || {})->{$id} || []};
    return $v;
}

# [[type, id, version], ...] newest first, of all, a type, or an instance.
sub history {
    my ($self, $type, $id) = @_;
    my @e = grep {
        (!defined $type || $_->[0] eq $type)
            && (!defined $id || $_->[1] eq $id)
    } @{$self->{order}};
    my @i = sort { $e[$b][2]{time} <=> $e[$a][2]{time} || $b <=> $a } 0 .. $#e;
    return map { $e[$_] } @i;
}

# Current resources of a type, by id.
sub all {
    my ($self, $type) = @_;
    my $d = $self->{data}{$type} || {};
    return map { $_->{resource} } grep { $_->{resource} }
        map { $d->{$_}[-1] } sort keys %$d;
}

sub types {
    my ($self) = @_;
    return sort keys %{$self->{data}};
}

sub next_id { return 'new-' . ++$_[0]{serial} }

# Write a new version. Returns it.
sub put {
    my ($self, $method, $type, $id, $resource) = @_;
    my $versions = ($self->{data}{$type} || {})->{$id} || [];
    my $v = { vid => 1 + @$versions, method => $method, time => time() };
    $v->{vid} = 1 + $versions->[-1]{vid} if @$versions;
    $self->{writes}++;
    return $self->_append($type, $id, $v,
                          $resource ? json_copy($resource) : undef);
}

# State to come back to, for transactions.
sub mark {
    my ($self) = @_;
    return { order => scalar @{$self->{order}}, writes => $self->{writes},
             serial => $self->{serial} };
}

sub rollback {
    my ($self, $mark) = @_;
    while (@{$self->{order}} > $mark->{order}) {
        my ($type, $id) = @{pop @{$self->{order}}};
        my $versions = $self->{data}{$type}{$id};
        pop @$versions;
        delete $self->{data}{$type}{$id} if !@$versions;
    }
    @$self{qw(writes serial)} = @$mark{qw(writes serial)};
    return;
}

1;
