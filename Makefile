# whybounced: build, test and install. Works as it is; ./configure (made from
# configure.ac by autoconf) only fills src/config.mk. See contrib/HACKING.md.
#
#   make               both programs, in build/
#   make check         every test; as root it installs what is missing
#   make soak          bounces while the daemon is killed, stopped, starved
#   make demo          bounces from a private Postfix, explained; as root
#   make install       DESTDIR=, PREFIX=
#   make DEVELOPER=1   all warnings, as errors
#   make SANITIZE=address,undefined    instrumented, in a folder of its own

.SUFFIXES:
.DELETE_ON_ERROR:
SHELL = /bin/sh

PREFIX = /usr/local
BINDIR = $(PREFIX)/bin
SBINDIR = $(PREFIX)/sbin
MANDIR = $(PREFIX)/share/man
DATADIR = $(PREFIX)/share/whybounced
SYSCONFDIR = /etc

CC = cc
CFLAGS = -O2 -g
MSGFMT = msgfmt
PYTHON = python3
BUILD = build
VERSION := $(shell sed -n 's/.*VERSION "\(.*\)"/\1/p' src/app/version.h)

-include src/config.mk
-include config.mk

STANDARD = -std=c11 -D_POSIX_C_SOURCE=200809L -Isrc -I$(BUILD)
WARNINGS = -Wall -Wextra
ifdef DEVELOPER
WARNINGS += -Werror -pedantic -Wdeclaration-after-statement -Wvla \
	-Wmissing-prototypes -Wstrict-prototypes -Wwrite-strings -Wshadow \
	-Wcast-qual -Wpointer-arith -Wundef -Wformat=2
endif
HARDENING = -fstack-protector-strong -fPIE -D_FORTIFY_SOURCE=2
LDHARDENING = -pie -Wl,-z,relro,-z,now
comma := ,
ifdef SANITIZE
BUILD := build/$(subst $(comma),-,$(SANITIZE))
HARDENING = -fsanitize=$(SANITIZE) -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
LDHARDENING = -fsanitize=$(SANITIZE)
endif
DEFINES = -DSETTINGS_PATH='"$(SYSCONFDIR)/whybounced/whybounced.conf"'
COMPILE = $(CC) $(STANDARD) $(WARNINGS) $(HARDENING) $(DEFINES) $(CPPFLAGS) \
	$(CFLAGS)
LINK = $(CC) $(CFLAGS) $(LDHARDENING) $(LDFLAGS)

CORE_LIBS = -lpcre2-8 -lunistring
APP_LIBS = -lconfuse $(CORE_LIBS) -lpthread
DAEMON_LIBS = -lmilter $(APP_LIBS)
CLI_LIBS = -lyajl $(APP_LIBS)

CORE_FOLDERS = base mail bounce cause explain edit
CORE := $(filter-out src/bounce/mkwords.c,\
    $(foreach f,$(CORE_FOLDERS),$(wildcard src/$(f)/*.c)))
APP := $(filter-out src/app/mkdefaults.c,$(wildcard src/app/*.c))
DAEMON := $(wildcard src/daemon/*.c)
CLI := $(wildcard src/cli/*.c)

# The languages, the reference first.
LANGUAGES := en $(filter-out en,$(basename $(notdir $(wildcard conf/lang/*.po))))
RULES := $(wildcard conf/rules/*.conf)

objects = $(patsubst src/%.c,$(BUILD)/%.o,$(1))
LIBRARY = $(BUILD)/libwhybounce.a
DEFAULTS = $(BUILD)/defaults.o
WORD_TABLES = $(BUILD)/word_tables.o

# V=1 shows the commands.
ifndef V
Q = @
SAY = @printf '  %-5s %s\n' $(1) $(2)
endif

all: $(BUILD)/whybounced $(BUILD)/whybounce

$(BUILD)/whybounced: $(call objects,$(DAEMON) $(APP)) $(DEFAULTS) $(LIBRARY)
	$(call SAY,LINK,$@)
	$(Q)$(LINK) -o $@ $^ $(DAEMON_LIBS) $(LIBS)

$(BUILD)/whybounce: $(call objects,$(CLI) $(APP)) $(DEFAULTS) $(LIBRARY)
	$(call SAY,LINK,$@)
	$(Q)$(LINK) -o $@ $^ $(CLI_LIBS) $(LIBS)

$(LIBRARY): $(call objects,$(CORE)) $(WORD_TABLES)
	$(call SAY,AR,$@)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

# Flags are a file that changes when they do, so that objects follow.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(COMPILE))' | cmp -s - $@ || \
	    echo '$(subst ','\'',$(COMPILE))' > $@

$(BUILD)/%.o: src/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call SAY,CC,$@)
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

# What the words of bounces are looked up in.
$(BUILD)/mkwords: $(call objects,$(addprefix src/,bounce/mkwords.c \
    bounce/words.c))
	$(call SAY,LINK,$@)
	$(Q)$(LINK) -o $@ $^ $(LIBS)

# The built-in defaults: conf/ as C tables.
$(BUILD)/mkdefaults: $(call objects,src/app/mkdefaults.c src/app/book.c \
    src/app/conf.c) $(LIBRARY)
	$(call SAY,LINK,$@)
	$(Q)$(LINK) -o $@ $^ $(APP_LIBS) $(LIBS)

$(BUILD)/lang/%.mo: conf/lang/%.po
	@mkdir -p $(@D)
	$(Q)$(MSGFMT) -c -o $@ $<

$(BUILD)/defaults.c: $(BUILD)/mkdefaults conf/causes.conf $(RULES) \
    conf/rules conf/domains $(LANGUAGES:%=$(BUILD)/lang/%.mo)
	$(call SAY,MAKE,$@)
	$(Q)$(BUILD)/mkdefaults conf/causes.conf conf/rules conf/domains \
	    $(foreach l,$(LANGUAGES),$(l)=$(BUILD)/lang/$(l).mo) > $@

$(BUILD)/word_tables.c: $(BUILD)/mkwords
	$(call SAY,MAKE,$@)
	$(Q)$(BUILD)/mkwords > $@

$(DEFAULTS) $(WORD_TABLES): %.o: %.c $(BUILD)/flags
	$(call SAY,CC,$@)
	$(Q)$(COMPILE) -c -o $@ $<

# Unit tests, one for each source file that has one.
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,\
    $(wildcard tests/unit/test_*.c))

$(BUILD)/tests/unit/%.o: tests/unit/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call SAY,CC,$@)
	$(Q)$(COMPILE) -Itests/unit -MMD -MP -c -o $@ $<

$(BUILD)/tests/unit/test_%: $(BUILD)/tests/unit/test_%.o $(DEFAULTS) $(LIBRARY)
	$(call SAY,LINK,$@)
	$(Q)$(LINK) -o $@ $^ $(CORE_LIBS) -lcmocka $(LIBS)

# Fragments of the tests; each names its programs and how they are built.
-include $(wildcard tests/milter/milter.mk tests/fuzz/fuzz.mk \
    tests/edit/edit.mk tests/memory/memory.mk tests/bench/bench.mk contrib/dist.mk \
    contrib/debian/debian.mk)

# Every test. As root it installs what is missing; the end-to-end tests start
# mail servers of their own and need root for that.
CHECKS = \
	'tests/layers.sh $(BUILD) $(COMPILE)' \
	$(UNIT:%='CMOCKA_MESSAGE_OUTPUT=TAP %') \
	'$(PYTHON) tests/lang/test_lang.py $(BUILD)/whybounce' \
	'$(PYTHON) tests/cli/test_cli.py $(BUILD)/whybounce' \
	'$(PYTHON) tests/cli/test_defaults.py $(BUILD)' \
	'$(PYTHON) tests/cli/test_install.py $(MAKE)' \
	'$(PYTHON) tests/cli/test_units.py $(MAKE) $(BUILD)/whybounced' \
	'$(PYTHON) tests/cli/test_grafana.py' \
	'$(PYTHON) tests/cli/test_man.py $(BUILD)/whybounce' \
	'$(PYTHON) tests/html/test_html.py $(BUILD)/whybounce' \
	$(CHECKS_EDIT) $(CHECKS_MILTER) $(CHECKS_THREADS) \
	$(CHECKS_SANITIZED) \
	$(CHECKS_MEMORY) $(CHECKS_FUZZ) \
	'$(PYTHON) tests/mta/test_mta.py $(BUILD)/whybounced' \
	'$(PYTHON) tests/mta/test_doctor.py $(BUILD)/whybounce' \
	'$(PYTHON) tests/mta/test_dkim.py $(BUILD)/whybounced' \
	'SOAK_MAILS=200 $(PYTHON) tests/mta/soak.py $(BUILD)/whybounced' \
	'$(PYTHON) tests/mta/test_haproxy.py $(BUILD)/whybounced' \
	'$(PYTHON) tests/mta/test_sendmail.py $(BUILD)' \
	'$(PYTHON) tests/mta/test_filters.py $(BUILD)' \
	'$(PYTHON) tests/cli/test_readme.py $(MAKE)'

check: packages-check
	@$(MAKE) --no-print-directory check-programs
	@tests/run $(CHECKS)

check-programs: all $(UNIT) $(PROGRAMS_EDIT) $(PROGRAMS_MILTER) \
    $(PROGRAMS_THREADS) $(PROGRAMS_SANITIZED) $(PROGRAMS_MEMORY) \
    $(PROGRAMS_FUZZ)

check-unit: all $(UNIT)
	@tests/run $(UNIT:%='CMOCKA_MESSAGE_OUTPUT=TAP %')

check-layers: $(LIBRARY)
	@tests/run 'tests/layers.sh $(BUILD) $(COMPILE)'

packages-%:
	@contrib/install-packages $*

# The packages: built, installed into a clean Debian, used, removed; as root.
check-package: packages-package
	@tests/run '$(PYTHON) tests/package/test_deb.py $(MAKE)' \
	    '$(PYTHON) tests/package/test_rpm.py $(MAKE)'

# Thousands of bounces while the daemon is broken in every way; as root.
soak: packages-check
	@$(MAKE) --no-print-directory all
	$(PYTHON) tests/mta/soak.py $(BUILD)/whybounced
	$(PYTHON) tests/mta/soak.py -a tempfail $(BUILD)/whybounced

# Bounces from a private Postfix, explained; as root.
demo: packages-check
	@$(MAKE) --no-print-directory all
	@$(PYTHON) tests/mta/demo.py $(BUILD)/whybounced

INSTALL = install
# What other programs include to call `whybounce filter`.
RECIPES = exim/whybounce.conf procmail/whybounce.rc \
	maildrop/whybounce.mailfilter opensmtpd/whybounce.conf \
	sieve/whybounce.sieve sieve/95-whybounce.conf sendmail/whybounced.mc

install: all
	$(INSTALL) -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(SBINDIR) \
	    $(DESTDIR)$(SYSCONFDIR)/whybounced
	$(INSTALL) -m 755 $(BUILD)/whybounce $(DESTDIR)$(BINDIR)
	$(INSTALL) -m 755 $(BUILD)/whybounced $(DESTDIR)$(SBINDIR)
	test -e $(DESTDIR)$(SYSCONFDIR)/whybounced/whybounced.conf || \
	    $(INSTALL) -m 644 conf/whybounced.conf \
	    $(DESTDIR)$(SYSCONFDIR)/whybounced
	for page in $(wildcard src/man/*.[158]); do \
	    section=$${page##*.}; \
	    $(INSTALL) -d $(DESTDIR)$(MANDIR)/man$$section && \
	    $(INSTALL) -m 644 $$page $(DESTDIR)$(MANDIR)/man$$section || \
	    exit 1; done
	for recipe in $(RECIPES); do \
	    folder=$(DESTDIR)$(DATADIR)/$${recipe%/*}; \
	    sed 's,/usr/local/share/whybounced,$(DATADIR),g' \
	    contrib/$$recipe > $(BUILD)/recipe && \
	    $(INSTALL) -d $$folder && $(INSTALL) -m 644 $(BUILD)/recipe \
	    $$folder/$${recipe##*/} || exit 1; done
	$(INSTALL) -m 755 contrib/exim/whybounce-guard $(DESTDIR)$(DATADIR)

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/whybounce $(DESTDIR)$(SBINDIR)/whybounced
	rm -rf $(DESTDIR)$(DATADIR)
	rm -f $(foreach p,$(notdir $(wildcard src/man/*.[158])),$(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(p)))/$(p))

clean:
	rm -rf build

FORCE:

.PHONY: all check check-programs check-unit check-layers check-package clean \
    demo install soak uninstall FORCE

-include $(wildcard $(BUILD)/*/*.d $(BUILD)/tests/*/*.d)
