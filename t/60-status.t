#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What operators see: the handler smart-status in both its formats, and the
# section of mod_status. The numbers must be what happened, in all of them.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time sleep);
use Smart::Expect qw(is_refusal challenge);
use Smart::Json qw(json_decode);
use Smart::Lab ();
use Smart::Prometheus qw(prometheus_parse);

my $lab = Smart::Lab->new;
my $far = Smart::Lab->new(fhir => 0);   # another authorization server
my $SCOPE = 'user/Observation.rs';
my $URL = '/fhir/Observation/obs-1';

sub section { return "<Location \"$_[0]\">\n$_[1]\n</Location>\n" }

sub location {
    my ($path, $endpoint) = @_;
    my $text = $lab->protected(path => $path,
        extra => 'SmartIntrospectionTimeout connect=300ms total=600ms');
    $text =~ s/\@INTROSPECT\@/$endpoint/ if $endpoint;
    return $text;
}

sub conf {
    my (@more) = @_;
    return join '', "SmartIntrospectionMaxConcurrent 8\nExtendedStatus On\n",
        location('/fhir'), @more,
        section('/smart-status', "SetHandler smart-status\n"
            . 'Require ip 127.0.0.1'),
        section('/for-others', "SetHandler smart-status\n"
            . 'Require ip 192.0.2.1'),
        section('/fhir/smart-status', "SetHandler smart-status\n"
            . 'Require all granted'),
        section('/server-status', "SetHandler server-status\n"
            . 'Require ip 127.0.0.1');
}

my $h = $lab->httpd(modules => ['status'], conf => conf(
    location('/far', $far->introspection),
    location('/also-far', $far->introspection . '?tenant=two')));
my ($near_host, $far_host)
    = map { '127.0.0.1:' . $_->as_port } $lab, $far;

sub status_json {
    my $r = $h->get('/smart-status');
    return json_decode($r->body);
}

sub prometheus {
    my ($samples, @faults)
        = prometheus_parse($h->get('/smart-status?format=prometheus')->body);
    is join("\n", @faults), '', 'valid Prometheus text' if @faults;
    return $samples;
}

sub auto {
    return { map { /\A(\w+): (\S+)\z/ ? ($1 => $2) : () }
             split /\n/, $h->get('/server-status?auto')->body };
}

# --- who gets what -----------------------------------------------------------

subtest 'formats' => sub {
    for (['/smart-status', 'application/json'],
         ['/smart-status?', 'application/json'],
         ['/smart-status?format=json', 'application/json'],
         ['/smart-status?format=html', 'text/html; charset=utf-8'],
         ['/smart-status?format=prometheus',
          'text/plain; version=0.0.4; charset=utf-8']) {
        my ($target, $type) = @$_;
        my $r = $h->get($target);
        is $r->status, 200, $target;
        is $r->header('Content-Type'), $type, '... type';
        is $r->header('Cache-Control'), 'no-store', '... not to be kept';
        my $head = $h->request(HEAD => $target);
        is join(' | ', $head->status, $head->body,
                map { $head->header($_) } qw(Content-Type Cache-Control)),
            "200 |  | $type | no-store", '... the same for HEAD';
    }
    my $chrome = 'text/html,application/xhtml+xml,application/xml;q=0.9,'
        . 'image/avif,image/webp,image/apng,*/*;q=0.8';
    for ([$chrome, 'text/html; charset=utf-8'], ['*/*', 'application/json'],
         ['application/json, text/html;q=0.9', 'application/json'],
         ['text/plain;version=0.0.4;q=0.5,*/*;q=0.1', 'application/json']) {
        my ($accept, $type) = @$_;
        my $r = $h->get('/smart-status', undef, [Accept => $accept]);
        is $r->header('Content-Type'), $type, "Accept: $accept";
        is $r->header('Vary'), 'Accept', '... is said to matter';
        is $h->get('/smart-status?format=json', undef, [Accept => $accept])
            ->header('Content-Type'), 'application/json',
            '... what is asked for goes first';
    }
    for ('format=xml', 'format=', 'format', 'format=JSON', 'x=1',
         'format=json&format=prometheus', 'format=prometheus&x=1') {
        my $r = $h->get("/smart-status?$_");
        is join(' ', $r->status, $r->header('Cache-Control')), '400 no-store',
            "refused: $_";
    }
    for (qw(POST PUT DELETE PATCH OPTIONS)) {
        my $r = $h->request($_, '/smart-status', undef, [], '');
        is join(' ', $r->status, $r->header('Cache-Control')), '405 no-store',
            "refused: $_";
        like $r->header('Allow'), qr/\bGET\b/, '... says what is allowed';
        unlike $r->header('Allow'), qr/\b$_\b/, '... and not this';
    }
};

subtest 'protection' => sub {
    is $h->get('/smart-status')->status, 200, 'Require that permits';
    my $r = $h->get('/for-others');
    is $r->status, 403, 'Require that does not';
    unlike $r->body, qr/cache_hits/, '... and nothing is told';
    $r = $h->get('/fhir/smart-status');
    is_refusal($r, 401, 'login', challenge(''), 'below a base: a token');
    unlike $r->body, qr/cache_hits/, '... nothing is told';
    $r = $h->get('/fhir/smart-status', $lab->token(scope => 'user/*.cruds'));
    is $r->status, 403, '... and a FHIR request';
    unlike $r->body, qr/cache_hits/, '... nothing is told';
};

# --- a strict parser is only worth what it refuses ---------------------------

subtest 'the parser' => sub {
    my $good = $h->get('/smart-status?format=prometheus')->body;
    my ($samples, @faults) = prometheus_parse($good);
    is join("\n", @faults), '', 'valid as it is';
    cmp_ok scalar keys %$samples, '>', 60, '... and there is something in it';
    for (['no line end at the end' => sub { s/\n\z// }],
         ['a sample without TYPE' => sub { s/^# TYPE smart_permits_held.*\n//m }],
         ['a sample without HELP' => sub { s/^# HELP smart_permits_held.*\n//m }],
         ['TYPE twice' => sub { s/^(# TYPE smart_permits_held.*\n)/$1$1/m }],
         ['TYPE after the sample' => sub {
             s/^(# TYPE smart_permits_held.*\n)(smart_.*\n)/$2$1/m }],
         ['a counter without _total' => sub { s/cache_hits_total/cache_hits/g }],
         ['an unknown type' => sub { s/_held gauge/_held number/ }],
         ['a sample twice' => sub { s/^(smart_permits_held .*\n)/$1$1/m }],
         ['samples that do not stand together' => sub {
             s/^(smart_decisions_total\{.*\n)//m; $_ .= $1 }],
         ['no value' => sub { s/^(smart_permits_held) .*/$1/m }],
         ['a value that is no number' => sub {
             s/^(smart_permits_held) .*/$1 none/m }],
         ['a counter below zero' => sub {
             s/^(smart_cache_hits_total) .*/$1 -1/m }],
         ['a name with a dash' => sub { s/smart_permits_held/smart-held/g }],
         ['a label without quotes' => sub { s/class="active"/class=active/ }],
         ['two blanks' => sub { s/^(smart_permits_held) /$1  /m }],
         ['a bucket less' => sub { s/^.*le="\+Inf".*\n//m }],
         ['buckets that fall' => sub {
             s/(le="0.000128"\}) \d+/$1 7/; s/(le="0.000256"\}) \d+/$1 6/ }],
         ['a count that is not the last bucket' => sub {
             s/^(smart_\w+_seconds_count) .*/$1 77/m }],
         ['no sum' => sub { s/^smart_\w+_seconds_sum .*\n//m }],
         ['buckets out of order' => sub {
             s/^(.*le="0.000128".*\n)(.*\n)/$2$1/m }]) {
        my ($what, $edit) = @$_;
        local $_ = $good;
        $edit->();
        isnt $_, $good, "edited: $what";
        my (undef, @wrong) = prometheus_parse($_);
        ok @wrong > 0, '... is refused';
    }
};

# --- numbers -----------------------------------------------------------------

# What is counted where: [name in JSON, in Prometheus, in mod_status].
my %name = (
    (map {
        (my $camel = "_$_") =~ s/_(\w)/\U$1/g;
        ($_ => ["counts $_", "smart_${_}_total", "Smart$camel"]);
    } qw(cache_hits cache_negative_hits cache_stale_hits cache_misses
         introspections introspection_refreshes introspection_failures
         introspection_refused introspection_unproven introspection_too_large
         introspection_shared breaker_rejections permit_timeouts audit_lines
         audit_lines_lost shared_cache_hits shared_cache_misses
         shared_cache_failures shared_cache_tampered)),
    (map {
        (my $camel = "_$_") =~ s/_(\w)/\U$1/g;
        ($_ => ["decisions $_", "smart_decisions_total{decision=\"$_\"}",
                "Smart$camel"]);
    } qw(permitted permitted_public denied_form denied_token denied_access
         denied_body denied_server denied_other)));

sub all_numbers {
    my ($json, $prometheus, $auto) = (status_json(), prometheus(), auto());
    my %n;
    for my $what (sort keys %name) {
        my ($j, $p, $a) = @{$name{$what}};
        my ($group, $member) = split / /, $j;
        $n{$what} = [$json->{$group}{$member}, $prometheus->{$p},
                     $auto->{$a}];
    }
    return \%n;
}

# Do something and say what it counted: "cache_misses 1 permitted 1". The
# three notations must agree.
sub counts {
    my ($do) = @_;
    my $before = all_numbers();
    $do->();
    sleep 0.05;
    my $after = all_numbers();
    my (@said, @odd);
    for my $what (sort keys %name) {
        my @d = map { ($after->{$what}[$_] // 'none')
                      - ($before->{$what}[$_] // 'none') } 0 .. 2;
        push @odd, "$what @d" if grep { $_ != $d[0] } @d;
        push @said, "$what $d[0]" if $d[0];
    }
    return join ' ', @said, map { "DIFFERENT $_" } @odd;
}

subtest 'every notation has every number' => sub {
    my $n = all_numbers();
    for (sort keys %$n) {
        is scalar(grep { defined && /\A\d+\z/ } @{$n->{$_}}), 3, $_;
    }
    my $json = status_json();
    is join(' ', sort(map { keys %$_ } @$json{qw(counts decisions)})),
        join(' ', sort keys %name), 'there are no others';
};

subtest 'what is counted' => sub {
    my $t = $lab->token(scope => $SCOPE);
    is counts(sub { $h->get($URL, $t) }),
        'cache_misses 1 introspections 1 permitted 1', 'a new token';
    is counts(sub { $h->get($URL, $t) for 1 .. 20 }),
        'cache_hits 20 permitted 20', 'a known one, in all processes';
    is counts(sub { $h->get('/fhir/Patient/pat-1', $t) }),
        'cache_hits 1 denied_access 1', 'without the scope';
    is counts(sub { $h->get($URL, 'nobodys-token') }),
        'cache_misses 1 denied_token 1 introspections 1', 'one nobody knows';
    is counts(sub { $h->get($URL, 'nobodys-token') }),
        'cache_negative_hits 1 denied_token 1', '... once more';
    is counts(sub { $h->get('/fhir/metadata') }), 'permitted_public 1',
        'public';
    is counts(sub { $h->get($URL) }), 'denied_token 1', 'no token';
    is counts(sub { $h->get("$URL?x=%zz", $t) }), 'denied_form 1',
        'a query that is none';
    is counts(sub { $h->get('/smart-status') }), '', 'the page itself';
    my $bound = $lab->token(scope => $SCOPE, raw => '{"active":"yes"}');
    is counts(sub { $h->get($URL, $bound) }),
        'cache_misses 1 denied_token 1 introspection_unproven 1 '
        . 'introspections 1', 'an answer that proves nothing';
    my $large = $lab->token(scope => join ' ', $SCOPE,
        map { "user/Observation.rs?code=x-$_" . 'y' x 60 } 1 .. 200);
    like counts(sub { $h->get($URL, $large) }),
        qr/introspection_too_large 1 introspections 1/,
        'one that is too large';
};

subtest 'requests that share a question' => sub {
    $lab->as_mode(delay => ms => 200);
    my $t = $lab->token(scope => $SCOPE);
    is counts(sub {
        $h->client->parallel(map {
            [GET => $URL, [Authorization => "Bearer $t",
                           Connection => 'close']] } 1 .. 10);
    }), 'cache_misses 10 introspection_shared 9 introspections 1 permitted 10',
        'ten at once';
    $lab->as_mode('ok');
};

subtest 'latencies' => sub {
    my $seconds = sub {
        my $p = prometheus();
        return map { $p->{"smart_introspection_duration_seconds_$_"} }
            'count', 'sum', 'bucket{le="0.131072"}', 'bucket{le="0.524288"}';
    };
    my @before = $seconds->();
    $lab->as_mode(delay => ms => 200);
    $h->get($URL, $lab->token(scope => $SCOPE));
    $lab->as_mode('ok');
    my @d = map { $_->[0] - $_->[1] }
        do { my @a = $seconds->(); map { [$a[$_], $before[$_]] } 0 .. 3 };
    is "$d[0] $d[2] $d[3]", '1 0 1', 'a question of 0.2 s is where it belongs';
    cmp_ok $d[1], '>=', 0.2, '... in the sum';
    cmp_ok $d[1], '<', 0.5, '... and no more';
    my $j = status_json()->{introspection_seconds};
    is scalar @{$j->{up_to}}, 17, 'JSON has the same buckets';
    is $j->{up_to}[16][0], undef, '... the last one without end';
    my $n = 0;
    $n += $_->[1] for @{$j->{up_to}};
    is $n, $j->{count}, '... which are not cumulative';
};

subtest 'the cache' => sub {
    my $before = status_json()->{cache};
    $h->get($URL, $lab->token(scope => $SCOPE)) for 1 .. 3;
    $h->get($URL, "nobodys-token-$_") for 1 .. 2;
    my $after = status_json()->{cache};
    my $p = prometheus();
    for (['active', 3], ['inactive', 2]) {
        my ($class, $more) = @$_;
        my ($b, $a) = ($before->{$class}, $after->{$class});
        is $a->{entries} - $b->{entries}, $more, "$class: entries";
        is $a->{stored} - $b->{stored}, $more, '... stored';
        cmp_ok $a->{used_bytes}, '>', $b->{used_bytes}, '... bytes';
        cmp_ok $a->{size_bytes}, '>', $a->{used_bytes}, '... of so many';
        is $a->{evictions_live} + $a->{locks_taken_over}, 0,
            '... nothing else happened';
        is $p->{"smart_cache_entries{class=\"$class\"}"}, $a->{entries},
            '... Prometheus says so';
    }
};

subtest 'permits' => sub {
    is join(' ', @{status_json()->{permits}}{qw(held limit)}), '0 8', 'at rest';
    $lab->as_mode(delay => ms => 400);
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        $h->client->parallel(map {
            [GET => $URL, [Authorization => "Bearer flight-$_",
                           Connection => 'close']] } 1 .. 3);
        require POSIX;
        POSIX::_exit(0);
    }
    sleep 0.2;
    is status_json()->{permits}{held}, 3, 'three questions under way';
    is prometheus()->{smart_permits_held}, 3, '... in Prometheus';
    is auto()->{SmartPermitsHeld}, 3, '... in mod_status';
    waitpid $pid, 0;
    $lab->as_mode('ok');
    is status_json()->{permits}{held}, 0, 'given back';
};

# --- bases, by reason --------------------------------------------------------

sub base_counts {
    my ($path) = @_;
    my ($base) = grep { $_->{base} eq $path } @{status_json()->{bases}};
    return $base->{decisions};
}

subtest 'decisions by base and reason' => sub {
    my $t = $lab->token(scope => $SCOPE);
    my ($before, $other) = (base_counts('/fhir/'), base_counts('/far/'));
    my $p = prometheus();
    $h->get($URL, $t) for 1 .. 7;
    $h->get('/fhir/Patient/pat-1', $t) for 1 .. 3;
    $h->get('/fhir/metadata') for 1 .. 2;
    $h->get($URL);
    $h->get("$URL?x=%zz", $t);
    my $after = base_counts('/fhir/');
    my %d = map { $after->{$_} - ($before->{$_} // 0)
                  ? ($_ => $after->{$_} - ($before->{$_} // 0)) : () }
        keys %$after;
    is_deeply \%d, { permit => 7, 'no-scope' => 3, public => 2,
                     'no-token' => 1, query => 1 }, 'each where it belongs';
    is_deeply base_counts('/far/'), $other, '... and nowhere else';
    my $host = '127.0.0.1:' . $h->port;
    my $q = prometheus();
    for (keys %d) {
        my $label = "smart_base_decisions_total{host=\"$host\","
            . "base=\"/fhir/\",decision=\"$_\"}";
        is $q->{$label} - ($p->{$label} // 0), $d{$_}, "Prometheus: $_";
    }
    my ($page) = $h->get('/smart-status?format=html')->body
        =~ m{<h3>\S+/fhir</h3>(.*?)</div>\n</div>}s;
    like $page, qr{<tr><td>no-scope</td><td\ class="n">403</td>
        <td\ class="n">$after->{'no-scope'}</td>}x, 'the page';
};

# --- the hour ----------------------------------------------------------------

subtest 'the last hour' => sub {
    my $sum = sub {
        my %n;
        for my $m (@{status_json()->{hour}}) {
            $n{$_} += $m->{$_} for grep { /\A[a-z]+\z/ && $_ ne 'begin' }
                keys %$m;
        }
        return \%n;
    };
    my $before = $sum->();
    my $t = $lab->token(scope => $SCOPE);
    $h->get($URL, $t) for 1 .. 6;
    $h->get($URL) for 1 .. 2;
    my $after = $sum->();
    is_deeply { map { $_ => $after->{$_} - $before->{$_} } keys %$after },
        { permitted => 6, denied => 2, hits => 5, misses => 1,
          introspections => 1, failures => 0 }, 'has what happened';
    my $minutes = status_json()->{hour};
    cmp_ok abs(time() - 60 - $minutes->[-1]{begin}), '<', 62,
        '... in the minute of now';
    is $minutes->[-1]{begin} % 60, 0, '... which begins with a minute';
    cmp_ok scalar @$minutes, '<=', 4, '... nothing is known of those before';
    my $counts = status_json()->{counts};
    is $after->{misses}, $counts->{cache_misses}, 'all of them are in it';
};

# --- the page ----------------------------------------------------------------

subtest 'the page' => sub {
    my $r = $h->get('/smart-status?format=html');
    my $page = $r->body;
    my ($css) = $page =~ m{<style>(.*?)</style>}s;
    require Digest::SHA;
    my $hash = Digest::SHA::sha256_base64($css) . '=';
    is $r->header('Content-Security-Policy'), "default-src 'none'; style-src "
        . "'sha256-$hash'; img-src data:; base-uri 'none'; form-action 'none';"
        . " frame-ancestors 'none'", 'may do nothing but look so';
    is $r->header('X-Content-Type-Options'), 'nosniff', '... is what it says';
    unlike $page, qr/<script|javascript:|\son\w+=|\sstyle=|<iframe|<img/i,
        'no script, no style but that one';
    is join(' ', grep { !/\A(?:data:,|\?format=\w+)\z/ }
            $page =~ /(?:href|src)="(.*?)"/g), '', 'nothing from elsewhere';
    is join(' ', $page =~ m{<figure id="(\w+)">}g), 'requests hits latency',
        'three plots';
    for (qw(requests hits latency)) {
        my ($figure) = $page =~ m{<figure id="$_">(.*?)</figure>}s;
        like $figure, qr{<title id="$_-t">[^<]+</title>\n<desc id="$_-d">[^<]+<},
            "$_: title and description";
        cmp_ok scalar(() = $figure =~ /class="mark /g), '>', 0, '... and marks';
    }
    like $page, qr{<table id="minutes">.*?<tbody>\n<tr><td>\d\d:\d\d</td>}s,
        'figures beside them';
    is scalar(() = $page =~ /<section>/g), 6, 'six sections';
    like $page, qr/^    &lt;Location &quot;\/fhir&quot;&gt; \(/m,
        'the configuration, escaped';
    like $page, qr/client +client_secret_basic gateway$/m, '... with clients';
    unlike $page, qr/gateway-secret|tenant=two/, '... without secrets';
    # Elements are closed in order; void ones stand alone.
    my (@open, @odd);
    while ($page =~ m{<(/?)([a-z][a-z0-9]*)\b([^>]*)>}gi) {
        my ($end, $name, $rest) = ($1, lc $2, $3);
        next if $rest =~ m{/\z} || $name =~ /\A(?:meta|link|br)\z/;
        if (!$end) { push @open, $name }
        elsif (@open && $open[-1] eq $name) { pop @open }
        else { push @odd, $name }
    }
    is "@open @odd", ' ', 'well-formed';
    my %ids;
    $ids{$1}++ while $page =~ /\sid="(.*?)"/g;
    is join(' ', grep { $ids{$_} > 1 } keys %ids), '', 'each id is there once';
};

subtest 'prefork' => sub {
    my $fork = $lab->httpd(mpm => 'prefork', conf => location('/fhir')
        . section('/smart-status', "SetHandler smart-status\n"
                  . 'Require all granted'));
    my $t = $lab->token(scope => $SCOPE);
    $fork->get($URL, $t) for 1 .. 20; # of several processes
    $fork->get($URL) for 1 .. 5;
    my $json = json_decode($fork->get('/smart-status')->body);
    is_deeply $json->{bases}[0]{decisions},
        { permit => 20, public => 0, 'no-token' => 5 }, 'by base';
    my ($permitted, $denied) = (0, 0);
    for (@{$json->{hour}}) {
        $permitted += $_->{permitted};
        $denied += $_->{denied};
    }
    is "$permitted $denied", '20 5', 'by minute';
    $fork->stop;
};

subtest 'names are escaped' => sub {
    my $odd = $lab->httpd(server_name => '"http://a<b&c\"d.example"',
        conf => location('/fhir') . section('Location "/smart-status"',
            "SetHandler smart-status\nRequire all granted")
            =~ s/^<Location "Location/<Location/r =~ s/""/"/r, start => 0);
    $odd->start;
    my $page = $odd->get('/smart-status?format=html')->body;
    like $page, qr/a&lt;b&amp;c&quot;d/, 'in the page';
    unlike $page, qr/a<b|b&c/, '... everywhere';
    is eval { json_decode($odd->get('/smart-status?format=json')->body);
              'good' }, 'good', 'in JSON';
    $odd->stop;
};

# --- breakers ----------------------------------------------------------------

sub breaker_text {
    return join '; ', sort map { "$_->{endpoint} $_->{state} $_->{openings}" }
        @{status_json()->{breakers}};
}

subtest 'breakers' => sub {
    my @rest = ("$far_host closed 0") x 2;
    is breaker_text(), join('; ', sort "$near_host closed 0", @rest),
        'each endpoint that is configured, asked or not';
    my %ids = map { $_->{id} => 1 } @{status_json()->{breakers}};
    is scalar(keys %ids), 3, '... two of one host are told apart';
    $lab->as_mode('close');
    like counts(sub {
        $h->get($URL, $lab->token(scope => $SCOPE)) for 1 .. 5;
    }), qr/introspection_failures 5 introspections 5/, 'five failures';
    is breaker_text(), join('; ', sort "$near_host open 1", @rest),
        '... open it';
    is counts(sub { $h->get($URL, $lab->token(scope => $SCOPE)) }),
        'breaker_rejections 1 cache_misses 1 denied_server 1',
        '... nobody is asked';
    my ($one) = grep { $_->{endpoint} eq $near_host }
        @{status_json()->{breakers}};
    my $label = "{endpoint=\"$near_host\",id=\"$one->{id}\"}";
    my $p = prometheus();
    is join(' ', map { $p->{"smart_breaker_$_$label"} }
            qw(state failures openings_total)), '1 5 1', '... in Prometheus';
    is auto()->{SmartBreakersOpen}, 1, '... in mod_status';
    like $h->get('/server-status')->body,
        qr/Breaker of \Q$near_host\E \($one->{id}\): open, opened 1 times/,
        '... and its page';
    $lab->as_mode('ok');
    sleep 1.1;
    is $h->get($URL, $lab->token(scope => $SCOPE))->status, 200, 'back';
    is breaker_text(), join('; ', sort "$near_host closed 1", @rest),
        '... closes it';
};

# --- mod_status --------------------------------------------------------------

subtest 'the page of mod_status' => sub {
    my $r = $h->get('/server-status');
    like $r->body, qr{<h2>mod_smart \d+\.\d+\.\d+</h2>}, 'has a section';
    like $r->body, qr{<tr><td>cache_hits</td><td[^>]*>\d+</td></tr>},
        '... with a table';
    my $plain = $h->get('/server-status?notable')->body;
    $plain =~ s/.*(?=<h2>mod_smart)//s;
    like $plain, qr{<dt>cache_hits: \d+</dt>}, 'and without';
    unlike $plain =~ s/<hr.*//sr, qr/<t[dr]\b/, '... there is none';
    my $auto = $h->get('/server-status?auto')->body;
    unlike $auto, qr/</, '?auto has no markup';
    like $auto, qr/^SmartVersion: \d+\.\d+\.\d+$/m, '... but the version';
    for (qw(SmartCacheEntries SmartCacheInactiveEntries SmartCacheBytesUsed
            SmartCacheBytes SmartCacheEvictions SmartCacheEvictionsLive
            SmartPermitsLimit SmartIntrospectionMicroseconds)) {
        like $auto, qr/^$_: \d+$/m, "... $_";
    }
};

# --- restarts ----------------------------------------------------------------

subtest 'restarts' => sub {
    my $before = status_json()->{counts};
    my @old = $h->children;
    $h->write_conf(conf());
    ok $h->graceful, 'without the far endpoints';
    my $after = status_json()->{counts};
    is join(' ', map { "$_ $after->{$_}" } sort keys %$after),
        join(' ', map { "$_ $before->{$_}" } sort keys %$before),
        'counts go on';
    $h->write_conf(conf() =~ s{\@INTROSPECT\@}{$far->introspection}er);
    ok $h->graceful, "with another";
    is breaker_text(), " closed 1; $far_host closed 0",
        "one that was used is still there, without a name";
    my ($former) = grep { $_->{endpoint} eq '' } @{status_json()->{breakers}};
    like $former->{id}, qr/\A[0-9a-f]{16}\z/, '... but a number';
    prometheus();
    like $h->get('/server-status')->body, qr/Breaker of a former endpoint/,
        '... and a remark';
};

# --- nothing else ------------------------------------------------------------

subtest 'no token, no secret, nothing of a request' => sub {
    my $t = $lab->token(scope => $SCOPE, sub => 'somebody-9');
    $h->get("$URL?_elements=whatever", $t);
    unlike $h->get('/smart-status?format=html')->body,
        qr{\Q$t\E|gateway-secret|somebody|whatever|obs-1}, 'the page';
    for ('/smart-status', '/smart-status?format=prometheus') {
        unlike $h->get($_)->body,
            qr{\Q$t\E|gateway|introspect\?|/introspect\b|somebody|whatever|obs-1},
            $_;
    }
    my ($section) = $h->get('/server-status')->body =~ /(<h2>mod_smart.*)/s;
    unlike $section, qr/\Q$t\E|gateway|\/introspect\b|somebody/,
        'the section of mod_status';
};

ok $h->log_text !~ /exit signal|AH0005[12]/, 'no process died';
is join(' ', $lab->spilled), '', 'no token and no secret in any log';
done_testing;
