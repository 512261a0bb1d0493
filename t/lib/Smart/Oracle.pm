# SPDX-License-Identifier: Apache-2.0
# What must come of a request: a second, plainer implementation of the
# contract, to hold the first one against. It knows nothing of the code under
# test, is slow and straight, and says where the contract leaves room.
#
#   my $o = Smart::Oracle->new(store => $fhir_store, base => $url, ...);
#   my $v = $o->judge(\%claims, \%request);
#
# claims: of the token (scope, patient, fhirUser), undef: no token, 0: one that
# is not active. request: {method, path (below the base), query (raw, or
# undef), headers {lower case name => value}, body}.
#
# The verdict:
#   faults    [[status, why, late]...]: it must be refused with one of these;
#             late: found in a body, or in what the backend has
#   doubts    [why...]: may be refused (4xx) or not
#   shown     sub: may a resource be in the answer? undef: not held to anything
#             (what permits it is unrestricted and reads one type: the backend
#             is believed)
#   must      ["Type/id"...] that the answer has to hold, with a 2xx
#   look      the backend may be asked although the request is refused
#   write     whether anything may be changed
#
# Statuses: several faults may be there; whichever is found first is right.
package Smart::Oracle;
use strict;
use warnings;
use Smart::FhirParams qw(fhir_type_known fhir_compartment);
use Smart::OracleGrant qw(in_compartment is_shared);
use Smart::OracleSearch ();
use Smart::OracleWrite ();

my $ID = qr/[A-Za-z0-9.-]{1,64}/;

# Options: store (Smart::FhirStore with what the backend has), base (public
# URL), bases (more URLs of it), compartment (formal), fhir_user (optional).
sub new {
    my ($class, %o) = @_;
    return bless { compartment => 'formal', fhir_user => 'optional', %o,
                   bases => [$o{base}, @{$o{bases} || []}] }, $class;
}

sub judge {
    my ($self, $claims, $req) = @_;
    my $v = { faults => [], doubts => [], must => [] };
    my $i = $self->interaction($req);
    return $self->_public($v, $req) if $i->{kind} eq 'public';
    fault($v, $i->{bad}, $i->{why}) if $i->{bad};
    # httpd itself has no use for an encoded slash.
    fault($v, 404, $i->{why}) if $i->{bad} && $req->{path} =~ /%2f/i;
    if (!$claims) {
        fault($v, 401, 'no active token');
        return $v;
    }
    return $v if $i->{kind} eq 'malformed';
    my $g = $self->{grants}{join "\0", map { $_ // '' }
                            @$claims{qw(scope patient fhirUser)}}
        ||= Smart::OracleGrant->new($self, $claims);
    $self->permit($v, $g, $i, $req);
    return $v;
}

sub fault { my ($v, $status, $why) = @_; push @{$v->{faults}}, [$status, $why] }
# One that is found by a look into bodies, or at what the backend has.
sub late { my ($v, $status, $why) = @_;
    push @{$v->{faults}}, [$status, $why, 1] }
sub doubt { my ($v, $why) = @_; push @{$v->{doubts}}, $why }

sub _public {
    my ($self, $v, $req) = @_;
    $v->{shown} = sub { 0 };
    # A page of an earlier search is not public, whatever else it is.
    doubt($v, 'a page') if grep { Smart::OracleSearch::is_page($_->[0]) }
        @{Smart::OracleSearch::pairs($req->{query}) || []};
    return $v;
}

# --- which interaction -----------------------------------------------------

# { kind, type, id, vid, compartment, compartment_id, operation, pairs }; kind
# "malformed" or "unknown" with bad (status).
sub interaction {
    my ($self, $req) = @_;
    my ($method, $path) = @$req{qw(method path)};
    return { kind => 'malformed', bad => 400, why => 'path' }
        if $path !~ m{\A(?:/[A-Za-z0-9._\$-]+)*/?\z}
        && $path !~ m{\A(?:/[A-Za-z0-9._\$-]+){2}/\*/?\z}
        || $path =~ m{(?:\A|/)\.\.?(?:/|\z)} || $path =~ m{//};
    my $pairs = Smart::OracleSearch::pairs($req->{query});
    return { kind => 'malformed', bad => 400, why => 'query' } if !$pairs;
    my @s = grep { length } split m{/}, $path;
    return { kind => 'public' } if @s == 1 && $s[0] eq 'metadata'
        && $method =~ /\A(?:GET|HEAD)\z/
        || "@s" eq '.well-known smart-configuration'
        && $method =~ /\A(?:GET|HEAD)\z/;
    return { kind => 'malformed', bad => 405, why => 'method' }
        if $method !~ /\A(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)\z/;
    my $i = $self->_route($method =~ s/HEAD/GET/r, @s);
    $i->{pairs} = $pairs;
    $i->{head} = $method eq 'HEAD';
    return $i if $i->{kind} ne 'root';
    my @page = grep { Smart::OracleSearch::is_page($_->[0]) } @$pairs;
    $i->{kind} = @page ? 'page' : 'search-system';
    return $i;
}

sub _unknown { return { kind => 'malformed', bad => 403, why => 'unknown' } }

sub _route {
    my ($self, $m, @s) = @_;
    my $get = $m eq 'GET';
    if (!@s) {
        return { kind => 'root' } if $get;
        return { kind => 'batch' } if $m eq 'POST';
        return { kind => 'delete', conditional => 1 } if $m eq 'DELETE';
        return _unknown();
    }
    my ($first, $second, $third, $fourth) = @s;
    if ($first eq '_history' && @s == 1 && $get) {
        return { kind => 'history-system' };
    }
    if ($first eq '_search' && @s == 1 && ($get || $m eq 'POST')) {
        return { kind => 'search-system', form => !$get };
    }
    my $op = $s[-1] =~ /\A\$[a-z][A-Za-z0-9-]*\z/ ? $s[-1] : undef;
    if ($op && @s <= 3 && ($get || $m eq 'POST')
        && (@s == 1 || fhir_type_known($first) && (@s == 2
            || $second =~ /\A$ID\z/))) {
        return { kind => 'operation', operation => $op, form => !$get,
                 type => @s > 1 ? $first : undef,
                 id => @s > 2 ? $second : undef };
    }
    return _unknown() if !fhir_type_known($first) || $first eq 'Parameters'
        || $op;
    return $self->_on_type($m, $first) if @s == 1;
    return { kind => 'search-type', type => $first, form => !$get }
        if $second eq '_search' && @s == 2 && ($get || $m eq 'POST');
    return { kind => 'history-type', type => $first }
        if $second eq '_history' && @s == 2 && $get;
    return _unknown() if $second !~ /\A$ID\z/;
    return $self->_on_instance($m, $first, $second) if @s == 2;
    if ($third eq '_history' && $get) {
        return { kind => 'history-instance', type => $first, id => $second }
            if @s == 3;
        return { kind => 'vread', type => $first, id => $second,
                 vid => $fourth } if @s == 4 && $fourth =~ /\A$ID\z/;
    }
    my $search = $third eq '*' || fhir_type_known($third)
        && $third ne 'Parameters';
    if ($search && (@s == 3 && $get || @s == 4 && $fourth eq '_search'
                    && $m eq 'POST' && $third ne '*')) {
        return _unknown() if $first !~ /\A(?:Patient|Encounter|Practitioner
            |RelatedPerson|Device)\z/x;
        return { kind => 'search-compartment', compartment => $first,
                 compartment_id => $second, all => $third eq '*',
                 type => $third eq '*' ? undef : $third, form => @s == 4 };
    }
    return _unknown();
}

sub _on_type {
    my ($self, $m, $type) = @_;
    return { kind => 'search-type', type => $type } if $m eq 'GET';
    return { kind => 'create', type => $type } if $m eq 'POST';
    my %k = (PUT => 'update', PATCH => 'patch', DELETE => 'delete');
    return $k{$m} ? { kind => $k{$m}, type => $type, conditional => 1 }
        : _unknown();
}

sub _on_instance {
    my ($self, $m, $type, $id) = @_;
    my %k = (GET => 'read', PUT => 'update', PATCH => 'patch',
             DELETE => 'delete');
    return $k{$m} ? { kind => $k{$m}, type => $type, id => $id } : _unknown();
}

# --- who may ---------------------------------------------------------------

my %LETTERS = (read => 'r', vread => 'r', 'history-instance' => 'r',
    'search-type' => 's', 'search-compartment' => 's', 'history-type' => 's',
    'search-system' => 's', 'history-system' => 's', create => 'c',
    update => 'u', patch => 'u', delete => 'd');

# Letters that an interaction needs and the types it needs them on ('*': all).
sub _need {
    my ($self, $i, $req) = @_;
    my $letters = $LETTERS{$i->{kind}} or return undef;
    my $conditional = $i->{conditional}
        || $i->{kind} eq 'create' && defined $req->{headers}{'if-none-exist'};
    $letters .= 's' if $conditional && $letters ne 's';
    return [$letters, $i->{type} // '*']
        if $i->{kind} ne 'search-system';
    my @types = map { split /,/, $_->[1], -1 } grep { $_->[0] eq '_type' }
        @{$i->{pairs}}, $i->{form}
        ? @{Smart::OracleSearch::pairs($req->{body}) || []} : ();
    return [$letters, @types ? @types : '*'];
}

# Does one scope hold all letters on all types?
sub _holds {
    my ($s, $letters, @types) = @_;
    for my $l (split //, $letters) {
        return 0 if index($s->{letters}, $l) < 0;
    }
    return !grep { $s->{type} ne '*' && $s->{type} ne $_ } @types;
}

# Do scopes together, without constraint?
sub _unite {
    my ($scopes, $letters, @types) = @_;
    for my $l (split //, $letters) {
        for my $t (@types) {
            return 0 if !grep { !@{$_->{pairs}} && _holds($_, $l, $t) }
                @$scopes;
        }
    }
    return 1;
}

# How scopes cover a need: "free" (not restricted), "restricted", "" (not at
# all), "open" (only when scopes of different contexts are put together).
sub cover {
    my ($g, $letters, @types) = @_;
    my @usable = grep { $_->{usable} } $g->scopes;
    my @by;
    for my $c (qw(system user patient)) {
        my @mine = grep { $_->{context} eq $c } @usable;
        next if !@mine;
        my $held = defined $mine[0]{held};
        return 'free' if !$held && _unite(\@mine, $letters, @types);
        push @by, 'restricted' if _unite(\@mine, $letters, @types)
            || grep { @{$_->{pairs}} && _holds($_, $letters, @types) } @mine;
    }
    return 'restricted' if @by;
    return _unite(\@usable, $letters, @types) ? 'open' : '';
}

sub permit {
    my ($self, $v, $g, $i, $req) = @_;
    my $kind = $i->{kind};
    return $self->_batch($v, $g, $i, $req) if $kind eq 'batch';
    return $self->_operation($v, $g, $i, $req) if $kind eq 'operation';
    return $self->_page($v, $g, $i, $req) if $kind eq 'page';
    my $need = $self->_need($i, $req);
    my ($letters, @types) = @$need;
    if (grep { $_ ne '*' && !fhir_type_known($_) } @types) {
        return cover($g, $letters, '*') eq 'free' ? doubt($v, 'unknown type')
            : fault($v, 403, 'an unknown type');
    }
    my $how = cover($g, $letters, @types);
    $i->{write} = $kind =~ /\A(?:create|update|patch|delete)\z/;
    if ($how eq '') {
        # Types may still be named in the form.
        return doubt($v, 'types of the form')
            if $kind eq 'search-system' && $i->{form};
        return fault($v, 403, 'no scope');
    }
    doubt($v, 'scopes of several contexts') if $how eq 'open';
    $v->{how} = $how;
    if ($i->{write}) {
        return Smart::OracleWrite::judge($self, $v, $g, $i, $req, $how);
    }
    return $self->_free($v, $g, $i, $req, @types) if $how ne 'restricted';
    return $self->_restricted($v, $g, $i, $req);
}

# May the answer hold a resource: by the letter that it takes.
sub _shown {
    my ($g, $letters) = @_;
    return sub {
        my ($r) = @_;
        return grep { $g->covers($_, $r) } split //, $letters;
    };
}

sub async {
    my ($req) = @_;
    return ($req->{headers}{prefer} // '') =~ /respond-async/i;
}

# --- without restriction ---------------------------------------------------

sub _free {
    my ($self, $v, $g, $i, $req, @types) = @_;
    my $letter = $LETTERS{$i->{kind}};
    if ($letter eq 'r') {
        $v->{shown} = _shown($g, 'r');
        $self->_must_read($v, $g, $i, $req);
        return;
    }
    my $all = cover($g, 's', '*') eq 'free';
    my $form = $self->_form($v, $i, $req, $all);
    my @reached = Smart::OracleSearch::reached($i->{type}, $i->{pairs}, $form);
    for my $t (@reached) {
        my $c = cover($g, 's', $t);
        next if $c eq 'free';
        $c eq '' || $c eq 'restricted' && $t ne '?'
            ? fault($v, 403, "looks at $t") : doubt($v, "looks at $t");
    }
    my @all = (@{$i->{pairs}}, @$form);
    my $inspected = !$all
        && grep { Smart::OracleSearch::is_include($_->[0])
                  || Smart::OracleSearch::is_page($_->[0]) } @all;
    # Inspected or not, a well-behaved backend shows no more than this.
    $v->{shown} = _shown($g, 's');
    $v->{believed} = !$inspected;
    # What is inspected has to be JSON, now, and all of it.
    doubt($v, 'inspected') if $inspected && (!allows_json($req, \@all)
        || async($req) || grep { $_->[0] eq '_summary' } @all);
    doubt($v, 'an odd parameter') if Smart::OracleSearch::is_odd(\@all);
    $v->{shown} = undef if $all;
    $self->_must_search($v, $g, $i, $req, $form)
        if $i->{kind} eq 'search-type' && !$inspected;
    return;
}

# Pairs of a form; [] where there is none. Where nothing has to be kept back,
# the backend may make of it what it likes.
sub _form {
    my ($self, $v, $i, $req, $all) = @_;
    return [] if !$i->{form};
    my $type = $req->{headers}{'content-type'} // '';
    if ($type !~ m{\Aapplication/x-www-form-urlencoded
            (?:;\s*charset="?utf-8"?)?\z}xi) {
        length($req->{body} // '') && !$all ? late($v, 415, 'no form')
            : doubt($v, 'no form');
        return [];
    }
    if (($req->{headers}{'content-encoding'} // 'identity') ne 'identity') {
        length($req->{body} // '') && !$all ? late($v, 415, 'coding')
            : doubt($v, 'coding');
    }
    my $pairs = Smart::OracleSearch::pairs($req->{body});
    late($v, 400, 'the form') if !$pairs;
    return $pairs || [];
}

# --- restricted reads and searches -----------------------------------------

sub allows_json {
    my ($req, $pairs) = @_;
    my ($format) = grep { length } map { $_->[1] }
        grep { $_->[0] eq '_format' } @$pairs;
    my $accept = $format // $req->{headers}{accept} // '*/*';
    return $accept =~ m{json|\*/\*|application/\*};
}

sub _restricted {
    my ($self, $v, $g, $i, $req) = @_;
    my $letter = $LETTERS{$i->{kind}};
    my $form = $self->_form($v, $i, $req);
    my @pairs = (@{$i->{pairs}}, @$form);
    $v->{shown} = _shown($g, $letter);
    fault($v, 403, 'async') if async($req);
    late($v, 406, 'not JSON') if !allows_json($req, \@pairs);
    return $self->_restricted_read($v, $g, $i, $req) if $letter eq 'r';
    if ($i->{kind} =~ /system/) {
        return fault($v, 403, 'system level');
    }
    my $held = _held($g, $i);
    if ($i->{kind} eq 'search-compartment') {
        my $own = $i->{compartment} eq 'Patient' && grep {
            defined && $_ eq $i->{compartment_id} } @$held;
        my $free = grep { !defined } @$held;
        if (!$own && !$free) {
            return fault($v, 404, 'another patient')
                if $i->{compartment} eq 'Patient';
            return fault($v, 403, 'other compartments');
        }
        fault($v, 403, 'other compartments')
            if $i->{compartment} ne 'Patient';
        doubt($v, 'a type without entry') if defined $i->{type}
            && ($i->{type} eq 'Patient' || !fhir_compartment($i->{type}));
        doubt($v, 'restricted by constraint') if !$own;
        doubt($v, 'all types') if $i->{all};
    }
    my $free = grep { !defined } @$held;
    Smart::OracleSearch::judge($v, $i->{type}, \@pairs, $i->{kind}, $free);
    my $outside = defined $i->{type} && !in_compartment($i->{type})
        && !is_shared($i->{type}) && !$free;
    if ($outside) {
        fault($v, $_, 'a type outside') for 403;
    }
    doubt($v, 'history of a type') if $i->{kind} eq 'history-type';
    $self->_must_search($v, $g, $i, $req, $form);
    return;
}

# Patients that usable scopes with the letter are held to; undef: none.
sub _held {
    my ($g, $i) = @_;
    my $letter = $LETTERS{$i->{kind}};
    return [map { $_->{held} } grep { $_->{usable}
        && index($_->{letters}, $letter) >= 0
        && ($_->{type} eq '*' || !defined $i->{type}
            || $_->{type} eq $i->{type}) } $g->scopes];
}

sub _restricted_read {
    my ($self, $v, $g, $i, $req) = @_;
    my $form = $i->{pairs};
    my @odd = grep { $_->[0] !~ /\A(?:_format|_pretty|_elements|_summary)\z/ }
        @$form;
    doubt($v, 'parameters of a read') if @odd;
    my ($count) = grep { $_->[0] eq '_summary' && $_->[1] eq 'count' } @$form;
    doubt($v, 'a count of one') if $count;
    my @versions = $i->{kind} eq 'history-instance'
        ? map { $_->[2]{resource} } $self->{store}->history(@$i{qw(type id)})
        : $i->{kind} eq 'vread' ? map { $_ && $_->{resource} }
            $self->{store}->version(@$i{qw(type id vid)})
        : map { $_ && $_->{resource} }
            $self->{store}->current(@$i{qw(type id)});
    my $best = 0;
    for (grep { $_ } @versions) {
        my $c = $g->covers('r', $_);
        $best = $c if $c > $best;
    }
    # The backend is asked before anybody knows; a Binary twice.
    $v->{look} = 1;
    if (!$best) {
        # A Binary is judged by what its security context covers.
        if ($i->{type} eq 'Binary') { return $self->_binary($v, $g, $i) }
        return late($v, 404, 'not covered');
    }
    doubt($v, 'coverage is open') if $best < 2;
    $self->_must_read($v, $g, $i, $req);
    return;
}

sub _binary {
    my ($self, $v, $g, $i) = @_;
    my $r = $self->{store}->current('Binary', $i->{id});
    my $ref = $r && $r->{resource}
        ? $r->{resource}{securityContext}{reference} : undef;
    my ($type, $id) = split m{/}, $ref // '';
    my $of = defined $id ? $self->{store}->current($type, $id) : undef;
    my $covered = $of && $of->{resource} && $g->covers('r', $of->{resource});
    # Of the own Patient: whether r on Patient is needed besides r on Binary is
    # not said.
    $covered ||= grep { $_->{usable} && ($_->{held} // '') eq ($id // '')
        && ($type // '') eq 'Patient' } $g->scopes;
    if (!$covered) {
        return late($v, 404, 'its security context is not covered');
    }
    doubt($v, 'a security context');
    # It comes as what it is, not as JSON.
    $v->{faults} = [grep { $_->[0] != 406 } @{$v->{faults}}];
    my $shown = $v->{shown};
    $v->{shown} = sub {
        my ($x) = @_;
        return $x->{resourceType} eq 'Binary' && $x->{id} eq $i->{id}
            || $shown->($x);
    };
    return;
}

# Header fields that change what comes of it, where they are let through.
sub has_conditions {
    my ($req) = @_;
    return grep { !/\A(?:accept|prefer|content-type)\z/ }
        keys %{$req->{headers}};
}

# What a plain read has to bring.
sub _must_read {
    my ($self, $v, $g, $i, $req) = @_;
    return if $i->{head} || @{$i->{pairs}}
        || $v->{how} ne 'restricted' && has_conditions($req);
    return if $i->{kind} ne 'read';
    my $r = $self->{store}->current(@$i{qw(type id)});
    return if !$r || !$r->{resource} || $g->covers('r', $r->{resource}) < 2
        || $i->{type} eq 'Binary';
    push @{$v->{must}}, "$i->{type}/$i->{id}";
    return;
}

# What a plain search has to bring: what matches, by our own reading.
sub _must_search {
    my ($self, $v, $g, $i, $req, $form) = @_;
    return if $i->{head} || !defined $i->{type} || $i->{kind} !~ /search/
        || $v->{how} ne 'restricted' && has_conditions($req);
    my @contexts = grep { $_->{usable} && index($_->{letters}, 's') >= 0
        && ($_->{type} eq '*' || $_->{type} eq $i->{type}) } $g->scopes;
    my %c = map { ($_->{held} // '') . $_->{context} => 1 } @contexts;
    return if keys %c > 1;
    for my $r ($self->{store}->all($i->{type})) {
        next if $g->covers('s', $r) < 2;
        my $hit = 2;
        for (@{$i->{pairs}}, @$form) {
            my $m = Smart::OracleSearch::matches($self->{bases}, $r, @$_);
            $hit = $m if $m < $hit;
        }
        if ($i->{kind} eq 'search-compartment') {
            $hit = 0 if $i->{compartment} ne 'Patient'
                || $g->member($r, $i->{compartment_id}) < 2
                || !fhir_compartment($i->{type});
        }
        elsif (defined $contexts[0]{held} && !is_shared($i->{type})) {
            # A search finds the subject's part.
            local $self->{compartment} = 'subject';
            $hit = 0 if $g->member($r, $contexts[0]{held}) < 2;
        }
        push @{$v->{must}}, "$i->{type}/$r->{id}" if $hit == 2;
    }
    return;
}

# --- pages -----------------------------------------------------------------

sub _page {
    my ($self, $v, $g, $i, $req) = @_;
    my @s = grep { $_->{usable} && index($_->{letters}, 's') >= 0 } $g->scopes;
    return fault($v, 403, 'no s') if !@s;
    $v->{shown} = cover($g, 's', '*') eq 'free' ? undef : _shown($g, 's');
    my $free = cover($g, 's', '*') eq 'free';
    fault($v, 403, 'async') if !$free && async($req)
        && !grep { !defined $_->{held} && !@{$_->{pairs}} } @s;
    doubt($v, 'async') if async($req);
    if (!$free && !allows_json($req, $i->{pairs})) {
        late($v, 406, 'not JSON');
    }
    my @odd = grep { $_->[0] !~ /\A(?:_count|_format|_pretty|_total|_summary
        |_elements)\z/x && !Smart::OracleSearch::is_page($_->[0]) }
        @{$i->{pairs}};
    doubt($v, 'parameters beside a page') if @odd;
    doubt($v, 'a summary') if grep { $_->[0] eq '_summary' } @{$i->{pairs}};
    fault($v, 403, 'another search') if !$free && grep {
        $_->[0] =~ /\A_(?:has|filter|query|list|contained)/ } @odd;
    return;
}

# --- operations ------------------------------------------------------------

sub _operation {
    my ($self, $v, $g, $i, $req) = @_;
    my $op = substr $i->{operation}, 1;
    my $type = $i->{type} // '';
    $v->{look} = 1 if $op eq 'everything';
    my $do = $self->can("_op_$op" =~ s/-/_/gr);
    return fault($v, 403, 'an operation nobody named') if !$do;
    return $self->$do($v, $g, $i, $req, $type);
}

sub _op_everything {
    my ($self, $v, $g, $i, $req, $type) = @_;
    return fault($v, 403, 'of another type') if $type ne 'Patient';
    if (!defined $i->{id}) {
        return fault($v, 403, 'of everybody') if cover($g, 'rs', '*') ne 'free';
        $v->{shown} = undef;
        return;
    }
    my $how = cover($g, 'r', 'Patient');
    return fault($v, 403, 'no scope') if $how eq '';
    my $all = cover($g, 'rs', '*') eq 'free';
    $v->{shown} = $all ? undef : _shown($g, 'r');
    return if $all;
    doubt($v, 'a form of an operation') if $i->{form};
    for my $t (map { split /,/, $_->[1], -1 } grep { $_->[0] eq '_type' }
               @{$i->{pairs}}) {
        my $c = fhir_type_known($t) ? cover($g, 'r', $t) : '';
        fault($v, 403, "_type $t") if $c eq '';
        doubt($v, "_type $t") if $c ne $how;
    }
    my @odd = grep { $_->[0] !~ /\A_(?:type|count|format|pretty)\z/ }
        @{$i->{pairs}};
    doubt($v, 'parameters') if @odd;
    late($v, 406, 'not JSON') if !allows_json($req, $i->{pairs});
    doubt($v, 'async') if async($req);
    if ($how eq 'restricted') {
        fault($v, 403, 'async') if async($req);
        my $r = $self->{store}->current('Patient', $i->{id});
        my $c = $r && $r->{resource} ? $g->covers('r', $r->{resource}) : 0;
        if (!$c) {
            my $own = grep { $_->{usable} && (!defined $_->{held}
                || $_->{held} eq $i->{id}) } $g->scopes;
            $own ? doubt($v, 'nothing to see')
                : fault($v, 404, 'another patient');
        }
    }
    return if @{$v->{doubts}} || async($req) || $i->{head} || $i->{form};
    my $r = $self->{store}->current('Patient', $i->{id});
    push @{$v->{must}}, "Patient/$i->{id}" if $r && $r->{resource}
        && $g->covers('r', $r->{resource}) == 2
        && !grep { $_->[0] eq '_type' } @{$i->{pairs}};
    return;
}

sub _op_lastn {
    my ($self, $v, $g, $i, $req, $type) = @_;
    return fault($v, 403, 'not of this') if $type ne 'Observation'
        || defined $i->{id};
    my @pairs = grep { $_->[0] ne 'max' } @{$i->{pairs}};
    # A POST brings Parameters, which are read as the query would be.
    my %search = (%$i, kind => 'search-type', pairs => \@pairs, form => 0);
    $self->permit($v, $g, \%search, $req);
    $v->{must} = [];
    doubt($v, 'a form of an operation') if $i->{form};
    return;
}

sub _op_export {
    my ($self, $v, $g, $i, $req, $type) = @_;
    return fault($v, 403, 'not of this')
        if $type !~ /\A(?:Patient|Group|)\z/
        || ($type eq 'Group') != defined $i->{id};
    my @system = grep { $_->{context} eq 'system' && !@{$_->{pairs}} }
        $g->scopes;
    my @types = map { split /,/, $_->[1], -1 } grep { $_->[0] eq '_type' }
        @{$i->{pairs}};
    my $some = grep { $_->{letters} =~ /r/ } @system;
    return fault($v, 403, 'no system scope') if !$some;
    for (@types) {
        fault($v, 403, "no rs on $_") if !_unite(\@system, 'rs',
            fhir_type_known($_) ? $_ : '*');
    }
    doubt($v, 'types of an export');
    $v->{shown} = sub { 0 };
    return;
}

sub _terminology {
    my ($self, $v, $g, $i, $type, @on) = @_;
    return fault($v, 403, 'not of this') if !grep { $_ eq $type } @on;
    return fault($v, 403, 'no scope') if cover($g, 'r', $type) eq '';
    doubt($v, 'constrained, or asynchronous');
    return;
}

sub _op_expand { my ($s, $v, $g, $i, $q, $t) = @_;
    return $s->_terminology($v, $g, $i, $t, 'ValueSet') }
sub _op_lookup { my ($s, $v, $g, $i, $q, $t) = @_;
    return $s->_terminology($v, $g, $i, $t, 'CodeSystem') }
sub _op_validate_code { my ($s, $v, $g, $i, $q, $t) = @_;
    return $s->_terminology($v, $g, $i, $t, 'ValueSet', 'CodeSystem') }
sub _op_export_poll_status { return fault($_[1], $_, 'a job') for 404 }

sub _batch {
    my ($self, $v, $g, $i, $req) = @_;
    return Smart::OracleWrite::batch($self, $v, $g, $i, $req);
}

1;
