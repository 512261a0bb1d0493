#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The tarball and the Debian packages: made from this tree, without a fault
# that lintian knows, installed into a Debian of their own (a folder that
# mmdebstrap fills from the mirror this machine uses), where the minimal
# configuration does what README.md says of it; and gone without a trace.
use strict;
use warnings;
use FindBin ();
use lib "$FindBin::Bin/lib";
use Test::More;
use File::Path ();
use IO::Socket::INET;
use Time::HiRes qw(time sleep);
use Smart::Child ();
use Smart::Client ();
use Smart::Lab ();

plan skip_all => 'only root can make a root folder to install into' if $> != 0;

my $TOP = "$FindBin::Bin/..";
chdir $TOP or die "$TOP: $!\n";
my $begun = time();
my %took;
delete @ENV{qw(MAKEFLAGS MAKELEVEL SOURCE_DATE_EPOCH)};

# --- helpers -----------------------------------------------------------------

# (exit code, output and errors together); ended after three minutes.
sub run {
    my (@command) = @_;
    my $pid = open(my $out, '-|') // die "fork: $!\n";
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        open STDIN, '<', '/dev/null';
        exec 'timeout', '-k', '5', '180', @command;
        exit 127;
    }
    local $/;
    my $said = <$out> // '';
    close $out;
    return ($? >> 8, $said);
}

sub works {
    my ($name, @command) = @_;
    my ($rc, $said) = run(@command);
    is $rc, 0, $name or diag $said;
    chomp $said;
    return $said;
}

sub slurp {
    my ($path) = @_;
    open my $f, '<', $path or die "$path: $!\n";
    local $/;
    return scalar <$f>;
}

sub spew {
    my ($path, $text, $mode) = @_;
    open my $f, '>', $path or die "$path: $!\n";
    print $f $text;
    close $f;
    chmod $mode // 0644, $path;
    return;
}

sub timed {
    my ($name, $what) = @_;
    my $from = time();
    my @said = $what->();
    $took{$name} = time() - $from;
    return @said;
}

my ($VERSION) = slurp('include/mod_smart.h') =~ /MOD_SMART_VERSION "(.*)"/;
my @top = sort glob '* .[a-z]*';

# --- tarball -----------------------------------------------------------------

subtest 'make dist' => sub {
    is works('build/version', 'build/version'), $VERSION,
        'the version is that of the header';
    my $tarball = works('make dist', 'make', '-s', 'dist');
    is $tarball, ".out/dist/mod-smart-$VERSION.tar.gz", 'it is named after it';
    my $first = slurp($tarball);
    works('again', 'build/dist');
    ok $first eq slurp($tarball), '... makes the same bytes';
    my @files = split /\n/, works('list', 'tar', '-tzf', $tarball);
    is join(' ', grep { !m{\Amod-smart-\Q$VERSION\E/} } @files), '',
        'all is below one folder';
    my %has = map { s{\A[^/]*/}{}r => 1 } @files;
    ok $has{$_}, "it has $_"
        for qw(Makefile README.md LICENSE mod_smart/mod_smart.c
               build/debian/rules build/test conf/smart.conf);
    is join(' ', grep { m{(\A|/)(\.out|\.git|node_modules)(/|\z)} } keys %has),
        '', '... and nothing that was made or fetched';
};

# --- packages ----------------------------------------------------------------

my %deb;
subtest 'make deb' => sub {
    # The unit tests run elsewhere; stripped symbols are of no use here.
    local $ENV{DEB_BUILD_OPTIONS} = 'nocheck noautodbgsym';
    my ($said) = timed(build => sub { works('make deb', qw(make -s deb)) });
    %deb = map { m{([a-z0-9-]+)_[^/]*\.deb\z} ? ($1 => $_) : () }
        split /\n/, $said;
    is join(' ', sort keys %deb),
        'libapache2-mod-smart libapache2-mod-smart-dev', 'two packages';
    for (sort keys %deb) {
        is works($_, 'dpkg-deb', '-f', $deb{$_}, 'Version'), $VERSION,
            '... of the version';
    }
    my ($faults) = timed(lintian => sub {
        works('lintian', 'lintian', '--allow-root', '--fail-on',
              'error,warning', glob '.out/deb/*.changes') });
    is $faults, '', '... has nothing to say';
    is join(' ', glob 'build/debian/*overrides*'), '', '... nor was told to';
    like works('the header', 'dpkg-deb', '-c',
               $deb{'libapache2-mod-smart-dev'} // ''),
        qr{\./usr/include/apache2/mod_smart\.h$}m, 'is in the other package';
    is join(' ', sort glob '* .[a-z]*'), "@top", 'this tree is as it was';
};
BAIL_OUT('no package') if !$deb{'libapache2-mod-smart'};

# --- a Debian of its own -----------------------------------------------------

my $lab = Smart::Lab->new;
my $root = $lab->dir . '/root';
my $port = $lab->free_port;
my $deb = $deb{'libapache2-mod-smart'};

# What dpkg has to find: what the package says it needs, nothing else. A name
# without a package is provided by one of the others.
my @needs = grep { !/\Aapache2-api-/ } map { /\A\s*([a-z0-9.+-]+)/ ? $1 : () }
    split /,/, works('dependencies', 'dpkg-deb', '-f', $deb, 'Depends');
ok scalar(grep { $_ eq 'apache2-bin' } @needs), 'httpd is one of them';

sub inside { return run('chroot', $root, @_) }

sub inside_works {
    my ($name, @command) = @_;
    return works($name, 'chroot', $root, @command);
}

# From the mirror, and through the proxy, that apt here uses.
sub make_root {
    my ($suite) = slurp('/etc/os-release') =~ /^VERSION_CODENAME=(\S+)/m;
    my @sources = grep { -s } '/etc/apt/sources.list',
        glob '/etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources';
    my (undef, $dump) = run('apt-config', 'dump');
    my @proxy = map { "--aptopt=$_" }
        $dump =~ /^(Acquire::https?::Proxy[^\n]*)$/mgi;
    return works('mmdebstrap', 'mmdebstrap', '--quiet', '--variant=essential',
        '--dpkgopt=force-unsafe-io',
        '--include=' . join(',', 'apache2', @needs), @proxy, $suite, $root,
        @sources);
}

# Everything there but what is written by whoever installs anything.
sub everything {
    my ($said) = (run('find', $root, '-xdev', '-printf', '%P\n'))[1];
    return join "\n", sort grep {
        !m{\A(?:var/log/|var/lib/dpkg/(?:[a-z]+(?:-old)?|info|updates|triggers/.*)\z
              |var/cache/|tmp/|run/|dev/|proc/|sys/)}x } split /\n/, $said;
}

subtest 'a Debian without it' => sub {
    timed('scratch root' => \&make_root);
    ok -x "$root/usr/sbin/a2enmod", 'it has httpd';
};
BAIL_OUT('no scratch root') if !-x "$root/usr/sbin/a2enmod";
my $without = everything();

subtest 'installed' => sub {
    works('copied', 'cp', $deb, "$root/tmp/smart.deb");
    inside_works('dpkg -i', 'dpkg', '-i', '/tmp/smart.deb');
    is inside_works('state', 'dpkg-query', '-W', '-f', '${db:Status-Status}',
                    'libapache2-mod-smart'), 'installed', '... is installed';
    my $modules = inside_works('modules', 'apache2ctl', '-M');
    unlike $modules, qr/smart_module/, 'not switched on by itself';
    is join(' ', glob "$root/etc/apache2/mods-enabled/smart*"), '',
        '... nor marked so';
};

my $examples = "$root/usr/share/doc/libapache2-mod-smart/examples";
subtest 'switched on' => sub {
    my $conf = slurp("$examples/smart-minimal.conf");
    unlike $conf, qr/^LoadModule/m, 'the example leaves loading to a2enmod';
    is $conf, slurp('conf/smart-minimal.conf') =~ s/^LoadModule.*\n//mr,
        '... and is else that of README.md';
    my ($introspection, $backend) = ($lab->introspection, $lab->fhir_base);
    $conf =~ s{https://as\.example\.org/introspect}{$introspection};
    $conf =~ s{http://127\.0\.0\.1:8080/fhir}{$backend}g;
    spew("$root/etc/apache2/smart.secret", "gateway-secret\n", 0600);
    spew("$root/etc/apache2/conf-available/fhir.conf",
         "ServerName http://127.0.0.1:$port\n$conf");
    spew("$root/etc/apache2/ports.conf", "Listen 127.0.0.1:$port\n");
    inside_works('a2enmod', qw(a2enmod -q smart proxy_http));
    inside_works('a2enconf', qw(a2enconf -q fhir));
    inside_works('a2dissite', qw(a2dissite -q 000-default));
    like inside_works('configtest', qw(apache2ctl configtest)),
        qr/^Syntax OK$/m, '... is content';
    like inside_works('modules', 'apache2ctl', '-M'), qr/smart_module/,
        '... and loaded';
};

sub start {
    my $child = Smart::Child->start(name => 'packaged', dir => $lab->dir,
        command => ['chroot', $root, '/bin/sh', '-c',
                    '. /etc/apache2/envvars && mkdir -p "$APACHE_RUN_DIR" '
                    . '"$APACHE_LOCK_DIR" && exec apache2 -DFOREGROUND']);
    my $until = time() + 15;
    while (time() < $until && !defined $child->ended) {
        return $child if IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                               PeerPort => $port);
        sleep 0.02;
    }
    die 'httpd did not start: ' . $child->errors . "\n";
}

sub get {
    my ($target, $token) = @_;
    return Smart::Client->new(port => $port)->request(GET => $target,
        [Connection => 'close',
         $token ? (Authorization => "Bearer $token") : ()]);
}

subtest 'in use' => sub {
    my $child = start();
    my $may = $lab->token(scope => 'user/Observation.r');
    my $may_not = $lab->token(scope => 'user/Patient.r');
    my $r = get('/fhir/Observation/obs-1', $may);
    is $r->status, 200, 'a token with the scope';
    is $r->json->{id}, 'obs-1', '... reads';
    my $hits = $lab->hits;
    is get('/fhir/Observation/obs-1', $may_not)->status, 403,
        'one without it does not';
    is get('/fhir/Observation/obs-1')->status, 401, 'nor does no token';
    is $lab->hits, $hits, '... and the backend hears nothing of it';
    $child->stop;
    ok defined $child->ended, 'it ends';
    unlike slurp("$root/var/log/apache2/error.log"),
        qr/\Q$may\E|gateway-secret|exit signal/, 'its log is clean';
};

subtest 'installed again' => sub {
    inside_works('dpkg -i', 'dpkg', '-i', '/tmp/smart.deb');
    like inside_works('modules', 'apache2ctl', '-M'), qr/smart_module/,
        'still switched on';
};

subtest 'gone' => sub {
    inside_works('a2disconf', qw(a2disconf -q fhir));
    inside_works('a2dismod', qw(a2dismod -q -f proxy_http proxy));
    inside_works('a2ensite', qw(a2ensite -q 000-default));
    unlink map { "$root/etc/apache2/$_" } 'conf-available/fhir.conf',
        'smart.secret';
    inside_works('purge', 'dpkg', '--purge', 'libapache2-mod-smart');
    unlike inside_works('modules', 'apache2ctl', '-M'), qr/smart_module/,
        'not loaded';
    my %before = map { $_ => 1 } split /\n/, $without;
    my %after = map { $_ => 1 } split /\n/, everything();
    # a2enmod's notes of what was asked of it are its own.
    is join(' ', grep { !$before{$_} && !m{\Avar/lib/apache2/} } sort keys %after),
        '', 'nothing is left';
    is join(' ', grep { !$after{$_} } sort keys %before), '',
        '... and nothing else is missing';
    is join(' ', grep { /smart/ && !/smartcols/ } sort keys %after), '',
        '... of any name';
};

# Nothing runs in there any more; mmdebstrap has unmounted what it mounted.
File::Path::remove_tree($root, { safe => 0 });
diag sprintf 'figure: %s; all in %.0f s',
    join(', ', map { sprintf '%s %.0f s', $_, $took{$_} } sort keys %took),
    time() - $begun;
done_testing;
