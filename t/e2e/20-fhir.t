#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What the real FHIR server does, where mod_smart and its tests count on it.
# No httpd is needed here.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../lib";
use Test::More;
use Smart::Json qw(json_encode);
use Smart::Real ();

die Smart::Real::missing() . "\n" if Smart::Real::missing();
my $real = Smart::Real->new;
my $c = $real->fhir_client;

sub fhir {
    my ($method, $target, $data, @headers) = @_;
    unshift @headers, 'Content-Type', 'application/fhir+json' if ref $data;
    return $c->request($method, "/fhir$target", \@headers,
                       ref $data ? json_encode($data) : $data);
}

sub shows {
    my ($target, $want) = @_;
    my $r = fhir(GET => $target);
    return is "$r->{status} " . join(' ', $r->canaries), "200 $want", $target;
}

subtest 'read and search' => sub {
    my $r = fhir(GET => '/metadata');
    is $r->status . $r->json->{fhirVersion}, '2004.0.1', 'metadata';
    like $r->header('Content-Type'), qr{\Aapplication/fhir\+json}, '... type';
    shows('/Patient/pat-1', 'Patient/pat-1');
    shows('/Patient?gender=male', 'Patient/pat-2');
    my @two = map { "Observation/$_" } qw(obs-2 obs-focus obs-perf);
    shows('/Observation?subject=Patient/pat-2', "@two");
    shows('/Observation?patient=Patient/pat-2', "@two");
    $r = fhir(POST => '/Observation/_search', 'patient=Patient/pat-2',
              'Content-Type' => 'application/x-www-form-urlencoded');
    is_deeply [$r->canaries], \@two, 'search by POST';
    like fhir(GET => '/Patient/pat-1')->header('ETag'), qr{\AW/"1"\z}, 'ETag';
    is fhir(GET => '/Patient/none')->status, 404, 'unknown id';
    is fhir(GET => '/Nonsense')->status, 404, 'unknown type';
    is fhir(HEAD => '/Patient/pat-1')->body, '', 'HEAD';
};

subtest 'write' => sub {
    my %o = (resourceType => 'Observation', status => 'final',
             code => { text => 'x' }, subject => { reference => 'Patient/a' });
    my $r = fhir(POST => '/Observation', \%o);
    is $r->status, 201, 'create';
    my $id = $r->json->{id};
    like $r->header('Location'), qr{/fhir/Observation/\Q$id\E/_history/},
        '... with its place';
    is fhir(PUT => "/Observation/$id", { %o, id => $id, status => 'amended' })
        ->json->{status}, 'amended', 'update';
    is fhir(PATCH => "/Observation/$id",
            [{ op => 'replace', path => '/status', value => 'cancelled' }])
        ->json->{status}, 'cancelled', 'patch';
    is scalar @{fhir(GET => "/Observation/$id/_history")->json->{entry}}, 3,
        'history';
    $r = fhir(POST => '', { resourceType => 'Bundle', type => 'batch',
        entry => [{ request => { method => 'GET', url => 'Patient/pat-1' } }]});
    is_deeply [$r->canaries], ['Patient/pat-1'], 'batch';
    is fhir(DELETE => "/Observation/$id")->status, 200, 'delete';
    is fhir(GET => "/Observation/$id")->status, 404, '... it is gone';
    is fhir(POST => '/Observation', '{', 'Content-Type',
            'application/fhir+json')->status, 400, 'no JSON';
};

subtest 'it trusts whoever reaches it' => sub {
    $real->fhir_log;
    is fhir(GET => '/Patient', undef, Authorization => 'Bearer x')->status,
        200, 'any token';
    my ($seen) = $real->fhir_log;
    is_deeply [@$seen{qw(method target)}, $seen->{headers}{authorization}],
        ['GET', '/fhir/Patient', 'Bearer x'], 'the log has what came';
    is scalar(() = $real->fhir_log), 0, '... and is empty afterwards';
};

done_testing;
