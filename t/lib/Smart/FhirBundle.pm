# SPDX-License-Identifier: Apache-2.0
# Batches and transactions of the lab's backend: each entry becomes a request
# to Smart::FhirApi. A transaction runs deletes, creates, updates, patches,
# reads in this order and is undone as a whole when one of them fails.
package Smart::FhirBundle;
use strict;
use warnings;
use Smart::Http ();
use Smart::Json qw(json_decode);

my %ORDER = (DELETE => 0, POST => 1, PUT => 2, PATCH => 3, GET => 4, HEAD => 4);

# Run a Bundle that came in request <r>; returns the response.
sub run {
    my ($api, $r, $bundle) = @_;
    my $type = $bundle->{type} // '';
    die Smart::FhirApi::outcome(400, 'invalid', 'no batch or transaction')
        if ($bundle->{resourceType} // '') ne 'Bundle'
        || $type !~ /\A(?:batch|transaction)\z/;
    my @entries = ref $bundle->{entry} eq 'ARRAY' ? @{$bundle->{entry}} : ();
    for (@entries) {
        die Smart::FhirApi::outcome(400, 'structure', 'a malformed entry')
            if ref $_ ne 'HASH' || ref $_->{request} ne 'HASH';
    }
    my $atomic = $type eq 'transaction';
    my $mark = $api->{store}->mark;
    my @order = 0 .. $#entries;
    if ($atomic) {
        @order = sort {
            ($ORDER{$entries[$a]{request}{method} // ''} // 9)
                <=> ($ORDER{$entries[$b]{request}{method} // ''} // 9)
                || $a <=> $b;
        } @order;
        _assign_ids($api, \@entries);
    }
    my @out;
    for my $i (@order) {
        my $res = _request($api, $entries[$i], $r);
        if ($atomic && $res->{status} >= 400) {
            $api->{store}->rollback($mark);
            return Smart::FhirApi::outcome($res->{status}, 'processing',
                                           "entry $i failed");
        }
        $out[$i] = _response($res);
    }
    return { status => 200, resource => {
        resourceType => 'Bundle', type => "$type-response", entry => \@out } };
}

# Ids for what a transaction creates, so that urn: references can be resolved.
sub _assign_ids {
    my ($api, $entries) = @_;
    my %real;
    for my $e (@$entries) {
        my ($m, $url) = map { $_ // '' } @{$e->{request} || {}}{qw(method url)};
        next if ref $e->{resource} ne 'HASH';
        my $type = $e->{resource}{resourceType} // '';
        if ($m eq 'POST' && !defined $e->{request}{ifNoneExist}) {
            $e->{new_id} = $api->{store}->next_id;
            $real{$e->{fullUrl}} = "$type/$e->{new_id}"
                if defined $e->{fullUrl};
        }
        elsif ($m eq 'PUT' && $url =~ m{\A/?([A-Za-z]+/[A-Za-z0-9.-]+)\z}) {
            $real{$e->{fullUrl}} = $1 if defined $e->{fullUrl};
        }
    }
    _rewrite($_->{resource}, \%real) for @$entries;
    return;
}

sub _rewrite {
    my ($v, $real) = @_;
    if (ref $v eq 'ARRAY') { _rewrite($_, $real) for @$v; return }
    return if ref $v ne 'HASH';
    my $ref = $v->{reference};
    $v->{reference} = $real->{$ref}
        if defined $ref && !ref $ref && $real->{$ref};
    _rewrite($_, $real) for values %$v;
    return;
}

sub _request {
    my ($api, $e, $outer) = @_;
    my $q = $e->{request};
    my $url = $q->{url} // '';
    $url =~ s{\A\Q$api->{base}\E/?}{}
        or $url =~ s{\Ahttps?://[^/]+/(?:fhir/)?}{};
    my ($path, $query) = split /\?/, $url, 2;
    my %h = (accept => 'application/fhir+json', 'content-type' =>
                 'application/fhir+json');
    $h{prefer} = $outer->{h}{prefer} if defined $outer->{h}{prefer};
    for (['ifNoneExist', 'if-none-exist'], ['ifMatch', 'if-match'],
         ['ifNoneMatch', 'if-none-match'],
         ['ifModifiedSince', 'if-modified-since']) {
        $h{$_->[1]} = $q->{$_->[0]} if defined $q->{$_->[0]};
    }
    my @seg = grep { $_ ne '' } map { s/%([0-9A-Fa-f]{2})/chr hex $1/ger }
        split m{/}, $path // '';
    my $m = $q->{method} // '';
    return Smart::FhirApi::outcome(400, 'invalid', 'no method') if $m eq '';
    return $api->handle({
        method => $m eq 'HEAD' ? 'GET' : $m, seg => \@seg, h => \%h,
        query => Smart::Http::parse_query($query), body => '',
        resource => $e->{resource}, new_id => $e->{new_id} });
}

sub _response {
    my ($res) = @_;
    my %h = map { (lc $_->[0] => $_->[1]) } @{$res->{headers} || []};
    my $response = { status => "$res->{status}" };
    $response->{etag} = $h{etag} if $h{etag};
    my $at = $h{location} // $h{'content-location'};
    $response->{location} = $at if $at;
    my $e = { response => $response };
    my $resource = defined $res->{json} ? json_decode($res->{json})
        : $res->{resource};
    if ($res->{status} >= 400) { $response->{outcome} = $resource }
    elsif ($resource) { $e->{resource} = $resource }
    return $e;
}

1;
