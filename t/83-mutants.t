#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The suites of hooks, headers and Require lines fail when the product is
# wrong in one thing, and pass when it is not: build/mutants, by build/mutate.
use strict;
use warnings;
use FindBin ();
use Test::More;

my $TOP = "$FindBin::Bin/..";
chdir $TOP or die "$TOP: $!\n";
delete @ENV{qw(SMART_MODULE SMART_WAYS)};

chomp(my @names = qx(build/mutate --list));
cmp_ok scalar @names, '>', 30, 'there are mutants';

my %said;
open my $out, '-|', 'build/mutate', '--all' or die "build/mutate: $!\n";
while (<$out>) {
    push @{$said{$1}}, $2 if /\A([a-z0-9-]+): (.*)$/;
}
close $out;
for my $name (@names) {
    my @lines = @{$said{$name} || ['did not run']};
    my $want = $name eq 'none' ? qr/ passes\z/ : qr/\Anoticed by /;
    is join("\n", grep { $_ !~ $want } @lines), '', $name;
}
done_testing;
