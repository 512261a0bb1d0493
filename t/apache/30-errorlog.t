#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The error log, at the module's most talkative level: a line for each refusal
# with its reason, none for what is permitted, and no token or secret.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::RealBin/../lib";
use MIME::Base64 qw(encode_base64);
use Apache::Test;
use Apache::TestRequest qw(GET);
use Apache::TestUtil qw(t_cmp t_start_error_log_watch
    t_finish_error_log_watch);
use Smart::ApacheTest qw(lab token bearer);

my $reader = token(scope => 'user/Observation.rs', client_id => 'ward-app');
my $patient = token(scope => 'patient/Patient.r', patient => 'pat-1');
my $ill = token(scope => 'user/Observation.rs', raw => '{"active":"yes"}');
my $unknown = 'never-issued-3f1c';
my $target = '/fhir/Observation/obs-1';

# Name, request, status, line of the refusal (undef: none).
my @cases = (
    ['permitted', [$target, bearer($reader)], 200, undef],
    ['no token', [$target], 401, qr/refused with 401: no-token \(read\)/],
    ['unknown token', [$target, bearer($unknown)], 401,
        qr/refused with 401: token-inactive \(read\)/],
    ['no scope', ['/fhir/Condition/cond-1', bearer($reader)], 403,
        qr{refused\ with\ 403:\ no-scope,\ needs\ user/Condition\.r
           \ \(read,\ client\ ward-app\)}x],
    ['foreign', ['/fhir/Patient/pat-2', bearer($patient)], 404,
        qr/refused with 404: foreign \(read, client app\)/],
    ['token in the query', ["$target?access_token=$reader"], 401,
        qr/refused with 401: /],
    ['unusable answer', [$target, bearer($ill)], 401, qr/refused with 401: /],
);
plan tests => 3 * @cases + 3, need need_module('smart'), need_lwp;

sub watched {
    my (@request) = @_;
    t_start_error_log_watch();
    my $res = GET @request;
    return ($res->code, t_finish_error_log_watch());
}

my @hidden = ($reader, $patient, $ill, $unknown, 'gateway-secret',
    encode_base64('gateway:gateway-secret', ''));
my $HIDDEN = join '|', map { quotemeta } @hidden;

for my $case (@cases) {
    my ($name, $request, $status, $want) = @$case;
    my ($code, @lines) = watched(@$request);
    my @refusals = grep { /\brefused with\b/ } @lines;
    ok t_cmp($code, $status, $name);
    ok t_cmp(scalar(@refusals) . ($refusals[0] // ''),
             defined $want ? qr/\A1.*\[smart:info\].*$want/s : '0',
             '... has its line');
    ok t_cmp((join '', @lines), qr/\A(?!.*(?:$HIDDEN))/s,
             '... which names no token');
}

# The authorization server fails: that is worth a word, and still no token.
my $late = token(scope => 'user/Observation.rs');
lab()->as_mode('status', status => 500);
my ($code, @lines) = watched($target, bearer($late));
lab()->as_mode('ok');
ok t_cmp($code, 503, 'a failing authorization server');
ok t_cmp((join '', @lines), qr/refused with 503: /, '... has its line');

my $log = Apache::Test::vars('t_logs') . '/error_log';
open my $f, '<', $log or die "$log: $!\n";
my $text = do { local $/; <$f> };
ok t_cmp($text, qr/\A(?!.*(?:$HIDDEN|\Q$late\E))/s,
         'no token and no secret in the whole log');
