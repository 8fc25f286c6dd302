# gilscope: see what Python's GIL does
#
#   make demo            install what is missing, build, and make a page from a real log
#   make test            install what is missing, build, and run every test (also the browser's)
#   make                 build build/release/gilscope
#   make deps            install what the build and the tests need (Debian; elsewhere: prints the names)
#   make figures         draw the gallery of docs/figure.md
#   make bench           measure every speed claim beside its yardstick (bench-quick: on a tenth)
#   make install PREFIX=/usr/local
#   make clean
#
# MODE=release|asan|tsan chooses the build; each has its own folder below build/.  V=1 shows the commands.

MODE ?= release
PREFIX ?= /usr/local
B := build/$(MODE)
CC ?= gcc
Q := $(if $(V),,@)
VERSION := 0.1.0

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PKGS := libzstd liblzma libpng zlib libisal libxxhash libmicrohttpd cairo pangocairo
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wundef -Wvla
CFLAGS_release := -O2 -g
CFLAGS_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_tsan := -O1 -g -fsanitize=thread
LDFLAGS_asan := -fsanitize=address,undefined
LDFLAGS_tsan := -fsanitize=thread
CFLAGS_ALL = -std=c11 -D_GNU_SOURCE -DGILSCOPE_VERSION='"$(VERSION)"' $(WARN) $(CFLAGS_$(MODE)) \
	-pthread -fPIC $(shell pkg-config --cflags $(PKGS) 2>/dev/null) $(CFLAGS)
LIBS = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -ldl -lm -pthread

# The arrows between the folders (docs/design.md): a folder sees only what stands in its row.
SEES_base := base
SEES_record := record base
SEES_timeline := timeline base
SEES_ingest := ingest base record timeline
SEES_tiles := tiles base
SEES_render := render base timeline tiles
SEES_server := tiles base timeline render
FOLDERS := base record timeline ingest tiles render
iquote = $(addprefix -iquote ,$(1))

# --- what is installed ------------------------------------------------------------------------------

include deps.mk

# --- the program ------------------------------------------------------------------------------------

# record/preload*.c is the library that lives inside a Python; the rest is the program.
PRELOAD_SRC := $(wildcard record/preload*.c)
SRC := $(foreach d,$(FOLDERS),$(filter-out $(PRELOAD_SRC),$(wildcard $(d)/*.c)))
OBJ := $(SRC:%.c=$(B)/%.o)
LIB := $(B)/libgilscope.a
BIN := $(B)/gilscope
PRELOAD := $(if $(PRELOAD_SRC),$(B)/libgilscope-record.so)

.PHONY: all
all: $(BIN) $(PRELOAD)

# tiles/cmd_*.c and tiles/serve*.c are the server, which alone in tiles/ sees render and timeline.
sees = $(if $(filter tiles/cmd_% tiles/serve%,$(1)),$(SEES_server),$(SEES_$(firstword $(subst /, ,$(1)))))

$(B)/%.o: %.c Makefile | deps
	$(Q)mkdir -p $(@D)
	$(Q)echo "  CC    $<"
	$(Q)$(CC) $(CFLAGS_ALL) $(call iquote,$(call sees,$<)) -MMD -MP -c $< -o $@

$(B)/gilscope.o: gilscope.c Makefile | deps
	$(Q)mkdir -p $(@D)
	$(Q)echo "  CC    $<"
	$(Q)$(CC) $(CFLAGS_ALL) -iquote base -MMD -MP -c $< -o $@

$(LIB): $(OBJ) $(B)/viewer/assets.o
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BIN): $(B)/gilscope.o $(LIB)
	$(Q)echo "  LINK  $@"
	$(Q)$(CC) $(LDFLAGS_$(MODE)) $(LDFLAGS) $^ $(LIBS) -o $@

-include $(wildcard $(B)/*.d $(B)/*/*.d $(B)/*/*/*.d)

include record/build.mk
include viewer/build.mk
include tests/build.mk
include samples/build.mk
include docs/build.mk

# --- the rest ---------------------------------------------------------------------------------------

.PHONY: install clean help
install: all
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(BIN) $(DESTDIR)$(PREFIX)/bin/gilscope
	$(if $(PRELOAD),install -d $(DESTDIR)$(PREFIX)/lib/gilscope)
	$(if $(PRELOAD),install -m 755 $(PRELOAD) $(DESTDIR)$(PREFIX)/lib/gilscope/)

clean:
	rm -rf build

help:
	@sed -n '/^#/!q;s/^# \{0,1\}//p' Makefile
