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
    -x $program or die "no $program: make bench-programs\n";
    $lab->note('cache_bench');
    my @args = map { ('-n', $_) } @{ $o->{'micro-entries'} };
    push @args, '-s', $o->{'micro-seconds'} if $o->{'micro-seconds'};
    open my $p, '-|', $program, @args or die "$program: $!\n";
    my (@columns, @rows, @fill, %once);
    while (my $l = <$p>) {
        if ($l =~ /^digest (\S+) ns/) {
            $once{digest_ns} = $1 + 0;
        } elsif ($l =~ /^segment (\d+) MiB/) {
            $once{segment_mib} = $1 + 0;
        } elsif ($l =~ /^\s*entries\s/) {
            @columns = $l =~ /(\S+(?: ns)?)/g;
        } elsif ($l =~ $FILL) {
            push @fill, { mib => $1 + 0, entries => $2 + 0, values => $3,
                kept => $4 + 0, bytes => $5 + 0 };
        } elsif (@columns && $l =~ /^[\s\d.]+$/) {
            my %row;
            @row{@columns} = map { $_ + 0 } split ' ', $l;
            push @rows, \%row;
        }
    }
    close $p or die "cache_bench failed\n";
    grep { defined $_->{'hit ns'} && defined $_->{'2x'} } @rows and @fill
        or die "cache_bench said something else\n";
    return { %once, columns => \@columns, rows => \@rows, fill => \@fill };
}

sub table {
    my ($r) = @_;
    my @columns = @{ $r->{columns} };
    my $t = "## The cache alone\n\nOne call in random order, a segment of "
        . "$r->{segment_mib} MiB; 2x is the rate of hits of two processes "
        . sprintf("over that of one. The digest of a token: %.0f ns.\n\n",
            $r->{digest_ns})
        . '| ' . join(' | ', @columns) . " |\n" . '|--:' x @columns . "|\n";
    $t .= '| ' . join(' | ', @$_{@columns}) . " |\n" for @{ $r->{rows} };
    $t .= "\n| segment MiB | records put | bytes of value | kept | bytes of "
        . "segment each |\n|--:|--:|---|--:|--:|\n";
    $t .= sprintf "| %d | %d | %s | %.4f | %d |\n",
        @$_{qw(mib entries values kept bytes)} for @{ $r->{fill} };
    return "$t\n";
}

# Memory per token is that of a segment as full as it is said to get: of the
# row with the most records, the segment by those it kept.
sub targets {
    my ($r) = @_;
    my ($row) = sort { $b->{entries} <=> $a->{entries} } @{ $r->{rows} };
    my ($fill) = sort { $b->{entries} <=> $a->{entries} } @{ $r->{fill} };
    return (
        { what => "cache get, ns, entries: $row->{entries}",
            target => '<= 250', got => sprintf('%.0f', $row->{'hit ns'}),
            met => $row->{'hit ns'} <= 250 },
        { what => 'hits of two processes, x one', target => '>= 1.80',
            got => sprintf('%.2f', $row->{'2x'}), met => $row->{'2x'} >= 1.8 },
        { what => 'shared memory per token of 10 scopes, bytes',
            target => '<= 512', got => $fill->{bytes},
            met => $fill->{bytes} <= 512 });
}

1;
