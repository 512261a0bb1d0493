# SPDX-License-Identifier: Apache-2.0
# Ends a suite at the first test that fails, with exit status 42: for those
# who only want to know whether one does.
#
#   perl -It/lib -MSmart::FirstFailure t/80-hooks.t
package Smart::FirstFailure;
use strict;
use warnings;

# The first END that is compiled is the last that runs: after that of
# Test::Builder, which has a status of its own for an early end.
my $failed;
END { $? = 42 if $failed }

use Test::Builder ();

my $ok = \&Test::Builder::ok;
no warnings 'redefine';
*Test::Builder::ok = sub {
    my ($self, $passed, $name) = @_;
    return &$ok if $passed;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    print STDERR 'first failure: ', $name // 'a test', "\n";
    $failed = 1;
    exit 42;
};

1;
