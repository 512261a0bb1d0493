# SPDX-License-Identifier: Apache-2.0
# The conditions of a C file, each with what it becomes when somebody leaves
# it out: for build/mutate-core.
#
#   always, never   condition of an if, while or ?:, and a truth value that is
#                   returned: true, or false, whatever it says
#   without         one operand of && or ||, or one bit of A | B, is not there
#   no-case         a case label is missing, unless it is one that stands for
#                   nothing (UNKNOWN, NONE, COUNT, NEVER, UNDECIDED)
#   no-bits         a statement x |= y is missing
#   opposite        return true is return false, and the other way round
#
# A mutant: { function, kind, line, text (what was there), start, end, new,
# nth (of those alike in the function) }, with offsets into the text of the
# file. Code outside of functions (tables,
# declarations) is left alone, and so are assertions.
package Conditions;
use strict;
use warnings;

# The text with comments, strings and preprocessor lines blanked, the same
# bytes long.
sub masked {
    my ($text) = @_;
    $text =~ s{(/\*.*?\*/|//[^\n]*)|("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
        |^([ \t]*\#(?:[^\n\\]|\\.)*)}
        {my $t = $1 // $2 // $3; my $c = defined $2 ? 'x' : ' ';
         $t =~ s/[^\n]/$c/g; $t}gesmx;
    return $text;
}

# [start, end) of each function body.
sub _bodies {
    my ($m) = @_;
    my @out;
    while ($m =~ /^\{/mg) {
        my $start = $-[0];
        next if substr($m, 0, $start) !~ /\)\s*\z/;
        $m =~ /^\}/mg or last;
        push @out, [$start, $+[0]];
    }
    return @out;
}

# The offset behind the bracket that closes the one at <at>.
sub _close {
    my ($m, $at) = @_;
    my $depth = 0;
    pos($m) = $at;
    while ($m =~ /[()\[\]{}]/g) {
        my $c = $&;
        $depth += $c =~ /[(\[{]/ ? 1 : -1;
        return $+[0] if !$depth;
    }
    return length $m;
}

# Walk outwards from an operator to where its operands begin and end: to a
# bracket, or to one of the given marks on the same level.
sub _extent {
    my ($m, $at, $width, $marks) = @_;
    my ($from, $depth) = ($at, 0);
    while ($from > 0) {
        my $c = substr $m, $from - 1, 1;
        if ($c =~ /[)\]]/) { $depth++ }
        elsif ($c =~ /[(\[]/) { last if !$depth; $depth-- }
        elsif (!$depth) {
            last if $c =~ /[;{},?:]/;
            last if $c eq '=' && substr($m, $from - 2, 3) !~ /[=!<>]=|==/;
            last if $marks && substr($m, $from - 2, 2) eq $marks;
            last if substr($m, 0, $from) =~ /\breturn\z/;
        }
        $from--;
    }
    my ($to, $level) = ($at + $width, 0);
    while ($to < length $m) {
        my $c = substr $m, $to, 1;
        if ($c =~ /[(\[]/) { $level++ }
        elsif ($c =~ /[)\]]/) { last if !$level; $level-- }
        elsif (!$level) {
            last if $c =~ /[;{},?:]/;
            last if $marks && substr($m, $to, 2) eq $marks;
        }
        $to++;
    }
    return ($from, $to);
}

# Offsets without the blanks at both ends.
sub _trim {
    my ($m, $from, $to) = @_;
    $from++ while $from < $to && substr($m, $from, 1) =~ /\s/;
    $to-- while $to > $from && substr($m, $to - 1, 1) =~ /\s/;
    return ($from, $to);
}

sub find {
    my ($text) = @_;
    my $m = masked($text);
    my (@all, %seen, $function);
    my $add = sub {
        my ($kind, $from, $to, $new) = @_;
        return if $from >= $to || $seen{"$from $to $new"}++;
        my $was = substr $text, $from, $to - $from;
        return if $was =~ /\bSMART_ASSERT\b/;
        push @all, { function => $function, kind => $kind, start => $from, end => $to, new => $new,
            text => $was =~ s/\s+/ /gr,
            line => 1 + (() = substr($text, 0, $from) =~ /\n/g) };
    };
    for my $body (_bodies($m)) {
        ($function) = substr($m, 0, $body->[0]) =~ /(\w+)\([^;{}]*\z/;
        _in_body($text, $m, @$body, $add);
    }
    @all = sort { $a->{start} <=> $b->{start} || $a->{new} cmp $b->{new} } @all;
    my %n;
    $_->{nth} = ++$n{"$_->{function} $_->{kind} $_->{text}"} for @all;
    return @all;
}

# A condition that always, or never, holds; it is evaluated all the same.
sub _both {
    my ($text, $add, $from, $to, $kinds) = @_;
    my $was = substr $text, $from, $to - $from;
    return if $was =~ /\A(?:true|false|NULL|[0-9]+)\z/;
    $add->('always', $from, $to, "(($was) || 1)") if $kinds =~ /a/;
    $add->('never', $from, $to, "(($was) && 0)") if $kinds =~ /n/;
    return;
}

sub _in_body {
    my ($text, $m, $start, $end, $add) = @_;
    my $body = substr $m, 0, $end;
    my $truth = _is_truth($m, $start);
    pos($body) = $start;
    while ($body =~ /\b(if|while)\s*\(/g) {
        my $to = _close($m, $+[0] - 1) - 1;
        _both($text, $add, _trim($m, $+[0], $to), $1 eq 'if' ? 'an' : 'n');
    }
    pos($body) = $start;
    while ($body =~ /&&|\|\|/g) {
        my ($op, $at) = ($&, $-[0]);
        for ([_extent($m, $at - 1, 0, $op)], [_extent($m, $at + 2, 0, $op)]) {
            my ($from, $to) = _trim($m, @$_);
            my $was = substr $text, $from, $to - $from;
            $add->('without', $from, $to, $op eq '&&' ? "(($was) || 1)"
                   : "(($was) && 0)");
        }
    }
    pos($body) = $start;
    while ($body =~ /\?/g) {
        my ($from, $to) = _extent($m, $-[0] - 1, 0);
        _both($text, $add, _trim($m, $from, $-[0]), 'an');
    }
    pos($body) = $start;
    while ($body =~ /\breturn\b([^;]*);/g) {
        my ($from, $to) = _trim($m, $-[1], $+[1]);
        my $was = substr $text, $from, $to - $from;
        $add->('opposite', $from, $to, $was eq 'true' ? 'false' : 'true')
            if $was =~ /\A(?:true|false)\z/;
        _both($text, $add, $from, $to, 'an') if $truth;
    }
    _in_lists($text, $m, $body, $start, $add);
    return;
}

# Bits and cases.
sub _in_lists {
    my ($text, $m, $body, $start, $add) = @_;
    pos($body) = $start;
    while ($body =~ /(?<!\|)\|(?![|=])/g) {
        my $at = $-[0];
        my ($before) = substr($m, 0, $at) =~ /(\b[A-Z][A-Z0-9_]*\s*)\z/;
        my ($after) = substr($m, $at + 1) =~ /\A(\s*[A-Z][A-Z0-9_]*\b)/;
        $add->('without', $at - length $before, $at + 1, '')
            if defined $before;
        $add->('without', $at, $at + 1 + length $after, '') if defined $after;
    }
    pos($body) = $start;
    while ($body =~ /[^;{}]*\|=[^;]*;/g) {
        $add->('no-bits', _trim($m, $-[0], $+[0]), ';');
    }
    pos($body) = $start;
    while ($body =~ /\bcase\s+\w+\s*:/g) {
        my ($from, $to) = ($-[0], $+[0]);
        $add->('no-case', $from, $to, ';')
            if $& !~ /_(?:UNKNOWN|NONE|COUNT|NEVER|UNDECIDED)\s*:/;
    }
    return;
}

# Whether the function whose body begins at <start> returns a truth value.
sub _is_truth {
    my ($m, $start) = @_;
    my ($head) = substr($m, 0, $start) =~ /([^;}]*)\z/;
    return $head =~ /\A\s*(?:static\s+)?(?:inline\s+)?bool\s+\w+\(/;
}

1;
