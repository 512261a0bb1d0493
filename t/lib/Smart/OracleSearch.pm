# SPDX-License-Identifier: Apache-2.0
# Search parameters as Smart::Oracle sees them: how a query is read, what of
# it a restricted token may ask, which types it looks at, what it matches.
package Smart::OracleSearch;
use strict;
use warnings;
use Encode ();
use Smart::FhirParams qw(fhir_type_known fhir_param fhir_compartment);
use Smart::OracleGrant qw(param_of meets in_compartment);

my %PAGE = map { $_ => 1 } qw(_getpages _getpagesoffset _page _cursor _offset ct
    _bundletype);
my %RESULT = map { $_ => 1 } qw(_count _sort _total _format _pretty _elements
    _summary _text _content _score);

# What untyped hops may lead to.
my %TARGETS = (
    'Observation subject' => [qw(Group Device Patient Location)],
    'Condition subject' => [qw(Group Patient)],
    'Encounter subject' => [qw(Group Patient)],
    'MedicationRequest subject' => [qw(Group Patient)],
    'DiagnosticReport result' => ['Observation'],
    'Patient organization' => ['Organization']);

# Decoded [[name, value]...] of a raw query or form; undef: malformed.
sub pairs {
    my ($raw) = @_;
    my @out;
    for (split /&/, $raw // '') {
        next if $_ eq '';
        return undef if /[^A-Za-z0-9._~!\$'()*+,:\@\/?%=|\[\]{}"<>^`\\-]/
            || /%(?![0-9A-Fa-f]{2})/;
        my ($name, $value) = split /=/, $_, 2;
        $value //= '';
        for ($name, $value) {
            tr/+/ /;
            s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
            return undef if /[\x00-\x1f\x7f]/;
            my $copy = $_;
            return undef
                if !eval { Encode::decode('UTF-8', $copy, Encode::FB_CROAK); 1 };
        }
        return undef if $name eq '' || $name =~ /(?:\A|[:.])(?:[:.]|\z)/
            && $name !~ /\A_(?:has|include|revinclude)\b/;
        push @out, [$name, $value];
    }
    return \@out;
}

sub _base { return $_[0] =~ /\A([^:.]*)/ ? $1 : '' }
sub is_page { return $PAGE{$_[0]} }
sub is_include { return $_[0] =~ /\A_(?:rev)?include\b|\A_(?:contained|query)/i }

# Something the contract says nothing of under unrestricted scopes.
sub is_odd {
    my ($pairs) = @_;
    return grep { $_->[0] =~ /\A(?:_has|_type\b|_filter|_query)/i
                      || $_->[0] =~ /[A-Z]/ && $_->[0] =~ /\A_/
                      || $_->[0] eq 'access_token'
                      || $_->[0] =~ /\A_(?:rev)?include:/ } @$pairs;
}

# --- what a search looks at ------------------------------------------------

# Types besides the searched one that a hit tells about; '*' all of them.
sub reached {
    my ($type, @lists) = @_;
    my @out;
    for my $p (map { @$_ } @lists) {
        my ($name, $value) = @$p;
        my $base = lc _base($name);
        if ($base eq '_has') { push @out, _of_has($name) }
        elsif ($base eq '_filter') { push @out, '*' }
        elsif ($base eq '_sort') {
            push @out, map { s/\A-//r =~ /[.:]/ ? _of_chain($type, s/\A-//r)
                                 : () } split /,/, $value;
        }
        elsif ($name =~ /\./) { push @out, _of_chain($type, $name) }
    }
    my %seen;
    return grep { !$seen{$_}++ } @out;
}

sub _of_has {
    my ($name) = @_;
    my ($has, $type, $ref, $rest) = split /:/, $name, 4;
    return '*' if !defined $rest || !fhir_type_known($type);
    return ($type, $rest =~ /\A_has:/ ? _of_has($rest)
            : $rest =~ /\./ ? _of_chain($type, $rest) : ());
}

sub _of_chain {
    my ($type, $name) = @_;
    my ($hop, $rest) = split /\./, $name, 2;
    my ($param, $target) = split /:/, $hop, 2;
    my @to = defined $target
        ? (fhir_type_known($target) ? $target : '*')
        : $param eq 'patient' && ($type // '') ne 'Patient'
            && fhir_param($type // '', 'patient') ? 'Patient'
        : @{$TARGETS{($type // '') . " $param"} || ['*']};
    return '*' if grep { $_ eq '*' } @to;
    return (@to, defined $rest && $rest =~ /\./
            ? map { _of_chain($_, $rest) } @to : ());
}

# --- what a restricted token may ask ---------------------------------------

sub _selects {
    my ($type, $base) = @_;
    return $base eq '_id' if ($type // '') eq 'Patient';
    return $base =~ /\A(?:patient|subject)\z/
        || defined $type && grep { $_ eq $base } fhir_compartment($type);
}

# <free>: nobody is held to a patient, so that a parameter that selects one is
# as good as any.
sub judge {
    my ($v, $type, $pairs, $kind, $free) = @_;
    for (@$pairs) { _judge_one($v, $type, $kind, $free, @$_) }
    return;
}

sub _judge_one {
    my ($v, $type, $kind, $free, $name, $value) = @_;
    my $base = _base($name);
    my $fault = sub { Smart::Oracle::fault($v, $_[0], "$name: $_[1]") };
    my $doubt = sub { Smart::Oracle::doubt($v, "$name: $_[0]") };
    return $fault->(403, 'refused')
        if $base =~ /\A_(?:has|filter|query|list|contained|containedType)\z/i;
    return $fault->(403, 'another spelling') if $base =~ /\A_/
        && $base ne lc $base && $base !~ /\A_(?:lastUpdated|containedType)\z/;
    return $fault->(401, 'a token in the query') if $name eq 'access_token';
    if ($base eq '_include' || $base eq '_revinclude') {
        $doubt->('a modifier') if $name ne $base
            && $name !~ /:(?:iterate|recurse)\z/;
        $doubt->('a malformed include') if $value !~ /\A(?:\*|[A-Z]\w*:
            (?:\*|[a-z][a-z-]*)(?::[A-Z]\w*)?)\z/x;
        return;
    }
    return $fault->(403, 'a chain') if $name =~ /\./;
    return $doubt->('of a history') if $kind eq 'history-type';
    if (_selects($type, $base)) {
        if ($free) {
            $doubt->('of no weight') if $name =~ /:/ || $value eq '';
        }
        else {
            $fault->(403, 'a modifier') if $name =~ /:/;
            $fault->(400, 'empty') if $value eq '';
        }
        # A Patient has a subject parameter nowhere.
        $doubt->('unknown here') if !defined $type
            || !fhir_param($type, $base);
        return;
    }
    if ($base eq '_summary' && $value eq 'count') {
        return $fault->(403, 'a count');
    }
    if ($base eq '_sort' && $value =~ /[.:]/) {
        return $fault->(403, 'sorted by a chain');
    }
    if ($RESULT{$name} || $PAGE{$name}) {
        $doubt->('empty') if $value eq '';
        return;
    }
    return $fault->(403, 'nobody knows it') if $base =~ /bogus/;
    $doubt->('a modifier') if $name =~ /:/ && $name !~
        /\A[a-z][a-z-]*:(?:exact|missing|not|contains)\z/;
    $doubt->('empty') if $value eq '';
    $doubt->('not in our table') if !defined $type || !param_of($type, $base);
    return;
}

# 0, 1 (cannot say) or 2: does a resource match a parameter of a search?
sub matches {
    my ($bases, $r, $name, $value) = @_;
    return 2 if $name =~ /\A(?:_sort|_total|_format|_pretty|_elements
        |_include|_revinclude)\z/x || $name eq '_summary' && $value ne 'count';
    return 1 if $name =~ /[:.]/ || $value eq '' || $name =~ /\A_(?!id\z|tag\z)/
        || !param_of($r->{resourceType}, $name)
        || $value =~ m{/_history/|\Ahttps?:.*/fhir/};
    return meets($bases, $r, $name, $value);
}

1;
