# SPDX-License-Identifier: Apache-2.0
# Prometheus' text format, version 0.0.4, read more strictly than by anybody
# who scrapes it: what promtool warns about is a fault here.
#
#   my ($samples, @faults) = prometheus_parse($text);
#   print $samples->{'smart_cache_entries{class="active"}'};
#
# Held to: every line ends in \n; one blank between parts; HELP, then TYPE, then
# the samples of a metric, once and together; a sample once; counters end in
# _total and are not negative; buckets of a histogram rise in bound and count,
# end in +Inf, and are followed by _sum and _count, which is the last bucket.
package Smart::Prometheus;
use strict;
use warnings;
use Exporter 'import';
our @EXPORT_OK = qw(prometheus_parse);

my $NAME = qr/[a-zA-Z_:][a-zA-Z0-9_:]*/;
my $LABEL = qr/[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"/;
my $VALUE = qr/[+-]?(?:[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)|[+-]Inf|NaN/;
my %SUFFIX = (histogram => qr/_(?:bucket|sum|count)/);

sub prometheus_parse {
    my ($text) = @_;
    my $self = bless { family => {}, samples => {}, order => [],
                       faults => [] }, __PACKAGE__;
    $self->_fault('does not end in a line end') if $text !~ /\n\z/;
    $self->_line($_) for split /\n/, $text;
    $self->_end;
    for my $f (values %{$self->{family}}) {
        $self->_fault("$f->{name}: no samples")
            if !@{$f->{samples}} && $f->{name} !~ /\Asmart_breaker_/;
        $self->_histogram($f) if $f->{type} eq 'histogram';
    }
    return ($self->{samples}, @{$self->{faults}});
}

sub _fault { my ($self, $why) = @_; push @{$self->{faults}}, $why; return }

sub _line {
    my ($self, $line) = @_;
    if ($line =~ /\A# HELP ($NAME) (\S.*)\z/) {
        $self->_end;
        $self->_fault("$1: HELP twice") if $self->{family}{$1};
        $self->{now} = { name => $1, samples => [], type => '' };
        return $self->{family}{$1} = $self->{now};
    }
    my $f = $self->{now};
    if (my ($name, $type)
            = $line =~ /\A# TYPE ($NAME) (counter|gauge|histogram)\z/) {
        return $self->_fault("$line: not after its HELP")
            if !$f || $f->{name} ne $name || $f->{type} || @{$f->{samples}};
        $self->_fault("$name: a counter ends in _total")
            if $type eq 'counter' && $name !~ /_total\z/;
        return $f->{type} = $type;
    }
    if ($line =~ /\A($NAME)(\{$LABEL(?:,$LABEL)*\})? ($VALUE)\z/) {
        return $self->_sample($1, $2 // '', $3);
    }
    return $self->_fault("not a line: $line");
}

sub _end { my ($self) = @_; $self->{now} = undef; return }

sub _sample {
    my ($self, $name, $labels, $value) = @_;
    my $f = $self->{now};
    return $self->_fault("$name: no TYPE before it") if !$f || !$f->{type};
    my $suffix = $SUFFIX{$f->{type}} // '';
    return $self->_fault("$name: stands below $f->{name}")
        if $name !~ /\A\Q$f->{name}\E$suffix\z/;
    $self->_fault("$name: below zero")
        if $f->{type} ne 'gauge' && $value !~ /\A[0-9]/;
    $self->_fault("$name$labels: twice")
        if exists $self->{samples}{"$name$labels"};
    $self->{samples}{"$name$labels"} = $value;
    push @{$f->{samples}}, [$name, $labels, $value];
    return;
}

# Of one set of labels: ours have none but "le".
sub _histogram {
    my ($self, $f) = @_;
    my @s = @{$f->{samples}};
    return if !@s;
    my ($sum, $count) = splice @s, -2;
    return $self->_fault("$f->{name}: no _sum and _count at the end")
        if @s < 1 || "$sum->[0]$sum->[1]" ne "$f->{name}_sum"
        || "$count->[0]$count->[1]" ne "$f->{name}_count";
    my ($le, $n) = (-1, 0);
    for (@s) {
        my ($bound) = $_->[1] =~ /\A\{le="([^"]+)"\}\z/;
        return $self->_fault("$f->{name}: a bucket without its bound")
            if $_->[0] ne "$f->{name}_bucket" || !defined $bound;
        my $b = $bound eq '+Inf' ? 9**9**9 : $bound;
        $self->_fault("$f->{name}: bound $bound does not rise") if $b <= $le;
        $self->_fault("$f->{name}: bucket $bound falls") if $_->[2] < $n;
        ($le, $n) = ($b, $_->[2]);
    }
    $self->_fault("$f->{name}: no last bucket") if $le != 9**9**9;
    $self->_fault("$f->{name}: the count is not the last bucket")
        if $count->[2] != $n;
    return;
}

1;
