# The library that lives inside a recorded Python.  It is part of somebody else's process: no sanitizer, no
# dependency but libc, and whatever the build mode, what is measured is -O2.

PRELOAD_FLAGS := -std=c11 -D_GNU_SOURCE $(WARN) -O2 -g -fPIC -fvisibility=hidden -fno-plt -pthread
PRELOAD_OBJ := $(PRELOAD_SRC:record/%.c=$(B)/preload/%.o)

$(B)/preload/%.o: record/%.c Makefile record/build.mk | deps
	$(Q)mkdir -p $(@D)
	$(Q)echo "  CC    $< (preload)"
	$(Q)$(CC) $(PRELOAD_FLAGS) -iquote record -MMD -MP -c $< -o $@

$(B)/libgilscope-record.so: $(PRELOAD_OBJ)
	$(Q)echo "  LINK  $@"
	$(Q)$(CC) -shared -Wl,-z,now $(PRELOAD_OBJ) -ldl -pthread -o $@

# What the recorder's tests use: gilprint prints and checks a log; parker parks as a free-threaded Python does; gils makes
# GILs and ends them.
RECORDED_TOOLS := $(B)/tests/record/tools/parker $(B)/tests/record/tools/gils
TEST_TOOLS += $(B)/tests/record/tools/gilprint $(RECORDED_TOOLS)

# The preload library is loaded into these: no sanitizer.
$(RECORDED_TOOLS): $(B)/tests/record/tools/%: tests/record/tools/%.c tests/record/tools/gil.h record/build.mk | deps-test
	$(Q)mkdir -p $(@D)
	$(Q)echo "  TEST  $<"
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE $(WARN) -O2 -g -rdynamic -pthread $< -o $@

# What recording costs, beside the plain program and perf's uprobes.  QUICK=1: fewer runs.
.PHONY: bench-record
bench-record: tests
	$(Q)python3 tests/bench/record.py --build $(B) $(if $(QUICK),--quick)
