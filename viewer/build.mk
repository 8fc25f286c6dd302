# The page: npm's packages, the bundle, and the object that carries it.  The bundle is the same for every MODE.

VIEWER_OUT := $(or $(VIEWER_OUT),build/viewer)
VIEWER_SRC := $(filter-out viewer/build.mjs,$(wildcard viewer/*.js viewer/*.mjs viewer/*.css viewer/*.html))
TEST_NPM := build/.npm

# Several makes may come here at once: the lock lets one of them fetch.
build/.npm: viewer/package.json viewer/package-lock.json viewer/.npmrc | deps
	$(Q)mkdir -p build
	$(Q)echo "  NPM   viewer"
	$(Q)flock build/.npm.lock sh -c 'test $@ -nt viewer/package-lock.json -a -d viewer/node_modules || \
		(cd viewer && npm ci --no-audit --no-fund --loglevel=error) && touch $@'

$(VIEWER_OUT)/assets.c: viewer/build.mjs $(VIEWER_SRC) build/.npm
	$(Q)node viewer/build.mjs $(VIEWER_OUT)

$(B)/viewer/assets.o: $(VIEWER_OUT)/assets.c render/assets.h Makefile
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(call iquote,render) -c $< -o $@

.PHONY: viewer
viewer: $(VIEWER_OUT)/assets.c

# The pictures in README.md, taken anew from the page.
.PHONY: pictures
pictures: $(TEST_NPM) | deps-test
	$(Q)$(MAKE) --no-print-directory all gilgen
	$(Q)GILSCOPE=$(CURDIR)/$(B)/gilscope GILSCOPE_BUILD=$(CURDIR)/$(B) node tests/viewer/pictures.mjs docs/pictures
