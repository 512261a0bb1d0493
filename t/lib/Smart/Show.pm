# SPDX-License-Identifier: Apache-2.0
# A transcript of requests for people: what is printed is what curl was given,
# so any line can be repeated; each answer is compared with the expected one.
#
#   my $show = Smart::Show->new(base => 'http://127.0.0.1:8080/fhir',
#                               asked => sub { introspections of $_[0] });
#   $show->step('A clinician reads', $token, 'Observation/obs-1',
#       'user/Observation.rs permits it.', status => 200, asked => 1);
#   exit($show->unexpected ? 1 : 0);
package Smart::Show;
use strict;
use warnings;

# Options: base, prefix of the targets; asked, how often the authorization
# server was asked about a token.
sub new {
    my ($class, %o) = @_;
    return bless { %o, steps => 0, unexpected => 0 }, $class;
}

sub steps { return $_[0]{steps} }
sub unexpected { return $_[0]{unexpected} }

# Run curl; (status, {header}, body).
sub curl {
    my (@args) = @_;
    open my $out, '-|', 'curl', '-sS', '-i', '--max-time', 20, @args
        or die "curl: $!\n";
    local $/;
    my $text = <$out> // '';
    close $out;
    my ($head, $body) = split /\r?\n\r?\n/, $text, 2;
    my ($line, @headers) = split /\r?\n/, $head // '';
    my ($status) = ($line // '') =~ m{^HTTP/\S+ (\d+)};
    return ($status // 0,
            { map { /^([^:]+):\s*(.*)$/ ? (lc $1 => $2) : () } @headers },
            $body // '');
}

# A word as a shell takes it.
sub quoted {
    my ($word) = @_;
    return $word if $word =~ m{\A[\w./:=-]+\z};
    return "'" . $word =~ s/'/'\\''/gr . "'";
}

# One step. %want: status, header {name => regexp}, body regexp, asked
# (introspections of that token afterwards), more [further curl words].
sub step {
    my ($self, $title, $token, $target, $why, %want) = @_;
    my @args = (@{$want{more} || []},
        defined $token ? ('-H', "Authorization: Bearer $token") : (),
        "$self->{base}/$target");
    printf "%2d. %s\n", ++$self->{steps}, $title;
    print "    \$ curl -i ", join(' ', map { quoted($_) } @args), "\n";
    my ($status, $header, $body) = curl(@args);
    my @wrong = _differences(\%want, $status, $header, $body);
    print "    $status", _shown($header, $body), "\n";
    push @wrong, $self->_asked($token, $want{asked}) if defined $want{asked};
    print "    $why\n";
    print "    NOT AS EXPECTED: $_\n" for @wrong;
    print "\n";
    $self->{unexpected}++ if @wrong;
    return;
}

sub _differences {
    my ($want, $status, $header, $body) = @_;
    my @wrong;
    push @wrong, "the status should be $want->{status}"
        if $status != $want->{status};
    for my $name (sort keys %{$want->{header} || {}}) {
        my $value = $header->{lc $name} // '';
        push @wrong, "$name is '$value'" if $value !~ $want->{header}{$name};
    }
    push @wrong, 'the body is another'
        if $want->{body} && $body !~ $want->{body};
    # Whatever is refused, nothing of the record may come along.
    push @wrong, 'the body holds patient data'
        if $status >= 400 && $body =~ /CANARY/;
    return @wrong;
}

sub _asked {
    my ($self, $token, $want) = @_;
    my $n = $self->{asked}->($token);
    print "    introspections of this token so far: $n\n";
    return $n == $want ? () : "there should be $want";
}

# What of an answer is worth a look.
sub _shown {
    my ($header, $body) = @_;
    my @parts = map { defined $header->{$_} ? "$_: $header->{$_}" : () }
        qw(www-authenticate retry-after smart-cache);
    my ($type) = $body =~ /"resourceType"\s*:\s*"(\w+)"/;
    push @parts, "body: $type" if $type;
    return join '', map { "  $_" } @parts;
}

1;
