# SPDX-License-Identifier: Apache-2.0
#
# What the benchmark says: the machine, the versions, the tables (Markdown),
# the JSON file and the plot. Pure text work apart from reading /proc and
# starting gnuplot.
package Bench::Report;

use strict;
use warnings;
use JSON::PP ();
use Digest::SHA ();
use Bench::Server;

sub machine {
    my ($model) = map { /:\s*(.*)/ ? $1 : () }
        grep { /^model name/ } _lines('/proc/cpuinfo');
    my $cores = grep { /^processor/ } _lines('/proc/cpuinfo');
    my ($load) = split ' ', (_lines('/proc/loadavg'))[0] // '?';
    my ($os) = map { /="?([^"]*)/ ? $1 : () }
        grep { /^PRETTY_NAME/ } _lines('/etc/os-release');
    chomp(my $kernel = `uname -sr`);
    chomp $os if defined $os;
    return { cpu => $model // 'unknown', cores => $cores,
        kernel => $kernel, os => $os // 'unknown', load_at_start => $load };
}

# Versions of what takes part; @names are the servers that do.
sub versions {
    my ($o, @names) = @_;
    my ($httpd) = `$o->{httpd} -v` =~ m{Apache/(\S+)};
    my %v = (httpd => $httpd // 'unknown');
    my %package = (oauth2 => [qw(libapache2-mod-oauth2 liboauth2-0)],
        openidc => ['libapache2-mod-auth-openidc']);
    for my $n (grep { $package{$_} } @names) {
        my @v = map { my $q = `dpkg-query -W -f '\${Version}' $_ 2>&1`;
            $? ? () : "$_ $q" } @{ $package{$n} };
        $v{ $Bench::Server::TITLE{$n} } = @v ? join(', ', @v)
            : _digest(Bench::Server::module_file($n, %$o));
    }
    $v{mod_smart} = _digest($o->{module}) if grep { $_ eq 'smart' } @names;
    return \%v;
}

sub _digest {
    my ($file) = @_;
    return 'sha256 '
        . substr(Digest::SHA->new(256)->addfile($file)->hexdigest, 0, 12);
}

sub _lines {
    my ($file) = @_;
    open my $f, '<', $file or return;
    return <$f>;
}

sub head {
    my ($r) = @_;
    my ($m, $v) = @$r{qw(machine versions)};
    my $t = "# Cost per request\n\n"
        . "$m->{cpu}, $m->{cores} cores, $m->{kernel}, $m->{os}, "
        . "load average at start $m->{load_at_start}\n\n";
    $t .= "- $_ $v->{$_}\n" for sort keys %$v;
    return "$t\n";
}

sub median {
    my @s = sort { $a <=> $b } @_;
    return @s % 2 ? $s[ @s / 2 ] : ($s[ @s / 2 - 1 ] + $s[ @s / 2 ]) / 2;
}

# rounds: [{ server_cpu_us, rps, p50_us, ... }] of one server, bare: the same
# of bare httpd; the n-th of both were measured one after the other.
sub summary {
    my ($rounds, $bare) = @_;
    my %s = map { my $k = $_; ($k => median(map { $_->{$k} } @$rounds)) }
        qw(server_cpu_us client_cpu_us rps p50_us p99_us);
    my @ratio = map { $rounds->[$_]{server_cpu_us}
            / $bare->[$_]{server_cpu_us} } 0 .. $#$rounds;
    $s{ratio} = median(@ratio);
    @ratio = sort { $a <=> $b } @ratio;
    @s{qw(ratio_q1 ratio_q3 ratio_min ratio_max)} =
        @ratio[ @ratio / 4, 3 * @ratio / 4, 0, -1 ];
    return \%s;
}

sub load_table {
    my ($results, $rounds, $pinned) = @_;
    my $where = $pinned ? 'server on one processor, load on another'
        : 'not pinned to processors';
    my $t = "## CPU and latency, 8 keep-alive connections, 45-byte file\n\n"
        . "Medians of $rounds interleaved rounds, $where; spread "
        . "is the middle half of their ratios.\n\n"
        . "| live tokens | server | CPU us/request | x bare | spread | "
        . "request/s | p50 us | p99 us | client CPU us |\n"
        . "|--:|---|--:|--:|---|--:|--:|--:|--:|\n";
    for my $r (@$results) {
        my $s = $r->{summary};
        $t .= sprintf "| %d | %s | %.1f | %.2f | %.2f-%.2f | %.0f | %.0f "
            . "| %.0f | %.1f |\n", $r->{tokens}, $r->{title},
            @$s{qw(server_cpu_us ratio ratio_q1 ratio_q3 rps p50_us p99_us
            client_cpu_us)};
    }
    return "$t\n";
}

sub instruction_table {
    my ($results) = @_;
    my ($bare) = grep { $_->{name} eq 'bare' } @$results;
    my $t = "## Instructions per request (callgrind, one process, one "
        . "connection)\n\n| server | rotating over 64 tokens | added | "
        . "repeating one token | added |\n|---|--:|--:|--:|--:|\n";
    for my $r (@$results) {
        my @added = map { $r->{name} eq 'bare' ? '-'
                : sprintf '%+.0f', $r->{$_} - $bare->{$_} }
            qw(rotating repeating);
        $t .= sprintf "| %s | %.0f | %s | %.0f | %s |\n", $r->{title},
            $r->{rotating}, $added[0], $r->{repeating}, $added[1];
    }
    return "$t\n";
}

sub write_json {
    my ($file, $r) = @_;
    open my $f, '>', $file or die "$file: $!\n";
    print $f JSON::PP->new->canonical->pretty->encode($r);
    close $f or die "$file: $!\n";
}

# CPU per request against live tokens, one line per server, both axes log.
sub write_plot {
    my ($file, $results) = @_;
    my %of;
    push @{ $of{ $_->{title} } }, $_ for @$results;
    my @titles = grep { $of{$_} } @Bench::Server::TITLE{@Bench::Server::NAMES};
    my $script = "set terminal svg size 720,440 background 'white'\n"
        . "set output '$file'\nset logscale xy\nset key top left\n"
        . "set grid\nset xlabel 'live tokens'\n"
        . "set ylabel 'CPU per request (microseconds)'\nset xrange [0.8:*]\n"
        . 'plot ' . join(', ', map {
            "'-' using 1:2 with linespoints lw 2 title '$_' noenhanced"
        } @titles) . "\n";
    for my $t (@titles) {
        $script .= "$_->{tokens} $_->{summary}{server_cpu_us}\n"
            for @{ $of{$t} };
        $script .= "e\n";
    }
    open my $g, '|-', 'gnuplot' or die "gnuplot: $!\n";
    print $g $script;
    close $g or die "gnuplot could not write $file\n";
}

1;
