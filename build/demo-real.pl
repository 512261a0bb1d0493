#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# usage: perl -It/lib -It/e2e/lib build/demo-real.pl [--once]
#                                             (started by build/demo-real)
#
# httpd with the module, between a real authorization server and a real FHIR
# server, and a SMART app to open in a browser. The tokens of the transcript
# were got the way apps get them: by signing in, with PKCE, or as a backend
# service.
#
# Exit status with --once: 0 every answer was as expected; 1 not.
use strict;
use warnings;
use Getopt::Long ();
use Smart::Json qw(json_encode);
use Smart::Lab ();
use Smart::Real ();
use Smart::Show ();

my %o;
Getopt::Long::GetOptions(\%o, 'once', 'real') && !@ARGV
    or die "usage: build/demo-real [--once]\n";
$| = 1;
$SIG{INT} = $SIG{TERM} = sub { exit 130 };

# Tokens are meant for the address people see, so that comes first.
my $port = Smart::Lab->free_port;
my $fhir = "http://127.0.0.1:$port/fhir";
my $real = Smart::Real->new(public_url => $fhir);
my $app = $real->app;
my $httpd = $real->httpd(port_list => [$port], conf => Smart::Lab->protected(
    extra => join "\n", Smart::Real->for_apps($app), 'SmartCacheTTL 30s',
    'Header set Smart-Cache "%{SMART_CACHE}e" env=SMART_CACHE'));
$real->wait_for_discovery($httpd);
my $show = Smart::Show->new(base => $fhir,
                            asked => sub { $real->count($_[0]) });

# --- tokens ------------------------------------------------------------------

my $CLINICIAN = 'openid fhirUser user/Observation.rs';
my $PATIENT = 'openid fhirUser launch/patient offline_access '
    . 'patient/Patient.r patient/Observation.rs';
my $clinician = $real->launch(scope => $CLINICIAN)->{access_token};
my $new = $real->launch(scope => $CLINICIAN)->{access_token};
my $revoked = $real->launch(scope => $CLINICIAN)->{access_token};
my $patient = $real->launch(scope => $PATIENT, user => 'anna');
my ($own, $refresh) = @$patient{qw(access_token refresh_token)};
my $backend = $real->backend(client => 'backend',
                             scope => 'system/Observation.rs')->{access_token};
$real->revoke($revoked);

sub introduction {
    print <<"END";
httpd with mod_smart   $fhir
FHIR server behind it  ${\ $real->fhir_base}   (believes whoever reaches it)
authorization server   ${\ $real->issuer}
configuration          ${\ $httpd->dir}/httpd.conf
a SMART app            $app

clinician  $clinician
           $CLINICIAN
patient    $own
           $PATIENT (patient $patient->{patient})
backend    $backend
           system/Observation.rs

END
    return;
}

# --- the show ----------------------------------------------------------------

my $INVALID = { 'WWW-Authenticate' => qr/error="invalid_token"/ };
my $NARROW = { 'WWW-Authenticate' => qr/error="insufficient_scope"/ };

sub who_are_you {
    $show->step('Nobody', undef, 'Observation/obs-1',
        'No token: the challenge says how to come back, and no more.',
        status => 401, header => { 'WWW-Authenticate'
            => qr/^Bearer realm="[^"]*"(?!.*error)/ });
    $show->step('A token nobody issued', 'xyzzy', 'Observation/obs-1',
        'The authorization server says it is not active.',
        status => 401, header => $INVALID, asked => 1);
    $show->step('One that looks like a JWT', 'eyJhbGciOiJub25lIn0.e30.c2ln',
        'Observation/obs-1', 'This authorization server does not introspect '
        . 'those and answers 400: not active either.',
        status => 401, header => $INVALID, asked => 1);
    $show->step('A token that was revoked', $revoked, 'Observation/obs-1',
        'It was good a moment ago.', status => 401, header => $INVALID);
    $show->step('What this server can do', undef, 'metadata',
        'The capability statement is public.', status => 200,
        body => qr/CapabilityStatement/);
    return;
}

sub scopes {
    $show->step('A clinician reads an observation', $clinician,
        'Observation/obs-1',
        'user/Observation.rs permits it. The token was introspected.',
        status => 200, body => qr/CANARY-Observation-obs-1\b/, asked => 1,
        header => { 'Smart-Cache' => qr/^miss$/ });
    $show->step('... and searches', $clinician,
        'Observation?subject=Patient/pat-2',
        'Out of shared memory: the authorization server was not asked.',
        status => 200, body => qr/CANARY-Observation-obs-2\b/, asked => 1,
        header => { 'Smart-Cache' => qr/^hit$/ });
    $show->step('... and wants a condition', $clinician, 'Condition/cond-1',
        'No scope for that type.', status => 403, header => $NARROW,
        asked => 1);
    $show->step('... and writes', $clinician, 'Observation',
        'rs is read and search.', status => 403, header => $NARROW,
        more => ['-H', 'Content-Type: application/fhir+json', '-d',
            json_encode({ resourceType => 'Observation',
                          status => 'final' })]);
    $show->step('A backend service reads an observation', $backend,
        'Observation/obs-1', 'client_credentials, with a signed assertion.',
        status => 200, body => qr/CANARY-Observation-obs-1\b/);
    $show->step('... and wants a patient', $backend, 'Patient/pat-1',
        'No scope for that type.', status => 403, header => $NARROW);
    return;
}

sub launch_context {
    $show->step('A patient reads her own record', $own, 'Patient/pat-1',
        'patient/Patient.r, and she picked pat-1 at launch.',
        status => 200, body => qr/CANARY-Patient-pat-1\b/);
    $show->step('... and somebody else\'s', $own, 'Patient/pat-2',
        'Outside her compartment: not even that it exists is told.',
        status => 404);
    $show->step('... and searches for observations', $own, 'Observation',
        'Narrowed to her: the FHIR server was asked for no others.',
        status => 200, body => qr/CANARY-Observation-obs-1\b(?!.*pat-2)/s);
    $show->step('... and wants somebody else\'s', $own, 'Observation/obs-2',
        'It was read, looked at, and kept back.', status => 404);
    $show->step('Her refresh token', $refresh, 'Patient/pat-1',
        'This authorization server calls it active, without aud and patient. '
        . 'SmartAudience required refuses it for whatever it may hold.',
        status => 403);
    return;
}

# The server is held still, as one that hangs; afterwards it goes on.
sub outage {
    print "    The authorization server stops answering.\n\n";
    $real->as_signal('STOP');
    $show->step('A new token', $new, 'Observation/obs-1',
        'It cannot be checked: not the client\'s fault, and no.',
        status => 503, header => { 'Retry-After' => qr/^[1-9]/ });
    $show->step('A token that was checked before', $clinician,
        'Observation/obs-1', 'Still in shared memory.', status => 200,
        body => qr/CANARY-Observation-obs-1\b/,
        header => { 'Smart-Cache' => qr/^hit$/ });
    $real->as_signal('CONT');
    print "    The authorization server answers again.\n\n";
    return;
}

introduction();
who_are_you();
scopes();
launch_context();
outage();
printf "%d of %d answers as expected.\n", $show->steps - $show->unexpected,
    $show->steps;
exit($show->unexpected ? 1 : 0) if $o{once};

print <<"END";

All of this keeps running; Ctrl-C ends it.

Open in a browser, sign in as whom you like, and pick a patient:
  $app/launch.html?iss=$fhir
or as from an EHR, which has picked one already:
  $app/launch.html?iss=$fhir&launch=pat:pat-2
When you log out there, or revoke its token, that is noticed within 30 s.

Another token, and what the authorization server says of one:
  curl -u batch:batch-secret ${\ $real->issuer}/token \\
      -d grant_type=client_credentials -d scope=system/Patient.rs
  curl -u gateway:gateway-secret ${\ $real->introspection} -d token=$clinician
Log of httpd: ${\ $httpd->error_log}
END
sleep 1 while $httpd->running;
die "httpd ended: see ${\ $httpd->error_log}\n";
