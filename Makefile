# The commands of the README; the build itself is Meson's (meson.build).

BUILD = build
BUILD_TEST = build-test
BUILD_FUZZ = build-fuzz
PREFIX = /usr/local

all: deps $(BUILD)/build.ninja
	ninja -C $(BUILD)

help:
	@echo 'make          builds sipseald and sipseal in $(BUILD)/'
	@echo 'make test     installs what tests need, builds with sanitizers in $(BUILD_TEST)/, runs every test'
	@echo 'make demo     shows on this machine, with real daemons, who on the path can read a message'
	@echo 'make bench    measures, and compares with what OpenSSL needs at least: docs/performance.md'
	@echo 'make bench-relay  measures relaying alone, beside Kamailio where that is installed'
	@echo 'make mutants  breaks each security rule in turn, and looks whether its test notices: docs/testing.md'
	@echo 'make fuzz     gives each parser what a fuzzer thinks up, for SECONDS (60) each: docs/testing.md'
	@echo 'make install-check  proves make demo and make test on a fresh Debian 12, in a chroot (root)'
	@echo 'make install  installs under PREFIX ($(PREFIX)); DESTDIR is honoured'
	@echo 'make uninstall  removes what make install put there last'
	@echo 'make clean    removes the build folders'

deps:
	@scripts/deps build

$(BUILD)/build.ninja:
	meson setup $(BUILD) --buildtype=release -Db_lto=true --prefix=$(PREFIX) -Dtests=false

$(BUILD_TEST)/build.ninja:
	meson setup $(BUILD_TEST) -Db_sanitize=address,undefined -Db_lundef=false --werror

test:
	@scripts/deps test
	@$(MAKE) --no-print-directory $(BUILD)/build.ninja $(BUILD_TEST)/build.ninja
	ninja -C $(BUILD)
	ninja -C $(BUILD_TEST)
	tests/run $(BUILD_TEST) $(BUILD)

demo:
	@scripts/deps demo
	@$(MAKE) --no-print-directory $(BUILD)/build.ninja
	ninja -C $(BUILD)
	scripts/demo $(BUILD)

bench: deps
	@$(MAKE) --no-print-directory $(BUILD)/build.ninja
	meson setup --reconfigure $(BUILD) -Dbench=true
	ninja -C $(BUILD)
	tests/bench/bench $(BUILD) $(BENCH)

bench-relay:
	@$(MAKE) --no-print-directory bench BENCH='--only relay $(BENCH)'

# MUTANT=name: one of tests/mutants/*.patch, or those whose names contain it.
mutants:
	@scripts/deps test
	tests/mutants/run $(MUTANT)

$(BUILD_FUZZ)/build.ninja:
	CC=clang meson setup $(BUILD_FUZZ) -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false

# SECONDS=60: how long each target runs; TARGET=cms: one target.
SECONDS = 60
fuzz:
	@scripts/deps fuzz
	@$(MAKE) --no-print-directory $(BUILD_FUZZ)/build.ninja
	ninja -C $(BUILD_FUZZ) fuzz
	tests/fuzz/run -s $(SECONDS) $(BUILD_FUZZ) $(TARGET)

install-check:
	@scripts/install-check

# The build folder may have been made for another prefix.
install: deps $(BUILD)/build.ninja
	meson introspect $(BUILD) --buildoptions | grep -q '"name": "prefix", "value": "$(PREFIX)"' || \
	    meson configure $(BUILD) --prefix='$(PREFIX)'
	ninja -C $(BUILD)
	DESTDIR='$(DESTDIR)' meson install -C $(BUILD) --no-rebuild

# Every file that was installed last from $(BUILD), wherever that was, and the folders that it made.
uninstall:
	ninja -C $(BUILD) uninstall

clean:
	rm -rf $(BUILD) $(BUILD_TEST) $(BUILD_FUZZ)

.PHONY: all help deps test demo bench bench-relay mutants fuzz install uninstall install-check clean
