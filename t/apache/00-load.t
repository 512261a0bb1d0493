#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# httpd with the module in it has started, and conf/smart-minimal.conf protects
# what the backend gives to everybody.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::RealBin/../lib";
use Apache::Test;
use Apache::TestRequest qw(GET);
use Apache::TestUtil;
use Smart::ApacheTest qw(outline);

plan tests => 7, need need_module('smart'), need_lwp;

my $vars = Apache::Test::vars();
ok -e $vars->{smart_module};
ok kill 0, Apache::Test::config()->server->pid;

ok t_cmp(outline(GET '/unprotected/Observation/obs-1'),
         '200 CANARY-Observation-obs-1', 'the backend believes everybody');

my $res = GET '/fhir/Observation/obs-1';
ok t_cmp($res->code, 401, 'behind the minimal configuration it is 401');
ok t_cmp($res->header('WWW-Authenticate'), 'Bearer realm="Example FHIR"',
         '... with this challenge');
ok t_cmp($res->header('Content-Type'), qr{\Aapplication/fhir\+json\b},
         '... in FHIR');
ok t_cmp($res->content, qr/"resourceType":"OperationOutcome".*"code":"login"/,
         '... an OperationOutcome');
