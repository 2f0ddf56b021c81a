# Part of the Makefile: the milter client, what measures with it, and the tests
# of the daemon that speak to it as an MTA would.

MILTER_TESTS = $(BUILD)/tests/milter

milter_objects = $(patsubst %,$(MILTER_TESTS)/%.o,$(1))
MILTER_CLIENT := $(call milter_objects,bytes milter_message milter_changes \
    milter_wire milter_client milter_transact)

$(MILTER_TESTS)/%.o: tests/milter/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call SAY,CC,$@)
	$(Q)$(COMPILE) -Itests/milter -MMD -MP -c -o $@ $<

$(MILTER_TESTS)/milter_load: $(call milter_objects,milter_load) \
    $(MILTER_CLIENT)
	$(call SAY,LINK,$@)
	$(Q)$(LINK) -o $@ $^ -lpthread $(LIBS)

$(MILTER_TESTS)/null_accept $(MILTER_TESTS)/null_replace: \
    $(MILTER_TESTS)/%: $(MILTER_TESTS)/%.o
	$(call SAY,LINK,$@)
	$(Q)$(LINK) -o $@ $^ -lmilter -lpthread $(LIBS)

# The tests of the daemon.
$(MILTER_TESTS)/test_milter: $(call milter_objects,test_milter daemon mails \
    delivery prometheus negotiation session annotation limits crowd operation) \
    $(MILTER_CLIENT)
	$(call SAY,LINK,$@)
	$(Q)$(LINK) -o $@ $^ -lcmocka -lpthread $(LIBS)

# ThreadSanitizer: 64 connections while the settings are read again and again;
# prints TAP. All tests under it: make SANITIZE=thread check-milter.
THREADS = $(MAKE) --no-print-directory SANITIZE=thread BUILD=$(BUILD)/thread

check-threads: threads-programs
	@$(BUILD)/thread/tests/milter/test_milter -t 'reload: good*' \
	    $(BUILD)/thread/whybounced

threads-programs:
	@$(THREADS) all $(BUILD)/thread/tests/milter/test_milter

# AddressSanitizer with its search for leaks, and UndefinedBehaviorSanitizer:
# the unit tests, and all tests of the daemon with an instrumented one.
SANITIZED = $(BUILD)/address-undefined

check-sanitized: sanitized-programs
	@tests/run $(CHECKS_SANITIZED)

sanitized-programs:
	@$(MAKE) --no-print-directory SANITIZE=address,undefined \
	    BUILD=$(SANITIZED) check-sanitized-programs

check-sanitized-programs: all $(MILTER_TESTS)/test_milter $(UNIT)

PROGRAMS_MILTER = $(addprefix $(MILTER_TESTS)/,test_milter milter_load \
    null_accept null_replace)
PROGRAMS_THREADS = threads-programs
PROGRAMS_SANITIZED = sanitized-programs
CHECKS_MILTER = '$(MILTER_TESTS)/test_milter $(BUILD)/whybounced'
CHECKS_THREADS = '$(MAKE) --no-print-directory check-threads'
CHECKS_SANITIZED = \
	'$(SANITIZED)/tests/milter/test_milter $(SANITIZED)/whybounced' \
	$(UNIT:$(BUILD)/%='CMOCKA_MESSAGE_OUTPUT=TAP $(SANITIZED)/%')

check-milter: all $(MILTER_TESTS)/test_milter
	@tests/run '$(MILTER_TESTS)/test_milter $(BUILD)/whybounced'

.PHONY: check-milter check-sanitized check-sanitized-programs check-threads \
    sanitized-programs threads-programs
