# SPDX-License-Identifier: Apache-2.0
# What a person can ask for; how it is done is in build/rules.mk.
#
#   make                  .out/module/mod_smart.so, .out/libcore.a, .out/libio.a
#   make install          into httpd's module folder, and load it there;
#                         with DESTDIR=/x only the files, below /x
#   make check            unit tests and guards
#   make check-unit [T=x] unit tests, or t/unit/x_test.c only
#   make check-guards     the rules of the house (t/guards.t)
#   make test [T=x]       the suites against a running httpd, or t/x.t only
#   make test-apache      those of t/apache, under Apache::Test (t/TEST)
#   make stress           programs of t/stress with short defaults
#   make asan ubsan tsan  unit tests and stress under a sanitizer
#   make programs         unit and stress programs, built but not run
#   make fuzz [T=x] [SECONDS=n]   targets of t/fuzz, or one, 60 s each
#   make fuzz-programs    those programs, built but not run
#   make tidy             clang-format, clang-tidy, cppcheck: all silent
#   make bench            all benchmarks, ten minutes (t/bench/README.md)
#   make bench-programs   the programs of t/bench, built but not run
#   make dist             .out/dist/mod-smart-VERSION.tar.gz of these files
#   make deb              Debian packages in .out/deb (build/install-deps deb)
#   make demo             a protected FHIR server to play with
#   make explain          .out/smart-explain (build/smart-explain --help)
#   make clean
#
# Variables: CC (gcc, clang), APXS, PROVEFLAGS, TESTFLAGS (of t/TEST),
# V=1 (show the commands), CFLAGS (for -DSMART_DIGEST_EVP see
# mod_smart/io/digest.c).
# Every step of a release, in one command: build/test.
.DEFAULT_GOAL := all

include build/rules.mk

.PHONY: all install check check-unit check-guards test test-apache stress \
    asan ubsan tsan fuzz fuzz-programs tidy bench bench-programs programs \
    dist deb demo explain clean

all: module libs explain

install: all
	$(call install-module)

check: check-unit check-guards

check-unit: $(if $T,$B/unit/$T_test,$(UNIT))
	$Q$(PROVE) $(if $T,$B/unit/$T_test,$(UNIT))

check-guards: all
	$QSMART_OBJECTS=$B $(PROVE) t/guards.t

test: all
	$Q$(PROVE) $(if $T,t/$T.t,$(SUITES))

test-apache: all
	$Qt/TEST -apxs $(APXS) $(TESTFLAGS)

stress: $(STRESS)
	$Q$(if $(STRESS),$(PROVE) $(STRESS:%=run:%),echo "t/stress is empty")

asan ubsan tsan:
	$Q$(MAKE) --no-print-directory SANITIZER=$@ check-unit stress

programs: $(UNIT) $(STRESS)

fuzz:
	$Qbuild/fuzz --seconds $(or $(SECONDS),60) $T

fuzz-programs: $(FUZZ)

tidy:
	$Qbuild/tidy

bench: all bench-programs
	$QCACHE_BENCH=$B/bench/cache_bench build/bench $(BENCHFLAGS)

bench-programs: $(BENCHES)

explain: .out/smart-explain

dist:
	$Qbuild/dist

deb:
	$Qbuild/deb

demo:
	$Qbuild/demo

clean:
	rm -rf .out
