#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What httpd -t accepts and refuses, and what configurations come to. Nothing
# is started: a refusal means a status other than 0 and a line that names the
# directive and what is wrong; what is accepted is read in -D DUMP_SMART.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Smart::Lab ();

my $lab = Smart::Lab->new(as => 0, fhir => 0);
my $dir = $lab->dir;

# --- helpers -----------------------------------------------------------------

my @ENDPOINT = 'SmartIntrospectionEndpoint http://127.0.0.1:9/introspect';
my @AUTH = 'SmartIntrospectionAuth client_secret_basic gateway @SECRET@';
my @QUIET = 'SmartFhirUser required';
my @SMART = ('AuthType SMART', 'AuthName "Lab"', 'Require smart');

sub block {
    my ($head, @lines) = @_;
    my ($name) = $head =~ /^(\w+)/;
    return join "\n", "<$head>", @lines, "</$name>";
}

# A location that is complete, with more lines.
sub location {
    my ($path, @more) = @_;
    return block("Location \"$path\"", @SMART, @ENDPOINT, @AUTH, @QUIET,
                 @more);
}

sub run {
    my ($conf, %o) = @_;
    my ($rc, $err, $out) = $lab->configtest($conf, defines => ['DUMP_SMART'],
                                            %o);
    return { rc => $rc, err => $err, out => $out };
}

# Refused, with all of the texts in one line of the message.
sub refused {
    my ($name, $conf, $texts, %o) = @_;
    my $r = run($conf, %o);
    my @lines = grep {
        my $line = $_;
        !grep { index($line, $_) < 0 } @$texts;
    } split /\n/, $r->{err};
    my $ok = ok $r->{rc} != 0 && @lines, "refused: $name";
    diag "rc $r->{rc}, wanted @$texts\n$r->{err}" if !$ok;
    # Setters: httpd says where. Checks: the line itself does.
    like $r->{err}, qr/line \d+ of .*httpd\.conf|httpd\.conf:\d+/,
        '... with file and line';
    return $r;
}

# Accepted; returns what was dumped, as
# { server => { base => { section => { what => [values] } } } }.
sub accepted {
    my ($name, $conf, %o) = @_;
    my $quiet = delete $o{quiet};
    my $r = run($conf, %o);
    my $ok = is $r->{rc}, 0, "accepted: $name";
    diag $r->{err} if !$ok;
    $r->{tree} = parse($r->{out});
    is $r->{err} =~ s/^Syntax OK\n//mr, '', '... without a warning'
        if $quiet;
    return $r;
}

sub parse {
    my ($out) = @_;
    my (%tree, $server, $base, $section);
    for (split /\n/, $out) {
        if (/^(main server|virtual host) (\S*)/) {
            $server = $tree{$1 eq 'main server' ? 'main' : $2} = {};
        }
        elsif (/^  base (\S+)/) { $base = $server->{$1} = {} }
        elsif (/^    (<.*>) \(/) { $section = $base->{$1} = {} }
        elsif (/^      (\S.{15}) (.*)/) {
            push @{$section->{$1 =~ s/ +\z//r}}, $2;
        }
    }
    return \%tree;
}

# What is in force in a section of the main server, below /fhir/.
sub value {
    my ($r, $what, $section) = @_;
    my $v = $r->{tree}{main}{'/fhir/'}{$section // '<Location "/fhir">'}{$what};
    return $v ? join '; ', @$v : undef;
}

sub write_file {
    my ($name, $text, $mode) = @_;
    open my $f, '>', "$dir/$name" or die "$dir/$name: $!\n";
    print $f $text;
    close $f;
    chmod $mode // 0600, "$dir/$name" or die "$dir/$name: $!\n";
    return "$dir/$name";
}

sub openssl {
    my (@args) = @_;
    open my $p, '-|', "openssl @args 2>/dev/null" or die "openssl: $!\n";
    local $/;
    my $out = <$p>;
    close $p or die "openssl @args\n";
    return $out;
}

my $rsa = write_file('rsa.pem',
    openssl('genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048'));
my $weak = write_file('weak.pem',
    openssl('genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024'));
my $ec = write_file('ec.pem',
    openssl('genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384'));
my $locked = write_file('locked.pem',
    openssl("pkcs8 -topk8 -in $rsa -passout pass:x"));
my $cert = write_file('cert.pem',
    openssl("req -x509 -key $rsa -subj /CN=gateway -days 2"));
my $text = write_file('text', "no pem\n");
my $empty = write_file('empty', '');
my $exposed = write_file('exposed', "open secret\n", 0644);
write_file('discovery.json', '{"token_endpoint":"https://as/t","capabilities":'
    . '["permission-v2"],"grant_types_supported":["client_credentials"],'
    . '"code_challenge_methods_supported":["S256"]}');
write_file('empty.json', '');
write_file('broken.json', '{"capabilities":["permission-v2"],'
    . '"grant_types_supported":["client_credentials"],'
    . '"code_challenge_methods_supported":["S256"]}');
my $printer = write_file('print-secret', "#!/bin/sh\necho from-program\n",
                         0700);

# --- one directive at a time -------------------------------------------------

# good: [arguments, what the dump shows]; bad: [arguments, the bad word or
# what is said of it]. The first two good ones show inheritance. Directives
# that location() holds already leave theirs out.
my %drop = (SmartIntrospectionEndpoint => \@ENDPOINT,
            SmartIntrospectionAuth => \@AUTH, SmartFhirUser => \@QUIET);
my @DIRECTIVES = (
    SmartMode => { what => 'mode', none => 'enforce',
        good => [['report', 'report'], ['enforce', 'enforce'],
                 ['Report', 'report']],
        bad => [['reports', '"reports"'], ['""', 'takes one argument'],
                ['enforce report', 'takes one argument']] },
    SmartFhirVersion => { what => 'FHIR version', none => 'R4',
        good => [['R5', 'R5'], ['R4B', 'R4B'], ['R4', 'R4']],
        bad => [['R3', '"R3"'], ['STU3', '"STU3"'], ['4.0.1', '"4.0.1"']] },
    SmartPublicURL => { what => 'public URL',
        good => [['https://fhir.example.org/r4', 'https://fhir.example.org/r4'],
                 ['https://fhir.example.org/', 'https://fhir.example.org'],
                 ['http://[::1]:8080/fhir', 'http://[::1]:8080/fhir']],
        bad => [['fhir.example.org', '"fhir.example.org"'],
                ['ftp://example.org/', '"ftp://example.org/"'],
                ['https://', '"https://"'], ['https:///x', '"https:///x"'],
                ['https://e.org/?a', '"https://e.org/?a"'],
                ['https://e.org/#a', '"https://e.org/#a"'],
                ['https://u:p@e.org/', '"https://u:p@e.org/"'],
                ['https://u@e.org/', '"https://u@e.org/"'],
                ['"https://e.org/a b"', '"https://e.org/a b"']] },
    SmartIntrospectionEndpoint => { what => 'endpoint',
        good => [['https://as.example.org/i', 'https://as.example.org/i'],
                 ['https://as2.example.org/i', 'https://as2.example.org/i'],
                 ['http://[::1]:9/i', 'http://[::1]:9/i'],
                 ['http://localhost/i', 'http://localhost/i']],
        bad => [['http://as.example.org/i', '"http://as.example.org/i"'],
                ['http://127.0.0.1.example.org/i', 'example.org/i"'],
                ['as.example.org', '"as.example.org"'],
                ['ftp://as.example.org/i', '"ftp://as.example.org/i"'],
                ['https://', '"https://"'], ['""', 'takes one argument']] },
    SmartIntrospectionAuth => { what => 'client',
        good => [['client_secret_basic one @SECRET@',
                  'client_secret_basic one'],
                 ['client_secret_post two @SECRET@', 'client_secret_post two'],
                 ['none', 'none'], ['none three', 'none three'],
                 ['bearer @SECRET@', 'bearer'],
                 ['bearer env:LAB_SECRET', 'bearer'],
                 ["bearer \"exec:$printer\"", 'bearer'],
                 ["private_key_jwt four $rsa", 'private_key_jwt four'],
                 ["private_key_jwt four $rsa alg=RS384 kid=k1 aud=https://x/y",
                  'private_key_jwt four'],
                 ["private_key_jwt four $ec alg=ES384", 'private_key_jwt four'],
                 ['private_key_jwt four ../../rsa.pem', undef]],
        bad => [['', 'is written'], ['basic one @SECRET@', '"basic"'],
                ['client_secret_basic', 'client_secret_basic <id> <secret>'],
                ['client_secret_basic one',
                 'client_secret_basic <id> <secret>'],
                ['client_secret_basic one @SECRET@ more',
                 'client_secret_basic <id> <secret>'],
                ['client_secret_basic one file:/nowhere/secret',
                 '/nowhere/secret'],
                ["client_secret_basic one file:$empty", $empty],
                ['client_secret_basic "" @SECRET@', '"" is no client id'],
                ['client_secret_post one env:NOT_SET_HERE', 'NOT_SET_HERE'],
                ['bearer exec:/bin/false', '/bin/false'],
                ['none one two', 'none [<id>]'],
                ["private_key_jwt one $text", $text],
                ["private_key_jwt one $weak", $weak],
                ["private_key_jwt one $locked", $locked],
                ['private_key_jwt one /nowhere/key', '/nowhere/key'],
                ["private_key_jwt one $rsa alg=RS256", '"RS256"'],
                ["private_key_jwt one $rsa alg=ES384", $rsa],
                ["private_key_jwt one $rsa algo=RS384", '"algo=RS384"'],
                ["private_key_jwt one $rsa kid=", '"kid="'],
                ["private_key_jwt one $rsa kid=a kid=b", '"kid=b"'],
                ["private_key_jwt one $rsa more", '"more"'],
                ["private_key_jwt one $rsa \"aud=a\tb\"", 'assertion'],
                ["tls_client_auth one $cert", 'tls_client_auth <id>'],
                ["tls_client_auth one $text $rsa", $text],
                ["tls_client_auth one $cert $text", $text],
                ["tls_client_auth one $cert $locked", $locked],
                ["tls_client_auth one $cert /nowhere/key", '/nowhere/key']] },
    SmartIntrospectionCACertificateFile => { what => 'trust anchors',
        none => 'system',
        good => [[$cert, $cert], ["\"$cert\"", $cert]],
        bad => [['/nowhere/ca.pem', '"/nowhere/ca.pem"'], [$text, $text],
                [$rsa, $rsa]] },
    SmartIntrospectionTimeout => { what => 'timeouts',
        none => 'connect=500ms total=2s',
        good => [['connect=100ms total=1s', 'connect=100ms total=1s'],
                 ['total=5s connect=2s', 'connect=2s total=5s'],
                 ['total=300ms', 'connect=300ms total=300ms'],
                 ['connect=1s', 'connect=1s total=2s']],
        bad => [['', 'is written'], ['connect=5', '"connect=5"'],
                ['connect=0s', '"connect=0s"'], ['total=61s', '"total=61s"'],
                ['2s', '"2s"'], ['read=2s', '"read=2s"'],
                ['total=1s total=2s', '"total=2s"'],
                ['connect=3s total=2s', 'connect=3s'],
                ['connect=', '"connect="'],
                ['total=99999999999999999999s', '"total=9999']] },
    SmartIssuer => { what => 'issuer', none => 'not checked',
        good => [['https://as.example.org', 'https://as.example.org'],
                 ['https://other.example.org/', 'https://other.example.org/']],
        bad => [['""', 'takes one argument'], ['"a b"', '"a b"'],
                ['a b', 'takes one argument']] },
    SmartAudience => { what => 'audience',
        none => qr{^optional http://127\.0\.0\.1:\d+/fhir$},
        good => [['required https://a https://b',
                  'required https://a https://b'],
                 ['off', 'off'],
                 ['required', qr{^required http://127\.0\.0\.1:\d+/fhir$}],
                 ['Optional https://a', 'optional https://a']],
        bad => [['', 'is written'], ['https://a', '"https://a"'],
                ['maybe https://a', '"maybe"'], ['off https://a', '"https://a"'],
                ['required ""', '""'],
                ['required https://a https://a', '"https://a"']] },
    SmartCacheTTL => { what => 'cached', none => '60s, inactive 5s',
        good => [['5m', '300s, inactive 5s'], ['0s', '0s, inactive 5s'],
                 ['1500ms', '1500ms, inactive 5s'],
                 ['24h', '86400s, inactive 5s']],
        bad => [['60', '"60"'], ['0', '"0"'], ['1d', '"1d"'],
                ['25h', '"25h"'], ['-1s', '"-1s"'],
                ['""', 'takes one argument']] },
    SmartNegativeCacheTTL => { what => 'cached', none => '60s, inactive 5s',
        good => [['30s', '60s, inactive 30s'], ['0s', '60s, inactive 0s']],
        bad => [['5', '"5"'], ['five', '"five"'], ['25h', '"25h"']] },
    SmartStaleIfError => { what => 'stale', none => '0s',
        good => [['5m', '300s'], ['0s', '0s'], ['24h', '86400s']],
        bad => [['5', '"5"'], ['25h', '"25h"'], ['-1s', '"-1s"']] },
    SmartFhirUser => { what => 'fhirUser', none => 'optional',
        good => [['optional', 'optional'], ['required', 'required']],
        bad => [['on', '"on"'], ['require', '"require"']] },
    SmartPatientCompartment => { what => 'compartment', none => 'formal',
        good => [['subject', 'subject'], ['formal', 'formal'], ['Off', 'off']],
        bad => [['on', '"on"'], ['strict', '"strict"'],
                ['formal off', 'takes one argument']] },
    SmartCompartmentParam => { what => 'compartment by',
        none => 'Device:patient Task:patient',
        good => [['Contract:patient', 'Contract:patient'],
                 ['Task:patient Group:member', 'Task:patient Group:member']],
        bad => [['', 'is written'], ['Task', '"Task"'], ['Task:', '"Task:"'],
                ['Tusk:patient', '"Tusk:patient"'],
                ['Task:patients', 'Task:patients'],
                ['Task:status', 'Task:status'],
                ['NutritionIntake:subject', 'NutritionIntake:subject']] },
    SmartSharedTypes => { what => 'shared types', none => qr/^(?=.*\bMeasure\b)
            (?=.*\bPractitioner\b)(?:\w+\ ){22}\w+$/x,
        good => [['Location', 'Location'],
                 ['Binary Location', 'Binary Location'],
                 ['+Binary', qr/^(?=.*\bBinary\b)(?:\w+ ){23}\w+$/],
                 ['-Measure -Library', qr/^(?!.*\bMeasure\b)(?:\w+ ){20}\w+$/]],
        bad => [['', 'is written'], ['Foo', '"Foo"'], ['+Foo', '"+Foo"'],
                ['+Binary Location', '"Location"'], ['*', '"*"'],
                ['NutritionIntake', 'NutritionIntake'],
                ['Observation', 'Observation is in the compartment'],
                ['+Task', 'Task is in the compartment']] },
    SmartInspectLimit => { what => 'inspect limit', none => '8388608',
        good => [['4K', '4096'], ['16M', '16777216'], ['1G', '1073741824']],
        bad => [['0', '"0"'], ['4095', '"4095"'], ['2G', '"2G"'],
                ['x', '"x"'], ['-1', '"-1"']] },
    SmartForwardToken => { what => 'forward token', none => 'off',
        good => [['On', 'on'], ['off', 'off']],
        bad => [['yes', '"yes"'], ['1', '"1"']] },
    SmartCorsOrigin => { what => 'CORS', none => 'none',
        good => [['https://app.example.org http://localhost:3000',
                  'https://app.example.org http://localhost:3000'],
                 ['*', '*'], ['https://[::1]:8443', 'https://[::1]:8443'],
                 ['capacitor://localhost', 'capacitor://localhost']],
        bad => [['', 'is written'], ['app.example.org', '"app.example.org"'],
                ['https://a.org/', '"https://a.org/"'],
                ['https://a.org/x', '"https://a.org/x"'],
                ['https://A.org', '"https://A.org"'],
                ['HTTPS://a.org', '"HTTPS://a.org"'],
                ['https://a.org:443', '"https://a.org:443"'],
                ['http://a.org:80', '"http://a.org:80"'],
                ['https://a.org:', '"https://a.org:"'],
                ['https://u@a.org', '"https://u@a.org"'],
                ['https://a.org *', '"*"'], ['null', '"null"'],
                ['https://*.a.org', '"https://*.a.org"'],
                ['https://a.org https://a.org', '"https://a.org"']] },
    SmartAuditLog => { what => 'audit log', none => 'none',
        good => [["$dir/a.json", "$dir/a.json patient=hash"],
                 ["$dir/b.json patient=clear", "$dir/b.json patient=clear"],
                 ['off', 'off'], ['logs.json', 'logs.json patient=hash'],
                 ['/dev/null patient=off', '/dev/null patient=off'],
                 ['"|/bin/cat -u" patient=hash', '|/bin/cat -u patient=hash'],
                 ['"|$cat >x"', '|$cat >x patient=hash'],
                 ['|cat', '|cat patient=hash']],
        bad => [['', 'is written'], ['a b c', 'is written'],
                ['off patient=hash', '"off"'],
                ['a.json patient=plain', '"patient=plain"'],
                ['a.json clear', '"clear"'],
                ['/nowhere/a.json', '"/nowhere/a.json"'],
                [$dir, "\"$dir\""], ['"|"', '"|"'], ['"| "', '"| "'],
                ['"|/nowhere/program x"', '"|/nowhere/program x"'],
                ["|$dir", "\"|$dir\""]] },
    SmartDiscovery => { what => 'discovery', none => 'off',
        good => [['off', 'off'],
                 ['metadata https://as.example.org/.well-known/x',
                  'metadata https://as.example.org/.well-known/x'],
                 ['Metadata http://127.0.0.1:9/x',
                  'metadata http://127.0.0.1:9/x'],
                 ["file $dir/discovery.json", "file $dir/discovery.json"]],
        bad => [['', '""'], ['on', '"on"'], ['metadata', '"metadata"'],
                ['file', '"file"'], ['off off', '"off off"'],
                ['metadata http://as.example.org/x',
                 '"http://as.example.org/x"'],
                ['metadata as.example.org', '"as.example.org"'],
                ["file $dir/none.json", "\"$dir/none.json\""],
                ["file $dir", 'is no file'],
                ["file $dir/empty.json", 'there is no text'],
                ["file $dir/broken.json", 'token_endpoint is missing']] },
    SmartCapability => { what => 'capability', accumulates => 1,
        good => [['launch-ehr https://x/y', 'launch-ehr; https://x/y'],
                 ['context-banner', 'context-banner']],
        bad => [['', 'is written'], ['""', '""'], ['"a b"', '"a b"']] },
    SmartRule => { what => 'rule 1', accumulates => 1,
        good => [['delete * deny', qr/^delete \* deny \(.*httpd\.conf:\d+\)$/],
                 ['$export Patient,Group system/*.rs',
                  qr/^\$export Patient,Group system/],
                 ['$expand ValueSet public', qr/^\$expand ValueSet public/]],
        bad => [['', 'is written'], ['delete *', 'is written'],
                ['remove * deny', '"remove"'], ['delete Pation deny', 'Pation'],
                ['delete * never', 'never'],
                ['delete * system/*.sr', 'system/*.sr'],
                ['delete * deny public', 'deny']] },
    SmartScopeAlias => { what => 'alias', accumulates => 1,
        good => [['fhir_all user/*.rs system/Patient.r',
                  'fhir_all = user/*.rs system/Patient.r'],
                 ['fhir_obs patient/Observation.rs',
                  'fhir_obs = patient/Observation.rs']],
        bad => [['', 'is written'], ['fhir_all', 'is written'],
                ['fhir_all user/*.sr', '"user/*.sr"'],
                ['fhir_all openid', '"openid"'], ['"" user/*.rs', '""'],
                ['"a b" user/*.rs', '"a b"']] },
    SmartClaimHeader => { what => 'claim header', accumulates => 1,
        good => [['patient X-Smart-Patient', 'X-Smart-Patient: patient'],
                 ['tenant X_Tenant', 'X_Tenant: tenant']],
        bad => [['patient', 'takes two arguments'],
                ['"" X-Patient', 'takes two arguments'], ['patient "X Patient"', '"X Patient"'],
                ['patient X-Patient:', '"X-Patient:"'],
                (map { ["patient $_", "\"$_\""] } qw(
                    Authorization authorization Host Connection Keep-Alive TE
                    Trailer Transfer-Encoding Upgrade Proxy-Authorization
                    Content-Type Content_Length content-foo X-Forwarded-For
                    X_Forwarded_Host Forwarded X-HTTP-Method-Override
                    HTTP2-Settings Cookie))] },
    SmartFhirBase => { base => 1,
        good => [['/fhir', '/fhir/'], ['/fhir/', '/fhir/'], ['/', '/']],
        bad => [['fhir', '"fhir"'], ['""', 'takes one argument'],
                ['http://x/fhir', '"http://x/fhir"'],
                ['/fhir//r4', '"/fhir//r4"'], ['/fhir/../x', '"/fhir/../x"'],
                ['/.', '"/."'], ['/fh%69r', '"/fh%69r"'],
                ['/fhir;x', '"/fhir;x"'], ['"/fh ir"', '"/fh ir"']] },
);

sub without {
    my ($directive, @more) = @_;
    my $conf = location('/fhir', @more);
    $conf =~ s/^\Q$_\E\n//m for @{$drop{$directive} || []};
    return $conf;
}

sub shown {
    my ($r, $what, $want, $name, @section) = @_;
    return if !defined $want;
    return ref $want ? like(value($r, $what, @section), $want, $name)
        : is(value($r, $what, @section), $want, $name);
}

for (my $i = 0; $i < @DIRECTIVES; $i += 2) {
    my ($d, $t) = @DIRECTIVES[$i, $i + 1];
    my %o = (env => { LAB_SECRET => 'from-environment' });
    subtest $d => sub {
        for (@{$t->{good}}) {
            my ($args, $want) = @$_;
            $args =~ s{\.\./\.\./rsa\.pem}{../rsa.pem};
            my $r = accepted("$d $args", without($d, "$d $args"), %o);
            if ($t->{base}) {
                is join(' ', keys %{$r->{tree}{main}}), $want,
                    '... is the base';
                next;
            }
            shown($r, $t->{what}, $want, '... and in force');
            # A secret is in no output.
            unlike "$r->{err}$r->{out}",
                qr/gateway-secret|from-environment|from-program/,
                '... no secret shown';
        }
        for (@{$t->{bad}}) {
            my ($args, $word) = @$_;
            my $r = refused("$d $args", without($d, "$d $args"), [$d, $word],
                            %o);
            unlike $r->{err}, qr/gateway-secret|Syntax OK/, '... no more said';
        }
        my ($one, $two) = @{$t->{good}}[0, 1];
        refused("$d twice", without($d, "$d $one->[0]", "$d $two->[0]"),
                [$d, 'twice in one section']) if !$t->{accumulates};
        refused("$d in <Limit>",
                without($d, '<Limit GET>', "$d $one->[0]", '</Limit>'),
                [$d, '<Limit>']);
        return if $t->{base};
        merges($d, $t, $one, $two);
    };
}

# Outside, inside, and both, where inside wins or comes first.
sub merges {
    my ($d, $t, $one, $two) = @_;
    my $r = accepted("$d outside", "$d $one->[0]\n" . without($d));
    shown($r, $t->{what}, $one->[1], '... is inherited');
    $r = accepted("$d outside and inside",
                  "$d $one->[0]\n" . without($d, "$d $two->[0]"));
    if (!$t->{accumulates}) {
        shown($r, $t->{what}, $two->[1], '... is overridden');
    }
    elsif ($t->{what} eq 'rule 1') {
        shown($r, 'rule 1', $two->[1], '... inner one first');
        shown($r, 'rule 2', $one->[1], '... outer one after it');
    }
    else {
        shown($r, $t->{what}, "$two->[1]; $one->[1]", '... inner one first');
    }
    if (defined $t->{none}) {
        # The others of the location need not be there.
        $r = accepted("no $d", without($d));
        shown($r, $t->{what}, $t->{none}, '... has its default');
    }
    return;
}

subtest 'SmartDiscovery and its capabilities' => sub {
    my $file = "SmartDiscovery file $dir/discovery.json";
    my $metadata = 'SmartDiscovery metadata https://as.example.org/x';
    accepted('named ones', location('/fhir', $metadata,
        'SmartCapability launch-ehr permission-v1 https://x/y'), quiet => 1);
    my $r = accepted('an unknown one', location('/fhir', $metadata,
        'SmartCapability launch-her'));
    like $r->{err}, qr/SMART0101: SmartCapability .*"launch-her" is no/,
        '... is warned about';
    $r = accepted('without discovery', location('/fhir',
        'SmartCapability launch-ehr'));
    like $r->{err}, qr{SMART0124: SmartCapability has no effect for /fhir/},
        '... is warned about';
    accepted('a file alone', location('/fhir', $file), quiet => 1);
    refused('a file without what a capability needs', location('/fhir', $file,
        'SmartCapability sso-openid-connect'),
        ['SmartDiscovery', 'issuer is missing', 'jwks_uri is missing']);
    refused('a file without what an outer capability needs',
        "SmartCapability launch-ehr\n" . location('/fhir', $file),
        ['SmartDiscovery', 'authorization_endpoint is missing']);
    refused('too many URLs', join("\n", map { location("/f$_",
        "SmartDiscovery metadata https://as.example.org/$_") } 1 .. 17),
        ['SmartDiscovery', '16', 'https://as.example.org/']);
    accepted('as many as can be', join("\n", map { location("/f$_",
        "SmartDiscovery metadata https://as.example.org/" . $_ % 16) }
        1 .. 20), quiet => 1);
};

subtest 'tls_client_auth needs https' => sub {
    my $conf = without('SmartIntrospectionAuth',
                       "SmartIntrospectionAuth tls_client_auth one $cert $rsa");
    refused('http', $conf, ['SmartIntrospectionAuth', 'tls_client_auth',
                            'http://127.0.0.1:9/introspect']);
    $conf =~ s{http://127.0.0.1:9/introspect}{https://as.example.org/i};
    my $r = accepted('https', $conf, quiet => 1);
    is value($r, 'client'), 'tls_client_auth one', '... is in force';
};

subtest 'exposed secrets are warned about' => sub {
    my $r = accepted('open file', without('SmartIntrospectionAuth',
        "SmartIntrospectionAuth bearer file:$exposed"));
    like $r->{err}, qr/SmartIntrospectionAuth .*\Q$exposed/, '... a warning';
    unlike $r->{err}, qr/open secret/, '... without the secret';
    accepted('closed file', location('/fhir'), quiet => 1);
};

subtest 'SmartCacheSize' => sub {
    for ([undef, 33554432], ['1M', 1048576], ['64G', 68719476736],
         ['2048k', 2097152], ['1048577', 1048577]) {
        my ($size, $bytes) = @$_;
        my $r = accepted($size // 'none',
                         $size ? "SmartCacheSize $size\n" : '');
        like $r->{out}, qr/^  cache $bytes bytes$/m, '... is in force';
    }
    refused("SmartCacheSize $_", "SmartCacheSize $_\n",
            ['SmartCacheSize', "\"$_\""])
        for qw(1023K 65G 32MB 0 -1M 17179869185G M 1.5M);
    refused('twice', "SmartCacheSize 1M\nSmartCacheSize 2M\n",
            ['SmartCacheSize', 'twice']);
    refused('in a section', block('Location /x', 'SmartCacheSize 1M'),
            ['SmartCacheSize', 'not allowed']);
    refused('in a virtual host',
            block('VirtualHost *:80', 'SmartCacheSize 1M'),
            ['SmartCacheSize', '<VirtualHost>']);
};

subtest 'SmartIntrospectionMaxConcurrent' => sub {
    for ([undef, 'a quarter of the workers'], ['1', '1'], ['4096', '4096']) {
        my ($n, $shown) = @$_;
        my $r = accepted($n // 'none',
            $n ? "SmartIntrospectionMaxConcurrent $n\n" : '');
        like $r->{out}, qr/^  introspections at once $shown$/m,
            '... is in force';
    }
    refused("SmartIntrospectionMaxConcurrent $_",
            "SmartIntrospectionMaxConcurrent $_\n",
            ['SmartIntrospectionMaxConcurrent', "\"$_\""])
        for qw(0 4097 -1 +2 2x 99999999999999999999);
    refused('twice', "SmartIntrospectionMaxConcurrent 1\n" x 2,
            ['SmartIntrospectionMaxConcurrent', 'twice']);
    refused('in a virtual host',
            block('VirtualHost *:80', 'SmartIntrospectionMaxConcurrent 2'),
            ['SmartIntrospectionMaxConcurrent', '<VirtualHost>']);
};

subtest 'SmartCacheShared and SmartSecret' => sub {
    my $long = write_file('cluster', 'x' x 32 . "\n");
    my $short = write_file('short', 'y' x 31 . "\n");
    my %o = (modules => [qw(socache_redis socache_memcache)]);
    my $r = accepted('none', '', quiet => 1);
    like $r->{out}, qr/^  shared cache none\n  secret random$/m,
        '... is the default';
    $r = accepted('secret alone', "SmartSecret file:$long\n", quiet => 1);
    like $r->{out}, qr/^  secret of a cluster$/m, '... is in force';
    unlike $r->{out} . $r->{err}, qr/xxxx/, '... and in no dump';
    for ('redis:127.0.0.1:6379', 'memcache:a.example:1,b.example:2',
         'redis:localhost') {
        $r = accepted($_, "SmartSecret file:$long\nSmartCacheShared $_\n", %o,
                      quiet => 1);
        like $r->{out}, qr/^  shared cache \Q$_\E$/m, '... is in force';
    }
    accepted('secret of the environment', "SmartSecret env:CLUSTER\n",
             env => { CLUSTER => 'z' x 32 });
    refused('without a secret', "SmartCacheShared redis:127.0.0.1:6379\n",
            ['SmartSecret', 'SmartCacheShared', '"redis:127.0.0.1:6379"'], %o);
    refused("$_->[0]: $_->[1]", "SmartSecret file:$long\n"
            . "SmartCacheShared $_->[0]\n",
            ['SmartCacheShared', "\"$_->[0]\"", $_->[1]], %o)
        for (['redis', 'server names'], ['redis:', 'server names'],
             ['redis:127.0.0.1:99999', 'host:port'],
             ['redis:a.example:1,6379', '"6379" is no host:port'],
             ['memcache:[::1', 'host:port'],
             ['memcached:127.0.0.1:11211', 'no provider that is loaded'],
             ['shmcb:/tmp/x', 'mod_socache_shmcb']);
    refused('module not loaded', "SmartSecret file:$long\n"
            . "SmartCacheShared redis:127.0.0.1:6379\n",
            ['SmartCacheShared', 'mod_socache_redis', 'before this line']);
    $r = refused('short secret', "SmartSecret file:$short\n",
                 ['SmartSecret', 'less than 32 bytes']);
    unlike $r->{err}, qr/yyyy/, '... is not told';
    $r = refused('bare word', "SmartSecret " . 'w' x 40 . "\n",
                 ['SmartSecret', 'file:<path>']);
    unlike $r->{err} =~ s/^AH00526.*\n//mr, qr/wwww/, '... is not told';
    refused('no file', "SmartSecret file:$dir/absent\n",
            ['SmartSecret', "$dir/absent"]);
    $r = accepted('file that others may read',
                  "SmartSecret file:" . write_file('open', 'v' x 32, 0644)
                  . "\n");
    like $r->{err}, qr/SmartSecret.*owner and group/, '... is warned about';
    refused('twice', "SmartSecret file:$long\n" x 2,
            ['SmartSecret', 'twice']);
    refused('twice', "SmartSecret file:$long\n"
            . "SmartCacheShared redis:127.0.0.1:6379\n" x 2,
            ['SmartCacheShared', 'twice'], %o);
    for ("SmartSecret file:$long", 'SmartCacheShared redis:127.0.0.1:6379') {
        my ($name) = /(\w+)/;
        refused('in a virtual host', block('VirtualHost *:80', $_),
                [$name, '<VirtualHost>'], %o);
        refused('in a section', block('Location /x', $_),
                [$name, 'not allowed'], %o);
    }
};

subtest 'directives of later versions are unknown words' => sub {
    refused('unknown', "SmartNoSuchThing on\n",
            ['SmartNoSuchThing']);
};

# --- bases -------------------------------------------------------------------

subtest 'bases' => sub {
    my $conf = location('/fhir') . "\n"
        . block('Location "/fhir/Patient"', 'AuthType SMART',
                'SmartRule delete * deny') . "\n"
        . block('Location "/fhirx"', 'SmartMode report');
    my $r = accepted('nested', $conf, quiet => 1);
    is_deeply [sort keys %{$r->{tree}{main}}], ['/fhir/'], '... one base';
    is_deeply [sort keys %{$r->{tree}{main}{'/fhir/'}}],
        ['<Location "/fhir">', '<Location "/fhir/Patient">'],
        '... the inner section belongs to it, the neighbour does not';
    my $inner = $r->{tree}{main}{'/fhir/'}{'<Location "/fhir/Patient">'};
    like $inner->{'rule 1'}[0], qr/^delete/, '... has its own';
    is $inner->{endpoint}[0], 'http://127.0.0.1:9/introspect',
        '... and what it inherits';
    is value($r, 'rule 1'), undef, '... the outer has not';

    $r = accepted('two in one host', location('/a') . "\n" . location('/b'));
    is_deeply [sort keys %{$r->{tree}{main}}], ['/a/', '/b/'], '... two bases';

    $r = accepted('one stated below another',
        location('/fhir') . "\n"
        . block('Location "/fhir/tenant"', 'SmartFhirBase /fhir/tenant'));
    is_deeply [sort keys %{$r->{tree}{main}}], ['/fhir/', '/fhir/tenant/'],
        '... two bases';
    is_deeply [keys %{$r->{tree}{main}{'/fhir/tenant/'}}],
        ['<Location "/fhir/tenant">'], '... the section is of the inner one';

    $r = accepted('stated for a wider location',
                  location('/', 'SmartFhirBase /fhir'), quiet => 1);
    is_deeply [keys %{$r->{tree}{main}}], ['/fhir/'], '... is the base';
    refused('stated for another path', location('/x', 'SmartFhirBase /fhir'),
            ['SmartFhirBase', '"/fhir/"', '<Location "/x">']);
    $r = accepted('root', location('/'), quiet => 1);
    is_deeply [keys %{$r->{tree}{main}}], ['/'], '... is a base';
    refused('path that can not be a base', location('/fh%69r'),
            ['SmartFhirBase', '/fh%69r']);

    $r = accepted('stated at the server',
                  "SmartFhirBase /fhir\n" . location('/fhir/Patient'));
    is_deeply [keys %{$r->{tree}{main}}], ['/fhir/'], '... is the base';
    $r = accepted('stated without AuthType', "SmartFhirBase /fhir\n");
    like $r->{out}, qr{^  base /fhir/$}m, '... is a base';
    $r = accepted('wrapped', join "\n", '<IfModule mod_authz_core.c>',
        location('/fhir'), '</IfModule>',
        block('Location "/fhir/x"', '<IfModule mod_authz_core.c>',
              'SmartMode report', '</IfModule>'));
    is value($r, 'mode', '<Location "/fhir/x">'), 'report',
        '... sections and directives in <IfModule> are seen';
    $r = accepted('in <If>', block('Location "/fhir"', @ENDPOINT, @AUTH, @QUIET,
        block('If "true"', @SMART, 'SmartMode report')));
    is value($r, 'mode', '<If "true">'), 'report', '... belongs to the base';
    $r = accepted('case of AuthType', location('/fhir') =~ s/SMART/smart/r);
    is_deeply [keys %{$r->{tree}{main}}], ['/fhir/'], '... does not matter';
    $r = accepted('another AuthType', location('/fhir') =~ s/SMART/Basic/r);
    is_deeply [keys %{$r->{tree}{main}}], [], '... is no base';
};

subtest 'sections that need SmartFhirBase' => sub {
    for ('LocationMatch "^/fhir(/|$)"', 'Location ~ "^/fhir"',
         'Location "/fhi?"', "Directory \"$dir\"", 'DirectoryMatch "fhir"',
         'Proxy "http://127.0.0.1/*"', 'Files "x"', 'FilesMatch "x"',
         'If "true"') {
        my $conf = location('/fhir') =~ s/Location "\/fhir"/$_/r
            =~ s{</Location>}{my ($n) = /^(\w+)/; "</$n>"}er;
        refused("<$_>", $conf, ['SmartFhirBase', "<$_>"]);
        my $r = accepted("<$_> with it",
                         $conf =~ s/AuthType/SmartFhirBase \/fhir\nAuthType/r,
                         quiet => 1);
        is_deeply [keys %{$r->{tree}{main}}], ['/fhir/'], '... is the base';
    }
    my $match = block('LocationMatch "^/fhir/(Patient|Group)"',
                      'AuthType SMART', 'SmartMode report') =~ s/\|Group//r;
    my $r = accepted('inside a base', location('/fhir') . "\n$match");
    is value($r, 'mode', '<LocationMatch "^/fhir/(Patient)">'), 'report',
        '... belongs to it';
    refused('not clearly inside a base',
            location('/fhir') . "\n" . $match =~ s{\^/fhir/}{^/fhir}r,
            ['SmartFhirBase', '<LocationMatch']);
};

subtest 'claims that are kept' => sub {
    my $r = accepted('from headers and Require lines',
        location('/fhir', 'SmartClaimHeader tenant X-Tenant',
                 'SmartClaimHeader sub X-Sub', 'Require smart-claim ward a b',
                 'Require smart-claim tenant x', 'Require smart-claim aud y')
        . "\n" . block('Location "/fhir/Patient"', '<RequireAll>',
                       'Require smart-claim acr 2', '</RequireAll>'),
        quiet => 1);
    is value($r, 'kept claim'), 'tenant; ward',
        '... each once, without those that every grant has';
    is value($r, 'kept claim', '<Location "/fhir/Patient">'),
        'acr; tenant; ward', '... also where no directive of ours stands';
};

# --- what a section needs ----------------------------------------------------

subtest 'endpoint and client' => sub {
    my $bare = block('Location "/fhir"', @SMART, @QUIET);
    refused('no endpoint', "@AUTH\n$bare",
            ['SmartIntrospectionEndpoint', '<Location "/fhir">']);
    refused('no client authentication', "@ENDPOINT\n$bare",
            ['SmartIntrospectionAuth', '<Location "/fhir">']);
    accepted('both at the server', "@ENDPOINT\n@AUTH\n$bare", quiet => 1);
    accepted('both in an outer section', block('Location "/"', @ENDPOINT,
                                               @AUTH) . "\n$bare", quiet => 1);
    refused('in another section', block('Location "/other"', @ENDPOINT, @AUTH)
            . "\n$bare", ['SmartIntrospectionEndpoint']);
};

sub vhost {
    my ($name, @lines) = @_;
    return block('VirtualHost *:@PORT@', "ServerName https://$name", @lines)
        . "\n";
}

subtest 'virtual hosts' => sub {
    my $bare = block('Location "/fhir"', @SMART, @QUIET);
    my $r = accepted('endpoint of the host', vhost('a.org', @ENDPOINT, @AUTH,
                     $bare), quiet => 1);
    is_deeply [sort keys %{$r->{tree}}], ['a.org', 'main'], '... two servers';
    is_deeply $r->{tree}{main}, {}, '... no base in the main one';
    my $a = $r->{tree}{'a.org'}{'/fhir/'}{'<Location "/fhir">'};
    is $a->{'public URL'}[0], 'https://a.org/fhir', '... its name is used';

    # Two tenants.
    $r = accepted('two tenants', vhost('a.org', @ENDPOINT, @AUTH, $bare)
        . vhost('b.org', 'SmartIntrospectionEndpoint https://as.b.org/i',
                'SmartIntrospectionAuth none b', 'SmartIssuer https://as.b.org',
                $bare =~ s{"/fhir"}{"/r4"}r), quiet => 1);
    my $b = $r->{tree}{'b.org'}{'/r4/'}{'<Location "/r4">'};
    is_deeply [$b->{endpoint}[0], $b->{client}[0], $b->{issuer}[0]],
        ['https://as.b.org/i', 'none b', 'https://as.b.org'], '... one';
    $a = $r->{tree}{'a.org'}{'/fhir/'}{'<Location "/fhir">'};
    is_deeply [$a->{endpoint}[0], $a->{client}[0], $a->{issuer}[0]],
        ['http://127.0.0.1:9/introspect', 'client_secret_basic gateway',
         'not checked'], '... has nothing of the other';

    # Sections of the main server.
    $r = accepted('main section', location('/fhir') . "\n"
                  . vhost('a.org', 'SmartMode report')
                  . vhost('b.org', block('Location "/fhir/Patient"',
                                         'SmartRule delete * deny')));
    is_deeply [sort keys %{$r->{tree}{$_}}], ['/fhir/'], "... base of $_"
        for qw(main a.org b.org);
    is $r->{tree}{'a.org'}{'/fhir/'}{'<Location "/fhir">'}{mode}[0], 'report',
        '... with what the host says';
    is $r->{tree}{'b.org'}{'/fhir/'}{'<Location "/fhir">'}{mode}[0], 'enforce',
        '... of that host alone';
    ok $r->{tree}{'b.org'}{'/fhir/'}{'<Location "/fhir/Patient">'}{'rule 1'},
        '... joined by sections of the host';
    ok !$r->{tree}{'a.org'}{'/fhir/'}{'<Location "/fhir/Patient">'},
        '... of that host alone';

    # Shared by hosts that complete it.
    $r = accepted('main section, endpoints in the hosts', "$bare\n"
                  . vhost('a.org', @ENDPOINT, @AUTH));
    like $r->{err}, qr/warn.*SmartIntrospectionEndpoint is missing/,
        '... the main server itself is warned about';
    refused('one host does not complete it', "$bare\n"
            . vhost('a.org', @ENDPOINT, @AUTH) . vhost('b.org'),
            ['SmartIntrospectionEndpoint', 'b.org']);
    refused('in a host', vhost('a.org', $bare),
            ['SmartIntrospectionEndpoint', '<Location "/fhir">']);
};

subtest 'virtual hosts from a macro' => sub {
    my $r = accepted('two', block('Macro Tenant $name $as',
        block('VirtualHost *:@PORT@', 'ServerName https://$name',
              block('Location "/fhir"', @SMART, @QUIET,
                    'SmartIntrospectionEndpoint https://$as/i',
                    'SmartIntrospectionAuth none $name')))
        . "\nUse Tenant a.org as.a.org\nUse Tenant b.org as.b.org\n",
        modules => ['macro'], quiet => 1);
    is $r->{tree}{$_}{'/fhir/'}{'<Location "/fhir">'}{endpoint}[0],
        "https://as.$_/i", "... $_ has its own" for qw(a.org b.org);
};

subtest 'rules that never match' => sub {
    refused('type of another version',
            location('/fhir', 'SmartRule read Evidence,SubscriptionTopic deny'),
            ['SmartRule', 'SubscriptionTopic', 'httpd.conf:']);
    accepted('type of the version in force', location('/fhir',
        'SmartFhirVersion R5',
        'SmartRule read Evidence,SubscriptionTopic deny'), quiet => 1);
    refused('version of an inner section',
        location('/fhir', 'SmartFhirVersion R5',
                 'SmartRule read SubscriptionTopic deny') . "\n"
        . block('Location "/fhir/x"', 'SmartFhirVersion R4'),
        ['SmartRule', '<Location "/fhir/x">']);
    refused('covered by one before it', location('/fhir',
        'SmartRule delete,create * deny', 'SmartRule delete Patient public'),
        ['SmartRule', 'delete Patient public']);
    accepted('before what covers it', location('/fhir',
        'SmartRule delete Patient public', 'SmartRule delete,create * deny'),
        quiet => 1);
    accepted('inner one replaces outer one', location('/fhir',
        'SmartRule delete * deny') . "\n"
        . block('Location "/fhir/x"', 'SmartRule delete * public'),
        quiet => 1);
    refused('alias of another version', location('/fhir',
        'SmartScopeAlias x system/SubscriptionTopic.r'),
        ['SmartScopeAlias', 'system/SubscriptionTopic.r', '<Location "/fhir">']);
    accepted('alias of the version in force', location('/fhir',
        'SmartFhirVersion R5', 'SmartScopeAlias x system/SubscriptionTopic.r'),
        quiet => 1);
    refused('alias twice', location('/fhir', 'SmartScopeAlias x system/*.r',
        'SmartScopeAlias x system/*.s'), ['SmartScopeAlias', '"x"', 'twice']);
    refused('header twice', location('/fhir', 'SmartClaimHeader a X-A',
        'SmartClaimHeader b x_a'), ['SmartClaimHeader', '"x_a"', 'twice']);
    my $r = accepted('header of inner and outer section',
        "SmartClaimHeader a X-A\n" . location('/fhir',
                                              'SmartClaimHeader b x_a'));
    is value($r, 'claim header'), 'x_a: b', '... the inner one counts';
};

# --- ways to backends --------------------------------------------------------

sub way {
    my ($kind, $name, $conf, @texts) = @_;
    my %o = (modules => [qw(proxy_balancer slotmem_shm lbmethod_byrequests
                            proxy_ajp proxy_fcgi proxy_wstunnel)]);
    return $kind eq 'ok' ? accepted($name, $conf, %o, quiet => 1)
        : refused($name, $conf, \@texts, %o);
}

subtest 'schemes' => sub {
    for (qw(http://127.0.0.1:8/fhir https://127.0.0.1:8/fhir
            h2://127.0.0.1:8/fhir h2c://127.0.0.1:8/fhir
            unix:/run/x.sock|http://localhost/fhir)) {
        way(ok => "ProxyPass $_", location('/fhir', "ProxyPass \"$_\""));
    }
    for (qw(ajp://127.0.0.1:8/fhir fcgi://127.0.0.1:8/ scgi://127.0.0.1:8/
            uwsgi://127.0.0.1:8/ ftp://127.0.0.1/ ws://127.0.0.1:8/fhir
            wss://127.0.0.1:8/ AJP://127.0.0.1:8/
            unix:/run/x.sock|fcgi://localhost)) {
        my ($scheme) = m{(\w+)://};
        way(no => "ProxyPass $_", location('/fhir', "ProxyPass \"$_\""),
            'ProxyPass', "\"$scheme\"", '<Location "/fhir">');
    }
    way(ok => 'ajp elsewhere', location('/fhir') . "\n"
        . block('Location "/other"', 'ProxyPass ajp://127.0.0.1:8/'));
    way(no => 'ajp in an inner section', location('/fhir') . "\n"
        . block('Location "/fhir/Group"', 'ProxyPass ajp://127.0.0.1:8/'),
        'ProxyPass', '/fhir/Group');
    way(no => 'ajp in a match', location('/fhir') . "\n"
        . block('LocationMatch "^/fhir/G"', 'ProxyPass ajp://127.0.0.1:8/'),
        'ProxyPass', 'LocationMatch');
    way(ok => 'ajp in a match elsewhere', location('/fhir') . "\n"
        . block('LocationMatch "^/x/G"', 'ProxyPass ajp://127.0.0.1:8/'));
    for ('nocanon', 'mapping=servlet', 'mapping=encoded') {
        my $url = 'http://127.0.0.1:8/fhir';
        way(no => $_, location('/fhir', "ProxyPass $url $_"), 'ProxyPass', $_);
        way(ok => "$_ elsewhere", location('/fhir') . "\n"
            . block('Location "/other"', "ProxyPass $url $_"));
    }
    way(ok => 'other parameters', location('/fhir',
        'ProxyPass http://127.0.0.1:8/fhir retry=0 timeout=5'));
};

subtest 'ways of nested locations' => sub {
    my $outer = block('Location "/"', 'ProxyPass ajp://127.0.0.1:8/') . "\n";
    my $inner = location('/fhir', 'ProxyPass http://127.0.0.1:8/fhir') . "\n";
    way(ok => 'the inner one is later and wins', "$outer$inner");
    way(no => 'the outer one is later and wins', "$inner$outer", 'ProxyPass',
        '<Location "/">');
    way(no => 'the inner one has none', $outer . location('/fhir'),
        'ProxyPass', '<Location "/">');
};

subtest 'ways of the server' => sub {
    my $l = location('/fhir') . "\n";
    my $bad = 'ajp://127.0.0.1:8/';
    way(no => 'ProxyPass', "${l}ProxyPass /fhir $bad", 'ProxyPass', 'ajp');
    way(no => 'ProxyPass below', "${l}ProxyPass /fhir/x $bad", 'ProxyPass');
    way(no => 'ProxyPass above', "${l}ProxyPass / $bad", 'ProxyPass');
    way(ok => 'ProxyPass of a neighbour', "${l}ProxyPass /fhirx $bad");
    way(ok => 'ProxyPass above, after a better one',
        "${l}ProxyPass /fhir http://127.0.0.1:8/fhir\nProxyPass / $bad");
    way(no => 'ProxyPass above, before a better one',
        "${l}ProxyPass / $bad\nProxyPass /fhir http://127.0.0.1:8/fhir",
        'ProxyPass');
    way(ok => 'ProxyPass above, after an exclusion',
        "${l}ProxyPass /fhir !\nProxyPass / $bad");
    way(ok => 'ProxyPass above, better one in the location',
        location('/fhir', 'ProxyPass http://127.0.0.1:8/fhir')
        . "\nProxyPass / $bad");
    way(no => 'ProxyPass in the main server, base in a host',
        "ProxyPass /fhir $bad\n" . vhost('a.org', location('/fhir')),
        'ProxyPass');
    way(ok => 'ProxyPass in another host',
        vhost('b.org', "ProxyPass /fhir $bad")
        . vhost('a.org', location('/fhir')));
    way(no => 'ProxyPassMatch', "${l}ProxyPassMatch ^/fhir/(.*)\$ $bad",
        'ProxyPassMatch');
    way(no => 'ProxyPassMatch of anything', "${l}ProxyPassMatch (.*)\$ $bad",
        'ProxyPassMatch');
    way(ok => 'ProxyPassMatch elsewhere', "${l}ProxyPassMatch ^/x/(.*)\$ $bad");
    way(no => 'nocanon', "${l}ProxyPass /fhir http://127.0.0.1:8/ nocanon",
        'ProxyPass', 'nocanon');
    my $r = "RewriteEngine On\nRewriteRule";
    way(no => 'RewriteRule', "$l$r ^/fhir/(.*) $bad\$1 [P]", 'RewriteRule');
    way(no => 'RewriteRule, flags', "$l$r ^/fhir/(.*) $bad\$1 [NE,proxy,L]",
        'RewriteRule');
    way(no => 'RewriteRule, handler',
        "$l$r ^/fhir/(.*) - [H=proxy:fcgi://127.0.0.1:8/]", 'RewriteRule');
    way(ok => 'RewriteRule of the main server, base in a host',
        "$r ^/fhir/(.*) $bad\$1 [P]\n" . vhost('a.org', location('/fhir')));
    way(ok => 'RewriteRule to http',
        "$l$r ^/fhir/(.*) http://127.0.0.1:8/\$1 [P]");
    way(ok => 'RewriteRule elsewhere', "$l$r ^/x/(.*) $bad\$1 [P]");
    way(ok => 'RewriteRule that redirects', "$l$r ^/fhir/(.*) $bad\$1 [R]");
    way(no => 'RewriteRule of a section',
        location('/fhir', "$r . $bad [P]"), 'RewriteRule');
    way(no => 'SetHandler', location('/fhir',
        'SetHandler "proxy:fcgi://127.0.0.1:8"'), 'SetHandler', 'fcgi');
    way(ok => 'SetHandler of some files',
        $l . block('FilesMatch "\.php$"', 'SetHandler "proxy:fcgi://127.0.0.1"'));
    way(ok => 'SetHandler to http', location('/fhir',
        'SetHandler "proxy:http://127.0.0.1:8"'));
};

subtest 'balancers' => sub {
    my $l = location('/fhir', 'ProxyPass balancer://farm/fhir') . "\n";
    my $member = 'BalancerMember';
    way(ok => 'members are http', $l . block('Proxy "balancer://farm"',
        "$member http://127.0.0.1:8", "$member http://127.0.0.1:9"));
    way(no => 'a member is not', $l . block('Proxy "balancer://farm"',
        "$member http://127.0.0.1:8", "$member ajp://127.0.0.1:9"),
        'ProxyPass', 'ajp', 'BalancerMember');
    way(no => 'a member at the server',
        "$l$member balancer://farm ajp://127.0.0.1:9", 'ajp');
    way(ok => 'members of another', $l . block('Proxy "balancer://farm2"',
        "$member ajp://127.0.0.1:9") . "\n$member balancer://farm "
        . 'http://127.0.0.1:8');
};

subtest 'caches' => sub {
    my %o = (modules => [qw(cache cache_disk)]);
    my $l = "CacheRoot $dir\n" . location('/fhir') . "\n";
    for my $enable ('disk /', 'disk /fhir', 'disk /fhir/Patient',
                    'disk http://example.org/', 'disk https://') {
        refused("CacheEnable $enable", "${l}CacheEnable $enable\n",
                ['CacheQuickHandler', 'CacheEnable', '/fhir/'], %o);
        accepted("CacheEnable $enable without quick handler",
                 "${l}CacheQuickHandler off\nCacheEnable $enable\n", %o,
                 quiet => 1);
    }
    accepted('elsewhere', "${l}CacheEnable disk /static\n", %o, quiet => 1);
    accepted('disabled for the base',
             "${l}CacheEnable disk /\nCacheDisable /fhir\n", %o, quiet => 1);
    refused('disabled for a part', "${l}CacheEnable disk /\nCacheDisable "
            . "/fhir/Patient\n", ['CacheQuickHandler'], %o);
    refused('in a host', "CacheQuickHandler off\n" . vhost('a.org', $l,
            'CacheQuickHandler on', 'CacheEnable disk /'),
            ['CacheQuickHandler'], %o);
    accepted('off for all hosts', "CacheQuickHandler off\n"
             . vhost('a.org', $l, 'CacheEnable disk /'), %o, quiet => 1);
};

# --- warnings ----------------------------------------------------------------

sub warned {
    my ($name, $conf, $like, %o) = @_;
    my $r = accepted($name, $conf, %o);
    my @lines = grep { /$like/ } split /\n/, $r->{err};
    is scalar @lines, 1, '... with one warning' or diag $r->{err};
    return;
}

subtest 'warnings' => sub {
    my $l = location('/fhir');
    accepted('nothing to say', $l, quiet => 1);
    warned('report mode', location('/fhir', 'SmartMode report'),
           qr/SmartMode report.* \/fhir\//);
    warned('report mode of the server', "SmartMode report\n$l",
           qr/SmartMode report/);
    warned('SmartFhirUser', $l =~ s/SmartFhirUser.*//r, qr/SmartFhirUser/);
    accepted('SmartFhirUser optional', $l =~ s/(SmartFhirUser).*/$1 optional/r,
             quiet => 1);
    warned('a compartment of nobody', location('/fhir',
           'SmartPatientCompartment off'), qr/SmartClaimHeader tells/);
    accepted('a compartment of the backend', location('/fhir',
             'SmartPatientCompartment off', 'SmartClaimHeader patient X-Pat'),
             quiet => 1);
    refused('a parameter of another version', location('/fhir',
            'SmartFhirVersion R5', 'SmartCompartmentParam Device:patient'),
            ['SmartCompartmentParam', 'Device:patient']);
    accepted('the default of another version', location('/fhir',
             'SmartFhirVersion R5'), quiet => 1);
    warned('public URL', $l, qr/SmartPublicURL/, server_name => 'a.org');
    accepted('public URL is set', location('/fhir',
             'SmartPublicURL https://a.org/fhir'), quiet => 1,
             server_name => 'a.org');
    warned('no Require', $l =~ s/Require smart\n//r, qr/Require/);
    accepted('Require in an outer section', block('Location "/"',
             'Require smart') . "\n" . $l =~ s/Require smart\n//r, quiet => 1);
    warned('two lines', location('/fhir', 'Require ip 127.0.0.1'),
           qr/Require ip 127.0.0.1/);
    warned('RequireAny', location('/fhir', '<RequireAny>',
           'Require smart-client a', 'Require host example.org',
           '</RequireAny>'), qr/Require host example.org/);
    warned('RequireAny deeper', $l =~ s/Require smart\n//r
           =~ s{</Location>}{<RequireAll>\n<RequireAny>\nRequire smart
                Require local\n</RequireAny>\n</RequireAll>\n</Location>}r,
           qr/Require local/);
    warned('inner section', "$l\n" . block('Location "/fhir/Patient"',
           'Require smart', 'Require all granted'),
           qr/Require all granted.*\/fhir\/Patient/);
    accepted('RequireAll', $l =~ s/Require smart\n//r
             =~ s{</Location>}{<RequireAll>\nRequire smart\nRequire local
                 </RequireAll>\n</Location>}r, quiet => 1);
    accepted('alternatives among tokens', location('/fhir',
             'Require smart-client a', 'Require smart-client b'), quiet => 1);
    accepted('nobody else', location('/fhir', 'Require all denied'),
             quiet => 1);
    accepted('elsewhere', "$l\n" . block('Location "/x"', 'Require smart',
             'Require local'), quiet => 1);
};

subtest 'detours are warned about' => sub {
    my $l = location('/fhir', 'ProxyPass http://127.0.0.1:9/r4/fhir');
    my $detour = qr{leads to the backend of the base /fhir/ at };
    my %at = ('/app/r4/fhir' => 'ProxyPass /app http://127.0.0.1:9/',
              '/x' => 'ProxyPass /x http://127.0.0.1:9/r4/fhir/',
              '/y' => 'ProxyPass "/y/" "http://127.0.0.1:9/r4/fhir/Patient/"',
              '/r4/fhir' => 'ProxyPass / http://127.0.0.1:9/');
    warned("to $_", "$l\n$at{$_}", qr{$detour\Q$_\E/}) for sort keys %at;
    unlike accepted($_, "$l\n$_")->{err}, $detour, '... is none' for
        'ProxyPass /app http://127.0.0.1:9/app',
        'ProxyPass /app http://127.0.0.1:8/r4/fhir',
        'ProxyPass /app http://127.0.0.1:9/r4/fhir2',
        'ProxyPass /fhir/x http://127.0.0.1:9/r4/fhir/x';
    my @partner = ('Location "/x"', 'ProxyPass http://127.0.0.1:9/r4/fhir');
    unlike accepted('something else is asked for', "$l\n"
                    . block(@partner, 'Require local'))->{err}, $detour,
        '... is none';
    warned('nothing is asked for', "$l\n" . block(@partner), $detour);
    accepted('all of a server', location('/fhir')
             . "\nProxyPass / http://127.0.0.1:9/", quiet => 1);
};

# --- in a running server -----------------------------------------------------

subtest 'at a start' => sub {
    my $h = $lab->httpd(conf => location('/fhir', 'SmartMode report'));
    my @said = $h->log_text =~ /SMART0120/g;
    is scalar @said, 1, 'a warning is logged once, though all is read twice';
    $h->graceful;
    @said = $h->log_text =~ /SMART0120/g;
    is scalar @said, 2, '... and again at the next start';
    $h->stop;
};

subtest 'sections that contradict the path' => sub {
    my $conf = location('/fhir',
        '<If "%{QUERY_STRING} == \'_id=2\'">', 'SmartFhirBase /other', '</If>');
    my $h = $lab->httpd(conf => $conf);
    is $h->get('/fhir/Patient?_id=1')->status, 401, 'elsewhere a token is due';
    unlike $h->log_text, qr/SMART0102/, '... and nothing is wrong';
    cmp_ok $h->get('/fhir/Patient?_id=2')->status, '>=', 403, 'refused';
    like $h->log_text, qr/SMART0102.*SmartFhirBase \/other\/.*\/fhir\//,
        '... and the log says why';
    $h->stop;
};

# --- files of the project ----------------------------------------------------

sub conf_file {
    my ($name) = @_;
    open my $f, '<', Smart::Lab->top . "/conf/$name" or die "$name: $!\n";
    local $/;
    my $t = <$f>;
    $t =~ s/^LoadModule smart_module .*\n//m; # the lab does
    $t =~ s{file:/etc/apache2/smart\.secret}{\@SECRET\@}g;
    $t =~ s{/etc/apache2/as-ca\.pem}{$cert}g;
    return $t;
}

subtest 'conf/smart-minimal.conf' => sub {
    my $r = accepted('as it is', conf_file('smart-minimal.conf'));
    is value($r, 'endpoint'), 'https://as.example.org/introspect',
        '... is in force';
    is value($r, 'client'), 'client_secret_basic gateway', '... with its client';
};

subtest 'conf/smart.conf' => sub {
    my $conf = conf_file('smart.conf');
    accepted('as it is', $conf);
    my $all = $conf =~ s/^(\s*)#(Smart[A-Z])/$1$2/mgr;
    my $secret = write_file('of-cluster', 'x' x 32);
    $all =~ s{/etc/apache2/smart-cluster\.secret}{$secret};
    my $r = accepted('all examples', $all, quiet => 1,
                     modules => ['socache_redis']);
    is value($r, 'audience'), 'required https://fhir.example.org/fhir',
        '... are in force';
    # What it calls the default is the default.
    my $defaults = accepted('the defaults', $conf);
    for (['SmartCacheTTL', 'cached'], ['SmartNegativeCacheTTL', 'cached'],
         ['SmartIntrospectionTimeout', 'timeouts'], ['SmartMode', 'mode'],
         ['SmartFhirVersion', 'FHIR version'],
         ['SmartForwardToken', 'forward token']) {
        my ($d, $what) = @$_;
        my ($example) = $conf =~ /^\s*#\Q$d\E (.*)$/m;
        my ($stated) = $conf =~ /# Default: (.*)\n(?:\s*#[^S\n].*\n)*\s*#\Q$d\E /;
        is $example, $stated, "$d: the example is the default";
        is value($r, $what), value($defaults, $what), '... and so it is';
    }
};

done_testing;
