# SPDX-License-Identifier: Apache-2.0
# Operations of the lab's backend, its CapabilityStatement, and the shortened
# forms of resources (_elements, _summary).
#
# Operations that it does not know answer 200 with Parameters that carry the
# canary CANARY-Operation-<name>: a gateway that lets one through is seen.
package Smart::FhirOps;
use strict;
use warnings;
use Smart::FhirParams qw(fhir_types fhir_params fhir_param fhir_compartment
    fhir_values);
use Smart::FhirStore qw(canaries);
use Smart::Http ();
use Smart::Json qw(json_encode json_copy json_true);

# A resource under _elements and _summary; still with its canary.
sub reduced {
    my ($r, $q) = @_;
    my $elements = $q->{_elements};
    my $summary = $q->{_summary} // 'false';
    return $r if !defined $elements && $summary !~ /\A(?:true|text|data)\z/;
    my %keep = map { $_ => 1 } qw(resourceType id meta);
    if (defined $elements) {
        $keep{$_ =~ s/\A[A-Z]\w*\.//r} = 1 for split /,/, $elements;
    }
    elsif ($summary eq 'text') { $keep{text} = 1 }
    elsif ($summary eq 'data') {
        $keep{$_} = 1 for grep { $_ ne 'text' } keys %$r;
    }
    else {
        $keep{$_} = 1 for qw(identifier status code category name gender
            birthDate valueQuantity);
    }
    my $out = json_copy({ map { $_ => $r->{$_} } grep { $keep{$_} } keys %$r });
    my @tags = @{$out->{meta}{tag} || []};
    push @tags, { system => 'http://terminology.hl7.org/CodeSystem/'
                      . 'v3-ObservationValue', code => 'SUBSETTED' };
    if (!canaries(json_encode($out))) {
        my ($c) = canaries(json_encode($r));
        push @tags, { system => 'urn:lab:canary',
                      code => 'CANARY-' . ($c =~ s{/}{-}r) } if defined $c;
    }
    $out->{meta}{tag} = \@tags;
    return $out;
}

sub capabilities {
    my ($api) = @_;
    my @codes = map { { code => $_ } } qw(read vread update patch delete
        history-instance history-type create search-type);
    return { status => 200, resource => {
        resourceType => 'CapabilityStatement', status => 'active',
        date => '2024-01-01', kind => 'instance', fhirVersion => '4.0.1',
        description => 'CANARY-CapabilityStatement-metadata',
        software => { name => 'lab backend' },
        implementation => { description => 'lab', url => $api->{base} },
        format => ['application/fhir+json', 'application/fhir+xml'],
        patchFormat => ['application/json-patch+json'],
        rest => [{ mode => 'server',
            interaction => [map { { code => $_ } } qw(transaction batch
                search-system history-system)],
            resource => [map {
                my $t = $_;
                { type => $t, interaction => \@codes,
                  versioning => 'versioned', searchParam => [map { {
                      name => $_, type => _kind($t, $_) } } fhir_params($t)] }
            } fhir_types()] }] } };
}

sub _kind {
    my $k = fhir_param($_[0], $_[1])->[0];
    return $k eq 'ref' ? 'reference' : $k;
}

# The backend's own discovery document, for gateways that pass it on.
sub well_known {
    my ($api, @seg) = @_;
    die Smart::FhirApi::outcome(404, 'not-found', 'not known')
        if @seg != 2 || $seg[1] ne 'smart-configuration';
    return { status => 200, headers => [['Content-Type', 'application/json']],
             body => json_encode({
                 issuer => 'https://backend.example.org',
                 token_endpoint => 'https://backend.example.org/token',
                 capabilities => ['CANARY-Backend-smart-configuration'],
                 grant_types_supported => ['authorization_code'],
                 code_challenge_methods_supported => ['S256'] }) };
}

my %RUN = (
    '$everything' => \&_everything, '$lastn' => \&_lastn,
    '$export' => \&_export, '$expand' => \&_expand, '$graphql' => \&_graphql,
    '$document' => \&_document, '$meta' => \&_meta,
    '$expunge' => \&_expunge);

sub run {
    my ($api, $r, $op, $type, $id) = @_;
    if ($RUN{$op}) { return $RUN{$op}->($api, $r, $type, $id) }
    my $name = substr $op, 1;
    return { status => 200, resource => {
        resourceType => 'Parameters', parameter => [
            { name => 'result', valueBoolean => json_true() },
            { name => 'message', valueString => "CANARY-Operation-$name" }] } };
}

sub _query {
    my ($r) = @_;
    my %q = map { @$_ } @{$r->{query}};
    return \%q;
}

sub _bundle {
    my ($api, $type, $q, @resources) = @_;
    return { status => 200, resource => {
        resourceType => 'Bundle', type => $type, total => scalar @resources,
        link => [{ relation => 'self', url => $api->{base} }],
        entry => [map { $api->_entry($_, 'match', $q) } @resources] } };
}

# The compartment, and the shared resources that it refers to.
sub _everything {
    my ($api, $r, $type, $id) = @_;
    my $q = _query($r);
    my @patients = grep { !defined $id || $_->{id} eq $id }
        $api->{store}->all($type // 'Patient');
    die Smart::FhirApi::outcome(404, 'not-found', 'not known') if !@patients;
    my (%seen, @out);
    my $add = sub {
        my ($x) = @_;
        push @out, $x if $x && !$seen{"$x->{resourceType}/$x->{id}"}++;
    };
    for my $p (@patients) {
        $add->($p);
        for my $t ($api->{store}->types) {
            for my $x ($api->{store}->all($t)) {
                next if !$api->{search}->within($x, $p->{resourceType},
                                                $p->{id});
                $add->($x);
                for (Smart::FhirSearch::refs($x)) {
                    $add->($api->{search}->resolve($_))
                        if m{\b(?:Practitioner|PractitionerRole|Organization
                             |Location|Medication|Binary|Observation)/}x;
                }
            }
        }
    }
    if (defined $q->{_type}) {
        my %want = map { $_ => 1 } split /,/, $q->{_type};
        @out = grep { $want{$_->{resourceType}} } @out;
    }
    return _bundle($api, 'searchset', $q, @out);
}

# The newest <max> (1) Observations per code among those that match.
sub _lastn {
    my ($api, $r, $type) = @_;
    my $q = _query($r);
    my @pairs = grep { $_->[0] ne 'max' } @{$r->{query}};
    push @pairs, @{Smart::Http::parse_query($r->{body})}
        if length($r->{body} // '')
        && ($r->{h}{'content-type'} // '') =~ /form-urlencoded/;
    my @found = $api->{search}->find(['Observation'], \@pairs,
        ignore => $api->{mode}{search} eq 'lenient-all');
    @found = sort { ($b->{effectiveDateTime} // '')
                        cmp ($a->{effectiveDateTime} // '') } @found;
    my %n;
    @found = grep {
        my ($c) = fhir_values($_, 'code.coding.code');
        $n{$c // ''}++ < ($q->{max} || 1);
    } @found;
    return _bundle($api, 'searchset', $q, @found);
}

sub _export {
    my ($api, $r, $type, $id) = @_;
    my $q = _query($r);
    my $job = 'job-' . ++$api->{job_serial};
    $api->{jobs}{$job} = $q->{_type} // join ',', $api->{store}->types;
    return { status => 202, headers => [
        ['Content-Location', "$api->{base}/bulkstatus/$job"]],
        resource => Smart::FhirApi::outcome(202, 'informational',
            'CANARY-Operation-export')->{resource} };
}

# bulkstatus/<job> and bulkfile/<job>/<Type>.ndjson
sub bulk {
    my ($api, $r, $what, $job, $file) = @_;
    my $none = Smart::FhirApi::outcome(404, 'not-found', 'no such job');
    return $none if !defined $job;
    my $types = ($api->{jobs} ||= {})->{$job} // return $none;
    if ($what eq 'bulkstatus') {
        if ($r->{method} eq 'DELETE') {
            delete $api->{jobs}{$job};
            return { status => 202 };
        }
        return { status => 200,
                 headers => [['Content-Type', 'application/json']],
                 body => json_encode({
            transactionTime => '2024-01-01T00:00:00Z', request => $api->{base},
            requiresAccessToken => json_true(), error => [],
            output => [map { {
                type => $_, url => "$api->{base}/bulkfile/$job/$_.ndjson" } }
                split /,/, $types] }) };
    }
    my ($t) = ($file // '') =~ /\A([A-Za-z]+)\.ndjson\z/ or return $none;
    return { status => 200,
             headers => [['Content-Type', 'application/fhir+ndjson']],
             body => join '', map { json_encode($_) . "\n" }
                 $api->{store}->all($t) };
}

sub _expand {
    return { status => 200, resource => {
        resourceType => 'ValueSet', status => 'active',
        name => 'CANARY-Operation-expand', expansion => {
            timestamp => '2024-01-01T00:00:00Z', contains => [
                { system => 'http://loinc.org', code => '2345-7' }] } } };
}

# Everything of the instance, or of all: what a GraphQL backend could give.
sub _graphql {
    my ($api, $r, $type, $id) = @_;
    my @r = defined $id ? grep { $_->{id} eq $id } $api->{store}->all($type)
        : map { $api->{store}->all($_) } $api->{store}->types;
    return { status => 200, headers => [['Content-Type', 'application/json']],
             body => json_encode({ data => { all => \@r } }) };
}

sub _document {
    my ($api, $r, $type, $id) = @_;
    my $v = $api->{store}->current($type // 'Composition', $id // '');
    die Smart::FhirApi::outcome(404, 'not-found', 'not known')
        if !$v || !$v->{resource};
    my @all = ($v->{resource}, grep { $_ } map { $api->{search}->resolve($_) }
               Smart::FhirSearch::refs($v->{resource}));
    return _bundle($api, 'document', {}, @all);
}

sub _meta {
    my ($api, $r, $type, $id) = @_;
    my $v = defined $id ? $api->{store}->current($type, $id) : undef;
    return { status => 200, resource => {
        resourceType => 'Parameters', parameter => [
            { name => 'return', valueMeta => $v && $v->{resource}
                  ? $v->{resource}{meta} : {} },
            { name => 'message', valueString => 'CANARY-Operation-meta' }] } };
}

# Takes what it is called on, without a trace.
sub _expunge {
    my ($api, $r, $type, $id) = @_;
    $api->{attempts}++;
    for my $t (defined $type ? $type : $api->{store}->types) {
        for my $x ($api->{store}->all($t)) {
            next if defined $id && $x->{id} ne $id;
            $api->{store}->put('DELETE', $t, $x->{id}, undef);
        }
    }
    return Smart::FhirApi::outcome(200, 'informational',
                                   'CANARY-Operation-expunge');
}

# FHIRPath Patch with simple paths: Type.element[.element...] and [n].
sub fhirpath_patch {
    my ($resource, $parameters) = @_;
    my @ops;
    for my $p (@{$parameters->{parameter} || []}) {
        my %part = map { ($_->{name} => $_) } @{$p->{part} || []};
        my $path = ($part{path} || {})->{valueString} // die "no path\n";
        my $op = ($part{type} || {})->{valueCode} // die "no type\n";
        $path =~ s/\A[A-Z]\w*\.?//;
        $path =~ s/\[(\d+)\]/.$1/g;
        $path = join '', map { "/$_" } split /\./, $path;
        my ($key) = grep { /\Avalue/ } keys %{$part{value} || {}};
        my $value = defined $key ? $part{value}{$key} : undef;
        if ($op eq 'add' || $op eq 'insert') {
            my $name = ($part{name} || {})->{valueString};
            $path .= "/$name" if defined $name;
            push @ops, { op => 'add', path => $path, value => $value };
        }
        elsif ($op eq 'delete') { push @ops, { op => 'remove', path => $path } }
        elsif ($op eq 'replace') {
            push @ops, { op => 'replace', path => $path, value => $value };
        }
        else { die "type $op is not known\n" }
    }
    return Smart::JsonPatch::json_patch($resource, \@ops);
}

1;
