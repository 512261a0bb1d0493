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

# measure(name, options, file of 64 tokens, the checks and loads of bench.pl,
#         servers to stop)
sub measure {
    my ($name, $o, $file, $do, $running) = @_;
    my $one = "$file-one";
    open my $in, '<', $file or die "$file: $!\n";
    open my $out, '>', $one or die "$one: $!\n";
    print $out scalar <$in>;
    close $out or die "$one: $!\n";

    my $n = $o->{requests};
    my $run = sub { _run($name, $o, $do, $running, $file, @_) };
    my $base = $run->('A', [ $n, $file ]);
    my $rotating = $run->('B', [ 2 * $n, $file ]);
    my $repeating = $run->('C', [ $n, $file ], [ $n, $one ]);
    return { name => $name, title => $Bench::Server::TITLE{$name},
        requests => $n, rotating => ($rotating - $base) / $n,
        repeating => ($repeating - $base) / $n };
}

sub _run {
    my ($name, $o, $do, $running, $file, $tag, @loads) = @_;
    my $server = Bench::Server->new($name, %$o, tokens => 64, tag => $tag,
        children => 1, threads => 4, single => 1);
    push @$running, $server;
    my $dir = "$server->{root}/callgrind";
    mkdir $dir;
    chmod 0777, $dir;
    my $result = "$dir/out";
    $server->start('valgrind', '--tool=callgrind', '--vgdb=no',
        "--callgrind-out-file=$result", '--quiet');
    chmod 0666, $result; # made by root, written by the user it drops to
    $do->{refuses}($server);
    $do->{fill}($server, 64, $file, 1);
    for my $l (@loads) {
        $do->{load}($server, requests => $l->[0], tokens => $l->[1],
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

1;
