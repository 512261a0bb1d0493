# SPDX-License-Identifier: Apache-2.0
# A browser that tests steer: what t/e2e/browser.mjs can do, as methods. A
# deed that fails dies with the reason.
#
#   my $b = $real->browser;
#   $b->go("$app/launch.html?iss=$base");
#   $b->choose('[name=login]', 'anna');
#   $b->click('button');
#   is $b->text('#patient'), 'Anna Able';
package Smart::Browser;
use strict;
use warnings;
use Smart::Client ();
use Smart::Json qw(json_encode);

# Options: port, of browser.mjs.
sub new {
    my ($class, %o) = @_;
    return bless { client => Smart::Client->new(port => $o{port},
                                                timeout => 30) }, $class;
}

sub _do {
    my ($self, $name, @with) = @_;
    my $r = $self->{client}->request(POST => '/',
        ['Content-Type' => 'application/json'],
        json_encode({ do => $name, with => \@with }));
    die "browser: $r->{status} " . ($r->{error} // '') . "\n"
        if $r->status != 200;
    my $answer = $r->json;
    die "browser: $name @with: $answer->{error}\n" if $answer->{error};
    return $answer->{value};
}

for my $name (qw(version fresh go address text wait click fill choose run
    shot seen)) {
    no strict 'refs'; ## no critic
    *$name = sub { my $self = shift; return $self->_do($name, @_) };
}

1;
