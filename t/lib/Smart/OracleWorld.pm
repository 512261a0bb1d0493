# SPDX-License-Identifier: Apache-2.0
# The resources behind an oracle run: t/fixtures, and beside them what is
# hard to judge: references in every form, patients in every element, types
# outside of any compartment.
package Smart::OracleWorld;
use strict;
use warnings;
use Cwd ();
use Exporter 'import';
use File::Basename ();
use File::Path ();
use Smart::Json qw(json_encode json_decode);
our @EXPORT_OK = qw(world $BASE %ABSOLUTE);

our $BASE = 'https://fhir.example.org/fhir';
my $TOP = Cwd::abs_path(File::Basename::dirname(__FILE__) . '/../../..');

# Their absolute references are ours, but not the backend's: its searches do
# not find them.
our %ABSOLUTE = map { $_ => 1 } qw(Observation/obs-abs Observation/obs-abs2);

my @LAB = (category => [{ coding => [{ system => 'http://terminology.hl7.org/'
    . 'CodeSystem/observation-category', code => 'laboratory' }] }]);
my @CODE = (code => { coding => [{ system => 'http://loinc.org',
                                   code => '2345-7' }] });
sub _ref { return { reference => $_[0] } }

# type, id, members
sub _more {
    my %subject = (
        'obs-abs' => _ref("$BASE/Patient/pat-1"),
        'obs-abs2' => _ref("$BASE/Patient/pat-2"),
        'obs-for' => _ref('https://other.example.org/fhir/Patient/pat-1'),
        'obs-ver' => _ref('Patient/pat-1/_history/1'),
        'obs-inner' => _ref('#p'),
        'obs-logical' => { identifier => { system =>
            'http://hospital.example.org/mrn', value => 'MRN-1' },
            display => 'Patient/pat-1' },
        'obs-query' => _ref('Patient?identifier=MRN-1'),
        'obs-case' => _ref('Patient/PAT-1'),
        'obs-like' => _ref('Patient/pat-10'),
        'obs-group' => _ref('Group/grp-1'),
        'obs-lower' => _ref('patient/pat-1'),
        'obs-slash' => _ref('/Patient/pat-1'),
        'obs-urn' => _ref('urn:uuid:7e5f2b1a-0000-4000-8000-000000000001'));
    my @out = map { ['Observation', $_, status => 'final', @LAB, @CODE,
                     subject => $subject{$_}] } sort keys %subject;
    $_->[1] eq 'obs-inner' and push @$_, contained => [
        { resourceType => 'Patient', id => 'p' }] for @out;
    return (@out,
        ['Observation', 'obs-none', status => 'final', @LAB, @CODE],
        ['Observation', 'obs-tag', status => 'preliminary', @CODE,
            subject => _ref('Patient/pat-1'), meta => { tag => [
                { system => 'http://example.org/tags', code => 'vip' }],
                security => [{ system => 'http://terminology.hl7.org/'
                    . 'CodeSystem/v3-Confidentiality', code => 'R' }] }],
        ['Condition', 'cond-asserted', subject => _ref('Patient/pat-2'),
            asserter => _ref('Patient/pat-1')],
        ['AllergyIntolerance', 'alg-1', patient => _ref('Patient/pat-1')],
        ['AllergyIntolerance', 'alg-2', patient => _ref('Patient/pat-2'),
            recorder => _ref('Patient/pat-1')],
        ['AllergyIntolerance', 'alg-3', patient => _ref('Patient/pat-2')],
        ['Communication', 'comm-1', status => 'completed',
            subject => _ref('Patient/pat-2'), sender => _ref('Patient/pat-1')],
        ['Communication', 'comm-2', status => 'completed',
            subject => _ref('Patient/pat-2')],
        ['Account', 'acc-1', status => 'active',
            subject => [_ref('Patient/pat-1'), _ref('Patient/pat-2')]],
        ['Flag', 'flag-1', status => 'active', subject => _ref('Patient/pat-1'),
            code => { text => 'fall' }],
        ['Flag', 'flag-2', status => 'active', subject => _ref('Patient/pat-2'),
            code => { text => 'fall' }],
        ['Schedule', 'sch-1', actor => [_ref('Patient/pat-1')]],
        ['MessageHeader', 'msg-1', eventCoding => { code => 'x' },
            focus => [_ref('Patient/pat-1')]],
        ['Bundle', 'doc-b1', type => 'document', entry => [{ resource => {
            resourceType => 'Patient', id => 'pat-2', text => { div =>
                'CANARY-Bundle-doc-b1' } } }]],
        ['Binary', 'bin-3', contentType => 'text/plain', data => 'eA==',
            securityContext => { %{_ref('DocumentReference/doc-1')},
                                 display => 'CANARY-Binary-bin-3' }],
        ['Binary', 'bin-4', contentType => 'text/plain',
            data => 'Q0FOQVJZLUJpbmFyeS1iaW4tNAo='],
        ['Substance', 'subst-1', code => { text => 'water' }],
        ['Encounter', 'enc-old', status => 'finished', class => {
            code => 'IMP' }, subject => _ref('Patient/pat-1'), period => {
                start => '2020-01-01T08:00:00Z', end => '2020-01-02T08:00:00Z'
            }]);
}

# Write all into a folder, for --fixtures.
sub world {
    my ($dir) = @_;
    File::Path::make_path($dir);
    system('cp', '-r', "$TOP/t/fixtures/.", $dir) == 0 or die "cp failed\n";
    my $hour = 0;
    for (_more()) {
        my ($type, $id, %r) = @$_;
        File::Path::make_path("$dir/$type");
        $r{meta} = { %{$r{meta} || {}}, versionId => '1', lastUpdated =>
            sprintf '2024-03-01T%02d:%02d:00.000Z', int($hour / 60),
            $hour % 60 };
        $hour += 7;
        open my $f, '>', "$dir/$type/$id.json" or die "$type/$id: $!\n";
        print $f json_encode({ resourceType => $type, id => $id, %r });
        close $f;
    }
    return $dir;
}

1;
