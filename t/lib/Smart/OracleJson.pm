# SPDX-License-Identifier: Apache-2.0
# JSON as strictly as bodies have to be: no name twice in an object, nothing
# behind the value, no byte order mark, UTF-8, at most 64 levels. For
# Smart::Oracle; small and slow.
package Smart::OracleJson;
use strict;
use warnings;
no warnings 'recursion';
use Encode ();
use Exporter 'import';
use Smart::Json qw(json_decode);
our @EXPORT_OK = qw(strict_json);

# The value, or undef.
sub strict_json {
    my ($text) = @_;
    my $copy = $text;
    return undef
        if !eval { Encode::decode('UTF-8', $copy, Encode::FB_CROAK); 1 };
    my $at = 0;
    return undef if !_value(\$text, \$at, 0);
    return undef if substr($text, $at) !~ /\A[ \t\r\n]*\z/;
    return scalar eval { json_decode($text) };
}

sub _space {
    my ($t, $at) = @_;
    $$at++ while $$at < length $$t && substr($$t, $$at, 1) =~ /[ \t\r\n]/;
    return $$at < length $$t ? substr $$t, $$at, 1 : '';
}

sub _string {
    my ($t, $at) = @_;
    pos($$t) = $$at;
    $$t =~ /\G"((?:[^"\\\x00-\x1f]|\\(?:["\\\/bfnrt]|u[0-9A-Fa-f]{4}))*)"/gc
        or return undef;
    $$at = pos $$t;
    my $s = $1;
    return undef if $s =~ /\\u0000/;
    $s =~ s/\\u([0-9A-Fa-f]{4})/my $c = chr hex $1; utf8::encode($c); $c/ge;
    $s =~ s/\\(.)/$1/g;
    return $s;
}

sub _value {
    my ($t, $at, $depth) = @_;
    my $c = _space($t, $at);
    return 0 if $depth > 64;
    return defined _string($t, $at) if $c eq '"';
    if ($c eq '{' || $c eq '[') {
        my $end = $c eq '{' ? '}' : ']';
        $$at++;
        if (_space($t, $at) eq $end) { $$at++; return 1 }
        my %seen;
        while (1) {
            if ($c eq '{') {
                _space($t, $at);
                my $name = _string($t, $at) // return 0;
                return 0 if $seen{$name}++ || _space($t, $at) ne ':';
                $$at++;
            }
            _value($t, $at, $depth + 1) or return 0;
            my $next = _space($t, $at);
            $$at++;
            return 1 if $next eq $end;
            return 0 if $next ne ',';
        }
    }
    pos($$t) = $$at;
    $$t =~ /\G(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/gc
        or return 0;
    $$at = pos $$t;
    return 1;
}

1;
