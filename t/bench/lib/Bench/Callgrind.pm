# SPDX-License-Identifier: Apache-2.0
#
# Instructions per request, counted by valgrind --tool=callgrind over a single
# httpd process. Start-up and shutdown are the same in every run and cancel:
#
#   A  every token once, n requests rotating
#   B  every token once, 2n requests rotating          rotating  = (B - A) / n
#   C  every token once, n rotating, n with one token  repeating = (C - A) / n
#
# One connection, so that what a server remembers per connection shows.
# It counts user-space instructions: system calls are not in it.
package Bench::Callgrind;

use strict;
use warnings;
use Bench::Server;

sub run {
    my ($lab, @names) = @_;
    my $file = $lab->tokens(64);
    my @results;
    @names = grep { /^(bare|smart)$/ } @names if $lab->{o}{quick};
    for my $n (@names) {
        $lab->note("$Bench::Server::TITLE{$n} under callgrind");
        my $r = eval { _measure($lab, $n, $file) };
        $r ? push @results, $r : $lab->problem($@);
        $lab->stop_all;
    }
    return \@results;
}

sub _measure {
    my ($lab, $name, $file) = @_;
    my $one = "$file-one";
    open my $in, '<', $file or die "$file: $!\n";
    open my $out, '>', $one or die "$one: $!\n";
    print $out scalar <$in>;
    close $out or die "$one: $!\n";

    my $n = $lab->{o}{requests};
    my $run = sub { _count($lab, $name, $file, @_) };
    my $base = $run->([ $n, $file ]);
    my $rotating = $run->([ 2 * $n, $file ]);
    my $repeating = $run->([ $n, $file ], [ $n, $one ]);
    return { name => $name, title => $Bench::Server::TITLE{$name},
        requests => $n, rotating => ($rotating - $base) / $n,
        repeating => ($repeating - $base) / $n };
}

sub _count {
    my ($lab, $name, $file, @loads) = @_;
    my $result = "$lab->{o}{dir}/callgrind-" . ++$lab->{files};
    my $server = $lab->server($name, children => 1, threads => 4, single => 1,
        wrap => ['valgrind', '--tool=callgrind', '--vgdb=no',
            "--callgrind-out-file=$result", '--quiet']);
    chmod 0666, $result; # made by root, written by the user it drops to
    $lab->check_refuses($server);
    $lab->fill($server, 64, $file, 1);
    for my $l (@loads) {
        $lab->load($server, requests => $l->[0], tokens => $l->[1],
            connections => 1);
    }
    $server->stop(120);
    return _total($result);
}

sub _total {
    my ($file) = @_;
    open my $f, '<', $file or die "callgrind wrote no $file\n";
    while (my $l = <$f>) {
        return $1 if $l =~ /^(?:summary|totals): (\d+)/;
    }
    die "no total in $file\n";
}

sub table {
    my ($results) = @_;
    my ($bare) = grep { $_->{name} eq 'bare' } @$results;
    my $t = "## Instructions per request (callgrind, one process, one "
        . "connection)\n\n| server | rotating over 64 tokens | added | "
        . "repeating one token | added |\n|---|--:|--:|--:|--:|\n";
    for my $r (@$results) {
        my @added = map { !$bare || $r->{name} eq 'bare' ? '-'
                : sprintf '%+.0f', $r->{$_} - $bare->{$_} }
            qw(rotating repeating);
        $t .= sprintf "| %s | %.0f | %s | %.0f | %s |\n", $r->{title},
            $r->{rotating}, $added[0], $r->{repeating}, $added[1];
    }
    return "$t\n";
}

sub targets {
    my ($results) = @_;
    my %of = map { $_->{name} => $_ } @$results;
    return if !$of{smart} || !$of{bare};
    my $added = sub { $of{ $_[0] }{ $_[1] } - $of{bare}{ $_[1] } };
    return map {
        my ($key, $what, $most) = @$_;
        { what => "instructions added, $what", target => "<= $most",
            got => sprintf('%.0f', $added->('smart', $key)),
            met => $added->('smart', $key) <= $most,
            peers => { map { $_ => sprintf '%.0f', $added->($_, $key) }
                grep { $of{$_} } qw(oauth2 openidc) } }
    } [ 'rotating', 'tokens in rotation', 12_000 ],
        [ 'repeating', 'a connection repeats its token', 7_000 ];
}

1;
