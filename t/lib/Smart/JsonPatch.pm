# SPDX-License-Identifier: Apache-2.0
# JSON Patch (RFC 6902) over decoded JSON. Dies with a reason when an
# operation cannot be done; the document given is not changed.
package Smart::JsonPatch;
use strict;
use warnings;
use Exporter 'import';
use Smart::Json qw(json_encode json_copy);
our @EXPORT_OK = qw(json_patch);

sub json_patch {
    my ($doc, $ops) = @_;
    die "a patch is an array\n" if ref $ops ne 'ARRAY';
    my $root = { doc => json_copy($doc) };
    for my $op (@$ops) {
        die "an operation is an object\n" if ref $op ne 'HASH';
        _apply($root, $op);
    }
    return $root->{doc};
}

sub _apply {
    my ($root, $op) = @_;
    my $what = $op->{op} // '';
    my @path = _pointer($op->{path});
    if ($what eq 'add') { return _add($root, \@path, _value($op)) }
    if ($what eq 'remove') { _remove($root, \@path); return }
    if ($what eq 'replace') {
        my $new = _value($op);
        _get($root, \@path);
        return $root->{doc} = $new if !@path;
        _remove($root, \@path);
        return _add($root, \@path, $new);
    }
    if ($what eq 'copy' || $what eq 'move') {
        my @from = _pointer($op->{from});
        my $v = json_copy(_get($root, \@from));
        _remove($root, \@from) if $what eq 'move';
        return _add($root, \@path, $v);
    }
    if ($what eq 'test') {
        die "test failed\n"
            if json_encode(_get($root, \@path)) ne json_encode(_value($op));
        return;
    }
    die "unknown op\n";
}

sub _value {
    my ($op) = @_;
    die "value is missing\n" if !exists $op->{value};
    return json_copy($op->{value});
}

sub _pointer {
    my ($p) = @_;
    die "path is missing\n" if !defined $p || ref $p;
    return () if $p eq '';
    $p =~ s{\A/}{} or die "path starts with /\n";
    return map { (my $s = $_) =~ s{~1}{/}g; $s =~ s/~0/~/g; $s }
        split m{/}, $p, -1;
}

sub _get {
    my ($root, $path) = @_;
    my $at = $root->{doc};
    for my $k (@$path) {
        if (ref $at eq 'HASH' && exists $at->{$k}) { $at = $at->{$k} }
        elsif (ref $at eq 'ARRAY' && $k =~ /\A(?:0|[1-9]\d*)\z/ && $k < @$at) {
            $at = $at->[$k];
        }
        else { die "no such path\n" }
    }
    return $at;
}

sub _add {
    my ($root, $path, $v) = @_;
    return $root->{doc} = $v if !@$path;
    my $in = _get($root, [@$path[0 .. $#$path - 1]]);
    my $k = $path->[-1];
    if (ref $in eq 'HASH') { return $in->{$k} = $v }
    die "no such path\n" if ref $in ne 'ARRAY';
    $k = @$in if $k eq '-';
    die "no such index\n" if $k !~ /\A(?:0|[1-9]\d*)\z/ || $k > @$in;
    splice @$in, $k, 0, $v;
    return;
}

sub _remove {
    my ($root, $path) = @_;
    _get($root, $path);
    die "the root cannot go\n" if !@$path;
    my $in = _get($root, [@$path[0 .. $#$path - 1]]);
    if (ref $in eq 'HASH') { delete $in->{$path->[-1]} }
    else { splice @$in, $path->[-1], 1 }
    return;
}

1;
