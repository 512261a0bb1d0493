#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Start the lab's authorization server (t/lib/Smart/AuthServer.pm).
# Prints "listening PORT" when it is ready. Loopback only.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/../lib";
use Getopt::Long ();
use Smart::AuthServer ();
use Smart::Json qw(json_decode);

my $USAGE = <<"END";
usage: $0 [--port N] [--pidfile F] [--watch-parent] [--path /introspect]
          [--client ID:SECRET]... [--method NAME] [--jwt-400] [--no-log]
          [--tokens FILE]        JSON array of tokens, as /control/token takes
          [--cert F --key F [--client-ca F]
           [--client-cert none|optional|required]]
END
my %o = (port => 0, log => 1);
Getopt::Long::GetOptions(\%o, 'port=i', 'pidfile=s', 'watch-parent', 'path=s',
    'client=s@', 'method=s', 'jwt-400', 'log!', 'tokens=s', 'cert=s', 'key=s',
    'client-ca=s', 'client-cert=s', 'help') or die $USAGE;
if ($o{help}) { print $USAGE; exit 0 }

my $parent = $o{'watch-parent'} ? getppid() : undef;
my %clients = map { my ($id, $s) = split /:/, $_, 2; ($id => { secret => $s }) }
    @{$o{client} || []};
my $tls = $o{cert} ? { cert => $o{cert}, key => $o{key},
                       ca => $o{'client-ca'}, client => $o{'client-cert'} }
    : undef;
my $server = Smart::AuthServer->new(
    port => $o{port}, parent => $parent, tls => $tls, log => $o{log},
    jwt_400 => $o{'jwt-400'},
    (defined $o{path} ? (path => $o{path}) : ()),
    (defined $o{method} ? (method => $o{method}) : ()),
    (%clients ? (clients => \%clients) : ()));
if (defined $o{tokens}) {
    open my $f, '<:raw', $o{tokens} or die "$o{tokens}: $!\n";
    local $/;
    $server->mint($_) for @{json_decode(scalar <$f>)};
}
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
