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

# The control alone, since it has to pass; then all others, which have to
# fail, in two halves side by side.
my (%said, @half);
push @{$half[$_ % 2]}, $names[$_] for grep { $names[$_] ne 'none' } 0 .. $#names;
sub reader {
    open my $out, '-|', 'build/mutate', @_ or die "build/mutate: $!\n";
    return $out;
}
sub listen_to {
    for my $out (@_) {
        while (<$out>) {
            push @{$said{$1}}, $2 if /\A([a-z0-9-]+): (.*)$/;
        }
        close $out;
    }
    return;
}
listen_to(reader('none'));
listen_to(map { reader(@$_) } @half);
for my $name (@names) {
    my @lines = @{$said{$name} || ['did not run']};
    my $want = $name eq 'none' ? qr/ passes\z/ : qr/\Anoticed by /;
    is join("\n", grep { $_ !~ $want } @lines), '', $name;
}
done_testing;
