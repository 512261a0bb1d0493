# SPDX-License-Identifier: Apache-2.0
# The decision and the coverage alone, asked through build/smart-explain, held
# against Smart::Oracle: no server, so many more questions.
#
#   my $d = Smart::OracleDecision->new(seed => 1, dir => $dir);
#   my $found = $d->decisions(1, 100_000);   { told, wrong [text...] }
#   my $found = $d->coverage(50, 100);       50 tokens; 100 made up resources
package Smart::OracleDecision;
use strict;
use warnings;
use Smart::FhirStore ();
use Smart::Json qw(json_encode json_decode);
use Smart::Lab ();
use Smart::Oracle ();
use Smart::OracleGrant ();
use Smart::OracleRequests ();
use Smart::OracleWorld qw(world $BASE);

# Options: seed, dir (to work in), compartment, fhir_user.
sub new {
    my ($class, %o) = @_;
    my $self = bless { compartment => 'formal', fhir_user => 'optional', %o },
        $class;
    $self->{store} = Smart::FhirStore->new(dir => world("$o{dir}/world"));
    $self->{requests} = Smart::OracleRequests->new(
        seed => $o{seed}, store => $self->{store}, tokens => $o{tokens} // 300);
    $self->{oracle} = Smart::Oracle->new(store => $self->{store},
        base => $BASE, map { $_ => $self->{$_} } qw(compartment fhir_user));
    return $self;
}

# Answers of the program to a list of questions.
sub _ask {
    my ($self, @questions) = @_;
    my ($in, $out) = map { "$self->{dir}/explain.$_" } qw(in out);
    open my $f, '>', $in or die "$in: $!\n";
    print $f json_encode($_), "\n" for @questions;
    close $f or die "$in: $!\n";
    system(Smart::Lab::top() . "/build/smart-explain --batch <$in >$out") == 0
        or die "smart-explain failed\n";
    open $f, '<', $out or die "$out: $!\n";
    my @answers = map { json_decode($_) } <$f>;
    @answers == @questions or die "smart-explain gave " . @answers
        . ' answers to ' . @questions . " questions\n";
    return @answers;
}

sub _about {
    my ($self, $claims) = @_;
    return (base => $BASE, compartment => $self->{compartment},
        smartFhirUser => $self->{fhir_user},
        map { defined $claims->{$_} ? ($_ => $claims->{$_}) : () }
            qw(scope patient fhirUser));
}

my %FIELD = map { $_ => 1 } qw(prefer if-none-exist x-provenance);

sub _question {
    my ($self, $token, $r) = @_;
    my $url = $r->{path} . (defined $r->{query} ? "?$r->{query}" : '');
    my %q = (($self->_about($self->{claims}[$token])), method => $r->{method},
             url => $url, headers => { map { $_ => $r->{headers}{$_} }
                                       grep { $FIELD{$_} }
                                       keys %{$r->{headers}} });
    $q{form} = $r->{body} if defined $r->{body} && ($r->{headers}
        {'content-type'} // '') =~ m{\Aapplication/x-www-form-urlencoded};
    return \%q;
}

# Requests from one number to another.
sub decisions {
    my ($self, $from, $to) = @_;
    $self->{claims} = [$self->{requests}->tokens];
    my (@all, %told, @wrong);
    for my $i ($from .. $to) {
        my ($token, $r) = $self->{requests}->request($i);
        next if !defined $token || $token < 0
            || ($r->{path} . ($r->{query} // '')) =~ /[^\x21-\x7e]/;
        push @all, [$i, $token, $r, $self->_question($token, $r)];
    }
    my @said = $self->_ask(map { $_->[3] } @all);
    for my $n (0 .. $#all) {
        my ($i, $token, $r, $question) = @{$all[$n]};
        my $v = $self->{oracle}->judge($self->{claims}[$token], $r);
        my $wrong = _compare($v, $said[$n], \%told);
        push @wrong, "$wrong\n    ORACLE_SEED=$self->{seed} request $i: "
            . json_encode($question) if $wrong;
    }
    return { told => \%told, wrong => \@wrong };
}

# What is wrong with a decision, or nothing.
sub _compare {
    my ($v, $said, $told) = @_;
    my @faults = @{$v->{faults}};
    my $kind = @faults ? 'refuse' : @{$v->{doubts}} ? 'open' : 'permit';
    $told->{$kind}++;
    my $why = join '; ', map { "$_->[0] $_->[1]" } @faults;
    $why .= join '; ', '', @{$v->{doubts}};
    if ($said->{decision} eq 'permit') {
        return if !@faults;
        # What can not be so is for the backend to say, what a body is for
        # those who read it.
        return if !grep { $_->[0] != 412 && $_->[0] != 415 } @faults;
        my @early = grep { !$_->[2] } @faults;
        return "passed: owes $said->{obligations}, not $why"
            if @early || $said->{obligations} eq 'none';
        return;
    }
    return "blocked: $said->{status} $said->{reason}" if $kind eq 'permit';
    return if @{$v->{doubts}}
        || grep { $_->[0] == $said->{status} } @faults;
    return "status: $said->{status} $said->{reason}, not $why";
}

# --- coverage --------------------------------------------------------------

sub _resources {
    my ($self) = @_;
    my $s = $self->{store};
    return map { $_->[2]{resource} } $s->history;
}

# Each resource of the backend, and some that could be sent, for some tokens
# and each letter.
sub coverage {
    my ($self, $tokens, $sent) = @_;
    my @claims = ($self->{requests}->tokens)[0 .. $tokens - 1];
    my @letters = qw(r s c u d);
    my @resources = ($self->_resources,
                     map { $self->{requests}->content($_) } 1 .. $sent);
    my (@questions, @meant);
    for my $c (@claims) {
        for my $r (@resources) {
            for my $letter (@letters) {
                push @questions, { $self->_about($c), method => 'GET',
                    url => "/$r->{resourceType}/$r->{id}", resource => $r,
                    letter => $letter };
                push @meant, [$c, $r, $letter];
            }
        }
    }
    my @said = $self->_ask(@questions);
    my (%told, @wrong);
    for my $n (0 .. $#said) {
        my ($c, $r, $letter) = @{$meant[$n]};
        my $g = $self->{grants}{json_encode($c)}
            ||= Smart::OracleGrant->new($self->{oracle}, $c);
        my $new = $letter =~ /[cud]/;
        my $want = $g->covers($letter, $r, $new);
        $told{$want}++;
        my $got = ($said[$n]{covered} // die 'smart-explain does not tell '
                   . json_encode($said[$n]) . "\n") eq 'yes';
        next if $want == 1 || $got == ($want == 2);
        push @wrong, ($got ? 'covered' : 'not covered') . ": $letter of "
            . json_encode($r) . ' by ' . json_encode($c);
    }
    return { told => \%told, wrong => \@wrong };
}

1;
