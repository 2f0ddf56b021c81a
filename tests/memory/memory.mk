# Part of the Makefile: memory that runs out at every single allocation, and
# valgrind.

MEMORY_TESTS = $(BUILD)/tests/memory

# Preloaded, so never instrumented.
$(MEMORY_TESTS)/failmalloc.so: tests/memory/failmalloc.c
	@mkdir -p $(@D)
	$(call SAY,CC,$@)
	$(Q)$(CC) $(STANDARD) $(WARNINGS) -O2 -g -fno-builtin -fPIC -shared \
	    -o $@ $<

PROGRAMS_MEMORY = $(MEMORY_TESTS)/failmalloc.so \
	$(BUILD)/tests/milter/milter_load
CHECKS_MEMORY = '$(PYTHON) tests/memory/test_memory.py $(BUILD)/whybounce \
	$(BUILD)/whybounced $(MEMORY_TESTS)/failmalloc.so'

check-memory: all $(PROGRAMS_MEMORY)
	@tests/run $(CHECKS_MEMORY)

.PHONY: check-memory
