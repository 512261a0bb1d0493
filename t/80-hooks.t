#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# However a configuration leads to a handler, nothing below a base is answered
# without a permit for just that: with every MPM, over HTTP/1.1 and HTTP/2.
#
# Each case is a virtual host of one httpd, with a port of its own. Every
# refusal in it has a twin that differs in one thing and is permitted.
#
# Environment: SMART_WAYS, of "event worker prefork event/2 worker/2" (all).
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Path qw(make_path);
use FindBin ();
use IO::Select ();
use IO::Socket::INET;
use POSIX ();
use lib "$FindBin::Bin/lib";
use Digest::SHA qw(sha1_base64);
use MIME::Base64 qw(encode_base64);
use Test::More;
use Smart::Http2 ();
use Smart::Lab ();
use Smart::Probe ();

my @WAYS = split ' ', $ENV{SMART_WAYS}
    // 'event worker prefork event/2 worker/2';
my @MODULES = qw(access_compat auth_basic authn_file include negotiation
    status info cache cache_disk proxy_balancer lbmethod_byrequests
    slotmem_shm proxy_ajp proxy_fcgi);

my $OBS = '/fhir/Observation';
my $lab = Smart::Lab->new;
my $t = $lab->token(scope => 'system/Observation.rs');
my $both = $lab->token(scope => 'system/Observation.rs system/Patient.rs');
my $pat = $lab->token(scope => 'system/Patient.rs');
my $all = $lab->token(scope => 'system/*.rs');
my $write = $lab->token(scope => 'system/Observation.cud');

# A backend that makes a tunnel of a connection when it is asked to.
my $tunnel = do {
    my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0,
                                  Listen => 16) or die "no port: $!\n";
    my $parent = $$;
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        while (getppid == $parent) {
            IO::Select->new($s)->can_read(1) or next;
            my $c = $s->accept or next;
            my $in = '';
            while ($in !~ /\r\n\r\n/) {
                sysread $c, $in, 65536, length $in or last;
            }
            syswrite $c, $in =~ /^Upgrade:/mi
                ? "HTTP/1.1 101 Switching Protocols\r\n"
                    . "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
                : "HTTP/1.1 200 OK\r\nConnection: close\r\n"
                    . "Content-Length: 9\r\n\r\na request";
            close $c;
        }
        POSIX::_exit(0);
    }
    { pid => $pid, url => 'http://127.0.0.1:' . $s->sockport };
};
END { kill 'TERM', $tunnel->{pid} if $tunnel && $tunnel->{owner} == $$ }
$tunnel->{owner} = $$;

my @cases;

# A virtual host. $conf: text; or lines inside <Location "/fhir"> as [extra],
# or [extra, options of Smart::Lab::protected], and then text outside.
sub host {
    my ($name, $conf, $steps, $outside) = @_;
    my $text = ref $conf
        ? $lab->protected(extra => @$conf) . ($outside // '') : $conf;
    push @cases, { name => $name, conf => $text, steps => $steps };
    return;
}

# --- rewriting -------------------------------------------------------------

host 'per-directory rewrite to another resource', [<<'END'], sub {
RewriteEngine On
RewriteRule Observation/obs-2$ /fhir/Patient/pat-2
END
    my ($p) = @_;
    $p->refused('even with a scope for both', 403, GET => "$OBS/obs-2", $both);
    $p->refused('... without a token', 401, GET => "$OBS/obs-2");
    $p->permitted('what is not rewritten', 'Observation/obs-1',
                  GET => "$OBS/obs-1", $t);
};

host 'per-directory rewrite of the query only', [<<'END'], sub {
RewriteEngine On
RewriteCond %{QUERY_STRING} ^code=2345-7$
RewriteRule ^ /fhir/Observation?_id=obs-1
END
    my ($p) = @_;
    $p->refused('its query was not judged', 403,
                GET => "$OBS?code=2345-7", $both);
    $p->permitted('another query', 'Observation/obs-vs1',
                  GET => "$OBS?code=8867-4", $both);
};

host 'per-directory rewrite into the base', [''], sub {
    my ($p) = @_;
    $p->refused('no token', 401, GET => '/short/x');
    $p->refused('judged by where it leads', 403, GET => '/short/x', $t);
    $p->permitted('... and permitted', 'Patient/pat-2', GET => '/short/x',
                  $both);
}, <<'END';
<Location "/short">
    RewriteEngine On
    RewriteRule ^ /fhir/Patient/pat-2
</Location>
END

host 'per-directory [P]', [<<'END'], sub {
RewriteEngine On
RewriteRule Observation/obs-2$ @FHIR@/Patient/pat-2 [P]
RewriteRule Observation/obs-mv$ @FHIR@/Observation/obs-mv [P]
RewriteRule Observation/obs-perf$ @LOCALHOST@/fhir/Observation/obs-perf [P]
RewriteRule Observation/obs-vs1$ @BACKEND@/x/fhir/Observation/obs-vs1 [P]
END
    my ($p) = @_;
    $p->refused('to another resource', 403, GET => "$OBS/obs-2", $both);
    $p->refused('to another host', 403, GET => "$OBS/obs-perf", $both);
    $p->refused('to another place of it', 403, GET => "$OBS/obs-vs1", $both);
    $p->permitted('to the same', 'Observation/obs-mv', GET => "$OBS/obs-mv",
                  $t);
    $p->refused('... without a token', 401, GET => "$OBS/obs-mv");
};

host 'per-directory [P] that changes the query', [<<'END'], sub {
RewriteEngine On
RewriteCond %{QUERY_STRING} ^code=2345-7$
RewriteRule ^ @FHIR@/Observation?_id=obs-1 [P]
END
    my ($p) = @_;
    $p->refused('its query was not judged', 403,
                GET => "$OBS?code=2345-7", $both);
    $p->permitted('another query', 'Observation/obs-vs1',
                  GET => "$OBS?code=8867-4", $both);
};

host 'per-directory [P] without ProxyPass',
    [<<'END', backend => 0], sub {
RewriteEngine On
RewriteRule ^ @FHIR@/Patient/pat-2 [P]
END
    my ($p) = @_;
    $p->refused('to another resource', 403, GET => "$OBS/obs-2", $both);
};

host 'server-level [P]', ['', backend => 0], sub {
    my ($p) = @_;
    $p->permitted('to the same path', 'Observation/obs-1',
                  GET => "$OBS/obs-1", $t);
    $p->refused('... without a token', 401, GET => "$OBS/obs-1");
    $p->refused('to another path', 403, GET => "$OBS/obs-2", $both);
    $p->permitted('a changed query is the one that is judged',
                  'Observation/obs-vs1', GET => "$OBS?code=8867-4", $t);
    $p->permitted('... and permitted', 'Observation/obs-vs1 Patient/pat-1',
                  GET => "$OBS?code=8867-4", $all);
}, <<'END';
RewriteEngine On
RewriteRule ^/fhir/Observation/obs-2$ @FHIR@/Patient/pat-2 [P,L]
RewriteCond %{QUERY_STRING} ^code=8867-4$
RewriteRule ^/fhir/Observation$ \
    @FHIR@/Observation?code=8867-4&_include=Observation:patient [P,L]
RewriteRule ^/fhir/(.*)$ @FHIR@/$1 [P,L]
END

host 'server-level rewrite', [''], sub {
    my ($p) = @_;
    $p->refused('into the base', 400, GET => '/short', $both);
    $p->refused('out of the base', 403, GET => "$OBS/obs-1", $both);
    $p->refused('within the base', 400, GET => "$OBS/obs-mv", $both);
    $p->permitted('what is not rewritten', 'Observation/obs-2',
                  GET => "$OBS/obs-2", $t);
}, <<'END';
RewriteEngine On
RewriteRule ^/short$ /fhir/Patient/pat-2 [PT]
RewriteRule ^/fhir/Observation/obs-1$ /open/Patient/pat-2 [PT]
RewriteRule ^/fhir/Observation/obs-mv$ /fhir/Patient/pat-2 [PT]
ProxyPass /open @FHIR@
END

# --- targets ---------------------------------------------------------------

host 'ProxyPassMatch', ['', backend => 0], sub {
    my ($p) = @_;
    $p->permitted('to the same path', 'Observation/obs-1',
                  GET => "$OBS/obs-1", $t);
    $p->refused('... without a token', 401, GET => "$OBS/obs-1");
    $p->refused('... without a scope', 403, GET => '/fhir/Patient/pat-1', $t);
    $p->refused('to another path', 403, GET => "$OBS/obs-2", $both);
}, <<'END';
ProxyPassMatch "^/fhir/Observation/(obs-2)$" @FHIR@/Patient/$1
ProxyPassMatch "^/fhir/(.*)$" @FHIR@/$1
END

host 'balancer', ['', backend => 'balancer://fhir/fhir'], sub {
    my ($p) = @_;
    $p->permitted('of http members', 'Observation/obs-1',
                  GET => "$OBS/obs-1", $t);
    $p->permitted('with a query', 'Observation/obs-vs1',
                  GET => "$OBS?code=8867-4", $t);
    $p->refused('... without a token', 401, GET => "$OBS/obs-1");
    $p->refused('... without a scope', 403, GET => '/fhir/Patient/pat-1', $t);
}, <<'END';
<Proxy "balancer://fhir">
    BalancerMember @BACKEND@
</Proxy>
END

host 'schemes that can not be guarded', ['', backend => 0], sub {
    my ($p) = @_;
    $p->refused('fcgi', 403, GET => "$OBS/obs-2", $t);
    $p->refused('ajp', 403, GET => "$OBS/obs-mv", $t);
    $p->permitted('http', 'Observation/obs-1', GET => "$OBS/obs-1", $t);
}, <<'END';
RewriteEngine On
RewriteRule ^/fhir/Observation/obs-2$ - [E=SCHEME:fcgi]
RewriteRule ^/fhir/Observation/obs-mv$ - [E=SCHEME:ajp]
RewriteCond %{ENV:SCHEME} .
RewriteRule ^(/fhir/.*)$ %{ENV:SCHEME}://127.0.0.1:9$1 [P,L]
RewriteRule ^/fhir/(.*)$ @FHIR@/$1 [P,L]
END

host 'SetHandler proxy:',
    ['SetHandler "proxy:@FHIR@"', backend => 0], sub {
    my ($p) = @_;
    $p->refused('never', 403, GET => "$OBS/obs-1", $t);
    $p->refused('... without a token', 401, GET => "$OBS/obs-1");
};

host 'a local handler', ['SetHandler server-status', backend => 0], sub {
    my ($p) = @_;
    $p->refused('without a token', 401, GET => "$OBS/obs-1");
    $p->refused('without a scope', 403, GET => '/fhir/Patient/pat-1', $t);
    my $r = $p->answered('is reached with a permit', 200,
                         GET => "$OBS/obs-1", $t);
    like $r->body, qr/Server uptime/, '... and answers';
    $r = $p->refused('TRACE', 405, TRACE => "$OBS/obs-1", $t);
    unlike $r->body, qr/\Q$t\E/, '... does not show the token';
};

host 'local files', ['Options +MultiViews', backend => 0], sub {
    my ($p) = @_;
    $p->refused('without a token', 401, GET => "$OBS/file-1");
    $p->refused('without a scope', 403, GET => '/fhir/Patient/file-1', $t);
    my $r = $p->answered('with a permit', 200, GET => "$OBS/file-1", $t);
    is $r->body, "a file\n", '... the file itself';
    $p->refused('another file than the one that was judged', 403,
                GET => "$OBS/file-2", $t);
};

host 'nocanon at run time', ['SetEnv proxy-nocanon 1'], sub {
    my ($p) = @_;
    $p->refused('by SetEnv', 403, GET => "$OBS/obs-1", $t);
};

host 'nocanon by [P,E]', ['', backend => 0], sub {
    my ($p) = @_;
    $p->refused('where it is set', 403, GET => "$OBS/obs-2", $t);
    $p->permitted('where it is not', 'Observation/obs-1',
                  GET => "$OBS/obs-1", $t);
}, <<'END';
RewriteEngine On
RewriteRule ^/fhir/(Observation/obs-2)$ @FHIR@/$1 [P,E=proxy-nocanon:1,L]
RewriteRule ^/fhir/(.*)$ @FHIR@/$1 [P,L]
END

# --- internal requests -----------------------------------------------------

host 'ErrorDocument into the base', [''], sub {
    my ($p) = @_;
    $p->refused('for 404', 404, GET => '/nowhere');
    $p->refused('for 400', 400, GET => '/%zz');
    my $r = $p->refused('for 401', 401, GET => "$OBS/obs-1");
    is $r->header('WWW-Authenticate'), 'Bearer realm="Lab FHIR"',
        '... with the challenge of the first';
    $r = $p->refused('for 403', 403, GET => '/fhir/Patient/pat-1', $t);
    like $r->header('WWW-Authenticate'), qr/insufficient_scope/,
        '... with the challenge of the first';
    (my $page, my $hits) = $p->counted(GET => '/fhir/Group/grp-1', $pat);
    is join(' ', $page->status, $hits, $page->canaries),
        '403 1 Patient/pat-2', 'for 403, with a token that may read it';
    ($r, $hits) = $p->counted(GET => '/nowhere', $both);
    is join(' ', $r->status, $hits, $r->canaries), '404 1 Patient/pat-2',
        'with a token that may read it';
}, join '', map { "ErrorDocument $_ /fhir/Patient/pat-2\n" } 400, 401, 403,
    404;

host 'ErrorDocument into a base without sections', <<'END', sub {
SmartFhirBase /fhir
SmartIntrospectionEndpoint @INTROSPECT@
SmartIntrospectionAuth client_secret_basic gateway @SECRET@
ProxyPass /fhir @FHIR@
ProxyPass /open @FHIR@
ErrorDocument 400 /fhir/Patient/pat-2
ErrorDocument 404 /fhir/Patient/pat-2
END
    my ($p) = @_;
    $p->refused('for 400', 400, GET => '/%zz');
    $p->refused('for 404', 404, GET => '/nowhere');
    $p->refused('asked for', undef, GET => '/fhir/Patient/pat-2');
    $p->permitted('what is not below it', 'Patient/pat-2',
                  GET => '/open/Patient/pat-2');
};

host 'ErrorDocument 401 /fhir/metadata', [''], sub {
    my ($p) = @_;
    my ($r, $hits) = $p->counted(GET => "$OBS/obs-1");
    is "$r->{status} $hits", '401 1', 'asks for it once';
    is join(' ', $r->canaries), 'CapabilityStatement/metadata',
        '... and shows nothing else';
    like $r->header('WWW-Authenticate') // '', qr/^Bearer /,
        '... and keeps the challenge';
}, "ErrorDocument 401 /fhir/metadata\n";

host 'ErrorDocument 401 to what needs a token itself', [''], sub {
    my ($p) = @_;
    $p->refused('ends', 401, GET => "$OBS/obs-1");
}, "ErrorDocument 401 $OBS/obs-1\n";

host 'SSI', [''], sub {
    my ($p) = @_;
    my $r = $p->sealed('without a token', GET => '/page.shtml');
    is $r->status, 200, '... the page itself is shown';
    $p->sealed('with garbage', GET => '/page.shtml', 'garbage');
    $p->permitted('with a token: what it has a scope for',
                  'Observation/obs-1', GET => '/page.shtml', $t);
}, <<'END';
<Directory "@DIR@/htdocs">
    Options +Includes
    AddOutputFilter INCLUDES .shtml
</Directory>
END

host 'mod_dir', [''], sub {
    my ($p) = @_;
    $p->refused('without a token', undef, GET => '/');
    $p->refused('into the base', undef, GET => '/', $t);
    $p->permitted('asked for', 'Patient/pat-2', GET => '/fhir/Patient/pat-2',
                  $both);
}, "DirectoryIndex /fhir/Patient/pat-2\n";

host 'FallbackResource', [''], sub {
    my ($p) = @_;
    $p->refused('without a token', undef, GET => '/nowhere');
    $p->refused('into the base', undef, GET => '/nowhere', $both);
}, "FallbackResource /fhir/Patient/pat-2\n";

# --- authorization ---------------------------------------------------------

host 'Require all granted', ['', require => 'all granted'], sub {
    my ($p) = @_;
    $p->refused('no token', 401, GET => "$OBS/obs-1");
    $p->refused('garbage', 401, GET => "$OBS/obs-1", 'garbage');
    $p->refused('no scope', 403, GET => '/fhir/Patient/pat-1', $t);
    $p->permitted('a token', 'Observation/obs-1', GET => "$OBS/obs-1", $t);
    $p->permitted('metadata', 'CapabilityStatement/metadata',
                  GET => '/fhir/metadata');
};

host 'no Require', ['', require => []], sub {
    my ($p) = @_;
    $p->refused('no token', qr/[45]\d\d/, GET => "$OBS/obs-1");
    $p->refused('a token', qr/[45]\d\d/, GET => "$OBS/obs-1", $t);
};

host 'Require ip beside smart', ['', require => ['smart', 'ip 127.0.0.1']],
    sub {
    my ($p) = @_;
    $p->refused('no token', 401, GET => "$OBS/obs-1");
    $p->refused('garbage', 401, GET => "$OBS/obs-1", 'garbage');
    $p->refused('no scope', 403, GET => '/fhir/Patient/pat-1', $t);
    $p->permitted('a token', 'Observation/obs-1', GET => "$OBS/obs-1", $t);
};

host 'RequireAny', [<<'END', require => []], sub {
<RequireAny>
    Require ip 127.0.0.1
    Require smart
</RequireAny>
END
    my ($p) = @_;
    $p->refused('no token', 401, GET => "$OBS/obs-1");
    $p->refused('no scope', 403, GET => '/fhir/Patient/pat-1', $t);
    $p->permitted('a token', 'Observation/obs-1', GET => "$OBS/obs-1", $t);
};

host 'Require local of another address', ['', require => 'ip 192.0.2.1'],
    sub {
    my ($p) = @_;
    $p->refused('a token', 403, GET => "$OBS/obs-1", $t);
};

host 'Satisfy Any, Allow from all', [<<'END'], sub {
Satisfy Any
Order allow,deny
Allow from all
END
    my ($p) = @_;
    $p->refused('no token', undef, GET => "$OBS/obs-1");
    $p->refused('garbage', undef, GET => "$OBS/obs-1", 'garbage');
    $p->refused('a token that nobody looked at', 403, GET => "$OBS/obs-1",
                $t);
};

host 'Satisfy Any, Deny from all', [<<'END'], sub {
Satisfy Any
Order deny,allow
Deny from all
END
    my ($p) = @_;
    $p->refused('no token', 401, GET => "$OBS/obs-1");
    $p->refused('garbage', 401, GET => "$OBS/obs-1", 'garbage');
    $p->refused('no scope', 403, GET => '/fhir/Patient/pat-1', $t);
    $p->permitted('a token', 'Observation/obs-1', GET => "$OBS/obs-1", $t);
};

host '<Limit GET>', [<<'END', require => []], sub {
<Limit GET>
    Require smart
</Limit>
END
    my ($p) = @_;
    $p->refused('GET', 401, GET => "$OBS/obs-1");
    $p->refused('DELETE', 401, DELETE => "$OBS/obs-1");
    $p->refused('DELETE without the letter', 403, DELETE => "$OBS/obs-1", $t);
    $p->refused('GET without the letter', 403, GET => "$OBS/obs-1", $write);
    $p->permitted('a token', 'Observation/obs-1', GET => "$OBS/obs-1", $t);
};

host 'another AuthType by <If>', [<<'END'], sub {
<If "%{QUERY_STRING} =~ /code=2345-7/">
    AuthType None
    Require all granted
</If>
<If "%{QUERY_STRING} =~ /code=8867-4/">
    Require all granted
</If>
END
    my ($p) = @_;
    $p->refused('no token', 403, GET => "$OBS?code=2345-7");
    $p->refused('a token', 403, GET => "$OBS?code=2345-7", $t);
    $p->refused('<If> that only grants: no token', 401,
                GET => "$OBS?code=8867-4");
    $p->permitted('... a token', 'Observation/obs-vs1',
                  GET => "$OBS?code=8867-4", $t);
};

host 'an inner section with another AuthType', [''], sub {
    my ($p) = @_;
    my @user = (Authorization => 'Basic ' . encode_base64('user:word', ''));
    $p->refused('None', 403, GET => '/fhir/Patient/pat-1');
    $p->refused('... with a token', 403, GET => '/fhir/Patient/pat-1', $both);
    $p->refused('Basic', 401, GET => '/fhir/Group/grp-1');
    $p->refused('... with a password', 403, GET => '/fhir/Group/grp-1', undef,
                \@user);
    is $p->ask(GET => '/open/Group/grp-1', undef, \@user)->status, 200,
        '... that is good elsewhere';
    $p->permitted('beside them', 'Observation/obs-1', GET => "$OBS/obs-1",
                  $t);
}, do {
    my $basic = "AuthType Basic\nAuthName x\nAuthUserFile \@DIR\@/users\n"
        . "Require valid-user\n";
    "<Location /fhir/Patient>\nAuthType None\nRequire all granted\n"
        . "</Location>\n<Location /fhir/Group>\n$basic</Location>\n"
        . "<Location /open>\n$basic</Location>\nProxyPass /open \@FHIR\@\n";
};

host 'a target by <If>', [<<'END'], sub {
<If "%{QUERY_STRING} =~ /code=2345-7/">
    SetHandler "proxy:@FHIR@/Patient/pat-2"
</If>
END
    my ($p) = @_;
    $p->refused('SetHandler proxy:', 403, GET => "$OBS?code=2345-7", $both);
    $p->permitted('elsewhere', 'Observation/obs-vs1',
                  GET => "$OBS?code=8867-4", $both);
};

# --- requests --------------------------------------------------------------

# Path forms that httpd and backends read in different ways.
my @FORMS = map { "/fhir$_" } qw(
    /Observation%2fobs-1 /Observation%252fobs-1 /Observation/%2e%2e/Patient
    /Observation/../Observation/obs-1 /Observation/./obs-1 //Observation/obs-1
    /Observation//obs-1 /%4fbservation/obs-1 /Observation/obs-1;x=1
    /Observation;x=1/obs-1 /Observation/obs-1%00 /Observation/obs-1%23
    /Observation/obs%2d1 /Observation/obs-1%2b /Observation\obs-1
    /Observation%5cobs-1 /Observation%c0%afobs-1 /Observation/obs-1//
    /..;/fhir/Observation/obs-1 /Observation/obs-1%0d%0aX-A:b);

for my $slashes (qw(Off On NoDecode)) {
    host "AllowEncodedSlashes $slashes", [''], sub {
        my ($p) = @_;
        $p->refused($_, qr/40[034]/, GET => $_, $t) for @FORMS;
        $p->refused('encoded base', 400, GET => '/%66hir/Patient/pat-2', $t);
        $p->refused('base with a parameter', qr/40[04]/,
                    GET => '/fhir;x=1/Patient/pat-2', $t);
        $p->refused('base in another case', 400, GET => '/FHIR/Patient/pat-2',
                    $t);
        $p->refused('into the base', 400, GET => '/x/../fhir/Patient/pat-2',
                    $t);
        $p->permitted('the plain form', 'Observation/obs-1',
                      GET => "$OBS/obs-1", $t);
    }, "AllowEncodedSlashes $slashes\n";
}

# Where more than the base is passed on, what is below it for the backend only
# must not be: this one drops parameters, decodes and resolves what it is given.
my @DISGUISED = qw(
    /fhir;x/Patient/pat-1 /fhir;/Patient/pat-1 /;/fhir/Patient/pat-1
    /x/..;/fhir/Patient/pat-1 /x/%2e%2e;/fhir/Patient/pat-1
    /x/%2e%2e%3b/fhir/Patient/pat-1 /fhir%3bx/Patient/pat-1
    /fhir%2fPatient/pat-1 /fhir%2FPatient/pat-1 /%2ffhir/Patient/pat-1
    /fhir%252fPatient/pat-1 /fhir%5cPatient/pat-1 /fhir\Patient/pat-1
    /x\..\fhir/Patient/pat-1 //fhir/Patient/pat-1 /x//../fhir/Patient/pat-1
    /FHIR/Patient/pat-1 /Fhir/Patient/pat-1 /fhir;x%5c..%5c..%5c/Patient/pat-1
    /fhir;x\..\/Patient/pat-1 /;*%5c/fhir/Patient/pat-1
    /;x\Condition/fh%69r/Patient/pat-1 /x%5c..;/%3b/fhir%2f./Patient/pat-1);
my %WHOLE = (
    'ProxyPass /' => "ProxyPass / \@BACKEND\@/\n",
    'ProxyPassMatch' => "ProxyPassMatch ^(/.*)\$ \@BACKEND\@\$1\n",
    'RewriteRule [P]' => "RewriteEngine On\n"
        . "RewriteRule ^(/.*)\$ \@BACKEND\@\$1 [P,L]\n",
);

for my $way (sort keys %WHOLE) {
    for my $more ('', 'AllowEncodedSlashes On', 'AllowEncodedSlashes NoDecode',
                  'MergeSlashes Off') {
        host "the whole backend by $way, $more", ['', backend => 0], sub {
            my ($p) = @_;
            for my $path (@DISGUISED) {
                $p->refused("$path without a token", qr/40[04]/, GET => $path);
                $p->refused('... and with one', qr/40[04]/, GET => $path,
                            $both);
            }
            $p->permitted('the plain form', 'Patient/pat-1',
                          GET => '/fhir/Patient/pat-1', $both);
            my (undef, $hits) = $p->counted(GET => '/x;y/fhirs%20a/fhir');
            is $hits, 1, 'what is not below the base is passed on';
        }, "$WHOLE{$way}$more\n";
    }
}

host 'MergeSlashes Off', [''], sub {
    my ($p) = @_;
    $p->refused('//', qr/40[04]/, GET => '/fhir//Observation/obs-1', $t);
    $p->refused('// before the base', qr/40[04]/,
                GET => '//fhir/Observation/obs-1', $t);
    $p->permitted('the plain form', 'Observation/obs-1',
                  GET => "$OBS/obs-1", $t);
}, "MergeSlashes Off\n";

host 'targets', [''], sub {
    my ($p) = @_;
    my $at = 'http://127.0.0.1:' . $p->port;
    if (!$p->http2) {
        $p->refused('absolute form: no token', 401, GET => "$at$OBS/obs-1");
        $p->refused('... no scope', 403, GET => "$at/fhir/Patient/pat-1", $t);
        $p->refused('... another host', 403,
                    GET => 'http://other.example/fhir/Patient/pat-1', $t);
        $p->refused('... path in the query', undef,
                    GET => "$at?x=/fhir/Observation/obs-1", $t);
        $p->permitted('... a token', 'Observation/obs-1',
                      GET => "$at$OBS/obs-1", $t);
        my $old = Smart::Client->new(port => $p->port)
            ->raw("GET $OBS/obs-1 HTTP/1.0\r\n\r\n");
        is join(' ', $old->status, $old->canaries), 401, 'HTTP/1.0';
    }
    else {
        my $r = $p->ask(GET => "$at/fhir/Patient/pat-1", $t);
        is join(' ', $r->canaries), '', 'absolute form in :path';
    }
    $p->refused('fragment', qr/0|40[013]/, GET => "$OBS/obs-1#x", $t);
};

host 'methods', [''], sub {
    my ($p) = @_;
    my $r = $p->refused('TRACE', 405, TRACE => "$OBS/obs-1", $t);
    unlike $r->body . join(' ', map { @$_ } $r->headers), qr/\Q$t\E/,
        '... does not show the token';
    $p->refused('TRACE with Max-Forwards', 405, TRACE => "$OBS/obs-1", $t,
                ['Max-Forwards' => 0]);
    $p->refused($_, qr/403|405|501/, $_ => "$OBS/obs-1", $t)
        for qw(get PROPFIND FOO LOCK);
    $p->refused('POST', 403, POST => $OBS, $t,
                ['Content-Type' => 'application/fhir+json'],
                '{"resourceType":"Observation"}');
    $p->refused('OPTIONS', 401, OPTIONS => "$OBS/obs-1");
    $p->refused('... with garbage', 401, OPTIONS => "$OBS/obs-1", 'garbage');
    $p->refused('HEAD', 401, HEAD => "$OBS/obs-1");
    is +($p->counted(HEAD => "$OBS/obs-1", $t))[0]->status, 200,
        'HEAD with a token';
    $p->permitted('GET', 'Observation/obs-1', GET => "$OBS/obs-1", $t);
};

host 'one connection', [''], sub {
    my ($p) = @_;
    return pass 'of HTTP/1.1 only' if $p->http2;
    my $c = Smart::Client->new(port => $p->port);
    my $say = sub {
        my ($token, $path) = @_;
        my $r = $c->request(GET => $path // "$OBS/obs-1", [defined $token
            ? (Authorization => "Bearer $token") : ()]);
        return join ' ', $r->status, $r->canaries;
    };
    my $wrong = $t =~ s/.\z/x/r;
    my @got = map { $say->(@$_) } [$t], [undef], [$t], [$wrong], [$t],
        [$pat], [$t, '/fhir/Patient/pat-2'], [$pat, '/fhir/Patient/pat-2'],
        [undef, '/fhir/Patient/pat-2'];
    is_deeply \@got, ['200 Observation/obs-1', 401, '200 Observation/obs-1',
        401, '200 Observation/obs-1', 403, 403, '200 Patient/pat-2', 401],
        'each request is judged by its own token';
    my $r = $c->raw(join('', $c->bytes(GET => "$OBS/obs-1",
                                       [Authorization => "Bearer $t"]),
                         $c->bytes(GET => "$OBS/obs-1")), keep => 1);
    is join(' ', $r->status, $c->next_response->status), '200 401',
        'pipelined ones as well';
};

host 'upgrade to h2c', [''], sub {
    my ($p) = @_;
    return pass 'by servers that can' if !$p->http2;
    my $url = 'http://127.0.0.1:' . $p->port;
    my $curl = "curl -s --http2 --max-time 10 -o /dev/null -w "
        . "'%{http_version} %{http_code}'";
    is qx($curl $url$OBS/obs-1), '1.1 401', 'no token';
    is qx($curl -H 'Authorization: Bearer $pat' $url$OBS/obs-1), '1.1 403',
        'no scope';
    is qx($curl -H 'Authorization: Bearer $t' $url$OBS/obs-1), '2 200',
        'a token';
};

for my $upgrade ('websocket', 'ANY') {
    host "upgrade=$upgrade towards the backend",
        ["ProxyPass $tunnel->{url}/fhir upgrade=$upgrade", backend => 0], sub {
        my ($p) = @_;
        return pass 'by HTTP/1.1 only' if $p->http2;
        for my $path ('/fhir/metadata', "$OBS/obs-1") {
            my $r = $p->ask(GET => $path, $t, [Connection => 'Upgrade',
                                               Upgrade => 'websocket']);
            is join(' ', $r->status, $r->body), '200 a request',
                "$path is answered as a request";
        }
        my $r = $p->ask(GET => '/tunnel/x', undef,
                        [Connection => 'Upgrade', Upgrade => 'websocket']);
        is $r->status, 101, '... and that backend can do otherwise';
    }, "ProxyPass /tunnel $tunnel->{url}/x upgrade=$upgrade\n";
}

host 'forward proxy', [''], sub {
    my ($p) = @_;
    return pass 'by HTTP/1.1 only' if $p->http2;
    my $at = $lab->fhir_base;
    $p->refused('no token', undef, GET => "$at/Patient/pat-2");
    $p->refused('a token', undef, GET => "$at/Patient/pat-2", $both);
    my ($r, $hits) = $p->counted(GET => $at =~ s{/fhir\z}{/elsewhere}r);
    is $hits, 1, 'what is not below the base is passed';
}, "ProxyRequests On\n";

# --- mod_cache -------------------------------------------------------------

my $FRESH = ['Cache-Control', 'public, max-age=600, s-maxage=600'];

host 'mod_cache', [''], sub {
    my ($p) = @_;
    $lab->fhir_mode(headers => [$FRESH]);
    for my $n ('first', 'second') {
        $p->permitted("$n time from the backend", 'Observation/obs-1',
                      GET => "$OBS/obs-1", $t);
    }
    $p->refused('never from the cache', 401, GET => "$OBS/obs-1");
    $p->permitted('metadata, too', 'CapabilityStatement/metadata',
                  GET => '/fhir/metadata') for 1 .. 2;
    my @got = map { $p->counted(GET => '/open/Patient/pat-1') } 1 .. 3;
    is "$got[-2] $got[-3]{status}", '0 200',
        'what is not protected is cached';
    $lab->fhir_mode(headers => []);
}, <<'END';
CacheQuickHandler Off
CacheEnable disk /
CacheRoot @DIR@/cache
ProxyPass /open @FHIR@
END

# --- all of it -------------------------------------------------------------

sub run {
    my ($way) = @_;
    my ($mpm, $http2) = $way =~ m{\A(\w+)(/2)?\z} or die "no way $way\n";
    (my $backend = $lab->fhir_base) =~ s{/fhir\z}{};
    my $conf = '';
    for my $n (1 .. @cases) {
        my $text = $cases[$n - 1]{conf} =~ s/\@BACKEND\@/$backend/gr;
        $text =~ s{\@LOCALHOST\@}{$backend =~ s/127\.0\.0\.1/localhost/r}ge;
        $conf .= "<VirtualHost 127.0.0.1:\@PORT$n\@>\n"
            . "ServerName http://127.0.0.1:\@PORT$n\@\n$text</VirtualHost>\n";
    }
    $conf = "Protocols h2c http/1.1\n$conf" if $http2;
    my $h = $lab->httpd(mpm => $mpm, ports => scalar @cases, conf => $conf,
        start => 0, modules => [@MODULES, $http2 ? 'http2' : ()]);
    mkdir $h->dir . '/cache';
    chmod 0777, $h->dir . '/cache';
    my %files = (
        'htdocs/page.shtml' => "<!--#include virtual=\"$OBS/obs-1\" -->\n"
            . "<!--#include virtual=\"/fhir/Patient/pat-2\" -->\n",
        "htdocs$OBS/file-1" => "a file\n",
        "htdocs$OBS/file-2.html" => "another file\n",
        'htdocs/fhir/Patient/file-1' => "a file\n",
        users => 'user:{SHA}' . sha1_base64('word') . "=\n",
    );
    for my $name (sort keys %files) {
        my $path = $h->dir . "/$name";
        make_path(dirname($path));
        open my $f, '>', $path or die "$path: $!\n";
        print $f $files{$name};
        close $f;
    }
    $h->start;
    for my $n (1 .. @cases) {
        subtest "$way: $cases[$n - 1]{name}" => sub {
            $cases[$n - 1]{steps}->(Smart::Probe->new(
                lab => $lab, port => $h->port($n - 1), http2 => $http2));
        };
    }
    is join("\n", $h->log_text =~ /^.*(?:exit signal|core dumped).*$/mg), '',
        "$way: no child was lost";
    $h->stop;
    return;
}

Smart::Http2::need();
run($_) for @WAYS;

# --- hosts of the same lines -----------------------------------------------

subtest 'a file that is included once for each of three hosts' => sub {
    my $h = $lab->httpd(ports => 3, start => 0);
    my $text = $lab->protected . "<Location /fhir/Group>\nAuthType None\n"
        . "Require all granted\n</Location>\n";
    $h->write_conf("<VirtualHost 127.0.0.1:\${port}>\n$text</VirtualHost>\n");
    rename $h->dir . '/httpd.conf', $h->dir . '/all.conf';
    open my $from, '<', $h->dir . '/all.conf' or die "all.conf: $!\n";
    my $all = do { local $/; <$from> };
    open my $to, '>', $h->dir . '/host.conf' or die "host.conf: $!\n";
    print $to $all =~ s/\A.*(?=<VirtualHost)//sr;
    close $to;
    $h->write_conf(join '', map { "Define port \@PORT$_\@\n"
                                      . "Include \@DIR\@/host.conf\n" } 1 .. 3);
    $h->start;
    for my $n (0 .. 2) {
        my $p = Smart::Probe->new(lab => $lab, port => $h->port($n));
        $p->refused('no token', 401, GET => "$OBS/obs-1");
        $p->permitted('a token', 'Observation/obs-1', GET => "$OBS/obs-1", $t);
        $p->refused('an inner section without AuthType', 403,
                    GET => '/fhir/Group/grp-1');
    }
    $h->stop;
};

# --- what does not start ---------------------------------------------------

subtest 'configurations that are refused' => sub {
    my $refused = sub {
        my ($name, $say, $conf) = @_;
        my ($rc, $err) = $lab->configtest($conf, modules => \@MODULES);
        ok $rc && $err =~ $say, $name or diag "exit $rc\n$err";
    };
    my $fine = sub {
        my ($name, $conf) = @_;
        my ($rc, $err) = $lab->configtest($conf, modules => \@MODULES);
        ok !$rc, $name or diag "exit $rc\n$err";
        return $err;
    };
    my $with = sub {
        return $lab->protected(backend => 0, extra => "ProxyPass $_[0]");
    };
    $fine->('plain', $lab->protected);
    $refused->('nocanon', qr/nocanon/, $with->('@FHIR@ nocanon'));
    for (qw(servlet encoded)) {
        $refused->("mapping=$_", qr/mapping/, $with->("\@FHIR\@ mapping=$_"));
    }
    $refused->("$_ backend", qr/\b$_\b/i, $with->("$_://127.0.0.1:9/fhir"))
        for qw(ajp fcgi);
    $refused->('CacheQuickHandler', qr/CacheQuickHandler/,
               $lab->protected . "CacheEnable disk /\nCacheRoot \@DIR\@\n");
    $fine->('... Off', $lab->protected . "CacheEnable disk /\n"
            . "CacheRoot \@DIR\@\nCacheQuickHandler Off\n");
    my $any = "<RequireAny>\nRequire ip 127.0.0.1\nRequire smart\n"
        . "</RequireAny>\n";
    like $fine->('RequireAny', $lab->protected(require => [],
                                               extra => $any)),
        qr/RequireAny|alternative/, '... is warned about';
    unlike $fine->('Require smart', $lab->protected),
        qr/RequireAny|alternative/, '... and that is not';
};
done_testing;
