# SPDX-License-Identifier: Apache-2.0
#
# Scenario: the token cache alone, without httpd (cache_bench.c). Runs it and
# reads the rows it prints.
package Bench::Micro;

use strict;
use warnings;

my $FILL = qr/^\s*(\d+) MiB\s+(\d+) records of (.*): (\S+) kept, (\d+)/;

sub run {
    my ($lab) = @_;
    my $o = $lab->{o};
    my $program = $o->{'cache-bench'};
    -x $program or die "micro: no $program: make bench-programs\n";
    $lab->note('cache_bench');
    open my $p, '-|', $program, '-s', $o->{'micro-seconds'},
        map { ('-n', $_) } @{ $o->{'micro-entries'} }
        or die "$program: $!\n";
    my (@rows, @fill, %once);
    while (my $l = <$p>) {
        if ($l =~ /^digest (\S+) ns/) {
            $once{digest_ns} = $1 + 0;
        } elsif ($l =~ /^segment (\d+) MiB/) {
            $once{segment_mib} = $1 + 0;
        } elsif ($l =~ /^\s*\d+(?:\s+[\d.]+){6}\s*$/) {
            my %row;
            @row{qw(entries hit_ns miss_ns put_ns two_processes bytes kept)} =
                map { $_ + 0 } split ' ', $l;
            push @rows, \%row;
        } elsif ($l =~ $FILL) {
            push @fill, { mib => $1 + 0, entries => $2 + 0, values => $3,
                kept => $4 + 0, bytes => $5 + 0 };
        }
    }
    close $p or die "micro: cache_bench failed\n";
    @rows && @fill or die "micro: cache_bench said something else\n";
    return { %once, rows => \@rows, fill => \@fill };
}

sub table {
    my ($r) = @_;
    my $t = "## The cache alone\n\nOne call in random order, a segment of "
        . "$r->{segment_mib} MiB; 2x is the rate of hits of two processes "
        . sprintf("over that of one. The digest of a token: %.0f ns.\n\n",
            $r->{digest_ns})
        . "| entries | hit ns | miss ns | put ns | 2x | kept |\n"
        . "|--:|--:|--:|--:|--:|--:|\n";
    $t .= sprintf "| %d | %.0f | %.0f | %.0f | %.2f | %.3f |\n",
        @$_{qw(entries hit_ns miss_ns put_ns two_processes kept)}
        for @{ $r->{rows} };
    $t .= "\n| segment MiB | records put | bytes of value | kept | bytes of "
        . "segment each |\n|--:|--:|---|--:|--:|\n";
    $t .= sprintf "| %d | %d | %s | %.4f | %d |\n",
        @$_{qw(mib entries values kept bytes)} for @{ $r->{fill} };
    return "$t\n";
}

sub targets {
    my ($r) = @_;
    my ($row) = sort { $b->{entries} <=> $a->{entries} } @{ $r->{rows} };
    my ($fill) = grep { $_->{entries} == 1_000_000 } @{ $r->{fill} };
    my @t = (
        { what => "cache get, ns, entries: $row->{entries}",
            target => '<= 250', got => sprintf('%.0f', $row->{hit_ns}),
            met => $row->{hit_ns} <= 250 },
        { what => 'hits of two processes, x one', target => '>= 1.80',
            got => sprintf('%.2f', $row->{two_processes}),
            met => $row->{two_processes} >= 1.8 });
    push @t, { what => 'shared memory per token of 10 scopes, bytes',
        target => '<= 512', got => $fill->{bytes},
        met => $fill->{bytes} <= 512 } if $fill;
    return @t;
}

1;
