# SPDX-License-Identifier: Apache-2.0
# An HTTP/2 client for tests: curl over h2c with prior knowledge. Answers are
# those of Smart::Client.
#
#   my $c = Smart::Http2->new(port => $port);
#   my $r = $c->request(GET => '/fhir/Patient/pat-1', [Accept => '*/*']);
package Smart::Http2;
use strict;
use warnings;
use File::Temp ();
use Smart::Client ();

sub new {
    my ($class, %o) = @_;
    return bless { timeout => 10, %o }, $class;
}

# Dies where curl is absent or can not do it: that is no reason to skip.
sub need {
    my $version = qx(curl --version 2>/dev/null) // '';
    die "curl with HTTP/2 is needed (build/install-deps test)\n"
        if $version !~ /^Features:.*\bHTTP2\b/m;
    return;
}

# As Smart::Client::request. The target is sent as it is.
#
# A refusal often comes before the body is sent to its end; the curl of Debian
# 12 then reports about every third as a broken stream (those of a plain httpd
# as well), without showing it. It is asked again.
sub request {
    my ($self, @request) = @_;
    my $r;
    for (1 .. 10) {
        $r = $self->_once(@request);
        last if $r->{status} || ($r->{error} // '') ne 'curl: exit 92';
    }
    return $r;
}

sub _once {
    my ($self, $method, $target, $headers, $body) = @_;
    my @h = @{$headers || []};
    @h = map { @$_ } @h if @h && ref $h[0];
    my $url = "http://127.0.0.1:$self->{port}/";
    my @c = ('curl', '-s', '-i', '--http2-prior-knowledge', '--max-time',
             $self->{timeout}, '--request-target', $target,
             $method eq 'HEAD' ? '-I' : ('-X', $method));
    push @c, '-H', join ': ', splice @h, 0, 2 while @h;
    my $file;
    if (defined $body) {
        $file = File::Temp->new;
        print $file $body;
        close $file;
        push @c, '--data-binary', "\@$file";
    }
    open my $out, '-|', @c, $url or die "curl: $!\n";
    binmode $out;
    local $/;
    my $text = <$out> // '';
    local ($?, $!);
    close $out;
    return _read($text, $? >> 8);
}

sub close { return }

sub _read {
    my ($text, $rc) = @_;
    my ($head, $body) = split /\r?\n\r?\n/, $text, 2;
    my ($line, @lines) = split /\r?\n/, $head // '';
    my ($status) = ($line // '') =~ m{\AHTTP/2 (\d{3})};
    my @headers = map { /\A([^:]+):\s*(.*?)\s*\z/s ? [$1, $2] : () } @lines;
    return bless { status => $status // 0, headers => \@headers,
                   body => $body // '', complete => $rc ? 0 : 1,
                   error => defined $status ? undef : "curl: exit $rc" },
        'Smart::Client::Response';
}

1;
