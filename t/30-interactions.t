#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What each scope permits, interaction by interaction. A row that permits has
# a twin that differs in one thing and denies; what is permitted comes to the
# backend once, what is denied never.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Smart::AccessLog ();
use Smart::Json qw(json_encode);
use Smart::Lab ();

my $lab = Smart::Lab->new;

sub location {
    my ($path, $extra) = @_;
    return $lab->protected(path => "/$path", extra => $extra // '');
}

my %VERSION = (R4 => 'fhir', R4B => 'r4b', R5 => 'r5');
my @RULES = (
    'SmartRule $export Patient,Group system/*.rs',
    'SmartRule delete Observation deny',
    'SmartRule delete * user/*.d',
    'SmartRule $expand ValueSet public',
    'SmartRule $merge Patient system/Patient.u user/Patient.ud',
    'SmartRule $graphql * system/*.rs',
    'SmartRule read,search-type Organization public',
    'SmartRule create Condition user/Observation.c',
);
my $h = $lab->httpd(conf => join '', Smart::AccessLog::conf(),
    (map { location($VERSION{$_}, "SmartFhirVersion $_") } sort keys %VERSION),
    location('rules', join "\n", @RULES),
    location('open', "SmartRule create,update,patch,delete * user/*.cud\n"
             . "SmartRule * Patient deny\nSmartRule * * public"),
    location('required', 'SmartFhirUser required'),
    location('client', 'SmartPublicURL https://fhir.example.org/fhir'));
my $log = Smart::AccessLog->new($h);

my %minted;
sub token {
    my ($scope, @more) = @_;
    return undef if !defined $scope;
    return $minted{json_encode([$scope, @more])}
        ||= $lab->token(scope => $scope, @more);
}

my $FORM = ['Content-Type', 'application/x-www-form-urlencoded'];
my $JSON = ['Content-Type', 'application/fhir+json'];
my $PATCH = ['Content-Type', 'application/json-patch+json'];
my $OBS = '{"resourceType":"Observation","status":"final",'
    . '"subject":{"reference":"Patient/pat-2"}}';
my $PUT = $OBS =~ s/"status"/"id":"obs-2","status"/r;
my $COND = '{"resourceType":"Condition"}';
my $OP = '[{"op":"replace","path":"/status","value":"amended"}]';
my $BUNDLE = '{"resourceType":"Bundle","type":"batch","entry":[]}';
my $PARAMETERS = '{"resourceType":"Parameters"}';

# One row: what is decided, and that the backend saw it or did not. What was
# permitted, but is not there, is answered as if it were somebody else's. owed:
# permitted as well, and looked into; what is there now may be read before.
sub row {
    my ($want, $token, $name, $method, $target, $headers, $body) = @_;
    my $hits = $lab->hits;
    $log->skip;
    my $r = $h->request($method, $target, $token, $headers, $body);
    my $line = $log->next || { decision => 'no line' };
    my $came = $lab->hits - $hits;
    my $got = $line->{decision};
    $got = 'permit' if $got eq 'foreign' && $came;
    $came = 1 if $want eq 'owed' && $came == 2;
    return is "$got $came",
        $want =~ /\A(?:permit|owed)\z/ ? 'permit 1' : "$want 0",
        "$want: $name";
}

# --- letters ---------------------------------------------------------------

my @LETTERS = qw(c r u d s);

# [name, letters it needs, type, method, target below the base, more]
my @PLAIN = (
    ['read', 'r', 'Observation', GET => '/Observation/obs-2'],
    ['read of what is not there', 'r', 'Observation',
     GET => '/Observation/none'],
    ['read, as HEAD', 'r', 'Observation', HEAD => '/Observation/obs-2'],
    ['read with a format', 'r', 'Observation',
     GET => '/Observation/obs-2?_format=json&_pretty=true'],
    ['vread', 'r', 'Observation', GET => '/Observation/obs-mv/_history/1'],
    ['history of an instance', 'r', 'Observation',
     GET => '/Observation/obs-mv/_history?_count=5'],
    ['history of a type', 's', 'Observation', GET => '/Observation/_history'],
    ['search', 's', 'Observation', GET => '/Observation?code=2345-7'],
    ['search without parameters', 's', 'Observation', GET => '/Observation'],
    ['search with a slash', 's', 'Observation', GET => '/Observation/?code=x'],
    ['search, as HEAD', 's', 'Observation', HEAD => '/Observation?code=x'],
    ['search by _search and GET', 's', 'Observation',
     GET => '/Observation/_search?code=x'],
    ['search with a sort', 's', 'Observation',
     GET => '/Observation?_sort=-date,code&_count=3&_summary=true'],
    ['search by form', 's', 'Observation', POST => '/Observation/_search',
     $FORM, 'code=2345-7'],
    ['search by form and URL', 's', 'Observation',
     POST => '/Observation/_search?_count=2', $FORM, 'code=2345-7'],
    ['search by an empty form', 's', 'Observation',
     POST => '/Observation/_search', $FORM, ''],
    ['search of a compartment', 's', 'Observation',
     GET => '/Patient/pat-2/Observation?code=x'],
    ['search of a compartment by form', 's', 'Observation',
     POST => '/Patient/pat-2/Observation/_search', $FORM, 'code=x'],
    ['search of an Encounter', 's', 'Observation',
     GET => '/Encounter/enc-2/Observation'],
    ['search of a Practitioner', 's', 'Observation',
     GET => '/Practitioner/prac-1/Observation'],
    ['create', 'c', 'Observation', POST => '/Observation', $JSON, $OBS],
    ['create as JSON', 'c', 'Observation', POST => '/Observation',
     ['Content-Type', 'application/json; charset=utf-8'], $OBS],
    ['conditional create', 'cs', 'Observation', POST => '/Observation',
     [@$JSON, 'If-None-Exist', 'code=2345-7'], $OBS],
    ['update', 'u', 'Observation', PUT => '/Observation/obs-2', $JSON, $PUT],
    ['conditional update', 'us', 'Observation',
     PUT => '/Observation?code=none', $JSON, $OBS],
    ['patch', 'u', 'Observation', PATCH => '/Observation/obs-2', $PATCH, $OP],
    ['conditional patch', 'us', 'Observation',
     PATCH => '/Observation?code=none', $PATCH, $OP],
    ['delete', 'd', 'Observation', DELETE => '/Observation/obs-2'],
    ['conditional delete', 'ds', 'Observation',
     DELETE => '/Observation?code=none'],
    ['$lastn', 's', 'Observation', GET => '/Observation/$lastn?code=x'],
    ['$expand', 'r', 'ValueSet', GET => '/ValueSet/vs-1/$expand'],
    ['$expand of a type', 'r', 'ValueSet', GET => '/ValueSet/$expand?url=x'],
    ['$validate-code', 'r', 'ValueSet',
     POST => '/ValueSet/vs-1/$validate-code', $JSON, $PARAMETERS],
    ['$lookup', 'r', 'CodeSystem', GET => '/CodeSystem/$lookup?code=x'],
);

sub sorted { return join '', grep { $_[0] =~ /$_/ } @LETTERS }

sub run_plain {
    my ($base) = @_;
    for (@PLAIN) {
        my ($name, $need, $type, $method, $path, @more) = @$_;
        my @request = ($method, "/$base$path", @more);
        for my $context (qw(user system)) {
            row($need =~ /[cud]/ ? 'owed' : 'permit',
                token("$context/$type.$need"),
                "$name with $context/$type.$need", @request);
            $lab->fhir_reset if $method =~ /PUT|DELETE|PATCH/;
        }
        for my $letter (split //, $need) {
            my $rest = join '', grep { $_ ne $letter } @LETTERS;
            row('no-scope', token("user/$type.$rest"),
                "$name with $rest", @request);
        }
        row('no-scope', token("user/Encounter.$need user/$type.c?status=x"),
            "$name with another type", @request) if $need ne 'c';
        row('no-token', undef, "$name without a token", @request);
    }
    return;
}

for my $version (sort keys %VERSION) {
    subtest "letters, $version" => sub { run_plain($VERSION{$version}) };
}

subtest 'wildcards and v1' => sub {
    for (['permit', 'user/*.r'], ['permit', 'user/*.read'],
         ['permit', 'user/*.*'], ['permit', 'user/*.cruds'],
         ['permit', 'user/Observation.*'], ['no-scope', 'user/*.write'],
         ['no-scope', 'user/*.cuds'], ['no-scope', 'user/Observation.write'],
         ['no-scope', 'user/*'], ['no-scope', '*/*.*'], ['no-scope', '*'],
         ['no-scope', 'user/*.*.*'], ['no-scope', 'users/*.*'],
         ['no-scope', 'user/Obs*.r'], ['no-scope', '']) {
        row($_->[0], token($_->[1]), "read with '$_->[1]'",
            GET => '/fhir/Observation/obs-2');
    }
    for (['owed', 'user/*.write'], ['no-scope', 'user/*.read'],
         ['owed', 'user/*.d'], ['no-scope', 'user/*.crus']) {
        row($_->[0], token($_->[1]), "delete with '$_->[1]'",
            DELETE => '/fhir/Observation/obs-2');
    }
    $lab->fhir_reset;
};

subtest 'union' => sub {
    my @cond = (DELETE => '/fhir/Observation?code=none');
    row('owed', token('user/Observation.d user/Observation.s'),
        'letters of one type', @cond);
    row('owed', token('user/Observation.d user/*.s'), 'and of all', @cond);
    row('no-scope', token('user/Observation.d user/Condition.s'),
        'but not of another', @cond);
    row('no-scope', token('user/Observation.d system/Observation.s'),
        'nor of another context', @cond);
    row('no-scope', token('user/Observation.d user/Observation.s?status=x'),
        'nor of a constrained one', @cond);
};

# --- the system ------------------------------------------------------------

subtest 'system level' => sub {
    for (
        ['permit', 'user/*.s', '/?_type=Observation,Condition'],
        ['permit', 'user/Observation.s user/Condition.s',
         '/?_type=Observation,Condition'],
        ['no-scope', 'user/Observation.s', '/?_type=Observation,Condition'],
        ['permit', 'user/Observation.s', '/?_type=Observation'],
        ['no-scope', 'user/Observation.r', '/?_type=Observation'],
        ['permit', 'user/*.s', '/?_lastUpdated=gt2000'],
        ['no-scope', 'user/Observation.s', '/?_lastUpdated=gt2000'],
        ['no-scope', 'user/Observation.s', '/?_type='],
        ['interaction', 'user/*.s', '/?_type=Foo'],
        ['interaction', 'user/*.s', '/?_type=observation'],
        ['no-scope', 'user/Observation.s',
         '/?_type=Observation&_type=Condition'],
        ['permit', 'user/*.s', '/_search?_type=Observation'],
        ['permit', 'user/*.s', '/_history'],
        ['no-scope', 'user/Observation.s', '/_history'],
        ['no-scope', 'user/*.crud', '/_history'],
        ['permit', 'user/*.s', '/?_getpages=x&_getpagesoffset=2'],
        ['owed', 'user/Observation.s', '/?_getpages=x'],
        ['no-scope', 'user/*.r', '/?_getpages=x'],
        ['permit', 'user/*.s', '/Observation?_page=2'],
        ['owed', 'user/Observation.s', '/Observation?_page=2'],
    ) {
        my ($want, $scope, $path) = @$_;
        row($want, token($scope), "GET $path with $scope", GET => "/fhir$path");
    }
    row('permit', token('user/Observation.s'), '_search by form',
        POST => '/fhir/_search', $FORM, '_type=Observation');
    row('no-scope', token('user/Observation.s'), '... of another type',
        POST => '/fhir/_search', $FORM, '_type=Condition');
    row('no-scope', token('user/Observation.s'), '... of all',
        POST => '/fhir/_search', $FORM, '_lastUpdated=gt2000');
    row('permit', token('user/Observation.s'), '... type in the URL',
        POST => '/fhir/_search?_type=Observation', $FORM, '');
    row('no-scope', token('user/Observation.s'), '... another in the form',
        POST => '/fhir/_search?_type=Observation', $FORM, '_type=Condition');
    row('owed', token('user/*.ds'), 'delete by criteria',
        DELETE => '/fhir?_lastUpdated=lt1990');
    row('no-scope', token('user/Observation.ds'), '... of one type',
        DELETE => '/fhir?_lastUpdated=lt1990');
    row('permit', token('user/*.s'), 'everything of a compartment',
        GET => '/fhir/Patient/pat-1/*');
    row('no-scope', token('user/Observation.s'), '... with one type',
        GET => '/fhir/Patient/pat-1/*');
    # Entries are not looked into yet.
    row('owed', token($_, patient => 'pat-1'), "a batch with $_",
        POST => '/fhir', $JSON, $BUNDLE)
        for 'user/*.cruds', 'system/*.*', 'patient/*.cruds';
    row('no-scope', token('openid'), 'a batch with no scope at all',
        POST => '/fhir', $JSON, $BUNDLE);
};

subtest 'public requests' => sub {
    for my $method (qw(GET HEAD)) {
        row('permit', undef, "$method $_", $method => "/fhir$_")
            for '/metadata', '/metadata?mode=full', '/metadata/',
            '/.well-known/smart-configuration';
    }
    row('no-token', undef, "$_->[0] $_->[1]", $_->[0] => "/fhir$_->[1]")
        for [POST => '/metadata'], [PUT => '/metadata'],
        [DELETE => '/.well-known/smart-configuration'],
        [GET => '/.well-known/other'], [GET => '/metadata/x'], [GET => '/'],
        [OPTIONS => '/metadata'], [GET => '/Metadata'];
};

# --- what is none ----------------------------------------------------------

subtest 'what is no interaction' => sub {
    my $all = token('user/*.cruds system/*.cruds patient/*.cruds');
    for ([POST => '/Observation/obs-2'], [PUT => '/'], [PATCH => '/'],
         [PUT => '/Observation'], [PATCH => '/Observation'],
         [DELETE => '/Observation'], [DELETE => '/'],
         [DELETE => '/Observation?_count=1'], [DELETE => '/Observation?code='],
         [DELETE => '/Observation?_cascade=delete&code=x'],
         [DELETE => '/Observation/obs-2?_cascade=delete'],
         [DELETE => '/Observation/obs-2?_expunge=true'],
         [DELETE => '/Observation/obs-2/_history'],
         [DELETE => '/Observation/obs-2/_history/1'],
         [PUT => '/Observation/obs-2?code=x'],
         [PUT => '/Observation/obs-2/_history/1'],
         [POST => '/Observation?code=x'], [POST => '/?_type=x'],
         [POST => '/Observation/_history'], [POST => '/_history'],
         [GET => '/Foo'], [GET => '/observation/obs-2'], [GET => '/Resource/x'],
         [GET => '/DomainResource/x'], [GET => '/Observation/_id'],
         [GET => '/Observation/obs-2/x'], [GET => '/Observation/obs-2/_search'],
         [GET => '/Observation/obs-2/_history/1/x'],
         [GET => '/Observation/' . 'x' x 65], [GET => '/Observation/a_b'],
         [GET => '/Organization/org-1/Observation'],
         [POST => '/Patient/pat-1/Observation'],
         [PUT => '/Observation/$x'], [DELETE => '/$export'],
         [GET => '/bulkstatus/job-1'], [GET => '/bulkfile/job-1/x.ndjson'],
         [OPTIONS => '/Observation']) {
        my ($method, $path) = @$_;
        row('interaction', $all, "$method $path", $method, "/fhir$path",
            $method =~ /P/ && $method ne 'OPTIONS' ? ($JSON, $OBS) : ());
    }
    row('method', $all, $_, $_ => '/fhir/Observation/obs-2')
        for qw(FOO PROPFIND MKCOL get SEARCH LOCK);
};

# --- versions --------------------------------------------------------------

subtest 'types of the versions' => sub {
    my %has = (
        Observation => 'R4 R4B R5', EffectEvidenceSynthesis => 'R4',
        MedicinalProduct => 'R4', Media => 'R4 R4B',
        RequestGroup => 'R4 R4B', DeviceUseStatement => 'R4 R4B',
        Citation => 'R4B R5', NutritionProduct => 'R4B R5',
        Ingredient => 'R4B R5', DeviceUsage => 'R5', Permission => 'R5',
        RequestOrchestration => 'R5', Transport => 'R5',
        BiologicallyDerivedProductDispense => 'R5');
    for my $type (sort keys %has) {
        for my $version (sort keys %VERSION) {
            my $in = grep { $_ eq $version } split / /, $has{$type};
            my $base = "/$VERSION{$version}";
            row($in ? 'permit' : 'interaction', token('user/*.r'),
                "$type in $version", GET => "$base/$type/x");
            row($in ? 'permit' : 'no-scope',
                token("user/$type.r user/Encounter.r"),
                "a scope for $type in $version", GET => "$base/$type/x")
                if $in;
        }
    }
    # A scope for a type that the version does not have grants nothing.
    row('no-scope', token('user/Permission.cruds'), 'a scope of R5 in R4',
        GET => '/fhir/Observation/obs-2');
};

# --- parameters that reach further -----------------------------------------

subtest 'chains' => sub {
    my $deep = 'Observation?encounter:Encounter.subject:Patient.name=x';
    for (
        ['permit', 'user/Observation.s user/Patient.s',
         'Observation?subject:Patient.name=x'],
        ['construct', 'user/Observation.s',
         'Observation?subject:Patient.name=x'],
        ['construct', 'user/Observation.s user/Patient.r',
         'Observation?subject:Patient.name=x'],
        ['construct', 'user/Observation.s system/Patient.s',
         'Observation?subject:Patient.name=x'],
        ['permit', 'user/Observation.s user/Patient.s',
         'Observation?patient.name=x'],
        ['construct', 'user/Observation.s', 'Observation?patient.name=x'],
        ['construct', 'user/Observation.s user/Patient.s',
         'Observation?subject.name=x'],
        ['permit', 'user/Observation.s user/Patient.s user/Group.s '
            . 'user/Device.s user/Location.s', 'Observation?subject.name=x'],
        ['permit', 'user/*.s', 'Observation?subject.name=x'],
        ['permit', 'user/Observation.s user/Encounter.s user/Patient.s', $deep],
        ['construct', 'user/Observation.s user/Patient.s', $deep],
        ['construct', 'user/Observation.s user/Encounter.s', $deep],
        ['permit', 'user/Patient.s user/Observation.s',
         'Patient?_has:Observation:patient:code=x'],
        ['construct', 'user/Patient.s',
         'Patient?_has:Observation:patient:code=x'],
        ['construct', 'user/Patient.s user/Observation.r',
         'Patient?_has:Observation:patient:code=x'],
        ['construct', 'user/Patient.s user/Observation.s',
         'Patient?_has:Observation:patient:_has:AuditEvent:entity:agent=x'],
        ['permit', 'user/*.s',
         'Patient?_has:Observation:patient:_has:AuditEvent:entity:agent=x'],
        ['construct', 'user/Patient.s user/Observation.s',
         'Patient?_has:Foo:patient:code=x'],
        ['permit', 'user/*.s', 'Observation?_sort=subject:Patient.name'],
        ['construct', 'user/Observation.s',
         'Observation?_sort=subject:Patient.name'],
        ['construct', 'user/Observation.s',
         'Observation?_filter=subject.name%20eq%20x'],
        ['permit', 'user/*.s', 'Observation?_filter=code%20eq%20x'],
        ['permit', 'user/*.s', 'Observation?_include=Observation:subject'],
        ['owed', 'user/Observation.s',
         'Observation?_include=Observation:subject'],
        ['owed', 'user/Observation.s user/Provenance.s',
         'Observation?_revinclude=Provenance:target'],
        ['permit', 'user/*.s', 'Observation?_revinclude=Provenance:target'],
    ) {
        my ($want, $scope, $path) = @$_;
        row($want, token($scope), "$path with $scope", GET => "/fhir/$path");
        my ($type, $query) = split /\?/, $path, 2;
        row($want, token($scope), '... by form',
            POST => "/fhir/$type/_search", $FORM, $query)
            if $want ne 'owed' && $scope ne 'user/*.s';
    }
    my @create = (POST => '/fhir/Observation', [@$JSON, 'If-None-Exist',
                  'subject:Patient.name=x'], $OBS);
    row('owed', token('user/Observation.cs user/Patient.s'),
        'a chain in If-None-Exist', @create);
    row('construct', token('user/Observation.cs'), '... without its type',
        @create);
    my @delete = (DELETE => '/fhir/Observation?subject:Patient.name=nobody');
    row('owed', token('user/Observation.ds user/Patient.s'),
        'a chain in a conditional delete', @delete);
    row('construct', token('user/Observation.ds'), '... without its type',
        @delete);
};

subtest 'provenance' => sub {
    my @request = (POST => '/fhir/Observation', [@$JSON, 'X-Provenance',
                   '{"resourceType":"Provenance"}'], $OBS);
    row('owed', token('user/Observation.c user/Provenance.c'),
        'X-Provenance', @request);
    row('no-scope', token('user/Observation.c'), '... without its scope',
        @request);
};

# --- operations ------------------------------------------------------------

subtest 'operations' => sub {
    my $async = ['Prefer', 'respond-async'];
    for (
        ['permit', 'user/*.rs', '/Patient/pat-1/$everything'],
        ['owed', 'user/Patient.r', '/Patient/pat-1/$everything'],
        ['no-scope', 'user/Patient.s', '/Patient/pat-1/$everything'],
        ['permit', 'user/*.rs', '/Patient/$everything'],
        ['no-scope', 'user/*.r', '/Patient/$everything'],
        ['operation', 'user/*.cruds', '/Encounter/enc-1/$everything'],
        ['permit', 'system/*.rs', '/$export'],
        ['no-scope', 'system/*.r', '/$export'],
        ['no-scope', 'system/*.s', '/$export'],
        ['no-scope', 'user/*.rs', '/$export'],
        ['no-scope', 'patient/*.rs', '/$export'],
        ['no-scope', 'system/*.rs?_tag=x', '/$export'],
        ['permit', 'system/*.rs', '/Patient/$export'],
        ['permit', 'system/*.rs', '/Group/grp-1/$export'],
        ['operation', 'system/*.rs', '/Observation/$export'],
        ['operation', 'system/*.rs', '/Patient/pat-1/$export'],
        ['permit', 'system/Patient.rs', '/$export?_type=Patient'],
        ['no-scope', 'system/Patient.rs', '/$export?_type=Patient,Condition'],
        ['no-scope', 'system/Patient.rs', '/$export?_type='],
        ['interaction', 'system/Patient.rs', '/$export?_type=Foo'],
        ['permit', 'system/Patient.rs system/Condition.rs',
         '/$export?_type=Patient,Condition'],
        ['permit', 'system/Patient.rs system/Condition.rs',
         '/$export?_type=Patient&_typeFilter=Patient%3Fgender%3Dmale'],
        ['no-scope', 'system/Patient.rs',
         '/$export?_type=Patient&_typeFilter=Condition%3Fcode%3Dx'],
        ['construct', 'system/Patient.rs', '/$export?_type=Patient&patient=x'],
        ['operation', 'user/*.cruds', '/$graphql?query=x'],
        ['operation', 'user/*.cruds', '/Observation/obs-1/$graphql?query=x'],
        ['operation', 'user/*.cruds', '/Observation/obs-1/$unknown'],
        ['operation', 'user/*.cruds', '/Observation/$validate'],
        ['operation', 'user/*.cruds', '/$meta'],
        ['job', 'system/*.cruds', '/$export-poll-status?_jobId=1'],
        ['operation', 'user/*.cruds', '/CodeSystem/cs-1/$expand'],
        ['operation', 'user/*.cruds', '/Patient/$lastn'],
        ['operation', 'user/*.cruds', '/Observation/obs-1/$lastn'],
    ) {
        my ($want, $scope, $path) = @$_;
        row($want, token($scope), "$path with $scope", GET => "/fhir$path",
            $path =~ /export/ ? $async : []);
    }
    row('permit', token('system/*.rs'), 'POST $export',
        POST => '/fhir/$export', [@$JSON, @$async], $PARAMETERS);
    row('owed', token('system/Patient.rs'), '... of some types',
        POST => '/fhir/$export', [@$JSON, @$async], $PARAMETERS);
};

subtest 'what $export is filled in with' => sub {
    my $sent = sub {
        my ($scope, $path) = @_;
        $lab->control(fhir => 'log?clear=1');
        $h->request(GET => "/fhir$path", token($scope),
                    ['Prefer', 'respond-async']);
        my ($seen) = $lab->fhir_log;
        return $seen ? $seen->{target} : 'nothing';
    };
    is $sent->('system/Patient.rs system/Condition.rs', '/$export'),
        '/fhir/$export?_type=Condition,Patient', 'all types of the grant';
    is $sent->('system/Patient.rs system/Condition.r', '/$export'),
        '/fhir/$export?_type=Patient', '... that may be read and searched';
    is $sent->('system/Patient.rs user/Condition.rs', '/$export'),
        '/fhir/$export?_type=Patient', '... under system/ scopes';
    is $sent->('system/Patient.rs system/Condition.rs?code=x', '/$export'),
        '/fhir/$export?_type=Patient', '... that are not constrained';
    is $sent->('system/Patient.rs', '/$export?_since=2024-01-01'),
        '/fhir/$export?_since=2024-01-01&_type=Patient', 'behind the rest';
    is $sent->('system/Patient.rs', '/$export?_type=Patient'),
        '/fhir/$export?_type=Patient', 'not where it is named';
    is $sent->('system/*.rs', '/$export'), '/fhir/$export',
        'nor where everything may be had';
    is $sent->('system/Condition.r', '/$export'), 'nothing',
        'nothing that may be exported';
};

subtest 'what is sent' => sub {
    my $sent = sub {
        my ($query) = @_;
        $lab->control(fhir => 'log?clear=1');
        $h->get("/fhir/Observation?$query", token('user/Observation.s'));
        my ($seen) = $lab->fhir_log;
        return $seen ? $seen->{query} // '' : 'nothing';
    };
    is $sent->('code=a%7Cb&status=final'), 'code=a%7Cb&status=final',
        'a query as it came';
    is $sent->('&&code=x&&'), 'code=x', 'without empty pairs';
    is $sent->('code=http://x|y'), 'code=http://x%7Cy', 'escaped';
    is $sent->('c%6fde=x'), 'code=x', 'names as they were read';
    is $sent->('code=a+b%20c'), 'code=a+b%20c', 'values as they came';
    $lab->control(fhir => 'log?clear=1');
    $h->request(POST => '/fhir/Observation/_search',
                token('user/Observation.s'), $FORM, '&&c%6fde=http://x|y&');
    my ($seen) = $lab->fhir_log;
    is $seen->{body}, 'code=http://x%7Cy', 'so are forms';
    my %len = map { (lc $_->[0] => $_->[1]) } @{$seen->{headers}};
    is $len{'content-length'}, length $seen->{body}, '... of that length';
};

# --- rules -----------------------------------------------------------------

subtest 'SmartRule' => sub {
    for (
        ['permit', 'system/*.rs', GET => '/Patient/$export'],
        ['no-scope', 'system/Patient.rs', GET => '/Group/grp-1/$export'],
        ['rule', 'user/*.cruds', DELETE => '/Observation/obs-2'],
        ['owed', 'user/Condition.d', DELETE => '/Condition/cond-2'],
        ['no-scope', 'system/Condition.d', DELETE => '/Condition/cond-2'],
        ['no-scope', 'user/Condition.crus', DELETE => '/Condition/cond-2'],
        ['permit', undef, GET => '/ValueSet/vs-1/$expand'],
        ['no-token', undef, GET => '/ValueSet/vs-1'],
        ['no-token', undef, GET => '/ValueSet/vs-1/$validate-code'],
        ['permit', 'system/Patient.u', POST => '/Patient/$merge', $JSON,
         $PARAMETERS],
        ['permit', 'user/Patient.ud', POST => '/Patient/$merge', $JSON,
         $PARAMETERS],
        ['no-scope', 'user/Patient.u', POST => '/Patient/$merge', $JSON,
         $PARAMETERS],
        ['permit', undef, GET => '/Organization/org-1'],
        ['permit', undef, GET => '/Organization?name=x'],
        ['no-token', undef, GET => '/Organization/org-1/_history'],
        ['no-token', undef, POST => '/Organization', $JSON, '{}'],
        (map { ['no-token', undef, GET => "/Organization$_"] }
         '?_revinclude=Patient:organization', '?_include=*',
         '?_has:Patient:organization:family=x', '?_getpages=x'),
        ['no-token', undef, POST => '/Organization/_search', $FORM,
         '_revinclude=*'],
        ['owed', 'user/Observation.c', POST => '/Condition', $JSON, $COND],
        ['no-scope', 'user/Condition.c', POST => '/Condition', $JSON, $COND],
        ['permit', 'system/*.rs', GET => '/$graphql?query=x'],
        ['no-scope', 'system/*.r', GET => '/$graphql?query=x'],
        ['permit', 'user/Observation.r', GET => '/Observation/obs-1'],
        ['no-scope', 'user/Observation.s', GET => '/Observation/obs-1'],
    ) {
        my ($want, $scope, $method, $path, @more) = @$_;
        row($want, token($scope), "$method $path with "
            . ($scope // 'nothing'), $method, "/rules$path", @more);
    }
    $lab->fhir_reset;
};

subtest 'a rule that makes public' => sub {
    my $batch = sub {
        return ($JSON, json_encode({ resourceType => 'Bundle', type => 'batch',
            entry => [map { { request => { method => $_->[0],
                                           url => $_->[1] } } } @_] }));
    };
    my @read = ([GET => 'Observation/obs-2'], [GET => 'Organization']);
    my @delete = ([DELETE => 'Observation/obs-2']);
    my @patient = ([GET => 'Patient/pat-2']);
    for (
        ['permit', undef, GET => '/Observation/obs-2'],
        ['rule', 'user/*.cruds', GET => '/Patient/pat-2'],
        ['no-token', undef, GET => '/Patient/pat-2'],
        ['no-token', undef, GET => '/Observation?_include=Observation:subject'],
        ['no-token', undef, GET => '/?_type=Patient'],
        ['no-token', undef, GET => '/_history'],
        ['no-token', undef, DELETE => '/Observation/obs-2'],
        ['permit', undef, POST => '/', $batch->(@read)],
        ['entry', undef, POST => '/', $batch->(@read, @delete)],
        ['entry', undef, POST => '/', $batch->(@patient)],
        ['entry', 'user/*.rs', POST => '/', $batch->(@delete)],
        ['permit', 'user/*.cud', POST => '/', $batch->(@read, @delete)],
        ['token-inactive', 'x', POST => '/', $batch->(@read)],
    ) {
        my ($want, $scope, $method, $path, @more) = @$_;
        row($want, $scope && $scope eq 'x' ? 'nobodys' : token($scope),
            "$method $path with " . ($scope // 'nothing'), $method,
            "/open$path", @more);
    }
    $lab->fhir_reset;
};

# --- users and patients ----------------------------------------------------

subtest 'fhirUser' => sub {
    my @read = (GET => '/fhir/Observation/obs-2');
    my $as = sub { token('user/*.cruds', fhirUser => $_[0]) };
    row('permit', $as->($_), $_, @read) for 'Practitioner/prac-1',
        'PractitionerRole/role-1', $h->url . '/fhir/Practitioner/prac-1';
    row('fhir-user', $as->($_), "'$_'", @read) for 'RelatedPerson/rel-1',
        'Person/x', 'Practitioner', 'Practitioner/', 'Device/dev-1', '',
        'https://other.example/fhir/Practitioner/prac-1',
        'Practitioner/prac-1/_history/1', 'practitioner/prac-1';
    row('permit', token('user/*.cruds'), 'none', @read);
    row('fhir-user', token('user/*.cruds'), 'none, where it is required',
        GET => '/required/Observation/obs-2');
    row('permit', $as->('Practitioner/prac-1'), 'one, where it is required',
        GET => '/required/Observation/obs-2');
    row('permit', token('system/*.cruds', fhirUser => 'Person/x'),
        'system/ scopes do not mind', @read);
    my $patient = $as->('Patient/pat-2');
    row('owed', $patient, 'a Patient reads itself',
        GET => '/fhir/Patient/pat-2');
    row('foreign', $patient, '... but no other', GET => '/fhir/Patient/pat-1');
    row('owed', $patient, '... and its compartment',
        GET => '/fhir/Patient/pat-2/Observation');
    row('foreign', $patient, '... but no other',
        GET => '/fhir/Patient/pat-1/Observation');
    row('owed', $patient, '... and nothing else yet', @read);
};

subtest 'patient/' => sub {
    my %t = map { $_ => token("patient/$_", patient => 'pat-2') }
        'Patient.r', 'Patient.s', 'Observation.s', 'Observation.rs',
        '*.cruds', '*.rs', 'Patient.cruds';
    for (
        ['owed', 'Patient.r', GET => '/Patient/pat-2'],
        ['foreign', 'Patient.r', GET => '/Patient/pat-1'],
        ['foreign', 'Patient.r', GET => '/Patient/nobody'],
        ['no-scope', 'Patient.s', GET => '/Patient/pat-2'],
        ['owed', 'Patient.r', HEAD => '/Patient/pat-2'],
        ['foreign', 'Patient.r', HEAD => '/Patient/pat-1'],
        ['owed', 'Patient.r', GET => '/Patient/pat-2/_history'],
        ['foreign', 'Patient.r', GET => '/Patient/pat-1/_history'],
        ['owed', 'Patient.r', GET => '/Patient/pat-2/_history/1'],
        ['foreign', 'Patient.r', GET => '/Patient/pat-1/_history/1'],
        ['construct', 'Patient.r', GET => '/Patient/pat-2?_include=x'],
        ['owed', 'Observation.s', GET => '/Patient/pat-2/Observation'],
        ['foreign', 'Observation.s', GET => '/Patient/pat-1/Observation'],
        ['no-scope', 'Patient.r', GET => '/Patient/pat-2/Observation'],
        ['owed', 'Observation.s', GET => '/Patient/pat-2/Observation?code=x'],
        ['construct', 'Observation.s',
         GET => '/Patient/pat-2/Observation?subject:Patient.name=x'],
        ['construct', 'Observation.s',
         GET => '/Patient/pat-2/Observation?patient:missing=true'],
        ['empty-value', 'Observation.s',
         GET => '/Patient/pat-2/Observation?patient='],
        ['construct', 'Observation.s',
         GET => '/Patient/pat-2/Observation?no-such-parameter=x'],
        ['construct', 'Observation.s',
         GET => '/Patient/pat-2/Observation?_filter=x'],
        ['owed', 'Observation.s',
         GET => '/Patient/pat-2/Observation?_include=Observation:subject'],
        ['owed', 'Observation.s',
         POST => '/Patient/pat-2/Observation/_search', $FORM, 'code=x'],
        ['construct', 'Observation.s',
         POST => '/Patient/pat-2/Observation/_search?_list=x', $FORM, ''],
        ['foreign', 'Observation.s',
         POST => '/Patient/pat-1/Observation/_search', $FORM, 'code=x'],
        ['construct', '*.cruds', GET => '/Encounter/enc-2/Observation'],
        ['owed', '*.cruds', GET => '/Patient/pat-2/*'],
        ['outside', '*.cruds', GET => '/Patient/pat-2/Organization'],
        ['outside', '*.cruds', GET => '/MessageHeader'],
        ['foreign', '*.cruds', GET => '/MessageHeader/1'],
        ['owed', 'Observation.rs', GET => '/Observation/obs-2'],
        ['owed', 'Observation.rs', GET => '/Observation?patient=pat-2'],
        ['owed', 'Observation.rs', POST => '/Observation/_search',
         $FORM, 'patient=pat-2'],
        ['owed', '*.cruds', POST => '/Observation', $JSON, $OBS],
        ['owed', '*.cruds', PUT => '/Observation/obs-2', $JSON, $PUT],
        ['owed', '*.cruds', PATCH => '/Observation/obs-2', $PATCH, $OP],
        ['owed', '*.cruds', DELETE => '/Observation/obs-2'],
        ['foreign', 'Patient.cruds', DELETE => '/Patient/pat-1'],
        ['foreign', 'Patient.cruds', PUT => '/Patient/pat-1', $JSON,
         '{"resourceType":"Patient","id":"pat-1"}'],
        ['foreign-write', 'Patient.cruds', POST => '/Patient', $JSON,
         '{"resourceType":"Patient"}'],
        ['foreign-write', '*.cruds', POST => '/Organization', $JSON,
         '{"resourceType":"Organization"}'],
        ['construct', '*.cruds', POST => '/Subscription', $JSON,
         '{"resourceType":"Subscription"}'],
        ['construct', '*.cruds', DELETE => '/Observation?patient=pat-2'],
        ['construct', '*.cruds', PUT => '/Observation?patient=pat-2', $JSON,
         $OBS],
        ['construct', '*.cruds', GET => '/_history'],
        ['construct', '*.cruds', GET => '/?_type=Observation'],
        ['foreign', '*.rs', GET => '/Patient/pat-1/$everything'],
        ['owed', '*.rs', GET => '/Patient/pat-2/$everything'],
    ) {
        my ($want, $scope, $method, $path, @more) = @$_;
        row($want, $t{$scope}, "$method $path with patient/$scope", $method,
            "/fhir$path", @more);
    }
    row('async', $t{'Observation.s'}, 'asynchronous',
        GET => '/fhir/Patient/pat-2/Observation', ['Prefer', 'respond-async']);
    row('permit', token('user/Observation.s'), '... a user may',
        GET => '/fhir/Observation', ['Prefer', 'respond-async']);
    row('no-patient', token('patient/*.cruds', patient => $_),
        defined $_ ? "patient '$_'" : 'no patient',
        GET => '/client/Patient/pat-2')
        for undef, '', 'a b', '../pat-2', 'Patient/', 'Group/pat-2', '*',
        'pat-2/', 'https://other.example/fhir/Patient/pat-2', 'x' x 65;
    row('owed', token('patient/*.cruds', patient => $_), "patient '$_'",
        GET => '/client/Patient/pat-2')
        for 'pat-2', 'Patient/pat-2',
        'https://fhir.example.org/fhir/Patient/pat-2';
    row('permit', token('patient/Patient.r user/Observation.r',
        patient => 'pat-2'), 'each context for its own types',
        GET => '/fhir/Observation/obs-1');
};

subtest 'constraints' => sub {
    for (
        ['owed', 'user/Observation.rs?category=laboratory',
         '/Observation/obs-1'],
        ['owed', 'user/Observation.rs?category=laboratory',
         '/Observation?code=x'],
        ['permit', 'user/Observation.rs?category=laboratory '
            . 'user/Observation.r', '/Observation/obs-1'],
        ['owed', 'user/Observation.rs?category=laboratory '
            . 'user/Observation.r', '/Observation?code=x'],
        ['no-scope', 'user/Observation.rs?category=laboratory',
         '/Condition/cond-1'],
        ['no-scope', 'user/Observation.rs?nosuch=x', '/Observation/obs-1'],
        ['no-scope', 'user/Observation.rs?category:in=x',
         '/Observation/obs-1'],
        ['no-scope', 'user/Observation.rs?subject.name=x',
         '/Observation/obs-1'],
        ['no-scope', 'user/Observation.rs?_count=1', '/Observation/obs-1'],
        ['no-scope', 'user/Observation.r?code=x user/Observation.s?code=y',
         '/Condition/cond-1'],
    ) {
        my ($want, $scope, $path) = @$_;
        row($want, token($scope), "$path with $scope", GET => "/fhir$path");
    }
};

ok $h->log_text !~ /exit signal|AH0005[12]/, 'no process died';
is join(' ', $lab->spilled), '', 'no token and no secret in any log';
done_testing;
