# SPDX-License-Identifier: Apache-2.0
# Pieces of HTTP/1.1 that servers and handlers of the lab share: pure functions.
package Smart::Http;
use strict;
use warnings;
use Exporter 'import';
our @EXPORT_OK = qw(http_date http_reason parse_query parse_request_head);

my %REASON = (
    100 => 'Continue', 200 => 'OK', 201 => 'Created', 202 => 'Accepted',
    204 => 'No Content', 206 => 'Partial Content', 301 => 'Moved Permanently',
    302 => 'Found', 303 => 'See Other', 304 => 'Not Modified',
    307 => 'Temporary Redirect', 308 => 'Permanent Redirect',
    400 => 'Bad Request', 401 => 'Unauthorized', 403 => 'Forbidden',
    404 => 'Not Found', 405 => 'Method Not Allowed', 406 => 'Not Acceptable',
    409 => 'Conflict', 410 => 'Gone', 411 => 'Length Required',
    412 => 'Precondition Failed', 413 => 'Content Too Large',
    415 => 'Unsupported Media Type', 416 => 'Range Not Satisfiable',
    422 => 'Unprocessable Content', 429 => 'Too Many Requests',
    431 => 'Request Header Fields Too Large', 500 => 'Internal Server Error',
    501 => 'Not Implemented', 502 => 'Bad Gateway',
    503 => 'Service Unavailable', 504 => 'Gateway Timeout');

sub http_reason { return $REASON{$_[0]} // 'Status' }

# Request line and headers, without the empty line, as {method target path
# query version headers h body}; undef when they are malformed.
sub parse_request_head {
    my ($head) = @_;
    my ($line, @lines) = split /\r\n/, $head;
    return undef if !defined $line;
    my ($method, $target, $minor)
        = $line =~ m{\A([!#\$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP/1\.([01])\z}
        or return undef;
    my (@headers, %h);
    for (@lines) {
        /\A([^\s:]+):[ \t]*(.*?)[ \t]*\z/s or return undef;
        push @headers, [$1, $2];
        my $k = lc $1;
        $h{$k} = defined $h{$k} ? "$h{$k}, $2" : $2;
    }
    my ($path, $query) = split /\?/, $target, 2;
    return { method => $method, target => $target, path => $path,
             query => $query, version => "1.$minor", h => \%h,
             headers => \@headers, body => '' };
}

my @DAY = qw(Sun Mon Tue Wed Thu Fri Sat);
my @MON = qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec);

# IMF-fixdate of an epoch time.
sub http_date {
    my @t = gmtime shift;
    return sprintf '%s, %02d %s %04d %02d:%02d:%02d GMT', $DAY[$t[6]], $t[3],
        $MON[$t[4]], $t[5] + 1900, @t[2, 1, 0];
}

# "a=1&b" as [[a, 1], [b, '']], decoded. With <sep> another separator class.
sub parse_query {
    my ($q, $sep) = @_;
    return [] if !defined $q || $q eq '';
    $sep ||= '&';
    my @out;
    for (split /[$sep]/, $q) {
        next if $_ eq '';
        my ($k, $v) = split /=/, $_, 2;
        $v //= '';
        for ($k, $v) { tr/+/ /; s/%([0-9A-Fa-f]{2})/chr hex $1/ge }
        push @out, [$k, $v];
    }
    return \@out;
}

1;
