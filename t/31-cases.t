#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Tables of requests and what must come of them: t/cases/*.tsv, read by
# Smart::Cases. And that the judge is no yes-man: without the module the same
# tables are full of leaks.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Smart::Cases ();

my %RUN = (decisions => 'decision', attacks => 'attack');
my %rows = map { $_ => [Smart::Cases::rows("$FindBin::Bin/cases/$_.tsv")] }
    keys %RUN;

sub run_all {
    my ($cases, $each) = @_;
    my %total;
    for my $table (sort keys %RUN) {
        my $run = $RUN{$table};
        for my $row (@{$rows{$table}}) {
            my $v = $cases->$run($row);
            $total{$v->{verdict}}++;
            $each->($v);
        }
    }
    return \%total;
}

my $cases = Smart::Cases->new;
my $total = run_all($cases, sub {
    my ($v) = @_;
    ok !$Smart::Cases::FAILS{$v->{verdict}},
        "$v->{id}: $v->{verdict}, $v->{status} $v->{decision} ($v->{why})"
        or diag $v->{detail};
});
cmp_ok $total->{ok}, '>=', 245, 'most rows are as expected';
unlike $cases->httpd->log_text, qr/exit signal|AH00051|AH00052/,
    'no process of httpd died';

# A few that a permissive proxy would let through in each of the ways there
# are to fail.
my $open = Smart::Cases->new(smart => 0);
my %found;
run_all($open, sub { $found{$_[0]{verdict}}++ });
cmp_ok $found{$_} // 0, '>=', $_ eq 'write' ? 5 : 40,
    "without the module, rows are found: $_" for qw(leak write passed);
done_testing;
