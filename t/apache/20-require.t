#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Require lines of the module narrow what scopes permit: of each pair one
# request is as the line wants it, the other differs in that alone.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::RealBin/../lib";
use Apache::Test;
use Apache::TestRequest qw(GET);
use Apache::TestUtil;
use Smart::ApacheTest qw(token bearer outline);

# Place, then claims and target of the permitted and of the refused one.
my @cases = (
    ['scope', { scope => 'user/Observation.rs' }, 'Observation/obs-1',
              { scope => 'user/Observation.r' }, 'Observation/obs-1'],
    ['scope', { scope => 'user/*.cruds' }, 'Observation/obs-1',
              { scope => 'system/*.cruds' }, 'Observation/obs-1'],
    ['scope', { scope => 'user/Observation.r user/Observation.s' },
              'Observation/obs-1',
              { scope => 'user/Observation.r user/Condition.s' },
              'Observation/obs-1'],
    ['client', { client_id => 'ward-app' }, 'Observation/obs-1',
               { client_id => 'ward-app2' }, 'Observation/obs-1'],
    ['client', { client_id => 'lab-app' }, 'Observation/obs-1',
               { client_id => 'LAB-APP' }, 'Observation/obs-1'],
    ['interaction', {}, 'Observation/obs-1', {}, 'Observation'],
    ['claim', { department => 'cardiology' }, 'Observation/obs-1',
              { department => 'cardio' }, 'Observation/obs-1'],
    ['claim', { department => ['surgery', 'cardiology'] }, 'Observation/obs-1',
              { department => ['surgery'] }, 'Observation/obs-1'],
    ['claim', { department => 'cardiology' }, 'Observation/obs-1',
              {}, 'Observation/obs-1'],
);
plan tests => 4 * @cases + 3, need need_module('smart'), need_lwp;

for my $case (@cases) {
    my ($place, $yes, $good, $no, $bad) = @$case;
    my $with = token(scope => 'user/*.rs', %$yes);
    my $without = token(scope => 'user/*.rs', %$no);
    ok t_cmp(outline(GET "/$place/$good", bearer($with)),
             '200 CANARY-Observation-obs-1', "$place: permitted");
    ok t_cmp(outline(GET "/$place/$bad", bearer($without)),
             qr/\A403 (?!.*CANARY)/, "$place: refused");
    ok t_cmp((GET "/fhir/$bad", bearer($without))->code, 200,
             "$place: ... by that line alone");
    ok t_cmp(outline(GET "/$place/$good"), '401 Bearer realm="Example FHIR"',
             "$place: no token");
}

# A line is no scope: what the decision refuses stays refused.
my $writer = token(scope => 'user/Observation.c', client_id => 'ward-app');
ok t_cmp(outline(GET '/client/Observation/obs-1', bearer($writer)),
         qr/\A403 .*scope="user\/Observation\.r"\z/, 'a client without scope');
# The challenge says what the line wants.
ok t_cmp(outline(GET '/scope/Observation/obs-1',
                 bearer(token(scope => 'user/Observation.r'))),
         qr/\A403 .*scope="user\/Observation\.rs"\z/, 'the scope of the line');
ok t_cmp(outline(GET '/scope/metadata'), qr/\A200 CANARY-Capab/,
         'what is public stays so');
