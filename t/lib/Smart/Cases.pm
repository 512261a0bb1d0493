# SPDX-License-Identifier: Apache-2.0
# Tables of requests with what is expected of them, sent through a gateway in
# front of the lab's FHIR server and judged by what came out of it.
#
# decisions: id source scopes patient_ctx method path_and_query body_kind
#            expect why
#   scopes "(none)"  empty, and no token for public requests
#   patient_ctx "-"  no patient claim
#   body_kind        "-", or JSON with these members of its own: _headers
#                    (object), _form (text), _ctype, _patch (array)
#   expect           allow, narrow, deny, either
# attacks:   id class setup_scopes patient_ctx raw_request_or_steps expected why
#   a raw request is C-escaped; {TOKEN} has the scopes and patient of the row,
#   {OTHER} is a token of pat-2, {CL} the length of the body, {REP:n:hex}
#   expected: DENY, DENY:nnn, ALLOW, SAFE, joined by "|"
#
# A verdict is one of
#   ok       as expected
#   skipped  "STEPS:", a script for a person
#   wrong    refused or answered otherwise than expected
#   leak     an answer holds what no scope of the token covers
#   write    the backend was changed though it should not have been
#   passed   a request that should have been denied was not
# The last four are failures. That the backend was asked is none: reads are
# judged by its answer, writes by what is there.
#
# What may be in an answer is found here from the scopes and the fixtures,
# without the code under test.
package Smart::Cases;
use strict;
use warnings;
use File::Basename ();
use Smart::AccessLog ();
use Smart::Client ();
use Smart::FhirStore ();
use Smart::Json qw(json_encode json_decode);
use Smart::Lab ();

our %FAILS = map { $_ => 1 } qw(wrong leak write passed);

# Ways to configure httpd that change which paths come to a backend.
my %VARIANTS = (
    default => '', nodecode => "AllowEncodedSlashes NoDecode\n",
    decode => "AllowEncodedSlashes On\n", slashes => "MergeSlashes Off\n");

# Elements that make a resource a member of a patient's compartment.
my %MEMBER = (
    Appointment => ['participant.actor'], AuditEvent => ['agent.who',
        'entity.what'], Binary => ['securityContext'],
    Composition => ['subject', 'author', 'attester.party'],
    Condition => ['subject', 'asserter'], Coverage => ['policyHolder',
        'subscriber', 'beneficiary', 'payor'], Device => ['patient'],
    DiagnosticReport => ['subject'], DocumentReference => ['subject',
        'author'], Encounter => ['subject'], Group => ['member.entity'],
    List => ['subject', 'source'], MedicationRequest => ['subject'],
    Observation => ['subject', 'performer'], Provenance => ['target'],
    RelatedPerson => ['patient'], Task => ['for']);
my %SHARED = map { $_ => 1 } qw(Practitioner PractitionerRole Organization
    Location Medication HealthcareService Endpoint Substance CodeSystem
    ValueSet ConceptMap NamingSystem StructureDefinition SearchParameter
    OperationDefinition CompartmentDefinition CapabilityStatement
    ImplementationGuide Questionnaire PlanDefinition ActivityDefinition
    Library Measure);

# Rows of a table, in order.
sub rows {
    my ($file) = @_;
    open my $f, '<:raw', $file or die "$file: $!\n";
    chomp(my @lines = <$f>);
    my @names = split /\t/, shift @lines;
    return map {
        my @v = split /\t/, $_, -1;
        die "$file: a row of another width: $v[0]\n" if @v != @names;
        my %row;
        @row{@names} = @v;
        \%row;
    } grep { length && !/\A#/ } @lines;
}

# Options: variant (default), mpm (event), smart (0: without the module), extra
# (more lines for the Location).
sub new {
    my ($class, %o) = @_;
    my $lab = Smart::Lab->new;
    my $variant = $VARIANTS{$o{variant} // 'default'}
        // die "no such variant\n";
    my $conf = $lab->protected(extra => join "\n",
        'SmartPublicURL https://fhir.example.org/fhir', $o{extra} // ());
    $conf = "<Location /fhir>\nProxyPass \@FHIR\@\n</Location>\n"
        if !($o{smart} // 1);
    my $self = bless { lab => $lab, tokens => {} }, $class;
    $self->{httpd} = $lab->httpd(
        mpm => $o{mpm} // 'event', smart => $o{smart},
        conf => Smart::AccessLog::conf() . $variant . $conf);
    $self->{log} = Smart::AccessLog->new($self->{httpd});
    $self->_load_fixtures;
    return $self;
}

sub lab { return $_[0]{lab} }
sub httpd { return $_[0]{httpd} }

sub _load_fixtures {
    my ($self) = @_;
    my $dir = Smart::Lab::top() . '/t/fixtures';
    for (glob("$dir/*/*.json"), glob "$dir/_history/*/*/*.json") {
        open my $f, '<:raw', $_ or die "$_: $!\n";
        local $/;
        my $text = <$f>;
        my ($canary) = Smart::FhirStore::canaries($text);
        $self->{fixture}{$canary} = json_decode($text) if defined $canary;
    }
    return;
}

# --- what a token covers ---------------------------------------------------

sub _scopes {
    my ($text) = @_;
    my @out;
    for (split / /, $text) {
        my ($context, $type, $letters, $constraint)
            = m{\A(patient|user|system)/(\*|[A-Z][A-Za-z]*)
                \.(read|write|\*|c?r?u?d?s?)(?:\?(.+))?\z}x or next;
        $letters = { read => 'rs', write => 'cud', '*' => 'cruds' }->{$letters}
            // $letters;
        push @out, { context => $context, type => $type, letters => $letters,
                     constraint => $constraint } if length $letters;
    }
    return @out;
}

sub _at {
    my ($value, @path) = @_;
    return map { _at($_, @path) } @$value if ref $value eq 'ARRAY';
    return defined $value ? $value : () if !@path;
    return () if ref $value ne 'HASH';
    return _at($value->{shift @path}, @path);
}

sub _is_member {
    my ($self, $type, $canary, $patient) = @_;
    return 1 if $SHARED{$type};
    return $canary eq "Patient/$patient" if $type eq 'Patient';
    my $r = $self->{fixture}{$canary} or return 0;
    my @refs = map { _at($r, split(/\./, $_), 'reference') }
        @{$MEMBER{$type} || []};
    return scalar grep { $_ eq "Patient/$patient" } @refs;
}

# Does a fixture meet a constraint? Categories are looked at, all else is
# taken to be met.
sub _meets {
    my ($self, $canary, $constraint) = @_;
    my $r = $self->{fixture}{$canary} or return 1;
    for (split /&/, $constraint) {
        my ($value) = /\Acategory=(.*)\z/ or next;
        my ($system, $code) = $value =~ /\A(?:(.*)\|)?(.*)\z/;
        return 0 if !grep {
            $_->{code} eq $code
                && (!defined $system || $_->{system} eq $system)
        } _at($r, 'category', 'coding');
    }
    return 1;
}

# May the canary "Type/id" be in an answer to a token?
sub covered {
    my ($self, $scopes, $patient, $canary) = @_;
    my ($type) = $canary =~ m{\A(\w+)/};
    # Neither of these is a record: public documents, and operations, which
    # are judged by their status.
    return 1 if $canary =~ m{\A(?:Operation|Backend)/}
        || $canary eq 'CapabilityStatement/metadata';
    $patient =~ s{\A(?:https://fhir\.example\.org/fhir/)?Patient/}{};
    for (_scopes($scopes)) {
        next if $_->{type} ne '*' && $_->{type} ne $type
            || $_->{letters} !~ /[rs]/;
        next if defined $_->{constraint}
            && !$self->_meets($canary, $_->{constraint});
        # What was just made is shown to who may read it: "r", whosever.
        return 1 if $canary =~ m{/new-\d+\z} && $_->{letters} =~ /r/;
        return 1 if $_->{context} ne 'patient'
            || $self->_is_member($type, $canary, $patient);
    }
    return 0;
}

# --- sending ---------------------------------------------------------------

sub _token {
    my ($self, $scopes, $patient) = @_;
    $scopes = '' if $scopes eq '(none)';
    return $self->{tokens}{"$patient $scopes"} ||= $self->{lab}->token(
        scope => $scopes, $patient eq '-' || $patient eq '(none)' ? ()
        : (patient => $patient));
}

# Send bytes; every answer that comes on the connection.
sub _send {
    my ($self, $bytes) = @_;
    my $head = $bytes =~ /\AHEAD /;
    my $c = $self->{httpd}->client(timeout => 4);
    my @all = ($c->raw($bytes, keep => 1, head => $head));
    while ($all[-1]{status} && $c->{sock}) {
        my $r = $c->next_response;
        last if !$r->status;
        push @all, $r;
    }
    $c->close;
    return @all;
}

# Send a request and gather what there is to judge.
sub _try {
    my ($self, $row, $bytes) = @_;
    my $lab = $self->{lab};
    my $before = $lab->control(fhir => 'writes');
    my $asked = $lab->as_count;
    $self->{log}->skip;
    my @answers = $self->_send($bytes);
    my $line = $answers[0]->status ? $self->{log}->next(1) : undef;
    my $after = $lab->control(fhir => 'writes');
    my %seen = (answers => \@answers, status => $answers[0]->status,
        decision => $line ? $line->{decision} : '',
        asked => $lab->as_count - $asked,
        map { $_ => $after->{$_} - $before->{$_} } qw(hits writes));
    $lab->fhir_reset if $seen{writes};
    my %c = map { $_ => 1 } map { $_->canaries } @answers;
    $seen{canaries} = [sort keys %c];
    return \%seen;
}

sub _verdict {
    my ($row, $seen, $verdict, $detail) = @_;
    my ($group) = $row->{id} =~ /\A([A-Z]+)/;
    return { id => $row->{id}, group => $group, verdict => $verdict,
             detail => $detail // '', status => $seen->{status},
             decision => $seen->{decision}, why => $row->{why} };
}

# --- decisions -------------------------------------------------------------

# Bytes that must not stand in a request target, escaped.
sub _target {
    my ($text) = @_;
    $text =~ s/([^\x21-\x7e]|["<>\\^`{|}])/sprintf '%%%02X', ord $1/ge;
    return $text;
}

sub _is_public {
    my ($row) = @_;
    return $row->{scopes} eq '(none)'
        && ($row->{path_and_query} =~ m{\A/(?:metadata|\.well-known|bulkfiles)}
            || $row->{method} eq 'OPTIONS');
}

# (headers, body)
sub _body {
    my ($kind) = @_;
    return ([], undef) if $kind eq '-';
    return (['Content-Type', 'application/fhir+json'], $kind)
        if $kind !~ /"_(?:headers|form|ctype|patch)"/;
    my $b = json_decode($kind);
    my $h = delete $b->{_headers} // {};
    my $form = delete $b->{_form};
    my $patch = delete $b->{_patch};
    my $ctype = delete $b->{_ctype};
    my $body = defined $form ? $form : $patch ? json_encode($patch)
        : %$b ? json_encode($b) : undef;
    $ctype //= defined $form ? 'application/x-www-form-urlencoded'
        : $patch ? 'application/json-patch+json' : 'application/fhir+json';
    return ([%$h, defined $body ? ('Content-Type', $ctype) : ()], $body);
}

sub decision {
    my ($self, $row) = @_;
    my $path = $row->{path_and_query} =~ s{\A/(?=\?|\z)}{}r;
    my ($headers, $body) = _body($row->{body_kind});
    my @auth = _is_public($row) ? () : ('Authorization', 'Bearer '
        . $self->_token($row->{scopes}, $row->{patient_ctx}));
    my $bytes = $self->{httpd}->client->bytes(
        $row->{method}, '/fhir' . _target($path),
        [@auth, Connection => 'close', @$headers], $body);
    my $seen = $self->_try($row, $bytes);
    return _verdict($row, $seen,
                    $self->_judge_decision($row, $seen));
}

# Whether it was refused: by us, whatever the backend was asked for it before.
# Of what nobody is held to, a 404 is the backend's.
sub _refused {
    my ($row, $seen) = @_;
    return 0 if $seen->{status} < 400 || $seen->{decision} eq 'permit';
    return !($seen->{decision} eq 'foreign' && $seen->{hits}
             && $row->{patient_ctx} eq '-' && $row->{scopes} !~ /\?/);
}

sub _judge_decision {
    my ($self, $row, $seen) = @_;
    my $writes = $row->{method} =~ /\A(?:POST|PUT|PATCH|DELETE)\z/;
    my @leaks = grep {
        !$self->covered($row->{scopes}, $row->{patient_ctx}, $_)
    } @{$seen->{canaries}};
    return (leak => "@leaks") if @leaks;
    return (write => $seen->{writes})
        if $seen->{writes} && (!$writes || $row->{expect} !~ /allow|either/);
    my $refused = _refused($row, $seen);
    if ($row->{expect} eq 'deny') {
        return (passed => "$seen->{hits} at the backend") if !$refused
            && ($seen->{hits} || $seen->{status} < 400);
        return $seen->{status} < 500 ? 'ok' : (wrong => 'a server error');
    }
    return 'ok' if !$refused || $row->{expect} eq 'either';
    return (wrong => 'refused');
}

# --- attacks ---------------------------------------------------------------

my %ESCAPE = (n => "\n", r => "\r", t => "\t", 0 => "\0", '\\' => '\\',
              '"' => '"', "'" => "'");

sub _raw {
    my ($self, $row) = @_;
    my $s = $row->{raw_request_or_steps};
    $s =~ s/\\(?:x([0-9A-Fa-f]{2})|(.))/defined $1 ? chr hex $1
        : $ESCAPE{$2} \/\/ "\\$2"/ges;
    $s =~ s/\{REP:(\d+):([0-9A-Fa-f]+)\}/pack('H*', $2) x $1/ge;
    my $token = $self->_token($row->{setup_scopes}, $row->{patient_ctx});
    $s =~ s/\{TOKEN\}/$token/g;
    $s =~ s/\{OTHER\}/$self->_token('patient\/*.cruds', 'pat-2')/ge;
    my ($body) = $s =~ /\r\n\r\n(.*)\z/s;
    $s =~ s/\{CL\}/length($body \/\/ '')/ge;
    return $s;
}

sub attack {
    my ($self, $row) = @_;
    return _verdict($row, { status => 0, decision => '' }, 'skipped')
        if $row->{raw_request_or_steps} =~ /\ASTEPS:/;
    my $seen = $self->_try($row, $self->_raw($row));
    my @leaks = grep {
        !$self->covered($row->{setup_scopes}, $row->{patient_ctx}, $_)
    } @{$seen->{canaries}};
    return _verdict($row, $seen, leak => "@leaks") if @leaks;
    return _verdict($row, $seen, write => $seen->{writes}) if $seen->{writes};
    return _verdict($row, $seen, wrong => 'the token was asked about')
        if $row->{why} =~ /AS calls=0/ && $seen->{asked};
    my @said = map { [_judge_attack($_, $seen)] }
        split /\|/, $row->{expected};
    my ($good) = grep { $_->[0] eq 'ok' } @said;
    return _verdict($row, $seen, @{$good || $said[0]});
}

sub _judge_attack {
    my ($want, $seen) = @_;
    my $status = $seen->{status};
    if ($want eq 'SAFE') {
        my @counts = grep { _tells_a_count($_) } @{$seen->{answers}};
        return @counts ? (leak => 'a count') : 'ok';
    }
    if ($want eq 'ALLOW') {
        return 'ok' if $status =~ /\A2/ && @{$seen->{canaries}};
        return (wrong => 'refused');
    }
    my ($code) = $want =~ /\ADENY(?::(\d{3}))?\z/
        or return (wrong => "unknown expectation $want");
    return (passed => $status) if $status =~ /\A[123]/;
    return (passed => "$seen->{hits} at the backend")
        if $seen->{hits} && $seen->{decision} eq 'permit';
    # No answer: httpd closed the connection.
    return (wrong => 'a server error') if $status =~ /\A5/ && $status != 501;
    return 'ok' if !defined $code || $status eq $code;
    return (wrong => "$status, not $code");
}

# A total of more than what is there tells how much was left out.
sub _tells_a_count {
    my ($r) = @_;
    my $b = $r->json;
    return 0 if ref $b ne 'HASH' || !defined $b->{total};
    my $links = grep { ($_->{relation} // '') eq 'next' } @{$b->{link} || []};
    return !$links && $b->{total} > @{$b->{entry} || []};
}

1;
