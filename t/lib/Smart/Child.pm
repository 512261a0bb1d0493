# SPDX-License-Identifier: Apache-2.0
# A child process in a session of its own, with its first lines of output
# readable, that ends with us: on stop, when the object goes, and, where the
# kernel can, when we die.
package Smart::Child;
use strict;
use warnings;
use IO::Select ();
use POSIX ();
use Time::HiRes qw(time sleep);

my %PRCTL = (x86_64 => 157, aarch64 => 167);

# Options: name, dir (for <name>.err), command [...], env {...}.
sub start {
    my ($class, %o) = @_;
    pipe my $r, my $w or die "pipe: $!\n";
    my $errors = "$o{dir}/$o{name}.err";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        POSIX::setsid();
        my $nr = $PRCTL{(POSIX::uname())[4]};
        syscall $nr, 1, POSIX::SIGTERM(), 0, 0, 0 if $nr;
        @ENV{keys %{$o{env}}} = values %{$o{env}} if $o{env};
        open STDIN, '<', '/dev/null';
        open STDOUT, '>&', $w or POSIX::_exit(126);
        open STDERR, '>>', $errors or POSIX::_exit(126);
        close $r;
        exec { $o{command}[0] } @{$o{command}} or POSIX::_exit(127);
    }
    close $w;
    return bless { pid => $pid, out => $r, errors => $errors, owner => $$ },
        $class;
}

sub pid { return $_[0]{pid} }

# Next line of its output within <s> seconds, or undef.
sub line {
    my ($self, $s) = @_;
    my $until = time() + $s;
    while (($self->{buffer} //= '') !~ /\n/) {
        my $left = $until - time();
        return undef if $left <= 0
            || !IO::Select->new($self->{out})->can_read($left);
        sysread $self->{out}, $self->{buffer}, 4096, length $self->{buffer}
            or return undef;
    }
    $self->{buffer} =~ s/\A(.*?)\n//;
    return $1;
}

# What it wrote to stderr.
sub errors {
    my ($self) = @_;
    open my $f, '<', $self->{errors} or return '';
    local $/;
    return scalar(<$f>) // '';
}

sub signal { my ($self, $s) = @_; return kill $s, $self->{pid} }

# Exit status once it has ended, else undef.
sub ended {
    my ($self) = @_;
    return $self->{status} if defined $self->{status};
    local $?;
    my $got = waitpid $self->{pid}, POSIX::WNOHANG();
    $self->{status} = $? if $got == $self->{pid};
    $self->{status} = -1 if $got < 0;
    return $self->{status};
}

# Wait for its end; true when it came within <s> seconds.
sub wait {
    my ($self, $s) = @_;
    my $until = time() + $s;
    while (!defined $self->ended) {
        return 0 if time() > $until;
        sleep 0.02;
    }
    return 1;
}

# TERM, then KILL after <s> (10) seconds.
sub stop {
    my ($self, $s) = @_;
    return if defined $self->ended;
    kill 'CONT', $self->{pid};
    kill 'TERM', $self->{pid};
    return if $self->wait($s // 10);
    kill 'KILL', $self->{pid};
    $self->wait(5);
    return;
}

sub DESTROY {
    my ($self) = @_;
    return if $$ != $self->{owner};
    local ($?, $@, $!);
    $self->stop;
    return;
}

1;
