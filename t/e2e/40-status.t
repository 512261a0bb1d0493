#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The status page in a real browser, and audit events at a real FHIR server.
# Screenshots stay in .out/screenshots.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../lib";
use File::Path ();
use Test::More;
use Smart::Json qw(json_decode);
use Smart::Lab ();
use Smart::Real ();

die Smart::Real::missing() . "\n" if Smart::Real::missing();
my $CHROMIUM = $ENV{SMART_CHROMIUM} // '/usr/bin/chromium';
die "Chromium is needed: build/install-deps test\n" if !-x $CHROMIUM;
my $real = Smart::Real->new;
my $shots = "$FindBin::Bin/../../.out/screenshots";
File::Path::make_path($shots);

my $audit = $real->dir . '/audit.json';
my $h = $real->httpd(conf => "SmartAuditLog $audit\n" . Smart::Lab->protected
    . "<Location \"/status\">\n    SetHandler smart-status\n"
    . "    Require ip 127.0.0.1\n</Location>\n"
    . "<Location \"/closed\">\n    SetHandler smart-status\n"
    . "    Require ip 192.0.2.1\n</Location>\n");

# Permits, denials and trouble, so that each plot has something to show.
my $t = $real->launch(scope => 'user/Observation.rs')->{access_token};
$h->get('/fhir/Observation/obs-1', $t) for 1 .. 20;
$h->get('/fhir/Patient/pat-1', $t) for 1 .. 3;
$h->get('/fhir/Observation/obs-1', 'nobody-knows-this-one') for 1 .. 2;
$h->get('/fhir/metadata');
$h->get('/fhir/Observation/obs-1');

sub browse {
    my ($path, $name) = @_;
    my @command = ($ENV{SMART_NODE} // 'node', "$FindBin::Bin/browse.mjs",
                   $h->url . $path, "$shots/$name");
    open my $out, '-|', @command or die "browse.mjs: $!\n";
    my @looks = map { json_decode($_) } <$out>;
    close $out;
    return map { ($_->{name} => $_) } @looks;
}

my %look = browse('/status', 'status');
is join(' ', sort keys %look), 'dark light phone', 'looked at in three ways';
for my $name (qw(light dark phone)) {
    subtest $name => sub {
        my $look = $look{$name} or return fail('no look');
        is $look->{status}, 200, 'a browser gets the page';
        is join("\n", @{$look->{messages}}), '', 'the console is empty';
        is_deeply $look->{requests}, [$h->url . '/status'],
            'nothing else is asked for';
        is $look->{overflow}, 0, 'nothing to scroll to the side';
        is_deeply $look->{small}, [], 'each text has a contrast of 4.5';
        is $look->{named}, 3, 'three plots have a title and a description';
        for (qw(requests hits latency)) {
            cmp_ok $look->{points}{$_}, '>', 0, "$_: the plot has points";
        }
        like $look->{text}, qr/The authorization server answers\./,
            'what is the server doing';
        like $look->{text}, qr/^permit\s+20\s+.*^no-scope\s+403\s+3\s/ms,
            '... and what was decided';
        like $look->{text}, qr/^ {6}public URL +\S/m,
            '... and what is in force';
        ok -s "$shots/status-$name.png", 'a screenshot';
    };
}
is $look{light}{background}, 'rgb(246, 247, 249)', 'light';
is $look{dark}{background}, 'rgb(17, 21, 28)', 'dark';
my %closed = browse('/closed', 'closed');
is $closed{light}{status}, 403, 'a Require line that says no';
unlike $closed{light}{text}, qr/permit|Token/, '... tells nothing';

# --- AuditEvent --------------------------------------------------------------

# Held against HL7's definitions by a validator; and twins that are wrong.
my @events = do {
    open my $out, '-|', "$FindBin::Bin/../../conf/audit-event.pl <$audit"
        or die "audit-event.pl: $!\n";
    <$out>;
};
cmp_ok scalar @events, '>=', 27, 'an event for each request';

sub validate {
    my $file = $real->write_file('events', join '', @_);
    my $node = $ENV{SMART_NODE} // 'node';
    open my $out, '-|', "$node $FindBin::Bin/validate.mjs <$file"
        or die "validate.mjs: $!\n";
    my %said;
    while (<$out>) { chomp; $said{$_}++ if /\S/ }
    return \%said;
}
my @wrong = map { my $cut = $_; my $n = $events[0] =~ s/$cut//r; $n }
    qr/"recorded":"[^"]*",?/, qr/"requestor":\w+,?/,
    qr/"observer":\{[^}]*\},?/;
s/\n*\z/\n/ for @events, @wrong;
my $said = validate(@events);
is $said->{ok}, scalar @events, '... each as R4 has it' or diag explain $said;
is validate(@wrong)->{ok}, undef, '... but not without what it asks for';
is $real->fhir_client->request(POST => '/fhir/AuditEvent',
    ['Content-Type' => 'application/fhir+json'], $events[0])->status, 201,
    'a FHIR server takes one';

$h->stop;
is $h->log_text =~ /exit signal/ ? 'one died' : '', '', 'no process died';
done_testing;
