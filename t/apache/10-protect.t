#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What the smallest configuration permits, each time with the twin that is
# refused and differs in one thing.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::RealBin/../lib";
use Apache::Test;
use Apache::TestRequest qw(GET POST OPTIONS);
use Apache::TestUtil;
use Smart::ApacheTest qw(lab token bearer outline);

my $OBSERVATION = '/fhir/Observation/obs-1';
my $SEEN = '200 CANARY-Observation-obs-1';
my $NO_TOKEN = '401 Bearer realm="Example FHIR"';
my $NOT_ACCEPTED = "$NO_TOKEN, error=\"invalid_token\"";

sub needs {
    return '403 Bearer realm="Example FHIR", error="insufficient_scope",'
        . " scope=\"$_[0]\"";
}

plan tests => 29, need need_module('smart'), need_lwp;

# --- tokens --------------------------------------------------------------------

my $reader = token(scope => 'user/Observation.rs');
ok t_cmp(outline(GET $OBSERVATION, bearer($reader)), $SEEN, 'a token');
ok t_cmp(outline(GET $OBSERVATION), $NO_TOKEN, '... none');
ok t_cmp(outline(GET $OBSERVATION, bearer("x$reader")), $NOT_ACCEPTED,
         '... one that nobody issued');
ok t_cmp(outline(GET $OBSERVATION, Authorization => "Basic $reader"),
         qr/\A40[01] (?!.*CANARY)/, '... in another scheme');
ok t_cmp(outline(GET "$OBSERVATION?access_token=$reader"),
         qr/\A401 (?!.*CANARY)/, '... in the query');

my $revoked = token(scope => 'user/Observation.rs');
lab()->revoke($revoked);
ok t_cmp(outline(GET $OBSERVATION, bearer($revoked)), $NOT_ACCEPTED,
         '... one that was revoked');
my $past = token(scope => 'user/Observation.rs', exp => time() - 60);
ok t_cmp(outline(GET $OBSERVATION, bearer($past)), $NOT_ACCEPTED,
         '... one of the past');

# --- scopes --------------------------------------------------------------------

ok t_cmp(outline(GET '/fhir/Condition/cond-1', bearer($reader)),
         needs('user/Condition.r'), 'another type');
my $more = token(scope => 'user/Observation.rs user/Condition.r');
ok t_cmp(outline(GET '/fhir/Condition/cond-1', bearer($more)),
         '200 CANARY-Condition-cond-1', '... with a scope for it');
ok t_cmp(outline(GET $OBSERVATION,
                 bearer(token(scope => 'user/Observation.s'))),
         needs('user/Observation.r'), 'search is not read');
ok t_cmp(outline(GET $OBSERVATION, bearer(token(scope => 'openid'))),
         qr/\A403 (?!.*CANARY)/, 'no SMART scope, no access');

my @new = ('/fhir/Observation', Content_Type => 'application/fhir+json',
           Content => '{"resourceType":"Observation","status":"final",'
               . '"code":{"text":"x"}}');
my $before = lab()->attempts;
ok t_cmp(outline(POST @new, bearer($reader)), needs('user/Observation.c'),
         'reading is not writing');
ok t_cmp(lab()->attempts, $before, '... and the backend has not seen it');
ok t_cmp((POST @new, bearer(token(scope => 'user/Observation.c')))->code, 201,
         '... a writer writes');
ok t_cmp(lab()->attempts, $before + 1, '... once');

# --- launch context --------------------------------------------------------------

my $patient = token(scope => 'patient/Patient.r', patient => 'pat-1');
ok t_cmp(outline(GET '/fhir/Patient/pat-1', bearer($patient)),
         '200 CANARY-Patient-pat-1', 'her own record');
my $foreign = GET '/fhir/Patient/pat-2', bearer($patient);
ok t_cmp(outline($foreign), 404, '... and that of another');
my $nobody = GET '/fhir/Patient/nobody', bearer($patient);
ok t_cmp($nobody->content, $foreign->content,
         '... which looks like one that is not there');
my $other = token(scope => 'patient/Patient.r', patient => 'pat-2');
ok t_cmp(outline(GET '/fhir/Patient/pat-2', bearer($other)),
         '200 CANARY-Patient-pat-2', '... who reads it');
ok t_cmp(outline(GET '/fhir/Patient/pat-1',
                 bearer(token(scope => 'patient/Patient.r'))),
         qr/\A403 (?!.*CANARY)/, '... nobody without a context does');

# --- what is public --------------------------------------------------------------

ok t_cmp(outline(GET '/fhir/metadata'), qr/\A200 CANARY-CapabilityStatement/,
         'metadata is public');
ok t_cmp(outline(GET '/fhir/metadata/x'), qr/\A40[0134] ?(?!.*CANARY)/,
         '... what is below it is not');
ok t_cmp(outline(POST '/fhir/metadata'), qr/\A40[0135] ?(?!.*CANARY)/,
         '... and neither is writing to it');

my @ask = (Origin => 'https://app.example.org',
           'Access-Control-Request-Method' => 'GET');
ok t_cmp((OPTIONS $OBSERVATION, @ask)->code, 204, 'a preflight');
ok t_cmp((OPTIONS $OBSERVATION, @ask[0, 1])->code, 401,
         '... without its question');
my $allowed = OPTIONS '/cors/Observation/obs-1', @ask;
ok t_cmp($allowed->header('Access-Control-Allow-Origin'),
         'https://app.example.org', '... of an origin that is listed');
my $alien = OPTIONS '/cors/Observation/obs-1',
    Origin => 'https://app.example.com', @ask[2, 3];
ok t_cmp($alien->header('Access-Control-Allow-Origin'), undef,
         '... of one that is not');

# --- nothing replaces a token ----------------------------------------------------

ok t_cmp(outline(GET '/open/Observation/obs-1'), $NO_TOKEN,
         'Require all granted is no token');
ok t_cmp(outline(GET '/open/Observation/obs-1', bearer($reader)), $SEEN,
         '... a token is');
