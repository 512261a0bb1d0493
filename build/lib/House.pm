# SPDX-License-Identifier: Apache-2.0
# What the guards of build/check_* share: finding files, reading C without its
# comments, collecting faults. A guard that finds nothing to look at has not
# looked: that is a fault as well.
#
#   use House;
#   my $house = House->new('check_x', @ARGV);      # [DIR] of the tree
#   for my $f ($house->files(qr{^mod_smart/.*\.c$})) {
#       $house->fault($f, $line, 'text') if ...;
#   }
#   $house->finish;                                # exit status 0 or 1
package House;
use strict;
use warnings;
use File::Find ();

sub new {
    my ($class, $name, $dir) = @_;
    $dir //= '.';
    -d $dir or die "$name: no folder $dir\n";
    return bless { name => $name, dir => $dir, faults => 0, looked => 0 },
        $class;
}

sub dir { return $_[0]{dir} }

# Paths below the tree that match, sorted. Build output, other people's
# packages and the version control's files are never looked at.
sub files {
    my ($self, $want) = @_;
    my @found;
    File::Find::find({ no_chdir => 1, wanted => sub {
        return if $File::Find::name eq $self->{dir};
        my $path = substr $File::Find::name, 1 + length $self->{dir};
        # (.git is a file in a linked work tree.)
        if (/(?:\A|\/)(?:\.git|\.out|node_modules)\z/) {
            $File::Find::prune = -d $File::Find::name;
            return;
        }
        push @found, $path if -f $File::Find::name && $path =~ $want;
    } }, $self->{dir});
    $self->{looked} += @found;
    return sort @found;
}

# The same, where at least one is needed.
sub need {
    my ($self, $want, $what) = @_;
    my @found = $self->files($want);
    $self->fault($what, 0, 'there is none: nothing was checked') if !@found;
    return @found;
}

sub exists { return -e "$_[0]{dir}/$_[1]" }

sub text {
    my ($self, $path) = @_;
    open my $f, '<:raw', "$self->{dir}/$path" or do {
        $self->fault($path, 0, "cannot be read: $!");
        return '';
    };
    local $/;
    return scalar(<$f>) // '';
}

# C with comments blanked, and with the insides of strings and characters
# too unless strings are kept; line numbers stay.
sub code {
    my ($self, $path, %o) = @_;
    my $t = $self->text($path);
    my $blank = sub { (my $s = $_[0]) =~ s/[^\n]/ /g; $s };
    $t =~ s{(/\*.*?\*/|//[^\n]*)|("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')}
           {defined $1 ? $blank->($1)
            : $o{strings} ? $2
            : substr($2, 0, 1) . $blank->(substr $2, 1, -1)
              . substr($2, 0, 1)}gse;
    return $t;
}

# Line number of an offset.
sub line_of { return 1 + (substr($_[1], 0, $_[2]) =~ tr/\n//) }

sub fault {
    my ($self, $path, $line, $text) = @_;
    $self->{faults}++;
    print STDERR "$self->{name}: $path" . ($line ? ":$line" : '')
        . ": $text\n";
    return;
}

sub finish {
    my ($self) = @_;
    if (!$self->{looked}) {
        print STDERR "$self->{name}: no input in $self->{dir}\n";
        exit 1;
    }
    exit($self->{faults} ? 1 : 0);
}

1;
