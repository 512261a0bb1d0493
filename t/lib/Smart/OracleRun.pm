# SPDX-License-Identifier: Apache-2.0
# An oracle run: random requests against httpd with the module, in several
# processes, each with a backend of its own, and every answer held against
# Smart::Oracle.
#
#   my $run = Smart::OracleRun->new(seed => 1, search => 'strict');
#   my $found = $run->go(1, 20_000);
#   print $found->{summary}; print @{$found->{wrong}};
#
# What can be wrong with an answer:
#   leak      it holds what the token does not cover
#   write     something was changed that must not have been
#   passed    a request that must be refused was not, or came to the backend
#   status    refused, but with another status than the contract has
#   blocked   refused although it is permitted
#   missing   a promised resource is not in it
#   error     no answer, or 5xx
#   unjudged  refused because something was not looked at
package Smart::OracleRun;
use strict;
use warnings;
use Smart::Client ();
use Smart::FhirStore ();
use Smart::Json qw(json_encode json_decode);
use Smart::Lab ();
use Smart::Oracle ();
use Smart::OracleRequests ();
use Smart::OracleWorld qw(world $BASE %ABSOLUTE);

# Options: seed, search (strict, everything: the mode of the backends),
# compartment (formal, subject), fhir_user (optional, required), processes (2),
# smart (0: without the module).
sub new {
    my ($class, %o) = @_;
    my $self = bless { seed => 1, search => 'strict', compartment => 'formal',
        fhir_user => 'optional', processes => 2, smart => 1, %o }, $class;
    my $lab = $self->{lab} = Smart::Lab->new(fhir => 0);
    my $dir = world($lab->dir . '/world');
    $self->{backends} = [map { Smart::Lab->new(as => 0,
        fhir => ['--fixtures', $dir, '--no-log']) } 1 .. $self->{processes}];
    $_->fhir_mode(page => 1000, search => $self->{search})
        for @{$self->{backends}};
    $self->{store} = Smart::FhirStore->new(dir => $dir);
    $self->{requests} = Smart::OracleRequests->new(
        seed => $self->{seed}, store => $self->{store});
    $self->{claims} = [$self->{requests}->tokens];
    $self->{tokens} = [map { $lab->token(%$_) } @{$self->{claims}}];
    $self->{httpd} = $lab->httpd(ports => $self->{processes},
        smart => $self->{smart}, log_level => 'warn', smart_log => 'warn',
        conf => join '', map { $self->_host($_) } 0 .. $self->{processes} - 1);
    return $self;
}

sub httpd { return $_[0]{httpd} }

sub _host {
    my ($self, $n) = @_;
    my $backend = $self->{backends}[$n]->fhir_base;
    my $location = $self->{lab}->protected(backend => $backend,
        extra => join "\n", "SmartPublicURL $BASE",
        'Header always set X-Lab-Decision "%{SMART_DECISION}e"',
        $self->{compartment} eq 'formal' ? ()
        : "SmartPatientCompartment $self->{compartment}",
        $self->{fhir_user} eq 'optional' ? ()
        : "SmartFhirUser $self->{fhir_user}");
    $location = "<Location /fhir>\nProxyPass $backend\n</Location>\n"
        if !$self->{smart};
    my $port = $n ? '@PORT' . ($n + 1) . '@' : '@PORT@';
    return "<VirtualHost 127.0.0.1:$port>\n${location}</VirtualHost>\n";
}

# Requests from one number to another. Returns { summary, count {what => n},
# wrong [lines], told {permit, must, ...} }.
sub go {
    my ($self, $from, $to) = @_;
    my @out = map { $self->{lab}->dir . "/said-$_" }
        0 .. $self->{processes} - 1;
    my @pids = map {
        my $n = $_;
        my $pid = fork // die "fork: $!\n";
        if (!$pid) {
            my $ok = eval { $self->_work($n, $out[$n], $from, $to); 1 };
            print STDERR $@ if !$ok;
            require POSIX;
            POSIX::_exit($ok ? 0 : 1);
        }
        $pid;
    } 0 .. $self->{processes} - 1;
    my $failed = 0;
    for (@pids) { waitpid $_, 0; $failed ||= $? }
    die "a process of the run failed\n" if $failed;
    return $self->_sum(@out);
}

sub _sum {
    my ($self, @files) = @_;
    my %sum = (told => {}, count => {}, wrong => []);
    for (@files) {
        open my $f, '<', $_ or die "$_: $!\n";
        local $/;
        my $one = json_decode(<$f>);
        for my $k (qw(told count)) {
            $sum{$k}{$_} += $one->{$k}{$_} for keys %{$one->{$k}};
        }
        push @{$sum{wrong}}, @{$one->{wrong}};
    }
    $sum{summary} = join ', ', map {
        my $k = $_;
        map { "$_ $sum{$k}{$_}" } sort keys %{$sum{$k}};
    } qw(told count);
    return \%sum;
}

# One process: every n-th request.
sub _work {
    my ($self, $n, $file, $from, $to) = @_;
    my $w = { told => {}, count => {}, wrong => [] };
    my $backend = $self->{backends}[$n];
    $self->{oracle} = Smart::Oracle->new(
        store => $self->{store}, base => $BASE, bases => [$backend->fhir_base],
        compartment => $self->{compartment}, fhir_user => $self->{fhir_user});
    $self->{at} = Smart::Lab->attach(fhir_port => $backend->fhir_port);
    $self->{client} = $self->{httpd}->client(port => $self->{httpd}->port($n),
                                             timeout => 20);
    $self->{seen} = $self->{at}->control(fhir => 'writes');
    for my $i ($from .. $to) {
        next if $i % $self->{processes} != $n;
        my ($what, $why) = $self->_one($i, $w->{told});
        next if !$what;
        $w->{count}{$what}++;
        push @{$w->{wrong}}, [$i, "$what: $why\n    " . $self->reproduce($i)]
            if $w->{count}{$what} <= 20;
    }
    open my $f, '>', $file or die "$file: $!\n";
    print $f json_encode($w);
    close $f or die "$file: $!\n";
    return;
}

# A request in one line, and how to send it again.
sub reproduce {
    my ($self, $i) = @_;
    my ($token, $r) = $self->{requests}->request($i);
    my $c = !defined $token ? { scope => '(no token)' } : $token < 0
        ? { scope => '(unknown token)' } : $self->{claims}[$token];
    my $line = join ' | ', "ORACLE_SEED=$self->{seed} ORACLE_ONLY=$i",
        "$self->{search} $self->{compartment} $self->{fhir_user}",
        $c->{scope}, map({ defined $c->{$_} ? "$_ $c->{$_}" : () }
                         qw(patient fhirUser)),
        "$r->{method} $r->{path}" . (defined $r->{query} ? "?$r->{query}" : ''),
        map({ "$_: $r->{headers}{$_}" } sort keys %{$r->{headers}}),
        defined $r->{body} ? $r->{body} : ();
    $line =~ s/[^\x20-\x7e]/?/g;
    return $line;
}

# --- one request -----------------------------------------------------------

# (what is wrong, why), or nothing.
sub _one {
    my ($self, $i, $told) = @_;
    my ($token, $r) = $self->{requests}->request($i);
    my $claims = !defined $token ? undef : $token < 0 ? 0
        : $self->{claims}[$token];
    my $v = $self->{oracle}->judge($claims, $r);
    my $kind = @{$v->{faults}} ? 'refuse' : @{$v->{doubts}} ? 'open'
        : 'permit';
    $told->{$kind}++;
    $told->{promised}++ if $kind eq 'permit' && @{$v->{must}};
    my @h = map { $_ => $r->{headers}{$_} } sort keys %{$r->{headers}};
    unshift @h, 'Authorization', 'Bearer '
        . ($token < 0 ? 'nobody-knows-it' : $self->{tokens}[$token])
        if defined $token;
    my $target = "/fhir$r->{path}"
        . (defined $r->{query} ? "?$r->{query}" : '');
    $target =~ s/([^\x21-\x7e])/sprintf '%%%02X', ord $1/ge;
    my $a = $self->{client}->request($r->{method}, $target, \@h, $r->{body});
    return $self->_check($v, $kind, $r, $a);
}

# What happened at the backend since the last time: (hits, writes).
sub _backend {
    my ($self) = @_;
    my $now = $self->{at}->control(fhir => 'writes');
    my @d = map { $now->{$_} - $self->{seen}{$_} } qw(hits writes);
    if ($d[1]) {
        $self->{at}->fhir_reset;
        $self->{at}->fhir_mode(page => 1000, search => $self->{search});
        $now = $self->{at}->control(fhir => 'writes');
    }
    $self->{seen} = $now;
    return @d;
}

sub _check {
    my ($self, $v, $kind, $r, $a) = @_;
    my $status = $a->{status};
    my ($hits, $writes) = $self->_backend;
    my ($said) = map { $_->[1] }
        grep { lc $_->[0] eq 'x-lab-decision' } @{$a->{headers} || []};
    my $why = join '; ', "said " . ($said // 'nothing'), map { ref $_ ? "$_->[0] $_->[1]" : "open: $_" }
        @{$v->{faults}}, @{$v->{doubts}};
    my @leaks = grep { !$self->_may_show($v, $kind, $r, $_) } $a->canaries;
    return (leak => "$status with @leaks ($why)") if @leaks;
    return (write => "$status, $writes changes ($why)")
        if $writes && ($kind eq 'refuse' || !$v->{write});
    return (error => $a->{error} // 'no answer') if !$status;
    return (error => "$status ($why)")
        if $status >= 500 && $kind ne 'open';
    return (unjudged => $why) if ($said // '') eq 'not-judged'
        && $kind ne 'open' && !grep { $_->[0] == 403 } @{$v->{faults}};
    if ($kind eq 'refuse') {
        return (passed => "$status, $hits at the backend, not $why")
            if $status < 400 || $hits && !$v->{look};
        return (status => "$status, not $why")
            if !@{$v->{doubts}}
            && !grep { $_->[0] == $status } @{$v->{faults}};
        return;
    }
    return if $kind eq 'open';
    # A backend of the lab says neither 401 nor 403.
    return (blocked => "$status, $why")
        if $status >= 400 && !$hits || $status =~ /\A40[13]\z/;
    return if !@{$v->{must}} || $r->{method} eq 'HEAD';
    my %have = map { $_ => 1 } $a->canaries;
    my @missing = grep { !$have{$_} && !($ABSOLUTE{$_} && !$r->{path}
                                         !~ m{/[^/]+/}) } @{$v->{must}};
    return (blocked => "$status, not @missing, $why") if @missing
        && $status >= 400;
    return (missing => "$status without @missing, $why") if @missing;
    return;
}

# May a canary be in the answer?
sub _may_show {
    my ($self, $v, $kind, $r, $canary) = @_;
    return $kind ne 'refuse' || $canary =~ m{\ACapability}
        if $canary =~ m{\A(?:Operation|Backend|CapabilityStatement)/};
    return 0 if $kind eq 'refuse';
    return 1 if !$v->{shown}
        || $v->{believed} && $self->{search} eq 'everything';
    my ($type, $id, $vid) = $canary =~ m{\A(\w+)/([^~]+)(?:~v(\d+))?\z};
    for (@{$v->{written} || []}) {
        next if $_->{resourceType} ne $type
            || ($_->{id} // '') ne $id && $id !~ /\Anew-\d+\z/;
        # As it comes back: the backend has dated it.
        my %stored = (%$_, id => $id, meta => { %{$_->{meta} || {}},
            lastUpdated => Smart::FhirStore::instant(time()) });
        return 1 if $v->{shown}->(\%stored);
    }
    my $s = $self->{store};
    my $x = defined $vid ? $s->version($type, $id, $vid)
        : $s->current($type, $id);
    return $x && $x->{resource} && $v->{shown}->($x->{resource}) ? 1 : 0;
}

1;
