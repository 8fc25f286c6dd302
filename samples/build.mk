# samples/gilgen makes logs of any size, and the truth about them, for the tests and the benchmarks.

GILGEN := $(B)/gilgen
TEST_TOOLS += $(GILGEN)

$(B)/samples/%.o: samples/%.c Makefile samples/build.mk | deps
	$(Q)mkdir -p $(@D)
	$(Q)echo "  CC    $<"
	$(Q)$(CC) $(CFLAGS_ALL) -iquote base -iquote record -MMD -MP -c $< -o $@

$(GILGEN): $(patsubst %.c,$(B)/%.o,$(wildcard samples/gilgen*.c base/*.c record/gillog*.c))
	$(Q)echo "  LINK  $@"
	$(Q)$(CC) $(LDFLAGS_$(MODE)) $(LDFLAGS) $^ $(LIBS) -o $@

.PHONY: gilgen
gilgen: $(GILGEN)

# make demo: from real logs to a page to open.
.PHONY: demo
demo: all
	$(Q)samples/demo.sh $(BIN) build/demo
