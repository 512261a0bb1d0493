#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The configurations in conf/examples: each is loaded as it stands, and does
# what its comments say. Names of other machines, files and ports are replaced
# by those of the lab; nothing else is.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Smart::Expect qw(is_refusal is_read);
use Smart::Json qw(json_decode);
use Smart::Lab ();
use Smart::Store ();
use Time::HiRes qw(sleep time);

my $lab = Smart::Lab->new;
my $west = Smart::Lab->new;
my $dir = $lab->dir;
my $EXAMPLES = Smart::Lab->top . '/conf/examples';
my $SCOPE = 'user/Observation.rs';
my %tested;

sub openssl {
    my ($command) = @_;
    my $out = qx(openssl $command 2>&1);
    die "openssl $command: $out" if $?;
    return;
}

# A certificate of its own authority: (pem, key).
sub self_signed {
    my ($name, $ext) = @_;
    openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
        . "-keyout $dir/$name.key -out $dir/$name.pem -days 2 -subj /CN=$name "
        . "-addext $ext");
    return ("$dir/$name.pem", "$dir/$name.key");
}
my ($tls_cert, $tls_key)
    = self_signed('fhir', 'subjectAltName=DNS:fhir.example.org');

# The text of an example for the lab. Options: as, fhir (URLs in place of those
# of the lab), more {text => text}.
sub example {
    my ($name, %o) = @_;
    $tested{$name} = 1;
    open my $f, '<', "$EXAMPLES/$name.conf" or die "$name: $!\n";
    my $t = do { local $/; <$f> };
    my %at = (
        'https://as.example.org' => $o{as} // $lab->issuer,
        'https://as.west.example' => $west->issuer,
        'http://127.0.0.1:8080/fhir' => '@FHIR@',
        'http://127.0.0.1:8081/fhir' => $west->fhir_base,
        'file:/etc/apache2/smart.secret' => '@SECRET@',
        '/etc/apache2/tls/fhir.pem' => $tls_cert,
        '/etc/apache2/tls/fhir.key' => $tls_key,
        '"logs/' => '"@DIR@/',
        '*:443' => '127.0.0.1:@PORT2@', '*:80' => '127.0.0.1:@PORT2@',
        %{$o{more} || {}});
    my $any = join '|', map { quotemeta }
        sort { length $b <=> length $a } keys %at;
    $t =~ s/($any)/$at{$1}/g;
    return $t;
}

# An httpd with an example; a warning at its start must have been expected.
sub start {
    my ($name, %o) = @_;
    my $conf = example($name, %o);
    my $h = $lab->httpd(conf => $conf, ports => 2,
        modules => [$conf =~ /SSLEngine/ ? 'ssl' : (), @{$o{modules} || []}]);
    my @said = grep { /SMART\d/ && !/:(?:info|notice|debug)\]/ }
        split /\n/, $h->log_text;
    my $warns = $o{warns};
    is join("\n", grep { !$warns || !/$warns/ } @said), '',
        "$name: starts without a warning" . ($warns ? ' but one' : '');
    ok +(grep { /$warns/ } @said), '... that was expected' if $warns;
    return Example->new($h, $conf =~ /SSLEngine/);
}

# Asks the virtual host of an example.
package Example {
    sub new { my ($class, $h, $tls) = @_; return bless { h => $h, tls => $tls },
                                          $class }
    sub httpd { return $_[0]{h} }
    sub ask {
        my ($self, $method, $target, $token, $headers, $body) = @_;
        my $c = Smart::Client->new(port => $self->{h}->port(1),
                                   ($self->{tls} ? (tls => 1) : ()));
        my @h = @{$headers || []};
        push @h, Authorization => "Bearer $token" if defined $token;
        my $r = $c->request($method, $target, \@h, $body);
        $c->close;
        return $r;
    }
    sub get { my ($self, @more) = @_; return $self->ask('GET', @more) }
    sub stop { return $_[0]{h}->stop }
}

my $token = $lab->token(scope => $SCOPE);
my $all = $lab->token(scope => 'user/*.rs');

subtest 'hapi.conf' => sub {
    my $e = start('hapi');
    is_read $e->get('/fhir/Observation/obs-1', $token), 'Observation/obs-1',
        'a read';
    is_refusal $e->get('/fhir/Observation/obs-1'), 401, 'login',
        'Bearer realm="Example FHIR"', '... not without a token';
    my $link = sub {
        my ($l) = grep { $_->{relation} eq 'next' }
            @{json_decode($_[0]->body)->{link}};
        return $l->{url};
    };
    my $r = $e->get('/fhir/Observation?_count=2', $all);
    is $r->status, 200, 'a search';
    my ($page) = $link->($r) =~ m{\Ahttps?://[^/]+(/fhir\?_getpages=.*)\z};
    ok $page, '... has a next page, below the base';
    is $e->get($page, $all)->status, 200, '... which is read with its token';
    is $e->get($page)->status, 401, '... and with no other';
    is $e->get('/', $token)->status, 404, 'browser pages are not published';
    $lab->fhir_mode(headers => [['Access-Control-Allow-Origin', '*']]);
    my $at = sub { $e->get('/fhir/Observation/obs-1', $token,
                           [Origin => $_[0]])
                       ->header('Access-Control-Allow-Origin') };
    is $at->('https://app.example.org'), 'https://app.example.org',
        'the app is let in';
    is $at->('https://evil.example'), undef, "... and the server's * is gone";
    $lab->fhir_reset;
    $e->stop;
};

subtest 'behind-balancer.conf' => sub {
    my $e = start('behind-balancer', modules => ['remoteip']);
    is $e->ask($_, '/fhir/metadata')->status, 200, "$_ metadata, as a probe"
        for qw(GET HEAD);
    is $e->ask(POST => '/fhir/metadata')->status, 401, '... nothing but that';
    my $mine = $lab->token(scope => $SCOPE, aud => 'https://fhir.example.org/fhir');
    my $other = $lab->token(scope => $SCOPE, aud => 'https://evil.example/fhir');
    my @host = (Host => 'evil.example', 'X-Forwarded-Host' => 'evil.example',
                'X-Forwarded-Proto' => 'http');
    $lab->control(fhir => 'log?clear=1');
    is $e->get('/fhir/Observation/obs-1', $mine, \@host)->status, 200,
        'a token for the public URL';
    is $e->get('/fhir/Observation/obs-1', $other, \@host)->status, 401,
        '... not one for the host that a client names';
    my %h = map { lc $_->[0] => $_->[1] }
        map { @{$_->{headers}} } ($lab->fhir_log)[-1];
    is join(' ', map { $h{"x-forwarded-$_"} // '-' } qw(proto host port prefix)),
        'https fhir.example.org 443 /fhir', 'the backend hears of it';
    $e->stop;
};

subtest 'tenants.conf' => sub {
    my $e = start('tenants');
    my $east = $lab->token(scope => $SCOPE);
    my $of_west = $west->token(scope => $SCOPE);
    for (['east', $east, 200], ['west', $of_west, 200], ['east', $of_west, 401],
         ['west', $east, 401]) {
        my ($where, $t, $status) = @$_;
        is $e->get("/$where/fhir/Observation/obs-1", $t)->status, $status,
            "$where: $status";
    }
    my $app = $lab->token(scope => $SCOPE, client_id => 'research-app');
    my $hits = $west->hits;
    is $e->get('/east/fhir/research/Observation/obs-1', $app)->status, 200,
        'research, below the path of east';
    is $west->hits, $hits + 1, '... at a server of its own';
    is $e->get('/east/fhir/research/Observation/obs-1', $east)->status, 403,
        '... for its client';
    is $e->get('/east/fhir/research/Observation/obs-1', $of_west)->status, 401,
        '... of its authorization server';
    $e->stop;
};

subtest 'partners.conf' => sub {
    my $e = start('partners');
    is_read $e->get('/fhir/Observation/obs-1', $token), 'Observation/obs-1',
        'with a token';
    is $e->get('/fhir/Observation/obs-1')->status, 401, '... not without';
    is $e->get('/partner/fhir/Observation/obs-1')->status, 403,
        'a partner at another address';
    is $e->get('/partner/fhir/Observation/obs-1', $token)->status, 403,
        '... is not helped by a token';
    $e->stop;
    my $here = start('partners', more => { '192.0.2.17' => '127.0.0.1' });
    is_read $here->get('/partner/fhir/Observation/obs-1'), 'Observation/obs-1',
        'a partner at its address';
    is $here->get('/fhir/Observation/obs-1')->status, 401,
        '... needs a token elsewhere';
    $here->stop;
};

subtest 'terminology.conf' => sub {
    my $e = start('terminology');
    my $strong = $lab->token(scope => 'system/*.cruds');
    $lab->load({ resourceType => 'ValueSet', id => 'vs-example', status => 'active' });
    for (['a ValueSet', '/ValueSet/vs-example'], ['a search', '/ValueSet'],
         ['metadata', '/metadata'],
         ['an expansion', '/ValueSet/vs-example/$expand']) {
        my ($what, $at) = @$_;
        is $e->get("/fhir$at")->status, 200, "$what, without a token";
    }
    my $json = ['Content-Type' => 'application/fhir+json'];
    my $writes = $lab->writes;
    for (['another type', GET => '/Patient/pat-1'],
         ['a change', PUT => '/ValueSet/vs-example', $json,
          '{"resourceType":"ValueSet","id":"vs-example","status":"draft"}'],
         ['a new one', POST => '/ValueSet', $json,
          '{"resourceType":"ValueSet","status":"draft"}'],
         ['a removal', DELETE => '/ValueSet/vs-example'],
         ['another operation', GET => '/ValueSet/$unheard-of']) {
        my ($what, $method, $at, @more) = @$_;
        is $e->ask($method, "/fhir$at", $strong, @more)->status, 403,
            "$what: not with any token";
        is $e->ask($method, "/fhir$at", undef, @more)->status, 401,
            '... nor without';
    }
    is $lab->writes, $writes, 'nothing was written';
    $lab->fhir_reset;
    $e->stop;
};

subtest 'report.conf' => sub {
    my $e = start('report', warns => qr/SMART0120/);
    my $nobody = $e->get('/fhir/Observation/obs-1');
    is_read $nobody, 'Observation/obs-1', 'without a token';
    is_read $e->get('/fhir/Observation/obs-1', $token), 'Observation/obs-1',
        'with one';
    is $e->get('/fhir/Condition/cond-1', $token)->status, 200, 'beyond it';
    $e->stop;
    open my $f, '<', $e->httpd->dir . '/smart_log' or die "smart_log: $!\n";
    my @decisions = map { /"([^"]*)"/ ? $1 : $_ } <$f>;
    is "@decisions", 'no-token permit no-scope', 'the log says what would be';
};

subtest 'keycloak.conf' => sub {
    my $realm = '/realms/clinic';
    my $introspect = "$realm/protocol/openid-connect/token/introspect";
    my $sso = Smart::Lab->new(fhir => 0, as => ['--path', $introspect]);
    my $iss = $sso->issuer . $realm;
    my $e = start('keycloak', more => {
        'https://sso.example.org' => $sso->issuer });
    my %good = (scope => 'fhir-observation-read email', iss => $iss,
                aud => ['https://fhir.example.org/fhir', 'account']);
    my $get = sub { $e->get('/fhir/Observation/obs-1',
                            $sso->token(%good, @_))->status };
    is $get->(), 200, 'a scope by its alias';
    is $get->(scope => 'fhir-observation'), 403, '... by that alone';
    is $get->(aud => 'account'), 401, 'without the audience mapper';
    is $get->(iss => $sso->issuer . '/realms/other'), 401, 'of another realm';
    $e->stop;
    $sso->stop;
};

subtest 'mutual-tls.conf' => sub {
    my ($cert, $key) = self_signed('as', 'subjectAltName=IP:127.0.0.1');
    my ($client, $client_key)
        = self_signed('gateway', 'extendedKeyUsage=clientAuth');
    my ($stranger, $stranger_key)
        = self_signed('stranger', 'extendedKeyUsage=clientAuth');
    system("cat $client $stranger > $dir/clients.pem") == 0 or die;
    my $as = Smart::Lab->new(fhir => 0, as => ['--cert', $cert, '--key', $key,
        '--client-ca', "$dir/clients.pem", '--client-cert', 'optional']);
    $as->as_client(client_id => 'gateway', subject => '/CN=gateway');
    my $t = $as->token(scope => $SCOPE);
    for (['the right certificate', $client, $client_key, 200],
         ['another one', $stranger, $stranger_key, 503]) {
        my ($what, $c, $k, $status) = @$_;
        my $e = start('mutual-tls', as => $as->issuer, more => {
            '/etc/apache2/tls/gateway.pem' => $c,
            '/etc/apache2/tls/gateway.key' => $k,
            '/etc/apache2/tls/as-ca.pem' => $cert });
        is $e->get('/fhir/Observation/obs-1', $t)->status, $status, $what;
        $e->stop;
    }
    $as->stop;
};

subtest 'launch.conf' => sub {
    my $e = start('launch', more => { ' logs/' => ' @DIR@/',
                                      '192.0.2.0/24' => '127.0.0.1' });
    my $conf = '/fhir/.well-known/smart-configuration';
    my $until = time() + 10;
    sleep 0.05 while $e->get($conf)->status == 503 && time() < $until;
    my $r = $e->get($conf, undef, [Origin => 'https://anybody.example']);
    is $r->status, 200, 'discovery, without a token';
    is $r->header('Access-Control-Allow-Origin'), '*', '... for every origin';
    my $c = json_decode($r->body);
    is $c->{token_endpoint}, $lab->issuer . '/token',
        '... as the authorization server says';
    my %has = map { $_ => 1 } @{$c->{capabilities}};
    ok $has{$_}, "... with $_" for 'launch-ehr', 'permission-v2';
    my @user = (scope => 'user/Observation.rs');
    is $e->get('/fhir/Observation/obs-1', $lab->token(@user, fhirUser =>
               'Practitioner/prac-1'))->status, 200, 'a user';
    is $e->get('/fhir/Observation/obs-1', $lab->token(@user))->status, 403,
        '... not one of whom nothing is known';
    my $mine = $lab->token(scope => 'patient/Observation.rs', patient => 'pat-1');
    $r = $e->get('/fhir/Observation', $mine);
    is $r->status, 200, 'a search of a patient';
    my @not = grep { $_->{resource}{subject}{reference} !~ m{Patient/pat-1\z}
                     && ($_->{resource}{performer}[0]{reference} // '')
                        !~ m{Patient/pat-1\z} }
        @{json_decode($r->body)->{entry}};
    is scalar @not, 0, '... has nobody else in it';
    is $e->get('/fhir/Observation/obs-2', $mine)->status, 404,
        '... nor has a read';
    is $e->get('/smart-status')->status, 200, 'the status page';
    $e->stop;
    open my $f, '<', $e->httpd->dir . '/smart_audit' or die "smart_audit: $!\n";
    my @reasons = map { $_->{reason} // $_->{decision} }
        grep { ($_->{interaction} // '') ne 'discovery' }
        map { json_decode($_) } <$f>;
    is "@reasons", 'permit fhir-user permit foreign', 'the audit log says so';
    my $closed = start('launch', more => { ' logs/' => ' @DIR@/' });
    is $closed->get('/smart-status')->status, 403, '... not for others';
    $closed->stop;
};

subtest 'cluster.conf' => sub {
    my $store = Smart::Store->new('redis', $dir);
    open my $f, '>', "$dir/cluster" or die "cluster: $!\n";
    print $f 'secret-of-the-cluster-0123456789', "\n";
    close $f;
    chmod 0600, "$dir/cluster";
    my @machine = map { start('cluster', modules => ['socache_redis'], more => {
        'redis:127.0.0.1:6379' => $store->spec,
        '/etc/apache2/smart-cluster.secret' => "$dir/cluster" }) } 1 .. 2;
    my $t = $lab->token(scope => $SCOPE);
    is $machine[0]->get('/fhir/Observation/obs-1', $t)->status, 200,
        'a token on one machine';
    my $until = time() + 5;
    sleep 0.05 while !(grep { !/0{64}\z/ } $store->keys) && time() < $until;
    is $machine[1]->get('/fhir/Observation/obs-1', $t)->status, 200,
        '... on another';
    is $lab->as_count($t), 1, '... was asked about once';
    $store->kill;
    is $machine[1]->get('/fhir/Observation/obs-1',
                        $lab->token(scope => $SCOPE))->status, 200,
        'without the store another one is, too';
    $_->stop for @machine;
};

my @files = map { m{([^/]+)\.conf\z} } glob "$EXAMPLES/*.conf";
is join(' ', sort keys %tested), join(' ', sort @files), 'each file is tested';
done_testing;
