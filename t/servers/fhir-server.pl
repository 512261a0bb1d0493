#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Start the lab's FHIR server (t/lib/Smart/FhirServer.pm).
# Prints "listening PORT" when it is ready. Loopback only.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/../lib";
use Getopt::Long ();
use Smart::FhirServer ();

my $USAGE = <<"END";
usage: $0 [--port N] [--pidfile F] [--watch-parent] [--base /fhir]
          [--public-base URL] [--fixtures DIR] [--no-log]
END
my %o = (port => 0, log => 1, fixtures => "$FindBin::Bin/../fixtures");
Getopt::Long::GetOptions(\%o, 'port=i', 'pidfile=s', 'watch-parent', 'base=s',
    'public-base=s', 'fixtures=s', 'log!', 'help') or die $USAGE;
if ($o{help}) { print $USAGE; exit 0 }

my $parent = $o{'watch-parent'} ? getppid() : undef;
my $server = Smart::FhirServer->new(
    port => $o{port}, parent => $parent, fixtures => $o{fixtures},
    log => $o{log}, public_base => $o{'public-base'},
    (defined $o{base} ? (base => $o{base}) : ()));
if (defined $o{pidfile}) {
    open my $f, '>', $o{pidfile} or die "$o{pidfile}: $!\n";
    print $f "$$\n";
    close $f;
}
$SIG{TERM} = $SIG{INT} = sub { $server->stop };
$| = 1;
print 'listening ', $server->port, "\n";
$server->run;
unlink $o{pidfile} if defined $o{pidfile};
