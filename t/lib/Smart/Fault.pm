# SPDX-License-Identifier: Apache-2.0
# Faults that a lab server can be told to have. A fault is a hash (or just its
# name) and turns a good response [status, headers, body] into another one:
#
#   ok
#   delay ms            answer after ms
#   status status body headers type
#   hang                never answer; hang-body: after head and half a body
#   drip ms bytes       the whole answer piece by piece
#   garbage html empty array
#   truncated           whole Content-Length, half the body, close
#   truncated-json      half of the JSON as a complete message
#   redirect url status
#   content-type type   right body, other type ("": none at all)
#   duplicate-keys      "active" and the other members of the object twice
#   nesting depth       the object with a member nested that deep
#   big bytes           the object padded to that size (64 MiB)
#   endless             chunks of padding without end
#   close reset         no answer
#   gzip                body compressed, whatever was asked for
#   chunked             right body, in chunks
#   body-then-close     right answer, then the connection goes
#   flaky percent then  <then> (a fault) for that share of the calls
#   headers headers     right answer with these added
#
# Every fault may have "times": n, after which the server is well again.
package Smart::Fault;
use strict;
use warnings;
use Exporter 'import';
our @EXPORT_OK = qw(fault_parse fault_apply fault_take);

my %KNOWN = map { $_ => 1 } qw(ok delay status hang hang-body drip garbage html
    empty array truncated truncated-json redirect content-type duplicate-keys
    nesting big endless close reset gzip chunked body-then-close flaky headers);

# Name or hash to a fault; dies on one that does not exist.
sub fault_parse {
    my ($f) = @_;
    $f = { mode => $f } if !ref $f;
    die "unknown mode\n" if !$KNOWN{$f->{mode} // ''};
    fault_parse($f->{then}) if $f->{then};
    return {%$f};
}

# The fault in force at $$slot, counting its "times" down; undef if none.
sub fault_take {
    my ($slot) = @_;
    my $f = $$slot or return undef;
    if (defined $f->{times}) {
        if ($f->{times} <= 0) { $$slot = undef; return undef }
        $f->{times}--;
    }
    return $f->{mode} eq 'ok' ? undef : $f;
}

my %APPLY = (
    'ok' => sub { $_[1] },
    'delay' => sub { _as($_[1], delay => ($_[0]{ms} // 1000) / 1000) },
    'status' => sub {
        my ($f) = @_;
        return [$f->{status} // 500,
                [['Content-Type', $f->{type} // 'application/json'],
                 @{$f->{headers} || []}],
                $f->{body} // '{"error":"server_error"}'];
    },
    'hang' => sub { { hang => 1 } },
    'hang-body' => sub { _as($_[1], hang => 'body') },
    'drip' => sub {
        _as($_[1], drip => ($_[0]{ms} // 200) / 1000,
            drip_bytes => $_[0]{bytes} // 1);
    },
    'garbage' => sub { _body($_[1], "\x00\xff{]nonsense") },
    'html' => sub {
        [200, [['Content-Type', 'text/html']],
         '<!DOCTYPE html><html><body>Sign in</body></html>'];
    },
    'empty' => sub { _body($_[1], '') },
    'array' => sub { _body($_[1], "[$_[1][2]]") },
    'truncated' => sub { _as($_[1], cut => int(length($_[1][2]) / 2)) },
    'truncated-json' => sub {
        _body($_[1], substr $_[1][2], 0, int(length($_[1][2]) / 2));
    },
    'redirect' => sub {
        [$_[0]{status} // 302, [['Location', $_[0]{url} // '/elsewhere']], ''];
    },
    'content-type' => sub {
        my ($f, $r) = @_;
        my $type = $f->{type} // 'text/plain';
        return [$r->[0],
                [(grep { lc $_->[0] ne 'content-type' } @{$r->[1]}),
                 length $type ? ['Content-Type', $type] : ()], $r->[2]];
    },
    'duplicate-keys' => sub {
        my $b = $_[1][2];
        $b =~ s/\A\{(.*)\}\s*\z/{"active":true,$1,$1}/s;
        return _body($_[1], $b);
    },
    'nesting' => sub {
        my $d = $_[0]{depth} // 100_000;
        my $b = $_[1][2];
        $b =~ s/\A\{/'{"deep":' . '[' x $d . ']' x $d . ','/e;
        return _body($_[1], $b);
    },
    'big' => \&_big,
    'endless' => sub {
        my $first = '{"pad":"';
        return _as($_[1], body => '', stream => sub {
            my $piece = $first . 'a' x 65536;
            $first = '';
            return $piece;
        });
    },
    'close' => sub { { close => 1 } },
    'reset' => sub { { reset => 1 } },
    'gzip' => sub {
        require IO::Compress::Gzip;
        my ($r, $z) = ($_[1]);
        IO::Compress::Gzip::gzip(\$r->[2] => \$z);
        return [$r->[0], [@{$r->[1]}, ['Content-Encoding', 'gzip']], $z];
    },
    'chunked' => sub { _as($_[1], chunked => 1) },
    'body-then-close' => sub { _as($_[1], keep_alive => 0) },
    'flaky' => sub {
        my ($f, $r) = @_;
        return $r if rand(100) >= ($f->{percent} // 50);
        return fault_apply(fault_parse($f->{then} // 'status'), $r);
    },
    'headers' => sub {
        [$_[1][0], [@{$_[1][1]}, @{$_[0]{headers} || []}], $_[1][2]];
    },
);

# The response of <r> under fault <f>.
sub fault_apply {
    my ($f, $r) = @_;
    return $r if !$f;
    return $APPLY{$f->{mode}}->($f, $r);
}

sub _as {
    my ($r, %more) = @_;
    return { status => $r->[0], headers => $r->[1], body => $r->[2], %more };
}

sub _body { return [$_[0][0], $_[0][1], $_[1]] }

sub _big {
    my ($f, $r) = @_;
    my $left = $f->{bytes} // 64 * 1024 * 1024;
    my $tail = $r->[2];
    my $head = '{"pad":"';
    $tail =~ s/\A\{/",/ or $tail = '"}';
    my $length = $left;
    $left -= length($head) + length $tail;
    my @queue = ($head);
    return _as($r, body => '', length => $length, stream => sub {
        return shift @queue if @queue;
        return undef if !defined $tail;
        if ($left > 0) {
            my $n = $left > 65536 ? 65536 : $left;
            $left -= $n;
            return 'a' x $n;
        }
        my $end = $tail;
        undef $tail;
        return $end;
    });
}

1;
