# Fuzz targets: tests/fuzz/fuzz_NAME.c with seeds in tests/fuzz/seeds/NAME and
# perhaps words in tests/fuzz/NAME.dict. The Makefile includes this file.
#
#   make fuzz TIME=600            each target for so many seconds (60)
#   make fuzz FUZZ="message prose"     only these
#   make check-fuzz               builds all, runs each a little, prints TAP
#
# What `make fuzz` learns is kept in $(BUILD)/fuzz/corpus/NAME; an input that
# breaks a target in $(BUILD)/fuzz/found/NAME-*.

FUZZ_CC = clang
FUZZ_CFLAGS = -O2 -g -fno-omit-frame-pointer
# Without the tracing of comparisons, which took more than half of the time:
# in the same time more inputs are tried, and more of the code is reached.
FUZZ_COVERAGE = -fsanitize=fuzzer-no-link -fno-sanitize-coverage=trace-cmp
FUZZ_SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all
# char has no sign on ARM and POWER; the other tests run with this machine's.
FUZZ_COMPILE = $(FUZZ_CC) $(STANDARD) -Itests/fuzz $(WARNINGS) $(DEFINES) \
	-funsigned-char $(FUZZ_SANITIZE) $(CPPFLAGS) $(FUZZ_CFLAGS)
TIME = 60

# Longest inputs: longer ones find no more, and cost time.
FUZZ_LENGTH = 2048
FUZZ_LENGTH_annotate = 4096
FUZZ_LENGTH_codec = 200
FUZZ_LENGTH_header = 400
FUZZ_LENGTH_reply = 300
FUZZ_LENGTH_status = 800
# A run that takes so many seconds is a hang, one with so many MB a leak; what
# AddressSanitizer keeps of freed memory must not look like one.
FUZZ_LIMITS = -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256
FUZZ_ASAN = ASAN_OPTIONS=quarantine_size_mb=32

FUZZ = $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard \
    tests/fuzz/fuzz_*.c)))
FUZZ_BUILD = $(BUILD)/fuzz
FUZZ_TARGETS = $(FUZZ:%=$(FUZZ_BUILD)/fuzz_%)
FUZZ_OBJECTS = $(patsubst src/%.c,$(FUZZ_BUILD)/%.o,$(CORE) $(APP))
FUZZ_LIBRARY = $(FUZZ_BUILD)/libfuzzed.a

# Targets that take a whole mail as it is: the test mails are seeds as well.
FUZZ_MAILS = message header prose annotate

# What one target is run with: words, limits, and the length of its inputs.
fuzz_options = $(patsubst %,-dict=%,$(wildcard tests/fuzz/$(1).dict)) \
	$(FUZZ_LIMITS) -artifact_prefix=$(FUZZ_BUILD)/found/$(1)-
fuzz_seeds = tests/fuzz/seeds/$(1) \
	$(if $(filter $(1),$(FUZZ_MAILS)),tests/corpus)

# Runs in one check: a few seconds each.
FUZZ_RUNS = 2000

$(FUZZ_BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(FUZZ_COMPILE))' | cmp -s - $@ || \
	    echo '$(subst ','\'',$(FUZZ_COMPILE))' > $@

$(FUZZ_BUILD)/%.o: src/%.c $(FUZZ_BUILD)/flags
	@mkdir -p $(@D)
	$(call SAY,FUZZ,$@)
	$(Q)$(FUZZ_COMPILE) $(FUZZ_COVERAGE) -MMD -MP -c -o $@ $<

$(FUZZ_BUILD)/fuzz_%.o: tests/fuzz/fuzz_%.c $(FUZZ_BUILD)/flags
	@mkdir -p $(@D)
	$(call SAY,FUZZ,$@)
	$(Q)$(FUZZ_COMPILE) $(FUZZ_COVERAGE) -MMD -MP -c -o $@ $<

$(FUZZ_LIBRARY): $(FUZZ_OBJECTS)
	$(call SAY,AR,$@)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(FUZZ_TARGETS): $(FUZZ_BUILD)/fuzz_%: $(FUZZ_BUILD)/fuzz_%.o \
    $(WORD_TABLES) $(FUZZ_LIBRARY) $(DEFAULTS)
	$(call SAY,LINK,$@)
	$(Q)$(FUZZ_CC) $(FUZZ_SANITIZE) -fsanitize=fuzzer $(FUZZ_CFLAGS) \
	    -o $@ $^ $(APP_LIBS) $(LIBS)

# One after the other: each wants a core for itself. A target that breaks does
# not keep the others from their turn.
define fuzz_longer
mkdir -p $(FUZZ_BUILD)/corpus/$(1); \
echo "fuzz_$(1): $(TIME) seconds"; \
$(FUZZ_ASAN) $(FUZZ_BUILD)/fuzz_$(1) $(call fuzz_options,$(1)) \
    -max_len=$(or $(FUZZ_LENGTH_$(1)),$(FUZZ_LENGTH)) \
    -report_slow_units=1 -max_total_time=$(TIME) -print_final_stats=1 \
    -verbosity=0 \
    $(FUZZ_BUILD)/corpus/$(1) $(call fuzz_seeds,$(1)) || failed=1;
endef

fuzz: $(FUZZ_TARGETS)
	@mkdir -p $(FUZZ_BUILD)/found
	@failed=0; $(foreach t,$(FUZZ),$(call fuzz_longer,$(t))) exit $$failed

# The seeds, whole, among them whatever broke a target once, and a few runs
# from there, always the same ones.
define fuzz_shortly
number=$$((number + 1)); log=$(FUZZ_BUILD)/$(1).log; \
mkdir -p $(FUZZ_BUILD)/check/$(1); \
if $(FUZZ_ASAN) $(FUZZ_BUILD)/fuzz_$(1) $(call fuzz_options,$(1)) \
    -runs=$(FUZZ_RUNS) -seed=1 -max_len=8192 $(FUZZ_BUILD)/check/$(1) \
    $(call fuzz_seeds,$(1)) > $$log 2>&1; then \
	echo "ok $$number - fuzz_$(1): $$(sed -n \
	    's/^Done \([0-9]*\) runs.*/\1/p' $$log) runs"; \
else \
	echo "not ok $$number - fuzz_$(1)"; \
	tail -n 40 $$log | sed 's/^/# /'; \
	failed=1; \
fi;
endef

check-fuzz: $(FUZZ_TARGETS)
	@rm -rf $(FUZZ_BUILD)/check
	@mkdir -p $(FUZZ_BUILD)/found
	@echo "1..$(words $(FUZZ))"; failed=0; number=0; \
	$(foreach t,$(FUZZ),$(call fuzz_shortly,$(t))) exit $$failed

PROGRAMS_FUZZ = $(FUZZ_TARGETS)
CHECKS_FUZZ = '$(MAKE) --no-print-directory check-fuzz'

.PHONY: fuzz check-fuzz

-include $(wildcard $(FUZZ_BUILD)/*.d $(FUZZ_BUILD)/*/*.d)
