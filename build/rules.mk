# SPDX-License-Identifier: Apache-2.0
# How things are built. Words:
#
#   floor    mod_smart/core, mod_smart/io, or mod_smart/httpd + mod_smart.c
#   variant  compiler plus sanitizer; each has its objects in .out/<variant>/,
#            so that builds of different kinds never mix
#
# Invariants
#  1. core and io are compiled without httpd's include folder: a file there
#     that wants httpd does not compile. (build/check_layers guards machines
#     where APR and httpd share one folder.)
#  2. core and io are free of warnings under -Wconversion, with gcc and clang.
#  3. A unit test of a core file is linked with core alone: core needs no io.
#  4. The module exports what build/exports.map names and nothing else.
#  5. A change of flags, of a header or of this file rebuilds what it touches.
#  6. A module in use is replaced, never written into: a running httpd that
#     has it mapped keeps the old one.
#  7. What is compiled in one of two ways is tested in both, each by a program
#     of its own.

ifeq ($(origin CC),default)
CC := gcc
endif
APXS ?= apxs
APR_CONFIG ?= apr-1-config
APU_CONFIG ?= apu-1-config
Q := $(if $V,,@)

# --- variants ----------------------------------------------------------------

SANITIZER ?=
VARIANT := $(notdir $(firstword $(CC)))$(if $(SANITIZER),-$(SANITIZER))
B := .out/$(VARIANT)
ifneq ($(SANITIZER),)
include build/flags-$(SANITIZER).mk
endif
OPTIMISE ?= -O2

# --- flags -------------------------------------------------------------------

HARDEN := -fstack-protector-strong $(if $(SANITIZER),,-D_FORTIFY_SOURCE=2)
WARN := -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
COMMON = -std=gnu11 $(OPTIMISE) -g -fPIC -pthread $(HARDEN) $(SANITIZE) -MMD -MP

# As system headers: what their macros do is not ours to warn about. (The
# system's own folder may not be named again, or it loses its place.)
APR_FLAGS := $(patsubst -I%,-isystem%,$(filter-out -I/usr/include, \
    $(shell $(APR_CONFIG) --cppflags --includes 2>/dev/null) \
    $(shell $(APU_CONFIG) --includes 2>/dev/null)))
APR_LIBS := $(shell $(APU_CONFIG) --link-ld 2>/dev/null) \
    $(shell $(APR_CONFIG) --link-ld 2>/dev/null)
OUR_INCLUDES := -Imod_smart -Iinclude

# core and io.
PURE_FLAGS = $(COMMON) -fvisibility=hidden $(WARN) -Wconversion \
    $(OUR_INCLUDES) $(APR_FLAGS) $(CFLAGS)

# The glue. Hooks have the signature httpd gives them, hence unused
# parameters.
HTTPD_FLAGS = $(COMMON) -fvisibility=hidden $(WARN) -Wno-unused-parameter \
    $(OUR_INCLUDES) $(APR_FLAGS) \
    -isystem$(shell $(APXS) -q INCLUDEDIR) $(CFLAGS)

# Tests may use anything, io's libraries included. cmocka hands every test a
# state it need not use.
TEST_FLAGS = $(COMMON) $(WARN) -Wno-unused-parameter -Wno-missing-prototypes \
    $(OUR_INCLUDES) -It/unit $(APR_FLAGS) $(CFLAGS)

MODULE_LIBS := -lcurl -ljansson -lcrypto
TEST_LIBS := -lcmocka $(MODULE_LIBS) -lssl $(APR_LIBS) -ldl -lm

# --- files -------------------------------------------------------------------

CORE_O := $(patsubst mod_smart/%.c,$B/%.o,$(wildcard mod_smart/core/*.c))
IO_O := $(patsubst mod_smart/%.c,$B/%.o,$(wildcard mod_smart/io/*.c))
HTTPD_O := $(patsubst mod_smart/%.c,$B/%.o,$(wildcard mod_smart/httpd/*.c))
MAIN_O := $(patsubst mod_smart/%.c,$B/%.o,$(wildcard mod_smart/mod_smart.c))

UNIT_OF_FILE := $(patsubst t/%.c,$B/%,$(wildcard t/unit/*_test.c))
UNIT := $(UNIT_OF_FILE) $B/unit/digest_evp_test
STRESS := $(patsubst t/%.c,$B/%,$(wildcard t/stress/*.c))
FUZZ := $(patsubst t/%.c,$B/%,$(wildcard t/fuzz/*.c))
EXPLAIN_O := $(patsubst build/%.c,$B/%.o,$(wildcard build/explain/*.c))
BENCHES := $(patsubst t/%.c,$B/%,$(wildcard t/bench/*.c))
SUITES := $(filter-out t/guards.t,$(sort $(wildcard t/*.t)))
PROVE = prove --exec build/tap-run $(PROVEFLAGS)

# --- libraries and module ----------------------------------------------------

.PHONY: module libs FORCE
libs: .out/libcore.a .out/libio.a
module: $(if $(MAIN_O),.out/module/mod_smart.so)

$B/libcore.a: $(CORE_O)
$B/libio.a: $(IO_O)
$B/libcore.a $B/libio.a: $B/flags
	$Qrm -f $@
	$Qar rcs $@ $(filter %.o,$^)

$B/mod_smart.so: $(MAIN_O) $(HTTPD_O) $B/libio.a $B/libcore.a build/exports.map
	$Q$(CC) -shared $(SANITIZE) -o $@ $(filter %.o,$^) \
	    $B/libio.a $B/libcore.a \
	    -Wl,--version-script=build/exports.map -Wl,-z,relro,-z,now \
	    -Wl,--as-needed $(LDFLAGS) $(MODULE_LIBS)

# The places other parts look at hold what was built last.
.out/libcore.a .out/libio.a: .out/%: $B/% FORCE
	$(call publish)
.out/module/mod_smart.so: $B/mod_smart.so FORCE
	$(call publish)

define publish
	$Qmkdir -p $(@D)
	$Qcmp -s $< $@ || { cp $< $@.new && mv $@.new $@; }
endef

# --- objects -----------------------------------------------------------------

$(CORE_O) $(IO_O): $B/%.o: mod_smart/%.c $B/flags
	$(call compile,$(PURE_FLAGS))
$(HTTPD_O): $B/%.o: mod_smart/%.c $B/flags
	$(call compile,$(HTTPD_FLAGS))
# Its names are chosen by build/exports.map: httpd finds smart_module by name.
$(MAIN_O): $B/%.o: mod_smart/%.c $B/flags
	$(call compile,$(HTTPD_FLAGS) -fvisibility=default)

define compile
	$Qmkdir -p $(@D)
	$(if $Q,@echo "  $(CC) $<")
	$Q$(CC) $(1) -c -o $@ $<
endef

# --- tests and programs ------------------------------------------------------

$(UNIT_OF_FILE): $B/%: t/%.c $B/libio.a $B/libcore.a $B/flags
	$(call link,$(if $(wildcard mod_smart/core/$(patsubst %_test,%,$(@F)).c),,$B/libio.a))
$(STRESS) $(BENCHES): $B/%: t/%.c $B/libio.a $B/libcore.a $B/flags
	$(call link,$B/libio.a)

# libFuzzer brings main(); only with SANITIZER=fuzz CC=clang.
$(FUZZ): $B/%: t/%.c $B/libcore.a $B/flags
	$(call link,-fsanitize=fuzzer)

# digest.c with OpenSSL's EVP: the object comes before the library that has
# the other one.
$B/io/digest_evp.o: mod_smart/io/digest.c $B/flags
	$(call compile,$(PURE_FLAGS) -DSMART_DIGEST_EVP)
$B/unit/digest_evp_test: t/unit/digest_test.c $B/io/digest_evp.o $B/libio.a \
    $B/libcore.a $B/flags
	$(call link,-DSMART_DIGEST_EVP $B/io/digest_evp.o $B/libio.a)

define link
	$Qmkdir -p $(@D)
	$(if $Q,@echo "  $(CC) $<")
	$Q$(CC) $(TEST_FLAGS) -o $@ $< $(1) $B/libcore.a $(LDFLAGS) $(TEST_LIBS)
endef

# The decision as a program, of core alone: for people, and for suites that
# ask it many times.
$(EXPLAIN_O): $B/%.o: build/%.c $B/flags
	$(call compile,$(PURE_FLAGS))
$B/smart-explain: $(EXPLAIN_O) $B/libcore.a
	$Q$(CC) $(SANITIZE) -o $@ $(EXPLAIN_O) $B/libcore.a $(LDFLAGS) \
	    -ljansson $(APR_LIBS)
.out/smart-explain: $B/smart-explain FORCE
	$(call publish)

# --- questions of build/tidy -------------------------------------------------

print-%:
	@echo '$($*)'

# --- rebuild when flags or rules change --------------------------------------

FLAGS = $(CC) $(PURE_FLAGS) / $(HTTPD_FLAGS) / $(TEST_FLAGS) / $(LDFLAGS)
$B/flags: FORCE
	$Qmkdir -p $(@D)
	$Qecho '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' >$@
$(CORE_O) $(IO_O) $(HTTPD_O) $(MAIN_O) $(UNIT) $(STRESS) $(FUZZ) \
    $(EXPLAIN_O) $B/io/digest_evp.o: build/rules.mk

-include $(patsubst %.o,%.d,$(CORE_O) $(IO_O) $(HTTPD_O) $(MAIN_O) \
    $(EXPLAIN_O) \
    $B/io/digest_evp.o)
-include $(addsuffix .d,$(UNIT) $(STRESS) $(FUZZ) $(BENCHES))

# --- installation ------------------------------------------------------------

# What apxs -i -a does, but able to stage: -e -a only edits the configuration.
define install-module
	install -d $(DESTDIR)$(shell $(APXS) -q LIBEXECDIR) \
	    $(DESTDIR)$(shell $(APXS) -q INCLUDEDIR)
	install -m 644 .out/module/mod_smart.so $(DESTDIR)$(shell $(APXS) -q LIBEXECDIR)/
	install -m 644 $(wildcard include/*.h) $(DESTDIR)$(shell $(APXS) -q INCLUDEDIR)/
	$(if $(DESTDIR),,$(APXS) -e -a -n smart mod_smart.so)
endef
