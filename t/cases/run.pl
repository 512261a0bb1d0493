#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Send tables of requests through the module and judge what comes out
# (t/lib/Smart/Cases.pm says how).
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/../lib";
use Getopt::Long ();
use Smart::Cases ();

my $USAGE = <<"END";
usage: $0 [--decisions FILE] [--attacks FILE] [--only REGEXP of ids]
          [--variant default|nodecode|decode|slashes]
          [--mpm event|worker|prefork] [--without-module] [--quiet]
Without a file: the tables beside this program. Exit code 1 when a row is
wrong, leaks, writes or passes what it should deny.
END
my %o = (module => 1);
Getopt::Long::GetOptions(\%o, 'decisions=s', 'attacks=s', 'only=s',
    'variant=s', 'mpm=s', 'without-module' => sub { $o{module} = 0 }, 'quiet',
    'help') or die $USAGE;
if ($o{help}) { print $USAGE; exit 0 }
@o{qw(decisions attacks)} = map { "$FindBin::Bin/$_.tsv" }
    qw(decisions attacks) if !defined $o{decisions} && !defined $o{attacks};

my $cases = Smart::Cases->new(variant => $o{variant}, mpm => $o{mpm},
                              smart => $o{module});
my (%total, %group, $failed);
$| = 1;
for (['decisions', 'decision'], ['attacks', 'attack']) {
    my ($table, $run) = @$_;
    next if !defined $o{$table};
    for my $row (Smart::Cases::rows($o{$table})) {
        next if defined $o{only} && $row->{id} !~ /$o{only}/;
        my $v = $cases->$run($row);
        $total{$v->{verdict}}++;
        $group{$v->{group}}{$v->{verdict}}++;
        my $bad = $Smart::Cases::FAILS{$v->{verdict}};
        $failed ||= $bad;
        printf "%-6s %-12s %-7s %3d %-16s %s\n", $bad ? 'not ok' : 'ok',
            @$v{qw(id verdict status decision)},
            $bad ? "$v->{detail} ($v->{why})" : $v->{why}
            if $bad || !$o{quiet};
    }
}
print "\n";
my @kinds = qw(ok skipped wrong leak write passed);
printf '%-8s' . '%9s' x @kinds . "\n", @$_ for ['', @kinds],
    (map { my $g = $_; [$g, map { $group{$g}{$_} // 0 } @kinds] }
     sort keys %group), ['all', map { $total{$_} // 0 } @kinds];
exit($failed ? 1 : 0);
