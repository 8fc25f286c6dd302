# deps.mk - what the build and the tests need, and how it comes onto a Debian machine
#
# The first group builds the program, the second runs the tests, the third is what make bench compares
# with.  A stamp remembers that all were there.

DEPS_BUILD := gcc libc6-dev pkg-config libzstd-dev liblzma-dev libpng-dev zlib1g-dev libisal-dev \
	libxxhash-dev libmicrohttpd-dev libcairo2-dev libpango1.0-dev nodejs npm
DEPS_TEST := libcmocka-dev pngcheck python3 protobuf-compiler zstd xz-utils gzip chromium firefox-esr fonts-dejavu-core poppler-utils
DEPS_BENCH := $(DEPS_TEST) python3-pil libvips-tools

SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

.PHONY: deps deps-test
deps: build/.deps
deps-test: build/.deps-test

# Installs the packages of $(1) that are missing; where a tool of that name is there already, it counts.
define install_missing
	@mkdir -p build; \
	if ! command -v dpkg-query >/dev/null 2>&1; then \
		echo "This is not Debian. Please install what corresponds to: $(1)"; touch $@; exit 0; \
	fi; \
	missing=; for p in $(1); do \
		case $$p in nodejs) command -v node >/dev/null && continue;; \
			npm|gcc|python3) command -v $$p >/dev/null && continue;; esac; \
		dpkg-query -W -f '$${db:Status-Status}' $$p 2>/dev/null | grep -q '^installed' || \
			missing="$$missing $$p"; \
	done; \
	if [ -n "$$missing" ]; then \
		echo "  APT  $$missing"; \
		$(SUDO) apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends \
			$$missing >build/apt.log 2>&1 || { tail -n 20 build/apt.log; exit 1; }; \
	fi; touch $@
endef

build/.deps: deps.mk
	$(call install_missing,$(DEPS_BUILD))

build/.deps-test: deps.mk
	$(call install_missing,$(DEPS_BUILD) $(DEPS_TEST))
