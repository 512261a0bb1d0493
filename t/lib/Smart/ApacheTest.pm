# SPDX-License-Identifier: Apache-2.0
# What the suites of t/apache share: tokens of the lab that t/TEST started, and
# words to compare. Use it after Apache::Test.
#
#   my $t = token(scope => 'user/Observation.rs');
#   my $res = GET '/fhir/Observation/obs-1', bearer($t);
#   ok t_cmp(outline($res), '200 CANARY-Observation-obs-1', 'permitted');
package Smart::ApacheTest;
use strict;
use warnings;
use Apache::Test ();
use Exporter qw(import);
use Smart::Lab ();

our @EXPORT_OK = qw(lab token bearer outline);

my $lab;
sub lab {
    my $v = Apache::Test::vars();
    return $lab ||= Smart::Lab->attach(as_port => $v->{as_port},
                                       fhir_port => $v->{fhir_port});
}

# A token; members of the introspection answer as for Smart::Lab's token. The
# user is a practitioner unless something else is said.
sub token {
    my (%claims) = @_;
    return lab()->token(fhirUser => 'Practitioner/prac-1', %claims);
}

sub bearer { return (Authorization => "Bearer $_[0]") }

# Status of an answer, its challenge, and the canaries of the backend in it.
sub outline {
    my ($res) = @_;
    my %seen;
    my @canaries = grep { !$seen{$_}++ }
        $res->content =~ /\b(CANARY-[\w-]+)/g;
    return join ' ', grep { defined } $res->code,
        $res->header('WWW-Authenticate'), @canaries;
}

1;
