# SPDX-License-Identifier: Apache-2.0
# The FHIR R4 interactions of the lab's backend, without HTTP framing.
# A request: {method, seg (decoded path segments), query (pairs), h (headers),
# body (bytes) or resource (decoded)}. A response: {status, headers,
# resource | json | body}. Batches run the same way, entry by entry.
package Smart::FhirApi;
use strict;
use warnings;
use MIME::Base64 qw(decode_base64);
use Smart::FhirBundle ();
use Smart::FhirOps ();
use Smart::FhirParams qw(fhir_type_known fhir_types fhir_params fhir_param);
use Smart::FhirSearch ();
use Smart::FhirStore ();
use Smart::Http ();
use Smart::Json qw(json_encode json_decode json_copy json_true);
use Smart::JsonPatch qw(json_patch);

# Options: store, base, mode (see Smart::FhirServer).
sub new {
    my ($class, %o) = @_;
    my $self = bless { %o, attempts => 0, pages => {}, page_serial => 0 },
        $class;
    $self->set_base($o{base});
    return $self;
}

sub set_base {
    my ($self, $base) = @_;
    $self->{base} = $base;
    $self->{search} = Smart::FhirSearch->new(store => $self->{store},
                                             base => $base);
    return;
}

sub handle {
    my ($self, $r) = @_;
    my $res = eval { $self->_route($r) };
    return $res if $res;
    my $e = $@;
    return ref $e ? $e : outcome(500, 'exception', "$e");
}

# An OperationOutcome with a status; die with it to answer at once.
sub outcome {
    my ($status, $code, $text, @headers) = @_;
    return { status => $status, headers => \@headers, resource => {
        resourceType => 'OperationOutcome', issue => [{
            severity => $status < 400 ? 'information' : 'error',
            code => $code, diagnostics => $text }] } };
}

sub _route {
    my ($self, $r) = @_;
    my @s = @{$r->{seg}};
    my $m = $r->{method};
    return $self->_root($r) if !@s;
    my $first = $s[0];
    return Smart::FhirOps::capabilities($self) if $first eq 'metadata';
    return Smart::FhirOps::well_known($self, @s) if $first eq '.well-known';
    return Smart::FhirOps::bulk($self, $r, @s) if $first =~ /\Abulk/;
    return $self->_history($r) if $first eq '_history' && @s == 1;
    return $self->_search($r, undef) if $first eq '_search' && @s == 1;
    return Smart::FhirOps::run($self, $r, $first) if $first =~ /\A\$/;
    die outcome(404, 'not-supported', "unknown type $first")
        if !fhir_type_known($first);
    return $self->_on_type($r, $first) if @s == 1;
    my ($type, $id, $third) = @s;
    return $self->_search($r, $type) if $id eq '_search' && @s == 2;
    return $self->_history($r, $type) if $id eq '_history' && @s == 2;
    return Smart::FhirOps::run($self, $r, $id, $type)
        if $id =~ /\A\$/ && @s == 2;
    return $self->_on_instance($r, $type, $id) if @s == 2;
    return $self->_history($r, $type, $id) if $third eq '_history' && @s == 3;
    return $self->_vread($r, $type, $id, $s[3])
        if $third eq '_history' && @s == 4;
    return Smart::FhirOps::run($self, $r, $third, $type, $id)
        if $third =~ /\A\$/ && @s == 3;
    return $self->_search($r, $third eq '*' ? undef : $third, [$type, $id])
        if ($third eq '*' || fhir_type_known($third))
        && (@s == 3 || @s == 4 && $s[3] eq '_search');
    die outcome(404, 'not-found', 'no such thing');
}

sub _root {
    my ($self, $r) = @_;
    my $m = $r->{method};
    return Smart::FhirOps::capabilities($self) if $m eq 'OPTIONS';
    return Smart::FhirBundle::run($self, $r, $self->_content($r))
        if $m eq 'POST';
    die outcome(405, 'not-supported', "$m on the base") if $m ne 'GET';
    my %q = map { @$_ } @{$r->{query}};
    my $page = $q{_getpages} // $q{_page} // $q{_cursor} // $q{ct};
    return $self->_page($page, $q{_getpagesoffset} // $q{_offset} // 0,
                        $q{_count}) if defined $page;
    return $self->_search($r, undef);
}

sub _on_type {
    my ($self, $r, $type) = @_;
    my $m = $r->{method};
    return $self->_search($r, $type) if $m eq 'GET';
    return $self->_create($r, $type) if $m eq 'POST';
    return $self->_conditional($r, $type) if $m =~ /\A(?:PUT|PATCH|DELETE)\z/;
    die outcome(405, 'not-supported', $m);
}

sub _on_instance {
    my ($self, $r, $type, $id) = @_;
    my $m = $r->{method};
    return $self->_read($r, $type, $id) if $m eq 'GET';
    return $self->_update($r, $type, $id) if $m eq 'PUT';
    return $self->_patch($r, $type, $id) if $m eq 'PATCH';
    return $self->_delete($r, $type, $id) if $m eq 'DELETE';
    die outcome(405, 'not-supported', $m);
}

# --- reading ---------------------------------------------------------------

sub _read {
    my ($self, $r, $type, $id) = @_;
    my $v = $self->{store}->current($type, $id)
        or die outcome(404, 'not-found', "$type/$id is not known");
    return $self->_version($r, $v);
}

sub _vread {
    my ($self, $r, $type, $id, $vid) = @_;
    my $v = $self->{store}->version($type, $id, $vid)
        or die outcome(404, 'not-found', "$type/$id has no version $vid");
    return $self->_version($r, $v);
}

sub _stamps {
    my ($v) = @_;
    return (['ETag', "W/\"$v->{vid}\""],
            ['Last-Modified', Smart::Http::http_date($v->{time})]);
}

sub _version {
    my ($self, $r, $v) = @_;
    die outcome(410, 'deleted', 'deleted', ['ETag', "W/\"$v->{vid}\""])
        if !$v->{resource};
    my $inm = $r->{h}{'if-none-match'};
    return { status => 304, headers => [_stamps($v)] }
        if defined $inm && $inm =~ /(?:\A|[\s,])(?:W\/)?"\Q$v->{vid}\E"/;
    my $ims = $r->{h}{'if-modified-since'};
    return { status => 304, headers => [_stamps($v)] } if defined $ims
        && !defined $inm && $ims eq Smart::Http::http_date($v->{time});
    my $res = { status => 200, headers => [_stamps($v)] };
    my %q = map { @$_ } @{$r->{query}};
    if ($v->{resource}{resourceType} eq 'Binary'
        && ($r->{h}{accept} // '') !~ /json|xml/ && !defined $q{_format}) {
        push @{$res->{headers}},
            ['Content-Type', $v->{resource}{contentType}];
        $res->{body} = decode_base64($v->{resource}{data} // '');
        return $res;
    }
    if (defined $q{_elements} || defined $q{_summary}) {
        $res->{resource} = Smart::FhirOps::reduced($v->{resource}, \%q);
    }
    else { $res->{json} = $v->{json} }
    return $res;
}

# Type undef: all types. <within>: [type, id] of a compartment.
sub _search {
    my ($self, $r, $type, $within) = @_;
    my $m = $r->{method};
    die outcome(405, 'not-supported', $m) if $m ne 'GET' && $m ne 'POST';
    my @pairs = @{$r->{query}};
    if ($m eq 'POST' && length $r->{body}) {
        die outcome(415, 'not-supported', 'a form is needed')
            if ($r->{h}{'content-type'} // '')
            !~ m{\Aapplication/x-www-form-urlencoded}i;
        push @pairs, @{Smart::Http::parse_query($r->{body})};
    }
    my $mode = $self->{mode};
    return $self->_everything if $mode->{search} eq 'everything';
    my $strict = $mode->{search} eq 'strict'
        || ($r->{h}{prefer} // '') =~ /handling\s*=\s*"?strict/;
    my $fold = $mode->{quirks}{case};
    my @found = eval {
        $self->{search}->find(
            defined $type ? [$type] : [$self->{store}->types], \@pairs,
            within => $within, fold => $fold,
            ignore => $mode->{search} eq 'lenient-all',
            strict => $strict && $mode->{search} ne 'lenient-all');
    };
    die outcome(400, 'not-supported', "$@") if $@;
    my %q = map { @$_ } @pairs;
    return $self->_searchset(\@found, \@pairs, \%q, $type, $within);
}

# All there is, of all types, whatever was asked for.
sub _everything {
    my ($self) = @_;
    my $s = $self->{store};
    my $kept = $self->{everything};
    if (!$kept || $kept->{at} != @{$s->{order}}) {
        my @all = map { $s->all($_) } $s->types;
        $kept = { at => scalar @{$s->{order}}, json => json_encode({
            resourceType => 'Bundle', type => 'searchset', total => scalar @all,
            link => [{ relation => 'self', url => $self->{base} }],
            entry => [map { $self->_entry($_, 'match', {}) } @all] }) };
        $self->{everything} = $kept;
    }
    return { status => 200, json => $kept->{json} };
}

sub _searchset {
    my ($self, $found, $pairs, $q, $type, $within) = @_;
    if (($q->{_summary} // '') eq 'count') {
        return { status => 200, resource => {
            resourceType => 'Bundle', type => 'searchset',
            total => scalar @$found } };
    }
    my $id = 'p' . ++$self->{page_serial};
    my $set = { refs => [map { [$_->{resourceType}, $_->{id}] } @$found],
                pairs => $pairs, q => $q, self => join '/', grep { defined }
                $self->{base}, $within ? @$within : (),
                $within && !defined $type ? '*' : $type };
    $self->{pages}{$id} = $set;
    delete $self->{pages}{'p' . ($self->{page_serial} - 5000)};
    return $self->_page($id, $q->{_offset} // 0, $q->{_count});
}

sub _page {
    my ($self, $id, $offset, $count) = @_;
    return $self->_everything if $self->{mode}{search} eq 'everything';
    my $set = $self->{pages}{$id}
        or die outcome(410, 'not-found', "no search $id");
    my $n = defined $count && $count =~ /\A[0-9]+\z/ ? $count
        : $set->{q}{_count} // $self->{mode}{page};
    $offset = 0 if $offset !~ /\A[0-9]+\z/;
    my $all = @{$set->{refs}};
    my $last = $offset + $n < $all ? $offset + $n : $all;
    my @match = grep { $_ } map {
        my $v = $self->{store}->current(@{$set->{refs}[$_]});
        $v && $v->{resource};
    } $offset .. $last - 1;
    my @more = $self->{search}->included(
        \@match, $set->{pairs}, fold => $self->{mode}{quirks}{case});
    my $link = sub {
        my ($rel, $at) = @_;
        return { relation => $rel, url => "$self->{base}?_getpages=$id"
                     . "&_getpagesoffset=$at&_count=$n&_bundletype=searchset" };
    };
    my @links = ({ relation => 'self', url => _self_url($set) });
    push @links, $link->('next', $last) if $last < $all && $n;
    push @links, $link->('previous', $offset > $n ? $offset - $n : 0)
        if $offset > 0;
    my $bundle = {
        resourceType => 'Bundle', type => 'searchset', id => "search-$id",
        meta => { lastUpdated => Smart::FhirStore::instant(time()) },
        link => \@links, total => $all,
        entry => [(map { $self->_entry($_, 'match', $set->{q}) } @match),
                  (map { $self->_entry($_, 'include', $set->{q}) } @more)] };
    delete $bundle->{total} if ($set->{q}{_total} // '') eq 'none';
    delete $bundle->{entry} if !@{$bundle->{entry}};
    return { status => 200, resource => $bundle };
}

sub _self_url {
    my ($set) = @_;
    my $url = $set->{self};
    my @q = map {
        my @p = @$_;
        s/([^A-Za-z0-9._~:\/|,\$*-])/sprintf '%%%02X', ord $1/ge for @p;
        "$p[0]=$p[1]";
    } @{$set->{pairs}};
    return @q ? $url . '?' . join '&', @q : $url;
}

sub _entry {
    my ($self, $resource, $mode, $q) = @_;
    return { fullUrl => "$self->{base}/$resource->{resourceType}/"
                 . $resource->{id},
             resource => Smart::FhirOps::reduced($resource, $q),
             search => { mode => $mode } };
}

sub _history {
    my ($self, $r, $type, $id) = @_;
    die outcome(405, 'not-supported', $r->{method}) if $r->{method} ne 'GET';
    my @h = $self->{store}->history($type, $id);
    die outcome(404, 'not-found', 'not known') if defined $id && !@h;
    my %q = map { @$_ } @{$r->{query}};
    my $all = @h;
    my $from = ($q{_offset} // '') =~ /\A(\d+)\z/ ? $1 : 0;
    my $n = ($q{_count} // '') =~ /\A(\d+)\z/ ? $1 : 1000;
    @h = splice @h, $from, $n;
    my $self_url = join '/', grep { defined } $self->{base}, $type, $id,
        '_history';
    my $bundle = { resourceType => 'Bundle', type => 'history', total => $all,
        link => [{ relation => 'self', url => $self_url }],
        entry => [map { $self->_history_entry(@$_, \%q) } @h] };
    push @{$bundle->{link}}, { relation => 'next', url => "$self_url?_count=$n"
                                   . '&_offset=' . ($from + $n) }
        if $from + $n < $all;
    return { status => 200, resource => $bundle };
}

sub _history_entry {
    my ($self, $type, $id, $v, $q) = @_;
    my $e = {
        fullUrl => "$self->{base}/$type/$id",
        request => { method => $v->{method},
                     url => $v->{method} eq 'POST' ? $type : "$type/$id" },
        response => { status => $v->{resource}
                          ? $v->{vid} eq '1' ? '201 Created' : '200 OK'
                          : '204 No Content',
                      etag => "W/\"$v->{vid}\"",
                      lastModified => Smart::FhirStore::instant($v->{time}) } };
    $e->{resource} = Smart::FhirOps::reduced($v->{resource}, $q)
        if $v->{resource};
    return $e;
}

# --- writing ---------------------------------------------------------------

# The decoded resource of a request body.
sub _content {
    my ($self, $r) = @_;
    return $r->{resource} if $r->{resource};
    die outcome(415, 'not-supported', 'JSON is needed')
        if ($r->{h}{'content-type'} // 'application/fhir+json')
        !~ m{\Aapplication/(?:fhir\+json|json|json\+fhir)}i;
    my $data = eval { json_decode($r->{body}) };
    die outcome(400, 'structure', 'not a JSON object')
        if ref $data ne 'HASH';
    return $data;
}

sub _typed_content {
    my ($self, $r, $type) = @_;
    if ($type eq 'Binary' && !$r->{resource}
        && ($r->{h}{'content-type'} // '') !~ /json/) {
        require MIME::Base64;
        return { resourceType => 'Binary', contentType =>
                     $r->{h}{'content-type'} // 'application/octet-stream',
                 data => MIME::Base64::encode_base64($r->{body}, '') };
    }
    my $c = $self->_content($r);
    die outcome(400, 'invariant', "resourceType is not $type")
        if ($c->{resourceType} // '') ne $type;
    return $c;
}

sub _matches {
    my ($self, $type, $pairs) = @_;
    my $mode = $self->{mode};
    return $self->{search}->find([$type], $pairs,
        ignore => $mode->{search} eq 'lenient-all',
        fold => $mode->{quirks}{case});
}

sub _written {
    my ($self, $r, $status, $type, $id, $v) = @_;
    my $url = "$self->{base}/$type/$id/_history/$v->{vid}";
    my $res = { status => $status, headers => [
        [$status == 201 ? 'Location' : 'Content-Location', $url],
        _stamps($v)] };
    my ($return) = ($r->{h}{prefer} // '') =~ /return\s*=\s*"?(\w+)/;
    $return //= 'representation';
    if ($return eq 'representation') { $res->{json} = $v->{json} }
    elsif ($return eq 'OperationOutcome') {
        $res->{resource} = outcome(200, 'informational', 'done')->{resource};
    }
    if (defined $r->{h}{'x-provenance'}) {
        my $p = eval { json_decode($r->{h}{'x-provenance'}) } || {};
        $p->{target} = [{ reference => "$type/$id/_history/$v->{vid}" }];
        $self->{store}->put('POST', 'Provenance', $self->{store}->next_id, $p);
    }
    return $res;
}

sub _create {
    my ($self, $r, $type) = @_;
    $self->{attempts}++;
    my $c = $self->_typed_content($r, $type);
    if (defined(my $q = $r->{h}{'if-none-exist'})) {
        $q =~ s/\A.*\?//s;
        my @hit = $self->_matches($type, Smart::Http::parse_query($q));
        die outcome(412, 'multiple-matches', 'several match') if @hit > 1;
        return $self->_version({ %$r, h => {} },
                               $self->{store}->current($type, $hit[0]{id}))
            if @hit;
    }
    my $id = $r->{new_id} // $self->{store}->next_id;
    my $v = $self->{store}->put('POST', $type, $id, $c);
    return $self->_written($r, 201, $type, $id, $v);
}

# Dies unless the preconditions of a write hold for the current version.
sub _preconditions {
    my ($self, $r, $v) = @_;
    my $exists = $v && $v->{resource};
    my $if = $r->{h}{'if-match'};
    if (defined $if && $if ne '*') {
        my $vid = $v ? $v->{vid} : '';
        die outcome(412, 'conflict', 'version conflict')
            if $if !~ /\A(?:W\/)?"?\Q$vid\E"?\z/ || !$v;
    }
    die outcome(412, 'conflict', 'it does not exist')
        if defined $if && $if eq '*' && !$exists;
    die outcome(412, 'conflict', 'it exists')
        if ($r->{h}{'if-none-match'} // '') eq '*' && $exists;
    return;
}

sub _update {
    my ($self, $r, $type, $id) = @_;
    $self->{attempts}++;
    my $c = $self->_typed_content($r, $type);
    die outcome(400, 'invariant', 'id is not that of the URL')
        if !defined $r->{any_id} && $type ne 'Binary'
        && ($c->{id} // '') ne $id;
    die outcome(400, 'invalid', 'bad id') if $id !~ /\A[A-Za-z0-9.-]{1,64}\z/;
    my $old = $self->{store}->current($type, $id);
    $self->_preconditions($r, $old);
    my $v = $self->{store}->put('PUT', $type, $id, $c);
    return $self->_written($r, $old && $old->{resource} ? 200 : 201, $type,
                           $id, $v);
}

sub _patch {
    my ($self, $r, $type, $id) = @_;
    $self->{attempts}++;
    my $old = $self->{store}->current($type, $id);
    die outcome(404, 'not-found', "$type/$id is not known")
        if !$old || !$old->{resource};
    $self->_preconditions($r, $old);
    my $new = $self->_patched($r, $old->{resource});
    my $v = $self->{store}->put('PATCH', $type, $id, $new);
    return $self->_written($r, 200, $type, $id, $v);
}

sub _patched {
    my ($self, $r, $resource) = @_;
    my $ctype = $r->{h}{'content-type'} // '';
    my $in = $r->{resource} // eval { json_decode($r->{body}) };
    if (ref $in eq 'HASH' && ($in->{resourceType} // '') eq 'Binary') {
        $in = eval { json_decode(decode_base64($in->{data} // '')) };
    }
    my $new = eval {
        ref $in eq 'HASH' && ($in->{resourceType} // '') eq 'Parameters'
            ? Smart::FhirOps::fhirpath_patch($resource, $in)
            : json_patch($resource, $in);
    };
    die outcome(422, 'processing', "$@") if !$new;
    return $new;
}

sub _delete {
    my ($self, $r, $type, $id) = @_;
    $self->{attempts}++;
    my $old = $self->{store}->current($type, $id);
    die outcome(404, 'not-found', "$type/$id is not known") if !$old;
    return { status => 204 } if !$old->{resource};
    $self->_preconditions($r, $old);
    my $v = $self->{store}->put('DELETE', $type, $id, undef);
    return { status => 204, headers => [['ETag', "W/\"$v->{vid}\""]] };
}

# PUT, PATCH and DELETE on a type.
sub _conditional {
    my ($self, $r, $type) = @_;
    my @hit = $self->_matches($type, $r->{query});
    my $m = $r->{method};
    if ($m eq 'PUT') {
        die outcome(412, 'multiple-matches', 'several match') if @hit > 1;
        my $c = $self->_typed_content($r, $type);
        my $id = @hit ? $hit[0]{id} : $c->{id} // $self->{store}->next_id;
        return $self->_update({ %$r, resource => $c, any_id => 1 }, $type,
                              $id);
    }
    $self->{attempts}++ if !@hit;
    die outcome(404, 'not-found', 'nothing matches') if !@hit;
    die outcome(412, 'multiple-matches', 'several match')
        if @hit > 1 && !$self->{mode}{quirks}{multiple};
    my $do = $m eq 'PATCH' ? '_patch' : '_delete';
    my $res;
    $res = $self->$do($r, $type, $_->{id}) for @hit;
    return $res;
}

1;
