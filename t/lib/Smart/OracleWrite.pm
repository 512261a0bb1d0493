# SPDX-License-Identifier: Apache-2.0
# Writes and batches as Smart::Oracle sees them: what new content may be, what
# may be changed, what of it may be answered.
#
# A verdict gets besides: written [resources as they would be stored], shown by
# what may be read of them.
package Smart::OracleWrite;
use strict;
use warnings;
use Smart::FhirParams qw(fhir_type_known);
use Smart::Json qw(json_encode json_decode json_copy);
use Smart::JsonPatch qw(json_patch);
use Smart::OracleGrant qw(in_compartment is_shared);
use Smart::OracleJson qw(strict_json);
use Smart::OracleSearch ();

my $ID = qr/[A-Za-z0-9.-]{1,64}/;

sub judge {
    my ($o, $v, $g, $i, $req, $how) = @_;
    my $fault = sub { Smart::Oracle::fault($v, @_) };
    $v->{shown} = sub { $g->covers('r', $_[0]) };
    $v->{write} = 1;
    my @odd = grep { $_->[0] !~ /\A_(?:format|pretty)\z/ } @{$i->{pairs}};
    if ($i->{conditional}) {
        my @criteria = grep { length $_->[1] && $_->[0] !~ /\A_/
                              || $_->[0] eq '_id' } @{$i->{pairs}};
        if (!@criteria) {
            # Criteria by _tag and the like are fine; none at all are not.
            @odd ? Smart::Oracle::doubt($v, 'criteria')
                : $fault->($_, 'no criteria') for 403;
        }
    }
    elsif (@odd) { $fault->($_, 'parameters of a write') for 403 }
    if (defined $req->{headers}{'x-provenance'}) {
        $how ne 'restricted' && Smart::Oracle::cover($g, 'c', 'Provenance')
            ? Smart::Oracle::doubt($v, 'X-Provenance')
            : $fault->(403, 'X-Provenance');
    }
    return _free($o, $v, $g, $i, $req) if $how ne 'restricted';
    return _restricted($o, $v, $g, $i, $req);
}

sub _free {
    my ($o, $v, $g, $i, $req) = @_;
    # An answer that is not to be seen has to come at once.
    Smart::Oracle::doubt($v, 'async') if Smart::Oracle::async($req)
        && Smart::Oracle::cover($g, 'r', $i->{type} // '*') ne 'free';
    for my $t (Smart::OracleSearch::reached($i->{type}, $i->{pairs})) {
        Smart::Oracle::cover($g, 's', $t) eq 'free'
            or Smart::Oracle::fault($v, 403, "looks at $t");
    }
    Smart::Oracle::doubt($v, 'odd criteria')
        if Smart::OracleSearch::is_odd($i->{pairs})
        || grep { $_->[0] =~ /\A_/ } @{$i->{pairs}};
    if (defined(my $q = $req->{headers}{'if-none-exist'})) {
        my $pairs = Smart::OracleSearch::pairs($q =~ s/\A[^?]*\?//r);
        Smart::Oracle::doubt($v, 'If-None-Exist')
            if !$pairs || !@$pairs || grep { $_->[0] =~ /[:.]|\A_|bogus/
                                     || $_->[1] eq '' } @$pairs;
    }
    my $all = Smart::Oracle::cover($g, 'r', '*') eq 'free';
    $v->{shown} = undef if $all;
    Smart::Oracle::doubt($v, 'an answer that has to be looked at')
        if !$all && !Smart::Oracle::allows_json($req, $i->{pairs});
    my $body = eval { json_decode($req->{body} // '') };
    if ($i->{kind} eq 'patch' && defined $i->{id}) {
        my $now = $o->{store}->current(@$i{qw(type id)});
        $body = $now && $now->{resource}
            && eval { json_patch($now->{resource}, $body) };
        $body->{resourceType} = $i->{type} if ref $body eq 'HASH';
    }
    push @{$v->{written}}, _stored($i, $body) if ref $body eq 'HASH';
    return;
}

# What would be stored of a body.
sub _stored {
    my ($i, $body) = @_;
    my $r = json_copy($body);
    $r->{resourceType} //= $i->{type};
    $r->{id} = $i->{id} // '';
    return $r;
}

# --- restricted ------------------------------------------------------------

sub _media {
    my ($v, $req, $patch) = @_;
    my $type = $req->{headers}{'content-type'} // '';
    my $ok = $patch ? qr{\Aapplication/json-patch\+json
            (?:\s*;\s*charset="?utf-8"?)?\z}xi
        : qr{\Aapplication/(?:fhir\+)?json
            (?:\s*;\s*(?:charset="?utf-8"?|fhirVersion="?[0-9.]+"?))*\z}xi;
    return if defined $req->{data};
    if ($type !~ $ok) {
        Smart::Oracle::late($v, $_, 'media type')
            for 415, $patch ? 403 : ();
    }
    Smart::Oracle::late($v, 415, 'coding')
        if ($req->{headers}{'content-encoding'} // 'identity') ne 'identity';
    return;
}

# The body as JSON, or undef with a fault.
sub _content {
    my ($v, $i, $req) = @_;
    my $r = $req->{data} // strict_json($req->{body} // '');
    if (ref $r ne 'HASH') {
        Smart::Oracle::late($v, 400, 'not a JSON object');
        return undef;
    }
    if (($r->{resourceType} // '') ne $i->{type}
        || $i->{kind} eq 'update' && ($r->{id} // '') ne $i->{id}) {
        Smart::Oracle::late($v, 400, 'another type or id');
        return undef;
    }
    return $r;
}

sub _restricted {
    my ($o, $v, $g, $i, $req) = @_;
    my $fault = sub { Smart::Oracle::fault($v, @_) };
    $fault->(403, 'async') if Smart::Oracle::async($req);
    return $fault->(403, 'conditional') if $i->{conditional};
    return $fault->(403, 'Subscription') if $i->{type} eq 'Subscription';
    my $letter = { create => 'c', update => 'u', patch => 'u', delete => 'd'
                   }->{$i->{kind}};
    my @scopes = grep { $_->{usable} && index($_->{letters}, $letter) >= 0
        && ($_->{type} eq '*' || $_->{type} eq $i->{type}) } $g->scopes;
    if (!grep { !defined $_->{held} } @scopes) {
        if (!in_compartment($i->{type})) {
            $fault->($_, 'a shared type, or one outside') for 403, 404;
            return;
        }
    }
    # A Patient that is nobody's yet can not be the one of the token.
    my @held = map { $_->{held} } @scopes;
    if ($i->{type} eq 'Patient' && !grep { !defined } @held) {
        $fault->(403, 'a new Patient') if $i->{kind} eq 'create';
        $fault->(404, 'another Patient') if defined $i->{id}
            && !grep { $_ eq $i->{id} } @held;
    }
    if ($i->{kind} ne 'delete') { _media($v, $req, $i->{kind} eq 'patch') }
    # Answers are JSON when they are inspected.
    Smart::Oracle::doubt($v, 'not JSON')
        if ($req->{headers}{accept} // '*/*') !~ m{json|\*/\*|application/\*}
        || grep { $_->[0] eq '_format' && $_->[1] !~ /json/ } @{$i->{pairs}};
    return _create($o, $v, $g, $i, $req) if $i->{kind} eq 'create';
    return _change($o, $v, $g, $i, $req, $letter);
}

# New content: 403 outside.
sub _new {
    my ($v, $g, $letter, $r, $urns) = @_;
    # A server would look them up, and tell what there is.
    Smart::Oracle::late($v, 403, 'a conditional reference')
        if json_encode($r) =~ /"reference":"[^"]*\?/;
    my $c = $g->covers($letter, $r, 1, $urns);
    Smart::Oracle::late($v, 403, 'new content outside') if !$c;
    Smart::Oracle::doubt($v, 'coverage of new content') if $c == 1;
    push @{$v->{written}}, $r;
    return;
}

sub _create {
    my ($o, $v, $g, $i, $req) = @_;
    if (defined(my $q = $req->{headers}{'if-none-exist'})) {
        my $pairs = Smart::OracleSearch::pairs($q =~ s/\A[^?]*\?//r);
        if (!$pairs) {
            Smart::Oracle::fault($v, $_, 'If-None-Exist') for 400, 403;
        }
        else {
            Smart::OracleSearch::judge($v, $i->{type}, $pairs, 'create');
            Smart::Oracle::fault($v, $_, 'an empty condition')
                for grep { !@$pairs } 400, 403;
            Smart::Oracle::doubt($v, 'odd conditions')
                if grep { $_->[0] =~ /\A_/ || $_->[1] eq '' } @$pairs;
        }
    }
    my $r = _content($v, $i, $req) or return;
    $r = json_copy($r);
    delete $r->{id};
    _new($v, $g, 'c', $r, $req->{urns});
    return;
}

sub _change {
    my ($o, $v, $g, $i, $req, $letter) = @_;
    my $fault = sub { Smart::Oracle::late($v, @_) };
    my $kind = $i->{kind};
    my $new = $kind eq 'update' ? _content($v, $i, $req) : undef;
    my $now = $o->{store}->current($i->{type}, $i->{id});
    my $old = $now && $now->{resource};
    $v->{look} = 1;
    if (!$old) {
        return $fault->(404, 'nothing there') if $kind ne 'update';
        Smart::Oracle::doubt($v, 'update-as-create with a condition')
            if grep { /\Aif-/ } keys %{$req->{headers}};
        _new($v, $g, 'u', $new, $req->{urns}) if $new;
        return;
    }
    my $c = $g->covers($letter, $old, 1);
    $fault->(404, 'what is there is outside') if !$c;
    Smart::Oracle::doubt($v, 'coverage of what is there') if $c == 1;
    my $if = $req->{headers}{'if-match'};
    if (defined $if) {
        $if =~ /\A(?:W\/)?"\Q$now->{vid}\E"\z/
            or $if eq '*' ? Smart::Oracle::doubt($v, 'If-Match: *')
            : $fault->(412, 'If-Match');
    }
    Smart::Oracle::doubt($v, 'If-None-Match')
        if defined $req->{headers}{'if-none-match'};
    if ($kind eq 'patch') { $new = _patched($v, $old, $req) // return }
    _new($v, $g, 'u', $new, $req->{urns}) if $new;
    # Both together, each by another scope: nobody says whether that will do.
    Smart::Oracle::doubt($v, 'old and new by different scopes') if $new
        && !grep { $g->scope_covers($_, 'u', $old, 1)
                   && $g->scope_covers($_, 'u', $new, 1) } $g->scopes;
    return;
}

sub _patched {
    my ($v, $old, $req) = @_;
    my $ops = strict_json($req->{body} // '');
    if (ref $ops ne 'ARRAY') {
        Smart::Oracle::late($v, $_, 'no patch') for 400, 422;
        return undef;
    }
    my $new = eval { json_patch($old, $ops) };
    if (ref $new ne 'HASH') {
        Smart::Oracle::late($v, $_, 'does not apply') for 400, 422;
        return undef;
    }
    if (($new->{resourceType} // '') ne $old->{resourceType}
        || ($new->{id} // '') ne $old->{id}) {
        Smart::Oracle::late($v, $_, 'becomes another') for 400, 403, 422;
        return undef;
    }
    return $new;
}

# --- batches ---------------------------------------------------------------

sub batch {
    my ($o, $v, $g, $i, $req) = @_;
    my $fault = sub { Smart::Oracle::late($v, @_) };
    return Smart::Oracle::fault($v, 403, 'no scope') if !grep { $_->{usable} } $g->scopes;
    my @odd = grep { $_->[0] !~ /\A_(?:format|pretty)\z/ } @{$i->{pairs}};
    Smart::Oracle::fault($v, 403, 'parameters of a batch') if @odd;
    Smart::Oracle::doubt($v, 'how it is to be answered')
        if Smart::Oracle::async($req) || $req->{headers}{'x-provenance'}
        || @{$i->{pairs}}
        || ($req->{headers}{accept} // '*/*') !~ m{json|\*/\*|application/\*};
    _media($v, $req, 0);
    my $b = strict_json($req->{body} // '');
    return $fault->(400, 'no batch') if ref $b ne 'HASH'
        || ($b->{resourceType} // '') ne 'Bundle' || ref($b->{type} // '')
        || ($b->{type} // '') !~ /\A(?:batch|transaction)\z/;
    my $entries = $b->{entry} // [];
    return $fault->(400, 'entries') if ref $entries ne 'ARRAY';
    Smart::Oracle::doubt($v, 'nothing in it') if !@$entries;
    Smart::Oracle::doubt($v, 'what no Bundle has') if grep { !/\A(?:resourceType
        |id|meta|implicitRules|language|type|entry|link|identifier|timestamp)
        \z/x } keys %$b;
    my $urns = _urns($o, $b->{type}, $entries);
    my %full;
    $fault->(400, 'a fullUrl twice') if grep { $full{$_}++ }
        map { ref $_ eq 'HASH' ? $_->{fullUrl} // () : () } @$entries;
    @$v{qw(look write)} = (1, 1);
    my @subs = map { _entry($o, $g, $_, $urns) } @$entries;
    for my $n (0 .. $#subs) {
        my $s = $subs[$n];
        $fault->($_->[0], "entry $n: $_->[1]"), $fault->(403, 'an entry')
            for @{$s->{faults}};
        Smart::Oracle::doubt($v, "entry $n: $_") for @{$s->{doubts}};
        push @{$v->{written}}, @{$s->{written} || []};
        $v->{believed} ||= $s->{believed} || !$s->{shown};
    }
    Smart::Oracle::doubt($v, 'urn: in a batch') if $b->{type} eq 'batch'
        && json_encode($b) =~ /"reference":"urn:/;
    $v->{shown} = sub {
        my ($r) = @_;
        return grep { !$_->{shown} || $_->{shown}->($r) } @subs;
    };
    push @{$v->{must}}, map { @{$_->{must}} } @subs if $b->{type} eq 'batch'
        && !Smart::Oracle::has_conditions($req);
    return;
}

# { fullUrl => "Type/id" } of what is updated, "Type/ new" of what is created.
sub _urns {
    my ($o, $type, $entries) = @_;
    my %urns;
    return undef if $type ne 'transaction';
    for (@$entries) {
        next if ref $_ ne 'HASH' || ref $_->{request} ne 'HASH';
        my $url = $_->{fullUrl} // next;
        next if ref $url || $url !~ /\Aurn:/;
        my ($m, $at) = map { $_ // '' } @{$_->{request}}{qw(method url)};
        # The same name for two: nobody's.
        $urns{$url} = exists $urns{$url} ? 'none/ twice'
            : $m eq 'PUT' && $at =~ m{\A(?:\Q$o->{base}\E/)?([A-Z]\w+/$ID)\z}
            ? $1 : 'none/ new';
    }
    return \%urns;
}

# The verdict about one entry.
sub _entry {
    my ($o, $g, $e, $urns) = @_;
    my $v = { faults => [], doubts => [], must => [], shown => sub { 0 } };
    my $bad = sub { Smart::Oracle::fault($v, $_, $_[0]) for 400; $v };
    return $bad->('no request') if ref $e ne 'HASH'
        || ref $e->{request} ne 'HASH';
    my ($m, $url) = map { $_ // '' } @{$e->{request}}{qw(method url)};
    return $bad->('a method') if ref $m
        || $m !~ /\A(?:GET|POST|PUT|PATCH|DELETE)\z/;
    return $bad->('an URL') if ref $url || $url =~ m{\A/};
    if ($url =~ m{\A[a-z][a-z0-9+.-]*:}i) {
        $url =~ s{\A\Q$o->{base}\E/}{} or return $bad->('another server');
    }
    my ($path, $query) = split /\?/, $url, 2;
    my %h;
    for (['ifNoneExist', 'if-none-exist'], ['ifMatch', 'if-match'],
         ['ifNoneMatch', 'if-none-match']) {
        $h{$_->[1]} = $e->{request}{$_->[0]}
            if defined $e->{request}{$_->[0]};
    }
    my $sub = { method => $m, path => '/' . ($path // ''), query => $query,
                headers => \%h, urns => $urns,
                body => $e->{resource} ? json_encode($e->{resource}) : '' };
    $sub->{data} = $e->{resource} if ref $e->{resource} eq 'HASH';
    my $i = $o->interaction($sub);
    Smart::Oracle::late($v, 400, 'no resource') if !ref $e->{resource}
        && ($m eq 'PUT' || $m eq 'POST' && ($i->{bad} || $i->{kind} eq
                                            'create'));
    if ($i->{bad}) { Smart::Oracle::fault($v, @$i{qw(bad why)}); return $v }
    return $bad->('a batch in a batch') if $i->{kind} eq 'batch';
    if ($i->{kind} eq 'public' || $i->{kind} eq 'patch' || $i->{form}) {
        Smart::Oracle::doubt($v, "$i->{kind} as an entry");
        return $v if $i->{kind} eq 'public';
    }
    $sub->{body} = json_encode(_patch_of($e)) if $i->{kind} eq 'patch';
    $o->permit($v, $g, $i, $sub);
    # What is read is inspected as it comes back; only an URL tells before.
    if ($i->{kind} =~ /\A(?:v?read|history-instance)\z/) {
        my @late = grep { $_->[2] && $_->[0] == 404 } @{$v->{faults}};
        $v->{faults} = [grep { !$_->[2] || $_->[0] != 404 } @{$v->{faults}}];
        Smart::Oracle::doubt($v, 'by its URL') if @late
            && (!in_compartment($i->{type}) || $i->{type} eq 'Patient');
    }
    # What is the patient's own is held to If-Match by the backend alone.
    $v->{faults} = [grep { $_->[0] != 412 } @{$v->{faults}}]
        if ($i->{type} // '') eq 'Patient';
    Smart::Oracle::doubt($v, 'ifNoneExist of another method')
        if $m ne 'POST' && defined $e->{request}{ifNoneExist};
    # A resource in a GET, or none in a POST: not said.
    Smart::Oracle::doubt($v, 'a resource where none belongs')
        if $m =~ /\A(?:GET|DELETE)\z/ && defined $e->{resource};
    # What an entry sees of others is what comes together in the end.
    $v->{must} = [] if $m ne 'GET';
    return $v;
}

# The operations in a Binary.
sub _patch_of {
    my ($e) = @_;
    require MIME::Base64;
    my $data = ref $e->{resource} eq 'HASH' ? $e->{resource}{data} : undef;
    return scalar(eval { json_decode(MIME::Base64::decode_base64($data)) })
        // {} if defined $data && !ref $data;
    return {};
}

1;
