# SPDX-License-Identifier: Apache-2.0
# Requests and tokens made up at random for an oracle run: most are what an app
# sends, many are nearly that, some are what an attacker sends. The same seed
# and number give the same request.
package Smart::OracleRequests;
use strict;
use warnings;
use Smart::Json qw(json_encode json_copy);
use Smart::OracleWorld qw($BASE);

# Options: seed, store (what the backend has), tokens (300).
sub new {
    my ($class, %o) = @_;
    my $self = bless { tokens => 300, %o }, $class;
    my $s = $self->{store};
    $self->{ids} = { map { my $t = $_; ($t => [map { $_->{id} } $s->all($t)]) }
                     $s->types };
    $self->{types} = [sort keys %{$self->{ids}}];
    $self->{claims} = [map { srand($self->{seed} * 7919 + $_);
                             _claims($_) } 1 .. $self->{tokens}];
    return $self;
}

sub tokens { return @{$_[0]{claims}} }

sub _one { return $_[rand @_] }
sub _often { return rand() < $_[0] }
sub _some { my ($n, @from) = @_; return map { _one(@from) } 1 .. int rand $n + 1 }

# --- tokens ----------------------------------------------------------------

my $LOINC = 'http://loinc.org';
my $OBS = 'http://terminology.hl7.org/CodeSystem/observation-category';
my $COND = 'http://terminology.hl7.org/CodeSystem/condition-category';
my %CONSTRAINT = (
    Observation => ["category=$OBS|laboratory", "category=$OBS|vital-signs",
        'category=laboratory', "code=$LOINC|2345-7", 'code=8867-4',
        "code=$LOINC|2345-7,$LOINC|8867-4", 'status=final', '_id=obs-1',
        '_tag=http://example.org/tags|vip', '_security=R', "category=$OBS|",
        'category=|laboratory', "category=$OBS|laboratory&status=final",
        'date=ge2024-01-12', 'date=2024-01-11', 'subject=Patient/pat-1',
        'subject=Patient/pat-2', 'performer=Patient/pat-1', 'patient=pat-1',
        "category=${OBS}%7Claboratory", 'category=lab%6Fratory',
        'category:in=x', 'subject.name=a', 'bogus=1', 'category=', '_count=1',
        'status=final,preliminary', 'status=FINAL', 'category=Laboratory'],
    Condition => ["category=$COND|problem-list-item",
        "category=$COND|encounter-diagnosis", 'clinical-status=active',
        'code=44054006', 'recorded-date=ge2024-01-01', '_id=cond-1'],
    Encounter => ['class=AMB', 'status=finished', 'date=ge2024', 'class=IMP',
        'date=lt2021-01-01T00:00:00Z'],
    Patient => ['_id=pat-1', '_id=pat-2', 'gender=female', 'family=Ab',
        'birthdate=1970-01-01'],
    DocumentReference => ["type=$LOINC|34133-9", 'status=current'],
    MedicationRequest => ['status=active', 'intent=order',
        'medication=Medication/med-1'],
    '*' => ['_tag=http://example.org/tags|vip', '_id=obs-1',
        '_lastUpdated=ge2024-02-01', 'category=laboratory', '_security=R']);

my @SCOPED = (qw(Patient Observation Condition Encounter DiagnosticReport
    MedicationRequest DocumentReference Coverage Device Task Provenance Binary
    Group List Appointment AllergyIntolerance Communication Practitioner
    Organization Location Medication ValueSet Subscription Account Schedule
    MessageHeader Bundle Composition RelatedPerson AuditEvent Flag));
my @LETTERS = qw(rs rs rs rs cruds cruds cruds cruds r s cud c u d cs us ds rus
    read write *);

sub _scope {
    my ($context) = @_;
    return _one(qw(openid launch/patient fhirUser offline_access
        patient/Observation.sr patient/observation.rs user/Foo.rs
        patient/Observation. Patient/Observation.rs patient/Observation.rsX
        patient/Observation.read?category=laboratory)) if _often(0.06);
    my $type = _often(0.12) ? '*' : _often(0.5)
        ? _one(qw(Observation Patient Condition Encounter)) : _one(@SCOPED);
    my $letters = _one(@LETTERS);
    my $text = "$context/$type.$letters";
    if ($CONSTRAINT{$type} && _often(0.3)) {
        $letters = _one(qw(rs rs r s cruds cud)) if $letters !~ /\A[cruds]+\z/
            || $letters eq 'read';
        $text = "$context/$type.$letters?" . _one(@{$CONSTRAINT{$type}});
    }
    return $text;
}

sub _claims {
    my ($n) = @_;
    my $contexts = _one(['patient'], ['patient'], ['patient'], ['patient'],
        ['user'], ['user'], ['system'], [qw(patient user)],
        [qw(patient system)]);
    my @scopes = map { _scope(_one(@$contexts)) } 1 .. 1 + rand 6;
    # Whole apps: everything one context may do, or a list of types.
    push @scopes, "$contexts->[0]/*." . _one(qw(rs cruds cruds read s cud))
        if $n % 5 == 0;
    my $letters = _one(qw(rs cruds cruds));
    push @scopes, map { "$contexts->[0]/$_.$letters" }
        qw(Patient Observation Condition Encounter DiagnosticReport
           MedicationRequest Coverage) if $n % 5 == 1;
    push @scopes, map { "$contexts->[0]/$_.$letters?category=" . ($_ eq
        'Condition' ? 'problem-list-item' : 'laboratory') }
        qw(Observation Condition) if $n % 5 == 2;
    my %c = (scope => join ' ', @scopes);
    my $p = _one(('pat-1') x 8, 'pat-2', 'Patient/pat-1', "$BASE/Patient/pat-1",
        'pat-9', 'pat 1', 'Practitioner/pat-1', '../pat-1', 'PAT-1',
        'https://other.example.org/fhir/Patient/pat-1', undef);
    $c{patient} = $p if defined $p && "@$contexts" ne 'system';
    my $u = _one('Practitioner/prac-1', 'Practitioner/prac-1', 'Patient/pat-1',
        "$BASE/Patient/pat-2", "$BASE/PractitionerRole/role-1", undef,
        'RelatedPerson/rel-1', 'Person/p',
        'https://other.example.org/fhir/Practitioner/x', 'Patient');
    $c{fhirUser} = $u if defined $u && "@$contexts" =~ /user/;
    return \%c;
}

# --- requests --------------------------------------------------------------

my @KINDS = map { my ($k, $n) = split /:/; ($k) x $n } qw(read:18 vread:3
    history:5 search:30 post:6 compartment:7 system:4 page:4 create:6 update:8
    patch:5 delete:4 conditional:4 batch:9 operation:6 junk:3);

my %LETTER = (read => 'r', vread => 'r', history => 'r', search => 's',
    post => 's', compartment => 's', system => 's', page => 's', create => 'c',
    update => 'u', patch => 'u', delete => 'd');

# Types that scopes have a letter on.
sub _about {
    my ($scopes, $letter) = @_;
    return map {
        my ($t, $l) = m{/(\*|[A-Z][A-Za-z]+)\.([a-z*]+)} or ();
        $l = { read => 'rs', write => 'cud', '*' => 'cruds' }->{$l // ''} // $l;
        !defined $t || $letter && $l !~ /$letter/ ? ()
            : $t eq '*' ? @SCOPED[0 .. 12] : $t;
    } split / /, $scopes;
}

# (number of the token or undef or -1, request) of number n.
sub request {
    my ($self, $n) = @_;
    srand($self->{seed} * 1_000_003 + $n);
    my $token = int rand @{$self->{claims}};
    my $c = $self->{claims}[$token];
    $self->{own} = ($c->{patient} // $c->{fhirUser} // 'pat-1') =~ /(pat-\d+)/
        ? $1 : 'pat-1';
    # What the token is about is asked for more often.
    my $kind = _one(@KINDS);
    for (1 .. 6) {
        $self->{about} = [_about($c->{scope}, $LETTER{$kind})];
        last if @{$self->{about}} || _often(0.15);
        $kind = _one(@KINDS);
    }
    push @{$self->{about}}, qw(Observation Patient) if !@{$self->{about}};
    my $do = "_make_$kind";
    my $r = $self->$do;
    $r->{query} = undef if defined $r->{query} && $r->{query} eq '';
    $r->{headers} ||= {};
    $self->_disturb($r);
    return (rand() < 0.01 ? _one(undef, -1) : $token, $r);
}

sub _type {
    my ($self) = @_;
    return _often(0.85) ? _one(@{$self->{about}})
        : _often(0.85) ? _one(@{$self->{types}})
        : _one(qw(Procedure Immunization Foo observation OperationOutcome
                  Parameters StructureDefinition));
}

sub _id {
    my ($self, $type) = @_;
    return _one(qw(nope-404 new-1 pat-1 obs-1 x.y-z)) if _often(0.08)
        || !$self->{ids}{$type};
    return $self->{own} if $type eq 'Patient' && _often(0.6);
    return _one(@{$self->{ids}{$type}});
}

sub _escape {
    my ($text, $also) = @_;
    $also //= '';
    $text =~ s{([^A-Za-z0-9._~,:/|*\$-])}{sprintf '%%%02X', ord $1}ge;
    return $text;
}

sub _query {
    return join '&', map {
        my ($n, $v) = @$_;
        $n = _often(0.02) ? $n =~ s/([a-z])/sprintf '%%%02x', ord $1/re
            : _escape($n);
        defined $v ? "$n=" . (_often(0.1) ? $v =~ s/([|\/ %&+;#])/sprintf
                              '%%%02X', ord $1/ger : _escape($v)) : $n;
    } @_;
}

sub _make_read {
    my ($self) = @_;
    my $type = $self->_type;
    my @q = _often(0.15) ? _one(['_format', 'json'], ['_elements', 'id'],
        ['_summary', 'text'], ['_format', 'xml'], ['_pretty', 'true'],
        ['patient', 'pat-1'], ['_format', 'application/fhir+json']) : ();
    return { method => _often(0.93) ? 'GET' : 'HEAD',
             path => "/$type/" . $self->_id($type), query => _query(@q) };
}

sub _make_vread {
    my ($self) = @_;
    my ($type, $id) = _often(0.4) ? ('Observation', _one(qw(obs-1 obs-mv)))
        : ($self->_type);
    $id //= $self->_id($type);
    return { method => 'GET', path => "/$type/$id/_history/"
                 . _one(1, 1, 2, 9, 'x') };
}

sub _make_history {
    my ($self) = @_;
    my ($type, $id) = _often(0.4) ? ('Observation', _one(qw(obs-1 obs-mv)))
        : ($self->_type);
    $id //= $self->_id($type);
    my @q = _often(0.2) ? ['_count', _one(1, 100)] : ();
    return { method => 'GET', query => _query(@q), path => _often(0.75)
        ? "/$type/$id/_history" : _often(0.8) ? "/$type/_history"
        : '/_history' };
}

# --- searches --------------------------------------------------------------

my @PATIENTS = ('Patient/pat-1', 'pat-1', 'Patient/pat-2', 'pat-2',
    'Patient/pat-1,Patient/pat-2', "$BASE/Patient/pat-1", '',
    'Patient/pat-1/_history/1', 'Group/grp-1', 'Practitioner/prac-1');
my %ASK = (
    Observation => [['category', 'laboratory'], ['category',
        "$OBS|vital-signs"], ['code', "$LOINC|2345-7"], ['status', 'final'],
        ['date', 'ge2024-01-12'], ['encounter', 'Encounter/enc-1'],
        ['value-quantity', 'gt100'], ['code', '2345-7,8867-4'],
        ['performer', 'Patient/pat-1'], ['focus', 'Patient/pat-1']],
    Patient => [['_id', 'pat-1'], ['_id', 'pat-2'], ['_id', 'pat-1,pat-2'],
        ['family', 'Able'], ['gender', 'female'], ['name', 'a'],
        ['birthdate', '1970-01-01'], ['identifier', 'MRN-2'], ['link',
        'Patient/pat-1']],
    Condition => [['category', 'problem-list-item'], ['clinical-status',
        'active'], ['code', '44054006'], ['asserter', 'Patient/pat-1']],
    Encounter => [['class', 'AMB'], ['status', 'finished'], ['date', 'lt2021']],
    DiagnosticReport => [['result', 'Observation/obs-2'], ['category', 'LAB']],
    MedicationRequest => [['status', 'active'], ['medication',
        'Medication/med-1']],
    Coverage => [['beneficiary', 'Patient/pat-1'], ['subscriber',
        'Patient/pat-2'], ['payor', 'Organization/org-1']],
    Provenance => [['target', 'Observation/obs-2']],
    Practitioner => [['family', 'Curie'], ['_id', 'prac-1']],
    Organization => [['name', 'Example']], Task => [['status', 'requested']]);
my @INCLUDES = (['_include', 'Observation:subject'], ['_include', '*'],
    ['_include', 'DiagnosticReport:result'], ['_include', 'Observation:*'],
    ['_include:iterate', 'Encounter:subject'], ['_include',
    'MedicationRequest:medication'], ['_include', 'Coverage:subscriber'],
    ['_revinclude', 'Observation:subject'], ['_revinclude',
    'Provenance:target'], ['_revinclude:iterate', 'DiagnosticReport:result'],
    ['_revinclude', '*'], ['_include', 'Patient:link:Patient'],
    ['_include:recurse', 'Observation:encounter'], ['_revinclude', 'Patient:link'],
    ['_include', 'Appointment:actor'], ['_include', 'List:item']);
my @TRICKS = (['subject:Patient.name', 'Able'], ['patient.identifier', 'MRN-2'],
    ['subject.name', 'a'], ['_has:Observation:patient:code', '2345-7'],
    ['_has:Condition:subject:code', '1'], ['_filter', 'name eq "a"'],
    ['_list', 'list-1'], ['_query', 'all'], ['_contained', 'true'],
    ['_contained', 'both'], ['_has:Observation:patient:_has:Provenance:target:'
    . '_id', 'prov-1'], ['patient:not', 'pat-1'], ['subject:missing', 'true'],
    ['patient:identifier', 'MRN-1'], ['_id:not', 'x'], ['_sort',
    '-subject:Patient.name'], ['_summary', 'count'], ['_INCLUDE', '*'],
    ['_inClude', '*'], ['bogus', '1'], ['_bogus', '1'], ['bogus-date', ''],
    ['result.code', '2345-7'], ['result.subject:Patient.name', 'Baker'],
    ['_type', 'Patient'], ['_containedType', 'contained'],
    ['subject:Group.member', 'x'], ['PATIENT', 'pat-2'],
    ['organization.name', 'x'], ['subject:Foo.name', 'x']);
my @PLAIN = (['_count', 2], ['_count', 100], ['_sort', '-date'], ['_total',
    'accurate'], ['_elements', 'id,subject'], ['_summary', 'true'],
    ['_summary', 'data'], ['_format', 'json'], ['_pretty', 'true'],
    ['_lastUpdated', 'ge2020'], ['_tag', 'vip'], ['_text', 'CANARY'],
    ['_content', 'mg'], ['_offset', 1], ['_total', 'none'], ['_format',
    'xml'], ['_format', 'application/fhir+json'], ['_id', 'obs-1'],
    ['_security', 'R']);

sub _params {
    my ($self, $type) = @_;
    my @q = _some(2, @{$ASK{$type} || [['status', 'active']]});
    push @q, [_one(qw(patient subject)), _one(@PATIENTS[0, 0, 0, 1, 1],
                                              @PATIENTS)] if _often(0.3);
    push @q, _one(@PLAIN) if _often(0.35);
    push @q, _some(2, @INCLUDES) if _often(0.3);
    push @q, _one(@TRICKS) if _often(0.18);
    return sort { rand() <=> 0.5 } @q;
}

sub _make_search {
    my ($self) = @_;
    my $type = $self->_type;
    my $query = _query($self->_params($type));
    $query .= _one(';patient=pat-2', '%zz', '&&', '#x', '&=x', '&%00', '&%ff',
        '&a=%C0%AF', '&patient', '&patient:=pat-1', '&x.=1', '&subject=a^b')
        if _often(0.03);
    return { method => _often(0.95) ? 'GET' : 'HEAD', query => $query,
             path => "/$type" . _one(('') x 9, '/', '/_search') };
}

sub _make_post {
    my ($self) = @_;
    my $type = $self->_type;
    my @q = $self->_params($type);
    my $at = int rand @q + 1;
    return { method => 'POST', path => "/$type/_search",
        query => _often(0.3) ? _query(@q[0 .. $at - 1]) : undef,
        body => _query(@q[$at .. $#q]) . (_often(0.05) ? '&_method=DELETE' : ''),
        headers => { 'content-type' => _one(
            ('application/x-www-form-urlencoded') x 12,
            'application/x-www-form-urlencoded; charset=utf-8',
            'application/fhir+json', 'multipart/form-data; boundary=x',
            'text/plain') } };
}

sub _make_compartment {
    my ($self) = @_;
    my $type = _often(0.1) ? '*' : $self->_type;
    my $of = _often(0.85) ? 'Patient/' . ($self->{own}
            x _often(0.7) || $self->_id('Patient'))
        : _one('Encounter/enc-1', 'Practitioner/prac-1', 'Device/dev-1',
               'RelatedPerson/rel-1', 'Group/grp-1', 'Observation/obs-1');
    my $post = _often(0.1);
    return { method => $post ? 'POST' : 'GET',
        path => "/$of/$type" . ($post ? '/_search' : ''),
        query => _query(_often(0.6) ? $self->_params($type) : ()),
        $post ? (body => '', headers => { 'content-type' =>
                     'application/x-www-form-urlencoded' }) : () };
}

sub _make_system {
    my ($self) = @_;
    my @q = (_often(0.7) ? ['_type', join ',', map { $self->_type }
                            1 .. 1 + rand 2] : (),
             _often(0.5) ? $self->_params('Observation') : ());
    my $post = _often(0.3);
    return { method => $post ? 'POST' : 'GET',
        path => $post ? '/_search' : _one('', '/', '/_search'),
        query => $post ? undef : _query(@q),
        $post ? (body => _query(@q), headers => { 'content-type' =>
                     'application/x-www-form-urlencoded' }) : () };
}

sub _make_page {
    my ($self) = @_;
    my @q = (_one(['_getpages', 'p' . int rand 400], ['_page', 'p'
        . int rand 400], ['ct', 'p' . int rand 400], ['_cursor', 'p1']),
        _often(0.5) ? ['_getpagesoffset', int rand 3] : (),
        _often(0.3) ? ['_count', 100] : (),
        _often(0.1) ? _one(@TRICKS) : ());
    my $on = _often(0.2) ? '/' . $self->_type : _one('', '/');
    return { method => 'GET', path => $on, query => _query(@q) };
}

# --- writes ----------------------------------------------------------------

# A resource to send: one of the fixtures, changed.
sub _content {
    my ($self, $type, $id) = @_;
    my ($like) = grep { !defined $id || _often(0.5) || $_->{id} eq $id }
        sort { rand() <=> 0.5 } $self->{store}->all($type);
    my $r = $like ? json_copy($like) : { status => 'active',
        subject => { reference => 'Patient/pat-1' } };
    delete @$r{qw(meta text identifier note)};
    $r->{resourceType} = $type;
    defined $id ? ($r->{id} = $id) : _often(0.8) ? delete $r->{id} : 0;
    my ($at) = grep { ref $r->{$_} eq 'HASH' && $r->{$_}{reference} }
        qw(subject patient beneficiary for);
    if ($at) {
        my $own = "Patient/$self->{own}";
        $r->{$at} = { reference => $own } if _often(0.6);
        $r->{$at} = _one({ reference => 'Patient/pat-2' },
            { reference => "$BASE/$own" }, { reference => "$own/_history/1" },
            { reference => '#p' }, { display => $own }, [{ reference => $own }],
            { reference => "Patient?identifier=MRN-1" }, $own,
            { reference => "https://other.example.org/fhir/$own" },
            { reference => 'Group/grp-1' }, {}) if _often(0.25);
        delete $r->{$at} if _often(0.04);
        $r->{performer} = [{ reference => $own }] if _often(0.1)
            && $type eq 'Observation';
    }
    $r->{status} = _one(qw(final amended cancelled)) if _often(0.3)
        && $type eq 'Observation';
    $r->{category} = [{ coding => [{ system => $OBS, code =>
        _one(qw(laboratory vital-signs)) }] }] if _often(0.3)
        && $type eq 'Observation';
    return $r;
}

# Resource of number n, as somebody could send it.
sub content {
    my ($self, $n) = @_;
    srand($self->{seed} * 1_000_003 + $n);
    $self->{own} = _one(qw(pat-1 pat-1 pat-2));
    my $type = _one(@{$self->{types}}, ('Observation', 'Patient') x 9);
    return $self->_content($type, $self->_id($type));
}

my @MEDIA = (('application/fhir+json') x 14, 'application/json',
    'application/fhir+json; charset=utf-8', 'application/fhir+xml', 'text/json',
    'application/fhir+json; charset=utf-16');

# Bytes of a body, now and then spoiled.
sub _bytes {
    my ($self, $r) = @_;
    my $text = json_encode($r);
    return $text if !_often(0.06);
    return _one("$text {}", "\xEF\xBB\xBF$text", "[$text]", substr($text, 1),
        $text =~ s/\A\{/{"subject":{"reference":"Patient\/pat-2"},/r,
        $text =~ s/"reference":/"reference":"Patient\/pat-2","reference":/r,
        $text =~ s/"resourceType"/"resource\\u0054ype"/r, '', 'null',
        $text =~ s/\}\z/,"x":"\xff"}/r, $text =~ s/\}\z/,"x":NaN}/r,
        '{"a":' x 200 . '1' . '}' x 200);
}

sub _make_create {
    my ($self) = @_;
    my $type = $self->_type;
    my %h = ('content-type' => _one(@MEDIA));
    $h{'if-none-exist'} = _one('identifier=a|b', 'identifier=MRN-1',
        'patient=pat-2&identifier=a', 'subject.name=x', '_has:Observation:'
        . 'patient:code=1', 'status=final', '', '_id=obs-2', 'bogus=1')
        if _often(0.2);
    $h{'x-provenance'} = '{"resourceType":"Provenance"}' if _often(0.04);
    return { method => 'POST', path => "/$type", headers => \%h,
             body => $self->_bytes($self->_content($type)) };
}

sub _make_update {
    my ($self) = @_;
    my $type = $self->_type;
    my $id = $self->_id($type);
    my $r = $self->_content(_often(0.03) ? 'Condition' : $type, $id);
    $r->{id} = 'other' if _often(0.04);
    my %h = ('content-type' => _one(@MEDIA));
    $h{'if-match'} = _one('W/"1"', 'W/"2"', '"1"', 'W/"77"', '*')
        if _often(0.15);
    $h{'x-provenance'} = '{}' if _often(0.03);
    return { method => 'PUT', path => "/$type/$id", headers => \%h,
             query => _often(0.03) ? '_cascade=delete' : undef,
             body => $self->_bytes($r) };
}

sub _operations {
    my ($self) = @_;
    my $own = "Patient/$self->{own}";
    return [map { _one(
        { op => 'replace', path => '/status', value => _one('final', 'x') },
        { op => 'add', path => '/note', value => [{ text => 'n' }] },
        { op => 'add', path => '/language', value => 'en' },
        { op => 'add', path => '/language', value => 'en' },
        { op => 'replace', path => '/subject/reference', value =>
            _one($own, 'Patient/pat-2') },
        { op => 'remove', path => '/subject' },
        { op => 'test', path => '/status', value => _one('final', 'x') },
        { op => 'move', from => '/subject', path => '/focus' },
        { op => 'copy', from => '/subject', path => '/performer' },
        { op => 'replace', path => '/id', value => 'other' },
        { op => 'replace', path => '/resourceType', value => 'Basic' },
        { op => 'replace', path => '', value => { resourceType => 'Basic' } },
        { op => 'replace', path => '/category/0/coding/0/code',
          value => _one(qw(laboratory vital-signs)) },
        { op => 'add', path => '/category/-', value => { coding => [
            { system => $OBS, code => 'laboratory' }] } },
        { op => 'remove', path => '/nothing/here' }, { op => 'bogus' },
        { op => 'replace', path => '/subject', value => { reference => $own } },
        { op => 'add', path => '/sub~0je~1ct', value => 1 }) }
        1 .. 1 + rand 2];
}

sub _make_patch {
    my ($self) = @_;
    my $type = $self->_type;
    my $ops = $self->_operations;
    my $path = { resourceType => 'Parameters', parameter => [{ name =>
        'operation', part => [{ name => 'type', valueCode => 'delete' },
        { name => 'path', valueString => "$type.subject" }] }] };
    my ($ctype, $body) = _often(0.9)
        ? (_one(('application/json-patch+json') x 12, 'application/json',
            'application/json-patch+json; charset=utf-8'), json_encode($ops))
        : ('application/fhir+json', json_encode($path));
    my %h = ('content-type' => $ctype);
    $h{'if-match'} = _one('W/"1"', 'W/"2"', 'W/"77"') if _often(0.1);
    return { method => 'PATCH', path => "/$type/" . $self->_id($type),
             headers => \%h, body => $body };
}

sub _make_delete {
    my ($self) = @_;
    my $type = $self->_type;
    return { method => 'DELETE', path => "/$type/" . $self->_id($type),
        query => _often(0.05) ? _one('_cascade=delete', '_expunge=true') : undef,
        headers => _often(0.1) ? { 'if-match' => _one('W/"1"', 'W/"9"') } : {}
    };
}

sub _make_conditional {
    my ($self) = @_;
    my $type = $self->_type;
    my $m = _one(qw(PUT PATCH DELETE));
    my $path = _often(0.95) ? "/$type" : _one('', '/');
    return { method => $m, path => $path, query => _one('identifier=a',
        'patient=pat-1', 'subject=Patient/pat-1', '_id=obs-1', '', 'status=',
        'subject.name=a', '_has:Observation:patient:code=1', '_count=1'),
        $m eq 'DELETE' ? () : (headers => { 'content-type' => $m eq 'PUT'
            ? 'application/fhir+json' : 'application/json-patch+json' },
            body => $m eq 'PUT' ? $self->_bytes($self->_content($type))
            : json_encode($self->_operations)) };
}

# --- batches ---------------------------------------------------------------

my @URNS = map { "urn:uuid:00000000-0000-4000-8000-00000000000$_" } 1 .. 3;

sub _entry {
    my ($self) = @_;
    my $do = '_make_' . _one(qw(read read search search create create update
        update delete vread compartment operation));
    my $r = $self->$do;
    my $url = substr $r->{path}, 1;
    $url .= "?$r->{query}" if defined $r->{query} && length $r->{query};
    $url = _one("/$url", "$BASE/$url", "https://other.example.org/fhir/$url",
        "../$url", "$url#x") if _often(0.06);
    my %e = (request => { method => _often(0.02) ? _one(qw(HEAD get PUT))
                          : $r->{method} eq 'HEAD' ? 'GET' : $r->{method},
                          url => $url });
    my %h = %{$r->{headers} || {}};
    $e{request}{ifNoneExist} = $h{'if-none-exist'}
        if defined $h{'if-none-exist'};
    $e{request}{ifMatch} = $h{'if-match'} if defined $h{'if-match'};
    if ($r->{method} =~ /POST|PUT/ && $r->{path} =~ m{\A/([A-Z]\w+)(?:/([^/]+))?}) {
        $e{resource} = $self->_content($1, $2);
        $e{resource}{subject} = { reference => _one(@URNS) } if _often(0.15);
        $e{fullUrl} = _one(@URNS) if _often(0.4);
    }
    delete $e{request} if _often(0.01);
    return \%e;
}

sub _make_batch {
    my ($self) = @_;
    my @entries = map { $self->_entry } 1 .. 1 + rand 3;
    if (_often(0.15)) {
        my $p = { resourceType => 'Patient', id => $self->{own}, active =>
                  \1, name => [{ family => 'Able' }] };
        push @entries, { fullUrl => $URNS[0], resource => $p, request => {
            method => 'PUT', url => "Patient/$self->{own}" } };
    }
    push @entries, { request => { method => 'POST', url => _one('', '/') },
        resource => { resourceType => 'Bundle', type => 'batch', entry => [{
            request => { method => 'GET', url => 'Observation' } }] } }
        if _often(0.03);
    my $b = { resourceType => 'Bundle', entry => \@entries, type => _one(
        ('batch') x 9, ('transaction') x 9, 'history', 'searchset') };
    delete $b->{type} if _often(0.01);
    my $r = { method => 'POST', path => _one('', '/'), body => $self->_bytes($b),
              headers => { 'content-type' => _one(@MEDIA) } };
    $r->{headers}{prefer} = 'return=representation' if _often(0.3);
    return $r;
}

# --- operations, and nothing at all ----------------------------------------

sub _make_operation {
    my ($self) = @_;
    my $own = "Patient/$self->{own}";
    my $path = _one("/$own/\$everything", "/$own/\$everything",
        "/$own/\$everything", '/Patient/pat-2/$everything',
        '/Patient/$everything', '/Observation/$lastn', '/Observation/$lastn',
        '/$export', '/Patient/$export', '/Group/grp-1/$export',
        '/ValueSet/$expand', '/ValueSet/vs-1/$expand', '/CodeSystem/$lookup',
        '/ValueSet/$validate-code', '/$graphql', "/$own/\$graphql",
        '/Composition/comp-1/$document', '/Observation/obs-1/$meta',
        '/$expunge', '/Patient/$match', '/$export-poll-status',
        '/Encounter/enc-1/$everything', '/Observation/$bogus', '/$reindex');
    my @q = _often(0.4) ? _one(['_type', 'Observation'], ['_type',
        'Patient,Observation'], ['_count', 1], ['patient', 'pat-1'], ['max', 2],
        ['_type', 'Foo'], ['_since', '2020-01-01'], ['category', 'laboratory'],
        ['query', '{a}'], ['_type', '']) : ();
    my $post = _often(0.15);
    return { method => $post ? 'POST' : 'GET', path => $path,
        query => _query(@q), $post ? (body => '{"resourceType":"Parameters"}',
            headers => { 'content-type' => 'application/fhir+json' }) : () };
}

sub _make_junk {
    my ($self) = @_;
    my ($type) = ($self->_type);
    my $id = $self->_id($type);
    return { method => _one(qw(GET GET GET PUT DELETE OPTIONS get FOO)),
        path => _one("/$type//$id", "/$type/./$id", "/x/../$type/$id",
        "/$type;x=1/$id", "/$type/$id%2f", "/%50atient/$id", "/$type/$id/",
        "/$type/$id/$type/$id", '/metadata', '/.well-known/smart-configuration',
        "/$type/$id/_history/1/x", "/$type\\$id", '/bulkstatus/job-1',
        "/$type/*", "/_search/$type", '/Foo/1', "/$type/" . 'a' x 70,
        "/$type/_history/1", '/*', "/$type/$id/*/_search"),
        query => _often(0.2) ? _query($self->_params($type)) : undef };
}

# Headers that may change what comes of a request.
sub _disturb {
    my ($self, $r) = @_;
    my $h = $r->{headers};
    return if !_often(0.12);
    my ($name, $value) = @{_one(['accept', 'application/fhir+xml'],
        ['accept', 'text/html'], ['accept', 'application/fhir+json'],
        ['accept', 'application/fhir+xml, */*;q=0.1'],
        ['prefer', 'respond-async'], ['prefer', 'return=representation'],
        ['prefer', 'handling=lenient'], ['prefer', 'return=minimal'],
        ['if-none-match', 'W/"1"'], ['range', 'bytes=0-50'],
        ['if-modified-since', 'Thu, 01 Jan 2032 00:00:00 GMT'],
        ['x-http-method-override', 'DELETE'], ['x-method-override', 'DELETE'],
        ['accept-encoding', 'gzip'], ['x-smart-patient', 'pat-2'],
        ['content-encoding', 'gzip'])};
    $h->{$name} = $value if !defined $h->{$name};
    return;
}

1;
