#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# usage: audit-event.pl [--observer NAME] < audit.json > audit-event.ndjson
#
# Turns lines of SmartAuditLog into FHIR R4 AuditEvent resources, one a line.
# It can stand behind the pipe itself:
#
#   SmartAuditLog "|/usr/local/bin/audit-event.pl --observer gw1.example.org"
#
# where it should be followed by something that keeps what it prints. An
# example to start from: what a site wants in its events is the site's to say.
#
#   line                       AuditEvent
#   time                       recorded
#   interaction                subtype, action
#   decision, status           outcome: 0 permitted, 4 refused, 8 the gateway
#                              or a server failed
#   reason                     outcomeDesc
#   subject, address           agent, the requestor
#   client                     agent, the application
#   patient                    entity, role Patient
#   type, scope, id, ...       entity, role Domain resource, with details
#
# A line that is no object is skipped and counted on standard error.
use strict;
use warnings;
use JSON::PP ();

my $observer = 'mod_smart';
if (@ARGV && $ARGV[0] eq '--observer') {
    shift @ARGV;
    $observer = shift @ARGV // '';
}
die "usage: audit-event.pl [--observer NAME]\n" if @ARGV || $observer eq '';

my $TERMINOLOGY = 'http://terminology.hl7.org/CodeSystem';
my $json = JSON::PP->new->utf8->canonical;

# FHIR's own names are codes of restful-interaction, but for these.
my %CODE = ('search-compartment' => 'search-type', page => 'search-system',
            discovery => undef, preflight => undef, unknown => undef);
my %ACTION = (create => 'C', read => 'R', vread => 'R', update => 'U',
              patch => 'U', delete => 'D', capabilities => 'R',
              discovery => 'R', map { $_ => 'R' } qw(history-instance
              history-type history-system));

sub coding {
    my ($system, $code, $display) = @_;
    return { system => $system, code => $code,
             defined $display ? (display => $display) : () };
}

sub outcome {
    my ($line) = @_;
    my $status = $line->{status} // 0;
    return '8' if $status >= 500;
    return '4' if $line->{decision} ne 'permit' && $line->{decision} ne 'public';
    return $status >= 400 ? '4' : '0';
}

sub agents {
    my ($line) = @_;
    my %user = (requestor => JSON::PP::true,
        type => { coding => [coding("$TERMINOLOGY/v3-ParticipationType",
                                    'IRCP', 'information recipient')] });
    $user{who} = { identifier => { value => $line->{subject} } }
        if defined $line->{subject};
    $user{network} = { address => $line->{address}, type => '2' }
        if defined $line->{address};
    my @agents = (\%user);
    push @agents, { requestor => JSON::PP::false, name => $line->{client},
        type => { coding => [coding('http://dicom.nema.org/resources/ontology/'
                                    . 'DCM', '110150', 'Application')] } }
        if defined $line->{client};
    return \@agents;
}

sub entities {
    my ($line) = @_;
    my @entities;
    push @entities, { what => { identifier => { value => $line->{patient} } },
        type => coding("$TERMINOLOGY/audit-entity-type", '1', 'Person'),
        role => coding("$TERMINOLOGY/object-role", '1', 'Patient') }
        if defined $line->{patient};
    my @detail = map { { type => $_, valueString => "$line->{$_}" } }
        grep { defined $line->{$_} && !ref $line->{$_} }
        qw(id base operation type method mode scope needs cache status
           asked_us decided_us total_us);
    push @entities, {
        type => coding("$TERMINOLOGY/audit-entity-type", '2', 'System Object'),
        role => coding("$TERMINOLOGY/object-role", '4', 'Domain Resource'),
        defined $line->{type} ? (name => $line->{type}) : (),
        detail => \@detail } if @detail;
    return \@entities;
}

sub event {
    my ($line) = @_;
    my $name = $line->{interaction} // 'unknown';
    my $code = exists $CODE{$name} ? $CODE{$name} : $name;
    return { resourceType => 'AuditEvent',
        type => coding("$TERMINOLOGY/audit-event-type", 'rest',
                       'RESTful Operation'),
        $code ? (subtype => [coding('http://hl7.org/fhir/restful-interaction',
                                    $code)]) : (),
        action => $ACTION{$name} // 'E', recorded => $line->{time},
        outcome => outcome($line),
        defined $line->{reason} ? (outcomeDesc => $line->{reason}) : (),
        agent => agents($line), entity => entities($line),
        source => { observer => { display => $observer },
            type => [coding("$TERMINOLOGY/security-source-type", '4',
                            'Application Server')] } };
}

my $skipped = 0;
$| = 1;
while (my $text = <STDIN>) {
    my $line = eval { $json->decode($text) };
    if (ref $line ne 'HASH' || !defined $line->{time}
        || !defined $line->{decision}) {
        $skipped++;
        next;
    }
    print $json->encode(event($line)), "\n";
}
print STDERR "audit-event.pl: $skipped lines were no audit lines\n"
    if $skipped;
exit($skipped ? 1 : 0);
