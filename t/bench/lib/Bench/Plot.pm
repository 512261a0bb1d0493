# SPDX-License-Identifier: Apache-2.0
#
# The plot: CPU per request against live tokens, one line per server, both
# axes logarithmic. The axis on the right says the same as a multiple of bare
# httpd (its median over all numbers of tokens). Names stand at the ends of
# the lines; bars are the middle half of the rounds.
package Bench::Plot;

use strict;
use warnings;
use Bench::Report qw(median quantile);
use Bench::Server;

my $FONT = 'Helvetica,Arial,sans-serif,13';

# Colours that also differ for the colour-blind, and shapes that differ
# without any.
my %STYLE = (bare => ['#7f7f7f', 6], smart => ['#0072b2', 7],
    oauth2 => ['#d55e00', 5], openidc => ['#009e73', 9]);

sub write_svg {
    my ($file, $results) = @_;
    my %of;
    push @{ $of{ $_->{name} } }, $_ for @$results;
    $of{$_} = [ sort { $a->{tokens} <=> $b->{tokens} } @{ $of{$_} } ]
        for keys %of;
    my @names = grep { $of{$_} } @Bench::Server::NAMES;
    open my $g, '|-', 'gnuplot' or die "gnuplot: $!\n";
    print $g _frame($file, \%of), _lines(\%of, @names);
    close $g or die "gnuplot could not write $file\n";
    _trim($file);
}

sub _cpu { return map { $_->{summary}{server_cpu_us} } @_ }

sub _frame {
    my ($file, $of) = @_;
    my @all = map { @$_ } values %$of;
    my @cpu = sort { $a <=> $b } _cpu(@all);
    my $bare = median(_cpu(@{ $of->{bare} }));
    my ($low, $high) = ($cpu[0] * 0.75, $cpu[-1] * 1.35);
    my ($most) = sort { $b <=> $a } map { $_->{tokens} } @all;
    my %n = map { $_->{tokens} => 1 } @all;
    my $xtics = join ', ', map { sprintf "'%s' %d", _grouped($_), $_ }
        sort { $a <=> $b } keys %n;
    my $ytics = join ', ', grep { $_ >= $low && $_ <= $high }
        map { my $p = 10**$_; map { $_ * $p } 1, 2, 5 } 0 .. 5;
    my $y2tics = join ', ', map { sprintf "'%s×' %g", $_, $_ * $bare }
        grep { $_ * $bare <= $high } 1, 1.5, 2, 3, 5, 7, 10, 15, 20, 30, 50;
    # Room on the right for the names of lines that end there.
    my $right = $most > 1 ? $most * $most**0.28 : 4;
    return <<"EOG";
set encoding utf8
set terminal svg size 800,460 dynamic font '$FONT' background 'white'
set output '$file'
set title 'CPU per request against live tokens' font ',15'
set logscale xyy2
set xrange [0.7:$right]
set yrange [$low:$high]
set y2range [$low:$high]
set border 11 lc rgb '#404040'
set xtics nomirror ($xtics)
set ytics nomirror ($ytics)
set y2tics nomirror ($y2tics)
set mxtics default
set grid x y lc rgb '#e6e6e6' lt 1
set xlabel 'live tokens in the cache'
set ylabel 'CPU per request, microseconds'
set y2label 'times bare httpd'
unset key
EOG
}

sub _lines {
    my ($of, @names) = @_;
    my ($labels, @plots, $data) = ('');
    my @taken;
    for my $n (@names) {
        my ($colour, $shape) = @{ $STYLE{$n} };
        my $last = $of->{$n}[-1];
        my $y = _free($last, \@taken);
        $labels .= sprintf "set label '%s' at %g,%g offset 1.2,0 left "
            . "tc rgb '%s' noenhanced\n", $Bench::Server::TITLE{$n},
            $last->{tokens}, $y, $colour;
        push @plots, "'-' using 1:2:3:4 with yerrorbars lc rgb '$colour' lw 1 "
            . 'pt 0 notitle', "'-' using 1:2 with linespoints lc rgb "
            . "'$colour' lw 2.2 pt $shape ps 0.8 notitle";
        my ($bars, $line) = ('', '');
        for my $r (@{ $of->{$n} }) {
            my ($cpu) = _cpu($r);
            my @rounds = map { $_->{server_cpu_us} } @{ $r->{rounds} };
            $bars .= sprintf "%d %g %g %g\n", $r->{tokens}, $cpu,
                quantile(.25, @rounds), quantile(.75, @rounds);
            $line .= sprintf "%d %g\n", $r->{tokens}, $cpu;
        }
        $data .= "${bars}e\n${line}e\n";
    }
    return $labels . 'plot ' . join(', ', @plots) . "\n$data";
}

# Names of lines that end at the same place stand one above the other.
sub _free {
    my ($last, $taken) = @_;
    my $y = $last->{summary}{server_cpu_us};
    for my $t (sort { $a->[1] <=> $b->[1] } @$taken) {
        next if $t->[0] != $last->{tokens};
        $y = $t->[1] * 1.13 if $y < $t->[1] * 1.13 && $y > $t->[1] / 1.13;
    }
    push @$taken, [ $last->{tokens}, $y ];
    return $y;
}

# 1000000 -> 1 000 000, with blanks that do not break.
sub _grouped {
    my ($n) = @_;
    1 while $n =~ s/^(\d+)(\d{3})/$1\x{c2}\x{a0}$2/;
    return $n;
}

# gnuplot leaves blanks at the ends of lines, and its own name as the title.
sub _trim {
    my ($file) = @_;
    open my $f, '<', $file or die "$file: $!\n";
    my $svg = do { local $/; <$f> };
    close $f;
    $svg =~ s/[ \t]+$//mg;
    $svg =~ s{<title>Gnuplot</title>}{<title>CPU per request</title>};
    $svg =~ s{<desc>.*?</desc>\n?}{}s;
    $svg =~ s/\n{2,}/\n/g;
    open $f, '>', $file or die "$file: $!\n";
    print $f $svg;
    close $f or die "$file: $!\n";
}

1;
