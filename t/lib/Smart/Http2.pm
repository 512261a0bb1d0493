# SPDX-License-Identifier: Apache-2.0
# An HTTP/2 client for tests: curl and nghttp over h2c with prior knowledge.
# Answers are those of Smart::Client.
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

# Dies where they are absent or can not do it: that is no reason to skip.
sub need {
    my $version = qx(curl --version 2>/dev/null) // '';
    die "curl with HTTP/2 is needed (build/install-deps test)\n"
        if $version !~ /^Features:.*\bHTTP2\b/m;
    die "nghttp is needed (build/install-deps test)\n"
        if (qx(nghttp --version 2>/dev/null) // '') !~ /nghttp2/;
    return;
}

# As Smart::Client::request. The target is sent as it is.
#
# A refusal often comes before a body is sent to its end; the curl of Debian 12
# then mostly reports a broken stream (for a plain httpd as well) and shows
# nothing. So bodies are left to nghttp.
sub request {
    my ($self, $method, $target, $headers, $body) = @_;
    my @h = @{$headers || []};
    @h = map { @$_ } @h if @h && ref $h[0];
    return defined $body ? $self->_nghttp($method, $target, $body, @h)
        : $self->_curl($method, $target, @h);
}

sub _fields {
    my @h = @_;
    my @out;
    push @out, '-H', join ': ', splice @h, 0, 2 while @h;
    return @out;
}

# Output and exit status of a program.
sub _run {
    my @c = @_;
    open my $out, '-|', @c or die "$c[0]: $!\n";
    binmode $out;
    local $/;
    my $text = <$out> // '';
    local ($?, $!);
    close $out;
    return ($text, $? >> 8);
}

sub _curl {
    my ($self, $method, $target, @h) = @_;
    my ($text, $rc) = _run('curl', '-s', '-i', '--http2-prior-knowledge',
        '--max-time', $self->{timeout}, '--request-target', $target,
        $method eq 'HEAD' ? '-I' : ('-X', $method), _fields(@h),
        "http://127.0.0.1:$self->{port}/");
    my ($head, $body) = split /\r?\n\r?\n/, $text, 2;
    my ($line, @lines) = split /\r?\n/, $head // '';
    my ($status) = ($line // '') =~ m{\AHTTP/2 (\d{3})};
    return _response($status, "curl: exit $rc", $body,
        map { /\A([^:]+):\s*(.*?)\s*\z/s ? [$1, $2] : () } @lines);
}

sub _nghttp {
    my ($self, $method, $target, $body, @h) = @_;
    my $file = File::Temp->new;
    print $file $body;
    close $file;
    my ($text, $rc) = _run('nghttp', '-v', '--no-dep', '-t',
        $self->{timeout}, '-d', "$file", _fields(':method', $method, @h),
        "http://127.0.0.1:$self->{port}$target");
    my ($status) = $text =~ /recv \(stream_id=\d+\) :status: (\d{3})$/m;
    my @headers;
    push @headers, [$1, $2]
        while $text =~ /recv \(stream_id=\d+\) ([^:\s]+): (.*)$/mg;
    $text =~ s/^(?:\[ *\d+\.\d+\]| {10}).*\n//mg;
    return _response($status, "nghttp: exit $rc", $text, @headers);
}

sub _response {
    my ($status, $error, $body, @headers) = @_;
    return bless { status => $status // 0, headers => \@headers,
                   body => $body // '', complete => defined $status,
                   error => defined $status ? undef : $error },
        'Smart::Client::Response';
}

sub close { return }

1;
