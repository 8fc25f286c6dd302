# Tests are tests/<folder>/<property>: .c (cmocka, linked with the program's objects), .test.mjs (node's own
# runner) or .test.py / .test.sh (exit 0 passed, 77 skipped).  tests/run runs them beside each other and counts.

TEST_SRC := $(filter-out tests/bench/%,$(wildcard tests/*/*.c))
TEST_BIN := $(TEST_SRC:%.c=$(B)/%)
TEST_SCRIPTS := $(wildcard tests/*/*.test.mjs tests/*/*.test.py tests/*/*.test.sh)

$(B)/tests/%: tests/%.c $(LIB) Makefile tests/build.mk | deps-test
	$(Q)mkdir -p $(@D)
	$(Q)echo "  TEST  $<"
	$(Q)$(CC) $(CFLAGS_ALL) $(call iquote,$(FOLDERS) tests) -MMD -MP -MF $@.d $< $(LIB) \
		$(LDFLAGS_$(MODE)) $(LDFLAGS) -lcmocka $(LIBS) -o $@

.PHONY: test tests
tests: deps-test
	$(Q)$(MAKE) --no-print-directory -j$(shell nproc) all $(TEST_BIN) $(TEST_TOOLS)

# make test T=ingest runs the tests whose path holds "ingest".
test: tests $(TEST_NPM)
	$(Q)tests/run $(B) $(T)

.PHONY: test-all
test-all:
	$(MAKE) test MODE=release
	$(MAKE) test MODE=asan
	$(MAKE) test MODE=tsan

# make fuzz F=timeline runs a target of tests/fuzz/ under clang's libFuzzer; make test only replays its corpus.
FUZZ_SECONDS ?= 60
FUZZ_FLAGS := -O1 -g -DFUZZER -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
.PHONY: fuzz
fuzz: $(B)/viewer/assets.o
	$(Q)mkdir -p build/fuzz/$(F)/corpus
	$(Q)clang -std=c11 -D_GNU_SOURCE -DGILSCOPE_VERSION='"$(VERSION)"' $(FUZZ_FLAGS) -pthread \
		$(call iquote,$(FOLDERS) tests) $(shell pkg-config --cflags $(PKGS)) tests/fuzz/$(F).c $(SRC) $< \
		$(LIBS) -o build/fuzz/$(F)/fuzz
	build/fuzz/$(F)/fuzz -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=build/fuzz/$(F)/ \
		build/fuzz/$(F)/corpus tests/fuzz/corpus/$(F)

include tests/bench/build.mk
