#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The decision asked without httpd: build/smart-explain. And what httpd says of
# one when it is told to.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use IPC::Open3 qw(open3);
use Test::More;
use Smart::Json qw(json_encode json_decode);
use Smart::Lab ();

my $EXPLAIN = "$FindBin::Bin/../build/smart-explain";

# (exit status, what it said) of a call; of $in, a line of JSON each.
sub ask {
    my ($in, @args) = @_;
    my $pid = open3(my $to, my $from, undef, $EXPLAIN, @args);
    print {$to} $in;
    close $to;
    local $/;
    my $said = <$from>;
    waitpid $pid, 0;
    return ($? >> 8, $said);
}

my @LAB = ('--scope', 'patient/Observation.rs?category=laboratory openid '
    . 'patient/Observation.rs?value-quantity=3 patient/Condition.rs',
    '--patient', 'pat-1');

my ($status, $said) = ask('', @LAB, GET => '/Observation?code=x');
is $status, 0, 'permitted';
like $said, $_, 'it says: ' . $_ for
    qr/^permit +restricted$/m, qr/^interaction +search-type$/m,
    qr/^scope +patient\/Observation\.rs\?category=laboratory$/m,
    qr/^patient +pat-1$/m, qr/^owes +narrow,inspect$/m,
    qr/^narrowed by +patient=Patient\/pat-1&category=laboratory$/m,
    qr/^shown with +s$/m, qr/openid: no SMART scope$/m,
    qr/value-quantity=3: its constraint can not be judged$/m,
    qr/Condition\.rs: of another type$/m;

($status, $said) = ask('', @LAB, GET => '/Patient/pat-1');
is $status, 1, 'denied';
like $said, qr/^deny +403, no-scope: /m, '... with the reason';
like $said, qr/^needs +patient\/Patient\.r$/m, '... and what would do';

for (
    ['a path', 1, qr/^deny +400, path: /, GET => '/a//b'],
    ['metadata', 0, qr/^permit +without a token$/m, GET => '/metadata'],
    ['no token', 1, qr/^deny +401, no-token/, GET => '/Patient/1'],
    ['export', 0, qr/^query sent +_type=Patient$/m, '--scope',
     'system/Patient.rs', GET => '/$export'],
    ['a rule', 0, qr/^rule +read Patient user\/Patient\.d$/m, '--scope',
     'user/Patient.d', '--rule', 'read Patient user/Patient.d',
     GET => '/Patient/1'],
    ['R5', 1, qr/^deny +403, outside/, '--version', 'R5', '--scope',
     'patient/*.rs', '--patient', 'p', '--param', 'Task:patient', GET =>
     '/Device'],
    ['a parameter', 0, qr/^narrowed by +patient=Patient\/p$/m, '--scope',
     'patient/*.rs', '--patient', 'p', '--param', 'Contract:patient',
     GET => '/Contract'],
    ['a shared type', 0, qr/^owes +inspect$/m, '--scope', 'patient/*.rs',
     '--patient', 'p', '--share', '+Bundle', GET => '/Bundle'],
    ['no compartment', 0, qr/^permit +not restricted$/m, '--scope',
     'patient/*.rs', '--patient', 'p', '--compartment', 'off',
     GET => '/Bundle'],
    ['a form', 1, qr/^deny +403, construct/, '--scope', 'patient/*.rs',
     '--patient', 'p', '--form', '_list=x', POST => '/Observation/_search'],
    ['a header', 1, qr/^deny +403, async/, '--scope', 'patient/*.rs',
     '--patient', 'p', '--header', 'Prefer: respond-async',
     GET => '/Observation'],
    ['a user', 1, qr/^deny +403, fhir-user/, '--scope', 'user/*.rs',
     '--smartFhirUser', 'required', GET => '/Observation'],
    ['a version', 2, qr/R4, R4B or R5/, '--version', 'R6', GET => '/'],
    ['a type that is in', 2, qr/Observation is in the compartment/, '--share',
     '+Observation', GET => '/'],
    ['an option', 2, qr/"foo" says nothing/, '--foo', 'x', GET => '/'],
    ['nothing', 2, qr/^usage: /],
) {
    my ($name, $want, $text, @args) = @$_;
    ($status, $said) = ask('', @args);
    is $status, $want, "$name: exit status";
    like $said, $text, '... and what it says';
}

sub resource {
    my ($type, $patient, @more) = @_;
    return json_encode({ resourceType => $type, id => 'x', status => 'final',
        subject => { reference => "Patient/$patient" }, @more });
}
for (
    ['yes', 'r', resource('Observation', 'pat-1')],
    ['no', 'r', resource('Observation', 'pat-2')],
    ['no', 'r', resource('Condition', 'pat-1')],
    ['no', 's', resource('Observation', 'pat-1')],
    ['no', 'r', resource('Observation', 'pat-1', status => 'preliminary')],
    ['yes', 'r', resource('Observation', 'pat-2', performer =>
        [{ reference => 'Patient/pat-1' }])],
    ['no', 'u', resource('Observation', 'pat-2', performer =>
        [{ reference => 'Patient/pat-1' }])],
    ['yes', 'u', resource('Observation', 'pat-1')],
) {
    my ($want, $letter, $resource) = @$_;
    ($status, $said) = ask($resource, '--scope',
        'patient/Observation.ru?status=final', '--patient', 'pat-1',
        '--letter', $letter, '--resource', '-', GET => '/Observation/x');
    like $said, qr/^covered +$want$/m, "$letter of $resource: $want";
}

my @questions = (
    { scope => 'patient/*.rs', patient => 'pat-1', url => '/Patient' },
    { scope => ['patient/Observation.s', 'patient/Observation.r'],
      patient => 'pat-1', method => 'POST', url => '/Observation/_search',
      form => 'patient=Patient/pat-1' },
    { scope => 'user/*.cruds', method => 'POST', url => '/Observation',
      headers => { 'If-None-Exist' => 'code=x' } },
    { scope => 'user/*.rs', url => '/Observation?a=%' },
    { scope => "user/*.rs \"q\"", url => '/Observation' },
    { foo => 'x' },
    { scope => 'patient/*.rs', patient => 'pat-1', url => '/Observation',
      resource => { resourceType => 'Patient', id => 'pat-1' } },
);
($status, $said) = ask(join('', map { json_encode($_) . "\n" } @questions)
    . "nonsense\n", '--batch');
is $status, 0, 'many at once';
my @answers = map { json_decode($_) } split /\n/, $said;
is scalar @answers, @questions + 1, 'a line each';
is $answers[0]{decision}, 'permit', 'a decision';
is_deeply $answers[0]{narrow}, [['_id', 'pat-1']], 'pairs';
is $answers[1]{obligations}, 'narrow,inspect', 'a form that is known';
is_deeply $answers[1]{narrow}, [], 'what is said already';
is $answers[2]{obligations}, 'none', 'headers';
is $answers[3]{status}, 400, 'malformed';
is $answers[0]{covered}, undef, 'no resource';
is $answers[6]{covered}, 'yes', 'a resource';
is_deeply $answers[4]{ignored}, [{ scope => '"q"', why => 'no SMART scope' }],
    'ignored words';
like $answers[5]{error}, qr/foo/, 'a name that says nothing';
ok $answers[7]{error}, 'no JSON';

# --- in the log of httpd -----------------------------------------------------

my $lab = Smart::Lab->new;
for my $level (qw(debug info)) {
    my $h = $lab->httpd(conf => "LogLevel warn smart:$level\n"
        . $lab->protected(path => '/fhir', extra =>
            'SmartRule capabilities * user/Observation.r'));
    my $token = $lab->token(patient => 'pat-secret', scope =>
        'user/Observation.r?subject=Patient/pat-secret openid '
        . 'user/Condition.rs user/Observation.rs');
    $h->mark;
    $h->get('/fhir/Observation/obs-secret', $token);
    $h->get('/fhir/Patient/pat-secret', $token);
    $h->get('/fhir/metadata', $lab->token(scope =>
        'user/Observation.r?subject=Patient/pat-secret'));
    my @lines = grep { /SMART0302/ } split /\n/, $h->log_since;
    if ($level eq 'info') {
        is scalar @lines, 0, 'nothing at another level';
        next;
    }
    is scalar @lines, 3, 'a line each';
    like $lines[0], qr/read: permit, scope user\/Observation\.rs, owes none, (?#
        )narrowed by 0, 1 of 3 scopes ignored/, 'a permit';
    like $lines[1], qr/read: no-scope, scope patient\/Patient\.r, owes none, (?#
        )narrowed by 0, 3 of 3 scopes ignored/, 'a deny';
    like $lines[2], qr/capabilities: permit, restricted, (?#
        )scope user\/Observation\.r\?\.\.\., owes none/, 'a constraint';
    unlike join("\n", map { s/, referer.*//r } @lines), qr/secret/,
        'no identifier';
}
done_testing;
