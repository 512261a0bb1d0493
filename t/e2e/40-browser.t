#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A SMART app that knows its client id and nothing of the gateway, written with
# fhirclient, in Chromium, on an origin of its own: it finds everything at the
# FHIR base, and httpd with the module is all it ever talks to for FHIR.
# Pictures of what people see are in .out/screenshots afterwards.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../lib";
use Test::More;
use Time::HiRes qw(sleep time);
use Smart::Json qw(json_decode json_encode);
use Smart::Lab ();
use Smart::Real ();

die Smart::Real::missing() . "\n" if Smart::Real::missing();
my $CHROMIUM = $ENV{SMART_CHROMIUM} // '/usr/bin/chromium';
die "Chromium is needed: build/install-deps test\n" if !-x $CHROMIUM;
my $TTL = 2; # seconds

my $port = Smart::Lab->free_port;
my $base = "http://127.0.0.1:$port/fhir";
my $real = Smart::Real->new(public_url => $base);
my $app = $real->app;
my $h = $real->httpd(port_list => [$port], conf => Smart::Lab->protected(
    extra => Smart::Real->for_apps($app) . "\nSmartCacheTTL ${TTL}s"));
my $b = $real->browser;

sub version_of {
    my ($package) = @_;
    open my $f, '<', $real->top . "/t/e2e/node_modules/$package/package.json"
        or die "$package: $!\n";
    local $/;
    return json_decode(<$f>)->{version};
}

sub httpd_version {
    my ($version) = qx($h->{binary} -v) =~ m{Apache/(\S+)};
    return $version // '';
}

my @counterparts = (['authorization server', 'oidc-provider'],
    ['client', 'fhirclient'], ['FHIR server', '@medplum/fhir-router'],
    ['driver', 'playwright-core']);
diag join "\n", 'httpd ' . httpd_version(), 'browser: Chromium ' . $b->version,
    map { "$_->[0]: $_->[1] " . version_of($_->[1]) } @counterparts;
$real->wait_for_discovery($h);

# --- what a person does ------------------------------------------------------

my $shots = 0;
sub shot {
    my ($name) = @_;
    return $b->shot(sprintf 'app-%02d-%s', ++$shots, $name);
}

# Launch, sign in, agree; until the app shows a chart. Options: launch (the
# EHR's handle), login, patient (both as on the form).
sub launch {
    my (%o) = @_;
    $b->fresh;
    $b->go("$app/launch.html?iss=$base"
        . ($o{launch} ? "&launch=$o{launch}" : ''));
    $b->wait('h1', 'Sign in');
    $b->choose('[name=login]', $o{login}) if $o{login};
    $b->choose('[name=patient]', $o{patient}) if $o{patient};
    shot("sign-in-$o{shot}");
    $b->click('button');
    said('200 opened');
    shot("chart-$o{shot}");
    return;
}

# What the app tells once it has an answer.
sub said {
    my ($status) = @_;
    return $b->text('#said') if eval { $b->wait('#said', $status); 1 };
    die "$status was wanted, the app says: " . $b->text('#said') . "\n$@";
}

sub ask {
    my ($path, $status) = @_;
    $b->fill('#path', $path);
    $b->click('#ask button');
    return said($status);
}

sub ids { return $b->run(q{[...document.querySelectorAll('#list tr')]
    .map((tr) => tr.lastChild.textContent)}) }

# The status of a request as fhirclient makes it, in JavaScript.
sub status_of {
    my ($call) = @_;
    return $b->run("$call.then(() => 200, (e) => e.status ?? String(e))");
}

# A request is sent; none but the FHIR server says what became of it.
sub answers {
    my ($wanted) = @_;
    return [map { s{\A\Q$base\E}{}r } map { "$_->{method} $_->{status} "
        . $_->{url} } grep { index($_->{url}, $wanted) == 0 }
        @{$b->seen->{answers}}];
}

# --- the steps ---------------------------------------------------------------

my $steps = 0;
sub step {
    my ($name, $code) = @_;
    my $ok = subtest $name => $code;
    diag sprintf '%2d. %s%s', ++$steps, $name, $ok ? '' : ': FAILED';
    return;
}

step 'standalone launch: the patient is picked' => sub {
    $real->fhir_log;
    launch(login => 'user-1', patient => 'pat-1', shot => 'standalone');
    is $b->text('#patient'), 'Anna Able, 1970-01-01', 'the patient picked';
    is $b->text('#user'), 'Practitioner/prac-1', '... by the user';
    like $b->text('#scope'), qr{patient/Observation\.rus}, '... and granted';
    my $seen = $b->seen;
    my %origins = map { $_->{url} =~ m{\A([a-z]+://[^/]+)} ? ($1 => 1) : () }
        @{$seen->{answers}};
    is_deeply [sort keys %origins], [sort $app, $real->issuer,
        "http://127.0.0.1:$port"], 'three origins, none the FHIR server\'s';
    is_deeply [grep { /\A(?:error|failed)/ } @{$seen->{messages}}], [],
        '... and nothing for the browser to complain about';
    my @fhir = grep { m{^\Q$base\E} } map { $_->{url} } @{$seen->{answers}};
    is $fhir[0], "$base/.well-known/smart-configuration",
        'all was found at the FHIR base';
    my ($token) = map { $_->{status} }
        grep { $_->{method} eq 'POST' && $_->{url} =~ m{/token\z} }
        @{$seen->{answers}};
    is $token, 200, '... code and verifier made a token';
};

step 'search: narrowed, page by page' => sub {
    my @seen = $real->fhir_log;
    my ($search) = grep { $_->{target} =~ /\bObservation\?/ } @seen;
    like $search->{target}, qr{[?&](?:patient|subject)=(?:Patient%2F|Patient/)?
        pat-1(?:&|\z)}x, 'the FHIR server was asked for one patient';
    is_deeply ids(), [qw(obs-1 obs-mv)], 'the first page';
    $b->seen;
    $b->click('#more');
    said('200 another page');
    is_deeply ids(), [qw(obs-1 obs-mv obs-vs1)], '... and the second';
    is scalar(grep { m{\AGET 200 } } @{answers("$base/Observation?")}), 1,
        '... by the link of the first, which names the gateway';
    shot('pages');
    is_deeply $b->run(q{client.request('Observation?patient=Patient/pat-2')
        .then((bundle) => bundle.entry ?? [])}), [],
        'another patient\'s: nothing is found';
    is_deeply $b->run(q{client.request('Observation',
        { pageLimit: 0, flat: true }).then((all) => all.map((o) => o.id))}),
        [qw(obs-1 obs-mv obs-vs1)], 'without a page size: all hers';
};

step 'reads: granted and denied' => sub {
    is ask('Observation/obs-1', '200'), '200 Observation/obs-1', 'her own';
    my $other = ask('Observation/obs-2', '404');
    shot('denied-404');
    is $other, ask('Observation/none', '404'), 'another patient\'s: 404, as '
        . 'for one that is not there';
    ask('Patient/pat-2', '404');
    pass 'another patient: 404';
    ask('Condition/cond-1', '403');
    shot('denied-403');
    pass 'a type without a scope: 403';
    ask('Patient?name=Able', '403');
    pass 'a search without its letter: 403';
};

step 'a write' => sub {
    $b->click('#amend');
    said('200 amended');
    shot('amended');
    is $real->fhir_client->request(GET => '/fhir/Observation/obs-1')
        ->json->{status}, 'amended', 'her own Observation is changed';
    for (['another patient\'s', 403, 'obs-2', 'pat-2'],
         ['... taken over', 404, 'obs-2', 'pat-1'],
         ['... one that is not there', 403, 'obs-none', 'pat-2'],
         ['her own, given away', 403, 'obs-1', 'pat-2']) {
        my ($name, $status, $id, $patient) = @$_;
        my %o = (resourceType => 'Observation', id => $id, status => 'final',
                 code => { text => 'x' },
                 subject => { reference => "Patient/$patient" });
        is status_of('client.update(' . json_encode(\%o) . ')'), $status,
            "$name: $status";
    }
    is $real->fhir_client->request(GET => '/fhir/Observation/obs-2')
        ->json->{status}, 'final', 'his is as it was';
    is status_of(q{client.create({ resourceType: 'Observation',
        status: 'final', code: { text: 'x' },
        subject: { reference: 'Patient/pat-1' } })}), 403,
        'a create without its letter: 403';
};

my $TOKEN = 'client.state.tokenResponse.access_token';

step 'refresh' => sub {
    my $before = $b->run($TOKEN);
    $b->click('#renew');
    said('200 a new token');
    isnt $b->run($TOKEN), $before, 'the app has another token';
    is ask('Observation/obs-1', '200'), '200 Observation/obs-1',
        '... for the same patient';
    ask('Observation/obs-2', '404');
    pass '... and no other';
};

step 'logout: seen within the TTL' => sub {
    my $token = $b->run($TOKEN);
    is $h->get('/fhir/Patient/pat-1', $token)->status, 200, 'good until then';
    $b->click('#leave');
    said('200 logged out');
    my $since = time();
    my $status;
    do {
        sleep 0.05;
        $status = $h->get('/fhir/Patient/pat-1', $token)->status;
    } while $status == 200 && time() < $since + 2 * $TTL;
    my $after = time() - $since;
    is $status, 401, 'the token is no longer good';
    cmp_ok $after, '<', $TTL + 0.5, "... which took @{[sprintf '%.2f', $after]}"
        . " s, the TTL being $TTL s";
    like ask('Patient/pat-1', '401'), qr/\A401 /, '... for the app neither';
    shot('logged-out');
};

step 'EHR launch: the patient is the EHR\'s' => sub {
    $real->fhir_log;
    launch(login => 'user-1', launch => 'pat:pat-2', shot => 'ehr');
    is $b->text('#patient'), 'Bert Baker, 1980-02-02', 'the patient of launch';
    is_deeply ids(), [qw(obs-2 obs-focus)], 'his observations';
    $b->click('#more');
    said('200 another page');
    is_deeply ids(), [qw(obs-2 obs-focus obs-perf)], '... and the other page';
    ask('Observation/obs-2', '200');
    ask('Observation/obs-vs1', '404');
    pass 'her observations are not his';
};

step 'a patient opens her own chart' => sub {
    launch(login => 'anna', patient => 'pat-1', shot => 'patient');
    is $b->text('#user'), 'Patient/pat-1', 'she is the user';
    is $b->run('client.user.read().then((p) => p.id)'), 'pat-1',
        '... which fhirclient reads as well';
};

step 'an app of another origin' => sub {
    my $other = 'http://127.0.0.1:' . $real->{as_port};
    $b->go("$other/.well-known/openid-configuration");
    like $b->run("fetch('$base/Patient/pat-1', { headers: "
        . "{ authorization: 'Bearer x' } }).then((r) => 'got ' + r.status, "
        . "(e) => e.name)"), qr/TypeError/, 'the browser lets it see nothing';
    is $b->run("fetch('$base/.well-known/smart-configuration')"
        . ".then((r) => r.status)"), 200, 'but what is public';
};

step 'a backend service' => sub {
    my $told = $h->get('/fhir/.well-known/smart-configuration')->json;
    is $told->{token_endpoint}, $real->issuer . '/token',
        'the token endpoint, told at the FHIR base';
    my $token = $real->backend(client => 'backend',
        scope => 'system/Observation.rs')->{access_token};
    my $r = $h->get('/fhir/Observation?_count=50', $token);
    is $r->status, 200, 'private_key_jwt, system/Observation.rs: searches';
    my %patients = map { $_->{resource}{subject}{reference} => 1 }
        @{$r->json->{entry}};
    cmp_ok scalar(keys %patients), '>', 1, '... all patients';
    is $h->get('/fhir/Observation/obs-2', $token)->status, 200, '... reads';
    is $h->get('/fhir/Patient/pat-1', $token)->status, 403,
        '... nothing else';
    is $h->request(DELETE => '/fhir/Observation/obs-2', $token)->status, 403,
        '... and writes nothing';
};

unlike $h->log_text, qr/AH00052|exit signal/, 'no crash';
done_testing;
