# make bench measures every speed claim beside its yardstick; bench-quick does it on a tenth.  The programs here are
# linked with ours, the rivals' scripts are run only by tests/bench/run.py.

BENCH_BIN := $(patsubst %.c,$(B)/%,$(wildcard tests/bench/*.c))

build/.deps-bench: deps.mk
	$(call install_missing,$(DEPS_BENCH))

.PHONY: bench-tools bench bench-quick
bench-tools: build/.deps-bench deps-test
	$(Q)$(MAKE) --no-print-directory -j$(shell nproc) all $(GILGEN) $(BENCH_BIN)

# make bench T=render measures the rows of that name.
bench: bench-tools
	$(Q)python3 tests/bench/run.py --build $(B) --only "$(T)" --json build/bench/full.json

bench-quick: bench-tools
	$(Q)python3 tests/bench/run.py --build $(B) --only "$(T)" --json build/bench/quick.json --quick

# The truth of ten million events of every format, and the naive oracle's: minutes, and 8 GB of memory.
.PHONY: soak
soak: bench-tools
	$(Q)GILSCOPE_BUILD=$(CURDIR)/$(B) python3 tests/bench/soak.py
