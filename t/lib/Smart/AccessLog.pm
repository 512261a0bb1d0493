# SPDX-License-Identifier: Apache-2.0
# What the module says of each request in its environment, read from an access
# log of an httpd of the lab.
#
#   my $h = $lab->httpd(conf => Smart::AccessLog::conf() . $lab->protected);
#   my $log = Smart::AccessLog->new($h);
#   $h->get('/fhir/Patient/pat-1', $token);
#   print $log->next->{decision};
#
# Members of a line: status decision interaction scope cache client sub patient
# fhir_user remote_user path; "" where the variable is not set.
package Smart::AccessLog;
use strict;
use warnings;
use Time::HiRes qw(time sleep);

my @FIELDS = (
    [status => '%>s'], [decision => '%{SMART_DECISION}e'],
    [interaction => '%{SMART_INTERACTION}e'], [scope => '%{SMART_SCOPE}e'],
    [cache => '%{SMART_CACHE}e'], [client => '%{SMART_CLIENT_ID}e'],
    [sub => '%{SMART_SUB}e'], [patient => '%{SMART_PATIENT}e'],
    [fhir_user => '%{SMART_FHIR_USER}e'], [remote_user => "%u"],
    [path => "%U"]);

# Lines for the configuration.
sub conf {
    my $format = join '\\t', map { $_->[1] } @FIELDS;
    return "LogFormat \"$format\" smart\nCustomLog \@DIR\@/smart_log smart\n";
}

# Starts behind what is there already.
sub new {
    my ($class, $httpd) = @_;
    my $path = $httpd->dir . '/smart_log';
    return bless { path => $path, at => -s $path || 0 }, $class;
}

# The line after the last one that was read. A line is written when its answer
# has been sent, so it may take a moment; undef when none comes.
sub next {
    my ($self) = @_;
    my $until = time() + 5;
    while (time() < $until) {
        my $line = $self->_line;
        return _fields($line) if defined $line;
        sleep 0.005;
    }
    return undef;
}

# Forget what came so far.
sub skip {
    my ($self) = @_;
    sleep 0.02;
    $self->{at} = -s $self->{path} || 0;
    return;
}

sub _line {
    my ($self) = @_;
    open my $f, '<', $self->{path} or return undef;
    seek $f, $self->{at}, 0;
    my $line = <$f>;
    return undef if !defined $line || $line !~ /\n\z/;
    $self->{at} = tell $f;
    chomp $line;
    return $line;
}

sub _fields {
    my @values = map { $_ eq '-' ? '' : $_ } split /\t/, $_[0], -1;
    return { map { $FIELDS[$_][0] => $values[$_] } 0 .. $#FIELDS };
}

1;
