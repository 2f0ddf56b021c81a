# Part of the Makefile: annotated mails as other programs read them (GMime,
# Perl's Sisimai, Python's flufl.bounce).

EDIT_TESTS = $(BUILD)/tests/edit
GMIME_CFLAGS = $(shell pkg-config --cflags gmime-3.0)
GMIME_LIBS = $(shell pkg-config --libs gmime-3.0)

# GMime's headers are not written for all of our warnings.
$(EDIT_TESTS)/test_oracle: tests/edit/test_oracle.c $(DEFAULTS) $(LIBRARY)
	@mkdir -p $(@D)
	$(call SAY,CC,$@)
	$(Q)$(COMPILE) $(GMIME_CFLAGS:-I%=-isystem %) $(LDHARDENING) \
	    $(LDFLAGS) -o $@ $< $(DEFAULTS) $(LIBRARY) $(CORE_LIBS) \
	    $(GMIME_LIBS) $(LIBS)

PROGRAMS_EDIT = $(EDIT_TESTS)/test_oracle
CHECKS_EDIT = '$(EDIT_TESTS)/test_oracle' \
	'$(PYTHON) tests/edit/test_parsers.py $(BUILD)/whybounce'

check-edit: all $(PROGRAMS_EDIT)
	@tests/run $(CHECKS_EDIT)

.PHONY: check-edit
