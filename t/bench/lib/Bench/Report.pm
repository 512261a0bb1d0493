# SPDX-License-Identifier: Apache-2.0
#
# What the benchmark says beside the tables of its scenarios: the machine, the
# versions, the targets, the JSON file, the block of a README. And the two
# statistics all of them use.
package Bench::Report;

use strict;
use warnings;
use JSON::PP ();
use Digest::SHA ();
use Exporter 'import';
use Bench::Server;

our @EXPORT_OK = qw(median quantile);

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
    my $t = "# Benchmarks\n\n"
        . "$m->{cpu}, $m->{cores} cores, $m->{kernel}, $m->{os}, "
        . "load average at start $m->{load_at_start}\n\n";
    $t .= "- $_ $v->{$_}\n" for sort keys %$v;
    return "$t\n";
}

sub median {
    my @s = sort { $a <=> $b } @_;
    return @s % 2 ? $s[ @s / 2 ] : ($s[ @s / 2 - 1 ] + $s[ @s / 2 ]) / 2;
}

# The q-quantile (0 to 1): the value at that rank, none made up.
sub quantile {
    my ($q, @v) = @_;
    my @s = sort { $a <=> $b } @v;
    return $s[ int($q * $#s + 0.5) ];
}

# rows: { what =>, target =>, got =>, met => 0|1, peers => { oauth2 => ... } }
# Missing a target is said, and is no error.
sub targets {
    my (@rows) = @_;
    return '' if !@rows;
    my @peers = grep { my $p = $_; grep { exists $_->{peers}{$p} } @rows }
        qw(oauth2 openidc);
    my $t = "## Targets\n\n| figure | target | mod_smart | met | "
        . join('', map { "$Bench::Server::TITLE{$_} | " } @peers) . "\n"
        . '|---|--:|--:|---|' . '--:|' x @peers . "\n";
    $t =~ s/ \n/\n/;
    for my $r (@rows) {
        $t .= '| ' . join(' | ', @$r{qw(what target got)},
            $r->{met} ? 'yes' : 'no', map { $r->{peers}{$_} // '-' } @peers)
            . " |\n";
    }
    return "$t\n";
}

sub write_json {
    my ($file, $r) = @_;
    open my $f, '>', $file or die "$file: $!\n";
    print $f JSON::PP->new->canonical->pretty->encode($r);
    close $f or die "$file: $!\n";
}

sub read_json {
    my ($file) = @_;
    open my $f, '<', $file or die "$file: $!\n";
    local $/;
    return JSON::PP::decode_json(<$f>);
}

# Rewrites what stands between the two comments of a README; dies without
# touching the file when they are not there exactly once.
my ($BEGIN, $END) = ('<!-- numbers: build/bench --readme -->',
    '<!-- end of numbers -->');

sub write_readme {
    my ($file, $text) = @_;
    open my $f, '<', $file or die "$file: $!\n";
    my $old = do { local $/; <$f> };
    close $f;
    my $new = $old;
    $text =~ s/\n*\z/\n/;
    my $n = $new =~ s/\Q$BEGIN\E\n.*?\Q$END\E/$BEGIN\n$text$END/sg;
    $n == 1 or die "$file: not one block from $BEGIN to $END\n";
    return if $new eq $old;
    open $f, '>', $file or die "$file: $!\n";
    print $f $new;
    close $f or die "$file: $!\n";
}

# The block: the machine, CPU by live tokens with every server in a column,
# and the targets.
sub readme {
    my ($r, @targets) = @_;
    my ($m, $v) = @$r{qw(machine versions)};
    my $t = "\n$m->{cpu}, $m->{cores} cores, $m->{os}, httpd $v->{httpd}"
        . join('', map { my $n = $_;
            $v->{$n} ? ", $n " . ($v->{$n} =~ /^lib\S+ ([^-,]+)/)[0] : '' }
            qw(mod_oauth2 mod_auth_openidc))
        . "; measured $r->{date} in one run.\n\n";
    $t .= _by_tokens(@{ $r->{load} }) if $r->{load} && @{ $r->{load} };
    return $t . targets(@targets) =~ s/^## Targets\n\n//r;
}

sub _by_tokens {
    my (@results) = @_;
    my (%of, %seen);
    for my $r (@results) {
        $of{ $r->{tokens} }{ $r->{name} } = $r->{summary};
        $seen{ $r->{name} } = 1;
    }
    my @names = grep { $seen{$_} } @Bench::Server::NAMES;
    my $t = "CPU per request in microseconds (times bare httpd):\n\n"
        . '| live tokens |'
        . join('', map { " $Bench::Server::TITLE{$_} |" } @names)
        . "\n|--:|" . '--:|' x @names . "\n";
    for my $n (sort { $a <=> $b } keys %of) {
        $t .= "| $n |" . join('', map {
            my $s = $of{$n}{$_};
            my $cpu = $s ? sprintf '%.1f', $s->{server_cpu_us} : '-';
            my $times = $s && $_ ne 'bare'
                ? sprintf ' (%.2f)', $s->{ratio} : '';
            " $cpu$times |";
        } @names) . "\n";
    }
    return "$t\n![CPU per request against live tokens](t/bench/cost.svg)\n\n";
}

1;
