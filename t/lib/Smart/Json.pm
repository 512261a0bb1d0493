# SPDX-License-Identifier: Apache-2.0
# One place that picks the JSON codec of the lab: JSON::XS when it is there,
# else JSON::PP. Texts are UTF-8 bytes, keys come out sorted, so that equal
# data is equal bytes.
package Smart::Json;
use strict;
use warnings;
use Exporter 'import';
our @EXPORT_OK = qw(json_encode json_decode json_true json_false json_copy);

my $codec;
BEGIN {
    my $class = eval { require JSON::XS; 1 } ? 'JSON::XS' : 'JSON::PP';
    require JSON::PP;
    $codec = $class->new->utf8->canonical->allow_nonref->max_depth(4096);
}

sub json_encode { return $codec->encode($_[0]) }

# Dies on bad JSON; the caller turns that into an answer.
sub json_decode { return $codec->decode($_[0]) }

sub json_true  { return JSON::PP::true() }
sub json_false { return JSON::PP::false() }

# A deep copy of plain JSON data.
sub json_copy {
    no warnings 'recursion';
    my ($v) = @_;
    return { map { $_ => json_copy($v->{$_}) } keys %$v } if ref $v eq 'HASH';
    return [map { json_copy($_) } @$v] if ref $v eq 'ARRAY';
    return $v;
}

1;
