#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Require lines narrow what a token permits, and do nothing else; and what
# SmartMode report leaves of all that.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep);
use Smart::Lab ();
use Smart::Probe ();

my $OBS = '/fhir/Observation/obs-1';
my $PAT = '/fhir/Patient/pat-1';
my $lab = Smart::Lab->new;

# Tokens of two clients: both may read both types, each differs in one thing.
my %base = (scope => 'system/Observation.rs system/Patient.rs');
my $one = $lab->token(%base, client_id => 'app-1', sub => 'alice',
                      groups => ['ward', 'icu'], tenant => 'north');
my $two = $lab->token(%base, client_id => 'app-2', sub => 'bob',
                      groups => ['lab'], tenant => 'south');
my $narrow = $lab->token(client_id => 'app-1', sub => 'alice',
                         scope => 'system/Observation.r');
my $user = $lab->token(client_id => 'app-1', sub => 'alice',
                       scope => 'user/Observation.rs');
my $fine = $lab->token(client_id => 'app-1', scope => 'system/Observation.rs'
    . '?category=laboratory system/Observation.r');

my @cases;
sub host {
    my ($name, $require, $steps, $outside) = @_;
    my $text = ref $require
        ? $lab->protected(require => $require)
        : $lab->protected(require => [], extra => $require);
    push @cases, { name => $name, conf => $text . ($outside // ''),
                   steps => $steps };
    return;
}

sub granted {
    my ($p, $name, $token, $path) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($id) = ($path // $OBS) =~ m{/fhir/(\w+/[\w-]+)\z};
    return $p->permitted($name, $id, GET => $path // $OBS, $token);
}

# 403 with the words of RFC 6750 and this scope.
sub narrowed {
    my ($p, $name, $scope, $token, $path) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $r = $p->refused($name, 403, GET => $path // $OBS, $token);
    is $r->header('WWW-Authenticate'), 'Bearer realm="Lab FHIR", '
        . 'error="insufficient_scope"'
        . (defined $scope ? ", scope=\"$scope\"" : ''), '... insufficient';
    is +($r->json // {})->{resourceType}, 'OperationOutcome', '... outcome';
    return $r;
}

# What holds for every location that asks for a smart provider.
sub common {
    my ($p) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $p->refused('no token', 401, GET => $OBS);
    $p->refused('garbage', 401, GET => $OBS, 'garbage');
    $p->permitted('metadata needs none', 'CapabilityStatement/metadata',
                  GET => '/fhir/metadata');
    $p->answered('nor does a preflight', 204, OPTIONS => $OBS, undef,
        [Origin => 'https://a.example', 'Access-Control-Request-Method',
         'GET']);
    return;
}

# --- providers -------------------------------------------------------------

host 'smart', ['smart'], sub {
    my ($p) = @_;
    common($p);
    granted($p, 'a token', $one);
    my $r = $p->refused('a type without scope', 403, GET => $PAT, $narrow);
    like $r->header('WWW-Authenticate'), qr/scope="\w+\/Patient\.r"/,
        '... the scope that would do is named';
};

host 'smart-scope', ['smart-scope system/Observation.rs user/Observation.rs'],
    sub {
    my ($p) = @_;
    common($p);
    granted($p, 'the first', $one);
    granted($p, 'the second', $user);
    narrowed($p, 'not enough letters', 'system/Observation.rs', $narrow);
    narrowed($p, 'a constrained scope does not count',
             'system/Observation.rs', $fine);
    granted($p, 'on another type, too', $one, $PAT);
    $p->refused('the decision stands', 403, GET => $PAT, $user);
};

host 'smart-client', ['smart-client app-1 app-3'], sub {
    my ($p) = @_;
    common($p);
    granted($p, 'named', $one);
    narrowed($p, 'not named', undef, $two);
};

host 'smart-interaction', ['smart-interaction read $lastn'], sub {
    my ($p) = @_;
    common($p);
    granted($p, 'named', $one);
    $p->permitted('an operation', 'Observation/obs-mv Observation/obs-vs1',
                  GET => '/fhir/Observation/$lastn?patient=pat-1', $one);
    narrowed($p, 'not named', undef, $one, '/fhir/Observation?code=8867-4');
};

host 'smart-claim', ['smart-claim groups nurse icu'], sub {
    my ($p) = @_;
    common($p);
    granted($p, 'one of several values', $one);
    narrowed($p, 'another value', undef, $two);
    narrowed($p, 'no such claim', undef, $narrow);
};

host 'smart-claim of a standard one', ['smart-claim sub alice'], sub {
    my ($p) = @_;
    granted($p, 'equal', $one);
    narrowed($p, 'unlike', undef, $two);
};

# --- combinations ----------------------------------------------------------

host 'several lines are alternatives',
    ['smart-client app-2', 'smart-claim groups icu'], sub {
    my ($p) = @_;
    common($p);
    granted($p, 'by the second', $one);
    granted($p, 'by the first', $two);
    narrowed($p, 'by none', undef, $narrow);
};

host 'RequireAll', <<'END', sub {
<RequireAll>
    Require smart-client app-1
    Require smart-scope system/Patient.rs
</RequireAll>
END
    my ($p) = @_;
    common($p);
    granted($p, 'both', $one);
    narrowed($p, 'the first fails', undef, $two);
    narrowed($p, 'the second fails', 'system/Patient.rs', $narrow);
};

host 'RequireAny in RequireAll', <<'END', sub {
<RequireAll>
    Require smart
    <RequireAny>
        Require smart-claim tenant north
        Require smart-claim tenant east
    </RequireAny>
</RequireAll>
END
    my ($p) = @_;
    common($p);
    granted($p, 'one of them', $one);
    narrowed($p, 'none of them', undef, $two);
};

# Public requests satisfy each smart provider, the forbidden ones as well.
host 'RequireNone', <<'END', sub {
<RequireAll>
    Require smart
    <RequireNone>
        Require smart-client app-2
    </RequireNone>
</RequireAll>
END
    my ($p) = @_;
    $p->refused('no token', 401, GET => $OBS);
    granted($p, 'another', $one);
    narrowed($p, 'the one', undef, $two);
    $p->refused('what is public', 403, GET => '/fhir/metadata');
};

host 'Require not', <<'END', sub {
<RequireAll>
    Require smart
    Require not smart-client app-2
</RequireAll>
END
    my ($p) = @_;
    granted($p, 'another', $one);
    narrowed($p, 'the one', undef, $two);
};

host 'valid-user', ['valid-user'], sub {
    my ($p) = @_;
    common($p);
    granted($p, 'a token', $one);
    $p->refused('the decision stands', 403, GET => $PAT, $narrow);
};

host 'valid-user and smart', <<'END', sub {
<RequireAll>
    Require valid-user
    Require smart-client app-1
</RequireAll>
END
    my ($p) = @_;
    common($p);
    granted($p, 'both', $one);
    narrowed($p, 'one', undef, $two);
};

host 'user', ['user alice'], sub {
    my ($p) = @_;
    granted($p, 'named', $one);
    narrowed($p, 'not named', undef, $two);
    $p->refused('no token', 401, GET => $OBS);
};

host 'an address and smart', <<'END', sub {
<RequireAll>
    Require ip 192.0.2.1
    Require smart
</RequireAll>
END
    my ($p) = @_;
    $p->refused('a token from elsewhere', 403, GET => $OBS, $one);
    $p->refused('metadata from elsewhere', 403, GET => '/fhir/metadata');
};

host 'all denied', ['all denied'], sub {
    my ($p) = @_;
    $p->refused('a token', 403, GET => $OBS, $one);
    $p->refused('metadata', 403, GET => '/fhir/metadata');
};

# --- nested sections -------------------------------------------------------

my $INNER = "<Location /fhir/Patient>\n%sRequire smart-claim tenant south\n"
    . "</Location>\n";

host 'inner section', ['smart-client app-1'], sub {
    my ($p) = @_;
    granted($p, 'outside: its client', $one);
    narrowed($p, '... another', undef, $two);
    granted($p, 'inside: the inner line alone', $two, $PAT);
    narrowed($p, '... which another fails', undef, $one, $PAT);
    $p->refused('no token', 401, GET => $PAT);
}, sprintf $INNER, '';

host 'AuthMerging And', ['smart-client app-1'], sub {
    my ($p) = @_;
    narrowed($p, 'the outer fails', undef, $two, $PAT);
    narrowed($p, 'the inner fails', undef, $one, $PAT);
    granted($p, 'both', $lab->token(%base, client_id => 'app-1',
                                    tenant => 'south'), $PAT);
}, sprintf $INNER, "AuthMerging And\n";

host 'AuthMerging Or', ['smart-client app-1'], sub {
    my ($p) = @_;
    granted($p, 'the outer', $one, $PAT);
    granted($p, 'the inner', $two, $PAT);
    narrowed($p, 'none', undef,
             $lab->token(%base, client_id => 'app-4'), $PAT);
    $p->refused('no token', 401, GET => $PAT);
}, sprintf $INNER, "AuthMerging Or\n";

# --- report ----------------------------------------------------------------

my $log_read = 0;
sub decision {
    my ($h) = @_;
    my $text = '';
    for (1 .. 100) {
        open my $f, '<', $h->dir . '/report_log' or die "report_log: $!\n";
        seek $f, $log_read, 0;
        local $/;
        $text = <$f> // '';
        last if $text =~ /\n/;
        sleep 0.02;
    }
    $log_read += length $text;
    chomp $text;
    return $text;
}

host 'SmartMode report', <<'END', sub {
SmartMode report
SmartClaimHeader sub X-SMART-Sub
<RequireAll>
    Require smart
    Require smart-client app-1
</RequireAll>
END
    my ($p, $h) = @_;
    my @hint = ['X_SMART_Sub' => 'root'];
    my @cases = (
        ['no token', 'no-token', undef],
        ['garbage', 'token-inactive', 'garbage'],
        ['no scope', 'no-scope', $narrow, $PAT],
        ['another client', 'permit', $two],
        ['a token', 'permit', $one],
    );
    for (@cases) {
        my ($name, $want, $token, $path) = @$_;
        granted($p, "$name is let through", $token, $path);
        is decision($h), $want, '... and reported';
    }
    is join(' ', map { $_->[1] } grep { lc $_->[0] eq 'authorization' }
            @{($lab->fhir_log)[-1]{headers}}), "Bearer $one",
        'the token is not taken';
    my ($r, $hits) = $p->counted(GET => '/fhir/Observation/%6fbs-1', $one);
    is $hits, 1, 'a path that would be malformed is passed';
    is decision($h), 'path', '... and reported';
    $lab->as_mode('status', status => 500);
    granted($p, 'trouble of the authorization server', 'not-cached');
    is decision($h), 'as-trouble', '... is reported';
    $lab->as_mode('ok');
}, "CustomLog \@DIR\@/report_log %{SMART_DECISION}e\n";

host 'SmartMode report, other lines', <<'END', sub {
SmartMode report
<RequireAll>
    Require smart
    Require ip 192.0.2.1
</RequireAll>
END
    my ($p) = @_;
    $p->refused('decide as ever', 403, GET => $OBS, $one);
};

# --- all of it -------------------------------------------------------------

my $conf = '';
for my $n (1 .. @cases) {
    $conf .= "<VirtualHost 127.0.0.1:\@PORT$n\@>\n"
        . "ServerName http://127.0.0.1:\@PORT$n\@\n"
        . "$cases[$n - 1]{conf}</VirtualHost>\n";
}
my $h = $lab->httpd(ports => scalar @cases, conf => $conf);
for my $n (1 .. @cases) {
    subtest $cases[$n - 1]{name} => sub {
        $cases[$n - 1]{steps}->(Smart::Probe->new(
            lab => $lab, port => $h->port($n - 1)), $h);
    };
}

subtest 'lines that are wrong' => sub {
    my @wrong = (
        ['smart now', qr/"now"/],
        ['smart-scope', qr/smart-scope/],
        ['smart-scope system/Observation.rs patient/Observation',
         qr{"patient/Observation"}],
        ['smart-scope openid', qr/"openid"/],
        ['smart-scope system/Nothing.rs', qr{"system/Nothing\.rs"}],
        ['smart-scope system/Observation.rs?code=1', qr/\?code=1/],
        ['smart-client', qr/smart-client/],
        ['smart-interaction', qr/smart-interaction/],
        ['smart-interaction read browse', qr/"browse"/],
        ['smart-claim', qr/smart-claim/],
        ['smart-claim groups', qr/smart-claim/],
        ['smart-nothing', qr/smart-nothing/],
    );
    for (@wrong) {
        my ($line, $says) = @$_;
        my ($rc, $err) = $lab->configtest($lab->protected(require => $line));
        ok $rc && $err =~ $says && $err =~ /httpd\.conf/, $line
            or diag "exit $rc: $err";
    }
    my @right = ('smart', 'smart-scope system/Observation.rs user/*.cruds',
        'smart-client "an id"', 'smart-interaction read search-type $export',
        'smart-claim groups "a b"');
    for my $line (@right) {
        my ($rc, $err) = $lab->configtest($lab->protected(require => $line));
        is $rc, 0, $line or diag $err;
    }
};

subtest 'report is warned about' => sub {
    my ($rc, $err) = $lab->configtest($lab->protected(
        extra => 'SmartMode report'));
    is $rc, 0, 'it starts';
    like $err, qr/SmartMode report/, '... with a warning';
    ($rc, $err) = $lab->configtest($lab->protected);
    unlike $err, qr/SmartMode report/, 'enforce has none';
};
done_testing;
