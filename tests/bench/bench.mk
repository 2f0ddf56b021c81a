# Part of the Makefile: what the programs cost.

BENCH = $(BUILD)/tests/bench

$(BENCH)/bench_rules: tests/bench/bench_rules.c $(DEFAULTS) $(LIBRARY)
	@mkdir -p $(@D)
	$(call SAY,CC,$@)
	$(Q)$(COMPILE) $(LDHARDENING) -o $@ $^ $(CORE_LIBS) $(LIBS)

# MAILS=folder takes the bounces from elsewhere; BENCH_MAILS=100000 is the
# length of the memory test.
MAILS = tests/corpus
bench: packages-bench
	@$(MAKE) --no-print-directory all $(BENCH)/bench_rules \
	    $(PROGRAMS_MILTER)
	@$(PYTHON) tests/bench/bench.py $(BUILD) $(MAILS)

.PHONY: bench
