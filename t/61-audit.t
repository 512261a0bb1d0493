#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The audit log: a line for each request, with what was decided and why, and
# nothing that it may not say; and a program behind a pipe that does not read
# holds nobody up.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time sleep);
use Smart::Json qw(json_decode);
use Smart::Lab ();

my $lab = Smart::Lab->new;
my $dir = $lab->dir;
my $SCOPE = 'user/Observation.rs';
my $URL = '/fhir/Observation/obs-1';
my $LOG = "$dir/audit.json";
my @WAYS = split ' ', $ENV{SMART_WAYS} // 'event prefork';

sub slurp {
    my ($path) = @_;
    open my $f, '<', $path or return '';
    local $/;
    return scalar(<$f>) // '';
}

# Lines of a file, each of which has to be an object. At most <n> are waited
# for: a line is written when its answer has been sent.
sub lines {
    my ($n, $path) = @_;
    my $until = time() + 5;
    my $text = '';
    while (time() < $until) {
        $text = slurp($path // $LOG);
        last if ($text =~ tr/\n//) >= $n;
        sleep 0.02;
    }
    my @all = map { eval { json_decode($_) } // { broken => $_ } }
        split /\n/, $text;
    return @all;
}

# The lines that requests make, beside those that were there before.
sub audited {
    my ($h, $n, $do) = @_;
    my $before = () = lines(0);
    $do->($h);
    my @all = lines($before + $n);
    return @all[$before .. $#all];
}

sub one {
    my ($h, @request) = @_;
    my $status;
    my @lines = audited($h, 1, sub { $status = $h->request(@request)->status });
    is scalar @lines, 1, 'one line';
    is $lines[0]{status}, $status, '... with the status of the answer';
    return $lines[0];
}

# "decision reason interaction type cache status" of a line.
sub brief {
    my ($line) = @_;
    return join ' ', map { $line->{$_} // '-' }
        qw(decision reason interaction type cache status);
}

sub section {
    my ($head, @lines) = @_;
    my ($name) = $head =~ /^(\w+)/;
    return join "\n", "<$head>", @lines, "</$name>", '';
}

sub conf {
    my ($target, @more) = @_;
    return join '', "SmartAuditLog $target\n", $lab->protected, @more;
}

# --- members -----------------------------------------------------------------

for my $mpm (@WAYS) {
    subtest "members, $mpm" => sub {
        unlink $LOG;
        my $h = $lab->httpd(mpm => $mpm, modules => ['unique_id'],
            conf => conf($LOG) . "LogFormat \"%{UNIQUE_ID}e\" id\n"
                . "CustomLog $dir/access.log id\n");
        my $t = $lab->token(scope => "$SCOPE patient/Condition.rs",
            sub => 'user-7', client_id => 'app-3', patient => 'pat-1');
        my $from = time;
        my $line = one($h, GET => $URL, $t);
        my $time = delete $line->{time};
        like $time, qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/, 'time';
        require POSIX;
        require Time::Local;
        my @t = $time =~ /(\d+)/g;
        my $at = Time::Local::timegm(@t[5, 4, 3, 2], $t[1] - 1, $t[0])
            + $t[6] / 1000;
        cmp_ok abs($at - $from), '<', 2, '... is that of the request';
        my $id = delete $line->{id};
        like slurp("$dir/access.log"), qr/^\Q$id\E$/m,
            'id: the one in the access log';
        like delete $line->{patient}, qr/\A[0-9a-f]{32}\z/,
            'patient: a hash';
        my ($asked, $decided, $total)
            = map { delete $line->{"${_}_us"} } qw(asked decided total);
        cmp_ok $asked, '>', 0, 'time to ask';
        cmp_ok $decided, '>=', $asked, '... is part of that to decide';
        cmp_ok $total, '>=', $decided, '... which is part of all';
        cmp_ok $total, '<', 5e6, '... in microseconds';
        is_deeply $line, { base => '/fhir', address => '127.0.0.1',
            client => 'app-3', subject => 'user-7', method => 'GET',
            interaction => 'read', type => 'Observation',
            decision => 'permit', scope => $SCOPE, cache => 'miss',
            status => 200 }, 'the rest';

        $line = one($h, GET => $URL, $t);
        is "$line->{cache} $line->{asked_us}", 'hit 0', 'a known token';
        isnt $line->{id}, $id, '... another id';
        $lab->as_mode(delay => ms => 200);
        $line = one($h, GET => $URL, $lab->token(scope => $SCOPE));
        cmp_ok $line->{asked_us}, '>=', 180_000, 'a slow server shows';
        $lab->as_mode('ok');
    };
}

my $h = $lab->httpd(conf => conf($LOG,
    section('Location "/fhir/Group"', 'SmartMode report'),
    section('Location "/fhir/Encounter"', 'Require smart-client nobody'),
    section('Location "/fhir/Device"', 'SmartAuditLog off'),
    section('Location "/fhir/Task"', 'Require all granted',
            'SetHandler none', 'RewriteEngine On',
            'RewriteRule .* /elsewhere [L]'),
    section('Location "/open"', 'Require all granted')));

subtest 'every decision' => sub {
    my $t = $lab->token(scope => $SCOPE);
    my $bad = 'nobody-knows-this-token';
    my @row = (
        ['permit - read Observation miss 200', GET => $URL, $t],
        ['permit - search-type Observation hit 200',
         GET => '/fhir/Observation?code=x', $t],
        ['deny no-scope read Patient hit 403', GET => '/fhir/Patient/pat-1',
         $t],
        ['deny no-token read Observation - 401', GET => $URL],
        ['deny token-inactive read Observation miss 401', GET => $URL, $bad],
        ['deny token-inactive read Observation negative 401', GET => $URL,
         $bad],
        ['deny token-malformed read Observation - 400', GET => $URL, undef,
         [Authorization => 'Bearer a b']],
        ['deny query unknown - - 400', GET => "$URL?x=%zz", $t],
        ['deny path unknown - - 400', GET => '/fhir//Observation', $t],
        ['deny method unknown - hit 405', BREW => '/fhir/Observation', $t],
        ['public - capabilities - - 200', GET => '/fhir/metadata'],
        ['public - preflight - - 204', OPTIONS => $URL, undef,
         [Origin => 'https://a.example', 'Access-Control-Request-Method', 'GET']],
        ['deny require read Encounter hit 403',
         GET => '/fhir/Encounter/enc-1', $lab->token(scope => 'user/*.rs')],
    );
    for (@row) {
        my ($want, @request) = @$_;
        my ($reason) = $want =~ /^deny (\S+)/;
        my $line = one($h, @request);
        $want =~ s/hit/miss/ if $want =~ /Encounter/;
        is brief($line), $want, join ' ', map { $_ // '' } @request[0, 1];
        ok exists $line->{decided_us}, '... and when';
    }
    my $line = one($h, GET => '/fhir/Patient/pat-1', $t);
    is $line->{needs}, 'user/Patient.r', 'the scope that is missing';
    ok !exists $line->{scope}, '... is not one that permitted';
    $line = one($h, GET => $URL, $t);
    ok !exists $line->{needs} && $line->{scope} eq $SCOPE, 'and the reverse';
};

subtest 'trouble of the authorization server' => sub {
    $lab->as_mode('close');
    my $line = one($h, GET => $URL, $lab->token(scope => $SCOPE));
    is brief($line), 'deny as-trouble read Observation miss 503', 'is a line';
    cmp_ok $line->{asked_us}, '>', 0, '... with the time it took';
    $lab->as_mode('ok');
};

subtest 'report mode' => sub {
    my $t = $lab->token(scope => $SCOPE);
    my $line = one($h, GET => '/fhir/Group/grp-1', $t);
    is brief($line), 'deny no-scope read Group miss 200',
        'what would be, and what was';
    is $line->{mode}, 'report', '... is said to be so';
    $line = one($h, GET => '/fhir/Group/grp-1');
    is brief($line), 'deny no-token read Group - 200', '... without a token';
    $line = one($h, GET => '/fhir/Group/grp-1',
                $lab->token(scope => 'user/Group.rs'));
    is brief($line), 'permit - read Group miss 200', '... a permit';
    is one($h, GET => $URL, $t)->{mode}, undef, 'elsewhere it is not';
};

subtest 'the gate' => sub {
    my $line = one($h, GET => '/fhir/Task/task-1',
                   $lab->token(scope => 'user/*.rs'));
    is $line->{status}, 403, 'a request that is led elsewhere';
    is "$line->{decision} $line->{reason}", 'deny gate', '... is a denial';
};

subtest 'what is not ours, and where it is off' => sub {
    my @lines = audited($h, 0, sub {
        $h->get('/open');
        $h->get('/fhir/Device/dev-1', $lab->token(scope => 'user/*.rs'));
        $h->get('/fhir/Device/dev-1');
        sleep 0.2;
    });
    is scalar @lines, 0, 'no line';
};

subtest 'many at once: one line each' => sub {
    my $t = $lab->token(scope => $SCOPE);
    my @lines = audited($h, 400, sub {
        my @pids = map {
            my $pid = fork // die "fork: $!\n";
            if (!$pid) {
                my $c = $h->client;
                $c->request('GET', $_ % 2 ? $URL : '/fhir/Patient/pat-1',
                            [Authorization => "Bearer $t"]) for 1 .. 100;
                require POSIX;
                POSIX::_exit(0);
            }
            $pid;
        } 1 .. 4;
        waitpid $_, 0 for @pids;
    });
    is scalar @lines, 400, 'four clients, two processes of httpd';
    my %n;
    $n{$_->{broken} ? 'broken' : $_->{decision}}++ for @lines;
    is_deeply \%n, { permit => 200, deny => 200 }, '... none is broken';
    my %ids = map { $_->{id} => 1 } @lines;
    is scalar keys %ids, 400, '... each has an id of its own';
};

# --- what must not be there --------------------------------------------------

subtest 'no token, no query, no id' => sub {
    my $t = $lab->token(scope => 'patient/Observation.rs?category=secret-value '
        . 'patient/Patient.rs patient/Condition.rs', patient => 'pat-1',
        sub => 'pat-1', client_id => 'app');
    $h->get('/fhir/Patient/pat-1', $t);
    $h->get('/fhir/Patient/pat-2', $t);
    $h->get('/fhir/Patient/pat-1/Condition?code=secret-value', $t);
    $h->get('/fhir/Condition?patient=pat-1&code=secret-value', $t);
    $h->get('/fhir/$pat-1', $t);
    $h->get('/fhir/Observation/secret-value', $lab->token(scope => $SCOPE));
    $h->get("$URL?access_token=$t");
    my @all = lines(7);
    my $text = slurp($LOG);
    unlike $text, qr/pat-[12]/, 'no id of a patient';
    unlike $text, qr/secret-value/, 'no value of a search, no other id';
    unlike $text, qr/\Q$t\E/, 'no token';
    is join(' ', grep { index($text, $_) >= 0 } keys %{$lab->{minted}}), '',
        '... none at all';
    unlike $text, qr/gateway-secret/, 'no secret';
};

# The hash says that it is the same patient, and not who.
subtest 'patients' => sub {
    my $t = $lab->token(scope => 'patient/*.rs', patient => 'pat-1',
                        sub => 'user-1');
    my $patient = sub { one($h, GET => $_[0], $t)->{patient} };
    my $own = $patient->('/fhir/Patient/pat-1');
    is $patient->('/fhir/Patient/pat-1/Observation'), $own, 'by compartment';
    is $patient->('/fhir/Observation'), $own, 'by the launch context';
    isnt $patient->('/fhir/Patient/pat-2'), $own, 'another is another';
    my $user = $lab->token(scope => 'user/*.rs', sub => 'dr');
    is one($h, GET => '/fhir/Patient/pat-1', $user)->{patient}, $own,
        'whoever asks';
    is one($h, GET => $URL, $user)->{patient}, undef, 'where none is named';
    require Digest::SHA;
    unlike slurp($LOG), qr/\Q@{[substr Digest::SHA::sha256_hex($_), 0, 32]}\E/,
        "no plain digest of $_"
        for 'pat-1', 'Patient/pat-1', $h->url . '/fhir/Patient/pat-1';
    # A subject that is the patient is not told either.
    my $self = $lab->token(scope => 'patient/*.rs', patient => 'pat-1',
                           sub => 'Patient/pat-1');
    my $line = one($h, GET => '/fhir/Patient/pat-1', $self);
    like $line->{subject}, qr/\A[0-9a-f]{32}\z/, 'a subject with the id';
    is one($h, GET => '/fhir/Patient/pat-1', $t)->{subject}, 'user-1',
        '... and one without';
};

subtest 'patient=clear and patient=off' => sub {
    my $t = $lab->token(scope => 'patient/*.rs', patient => 'pat-1',
                        sub => 'pat-1');
    my $clear = $lab->httpd(conf => conf("$LOG patient=clear"));
    my $line = one($clear, GET => '/fhir/Patient/pat-1', $t);
    is "$line->{patient} $line->{subject}", 'pat-1 pat-1', 'clear';
    my $off = $lab->httpd(conf => conf("$LOG patient=off"));
    $line = one($off, GET => '/fhir/Patient/pat-1', $t);
    is $line->{patient} // $line->{subject}, undef, 'off';
    $_->stop for $clear, $off;
};

subtest 'sections' => sub {
    my @log = map { "$dir/section-$_.json" } 1 .. 3;
    my $two = $lab->httpd(conf => conf($log[0],
        section('Location "/fhir/Patient"', "SmartAuditLog $log[1]"),
        section('VirtualHost *:@PORT@', 'ServerName https://b.example',
                "SmartAuditLog $log[2]")));
    my $t = $lab->token(scope => 'user/*.rs');
    $two->get($URL, $t, [Host => 'nobody']);
    $two->get('/fhir/Patient/pat-1', $t);
    my @n = map { scalar(() = lines(0, $_)) } @log;
    sleep 0.2;
    is join(' ', map { my @l = lines(0, $_); scalar @l } @log), '0 1 1',
        'the innermost has the line';
    $two->stop;
};

# --- a restart ---------------------------------------------------------------

subtest 'rotation' => sub {
    my $log = "$dir/rotate.json";
    my $r = $lab->httpd(conf => conf($log));
    my $t = $lab->token(scope => $SCOPE);
    $r->get($URL, $t);
    is scalar(() = lines(1, $log)), 1, 'a line';
    rename $log, "$log.1" or die "$log: $!\n";
    $r->get($URL, $t);
    is scalar(() = lines(2, "$log.1")), 2, 'moved: the old file goes on';
    ok !-e $log, '... there is no new one';
    ok $r->graceful, 'graceful';
    my $until = time() + 10;
    $r->get($URL, $t), sleep 0.05 while !-s $log && time() < $until;
    ok -s $log, '... opens it anew';
    my $mode = (stat $log)[2] & 07777;
    is sprintf('%o', $mode & 037), '0', '... not for everybody'
        or diag sprintf '%o', $mode;
    is scalar(grep { $_->{broken} } lines(1, $log), lines(1, "$log.1")), 0,
        'no line is broken';
    $r->stop;
};

# --- a program ---------------------------------------------------------------

my $program; # that is stopped: nobody else would end it
END { kill 'KILL', $program if $program }

my $CAT = "$dir/reader";
open my $f, '>', $CAT or die "$CAT: $!\n";
print $f <<"END";
#!/usr/bin/perl
open my \$pid, '>', "\$ARGV[0].pid"; print \$pid \$\$; close \$pid;
open my \$out, '>>', \$ARGV[0]; \$out->autoflush;
use IO::Handle;
print \$out \$_ while <STDIN>;
END
close $f;
chmod 0755, $CAT;

sub counted {
    my ($at, $name) = @_;
    my $json = json_decode($at->get('/smart-status')->body);
    return $json->{counts}{$name};
}

subtest 'a program that reads' => sub {
    my $log = "$dir/piped.json";
    my $p = $lab->httpd(conf => conf("\"|$CAT $log\"",
        section('Location "/smart-status"', 'SetHandler smart-status',
                'Require all granted')));
    my $t = $lab->token(scope => $SCOPE);
    $p->get($URL, $t) for 1 .. 20;
    my @lines = lines(20, $log);
    is scalar @lines, 20, 'has each line';
    is scalar(grep { $_->{broken} } @lines), 0, '... whole';
    is counted($p, 'audit_lines'), 20, '... counted';
    is counted($p, 'audit_lines_lost'), 0, '... none is lost';

    # It is stopped: the pipe is full after a few hundred lines.
    my $pid = slurp("$log.pid");
    ok $pid, 'the program' or return;
    $program = $pid;
    kill 'STOP', $pid;
    my $client = $p->client;
    my ($ok, $longest, $from) = (0, 0, time);
    for (1 .. 5000) {
        my $begin = time;
        $ok++ if $client->request('GET', $URL,
            [Authorization => "Bearer $t"])->status == 200;
        my $took = time() - $begin;
        $longest = $took if $took > $longest;
        last if $longest > 2; # it does wait: that is enough to know
    }
    my $took = time() - $from;
    # Before the next request: it may have to wait as well.
    cmp_ok $longest, '<', 1, 'it is stopped: no request waits for it';
    is $ok, 5000, '... all are answered';
    if ($ok < 5000) { kill 'CONT', $pid; return }
    my ($written, $lost) = map { counted($p, $_) }
        qw(audit_lines audit_lines_lost);
    diag sprintf '5000 requests beside a stopped program: %.2f s, the longest '
        . '%.0f ms; %d lines in the pipe, %d lost', $took, 1000 * $longest,
        $written - 20, $lost;
    is $written + $lost, 5020, '... each line is counted once';
    cmp_ok $lost, '>', 1000, '... most of them as lost';
    my @said = $p->log_text =~ /SMART0802/g;
    cmp_ok scalar @said, '>=', 1, '... that is said';
    cmp_ok scalar @said, '<=', 2 * $p->children, '... once a minute';
    kill 'CONT', $pid;
    @lines = lines($written, $log);
    is scalar @lines, $written, 'it goes on: what was written arrives';
    is scalar(grep { $_->{broken} } @lines), 0, '... whole';
    $p->get($URL, $t);
    is scalar(() = lines($written + 1, $log)), $written + 1,
        '... and what comes after';

    # It dies: httpd starts another, and nobody is held up.
    kill 'KILL', $pid;
    my $until = time() + 10;
    while (time() < $until && slurp("$log.pid") eq $pid) {
        is $p->get($URL, $t)->status, 200, 'it died: answered' ;
        sleep 0.3;
    }
    isnt slurp("$log.pid"), $pid, '... another one was started';
    $p->get($URL, $t);
    my $before = $written + 1;
    cmp_ok scalar(() = lines($before + 1, $log)), '>', $before,
        '... and reads on';
    $p->stop;
};

# --- the example -------------------------------------------------------------

# conf/audit-event.pl, on the lines of this suite.
subtest 'AuditEvent' => sub {
    my @lines = lines(0);
    open my $out, '-|', "$FindBin::Bin/../conf/audit-event.pl --observer gw"
        . " <$LOG" or die "audit-event.pl: $!\n";
    my @events = map { json_decode($_) } <$out>;
    ok close $out, 'no line is skipped';
    is scalar @events, scalar @lines, 'an event for each line';
    my (%outcome, %odd);
    for my $i (0 .. $#events) {
        my ($line, $e) = ($lines[$i], $events[$i]);
        # R4: what has to be there, and the codes of required bindings.
        $odd{$_}++ for grep { !$e->{$_} } qw(type recorded agent source);
        $odd{type} = 1 if $e->{resourceType} ne 'AuditEvent';
        $odd{action} = $e->{action} if $e->{action} !~ /\A[CRUDE]\z/;
        $odd{outcome} = $e->{outcome} if $e->{outcome} !~ /\A(?:0|4|8|12)\z/;
        $odd{observer}++ if $e->{source}{observer}{display} ne 'gw';
        $odd{requestor}++ if grep { !exists $_->{requestor} } @{$e->{agent}};
        $odd{recorded}++ if $e->{recorded} ne $line->{time};
        $odd{patient}++ if ($line->{patient} // '') ne (join '', map {
            $_->{what} ? $_->{what}{identifier}{value} : () } @{$e->{entity}});
        $outcome{"$line->{decision} $line->{status} $e->{outcome}"}++;
    }
    is_deeply \%odd, {}, 'they are what R4 asks for';
    ok $outcome{$_}, "outcome: $_" for 'permit 200 0', 'deny 403 4',
        'deny 503 8', 'public 204 0', 'deny 200 4';
    my ($read) = grep { $_->{outcome} eq '4' && ($_->{outcomeDesc} // '') eq 'no-scope' }
        @events;
    is join(' ', $read->{action}, $read->{subtype}[0]{code}), 'R read',
        'a refused read';
    open my $in, '|-', "$FindBin::Bin/../conf/audit-event.pl >/dev/null 2>&1"
        or die;
    print $in "no line\n";
    ok !close $in, 'what is no line is told';
};

ok $h->log_text !~ /exit signal|AH0005[12]/, 'no process died';
is join(' ', $lab->spilled), '', 'no token and no secret in any log';
done_testing;
