# SPDX-License-Identifier: Apache-2.0
# What tests of answers have in common.
package Smart::Expect;
use strict;
use warnings;
use Exporter 'import';
use Test::More;
our @EXPORT_OK = qw(is_refusal is_read challenge);

my $REALM = 'Lab FHIR';

# The WWW-Authenticate of an error code ("": without one), with a scope.
sub challenge {
    my ($error, $scope) = @_;
    return "Bearer realm=\"$REALM\""
        . ($error ? ", error=\"$error\"" : '')
        . (defined $scope ? ", scope=\"$scope\"" : '');
}

# An answer of ours: status, issue code, and, unless undef, the challenge
# ("-": there must be none). One test.
sub is_refusal {
    my ($r, $status, $code, $challenge, $name) = @_;
    my $b = $r->json;
    my @issues = ref $b eq 'HASH' && ref $b->{issue} eq 'ARRAY'
        ? @{$b->{issue}} : ();
    my $is = join ' | ', $r->status, $r->header('Content-Type') // 'no type',
        ref $b eq 'HASH' ? $b->{resourceType} // '' : 'no JSON',
        (map { "$_->{severity} $_->{code}" } @issues),
        (grep { !length($_->{diagnostics} // '') } @issues) ? 'no text' : (),
        $r->canaries ? 'canaries' : (),
        defined $challenge ? $r->header('WWW-Authenticate') // '-' : ();
    return is $is, join(' | ', $status,
        'application/fhir+json; charset=utf-8', 'OperationOutcome',
        "error $code", defined $challenge ? $challenge : ()), $name;
}

# A 200 with the canary of one resource. One test.
sub is_read {
    my ($r, $ref, $name) = @_;
    return is join(' ', $r->status, $r->canaries), "200 $ref", $name;
}

1;
