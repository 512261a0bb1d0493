# SPDX-License-Identifier: Apache-2.0
# FHIR search over a Smart::FhirStore: filters, chains, _has, sorting,
# includes. A linear scan: the lab holds few resources.
#
# Deliberately generous, as backends are: unknown parameters are ignored
# unless strict handling is asked for, and references match in every form.
# What a gateway lets through must be visible in what comes back.
package Smart::FhirSearch;
use strict;
use warnings;
use Time::Local qw(timegm);
use Smart::FhirParams qw(fhir_type_known fhir_param fhir_params fhir_compartment
    fhir_values);

my %RESULT = map { $_ => 1 } qw(_count _offset _sort _include _revinclude
    _elements _summary _total _format _pretty _contained _containedType _page
    _cursor ct _getpages _getpagesoffset _bundletype _score _method);
my %SPECIAL = map { $_ => 1 } qw(_has _type _text _content _filter _list
    _query _in);

# Options: store, base (absolute, no slash at the end).
sub new {
    my ($class, %o) = @_;
    return bless {%o}, $class;
}

# Search some types by pairs [[name, value], ...].
# Options: strict (unknown parameters die), ignore (no filter counts),
# fold (names without case), within [type, id] (compartment).
# Returns resources; dies with "unknown parameter ..." under strict.
sub find {
    my ($self, $types, $pairs, %o) = @_;
    my @types = @$types;
    my @filters;
    for (@$pairs) {
        my ($key, $value) = @$_;
        my ($name, $modifier) = split /:/, $key, 2;
        $name = _fold($name, @types) if $o{fold};
        next if $RESULT{$name};
        if ($name eq '_type') {
            next if $o{ignore};
            my %want = map { $_ => 1 } split /,/, $value;
            @types = grep { $want{$_} } @types;
            next;
        }
        push @filters, [$name, $modifier, $value];
    }
    my @found;
    for my $type (@types) {
        my @mine;
        for my $f (@filters) {
            my $test = $self->_filter($type, @$f);
            die "unknown parameter $f->[0] of $type\n" if !$test && $o{strict};
            push @mine, $test if $test && ref $test && !$o{ignore};
        }
        RESOURCE: for my $r ($self->{store}->all($type)) {
            next if $o{within} && !$self->within($r, @{$o{within}});
            $_->($r) or next RESOURCE for @mine;
            push @found, $r;
        }
    }
    my ($sort) = map { $_->[1] } grep { $_->[0] eq '_sort' } @$pairs;
    return defined $sort ? $self->_sorted($sort, @found) : @found;
}

# Names in any case become the known spelling.
sub _fold {
    my ($name, @types) = @_;
    my ($hit) = grep { lc $_ eq lc $name } keys %RESULT, keys %SPECIAL,
        map { fhir_params($_) } @types;
    return $hit // $name;
}

# A test for one parameter: a function, 1 (known, tests nothing), or undef.
sub _filter {
    my ($self, $type, $name, $modifier, $value) = @_;
    if ($name eq '_has') {
        return $self->_has($type, $modifier // '', $value);
    }
    if ($name eq '_text' || $name eq '_content') {
        my $v = lc $value;
        return sub { index(lc _flat($_[0]), $v) >= 0 };
    }
    return 1 if $SPECIAL{$name};
    my $full = defined $modifier ? "$name:$modifier" : $name;
    if ($full =~ /\A([A-Za-z_-]+)(?::([A-Z][A-Za-z]+))?\.(.+)\z/) {
        return $self->_chain($type, $1, $2, $3, $value);
    }
    my $p = fhir_param($type, $name) or return undef;
    my ($kind, $places) = @$p;
    if (($modifier // '') eq 'missing') {
        my $want = $value eq 'true' ? 1 : 0;
        return sub {
            my @v = fhir_values($_[0], $places);
            return @v ? !$want : $want;
        };
    }
    my $not = ($modifier // '') eq 'not';
    my @alternatives = split /(?<!\\),/, $value;
    s/\\([,|\$\\])/$1/g for @alternatives;
    my $match = $self->can("_match_$kind");
    my $only = $name eq 'patient' && $type ne 'Patient' ? 'Patient' : undef;
    $only = $modifier if defined $modifier && fhir_type_known($modifier);
    return sub {
        my @v = fhir_values($_[0], $places);
        my $hit = 0;
        for my $want (@alternatives) {
            $hit = 1, last
                if grep { $self->$match($_, $want, $modifier, $only) } @v;
        }
        return $not ? !$hit : $hit;
    };
}

# _has:Type:reference:parameter[...]=value
sub _has {
    my ($self, $type, $spec, $value) = @_;
    my ($from, $ref, $rest) = split /:/, $spec, 3;
    return undef if !defined $rest || !fhir_type_known($from);
    my $p = fhir_param($from, $ref) or return undef;
    my ($name, $modifier) = split /:/, $rest, 2;
    my $test = $self->_filter($from, $name, $modifier, $value);
    return undef if !$test;
    $test = sub { 1 } if !ref $test;
    return sub {
        my $me = "$type/$_[0]{id}";
        for my $r ($self->{store}->all($from)) {
            next if !$test->($r);
            return 1 if grep { ($self->local_ref($_) // '') eq $me }
                fhir_values($r, $p->[1]);
        }
        return 0;
    };
}

sub _chain {
    my ($self, $type, $ref, $target, $rest, $value) = @_;
    my $p = fhir_param($type, $ref) or return undef;
    my ($name, $modifier) = split /:/, $rest, 2;
    if ($rest =~ /\A[A-Za-z_-]+(?::[A-Z][A-Za-z]+)?\./) {
        ($name, $modifier) = $rest =~ /\A([^:]+)(?::(.*))?\z/s;
    }
    return sub {
        for (fhir_values($_[0], $p->[1])) {
            my $r = $self->resolve($_) or next;
            next if defined $target && $r->{resourceType} ne $target;
            my $test = $self->_filter($r->{resourceType}, $name, $modifier,
                                      $value);
            return 1 if ref $test && $test->($r);
        }
        return 0;
    };
}

# "Type/id" of a Reference on this server, else undef.
sub local_ref {
    my ($self, $v) = @_;
    my $s = ref $v eq 'HASH' ? $v->{reference} : $v;
    return undef if !defined $s || ref $s;
    return $1 if $s =~ m{\A(?:\Q$self->{base}\E/)?
        ([A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64})(?:/_history/[^/]+)?\z}x;
    return undef;
}

sub resolve {
    my ($self, $v) = @_;
    my $ref = $self->local_ref($v) or return undef;
    my ($type, $id) = split m{/}, $ref;
    my $c = $self->{store}->current($type, $id) or return undef;
    return $c->{resource};
}

# Is a resource in the compartment of type/id? Other compartments than the
# Patient's: any reference counts.
sub within {
    my ($self, $r, $type, $id) = @_;
    my $me = "$type/$id";
    return 1 if $r->{resourceType} eq $type && $r->{id} eq $id;
    my @values = $type ne 'Patient'
        ? map { { reference => $_ } } refs($r)
        : map { fhir_values($r, fhir_param($r->{resourceType}, $_)->[1]) }
        fhir_compartment($r->{resourceType});
    return scalar grep { ($self->local_ref($_) // '') eq $me } @values;
}

# --- values ----------------------------------------------------------------

sub _match_token {
    my ($self, $v, $want, $modifier) = @_;
    if (($modifier // '') eq 'text') {
        return index(lc _flat($v), lc $want) >= 0;
    }
    return scalar grep { _token_is($_, $want) } @{$v->{coding} || []}
        if ref $v eq 'HASH' && $v->{coding};
    return _token_is($v, $want);
}

sub _token_is {
    my ($v, $want) = @_;
    my ($system, $code) = $want =~ /\A([^|]*)\|(.*)\z/s;
    $code = $want if !defined $code;
    my ($s, $c) = ref $v eq 'HASH'
        ? ($v->{system} // '', $v->{code} // $v->{value} // '')
        : ref $v ? ('', $$v ? 'true' : 'false') : ('', $v);
    return 0 if defined $system && length $system && ref $v eq 'HASH'
        && $s ne $system;
    return 0 if defined $system && $system eq '' && $s ne '';
    return $code eq '' || $c eq $code;
}

sub _match_ref {
    my ($self, $v, $want, $modifier, $only) = @_;
    if (($modifier // '') eq 'identifier') {
        return ref $v eq 'HASH' && $v->{identifier}
            && _token_is($v->{identifier}, $want);
    }
    my $have = $self->local_ref($v);
    if (!defined $have) {
        return ref $v eq 'HASH' && ($v->{reference} // '') eq $want;
    }
    my ($type, $id) = split m{/}, $have;
    return 0 if defined $only && $type ne $only;
    $want =~ s{\A\Q$self->{base}\E/}{};
    return $want =~ m{/} ? $have eq $want : $id eq $want;
}

sub _match_string {
    my ($self, $v, $want, $modifier) = @_;
    my @leaves = _leaves($v);
    my $m = $modifier // '';
    return scalar grep { $_ eq $want } @leaves if $m eq 'exact';
    my $w = lc $want;
    return scalar grep { index(lc $_, $w) >= 0 } @leaves if $m eq 'contains';
    return scalar grep { index(lc $_, $w) == 0 } @leaves;
}

sub _match_uri {
    my ($self, $v, $want, $modifier) = @_;
    return index($v, $want) == 0 if ($modifier // '') eq 'below';
    return $v eq $want;
}

sub _match_quantity {
    my ($self, $v, $want) = @_;
    my ($prefix, $number) = $want =~ /\A([a-z]{2})?(-?[0-9.]+)/ or return 0;
    my $have = ref $v eq 'HASH' ? $v->{value} : $v;
    return 0 if !defined $have;
    $prefix //= 'eq';
    return $prefix =~ /gt|sa/ ? $have > $number : $prefix eq 'ge'
        ? $have >= $number : $prefix =~ /lt|eb/ ? $have < $number
        : $prefix eq 'le' ? $have <= $number : $prefix eq 'ne'
        ? $have != $number : $have == $number;
}

sub _match_date {
    my ($self, $v, $want) = @_;
    my ($prefix, $date) = $want =~ /\A(eq|ne|gt|lt|ge|le|sa|eb|ap)?(\d.*)\z/
        or return 0;
    $prefix //= 'eq';
    my ($lo, $hi) = _range($date) or return 0;
    my ($from, $to) = ref $v eq 'HASH'
        ? ((_range($v->{start} // '0001'))[0],
           (_range($v->{end} // '9999'))[1])
        : _range($v);
    return 0 if !defined $from;
    return $prefix =~ /eq/ ? $from >= $lo && $to <= $hi
        : $prefix eq 'ne' ? !($from >= $lo && $to <= $hi)
        : $prefix eq 'gt' ? $to > $hi : $prefix eq 'lt' ? $from < $lo
        : $prefix eq 'ge' ? $to >= $hi || $from >= $lo
        : $prefix eq 'le' ? $from <= $lo || $to <= $hi
        : $prefix eq 'sa' ? $from >= $hi : $prefix eq 'eb' ? $to <= $lo
        : $from < $hi && $to > $lo;
}

# [from, to) of a date or dateTime in epoch seconds.
sub _range {
    my ($y, $m, $d, $H, $M, $S, $f, $zone) = $_[0] =~ m{\A(\d{4})(?:-(\d\d)
        (?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?
        (Z|[+-]\d\d:\d\d)?)?)?)?\z}x or return ();
    my $at = sub { eval { timegm(@_) } };
    my $lo = $at->($S // 0, $M // 0, $H // 0, $d // 1, ($m // 1) - 1, $y);
    return () if !defined $lo;
    my $hi = defined $f ? ($lo += $f) + 0.001 : defined $S ? $lo + 1
        : defined $H ? $lo + 60 : defined $d ? $lo + 86400
        : defined $m ? $at->(0, 0, 0, 1, $m % 12, $m == 12 ? $y + 1 : $y)
        : $at->(0, 0, 0, 1, 0, $y + 1);
    if (defined $zone && $zone =~ /([+-])(\d\d):(\d\d)/) {
        my $off = ($1 eq '-' ? -1 : 1) * ($2 * 3600 + $3 * 60);
        $_ -= $off for $lo, $hi;
    }
    return ($lo, $hi);
}

sub _leaves {
    my ($v) = @_;
    return map { _leaves($_) } @$v if ref $v eq 'ARRAY';
    return map { _leaves($v->{$_}) } sort keys %$v if ref $v eq 'HASH';
    return defined $v ? ("$v") : ();
}

sub _flat { return join ' ', _leaves($_[0]) }

sub _sorted {
    my ($self, $sort, @found) = @_;
    my %key;
    my @by = map { /\A(-?)(.+)\z/ ? [$1, $2] : () } split /,/, $sort;
    for my $r (@found) {
        $key{$r} = [map {
            my $p = fhir_param($r->{resourceType}, $_->[1]);
            my ($v) = $p ? fhir_values($r, $p->[1]) : ();
            _flat($v);
        } @by];
    }
    return sort {
        my $c = 0;
        for my $i (0 .. $#by) {
            $c = $key{$a}[$i] cmp $key{$b}[$i];
            $c = -$c if $by[$i][0];
            last if $c;
        }
        $c;
    } @found;
}

# --- includes --------------------------------------------------------------

# Every literal reference in a resource.
sub refs {
    my ($v) = @_;
    return map { refs($_) } @$v if ref $v eq 'ARRAY';
    return () if ref $v ne 'HASH';
    my @own = defined $v->{reference} && !ref $v->{reference}
        ? ($v->{reference}) : ();
    return (@own, map { refs($v->{$_}) } sort keys %$v);
}

# Resources that the _include and _revinclude pairs add to some matches.
sub included {
    my ($self, $matches, $pairs, %o) = @_;
    my (%seen, @out, @rules);
    $seen{"$_->{resourceType}/$_->{id}"} = 1 for @$matches;
    for (@$pairs) {
        my ($key, $value) = @$_;
        $key = lc $key if $o{fold};
        my ($name, $modifier) = split /:/, $key, 2;
        next if $name ne '_include' && $name ne '_revinclude';
        my $iterate = ($modifier // '') =~ /\A(?:iterate|recurse)\z/ ? 1 : 0;
        push @rules, [$name, $iterate, split /:/, $value];
    }
    my @from = @$matches;
    my $first = 1;
    while (@from) {
        my @new;
        for my $rule (@rules) {
            my ($name, $iterate, @spec) = @$rule;
            next if !$first && !$iterate;
            my $do = $name eq '_include' ? '_forward' : '_reverse';
            push @new, grep { !$seen{"$_->{resourceType}/$_->{id}"}++ }
                $self->$do(\@from, @spec);
        }
        push @out, @new;
        @from = @new;
        $first = 0;
    }
    return @out;
}

sub _forward {
    my ($self, $from, $type, $param, $target) = @_;
    my @out;
    for my $r (@$from) {
        next if $type ne '*' && $r->{resourceType} ne $type;
        my @refs = $type eq '*' || ($param // '*') eq '*' ? refs($r)
            : map { fhir_values($r, $_->[1]) } grep { $_ }
            fhir_param($r->{resourceType}, $param);
        for (map { $self->resolve($_) } @refs) {
            push @out, $_ if $_
                && (!defined $target || $_->{resourceType} eq $target);
        }
    }
    return @out;
}

sub _reverse {
    my ($self, $to, $type, $param) = @_;
    my %me = map { ("$_->{resourceType}/$_->{id}" => 1) } @$to;
    my @out;
    for my $t ($type eq '*' ? $self->{store}->types : $type) {
        for my $r ($self->{store}->all($t)) {
            my @refs = ($param // '*') eq '*' ? refs($r)
                : map { fhir_values($r, $_->[1]) } grep { $_ }
                fhir_param($t, $param);
            push @out, $r
                if grep { $me{$self->local_ref($_) // ''} } @refs;
        }
    }
    return @out;
}

1;
