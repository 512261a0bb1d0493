#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# usage: perl -It/lib build/demo.pl [--once]        (started by build/demo)
#
# The lab of the tests as a show: an authorization server, a FHIR server with
# sample data, httpd with the module on the smallest safe configuration. Each
# step is one request. What is printed is what curl was given, so any line can
# be repeated while the demo runs; the answer is compared with what README
# promises.
#
# Exit status with --once: 0 every answer was as expected; 1 not.
use strict;
use warnings;
use Getopt::Long ();
use Smart::Lab ();
use Smart::Json qw(json_decode json_encode);

my %o;
Getopt::Long::GetOptions(\%o, 'once') && !@ARGV
    or die "usage: build/demo [--once] [--real]\n";
$| = 1;
$SIG{INT} = $SIG{TERM} = sub { exit 130 };

# What a backend gets in its environment, made visible for the show.
my $SHOW_CACHE = 'Header set Smart-Cache "%{SMART_CACHE}e" env=SMART_CACHE';
my $lab = Smart::Lab->new;
my $httpd = $lab->httpd(conf => $lab->protected(extra => $SHOW_CACHE));
my $fhir = $httpd->url . '/fhir';
my ($steps, $unexpected) = (0, 0);

# --- one request -------------------------------------------------------------

# Objects that are left for the end of perl are taken apart in any order.
END {
    undef $httpd;
    undef $lab;
}

# Run curl; (status, {header}, body).
sub curl {
    my (@args) = @_;
    open my $out, '-|', 'curl', '-sS', '-i', '--max-time', 20, @args
        or die "curl: $!\n";
    local $/;
    my $text = <$out> // '';
    close $out;
    my ($head, $body) = split /\r?\n\r?\n/, $text, 2;
    my ($line, @headers) = split /\r?\n/, $head // '';
    my ($status) = ($line // '') =~ m{^HTTP/\S+ (\d+)};
    return ($status // 0,
            { map { /^([^:]+):\s*(.*)$/ ? (lc $1 => $2) : () } @headers },
            $body // '');
}

sub quoted {
    my ($word) = @_;
    return $word if $word =~ m{\A[\w./:=-]+\z};
    return "'" . $word =~ s/'/'\\''/gr . "'";
}

# One step. <want>: status (or list), header {name => regexp}, body regexp,
# not: regexp of what may not be in it, asked: introspections of that token afterwards; unwritten: true where the
# FHIR server must not have seen a write; more: further curl words.
sub step {
    my ($title, $token, $target, $why, %want) = @_;
    my @args = (@{$want{more} || []},
        defined $token ? ('-H', "Authorization: Bearer $token") : (),
        "$fhir/$target");
    printf "%2d. %s\n", ++$steps, $title;
    print "    \$ curl -i ", join(' ', map { quoted($_) } @args), "\n";
    my $writes = $lab->attempts;
    my ($status, $header, $body) = curl(@args);
    print "    $status", shown($header, $body), "\n";
    print "    $why\n";
    my @wrong = differences(\%want, $status, $header, $body);
    push @wrong, asked($token, $want{asked}) if defined $want{asked};
    push @wrong, 'the FHIR server saw a write'
        if $want{unwritten} && $lab->attempts != $writes;
    print "    NOT AS EXPECTED: $_\n" for @wrong;
    print "\n";
    $unexpected++ if @wrong;
    return;
}

sub differences {
    my ($want, $status, $header, $body) = @_;
    my @status = ref $want->{status} ? @{$want->{status}} : $want->{status};
    my @wrong;
    push @wrong, "the status should be @status"
        if !grep { $_ == $status } @status;
    for my $name (sort keys %{$want->{header} || {}}) {
        my $value = $header->{lc $name} // '';
        push @wrong, "$name is '$value'" if $value !~ $want->{header}{$name};
    }
    push @wrong, 'the body is another' if $want->{body}
        && $body !~ $want->{body};
    push @wrong, 'the body holds too much' if $want->{not}
        && $body =~ $want->{not};
    # Whatever is refused, nothing of the record may come along.
    push @wrong, 'the body holds patient data'
        if $status >= 400 && $body =~ /CANARY/;
    return @wrong;
}

sub asked {
    my ($token, $want) = @_;
    my $n = $lab->as_count($token);
    print "    Introspections of this token so far: $n\n";
    return $n == $want ? () : "there should be $want";
}

# What of an answer is worth a look.
sub shown {
    my ($header, $body) = @_;
    my @parts = map { defined $header->{$_} ? "$_: $header->{$_}" : () }
        qw(www-authenticate retry-after smart-cache);
    my $resource = eval { json_decode($body) } || {};
    push @parts, "body: $resource->{resourceType}" if $resource->{resourceType};
    push @parts, scalar(@{$resource->{entry} || []}) . ' entries'
        if ($resource->{resourceType} // '') eq 'Bundle';
    return join '', map { "  $_" } @parts;
}

# --- tokens ------------------------------------------------------------------

# Tokens have names here to keep the lines short; a real one is random.
my %TOKENS = (
    'clinician-reads-observations' => {
        scope => 'openid fhirUser user/Observation.rs',
        fhirUser => "$fhir/Practitioner/prac-1" },
    'patient-reads-own-record' => {
        scope => 'launch/patient patient/Patient.r', patient => 'pat-1' },
    'patient-reads-own-observations' => {
        scope => 'launch/patient patient/Observation.rs',
        patient => 'pat-1' },
    'patient-laboratory-only' => {
        scope => 'patient/Observation.rs?category=http://terminology.hl7.org/'
            . 'CodeSystem/observation-category|laboratory',
        patient => 'pat-1' },
    'patient-records-observations' => {
        scope => 'patient/Observation.cruds', patient => 'pat-1' },
    'never-seen-before' => { scope => 'user/Observation.rs',
        fhirUser => "$fhir/Practitioner/prac-1" },
);
$lab->token(token => $_, client_id => 'demo-app', %{$TOKENS{$_}})
    for sort keys %TOKENS;
my ($clinician, $own, $observations, $laboratory, $writer, $new)
    = qw(clinician-reads-observations patient-reads-own-record
    patient-reads-own-observations patient-laboratory-only
    patient-records-observations never-seen-before);

sub introduction {
    print <<"END";
httpd with mod_smart   $fhir
FHIR server behind it  ${\ $lab->fhir_base}   (believes whoever reaches it)
authorization server   ${\ $lab->issuer}
configuration          ${\ $httpd->dir}/httpd.conf, which ends in

END
    open my $f, '<', $httpd->dir . '/httpd.conf' or die "httpd.conf: $!\n";
    print grep { /<Location/ .. m{</Location} } <$f>;
    print "\n";
    return;
}

# --- the show ----------------------------------------------------------------

sub who_are_you {
    step('Nobody', undef, 'Observation/obs-1',
        'No token: the challenge says how to come back, and no more.',
        status => 401, header => { 'WWW-Authenticate'
            => qr/^Bearer realm="[^"]*"(?!.*error)/ });
    step('A token nobody issued', 'xyzzy', 'Observation/obs-1',
        'The authorization server does not know it.', status => 401,
        header => { 'WWW-Authenticate' => qr/error="invalid_token"/ });
    step('What this server can do', undef, 'metadata',
        'The capability statement is public.', status => 200,
        body => qr/CapabilityStatement/);
    return;
}

sub scopes {
    step('A clinician reads an observation', $clinician, 'Observation/obs-1',
        'user/Observation.rs permits it. The token was introspected.',
        status => 200, body => qr/CANARY-Observation-obs-1\b/, asked => 1,
        header => { 'Smart-Cache' => qr/^miss$/ });
    step('The same again', $clinician, 'Observation/obs-1',
        'Out of shared memory: the authorization server was not asked.',
        status => 200, body => qr/CANARY-Observation-obs-1\b/, asked => 1,
        header => { 'Smart-Cache' => qr/^hit$/ });
    step('... and a condition', $clinician, 'Condition/cond-1',
        'No scope for that type; the challenge names one that would do.',
        status => 403, asked => 1, header => { 'WWW-Authenticate'
            => qr/error="insufficient_scope".*scope="[^"]*Condition\./ });
    step('... and writes', $clinician, 'Observation',
        'rs is read and search: the request never reached the FHIR server.',
        status => 403, unwritten => 1, header => { 'WWW-Authenticate'
            => qr/error="insufficient_scope"/ },
        more => ['-H', 'Content-Type: application/fhir+json', '-d',
            json_encode({ resourceType => 'Observation',
                          status => 'final' })]);
    return;
}

sub launch_context {
    step('A patient reads her own record', $own, 'Patient/pat-1',
        'patient/Patient.r, and the token says: patient pat-1.',
        status => 200, body => qr/CANARY-Patient-pat-1\b/);
    step('... and somebody else\'s', $own, 'Patient/pat-2',
        'Outside her compartment: not even that it exists is told.',
        status => 404);
    step('Her observations', $observations, 'Patient/pat-1/Observation',
        'The path is her own compartment.', status => 200,
        body => qr/CANARY-Observation-obs-1\b/);
    step('... and somebody else\'s', $observations,
        'Patient/pat-2/Observation', 'The path is not.',
        status => [403, 404]);
    return;
}

# Entries of other people that the FHIR server would have answered with.
my $OTHERS = qr/CANARY-Observation-obs-2\b/;

sub narrowed {
    step('A search for everything', $observations, 'Observation',
        'Narrowed to her on the way there, inspected on the way back.',
        status => 200, body => qr/CANARY-Observation-obs-1\b/,
        not => $OTHERS);
    step('... and for somebody else', $observations,
        'Observation?subject=Patient/pat-2',
        'Nobody is both: an empty Bundle.', status => 200, not => qr/CANARY/);
    step('A result of the laboratory', $laboratory, 'Observation/obs-1',
        'The scope says ?category=...|laboratory, and so does the resource.',
        status => 200, body => qr/CANARY-Observation-obs-1\b/);
    step('... and a blood pressure of hers', $laboratory,
        'Observation/obs-vs1', 'Another category: as if it did not exist.',
        status => 404);
    return;
}

sub observation {
    my ($patient) = @_;
    return { resourceType => 'Observation', status => 'final',
             code => { text => 'mood' },
             subject => { reference => "Patient/$patient" } };
}

sub sent { return ['-H', 'Content-Type: application/fhir+json', '-d',
                   json_encode($_[0])] }

sub writes {
    step('She writes something down', $writer, 'Observation',
        'The content is about her.', status => 201,
        more => sent(observation('pat-1')));
    step('... about somebody else', $writer, 'Observation',
        'The content is not, and never reached the FHIR server.',
        status => 403, unwritten => 1, more => sent(observation('pat-2')));
    step('A batch with one of each', $writer, '',
        'One entry that is denied refuses the whole, and is named.',
        status => 403, unwritten => 1, body => qr/Bundle\.entry\[1\]/,
        more => sent({ resourceType => 'Bundle', type => 'batch', entry => [
            map { { request => { method => 'POST', url => 'Observation' },
                    resource => observation($_) } } qw(pat-1 pat-2)] }));
    return;
}

# The server is held still, as one that hangs; afterwards it goes on.
sub outage {
    print "    The authorization server stops answering.\n\n";
    kill 'STOP', $lab->as_pid;
    step('A new token', $new, 'Observation/obs-1',
        'It can not be checked. That is no fault of the client: 503, not 401.',
        status => 503, header => { 'Retry-After' => qr/^[1-9]/ });
    step('A token that was checked before', $clinician, 'Observation/obs-1',
        'Still in shared memory.', status => 200,
        body => qr/CANARY-Observation-obs-1\b/,
        header => { 'Smart-Cache' => qr/^hit$/ });
    kill 'CONT', $lab->as_pid;
    print "    The authorization server answers again.\n\n";
    return;
}

introduction();
who_are_you();
scopes();
launch_context();
narrowed();
writes();
outage();
printf "%d of %d answers as expected.\n", $steps - $unexpected, $steps;
exit($unexpected ? 1 : 0) if $o{once};

print <<"END";

All of this keeps running, with these tokens, for an hour; Ctrl-C ends it.
  ${\ join "\n  ", map { sprintf '%-32s%s', $_, $TOKENS{$_}{scope} }
        sort keys %TOKENS}
Another one: curl ${\ $lab->issuer}/control/token -d '{"token":"mine","scope":"user/*.rs"}'
Log of httpd: ${\ $httpd->error_log}
END
sleep 1 while $httpd->running;
die "httpd ended: see ${\ $httpd->error_log}\n";
