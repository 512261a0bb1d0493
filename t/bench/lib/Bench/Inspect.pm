# SPDX-License-Identifier: Apache-2.0
#
# Scenario: answers that are inspected next to the same answers that are not.
# One server, one backend, two kinds of tokens; see README.md.
package Bench::Inspect;

use strict;
use warnings;
use Bench::Report qw(median);
use Bench::Server;

my $ENTRIES = 100;
my $AT_ONCE = 8;
my $THREADS = 16; # more than connections, or kept ones are closed
my @KINDS = (
    { name => 'searchset', path => '/fhir/Observation', target => 0.50,
        title => "searchset of $ENTRIES" },
    { name => 'read', path => '/fhir/Observation/obs-1', target => 0.85,
        title => 'read by id' },
);

sub run {
    my ($lab, @names) = @_;
    return [] if !grep { $_ eq 'smart' } @names;
    my $o = $lab->{o};
    my $answers = "$o->{dir}/answers";
    _answers($answers);
    my $backend = $lab->server('backend', answers => $answers,
        pin_server => $o->{pin_load});
    my $plain = $lab->tokens(64);
    my $patient = $lab->tokens(64, 'pat-');
    my @results = map { _measure($lab, $_, $backend, $plain, $patient) } @KINDS;
    unlink $plain, $patient;
    $lab->stop_all;
    return \@results;
}

# The files of the backend: what a FHIR server says about Observations.
sub _answers {
    my ($dir) = @_;
    mkdir $dir or die "$dir: $!\n";
    chmod 0755, $dir;
    my @entries = map { '{"fullUrl":"https://fhir.example/fhir/Observation/obs-'
            . $_ . '","resource":' . _observation($_)
            . ',"search":{"mode":"match"}}' } 1 .. $ENTRIES;
    my %text = (resource => _observation(1), searchset =>
        '{"resourceType":"Bundle","id":"b","type":"searchset","total":'
            . $ENTRIES . ',"link":[{"relation":"self","url":'
            . '"https://fhir.example/fhir/Observation"}],"entry":['
            . join(',', @entries) . ']}');
    for my $name (keys %text) {
        open my $f, '>', "$dir/$name" or die "$dir/$name: $!\n";
        print $f $text{$name};
        close $f or die "$dir/$name: $!\n";
    }
}

sub _observation {
    my ($i) = @_;
    my $value = sprintf '%.2f', 3 + $i / 10;
    my $coding = sub {
        qq([{"coding":[{"system":"$_[0]","code":"$_[1]","display":"$_[2]"}]}])
    };
    my $category = $coding->('http://terminology.hl7.org/CodeSystem/'
            . 'observation-category', 'laboratory', 'Laboratory');
    my $high = $coding->('http://terminology.hl7.org/CodeSystem/'
            . 'v3-ObservationInterpretation', 'H', 'High');
    my $quantity = sub {
        qq({"value":$_[0],"unit":"mmol/l","system":)
            . '"http://unitsofmeasure.org","code":"mmol/L"}'
    };
    my ($now, $low, $most) = map { $quantity->($_) } $value, '3.10', '6.20';
    return qq({"resourceType":"Observation","id":"obs-$i","meta":{"versionId":)
        . '"1","lastUpdated":"2024-01-01T00:00:00.000+00:00","profile":['
        . '"http://hl7.org/fhir/us/core/StructureDefinition/'
        . 'us-core-observation-lab"]},"text":{"status":"generated","div":'
        . '"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">Glucose '
        . qq($value mmol/l, in the laboratory of the hospital</div>"},)
        . '"identifier":[{"use":"official","system":"http://www.bmc.nl/'
        . qq(zorgportal/identifiers/observations","value":"$i"}],"status":)
        . qq("final","category":$category,"code":{"coding":[{"system":)
        . '"http://loinc.org","code":"15074-8","display":"Glucose [Moles/'
        . 'volume] in Blood"}],"text":"Glucose"},"subject":{"reference":'
        . '"Patient/pat-1","display":"P. van de Heuvel"},"encounter":'
        . '{"reference":"Encounter/enc-1"},"effectiveDateTime":'
        . '"2024-01-02T08:00:00Z","issued":"2024-01-02T09:30:10+01:00",'
        . '"performer":[{"reference":"Practitioner/prac-1","display":'
        . qq("A. Langeveld"}],"valueQuantity":$now,"interpretation":$high,)
        . qq("referenceRange":[{"low":$low,"high":$most}]});
}

sub _measure {
    my ($lab, $kind, $backend, $plain, $patient) = @_;
    my $o = $lab->{o};
    my $s = $lab->server('gateway', backend_port => $backend->port,
        children => 1, threads => $THREADS);
    my @load = (path => $kind->{path}, connections => $AT_ONCE);
    my %file = (plain => $plain, inspected => $patient);
    my $fill = sub { $lab->load($s, requests => 640, tokens => $_[0], @load) };
    my $try = $fill->($plain);
    _check($lab, $s, $kind, %file);
    my $before = _peak_kb($s);
    $fill->($patient);
    my $memory = (_peak_kb($s) - $before) / $AT_ONCE;
    my $fit = int $try->{rps} * $o->{'inspect-seconds'};
    my %rounds;
    for my $round (1 .. $o->{'inspect-rounds'}) {
        for my $what (qw(plain inspected)) {
            push @{ $rounds{$what} }, $lab->load($s, @load,
                requests => $fit < 100 ? 100 : $fit, tokens => $file{$what},
                seed => $round, watch => join(',', @{ $s->{pids} }));
            $s->check_processes;
        }
    }
    $s->stop;
    my ($p, $i) = @rounds{qw(plain inspected)};
    my $ratio = sub {
        my ($k) = @_;
        return median(map { $i->[$_]{$k} / $p->[$_]{$k} } 0 .. $#$p);
    };
    return { %$kind, memory_kb => $memory,
        throughput => $ratio->('rps'), cpu => $ratio->('server_cpu_us'),
        _medians('plain', $p), _medians('inspected', $i) };
}

# Whether only one of the two kinds of tokens has its answers changed.
sub _check {
    my ($lab, $s, $kind, %file) = @_;
    for my $what (sort keys %file) {
        open my $f, '<', $file{$what} or die "$file{$what}: $!\n";
        chomp(my $token = <$f>);
        my $answer = $s->answer($kind->{path}, $token);
        my $total = $answer =~ /"total":/ ? 1 : 0;
        my $want = $kind->{name} eq 'searchset' && $what eq 'plain' ? 1 : 0;
        $lab->problem("$what $kind->{name}: total " . ($total ? '' : 'not ')
            . 'there') if $total != $want || $answer !~ /"obs-1"/;
    }
}

sub _medians {
    my ($what, $rounds) = @_;
    return map {
        my $k = $_;
        ("${what}_$k" => median(map { $_->{$k} } @$rounds))
    } qw(rps server_cpu_us p50_us);
}

# Largest resident size so far of the child.
sub _peak_kb {
    my ($s) = @_;
    my $most = 0;
    for my $pid (@{ $s->{pids} }) {
        open my $f, '<', "/proc/$pid/status" or next;
        my ($kb) = join('', <$f>) =~ /^VmHWM:\s+(\d+) kB/m or next;
        $most = $kb if $pid != $s->{pid} && $kb > $most;
    }
    return $most;
}

sub table {
    my ($results) = @_;
    my $t = "## Answers that are inspected\n\n"
        . "The same answers of a backend, to tokens that may see all and to "
        . "tokens of one patient; medians.\n\n"
        . "| answer | request/s | ... inspected | ratio | CPU us | "
        . "... inspected | ratio | p50 us | ... inspected | memory KB |\n"
        . '|---' . '|--:' x 9 . "|\n";
    for my $r (@$results) {
        $t .= sprintf "| %s | %.0f | %.0f | %.2f | %.1f | %.1f | %.2f | %.0f "
            . "| %.0f | %.0f |\n", @$r{qw(title plain_rps inspected_rps
            throughput plain_server_cpu_us inspected_server_cpu_us cpu
            plain_p50_us inspected_p50_us memory_kb)};
    }
    return "$t\n";
}

sub targets {
    my ($results) = @_;
    return map { {
        what => "throughput inspected, x uninspected, $_->{title}",
        target => sprintf('>= %.2f', $_->{target}),
        got => sprintf('%.3f', $_->{throughput}),
        met => $_->{throughput} >= $_->{target}, peers => {} } } @$results;
}

1;
