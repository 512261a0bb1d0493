# SPDX-License-Identifier: Apache-2.0
# What a token covers, resource by resource: written from the contract and the
# R4 definitions, without a look at the code under test, and as plain as can
# be. For Smart::Oracle.
#
#   my $g = Smart::OracleGrant->new(\%policy, \%claims);
#   $g->covers('r', $resource)     0 no, 1 the contract leaves it open, 2 yes
#   $g->covers('u', $resource, 1)  as new content: the subject alone counts
#
# Policy: compartment (formal, subject), fhir_user (optional, required), bases
# (URLs of our base). Claims: scope, patient, fhirUser.
package Smart::OracleGrant;
use strict;
use warnings;
use Exporter 'import';
use List::Util qw(min max);
use Time::Local qw(timegm_modern);
use Smart::FhirParams qw(fhir_type_known);
our @EXPORT_OK = qw(at param_of meets in_compartment is_shared refers_to);

my $ID = qr/[A-Za-z0-9.-]{1,64}/;

# Members of the Patient compartment, from R4 CompartmentDefinition/patient and
# the expressions of its parameters: elements that make a resource a member,
# and (after "/") those that say whose it is. "x[Patient]": a reference to a
# Patient alone. Device and Task are added by default.
my %COMPARTMENT = map { my ($t, $all, $own) = split m{/}; ($t => [
    [split /,/, $all], [split /,/, $own // '']]) } split ' ', '
    Account:subject/subject
    AllergyIntolerance:patient,recorder,asserter/patient
    Appointment:participant.actor/?
    AuditEvent:agent.who,entity.what/?
    Communication:subject,sender,recipient/subject
    Composition:subject,author,attester.party/subject
    Condition:subject,asserter/subject
    Coverage:policyHolder,subscriber,beneficiary,payor/beneficiary
    Device:patient/patient
    DiagnosticReport:subject/subject
    DocumentReference:subject,author/subject
    Encounter:subject/subject
    Flag:subject/subject
    Group:member.entity
    Immunization:patient/patient
    List:subject,source/subject
    MedicationRequest:subject/subject
    Observation:subject,performer/subject
    Procedure:subject,performer.actor/subject
    Provenance:target/?
    RelatedPerson:patient/patient
    Schedule:actor
    Task:for/for' =~ s/:/\//gr;

my %SHARED = map { $_ => 1 } qw(Practitioner PractitionerRole Organization
    Location Medication HealthcareService Endpoint Substance CodeSystem
    ValueSet ConceptMap NamingSystem StructureDefinition SearchParameter
    OperationDefinition CompartmentDefinition CapabilityStatement
    ImplementationGuide Questionnaire PlanDefinition ActivityDefinition
    Library Measure);

# Parameters of the fixtures' types: kind and elements.
my %EVERY = (_id => ['token', 'id'], _tag => ['token', 'meta.tag'],
    _security => ['token', 'meta.security'],
    _profile => ['uri', 'meta.profile'],
    _lastUpdated => ['date', 'meta.lastUpdated']);
my %PARAM;
for (split /\n/, <<'END') {
Observation category:token:category code:token:code status:token:status date:date:effectiveDateTime,effectivePeriod subject:ref:subject patient:ref:subject[Patient] performer:ref:performer encounter:ref:encounter focus:ref:focus
Condition category:token:category code:token:code clinical-status:token:clinicalStatus recorded-date:date:recordedDate subject:ref:subject patient:ref:subject[Patient] asserter:ref:asserter
Encounter class:token:class status:token:status type:token:type date:date:period subject:ref:subject patient:ref:subject[Patient] location:ref:location.location
Patient family:string:name.family gender:token:gender birthdate:date:birthDate active:token:active organization:ref:managingOrganization link:ref:link.other
DiagnosticReport category:token:category code:token:code status:token:status subject:ref:subject patient:ref:subject[Patient] result:ref:result
MedicationRequest status:token:status intent:token:intent authoredon:date:authoredOn subject:ref:subject patient:ref:subject[Patient] medication:ref:medicationReference
DocumentReference type:token:type status:token:status subject:ref:subject patient:ref:subject[Patient]
Coverage status:token:status beneficiary:ref:beneficiary patient:ref:beneficiary subscriber:ref:subscriber payor:ref:payor
AllergyIntolerance clinical-status:token:clinicalStatus code:token:code patient:ref:patient recorder:ref:recorder asserter:ref:asserter
Task status:token:status intent:token:intent subject:ref:for patient:ref:for[Patient]
Device type:token:type status:token:status patient:ref:patient
Practitioner family:string:name.family gender:token:gender
Organization name:string:name
Location name:string:name
ValueSet url:uri:url status:token:status
List status:token:status subject:ref:subject patient:ref:subject[Patient] item:ref:entry.item
Provenance target:ref:target patient:ref:target[Patient]
RelatedPerson patient:ref:patient
END
    my ($type, @params) = split ' ';
    for (@params) {
        my ($name, $kind, $paths) = split /:/;
        $PARAM{$type}{$name} = [$kind, $paths];
    }
}

sub new {
    my ($class, $policy, $claims) = @_;
    my $self = bless { policy => $policy }, $class;
    my $patient = $claims->{patient};
    $self->{patient} = defined $patient ? $self->_id_of($patient) : undef;
    ($self->{user}, $self->{user_patient})
        = $self->_user($claims->{fhirUser});
    $self->{scopes} = [grep { $_ } map { $self->_scope($_) }
                       split / +/, $claims->{scope} // ''];
    return $self;
}

sub scopes { return @{$_[0]{scopes}} }
sub is_shared { return $SHARED{$_[0]} }
sub in_compartment { return $_[0] eq 'Patient' || exists $COMPARTMENT{$_[0]} }

# [kind, elements] of a parameter; undef: not one of those known here.
sub param_of {
    my ($type, $name) = @_;
    return $EVERY{$name} // ($PARAM{$type} || {})->{$name};
}

# --- the token -------------------------------------------------------------

# Id of a Patient that a claim names, or undef.
sub _id_of {
    my ($self, $text) = @_;
    for (map { "$_/" } @{$self->{policy}{bases}}) {
        $text = substr $text, length $_ if index($text, $_) == 0;
    }
    $text =~ s{\APatient/}{};
    return $text =~ /\A$ID\z/ && $text !~ /\A\.\.?\z/ ? $text : undef;
}

sub _user {
    my ($self, $user) = @_;
    return 'absent' if !defined $user || $user eq '';
    for (map { "$_/" } @{$self->{policy}{bases}}) {
        $user = substr $user, length $_ if index($user, $_) == 0;
    }
    my ($type, $id) = $user =~ m{\A([A-Za-z]+)/($ID)\z} or return 'unusable';
    return ('patient', $id) if $type eq 'Patient';
    return $type =~ /\APractitioner(?:Role)?\z/ ? 'practitioner' : 'unusable';
}

sub _scope {
    my ($self, $text) = @_;
    my ($context, $type, $letters, $constraint) = $text =~ m{\A
        (patient|user|system)/(\*|[A-Za-z]+)\.(read|write|\*|c?r?u?d?s?)
        (?:\?(.*))?\z}xs or return undef;
    my $words = { read => 'rs', write => 'cud', '*' => 'cruds' }->{$letters};
    return undef if $letters eq '' || $type ne '*' && !fhir_type_known($type)
        || $type eq 'Parameters';
    my @pairs;
    if (defined $constraint) {
        return undef if $words;
        for (split /&/, $constraint, -1) {
            my ($name, $value) = /\A([^=]*)=(.*)\z/s or return undef;
            for ($name, $value) { s/%([0-9A-Fa-f]{2})/chr hex $1/ge }
            return undef if !length $name || !length $value
                || !param_of($type, $name);
            push @pairs, [$name, $value];
        }
        return undef if !@pairs;
    }
    my $scope = { context => $context, type => $type, pairs => \@pairs,
                  letters => $words // $letters, text => $text };
    @$scope{qw(usable held)} = $self->_usable($context);
    return $scope;
}

# (whether scopes of a context grant anything, Patient they are held to)
sub _usable {
    my ($self, $context) = @_;
    return (1, undef) if $context eq 'system';
    return (defined $self->{patient}, $self->{patient})
        if $context eq 'patient';
    my $user = $self->{user};
    return (1, $self->{user_patient}) if $user eq 'patient';
    return ($user eq 'practitioner' || $user eq 'absent'
        && $self->{policy}{fhir_user} eq 'optional', undef);
}

# --- a resource ------------------------------------------------------------

# All values at a dotted path; arrays on the way are walked.
sub at {
    my ($v, @path) = @_;
    return map { at($_, @path) } @$v if ref $v eq 'ARRAY';
    return defined $v ? ($v) : () if !@path;
    return () if ref $v ne 'HASH';
    my ($k, @rest) = @path;
    return exists $v->{$k} ? at($v->{$k}, @rest) : ();
}

# Values at elements, "a.b,c[Patient]".
sub values_at {
    my ($bases, $resource, $paths) = @_;
    return map {
        my ($path, $only) = /\A([^\[]*)(?:\[(\w+)\])?\z/;
        my @v = at($resource, split /\./, $path);
        @v = grep { ref $_ eq 'HASH' && (refers_to($bases, $_) // '')
                        =~ m{\A$only/} } @v if defined $only;
        @v;
    } split /,/, $paths;
}

# "Type/id" of a literal reference to something on our base, else undef.
# <urns>: { urn => "Type/id" } of a Bundle.
sub refers_to {
    my ($bases, $ref, $urns) = @_;
    my $text = ref $ref eq 'HASH' ? $ref->{reference} : $ref;
    return undef if !defined $text || ref $text;
    return $urns->{$text} if $urns && exists $urns->{$text};
    for (map { "$_/" } @$bases) {
        $text = substr $text, length $_ if index($text, $_) == 0;
    }
    my ($type, $id) = $text
        =~ m{\A([A-Z][A-Za-z]+)/($ID)(?:/_history/$ID)?\z} or return undef;
    return undef if !fhir_type_known($type) || $id =~ /\A\.\.?\z/;
    return "$type/$id";
}

# 0, 1 or 2: is a resource in the compartment of a Patient? With <new>, as
# content that is to be there: by its subject alone.
sub member {
    my ($self, $r, $patient, $new, $urns) = @_;
    my $type = $r->{resourceType};
    my $me = "Patient/$patient";
    my $bases = $self->{policy}{bases};
    if ($type eq 'Patient') {
        return defined $r->{id} && $r->{id} eq $patient ? 2 : 0;
    }
    my $rule = $COMPARTMENT{$type} or return 0;
    my ($all, $own) = @$rule;
    my $is = sub {
        map { ref $_ eq 'HASH' && (refers_to($bases, $_, $urns) // '') eq $me
              ? 1 : 0 } map { at($r, split /\./) } @_;
    };
    if ($new || $self->{policy}{compartment} eq 'subject') {
        if (($own->[0] // '') eq '?') { # is that a subject?
            return scalar(grep { $_ } $is->(@$all)) ? 1 : 0;
        }
        my @refs = $is->(@$own);
        # Without a subject parameter of its own, formal membership is all
        # there is to go by when reading.
        return scalar(grep { $_ } $is->(@$all)) ? 1 : 0 if !@$own && !$new;
        return 0 if !grep { $_ } @refs;
        return 2 if !$new || !grep { !$_ } @refs;
        return 0;
    }
    return scalar(grep { $_ } $is->(@$all)) ? 2 : 0;
}

# 0, 1 or 2: does some scope, by itself, cover a resource with a letter?
sub covers {
    my ($self, $letter, $r, $new, $urns) = @_;
    return max(0, map { $self->scope_covers($_, $letter, $r, $new, $urns) }
               $self->scopes);
}

sub scope_covers {
    my ($self, $s, $letter, $r, $new, $urns) = @_;
    my $type = $r->{resourceType} // '';
    return 0 if !$s->{usable} || index($s->{letters}, $letter) < 0
        || $s->{type} ne '*' && $s->{type} ne $type
        || $type =~ /\A(?:OperationOutcome|Parameters)?\z/;
    my $restricted = defined $s->{held} || @{$s->{pairs}};
    return 0 if $type eq 'Bundle' && $restricted;
    my $here = 2;
    if (defined $s->{held}) {
        $here = $self->member($r, $s->{held}, $new, $urns);
        $here = 2 if !$here && $SHARED{$type} && $letter =~ /[rs]/;
    }
    return min($here, map {
        meets($self->{policy}{bases}, $r, @$_) } @{$s->{pairs}});
}

# --- constraints -----------------------------------------------------------

# 0, 1 or 2: does a resource match name=value?
sub meets {
    my ($bases, $r, $name, $value) = @_;
    my $p = param_of($r->{resourceType}, $name) or return 0;
    my ($kind, $paths) = @$p;
    my @have = values_at($bases, $r, $paths);
    my $test = \&{"_is_$kind"};
    my @want = split /(?<!\\),/, $value, -1;
    return max(0, map {
        my $want = $_;
        map { $test->($bases, $_, $want) } @have;
    } @want);
}

sub _plain { return $_[0] =~ s/\\([,|\$\\])/$1/gr }

sub _is_token {
    my ($bases, $v, $want) = @_;
    my ($system, $code) = $want =~ /\A((?:[^|\\]|\\.)*)\|(.*)\z/s
        ? (_plain($1), _plain($2)) : (undef, _plain($want));
    my @have = ref $v eq 'HASH' && ref $v->{coding} eq 'ARRAY' ? @{$v->{coding}}
        : $v;
    return max(0, map {
        my ($s, $c) = ref $_ eq 'HASH' ? ($_->{system}, $_->{code}
            // $_->{value}) : ref $_ ? (undef, $$_ ? 'true' : 'false')
            : (undef, $_);
        my $plain = ref $_ ne 'HASH';
        !defined $c ? 0
            : $code ne '' && $c ne $code ? 0
            : !defined $system ? ($code eq '' ? 0 : 2)
            : $system eq '' ? (defined $s ? 0 : 2)
            : $plain ? 1 # the system of a code is that of its binding
            : ($s // '') eq $system ? 2 : 0;
    } @have);
}

sub _is_ref {
    my ($bases, $v, $want) = @_;
    return 0 if ref $v ne 'HASH';
    my $have = refers_to($bases, $v) // return 0;
    $want = _plain($want);
    return 2 if ($want =~ m{/} ? refers_to($bases, $want) // ''
                 : $have =~ m{/(.*)}s ? $1 : '') eq ($want =~ m{/} ? $have
                                                     : $want);
    return 0;
}

sub _is_string {
    my ($bases, $v, $want) = @_;
    $want = _plain($want);
    return 0 if ref $v;
    return 2 if lc substr($v, 0, length $want) eq lc $want;
    return "$v$want" =~ /[^\x00-\x7f]/ ? 1 : 0;
}

sub _is_uri { return $_[1] eq _plain($_[2]) ? 2 : 0 }

# Whole days in UTC are all the fixtures and scopes have: what has no zone is
# open, what is within, before or behind is not.
sub _is_date {
    my ($bases, $v, $want) = @_;
    my ($prefix, $date) = $want =~ /\A([a-z]{2})?(\d.*)\z/ or return 0;
    $prefix //= 'eq';
    my ($lo, $hi) = _range($date) or return 0;
    my ($from, $to) = ref $v eq 'HASH'
        ? map { @$_ } [defined $v->{start} ? (_range($v->{start}))[0] : 0],
            [defined $v->{end} ? (_range($v->{end}))[1] : 1e12]
        : _range($v);
    return 0 if !defined $from || !defined $to;
    my $hit = $prefix eq 'eq' ? $from >= $lo && $to <= $hi
        : $prefix eq 'ne' ? !($from >= $lo && $to <= $hi)
        : $prefix eq 'gt' ? $to > $hi : $prefix eq 'lt' ? $from < $lo
        : $prefix eq 'ge' ? $to > $hi || $from >= $lo && $to <= $hi
        : $prefix eq 'le' ? $from < $lo || $from >= $lo && $to <= $hi
        : $prefix eq 'sa' ? $from >= $hi : $prefix eq 'eb' ? $to <= $lo : 0;
    my $zoned = "$date " . (ref $v ? $v->{start} // '' : $v);
    return !$hit ? 0 : $zoned =~ /\A\S*(?:Z|[+-]\d\d:\d\d) \S*(?:Z|\d\d)\z/
        ? 2 : 1;
}

# [from, to) in seconds.
sub _range {
    my ($y, $m, $d, $H, $M, $S, $zone) = $_[0] =~ m{\A(\d{4})(?:-(\d\d)
        (?:-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)?)?)?)?
        \z}x or return ();
    my $lo = timegm_modern($S // 0, $M // 0, $H // 0, $d // 1, ($m // 1) - 1,
                           $y);
    my $hi = defined $S ? $lo + 1 : defined $d ? $lo + 86400 : defined $m
        ? timegm_modern(0, 0, 0, 1, $m % 12, $m == 12 ? $y + 1 : $y)
        : timegm_modern(0, 0, 0, 1, 0, $y + 1);
    if (($zone // '') =~ /([+-])(\d\d):(\d\d)/) {
        my $off = ($1 eq '-' ? -1 : 1) * ($2 * 3600 + $3 * 60);
        $_ -= $off for $lo, $hi;
    }
    return ($lo, $hi);
}

1;
